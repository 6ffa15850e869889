"""Events by Logs Insights: the way to read log groups that no other operation reads.

A query gives 100,000 rows at most and tells by nothing but their number that there are more.
Then all but the rows of the last second are complete, and the next query begins with that
second. Queries have whole seconds; the rows that leave here are exactly those of the windows.

Source: CloudWatch Logs API reference, ``StartQuery``.
"""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from athena_connectors.cloudwatch_logs.insights import MAX_ROWS, InsightsQuery, run
from athena_connectors.cloudwatch_logs.insights_answer import (
    SECOND_MS,
    InsightsAnswer,
    ceil_second,
    events_of,
    floor_second,
)
from athena_connectors.cloudwatch_logs.insights_text import string_literal
from athena_connectors.cloudwatch_logs.log_group import LogClass
from athena_connectors.cloudwatch_logs.selection import Window
from athena_connectors.common.budgets import UNLIMITED
from athena_connectors.common.errors import UnsupportedOperationError
from athena_connectors.common.physical import compute

if TYPE_CHECKING:
    from collections.abc import Generator

    from athena_connectors.cloudwatch_logs.insights import InsightsClient
    from athena_connectors.cloudwatch_logs.log_group import LogGroup
    from athena_connectors.cloudwatch_logs.selection import Selection, StreamSelector
    from athena_connectors.common.budgets import SplitBudget
    from athena_connectors.common.observability import SplitStats

__all__ = ["EventQueries", "event_text", "read_events"]

_DAY_S = 86_400
_EXPIRY_SLACK_S = 60
_FEWEST_ROWS = 1000
"""Rows that a query is asked for at least, so that trimming leaves some."""
_GROWTH = 8
"""How much longer than the query before one may be at most."""
_FULLNESS = 0.8
"""How full the next query shall be, if events keep coming at the same pace."""
_MAX_CHARACTERS = 9000
"""Characters of names beyond which streams are told apart here; a query may have 10,000."""


@dataclass(frozen=True, slots=True)
class EventQueries:
    """How queries are made.

    Attributes:
        client: Makes the calls.
        timeout_s: Seconds that each query may take.
        deadline: ``time.monotonic()`` at which all of them have to have ended, or ``None``.
        now_ms: The time, in ms since 1970.
        stats: Counts what they cost.
        budget: What they may cost.
        max_rows: Rows that one query gives at most.
    """

    client: InsightsClient
    timeout_s: float
    deadline: float | None
    now_ms: int
    stats: SplitStats
    budget: SplitBudget = UNLIMITED
    max_rows: int = MAX_ROWS


def read_events(
    queries: EventQueries, group: LogGroup, selection: Selection
) -> Generator[pa.RecordBatch]:
    """Yield the events of a selection, ordered by time.

    Args:
        queries: How they are asked for.
        group: The log group.
        selection: Which events; each window has an end. Its implied pattern is not used.

    Yields:
        Batches of one row or more with the columns of ``EVENTS``, oldest first, or newest
        first if the selection says so.

    Raises:
        UnsupportedOperationError: The group's class has no Logs Insights; a filter pattern is
            asked for; about as many events as one query gives are of one second.
        DataConversionError: A time can't be read.
        SourceError: Rows are in another order than was asked for, or not whole.
        ConnectorError: As of ``insights.run``.

    Cost:
        A query for each window, and more for windows with more than 100,000 events; each
        byte is scanned, and billed, about twice at most then.
    """
    if group.log_class is LogClass.DELIVERY:
        raise UnsupportedOperationError(
            f"Log group {group.name} is of class {group.log_class.value}, which neither"
            " FilterLogEvents nor Logs Insights reads.",
            hint="Query the place that it delivers to.",
        )
    if selection.patterns is not None:
        raise UnsupportedOperationError(
            f"Log group {group.name} is of class {group.log_class.value}, which filter patterns"
            " don't work for.",
            hint="Filter by message instead of filter_pattern, or use system.query.",
        )
    if selection.streams.names != ():
        yield from _EventReader(queries, group, selection).read()


def event_text(streams: StreamSelector, *, newest_first: bool) -> str:
    """Return the query that gives the events of some streams, or more events."""
    order = "desc" if newest_first else "asc"
    parts = ["fields @timestamp, @message, @logStream, @ingestionTime"]
    condition = _stream_condition(streams)
    if condition:
        parts.append(f"filter {condition}")
    return " | ".join([*parts, f"sort @timestamp {order}"])


def _stream_condition(streams: StreamSelector) -> str:
    if streams.names is not None:
        names = [string_literal(name) for name in streams.names]
        written = ", ".join(name for name in names if name is not None)
        is_short = len(written) <= _MAX_CHARACTERS
        return f"@logStream in [{written}]" if names and None not in names and is_short else ""
    prefix = string_literal(streams.prefix) if streams.prefix else None
    # ``like`` with a text looks for it anywhere, which is more than wanted.
    return f"@logStream like {prefix}" if prefix is not None else ""


class _EventReader:
    """Reads windows, one query after the other."""

    def __init__(self, queries: EventQueries, group: LogGroup, selection: Selection) -> None:
        self._queries = queries
        self._group = group
        self._windows = selection.windows
        self._streams = selection.streams
        self._is_backward = selection.newest_first
        self._left = selection.limit
        self._text = event_text(selection.streams, newest_first=selection.newest_first)
        self._limit = queries.max_rows
        if selection.limit is not None:
            self._limit = min(queries.max_rows, max(_FEWEST_ROWS, 2 * selection.limit))

    def read(self) -> Generator[pa.RecordBatch]:
        for window in self._windows[:: -1 if self._is_backward else 1]:
            assert window.end is not None, "planning gives each window an end"
            yield from self._read_window(window.start, window.end)
            if self._left == 0:
                return

    def _read_window(self, low: int, high: int) -> Generator[pa.RecordBatch]:
        length = high - low
        while low < high:
            asked = self._first_part(low, high, length)
            assert asked.end is not None, "it is a part of a window"
            answer = InsightsAnswer(asked, is_backward=self._is_backward)
            yield from self._read_part(asked, answer)
            if self._left == 0:
                return
            read = answer.covered
            assert read.end is not None, "it is a part of what was asked for"
            covered = read.end - read.start
            if not covered:
                self._raise_limit(asked)
                continue
            if self._is_backward:
                high = read.start
            else:
                low = read.end
            wanted = covered * self._limit * _FULLNESS / max(answer.kept, 1)
            length = max(SECOND_MS, min(int(wanted), covered * _GROWTH))

    def _first_part(self, low: int, high: int, length: int) -> Window:
        """Return the next part of a window, which ends between two seconds."""
        if self._is_backward:
            return Window(max(low, floor_second(high - length)), high)
        return Window(low, min(high, ceil_second(low + length)))

    def _read_part(self, asked: Window, answer: InsightsAnswer) -> Generator[pa.RecordBatch]:
        queries = self._queries
        pages = run(
            queries.client,
            self._query(asked),
            timeout_s=queries.timeout_s,
            deadline=queries.deadline,
            stats=queries.stats,
            budget=queries.budget,
        )
        with closing(pages):
            for page in pages:
                yield from self._kept(answer.push(events_of(page, self._group)))
                if answer.is_over or self._left == 0:
                    return
        if answer.num_rows < self._limit:
            yield from self._kept(answer.finish())
        elif self._left is not None:
            # There may be more rows of the last second, but the first ones are wanted alone.
            held = self._wanted(answer.held())
            if held.num_rows >= self._left:
                yield from self._kept(held)

    def _query(self, asked: Window) -> InsightsQuery:
        assert asked.end is not None, "it is a part of a window"
        group = self._group
        # A query that ends before the group was made, or before the oldest event that is
        # kept, is refused instead of giving no rows.
        end_s = max(-(-asked.end // SECOND_MS), -(-group.created_at // SECOND_MS) + 1)
        if group.retention_days is not None:
            oldest_s = self._queries.now_ms // SECOND_MS - group.retention_days * _DAY_S
            end_s = max(end_s, oldest_s + _EXPIRY_SLACK_S)
        return InsightsQuery(
            self._text,
            (group.identifier or group.name,),
            asked.start // SECOND_MS,
            end_s,
            self._limit,
        )

    def _kept(self, batch: pa.RecordBatch) -> Generator[pa.RecordBatch]:
        """Yield those rows that are wanted, if there are any."""
        batch = self._wanted(batch)
        if self._left is not None:
            batch = batch.slice(0, self._left)
            self._left -= batch.num_rows
        if batch.num_rows:
            yield batch

    def _wanted(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        pc = compute()
        streams: Any = batch["log_stream"]
        if self._streams.names is not None:
            names = pa.array(self._streams.names, pa.string())
            return batch.filter(pc.is_in(streams, value_set=names))
        if self._streams.prefix:
            return batch.filter(pc.starts_with(streams, self._streams.prefix))
        return batch

    def _raise_limit(self, asked: Window) -> None:
        """Ask for more rows, after a query that did not get beyond one second.

        Raises:
            UnsupportedOperationError: There are no more.
        """
        most = self._queries.max_rows
        if self._limit >= most:
            place = asked.start if not self._is_backward else (asked.end or 0) - 1
            raise UnsupportedOperationError(
                f"Log group {self._group.name} has too many events in the second"
                f" {place // SECOND_MS} since 1970: Logs Insights gives {most:,} of a query.",
                hint="Name streams with a predicate on log_stream, or leave that second out.",
            )
        self._limit = most

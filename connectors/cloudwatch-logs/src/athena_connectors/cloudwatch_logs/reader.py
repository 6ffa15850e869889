"""The events of one split as record batches.

Memory is bounded by a few pages of 1 MB, whatever is read. An iterator ends normally only after
the last page, or when the limit is reached.
"""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from athena_connectors.cloudwatch_logs.attempts import Attempts
from athena_connectors.cloudwatch_logs.chains import Chains
from athena_connectors.cloudwatch_logs.filter_patterns import check_patterns
from athena_connectors.cloudwatch_logs.insights_answer import EVENTS
from athena_connectors.cloudwatch_logs.insights_events import EventQueries, read_events
from athena_connectors.cloudwatch_logs.pages import RowMaker, event_columns
from athena_connectors.cloudwatch_logs.requests import reads_of
from athena_connectors.cloudwatch_logs.tally import Tally
from athena_connectors.cloudwatch_logs.types import EVENT_ID, LOG_STREAM, TIME
from athena_connectors.common.budgets import UNLIMITED
from athena_connectors.common.errors import SourceError
from athena_connectors.common.observability import SplitStats
from athena_connectors.common.physical import compute
from athena_connectors.common.read_ahead import ReadPage

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from athena_connectors.cloudwatch_logs.client import Client
    from athena_connectors.cloudwatch_logs.log_group import LogTable
    from athena_connectors.cloudwatch_logs.selection import Selection
    from athena_connectors.cloudwatch_logs.settings import Settings
    from athena_connectors.cloudwatch_logs.splits import SplitPlan
    from athena_connectors.common.budgets import SplitBudget

__all__ = ["EventReader"]


@dataclass(slots=True)
class EventReader:
    """Reads the events of one table for one split.

    Attributes:
        client: Makes the calls.
        table: The table.
        schema: What ``log_group`` is: the name of the table's schema.
        columns: Columns to return, in order; none to count.
        settings: The connector's settings.
        deadline: ``time.monotonic()`` at which the read has to have ended, or ``None``.
        budget: What a Logs Insights query may cost while it runs.
    """

    client: Client
    table: LogTable
    schema: str
    columns: Sequence[str]
    settings: Settings
    deadline: float | None = None
    budget: SplitBudget = UNLIMITED

    def pages(self, selection: Selection, part: SplitPlan) -> Generator[ReadPage]:
        """Yield the events of a selection that are a split's, page by page.

        Args:
            selection: The events.
            part: The split.

        Raises:
            DeadlineExceededError: It took until the deadline.
            ThrottledError: The service stayed congested.
            TableNotFoundError: The table's stream does not exist (any more).
            InvalidRequestError: A value of ``filter_pattern`` is no filter pattern.
            UnsupportedOperationError: The group's class can't be read so.
            SourceError: What the service answers is not whole, or not in order.
            ConnectorError: It refuses or can't be reached; see ``faults``.
        """
        check_patterns(selection.patterns or (), self.table.group)
        tally = Tally()
        refused_before = self.client.refused_calls
        is_readable = self.table.group.log_class.gives_events
        read = self._by_requests if is_readable else self._by_insights
        try:
            with closing(read(selection, part, tally)) as pages:
                yield from pages
        finally:
            tally.tell(
                self.table.group,
                selection,
                part,
                refused=self.client.refused_calls - refused_before,
            )

    def _by_requests(
        self, selection: Selection, part: SplitPlan, tally: Tally
    ) -> Generator[ReadPage]:
        """Read by GetLogEvents and FilterLogEvents."""
        cost = SplitStats()
        prefix = selection.streams.prefix
        columns = [*self.columns, LOG_STREAM] if prefix else self.columns
        chains = Chains(
            self.client,
            self.table.group,
            event_columns(columns),
            unmask=self.settings.unmask,
            deadline=self.deadline,
            stats=cost,
        )
        rows = RowMaker(self.columns, group=self.schema)
        left = selection.limit
        order = _Order(selection)
        attempts = Attempts(self.client, self.table, chains, deadline=self.deadline)
        with_ids = EVENT_ID in self.columns
        for wanted in reads_of(
            selection, part.windows, planned_ms=part.planned_ms, with_ids=with_ids
        ):
            for read, page in attempts.pages(wanted):
                tally.count(page)
                events = order.apply(page.within(read.window, prefix=prefix))
                if left is not None:
                    events = events.slice(0, left)
                    left -= events.num_rows
                batch = rows.rows(events, stream=read.stream, pattern=read.shown)
                yield ReadPage(batch, tally.add(cost.take()))
                if left == 0:
                    return

    def _by_insights(
        self, selection: Selection, part: SplitPlan, tally: Tally
    ) -> Generator[ReadPage]:
        """Read by Logs Insights."""
        cost = SplitStats()
        queries = EventQueries(
            self.client,
            timeout_s=self.settings.insights_timeout_s,
            deadline=self.deadline,
            now_ms=self.client.now_ms(),
            stats=cost,
            budget=self.budget,
        )
        rows = RowMaker(self.columns, group=self.schema)
        wanted = replace(selection, windows=part.windows)
        with closing(read_events(queries, self.table.group, wanted)) as batches:
            for batch in batches:
                tally.events += batch.num_rows
                yield ReadPage(rows.rows(batch), tally.add(cost.take()))
        # What a query scanned is known when it is left.
        nothing = pa.RecordBatch.from_pylist([], schema=EVENTS)
        yield ReadPage(rows.rows(nothing), tally.add(cost.take()))


class _Order:
    """Holds events to the order that a limit relies on."""

    def __init__(self, selection: Selection) -> None:
        self._is_needed = selection.newest_first or selection.oldest_first
        self._is_backward = selection.newest_first
        self._last: int | None = None

    def apply(self, events: pa.RecordBatch) -> pa.RecordBatch:
        """Return a page's events in order.

        Raises:
            SourceError: They belong before those of the page before.
        """
        if not self._is_needed or not events.num_rows:
            return events
        keys: Any = [(TIME, "descending" if self._is_backward else "ascending")]
        events = events.take(compute().sort_indices(events, sort_keys=keys))
        times: Any = events[TIME]
        first, last = times[0].as_py(), times[-1].as_py()
        if self._last is not None and None not in {first, last}:
            is_late = first > self._last if self._is_backward else first < self._last
            if is_late:
                raise SourceError(
                    "CloudWatch Logs gives events in another order than that of their times.",
                    hint="Run the query again.",
                )
        self._last = last
        return events

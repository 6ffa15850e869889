"""Pages of events as record batches.

A reply's JSON is read by orjson, and what that refuses, such as half a surrogate pair, by
Python. Events are gathered column by column: with as few members as they have, that takes
less time than Arrow's reader of JSON, which looks at each value's place in a schema. Memory is
bounded by the page.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from operator import itemgetter
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from athena_connectors.cloudwatch_logs.types import (
    EVENT_ID,
    EVENT_TIME,
    FILTER_PATTERN,
    INGESTION_TIME,
    LOG_GROUP,
    LOG_STREAM,
    MESSAGE,
    TIME,
)
from athena_connectors.common.errors import SourceError
from athena_connectors.common.garbage import collector_paused
from athena_connectors.common.physical import compute
from athena_connectors.common.texts import text_array
from athena_connectors.common.types import rows_without_columns

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from athena_connectors.cloudwatch_logs.selection import Window
    from athena_connectors.common.source_calls import Reply

__all__ = ["EventPage", "RowMaker", "event_columns", "read_event_page"]

_MEMBERS: Mapping[str, tuple[str, Any]] = {
    LOG_STREAM: ("logStreamName", pa.string()),
    TIME: ("timestamp", pa.int64()),
    MESSAGE: ("message", pa.string()),
    INGESTION_TIME: ("ingestionTime", pa.int64()),
    EVENT_ID: ("eventId", pa.string()),
}
"""What an event has, by column."""
_TOKENS = ("nextToken", "nextForwardToken", "nextBackwardToken")


@dataclass(frozen=True, slots=True)
class EventPage:
    """A page.

    Attributes:
        events: Its events, with ``time`` and those columns of ``event_columns`` that were
            asked for.
        tokens: Its tokens by name, as far as it has them.
        num_bytes: Its size, as far as it is known.
    """

    events: pa.RecordBatch
    tokens: Mapping[str, str]
    num_bytes: int = 0

    def within(self, window: Window, *, prefix: str = "") -> pa.RecordBatch:
        """Return the events of a window, and those whose time is not told.

        Args:
            window: The window.
            prefix: What the names of streams have to begin with, if they were asked for.
        """
        pc = compute()
        events = self.events
        if prefix:
            streams: Any = events[LOG_STREAM]
            events = events.filter(pc.starts_with(streams, prefix))
        times: Any = events[TIME]
        found: Any = pc.min_max(times).as_py()
        first, last = found["min"], found["max"]
        if first is None or (window.start <= first and (window.end is None or last < window.end)):
            return events
        is_outside: Any = pc.less(times, pa.scalar(window.start))
        if window.end is not None:
            is_outside = pc.or_(is_outside, pc.greater_equal(times, pa.scalar(window.end)))
        return events.filter(pc.invert(pc.fill_null(is_outside, pa.scalar(value=False))))


def event_columns(columns: Collection[str]) -> tuple[str, ...]:
    """Return what has to be read of events for some columns of the table."""
    needed = {*columns, TIME}
    return tuple(column for column in _MEMBERS if column in needed)


def read_event_page(reply: Reply, columns: Sequence[str]) -> EventPage:
    """Read a reply to GetLogEvents or FilterLogEvents.

    Args:
        reply: The reply.
        columns: What is wanted of the events, as of ``event_columns``; what an event does
            not have is NULL.

    Raises:
        SourceError: It is no page of events.
    """
    if reply.body is None:
        return _page_of(reply.parsed, columns)
    with collector_paused():
        return _page_of(_loaded(reply.body), columns, size=len(reply.body))


class RowMaker:
    """Makes rows of the table of events.

    Args:
        columns: Columns of the table, in order; none to count.
        group: What ``log_group`` is.
    """

    def __init__(self, columns: Sequence[str], *, group: str) -> None:
        self._columns = columns
        self._group = group

    def rows(
        self, events: pa.RecordBatch, *, stream: str | None = None, pattern: str | None = None
    ) -> pa.RecordBatch:
        """Return events as rows.

        Args:
            events: Their columns by name, as far as they have them.
            stream: The stream of all of them, if they do not tell it.
            pattern: What ``filter_pattern`` is.
        """
        if not self._columns:
            return rows_without_columns(events.num_rows)
        constants = {LOG_GROUP: self._group, FILTER_PATTERN: pattern}
        if stream is not None:
            constants[LOG_STREAM] = stream
        return pa.record_batch({name: _column(events, name, constants) for name in self._columns})


def _column(events: pa.RecordBatch, name: str, constants: Mapping[str, str | None]) -> Any:
    if name in constants:
        return pa.repeat(pa.scalar(constants[name], pa.string()), events.num_rows)
    if name == EVENT_TIME:
        return events[TIME].view(pa.date64())
    if name in events.schema.names:
        return events[name]
    return pa.nulls(events.num_rows, _MEMBERS[name][1])


def _loaded(body: bytes) -> Any:
    """Read JSON; ``None`` if it is none."""
    import orjson  # noqa: PLC0415 - metadata needs none

    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        return _loaded_leniently(body)


def _loaded_leniently(body: bytes) -> Any:
    try:
        return json.loads(body.decode("utf-8", "replace"))
    except ValueError:
        return None


def _page_of(told: Any, columns: Sequence[str], *, size: int = 0) -> EventPage:
    try:
        events = told["events"]
        arrays = [_array(events, *_MEMBERS[column]) for column in columns]
        tokens = {name: told.get(name) for name in _TOKENS}
    except (TypeError, KeyError, AttributeError, pa.ArrowException) as cause:
        raise SourceError(
            "CloudWatch Logs answers by something else than a page of events.",
            hint="Run the query again.",
        ) from cause
    return EventPage(pa.RecordBatch.from_arrays(arrays, names=list(columns)), _given(tokens), size)


def _array(events: Sequence[Mapping[str, Any]], member: str, type_: pa.DataType) -> pa.Array[Any]:
    try:
        values = list(map(itemgetter(member), events))
    except KeyError:
        values = [event.get(member) for event in events]
    return text_array(values) if pa.types.is_string(type_) else pa.array(values, type_)


def _given(tokens: Mapping[str, str | None]) -> dict[str, str]:
    return {name: token for name, token in tokens.items() if token is not None}

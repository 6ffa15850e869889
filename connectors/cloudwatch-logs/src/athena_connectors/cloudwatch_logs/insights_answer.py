"""The events that a Logs Insights query gives, and which of them are known to be all.

Rows come in the order of their time. While more may follow, those of the last second may
lack others of the same second.

Source: CloudWatch Logs user guide, "Supported logs and discovered fields".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa
from athena_connectors.cloudwatch_logs.selection import Window
from athena_connectors.common.errors import DataConversionError, SourceError
from athena_connectors.common.physical import compute

if TYPE_CHECKING:
    from collections.abc import Sequence

    from athena_connectors.cloudwatch_logs.insights_rows import ResultPage
    from athena_connectors.cloudwatch_logs.log_group import LogGroup

__all__ = ["EVENTS", "SECOND_MS", "InsightsAnswer", "ceil_second", "events_of", "floor_second"]

_FIELDS: list[pa.Field[Any]] = [
    pa.field("log_stream", pa.string()),
    pa.field("time", pa.int64()),
    pa.field("message", pa.string()),
    pa.field("ingestion_time", pa.int64()),
]
EVENTS = pa.schema(_FIELDS)
"""What is read of events; times in ms since 1970."""

SECOND_MS = 1000
_LARGE_OBJECT = "@ptr.$"
"""How names of fields begin that tell of a part of the event which is kept elsewhere."""


class InsightsAnswer:
    """The rows of one query, as far as they are known to be complete.

    Args:
        asked: What is wanted of its rows.
        is_backward: Whether the newest row comes first.

    Attributes:
        num_rows: Rows that came, wanted or not.
        kept: Rows that were given on.
        is_over: Whether a row came that lies beyond what is wanted, so all of it is known.
        covered: The part of what is wanted that was given on.
    """

    def __init__(self, asked: Window, *, is_backward: bool) -> None:
        assert asked.end is not None, "it is a part of a window"
        self._start, self._end = asked.start, asked.end
        self._is_backward = is_backward
        self._pending: list[pa.RecordBatch] = []
        self._last: int | None = None
        self.num_rows = 0
        self.kept = 0
        self.is_over = False
        self._cover(self._end if is_backward else self._start)

    def push(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Take rows and return those that are complete now."""
        if not batch.num_rows:
            return batch
        self._check_order(batch)
        self.num_rows += batch.num_rows
        last: int = batch["time"][-1].as_py()
        self._last = last
        self._pending.append(batch)
        bound = floor_second(last) + SECOND_MS if self._is_backward else floor_second(last)
        self.is_over = bound <= self._start if self._is_backward else bound >= self._end
        return self._release(bound)

    def finish(self) -> pa.RecordBatch:
        """Return the rest of rows that are all there are."""
        return self._release(self._start if self._is_backward else self._end)

    def held(self) -> pa.RecordBatch:
        """Return the rows that were not given on, because others of their second may lack."""
        return self._trimmed(_joined(self._pending))

    def _release(self, bound: int) -> pa.RecordBatch:
        """Return what lies before a bound, in the direction of reading."""
        pc = compute()
        self._cover(bound)
        rows = _joined(self._pending)
        times: Any = rows["time"]
        place = pa.scalar(bound)
        is_known = pc.greater_equal(times, place) if self._is_backward else pc.less(times, place)
        known = pc.sum(is_known, min_count=0).as_py()
        self._pending = [rows.slice(known)]
        released = self._trimmed(rows.slice(0, known))
        self.kept += released.num_rows
        return released

    def _cover(self, bound: int) -> None:
        bound = min(max(bound, self._start), self._end)
        is_backward = self._is_backward
        self.covered = Window(bound, self._end) if is_backward else Window(self._start, bound)

    def _trimmed(self, rows: pa.RecordBatch) -> pa.RecordBatch:
        pc = compute()
        times: Any = rows["time"]
        start, end = pa.scalar(self._start), pa.scalar(self._end)
        is_inside: Any = pc.and_(pc.greater_equal(times, start), pc.less(times, end))
        return rows.filter(is_inside)

    def _check_order(self, batch: pa.RecordBatch) -> None:
        pc = compute()
        times: Any = batch["time"]
        if self._last is not None:
            times = pa.concat_arrays([pa.array([self._last], pa.int64()), times])
        before, after = times[:-1], times[1:]
        compare = pc.greater_equal if self._is_backward else pc.less_equal
        if times.null_count or not pc.all(compare(before, after), min_count=0).as_py():
            raise SourceError(
                "Logs Insights gives rows that are not in the order of @timestamp, or lack it.",
                hint="Run the query again.",
            )


def events_of(page: ResultPage, group: LogGroup) -> pa.RecordBatch:
    """Return the rows of a page with the columns of ``EVENTS``.

    Raises:
        DataConversionError: A time can't be read.
        SourceError: A part of an event is kept elsewhere.
    """
    large = [name for name in page.names() if name.startswith(_LARGE_OBJECT)]
    if large:
        raise SourceError(
            f"Log group {group.name} has events that Logs Insights does not give whole"
            f" ({large[0]}).",
            hint="Leave them out by a predicate on time or log_stream.",
        )
    columns = [
        page.column("@logStream"),
        _times(page, "@timestamp", group),
        page.column("@message"),
        _times(page, "@ingestionTime", group),
    ]
    return pa.RecordBatch.from_arrays(columns, schema=EVENTS)


def _times(page: ResultPage, name: str, group: LogGroup) -> Any:
    """Return times in ms since 1970, which are given as such or as text in UTC."""
    pc = compute()
    texts = page.column(name)
    try:
        if pc.all(pc.utf8_is_digit(texts), min_count=0).as_py():
            return texts.cast(pa.int64())
        return texts.cast(pa.timestamp("ms")).cast(pa.int64())
    except pa.ArrowInvalid as cause:
        raise DataConversionError(
            f"Logs Insights gives a field {name} of log group {group.name} that is no time.",
            column=name,
        ) from cause


def _joined(batches: Sequence[pa.RecordBatch]) -> pa.RecordBatch:
    if not batches:
        return pa.RecordBatch.from_pylist([], schema=EVENTS)
    if len(batches) == 1:
        return batches[0]
    joined: pa.RecordBatch = pa.concat_batches(batches)  # type: ignore[attr-defined]  # no stub
    return joined


def floor_second(time: int) -> int:
    """Return the first ms of a time's second."""
    return time // SECOND_MS * SECOND_MS


def ceil_second(time: int) -> int:
    """Return a time if it is the first ms of its second, else that of the next second."""
    return -(-time // SECOND_MS) * SECOND_MS

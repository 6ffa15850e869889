"""How a selection is taken apart over splits: slices of time, each with all wanted streams.

No streams are listed for it, however many there are. FilterLogEvents reads whole groups, the
listing is late by hours at times, so that leaving streams out by it can lose events, and it
differs from one call to the next, which splits must not.

Everything that changes is decided once, in ``plan``, and comes back as the one row of the
table's layout, of which ``splits_of`` makes splits without asking anybody.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from athena_connectors.cloudwatch_logs.pushdown import PAGE_EVENTS
from athena_connectors.cloudwatch_logs.selection import Window
from athena_connectors.cloudwatch_logs.slices import Slicing, slicing
from athena_connectors.common.errors import InvalidRequestError
from athena_connectors.common.layouts import require_columns
from athena_connectors.common.protocol.messages import Split

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from athena_connectors.cloudwatch_logs.log_group import LogGroup
    from athena_connectors.cloudwatch_logs.selection import Selection
    from athena_connectors.cloudwatch_logs.settings import Settings

__all__ = ["MAX_LEAD_MS", "SplitPlan", "plan", "split_plan", "splits_of"]

MAX_LEAD_MS = 2 * 3_600_000
"""What an event is ahead of its arrival, at most. Source: PutLogEvents."""

_WINDOWS = "__log_windows"
_PLANNED = "__log_planned"
_FIRST = "__log_first"
_COUNT = "__log_splits"


@dataclass(frozen=True, slots=True)
class SplitPlan:
    """What one split reads.

    Attributes:
        windows: Its times, in order, disjoint, each with an end.
        planned_ms: When the scan was planned, in ms since 1970.
        count: Splits that the scan has at most, which share what it may cost.
    """

    windows: tuple[Window, ...]
    planned_ms: int
    count: int = 1


def plan(
    selection: Selection, group: LogGroup, settings: Settings, *, now_ms: int
) -> pa.RecordBatch:
    """Decide how a selection is taken apart.

    Its times end where events that exist now end: those that come while the scan is read
    would let it go on for ever.

    Args:
        selection: The events.
        group: The group.
        settings: The connector's settings.
        now_ms: The time, in ms since 1970.

    Returns:
        One row; none if there is nothing to read.
    """
    windows = _closed(selection.windows, now_ms + MAX_LEAD_MS + 1)
    # What one request may give needs one reader, unless most events are passed over.
    is_few = selection.limit is not None and selection.limit <= PAGE_EVENTS
    cut = slicing(
        windows,
        group,
        now_ms=now_ms,
        slice_bytes=settings.slice_bytes,
        most=1 if is_few and selection.patterns is None else settings.max_splits,
    )
    rows = 1 if windows else 0
    columns = {
        _WINDOWS: pa.array([_text(windows)] * rows, pa.string()),
        _PLANNED: pa.array([now_ms] * rows, pa.int64()),
        _FIRST: pa.array([cut.first] * rows, pa.int64()),
        _COUNT: pa.array([cut.count] * rows, pa.int32()),
    }
    return pa.record_batch(columns)


def splits_of(partitions: pa.RecordBatch) -> Iterator[Split]:
    """Return the splits of a plan, lazily and the same at every call.

    Args:
        partitions: What ``plan`` returned.

    Raises:
        InvalidRequestError: The batch is none of these.
    """
    require_columns(partitions, (_WINDOWS, _PLANNED, _FIRST, _COUNT))
    for row in partitions.to_pylist():
        cut = Slicing(row[_COUNT], row[_FIRST], row[_PLANNED])
        for windows in cut.cut(_read_windows(row[_WINDOWS])):
            yield Split(
                {
                    _WINDOWS: _text(windows),
                    _PLANNED: str(row[_PLANNED]),
                    _COUNT: str(row[_COUNT]),
                }
            )


def split_plan(split: Split) -> SplitPlan:
    """Return what a split reads.

    Raises:
        InvalidRequestError: The split is not as ``splits_of`` made it.
    """
    planned, count = split.properties.get(_PLANNED, ""), split.properties.get(_COUNT, "")
    if not planned.isdecimal():
        raise _garbled(_PLANNED)
    if not count.isdecimal() or not int(count):
        raise _garbled(_COUNT)
    windows = _read_windows(split.properties.get(_WINDOWS, ""))
    return SplitPlan(windows, int(planned), int(count))


def _closed(windows: Sequence[Window], cap: int) -> tuple[Window, ...]:
    ends = ((each.start, cap if each.end is None else min(each.end, cap)) for each in windows)
    return tuple(Window(start, end) for start, end in ends if start < end)


def _text(windows: Sequence[Window]) -> str:
    return json.dumps([[each.start, each.end] for each in windows], separators=(",", ":"))


def _read_windows(text: str) -> tuple[Window, ...]:
    try:
        pairs: Any = json.loads(text)
        windows = tuple(Window(int(start), int(end)) for start, end in pairs)
    except (TypeError, ValueError) as cause:
        raise _garbled(_WINDOWS) from cause
    if not windows:
        raise _garbled(_WINDOWS)
    return windows


def _garbled(name: str) -> InvalidRequestError:
    return InvalidRequestError(
        f"Property {name} of the split is not as this version of the connector made it.",
        hint="Run the query again.",
        split=name,
    )

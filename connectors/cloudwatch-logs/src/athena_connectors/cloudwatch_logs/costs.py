"""What a scan may cost, as far as the size of its log group tells.

Pure: nobody is asked. The size is some hours old, and taken to be spread evenly over time.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

from athena_connectors.cloudwatch_logs.selection import StreamSelector
from athena_connectors.cloudwatch_logs.slices import estimated_bytes
from athena_connectors.cloudwatch_logs.types import LOG_STREAM, TIME
from athena_connectors.common.estimates import CheapAccess, Estimate

if TYPE_CHECKING:
    from athena_connectors.cloudwatch_logs.log_group import LogTable
    from athena_connectors.cloudwatch_logs.selection import Selection

__all__ = ["UNIT", "estimate"]

UNIT = "bytes scanned by Logs Insights"
_PAGE_BYTES = 1 << 20
_WAYS = (CheapAccess((TIME,)), CheapAccess((LOG_STREAM,)))


def estimate(
    selection: Selection, table: LogTable, *, now_ms: int, ends_early: bool
) -> Estimate | None:
    """Return what a scan of a log group may cost.

    Args:
        selection: The events.
        table: The group, or a stream of it.
        now_ms: The time, in ms since 1970.
        ends_early: Whether a limit ends the scan at a place that nobody knows.

    Returns:
        ``None`` where only some streams are read: nobody tells how large a stream is.
    """
    is_whole = table.stream is None and selection.streams == StreamSelector()
    if not is_whole or ends_early or selection.limit is not None:
        return None
    closed = [
        replace(window, end=now_ms if window.end is None else max(window.start, window.end))
        for window in selection.windows
    ]
    size = round(estimated_bytes(closed, table.group, now_ms=now_ms))
    # The scan is made once for each pattern.
    size *= len(selection.patterns) if selection.patterns is not None else 1
    by_insights = not table.group.log_class.gives_events
    return Estimate(
        "storedBytes and time",
        bytes_scanned=size,
        requests=None if by_insights else max(1, math.ceil(size / _PAGE_BYTES)),
        source_units=size if by_insights else 0,
        unit=UNIT,
        cheap_by=_WAYS,
    )

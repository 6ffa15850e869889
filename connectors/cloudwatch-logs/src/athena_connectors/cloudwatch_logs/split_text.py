"""What a split asks CloudWatch Logs for, as text for people."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from athena_connectors.cloudwatch_logs import passthrough
from athena_connectors.cloudwatch_logs.insights import InsightsQuery
from athena_connectors.cloudwatch_logs.insights_events import event_text
from athena_connectors.cloudwatch_logs.native_text import native_text
from athena_connectors.cloudwatch_logs.requests import reads_of

if TYPE_CHECKING:
    from athena_connectors.cloudwatch_logs.log_group import LogGroup
    from athena_connectors.cloudwatch_logs.selection import Selection
    from athena_connectors.cloudwatch_logs.splits import SplitPlan

__all__ = ["split_text"]

_SECOND_MS = 1000


def split_text(group: LogGroup, selection: Selection, part: SplitPlan, *, with_ids: bool) -> str:
    """Return the requests of a split, a line for each of its windows and patterns.

    Args:
        group: The group.
        selection: The events of the scan.
        part: The split.
        with_ids: Whether ids of events are wanted.
    """
    if not group.log_class.gives_events:
        return _queries(group, selection, part)
    reads = reads_of(selection, part.windows, planned_ms=part.planned_ms, with_ids=with_ids)
    operation = next(reads).operation
    return native_text(
        replace(selection, windows=part.windows), operation=operation, group=group.name
    )


def _queries(group: LogGroup, selection: Selection, part: SplitPlan) -> str:
    text = event_text(selection.streams, newest_first=selection.newest_first)
    queries = (
        InsightsQuery(
            text,
            (group.name,),
            window.start // _SECOND_MS,
            -(-(window.end or 0) // _SECOND_MS),
        )
        for window in part.windows
    )
    return "\n".join(map(passthrough.native_text, queries))

"""What the read of one split took, as a line of the log."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from athena_connectors.common.observability import SplitStats

if TYPE_CHECKING:
    from athena_connectors.cloudwatch_logs.log_group import LogGroup
    from athena_connectors.cloudwatch_logs.pages import EventPage
    from athena_connectors.cloudwatch_logs.selection import Selection, StreamSelector
    from athena_connectors.cloudwatch_logs.splits import SplitPlan

__all__ = ["Tally"]

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class Tally:
    """Counts what a read takes.

    Attributes:
        started: When it began, by ``time.perf_counter``.
        pages: Pages of events.
        empty_pages: Those without an event.
        events: Events that came, wanted or not.
        cost: What it cost otherwise.
    """

    started: float = field(default_factory=time.perf_counter)
    pages: int = 0
    empty_pages: int = 0
    events: int = 0
    cost: SplitStats = field(default_factory=SplitStats)

    def count(self, page: EventPage) -> None:
        """Count a page."""
        self.pages += 1
        self.empty_pages += not page.events.num_rows
        self.events += page.events.num_rows

    def add(self, cost: SplitStats) -> SplitStats:
        """Count a cost, and return it."""
        self.cost.add(cost)
        return cost

    def tell(self, group: LogGroup, selection: Selection, part: SplitPlan, *, refused: int) -> None:
        """Log it."""
        windows = ", ".join(f"[{each.start}, {each.end})" for each in part.windows)
        _log.info(
            "Read log group %s, %s, times %s: %d calls, %d refused, %d pages, %d of them empty,"
            " %d events, %d bytes, %.0f ms.",
            group.name,
            _streams_text(selection.streams),
            windows,
            self.cost.requests,
            refused,
            self.pages,
            self.empty_pages,
            self.events,
            self.cost.bytes_read,
            (time.perf_counter() - self.started) * 1000,
        )


def _streams_text(streams: StreamSelector) -> str:
    if streams.names is None:
        return f"streams {streams.prefix}*"
    first = f"stream {streams.names[0]}"
    return first if len(streams.names) == 1 else f"{first} and {len(streams.names) - 1} more"

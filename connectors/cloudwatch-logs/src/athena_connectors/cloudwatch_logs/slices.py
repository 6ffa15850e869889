"""Time cut into slices that hold about as many bytes each.

Nobody tells how large a stream is, or when a group got its events: the size of the group is
taken to be spread evenly over the time for which it keeps events. A wrong estimate makes
slices uneven and nothing else.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from athena_connectors.cloudwatch_logs.selection import Window

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from athena_connectors.cloudwatch_logs.log_group import LogGroup

__all__ = ["Slicing", "estimated_bytes", "slicing"]

_DAY_MS = 86_400_000
_SECOND_MS = 1000
_COMPRESSION = 6
"""How much larger messages are than what a group is said to store. An estimate."""

Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Slicing:
    """How time is cut.

    Attributes:
        count: Slices at most.
        first: From where on, in ms since 1970, events are likely.
        last: Up to where they are.
    """

    count: int
    first: int
    last: int

    def cut(self, windows: Sequence[Window]) -> Iterator[tuple[Window, ...]]:
        """Yield the windows of each slice, in order; together they are the windows given.

        Slices begin with a whole second. Events before and after the likely times are of
        the first and the last slice.

        Args:
            windows: In order, disjoint, each with an end.
        """
        spans = [(window.start, _end(window)) for window in windows]
        edges = [spans[0][0], *self._cuts(spans), spans[-1][1]]
        for low, high in pairwise(edges):
            part = [Window(max(first, low), min(end, high)) for first, end in spans]
            kept = tuple(window for window in part if window.start < _end(window))
            if kept:
                yield kept

    def _cuts(self, spans: Sequence[Span]) -> list[int]:
        likely = [(max(first, self.first), min(end, self.last)) for first, end in spans]
        likely = [(first, end) for first, end in likely if first < end]
        total = sum(end - first for first, end in likely)
        places = {_place(likely, total * number // self.count) for number in range(1, self.count)}
        return sorted(place // _SECOND_MS * _SECOND_MS for place in places if total)


def slicing(
    windows: Sequence[Window], group: LogGroup, *, now_ms: int, slice_bytes: int, most: int
) -> Slicing:
    """Decide how the windows of a group are cut.

    Args:
        windows: In order, disjoint, each with an end.
        group: The group.
        now_ms: The time, in ms since 1970.
        slice_bytes: Bytes that make a slice worth while.
        most: Slices at most.
    """
    wanted = math.ceil(estimated_bytes(windows, group, now_ms=now_ms) / slice_bytes)
    return Slicing(max(1, min(wanted, most)), _oldest(group, now_ms), now_ms)


def estimated_bytes(windows: Sequence[Window], group: LogGroup, *, now_ms: int) -> float:
    """Return how many bytes of messages a group may have in some windows."""
    oldest = _oldest(group, now_ms)
    covered = sum(
        max(0, min(_end(window), now_ms) - max(window.start, oldest)) for window in windows
    )
    return group.stored_bytes * _COMPRESSION * covered / max(1, now_ms - oldest)


def _oldest(group: LogGroup, now_ms: int) -> int:
    """Return when the oldest events that are still kept may have come."""
    if group.retention_days is None:
        return group.created_at
    return max(group.created_at, now_ms - group.retention_days * _DAY_MS)


def _place(spans: Sequence[Span], offset: int) -> int:
    """Return the time that so many ms of the spans are before."""
    for first, end in spans:
        if offset < end - first:
            return first + offset
        offset -= end - first
    return spans[-1][1] if spans else 0


def _end(window: Window) -> int:
    assert window.end is not None, "planning gives each window an end"
    return window.end

"""Where a part of a predicate is true, as far as CloudWatch Logs can be asked for it.

A reach is a box: times, streams, patterns, each on its own, and outside of it nothing is true.
NOT is pushed down to the leaves first, so nothing inexact is ever negated. The conjunction of
boxes is a box; a disjunction is within one that may hold more.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce
from typing import TYPE_CHECKING

from athena_connectors.cloudwatch_logs.stream_names import ALL_STREAMS, StreamSet
from athena_connectors.cloudwatch_logs.windows import (
    ALL_TIMES,
    Spans,
    intersected,
    is_within,
    merged,
    spans_of,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from athena_connectors.cloudwatch_logs.selection import Selection

__all__ = ["NEVER", "Reach", "all_true", "always", "any_true"]

_CROSSED = "OR joins conditions on different columns."

_Box = tuple[Spans, StreamSet, tuple[frozenset[str] | None, bool]]


@dataclass(frozen=True, slots=True)
class Reach:
    """What is known of the events for which a part of the predicate is true.

    Attributes:
        times: When they happened.
        streams: Where they are.
        patterns: The values that ``filter_pattern`` may have; ``None`` for any.
        needs_pattern: Whether ``filter_pattern`` is not NULL.
        run: What their messages have in them; empty if nothing is known.
        reason: Why it is true for not all such events, in a sentence; empty if it is.
    """

    times: Spans = ALL_TIMES
    streams: StreamSet = ALL_STREAMS
    patterns: frozenset[str] | None = None
    needs_pattern: bool = False
    run: str = ""
    reason: str = ""

    @property
    def is_never(self) -> bool:
        """Whether there are none."""
        return not self.times or self.streams.is_empty or self.patterns == frozenset()

    @property
    def box(self) -> _Box:
        """What the service is asked for exactly."""
        return self.times, self.streams, (self.patterns, self.needs_pattern)

    def covers(self, selection: Selection) -> bool:
        """Return whether nothing is selected that is outside of the box."""
        if not self.streams.covers(selection.streams):
            return False
        if not is_within(spans_of(selection.windows), self.times):
            return False
        if selection.patterns is None:
            return self.patterns is None and not self.needs_pattern
        return self.patterns is None or self.patterns.issuperset(selection.patterns)


NEVER = Reach(times=())
"""True for no event."""


def always(reason: str = "") -> Reach:
    """Return what is true for every event, or of which nothing is known for a reason."""
    return Reach(reason=reason)


def all_true(parts: Sequence[Reach]) -> Reach:
    """Return the conjunction of some reaches."""
    listed = [part.patterns for part in parts if part.patterns is not None]
    return Reach(
        times=reduce(intersected, (part.times for part in parts), ALL_TIMES),
        streams=reduce(StreamSet.intersect, (part.streams for part in parts), ALL_STREAMS),
        patterns=frozenset.intersection(*listed) if listed else None,
        needs_pattern=any(part.needs_pattern for part in parts),
        run=max((part.run for part in parts), key=len, default=""),
        reason=next((part.reason for part in parts if part.reason), ""),
    )


def any_true(parts: Sequence[Reach]) -> Reach:
    """Return the disjunction of some reaches."""
    kept = [part for part in parts if not part.is_never]
    if not kept:
        return NEVER
    listed = [part.patterns for part in kept if part.patterns is not None]
    runs = {part.run for part in kept}
    whole = Reach(
        times=merged(span for part in kept for span in part.times),
        streams=reduce(StreamSet.union, (part.streams for part in kept)),
        patterns=frozenset.union(*listed) if len(listed) == len(kept) else None,
        needs_pattern=all(part.needs_pattern for part in kept),
        run=runs.pop() if len(runs) == 1 else "",
    )
    if any(part.box == whole.box and not part.reason for part in kept):
        return whole
    reason = next((part.reason for part in kept if part.reason), "")
    different = sum(
        len(set(values)) > 1 for values in zip(*(part.box for part in kept), strict=True)
    )
    if not reason and different > 1:
        reason = _CROSSED
    return Reach(whole.times, whole.streams, whole.patterns, whole.needs_pattern, whole.run, reason)

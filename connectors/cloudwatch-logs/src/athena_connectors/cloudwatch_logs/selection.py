"""Which events of a group a query wants: times, streams, a pattern, how many.

What ``pushdown`` makes of a predicate, ``splits`` cuts and ``reader`` reads.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Selection", "StreamSelector", "Window"]


@dataclass(frozen=True, slots=True, order=True)
class Window:
    """A span of event times, in ms since 1970.

    Attributes:
        start: First ms in it.
        end: First ms after it; ``None`` for no end, which planning replaces by its own time.
    """

    start: int
    end: int | None


@dataclass(frozen=True, slots=True)
class StreamSelector:
    """Which streams are wanted; all of them by default.

    Attributes:
        names: Exact names; ``None`` for no such list.
        prefix: What their names start with.
    """

    names: tuple[str, ...] | None = None
    prefix: str = ""


@dataclass(frozen=True, slots=True)
class Selection:
    """The events that are asked for; no window is no event.

    Attributes:
        windows: Spans of time, in order, disjoint.
        streams: Streams.
        patterns: Values of the column ``filter_pattern``, each a filter pattern; the scan is
            made once for each. ``None`` if the predicate does not name any.
        implied_pattern: A filter pattern that every wanted message matches, derived from the
            predicate; empty for none.
        newest_first: Whether the newest events are wanted first: those of a split have to come
            in descending order of time.
        oldest_first: Whether they have to come in ascending order.
        limit: Events wanted at most of each split, if nothing is left to filter.
    """

    windows: tuple[Window, ...]
    streams: StreamSelector = StreamSelector()
    patterns: tuple[str, ...] | None = None
    implied_pattern: str = ""
    newest_first: bool = False
    oldest_first: bool = False
    limit: int | None = None

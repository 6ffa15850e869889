"""Spans of event time: what a predicate says of it, and the windows that are read for that.

A span is a pair of whole milliseconds since 1970, both ends included. Spans, in the plural,
are ascending, disjoint and not adjacent. Events have a time from 0 to ``LAST_MS``; what is
calculated from one is any 64-bit integer.
"""

from __future__ import annotations

import math
from decimal import Decimal
from itertools import pairwise
from typing import TYPE_CHECKING

from athena_connectors.cloudwatch_logs.selection import Window
from athena_connectors.common.valueset import Bound

if TYPE_CHECKING:
    from collections.abc import Iterable

    from athena_connectors.common.valueset import Marker, Range

__all__ = [
    "ALL_TIMES",
    "INTEGERS",
    "LAST_MS",
    "MAX_AGE_MS",
    "MAX_WINDOWS",
    "Span",
    "Spans",
    "event_times",
    "integers",
    "intersected",
    "is_within",
    "merged",
    "spans_of",
    "windows_of",
]

Span = tuple[int, int]
Spans = tuple[Span, ...]

LAST_MS = 253_402_300_799_999
"""The end of the year 9999. No event is that late, so a span up to it has no end."""
ALL_TIMES: Spans = ((0, LAST_MS),)
"""The times that events have."""
INTEGERS: Spans = ((-(2**63), 2**63 - 1),)
"""Everything that is calculated."""

MAX_AGE_MS = 14 * 86_400_000
"""What an event is older than when it arrives is refused. Source: PutLogEvents."""
_MAX_LEAD_MS = 2 * 3_600_000
"""What an event is ahead of its arrival, at most. Source: the same."""

MAX_WINDOWS = 8
"""Windows of one scan, each of which is read by requests of its own."""


def integers(ranges: Iterable[Range]) -> Spans:
    """Return the 64-bit integers in some ranges of numbers, whose ends are finite."""
    return intersected(merged((_first(item.low), _last(item.high)) for item in ranges), INTEGERS)


def event_times(ingested: Spans) -> Spans:
    """Return the times that events may have which arrived at some times."""
    spans = ((first - MAX_AGE_MS, last + _MAX_LEAD_MS) for first, last in ingested)
    return intersected(merged(spans), ALL_TIMES)


def merged(spans: Iterable[Span]) -> Spans:
    """Return what is in any of some spans, which come in any order and may be empty."""
    found: list[Span] = []
    for first, last in sorted(span for span in spans if span[0] <= span[1]):
        if found and first <= found[-1][1] + 1:
            start, end = found[-1]
            found[-1] = start, max(end, last)
        else:
            found.append((first, last))
    return tuple(found)


def intersected(left: Spans, right: Spans) -> Spans:
    """Return what is in both."""
    shared: list[Span] = []
    i = j = 0
    while i < len(left) and j < len(right):
        first, last = max(left[i][0], right[j][0]), min(left[i][1], right[j][1])
        if first <= last:
            shared.append((first, last))
        if left[i][1] <= right[j][1]:
            i += 1
        else:
            j += 1
    return tuple(shared)


def is_within(inner: Spans, outer: Spans) -> bool:
    """Return whether nothing of the one is outside of the other."""
    return intersected(inner, outer) == inner


def windows_of(spans: Spans) -> tuple[Window, ...]:
    """Return the windows that are read for some event times, ``MAX_WINDOWS`` at most.

    If there are more spans, the shortest gaps between them are read too.
    """
    gaps = sorted((left[1] - right[0], right[0]) for left, right in pairwise(spans))
    kept = {start for _, start in gaps[: MAX_WINDOWS - 1]}
    joined: list[Span] = []
    for first, last in spans:
        if joined and first not in kept:
            joined[-1] = joined[-1][0], last
        else:
            joined.append((first, last))
    return tuple(Window(first, None if last == LAST_MS else last + 1) for first, last in joined)


def spans_of(windows: Iterable[Window]) -> Spans:
    """Return the times in some windows."""
    return merged(
        (window.start, LAST_MS if window.end is None else window.end - 1) for window in windows
    )


def _first(low: Marker) -> int:
    if low.value is None:
        return INTEGERS[0][0]
    assert isinstance(low.value, int | float | Decimal)
    return math.ceil(low.value) if low.bound is Bound.EXACTLY else math.floor(low.value) + 1


def _last(high: Marker) -> int:
    if high.value is None:
        return INTEGERS[0][1]
    assert isinstance(high.value, int | float | Decimal)
    return math.floor(high.value) if high.bound is Bound.EXACTLY else math.ceil(high.value) - 1

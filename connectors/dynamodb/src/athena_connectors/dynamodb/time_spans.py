"""Dates and times as they are stored: the texts and numbers that a column reads as them.

The inverse of ``times``: numbers are milliseconds, or seconds, and a part of a millisecond
is cut off. Texts can be asked for one by one where no two read as the same time, and by
ranges where they sort as the times do.
"""

from __future__ import annotations

from decimal import Context, Decimal
from typing import TYPE_CHECKING

from athena_connectors.common.valueset import Bound
from athena_connectors.dynamodb.literals import Edge, Span, number_span, point
from athena_connectors.dynamodb.relation import TimeFormat
from athena_connectors.dynamodb.times import (
    DAY_MS,
    EPOCH_SECONDS,
    format_time,
    is_fixed_zone,
    parse_pattern,
    read_time,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from athena_connectors.common.valueset import Marker, SortedRangeSet
    from athena_connectors.dynamodb.times import Pattern

__all__ = ["number_spans", "text_spans"]

_EXACT = Context(prec=100)
_FIRST_MS = -62_135_596_800_000
"""The year 1; no text is read as less."""
_LAST_MS = 253_402_300_799_999
"""The end of the year 9999."""


def number_spans(
    values: SortedRangeSet, time: TimeFormat | None, *, is_date: bool, is_rounded: bool
) -> list[Span]:
    """Return the numbers that are read as dates or times of a set.

    Args:
        values: Days or milliseconds since 1970.
        time: How the column is written.
        is_date: Whether they are days.
        is_rounded: Whether a part of a millisecond is cut off, not refused.
    """
    unit = DAY_MS if is_date else 1
    scale = -3 if time is not None and time.pattern == EPOCH_SECONDS else 0
    spans = []
    for first, last in _intervals(values):
        low = None if first is None else Decimal(first * unit).scaleb(scale, _EXACT)
        if not is_date and not is_rounded and low is not None and first == last:
            spans.append(point(low))
            continue
        high = None if last is None else Decimal((last + 1) * unit).scaleb(scale, _EXACT)
        span = number_span(
            None if low is None else Edge(low, inclusive=True),
            None if high is None else Edge(high, inclusive=False),
        )
        if span is not None:
            # A number beyond the years of the engine is none, wherever its end is.
            is_precise = is_rounded or is_date
            is_bounded = low is not None and high is not None
            spans.append(Span(span.low, span.high, is_widened=not (is_precise and is_bounded)))
    return spans


def text_spans(
    values: SortedRangeSet, time: TimeFormat | None, *, is_date: bool
) -> list[Span] | None:
    """Return the texts that are read as dates or times of a set; ``None`` if any may be.

    Args:
        values: Days or milliseconds since 1970.
        time: How the column is written.
        is_date: Whether they are days.
    """
    if time is None or time.pattern in {"", EPOCH_SECONDS}:
        return None
    pattern = parse_pattern(time.pattern)
    if not pattern.is_canonical:
        return None
    points = values.points()
    if points is not None and not (is_date and pattern.precision_ms < DAY_MS):
        texts = _single_texts(points, time, is_date=is_date)
        if texts is not None:
            return [point(text) for text in texts]
    if not pattern.is_sortable:
        return None
    return list(_text_ranges(values, time, pattern, is_date=is_date))


def _single_texts(
    points: tuple[object, ...], time: TimeFormat, *, is_date: bool
) -> list[str] | None:
    """Return the text of each value that has one; ``None`` if one may have several."""
    texts = []
    for value in points:
        assert isinstance(value, int)
        text = format_time(time.pattern, time.zone, value, is_date=is_date)
        if text is not None:
            texts.append(text)
        elif not is_date and not is_fixed_zone(time.zone):
            return None
    return texts


def _text_ranges(
    values: SortedRangeSet, time: TimeFormat, pattern: Pattern, *, is_date: bool
) -> Iterator[Span]:
    unit = DAY_MS if is_date else 1
    # Offsets of a region change, and are less than a day.
    slack = 0 if is_date or is_fixed_zone(time.zone) else DAY_MS
    zone = "UTC" if is_date or slack else time.zone
    for first, last in _intervals(values):
        low = _FIRST_MS - 2 * DAY_MS if first is None else first * unit - slack
        high = _LAST_MS + 2 * DAY_MS if last is None else (last + 1) * unit - 1 + slack
        texts = _first_and_last(pattern, zone, low=low, high=high)
        if texts is not None:
            low_edge, high_edge = (Edge(text, inclusive=True) for text in texts)
            yield Span(low_edge, high_edge, is_widened=True)


def _first_and_last(pattern: Pattern, zone: str, *, low: int, high: int) -> tuple[str, str] | None:
    """Return the least and the greatest text of an interval of instants, if it has any."""
    ahead = _ahead_of_utc(zone)
    step = pattern.precision_ms
    first = max(-(-(low + ahead) // step) * step, -(-_FIRST_MS // step) * step)
    last = min((high + ahead) // step * step, _LAST_MS // step * step)
    if first > last:
        return None
    least = format_time(pattern.source, "UTC", first)
    greatest = format_time(pattern.source, "UTC", last)
    assert least is not None, "sortable patterns have a text for each multiple of their precision"
    assert greatest is not None
    return least, greatest


def _ahead_of_utc(zone: str) -> int:
    """Return how many milliseconds the local time of a fixed zone is ahead of UTC."""
    epoch = read_time("1970-01-01T00:00", TimeFormat("yyyy-MM-dd'T'HH:mm", zone))
    assert epoch is not None
    return -epoch.millis


def _intervals(values: SortedRangeSet) -> Iterator[tuple[int | None, int | None]]:
    """Yield the first and the last value of each range that holds a value."""
    for item in values.ranges:
        first, last = _first(item.low), _last(item.high)
        if first is None or last is None or first <= last:
            yield first, last


def _first(low: Marker) -> int | None:
    if low.value is None:
        return None
    assert isinstance(low.value, int)
    return low.value if low.bound is Bound.EXACTLY else low.value + 1


def _last(high: Marker) -> int | None:
    if high.value is None:
        return None
    assert isinstance(high.value, int)
    return high.value if high.bound is Bound.EXACTLY else high.value - 1

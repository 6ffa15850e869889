"""Numbers that a column reads as those of a set: rounding and overflow, turned around."""

from __future__ import annotations

import math
from decimal import ROUND_CEILING, ROUND_FLOOR, Context, Decimal
from typing import TYPE_CHECKING, Any

from athena_connectors.common.number_bounds import float_bounds
from athena_connectors.common.valueset import Bound
from athena_connectors.dynamodb.literals import Edge, merged, number_point, number_span, point
from athena_connectors.dynamodb.storage import Stored, all_but

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from athena_connectors.common.valueset import Marker, Range, SortedRangeSet, Value
    from athena_connectors.dynamodb.literals import Span
    from athena_connectors.dynamodb.storage import Subject

__all__ = ["stored_decimals", "stored_floats", "stored_integers"]

_EXACT = Context(prec=400)
_FRACTIONS = "A whole number is asked for, and a fraction is read as NULL."
_DIGITS = "Numbers are rounded or overflow when they are read."


def stored_integers(values: SortedRangeSet, subject: Subject) -> Stored:
    """Return whole numbers; a fraction between two of them is read as NULL."""
    excluded = values.excluded_points()
    if excluded is not None:
        return all_but("N", _numbers(excluded), _FRACTIONS)
    bits = subject.type.bit_width
    least, greatest = -(2 ** (bits - 1)), 2 ** (bits - 1) - 1
    spans, reason = [], ""
    for item in values.ranges:
        low = _units(item.low, ROUND_CEILING, 1, default=least)
        high = _units(item.high, ROUND_FLOOR, -1, default=greatest)
        if low > high or low > greatest or high < least:
            continue
        if low == high:
            spans.append(point(Decimal(low)))
            continue
        reason = _FRACTIONS
        span = number_span(
            None if low <= least else Edge(Decimal(low), inclusive=True),
            None if high >= greatest else Edge(Decimal(high), inclusive=True),
        )
        assert span is not None
        spans.append(span)
    return Stored({"N": merged(spans)}, reason=reason)


def stored_decimals(values: SortedRangeSet, subject: Subject) -> Stored:
    """Return numbers with a fraction, which may be rounded when they are read."""
    excluded = values.excluded_points()
    if excluded is not None:
        is_exact = subject.fails and not subject.column.is_rounded
        return all_but("N", _numbers(excluded), "" if is_exact else _DIGITS)
    spans, reason = [], ""
    for item in values.ranges:
        span = _rounded_span(item, subject) if subject.column.is_rounded else _plain_span(item)
        if span is None:
            continue
        is_bounded = span.low is not None and span.high is not None
        is_precise = subject.column.is_rounded or span.point is not None
        if span.is_widened or not (subject.fails or (is_bounded and is_precise)):
            reason = _DIGITS
        spans.append(span)
    return Stored({"N": merged(spans)}, reason=reason)


def _plain_span(item: Range) -> Span | None:
    if item.low == item.high and item.low.value is not None:
        number = number_point(_number(item.low.value))
        return None if number is None else point(number)
    return number_span(_edge(item.low), _edge(item.high))


def _edge(marker: Marker) -> Edge | None:
    if marker.value is None:
        return None
    return Edge(_number(marker.value), marker.bound is Bound.EXACTLY)


def _rounded_span(item: Range, subject: Subject) -> Span | None:
    """Return the numbers that are rounded, half away from zero, to some of a scale."""
    type_: Any = subject.type
    greatest = 10**type_.precision - 1
    low = _units(item.low, ROUND_CEILING, 1, scale=type_.scale, default=-greatest)
    high = _units(item.high, ROUND_FLOOR, -1, scale=type_.scale, default=greatest)
    if low > high or low > greatest or high < -greatest:
        return None
    half = Decimal(5).scaleb(-type_.scale - 1, _EXACT)
    first = _EXACT.subtract(Decimal(low).scaleb(-type_.scale, _EXACT), half)
    last = _EXACT.add(Decimal(high).scaleb(-type_.scale, _EXACT), half)
    return number_span(
        None if low <= -greatest else Edge(first, inclusive=low > 0),
        None if high >= greatest else Edge(last, inclusive=high < 0),
    )


def _units(marker: Marker, rounding: str, step: int, *, default: int, scale: int = 0) -> int:
    """Return the first or last value inside of an end, in units of the last digit."""
    if marker.value is None:
        return default
    exact = _number(marker.value).scaleb(scale, _EXACT)
    whole = int(exact.to_integral_value(rounding))
    return whole + step if whole == exact and marker.bound is not Bound.EXACTLY else whole


def _number(value: Value) -> Decimal:
    assert isinstance(value, int | Decimal)
    return Decimal(value)


def _numbers(values: Iterable[Value]) -> Iterator[Decimal]:
    """Yield those of some numbers that an attribute may have."""
    found = (number_point(_number(value)) for value in values)
    return (number for number in found if number is not None)


def stored_floats(values: SortedRangeSet, subject: Subject) -> Stored:
    """Return the numbers from the float before to the float after, which is enough."""
    if values.excluded_points() is not None:
        return all_but("N", (), _DIGITS)
    spans = []
    for item in values.ranges:
        low, high = _float(item.low, -math.inf), _float(item.high, math.inf)
        if math.isnan(low) or low == math.inf or high == -math.inf:
            continue
        first, last = float_bounds(low, subject.type)[0], float_bounds(high, subject.type)[1]
        span = number_span(
            None if first is None else Edge(first, inclusive=True),
            None if last is None else Edge(last, inclusive=True),
        )
        if span is not None:
            spans.append(span)
    return Stored({"N": merged(spans)}, reason=_DIGITS)


def _float(marker: Marker, default: float) -> float:
    if marker.value is None:
        return default
    assert isinstance(marker.value, float)
    return marker.value

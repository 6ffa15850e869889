"""Numbers that a column reads as those of a set: rounding turned around.

The server compares numbers of all types by value. Every end is moved outward by as much as
reading may round; a binary float is read as the shortest decimal that stands for it, which
is nearer to it than its neighbours are.
"""

from __future__ import annotations

import math
import struct
from decimal import ROUND_CEILING, ROUND_FLOOR, Context, Decimal
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from athena_connectors.common.number_bounds import float_bounds
from athena_connectors.common.physical import Kind
from athena_connectors.common.valueset import Bound
from athena_connectors.documentdb.filters import one_of
from bson.decimal128 import Decimal128

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from athena_connectors.common.valueset import Marker, Range, SortedRangeSet
    from athena_connectors.documentdb.fields import Subject
    from athena_connectors.documentdb.filters import Filter

__all__ = ["number_filters", "without_numbers"]

_EXACT = Context(prec=400)
_DOWN = Context(prec=34, rounding=ROUND_FLOOR, Emin=-6143, Emax=6144)
_UP = Context(prec=34, rounding=ROUND_CEILING, Emin=-6143, Emax=6144)

_SURE_DIGITS = 15
"""A decimal of no more digits is the shortest of the float that is nearest to it."""

_GREATEST_DOUBLE = math.nextafter(math.inf, 0)
_NEAR_GREATEST_SINGLE = 3.4e38

_Ends = tuple[Decimal | None, Decimal | None]
_EMPTY = Decimal(1), Decimal(0)


def number_filters(values: SortedRangeSet, subject: Subject) -> Iterator[Filter]:
    """Yield filters one of which every number passes that a column reads as one of a set.

    Args:
        values: Values of the column's type, or of ``REALS`` for one of whole or decimal
            numbers; floats may be of either width.
        subject: A column of numbers.
    """
    points: list[Any] = []
    for item in values.ranges:
        low, high = _ends(item, subject)
        if low is not None and low == high:
            points.append(_sent(low, _DOWN))
        elif low is None or high is None or low < high:
            yield {subject.field: _between(low, high)}
    if subject.kind is Kind.FLOAT and values.contains(math.nan):
        points.append(math.nan)
    if points:
        yield one_of(subject.field, points)


def _between(low: Decimal | None, high: Decimal | None) -> dict[str, Any]:
    tests: dict[str, Any] = {}
    if low is not None:
        tests["$gte"] = _sent(low, _DOWN)
    if high is not None:
        tests["$lte"] = _sent(high, _UP)
    # Every number but NaN, and nothing but numbers.
    return tests or {"$gte": -math.inf}


def _sent(value: Decimal, rounding: Context = _DOWN) -> int | float | Decimal128:
    """Return a number as the server takes it, rounded if it has more than 34 digits."""
    if value == int(value) and -(2**63) <= value < 2**63:
        return int(value)
    double = float(value)
    if math.isfinite(double) and Decimal(double) == value:
        return double
    return Decimal128(rounding.plus(value))


def without_numbers(values: Iterable[Any], subject: Subject) -> Iterator[int | float | Decimal128]:
    """Yield those of some numbers whose equals a column reads as nothing else."""
    for value in values:
        if subject.kind is Kind.FLOAT:
            if math.isnan(value):
                yield value
            elif value and not math.isinf(value) and _is_of_width(value, subject):
                yield _sent(Decimal(value))
            continue
        exact = Decimal(value)
        is_whole = exact == exact.to_integral_value(context=_EXACT)
        if subject.kind is Kind.INTEGER:
            if is_whole and -(2**63) <= exact < 2**63:
                yield int(exact)
        elif len(exact.normalize(_EXACT).as_tuple().digits) <= _SURE_DIGITS:
            yield _sent(exact)


def _is_of_width(value: float, subject: Subject) -> bool:
    if subject.type != pa.float32():
        return True
    is_small = abs(value) < _NEAR_GREATEST_SINGLE
    return is_small and struct.unpack("<f", struct.pack("<f", value))[0] == value


def _ends(item: Range, subject: Subject) -> _Ends:
    if subject.kind is Kind.FLOAT:
        return _float_ends(item, subject.type)
    if subject.kind is Kind.INTEGER:
        return _whole_ends(item, subject.type)
    return _decimal_ends(item, subject.type)


def _whole_ends(item: Range, type_: Any) -> _Ends:
    bits = type_.bit_width
    least, greatest = Decimal(-(2 ** (bits - 1))), Decimal(2 ** (bits - 1) - 1)
    low = _whole(item.low, ROUND_CEILING, 1)
    high = _whole(item.high, ROUND_FLOOR, -1)
    first = least if low is None else max(low, least)
    last = greatest if high is None else min(high, greatest)
    return (first, last) if first <= last else _EMPTY


def _whole(marker: Marker, rounding: str, step: int) -> Decimal | None:
    """Return the first or last whole number inside of an end."""
    if marker.value is None:
        return None
    exact = _number(marker)
    whole = exact.to_integral_value(rounding, _EXACT)
    return whole + step if whole == exact and marker.bound is not Bound.EXACTLY else whole


def _decimal_ends(item: Range, type_: Any) -> _Ends:
    unit = Decimal(1).scaleb(-type_.scale)
    low = high = None
    if item.low.value is not None:
        exact = _number(item.low)
        low = min(_EXACT.subtract(exact, unit), _float_before(exact))
    if item.high.value is not None:
        exact = _number(item.high)
        high = max(_EXACT.add(exact, unit), -_float_before(-exact))
    return low, high


def _number(marker: Marker) -> Decimal:
    assert isinstance(marker.value, int | Decimal)
    return Decimal(marker.value)


def _float_before(exact: Decimal) -> Decimal:
    """Return a float below all those that are nearest to a number."""
    double = float(exact)
    if math.isinf(double):
        return exact if double > 0 else Decimal(-_GREATEST_DOUBLE) * 2
    return Decimal(math.nextafter(double, -math.inf))


def _float_ends(item: Range, type_: pa.DataType) -> _Ends:
    low, high = _float(item.low, -math.inf), _float(item.high, math.inf)
    if math.isnan(low):
        return _EMPTY
    if math.isnan(high):
        high = math.inf
    return float_bounds(low, type_)[0], float_bounds(high, type_)[1]


def _float(marker: Marker, default: float) -> float:
    if marker.value is None:
        return default
    assert isinstance(marker.value, float)
    return marker.value

"""Value sets as masks over whole columns.

A set is compiled for the type of the column that it meets. Columns with discrete values
(integers, decimals of one scale, times, and floats by their total order) become integers
and their ranges closed intervals of integers, so that neither a bound nor a value is ever
rounded. Texts are ordered by UTF-16 code units, as value sets want it.

Source: wire protocol, sections 10.5 and 10.7.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Context, Decimal
from functools import reduce
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from athena_connectors.common.errors import UnsupportedTypeError
from athena_connectors.common.ordering import sort_key
from athena_connectors.common.physical import (
    Data,
    Kind,
    compute,
    kind_of,
    total_order,
    total_order_key,
    unpack,
)
from athena_connectors.common.valueset import (
    AllOrNoneValueSet,
    Bound,
    Marker,
    Range,
    SortedRangeSet,
    as_ranges,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from athena_connectors.common.constraints import ColumnDomain
    from athena_connectors.common.valueset import Value

__all__ = ["Test", "compile_domain"]

Test = Callable[[Data], Data]
"""Gives the mask of a column as it is in the batch. NULL in the mask drops a row; None
instead of a mask keeps every row."""

_FEW_POINTS = 2
_NUMBERS = frozenset({Kind.INTEGER, Kind.DECIMAL})
_EXACT = Context(prec=100)


def compile_domain(domain: ColumnDomain, column_type: pa.DataType) -> Test:
    """Return the function that tests a column of a type for a value set.

    Lists, structs and maps are never compared, so a set of values of such a type keeps
    every row. ``AllOrNoneValueSet`` compares nothing and applies to every type; read as
    neither all nor NULL it keeps every row, because it may have been NOT NULL.

    Raises:
        UnsupportedTypeError: The values of the column can't be compared with the set's.
    """
    values = domain.values
    if isinstance(values, AllOrNoneValueSet):
        if values.is_none:
            return _keep_all
        return _by_nullness(all_values=values.all, null_allowed=values.null_allowed)
    if pa.types.is_nested(values.type) or pa.types.is_nested(column_type):
        return _keep_all
    _check_comparable(domain, column_type)
    ranges = as_ranges(values)
    if ranges.is_all or ranges.is_none:
        return _by_nullness(all_values=ranges.is_all, null_allowed=ranges.null_allowed)
    test = _compile(ranges, column_type)
    return _with_nulls(test, null_allowed=ranges.null_allowed)


def _check_comparable(domain: ColumnDomain, column_type: pa.DataType) -> None:
    kinds = {kind_of(domain.values.type), kind_of(column_type)}
    if Kind.OPAQUE in kinds or (len(kinds) > 1 and not kinds <= _NUMBERS):
        raise UnsupportedTypeError(
            f"Column {domain.column!r} is of type {column_type}, its constraint of type "
            f"{domain.values.type}.",
            hint="Return the column in the type that the table declares.",
        )


# Nulls


def _keep_all(column: Data) -> None:
    del column


def _keep_none(column: Data) -> Data:
    return pa.repeat(pa.scalar(value=False), len(column))


def _is_null(column: Data) -> Data:
    return column.is_null()


def _is_valid(column: Data) -> Data:
    return column.is_valid()


def _by_nullness(*, all_values: bool, null_allowed: bool) -> Test:
    if all_values:
        return _keep_all if null_allowed else _is_valid
    return _is_null if null_allowed else _keep_none


def _with_nulls(test: Test, *, null_allowed: bool) -> Test:
    pc = compute()

    def allow(column: Data) -> Data:
        mask = test(column)
        return pc.or_kleene(mask, column.is_null()) if column.null_count else mask

    def reject(column: Data) -> Data:
        mask = test(column)
        return pc.and_kleene(mask, column.is_valid()) if column.null_count else mask

    return allow if null_allowed else reject


# Values; what a test says of NULL does not matter from here on


@dataclass(frozen=True, slots=True)
class _Encoding:
    """How a column and the ends of ranges are turned into what a kernel compares."""

    column: Callable[[Data], Data]
    value: Callable[[Any], Any]
    type: pa.DataType


def _compile(values: SortedRangeSet, column_type: pa.DataType) -> Test:
    match kind_of(column_type):
        case Kind.BOOLEAN:
            return _boolean_test(values)
        case Kind.TEXT | Kind.BYTES as kind:
            ranges, gaps = values.ranges, values.complement().ranges
            encoding = _text_encoding(ranges, column_type) if kind is Kind.TEXT else None
            encoding = encoding or _Encoding(_itself, _itself, column_type)
        case _:
            ranges = _intervals(values, column_type)
            gaps = _intervals(values.complement(), column_type)
            encoding = _discrete_encoding(column_type)
    if len(_spans(gaps)) < len(_spans(ranges)):
        return _inverted(_range_test(gaps, encoding))
    return _range_test(ranges, encoding)


def _boolean_test(values: SortedRangeSet) -> Test:
    pc = compute()
    if values.contains(value=True):
        return _is_valid if values.contains(value=False) else _itself
    return pc.invert if values.contains(value=False) else _keep_none


def _inverted(test: Test) -> Test:
    pc = compute()
    return lambda column: pc.invert(test(column))


def _range_test(ranges: tuple[Range, ...], encoding: _Encoding) -> Test:
    pc = compute()
    points = [encoding.value(item.low.value) for item in ranges if _is_point(item)]
    tests = [_span_test(item, encoding) for item in _spans(ranges)]
    if len(points) > _FEW_POINTS:
        tests.append(_lookup_test(points, encoding.type))
    else:
        tests.extend(_equal_test(point, encoding.type) for point in points)
    if not tests:
        return _keep_none

    def test(column: Data) -> Data:
        encoded = encoding.column(column)
        return reduce(pc.or_kleene, (test(encoded) for test in tests))

    return test


def _is_point(item: Range) -> bool:
    return item.low == item.high


def _spans(ranges: Iterable[Range]) -> list[Range]:
    return [item for item in ranges if not _is_point(item)]


def _lookup_test(points: list[Any], type_: pa.DataType) -> Test:
    pc = compute()
    options = pc.SetLookupOptions(value_set=pa.array(points, type_), skip_nulls=True)
    return lambda column: pc.is_in(column, options=options)


def _equal_test(point: Any, type_: pa.DataType) -> Test:
    pc = compute()
    wanted = pa.scalar(point, type_)
    return lambda column: pc.equal(column, wanted)


def _span_test(item: Range, encoding: _Encoding) -> Test:
    pc = compute()
    ends: list[tuple[Any, Any]] = []
    if item.low.value is not None:
        kernel = pc.greater_equal if item.low.bound is Bound.EXACTLY else pc.greater
        ends.append((kernel, pa.scalar(encoding.value(item.low.value), encoding.type)))
    if item.high.value is not None:
        kernel = pc.less_equal if item.high.bound is Bound.EXACTLY else pc.less
        ends.append((kernel, pa.scalar(encoding.value(item.high.value), encoding.type)))
    return lambda column: reduce(pc.and_, (kernel(column, end) for kernel, end in ends))


def _itself(value: Any) -> Any:
    return value


# Texts: Arrow compares UTF-8 bytes, which is the order of code points. UTF-16 code units
# differ from it where a character beyond U+FFFF meets one from U+E000 to U+FFFF, so only
# if a bound holds one of either; nothing in a column can differ from a lesser bound.

_FIRST_DIFFERENT = "\ue000"


def _text_encoding(ranges: Iterable[Range], type_: pa.DataType) -> _Encoding | None:
    ends = (str(end.value or "") for item in _spans(ranges) for end in (item.low, item.high))
    if any(max(end, default="") >= _FIRST_DIFFERENT for end in ends):
        binary = pa.large_binary() if pa.types.is_large_string(type_) else pa.binary()
        return _Encoding(_utf16_order, _utf16_order_of, binary)
    return None


def _utf16_order(column: Data) -> Data:
    """Return bytes in the order of UTF-16: U+E000 to U+FFFF (EE, EF) after F0 to F4."""
    pc = compute()
    binary = pa.large_binary() if pa.types.is_large_string(column.type) else pa.binary()
    moved = pc.replace_substring(column.cast(binary), pattern=b"\xee", replacement=b"\xf5")
    return pc.replace_substring(moved, pattern=b"\xef", replacement=b"\xf6")


def _utf16_order_of(value: str) -> bytes:
    return value.encode().replace(b"\xee", b"\xf5").replace(b"\xef", b"\xf6")


# Discrete values


def _discrete_encoding(type_: pa.DataType) -> _Encoding:
    match kind_of(type_):
        case Kind.FLOAT:
            return _Encoding(total_order, _itself, pa.int64())
        case Kind.DECIMAL:
            scale = _scale(type_)
            return _Encoding(_itself, lambda number: Decimal(number).scaleb(-scale, _EXACT), type_)
        case Kind.INTEGER:
            return _Encoding(_itself, _itself, type_)
        case Kind.DATE:
            return _Encoding(unpack, _itself, pa.int32())
        case _:
            return _Encoding(unpack, _itself, pa.int64())


def _intervals(values: SortedRangeSet, type_: pa.DataType) -> tuple[Range, ...]:
    """Return closed intervals of the integers that stand for the values of a column.

    Ends that no value of the column reaches are left out, and so are intervals between
    two neighbouring values, such as 1.1 to 1.9 for a column of integers.
    """
    unit = 10 ** _scale(type_)
    least, greatest = _extremes(type_)
    found: list[tuple[int, int]] = []
    for item in values.ranges:
        low = max(_first_inside(item.low, values.type, unit, default=least), least)
        high = min(_last_inside(item.high, values.type, unit, default=greatest), greatest)
        if low > high:
            continue
        if found and low == found[-1][1] + 1:
            low = found.pop()[0]
        found.append((low, high))
    return tuple(
        Range(
            Marker(None, Bound.ABOVE) if low == least else Marker(low, Bound.EXACTLY),
            Marker(None, Bound.BELOW) if high == greatest else Marker(high, Bound.EXACTLY),
        )
        for low, high in found
    )


def _first_inside(low: Marker, type_: pa.DataType, unit: int, *, default: int) -> int:
    if low.value is None:
        return default
    numerator, denominator = _ratio(type_, low.value)
    if low.bound is Bound.EXACTLY:
        return -(-numerator * unit // denominator)
    return numerator * unit // denominator + 1


def _last_inside(high: Marker, type_: pa.DataType, unit: int, *, default: int) -> int:
    if high.value is None:
        return default
    numerator, denominator = _ratio(type_, high.value)
    if high.bound is Bound.EXACTLY:
        return numerator * unit // denominator
    return -(-numerator * unit // denominator) - 1


def _ratio(type_: pa.DataType, value: Value) -> tuple[int, int]:
    if isinstance(value, float):
        return total_order_key(value), 1
    number: int | Decimal = sort_key(type_, value)
    return number.as_integer_ratio()


def _scale(type_: pa.DataType) -> int:
    return type_.scale if isinstance(type_, pa.Decimal128Type | pa.Decimal256Type) else 0


def _extremes(type_: Any) -> tuple[int, int]:
    match kind_of(type_):
        case Kind.DECIMAL:
            greatest = 10**type_.precision - 1
            return -greatest, greatest
        case Kind.INTEGER | Kind.DATE:
            return -(2 ** (type_.bit_width - 1)), 2 ** (type_.bit_width - 1) - 1
        case _:
            return -(2**63), 2**63 - 1

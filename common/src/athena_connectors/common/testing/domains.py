"""Conditions on one column as value sets, exactly as DuckDB decides them.

A condition has a set of values for which it is TRUE and one for which it is FALSE; for
the rest it is NULL. Keeping both makes AND, OR and NOT exact. A constant between two
values of the column's type (``int_column > 1.5``) moves to the nearest value on the
right side; one that can't be compared without rounding gives no set at all.
"""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass
from decimal import Context, Decimal
from fractions import Fraction
from typing import TYPE_CHECKING

import pyarrow as pa
from athena_connectors.common.physical import Kind, kind_of
from athena_connectors.common.testing.constants import ConstantKind, TypedConstant
from athena_connectors.common.valueset import Range, SortedRangeSet
from sqlglot import exp

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from athena_connectors.common.testing.constants import Constants
    from athena_connectors.common.valueset import Value

__all__ = ["MAX_DIGITS", "DomainReader", "exact_width", "intersect_all"]

MAX_DIGITS = 38
"""Most digits of a decimal."""
LONG_DIGITS = 19
FIRST_SURROGATE = "\ud800"
EXACT_DOUBLE = 2**53
EXACT_POWERS = 22
"""Powers of ten up to this one are float64 without rounding."""
ZONE_BITS = 12


@dataclass(frozen=True, slots=True)
class _Truth:
    """For which values of one column a condition is TRUE and for which FALSE."""

    column: str
    true: SortedRangeSet
    false: SortedRangeSet


@dataclass(frozen=True, slots=True)
class _Split:
    """A type's values below a constant and equal to it; ``less`` is None if unknown."""

    less: SortedRangeSet | None
    equal: SortedRangeSet


class DomainReader:
    """Reads value sets out of conditions on the columns of one table.

    Args:
        schema: The table's columns in engine types.
        constants: Evaluates constants.
        texts: Whether conditions on text may become value sets.
    """

    def __init__(self, schema: pa.Schema, constants: Constants, *, texts: bool = True) -> None:
        self._schema = schema
        self._constants = constants
        self._texts = texts
        self._readers: dict[type[exp.Expr], Callable[[exp.Expr], _Truth | None]] = {
            exp.Not: self._not,
            exp.And: self._both,
            exp.Or: self._both,
            exp.Between: self._between,
            exp.In: self._in,
            exp.Is: self._is,
            exp.Column: self._flag,
            **dict.fromkeys(_COMPARISONS, self._comparison),
        }

    def read(self, condition: exp.Expr) -> tuple[dict[str, SortedRangeSet], bool]:
        """Return value sets that every row fulfils for which a condition is TRUE.

        Returns:
            Column name to value set, and whether all of them together say exactly what
            the condition says. No set at all when nothing can be said.
        """
        truth = self._truth(condition)
        if truth is not None:
            return {truth.column: truth.true}, True
        condition = condition.unnest()
        if not isinstance(condition, exp.And | exp.Or):
            return {}, False
        left, left_exact = self.read(condition.left)
        right, right_exact = self.read(condition.right)
        if isinstance(condition, exp.And):
            return intersect_all(left, right), left_exact and right_exact
        return {name: left[name].union(right[name]) for name in left if name in right}, False

    def _truth(self, node: exp.Expr) -> _Truth | None:
        node = node.unnest()
        reader = self._readers.get(type(node))
        truth = reader(node) if reader is not None else None
        return _negated(truth) if node.args.get("negate") else truth

    def _not(self, node: exp.Expr) -> _Truth | None:
        return _negated(self._truth(node.this))

    def _both(self, node: exp.Expr) -> _Truth | None:
        return _combine(node, self._truth(node.this), self._truth(node.expression))

    def _column(self, node: exp.Expr) -> tuple[str, pa.DataType] | None:
        """Return name and type of a column that can be compared."""
        node = node.unnest()
        if not isinstance(node, exp.Column) or node.name not in self._schema.names:
            return None
        type_ = self._schema.field(node.name).type
        return None if kind_of(type_) in (Kind.OPAQUE, Kind.NULL) else (node.name, type_)

    def _is(self, node: exp.Expr) -> _Truth | None:
        column = self._column(node.this)
        if column is None or not isinstance(node.expression, exp.Null):
            return None
        name, type_ = column
        return _Truth(name, SortedRangeSet.only_null(type_), SortedRangeSet.not_null(type_))

    def _flag(self, node: exp.Expr) -> _Truth | None:
        column = self._column(node)
        if column is None or kind_of(column[1]) is not Kind.BOOLEAN:
            return None
        name, type_ = column
        yes, no = Range.equal(value=True), Range.equal(value=False)
        return _Truth(name, _set(type_, yes), _set(type_, no))

    def _between(self, node: exp.Expr) -> _Truth | None:
        if node.args.get("symmetric"):
            return None
        low = self._compared(exp.GTE, node.this, node.args["low"])
        high = self._compared(exp.LTE, node.this, node.args["high"])
        return _combine(exp.And(), low, high)

    def _in(self, node: exp.Expr) -> _Truth | None:
        if not node.expressions or _has_source(node):
            return None
        items = [self._compared(exp.EQ, node.this, item) for item in node.expressions]
        known = [item for item in items if item is not None]
        if len(known) < len(items):
            return None
        return _any_of(known)

    def _comparison(self, node: exp.Expr) -> _Truth | None:
        left, right = node.this, node.expression
        if self._column(left) is not None:
            return self._compared(type(node), left, right)
        return self._compared(_MIRRORED.get(type(node), type(node)), right, left)

    def _compared(self, operator: type[exp.Expr], node: exp.Expr, value: exp.Expr) -> _Truth | None:
        column = self._column(node)
        constant = self._constants.evaluate(value) if column is not None else None
        if column is None or constant is None:
            return None
        name, type_ = column
        if constant.kind is ConstantKind.NULL:
            return _compare_null(operator, name, type_)
        if kind_of(type_) is Kind.TEXT and not self._texts:
            return None
        parts = _split(type_, constant)
        return None if parts is None else _compare(operator, name, parts)


def intersect_all(
    left: dict[str, SortedRangeSet], right: dict[str, SortedRangeSet]
) -> dict[str, SortedRangeSet]:
    """Return the conjunction of value sets, column by column."""
    both = dict(left)
    for name, values in right.items():
        both[name] = both[name].intersect(values) if name in both else values
    return both


def exact_width(one: tuple[int, int], two: tuple[int, int]) -> bool:
    """Whether two exact numbers of (precision, scale) compare without rounding."""
    whole = max(one[0] - one[1], two[0] - two[1])
    return whole + max(one[1], two[1]) <= MAX_DIGITS


_COMPARISONS: frozenset[type[exp.Expr]] = frozenset(
    {exp.EQ, exp.NEQ, exp.LT, exp.LTE, exp.GT, exp.GTE, exp.NullSafeEQ, exp.NullSafeNEQ}
)
_MIRRORED: dict[type[exp.Expr], type[exp.Expr]] = {
    exp.LT: exp.GT,
    exp.LTE: exp.GTE,
    exp.GT: exp.LT,
    exp.GTE: exp.LTE,
}


def _has_source(node: exp.Expr) -> bool:
    """Whether an IN looks into something else than a list."""
    return any(node.args.get(key) for key in ("query", "unnest", "field"))


def _negated(truth: _Truth | None) -> _Truth | None:
    return None if truth is None else _Truth(truth.column, truth.false, truth.true)


def _set(type_: pa.DataType, *ranges: Range) -> SortedRangeSet:
    return SortedRangeSet.of(type_, ranges, null_allowed=False)


def _combine(node: exp.Expr, left: _Truth | None, right: _Truth | None) -> _Truth | None:
    if left is None or right is None or left.column != right.column:
        return None
    if isinstance(node, exp.And):
        true, false = left.true.intersect(right.true), left.false.union(right.false)
    else:
        true, false = left.true.union(right.true), left.false.intersect(right.false)
    return _Truth(left.column, true, false)


def _any_of(items: Sequence[_Truth]) -> _Truth:
    """Combine the equalities of an IN list in one go."""
    type_ = items[0].true.type
    ranges = [range_ for item in items for range_ in item.true.ranges]
    true = SortedRangeSet.of(type_, ranges, null_allowed=False)
    unknown = any(not item.true.ranges and not item.false.ranges for item in items)
    outside = SortedRangeSet.none(type_) if unknown else _outside(true)
    return _Truth(items[0].column, true, outside)


def _outside(values: SortedRangeSet) -> SortedRangeSet:
    return SortedRangeSet.not_null(values.type).subtract(values)


def _compare_null(operator: type[exp.Expr], name: str, type_: pa.DataType) -> _Truth:
    only, rest = SortedRangeSet.only_null(type_), SortedRangeSet.not_null(type_)
    if operator is exp.NullSafeEQ:
        return _Truth(name, only, rest)
    if operator is exp.NullSafeNEQ:
        return _Truth(name, rest, only)
    return _Truth(name, SortedRangeSet.none(type_), SortedRangeSet.none(type_))


def _compare(operator: type[exp.Expr], name: str, parts: _Split) -> _Truth | None:
    equal = parts.equal
    if operator is exp.EQ:
        return _Truth(name, equal, _outside(equal))
    if operator is exp.NEQ:
        return _Truth(name, _outside(equal), equal)
    if operator is exp.NullSafeEQ:
        return _Truth(name, equal, equal.complement())
    if operator is exp.NullSafeNEQ:
        return _Truth(name, equal.complement(), equal)
    if parts.less is None:
        return None
    at_most = parts.less.union(equal)
    results: dict[type[exp.Expr], SortedRangeSet] = {
        exp.LT: parts.less,
        exp.LTE: at_most,
        exp.GT: _outside(at_most),
        exp.GTE: _outside(parts.less),
    }
    return _Truth(name, results[operator], _outside(results[operator]))


def _split(type_: pa.DataType, constant: TypedConstant) -> _Split | None:
    """Cut the values of a type at a constant, as DuckDB would compare them."""
    kind = kind_of(type_)
    if kind in _GRIDS:
        return _split_grid(type_, _GRIDS[kind](type_, constant))
    if kind is Kind.FLOAT:
        return _split_float(type_, constant)
    value = constant.value
    if _SAME.get(kind) is not constant.kind or value is None:
        return None
    return _Split(_less(type_, value), _set(type_, Range.equal(value)))


def _less(type_: pa.DataType, value: Value) -> SortedRangeSet | None:
    """Return the texts, bytes or flags below one; ``None`` if orders differ about that."""
    if isinstance(value, bool):
        return _set(type_, Range.equal(value=False)) if value else SortedRangeSet.none(type_)
    if isinstance(value, str) and value and max(value) >= FIRST_SURROGATE:
        return None  # UTF-16, by which value sets go, and UTF-8, by which DuckDB goes
    return _set(type_, Range.less_than(value)) if value else SortedRangeSet.none(type_)


_SAME = {
    Kind.TEXT: ConstantKind.TEXT,
    Kind.BYTES: ConstantKind.BYTES,
    Kind.BOOLEAN: ConstantKind.BOOLEAN,
}


def _split_float(type_: pa.DataType, constant: TypedConstant) -> _Split | None:
    value = _as_double(constant)
    if value is None:
        return None
    if pa.types.is_float32(type_) and not _is_single(value, constant):
        return None  # DuckDB compares some constants as float32, some as float64
    low, high = (-0.0, 0.0) if value == 0 else (value, value)
    return _Split(_set(type_, Range.less_than(low)), _set(type_, Range.between(low, high)))


def _as_double(constant: TypedConstant) -> float | None:
    """Return the float64 that DuckDB makes of a number, if it is surely the nearest one."""
    exact = constant.number
    if exact is None:
        return None
    if constant.kind is ConstantKind.DECIMAL:
        unscaled = abs(exact) * 10**constant.scale
        return float(exact) if unscaled < EXACT_DOUBLE and constant.scale <= EXACT_POWERS else None
    return float(exact) if constant.kind is not ConstantKind.INTEGER or _is_long(exact) else None


def _is_long(exact: Fraction) -> bool:
    return -(2**63) <= exact < 2**63


def _is_single(value: float, constant: TypedConstant) -> bool:
    try:
        single = struct.unpack("f", struct.pack("f", value))[0]
    except OverflowError:
        return False
    return bool(single == value == constant.number)


@dataclass(frozen=True, slots=True)
class _Grid:
    """A constant on the line of a type's discrete values, counted in whole steps."""

    place: Fraction
    first: int
    last: int
    value: Callable[[int], Value]


def _split_grid(type_: pa.DataType, grid: _Grid | None) -> _Split | None:
    if grid is None:
        return None
    step = math.floor(grid.place)
    if step < grid.first:
        return _Split(SortedRangeSet.none(type_), SortedRangeSet.none(type_))
    if step > grid.last:
        return _Split(SortedRangeSet.not_null(type_), SortedRangeSet.none(type_))
    value = grid.value(step)
    if grid.place == step:
        return _Split(_set(type_, Range.less_than(value)), _set(type_, Range.equal(value)))
    return _Split(_set(type_, Range.at_most(value)), SortedRangeSet.none(type_))


def _integers(type_: pa.DataType, constant: TypedConstant) -> _Grid | None:
    place, half = constant.number, 2 ** (type_.bit_width - 1)
    if place is None:
        return None
    match constant.kind:
        case ConstantKind.INTEGER:
            exact = True
        case ConstantKind.DECIMAL:
            exact = exact_width((LONG_DIGITS, 0), (constant.precision, constant.scale))
        case ConstantKind.DOUBLE:
            exact = abs(place) < EXACT_DOUBLE  # beyond, DuckDB rounds the column's values
        case _:
            exact = False
    return _Grid(place, -half, half - 1, int) if exact else None


def _decimals(type_: pa.DataType, constant: TypedConstant) -> _Grid | None:
    assert isinstance(type_, pa.Decimal128Type)
    precision, scale = type_.precision, type_.scale
    given = (constant.precision, constant.scale)
    known = constant.kind in (ConstantKind.INTEGER, ConstantKind.DECIMAL)
    place = constant.number
    if place is None or not known or not exact_width((precision, scale), given):
        return None
    last = 10**precision - 1
    return _Grid(place * 10**scale, -last, last, lambda step: Decimal(step).scaleb(-scale, _WIDE))


_WIDE = Context(prec=MAX_DIGITS + 2)
_TIME_KINDS = frozenset({ConstantKind.DATE, ConstantKind.TIMESTAMP, ConstantKind.INSTANT})
_MICROSECONDS_PER_DAY = 86_400_000_000


def _days(type_: pa.DataType, constant: TypedConstant) -> _Grid | None:
    del type_
    return _times(constant, _MICROSECONDS_PER_DAY, 2**31, int)


def _milliseconds(type_: pa.DataType, constant: TypedConstant) -> _Grid | None:
    del type_
    return _times(constant, 1_000, 2**63, int)


def _instants(type_: pa.DataType, constant: TypedConstant) -> _Grid | None:
    if not isinstance(type_, pa.TimestampType) or type_.unit != "ms":
        return None
    return _times(constant, 1_000, 2 ** (63 - ZONE_BITS), lambda step: step << ZONE_BITS)


def _times(
    constant: TypedConstant, unit_us: int, half: int, value: Callable[[int], Value]
) -> _Grid | None:
    if constant.kind not in _TIME_KINDS or not isinstance(constant.value, int):
        return None
    return _Grid(Fraction(constant.value, unit_us), -half, half - 1, value)


_GRIDS: dict[Kind, Callable[[pa.DataType, TypedConstant], _Grid | None]] = {
    Kind.INTEGER: _integers,
    Kind.DECIMAL: _decimals,
    Kind.DATE: _days,
    Kind.DATETIME: _milliseconds,
    Kind.INSTANT: _instants,
}

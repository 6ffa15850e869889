"""Which rows a scan should give, found out row by row in Python.

Shares nothing with the evaluation of residuals but the trees: value sets follow their own
order (see ``ordering``), expressions SQL's three-valued logic as Athena reads it, on Python
integers, decimals and correctly rounded floats. Arithmetic is known for integers alone.
"""

from __future__ import annotations

import math
import operator
import re
import struct
from dataclasses import dataclass
from fractions import Fraction
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from athena_connectors.common.expressions import Call, Constant, Variable
from athena_connectors.common.ordering import ZONE_BITS, sort_key
from athena_connectors.common.physical import Kind, kind_of
from athena_connectors.common.valueset import AllOrNoneValueSet

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    import pyarrow as pa
    from athena_connectors.common.constraints import Constraints, OrderBy
    from athena_connectors.common.expressions import Expression
    from athena_connectors.common.testing.conformance.rows import Row
    from athena_connectors.common.testing.conformance.sample import Expected
    from athena_connectors.common.valueset import Value, ValueSet

__all__ = ["first_rows", "picked", "selected", "truth"]


def selected(table: Expected, constraints: Constraints) -> list[Row]:
    """Return the rows that satisfy a predicate; order and limit are not applied."""
    return [row for row in table.rows if _satisfies(row, table.schema, constraints)]


def picked(rows: Iterable[Row], schema: pa.Schema, names: Sequence[str]) -> list[Row]:
    """Return some columns of rows that have all of a schema."""
    places = [schema.get_field_index(name) for name in names]
    return [tuple(row[place] for place in places) for row in rows]


def first_rows(
    rows: Iterable[Row], schema: pa.Schema, order_by: Sequence[OrderBy], limit: int
) -> list[Row]:
    """Return the sort keys of the first rows in an order, as the engine has them.

    Texts go by code points, floats by their total order, zoned timestamps by instant.
    """
    places = [schema.get_field_index(key.column) for key in order_by]
    types = schema.types
    keys = [tuple(_order_key(types[place], row[place]) for place in places) for row in rows]
    for number, order in reversed(list(enumerate(order_by))):
        nulls = [key for key in keys if key[number] is None]
        others = [key for key in keys if key[number] is not None]
        others.sort(key=itemgetter(number), reverse=order.direction.descending)
        keys = nulls + others if order.direction.nulls_first else others + nulls
    return keys[:limit]


def truth(expression: Expression, row: Mapping[str, Value | None]) -> bool | None:
    """Return what a condition is for a row; ``None`` for SQL's unknown."""
    value = _evaluate(expression, row).value
    assert value is None or isinstance(value, bool), f"{expression} is no condition"
    return value


def _satisfies(row: Row, schema: pa.Schema, constraints: Constraints) -> bool:
    named = dict(zip(schema.names, row, strict=True))
    return all(
        _contains(values, named[column]) for column, values in constraints.summary.items()
    ) and all(truth(each, named) is True for each in constraints.expression)


def _contains(values: ValueSet, value: Value | None) -> bool:
    if isinstance(values, AllOrNoneValueSet) and values.is_none:
        return True  # it may have been NOT NULL: the wire can't tell
    return values.contains(value)


def _order_key(type_: pa.DataType, value: Value | None) -> Any:
    return value if value is None or isinstance(value, str) else sort_key(type_, value)


# Expressions


@dataclass(frozen=True, slots=True)
class _Cell:
    """A value, how it is compared, and the width of a float."""

    kind: Kind
    value: Any
    bits: int = 0


def _cell(type_: Any, value: Value | None) -> _Cell:
    kind = kind_of(type_)
    if kind is Kind.INSTANT and isinstance(value, int):
        value >>= ZONE_BITS
    return _Cell(kind, value, type_.bit_width if kind in (Kind.FLOAT, Kind.INTEGER) else 0)


def _evaluate(node: Expression, row: Mapping[str, Value | None]) -> _Cell:
    match node:
        case Variable():
            return _cell(node.type, row[node.column])
        case Constant(values=(value,)):
            return _cell(node.type, value)
        case Call(function="$and" | "$or"):
            return _boolean(_connected(node, row))
        case Call(function="$in", arguments=(item, array)):
            cell = _evaluate(item, row)
            return _boolean(_any(_equal(cell, part) for part in _elements(array, row)))
        case Call():
            return _called(node, [_evaluate(item, row) for item in node.arguments])
        case _:
            raise AssertionError(f"{node} is no value")


def _boolean(value: bool | None) -> _Cell:  # noqa: FBT001 - the value itself
    return _Cell(Kind.BOOLEAN, value)


def _connected(call: Call, row: Mapping[str, Value | None]) -> bool | None:
    answers = [truth(item, row) for item in call.arguments]
    if call.function == "$or":
        return _any(answers)
    negated = _any(None if answer is None else not answer for answer in answers)
    return None if negated is None else not negated


def _any(answers: Iterable[bool | None]) -> bool | None:
    known = set(answers)
    return True if True in known else None if None in known else False


def _elements(array: Expression, row: Mapping[str, Value | None]) -> list[_Cell]:
    found = []
    for item in array.arguments if isinstance(array, Call) else (array,):
        if isinstance(item, Constant):
            found += [_cell(item.type, value) for value in item.values]
        else:
            found.append(_evaluate(item, row))
    return found


def _called(call: Call, cells: list[_Cell]) -> _Cell:
    first, last = cells[0], cells[-1]
    missing = first.value is None or last.value is None
    match call.function:
        case "$is_null":
            return _boolean(first.value is None)
        case "$not":
            return _boolean(None if missing else not first.value)
        case "$nullif":
            return _Cell(first.kind, None, first.bits) if _equal(first, last) else first
        case "$is_distinct_from":
            return _boolean(_distinct(first, last))
        case "$like_pattern":
            return _boolean(None if missing else _like(first.value, last.value))
        case function if function in _COMPARISONS:
            return _boolean(_compared(_COMPARISONS[function], first, last))
        case function:
            return _calculated(function, cells)


_COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "$equal": operator.eq,
    "$not_equal": operator.ne,
    "$less_than": operator.lt,
    "$less_than_or_equal": operator.le,
    "$greater_than": operator.gt,
    "$greater_than_or_equal": operator.ge,
}


def _compared(compare: Callable[[Any, Any], bool], left: _Cell, right: _Cell) -> bool | None:
    if left.value is None or right.value is None:
        return None
    widths = [cell.bits for cell in (left, right) if cell.kind is Kind.FLOAT]
    if widths:
        return compare(_as_float(left, max(widths)), _as_float(right, max(widths)))
    return compare(left.value, right.value)


def _equal(left: _Cell, right: _Cell) -> bool | None:
    return _compared(operator.eq, left, right)


def _distinct(left: _Cell, right: _Cell) -> bool:
    if left.value is None or right.value is None:
        return left.value is not right.value
    if left.kind is right.kind is Kind.FLOAT and math.isnan(left.value) and math.isnan(right.value):
        return False
    return not _equal(left, right)


def _like(text: str, pattern: str) -> bool:
    wildcards = {"%": ".*", "_": "."}
    regex = "".join(wildcards.get(char) or re.escape(char) for char in pattern)
    return re.fullmatch(regex, text, re.DOTALL) is not None


def _as_float(cell: _Cell, bits: int) -> float:
    """Return a number as the float next to it, ties to even."""
    if cell.kind is Kind.FLOAT:
        return float(cell.value)
    exact = Fraction(cell.value)
    if bits == 64:  # noqa: PLR2004 - a double
        return float(exact)
    (pattern,) = struct.unpack("<i", struct.pack("<f", float(exact)))
    around = [struct.unpack("<f", struct.pack("<i", pattern + step))[0] for step in (-1, 0, 1)]
    finite = [number for number in around if math.isfinite(number)]
    return float(min(finite, key=lambda number: (abs(Fraction(number) - exact), _is_odd(number))))


def _is_odd(number: float) -> int:
    pattern: int = struct.unpack("<i", struct.pack("<f", number))[0]
    return pattern & 1


def _calculated(function: str, cells: list[_Cell]) -> _Cell:
    bits = max(cell.bits for cell in cells)
    assert all(cell.kind is Kind.INTEGER for cell in cells), f"{function} of {cells} is not known"
    if any(cell.value is None for cell in cells):
        return _Cell(Kind.INTEGER, None, bits)
    value = _ARITHMETIC[function](*(cell.value for cell in cells))
    assert -(2 ** (bits - 1)) <= value < 2 ** (bits - 1), f"{function} of {cells} is out of range"
    return _Cell(Kind.INTEGER, value, bits)


def _quotient(left: int, right: int) -> int:
    return math.trunc(Fraction(left, right))


_ARITHMETIC: dict[str, Callable[..., int]] = {
    "$add": operator.add,
    "$subtract": operator.sub,
    "$multiply": operator.mul,
    "$negate": operator.neg,
    "$divide": _quotient,
    "$modulus": lambda left, right: left - _quotient(left, right) * right,
}

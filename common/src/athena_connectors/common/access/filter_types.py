"""Row filters, typed against a table: expressions over its columns like all others."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa
from athena_connectors.common.access.row_filters import (
    Column,
    Comparison,
    Current,
    FilterError,
    Literal,
    Logical,
    Membership,
    Negation,
    NullTest,
    PatternTest,
    Truth,
)
from athena_connectors.common.comparisons import FUNCTIONS_OF
from athena_connectors.common.expressions import Call, Constant, Variable
from athena_connectors.common.physical import Kind, kind_of
from athena_connectors.common.timestamps import PACKED, pack
from athena_connectors.common.types import engine_type

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from decimal import Decimal

    from athena_connectors.common.access.row_filters import Condition, Operand, RowFilter
    from athena_connectors.common.expressions import Expression
    from athena_connectors.common.protocol.messages import Identity

__all__ = ["conjuncts_of"]

_MS_PER_DAY = 86_400_000
_MAX_DIGITS = 38
_NUMBERS = frozenset({Kind.INTEGER, Kind.DECIMAL, Kind.FLOAT})
_CLOCKS = frozenset({Kind.DATE, Kind.DATETIME})
_KINDS = {
    "text": Kind.TEXT,
    "boolean": Kind.BOOLEAN,
    "date": Kind.DATE,
    "timestamp": Kind.DATETIME,
}


def conjuncts_of(
    row_filter: RowFilter, schema: pa.Schema, identity: Identity
) -> tuple[Expression, ...]:
    """Return the expressions that are all true for the rows which a caller sees.

    Args:
        row_filter: The filter.
        schema: All columns of the table, in the source's spelling and types.
        identity: The caller. What is not known of it is NULL.

    Raises:
        FilterError: The filter names a column that is not there, or compares values of
            types that can't be compared.
    """
    binder = _Binder(schema, identity)
    return tuple(binder.condition(part) for part in _parts(row_filter.condition))


def _parts(condition: Condition) -> Iterator[Condition]:
    if isinstance(condition, Logical) and condition.word == "and":
        for part in condition.parts:
            yield from _parts(part)
    else:
        yield condition


class _Binder:
    """Gives columns and constants their types."""

    def __init__(self, schema: pa.Schema, identity: Identity) -> None:
        self._schema = schema
        self._identity = identity

    def condition(self, node: Condition) -> Expression:
        match node:
            case Logical(word, parts):
                return _test(f"${word}", *map(self.condition, parts))
            case Negation(part):
                return _test("$not", self.condition(part))
            case Truth(operand):
                return self._truth(operand)
            case NullTest(operand):
                return _test("$is_null", self._alone(operand))
            case Comparison(symbol, left, right):
                return _test(FUNCTIONS_OF[symbol], *self._together(left, right))
            case Membership(operand, values):
                return self._membership(operand, values)
            case PatternTest(operand, pattern):
                sides = self._together(operand, pattern)
                if {kind_of(side.type) for side in sides} != {Kind.TEXT}:
                    raise FilterError("LIKE is for texts alone")
                return _test("$like_pattern", *sides)

    def _truth(self, operand: Operand) -> Expression:
        found = self._alone(operand)
        if kind_of(found.type) is not Kind.BOOLEAN:
            raise FilterError(f"{_named(operand)} is neither true nor false")
        return found

    def _membership(self, operand: Operand, values: Sequence[Operand]) -> Expression:
        pairs = [self._together(operand, value) for value in values]
        listed = [value for _, value in pairs]
        types = {value.type for value in listed}
        array: tuple[Expression, ...] = tuple(listed)
        if len(types) == 1:
            # One constant of many values is what the engine sends, and is looked up at once.
            values_ = tuple(one.values[0] for one in listed if isinstance(one, Constant))
            array = (Constant(values_, types.pop()),)
        return _test("$in", pairs[0][0], Call("$array", array, pa.list_(pa.null())))

    def _together(self, left: Operand, right: Operand) -> tuple[Expression, Expression]:
        """Return two operands that can be compared."""
        one, two = self._typed(left), self._typed(right)
        kinds = self._kind(left), self._kind(right)
        is_written = isinstance(left, Literal) or isinstance(right, Literal)
        if Kind.OPAQUE in kinds or not _comparable(*kinds, is_written=is_written):
            raise FilterError(
                f"{_named(left)} ({_kind_text(kinds[0])}) and {_named(right)}"
                f" ({_kind_text(kinds[1])}) can't be compared"
            )
        if isinstance(left, Literal):
            one = _constant(left, two.type if two is not None else None)
        if isinstance(right, Literal):
            two = _constant(right, one.type if one is not None else None)
        assert one is not None
        assert two is not None
        return one, two

    def _alone(self, operand: Operand) -> Expression:
        return self._typed(operand) or _constant(operand, None)

    def _typed(self, operand: Operand) -> Variable | Constant | None:
        """Return an operand that has a type of its own; ``None`` for a literal."""
        match operand:
            case Column(name):
                field = self._field(name)
                return Variable(field.name, engine_type(field.type))
            case Current("account"):
                return Constant((self._identity.account,), pa.string())
            case Current():
                return Constant((self._identity.arn,), pa.string())
            case _:
                return None

    def _kind(self, operand: Operand) -> Kind:
        if isinstance(operand, Literal):
            return _KINDS.get(operand.kind, Kind.DECIMAL)
        typed = self._typed(operand)
        assert typed is not None
        return kind_of(typed.type)

    def _field(self, name: str) -> pa.Field[Any]:
        index = self._schema.get_field_index(name)
        if index >= 0:
            return self._schema.field(index)
        alike = [field for field in self._schema if field.name.lower() == name.lower()]
        if len(alike) != 1:
            found = "several columns" if alike else "no column"
            raise FilterError(f"the table has {found} {name!r}")
        return alike[0]


def _test(function: str, *arguments: Expression) -> Call:
    return Call(function, arguments, pa.bool_())


def _comparable(one: Kind, two: Kind, *, is_written: bool) -> bool:
    if one is two:
        return True
    kinds = {one, two}
    if kinds == {Kind.INSTANT, Kind.DATETIME}:
        return is_written  # the clock that is written in a filter is that of UTC
    return kinds <= _NUMBERS or kinds <= _CLOCKS


def _named(operand: Operand) -> str:
    match operand:
        case Column(name):
            return f"column {name!r}"
        case Current(what):
            return f"current_{what}"
        case Literal(value, kind):
            return f"the {kind} {value!r}" if kind == "text" else f"the {kind} {value}"


def _kind_text(kind: Kind) -> str:
    return kind.name.lower()


def _constant(operand: Any, beside: pa.DataType | None) -> Constant:
    """Return a literal as a value of the type beside it, where it is one exactly."""
    value = operand.value
    match operand.kind:
        case "text":
            return Constant((value,), pa.string())
        case "boolean":
            return Constant((value,), pa.bool_())
        case "number":
            return _number(value, beside)
        case "date" if beside is None or kind_of(beside) is Kind.DATE:
            return Constant((value // _MS_PER_DAY,), pa.date32())
        case _ if beside is not None and kind_of(beside) is Kind.INSTANT:
            return Constant((pack(value),), PACKED)
        case _:
            return Constant((value,), pa.date64())


def _number(value: Decimal, beside: Any) -> Constant:
    kind = None if beside is None else kind_of(beside)
    if kind is Kind.FLOAT:
        return Constant((pa.scalar(float(value), beside).as_py(),), beside)
    if kind is Kind.INTEGER and value == value.to_integral_value():
        for type_ in (beside, pa.int64()):
            if -(2 ** (type_.bit_width - 1)) <= value < 2 ** (type_.bit_width - 1):
                return Constant((int(value),), type_)
    _, digits, exponent = value.as_tuple()
    assert isinstance(exponent, int)
    scale = max(0, -exponent)
    type_ = pa.decimal128(min(_MAX_DIGITS, max(len(digits), scale, 1)), scale)
    if len(digits) > _MAX_DIGITS:
        raise FilterError(f"the number {value} has more than {_MAX_DIGITS} digits")
    if kind is Kind.DECIMAL and beside is not None:
        whole = beside.precision - beside.scale
        if scale <= beside.scale and len(digits) - scale <= whole:
            return Constant((pa.scalar(value, beside).as_py(),), beside)
    return Constant((value,), type_)

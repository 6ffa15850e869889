"""Conditions on a scan as the constraints that Athena would send.

A condition on one column becomes a value set. Any other one becomes an expression, if the
connector takes every function in it and DuckDB and the protocol mean the same by it:
nothing with floats (NaN differs), no division (DuckDB's is not Athena's), no comparison
that rounds. What is left out is told, with the reason.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa
from athena_connectors.common.constraints import Constraints
from athena_connectors.common.expressions import Call, Constant, Expression, Variable, walk
from athena_connectors.common.physical import Kind, kind_of
from athena_connectors.common.testing.constants import ConstantKind, Constants, TypedConstant
from athena_connectors.common.testing.domains import (
    MAX_DIGITS,
    DomainReader,
    exact_width,
    intersect_all,
)
from athena_connectors.common.testing.planning import Held
from sqlglot import exp

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from athena_connectors.common.capabilities import Capabilities
    from athena_connectors.common.testing.planning import LimitShape, ScanShape
    from athena_connectors.common.valueset import SortedRangeSet, Value

__all__ = ["ExpressionReader", "Translation", "translate"]

COLLATION_HINT = "non_default_collate"
EXPRESSIONS_SINCE = 4
"""SerDe version that brought expressions, limit and order."""
_BOOL = pa.bool_()


@dataclass(frozen=True, slots=True)
class Translation:
    """What is sent with a scan, and what is not.

    Attributes:
        constraints: For all requests of the scan.
        held: Conditions that are evaluated by DuckDB alone.
        limit_reason: Why no limit is sent although there is one; empty otherwise.
    """

    constraints: Constraints
    held: tuple[Held, ...]
    limit_reason: str


def translate(
    shape: ScanShape,
    schema: pa.Schema,
    constants: Constants,
    *,
    capabilities: Capabilities,
    version: int,
    passthrough: Mapping[str, str],
) -> Translation:
    """Translate what a scan may be asked for into constraints.

    Args:
        shape: The scan's columns, conditions and limit.
        schema: The whole table, in engine types.
        constants: Evaluates constants.
        capabilities: What the connector claims; nothing below SerDe 4.
        version: SerDe version that is spoken.
        passthrough: Arguments of a native query, or empty.
    """
    texts = COLLATION_HINT not in capabilities.hints
    domains = DomainReader(schema, constants, texts=texts)
    functions = frozenset(capabilities.functions if version >= EXPRESSIONS_SINCE else ())
    expressions = ExpressionReader(schema, constants, functions=functions, texts=texts)
    summary: dict[str, SortedRangeSet] = {}
    trees: list[Expression] = []
    held = list(shape.held)
    for condition in shape.conjuncts:
        found, exact = domains.read(condition)
        summary = intersect_all(summary, found)
        if exact:
            continue
        tree = expressions.read(condition)
        if tree is None:
            held.append(Held(condition.sql(dialect="trino"), expressions.reason))
        else:
            trees.append(tree)
    limit, limit_reason = _limit(shape, schema, capabilities, version=version, texts=texts)
    if limit is not None and held:
        limit, limit_reason = None, "not all of WHERE can be sent"
    return Translation(
        Constraints(
            summary={name: values for name, values in summary.items() if not _is_idle(values)},
            expression=tuple(trees),
            order_by=limit.order_by if limit else (),
            limit=limit.rows if limit else None,
            passthrough=dict(passthrough),
        ),
        tuple(held),
        limit_reason,
    )


def _is_idle(values: SortedRangeSet) -> bool:
    return values.is_all and values.null_allowed


def _limit(
    shape: ScanShape,
    schema: pa.Schema,
    capabilities: Capabilities,
    *,
    version: int,
    texts: bool,
) -> tuple[LimitShape | None, str]:
    limit = shape.limit
    if limit is None:
        return None, shape.limit_reason
    claimed = capabilities.top_n if limit.order_by else capabilities.limit
    if version < EXPRESSIONS_SINCE or not claimed:
        return None, f"the connector does not claim {'top-N' if limit.order_by else 'a limit'}"
    kinds = [kind_of(schema.field(key.column).type) for key in limit.order_by]
    if Kind.OPAQUE in kinds or (Kind.TEXT in kinds and not texts):
        return None, "the order is by a column that the source sorts by other rules"
    if Kind.FLOAT in kinds[:-1]:
        return None, "-0.0 and 0.0 tie here and may not in the source"
    return limit, ""


_COMPARISONS: dict[type[exp.Expr], str] = {
    exp.EQ: "$equal",
    exp.NEQ: "$not_equal",
    exp.LT: "$less_than",
    exp.LTE: "$less_than_or_equal",
    exp.GT: "$greater_than",
    exp.GTE: "$greater_than_or_equal",
    exp.NullSafeNEQ: "$is_distinct_from",
}
_ARITHMETIC: dict[type[exp.Expr], str] = {
    exp.Add: "$add",
    exp.Sub: "$subtract",
    exp.Mul: "$multiply",
    exp.Mod: "$modulus",
}
_COMPARED = frozenset(
    {Kind.INTEGER, Kind.DECIMAL, Kind.TEXT, Kind.BYTES, Kind.BOOLEAN, Kind.DATE, Kind.DATETIME}
    | {Kind.INSTANT}
)
_NUMBERS = frozenset({Kind.INTEGER, Kind.DECIMAL})
_WIDTHS = {8: 3, 16: 5, 32: 10, 64: 19}


class _NotSentError(Exception):
    """Why a condition can't be said in the protocol's functions."""


class ExpressionReader:
    """Reads conditions into expressions of the protocol.

    Args:
        schema: The table's columns in engine types.
        constants: Evaluates constants and types.
        functions: Wire names of the functions that may be used.
        texts: Whether texts may be compared.
    """

    def __init__(
        self,
        schema: pa.Schema,
        constants: Constants,
        *,
        functions: frozenset[str],
        texts: bool = True,
    ) -> None:
        self._schema = schema
        self._constants = constants
        self._functions = functions
        self._texts = texts
        self.reason = ""
        """Why the last condition gave no expression."""
        self._readers: dict[type[exp.Expr], Callable[[exp.Expr], Expression]] = {
            exp.And: self._both,
            exp.Or: self._both,
            exp.Not: self._not,
            exp.Is: self._is,
            exp.Between: self._between,
            exp.In: self._in,
            exp.Like: self._like,
            exp.NullSafeEQ: self._same,
            exp.Column: self._flag,
            **dict.fromkeys(_COMPARISONS, self._comparison),
        }

    def read(self, condition: exp.Expr) -> Expression | None:
        """Return a condition as an expression with the same truth value for every row.

        Returns:
            ``None`` when it can't be said exactly; ``reason`` then says why.
        """
        try:
            tree = self._condition(condition)
        except _NotSentError as error:
            self.reason = str(error)
            return None
        used = {node.function for node in walk(tree) if isinstance(node, Call)}
        missing = sorted(used - self._functions)
        if missing:
            self.reason = f"the connector does not take {', '.join(missing)}"
            return None
        return tree

    def _condition(self, node: exp.Expr) -> Expression:
        node = node.unnest()
        reader = self._readers.get(type(node))
        if reader is None:
            raise _NotSentError("the protocol has no function for it")
        tree = reader(node)
        return _call("$not", tree) if node.args.get("negate") else tree  # NOT LIKE is one node

    def _both(self, node: exp.Expr) -> Expression:
        name = "$and" if isinstance(node, exp.And) else "$or"
        return _call(name, self._condition(node.this), self._condition(node.expression))

    def _not(self, node: exp.Expr) -> Expression:
        return _call("$not", self._condition(node.this))

    def _is(self, node: exp.Expr) -> Expression:
        if not isinstance(node.expression, exp.Null):
            raise _NotSentError("the protocol has IS for NULL only")
        return _call("$is_null", self._operand(node.this))

    def _between(self, node: exp.Expr) -> Expression:
        if node.args.get("symmetric"):
            raise _NotSentError("the protocol has no function for it")
        low = self._compare("$greater_than_or_equal", node.this, node.args["low"])
        high = self._compare("$less_than_or_equal", node.this, node.args["high"])
        return _call("$and", low, high)

    def _like(self, node: exp.Expr) -> Expression:
        if not isinstance(node.expression, exp.Literal):
            raise _NotSentError("LIKE is sent with a constant pattern only")
        return self._compare("$like_pattern", node.this, node.expression)

    def _same(self, node: exp.Expr) -> Expression:
        distinct = self._compare("$is_distinct_from", node.this, node.expression)
        return _call("$not", distinct)

    def _flag(self, node: exp.Expr) -> Expression:
        operand = self._operand(node)
        if operand.type != _BOOL:
            raise _NotSentError("it is no condition")
        return operand

    def _comparison(self, node: exp.Expr) -> Expression:
        return self._compare(_COMPARISONS[type(node)], node.this, node.expression)

    def _compare(self, function: str, left: exp.Expr, right: exp.Expr) -> Expression:
        one, two = self._operand(left), self._operand(right)
        self._check_comparable(one.type, two.type)
        if function == "$like_pattern" and kind_of(one.type) is not Kind.TEXT:
            raise _NotSentError("LIKE is sent for text only")
        return _call(function, one, two)

    def _check_comparable(self, one: pa.DataType, two: pa.DataType) -> None:
        kinds = {kind_of(one), kind_of(two)}
        if not kinds <= _COMPARED or not (len(kinds) == 1 or kinds <= _NUMBERS):
            raise _NotSentError("its types compare by rules that the source may not share")
        if Kind.TEXT in kinds and not self._texts:
            raise _NotSentError("the source compares text by another collation")
        if kinds <= _NUMBERS and not exact_width(_width(one), _width(two)):
            raise _NotSentError("its numbers do not compare without rounding")

    def _in(self, node: exp.Expr) -> Expression:
        if not node.expressions or any(node.args.get(key) for key in ("query", "unnest", "field")):
            raise _NotSentError("IN is sent with a list only")
        subject = self._operand(node.this)
        items = [self._operand(item) for item in node.expressions]
        constants = [item for item in items if isinstance(item, Constant)]
        types = {item.type for item in items}
        if len(constants) < len(items) or len(types) > 1:
            raise _NotSentError("the list of IN does not hold constants of one type")
        self._check_comparable(subject.type, items[0].type)
        values = tuple(value for item in constants for value in item.values)
        array = Call("$array", (Constant(values, items[0].type),), pa.list_(pa.null()))
        return _call("$in", subject, array)

    def _operand(self, node: exp.Expr) -> Expression:
        node = node.unnest()
        if isinstance(node, exp.Column):
            return self._variable(node)
        if isinstance(node, exp.Nullif):
            one, two = self._operand(node.this), self._operand(node.expression)
            self._check_comparable(one.type, two.type)
            return Call("$nullif", (one, two), one.type)
        constant = self._constants.evaluate(node)
        if constant is not None:
            return _constant(constant)
        if type(node) in _ARITHMETIC:
            return self._arithmetic(node)
        if isinstance(node, exp.Neg):
            number = self._number(node.this)
            return Call("$negate", (number,), number.type)
        raise _NotSentError("the protocol has no function for it")

    def _variable(self, node: exp.Column) -> Variable:
        if node.name not in self._schema.names:
            raise _NotSentError(f"{node.name} is no column of the table")
        return Variable(node.name, self._schema.field(node.name).type)

    def _arithmetic(self, node: exp.Expr) -> Expression:
        left, right = self._number(node.this), self._number(node.expression)
        if isinstance(node, exp.Mod):
            whole = pa.types.is_integer(left.type) and pa.types.is_integer(right.type)
            if not whole or not isinstance(right, Constant) or right.values[0] == 0:
                raise _NotSentError("a remainder is sent only of integers by a constant")
        function = _ARITHMETIC[type(node)]
        return Call(function, (left, right), _result_type(function, left.type, right.type))

    def _number(self, node: exp.Expr) -> Expression:
        operand = self._operand(node)
        if kind_of(operand.type) not in _NUMBERS:
            raise _NotSentError("arithmetic is sent for integers and decimals only")
        return operand


def _call(function: str, *arguments: Expression) -> Call:
    return Call(function, arguments, _BOOL)


def _result_type(function: str, one: pa.DataType, two: pa.DataType) -> pa.DataType:
    """Return the type in which Athena computes, which decides what overflows."""
    if pa.types.is_integer(one) and pa.types.is_integer(two):
        return max(one, two, key=lambda type_: type_.bit_width)
    (digits, scale), (other_digits, other_scale) = _width(one), _width(two)
    if function == "$multiply":
        result = digits + other_digits, scale + other_scale
    else:
        whole = max(digits - scale, other_digits - other_scale)
        result = whole + max(scale, other_scale) + 1, max(scale, other_scale)
    if result[0] > MAX_DIGITS:
        raise _NotSentError("its numbers may need more digits than a decimal has")
    return pa.decimal128(*result)


def _width(type_: pa.DataType) -> tuple[int, int]:
    if isinstance(type_, pa.Decimal128Type):
        return type_.precision, type_.scale
    return _WIDTHS[type_.bit_width], 0


_CONSTANT_TYPES: dict[ConstantKind, pa.DataType] = {
    ConstantKind.TEXT: pa.string(),
    ConstantKind.BYTES: pa.binary(),
    ConstantKind.BOOLEAN: _BOOL,
}
_TIME_UNITS: dict[ConstantKind, tuple[int, pa.DataType, int]] = {
    ConstantKind.DATE: (86_400_000_000, pa.date32(), 0),
    ConstantKind.TIMESTAMP: (1_000, pa.date64(), 0),
    ConstantKind.INSTANT: (1_000, pa.timestamp("ms", "UTC"), 12),
}
_INT_DIGITS, _LONG_DIGITS = 10, 19


def _constant(constant: TypedConstant) -> Constant:
    value, kind = constant.value, constant.kind
    if kind in _TIME_UNITS and isinstance(value, int):
        unit_us, type_, shift = _TIME_UNITS[kind]
        if value % unit_us:
            raise _NotSentError("a constant is finer than milliseconds")
        return Constant((value // unit_us << shift,), type_)
    if kind is ConstantKind.INTEGER and constant.precision <= _LONG_DIGITS:
        small = constant.precision <= _INT_DIGITS
        return Constant((_value(value),), pa.int32() if small else pa.int64())
    if kind is ConstantKind.DECIMAL:
        return Constant((_value(value),), pa.decimal128(constant.precision, constant.scale))
    if kind in _CONSTANT_TYPES:
        return Constant((_value(value),), _CONSTANT_TYPES[kind])
    raise _NotSentError("a constant of it has no type that compares without rounding")


def _value(value: Value | None) -> Value:
    assert value is not None
    return value

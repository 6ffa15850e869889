"""Expressions evaluated on whole columns, with SQL's three-valued logic.

Semantics are Athena's: floats compare as in IEEE 754 (NaN equals nothing, -0.0 equals
0.0) except that NaN is not distinct from NaN; texts compare by code points; zoned
timestamps by instant; mixed numbers are coerced from integer to decimal to float. Value
sets differ on purpose (see ``ordering``): each is what the protocol says of it.

A failure (see ``arithmetic``) belongs to a row. It is dropped where AND or OR is decided
by an argument to its left, and raised otherwise.

Source: wire protocol, section 11.
"""

from __future__ import annotations

import math
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import pyarrow as pa
from athena_connectors.common.arithmetic import ARITHMETIC, calculate
from athena_connectors.common.casts import cast
from athena_connectors.common.constraints import ColumnDomain
from athena_connectors.common.domains import compile_domain
from athena_connectors.common.errors import InvalidRequestError, UnsupportedTypeError
from athena_connectors.common.expressions import (
    Call,
    Constant,
    check_calls,
    referenced_columns,
    render,
    walk,
)
from athena_connectors.common.like import like
from athena_connectors.common.operands import Failure, Operand, align
from athena_connectors.common.physical import Kind, as_column, compute, kind_of, scalar, unpack
from athena_connectors.common.valueset import SortedRangeSet

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from athena_connectors.common.domains import Test
    from athena_connectors.common.expressions import Expression
    from athena_connectors.common.physical import Data

__all__ = ["Condition", "can_fail"]

_UNKNOWN = pa.scalar(None, pa.bool_())
_FALSE = pa.scalar(value=False)
_EXACT_NUMBERS = frozenset({Kind.INTEGER, Kind.DECIMAL})
_FALLIBLE = ARITHMETIC | {"$cast"}
_VALUELESS = frozenset({Kind.NULL, Kind.OPAQUE})


def can_fail(expression: Expression) -> bool:
    """Return whether a function in an expression may fail for a row."""
    return any(isinstance(node, Call) and node.function in _FALLIBLE for node in walk(expression))


class Condition:
    """A boolean expression, ready to be evaluated on batches.

    Attributes:
        columns: Names of the columns that it looks at.
        can_fail: Whether a function in it may fail for a row.

    Raises:
        InvalidRequestError: A function is unknown or has a wrong number of arguments.
    """

    def __init__(self, expression: Expression) -> None:
        check_calls(expression)
        self.columns = referenced_columns(expression)
        self._expression = expression
        self._lookups: dict[tuple[int, pa.DataType], Test] = {}
        self.can_fail = can_fail(expression)

    def mask(self, batch: pa.RecordBatch) -> Data:
        """Return TRUE, FALSE or NULL for each row of a batch.

        Raises:
            InvalidRequestError: A function failed for a row, or the expression is not
                boolean or calls for something impossible.
            UnsupportedTypeError: Values of types that can't be compared are.
        """
        pc = compute()
        result = self._logical(self._expression, batch)
        for failure in result.failures:
            if pc.any(failure.rows).as_py():
                raise InvalidRequestError(
                    failure.reason, hint="Exclude such rows in the query, or cast to a wider type."
                )
        return as_column(result.data, batch.num_rows)

    def _evaluate(self, expression: Expression, batch: pa.RecordBatch) -> Operand:
        if isinstance(expression, Call):
            return self._call(expression, batch)
        if isinstance(expression, Constant):
            return _constant(expression)
        column = batch.column(expression.column)
        return Operand(kind_of(column.type), unpack(column))

    def _call(self, call: Call, batch: pa.RecordBatch) -> Operand:
        match call.function:
            case "$and":
                return self._connect(call, batch, decisive=False)
            case "$or":
                return self._connect(call, batch, decisive=True)
            case "$in":
                return self._in(call, batch)
            case "$cast":
                operand = self._evaluate(call.arguments[0], batch)
                return cast(operand, call.type, text=render(call))
            case "$not":
                return _not(self._logical(call.arguments[0], batch))
            case "$array":
                raise InvalidRequestError(f"A list can only follow IN: {render(call)}.")
        operands = [self._evaluate(item, batch) for item in call.arguments]
        if call.function in ARITHMETIC:
            return calculate(call.function, *operands, text=render(call))
        return _FUNCTIONS[call.function](*operands)

    def _logical(self, expression: Expression, batch: pa.RecordBatch) -> Operand:
        operand = self._evaluate(expression, batch)
        if operand.kind is Kind.NULL:
            return replace(operand, kind=Kind.BOOLEAN, data=_UNKNOWN)
        if operand.kind is not Kind.BOOLEAN:
            raise InvalidRequestError(f"{render(expression)} is neither true nor false.")
        return operand

    def _connect(self, call: Call, batch: pa.RecordBatch, *, decisive: bool) -> Operand:
        """Join by AND (FALSE is decisive) or OR (TRUE is)."""
        pc = compute()
        kernel = pc.or_kleene if decisive else pc.and_kleene
        joined = self._logical(call.arguments[0], batch)
        for argument in call.arguments[1:]:
            operand = self._logical(argument, batch)
            decided = pc.coalesce(pc.equal(joined.data, pa.scalar(decisive)), _FALSE)
            late = (
                Failure(pc.and_not(failure.rows, decided), failure.reason)
                for failure in operand.failures
            )
            data = kernel(joined.data, operand.data)
            joined = Operand(Kind.BOOLEAN, data, (*joined.failures, *late))
        return joined

    def _in(self, call: Call, batch: pa.RecordBatch) -> Operand:
        pc = compute()
        value = self._evaluate(call.arguments[0], batch)
        found = Operand(Kind.BOOLEAN, _FALSE, value.failures)
        for element in _elements(call):
            for match in self._matches(value, element, batch):
                data = pc.or_kleene(found.data, match.data)
                found = Operand(Kind.BOOLEAN, data, found.failures + match.failures)
        return found

    def _matches(
        self, value: Operand, element: Expression, batch: pa.RecordBatch
    ) -> Iterator[Operand]:
        plain = replace(value, failures=())
        if not isinstance(element, Constant):
            yield _equal(plain, self._evaluate(element, batch))
        elif _can_look_up(value.kind, element):
            yield Operand(Kind.BOOLEAN, self._look_up(value, element))
        else:
            for item in element.values:
                yield _equal(plain, _constant(replace(element, values=(item,))))

    def _look_up(self, value: Operand, constant: Constant) -> Data:
        pc = compute()
        data = as_column(value.data, 1)
        if value.kind is Kind.FLOAT:
            data = pc.add(pc.cast(data, pa.float64()), 0.0)  # makes -0.0 to 0.0
        # The expression lives as long as this object, so ids are not used twice.
        key = id(constant), data.type
        test = self._lookups.get(key)
        if test is None:
            test = self._lookups[key] = _compile_lookup(constant, data.type)
        missing = _UNKNOWN if None in constant.values else _FALSE
        mask = pc.or_kleene(pc.coalesce(test(data), _FALSE), missing)
        mask = pc.if_else(data.is_valid(), mask, _UNKNOWN)
        return mask[0] if isinstance(value.data, pa.Scalar) else mask


def _constant(constant: Constant) -> Operand:
    if len(constant.values) != 1:
        raise InvalidRequestError(
            f"A constant outside of an IN list has {len(constant.values)} values."
        )
    (value,) = constant.values
    kind = kind_of(constant.type)
    if kind is Kind.OPAQUE:  # nothing but its nullness is ever looked at
        return Operand(kind, scalar(None if value is None else True, pa.bool_()))
    return Operand(kind, scalar(value, constant.type))


def _not(operand: Operand) -> Operand:
    pc = compute()
    return replace(operand, data=pc.invert(operand.data))


def _is_null(operand: Operand) -> Operand:
    pc = compute()
    return Operand(Kind.BOOLEAN, pc.is_null(operand.data), operand.failures)


def _elements(call: Call) -> tuple[Expression, ...]:
    match call.arguments[1]:
        case Call(function="$array", arguments=arguments):
            return arguments
        case Constant() as constant:
            return (constant,)
        case _:
            raise InvalidRequestError(f"IN is not followed by a list: {render(call)}.")


def _can_look_up(kind: Kind, constant: Constant) -> bool:
    kinds = {kind, kind_of(constant.type)}
    return kinds <= _EXACT_NUMBERS or (len(kinds) == 1 and kinds.isdisjoint(_VALUELESS))


def _compile_lookup(constant: Constant, column_type: pa.DataType) -> Test:
    type_ = scalar(None, constant.type).type
    values = [scalar(item, constant.type).as_py() for item in constant.values if item is not None]
    if pa.types.is_floating(type_):
        values = [item + 0.0 for item in values if not math.isnan(item)]
    return compile_domain(ColumnDomain("", SortedRangeSet.of_points(type_, values)), column_type)


# Comparisons


def _equal(left: Operand, right: Operand) -> Operand:
    return _compare("equal", left, right)


def _compare(kernel: str, left: Operand, right: Operand) -> Operand:
    pc = compute()
    one, two = align(left, right)
    failures = left.failures + right.failures
    if Kind.NULL in (left.kind, right.kind):
        return Operand(Kind.BOOLEAN, _UNKNOWN, failures)
    return Operand(Kind.BOOLEAN, pc.call_function(kernel, [one, two]), failures)


def _is_distinct(left: Operand, right: Operand) -> Operand:
    pc = compute()
    equal = _equal(left, right)
    same = equal.data
    if left.kind is right.kind is Kind.FLOAT:
        same = pc.or_(same, pc.and_(pc.is_nan(left.data), pc.is_nan(right.data)))
    one_null = pc.xor(pc.is_null(left.data), pc.is_null(right.data))
    return replace(equal, data=pc.coalesce(pc.invert(same), one_null))


def _nullif(left: Operand, right: Operand) -> Operand:
    pc = compute()
    equal = _equal(left, right)
    nothing = pa.scalar(None, left.data.type)
    data = pc.if_else(pc.coalesce(equal.data, _FALSE), nothing, left.data)
    return Operand(left.kind, data, equal.failures)


def _like(left: Operand, right: Operand) -> Operand:
    kinds = {left.kind, right.kind}
    if not kinds <= {Kind.TEXT, Kind.NULL}:
        raise UnsupportedTypeError(
            f"LIKE can't match a {left.kind.name} with a {right.kind.name}.",
            hint="Both have to be texts.",
        )
    data = _UNKNOWN if Kind.NULL in kinds else like(left.data, right.data)
    return Operand(Kind.BOOLEAN, data, left.failures + right.failures)


_FUNCTIONS: dict[str, Callable[..., Operand]] = {
    "$is_null": _is_null,
    "$equal": _equal,
    "$not_equal": partial(_compare, "not_equal"),
    "$less_than": partial(_compare, "less"),
    "$less_than_or_equal": partial(_compare, "less_equal"),
    "$greater_than": partial(_compare, "greater"),
    "$greater_than_or_equal": partial(_compare, "greater_equal"),
    "$is_distinct_from": _is_distinct,
    "$nullif": _nullif,
    "$like_pattern": _like,
}

"""Expressions of the engine as reaches.

Each is compiled for where it is TRUE, or for where it is FALSE if a NOT stands above it;
what is NULL is neither. Semantics are those of ``common.evaluation``.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from athena_connectors.cloudwatch_logs.computed_times import solve
from athena_connectors.cloudwatch_logs.domain_reaches import (
    KINDS,
    nullness,
    ranges_reach,
    times_reach,
)
from athena_connectors.cloudwatch_logs.filter_patterns import like_pieces, longest_run
from athena_connectors.cloudwatch_logs.reach import NEVER, Reach, all_true, always, any_true
from athena_connectors.cloudwatch_logs.stream_names import StreamSet
from athena_connectors.cloudwatch_logs.types import LOG_STREAM, MESSAGE
from athena_connectors.cloudwatch_logs.windows import integers
from athena_connectors.common.comparisons import (
    COMPARISONS,
    MIRRORED,
    NEGATED,
    compared_ranges,
)
from athena_connectors.common.errors import ConnectorError
from athena_connectors.common.evaluation import Condition
from athena_connectors.common.expression_predicates import combined
from athena_connectors.common.expressions import (
    Call,
    Constant,
    Variable,
    check_calls,
    is_deeper,
    referenced_columns,
)
from athena_connectors.common.physical import Kind, kind_of
from athena_connectors.common.predicate_leaves import Algebra
from athena_connectors.common.valueset import Range

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from athena_connectors.common.expressions import Expression
    from athena_connectors.common.valueset import Value

__all__ = ["expression_reach"]

_MAX_DEPTH = 100
_ALGEBRA = Algebra(NEVER, always, all_true, any_true)
_DAY_MS = 86_400_000
_WHOLE_FLOATS = 2**53
"""A double below it is next to no integer but those that are next to it exactly."""

_DEEP = f"The expression is nested more than {_MAX_DEPTH} levels deep."
_COMPUTED = "What is calculated is evaluated here."
_FAILING = "The calculation may fail, so it is evaluated here too."
_UNLIKE = "CloudWatch Logs can't be asked for texts that are not like others."
_COMMON = "No three plain characters are in all texts that are like this."
_LIKE = "CloudWatch Logs can be asked for a part of the pattern only."


def expression_reach(expression: Expression, known: Mapping[str, str]) -> Reach:
    """Return where a conjunct of the predicate is true.

    Args:
        expression: The conjunct.
        known: Columns that have the same value in all rows, and that value.

    Raises:
        InvalidRequestError: A function is unknown or has a wrong number of arguments.
    """
    if is_deeper(expression, _MAX_DEPTH):
        return always(_DEEP)
    check_calls(expression)
    return combined(expression, _ALGEBRA, _Tests(known).compile, wanted=True)


@dataclass(frozen=True, slots=True)
class _Tests:
    known: Mapping[str, str]

    def compile(self, expression: Expression, *, wanted: bool) -> Reach:
        """Return where an expression is TRUE, or FALSE if that is wanted."""
        if not isinstance(expression, Call):
            return always(_COMPUTED)
        columns = referenced_columns(expression)
        if columns and columns.issubset(self.known):
            return _evaluated(expression, self.known, wanted=wanted)
        return _test(expression, wanted=wanted)


def _evaluated(call: Call, known: Mapping[str, str], *, wanted: bool) -> Reach:
    """Return where something is true that is the same for all rows."""
    row = pa.RecordBatch.from_pydict({name: [value] for name, value in known.items()})
    try:
        truth = Condition(call).mask(row)[0].as_py()
    except ConnectorError:  # it fails for the rows too
        return always(_COMPUTED)
    return always() if truth is wanted else NEVER


def _test(call: Call, *, wanted: bool) -> Reach:
    match call.function, call.arguments:
        case "$is_null", (Variable(column=column),):
            return nullness(column, some=not wanted, null_allowed=wanted)
        case "$is_distinct_from", (left, right):
            return _distinct(left, right, wanted=wanted)
        case "$in", (operand, array):
            return _listed(operand, array, wanted=wanted)
        case "$like_pattern", (Variable(column=column), Constant(values=(pattern,))):
            return _like(column, pattern, wanted=wanted)
        case function, (left, right) if function in COMPARISONS:
            return _compared(COMPARISONS[function], left, right, wanted=wanted)
        case _:
            return always(_COMPUTED)


def _compared(operator: str, left: Expression, right: Expression, *, wanted: bool) -> Reach:
    if isinstance(left, Constant):
        operator, left, right = MIRRORED[operator], right, left
    if not isinstance(right, Constant) or len(right.values) != 1:
        return always(_COMPUTED)
    operator = operator if wanted else NEGATED[operator]
    (value,) = right.values
    if value is None:
        return NEVER
    number = _comparable(left, value, right.type)
    if number is None:
        return always(_COMPUTED)
    return _in_ranges(left, compared_ranges(operator, number))


def _distinct(left: Expression, right: Expression, *, wanted: bool) -> Reach:
    if isinstance(left, Constant):
        left, right = right, left
    match left, right:
        case Variable(column=column), Constant(values=(None,)):
            return nullness(column, some=wanted, null_allowed=not wanted)
        case Variable(column=column), Constant(values=(_,)):
            unequal = _compared("=", left, right, wanted=not wanted)
            if not wanted:
                return unequal
            return any_true([unequal, nullness(column, some=False, null_allowed=True)])
        case _:
            return always(_COMPUTED)


def _listed(operand: Expression, array: Expression, *, wanted: bool) -> Reach:
    members = array.arguments if isinstance(array, Call) else (array,)
    constants = [item for item in members if isinstance(item, Constant)]
    if len(constants) < len(members):
        return always(_COMPUTED)
    values = [(value, item.type) for item in constants for value in item.values]
    if not values:
        return NEVER if wanted else always()
    numbers = [_comparable(operand, value, type_) for value, type_ in values if value is not None]
    present = [value for value in numbers if value is not None]
    if len(present) < len(numbers):
        return always(_COMPUTED)
    if not present or (len(present) < len(values) and not wanted):
        return NEVER  # what is not in a list with NULL is NULL
    if wanted:
        return _in_ranges(operand, _points(present))
    if _kind(operand) is Kind.TEXT:
        assert isinstance(operand, Variable), "no function gives a text"
        return _unlike(operand.column)
    return _in_ranges(operand, _between(present))


def _points(values: Sequence[Value]) -> tuple[Range, ...]:
    return tuple(map(Range.equal, dict.fromkeys(values)))


def _between(numbers: Iterable[Any]) -> tuple[Range, ...]:
    """Return everything but some numbers."""
    ordered = sorted(set(numbers))
    gaps = (
        Range.between(low, high, low_inclusive=False, high_inclusive=False)
        for low, high in pairwise(ordered)
    )
    return (Range.less_than(ordered[0]), *gaps, Range.greater_than(ordered[-1]))


def _in_ranges(operand: Expression, ranges: tuple[Range, ...]) -> Reach:
    """Return where an operand, which ``_comparable`` has taken, is in some ranges."""
    if isinstance(operand, Variable):
        return ranges_reach(operand.column, ranges, null_allowed=False)
    solution = solve(operand, integers(ranges))
    if solution is None:
        return always(_COMPUTED)
    found = times_reach(solution.column, solution.values)
    return all_true([found, always(_FAILING)]) if solution.can_fail else found


def _comparable(operand: Expression, value: Value, type_: pa.DataType) -> Value | None:
    """Return what a constant is among the values of an operand; ``None`` if nothing."""
    kind = _kind(operand)
    match kind, kind_of(type_), value:
        case Kind.TEXT, Kind.TEXT, _:
            return value
        case Kind.INTEGER, Kind.INTEGER | Kind.DECIMAL, _:
            return value
        case Kind.INTEGER, Kind.FLOAT, float() if type_ == pa.float64():
            return value if abs(value) < _WHOLE_FLOATS else None
        case Kind.DATETIME, Kind.DATETIME, _:
            return value
        case Kind.DATETIME, Kind.DATE, int():
            return value * _DAY_MS
        case _:
            return None


def _kind(operand: Expression) -> Kind | None:
    match operand:
        case Variable(column=column):
            return KINDS.get(column)
        case Call():
            columns = referenced_columns(operand)
            kinds = {KINDS.get(column) for column in columns}
            return Kind.INTEGER if kinds == {Kind.INTEGER} else None
        case _:
            return None


# LIKE


def _like(column: str, pattern: object, *, wanted: bool) -> Reach:
    if pattern is None:
        return NEVER
    if not isinstance(pattern, str) or KINDS.get(column) is not Kind.TEXT:
        return always(_COMPUTED)
    prefix, *others = like_pieces(pattern)
    if not others:
        ranges = compared_ranges("=" if wanted else "<>", pattern)
        return ranges_reach(column, ranges, null_allowed=False)
    if not wanted:
        return _unlike(column)
    if column == LOG_STREAM:
        reason = "" if set(pattern[len(prefix) :]) == {"%"} else _LIKE
        return Reach(streams=StreamSet.of((), (prefix,)), reason=reason)
    if column == MESSAGE:
        run = longest_run((prefix, *others))
        return Reach(run=run, reason=_LIKE if run else _COMMON)
    return Reach(needs_pattern=True, reason=_LIKE)


def _unlike(column: str) -> Reach:
    """Return where a text is none of some, of which nothing can be asked but not to be NULL."""
    return all_true([nullness(column, some=True, null_allowed=False), always(_UNLIKE)])

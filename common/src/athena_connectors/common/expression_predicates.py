"""Expressions of the engine as predicates, for connectors that push them down.

Each is compiled for where it is TRUE, or for where it is FALSE if a NOT stands above it;
what is NULL is neither. Semantics are those of ``evaluation``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Generic

import pyarrow as pa
from athena_connectors.common.comparisons import (
    COMPARISONS,
    MIRRORED,
    NEGATED,
    compared_ranges,
)
from athena_connectors.common.expressions import (
    Call,
    Constant,
    Variable,
    check_calls,
    is_deeper,
)
from athena_connectors.common.like_predicates import matched, unmatched
from athena_connectors.common.number_bounds import REALS, float_bounds
from athena_connectors.common.physical import Kind, kind_of
from athena_connectors.common.predicate_leaves import PredicateT, SubjectT
from athena_connectors.common.texts import is_text
from athena_connectors.common.valueset import Bound, Marker, Range, SortedRangeSet

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from athena_connectors.common.expressions import Expression
    from athena_connectors.common.predicate_leaves import Algebra, Leaves, Test
    from athena_connectors.common.valueset import Value

__all__ = ["combined", "expression_predicate"]

_EXACT_NUMBERS = frozenset({Kind.INTEGER, Kind.DECIMAL})
_NUMBERS = _EXACT_NUMBERS | {Kind.FLOAT}
_NAN = SortedRangeSet.of_points(pa.float64(), (math.nan,))

_COMPUTED = "What is calculated is evaluated here."
_TWO_COLUMNS = "Two columns are compared with each other here."
_TYPES = "Values of different types are compared here."
_FLOATS = "Numbers are compared as floats here."


def expression_predicate(
    expression: Expression,
    find: Callable[[str], SubjectT | str],
    leaves: Leaves[SubjectT, PredicateT],
    *,
    max_depth: int,
) -> PredicateT:
    """Return a conjunct of the predicate.

    Args:
        expression: The conjunct.
        find: Returns a column by its name, or a sentence why the source can't be asked for it.
        leaves: What the source can be asked.
        max_depth: Levels of calls that the source takes.

    Raises:
        InvalidRequestError: A function is unknown or has a wrong number of arguments.
    """
    if is_deeper(expression, max_depth):
        return leaves.algebra.always(f"The expression is nested more than {max_depth} levels deep.")
    check_calls(expression)
    test = _Tests(find, leaves).compile
    return combined(expression, leaves.algebra, test, wanted=True)


def combined(
    expression: Expression,
    algebra: Algebra[PredicateT],
    test: Test[PredicateT],
    *,
    wanted: bool,
) -> PredicateT:
    """Return where an expression is TRUE, or FALSE if that is wanted.

    Args:
        expression: The expression.
        algebra: How predicates are put together.
        test: Returns the same for one that is neither AND, OR, NOT nor a truth value.
        wanted: Which of the two.
    """
    match expression:
        case Constant(values=(True | False | None as value,)):
            return algebra.always("") if value is wanted else algebra.never
        case Call(function="$and" | "$or" as function, arguments=arguments):
            parts = [combined(item, algebra, test, wanted=wanted) for item in arguments]
            is_all = (function == "$and") == wanted
            return algebra.all_true(parts) if is_all else algebra.any_true(parts)
        case Call(function="$not", arguments=(argument,)):
            return combined(argument, algebra, test, wanted=not wanted)
        case _:
            return test(expression, wanted=wanted)


@dataclass(frozen=True, slots=True)
class _Tests(Generic[SubjectT, PredicateT]):
    find: Callable[[str], SubjectT | str]
    leaves: Leaves[SubjectT, PredicateT]

    def compile(self, expression: Expression, *, wanted: bool) -> PredicateT:
        match expression:
            case Variable():
                truth = Constant((True,), pa.bool_())
                return self._comparison("=", expression, truth, wanted=wanted)
            case Call(function="$is_null", arguments=(Variable() as variable,)):
                return self._null_test(variable, is_wanted=wanted)
            case Call(function=function, arguments=(left, right)):
                return self._test(function, left, right, wanted=wanted)
            case _:
                return self._always(_COMPUTED)

    def _test(
        self, function: str, left: Expression, right: Expression, *, wanted: bool
    ) -> PredicateT:
        match function, left:
            case "$is_distinct_from", _:
                return self._distinct(left, right, wanted=wanted)
            case "$in", Variable():
                return self._in(left, right, wanted=wanted)
            case "$like_pattern", Variable():
                return self._like(left, right, wanted=wanted)
            case _ if function in COMPARISONS:
                return self._comparison(COMPARISONS[function], left, right, wanted=wanted)
            case _:
                return self._always(_COMPUTED)

    def _always(self, reason: str) -> PredicateT:
        return self.leaves.algebra.always(reason)

    def _null_test(self, variable: Variable, *, is_wanted: bool) -> PredicateT:
        subject = self.find(variable.column)
        if isinstance(subject, str):
            return self._always(subject)
        return self.leaves.is_null(subject) if is_wanted else self.leaves.not_null(subject)

    def _nan_test(self, variable: Variable, *, is_wanted: bool) -> PredicateT:
        subject = self.find(variable.column)
        if isinstance(subject, str) or subject.kind is not Kind.FLOAT or not is_wanted:
            return self._always(_COMPUTED)
        return self.leaves.has_value(subject, _NAN, utf16=False)

    def _comparison(
        self, operator: str, left: Expression, right: Expression, *, wanted: bool
    ) -> PredicateT:
        if isinstance(left, Constant):
            operator, left, right = MIRRORED[operator], right, left
        match left, right:
            case Variable(), Variable():
                sides = [self._null_test(side, is_wanted=False) for side in (left, right)]
                return self.leaves.algebra.all_true([*sides, self._always(_TWO_COLUMNS)])
            case Variable(), Constant(values=(value,)):
                subject = self.find(left.column)
                if isinstance(subject, str):
                    return self._always(subject)
                return _compared(subject, operator, value, right.type, self.leaves, wanted=wanted)
            case _:
                return self._always(_COMPUTED)

    def _distinct(self, left: Expression, right: Expression, *, wanted: bool) -> PredicateT:
        if isinstance(left, Constant):
            left, right = right, left
        match left, right:
            case Variable(), Constant(values=(None,)):
                return self._null_test(left, is_wanted=not wanted)
            case Variable(), Constant(values=(float(value),)) if (
                math.isnan(value) and self.leaves.holds_nan
            ):
                return self._nan_test(left, is_wanted=not wanted)
            case Variable(), Constant(values=(_,)):
                unequal = self._comparison("=", left, right, wanted=not wanted)
                if not wanted:
                    return unequal
                null = self._null_test(left, is_wanted=True)
                return self.leaves.algebra.any_true([unequal, null])
            case _:
                return self._always(_COMPUTED)

    def _in(self, variable: Variable, array: Expression, *, wanted: bool) -> PredicateT:
        members = array.arguments if isinstance(array, Call) else (array,)
        algebra = self.leaves.algebra
        subject = self.find(variable.column)
        if isinstance(subject, str):
            return algebra.always(subject)
        constants = [item for item in members if isinstance(item, Constant)]
        if len(constants) < len(members):
            parts = [self.leaves.not_null(subject), algebra.always(_COMPUTED)]
            return algebra.all_true(parts) if members else algebra.never
        values = [(value, item.type) for item in constants for value in item.values]
        if not values:
            return algebra.never if wanted else algebra.always("")
        if not wanted and any(value is None for value, _ in values):
            return algebra.never
        return _listed(subject, values, self.leaves, wanted=wanted)

    def _like(self, variable: Variable, pattern: Expression, *, wanted: bool) -> PredicateT:
        subject = self.find(variable.column)
        if isinstance(subject, str):
            return self._always(subject)
        match pattern:
            case Constant(values=(None,)):
                return self.leaves.algebra.never
            case Constant(values=(str(text),)) if subject.kind is Kind.TEXT and is_text(text):
                side = matched if wanted else unmatched
                return side(subject, text, self.leaves)
            case _:
                return self._always(_COMPUTED)


# Comparisons


def _compared(
    subject: SubjectT,
    operator: str,
    value: Value | None,
    type_: pa.DataType,
    leaves: Leaves[SubjectT, PredicateT],
    *,
    wanted: bool,
) -> PredicateT:
    algebra = leaves.algebra
    if value is None:
        return algebra.never
    if not _is_comparable(subject.kind, kind_of(type_)):
        return algebra.always(_TYPES)
    if isinstance(value, float) and math.isnan(value):
        # Nothing is equal to it, less or greater: all but <> is false.
        return leaves.not_null(subject) if (operator == "<>") == wanted else algebra.never
    if wanted:
        return _in_set(subject, operator, value, type_, leaves)
    found = _in_set(subject, NEGATED[operator], value, type_, leaves)
    # No comparison is true of NaN but <>, whose opposite is not.
    is_nan_found = leaves.holds_nan and subject.kind is Kind.FLOAT and operator not in ("=", "<>")
    if not is_nan_found:
        return found
    return algebra.any_true([found, leaves.has_value(subject, _NAN, utf16=False)])


def _is_comparable(one: Kind, two: Kind) -> bool:
    if {one, two} & {Kind.OPAQUE, Kind.NULL}:
        return False
    return one is two or {one, two} <= _NUMBERS


def _in_set(
    subject: SubjectT,
    operator: str,
    value: Value,
    type_: pa.DataType,
    leaves: Leaves[SubjectT, PredicateT],
) -> PredicateT:
    algebra = leaves.algebra
    is_exact = subject.kind in _EXACT_NUMBERS
    if is_exact and isinstance(value, float):
        if operator == "<>":
            around = leaves.not_null(subject)
        else:
            around = leaves.has_value(subject, _around(operator, value, type_), utf16=False)
        return algebra.all_true([around, algebra.always(_FLOATS)])
    if subject.kind is Kind.FLOAT:
        chosen = _set(operator, float(value), pa.float64())
    elif is_exact:
        chosen = _set(operator, Decimal(value), REALS)  # type: ignore[arg-type]
    else:
        chosen = _set(operator, value, subject.type)
    return leaves.has_value(subject, chosen, utf16=False)


def _set(operator: str, value: Value, type_: pa.DataType) -> SortedRangeSet:
    return SortedRangeSet(type_, compared_ranges(operator, value), null_allowed=False)


def _around(operator: str, value: float, type_: pa.DataType) -> SortedRangeSet:
    """Return all numbers that compare so with a float once they are floats too."""
    low, high = float_bounds(value, type_)
    first = Marker(None, Bound.ABOVE)
    last = Marker(None, Bound.BELOW)
    if operator in ("=", ">", ">=") and low is not None:
        first = Marker(low, Bound.EXACTLY)
    if operator in ("=", "<", "<=") and high is not None:
        last = Marker(high, Bound.EXACTLY)
    return SortedRangeSet(REALS, (Range(first, last),), null_allowed=False)


def _listed(
    subject: SubjectT,
    values: Sequence[tuple[Value | None, pa.DataType]],
    leaves: Leaves[SubjectT, PredicateT],
    *,
    wanted: bool,
) -> PredicateT:
    found = [(value, type_) for value, type_ in values if value is not None]
    algebra = leaves.algebra
    if not all(_is_comparable(subject.kind, kind_of(type_)) for _, type_ in found):
        return algebra.always(_TYPES)
    if subject.kind is Kind.FLOAT or any(isinstance(value, float) for value, _ in found):
        operator = "=" if wanted else "<>"
        parts = [
            _compared(subject, operator, value, type_, leaves, wanted=True)
            for value, type_ in found
        ]
        return algebra.any_true(parts) if wanted else algebra.all_true(parts)
    is_number = subject.kind in _EXACT_NUMBERS
    type_ = REALS if is_number else subject.type
    points: list[Any] = [Decimal(value) if is_number else value for value, _ in found]  # type: ignore[arg-type]
    chosen = SortedRangeSet.of_points(type_, points)
    if not wanted:
        chosen = replace(chosen.complement(), null_allowed=False)
    return leaves.has_value(subject, chosen, utf16=False)

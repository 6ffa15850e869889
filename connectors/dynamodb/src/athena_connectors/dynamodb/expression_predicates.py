"""Expressions of the engine as predicates on items.

Each is compiled for where it is TRUE, or for where it is FALSE if a NOT stands above it;
what is NULL is neither. Semantics are those of ``common.evaluation``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any

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
from athena_connectors.common.physical import Kind, kind_of
from athena_connectors.common.valueset import Bound, Marker, Range, SortedRangeSet
from athena_connectors.dynamodb.domain_predicates import values_predicate
from athena_connectors.dynamodb.like_predicates import matched, unmatched
from athena_connectors.dynamodb.literals import is_text
from athena_connectors.dynamodb.predicates import (
    NEVER,
    Predicate,
    all_true,
    always,
    any_true,
    is_null,
    not_null,
)
from athena_connectors.dynamodb.storage import find_subject
from athena_connectors.dynamodb.stored_numbers import REALS, float_bounds

if TYPE_CHECKING:
    from collections.abc import Sequence

    from athena_connectors.common.expressions import Expression
    from athena_connectors.common.valueset import Value
    from athena_connectors.dynamodb.relation import Relation
    from athena_connectors.dynamodb.settings import Settings
    from athena_connectors.dynamodb.storage import Subject

__all__ = ["expression_predicate"]

_MAX_DEPTH = 100
_EXACT_NUMBERS = frozenset({Kind.INTEGER, Kind.DECIMAL})
_NUMBERS = _EXACT_NUMBERS | {Kind.FLOAT}

_DEEP = f"The expression is nested more than {_MAX_DEPTH} levels deep."
_COMPUTED = "What is calculated is evaluated here."
_TWO_COLUMNS = "Two columns are compared with each other here."
_TYPES = "Values of different types are compared here."
_FLOATS = "Numbers are compared as floats here."


def expression_predicate(
    expression: Expression, relation: Relation, settings: Settings
) -> Predicate:
    """Return a conjunct of the predicate.

    Raises:
        InvalidRequestError: A function is unknown or has a wrong number of arguments.
    """
    if is_deeper(expression, _MAX_DEPTH):
        return always(_DEEP)
    check_calls(expression)
    return _Compiler(relation, settings).compile(expression, wanted=True)


@dataclass(frozen=True, slots=True)
class _Compiler:
    relation: Relation
    settings: Settings

    def compile(self, expression: Expression, *, wanted: bool) -> Predicate:
        """Return where an expression is TRUE, or FALSE if that is wanted."""
        match expression:
            case Variable():
                truth = Constant((True,), pa.bool_())
                return self._comparison("=", expression, truth, wanted=wanted)
            case Constant(values=(True | False | None as value,)):
                return always() if value is wanted else NEVER
            case Call(function="$and" | "$or" as function, arguments=arguments):
                parts = [self.compile(item, wanted=wanted) for item in arguments]
                return all_true(parts) if (function == "$and") == wanted else any_true(parts)
            case Call(function="$not", arguments=(argument,)):
                return self.compile(argument, wanted=not wanted)
            case Call(function="$is_null", arguments=(Variable() as variable,)):
                return self._null_test(variable, is_wanted=wanted)
            case Call(arguments=(left, right)):
                return self._test(expression, left, right, wanted=wanted)
            case _:
                return always(_COMPUTED)

    def _test(self, call: Call, left: Expression, right: Expression, *, wanted: bool) -> Predicate:
        match call.function, left:
            case "$is_distinct_from", _:
                return self._distinct(left, right, wanted=wanted)
            case "$in", Variable():
                return self._in(left, right, wanted=wanted)
            case "$like_pattern", Variable():
                return self._like(left, right, wanted=wanted)
            case function, _ if function in COMPARISONS:
                return self._comparison(COMPARISONS[function], left, right, wanted=wanted)
            case _:
                return always(_COMPUTED)

    def _subject(self, variable: Variable) -> Subject | str:
        return find_subject(variable.column, self.relation, self.settings)

    def _null_test(self, variable: Variable, *, is_wanted: bool) -> Predicate:
        subject = self._subject(variable)
        if isinstance(subject, str):
            return always(subject)
        return is_null(subject) if is_wanted else not_null(subject)

    def _comparison(
        self, operator: str, left: Expression, right: Expression, *, wanted: bool
    ) -> Predicate:
        if isinstance(left, Constant):
            operator, left, right = MIRRORED[operator], right, left
        match left, right:
            case Variable(), Variable():
                sides = (self._null_test(side, is_wanted=False) for side in (left, right))
                return all_true([*sides, always(_TWO_COLUMNS)])
            case Variable(), Constant(values=(value,)):
                subject = self._subject(left)
                if isinstance(subject, str):
                    return always(subject)
                return _compared(subject, operator, value, right.type, wanted=wanted)
            case _:
                return always(_COMPUTED)

    def _distinct(self, left: Expression, right: Expression, *, wanted: bool) -> Predicate:
        if isinstance(left, Constant):
            left, right = right, left
        match left, right:
            case Variable(), Constant(values=(None,)):
                return self._null_test(left, is_wanted=not wanted)
            case Variable(), Constant(values=(_,)):
                unequal = self._comparison("=", left, right, wanted=not wanted)
                if not wanted:
                    return unequal
                return any_true([unequal, self._null_test(left, is_wanted=True)])
            case _:
                return always(_COMPUTED)

    def _in(self, variable: Variable, array: Expression, *, wanted: bool) -> Predicate:
        members = array.arguments if isinstance(array, Call) else (array,)
        subject = self._subject(variable)
        if isinstance(subject, str):
            return always(subject)
        constants = [item for item in members if isinstance(item, Constant)]
        if len(constants) < len(members):
            return all_true([not_null(subject), always(_COMPUTED)]) if members else NEVER
        values = [(value, item.type) for item in constants for value in item.values]
        if not values:
            return NEVER if wanted else always()
        if not wanted and any(value is None for value, _ in values):
            return NEVER
        return _listed(subject, values, wanted=wanted)

    def _like(self, variable: Variable, pattern: Expression, *, wanted: bool) -> Predicate:
        subject = self._subject(variable)
        if isinstance(subject, str):
            return always(subject)
        match pattern:
            case Constant(values=(None,)):
                return NEVER
            case Constant(values=(str(text),)) if subject.kind is Kind.TEXT and is_text(text):
                return matched(subject, text) if wanted else unmatched(subject, text)
            case _:
                return always(_COMPUTED)


# Comparisons


def _compared(
    subject: Subject, operator: str, value: Value | None, type_: pa.DataType, *, wanted: bool
) -> Predicate:
    if value is None:
        return NEVER
    kind = kind_of(type_)
    if not _is_comparable(subject.kind, kind):
        return always(_TYPES)
    if isinstance(value, float) and math.isnan(value):
        # Nothing is equal to it, less or greater: all but <> is false.
        return not_null(subject) if (operator == "<>") == wanted else NEVER
    if not wanted:
        operator = NEGATED[operator]
    return _in_set(subject, operator, value, type_)


def _is_comparable(one: Kind, two: Kind) -> bool:
    if {one, two} & {Kind.OPAQUE, Kind.NULL}:
        return False
    return one is two or {one, two} <= _NUMBERS


def _in_set(subject: Subject, operator: str, value: Value, type_: pa.DataType) -> Predicate:
    if subject.kind is Kind.FLOAT:
        return values_predicate(subject, _set(operator, float(value), pa.float64()), utf16=False)
    if subject.kind not in _EXACT_NUMBERS:
        return values_predicate(subject, _set(operator, value, subject.type), utf16=False)
    if not isinstance(value, float):
        return values_predicate(subject, _set(operator, Decimal(value), REALS), utf16=False)  # type: ignore[arg-type]
    if operator == "<>":
        return all_true([not_null(subject), always(_FLOATS)])
    around = values_predicate(subject, _around(operator, value, type_), utf16=False)
    return all_true([around, always(_FLOATS)])


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
    subject: Subject, values: Sequence[tuple[Value | None, pa.DataType]], *, wanted: bool
) -> Predicate:
    found = [(value, type_) for value, type_ in values if value is not None]
    if not all(_is_comparable(subject.kind, kind_of(type_)) for _, type_ in found):
        return always(_TYPES)
    if subject.kind is Kind.FLOAT or any(isinstance(value, float) for value, _ in found):
        operator = "=" if wanted else "<>"
        parts = [_compared(subject, operator, value, type_, wanted=True) for value, type_ in found]
        return any_true(parts) if wanted else all_true(parts)
    is_number = subject.kind in _EXACT_NUMBERS
    type_ = REALS if is_number else subject.type
    points: list[Any] = [Decimal(value) if is_number else value for value, _ in found]  # type: ignore[arg-type]
    chosen = SortedRangeSet.of_points(type_, points)
    if not wanted:
        chosen = replace(chosen.complement(), null_allowed=False)
    return values_predicate(subject, chosen, utf16=False)

"""Value sets of columns as predicates on items."""

from __future__ import annotations

from typing import TYPE_CHECKING

from athena_connectors.common.ordering import has_order, same_type
from athena_connectors.common.valueset import (
    AllOrNoneValueSet,
    EquatableValueSet,
    Range,
    SortedRangeSet,
    as_ranges,
)
from athena_connectors.dynamodb.predicates import (
    NEVER,
    always,
    any_true,
    is_null,
    is_one_of,
    not_null,
)
from athena_connectors.dynamodb.storage import find_subject
from athena_connectors.dynamodb.stored_values import stored

if TYPE_CHECKING:
    from athena_connectors.common.valueset import ValueSet
    from athena_connectors.dynamodb.predicates import Predicate
    from athena_connectors.dynamodb.relation import Relation
    from athena_connectors.dynamodb.settings import Settings
    from athena_connectors.dynamodb.storage import Subject

__all__ = ["domain_predicate", "values_predicate"]


def domain_predicate(
    name: str, values: ValueSet, relation: Relation, settings: Settings
) -> Predicate:
    """Return that the value of a column is in a set, NULL included if the set has it."""
    subject = find_subject(name, relation, settings)
    if isinstance(subject, str):
        return always(subject)
    if isinstance(values, AllOrNoneValueSet):
        if values.is_none:
            return always(
                "A set of neither all values nor NULL may have been NOT NULL on the wire."
            )
        return _by_nullness(subject, some=values.all, null_allowed=values.null_allowed)
    if isinstance(values, EquatableValueSet) and not has_order(values.type):
        if values.values:
            return always(f"Values of type {values.type} are never compared.")
        some = not values.white_list
        return _by_nullness(subject, some=some, null_allowed=values.null_allowed)
    ranges = as_ranges(values)
    if ranges.is_all or ranges.is_none:
        return _by_nullness(subject, some=ranges.is_all, null_allowed=ranges.null_allowed)
    if not same_type(ranges.type, subject.type):
        return always(
            f"The constraint is of type {ranges.type}, the column of type {subject.type}."
        )
    found = values_predicate(subject, ranges, utf16=True)
    return any_true([found, is_null(subject)]) if ranges.null_allowed else found


def values_predicate(subject: Subject, values: SortedRangeSet, *, utf16: bool) -> Predicate:
    """Return that a column has a value of a set, NULL aside; arguments as of ``stored``."""
    if values.is_none:
        return NEVER
    if values.ranges == (Range.all(),):
        return not_null(subject)
    return is_one_of(subject, stored(values, subject, utf16=utf16))


def _by_nullness(subject: Subject, *, some: bool, null_allowed: bool) -> Predicate:
    if some:
        return always() if null_allowed else not_null(subject)
    return is_null(subject) if null_allowed else NEVER

"""Value sets of columns as predicates, for connectors that push them down."""

from __future__ import annotations

from typing import TYPE_CHECKING

from athena_connectors.common.ordering import has_order, same_type
from athena_connectors.common.valueset import AllOrNoneValueSet, EquatableValueSet, as_ranges

if TYPE_CHECKING:
    from athena_connectors.common.predicate_leaves import Leaves, PredicateT, SubjectT
    from athena_connectors.common.valueset import ValueSet

__all__ = ["domain_predicate"]


def domain_predicate(
    subject: SubjectT | str, values: ValueSet, leaves: Leaves[SubjectT, PredicateT]
) -> PredicateT:
    """Return that the value of a column is in a set, NULL included if the set has it.

    Args:
        subject: The column, or a sentence why the source can't be asked for it.
        values: The set.
        leaves: What the source can be asked.
    """
    always = leaves.algebra.always
    if isinstance(subject, str):
        return always(subject)
    if isinstance(values, AllOrNoneValueSet):
        if values.is_none:
            return always(
                "A set of neither all values nor NULL may have been NOT NULL on the wire."
            )
        return _by_nullness(subject, leaves, some=values.all, null_allowed=values.null_allowed)
    if isinstance(values, EquatableValueSet) and not has_order(values.type):
        if values.values:
            return always(f"Values of type {values.type} are never compared.")
        some = not values.white_list
        return _by_nullness(subject, leaves, some=some, null_allowed=values.null_allowed)
    ranges = as_ranges(values)
    if ranges.is_all or ranges.is_none:
        return _by_nullness(subject, leaves, some=ranges.is_all, null_allowed=ranges.null_allowed)
    if not same_type(ranges.type, subject.type):
        return always(
            f"The constraint is of type {ranges.type}, the column of type {subject.type}."
        )
    found = leaves.has_value(subject, ranges, utf16=True)
    if not ranges.null_allowed:
        return found
    return leaves.algebra.any_true([found, leaves.is_null(subject)])


def _by_nullness(
    subject: SubjectT, leaves: Leaves[SubjectT, PredicateT], *, some: bool, null_allowed: bool
) -> PredicateT:
    if some:
        return leaves.algebra.always("") if null_allowed else leaves.not_null(subject)
    return leaves.is_null(subject) if null_allowed else leaves.algebra.never

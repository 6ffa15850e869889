"""What DynamoDB can be asked of one column."""

from __future__ import annotations

from typing import TYPE_CHECKING

from athena_connectors.common.predicate_leaves import Algebra, Leaves
from athena_connectors.common.valueset import Range
from athena_connectors.dynamodb.conditions import Contains, any_of
from athena_connectors.dynamodb.predicates import (
    NEVER,
    Predicate,
    all_true,
    always,
    any_true,
    is_null,
    is_one_of,
    not_null,
    type_escape,
)
from athena_connectors.dynamodb.storage import readable
from athena_connectors.dynamodb.stored_values import stored

if TYPE_CHECKING:
    from athena_connectors.common.valueset import SortedRangeSet
    from athena_connectors.dynamodb.storage import Subject

__all__ = ["LEAVES"]

_OTHER_TYPES = "Attributes of other types may show the text too."


def _has_value(subject: Subject, values: SortedRangeSet, *, utf16: bool) -> Predicate:
    if values.is_none:
        return NEVER
    if values.ranges == (Range.all(),):
        return not_null(subject)
    return is_one_of(subject, stored(values, subject, utf16=utf16))


def _contains(subject: Subject, piece: str) -> Predicate:
    attribute = subject.column.attribute
    others = readable(subject) - {"S"}
    parts = (Contains(attribute, {"S": piece}), *type_escape(subject, others))
    reason = _OTHER_TYPES if others else ""
    return Predicate(any_of(parts), reason, present=frozenset((attribute,)))


LEAVES = Leaves(
    algebra=Algebra(NEVER, always, all_true, any_true),
    is_null=is_null,
    not_null=not_null,
    has_value=_has_value,
    contains=_contains,
    holds_nan=False,
    like="DynamoDB knows a part of the pattern only.",
)
"""Texts, numbers and more, each as it is stored."""

"""LIKE as a predicate on items: begins_with, contains, or a part of the pattern."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pyarrow as pa
from athena_connectors.common.valueset import Range, SortedRangeSet
from athena_connectors.dynamodb.conditions import Contains, any_of
from athena_connectors.dynamodb.domain_predicates import values_predicate
from athena_connectors.dynamodb.literals import text_after
from athena_connectors.dynamodb.predicates import (
    NEVER,
    Predicate,
    all_true,
    always,
    not_null,
    type_escape,
)
from athena_connectors.dynamodb.storage import readable

if TYPE_CHECKING:
    from athena_connectors.dynamodb.storage import Subject

__all__ = ["matched", "unmatched"]

_PATTERN = "DynamoDB knows a part of the pattern only."
_OTHER_TYPES = "Attributes of other types may show the text too."


def matched(subject: Subject, pattern: str) -> Predicate:
    """Return that a column of texts matches a pattern."""
    literal = pattern.replace("_", "%").split("%")
    prefix, *others = literal
    if not others:
        return values_predicate(
            subject, SortedRangeSet.of_points(pa.string(), (pattern,)), utf16=False
        )
    parts = [not_null(subject)]
    if prefix:
        parts = [values_predicate(subject, _beginning(prefix), utf16=False)]
    piece = max(others, key=len)
    if piece:
        parts = [*parts, _containing(subject, piece)] if prefix else [_containing(subject, piece)]
    if pattern not in (f"{prefix}%", f"%{piece}%"):
        parts.append(always(_PATTERN))
    return all_true(parts)


def unmatched(subject: Subject, pattern: str) -> Predicate:
    """Return that a column of texts has a value, and one that does not match a pattern."""
    prefix = pattern.rstrip("%")
    if not {"%", "_"}.isdisjoint(prefix):
        return all_true([not_null(subject), always(_PATTERN)])
    if prefix == pattern:
        others = SortedRangeSet.of_points(pa.string(), (pattern,)).complement()
        return values_predicate(subject, replace(others, null_allowed=False), utf16=False)
    if not prefix:
        return NEVER
    beginning = _beginning(prefix).complement()
    return values_predicate(subject, replace(beginning, null_allowed=False), utf16=False)


def _beginning(prefix: str) -> SortedRangeSet:
    following = text_after(prefix)
    chosen = (
        Range.between(prefix, following, high_inclusive=False)
        if following
        else Range.at_least(prefix)
    )
    return SortedRangeSet(pa.string(), (chosen,), null_allowed=False)


def _containing(subject: Subject, piece: str) -> Predicate:
    attribute = subject.column.attribute
    others = readable(subject) - {"S"}
    parts = (Contains(attribute, {"S": piece}), *type_escape(subject, others))
    reason = _OTHER_TYPES if others else ""
    return Predicate(any_of(parts), reason, present=frozenset((attribute,)))

"""What the server can be asked of one column."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from athena_connectors.common.predicate_leaves import Algebra, Leaves
from athena_connectors.documentdb.filters import any_of
from athena_connectors.documentdb.predicates import (
    NEVER,
    Predicate,
    all_true,
    always,
    any_true,
    is_null,
    not_null,
    other_types,
)
from athena_connectors.documentdb.stored_values import OTHER_TYPES, values_predicate
from bson.regex import Regex

if TYPE_CHECKING:
    from athena_connectors.common.valueset import SortedRangeSet
    from athena_connectors.documentdb.fields import Subject

__all__ = ["LEAVES"]

_MAX_PIECE = 1000
"""Letters of a regular expression; servers limit its length."""

_NO_LETTER = re.compile(r"([^0-9A-Za-z\x80-\U0010ffff])")
_NOT_UTF8 = Regex("^")
"""Matches every string but those that no regular expression does: their bytes are no UTF-8."""


def _has_value(subject: Subject, values: SortedRangeSet, *, utf16: bool) -> Predicate:
    del utf16  # what is asked for is right in either order
    return values_predicate(subject, values)


def _contains(subject: Subject, piece: str) -> Predicate | None:
    if subject.is_json or subject.is_collated or "\0" in piece:
        return None
    expression = _NO_LETTER.sub(r"\\\1", piece[:_MAX_PIECE])
    parts = (
        {subject.field: {"$regex": Regex(expression)}},
        {subject.field: {"$gte": "", "$not": _NOT_UTF8}},
        other_types(subject, ("string",)),
    )
    return Predicate(any_of(parts), OTHER_TYPES)


LEAVES = Leaves(
    algebra=Algebra(NEVER, always, all_true, any_true),
    is_null=is_null,
    not_null=not_null,
    has_value=_has_value,
    contains=_contains,
    holds_nan=True,
    like="The server is asked for a part of the pattern only.",
)
"""Values of a column, whatever types of BSON show them."""

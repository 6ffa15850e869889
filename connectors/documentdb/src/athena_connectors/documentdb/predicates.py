"""What a part of the predicate says of the documents, and how exactly.

A predicate is built so that its filter lets every document pass whose row makes the SQL
true. NOT is pushed down to the leaves first, where it is another set of values, so nothing
inexact is ever negated: AND may leave out parts, OR needs all of them.

A field may hold any type in a document that was not sampled. A filter on an array looks at
its elements, and one that asks for no null fails for an array that has one, so arrays are
asked for, or kept out, by type wherever that matters.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from athena_connectors.common.physical import Kind
from athena_connectors.documentdb.filters import EVERYTHING, all_of, any_of
from bson.datetime_ms import DatetimeMS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from athena_connectors.documentdb.fields import Subject
    from athena_connectors.documentdb.filters import Filter

__all__ = ["NEVER", "Predicate", "all_true", "always", "any_true", "is_null", "not_null"]
__all__ += ["other_types", "without_arrays"]

_NULLS = "Values that can't be read as the column's type are NULL too."
_FEW_NULLS = "Values of types that MongoDB no longer writes may be NULL, or may not."

_FIRST_DATE, _LAST_DATE = -62_135_596_800_000, 253_402_300_799_999
"""The years 1 to 9999, which every column of dates or times can show."""

_TEXTS = (
    "string",
    "objectId",
    "binData",
    "bool",
    "int",
    "long",
    "double",
    "decimal",
    "date",
    "timestamp",
    "object",
    "array",
)
_INT_DIGITS, _LONG_DIGITS = 10, 19


@dataclass(frozen=True, slots=True)
class Predicate:
    """What is known of the documents for which a part of the predicate is true.

    Attributes:
        filter: True for all of them; empty if nothing can be asked.
        reason: Why it is true for others too, in a sentence; empty if it is not.
        never: Whether there are none.
    """

    filter: Filter
    reason: str = ""
    never: bool = False


NEVER = Predicate(EVERYTHING, never=True)
"""True for no document."""


def always(reason: str = "") -> Predicate:
    """Return what is true for every document, or of which nothing is known for a reason."""
    return Predicate(EVERYTHING, reason)


def all_true(parts: Sequence[Predicate]) -> Predicate:
    """Return the conjunction of some predicates."""
    if any(part.never for part in parts):
        return NEVER
    reason = next((part.reason for part in parts if part.reason), "")
    return Predicate(all_of(part.filter for part in parts), reason)


def any_true(parts: Sequence[Predicate]) -> Predicate:
    """Return the disjunction of some predicates."""
    kept = [part for part in parts if not part.never]
    if not kept:
        return NEVER
    if any(not part.filter and not part.reason for part in kept):
        return always()
    doubtful = sorted((part for part in kept if part.reason), key=_can_be_asked)
    reason = doubtful[0].reason if doubtful else ""
    return Predicate(any_of(part.filter for part in kept), reason)


def _can_be_asked(part: Predicate) -> bool:
    return bool(part.filter)


def without_arrays(subject: Subject, filter_: Filter) -> Filter:
    """Return a filter for values that are no arrays, whose elements it would find too."""
    if not subject.may_be_array:
        return filter_
    return all_of((filter_, {subject.field: {"$not": {"$type": "array"}}}))


def _or_arrays(subject: Subject, filter_: Filter) -> Filter:
    if not subject.may_be_array:
        return filter_
    return any_of((filter_, {subject.field: {"$type": "array"}}))


def other_types(subject: Subject, types: Sequence[str]) -> Filter:
    """Return that a column of texts shows a value of another type than some."""
    tests: dict[str, Any] = {"$ne": None, "$not": {"$type": list(types)}}
    return _or_arrays(subject, {subject.field: tests})


def not_null(subject: Subject) -> Predicate:
    """Return that a column is not NULL."""
    field = subject.field
    if subject.kind is Kind.BOOLEAN:
        return Predicate(without_arrays(subject, {field: {"$in": [False, True]}}))
    if subject.kind is Kind.BYTES:
        return Predicate(without_arrays(subject, {field: {"$type": "binData"}}))
    if pa.types.is_list(subject.type):
        return Predicate({field: {"$type": "array"}}) if subject.may_be_array else NEVER
    if subject.kind is Kind.TEXT:
        return Predicate(_or_arrays(subject, {field: {"$ne": None}}), _FEW_NULLS)
    return Predicate({field: {"$ne": None}}, _NULLS)


def is_null(subject: Subject) -> Predicate:
    """Return that a column is NULL: missing, null, or nothing that it can show."""
    field = subject.field
    if subject.kind in (Kind.DATE, Kind.DATETIME, Kind.INSTANT):
        shown = {"$gte": DatetimeMS(_FIRST_DATE), "$lte": DatetimeMS(_LAST_DATE)}
        return Predicate(_or_arrays(subject, {field: {"$not": shown}}), _NULLS)
    types = _always_shown(subject)
    if not types:
        return always(_NULLS)
    others: Filter = {field: {"$not": {"$type": list(types)}}}
    if subject.kind is Kind.TEXT:
        return Predicate(others, _FEW_NULLS)
    if pa.types.is_list(subject.type):
        return Predicate(others)
    is_exact = subject.kind in (Kind.BOOLEAN, Kind.BYTES)
    return Predicate(_or_arrays(subject, others), "" if is_exact else _NULLS)


def _always_shown(subject: Subject) -> Sequence[str]:
    """Return types of which a column shows every value.

    Those that MongoDB no longer writes are left out: a server need not know their names.
    """
    type_: Any = subject.type
    match subject.kind:
        case Kind.TEXT:
            return _TEXTS
        case Kind.BOOLEAN:
            return ("bool",)
        case Kind.BYTES:
            return ("binData",)
        case Kind.INTEGER:
            return {32: ("int",), 64: ("int", "long")}.get(type_.bit_width, ())
        case Kind.FLOAT:
            return ("int", "long", "double") if type_.bit_width == 64 else ("int", "long")  # noqa: PLR2004
        case Kind.DECIMAL:
            digits = type_.precision - type_.scale
            return ("int", "long")[: (digits >= _INT_DIGITS) + (digits >= _LONG_DIGITS)]
        case _:
            return ("array",) if pa.types.is_list(type_) else ("object",)

"""What a part of the predicate says of the items, and how exactly.

A predicate is built so that it holds for every item whose row makes the SQL true. NOT is
pushed down to the leaves first, where it is another set of values, so nothing inexact is
ever negated: AND may leave out parts, OR needs all of them. The tests of items know no
NULL: what is not true of a missing attribute in SQL is said not to be.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from athena_connectors.dynamodb.conditions import (
    MAX_IN_OPERANDS,
    BeginsWith,
    Between,
    Comparison,
    Condition,
    Exists,
    HasType,
    In,
    Missing,
    Not,
    all_of,
    any_of,
)
from athena_connectors.dynamodb.literals import Span, attribute_value, intersected, merged
from athena_connectors.dynamodb.storage import ALL_TAGS, Stored, always_read, readable

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from athena_connectors.dynamodb.literals import Content
    from athena_connectors.dynamodb.storage import Subject

__all__ = [
    "NEVER",
    "KeyValues",
    "Predicate",
    "all_true",
    "always",
    "any_true",
    "is_null",
    "is_one_of",
    "not_null",
    "type_escape",
]

_TRUTHS = ({"BOOL": True}, {"BOOL": False})
"""Asked for by value: stand-ins of DynamoDB take false for no value of the type BOOL."""

_FEW_SPANS = 300
"""Values and ranges that a filter lists; beyond, it asks for the range around them all."""

_MANY = "There are too many values for a filter to list."
_NULLS = "Values that can't be read as the column's type are NULL too."


@dataclass(frozen=True, slots=True)
class KeyValues:
    """The values that one key attribute has where a predicate is true.

    Attributes:
        spans: The values, ascending and disjoint.
        is_whole: Whether the predicate says just this, so that it is true for all of them.
    """

    spans: tuple[Span, ...]
    is_whole: bool


@dataclass(frozen=True, slots=True)
class Predicate:
    """What is known of the items for which a part of the predicate is true.

    Attributes:
        condition: True for all of them; ``None`` if nothing can be asked.
        reason: Why it is true for others too, in a sentence; empty if it is not.
        never: Whether there are none.
        present: Attributes that all of them have.
        keys: Values of key attributes.
    """

    condition: Condition | None = None
    reason: str = ""
    never: bool = False
    present: frozenset[str] = frozenset()
    keys: Mapping[str, KeyValues] = field(default_factory=dict)


NEVER = Predicate(never=True)
"""True for no item."""


def always(reason: str = "") -> Predicate:
    """Return what is true for every item, or of which nothing is known for a reason."""
    return Predicate(reason=reason)


def all_true(parts: Sequence[Predicate]) -> Predicate:
    """Return the conjunction of some predicates."""
    if any(part.never for part in parts):
        return NEVER
    conditions = [part.condition for part in parts if part.condition is not None]
    keys: dict[str, KeyValues] = {}
    for name in {name: None for part in parts for name in part.keys}:
        values = _in_all(name, parts)
        if not values.spans:
            return NEVER
        keys[name] = values
    return Predicate(
        all_of(conditions) if conditions else None,
        next((part.reason for part in parts if part.reason), ""),
        present=frozenset().union(*(part.present for part in parts)),
        keys=keys,
    )


def _in_all(name: str, parts: Sequence[Predicate]) -> KeyValues:
    spans: tuple[Span, ...] | None = None
    for part in parts:
        if name in part.keys:
            own = part.keys[name].spans
            spans = own if spans is None else intersected(spans, own)
    is_whole = all(name in part.keys and part.keys[name].is_whole for part in parts)
    return KeyValues(spans or (), is_whole)


def any_true(parts: Sequence[Predicate]) -> Predicate:
    """Return the disjunction of some predicates."""
    kept = [part for part in parts if not part.never]
    if not kept:
        return NEVER
    conditions = [part.condition for part in kept if part.condition is not None]
    names = frozenset(kept[0].keys).intersection(*(part.keys for part in kept))
    keys = {
        name: KeyValues(
            merged(span for part in kept for span in part.keys[name].spans),
            all(part.keys[name].is_whole for part in kept),
        )
        for name in sorted(names)
    }
    doubtful = sorted((part for part in kept if part.reason), key=_can_be_asked)
    return Predicate(
        any_of(conditions) if len(conditions) == len(kept) else None,
        doubtful[0].reason if doubtful else "",
        present=kept[0].present.intersection(*(part.present for part in kept)),
        keys=keys,
    )


def _can_be_asked(part: Predicate) -> bool:
    return part.condition is not None


def not_null(subject: Subject) -> Predicate:
    """Return that a column is not NULL."""
    tags, attribute = readable(subject), subject.column.attribute
    if not tags:
        return NEVER
    condition = _has_one_of(subject, tags)
    reason = "" if tags == always_read(subject) else _NULLS
    return Predicate(condition, reason, present=frozenset((attribute,)))


def is_null(subject: Subject) -> Predicate:
    """Return that a column is NULL: missing, of type NULL, or nothing that it can show."""
    column = subject.column
    possible = frozenset((column.key_type,)) if column.key_type else frozenset(ALL_TAGS)
    sure = always_read(subject)
    others = possible - sure
    parts: list[Condition] = [Missing(column.attribute)]
    if others and not sure:
        return always(_NULLS)
    if others:
        parts.append(_is_none_of(column.attribute, sure, others))
    return Predicate(any_of(parts), "" if readable(subject) == sure else _NULLS)


def _is_none_of(attribute: str, tags: frozenset[str], others: frozenset[str]) -> Condition:
    if len(others) <= len(tags):
        return any_of(HasType(attribute, tag) for tag in ALL_TAGS if tag in others)
    if tags == {"BOOL"}:
        return all_of(Comparison(attribute, "<>", truth) for truth in _TRUTHS)
    return all_of(Not(HasType(attribute, tag)) for tag in ALL_TAGS if tag in tags)


def _has_one_of(subject: Subject, tags: frozenset[str]) -> Condition:
    """Return that the attribute is of one of some types, the possible ones of a key left out."""
    attribute = subject.column.attribute
    if subject.column.key_type:
        return Exists(attribute)
    if tags == {"BOOL"}:
        return any_of(Comparison(attribute, "=", truth) for truth in _TRUTHS)
    others = frozenset(ALL_TAGS) - tags
    if len(tags) <= len(others):
        return any_of(HasType(attribute, tag) for tag in ALL_TAGS if tag in tags)
    excluded = (Not(HasType(attribute, tag)) for tag in ALL_TAGS if tag in others)
    return all_of((Exists(attribute), *excluded))


def is_one_of(subject: Subject, values: Stored) -> Predicate:
    """Return that a column has one of some values, as it is stored."""
    column = subject.column
    few = _with_few_spans(values)
    condition = _value_condition(subject, few)
    if condition is None:
        return NEVER
    keys = {}
    if column.key_type is not None and column.key_type in values.spans:
        spans = values.spans[column.key_type]
        is_whole = not values.reason and not values.excluded
        keys[column.attribute] = KeyValues(spans, is_whole)
    present = frozenset((column.attribute,))
    return Predicate(condition, few.reason, present=present, keys=keys)


def _with_few_spans(values: Stored) -> Stored:
    """Return values that a filter can ask for, which may be more."""
    spans = {
        tag: each if len(each) <= _FEW_SPANS else (Span(each[0].low, each[-1].high),)
        for tag, each in values.spans.items()
    }
    excluded = {
        tag: each if len(each) <= _FEW_SPANS else () for tag, each in values.excluded.items()
    }
    if (spans, excluded) == (values.spans, values.excluded):
        return values
    return Stored(spans, excluded, values.escapes, values.reason or _MANY)


def type_escape(subject: Subject, tags: frozenset[str]) -> tuple[Condition, ...]:
    """Return the condition that lets attributes of some types pass, if there are any."""
    return (_has_one_of(subject, tags),) if tags else ()


def _value_condition(subject: Subject, values: Stored) -> Condition | None:
    attribute = subject.column.attribute
    parts: list[Condition] = []
    for tag, spans in values.spans.items():
        excluded = values.excluded.get(tag)
        if excluded is not None:
            # A value of another type is unequal too: this is true for all escapes.
            exists = _has_one_of(subject, readable(subject))
            return all_of((exists, *_is_not_in(attribute, excluded)))
        parts.extend(_in_spans(subject, tag, spans))
    parts.extend(type_escape(subject, values.escapes))
    return any_of(parts) if parts else None


def _is_not_in(attribute: str, contents: Sequence[Content]) -> Iterable[Condition]:
    if len(contents) == 1:
        return (Comparison(attribute, "<>", attribute_value(contents[0])),)
    return map(Not, _chunks(attribute, contents))


def _in_spans(subject: Subject, tag: str, spans: Sequence[Span]) -> Iterable[Condition]:
    attribute = subject.column.attribute
    points = [span.point for span in spans if span.point is not None]
    if len(points) == 1 or tag == "BOOL":
        yield from (Comparison(attribute, "=", attribute_value(each)) for each in points)
    else:
        yield from _chunks(attribute, points)
    for span in spans:
        if span.point is None:
            yield _in_span(attribute, span) or _has_one_of(subject, frozenset((tag,)))


def _chunks(attribute: str, contents: Sequence[Content]) -> Iterable[In]:
    for start in range(0, len(contents), MAX_IN_OPERANDS):
        chunk = contents[start : start + MAX_IN_OPERANDS]
        yield In(attribute, tuple(map(attribute_value, chunk)))


def _in_span(attribute: str, span: Span) -> Condition | None:
    if span.prefix:
        return BeginsWith(attribute, {"S": span.prefix})
    low, high = span.low, span.high
    if low and high and low.inclusive and high.inclusive:
        return Between(attribute, attribute_value(low.value), attribute_value(high.value))
    parts: list[Condition] = []
    if low is not None:
        parts.append(
            Comparison(attribute, ">=" if low.inclusive else ">", attribute_value(low.value))
        )
    if high is not None:
        parts.append(
            Comparison(attribute, "<=" if high.inclusive else "<", attribute_value(high.value))
        )
    return all_of(parts) if parts else None

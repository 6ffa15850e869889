"""Conditions on items, as DynamoDB's expression language has them.

A tree of typed nodes that is built, thinned out and measured before it becomes text. A
condition is true or false for an item, never unknown: a comparison with an attribute that
the item lacks, or that is of another type, is false, and ``<>``, ``NOT`` and the lack of an
attribute make it true.

Source: reference of DynamoDB, "Comparison operator and function reference".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, assert_never

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from athena_connectors.dynamodb.access import AttributeValue

__all__ = [
    "MAX_IN_OPERANDS",
    "And",
    "BeginsWith",
    "Between",
    "Comparison",
    "Condition",
    "Contains",
    "Exists",
    "HasType",
    "In",
    "Leaf",
    "Missing",
    "Not",
    "Or",
    "all_of",
    "any_of",
    "attributes",
    "count_operators",
    "parts_of",
    "render",
    "thinned",
]

MAX_IN_OPERANDS = 100
"""Source: reference of DynamoDB, the comparator IN."""

Operator = Literal["=", "<>", "<", "<=", ">", ">="]


@dataclass(frozen=True, slots=True)
class Comparison:
    """An attribute compared with a value."""

    attribute: str
    operator: Operator
    value: AttributeValue


@dataclass(frozen=True, slots=True)
class Between:
    """An attribute from a value to another, both included; the first is not the greater."""

    attribute: str
    low: AttributeValue
    high: AttributeValue


@dataclass(frozen=True, slots=True)
class In:
    """An attribute equal to one of some values, at most ``MAX_IN_OPERANDS``."""

    attribute: str
    values: tuple[AttributeValue, ...]


@dataclass(frozen=True, slots=True)
class BeginsWith:
    """A text or binary attribute that begins with a value."""

    attribute: str
    value: AttributeValue


@dataclass(frozen=True, slots=True)
class Contains:
    """A text attribute that has a text in it; sets and lists that have it as an element too."""

    attribute: str
    value: AttributeValue


@dataclass(frozen=True, slots=True)
class HasType:
    """An attribute that is there and of a type: ``S``, ``N``, ``NULL``."""

    attribute: str
    tag: str


@dataclass(frozen=True, slots=True)
class Exists:
    """An attribute that is there, be it of type NULL."""

    attribute: str


@dataclass(frozen=True, slots=True)
class Missing:
    """An attribute that is not there."""

    attribute: str


@dataclass(frozen=True, slots=True)
class Not:
    """What a condition is not true for; made for leaves only."""

    part: Leaf


@dataclass(frozen=True, slots=True)
class And:
    """What all conditions are true for: two at least, and none an ``And``."""

    parts: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Or:
    """What a condition is true for: of two at least, and none an ``Or``."""

    parts: tuple[Condition, ...]


Leaf = Comparison | Between | In | BeginsWith | Contains | HasType | Exists | Missing
Condition = Leaf | Not | And | Or


def all_of(parts: Iterable[Condition]) -> Condition:
    """Return what all of some conditions are true for; one at least."""
    flat = [inner for part in parts for inner in (part.parts if isinstance(part, And) else (part,))]
    return flat[0] if len(flat) == 1 else And(tuple(flat))


def any_of(parts: Iterable[Condition]) -> Condition:
    """Return what any of some conditions is true for; one at least."""
    flat = [inner for part in parts for inner in (part.parts if isinstance(part, Or) else (part,))]
    return flat[0] if len(flat) == 1 else Or(tuple(flat))


def parts_of(condition: Condition) -> Iterator[Leaf]:
    """Yield every leaf of a condition, from left to right."""
    match condition:
        case And(parts) | Or(parts):
            for part in parts:
                yield from parts_of(part)
        case Not(part):
            yield part
        case _:
            yield condition


def attributes(condition: Condition) -> frozenset[str]:
    """Return the names of all attributes that a condition looks at."""
    return frozenset(leaf.attribute for leaf in parts_of(condition))


def thinned(condition: Condition, names: frozenset[str]) -> Condition | None:
    """Return what is left of a condition that must not look at some attributes.

    It is true wherever the whole one is: of AND, parts are left out, and OR goes as a
    whole with any of its parts.
    """
    match condition:
        case And(parts):
            kept = [part for part in (thinned(each, names) for each in parts) if part is not None]
            return all_of(kept) if kept else None
        case _:
            return condition if attributes(condition).isdisjoint(names) else None


def count_operators(condition: Condition) -> int:
    """Return how many operators and functions the text of a condition has."""
    match condition:
        case And(parts) | Or(parts):
            return sum(map(count_operators, parts)) + len(parts) - 1
        case Not(_):
            return 2
        case _:
            return 1


def render(
    condition: Condition,
    *,
    name: Callable[[str], str],
    value: Callable[[AttributeValue], str],
) -> str:
    """Return a condition as text, without a parenthesis that is not needed.

    Args:
        condition: The condition.
        name: Gives the text for the name of an attribute.
        value: Gives the text for a value.
    """
    match condition:
        case And(parts):
            return " AND ".join(_and_operand(part, name, value) for part in parts)
        case Or(parts):
            return " OR ".join(render(part, name=name, value=value) for part in parts)
        case Not(part):
            return f"NOT {_leaf_text(part, name, value)}"
        case _:
            return _leaf_text(condition, name, value)


def _and_operand(
    part: Condition, name: Callable[[str], str], value: Callable[[AttributeValue], str]
) -> str:
    text = render(part, name=name, value=value)
    return f"({text})" if isinstance(part, Or) else text


def _leaf_text(
    leaf: Leaf, name: Callable[[str], str], value: Callable[[AttributeValue], str]
) -> str:
    attribute = name(leaf.attribute)
    match leaf:
        case Comparison(operator=operator, value=wanted):
            return f"{attribute} {operator} {value(wanted)}"
        case Between(low=low, high=high):
            return f"{attribute} BETWEEN {value(low)} AND {value(high)}"
        case In(values=values):
            return f"{attribute} IN ({', '.join(map(value, values))})"
        case BeginsWith(value=wanted):
            return f"begins_with({attribute}, {value(wanted)})"
        case Contains(value=wanted):
            return f"contains({attribute}, {value(wanted)})"
        case HasType(tag=tag):
            return f"attribute_type({attribute}, {value({'S': tag})})"
        case Exists():
            return f"attribute_exists({attribute})"
        case Missing():
            return f"attribute_not_exists({attribute})"
        case _:
            assert_never(leaf)

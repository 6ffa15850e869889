"""Values of keys as what a Query may ask of them.

A key condition is one of ``=``, ``<``, ``<=``, ``>``, ``>=``, BETWEEN and begins_with.
BETWEEN includes both ends, so a span without one of them is asked for with it, and so is
what lies between too many spans to ask for each; the rows are looked at again then. What is
asked for one after the other never overlaps.

Source: reference of DynamoDB, "Key condition expressions for the Query operation".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from athena_connectors.dynamodb.access import RangeCondition
from athena_connectors.dynamodb.literals import Edge, Span, attribute_value

if TYPE_CHECKING:
    from collections.abc import Sequence

    from athena_connectors.dynamodb.access import AttributeValue

__all__ = ["MAX_POINTS", "MAX_SPANS", "RangeChoice", "hash_values", "range_choice"]

MAX_POINTS = 20
"""Values of a range key that are asked for one by one; beyond, by one range."""
MAX_SPANS = 8
"""Ranges of a range key that are asked for one by one; beyond, by one range."""


@dataclass(frozen=True, slots=True)
class RangeChoice:
    """How a range key is asked for.

    Attributes:
        conditions: Alternatives without overlap; ``None`` if nothing is asked of it.
        is_exact: Whether they are true for no other values.
    """

    conditions: tuple[RangeCondition, ...] | None
    is_exact: bool

    @property
    def is_equality(self) -> bool:
        """Whether all alternatives are single values, so that a further key may be asked for."""
        return self.conditions is not None and all(
            condition.operator == "=" for condition in self.conditions
        )


def hash_values(spans: Sequence[Span]) -> tuple[AttributeValue, ...] | None:
    """Return the values of a hash key, or ``None`` unless they are single ones."""
    points = [span.point for span in spans]
    return (
        tuple(attribute_value(item) for item in points if item is not None)
        if all(item is not None for item in points)
        else None
    )


def range_choice(key: str, spans: Sequence[Span]) -> RangeChoice:
    """Return how a range key is asked for.

    Args:
        key: Its name.
        spans: Its values, ascending and disjoint; one at least.
    """
    chosen = _disjoint([_closed(span) for span in spans])
    few = sum(span.point is None for span in chosen) <= MAX_SPANS
    if not few or sum(span.point is not None for span in chosen) > MAX_POINTS:
        low, high = chosen[0].low, chosen[-1].high
        chosen = [_closed(Span(low, high))]
    if any(span.low is None and span.high is None for span in chosen):
        return RangeChoice(None, is_exact=False)
    conditions = tuple(_condition(key, span) for span in chosen)
    return RangeChoice(conditions, is_exact=chosen == list(spans))


def _closed(span: Span) -> Span:
    """Return a span that can be asked for."""
    low, high = span.low, span.high
    if low is None or high is None or span.prefix or (low.inclusive and high.inclusive):
        return span
    return Span(Edge(low.value, inclusive=True), Edge(high.value, inclusive=True), is_widened=True)


def _disjoint(spans: Sequence[Span]) -> list[Span]:
    """Join the spans that have an end in common since it was included in both."""
    found: list[Span] = []
    for span in spans:
        last = found[-1] if found else None
        if last is not None and last.high is not None and span.low == last.high:
            found[-1] = Span(last.low, span.high)
        else:
            found.append(span)
    return found


def _condition(key: str, span: Span) -> RangeCondition:
    low, high = span.low, span.high
    if span.prefix:
        return RangeCondition(key, "begins_with", (attribute_value(span.prefix),))
    if span.point is not None:
        return RangeCondition(key, "=", (attribute_value(span.point),))
    if low is not None and high is not None:
        ends = (attribute_value(low.value), attribute_value(high.value))
        return RangeCondition(key, "BETWEEN", ends)
    if low is not None:
        operator = ">=" if low.inclusive else ">"
        return RangeCondition(key, operator, (attribute_value(low.value),))  # type: ignore[arg-type]
    assert high is not None
    return RangeCondition(key, "<=" if high.inclusive else "<", (attribute_value(high.value),))

"""Spans of a range key as key conditions."""

from __future__ import annotations

from decimal import Decimal
from itertools import pairwise

from athena_connectors.dynamodb.key_conditions import (
    MAX_POINTS,
    MAX_SPANS,
    hash_values,
    range_choice,
)
from athena_connectors.dynamodb.literals import Edge, Span, merged, point
from hypothesis import given, settings
from hypothesis import strategies as st


def text(*spans: Span) -> str:
    choice = range_choice("k", spans)
    exact = "" if choice.is_exact else " ?"
    if choice.conditions is None:
        return f"none{exact}"
    parts = (
        f"{each.operator} {'..'.join(str(*value.values()) for value in each.values)}"
        for each in choice.conditions
    )
    return " | ".join(parts) + exact


def span(low: int | None, high: int | None, ends: str = "[]") -> Span:
    return Span(
        None if low is None else Edge(Decimal(low), inclusive=ends[0] == "["),
        None if high is None else Edge(Decimal(high), inclusive=ends[1] == "]"),
    )


def points(count: int) -> list[Span]:
    return [point(Decimal(number)) for number in range(count)]


def test_bug_14_each_span_is_one_condition_of_those_that_dynamodb_has() -> None:
    assert text(point(Decimal(1))) == "= 1"
    assert text(span(1, 2)) == "BETWEEN 1..2"
    assert text(span(1, None)) == ">= 1"
    assert text(span(1, None, "(]")) == "> 1"
    assert text(span(None, 2)) == "<= 2"
    assert text(span(None, 2, "[)")) == "< 2"
    assert text(Span(prefix="A#", low=Edge("A#", inclusive=True))) == "begins_with A#"


def test_bug_14_a_range_keeps_both_ends_though_one_of_them_is_outside() -> None:
    assert text(span(1, 2, "[)")) == "BETWEEN 1..2 ?"
    assert text(span(1, 2, "(]")) == "BETWEEN 1..2 ?"
    assert text(span(1, 2, "()")) == "BETWEEN 1..2 ?"


def test_bug_14_what_is_not_between_two_ends_is_no_condition() -> None:
    assert text(Span()) == "none ?"
    assert text(
        *(span(None, 1, "[)"), *(span(n, n + 1) for n in range(3, 60, 3)), span(70, None))
    ) == ("none ?")


def test_ranges_that_meet_once_their_ends_are_inside_are_asked_for_together() -> None:
    assert text(span(1, 2, "[)"), span(2, 3, "(]")) == "BETWEEN 1..3 ?"
    assert text(span(1, 2, "[)"), span(3, 4)) == "BETWEEN 1..2 | BETWEEN 3..4 ?"
    assert text(span(None, 2, "[)"), span(2, 3, "(]")) == "< 2 | BETWEEN 2..3 ?"


def test_few_values_are_asked_for_one_by_one_and_many_by_a_range() -> None:
    few, many = points(MAX_POINTS), points(MAX_POINTS + 1)
    assert text(*few) == " | ".join(f"= {number}" for number in range(MAX_POINTS))
    assert text(*many) == f"BETWEEN 0..{MAX_POINTS} ?"


def test_few_ranges_are_asked_for_one_by_one_and_many_by_one_range() -> None:
    few = [span(n, n + 1) for n in range(0, 3 * MAX_SPANS, 3)]
    assert text(*few).count("BETWEEN") == MAX_SPANS
    assert text(*few, span(1000, 1001)) == "BETWEEN 0..1001 ?"


def test_only_equalities_let_a_further_key_be_asked_for() -> None:
    assert range_choice("k", points(2)).is_equality
    assert not range_choice("k", [*points(2), span(5, 6)]).is_equality
    assert not range_choice("k", [Span()]).is_equality


def test_a_hash_key_is_asked_for_by_values_only() -> None:
    assert hash_values(points(2)) == ({"N": "0"}, {"N": "1"})
    assert hash_values([*points(2), span(5, 6)]) is None
    assert hash_values([point("a")]) == ({"S": "a"},)


EDGES = st.tuples(st.integers(0, 40), st.integers(0, 8), st.sampled_from(("[]", "[)", "(]", "()")))


@st.composite
def spans(draw: st.DrawFn) -> tuple[Span, ...]:
    found = []
    for low, length, ends in draw(st.lists(EDGES, min_size=1, max_size=30)):
        found.append(span(low, low + length, ends if length else "[]"))
    found += draw(
        st.lists(st.sampled_from((span(None, 3, "[)"), span(38, None, "(]"))), max_size=2)
    )
    return merged(found)


@settings(max_examples=200)
@given(spans())
def test_conditions_hold_for_all_values_of_the_spans_and_one_at_most_for_any(
    found: tuple[Span, ...],
) -> None:
    choice = range_choice("k", found)
    for half in range(-4, 110):
        value = Decimal(half) / 2
        inside = any(_is_in(value, each) for each in found)
        hits = 1
        if choice.conditions is not None:
            hits = sum(
                _holds(value, each.operator, [Decimal(v["N"]) for v in each.values])
                for each in choice.conditions
            )
        assert hits <= 1
        assert hits or not inside
        assert not choice.is_exact or bool(hits) == inside


def _is_in(value: Decimal, item: Span) -> bool:
    low, high = item.low, item.high
    above = low is None or value > low.value or (low.inclusive and value == low.value)
    below = high is None or value < high.value or (high.inclusive and value == high.value)
    return above and below


def _holds(value: Decimal, operator: str, ends: list[Decimal]) -> bool:
    return {
        "=": value == ends[0],
        "<": value < ends[0],
        "<=": value <= ends[0],
        ">": value > ends[0],
        ">=": value >= ends[0],
        "BETWEEN": ends[0] <= value <= ends[-1],
    }[operator]


@given(spans())
def test_spans_that_are_merged_are_apart_and_ascending(found: tuple[Span, ...]) -> None:
    for one, two in pairwise(found):
        assert one.high is not None
        assert two.low is not None
        assert one.high.value < two.low.value or (
            one.high.value == two.low.value and not one.high.inclusive and not two.low.inclusive
        )

"""Conditions as text, against a server that evaluates them."""

from __future__ import annotations

import pytest
from athena_connectors.common.testing import dynamodb_expressions as language
from athena_connectors.dynamodb.conditions import (
    And,
    BeginsWith,
    Between,
    Comparison,
    Contains,
    Exists,
    HasType,
    In,
    Missing,
    Not,
    Or,
    all_of,
    any_of,
    attributes,
    count_operators,
    render,
    thinned,
)
from athena_connectors.dynamodb.literals import literal_text
from hypothesis import given
from hypothesis import strategies as st

ONE = Comparison("a", "=", {"S": "x"})
TWO = Comparison("b", "<>", {"N": "1"})
THREE = Exists("c")

LEAVES = st.sampled_from(
    (
        ONE,
        TWO,
        THREE,
        Missing("a"),
        HasType("b", "NULL"),
        Between("a", {"N": "1"}, {"N": "2"}),
        In("c", ({"S": "x"}, {"S": "y"})),
        BeginsWith("a", {"S": "x"}),
        Contains("a", {"S": "x"}),
        Not(In("c", ({"S": "x"}, {"S": "y"}))),
        Not(HasType("b", "S")),
    )
)
TREES = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=4).map(all_of),
        st.lists(inner, min_size=1, max_size=4).map(any_of),
    ),
    max_leaves=12,
)


def text(condition: object) -> str:
    return render(condition, name="#{}".format, value=lambda _: ":v")  # type: ignore[arg-type]


def readable(condition: object) -> str:
    return render(condition, name=str, value=literal_text)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        (ONE, 'a = "x"'),
        (Not(HasType("a", "S")), 'NOT attribute_type(a, "S")'),
        (Not(In("a", ({"N": "1"}, {"N": "2"}))), "NOT a IN (1, 2)"),
        (Between("a", {"B": b"\x01"}, {"B": b"\xff"}), "a BETWEEN X'01' AND X'FF'"),
        (all_of([ONE, any_of([TWO, THREE])]), 'a = "x" AND (b <> 1 OR attribute_exists(c))'),
        (any_of([ONE, all_of([TWO, THREE])]), 'a = "x" OR b <> 1 AND attribute_exists(c)'),
        (all_of([ONE]), 'a = "x"'),
        (Missing("a"), "attribute_not_exists(a)"),
        (BeginsWith("a", {"S": '"'}), 'begins_with(a, "\\"")'),
        (Contains("a", {"S": "é"}), 'contains(a, "é")'),
    ],
)
def test_a_condition_is_written_without_needless_parentheses(
    condition: object, expected: str
) -> None:
    assert readable(condition) == expected


@given(TREES)
def test_the_text_of_a_condition_is_in_the_grammar_and_means_the_tree(condition: object) -> None:
    assert _shape(language.parse_condition(text(condition))) == _own_shape(condition)


def _shape(node: object) -> object:
    match node:
        case language.Junction(operator, parts):
            return operator, [_shape(part) for part in parts]
        case language.Negation(part):
            return "NOT", _shape(part)
        case language.Call(function, _):
            return function
        case _:
            return type(node).__name__


_NAMES = {
    "In": "Membership",
    "BeginsWith": "begins_with",
    "Contains": "contains",
    "HasType": "attribute_type",
    "Exists": "attribute_exists",
    "Missing": "attribute_not_exists",
}


def _own_shape(node: object) -> object:
    match node:
        case And(parts):
            return "AND", [_own_shape(part) for part in parts]
        case Or(parts):
            return "OR", [_own_shape(part) for part in parts]
        case Not(part):
            return "NOT", _own_shape(part)
        case _:
            return _NAMES.get(type(node).__name__, type(node).__name__)


@given(TREES)
def test_all_operators_and_functions_of_the_text_are_counted(condition: object) -> None:
    nodes = list(language.walk(language.parse_condition(text(condition))))
    junctions = [node for node in nodes if isinstance(node, language.Junction)]
    others = (language.Call, language.Comparison, language.Between, language.Membership)
    counted = sum(len(node.parts) - 1 for node in junctions)
    counted += sum(isinstance(node, (*others, language.Negation)) for node in nodes)
    assert count_operators(condition) == counted  # type: ignore[arg-type]


@given(TREES, st.sets(st.sampled_from("abc")))
def test_what_is_left_of_a_condition_does_not_look_at_the_names_and_leaves_out_only_parts_of_and(
    condition: object, names: set[str]
) -> None:
    left = thinned(condition, frozenset(names))  # type: ignore[arg-type]
    if left is not None:
        assert attributes(left).isdisjoint(names)
    if attributes(condition).isdisjoint(names):  # type: ignore[arg-type]
        assert left == condition
    if isinstance(condition, Or):
        assert left in (None, condition)
    if isinstance(condition, And):
        kept = [part for part in condition.parts if attributes(part).isdisjoint(names)]
        assert (left is None) <= (not kept)
        assert left is None or set(map(str, kept)) <= {str(left), *map(str, _parts(left))}


def _parts(condition: object) -> tuple[object, ...]:
    return condition.parts if isinstance(condition, And) else ()

"""The tree of an expression: its columns, its arity checks and its text."""

from __future__ import annotations

from decimal import Decimal

import pyarrow as pa
import pytest
from athena_connectors.common.errors import InvalidRequestError
from athena_connectors.common.expressions import (
    FUNCTIONS,
    Call,
    Constant,
    Expression,
    Variable,
    check_calls,
    referenced_columns,
    render,
    walk,
)
from athena_connectors.common.residual import compile_residual
from athena_connectors.common.testing import strategies
from hypothesis import given, settings

BOOL, INT = pa.bool_(), pa.int32()
A, B = Variable("a", INT), Variable("b", INT)
ONE = Constant((1,), INT)

ARITY = {
    1: ("$not", "$is_null", "$negate"),
    2: (
        "$nullif",
        "$equal",
        "$not_equal",
        "$less_than",
        "$less_than_or_equal",
        "$greater_than",
        "$greater_than_or_equal",
        "$is_distinct_from",
        "$add",
        "$subtract",
        "$multiply",
        "$divide",
        "$modulus",
        "$like_pattern",
        "$in",
    ),
}


def call(function: str, *arguments: Expression) -> Call:
    return Call(function, arguments, BOOL)


def test_every_node_is_walked_once() -> None:
    tree = call("$and", call("$equal", A, ONE), call("$in", B, call("$array", ONE, A)))
    nodes = list(walk(tree))
    assert len(nodes) == 9
    assert nodes.count(A) == 2
    assert referenced_columns(tree) == {"a", "b"}
    assert referenced_columns(ONE) == frozenset()


@pytest.mark.parametrize("function", FUNCTIONS)
@pytest.mark.parametrize("count", range(4))
def test_arity_of_every_function(function: str, count: int) -> None:
    if function in ("$and", "$or"):
        right = count > 0
    else:
        right = function == "$array" or any(function in ARITY.get(n, ()) for n in (count,))
    tree = call("$is_null", call(function, *[A] * count))
    if right:
        check_calls(tree)
    else:
        with pytest.raises(InvalidRequestError, match=f"{count} arguments"):
            check_calls(tree)


def test_unknown_functions_are_refused_at_once() -> None:
    with pytest.raises(InvalidRequestError, match=r"'\$upper' of an expression is not known"):
        compile_residual([call("$not", call("$upper", A))])


@pytest.mark.parametrize(
    ("tree", "text"),
    [
        (call("$and", call("$less_than", A, ONE), call("$not", B)), '(("a" < 1) AND not("b"))'),
        (call("$or", A), 'or("a")'),
        (call("$in", A, call("$array", Constant((1, None), INT), B)), '("a" IN (1, NULL, "b"))'),
        (call("$nullif", A, Constant(("it's",), pa.string())), "nullif(\"a\", 'it''s')"),
        (call("$equal", A, Constant((b"\x0f",), pa.binary())), "(\"a\" = X'0F')"),
        (call("$negate", Constant((Decimal("1.50"),), pa.decimal128(3, 2))), "negate(1.50)"),
        (call("$array"), "()"),
    ],
)
def test_text_for_people(tree: Expression, text: str) -> None:
    assert render(tree) == text


@given(strategies.conditions({"a": INT, "b": pa.string(), "c": pa.bool_()}))
@settings(max_examples=50, deadline=None)
def test_generated_conditions_are_well_formed(tree: Expression) -> None:
    check_calls(tree)
    assert referenced_columns(tree) <= {"a", "b", "c"}
    assert all(f'"{column}"' in render(tree) for column in referenced_columns(tree))

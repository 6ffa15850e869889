"""What a split reads crosses the wire as typed text, and garbled text is refused."""

from __future__ import annotations

import json

import pytest
from athena_connectors.dynamodb.access import KeyQuery, Lookup, Queries, RangeCondition
from athena_connectors.dynamodb.parts import Part, Segment, part_text, read_part
from hypothesis import given, settings
from hypothesis import strategies as st

_NAMES = st.text(st.characters(codec="utf-8"), max_size=5)
_VALUES = st.one_of(
    _NAMES.map(lambda text: {"S": text}),
    st.decimals(allow_nan=False, allow_infinity=False).map(lambda number: {"N": str(number)}),
    st.binary(max_size=5).map(lambda content: {"B": content}),
)
_RANGES = st.builds(
    RangeCondition,
    _NAMES,
    st.sampled_from(["=", "<", "<=", ">", ">=", "begins_with"]),
    st.tuples(_VALUES),
) | st.builds(RangeCondition, _NAMES, st.just("BETWEEN"), st.tuples(_VALUES, _VALUES))
_QUERIES = st.builds(
    KeyQuery,
    st.lists(_VALUES, min_size=1, max_size=3).map(tuple),
    st.lists(_RANGES, max_size=3).map(tuple),
)
_PARTS = st.one_of(
    st.builds(Lookup, st.lists(st.tuples(_VALUES) | st.tuples(_VALUES, _VALUES)).map(tuple)),
    st.builds(Queries, _NAMES, st.lists(_QUERIES, max_size=4).map(tuple)),
    st.tuples(_NAMES, st.integers(0, 9), st.integers(10, 1_000_000)).map(lambda it: Segment(*it)),
)


@given(_PARTS)
@settings(max_examples=200, deadline=None)
def test_bug_21_a_part_is_read_as_it_was_written(part: Part) -> None:
    assert read_part(part_text(part)) == part


def test_bug_23_names_of_attributes_are_values_and_no_members() -> None:
    condition = RangeCondition("segment", "=", ({"S": "queries"},))
    text = part_text(Queries("keys", (KeyQuery(({"B": b"\xff"},), (condition,)),)))
    assert json.loads(text) == {
        "index": "keys",
        "queries": [{"hash": [{"B": "/w=="}], "ranges": [["segment", "=", {"S": "queries"}]]}],
    }


@pytest.mark.parametrize(
    "text",
    [
        "",
        "null",
        "[" * 100_000,
        "{}",
        '{"keys":{}}',
        '{"keys":[[]]}',
        '{"keys":[],"index":""}',
        '{"keys":[[{"S":1}]]}',
        '{"keys":[[{"N":"1 OR 1"}]]}',
        '{"keys":[[{"N":"nan"}]]}',
        '{"keys":[[{"B":"?"}]]}',
        '{"keys":[[{"BOOL":true}]]}',
        '{"keys":[[{"S":"a","N":"1"}]]}',
        '{"index":"","queries":[{"hash":[],"ranges":[]}]}',
        '{"index":"","queries":[{"hash":[{"S":"a"}]}]}',
        '{"index":"","queries":[{"hash":[{"S":"a"}],"ranges":[["k","OR",{"S":"a"}]]}]}',
        '{"index":"","queries":[{"hash":[{"S":"a"}],"ranges":[["k","BETWEEN",{"S":"a"}]]}]}',
        '{"index":"","queries":[{"hash":[{"S":"a"}],"ranges":[["k","="]]}]}',
        '{"index":"","segment":1,"of":1}',
        '{"index":"","segment":-1,"of":1}',
        '{"index":"","segment":0.0,"of":1}',
        '{"index":"","segment":0,"of":1,"more":1}',
    ],
)
def test_garbled_text_is_refused(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - its text is nobody's
        read_part(text)

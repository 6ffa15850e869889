from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from athena_connectors.documentdb.places import places
from bson.binary import Binary
from bson.datetime_ms import DatetimeMS
from bson.decimal128 import Decimal128
from bson.int64 import Int64
from bson.objectid import ObjectId
from hypothesis import given, settings
from hypothesis import strategies as st

BOUND = 2**63


def object_id(number: int) -> ObjectId:
    return ObjectId(number.to_bytes(12, "big"))


def key(value: Any) -> Any:
    """By what values of one type are ordered on the server."""
    return value.encode() if isinstance(value, str) else value


ENDS = st.one_of(
    st.tuples(*[st.integers(0, 2**96 - 1).map(object_id)] * 2),
    st.tuples(*[st.integers(-BOUND, BOUND - 1).map(Int64)] * 2),
    st.tuples(*[st.integers(-(10**14), 10**14).map(DatetimeMS)] * 2),
    st.tuples(*[st.binary(min_size=16, max_size=16).map(lambda b: Binary(b, 4))] * 2),
    st.tuples(*[st.binary(min_size=2, max_size=2)] * 2),
    st.tuples(*[st.text(st.characters(exclude_categories=["Cs"]), max_size=5)] * 2),
    st.tuples(*[st.text("ab0é\ue000\U0001f600", max_size=5)] * 2),
)


@settings(max_examples=400)
@given(ends=ENDS, most=st.integers(1, 20))
def test_places_lie_in_order_between_the_ends(ends: tuple[Any, Any], most: int) -> None:
    low, high = sorted(ends, key=key)
    found = places(low, high, most)
    assert len(found) <= most
    keys = [key(low), *map(key, found)]
    assert all(a < b for a, b in pairwise(keys))
    assert keys[-1] <= key(high)
    assert {type(value) for value in found} <= {type(low), Binary, Int64}


@pytest.mark.parametrize(
    ("low", "high"),
    [
        (object_id(2**80), object_id(2**90)),
        (Int64(-5), Int64(10**6)),
        (1, 1000),
        (Binary(bytes(16), 4), Binary(b"\xff" * 16, 4)),
        (DatetimeMS(0), DatetimeMS(10**9)),
        ("0000", "ffff"),
        ("user_0001", "user_9999"),
    ],
)
def test_there_are_half_as_many_places_as_wanted_at_least(low: Any, high: Any) -> None:
    assert 8 <= len(places(low, high, 16)) <= 16


@pytest.mark.parametrize(
    ("low", "high"),
    [
        (object_id(1), "x"),
        (1, object_id(1)),
        (1.5, 2.5),
        (Decimal128("1"), Decimal128("9")),
        (False, True),
        (0, True),
        ({"a": 1}, {"a": 9}),
        (None, 1),
        (Binary(bytes(16), 4), Binary(b"\xff" * 16, 3)),
        (Binary(bytes(16), 4), Binary(b"\xff" * 8, 4)),
        (b"a", b"ab"),
        ("same", "same"),
        ("a", "ab"),
        (7, 7),
    ],
)
def test_there_are_none_where_values_have_no_distance(low: Any, high: Any) -> None:
    assert list(places(low, high, 16)) == []


@settings(max_examples=200)
@given(low=st.integers(0, 2**90), size=st.integers(2**20, 2**90), later=st.integers(0, 2**90))
def test_documents_that_come_later_move_no_place(low: int, size: int, later: int) -> None:
    high = low + size
    before = places(object_id(low), object_id(high), 16)
    after = places(object_id(low), object_id(high + min(later, size)), 16)
    kept = [value for value in after if value <= object_id(high)]
    # With twice the distance only every second place is left, and none is another one.
    assert set(kept) <= set(before)
    assert len(kept) >= len(before) // 2

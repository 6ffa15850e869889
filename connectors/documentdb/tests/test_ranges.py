"""Ranges of ids hold each document of a real collection exactly once, whatever its id is."""

from __future__ import annotations

import math
from collections import Counter
from itertools import combinations
from typing import TYPE_CHECKING, Any

import pytest
from athena_connectors.documentdb.ranges import (
    EVERYTHING,
    FLOORS,
    IdRange,
    bracket_of,
    is_one_bracket,
    range_text,
    ranges_between,
    read_range,
)
from bson import DBRef
from bson.binary import Binary
from bson.code import Code
from bson.codec_options import CodecOptions, DatetimeConversion
from bson.datetime_ms import DatetimeMS
from bson.decimal128 import Decimal128
from bson.int64 import Int64
from bson.max_key import MaxKey
from bson.min_key import MinKey
from bson.objectid import ObjectId
from bson.raw_bson import RawBSONDocument
from bson.timestamp import Timestamp
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st
from pymongo.errors import BulkWriteError

if TYPE_CHECKING:
    from athena_connectors.common.testing.mongodb import MongoDb
    from pymongo.collection import Collection

_OPTIONS = CodecOptions[dict[str, Any]](datetime_conversion=DatetimeConversion.DATETIME_MS)

_NUMBERS = st.one_of(
    st.integers(-(2**31), 2**31 - 1),
    st.integers(-5, 5),
    st.integers(-(2**63), 2**63 - 1).map(Int64),
    st.floats(allow_nan=True),
    st.sampled_from([-0.0, 0.5, math.inf, -math.inf, 2.0**53, 2.0**63]),
    st.sampled_from(["NaN", "-Infinity", "0", "1.5", "1E+6144", "-3", "9007199254740993"]).map(
        Decimal128
    ),
)
_TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=5)
_BINARY = st.builds(Binary, st.binary(max_size=20), st.sampled_from([0, 5, 128]))
_UUIDS = st.builds(lambda each, kind: Binary(each.bytes, kind), st.uuids(), st.sampled_from([3, 4]))
_IDS = st.binary(min_size=12, max_size=12).map(ObjectId)
_DATES = st.one_of(
    st.integers(-(2**63), 2**63 - 1).map(DatetimeMS), st.integers(0, 10**13).map(DatetimeMS)
)
_TIMES = st.builds(Timestamp, st.integers(1, 2**32 - 1), st.integers(0, 2**32 - 1))
_ODD = st.sampled_from([None, True, False, MinKey(), MaxKey(), Code("f()"), Code("g()", {"a": 1})])
_SCALARS = _NUMBERS | _TEXTS | _BINARY | _UUIDS | _IDS | _DATES | _TIMES | _ODD
_NAMES = st.sampled_from(["a", "b", "c", ""])
_OBJECTS = st.dictionaries(
    _NAMES, _SCALARS | st.lists(_SCALARS, max_size=2) | st.dictionaries(_NAMES, _SCALARS)
)
_KINDS = {
    "ObjectId": _IDS,
    "int": st.integers(-(2**31), 2**31 - 1),
    "double": st.floats(allow_nan=False),
    "number": _NUMBERS,
    "string": _TEXTS,
    "UUID": _UUIDS,
    "binary": _BINARY,
    "compound": _OBJECTS,
    "date": _DATES,
    "mixed": _SCALARS | _OBJECTS,
}


@pytest.fixture(scope="module")
def collection(mongodb: MongoDb) -> Collection[dict[str, Any]]:
    database = mongodb.client().get_database(mongodb.create_database(), codec_options=_OPTIONS)
    return database.create_collection("ids")


def _insert(collection: Collection[dict[str, Any]], ids: list[Any]) -> list[Any]:
    """Store a document for each distinct id; return what was stored, in the server's order."""
    collection.delete_many({})
    try:
        collection.insert_many([{"_id": each} for each in ids], ordered=False)
    except BulkWriteError as error:
        codes = {fault["code"] for fault in error.details["writeErrors"]}
        assert codes == {11000}, "only ids that are there already are refused"
    return [document["_id"] for document in collection.find(sort=[("_id", 1)])]


def _read(collection: Collection[dict[str, Any]], ranges: list[IdRange]) -> list[bytes]:
    raw = collection.with_options(CodecOptions(RawBSONDocument))
    return [found.raw for each in ranges for found in raw.find(each.filter())]


@pytest.mark.parametrize("kind", _KINDS)
@given(data=st.data())
@examples(max_examples=12, deadline=None)
def test_each_document_is_in_exactly_one_range(
    collection: Collection[dict[str, Any]], kind: str, data: st.DataObject
) -> None:
    ids = _insert(collection, data.draw(st.lists(_KINDS[kind], min_size=1, max_size=30)))
    chosen = data.draw(st.sets(st.integers(0, len(ids) - 1), max_size=6))
    bounds = [ids[place] for place in sorted(chosen)]
    ranges = ranges_between(bounds, mixed=not is_one_bracket(ids[0], ids[-1]))
    back = [read_range(range_text(each)) for each in ranges]
    everything = Counter(_read(collection, [EVERYTHING]))
    assert everything.total() == len(ids)
    assert Counter(_read(collection, back)) == everything


@given(ids=st.lists(_SCALARS | _OBJECTS, min_size=1, max_size=30))
@examples(max_examples=25, deadline=None)
def test_the_floors_of_all_brackets_and_what_is_outside_hold_each_document_once(
    collection: Collection[dict[str, Any]], ids: list[Any]
) -> None:
    _insert(collection, ids)
    ranges = ranges_between(list(FLOORS.values()), mixed=True)
    assert len(ranges) == 1 + len(FLOORS)
    assert Counter(_read(collection, ranges)) == Counter(_read(collection, [EVERYTHING]))
    (outside,) = [each for each in ranges if each.outside]
    kept = [found["_id"] for found in collection.find(outside.filter())]
    assert all(bracket_of(each) is None for each in kept)


@pytest.mark.parametrize("kind", _KINDS)
@given(data=st.data())
@examples(max_examples=8, deadline=None)
def test_a_range_goes_on_behind_the_last_document_that_was_read(
    collection: Collection[dict[str, Any]], kind: str, data: st.DataObject
) -> None:
    ids = _insert(collection, data.draw(st.lists(_KINDS[kind], min_size=1, max_size=30)))
    places = sorted(data.draw(st.sets(st.integers(0, len(ids) - 1), min_size=1, max_size=4)))
    ranges = ranges_between(
        [ids[place] for place in places], mixed=not is_one_bracket(ids[0], ids[-1])
    )
    for each in ranges:
        found = [document["_id"] for document in collection.find(each.filter()).sort("_id", 1)]
        if not found:
            continue
        stop = data.draw(st.integers(0, len(found) - 1))
        after = each.filter_after(found[stop])
        if after is None:
            assert each.outside or each.is_everything or bracket_of(found[stop]) is None
            continue
        rest = [document["_id"] for document in collection.find(after).sort("_id", 1)]
        assert repr(rest) == repr(found[stop + 1 :])


def test_ids_of_one_bracket_make_one_range_more_than_there_are_bounds() -> None:
    assert ranges_between([3, 7.5], mixed=False) == [
        IdRange(high=3),
        IdRange(3, 7.5),
        IdRange(low=7.5),
    ]
    assert ranges_between([], mixed=False) == [EVERYTHING]
    assert ranges_between([3, 3.0, Int64(3)], mixed=False) == [IdRange(high=3), IdRange(low=3)]


def test_ids_of_several_brackets_leave_what_is_outside_to_a_range_of_its_own() -> None:
    outside = IdRange(outside=(3, "a"))
    ranges = ranges_between([3, 5, "a"], mixed=False)
    assert ranges == [outside, IdRange(3, 5), IdRange(low=5), IdRange(low="a")]
    assert outside.filter() == {
        "$and": [{"_id": {"$not": {"$gte": 3}}}, {"_id": {"$not": {"$gte": "a"}}}]
    }
    assert ranges_between([3], mixed=True) == [IdRange(outside=(3,)), IdRange(low=3)]


_BRACKETED = [0, 1.5, Decimal128("1"), "", {}, b"", Binary(b"", 4), ObjectId(), DatetimeMS(0)]
_UNBOUND: list[Any] = [
    None,
    True,
    MinKey(),
    MaxKey(),
    Code("f"),
    math.nan,
    Decimal128("NaN"),
    [],
    Binary(b"", 255),
    DBRef("a", 1),
]


def test_values_that_match_by_other_rules_are_no_bounds() -> None:
    assert [each for each in _BRACKETED if bracket_of(each) is None] == []
    assert [each for each in _UNBOUND if bracket_of(each) is not None] == []
    assert ranges_between(_UNBOUND, mixed=False) == [EVERYTHING]


def test_one_bracket_is_told_by_both_ends() -> None:
    assert is_one_bracket(1, Decimal128("7"))
    assert is_one_bracket(ObjectId(), ObjectId())
    values: list[Any] = [1, "a", ObjectId(), None, {}, math.nan]
    for first, last in combinations(values, 2):
        assert not is_one_bracket(first, last)
    assert not is_one_bracket(None, None)
    assert not is_one_bracket(math.nan, 5)


@pytest.mark.parametrize("kind", _KINDS)
@given(data=st.data())
@examples(max_examples=50, deadline=None)
def test_a_range_is_the_same_when_it_has_been_to_the_engine(kind: str, data: st.DataObject) -> None:
    bounds = data.draw(st.lists(_KINDS[kind], max_size=5))
    for each in ranges_between(bounds, mixed=data.draw(st.booleans())):
        again = read_range(range_text(each))
        assert again == each
        assert repr(again) == repr(each)


@pytest.mark.parametrize(
    "text",
    [
        *("", "5", "[]", "{", '{"low": null, "more": 1}', '{"outside": 5}', '{"low": true}'),
        *('{"low": {"$oid": "5"}}', '{"outside": [null]}', '{"high": [1]}', '{"low": ' * 5000),
    ],
)
def test_a_text_that_is_no_range_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="^" if not text else "."):
        read_range(text)


def test_texts_and_ids_are_bounds_in_readable_json() -> None:
    ids = IdRange(ObjectId("65920080f1d2c3b4a5968778"), None)
    assert range_text(ids) == '{"low":{"$oid":"65920080f1d2c3b4a5968778"}}'
    assert range_text(IdRange('a"', 5)) == '{"low":"a\\"","high":{"$numberInt":"5"}}'

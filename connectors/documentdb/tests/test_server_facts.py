"""What the filters of this connector rely on, as a server does it.

On another server, such as DocumentDB, a failure here tells which filter is wrong there.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import bson
import pytest
from bson.binary import Binary
from bson.datetime_ms import DatetimeMS
from bson.decimal128 import Decimal128
from bson.objectid import ObjectId
from bson.raw_bson import RawBSONDocument
from bson.regex import Regex
from bson.timestamp import Timestamp

if TYPE_CHECKING:
    from athena_connectors.common.testing.mongodb import MongoDb
    from pymongo.collection import Collection

VALUES: dict[str, Any] = {
    "null": None,
    "5": 5,
    "'5'": "5",
    "5.5": 5.5,
    "[5, 6]": [5, 6],
    "['5', null]": ["5", None],
    "[]": [],
    "{a: 1}": {"a": 1},
    "decimal 5": Decimal128("5.00"),
    "date": DatetimeMS(1_704_067_200_000),
    "timestamp": Timestamp(1_704_067_200, 3),
    "id": ObjectId("507f1f77bcf86cd799439011"),
    "NaN": math.nan,
    "decimal NaN": Decimal128("NaN"),
    "-0.0": -0.0,
    "true": True,
    "binary": b"abc",
    "binary 128": Binary(b"abd", 128),
    "binary 2": Binary(b"abc", 2),
    "regex": Regex("5"),
    "'É'": "É",
}
NUMBERS = {"5", "5.5", "decimal 5", "-0.0", "[5, 6]"}
STRINGS = {"'5'", "'É'", "['5', null]", "not UTF-8"}
LISTS = {"[5, 6]", "['5', null]", "[]"}
EVERYTHING = {*VALUES, "missing", "not UTF-8"}

DATE = VALUES["date"]


@pytest.fixture(scope="module")
def stored(mongodb: MongoDb) -> Collection[Any]:
    """A document of each value, and one without the field."""
    collection = mongodb.client()[mongodb.create_database()]["facts"]
    collection.insert_many([{"_id": name, "x": value} for name, value in VALUES.items()])
    collection.insert_one({"_id": "missing"})
    damaged = bson.encode({"_id": "not UTF-8", "x": "5??"}).replace(b"??", b"\xff\xfe")
    collection.insert_one(RawBSONDocument(damaged))
    return collection


def _name(value: object) -> str:
    """Return a text that is the same in each process, as that of a set is not."""
    return repr(sorted(value) if isinstance(value, set) else value)


@pytest.mark.parametrize(
    ("tests", "wanted"),
    [
        ({"$exists": True, "$eq": None}, {"null", "['5', null]"}),
        ({"$eq": None}, {"null", "missing", "['5', null]"}),
        ({"$ne": None}, EVERYTHING - {"null", "missing", "['5', null]"}),
        ({"$type": "array"}, LISTS),
        ({"$not": {"$type": "array"}}, EVERYTHING - LISTS),
        ({"$eq": 5}, {"5", "decimal 5", "[5, 6]"}),
        ({"$eq": 5, "$not": {"$type": "array"}}, {"5", "decimal 5"}),
        ({"$in": ["5", True]}, {"'5'", "['5', null]", "true"}),
        ({"$gt": 1}, NUMBERS - {"-0.0"}),
        ({"$gte": -math.inf}, NUMBERS),
        ({"$eq": math.nan}, {"NaN", "decimal NaN"}),
        ({"$eq": 0}, {"-0.0"}),
        ({"$nin": [5, None]}, EVERYTHING - {"5", "decimal 5", "null", "missing"} - LISTS | {"[]"}),
        ({"$gte": ""}, STRINGS),
        ({"$gte": "5", "$lt": "6"}, STRINGS - {"'É'"}),
        ({"$regex": Regex("5")}, {"'5'", "['5', null]", "regex"}),
        ({"$gte": "", "$not": Regex("^")}, {"not UTF-8"}),
        ({"$gte": DATE, "$lte": DATE}, {"date"}),
        ({"$gte": Timestamp(1_704_067_200, 0)}, {"timestamp"}),
        ({"$gte": 19_723}, set()),
        ({"$not": {"$gte": DATE, "$lte": DATE}}, EVERYTHING - {"date"}),
        ({"$gte": ObjectId("507f" + "0" * 20)}, {"id"}),
        ({"$gte": Binary(bytes(3)), "$lt": Binary(bytes(4))}, {"binary", "binary 128"}),
        (
            {"$gte": Binary(bytes(3)), "$lt": Binary(bytes(8))},
            {"binary", "binary 128", "binary 2"},
        ),
        ({"$type": "binData"}, {"binary", "binary 128", "binary 2"}),
        ({"$in": [False, True], "$not": {"$type": "array"}}, {"true"}),
    ],
    ids=_name,
)
def test_a_filter_finds(stored: Collection[Any], tests: dict[str, Any], wanted: set[str]) -> None:
    assert {each["_id"] for each in stored.find({"x": tests}, {"_id": 1})} == wanted


def test_less_or_greater_is_not_unequal(stored: Collection[Any]) -> None:
    either = {"$or": [{"x": {"$lt": 5}}, {"x": {"$gt": 5}}]}
    found = {each["_id"] for each in stored.find(either, {"_id": 1})}
    assert found == {"5.5", "-0.0", "[5, 6]"}


def test_documents_are_ordered_by_types_first_and_null_before_all(stored: Collection[Any]) -> None:
    order = [each["_id"] for each in stored.find({}, {"_id": 1}).sort("x", 1)]
    brackets = ["null", "NaN", "5", "'5'", "{a: 1}", "binary", "id", "true", "date", "timestamp"]
    assert sorted(brackets, key=order.index) == brackets


def test_texts_are_ordered_by_their_code_points(mongodb: MongoDb) -> None:
    texts = ["a", "a\0", "é", "\ue000", "\uffff", "\U00010000"]
    collection = mongodb.client()[mongodb.create_database()]["texts"]
    collection.insert_many([{"_id": text} for text in reversed(texts)])
    assert [each["_id"] for each in collection.find().sort("_id", 1)] == texts

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import pytest
from athena_connectors.documentdb.filters import all_of, any_of, document_text, native_text, size
from athena_connectors.documentdb.relation import Collection
from bson.datetime_ms import DatetimeMS
from bson.decimal128 import Decimal128
from bson.objectid import ObjectId
from bson.timestamp import Timestamp

if TYPE_CHECKING:
    from athena_connectors.common.testing.mongodb import MongoDb
    from athena_connectors.documentdb.filters import Filter

LOW: Filter = {"x": {"$gte": 1}}
HIGH: Filter = {"x": {"$lt": 9}}
OTHER: Filter = {"y": {"$eq": 2}}
EITHER: Filter = {"$or": [LOW, OTHER]}


def test_and_is_one_flat_document_where_that_is_the_same() -> None:
    assert all_of([LOW, OTHER, HIGH]) == {"x": {"$gte": 1, "$lt": 9}, "y": {"$eq": 2}}
    assert all_of([LOW, EITHER]) == {**LOW, **EITHER}
    assert all_of([{}, LOW, {}]) == LOW
    assert all_of([]) == {}


def test_and_keeps_what_uses_the_same_operator_apart() -> None:
    assert all_of([LOW, {"x": {"$gte": 5}}]) == {"$and": [LOW, {"x": {"$gte": 5}}]}
    assert all_of([EITHER, {"$or": [HIGH]}]) == {"$and": [EITHER, {"$or": [HIGH]}]}
    assert all_of([{"$and": [LOW, OTHER]}, HIGH]) == {"x": {"$gte": 1, "$lt": 9}, **OTHER}


@pytest.mark.parametrize("value", [5, None, {"$gte": 1, "a": 1}, {"a": 1}, ["a"]])
def test_and_takes_no_value_for_operators(value: Any) -> None:
    assert all_of([LOW, {"x": value}]) == {"$and": [LOW, {"x": value}]}


def test_and_changes_no_filter_that_it_is_given() -> None:
    one, two = {"x": {"$gte": 1}}, {"x": {"$lt": 9}}
    all_of([one, two])
    assert (one, two) == (LOW, HIGH)


def test_or_lists_the_values_of_a_field_together_and_is_flat() -> None:
    found = any_of([{"y": {"$eq": 1}}, EITHER, {"y": {"$in": [3, 4]}}, LOW])
    assert found == {"$or": [{"y": {"$in": [1, 2, 3, 4]}}, LOW]}
    assert any_of([LOW]) == LOW
    assert any_of([LOW, {}]) == {}


def test_or_takes_equal_numbers_and_truths_for_different_values() -> None:
    truths = any_of([{"x": {"$gte": True}}, LOW])
    assert [type(each["x"]["$gte"]) for each in truths["$or"]] == [bool, int]


def test_or_leaves_values_of_a_passed_filter_alone() -> None:
    assert any_of([{"x": 5}, LOW]) == {"$or": [{"x": 5}, LOW]}


def test_filters_are_told_as_extended_json_on_one_line() -> None:
    assert document_text(
        {
            "a": ObjectId("507f1f77bcf86cd799439011"),
            "b": [DatetimeMS(5), Decimal128("1.5"), math.nan, "é\n"],
            "c": Timestamp(1, 2),
        }
    ) == (
        '{"a": {"$oid": "507f1f77bcf86cd799439011"}, "b": [{"$date": "1970-01-01T00:00:00.005Z"},'
        ' {"$numberDecimal": "1.5"}, {"$numberDouble": "NaN"}, "é\\n"],'
        ' "c": {"$timestamp": {"t": 1, "i": 2}}}'
    )


def test_the_command_is_told_with_all_that_is_said_to_the_server(mongodb: MongoDb) -> None:
    collection = Collection("shop", "orders")
    assert native_text(collection, {}, None) == '{"find": "orders"}'
    text = native_text(collection, LOW, {"x": 1}, limit=5, collation={"locale": "simple"})
    assert text == (
        '{"find": "orders", "filter": {"x": {"$gte": 1}}, "projection": {"x": 1}, "limit": 5,'
        ' "collation": {"locale": "simple"}}'
    )
    from bson import json_util  # noqa: PLC0415

    database = mongodb.client()[mongodb.create_database()]
    assert database.command(json_util.loads(text))["cursor"]["firstBatch"] == []


def test_the_size_of_a_filter_is_that_of_its_bytes() -> None:
    assert size({"x": "a" * 1000}) - size({"x": ""}) == 1000

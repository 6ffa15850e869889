from __future__ import annotations

import datetime as dt
import uuid
from decimal import Decimal
from typing import Any

import bson
import pyarrow as pa
import pytest
from athena_connectors.common.config import load_settings
from athena_connectors.common.inference import InferencePolicy, infer_schema
from athena_connectors.common.observed import Kind
from athena_connectors.documentdb.settings import Settings
from athena_connectors.documentdb.types import SAMPLE_OPTIONS, empty_sample, look
from bson.binary import Binary
from bson.code import Code
from bson.datetime_ms import DatetimeMS
from bson.dbref import DBRef
from bson.decimal128 import Decimal128
from bson.int64 import Int64
from bson.max_key import MaxKey
from bson.min_key import MinKey
from bson.objectid import ObjectId
from bson.regex import Regex
from bson.timestamp import Timestamp

WIDE = pa.decimal128(38, 9)
ID = ObjectId("0123456789abcdef01234567")
FAR = DatetimeMS(10**15)
"""A date that Python has no type for."""
DAY = dt.datetime(2024, 1, 31, tzinfo=dt.UTC)
UUID = Binary.from_uuid(uuid.UUID(int=7))
OLD_UUID = Binary(bytes(16), 3)


def stored(value: object) -> Any:
    """What a value is once it was written and read."""
    (document,) = bson.decode_all(bson.encode({"a": value}), SAMPLE_OPTIONS)
    return document["a"]


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        ("x", Kind.TEXT),
        (ID, Kind.TEXT),
        (True, Kind.BOOLEAN),
        (1, Kind.INT64),
        (Int64(1), Kind.INT64),
        (1.5, Kind.DOUBLE),
        (Decimal128("1.50"), Kind.DECIMAL),
        (Decimal128("NaN"), Kind.DOUBLE),
        (Decimal128("-Infinity"), Kind.DOUBLE),
        (DAY, Kind.TIMESTAMP),
        (FAR, Kind.TIMESTAMP),
        (Timestamp(2**32 - 1, 1), Kind.TIMESTAMP),
        (b"x", Kind.BINARY),
        (Binary(b"x", 5), Kind.BINARY),
        (UUID, Kind.TEXT),
        (OLD_UUID, Kind.TEXT),
        ([1], Kind.LIST),
        ({"b": 1}, Kind.STRUCT),
        (DBRef("others", ID), Kind.STRUCT),
        (None, Kind.NULL),
        (Regex("a", "i"), Kind.OTHER),
        (Code("return 1"), Kind.OTHER),
        (Code("return x", {"x": 1}), Kind.OTHER),
        (MinKey(), Kind.OTHER),
        (MaxKey(), Kind.OTHER),
    ],
)
def test_each_type_is_known_as_it_comes_from_the_server(value: object, kind: Kind) -> None:
    assert look(stored(value))[0] is kind


@pytest.mark.parametrize(
    ("element", "kind"),
    [
        (b"\x06a\x00", Kind.NULL),
        (b"\x0ea\x00\x02\x00\x00\x00x\x00", Kind.TEXT),
        (b"\x0ca\x00\x02\x00\x00\x00x\x00" + ID.binary, Kind.STRUCT),
        (b"\x02a\x00\x02\x00\x00\x00\xff\x00", Kind.TEXT),
    ],
    ids=["undefined", "symbol", "dbPointer", "no UTF-8"],
)
def test_what_nobody_writes_any_more_is_no_error(element: bytes, kind: Kind) -> None:
    size = (len(element) + 5).to_bytes(4, "little")
    (document,) = bson.decode_all(size + element + b"\x00", SAMPLE_OPTIONS)
    assert look(document["a"])[0] is kind


def test_contents_are_those_that_the_inference_asks_for() -> None:
    assert look(stored(Decimal128("1.50")))[1] == Decimal("1.50")
    assert look(stored(Int64(2**40)))[1] == 2**40
    assert look(stored(DBRef("others", 7, "far")))[1] == {"_db": "far", "_ref": "others", "_id": 7}
    assert look(stored([1, "x"]))[1] == [1, "x"]


@pytest.mark.parametrize(
    ("values", "type_"),
    [
        (["x"], pa.string()),
        ([ID, "x"], pa.string()),
        ([1], pa.int64()),
        ([1, Int64(2**40)], pa.int64()),
        ([1, 1.5], pa.float64()),
        ([Int64(2**60), 1e-20], pa.string()),
        ([Int64(2**54), 0.5], WIDE),
        ([Decimal128("1.5"), 3], WIDE),
        ([Decimal128("0.12345678901")], pa.decimal128(38, 11)),
        ([Decimal128("1E+6000")], pa.string()),
        ([Decimal128("1.5"), Decimal128("NaN")], pa.string()),
        ([Decimal128("NaN")], pa.float64()),
        ([True, None], pa.bool_()),
        ([DAY, Timestamp(1, 1)], pa.timestamp("ms")),
        ([b"x", Binary(b"x", 128)], pa.binary()),
        ([UUID, "x"], pa.string()),
        ([UUID, b"x"], pa.string()),
        ([[1], [], [2.5]], pa.list_(pa.float64())),
        ([[-73, 40.7]], pa.list_(pa.float64())),
        ([[[1], [2]], [[]]], pa.list_(pa.list_(pa.int64()))),
        ([[]], pa.list_(pa.string())),
        ([[ID]], pa.list_(pa.string())),
        ([[{"a": 1}, {"b": "x"}]], pa.list_(pa.struct([("a", pa.int64()), ("b", pa.string())]))),
        ([{}], pa.string()),
        ([{}, {"a": 1}], pa.struct([("a", pa.int64())])),
        ([None], pa.string()),
        ([1, "x"], pa.string()),
        ([1, True], pa.string()),
        ([{"a": 1}, None], pa.struct([("a", pa.int64())])),
        ([{"a": 1}, [1]], pa.string()),
        ([Regex("a"), "x"], pa.string()),
        (
            [DBRef("others", ID)],
            pa.struct([("_db", pa.string()), ("_id", pa.string()), ("_ref", pa.string())]),
        ),
        (
            [[DBRef("others", 7)]],
            pa.list_(pa.struct([("_db", pa.string()), ("_id", pa.int64()), ("_ref", pa.string())])),
        ),
    ],
)
def test_what_is_seen_in_documents_becomes_a_type(values: list[Any], type_: pa.DataType) -> None:
    sample = empty_sample(load_settings(Settings, {}))
    for value in values:
        sample.add({"a": stored(value)})
    (column,) = infer_schema(sample, InferencePolicy())
    assert column.type == type_


def test_issue_229_and_1848_structures_of_all_documents_are_united() -> None:
    sample = empty_sample(load_settings(Settings, {"max_struct_fields": "3"}))
    for number in range(5):
        sample.add({"few": {f"f{number % 3}": "x"}, "many": {f"f{number}": 1}, "none": {}})
    few, many, none = infer_schema(sample, InferencePolicy())
    assert few.type == pa.struct([(f"f{number}", pa.string()) for number in range(3)])
    assert many.type == pa.map_(pa.string(), pa.int64())
    assert none.type == pa.string()


def test_a_uuid_of_another_length_is_binary_data() -> None:
    assert look(Binary(b"short", 4))[0] is Kind.BINARY

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from athena_connectors.common.config import load_settings
from athena_connectors.common.inference import InferencePolicy, infer_schema
from athena_connectors.common.observed import Kind
from athena_connectors.dynamodb.settings import Settings
from athena_connectors.dynamodb.types import empty_sample, holds_times, look

WIDE = pa.decimal128(38, 9)


@pytest.mark.parametrize(
    ("value", "seen"),
    [
        ({"S": "x"}, (Kind.TEXT, None)),
        ({"N": "1E+125"}, (Kind.DECIMAL, Decimal("1E+125"))),
        ({"B": b"x"}, (Kind.BINARY, None)),
        ({"B": "eA=="}, (Kind.BINARY, None)),
        ({"BOOL": False}, (Kind.BOOLEAN, None)),
        ({"NULL": True}, (Kind.NULL, None)),
        ({"L": [{"S": "x"}]}, (Kind.LIST, [{"S": "x"}])),
        ({"M": {"S": {"N": "1"}}}, (Kind.STRUCT, {"S": {"N": "1"}})),
        ({"SS": ["a"]}, (Kind.SET, [{"S": "a"}])),
        ({"NS": ["1"]}, (Kind.SET, [{"N": "1"}])),
        ({"BS": [b"a"]}, (Kind.SET, [{"B": b"a"}])),
        ({"NEW": "x"}, (Kind.OTHER, None)),
    ],
)
def test_each_tag_is_known(value: dict[str, Any], seen: tuple[Kind, Any]) -> None:
    assert look(value) == seen


@pytest.mark.parametrize(
    ("values", "type_"),
    [
        ([{"S": "x"}], pa.string()),
        ([{"N": "1"}], WIDE),
        ([{"N": "0.12345678901"}], pa.decimal128(38, 11)),
        ([{"N": "1" * 38}], pa.string()),
        ([{"BOOL": True}, {"NULL": True}], pa.bool_()),
        ([{"B": b"x"}], pa.binary()),
        ([{"SS": ["a"]}], pa.list_(pa.string())),
        ([{"NS": ["1"]}, {"L": []}], pa.list_(WIDE)),
        ([{"BS": [b"1"]}], pa.list_(pa.binary())),
        ([{"L": []}], pa.list_(pa.string())),
        ([{"L": [{"N": "1"}, {"NULL": True}]}], pa.list_(WIDE)),
        ([{"L": [{"N": "1"}, {"S": "x"}]}], pa.list_(pa.string())),
        ([{"M": {}}], pa.string()),
        (
            [{"M": {"a": {"S": "x"}}}, {"M": {"b": {"L": [{"M": {"c": {"N": "1"}}}]}}}],
            pa.struct([("a", pa.string()), ("b", pa.list_(pa.struct([("c", WIDE)])))]),
        ),
        ([{"NULL": True}], pa.string()),
        ([{"S": "x"}, {"N": "1"}], pa.string()),
        ([{"S": "x"}, {"M": {"a": {"N": "1"}}}], pa.string()),
        ([{"L": [{"S": "x"}]}, {"S": "x"}], pa.string()),
    ],
)
def test_what_is_seen_in_items_becomes_a_type(
    values: list[dict[str, Any]], type_: pa.DataType
) -> None:
    sample = empty_sample(load_settings(Settings, {}))
    for value in values:
        sample.add({"a": value})
    (column,) = infer_schema(sample, InferencePolicy())
    assert column.type == type_


def test_issue_256_and_867_structures_of_all_items_are_united() -> None:
    sample = empty_sample(load_settings(Settings, {"max_struct_fields": "3"}))
    for number in range(5):
        sample.add({"few": {"M": {f"f{number % 3}": {"S": "x"}}}})
        sample.add({"many": {"M": {f"f{number}": {"N": "1"}}}})
    few, many = infer_schema(sample, InferencePolicy())
    assert few.type == pa.struct([(f"f{number}", pa.string()) for number in range(3)])
    assert many.type == pa.map_(pa.string(), WIDE)


@pytest.mark.parametrize(
    ("type_", "answer"),
    [
        (pa.int64(), False),
        (pa.date32(), True),
        (pa.timestamp("ms", "UTC"), True),
        (pa.list_(pa.struct([("at", pa.timestamp("ms"))])), True),
        (pa.map_(pa.string(), pa.date32()), True),
        (pa.map_(pa.string(), pa.list_(pa.string())), False),
    ],
)
def test_times_are_found_at_any_depth(type_: pa.DataType, *, answer: bool) -> None:
    assert holds_times(type_) is answer

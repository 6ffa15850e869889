"""Value sets written by the Java reference: what they contain and what operations give.

Membership is asked of the set itself and of the residual on a column of the type. The
blocks inside are read here by hand, so that the algebra is tested apart from the codec.
Zoned timestamps are compared by instant alone, where the reference also looks at the zone.
"""

from __future__ import annotations

import base64
import json
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from athena_connectors.common.constraints import ColumnDomain
from athena_connectors.common.residual import compile_residual
from athena_connectors.common.testing.strategies import column_of
from athena_connectors.common.valueset import (
    AllOrNoneValueSet,
    Bound,
    EquatableValueSet,
    Marker,
    Range,
    SortedRangeSet,
    ValueSet,
)

VECTORS = Path(__file__).parent / "vectors" / "valuesets"
CONTAINS = json.loads((VECTORS / "contains.json").read_text(encoding="utf-8"))
OPERATIONS = json.loads((VECTORS / "ops.json").read_text(encoding="utf-8"))

TYPES: dict[str, Any] = {
    "Int(32, true)": pa.int32(),
    "FloatingPoint(DOUBLE)": pa.float64(),
    "Date(DAY)": pa.date32(),
    "Timestamp(MILLISECOND, UTC)": pa.timestamp("ms", "UTC"),
    "Utf8": pa.string(),
    "Bool": pa.bool_(),
}
ZONE_KEYS = {"UTC": 0, "America/New_York": 1847, "Asia/Kolkata": 1953, "Africa/Abidjan": 1681}


def block_values(block: dict[str, str]) -> list[Any]:
    if not block["records"]:
        return []
    schema = pa.ipc.read_schema(pa.py_buffer(base64.b64decode(block["schema"])))
    message = pa.ipc.read_message(pa.py_buffer(base64.b64decode(block["records"])))
    column = pa.ipc.read_record_batch(message, schema).column("col1")
    stored = {pa.date32(): pa.int32(), pa.timestamp("ms", "UTC"): pa.int64()}
    return column.view(stored.get(column.type, column.type)).to_pylist()


def marker(node: dict[str, Any]) -> Marker:
    values = block_values(node["valueBlock"])
    return Marker(None if node["nullValue"] else values[0], Bound(node["bound"]))


def value_set(node: dict[str, Any], type_: pa.DataType) -> ValueSet:
    nulls = node["nullAllowed"]
    match node["@type"]:
        case "SortedRangeSet":
            ranges = [Range(marker(item["low"]), marker(item["high"])) for item in node["ranges"]]
            return SortedRangeSet.of(type_, ranges, null_allowed=nulls)
        case "EquatableValueSet":
            values = tuple(block_values(node["valueBlock"]))
            return EquatableValueSet(
                type_, values, white_list=node["whiteList"], null_allowed=nulls
            )
        case _:
            return AllOrNoneValueSet(type_, all=node["all"], null_allowed=nulls)


def physical(value: Any, type_: pa.DataType) -> Any:
    """The value of a vector, spelled as their README says."""
    if value == "Infinity":
        return float("inf")
    if isinstance(value, str) and pa.types.is_timestamp(type_):
        text, zone = value.removesuffix("]").split("[")
        millis = int(datetime.fromisoformat(text).timestamp() * 1000)
        return millis << 12 | ZONE_KEYS[zone]
    return value


def membership_cases() -> list[Any]:
    cases = []
    for vector in CONTAINS:
        asked = [(item["value"], item["constraint_evaluator_apply"]) for item in vector["tests"]]
        asked += [
            (item["value"], item["instant_comparison_result"])
            for item in vector.get("java_quirk_tests", ())
        ]
        cases += [
            pytest.param(vector, value, wanted, id=f"{vector['name']}-{value}")
            for value, wanted in asked
        ]
    return cases


@pytest.mark.parametrize(("vector", "value", "wanted"), membership_cases())
def test_membership(vector: dict[str, Any], value: Any, wanted: bool) -> None:  # noqa: FBT001
    type_ = TYPES[vector["arrow_type"]]
    allowed = value_set(vector["value_set"], type_)
    stored = physical(value, type_)
    assert allowed.contains(stored) is wanted
    batch = pa.RecordBatch.from_arrays([column_of([stored], type_)], ["c"])
    assert compile_residual([ColumnDomain("c", allowed)]).apply(batch).num_rows == int(wanted)


@pytest.mark.parametrize("vector", CONTAINS, ids=lambda vector: vector["name"])
def test_flags(vector: dict[str, Any]) -> None:
    allowed = value_set(vector["value_set"], TYPES[vector["arrow_type"]])
    assert vector["flags"] == {
        "is_none": allowed.is_none,
        "is_all": allowed.is_all,
        "is_single_value": allowed.is_single_value,
        "null_allowed": allowed.null_allowed,
    }


@pytest.mark.parametrize("vector", OPERATIONS, ids=lambda vector: vector["name"])
def test_operation(vector: dict[str, Any]) -> None:
    type_ = pa.string() if vector["left"]["@type"] == "EquatableValueSet" else pa.int32()
    left, right, result = (
        vector[name] and value_set(vector[name], type_) for name in ("left", "right", "result")
    )
    made = getattr(left, vector["op"])(*([] if right is None else [right]))
    assert made == result

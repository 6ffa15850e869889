"""Zone keys and packed values written by the Java reference."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from athena_connectors.common.timestamps import (
    pack,
    pack_column,
    unpack,
    unpack_column,
    zone_key,
    zone_name,
)
from athena_connectors.common.types import cast_batch, engine_type

VECTORS = Path(__file__).parent / "vectors" / "timestamps"
ZONES = {
    int(key): name
    for key, name in json.loads((VECTORS / "timezone_keys.json").read_text("utf-8")).items()
}
PACKING = json.loads((VECTORS / "packing.json").read_text("utf-8"))
ZONED = [vector for vector in PACKING if "zone" in vector]
LOCAL = [vector for vector in PACKING if "local" in vector]


def test_every_zone_is_found_by_key_and_by_name() -> None:
    assert len(ZONES) == 2225
    assert {key: zone_name(key) for key in ZONES} == ZONES
    for spell in (str, str.lower, str.upper):
        assert {zone_key(spell(name)): name for name in ZONES.values()} == ZONES


def test_there_is_no_further_key() -> None:
    known = set()
    for key in range(4096):
        try:
            known.add((key, zone_name(key)))
        except ValueError:
            continue
    assert known == set(ZONES.items())


@pytest.mark.parametrize("vector", ZONED, ids=lambda vector: vector["name"])
def test_packing(vector: dict[str, Any]) -> None:
    millis, zone, packed = vector["epoch_millis"], vector["zone"], vector["packed"]
    assert zone_key(zone) == vector["zone_key"]
    assert pack(millis, zone) == packed
    assert unpack(packed) == (millis, shown_zone(vector["unpacked_zone"]))
    column = pack_column(pa.array([millis, None]), zone_key(zone))
    assert column.view(pa.int64()).to_pylist() == [packed, None]
    instants, keys = unpack_column(column)
    assert instants.to_pylist() == [millis, None]
    assert keys.to_pylist() == [vector["zone_key"], None]


def shown_zone(text: str) -> str:
    """The zone of a Java ZonedDateTime's text: its name in brackets, else the offset."""
    match = re.search(r"\[(.+)\]$|([+-]\d\d:\d\d)$", text)
    assert match is not None
    return match[1] or match[2]


@pytest.mark.parametrize("vector", ZONED, ids=lambda vector: vector["name"])
@pytest.mark.parametrize("unit", ["us", "ns"])
def test_a_plain_zoned_column_is_packed_the_same(vector: dict[str, Any], unit: str) -> None:
    per_milli = {"us": 1_000, "ns": 1_000_000}[unit]
    plain = pa.array([vector["epoch_millis"] * per_milli], pa.timestamp(unit, vector["zone"]))
    assert cast(plain, engine_type(plain.type)) == [vector["packed"]]


@pytest.mark.parametrize("vector", LOCAL, ids=lambda vector: vector["name"])
def test_a_wall_clock_is_taken_as_utc(vector: dict[str, Any]) -> None:
    column = pa.array([vector["local"]]).cast(pa.timestamp("us"))
    assert cast(column, pa.timestamp("ms", "UTC")) == [vector["packed"]]


def cast(column: Any, type_: pa.DataType) -> list[Any]:
    batch = pa.RecordBatch.from_arrays([column], ["c"])
    result = cast_batch(batch, pa.schema([("c", type_)]), table="s.t")
    return result.column(0).view(pa.int64()).to_pylist()

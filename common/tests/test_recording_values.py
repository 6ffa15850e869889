"""What crosses a connector's boundary, written and read again; and other values in its place."""

from __future__ import annotations

import json
import struct
from itertools import pairwise
from typing import Any

import pyarrow as pa
import pytest
from athena_connectors.common.capabilities import Capabilities, PassthroughFunction
from athena_connectors.common.connector import TableDescription
from athena_connectors.common.constraints import Constraints, Direction, OrderBy
from athena_connectors.common.estimates import CheapAccess, Estimate
from athena_connectors.common.ordering import sort_key
from athena_connectors.common.paging import Page
from athena_connectors.common.protocol.messages import TableName
from athena_connectors.common.protocol.storage import physical_values
from athena_connectors.common.testing import strategies
from athena_connectors.common.testing.engine_errors import UsageError
from athena_connectors.common.testing.recording.scrubbing import (
    Gathered,
    map_batch,
    map_constraints,
    map_texts,
)
from athena_connectors.common.testing.recording.values import (
    batch_bytes,
    key_of,
    read_batch,
    read_value,
    write_value,
)
from athena_connectors.common.valueset import SortedRangeSet
from hypothesis import given, settings
from hypothesis import strategies as st

PLAIN = (
    None,
    "text",
    7,
    True,
    ["a", ["b"]],
    {"map": {"rows": "x"}, "table": "y"},
    TableName("S", "T"),
    Page(("a", "b"), "token"),
    Page((), None),
    Capabilities(),
    Capabilities.everything(PassthroughFunction()),
    TableDescription(pa.schema([pa.field("a", pa.int8(), metadata={"k": "v"})]), ("a",)),
    Estimate("where", rows_read=3, source_units=1.5, cheap_by=(CheapAccess(("a",), "index"),)),
    Constraints(order_by=(OrderBy("a", Direction.DESC_NULLS_LAST),), limit=3),
)


def again(value: Any) -> Any:
    members: list[bytes] = []

    def write(batch: pa.RecordBatch) -> str:
        members.append(batch_bytes(batch))
        return str(len(members) - 1)

    node = json.loads(json.dumps(write_value(value, write)))
    return read_value(node, lambda name: read_batch(members[int(name)]))


@pytest.mark.parametrize("value", PLAIN, ids=lambda value: type(value).__name__)
def test_values_are_read_as_they_were_written(value: Any) -> None:
    assert again(value) == value
    assert key_of(again(value)) == key_of(value)


def test_other_values_are_not_written() -> None:
    with pytest.raises(TypeError, match="object"):
        write_value(object(), lambda _: "")


@settings(max_examples=60, deadline=None)
@given(strategies.schemas().flatmap(strategies.batches))
def test_rows_are_read_as_they_were_written(batch: pa.RecordBatch) -> None:
    (found,) = again([batch])
    assert found.schema.equals(batch.schema, check_metadata=True)
    assert batch_bytes(found) == batch_bytes(batch)
    assert found.num_rows == batch.num_rows


def test_rows_without_columns_are_counted() -> None:
    rows = pa.record_batch({"a": [1, 2, 3]}).select([])
    assert again(rows).num_rows == 3


def test_damaged_rows_are_refused() -> None:
    data = batch_bytes(pa.record_batch({"a": ["abcdef", "g"]}))
    offsets = struct.pack("<3i", 0, 6, 7)
    assert offsets in data
    beyond = data.replace(offsets, struct.pack("<3i", 0, 6, 700_000_000))
    for broken in (data[:-60], b"", data[:40] + b"\xff" * 40 + data[80:], beyond):
        with pytest.raises((ValueError, OSError, pa.ArrowException)):
            read_batch(broken)


# --- other values


def scrubbed(batch: pa.RecordBatch) -> pa.RecordBatch:
    gathered = Gathered()
    map_batch(gathered, batch)
    return map_batch(gathered.exchanged(), batch)


def _keys(column: pa.Array[Any]) -> list[Any]:
    values = physical_values(column)
    return [None if value is None else sort_key(column.type, value) for value in values]


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_types_nulls_equality_and_order_stay(data: st.DataObject) -> None:
    type_ = data.draw(strategies.scalar_types())
    values = data.draw(st.lists(st.none() | strategies.values(type_), max_size=12))
    column = strategies.column_of(values, type_)
    found = scrubbed(pa.record_batch({"a": column})).column(0)
    assert found.type == type_
    old, new = _keys(column), _keys(found)
    assert [value is None for value in old] == [value is None for value in new]
    pairs = sorted(pair for pair in zip(old, new, strict=True) if pair[0] is not None)
    for (one, mapped_one), (two, mapped_two) in pairwise(pairs):
        assert (one == two) == (mapped_one == mapped_two)
        assert (one < two) == (mapped_one < mapped_two)


@pytest.mark.parametrize(
    ("type_", "values"),
    [
        (pa.list_(pa.int8()), [[1, None, 2], None, [], [2]]),
        (
            pa.struct([("a", pa.string()), ("b", pa.list_(pa.date32()))]),
            [{"a": "x", "b": []}, None],
        ),
        (pa.map_(pa.string(), pa.list_(pa.float64())), [[("k", [1.5, None])], None, []]),
    ],
    ids=str,
)
def test_shapes_of_nested_values_stay(type_: pa.DataType, values: list[Any]) -> None:
    column = pa.array([None, *values], type_).slice(1)
    found = scrubbed(pa.record_batch({"a": column})).column(0)
    assert found.type == type_
    assert not found.equals(column)

    assert _shape(found.to_pylist()) == _shape(column.to_pylist())


def _shape(value: Any) -> Any:
    if isinstance(value, list | tuple):
        return [_shape(item) for item in value]
    if isinstance(value, dict):
        return {name: _shape(item) for name, item in value.items()}
    return value is None


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_constraints_stay_well_formed(data: st.DataObject) -> None:
    schema = data.draw(strategies.schemas())
    sets = {field.name: data.draw(strategies.sorted_range_sets(field.type)) for field in schema}
    constraints = Constraints(summary=sets)
    gathered = Gathered()
    assert key_of(map_constraints(gathered, constraints)) == key_of(constraints)
    mapped = map_constraints(gathered.exchanged(), constraints)
    assert key_of(again(mapped)) == key_of(mapped)
    for name, values in sets.items():
        ordered = SortedRangeSet.of(
            values.type, mapped.summary[name].ranges, null_allowed=values.null_allowed
        )
        assert key_of(Constraints({name: ordered})) == key_of(
            Constraints({name: mapped.summary[name]})
        )
        assert len(mapped.summary[name].ranges) == len(values.ranges)


def test_narrow_numbers_and_few_digits_hold_all_their_values() -> None:
    every = pa.array(range(-128, 128), pa.int8())
    digits = pa.array([f"{n / 10:.1f}" for n in range(-99, 100)]).cast(pa.decimal128(2, 1))
    for column in (every, digits):
        found = scrubbed(pa.record_batch({"a": column})).column(0)
        assert len(found.unique()) == len(column)


def test_a_wide_and_a_narrow_column_agree_on_equal_numbers() -> None:
    batch = pa.record_batch({"a": pa.array([5, 100], pa.int8()), "b": pa.array([5, 2**40])})
    narrow, wide = scrubbed(batch).columns
    assert narrow[0].as_py() == wide[0].as_py() != 5


def test_the_name_of_a_passthrough_function_stays() -> None:
    gathered = Gathered()
    arguments = {"schemaFunctionName": "SYSTEM.QUERY", "QUERY": "SELECT 1"}
    map_texts(gathered, arguments)
    found = map_texts(gathered.exchanged(), arguments)
    assert found["schemaFunctionName"] == "SYSTEM.QUERY"
    assert found["QUERY"] != "SELECT 1"


def test_types_that_are_none_of_the_engines_are_refused() -> None:
    with pytest.raises(UsageError, match="--scrub-values"):
        map_batch(Gathered(), pa.record_batch({"a": pa.array([1], pa.duration("s"))}))

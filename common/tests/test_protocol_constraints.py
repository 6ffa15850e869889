"""Constraints survive the wire in every version, as far as the version can express them."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pyarrow as pa
import pytest
from athena_connectors.common.constraints import Constraints, Direction, OrderBy, QueryPlan
from athena_connectors.common.expressions import Call, Constant, Variable
from athena_connectors.common.protocol.codec import decode_request, encode_request
from athena_connectors.common.protocol.messages import (
    Identity,
    ReadRecordsRequest,
    Split,
    TableName,
)
from athena_connectors.common.testing.strategies import conditions, value_sets
from athena_connectors.common.valueset import (
    AllOrNoneValueSet,
    EquatableValueSet,
    Range,
    SortedRangeSet,
)
from hypothesis import given, settings
from hypothesis import strategies as st

COLUMNS: dict[str, pa.DataType] = {
    "b": pa.bool_(),
    "i": pa.int32(),
    "f": pa.float64(),
    "d": pa.decimal128(38, 9),
    "s": pa.string(),
    "x": pa.binary(),
    "day": pa.date32(),
    "at": pa.date64(),
    "zoned": pa.timestamp("ms", "UTC"),
}
Event = dict[str, Any]


def write(constraints: Constraints, serde: int = 6) -> Event:
    request = ReadRecordsRequest(
        Identity(), "q", "c", TableName("s", "t"), pa.schema([]), Split(), constraints, 1, 1
    )
    event: Event = json.loads(json.dumps(encode_request(request, serde)))
    return event


def read(event: Event) -> Constraints:
    request = decode_request(event)
    assert isinstance(request, ReadRecordsRequest)
    return request.constraints


def as_written(values: Any) -> Any:
    """NOT NULL of a type without an order looks like nothing at all on the wire."""
    if isinstance(values, AllOrNoneValueSet):
        return replace(values, all=values.all and values.null_allowed)
    return values


def expressible(constraints: Constraints, serde: int) -> Constraints:
    """Return what is left of constraints in a version."""
    missing: dict[str, Any] = {} if serde >= 6 else {"query_plan": None}
    if serde < 5:
        missing["passthrough"] = {}
    if serde < 4:
        missing |= {"expression": (), "order_by": (), "limit": None}
    return replace(constraints, **missing)


def some(items: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.lists(items, max_size=2).map(tuple)


@st.composite
def any_constraints(draw: st.DrawFn) -> Constraints:
    names = draw(st.lists(st.sampled_from(sorted(COLUMNS)), unique=True, max_size=3))
    text = st.text(max_size=3)
    return Constraints(
        {name: draw(value_sets(COLUMNS[name])) for name in names},
        draw(some(conditions(COLUMNS, depth=1))),
        draw(some(st.builds(OrderBy, text, st.sampled_from(Direction)))),
        draw(st.none() | st.integers(0, 2**63 - 1)),
        draw(st.dictionaries(text, text, max_size=2)),
        draw(st.none() | st.builds(QueryPlan, st.none() | text, text)),
    )


@settings(max_examples=100, deadline=None)
@given(any_constraints(), st.sampled_from((2, 3, 4, 5, 6)))
def test_any_constraints_come_back(constraints: Constraints, serde: int) -> None:
    summary = {name: as_written(values) for name, values in constraints.summary.items()}
    expected = expressible(replace(constraints, summary=summary), serde)
    found = read(write(constraints, serde))
    assert repr(found) == repr(expected)  # in text alone, a NaN is itself


# Value sets


def points(type_: pa.DataType, values: Any) -> Event:
    return write(Constraints({"c": SortedRangeSet.of_points(type_, values)}))


def ranges_of(event: Event) -> Any:
    return event["constraints"]["summary"]["c"]["ranges"]


def test_ranges_are_sorted_and_joined() -> None:
    event = points(pa.int32(), [1, 2, 3])
    one, two, three = ranges_of(event)
    above_one = {"low": {**one["low"], "bound": "ABOVE"}, "high": two["high"]}
    ranges_of(event)[:] = [three, two, above_one]
    assert read(event).summary["c"] == SortedRangeSet(
        pa.int32(),
        (Range.between(1, 2, low_inclusive=False), Range.equal(3)),
        null_allowed=False,
    )


def test_the_zone_of_a_type_does_not_matter() -> None:
    event = points(pa.timestamp("ms", "Europe/Warsaw"), [5 << 12, (6 << 12) + 1847])
    ranges_of(event).extend(ranges_of(points(pa.timestamp("ms", "UTC"), [6 << 12, 7 << 12])))
    event["constraints"]["summary"]["c"]["type"]["timezone"] = "Asia/Tokyo"
    found = read(event).summary["c"]
    assert isinstance(found, SortedRangeSet)
    assert found.type == pa.timestamp("ms", "Asia/Tokyo")
    assert found.points() == (5 << 12, (6 << 12) + 1847, 7 << 12)


def test_a_value_is_written_once_for_both_ends() -> None:
    (item,) = ranges_of(points(pa.string(), ["a"]))
    assert item["low"] == item["high"]
    assert item["low"] is not item["high"]


def test_an_unbounded_marker_may_hold_a_row() -> None:
    event = write(Constraints({"c": SortedRangeSet.not_null(pa.int32())}))
    (value,) = ranges_of(points(pa.int32(), [5]))
    ranges_of(event)[0]["low"]["valueBlock"] = value["low"]["valueBlock"]
    assert read(event).summary["c"] == SortedRangeSet.not_null(pa.int32())


def test_long_lists_come_back() -> None:
    numbers = range(-5_000, 5_000, 2)
    found = read(points(pa.int64(), numbers)).summary["c"]
    assert isinstance(found, SortedRangeSet)
    assert found.points() == tuple(numbers)


# Expressions


NESTED = [
    (pa.list_(pa.date64()), ([1577881801234, None], [])),
    (pa.struct([("at", pa.timestamp("ms", "UTC")), ("n", pa.int8())]), ({"at": 4096, "n": None},)),
    (pa.map_(pa.string(), pa.decimal128(5, 2)), ([("k", None)],)),
]


@pytest.mark.parametrize(("type_", "values"), NESTED, ids=["list", "struct", "map"])
@pytest.mark.parametrize("serde", [4, 6])
def test_nested_values_come_back(type_: Any, values: tuple[Any, ...], serde: int) -> None:
    constraints = Constraints(
        {"c": EquatableValueSet(type_, values, white_list=False, null_allowed=True)},
        (Call("$in", (Variable("c", pa.string()), Constant((*values, None), type_)), pa.bool_()),),
    )
    assert read(write(constraints, serde)) == constraints


def test_a_constant_without_a_block_is_null() -> None:
    null = Call("$is_null", (Constant((None,), pa.string()),), pa.bool_())
    event = write(Constraints(expression=(null,)))
    event["constraints"]["expression"][0]["arguments"][0]["valueBlock"] = None
    assert read(event).expression == (null,)


def test_the_children_of_a_type_are_not_on_the_wire() -> None:
    null = Call("$is_null", (Variable("c", pa.list_(pa.int32())),), pa.bool_())
    found = read(write(Constraints(expression=(null,)))).expression
    assert found == (replace(null, arguments=(Variable("c", pa.list_(pa.null())),)),)

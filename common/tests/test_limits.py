"""Limits and top-N against sorted()."""

from __future__ import annotations

import math
from functools import cmp_to_key
from typing import Any

import pyarrow as pa
import pytest
from athena_connectors.common.constraints import Direction, OrderBy
from athena_connectors.common.errors import ColumnNotFoundError
from athena_connectors.common.limits import RowLimit, TopN
from athena_connectors.common.testing import strategies
from athena_connectors.common.testing.strategies import column_of
from hypothesis import given, settings
from hypothesis import strategies as st

PLENTY = 1 << 30


def numbers(*values: Any) -> pa.RecordBatch:
    return pa.RecordBatch.from_arrays([pa.array(values, pa.int64())], ["a"])


@pytest.mark.parametrize("limit_rows", [0, 1, 3, 4, 5, 9])
def test_row_limit_lets_the_first_rows_through(limit_rows: int) -> None:
    limit = RowLimit(limit_rows)
    passed: list[int] = []
    for batch in (numbers(0, 1), numbers(), numbers(2, 3), numbers(4)):
        assert limit.done == (len(passed) == limit_rows)
        passed += limit.push(batch).column("a").to_pylist()
    assert passed == list(range(5))[:limit_rows]
    assert limit.done == (limit_rows <= 5)


def compare(one: Any, two: Any, direction: Direction, type_: pa.DataType) -> int:
    if one is None or two is None:
        if one is two:
            return 0
        return -1 if (one is None) == direction.nulls_first else 1
    left, right = plain_key(one, type_), plain_key(two, type_)
    sign = (left > right) - (left < right)
    return -sign if direction.descending else sign


def plain_key(value: Any, type_: pa.DataType) -> Any:
    if pa.types.is_floating(type_):
        nan = math.isnan(value)
        return (nan, 0.0 if nan else value, 0.0 if nan else math.copysign(1, value))
    return value >> 12 if pa.types.is_timestamp(type_) else value


@st.composite
def orders(draw: st.DrawFn) -> tuple[list[pa.DataType], list[OrderBy], list[list[Any]]]:
    types = draw(st.lists(strategies.scalar_types(), min_size=1, max_size=2))
    keys = [OrderBy(f"c{place}", draw(st.sampled_from(Direction))) for place in range(len(types))]
    few = [
        st.none()
        | st.sampled_from(draw(st.lists(strategies.values(type_), min_size=1, max_size=4)))
        for type_ in types
    ]
    return types, keys, draw(st.lists(st.tuples(*few).map(list), max_size=20))


@given(orders(), st.integers(0, 25), st.integers(1, 7))
@settings(max_examples=150, deadline=None)
def test_top_n_is_the_start_of_a_stable_sort(
    case: tuple[list[pa.DataType], list[OrderBy], list[list[Any]]], limit_rows: int, size: int
) -> None:
    types, order_by, rows = case

    def compare_rows(one: tuple[int, list[Any]], two: tuple[int, list[Any]]) -> int:
        for place, key in enumerate(order_by):
            sign = compare(one[1][place], two[1][place], key.direction, types[place])
            if sign:
                return sign
        return 0

    top = TopN(order_by, limit_rows, max_bytes=PLENTY)
    names = [key.column for key in order_by]
    columns = [column_of([row[place] for row in rows], type_) for place, type_ in enumerate(types)]
    batch = pa.RecordBatch.from_arrays([*columns, pa.array(range(len(rows)))], [*names, "row"])
    for start in range(0, len(rows), size):
        assert list(top.push(batch.slice(start, size))) == []
    found = [row for part in top.finish() for row in part.column("row").to_pylist()]
    wanted = sorted(enumerate(rows), key=cmp_to_key(compare_rows))[:limit_rows]
    assert found == [place for place, _ in wanted]
    assert list(top.finish()) == []


def test_many_batches_are_sorted_down_on_the_way() -> None:
    top = TopN([OrderBy("a", Direction.DESC_NULLS_LAST)], 3, max_bytes=PLENTY)
    for start in range(0, 300_000, 10_000):
        assert list(top.push(numbers(*range(start, start + 10_000)))) == []
        assert sum(batch.num_rows for batch in top._kept) <= 3 + 65_536 + 10_000
    (batch,) = top.finish()
    assert batch.column("a").to_pylist() == [299_999, 299_998, 299_997]


def test_little_memory_is_enough_when_the_kept_rows_fit() -> None:
    top = TopN([OrderBy("a", Direction.ASC_NULLS_LAST)], 2, max_bytes=100)
    for start in range(0, 1000, 10):
        assert list(top.push(numbers(*range(start, start + 10)))) == []
    assert [batch.column("a").to_pylist() for batch in top.finish()] == [[0, 1]]


def test_rows_beyond_the_memory_are_passed_on() -> None:
    top = TopN([OrderBy("a", Direction.ASC_NULLS_LAST)], 5, max_bytes=30)
    assert list(top.push(numbers(3, 1))) == []
    passed = [row for batch in top.push(numbers(2, 9, 7)) for row in batch.column("a").to_pylist()]
    assert sorted(passed) == [1, 2, 3, 7, 9]
    assert [batch.column("a").to_pylist() for batch in top.push(numbers(0))] == [[0]]
    assert list(top.finish()) == []


def test_a_key_without_an_order_passes_everything_on() -> None:
    top = TopN([OrderBy("a", Direction.ASC_NULLS_LAST)], 1, max_bytes=PLENTY)
    batch = pa.RecordBatch.from_pydict({"a": [[2], [1]]})
    assert list(top.push(batch)) == [batch]
    assert list(top.finish()) == []


def test_a_missing_sort_column_is_named() -> None:
    top = TopN([OrderBy("gone", Direction.ASC_NULLS_LAST)], 1, max_bytes=PLENTY)
    with pytest.raises(ColumnNotFoundError, match="by column 'gone'"):
        list(top.push(numbers(1)))


def test_nested_columns_go_along() -> None:
    top = TopN([OrderBy("a", Direction.ASC_NULLS_FIRST)], 2, max_bytes=PLENTY)
    for values in ([3, 1], [None]):
        items = pa.array([[item] for item in values], pa.list_(pa.int64()))
        assert not list(
            top.push(pa.RecordBatch.from_arrays([pa.array(values, pa.int64()), items], ["a", "b"]))
        )
    (batch,) = top.finish()
    assert batch.column("b").to_pylist() == [[None], [1]]

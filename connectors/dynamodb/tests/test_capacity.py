"""A scan gets readers by the size of the table, and no more than its capacity can serve."""

from __future__ import annotations

from dataclasses import replace

import pytest
from athena_connectors.dynamodb.capacity import segment_count, units_per_second
from athena_connectors.dynamodb.settings import Settings
from athena_connectors.dynamodb.source_table import Capacity, Index, IndexKind, Key, source_table
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

MB, GB = 1 << 20, 1 << 30


def _index(size: int) -> Index:
    return Index("", IndexKind.TABLE, (Key("pk", "S"),), size_bytes=size)


@pytest.mark.parametrize(
    ("size", "expected"), [(0, 1), (1, 1), (256 * MB, 1), (256 * MB + 1, 2), (10 * GB, 40)]
)
def test_bug_24_an_on_demand_table_is_cut_by_its_size(size: int, expected: int) -> None:
    told = {
        "Table": {
            "TableName": "t",
            "AttributeDefinitions": [{"AttributeName": "pk", "AttributeType": "S"}],
            "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}],
            "ProvisionedThroughput": {"ReadCapacityUnits": 0, "WriteCapacityUnits": 0},
            "BillingModeSummary": {"BillingMode": "PAY_PER_REQUEST"},
            "TableSizeBytes": size,
        }
    }
    table = source_table(told)
    assert segment_count(table.base, table.capacity, Settings()) == expected


def test_bug_24_a_small_table_is_one_segment_whatever_its_capacity() -> None:
    assert segment_count(_index(MB), Capacity(provisioned=5000), Settings()) == 1


@pytest.mark.parametrize(
    ("capacity", "expected"),
    [
        (Capacity(provisioned=1000), 500),
        (Capacity(maximum=400, warm=9000), 200),
        (Capacity(warm=20_000), 10_000),
        (Capacity(), 6000),
    ],
)
def test_a_scan_plans_with_half_of_what_a_table_serves(capacity: Capacity, expected: float) -> None:
    assert units_per_second(capacity, Settings()) == expected


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        (Settings(), 39),  # 10 GB in 40, but 5000 units are 39 pages in a second
        (Settings(consistent_read=True), 19),
        (Settings(read_capacity_fraction=1.0), 40),
        (Settings(read_capacity_fraction=0.01), 10),  # one each GB can be finished in time
        (Settings(max_scan_segments=7), 7),
        (Settings(max_rcu_per_second=512), 4),
        (Settings(max_rcu_per_second=1), 1),
        (Settings(max_rcu_per_query=640), 5),
        (Settings(max_rcu_per_query=1), 1),
        (Settings(scan_segment_bytes=GB), 10),
    ],
)
def test_capacity_and_budgets_bound_the_segments(settings: Settings, expected: int) -> None:
    assert segment_count(_index(10 * GB), Capacity(provisioned=10_000), settings) == expected


@given(
    size=st.integers(0, 1 << 50),
    provisioned=st.none() | st.integers(1, 1_000_000),
    most=st.integers(1, 1_000_000),
    second=st.just(0.0) | st.floats(0.001, 1e6),
)
@examples(max_examples=100, deadline=None)
def test_there_is_always_a_segment_and_never_too_many(
    size: int, provisioned: int | None, most: int, second: float
) -> None:
    settings = replace(Settings(), max_scan_segments=most, max_rcu_per_second=second)
    count = segment_count(_index(size), Capacity(provisioned), settings)
    assert 1 <= count <= most
    assert second == 0 or count <= max(1, second / 128)

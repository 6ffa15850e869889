"""What a scan costs is estimated by DescribeTable, and refused where that is too much."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
from athena_connectors.common.errors import BudgetExceededError
from athena_connectors.common.protocol.messages import TableName
from athena_connectors.common.testing.dynamodb import TableIndex
from athena_connectors.common.testing.dynamodb_faults import dynamodb_proxy
from athena_connectors.common.testing.engines import Engines
from athena_connectors.dynamodb.app import handler

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from athena_connectors.common.estimates import Estimate
    from athena_connectors.common.observability import SplitStats
    from athena_connectors.common.testing.dynamodb import DynamoDb
    from athena_connectors.common.testing.dynamodb_faults import DynamoDbProxy
    from athena_connectors.common.testing.engine import LocalEngine

ITEMS = 600
PER_HASH = 20


@pytest.fixture(scope="module")
def proxy(dynamodb: DynamoDb) -> Iterator[DynamoDbProxy]:
    with dynamodb_proxy(dynamodb) as opened:
        yield opened


@pytest.fixture
def open_engine(proxy: DynamoDbProxy, tmp_path: Path) -> Iterator[Engines]:
    with Engines(handler, "dy", proxy.address.settings, spill=tmp_path) as engines:
        yield engines
    proxy.heal()


def _item(number: int) -> dict[str, dict[str, Any]]:
    return {
        "pk": {"S": f"key {number // PER_HASH}"},
        "sk": {"N": str(number)},
        "city": {"S": f"city {number % 3}"},
        "odd": {"S": f"odd {number % 7}"},
    }


@pytest.fixture(scope="module")
def table(dynamodb: DynamoDb) -> str:
    indexes = [TableIndex("by_city", [("city", "S"), ("sk", "N")])]
    name = dynamodb.create_table(("pk", "S"), ("sk", "N"), indexes=indexes)
    dynamodb.put_items(name, map(_item, range(ITEMS)))
    return name


def _rows(engine: LocalEngine, sql: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = engine.query(sql).table.to_pylist()
    return rows


def _estimated(engine: LocalEngine, sql: str) -> tuple[Estimate, SplitStats]:
    (scan,) = engine.query(sql).scans
    assert scan.estimate is not None
    assert scan.cost is not None
    return scan.estimate, scan.cost


def test_an_estimate_is_near_what_a_scan_costs(
    open_engine: Engines, table: str, proxy: DynamoDbProxy
) -> None:
    # DynamoDB counts bytes of names and values, some hours late; its stand-in does not.
    proxy.alter_table(table, lambda told: told.update(TableSizeBytes=ITEMS * 33, ItemCount=ITEMS))
    estimate, fact = _estimated(
        open_engine(estimates=True), f'SELECT * FROM dy."default"."{table}"'
    )
    assert estimate.rows_scanned == estimate.rows_read == fact.rows_read == ITEMS
    assert estimate.requests == fact.requests == 1
    assert estimate.source_units == pytest.approx(fact.source_units, rel=0.5)
    assert estimate.cheap_by[0].columns == ("pk",)


def test_items_by_their_keys_are_estimated_as_few(open_engine: Engines, table: str) -> None:
    source = f'dy."default"."{table}"'
    engine = open_engine(estimates=True)
    estimate, fact = _estimated(engine, f"SELECT * FROM {source} WHERE pk = 'key 1' AND sk = 1")
    assert (estimate.rows_scanned, estimate.requests) == (1, 1)
    assert estimate.source_units == fact.source_units
    estimate, fact = _estimated(engine, f"SELECT * FROM {source} WHERE pk IN ('key 1', 'key 2')")
    assert (estimate.rows_scanned, estimate.requests) == (None, 2)
    assert fact.requests == 2


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("max_rcu_per_query", "1000000"),
        ("max_bytes_scanned", "1000000000"),
        ("max_rows_scanned", "1000000"),
        ("max_requests", "1000"),
    ],
)
def test_a_scan_over_a_budget_is_refused_before_it_is_read(
    open_engine: Engines, table: str, proxy: DynamoDbProxy, setting: str, value: str
) -> None:
    def enlarge(told: dict[str, Any]) -> None:
        told.update(TableSizeBytes=12_000_000_000, ItemCount=5_000_000)

    proxy.alter_table(table, enlarge)
    settings: dict[str, Any] = {setting: value}
    engine = open_engine(**settings)
    source = f'dy."default"."{table}"'
    engine.describe("dy", TableName("default", table))
    proxy.forget()
    with pytest.raises(BudgetExceededError) as caught:
        engine.query(f"SELECT * FROM {source} WHERE odd = 'x'")
    assert re.search(
        rf"would cost about [0-9,.]+ [a-z ]+, by DescribeTable of the table: {setting} is .*"
        rf"Give a condition on pk, or on city \(index by_city\), or raise {setting}\.",
        str(caught.value),
    )
    assert len(_rows(engine, f"SELECT * FROM {source} WHERE pk = 'key 1'")) == 20
    assert len(_rows(engine, f"SELECT * FROM {source} LIMIT 3")) == 3
    assert len(_rows(engine, f"SELECT * FROM {source} WHERE sk >= 0 LIMIT 3")) == 3
    whole = [it for it in proxy.requests("Scan") if "Limit" not in it.parameters]
    assert len(whole) <= 1


def test_a_new_table_whose_size_is_not_told_is_not_refused(
    open_engine: Engines, table: str, proxy: DynamoDbProxy
) -> None:
    proxy.alter_table(table, lambda told: told.update(TableSizeBytes=0, ItemCount=0))
    engine = open_engine(max_rows_scanned=str(ITEMS - 1))
    with pytest.raises(BudgetExceededError, match="was stopped after"):
        engine.query(f'SELECT * FROM dy."default"."{table}"')

"""The whole connector, as Athena calls it, on a server that plays DynamoDB."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest
from athena_connectors.common.aws import AwsClients
from athena_connectors.common.connector import Scan, TableDescription
from athena_connectors.common.constraints import Constraints
from athena_connectors.common.errors import (
    AccessDeniedError,
    BudgetExceededError,
    DeadlineExceededError,
    InvalidRequestError,
    TableNotFoundError,
    ThrottledError,
    UnsupportedOperationError,
)
from athena_connectors.common.expressions import FUNCTIONS
from athena_connectors.common.protocol.messages import Split, TableName
from athena_connectors.common.testing.dynamodb import TableIndex
from athena_connectors.common.testing.dynamodb_faults import DynamoDbFault, dynamodb_proxy
from athena_connectors.common.testing.engine import LocalEngine
from athena_connectors.common.testing.engines import Engines
from athena_connectors.common.testing.faults import OneInstance, RemainingTime
from athena_connectors.common.testing.folder_store import FolderStore
from athena_connectors.common.valueset import SortedRangeSet
from athena_connectors.dynamodb.app import handler
from athena_connectors.dynamodb.client import Client
from athena_connectors.dynamodb.connector import from_environment
from athena_connectors.dynamodb.relation import Column, Relation
from athena_connectors.dynamodb.source_table import Index, IndexKind, Key, SourceTable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from athena_connectors.common.testing.dynamodb import DynamoDb
    from athena_connectors.common.testing.dynamodb_faults import DynamoDbProxy

ITEMS = 600
PER_HASH = 20
MB = 1 << 20


Both = tuple[LocalEngine, LocalEngine]


@pytest.fixture(scope="module")
def proxy(dynamodb: DynamoDb) -> Iterator[DynamoDbProxy]:
    with dynamodb_proxy(dynamodb) as opened:
        yield opened


@pytest.fixture(autouse=True)
def _healthy(proxy: DynamoDbProxy) -> Iterator[None]:
    proxy.forget()
    yield
    proxy.heal()


@pytest.fixture
def open_engine(proxy: DynamoDbProxy, tmp_path: Path) -> Iterator[Engines]:
    with Engines(handler, "dy", proxy.address.settings, spill=tmp_path) as engines:
        yield engines


@pytest.fixture(scope="module")
def both(proxy: DynamoDbProxy, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Both]:
    """An engine that pushes and one that does not, for many tests that set no fault."""
    settings = {**proxy.address.settings, "keys_per_split": "1"}
    spill = tmp_path_factory.mktemp("spill")
    with Engines(handler, "dy", settings, spill=spill) as engines:
        yield engines(), engines(pushdown=False)


def _item(number: int) -> dict[str, dict[str, Any]]:
    """Return an item; every fourth is in the index, and ``odd`` is of many types."""
    odd = [
        {"S": f"text {number % 7}"},
        {"N": str(number % 7)},
        {"NULL": True},
        {"BOOL": number % 2 == 0},
        {"L": [{"N": "1"}, {"S": "a"}]},
    ][number % 5]
    item = {
        "pk": {"S": f"key {number // PER_HASH}"},
        "sk": {"N": str(number)},
        "Size": {"N": str(number % 10)},
        "share": {"N": str(number / 8)},
        "flag": {"BOOL": number % 3 == 0},
        "odd": odd,
        "name": {"S": f"näme {number % 11} \U0001f600"},
    }
    if number % 4 == 0:
        item["city"] = {"S": f"city {number % 3}"}
    if number % 6 == 0:
        del item["Size"]
    return item


@pytest.fixture(scope="module")
def table(dynamodb: DynamoDb) -> str:
    indexes = [
        TableIndex("by_city", [("city", "S"), ("sk", "N")]),
        TableIndex("keys_only", [("name", "S")], included=()),
        TableIndex("by_size", [("pk", "S"), ("share", "N")], is_local=True),
    ]
    name = dynamodb.create_table(("pk", "S"), ("sk", "N"), indexes=indexes)
    dynamodb.put_items(name, map(_item, range(ITEMS)))
    return name


def _rows(engine: LocalEngine, sql: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = engine.query(sql).table.to_pylist()
    return rows


def _numbers(engine: LocalEngine, sql: str) -> list[int]:
    return [int(row["sk"]) for row in _rows(engine, sql)]


def _bag(rows: list[dict[str, Any]]) -> Counter[str]:
    return Counter(map(repr, rows))


# What it is


def test_nothing_is_asked_before_it_is_needed() -> None:
    connector = from_environment(
        {"dynamodb_endpoint": "http://nowhere.invalid", "schema_file": "/nowhere"}
    )
    assert connector.source_type == "ddb"
    assert connector.for_catalog("shop") is connector
    connector.close()


def test_everything_is_claimed(open_engine: Engines) -> None:
    claims = open_engine().client("dy").capabilities()
    assert claims.limit
    assert claims.top_n
    assert claims.functions == FUNCTIONS
    assert claims.passthrough is not None
    assert claims.passthrough.signature == "SYSTEM.QUERY"
    off = open_engine(enable_query_passthrough="false").client("dy").capabilities()
    assert off.passthrough is None


def test_bug_01_one_client_makes_all_calls_so_that_all_have_its_credentials(
    proxy: DynamoDbProxy, table: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    make = AwsClients.source_client
    made: list[str] = []

    def counted(clients: AwsClients, service: str, **options: Any) -> Any:
        made.append(service)
        return make(clients, service, **options)

    monkeypatch.setattr(AwsClients, "source_client", counted)
    store = FolderStore(Path("unused"))
    environ = {"spill_bucket": "local", **proxy.address.settings}
    instance = OneInstance(handler, environ, spill=store, store=store)
    instance.rows(instance.scan(f"default.{table}", "sk"))
    query = {"schemaFunctionName": "SYSTEM.QUERY", "QUERY": f'SELECT sk FROM "{table}"'}
    instance.rows(instance.scan("system.query", passthrough=query))
    asked = {request.operation for request in proxy.requests()}
    assert asked >= {"DescribeTable", "Scan", "ExecuteStatement"}
    assert made == ["dynamodb"]
    instance.close()


def test_tables_are_listed_and_described(open_engine: Engines, table: str) -> None:
    engine = open_engine()
    assert TableName("default", table.lower()) in engine.tables("dy", "default")
    schema = engine.describe("dy", TableName("default", table)).schema
    assert set(schema.names) == {
        *("pk", "sk", "city", "name", "share", "flag", "odd", "size"),
    }


# Predicates: each way to the items gives what a scan without pushdown gives


@pytest.mark.parametrize(
    "predicate",
    [
        "pk = 'key 3'",
        "pk IN ('key 3', 'key 3', 'nothing', 'key 29')",
        "pk = 'key 3' AND sk = 65",
        "pk IN ('key 3', 'key 4') AND sk IN (61, 65, 85, 99999)",
        "pk = 'key 3' AND sk <> 65",
        "pk = 'key 3' AND (sk < 63 OR sk > 77)",
        "pk = 'key 3' AND sk IS NULL",
        "pk = 'key 3' AND sk NOT IN (61, 62)",
        "pk = 'key 3' AND sk > 62 AND sk <= 70",
        "pk > 'key 27'",
        "pk IS NULL",
        "pk > 'key 2' AND city = 'city 1'",
        "city = 'city 2'",
        "city = 'city 2' AND sk BETWEEN 100 AND 300",
        "city IN ('city 0', 'city 2') AND size > 3",
        "city IS NULL",
        "city IS NOT NULL AND flag",
        "name = 'näme 3 \U0001f600'",
        "name LIKE 'näme 1%'",
        "pk = 'key 3' AND share BETWEEN 7.5 AND 9.25",
        "size = 3",
        "size <> 3",
        "size IS NULL OR size < 2",
        "flag = true AND size IN (1, 4, 9)",
        "flag IS NOT NULL AND NOT flag",
        "odd = '3'",
        "odd <> 'text 1'",
        "odd IS NULL",
        "odd LIKE 'te%' OR sk = 5",
        "odd = '[1,\"a\"]'",
        "share > 70.1 OR share IS NULL",
        "false",
        "pk = 'key 3' AND pk = 'key 4'",
    ],
)
def test_a_pushed_predicate_loses_and_invents_no_row(
    both: Both, table: str, predicate: str
) -> None:
    sql = f'SELECT * FROM dy."default"."{table}" WHERE {predicate}'
    pushed, plain = (_bag(_rows(engine, sql)) for engine in both)
    assert pushed == plain


@pytest.mark.parametrize("size", ["= 2", "IN (1, 2, 3)", "BETWEEN 2 AND 3", "< 2.5", "<> 2"])
def test_numbers_of_more_digits_than_are_shown_are_found_by_what_is_shown(
    open_engine: Engines, dynamodb: DynamoDb, size: str
) -> None:
    table = dynamodb.create_table(("pk", "S"), ("sk", "N"))
    numbers = ["1", "1.9999999996", "2", "2.0000000004", "2.0000000006", "3.0000000001"]
    items = [
        {"pk": {"S": "a"}, "sk": {"N": str(place)}, "size": {"N": number}}
        for place, number in enumerate(numbers)
    ]
    dynamodb.put_items(table, items)
    sql = f'SELECT size FROM dy."default"."{table}" WHERE pk = \'a\' AND size {size}'
    one_item = {"schema_sample_size": "1", "schema_sample_segments": "1"}
    pushed, plain = (open_engine(pushdown=p, **one_item).query(sql).table for p in (True, False))
    assert pushed.schema.field("size").type == pa.decimal128(38, 9)
    assert pushed.num_rows
    assert _bag(pushed.to_pylist()) == _bag(plain.to_pylist())


def test_the_shortest_way_is_taken(open_engine: Engines, table: str, proxy: DynamoDbProxy) -> None:
    engine = open_engine()
    source = f'dy."default"."{table}"'
    ways = {
        "pk = 'key 3' AND sk = 65": "BatchGetItem",
        "pk = 'key 3'": "Query",
        "city = 'city 1'": "Query",
        "odd = 'text 1'": "Scan",
    }
    engine.query(f"SELECT * FROM {source}")
    for predicate, operation in ways.items():
        proxy.forget()
        engine.query(f"SELECT * FROM {source} WHERE {predicate}")
        found = {request.operation for request in proxy.requests()}
        assert found - {"DescribeTable"} == {operation}, predicate


def test_a_predicate_that_nothing_can_satisfy_makes_no_read(
    open_engine: Engines, table: str, proxy: DynamoDbProxy
) -> None:
    engine = open_engine()
    engine.query(f'SELECT 1 FROM dy."default"."{table}" LIMIT 1')
    proxy.forget()
    sql = f"SELECT * FROM dy.\"default\".\"{table}\" WHERE pk = 'a' AND pk = 'b'"
    assert _rows(engine, sql) == []
    assert {request.operation for request in proxy.requests()} <= {"DescribeTable"}


def test_bug_18_long_lists_stay_within_the_limits_of_requests(
    open_engine: Engines, table: str
) -> None:
    sizes = ", ".join(str(number) for number in range(3, 900))
    texts = ", ".join(f"'text {number} {'x' * 30}'" for number in range(300))
    sql = f'SELECT sk FROM dy."default"."{table}" WHERE size IN ({sizes}) AND odd NOT IN ({texts})'
    expected = [
        number for number in range(ITEMS) if number % 10 >= 3 and number % 6 and number % 5 != 2
    ]
    assert sorted(_numbers(open_engine(), sql)) == expected


@pytest.mark.parametrize("names", [("index", "segmentId"), ("__split_part", "hash"), ("a.b", "#")])
def test_bug_23_keys_may_have_any_name(
    open_engine: Engines, dynamodb: DynamoDb, names: tuple[str, str]
) -> None:
    first, second = names
    table = dynamodb.create_table((first, "S"), (second, "B"))
    items = [{first: {"S": f"k{n}"}, second: {"B": bytes([n, 255])}} for n in range(9)]
    dynamodb.put_items(table, items)
    source = f'dy."default"."{table}"'
    engine = open_engine()
    sql = f"SELECT * FROM {source} WHERE \"{first}\" = 'k3'"
    assert _rows(engine, sql) == [{first.lower(): "k3", second.lower(): b"\x03\xff"}]
    sql = f"{sql} AND \"{second}\" = X'03FF'"
    assert _rows(engine, sql) == [{first.lower(): "k3", second.lower(): b"\x03\xff"}]


# Splits


def test_bug_24_a_large_on_demand_table_has_many_splits(
    open_engine: Engines, dynamodb: DynamoDb, proxy: DynamoDbProxy
) -> None:
    table = dynamodb.create_table(("pk", "S"), on_demand=True)
    dynamodb.put_items(table, [{"pk": {"S": f"k{number}"}} for number in range(100)])
    proxy.alter_table(table, lambda told: told.update(TableSizeBytes=10 * 256 * MB))
    result = open_engine().query(f'SELECT pk FROM dy."default"."{table}"')
    (scan,) = result.scans
    assert len(scan.splits) == 10
    assert Counter(result.table.column("pk").to_pylist()) == Counter(f"k{n}" for n in range(100))
    scans = [it.parameters for it in proxy.requests("Scan")]
    segments = [it["Segment"] for it in scans if it.get("TotalSegments") == 10]
    assert sorted(segments) == list(range(10))


@pytest.mark.parametrize(
    ("rest", "splits"),
    [
        ("LIMIT 5", 1),
        ("LIMIT 10000", 1),
        ("LIMIT 10001", 3),
        ("WHERE size = 3 LIMIT 5", 3),
        ("ORDER BY sk LIMIT 5", 3),
        ("", 3),
    ],
)
def test_few_rows_of_a_large_table_are_one_split(
    both: Both, table: str, proxy: DynamoDbProxy, rest: str, splits: int
) -> None:
    proxy.alter_table(table, lambda told: told.update(TableSizeBytes=3 * 256 * MB))
    sql = f'SELECT sk FROM dy."default"."{table}" {rest}'
    both[0].describe("dy", TableName("default", table))  # to look at its size again
    (scan,) = both[0].explain(sql)
    assert len(scan.splits) == splits


def test_each_split_is_planned_on_its_own_way() -> None:
    base = Index("", IndexKind.TABLE, (Key("pk", "S"),))
    relation = Relation(
        SourceTable("shop", "shop", base), (Column("pk", pa.string(), "pk", key_type="S"),)
    )
    schema = pa.schema([("pk", pa.string())])
    values = SortedRangeSet.of_points(pa.string(), ["a"])
    scan = Scan(
        TableName("default", "shop"),
        schema,
        Constraints({"pk": values}),
        TableDescription(schema, facts=relation),
    )
    connector = from_environment({"max_batch_keys": "0"})
    (planned,) = connector.plan_splits(scan, connector.plan_partitions(scan))
    other = Split({**planned.properties, "__split_part": '{"index":"","segment":0,"of":1}'})
    assert connector.native_query(scan, planned) == 'Query shop: pk = "a"'
    assert connector.native_query(scan, other) == "Scan shop"
    for split, left in ((planned, ()), (other, scan.constraints.conjuncts()), (planned, ())):
        pushdown = connector.plan_pushdown(replace(scan, split=split))
        assert pushdown.residual(scan.constraints) == left


def test_the_plan_stays_when_the_table_changes_between_calls(
    dynamodb: DynamoDb, proxy: DynamoDbProxy, table: str, tmp_path: Path
) -> None:
    store = FolderStore(tmp_path)
    environ = {"spill_bucket": "local", **proxy.address.settings}
    size = {"TableSizeBytes": 3 * 256 * MB}
    proxy.alter_table(table, lambda told: told.update(size))
    planner = OneInstance(handler, environ, spill=store, store=store)
    scan = planner.scan(f"default.{table}", "sk")
    splits = list(planner.client.splits(scan))
    assert len(splits) == 3
    size["TableSizeBytes"] = 100 * 256 * MB
    reader = OneInstance(handler, environ, spill=store, store=store)
    numbers = [
        int(number)
        for split in splits
        for batch in reader.client.read(scan, split).batches
        for number in batch.column("sk").to_pylist()
    ]
    assert Counter(numbers) == Counter(range(ITEMS))
    planner.close()
    reader.close()


def test_two_pages_of_splits_hold_each_key_once(
    proxy: DynamoDbProxy, table: str, tmp_path: Path
) -> None:
    store = FolderStore(tmp_path)
    environ = {"spill_bucket": "local", "keys_per_split": "1", **proxy.address.settings}
    instance = OneInstance(handler, environ, spill=store, store=store)
    whole = instance.scan(f"default.{table}", "sk")
    keys = [f"key {number}" for number in range(2000)]
    values = SortedRangeSet.of_points(whole.schema.field("pk").type, keys)
    scan = replace(whole, constraints=Constraints({"pk": values}))
    found = []
    for split in instance.client.splits(scan):
        (query,) = json.loads(split.properties["__split_part"])["queries"]
        found.append(query["hash"][0]["S"])
    assert Counter(found) == Counter(keys)
    instance.close()


def test_an_index_that_lacks_columns_of_the_plan_is_read_as_planned(
    open_engine: Engines, table: str, proxy: DynamoDbProxy
) -> None:
    sql = f'SELECT pk, sk FROM dy."default"."{table}" WHERE name = \'näme 3 \U0001f600\' AND sk > 9'
    engine = open_engine()
    (scan,) = engine.explain(sql)
    (split,) = scan.splits
    assert split.native is not None
    way = json.loads(split.properties["__split_part"])
    expected = "Query" if "queries" in way else "Scan"
    assert split.native.native.startswith(expected)
    assert sorted(_numbers(engine, sql)) == [n for n in range(10, ITEMS) if n % 11 == 3]


def test_a_split_of_another_way_is_read_and_filtered_here(
    proxy: DynamoDbProxy, table: str, tmp_path: Path
) -> None:
    store = FolderStore(tmp_path)
    environ = {"spill_bucket": "local", **proxy.address.settings}
    planner = OneInstance(handler, environ, spill=store, store=store)
    whole = planner.scan(f"default.{table}", "sk")
    only = SortedRangeSet.of_points(whole.schema.field("city").type, ["city 1"])
    some = replace(whole, constraints=Constraints({"city": only}, limit=500))
    planned = list(planner.client.splits(whole))
    numbers = [
        int(number)
        for split in planned
        for batch in planner.client.read(some, split).batches
        for number in batch.column("sk").to_pylist()
    ]
    assert Counter(numbers) == Counter(n for n in range(0, ITEMS, 4) if n % 3 == 1)
    planner.close()


def test_an_index_that_is_being_made_is_not_read(
    open_engine: Engines, table: str, proxy: DynamoDbProxy
) -> None:
    def make(told: dict[str, Any]) -> None:
        for index in told["GlobalSecondaryIndexes"]:
            index.update(IndexStatus="CREATING", Backfilling=True)

    proxy.alter_table(table, make)
    engine = open_engine()
    sql = f'SELECT sk FROM dy."default"."{table}" WHERE city = \'city 1\''
    assert sorted(_numbers(engine, sql)) == [n for n in range(0, ITEMS, 4) if n % 3 == 1]
    assert all("IndexName" not in it.parameters for it in proxy.requests("Scan"))
    assert not proxy.requests("Query")
    with pytest.raises(UnsupportedOperationError, match="not complete yet"):
        engine.query(f'SELECT * FROM dy."default"."{table}$by_city"')


def test_a_forced_index_gives_what_is_in_it(
    open_engine: Engines, table: str, proxy: DynamoDbProxy
) -> None:
    engine = open_engine()
    sql = f'SELECT sk FROM dy."default"."{table}$by_city" WHERE size = 2'
    expected = [n for n in range(0, ITEMS, 4) if n % 10 == 2 and n % 6]
    assert sorted(_numbers(engine, sql)) == expected
    assert proxy.requests("Scan")[-1].parameters["IndexName"] == "by_city"


# Limits


@pytest.mark.parametrize("limit", [0, 1, 5, 100, 599, 600, 10_000])
def test_a_limit_gives_so_many_rows(open_engine: Engines, table: str, limit: int) -> None:
    sql = f'SELECT sk FROM dy."default"."{table}" LIMIT {limit}'
    numbers = _numbers(open_engine(), sql)
    assert len(numbers) == len(set(numbers)) == min(limit, ITEMS)


@pytest.mark.parametrize("predicate", ["odd LIKE '%3' AND sk > 100", "size = 7", "city = 'city 2'"])
def test_bug_28_a_limit_counts_wanted_rows_only(
    open_engine: Engines, table: str, predicate: str
) -> None:
    engine = open_engine()
    source = f'dy."default"."{table}" WHERE {predicate}'
    (total,) = _rows(engine, f"SELECT count(*) AS n FROM {source}")
    assert total["n"] > 5
    assert len(_numbers(engine, f"SELECT sk FROM {source} LIMIT 5")) == 5


def test_bug_29_rows_that_offset_skips_are_read_too(open_engine: Engines, table: str) -> None:
    sql = f'SELECT sk FROM dy."default"."{table}" OFFSET 10 LIMIT 585'
    assert len(_numbers(open_engine(), sql)) == 585


def test_bug_27_a_limit_needs_few_requests(
    open_engine: Engines, table: str, proxy: DynamoDbProxy
) -> None:
    engine = open_engine()
    engine.query(f'SELECT 1 FROM dy."default"."{table}" LIMIT 1')
    proxy.forget()
    sql = f'SELECT sk FROM dy."default"."{table}" WHERE share = 70.5 LIMIT 10'
    assert _numbers(engine, sql) == [564]
    assert len(proxy.requests("Scan")) == 1


def test_an_order_is_applied_here(open_engine: Engines, table: str) -> None:
    sql = f'SELECT sk FROM dy."default"."{table}" ORDER BY share DESC LIMIT 4'
    assert _numbers(open_engine(), sql) == [599, 598, 597, 596]


def test_rows_are_counted_without_columns(
    open_engine: Engines, table: str, proxy: DynamoDbProxy
) -> None:
    assert _rows(open_engine(), f'SELECT count(*) AS n FROM dy."default"."{table}"') == [
        {"n": ITEMS}
    ]
    assert proxy.requests("Scan")[-1].parameters["Select"] == "COUNT"


def test_items_that_are_fetched_by_key_are_counted_too(
    open_engine: Engines, dynamodb: DynamoDb, proxy: DynamoDbProxy
) -> None:
    table = dynamodb.create_table(("pk", "S"))
    dynamodb.put_items(table, [{"pk": {"S": f"k{number}"}} for number in range(9)])
    sql = f"SELECT count(*) AS n FROM dy.\"default\".\"{table}\" WHERE pk IN ('k1', 'k2', 'x')"
    assert _rows(open_engine(), sql) == [{"n": 2}]
    assert len(proxy.requests("BatchGetItem")) == 1


# Cost


def test_a_scan_that_is_not_allowed_is_refused_before_it_costs(
    open_engine: Engines, table: str, proxy: DynamoDbProxy
) -> None:
    engine = open_engine(allow_full_scan="false")
    source = f'dy."default"."{table}"'
    with pytest.raises(BudgetExceededError, match=r"Give pk = …, or city = … \(index by_city\)"):
        engine.query(f"SELECT * FROM {source} WHERE odd = 'x'")
    sampled = len(proxy.requests("Scan"))
    assert len(_rows(engine, f"SELECT * FROM {source} WHERE pk = 'key 1'")) == 20
    assert len(proxy.requests("Scan")) == sampled


def test_a_table_that_is_too_large_is_not_scanned(
    open_engine: Engines, table: str, proxy: DynamoDbProxy
) -> None:
    proxy.alter_table(table, lambda told: told.update(TableSizeBytes=12_000_000_000))
    engine = open_engine(max_scan_bytes="1000000000")
    with pytest.raises(BudgetExceededError, match=r"12 GB, would be scanned: max_scan_bytes is 1"):
        engine.query(f'SELECT * FROM dy."default"."{table}"')


def test_a_budget_ends_a_query_within_one_page(
    open_engine: Engines, dynamodb: DynamoDb, proxy: DynamoDbProxy
) -> None:
    table = dynamodb.create_table(("pk", "S"))
    filling = {"filling": {"S": "x" * 20_000}}
    dynamodb.put_items(table, [{"pk": {"S": f"k{n}"}, **filling} for n in range(300)])
    engine = open_engine(max_rcu_per_query="200", schema_sample_size="1")
    proxy.forget()
    with pytest.raises(BudgetExceededError, match="max_rcu_per_query is 200"):
        engine.query(f'SELECT * FROM dy."default"."{table}"')
    whole_pages = [it for it in proxy.requests("Scan") if "Limit" not in it.parameters]
    assert len(whole_pages) == 2
    proxy.forget()
    assert len(
        _rows(open_engine(max_rcu_per_query="900"), f'SELECT pk FROM dy."default"."{table}"')
    )


def test_a_rate_is_shared_by_all_splits(
    proxy: DynamoDbProxy, table: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rates: list[float | None] = []
    monkeypatch.setattr(Client, "limit_rate", lambda *told: rates.append(told[-1]))
    store = FolderStore(tmp_path)
    environ = {"spill_bucket": "local", "max_rcu_per_second": "1200", **proxy.address.settings}
    proxy.alter_table(table, lambda told: told.update(TableSizeBytes=3 * 256 * MB))
    instance = OneInstance(handler, environ, spill=store, store=store)
    assert len(instance.rows(instance.scan(f"default.{table}", "sk"))) == ITEMS
    assert rates == [400.0] * 3
    instance.close()


def test_what_a_split_cost_is_told(open_engine: Engines, table: str) -> None:
    (scan,) = open_engine().query(f'SELECT * FROM dy."default"."{table}"').scans
    (split,) = scan.splits
    assert split.stats is not None
    assert split.stats.requests == 1
    assert split.stats.source_units > 3
    assert split.stats.rows_read == split.stats.rows_returned == ITEMS
    assert split.stats.bytes_read > 50_000


# Faults


@pytest.mark.parametrize(
    "fault",
    [
        DynamoDbFault(share=0.2),
        DynamoDbFault(code="InternalServerError", status=500, share=0.2),
    ],
    ids=["throttled", "failing"],
)
def test_a_fifth_of_all_calls_fails_and_rows_are_the_same(
    open_engine: Engines, table: str, proxy: DynamoDbProxy, fault: DynamoDbFault
) -> None:
    proxy.fail(fault)
    engine = open_engine(keys_per_split="1")
    wanted = ", ".join(f"'key {number}'" for number in range(40))
    sql = f'SELECT sk FROM dy."default"."{table}" WHERE pk IN ({wanted})'
    assert Counter(_numbers(engine, sql)) == Counter(range(ITEMS))


def test_a_table_that_is_deleted_after_it_was_planned_is_an_error(
    open_engine: Engines, dynamodb: DynamoDb, proxy: DynamoDbProxy
) -> None:
    table = dynamodb.create_table(("pk", "S"))
    dynamodb.put_items(table, [{"pk": {"S": f"k{number}"}} for number in range(10)])
    engine = open_engine(schema_sample_segments="1")
    proxy.before("Scan", 2, lambda: dynamodb.delete_table(table))
    with pytest.raises(TableNotFoundError, match=table):
        engine.query(f'SELECT * FROM dy."default"."{table}"')


def test_a_table_that_is_not_there_is_told(open_engine: Engines) -> None:
    with pytest.raises(TableNotFoundError, match="no_such_table"):
        open_engine().query('SELECT * FROM dy."default".no_such_table')


@pytest.mark.parametrize("operation", ["DescribeTable", "Scan", "Query"])
def test_a_right_that_is_lacking_is_named(
    open_engine: Engines, table: str, proxy: DynamoDbProxy, operation: str
) -> None:
    proxy.fail(DynamoDbFault(code="AccessDeniedException", operation=operation))
    sql = f'SELECT * FROM dy."default"."{table}" WHERE pk = \'key 1\''
    with pytest.raises(AccessDeniedError, match=f"dynamodb:{operation} on DynamoDB table"):
        open_engine().query(sql)


def test_a_read_that_is_throttled_all_the_time_ends_before_its_deadline(
    proxy: DynamoDbProxy, table: str, tmp_path: Path
) -> None:
    store = FolderStore(tmp_path)
    environ = {"spill_bucket": "local", **proxy.address.settings}
    instance = OneInstance(handler, environ, spill=store, store=store)
    scan = instance.scan(f"default.{table}", "sk")
    (split,) = instance.client.splits(scan)
    proxy.fail(DynamoDbFault(operation="Scan"))
    instance.context = RemainingTime(6000)
    with pytest.raises((ThrottledError, DeadlineExceededError)):
        instance.client.read(scan, split)
    proxy.heal()
    assert len(instance.rows(scan)) == ITEMS
    instance.close()


# Native queries


def _call(query: str) -> str:
    text = query.replace("'", "''")
    return f"SELECT * FROM TABLE(dy.system.query(QUERY => '{text}'))"


def test_bug_31_a_native_query_gives_all_its_pages(
    open_engine: Engines, dynamodb: DynamoDb, proxy: DynamoDbProxy
) -> None:
    table = dynamodb.create_table(("pk", "S"))
    filling = {"filling": {"S": "x" * 20_000}}
    dynamodb.put_items(table, [{"pk": {"S": f"k{n}"}, **filling} for n in range(300)])
    rows = _rows(open_engine(), _call(f'-- all\nSELECT pk, filling FROM "{table}";'))
    assert Counter(row["pk"] for row in rows) == Counter(f"k{n}" for n in range(300))
    statements = {it.parameters["Statement"] for it in proxy.requests("ExecuteStatement")}
    assert statements == {f'SELECT pk, filling FROM "{table}"'}
    assert len(proxy.requests("ExecuteStatement")) > 6


def test_bug_30_a_native_query_has_columns_though_the_first_items_do_not_match(
    open_engine: Engines, table: str
) -> None:
    rows = _rows(open_engine(), _call(f'SELECT * FROM "{table}" WHERE sk = 599'))
    assert [(row["pk"], row["size"]) for row in rows] == [("key 29", 9)]


def test_a_native_query_without_a_row_has_the_columns_that_it_names(
    open_engine: Engines, table: str
) -> None:
    engine = open_engine()
    named = engine.query(_call(f'SELECT sk, "City", pk FROM "{table}" WHERE sk = 9999')).table
    assert (named.num_rows, named.column_names) == (0, ["sk", "city", "pk"])
    every = engine.query(_call(f'SELECT * FROM "{table}" WHERE sk = 9999')).table
    assert (every.num_rows, every.column_names) == (0, ["pk", "sk"])


def test_columns_of_a_native_query_come_in_its_order(open_engine: Engines, table: str) -> None:
    found = open_engine().query(_call(f'SELECT sk, rare, pk FROM "{table}" WHERE sk < 3')).table
    assert found.column_names == ["sk", "rare", "pk"]
    assert found.column("rare").to_pylist() == [None] * 3
    assert [int(number) for number in found.column("sk").to_pylist()] == [0, 1, 2]


def test_a_native_query_is_filtered_and_limited_here(open_engine: Engines, table: str) -> None:
    call = _call(f'SELECT pk, sk FROM "{table}"')
    rows = _rows(open_engine(), f"{call} WHERE sk >= 590 AND pk = 'key 29' LIMIT 4")
    assert len(rows) == 4
    assert all(row["sk"] >= 590 for row in rows)


@pytest.mark.parametrize(
    ("query", "error"),
    [
        ('SELECT * FROM "{}x"', TableNotFoundError),
        ('DELETE FROM "{}" WHERE pk = 1', UnsupportedOperationError),
        ('SELECT * FROM "{}", other', InvalidRequestError),
        ('SELECT * FROM "{}" WHERE ?!', InvalidRequestError),
    ],
    ids=["missing", "delete", "two tables", "wrong"],
)
def test_a_native_query_that_can_not_be_is_refused(
    open_engine: Engines, table: str, query: str, error: type[Exception]
) -> None:
    with pytest.raises(error):
        open_engine().query(_call(query.format(table)))


def test_a_native_query_does_not_reach_a_table_that_is_excluded(
    open_engine: Engines, table: str, proxy: DynamoDbProxy
) -> None:
    engine = open_engine(table_exclude="TABLE_*")
    with pytest.raises(TableNotFoundError, match="table_include and table_exclude"):
        engine.query(_call(f'SELECT * FROM "{table}"'))
    assert not proxy.requests()


def test_native_queries_that_are_off_are_refused_by_the_function_too() -> None:
    connector = from_environment({"enable_query_passthrough": "false"})
    with pytest.raises(UnsupportedOperationError, match="Set enable_query_passthrough"):
        connector.describe_passthrough({"QUERY": "SELECT * FROM t"})


def test_the_native_text_of_a_statement_is_the_statement(open_engine: Engines, table: str) -> None:
    (scan,) = open_engine().explain(_call(f'/* x */ SELECT pk FROM "{table}"'))
    (split,) = scan.splits
    assert split.native is not None
    assert split.native.native == f'SELECT pk FROM "{table}"'


# Health


def test_findings_are_those_of_the_source(proxy: DynamoDbProxy, table: str) -> None:
    connector = from_environment(proxy.address.settings)
    facts = " ".join(finding.fact for finding in connector.health())
    assert table in facts or "tables" in facts
    connector.close()


def test_the_segments_of_a_scan_are_told(
    open_engine: Engines, table: str, proxy: DynamoDbProxy
) -> None:
    proxy.alter_table(table, lambda told: told.update(TableSizeBytes=2 * 256 * MB))
    (scan,) = open_engine().explain(f'SELECT * FROM dy."default"."{table}" WHERE size = 1')
    texts = [split.native.native for split in scan.splits if split.native is not None]
    assert [text.partition(" (")[2] for text in texts] == ["segment 1 of 2)", "segment 2 of 2)"]


@pytest.mark.parametrize("name", ["orders", "orders$by_day", "orders$"])
def test_rules_of_access_are_about_the_table_whatever_index_is_named(name: str) -> None:
    connector = from_environment({"AWS_REGION": "eu-west-1"})
    assert connector.listed_as(TableName("default", name)) == TableName("default", "orders")

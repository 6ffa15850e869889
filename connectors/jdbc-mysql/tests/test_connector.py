"""What only the whole connector has: catalogs, capabilities, passthrough, reading, health."""

from __future__ import annotations

import time
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest
from athena_connectors.common.connector import Scan
from athena_connectors.common.constraints import Constraints
from athena_connectors.common.errors import (
    CatalogNotFoundError,
    ConfigurationError,
    UnsupportedOperationError,
)
from athena_connectors.common.protocol.messages import TableName
from athena_connectors.common.testing.client import ProtocolClient, S3Reader
from athena_connectors.common.testing.transport import InProcess
from athena_connectors.jdbc_mysql.app import handler
from athena_connectors.jdbc_mysql.connector import from_environment

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from athena_connectors.common.connector import Connector
    from athena_connectors.common.testing.mariadb import MariaDb

    Make = Callable[..., ProtocolClient]

QUERY = {"schemaFunctionName": "SYSTEM.QUERY", "QUERY": "SELECT 1 AS one"}


@pytest.fixture
def client(database: MariaDb) -> Iterator[Make]:
    """Make clients of the function, whose settings are given."""
    transports = []

    def make(catalog: str = "shop", **settings: str) -> ProtocolClient:
        transports.append(InProcess(handler, settings={**database.settings, **settings}))
        return ProtocolClient(catalog, transports[-1], spill=S3Reader({}))

    yield make
    for transport in transports:
        transport.close()


@pytest.fixture
def connector(database: MariaDb) -> Iterator[Connector]:
    with closing(from_environment({**database.settings, "fetch_size": "1000"})) as made:
        yield made.for_catalog("shop")


def scan_of(connector: Connector, table: TableName, *columns: str, **wanted: Any) -> Scan:
    description = connector.describe_table(connector.resolve_table(table))
    schema = pa.schema([description.schema.field(name) for name in columns])
    return Scan(table, schema, Constraints(**wanted), description, query_id="q")


def test_each_catalog_has_a_server_of_its_own(
    client: Make, database: MariaDb, fresh_database: MariaDb
) -> None:
    name = fresh_database.database
    reader = fresh_database.create_user("elsewhere", "p", f"SELECT ON `{name}`.*")
    settings = {"Other_connection_string": reader.url}
    assert client("other", **settings).schemas() == (name,)
    assert database.database in client("default", **settings).schemas()
    assert database.database in client("lambda:function", **settings).schemas()
    with pytest.raises(CatalogNotFoundError, match="third_connection_string"):
        client("third", **settings).schemas()


@pytest.mark.parametrize(
    ("text", "fact"),
    [("", "default is missing"), ("postgres://jdbc:postgresql://h/db", "start with mysql")],
)
def test_21_1_a_default_that_is_none(client: Make, text: str, fact: str) -> None:
    with pytest.raises(ConfigurationError, match=fact):
        client(default=text).schemas()


def test_nothing_is_asked_before_it_is_needed() -> None:
    connector = from_environment({"default": "mysql://jdbc:mysql://nowhere.invalid/db"})
    assert connector.source_type == "mysql"
    assert connector.for_catalog("shop").source_type == "mysql"
    connector.close()


def test_properties_of_a_connection_string_count_for_its_catalog(
    client: Make, database: MariaDb
) -> None:
    database.execute("CREATE TABLE IF NOT EXISTS truths (a tinyint(1))")
    settings = {"numbers_connection_string": f"{database.url}&tinyInt1isBit=false"}
    name = TableName(database.database, "truths")
    assert client("default", **settings).describe(name).schema.field("a").type == pa.bool_()
    assert client("numbers", **settings).describe(name).schema.field("a").type == pa.int8()


def test_everything_is_claimed(client: Make) -> None:
    claims = client().capabilities()
    assert claims.limit
    assert claims.top_n
    assert len(claims.functions) == 21
    assert claims.hints == ()
    assert claims.passthrough is not None


def test_claims_follow_the_settings(client: Make) -> None:
    claims = client(non_default_collate="true", enable_query_passthrough="false").capabilities()
    assert claims.hints == ("non_default_collate",)
    assert claims.passthrough is None


def test_native_queries_can_be_switched_off(client: Make) -> None:
    table = TableName("system", "query")
    assert client().describe(table, passthrough=QUERY).schema.names == ["one"]
    with pytest.raises(UnsupportedOperationError, match="enable_query_passthrough"):
        client(enable_query_passthrough="false").describe(table, passthrough=QUERY)


def test_issue_327_partition_columns_can_be_hidden(client: Make, database: MariaDb) -> None:
    database.execute("CREATE TABLE IF NOT EXISTS plain (a int)")
    name = TableName(database.database, "plain")
    shown = client().describe(name)
    assert shown.partitionColumns == ("partition_name",)
    assert shown.schema.names == ["a", "partition_name"]
    hidden = client(expose_partition_columns="false").describe(name)
    assert (hidden.schema.names, hidden.partitionColumns) == (["a"], ())


def test_issue_327_a_column_of_that_name_is_the_tables_own(client: Make, database: MariaDb) -> None:
    database.execute("CREATE TABLE IF NOT EXISTS own (Partition_Name int)")
    described = client().describe(TableName(database.database, "own"))
    assert described.partitionColumns == ()


@pytest.fixture
def parted(database: MariaDb) -> TableName:
    database.execute(
        "CREATE OR REPLACE TABLE parted (n int PRIMARY KEY, t varchar(20)) PARTITION BY RANGE (n)"
        " (PARTITION `it's` VALUES LESS THAN (1000), PARTITION rest VALUES LESS THAN MAXVALUE)",
        "INSERT INTO parted SELECT seq, seq FROM seq_1_to_3000",
        "ANALYZE TABLE parted",
    )
    return TableName(database.database, "parted")


def batches(connector: Connector, scan: Scan) -> list[pa.RecordBatch]:
    layout = connector.plan_partitions(scan)
    return [
        batch
        for split in connector.plan_splits(scan, layout)
        for batch in connector.read_split(scan, split)
    ]


def test_rows_come_with_the_name_of_their_partition(
    connector: Connector, parted: TableName
) -> None:
    table = pa.Table.from_batches(
        batches(connector, scan_of(connector, parted, "n", "partition_name"))
    )
    found = dict(zip(table["n"].to_pylist(), table["partition_name"].to_pylist(), strict=True))
    assert found == {n: "it's" if n < 1000 else "rest" for n in range(1, 3001)}


def test_rows_without_columns_are_counted_by_the_server(
    connector: Connector, parted: TableName
) -> None:
    scan = scan_of(connector, parted)
    assert sum(batch.num_rows for batch in batches(connector, scan)) == 3000
    named = batches(connector, scan_of(connector, parted, "partition_name"))
    assert sum(batch.num_rows for batch in named) == 3000
    (split,) = connector.plan_splits(scan, connector.plan_partitions(scan))
    assert connector.native_query(scan, split).count("SELECT count(*) FROM") == 2


def test_a_limit_goes_to_the_server(connector: Connector, parted: TableName) -> None:
    scan = scan_of(connector, parted, "n", limit=7)
    layout = connector.plan_partitions(scan)
    (split,) = connector.plan_splits(scan, layout)
    assert "LIMIT 7" in connector.native_query(scan, split)


def test_a_read_that_is_left_early_does_not_drain_it(
    connector: Connector, database: MariaDb
) -> None:
    database.execute(
        "CREATE OR REPLACE VIEW endless AS SELECT a.seq FROM seq_1_to_1000000 a, seq_1_to_1000000 b"
    )
    scan = scan_of(connector, TableName(database.database, "endless"), "seq")
    (split,) = connector.plan_splits(scan, connector.plan_partitions(scan))
    rows = connector.read_split(scan, split)
    next(rows)
    started = time.monotonic()
    rows.close()
    connector.release()
    assert time.monotonic() - started < 5
    assert connector.list_schemas()
    running = "SELECT count(*) FROM information_schema.PROCESSLIST WHERE INFO LIKE '%endless%'"
    assert database.execute(f"{running} AND ID <> CONNECTION_ID()") == [(0,)]


def test_21_15_all_statements_of_a_split_see_one_snapshot(
    connector: Connector, parted: TableName, database: MariaDb
) -> None:
    scan = scan_of(connector, parted, "n")
    (split,) = connector.plan_splits(scan, connector.plan_partitions(scan))
    assert connector.native_query(scan, split).count("\n") == 1
    rows = connector.read_split(scan, split)
    found = next(rows).num_rows
    database.execute("DELETE FROM parted WHERE n > 2000")
    assert found + sum(batch.num_rows for batch in rows) == 3000


def test_health_is_told(connector: Connector) -> None:
    assert "MariaDB" in " ".join(map(str, connector.health()))

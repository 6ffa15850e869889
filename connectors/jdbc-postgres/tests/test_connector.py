"""What only the whole connector has: catalogs, capabilities, passthrough, health."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from athena_connectors.common.errors import (
    CatalogNotFoundError,
    ConfigurationError,
    UnsupportedOperationError,
)
from athena_connectors.common.protocol.messages import TableName
from athena_connectors.common.testing.client import ProtocolClient, S3Reader
from athena_connectors.common.testing.transport import InProcess
from athena_connectors.jdbc_postgres.app import handler
from athena_connectors.jdbc_postgres.connector import from_environment

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from athena_connectors.common.testing.postgres import PostgresAddress

    Make = Callable[..., ProtocolClient]

QUERY = {"schemaFunctionName": "SYSTEM.QUERY", "QUERY": "SELECT 1 AS one"}


@pytest.fixture
def client(database: PostgresAddress) -> Iterator[Make]:
    """Make clients of the function, whose settings are given."""
    transports = []

    def make(catalog: str = "shop", **settings: str) -> ProtocolClient:
        environ = {"default": database.connection_string, **settings}
        transports.append(InProcess(handler, settings=environ))
        return ProtocolClient(catalog, transports[-1], spill=S3Reader({}))

    yield make
    for transport in transports:
        transport.close()


def test_each_catalog_has_a_database_of_its_own(
    client: Make, database: PostgresAddress, fresh_database: PostgresAddress
) -> None:
    fresh_database.execute("CREATE SCHEMA only_there")
    settings = {"Other_connection_string": fresh_database.connection_string}
    assert "only_there" in client("other", **settings).schemas()
    assert "only_there" not in client("default", **settings).schemas()
    assert "only_there" not in client("lambda:function", **settings).schemas()
    with pytest.raises(CatalogNotFoundError, match="third_connection_string"):
        client("third", **settings).schemas()


@pytest.mark.parametrize(
    ("text", "fact"),
    [("", "default is missing"), ("mysql://jdbc:mysql://h/db", "does not start with postgres")],
)
def test_a_default_that_is_none(client: Make, text: str, fact: str) -> None:
    with pytest.raises(ConfigurationError, match=fact):
        client(default=text).schemas()


def test_nothing_is_asked_before_it_is_needed() -> None:
    connector = from_environment({"default": "postgres://jdbc:postgresql://nowhere.invalid/db"})
    assert connector.source_type == "postgres"
    assert connector.for_catalog("shop").source_type == "postgres"
    connector.close()


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


def test_partition_columns_can_be_hidden(client: Make, database: PostgresAddress) -> None:
    database.execute("CREATE TABLE IF NOT EXISTS plain (a int)")
    name = TableName("public", "plain")
    shown = client().describe(name)
    assert shown.partitionColumns == ("partition_schema_name", "partition_name")
    assert shown.schema.names == ["a", *shown.partitionColumns]
    hidden = client(expose_partition_columns="false").describe(name)
    assert (hidden.schema.names, hidden.partitionColumns) == (["a"], ())

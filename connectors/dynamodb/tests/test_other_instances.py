"""Requests of one query that reach instances whose samples showed other columns."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest
from athena_connectors.common.connector import Scan
from athena_connectors.common.constraints import Constraints
from athena_connectors.common.protocol.messages import Split, TableName
from athena_connectors.common.testing.dynamodb import TableIndex
from athena_connectors.common.testing.engine import Catalog, LocalEngine
from athena_connectors.common.testing.folder_store import FolderStore
from athena_connectors.common.testing.transport import InProcess
from athena_connectors.dynamodb.app import handler
from athena_connectors.dynamodb.connector import from_environment

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from athena_connectors.common.testing.dynamodb import DynamoDb
    from athena_connectors.common.testing.dynamodb_faults import DynamoDbProxy

    Differing = Callable[..., tuple[LocalEngine, str]]

Item = dict[str, dict[str, Any]]
BOTH = pytest.mark.parametrize("pushdown", [True, False])
ODD: list[Item] = [{"pk": {"S": "a"}, "Odd": {"S": "x"}, "city": {"S": "Ulm"}}]
PLAIN: list[Item] = [{"pk": {"S": "b"}}, {"pk": {"S": "c"}, "city": {"S": "Ulm"}}]


class TwoInstances:
    """Asks one instance for tables, and another for all else."""

    def __init__(self, first: InProcess, second: InProcess) -> None:
        self.first = first
        self.second = second

    def send(self, event: dict[str, Any]) -> dict[str, Any]:
        """Return the reply to a request."""
        instance = self.first if event["@type"] == "GetTableRequest" else self.second
        return instance.send(event)

    def close(self) -> None:
        """Close both."""
        self.first.close()
        self.second.close()


@pytest.fixture
def differing(dynamodb: DynamoDb, tmp_path: Path) -> Iterator[Differing]:
    """Opens an engine on a table that each of two instances has seen with other items."""
    opened: list[LocalEngine] = []

    def differing(
        first: list[Item], second: list[Item], *, pushdown: bool, **settings: str
    ) -> tuple[LocalEngine, str]:
        store = FolderStore(tmp_path)
        environ = {"spill_bucket": "local", "disable_glue": "true", **dynamodb.settings, **settings}
        one, two = (InProcess(handler, settings=environ, store=store) for _ in range(2))
        indexes = [TableIndex("by_city", [("city", "S")], included=("Odd",))]
        table = dynamodb.create_table(("pk", "S"), indexes=indexes)
        for instance, items in ((one, first), (two, second)):
            dynamodb.put_items(table, items)
            opened.append(LocalEngine({"dy": Catalog(instance, store)}))
            opened[-1].describe("dy", TableName("default", table))
            if instance is one:
                for item in first:
                    dynamodb.client().delete_item(TableName=table, Key={"pk": item["pk"]})
        dynamodb.put_items(table, first)
        opened.append(
            LocalEngine({"dy": Catalog(TwoInstances(one, two), store)}, pushdown=pushdown)
        )
        return opened[-1], f'dy."default"."{table}"'

    yield differing
    for engine in opened:
        engine.close()


def _rows(engine: LocalEngine, sql: str) -> list[tuple[Any, ...]]:
    rows = [tuple(row.values()) for row in engine.query(sql).table.to_pylist()]
    return sorted(rows, key=repr)


@BOTH
def test_a_column_that_only_the_first_has_seen_is_read_by_the_second(
    differing: Differing, *, pushdown: bool
) -> None:
    engine, table = differing(ODD, PLAIN, pushdown=pushdown)
    assert _rows(engine, f"SELECT pk, odd FROM {table}") == [("a", "x"), ("b", None), ("c", None)]
    assert _rows(engine, f"SELECT pk FROM {table} WHERE odd = 'x'") == [("a",)]
    assert _rows(engine, f"SELECT pk FROM {table} WHERE odd IS NULL") == [("b",), ("c",)]
    assert _rows(engine, f"SELECT pk FROM {table} ORDER BY odd LIMIT 1") == [("a",)]
    assert _rows(engine, f"SELECT pk FROM {table} WHERE odd LIKE 'y%' OR upper(odd) = 'X'") == [
        ("a",)
    ]


@BOTH
def test_a_column_has_the_type_that_the_first_has_told(
    differing: Differing, *, pushdown: bool
) -> None:
    numbers: list[Item] = [{"pk": {"S": "a"}, "n": {"N": "7"}, "m": {"M": {"k": {"N": "1"}}}}]
    texts: list[Item] = [{"pk": {"S": "b"}, "n": {"S": "seven"}, "m": {"S": "text"}}]
    engine, table = differing(numbers, texts, pushdown=pushdown, number_inference="auto")
    assert _rows(engine, f"SELECT pk, n, m FROM {table}") == [
        ("a", 7, {"k": 1}),
        ("b", None, None),
    ]
    assert _rows(engine, f"SELECT pk FROM {table} WHERE n > 6") == [("a",)]
    engine, table = differing(texts, numbers, pushdown=pushdown)
    assert _rows(engine, f"SELECT pk, n FROM {table}") == [("a", "7"), ("b", "seven")]
    assert _rows(engine, f"SELECT pk FROM {table} WHERE n = '7'") == [("a",)]


@BOTH
def test_an_index_shows_the_columns_that_it_holds(differing: Differing, *, pushdown: bool) -> None:
    engine, table = differing(ODD, PLAIN, pushdown=pushdown)
    index = f'{table[:-1]}$by_city"'
    assert _rows(engine, f"SELECT pk, odd FROM {index}") == [("a", "x"), ("c", None)]


@BOTH
def test_the_rest_as_json_does_not_hold_a_column_that_was_told(
    differing: Differing, *, pushdown: bool
) -> None:
    engine, table = differing(ODD, PLAIN, pushdown=pushdown, extra_json_column="rest")
    assert _rows(engine, f"SELECT odd, rest FROM {table} WHERE pk = 'a'") == [("x", None)]


def test_a_native_query_has_the_columns_that_the_first_has_told(
    dynamodb: DynamoDb, proxy: DynamoDbProxy
) -> None:
    table = dynamodb.create_table(("pk", "S"))
    dynamodb.put_items(table, PLAIN)
    query = {"QUERY": f'SELECT * FROM "{table}"'}
    with closing(from_environment(proxy.address.settings)) as connector:
        described = connector.describe_passthrough(query)
        dynamodb.put_items(table, ODD)
        odd = pa.field("odd", pa.string())
        scan = Scan(
            TableName("system", "query"),
            pa.schema([("pk", pa.string()), odd]),
            Constraints(passthrough=query),
            connector.adopt_columns(described, [odd]),
        )
        rows = [row for batch in connector.read_split(scan, Split()) for row in batch.to_pylist()]
    assert {row["pk"]: row["odd"] for row in rows} == {"a": "x", "b": None, "c": None}

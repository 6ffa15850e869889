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
from athena_connectors.common.testing.other_instances import OtherInstancesSuite, rows_of
from athena_connectors.dynamodb.app import handler
from athena_connectors.dynamodb.connector import from_environment

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from athena_connectors.common.testing.dynamodb import DynamoDb
    from athena_connectors.common.testing.dynamodb_faults import DynamoDbProxy
    from athena_connectors.common.testing.other_instances import Differing


def value_of(value: Any) -> dict[str, Any]:
    match value:
        case str():
            return {"S": value}
        case int():
            return {"N": str(value)}
        case _:
            return {"M": item_of(value)}


def item_of(row: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    return {name: value_of(value) for name, value in row.items()}


class Changing:
    """A table whose items come and go, with an index that holds little."""

    def __init__(self, server: DynamoDb) -> None:
        indexes = [TableIndex("by_city", [("city", "S")], included=("Odd",))]
        self.name = TableName("default", server.create_table(("pk", "S"), indexes=indexes))
        self._server = server
        self._keys: list[dict[str, Any]] = []

    def put(self, rows: Sequence[Mapping[str, Any]]) -> None:
        self._keys += [item_of({"pk": row["pk"]}) for row in rows]
        self._server.put_items(self.name.table, [item_of(row) for row in rows])

    def clear(self) -> None:
        for key in self._keys:
            self._server.client().delete_item(TableName=self.name.table, Key=key)
        self._keys.clear()


class TestOtherInstances(OtherInstancesSuite):
    handler = handler
    key = "pk"

    @pytest.fixture
    def changing_table(self, dynamodb: DynamoDb) -> Changing:  # type: ignore[override]
        return Changing(dynamodb)

    @pytest.fixture
    def settings(self, dynamodb: DynamoDb) -> Mapping[str, str]:  # type: ignore[override]
        return {"disable_glue": "true", "number_inference": "auto", **dynamodb.settings}

    @pytest.mark.parametrize("pushdown", [True, False])
    def test_an_index_shows_the_columns_that_it_holds(
        self, differing: Differing, *, pushdown: bool
    ) -> None:
        engine, table = differing(self.odd, self.plain, pushdown=pushdown)
        found = rows_of(engine, "pk, odd", f'{table[:-1]}$by_city"')
        assert found == [("a", "x"), ("c", None)]


def test_a_native_query_has_the_columns_that_the_first_has_told(
    dynamodb: DynamoDb, proxy: DynamoDbProxy
) -> None:
    table = dynamodb.create_table(("pk", "S"))
    dynamodb.put_items(table, [item_of({"pk": key}) for key in "bc"])
    query = {"QUERY": f'SELECT * FROM "{table}"'}
    with closing(from_environment(proxy.address.settings)) as connector:
        described = connector.describe_passthrough(query)
        dynamodb.put_items(table, [item_of({"pk": "a", "Odd": "x"})])
        odd = pa.field("odd", pa.string())
        scan = Scan(
            TableName("system", "query"),
            pa.schema([("pk", pa.string()), odd]),
            Constraints(passthrough=query),
            connector.adopt_columns(described, [odd]),
        )
        rows = [row for batch in connector.read_split(scan, Split()) for row in batch.to_pylist()]
    assert {row["pk"]: row["odd"] for row in rows} == {"a": "x", "b": None, "c": None}

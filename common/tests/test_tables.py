"""The engine's names of tables and columns, and what a request says that a table has."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest
from athena_connectors.common.connector import Connector, TableDescription
from athena_connectors.common.constraints import Constraints, Direction, OrderBy
from athena_connectors.common.errors import ColumnNotFoundError
from athena_connectors.common.expressions import Call, Constant, Variable
from athena_connectors.common.handler import lambda_handler
from athena_connectors.common.protocol.messages import TableName
from athena_connectors.common.tables import CACHE_SECONDS, TableCache
from athena_connectors.common.testing.client import ProtocolClient
from athena_connectors.common.testing.folder_store import FolderStore
from athena_connectors.common.testing.transport import InProcess
from athena_connectors.common.valueset import SortedRangeSet

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

NAME = TableName("s", "t")
FREE = Constraints()


class Changing(Connector):
    """Has a table whose columns change, and may take over others."""

    source_type = "changing"

    def __init__(self, schema: pa.Schema, *, adopts: bool = False) -> None:
        self.schema = schema
        self.adopts = adopts
        self.described = 0
        self.asked: list[list[pa.Field[Any]]] = []
        self.released = 0

    def list_schemas(self) -> list[str]:
        return [NAME.schema]

    def list_tables(self, schema: str) -> list[str]:
        return [NAME.table]

    def describe_table(self, name: TableName) -> pa.Schema:
        self.described += 1
        return self.schema

    def adopt_columns(
        self, description: TableDescription, fields: Sequence[pa.Field[Any]]
    ) -> TableDescription:
        self.asked.append(list(fields))
        if not self.adopts:
            return super().adopt_columns(description, fields)
        columns = {field.name: field for field in [*description.schema, *fields]}
        return TableDescription(pa.schema(columns.values()))

    def read_split(self, scan: object, split: object) -> Iterable[pa.RecordBatch]:
        raise NotImplementedError

    def release(self) -> None:
        self.released += 1


class Clock:
    """A clock that is set."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_columns_that_are_as_requested_are_not_asked_for_again() -> None:
    schema = pa.schema([("Id", pa.int32()), ("tags", pa.list_(pa.field("item", pa.string())))])
    source = Changing(schema)
    cache = TableCache(source)
    requested = pa.schema(
        [("tags", pa.list_(pa.field("other", pa.string(), nullable=False))), ("id", pa.int32())]
    )
    one = {"id": SortedRangeSet.of_points(pa.int32(), [1])}
    table = cache.table_for(NAME, Constraints(summary=one), requested)
    assert (source.described, source.asked) == (1, [])
    assert table.source_schema(requested).names == ["tags", "Id"]


def test_a_table_that_changed_is_described_once_more() -> None:
    source = Changing(pa.schema([("a", pa.int32())]))
    cache = TableCache(source)
    cache.table(NAME, {})
    source.schema = pa.schema([("a", pa.int64()), ("B", pa.string())])
    requested = pa.schema([("b", pa.string()), ("a", pa.int64())])
    table = cache.table_for(NAME, FREE, requested)
    assert (source.described, source.asked) == (2, [])
    assert table.source_schema(requested).names == ["B", "a"]
    assert table.exposed.field("a").type == pa.int64()
    cache.table_for(NAME, FREE, requested)
    assert source.described == 2


def test_the_connector_is_asked_for_what_is_still_otherwise_once_in_a_while() -> None:
    source = Changing(pa.schema([("A", pa.int32()), ("kept", pa.int8())]), adopts=True)
    clock = Clock()
    cache = TableCache(source, clock=clock)
    requested = pa.schema([("new", pa.bool_()), ("a", pa.string()), ("kept", pa.int8())])
    for _ in range(2):
        table = cache.table_for(NAME, FREE, requested)
        assert table.source_schema(requested).names == ["new", "A", "kept"]
        assert table.exposed.field("a").type == pa.string()
    assert source.asked == [[pa.field("new", pa.bool_()), pa.field("A", pa.string())]]
    assert cache.table(NAME, {}).exposed.names == ["a", "kept"]
    clock.now = CACHE_SECONDS
    cache.table_for(NAME, FREE, requested)
    assert len(source.asked) == 2


def test_columns_of_constraints_are_taken_over_too() -> None:
    constraints = Constraints(
        summary={"x": SortedRangeSet.of_points(pa.int64(), [1])},
        expression=(
            Call("$is_null", (Variable("y", pa.bool_()),), pa.bool_()),
            Call("$equal", (Variable("a", pa.int8()), Constant((1,), pa.int8())), pa.bool_()),
        ),
        order_by=(OrderBy("z", Direction.ASC_NULLS_FIRST),),
    )
    source = Changing(pa.schema([("a", pa.int32())]), adopts=True)
    table = TableCache(source).table_for(NAME, constraints)
    types = {"a": pa.int32(), "x": pa.int64(), "y": pa.bool_(), "z": pa.string()}
    assert {field.name: field.type for field in table.exposed} == types
    assert set(table.source_constraints(constraints).summary) == {"x"}


def test_a_connector_that_takes_over_nothing_lacks_the_column() -> None:
    source = Changing(pa.schema([("a", pa.int32())]))
    requested = pa.schema([("gone", pa.int32()), ("a", pa.string())])
    table = TableCache(source).table_for(NAME, FREE, requested)
    with pytest.raises(ColumnNotFoundError, match="'gone'"):
        table.source_schema(requested)
    assert table.exposed.field("a").type == pa.int32()


def test_every_invocation_releases_what_it_used(tmp_path: Path) -> None:
    source = Changing(pa.schema([("a", pa.int32())]))
    store = FolderStore(tmp_path)
    transport = InProcess(lambda_handler(lambda _: source), settings={}, store=store)
    client = ProtocolClient("c", transport, spill=store)
    assert client.version
    before = source.released
    for count in range(1, 4):
        client.describe(NAME)
        assert (source.described, source.released) == (count, before + count)

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa
import pytest
from athena_connectors.common.connector import Connector, Scan, TableDescription
from athena_connectors.common.constraints import Constraints, Direction, OrderBy
from athena_connectors.common.errors import ColumnNotFoundError
from athena_connectors.common.protocol.messages import Split, TableName
from athena_connectors.common.reading import plan_read
from athena_connectors.common.valueset import SortedRangeSet

if TYPE_CHECKING:
    from collections.abc import Iterable

TABLE = TableName("s", "t")
DESCRIBED = pa.schema([("id", pa.int64()), ("at", pa.timestamp("ns")), ("name", pa.large_string())])


class Anything(Connector):
    """Claims nothing, so that everything is evaluated here."""

    source_type = "anything"

    def list_schemas(self) -> Iterable[str]:
        return ["s"]

    def list_tables(self, schema: str) -> Iterable[str]:
        return ["t"]

    def describe_table(self, name: TableName) -> pa.Schema:
        return DESCRIBED

    def read_split(self, scan: Scan, split: Split) -> Iterable[pa.RecordBatch]:
        return []


def plan(constraints: Constraints, *columns: pa.Field) -> pa.Schema:
    scan = Scan(TABLE, pa.schema(columns), constraints, TableDescription(DESCRIBED))
    return plan_read(Anything(), scan, max_sort_bytes=1_000_000).scan.schema


ID = pa.field("id", pa.int64())


def test_what_the_predicate_looks_at_is_read_in_its_engine_type() -> None:
    constraints = Constraints({"at": SortedRangeSet.not_null(pa.date64())})
    assert plan(constraints, ID) == pa.schema([ID, ("at", pa.date64())])


def test_what_the_order_is_by_is_read_too() -> None:
    order = (OrderBy("name", Direction.ASC_NULLS_LAST),)
    assert plan(Constraints(order_by=order, limit=1), ID).field("name").type == pa.string()
    assert plan(Constraints(order_by=order), ID).names == ["id"]


def test_a_predicate_on_a_column_that_is_gone() -> None:
    constraints = Constraints({"gone": SortedRangeSet.not_null(pa.int64())})
    with pytest.raises(ColumnNotFoundError, match="gone"):
        plan(constraints, ID)

"""What a connector is tried on: its handler, its settings, and all that Athena should see.

Expected tables are Arrow tables of any types; they become engine types as a connector's own
batches do (see ``types``). One is ambiguous: a column of ``timestamp('ms', tz)`` is taken
as *packed* already.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pyarrow as pa
from athena_connectors.common.protocol.messages import TableName
from athena_connectors.common.testing.conformance.rows import physical_rows
from athena_connectors.common.types import cast_batch, engine_type

if TYPE_CHECKING:
    from collections.abc import Mapping

    from athena_connectors.common.handler import LambdaHandler
    from athena_connectors.common.testing.conformance.rows import Row

__all__ = ["Expected", "NativeQuery", "Sample", "expected_table"]


@dataclass(frozen=True, slots=True)
class NativeQuery:
    """A query in the source's own language.

    Attributes:
        arguments: Each declared argument of the function, such as ``QUERY``, and its text.
        result: What it gives.
    """

    arguments: Mapping[str, str]
    result: pa.Table


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """A source with known content, and how the function reaches it.

    The content should have what the connector claims to support: a table that is cut into
    splits, a table without rows, values at the ends of each type, NULL in each column. The
    suite says what it misses.

    Attributes:
        handler: What the connector's ``app`` module calls ``handler``.
        settings: The function's environment variables; without a spill bucket, which is
            the suite's.
        tables: All rows of each table, as Athena should see them. The name is
            ``schema.table``, or a ``TableName`` if the schema's has a dot.
        partition_columns: Columns by which a table is partitioned, by the table's name.
        other_tables: Further tables in the same schemas, whose content is not looked at.
        native_query: A query to try, where the connector takes any.
        secrets: Texts that nothing may tell, such as the password among the settings.
        catalog: Athena's name for the source.
        source_types: What the source calls the type of a column, by table and column, for
            the report.
        derived_columns: As ``Connector.derived_columns``.
    """

    handler: LambdaHandler
    tables: Mapping[str | TableName, pa.Table]
    settings: Mapping[str, str] = field(default_factory=dict, repr=False)
    partition_columns: Mapping[str | TableName, tuple[str, ...]] = field(default_factory=dict)
    other_tables: frozenset[str | TableName] = frozenset()
    native_query: NativeQuery | None = None
    secrets: tuple[str, ...] = field(default=(), repr=False)
    catalog: str = "sample"
    source_types: Mapping[str | TableName, Mapping[str, str]] = field(default_factory=dict)
    derived_columns: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, eq=False)
class Expected:
    """A table as Athena should see it.

    Attributes:
        name: As Athena spells it.
        schema: In engine types, partition columns included.
        partition_columns: Some of its columns.
        rows: All rows.
        source_types: What the source calls the types of some columns.
    """

    name: TableName
    schema: pa.Schema
    partition_columns: tuple[str, ...]
    rows: tuple[Row, ...] = field(repr=False)
    source_types: Mapping[str, str] = field(default_factory=dict, repr=False)

    def __str__(self) -> str:
        return str(self.name)

    def column(self, name: str) -> list[object]:
        """Return the values of one column, row by row."""
        place = self.schema.get_field_index(name)
        return [row[place] for row in self.rows]


def table_name(name: str | TableName) -> TableName:
    """Return the name of a table, whose text is cut at the first dot."""
    if isinstance(name, TableName):
        return name
    schema, _, table = name.partition(".")
    return TableName(schema, table)


def expected_table(
    name: TableName,
    content: pa.Table,
    *,
    partition_columns: tuple[str, ...] = (),
    source_types: Mapping[str, str] | None = None,
) -> Expected:
    """Return a table of a sample in engine types."""
    fields = [pa.field(each.name, engine_type(each.type)) for each in content.schema]
    schema = pa.schema(fields)
    rows = tuple(
        row
        for batch in content.to_batches()
        for row in physical_rows(cast_batch(batch, schema, table=str(name)))
    )
    return Expected(name, schema, partition_columns, rows, source_types or {})

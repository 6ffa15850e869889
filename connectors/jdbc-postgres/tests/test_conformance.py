"""The connector on a real server, held to what every connector is held to."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest
from athena_connectors.common.testing import ConnectorSuite, NativeQuery, Sample, edge_table
from athena_connectors.jdbc_postgres.app import handler
from athena_connectors.jdbc_postgres.literals import identifier

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from athena_connectors.common.testing.postgres import PostgresAddress

TYPES = {
    "bool": pa.bool_(),
    "int2": pa.int16(),
    "int4": pa.int32(),
    "int8": pa.int64(),
    "numeric(10,2)": pa.decimal128(10, 2),
    "numeric(38,10)": pa.decimal128(38, 10),
    "float4": pa.float32(),
    "float8": pa.float64(),
    'text COLLATE "C"': pa.string(),
    "varchar(20) COLLATE linguistic": pa.string(),
    "bytea": pa.binary(),
    "date": pa.date32(),
    "timestamp": pa.timestamp("us"),
    "timestamptz": pa.timestamp("us"),
}
"""What the server calls a type, and what Athena sees of it before it is an engine type."""

ODD_NAMES = ("select", "with blank", "with-dash.and.dot", 'quo"te', "größe", "Capital")
WORDS = pa.table({"id": range(90), "word": [f"word {number % 7}" for number in range(90)]})
LISTS = pa.array([[1, 2], [], None, [None]], pa.list_(pa.int32()))


@dataclass(frozen=True)
class Table:
    """A table of the server.

    Attributes:
        name: Its name.
        columns: Type of each column.
        rows: What it holds; the edges of the types by default.
        rest: What follows the column list.
        parts: Statements that make its partitions.
        partitions: Name of each row's partition.
    """

    name: str
    columns: Mapping[str, str]
    rows: pa.Table | None = None
    rest: str = ""
    parts: tuple[str, ...] = ()
    partitions: tuple[str, ...] = ()

    @property
    def content(self) -> pa.Table:
        if self.rows is not None:
            return self.rows
        return edge_table({name: TYPES[each] for name, each in self.columns.items()})

    @property
    def seen(self) -> pa.Table:
        rows = self.content
        names = self.partitions or ["*"] * rows.num_rows
        schemas = ["public" if self.partitions else "*"] * rows.num_rows
        rows = rows.append_column("partition_schema_name", pa.array(schemas, pa.string()))
        rows = rows.append_column("partition_name", pa.array(names, pa.string()))
        return rows.rename_columns([name.lower() for name in rows.column_names])

    @property
    def declared(self) -> dict[str, str]:
        return {name.lower(): each for name, each in self.columns.items()}

    def fill(self, database: PostgresAddress) -> None:
        table = identifier(self.name)
        declared = ", ".join(f"{identifier(name)} {each}" for name, each in self.columns.items())
        database.execute(f"CREATE TABLE {table} ({declared}) {self.rest}", *self.parts)
        marks = ", ".join(f"%s::{each.partition(' ')[0]}" for each in self.columns.values())
        rows = [tuple(map(as_parameter, row.values())) for row in self.content.to_pylist()]
        with closing(database.connect()) as connection, connection.cursor() as cursor:
            cursor.executemany(f"INSERT INTO {table} VALUES ({marks})", rows)
        database.execute(f"ANALYZE {table}")


def as_parameter(value: Any) -> Any:
    is_number = isinstance(value, int | float | Decimal) and not isinstance(value, bool)
    return str(value) if is_number else value


TABLES = (
    Table(
        "numbers",
        {
            "flag": "bool",
            "small": "int2",
            "medium": "int4",
            "big": "int8",
            "price": "numeric(10,2)",
            "wide": "numeric(38,10)",
            "single": "float4",
            "double": "float8",
        },
    ),
    Table(
        "others",
        {
            "plain": 'text COLLATE "C"',
            "worded": "varchar(20) COLLATE linguistic",
            "bytes": "bytea",
            "day": "date",
            "at": "timestamp",
            "since": "timestamptz",
        },
    ),
    Table("Odd Names.x", dict.fromkeys(ODD_NAMES, "int4")),
    Table("nested", {"list": "int4[]"}, pa.table({"list": LISTS})),
    Table("empty", {"id": "int8"}, WORDS.select(["id"]).slice(0, 0)),
    Table(
        "keyed",
        {"id": "int8", "word": "text"},
        WORDS,
        parts=("ALTER TABLE keyed ADD PRIMARY KEY (id)",),
    ),
    Table(
        "parted",
        {"id": "int8", "word": "text"},
        WORDS,
        "PARTITION BY RANGE (id)",
        (
            "CREATE TABLE low PARTITION OF parted FOR VALUES FROM (0) TO (30)",
            "CREATE TABLE high PARTITION OF parted FOR VALUES FROM (30) TO (90)",
        ),
        ("low",) * 30 + ("high",) * 60,
    ),
)


@pytest.fixture(scope="module")
def reader(database: PostgresAddress) -> Iterator[PostgresAddress]:
    """A role whose password is found wherever it is told."""
    name, password = f"reader_of_{database.database}", "p4ss-W0rd-of-the-reader"
    database.execute(
        f"CREATE ROLE {name} LOGIN PASSWORD '{password}'",
        f"GRANT pg_read_all_data TO {name}",
    )
    yield database.of_user(name, password)
    database.execute(f"DROP ROLE {name}")


class TestPostgres(ConnectorSuite):
    report = Path(__file__).with_name("conformance.json")

    def make(self, database: PostgresAddress, reader: PostgresAddress) -> Sample:
        database.create_linguistic_collation()
        for table in TABLES:
            table.fill(database)
        names = {f"public.{table.name.lower()}": table for table in TABLES}
        return Sample(
            handler=handler,
            settings={"default": reader.connection_string, "min_rows_per_split": "20"},
            tables={name: table.seen for name, table in names.items()},
            partition_columns=dict.fromkeys(names, ("partition_schema_name", "partition_name")),
            native_query=NativeQuery({"QUERY": "SELECT word FROM keyed"}, WORDS.select(["word"])),
            secrets=(reader.password,),
            source_types={name: table.declared for name, table in names.items()},
        )

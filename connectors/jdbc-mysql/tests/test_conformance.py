"""The connector on a real server, held to what every connector is held to."""

from __future__ import annotations

import re
import sys
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest
from athena_connectors.common.testing import (
    ConnectorSuite,
    Gap,
    NativeQuery,
    Sample,
    Supports,
    edge_table,
)
from athena_connectors.jdbc_mysql.app import handler
from athena_connectors.jdbc_mysql.literals import identifier

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from athena_connectors.common.testing.mariadb import MariaDb

LATIN = "varchar(20) COLLATE latin1_swedish_ci"
TYPES = {
    "tinyint(1)": pa.bool_(),
    "tinyint": pa.int8(),
    "tinyint unsigned": pa.int16(),
    "smallint": pa.int16(),
    "smallint unsigned": pa.int32(),
    "mediumint": pa.int32(),
    "int": pa.int32(),
    "int unsigned": pa.int64(),
    "bigint": pa.int64(),
    "bigint unsigned": pa.decimal128(20, 0),
    "decimal(10,2)": pa.decimal128(10, 2),
    "decimal(38,10)": pa.decimal128(38, 10),
    "float": pa.float32(),
    "double": pa.float64(),
    "bit(1)": pa.bool_(),
    "bit(40)": pa.int64(),
    "varchar(20) COLLATE utf8mb4_nopad_bin": pa.string(),
    "varchar(20) COLLATE utf8mb4_general_ci": pa.string(),
    LATIN: pa.string(),
    "varbinary(20)": pa.binary(),
    "date": pa.date32(),
    "datetime(3)": pa.timestamp("us"),
    "timestamp(3) NULL": pa.timestamp("us"),
}
"""What the server calls a type, and what Athena sees of it before it is an engine type."""

FIRST_TIMESTAMP = datetime.fromisoformat("1970-01-01 00:00:01")
LAST_TIMESTAMP = datetime.fromisoformat("2038-01-19 03:14:07.999")
SPANS: dict[str, tuple[Any, Any]] = {
    "tinyint unsigned": (0, 2**8 - 1),
    "smallint unsigned": (0, 2**16 - 1),
    "mediumint": (-(2**23), 2**23 - 1),
    "int unsigned": (0, 2**32 - 1),
    "bigint unsigned": (0, 2**64 - 1),
    "bit(40)": (0, 2**40 - 1),
    "float": (-3.5e38, 3.5e38),
    "double": (-sys.float_info.max, sys.float_info.max),
    "timestamp(3) NULL": (FIRST_TIMESTAMP, LAST_TIMESTAMP),
}
"""What a type holds where that is less than what Athena's does: no NaN, for one."""

ODD_NAMES = ("select", "with blank", "with-dash.and.dot", "back`tick", 'quo"te', "größe", "Capital")
WORDS = pa.table({"id": range(90), "word": [f"word {number % 7}" for number in range(90)]})


_ATTRIBUTES = re.compile(" NULL| PRIMARY KEY")


def holds(declared: str, value: Any) -> bool:
    """Return whether a column of a type can have a value."""
    if declared == LATIN:
        return bool(value.encode("latin1", "replace").decode("latin1") == value)
    if repr(value) == "-0.0":
        return False  # whatever one writes, the server keeps no sign of zero
    if declared in SPANS:
        least, most = SPANS[declared]
        return bool(least <= value <= most)
    return True


@dataclass(frozen=True)
class Table:
    """A table of the server.

    Attributes:
        name: Its name.
        columns: Type of each column.
        rows: What it holds; the edges of the types by default.
        rest: What follows the column list.
        partitions: Name of each row's partition.
    """

    name: str
    columns: Mapping[str, str]
    rows: pa.Table | None = None
    rest: str = ""
    partitions: tuple[str, ...] = ()

    @property
    def content(self) -> pa.Table:
        if self.rows is not None:
            return self.rows
        types = {name: TYPES[each] for name, each in self.columns.items()}
        return edge_table(types, keep=lambda name, value: holds(self.columns[name], value))

    @property
    def seen(self) -> pa.Table:
        rows = self.content
        names = self.partitions or ["*"] * rows.num_rows
        rows = rows.append_column("partition_name", pa.array(names, pa.string()))
        return rows.rename_columns([name.lower() for name in rows.column_names])

    @property
    def declared(self) -> dict[str, str]:
        types = {name: _ATTRIBUTES.sub("", each) for name, each in self.columns.items()}
        return {name.lower(): each for name, each in types.items()}

    def fill(self, database: MariaDb) -> None:
        table = identifier(self.name)
        declared = ", ".join(f"{identifier(name)} {each}" for name, each in self.columns.items())
        database.execute(f"CREATE TABLE {table} ({declared}) {self.rest}")
        marks = ", ".join(["%s"] * len(self.columns))
        rows = [tuple(map(as_parameter, row.values())) for row in self.content.to_pylist()]
        zone = {"init_command": "SET time_zone = '+00:00'", "charset": "utf8mb4"}
        with closing(database.connect(**zone)) as connection, connection.cursor() as cursor:
            cursor.executemany(f"INSERT INTO {table} VALUES ({marks})", rows)
        database.execute(f"ANALYZE TABLE {table}")


def as_parameter(value: Any) -> Any:
    return str(value) if isinstance(value, Decimal) else value


TABLES = (
    Table(
        "numbers",
        {
            "flag": "tinyint(1)",
            "tiny": "tinyint",
            "tiny_up": "tinyint unsigned",
            "small": "smallint",
            "small_up": "smallint unsigned",
            "middle": "mediumint",
            "whole": "int",
            "whole_up": "int unsigned",
            "big": "bigint",
            "big_up": "bigint unsigned",
        },
    ),
    Table(
        "fractions",
        {
            "price": "decimal(10,2)",
            "wide": "decimal(38,10)",
            "single": "float",
            "double": "double",
            "bit": "bit(1)",
            "bits": "bit(40)",
        },
    ),
    Table(
        "others",
        {
            "plain": "varchar(20) COLLATE utf8mb4_nopad_bin",
            "folded": "varchar(20) COLLATE utf8mb4_general_ci",
            "latin": LATIN,
            "bytes": "varbinary(20)",
            "day": "date",
            "at": "datetime(3)",
            "since": "timestamp(3) NULL",
        },
    ),
    Table("Odd Names.x", dict.fromkeys(ODD_NAMES, "int")),
    Table("empty", {"id": "bigint"}, WORDS.select(["id"]).slice(0, 0)),
    Table("keyed", {"id": "bigint PRIMARY KEY", "word": "text"}, WORDS),
    Table(
        "parted",
        {"id": "bigint", "word": "text"},
        WORDS,
        "PARTITION BY RANGE (id)"
        " (PARTITION low VALUES LESS THAN (30), PARTITION high VALUES LESS THAN (90))",
        ("low",) * 30 + ("high",) * 60,
    ),
)


@pytest.fixture(scope="module")
def reader(database: MariaDb) -> Iterator[MariaDb]:
    """A user whose password is found wherever it is told."""
    name = f"reader_of_{database.database}"
    yield database.create_user(
        name, "p4ss-W0rd-of-the-reader", f"SELECT ON {identifier(database.database)}.*"
    )
    database.execute(f"DROP USER '{name}'@'%'")


class TestMySql(ConnectorSuite):
    report = Path(__file__).with_name("conformance.json")
    supports = Supports(
        nan=Gap.never("the server keeps none"),
        infinity=Gap.never("the server keeps none"),
        nested=Gap.never("no type holds any; json is text"),
    )

    def make(self, database: MariaDb, reader: MariaDb) -> Sample:
        for table in TABLES:
            table.fill(database)
        names = {f"{database.database}.{table.name.lower()}": table for table in TABLES}
        return Sample(
            handler=handler,
            settings={**reader.settings, "min_rows_per_split": "20"},
            tables={name: table.seen for name, table in names.items()},
            partition_columns=dict.fromkeys(names, ("partition_name",)),
            native_query=NativeQuery({"QUERY": "SELECT word FROM keyed"}, WORDS.select(["word"])),
            secrets=(reader.password,),
            source_types={name: table.declared for name, table in names.items()},
        )

"""How much faster rows come out of PostgreSQL than with a loop over a driver's cursor.

Two selects of one table, about 5 % NULL per column: ``core10`` (integers, double, numeric,
text, times, date, bool) and ``all13``, which adds bytea, uuid and int[].

``connector`` is the whole Lambda handler: requests decoded, rows read in one split,
filtered, put into blocks, encrypted and uploaded to a local S3. The others only make
record batches.
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from athena_connectors.common.observability import SplitStats
from athena_connectors.common.protocol.messages import TableName
from athena_connectors.common.sql.relation import Column, Comparison
from athena_connectors.common.testing.postgres import PostgresAddress, postgres_server
from athena_connectors.common.types import rows_without_columns

from tests.bench.comparison import Method, as_date64, batches_of_rows, compare, table_of
from tests.bench.handler_reading import TableReading, first_rows
from tests.bench.object_sink import object_sink

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

__all__ = ["METHODS", "SCHEMA", "SELECTS", "Select", "run"]

_TABLE = "public.bench_read"
_COMPARED_ROWS = 20_000
_ROUNDS = 3

_CORE = ["id", "i", "d", "n", "t", "v", "ts", "tz", "dt", "b"]
SELECTS = {"core10": _CORE, "all13": [*_CORE, "bytes", "u", "ints"]}
"""Columns of each select."""

_COLUMNS: dict[str, tuple[str, pa.DataType]] = {
    "id": ("int8", pa.int64()),
    "i": ("int4", pa.int32()),
    "d": ("float8", pa.float64()),
    "n": ("numeric", pa.decimal128(18, 4)),
    "t": ("text", pa.string()),
    "v": ("text", pa.string()),
    "ts": ("timestamp", pa.date64()),
    "tz": ("timestamptz", pa.date64()),
    "dt": ("date", pa.date32()),
    "b": ("bool", pa.bool_()),
    "bytes": ("bytea", pa.binary()),
    "u": ("uuid", pa.string()),
    "ints": ("list:int4", pa.list_(pa.int32())),
}
SCHEMA = pa.schema([(name, type_) for name, (_, type_) in _COLUMNS.items()])
"""What every method has to return, as far as selected."""

_BUILD = f"""
CREATE UNLOGGED TABLE {_TABLE} AS
SELECT g AS id,
  CASE WHEN g % 97 % 20 <> 1 THEN (g * 7919 % 2000003 - 1000000)::int END AS i,
  CASE WHEN g % 89 % 20 <> 2 THEN g * 0.37::float8 END AS d,
  (CASE WHEN g % 83 % 20 <> 3
    THEN (g * 104729 % 10000000000 - 5000000000) / 10000.0 END)::numeric(18, 4) AS n,
  CASE WHEN g % 79 % 10 <> 4 THEN
    CASE WHEN g % 50 = 0 THEN ''
      WHEN g % 51 = 0 THEN E'one, "two"\\n\\\\ na\u00efve \u6f22 \U0001f600'
      ELSE substr(repeat(md5(g::text), 3), 1, 10 + (g % 61)::int) END END AS t,
  CASE WHEN g % 73 % 20 <> 5 THEN ('v' || g % 1000)::varchar(40) END AS v,
  CASE WHEN g % 71 % 20 <> 6 THEN timestamp '2001-01-01' + g * interval '61.234567 s' END AS ts,
  CASE WHEN g % 67 % 20 <> 7
    THEN timestamptz '2001-01-01 00:00+00' + g * interval '59.134567 s' END AS tz,
  CASE WHEN g % 61 % 20 <> 8 THEN date '1990-01-01' + (g % 20000)::int END AS dt,
  CASE WHEN g % 59 % 20 <> 9 THEN g % 3 = 0 END AS b,
  CASE WHEN g % 53 % 10 <> 1 THEN decode(md5(g::text), 'hex') END AS bytes,
  CASE WHEN g % 47 % 20 <> 2 THEN md5((g + 1)::text)::uuid END AS u,
  CASE WHEN g % 43 % 10 <> 3
    THEN (ARRAY[g % 1000, g % 7, NULL, g % 13])[1 : (g % 5)::int]::int[] END AS ints
FROM generate_series(1::bigint, {{rows}}) g
"""


@dataclass(frozen=True, slots=True)
class Select:
    """What is read: some columns of the first rows, or of all.

    ``spill`` leads to the S3 that takes blocks; nothing is spilled without it.
    """

    address: PostgresAddress
    columns: list[str]
    rows: int | None = None
    spill: Mapping[str, str] | None = None

    @property
    def schema(self) -> pa.Schema:
        return pa.schema([SCHEMA.field(name) for name in self.columns])

    @property
    def sql(self) -> str:
        where = f" WHERE id <= {self.rows} ORDER BY id" if self.rows else ""
        return f"SELECT {', '.join(self.columns)} FROM {_TABLE}{where}"


def cursor_loop(select: Select) -> Callable[[], Iterator[pa.RecordBatch]]:
    """Every value of a named cursor into its column's list: the plain way."""
    schema = select.schema
    connection = select.address.connect(options="-c TimeZone=UTC")
    connection.autocommit = False

    def batches() -> Iterator[pa.RecordBatch]:
        with connection.cursor("bench") as cursor:
            cursor.itersize = 2000
            cursor.execute(select.sql)
            yield from batches_of_rows(iter(cursor), schema)

    return batches


def adbc(select: Select) -> Callable[[], Iterator[pa.RecordBatch]]:
    """Apache's C++ driver, which reads binary COPY too, cast to the same types."""
    from adbc_driver_postgresql import dbapi  # noqa: PLC0415

    schema, address = select.schema, select.address
    connection = dbapi.connect(
        f"postgresql://{address.user}:{address.password}@{address.host}:{address.port}"
        f"/{address.database}?options=-c%20TimeZone%3DUTC"
    )

    def batches() -> Iterator[pa.RecordBatch]:
        with connection.cursor() as cursor:
            # The driver returns uuid as bytes; only the server turns all of them into text.
            cursor.execute(select.sql.replace(" u,", " u::text AS u,"))
            for batch in cursor.fetch_record_batch():
                arrays = map(_cast, batch.columns, schema.types)
                yield pa.RecordBatch.from_arrays(list(arrays), schema=schema)
        connection.close()

    return batches


def _cast(array: pa.Array[Any], type_: pa.DataType) -> pa.Array[Any]:
    if isinstance(array, pa.ExtensionArray):
        array = array.storage
    return as_date64(array) if pa.types.is_date64(type_) else array.cast(type_)


def reader(select: Select) -> Callable[[], Iterator[pa.RecordBatch]]:
    """The connector's reader alone, without the handler around it."""
    from athena_connectors.common.sql import binary_copy  # noqa: F401, PLC0415 - as the others
    from athena_connectors.jdbc_postgres.reader import read_statement  # noqa: PLC0415

    connection = select.address.connect(options="-c TimeZone=UTC")
    columns = list(map(_column, select.columns))

    def batches() -> Iterator[pa.RecordBatch]:
        with connection.cursor() as cursor:
            yield from read_statement(cursor, select.sql, columns, table=_TABLE, stats=SplitStats())

    return batches


def _column(name: str) -> Column:
    decoder, arrow = _COLUMNS[name]
    return Column(name, decoder, decoder, arrow, "{c}", decoder, Comparison.NATIVE)


def connector(select: Select) -> Callable[[], Iterator[pa.RecordBatch]]:
    """The whole handler, from the request's bytes to the last uploaded block.

    With a place to spill, the batches tell the number of rows and hold none: fetching what
    was uploaded is the engine's work. Without one, the reply's own rows are returned.
    """
    from athena_connectors.jdbc_postgres.app import handler  # noqa: PLC0415

    settings = {"default": select.address.connection_string, "max_splits": "1"}
    reading = TableReading(
        handler,
        {**settings, **(select.spill or {})},
        TableName(*_TABLE.split(".")),
        select.columns,
        constraints=first_rows(select.rows),
    )

    def batches() -> Iterator[pa.RecordBatch]:
        if select.spill:
            yield rows_without_columns(reading.upload())
        else:
            yield reading.inline().sort_by("id")

    return batches


METHODS: dict[str, Method[Select]] = {
    "cursor loop": cursor_loop,
    "adbc": adbc,
    "reader": reader,
    "connector": connector,
}
"""What is compared, by name; the first is the baseline."""


def run(rows: int = 2_000_000, *, rounds: int = _ROUNDS) -> dict[str, Any]:
    """Return for each select and method rows per second, memory and ratios to the baseline.

    Expected of ``connector``: at least 5 times the rows and a fifth of the processor's time
    on ``core10``, 8 times and an eighth on ``all13``, and 1.5 times the rows of ``adbc``.

    Args:
        rows: Size of the table; 200,000 for a quick look.
        rounds: Readings of each method.
    """
    with postgres_server() as address, object_sink() as spill:
        address.execute(
            f"DROP TABLE IF EXISTS {_TABLE}",
            _BUILD.format(rows=rows),
            f"VACUUM (FREEZE, ANALYZE) {_TABLE}",
        )
        try:
            return {
                name: compare(
                    METHODS,
                    Select(address, columns, spill=spill),
                    sample=Select(address, columns, _COMPARED_ROWS),
                    rows=rows,
                    rounds=rounds,
                )
                for name, columns in SELECTS.items()
            }
        finally:
            address.execute(f"DROP TABLE {_TABLE}")


if __name__ == "__main__":
    outcome = run(*map(int, sys.argv[1:]))
    print(json.dumps(outcome, indent=2))  # noqa: T201
    print(table_of(outcome))  # noqa: T201

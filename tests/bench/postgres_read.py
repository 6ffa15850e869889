"""How much faster rows come out of PostgreSQL than with a loop over a driver's cursor.

Two selects of one table, about 5 % NULL per column: ``core10`` (integers, double, numeric,
text, times, date, bool) and ``all13``, which adds bytea, uuid and int[]. Every reading is
a fresh process, the methods take turns, ratios are taken within a round, and the medians
of the rounds are told. Before the clock counts, all methods have to return equal values.
The processor's time is the client's alone, all threads of it.

``connector`` is the whole Lambda handler: requests decoded, rows read in one split,
filtered, put into blocks, encrypted and uploaded to a local S3. The others only make
record batches.
"""

from __future__ import annotations

import json
import resource
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa
from athena_connectors.common.observability import SplitStats
from athena_connectors.common.protocol.messages import TableName
from athena_connectors.common.testing.postgres import PostgresAddress, postgres_server
from athena_connectors.common.types import rows_without_columns
from athena_connectors.jdbc_postgres.types import Column, Comparison

from tests.bench.children import in_new_process
from tests.bench.handler_reading import TableReading, first_rows
from tests.bench.object_sink import object_sink

__all__ = ["METHODS", "SCHEMA", "SELECTS", "Method", "Select", "run", "table_of"]

_TABLE = "public.bench_read"
_COMPARED_ROWS = 20_000
_ROUNDS = 3
_BATCH_ROWS = 16_384

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


Method = Callable[[Select], Callable[[], Iterator[pa.RecordBatch]]]
"""Imports and connects; the returned function reads."""


def cursor_loop(select: Select) -> Callable[[], Iterator[pa.RecordBatch]]:
    """Every value of a named cursor into its column's list: the plain way."""
    schema = select.schema
    connection = select.address.connect(options="-c TimeZone=UTC")
    connection.autocommit = False

    def batches() -> Iterator[pa.RecordBatch]:
        with connection.cursor("bench") as cursor:
            cursor.itersize = 2000
            cursor.execute(select.sql)
            rows = iter(cursor)
            while True:
                lists: list[list[Any]] = [[] for _ in schema]
                for row in islice(rows, _BATCH_ROWS):
                    for values, value in zip(lists, row, strict=True):
                        values.append(value)
                if not lists[0]:
                    return
                arrays = map(_array_of, lists, schema.types)
                yield pa.RecordBatch.from_arrays(list(arrays), schema=schema)

    return batches


def _array_of(values: list[Any], type_: pa.DataType) -> pa.Array[Any]:
    if pa.types.is_date64(type_):
        return _as_date64(pa.array(values, pa.timestamp("us")))
    return pa.array(values, type_)


def _as_date64(array: pa.Array[Any]) -> pa.Array[Any]:
    return array.cast(pa.timestamp("ms"), safe=False).view(pa.int64()).view(pa.date64())


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
    return _as_date64(array) if pa.types.is_date64(type_) else array.cast(type_)


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


METHODS: dict[str, Method] = {
    "cursor loop": cursor_loop,
    "adbc": adbc,
    "reader": reader,
    "connector": connector,
}
"""What is compared, by name; the first is the baseline. All are functions of a module."""


@dataclass(frozen=True, slots=True)
class Cost:
    """What one reading cost; memory is the peak above what imports and connection took."""

    rows: int
    wall_s: float
    cpu_s: float
    memory_mb: float


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
                name: _compare(Select(address, columns, spill=spill), rows, rounds)
                for name, columns in SELECTS.items()
            }
        finally:
            address.execute(f"DROP TABLE {_TABLE}")


def _compare(select: Select, rows: int, rounds: int) -> dict[str, Any]:
    _require_equal_values(replace(select, rows=_COMPARED_ROWS, spill=None))
    costs: dict[str, list[Cost]] = {method: [] for method in METHODS}
    for _ in range(rounds):
        for method, taken in costs.items():
            taken.append(_measure(select, METHODS[method]))
            if taken[-1].rows != rows:
                raise AssertionError(f"{method} returned {taken[-1].rows} of {rows} rows.")
    baseline = next(iter(costs.values()))
    return {method: _summary(taken, baseline) for method, taken in costs.items()}


def _summary(taken: list[Cost], baseline: list[Cost]) -> dict[str, float]:
    pairs = list(zip(taken, baseline, strict=True))
    return {
        "rows_per_second": round(statistics.median(cost.rows / cost.wall_s for cost in taken)),
        "cpu_us_per_row": _median(cost.cpu_s / cost.rows * 1e6 for cost in taken),
        "memory_mb": _median(cost.memory_mb for cost in taken),
        "x_rows_per_second": _median(base.wall_s / cost.wall_s for cost, base in pairs),
        "x_cpu": _median(base.cpu_s / cost.cpu_s for cost, base in pairs),
    }


def _median(values: Iterator[float]) -> float:
    return round(statistics.median(values), 3)


def _require_equal_values(select: Select) -> None:
    tables = {
        name: pa.Table.from_batches(method(select)()).combine_chunks()
        for name, method in METHODS.items()
    }
    expected = next(iter(tables.values()))
    for name, table in tables.items():
        if not table.equals(expected):
            raise AssertionError(f"{name} returns other values than the baseline.")


def _measure(select: Select, method: Method) -> Cost:
    """Return what a reading costs in a process of its own."""
    cost: Cost = in_new_process(_read, select, method)
    return cost


def _read(select: Select, method: Method) -> Cost:
    import pyarrow.compute  # noqa: F401, PLC0415 - all methods need it

    batches = method(select)
    before, memory = resource.getrusage(resource.RUSAGE_SELF), _resident_mb()
    started = time.perf_counter()
    rows = sum(batch.num_rows for batch in batches())
    wall_s = time.perf_counter() - started
    after = resource.getrusage(resource.RUSAGE_SELF)
    cpu_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Cost(rows, wall_s, cpu_s, after.ru_maxrss / 1024 - memory)


def _resident_mb() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 2**20


def table_of(results: dict[str, Any]) -> str:
    """Return the results as a table for people."""
    lines = [f"{'':20}{'rows/s':>12}{'x':>8}{'cpu x':>8}{'us/row':>8}{'MB':>8}"]
    for select, methods in results.items():
        for method, numbers in methods.items():
            lines.append(
                f"{select + ' ' + method:20}{numbers['rows_per_second']:12,.0f}"
                f"{numbers['x_rows_per_second']:8.2f}{numbers['x_cpu']:8.2f}"
                f"{numbers['cpu_us_per_row']:8.2f}{numbers['memory_mb']:8.0f}"
            )
    return "\n".join(lines)


if __name__ == "__main__":
    outcome = run(*map(int, sys.argv[1:]))
    print(json.dumps(outcome, indent=2))  # noqa: T201
    print(table_of(outcome))  # noqa: T201

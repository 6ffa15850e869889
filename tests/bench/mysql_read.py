"""How much faster rows come out of MySQL than with a loop over a driver's cursor.

``core10`` are the columns of ``postgres_read``, in MySQL's types, about 5 % NULL in each.

``reader`` is the connector's reader; ``fallback`` is the same where PyMySQL hides its
socket, and ``text`` where the server can't prepare the statement. ``connectorx`` is a
reader in Rust.
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from unittest.mock import patch
from urllib.parse import quote

import pyarrow as pa
from athena_connectors.common.observability import SplitStats
from athena_connectors.common.sql.relation import Column, Comparison
from athena_connectors.common.testing.mariadb import MariaDb, mariadb_server

from tests.bench.comparison import Method, as_date64, batches_of_rows, compare, table_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["METHODS", "SCHEMA", "Select", "run"]

_TABLE = "bench_read"
_COMPARED_ROWS = 20_000
_ROUNDS = 3
_SESSION = "SET time_zone = '+00:00', sql_mode = ''"

_COLUMNS: dict[str, tuple[str, pa.DataType]] = {
    "id": ("integer", pa.int64()),
    "i": ("integer", pa.int32()),
    "d": ("float", pa.float64()),
    "n": ("decimal", pa.decimal128(18, 4)),
    "t": ("text", pa.string()),
    "v": ("text", pa.string()),
    "ts": ("datetime", pa.date64()),
    "tz": ("datetime", pa.date64()),
    "dt": ("date", pa.date32()),
    "b": ("bool", pa.bool_()),
}
SCHEMA = pa.schema([(name, type_) for name, (_, type_) in _COLUMNS.items()])
"""What every method has to return."""

_BUILD = (
    f"""
CREATE TABLE {_TABLE} (
  id BIGINT NOT NULL PRIMARY KEY, i INT, d DOUBLE, n DECIMAL(18, 4), t TEXT, v VARCHAR(40),
  ts DATETIME(6), tz TIMESTAMP(6) NULL, dt DATE, b TINYINT(1)
) CHARACTER SET utf8mb4
""",
    f"""
INSERT INTO {_TABLE} SELECT seq,
  IF(seq % 97 % 20 <> 1, CAST(seq * 7919 % 2000003 AS SIGNED) - 1000000, NULL),
  IF(seq % 89 % 20 <> 2, seq * 0.37e0, NULL),
  IF(seq % 83 % 20 <> 3,
    (CAST(seq * 104729 % 10000000000 AS SIGNED) - 5000000000) / 10000, NULL),
  IF(seq % 79 % 10 <> 4,
    CASE WHEN seq % 50 = 0 THEN ''
      WHEN seq % 51 = 0 THEN 'one, "two"\\n\\\\ na\u00efve \u6f22 \U0001f600'
      ELSE SUBSTR(REPEAT(MD5(seq), 3), 1, 10 + seq % 61) END, NULL),
  IF(seq % 73 % 20 <> 5, CONCAT('v', seq % 1000), NULL),
  IF(seq % 71 % 20 <> 6, TIMESTAMP'2001-01-01 00:00' + INTERVAL seq * 61234567 MICROSECOND, NULL),
  IF(seq % 67 % 20 <> 7, TIMESTAMP'2001-01-01 00:00' + INTERVAL seq * 59134567 MICROSECOND, NULL),
  IF(seq % 61 % 20 <> 8, DATE'1990-01-01' + INTERVAL seq % 20000 DAY, NULL),
  IF(seq % 59 % 20 <> 9, seq % 3 = 0, NULL)
FROM seq_1_to_{{rows}}
""",
)


@dataclass(frozen=True, slots=True)
class Select:
    """What is read: the first rows, or all."""

    address: MariaDb
    rows: int | None = None

    @property
    def sql(self) -> str:
        where = f" WHERE id <= {self.rows} ORDER BY id" if self.rows else ""
        return f"SELECT {', '.join(SCHEMA.names)} FROM {_TABLE}{where}"

    def connect(self) -> Any:
        return self.address.connect(init_command=_SESSION)


def cursor_loop(select: Select) -> Callable[[], Iterator[pa.RecordBatch]]:
    """Every value of PyMySQL's unbuffered cursor into its column's list: the plain way."""
    from pymysql.cursors import SSCursor  # noqa: PLC0415

    connection = select.connect()

    def batches() -> Iterator[pa.RecordBatch]:
        with connection.cursor(SSCursor) as cursor:
            cursor.execute(select.sql)
            yield from batches_of_rows(iter(cursor.fetchone, None), SCHEMA)

    return batches


def connectorx(select: Select) -> Callable[[], Iterator[pa.RecordBatch]]:
    """A Rust reader that answers with Arrow too, by the binary protocol, as it comes."""
    import connectorx as cx  # noqa: PLC0415

    address = select.address
    login = f"{address.user}:{quote(address.password, '')}"
    url = f"mysql://{login}@{address.host}:{address.port}/{address.database}"

    def batches() -> Iterator[pa.RecordBatch]:
        reader = cx.read_sql(
            url,
            select.sql,
            protocol="binary",
            return_type="arrow_stream",
            batch_size=16_384,
        )
        for batch in reader:
            arrays = map(_cast, batch.columns, SCHEMA.types)
            yield pa.RecordBatch.from_arrays(list(arrays), schema=SCHEMA)

    return batches


def _cast(array: pa.Array[Any], type_: pa.DataType) -> pa.Array[Any]:
    return as_date64(array) if pa.types.is_date64(type_) else array.cast(type_)


def reader(select: Select) -> Callable[[], Iterator[pa.RecordBatch]]:
    """The connector's reader alone, without the handler around it."""
    return _reading(select.connect(), select.sql)


def fallback(select: Select) -> Callable[[], Iterator[pa.RecordBatch]]:
    """The reader where PyMySQL reads every packet, because its socket is out of reach."""
    _refuse("athena_connectors.jdbc_mysql.row_packets.reaches_socket")
    return _reading(select.connect(), select.sql)


def text(select: Select) -> Callable[[], Iterator[pa.RecordBatch]]:
    """The reader where the statement can't be prepared, and rows come as text."""
    _refuse("athena_connectors.jdbc_mysql.reader.can_prepare")
    return _reading(select.connect(), select.sql)


def _refuse(question: str) -> None:
    """Answer no to what the reader asks about PyMySQL, as long as this process lives."""
    patch(question, return_value=False).start()


def _reading(connection: Any, sql: str) -> Callable[[], Iterator[pa.RecordBatch]]:
    from athena_connectors.common.sql import binary_rows, text_rows  # noqa: F401, PLC0415
    from athena_connectors.jdbc_mysql.reader import read_statement  # noqa: PLC0415

    columns = list(map(_column, SCHEMA.names))
    return lambda: read_statement(connection, sql, columns, table=_TABLE, stats=SplitStats())


def _column(name: str) -> Column:
    decoder, arrow = _COLUMNS[name]
    return Column(name, decoder, decoder, arrow, "{c}", decoder, Comparison.NATIVE)


METHODS: dict[str, Method[Select]] = {
    "cursor loop": cursor_loop,
    "connectorx": connectorx,
    "text": text,
    "fallback": fallback,
    "reader": reader,
}
"""What is compared, by name; the first is the baseline."""


def run(rows: int = 2_000_000, *, rounds: int = _ROUNDS) -> dict[str, Any]:
    """Return for each method rows per second, memory and ratios to the baseline.

    Expected of ``reader``: at least 12 times the rows and a sixteenth of the processor's
    time, and more rows than ``connectorx``; of ``fallback`` 7 times the rows.

    Args:
        rows: Size of the table; 200,000 for a quick look.
        rounds: Readings of each method.
    """
    with mariadb_server() as server:
        address = server.create_database()
        try:
            create, insert = _BUILD
            address.execute(_SESSION, create, insert.format(rows=rows), f"ANALYZE TABLE {_TABLE}")
            return {
                "core10": compare(
                    METHODS,
                    Select(address),
                    sample=Select(address, _COMPARED_ROWS),
                    rows=rows,
                    rounds=rounds,
                )
            }
        finally:
            server.drop_database(address.database)


if __name__ == "__main__":
    outcome = run(*map(int, sys.argv[1:]))
    print(json.dumps(outcome, indent=2))  # noqa: T201
    print(table_of(outcome))  # noqa: T201

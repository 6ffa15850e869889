"""Reading by prepared statements from a real server, and the two ways in its place."""

from __future__ import annotations

import datetime as dt
import gc
import struct
import sys
import threading
import time
from contextlib import closing
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pymysql
import pytest
from athena_connectors.common.errors import ConnectorError, DataConversionError, SourceError
from athena_connectors.common.observability import SplitStats
from athena_connectors.common.protocol.storage import physical_values
from athena_connectors.common.sql.binary_rows import row_decoder_names
from athena_connectors.common.sql.reading import DEFAULT_BATCH_ROWS
from athena_connectors.common.sql.relation import Column, Comparison
from athena_connectors.common.testing.mariadb import mariadb_process
from athena_connectors.common.testing.postgres_proxy import self_signed
from athena_connectors.common.testing.tcp_proxy import tcp_proxy
from athena_connectors.jdbc_mysql import reader, row_packets
from athena_connectors.jdbc_mysql.prepared import can_prepare
from athena_connectors.jdbc_mysql.reader import read_count, read_statement
from pymysql.constants import CR, ER

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from athena_connectors.common.testing.mariadb import MariaDb

SESSION = "SET time_zone = '+00:00', sql_mode = ''"
NUMBER = "SELECT seq AS i FROM seq_1_to_{}"
ENDLESS = "SELECT seq AS i FROM seq_1_to_2000000000"
STUCK = (  # in what does not notice that its client is gone, as SLEEP does
    "SELECT seq AS i FROM seq_1_to_100000"
    " WHERE seq <= 50000 OR BENCHMARK(IF(seq = 50001, 2000000000, 0), MD5(seq)) = 1"
)
WAYS = ("socket", "packets", "text")


@pytest.fixture(autouse=True)
def _no_thread_stays() -> Iterator[None]:
    before = set(threading.enumerate())
    yield
    assert set(threading.enumerate()) <= before


@pytest.fixture(params=WAYS)
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Each of the ways in which rows are read: only the first reaches the socket."""
    if request.param != "socket":
        monkeypatch.setattr(row_packets, "reaches_socket", lambda _: False)
    if request.param == "text":
        monkeypatch.setattr(reader, "can_prepare", lambda _: False)
    return str(request.param)


@pytest.fixture(scope="module")
def shared(database: MariaDb) -> Iterator[Any]:
    with closing(database.connect(init_command=SESSION)) as opened:
        yield opened


@pytest.fixture
def connection(shared: Any) -> Any:
    """A connection that is usable again, whatever the test before it did."""
    if not shared.open:
        shared.connect()
    return shared


def column(decoder: str, arrow: pa.DataType, name: str = "c") -> Column:
    return Column(name, decoder, decoder, arrow, "{c}", decoder, Comparison.NEVER)


INTEGER = column("integer", pa.int64(), "i")
TEXT = column("text", pa.string())


def read(connection: Any, sql: str, *columns: Column, **options: Any) -> list[pa.RecordBatch]:
    options = {"table": "shop.orders", "stats": SplitStats(), **options}
    batches = list(read_statement(connection, sql, columns, **options))
    assert all(batch.num_rows for batch in batches)
    return batches


def column_values(batches: list[pa.RecordBatch], place: int = 0) -> list[Any]:
    return [value for batch in batches for value in physical_values(batch.column(place))]


# Every type of the server


@dataclass(frozen=True)
class Case:
    """A type, values in the server's spelling, and what they are."""

    type: str
    decoder: str
    arrow: pa.DataType
    values: tuple[tuple[str, Any], ...]
    is_read_as_text: bool = True


def numbers(*values: int) -> tuple[tuple[str, Any], ...]:
    return tuple((str(value), value) for value in values)


def texts(*values: str) -> tuple[tuple[str, Any], ...]:
    return tuple((f"CONVERT(X'{text.encode().hex()}' USING utf8mb4)", text) for text in values)


def octets(*values: bytes) -> tuple[tuple[str, Any], ...]:
    return tuple((f"X'{value.hex()}'", value) for value in values)


def days(year: int, month: int, day: int) -> int:
    return (dt.date(year, month, day) - dt.date(1970, 1, 1)).days


def millis(*parts: int) -> int:
    since = dt.datetime(*parts) - dt.datetime(1970, 1, 1)  # type: ignore[arg-type]  # noqa: DTZ001
    return since // dt.timedelta(milliseconds=1)


DATES = (
    *(("'0001-01-01'", days(1, 1, 1)), ("'9999-12-31'", days(9999, 12, 31))),
    *(("'1970-01-01'", 0), ("'1969-12-31'", -1), ("'2024-02-29'", days(2024, 2, 29))),
    *(("'0000-00-00'", None), ("'2024-00-00'", None), ("'2024-02-00'", None)),
    *(("'0000-01-01'", None), ("'1000-01-01'", days(1000, 1, 1))),
)
DATETIMES = (
    ("'9999-12-31 23:59:59.999999'", millis(9999, 12, 31, 23, 59, 59, 999_999)),
    ("'1969-12-31 23:59:59.999999'", -1),
    ("'1970-01-01 00:00:00.001999'", 1),
    ("'2024-02-29 10:11:12'", millis(2024, 2, 29, 10, 11, 12)),
    ("'2024-02-29'", millis(2024, 2, 29)),
    ("'0000-00-00 00:00:00'", None),
    ("'2024-00-01 10:11:12.5'", None),
    ("'0001-01-01 00:00:00'", millis(1, 1, 1)),
)
UUID_TEXT = "11111111-2222-3333-4444-555555555555"
WIDE = pa.decimal128(20, 0)
LETTERS = ("", "a", "é", "漢字", "\U0001f600", " a ", "\n\\\t'\"", "NULL", "x" * 250, "x" * 251)
BYTES = (b"", b"\0", b"\xff\xfe", b"\xfb" * 252, b"\x00" * 65_535)
CASES: dict[str, Case] = {
    "tinyint": Case("TINYINT", "integer", pa.int8(), numbers(-128, -1, 0, 127)),
    "tinyint unsigned": Case("TINYINT UNSIGNED", "integer", pa.int16(), numbers(0, 128, 255)),
    "tinyint zerofill": Case("TINYINT(3) ZEROFILL", "integer", pa.int16(), numbers(0, 7, 255)),
    "bool": Case("TINYINT(1)", "bool", pa.bool_(), (("0", False), ("1", True), ("-5", True))),
    "smallint": Case("SMALLINT", "integer", pa.int16(), numbers(-32_768, 32_767)),
    "smallint unsigned": Case("SMALLINT UNSIGNED", "integer", pa.int32(), numbers(0, 65_535)),
    "mediumint": Case("MEDIUMINT", "integer", pa.int32(), numbers(-8_388_608, -1, 8_388_607)),
    "mediumint unsigned": Case("MEDIUMINT UNSIGNED", "integer", pa.int32(), numbers(16_777_215)),
    "int": Case("INT", "integer", pa.int32(), numbers(-(2**31), 2**31 - 1)),
    "int unsigned": Case("INT UNSIGNED", "integer", pa.int64(), numbers(0, 2**32 - 1)),
    "bigint": Case("BIGINT", "integer", pa.int64(), numbers(-(2**63), -1, 2**63 - 1)),
    "bigint unsigned": Case("BIGINT UNSIGNED", "integer", WIDE, numbers(0, 2**63, 2**64 - 1)),
    "float": Case(
        "FLOAT",
        "float",
        pa.float32(),
        (
            ("16777217", 16_777_216.0),
            ("1234567.891", struct.unpack("f", struct.pack("f", 1_234_567.891))[0]),
            ("-0.1", struct.unpack("f", struct.pack("f", -0.1))[0]),
        ),
        is_read_as_text=False,
    ),
    "double": Case(
        "DOUBLE",
        "float",
        pa.float64(),
        (
            ("0.1", 0.1),
            ("-1e308", -1e308),
            ("5e-324", 5e-324),
            ("2.2250738585072014e-308", 2.0**-1022),
        ),
    ),
    "decimal": Case(
        "DECIMAL(18, 4)",
        "decimal",
        pa.decimal128(18, 4),
        tuple((text, Decimal(text)) for text in ("0", "-0.0001", "99999999999999.9999", "1.5")),
    ),
    "decimal(38)": Case(
        "DECIMAL(38, 10)",
        "decimal",
        pa.decimal128(38, 10),
        tuple((text, Decimal(text)) for text in ("-" + "9" * 28 + "." + "9" * 10, "0.0000000001")),
    ),
    "decimal zerofill": Case(
        "DECIMAL(38, 2) ZEROFILL", "decimal", pa.decimal128(38, 2), (("1.5", Decimal("1.50")),)
    ),
    "decimal(65) as text": Case("DECIMAL(65)", "text", pa.string(), (("9" * 65, "9" * 65),)),
    "bit(1)": Case("BIT(1)", "bool", pa.bool_(), (("b'0'", False), ("b'1'", True))),
    "bit(9)": Case("BIT(9)", "integer", pa.int64(), (("b'0'", 0), ("b'111111111'", 511))),
    "bit(64)": Case("BIT(64)", "decimal", WIDE, (("X'ffffffffffffffff'", 2**64 - 1), ("0", 0))),
    "year": Case("YEAR", "integer", pa.int32(), numbers(0, 1901, 2155)),
    "year as date": Case("YEAR", "date", pa.date32(), (("0", None), ("2024", days(2024, 1, 1)))),
    "date": Case("DATE", "date", pa.date32(), DATES),
    "datetime": Case(
        "DATETIME",
        "datetime",
        pa.date64(),
        tuple((text, value) for text, value in DATETIMES if "." not in text),
    ),
    "datetime(6)": Case("DATETIME(6)", "datetime", pa.date64(), DATETIMES),
    "datetime(3)": Case(
        "DATETIME(3)",
        "datetime",
        pa.date64(),
        (("'2024-02-29 10:11:12.345'", millis(2024, 2, 29, 10, 11, 12, 345_000)),),
    ),
    "timestamp": Case(
        "TIMESTAMP(6) NULL",
        "datetime",
        pa.timestamp("ms", "UTC"),
        (
            ("'1970-01-01 00:00:01'", 1000 << 12),
            ("'2038-01-19 03:14:07.999999'", (2**31 * 1000 - 1) << 12),
            ("'0000-00-00 00:00:00'", None),
        ),
    ),
    "time": Case(
        "TIME",
        "text",
        pa.string(),
        tuple(
            (f"'{t}'", t) for t in ("00:00:00", "-838:59:59", "838:59:59", "100:00:01", "-00:00:01")
        ),
    ),
    "time(6)": Case(
        "TIME(6)",
        "text",
        pa.string(),
        tuple((f"'{t}'", t) for t in ("00:00:00.000000", "-838:59:59.999999", "23:59:59.000001")),
    ),
    "time(2)": Case("TIME(2)", "text", pa.string(), (("'01:02:03.45'", "01:02:03.45"),)),
    "char": Case("CHAR(255)", "text", pa.string(), texts("", "a", "é", "\U0001f600")),
    "varchar": Case("VARCHAR(400)", "text", pa.string(), texts(*LETTERS)),
    "text": Case("LONGTEXT", "text", pa.string(), texts(*LETTERS, "é" * 40_000)),
    "latin1": Case("VARCHAR(9) CHARACTER SET latin1", "text", pa.string(), texts("é€")),
    "utf16": Case("VARCHAR(9) CHARACTER SET utf16", "text", pa.string(), texts("é漢\U0001f600")),
    "sjis": Case("VARCHAR(9) CHARACTER SET sjis", "text", pa.string(), texts("漢字")),
    "binary": Case("BINARY(4)", "bytes", pa.binary(), (("X'01'", b"\1\0\0\0"),)),
    "varbinary": Case("VARBINARY(300)", "bytes", pa.binary(), octets(*BYTES[:4])),
    "blob": Case("BLOB", "bytes", pa.binary(), octets(*BYTES)),
    "enum": Case("ENUM('', 'a', 'é')", "text", pa.string(), texts("", "a", "é")),
    "set": Case("SET('a', 'b')", "text", pa.string(), texts("", "a", "a,b")),
    "json": Case("JSON", "text", pa.string(), (('\'{"a": "é"}\'', '{"a": "é"}'),)),
    "uuid": Case(
        "UUID", "text", pa.string(), (("'11111111-2222-3333-4444-555555555555'", UUID_TEXT),)
    ),
    "inet6": Case("INET6", "text", pa.string(), (("'::1'", "::1"),)),
    "geometry": Case(
        "POINT",
        "bytes",
        pa.binary(),
        (("POINT(1, 2)", bytes(4) + b"\1" + struct.pack("<Idd", 1, 1, 2)),),
    ),
}


def test_every_decoder_has_a_case() -> None:
    lenient = {name for name in row_decoder_names() if not name.startswith("strict:")}
    assert {case.decoder for case in CASES.values()} == lenient


@pytest.mark.parametrize("name", CASES)
def test_a_type_arrives_as_it_was_stored(
    connection: Any, database: MariaDb, name: str, way: str
) -> None:
    case = CASES[name]
    spelled = [("NULL", None), *case.values, ("NULL", None)]
    table = f"{database.database}.`{name} by {way}`"
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE TABLE {table} (i INT PRIMARY KEY, c {case.type})")
        for place, (text, _) in enumerate(spelled):
            cursor.execute(f"INSERT INTO {table} VALUES ({place}, {text})")
    if way == "text" and not case.is_read_as_text:
        with pytest.raises(DataConversionError, match="AS DOUBLE") as error:
            read(connection, f"SELECT c FROM {table}", column(case.decoder, case.arrow))
        assert "single precision" in str(error.value) + str(error.value.hint)
        return
    sql = f"SELECT i, c FROM {table} ORDER BY i"
    for batch_rows in (1, 3, DEFAULT_BATCH_ROWS):
        batches = read(
            connection,
            sql,
            INTEGER,
            column(case.decoder, case.arrow),
            batch_rows=batch_rows,
        )
        assert column_values(batches) == list(range(len(spelled)))
        assert column_values(batches, 1) == [value for _, value in spelled]
        assert batches[0].column(1).type == case.arrow


def test_dates_that_do_not_exist_are_stored_by_some_servers(
    connection: Any, database: MariaDb, way: str
) -> None:
    table = f"{database.database}.`impossible by {way}`"
    with connection.cursor() as cursor:
        cursor.execute("SET sql_mode = 'ALLOW_INVALID_DATES'")
        cursor.execute(f"CREATE TABLE {table} (d DATE, t DATETIME)")
        cursor.execute(f"INSERT INTO {table} VALUES ('2023-02-29', '2023-04-31 01:02:03')")
        cursor.execute("SET sql_mode = ''")
    columns = column("date", pa.date32()), column("datetime", pa.date64())
    batches = read(connection, f"SELECT d, t FROM {table}", *columns)
    assert [column_values(batches, place) for place in (0, 1)] == [[None], [None]]
    for place, decoder in ((0, "strict:date"), (1, "strict:datetime")):
        strict = list(columns)
        strict[place] = column(decoder, columns[place].arrow, "when")
        with pytest.raises(DataConversionError, match=r"'when' of shop\.orders has a date"):
            read(connection, f"SELECT d, t FROM {table}", *strict)
        connection.connect()


def test_a_column_of_nothing_but_null(connection: Any, way: str) -> None:
    assert column_values(read(connection, "SELECT NULL FROM seq_1_to_3", TEXT)) == [None] * 3


@pytest.mark.parametrize("columns", [1, 5, 6, 7, 14, 15, 200])
def test_many_columns(connection: Any, columns: int, way: str) -> None:
    targets = [f"IF((seq + {place}) % 3, seq + {place}, NULL)" for place in range(columns)]
    sql = f"SELECT {', '.join(targets)} FROM seq_1_to_30"
    wanted = [column("integer", pa.int64(), f"c{place}") for place in range(columns)]
    batches = read(connection, sql, *wanted, batch_rows=7)
    for place in range(columns):
        numbers = range(1 + place, 31 + place)
        assert column_values(batches, place) == [n if n % 3 else None for n in numbers]


@pytest.mark.parametrize(
    "size", [65_536, 4_194_304, 16_777_205, 16_777_215, 16_777_216, 40_000_000]
)
def test_values_larger_than_a_packet(database: MariaDb, size: int, way: str) -> None:
    sql = f"SELECT REPEAT(CHAR(64 + seq), IF(seq = 2, {size}, 3)) FROM seq_1_to_3"
    with closing(database.connect(init_command="SET max_statement_time = 60")) as connection:
        database.execute("SET GLOBAL max_allowed_packet = 134217728")
        connection.close()
        connection.connect()
        found = column_values(read(connection, sql, TEXT))
    assert [len(text) for text in found] == [3, size, 3]
    assert [set(text) for text in found] == [{"A"}, {"B"}, {"C"}]


# Batches


@pytest.mark.parametrize("rows", [0, 1, 6, 7, 8, 14, 300])
@pytest.mark.parametrize("batch_rows", [1, 7, 16_384])
def test_batches_hold_all_rows_in_order(
    connection: Any, rows: int, batch_rows: int, way: str
) -> None:
    sql = f"{NUMBER.format(1000)} WHERE seq <= {rows}"
    batches = read(connection, sql, INTEGER, batch_rows=batch_rows)
    assert column_values(batches) == list(range(1, rows + 1))
    sizes = [batch.num_rows for batch in batches]
    assert all(size == batch_rows for size in sizes[:-1])
    assert max(sizes, default=0) <= batch_rows


def test_a_long_result_is_whole(connection: Any) -> None:
    batches = read(connection, NUMBER.format(1_000_000), INTEGER)
    assert sum(map(sum, (batch.column(0).to_numpy().tolist() for batch in batches))) == (
        1_000_000 * 1_000_001 // 2
    )
    assert {batch.num_rows for batch in batches[:-1]} == {DEFAULT_BATCH_ROWS}


def test_wide_rows_end_a_batch_early(connection: Any, way: str) -> None:
    sql = "SELECT REPEAT(CHAR(64 + seq), 1 << 20) FROM seq_1_to_20"
    batches = read(connection, sql, TEXT)
    assert [text[0] for text in column_values(batches)] == [chr(65 + at) for at in range(20)]
    assert max(batch.num_rows for batch in batches) <= 4
    assert max(batch.nbytes for batch in batches) < 5_000_000


def test_constants_follow_the_columns(connection: Any, way: str) -> None:
    constants = {"partition_name": "it's"}
    batches = read(connection, NUMBER.format(5), INTEGER, batch_rows=2, constants=constants)
    assert pa.Table.from_batches(batches).to_pylist() == [
        {"i": number, **constants} for number in range(1, 6)
    ]


@pytest.mark.parametrize("constants", [None, {"partition_name": "*"}])
def test_rows_without_columns(connection: Any, constants: dict[str, str] | None, way: str) -> None:
    batches = read(connection, "SELECT 1 FROM seq_1_to_5", batch_rows=2, constants=constants)
    assert [batch.num_rows for batch in batches] == [2, 2, 1]
    assert [batch.schema.names for batch in batches] == [list(constants or {})] * 3


@pytest.mark.parametrize("rows", [0, 1, 9, 10, 11, 2_500_000_000])
def test_a_count_is_read_as_rows(connection: Any, rows: int) -> None:
    stats = SplitStats()
    batches = list(read_count(connection, f"SELECT {rows}", stats=stats))
    assert sum(batch.num_rows for batch in batches) == rows
    assert all(batch.num_rows and not batch.num_columns for batch in batches)
    assert stats.source_seconds > 0


def test_a_count_is_read_with_constants(connection: Any) -> None:
    batches = list(
        read_count(
            connection,
            "SELECT 35",
            stats=SplitStats(),
            batch_rows=10,
            constants={"partition_name": "p"},
        )
    )
    assert column_values(batches) == ["p"] * 35
    assert all(0 < batch.num_rows <= 10 for batch in batches)


@pytest.mark.parametrize("rows", [0, 1, 50_000])
def test_statistics_tell_what_was_received(connection: Any, rows: int) -> None:
    stats = SplitStats(bytes_read=7)
    sql = f"SELECT seq AS i FROM seq_1_to_50000 WHERE seq <= {rows}"
    read(connection, sql, INTEGER, stats=stats)
    assert stats.bytes_read == 7 + rows * (4 + 2 + 8)
    assert 0 <= stats.conversion_seconds < 5
    assert 0 <= stats.source_seconds < 5


def test_memory_does_not_grow_with_the_result(connection: Any) -> None:
    sql = "SELECT REPEAT(MD5(seq), 100) FROM seq_1_to_100000"  # 320 MB
    stats = SplitStats()
    read(connection, sql.replace("100000", "20000"), TEXT)
    before = resident_bytes()
    highest = 0
    for number, _ in enumerate(read_statement(connection, sql, [TEXT], table="t", stats=stats)):
        if number % 10 == 0:
            time.sleep(0.02)  # a slow reader must not make the server's rows pile up
        highest = max(highest, resident_bytes())
    assert stats.bytes_read > 320_000_000
    assert highest - before < 60_000_000


def resident_bytes() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096


# The connection afterwards


def test_a_connection_reads_again_and_again(connection: Any, database: MariaDb, way: str) -> None:
    before = statement_count(connection)
    for rows in range(1, 30):
        assert column_values(read(connection, NUMBER.format(rows), INTEGER)) == list(
            range(1, rows + 1)
        )
        with connection.cursor() as cursor:
            cursor.execute("SELECT 'between'")
            assert cursor.fetchall() == (("between",),)
    assert statement_count(connection) == before


def statement_count(connection: Any) -> int:
    """Statements that are prepared and not closed."""
    with connection.cursor() as cursor:
        cursor.execute("SHOW GLOBAL STATUS LIKE 'Prepared_stmt_count'")
        return int(cursor.fetchall()[0][1])


def running(database: MariaDb, connection_id: int) -> list[tuple[Any, ...]]:
    return database.execute(
        "SELECT info FROM information_schema.processlist"
        f" WHERE id = {connection_id} AND command <> 'Sleep'"
    )


def await_end(database: MariaDb, connection_id: int, *, seconds: float = 5) -> None:
    limit = time.monotonic() + seconds
    while running(database, connection_id):
        assert time.monotonic() < limit, running(database, connection_id)
        time.sleep(0.01)


def killer(database: MariaDb, connection: Any) -> Callable[[], None]:
    def kill() -> None:
        database.execute(f"KILL QUERY {connection.thread_id()}")

    return kill


@pytest.fixture
def fresh(database: MariaDb) -> Iterator[Any]:
    opened = database.connect(init_command=SESSION)
    yield opened
    if opened.open:
        opened.close()


@pytest.mark.parametrize("sql", [ENDLESS, STUCK], ids=["sending", "computing"])
@pytest.mark.parametrize("taken", [1, 2])
def test_closing_early_ends_the_statement(
    fresh: Any, database: MariaDb, sql: str, taken: int, way: str
) -> None:
    batches = read_statement(
        fresh, sql, [INTEGER], table="t", stats=SplitStats(), cancel=killer(database, fresh)
    )
    for _ in range(taken):
        next(batches)
    number = fresh.thread_id()
    assert running(database, number)
    started = time.monotonic()
    batches.close()
    await_end(database, number)
    assert time.monotonic() - started < 5
    assert not fresh.open


def test_closing_early_drops_the_connection_even_if_nobody_can_be_told(
    fresh: Any, database: MariaDb, way: str
) -> None:
    batches = read_statement(fresh, ENDLESS, [INTEGER], table="t", stats=SplitStats())
    next(batches)
    batches.close()
    await_end(database, fresh.thread_id())
    assert not fresh.open


@pytest.mark.parametrize(
    "failure", [pymysql.OperationalError(1094, "Unknown thread"), ConnectorError("no way in")]
)
def test_a_server_that_can_not_be_told_is_left_alone(
    fresh: Any, database: MariaDb, failure: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    def cancel() -> None:
        raise failure

    batches = read_statement(
        fresh, ENDLESS, [INTEGER], table="shop.t", stats=SplitStats(), cancel=cancel
    )
    next(batches)
    batches.close()
    await_end(database, fresh.thread_id())
    assert "statement on shop.t could not be cancelled" in caplog.text


def test_an_iterator_that_is_dropped_ends_the_statement(fresh: Any, database: MariaDb) -> None:
    batches = read_statement(fresh, ENDLESS, [INTEGER], table="t", stats=SplitStats())
    next(batches)
    del batches
    gc.collect()
    await_end(database, fresh.thread_id())


def test_an_error_of_the_consumer_ends_the_statement(fresh: Any, database: MariaDb) -> None:
    batches = read_statement(fresh, ENDLESS, [INTEGER], table="t", stats=SplitStats())
    next(batches)
    with pytest.raises(KeyError):
        batches.throw(KeyError("consumer"))
    await_end(database, fresh.thread_id())


def test_an_iterator_that_is_never_started_asks_nothing(connection: Any) -> None:
    read_statement(connection, "nonsense", [INTEGER], table="t", stats=SplitStats()).close()
    assert connection.open


# Ends other than the last row


@pytest.fixture
def unraisable(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    seen: list[Any] = []
    monkeypatch.setattr(sys, "unraisablehook", seen.append)
    return seen


@pytest.mark.parametrize("batch_rows", [1000, 1024, 16_384, 100_000])
def test_an_error_amid_the_rows_is_raised(
    connection: Any, batch_rows: int, unraisable: list[Any], way: str
) -> None:
    sql = (
        "SELECT seq AS i FROM seq_1_to_100000"
        " WHERE seq < 50000 OR (SELECT 1 UNION SELECT IF(seq = 50000, 2, 1))"
    )
    stats = SplitStats()
    before = statement_count(connection)
    batches = read_statement(
        connection, sql, [INTEGER], table="t", stats=stats, batch_rows=batch_rows
    )
    rows = 0
    with pytest.raises(pymysql.OperationalError) as error:  # noqa: PT012
        for batch in batches:
            rows += batch.num_rows
    assert error.value.args[0] == ER.SUBQUERY_NO_1_ROW
    assert rows == 49_999 // batch_rows * batch_rows
    assert connection.open
    assert statement_count(connection) == before
    assert column_values(read(connection, NUMBER.format(2), INTEGER)) == [1, 2]
    del batches
    gc.collect()
    assert unraisable == []


def test_a_statement_that_is_refused_is_an_error(connection: Any, way: str) -> None:
    with pytest.raises(pymysql.ProgrammingError) as error:
        read(connection, "SELECT i FROM no_such_table", INTEGER)
    assert error.value.args[0] in (ER.NO_SUCH_TABLE, ER.NO_DB_ERROR)
    assert column_values(read(connection, NUMBER.format(1), INTEGER)) == [1]


def test_a_value_that_does_not_fit_ends_statement_and_rows(
    fresh: Any, database: MariaDb, way: str, unraisable: list[Any]
) -> None:
    small = column("integer", pa.int16())
    batches = read_statement(
        fresh, ENDLESS, [small], table="shop.t", stats=SplitStats(), batch_rows=16_384
    )
    rows = 0
    with pytest.raises(DataConversionError, match=r"'c' of shop\.t"):  # noqa: PT012
        for batch in batches:
            rows += batch.num_rows
    assert rows == 16_384
    await_end(database, fresh.thread_id())
    assert not fresh.open
    del batches
    gc.collect()
    assert unraisable == []


def test_another_number_of_columns_is_an_error(fresh: Any, database: MariaDb, way: str) -> None:
    with pytest.raises(SourceError, match="1 columns instead of 2"):
        read(fresh, ENDLESS, INTEGER, INTEGER)
    await_end(database, fresh.thread_id())


def test_the_statement_may_be_killed_from_outside(fresh: Any, database: MariaDb, way: str) -> None:
    batches = read_statement(fresh, ENDLESS, [INTEGER], table="t", stats=SplitStats())
    next(batches)
    database.execute(f"KILL QUERY {fresh.thread_id()}")
    with pytest.raises(pymysql.OperationalError) as error:
        list(batches)
    assert error.value.args[0] == ER.QUERY_INTERRUPTED
    assert column_values(read(fresh, NUMBER.format(2), INTEGER)) == [1, 2]


def test_a_time_limit_of_the_server_is_its_error(fresh: Any, way: str) -> None:
    with fresh.cursor() as cursor:
        cursor.execute("SET max_statement_time = 0.3")
    with pytest.raises(pymysql.OperationalError) as error:
        read(fresh, ENDLESS, INTEGER)
    assert error.value.args[0] == 1969  # MariaDB's ER_STATEMENT_TIMEOUT


def test_a_session_that_is_killed_is_an_error(fresh: Any, database: MariaDb, way: str) -> None:
    batches = read_statement(fresh, ENDLESS, [INTEGER], table="t", stats=SplitStats())
    next(batches)
    database.execute(f"KILL {fresh.thread_id()}")
    with pytest.raises(pymysql.OperationalError) as error:
        list(batches)
    assert error.value.args[0] in (1927, CR.CR_SERVER_LOST)


@pytest.mark.parametrize("size", [0, 1, 500, 70_000, 1_000_003])
def test_a_network_that_breaks_is_an_error(database: MariaDb, size: int, way: str) -> None:
    with (
        tcp_proxy(database.host, database.port) as proxy,
        closing(database.through(proxy.port).connect()) as connection,
    ):
        sql = f"{NUMBER.format(2_000_000)}"
        proxy.cut_after(size)
        with pytest.raises(pymysql.OperationalError) as error:
            read(connection, sql, INTEGER)
        assert error.value.args[0] in (CR.CR_SERVER_LOST, CR.CR_SERVER_GONE_ERROR)
        assert not connection.open


def test_a_network_that_falls_silent_ends_with_the_read_time_out(
    database: MariaDb, way: str
) -> None:
    with (
        tcp_proxy(database.host, database.port) as proxy,
        closing(database.through(proxy.port).connect(read_timeout=0.5)) as connection,
    ):
        proxy.stall_after(300_000)
        with pytest.raises(pymysql.OperationalError, match="timed out"):
            read(connection, NUMBER.format(2_000_000), INTEGER)
        assert not connection.open


# Statements that can't be prepared, and those that don't read


def test_a_statement_that_can_not_be_prepared_is_read_as_text(connection: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET GLOBAL max_prepared_stmt_count = 0")
        try:
            assert column_values(read(connection, NUMBER.format(3), INTEGER)) == [1, 2, 3]
        finally:
            cursor.execute("SET GLOBAL max_prepared_stmt_count = 16382")


def test_show_is_read(connection: Any, way: str) -> None:
    columns = [column("text", pa.string(), name) for name in ("name", "value")]
    batches = read(connection, "SHOW VARIABLES LIKE 'sql_mode'", *columns)
    assert pa.Table.from_batches(batches).to_pylist() == [{"name": "sql_mode", "value": ""}]


def test_a_parameter_is_the_servers_error(connection: Any) -> None:
    with pytest.raises(pymysql.ProgrammingError) as error:
        read(connection, "SELECT ? AS i", INTEGER)
    assert error.value.args[0] == ER.PARSE_ERROR
    assert column_values(read(connection, NUMBER.format(1), INTEGER)) == [1]


@pytest.mark.parametrize("sql", ["SET @a = 1", "DO 1"])
def test_a_statement_without_an_answer_is_an_error(fresh: Any, sql: str, way: str) -> None:
    with pytest.raises(SourceError, match="returns no rows"):
        read(fresh, sql, INTEGER)


def test_a_procedure_with_its_status_behind_the_rows_is_refused(
    fresh: Any, fresh_database: MariaDb, way: str
) -> None:
    fresh_database.execute("CREATE PROCEDURE two() BEGIN SELECT 1 AS i; SELECT 2 AS i; END")
    with pytest.raises(SourceError, match="several results"):
        read(fresh, f"CALL {fresh_database.database}.two()", INTEGER)
    assert not fresh.open


# What is used of PyMySQL


def test_pymysql_has_what_is_used_of_it(connection: Any) -> None:
    assert can_prepare(connection)
    assert row_packets.reaches_socket(connection)
    assert connection._next_seq_id in range(256)
    assert callable(connection._force_close)


@pytest.mark.parametrize("name", ["_execute_command", "_read_packet"])
def test_a_pymysql_that_has_changed_reads_text(connection: Any, name: str) -> None:
    class Changed:
        def __init__(self) -> None:
            self.__dict__["hidden"] = connection

        def __getattr__(self, asked: str) -> Any:
            if asked == name:
                raise AttributeError(asked)
            return getattr(self.__dict__["hidden"], asked)

        def __setattr__(self, asked: str, value: Any) -> None:
            setattr(self.__dict__["hidden"], asked, value)

    assert not can_prepare(Changed())  # type: ignore[arg-type]
    assert column_values(read(Changed(), NUMBER.format(3), INTEGER)) == [1, 2, 3]


@pytest.mark.parametrize("name", ["_rfile", "_sock", "_next_seq_id"])
def test_a_pymysql_that_hides_its_socket_reads_packets(connection: Any, name: str) -> None:
    class Hidden:
        def __getattr__(self, asked: str) -> Any:
            if asked == name:
                raise AttributeError(asked)
            return getattr(connection, asked)

    assert not row_packets.reaches_socket(Hidden())  # type: ignore[arg-type]


# TLS


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return self_signed(tmp_path_factory.mktemp("tls"))


@pytest.fixture(scope="module")
def tls_server(certificate: Path) -> Iterator[MariaDb]:
    with mariadb_process(certificate=certificate) as process:
        yield process.address.create_database()


def tls_connection(server: MariaDb) -> Any:
    connection = server.connect(init_command=SESSION, ssl={"verify_mode": "none"})
    assert connection._sock.version().startswith("TLS")
    return connection


def test_rows_arrive_over_tls(tls_server: MariaDb, way: str) -> None:
    sql = "SELECT seq, REPEAT('é', seq % 1000) FROM seq_1_to_30000"
    with closing(tls_connection(tls_server)) as connection:
        for _ in range(2):
            batches = read(connection, sql, INTEGER, TEXT)
            assert column_values(batches) == list(range(1, 30_001))
            assert [len(t) for t in column_values(batches, 1)] == [
                n % 1000 for n in range(1, 30_001)
            ]


def test_closing_early_ends_a_statement_over_tls(tls_server: MariaDb, way: str) -> None:
    with closing(tls_connection(tls_server)) as connection:
        batches = read_statement(connection, ENDLESS, [INTEGER], table="t", stats=SplitStats())
        next(batches)
        batches.close()
        await_end(tls_server, connection.thread_id())
        assert not connection.open


def test_the_default_batch_is_what_was_measured(connection: Any) -> None:
    batches = read(connection, NUMBER.format(DEFAULT_BATCH_ROWS + 1), INTEGER)
    assert [batch.num_rows for batch in batches] == [16_384, 1]

"""Reading by COPY from a real server, whose own functions tell what has to arrive."""

from __future__ import annotations

import gc
import io
import math
import struct
import sys
import threading
import time
from contextlib import closing
from dataclasses import dataclass
from decimal import Context, Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg2
import pyarrow as pa
import pytest
from athena_connectors.common.errors import DataConversionError, SourceError
from athena_connectors.common.observability import SplitStats
from athena_connectors.common.sql.binary_copy import decoder_names
from athena_connectors.common.sql.reading import DEFAULT_BATCH_ROWS
from athena_connectors.common.sql.relation import Column, Comparison
from athena_connectors.jdbc_postgres import reader
from athena_connectors.jdbc_postgres.reader import read_count, read_statement
from hypothesis import given, settings
from hypothesis import strategies as st

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from athena_connectors.common.testing.postgres import PostgresAddress

EXACT = Context(prec=60)
NUMBER = "SELECT i FROM generate_series(1, {}) i"


@pytest.fixture(autouse=True)
def _no_thread_stays() -> Iterator[None]:
    before = set(threading.enumerate())
    yield
    assert set(threading.enumerate()) <= before


@pytest.fixture(scope="module")
def connection(database: PostgresAddress) -> Iterator[Any]:
    with closing(database.connect(options="-c TimeZone=UTC -c bytea_output=hex")) as opened:
        opened.autocommit = False
        yield opened


@pytest.fixture
def cursor(connection: Any) -> Iterator[Any]:
    with connection.cursor() as opened:
        yield opened
    connection.rollback()


def column(decoder: str, arrow: pa.DataType, name: str = "c") -> Column:
    return Column(name, decoder, decoder, arrow, "{c}", decoder, Comparison.NEVER)


INTEGER = column("int4", pa.int32(), "i")


def read(cursor: Any, sql: str, *columns: Column, **options: Any) -> list[pa.RecordBatch]:
    options = {"table": "shop.orders", "stats": SplitStats(), **options}
    batches = list(read_statement(cursor, sql, columns, **options))
    assert all(batch.num_rows for batch in batches)
    return batches


def physical(values: Any) -> list[Any]:
    """The values as they stand in the buffers; floats as bits, so that NaN equals NaN."""
    type_ = values.type
    if pa.types.is_list(type_):
        items, bounds = physical(values.values), values.offsets.to_pylist()
        return [
            items[bounds[row] : bounds[row + 1]] if valid else None
            for row, valid in enumerate(values.is_valid().to_pylist())
        ]
    if pa.types.is_floating(type_):
        layout = f">{'f' if type_.bit_width == 32 else 'd'}"
        return [None if item is None else struct.pack(layout, item) for item in values.to_pylist()]
    if pa.types.is_temporal(type_):
        values = values.view(pa.int32() if type_.bit_width == 32 else pa.int64())
    return list(values.to_pylist())


def column_values(batches: list[pa.RecordBatch], place: int = 0) -> list[Any]:
    return [value for batch in batches for value in physical(batch.column(place))]


# Every decoder


@dataclass(frozen=True)
class Case:
    """A type of the server, values in its own spelling, and what it says they are."""

    type: str
    arrow: pa.DataType
    texts: tuple[str, ...]
    says: str
    understand: Callable[[str], Any] = str
    list_cast: str = ""
    cast: str = ""


EXTREMES = {bits: (-(2 ** (bits - 1)), -1, 0, 1, 2 ** (bits - 1) - 1) for bits in (16, 32, 64)}
FLOATS = ("NaN", "Infinity", "-Infinity", "0", "-0", "1.1", "-1.1", "16777217", "1e-40", "1e38")
DATES = (
    *("0001-01-01", "9999-12-31", "0001-12-31 BC", "10000-01-01", "infinity", "-infinity"),
    *("1970-01-01", "1969-12-31", "2000-01-01", "1999-12-31", "1582-10-10", "2024-02-29"),
    *("4713-01-01 BC", "294276-12-31"),
)
CLOCKS = ("00:00:00", "00:00:00.000001", "00:00:00.000999", "00:00:00.001", "23:59:59.999999")
TIMES = tuple(
    text if "infinity" in text else f"{text[:-3]} {clock} BC" if "BC" in text else f"{text} {clock}"
    for text in DATES
    for clock in CLOCKS
)
TEXTS = ("", " ", "a", "é", "漢字", "\U0001f600", "e\u0301", "\u0001", "\n\\\t'\"", "NULL", "\\N")
NUMERICS = (
    *("0", "0.000000", "-0.000001", "1", "-1", "9999", "10000", "99999999", "100000000"),
    *("999999999999.999999", "-999999999999.999999", "0.000100", "0.01", "NaN", "123456.7"),
)
LONG = (
    *("0", "1234567890123456789012345678.0123456789", "NaN", "0.0000000001"),
    *("-9999999999999999999999999999.9999999999", "1", "-0.5"),
)
IN_YEARS = "{v} >= '0001-01-01' AND {v} < '10000-01-01'"
MILLIS = "floor(extract(epoch FROM {v}) * 1000)::int8"


def number(text: str) -> Decimal | None:
    return None if text == "NaN" else Decimal(text)


CASES = {
    "bool": Case("bool", pa.bool_(), ("true", "false"), "{v}", lambda text: text == "true"),
    "int2": Case("int2", pa.int16(), tuple(map(str, EXTREMES[16])), "{v}", int),
    "int4": Case("int4", pa.int32(), tuple(map(str, EXTREMES[32])), "{v}", int),
    "int8": Case("int8", pa.int64(), tuple(map(str, EXTREMES[64])), "{v}", int),
    "float4": Case("float4", pa.float32(), FLOATS, "encode(float4send({v}), 'hex')", bytes.fromhex),
    "float8": Case(
        "float8",
        pa.float64(),
        (*FLOATS, "5e-324", "1.7976931348623157e308"),
        "encode(float8send({v}), 'hex')",
        bytes.fromhex,
    ),
    "date": Case(
        "date", pa.date32(), DATES, f"CASE WHEN {IN_YEARS} THEN {{v}} - '1970-01-01' END", int
    ),
    "timestamp": Case(
        "timestamp", pa.date64(), TIMES, f"CASE WHEN {IN_YEARS} THEN {MILLIS} END", int
    ),
    "timestamptz": Case(
        "timestamptz",
        pa.timestamp("ms", "UTC"),
        TIMES,
        f"CASE WHEN {IN_YEARS} THEN {MILLIS} << 12 END",
        int,
    ),
    "text": Case(
        "text",
        pa.string(),
        TEXTS,
        "encode(convert_to({v}, 'UTF8'), 'hex')",
        lambda text: bytes.fromhex(text).decode(),
    ),
    "bytea": Case(
        "bytea", pa.binary(), (r"\x", r"\x00", r"\xff00ff"), "encode({v}, 'hex')", bytes.fromhex
    ),
    "uuid": Case(
        "uuid",
        pa.string(),
        ("0" * 32, "f" * 32, "01234567-89AB-CDEF-FEDC-BA9876543210"),
        "{v}",
    ),
    "numeric": Case("numeric(18, 6)", pa.decimal128(18, 6), NUMERICS, "{v}", number),
    "decimal_text": Case(
        "numeric(38, 10)", pa.decimal128(38, 10), LONG, "{v}", number, cast="::text"
    ),
}


def values_of(cursor: Any, case: Case) -> list[Any]:
    says = case.says.replace("{v}", "v")
    cursor.execute(
        f"SELECT ({says})::text FROM unnest(%s) WITH ORDINALITY AS t(x, n),"
        f" LATERAL (SELECT x::{case.type} AS v) AS u ORDER BY n",
        (list(case.texts),),
    )
    return [None if text is None else case.understand(text) for (text,) in cursor.fetchall()]


def test_every_decoder_has_a_case() -> None:
    assert {name.removeprefix("list:") for name in decoder_names()} == set(CASES)


@pytest.mark.parametrize("batch_rows", [1, 3, 1000])
@pytest.mark.parametrize("name", CASES)
def test_a_type_arrives_as_the_server_says(cursor: Any, name: str, batch_rows: int) -> None:
    case = CASES[name]
    wanted = [None, *values_of(cursor, case), None]
    assert len(set(map(repr, wanted))) > len(wanted) // 3  # the oracle tells them apart
    texts = [None, *case.texts, None]
    sql = cursor.mogrify(
        f"SELECT x::{case.type}{case.cast} FROM unnest(%s) WITH ORDINALITY AS t(x, n) ORDER BY n",
        (texts,),
    ).decode()
    batches = read(cursor, sql, column(name, case.arrow), batch_rows=batch_rows)
    assert column_values(batches) == wanted
    assert batches[0].schema == pa.schema([("c", case.arrow)])


@pytest.mark.parametrize("name", CASES)
def test_arrays_arrive_element_by_element(cursor: Any, name: str) -> None:
    case = CASES[name]
    texts, values = [None, *case.texts], [None, *values_of(cursor, case)]
    spans = [slice(0), slice(None), slice(0, 1), slice(1, 2), slice(1, None), slice(None, None, -1)]
    spans += [slice(at, at + 2) for at in range(len(texts))]
    rows = " UNION ALL ".join(["SELECT %s, %s::text[]"] * (len(spans) + 1))
    parameters: list[Any] = [-1, None]
    for place, span in enumerate(spans):
        parameters += [place, texts[span]]
    cast = f"{case.cast}[]" if case.cast else ""
    sql = cursor.mogrify(
        f"SELECT x::{case.type}[]{cast} FROM ({rows}) AS t(n, x) ORDER BY n", parameters
    ).decode()
    batches = read(cursor, sql, column(f"list:{name}", pa.list_(case.arrow)))
    assert column_values(batches) == [None, *(values[span] for span in spans)]


def test_money_is_a_numeric_of_19_digits(cursor: Any) -> None:
    texts = ["-92233720368547758.08", "92233720368547758.07", "0", "-0.01", "1000.10"]
    sql = cursor.mogrify("SELECT x::money::numeric FROM unnest(%s) x", (texts,)).decode()
    batches = read(cursor, sql, column("numeric", pa.decimal128(20, 2)))
    assert column_values(batches) == list(map(Decimal, texts))


TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=8)
MICROS_A_DAY = 86_400_000_000
ROWS = st.tuples(
    st.none() | TEXT,
    st.none() | st.floats(allow_nan=False) | st.just(math.nan),
    st.none() | st.decimals(-(10**12) + 1, 10**12 - 1, places=6, allow_nan=False),
    st.none() | st.integers(-719_162 * MICROS_A_DAY, 2_932_897 * MICROS_A_DAY - 1),
    st.none() | st.binary(max_size=9),
    st.none() | st.lists(st.none() | TEXT, max_size=3),
)
ROW_COLUMNS = [
    column("text", pa.string(), "t"),
    column("float8", pa.float64(), "f"),
    column("numeric", pa.decimal128(18, 6), "n"),
    column("timestamp", pa.date64(), "ts"),
    column("bytea", pa.binary(), "b"),
    column("list:text", pa.list_(pa.string()), "l"),
]


@given(st.lists(ROWS, min_size=1, max_size=8), st.sampled_from((1, 2, 5, 16_384)))
@settings(max_examples=150, deadline=None, derandomize=True)
def test_rows_of_several_types(
    connection: Any, rows: list[tuple[Any, ...]], batch_rows: int
) -> None:
    parameters: list[Any] = []
    for place, (text, real, decimal, micros, octets, items) in enumerate(rows):
        days, rest = divmod(micros or 0, MICROS_A_DAY)
        moment = None if micros is None else f"{days} days {rest} microseconds"
        parameters += [place, text, real, decimal, moment, octets, items]
    line = "(%s, %s::text, %s::float8, %s::numeric(18, 6), %s::interval, %s::bytea, %s::text[])"
    with connection.cursor() as cursor:
        sql = cursor.mogrify(
            "SELECT t, f, n, '1970-01-01'::timestamp + m, b, l"
            f" FROM (VALUES {', '.join([line] * len(rows))}) AS v(o, t, f, n, m, b, l) ORDER BY o",
            parameters,
        ).decode()
        batches = read(cursor, sql, *ROW_COLUMNS, batch_rows=batch_rows)
    connection.rollback()
    wanted = [
        (text, real if real is None else struct.pack(">d", real), decimal, micros, octets, items)
        for text, real, decimal, micros, octets, items in rows
    ]
    found = list(zip(*(column_values(batches, place) for place in range(6)), strict=True))
    assert found == [
        (*row[:3], None if row[3] is None else row[3] // 1000, *row[4:]) for row in wanted
    ]


# Batches


@pytest.mark.parametrize("rows", [0, 1, 6, 7, 8, 14, 50])
@pytest.mark.parametrize("batch_rows", [1, 7, 16_384])
def test_batches_hold_all_rows_in_order(cursor: Any, rows: int, batch_rows: int) -> None:
    batches = read(cursor, NUMBER.format(rows), INTEGER, batch_rows=batch_rows)
    assert column_values(batches) == list(range(1, rows + 1))
    sizes = [batch.num_rows for batch in batches]
    assert all(size == batch_rows for size in sizes[:-1])
    assert sum(sizes) == rows
    assert max(sizes, default=0) <= batch_rows


def test_wide_rows_end_a_batch_early(cursor: Any) -> None:
    sql = "SELECT repeat(chr(64 + i), 1 << 20) FROM generate_series(1, 20) i"
    batches = read(cursor, sql, column("text", pa.string()))
    assert [text[0] for text in column_values(batches)] == [chr(65 + at) for at in range(20)]
    assert [batch.num_rows for batch in batches] == [4] * 5


def test_one_row_may_be_larger_than_a_chunk(cursor: Any) -> None:
    sql = "SELECT repeat('x', i) FROM unnest(ARRAY[1, 50000000, 2]) i"
    batches = read(cursor, sql, column("text", pa.string()))
    assert list(map(len, column_values(batches))) == [1, 50_000_000, 2]


def test_constants_follow_the_columns(cursor: Any) -> None:
    constants = {"partition_schema_name": "public", "partition_name": "it's"}
    batches = read(cursor, NUMBER.format(5), INTEGER, batch_rows=2, constants=constants)
    assert pa.Table.from_batches(batches).to_pylist() == [
        {"i": number, **constants} for number in range(1, 6)
    ]
    assert batches[0].schema.types == [pa.int32(), pa.string(), pa.string()]


@pytest.mark.parametrize("constants", [None, {"partition_name": "*"}])
def test_rows_without_columns(cursor: Any, constants: dict[str, str] | None) -> None:
    sql = "SELECT FROM generate_series(1, 5)"
    batches = read(cursor, sql, batch_rows=2, constants=constants)
    assert [batch.num_rows for batch in batches] == [2, 2, 1]
    assert [batch.schema.names for batch in batches] == [list(constants or {})] * 3


@pytest.mark.parametrize("rows", [0, 1, 9, 10, 11, 2_500_000_000])
def test_a_count_is_read_as_rows(cursor: Any, rows: int) -> None:
    stats = SplitStats()
    batches = list(read_count(cursor, f"SELECT {rows}::int8", stats=stats))
    assert sum(batch.num_rows for batch in batches) == rows
    assert all(batch.num_rows and not batch.num_columns for batch in batches)
    assert stats.source_seconds > 0


@pytest.mark.parametrize("rows", [0, 1, 9, 10, 11, 35])
def test_a_count_is_read_with_constants(cursor: Any, rows: int) -> None:
    batches = list(
        read_count(
            cursor,
            f"SELECT {rows}",
            stats=SplitStats(),
            batch_rows=10,
            constants={"partition_name": "p"},
        )
    )
    assert column_values(batches) == ["p"] * rows
    assert all(0 < batch.num_rows <= 10 for batch in batches)


def test_statistics_tell_what_was_received(cursor: Any) -> None:
    sql = "SELECT i, repeat('x', i % 100) FROM generate_series(1, 50000) i"
    received = io.BytesIO()
    cursor.copy_expert(f"COPY ({sql}) TO STDOUT (FORMAT binary)", received)
    stats = SplitStats(bytes_read=7)
    read(cursor, sql, INTEGER, column("text", pa.string(), "t"), stats=stats)
    assert stats.bytes_read == 7 + len(received.getvalue())
    assert 0 < stats.conversion_seconds < 5
    assert 0 < stats.source_seconds < 5


def test_memory_does_not_grow_with_the_result(cursor: Any) -> None:
    sql = "SELECT repeat(md5(i::text), 100) FROM generate_series(1, 100000) i"  # 320 MB
    stats = SplitStats()
    text = column("text", pa.string())
    read(cursor, sql.replace("100000", "20000"), text)
    before = resident_bytes()
    highest = 0
    for number, _ in enumerate(read_statement(cursor, sql, [text], table="t", stats=stats)):
        if number % 10 == 0:
            time.sleep(0.02)  # a slow reader must not make the server's rows pile up
        highest = max(highest, resident_bytes())
    assert stats.bytes_read > 320_000_000
    assert highest - before < 60_000_000


def resident_bytes() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096


# Ends other than the last row


def statements(database: PostgresAddress) -> list[tuple[Any, ...]]:
    """What the server is busy with for others than the one who asks."""
    return database.execute(
        "SELECT query FROM pg_stat_activity WHERE state = 'active'"
        " AND datname = current_database() AND pid <> pg_backend_pid()"
    )


def await_idle(database: PostgresAddress, *, seconds: float = 2) -> None:
    limit = time.monotonic() + seconds
    while statements(database):
        assert time.monotonic() < limit, statements(database)
        time.sleep(0.01)


ENDLESS = "SELECT generate_series(1, 2000000000)"
STUCK = (
    "SELECT i FROM generate_series(1, 100000) i"
    " WHERE i <= 50000 OR pg_sleep(CASE WHEN i = 50001 THEN 600 ELSE 0 END) IS NULL"
)


@pytest.mark.parametrize("sql", [ENDLESS, STUCK], ids=["sending", "waiting"])
@pytest.mark.parametrize("taken", [1, 2])
def test_closing_early_cancels_the_statement(
    cursor: Any, database: PostgresAddress, sql: str, taken: int
) -> None:
    batches = read_statement(cursor, sql, [INTEGER], table="t", stats=SplitStats())
    for _ in range(taken):
        next(batches)
    assert statements(database)
    check_ends(batches.close, database)
    cursor.connection.rollback()
    assert column_values(read(cursor, NUMBER.format(2), INTEGER)) == [1, 2]


def check_ends(stop: Callable[[], None], database: PostgresAddress) -> None:
    started = time.monotonic()
    stop()
    await_idle(database)
    assert time.monotonic() - started < 2


def await_blocked(database: PostgresAddress) -> None:
    """Wait until the server can't send more, because nobody takes what it sent."""
    limit = time.monotonic() + 30
    while not database.execute(
        "SELECT pid FROM pg_stat_activity WHERE wait_event = 'ClientWrite'"
        " AND datname = current_database()"
    ):
        assert time.monotonic() < limit
        time.sleep(0.02)


def test_closing_early_cancels_a_statement_that_waits_for_us(
    cursor: Any, database: PostgresAddress
) -> None:
    batches = read_statement(cursor, ENDLESS, [INTEGER], table="t", stats=SplitStats())
    next(batches)
    await_blocked(database)
    check_ends(batches.close, database)


def test_an_iterator_that_is_dropped_cancels_the_statement(
    cursor: Any, database: PostgresAddress
) -> None:
    batches = read_statement(cursor, ENDLESS, [INTEGER], table="t", stats=SplitStats())
    next(batches)
    del batches
    await_idle(database)


def test_an_error_of_the_consumer_cancels_the_statement(
    cursor: Any, database: PostgresAddress
) -> None:
    batches = read_statement(cursor, ENDLESS, [INTEGER], table="t", stats=SplitStats())
    next(batches)
    with pytest.raises(KeyError):
        batches.throw(KeyError("consumer"))
    await_idle(database)


def test_an_iterator_that_is_never_started_asks_nothing(cursor: Any) -> None:
    read_statement(cursor, "nonsense", [INTEGER], table="t", stats=SplitStats()).close()
    cursor.execute("SELECT 1")


@pytest.fixture
def unraisable(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    seen: list[Any] = []
    monkeypatch.setattr(sys, "unraisablehook", seen.append)
    return seen


@pytest.mark.parametrize("batch_rows", [1000, 1024, 16_384, 100_000])
def test_an_error_amid_the_rows_is_raised(
    cursor: Any, batch_rows: int, unraisable: list[Any]
) -> None:
    sql = "SELECT 1 / (50000 - i) FROM generate_series(1, 100000) i"
    stats = SplitStats()
    batches = read_statement(cursor, sql, [INTEGER], table="t", stats=stats, batch_rows=batch_rows)
    rows = 0
    with pytest.raises(psycopg2.errors.DivisionByZero):  # noqa: PT012
        for batch in batches:
            rows += batch.num_rows
    assert rows == 49_999 // batch_rows * batch_rows
    del batches
    gc.collect()
    assert unraisable == []  # the rows of the unfinished batch went without a trace


def test_a_statement_that_is_refused_is_an_error(cursor: Any) -> None:
    with pytest.raises(psycopg2.errors.UndefinedTable):
        read(cursor, "SELECT i FROM no_such_table", INTEGER)


def test_a_value_that_does_not_fit_ends_statement_and_rows(
    cursor: Any, database: PostgresAddress
) -> None:
    sql = f"SELECT CASE i WHEN 20000 THEN 1000 ELSE 999 END::numeric FROM ({ENDLESS}) t(i)"
    batches = read_statement(
        cursor, sql, [column("numeric", pa.decimal128(3, 0))], table="shop.t", stats=SplitStats()
    )
    rows = 0
    with pytest.raises(DataConversionError, match=r"'c' of shop\.t"):  # noqa: PT012
        for batch in batches:
            rows += batch.num_rows
    assert rows == 16_384
    await_idle(database)


def test_the_statement_may_be_cancelled_from_outside(cursor: Any) -> None:
    batches = read_statement(cursor, ENDLESS, [INTEGER], table="t", stats=SplitStats())
    next(batches)
    cursor.connection.cancel()
    with pytest.raises(psycopg2.errors.QueryCanceled):
        list(batches)


def test_a_lost_connection_is_an_error(database: PostgresAddress) -> None:
    with closing(database.connect()) as lost, lost.cursor() as cursor:
        batches = read_statement(cursor, ENDLESS, [INTEGER], table="t", stats=SplitStats())
        next(batches)
        database.execute(f"SELECT pg_terminate_backend({lost.info.backend_pid})")
        with pytest.raises(psycopg2.Error):
            list(batches)


def test_text_of_a_database_without_encoding_is_an_error(postgres: PostgresAddress) -> None:
    postgres.execute(
        "DROP DATABASE IF EXISTS without_encoding WITH (FORCE)",
        "CREATE DATABASE without_encoding TEMPLATE template0 ENCODING 'SQL_ASCII' LOCALE 'C'",
    )
    address = postgres.of_database("without_encoding")
    text = column("text", pa.string(), "note")
    try:
        with closing(address.connect(client_encoding="UTF8")) as opened:
            cursor = opened.cursor()
            good = "SELECT convert_from('\\x61c3a9', 'SQL_ASCII')"
            assert column_values(read(cursor, good, text)) == ["aé"]
            bad = "SELECT convert_from('\\x61e9', 'SQL_ASCII')"
            with pytest.raises(psycopg2.errors.CharacterNotInRepertoire, match="UTF8"):
                read(cursor, bad, text)
    finally:
        postgres.drop_database("without_encoding")


class Replay:
    """A cursor that sends what it is given, whatever the statement."""

    def __init__(self, messages: list[bytes]) -> None:
        self.messages = messages
        self.cancelled = 0
        self.connection = self

    def copy_expert(self, sql: str, file: Any) -> None:
        assert sql == "COPY (SELECT i) TO STDOUT (FORMAT binary)"
        for message in self.messages:
            file.write(message)

    def cancel(self) -> None:
        self.cancelled += 1
        raise psycopg2.OperationalError("the server is gone")


ROW = struct.pack(">hii", 1, 4, 7)
START = b"PGCOPY\n\xff\r\n\0" + bytes(8)


@pytest.mark.parametrize("batch_rows", [1, 2, 3, 16_384])
def test_an_answer_without_end_marker_never_ends_normally(batch_rows: int) -> None:
    batches = read_statement(
        Replay([START + ROW, ROW, ROW]),
        "SELECT i",
        [INTEGER],
        table="shop.orders",
        stats=SplitStats(),
        batch_rows=batch_rows,
    )
    rows = []
    with pytest.raises(SourceError, match=r"shop\.orders ended before its end marker"):  # noqa: PT012
        for batch in batches:
            rows.extend(column_values([batch]))
    assert rows == [7, 7, 7]


def test_no_answer_at_all_is_an_error() -> None:
    with pytest.raises(SourceError, match="end marker"):
        read(Replay([]), "SELECT i", INTEGER)


def test_a_malformed_answer_cancels_and_tells_so(caplog: pytest.LogCaptureFixture) -> None:
    replay = Replay([START + ROW, ROW[:-1], ROW])
    with pytest.raises(SourceError, match="malformed"):
        read(replay, "SELECT i", INTEGER, batch_rows=2)
    assert replay.cancelled
    assert "could not be cancelled: the server is gone" in caplog.text


class Deaf(Replay):
    """A server that goes on sending, cancelled or not."""

    def copy_expert(self, sql: str, file: Any) -> None:
        file.write(START + ROW)
        while True:
            file.write(ROW)

    def cancel(self) -> None:
        self.cancelled += 1


def test_a_server_that_does_not_hear_is_left_alone_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader, "_DRAIN_SECONDS", 0.2)
    deaf = Deaf([])
    batches = read_statement(deaf, "SELECT i", [INTEGER], table="t", stats=SplitStats())
    next(batches)
    batches.close()
    assert deaf.cancelled


def test_an_answer_that_ends_before_it_is_cancelled_is_no_success() -> None:
    text = column("text", pa.string())
    replay = Replay([START + struct.pack(">hi", 1, 1) + b"\xff", b"\0\1" + bytes(4), b"\xff\xff"])
    with pytest.raises(DataConversionError):
        read(replay, "SELECT i", text, batch_rows=1)


def test_the_default_batch_is_what_was_measured(cursor: Any) -> None:
    batches = read(cursor, NUMBER.format(DEFAULT_BATCH_ROWS + 1), INTEGER)
    assert [batch.num_rows for batch in batches] == [16_384, 1]

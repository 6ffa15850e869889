"""MariaDB's own answer, the connector's with pushdown, with query plans, and without either.

All are equal, under five collations and more. MariaDB has no NaN and no infinity; what the
dialect's comparisons mean below the SQL is tested beside the connector.
"""

from __future__ import annotations

import os
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest
from athena_connectors.common.testing.predicates import Probe, chunks, text_constants
from athena_connectors.jdbc_mysql.app import handler

from tests.differential import (
    ODD_WORDS,
    PATTERNS,
    PLANNED,
    SHORT_WORDS,
    WORDS,
    Column,
    Server,
    Table,
    check,
    check_filtering,
    check_first_rows,
    check_splits,
    check_variety,
    number,
    probe_of,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from athena_connectors.common.testing.engine import LocalEngine
    from athena_connectors.common.testing.mariadb import MariaDb
    from athena_connectors.common.testing.predicates import Chunk

SCHEMA = f"differential_{os.getpid()}"
VIEWS = f"{SCHEMA}_seen"
HERE = {"schema": SCHEMA, "views": VIEWS, "analyze": "ANALYZE TABLE"}
SESSION = "SET NAMES utf8mb4 COLLATE utf8mb4_nopad_bin, time_zone = '+00:00', sql_mode = ''"

# Columns: what the server has, what Athena sees of it, and what it is compared with

AS_TEXT = "CONVERT({c} USING utf8mb4) COLLATE utf8mb4_nopad_bin"
EXACTLY = "CAST({c} AS DECIMAL(65,10))"
"""Numbers that no arithmetic of the server overflows or takes for unsigned ones."""


def whole(name: str, declared: str, values: str, near: str = "", **options: Any) -> Column:
    return number(name, declared, values, near, seen=EXACTLY, **options)


def text(
    name: str, declared: str, values: Sequence[str], near: Sequence[str] = (), **options: Any
) -> Column:
    """A column that is text to Athena; values are in the form that Athena sees."""
    seen = options.pop("seen", AS_TEXT)
    patterns = {"patterns": text_constants(PATTERNS), **options}
    found = probe_of(name, text_constants((*values, *near)), patterns)
    return Column(declared, text_constants(values), seen, found)


def time(name: str, declared: str, seen: str, constants: Sequence[str], **options: Any) -> Column:
    values = DAYS if declared == "date" else MOMENTS
    return Column(declared, text_constants(values), seen, probe_of(name, constants, options))


def of_charset(codec: str, words: Sequence[str]) -> tuple[str, ...]:
    return tuple(word for word in words if word.encode(codec, "ignore").decode(codec) == word)


WHOLE = "small tiny medium large quantity id"
EXACT = f"{WHOLE} price"
FLOATS = "0 0.5 -0.5 1 2 -2 1.5 16777216"
NUMBERS = (
    Column(
        "bool",
        ("1", "0", "2", "-1"),
        "({c} <> 0)",
        Probe("flag", ("true", "false"), ("bit",), tests=("flag", "NOT flag")),
    ),
    Column(
        "bit(1)",
        ("1", "0"),
        "({c} + 0 = 1)",
        Probe("bit", ("true", "false"), ("flag",), tests=("bit",)),
    ),
    whole("small", "smallint", "-32768 -1 0 1 2 32767", "32768 1.5 -40000", peers=EXACT),
    whole("tiny", "tinyint unsigned", "0 1 2 127 128 255", "256 -1 1.5", peers=EXACT),
    whole("medium", "mediumint", "-8388608 -2 0 1 7 8388607", "2147483648 0.5 1e3", peers=EXACT),
    whole("natural_", "int unsigned", "0 1 7 2147483648 4294967295", "-1 4294967296", peers=EXACT),
    whole(
        "large",
        "bigint",
        "-9223372036854775808 -3 0 1 9007199254740993 9223372036854775807",
        "9223372036854775808 9007199254740992 -0.1",
        peers=EXACT,
    ),
    whole(
        "huge",
        "bigint unsigned",
        "0 1 9223372036854775807 9223372036854775808 18446744073709551615",
        "-1 18446744073709551616 0.5",
        peers="price small",
    ),
    whole(
        "quantity",
        "int",
        " ".join(map(str, range(-5, 13))),
        "2.5",
        peers=WHOLE,
        terms="1 2 3 1.5 id price",
    ),
    whole(
        "price",
        "decimal(10,2)",
        "-1.50 0 0.01 1.00 1.01 99.99 2.00",
        "1.005 3 1",
        peers="quantity",
        terms="1 2 0.25 3 quantity",
    ),
    whole(
        "wide",
        "decimal(38,10)",
        "-9999999999999999999999999999.9999999999 0.0000000001 1 1.5 -2"
        " 9999999999999999999999999999.9999999999",
        "0.5 2.0000000001",
        peers="small large price",
    ),
    number("single", "float", FLOATS, "0.25 3 1e0", peers="double_"),
    number(
        "double_",
        "double",
        f"{FLOATS} 0.1 1e300 -1e300 5e-324 9007199254740993",
        "0.25 0.2 1e0",
        peers="single",
    ),
    number("since", "year", "1901 1970 2024 2155", "0 24 2155.5", seen="({c} + 0)", peers=WHOLE),
)

LATIN = of_charset("cp1252", WORDS)
TEXTS = (
    text("general", "varchar(9) COLLATE utf8mb4_general_ci", WORDS, ODD_WORDS, peers="uca binary_"),
    text("uca", "varchar(9) COLLATE utf8mb4_unicode_ci", WORDS, ODD_WORDS, peers="general latin"),
    text("binary_", "varchar(9) COLLATE utf8mb4_bin", WORDS, ODD_WORDS, peers="nopad general"),
    text("nopad", "varchar(9) COLLATE utf8mb4_nopad_bin", WORDS, ODD_WORDS, peers="binary_ uca"),
    text(
        "latin",
        "varchar(9) CHARACTER SET latin1 COLLATE latin1_swedish_ci",
        LATIN,
        (*ODD_WORDS, "🦆", "ж"),
        peers="general fixed",
    ),
    text("lengthy", "text CHARACTER SET utf16", WORDS, ODD_WORDS, peers="general"),
    text("fixed", "char(5)", SHORT_WORDS, ("a ", "a    ", *ODD_WORDS), peers="general"),
    text("mood", "enum('sad', 'ok', 'Happy', 'ärger')", ("sad", "ok", "Happy", "ärger"), ("x", "")),
    text("moods", "set('a', 'b', 'c')", ("", "a", "a,b", "c", "a,b,c"), ("b,a", "A")),
    text("doc", "json", ('{"a": 1}', '{"a":1}', "null", "[]", '"x"', "1"), ("{", "x")),
    text(
        "clock",
        "time(3)",
        ("00:00:00.000", "12:30:00.500", "-838:59:59.000", "100:00:00.001"),
        ("12:30", "00:00:00"),
        seen="CONVERT(CAST({c} AS CHAR) USING utf8mb4) COLLATE utf8mb4_nopad_bin",
    ),
    text(
        "digits",
        "decimal(50,5)",
        ("0.00000", "1.50000", "-1.50000", "99999999999999999999999999999999999.00000"),
        ("1.5", "1"),
        seen="CONVERT(CAST({c} AS CHAR) USING utf8mb4) COLLATE utf8mb4_nopad_bin",
    ),
    Column(
        "varbinary(9)",
        tuple(f"X'{octets}'" for octets in ("", "00", "7f", "80", "ff", "61", "6100")),
        "{c}",
        Probe("bytes", ("X''", "X'00'", "X'61'", "X'80'", "X'ff'", "X'62'")),
    ),
)

NO_DAYS = ("0000-00-00", "2024-00-00", "2024-02-00", "2024-02-31", "2023-02-29")
DAYS = (
    *NO_DAYS, "0001-01-01", "9999-12-31", "1582-10-04", "1582-10-15", "1969-12-31", "1970-01-01",
    "2000-02-29", "2024-03-31", "2024-01-01",
)  # fmt: skip
MOMENTS = (
    "0000-00-00 00:00:00", "2024-02-00 01:00:00", "2024-02-31 01:30:00",
    "2024-03-31 01:30:00.123", "1970-01-01 00:00:00.001", "2023-12-31 23:59:59.999",
    "0001-01-01 00:00:00",
    "2024-03-31 01:30:00.123456", "2024-03-31 01:30:00.123999", "2024-03-31 01:30:00.124",
    "9999-12-31 23:59:59", "1969-12-31 23:59:59.9985", "2024-01-01 00:00:00.000001",
)  # fmt: skip
INSTANTS = (
    "0000-00-00 00:00:00", "1970-01-01 00:00:01", "2024-03-31 01:30:00.123456",
    "2024-03-31 01:30:00.124", "2038-01-19 03:14:07.999999", "2024-01-01 00:00:00",
)  # fmt: skip
DATES = tuple(f"DATE '{day}'" for day in DAYS if day not in NO_DAYS)
TIMES = (
    *(f"TIMESTAMP '{moment}'" for moment in MOMENTS[3:]),
    "TIMESTAMP '2024-03-31 01:30:00.1235'",
)
UNREAL = f"LEFT(CAST({{c}} AS CHAR), 10) IN ({', '.join(text_constants(NO_DAYS))})"
REAL_DAY = f"CASE WHEN NOT {UNREAL} THEN {{c}} END"
WALL_CLOCK = f"CASE WHEN NOT {UNREAL} THEN CAST(LEFT(CAST({{c}} AS CHAR), 23) AS DATETIME(3)) END"
MOMENT_TESTS = ("year({c}) = 2024", "CAST({c} AS date) > DATE '1970-01-01'")
ANY_TIME = "day at at_ms at_s"
MOMENT_COLUMNS = (
    time(
        "day",
        "date",
        REAL_DAY,
        (*DATES, *TIMES),
        peers=ANY_TIME,
        tests=("year({c}) < 1970", "{c} + INTERVAL '1' DAY > DATE '2024-01-01'"),
    ),
    time("due", "date", REAL_DAY, DATES, peers="day at"),
    time("at", "datetime(6)", WALL_CLOCK, (*TIMES, *DATES), peers=ANY_TIME, tests=MOMENT_TESTS),
    time("at_ms", "datetime(3)", WALL_CLOCK, (*TIMES, *DATES), peers=ANY_TIME),
    time("at_s", "datetime", WALL_CLOCK, (*DATES, *TIMES), peers=ANY_TIME),
    Column(
        "timestamp(6) NULL",
        text_constants(INSTANTS),
        WALL_CLOCK,
        probe_of("utc", (*TIMES, *DATES), {"peers": ANY_TIME, "tests": MOMENT_TESTS}),
    ),
)
OTHERWISE = (
    whole("flag", "tinyint(1)", "0 1 2 -1 127", "128 -129"),
    Column(
        "year",
        ("1901", "2024", "1970", "0"),
        "CASE WHEN {c} + 0 > 0 THEN MAKEDATE({c}, 1) END",
        probe_of("since", ("DATE '2024-01-01'", "DATE '1970-01-02'"), {}),
    ),
)
CUT = (
    whole("k", "int", " ".join(map(str, range(0, 90, 3))), "-1 4 1000", terms="1 2 id", peers="id"),
    text("word", "varchar(9) COLLATE utf8mb4_unicode_ci", WORDS, ODD_WORDS),
    time("at", "datetime(6)", WALL_CLOCK, TIMES),
)
WORDED = (
    text("word", "varchar(9) COLLATE utf8mb4_general_ci", WORDS, ODD_WORDS),
    whole("n", "int", "1 2 3", "4"),
)
PARTED = (
    text("region", "varchar(9)", ("north", "south", "east", "", "North"), ("west",)),
    whole("n", "int", "-5 0 1 9 10 11 50", "12", peers="id", terms="1 3 id"),
)
ID = Probe("id", ("0", "1", "150", "299", "-1", "1.5"), terms=("1", "2"))
TABLES = (
    Table(
        "numbers",
        NUMBERS,
        probes=(ID,),
        parts=("ALTER TABLE numbers ADD PRIMARY KEY (id)",),
        **HERE,
    ),
    Table("texts", TEXTS, parts=("ALTER TABLE texts ADD KEY (general), ADD KEY (latin)",), **HERE),
    Table("moments", MOMENT_COLUMNS, **HERE),
    Table("otherwise", OTHERWISE, catalog="other", **HERE),
    Table("worded", WORDED, catalog="other", parts=("ALTER TABLE worded ADD KEY (word)",), **HERE),
    Table("cut", CUT, catalog="other", parts=("CREATE INDEX k ON cut (k)",), probes=(ID,), **HERE),
    Table(
        "parted",
        PARTED,
        catalog="other",
        options=(
            "PARTITION BY RANGE (n) SUBPARTITION BY HASH (id) SUBPARTITIONS 2 (PARTITION low"
            " VALUES LESS THAN (1), PARTITION `it's` VALUES LESS THAN (10),"
            " PARTITION high VALUES LESS THAN MAXVALUE)"
        ),
        extra={
            "partition_name": "CONVERT(CASE WHEN n IS NULL OR n < 1 THEN 'low' WHEN n < 10"
            " THEN 'it''s' ELSE 'high' END USING utf8mb4) COLLATE utf8mb4_nopad_bin"
        },
        probes=(
            ID,
            Probe(
                "partition_name", text_constants(("low", "it's", "high", "x")), patterns=("'%h'",)
            ),
        ),
        **HERE,
    ),
)


@pytest.fixture(scope="module")
def database(mariadb: MariaDb) -> Iterator[MariaDb]:
    made = mariadb.create_database(SCHEMA)
    mariadb.create_database(VIEWS)
    with closing(made.connect(charset="utf8mb4")) as connection, connection.cursor() as cursor:
        cursor.execute(SESSION.replace("''", "'NO_BACKSLASH_ESCAPES,ALLOW_INVALID_DATES'"))
        for table in TABLES:
            for statement in table.statements():
                cursor.execute(statement)
    yield made
    mariadb.drop_database(VIEWS)
    mariadb.drop_database(SCHEMA)


@pytest.fixture(scope="module")
def server(database: MariaDb) -> Iterator[Server]:
    with closing(database.connect(charset="utf8mb4")) as connection:
        with connection.cursor() as cursor:
            cursor.execute(SESSION)
        yield Server(connection, "mysql")


@pytest.fixture(scope="module")
def open_mysql(
    open_engine: Callable[..., LocalEngine], database: MariaDb
) -> Callable[..., LocalEngine]:
    plain = dict(database.settings)
    other = {
        **plain,
        "mysql_tinyint1_as_bool": "false",
        "mysql_year_as_date": "true",
        "min_rows_per_split": "60",
        "max_splits": "4",
        "split_column": "k",
    }

    def open_(*, settings: dict[str, str] | None = None, **options: Any) -> LocalEngine:
        changed = settings or {}
        catalogs = {"plain": {**plain, **changed}, "other": {**other, **changed}}
        return open_engine(catalogs, handler=handler, **options)

    return open_


@pytest.fixture(scope="module")
def pushing(open_mysql: Callable[..., LocalEngine]) -> LocalEngine:
    return open_mysql()


@pytest.fixture(scope="module")
def planning(open_mysql: Callable[..., LocalEngine]) -> LocalEngine:
    """Sends query plans in place of value sets, expressions, orders and limits."""
    return open_mysql(serde=6, plans=True)


@pytest.fixture(scope="module")
def plain(open_mysql: Callable[..., LocalEngine]) -> LocalEngine:
    return open_mysql(pushdown=False)


CASES = [
    (table, chunk)
    for table in TABLES
    for chunk in chunks(table.all_probes(), seed=table.name, size=5)
]
COMPARABLE = [(table, probe) for table in TABLES for probe in table.all_probes() if probe.constants]
SORTABLE = [(table, probe) for table, probe in COMPARABLE if probe.column != "id"]


@pytest.mark.parametrize(("table", "chunk"), CASES, ids=str)
def test_three_answers_are_one(
    server: Server, pushing: LocalEngine, plain: LocalEngine, table: Table, chunk: Chunk
) -> None:
    check(server, pushing, table, chunk)
    check(server, plain, table, chunk)


@pytest.mark.parametrize(("table", "chunk"), CASES[::PLANNED], ids=str)
def test_query_plans_give_the_same(
    server: Server, planning: LocalEngine, table: Table, chunk: Chunk
) -> None:
    check(server, planning, table, chunk)


def test_predicates_are_many_and_select_some_of_the_rows(server: Server) -> None:
    check_variety(server, CASES)


@pytest.mark.parametrize(("table", "probe"), COMPARABLE, ids=str)
def test_the_server_filters(pushing: LocalEngine, table: Table, probe: Probe) -> None:
    """Nothing would be proved if predicates never left the engine."""
    check_filtering(pushing, table, probe)


@pytest.mark.parametrize("table", TABLES[-3:], ids=str)
def test_splits_hold_each_row_once(pushing: LocalEngine, table: Table) -> None:
    check_splits(pushing, table)


CAREFUL: dict[str, dict[str, str]] = {
    "equality_only": {"string_pushdown": "equality_only"},
    "off": {"string_pushdown": "off"},
    "hint": {"non_default_collate": "true"},
}
OF_TEXT = [
    (table, chunk)
    for table, chunk in CASES
    if chunk.column in ("general", "nopad", "latin", "mood")
    and chunk.shape in ("in", "order", "like", "logic")
]


@pytest.fixture(scope="module")
def careful(open_mysql: Callable[..., LocalEngine]) -> dict[str, LocalEngine]:
    return {name: open_mysql(settings=settings) for name, settings in CAREFUL.items()}


@pytest.mark.parametrize(
    ("table", "chunk", "setting"),
    [(*case, tuple(CAREFUL)[number % len(CAREFUL)]) for number, case in enumerate(OF_TEXT)],
    ids=str,
)
def test_settings_that_keep_texts_here(
    server: Server, careful: dict[str, LocalEngine], table: Table, chunk: Chunk, setting: str
) -> None:
    check(server, careful[setting], table, chunk)


@pytest.fixture(scope="module")
def sorting(pushing: LocalEngine, planning: LocalEngine) -> list[LocalEngine]:
    return [pushing, planning]


@pytest.mark.parametrize(
    ("number", "table", "probe"),
    [(number, *case) for number, case in enumerate(SORTABLE)],
    ids=str,
)
def test_21_11_the_first_rows_are_the_servers(
    server: Server, sorting: list[LocalEngine], number: int, table: Table, probe: Probe
) -> None:
    check_first_rows(server, sorting[number % 2], number, table, probe)

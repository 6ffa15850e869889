"""The server's own answer, the connector's with pushdown, with query plans, and without either.

All are equal.

Predicates are generated in Athena's SQL. The server answers them over views that show each
column as Athena sees it. DuckDB plays Athena's part; in it NaN is equal to itself and above
all numbers, as in the server, while in Athena it is equal to nothing. What that means to a
value set or a function is tested below the SQL, in ``test_differential_protocol.py``.
"""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Any

import psycopg2
import pytest
from athena_connectors.common.testing.predicates import Chunk, Probe, chunks, text_constants

from tests.differential import (
    ODD_WORDS,
    ORDERS,
    PATTERNS,
    PLANNED,
    ROWS,
    SHORT_WORDS,
    WORDS,
    Column,
    Server,
    Table,
    check,
    check_filtering,
    check_first_rows,
    check_limits,
    check_splits,
    check_variety,
    number,
    probe_of,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from athena_connectors.common.testing.engine import LocalEngine
    from athena_connectors.common.testing.postgres import PostgresAddress

    Settings = dict[str, dict[str, str]]

# Columns: what the server has, what Athena sees of it, and what it is compared with


def text(
    name: str, declared: str, values: Sequence[str], near: Sequence[str] = (), **options: Any
) -> Column:
    """A column that is text to Athena; values are in the form that Athena sees."""
    seen = options.pop("seen", "{c}::text") + ' COLLATE "C"'
    probe = probe_of(
        name, text_constants((*values, *near)), {"patterns": text_constants(PATTERNS), **options}
    )
    return Column(declared, text_constants(values), seen, probe)


def time(name: str, declared: str, seen: str, constants: Sequence[str], **options: Any) -> Column:
    values = DAYS if declared == "date" else (*MOMENTS, *DAYS)
    return Column(declared, text_constants(values), seen, probe_of(name, constants, options))


FLOATS = "0 -0 0.5 -0.5 1 2 -2 1.5 16777216 NaN Infinity -Infinity"
FINITE = "CASE WHEN {c} NOT IN ('NaN', 'Infinity', '-Infinity') THEN {c} END"
ROUNDED = FINITE.replace("THEN {c}", "THEN round({c}, 3)")
WHOLE = "small medium big quantity id"
EXACT = f"{WHOLE} price cents purse"
NUMBERS = (
    Column(
        "bool",
        ("true", "false"),
        "{c}",
        Probe("flag", ("true", "false"), ("bit",), tests=("flag", "NOT flag")),
    ),
    Column(
        "bit(1)",
        ("B'1'", "B'0'"),
        "{c} = B'1'",
        Probe("bit", ("true", "false"), ("flag",), tests=("bit",)),
    ),
    number("small", "int2", "-32768 -1 0 1 2 32767", "32768 1.5 -40000", peers=EXACT),
    number("medium", "int4", "-2147483648 -2 0 1 7 2147483647", "2147483648 0.5 1e3", peers=EXACT),
    number(
        "big",
        "int8",
        "-9223372036854775808 -3 0 1 9007199254740993 9223372036854775807",
        "9223372036854775808 9007199254740992 -0.1",
        peers=EXACT,
    ),
    number(
        "handle",
        "oid",
        "0 1 2147483648 4294967295",
        "-1 4294967296",
        seen="{c}::int8",
        peers=WHOLE,
    ),
    number(
        "quantity",
        "int4",
        " ".join(map(str, range(-5, 13))),
        "2.5",
        peers=WHOLE,
        terms="1 2 3 1.5 id price",
    ),
    number(
        "price",
        "numeric(10,2)",
        "-1.50 0 0.01 1.00 1.01 99.99 2.00",
        "1.005 3 1",
        peers="quantity",
        terms="1 2 0.25 3 quantity",
    ),
    number(
        "cents",
        "numeric(10,2)",
        "NaN -99999999.99 99999999.99 0.01 -0.01 0",
        "0.001 100000000",
        seen=FINITE,
        peers=EXACT,
    ),
    number(
        "wide",
        "numeric(38,10)",
        "NaN -9999999999999999999999999999.9999999999 0.0000000001 1 1.5 -2"
        " 9999999999999999999999999999.9999999999",
        "0.5 2.0000000001",
        seen=FINITE,
        peers="small big price",
    ),
    number(
        "free",
        "numeric",
        "0 2 2.5 1.005 1.0004 1.0005 -1.0005 1.0014999 0.0004 123456789012345678901234567890"
        " NaN Infinity -Infinity",
        "1.001 -1.001 1.002",
        seen=ROUNDED,
        places=3,
        peers="small price",
    ),
    number(
        "purse",
        "money",
        "-92233720368547758.08 92233720368547758.07 0 0.01 1.00 -1.50",
        "0.005 1",
        seen="{c}::numeric(20,2)",
        peers=EXACT,
    ),
    number("single", "float4", FLOATS, "0.25 3 1e0", peers="double"),
    number(
        "double",
        "float8",
        f"{FLOATS} 0.1 1e300 -1e300 5e-324 9007199254740993",
        "0.25 0.2 1e0",
        peers="single",
    ),
    number("tiny", "few", "0 1 99", "100", peers=WHOLE),
    Column(
        "int4[]",
        ("'{}'", "'{1,2}'", "'{NULL}'", "'{3}'"),
        "{c}",
        Probe("list", tests=("cardinality(list) = 2", "cardinality(list) < 1")),
    ),
)

UUIDS = (
    "00000000-0000-0000-0000-000000000000",
    "0f000000-0000-0000-0000-000000000000",
    "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11",
    "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a12",
    "ffffffff-ffff-ffff-ffff-ffffffffffff",
)
HOST = (
    "(CASE WHEN masklen({c}) = CASE family({c}) WHEN 4 THEN 32 ELSE 128 END"
    " THEN host({c}) ELSE {c}::text END)"
)
TEXTS = (
    text("plain", 'text COLLATE "C"', WORDS, ODD_WORDS, peers="usual german short"),
    text("usual", "text", WORDS, ODD_WORDS, peers="plain mixed label"),
    text("german", "text COLLATE linguistic", WORDS, ODD_WORDS, peers="plain folded fixed"),
    text("folded", "text COLLATE folded", WORDS, ODD_WORDS, peers="german mixed"),
    text("mixed", "citext", WORDS, ODD_WORDS, peers="plain folded"),
    text(
        "short",
        "varchar(5) COLLATE linguistic",
        SHORT_WORDS,
        ("abcdef", *ODD_WORDS),
        peers="plain fixed",
    ),
    text("fixed", "char(5)", SHORT_WORDS, ("a ", "a    ", *ODD_WORDS), peers="short german"),
    text("label", "phrase", WORDS, ODD_WORDS, peers="plain"),
    text("key", "uuid", UUIDS, (UUIDS[2].upper(), "a0eebc99", "zzz", ""), peers="usual"),
    text("mood", "mood", ("sad", "ok", "Happy", "ärger"), ("none", "Sad", ""), peers="usual"),
    text(
        "doc",
        "json",
        ('{"a": 1}', '{"a":1}', '{"b": 2, "a": 1}', "null", "[]", '"x"', "1", "true"),
        ("{", "x"),
        peers="tree",
    ),
    text(
        "tree",
        "jsonb",
        ('{"a": 1}', '{"a": 1, "b": 2}', "null", "[]", '"x"', "1", "1.0"),
        ('{"a":1}', "x"),
        peers="doc",
    ),
    text(
        "host",
        "inet",
        ("10.0.0.1", "10.0.0.0/24", "9.0.0.1", "::1", "2001:db8::/32"),
        ("10.0.0.1/32", "x"),
        seen=HOST,
    ),
    text(
        "span",
        "interval",
        ("1 day", "24:00:00", "-1 mons", "1 year 2 mons", "00:00:00", "00:00:00.000001"),
        ("24 hours",),
    ),
    text("reach", "int4range", ("empty", "[1,5)", "(,)", "[1,)"), ("[1,4]",)),
    text("clock", "time", ("00:00:00", "24:00:00", "12:30:00.000001"), ("12:30",)),
    text(
        "digits",
        "numeric(50,5)",
        ("NaN", "0.00000", "1.50000", "-1.50000", "99999999999999999999999999999999999.00000"),
        ("1.5", "1"),
    ),
    Column(
        "bytea",
        tuple(rf"'\x{octets}'" for octets in ("", "00", "7f", "80", "ff", "61", "6100")),
        "{c}",
        Probe("bytes", ("X''", "X'00'", "X'61'", "X'80'", "X'ff'", "X'62'")),
    ),
    Column("place", ("ROW(1, 'x')", "ROW(NULL, NULL)"), "to_json({c})::text", Probe("spot")),
    Column(
        "text[]",
        ("'{}'", "'{a,b}'", "'{NULL}'"),
        "{c}",
        Probe("labels", tests=("cardinality(labels) > 0",)),
    ),
)

DAYS = (
    "infinity", "-infinity", "0001-01-01", "9999-12-31", "0001-12-31 BC", "4713-01-01 BC",
    "10000-01-01", "1582-10-04", "1582-10-15", "1969-12-31", "1970-01-01", "2000-02-29",
    "2024-03-31", "2024-01-01",
)  # fmt: skip
MOMENTS = (
    "2024-03-31 01:30:00.123", "1970-01-01 00:00:00.001", "2023-12-31 23:59:59.999",
    "2024-03-31 01:30:00.123456", "2024-03-31 01:30:00.123999", "2024-03-31 01:30:00.124",
    "9999-12-31 23:59:59.999999", "0001-12-31 23:59:59.999999 BC", "294276-12-31 23:59:59.999999",
    "1969-12-31 23:59:59.999999", "1969-12-31 23:59:59.9985", "1969-12-31 23:59:59.998",
    "2023-12-31 23:59:59.9995", "2024-01-01 00:00:00.000001",
)  # fmt: skip
DATES = tuple(f"DATE '{day}'" for day in DAYS if day[4:] == day[4:10] and day[0].isdigit())
TIMES = (
    *(f"TIMESTAMP '{moment}'" for moment in MOMENTS if "BC" not in moment and moment[4] == "-"),
    "TIMESTAMP '2024-03-31 01:30:00.1235'",
)
INSTANTS = (
    *(f"{constant[:-1]} UTC'" for constant in TIMES),
    "TIMESTAMP '2024-03-31 07:00:00.123 +05:30'",
)
MOMENT_TESTS = (
    "year({c}) = 2024",
    "CAST({c} AS date) > DATE '1970-01-01'",
    "date_trunc('month', {c}) = TIMESTAMP '2024-03-01 00:00:00'",
)
YEARS = "CASE WHEN {c} BETWEEN '0001-01-01' AND '9999-12-31' THEN {c} END"
WALL_CLOCK = (
    "CASE WHEN {c} >= '0001-01-01' AND {c} < '10000-01-01' THEN date_trunc('milliseconds', {c}) END"
)
INSTANT = WALL_CLOCK.replace("-01-01'", "-01-01 00:00+00'")
UTC = f"({INSTANT}) AT TIME ZONE 'UTC'"
ANY_TIME = "day at at_ms at_s utc"
MOMENT_COLUMNS = (
    time(
        "day",
        "date",
        YEARS,
        (*DATES, *TIMES),
        peers=ANY_TIME,
        tests=("year({c}) < 1970", "{c} + INTERVAL '1' DAY > DATE '2024-01-01'"),
    ),
    time("due", "date", YEARS, DATES, peers="day at"),
    time("at", "timestamp", WALL_CLOCK, (*TIMES, *DATES), peers=ANY_TIME, tests=MOMENT_TESTS),
    time("at_ms", "timestamp(3)", WALL_CLOCK, (*TIMES, *DATES), peers=ANY_TIME),
    time("at_s", "timestamp(0)", WALL_CLOCK, (*DATES, *TIMES), peers=ANY_TIME),
    time("utc", "timestamptz", UTC, (*TIMES, *DATES), peers=ANY_TIME, tests=MOMENT_TESTS),
    time("utc_ms", "timestamptz(3)", UTC, TIMES, peers=ANY_TIME),
)
OTHERWISE = (
    time("zoned", "timestamptz", INSTANT, INSTANTS, peers="zoned_ms"),
    time("zoned_ms", "timestamptz(3)", INSTANT, INSTANTS, peers="zoned"),
    text(
        "free",
        "numeric",
        ("NaN", "Infinity", "1.0004", "1.50", "1.5", "0", "-0.0001"),
        ("1", "nan"),
    ),
)
CUT = (
    number(
        "k", "int4", " ".join(map(str, range(0, 90, 3))), "-1 4 1000", terms="1 2 id", peers="id"
    ),
    text("word", "text COLLATE linguistic", WORDS, ODD_WORDS),
    time("at", "timestamp", WALL_CLOCK, TIMES),
)
PARTED = (
    text("region", "text", ("north", "south", "east", "", "North"), ("west",)),
    number("n", "int4", "-5 0 1 9 10 11 50", "12", peers="id", terms="1 3 id"),
)
PARTS = ("parted_north", "parted_rest_low", "parted_rest_high", "parted_rest_none", "parted_east")
ID = Probe("id", ("0", "1", "150", "299", "-1", "1.5"), terms=("1", "2"))
TABLES = (
    Table("numbers", NUMBERS, probes=(ID,), parts=("ALTER TABLE numbers ADD PRIMARY KEY (id)",)),
    Table("texts", TEXTS),
    Table("moments", MOMENT_COLUMNS),
    Table("otherwise", OTHERWISE, catalog="other"),
    Table("cut", CUT, catalog="other", parts=("CREATE INDEX ON cut (k)",), probes=(ID,)),
    Table(
        "parted",
        PARTED,
        catalog="other",
        options="PARTITION BY LIST (region)",
        parts=(
            "CREATE TABLE parted_north PARTITION OF parted FOR VALUES IN ('north', 'North')",
            "CREATE TABLE parted_east PARTITION OF parted FOR VALUES IN ('east', NULL)",
            "CREATE TABLE parted_rest PARTITION OF parted DEFAULT PARTITION BY RANGE (n)",
            "CREATE TABLE parted_rest_low PARTITION OF parted_rest FOR VALUES FROM (-99) TO (10)",
            "CREATE TABLE parted_rest_high PARTITION OF parted_rest FOR VALUES FROM (10) TO (99)",
            "CREATE TABLE parted_rest_none PARTITION OF parted_rest DEFAULT",
        ),
        extra={
            "partition_name": 'tableoid::regclass::text COLLATE "C"',
            "partition_schema_name": "'public'::text COLLATE \"C\"",
        },
        probes=(
            ID,
            Probe("partition_name", text_constants((*PARTS, "x")), patterns=("'%north'", "'%low'")),
            Probe("partition_schema_name", ("'public'", "'x'"), ("partition_name",)),
        ),
    ),
)

PREPARATION = (
    "CREATE SCHEMA seen",
    "CREATE TYPE mood AS ENUM ('sad', 'ok', 'Happy', 'ärger')",
    "CREATE TYPE place AS (a int, b text)",
    "CREATE DOMAIN few AS int4 CHECK (VALUE < 100)",
    'CREATE DOMAIN phrase AS text COLLATE "linguistic"',
)
FOLDED = (
    "CREATE COLLATION folded (provider = icu, locale = 'und-u-ks-level2', deterministic = false)"
)
# The tests need a collation and a type that are compared with care, whatever the server has.
FOLDED_OTHERWISE = """INSERT INTO pg_collation SELECT (json_populate_record(k,
    '{"oid": 70000, "collname": "folded", "collisdeterministic": false}')).*
    FROM pg_collation AS k WHERE k.collname = 'linguistic'"""
CITEXT = "CREATE EXTENSION citext"
CITEXT_OTHERWISE = """
    CREATE TYPE citext;
    CREATE FUNCTION citextin(cstring) RETURNS citext AS 'textin' LANGUAGE internal STRICT;
    CREATE FUNCTION citextout(citext) RETURNS cstring AS 'textout' LANGUAGE internal STRICT;
    CREATE TYPE citext (INPUT = citextin, OUTPUT = citextout, LIKE = text, CATEGORY = 'S',
    COLLATABLE = true);
    CREATE CAST (citext AS text) WITHOUT FUNCTION AS IMPLICIT;
    CREATE CAST (text AS citext) WITHOUT FUNCTION AS ASSIGNMENT;
    CREATE FUNCTION citext_eq(citext, citext) RETURNS bool LANGUAGE sql
    RETURN lower($1::text) = lower($2::text);
    CREATE OPERATOR = (LEFTARG = citext, RIGHTARG = citext, FUNCTION = citext_eq)"""


def prepare(database: PostgresAddress) -> None:
    database.create_linguistic_collation()
    for statement, otherwise in ((FOLDED, FOLDED_OTHERWISE), (CITEXT, CITEXT_OTHERWISE)):
        try:
            database.execute(statement)
        except psycopg2.errors.FeatureNotSupported:
            database.execute(otherwise)
    database.execute(*PREPARATION, *(sql for table in TABLES for sql in table.statements()))


@pytest.fixture(scope="module")
def database(make_database: Callable[[], PostgresAddress]) -> PostgresAddress:
    made = make_database()
    prepare(made)
    return made


@pytest.fixture(scope="module")
def server(database: PostgresAddress) -> Iterator[Server]:
    with closing(database.connect(options="-c TimeZone=UTC")) as connection:
        yield Server(connection, "postgres")


@pytest.fixture(scope="module")
def catalogs(database: PostgresAddress) -> Settings:
    plain = {"default": database.connection_string, "default_scale": "3"}
    other = {
        **plain,
        "timestamptz_as_tz": "true",
        "numeric_unconstrained": "varchar",
        "min_rows_per_split": "60",
        "max_splits": "4",
        "split_column": "k",
    }
    return {"plain": plain, "other": other}


@pytest.fixture(scope="module")
def pushing(open_engine: Callable[..., LocalEngine], catalogs: Settings) -> LocalEngine:
    return open_engine(catalogs)


@pytest.fixture(scope="module")
def planning(open_engine: Callable[..., LocalEngine], catalogs: Settings) -> LocalEngine:
    """Sends query plans in place of value sets, expressions, orders and limits."""
    return open_engine(catalogs, serde=6, plans=True)


@pytest.fixture(scope="module")
def plain(open_engine: Callable[..., LocalEngine], catalogs: Settings) -> LocalEngine:
    return open_engine(catalogs, pushdown=False)


CASES = [
    (table, chunk) for table in TABLES for chunk in chunks(table.all_probes(), seed=table.name)
]
COMPARABLE = [(table, probe) for table in TABLES for probe in table.all_probes() if probe.constants]


# Predicates


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


@pytest.mark.parametrize("table", TABLES[-2:], ids=str)
def test_splits_hold_each_row_once(pushing: LocalEngine, table: Table) -> None:
    check_splits(pushing, table)


VERSIONS = (2, 3, 4, 5)
COMBINED = [(table, chunk) for table, chunk in CASES if chunk.shape == "logic"]


@pytest.fixture(scope="module")
def of_version(
    open_engine: Callable[..., LocalEngine], catalogs: Settings
) -> dict[int, LocalEngine]:
    return {version: open_engine(catalogs, serde=version) for version in VERSIONS}


@pytest.mark.parametrize(
    ("table", "chunk", "version"),
    [(*case, VERSIONS[number % len(VERSIONS)]) for number, case in enumerate(COMBINED)],
    ids=str,
)
def test_older_protocols(
    server: Server,
    of_version: dict[int, LocalEngine],
    table: Table,
    chunk: Chunk,
    version: int,
) -> None:
    check(server, of_version[version], table, chunk)


CAREFUL: dict[str, dict[str, str]] = {
    "equality_only": {"string_pushdown": "equality_only"},
    "off": {"string_pushdown": "off"},
    "hint": {"non_default_collate": "true"},
}
OF_TEXT = [
    (table, chunk)
    for table, chunk in CASES
    if chunk.column in ("plain", "german", "folded", "fixed", "key", "mood")
    and chunk.shape in ("in", "order", "like", "logic")
]


@pytest.fixture(scope="module")
def careful(open_engine: Callable[..., LocalEngine], catalogs: Settings) -> dict[str, LocalEngine]:
    return {
        name: open_engine({"plain": {**catalogs["plain"], **settings}})
        for name, settings in CAREFUL.items()
    }


@pytest.mark.parametrize(
    ("table", "chunk", "setting"),
    [(*case, tuple(CAREFUL)[number % len(CAREFUL)]) for number, case in enumerate(OF_TEXT)],
    ids=str,
)
def test_settings_that_keep_texts_here(
    server: Server,
    careful: dict[str, LocalEngine],
    table: Table,
    chunk: Chunk,
    setting: str,
) -> None:
    check(server, careful[setting], table, chunk)


# Order and limit

SORTABLE = [(table, probe) for table, probe in COMPARABLE if probe.column != "id"]


@pytest.fixture(scope="module")
def sorting(open_engine: Callable[..., LocalEngine], catalogs: Settings) -> list[LocalEngine]:
    versions = [open_engine(catalogs, serde=version) for version in (4, 5, 6)]
    return [*versions, open_engine(catalogs, serde=6, plans=True)]


@pytest.mark.parametrize(
    ("number", "table", "probe"),
    [(number, *case) for number, case in enumerate(SORTABLE)],
    ids=str,
)
def test_the_first_rows_are_the_servers(
    server: Server, sorting: list[LocalEngine], number: int, table: Table, probe: Probe
) -> None:
    check_first_rows(server, sorting[number % len(sorting)], number, table, probe)


@pytest.mark.parametrize("column", ["single", "double"])
@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("limit", [7, 2 * ROWS])
def test_the_first_floats_are_the_servers(
    database: PostgresAddress, pushing: LocalEngine, column: str, order: str, limit: int
) -> None:
    """The place of NaN; the two zeros tie, so a number for the row would not be the same."""
    query = f"SELECT {column} FROM {{}}.numbers ORDER BY {column} {order} LIMIT {limit}"
    result = pushing.query(query.format("plain.public"))
    check_limits(result.scans)
    (found,) = result.table.columns
    expected = [value for (value,) in database.execute(query.format("seen"))]
    assert list(map(_spelled, found.to_pylist())) == list(map(_spelled, expected))


def _spelled(number: float | None) -> str:
    return str(None if number is None else number + 0.0)  # makes -0.0 to 0.0

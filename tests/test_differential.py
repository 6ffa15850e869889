"""The server's own answer, the connector's with pushdown and without: all three are equal.

Predicates are generated in Athena's SQL. The server answers them over views that show each
column as Athena sees it. Athena's part is played by DuckDB, where NaN is equal to itself
and above all numbers, as in the server; in Athena it is equal to nothing, and what a value
set or a function means there is tested below the SQL, in ``test_differential_protocol.py``.
"""

from __future__ import annotations

from collections import Counter
from contextlib import closing
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING, Any

import psycopg2
import pytest
from athena_connectors.common.testing.predicates import (
    Chunk,
    Probe,
    chunks,
    in_dialect,
    text_constants,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from athena_connectors.common.testing.engine import LocalEngine, QueryResult
    from athena_connectors.common.testing.postgres import PostgresAddress

SEED = "differential 1"
ROWS = 300
WANTED = 2000


@dataclass(frozen=True)
class Column:
    """A column: its type, its values in the server's SQL, what Athena sees, its probe."""

    declared: str
    values: tuple[str, ...]
    seen: str
    probe: Probe

    @property
    def name(self) -> str:
        return self.probe.column


def numbers(
    name: str, declared: str, *values: str, seen: str = "{c}", near: tuple[str, ...] = (), **probe: Any
) -> Column:
    """A column of numbers; ``near`` are constants that it does not hold."""
    finite = [value for value in values if value[-1].isdigit()]
    literals = tuple(f"'{value}'" for value in values)
    return Column(declared, literals, seen, Probe(name, (*finite, *near), **probe))


TEXT = '{c}::text COLLATE "C"'


def texts(
    name: str, declared: str, *values: str, seen: str = TEXT, near: Sequence[str] = (), **probe: Any
) -> Column:
    """A column that is text to Athena; values are in the form that Athena sees."""
    return Column(
        declared,
        text_constants(values),
        seen,
        Probe(
            name,
            text_constants((*values, *near)),
            patterns=text_constants(PATTERNS),
            **probe,
        ),
    )


def times(name: str, declared: str, seen: str, constants: Sequence[str], **probe: Any) -> Column:
    literals = DAYS if declared == "date" else (*MOMENTS, *DAYS)
    return Column(
        declared, text_constants(literals), seen, Probe(name, tuple(constants), **probe)
    )


PATTERNS = (
    "", "%", "_", "__", "a", "a%", "%a", "%b%", "a_", "a_%", "_b", "A%", "%\\%", "a\\_b", "\\", "a\\%", "%%", "_%_", "é%",
    "%\U0001f600", "%'%", "1%", "%\n%", "{%", "%:%", " %", "% ", "%-%",
)  # fmt: skip
WORDS = (
    "", " ", "a", "a ", " a", "A", "b", "B", "ab", "aB", "Ab", "AB", "abc", "a%b", "a_b", "a\\b", "a\\_b", "%", "_", "\\",
    "é", "É", "e\u0301", "ß", "ss", "z", "Z", "ä", "5-LOW", "_x", "'", '"', "\n", "\t", "\x01", "\ud7ff", "\ue000",
    "\uffff", "\U00010000", "\U0001f600", "a\U0001f600", "NULL", "null", "1", "10", "9", "-", "{}",
)  # fmt: skip
SHORT_WORDS = tuple(word for word in WORDS if word == word.rstrip(" ") and len(word) <= 5)
ODD_WORDS = ("aa", "\U0010ffff", "zz", "a\ue000", "A ", "B'")

DAYS = (
    "infinity", "-infinity", "0001-01-01", "9999-12-31", "0001-12-31 BC", "4713-01-01 BC", "10000-01-01", "5874-12-31",
    "1582-10-04", "1582-10-15", "1969-12-31", "1970-01-01", "2000-02-29", "2024-03-31", "2024-01-01",
)  # fmt: skip
MOMENTS = (
    "9999-12-31 23:59:59.999999", "0001-12-31 23:59:59.999999 BC", "294276-12-31 23:59:59.999999",
    "1969-12-31 23:59:59.999999", "1969-12-31 23:59:59.9985", "1969-12-31 23:59:59.998", "2024-03-31 01:30:00.123",
    "2024-03-31 01:30:00.123456", "2024-03-31 01:30:00.123999", "2024-03-31 01:30:00.124", "2023-12-31 23:59:59.999",
    "2023-12-31 23:59:59.9995", "2024-01-01 00:00:00.000001", "1970-01-01 00:00:00.001",
)  # fmt: skip
DATE_CONSTANTS = tuple(
    f"DATE '{day}'" for day in DAYS if "BC" not in day and day[4] == "-" and "inf" not in day
)
TIME_CONSTANTS = tuple(
    f"TIMESTAMP '{moment}'" for moment in MOMENTS if "BC" not in moment and moment[4] == "-"
)
ZONED_CONSTANTS = (
    *(f"{constant[:-1]} UTC'" for constant in TIME_CONSTANTS),
    "TIMESTAMP '2024-03-31 07:00:00.123 +05:30'",
)
TIMES = (*TIME_CONSTANTS, *DATE_CONSTANTS, "TIMESTAMP '2024-03-31 01:30:00.1235'")

IN_YEARS = "CASE WHEN {c} BETWEEN '0001-01-01'::date AND '9999-12-31'::date THEN {c} END"
IN_MOMENTS = (
    "CASE WHEN {c} >= '0001-01-01'::timestamp AND {c} < '10000-01-01'::timestamp"
    " THEN date_trunc('milliseconds', {c}) END"
)
IN_INSTANTS = (
    "CASE WHEN {c} >= '0001-01-01 00:00+00' AND {c} < '10000-01-01 00:00+00'"
    " THEN date_trunc('milliseconds', {c}) END"
)
FINITE = "CASE WHEN {c} NOT IN ('NaN', 'Infinity', '-Infinity') THEN {c} END"
WHOLE = ("small", "medium", "big", "quantity", "id")
EXACT = (*WHOLE, "price", "cents", "purse")
FLOATS = ("0", "-0", "0.5", "-0.5", "1", "2", "-2", "1.5", "16777216", "NaN", "Infinity", "-Infinity")
UUIDS = (
    "00000000-0000-0000-0000-000000000000", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a12",
    "ffffffff-ffff-ffff-ffff-ffffffffffff", "0f000000-0000-0000-0000-000000000000",
)  # fmt: skip

NUMBERS = (
    Column("bool", ("true", "false"), "{c}", Probe("flag", ("true", "false"), ("bit",), tests=("flag", "NOT flag"))),
    Column("bit(1)", ("B'1'", "B'0'"), "{c} = B'1'", Probe("bit", ("true", "false"), ("flag",), tests=("bit",))),
    numbers("small", "int2", "-32768", "-1", "0", "1", "2", "32767", near=("32768", "1.5", "-40000"), peers=EXACT),
    numbers("medium", "int4", "-2147483648", "-2", "0", "1", "7", "2147483647", near=("2147483648", "0.5", "1e3"), peers=EXACT),
    numbers(
        "big", "int8", "-9223372036854775808", "-3", "0", "1", "9007199254740993", "9223372036854775807",
        near=("9223372036854775808", "9007199254740992", "-0.1"), peers=EXACT,
    ),
    numbers("object", "oid", "0", "1", "2147483648", "4294967295", near=("-1", "4294967296"), peers=WHOLE, seen="{c}::int8"),
    numbers("quantity", "int4", *map(str, range(-5, 13)), near=("2.5",), peers=WHOLE, steps=("1", "2", "3", "10", "1.5")),
    numbers("price", "numeric(10,2)", "-1.50", "0", "0.01", "1.00", "1.01", "99.99", "2.00", near=("1.005", "3", "1"), peers=("quantity", "cents"), steps=("1", "2", "0.25", "3")),
    numbers("cents", "numeric(10,2)", "NaN", "-99999999.99", "99999999.99", "0.01", "-0.01", "0", near=("0.001", "100000000"), seen=FINITE, peers=EXACT),
    numbers(
        "wide", "numeric(38,10)", "NaN", "-9999999999999999999999999999.9999999999", "9999999999999999999999999999.9999999999",
        "0.0000000001", "1", "1.5", "-2", near=("0.5", "2.0000000001"), seen=FINITE, peers=("small", "big", "price"),
    ),
    numbers(
        "free", "numeric", "NaN", "Infinity", "-Infinity", "1.0004", "1.0005", "-1.0005", "1.0014999", "0.0004", "0", "123456789012345678901234567890", "2", "2.5",
        seen="CASE WHEN {c} NOT IN ('NaN', 'Infinity', '-Infinity') THEN round({c}, 3) END", near=("1.001", "-1.001", "1.002"), peers=("small", "price"),
    ),
    numbers("purse", "money", "-92233720368547758.08", "92233720368547758.07", "0", "0.01", "1.00", "-1.50", seen="{c}::numeric(20,2)", near=("0.005", "1"), peers=EXACT),
    numbers("single", "float4", *FLOATS, near=("0.25", "3", "1e0"), peers=("double",)),
    numbers("double", "float8", *FLOATS, "0.1", "1e300", "-1e300", "5e-324", "9007199254740993", near=("0.25", "0.2", "1e0"), peers=("single",)),
    numbers("tiny", "few", "0", "1", "99", near=("100",), peers=WHOLE),
    Column("int4[]", ("'{}'", "'{1,2}'", "'{NULL}'", "'{3}'"), "{c}", Probe("list", tests=("cardinality(list) = 2", "cardinality(list) < 1"))),
)  # fmt: skip
TEXTS = (
    texts("plain", 'text COLLATE "C"', *WORDS, near=ODD_WORDS, peers=("usual", "german", "short")),
    texts("usual", "text", *WORDS, near=ODD_WORDS, peers=("plain", "mixed", "upper")),
    texts("german", "text COLLATE linguistic", *WORDS, near=ODD_WORDS, peers=("plain", "folded", "fixed")),
    texts("folded", "text COLLATE folded", *WORDS, near=ODD_WORDS, peers=("german", "mixed")),
    texts("mixed", "citext", *WORDS, near=ODD_WORDS, peers=("plain", "folded")),
    texts("short", "varchar(5) COLLATE linguistic", *SHORT_WORDS, near=("abcdef", *ODD_WORDS), peers=("plain", "fixed")),
    texts("fixed", "char(5)", *SHORT_WORDS, near=("a ", "a    ", "abcdef", *ODD_WORDS), peers=("short", "german")),
    texts("upper", "phrase", *WORDS, near=ODD_WORDS, peers=("plain",)),
    texts("key", "uuid", *UUIDS, near=("A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11", "a0eebc99", "zzz", ""), peers=("usual",)),
    texts("mood", "mood", "sad", "ok", "Happy", "ärger", near=("none", "Sad", ""), peers=("usual",)),
    texts("doc", "json", '{"a": 1}', '{"a":1}', '{"b": 2, "a": 1}', "null", "[]", '"x"', "1", "true", near=("{", "x")),
    texts("tree", "jsonb", '{"a": 1}', '{"a": 1, "b": 2}', "null", "[]", '"x"', "1", "1.0", near=('{"a":1}', "x"), peers=("doc",)),
    texts(
        "host", "inet", "10.0.0.1", "10.0.0.0/24", "9.0.0.1", "::1", "2001:db8::/32", near=("10.0.0.1/32", "x"),
        seen="""(CASE WHEN masklen({c}) = CASE family({c}) WHEN 4 THEN 32 ELSE 128 END THEN host({c}) ELSE {c}::text END) COLLATE "C\"""",
    ),
    texts("length", "interval", "1 day", "24:00:00", "-1 mons", "1 year 2 mons", "00:00:00", "00:00:00.000001", near=("24 hours",)),
    texts("span", "int4range", "empty", "[1,5)", "(,)", "[1,)", near=("[1,4]",)),
    texts("moment", "time", "00:00:00", "24:00:00", "12:30:00.000001", near=("12:30",)),
    texts("digits", "numeric(50,5)", "NaN", "0.00000", "1.50000", "-1.50000", "99999999999999999999999999999999999999999.00000", near=("1.5", "1")),
    Column("bytea", (r"'\x'", r"'\x00'", r"'\x7f'", r"'\x80'", r"'\xff'", r"'\x61'", r"'\x6100'"), "{c}", Probe("bytes", ("X''", "X'00'", "X'61'", "X'80'", "X'ff'", "X'62'"))),
    Column("place", ("ROW(1, 'x')", "ROW(NULL, NULL)"), '{c}::text COLLATE "C"', Probe("spot")),
    Column("text[]", ("'{}'", "'{a,b}'", "'{NULL}'"), "{c}", Probe("labels", tests=("cardinality(labels) > 0",))),
)  # fmt: skip
MOMENT_PEERS = ("at", "at_ms", "at_s", "utc", "day")
MOMENT_TESTS = ("year({c}) = 2024", "CAST({c} AS date) > DATE '1970-01-01'", "date_trunc('month', {c}) = TIMESTAMP '2024-03-01 00:00:00'")
TIME_COLUMNS = (
    times("day", "date", IN_YEARS, TIMES, peers=MOMENT_PEERS, tests=("year(day) < 1970", "day + INTERVAL '1' DAY > DATE '2024-01-01'")),
    times("due", "date", IN_YEARS, DATE_CONSTANTS, peers=("day", "at")),
    times("at", "timestamp", IN_MOMENTS, TIMES, peers=MOMENT_PEERS, tests=tuple(test.format(c="at") for test in MOMENT_TESTS)),
    times("at_ms", "timestamp(3)", IN_MOMENTS, TIMES, peers=MOMENT_PEERS),
    times("at_s", "timestamp(0)", IN_MOMENTS, TIMES, peers=MOMENT_PEERS),
    times("utc", "timestamptz", f"({IN_INSTANTS}) AT TIME ZONE 'UTC'", TIMES, peers=MOMENT_PEERS, tests=tuple(test.format(c="utc") for test in MOMENT_TESTS)),
    times("utc_ms", "timestamptz(3)", f"({IN_INSTANTS}) AT TIME ZONE 'UTC'", TIMES, peers=MOMENT_PEERS),
)  # fmt: skip

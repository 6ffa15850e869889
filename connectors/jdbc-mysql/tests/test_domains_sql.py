"""Value sets in the server against the same sets on the rows that were read from it."""

from __future__ import annotations

import math
import re
from collections import Counter
from contextlib import closing
from decimal import Decimal
from functools import partial
from itertools import zip_longest
from typing import TYPE_CHECKING, Any

import pytest
from athena_connectors.common.config import load_settings
from athena_connectors.common.observability import SplitStats
from athena_connectors.common.physical import Kind, kind_of
from athena_connectors.common.protocol.messages import TableName
from athena_connectors.common.sql import domains_sql, value_shapes
from athena_connectors.common.sql.dialect import FALSE, TEXTS, NotPushedError
from athena_connectors.common.sql.relation import Column, Comparison
from athena_connectors.common.sql.spelling import FIRST_MS, LAST_MS
from athena_connectors.common.sql.value_shapes import MAX_POINTS
from athena_connectors.common.testing.sql_domains import (
    HeldColumn as Held,
)
from athena_connectors.common.testing.sql_domains import (
    check_sets,
    physical,
    random_sets,
    sets_of,
    simple_sets,
)
from athena_connectors.common.testing.text_predicates import select
from athena_connectors.common.valueset import Range, SortedRangeSet
from athena_connectors.jdbc_mysql import metadata
from athena_connectors.jdbc_mysql.dialect import MYSQL
from athena_connectors.jdbc_mysql.literals import identifier
from athena_connectors.jdbc_mysql.reader import read_statement
from athena_connectors.jdbc_mysql.settings import Settings
from athena_connectors.jdbc_mysql.types import TYPES
from hypothesis import given, settings
from hypothesis import strategies as st

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from athena_connectors.common.sql.domains_sql import Fragment
    from athena_connectors.common.testing.mariadb import MariaDb
    from athena_connectors.common.valueset import Value, ValueSet

domain_sql = partial(domains_sql.domain_sql, dialect=MYSQL)

PLAIN_TEXTS: tuple[str, ...] = (
    *("", " ", "a", "a ", "a  ", "A", "ab", "b", "B", "z", "_x", "5-LOW", "\\", "%", "a%b", "a_b"),
    *("\n", "\t", "a\t", "a\x01", "\x01", "\0", "a\0", "it's", '"', "`", "NULL", "0", "1e0", "/*"),
    "abc" * 9,
)
LATIN_TEXTS = (*PLAIN_TEXTS, "é", "E", "e", "ß", "ss", "€", "Å", "\x81", "ÿ")
BASIC_TEXTS = (*LATIN_TEXTS, "e\u0301", "ł", "\ud7ff", "\ue000", "\uffff")
TEXTS_HELD = (*BASIC_TEXTS, "\U00010000", "a\U0001f600")
CYRILLIC_TEXTS = (*PLAIN_TEXTS, "я", "Я", "ё")

DATES: tuple[str, ...] = (
    *("0000-00-00", "0000-05-05", "2024-00-01", "2024-02-00", "0001-01-01", "9999-12-31"),
    *("1970-01-01", "1969-12-31", "2000-02-29", "1582-10-10", "2024-02-01", "2024-01-31"),
)
TIMES: tuple[str, ...] = (
    *("0000-00-00 00:00:00", "2024-02-00 00:00:00", "2024-02-00 23:59:59.999999"),
    *("2024-01-31 23:59:59.999999", "2024-02-01 00:00:00", "0001-01-01 00:00:00"),
    *("0001-01-01 00:00:00.000001", "9999-12-31 23:59:59.999", "9999-12-31 23:59:59.999999"),
    *("1970-01-01 00:00:00", "1969-12-31 23:59:59.999", "1969-12-31 23:59:59.9999"),
    *("2024-02-29 12:00:00.123", "2024-02-29 12:00:00.123001", "2024-02-29 12:00:00.123999"),
    *("2024-02-29 12:00:00.124", "0000-12-31 23:59:59.999999"),
)
INSTANTS = (
    *("0000-00-00 00:00:00", "1970-01-01 00:00:01", "2038-01-19 03:14:07.999999"),
    *("2024-02-29 12:00:00.123", "2024-02-29 12:00:00.123001", "2024-02-29 12:00:00.123999"),
    *("2024-02-29 12:00:00.124", "2024-03-31 02:30:00"),
)
FLOATS: tuple[str, ...] = ("0", "-0.0", "1", "-1", "1.1", "0.5", "16777216", "1e-40", "16777217")
FLOATS += ("-1.1", "3.4028234e38", "-3.4028234e38", "1e-45")
NUMERICS = ("0", "1", "-1", "0.01", "-0.01", "99999.99", "-99999.99", "1.1", "2", "0.10")
LONG = (
    *("0", "1234567890123456789012345678.0123456789", "0.0000000001", "-0.5", "1"),
    *("-9999999999999999999999999999.9999999999", "9999999999999999999999999999.9999999999"),
)


def integers(bits: int) -> tuple[str, ...]:
    greatest = 2 ** (bits - 1) - 1
    numbers = (-greatest - 1, -greatest, -2, -1, 0, 1, 2, 7, greatest - 1, greatest)
    return tuple(map(str, numbers))


def naturals(bits: int) -> tuple[str, ...]:
    greatest = 2**bits - 1
    return tuple(map(str, (0, 1, 2, 7, greatest // 2, greatest // 2 + 1, greatest - 1, greatest)))


def text(charset: str, collation: str, type_: str = "varchar(30)") -> str:
    return f"{type_} CHARACTER SET {charset} COLLATE {collation}"


SHORT = tuple(item for item in TEXTS_HELD if len(item) <= 5)
HELD: dict[str, tuple[str, tuple[str, ...]]] = {
    "tiny": ("tinyint", integers(8)),
    "small": ("smallint", integers(16)),
    "medium": ("mediumint", integers(24)),
    "middle": ("int", integers(32)),
    "large": ("bigint", (*integers(64), str(2**53), str(2**53 + 1))),
    "utiny": ("tinyint unsigned", naturals(8)),
    "usmall": ("smallint unsigned zerofill", naturals(16)),
    "umiddle": ("int unsigned", naturals(32)),
    "ularge": ("bigint unsigned", naturals(64)),
    "year": ("year", ("0", "24", "99", "1970", "2000", "2155", "1901")),
    "truth": ("tinyint(1)", ("0", "1", "2", "-1", "127")),
    "bit": ("bit(1)", ("0", "1")),
    "bits": ("bit(9)", ("0", "1", "49", "511")),
    "wide": ("bit(64)", naturals(64)),
    "exact": ("decimal(7, 2)", NUMERICS),
    "whole": ("decimal(3, 0)", ("0", "1", "-1", "999", "-999")),
    "tenths": ("decimal(5, 5)", ("0", "0.00001", "-0.00001", "0.99999")),
    "long": ("decimal(38, 10)", LONG),
    "longer": ("decimal(50, 2)", ("0", "1.10", "-1", "9" * 48)),
    "positive": ("decimal(9, 3) unsigned", ("0", "0.001", "999999.999")),
    "real": ("float", FLOATS),
    "real2": ("float(7, 2)", ("0", "1.1", "-1.1", "99999.99")),
    "double": ("double", (*FLOATS, "5e-324", "1.7976931348623157e308", "1.1000000238418579")),
    "day": ("date", DATES),
    "time": ("datetime(6)", TIMES),
    "time3": ("datetime(3)", TIMES),
    "time0": ("datetime", TIMES),
    "instant": ("timestamp(6) NULL", INSTANTS),
    "instant0": ("timestamp NULL", INSTANTS),
    "te`xt": (text("utf8mb4", "utf8mb4_general_ci"), TEXTS_HELD),
    "{c}": (text("utf8mb4", "utf8mb4_nopad_bin"), TEXTS_HELD),
    "unicode": (text("utf8mb4", "utf8mb4_unicode_ci"), TEXTS_HELD),
    "bin": (text("utf8mb4", "utf8mb4_bin"), TEXTS_HELD),
    "czech": (text("utf8mb4", "utf8mb4_czech_ci"), (*TEXTS_HELD, "ch", "c", "h", "CH")),
    "nopad": (text("utf8mb4", "utf8mb4_unicode_520_nopad_ci"), TEXTS_HELD),
    "latin1": (text("latin1", "latin1_swedish_ci"), LATIN_TEXTS),
    "latin1 bin": (text("latin1", "latin1_nopad_bin"), LATIN_TEXTS),
    "german": (text("latin1", "latin1_german2_ci"), LATIN_TEXTS),
    "three": (text("utf8mb3", "utf8mb3_general_ci"), BASIC_TEXTS),
    "three bin": (text("utf8mb3", "utf8mb3_nopad_bin"), BASIC_TEXTS),
    "utf16": (text("utf16", "utf16_general_ci"), TEXTS_HELD),
    "ucs2": (text("ucs2", "ucs2_nopad_bin"), BASIC_TEXTS),
    "koi8r": (text("koi8r", "koi8r_general_ci"), CYRILLIC_TEXTS),
    "sjis": (text("sjis", "sjis_japanese_ci"), (*PLAIN_TEXTS, "ソ", "表", "ア")),
    "gbk": (text("gbk", "gbk_chinese_ci"), (*PLAIN_TEXTS, "縗", "中")),
    "swe7": (text("swe7", "swe7_swedish_ci"), ("", "a", "A", "a ", "å", "b", "B")),
    "ascii": (text("ascii", "ascii_general_ci"), PLAIN_TEXTS),
    "character": (text("utf8mb4", "utf8mb4_general_ci", "char(5)"), SHORT),
    "character bin": (text("utf8mb4", "utf8mb4_nopad_bin", "char(5)"), SHORT),
    "lob": (text("utf8mb4", "utf8mb4_general_ci", "longtext"), TEXTS_HELD),
    "tinytext": (text("latin1", "latin1_swedish_ci", "tinytext"), LATIN_TEXTS),
    "mood": (
        text("utf8mb4", "utf8mb4_general_ci", "enum('b', 'a', 'it''s', 'é')"),
        ("b", "a", "it's", "é", "none of them"),
    ),
    "colours": (text("latin1", "latin1_swedish_ci", "set('b', 'a', 'é')"), ("", "b", "b,a", "é")),
    "json": ("json", ("null", "1", "1.0", '{"a": 1, "b": 2}', '{"b":2,"a":1}', '"é"', "[]")),
    "clock": ("time(6)", ("00:00:00", "-838:59:59", "838:59:59.999999", "12:34:56.789012")),
    "clock0": ("time", ("00:00:00", "-838:59:59", "12:34:56")),
    "uuid": (
        "uuid",
        ("00000000-0000-0000-0000-000000000000", "9fffffff-0000-0000-0000-0000000000aa"),
    ),
    "inet6": ("inet6", ("::1", "ffff::", "::ffff:1.2.3.4")),
    "binary": ("binary(3)", ("", "a", "a ", "\x7f", "abc")),
    "varbinary": ("varbinary(9)", ("", "\0", "\x7f", "a", "a\0", "a ", "A", "é")),
    "blob": ("blob", ("", "\0", "\x7f", "a", "a\0", "é")),
    "point": ("point", ()),
}


@pytest.fixture(scope="module")
def connection(database: MariaDb) -> Iterator[Any]:
    with closing(database.connect(charset="utf8mb4")) as connection:
        connection.query("SET sql_mode = '', time_zone = '+00:00'")
        yield connection


@pytest.fixture(scope="module")
def cursor(connection: Any) -> Any:
    return connection.cursor()


def quoted(value: str | None, type_: str) -> str:
    if value is None:
        return "NULL"
    if type_.startswith(("int", "bit", "float", "double", "year")):
        return value
    return f"_utf8mb4 X'{value.encode().hex()}'"


def create_table(cursor: Any) -> None:
    names = [identifier(name) for name in HELD]
    columns = ", ".join(
        f"{name} {type_}" for name, (type_, _) in zip(names, HELD.values(), strict=True)
    )
    cursor.execute(f"CREATE TABLE held (id int, {columns}) ENGINE InnoDB ROW_FORMAT DYNAMIC")
    rows = zip_longest(*((None, *values) for _, values in HELD.values()))
    types = [type_ for type_, _ in HELD.values()]
    lines = [f"({place}, {', '.join(map(quoted, row, types))})" for place, row in enumerate(rows)]
    cursor.execute(f"INSERT INTO held VALUES {', '.join(lines)}")
    cursor.execute("SET sql_mode = 'ALLOW_INVALID_DATES'")
    day = (
        "INSERT INTO held (id, day, time) VALUES (-1, '2024-02-31', '2024-02-31 12:00:00'),"
        " (-2, '2023-02-29', '2023-04-31 23:59:59.999999')"
    )
    cursor.execute(day)
    cursor.execute("INSERT INTO held (id, point) VALUES (-3, POINT(1, 2))")
    cursor.execute("SET sql_mode = ''")


VARIANTS: tuple[dict[str, str], ...] = (
    {},
    {"mysql_tinyint1_as_bool": "false", "mysql_year_as_date": "true", "mysql_zero_date": "round"},
)
"""Settings by which columns are read in another way."""


@pytest.fixture(scope="module")
def everything(database: MariaDb, connection: Any, cursor: Any) -> list[Held]:
    create_table(cursor)
    found: dict[Column, Held] = {}
    for variant in VARIANTS:
        relation = metadata.describe(
            cursor, TableName(database.database, "held"), load_settings(Settings, variant)
        )
        shown = (item.projection.replace("{c}", identifier(item.name)) for item in relation.columns)
        sql = f"SELECT {', '.join(shown)} FROM held"
        (batch,) = read_statement(
            connection, sql, relation.columns, table="held", stats=SplitStats()
        )
        for column in relation.columns[1:]:
            values = physical(batch.column(column.name))
            found.setdefault(column, Held(column, batch, values))
    return list(found.values())


def named(everything: list[Held], name: str) -> Held:
    return next(held for held in everything if held.column.name == name)


# Sets


def rows_where(cursor: Any, conditions: Sequence[str], source: str = "held") -> list[set[int]]:
    """The rows for which each condition is true, all asked for at once."""
    found: list[set[int]] = []
    for start in range(0, len(conditions), 400):
        some = conditions[start : start + 400]
        tests = "".join(f", ({text}) IS TRUE" for text in some)
        cursor.execute(f"SELECT id{tests} FROM {source}")
        rows = cursor.fetchall()
        found += [{row[0] for row in rows if row[place]} for place in range(1, len(some) + 1)]
    return found


def compile_(values: ValueSet, column: Column) -> Fragment:
    return domain_sql(values, column, Settings())


def check(cursor: Any, held: Held, asked: Iterable[ValueSet], tally: Counter[str]) -> None:
    check_sets(partial(rows_where, cursor), compile_, held, asked, tally)


def run(cursor: Any, helds: list[Held], *, examples: int) -> None:
    tally: Counter[str] = Counter()

    @given(st.one_of([st.tuples(st.just(held), sets_of(held)) for held in helds]))
    @settings(max_examples=examples, deadline=None, derandomize=True)
    def agree(asked: tuple[Held, ValueSet]) -> None:
        held, values = asked
        check(cursor, held, [values], tally)

    agree()


@pytest.mark.parametrize("name", HELD)
def test_the_server_keeps_the_rows_that_we_would(
    cursor: Any, everything: list[Held], name: str
) -> None:
    # Read in another way by other settings, a column is another one.
    helds = [held for held in everything if held.column.name == name]
    run(cursor, helds, examples=20)
    for held in helds:
        if held.column.comparison is not Comparison.NEVER:
            tally: Counter[str] = Counter()
            check(cursor, held, simple_sets(held), tally)
            check(cursor, held, random_sets(held, 60), tally)
            assert tally["exact"] > 45
            assert tally["exact"] > 2 * tally["not pushed"]
            assert not tally["superset"] or kind_of(held.column.arrow) is Kind.FLOAT


def test_long_lists_keep_them_too(
    cursor: Any, everything: list[Held], monkeypatch: pytest.MonkeyPatch
) -> None:
    # As if two single values, one range and no window were many.
    for limit, few in {"MAX_POINTS": 2, "_MAX_SPANS": 1, "_MAX_WINDOWS": 0}.items():
        monkeypatch.setattr(value_shapes, limit, few)
    tally: Counter[str] = Counter()
    for held in everything:
        if held.column.comparison is not Comparison.NEVER:
            check(cursor, held, random_sets(held, 25), tally)
    assert tally["exact"] > 200
    assert tally["superset"] > 200


def test_the_kinds_of_columns_are_all_there(everything: list[Held]) -> None:
    missing = {Comparison.TEXT_DETERMINISTIC, Comparison.UUID}  # what other servers have
    assert {held.column.comparison for held in everything} == set(Comparison) - missing
    assert all(held.values for held in everything)
    assert any(
        held.column.null_when and held.batch.column(held.column.name).null_count > 5
        for held in everything
    )


# Single shapes


def sql(held: Held, values: ValueSet, **chosen: str) -> str:
    return domain_sql(values, held.column, load_settings(Settings, chosen)).text


def points(held: Held, *values: Value, null_allowed: bool = False) -> SortedRangeSet:
    return SortedRangeSet.of_points(held.column.arrow, values, null_allowed=null_allowed)


def some(held: Held, *ranges: Range, null_allowed: bool = False) -> SortedRangeSet:
    return SortedRangeSet.of(held.column.arrow, ranges, null_allowed=null_allowed)


@pytest.mark.parametrize(
    ("name", "values", "text"),
    [
        ("middle", (5,), "`middle` = 5"),
        ("middle", (-5, 7), "`middle` IN ((-5), 7)"),
        ("ularge", (Decimal(2**64 - 1),), "`ularge` = 18446744073709551615"),
        ("year", (24,), "(`year` + 0) = 24"),
        ("truth", (True,), "(`truth` <> 0)"),
        ("truth", (False,), "(NOT (`truth` <> 0))"),
        ("real", (1.100000023841858,), "`real` = 1.100000023841858e0"),
        ("day", (0,), "`day` = DATE'1970-01-01'"),
        ("time3", (1,), "`time3` = TIMESTAMP'1970-01-01 00:00:00.001'"),
        ("binary", (b"a\0\0",), "`binary` = X'610000'"),
        ("{c}", ("it's",), "`{c}` = _utf8mb4'it''s'"),
        ("{c}", ("é",), "`{c}` = _utf8mb4 X'c3a9'"),
        ("bin", ("a",), "(`bin` = _utf8mb4'a' AND CAST(`bin` AS BINARY) = _binary'a')"),
        (
            "mood",
            ("a",),
            "CAST(CONVERT(CAST(`mood` AS CHAR) USING utf8mb4) AS BINARY) = _binary'a'",
        ),
    ],
)
def test_a_point_is_an_equality(
    everything: list[Held], name: str, values: tuple[Any, ...], text: str
) -> None:
    held = named(everything, name)
    assert sql(held, points(held, *values)) == text


def test_what_is_compared_is_one_operand() -> None:
    for rule in TYPES:
        value = rule.compared or rule.projection
        assert re.fullmatch(r"\{c\}|[A-Z]*\([^()]*(\([^()]*\)[^()]*)*\)|CASE .* END", value), value


def test_a_text_that_a_character_set_has_not_never_meets_the_column(
    everything: list[Held],
) -> None:
    latin, koi8r = named(everything, "latin1"), named(everything, "koi8r")
    assert sql(latin, points(latin, "ł")) == FALSE
    assert sql(latin, points(latin, "ł", "a")).startswith("(`latin1` = _utf8mb4'a' AND ")
    # A character that it may have or not leaves the index out and the row in.
    for held, text in ((latin, "\x81"), (koi8r, "я"), (koi8r, "{")):
        assert "_utf8mb4" not in sql(held, points(held, text, "a"))
    assert "_utf8mb4" in sql(koi8r, points(koi8r, "a", "b"))


def test_no_number_of_the_server_is_nan_or_infinite(cursor: Any, everything: list[Held]) -> None:
    for name in ("real", "double"):
        held = named(everything, name)
        for odd in (math.nan, math.inf, -math.inf):
            assert sql(held, points(held, odd)) == FALSE
            assert sql(held, points(held, odd).complement()) == ""
            assert sql(held, points(held, odd, 1.0)) == f"`{name}` = 1.0e0"
        assert sql(held, some(held, Range.greater_than(math.inf))) == FALSE
        for everything_else in (Range.less_than(math.inf), Range.at_least(-math.inf)):
            assert sql(held, some(held, everything_else)) == f"`{name}` IS NOT NULL"
        tally: Counter[str] = Counter()
        finite = some(held, Range.between(0.5, math.inf))
        check(cursor, held, [finite, finite.complement()], tally)
        assert tally == {"exact": 2}


def test_fifty_thousand_values_are_listed(cursor: Any, everything: list[Held]) -> None:
    for name in ("te`xt", "latin1"):
        held = named(everything, name)
        texts = ("a", "é", *(f"it's {number}" for number in range(MAX_POINTS - 2)))
        wanted = points(held, *texts)
        tally: Counter[str] = Counter()
        check(cursor, held, [wanted, wanted.complement()], tally)
        assert tally == {"exact": 2}


def test_times_at_the_end_have_no_next(cursor: Any, everything: list[Held]) -> None:
    for name in ("time", "time3", "instant"):
        held = named(everything, name)
        asked = [
            points(held, LAST_MS),
            points(held, FIRST_MS),
            points(held, LAST_MS).complement(),
            some(held, Range.greater_than(LAST_MS)),
            some(held, Range.at_most(LAST_MS)),
            some(held, Range.between(0, LAST_MS)),
            some(held, Range.less_than(FIRST_MS)),
        ]
        tally: Counter[str] = Counter()
        check(cursor, held, asked, tally)
        assert tally == {"exact": len(asked)}


def test_long_texts_are_compared_to_the_end(cursor: Any, everything: list[Held]) -> None:
    held = named(everything, "lob")
    long = "é" * 40_000
    cursor.execute("CREATE TABLE held_long (id int, lob longtext) CHARACTER SET utf8mb4")
    cursor.execute("INSERT INTO held_long VALUES (1, %s), (2, %s)", (f"{long}a", f"{long}A"))
    conditions = [
        sql(held, points(held, f"{long}a")),
        sql(held, some(held, Range.at_most(f"{long}A"))),
    ]
    assert rows_where(cursor, conditions, "held_long") == [{1}, {2}]


class TestStringPushdown:
    def test_off_pushes_no_text(self, everything: list[Held]) -> None:
        for held in everything:
            if held.column.comparison in TEXTS:
                with pytest.raises(NotPushedError, match="string_pushdown is off"):
                    sql(held, points(held, "a"), string_pushdown="off")
                null = SortedRangeSet.only_null(held.column.arrow)
                assert sql(held, null, string_pushdown="off")

    def test_equality_only_pushes_lists(self, everything: list[Held]) -> None:
        chosen = {"string_pushdown": "equality_only"}
        for held in everything:
            if held.column.comparison in TEXTS:
                assert sql(held, points(held, "a"), **chosen) == sql(held, points(held, "a"))
                with pytest.raises(NotPushedError, match="equality_only"):
                    sql(held, some(held, Range.at_least("a")), **chosen)


# Indexes

INDEXED = (
    *("middle", "large", "ularge", "truth", "exact", "long", "real", "double", "day", "time"),
    *("time3", "instant", "te`xt", "{c}", "unicode", "bin", "czech", "nopad", "latin1"),
    *("latin1 bin", "german", "three", "utf16", "koi8r", "character", "character bin", "varbinary"),
)
WITHOUT_RANGES = frozenset(
    {"te`xt", "unicode", "bin", "czech", "nopad", "latin1", "latin1 bin", "german", "three"}
    | {"utf16", "koi8r", "character", "character bin", "truth"}
)
"""Columns whose indexes have an order of their own."""


@pytest.fixture(scope="module")
def indexed(cursor: Any, everything: list[Held]) -> dict[str, Held]:
    """Columns with an index, in a table that is worth one."""
    cursor.execute("CREATE TABLE held_indexed LIKE held")
    cursor.execute("ALTER TABLE held_indexed DROP COLUMN point")
    kept = ", ".join(["id", *(identifier(name) for name in HELD if name != "point")])
    cursor.execute(f"INSERT INTO held_indexed SELECT {kept} FROM held")
    for number, name in enumerate(INDEXED):
        cursor.execute(f"CREATE INDEX ix{number} ON held_indexed ({identifier(name)})")
    return {name: named(everything, name) for name in INDEXED}


@pytest.mark.parametrize("name", INDEXED)
def test_an_index_gives_the_same_rows(cursor: Any, indexed: dict[str, Held], name: str) -> None:
    held = indexed[name]
    source = f"held_indexed FORCE INDEX (ix{INDEXED.index(name)})"
    tally: Counter[str] = Counter()
    asked = [*random_sets(held, 60), *list(simple_sets(held))[:300]]
    check_sets(partial(select, cursor, source), compile_, held, asked, tally)
    assert tally["exact"] > 60


def plan_of(cursor: Any, held: Held, values: ValueSet) -> str:
    number = INDEXED.index(held.column.name)
    where = sql(held, values)
    cursor.execute(f"EXPLAIN SELECT id FROM held_indexed FORCE INDEX (ix{number}) WHERE {where}")
    ((_, _, _, access, *_),) = cursor.fetchall()
    return str(access)


def test_values_are_looked_up_in_an_index(cursor: Any, indexed: dict[str, Held]) -> None:
    for name, held in indexed.items():
        if name == "truth":
            continue
        values = sorted(set(held.values))
        plain = [value for value in values if not isinstance(value, str) or value.isalnum()]
        for wanted in (points(held, plain[1]), points(held, *plain[:3])):
            assert plan_of(cursor, held, wanted) in ("ref", "range", "const"), (name, wanted)
        low, high = plain[:2]
        access = plan_of(cursor, held, some(held, Range.between(low, high)))
        assert (access == "range") == (name not in WITHOUT_RANGES), name

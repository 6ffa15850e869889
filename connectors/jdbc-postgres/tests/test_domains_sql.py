"""Value sets in the server against the same sets on the rows that were read from it."""

from __future__ import annotations

import math
import os
from collections import Counter
from contextlib import closing
from decimal import Context
from functools import partial
from itertools import zip_longest
from typing import TYPE_CHECKING, Any

import psycopg2
import pyarrow as pa
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
from athena_connectors.common.testing.postgres import LINGUISTIC
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
from athena_connectors.common.valueset import (
    AllOrNoneValueSet,
    EquatableValueSet,
    Range,
    SortedRangeSet,
)
from athena_connectors.jdbc_postgres import metadata
from athena_connectors.jdbc_postgres.dialect import POSTGRES
from athena_connectors.jdbc_postgres.literals import identifier
from athena_connectors.jdbc_postgres.reader import read_statement
from athena_connectors.jdbc_postgres.settings import Settings
from hypothesis import given, settings
from hypothesis import strategies as st

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from athena_connectors.common.sql.domains_sql import Fragment
    from athena_connectors.common.testing.postgres import PostgresAddress
    from athena_connectors.common.valueset import Value, ValueSet

domain_sql = partial(domains_sql.domain_sql, dialect=POSTGRES)

EXACT = Context(prec=100)

# The extension's own declaration, for servers that do not come with it.
CITEXT = """
CREATE TYPE citext;
CREATE FUNCTION citextin(cstring) RETURNS citext AS 'textin' LANGUAGE internal IMMUTABLE STRICT;
CREATE FUNCTION citextout(citext) RETURNS cstring AS 'textout' LANGUAGE internal IMMUTABLE STRICT;
CREATE FUNCTION citextsend(citext) RETURNS bytea AS 'textsend' LANGUAGE internal STABLE STRICT;
CREATE TYPE citext (INPUT = citextin, OUTPUT = citextout, SEND = citextsend,
  INTERNALLENGTH = VARIABLE, STORAGE = extended, CATEGORY = 'S', COLLATABLE = true);
CREATE CAST (citext AS text) WITHOUT FUNCTION AS IMPLICIT;
CREATE CAST (text AS citext) WITHOUT FUNCTION AS ASSIGNMENT;
CREATE FUNCTION citext_eq(citext, citext) RETURNS bool LANGUAGE sql IMMUTABLE STRICT
  AS 'SELECT lower($1::text) = lower($2::text)';
CREATE OPERATOR = (LEFTARG = citext, RIGHTARG = citext, FUNCTION = citext_eq);
"""
SET_UP = """
CREATE COLLATION linguistic (provider = libc, locale = '{locale}');
CREATE TYPE mood AS ENUM ('b', 'a', 'B', 'it''s', 'é');
CREATE TYPE pair AS (one int4, two text);
CREATE DOMAIN short_text AS varchar(20) COLLATE "C";
CREATE DOMAIN price AS numeric(8, 2);
"""

TEXTS_HELD: tuple[str, ...] = (
    "",
    " ",
    "a",
    "a ",
    "A",
    "ab",
    "b",
    "B",
    "é",
    "e",
    "e\u0301",
    "z",
    "_x",
    "5-LOW",
)
TEXTS_HELD += ("\\", "%", "a%b", "a_b", "\n", "\t", "\x01", "ß", "ss", "\ud7ff", "\ue000", "\uffff")
TEXTS_HELD += ("\U00010000", "a\U0001f600", "it's", '"', "{a,b}", "NULL", "null", "abc" * 20)
SHORT = tuple(text for text in TEXTS_HELD if len(text) < 20)
DATES: tuple[str, ...] = (
    "infinity",
    "-infinity",
    "0001-01-01",
    "9999-12-31",
    "0001-12-31 BC",
    "10000-01-01",
)
DATES += ("1970-01-01", "1969-12-31", "2000-02-29", "1582-10-10", "4713-01-01 BC", "5874897-12-31")
TIMES: tuple[str, ...] = ("infinity", "-infinity", "0001-01-01 00:00:00", "9999-12-31 23:59:59.999")
TIMES += ("9999-12-31 23:59:59.999999", "0001-12-31 23:59:59.999999 BC", "10000-01-01 00:00:00")
TIMES += ("1970-01-01 00:00:00", "1969-12-31 23:59:59.999", "1969-12-31 23:59:59.9999")
TIMES += ("2024-02-29 12:00:00.123", "2024-02-29 12:00:00.123001", "2024-02-29 12:00:00.123999")
TIMES += ("2024-02-29 12:00:00.124", "0001-01-01 00:00:00.000001", "294276-12-31 23:59:59.999999")
FLOATS: tuple[str, ...] = (
    "NaN",
    "Infinity",
    "-Infinity",
    "0",
    "-0",
    "1",
    "-1",
    "1.1",
    "0.5",
    "16777216",
    "1e-40",
)
FLOATS += ("16777217", "-1.1", "3.4028235e38", "-3.4028235e38")
NUMERICS: tuple[str, ...] = (
    "NaN",
    "0",
    "1",
    "-1",
    "0.01",
    "-0.01",
    "99999.99",
    "-99999.99",
    "1.1",
    "2",
    "0.10",
)
UNCONSTRAINED: tuple[str, ...] = (
    *NUMERICS,
    "Infinity",
    "-Infinity",
    "0.005",
    "0.015",
    "-0.005",
    "0.0049",
    "0.025",
)
UNCONSTRAINED += ("123456789012345678901234567890123456.78", "1e-20", "1.004999999999999999999")
UNCONSTRAINED += (
    "-123456789012345678901234567890123456.78",
    "123456789012345678901234567890123456.775",
    "999999999999999999999999999999999999",
)
LONG: tuple[str, ...] = (
    "NaN",
    "0",
    "1234567890123456789012345678.0123456789",
    "0.0000000001",
    "-0.5",
    "1",
)
LONG += ("-9999999999999999999999999999.9999999999", "9999999999999999999999999999.9999999999")
UUIDS: tuple[str, ...] = (
    "00000000-0000-0000-0000-000000000000",
    "ffffffff-ffff-ffff-ffff-ffffffffffff",
)
UUIDS += ("01234567-89ab-cdef-fedc-ba9876543210", "9fffffff-0000-0000-0000-000000000000")
UUIDS += ("a0000000-0000-0000-0000-000000000000",)
JSON: tuple[str, ...] = ("null", "1", "1.0", '{"a": 1, "b": 2}', '{"b":2,"a":1}', '"é"', "[]")
IPS: tuple[str, ...] = (
    "10.0.0.1",
    "10.0.0.1/8",
    "10.0.0.0/8",
    "::1",
    "::ffff:1.2.3.4",
    "255.255.255.255/32",
)


def integers(bits: int) -> tuple[str, ...]:
    greatest = 2 ** (bits - 1) - 1
    numbers = (-greatest - 1, -greatest, -2, -1, 0, 1, 2, 7, greatest - 1, greatest)
    return tuple(map(str, numbers))


HELD: dict[str, tuple[str, tuple[str, ...]]] = {
    "small": ("int2", integers(16)),
    "middle": ("int4", integers(32)),
    "large": ("int8", (*integers(64), str(2**53), str(2**53 + 1))),
    "object": ("oid", ("0", "1", "2147483648", "4294967295")),
    "truth": ("bool", ("true", "false")),
    "bit": ("bit(1)", ("0", "1")),
    "exact": ("numeric(7, 2)", NUMERICS),
    "whole": ("numeric(3, 0)", ("NaN", "0", "1", "-1", "999", "-999")),
    "rounded down": ("numeric(5, -2)", ("NaN", "0", "100", "-100", "9999900")),
    "tiny": ("numeric(3, 5)", ("NaN", "0", "0.00001", "-0.00001", "0.00999")),
    "long": ("numeric(38, 10)", LONG),
    "free": ("numeric", UNCONSTRAINED),
    "price": ("price", NUMERICS),
    "money": ("money", ("0", "-0.01", "92233720368547758.07", "-92233720368547758.08", "1.10")),
    "real": ("float4", FLOATS),
    "double": ("float8", (*FLOATS, "5e-324", "1.7976931348623157e308", "1.1000000238418579")),
    "day": ("date", DATES),
    "time": ("timestamp", TIMES),
    "time3": ("timestamp(3)", TIMES),
    "time0": ("timestamp(0)", TIMES[2:]),
    "instant": ("timestamptz", TIMES),
    "instant3": ("timestamptz(3)", TIMES),
    'te"xt': ("text", TEXTS_HELD),
    "{c}": ('text COLLATE "C"', TEXTS_HELD),
    "posix": ('varchar(60) COLLATE "POSIX"', TEXTS_HELD),
    "linguistic": ("varchar COLLATE linguistic", TEXTS_HELD),
    "Domain": ("short_text", SHORT),
    "character": ("char(5)", tuple(text for text in TEXTS_HELD if len(text) <= 5)),
    "case": ("citext", TEXTS_HELD),
    "name": ("name", SHORT),
    "char": ('"char"', ("a", "", "A", "é", "\\")),
    "mood": ("mood", ("b", "a", "B", "it's", "é")),
    "uuid": ("uuid", UUIDS),
    "json": ("json", JSON),
    "jsonb": ("jsonb", JSON),
    "inet": ("inet", IPS),
    "cidr": ("cidr", ("10.0.0.0/8", "10.0.0.1/32", "::/0")),
    "mac": ("macaddr", ("08:00:2b:01:02:03", "ff:ff:ff:ff:ff:ff")),
    "clock": ("time", ("00:00", "24:00", "12:34:56.789012")),
    "clock_tz": ("timetz", ("00:00+00", "12:34+05:30")),
    "span": ("interval", ("0", "1 day", "24 hours", "-1 mon", "1 year 2 mons 3 days")),
    "point": ("point", ("(0,0)", "(1.5,-2)")),
    "range": ("int4range", ("empty", "[1,5)", "(,)", "[,3]")),
    "bits": ("varbit(9)", ("", "0", "01", "1")),
    "bytes": ("bytea", (r"\x", r"\x00", r"\x7f", r"\x80", r"\xff", r"\x61", r"\x6100", r"\xff00")),
    "list": ("int4[]", ("{}", "{1,NULL}", "{2}")),
    "pair": ("pair", ("(,)", "(1,a)", "(,a)")),
}
COLLATIONS = {
    "builtin": ("pg_c_utf8", "builtin", "C.UTF-8", ""),
    "folded": ("", "icu", "und-u-ks-level2", ", deterministic = false"),
    "unfolded": ("", "icu", "und", ""),
}
"""Collations that not every server has: name, provider, locale and options."""


@pytest.fixture(scope="module")
def linguistic(postgres: PostgresAddress) -> Iterator[PostgresAddress]:
    """A database in which text without a collation is ordered as people do."""
    name = f"domains_{os.getpid()}"
    yield postgres.create_database(name, locale=LINGUISTIC)
    postgres.drop_database(name)


@pytest.fixture(scope="module")
def cursor(linguistic: PostgresAddress) -> Iterator[Any]:
    options = "-c TimeZone=UTC -c IntervalStyle=postgres -c lc_monetary=C"
    with closing(linguistic.connect(options=options)) as connection:
        yield connection.cursor()


def set_up(cursor: Any) -> dict[str, tuple[str, tuple[str, ...]]]:
    """Make types and collations; return the columns that the server can hold."""
    cursor.execute(SET_UP.format(locale=LINGUISTIC))
    cursor.execute("SELECT count(*) FROM pg_available_extensions WHERE name = 'citext'")
    cursor.execute("CREATE EXTENSION citext" if cursor.fetchone() == (1,) else CITEXT)
    held = dict(HELD)
    for column, (_, provider, locale, options) in COLLATIONS.items():
        try:
            cursor.execute(
                f"CREATE COLLATION of_{column}"
                f" (provider = {provider}, locale = '{locale}'{options})"
            )
        except psycopg2.Error:  # the server was built without it, or is older than it
            continue
        held[column] = (f"text COLLATE of_{column}", TEXTS_HELD)
    return held


def quoted(text: str | None) -> str:
    return "NULL" if text is None else "'{}'".format(text.replace("'", "''"))


def create_table(cursor: Any) -> None:
    held = set_up(cursor)
    names = ['"{}"'.format(name.replace('"', '""')) for name in held]
    types = [type_ for type_, _ in held.values()]
    columns = ", ".join(map(" ".join, zip(names, types, strict=True)))
    cursor.execute(f"CREATE TABLE held (id int4, {columns})")
    rows = zip_longest(*((None, *values) for _, values in held.values()))
    lines = [f"({place}, {', '.join(map(quoted, row))})" for place, row in enumerate(rows)]
    cursor.execute(f"INSERT INTO held VALUES {', '.join(lines)}")


VARIANTS = (
    {"default_scale": "2"},
    {"default_scale": "0", "timestamptz_as_tz": "true"},
    {"numeric_unconstrained": "varchar"},
)
"""Settings by which columns are read in another way."""


@pytest.fixture(scope="module")
def everything(cursor: Any) -> list[Held]:
    create_table(cursor)
    cursor.execute("BEGIN")
    found: dict[Column, Held] = {}
    for variant in VARIANTS:
        relation = metadata.describe(
            cursor, TableName("public", "held"), load_settings(Settings, variant)
        )
        shown = (item.projection.replace("{c}", identifier(item.name)) for item in relation.columns)
        sql = f"SELECT {', '.join(shown)} FROM held"
        (batch,) = read_statement(cursor, sql, relation.columns, table="held", stats=SplitStats())
        for column in relation.columns[1:]:
            found.setdefault(column, Held(column, batch, physical(batch.column(column.name))))
    cursor.execute("COMMIT")
    return list(found.values())


def named(everything: list[Held], name: str) -> Held:
    return next(held for held in everything if held.column.name == name)


# Sets


def check(cursor: Any, held: Held, asked: Iterable[ValueSet], tally: Counter[str]) -> None:
    def rows_where(conditions: Sequence[str]) -> list[set[int]]:
        tests = "".join(f", ({text}) IS TRUE" for text in conditions)
        cursor.execute(f"SELECT id{tests} FROM held")
        found = cursor.fetchall()
        places = range(1, len(conditions) + 1)
        return [{row[0] for row in found if row[place]} for place in places]

    def compile_(values: ValueSet, column: Column) -> Fragment:
        return domain_sql(values, column, Settings())

    check_sets(rows_where, compile_, held, asked, tally)


def run(cursor: Any, helds: list[Held], *, examples: int) -> Counter[str]:
    """Check sets on columns one at a time: in larger examples, sets are often the same."""
    tally: Counter[str] = Counter()
    sets = [st.tuples(st.just(held), sets_of(held)) for held in helds]

    @given(st.one_of(sets))
    @settings(max_examples=examples, deadline=None, derandomize=True)
    def agree(asked: tuple[Held, ValueSet]) -> None:
        held, values = asked
        check(cursor, held, [values], tally)

    agree()
    return tally


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
            assert tally["exact"] > 60
            assert tally["exact"] > 2 * tally["not pushed"]
            assert not tally["superset"] or kind_of(held.column.arrow) is Kind.FLOAT


def test_it_does_so_under_collations_that_not_all_servers_have(
    cursor: Any, everything: list[Held]
) -> None:
    helds = [held for held in everything if held.column.name in COLLATIONS]
    assert helds
    for held in helds:
        tally: Counter[str] = Counter()
        check(cursor, held, simple_sets(held), tally)
        check(cursor, held, random_sets(held, 60), tally)
        assert tally["exact"] > 60
        assert not tally["superset"]


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
    assert {held.column.comparison for held in everything} == set(Comparison)
    assert all(held.values for held in everything)


# Single shapes


def sql(held: Held, values: ValueSet, **chosen: str) -> str:
    return domain_sql(values, held.column, load_settings(Settings, chosen)).text


def points(held: Held, *values: Value, null_allowed: bool = False) -> SortedRangeSet:
    return SortedRangeSet.of_points(held.column.arrow, values, null_allowed=null_allowed)


def some(held: Held, *ranges: Range, null_allowed: bool = False) -> SortedRangeSet:
    return SortedRangeSet.of(held.column.arrow, ranges, null_allowed=null_allowed)


def test_an_empty_set_asks_for_no_row(everything: list[Held]) -> None:
    for held in everything:
        if not pa.types.is_nested(held.column.arrow):
            assert sql(held, SortedRangeSet.none(held.column.arrow)) == FALSE
            nothing = EquatableValueSet(held.column.arrow, (), white_list=True, null_allowed=False)
            assert sql(held, nothing) == FALSE


def test_everything_is_no_condition(everything: list[Held]) -> None:
    for held in everything:
        type_ = held.column.arrow
        assert sql(held, AllOrNoneValueSet(type_, all=True, null_allowed=True)) == ""
        if not pa.types.is_nested(type_):
            assert sql(held, SortedRangeSet.all_values(type_)) == ""


def test_a_set_that_may_have_been_not_null_is_not_pushed(everything: list[Held]) -> None:
    for held in everything:
        with pytest.raises(NotPushedError):
            sql(held, AllOrNoneValueSet(held.column.arrow, all=False, null_allowed=False))


def test_values_of_another_type_are_not_pushed(everything: list[Held]) -> None:
    held = named(everything, "middle")
    with pytest.raises(NotPushedError, match="int64"):
        sql(held, SortedRangeSet.of_points(pa.int64(), (1,)))


def test_zeros_of_both_signs_may_be_left_out(cursor: Any, everything: list[Held]) -> None:
    # Between -0.0 and 0.0 there is a gap in the order of value sets, and no number in it.
    held = named(everything, "double")
    between = Range.between(-0.0, 0.0, low_inclusive=False, high_inclusive=False)
    assert domain_sql(some(held, between), held.column, Settings()).text == FALSE
    no_zero = points(held, -0.0, 0.0).complement()
    tally: Counter[str] = Counter()
    check(cursor, held, [no_zero, some(held, between)], tally)
    assert tally == {"exact": 2}


def test_more_values_than_can_be_listed_become_a_range(cursor: Any, everything: list[Held]) -> None:
    held = named(everything, "large")
    wanted = points(held, *range(-1, MAX_POINTS))
    assert sql(held, wanted) == f'("large" >= (-1) AND "large" <= {MAX_POINTS - 1})'
    assert sql(held, wanted.complement()) == ""
    tally: Counter[str] = Counter()
    check(cursor, held, [wanted, wanted.complement()], tally)
    assert tally == {"superset": 2}


def test_fifty_thousand_values_are_listed(cursor: Any, everything: list[Held]) -> None:
    held = named(everything, 'te"xt')
    wanted = points(held, "a", *(f"it's {number}" for number in range(MAX_POINTS - 1)))
    tally: Counter[str] = Counter()
    check(cursor, held, [wanted, wanted.complement()], tally)
    assert tally == {"exact": 2}


@pytest.mark.parametrize("name", ['te"xt', "character", "json", "bytes"])
def test_too_many_texts_are_not_pushed(everything: list[Held], name: str) -> None:
    held = named(everything, name)
    texts = [str(number) for number in range(MAX_POINTS + 1)]
    values = [text.encode() for text in texts] if name == "bytes" else texts
    with pytest.raises(NotPushedError, match="too many"):
        sql(held, points(held, *values))


@pytest.mark.parametrize("name", ["time", "time3", "instant"])
def test_times_of_no_known_year_are_not_pushed(everything: list[Held], name: str) -> None:
    # As from an Athena that sends microseconds for milliseconds.
    held = named(everything, name)
    for ms in (1_700_000_000_000_000, FIRST_MS - 1, LAST_MS + 1, -(2**63), 2**63 - 1):
        for wanted in (points(held, ms), some(held, Range.at_most(ms)), points(held, 0, ms)):
            with pytest.raises(NotPushedError, match="microseconds"):
                sql(held, wanted)
    for ms in (FIRST_MS, LAST_MS):
        assert sql(held, points(held, ms))


@pytest.mark.parametrize("text", ["\ud800", "a\udfff"])
def test_half_a_surrogate_pair_is_not_pushed(everything: list[Held], text: str) -> None:
    for held in everything:
        if held.column.comparison in TEXTS:
            with pytest.raises(NotPushedError, match="surrogate"):
                sql(held, points(held, "a", text))


@pytest.mark.parametrize("text", ["\ue000", "a\uffff", "\U00010000"])
def test_ranges_that_end_where_orders_differ_are_not_pushed(
    everything: list[Held], text: str
) -> None:
    held = named(everything, "{c}")
    with pytest.raises(NotPushedError, match=r"U\+E000"):
        sql(held, some(held, Range.at_least(text)))
    assert sql(held, points(held, text))
    assert sql(held, points(held, text).complement())


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
                for wanted in (points(held, "a", "b"), points(held, "a").complement()):
                    assert sql(held, wanted, **chosen) == sql(held, wanted)
                with pytest.raises(NotPushedError, match="equality_only"):
                    sql(held, some(held, Range.at_least("a")), **chosen)

    def test_other_types_do_not_care(self, everything: list[Held]) -> None:
        held = named(everything, "middle")
        wanted = some(held, Range.at_least(1))
        assert sql(held, wanted, string_pushdown="off") == sql(held, wanted)


# Indexes


@pytest.fixture(scope="module")
def indexed(cursor: Any, everything: list[Held]) -> dict[str, Held]:
    names = [
        *("small", "middle", "large", "exact", "long", "free", "real", "double", "day", "time"),
        *("time3", "instant", 'te"xt', "{c}", "posix", "linguistic", "character", "uuid", "bytes"),
    ]
    for name in names:
        cursor.execute(f"CREATE INDEX ON held ({identifier(name)})")
    cursor.execute("SET enable_seqscan = off")
    return {name: named(everything, name) for name in names}


def uses_index(cursor: Any, held: Held, values: ValueSet) -> bool:
    cursor.execute(f"EXPLAIN SELECT id FROM held WHERE {sql(held, values)}")
    return any("Index Cond" in line for (line,) in cursor.fetchall())


def distinct(held: Held) -> list[Any]:
    numbers = {
        value for value in held.values if not (isinstance(value, float) and math.isnan(value))
    }
    return sorted(numbers)


def test_lists_are_looked_up_in_an_index(cursor: Any, indexed: dict[str, Held]) -> None:
    for name, held in indexed.items():
        values = distinct(held)
        for wanted in (points(held, values[0]), points(held, *values[:3]), points(held, *values)):
            assert uses_index(cursor, held, wanted), (name, wanted)


def test_ranges_are_looked_up_in_an_index(cursor: Any, indexed: dict[str, Held]) -> None:
    without = {'te"xt', "linguistic", "character"}  # the index has an order of its own
    for name, held in indexed.items():
        low, high = distinct(held)[:2]
        wanted = some(held, Range.between(low, high))
        assert uses_index(cursor, held, wanted) == (name not in without), name

"""Expressions in the server against the same expressions on the rows that were read from it."""

from __future__ import annotations

import os
import random
from collections import Counter
from contextlib import closing
from functools import partial
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest
from athena_connectors.common.config import load_settings
from athena_connectors.common.errors import InvalidRequestError
from athena_connectors.common.expressions import Constant, Expression, Variable
from athena_connectors.common.observability import SplitStats
from athena_connectors.common.protocol.messages import TableName
from athena_connectors.common.sql import expressions_sql
from athena_connectors.common.sql.dialect import NotPushedError
from athena_connectors.common.sql.spelling import FIRST_MS
from athena_connectors.common.testing.postgres import LINGUISTIC
from athena_connectors.common.testing.sql_expressions import (
    COMPARED,
    array,
    call,
    check_expressions,
    compared_rows,
    constant,
    expressions,
    simple_calculations,
    simple_conditions,
    variable,
)
from athena_connectors.common.testing.sql_expressions import (
    HeldTable as Held,
)
from athena_connectors.jdbc_postgres import metadata
from athena_connectors.jdbc_postgres.dialect import POSTGRES
from athena_connectors.jdbc_postgres.literals import identifier
from athena_connectors.jdbc_postgres.reader import read_statement
from athena_connectors.jdbc_postgres.settings import Settings
from hypothesis import HealthCheck, given, settings

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from athena_connectors.common.sql.domains_sql import Fragment
    from athena_connectors.common.sql.relation import Relation
    from athena_connectors.common.testing.postgres import PostgresAddress

expression_sql = partial(expressions_sql.expression_sql, dialect=POSTGRES)

BOOL = pa.bool_()
LIST = pa.list_(pa.null())
ROWS = 48

TEXTS = ("", " ", "a", "a ", "A", "ab", "b", "B", "é", "_x", "\\", "%", "a%b", "\n", "\U00010000")
TIMES = (
    *("infinity", "-infinity", "0001-01-01 00:00", "9999-12-31 23:59:59.9999", "10000-01-01 00:00"),
    *("1970-01-01 00:00", "1969-12-31 23:59:59.9999", "2024-02-29 12:00:00.123"),
    *("2024-02-29 12:00:00.123999", "2024-02-29 12:00:00.124", "2024-02-29 00:00"),
)
DATES = ("infinity", "0001-01-01", "9999-12-31", "1970-01-01", "2024-02-29", "0001-12-31 BC")
FLOATS = ("NaN", "Infinity", "-Infinity", "0", "-0", "1", "1.1", "-2.5", "16777217", "1e30")
HELD: dict[str, tuple[str, tuple[str, ...]]] = {
    "i2": ("int2", ("-32768", "32767", "-1", "0", "1", "2", "7")),
    "i4": ("int4", ("-2147483648", "2147483647", "-1", "0", "1", "2", "16777217")),
    "i8": ("int8", ("-9223372036854775808", "9223372036854775807", "0", "1", "9007199254740993")),
    "n1": ("numeric(10, 2)", ("NaN", "0.10", "-0.10", "99999999.99", "1.50", "2", "0", "-7")),
    "n2": ("numeric(38, 10)", ("NaN", "1.5", "9999999999999999999999999999.9999999999", "0", "-7")),
    "n3": ("numeric(38)", ("NaN", "9" * 38, "-" + "9" * 38, "0", "1", "2")),
    "n4": ("numeric(38, 30)", ("NaN", "1.5", "0.000000000000000000000000000001", "0")),
    "nu": ("numeric", ("NaN", "Infinity", "-Infinity", "0.005", "1.495", "1.504", "2", "-7.001")),
    "mo": ("money", ("0", "1.50", "-7", "92233720368547758.07")),
    "f4": ("float4", FLOATS),
    "f8": ("float8", (*FLOATS, "1.1000000238418579", "1.7976931348623157e308")),
    "tl": ("text", TEXTS),
    "tc": ('text COLLATE "C"', TEXTS),
    "vl": ("varchar COLLATE linguistic", TEXTS),
    "ch": ("char(4)", TEXTS),
    "en": ("mood", ("b", "a", "B", "A", " ")),
    "js": ("json", ("null", '"a"', "1.0", "1")),
    "uu": ("uuid", ("0" * 32, "f" * 32, "01234567-89ab-cdef-fedc-ba9876543210")),
    "d": ("date", DATES),
    "d2": ("date", DATES),
    "ts": ("timestamp", TIMES),
    "t3": ("timestamp(3)", TIMES),
    "tz": ("timestamptz", TIMES),
    "z3": ("timestamptz(3)", TIMES),
    "b1": ("bool", ("true", "false")),
    'b"2': ("bool", ("true", "false")),
    "bi": ("bit(1)", ("1", "0")),
    "y1": ("bytea", (r"\x", r"\x00", r"\x80", r"\x61")),
    "y2": ("bytea", (r"\x", r"\x00", r"\x80", r"\x6100")),
    "ar": ("int4[]", ("{}", "{NULL}", "{1,2}")),
    "pr": ("pair", ("(,)", "(1,a)")),
}


@pytest.fixture(scope="module")
def linguistic(postgres: PostgresAddress) -> Iterator[PostgresAddress]:
    """A database in which text without a collation is ordered as people do."""
    name = f"expressions_{os.getpid()}"
    yield postgres.create_database(name, locale=LINGUISTIC)
    postgres.drop_database(name)


@pytest.fixture(scope="module")
def cursor(linguistic: PostgresAddress) -> Iterator[Any]:
    linguistic.create_linguistic_collation()
    with closing(linguistic.connect(options="-c TimeZone=UTC -c lc_monetary=C")) as connection:
        cursor = connection.cursor()
        create_table(cursor)
        yield cursor


def quoted(text: str | None) -> str:
    return "NULL" if text is None else "'{}'".format(text.replace("'", "''"))


def create_table(cursor: Any) -> None:
    columns = ", ".join(f"{identifier(name)} {type_}" for name, (type_, _) in HELD.items())
    cursor.execute("CREATE TYPE mood AS ENUM ('b', 'a', 'B', 'A', ' ')")
    cursor.execute("CREATE TYPE pair AS (one int4, two text)")
    cursor.execute(f"CREATE TABLE held (id int4, {columns})")
    dice = random.Random(7)
    pools = [(None, *texts) for _, texts in HELD.values()]
    lines = [
        f"({place}, {', '.join(quoted(dice.choice(pool)) for pool in pools)})"
        for place in range(ROWS)
    ]
    cursor.execute(f"INSERT INTO held VALUES {', '.join(lines)}")


@pytest.fixture(scope="module")
def wall_clocks(cursor: Any) -> Held:
    return read(cursor, {"default_scale": "2"})


@pytest.fixture(scope="module")
def zoned(cursor: Any) -> Held:
    return read(cursor, {"timestamptz_as_tz": "true", "numeric_unconstrained": "varchar"})


def read(cursor: Any, chosen: dict[str, str]) -> Held:
    cursor.execute("BEGIN")  # the catalogue is asked within a transaction
    relation = metadata.describe(
        cursor, TableName("public", "held"), load_settings(Settings, chosen)
    )
    cursor.execute("COMMIT")
    shown = (item.projection.replace("{c}", identifier(item.name)) for item in relation.columns)
    sql = f"SELECT {', '.join(shown)} FROM held"
    (batch,) = read_statement(cursor, sql, relation.columns, table="held", stats=SplitStats())
    assert batch.num_rows == ROWS
    return Held(relation, batch, ("b1", "bi"), TIME_COLUMNS, ("ar", "pr"))


# Expressions

TIME_COLUMNS = ("d", "d2", "ts", "t3", "tz", "z3")
FAMILIES: dict[str, tuple[str, ...]] = {
    "integers": ("i2", "i4", "i8"),
    "decimals": ("n1", "n2", "n3", "n4", "nu", "mo", "i4"),
    "floats": ("f4", "f8", "i2", "i8"),
    "numbers": ("i2", "i8", "n1", "n2", "f4", "f8"),
    "texts": ("tl", "tc", "vl", "ch", "en", "js", "uu"),
    "times": TIME_COLUMNS,
    "truths": ("b1", 'b"2', "bi"),
    "bytes": ("y1", "y2"),
}
NUMBERS = ("integers", "decimals", "floats", "numbers")


def rows_where(cursor: Any, conditions: list[str]) -> list[set[int]]:
    """The rows for which each condition is true, all asked for at once."""
    tests = "".join(f", ({text}) IS TRUE" for text in conditions)
    cursor.execute(f"SELECT id{tests} FROM held")
    rows = cursor.fetchall()
    return [{row[0] for row in rows if row[place]} for place in range(1, len(conditions) + 1)]


def check(cursor: Any, held: Held, asked: Iterable[Expression], tally: Counter[str]) -> None:
    def compile_(expression: Expression, relation: Relation) -> Fragment:
        return expression_sql(expression, relation, Settings())

    check_expressions(partial(rows_where, cursor), compile_, held, asked, tally)


def run(cursor: Any, held: Held, names: tuple[str, ...], *, examples: int) -> Counter[str]:
    tally: Counter[str] = Counter()

    @given(expressions(held, names))
    @settings(
        max_examples=examples,
        deadline=None,
        derandomize=True,
        suppress_health_check=[HealthCheck.too_slow],
    )
    def agree(asked: Expression) -> None:
        check(cursor, held, [asked], tally)

    agree()
    return tally


@pytest.mark.parametrize("family", FAMILIES)
def test_the_server_keeps_the_rows_that_we_would(
    cursor: Any, wall_clocks: Held, family: str
) -> None:
    tally = run(cursor, wall_clocks, FAMILIES[family], examples=200)
    assert tally["exact"] > 100
    # Where numbers are calculated with, some rows fail; those the server has to send.
    assert bool(tally["failing"]) == (family in NUMBERS)


@pytest.mark.parametrize("family", FAMILIES)
def test_it_does_so_for_every_value_and_function(
    cursor: Any, wall_clocks: Held, family: str
) -> None:
    tally: Counter[str] = Counter()
    check(cursor, wall_clocks, simple_conditions(wall_clocks, FAMILIES[family]), tally)
    assert tally["exact"] > 100
    assert set(tally) <= {"exact", "not pushed"}


@pytest.mark.parametrize("names", [("i2", "i8"), ("n1", "n3", "nu", "i4")], ids=" ".join)
def test_it_does_so_for_every_calculation(
    cursor: Any, wall_clocks: Held, names: tuple[str, ...]
) -> None:
    tally: Counter[str] = Counter()
    check(cursor, wall_clocks, simple_calculations(wall_clocks, names), tally)
    assert tally["exact"] > 5
    assert tally["failing"] > 40


def test_it_does_so_with_zoned_times(cursor: Any, zoned: Held) -> None:
    tally = run(cursor, zoned, TIME_COLUMNS, examples=100)
    check(cursor, zoned, simple_conditions(zoned, TIME_COLUMNS), tally)
    assert tally["exact"] > 500


def test_it_does_so_with_all_types_together(cursor: Any, zoned: Held) -> None:
    names = tuple(name for name in zoned.types() if name not in ("ar", "pr"))
    tally = run(cursor, zoned, names, examples=250)
    assert tally["exact"] > 120


# Single shapes


def sql(held: Held, expression: Expression, **chosen: str) -> str:
    return expression_sql(expression, held.relation, load_settings(Settings, chosen)).text


@pytest.mark.parametrize(
    ("function", "name", "value", "text"),
    [
        ("$equal", "i4", 5, '"i4" = 5'),
        ("$not_equal", "i4", -5, '"i4" <> (-5)'),
        ("$less_than", "i8", 2**40, "\"i8\" < '1099511627776'::int8"),
        ("$equal", "tl", "it's", "\"tl\" = 'it''s'"),
        ("$less_than", "tl", "a", '"tl" COLLATE "C" < \'a\''),
        ("$less_than", "tc", "a", "\"tc\" < 'a'"),
        ("$equal", "ch", "a", '("ch" = \'a\' AND "ch"::text COLLATE "C" = \'a\')'),
        ("$equal", "d", 0, "\"d\" = '1970-01-01'::date"),
        ("$equal", "t3", 1, "\"t3\" = '1970-01-01 00:00:00.001'::timestamp"),
    ],
)
def test_a_column_next_to_a_constant_stays_bare(
    wall_clocks: Held, function: str, name: str, value: Any, text: str
) -> None:
    column, wanted = variable(wall_clocks, name), constant(wall_clocks, name, value)
    assert sql(wall_clocks, call(function, column, wanted)) == text
    mirrored = {"$less_than": "$greater_than"}.get(function, function)
    assert sql(wall_clocks, call(mirrored, wanted, column)) == text


@pytest.mark.parametrize(
    "values", [(1,), (100_000,), (2**31, 2**40), (-(2**63), 2**63 - 1), (1, 100_000, 2**40)]
)
def test_constants_may_be_of_a_wider_type_than_the_column(
    cursor: Any, wall_clocks: Held, values: tuple[int, ...]
) -> None:
    tally: Counter[str] = Counter()
    for name in ("i2", "i4"):
        column = variable(wall_clocks, name)
        for value in values:
            wide = Constant((value,), pa.int64())
            for function in COMPARED:
                for asked in (call(function, column, wide), call(function, wide, column)):
                    check(cursor, wall_clocks, [asked], tally)
                    check(cursor, wall_clocks, [call("$not", asked)], tally)
        listed = call("$in", column, array(Constant(values, pa.int64())))
        check(cursor, wall_clocks, [listed], tally)
        check(cursor, wall_clocks, [call("$not", listed)], tally)
    assert set(tally) == {"exact"}


class TestAnd:
    def test_parts_that_are_not_pushed_are_left_out(self, cursor: Any, wall_clocks: Held) -> None:
        good = call("$equal", variable(wall_clocks, "i4"), constant(wall_clocks, "i4", 1))
        bad = call("$equal", variable(wall_clocks, "n1"), Constant((1.5,), pa.float64()))
        for asked in (call("$and", good, bad), call("$or", call("$and", bad, good), good)):
            fragment = expression_sql(asked, wall_clocks.relation, Settings())
            assert "left out" in fragment.reason
            assert not fragment.exact
            tally: Counter[str] = Counter()
            check(cursor, wall_clocks, [asked], tally)
            assert tally["superset"] == 1

    def test_nothing_is_left_out_below_not(self, wall_clocks: Held) -> None:
        good = call("$equal", variable(wall_clocks, "i4"), constant(wall_clocks, "i4", 1))
        bad = call("$equal", variable(wall_clocks, "n1"), Constant((1.5,), pa.float64()))
        for asked in (call("$not", call("$and", good, bad)), call("$or", good, bad)):
            with pytest.raises(NotPushedError, match="decimal and float"):
                sql(wall_clocks, asked)

    def test_nothing_is_left_if_no_part_is_pushed(self, wall_clocks: Held) -> None:
        bad = call("$equal", variable(wall_clocks, "n1"), Constant((1.5,), pa.float64()))
        with pytest.raises(NotPushedError, match="left out"):
            sql(wall_clocks, call("$and", bad, bad))

    def test_what_can_fail_in_a_part_left_out_is_forgotten(self, wall_clocks: Held) -> None:
        i4 = variable(wall_clocks, "i4")
        good = call("$equal", i4, constant(wall_clocks, "i4", 1))
        quotient = call("$divide", constant(wall_clocks, "i4", 7), i4)
        bad = call("$equal", quotient, variable(wall_clocks, "f4"))
        fragment = expression_sql(call("$and", good, bad), wall_clocks.relation, Settings())
        assert fragment.text == '"i4" = 1'
        assert "fails" not in fragment.reason


def test_columns_that_the_server_does_not_have_are_not_pushed(wall_clocks: Held) -> None:
    own = Variable("partition_name", pa.string())
    for asked in (call("$is_null", own), call("$equal", own, Constant(("p",), pa.string()))):
        with pytest.raises(NotPushedError, match="partition_name"):
            sql(wall_clocks, asked)


def test_columns_of_another_type_than_told_are_not_pushed(wall_clocks: Held) -> None:
    asked = call("$equal", Variable("i4", pa.int64()), Constant((1,), pa.int64()))
    with pytest.raises(NotPushedError, match="int64"):
        sql(wall_clocks, asked)


def test_columns_that_are_never_compared_are_not_pushed(wall_clocks: Held) -> None:
    lists = variable(wall_clocks, "ar")
    with pytest.raises(NotPushedError, match="not compared"):
        sql(wall_clocks, call("$equal", lists, lists))
    assert sql(wall_clocks, call("$is_null", lists)) == '("ar" IS NULL)'


@pytest.mark.parametrize("text", ["a\0", "\0", "\ud800", "x\udfff"])
def test_texts_that_no_server_holds_never_reach_it(
    cursor: Any, wall_clocks: Held, text: str
) -> None:
    tl, odd = variable(wall_clocks, "tl"), Constant((text,), pa.string())
    few = Constant((text, "a", None), pa.string())
    asked = [
        *(call(function, tl, odd) for function in COMPARED),
        *(call(function, odd, odd) for function in COMPARED),
        call("$like_pattern", tl, odd),
        call("$like_pattern", odd, tl),
        call("$in", tl, array(few)),
        call("$in", odd, array(tl, few)),
        call("$is_null", odd),
        call("$is_null", call("$nullif", odd, tl)),
        call("$is_null", call("$nullif", tl, odd)),
    ]
    tally: Counter[str] = Counter()
    for item in asked:
        for positive in (item, call("$not", item)):
            try:
                fragment = expression_sql(positive, wall_clocks.relation, Settings())
            except NotPushedError:
                continue
            (rows,) = rows_where(cursor, [fragment.text])
            if "\0" in text:  # Arrow has no text of half a pair to compare with
                assert compared_rows(wall_clocks, positive, fragment, rows) == "exact"
            tally["pushed"] += 1
    assert tally["pushed"] >= (6 if "\0" in text else 3)


def test_a_pattern_with_every_escape_character(cursor: Any, wall_clocks: Held) -> None:
    everything = "!|~^#@&+=;:?*<>/"
    for pattern in (everything, f"%{everything}_", "\\%", "\\"):
        asked = call(
            "$like_pattern", variable(wall_clocks, "tl"), Constant((pattern,), pa.string())
        )
        tally: Counter[str] = Counter()
        check(cursor, wall_clocks, [asked], tally)
        assert tally["exact"] == 1


class TestRefusals:
    def test_integers_that_would_be_rounded_twice(self, wall_clocks: Held) -> None:
        # As a double, this is halfway between two floats; it is nearer to the greater one.
        great = Constant((2**60 + 2**36 + 1,), pa.int64())
        with pytest.raises(NotPushedError, match="rounding twice"):
            sql(wall_clocks, call("$equal", variable(wall_clocks, "f4"), great))
        assert sql(wall_clocks, call("$equal", variable(wall_clocks, "f8"), great))

    def test_what_is_no_condition(self, wall_clocks: Held) -> None:
        for asked in (variable(wall_clocks, "i4"), Constant((1,), pa.int32())):
            with pytest.raises(NotPushedError, match="neither true nor false"):
                sql(wall_clocks, asked)

    def test_lists_in_the_wrong_place(self, wall_clocks: Held) -> None:
        i4 = variable(wall_clocks, "i4")
        one = constant(wall_clocks, "i4", 1)
        for asked in (
            call("$equal", i4, array(one)),
            call("$in", i4, i4),
            call("$in", i4, call("$nullif", one, one)),
            call("$equal", i4, constant(wall_clocks, "i4", 1, 2)),
            call("$equal", i4, constant(wall_clocks, "i4")),
            call("$in", i4, array(one, constant(wall_clocks, "f8"))),
            call("$in", i4, array(one, Constant((), pa.null()))),
        ):
            with pytest.raises(NotPushedError):
                sql(wall_clocks, asked)

    def test_constants_of_nested_types(self, wall_clocks: Held) -> None:
        nested = Constant((None,), pa.list_(pa.int32()))
        with pytest.raises(NotPushedError, match="not compared"):
            sql(wall_clocks, call("$equal", variable(wall_clocks, "i4"), nested))

    def test_times_of_no_known_year(self, wall_clocks: Held) -> None:
        for name, value in (("ts", 2**60), ("ts", FIRST_MS - 1), ("d", 2_932_897), ("d", -719_163)):
            for function in ("$equal", "$less_than", "$is_distinct_from"):
                asked = call(
                    function, variable(wall_clocks, name), constant(wall_clocks, name, value)
                )
                with pytest.raises(NotPushedError, match="years 1 to 9999"):
                    sql(wall_clocks, asked)

    def test_unknown_functions_are_the_requests_fault(self, wall_clocks: Held) -> None:
        i4 = variable(wall_clocks, "i4")
        for asked in (call("$power", i4, i4), call("$equal", i4), call("$and")):
            with pytest.raises(InvalidRequestError):
                sql(wall_clocks, asked)

    def test_deep_nesting(self, wall_clocks: Held) -> None:
        asked: Expression = call("$is_null", variable(wall_clocks, "i4"))
        for _ in range(98):
            asked = call("$not", asked)
        assert sql(wall_clocks, asked)
        for _ in range(20_000):
            asked = call("$not", asked)
        with pytest.raises(NotPushedError, match="100 levels"):
            sql(wall_clocks, asked)


class TestStringPushdown:
    def test_off_pushes_no_text(self, wall_clocks: Held) -> None:
        for name in ("tl", "tc", "vl", "ch", "en", "js"):
            column, value = variable(wall_clocks, name), constant(wall_clocks, name, "a")
            for asked in (call("$equal", column, value), call("$like_pattern", column, value)):
                with pytest.raises(NotPushedError, match="string_pushdown is off"):
                    sql(wall_clocks, asked, string_pushdown="off")
            assert sql(wall_clocks, call("$is_null", column), string_pushdown="off")

    def test_equality_only_pushes_no_order(self, wall_clocks: Held) -> None:
        chosen = {"string_pushdown": "equality_only"}
        for name in ("tl", "tc", "vl", "ch", "en", "js"):
            column, value = variable(wall_clocks, name), constant(wall_clocks, name, "a")
            for function in ("$equal", "$not_equal", "$is_distinct_from"):
                asked = call(function, column, value)
                assert sql(wall_clocks, asked, **chosen) == sql(wall_clocks, asked)
            assert sql(wall_clocks, call("$in", column, array(value)), **chosen)
            for function in ("$less_than", "$greater_than_or_equal", "$like_pattern"):
                for operands in ((column, value), (value, column), (column, column)):
                    with pytest.raises(NotPushedError, match="equality_only"):
                        sql(wall_clocks, call(function, *operands), **chosen)

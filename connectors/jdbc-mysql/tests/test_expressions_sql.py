"""Expressions in the server against the same expressions on the rows that were read from it."""

from __future__ import annotations

import math
import random
from collections import Counter
from contextlib import closing
from functools import partial
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest
from athena_connectors.common.config import load_settings
from athena_connectors.common.expressions import Constant
from athena_connectors.common.observability import SplitStats
from athena_connectors.common.protocol.messages import TableName
from athena_connectors.common.sql import expressions_sql
from athena_connectors.common.sql.dialect import NotPushedError
from athena_connectors.common.testing.sql_expressions import (
    COMPARED,
    array,
    call,
    check_expressions,
    constant,
    expressions,
    simple_calculations,
    simple_conditions,
    variable,
)
from athena_connectors.common.testing.sql_expressions import (
    HeldTable as Held,
)
from athena_connectors.jdbc_mysql import metadata
from athena_connectors.jdbc_mysql.dialect import MYSQL
from athena_connectors.jdbc_mysql.literals import identifier
from athena_connectors.jdbc_mysql.reader import read_statement
from athena_connectors.jdbc_mysql.settings import Settings
from hypothesis import HealthCheck, given, settings

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from athena_connectors.common.expressions import Expression
    from athena_connectors.common.sql.domains_sql import Fragment
    from athena_connectors.common.sql.relation import Relation
    from athena_connectors.common.testing.mariadb import MariaDb

expression_sql = partial(expressions_sql.expression_sql, dialect=MYSQL)

ROWS = 48

LATIN_TEXTS = ("", " ", "a", "a ", "A", "ab", "b", "B", "é", "_x", "\\", "%", "a%b", "\n", "a|b")
TEXTS = (*LATIN_TEXTS, "\U00010000", "\0")
TIMES = (
    *("0000-00-00 00:00:00", "2024-02-00 00:00:00", "0001-01-01 00:00:00"),
    *("9999-12-31 23:59:59.9999", "1970-01-01 00:00:00", "1969-12-31 23:59:59.9999"),
    *("2024-02-29 12:00:00.123", "2024-02-29 12:00:00.123999", "2024-02-29 12:00:00.124"),
    "2024-02-29 00:00:00",
)
INSTANTS = ("0000-00-00 00:00:00", *(time for time in TIMES if time.startswith(("2024-02-29",))))
DATES = ("0000-00-00", "2024-02-00", "0001-01-01", "9999-12-31", "1970-01-01", "2024-02-29")
FLOATS = ("0", "-0.0", "1", "1.1", "-2.5", "16777217", "1e30")
HELD: dict[str, tuple[str, tuple[str, ...]]] = {
    "i1": ("tinyint", ("-128", "127", "-1", "0", "1", "7")),
    "i2": ("smallint", ("-32768", "32767", "-1", "0", "1", "2", "7")),
    "i4": ("int", ("-2147483648", "2147483647", "-1", "0", "1", "2", "16777217")),
    "i8": ("bigint", ("-9223372036854775808", "9223372036854775807", "0", "1", "-1")),
    "u4": ("int unsigned", ("0", "1", "2", "4294967295")),
    "u8": ("bigint unsigned", ("0", "1", "9223372036854775808", "18446744073709551615")),
    "ye": ("year", ("0", "24", "99", "2155")),
    "b9": ("bit(9)", ("0", "1", "511")),
    "n1": ("decimal(10, 2)", ("0.10", "-0.10", "99999999.99", "1.50", "2", "0", "-7")),
    "n2": ("decimal(38, 10)", ("1.5", "9999999999999999999999999999.9999999999", "0", "-7")),
    "n3": ("decimal(38)", ("9" * 38, "-" + "9" * 38, "0", "1", "2")),
    "n4": ("decimal(38, 30)", ("1.5", "0.000000000000000000000000000001", "0")),
    "f4": ("float", FLOATS),
    "f8": ("double", (*FLOATS, "1.1000000238418579", "1.7976931348623157e308")),
    "tg": ("varchar(20) COLLATE utf8mb4_general_ci", TEXTS),
    "tu": ("varchar(20) COLLATE utf8mb4_unicode_ci", TEXTS),
    "tb": ("varchar(20) COLLATE utf8mb4_bin", TEXTS),
    "tn": ("varchar(20) COLLATE utf8mb4_nopad_bin", TEXTS),
    "tl": ("varchar(20) CHARACTER SET latin1 COLLATE latin1_swedish_ci", LATIN_TEXTS),
    "ch": ("char(4) COLLATE utf8mb4_general_ci", TEXTS),
    "en": ("enum('b', 'a', 'B ', 'é') COLLATE utf8mb4_bin", ("b", "a", "B ", "é")),
    "js": ("json", ("null", '"a"', "1.0", "1")),
    "cl": ("time(3)", ("00:00:00", "-838:59:59", "12:34:56.789")),
    "d": ("date", DATES),
    "d2": ("date", DATES),
    "ts": ("datetime(6)", TIMES),
    "t3": ("datetime(3)", TIMES),
    "tz": ("timestamp(6) NULL", INSTANTS),
    "b1": ("tinyint(1)", ("0", "1", "2")),
    "b`2": ("tinyint(1)", ("0", "1")),
    "bi": ("bit(1)", ("0", "1")),
    "y1": ("varbinary(4)", ("", "\0", "\x7f", "a")),
    "y2": ("blob", ("", "\0", "\x7f", "a\0")),
    "pt": ("point", ()),
}


@pytest.fixture(scope="module")
def connection(database: MariaDb) -> Iterator[Any]:
    with closing(database.connect(charset="utf8mb4")) as connection:
        connection.query("SET sql_mode = '', time_zone = '+00:00'")
        create_table(connection.cursor())
        yield connection


@pytest.fixture(scope="module")
def cursor(connection: Any) -> Any:
    return connection.cursor()


def quoted(value: str | None, type_: str) -> str:
    if value is None:
        return "NULL"
    if type_.startswith(("bit", "float", "double", "year")):
        return value
    return f"_utf8mb4 X'{value.encode().hex()}'"


def create_table(cursor: Any) -> None:
    columns = ", ".join(f"{identifier(name)} {type_}" for name, (type_, _) in HELD.items())
    cursor.execute(f"CREATE TABLE held (id int, {columns}) CHARACTER SET utf8mb4")
    dice = random.Random(7)
    pools = [((None, *texts), type_) for type_, texts in HELD.values()]
    lines = [
        f"({place}, {', '.join(quoted(dice.choice(pool), type_) for pool, type_ in pools)})"
        for place in range(ROWS)
    ]
    cursor.execute(f"INSERT INTO held VALUES {', '.join(lines)}")


@pytest.fixture(scope="module")
def held(database: MariaDb, connection: Any) -> Held:
    return read(database, connection, {})


@pytest.fixture(scope="module")
def otherwise(database: MariaDb, connection: Any) -> Held:
    chosen = {"mysql_tinyint1_as_bool": "true", "mysql_zero_date": "round"}
    return read(database, connection, chosen)


def read(database: MariaDb, connection: Any, chosen: dict[str, str]) -> Held:
    relation = metadata.describe(
        connection.cursor(),
        TableName(database.database, "held"),
        load_settings(Settings, chosen),
    )
    shown = (item.projection.replace("{c}", identifier(item.name)) for item in relation.columns)
    sql = f"SELECT {', '.join(shown)} FROM held"
    (batch,) = read_statement(connection, sql, relation.columns, table="held", stats=SplitStats())
    assert batch.num_rows == ROWS
    return Held(relation, batch, ("b1", "bi"), TIME_COLUMNS, ("pt",))


TIME_COLUMNS = ("d", "d2", "ts", "t3", "tz")
FAMILIES: dict[str, tuple[str, ...]] = {
    "integers": ("i1", "i2", "i4", "i8", "u4", "ye", "b9"),
    "decimals": ("n1", "n2", "n3", "n4", "u8", "i4"),
    "floats": ("f4", "f8", "i2", "i8"),
    "numbers": ("i2", "i8", "n1", "n2", "u8", "f4", "f8"),
    "texts": ("tg", "tu", "tb", "tn", "tl", "ch", "en", "js", "cl"),
    "times": TIME_COLUMNS,
    "truths": ("b1", "b`2", "bi"),
    "bytes": ("y1", "y2"),
}
NUMBERS = ("integers", "decimals", "floats", "numbers")


def rows_where(cursor: Any, conditions: Sequence[str]) -> list[set[int]]:
    """The rows for which each condition is true, all asked for at once."""
    tests = "".join(f", ({text}) IS TRUE" for text in conditions)
    cursor.execute(f"SELECT id{tests} FROM held")
    rows = cursor.fetchall()
    return [{row[0] for row in rows if row[place]} for place in range(1, len(conditions) + 1)]


def compile_(expression: Expression, relation: Relation) -> Fragment:
    return expression_sql(expression, relation, Settings())


def check(cursor: Any, held: Held, asked: Iterable[Expression], tally: Counter[str]) -> None:
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
def test_the_server_keeps_the_rows_that_we_would(cursor: Any, held: Held, family: str) -> None:
    tally = run(cursor, held, FAMILIES[family], examples=200)
    assert tally["exact"] > 90
    # Where numbers are calculated with, some rows fail; those the server has to send.
    assert bool(tally["failing"]) == (family in NUMBERS)


@pytest.mark.parametrize("family", FAMILIES)
def test_it_does_so_for_every_value_and_function(cursor: Any, held: Held, family: str) -> None:
    tally: Counter[str] = Counter()
    check(cursor, held, simple_conditions(held, FAMILIES[family]), tally)
    assert tally["exact"] > 100
    assert set(tally) <= {"exact", "not pushed"}


@pytest.mark.parametrize("names", [("i1", "i8", "u4"), ("n1", "n3", "u8", "i4")], ids=" ".join)
def test_it_does_so_for_every_calculation(cursor: Any, held: Held, names: tuple[str, ...]) -> None:
    tally: Counter[str] = Counter()
    check(cursor, held, simple_calculations(held, names), tally)
    assert tally["exact"] > 5
    assert tally["failing"] > 40


def test_it_does_so_with_all_types_together(cursor: Any, otherwise: Held) -> None:
    names = tuple(name for name in otherwise.types() if name != "pt")
    tally = run(cursor, otherwise, names, examples=250)
    assert tally["exact"] > 120


# Single shapes


def sql(held: Held, expression: Expression, **chosen: str) -> str:
    return expression_sql(expression, held.relation, load_settings(Settings, chosen)).text


def test_quotients_are_not_rounded(cursor: Any, held: Held) -> None:
    # To four decimal places, the server's are 1.
    great = 2**63 - 1
    i8 = variable(held, "i8")
    for divisor in (great, great - 1, -great):
        for dividend in (Constant((great - 1,), pa.int64()), Constant((1 - great,), pa.int64())):
            quotient = call("$divide", dividend, Constant((divisor,), pa.int64()))
            for result in (-1, 0, 1):
                wanted = call("$equal", quotient, Constant((result,), pa.int64()))
                tally: Counter[str] = Counter()
                check(cursor, held, [wanted, call("$and", wanted, call("$is_null", i8))], tally)
                assert set(tally) == {"exact"}


def test_a_pattern_may_be_a_column(cursor: Any, held: Held) -> None:
    tally: Counter[str] = Counter()
    for left in FAMILIES["texts"]:
        for right in FAMILIES["texts"]:
            like = call("$like_pattern", variable(held, left), variable(held, right))
            check(cursor, held, [like, call("$not", like)], tally)
    assert set(tally) == {"exact"}


PATTERN, COLLATE = "_utf8mb4'a|%'", "COLLATE utf8mb4_bin"
TL = f"CONVERT(`tl` USING utf8mb4) {COLLATE}"


@pytest.mark.parametrize(
    ("function", "name", "value", "text"),
    [
        ("$equal", "i4", 5, "`i4` = 5"),
        ("$not_equal", "i4", -5, "`i4` <> (-5)"),
        ("$less_than", "tb", "a", "CAST(`tb` AS BINARY) < _binary'a'"),
        ("$less_than", "tn", "a", "`tn` < _utf8mb4'a'"),
        ("$is_distinct_from", "i4", 5, "(NOT (`i4` <=> 5))"),
        (
            "$like_pattern",
            "tl",
            "a|%",
            f"(`tl` LIKE {PATTERN} ESCAPE '!' AND {TL} LIKE {PATTERN} {COLLATE} ESCAPE '!')",
        ),
    ],
)
def test_a_column_next_to_a_constant_stays_bare(
    held: Held, function: str, name: str, value: Any, text: str
) -> None:
    assert sql(held, call(function, variable(held, name), constant(held, name, value))) == text


def test_a_pattern_is_looked_up_only_where_that_widens(held: Held) -> None:
    for pattern in ("%a", "_a", "", "ł%"):
        like = call("$like_pattern", variable(held, "tl"), constant(held, "tl", pattern))
        assert sql(held, like).count("LIKE") == 1
    like = call("$like_pattern", variable(held, "tl"), constant(held, "tl", "a%"))
    assert sql(held, like).count("LIKE") == 2
    assert sql(held, call("$not", like)).count("LIKE") == 1


class TestRefusals:
    def test_numbers_that_the_server_has_not(self, held: Held) -> None:
        for name in ("f4", "f8"):
            for number in (math.nan, math.inf, -math.inf):
                for function in COMPARED:
                    asked = call(function, variable(held, name), constant(held, name, number))
                    with pytest.raises(NotPushedError, match="NaN or infinite"):
                        sql(held, asked)

    def test_lists_with_such_numbers_have_the_others(self, cursor: Any, held: Held) -> None:
        tally: Counter[str] = Counter()
        for name in ("f4", "f8"):
            few = constant(held, name, math.nan, math.inf, 1.0, None)
            listed = call("$in", variable(held, name), array(few))
            check(cursor, held, [listed, call("$not", listed)], tally)
        assert tally == {"exact": 4}

    def test_integers_next_to_reals(self, held: Held) -> None:
        with pytest.raises(NotPushedError, match="real"):
            sql(held, call("$equal", variable(held, "f4"), variable(held, "i8")))

    def test_half_a_surrogate_pair(self, held: Held) -> None:
        odd = constant(held, "tg", "\ud800")
        for function in (*COMPARED, "$like_pattern"):
            with pytest.raises(NotPushedError, match="A text holds"):
                sql(held, call(function, variable(held, "tg"), odd))

    def test_places_that_the_server_would_cut(self, held: Held) -> None:
        n4, i8 = variable(held, "n4"), variable(held, "i8")
        product = call("$multiply", n4, variable(held, "n1"))
        with pytest.raises(NotPushedError, match="65 digits"):
            sql(held, call("$less_than", product, n4))
        assert sql(held, call("$less_than", call("$add", n4, i8), n4))

"""The points of the reference on predicates, by number, on a real server.

"21.7" is point 7 of the acceptance check list, "issue 831" what users asked the Java
connector for.
"""

from __future__ import annotations

from contextlib import closing
from decimal import Decimal
from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest
from athena_connectors.common.constraints import Constraints, Direction, OrderBy
from athena_connectors.common.expressions import Call, Constant, Variable
from athena_connectors.common.observability import SplitStats
from athena_connectors.common.protocol.messages import TableName
from athena_connectors.common.sql import domains_sql
from athena_connectors.common.sql.dialect import NotPushedError
from athena_connectors.common.sql.value_shapes import MAX_POINTS
from athena_connectors.common.testing.text_predicates import (
    AWKWARD_TEXTS,
    check_text_predicates,
    is_like,
    select,
    text_predicates,
)
from athena_connectors.common.valueset import Range, SortedRangeSet
from athena_connectors.jdbc_mysql import metadata
from athena_connectors.jdbc_mysql.dialect import MYSQL
from athena_connectors.jdbc_mysql.literals import identifier
from athena_connectors.jdbc_mysql.pushdown import plan
from athena_connectors.jdbc_mysql.reader import read_statement
from athena_connectors.jdbc_mysql.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from athena_connectors.common.sql.pushdown import NativeScan
    from athena_connectors.common.sql.relation import Relation
    from athena_connectors.common.testing.mariadb import MariaDb

domain_sql = partial(domains_sql.domain_sql, dialect=MYSQL)

COLLATIONS = (
    "utf8mb4_general_ci",
    "utf8mb4_unicode_ci",
    "utf8mb4_bin",
    "latin1_swedish_ci",
    "utf8mb4_nopad_bin",
)
MODES = "ANSI_QUOTES,NO_BACKSLASH_ESCAPES,PIPES_AS_CONCAT,HIGH_NOT_PRECEDENCE,TRADITIONAL"
DIRECTIONS = tuple(Direction)


def held_by(collation: str) -> list[str]:
    """The texts that a column of a collation can hold."""
    if not collation.startswith("latin1"):
        return list(AWKWARD_TEXTS)
    return [
        text for text in AWKWARD_TEXTS if text == text.encode("latin1", "replace").decode("latin1")
    ]


@pytest.fixture(scope="module")
def connection(database: MariaDb) -> Iterator[Any]:
    with closing(database.connect(charset="utf8mb4")) as connection:
        connection.query("SET sql_mode = '', time_zone = '+00:00'")
        yield connection


@pytest.fixture(scope="module")
def cursor(connection: Any) -> Any:
    cursor = connection.cursor()
    columns = ", ".join(
        f"{name} varchar(40) CHARACTER SET {name.partition('_')[0]} COLLATE {name}, KEY ({name})"
        for name in COLLATIONS
    )
    cursor.execute(f"CREATE TABLE texts (id int PRIMARY KEY, {columns}, `long` longtext)")
    for number, text in enumerate((None, *AWKWARD_TEXTS)):
        kept = [text if text is None or text in held_by(name) else "?" for name in COLLATIONS]
        values = ", ".join(["%s"] * (2 + len(COLLATIONS)))
        cursor.execute(f"INSERT INTO texts VALUES ({values})", (number, *kept, text))
    return cursor


@pytest.fixture(scope="module")
def texts(database: MariaDb, cursor: Any) -> Relation:
    return metadata.describe(cursor, TableName(database.database, "texts"), Settings())


def values_of(cursor: Any, column: str, table: str = "texts") -> dict[int, Any]:
    cursor.execute(f"SELECT id, {identifier(column)} FROM {table}")
    return dict(cursor.fetchall())


@pytest.mark.parametrize("collation", COLLATIONS)
def test_21_7_predicates_on_texts_are_exact(cursor: Any, texts: Relation, collation: str) -> None:
    predicates = list(text_predicates(collation, AWKWARD_TEXTS, count=500, seed=collation))
    rows = values_of(cursor, collation)
    for source in ("texts", f"texts FORCE INDEX ({collation})"):
        tally = check_text_predicates(
            rows,
            predicates,
            lambda constraints: plan(constraints, texts, Settings()),
            partial(select, cursor, source),
        )
        assert tally["exact"] > 450


def test_21_7_predicates_mean_the_same_in_every_session(
    database: MariaDb, cursor: Any, texts: Relation
) -> None:
    with closing(database.connect(charset="latin1")) as connection:
        other = connection.cursor()
        other.execute(f"SET sql_mode = '{MODES}', div_precision_increment = 0")
        for collation in COLLATIONS:
            predicates = list(text_predicates(collation, AWKWARD_TEXTS, count=60, seed="session"))
            check_text_predicates(
                values_of(cursor, collation),
                predicates,
                lambda constraints: plan(constraints, texts, Settings()),
                partial(select, other, "texts"),
            )


@pytest.mark.parametrize("collation", COLLATIONS)
@pytest.mark.parametrize("char", "|!~^#@&+=;:?*<>/\\%_")
def test_21_8_patterns_may_hold_every_character(
    cursor: Any, texts: Relation, collation: str, char: str
) -> None:
    every = "|!~^#@&+=;:?*<>/"
    patterns = [char, f"{char}%", f"%{char}_", f"a{char}b", f"a{every}{char}%", f"%{every[1:]}"]
    rows = values_of(cursor, collation)
    for pattern in patterns:
        call = Call(
            "$like_pattern",
            (Variable(collation, pa.string()), Constant((pattern,), pa.string())),
            pa.bool_(),
        )
        (decision,) = plan(Constraints(expression=(call,)), texts, Settings()).decisions
        assert not decision.reason
        (found,) = select(cursor, "texts", [decision.native or ""])
        assert found == {number for number, text in rows.items() if is_like(text, pattern)}


# Order


@pytest.mark.parametrize("direction", DIRECTIONS)
@pytest.mark.parametrize("collation", COLLATIONS)
def test_21_11_the_first_rows_are_athenas(
    cursor: Any, texts: Relation, collation: str, direction: Direction
) -> None:
    rows = values_of(cursor, collation)
    texts_held = [text for text in rows.values() if text is not None]
    wanted: list[str | None] = sorted(texts_held, reverse=direction.descending)
    wanted = [None, *wanted] if direction.nulls_first else [*wanted, None]
    for limit in (1, 3, len(rows)):
        order = (OrderBy(collation, direction),)
        native = native_of(texts, Constraints(limit=limit, order_by=order))
        keys = ", ".join(native.order_by)
        cursor.execute(f"SELECT {collation} FROM texts ORDER BY {keys} LIMIT {native.limit}")
        assert [text for (text,) in cursor.fetchall()] == wanted[:limit]


def native_of(relation: Relation, constraints: Constraints) -> NativeScan:
    planned = plan(constraints, relation, Settings())
    assert planned.limit_pushed, planned.limit_reason
    native: Any = planned.native
    return native  # type: ignore[no-any-return]


def test_21_11_no_order_by_texts_of_which_the_server_sorts_a_part(texts: Relation) -> None:
    order = (OrderBy("long", Direction.ASC_NULLS_LAST),)
    planned = plan(Constraints(limit=1, order_by=order), texts, Settings())
    assert not planned.limit_pushed
    assert "1024 bytes" in planned.limit_reason


@pytest.fixture(scope="module")
def others(database: MariaDb, connection: Any) -> tuple[Relation, pa.RecordBatch]:
    """A table of what is no text, and its rows."""
    cursor = connection.cursor()
    cursor.execute(
        "CREATE TABLE others (id int, i int, u bigint unsigned NOT NULL, n decimal(9, 2), d date,"
        " t datetime(6), b tinyint(1), x varbinary(20), y year)"
    )
    cursor.execute(
        "INSERT INTO others VALUES"
        " (1, NULL, 18446744073709551615, -1.5, '0000-00-00', '2024-02-00', 1, X'FF', 0),"
        " (2, -5, 0, NULL, '2024-02-29', '2024-02-29 12:00:00.123999', 0, X'', 24),"
        " (3, 7, 9223372036854775808, 1.5, NULL, '2024-02-29 12:00:00.123001', NULL, NULL, 1999),"
        " (4, 0, 1, 0, '0001-01-01', '2024-02-29 12:00:00.124', 2, X'6100', NULL),"
        " (5, 7, 2, 0, '2024-02-00', NULL, 1, X'61', 2155)"
    )
    relation = metadata.describe(cursor, TableName(database.database, "others"), Settings())
    shown = (item.projection.replace("{c}", identifier(item.name)) for item in relation.columns)
    sql = f"SELECT {', '.join(shown)} FROM others"
    (batch,) = read_statement(connection, sql, relation.columns, table="others", stats=SplitStats())
    return relation, batch


@pytest.mark.parametrize("direction", DIRECTIONS)
@pytest.mark.parametrize("name", "iundtbxy")
def test_21_11_the_first_rows_are_athenas_by_other_types(
    cursor: Any, others: tuple[Relation, pa.RecordBatch], name: str, direction: Direction
) -> None:
    relation, batch = others
    column: Any = batch.column(name)
    if pa.types.is_date64(column.type):
        column = column.view(pa.int64())
    seen = dict(zip(batch.column("id").to_pylist(), column.to_pylist(), strict=True))
    values = sorted((v for v in seen.values() if v is not None), reverse=direction.descending)
    nulls = [None] * (len(seen) - len(values))
    wanted = [*nulls, *values] if direction.nulls_first else [*values, *nulls]
    # A second key: what Athena does not see of the first must not decide before it.
    order = (OrderBy(name, direction), OrderBy("id", Direction.DESC_NULLS_LAST))
    native = native_of(relation, Constraints(limit=4, order_by=order))
    cursor.execute(f"SELECT id FROM others ORDER BY {', '.join(native.order_by)} LIMIT 4")
    found = [number for (number,) in cursor.fetchall()]
    assert [seen[number] for number in found] == wanted[:4]
    ties = pairwise(found)
    assert all(seen[one] != seen[two] or one > two for one, two in ties)


# What users asked for


def test_pr_2216_and_2337_ranges_lose_no_row_and_equality_keeps_its_index(
    cursor: Any, texts: Relation
) -> None:
    ranges = SortedRangeSet.of(pa.string(), [Range.greater_than("A")], null_allowed=False)
    point = SortedRangeSet.of_points(pa.string(), ("a",))
    for collation in COLLATIONS:
        column = texts.column(collation)
        assert column is not None
        above, equal = (domain_sql(values, column, Settings()) for values in (ranges, point))
        assert above.exact
        assert equal.exact
        rows = values_of(cursor, collation)
        (found,) = select(cursor, "texts", [above.text])
        assert found == {number for number, text in rows.items() if text and text > "A"}
        cursor.execute(f"EXPLAIN SELECT id FROM texts WHERE {equal.text}")
        assert cursor.fetchone()[5] == collation


def test_issue_282_unsigned_numbers_are_compared(cursor: Any, others: Any) -> None:
    relation, _ = others
    values = SortedRangeSet.of(
        pa.decimal128(20, 0), [Range.greater_than(Decimal(2**63 - 1))], null_allowed=False
    )
    (decision,) = plan(Constraints({"u": values}), relation, Settings()).decisions
    assert select(cursor, "others", [decision.native or ""]) == [{1, 3}]


def test_issue_760_dates_that_do_not_exist_are_null(cursor: Any, others: Any) -> None:
    relation, _ = others
    null = SortedRangeSet.only_null(pa.date32())
    early = SortedRangeSet.of(pa.date32(), [Range.less_than(20_000)], null_allowed=False)
    for values, wanted in ((null, {1, 3, 5}), (early, {2, 4})):
        (decision,) = plan(Constraints({"d": values}), relation, Settings()).decisions
        assert select(cursor, "others", [decision.native or ""]) == [wanted]


def test_issues_831_940_1018_and_471_times_in_microseconds_lose_no_row(others: Any) -> None:
    relation, _ = others
    column = relation.column("t")
    for ms in (1_700_000_000_000_000, -(2**62)):
        values = SortedRangeSet.of(pa.date64(), [Range.at_least(ms)], null_allowed=False)
        with pytest.raises(NotPushedError, match="microseconds"):
            domain_sql(values, column, Settings())


def test_issue_831_a_millisecond_is_all_of_its_microseconds(cursor: Any, others: Any) -> None:
    relation, _ = others
    values = SortedRangeSet.of_points(pa.date64(), (1_709_208_000_123,))
    (decision,) = plan(Constraints({"t": values}), relation, Settings()).decisions
    assert not decision.reason
    assert select(cursor, "others", [decision.native or ""]) == [{2, 3}]


def test_issues_442_and_153_values_that_a_type_has_not_match_nothing(
    database: MariaDb, cursor: Any
) -> None:
    cursor.execute(
        "CREATE TABLE odd (id int, e enum('a', 'b'), s set('a', 'b'), j json, u uuid, t time)"
    )
    cursor.execute(
        "INSERT INTO odd VALUES (1, 'a', 'a,b', '{\"a\": 1}',"
        " '00000000-0000-0000-0000-000000000000', '12:00:00')"
    )
    relation = metadata.describe(cursor, TableName(database.database, "odd"), Settings())
    wrong = SortedRangeSet.of_points(pa.string(), ("1", "A", "nothing", "é", "\U0001f600"))
    right = {
        "e": "a",
        "s": "a,b",
        "j": '{"a": 1}',
        "u": "00000000-0000-0000-0000-000000000000",
        "t": "12:00:00",
    }
    for name, text in right.items():
        for values, found in (
            (wrong, set()),
            (SortedRangeSet.of_points(pa.string(), (text, "é")), {1}),
        ):
            (decision,) = plan(Constraints({name: values}), relation, Settings()).decisions
            assert not decision.reason
            assert select(cursor, "odd", [decision.native or ""]) == [found], name


def test_issue_3289_long_lists_are_looked_up(cursor: Any, texts: Relation) -> None:
    for collation in COLLATIONS:
        column = texts.column(collation)
        assert column is not None
        many = (f"it's {number}" for number in range(MAX_POINTS // 4))
        points = SortedRangeSet.of_points(pa.string(), ("a", "\xe9", *many))
        for values in (points, SortedRangeSet(pa.string(), points.complement().ranges, False)):  # noqa: FBT003
            fragment = domain_sql(values, column, Settings())
            assert fragment.exact
            inside = values is points
            (found,) = select(cursor, "texts", [fragment.text])
            rows = values_of(cursor, collation)
            assert found == {
                number
                for number, text in rows.items()
                if text is not None and (text in ("a", "é")) is inside
            }

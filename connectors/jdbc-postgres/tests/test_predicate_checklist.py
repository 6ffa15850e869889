"""The points of the reference on predicates, by number, on a real server.

"21.7" is point 7 of the acceptance check list, "issue 831" what users asked the Java
connector for.
"""

from __future__ import annotations

from contextlib import closing
from functools import partial
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest
from athena_connectors.common.constraints import Constraints, Direction, OrderBy
from athena_connectors.common.expressions import Call, Constant, Variable
from athena_connectors.common.protocol.messages import TableName
from athena_connectors.common.sql.value_shapes import MAX_POINTS
from athena_connectors.common.testing.text_predicates import (
    AWKWARD_TEXTS,
    check_text_predicates,
    is_like,
    select,
    text_predicates,
)
from athena_connectors.common.valueset import Range, SortedRangeSet
from athena_connectors.jdbc_postgres import metadata
from athena_connectors.jdbc_postgres.literals import identifier
from athena_connectors.jdbc_postgres.pushdown import plan
from athena_connectors.jdbc_postgres.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from athena_connectors.common.sql.pushdown import NativeScan
    from athena_connectors.common.sql.relation import Relation
    from athena_connectors.common.testing.postgres import PostgresAddress

COLUMNS = {
    "bytes": 'text COLLATE "C"',
    "people": "varchar COLLATE linguistic",
    "plain": "text",
    "padded": "char(20)",
    "named": 'varchar(40) COLLATE "POSIX"',
}
EVERY_CHARACTER = "|!~^#@&+=;:?*<>/"


@pytest.fixture(scope="module")
def cursor(database: PostgresAddress) -> Iterator[Any]:
    database.create_linguistic_collation()
    with closing(database.connect(options="-c TimeZone=UTC")) as connection:
        cursor = connection.cursor()
        columns = ", ".join(f"{name} {type_}" for name, type_ in COLUMNS.items())
        cursor.execute(f"CREATE TABLE texts (id int PRIMARY KEY, {columns})")
        for name in COLUMNS:
            cursor.execute(f"CREATE INDEX ON texts ({name})")
        for number, text in enumerate((None, *AWKWARD_TEXTS)):
            row = (number, *(text for _ in COLUMNS))
            cursor.execute(f"INSERT INTO texts VALUES ({', '.join(['%s'] * len(row))})", row)
        yield cursor


def described(cursor: Any, name: str) -> Relation:
    cursor.execute("BEGIN")  # the catalogue is asked within a transaction
    relation = metadata.describe(cursor, TableName("public", name), Settings())
    cursor.execute("COMMIT")
    return relation


@pytest.fixture(scope="module")
def texts(cursor: Any) -> Relation:
    return described(cursor, "texts")


def values_of(cursor: Any, name: str) -> dict[int, Any]:
    cursor.execute(f"SELECT id, {identifier(name)}::text FROM texts")
    return dict(cursor.fetchall())


@pytest.mark.parametrize("name", COLUMNS)
def test_21_7_predicates_on_texts_are_exact(cursor: Any, texts: Relation, name: str) -> None:
    predicates = list(text_predicates(name, AWKWARD_TEXTS, count=500, seed=name))
    rows = values_of(cursor, name)
    for scan in ("on", "off"):
        cursor.execute(f"SET enable_seqscan = {scan}")
        tally = check_text_predicates(
            rows,
            predicates,
            lambda constraints: plan(constraints, texts, Settings()),
            partial(select, cursor, "texts"),
        )
        assert tally["exact"] > 450
    cursor.execute("RESET enable_seqscan")


@pytest.mark.parametrize("name", COLUMNS)
@pytest.mark.parametrize("char", f"{EVERY_CHARACTER}\\%_")
def test_21_8_patterns_may_hold_every_character(
    cursor: Any, texts: Relation, name: str, char: str
) -> None:
    patterns = [char, f"{char}%", f"%{char}_", f"a{char}b", f"a{EVERY_CHARACTER}{char}%"]
    rows = values_of(cursor, name)
    for pattern in patterns:
        like = Call(
            "$like_pattern",
            (Variable(name, pa.string()), Constant((pattern,), pa.string())),
            pa.bool_(),
        )
        (decision,) = plan(Constraints(expression=(like,)), texts, Settings()).decisions
        assert not decision.reason
        (found,) = select(cursor, "texts", [decision.native or ""])
        assert found == {number for number, text in rows.items() if is_like(text, pattern)}


@pytest.mark.parametrize("direction", Direction)
@pytest.mark.parametrize("name", COLUMNS)
def test_21_11_the_first_rows_are_athenas(
    cursor: Any, texts: Relation, name: str, direction: Direction
) -> None:
    rows = values_of(cursor, name)
    held = sorted((text for text in rows.values() if text), reverse=direction.descending)
    empty = [""] * list(rows.values()).count("") if name != "padded" else [""] * 2
    held = [*held, *empty] if direction.descending else [*empty, *held]
    wanted = [None, *held] if direction.nulls_first else [*held, None]
    for limit in (1, 3, len(rows)):
        order = (OrderBy(name, direction),)
        planned = plan(Constraints(limit=limit, order_by=order), texts, Settings())
        native: NativeScan = planned.native  # type: ignore[assignment]
        assert planned.limit_pushed
        keys = ", ".join(native.order_by)
        cursor.execute(f"SELECT {name}::text FROM texts ORDER BY {keys} LIMIT {native.limit}")
        assert [text for (text,) in cursor.fetchall()] == wanted[:limit]


def test_pr_2216_and_2337_ranges_lose_no_row_and_equality_keeps_its_index(
    cursor: Any, texts: Relation
) -> None:
    above = SortedRangeSet.of(pa.string(), [Range.greater_than("A")], null_allowed=False)
    point = SortedRangeSet.of_points(pa.string(), ("a",))
    cursor.execute("SET enable_seqscan = off")
    for name in COLUMNS:
        planned = plan(Constraints({name: above}), texts, Settings())
        (decision,) = planned.decisions
        assert not decision.reason
        rows = values_of(cursor, name)
        (found,) = select(cursor, "texts", [decision.native or ""])
        assert found == {number for number, text in rows.items() if text and text > "A"}
        (decision,) = plan(Constraints({name: point}), texts, Settings()).decisions
        cursor.execute(f"EXPLAIN SELECT id FROM texts WHERE {decision.native}")
        assert any("Index Cond" in line for (line,) in cursor.fetchall())
    cursor.execute("RESET enable_seqscan")


def test_issues_831_940_1018_and_471_a_millisecond_is_all_of_its_microseconds(cursor: Any) -> None:
    cursor.execute("CREATE TABLE times (id int, t timestamp, z timestamptz)")
    cursor.execute(
        "INSERT INTO times SELECT id, t::timestamp, (t || '+00')::timestamptz FROM (VALUES"
        " (1, '2024-02-29 12:00:00.122999'), (2, '2024-02-29 12:00:00.123999'),"
        " (3, '2024-02-29 12:00:00.123001'), (4, '2024-02-29 12:00:00.124')) AS v(id, t)"
    )
    relation = described(cursor, "times")
    point = SortedRangeSet.of_points(pa.date64(), (1_709_208_000_123,))
    odd = SortedRangeSet.of(pa.date64(), [Range.at_least(2**60)], null_allowed=False)
    for name in ("t", "z"):
        (decision,) = plan(Constraints({name: point}), relation, Settings()).decisions
        assert not decision.reason
        assert select(cursor, "times", [decision.native or ""]) == [{2, 3}]
        (decision,) = plan(Constraints({name: odd}), relation, Settings()).decisions
        assert "microseconds" in decision.reason


def test_issues_442_and_153_values_that_a_type_has_not_match_nothing(cursor: Any) -> None:
    right = {
        "u": "00000000-0000-0000-0000-000000000000",
        "j": '{"a": 1}',
        "e": "it's",
        "i": "10.0.0.1",
    }
    cursor.execute("CREATE TYPE letters AS ENUM ('a', 'it''s')")
    cursor.execute("CREATE TABLE odd (id int, u uuid, j json, e letters, i inet)")
    cursor.execute("INSERT INTO odd VALUES (1, %s, %s, %s, %s)", tuple(right.values()))
    relation = described(cursor, "odd")
    for name, text in right.items():
        for values, found in (((text, "é"), {1}), (("nothing", "é", "1"), set())):
            points = SortedRangeSet.of_points(pa.string(), values)
            (decision,) = plan(Constraints({name: points}), relation, Settings()).decisions
            assert not decision.reason
            assert select(cursor, "odd", [decision.native or ""]) == [found], name


def test_issue_3289_long_lists_are_looked_up(cursor: Any, texts: Relation) -> None:
    many = (f"it's {number}" for number in range(MAX_POINTS // 4))
    points = SortedRangeSet.of_points(pa.string(), ("a", "é", *many))
    others = SortedRangeSet(pa.string(), points.complement().ranges, null_allowed=False)
    for name in COLUMNS:
        rows = values_of(cursor, name)
        for values in (points, others):
            (decision,) = plan(Constraints({name: values}), texts, Settings()).decisions
            assert not decision.reason
            (found,) = select(cursor, "texts", [decision.native or ""])
            assert found == {
                number
                for number, text in rows.items()
                if text is not None and (text in ("a", "é")) is (values is points)
            }

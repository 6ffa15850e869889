from __future__ import annotations

import pyarrow as pa
import pytest
from athena_connectors.common.connector import Exactness
from athena_connectors.common.constraints import Constraints, Direction, OrderBy
from athena_connectors.common.expressions import Call, Constant, Variable
from athena_connectors.common.sql.pushdown import NativeScan
from athena_connectors.common.sql.relation import Column, Comparison, Relation
from athena_connectors.common.valueset import Range, SortedRangeSet
from athena_connectors.jdbc_postgres.pushdown import plan
from athena_connectors.jdbc_postgres.server_types import ServerType, TypeOptions
from athena_connectors.jdbc_postgres.settings import Settings
from athena_connectors.jdbc_postgres.split_sources import Key, KeyRange, SplitSource
from athena_connectors.jdbc_postgres.statement import parts_of
from athena_connectors.jdbc_postgres.types import column_of

OPTIONS = TypeOptions(Settings(), 180_000, "UTF8")


def column(name: str, type_: str, modifier: int = -1) -> Column:
    element = ServerType(type_[1:]) if type_.startswith("_") else None
    return column_of(
        name,
        type_,
        ServerType(type_, modifier=modifier, element=element),
        options=OPTIONS,
        collation=Comparison.TEXT_DETERMINISTIC,
    )


RELATION = Relation(
    "s",
    "t",
    "r",
    (
        column("id", "int8"),
        column("Name", "text"),
        column("ratio", "float8"),
        column("at", "timestamp"),
        column("seconds", "timestamp", 0),
        column("free", "numeric"),
        column("tags", "_text"),
    ),
)
ID = {"id": SortedRangeSet.of(pa.int64(), [Range.at_least(5)], null_allowed=False)}
UP, DOWN = Direction.ASC_NULLS_LAST, Direction.DESC_NULLS_FIRST


def native(constraints: Constraints, settings: Settings | None = None) -> NativeScan:
    found = plan(constraints, RELATION, settings or Settings()).native
    assert isinstance(found, NativeScan)
    return found


def order(*keys: tuple[str, Direction]) -> tuple[OrderBy, ...]:
    return tuple(OrderBy(*key) for key in keys)


def test_no_predicate_asks_for_everything() -> None:
    found = plan(Constraints(), RELATION, Settings())
    assert found.native == NativeScan()
    assert not found.limit_pushed


def test_a_limit_goes_along_with_an_exact_predicate() -> None:
    constraints = Constraints(ID, limit=7)
    found = plan(constraints, RELATION, Settings())
    assert found.native == NativeScan(('"id" >= 5',), limit=7)
    assert (found.limit_pushed, found.order_pushed) == (True, False)
    assert found.residual(constraints) == ()


@pytest.mark.parametrize("column_name", ["partition_name", "tags"])
def test_a_limit_stays_with_what_is_not_exact(column_name: str) -> None:
    values = SortedRangeSet.of_points(pa.string(), ("x",))
    constraints = Constraints({**ID, column_name: values}, limit=7)
    found = plan(constraints, RELATION, Settings())
    assert found.native == NativeScan(('"id" >= 5',))
    assert not found.limit_pushed
    assert "predicate" in found.limit_reason
    (kept,) = found.residual(constraints)
    assert kept.column == column_name
    assert all(each.reason for each in found.decisions if each.exactness is not Exactness.EXACT)


def test_a_superset_is_sent_and_evaluated_again() -> None:
    sum_ = Call("$add", (Variable("id", pa.int64()), Constant((1,), pa.int64())), pa.int64())
    overflow = Call("$greater_than", (sum_, Constant((0,), pa.int64())), pa.bool_())
    constraints = Constraints(expression=(overflow,), limit=1)
    found = plan(constraints, RELATION, Settings())
    (decision,) = found.decisions
    assert decision.exactness is Exactness.SUPERSET
    assert found.native == NativeScan((decision.native,))
    assert found.residual(constraints) == (overflow,)


def test_no_row_can_satisfy_an_empty_set() -> None:
    assert native(Constraints({"id": SortedRangeSet.none(pa.int64())})).is_empty
    assert not native(Constraints(ID)).is_empty


def test_an_order_says_where_nulls_go() -> None:
    found = native(Constraints(limit=3, order_by=order(("Name", DOWN), ("id", UP))))
    assert found.order_by == ('"Name" COLLATE "C" DESC NULLS FIRST', '"id" ASC NULLS LAST')
    assert found.limit == 3


@pytest.mark.parametrize(
    ("keys", "operand"),
    [
        # Values that are read as NULL have to sort so.
        ([("at", UP)], "CASE WHEN NOT"),
        # Athena sees milliseconds: whatever is finer must not decide before the next key.
        ([("at", UP), ("id", UP)], "date_trunc"),
        ([("free", UP)], "round"),
    ],
)
def test_an_order_is_by_what_athena_sees(keys: list[tuple[str, Direction]], operand: str) -> None:
    assert operand in native(Constraints(limit=3, order_by=order(*keys))).order_by[0]


@pytest.mark.parametrize(
    ("key", "settings", "reason"),
    [
        ("ratio", Settings(), "zero"),
        ("tags", Settings(), "not compared"),
        ("partition_name", Settings(), "split's own value"),
        ("Name", Settings(string_pushdown="equality_only"), "string_pushdown"),
    ],
)
def test_an_order_that_the_server_has_not(key: str, settings: Settings, reason: str) -> None:
    found = plan(Constraints(limit=3, order_by=order((key, UP))), RELATION, settings)
    assert found.native == NativeScan()
    assert reason in found.limit_reason
    assert not found.limit_pushed


# Statements

WHOLE = SplitSource("s", "t", constants={"partition_name": "*"})


def test_columns_are_read_in_the_order_asked_for() -> None:
    scan = NativeScan(('"id" >= 5',), ('"id" ASC NULLS LAST',), 3)
    (part,) = parts_of(["Name", "partition_name", "id"], RELATION, scan, [WHOLE])
    assert part.sql == (
        'SELECT "Name", "id" FROM "s"."t" WHERE "id" >= 5 ORDER BY "id" ASC NULLS LAST LIMIT 3'
    )
    assert part.constants == {"partition_name": "*"}
    assert [item.name for item in part.columns] == ["Name", "id"]


@pytest.mark.parametrize(
    ("limit", "sql"),
    [
        (None, 'SELECT count(*) FROM "s"."t" WHERE "id" >= 5'),
        (4, 'SELECT count(*) FROM (SELECT FROM "s"."t" WHERE "id" >= 5 LIMIT 4) AS counted'),
    ],
)
def test_rows_of_no_column_are_counted_by_the_server(limit: int | None, sql: str) -> None:
    (part,) = parts_of([], RELATION, NativeScan(('"id" >= 5',), limit=limit), [WHOLE])
    assert (part.sql, part.columns) == (sql, ())


def test_each_source_has_a_statement_of_its_own() -> None:
    keys = KeyRange(Key("id", "pg_catalog", "int8"), None, "10", nulls=True)
    sources = [SplitSource("s", "a", only=True), SplitSource("s", "b", keys=keys)]
    first, second = parts_of(["id"], RELATION, NativeScan(('"id" >= 5',)), sources)
    assert first.sql == 'SELECT "id" FROM ONLY "s"."a" WHERE "id" >= 5'
    assert second.sql == (
        'SELECT "id" FROM "s"."b" WHERE "id" >= 5 AND ("id" < 10 OR "id" IS NULL)'
    )


def test_a_native_query_stands_in_parentheses() -> None:
    relation = Relation("system", "query", "q", RELATION.columns[:1], query="SELECT 1 -- one")
    (part,) = parts_of(["id"], relation, NativeScan(), [])
    assert part.sql == 'SELECT "id" FROM (\nSELECT 1 -- one\n) AS athena_query ("id")'

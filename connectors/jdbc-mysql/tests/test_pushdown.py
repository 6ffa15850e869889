from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pyarrow as pa
import pytest
from athena_connectors.common.connector import Exactness
from athena_connectors.common.constraints import Constraints, Direction, OrderBy
from athena_connectors.common.errors import ColumnNotFoundError
from athena_connectors.common.expressions import Call, Constant, Variable
from athena_connectors.common.sql.pushdown import NativeScan
from athena_connectors.common.sql.relation import Column, Relation
from athena_connectors.common.valueset import Range, SortedRangeSet
from athena_connectors.jdbc_mysql.pushdown import plan
from athena_connectors.jdbc_mysql.server_types import declared_type
from athena_connectors.jdbc_mysql.settings import Settings
from athena_connectors.jdbc_mysql.statement import parts_of
from athena_connectors.jdbc_mysql.types import column_of

if TYPE_CHECKING:
    from collections.abc import Mapping


def column(name: str, declared: str, *, nullable: bool = True) -> Column:
    type_ = declared_type(
        declared.partition("(")[0].partition(" ")[0],
        declared,
        charset="utf8mb4" if "char" in declared or "text" in declared else None,
        collation="utf8mb4_general_ci",
    )
    return column_of(name, declared, type_, settings=Settings(), nullable=nullable)


RELATION = Relation(
    "s",
    "t",
    "BASE TABLE",
    (
        column("id", "bigint", nullable=False),
        column("Name", "varchar(200)"),
        column("ratio", "double"),
        column("at", "datetime(6)"),
        column("where", "point"),
        column("words", "varchar(257)"),
        column("lob", "longtext"),
        column("blob", "varbinary(1025)"),
        column("mood", "enum('a')"),
        column("clock", "time"),
    ),
)
ID = {"id": SortedRangeSet.of(pa.int64(), [Range.at_least(5)], null_allowed=False)}
UP, DOWN = Direction.ASC_NULLS_LAST, Direction.DESC_NULLS_FIRST


@dataclass(frozen=True)
class Source:
    name: str
    condition: str = ""
    constants: Mapping[str, str] = field(default_factory=dict)

    def from_sql(self) -> str:
        return f"`s`.`{self.name}`"

    def where_sql(self) -> str:
        return self.condition


def order(*keys: tuple[str, Direction]) -> tuple[OrderBy, ...]:
    return tuple(OrderBy(*key) for key in keys)


def order_by(*keys: tuple[str, Direction]) -> tuple[str, ...]:
    found = plan(Constraints(limit=3, order_by=order(*keys)), RELATION, Settings()).native
    assert isinstance(found, NativeScan)
    return found.order_by


def test_a_limit_goes_along_with_an_exact_predicate() -> None:
    constraints = Constraints(ID, limit=7)
    found = plan(constraints, RELATION, Settings())
    assert found.native == NativeScan(("`id` >= 5",), limit=7)
    assert found.limit_pushed
    assert found.residual(constraints) == ()


@pytest.mark.parametrize("name", ["partition_name", "where"])
def test_a_limit_stays_with_what_is_not_exact(name: str) -> None:
    values = SortedRangeSet.of_points(pa.string(), ("x",))
    constraints = Constraints({**ID, name: values}, limit=7)
    found = plan(constraints, RELATION, Settings())
    assert found.native == NativeScan(("`id` >= 5",))
    (kept,) = found.residual(constraints)
    assert kept.column == name


def test_an_order_says_where_nulls_go() -> None:
    name = "CAST(`Name` AS BINARY)"
    assert order_by(("Name", UP)) == (f"{name} IS NULL ASC", f"{name} ASC")
    assert order_by(("Name", DOWN)) == (f"{name} IS NULL DESC", f"{name} DESC")
    assert order_by(("Name", Direction.ASC_NULLS_FIRST)) == (f"{name} ASC",)
    assert order_by(("Name", Direction.DESC_NULLS_LAST)) == (f"{name} DESC",)
    assert order_by(("id", UP), ("id", DOWN)) == ("`id` ASC", "`id` DESC")


def test_an_order_is_by_what_athena_sees() -> None:
    assert "CASE WHEN NOT" in order_by(("at", UP))[1]
    assert "MICROSECOND" in order_by(("at", UP), ("id", UP))[1]


@pytest.mark.parametrize(
    ("key", "settings", "reason"),
    [
        ("ratio", Settings(), "zero"),
        ("where", Settings(), "not compared"),
        ("partition_name", Settings(), "split's own value"),
        ("Name", Settings(string_pushdown="equality_only"), "string_pushdown"),
        ("words", Settings(), "1024 bytes"),
        ("lob", Settings(), "1024 bytes"),
        ("blob", Settings(), "1024 bytes"),
        ("mood", Settings(), "1024 bytes"),
    ],
)
def test_an_order_that_the_server_has_not(key: str, settings: Settings, reason: str) -> None:
    found = plan(Constraints(limit=3, order_by=order((key, UP))), RELATION, settings)
    assert found.native == NativeScan()
    assert reason in found.limit_reason


def test_texts_of_a_known_form_are_short_enough_to_be_sorted() -> None:
    assert order_by(("clock", UP))


def test_a_statement_stays_shorter_than_a_packet() -> None:
    # The column with an index of its own order takes its list twice.
    long = SortedRangeSet.of_points(pa.string(), [f"{number:030}" for number in range(50_000)])
    short = SortedRangeSet.of_points(pa.int64(), range(10**12, 10**12 + 40_000))
    constraints = Constraints({"id": short, "Name": long, "clock": long}, limit=1)
    found = plan(constraints, RELATION, Settings())
    pushed = [each for each in found.decisions if each.exactness is Exactness.EXACT]
    assert [each.conjunct.column for each in pushed] == ["id", "clock"]
    assert not found.limit_pushed
    assert {each.reason for each in found.decisions} == {
        "",
        "The statement would have more than 3,000,000 bytes.",
    }


def test_a_calculation_that_would_be_cut_is_not_pushed() -> None:
    number = Variable("id", pa.int64())
    product: Variable | Call = number
    for pushed in (True, True, False):
        product = Call("$multiply", (product, number), pa.int64())
        asked = Call("$greater_than", (product, Constant((0,), pa.int64())), pa.bool_())
        (decision,) = plan(Constraints(expression=(asked,)), RELATION, Settings()).decisions
        assert (decision.exactness is Exactness.SUPERSET) == pushed
        assert pushed or "65 digits" in decision.reason


# Statements

WHOLE = Source("t", constants={"partition_name": "*"})


def test_columns_are_read_in_the_order_asked_for() -> None:
    scan = NativeScan(("`id` >= 5",), ("`id` ASC",), 3)
    (part,) = parts_of(["Name", "partition_name", "id"], RELATION, scan, [WHOLE])
    assert part.sql == "SELECT `Name`, `id` FROM `s`.`t` WHERE `id` >= 5 ORDER BY `id` ASC LIMIT 3"
    assert part.constants == {"partition_name": "*"}


@pytest.mark.parametrize(
    ("limit", "sql"),
    [
        (None, "SELECT count(*) FROM `s`.`t` WHERE `id` >= 5"),
        (4, "SELECT count(*) FROM (SELECT 1 FROM `s`.`t` WHERE `id` >= 5 LIMIT 4) AS counted"),
    ],
)
def test_rows_of_no_column_are_counted_by_the_server(limit: int | None, sql: str) -> None:
    (part,) = parts_of([], RELATION, NativeScan(("`id` >= 5",), limit=limit), [WHOLE])
    assert (part.sql, part.columns) == (sql, ())


def test_each_source_has_a_statement_of_its_own() -> None:
    sources = [Source("a"), Source("b", "`id` < 10")]
    first, second = parts_of(["id"], RELATION, NativeScan(("`id` >= 5",)), sources)
    assert first.sql == "SELECT `id` FROM `s`.`a` WHERE `id` >= 5"
    assert second.sql == "SELECT `id` FROM `s`.`b` WHERE `id` >= 5 AND `id` < 10"


def test_a_native_query_stands_in_parentheses() -> None:
    relation = Relation("system", "query", "q", RELATION.columns[:1], query="SELECT 1 AS id -- one")
    (part,) = parts_of(["id"], relation, NativeScan(), [])
    assert part.sql == "SELECT `id` FROM (\nSELECT 1 AS id -- one\n) AS athena_query"


def test_a_column_that_is_gone_is_an_error() -> None:
    with pytest.raises(ColumnNotFoundError, match="'gone'"):
        parts_of(["gone"], RELATION, NativeScan(), [WHOLE])

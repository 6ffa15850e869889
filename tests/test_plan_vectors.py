"""Query plans of the Java reference's tests: what each asks for, as each test states it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from athena_connectors.common.constraints import Direction, OrderBy
from athena_connectors.common.errors import UnsupportedOperationError
from athena_connectors.common.expressions import render
from athena_connectors.common.plans import decode_plan
from athena_connectors.common.valueset import Range, SortedRangeSet

if TYPE_CHECKING:
    import pyarrow as pa

FILE = Path(__file__).parent / "vectors" / "substrait" / "plans.json"
PLANS: dict[str, dict[str, Any]] = {
    each["name"]: each for each in json.loads(FILE.read_text(encoding="utf-8"))
}
REFUSED = "bigquery_delete_statement"
CITIES = (
    *("Austin", "Boston", "Charlotte", "Chicago", "Dallas", "Denver", "Detroit", "Houston"),
    *("Kansas City", "Las Vegas", "Los Angeles", "Nashville", "New York", "Phoenix"),
    *("Portland", "San Diego", "San Francisco", "Seattle"),
)
DEPARTMENTS = ("Engineering", "HR", "Management", "Marketing", "Sales")


def points(*values: Any, null: bool = False) -> Any:
    return lambda type_: SortedRangeSet.of_points(type_, values, null_allowed=null)


def other_than(*values: Any) -> Any:
    return lambda type_: SortedRangeSet.not_null(type_).subtract(
        SortedRangeSet.of_points(type_, values)
    )


def over(value: Any) -> Any:
    return lambda type_: SortedRangeSet.not_null(type_).subtract(up_to(value)(type_))


def up_to(value: Any) -> Any:
    return lambda type_: SortedRangeSet.of(type_, [Range.at_most(value)], null_allowed=False)


def below(value: Any) -> Any:
    return lambda type_: up_to(value)(type_).subtract(points(value)(type_))


TRUE, NOT_TRUE = points(*[True]), other_than(*[True])


@dataclass(frozen=True)
class Wanted:
    """What a plan asks for; ``columns`` is ``None`` for all of the table's."""

    sets: tuple[tuple[str, Any], ...] = ()
    expressions: tuple[str, ...] = ()
    order_by: tuple[OrderBy, ...] = ()
    limit: int | None = None
    columns: tuple[str, ...] | None = None


WANTED: dict[str, Wanted] = {
    "jdbc_fetch_three_columns_limit_10": Wanted(limit=10),
    "dynamodb_scan_range_on_col5": Wanted(
        expressions=(
            '(CAST("col_5" AS int32) >= 123456)',
            '(CAST("col_5" AS int32) <= 87475739)',
        )
    ),
    "dynamodb_limit_100": Wanted(limit=100),
    "jdbc_project_four_columns_no_filter": Wanted(
        columns=("employee_id", "employee_name", "job_title", "salary")
    ),
    "jdbc_equal_string": Wanted((("employee_id", points("EMP001")),), columns=("employee_id",)),
    "jdbc_engine_style_many_or": Wanted(
        (
            ("is_active", TRUE),
            ("salary", over(Decimal("70000.00"))),
            ("city", points(*CITIES)),
            ("department", points(*DEPARTMENTS)),
        ),
        columns=("city", "department", "name", "age", "salary"),
    ),
    "jdbc_sort_cc_name_limit_100": Wanted(
        order_by=(OrderBy("cc_name", Direction.ASC_NULLS_LAST),), limit=100
    ),
    "jdbc_bool_true_limit_5": Wanted((("is_active", TRUE),), limit=5),
    "jdbc_bare_read": Wanted(),
    "jdbc_gt_int_and_bool_limit_5": Wanted((("age", over(32)), ("is_active", TRUE)), limit=5),
    "jdbc_gt_int_no_limit": Wanted((("age", over(60)),)),
    "jdbc_equal_string_limit_50_partition_clause": Wanted(
        (("l_returnflag", points("R")),), limit=50
    ),
    "docdb_or_equal_limit_5": Wanted((("COL1", points(123, 456, 789)),), limit=5),
    "docdb_sort_desc_limit_5": Wanted(
        order_by=(OrderBy("COL1", Direction.DESC_NULLS_FIRST),), limit=5
    ),
    "docdb_equal": Wanted((("employee_name", points("John Doe")),)),
    "docdb_gt": Wanted((("id", over(100)),)),
    "docdb_lt": Wanted((("code", below(500)),)),
    "docdb_lte_cast_i64": Wanted((("balance", up_to(10_000)),)),
    "docdb_is_null": Wanted((("address", points(null=True)),)),
    "docdb_in_three_strings": Wanted((("job_title", points("Analyst", "Engineer", "Manager")),)),
    "docdb_or_and_gt_same_column": Wanted((("id", points(100, 200)),)),
    "docdb_and_two_columns": Wanted(
        (("employee_name", points("John")), ("job_title", points("Engineer")))
    ),
    "docdb_or_two_columns": Wanted(
        expressions=("((\"employee_name\" = 'John') OR (\"job_title\" = 'Engineer'))",)
    ),
    "docdb_not_in": Wanted((("job_title", other_than("Contractor", "Intern")),)),
    "docdb_not_or": Wanted(
        expressions=("not(((\"employee_name\" = 'John') OR (\"job_title\" = 'Manager')))",)
    ),
    "bigquery_in_and_not_bool_limit_10": Wanted(
        (
            ("id", points(Decimal("100.0000"), Decimal("200.0000"))),
            ("is_active", NOT_TRUE),
        ),
        limit=10,
        columns=("id",),
    ),
}


def test_every_plan_has_an_expectation() -> None:
    assert {*WANTED, REFUSED} == set(PLANS)


@pytest.mark.parametrize("name", WANTED)
def test_plan(name: str) -> None:
    wanted, told = WANTED[name], PLANS[name]["decoded"]
    plan = decode_plan(PLANS[name]["plan_base64"])
    constraints = plan.constraints
    assert plan.table == tuple(told["table"])
    assert plan.columns.names == [column["name"] for column in told["columns"]]
    types: dict[str, pa.DataType] = {column.name: column.type for column in plan.columns}
    assert constraints.summary == {column: make(types[column]) for column, make in wanted.sets}
    assert tuple(map(render, constraints.expression)) == wanted.expressions
    assert constraints.order_by == wanted.order_by
    assert constraints.limit == wanted.limit
    assert plan.projection == (wanted.columns or tuple(plan.columns.names))
    assert not plan.reasons


def test_a_plan_that_writes_is_refused() -> None:
    with pytest.raises(UnsupportedOperationError, match="write"):
        decode_plan(PLANS[REFUSED]["plan_base64"])

"""What a scan costs is estimated by the planner, and refused where that is too much."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from athena_connectors.common.errors import BudgetExceededError
from athena_connectors.common.testing.engines import Engines
from athena_connectors.jdbc_postgres.app import handler

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from athena_connectors.common.estimates import Estimate
    from athena_connectors.common.observability import SplitStats
    from athena_connectors.common.testing.engine import LocalEngine
    from athena_connectors.common.testing.postgres import PostgresAddress

ROWS = 20_000
SOURCE = "pg.public.orders"


@pytest.fixture(scope="module", autouse=True)
def _orders(database: PostgresAddress) -> None:
    database.execute(
        f"CREATE TABLE orders (id int PRIMARY KEY, day date NOT NULL, customer int, note text);"
        f"INSERT INTO orders SELECT n, date '2024-01-01' + n / 100, n % 7, repeat('x', 50)"
        f" FROM generate_series(1, {ROWS}) AS n;"
        f"CREATE INDEX by_day ON orders (day);"
        f"CREATE INDEX few ON orders (customer) WHERE customer = 3;"
        f"CREATE VIEW seen AS SELECT customer, day FROM orders WHERE day > '2024-01-02';"
        f"CREATE TABLE parted (id int, month int) PARTITION BY RANGE (month);"
        f"CREATE TABLE parted_1 PARTITION OF parted FOR VALUES FROM (1) TO (2);"
        f"CREATE TABLE parted_2 PARTITION OF parted FOR VALUES FROM (2) TO (3);"
        f"INSERT INTO parted SELECT n, 1 + n % 2 FROM generate_series(1, 4000) AS n"
    )
    database.execute("ANALYZE orders")
    database.execute("ANALYZE parted")


@pytest.fixture
def open_engine(database: PostgresAddress, tmp_path: Path) -> Iterator[Engines]:
    settings = {"default": database.connection_string}
    with Engines(handler, "pg", settings, spill=tmp_path) as engines:
        yield engines


def _costs(engine: LocalEngine, sql: str) -> tuple[Estimate, SplitStats]:
    (scan,) = engine.query(sql).scans
    assert scan.estimate is not None
    assert scan.cost is not None
    return scan.estimate, scan.cost


@pytest.mark.parametrize(
    ("columns", "rest"),
    [
        ("*", ""),
        ("id", ""),
        ("note", "WHERE customer = 3"),
        ("day, note", "WHERE day < DATE '2024-02-01'"),
        ("*", "WHERE id = 77"),
        ("id", "LIMIT 50"),
        ("*", "ORDER BY id LIMIT 20"),
    ],
)
def test_an_estimate_is_near_the_facts(open_engine: Engines, columns: str, rest: str) -> None:
    sql = f"SELECT {columns} FROM {SOURCE} {rest}"
    estimate, fact = _costs(open_engine(estimates=True), sql)
    assert estimate.rows_read == pytest.approx(fact.rows_read, rel=0.3, abs=2)
    assert estimate.bytes_read == pytest.approx(fact.bytes_read, rel=0.4, abs=60)
    assert estimate.rows_scanned is not None
    assert estimate.rows_scanned >= fact.rows_read * 0.7


def test_what_is_looked_at_is_told_beside_what_is_read(open_engine: Engines) -> None:
    engine = open_engine(estimates=True)
    whole, _ = _costs(engine, f"SELECT * FROM {SOURCE} WHERE customer = 4")
    assert whole.rows_scanned == pytest.approx(ROWS, rel=0.2)
    assert whole.bytes_scanned == pytest.approx(ROWS * 95, rel=0.3)
    few, fact = _costs(engine, f"SELECT * FROM {SOURCE} WHERE customer = 3")
    assert few.rows_scanned == pytest.approx(fact.rows_read, rel=0.3)
    by_key, _ = _costs(engine, f"SELECT * FROM {SOURCE} WHERE id = 5")
    assert by_key.rows_scanned is not None
    assert by_key.rows_scanned <= 3
    part, fact = _costs(engine, "SELECT * FROM pg.public.parted WHERE month = 1")
    assert part.rows_scanned == pytest.approx(2000, rel=0.2)
    assert fact.rows_read == 2000


def test_rows_that_are_counted_are_no_bytes(open_engine: Engines) -> None:
    estimate, _ = _costs(open_engine(estimates=True), f"SELECT count(*) FROM {SOURCE}")
    assert (estimate.rows_read, estimate.bytes_read) == (ROWS, 0)


def test_no_row_costs_nothing(open_engine: Engines) -> None:
    engine = open_engine(estimates=True)
    (scan,) = engine.explain(f"SELECT * FROM {SOURCE} WHERE id > 5 AND id < 3")
    assert scan.estimate is not None
    assert scan.estimate.rows_scanned == 0


def test_a_limit_that_is_kept_here_ends_a_scan_nobody_knows_where(open_engine: Engines) -> None:
    engine = open_engine(estimates=True, max_rows_scanned="20000", string_pushdown="off")
    estimate, _ = _costs(engine, f"SELECT * FROM {SOURCE} WHERE note LIKE 'x%' LIMIT 1")
    assert estimate.rows_scanned is None


@pytest.mark.parametrize("setting", ["max_rows_scanned", "max_bytes_scanned"])
def test_a_scan_over_a_budget_is_refused_and_indexes_are_named(
    open_engine: Engines, setting: str
) -> None:
    settings: dict[str, Any] = {setting: "15000"}
    engine = open_engine(**settings)
    with pytest.raises(BudgetExceededError) as caught:
        engine.query(f"SELECT * FROM {SOURCE} WHERE customer = 4")
    text = str(caught.value)
    assert f"by EXPLAIN and pg_class: {setting} is 15,000. Nothing was read." in text
    assert "condition on id (index orders_pkey), or on day (index by_day), or raise" in text
    assert engine.query(f"SELECT * FROM {SOURCE} WHERE id = 9").table.num_rows == 1


def test_the_key_of_partitions_is_named(open_engine: Engines) -> None:
    engine = open_engine(max_rows_scanned="1000")
    with pytest.raises(BudgetExceededError, match=r"condition on month \(partition key\), or"):
        engine.query("SELECT * FROM pg.public.parted")


def test_a_view_is_estimated_and_refused_too(open_engine: Engines) -> None:
    engine = open_engine(max_rows_scanned="100")
    with pytest.raises(BudgetExceededError, match="Narrow the predicate, or raise"):
        engine.query("SELECT * FROM pg.public.seen")


def test_a_read_that_was_underestimated_is_stopped(
    open_engine: Engines, database: PostgresAddress
) -> None:
    database.execute(
        "CREATE TABLE grown (id int) WITH (autovacuum_enabled = off);"
        "CREATE FUNCTION many() RETURNS SETOF int ROWS 10 LANGUAGE sql"
        " AS 'SELECT generate_series(1, 50000)';"
        "CREATE VIEW surprising AS SELECT many() AS id"
    )
    engine = open_engine(max_rows_scanned="20000")
    with pytest.raises(BudgetExceededError, match="was stopped after") as caught:
        engine.query("SELECT id FROM pg.public.surprising")
    rows = int(str(caught.value).partition(" after ")[2].partition(" ")[0].replace(",", ""))
    assert 20_000 < rows <= 20_000 + 16_384


def test_conditions_can_be_required(open_engine: Engines) -> None:
    engine = open_engine(require_filter='{"public.orders": ["day"]}')
    with pytest.raises(BudgetExceededError, match="only with a condition on day"):
        engine.query(f"SELECT * FROM {SOURCE} WHERE customer = 3")
    sql = f"SELECT count(*) AS n FROM {SOURCE} WHERE day = DATE '2024-01-02'"
    assert engine.query(sql).table.to_pylist() == [{"n": 100}]

"""What a scan costs is estimated by the server's plan, and refused where that is too much."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from athena_connectors.common.errors import BudgetExceededError
from athena_connectors.common.testing.engines import Engines
from athena_connectors.jdbc_mysql.app import handler

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from athena_connectors.common.estimates import Estimate
    from athena_connectors.common.observability import SplitStats
    from athena_connectors.common.testing.engine import LocalEngine
    from athena_connectors.common.testing.mariadb import MariaDb

ROWS = 20_000


@pytest.fixture(scope="module", autouse=True)
def _orders(database: MariaDb) -> None:
    database.execute(
        "CREATE TABLE orders (id int PRIMARY KEY, day date NOT NULL, customer int, note text,"
        " KEY by_day (day))"
    )
    database.execute(
        "INSERT INTO orders SELECT seq, date '2024-01-01' + INTERVAL (seq DIV 100) DAY,"
        f" seq MOD 7, repeat('x', 50) FROM seq_1_to_{ROWS}"
    )
    database.execute("CREATE VIEW seen AS SELECT * FROM orders")
    database.execute("ANALYZE TABLE orders")


@pytest.fixture
def open_engine(database: MariaDb, tmp_path: Path) -> Iterator[Engines]:
    with Engines(handler, "my", database.settings, spill=tmp_path) as engines:
        yield engines


@pytest.fixture
def source(database: MariaDb) -> str:
    return f"my.{database.database}.orders"


def _costs(engine: LocalEngine, sql: str) -> tuple[Estimate, SplitStats]:
    (scan,) = engine.query(sql).scans
    assert scan.estimate is not None
    assert scan.cost is not None
    return scan.estimate, scan.cost


@pytest.mark.parametrize("rest", ["", "LIMIT 50"])
def test_an_estimate_is_near_the_facts(open_engine: Engines, source: str, rest: str) -> None:
    estimate, fact = _costs(open_engine(estimates=True), f"SELECT * FROM {source} {rest}")
    assert estimate.rows_read == pytest.approx(fact.rows_read, rel=0.3, abs=2)


def test_what_is_looked_at_is_told(open_engine: Engines, source: str) -> None:
    engine = open_engine(estimates=True)
    whole, _ = _costs(engine, f"SELECT * FROM {source} WHERE customer = 3")
    assert whole.rows_scanned == pytest.approx(ROWS, rel=0.3)
    assert whole.bytes_scanned == pytest.approx(ROWS * 90, rel=0.5)
    assert whole.rows_read is None
    by_key, _ = _costs(engine, f"SELECT * FROM {source} WHERE id = 5")
    assert by_key.rows_scanned is not None
    assert by_key.rows_scanned <= 2


@pytest.mark.parametrize("setting", ["max_rows_scanned", "max_bytes_scanned"])
def test_a_scan_over_a_budget_is_refused_and_indexes_are_named(
    open_engine: Engines, source: str, setting: str
) -> None:
    settings: dict[str, Any] = {setting: "10000"}
    engine = open_engine(**settings)
    with pytest.raises(BudgetExceededError) as caught:
        engine.query(f"SELECT * FROM {source} WHERE customer = 3")
    text = str(caught.value)
    assert f"by EXPLAIN and information_schema: {setting} is 10,000. Nothing was read." in text
    assert "condition on id (index PRIMARY), or on day (index by_day), or raise" in text
    assert engine.query(f"SELECT * FROM {source} WHERE id = 9").table.num_rows == 1


def test_a_view_has_no_statistics_but_is_stopped(open_engine: Engines, database: MariaDb) -> None:
    engine = open_engine(max_rows_scanned="1000", estimates=True)
    with pytest.raises(BudgetExceededError, match="was stopped after"):
        engine.query(f"SELECT * FROM my.{database.database}.seen")

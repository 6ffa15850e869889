"""What a scan costs is estimated by the server's statistics, and refused where it is too much."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from athena_connectors.common.errors import BudgetExceededError
from athena_connectors.common.testing.engines import Engines
from athena_connectors.documentdb.app import handler

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from athena_connectors.common.estimates import Estimate
    from athena_connectors.common.observability import SplitStats
    from athena_connectors.common.testing.engine import LocalEngine
    from athena_connectors.common.testing.mongodb import MongoDb

DOCUMENTS = 3000
SOURCE = "mo.costs.orders"


@pytest.fixture(scope="module")
def _orders(mongodb: MongoDb) -> Iterator[None]:
    database = mongodb.client()[mongodb.create_database("costs")]
    database["orders"].insert_many(
        [{"_id": n, "day": n // 100, "note": f"{n % 7}", "x": "x" * 60} for n in range(DOCUMENTS)]
    )
    database["orders"].create_index("day", name="by_day")
    partial = {"day": {"$gt": 3}}
    database["orders"].create_index("note", name="some", partialFilterExpression=partial)
    database.create_collection("seen", viewOn="orders", pipeline=[])
    yield
    mongodb.client().drop_database("costs")


@pytest.fixture
def open_engine(mongodb: MongoDb, _orders: None, tmp_path: Path) -> Iterator[Engines]:
    with Engines(handler, "mo", mongodb.settings, spill=tmp_path) as engines:
        yield engines


def _costs(engine: LocalEngine, sql: str) -> tuple[Estimate, SplitStats]:
    (scan,) = engine.query(sql).scans
    assert scan.estimate is not None
    assert scan.cost is not None
    return scan.estimate, scan.cost


def test_an_estimate_is_near_the_facts(open_engine: Engines) -> None:
    engine = open_engine(estimates=True)
    estimate, fact = _costs(engine, f"SELECT * FROM {SOURCE}")
    assert estimate.rows_scanned == estimate.rows_read == fact.rows_read == DOCUMENTS
    assert estimate.bytes_read == pytest.approx(fact.bytes_read, rel=0.2)
    estimate, fact = _costs(engine, f"SELECT * FROM {SOURCE} LIMIT 40")
    assert estimate.rows_read == fact.rows_read == 40


def test_all_documents_are_looked_at_unless_an_index_finds_them(open_engine: Engines) -> None:
    engine = open_engine(estimates=True)
    whole, _ = _costs(engine, f"SELECT * FROM {SOURCE} WHERE x = 'y'")
    assert (whole.rows_scanned, whole.rows_read) == (DOCUMENTS, None)
    found, _ = _costs(engine, f"SELECT * FROM {SOURCE} WHERE day = 3")
    assert found.rows_scanned is None
    early, _ = _costs(engine, f"SELECT * FROM {SOURCE} WHERE x LIKE 'x%' LIMIT 1")
    assert early.rows_scanned is None


def test_no_row_costs_nothing(open_engine: Engines) -> None:
    sql = f"SELECT * FROM {SOURCE} WHERE day > 5 AND day < 3"
    (scan,) = open_engine().explain(sql)
    assert scan.estimate is not None
    assert scan.estimate.rows_scanned == 0


@pytest.mark.parametrize(
    ("setting", "value"), [("max_rows_scanned", "2999"), ("max_bytes_scanned", "100000")]
)
def test_a_scan_over_a_budget_is_refused_and_indexes_are_named(
    open_engine: Engines, setting: str, value: str
) -> None:
    settings: dict[str, Any] = {setting: value}
    engine = open_engine(**settings)
    with pytest.raises(BudgetExceededError) as caught:
        engine.query(f"SELECT * FROM {SOURCE} WHERE x = 'y'")
    text = str(caught.value)
    assert f"by collStats: {setting} is {int(value):,}. Nothing was read." in text
    assert "condition on _id (index _id_), or on day (index by_day), or raise" in text
    assert "some" not in text
    assert engine.query(f"SELECT * FROM {SOURCE} WHERE day = 3").table.num_rows == 100


def test_a_view_has_no_statistics_but_is_stopped(open_engine: Engines) -> None:
    engine = open_engine(max_rows_scanned="1500")
    with pytest.raises(BudgetExceededError, match=r"costs\.seen was stopped after"):
        engine.query("SELECT * FROM mo.costs.seen")


def test_no_batch_is_read_in_advance_of_one_that_is_over_the_budget(
    open_engine: Engines, mongodb: MongoDb
) -> None:
    def batches() -> int:
        told = mongodb.client()["admin"].command("serverStatus")["opcounters"]["getmore"]
        return int(told)

    engine = open_engine(max_requests="2", batch_bytes="65536", schema_sample_size="1")
    source = "mo.costs.orders"
    engine.query(f"SELECT * FROM {source} WHERE day = 3")
    before = batches()
    with pytest.raises(BudgetExceededError, match="after 3 requests: max_requests is 2"):
        engine.query(f"SELECT * FROM {source}")
    assert batches() - before == 2

"""Queries of the demo's shop, recorded from a real server and replayed when it is gone."""

from __future__ import annotations

import zipfile
from typing import TYPE_CHECKING

import pytest
from athena_connectors.common.testing.engine import Catalog
from athena_connectors.common.testing.folder_store import FolderStore
from athena_connectors.common.testing.postgres import postgres_server
from athena_connectors.common.testing.recording.record import record
from athena_connectors.common.testing.recording.recordings import Options
from athena_connectors.common.testing.recording.replay import replay
from athena_connectors.common.testing.transport import InProcess
from athena_connectors.jdbc_postgres.app import handler
from psycopg2 import OperationalError

if TYPE_CHECKING:
    from pathlib import Path

    from athena_connectors.common.testing.recording.replay import Replayed

ROWS = """
CREATE TABLE sales.orders AS SELECT n AS id, n % 7 AS customer_id,
  timestamptz '2026-01-01 00:00:00+00' + n * interval '1 hour' AS placed_at,
  (ARRAY['new', 'sent', 'returned'])[n % 3 + 1] AS status,
  (n * 1.25)::numeric(10, 2) AS total,
  CASE WHEN n % 4 = 0 THEN NULL ELSE 'COUPON-' || n END AS coupon,
  ARRAY['tag' || n % 5] AS tags, jsonb_build_object('note', 'Geheimnis ' || n) AS extra,
  CASE WHEN n % 5 = 0 THEN 'NaN' ELSE n / 3.0 END::float8 AS weight, gen_random_uuid() AS token
FROM generate_series(1, 500) AS n"""
QUERIES = {
    "all": "SELECT * FROM shop.sales.orders",
    "pushed": "SELECT id, total FROM shop.sales.orders WHERE status = 'sent' AND total > 300",
    "residual": "SELECT id FROM shop.sales.orders WHERE coupon LIKE 'COUPON-1%' AND id > 9",
    "top": "SELECT id, placed_at FROM shop.sales.orders ORDER BY total DESC LIMIT 5",
    "joined": "SELECT o.id, c.name FROM shop.sales.orders o JOIN shop.sales.customers c"
    " ON o.customer_id = c.id WHERE o.placed_at < TIMESTAMP '2026-01-05 00:00:00 UTC'",
    "native": "SELECT * FROM TABLE(shop.system.query(query => 'SELECT id FROM sales.orders'))",
    "missing": "SELECT * FROM shop.sales.nosuch",
}


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Recordings of all queries; the server that answered them is gone."""
    folder = tmp_path_factory.mktemp("recordings")
    store = FolderStore(folder / "spill")
    with postgres_server(linguistic=False) as server:
        address = server.create_database("recorded")
        address.execute(
            "CREATE SCHEMA sales",
            ROWS,
            "CREATE TABLE sales.customers (id int PRIMARY KEY, name text)",
            "INSERT INTO sales.customers VALUES (1, 'Ada Geheimnis'), (2, 'Bo')",
        )
        settings = {"default": address.connection_string, "spill_bucket": "local"}
        for name, sql in QUERIES.items():
            for scrub in (False, True):
                function = InProcess(handler, settings=settings, store=store)
                catalogs = {"shop": Catalog(function, store, function.close)}
                options = Options(max_inline_bytes=0 if name == "all" else 5_000_000)
                try:
                    record(
                        sql,
                        catalogs,
                        folder / f"{name}-{scrub}.zip",
                        options=options,
                        scrub_values=scrub,
                    )
                except LookupError:
                    assert name == "missing"
        server.drop_database("recorded")
    with pytest.raises(OperationalError):
        address.connect()
    return folder


def replayed(folder: Path, name: str, *, scrub: bool) -> Replayed:
    return replay(folder / f"{name}-{scrub}.zip")


@pytest.mark.parametrize("name", QUERIES)
def test_a_query_replays_without_the_server(name: str, recorded: Path) -> None:
    again = replayed(recorded, name, scrub=False)
    assert again.differences == ()
    assert (again.answer is None) == (name == "missing")
    assert (again.recording.error is not None) == (name == "missing")
    natives = [item.native for item in again.recording.exchanges if item.is_read()]
    assert all("SELECT" in native for native in natives)
    if name == "pushed":
        assert all("'sent'" in native for native in natives)


@pytest.mark.parametrize("name", QUERIES)
def test_a_scrubbed_query_replays_without_the_server(name: str, recorded: Path) -> None:
    again = replayed(recorded, name, scrub=True)
    assert again.differences == ()
    counts = [
        [
            sum(block.num_rows for block in item.blocks)
            for item in replayed(recorded, name, scrub=scrub).recording.exchanges
            if item.is_read()
        ]
        for scrub in (False, True)
    ]
    assert len(counts[0]) == len(counts[1])
    if name != "residual":  # LIKE looks into values
        assert counts[0] == counts[1]


def test_files_hold_no_password_and_scrubbed_ones_no_value(recorded: Path) -> None:
    for file in recorded.glob("*.zip"):
        with zipfile.ZipFile(file) as members:
            said = b"".join(members.read(name) for name in members.namelist())
        assert b"password=" not in said
        assert b"postgresql://" not in said
        if file.stem.endswith("True"):
            for value in (b"COUPON-", b"Geheimnis", b"returned", b"sent'"):
                assert value not in said

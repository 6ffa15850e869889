"""The demo's warehouse: the same each time, with answers that are the server's own."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from athena_connectors.common.testing.demo import DemoSource
from athena_connectors.common.testing.engine import LocalEngine

if TYPE_CHECKING:
    from athena_connectors.common.testing.mariadb import MariaDb

WAREHOUSE = Path(__file__).parents[1] / "demo" / "warehouse.py"
RUN = Path(__file__).parents[3] / "common" / "demo" / "run.py"
ORDERS = 25_000
FEW_ORDERS = 400


def load_script(path: Path) -> Any:
    spec = importlib.util.spec_from_file_location(f"demo_{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    return script


demo = load_script(WAREHOUSE)
runner = load_script(RUN)


@pytest.fixture(scope="module")
def warehouse(database: MariaDb) -> MariaDb:
    assert demo.load(database, orders=ORDERS) == ORDERS
    return database


def local(sql: str, database: MariaDb) -> str:
    """Return a query of the demo as one of the database that the tests have."""
    return sql.replace(f".{demo.DATABASE}.", f".{database.database}.")


@pytest.mark.parametrize("pushdown", [True, False])
def test_answers_are_the_servers(
    warehouse: MariaDb,
    tmp_path: Path,
    pushdown: bool,  # noqa: FBT001
) -> None:
    catalogs = {"warehouse": demo.settings_of(warehouse)}
    config = runner.write_configuration(tmp_path, [DemoSource("", "jdbc-mysql", catalogs)])
    sql = local(demo.QUERIES[0].sql, warehouse)
    expected = warehouse.execute(sql.replace("warehouse.", ""))
    with LocalEngine.from_file(config, pushdown=pushdown) as engine:
        table = engine.query(sql).table
    assert len(expected) > 1
    assert list(zip(*(column.to_pylist() for column in table.columns), strict=True)) == expected


def test_data_are_the_same_each_time_and_whole(fresh_database: MariaDb) -> None:
    first = list(demo.packings(FEW_ORDERS))
    assert list(demo.packings(FEW_ORDERS)) == first
    demo.load(fresh_database, orders=FEW_ORDERS)
    packers = fresh_database.execute("SELECT DISTINCT packer FROM packings ORDER BY BINARY packer")
    assert [name for (name,) in packers] == sorted(demo.PACKERS)

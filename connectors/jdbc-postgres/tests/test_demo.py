"""The demo's shop: the same each time, with answers that are the server's own."""

from __future__ import annotations

import importlib.util
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from athena_connectors.common.testing.client import MAX_INLINE_BYTES
from athena_connectors.common.testing.demo import DemoSource
from athena_connectors.common.testing.engine import LocalEngine

if TYPE_CHECKING:
    from athena_connectors.common.testing.postgres import PostgresAddress

SHOP = Path(__file__).parents[1] / "demo" / "shop.py"
RUN = Path(__file__).parents[3] / "common" / "demo" / "run.py"
ORDERS = 25_000
FEW_ORDERS = 400
TABLES = {
    "crm.people.customers",
    "crm.support.tickets",
    "shop.catalogue.products",
    "shop.catalogue.suppliers",
    "shop.sales.order_lines",
    "shop.sales.orders",
}


def load_script(path: Path) -> Any:
    spec = importlib.util.spec_from_file_location(f"demo_{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    return script


demo = load_script(SHOP)
runner = load_script(RUN)


@pytest.fixture(scope="module")
def shop(database: PostgresAddress) -> PostgresAddress:
    """Both catalogs in one database, so that the server can run the demo's joins."""
    for catalog in demo.CATALOGS:
        demo.load(database, catalog, orders=ORDERS)
    return database


@pytest.fixture
def config(shop: PostgresAddress, tmp_path: Path) -> Path:
    catalogs = dict.fromkeys(demo.CATALOGS, demo.settings_of(shop))
    file: Path = runner.write_configuration(tmp_path, [DemoSource("", "jdbc-postgres", catalogs)])
    return file


def native(sql: str) -> str:
    """Return a query of catalogs as one of the database that holds them all."""
    return re.sub(r"\b(shop|crm)\.", "", sql)


def as_athena(value: object) -> object:
    """Return a server's value as Athena shows it: times on the clock of UTC."""
    return value.astimezone(UTC).replace(tzinfo=None) if isinstance(value, datetime) else value


@pytest.mark.parametrize("pushdown", [True, False])
@pytest.mark.parametrize("query", demo.QUERIES, ids=("join", "top-n", "aggregate"))
def test_answers_are_the_servers(
    shop: PostgresAddress,
    config: Path,
    query: Any,
    pushdown: bool,  # noqa: FBT001
) -> None:
    expected = [tuple(map(as_athena, row)) for row in shop.execute(native(query.sql))]
    with LocalEngine.from_file(config, pushdown=pushdown) as engine:
        table = engine.query(query.sql).table
    assert len(expected) > 1
    assert list(zip(*(column.to_pylist() for column in table.columns), strict=True)) == expected


def test_every_table_is_read_whole(shop: PostgresAddress, config: Path) -> None:
    with LocalEngine.from_file(config) as engine:
        for name in TABLES:
            ((rows,),) = shop.execute(native(f"SELECT count(*) FROM {name}"))
            table = engine.query(f"SELECT * FROM {name}").table
            assert table.num_rows == rows > 0, name


def test_a_full_split_of_the_aggregate_spills(config: Path) -> None:
    with LocalEngine.from_file(config, max_inline_bytes=1) as engine:
        (scan,) = (
            scan
            for scan in engine.query(demo.QUERIES[-1].sql).scans
            if scan.planned.reference.table.table == "order_lines"
        )
    assert all(split.spill_objects for split in scan.splits)
    bytes_per_row = sum(split.size for split in scan.splits) / scan.rows
    assert bytes_per_row * demo.MIN_ROWS_PER_SPLIT > MAX_INLINE_BYTES


def test_data_are_the_same_each_time(fresh_database: PostgresAddress) -> None:
    first = checksums(fresh_database)
    fresh_database.execute("DROP SCHEMA catalogue, sales, people, support CASCADE")
    assert checksums(fresh_database) == first
    assert len(set(first.values())) == len(TABLES)


def checksums(database: PostgresAddress) -> dict[str, str]:
    """Load both catalogs and return a checksum of all rows for each table."""
    for catalog in demo.CATALOGS:
        demo.load(database, catalog, orders=FEW_ORDERS)
    query = "SELECT md5(string_agg(t::text, ' ' ORDER BY t::text)) FROM {} AS t"
    return {name: database.execute(query.format(native(name)))[0][0] for name in TABLES}

"""The demo: the same shop each time, and answers that are the server's own."""

from __future__ import annotations

import importlib.util
import re
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from athena_connectors.common.cli.main import main as athena_connectors
from athena_connectors.common.testing.client import MAX_INLINE_BYTES
from athena_connectors.common.testing.engine import LocalEngine

if TYPE_CHECKING:
    from athena_connectors.common.testing.postgres import PostgresAddress

RUN = Path(__file__).parents[1] / "demo" / "run.py"
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


def load_script() -> Any:
    spec = importlib.util.spec_from_file_location("demo_run", RUN)
    assert spec is not None
    assert spec.loader is not None
    script = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    return script


demo = load_script()


@pytest.fixture(scope="module")
def shop(database: PostgresAddress) -> PostgresAddress:
    """Both catalogs in one database, so that the server can run the demo's joins."""
    for catalog in demo.CATALOGS:
        demo.load(database, catalog, orders=ORDERS)
    return database


@pytest.fixture
def config(shop: PostgresAddress, tmp_path: Path) -> Path:
    file: Path = demo.write_configuration(tmp_path, dict.fromkeys(demo.CATALOGS, shop))
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


def test_what_is_printed(
    postgres: PostgresAddress,
    fresh_database: PostgresAddress,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    url = f"postgresql://{postgres.user}:{postgres.password}@{postgres.host}:{postgres.port}/"
    monkeypatch.setenv("TEST_POSTGRES_URL", url)
    *_, rows = (demo.load(fresh_database, name, orders=FEW_ORDERS) for name in demo.CATALOGS)
    folder = tmp_path / "demo"
    assert demo.main(["--orders", str(FEW_ORDERS), "--folder", str(folder)]) == 0
    printed, complaints = capfd.readouterr()
    assert complaints == ""
    assert f"{rows:,} rows in two databases" in printed
    assert set(printed.split()) >= TABLES
    other = demo.write_configuration(tmp_path, dict.fromkeys(demo.CATALOGS, fresh_database))
    for query in demo.QUERIES:
        assert f'$ SQL="{query.sql}"' in printed
        assert not set(query.sql) & set('"$`\\!'), "a shell would change it"
        assert athena_connectors(["query", "--config", str(other), query.sql]) == 0
        assert capfd.readouterr().out in printed
    assert len(re.findall(r"^\$ \S+ explain ", printed, re.MULTILINE)) == len(demo.QUERIES)
    assert len(re.findall(r"^\$ \S+ query .* --stats ", printed, re.MULTILINE)) >= len(demo.QUERIES)
    left = "SELECT datname FROM pg_database WHERE datname LIKE 'athena\\_demo\\_%'"
    assert postgres.execute(left) == []

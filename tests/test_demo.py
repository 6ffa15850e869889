"""The demo as a whole: what it prints is what its commands answer."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest
from athena_connectors.common.cli.main import main as athena_connectors

if TYPE_CHECKING:
    from athena_connectors.common.testing.dynamodb import DynamoDb
    from athena_connectors.common.testing.mariadb import MariaDb
    from athena_connectors.common.testing.mongodb import MongoDb
    from athena_connectors.common.testing.postgres import PostgresAddress

ROOT = Path(__file__).parents[1]
FEW_ORDERS = 400


def load_runner() -> Any:
    spec = importlib.util.spec_from_file_location("demo_run", ROOT / "common" / "demo" / "run.py")
    assert spec is not None
    assert spec.loader is not None
    runner = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(runner)
    return runner


@pytest.fixture
def servers(
    postgres: PostgresAddress,
    dynamodb: DynamoDb,
    mongodb: MongoDb,
    mariadb: MariaDb,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Let the demo use the servers of the tests."""
    url = f"postgresql://{postgres.user}:{postgres.password}@{postgres.host}:{postgres.port}/"
    monkeypatch.setenv("TEST_POSTGRES_URL", url)
    login = f"{mariadb.user}:{quote(mariadb.password, '')}"
    monkeypatch.setenv("TEST_MYSQL_URL", f"mysql://{login}@{mariadb.host}:{mariadb.port}/")
    monkeypatch.setenv("TEST_DYNAMODB_URL", dynamodb.url)
    monkeypatch.setenv("TEST_MONGODB_URL", mongodb.url)


@pytest.mark.usefixtures("servers")
def test_what_is_printed(
    postgres: PostgresAddress,
    mongodb: MongoDb,
    mariadb: MariaDb,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:
    runner = load_runner()
    folder = tmp_path / "demo"
    assert runner.main(["--orders", str(FEW_ORDERS), "--folder", str(folder)]) == 0
    printed, complaints = capfd.readouterr()
    assert complaints == ""
    scripts = [runner.load_script(ROOT / "connectors" / path) for path in runner.SOURCES]
    queries = [query for script in scripts for query in script.QUERIES]
    with (
        scripts[0].source(orders=FEW_ORDERS) as shop,
        scripts[1].source(orders=FEW_ORDERS) as parcels,
        scripts[2].source(orders=FEW_ORDERS) as log,
        scripts[3].source(orders=FEW_ORDERS) as profiles,
        scripts[4].source(orders=FEW_ORDERS) as warehouse,
    ):
        sources = [shop, parcels, log, profiles, warehouse]
        config = runner.write_configuration(tmp_path, sources)
        for source in sources:
            assert source.story in printed
        assert athena_connectors(["tables", "--config", str(config)]) == 0
        assert capfd.readouterr().out in printed
        for query in queries:
            assert f'$ SQL="{query.sql}"' in printed
            assert not set(query.sql) & set('"$`\\!'), "a shell would change it"
            assert athena_connectors(["query", "--config", str(config), query.sql]) == 0
            assert capfd.readouterr().out in printed
    assert len(re.findall(r"^\$ \S+ explain ", printed, re.MULTILINE)) == len(queries)
    assert len(re.findall(r"^\$ \S+ query .* --stats ", printed, re.MULTILINE)) >= len(queries)
    left = "SELECT datname FROM pg_database WHERE datname LIKE 'athena\\_demo\\_%'"
    assert postgres.execute(left) == []
    assert "athena_demo" not in mongodb.client().list_database_names()
    assert mongodb.client().admin.command("usersInfo", "athena_demo")["users"] == []
    assert mariadb.execute("SHOW DATABASES LIKE 'athena\\_demo'") == []
    assert mariadb.execute("SELECT User FROM mysql.user WHERE User = 'athena_demo'") == []


def test_the_last_query_joins_all_sources() -> None:
    scripts = [
        load_runner().load_script(ROOT / "connectors" / path) for path in load_runner().SOURCES
    ]
    last = scripts[-1].QUERIES[-1].sql
    catalogs = set(re.findall(r"(?:FROM|JOIN) (\w+)\.", last))
    assert catalogs == {"shop", "tracking", "logs", "profiles", "warehouse"}


def test_every_demo_script_is_run() -> None:
    found = {
        str(path.relative_to(ROOT / "connectors")) for path in ROOT.glob("connectors/*/demo/*.py")
    }
    assert found == set(load_runner().SOURCES)

"""Servers that the tests of several folders share; one of each for a whole run."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from athena_connectors.common.testing.dynamodb import dynamodb_server
from athena_connectors.common.testing.logs_server import logs_server
from athena_connectors.common.testing.mariadb import mariadb_server
from athena_connectors.common.testing.mongodb import mongodb_server
from athena_connectors.common.testing.postgres import postgres_server
from athena_connectors.common.testing.postgres_proxy import self_signed
from hypothesis import HealthCheck, settings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from athena_connectors.common.testing.dynamodb import DynamoDb
    from athena_connectors.common.testing.logs_server import LogsFake
    from athena_connectors.common.testing.mariadb import MariaDb
    from athena_connectors.common.testing.mongodb import MongoDb
    from athena_connectors.common.testing.postgres import PostgresAddress

# A machine that is busy is no fault of a test, so nothing here hangs on the clock, and a run
# tries what every other run tries. `pytest --hypothesis-profile=explore` looks further.
settings.register_profile(
    "explore", deadline=None, suppress_health_check=[HealthCheck.too_slow], database=None
)
settings.register_profile("same every time", settings.get_profile("explore"), derandomize=True)
settings.load_profile("same every time")


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresAddress]:
    """A PostgreSQL server's superuser, in the database ``postgres``."""
    with postgres_server() as address:
        yield address


@pytest.fixture(scope="session")
def mariadb() -> Iterator[MariaDb]:
    """A MariaDB server; tests share it, each with a database of its own."""
    with mariadb_server() as server:
        yield server


@pytest.fixture(scope="session")
def dynamodb() -> Iterator[DynamoDb]:
    """A server that plays DynamoDB; tests share it, each with tables of its own."""
    with dynamodb_server() as server:
        yield server


@pytest.fixture(scope="session")
def mongodb() -> Iterator[MongoDb]:
    """A MongoDB server; tests share it, each with a database of its own."""
    with mongodb_server() as server:
        yield server


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for 127.0.0.1 that has signed itself; its key lies beside it."""
    return self_signed(tmp_path_factory.mktemp("tls"))


@pytest.fixture
def logs() -> Iterator[LogsFake]:
    """A stand-in of CloudWatch Logs without a group; each test has its own."""
    with logs_server() as fake:
        yield fake

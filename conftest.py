"""Servers that the tests of several folders share; one of each for a whole run."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from athena_connectors.common.testing.dynamodb import dynamodb_server
from athena_connectors.common.testing.logs_server import logs_server
from athena_connectors.common.testing.postgres import postgres_server

if TYPE_CHECKING:
    from collections.abc import Iterator

    from athena_connectors.common.testing.dynamodb import DynamoDb
    from athena_connectors.common.testing.logs_server import LogsFake
    from athena_connectors.common.testing.postgres import PostgresAddress


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresAddress]:
    """A PostgreSQL server's superuser, in the database ``postgres``."""
    with postgres_server() as address:
        yield address


@pytest.fixture(scope="session")
def dynamodb() -> Iterator[DynamoDb]:
    """A server that plays DynamoDB; tests share it, each with tables of its own."""
    with dynamodb_server() as server:
        yield server


@pytest.fixture
def logs() -> Iterator[LogsFake]:
    """A stand-in of CloudWatch Logs without a group; each test has its own."""
    with logs_server() as fake:
        yield fake

"""Databases for the tests of this connector, on the one server of the run."""

from __future__ import annotations

import os
from itertools import count
from typing import TYPE_CHECKING

import pytest
from athena_connectors.common.testing.postgres_proxy import self_signed

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from athena_connectors.common.testing.postgres import PostgresAddress

_numbers = count()


def _database(postgres: PostgresAddress) -> Iterator[PostgresAddress]:
    name = f"test_{os.getpid()}_{next(_numbers)}"
    yield postgres.create_database(name)
    postgres.drop_database(name)


@pytest.fixture(scope="module")
def database(postgres: PostgresAddress) -> Iterator[PostgresAddress]:
    """An empty database, shared by the tests of one module."""
    yield from _database(postgres)


@pytest.fixture
def fresh_database(postgres: PostgresAddress) -> Iterator[PostgresAddress]:
    """An empty database of one test's own."""
    yield from _database(postgres)


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for 127.0.0.1 that has signed itself."""
    return self_signed(tmp_path_factory.mktemp("tls"))

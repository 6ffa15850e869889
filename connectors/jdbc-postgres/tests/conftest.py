"""Databases for the tests of this connector, on the one server of the run."""

from __future__ import annotations

import os
from itertools import count
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

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

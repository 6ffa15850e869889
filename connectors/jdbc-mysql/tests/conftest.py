"""Databases for the tests of this connector, on the one server of the run."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from athena_connectors.common.testing.mariadb import MariaDb


def _database(mariadb: MariaDb) -> Iterator[MariaDb]:
    address = mariadb.create_database()
    yield address
    mariadb.drop_database(address.database)


@pytest.fixture(scope="module")
def database(mariadb: MariaDb) -> Iterator[MariaDb]:
    """An empty database, shared by the tests of one module."""
    yield from _database(mariadb)


@pytest.fixture
def fresh_database(mariadb: MariaDb) -> Iterator[MariaDb]:
    """An empty database of one test's own."""
    yield from _database(mariadb)

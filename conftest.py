"""Servers that the tests of several folders share; one of each for a whole run."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from athena_connectors.common.testing.postgres import postgres_server

if TYPE_CHECKING:
    from collections.abc import Iterator

    from athena_connectors.common.testing.postgres import PostgresAddress


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresAddress]:
    """A PostgreSQL server's superuser, in the database ``postgres``."""
    with postgres_server() as address:
        yield address

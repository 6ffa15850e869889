"""Clients of the connector for its tests."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import pytest
from athena_connectors.common.config import load_settings
from athena_connectors.documentdb.client import Client
from athena_connectors.documentdb.connection_strings import target_of
from athena_connectors.documentdb.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from athena_connectors.common.secrets import SecretResolver
    from athena_connectors.common.testing.mongodb import MongoDb


class Connect(Protocol):
    """Returns a client by its connection string, with settings beside it."""

    def __call__(
        self, url: str, secrets: SecretResolver | None = None, **settings: str
    ) -> Client: ...


@pytest.fixture
def connect() -> Iterator[Connect]:
    """Makes clients."""
    made: list[Client] = []

    def connect(url: str, secrets: SecretResolver | None = None, **settings: str) -> Client:
        environ = {"default_docdb": url, **settings}
        options = load_settings(Settings, environ)
        made.append(Client(target_of("x", environ), options, secrets=secrets, environ=environ))
        return made[-1]

    yield connect
    for client in made:
        client.close()


@pytest.fixture(scope="module")
def client(mongodb: MongoDb) -> Iterator[Client]:
    """A client of a user who may do anything."""
    options = load_settings(Settings, mongodb.settings)
    target = target_of("x", mongodb.settings)
    made = Client(target, options, secrets=None, environ=mongodb.settings)
    yield made
    made.close()

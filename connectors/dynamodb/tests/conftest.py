"""Clients, faults and AWS stand-ins for the tests of this connector.

Every request that a client of the connector makes here has to be one that the real
DynamoDB would take.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import pytest
from athena_connectors.common.config import load_settings
from athena_connectors.common.testing.aws import aws_server, watched_sources
from athena_connectors.common.testing.dynamodb_faults import dynamodb_proxy
from athena_connectors.common.testing.dynamodb_linter import watch_requests
from athena_connectors.dynamodb.client import Client
from athena_connectors.dynamodb.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from athena_connectors.common.testing.aws import AwsAddress
    from athena_connectors.common.testing.dynamodb import DynamoDb
    from athena_connectors.common.testing.dynamodb_faults import DynamoDbProxy


class Connect(Protocol):
    """Returns a client of a server."""

    def __call__(self, server: DynamoDb, **settings: str) -> Client: ...


@pytest.fixture(scope="module", autouse=True)  # not what other folders' tests send
def watched_requests(request: pytest.FixtureRequest) -> Iterator[None]:
    """Let no client send what the real DynamoDB would refuse."""

    def watch(client: Any) -> None:
        watch_requests(client, request.getfixturevalue("dynamodb").describe)

    with watched_sources("dynamodb", watch):
        yield


@pytest.fixture(scope="session")
def aws() -> Iterator[AwsAddress]:
    """Running stand-ins of STS, Glue and more."""
    with aws_server() as address:
        yield address


@pytest.fixture
def proxy(dynamodb: DynamoDb) -> Iterator[DynamoDbProxy]:
    """A proxy in front of the server, which can be made to fail."""
    with dynamodb_proxy(dynamodb) as running:
        yield running


@pytest.fixture
def connect() -> Iterator[Connect]:
    """Makes clients, with settings beside those that lead to the server."""
    made: list[Client] = []

    def connect(server: DynamoDb, **settings: str) -> Client:
        environ = {**server.settings, **settings}
        made.append(Client(load_settings(Settings, environ), environ))
        return made[-1]

    yield connect
    for client in made:
        client.close()

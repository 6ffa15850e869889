"""Clients of the stand-in of CloudWatch Logs, and stand-ins of other services.

Every request that a client of the connector makes here has to be one that the real
CloudWatch Logs would take.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import pytest
from athena_connectors.cloudwatch_logs.client import Client
from athena_connectors.cloudwatch_logs.settings import Settings
from athena_connectors.common.config import load_settings
from athena_connectors.common.testing.aws import aws_server, watched_sources
from athena_connectors.common.testing.logs_linter import watch_requests

if TYPE_CHECKING:
    from collections.abc import Iterator

    from athena_connectors.common.testing.aws import AwsAddress
    from athena_connectors.common.testing.logs_server import LogsFake


class ConnectClient(Protocol):
    """Returns a client, with settings beside those that lead to the stand-in."""

    def __call__(self, **settings: str) -> Client: ...


@pytest.fixture(scope="module", autouse=True)  # not what other folders' tests send
def watched_requests() -> Iterator[None]:
    """Let no client send what the real CloudWatch Logs would refuse."""
    with watched_sources("logs", watch_requests):
        yield


@pytest.fixture(scope="session")
def aws() -> Iterator[AwsAddress]:
    """Running stand-ins of STS and more."""
    with aws_server() as address:
        yield address


@pytest.fixture
def connect(logs: LogsFake) -> Iterator[ConnectClient]:
    """Makes clients."""
    made: list[Client] = []

    def connect(**settings: str) -> Client:
        environ = {**logs.settings, "throttle_max_delay_ms": "20", **settings}
        made.append(Client(load_settings(Settings, environ), environ))
        return made[-1]

    yield connect
    for client in made:
        client.close()


class QuickClient(Client):
    """A client that waits for nothing between two looks at a query, unless it is told to."""

    is_patient = False

    def pause(self, seconds: float) -> None:
        super().pause(seconds if self.is_patient else 0)


class Connect(Protocol):
    """Returns a client."""

    def __call__(self, *, is_patient: bool = False) -> QuickClient: ...


@pytest.fixture
def insights(logs: LogsFake) -> Iterator[Connect]:
    """Makes clients for Logs Insights."""
    made: list[QuickClient] = []

    def connect(*, is_patient: bool = False) -> QuickClient:
        environ = {**logs.settings, "throttle_max_delay_ms": "50"}
        client = QuickClient(load_settings(Settings, environ), environ)
        client.is_patient = is_patient
        made.append(client)
        return client

    yield connect
    for client in made:
        client.close()

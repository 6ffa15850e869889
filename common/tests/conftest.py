"""AWS stand-ins for the tests of this package; one server for a whole run."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from athena_connectors.common.testing.aws import aws_server

if TYPE_CHECKING:
    from collections.abc import Iterator

    from athena_connectors.common.testing.aws import AwsAddress


@pytest.fixture(scope="session")
def aws() -> Iterator[AwsAddress]:
    """Running stand-ins of S3, KMS, Secrets Manager, Athena and more."""
    with aws_server() as address:
        yield address


@pytest.fixture
def no_backoff(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let AWS clients repeat a call at once."""
    monkeypatch.setattr("botocore.retries.standard.ExponentialBackoff.delay_amount", lambda *_: 0.0)

"""Secrets are fetched once a minute and shown nowhere."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from athena_connectors.common.aws import AwsClients
from athena_connectors.common.errors import (
    AccessDeniedError,
    ConnectorError,
    InvalidCredentialsError,
    SourceError,
    ThrottledError,
)
from athena_connectors.common.secrets import Secret, SecretResolver
from botocore.exceptions import ClientError
from hypothesis import given
from hypothesis import strategies as st

if TYPE_CHECKING:
    from athena_connectors.common.testing.aws import AwsAddress


class Manager:
    """Counts what is asked for; the value of a secret names its version."""

    def __init__(self, answer: dict[str, Any] | Exception | None = None) -> None:
        self.answer = answer
        self.asked: list[str] = []

    def get_secret_value(self, *, SecretId: str) -> dict[str, Any]:  # noqa: N803
        self.asked.append(SecretId)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer or {"SecretString": f"{SecretId}#{self.asked.count(SecretId)}"}


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def _resolver(manager: Manager, clock: Clock | None = None) -> SecretResolver:
    return SecretResolver(lambda: manager, clock=clock or Clock())


def _error(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "told"}}, "GetSecretValue")


@given(st.text(min_size=4))
def test_a_secret_is_shown_nowhere(text: str) -> None:
    secret = Secret(text)
    shown = (repr(secret), str(secret), f"{secret}", f"{secret:>5}", f"{secret!r}", repr([secret]))
    assert {each.strip() for each in shown} == {"***", "[***]"}
    assert secret.reveal() == text
    assert secret == Secret(text)
    assert hash(secret) == hash(Secret(text))
    assert secret != text


def test_an_empty_secret_is_false() -> None:
    assert not Secret("")
    assert Secret("x")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ""),
        ("no placeholder", "no placeholder"),
        ("${a}", "a#1"),
        ("u=${a}&p=${b}&again=${a}", "u=a#1&p=b#1&again=a#1"),
        ("${rds!db-1/x_y.z+@=}", "rds!db-1/x_y.z+@=#1"),
        (
            "${arn:aws:secretsmanager:eu-west-1:1:secret:n-Ab}",
            "arn:aws:secretsmanager:eu-west-1:1:secret:n-Ab#1",
        ),
        ("${not a name}$a{b}${}", "${not a name}$a{b}${}"),
    ],
)
def test_placeholders_are_replaced(text: str, expected: str) -> None:
    assert _resolver(Manager()).resolve(text) == expected


def test_a_secret_that_holds_a_placeholder_is_not_resolved_again() -> None:
    manager = Manager({"SecretString": "${b}"})
    assert _resolver(manager).resolve("${a}") == "${b}"
    assert manager.asked == ["a"]


def test_a_secret_is_kept_for_a_minute() -> None:
    manager, clock = Manager(), Clock()
    resolver = _resolver(manager, clock)
    assert [resolver.secret("a"), resolver.secret("a")] == ["a#1", "a#1"]
    clock.now += 59.9
    assert resolver.secret("a") == "a#1"
    clock.now += 0.1
    assert resolver.secret("a") == "a#2"


def test_a_refused_login_fetches_the_secret_anew() -> None:
    resolver = _resolver(Manager())
    resolver.secret("a")
    resolver.invalidate("a")
    resolver.invalidate("never fetched")
    assert resolver.secret("a") == "a#2"


def test_at_most_ten_secrets_are_kept_and_the_oldest_goes_first() -> None:
    manager, clock = Manager(), Clock()
    resolver = _resolver(manager, clock)
    for number in range(10):
        resolver.secret(f"s{number}")
    clock.now += 60
    assert resolver.secret("s0") == "s0#2"  # fetched anew, so it is the youngest now
    resolver.secret("s10")
    assert resolver.secret("s0") == "s0#2"
    assert len(resolver._cache) == 10
    assert "s1" not in resolver._cache


@pytest.mark.parametrize(
    ("answer", "expected", "text"),
    [
        (_error("ResourceNotFoundException"), InvalidCredentialsError, "no secret db/login"),
        (_error("AccessDeniedException"), AccessDeniedError, "secretsmanager:GetSecretValue"),
        (_error("DecryptionFailure"), AccessDeniedError, "kms:Decrypt"),
        (_error("InvalidRequestException"), InvalidCredentialsError, "marked for deletion"),
        (_error("ThrottlingException"), ThrottledError, "throttles"),
        (_error("InternalServiceError"), SourceError, "InternalServiceError: told"),
        ({"SecretBinary": b"hush"}, InvalidCredentialsError, "holds no text"),
        ({"SecretString": ""}, InvalidCredentialsError, "holds no text"),
    ],
)
def test_a_secret_that_cannot_be_read_is_named(
    answer: dict[str, Any] | Exception, expected: type[ConnectorError], text: str
) -> None:
    manager = Manager(answer)
    resolver = _resolver(manager)
    for _ in range(2):  # a failure is not kept
        with pytest.raises(expected, match=text) as caught:
            resolver.secret("db/login")
        assert "db/login" in str(caught.value)
        assert "hush" not in str(caught.value)
    assert len(manager.asked) == 2


def test_secrets_of_secrets_manager(aws: AwsAddress) -> None:
    aws.client("secretsmanager").create_secret(Name="shop/db!1", SecretString="hush")
    resolver = SecretResolver(lambda: aws.client("secretsmanager"))
    assert resolver.resolve("password=${shop/db!1}") == "password=hush"
    with pytest.raises(InvalidCredentialsError, match="no secret shop/db!2"):
        resolver.secret("shop/db!2")


@pytest.mark.usefixtures("no_backoff")
def test_an_unreachable_secrets_manager_is_a_matter_of_the_network(aws: AwsAddress) -> None:
    nowhere = AwsClients({**aws.environ, "AWS_ENDPOINT_URL": "http://127.0.0.1:1"})
    resolver = SecretResolver(lambda: nowhere.client("secretsmanager"))
    with pytest.raises(SourceError, match="VPC endpoint"):
        resolver.secret("a")

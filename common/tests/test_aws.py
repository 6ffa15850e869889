"""Clients follow the settings they are given, and errors say what to do."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from athena_connectors.common import aws as aws_module
from athena_connectors.common import errors
from athena_connectors.common.aws import AssumedRole, AwsClients
from athena_connectors.common.aws_errors import error_code, translate
from athena_connectors.common.testing.json_server import HttpAnswer, JsonServer
from botocore import exceptions as e
from botocore.awsrequest import AWSResponse, HeadersDict
from botocore.exceptions import ClientError
from hypothesis import given
from hypothesis import strategies as st

if TYPE_CHECKING:
    from athena_connectors.common.testing.aws import AwsAddress

ENVIRON = {
    "AWS_REGION": "eu-west-1",
    "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",
    "AWS_SECRET_ACCESS_KEY": "example",
}


def _told(code: str, message: str = "") -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": message}}, "PutObject")


@pytest.mark.parametrize(
    ("error", "expected", "text"),
    [
        (_told("AccessDenied"), errors.AccessDeniedError, "denies s3:PutObject on s3://b/k"),
        (_told("403"), errors.AccessDeniedError, "role"),
        (_told("SlowDown"), errors.ThrottledError, "throttles s3:PutObject on s3://b/k"),
        (_told("ThrottlingException"), errors.ThrottledError, "quota"),
        (_told("NoSuchBucket"), errors.NotFoundError, "s3://b/k does not exist"),
        (_told("404"), errors.NotFoundError, "s3://b/k does not exist"),
        (_told("ExpiredToken"), errors.InvalidCredentialsError, "expired"),
        (_told("InvalidClientTokenId"), errors.InvalidCredentialsError, "AWS_ACCESS_KEY_ID"),
        (_told("SignatureDoesNotMatch"), errors.InvalidCredentialsError, "SECRET_ACCESS_KEY"),
        (_told("RequestTimeTooSkewed"), errors.InvalidCredentialsError, "clock"),
        (_told("RequestTimeout"), errors.SourceTimeoutError, "in time"),
        (_told("Odd", "It broke."), errors.SourceError, "failed with Odd: It broke."),
        (_told("Odd"), errors.SourceError, "failed with Odd."),
        (e.NoRegionError(), errors.ConfigurationError, "AWS_REGION"),
        (e.NoCredentialsError(), errors.InvalidCredentialsError, "role"),
        (e.EndpointConnectionError(endpoint_url="u"), errors.SourceError, "VPC endpoint"),
        (e.ConnectTimeoutError(endpoint_url="u"), errors.SourceError, "VPC endpoint"),
        (e.ReadTimeoutError(endpoint_url="u"), errors.SourceTimeoutError, "in time"),
        (e.IncompleteReadError(actual_bytes=1, expected_bytes=2), errors.SourceError, "cut off"),
        (e.ResponseStreamingError(error="reset"), errors.SourceError, "cut off"),
        (e.ParamValidationError(report="r"), errors.ConfigurationError, "no valid name"),
        (e.ConnectionClosedError(endpoint_url="u"), errors.SourceError, "ConnectionClosedError"),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_errors_are_translated(
    error: Exception, expected: type[errors.ConnectorError], text: str
) -> None:
    translated = translate(error, action="s3:PutObject", resource="s3://b/k")
    assert type(translated) is expected
    assert text in str(translated)
    assert "s3:PutObject" in str(translated)


@given(st.text(min_size=1), st.text())
def test_any_code_becomes_one_of_our_errors(code: str, message: str) -> None:
    translated = translate(_told(code, message), action="s3:PutObject", resource="s3://b/k")
    assert isinstance(translated, errors.ConnectorError)
    assert len(str(translated)) < len(code) + 700


def test_the_code_of_an_error_that_has_none_is_empty() -> None:
    assert error_code(_told("X")) == "X"
    assert error_code(e.NoRegionError()) == ""
    assert error_code(KeyError("x")) == ""


def test_region_keys_and_endpoint_come_from_the_settings() -> None:
    clients = AwsClients({**ENVIRON, "AWS_SESSION_TOKEN": "t", "AWS_ENDPOINT_URL": "http://h:1"})
    client = clients.client("kms")
    assert client.meta.region_name == "eu-west-1"
    assert client.meta.endpoint_url == "http://h:1"
    credentials = client._get_credentials()
    assert (credentials.access_key, credentials.token) == (ENVIRON["AWS_ACCESS_KEY_ID"], "t")


def test_a_service_may_have_an_endpoint_of_its_own() -> None:
    clients = AwsClients(
        {
            **ENVIRON,
            "AWS_ENDPOINT_URL": "http://h:1",
            "AWS_ENDPOINT_URL_S3": "http://h:2",
            "AWS_ENDPOINT_URL_SECRETS_MANAGER": "http://h:3",
        }
    )
    urls = [clients.client(name).meta.endpoint_url for name in ("kms", "s3", "secretsmanager")]
    assert urls == ["http://h:1", "http://h:2", "http://h:3"]


def test_without_an_endpoint_it_is_the_real_service() -> None:
    assert (
        AwsClients(ENVIRON).client("s3").meta.endpoint_url == "https://s3.eu-west-1.amazonaws.com"
    )


def test_a_client_is_made_once() -> None:
    clients = AwsClients(ENVIRON)
    assert clients.client("s3") is clients.client("s3")
    assert clients.client("s3") is not AwsClients(ENVIRON).client("s3")


def test_a_missing_region_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", os.devnull)
    environ = {name: value for name, value in ENVIRON.items() if name != "AWS_REGION"}
    with pytest.raises(errors.ConfigurationError, match="Set AWS_REGION"):
        AwsClients(environ).client("kms")


def test_uploads_are_neither_hashed_nor_summed_over_https() -> None:
    config = AwsClients(ENVIRON).client("s3").meta.config
    assert config.s3["payload_signing_enabled"] is False
    assert config.request_checksum_calculation == "when_required"
    assert config.retries == {"mode": "standard", "total_max_attempts": 5}


# --- answers that are not whole


@pytest.mark.parametrize("make", [AwsClients.client, AwsClients.source_client])
def test_an_answer_that_is_cut_off_is_an_error_and_not_a_shorter_one(make: Any) -> None:
    answer = HttpAnswer(200, b'{"Keys": [{"KeyId": "1"}]}', is_cut=True)
    server = JsonServer(lambda *_: answer, name="cut")
    try:
        client = make(AwsClients({**ENVIRON, "AWS_ENDPOINT_URL": server.url}), "kms")
        with pytest.raises(e.IncompleteReadError) as caught:
            client.list_keys()
    finally:
        server.close()
    error = translate(caught.value, action="kms:ListKeys", resource="keys")
    assert error.message == "The answer of AWS to kms:ListKeys on keys was cut off."


def _answer(status: int, body: bytes, headers: dict[str, str]) -> AWSResponse:
    raw = SimpleNamespace(stream=lambda: iter([body]))
    return AWSResponse("http://127.0.0.1:1", status, HeadersDict(headers), raw)


@pytest.mark.parametrize(
    ("headers", "is_whole"),
    [
        ({}, True),
        ({"Content-Length": "2"}, True),
        ({"Content-Length": "3"}, False),
        ({"Content-Length": "2", "x-amz-crc32": "2745614147"}, True),
        ({"x-amz-crc32": "1"}, False),
    ],
)
def test_an_answer_has_to_have_the_size_and_the_checksum_that_it_says(
    headers: dict[str, str], *, is_whole: bool
) -> None:
    client = AwsClients(ENVIRON).client("kms")
    client.meta.events.register("before-send.kms", lambda **_: _answer(200, b"{}", headers))
    if is_whole:
        client.list_keys()
    else:
        with pytest.raises(e.IncompleteReadError):
            client.list_keys()


def test_an_answer_that_nothing_changed_tells_the_size_of_what_it_has_not() -> None:
    client = AwsClients(ENVIRON).client("s3")
    answer = _answer(304, b"", {"Content-Length": "10"})
    client.meta.events.register("before-send.s3", lambda **_: answer)
    with pytest.raises(ClientError, match="304"):
        client.get_object(Bucket="b", Key="k", IfNoneMatch="x")


def test_the_answer_to_a_head_request_tells_the_size_of_what_it_has_not(aws: AwsAddress) -> None:
    s3 = aws.client("s3")
    s3.create_bucket(Bucket="whole", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    s3.put_object(Bucket="whole", Key="k", Body=b"some bytes")
    assert s3.head_object(Bucket="whole", Key="k")["ContentLength"] == 10
    found = s3.get_object(Bucket="whole", Key="k")
    assert found["Body"].read() == b"some bytes"


# --- clients of sources

ROLE = AssumedRole("arn:aws:iam::210987654321:role/reader", "athena")


def test_a_source_has_a_region_and_an_endpoint_of_its_own_and_repeats_nothing() -> None:
    clients = AwsClients({**ENVIRON, "AWS_ENDPOINT_URL": "http://h:1"})
    client = clients.source_client(
        "logs", region="us-east-2", endpoint_url="http://h:2", read_timeout_seconds=7
    )
    assert (client.meta.region_name, client.meta.endpoint_url) == ("us-east-2", "http://h:2")
    assert client.meta.config.retries == {"mode": "standard", "total_max_attempts": 1}
    assert client.meta.config.read_timeout == 7
    assert client is not clients.source_client("logs")
    usual = clients.source_client("logs").meta
    assert (usual.region_name, usual.endpoint_url) == ("eu-west-1", "http://h:1")


def test_an_endpoint_that_is_no_url_is_named() -> None:
    with pytest.raises(errors.ConfigurationError, match="'nowhere' is no endpoint of logs"):
        AwsClients(ENVIRON).source_client("logs", endpoint_url="nowhere")


def test_a_role_is_who_calls(aws: AwsAddress) -> None:
    caller = AwsClients(aws.environ).source_client("sts", role=ROLE).get_caller_identity()
    assert caller["Arn"] == "arn:aws:sts::210987654321:assumed-role/reader/athena"
    assert aws.client("sts").get_caller_identity()["Account"] == "123456789012"


def test_a_role_is_asked_for_with_its_external_id() -> None:
    asked: list[dict[str, Any]] = []

    class Sts:
        def assume_role(self, **request: Any) -> dict[str, Any]:
            asked.append(request)
            keys = dict.fromkeys(("AccessKeyId", "SecretAccessKey", "SessionToken"), "x")
            return {"Credentials": {**keys, "Expiration": datetime.now(UTC)}}

    aws_module._assume(Sts(), AssumedRole(ROLE.arn, "athena", "e-1"))
    aws_module._assume(Sts(), ROLE)
    plain = {"RoleArn": ROLE.arn, "RoleSessionName": "athena"}
    assert asked == [{**plain, "ExternalId": "e-1"}, plain]


@pytest.mark.parametrize(("minutes", "is_renewed"), [(60, False), (5, True)])
def test_credentials_of_a_role_are_renewed_before_they_expire(
    aws: AwsAddress, monkeypatch: pytest.MonkeyPatch, *, minutes: int, is_renewed: bool
) -> None:
    assume = aws_module._assume
    assumed: list[object] = []

    def short(*arguments: Any) -> dict[str, str]:
        assumed.append(arguments)
        expiry = datetime.now(UTC) + timedelta(minutes=minutes)
        return {**assume(*arguments), "expiry_time": expiry.isoformat()}

    monkeypatch.setattr(aws_module, "_assume", short)
    client = AwsClients(aws.environ).source_client("sts", role=ROLE)
    for _ in range(2):
        client.get_caller_identity()
    assert (len(assumed) > 1) == is_renewed


def test_a_role_that_is_refused_is_named(aws: AwsAddress, no_backoff: None) -> None:
    unreachable = {**aws.environ, "AWS_ENDPOINT_URL_STS": "http://127.0.0.1:1"}
    client = AwsClients(unreachable).source_client("kms", role=ROLE)
    with pytest.raises(errors.InvalidCredentialsError, match=f"^Failed to assume role {ROLE.arn}"):
        client.list_keys()


def test_importing_the_module_imports_no_client() -> None:
    code = (
        "import sys, athena_connectors.common.aws, athena_connectors.common.secrets,"
        " athena_connectors.common.query_status, athena_connectors.common.observability,"
        " athena_connectors.common.spill, athena_connectors.common.streaming;"
        " print({n.split('.')[0] for n in sys.modules}"
        " & {'boto3', 'botocore', 'aws_lambda_powertools', 'cryptography', 'moto'})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    assert done.stdout.strip() == "set()"


def test_the_stand_ins_change_no_variable_of_this_process(aws: AwsAddress) -> None:
    assert os.environ.get("AWS_ENDPOINT_URL") != aws.endpoint
    assert aws.client("sts").get_caller_identity()["Account"] == "123456789012"

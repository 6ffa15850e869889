from __future__ import annotations

import ssl
from typing import TYPE_CHECKING, Any

import pytest
from athena_connectors.common.certificates import BUNDLE
from athena_connectors.common.config import load_settings
from athena_connectors.common.errors import ConfigurationError
from athena_connectors.common.testing.postgres_proxy import self_signed
from athena_connectors.documentdb.connection_strings import Target, address_of
from athena_connectors.documentdb.login import driver_arguments
from athena_connectors.documentdb.settings import Settings
from pymongo import MongoClient
from pymongo_auth_aws.auth import aws_temp_credentials  # type: ignore[import-untyped]

if TYPE_CHECKING:
    from pathlib import Path


def arguments(text: str, **environ: str) -> dict[str, Any]:
    target = Target("default_docdb", text)
    secrets: dict[str, str] = {}
    found = address_of(target, secrets.__getitem__)
    return driver_arguments(target, found, load_settings(Settings, environ), environ)


def client_options(text: str, **environ: str) -> Any:
    with MongoClient(**arguments(text, **environ), connect=False) as client:
        return client.options


def test_what_the_string_does_not_say() -> None:
    told = arguments("mongodb://user:p%40ss@host:1/users?replicaSet=rs")
    assert told == {
        "host": "mongodb://host:1/users?replicaSet=rs",
        "username": "user",
        "password": "p@ss",
        "appName": "athena-federation",
        "connectTimeoutMS": 10_000,
        "maxIdleTimeMS": 60_000,
        "maxPoolSize": 4,
        "readPreference": "secondaryPreferred",
        "retryReads": True,
        "serverSelectionTimeoutMS": 10_000,
    }


def test_the_string_goes_before_the_defaults() -> None:
    options = client_options(
        "mongodb://host/?readpreference=nearest&readPreferenceTags=dc:a&readPreferenceTags=dc:b"
        "&MAXPOOLSIZE=9&serverSelectionTimeoutMS=5&retryReads=false"
    )
    assert options.read_preference.document == {
        "mode": "nearest",
        "tags": [{"dc": "a"}, {"dc": "b"}],
    }
    assert options.pool_options.max_pool_size == 9
    assert options.server_selection_timeout == 0.005
    assert not options.retry_reads


@pytest.mark.parametrize("option", ["ssl=true", "tls=true", "TLS=True"])
def test_tls_verifies_certificates_by_default(option: str) -> None:
    options = client_options(f"mongodb://host/?{option}")
    context = options.pool_options._ssl_context
    assert context.verify_mode == ssl.CERT_REQUIRED
    assert context.check_hostname
    assert client_options("mongodb://host/").pool_options._ssl_context is None


def test_options_of_other_drivers_are_dropped_with_a_word(
    caplog: pytest.LogCaptureFixture,
) -> None:
    told = arguments("mongodb://host/?ssl_ca_certs=rds.pem&streamType=netty&appName=a%26b")
    assert told["host"] == "mongodb://host/?appName=a%26b"
    first, second = caplog.messages
    assert first == (
        "Option ssl_ca_certs of the connection string in setting default_docdb is ignored:"
        " certificates to trust come from tlsCAFile or the setting tls_ca_file."
    )
    assert "streamType" in second
    assert "netty" not in second


@pytest.mark.parametrize(
    "option",
    ["tls=hunter2", "readPreference=hunter2", "maxPoolSize=hunter2", "authMechanism=hunter2"],
)
def test_an_option_that_is_not_understood_is_named(option: str) -> None:
    with pytest.raises(ConfigurationError, match=option.partition("=")[0]) as caught:
        arguments(f"mongodb://host/?{option}")
    assert "hunter2" not in str(caught.value)


def test_certificates_come_from_the_string_then_from_the_setting(tmp_path: Path) -> None:
    file = str(self_signed(tmp_path))
    other = tmp_path / "other.pem"
    other.write_bytes(self_signed(tmp_path).read_bytes())
    assert arguments("mongodb://h/?tls=true", tls_ca_file=file)["tlsCAFile"] == file
    named = f"mongodb://h/?tls=true&tlsCAFile={other}"
    assert arguments(named, tls_ca_file=file)["tlsCAFile"] == str(other)
    assert "tlsCAFile" not in arguments("mongodb://h/", tls_ca_file=file)
    assert "tlsCAFile" not in arguments("mongodb://h/?tls=true")


def test_amazons_bundle_in_the_package_is_trusted_with_the_systems(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = tmp_path / "system"
    own.mkdir()
    monkeypatch.setenv("SSL_CERT_FILE", str(self_signed(own)))
    bundle = tmp_path / BUNDLE
    bundle.write_bytes(self_signed(tmp_path).read_bytes())
    told = arguments("mongodb://h/?tls=true", LAMBDA_TASK_ROOT=str(tmp_path))
    assert told["tlsCAFile"] != str(bundle)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(told["tlsCAFile"])
    trusted = set(context.get_ca_certs(binary_form=True))
    for file in (bundle, own / "certificate.pem"):
        assert ssl.PEM_cert_to_DER_cert(file.read_text()) in trusted


@pytest.mark.parametrize(("content", "reason"), [(None, "no such file"), ("x", "no certificate")])
def test_certificates_that_can_not_be_read_are_told(
    tmp_path: Path, content: str | None, reason: str
) -> None:
    file = tmp_path / "ca.pem"
    if content is not None:
        file.write_text(content)
    with pytest.raises(ConfigurationError, match=f"ca.pem: {reason}"):
        arguments("mongodb://h/?tls=true", tls_ca_file=str(file))


def test_the_driver_logs_in_with_the_functions_role(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "token")
    told = "mongodb://host/?authMechanism=MONGODB-AWS&authSource=%24external"
    credentials = client_options(told).pool_options._credentials
    assert credentials.mechanism == "MONGODB-AWS"
    assert credentials.source == "$external"
    assert credentials.username is None
    assert aws_temp_credentials().token == "token"

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

import pytest
from athena_connectors.common.config import load_settings
from athena_connectors.common.errors import ConfigurationError
from athena_connectors.common.sql.connection_strings import (
    ConnectionString,
    Credentials,
    credentials_from_secret,
    parse_connection_string,
)
from athena_connectors.jdbc_postgres.login import libpq_options, session_parameters
from athena_connectors.jdbc_postgres.settings import Settings

RDS = "db.abc123.eu-west-1.rds.amazonaws.com"


def target_of(text: str) -> ConnectionString:
    return parse_connection_string(f"postgres://{text}", engine="postgres", catalog="default")


def options(
    text: str,
    *,
    credentials: Credentials | None = None,
    environ: dict[str, str] | None = None,
    **settings: str,
) -> dict[str, Any]:
    return libpq_options(
        target_of(text),
        load_settings(Settings, settings),
        credentials=credentials,
        environ=environ or {},
    )


@pytest.fixture
def certificates(tmp_path: Path) -> str:
    path = tmp_path / "ca.pem"
    path.write_text("certificates")
    return str(path)


def test_address_and_credentials() -> None:
    found = options("u:p@h/db")
    assert (found["host"], found["port"], found["dbname"]) == ("h", "5432", "db")
    assert (found["user"], found["password"]) == ("u", "p")


def test_several_hosts() -> None:
    found = options("jdbc:postgresql://h1:6432,h2/db?user=u&targetServerType=preferSecondary")
    assert (found["host"], found["port"]) == ("h1,h2", "6432,5432")
    assert found["target_session_attrs"] == "prefer-standby"


def test_a_secret_wins_and_fills_what_the_string_lacks() -> None:
    secret = credentials_from_secret(
        '{"username":"s","password":"t","host":"sh","port":6432,"dbname":"sdb"}', "name"
    )
    found = options("jdbc:postgresql:///?${name}", credentials=secret)
    assert (found["host"], found["port"], found["dbname"]) == ("sh", "6432", "sdb")
    assert (found["user"], found["password"]) == ("s", "t")
    found = options("u:p@h:1234/db?${name}", credentials=secret)
    assert (found["host"], found["port"], found["dbname"]) == ("h", "1234", "db")
    assert (found["user"], found["password"]) == ("s", "t")


@pytest.mark.parametrize(
    ("query", "keyword", "expected"),
    [
        ("connectTimeout=7", "connect_timeout", 7),
        ("loginTimeout=8", "connect_timeout", 8),
        ("connectTimeout=0", "connect_timeout", 10),
        ("socketTimeout=60", "tcp_user_timeout", 60_000),
        ("targetServerType=secondary", "target_session_attrs", "standby"),
        ("targetServerType=PRIMARY", "target_session_attrs", "primary"),
        ("loadBalanceHosts=true", "load_balance_hosts", "random"),
        ("gssEncMode=require", "gssencmode", "require"),
        ("channelBinding=require", "channel_binding", "require"),
        ("sslcert=/c.pem", "sslcert", "/c.pem"),
    ],
)
def test_translates_properties(query: str, keyword: str, expected: object) -> None:
    assert options(f"jdbc:postgresql://h/db?user=u&{query}")[keyword] == expected


def test_passes_over_properties_that_mean_nothing_here() -> None:
    plain = options("jdbc:postgresql://h/db?user=u")
    noisy = options(
        "jdbc:postgresql://h/db?user=u&stringtype=unspecified&prepareThreshold=0"
        "&defaultRowFetchSize=10&readOnly=false&reWriteBatchedInserts=true&binaryTransfer=true"
    )
    assert plain == noisy


def test_session_parameters_are_no_startup_options() -> None:
    text = (
        "jdbc:postgresql://h/db?user=u&currentSchema=sales,public"
        "&options=-c%20work_mem=64MB%20--enable_seqscan=off%20-crandom_page_cost=1"
        "%20-c%20timezone=Asia/Tokyo"
    )
    found = session_parameters(target_of(text))
    assert found["work_mem"] == "64MB"
    assert found["enable_seqscan"] == "off"
    assert found["random_page_cost"] == "1"
    assert found["search_path"] == "sales,public"
    assert found["timezone"] == "UTC"
    assert "options" not in options(text)


@pytest.mark.parametrize("text", ["-x", "-c", "-c work_mem", "work_mem", "-c a=1 b", "'"])
def test_tells_what_is_wrong_with_options(text: str) -> None:
    with pytest.raises(ConfigurationError, match="setting default has options"):
        session_parameters(target_of(f"u:p@h/db?options={quote(text)}"))


@pytest.mark.parametrize(
    ("text", "fact"),
    [
        ("u:p@/db", "names no host"),
        ("h/db", "names neither a user nor a secret"),
        ("u:p@h/db?connectTimeout=soon", "connectTimeout=soon"),
        ("u:p@h/db?targetServerType=fastest", "targetServerType=fastest"),
        ("u:p@h/db?sslmode=on", "sslmode=on"),
        ("u:p@h/db?sslmode=verify-full", "no certificates"),
        ("u:p@h/db?sslmode=verify-ca&sslrootcert=/no/such.pem", "/no/such.pem"),
        ("u:p@h/db?iamAuth=true", "both iamAuth and a password"),
        ("h/db?iamAuth=true&user=u&${s}", "both iamAuth and a password"),
        (f"{RDS}/db?iamAuth=true&user=u&sslmode=disable", "iamAuth without TLS"),
        ("h1,h2/db?iamAuth=true&user=u&iamRegion=r", "several hosts"),
        ("h/db?iamAuth=true&user=u", "region is unknown"),
    ],
)
def test_tells_what_is_wrong(text: str, fact: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        options(text)
    assert fact.lower() in caught.value.message.lower()
    assert "default" in str(caught.value)


@pytest.mark.parametrize(
    ("text", "mode"),
    [
        ("u:p@h/db", "prefer"),
        (f"u:p@{RDS}/db", "require"),
        ("u:p@db.x.cn-north-1.rds.amazonaws.com.cn/db", "require"),
        (f"u:p@{RDS},h/db", "prefer"),
        (f"u:p@{RDS}/db?sslmode=disable", "disable"),
        ("u:p@h/db?sslmode=VERIFY-FULL", "verify-full"),
        ("u:p@h/db?ssl=true", "verify-full"),
        ("u:p@h/db?ssl", "verify-full"),
        ("u:p@h/db?ssl=false", "prefer"),
        ("u:p@h/db?ssl=true&sslmode=require", "require"),
        ("u:p@h/db?ssl=true&sslfactory=org.postgresql.ssl.NonValidatingFactory", "require"),
    ],
)
def test_tls_with_certificates(text: str, mode: str, certificates: str) -> None:
    found = options(text, ssl_root_cert=certificates)
    assert found["sslmode"] == mode
    assert found.get("sslrootcert") == (certificates if mode == "verify-full" else None)


def test_ssl_true_without_certificates_still_means_tls() -> None:
    assert options("u:p@h/db?ssl=true")["sslmode"] == "require"


def test_the_connection_string_names_other_certificates(certificates: str) -> None:
    found = options(
        f"u:p@h/db?sslmode=verify-ca&sslrootcert={certificates}", ssl_root_cert="system"
    )
    assert found["sslrootcert"] == certificates


def test_a_missing_file_of_the_setting_is_told_by_its_name() -> None:
    with pytest.raises(ConfigurationError, match=r"/no/such\.pem .* ssl_root_cert names"):
        options("u:p@h/db", ssl_root_cert="/no/such.pem")


def test_issue_10_certificates_of_the_secret() -> None:
    secret = credentials_from_secret('{"user":"u","password":"p","ca_cert":"PEM TEXT"}', "s")
    found = options("h/db?sslmode=verify-full&${s}", credentials=secret)
    assert Path(found["sslrootcert"]).read_text() == "PEM TEXT"
    again = options("h/db?sslmode=verify-full&${s}", credentials=secret)
    assert again["sslrootcert"] == found["sslrootcert"]


def test_issue_368_and_492_rds_is_verified_with_the_bundle_of_the_package(
    tmp_path: Path,
) -> None:
    environ = {"LAMBDA_TASK_ROOT": str(tmp_path)}
    with pytest.raises(ConfigurationError, match=r"global-bundle\.pem into the package"):
        options(f"u:p@{RDS}/db?sslmode=verify-full", environ=environ)
    (tmp_path / "global-bundle.pem").touch()
    found = options(f"u:p@{RDS}/db?sslmode=verify-full", environ=environ)
    assert found["sslrootcert"] == str(tmp_path / "global-bundle.pem")
    assert options(f"u:p@{RDS}/db", environ=environ)["sslmode"] == "require"
    with pytest.raises(ConfigurationError, match="no certificates"):
        options("u:p@elsewhere.example.org/db?sslmode=verify-full", environ=environ)


@pytest.fixture
def aws_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "keyexample")
    monkeypatch.delenv("AWS_SESSION_TOKEN", raising=False)
    monkeypatch.delenv("AWS_PROFILE", raising=False)


@pytest.mark.usefixtures("aws_keys")
@pytest.mark.parametrize(
    ("text", "endpoint", "region"),
    [
        (f"{RDS}:6432/db?iamAuth=true&user=db_user", f"{RDS}:6432", "eu-west-1"),
        (
            f"db.example.org/db?iamAuth=true&user=db_user&iamHost={RDS}",
            f"{RDS}:5432",
            "eu-west-1",
        ),
        (
            "db.example.org/db?iamAuth=true&user=db_user&iamRegion=us-east-2",
            "db.example.org:5432",
            "us-east-2",
        ),
        ("db.example.org/db?iamAuth=true&user=db_user", "db.example.org:5432", "ap-south-1"),
    ],
)
def test_issue_721_an_iam_token_is_the_password(text: str, endpoint: str, region: str) -> None:
    found = options(f"jdbc:postgresql://{text}", environ={"AWS_REGION": "ap-south-1"})
    token = urlsplit("https://" + found["password"])
    query = parse_qs(token.query)
    assert token.netloc == endpoint
    assert query["DBUser"] == ["db_user"]
    assert query["Action"] == ["connect"]
    assert f"/{region}/rds-db/" in query["X-Amz-Credential"][0]
    assert found["sslmode"] == "require"

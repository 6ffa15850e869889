from __future__ import annotations

import ssl
from typing import TYPE_CHECKING
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
from athena_connectors.common.testing.postgres_proxy import self_signed
from athena_connectors.jdbc_mysql.login import Login, SslMode, login_of, session_label
from athena_connectors.jdbc_mysql.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

RDS = "db.abc123.eu-west-1.rds.amazonaws.com"


def target_of(text: str) -> ConnectionString:
    return parse_connection_string(f"mysql://{text}", engine="mysql", catalog="default")


def login(
    text: str,
    *,
    credentials: Credentials | None = None,
    environ: Mapping[str, str] | None = None,
    **settings: str,
) -> Login:
    return login_of(
        target_of(text),
        load_settings(Settings, settings),
        credentials=credentials,
        environ=environ or {},
    )


@pytest.fixture
def certificates(certificate: Path) -> str:
    return str(certificate)


def test_address_and_credentials() -> None:
    found = login("u:p@h/db")
    assert (found.hosts, found.database) == ((("h", 3306),), "db")
    assert (found.user, found.password.reveal()) == ("u", "p")
    assert "p=" not in repr(found).replace("password=***", "")
    assert "***" in repr(found)


def test_issue_801_and_1374_forms_that_users_have_deployed() -> None:
    found = login("jdbc:mysql://user:pass@h:3307/db")
    assert (found.hosts, found.user) == ((("h", 3307),), "user")
    secret = credentials_from_secret('{"username":"s","password":"t"}', "n")
    found = login("jdbc:mysql://h:3306/db?secret=${n}", credentials=secret)
    assert (found.user, found.database) == ("s", "db")
    found = login("jdbc:mysql://h:3306/db?useSSL=true&${n}", credentials=secret)
    assert (found.user, found.ssl_mode) == ("s", SslMode.PREFERRED)


def test_a_secret_wins_and_fills_what_the_string_lacks() -> None:
    secret = credentials_from_secret(
        '{"username":"s","password":"t","host":"sh","port":3307,"dbname":"sdb"}', "name"
    )
    found = login("jdbc:mysql:///?${name}", credentials=secret)
    assert (found.hosts, found.database) == ((("sh", 3307),), "sdb")
    found = login("u:p@h1:1234,h2/db?${name}", credentials=secret)
    assert (found.hosts, found.database) == ((("h1", 1234), ("h2", 3306)), "db")
    assert (found.user, found.password.reveal()) == ("s", "t")


def test_timeouts_are_milliseconds() -> None:
    found = login("u:p@h/db?connectTimeout=2500&socketTimeout=60000")
    assert (found.connect_timeout_s, found.socket_timeout_s) == (2.5, 60)
    found = login("u:p@h/db?connectTimeout=0")
    assert (found.connect_timeout_s, found.socket_timeout_s) == (10, 0)


def test_passes_over_properties_that_mean_nothing_here() -> None:
    assert login("u:p@h/db") == login(
        "u:p@h/db?useCompression=true&allowPublicKeyRetrieval=true&useCursorFetch=true"
        "&rewriteBatchedStatements=true&useServerPrepStmts=true&cachePrepStmts=true"
        "&defaultFetchSize=10&characterEncoding=latin1&connectionCollation=latin1_bin"
        "&serverTimezone=Asia/Tokyo&connectionTimeZone=LOCAL&transformedBitIsBoolean=true"
    )


def test_the_label_is_a_comment_whatever_is_in_it() -> None:
    assert session_label(target_of("h/db"), "q-1") == "/* athena-federation:q-1 */ "
    for hostile in ("*/", "/*", "!", "\n", "\0", "'", '"', "`", "\\", "#", "--"):
        label = session_label(target_of("h/db"), hostile)
        assert label.startswith("/* athena-federation:")
        assert label.count("*/") == 1
        assert not set(label[3:-4]) & set("*/!\n\0'\"`\\#")


def test_session_variables() -> None:
    text = (
        "group_concat_max_len=1048576, @@session.sql_mode = 'ANSI,TRADITIONAL';SESSION a_b:=-1.5"
        ',local c="x y",d=utf8mb4_bin,'
    )
    found = login(f"u:p@h/db?sessionVariables={quote(text)}").variables
    assert found == (
        "group_concat_max_len = 1048576",
        "sql_mode = 'ANSI,TRADITIONAL'",
        "a_b = -1.5",
        'c = "x y"',
        "d = utf8mb4_bin",
    )


@pytest.mark.parametrize(
    "text",
    [
        *("a", "a=", "=1", "a=1 b=2", "a='x", "a='\\'", "a=(SELECT 1)", "a=1/*", "a=1--x y"),
        *("@u=1", "@@global.a=1", "GLOBAL a=1", "persist.a=1", "a=b'c'", "a=1;DROP TABLE x", "é=1"),
    ],
)
def test_tells_what_is_wrong_with_session_variables(text: str) -> None:
    with pytest.raises(ConfigurationError, match="setting default has sessionVariables"):
        login(f"u:p@h/db?sessionVariables={quote(text)}")


@pytest.mark.parametrize(
    ("text", "fact"),
    [
        ("u:p@/db", "names no host"),
        ("h/db", "names neither a user nor a secret"),
        ("u:p@h/db?connectTimeout=soon", "connectTimeout=soon"),
        ("u:p@h/db?socketTimeout=-1", "socketTimeout=-1"),
        ("u:p@h/db?sslMode=on", "sslMode=on"),
        ("u:p@h/db?useSSL=maybe", "useSSL=maybe"),
        ("u:p@h/db?sslMode=VERIFY_IDENTITY", "no certificates"),
        ("u:p@h/db?sslMode=VERIFY_CA&sslrootcert=/no/such.pem", "/no/such.pem"),
        ("u:p@h/db?sslMode=VERIFY_CA&trustCertificateKeyStoreUrl=file:x", "only Java"),
        ("u:p@h/db?clientCertificateKeyStoreUrl=file:x", "only Java"),
        ("u:p@h/db?sslMode=REQUIRED&sslcert=/no/such.pem", "No such file"),
        ("u:p@h/db?iamAuth=true", "both iamAuth and a password"),
        ("h/db?iamAuth=true&user=u&${s}", "both iamAuth and a password"),
        (f"{RDS}/db?iamAuth=true&user=u&sslMode=DISABLED", "iamAuth without TLS"),
        (f"{RDS}/db?iamAuth=true&user=u&useSSL=false", "iamAuth without TLS"),
        ("h1,h2/db?iamAuth=true&user=u&iamRegion=r", "several hosts"),
        ("h/db?iamAuth=true&user=u", "region is unknown"),
    ],
)
def test_tells_what_is_wrong(text: str, fact: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        login(text)
    assert fact.lower() in caught.value.message.lower()
    assert "default" in str(caught.value)


@pytest.mark.parametrize(
    ("text", "mode"),
    [
        ("u:p@h/db", SslMode.PREFERRED),
        (f"u:p@{RDS}/db", SslMode.REQUIRED),
        ("u:p@db.x.cn-north-1.rds.amazonaws.com.cn/db", SslMode.REQUIRED),
        (f"u:p@{RDS},h/db", SslMode.PREFERRED),
        (f"u:p@{RDS}/db?sslMode=DISABLED", SslMode.DISABLED),
        ("u:p@h/db?sslMode=required", SslMode.REQUIRED),
        ("u:p@h/db?sslMode=VERIFY_IDENTITY", SslMode.VERIFY_IDENTITY),
        ("u:p@h/db?sslmode=verify-ca", SslMode.VERIFY_CA),
        ("u:p@h/db?sslmode=verify-full", SslMode.VERIFY_IDENTITY),
        ("u:p@h/db?useSSL=false", SslMode.DISABLED),
        ("u:p@h/db?useSSL=false&requireSSL=true", SslMode.DISABLED),
        ("u:p@h/db?useSSL=true", SslMode.PREFERRED),
        ("u:p@h/db?useSSL=true&requireSSL=true", SslMode.REQUIRED),
        ("u:p@h/db?useSSL&requireSSL", SslMode.REQUIRED),
        ("u:p@h/db?verifyServerCertificate=true", SslMode.VERIFY_CA),
        ("u:p@h/db?verifyServerCertificate=true&sslMode=REQUIRED", SslMode.REQUIRED),
    ],
)
def test_tls_with_certificates(text: str, mode: SslMode, certificates: str) -> None:
    found = login(text, ssl_root_cert=certificates)
    assert found.ssl_mode is mode
    if mode in (SslMode.DISABLED, SslMode.PREFERRED):
        assert found.context is None
        return
    assert found.context is not None
    assert found.context.check_hostname is (mode is SslMode.VERIFY_IDENTITY)
    expected = ssl.CERT_REQUIRED if mode.verifies else ssl.CERT_NONE
    assert found.context.verify_mode is expected
    assert len(found.context.get_ca_certs()) == mode.verifies


def test_the_connection_string_names_other_certificates(certificates: str) -> None:
    found = login(f"u:p@h/db?sslMode=VERIFY_CA&sslrootcert={certificates}", ssl_root_cert="system")
    assert found.context is not None
    assert len(found.context.get_ca_certs()) == 1


def test_certificates_of_the_system() -> None:
    found = login("u:p@h/db?sslMode=VERIFY_IDENTITY", ssl_root_cert="system")
    assert found.context is not None
    assert found.context.verify_mode is ssl.CERT_REQUIRED


def test_issue_10_certificates_of_the_secret(certificate: Path) -> None:
    secret = Credentials("u", login("u:p@h/db").password, ca_certificate=certificate.read_text())
    found = login("h/db?sslMode=VERIFY_IDENTITY&${s}", credentials=secret)
    assert found.context is not None
    assert len(found.context.get_ca_certs()) == 1


def test_certificates_that_are_none(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("not a certificate")
    with pytest.raises(ConfigurationError, match=r"ca\.pem holds no certificates"):
        login("u:p@h/db?sslMode=VERIFY_CA", ssl_root_cert=str(tmp_path / "ca.pem"))


def test_a_key_store_does_not_matter_beside_a_file_of_certificates(certificates: str) -> None:
    text = "u:p@h/db?sslMode=VERIFY_CA&trustCertificateKeyStoreUrl=file:store"
    assert login(text, ssl_root_cert=certificates).context is not None


def test_issue_368_and_492_rds_is_verified_with_the_bundle_of_the_package(
    tmp_path: Path,
) -> None:
    environ = {"LAMBDA_TASK_ROOT": str(tmp_path)}
    text = "?sslMode=VERIFY_IDENTITY"
    with pytest.raises(ConfigurationError, match=r"global-bundle\.pem into the package"):
        login(f"u:p@{RDS}/db{text}", environ=environ)
    self_signed(tmp_path).rename(tmp_path / "global-bundle.pem")
    found = login(f"u:p@{RDS}/db{text}", environ=environ)
    assert found.context is not None
    assert len(found.context.get_ca_certs()) == 1
    with pytest.raises(ConfigurationError, match="no certificates"):
        login(f"u:p@elsewhere.example.org/db{text}", environ=environ)


def test_a_certificate_of_our_own(certificate: Path) -> None:
    key = certificate.with_name("key.pem")
    found = login(f"u:p@h/db?sslMode=REQUIRED&sslcert={certificate}&sslkey={key}")
    assert found.context is not None
    with pytest.raises(ConfigurationError, match="can't be used"):
        login(f"u:p@h/db?sslMode=REQUIRED&sslcert={certificate}&sslkey={certificate}")


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
        (f"{RDS}:3307/db?iamAuth=true&user=db_user", f"{RDS}:3307", "eu-west-1"),
        (
            f"db.example.org/db?iamAuth=true&user=db_user&iamHost={RDS}",
            f"{RDS}:3306",
            "eu-west-1",
        ),
        (
            "db.example.org/db?iamAuth=true&user=db_user&iamRegion=us-east-2",
            "db.example.org:3306",
            "us-east-2",
        ),
        ("db.example.org/db?iamAuth=true&user=db_user", "db.example.org:3306", "ap-south-1"),
    ],
)
def test_issue_721_an_iam_token_is_the_password(text: str, endpoint: str, region: str) -> None:
    found = login(f"jdbc:mysql://{text}", environ={"AWS_REGION": "ap-south-1"})
    token = urlsplit("https://" + found.password.reveal())
    query = parse_qs(token.query)
    assert token.netloc == endpoint
    assert query["DBUser"] == ["db_user"]
    assert query["Action"] == ["connect"]
    assert f"/{region}/rds-db/" in query["X-Amz-Credential"][0]
    assert found.ssl_mode is SslMode.REQUIRED

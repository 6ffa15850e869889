"""TLS for real: a proxy gives the server what its build lacks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from athena_connectors.common.config import load_settings
from athena_connectors.common.errors import ConfigurationError
from athena_connectors.common.secrets import SecretResolver
from athena_connectors.common.sql.connection_strings import parse_connection_string
from athena_connectors.common.testing.postgres_proxy import postgres_proxy, self_signed
from athena_connectors.common.testing.secret_store import SecretStore, login_secret
from athena_connectors.jdbc_postgres.client import Client
from athena_connectors.jdbc_postgres.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from athena_connectors.common.testing.postgres import PostgresAddress
    from athena_connectors.common.testing.postgres_proxy import PostgresProxy


@pytest.fixture
def proxy(database: PostgresAddress, certificate: Path) -> Iterator[PostgresProxy]:
    with postgres_proxy(database, certificate=certificate) as found:
        yield found


def select(
    database: PostgresAddress,
    proxy: PostgresProxy,
    query: str,
    *,
    host: str = "127.0.0.1",
    ca: str = "",
    ssl_root_cert: str = "",
) -> None:
    """Ask for one row through the proxy, logged in by a secret that may hold certificates."""

    store = SecretStore(s=login_secret(database.user, database.password, ca_cert=ca))
    text = f"postgres://jdbc:postgresql://{host}:{proxy.address.port}/{database.database}?{query}&${{s}}"
    client = Client(
        parse_connection_string(text, engine="postgres", catalog="default"),
        load_settings(Settings, {"ssl_root_cert": ssl_root_cert}),
        secrets=SecretResolver(lambda: store),
        environ={},
    )
    try:
        with client.transaction() as cursor:
            cursor.execute("SELECT 1")
            assert cursor.fetchone() == (1,)
    finally:
        client.close()


@pytest.mark.parametrize(
    ("query", "encrypted"), [("", 1), ("sslmode=require", 1), ("sslmode=disable", 0), ("ssl", 1)]
)
def test_tls_is_used_when_there_is_any(
    database: PostgresAddress, proxy: PostgresProxy, query: str, encrypted: int
) -> None:
    select(database, proxy, query)
    assert proxy.encrypted == encrypted


@pytest.mark.parametrize("query", ["sslmode=verify-full", "sslmode=verify-ca", "ssl=true"])
def test_issue_10_certificates_of_the_setting_are_trusted(
    database: PostgresAddress, proxy: PostgresProxy, certificate: Path, query: str
) -> None:
    select(database, proxy, query, ssl_root_cert=str(certificate))
    assert proxy.encrypted == 1


def test_issue_10_certificates_of_the_secret_are_trusted(
    database: PostgresAddress, proxy: PostgresProxy, certificate: Path
) -> None:
    select(database, proxy, "sslmode=verify-full", ca=certificate.read_text())
    assert proxy.encrypted == 1


def test_another_host_is_not_trusted(
    database: PostgresAddress, proxy: PostgresProxy, certificate: Path
) -> None:
    with pytest.raises(ConfigurationError, match="does not match host name") as caught:
        select(
            database,
            proxy,
            "sslmode=verify-full",
            host="localhost",
            ssl_root_cert=str(certificate),
        )
    assert "ssl_root_cert" in caught.value.hint


def test_another_authority_is_not_trusted(
    database: PostgresAddress, proxy: PostgresProxy, tmp_path: Path
) -> None:
    other = self_signed(tmp_path)
    with pytest.raises(ConfigurationError, match="certificate verify failed"):
        select(database, proxy, "sslmode=verify-ca", ssl_root_cert=str(other))


def test_certificates_that_are_none(
    database: PostgresAddress, proxy: PostgresProxy, tmp_path: Path
) -> None:
    (tmp_path / "ca.pem").write_text("not a certificate")
    with pytest.raises(ConfigurationError, match="could not read root certificate file"):
        select(database, proxy, "sslmode=verify-ca", ssl_root_cert=str(tmp_path / "ca.pem"))

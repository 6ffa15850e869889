"""TLS for real, and the login of IAM against a server that asks for it."""

from __future__ import annotations

import socket
import ssl
import struct
import threading
from contextlib import closing, contextmanager, suppress
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest
from athena_connectors.common.config import load_settings
from athena_connectors.common.errors import (
    ConfigurationError,
    ConnectorError,
    InvalidCredentialsError,
)
from athena_connectors.common.secrets import SecretResolver
from athena_connectors.common.sql.connection_strings import parse_connection_string
from athena_connectors.common.testing.mariadb import mariadb_process
from athena_connectors.common.testing.postgres_proxy import self_signed
from athena_connectors.common.testing.secret_store import SecretStore, login_secret
from athena_connectors.jdbc_mysql.client import Client
from athena_connectors.jdbc_mysql.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from athena_connectors.common.testing.mariadb import MariaDb


@pytest.fixture(scope="module")
def encrypted(certificate: Path) -> Iterator[MariaDb]:
    """A server that takes TLS too."""
    with mariadb_process(certificate=certificate) as server:
        yield server.address


def client_of(text: str, *, store: SecretStore | None = None, **settings: str) -> Client:
    return Client(
        parse_connection_string(text, engine="mysql", catalog="default"),
        load_settings(Settings, settings),
        secrets=SecretResolver(lambda: store) if store else None,
        environ={},
    )


def cipher(address: MariaDb, query: str, **settings: str) -> str:
    """Return the protocol of a session's TLS, or nothing, by the server's own word."""
    with closing(client_of(f"{address.url}&{query}", **settings)) as client:
        with client.transaction() as cursor:
            cursor.execute("SHOW SESSION STATUS LIKE 'Ssl_version'")
            ((_, version),) = cursor.fetchall()
            assert client.connection.tls_version == version
        return str(version)


@pytest.mark.parametrize(
    ("query", "version"),
    [
        ("", "TLSv1.3"),
        ("sslMode=PREFERRED", "TLSv1.3"),
        ("sslMode=REQUIRED", "TLSv1.3"),
        ("useSSL=true&requireSSL=true", "TLSv1.3"),
        ("sslMode=DISABLED", ""),
        ("useSSL=false", ""),
    ],
)
def test_tls_is_used_when_there_is_any(encrypted: MariaDb, query: str, version: str) -> None:
    assert cipher(encrypted, query) == version


@pytest.mark.parametrize(
    "query", ["sslMode=VERIFY_IDENTITY", "sslMode=VERIFY_CA", "verifyServerCertificate=true"]
)
def test_issue_10_certificates_of_the_setting_are_trusted(
    encrypted: MariaDb, certificate: Path, query: str
) -> None:
    assert cipher(encrypted, query, ssl_root_cert=str(certificate)) == "TLSv1.3"


def test_issue_10_certificates_of_the_secret_are_trusted(
    encrypted: MariaDb, certificate: Path
) -> None:
    text = f"mysql://jdbc:mysql://127.0.0.1:{encrypted.port}/?sslMode=VERIFY_IDENTITY&${{s}}"
    secret = login_secret(encrypted.user, encrypted.password, ca_cert=certificate.read_text())
    with (
        closing(client_of(text, store=SecretStore(s=secret))) as client,
        client.transaction() as cursor,
    ):
        cursor.execute("SELECT 1")
        assert client.connection.tls_version == "TLSv1.3"


def test_another_host_is_not_trusted(encrypted: MariaDb, certificate: Path) -> None:
    other = encrypted.through(encrypted.port, host="localhost")
    with pytest.raises(ConfigurationError, match="not valid for 'localhost'") as caught:
        cipher(other, "sslMode=VERIFY_IDENTITY", ssl_root_cert=str(certificate))
    assert "ssl_root_cert" in caught.value.hint
    assert cipher(other, "sslMode=VERIFY_CA", ssl_root_cert=str(certificate)) == "TLSv1.3"


@pytest.mark.parametrize("mode", ["VERIFY_CA", "VERIFY_IDENTITY"])
def test_another_authority_is_not_trusted(encrypted: MariaDb, tmp_path: Path, mode: str) -> None:
    other = self_signed(tmp_path)
    with pytest.raises(ConfigurationError, match="certificate verify failed"):
        cipher(encrypted, f"sslMode={mode}", ssl_root_cert=str(other))


def test_no_authority_of_the_system_is_this_one(encrypted: MariaDb) -> None:
    with pytest.raises(ConfigurationError, match="certificate verify failed"):
        cipher(encrypted, "sslMode=VERIFY_CA", ssl_root_cert="system")


@pytest.mark.parametrize("mode", ["REQUIRED", "VERIFY_CA"])
def test_a_server_without_tls_is_left(mariadb: MariaDb, certificate: Path, mode: str) -> None:
    assert cipher(mariadb, "sslMode=PREFERRED") == ""
    with pytest.raises(ConfigurationError, match=r"SSL is required.*2026"):
        cipher(mariadb, f"sslMode={mode}", ssl_root_cert=str(certificate))


def test_a_server_that_takes_tls_only(encrypted: MariaDb) -> None:
    encrypted.execute("SET GLOBAL require_secure_transport = ON")
    try:
        assert cipher(encrypted, "") == "TLSv1.3"
        with pytest.raises(InvalidCredentialsError):  # MySQL says 3159 instead
            cipher(encrypted, "sslMode=DISABLED")
    finally:
        encrypted.execute("SET GLOBAL require_secure_transport = OFF")


def test_a_certificate_of_our_own_is_shown(encrypted: MariaDb, certificate: Path) -> None:
    encrypted.create_user("certified", "p")
    encrypted.execute("ALTER USER certified REQUIRE SUBJECT '/CN=test'")
    certified = encrypted.of_user("certified", "p")
    files = f"sslcert={certificate}&sslkey={certificate.with_name('key.pem')}"
    assert cipher(certified, f"sslMode=REQUIRED&{files}") == "TLSv1.3"
    with pytest.raises(InvalidCredentialsError):
        cipher(certified, "sslMode=REQUIRED")


# --- a server that asks for the password itself, as RDS does for IAM


class AskingServer:
    """Speaks as much of MySQL's protocol as a login takes, and agrees to all statements.

    Attributes:
        answer: What it was told when it asked for the password.
    """

    OK = b"\x00\x00\x00\x02\x00\x00\x00"
    CAPABILITIES = 0x00088200  # 4.1, secure connection, plugins
    TLS = 0x00000800

    def __init__(self, plugin: bytes, certificate: Path | None) -> None:
        self._plugin = plugin
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER) if certificate else None
        if self._context and certificate:
            self._context.load_cert_chain(certificate, certificate.with_name("key.pem"))
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.answer: bytes | None = None
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                with suppress(OSError, EOFError), connection:
                    self._talk(connection)

    def _talk(self, plain: socket.socket) -> None:
        capabilities = self.CAPABILITIES | (self.TLS if self._context else 0)
        low, high = capabilities & 0xFFFF, capabilities >> 16
        greeting = b"\x0a8.0.36\x00" + struct.pack("<I", 7) + b"saltsalt\x00"
        greeting += struct.pack("<HBHHB", low, 45, 2, high, 21) + bytes(10)
        self._send(plain, 0, greeting + b"saltsaltsalt\x00mysql_native_password\x00")
        if self._context is None:
            self._let_in(plain)
            return
        self._receive(plain)
        with self._context.wrap_socket(plain, server_side=True) as connection:
            self._let_in(connection)

    def _let_in(self, connection: socket.socket) -> None:
        number, _ = self._receive(connection)
        self._send(connection, number + 1, b"\xfe" + self._plugin + b"\x00Password: \x00")
        number, self.answer = self._receive(connection)
        while True:
            self._send(connection, number + 1, self.OK)
            number, _ = self._receive(connection)

    @staticmethod
    def _send(connection: socket.socket, number: int, body: bytes) -> None:
        connection.sendall(struct.pack("<I", len(body))[:3] + bytes([number]) + body)

    @classmethod
    def _receive(cls, connection: socket.socket) -> tuple[int, bytes]:
        head = cls._read(connection, 4)
        return head[3], cls._read(connection, int.from_bytes(head[:3], "little"))

    @staticmethod
    def _read(connection: socket.socket, size: int) -> bytes:
        data = b""
        while len(data) < size:
            more = connection.recv(size - len(data))
            if not more:
                raise EOFError
            data += more
        return data

    def close(self) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(5)


@contextmanager
def asking_server(plugin: bytes, certificate: Path | None) -> Iterator[AskingServer]:
    with closing(AskingServer(plugin, certificate)) as server:
        yield server


def log_in(text: str) -> None:
    with closing(client_of(text)) as client, client.transaction() as cursor:
        cursor.execute("SELECT 1")


def test_issue_721_the_token_is_sent_as_it_is_over_tls(
    certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "keyexample")
    monkeypatch.delenv("AWS_SESSION_TOKEN", raising=False)
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    with asking_server(b"mysql_clear_password", certificate) as server:
        address = f"127.0.0.1:{server.port}"
        endpoint = "db.x.eu-west-1.rds.amazonaws.com"
        log_in(f"mysql://jdbc:mysql://{address}/db?iamAuth=true&user=app&iamHost={endpoint}")
        assert server.answer is not None
        token = server.answer.removesuffix(b"\0").decode()
    assert urlsplit("https://" + token).netloc == f"{endpoint}:{server.port}"
    assert "DBUser=app" in token


@pytest.mark.parametrize("plugin", [b"mysql_clear_password", b"dialog"])
def test_a_server_that_asks_for_the_password_gets_it_over_tls_only(
    certificate: Path, plugin: bytes
) -> None:
    with asking_server(plugin, certificate) as server:
        log_in(f"mysql://jdbc:mysql://u:hünter@127.0.0.1:{server.port}/db")
        assert server.answer == "hünter\0".encode()
    with asking_server(plugin, None) as server:
        with pytest.raises(ConnectorError, match="not sent without TLS") as caught:
            log_in(f"mysql://jdbc:mysql://u:hunter2@127.0.0.1:{server.port}/db")
        assert server.answer is None
    assert "hunter2" not in str(caught.value)


def test_a_server_that_only_asks_for_iam_without_tls_gets_no_token(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "keyexample")
    with asking_server(b"mysql_clear_password", None) as server:
        text = f"127.0.0.1:{server.port}/db?iamAuth=true&user=app&iamRegion=eu-west-1"
        with pytest.raises(ConfigurationError, match="SSL is required"):
            log_in(f"mysql://jdbc:mysql://{text}")
        assert server.answer is None

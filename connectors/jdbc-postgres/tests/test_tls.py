"""TLS for real: a proxy gives the server what its build lacks."""

from __future__ import annotations

import datetime as dt
import ipaddress
import json
import socket
import ssl
import struct
import threading
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest
from athena_connectors.common.config import load_settings
from athena_connectors.common.errors import ConfigurationError
from athena_connectors.common.secrets import SecretResolver
from athena_connectors.common.sql.connection_strings import parse_connection_string
from athena_connectors.jdbc_postgres.client import Client
from athena_connectors.jdbc_postgres.settings import Settings
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from athena_connectors.common.testing.postgres import PostgresAddress

SSL_REQUEST = struct.pack("!ii", 8, 80877103)


def self_signed(folder: Path) -> Path:
    """Write a key and a certificate for 127.0.0.1, not for localhost."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test")])
    today = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(today - dt.timedelta(days=1))
        .not_valid_after(today + dt.timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]),
            critical=False,
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    (folder / "key.pem").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    path = folder / "certificate.pem"
    path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    return path


class TlsProxy:
    """Speaks TLS to clients and plain TCP to the server behind."""

    def __init__(self, address: PostgresAddress, certificate: Path) -> None:
        self._behind = (address.host, address.port)
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(certificate, certificate.with_name("key.pem"))
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.encrypted = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with suppress(OSError), client, socket.create_connection(self._behind) as server:
            first = client.recv(8, socket.MSG_WAITALL)
            if first != SSL_REQUEST:
                server.sendall(first)
                self._relay(client, server)
                return
            client.sendall(b"S")
            with self._context.wrap_socket(client, server_side=True) as encrypted:
                self.encrypted += 1
                self._relay(encrypted, server)

    def _relay(self, client: socket.socket, server: socket.socket) -> None:
        back = threading.Thread(target=self._copy, args=(server, client), daemon=True)
        back.start()
        self._copy(client, server)
        back.join()

    def _copy(self, source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                target.sendall(data)
        with suppress(OSError):
            target.shutdown(socket.SHUT_RDWR)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return self_signed(tmp_path_factory.mktemp("tls"))


@pytest.fixture
def proxy(database: PostgresAddress, certificate: Path) -> Iterator[TlsProxy]:
    proxy = TlsProxy(database, certificate)
    yield proxy
    proxy.close()


def select(
    database: PostgresAddress,
    proxy: TlsProxy,
    query: str,
    *,
    host: str = "127.0.0.1",
    ca: str = "",
    ssl_root_cert: str = "",
) -> None:
    """Ask for one row through the proxy, logged in by a secret that may hold certificates."""

    class Store:
        def get_secret_value(self, **_: str) -> dict[str, str]:
            login = {"username": database.user, "password": database.password, "ca_cert": ca}
            return {"SecretString": json.dumps(login)}

    text = f"postgres://jdbc:postgresql://{host}:{proxy.port}/{database.database}?{query}&${{s}}"
    client = Client(
        parse_connection_string(text, engine="postgres", catalog="default"),
        load_settings(Settings, {"ssl_root_cert": ssl_root_cert}),
        secrets=SecretResolver(Store),
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
    database: PostgresAddress, proxy: TlsProxy, query: str, encrypted: int
) -> None:
    select(database, proxy, query)
    assert proxy.encrypted == encrypted


@pytest.mark.parametrize("query", ["sslmode=verify-full", "sslmode=verify-ca", "ssl=true"])
def test_certificates_of_the_setting_are_trusted(
    database: PostgresAddress, proxy: TlsProxy, certificate: Path, query: str
) -> None:
    select(database, proxy, query, ssl_root_cert=str(certificate))
    assert proxy.encrypted == 1


def test_certificates_of_the_secret_are_trusted(
    database: PostgresAddress, proxy: TlsProxy, certificate: Path
) -> None:
    select(database, proxy, "sslmode=verify-full", ca=certificate.read_text())
    assert proxy.encrypted == 1


def test_another_host_is_not_trusted(
    database: PostgresAddress, proxy: TlsProxy, certificate: Path
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
    database: PostgresAddress, proxy: TlsProxy, tmp_path: Path
) -> None:
    other = self_signed(tmp_path)
    with pytest.raises(ConfigurationError, match="certificate verify failed"):
        select(database, proxy, "sslmode=verify-ca", ssl_root_cert=str(other))


def test_certificates_that_are_none(
    database: PostgresAddress, proxy: TlsProxy, tmp_path: Path
) -> None:
    (tmp_path / "ca.pem").write_text("not a certificate")
    with pytest.raises(ConfigurationError, match="could not read root certificate file"):
        select(database, proxy, "sslmode=verify-ca", ssl_root_cert=str(tmp_path / "ca.pem"))

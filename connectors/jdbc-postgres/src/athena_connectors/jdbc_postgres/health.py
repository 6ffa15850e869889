"""What ``doctor`` tells of a PostgreSQL server and of the role that logs in to it.

Source: PostgreSQL manual, "Access Privilege Inquiry Functions", "pg_class" and "pg_stats".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from athena_connectors.common.findings import Finding, told
from athena_connectors.common.sql.health import (
    Check,
    Protection,
    check_all,
    encryption_finding,
    schemas_finding,
)
from athena_connectors.jdbc_postgres import metadata

if TYPE_CHECKING:
    from collections.abc import Iterator

    from athena_connectors.jdbc_postgres.client import Client
    from athena_connectors.jdbc_postgres.settings import Settings

__all__ = ["MIN_SERVER_VERSION", "findings"]

MIN_SERVER_VERSION = 120_000
"""The oldest server that the connector's statements are written for."""

STATISTICS_BYTES = 8 << 20
"""Size from which on a table without statistics is worth a word: smaller ones are not cut."""

_RELATIONS = """
FROM pg_catalog.pg_class AS c
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
WHERE n.nspname::text !~ '^pg_' AND n.nspname <> 'information_schema'
"""

_ROLE = f"""
SELECT current_user, (SELECT rolsuper FROM pg_catalog.pg_roles WHERE rolname = current_user), (
    SELECT format('%I.%I', n.nspname, c.relname) {_RELATIONS}
        AND c.relkind IN ('r', 'p', 'f') AND has_schema_privilege(n.oid, 'USAGE')
        AND has_table_privilege(c.oid, 'INSERT, UPDATE, DELETE, TRUNCATE')
    LIMIT 1
)
"""  # noqa: S608 - a constant

_TABLES = f"""
SELECT current_user, current_database(), count(*), count(*) FILTER (
    WHERE has_schema_privilege(n.oid, 'USAGE')
        AND (has_table_privilege(c.oid, 'SELECT') OR has_any_column_privilege(c.oid, 'SELECT'))
)
{_RELATIONS} AND c.relkind IN ('r', 'p', 'v', 'm', 'f') AND NOT c.relispartition
"""

_WITHOUT_STATISTICS = f"""
SELECT count(*), min(format('%I.%I', n.nspname, c.relname))
{_RELATIONS} AND c.relkind IN ('r', 'm') AND pg_relation_size(c.oid) >= {STATISTICS_BYTES}
    AND has_schema_privilege(n.oid, 'USAGE') AND has_table_privilege(c.oid, 'SELECT')
    AND NOT EXISTS (
        SELECT FROM pg_catalog.pg_stats AS s
        WHERE s.schemaname = n.nspname AND s.tablename = c.relname
    )
"""  # noqa: S608 - a constant


def findings(client: Client, settings: Settings) -> Iterator[Finding]:
    """Yield the findings about one database.

    Raises:
        ConnectorError: No session can be opened; see ``Client.transaction``.

    Cost:
        Six short transactions, which read the catalogue only, and one session for a minute.
    """

    def schemas(cursor: Any) -> Iterator[Finding]:
        yield schemas_finding(
            metadata.list_schemas(cursor, settings),
            fault="The role may use no schema.",
            fix="GRANT USAGE ON SCHEMA ... to the role.",
        )

    yield _version(client.server_version)
    checks = (
        Check("schemas", schemas, is_needed=True),
        Check("tables", _tables, is_needed=True),
        Check("encryption", _encryption),
        Check("role", _role),
        Check("statistics", _statistics),
    )
    yield from check_all(client, checks)
    yield from told("snapshot", _snapshot(client, settings))


def _version(version: int) -> Finding:
    """Tell the version, of a number such as 150018 for 15.18 or 90624 for 9.6.24."""
    major, rest = divmod(version, 10_000)
    text = f"{major}.{rest}" if major >= 10 else f"{major}.{rest // 100}.{rest % 100}"  # noqa: PLR2004
    if version >= MIN_SERVER_VERSION:
        return Finding.ok("server version", f"PostgreSQL {text} answers.")
    return Finding.fault(
        "server version",
        f"The server says that it is PostgreSQL {text}, which is not supported.",
        fix=f"Upgrade it to {MIN_SERVER_VERSION // 10_000} or later. (Amazon Redshift says 8.0.2:"
        " it takes a connector of its own.)",
    )


def _encryption(cursor: Any) -> Iterator[Finding]:
    session = cursor.connection.info
    mode = session.dsn_parameters.get("sslmode", "")
    yield encryption_finding(
        Protection(
            host=session.host or "",
            protocol=session.ssl_attribute("protocol") if session.ssl_in_use else "",
            mode=f"sslmode={mode}",
            verifies=mode.startswith("verify-"),
            best_mode="sslmode=verify-full",
        )
    )


def _role(cursor: Any) -> Iterator[Finding]:
    cursor.execute(_ROLE)
    role, is_superuser, writable = cursor.fetchone()
    if not is_superuser and not writable:
        yield Finding.ok("role", f"Role {role} can only read.")
        return
    power = "is a superuser" if is_superuser else f"may write, such as to {writable}"
    yield Finding.warning(
        "role",
        f"Role {role} {power}. The connector's transactions are READ ONLY all the same.",
        fix="Log in with a role that has CONNECT, USAGE and SELECT and nothing more.",
    )


def _tables(cursor: Any) -> Iterator[Finding]:
    cursor.execute(_TABLES)
    role, database, total, readable = cursor.fetchone()
    if not total:
        yield Finding.warning(
            "tables",
            f"Database {database} has no table.",
            fix="Check the database's name in the connection string.",
        )
    elif not readable:
        yield Finding.fault(
            "tables",
            f"Role {role} may read none of the {total} tables of database {database}.",
            fix=f"GRANT USAGE ON SCHEMA ... and SELECT ON ALL TABLES IN SCHEMA ... to {role}.",
        )
    else:
        yield Finding.ok("tables", f"Role {role} may read {readable} of {total} tables.")


def _statistics(cursor: Any) -> Iterator[Finding]:
    cursor.execute(_WITHOUT_STATISTICS)
    count, example = cursor.fetchone()
    if count:
        yield Finding.warning(
            "statistics",
            f"Tables of some size without statistics: {count}, such as {example}. Their scans are"
            " cut without knowing the values.",
            fix="ANALYZE them.",
        )
    else:
        yield Finding.ok("statistics", "The tables of some size have statistics.")


def _snapshot(client: Client, settings: Settings) -> Iterator[Finding]:
    mode = settings.read_consistency
    if client.export_snapshot("doctor") is not None:
        yield Finding.ok("snapshot", "The splits of a scan read one snapshot.")
    elif mode != "auto":
        fact = f"Each split reads by itself, as read_consistency={mode} says."
        yield Finding.ok("snapshot", fact)
    else:
        yield Finding.warning(
            "snapshot",
            "The splits of a scan read at different moments: the server shares no snapshot.",
            fix="Allow pg_export_snapshot() and one session more to the role. A server that only"
            " resembles PostgreSQL may not have it.",
        )

"""Schemas, tables and columns of a MySQL server, as its information schema tells them.

A schema is one of the server's databases. Listed is what the user has a right on, which is
all that the server shows to him; partitions are no tables here. Every function takes a
PyMySQL cursor inside of a transaction, and errors of the server stay PyMySQL's. Tested with
MariaDB 10.11; nothing is used that MySQL 5.7 lacks.

Source: MySQL manual, "INFORMATION_SCHEMA Tables" and "Identifier Case Sensitivity". Columns
of the information schema are given names, because MySQL 8 returns theirs in capitals.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from athena_connectors.common.errors import AccessDeniedError
from athena_connectors.common.protocol.messages import TableName
from athena_connectors.common.sql.names import (
    Candidate,
    NameFinder,
    missing_table,
    page_of_server,
)
from athena_connectors.common.sql.relation import Relation
from athena_connectors.jdbc_mysql.literals import identifier
from athena_connectors.jdbc_mysql.passthrough import describe_query
from athena_connectors.jdbc_mysql.server_types import declared_type
from athena_connectors.jdbc_mysql.types import column_of

if TYPE_CHECKING:
    from athena_connectors.common.paging import Page
    from athena_connectors.common.sql.names import CasingMode, Lookup, Scope, Window
    from athena_connectors.common.sql.relation import Column
    from athena_connectors.jdbc_mysql.settings import Settings

__all__ = [
    "describe",
    "describe_query",
    "list_schemas",
    "list_tables",
    "page_tables",
    "resolve_schema",
    "resolve_table",
]

_SYSTEM_SCHEMAS = frozenset({"information_schema", "mysql", "performance_schema", "sys"})
_NO_LIMIT = 2**63 - 1
_LAST_CHARACTER = "\uffff"
"""Names have no character beyond. Source: MySQL manual, "Schema Object Names"."""

_KEEPS_NOT_NULL = frozenset({"innodb", "myisam", "aria", "memory"})
"""Engines with rows of their own, which they check; others pass on what someone else has."""

_LIST_SCHEMAS = "SELECT SCHEMA_NAME AS name FROM information_schema.SCHEMATA"

_TABLES = """
SELECT TABLE_NAME AS name
FROM information_schema.TABLES
WHERE TABLE_SCHEMA = %(schema)s
    AND TABLE_TYPE IN ('BASE TABLE', 'SYSTEM VERSIONED', 'VIEW', 'SYSTEM VIEW')
"""

_LIST_TABLES = (
    _TABLES
    + """
    AND CAST(TABLE_NAME AS BINARY) >= %(first)s
ORDER BY CAST(TABLE_NAME AS BINARY)
LIMIT %(limit)s OFFSET %(offset)s
"""
)

_FIND_TABLES: dict[Scope, str] = {
    "exact": f"{_TABLES} AND TABLE_NAME = %(name)s",
    "any case": f"{_TABLES} AND (LOWER(TABLE_NAME) = %(folded)s"
    " OR LENGTH(TABLE_NAME) <> CHAR_LENGTH(TABLE_NAME))",
    "all": f"{_TABLES} LIMIT %(limit)s",
}
# Names with characters beyond ASCII are folded here, where it is done as for Athena.

_RELATION = """
SELECT TABLE_TYPE AS kind, ENGINE AS engine
FROM information_schema.TABLES
WHERE TABLE_SCHEMA = %s AND TABLE_NAME = %s
"""

_COLUMNS = """
SELECT COLUMN_NAME AS name, DATA_TYPE AS type, COLUMN_TYPE AS declaration,
    CHARACTER_SET_NAME AS charset, COLLATION_NAME AS collation, IS_NULLABLE AS nullable,
    EXTRA AS extra, PRIVILEGES AS privileges
FROM information_schema.COLUMNS
WHERE TABLE_SCHEMA = %s AND TABLE_NAME = %s
ORDER BY ORDINAL_POSITION
"""


class _ColumnRow(NamedTuple):
    name: str
    type_name: str
    declaration: str
    charset: str | None
    collation: str | None
    nullable: str
    extra: str
    privileges: str

    @property
    def is_readable(self) -> bool:
        return "select" in self.privileges.split(",")

    @property
    def is_never_null(self) -> bool:
        # A value that is computed when it is read was never checked.
        return self.nullable == "NO" and "VIRTUAL" not in self.extra


# Listing


def list_schemas(cursor: Any, settings: Settings) -> list[str]:
    """Return the schemas that the user has a right in, in the order of their bytes.

    The server's own are among them if ``include_system_schemas`` says so.
    """
    return sorted(
        name
        for name in _schemas(cursor)
        if settings.include_system_schemas or name.lower() not in _SYSTEM_SCHEMAS
    )


def _schemas(cursor: Any) -> list[str]:
    cursor.execute(_LIST_SCHEMAS)
    return [name for (name,) in cursor.fetchall()]


def list_tables(cursor: Any, schema: str) -> list[str]:
    """Return the tables and views of a schema that the user has a right on."""
    return list(page_tables(cursor, schema, token=None, page_size=None).items)


def page_tables(cursor: Any, schema: str, *, token: str | None, page_size: int | None) -> Page[str]:
    """Return one page of what ``list_tables`` returns.

    Args:
        cursor: A PyMySQL cursor.
        schema: As the server spells it.
        token: ``None`` for the first page. An integer, as the Java connector gave it, is
            the number of names to pass over.
        page_size: Names wanted at most, 1 or more; ``None`` for all.

    Raises:
        InvalidRequestError: The token is none of ours.
    """

    def ask(window: Window) -> list[str]:
        if not _can_be_name(schema):
            return []
        arguments = {
            "schema": schema,
            "first": window.first.encode(),
            "limit": _NO_LIMIT if window.limit is None else window.limit,
            "offset": min(window.offset, _NO_LIMIT),
        }
        cursor.execute(_LIST_TABLES, arguments)
        return [name for (name,) in cursor.fetchall()]

    return page_of_server(ask, token=token, page_size=page_size)


# Names


def resolve_schema(cursor: Any, name: str, settings: Settings) -> str:
    """Return the server's spelling of a schema, by the rules of ``casing_mode``.

    Raises:
        SchemaNotFoundError: There is none of the name, or the user has no right in it.
        AmbiguousNameError: There are several and none is spelt exactly so.
    """

    def find(wanted: Lookup) -> list[Candidate] | None:
        return list(map(Candidate, _schemas(cursor))) if _can_be_name(wanted.name) else None

    return NameFinder("schema", _mode(cursor, settings), find).resolve(name)


def resolve_table(cursor: Any, name: TableName, settings: Settings) -> TableName:
    """Return the server's spelling of a table, by the rules of ``casing_mode``.

    Raises:
        SchemaNotFoundError, TableNotFoundError: There is none of the name, or the user has
            no right on it.
        AmbiguousNameError: There are several and none is spelt exactly so.
    """
    schema = resolve_schema(cursor, name.schema, settings)
    find = partial(_find_tables, cursor, schema)
    finder = NameFinder("table", _mode(cursor, settings), find, within=schema)
    return TableName(schema, finder.resolve(name.table))


def _find_tables(cursor: Any, schema: str, wanted: Lookup) -> list[Candidate] | None:
    if not _can_be_name(wanted.name):
        return None
    arguments = {**wanted._asdict(), "folded": wanted.name.lower(), "schema": schema}
    cursor.execute(_FIND_TABLES[wanted.scope], arguments)
    return [Candidate(found) for (found,) in cursor.fetchall()]


def _mode(cursor: Any, settings: Settings) -> CasingMode:
    """Return how names are matched: in any case by a server that does not tell cases apart."""
    if settings.casing != "CASE_INSENSITIVE_SEARCH":
        cursor.execute("SELECT @@lower_case_table_names")
        if cursor.fetchone() != (0,):
            return "CASE_INSENSITIVE_SEARCH"
    return settings.casing


def _can_be_name(name: str) -> bool:
    """Return whether all characters are such as names have; the server may fail on others."""
    return not any(
        char == "\0" or char > _LAST_CHARACTER or "\ud800" <= char <= "\udfff" for char in name
    )


# Columns


def describe(cursor: Any, name: TableName, settings: Settings) -> Relation:
    """Return a table with every column that the user may read, invisible ones too.

    Args:
        cursor: A PyMySQL cursor.
        name: As the server spells it.
        settings: The connector's settings.

    Raises:
        TableNotFoundError: There is no such table.
        AccessDeniedError: The user may read no column of it.
        pymysql.Error: It is a view and can't be read any more.

    Cost:
        Two small queries of the information schema.
    """
    if not (_can_be_name(name.schema) and _can_be_name(name.table)):
        raise missing_table(name)
    cursor.execute(_RELATION, (name.schema, name.table))
    row = cursor.fetchone()
    if row is None:
        raise missing_table(name)
    kind, engine = row
    cursor.execute(_COLUMNS, (name.schema, name.table))
    readable = [row for row in map(_ColumnRow._make, cursor.fetchall()) if row.is_readable]
    if not readable:
        if kind == "VIEW":
            _explain_view(cursor, name)
        raise _unreadable(name)
    checked = kind != "VIEW" and (engine or "").lower() in _KEEPS_NOT_NULL
    columns = tuple(
        _column(row, settings, nullable=not (checked and row.is_never_null)) for row in readable
    )
    return Relation(name.schema, name.table, kind, columns)


def _column(row: _ColumnRow, settings: Settings, *, nullable: bool) -> Column:
    type_ = declared_type(
        row.type_name, row.declaration, charset=row.charset, collation=row.collation
    )
    return column_of(row.name, row.declaration, type_, settings=settings, nullable=nullable)


def _explain_view(cursor: Any, name: TableName) -> None:
    """Let the server say why a view has no columns, if it is broken."""
    view = f"{identifier(name.schema)}.{identifier(name.table)}"
    cursor.execute(f"SELECT 1 FROM {view} LIMIT 0")  # noqa: S608 - quoted


def _unreadable(name: TableName) -> AccessDeniedError:
    return AccessDeniedError(
        f"The connector's user may read no column of {name}.",
        hint="Grant it SELECT on the table or on columns of it.",
        schema=name.schema,
        table=name.table,
    )

"""Schemas, tables and columns of a PostgreSQL database, as its catalogue tells them.

Listed is what the role may read, without partitions, whose rows their parents have too;
whatever exists can be asked for by name. Every function takes a psycopg2 cursor inside of
a transaction, and errors of the server stay psycopg2's. Tested with server 18; nothing is
used that 12 lacks.

Source: PostgreSQL manual, "System Catalogs" and "Access Privilege Inquiry Functions".
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
from athena_connectors.common.sql.relation import Comparison, Relation
from athena_connectors.jdbc_postgres.catalogue import (
    Declaration,
    compare_collations,
    optional_rows,
    resolve_types,
)
from athena_connectors.jdbc_postgres.passthrough import describe_query
from athena_connectors.jdbc_postgres.server_types import TypeOptions
from athena_connectors.jdbc_postgres.types import column_of
from psycopg2 import errors

if TYPE_CHECKING:
    from collections.abc import Sequence

    from athena_connectors.common.paging import Page
    from athena_connectors.common.sql.names import Lookup, Window
    from athena_connectors.common.sql.relation import Column
    from athena_connectors.jdbc_postgres.settings import Settings

__all__ = [
    "describe",
    "describe_query",
    "list_schemas",
    "list_tables",
    "page_tables",
    "resolve_schema",
    "resolve_table",
]

_VALIDATED_NOT_NULL = 180_000
"""The version from which on a NOT NULL may not hold for the rows there were before it."""

# Parameters are cast to text because a longer constant would be cut to a name's 63 bytes.

_LIST_SCHEMAS = """
SELECT n.nspname
FROM pg_catalog.pg_namespace AS n
WHERE has_schema_privilege(n.oid, 'USAGE')
    AND CASE
        WHEN n.nspname IN ('pg_catalog', 'information_schema') THEN %s
        ELSE n.nspname::text !~ '^pg_'
    END
ORDER BY n.nspname::text COLLATE "C"
"""

_LIST_TABLES = """
SELECT c.relname
FROM pg_catalog.pg_class AS c
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
WHERE n.nspname = %(schema)s::text
    AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
    AND NOT c.relispartition
    AND (has_table_privilege(c.oid, 'SELECT') OR has_any_column_privilege(c.oid, 'SELECT'))
    AND c.relname::text COLLATE "C" >= %(first)s::text
ORDER BY c.relname::text COLLATE "C"
LIMIT %(limit)s OFFSET %(offset)s
"""

_FIND_SCHEMAS = r"""
SELECT n.nspname, has_schema_privilege(n.oid, 'USAGE'), true
FROM pg_catalog.pg_namespace AS n
WHERE n.nspname = %(name)s::text
    OR %(scope)s = 'all'
    OR (%(scope)s = 'any case' AND (lower(n.nspname::text COLLATE "C") = %(folded)s::text
        OR n.nspname::text ~ '[^\u0001-\u007f]'))
LIMIT %(limit)s
"""

_FIND_TABLES = r"""
SELECT c.relname,
    has_table_privilege(c.oid, 'SELECT') OR has_any_column_privilege(c.oid, 'SELECT'),
    NOT c.relispartition
FROM pg_catalog.pg_class AS c
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
WHERE n.nspname = %(schema)s::text
    AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
    AND (c.relname = %(name)s::text
        OR %(scope)s = 'all'
        OR (%(scope)s = 'any case' AND (lower(c.relname::text COLLATE "C") = %(folded)s::text
            OR c.relname::text ~ '[^\u0001-\u007f]')))
LIMIT %(limit)s
"""
# Names with characters beyond ASCII are folded here, where it is done as for Athena.

_RELATION = """
SELECT c.oid, c.relkind, c.relhassubclass, current_setting('server_encoding')
FROM pg_catalog.pg_class AS c
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
WHERE n.nspname = %s::text AND c.relname = %s::text AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
"""

_COLUMNS = """
SELECT a.attnum, a.attname, format_type(a.atttypid, a.atttypmod), a.atttypid, a.atttypmod,
    a.attndims, a.attcollation, a.attnotnull, has_column_privilege(a.attrelid, a.attnum, 'SELECT')
FROM pg_catalog.pg_attribute AS a
WHERE a.attrelid = %s AND a.attnum > 0 AND NOT a.attisdropped
ORDER BY a.attnum
"""

_DOUBTFUL_NOT_NULLS = """
SELECT unnest(k.conkey)
FROM pg_catalog.pg_constraint AS k
WHERE k.conrelid = %s AND k.contype = 'n' AND NOT k.convalidated
"""


class _ColumnRow(NamedTuple):
    number: int
    name: str
    source_type: str
    type_oid: int
    modifier: int
    dimensions: int
    collation: int
    not_null: bool
    readable: bool

    @property
    def declaration(self) -> Declaration:
        return Declaration(self.type_oid, self.modifier, self.dimensions)


# Listing


def list_schemas(cursor: Any, settings: Settings) -> list[str]:
    """Return the schemas that the role may use, in the order of their bytes.

    ``pg_catalog`` and ``information_schema`` are among them if ``include_system_schemas``
    says so; schemas of temporary tables and of TOAST never are.
    """
    cursor.execute(_LIST_SCHEMAS, (settings.include_system_schemas,))
    return [name for (name,) in cursor.fetchall()]


def list_tables(cursor: Any, schema: str) -> list[str]:
    """Return the tables and views of a schema that the role may read, in part at least."""
    return list(page_tables(cursor, schema, token=None, page_size=None).items)


def page_tables(cursor: Any, schema: str, *, token: str | None, page_size: int | None) -> Page[str]:
    """Return one page of what ``list_tables`` returns.

    Args:
        cursor: A psycopg2 cursor.
        schema: As the server spells it.
        token: ``None`` for the first page. An integer, as the Java connector gave it, is
            the number of names to pass over.
        page_size: Names wanted at most, 1 or more; ``None`` for all.

    Raises:
        InvalidRequestError: The token is none of ours.
    """

    def ask(window: Window) -> list[str]:
        cursor.execute(_LIST_TABLES, {"schema": schema, **window._asdict()})
        return [name for (name,) in cursor.fetchall()]

    return page_of_server(ask, token=token, page_size=page_size)


# Names


def resolve_schema(cursor: Any, name: str, settings: Settings) -> str:
    """Return the server's spelling of a schema, by the rules of ``casing_mode``.

    Raises:
        SchemaNotFoundError: There is none of the name.
        AccessDeniedError: There is one, and the role may not use it.
        AmbiguousNameError: There are several and none is spelt exactly so.
    """
    find = partial(_find, cursor, _FIND_SCHEMAS, "")
    return NameFinder("schema", settings.casing, find, _unusable).resolve(name)


def resolve_table(cursor: Any, name: TableName, settings: Settings) -> TableName:
    """Return the server's spelling of a table, by the rules of ``casing_mode``.

    Raises:
        SchemaNotFoundError, TableNotFoundError: There is none of the name.
        AccessDeniedError: There is one, and the role may read no column of it.
        AmbiguousNameError: There are several and none is spelt exactly so.
    """
    schema = resolve_schema(cursor, name.schema, settings)

    def denied(table: str) -> AccessDeniedError:
        return _unreadable(TableName(schema, table))

    find = partial(_find, cursor, _FIND_TABLES, schema)
    finder = NameFinder("table", settings.casing, find, denied, schema)
    return TableName(schema, finder.resolve(name.table))


def _find(cursor: Any, statement: str, schema: str, wanted: Lookup) -> list[Candidate] | None:
    arguments = {**wanted._asdict(), "folded": wanted.name.lower(), "schema": schema}
    try:
        cursor.execute(statement, arguments)
    except (ValueError, errors.UntranslatableCharacter):
        # U+0000, half a surrogate pair, or what the database's encoding lacks.
        return None
    return [Candidate._make(row) for row in cursor.fetchall()]


def _unusable(schema: str) -> AccessDeniedError:
    return AccessDeniedError(
        f"The connector's role may not use schema {schema!r}.",
        hint="Grant it USAGE on the schema.",
        schema=schema,
    )


def _unreadable(name: TableName) -> AccessDeniedError:
    return AccessDeniedError(
        f"The connector's role may read no column of {name}.",
        hint="Grant it SELECT on the table or on columns of it.",
        schema=name.schema,
        table=name.table,
    )


# Columns


def describe(cursor: Any, name: TableName, settings: Settings) -> Relation:
    """Return a table with every column that the role may read.

    Args:
        cursor: A psycopg2 cursor.
        name: As the server spells it.
        settings: The connector's settings.

    Raises:
        TableNotFoundError: There is no such table.
        AccessDeniedError: The role may read no column of it.

    Cost:
        Three to six small queries of the catalogue.
    """
    cursor.execute(_RELATION, (name.schema, name.table))
    row = cursor.fetchone()
    if row is None:
        raise missing_table(name)
    oid, kind, has_children, encoding = row
    cursor.execute(_COLUMNS, (oid,))
    rows = list(map(_ColumnRow._make, cursor.fetchall()))
    readable = [row for row in rows if row.readable]
    if rows and not readable:
        raise _unreadable(name)
    options = TypeOptions(settings, cursor.connection.server_version, encoding)
    # NOT NULL is only a claim in a foreign table, and children of a table may do without.
    sure = _never_null(cursor, oid, readable) if kind == "r" and not has_children else set()
    columns = _columns(cursor, readable, sure=sure, options=options)
    return Relation(name.schema, name.table, kind, columns, oid=oid)


def _columns(
    cursor: Any, rows: Sequence[_ColumnRow], *, sure: set[int], options: TypeOptions
) -> tuple[Column, ...]:
    """Return columns, of which those with the numbers ``sure`` hold no NULL."""
    types = resolve_types(cursor, [row.declaration for row in rows])
    collations = compare_collations(cursor, {row.collation for row in rows if row.collation})
    return tuple(
        column_of(
            row.name,
            row.source_type,
            type_,
            options=options,
            collation=collations.get(row.collation, Comparison.TEXT_FOLDED),
            nullable=row.number not in sure,
        )
        for row, type_ in zip(rows, types, strict=True)
    )


def _never_null(cursor: Any, oid: int, rows: Sequence[_ColumnRow]) -> set[int]:
    """Return the numbers of the columns of a plain table in which no NULL can be."""
    numbers = {row.number for row in rows if row.not_null}
    if not numbers or cursor.connection.server_version < _VALIDATED_NOT_NULL:
        return numbers
    doubtful = optional_rows(cursor, _DOUBTFUL_NOT_NULLS, (oid,))
    return set() if doubtful is None else numbers - {number for (number,) in doubtful}

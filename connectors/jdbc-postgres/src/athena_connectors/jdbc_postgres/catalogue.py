"""Types and collations out of the server's catalogue.

Types have to be found. What only makes predicates cheaper or exact, the collations, may be
hidden from the role, and is then taken for the least convenient one.

Source: PostgreSQL manual, "System Catalogs" and "Collation Support". Columns that not every
version from 12 on has are looked up in the row as JSON.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from athena_connectors.common.sql.relation import Comparison
from athena_connectors.jdbc_postgres.server_types import ServerType
from psycopg2 import errors

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

__all__ = ["Declaration", "compare_collations", "optional_rows", "resolve_types"]

# Object identifiers that every server gives to these collations.
_DEFAULT, _C, _POSIX = 100, 950, 951

_BYTE_ORDERED = frozenset({"c", "posix", "cutf8"})
"""Locales whose order is that of the bytes, without punctuation and in lower case."""

_TYPES = """
WITH RECURSIVE found (oid) AS (
    SELECT unnest(%s::oid[])
    UNION
    SELECT part.oid
    FROM found
    JOIN pg_catalog.pg_type AS whole ON whole.oid = found.oid
    CROSS JOIN LATERAL (VALUES (whole.typbasetype), (whole.typelem)) AS part (oid)
    WHERE part.oid <> 0
)
SELECT t.oid, t.typname, t.typtype, n.nspname = 'pg_catalog', t.typbasetype, t.typtypmod,
    t.typndims, CASE WHEN e.typarray = t.oid THEN t.typelem ELSE 0 END
FROM found
JOIN pg_catalog.pg_type AS t ON t.oid = found.oid
JOIN pg_catalog.pg_namespace AS n ON n.oid = t.typnamespace
LEFT JOIN pg_catalog.pg_type AS e ON e.oid = t.typelem
"""
"""Types with all that they are made of. An array type is one that its element names."""

_COLLATIONS = """
SELECT k.oid, k.collprovider,
    coalesce(fact.j ->> 'colllocale', fact.j ->> 'colliculocale', k.collcollate),
    coalesce(fact.j ->> 'collisdeterministic', 'true') = 'true'
FROM pg_catalog.pg_collation AS k
CROSS JOIN LATERAL (SELECT to_jsonb(k)) AS fact (j)
WHERE k.oid = ANY(%s::oid[])
"""

_DATABASE = """
SELECT coalesce(fact.j ->> 'datlocprovider', 'c'),
    coalesce(fact.j ->> 'datlocale', fact.j ->> 'daticulocale', d.datcollate)
FROM pg_catalog.pg_database AS d
CROSS JOIN LATERAL (SELECT to_jsonb(d)) AS fact (j)
WHERE d.datname = current_database()
"""


class Declaration(NamedTuple):
    """A type as a column declares it: ``pg_type.oid``, modifier, array dimensions."""

    oid: int
    modifier: int = -1
    dimensions: int = 0


class _TypeRow(NamedTuple):
    oid: int
    name: str
    kind: str
    built_in: bool
    base: int
    modifier: int
    dimensions: int
    element: int


def resolve_types(cursor: Any, declarations: Iterable[Declaration]) -> list[ServerType]:
    """Return what declared types are, domains resolved.

    Raises:
        psycopg2.Error: The server refused.
    """
    declarations = list(declarations)
    cursor.execute(_TYPES, (sorted({item.oid for item in declarations}),))
    rows = {row.oid: row for row in map(_TypeRow._make, cursor.fetchall())}
    return [_resolve(item, rows) for item in declarations]


def _resolve(declared: Declaration, rows: Mapping[int, _TypeRow]) -> ServerType:
    row = rows[declared.oid]
    if row.base:
        return _resolve(Declaration(row.base, row.modifier, row.dimensions), rows)
    element = None
    if row.element:
        element = _resolve(Declaration(row.element, declared.modifier), rows)
    return ServerType(
        row.name, row.kind, row.built_in, declared.modifier, declared.dimensions, element
    )


def compare_collations(cursor: Any, oids: Iterable[int]) -> dict[int, Comparison]:
    """Return how texts of some collations compare, by ``pg_collation.oid``.

    Raises:
        psycopg2.Error: The server refused, for another reason than missing rights.
    """
    wanted = set(oids)
    result = dict.fromkeys(wanted & {_C, _POSIX}, Comparison.TEXT_C)
    if _DEFAULT in wanted:
        rows = optional_rows(cursor, _DATABASE)
        result[_DEFAULT] = _Collation(*rows[0]).comparison if rows else Comparison.TEXT_FOLDED
    others = wanted - {0, _DEFAULT, _C, _POSIX}
    if others:
        rows = optional_rows(cursor, _COLLATIONS, (sorted(others),)) or []
        known = {oid: _Collation(*facts).comparison for oid, *facts in rows}
        result |= {oid: known.get(oid, Comparison.TEXT_FOLDED) for oid in others}
    return result


class _Collation(NamedTuple):
    provider: str
    locale: str | None
    deterministic: bool = True

    @property
    def comparison(self) -> Comparison:
        if not self.deterministic:
            return Comparison.TEXT_FOLDED
        name = (self.locale or "").lower().replace(".", "").replace("-", "")
        if self.provider == "b" or (self.provider == "c" and name in _BYTE_ORDERED):
            return Comparison.TEXT_C
        return Comparison.TEXT_DETERMINISTIC


def optional_rows(
    cursor: Any, sql: str, arguments: Sequence[Any] = ()
) -> list[tuple[Any, ...]] | None:
    """Return the rows of a query, or ``None`` if the role may not ask, and go on either way.

    Raises:
        psycopg2.Error: The server refused for another reason.
    """
    try:
        cursor.execute(f"SAVEPOINT optional; {sql}", arguments)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
    except errors.InsufficientPrivilege:
        cursor.execute("ROLLBACK TO SAVEPOINT optional")
        return None
    return rows

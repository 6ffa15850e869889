"""Which key a relation is cut by, and the ranges of it."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from athena_connectors.common.sql.cuts import best_cut, even_steps
from athena_connectors.common.sql.key_ranges import KeyRange, key_ranges
from athena_connectors.jdbc_postgres.boundaries import Candidate, cut_by
from athena_connectors.jdbc_postgres.literals import array_literal, identifier, quoted
from athena_connectors.jdbc_postgres.split_sources import SYSTEM_SCHEMA, Key

if TYPE_CHECKING:
    from collections.abc import Sequence

    from athena_connectors.jdbc_postgres.inquiry import Inquiry
    from athena_connectors.jdbc_postgres.leaves import Unit

__all__ = ["cut"]

_MAX_CANDIDATES = 6
_TID_RANGE_SCANS = 140_000  # the server's version that has them

_CANDIDATES = """\
WITH RECURSIVE typed AS (
    SELECT attnum, atttypid AS type
    FROM pg_catalog.pg_attribute
    WHERE attrelid = {oid} AND attnum > 0 AND NOT attisdropped
    UNION ALL
    SELECT attnum, t.typbasetype
    FROM typed JOIN pg_catalog.pg_type AS t ON t.oid = typed.type AND t.typtype = 'd'
), indexed AS (
    SELECT a.attnum, min(
        CASE WHEN c.relname = ANY({used}) THEN 0 WHEN i.indisprimary THEN 1
            WHEN i.indisunique AND a.attnotnull THEN 2 ELSE 3 END
    ) AS rank
    FROM pg_catalog.pg_index AS i
        JOIN pg_catalog.pg_class AS c ON c.oid = i.indexrelid
        JOIN pg_catalog.pg_am AS m ON m.oid = c.relam AND m.amname = 'btree'
        JOIN pg_catalog.pg_opclass AS o ON o.oid = i.indclass[0] AND o.opcdefault
        JOIN pg_catalog.pg_attribute AS a ON a.attrelid = i.indrelid
            AND a.attnum = i.indkey[0] AND a.attcollation = i.indcollation[0]
    WHERE i.indrelid = {oid} AND i.indisvalid AND i.indpred IS NULL
    GROUP BY a.attnum
)
SELECT a.attname, n.nspname, t.typname,
    CASE WHEN t.typtype IN ('b', 'p') AND t.typcategory <> 'A' THEN n.nspname
        ELSE 'pg_catalog' END,
    l.nspname, k.collname,
    a.attnotnull AND NOT EXISTS (
        SELECT FROM pg_catalog.pg_constraint AS v
        WHERE v.conrelid = a.attrelid AND v.contype = 'n' AND NOT v.convalidated
            AND v.conkey = ARRAY[a.attnum]
    ),
    indexed.rank, {chosen}
FROM typed
    JOIN pg_catalog.pg_type AS t ON t.oid = typed.type AND t.typtype <> 'd'
    JOIN pg_catalog.pg_namespace AS n ON n.oid = t.typnamespace
    JOIN pg_catalog.pg_attribute AS a ON a.attrelid = {oid} AND a.attnum = typed.attnum
    LEFT JOIN indexed ON indexed.attnum = a.attnum
    LEFT JOIN pg_catalog.pg_collation AS k ON k.oid = a.attcollation
    LEFT JOIN pg_catalog.pg_namespace AS l ON l.oid = k.collnamespace
WHERE (indexed.rank IS NOT NULL OR {chosen})
    AND has_column_privilege(a.attrelid, a.attnum, 'SELECT')
ORDER BY NOT {chosen}, indexed.rank, a.attnum
LIMIT {limit}"""


def cut(
    inquiry: Inquiry, unit: Unit, *, count: int, where: str, column: str | None, pages: bool
) -> tuple[KeyRange[Key], ...]:
    """Return ranges that hold each row of a relation once; none if it can't be cut.

    The key of an index that the predicate uses comes first, because the parts then share
    its work; next a primary key, other unique columns and other indexed ones. What leaves
    parts of very different sizes, or parts that lie scattered over the table, comes after
    what does not.

    Args:
        inquiry: Asks the server.
        unit: What to cut.
        count: Ranges wanted, 2 or more; there may be fewer.
        where: The predicate; its rows are to be even. Empty for none.
        column: Column that the settings name; comes before all others.
        pages: Whether a table without a usable key is cut by its pages.
    """
    cut_unit = partial(cut_by, inquiry, unit, count=count, where=where)
    best = best_cut(_candidates(inquiry, unit, column), cut_unit, count=count)
    if best is not None:
        return best.ranges()
    return _page_ranges(inquiry, unit, count) if pages else ()


def _candidates(inquiry: Inquiry, unit: Unit, column: str | None) -> list[Candidate]:
    rows = inquiry.ask(
        _CANDIDATES.format(
            oid=unit.member.oid,
            used=array_literal(unit.indexes, "name"),
            chosen="false" if column is None else f"(a.attname = {quoted(column)})",
            limit=_MAX_CANDIDATES,
        )
    )
    return [_candidate(unit, row) for row in rows or []]


def _candidate(unit: Unit, row: Sequence[Any]) -> Candidate:
    column, schema, name, operators, collation_schema, collation, not_null, rank, chosen = row
    key = Key(column, schema, name, operators)
    collate = (
        f" COLLATE {identifier(collation_schema)}.{identifier(collation)}" if collation else ""
    )
    # A foreign server need not keep what is declared here, nor a table that inherits.
    partitioned = unit.member.is_partitioned
    trusted = partitioned or (unit.member.kind == "r" and not unit.inherited)
    return Candidate(
        key=key,
        type=key.type_sql() + collate,
        nullable=not (not_null and trusted),
        # The index of a table that others inherit from knows of its own rows alone.
        indexed=rank is not None and (partitioned or not unit.inherited),
        used=rank == 0,
        chosen=chosen,
    )


def _page_ranges(inquiry: Inquiry, unit: Unit, count: int) -> tuple[KeyRange[Key], ...]:
    """Cut by physical pages; a row that is updated meanwhile may move between them."""
    member = unit.member
    usable = unit.is_stored and member.heap and member.readable
    if not usable or inquiry.server_version < _TID_RANGE_SCANS:
        return ()
    rows = inquiry.ask(
        f"SELECT pg_relation_size({member.oid}) / current_setting('block_size')::int"
    )
    steps = even_steps(rows[0][0] or 0, count) if rows else []
    boundaries = [f"({page},0)" for page in steps]
    key = Key("ctid", SYSTEM_SCHEMA, "tid")
    return key_ranges(key, boundaries, nullable=False) if boundaries else ()

"""What a scan may cost, as the server's planner and its statistics tell; no row is read."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

from athena_connectors.common.estimates import CheapAccess, Estimate
from athena_connectors.jdbc_postgres.inquiry import Inquiry, nodes_of
from athena_connectors.jdbc_postgres.literals import quoted
from athena_connectors.jdbc_postgres.split_sources import SplitSource
from athena_connectors.jdbc_postgres.statement import parts_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from athena_connectors.common.sql.pushdown import NativeScan
    from athena_connectors.common.sql.relation import Relation

    Place = tuple[str, str]

__all__ = ["estimate"]

_ORIGIN = "EXPLAIN and pg_class"
_BYTES_OF_ROW, _BYTES_OF_VALUE = 2, 4
"""What binary COPY adds to each row and to each value. Source: PostgreSQL manual, COPY."""
_BY_INDEX = frozenset({"Index Scan", "Index Only Scan"})

_SIZES = """\
SELECT n.nspname, c.relname, c.reltuples,
    greatest(c.relpages, 0)::int8 * current_setting('block_size')::int8
FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
WHERE (n.nspname, c.relname) IN ({places})"""

_WAYS = """\
SELECT a.attname, CASE WHEN w.name IS NULL THEN 'partition key' ELSE 'index ' || w.name END
FROM (
    SELECT c.relname AS name, i.indrelid AS rel, i.indkey[0] AS number,
        CASE WHEN i.indisprimary THEN 0 ELSE 2 END AS place
    FROM pg_catalog.pg_index AS i JOIN pg_catalog.pg_class AS c ON c.oid = i.indexrelid
    WHERE i.indisvalid AND i.indpred IS NULL
    UNION ALL
    SELECT NULL, partrelid, partattrs[0], 1 FROM pg_catalog.pg_partitioned_table
) AS w JOIN pg_catalog.pg_attribute AS a ON a.attrelid = w.rel AND a.attnum = w.number
WHERE w.rel = {oid} AND w.number > 0
ORDER BY w.place, w.name"""


class _Size(NamedTuple):
    """A relation at its last ANALYZE; rows are less than 1 if there was none."""

    rows: float
    bytes: int


def estimate(
    cursor: Any,
    relation: Relation,
    native: NativeScan,
    *,
    columns: Sequence[str],
    ends_early: bool,
) -> Estimate | None:
    """Return what a scan of a relation may cost, or ``None`` if the server does not tell.

    Args:
        cursor: A psycopg2 cursor in a transaction; used by nobody else meanwhile.
        relation: What is read; not a native query.
        native: What the server evaluates.
        columns: Columns that are read; none to count rows.
        ends_early: Whether a limit that the server does not apply ends the scan.

    Cost:
        Two queries of the catalogue and two EXPLAIN, none of which runs.
    """
    inquiry = Inquiry(cursor)
    ways = _cheap_access(inquiry, relation)
    if ends_early:
        return Estimate("the limit, which ends the scan early", cheap_by=ways)
    source = SplitSource(relation.schema, relation.name)
    where = f" WHERE {' AND '.join(native.where)}" if native.where else ""
    plan = inquiry.explain(f"SELECT 1 FROM {source.from_sql()}{where}")  # noqa: S608 - quoted
    if plan is None:
        return None
    found = round(plan["Plan Rows"])
    scanned, stored = _looked_at(inquiry, plan, found=found)
    if native.limit is not None and native.limit < found:
        if not native.order_by:
            scanned = math.ceil(scanned * native.limit / found)
            stored = math.ceil(stored * native.limit / found)
        found = native.limit
    return Estimate(
        _ORIGIN,
        rows_scanned=scanned,
        bytes_scanned=stored or None,
        rows_read=found,
        bytes_read=_bytes_read(inquiry, relation, native, columns, rows=found),
        cheap_by=ways,
    )


def _looked_at(inquiry: Inquiry, plan: Mapping[str, Any], *, found: int) -> tuple[int, int]:
    """Return how many rows the nodes of a plan look at, and the bytes of their relations."""
    scans = [node for node in nodes_of(plan) if "Relation Name" in node]
    places = {_place(node) for node in scans}
    sizes = _sizes(inquiry, places)
    rows = stored = 0
    for node in scans:
        size = sizes.get(_place(node), _Size(0, 0))
        looked_at = _rows_of(node, size)
        rows += looked_at
        share = min(1.0, looked_at / size.rows) if size.rows >= 1 else 1.0
        stored += math.ceil(size.bytes * share)
    return max(rows, found), stored


def _rows_of(node: Mapping[str, Any], size: _Size) -> int:
    """Return how many rows a scan looks at: all, but those that it finds by an index."""
    rows: int = round(node["Plan Rows"])
    if node["Node Type"] == "Bitmap Heap Scan":
        return max(rows, *(int(below["Plan Rows"]) for below in node["Plans"]))
    if node["Node Type"] in _BY_INDEX and "Index Cond" in node:
        # How many of those a further condition passes over is not told.
        return rows
    return max(rows, round(size.rows))


def _sizes(inquiry: Inquiry, places: Iterable[Place]) -> dict[Place, _Size]:
    told = ", ".join(f"({quoted(schema)}, {quoted(name)})" for schema, name in sorted(places))
    rows = inquiry.ask(_SIZES.format(places=told)) if told else None
    return {(schema, name): _Size(count, int(size)) for schema, name, count, size in rows or ()}


def _place(node: Mapping[str, Any]) -> Place:
    return node["Schema"], node["Relation Name"]


def _bytes_read(
    inquiry: Inquiry, relation: Relation, native: NativeScan, columns: Sequence[str], *, rows: int
) -> int | None:
    names = [name for name in columns if relation.column(name) is not None]
    if not names:
        return 0
    source = SplitSource(relation.schema, relation.name)
    (part,) = parts_of(names, relation, native, [source])
    plan = inquiry.explain(part.sql)
    if plan is None:
        return None
    width: int = plan["Plan Width"] + _BYTES_OF_ROW + _BYTES_OF_VALUE * len(names)
    return rows * width


def _cheap_access(inquiry: Inquiry, relation: Relation) -> tuple[CheapAccess, ...]:
    rows = inquiry.ask(_WAYS.format(oid=relation.oid)) or []
    return tuple(CheapAccess((column,), by) for column, by in rows)

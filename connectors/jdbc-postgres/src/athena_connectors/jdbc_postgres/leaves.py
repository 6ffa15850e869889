"""The relations that a table consists of, and how much of each a scan has to read.

Partitions and relations that inherit from a table are read one by one only where that gives
the rows that reading the table gives; otherwise the table is read.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from athena_connectors.jdbc_postgres.inquiry import nodes_of
from athena_connectors.jdbc_postgres.literals import quoted
from athena_connectors.jdbc_postgres.split_sources import SplitSource

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from athena_connectors.common.sql.relation import Relation
    from athena_connectors.jdbc_postgres.inquiry import Inquiry

__all__ = ["Estimate", "Member", "Outlook", "Unit", "members_of", "outlook", "units_of"]

_PARTITIONED, _VIEW = "p", "v"
_STORED = ("r", "m")

_MEMBERS = """\
WITH RECURSIVE root AS (
    SELECT c.oid
    FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
    WHERE n.nspname = {schema} AND c.relname = {name}
), member AS (
    SELECT oid FROM root
    UNION
    SELECT i.inhrelid
    FROM pg_catalog.pg_inherits AS i JOIN member ON member.oid = i.inhparent
)
SELECT c.oid, n.nspname, c.relname, c.relkind,
    has_schema_privilege(n.oid, 'USAGE') AND has_table_privilege(c.oid, 'SELECT'),
    row_security_active(c.oid), a.amname IS NOT DISTINCT FROM 'heap', c.reltuples
FROM member JOIN pg_catalog.pg_class AS c ON c.oid = member.oid
    JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
    LEFT JOIN pg_catalog.pg_am AS a ON a.oid = c.relam
ORDER BY c.oid NOT IN (SELECT oid FROM root), n.nspname, c.relname"""

_SCANS = frozenset(
    {
        "Bitmap Heap Scan",
        "Foreign Scan",
        "Index Only Scan",
        "Index Scan",
        "Seq Scan",
        "Tid Range Scan",
        "Tid Scan",
    }
)
"""Nodes of a plan that read the relation they name."""
_OTHERS = frozenset(
    {"Append", "Bitmap Index Scan", "BitmapAnd", "BitmapOr", "Merge Append", "Result"}
)
"""Nodes that read no relation but through others. Of those of extensions nobody knows."""


@dataclass(frozen=True, slots=True)
class Member:
    """A relation: a table, or one whose rows are rows of that table too.

    Attributes:
        oid: Its ``pg_class.oid``.
        schema: Its schema.
        name: Its name.
        kind: ``pg_class.relkind``.
        readable: Whether the role may read all of its columns by its own name.
        filtered: Whether row security leaves out rows for the role.
        heap: Whether its rows lie in pages of the server's own format.
        rows: Rows at the last ANALYZE; less than 1 if there was none.
    """

    oid: int
    schema: str
    name: str
    kind: str
    readable: bool
    filtered: bool
    heap: bool
    rows: float

    @property
    def is_partitioned(self) -> bool:
        """Whether it is a partitioned table, which has no rows of its own."""
        return self.kind == _PARTITIONED


@dataclass(frozen=True, slots=True)
class Estimate:
    """What the server's planner expects of a scan or of a part of it.

    Attributes:
        rows: Rows returned.
        cost: In the planner's own unit.
        indexes: Names of the indexes that are used.
    """

    rows: int
    cost: float
    indexes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Outlook:
    """What the server's planner expects of a scan.

    Attributes:
        total: Of all of it.
        scans: Of each relation that is read, by schema and name; ``None`` when the plan
            does not tell all of them.
    """

    total: Estimate
    scans: Mapping[tuple[str, str], Estimate] | None


@dataclass(frozen=True, slots=True)
class Unit:
    """A relation to read, as a whole or in parts.

    Attributes:
        member: The relation.
        only: Whether it is read without those that inherit from it.
        inherited: Whether rows of other relations are read with it.
        rows: Rows that the server has to look at, about; 1 or more.
        indexes: Names of the indexes by which it would find them.
    """

    member: Member
    only: bool
    inherited: bool
    rows: int
    indexes: tuple[str, ...] = ()

    @property
    def is_stored(self) -> bool:
        """Whether it is rows of one table in this very database."""
        return self.member.kind in _STORED and not self.inherited

    def from_sql(self) -> str:
        """Return what follows FROM."""
        return SplitSource(self.member.schema, self.member.name, self.only).from_sql()


def members_of(inquiry: Inquiry, relation: Relation) -> tuple[Member, ...]:
    """Return a relation and all that inherit from it, each once, the relation first.

    Returns:
        Nothing when the relation does not exist or the server does not tell.
    """
    sql = _MEMBERS.format(schema=quoted(relation.schema), name=quoted(relation.name))
    rows = inquiry.ask(sql) or []
    return tuple(
        Member(
            oid,
            schema,
            name,
            kind,
            # What was dropped a moment ago has no rights: NULL.
            readable=bool(readable),
            filtered=bool(filtered),
            heap=heap,
            rows=count,
        )
        for oid, schema, name, kind, readable, filtered, heap, count in rows
    )


def outlook(inquiry: Inquiry, member: Member, where: str = "") -> Outlook | None:
    """Return what the server expects of a scan, or ``None`` when it refuses to tell.

    Args:
        inquiry: Asks the server.
        member: The relation, read with all that inherit from it.
        where: Condition on its columns, in SQL; empty for none.
    """
    condition = f" WHERE {where}" if where else ""
    source = SplitSource(member.schema, member.name).from_sql()
    plan = inquiry.explain(f"SELECT 1 FROM {source}{condition}")  # noqa: S608 - quoted
    return None if plan is None else Outlook(_estimate(plan), _scans(plan))


def units_of(
    members: Sequence[Member], whole: Outlook, narrowed: Outlook | None
) -> tuple[Unit, ...]:
    """Return what has to be read of a table; nothing when no row can satisfy the predicate.

    Whether the members are read one by one depends on the table and the role alone, not
    on the predicate, because the partition columns tell it.

    Args:
        members: Of the table, itself first.
        whole: What the server expects of reading all of it.
        narrowed: What the server expects with the predicate, if there is one.
    """
    found = narrowed.scans if narrowed else None
    if _are_read_apart(members, whole):
        return tuple(_leaf_units(members, whole.scans or {}, found))
    table = members[0]
    if found == {} and table.kind != _VIEW:
        return ()
    inherited = len(members) > 1 or table.is_partitioned
    part = narrowed.total if narrowed else None
    total = _with_hidden_rows(members, whole.total)
    return (_unit(table, total, part, only=False, inherited=inherited),)


def _are_read_apart(members: Sequence[Member], whole: Outlook) -> bool:
    if len(members) == 1 and not members[0].is_partitioned:
        return False
    return whole.scans is not None and all(
        (member.readable or member.is_partitioned) and not member.filtered for member in members
    )


def _with_hidden_rows(members: Sequence[Member], total: Estimate) -> Estimate:
    """Return an estimate that counts rows that row security will leave out.

    They are looked at as well, and how many pass a policy is mostly a wild guess.
    """
    if not any(member.filtered for member in members):
        return total
    rows = sum(max(0, member.rows) for member in members if not member.is_partitioned)
    return replace(total, rows=max(total.rows, round(rows)))


def _leaf_units(
    members: Sequence[Member],
    whole: Mapping[tuple[str, str], Estimate],
    narrowed: Mapping[tuple[str, str], Estimate] | None,
) -> Iterator[Unit]:
    for member in members:
        place = member.schema, member.name
        # Absent are partitioned tables, and partitions that are being detached.
        if place in whole and (narrowed is None or place in narrowed):
            part = narrowed[place] if narrowed else None
            yield _unit(member, whole[place], part, only=True, inherited=False)


def _unit(
    member: Member, whole: Estimate, part: Estimate | None, *, only: bool, inherited: bool
) -> Unit:
    """Return a unit whose rows are those looked at: of an index, only a part of the table's.

    No plan tells that, but cost does: a scan of the whole table costs about the same with
    any predicate.
    """
    if part is None:
        return Unit(member, only, inherited, max(1, whole.rows))
    share = min(1.0, part.cost / whole.cost) if whole.cost > 0 else 1.0
    rows = max(1, part.rows, math.ceil(whole.rows * share))
    return Unit(member, only, inherited, rows, part.indexes)


def _scans(plan: Mapping[str, Any]) -> dict[tuple[str, str], Estimate] | None:
    scans = {}
    for node in nodes_of(plan):
        if node["Node Type"] in _SCANS and "Relation Name" in node:
            scans[node["Schema"], node["Relation Name"]] = _estimate(node)
        elif node["Node Type"] not in _OTHERS:
            return None
    return scans


def _estimate(node: Mapping[str, Any]) -> Estimate:
    indexes = (below["Index Name"] for below in nodes_of(node) if "Index Name" in below)
    return Estimate(round(node["Plan Rows"]), float(node["Total Cost"]), tuple(indexes))

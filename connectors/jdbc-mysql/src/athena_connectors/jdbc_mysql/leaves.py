"""The partitions of a table, and how much of each a scan has to read.

Source: MySQL manual, "The INFORMATION_SCHEMA PARTITIONS Table".
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from athena_connectors.jdbc_mysql.literals import identifier, typed
from athena_connectors.jdbc_mysql.split_sources import SplitSource

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from athena_connectors.common.sql.relation import Relation
    from athena_connectors.jdbc_mysql.inquiry import Inquiry, PlanStep

__all__ = ["Unit", "units_of"]

_MEMBERS = """\
SELECT PARTITION_NAME AS part, SUBPARTITION_NAME AS subpart, TABLE_ROWS AS row_count
FROM information_schema.PARTITIONS
WHERE TABLE_SCHEMA = {schema} AND TABLE_NAME = {name} AND PARTITION_NAME IS NOT NULL
ORDER BY PARTITION_ORDINAL_POSITION, SUBPARTITION_ORDINAL_POSITION"""


@dataclass(frozen=True, slots=True)
class _Member:
    """A partition without parts of its own.

    Attributes:
        part: Name of the partition.
        subpart: Name of the subpartition, if it is one.
        rows: Rows by the engine's estimate.
    """

    part: str
    subpart: str | None
    rows: int

    @property
    def name(self) -> str:
        """How it is named next to the table; no two of a table have the same."""
        return self.subpart or self.part

    @property
    def label(self) -> str:
        """How plans name it, in any case; two of a table may have the same."""
        return (f"{self.part}_{self.subpart}" if self.subpart else self.part).lower()


@dataclass(frozen=True, slots=True)
class Unit:
    """A table or a partition, to read as a whole or in ranges.

    Attributes:
        source: What is read of it as a whole.
        rows: Rows that the server has to look at, about; 1 or more.
        index: The index by which it would find them; empty for none.
        part: The partition that it is or is one of; ``None`` for a table without any.
    """

    source: SplitSource
    rows: int
    index: str = ""
    part: str | None = None

    def from_sql(self, index: str = "") -> str:
        """Return what follows FROM, with an index that has to be used if there is one."""
        force = f" FORCE INDEX ({identifier(index)})" if index else ""
        return f"{self.source.from_sql()}{force}"


def units_of(inquiry: Inquiry, relation: Relation, where: str) -> tuple[Unit, ...] | None:
    """Return what has to be read of a table; nothing when no row can satisfy the predicate.

    Args:
        inquiry: Asks the server.
        relation: A table, not a view.
        where: Condition on its columns, in SQL; empty for none.

    Returns:
        ``None`` when the server does not tell.
    """
    table = SplitSource(relation.schema, relation.name)
    condition = f" WHERE {where}" if where else ""
    plan = inquiry.explain(f"SELECT 1 FROM {table.from_sql()}{condition}")  # noqa: S608 - quoted
    members = _members_of(inquiry, relation)
    if members is None or plan is None or len(plan) != 1:
        return None
    (step,) = plan
    if step.message:
        return ()
    if not members:
        return (Unit(table, step.rows, step.index),)
    return tuple(_leaf_units(table, members, step))


def _members_of(inquiry: Inquiry, relation: Relation) -> list[_Member] | None:
    schema, name = typed(relation.schema, "text"), typed(relation.name, "text")
    rows = inquiry.ask(_MEMBERS.format(schema=schema, name=name))
    if rows is None:
        return None
    return [_Member(part, subpart, int(count or 0)) for part, subpart, count in rows]


def _leaf_units(table: SplitSource, members: Sequence[_Member], step: PlanStep) -> Iterator[Unit]:
    """Yield the partitions that are read, with their shares of the rows that are looked at."""
    if step.partitions is not None:
        # Names may have commas in them: rather one too many.
        listed = f",{step.partitions.lower()},"
        members = [member for member in members if f",{member.label}," in listed]
    total = sum(member.rows for member in members)
    share = min(1.0, step.rows / total) if total else 1.0
    for member in members:
        source = replace(table, partition=member.name)
        yield Unit(source, max(1, math.ceil(member.rows * share)), step.index, member.part)

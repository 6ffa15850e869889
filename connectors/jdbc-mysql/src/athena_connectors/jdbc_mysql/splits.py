"""How a scan is cut into splits; see ``common.sql.splits``.

The splits of a scan hold each row of the table exactly once, rows that are written meanwhile
aside. Each split reads one snapshot of the database, and each its own: MySQL has none that
sessions share.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache, partial
from typing import TYPE_CHECKING, Any

from athena_connectors.common.sql import splits
from athena_connectors.common.sql.splits import (
    SplitPlanner,
    constants_for,
    is_small,
    layout_of,
    split_column,
    splits_of,
)
from athena_connectors.jdbc_mysql.inquiry import Inquiry
from athena_connectors.jdbc_mysql.leaves import units_of
from athena_connectors.jdbc_mysql.split_keys import candidates_of, cut
from athena_connectors.jdbc_mysql.split_sources import PARTITION_COLUMNS, SplitSource

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pyarrow as pa
    from athena_connectors.common.sql.key_ranges import KeyRange
    from athena_connectors.common.sql.relation import Relation
    from athena_connectors.jdbc_mysql.leaves import Unit
    from athena_connectors.jdbc_mysql.settings import Settings
    from athena_connectors.jdbc_mysql.split_sources import Key

__all__ = ["partition_columns", "plan", "split_column", "splits_of"]

_TABLES = frozenset({"BASE TABLE", "SYSTEM VERSIONED"})


def partition_columns(relation: Relation, settings: Settings) -> tuple[str, ...]:
    """Return the columns that tell which partition a row comes from; may be none."""
    return splits.partition_columns(relation, settings, PARTITION_COLUMNS)


def plan(
    cursor: Any,
    relation: Relation,
    *,
    settings: Settings,
    where: str = "",
    limit: int | None = None,
    ordered: bool = False,
) -> pa.RecordBatch:
    """Plan the reading of a relation.

    Args:
        cursor: A PyMySQL cursor in a transaction; used by nobody else meanwhile.
        relation: What is read; not a native query.
        settings: The connector's settings.
        where: The predicate that every split evaluates in the server, as SQL; may be empty.
        limit: Rows wanted at most if the server applies that, else ``None``.
        ordered: Whether the server sorts the rows of each split; then a split reads one
            partition, and there is one split or more for each partition.

    Returns:
        One row for each range, table or partition to read, none if no row can satisfy the
        predicate. Columns: those of ``partition_columns``, then some for ``splits_of``.
        A partition that is added later is not read.

    Raises:
        ConfigurationError: Setting ``split_column`` names a column that there is not.
        pymysql.Error: The server failed; what it merely refuses to tell is done without.

    Cost:
        One query of the information schema and an EXPLAIN; for a table that is cut, some
        more. No table is read, except for both ends of an index.
    """
    names = partition_columns(relation, settings)
    column = split_column(relation, settings)
    few = is_small(limit, ordered=ordered)
    constants = constants_for(names, PARTITION_COLUMNS)
    everything = [[SplitSource(relation.schema, relation.name, constants=constants)]]
    if relation.kind not in _TABLES or (few and not names):
        return layout_of(everything, names)
    inquiry = Inquiry(cursor)
    units = units_of(inquiry, relation, where)
    if units is None:
        return layout_of(everything, names)

    candidates = cache(lambda: candidates_of(inquiry, relation, column))

    def cut_unit(unit: Unit, count: int) -> list[SplitSource]:
        ranges = cut(inquiry, unit, candidates(), count=count, where=where)
        return [_source(unit, names, keys) for keys in ranges]

    planner = SplitPlanner(
        cut=cut_unit,
        whole=partial(_source, names=names),
        min_rows=settings.min_rows_per_split,
        max_splits=1 if few else settings.max_splits,
    )
    return layout_of(planner.groups(units, apart=ordered), names)


def _source(unit: Unit, names: Sequence[str], keys: KeyRange[Key] | None = None) -> SplitSource:
    place = () if unit.part is None else (unit.part,)
    constants = constants_for(names, PARTITION_COLUMNS, place)
    return replace(unit.source, keys=keys, constants=constants)

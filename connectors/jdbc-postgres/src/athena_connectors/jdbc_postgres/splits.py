"""How a scan is cut into splits.

Everything that takes the server is decided once, in ``plan``, and comes back as rows of the
table's layout, of which ``splits_of`` makes splits without asking anybody. The splits of a
scan hold each row of the table exactly once, rows that are written meanwhile aside.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from athena_connectors.common.sql import splits
from athena_connectors.common.sql.splits import (
    SplitPlanner,
    constants_for,
    is_small,
    layout_of,
    split_column,
)
from athena_connectors.jdbc_postgres.inquiry import Inquiry
from athena_connectors.jdbc_postgres.leaves import members_of, outlook, units_of
from athena_connectors.jdbc_postgres.split_keys import cut
from athena_connectors.jdbc_postgres.split_sources import (
    PARTITION_COLUMNS,
    SNAPSHOT,
    SplitSource,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pyarrow as pa
    from athena_connectors.common.sql.key_ranges import KeyRange
    from athena_connectors.common.sql.relation import Relation
    from athena_connectors.jdbc_postgres.leaves import Unit
    from athena_connectors.jdbc_postgres.settings import Settings
    from athena_connectors.jdbc_postgres.split_sources import Key

__all__ = ["partition_columns", "plan", "split_column", "splits_of", "with_snapshot"]

_PROPERTIES = (SNAPSHOT,)


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
        cursor: A psycopg2 cursor in a transaction; used by nobody else meanwhile.
        relation: What is read; not a native query.
        settings: The connector's settings.
        where: The predicate that every split evaluates in the server, as SQL; may be empty.
        limit: Rows wanted at most if the server applies that, else ``None``.
        ordered: Whether the server sorts the rows of each split; then a split reads one
            relation, and there is one split or more for each partition.

    Returns:
        One row for each range or relation to read, none if no row can satisfy the
        predicate. Columns: those of ``partition_columns``, then some for ``splits_of``.
        A partition that is attached later is not read.

    Raises:
        ConfigurationError: Setting ``split_column`` names a column that there is not.
        psycopg2.Error: The server failed; what it merely refuses to tell is done without.

    Cost:
        Two queries of the catalogue and one or two EXPLAIN; for a relation that is cut,
        two more queries or a few. No table is read, except for both ends of an index.
    """
    names = partition_columns(relation, settings)
    column = split_column(relation, settings)
    few = is_small(limit, ordered=ordered)
    constants = constants_for(names, PARTITION_COLUMNS)
    everything = [[SplitSource(relation.schema, relation.name, constants=constants)]]
    if few and not names:
        return layout_of(everything, names, _PROPERTIES)
    inquiry = Inquiry(cursor)
    units = _units(inquiry, relation, where, few=few)
    if units is None:
        return layout_of(everything, names, _PROPERTIES)

    def cut_unit(unit: Unit, count: int) -> list[SplitSource]:
        ranges = cut(
            inquiry, unit, count=count, where=where, column=column, pages=settings.ctid_splits
        )
        return [_source(unit, names, keys) for keys in ranges]

    planner = SplitPlanner(
        cut=cut_unit,
        whole=partial(_source, names=names),
        min_rows=settings.min_rows_per_split,
        max_splits=1 if few else settings.max_splits,
    )
    return layout_of(planner.groups(units, apart=ordered), names, _PROPERTIES)


with_snapshot = partial(splits.with_property, name=SNAPSHOT)
"""Return a plan whose splits all read one snapshot, or each its own for ``None``."""

splits_of = partial(splits.splits_of, properties=_PROPERTIES)
"""Return the splits of a plan; see ``common.sql.splits``."""


def _units(
    inquiry: Inquiry, relation: Relation, where: str, *, few: bool
) -> tuple[Unit, ...] | None:
    """Return what has to be read, or ``None`` to read the relation at one go."""
    members = members_of(inquiry, relation)
    if not members or (few and len(members) == 1 and not members[0].is_partitioned):
        return None
    whole = outlook(inquiry, members[0])
    if whole is None:
        return None
    narrowed = outlook(inquiry, members[0], where) if where else None
    return units_of(members, whole, narrowed)


def _source(unit: Unit, names: Sequence[str], keys: KeyRange[Key] | None = None) -> SplitSource:
    place = unit.member.schema, unit.member.name
    constants = constants_for(names, PARTITION_COLUMNS, place if unit.only else ())
    return SplitSource(*place, unit.only, keys, constants)

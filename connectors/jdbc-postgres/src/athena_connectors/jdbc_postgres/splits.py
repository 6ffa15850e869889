"""How a scan is cut into splits.

Everything that takes the server is decided once, in ``plan``, and comes back as rows of the
table's layout, of which ``splits_of`` makes splits without asking anybody. The splits of a
scan hold each row of the table exactly once, rows that are written meanwhile aside.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from heapq import heapreplace
from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from athena_connectors.common.errors import (
    AmbiguousNameError,
    ColumnNotFoundError,
    ConfigurationError,
    InvalidRequestError,
)
from athena_connectors.common.naming import resolve
from athena_connectors.common.protocol.messages import Split
from athena_connectors.jdbc_postgres.inquiry import Inquiry
from athena_connectors.jdbc_postgres.leaves import members_of, outlook, units_of
from athena_connectors.jdbc_postgres.split_keys import cut
from athena_connectors.jdbc_postgres.split_sources import (
    PARTITION_COLUMNS,
    SNAPSHOT,
    SOURCES,
    SplitSource,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from athena_connectors.jdbc_postgres.leaves import Unit
    from athena_connectors.jdbc_postgres.settings import Settings
    from athena_connectors.jdbc_postgres.split_sources import KeyRange
    from athena_connectors.jdbc_postgres.types import Relation

__all__ = ["SMALL_LIMIT", "partition_columns", "plan", "split_column", "splits_of", "with_snapshot"]

SMALL_LIMIT = 10_000
"""Rows wanted up to which one split is enough: more would mostly read for nothing."""

_NO_PARTITION = "*"
_SOURCE = "__split_source"
_GROUP = "__split_group"
_OWN_COLUMNS = (_GROUP, SNAPSHOT, _SOURCE)


def partition_columns(relation: Relation, settings: Settings) -> tuple[str, ...]:
    """Return the columns that tell which partition a row comes from; may be none.

    A column that the relation has itself, in any case, is left to it.
    """
    if not settings.expose_partition_columns:
        return ()
    own = {column.name.lower() for column in relation.columns}
    return tuple(name for name in PARTITION_COLUMNS if name not in own)


def split_column(relation: Relation, settings: Settings) -> str | None:
    """Return the column that setting ``split_column`` wants a relation to be cut by.

    Raises:
        ConfigurationError: The setting names one for this relation that it does not have.
    """
    wanted = settings.split_column_of(relation.schema, relation.name)
    if wanted is None:
        return None
    table = f"{relation.schema}.{relation.name}"
    names = [column.name for column in relation.columns]
    try:
        return resolve(wanted, names, kind="column", within=table)
    except (ColumnNotFoundError, AmbiguousNameError) as cause:
        if not settings.split_column.get(table.lower()):
            return None  # meant for those tables that have it
        raise ConfigurationError(
            f"Setting split_column can't be followed. {cause.message}",
            hint=cause.hint,
            setting="split_column",
            table=table,
        ) from cause


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
    few = limit is not None and limit <= SMALL_LIMIT and not ordered
    everything = [[SplitSource(relation.schema, relation.name, constants=_constants(names))]]
    if few and not names:
        return _batch(everything, names)
    inquiry = Inquiry(cursor)
    units = _units(inquiry, relation, where, few=few)
    if units is None:
        return _batch(everything, names)
    planner = _Planner(
        inquiry,
        names,
        where,
        column,
        pages=settings.ctid_splits,
        min_rows=settings.min_rows_per_split,
        max_splits=1 if few else settings.max_splits,
    )
    return _batch(planner.groups(units, apart=ordered), names)


def with_snapshot(partitions: pa.RecordBatch, snapshot: str | None) -> pa.RecordBatch:
    """Return a plan whose splits all read one snapshot, or each its own for ``None``.

    Args:
        partitions: What ``plan`` returned.
        snapshot: Identifier of the snapshot.
    """
    column = pa.array([snapshot] * partitions.num_rows, pa.string())
    return partitions.set_column(partitions.schema.get_field_index(SNAPSHOT), SNAPSHOT, column)


def splits_of(partitions: pa.RecordBatch) -> Iterator[Split]:
    """Return the splits of a plan, lazily and the same at every call.

    Args:
        partitions: What ``plan`` or ``with_snapshot`` returned; rows may be missing.

    Raises:
        InvalidRequestError: The batch is none of these.
    """
    missing = [name for name in _OWN_COLUMNS if name not in partitions.schema.names]
    if missing:
        raise InvalidRequestError(
            f"The table layout lacks column {missing[0]}, which the connector gave it.",
            hint="Run the query again.",
        )
    columns = (partitions.column(name) for name in _OWN_COLUMNS)
    rows = (tuple(cell.as_py() for cell in row) for row in zip(*columns, strict=True))
    for (_, snapshot), group in groupby(rows, key=itemgetter(0, 1)):
        properties = {SOURCES: f"[{','.join(source for *_, source in group)}]"}
        if snapshot is not None:
            properties[SNAPSHOT] = snapshot
        yield Split(properties)


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


@dataclass(frozen=True, slots=True)
class _Planner:
    """Makes groups of sources, one for each split.

    Attributes:
        inquiry: Asks the server.
        names: The partition columns.
        where: The predicate.
        column: Column to cut by first.
        pages: Whether relations without a key are cut by their pages.
        min_rows: Rows that make a split worth while.
        max_splits: Splits at most.
    """

    inquiry: Inquiry
    names: Sequence[str]
    where: str
    column: str | None
    pages: bool
    min_rows: int
    max_splits: int

    def groups(self, units: Sequence[Unit], *, apart: bool) -> list[list[SplitSource]]:
        """Return what each split reads.

        Args:
            units: What is read together.
            apart: Whether no split may read several.
        """
        total = sum(unit.rows for unit in units)
        splits = self._splits_for(total)
        groups: list[list[SplitSource]] = []
        small: list[Unit] = []
        for unit in units:
            count = min(splits * unit.rows // total, self._splits_for(unit.rows))
            ranges = self._cut(unit, count) if count > 1 else ()
            groups += [[self._source(unit, keys)] for keys in ranges]
            if not ranges:
                small.append(unit)
        bins = len(small) if apart else max(1, splits - len(groups))
        groups += [[self._source(unit) for unit in units] for units in _even_bins(small, bins)]
        return groups

    def _splits_for(self, rows: int) -> int:
        return min(math.ceil(rows / self.min_rows), self.max_splits)

    def _cut(self, unit: Unit, count: int) -> tuple[KeyRange, ...]:
        return cut(
            self.inquiry,
            unit,
            count=count,
            where=self.where,
            column=self.column,
            pages=self.pages,
        )

    def _source(self, unit: Unit, keys: KeyRange | None = None) -> SplitSource:
        place = unit.member.schema, unit.member.name
        constants = _constants(self.names, *(place if unit.only else ()))
        return SplitSource(*place, unit.only, keys, constants)


def _constants(names: Sequence[str], *place: str) -> dict[str, str]:
    """Return the values of the partition columns, ``*`` where no partition is read."""
    values = dict(zip(PARTITION_COLUMNS, place or (_NO_PARTITION, _NO_PARTITION), strict=True))
    return {name: values[name] for name in names}


def _even_bins(units: Sequence[Unit], count: int) -> list[list[Unit]]:
    """Put units, in their order, into up to so many bins of about the same rows.

    The largest chooses first, and each the bin with the fewest rows so far.
    """
    levels = [(0, number) for number in range(min(count, len(units)))]
    bins: list[list[int]] = [[] for _ in levels]
    for index in sorted(range(len(units)), key=lambda index: -units[index].rows):
        rows, number = levels[0]
        bins[number].append(index)
        heapreplace(levels, (rows + units[index].rows, number))
    return [[units[index] for index in sorted(each)] for each in sorted(bins, key=min)]


def _batch(groups: Sequence[Sequence[SplitSource]], names: Sequence[str]) -> pa.RecordBatch:
    rows = [(group, source) for group, sources in enumerate(groups) for source in sources]
    columns = {
        **{name: pa.array([s.constants[name] for _, s in rows], pa.string()) for name in names},
        _GROUP: pa.array([group for group, _ in rows], pa.int32()),
        SNAPSHOT: pa.nulls(len(rows), pa.string()),
        _SOURCE: pa.array([source.to_json() for _, source in rows], pa.string()),
    }
    return pa.record_batch(columns)

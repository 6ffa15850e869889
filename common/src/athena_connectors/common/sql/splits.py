"""How a scan of a SQL server is cut into splits.

Everything that takes the server is decided once, when a scan is planned, and comes back as
rows of the table's layout, of which ``splits_of`` makes splits without asking anybody.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from heapq import heapreplace
from itertools import groupby
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

import pyarrow as pa
from athena_connectors.common.errors import (
    AmbiguousNameError,
    ColumnNotFoundError,
    ConfigurationError,
)
from athena_connectors.common.layouts import require_columns
from athena_connectors.common.naming import resolve
from athena_connectors.common.protocol.messages import Split
from athena_connectors.common.sql.split_sources import SOURCES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from athena_connectors.common.sql.relation import Relation

__all__ = [
    "SMALL_LIMIT",
    "SplitPlanner",
    "SplitSettings",
    "constants_for",
    "is_small",
    "layout_of",
    "partition_columns",
    "split_column",
    "splits_of",
    "with_property",
]

SMALL_LIMIT = 10_000
"""Rows wanted up to which one split is enough: more would mostly read for nothing."""

_NO_PARTITION = "*"
_SOURCE = "__split_source"
_GROUP = "__split_group"


class SplitSettings(Protocol):
    """The settings that matter here."""

    @property
    def expose_partition_columns(self) -> bool:
        """Whether there are columns that name partitions."""

    @property
    def min_rows_per_split(self) -> int:
        """Rows that make a split worth while."""

    @property
    def max_splits(self) -> int:
        """Splits at most."""

    @property
    def split_column(self) -> Mapping[str, str]:
        """Columns to cut by, by the lower case names of their tables."""

    def split_column_of(self, schema: str, table: str) -> str | None:
        """Return the column to cut a table by, if one is set; the table may not have it."""


class Source(Protocol):
    """Rows of one relation that a split reads."""

    @property
    def constants(self) -> Mapping[str, str]:
        """Values of the partition columns."""

    def to_json(self) -> str:
        """Return the text by which a split's properties tell it."""


class Unit(Protocol):
    """A relation or a part of it, to read as a whole or in ranges."""

    @property
    def rows(self) -> int:
        """Rows that the server has to look at, about; 1 or more."""


UnitT = TypeVar("UnitT", bound=Unit)
SourceT = TypeVar("SourceT", bound=Source)


def partition_columns(
    relation: Relation, settings: SplitSettings, names: Sequence[str]
) -> tuple[str, ...]:
    """Return the columns that tell which partition a row comes from; may be none.

    A column that the relation has itself, in any case, is left to it.

    Args:
        relation: What is read.
        settings: The connector's settings.
        names: The columns that a relation without such columns gets.
    """
    if not settings.expose_partition_columns:
        return ()
    own = {column.name.lower() for column in relation.columns}
    return tuple(name for name in names if name not in own)


def split_column(relation: Relation, settings: SplitSettings) -> str | None:
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


def is_small(limit: int | None, *, ordered: bool) -> bool:
    """Return whether one split is enough.

    Args:
        limit: Rows wanted at most if the server applies that, else ``None``.
        ordered: Whether the server sorts the rows of each split.
    """
    return limit is not None and limit <= SMALL_LIMIT and not ordered


def constants_for(
    names: Sequence[str], known: Sequence[str], place: Sequence[str] = ()
) -> dict[str, str]:
    """Return the values of the partition columns.

    Args:
        names: The columns that there are.
        known: The columns that there may be.
        place: A value for each of these; none where no partition is read.
    """
    values = place or (_NO_PARTITION,) * len(known)
    return {name: value for name, value in zip(known, values, strict=True) if name in names}


@dataclass(frozen=True, slots=True)
class SplitPlanner(Generic[UnitT, SourceT]):
    """Makes groups of sources, one for each split.

    Attributes:
        cut: Returns the sources of a unit that is cut into a number of parts, 2 or more;
            there may be fewer, and none if it can't be cut.
        whole: Returns the source that is a unit as a whole.
        min_rows: Rows that make a split worth while.
        max_splits: Splits at most.
    """

    cut: Callable[[UnitT, int], Sequence[SourceT]]
    whole: Callable[[UnitT], SourceT]
    min_rows: int
    max_splits: int

    def groups(self, units: Sequence[UnitT], *, apart: bool) -> list[list[SourceT]]:
        """Return what each split reads.

        Args:
            units: What is read together.
            apart: Whether no split may read several.
        """
        total = sum(unit.rows for unit in units)
        splits = self._splits_for(total)
        groups: list[list[SourceT]] = []
        small: list[UnitT] = []
        for unit in units:
            count = min(splits * unit.rows // total, self._splits_for(unit.rows))
            parts = self.cut(unit, count) if count > 1 else ()
            groups += [[part] for part in parts]
            if not parts:
                small.append(unit)
        bins = len(small) if apart else max(1, splits - len(groups))
        groups += [list(map(self.whole, together)) for together in _even_bins(small, bins)]
        return groups

    def _splits_for(self, rows: int) -> int:
        return min(math.ceil(rows / self.min_rows), self.max_splits)


def _even_bins(units: Sequence[UnitT], count: int) -> list[list[UnitT]]:
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


def layout_of(
    groups: Sequence[Sequence[Source]], names: Sequence[str], properties: Sequence[str] = ()
) -> pa.RecordBatch:
    """Return what each split reads as rows of a layout.

    Args:
        groups: What each split reads.
        names: The partition columns.
        properties: Further properties of splits, which none has yet; see ``with_property``.
    """
    rows = [(group, source) for group, sources in enumerate(groups) for source in sources]
    columns: dict[str, pa.Array[Any]] = {
        **{name: pa.array([s.constants[name] for _, s in rows], pa.string()) for name in names},
        _GROUP: pa.array([group for group, _ in rows], pa.int32()),
        **{name: pa.nulls(len(rows), pa.string()) for name in properties},
        _SOURCE: pa.array([source.to_json() for _, source in rows], pa.string()),
    }
    return pa.record_batch(columns)


def with_property(layout: pa.RecordBatch, value: str | None, *, name: str) -> pa.RecordBatch:
    """Return a layout whose splits all have a property, or none of them for ``None``.

    Args:
        layout: What ``layout_of`` returned.
        value: The property's value.
        name: One of its ``properties``.
    """
    column = pa.array([value] * layout.num_rows, pa.string())
    return layout.set_column(layout.schema.get_field_index(name), name, column)


def splits_of(layout: pa.RecordBatch, properties: Sequence[str] = ()) -> Iterator[Split]:
    """Return the splits of a layout, lazily and the same at every call.

    Args:
        layout: What ``layout_of`` or ``with_property`` returned; rows may be missing.
        properties: As ``layout_of`` had them.

    Raises:
        InvalidRequestError: The batch is none of these.
    """
    names = (_GROUP, *properties, _SOURCE)
    require_columns(layout, names)
    columns = (layout.column(name) for name in names)
    rows = (tuple(cell.as_py() for cell in row) for row in zip(*columns, strict=True))
    for (_, *values), group in groupby(rows, key=lambda row: row[:-1]):
        shared = zip(properties, values, strict=True)
        own = {SOURCES: f"[{','.join(source for *_, source in group)}]"}
        yield Split({**own, **{name: value for name, value in shared if value is not None}})

"""LIMIT and top-N over the batches of one split, applied after the predicate.

Neither loses a row that the engine needs: a limit stops at the wanted count, a top-N
keeps the first rows of its order or, if those do not fit into memory, every row. The
engine sorts and limits once more over all splits.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa
from athena_connectors.common.errors import ColumnNotFoundError
from athena_connectors.common.physical import Kind, compute, kind_of, total_order, unpack

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from athena_connectors.common.constraints import OrderBy
    from athena_connectors.common.physical import Data

__all__ = ["RowLimit", "TopN"]

_ROWS_BETWEEN_SORTS = 65_536


class RowLimit:
    """Lets the first ``limit_rows`` rows through, 0 included."""

    def __init__(self, limit_rows: int) -> None:
        self._left = limit_rows

    @property
    def done(self) -> bool:
        """Whether no further row is wanted, so that reading can stop."""
        return self._left <= 0

    def push(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Return the part of a batch that is still wanted, without a copy."""
        wanted = batch.slice(0, max(self._left, 0))
        self._left -= wanted.num_rows
        return wanted


class TopN:
    """Keeps the first rows of an order in memory while batches go by.

    Nulls go where each direction says, NaN is the largest float, texts go by code points,
    ``date64`` with its time of day and zoned timestamps by instant. Of rows that tie, the
    earlier pushed wins. -0.0 sorts below 0.0, which suits an engine that tells them apart
    and one that does not.

    Args:
        order_by: Sort keys, first key first; at least one.
        limit_rows: Rows wanted at most, 0 included.
        max_bytes: Arrow bytes that the kept rows may have. Beyond it, and for a key of a
            type that has no order here, all rows are passed on, unsorted.

    Cost:
        Memory of twice ``max_bytes`` and one batch; one sort every 65,536 rows or
        ``limit_rows``, whichever is more.
    """

    def __init__(self, order_by: Sequence[OrderBy], limit_rows: int, *, max_bytes: int) -> None:
        self._order_by = tuple(order_by)
        self._limit_rows = limit_rows
        self._max_bytes = max_bytes
        self._kept: list[pa.RecordBatch] = []
        self._rows = self._bytes = 0
        self._passing = False

    def push(self, batch: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
        """Take a batch; yield batches only once top-N has been given up.

        Raises:
            ColumnNotFoundError: The batch lacks a sort column.
        """
        self._check_columns(batch)
        if any(kind_of(batch.column(key.column).type) is Kind.OPAQUE for key in self._order_by):
            self._passing = True
        self._keep(batch)
        if not self._passing and self._is_full():
            for item in self._take_sorted():
                self._keep(item)
            self._passing = self._bytes > self._max_bytes
        if self._passing:
            yield from self._take()

    def finish(self) -> Iterator[pa.RecordBatch]:
        """Yield the kept rows in order; nothing if all have been passed on."""
        if self._kept:
            yield from self._take_sorted()

    def _check_columns(self, batch: pa.RecordBatch) -> None:
        for key in self._order_by:
            if key.column not in batch.schema.names:
                raise ColumnNotFoundError(
                    f"The order is by column {key.column!r}, which the rows read do not have.",
                    hint="Read all columns of the order too.",
                    column=key.column,
                )

    def _keep(self, batch: pa.RecordBatch) -> None:
        self._kept.append(batch)
        self._rows += batch.num_rows
        self._bytes += batch.nbytes

    def _take(self) -> list[pa.RecordBatch]:
        kept, self._kept = self._kept, []
        self._rows = self._bytes = 0
        return kept

    def _is_full(self) -> bool:
        most_rows = self._limit_rows + max(self._limit_rows, _ROWS_BETWEEN_SORTS)
        return self._rows > most_rows or self._bytes > self._max_bytes

    def _take_sorted(self) -> list[pa.RecordBatch]:
        pc = compute()
        table = pa.Table.from_batches(self._take()).combine_chunks()
        keys: dict[str, Data] = {}
        directions: list[tuple[str, str]] = []
        for place, key in enumerate(self._order_by):
            column = _sortable(table.column(key.column))
            nulls, values = f"nulls {place}", f"values {place}"
            keys |= {nulls: column.is_valid().cast(pa.int8()), values: column}
            first = "ascending" if key.direction.nulls_first else "descending"
            order = "descending" if key.direction.descending else "ascending"
            directions += [(nulls, first), (values, order)]
        indices = pc.sort_indices(pa.table(keys), sort_keys=directions)
        return table.take(indices.slice(0, self._limit_rows)).to_batches()


def _sortable(column: pa.ChunkedArray[Any]) -> Data:
    array = pa.concat_arrays(column.chunks)
    return total_order(array) if kind_of(array.type) is Kind.FLOAT else unpack(array)

"""The read of one split: source, residual, limit, blocks.

Rows leave here only after every conjunct that the source did not evaluate exactly was
evaluated, and either all of them leave or an error does.
"""

from __future__ import annotations

import time
from contextlib import closing
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

from athena_connectors.common.errors import ColumnNotFoundError
from athena_connectors.common.limits import RowLimit, TopN
from athena_connectors.common.residual import compile_residual
from athena_connectors.common.types import cast_batch, engine_type, rows_without_columns

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Iterator

    import pyarrow as pa
    from athena_connectors.common.connector import Connector, Pushdown, Scan
    from athena_connectors.common.deadline import ReadGuard
    from athena_connectors.common.protocol.messages import Split
    from athena_connectors.common.residual import Residual

__all__ = ["BlockSink", "ReadPlan", "plan_read", "read_split"]


class BlockSink(Protocol):
    """Where finished rows go."""

    def add(self, batch: pa.RecordBatch) -> None:
        """Take rows with exactly the columns of the scan."""


def read_split(
    connector: Connector,
    scan: Scan,
    split: Split,
    *,
    sink: BlockSink,
    guard: ReadGuard,
    max_sort_bytes: int,
) -> None:
    """Read one split into a sink.

    Args:
        connector: Who reads.
        scan: What is wanted, in the source's spelling.
        split: Which part of it.
        sink: Takes the rows, in batches with the columns of ``scan.schema``.
        guard: Stops the read in time.
        max_sort_bytes: Memory that a top-N may hold; beyond it the engine sorts alone.

    Raises:
        ConnectorError: Anything that keeps the rows from being complete.
    """
    limit = scan.constraints.limit
    if limit == 0:
        return
    planned = plan_read(connector, scan, max_sort_bytes=max_sort_bytes)
    rows = _filtered(connector, planned, split, guard=guard)
    with closing(rows):
        for batch in _limited(rows, limit=limit, top_n=planned.top_n):
            scan.stats.rows_returned += batch.num_rows
            sink.add(_narrow(batch, scan.schema))


@dataclass(frozen=True, slots=True)
class ReadPlan:
    """How a split is read.

    Attributes:
        scan: The scan with all columns that have to be read for it, those that are looked
            at here and not asked for behind the others.
        pushdown: What the source evaluates.
        residual: What is evaluated here.
        top_n: Sorts here, if the source does not.
    """

    scan: Scan
    pushdown: Pushdown
    residual: Residual
    top_n: TopN | None


def plan_read(connector: Connector, scan: Scan, *, max_sort_bytes: int) -> ReadPlan:
    """Decide how the splits of a scan are read; arguments as of ``read_split``.

    Raises:
        ColumnNotFoundError: The predicate or the order names a column that is not there.
        InvalidRequestError: The predicate is malformed.
    """
    pushdown = connector.plan_pushdown(scan)
    residual = compile_residual(pushdown.residual(scan.constraints))
    top_n = _local_top_n(scan, pushed=pushdown.limit_pushed, max_bytes=max_sort_bytes)
    sorted_by = {key.column for key in scan.constraints.order_by} if top_n else set()
    wide = replace(scan, schema=_widen(scan, residual.columns | sorted_by))
    return ReadPlan(wide, pushdown, residual, top_n)


def _local_top_n(scan: Scan, *, pushed: bool, max_bytes: int) -> TopN | None:
    constraints = scan.constraints
    if not constraints.order_by or constraints.limit is None or pushed:
        return None
    return TopN(constraints.order_by, constraints.limit, max_bytes=max_bytes)


def _widen(scan: Scan, needed: Iterable[str]) -> pa.Schema:
    """Add the columns that are looked at here though they are not asked for."""
    known = scan.description.schema
    schema = scan.schema
    for name in sorted(set(needed) - set(schema.names)):
        index = known.get_field_index(name)
        if index < 0:
            raise ColumnNotFoundError(
                f"The predicate on {scan.table} names column {name!r}, which it does not have.",
                hint="The table may have changed since the query was planned: run it again.",
            )
        field = known.field(index)
        schema = schema.append(field.with_type(engine_type(field.type)))
    return schema


def _filtered(
    connector: Connector, planned: ReadPlan, split: Split, *, guard: ReadGuard
) -> Generator[pa.RecordBatch]:
    scan, residual = planned.scan, planned.residual
    stats = scan.stats
    for batch in _timed(connector.read_split(scan, split), scan, guard):
        stats.rows_read += batch.num_rows
        guard.check()
        started = time.perf_counter()
        typed = cast_batch(batch, scan.schema, table=str(scan.table))
        converted = time.perf_counter()
        kept = residual.apply(typed)
        stats.conversion_seconds += converted - started
        stats.residual_seconds += time.perf_counter() - converted
        if kept.num_rows:
            yield kept
    guard.check()


def _timed(
    batches: Iterable[pa.RecordBatch], scan: Scan, guard: ReadGuard
) -> Iterator[pa.RecordBatch]:
    """Count the wait for a reader that does not count by itself as the source's time."""
    stats = scan.stats
    iterator = iter(batches)
    try:
        while True:
            counted = stats.source_seconds + stats.conversion_seconds
            started = time.perf_counter()
            with guard.waiting():
                batch = next(iterator, None)
            if stats.source_seconds + stats.conversion_seconds == counted:
                stats.source_seconds += time.perf_counter() - started
            if batch is None:
                return
            yield batch
    finally:
        close = getattr(iterator, "close", None)
        if close is not None:
            close()


def _limited(
    rows: Iterable[pa.RecordBatch], *, limit: int | None, top_n: TopN | None
) -> Iterator[pa.RecordBatch]:
    if top_n is not None:
        for batch in rows:
            yield from top_n.push(batch)
        yield from top_n.finish()
    elif limit is not None:
        row_limit = RowLimit(limit)
        for batch in rows:
            yield row_limit.push(batch)
            if row_limit.done:
                return
    else:
        yield from rows


def _narrow(batch: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    """Drop the columns that were read for the predicate alone; they come last."""
    if batch.num_columns == len(schema):
        return batch
    if len(schema) == 0:
        return rows_without_columns(batch.num_rows)
    return batch.select(range(len(schema)))

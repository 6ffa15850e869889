"""Record batches of a statement's rows, which a driver's thread reads and decodes.

The mechanism that the readers of all SQL servers have in common: batches that are bounded
in rows and bytes, statistics, constant columns and rows without columns.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import pyarrow as pa
from athena_connectors.common.streaming import iterate_in_thread

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator, Mapping, Sequence

    from athena_connectors.common.observability import SplitStats
    from athena_connectors.common.sql.relation import Column

__all__ = [
    "DEFAULT_BATCH_ROWS",
    "MAX_CHUNK_BYTES",
    "RowChunk",
    "counted_rows",
    "decoded_chunk",
    "record_batches",
]

T = TypeVar("T")

DEFAULT_BATCH_ROWS = 16_384
"""Rows per batch at which decoding was measured to be fastest."""

MAX_CHUNK_BYTES = 4 << 20
"""Bytes of the server's answer after which a batch ends early."""

_COUNT_BATCH_ROWS = 1_000_000_000


class RowChunk(NamedTuple):
    """Decoded rows and what they cost."""

    rows: int
    arrays: list[pa.Array[Any]]
    bytes_read: int
    source_seconds: float
    conversion_seconds: float


def decoded_chunk(
    decode: Callable[[T], tuple[int, list[pa.Array[Any]]]], rows: T, *, size: int, started: float
) -> RowChunk:
    """Decode rows that have just come.

    Args:
        decode: Returns the number of rows and the array of each column.
        rows: The rows.
        size: Their bytes.
        started: ``time.perf_counter()`` at which they were first waited for.
    """
    received = time.perf_counter()
    count, arrays = decode(rows)
    converted = time.perf_counter()
    return RowChunk(count, arrays, size, received - started, converted - received)


def record_batches(
    produce: Callable[[Callable[[RowChunk], None]], None],
    columns: Sequence[Column],
    *,
    stats: SplitStats,
    constants: Mapping[str, str] | None = None,
    on_cancel: Callable[[], None] | None = None,
) -> Generator[pa.RecordBatch]:
    """Yield what a function emits, which runs in a thread of its own meanwhile.

    Args:
        produce: Calls ``emit(chunk)`` for each chunk; what it raises is raised here.
        columns: The columns of the chunks' arrays.
        stats: Receives bytes read and the seconds of source and conversion.
        constants: Names and values of text columns that are the same in each row.
        on_cancel: Called when the iterator is closed early, to end a call that blocks.

    Yields:
        One batch for each chunk that has rows, with the columns and then the constants.
    """
    schema = pa.schema([pa.field(column.name, column.arrow) for column in columns])
    chunks = iterate_in_thread(produce, on_cancel=on_cancel)
    try:
        for chunk in chunks:
            stats.bytes_read += chunk.bytes_read
            stats.source_seconds += chunk.source_seconds
            stats.conversion_seconds += chunk.conversion_seconds
            if chunk.rows:
                yield _batch(chunk.rows, chunk.arrays, schema, constants=constants or {})
    finally:
        chunks.close()


def counted_rows(
    count: int, *, batch_rows: int, constants: Mapping[str, str] | None = None
) -> Iterator[pa.RecordBatch]:
    """Yield a number of rows, as rows without columns.

    Args:
        count: Number of rows in all.
        batch_rows: Rows per batch at most if there are constants.
        constants: Names and values of text columns that are the same in each row.

    Yields:
        Batches that take no memory, of up to a billion rows without columns; of up to
        ``batch_rows`` rows if there are constants. None for 0.
    """
    most = batch_rows if constants else _COUNT_BATCH_ROWS
    while count > 0:
        rows = min(count, most)
        yield _batch(rows, [], pa.schema([]), constants=constants or {})
        count -= rows


def _batch(
    rows: int,
    arrays: Sequence[pa.Array[Any]],
    schema: pa.Schema,
    *,
    constants: Mapping[str, str],
) -> pa.RecordBatch:
    arrays = [*arrays, *(pa.repeat(value, rows) for value in constants.values())]
    for name in constants:
        schema = schema.append(pa.field(name, pa.string()))
    if arrays:
        return pa.RecordBatch.from_arrays(arrays, schema=schema)
    struct: Any = pa.StructArray.from_buffers(pa.struct([]), rows, [None], children=[])
    return pa.RecordBatch.from_struct_array(struct)

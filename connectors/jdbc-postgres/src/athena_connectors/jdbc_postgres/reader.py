"""Rows of a statement as record batches, by binary COPY.

Memory is bounded by ``batch_rows`` and 4 MB of the server's bytes at a time, whatever the
size of the result, and the iterators end normally only after the server's end marker.
Errors of the server stay psycopg2's; the caller translates them.
"""

from __future__ import annotations

import logging
import time
from contextlib import suppress
from dataclasses import dataclass
from itertools import repeat
from typing import TYPE_CHECKING, Any

import psycopg2
from athena_connectors.common.errors import SourceError
from athena_connectors.common.sql.reading import (
    DEFAULT_BATCH_ROWS,
    MAX_CHUNK_BYTES,
    RowChunk,
    counted_rows,
    decoded_chunk,
    record_batches,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator, Mapping, Sequence

    import pyarrow as pa
    from athena_connectors.common.observability import SplitStats
    from athena_connectors.common.sql.binary_copy import BinaryCopyDecoder
    from athena_connectors.common.sql.relation import Column

__all__ = ["read_count", "read_statement"]

_DRAIN_SECONDS = 2.0
"""How long a server may go on sending rows of a statement that was cancelled."""

_log = logging.getLogger(__name__)


def read_statement(
    cursor: Any,
    sql: str,
    columns: Sequence[Column],
    *,
    table: str,
    stats: SplitStats,
    batch_rows: int = DEFAULT_BATCH_ROWS,
    constants: Mapping[str, str] | None = None,
) -> Generator[pa.RecordBatch]:
    """Read what a statement returns, while the server goes on sending.

    Closing the iterator early cancels the statement. The transaction is then only good for
    a rollback.

    Args:
        cursor: A psycopg2 cursor; used by another thread until the iterator ends.
        sql: A SELECT that returns the columns' projections, in order, without parameters.
        columns: The columns; may be none, then the statement returns rows of no column.
        table: What is read, for errors.
        stats: Receives bytes read and the seconds of source and conversion; these overlap
            with what the consumer does meanwhile.
        batch_rows: Rows per batch at most, 1 or more.
        constants: Names and values of text columns that are the same in each row.

    Yields:
        Batches of 1 to ``batch_rows`` rows with the columns under their names, in their
        engine types, and then the constants. No empty batch.

    Raises:
        DataConversionError: A value does not fit its column's type.
        SourceError: The answer is malformed or has no end marker.
        psycopg2.Error: The server refused, failed or cancelled the statement.
    """
    # numpy comes with it: loaded by the first read, not by the first import.
    from athena_connectors.common.sql.binary_copy import BinaryCopyDecoder  # noqa: PLC0415

    copy = _Copy(
        cursor,
        f"COPY ({sql}) TO STDOUT (FORMAT binary)",
        decoder=BinaryCopyDecoder(columns, table=table),
        batch_rows=batch_rows,
        table=table,
    )
    yield from record_batches(
        copy.run, columns, stats=stats, constants=constants, on_cancel=copy.cancel
    )


def read_count(
    cursor: Any,
    sql: str,
    *,
    stats: SplitStats,
    batch_rows: int = DEFAULT_BATCH_ROWS,
    constants: Mapping[str, str] | None = None,
) -> Iterator[pa.RecordBatch]:
    """Read a number of rows, as rows without columns.

    Args:
        cursor: A psycopg2 cursor.
        sql: A statement that returns one row of one integer, as ``SELECT count(*) …``.
        stats: Receives the seconds of the source.
        batch_rows: Rows per batch at most if there are constants.
        constants: Names and values of text columns that are the same in each row.

    Yields:
        Batches that take no memory, of up to a billion rows without columns; of up to
        ``batch_rows`` rows if there are constants. None for 0.

    Raises:
        psycopg2.Error: The server refused, failed or cancelled the statement.
    """
    started = time.perf_counter()
    cursor.execute(sql)
    (count,) = cursor.fetchone()
    stats.source_seconds += time.perf_counter() - started
    yield from counted_rows(count, batch_rows=batch_rows, constants=constants)


class _Finished(BaseException):
    """Tells the collector that no row follows."""


class _Copy:
    """One COPY, run in a thread of its own; psycopg2 pushes row after row into it."""

    def __init__(
        self, cursor: Any, sql: str, *, decoder: BinaryCopyDecoder, batch_rows: int, table: str
    ) -> None:
        self._cursor = cursor
        self._sql = sql
        self._decoder = decoder
        self._batch_rows = batch_rows
        self._table = table
        self._failure: BaseException | None = None

    def run(self, emit: Callable[[RowChunk], None]) -> None:
        """Run the statement and emit each chunk."""
        collector = self._collect(emit)
        next(collector)
        try:
            self._cursor.copy_expert(self._sql, _Sink(collector.send))
        except psycopg2.Error:
            self._raise_failure()
            raise
        self._raise_failure()
        with suppress(StopIteration):
            collector.throw(_Finished)
        if not self._decoder.ended:
            raise SourceError(
                f"The answer for {self._table} ended before its end marker.",
                hint="Run the query again.",
                table=self._table,
            )

    def cancel(self) -> None:
        """Let the server end the statement, if it can be told; safe from any thread."""
        try:
            self._cursor.connection.cancel()
        except psycopg2.Error as error:
            _log.warning("The statement on %s could not be cancelled: %s", self._table, error)

    def _raise_failure(self) -> None:
        """Raise why the statement was cancelled, if it was because of its rows."""
        failure, self._failure = self._failure, None
        if failure is not None:
            raise failure from None

    def _collect(self, emit: Callable[[RowChunk], None]) -> Generator[None, bytes]:
        """Take one row at each ``send``; when finished, what is left is the last chunk.

        A generator, because resuming it is the cheapest call back from C. Closed instead of
        finished, it drops what is left.
        """
        started = time.perf_counter()
        ended = False
        while not ended:
            rows: list[bytes] = []
            size = 0
            try:
                for _ in repeat(None, self._batch_rows):
                    row = yield
                    rows.append(row)
                    size += len(row)
                    if size >= MAX_CHUNK_BYTES:
                        break
            except _Finished:
                ended = True
            try:
                if rows:
                    emit(decoded_chunk(self._decoder.decode, rows, size=size, started=started))
            except BaseException as failure:
                if ended:
                    raise
                self._failure = failure
                self.cancel()
                yield from self._drain()
            started = time.perf_counter()

    def _drain(self) -> Generator[None, bytes]:
        """Drop rows, because a server that waits to send does not hear that it is cancelled."""
        limit = time.monotonic() + _DRAIN_SECONDS
        while time.monotonic() < limit:
            yield
        self._raise_failure()


@dataclass(frozen=True, slots=True)
class _Sink:
    """What ``copy_expert`` takes for a file."""

    write: Callable[[bytes], None]

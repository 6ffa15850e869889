"""Rows of a statement as record batches, by a prepared statement.

Memory is bounded by ``batch_rows`` and 4 MB of the server's bytes at a time, or by the
largest row, whatever the size of the result, and the iterators end normally only after the
server's end packet. Errors of the server stay PyMySQL's; the caller translates them.

The rows are read from PyMySQL's socket. A PyMySQL that hides it reads each row itself; one
that hides the protocol, or a server that can't prepare the statement, gives rows of text.
"""

from __future__ import annotations

import logging
import socket
import struct
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypeVar

import pymysql
import pymysql.cursors
from athena_connectors.common.errors import ConnectorError
from athena_connectors.common.sql.reading import (
    DEFAULT_BATCH_ROWS,
    RowChunk,
    counted_rows,
    decoded_chunk,
    record_batches,
)
from athena_connectors.common.sql.sessions import break_off, ends_in_time
from athena_connectors.jdbc_mysql.prepared import (
    PreparedStatement,
    can_prepare,
    is_not_preparable,
)
from athena_connectors.jdbc_mysql.text_answer import TextAnswer

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator, Mapping, Sequence

    import pyarrow as pa
    from athena_connectors.common.observability import SplitStats
    from athena_connectors.common.sql.relation import Column
    from pymysql.connections import Connection

__all__ = ["read_count", "read_statement"]

T = TypeVar("T")

_RESET = struct.pack("ii", 1, 0)

_log = logging.getLogger(__name__)


def read_statement(
    connection: Connection[Any],
    sql: str,
    columns: Sequence[Column],
    *,
    table: str,
    stats: SplitStats,
    batch_rows: int = DEFAULT_BATCH_ROWS,
    constants: Mapping[str, str] | None = None,
    cancel: Callable[[], None] | None = None,
) -> Generator[pa.RecordBatch]:
    """Read what a statement returns, while the server goes on sending.

    Closing the iterator early, and an error in what the server sent, drop the connection:
    what is left of the answer is never read.

    Args:
        connection: A PyMySQL connection; used by another thread until the iterator ends.
        sql: A statement that returns the columns' projections, in order, without parameters.
        columns: The columns; may be none, then the statement may return any column and its
            rows are counted.
        table: What is read, for errors.
        stats: Receives bytes read and the seconds of source and conversion; these overlap
            with what the consumer does meanwhile.
        batch_rows: Rows per batch at most, 1 or more.
        constants: Names and values of text columns that are the same in each row.
        cancel: Tells the server, by another connection, to end the statement. A server that
            computes does not notice that the connection is gone.

    Yields:
        Batches of 1 to ``batch_rows`` rows with the columns under their names, in their
        engine types, and then the constants. No empty batch.

    Raises:
        DataConversionError: A value does not fit its column's type.
        SourceError: The answer is malformed, or there is none.
        pymysql.Error: The server refused, failed or cancelled the statement, or is gone.
    """
    reading = _Reading(
        connection, sql, columns=columns, table=table, batch_rows=batch_rows, cancel=cancel
    )
    yield from record_batches(
        reading.run, columns, stats=stats, constants=constants, on_cancel=reading.cancel
    )


def read_count(
    connection: Connection[Any],
    sql: str,
    *,
    stats: SplitStats,
    batch_rows: int = DEFAULT_BATCH_ROWS,
    constants: Mapping[str, str] | None = None,
) -> Iterator[pa.RecordBatch]:
    """Read a number of rows, as rows without columns.

    Args:
        connection: A PyMySQL connection.
        sql: A statement that returns one row of one integer, as ``SELECT count(*) …``.
        stats: Receives the seconds of the source.
        batch_rows: Rows per batch at most if there are constants.
        constants: Names and values of text columns that are the same in each row.

    Yields:
        Batches that take no memory, of up to a billion rows without columns; of up to
        ``batch_rows`` rows if there are constants. None for 0.

    Raises:
        pymysql.Error: The server refused, failed or cancelled the statement.
    """
    started = time.perf_counter()
    with connection.cursor(pymysql.cursors.Cursor) as cursor:
        cursor.execute(sql)
        ((count,),) = cursor.fetchall()
    stats.source_seconds += time.perf_counter() - started
    yield from counted_rows(count, batch_rows=batch_rows, constants=constants)


class _Reading:
    """One statement, run in a thread of its own."""

    def __init__(
        self,
        connection: Connection[Any],
        sql: str,
        *,
        columns: Sequence[Column],
        table: str,
        batch_rows: int,
        cancel: Callable[[], None] | None,
    ) -> None:
        self._connection = connection
        self._sql = sql
        self._columns = columns
        self._table = table
        self._batch_rows = batch_rows
        self._cancel = cancel
        # Kept, because the connection forgets it when it is closed.
        self._socket: socket.socket | None = getattr(connection, "_sock", None)

    def run(self, emit: Callable[[RowChunk], None]) -> None:
        """Run the statement and emit each chunk."""
        try:
            self._run(emit)
        except pymysql.Error:
            # The server's, after which nothing is left to read, or it is gone.
            if not self._connection.open:
                _drop(self._connection)
            raise
        except BaseException:
            self._tell_server()
            self._reset_when_closed()
            _drop(self._connection)
            raise

    def cancel(self) -> None:
        """Let the server end the statement, and wake the thread that waits for it."""
        self._tell_server()
        self._reset_when_closed()
        if self._socket is not None:
            break_off(self._socket.fileno())

    def _reset_when_closed(self) -> None:
        """Let the server hear at once that nobody reads on.

        One that waits for room at our end would hear of an orderly close when it asks again,
        which it does ever more rarely.
        """
        if self._socket is not None:
            with suppress(OSError):
                self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)

    def _tell_server(self) -> None:
        tell, self._cancel = self._cancel, None
        if tell is None:
            return
        why: object = "it takes too long"
        try:
            if ends_in_time(tell):
                return
        except (pymysql.Error, ConnectorError) as error:
            why = error
        _log.warning("The statement on %s could not be cancelled: %s", self._table, why)

    def _run(self, emit: Callable[[RowChunk], None]) -> None:
        started = time.perf_counter()
        statement = self._prepared()
        if statement is None:
            self._run_as_text(emit, started=started)
            return
        try:
            self._run_prepared(statement, emit, started=started)
        except pymysql.Error:
            if self._connection.open:
                statement.close()
            raise
        statement.close()

    def _prepared(self) -> PreparedStatement | None:
        """Prepare the statement, if that can be done."""
        if not can_prepare(self._connection):
            return None
        try:
            statement = PreparedStatement(self._connection, self._sql, table=self._table)
        except pymysql.Error as error:
            if is_not_preparable(error):
                return None
            raise
        if not statement.parameters:
            return statement
        statement.close()
        return None  # a question mark outside of quotes: as text, the server refuses it

    def _run_prepared(
        self, statement: PreparedStatement, emit: Callable[[RowChunk], None], *, started: float
    ) -> None:
        # numpy comes with these: loaded by the first read, not by the first import.
        from athena_connectors.common.sql.binary_rows import BinaryRowsDecoder  # noqa: PLC0415
        from athena_connectors.jdbc_mysql.row_packets import (  # noqa: PLC0415
            driver_rows,
            raw_rows,
            reaches_socket,
        )

        sent = statement.execute()
        decoder = BinaryRowsDecoder(self._columns, sent, table=self._table)
        read = raw_rows if reaches_socket(self._connection) else driver_rows
        chunks = read(self._connection, batch_rows=self._batch_rows, table=self._table)
        _decode(chunks, decoder.decode, emit, started=started)

    def _run_as_text(self, emit: Callable[[RowChunk], None], *, started: float) -> None:
        from athena_connectors.common.sql.text_rows import TextRowsDecoder  # noqa: PLC0415

        with TextAnswer(self._connection, self._sql, table=self._table) as answer:
            decoder = TextRowsDecoder(self._columns, answer.sent, table=self._table)
            chunks = answer.rows(batch_rows=self._batch_rows)
            _decode(chunks, decoder.decode, emit, started=started)


def _decode(
    chunks: Iterator[tuple[T, int]],
    decode: Callable[[T], tuple[int, list[pa.Array[Any]]]],
    emit: Callable[[RowChunk], None],
    *,
    started: float,
) -> None:
    """Emit chunks of rows, each of which comes with its size in bytes."""
    for rows, size in chunks:
        emit(decoded_chunk(decode, rows, size=size, started=started))
        started = time.perf_counter()


def _drop(connection: Any) -> None:
    """Close a connection without reading what is left of an answer."""
    for name in ("drop", "_force_close", "close"):
        if hasattr(connection, name):
            getattr(connection, name)()
            return

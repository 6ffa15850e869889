"""The packets of an answer's rows, taken from the socket by the chunk.

A packet is a length of three bytes, a sequence number and the payload; one of the greatest
length is continued by the next. Rows begin with a zero byte, the end of the answer with
0xFE, an error with 0xFF. Source: MySQL source documentation, "MySQL Packets", "Binary
Protocol Resultset", "EOF_Packet", "OK_Packet", "ERR_Packet".
"""

from __future__ import annotations

import struct
from itertools import repeat
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pymysql
from athena_connectors.common.sql.answers import malformed_answer
from athena_connectors.common.sql.columns import MAX_WINDOW, PackedRows, pack_rows
from athena_connectors.common.sql.reading import MAX_CHUNK_BYTES
from athena_connectors.jdbc_mysql.prepared import DEPRECATE_EOF, readable, several_results
from pymysql.constants import CR, SERVER_STATUS
from pymysql.protocol import MysqlPacket

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray
    from pymysql.connections import Connection

__all__ = ["driver_rows", "raw_rows", "reaches_socket"]

_HEADER = struct.Struct("<I")
_BEGIN = struct.Struct("<IB")
"""A header and the first byte behind it."""
_HEADER_BYTES = 4
_LENGTH = 0xFFFFFF
"""Mask of the length in a header, and the length of a packet that is continued."""
_END = 0xFE
"""First byte of the end; that of an error is greater."""
_EOF_STATUS = struct.Struct("<xxxH")

_ROW_MARKER = b"\0"

_MAX_ROW_BYTES = 1 << 30
"""What max_allowed_packet can be at most."""
_MIN_READ_BYTES = 1 << 16


def reaches_socket(connection: Connection[Any]) -> bool:
    """Tell whether this PyMySQL gives way to its socket and to what it has read ahead."""
    return (
        hasattr(getattr(connection, "_rfile", None), "read1")
        and hasattr(getattr(connection, "_sock", None), "recv_into")
        and hasattr(connection, "_next_seq_id")
    )


def driver_rows(
    connection: Connection[Any], *, batch_rows: int, table: str
) -> Iterator[tuple[PackedRows, int]]:
    """Yield the rows that follow, each read by PyMySQL; for one that hides its socket.

    Args, Yields and Raises: As ``raw_rows``.
    """
    read: Any = connection._read_packet  # noqa: SLF001
    rows: list[bytes] = []

    def take(payload: bytes, encoding: str) -> MysqlPacket | _Row:
        if payload[:1] != _ROW_MARKER:
            return MysqlPacket(payload, encoding)
        rows.append(payload)
        return row

    row = _Row()
    size = 0
    with readable(table):
        while (packet := read(take)) is row:
            size += len(rows[-1]) + _HEADER_BYTES
            if len(rows) >= batch_rows or size >= MAX_CHUNK_BYTES:
                yield pack_rows(rows), size
                rows.clear()
                size = 0
    _check_end(connection, packet.get_all_data(), table=table)
    if rows:
        yield pack_rows(rows), size


class _Row:
    """What a row is to PyMySQL, which takes longer to make a packet of it than to read it."""

    is_error_packet = bool  # always false


def raw_rows(
    connection: Connection[Any], *, batch_rows: int, table: str
) -> Iterator[tuple[PackedRows, int]]:
    """Yield the rows that follow, as many as are there, without a copy.

    Args:
        connection: A PyMySQL connection whose next packet is the first row, or the end.
        batch_rows: Rows at a time at most, 1 or more.
        table: What is read, for errors.

    Yields:
        Rows, and the bytes of their packets. They are valid until the next are asked for,
        and take 4 MB at most, or are a single one. They were all rows if the iterator ends
        normally.

    Raises:
        pymysql.Error: The server failed or stopped the statement, or is gone.
        SourceError: The bytes are not packets, or there is a second answer behind this.
    """
    return _RawRows(connection, batch_rows=batch_rows, table=table).chunks()


def _check_end(connection: Connection[Any], payload: bytes, *, table: str) -> None:
    """Check that the packet behind the last row is the end of the answer.

    Raises:
        pymysql.Error: It is an error.
        SourceError: It is something else, or says that another answer follows.
    """
    packet = MysqlPacket(payload, connection.encoding)
    try:
        packet.check_error()
        if payload[0] != _END:
            raise malformed_answer("a packet is no row and no end", table=table)
        if connection.client_flag & DEPRECATE_EOF:
            packet.advance(1)
            packet.read_length_encoded_integer()
            packet.read_length_encoded_integer()
            (status,) = packet.read_struct("<H")
        else:
            (status,) = _EOF_STATUS.unpack(payload)
    except (LookupError, TypeError, struct.error) as error:
        raise malformed_answer("a packet is none", table=table) from error
    if status & SERVER_STATUS.SERVER_MORE_RESULTS_EXISTS:
        raise several_results(table)


class _RawRows:
    """The bytes of an answer, in a buffer that is filled and walked in turn."""

    def __init__(self, connection: Any, *, batch_rows: int, table: str) -> None:
        self._connection = connection
        self._socket = connection._sock  # noqa: SLF001
        self._sequence: int = connection._next_seq_id  # noqa: SLF001
        self._batch_rows = batch_rows
        self._table = table
        self._buffer = bytearray(MAX_CHUNK_BYTES + MAX_WINDOW)
        self._view = memoryview(self._buffer)
        self._data = pa.py_buffer(self._buffer)
        self._bytes = np.frombuffer(self._buffer, np.uint8)
        self._filled = 0
        self._at = 0  # header of the packet to be walked next

    def chunks(self) -> Iterator[tuple[PackedRows, int]]:
        """Yield the rows, walking whatever has come before more is waited for."""
        self._take_read_ahead()
        headers: list[int] = []
        while not self._walk(headers):
            begin = headers[0] if headers else self._at
            full = self._filled - begin > MAX_CHUNK_BYTES - _MIN_READ_BYTES
            if len(headers) >= self._batch_rows or (full and headers):
                yield self._rows(headers, self._at)
                headers.clear()
            elif full:
                yield self._large_row()
            else:
                self._receive_more(headers, begin)
        yield from self._last_rows(headers)

    def _walk(self, headers: list[int]) -> bool:
        """Append the headers of the packets that are whole, a batch at most.

        Returns:
            Whether the last of them is no row.
        """
        buffer, filled, at, unpack = self._buffer, self._filled, self._at, _BEGIN.unpack_from
        ended = False
        for _ in repeat(None, self._batch_rows - len(headers)):
            if at + _HEADER_BYTES > filled:
                break
            word, first = unpack(buffer, at)
            behind = at + _HEADER_BYTES + (word & _LENGTH)
            if behind > filled:
                break
            headers.append(at)
            at = behind
            if first:
                ended = True
                break
        self._at = at
        return ended

    def _rows(self, headers: list[int], behind: int) -> tuple[PackedRows, int]:
        """Return the packets that have these headers and end where the next header begins."""
        at = np.array([*headers, behind], np.int64)
        self._check_sequence(self._bytes[at[:-1] + _HEADER_BYTES - 1])
        return PackedRows(self._data, at[:-1] + _HEADER_BYTES, at[1:]), behind - int(at[0])

    def _last_rows(self, headers: list[int]) -> Iterator[tuple[PackedRows, int]]:
        end = headers.pop()
        _check_end(
            self._connection,
            bytes(self._view[end + _HEADER_BYTES : self._at]),
            table=self._table,
        )
        if self._at != self._filled:
            raise malformed_answer("there are packets behind its end", table=self._table)
        rows = self._rows(headers, end)
        self._check_sequence(self._bytes[[end + _HEADER_BYTES - 1]])
        if headers:
            yield rows

    def _large_row(self) -> tuple[PackedRows, int]:
        """Read a row that the buffer has no place for, which may take several packets."""
        row, size = bytearray(), 0
        length = _LENGTH
        while length == _LENGTH:
            header = bytearray(_HEADER_BYTES)
            self._take(memoryview(header))
            length = _HEADER.unpack(header)[0] & _LENGTH
            self._check_sequence(np.frombuffer(header, np.uint8)[-1:])
            begin = len(row)
            if begin + length > _MAX_ROW_BYTES:
                raise malformed_answer("a row is longer than 1 GiB", table=self._table)
            row.extend(bytes(length))
            with memoryview(row) as whole, whole[begin:] as part:
                self._take(part)
            size += _HEADER_BYTES + length
        end = len(row)
        row.extend(bytes(MAX_WINDOW))
        bounds = np.array([0, end], np.int64)
        return PackedRows(pa.py_buffer(row), bounds[:1], bounds[1:]), size

    def _take(self, target: memoryview) -> None:
        """Fill a place with the next bytes, from the buffer as far as they are there."""
        taken = min(len(target), self._filled - self._at)
        target[:taken] = self._view[self._at : self._at + taken]
        self._at += taken
        while taken < len(target):
            taken += self._receive(target[taken:])

    def _check_sequence(self, numbers: NDArray[np.uint8]) -> None:
        expected = np.arange(self._sequence, self._sequence + len(numbers)) % 256
        if not np.array_equal(numbers, expected):
            raise malformed_answer("packets are missing or out of order", table=self._table)
        self._sequence += len(numbers)

    def _take_read_ahead(self) -> None:
        """Take over what PyMySQL has read and not used, or what comes next."""
        try:
            ahead = self._connection._rfile.read1(MAX_CHUNK_BYTES)  # noqa: SLF001
        except OSError as error:
            raise self._lost(f" ({error})") from error
        if not ahead:
            raise self._lost()
        self._filled = len(ahead)
        self._buffer[: self._filled] = ahead

    def _receive_more(self, headers: list[int], begin: int) -> None:
        """Wait for further bytes, after moving what is not yielded yet if there is no room."""
        if MAX_CHUNK_BYTES - self._filled < _MIN_READ_BYTES:
            rest = self._filled - begin
            self._buffer[:rest] = self._buffer[begin : self._filled]
            headers[:] = [header - begin for header in headers]
            self._at, self._filled = self._at - begin, rest
        self._filled += self._receive(self._view[self._filled : MAX_CHUNK_BYTES])

    def _receive(self, place: memoryview) -> int:
        try:
            received: int = self._socket.recv_into(place)
        except OSError as error:
            raise self._lost(f" ({error})") from error
        if not received:
            raise self._lost()
        return received

    def _lost(self, why: str = "") -> pymysql.OperationalError:
        """Close the connection as PyMySQL does, and return its error."""
        self._connection._force_close()  # noqa: SLF001
        return pymysql.OperationalError(
            CR.CR_SERVER_LOST, f"Lost connection to MySQL server during query{why}"
        )

"""Packets of rows that are put together here, and come in pieces of any size."""

from __future__ import annotations

import io
import struct
from itertools import pairwise
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

import pymysql
import pytest
from athena_connectors.common.errors import SourceError
from athena_connectors.jdbc_mysql import row_packets
from athena_connectors.jdbc_mysql.row_packets import driver_rows, raw_rows
from hypothesis import given, settings
from hypothesis import strategies as st
from pymysql.connections import Connection
from pymysql.constants import CR

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_PACKET = 0xFFFFFF
EOF = b"\xfe\0\0\2\0"
MORE_RESULTS = b"\xfe\0\0\x0a\0"
INTERRUPTED = b"\xff" + struct.pack("<H", 1317) + b"#70100Query execution was interrupted"


def packets(*payloads: bytes, first: int = 7) -> bytes:
    """Payloads in packets, one of the greatest length continued by the next."""
    parts = []
    for payload in payloads:
        bounds = [*range(0, len(payload) + 1, MAX_PACKET), len(payload)]
        if len(payload) % MAX_PACKET == 0 and payload:
            bounds.append(len(payload))
        parts += [payload[low:high] for low, high in pairwise(dict.fromkeys(bounds))]
        if not payload or len(payload) % MAX_PACKET == 0:
            parts.append(b"")
    return b"".join(
        struct.pack("<I", len(part) | (number % 256) << 24) + part
        for number, part in enumerate(parts, first)
    )


class Pieces:
    """A socket from which one piece comes at a time, and then the end or an error."""

    def __init__(self, pieces: list[bytes], failure: OSError | None = None) -> None:
        self.pieces = pieces
        self.failure = failure
        self.closed = False

    def read1(self, size: int) -> bytes:
        return self.take(size)

    def recv_into(self, place: memoryview) -> int:
        taken = self.take(len(place))
        place[: len(taken)] = taken
        return len(taken)

    def take(self, size: int) -> bytes:
        if not self.pieces:
            if self.failure is not None:
                raise self.failure
            return b""
        piece, self.pieces[0] = self.pieces[0][:size], self.pieces[0][size:]
        if not self.pieces[0]:
            del self.pieces[0]
        return piece

    def settimeout(self, seconds: float | None) -> None:
        pass

    def close(self) -> None:
        self.closed = True


def connection_to(wire: Pieces, *, file: Any = None, flags: int = 0) -> Any:
    """A connection of PyMySQL whose next packet has the number 7."""
    connection: Any = Connection(defer_connect=True)
    connection._sock, connection._rfile = wire, file or wire
    connection._next_seq_id = 7
    connection._current_timeout = connection._read_timeout
    connection.client_flag = flags
    return connection


def cut(stream: bytes, places: list[int]) -> list[bytes]:
    bounds = [0, *sorted({at for at in places if 0 < at < len(stream)}), len(stream)]
    return [stream[low:high] for low, high in pairwise(bounds)]


def read(
    stream: bytes, *places: int, batch_rows: int = 16_384, flags: int = 0
) -> list[list[bytes]]:
    """The payloads of each chunk, as raw_rows finds them; driver_rows has to agree."""
    connection = connection_to(Pieces(cut(stream, list(places))), flags=flags)
    return contents(raw_rows(connection, batch_rows=batch_rows, table="shop.orders"))


def read_by_driver(stream: bytes, *, batch_rows: int = 16_384) -> list[list[bytes]]:
    connection = connection_to(Pieces([]), file=io.BytesIO(stream))
    return contents(driver_rows(connection, batch_rows=batch_rows, table="shop.orders"))


def contents(chunks: Iterator[tuple[Any, int]]) -> list[list[bytes]]:
    found = []
    for rows, size in chunks:
        bounds = zip(rows.starts.tolist(), rows.ends.tolist(), strict=True)
        data = memoryview(rows.data)
        found.append([bytes(data[low:high]) for low, high in bounds])
        if max(map(len, found[-1])) < MAX_PACKET:
            assert size == sum(4 + len(row) for row in found[-1])
    return found


ROWS = st.lists(st.binary(max_size=90).map(lambda octets: b"\0" + octets), max_size=600)


@given(
    rows=ROWS,
    places=st.lists(st.integers(1, 2000), max_size=30),
    batch_rows=st.integers(1, 300),
    room=st.integers(95, 500),
)
@settings(max_examples=250, derandomize=True)
def test_all_rows_come_whatever_the_pieces(
    rows: list[bytes], places: list[int], batch_rows: int, room: int
) -> None:
    stream = packets(*rows, EOF)
    with (
        patch.object(row_packets, "MAX_CHUNK_BYTES", room),
        patch.object(row_packets, "_MIN_READ_BYTES", 16),
    ):
        chunks = read(stream, *places, batch_rows=batch_rows)
    assert [row for chunk in chunks for row in chunk] == rows
    assert all(0 < len(chunk) <= batch_rows for chunk in chunks)
    assert all(len(chunk) == 1 or len(b"".join(chunk)) <= room for chunk in chunks)
    driven = read_by_driver(stream, batch_rows=batch_rows)
    assert [row for chunk in driven for row in chunk] == rows
    assert all(len(chunk) == batch_rows for chunk in driven[:-1])


@pytest.mark.parametrize("room", [128, 200, 333])
@pytest.mark.parametrize("batch_rows", [1, 3, 7, 50])
@pytest.mark.parametrize("piece", [13, 61, 300])
def test_what_is_left_in_the_buffer_is_not_lost(room: int, batch_rows: int, piece: int) -> None:
    rows = [b"\0" + bytes([number % 251]) * (number * 7 % 23) for number in range(1000)]
    stream = packets(*rows, EOF)
    with (
        patch.object(row_packets, "MAX_CHUNK_BYTES", room),
        patch.object(row_packets, "_MIN_READ_BYTES", 16),
    ):
        chunks = read(stream, *range(piece, len(stream), piece), batch_rows=batch_rows)
    assert [row for chunk in chunks for row in chunk] == rows


SMALL = [b"\0" + bytes([number]) * number for number in range(5)]


@pytest.mark.parametrize("place", range(1, len(packets(*SMALL, EOF))))
def test_a_piece_may_end_anywhere(place: int) -> None:
    assert read(packets(*SMALL, EOF), place) == [SMALL]


def test_byte_by_byte() -> None:
    stream = packets(*SMALL, EOF)
    assert read(stream, *range(len(stream))) == [SMALL]


@pytest.mark.parametrize("size", [MAX_PACKET - 1, MAX_PACKET, MAX_PACKET + 1, 2 * MAX_PACKET])
@pytest.mark.parametrize("place", [1, 3_000_000, 5_000_000, MAX_PACKET + 6])
def test_a_row_of_several_packets(size: int, place: int) -> None:
    rows = [b"\0a", b"\0" * (size - 1) + b"b", b"\0c"]
    stream = packets(*rows, EOF)
    found = read(stream, place, place + 4_000_000)
    assert [row for chunk in found for row in chunk] == rows
    driven = read_by_driver(stream)
    assert [row for chunk in driven for row in chunk] == rows


def test_sequence_numbers_begin_anew_after_255() -> None:
    rows = [b"\0"] * 1000
    assert read(packets(*rows, EOF), batch_rows=1000) == [rows]


@pytest.mark.parametrize("place", range(1, len(packets(*SMALL, EOF))))
def test_an_answer_that_is_cut_off_is_never_whole(place: int) -> None:
    stream = packets(*SMALL, EOF)[:place]
    for batch_rows in (1, 2, 100):
        with pytest.raises(pymysql.OperationalError) as error:
            read(stream, place // 2, batch_rows=batch_rows)
        assert error.value.args[0] == CR.CR_SERVER_LOST


@pytest.mark.parametrize("size", [5_000_000, MAX_PACKET, MAX_PACKET + 5])
def test_a_large_row_that_is_cut_off_is_never_whole(size: int) -> None:
    stream = packets(b"\0" * size, EOF)
    for missing in (1, 9, 10, 1000):
        with pytest.raises(pymysql.OperationalError, match="Lost connection"):
            read(stream[:-missing], 3_000_000)


@pytest.mark.parametrize("begun", [False, True])
def test_an_error_of_the_network_closes_the_connection(begun: bool) -> None:  # noqa: FBT001
    wire = Pieces([packets(b"\0")] if begun else [], TimeoutError("timed out"))
    connection = connection_to(wire)
    with pytest.raises(pymysql.OperationalError, match="timed out") as error:
        list(raw_rows(connection, batch_rows=10, table="t"))
    assert error.value.args[0] == CR.CR_SERVER_LOST
    assert wire.closed
    assert not connection.open


@pytest.mark.parametrize("reading", [read, read_by_driver])
@pytest.mark.parametrize("rows", [0, 1, 5])
def test_an_error_of_the_server_is_raised(reading: Any, rows: int) -> None:
    with pytest.raises(pymysql.OperationalError) as error:
        reading(packets(*SMALL[:rows], INTERRUPTED))
    assert error.value.args == (1317, "Query execution was interrupted")


def test_a_server_that_shuts_down_says_so_out_of_order() -> None:
    stopping = b"\xff" + struct.pack("<H", 1053) + b"#08S01Server shutdown in progress"
    with pytest.raises(pymysql.OperationalError) as error:
        read(packets(b"\0") + packets(stopping, first=0))
    assert error.value.args[0] == 1053


@pytest.mark.parametrize("end", [b"\xfe", b"\xfe\0\0\2", b"\xfe\0\0\2\0\0", b"\xfe" + bytes(20)])
@pytest.mark.parametrize("reading", [read, read_by_driver])
def test_an_end_that_is_none_is_refused(reading: Any, end: bytes) -> None:
    with pytest.raises(SourceError, match="a packet is none"):
        reading(packets(b"\0a", end))


@pytest.mark.parametrize("reading", [read, read_by_driver])
@pytest.mark.parametrize("payload", [b"", b"\1", b"\xfb"])
def test_a_packet_that_is_no_row_is_refused(reading: Any, payload: bytes) -> None:
    with pytest.raises(SourceError, match="malformed: a packet is"):
        reading(packets(b"\0a", payload, EOF))


@pytest.mark.parametrize("reading", [read, read_by_driver])
@pytest.mark.parametrize("behind", [(), (b"\1",), (b"\1", b"\0b", EOF)])
def test_a_second_answer_is_refused(reading: Any, behind: tuple[bytes, ...]) -> None:
    with pytest.raises(SourceError, match=r"shop\.orders returns several results"):
        reading(packets(b"\0a", MORE_RESULTS, *behind))


@pytest.mark.parametrize("number", [0, 8, 10, 255])
@pytest.mark.parametrize("end", [b"", packets(EOF, first=10)])
def test_packets_out_of_order_are_refused(number: int, end: bytes) -> None:
    stream = packets(b"\0a", b"\0b") + packets(b"\0c" if end else EOF, first=number) + end
    with pytest.raises(SourceError, match="missing or out of order"):
        read(stream)


def test_a_large_packet_out_of_order_is_refused() -> None:
    stream = packets(b"\0" * 5_000_000, EOF, first=8)
    with pytest.raises(SourceError, match="missing or out of order"):
        read(stream)


def test_packets_behind_the_end_are_refused() -> None:
    with pytest.raises(SourceError, match="behind its end"):
        read(packets(b"\0a", EOF) + b"\1")


def test_a_row_beyond_all_limits_is_refused() -> None:
    stream = packets(*[b"\0" * MAX_PACKET], EOF)
    with (
        patch.object(row_packets, "_MAX_ROW_BYTES", MAX_PACKET - 1),
        pytest.raises(SourceError, match="longer than 1 GiB"),
    ):
        read(stream)


def test_an_end_of_the_new_form_is_understood() -> None:
    flags = 1 << 24
    end = b"\xfe\0\xfc\0\1" + struct.pack("<HH", 2, 0) + b"a longer message"
    assert read(packets(b"\0a", end), flags=flags) == [[b"\0a"]]
    with pytest.raises(SourceError, match="several results"):
        read(packets(b"\0a", b"\xfe\0\0\x08\0\0\0"), flags=flags)
    with pytest.raises(SourceError, match="a packet is none"):
        read(packets(b"\0a", b"\xfe\0"), flags=flags)

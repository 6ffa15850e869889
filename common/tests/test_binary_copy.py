"""Binary COPY against rows that are put together here, byte by byte, from the manual."""

from __future__ import annotations

import struct
import uuid
from dataclasses import dataclass
from decimal import Decimal
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest
from athena_connectors.common.errors import DataConversionError, InternalError, SourceError
from athena_connectors.common.sql.binary_copy import BinaryCopyDecoder, decoder_names
from athena_connectors.common.testing import strategies
from hypothesis import given, settings
from hypothesis import strategies as st

if TYPE_CHECKING:
    from collections.abc import Callable

SIGNATURE = b"PGCOPY\n\xff\r\n\0"
TRAILER = b"\xff\xff"
MICROS_TO_2000 = 946_684_800_000_000
DAYS_TO_2000 = 10_957
FIRST_DAY, LAST_DAY = -719_162, 2_932_896
MICROS_A_DAY = 86_400_000_000

Payload = bytes | None
Cell = tuple[Payload, Any]
"""What the server sends for a value, and the physical value that has to come out."""


@dataclass(frozen=True)
class Column:
    decoder: str
    arrow: pa.DataType
    name: str = "c"


# The server's side, written a second time


def header(extension: bytes = b"", flags: int = 0) -> bytes:
    return SIGNATURE + struct.pack(">II", flags, len(extension)) + extension


def field(payload: Payload) -> bytes:
    return struct.pack(">i", -1) if payload is None else struct.pack(">i", len(payload)) + payload


def row(*payloads: Payload) -> bytes:
    return struct.pack(">h", len(payloads)) + b"".join(map(field, payloads))


def stream(rows: list[bytes]) -> list[bytes]:
    first, *others = [*rows, TRAILER]
    return [header() + first, *others]


def numeric(value: Decimal) -> bytes:
    sign, digits, exponent = value.as_tuple()
    assert isinstance(exponent, int)
    text = "".join(map(str, digits)) + "0" * max(exponent, 0)
    text = text.rjust(max(-exponent, 0), "0")
    cut = len(text) - max(-exponent, 0)
    whole, fraction = text[:cut], text[cut:]
    whole = whole.rjust(-(-len(whole) // 4) * 4, "0")
    fraction = fraction.ljust(-(-len(fraction) // 4) * 4, "0")
    groups = [int((whole + fraction)[at : at + 4]) for at in range(0, len(whole + fraction), 4)]
    weight = len(whole) // 4 - 1
    while groups and groups[0] == 0:
        groups, weight = groups[1:], weight - 1
    while groups and groups[-1] == 0:
        groups = groups[:-1]
    if not groups:
        weight, sign = 0, 0
    flags = 0x4000 if sign else 0
    head = struct.pack(">hhHH", len(groups), weight, flags, max(-exponent, 0))
    return head + struct.pack(f">{len(groups)}H", *groups)


def array(payloads: list[Payload], *, lower: int = 1) -> bytes:
    nulls = int(None in payloads)
    if not payloads:
        return struct.pack(">iiI", 0, 0, 23)
    head = struct.pack(">iiIii", 1, nulls, 23, len(payloads), lower)
    return head + b"".join(map(field, payloads))


# Values of each decoder


def packed(layout: str) -> Callable[[Any], Cell]:
    return lambda value: (struct.pack(layout, value), value)


def integers(bits: int) -> st.SearchStrategy[int]:
    least, greatest = -(2 ** (bits - 1)), 2 ** (bits - 1) - 1
    return st.sampled_from((least, -1, 0, 1, greatest)) | st.integers(least, greatest)


def floats(bits: int) -> st.SearchStrategy[float]:
    edges = (0.0, -0.0, float("nan"), float("inf"), float("-inf"))
    return st.sampled_from(edges) | st.floats(width=bits)  # type: ignore[arg-type]


def a_date(days: int) -> Cell:
    known = FIRST_DAY <= days + DAYS_TO_2000 <= LAST_DAY
    return struct.pack(">i", days), days + DAYS_TO_2000 if known else None


def dates() -> st.SearchStrategy[int]:
    edges = [FIRST_DAY, LAST_DAY, 0, DAYS_TO_2000]
    around = [day - DAYS_TO_2000 + step for day in edges for step in (-1, 0, 1)]
    infinities = (-(2**31), 2**31 - 1)
    return st.sampled_from((*around, *infinities)) | st.integers(-720_000, 2_930_000)


def a_time(shift: int) -> Callable[[int], Cell]:
    def cell(micros: int) -> Cell:
        since_1970 = micros + MICROS_TO_2000
        known = FIRST_DAY * MICROS_A_DAY <= since_1970 < (LAST_DAY + 1) * MICROS_A_DAY
        # Python's division rounds down, as the engine's milliseconds do.
        return struct.pack(">q", micros), since_1970 // 1000 << shift if known else None

    return cell


def times() -> st.SearchStrategy[int]:
    edges = [FIRST_DAY * MICROS_A_DAY, (LAST_DAY + 1) * MICROS_A_DAY, 0, MICROS_TO_2000]
    around = [
        edge - MICROS_TO_2000 + step for edge in edges for step in (-1001, -1, 0, 1, 999, 1000)
    ]
    infinities = (-(2**63), 2**63 - 1)
    return (
        st.sampled_from((*around, *infinities))
        | st.integers(around[0], around[7])
        | st.integers(-MICROS_TO_2000 - 3000, -MICROS_TO_2000 + 3000)
    )


def a_numeric(value: Decimal) -> Cell:
    return numeric(value), value


DECIMAL = pa.decimal128(18, 4)
LONG_DECIMAL = pa.decimal128(38, 10)
TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=6)

SCALARS: dict[str, tuple[pa.DataType, st.SearchStrategy[Cell]]] = {
    "bool": (pa.bool_(), st.booleans().map(lambda truth: (bytes([truth]), truth))),
    "int2": (pa.int16(), integers(16).map(packed(">h"))),
    "int4": (pa.int32(), integers(32).map(packed(">i"))),
    "int8": (pa.int64(), integers(64).map(packed(">q"))),
    "float4": (pa.float32(), floats(32).map(packed(">f"))),
    "float8": (pa.float64(), floats(64).map(packed(">d"))),
    "date": (pa.date32(), dates().map(a_date)),
    "timestamp": (pa.date64(), times().map(a_time(0))),
    "timestamptz": (pa.timestamp("ms", "UTC"), times().map(a_time(12))),
    "text": (pa.string(), TEXTS.map(lambda text: (text.encode(), text))),
    "bytea": (pa.binary(), st.binary(max_size=5).map(lambda octets: (octets, octets))),
    "uuid": (pa.string(), st.uuids().map(lambda value: (value.bytes, str(value)))),
    "numeric": (DECIMAL, strategies.values(DECIMAL).map(a_numeric)),
    "decimal_text": (
        LONG_DECIMAL,
        strategies.values(LONG_DECIMAL).map(lambda value: (format(value, "f").encode(), value)),
    ),
}


def a_list(cells: list[Cell]) -> Cell:
    return array([payload for payload, _ in cells]), [value for _, value in cells]


NULL: Cell = (None, None)


def type_and_cells(decoder: str) -> tuple[pa.DataType, st.SearchStrategy[Cell]]:
    type_, cells = SCALARS[decoder.removeprefix("list:")]
    if decoder.startswith("list:"):
        type_, cells = pa.list_(type_), st.lists(st.just(NULL) | cells, max_size=4).map(a_list)
    return type_, st.just(NULL) | cells


# What comes out


def physical(column: Any) -> list[Any]:
    """The values as they stand in the buffers; floats as bits, so that NaN equals NaN."""
    type_: Any = column.type
    if pa.types.is_list(type_):
        items = physical(column.values)
        bounds = column.offsets.to_pylist()
        lists = [items[low:high] for low, high in pairwise(bounds)]
        valid = column.is_valid().to_pylist()
        return [item if known else None for item, known in zip(lists, valid, strict=True)]
    if pa.types.is_floating(type_):
        return list(map(float_bits, column.to_pylist()))
    if pa.types.is_temporal(type_):
        column = column.view(pa.int32() if type_.bit_width == 32 else pa.int64())
    return list(column.to_pylist())


def float_bits(value: Any) -> Any:
    if isinstance(value, list):
        return list(map(float_bits, value))
    return struct.pack(">d", value) if isinstance(value, float) else value


def decode(columns: list[Column], *chunks: list[bytes]) -> tuple[int, list[list[Any]]]:
    """Decode chunk by chunk; return the number of rows and the values of each column."""
    decoder = BinaryCopyDecoder(columns, table="shop.orders")
    count = 0
    values: list[list[Any]] = [[] for _ in columns]
    for chunk in chunks:
        rows, arrays = decoder.decode(list(chunk))
        count += rows
        for column, result, found in zip(columns, arrays, values, strict=True):
            assert result.type == column.arrow
            assert len(result) == rows
            check_buffers(result)
            found.extend(physical(result))
    assert decoder.ended
    return count, values


def check_buffers(column: pa.Array[Any]) -> None:
    if pa.types.is_date64(column.type):
        column = column.view(pa.int64())  # carries a time of day, to Arrow's dismay
    elif column.type == pa.list_(pa.date64()):
        assert isinstance(column, pa.ListArray)
        column.validate()
        return
    column.validate(full=True)


def cut(messages: list[bytes], places: list[int]) -> list[list[bytes]]:
    bounds = [0, *sorted(place for place in places if 0 < place < len(messages)), len(messages)]
    return [messages[low:high] for low, high in pairwise(bounds) if low < high]


@st.composite
def answers(draw: st.DrawFn) -> tuple[list[Column], list[list[Cell]]]:
    names = draw(st.lists(st.sampled_from(sorted(decoder_names())), max_size=5))
    kinds = [type_and_cells(name) for name in names]
    columns = [Column(name, type_) for name, (type_, _) in zip(names, kinds, strict=True)]
    cells = st.tuples(*(cells for _, cells in kinds)).map(list)
    return columns, draw(st.lists(cells, max_size=9))


@given(answers(), st.lists(st.integers(1, 10)))
@settings(max_examples=250, deadline=None, derandomize=True)
def test_what_is_sent_arrives(
    answer: tuple[list[Column], list[list[Cell]]], places: list[int]
) -> None:
    columns, rows = answer
    messages = stream([row(*(payload for payload, _ in cells)) for cells in rows])
    count, values = decode(columns, *cut(messages, places))
    assert count == len(rows)
    wanted = [[float_bits(cells[at][1]) for cells in rows] for at in range(len(columns))]
    assert values == wanted


@pytest.mark.parametrize("name", sorted(decoder_names()))
@given(data=st.data())
@settings(max_examples=40, deadline=None, derandomize=True)
def test_each_decoder(name: str, data: st.DataObject) -> None:
    type_, strategy = type_and_cells(name)
    cells = data.draw(st.lists(strategy, max_size=12))
    messages = stream([row(payload) for payload, _ in cells])
    _, (values,) = decode([Column(name, type_)], messages)
    assert values == [float_bits(value) for _, value in cells]


# Chunks and frame

MIXED = [
    Column("int2", pa.int16()),
    Column("text", pa.string()),
    Column("numeric", DECIMAL),
    Column("list:int4", pa.list_(pa.int32())),
    Column("uuid", pa.string()),
]
IDENTITY = uuid.UUID("0123456789abcdeffedcba9876543210")
MIXED_ROWS: list[list[Payload]] = [
    [b"\0\1", b"", numeric(Decimal("-1.5")), array([]), IDENTITY.bytes],
    [None, "é\U0001f600".encode(), None, array([b"\0\0\0\7", None]), None],
    [b"\xff\xff", None, numeric(Decimal(0)), None, IDENTITY.bytes],
    [b"\x7f\xff", b"a", numeric(Decimal("99999999999999.9999")), array([None]), None],
]
MIXED_VALUES = [
    [1, None, -1, 32767],
    ["", "é\U0001f600", None, "a"],
    [Decimal("-1.5"), None, Decimal(0), Decimal("99999999999999.9999")],
    [[], [7, None], None, [None]],
    [str(IDENTITY), None, str(IDENTITY), None],
]


@pytest.mark.parametrize(
    "places", [[at for at in range(1, 5) if bits >> at & 1] for bits in range(32)]
)
def test_rows_may_be_cut_into_chunks_anywhere(places: list[int]) -> None:
    messages = stream([row(*payloads) for payloads in MIXED_ROWS])
    assert decode(MIXED, *cut(messages, places)) == (4, MIXED_VALUES)


@pytest.mark.parametrize("name", sorted(decoder_names()))
@pytest.mark.parametrize("rows", [1, 2])
def test_the_last_bytes_of_a_chunk_are_looked_at_in_full(name: str, rows: int) -> None:
    # The widest gather begins at the length of the last value, 4 bytes before the end.
    type_, _ = type_and_cells(name)
    assert decode([Column(name, type_)], stream([row(None)] * rows)) == (rows, [[None] * rows])


def test_the_header_may_come_alone() -> None:
    messages = [header(), *stream([row(b"\0\1")])]
    messages[1] = messages[1].removeprefix(header())
    column = Column("int2", pa.int16())
    assert decode([column], messages) == (1, [[1]])
    assert decode([column], *([message] for message in messages)) == (1, [[1]])


@pytest.mark.parametrize("extension", [b"\0", b"any\xff\xffthing", bytes(500)])
def test_a_header_may_be_extended(extension: bytes) -> None:
    messages = [header(extension) + row(b"\0\1"), TRAILER]
    assert decode([Column("int2", pa.int16())], messages) == (1, [[1]])


def test_flags_that_are_not_critical_do_not_matter() -> None:
    messages = [header(flags=0x8000) + row(b"\0\1"), TRAILER]
    assert decode([Column("int2", pa.int16())], messages) == (1, [[1]])


@pytest.mark.parametrize("name", sorted(decoder_names()))
def test_an_answer_without_rows(name: str) -> None:
    type_, _ = type_and_cells(name)
    column = Column(name, type_)
    assert decode([column], [header() + TRAILER]) == (0, [[]])
    assert decode([column], [header()], [TRAILER]) == (0, [[]])


def test_rows_without_columns_are_counted() -> None:
    assert decode([], stream([row()] * 3)) == (3, [])


def test_the_end_marker_is_missed() -> None:
    decoder = BinaryCopyDecoder([Column("int2", pa.int16())], table="shop.orders")
    decoder.decode([header() + row(b"\0\1"), row(b"\0\2")])
    assert not decoder.ended
    decoder.decode([TRAILER])
    assert decoder.ended


MALFORMED: dict[str, list[Payload]] = {
    "no header": [row(b"\0\1")],
    "an empty message": [b""],
    "half a header": [header()[:15]],
    "half an extension": [header(b"extension")[:-4]],
    "another signature": [b"P" + header()[:-1] + row(b"\0\1")],
    "a critical flag": [header(flags=1 << 16) + row(b"\0\1")],
    "a row behind the end": [header() + row(b"\0\1"), TRAILER, row(b"\0\1")],
    "a row in a chunk behind the end": [header() + TRAILER, None, row(b"\0\1")],
    "no field": [header() + row()],
    "two fields": [header() + row(b"\0\1", b"\0\1")],
    "a count of two, and one field": [header() + b"\0\2" + field(b"\0\1")],
    "a count of none, and one field": [header() + b"\0\0" + field(b"\0\1")],
    "another count in the second row": [header() + row(b"\0\1"), row(b"\0\1", None)],
    "an empty row": [header() + row(b"\0\1"), b"", row(b"\0\1")],
    "half a count": [header() + row(b"\0\1"), b"\0"],
    "a count alone": [header() + b"\0\1"],
    "half a length": [header() + b"\0\1\0\0"],
    "a length alone": [header() + b"\0\1\0\0\0\2"],
    "half a value": [header() + row(b"\0\1")[:-1], row(b"\0\1")],
    "a byte too many": [header() + row(b"\0\1") + b"\0", row(b"\0\1")],
    "a length below -1": [header() + b"\0\1" + struct.pack(">i", -2)],
    "a length beyond everything": [header() + b"\0\1" + struct.pack(">i", 2**31 - 1) + b"\0\1"],
}


@pytest.mark.parametrize("case", MALFORMED)
def test_malformed_answers_are_refused(case: str) -> None:
    decoder = BinaryCopyDecoder([Column("int2", pa.int16())], table="shop.orders")
    chunks: list[list[bytes]] = [[]]
    for message in MALFORMED[case]:
        if message is None:
            chunks.append([])
        else:
            chunks[-1].append(message)
    with pytest.raises(SourceError, match=r"shop\.orders is malformed"):  # noqa: PT012
        for chunk in chunks:
            decoder.decode(chunk)


def test_no_answer_that_is_cut_off_is_taken_for_whole() -> None:
    messages = stream([row(*payloads) for payloads in MIXED_ROWS])
    for size in range(len(b"".join(messages))):
        kept, left = [], size
        for message in messages:
            if left > 0:
                kept.append(message[:left])
            left -= len(message)
        decoder = BinaryCopyDecoder(MIXED, table="shop.orders")
        try:
            decoder.decode(kept or [b""])
        except SourceError:
            continue
        assert not decoder.ended, size


@given(
    st.lists(st.tuples(st.integers(0, 4), st.integers(0, 200), st.integers(1, 255)), min_size=1),
    st.lists(st.integers(1, 5)),
)
@settings(max_examples=700, deadline=None, derandomize=True)
def test_damaged_bytes_give_values_or_an_error_and_nothing_else(
    damages: list[tuple[int, int, int]], places: list[int]
) -> None:
    messages = list(map(bytearray, stream([row(*payloads) for payloads in MIXED_ROWS])))
    frame = len(header())
    for message, position, bits in damages:
        start = 0 if message else frame
        messages[message][start + position % (len(messages[message]) - start)] ^= bits
    decoder = BinaryCopyDecoder(MIXED, table="shop.orders")
    rows = 0
    try:
        for chunk in cut(list(map(bytes, messages)), places):
            count, arrays = decoder.decode(chunk)
            rows += count
            for column in arrays:
                column.validate(full=True)
    except (SourceError, DataConversionError):
        return
    assert decoder.ended
    assert rows == 4


def test_an_unknown_decoder_is_our_bug() -> None:
    with pytest.raises(InternalError, match="'int3'"):
        BinaryCopyDecoder([Column("int3", pa.int32())], table="shop.orders")


# Values that do not fit

WIDTHS = {"bool": 1, "int2": 2, "int4": 4, "int8": 8, "float4": 4, "float8": 8, "date": 4}
WIDTHS |= {"timestamp": 8, "timestamptz": 8, "uuid": 16}


@pytest.mark.parametrize("name", WIDTHS)
@pytest.mark.parametrize("step", [-1, 1, 4])
def test_a_value_of_another_width_names_its_column(name: str, step: int) -> None:
    column = Column(name, SCALARS[name][0], name="price")
    decoder = BinaryCopyDecoder([column], table="shop.orders")
    messages = stream([row(bytes(WIDTHS[name])), row(None), row(bytes(WIDTHS[name] + step))])
    with pytest.raises(DataConversionError, match=r"'price' of shop\.orders") as caught:
        decoder.decode(messages)
    assert caught.value.context == {"table": "shop.orders", "column": "price"}


@pytest.mark.parametrize(
    "payloads",
    [
        [b"\xff"],
        [b"abc\x80"],
        [b"\xc3"],
        [b"\xed\xa0\x80"],
        [b"\xc0\x80"],
        ["é".encode()[:1], "é".encode()[1:]],  # together they would be a character
        [b"\xf0\x9f", None, b"\x98\x80"],
    ],
)
@pytest.mark.parametrize("listed", [False, True])
def test_text_that_is_not_utf8_is_refused(payloads: list[Payload], *, listed: bool) -> None:
    column = Column("text", pa.string(), name="note")
    messages = stream([row(payload) for payload in payloads])
    if listed:
        column = Column("list:text", pa.list_(pa.string()), name="note")
        messages = stream([row(array(payloads))])
    decoder = BinaryCopyDecoder([column], table="shop.orders")
    with pytest.raises(DataConversionError, match=r"'note' .* not valid UTF-8.*SQL_ASCII"):
        decoder.decode(messages)

"""Binary rows of MySQL that are put together here, byte by byte, from its documentation."""

from __future__ import annotations

import datetime as dt
import gc
import struct
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest
from athena_connectors.common.errors import DataConversionError, InternalError, SourceError
from athena_connectors.common.protocol.storage import physical_values
from athena_connectors.common.sql.binary_rows import BinaryRowsDecoder, row_decoder_names
from athena_connectors.common.sql.columns import MAX_WINDOW, PackedRows, pack_rows
from athena_connectors.common.testing import strategies
from hypothesis import given, settings
from hypothesis import strategies as st

if TYPE_CHECKING:
    from collections.abc import Callable

EPOCH = dt.date(1970, 1, 1)
DAY_MS = 86_400_000
UNSIGNED = 32

Payload = bytes | None
Cell = tuple[Payload, Any]
"""What the server sends for a value, and the physical value that has to come out."""


@dataclass(frozen=True)
class Column:
    decoder: str
    arrow: pa.DataType
    name: str = "c"


@dataclass(frozen=True)
class Sent:
    type_code: int
    flags: int = 0
    scale: int = 0


@dataclass(frozen=True)
class Case:
    """A type as the server sends it, what it becomes, and values."""

    sent: Sent
    column: Column
    cells: st.SearchStrategy[Cell]


# The server's side, written a second time


def length(size: int) -> bytes:
    if size < 251:
        return bytes([size])
    if size < 1 << 16:
        return b"\xfc" + struct.pack("<H", size)
    if size < 1 << 24:
        return b"\xfd" + struct.pack("<I", size)[:3]
    return b"\xfe" + struct.pack("<Q", size)


def string(octets: bytes) -> bytes:
    return length(len(octets)) + octets


def row(*payloads: Payload) -> bytes:
    bits = sum(1 << place + 2 for place, payload in enumerate(payloads) if payload is None)
    bitmap = bits.to_bytes((len(payloads) + 9) // 8, "little")
    return b"\0" + bitmap + b"".join(payload or b"" for payload in payloads)


def a_date(*parts: int) -> bytes:
    """Year, month, day, and as much of a clock as is given: hour, minute, second, micros."""
    layout = {0: "<", 3: "<HBB", 6: "<HBBBBB", 7: "<HBBBBBI"}[len(parts)]
    return string(struct.pack(layout, *parts))


def a_time(*parts: int) -> bytes:
    """Sign, days, hour, minute, second and perhaps micros."""
    layout = {0: "<", 5: "<BIBBB", 6: "<BIBBBI"}[len(parts)]
    return string(struct.pack(layout, *parts))


# Values of each type


def packed(layout: str) -> Callable[[Any], Cell]:
    return lambda value: (struct.pack(layout, value), value)


def numbers(least: int, greatest: int) -> st.SearchStrategy[int]:
    edges = (least, least + 1, 0, 1, greatest - 1, greatest)
    return st.sampled_from(edges) | st.integers(least, greatest)


def integers(code: int, layout: str, arrow: pa.DataType, *, bits: int, decoder: str) -> Case:
    unsigned = layout.isupper()
    least, greatest = (0, 2**bits - 1) if unsigned else (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)
    flags = UNSIGNED if unsigned else 0
    cells = numbers(least, greatest).map(packed("<" + layout))
    if decoder == "bool":
        cells = cells.map(lambda cell: (cell[0], cell[1] != 0))
    return Case(Sent(code, flags), Column(decoder, arrow), cells)


def date_cell(parts: tuple[int, ...]) -> Cell:
    try:
        return a_date(*parts), (dt.date(*parts) - EPOCH).days
    except (TypeError, ValueError):
        return a_date(*parts), None


def datetime_cell(parts: tuple[int, ...]) -> Cell:
    _, days = date_cell(parts[:3])
    if days is None:
        return a_date(*parts), None
    hour, minute, second, micros = (*parts[3:], 0, 0, 0, 0)[:4]
    millis = ((hour * 60 + minute) * 60 + second) * 1000 + micros // 1000
    return a_date(*parts), days * DAY_MS + millis


NO_DATES = ((0, 0, 0), (2024, 0, 0), (2024, 2, 0), (2024, 0, 1), (2024, 2, 30), (2023, 2, 29))
FAR_DATES = ((0, 1, 1), (10_000, 1, 1), (65_535, 255, 255), (2024, 13, 1), (2024, 4, 31))
EDGE_DATES = ((1, 1, 1), (9999, 12, 31), (1970, 1, 1), (1969, 12, 31), (2024, 2, 29), (2000, 2, 29))
CLOCKS = ((0, 0, 0), (23, 59, 59), (0, 0, 0, 1), (23, 59, 59, 999_999), (1, 2, 3, 999), ())


def existing_dates() -> st.SearchStrategy[tuple[int, ...]]:
    every = st.dates().map(lambda date: (date.year, date.month, date.day))
    return st.sampled_from(EDGE_DATES) | every


def dates() -> st.SearchStrategy[tuple[int, ...]]:
    none: tuple[tuple[int, ...], ...] = ((), *NO_DATES, *FAR_DATES)
    return st.sampled_from(none) | existing_dates()


def datetimes(days: st.SearchStrategy[tuple[int, ...]]) -> st.SearchStrategy[tuple[int, ...]]:
    clocks = st.sampled_from(CLOCKS) | st.times().map(
        lambda time: (time.hour, time.minute, time.second, time.microsecond)
    )
    return st.tuples(days, clocks).map(lambda both: both[0] and (*both[0], *both[1]))


def time_cells(digits: int) -> st.SearchStrategy[Cell]:
    step = 10 ** (6 - digits)
    last = (838 * 3600 + 59 * 60 + 59) * 1_000_000 + (999_999 if digits else 0)
    return st.sampled_from((0, last, -last, 100 * 3600 * 1_000_000, 86_400_000_000)).map(
        lambda micros: time_cell(int(micros / step) * step, digits)
    ) | st.integers(-(last // step), last // step).map(lambda n: time_cell(n * step, digits))


def time_cell(micros: int, digits: int) -> Cell:
    seconds, fraction = divmod(abs(micros), 1_000_000)
    minutes, second = divmod(seconds, 60)
    hours, minute = divmod(minutes, 60)
    point = f".{fraction:06}"[: digits + 1] if digits else ""
    text = f"{'-' if micros < 0 else ''}{hours:02}:{minute:02}:{second:02}{point}"
    days, hour = divmod(hours, 24)
    if micros == 0:
        return a_time(), text
    clock = (int(micros < 0), days, hour, minute, second)
    return a_time(*clock, fraction) if fraction else a_time(*clock), text


def decimals(type_: Any) -> st.SearchStrategy[Cell]:
    return strategies.values(type_).map(lambda n: (string(format(n, "f").encode()), n))


def bit_cells(width: int) -> st.SearchStrategy[Cell]:
    size = (width + 7) // 8
    return numbers(0, 2**width - 1).map(lambda n: (string(n.to_bytes(size, "big")), n))


LENGTHS = (0, 1, 250, 251, 252, 255, 256, 65_535, 65_536)
OCTETS = st.binary(max_size=6) | st.sampled_from(LENGTHS).map(lambda size: b"\xfb\0" * size)
TEXTS = st.text(max_size=6) | st.sampled_from(LENGTHS).map(lambda size: "é" * size)


def float_cells(layout: str, bits: int) -> st.SearchStrategy[Cell]:
    edges = (0.0, -0.0, 1.1, float("inf"), 5e-324, 16_777_217.0)
    every = st.sampled_from(edges) | st.floats(width=64, allow_nan=False)
    return every.filter(lambda n: bits == 64 or abs(n) < 1e38 or n == float("inf")).map(
        lambda n: (struct.pack(layout, n), struct.unpack(layout, struct.pack(layout, n))[0])
    )


WIDE, EXACT, LONG = pa.decimal128(20, 0), pa.decimal128(18, 4), pa.decimal128(38, 10)
ZONED = pa.timestamp("ms", "UTC")
YEARS = st.sampled_from((0, 1901, 1970, 2155)).map(packed("<H"))


def zoned(cell: Cell) -> Cell:
    return cell[0], None if cell[1] is None else cell[1] << 12


CASES: dict[str, Case] = {
    "tinyint": integers(1, "b", pa.int8(), bits=8, decoder="integer"),
    "tinyint unsigned": integers(1, "B", pa.int16(), bits=8, decoder="integer"),
    "tinyint(1)": integers(1, "b", pa.bool_(), bits=8, decoder="bool"),
    "smallint": integers(2, "h", pa.int16(), bits=16, decoder="integer"),
    "smallint unsigned": integers(2, "H", pa.int32(), bits=16, decoder="integer"),
    "mediumint": integers(9, "i", pa.int32(), bits=24, decoder="integer"),
    "mediumint unsigned": integers(9, "I", pa.int32(), bits=24, decoder="integer"),
    "int": integers(3, "i", pa.int32(), bits=32, decoder="integer"),
    "int unsigned": integers(3, "I", pa.int64(), bits=32, decoder="integer"),
    "int as decimal": integers(3, "i", pa.decimal128(10, 0), bits=32, decoder="decimal"),
    "bigint": integers(8, "q", pa.int64(), bits=64, decoder="integer"),
    "bigint as decimal": integers(8, "q", WIDE, bits=64, decoder="integer"),
    "bigint unsigned": integers(8, "Q", WIDE, bits=64, decoder="integer"),
    "bigint as bool": integers(8, "q", pa.bool_(), bits=64, decoder="bool"),
    "float": Case(Sent(4), Column("float", pa.float32()), float_cells("<f", 32)),
    "float as double": Case(Sent(4), Column("float", pa.float64()), float_cells("<f", 32)),
    "double": Case(Sent(5), Column("float", pa.float64()), float_cells("<d", 64)),
    "decimal": Case(Sent(246), Column("decimal", EXACT), decimals(EXACT)),
    "decimal(38)": Case(Sent(0), Column("decimal", LONG), decimals(LONG)),
    "decimal as text": Case(
        Sent(246), Column("text", pa.string()), st.just((string(b"-" + b"9" * 65), "-" + "9" * 65))
    ),
    "date": Case(Sent(10), Column("date", pa.date32()), dates().map(date_cell)),
    "newdate": Case(Sent(14), Column("date", pa.date32()), dates().map(date_cell)),
    "strict date": Case(
        Sent(10), Column("strict:date", pa.date32()), existing_dates().map(date_cell)
    ),
    "date as datetime": Case(Sent(10), Column("datetime", pa.date64()), dates().map(datetime_cell)),
    "datetime": Case(
        Sent(12), Column("datetime", pa.date64()), datetimes(dates()).map(datetime_cell)
    ),
    "strict datetime": Case(
        Sent(12),
        Column("strict:datetime", pa.date64()),
        datetimes(existing_dates()).map(datetime_cell),
    ),
    "timestamp": Case(
        Sent(7),
        Column("datetime", ZONED),
        datetimes(dates()).map(datetime_cell).map(zoned),
    ),
    "year": Case(Sent(13, UNSIGNED), Column("integer", pa.int32()), YEARS),
    "year as date": Case(
        Sent(13, UNSIGNED),
        Column("date", pa.date32()),
        YEARS.map(lambda cell: (cell[0], date_cell((cell[1], 1, 1))[1])),
    ),
    "time": Case(Sent(11), Column("text", pa.string()), time_cells(0)),
    "time(3)": Case(Sent(11, 0, 3), Column("text", pa.string()), time_cells(3)),
    "time(6)": Case(Sent(11, 0, 6), Column("text", pa.string()), time_cells(6)),
    "time of an expression": Case(Sent(11, 0, 31), Column("text", pa.string()), time_cells(6)),
    "bit(1)": Case(
        Sent(16, UNSIGNED),
        Column("bool", pa.bool_()),
        bit_cells(1).map(lambda cell: (cell[0], bool(cell[1]))),
    ),
    "bit(9)": Case(Sent(16, UNSIGNED), Column("integer", pa.int64()), bit_cells(9)),
    "bit(63)": Case(Sent(16, UNSIGNED), Column("integer", pa.int64()), bit_cells(63)),
    "bit(64)": Case(Sent(16, UNSIGNED), Column("decimal", WIDE), bit_cells(64)),
    "nothing": Case(Sent(6), Column("text", pa.string()), st.just((None, None))),
    **{
        f"text {code}": Case(
            Sent(code),
            Column("text", pa.string()),
            TEXTS.map(lambda text: (string(text.encode()), text)),
        )
        for code in (15, 245, 247, 248, 252, 253, 254)
    },
    **{
        f"bytes {code}": Case(
            Sent(code), Column("bytes", pa.binary()), OCTETS.map(lambda o: (string(o), o))
        )
        for code in (242, 249, 250, 251, 252, 253, 254, 255)
    },
}
NULL: Cell = (None, None)


def cells_of(case: Case) -> st.SearchStrategy[Cell]:
    return st.just(NULL) | case.cells


# What comes out


def comparable(values: list[Any]) -> list[Any]:
    """Floats as bits, so that 0.0 is not -0.0."""
    return [struct.pack("<d", v) if isinstance(v, float) else v for v in values]


def decode(cases: list[Case], *chunks: list[bytes]) -> tuple[int, list[list[Any]]]:
    """Decode chunk by chunk; return the number of rows and the values of each column."""
    columns = [case.column for case in cases]
    decoder = BinaryRowsDecoder(columns, [case.sent for case in cases], table="shop.orders")
    count = 0
    values: list[list[Any]] = [[] for _ in cases]
    for chunk in chunks:
        rows, arrays = decoder.decode(pack_rows(chunk))
        count += rows
        for column, result, found in zip(columns, arrays, values, strict=True):
            assert result.type == column.arrow
            assert len(result) == rows
            found.extend(physical_values(result))
    return count, values


@st.composite
def answers(draw: st.DrawFn, most: int = 6) -> tuple[list[Case], list[list[Cell]]]:
    cases = [CASES[name] for name in draw(st.lists(st.sampled_from(sorted(CASES)), max_size=most))]
    cells = st.tuples(*map(cells_of, cases)).map(list)
    return cases, draw(st.lists(cells, min_size=1, max_size=9))


def row_of(cells: list[Cell]) -> bytes:
    return row(*(payload for payload, _ in cells))


def check_round_trip(cases: list[Case], rows: list[list[Cell]], places: list[int]) -> None:
    messages = list(map(row_of, rows))
    bounds = [0, *sorted({at for at in places if 0 < at < len(rows)}), len(rows)]
    count, values = decode(cases, *(messages[low:high] for low, high in pairwise(bounds)))
    assert count == len(rows)
    for place, found in enumerate(values):
        assert comparable(found) == comparable([cells[place][1] for cells in rows])


@given(answers(), st.lists(st.integers(1, 9)))
@settings(max_examples=250, derandomize=True)
def test_what_is_sent_arrives(
    answer: tuple[list[Case], list[list[Cell]]], places: list[int]
) -> None:
    check_round_trip(*answer, places)


@pytest.mark.parametrize("name", CASES)
@given(data=st.data())
@settings(max_examples=25, derandomize=True)
def test_each_type(name: str, data: st.DataObject) -> None:
    case = CASES[name]
    cells = data.draw(st.lists(cells_of(case), min_size=1, max_size=40))
    check_round_trip([case], [[cell] for cell in cells], [])


def test_every_decoder_has_a_case() -> None:
    assert {case.column.decoder for case in CASES.values()} == row_decoder_names()


@pytest.mark.parametrize("columns", [1, 5, 6, 7, 13, 14, 15, 200, 503, 504, 505, 1100, 4096])
def test_bitmaps_of_every_width(columns: int) -> None:
    case = CASES["tinyint"]
    patterns = [
        [None if (place * 7 + shift) % 5 == 0 else place % 100 for place in range(columns)]
        for shift in range(5)
    ]
    patterns += [[None] * columns, [1] * columns]
    rows = [row(*(None if n is None else bytes([n]) for n in pattern)) for pattern in patterns]
    count, values = decode([case] * columns, rows)
    assert count == 7
    assert [list(pattern) for pattern in zip(*values, strict=True)] == patterns


@pytest.mark.parametrize("size", [*LENGTHS, 16_777_214, 16_777_215, 16_777_216, 20_000_000])
@pytest.mark.parametrize("name", ["text 252", "bytes 252"])
def test_values_of_every_length(name: str, size: int) -> None:
    octets = b"a" * size
    value = octets.decode() if name.startswith("text") else octets
    tail = CASES["bigint"]
    rows = [row(string(octets), struct.pack("<q", 7)), row(None, None)]
    assert decode([CASES[name], tail], rows) == (2, [[value, None], [7, None]])


@pytest.mark.parametrize("prefix", [b"\xfc\3\0", b"\xfd\3\0\0", b"\xfe\3\0\0\0\0\0\0\0"])
def test_a_length_may_be_longer_than_needed(prefix: bytes) -> None:
    rows = [row(prefix + b"abc", b"\7"), row(b"\1d", b"\x08")]
    assert decode([CASES["text 253"], CASES["tinyint"]], rows) == (2, [["abc", "d"], [7, 8]])


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("rows", [1, 2])
def test_the_last_bytes_of_a_chunk_are_looked_at_in_full(name: str, rows: int) -> None:
    assert decode([CASES[name]], [row(None)] * rows) == (rows, [[None] * rows])


def test_rows_without_columns_are_counted_whatever_they_hold() -> None:
    decoder = BinaryRowsDecoder([], [Sent(3), Sent(253)], table="shop.orders")
    rows = [row(b"\1\0\0\0", string(b"a")), row(None, None)]
    assert decoder.decode(pack_rows(rows)) == (2, [])


def test_arrays_do_not_share_memory_with_the_rows() -> None:
    cases = list(CASES.values())
    rows = [row(*(SAMPLES.get(name) for name in CASES))] * 3
    together = bytearray(b"".join(rows) + bytes(MAX_WINDOW))
    bounds = pack_rows(rows)
    data = pa.py_buffer(together)
    decoder = BinaryRowsDecoder(
        [case.column for case in cases], [case.sent for case in cases], table="t"
    )
    _, arrays = decoder.decode(PackedRows(data, bounds.starts, bounds.ends))
    before = list(map(physical_values, arrays))
    together[:] = b"\xaa" * len(together)
    gc.collect()
    assert list(map(physical_values, arrays)) == before


SAMPLES: dict[str, bytes] = {
    "tinyint": b"\1",
    "bigint": struct.pack("<q", 5),
    "bigint unsigned": struct.pack("<Q", 5),
    "float": struct.pack("<f", 5),
    "double": struct.pack("<d", 5),
    "decimal": string(b"1.5000"),
    "date": a_date(2024, 2, 29),
    "datetime": a_date(2024, 2, 29, 1, 2, 3, 4),
    "time": a_time(0, 1, 2, 3, 4),
    "bit(9)": string(b"\1\1"),
    "text 253": string(b"abc"),
    "bytes 252": string(b"abc"),
}


# Dates that the calendar does not have


@pytest.mark.parametrize("parts", [(), *NO_DATES, *FAR_DATES])
@pytest.mark.parametrize("name", ["date", "datetime"])
def test_a_date_that_does_not_exist_is_an_error_if_wanted(
    name: str, parts: tuple[int, ...]
) -> None:
    case = CASES[f"strict {name}"]
    known = row(a_date(2024, 2, 29))
    with pytest.raises(
        DataConversionError, match=r"Column 'c' of shop\.orders has a date"
    ) as error:
        decode([case], [known, row(a_date(*parts))])
    assert "mysql_zero_date" in str(error.value.hint)
    assert decode([case], [known, row(None)])[0] == 2


def test_a_zero_year_is_an_error_if_wanted() -> None:
    case = Case(Sent(13, UNSIGNED), Column("strict:date", pa.date32()), st.nothing())
    assert decode([case], [row(struct.pack("<H", 1970))]) == (1, [[0]])
    with pytest.raises(DataConversionError, match="has a date"):
        decode([case], [row(struct.pack("<H", 0))])


# Values and columns that do not fit

MISFITS: dict[str, tuple[Sent, Column, bytes]] = {
    "a wider integer": (Sent(3), Column("integer", pa.int8()), struct.pack("<i", 128)),
    "a lower integer": (Sent(3), Column("integer", pa.int16()), struct.pack("<i", -32_769)),
    "an unsigned integer": (Sent(8, UNSIGNED), Column("integer", pa.int64()), b"\xff" * 8),
    "bits": (Sent(16), Column("integer", pa.int64()), string(b"\xff" * 8)),
    "an integer of 3 digits": (Sent(2), Column("integer", pa.decimal128(2)), b"\x9c\xff"),
    "a longer decimal": (Sent(246), Column("decimal", pa.decimal128(4, 2)), string(b"123.45")),
    "a finer decimal": (Sent(246), Column("decimal", pa.decimal128(9, 2)), string(b"1.234")),
    "a decimal of 39 digits": (
        Sent(246),
        Column("decimal", pa.decimal128(38, 0)),
        string(b"9" * 39),
    ),
    "a decimal of 65 digits": (
        Sent(246),
        Column("decimal", pa.decimal128(38, 0)),
        string(b"9" * 65),
    ),
    "text in another charset": (Sent(253), Column("text", pa.string()), string(b"\xe9")),
    "half a character": (Sent(253), Column("text", pa.string()), string("漢".encode()[:2])),
}


@pytest.mark.parametrize("name", MISFITS)
def test_a_value_that_does_not_fit_names_its_column(name: str) -> None:
    sent, column, payload = MISFITS[name]
    case = Case(sent, column, st.nothing())
    with pytest.raises(DataConversionError, match=r"Column 'c' of shop\.orders") as error:
        decode([case], [row(None), row(payload), row(None)])
    assert error.value.hint


@pytest.mark.parametrize(
    ("sent", "decoder", "arrow"),
    [
        (Sent(5), "integer", pa.int64()),
        (Sent(12), "date", pa.date32()),
        (Sent(253), "integer", pa.int64()),
        (Sent(3), "text", pa.string()),
        (Sent(16), "text", pa.string()),
        (Sent(246), "float", pa.float64()),
        (Sent(200), "bytes", pa.binary()),
    ],
)
def test_a_column_that_is_sent_as_something_else_is_refused(
    sent: Sent, decoder: str, arrow: pa.DataType
) -> None:
    with pytest.raises(DataConversionError, match=r"Column 'c' of shop\.orders"):
        BinaryRowsDecoder([Column(decoder, arrow)], [sent], table="shop.orders")


def test_a_double_does_not_become_a_float() -> None:
    case = Case(Sent(5), Column("float", pa.float32()), st.nothing())
    with pytest.raises(DataConversionError, match="double precision"):
        decode([case], [row(bytes(8))])


@pytest.mark.parametrize("columns", [0, 1, 3])
def test_an_answer_with_other_columns_is_refused(columns: int) -> None:
    wanted = [Column("integer", pa.int64())] * 2
    with pytest.raises(SourceError, match=f"it has {columns} columns instead of 2"):
        BinaryRowsDecoder(wanted, [Sent(3)] * columns, table="shop.orders")


def test_an_unknown_decoder_is_our_bug() -> None:
    with pytest.raises(InternalError, match="'uuid'"):
        BinaryRowsDecoder([Column("uuid", pa.string())], [Sent(3)], table="t")


# Bytes that are no rows

MALFORMED: dict[str, tuple[list[str], bytes]] = {
    "an empty row": (["tinyint"], b""),
    "a marker alone": (["tinyint"], b"\0"),
    "half a bitmap": (["tinyint"] * 7, b"\0\0"),
    "another marker": (["tinyint"], b"\1\0\7"),
    "no value": (["tinyint"], b"\0\0"),
    "half a value": (["bigint"], b"\0\0\7\0"),
    "a byte too many": (["tinyint"], b"\0\0\7\0"),
    "a value for NULL": (["tinyint"], b"\0\4\7"),
    "half a length": (["text 253"], b"\0\0\xfc\1"),
    "a length alone": (["text 253"], b"\0\0\5"),
    "a length beyond the row": (["text 253"], b"\0\0\5abc"),
    "a length beyond everything": (["text 253"], b"\0\0\xfe" + b"\xff" * 8),
    "a length of 2**63": (["text 253"], b"\0\0\xfe" + bytes(7) + b"\x80"),
    "the length of NULL": (["text 253"], b"\0\0\xfb"),
    "the length of an error": (["text 253"], b"\0\0\xff"),
    "a date of 5 bytes": (["date"], b"\0\0\5\0\0\0\0\0"),
    "a date of 252 bytes": (["date"], b"\0\0\xfc\4\0" + bytes(4)),
    "an hour of 24": (["datetime"], row(a_date(2024, 1, 1, 24, 0, 0))),
    "a minute of 60": (["datetime"], row(a_date(2024, 1, 1, 0, 60, 0))),
    "a second of 60": (["datetime"], row(a_date(2024, 1, 1, 0, 0, 60))),
    "a million micros": (["datetime"], row(a_date(2024, 1, 1, 0, 0, 0, 1_000_000))),
    "a time of 4 bytes": (["time"], b"\0\0\4\0\0\0\0"),
    "a time of 839 hours": (["time"], row(a_time(0, 34, 23, 0, 0))),
    "bits without bytes": (["bit(9)"], b"\0\0\0"),
    "bits of 9 bytes": (["bit(9)"], b"\0\0\x09" + bytes(9)),
    "a value that can't be one": (["nothing"], b"\0\0"),
}


@pytest.mark.parametrize("name", MALFORMED)
def test_malformed_rows_are_refused(name: str) -> None:
    names, damaged = MALFORMED[name]
    cases = [CASES[name] for name in names]
    good = row(*[None] * len(cases))
    for rows in ([damaged], [good, damaged, good]):
        with pytest.raises(SourceError, match=r"shop\.orders is malformed"):
            decode(cases, rows)


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 120), st.integers(1, 255)), min_size=1))
@settings(max_examples=700, derandomize=True)
def test_damaged_bytes_give_values_or_an_error_and_nothing_else(
    damages: list[tuple[int, int, int]],
) -> None:
    cases = [CASES[name] for name in SAMPLES]
    rows = [bytearray(row(*SAMPLES.values())) for _ in range(3)]
    for place, at, change in damages:
        rows[place][at % len(rows[place])] ^= change
    try:
        count, values = decode(cases, list(map(bytes, rows)))
    except (DataConversionError, SourceError):
        return
    assert count == 3
    assert all(len(column) == 3 for column in values)


def test_no_row_that_is_cut_off_is_taken_for_whole() -> None:
    cases = [CASES[name] for name in SAMPLES]
    whole = row(*SAMPLES.values())
    for size in range(len(whole)):
        with pytest.raises(SourceError):
            decode(cases, [whole, whole[:size]])

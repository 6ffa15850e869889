"""Lists out of binary COPY, against Arrow's own from Python lists."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pytest
from athena_connectors.common.errors import DataConversionError, SourceError
from athena_connectors.common.sql import binary_arrays
from athena_connectors.common.sql.binary_copy import BinaryCopyDecoder
from hypothesis import given, settings
from hypothesis import strategies as st

HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)
TRAILER = b"\xff\xff"
INTEGERS, TEXTS, TRUTHS = pa.list_(pa.int32()), pa.list_(pa.string()), pa.list_(pa.bool_())

Payload = bytes | None
Items = list[Any] | None


@dataclass(frozen=True)
class Column:
    decoder: str
    arrow: pa.DataType
    name: str = "tags"


def field(payload: Payload) -> bytes:
    return struct.pack(">i", -1) if payload is None else struct.pack(">i", len(payload)) + payload


def array(payloads: list[Payload], *, lower: int = 1) -> bytes:
    if not payloads:
        return struct.pack(">iiI", 0, 0, 23)
    return struct.pack(">iiIii", 1, None in payloads, 23, len(payloads), lower) + b"".join(
        map(field, payloads)
    )


def decode(column: Column, payloads: list[Payload]) -> pa.Array[Any]:
    # A column behind it shows that the walk along the row goes on at the right place.
    rows = [struct.pack(">h", 2) + field(payload) + field(b"\0\7") for payload in payloads]
    messages = [*rows, TRAILER]
    messages[0] = HEADER + messages[0]
    columns = [column, Column("int2", pa.int16())]
    count, (lists, numbers) = BinaryCopyDecoder(columns, table="shop.orders").decode(messages)
    assert count == len(payloads)
    assert numbers.to_pylist() == [7] * count
    lists.validate(full=True)
    return lists


def encoded(items: Items, layout: str) -> Payload:
    if items is None:
        return None
    return array([None if item is None else struct.pack(layout, item) for item in items])


def check_integers(lists: list[Items]) -> None:
    decoded = decode(Column("list:int4", INTEGERS), [encoded(items, ">i") for items in lists])
    assert decoded.equals(pa.array(lists, INTEGERS))


def check_texts(lists: list[Items]) -> None:
    payloads = [
        None
        if items is None
        else array([None if item is None else item.encode() for item in items])
        for items in lists
    ]
    decoded = decode(Column("list:text", TEXTS), payloads)
    assert decoded.equals(pa.array(lists, TEXTS))


@pytest.fixture(params=[0, 1, 32, 10**9], ids=lambda few: f"few={few}")
def few(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Step through rows together, one after the other, and first the one, then the other."""
    monkeypatch.setattr(binary_arrays, "_FEW", request.param)


def rows_of(items: st.SearchStrategy[Any]) -> st.SearchStrategy[list[Items]]:
    lists = st.lists(items, max_size=5) | st.lists(st.none() | items, max_size=5)
    return st.lists(st.none() | lists, min_size=1, max_size=20)


@pytest.mark.usefixtures("few")
class TestLists:
    @given(rows_of(st.integers(-(2**31), 2**31 - 1)))
    @settings(max_examples=150, deadline=None, derandomize=True)
    def test_of_fixed_width(self, lists: list[Items]) -> None:
        check_integers(lists)

    @given(rows_of(st.booleans()))
    @settings(max_examples=100, deadline=None, derandomize=True)
    def test_of_one_byte(self, lists: list[Items]) -> None:
        decoded = decode(Column("list:bool", TRUTHS), [encoded(items, "?") for items in lists])
        assert decoded.equals(pa.array(lists, TRUTHS))

    @given(rows_of(st.sampled_from(("", "a", "é\U0001f600", "NULL", "a" * 300))))
    @settings(max_examples=150, deadline=None, derandomize=True)
    def test_of_varying_width(self, lists: list[Items]) -> None:
        check_texts(lists)

    def test_of_many_sizes_at_once(self) -> None:
        # Sizes shrink and grow along the rows; equal ones are among them.
        sizes = [size * 7 % 61 for size in range(200)]
        check_texts([[f"{size}.{at}" for at in range(size)] for size in sizes])
        check_integers([[at if at % 3 else None for at in range(size)] for size in sizes])

    def test_of_great_length(self) -> None:
        numbers: Items = list(range(20_000))
        check_integers([numbers, [None, *range(20_000)], [], None, numbers, [1]])
        check_texts([["x" * (at % 5) for at in range(20_000)], None, ["", None], []])


@pytest.mark.parametrize("lower", [-(2**31), -1, 0, 5])
def test_lower_bounds_are_left_out(lower: int) -> None:
    payload = array([struct.pack(">i", 4), struct.pack(">i", 5)], lower=lower)
    assert decode(Column("list:int4", INTEGERS), [payload]).to_pylist() == [[4, 5]]


@pytest.mark.parametrize("dimensions", [2, 3, 6])
def test_more_dimensions_are_refused(dimensions: int) -> None:
    payload = struct.pack(">iiI", dimensions, 0, 23) + struct.pack(">ii", 1, 1) * dimensions
    payload += field(struct.pack(">i", 7))
    with pytest.raises(DataConversionError, match=rf"'tags' .* {dimensions} dimensions.*to_json"):
        decode(Column("list:int4", INTEGERS), [array([]), payload])


ONE = struct.pack(">iiIii", 1, 0, 25, 1, 1)
MALFORMED = {
    "nothing": b"",
    "half a header": ONE[:12],
    "fewer dimensions than none": struct.pack(">iiI", -1, 0, 25),
    "fewer elements than none": struct.pack(">iiIii", 1, 0, 25, -1, 1),
    "no element": ONE,
    "half a length": ONE + b"\0\0",
    "half an element": ONE + struct.pack(">i", 3) + b"ab",
    "an element too many": ONE + field(b"ab") + field(b"ab"),
    "a byte too many": ONE + field(b"ab") + b"\0",
    "a byte behind no element": array([]) + b"\0",
    "a byte behind a header of no element": struct.pack(">iiIii", 1, 0, 25, 0, 1) + b"\0",
    "an element of less than NULL": ONE + struct.pack(">i", -2),
    "an element beyond everything": ONE + struct.pack(">i", 2**31 - 1),
    "more elements than fit": struct.pack(">iiIii", 1, 0, 25, 2**31 - 1, 1) + field(b"ab"),
    "an element that reaches into the next row": ONE + struct.pack(">i", 20),
}


@pytest.mark.usefixtures("few")
@pytest.mark.parametrize("case", MALFORMED)
def test_malformed_arrays_are_refused(case: str) -> None:
    sound = array([b"ab", None])
    for before, after in ((0, 0), (1, 1), (40, 0), (0, 40)):
        payloads: list[Payload] = [*[sound] * before, MALFORMED[case], *[sound] * after]
        with pytest.raises(SourceError, match=r"'tags' of shop\.orders is malformed"):
            decode(Column("list:text", TEXTS), payloads)


def test_elements_of_another_width_are_refused() -> None:
    # Together as long as two int4, so that nothing but their own lengths tells.
    payload = array([b"\0\0\0", b"\0\0\0\0\0"])
    with pytest.raises(DataConversionError, match=r"'tags' .* 4 bytes"):
        decode(Column("list:int4", INTEGERS), [payload])

"""Decimals out of binary COPY, against their value as a sum of powers of ten thousand."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from decimal import Context, Decimal
from fractions import Fraction
from typing import Any

import pyarrow as pa
import pytest
from athena_connectors.common.errors import DataConversionError, SourceError
from athena_connectors.common.sql.binary_copy import BinaryCopyDecoder
from athena_connectors.common.testing import strategies
from hypothesis import given, settings
from hypothesis import strategies as st

HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)
TRAILER = b"\xff\xff"
NEGATIVE = 0x4000
SPECIALS = {"NaN": 0xC000, "Infinity": 0xD000, "-Infinity": 0xF000}
EXACT = Context(prec=200)


@dataclass(frozen=True)
class Column:
    decoder: str
    arrow: pa.DataType
    name: str = "price"


@dataclass(frozen=True)
class Number:
    """A numeric as the server sends it; neither end of the groups is zero."""

    groups: tuple[int, ...]
    weight: int = 0
    sign: int = 0
    scale: int = 0

    @property
    def payload(self) -> bytes:
        head = struct.pack(">hhHH", len(self.groups), self.weight, self.sign, self.scale)
        return head + struct.pack(f">{len(self.groups)}H", *self.groups)

    @property
    def value(self) -> Fraction | None:
        if self.sign in SPECIALS.values():
            return None
        places = (Fraction(10000) ** (self.weight - at) for at in range(len(self.groups)))
        total = sum((group * place for group, place in zip(self.groups, places, strict=True)), 0)
        return Fraction(-total if self.sign == NEGATIVE else total)


def payloads_of(sent: list[Number | None]) -> list[bytes | None]:
    return [None if item is None else item.payload for item in sent]


def decode(decoder: str, type_: Any, payloads: list[bytes | None]) -> list[Decimal | None]:
    fields = [
        struct.pack(">hi", 1, -1)
        if payload is None
        else struct.pack(">hi", 1, len(payload)) + payload
        for payload in payloads
    ]
    messages = [*fields, TRAILER]
    messages[0] = HEADER + messages[0]
    copy = BinaryCopyDecoder([Column(decoder, type_)], table="shop.orders")
    rows, (column,) = copy.decode(messages)
    assert rows == len(payloads)
    assert column.type == type_
    column.validate(full=True)
    values: list[Decimal | None] = column.to_pylist()
    return values


def fits(value: Fraction | None, type_: Any) -> bool:
    if value is None:
        return True
    unscaled = value * 10**type_.scale
    return unscaled.denominator == 1 and bool(abs(unscaled) < 10**type_.precision)


def types(most: int) -> st.SearchStrategy[Any]:
    return st.integers(1, most).flatmap(
        lambda precision: st.integers(0, precision).map(
            lambda scale: pa.decimal128(precision, scale)
        )
    )


@st.composite
def numbers(draw: st.DrawFn) -> Number:
    """Numbers with groups anywhere around the point; most are long for a short type."""
    ends = st.sampled_from((1, 9, 10, 99, 100, 999, 1000, 9999, 5000, 1200)) | st.integers(1, 9999)
    inner = st.sampled_from((0, 9999)) | st.integers(0, 9999)
    count = draw(st.integers(0, 7))
    sign = draw(st.sampled_from((0, NEGATIVE)))
    scale = draw(st.integers(0, 30))
    if count == 0:
        return Number((), scale=scale)
    groups = [draw(ends), *(draw(inner) for _ in range(count - 2)), draw(ends)][:count]
    return Number(tuple(groups), draw(st.integers(-6, 6)), sign, scale)


def number_of(unscaled: int, scale: int) -> Number:
    """The number with some value, by dividing it up."""
    shift = -scale % 4
    rest = abs(unscaled) * 10**shift
    groups: list[int] = []
    while rest:
        rest, group = divmod(rest, 10000)
        groups.insert(0, group)
    weight = len(groups) - 1 - (scale + shift) // 4
    while groups and groups[-1] == 0:
        groups.pop()
    if not groups:
        return Number((), scale=scale)
    return Number(tuple(groups), weight, NEGATIVE if unscaled < 0 else 0, scale)


def fitting(type_: Any) -> st.SearchStrategy[Number]:
    greatest = 10**type_.precision - 1
    tens = st.integers(0, type_.precision - 1).map(lambda power: 10**power)
    signed = st.one_of(tens, tens.map(lambda power: -power), st.sampled_from((greatest, -greatest)))
    unscaled = st.one_of(signed, st.integers(-greatest, greatest), st.integers(-9, 9))
    return unscaled.map(lambda number: number_of(number, type_.scale))


NULL_OR_SPECIAL = st.sampled_from((None, *(Number((), sign=sign) for sign in SPECIALS.values())))


@given(types(18), st.data())
@settings(max_examples=300, deadline=None, derandomize=True)
def test_every_number_that_fits_arrives_digit_by_digit(type_: Any, data: st.DataObject) -> None:
    sent = data.draw(st.lists(fitting(type_) | NULL_OR_SPECIAL, min_size=1, max_size=8))
    values = decode("numeric", type_, payloads_of(sent))
    assert values == [item and item.value for item in sent]


@given(types(18), st.data())
@settings(max_examples=800, deadline=None, derandomize=True)
def test_a_number_arrives_exactly_or_not_at_all(type_: Any, data: st.DataObject) -> None:
    number = data.draw(numbers())
    sent = [number_of(1, type_.scale), number, None]
    if not fits(number.value, type_):
        with pytest.raises(DataConversionError, match=r"'price' of shop\.orders .*decimal128"):
            decode("numeric", type_, payloads_of(sent))
        return
    values = decode("numeric", type_, payloads_of(sent))
    assert values == [item and item.value for item in sent]


@pytest.mark.parametrize("precision", range(1, 19))
def test_the_greatest_number_of_each_type_fits_and_the_next_does_not(precision: int) -> None:
    for scale in range(precision + 1):
        type_ = pa.decimal128(precision, scale)
        greatest = 10**precision - 1
        ends = [number_of(greatest, scale), number_of(-greatest, scale)]
        assert decode("numeric", type_, [end.payload for end in ends]) == [
            Decimal(greatest).scaleb(-scale, EXACT),
            Decimal(-greatest).scaleb(-scale, EXACT),
        ]
        for above in (number_of(greatest + 1, scale), number_of(greatest * 10 + 5, scale + 1)):
            with pytest.raises(DataConversionError):
                decode("numeric", type_, [above.payload])


@pytest.mark.parametrize("scale", [0, 1, 4, 16383])
@pytest.mark.parametrize("type_", [pa.decimal128(18, 4), pa.decimal128(3, 3), pa.decimal128(1, 0)])
def test_zero_has_any_number_of_places(scale: int, type_: Any) -> None:
    assert decode("numeric", type_, [Number((), scale=scale).payload]) == [0]


@pytest.mark.parametrize("sign", SPECIALS.values(), ids=SPECIALS)
@pytest.mark.parametrize("weight", [-9, 0, 9])
def test_specials_are_null_whatever_else_they_say(sign: int, weight: int) -> None:
    payload = Number((), weight, sign, 7).payload
    assert decode("numeric", pa.decimal128(5, 2), [payload]) == [None]


@pytest.mark.parametrize("cents", [2**63 - 1, -(2**63), 2**63 - 100, -(2**63) + 1])
def test_money_has_19_digits(cents: int) -> None:
    payload = number_of(cents, 2).payload
    assert decode("numeric", pa.decimal128(20, 2), [payload]) == [Decimal(cents).scaleb(-2, EXACT)]


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        bytes(7),
        bytes(9),
        Number((1, 2)).payload[:-2],
        Number((1, 2)).payload + b"\0\1",
        struct.pack(">hhHH", -1, 0, 0, 0),
        struct.pack(">hhHH", 0, 0, SPECIALS["NaN"], 0) + b"\0\1",
        b"12345.67",
    ],
)
def test_what_is_no_numeric_is_refused(payload: bytes) -> None:
    with pytest.raises(
        DataConversionError, match=r"'price' of shop\.orders has values that are no"
    ):
        decode("numeric", pa.decimal128(18, 4), [Number((1,)).payload, payload])


@given(st.lists(st.integers(0, 65535), min_size=1, max_size=6), st.integers(0, 4), types(18))
@settings(max_examples=300, deadline=None, derandomize=True)
def test_digits_beyond_9999_never_make_a_number_that_does_not_fit(
    groups: list[int], weight: int, type_: Any
) -> None:
    groups[0] |= 0x8000
    payload = Number(tuple(groups), weight).payload
    try:
        (value,) = decode("numeric", type_, [payload])
    except (SourceError, DataConversionError):
        return
    assert value is not None  # validated in full, so within the type


# Decimals that travel as text


@given(strategies.decimal_types(), st.data())
@settings(max_examples=300, deadline=None, derandomize=True)
def test_long_decimals_arrive_digit_by_digit(type_: Any, data: st.DataObject) -> None:
    values = data.draw(st.lists(st.none() | strategies.values(type_), min_size=1, max_size=6))
    words = [data.draw(st.sampled_from((None, *SPECIALS))) for _ in values]
    payloads = [
        (None if value is None else format(value, "f").encode()) if word is None else word.encode()
        for value, word in zip(values, words, strict=True)
    ]
    wanted = [value if word is None else None for value, word in zip(values, words, strict=True)]
    assert decode("decimal_text", type_, payloads) == wanted


@given(strategies.decimal_types(), st.data())
@settings(max_examples=600, deadline=None, derandomize=True)
def test_a_long_decimal_arrives_exactly_or_not_at_all(type_: Any, data: st.DataObject) -> None:
    # Of every size: Arrow takes some numbers of more than 128 bits for others.
    digits = data.draw(st.integers(1, 120).flatmap(lambda size: st.integers(0, 10**size)))
    value = Decimal(digits).scaleb(-type_.scale, EXACT)
    sent = data.draw(st.sampled_from((value, -value)))
    payloads = [b"0", None, format(sent, "f").encode()]
    if fits(Fraction(sent), type_):
        assert decode("decimal_text", type_, payloads) == [0, None, sent]
        return
    with pytest.raises(DataConversionError, match=r"'price' of shop\.orders .*decimal128"):
        decode("decimal_text", type_, payloads)


@pytest.mark.parametrize(
    ("text", "type_"),
    [
        ("1" + "0" * 38, pa.decimal128(38, 0)),
        ("-1" + "0" * 38, pa.decimal128(38, 0)),
        ("1" + "0" * 200, pa.decimal128(38, 0)),
        (str(2**128), pa.decimal128(38, 0)),
        (str(-(2**128) - 1), pa.decimal128(38, 0)),
        (f"{2**128 + 10**30}.0", pa.decimal128(38, 0)),
        ("3.40282366920938463463374607431768211456", pa.decimal128(38, 38)),
        ("100", pa.decimal128(2, 0)),
        ("0.005", pa.decimal128(10, 2)),
        ("1000000000.1", pa.decimal128(10, 1)),
        ("", pa.decimal128(10, 2)),
        ("12a", pa.decimal128(10, 2)),
    ],
)
@pytest.mark.parametrize("special", [None, "NaN"])
def test_a_long_decimal_that_does_not_fit_is_refused(
    text: str, type_: Any, special: str | None
) -> None:
    payloads = [b"1", special.encode() if special else None, text.encode()]
    with pytest.raises(
        DataConversionError, match=r"'price' of shop\.orders .*decimal128"
    ) as caught:
        decode("decimal_text", type_, payloads)
    assert caught.value.context == {"table": "shop.orders", "column": "price"}

"""Pages against a naive reading of the table of values, value by value."""

from __future__ import annotations

import base64
import itertools
import json
import math
import re
import struct
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from decimal import ROUND_FLOOR, ROUND_HALF_UP, Context, Decimal
from fractions import Fraction
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa
import pytest
from athena_connectors.common.errors import DataConversionError
from athena_connectors.common.observability import SplitStats
from athena_connectors.common.testing.physical_values import physical_values
from athena_connectors.common.timestamps import pack
from athena_connectors.common.types import check_schema
from athena_connectors.dynamodb.pages import Page, PageDecoder
from athena_connectors.dynamodb.relation import Column, TimeFormat
from athena_connectors.dynamodb.settings import Settings
from hypothesis import given, settings
from hypothesis import strategies as st

_EXACT = Context(prec=400)
_NUMBER = re.compile(r"[+-]?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]{1,6})?")
_ZONE = "America/New_York"
_PATTERN = "dd.MM.yyyy HH:mm:ss"
_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - local


@dataclass
class Reply:
    body: bytes | None = None
    parsed: dict[str, Any] | None = None


class Oracle:
    """Reads one column, one value after the other."""

    def __init__(self, column: Column, columns: list[Column]) -> None:
        self.column = column
        self.columns = columns
        self.mismatches = 0
        self.overflows = 0

    def read(self, items: list[dict[str, Any]]) -> list[Any]:
        return [self._row(item) for item in items]

    def _row(self, item: dict[str, Any]) -> Any:
        column = self.column
        if not column.attribute:
            shown = {name for other in self.columns for name in (other.attribute, *other.others)}
            folded = {other.attribute.lower() for other in self.columns if not other.is_spelled}
            rest = {k: v for k, v in item.items() if k not in shown and k.lower() not in folded}
            return as_json({"M": rest}) if rest else None
        names = [column.attribute, *column.others]
        if not column.is_spelled:
            names += sorted(k for k in item if k.lower() == column.attribute.lower())
        for name in names:
            if name in item:
                if column.is_json:
                    return None if "NULL" in item[name] else as_json(item[name])
                return self._value(item[name], column.type)
        return None

    def _mismatch(self) -> None:
        self.mismatches += 1

    def _overflow(self) -> None:
        self.overflows += 1

    def _value(  # noqa: C901, PLR0911 - the table, line by line
        self, value: dict[str, Any] | None, type_: Any
    ) -> Any:
        if value is None or "NULL" in value:
            return None
        ((tag, content),) = value.items()
        if pa.types.is_string(type_):
            return as_text(tag, content)
        if pa.types.is_boolean(type_):
            return content if tag == "BOOL" else self._mismatch()
        if pa.types.is_binary(type_):
            return as_bytes(content) if tag == "B" else self._mismatch()
        if pa.types.is_list(type_):
            return self._list(tag, content, type_)
        if pa.types.is_struct(type_):
            if tag != "M":
                return self._mismatch()
            return {f.name: self._value(child(content, f.name), f.type) for f in type_}
        if pa.types.is_map(type_):
            if tag != "M":
                return self._mismatch()
            return [(k, self._value(content[k], type_.item_type)) for k in sorted(content)]
        if pa.types.is_temporal(type_):
            return self._time(tag, content, type_)
        if tag == "N" or (tag == "S" and _NUMBER.fullmatch(content)):
            return self._number(content, type_)
        return self._mismatch()

    def _list(self, tag: str, content: Any, type_: Any) -> Any:
        if tag == "M":
            return self._mismatch()
        if tag == "L":
            members = content
        elif tag in {"SS", "NS", "BS"}:
            members = [{tag[0]: member} for member in in_order(tag, content)]
        else:
            members = [{tag: content}]
        return [self._value(member, type_.value_type) for member in members]

    def _number(self, text: str, type_: Any) -> Any:
        number = Decimal(text)
        if pa.types.is_decimal(type_):
            if number.adjusted() > 100 and number != 0:
                return self._overflow()
            rounded = number.quantize(Decimal(1).scaleb(-type_.scale), ROUND_HALF_UP, _EXACT)
            if rounded.copy_abs() >= Decimal(10) ** (type_.precision - type_.scale):
                return self._overflow()
            if not self.column.is_rounded and rounded != number:
                return self._overflow()
            return rounded or abs(rounded)
        if pa.types.is_floating(type_):
            return self._float(number, type_)
        if number.adjusted() > 100 and number != 0:
            return self._overflow()
        if number.adjusted() > -100 and number != number.to_integral_value():
            return self._mismatch()
        if number.adjusted() <= -100 and number != 0:
            return self._mismatch()
        bound = 2 ** (type_.bit_width - 1)
        return int(number) if -bound <= number < bound else self._overflow()

    def _float(self, number: Decimal, type_: Any) -> Any:
        if pa.types.is_float64(type_):
            value = float(number)
            return value if math.isfinite(value) else self._overflow()
        return (
            nearest_float32(number)
            if number.copy_abs() < Decimal("3.4028235678E38")
            else (self._overflow())
        )

    def _time(self, tag: str, content: Any, type_: Any) -> Any:
        time = self.column.time or TimeFormat()
        if tag == "N":
            factor = 1000 if time.pattern == "epoch_seconds" else 1
            number = Decimal(content)
            if not -(2**63) <= number < 2**63:
                return self._mismatch()
            exact = _EXACT.multiply(number, factor)
            millis = int(exact.to_integral_value(ROUND_FLOOR))
            if not -(2**63) <= millis < 2**63:
                return self._mismatch()
            if not self.column.is_rounded and not pa.types.is_date32(type_) and millis != exact:
                return self._mismatch()
            day, zone = millis // 86_400_000, "UTC"
        elif tag == "S":
            found = clock(content, time)
            if found is None:
                return self._mismatch()
            day, millis, zone = found
        else:
            return self._mismatch()
        if pa.types.is_date32(type_):
            return day if -(2**31) <= day < 2**31 else self._mismatch()
        if not pa.types.is_timestamp(type_) or type_.tz is None:
            return millis
        return pack(millis, zone) if -(2**51) <= millis < 2**51 else self._mismatch()


def child(content: dict[str, Any], name: str) -> Any:
    if name in content:
        return content[name]
    found = [k for k in content if k.lower() == name.lower()]
    return content[found[0]] if len(found) == 1 else None


def nearest_float32(number: Decimal) -> float:
    if number.adjusted() < -60:
        return math.copysign(0.0, number)
    exact = Fraction(number)
    low = struct.unpack("f", struct.pack("f", float(number)))[0]
    near = [value for value in (low, _step(low, 1), _step(low, -1)) if math.isfinite(value)]
    best = min(abs(Fraction(value) - exact) for value in near)
    closest = [value for value in near if abs(Fraction(value) - exact) == best]
    found = min(closest, key=lambda value: _bits(value) % 2)
    return math.copysign(found, number)


def _bits(value: float) -> int:
    return struct.unpack("i", struct.pack("f", value))[0]


def _step(value: float, by: int) -> float:
    return struct.unpack("f", struct.pack("i", _bits(value) + by))[0] if value else 1e-45 * by


def local_time(text: str, form: str) -> datetime:
    return datetime.strptime(text, form)  # noqa: DTZ007 - local


def clock(text: str, time: TimeFormat) -> tuple[int, int, str] | None:
    if time.pattern == "epoch_seconds":
        return None
    own = ZoneInfo(time.zone)
    try:
        if time.pattern:
            if not re.fullmatch(r"\d\d\.\d\d\.\d{4} \d\d:\d\d:\d\d", text, re.ASCII):
                return None
            local, zone = local_time(text, "%d.%m.%Y %H:%M:%S"), None
        elif re.fullmatch(r"\d{4}-\d\d-\d\d", text, re.ASCII):
            local, zone = local_time(text, "%Y-%m-%d"), None
        else:
            match = re.fullmatch(
                r"(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d)(\.\d{1,9})?(Z|[+-]\d\d:?\d\d)?",
                text,
                re.ASCII,
            )
            if match is None:
                return None
            local = local_time(f"{match[1]} {match[2]}", "%Y-%m-%d %H:%M:%S")
            local += timedelta(milliseconds=int((match[3] or ".")[1:4].ljust(3, "0")))
            zone = match[4]
    except ValueError:
        return None
    day = (local - _EPOCH).days
    if zone is None:
        aware, name = local.replace(tzinfo=own), time.zone
    elif zone == "Z":
        aware, name = local.replace(tzinfo=UTC), "UTC"
    else:
        offset = timedelta(hours=int(zone[1:3]), minutes=int(zone[-2:]))
        offset = -offset if zone[0] == "-" else offset
        aware = local.replace(tzinfo=timezone(offset))
        # The engine has zones up to 14 hours from UTC.
        name = f"{zone[:3]}:{zone[-2:]}" if abs(offset) <= timedelta(hours=14) else "UTC"
    millis = (local - _EPOCH - aware.utcoffset()) // timedelta(milliseconds=1)
    return day, millis, name


def as_bytes(content: Any) -> bytes:
    return base64.b64decode(content) if isinstance(content, str) else content


def as_base64(content: Any) -> str:
    return base64.b64encode(as_bytes(content)).decode()


def in_order(tag: str, members: list[Any]) -> list[Any]:
    return sorted(members, key={"SS": str, "NS": Decimal, "BS": as_bytes}[tag])


def as_plain(text: str) -> str:
    number = Decimal(text)
    if number == 0:
        return "0"
    whole, _, fraction = f"{number:f}".partition(".")
    return f"{whole}.{fraction.rstrip('0')}".rstrip(".")


def as_text(tag: str, content: Any) -> str:
    if tag == "S":
        return content
    if tag == "B":
        return as_base64(content)
    return as_json({tag: content})


def as_json(value: dict[str, Any]) -> str:
    ((tag, content),) = value.items()
    match tag:
        case "S":
            return json.dumps(content, ensure_ascii=False)
        case "N":
            return as_plain(content)
        case "BOOL":
            return "true" if content else "false"
        case "NULL":
            return "null"
        case "B":
            return f'"{as_base64(content)}"'
        case "L":
            return f"[{','.join(map(as_json, content))}]"
        case "M":
            members = (
                f"{json.dumps(k, ensure_ascii=False)}:{as_json(content[k])}"
                for k in sorted(content)
            )
            return f"{{{','.join(members)}}}"
        case _:
            return as_json({"L": [{tag[0]: member} for member in in_order(tag, content)]})


# Items

NAMES = ["a", "A", "k", "K", "\u212a", 'do.t"s', "\u00e9\u00c9", "\u00c9\u00e9", "b\\", "é"]
ODD_TEXTS = [
    "A",
    "2020-02-29",
    "2020-02-30",
    "0000-01-01",
    "1969-12-31T23:59:59.9999",
    "2021-03-14T02:30:00",
    "2021-11-07 01:30:00.5",
    "2020-01-01T00:00:00Z",
    "2020-01-01T00:00:00.123456789+05:30",
    "2020-01-01 00:00:00-0500",
    "31.12.2020 23:59:59",
    "31.02.2020 23:59:59",
    "12",
    "+7",
    "-0",
    "1e3",
    "1e999999",
    "1e9999999",
    "0x1F",
    "nan",
    " 5",
    "5.",
    "5\n",
    "2020-01-01 10:00:00",
    "2020-07-01T10:00:00.1239",
    "2020-01-01T10:00:00+01:00",
    "2020-01-01T10:00:00-1500",
    "2020-01-01T10:00:00+0130",
    "01.07.2020 10:00:00",
    "00012.50",
]

ODD_NUMBERS = [
    "0",
    "-0",
    "5.00",
    "0100",
    "1E-130",
    "9.99E+125",
    "-9.99E+125",
    "0.0000000005",
    "-0.0000000005",
    "0.00000000049",
    "12345678901234567890123456789.123456789",
    "99999999999999999999999999999.9999999995",
    "9" * 38,
    "0." + "9" * 38,
    "1" + "0" * 125,
    "9223372036854775807",
    "9223372036854775808",
    "-9223372036854775808",
    "128",
    "-128.0",
    "3.4028235677973366E38",
    "1.00000005960464477539062500000001",
    "16777217",
    "1E-46",
    "1577836800123.999",
    "-0.5",
    "-1.5",
    "2.5",
    "0.125",
    "-0.125",
    "1577836800",
    "-1.0005",
    "86400000.5",
    "-86400000.5",
    "185542587187200000",
    "2251799813685248",
    "1E39",
]
_texts = st.one_of(st.text(max_size=5), st.sampled_from(ODD_TEXTS))
_plain_numbers = st.decimals(
    allow_nan=False, allow_infinity=False, min_value=Decimal("-1E38"), max_value=Decimal("1E38")
).map(lambda number: f"{Context(prec=38).plus(number):f}")
_numbers = st.one_of(
    st.integers(-(2**70), 2**70).map(str),
    st.integers(-300, 300).map(str),
    st.integers(-(10**12), 10**15).map(str),
    _plain_numbers,
    st.decimals(-1000, 1000, places=10).map(str),
    st.sampled_from(ODD_NUMBERS),
)
_binaries = st.binary(max_size=4).map(lambda value: base64.b64encode(value).decode())
_scalars = st.one_of(
    _texts.map(lambda value: {"S": value}),
    _numbers.map(lambda value: {"N": value}),
    st.booleans().map(lambda value: {"BOOL": value}),
    st.just({"NULL": True}),
    _binaries.map(lambda value: {"B": value}),
)
_sets = st.one_of(
    st.lists(_texts, min_size=1, max_size=3, unique=True).map(lambda v: {"SS": v}),
    st.lists(_numbers, min_size=1, max_size=3, unique_by=Decimal).map(lambda v: {"NS": v}),
    st.lists(_binaries, min_size=1, max_size=3, unique=True).map(lambda v: {"BS": v}),
)
VALUES = st.recursive(
    st.one_of(_scalars, _sets),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(lambda v: {"L": v}),
        st.dictionaries(st.sampled_from([*NAMES, ""]), inner, max_size=3).map(lambda v: {"M": v}),
    ),
    max_leaves=6,
)
_LIKELY = {
    "S": _texts.map(lambda value: {"S": value}),
    "N": _numbers.map(lambda value: {"N": value}),
    "whole": st.integers(-128, 127).map(lambda value: {"N": str(value)}),
    "any": VALUES,
}


@st.composite
def items_of(draw: Any) -> list[dict[str, Any]]:
    """Items whose attributes mostly have one tag, as in life."""
    names = draw(st.lists(st.sampled_from(NAMES), min_size=1, max_size=5, unique=True))
    kinds = {name: _LIKELY[draw(st.sampled_from(sorted(_LIKELY)))] for name in names}
    return draw(st.lists(st.fixed_dictionaries({}, optional=kinds), max_size=6))


# Columns

SCALAR_TYPES = [
    pa.string(),
    pa.decimal128(38, 9),
    pa.decimal128(5, 2),
    pa.decimal128(38, 38),
    pa.decimal128(38, 0),
    pa.int8(),
    pa.int16(),
    pa.int32(),
    pa.int64(),
    pa.float32(),
    pa.float64(),
    pa.bool_(),
    pa.binary(),
    pa.date32(),
    pa.date64(),
    pa.timestamp("ms"),
    pa.timestamp("ms", "UTC"),
]
_scalar_types = st.sampled_from(SCALAR_TYPES)
_types = st.recursive(
    _scalar_types,
    lambda inner: st.one_of(
        inner.map(pa.list_),
        inner.map(lambda type_: pa.map_(pa.string(), type_)),
        st.dictionaries(st.sampled_from(NAMES), inner, min_size=1, max_size=3).map(
            lambda fields: pa.struct(list(fields.items()))
        ),
    ),
    max_leaves=4,
)
TIMES = [
    None,
    TimeFormat(),
    TimeFormat(zone=_ZONE),
    TimeFormat(_PATTERN, _ZONE),
    TimeFormat("epoch_seconds"),
]
_times = st.sampled_from(TIMES)


@st.composite
def columns_of(draw: Any) -> list[Column]:
    names = draw(st.lists(st.sampled_from(NAMES), max_size=4, unique=True))
    columns = []
    for number, name in enumerate(names):
        kind = draw(st.sampled_from(["plain"] * 6 + ["others", "unspelled", "json"]))
        others = tuple(other for other in NAMES if other != name and other.lower() == name.lower())
        if kind == "others" and any(other in names for other in others):
            kind = "plain"
        columns.append(
            Column(
                f"c{number}",
                pa.string() if kind == "json" else draw(_types),
                name,
                others=others if kind == "others" else (),
                time=draw(_times),
                is_spelled=kind != "unspelled",
                is_json=kind == "json",
                is_rounded=draw(st.booleans()),
            )
        )
    if draw(st.integers(0, 5)) == 0:
        columns.append(Column("rest", pa.string(), ""))
    return columns


NULLS = Settings(on_number_overflow="null")


def decoder(columns: list[Column], settings_: Settings = NULLS) -> PageDecoder:
    return PageDecoder(columns, table="shop", settings=settings_, stats=SplitStats())


def body_of(items: list[dict[str, Any]], *, ascii_only: bool = False) -> bytes:
    reply = {"Count": len(items), "Items": items, "ScannedCount": len(items) + 1}
    return json.dumps(reply, ensure_ascii=ascii_only, separators=(",", ":")).encode()


def botocore_form(value: Any) -> Any:
    if isinstance(value, dict):
        if len(value) == 1 and isinstance(value.get("B"), str):
            return {"B": base64.b64decode(value["B"])}
        if len(value) == 1 and isinstance(value.get("BS"), list):
            return {"BS": [base64.b64decode(member) for member in value["BS"]]}
        return {key: botocore_form(member) for key, member in value.items()}
    return [botocore_form(member) for member in value] if isinstance(value, list) else value


def check(page: Page, items: list[dict[str, Any]], columns: list[Column]) -> None:
    assert page.count == page.batch.num_rows == len(items)
    assert page.scanned == len(items) + 1
    assert page.batch.schema.names == [column.name for column in columns]
    for array in page.batch.columns:  # a date64 has a time of day here
        array.validate(full="date64" not in str(array.type))
    check_schema(page.batch.schema, table="shop")
    counts: Counter[str] = Counter()
    for column, array in zip(columns, page.batch.columns, strict=True):
        oracle = Oracle(column, columns)
        assert repr(physical_values(array)) == repr(oracle.read(items)), column
        counts[column.name] = oracle.mismatches + oracle.overflows
    assert dict(page.mismatches) == {name: count for name, count in counts.items() if count}


@settings(max_examples=400, deadline=None)
@given(pages=st.lists(items_of(), min_size=1, max_size=3), columns=columns_of(), data=st.data())
def test_every_way_of_reading_gives_what_the_table_of_values_says(
    pages: list[list[dict[str, Any]]], columns: list[Column], data: Any
) -> None:
    by_body, by_items = decoder(columns), decoder(columns)
    for items in pages:
        ascii_only = data.draw(st.booleans())
        check(by_body.decode(Reply(body_of(items, ascii_only=ascii_only)), "Scan"), items, columns)
        parsed = json.loads(body_of(items))
        parsed["Items"] = [
            {name: botocore_form(value) for name, value in item.items()} for item in items
        ]
        check(by_items.decode(Reply(parsed=parsed), "Scan"), items, columns)


@pytest.mark.parametrize("type_", SCALAR_TYPES, ids=str)
def test_every_odd_text_and_number_is_read_alone_and_among_others(type_: pa.DataType) -> None:
    odd = [{"S": text} for text in ODD_TEXTS] + [{"N": text} for text in ODD_NUMBERS]
    pages = [[{"a": value}, {}] for value in odd]
    pages += [[{"a": value} for value in odd if tag in value] for tag in "SN"]
    times = TIMES if pa.types.is_temporal(type_) else [None]
    for time, is_rounded in itertools.product(times, (True, False)):
        columns = [Column("c", type_, "a", time=time, is_rounded=is_rounded)]
        by_body = decoder(columns)
        for items in pages:
            check(by_body.decode(Reply(body_of(items)), "Scan"), items, columns)


@settings(max_examples=200, deadline=None)
@given(items=items_of(), columns=columns_of())
def test_a_value_that_does_not_fit_ends_the_query_if_the_settings_say_so(
    items: list[dict[str, Any]], columns: list[Column]
) -> None:
    strict = Settings(on_type_mismatch="fail")
    oracles = [Oracle(column, columns) for column in columns]
    for oracle in oracles:
        oracle.read(items)
    bad = any(oracle.mismatches or oracle.overflows for oracle in oracles)
    errors = []
    for reply in (Reply(body_of(items)), Reply(parsed=json.loads(body_of(items)))):
        if bad:
            with pytest.raises(DataConversionError) as caught:
                decoder(columns, strict).decode(reply, "Query")
            errors.append(caught.value)
        else:
            check(decoder(columns, strict).decode(reply, "Query"), items, columns)
    assert len({str(error) for error in errors}) <= 1
    assert all(error.context["table"] == "shop" for error in errors)
    assert {error.context["column"] for error in errors} <= {column.name for column in columns}


def test_the_suite_would_see_a_wrong_value() -> None:
    items = [{"a": {"N": "1.5"}}]
    columns = [Column("c0", pa.decimal128(5, 2), "a")]
    page = decoder(columns).decode(Reply(body_of(items)), "Scan")
    with pytest.raises(AssertionError):
        check(page, [{"a": {"N": "1.51"}}], columns)

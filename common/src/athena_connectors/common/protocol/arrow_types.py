"""Arrow types in JSON, as value sets and expressions name them.

Only the outer type is on the wire: a list, struct or map is read with children of type
null, and its own children are not written. Source: wire protocol, section 8.2.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from athena_connectors.common.errors import UnsupportedTypeError
from athena_connectors.common.protocol.members import (
    MemberError,
    Node,
    nullable,
    object_of,
    variants,
)
from athena_connectors.common.protocol.scalars import text, truth, whole, word_of

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["ARROW_TYPE"]


_PLAIN: dict[str, pa.DataType] = {
    "Bool": pa.bool_(),
    "Utf8": pa.string(),
    "Binary": pa.binary(),
    "Null": pa.null(),
    "Struct": pa.struct([]),
    "List": pa.list_(pa.null()),
    "Map": pa.map_(pa.string(), pa.null()),
}
_INTEGERS: dict[tuple[int, bool], pa.DataType] = {
    (8, True): pa.int8(),
    (16, True): pa.int16(),
    (32, True): pa.int32(),
    (64, True): pa.int64(),
    (8, False): pa.uint8(),
    (16, False): pa.uint16(),
    (32, False): pa.uint32(),
    (64, False): pa.uint64(),
}
_FLOATS = {"HALF": pa.float16(), "SINGLE": pa.float32(), "DOUBLE": pa.float64()}
_DATES = {"DAY": pa.date32(), "MILLISECOND": pa.date64()}
_INTERVALS = {"MONTH_DAY_NANO": pa.month_day_nano_interval()}
_UNITS = {"SECOND": "s", "MILLISECOND": "ms", "MICROSECOND": "us", "NANOSECOND": "ns"}
_UNIT_WORDS = {unit: word for word, unit in _UNITS.items()}
_TIMES: dict[tuple[str, int], Any] = {
    ("s", 32): pa.time32("s"),
    ("ms", 32): pa.time32("ms"),
    ("us", 64): pa.time64("us"),
    ("ns", 64): pa.time64("ns"),
}


def _itself(**members: pa.DataType) -> pa.DataType:
    (type_,) = members.values()
    return type_


def _integer(*, bitWidth: int, isSigned: bool) -> pa.DataType:  # noqa: N803 - the wire's names
    if (bitWidth, isSigned) not in _INTEGERS:
        raise MemberError("is none of 8, 16, 32, 64.", member="bitWidth")
    return _INTEGERS[bitWidth, isSigned]


def _decimal(*, precision: int, scale: int) -> pa.DataType:
    try:
        return pa.decimal128(precision, scale)
    except (ValueError, OverflowError) as cause:
        raise MemberError("does not fit into 128 bits.", member="precision") from cause


def _time(*, unit: str, bitWidth: int) -> pa.DataType:  # noqa: N803
    if (unit, bitWidth) not in _TIMES:
        raise MemberError("does not belong to the unit.", member="bitWidth")
    found: pa.DataType = _TIMES[unit, bitWidth]
    return found


def _timestamp(*, unit: Any, timezone: str | None) -> pa.DataType:
    return pa.timestamp(unit, timezone)


def _fixed_size_binary(*, byteWidth: int) -> pa.DataType:  # noqa: N803
    return pa.binary(_length(byteWidth, "byteWidth"))


def _fixed_size_list(*, listSize: int) -> pa.DataType:  # noqa: N803
    return pa.list_(pa.null(), _length(listSize, "listSize"))


def _length(value: int, member: str) -> int:
    if not 0 <= value < 2**31:
        raise MemberError("is no length.", member=member)
    return value


_FORMS = {name: object_of(partial(_itself, type_=type_), {}) for name, type_ in _PLAIN.items()} | {
    "Int": object_of(_integer, {"bitWidth": whole, "isSigned": truth}),
    "FloatingPoint": object_of(_itself, {"precision": word_of(_FLOATS)}),
    "Decimal": object_of(_decimal, {"precision": whole, "scale": whole}),
    "Date": object_of(_itself, {"unit": word_of(_DATES)}),
    "Time": object_of(_time, {"unit": word_of(_UNITS), "bitWidth": whole}),
    "Timestamp": object_of(_timestamp, {"unit": word_of(_UNITS), "timezone": nullable(text)}),
    "Interval": object_of(_itself, {"unit": word_of(_INTERVALS)}),
    "FixedSizeBinary": object_of(_fixed_size_binary, {"byteWidth": whole}),
    "FixedSizeList": object_of(_fixed_size_list, {"listSize": whole}),
}

_FIXED: dict[pa.DataType, dict[str, Node]] = (
    {type_: {"@type": name} for name, type_ in _PLAIN.items()}
    | {
        type_: {"@type": "Int", "bitWidth": width, "isSigned": signed}
        for (width, signed), type_ in _INTEGERS.items()
    }
    | {type_: {"@type": "FloatingPoint", "precision": word} for word, type_ in _FLOATS.items()}
    | {type_: {"@type": "Date", "unit": word} for word, type_ in _DATES.items()}
    | {type_: {"@type": "Interval", "unit": word} for word, type_ in _INTERVALS.items()}
    | {
        type_: {"@type": "Time", "unit": _UNIT_WORDS[unit], "bitWidth": width}
        for (unit, width), type_ in _TIMES.items()
    }
)


_OPEN: dict[type, Callable[[Any], dict[str, Node]]] = {
    pa.Decimal128Type: lambda type_: {
        "@type": "Decimal",
        "precision": type_.precision,
        "scale": type_.scale,
    },
    pa.TimestampType: lambda type_: {
        "@type": "Timestamp",
        "unit": _UNIT_WORDS[type_.unit],
        "timezone": type_.tz,
    },
    pa.ListType: lambda _: {"@type": "List"},
    pa.StructType: lambda _: {"@type": "Struct"},
    pa.MapType: lambda _: {"@type": "Map"},
    pa.FixedSizeListType: lambda type_: {"@type": "FixedSizeList", "listSize": type_.list_size},
    pa.FixedSizeBinaryType: lambda type_: {
        "@type": "FixedSizeBinary",
        "byteWidth": type_.byte_width,
    },
}


def _write(type_: Any, serde: int) -> Node:
    del serde
    if type_ in _FIXED:
        return dict(_FIXED[type_])
    if type(type_) in _OPEN:
        return _OPEN[type(type_)](type_)
    raise UnsupportedTypeError(
        f"The Arrow type {type_} has no form on the wire.",
        hint="Use one of the engine's types.",
    )


ARROW_TYPE = variants(_FORMS, _write)

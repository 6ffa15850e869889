"""How MySQL sends a value of each type in a binary row.

A value has either as many bytes as its type says, or a length in front of it: one byte up
to 250, or 0xFC, 0xFD or 0xFE and then 2, 3 or 8 bytes. Source: MySQL source documentation,
"Binary Protocol Resultset Row" and "Length-Encoded Integer"; MariaDB's is the same.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Any, Protocol

import numpy as np

__all__ = ["Kind", "RowFormat", "SentField", "row_format"]


class Kind(Enum):
    """What the bytes of a value mean."""

    INTEGER = "an integer"
    FLOAT = "a single precision number"
    DOUBLE = "a double precision number"
    DECIMAL = "a decimal number"
    DATE = "a date"
    DATETIME = "a date with a time of day"
    TIME = "a time"
    YEAR = "a year"
    BIT = "bits"
    BYTES = "text or bytes"
    NULL = "nothing but NULL"


class SentField(Protocol):
    """What the server says of a column of its answer; PyMySQL's description of a field."""

    @property
    def type_code(self) -> int:
        """Number of the type in the protocol."""

    @property
    def flags(self) -> int:
        """Bits, of which one is for unsigned."""

    @property
    def scale(self) -> int:
        """Digits behind the point; above 30 if there is no fixed number."""


@dataclass(frozen=True, slots=True)
class RowFormat:
    """How the values of one column are sent.

    Attributes:
        kind: What they are.
        head: Layout of a value's first bytes, the length in front of it included.
        width: Bytes of every value, or ``None`` if there is a length in front.
        fraction_digits: Digits behind the point of seconds.
    """

    kind: Kind
    head: np.dtype[Any]
    width: int | None = None
    fraction_digits: int = 0


_UNSIGNED_FLAG = 32
_MAX_FRACTION_DIGITS = 6

_INTEGER_BYTES = {1: 1, 2: 2, 3: 4, 8: 8, 9: 4}
"""TINY, SHORT, LONG, LONGLONG and INT24, of which the last is sent in four bytes."""

_YEAR, _TIME, _BIT, _NULL = 13, 11, 16, 6
_FLOATS = {4: (Kind.FLOAT, "<f4"), 5: (Kind.DOUBLE, "<f8")}
_LENGTH = ("length", "u1")
_DATETIME_HEAD = np.dtype(
    [
        *(_LENGTH, ("year", "<u2"), ("month", "u1"), ("day", "u1")),
        *(("hour", "u1"), ("minute", "u1"), ("second", "u1"), ("micros", "<u4")),
    ]
)
_TIME_HEAD = np.dtype(
    [
        *(_LENGTH, ("negative", "u1"), ("days", "<u4")),
        *(("hour", "u1"), ("minute", "u1"), ("second", "u1"), ("micros", "<u4")),
    ]
)
_LENGTH_HEAD = np.dtype([_LENGTH, ("longer", "<u8")])
_BIT_HEAD = np.dtype([_LENGTH, ("bits", ">u8")])

_DATETIMES = {
    **dict.fromkeys((10, 14), Kind.DATE),
    **dict.fromkeys((7, 12), Kind.DATETIME),
}
"""DATE and NEWDATE; TIMESTAMP and DATETIME."""

_STRINGS = {
    **dict.fromkeys((0, 246), Kind.DECIMAL),
    **dict.fromkeys((15, 242, 245, *range(247, 256)), Kind.BYTES),
}
"""DECIMAL and NEWDECIMAL; VARCHAR, VECTOR, JSON, ENUM, SET, the BLOBs, VAR_STRING, STRING
and GEOMETRY."""


def row_format(field: SentField) -> RowFormat | None:
    """Return how a column's values are sent; ``None`` for a type that is not known."""
    code = field.type_code
    digits = min(field.scale, _MAX_FRACTION_DIGITS)
    if size := _INTEGER_BYTES.get(code):
        sign = "u" if field.flags & _UNSIGNED_FLAG else "i"
        return _fixed(Kind.INTEGER, f"<{sign}{size}")
    if number := _FLOATS.get(code):
        return _fixed(*number)
    if date := _DATETIMES.get(code):
        return RowFormat(date, _DATETIME_HEAD)
    if string := _STRINGS.get(code):
        return RowFormat(string, _LENGTH_HEAD)
    others = {
        _YEAR: _fixed(Kind.YEAR, "<u2"),
        _TIME: RowFormat(Kind.TIME, _TIME_HEAD, fraction_digits=digits),
        _BIT: RowFormat(Kind.BIT, _BIT_HEAD),
        _NULL: RowFormat(Kind.NULL, np.dtype([_LENGTH]), 0),
    }
    return others.get(code)


def _fixed(kind: Kind, layout: str) -> RowFormat:
    head = np.dtype([("value", layout)])
    return RowFormat(kind, head, head.itemsize)

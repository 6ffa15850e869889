"""Values of keys as whole numbers, so that there is a value between any two.

A scale need not have the exact order of the server, which is asked for the order of what is
guessed with it; the nearer it is, the better the guesses.
"""

from __future__ import annotations

import re
import struct
from abc import ABC, abstractmethod
from datetime import date, datetime, timedelta
from decimal import Context, Decimal
from itertools import takewhile
from typing import TYPE_CHECKING, ClassVar
from uuid import UUID

if TYPE_CHECKING:
    from collections.abc import Sequence

    from athena_connectors.common.sql.relation import Column

__all__ = ["KeyScale", "TextScale", "ends_sql", "kind_of_key", "scale_of"]

_INTEGERS = ("tinyint", "smallint", "mediumint", "int", "bigint", "bit", "year", "decimal")
_KINDS = {
    **dict.fromkeys(_INTEGERS, "number"),
    **dict.fromkeys(("float", "double"), "double"),
    **dict.fromkeys(("datetime", "timestamp"), "datetime"),
    **dict.fromkeys(("char", "varchar"), "text"),
    **dict.fromkeys(("binary", "varbinary"), "bytes"),
    **{name: name for name in ("date", "time", "uuid")},
}
"""Kinds of keys by the types of columns. An enum is no key: next to a text, the server
forgets its order."""

_TEXT_SIZE = 12  # characters that are told apart, after what all values begin with
_BYTES_SIZE = 16
_FIRST_YEAR = 1901
_SCALE = re.compile(r",\s*(\d+)\)")


def kind_of_key(column: Column) -> str | None:
    """Return the kind of key that a column is, or ``None`` if tables can't be cut by it."""
    return _KINDS.get(column.base_type)


class KeyScale(ABC):
    """Numbers that stand for values of a key.

    Attributes:
        ends: Numbers of the smallest and the largest value that there is.
        ends_sql: SQL of the text of a value, ``{}`` being the value.
    """

    ends_sql: ClassVar[str] = "CAST({} AS CHAR)"

    def __init__(self, low: str, high: str) -> None:
        self.ends = self._number(low), self._number(high)

    @abstractmethod
    def value(self, number: int) -> str:
        """Return the value that a number between the ends stands for."""

    @abstractmethod
    def _number(self, text: str) -> int:
        """Return the number of a value."""


class _Numbers(KeyScale):
    ends_sql = "CAST({} + 0 AS CHAR)"

    def __init__(self, low: str, high: str, *, digits: int = 0, first: int | None = None) -> None:
        self._digits, self._first = digits, first
        super().__init__(low, high)

    def value(self, number: int) -> str:
        if self._first is not None:
            number = max(number, self._first)
        if not self._digits:
            return str(number)
        whole, part = divmod(abs(number), 10**self._digits)
        return f"{'-' if number < 0 else ''}{whole}.{part:0{self._digits}}"

    def _number(self, text: str) -> int:
        return int(Decimal(text).scaleb(self._digits, Context(prec=200)))


class _Floats(KeyScale):
    def value(self, number: int) -> str:
        bits = number if number >= 0 else -number | 1 << 63
        (found,) = struct.unpack(">d", struct.pack(">Q", bits))
        text = repr(found)
        return text if "e" in text else format(found, ".17e")

    def _number(self, text: str) -> int:
        bits: int
        (bits,) = struct.unpack(">q", struct.pack(">d", float(text)))
        return bits if bits >= 0 else -(bits & (1 << 63) - 1)


class _Days(KeyScale):
    def value(self, number: int) -> str:
        return date.fromordinal(max(number, 1)).isoformat()

    def _number(self, text: str) -> int:
        try:
            return date.fromisoformat(text).toordinal()
        except ValueError:  # a date that does not exist
            return max(1, 366 * int(text[:4]))


class _Times(KeyScale):
    _START: ClassVar[datetime] = datetime(1, 1, 1)  # noqa: DTZ001 - the server's wall clock
    _STEP: ClassVar[timedelta] = timedelta(microseconds=1)

    def value(self, number: int) -> str:
        return (self._START + number * self._STEP).isoformat(" ", "microseconds")

    def _number(self, text: str) -> int:
        try:
            return (datetime.fromisoformat(text) - self._START) // self._STEP
        except ValueError:
            years = max(0, int(text[:4]) - 1)
            return years * timedelta(days=366) // self._STEP


class _Clocks(KeyScale):
    _FORM: ClassVar[re.Pattern[str]] = re.compile(r"(-?)(\d+):(\d+):(\d+)(?:\.(\d+))?")

    def value(self, number: int) -> str:
        seconds, micros = divmod(abs(number), 10**6)
        sign = "-" if number < 0 else ""
        hours, seconds = divmod(seconds, 3600)
        return f"{sign}{hours:02}:{seconds // 60:02}:{seconds % 60:02}.{micros:06}"

    def _number(self, text: str) -> int:
        found = self._FORM.fullmatch(text)
        sign, hours, minutes, seconds, part = found.groups("") if found else ("", 0, 0, 0, "")
        whole = (int(hours) * 60 + int(minutes)) * 60 + int(seconds)
        number = whole * 10**6 + int(part.ljust(6, "0")[:6])
        return -number if sign else number


class _Uuids(KeyScale):
    def value(self, number: int) -> str:
        return str(UUID(int=number))

    def _number(self, text: str) -> int:
        return UUID(text).int


class _Bytes(KeyScale):
    ends_sql = "HEX({})"

    def __init__(self, low: str, high: str) -> None:
        ends = bytes.fromhex(low), bytes.fromhex(high)
        self._prefix = ends[0][: _common(*ends)]
        super().__init__(low, high)

    def value(self, number: int) -> str:
        return (self._prefix + number.to_bytes(_BYTES_SIZE).rstrip(b"\0")).hex()

    def _number(self, text: str) -> int:
        rest = bytes.fromhex(text)[len(self._prefix) :]
        return int.from_bytes(rest[:_BYTES_SIZE].ljust(_BYTES_SIZE, b"\0"))


class TextScale(KeyScale):
    """Texts as numbers whose digits are characters.

    Args:
        low: The smallest value.
        high: The largest value.
        alphabet: Characters in the order of the collation, those that it takes for equal
            together; nothing stands for the end of a text.
    """

    ends_sql = "HEX(CONVERT({} USING utf8mb4))"

    def __init__(self, low: str, high: str, alphabet: Sequence[Sequence[str]]) -> None:
        self._chars = ["", *(equals[0] for equals in alphabet)]
        self._places = {char: place for place, equals in enumerate(alphabet, 1) for char in equals}
        ends = [list(map(self._place, text)) for text in (low, high)]
        self._prefix = low[: _common(*ends)]
        super().__init__(low, high)
        if self.ends[0] >= self.ends[1]:  # not decided by single characters
            self.ends = 0, len(self._chars) ** _TEXT_SIZE - 1

    def value(self, number: int) -> str:
        """Return the text that a number between the ends stands for."""
        places = []
        for _ in range(_TEXT_SIZE):
            number, place = divmod(number, len(self._chars))
            places.append(place)
        used = takewhile(bool, reversed(places))
        return self._prefix + "".join(self._chars[place] for place in used)

    def _number(self, text: str) -> int:
        rest = text[len(self._prefix) :][:_TEXT_SIZE]
        number = 0
        for place in [*map(self._place, rest), *[0] * (_TEXT_SIZE - len(rest))]:
            number = number * len(self._chars) + place
        return number

    def _place(self, char: str) -> int:
        return self._places.get(char, 0)


def _common(one: Sequence[int], other: Sequence[int]) -> int:
    """Return the length of what two sequences begin with."""
    pairs = enumerate(zip(one, other, strict=False))
    return next(
        (index for index, (left, right) in pairs if left != right), min(len(one), len(other))
    )


def ends_sql(column: Column) -> str:
    """Return SQL of the text of a value, ``{}`` being the value."""
    kind = kind_of_key(column)
    return TextScale.ends_sql if kind == "text" else _SCALES[kind or ""].ends_sql


def scale_of(column: Column, low: str, high: str) -> KeyScale:
    """Return the scale of a key that is no text.

    Args:
        column: A column with a ``kind_of_key``.
        low: Text of the smallest value, as ``ends_sql`` gives it.
        high: Text of the largest value.
    """
    if column.base_type == "year":
        # A constant below 100 would be a year of our time.
        return _Numbers(low, high, first=_FIRST_YEAR)
    if column.base_type == "decimal":
        digits = _SCALE.search(column.source_type)
        return _Numbers(low, high, digits=int(digits[1]) if digits else 0)
    return _SCALES[kind_of_key(column) or ""](low, high)


_SCALES: dict[str, type[KeyScale]] = {
    "number": _Numbers,
    "double": _Floats,
    "date": _Days,
    "datetime": _Times,
    "time": _Clocks,
    "uuid": _Uuids,
    "bytes": _Bytes,
}

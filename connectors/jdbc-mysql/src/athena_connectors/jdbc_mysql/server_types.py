"""Types as the server declares and sends them, and what the table of types asks of them.

Source: MySQL manual, "Data Types" and "The INFORMATION_SCHEMA COLUMNS Table"; MySQL source
documentation, "Column Definition Flags" and ``my_decimal_length_to_precision``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from athena_connectors.common.sql.relation import Comparison

if TYPE_CHECKING:
    from collections.abc import Callable

    from athena_connectors.jdbc_mysql.settings import Settings
    from pymysql.protocol import FieldDescriptorPacket

__all__ = [
    "ServerType",
    "collation_comparison",
    "declared_decimal",
    "declared_type",
    "has_sub_milliseconds",
    "is_bool",
    "is_unsigned",
    "of_length",
    "rounds_zero_dates",
    "sent_type",
    "shows_year_as_date",
    "up_to",
    "wants_every_date",
]

_MILLISECOND_DIGITS = 3
_DECLARATION = re.compile(r"\w+(?:\((\d+)(?:,(\d+))?\))?( unsigned)?")

_FRACTIONAL = frozenset({"datetime", "time", "timestamp"})
_UNPADDED = frozenset({"utf8mb4", "utf8mb3", "utf8", "ascii"})
"""Character sets whose bytes have the order of Unicode."""


@dataclass(frozen=True, slots=True)
class ServerType:
    """A type of the server.

    Attributes:
        name: As in ``DATA_TYPE``: ``tinyint``, ``varchar``.
        length: The first number in the parentheses of its declaration: digits of a
            decimal, bits, digits of seconds, characters; of a ``tinyint`` the width at
            which it is shown. 0 where there is none.
        scale: Decimal places.
        unsigned: Whether it is.
        charset: Character set of a text; empty if it is not known.
        collation: Likewise.
    """

    name: str
    length: int = 0
    scale: int = 0
    unsigned: bool = False
    charset: str = ""
    collation: str = ""

    def __str__(self) -> str:
        """Return the type as the server would declare it."""
        sizes = {"decimal": f"({self.length},{self.scale})", "bit": f"({self.length})"}
        digits = f"({self.length})" if self.name in _FRACTIONAL and self.length else ""
        sign = " unsigned" if self.unsigned and self.name not in {"bit", "year"} else ""
        return f"{self.name}{sizes.get(self.name, digits)}{sign}"

    @property
    def known_name(self) -> str:
        """The name by which rules know it."""
        return self.name


def declared_type(
    name: str, declaration: str, *, charset: str | None = None, collation: str | None = None
) -> ServerType:
    """Return the type of a table's column.

    Args:
        name: ``DATA_TYPE``.
        declaration: ``COLUMN_TYPE``, such as ``decimal(10,2) unsigned``.
        charset: ``CHARACTER_SET_NAME``.
        collation: ``COLLATION_NAME``.
    """
    found = _DECLARATION.match(declaration)
    length, scale, unsigned = found.groups() if found else (None, None, None)
    return ServerType(
        name.lower(),
        int(length or 0),
        int(scale or 0),
        unsigned is not None,
        charset or "",
        collation or "",
    )


# Types of a statement's columns

_BINARY_CHARSET = 63
_UNSIGNED, _ENUM, _SET = 32, 256, 2048

_NUMBERS = {
    0: "decimal",
    1: "tinyint",
    2: "smallint",
    3: "int",
    4: "float",
    5: "double",
    8: "bigint",
    9: "mediumint",
    13: "year",
    16: "bit",
    246: "decimal",
}
_TIMES = {7: "timestamp", 10: "date", 11: "time", 12: "datetime", 14: "date"}
_OTHERS = {6: "null", 242: "vector", 245: "json", 247: "enum", 248: "set", 255: "geometry"}
_STRINGS = {
    15: ("varchar", "varbinary"),
    249: ("tinytext", "tinyblob"),
    250: ("mediumtext", "mediumblob"),
    251: ("longtext", "longblob"),
    252: ("text", "blob"),
    253: ("varchar", "varbinary"),
    254: ("char", "binary"),
}
"""Names of a string in a character set, and of one of bytes."""

_UNKNOWN_DIGITS = 6
"""Digits of seconds at most, which stand for any where a time does not tell them."""


def sent_type(field: FieldDescriptorPacket) -> ServerType:
    """Return the type of a statement's column.

    What the server sends as text has the connection's character set, so that of the column
    is not known.
    """
    facts: Any = field
    code, length, scale = facts.type_code, facts.length, facts.scale
    unsigned = bool(facts.flags & _UNSIGNED)
    if code in _TIMES:
        return ServerType(_TIMES[code], min(scale, _UNKNOWN_DIGITS))
    if code in _NUMBERS:
        if _NUMBERS[code] == "decimal":
            length -= (scale > 0) + (not unsigned)
        return ServerType(_NUMBERS[code], length, scale, unsigned)
    if code in _STRINGS:
        if facts.flags & (_ENUM | _SET):
            return ServerType("enum" if facts.flags & _ENUM else "set")
        is_bytes = facts.charsetnr == _BINARY_CHARSET
        return ServerType(_STRINGS[code][is_bytes])
    return ServerType(_OTHERS.get(code, f"type {code}"))


# What the rules ask


def is_unsigned(type_: ServerType, _settings: Settings) -> bool:
    """Return whether a number has no sign."""
    return type_.unsigned


def is_bool(type_: ServerType, settings: Settings) -> bool:
    """Return whether a ``tinyint`` is what the server makes of ``bool``."""
    return type_.length == 1 and not type_.unsigned and settings.mysql_tinyint1_as_bool


def of_length(length: int) -> Callable[[ServerType, Settings], bool]:
    """Return the condition that the number in the parentheses is this one."""
    return lambda type_, _settings: type_.length == length


def up_to(length: int) -> Callable[[ServerType, Settings], bool]:
    """Return the condition that it is this one or less."""
    return lambda type_, _settings: type_.length <= length


def shows_year_as_date(_type: ServerType, settings: Settings) -> bool:
    """Return whether years are shown as dates."""
    return settings.mysql_year_as_date


def wants_every_date(_type: ServerType, settings: Settings) -> bool:
    """Return whether a date that does not exist ends the query."""
    return settings.mysql_zero_date == "fail"


def rounds_zero_dates(_type: ServerType, settings: Settings) -> bool:
    """Return whether the zero date becomes the first of all dates."""
    return settings.mysql_zero_date == "round"


def declared_decimal(type_: ServerType, _settings: Settings) -> pa.DataType:
    """Return the decimal that holds every value of one that the server declares."""
    return pa.decimal128(type_.length, type_.scale)


def has_sub_milliseconds(type_: ServerType) -> bool:
    """Return whether a time may have more digits than milliseconds."""
    return type_.length > _MILLISECOND_DIGITS


def collation_comparison(type_: ServerType) -> Comparison:
    """Return how texts of a collation compare.

    Source: MySQL manual, "Trailing Space Handling in Comparisons"; MariaDB documentation,
    "NO PAD Collations".
    """
    exact = type_.collation == "utf8mb4_0900_bin" or type_.collation.endswith("_nopad_bin")
    return Comparison.TEXT_C if exact and type_.charset in _UNPADDED else Comparison.TEXT_FOLDED

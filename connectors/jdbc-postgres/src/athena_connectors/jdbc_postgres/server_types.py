"""Types as the server knows them, and what the table of types asks of them.

Source: PostgreSQL manual, "System Catalogs", ``pg_type`` and ``pg_attribute``; server
source, ``numerictypmodin``, for the modifier of numeric.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa

if TYPE_CHECKING:
    from collections.abc import Callable

    from athena_connectors.jdbc_postgres.settings import Settings

__all__ = [
    "ServerType",
    "TypeOptions",
    "declared_decimal",
    "default_decimal",
    "has_sub_milliseconds",
    "is_array",
    "is_citext",
    "is_constrained",
    "is_nested",
    "is_one_bit",
    "is_row",
    "knows_infinity",
    "shows_zone",
    "up_to",
    "wants_decimal",
]

_MAX_DIGITS = 38
_HEADER = 4
_SCALE_BITS = 0x7FF
_SCALE_SIGN = 0x400
_MILLISECOND_DIGITS = 3
_INFINITE_NUMERICS = 140_000
"""The version from which on a numeric may be infinite; before, the constant is an error."""


@dataclass(frozen=True, slots=True)
class ServerType:
    """A type of the server with its modifier, domains resolved.

    Attributes:
        name: ``pg_type.typname``.
        kind: ``pg_type.typtype``: b (base), c (composite), e (enum), p (pseudo), r (range)
            or m (multirange).
        built_in: Whether it is in ``pg_catalog``: anybody may name a type of his own "date".
        modifier: As ``atttypmod``, -1 for none; an array has that of its elements.
        dimensions: Declared dimensions of an array, 0 if none are known.
        element: Type of an array's elements; ``None`` for all that is no array.
    """

    name: str
    kind: str = "b"
    built_in: bool = True
    modifier: int = -1
    dimensions: int = 0
    element: ServerType | None = None

    @property
    def known_name(self) -> str:
        """The name by which rules know it; empty for a type of a user's own."""
        return self.name if self.built_in else ""


@dataclass(frozen=True, slots=True)
class TypeOptions:
    """What the mapping depends on besides the type.

    Attributes:
        settings: The connector's settings.
        server_version: Such as 150018 for 15.18.
        encoding: The database's encoding, as the server names it: ``UTF8``.
    """

    settings: Settings
    server_version: int
    encoding: str = "UTF8"


# numeric


def _precision_and_scale(type_: ServerType) -> tuple[int, int] | None:
    """Return what a decimal needs to hold every value; ``None`` without a modifier.

    A negative scale means zeros before the point, one above the precision zeros behind it.
    """
    if type_.modifier < _HEADER:
        return None
    modifier = type_.modifier - _HEADER
    precision = modifier >> 16
    scale = ((modifier & _SCALE_BITS) ^ _SCALE_SIGN) - _SCALE_SIGN
    return max(precision, scale, precision - scale), max(scale, 0)


def up_to(digits: int) -> Callable[[ServerType, TypeOptions], bool]:
    """Return the condition that a decimal of so many digits holds every value."""

    def applies(type_: ServerType, _options: TypeOptions) -> bool:
        shape = _precision_and_scale(type_)
        return shape is not None and shape[0] <= digits

    return applies


def is_constrained(type_: ServerType, _options: TypeOptions) -> bool:
    """Return whether a numeric has a precision."""
    return _precision_and_scale(type_) is not None


def wants_decimal(_type: ServerType, options: TypeOptions) -> bool:
    """Return whether a numeric without precision becomes a decimal."""
    return options.settings.numeric_unconstrained == "decimal"


def knows_infinity(type_: ServerType, options: TypeOptions) -> bool:
    """Return whether it does, and the server has infinite numerics."""
    return wants_decimal(type_, options) and options.server_version >= _INFINITE_NUMERICS


def declared_decimal(type_: ServerType, _options: TypeOptions) -> pa.DataType:
    """Return the decimal that holds every value of a numeric with precision."""
    shape = _precision_and_scale(type_)
    assert shape is not None
    return pa.decimal128(*shape)


def default_decimal(_type: ServerType, options: TypeOptions) -> pa.DataType:
    """Return the decimal of a numeric without precision."""
    return pa.decimal128(_MAX_DIGITS, options.settings.default_scale)


# All others


def is_one_bit(type_: ServerType, _options: TypeOptions) -> bool:
    """Return whether a bit string has one bit; the length of some is not known."""
    return type_.modifier == 1


def has_sub_milliseconds(type_: ServerType) -> bool:
    """Return whether a time may have more digits than milliseconds."""
    return not 0 <= type_.modifier <= _MILLISECOND_DIGITS


def shows_zone(_type: ServerType, options: TypeOptions) -> bool:
    """Return whether times with a zone are shown as such."""
    return options.settings.timestamptz_as_tz


def is_citext(type_: ServerType, _options: TypeOptions) -> bool:
    """Return whether a type is that of the extension citext, in whatever schema."""
    return type_.name == "citext" and type_.kind == "b" and not type_.built_in


def is_row(type_: ServerType, _options: TypeOptions) -> bool:
    """Return whether values have fields."""
    return type_.kind == "c" or (type_.built_in and type_.name == "record")


def is_array(type_: ServerType, _options: TypeOptions) -> bool:
    """Return whether values are arrays."""
    return type_.element is not None


def is_nested(type_: ServerType, _options: TypeOptions) -> bool:
    """Return whether values are arrays of arrays."""
    return type_.element is not None and (type_.dimensions > 1 or type_.element.element is not None)

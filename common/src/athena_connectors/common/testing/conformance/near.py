"""Values next to those that a column holds, where bounds are got wrong."""

from __future__ import annotations

import math
import struct
from decimal import Context, Decimal
from typing import TYPE_CHECKING, Any

from athena_connectors.common.ordering import ZONE_BITS
from athena_connectors.common.physical import Kind, kind_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from athena_connectors.common.valueset import Value

__all__ = ["values_near"]

_EXACT = Context(prec=60)
_OTHER_ZONE = 361
"""Key of a zone that is not UTC."""


def values_near(type_: Any, value: Value) -> list[Value]:
    """Return physical values of a scalar type that differ a little from one of them."""
    near = _NEAR[kind_of(type_)](type_, value)
    return [each for each in near if repr(each) != repr(value)]


def _counts(type_: Any, value: int) -> Iterable[int]:
    half = 2 ** (type_.bit_width - 1)
    return (each for each in (value - 1, value + 1, -value) if -half <= each < half)


def _instants(_: Any, value: int) -> Iterable[int]:
    instant, zone = value >> ZONE_BITS, value & (2**ZONE_BITS - 1)
    return (instant - 1) << ZONE_BITS | zone, instant << ZONE_BITS | _OTHER_ZONE


def _floats(type_: Any, value: float) -> Iterable[float]:
    found = (-value, value / 2, value + 1, math.nan, math.inf, 0.0, -0.0)
    return map(_single, found) if type_.bit_width == 32 else found  # noqa: PLR2004 - a single


def _single(value: float) -> float:
    try:
        number: float = struct.unpack("<f", struct.pack("<f", value))[0]
    except OverflowError:
        return math.copysign(math.inf, value)
    return number


def _decimals(type_: Any, value: Decimal) -> Iterable[Decimal]:
    unscaled = int(value.scaleb(type_.scale, _EXACT))
    most = 10**type_.precision
    around = (each for each in (unscaled - 1, unscaled + 1, -unscaled) if abs(each) < most)
    return (Decimal(each).scaleb(-type_.scale, _EXACT) for each in around)


def _texts(_: Any, value: str) -> Iterable[str]:
    return value[:-1], f"{value} ", f"{value}a", value.swapcase()


def _binaries(_: Any, value: bytes) -> Iterable[bytes]:
    return value[:-1], value + b"\0"


def _booleans(_: Any, value: bool) -> Iterable[bool]:  # noqa: FBT001 - the value itself
    return (not value,)


_NEAR: dict[Kind, Callable[[Any, Any], Iterable[Value]]] = {
    Kind.INTEGER: _counts,
    Kind.DATE: _counts,
    Kind.DATETIME: _counts,
    Kind.INSTANT: _instants,
    Kind.FLOAT: _floats,
    Kind.DECIMAL: _decimals,
    Kind.TEXT: _texts,
    Kind.BYTES: _binaries,
    Kind.BOOLEAN: _booleans,
}

"""Single numbers as a column of a type has them: the nearest, or none, never a wrong one.

The functions here take a decoded value and return ``None`` for what does not fit.
"""

from __future__ import annotations

import math
import re
import struct
from collections.abc import Callable, Mapping
from decimal import ROUND_HALF_UP, Context, Decimal
from typing import Any

import pyarrow as pa
from athena_connectors.documentdb.values import decimal_of
from bson.decimal128 import Decimal128
from bson.int64 import Int64

__all__ = ["Casts", "decimal_casts", "double_casts", "integer_casts", "single_casts"]

Casts = Mapping[type, Callable[[Any], Any]]
"""By the type of a decoded value, what becomes of it."""

_is_whole = re.compile(r"[+-]?0*[0-9]{1,19}").fullmatch
_is_number = re.compile(r"[+-]?[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]{1,6})?").fullmatch

_MAX_MAGNITUDE = 60
"""Digits before the point that no type has."""
_EXACT = Context(prec=200)


def integer_casts(bits: int) -> Casts:
    """Return what becomes a whole number of so many bits; fractions do not."""
    bound = 1 << (bits - 1)

    def of_int(value: int) -> int | None:
        return value if -bound <= value < bound else None

    def of_float(value: float) -> int | None:
        return of_int(int(value)) if value.is_integer() else None

    def of_decimal(value: Decimal128) -> int | None:
        number = decimal_of(value)
        if not _has_room(number) or number != number.to_integral_value():
            return None
        return of_int(int(number))

    def of_text(value: str) -> int | None:
        return of_int(int(value)) if _is_whole(value) else None

    return {int: of_int, Int64: of_int, float: of_float, Decimal128: of_decimal, str: of_text}


def _has_room(number: Decimal) -> bool:
    """Whether it is finite and so small that its digits can be looked at."""
    return number.is_finite() and (not number or number.adjusted() <= _MAX_MAGNITUDE)


def double_casts() -> Casts:
    """Return what becomes a double: the nearest, an infinity only of an infinity."""
    return {
        float: float,
        int: float,
        Int64: float,
        Decimal128: lambda value: _double(decimal_of(value)),
        str: lambda value: _double(Decimal(value)) if _is_number(value) else None,
    }


def _double(number: Decimal) -> float | None:
    double = float(number)
    return None if math.isinf(double) and number.is_finite() else double


def single_casts() -> Casts:
    """Return what becomes a float of 32 bits, as the double that is the same number."""
    return {
        float: _single_of_double,
        int: _single,
        Int64: _single,
        Decimal128: lambda value: _single(decimal_of(value)),
        str: lambda value: _single(value) if _is_number(value) else None,
    }


def _single_of_double(value: float) -> float | None:
    try:
        (single,) = struct.unpack("<f", struct.pack("<f", value))
    except OverflowError:
        return None
    assert isinstance(single, float)
    return single


def _single(number: int | Decimal | str) -> float | None:
    """Round once: by way of a double it would be twice."""
    if isinstance(number, Decimal) and not number.is_finite():
        return float(number)
    text = str(number).removeprefix("+")
    single: float = pa.scalar(text).cast(pa.float32()).as_py()
    return None if math.isinf(single) else single


def decimal_casts(precision: int, scale: int) -> Casts:
    """Return what becomes a decimal, rounded half up, away from zero."""
    unit, bound = Decimal(1).scaleb(-scale), Decimal(10) ** (precision - scale)

    def fit(number: Decimal) -> Decimal | None:
        if not _has_room(number):
            return None
        rounded = number.quantize(unit, ROUND_HALF_UP, _EXACT)
        return rounded if rounded.copy_abs() < bound else None

    return {
        int: lambda value: fit(Decimal(value)),
        Int64: lambda value: fit(Decimal(value)),
        # Its shortest digits, not those of its binary fraction.
        float: lambda value: fit(Decimal(repr(value))),
        Decimal128: lambda value: fit(decimal_of(value)),
        str: lambda value: fit(Decimal(value)) if _is_number(value) else None,
    }

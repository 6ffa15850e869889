"""Order and equality of physical values, one total order for each type that has one.

This is the order of value sets, not of SQL expressions: NaN equals itself and -0.0 is
below 0.0, so that every value has one place. Source: wire protocol, section 10.7;
section 9 for zoned timestamps.
"""

from __future__ import annotations

import math
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from athena_connectors.common.errors import InvalidRequestError

if TYPE_CHECKING:
    from collections.abc import Callable

    from athena_connectors.common.valueset import Value

__all__ = ["has_order", "is_zoned", "key_function", "same_type", "sort_key"]

ZONE_BITS = 12
"""Width of the zone key below the milliseconds of a packed zoned timestamp."""


def is_zoned(type_: pa.DataType) -> bool:
    """Return whether values are packed: instant above, zone key in the low 12 bits."""
    return isinstance(type_, pa.TimestampType) and type_.tz is not None


def same_type(left: pa.DataType, right: pa.DataType) -> bool:
    """Return whether two types hold the same physical values.

    Zoned timestamps of one unit do: the zone stands in the values, not in the type.
    """
    if isinstance(left, pa.TimestampType) and isinstance(right, pa.TimestampType):
        return left.unit == right.unit and (left.tz is None) == (right.tz is None)
    return left == right


def has_order(type_: pa.DataType) -> bool:
    """Return whether values of a type can be sorted: all but lists, structs and maps."""
    return _rule(type_) is not None


def sort_key(type_: pa.DataType, value: Value) -> Any:
    """Return a key that orders the values of a type and tells which are equal.

    Numbers go by value; floats by total order, -0.0 below 0.0 and NaN, equal to itself,
    above infinity; texts by UTF-16 code units; bytes unsigned; false before true; zoned
    timestamps by instant alone, so the same instant in two zones is equal.

    Raises:
        InvalidRequestError: The type has no order or the value is not of the type.
    """
    return key_function(type_)(value)


def key_function(type_: pa.DataType) -> Callable[[Value], Any]:
    """Return ``sort_key`` for one type, for use on many values.

    Raises:
        InvalidRequestError: The type has no order. The function raises it for a value
            that is not of the type.
    """
    rule = _rule(type_)
    if rule is None:
        raise InvalidRequestError(
            f"Values of type {type_} have no order.",
            hint="Only columns of scalar types can be constrained by ranges.",
        )
    class_, key = rule

    def checked(value: Value) -> Any:
        if not isinstance(value, class_):
            raise InvalidRequestError(f"{value!r} is no physical value of type {type_}.")
        return key(value)

    return checked


def _float_key(value: float) -> tuple[bool, float, float]:
    nan = math.isnan(value)
    return (nan, 0.0, 0.0) if nan else (nan, value, math.copysign(1.0, value))


def _utf16_key(value: str) -> bytes:
    return value.encode("utf-16-be", "surrogatepass")


def _instant_key(value: int) -> int:
    return value >> ZONE_BITS


def _plain_key(value: Any) -> Any:
    return value


def _is_count(type_: pa.DataType) -> bool:
    return pa.types.is_integer(type_) or pa.types.is_temporal(type_)


def _is_text(type_: pa.DataType) -> bool:
    return pa.types.is_string(type_) or pa.types.is_large_string(type_)


def _is_bytes(type_: pa.DataType) -> bool:
    types = pa.types
    return (
        types.is_binary(type_) or types.is_large_binary(type_) or types.is_fixed_size_binary(type_)
    )


# First match wins: a zoned timestamp is temporal too, a decimal is fixed-size binary.
_RULES: tuple[tuple[Callable[[pa.DataType], bool], type, Callable[[Any], Any]], ...] = (
    (is_zoned, int, _instant_key),
    (_is_count, int, _plain_key),
    (pa.types.is_floating, float, _float_key),
    (pa.types.is_decimal, Decimal, _plain_key),
    (_is_text, str, _utf16_key),
    (_is_bytes, bytes, _plain_key),
    (pa.types.is_boolean, bool, _plain_key),
)


def _rule(type_: pa.DataType) -> tuple[type, Callable[[Any], Any]] | None:
    return next(((class_, key) for fits, class_, key in _RULES if fits(type_)), None)

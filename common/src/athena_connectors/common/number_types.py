"""What numbers of a source without a schema become.

32-bit and 64-bit integers and doubles are those of a source that tells them apart;
*decimals* are exact numbers of one that does not, and of any size:

| Seen | Type |
|---|---|
| 32-bit integers | integer |
| 64-bit integers, also with 32-bit ones | bigint |
| doubles | double |
| integers and doubles | double if all integers lie within 2^53, which a double holds exactly; \
else a decimal if it holds all seen; else varchar |
| decimals, with or without others | by the policy: |
| with ``decimal`` | decimal(38, s), where s is the digits after the point seen, 9 at least; \
varchar if that does not hold all seen |
| with ``auto`` | bigint if all are whole and fit and none is a double; else decimal(38, s) \
with at least the digits seen, and 9 if there is room; else double |
| with ``double`` | double |
| with ``varchar`` | varchar |

A decimal holds neither NaN nor an infinity.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import pyarrow as pa
from athena_connectors.common.observed import Kind

if TYPE_CHECKING:
    from athena_connectors.common.observed import Numbers

__all__ = ["NumberPolicy", "number_type"]

MAX_DIGITS = 38
MIN_SCALE = 9
"""Digits after the point that a decimal has at least, as in the Java connector."""
DOUBLE_BOUND = 2**53
"""Whole numbers up to it are doubles without a loss."""
BIGINT_BOUND = 2**63

NumberPolicy = Literal["decimal", "auto", "double", "varchar"]


def number_type(
    kinds: frozenset[Kind], numbers: Numbers, policy: NumberPolicy
) -> tuple[pa.DataType, str]:
    """Return the type of numbers, and why it is text if they ask for it and not the policy.

    Args:
        kinds: The kinds of numbers that were seen, one at least.
        numbers: How large and how fine they are.
        policy: What exact numbers of any size become.
    """
    if Kind.DECIMAL in kinds:
        if policy == "auto" and Kind.DOUBLE not in kinds and _are_bigint(numbers):
            return pa.int64(), ""
        return _decimals(numbers, policy)
    if Kind.DOUBLE not in kinds:
        return (pa.int64() if Kind.INT64 in kinds else pa.int32()), ""
    if kinds == {Kind.DOUBLE} or numbers.within(DOUBLE_BOUND):
        return pa.float64(), ""
    return _decimals(numbers, "decimal")


def _decimals(numbers: Numbers, policy: NumberPolicy) -> tuple[pa.DataType, str]:
    match policy:
        case "double":
            return pa.float64(), ""
        case "varchar":
            return pa.string(), ""
        case "auto":
            return _roomiest(numbers), ""
        case "decimal":
            scale = max(numbers.scale, MIN_SCALE)
            if numbers.not_finite:
                return pa.string(), "a number is NaN or infinite"
            if numbers.digits + scale > MAX_DIGITS:
                return pa.string(), (
                    f"numbers have up to {numbers.digits} digits before the point and"
                    f" {numbers.scale} after it"
                )
            return pa.decimal128(MAX_DIGITS, scale), ""


def _are_bigint(numbers: Numbers) -> bool:
    return numbers.low is not None and numbers.scale == 0 and numbers.within(BIGINT_BOUND)


def _roomiest(numbers: Numbers) -> pa.DataType:
    room = MAX_DIGITS - numbers.digits
    if numbers.not_finite or numbers.scale > room:
        return pa.float64()
    return pa.decimal128(MAX_DIGITS, max(numbers.scale, min(MIN_SCALE, room)))

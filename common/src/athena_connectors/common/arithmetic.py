"""Arithmetic of expressions, as Athena does it, on whole columns.

Integers keep the wider of their types and fail beyond it; division truncates toward zero
and a remainder has the sign of the dividend. Decimals follow Trino's rules for scale and
round half up when divided; more than 38 digits fail. Floats follow IEEE 754, so they
never fail. A row that fails gets NULL and is named in a failure.

Decimal division, both remainders and decimals of more than 76 digits on the way have no
kernel that gives the exact result; they alone go row by row.
"""

from __future__ import annotations

import math
import operator
from dataclasses import replace
from decimal import Context, Decimal
from fractions import Fraction
from itertools import repeat
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from athena_connectors.common.errors import UnsupportedTypeError
from athena_connectors.common.operands import (
    NULL,
    Failure,
    Operand,
    as_decimal,
    as_float,
    float_type,
)
from athena_connectors.common.physical import Kind, compute

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from athena_connectors.common.physical import Data

__all__ = ["ARITHMETIC", "calculate"]

ARITHMETIC: frozenset[str] = frozenset(
    {"$add", "$subtract", "$multiply", "$divide", "$modulus", "$negate"}
)

_KERNELS = {"$add": "add", "$subtract": "subtract", "$multiply": "multiply", "$divide": "divide"}
_NUMBERS = frozenset({Kind.INTEGER, Kind.DECIMAL, Kind.FLOAT})
_MAX_DIGITS = 38
_MAX_WIDE_DIGITS = 76
_EXACT = Context(prec=200)
_BY_ZERO = "divides by zero"
_TOO_LONG = f"has more than {_MAX_DIGITS} digits"

_Failed = list[tuple["Data", str]]


def calculate(function: str, *operands: Operand, text: str) -> Operand:
    """Apply a function of ``ARITHMETIC``.

    Args:
        function: Its wire name.
        operands: As many as it takes.
        text: The expression, for the reason of a failure.

    Raises:
        UnsupportedTypeError: An operand is no number.
    """
    failures = tuple(failure for item in operands for failure in item.failures)
    kinds = {item.kind for item in operands}
    for kind in kinds - _NUMBERS - {Kind.NULL}:
        raise UnsupportedTypeError(
            f"{text} calculates with a {kind.name}.", hint="Use numbers only."
        )
    if Kind.NULL in kinds:
        return replace(NULL, failures=failures)
    if function == "$negate":
        return _negated(operands[0], text)
    left, right = operands
    if Kind.FLOAT in kinds:
        type_ = float_type(left, right)
        data = _floats(function, as_float(left.data, type_), as_float(right.data, type_))
        return Operand(Kind.FLOAT, data, failures)
    if Kind.DECIMAL in kinds:
        data, failed = _decimals(function, as_decimal(left.data), as_decimal(right.data))
        return Operand(Kind.DECIMAL, data, failures + _failures(failed, text))
    data, failed = _integers(function, left.data, right.data)
    return Operand(Kind.INTEGER, data, failures + _failures(failed, text))


def _negated(operand: Operand, text: str) -> Operand:
    pc = compute()
    if operand.kind is not Kind.INTEGER:
        return Operand(operand.kind, pc.negate(operand.data), operand.failures)
    least = _extreme(operand.data.type, -1)
    failed = [(pc.equal(operand.data, least), _out_of_range(operand.data.type))]
    data = pc.negate(_blank(operand.data, failed))
    return Operand(operand.kind, data, operand.failures + _failures(failed, text))


def _failures(failed: _Failed, text: str) -> tuple[Failure, ...]:
    pc = compute()
    return tuple(Failure(pc.coalesce(rows, False), f"{text} {what}.") for rows, what in failed)


def _out_of_range(type_: pa.DataType) -> str:
    return f"is beyond the range of {type_}"


def _blank(data: Data, failed: _Failed) -> Data:
    """Return data with NULL where something failed."""
    pc = compute()
    for rows, _ in failed:
        data = pc.if_else(pc.coalesce(rows, False), pa.scalar(None, data.type), data)
    return data


# Integers


def _integers(function: str, left: Data, right: Data) -> tuple[Data, _Failed]:
    pc = compute()
    type_ = max(left.type, right.type, key=lambda item: item.bit_width)
    left, right = pc.cast(left, type_), pc.cast(right, type_)
    if function == "$modulus":
        return _integer_remainder(left, right)
    try:
        return pc.call_function(f"{_KERNELS[function]}_checked", [left, right]), []
    except pa.ArrowInvalid:  # some row fails: find out which
        if function == "$divide":
            return _integer_quotient(left, right)
        return _wide_integers(function, left, right)


def _wide_integers(function: str, left: Data, right: Data) -> tuple[Data, _Failed]:
    pc = compute()
    wide = pa.decimal256(19, 0)
    exact = pc.call_function(_KERNELS[function], [pc.cast(left, wide), pc.cast(right, wide)])
    beyond = pc.or_(
        pc.less(exact, pc.cast(_extreme(left.type, -1), wide)),
        pc.greater(exact, pc.cast(_extreme(left.type, 1), wide)),
    )
    failed = [(beyond, _out_of_range(left.type))]
    return pc.cast(_blank(exact, failed), left.type), failed


def _integer_quotient(left: Data, right: Data) -> tuple[Data, _Failed]:
    pc = compute()
    zero = pc.equal(right, pa.scalar(0, right.type))
    least = pc.equal(left, _extreme(left.type, -1))
    beyond = pc.and_(least, pc.equal(right, pa.scalar(-1, right.type)))
    divisor = pc.if_else(pc.or_(zero, beyond), pa.scalar(1, right.type), right)
    failed = [
        (pc.and_(zero, pc.is_valid(left)), _BY_ZERO),
        (beyond, _out_of_range(left.type)),
    ]
    return _blank(pc.divide(left, divisor), failed), failed


def _integer_remainder(left: Data, right: Data) -> tuple[Data, _Failed]:
    pc = compute()
    one = pa.scalar(1, right.type)
    zero = pc.equal(right, pa.scalar(0, right.type))
    # The remainder by -1 is that by 1; the quotient by -1 may be out of range.
    odd = pc.or_(zero, pc.equal(right, pa.scalar(-1, right.type)))
    divisor = pc.if_else(odd, one, right)
    remainder = pc.subtract(left, pc.multiply(pc.divide(left, divisor), divisor))
    failed = [(pc.and_(zero, pc.is_valid(left)), _BY_ZERO)]
    return _blank(remainder, failed), failed


def _extreme(type_: Any, sign: int) -> Data:
    greatest = 2 ** (type_.bit_width - 1) - 1
    return pa.scalar(greatest if sign > 0 else -greatest - 1, type_)


# Floats


def _floats(function: str, left: Data, right: Data) -> Data:
    pc = compute()
    if function != "$modulus":
        return pc.call_function(_KERNELS[function], [left, right])
    return _collect([_float_remainder(*pair) for pair in _rows(left, right)], left, right)


def _float_remainder(dividend: float | None, divisor: float | None) -> float | None:
    if dividend is None or divisor is None:
        return None
    if divisor == 0 or math.isinf(dividend):
        return math.nan
    return math.fmod(dividend, divisor)


# Decimals


def _decimals(function: str, left: Data, right: Data) -> tuple[Data, _Failed]:
    pc = compute()
    precision, scale = _result_digits(function, left.type, right.type)
    if scale > _MAX_DIGITS:
        raise UnsupportedTypeError(
            f"{left.type} times {right.type} has {scale} digits after the point.",
            hint=f"Cast to decimals of {_MAX_DIGITS} such digits together.",
        )
    type_ = pa.decimal256(precision, scale)
    if not _has_kernel(function, left.type, right.type):
        return _decimals_by_row(function, left, right, type_)
    exact = pc.call_function(_KERNELS[function], [_widen(left), _widen(right)])
    limit = pa.scalar(Decimal(1).scaleb(_MAX_DIGITS - scale), pa.decimal256(76, scale))
    failed = [(pc.greater_equal(pc.abs(exact), limit), _TOO_LONG)]
    return pc.cast(_blank(exact, failed), type_), failed


def _result_digits(function: str, left: Any, right: Any) -> tuple[int, int]:
    """Return precision and scale of a result by Trino's rules for decimal operators."""
    left_whole, right_whole = left.precision - left.scale, right.precision - right.scale
    scale = max(left.scale, right.scale)
    match function:
        case "$multiply":
            precision, scale = left.precision + right.precision, left.scale + right.scale
        case "$divide":
            precision = left.precision + right.scale + max(right.scale - left.scale, 0)
        case "$modulus":
            precision = min(left_whole, right_whole) + scale
        case _:
            precision = max(left_whole, right_whole) + scale + 1
    return min(_MAX_DIGITS, precision), scale


def _has_kernel(function: str, left: Any, right: Any) -> bool:
    """Whether Arrow has an exact kernel, whose result takes the digits counted here."""
    match function:
        case "$add" | "$subtract":
            whole = max(left.precision - left.scale, right.precision - right.scale)
            digits = whole + max(left.scale, right.scale) + 1
        case "$multiply":
            digits = left.precision + right.precision + 1
        case _:
            return False
    return bool(digits <= _MAX_WIDE_DIGITS)


def _widen(data: Data) -> Data:
    pc = compute()
    return pc.cast(data, pa.decimal256(data.type.precision, data.type.scale))


def _decimals_by_row(function: str, left: Data, right: Data, type_: Any) -> tuple[Data, _Failed]:
    results = [_exactly(function, *pair, scale=type_.scale) for pair in _rows(left, right)]
    values = [None if isinstance(item, str) else item for item in results]
    failed = [
        (_collect([item == reason for item in results], left, right, pa.bool_()), reason)
        for reason in (_BY_ZERO, _TOO_LONG)
    ]
    return _collect(values, left, right, type_), failed


def _exactly(
    function: str, left: Decimal | None, right: Decimal | None, *, scale: int
) -> Decimal | str | None:
    """Return the result of one row, or why there is none."""
    if left is None or right is None:
        return None
    if function in ("$divide", "$modulus") and not right:
        return _BY_ZERO
    result = _ROW_FUNCTIONS[function](Fraction(left), Fraction(right)) * 10**scale
    # Half up, away from zero; only a quotient has anything to round.
    unscaled = int(abs(result) + Fraction(1, 2)) * (-1 if result < 0 else 1)
    if abs(unscaled) >= 10**_MAX_DIGITS:
        return _TOO_LONG
    return Decimal(unscaled).scaleb(-scale, _EXACT)


def _remainder(dividend: Fraction, divisor: Fraction) -> Fraction:
    return dividend - int(dividend / divisor) * divisor


_ROW_FUNCTIONS: dict[str, Callable[[Fraction, Fraction], Fraction]] = {
    "$add": operator.add,
    "$subtract": operator.sub,
    "$multiply": operator.mul,
    "$divide": operator.truediv,
    "$modulus": _remainder,
}


# Row by row


def _rows(left: Data, right: Data) -> Iterable[tuple[Any, Any]]:
    """Pair the values of two operands; one constant next to a column is repeated."""
    match isinstance(left, pa.Scalar), isinstance(right, pa.Scalar):
        case True, True:
            return [(left.as_py(), right.as_py())]
        case True, False:
            return zip(repeat(left.as_py()), right.to_pylist(), strict=False)
        case False, True:
            return zip(left.to_pylist(), repeat(right.as_py()), strict=False)
        case _:
            return zip(left.to_pylist(), right.to_pylist(), strict=True)


def _collect(results: list[Any], left: Data, right: Data, type_: pa.DataType | None = None) -> Data:
    """Undo ``_rows``: a column, or one constant if both operands were."""
    array = pa.array(results, type_ or left.type)
    return array[0] if isinstance(left, pa.Scalar) and isinstance(right, pa.Scalar) else array

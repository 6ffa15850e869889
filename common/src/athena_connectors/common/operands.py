"""Values on their way through an expression, and the coercions between their types.

An operand's data is a column or one constant in the form that ``physical.unpack`` gives.
Coercion never rounds a value that can be compared exactly: integers and decimals meet in
decimals wide enough for both, and only next to a float they become floats, as in Athena.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa
from athena_connectors.common.errors import UnsupportedTypeError
from athena_connectors.common.physical import INTEGER_DIGITS, Kind, compute

if TYPE_CHECKING:
    from athena_connectors.common.physical import Data

__all__ = ["NULL", "Failure", "Operand", "align", "as_decimal", "as_float", "float_type"]

_MS_PER_DAY = 86_400_000
_MAX_DIGITS = 76


@dataclass(frozen=True, slots=True)
class Failure:
    """Rows for which a function failed; their data is NULL.

    Attributes:
        rows: Mask without nulls, or one boolean for all rows.
        reason: What happened, with the expression, as one sentence.
    """

    rows: Data
    reason: str


@dataclass(frozen=True, slots=True)
class Operand:
    """The value of an expression for each row."""

    kind: Kind
    data: Data
    failures: tuple[Failure, ...] = ()


NULL = Operand(Kind.NULL, pa.scalar(None, pa.null()))


def align(left: Operand, right: Operand) -> tuple[Data, Data]:
    """Return the data of two operands in a form in which kernels compare them.

    Raises:
        UnsupportedTypeError: Values of their types can't be compared.
    """
    match left.kind, right.kind:
        case (Kind.OPAQUE, _) | (_, Kind.OPAQUE):
            raise _incomparable(left, right)
        case (Kind.NULL, _) | (_, Kind.NULL):
            return left.data, right.data
        case (Kind.DECIMAL, Kind.DECIMAL | Kind.INTEGER) | (Kind.INTEGER, Kind.DECIMAL):
            return _align_decimals(as_decimal(left.data), as_decimal(right.data))
        case (Kind.FLOAT, Kind.FLOAT | Kind.DECIMAL | Kind.INTEGER) | (
            Kind.DECIMAL | Kind.INTEGER,
            Kind.FLOAT,
        ):
            type_ = float_type(left, right)
            return as_float(left.data, type_), as_float(right.data, type_)
        case (Kind.DATE, Kind.DATETIME) | (Kind.DATETIME, Kind.DATE):
            return _as_milliseconds(left), _as_milliseconds(right)
        case one, two if one is two:
            return left.data, right.data
        case _:
            raise _incomparable(left, right)


def float_type(left: Operand, right: Operand) -> pa.DataType:
    """Return the type in which floats meet: real unless one of them is a double."""
    return pa.float64() if pa.float64() in (left.data.type, right.data.type) else pa.float32()


def as_float(data: Data, type_: pa.DataType) -> Data:
    """Return numbers as the nearest floats."""
    pc = compute()
    if pa.types.is_decimal(data.type):
        # Arrow's own conversion may be off by one bit; parsing digits is not.
        return pc.cast(pc.cast(data, pa.string()), type_)
    return pc.cast(data, type_, safe=False)


def as_decimal(data: Data) -> Data:
    """Return integers as decimals of the fewest digits that hold their type."""
    pc = compute()
    if pa.types.is_decimal(data.type):
        return data
    return pc.cast(data, pa.decimal128(INTEGER_DIGITS[data.type.bit_width], 0))


def _align_decimals(left: Data, right: Data) -> tuple[Data, Data]:
    pc = compute()
    if left.type == right.type:
        return left, right
    scale = max(left.type.scale, right.type.scale)
    whole = max(item.type.precision - item.type.scale for item in (left, right))
    common = pa.decimal256(min(_MAX_DIGITS, whole + scale), scale)
    return pc.cast(left, common), pc.cast(right, common)


def _as_milliseconds(operand: Operand) -> Data:
    pc = compute()
    if operand.kind is Kind.DATETIME:
        return operand.data
    return pc.multiply(pc.cast(operand.data, pa.int64()), _MS_PER_DAY)


def _incomparable(left: Operand, right: Operand) -> UnsupportedTypeError:
    return UnsupportedTypeError(
        f"A {left.kind.name} and a {right.kind.name} can't be compared.",
        hint="Compare values of one type; lists, structs and maps are never compared.",
    )

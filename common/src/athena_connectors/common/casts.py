"""CAST of columns, as Athena does it: only those that a predicate in a query plan may hold.

A float is the nearest, text becomes an integer only if it is one as a whole, and a number
that does not fit is a failure. Source: Trino documentation, "Conversion functions".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa
from athena_connectors.common.errors import UnsupportedTypeError
from athena_connectors.common.operands import Failure, Operand, as_float
from athena_connectors.common.physical import Kind, compute, kind_of
from athena_connectors.common.type_text import type_text

if TYPE_CHECKING:
    from collections.abc import Callable

    from athena_connectors.common.physical import Data

__all__ = ["can_cast", "cast"]

_INTEGER_TEXT = r"^[+-]?[0-9]+$"
_MAX_INTEGER_DIGITS = 19


def can_cast(source: pa.DataType, target: pa.DataType) -> bool:
    """Return whether ``cast`` is able to cast from a type to another."""
    return (kind_of(source), kind_of(target)) in _CASTS


def cast(operand: Operand, target: pa.DataType, *, text: str) -> Operand:
    """Return values in another type; those for which Athena fails are failures.

    Args:
        operand: The values.
        target: The type.
        text: The cast as people read it, for reasons of failures.

    Raises:
        UnsupportedTypeError: There is no cast between these types here.
    """
    if operand.kind is Kind.NULL:
        return Operand(kind_of(target), pa.scalar(None, target), operand.failures)
    convert = _CASTS.get((operand.kind, kind_of(target)))
    if convert is None:
        raise UnsupportedTypeError(
            f"A {operand.kind.name} can't be cast to {type_text(target)} here: {text}.",
            hint="Write the query so that Athena casts: outside of a subquery on the table.",
        )
    data, failed = convert(operand.data, target)
    failures = operand.failures
    if failed is not None:
        failures = (*failures, Failure(failed, f"A value can't be cast: {text}."))
    return Operand(kind_of(target), data, failures)


_Converted = tuple["Data", "Data | None"]


def _nearest_float(data: Data, target: pa.DataType) -> _Converted:
    return as_float(data, target), None


def _decimal_text(data: Data, target: pa.DataType) -> _Converted:
    pc = compute()
    return pc.cast(data, target), None


def _narrowed(data: Data, target: Any) -> _Converted:
    pc = compute()
    bits = target.bit_width - 1
    least, greatest = -(2**bits), 2**bits - 1
    wide = pc.cast(data, pa.int64())
    fits = pc.and_(pc.greater_equal(wide, least), pc.less_equal(wide, greatest))
    kept = pc.if_else(fits, wide, pa.scalar(None, pa.int64()))
    return pc.cast(kept, target), _is_false(fits)


def _parsed_integer(data: Data, target: pa.DataType) -> _Converted:
    pc = compute()
    is_number = pc.match_substring_regex(data, _INTEGER_TEXT)
    digits = pc.replace_substring_regex(data, r"^([+-]?)0+([0-9])", r"\1\2")
    unsigned = pc.utf8_ltrim(digits, "+-")
    is_short = pc.less_equal(pc.utf8_length(unsigned), _MAX_INTEGER_DIGITS)
    readable = pc.and_(is_number, is_short)
    kept = pc.if_else(readable, pc.utf8_ltrim(digits, "+"), pa.scalar(None, pa.string()))
    # 19 digits may still be beyond 64 bits, and never beyond these.
    exact = pc.cast(kept, pa.decimal128(_MAX_INTEGER_DIGITS, 0))
    greatest = pa.scalar(2 ** (_bits(target) - 1) - 1).cast(exact.type)
    least = pa.scalar(-(2 ** (_bits(target) - 1))).cast(exact.type)
    fits = pc.and_(pc.greater_equal(exact, least), pc.less_equal(exact, greatest))
    number = pc.cast(pc.if_else(fits, exact, pa.scalar(None, exact.type)), target)
    failed = pc.or_(_is_false(readable), _is_false(fits))
    return number, failed


def _bits(type_: Any) -> int:
    width: int = type_.bit_width
    return width


def _is_false(mask: Data) -> Data:
    pc = compute()
    return pc.coalesce(pc.invert(mask), pa.scalar(value=False))


_CASTS: dict[tuple[Kind, Kind], Callable[[Any, Any], _Converted]] = {
    (Kind.INTEGER, Kind.INTEGER): _narrowed,
    (Kind.INTEGER, Kind.FLOAT): _nearest_float,
    (Kind.INTEGER, Kind.TEXT): _decimal_text,
    (Kind.DECIMAL, Kind.FLOAT): _nearest_float,
    (Kind.FLOAT, Kind.FLOAT): _nearest_float,
    (Kind.TEXT, Kind.INTEGER): _parsed_integer,
}

"""Arithmetic as SQL that never fails, and the SQL that tells where Athena would fail.

Numbers are calculated in the server's exact type, which holds every result of integers and
decimals of 38 digits, or as many as its dialect says. Where Athena would fail, the row has
to be kept and evaluated again. Source: ``common.arithmetic``, which does that.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pyarrow as pa
from athena_connectors.common.physical import INTEGER_DIGITS, Kind
from athena_connectors.common.sql.dialect import NotPushedError, Term

if TYPE_CHECKING:
    from athena_connectors.common.sql.dialect import Dialect

__all__ = ["ARITHMETIC", "calculate"]

_MAX_DIGITS = 38
_OPERATORS = {"$add": "+", "$subtract": "-", "$multiply": "*"}

ARITHMETIC = frozenset({*_OPERATORS, "$divide", "$modulus", "$negate"})
"""Wire names of the functions that ``calculate`` takes."""


def calculate(function: str, operands: list[Term], dialect: Dialect) -> tuple[Term, str]:
    """Apply a function of ``ARITHMETIC``.

    Returns:
        The result, and SQL that is true where the function fails in Athena; empty if it
        can't fail. The result there means nothing.

    Raises:
        NotPushedError: The result would not be Athena's, digit by digit.
    """
    if any(item.kind not in (Kind.INTEGER, Kind.DECIMAL) for item in operands):
        raise NotPushedError("Only integers and decimals are calculated with in the server.")
    result, fails = _calculated(function, operands, dialect)
    result = replace(result, digits=_held_digits(function, operands))
    _check_digits(result, dialect)
    return result, fails


def _calculated(function: str, operands: list[Term], dialect: Dialect) -> tuple[Term, str]:
    if function == "$negate":
        return _negated(operands[0], dialect)
    left, right = operands
    if left.kind is right.kind is Kind.INTEGER:
        return _integers(function, left, right, dialect)
    return _decimals(function, left, right, dialect)


def _number(term: Term, dialect: Dialect) -> str:
    return dialect.exact_number(term, _digits_of(term))


def _negated(term: Term, dialect: Dialect) -> tuple[Term, str]:
    result = Term(f"(-{_number(term, dialect)})", term.kind, term.type)
    return result, _beyond(result) if term.kind is Kind.INTEGER else ""


def _beyond(term: Term) -> str:
    """Return SQL that is true where an integer is outside of the range of its type."""
    greatest = 2 ** (term.type.bit_width - 1) - 1
    return f"{term.text} NOT BETWEEN {-greatest - 1} AND {greatest}"


def _integers(function: str, left: Term, right: Term, dialect: Dialect) -> tuple[Term, str]:
    type_ = max(left.type, right.type, key=lambda item: item.bit_width)
    if function in _OPERATORS:
        result = Term(_operation(function, left, right, dialect), Kind.INTEGER, type_)
        return result, _beyond(result)
    result = Term(_quotient(function, left, right, dialect), Kind.INTEGER, type_)
    fails = _by_zero(right)
    if function == "$divide" and right.constant in (None, -1):
        fails = f"({fails} OR {_beyond(result)})" if fails else _beyond(result)
    return result, fails


def _operation(function: str, left: Term, right: Term, dialect: Dialect) -> str:
    return f"({_number(left, dialect)} {_OPERATORS[function]} {_number(right, dialect)})"


def _quotient(function: str, left: Term, right: Term, dialect: Dialect) -> str:
    """Return quotient or remainder, both exact and truncated toward zero as in Athena."""
    make = dialect.quotient if function == "$divide" else dialect.remainder
    numbers = _number(left, dialect), _number(right, dialect)
    return make(*numbers, never_zero=bool(right.constant))


def _by_zero(divisor: Term) -> str:
    return "" if divisor.constant else f"{divisor.text} = 0"


def _decimals(function: str, left: Term, right: Term, dialect: Dialect) -> tuple[Term, str]:
    (left_whole, left_scale), (right_whole, right_scale) = map(_type_digits, (left, right))
    scale = max(left_scale, right_scale)
    match function:
        case "$divide":
            raise NotPushedError("The server rounds quotients of decimals in another way.")
        case "$modulus":
            type_ = pa.decimal128(max(1, min(left_whole, right_whole) + scale), scale)
            text = _quotient(function, left, right, dialect)
            return Term(text, Kind.DECIMAL, type_), _by_zero(right)
        case "$multiply":
            scale = left_scale + right_scale
            digits = left_whole + right_whole + scale
        case _:
            digits = max(left_whole, right_whole) + scale + 1
    if scale > _MAX_DIGITS:
        raise NotPushedError(f"A product has more than {_MAX_DIGITS} digits after the point.")
    text = _operation(function, left, right, dialect)
    result = Term(text, Kind.DECIMAL, pa.decimal128(min(_MAX_DIGITS, digits), scale))
    limit = dialect.power_of_ten(_MAX_DIGITS - scale)
    return result, f"abs{text} >= {limit}" if digits > _MAX_DIGITS else ""


# Digits before and after the point


def _type_digits(term: Term) -> tuple[int, int]:
    if term.kind is Kind.INTEGER:
        return INTEGER_DIGITS[term.type.bit_width], 0
    return term.type.precision - term.type.scale, term.type.scale


def _digits_of(term: Term) -> tuple[int, int]:
    return term.digits or _type_digits(term)


def _held_digits(function: str, operands: list[Term]) -> tuple[int, int]:
    """Return how many digits the server's result may have, also where Athena fails."""
    wholes, scales = zip(*map(_digits_of, operands), strict=True)
    match function:
        case "$multiply":
            return sum(wholes), sum(scales)
        case "$add" | "$subtract":
            return max(wholes) + 1, max(scales)
        case _:
            return max(wholes), max(scales)


def _check_digits(term: Term, dialect: Dialect) -> None:
    if dialect.max_digits is None:
        return
    whole, scale = _digits_of(term)
    most, most_after = dialect.max_digits
    if whole + scale > most or scale > most_after:
        raise NotPushedError(
            f"The server calculates with {most} digits, {most_after} of them after the point."
        )

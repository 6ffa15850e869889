"""Arithmetic as SQL that never fails, and the SQL that tells where Athena would fail.

A server evaluates parts of a predicate in any order, also for rows that another part
excludes, so nothing pushed may raise. Numbers are calculated as ``numeric``, which holds
every result of integers and decimals of 38 digits exactly. Where Athena would fail, the
row has to be kept and evaluated again. Source: ``common.arithmetic``, which does that.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from athena_connectors.common.physical import Kind
from athena_connectors.jdbc_postgres.comparisons import NotPushedError

if TYPE_CHECKING:
    from athena_connectors.common.valueset import Value
    from athena_connectors.jdbc_postgres.comparisons import Subject

__all__ = ["Term", "calculate"]

_MAX_DIGITS = 38
_INTEGER_DIGITS = {8: 3, 16: 5, 32: 10, 64: 19}
_OPERATORS = {"$add": "+", "$subtract": "-", "$multiply": "*"}


@dataclass(frozen=True, slots=True)
class Term:
    """A value in an expression.

    Attributes:
        text: SQL of the value as Athena has it, NULL included; may stand before ``::``.
        kind: How it is compared.
        type: Its engine type.
        subject: The column, if it is one.
        constant: The value, if it is a constant other than NULL.
    """

    text: str
    kind: Kind
    type: Any
    subject: Subject | None = None
    constant: Value | None = None


def calculate(function: str, operands: list[Term]) -> tuple[Term, str]:
    """Apply a function of ``arithmetic.ARITHMETIC``.

    Returns:
        The result, and SQL that is true where the function fails in Athena; empty if it
        can't fail. The result there means nothing.

    Raises:
        NotPushedError: The result would not be Athena's, digit by digit.
    """
    if any(item.kind not in (Kind.INTEGER, Kind.DECIMAL) for item in operands):
        raise NotPushedError("Only integers and decimals are calculated with in the server.")
    integers = all(item.kind is Kind.INTEGER for item in operands)
    if function == "$negate":
        return _negated(operands[0])
    if integers:
        return _integers(function, *operands)
    return _decimals(function, *operands)


def _numeric(term: Term) -> str:
    return f"{term.text}::numeric"


def _negated(term: Term) -> tuple[Term, str]:
    result = Term(f"(-{_numeric(term)})", term.kind, term.type)
    return result, _beyond(result) if term.kind is Kind.INTEGER else ""


def _beyond(term: Term) -> str:
    """Return SQL that is true where an integer is outside of the range of its type."""
    greatest = 2 ** (term.type.bit_width - 1) - 1
    return f"{term.text} NOT BETWEEN {-greatest - 1} AND {greatest}"


def _integers(function: str, left: Term, right: Term) -> tuple[Term, str]:
    type_ = max(left.type, right.type, key=lambda item: item.bit_width)
    if function in _OPERATORS:
        text = f"({_numeric(left)} {_OPERATORS[function]} {_numeric(right)})"
        result = Term(text, Kind.INTEGER, type_)
        return result, _beyond(result)
    result = Term(_quotient(function, left, right), Kind.INTEGER, type_)
    fails = _by_zero(right)
    if function == "$divide" and right.constant in (None, -1):
        fails = f"({fails} OR {_beyond(result)})" if fails else _beyond(result)
    return result, fails


def _quotient(function: str, left: Term, right: Term) -> str:
    """Return quotient or remainder, both exact and truncated toward zero as in Athena."""
    name = "div" if function == "$divide" else "mod"
    divisor = _numeric(right) if right.constant else f"NULLIF({_numeric(right)}, 0)"
    return f"{name}({_numeric(left)}, {divisor})"


def _by_zero(divisor: Term) -> str:
    return "" if divisor.constant else f"{divisor.text} = 0"


def _decimals(function: str, left: Term, right: Term) -> tuple[Term, str]:
    (left_digits, left_scale), (right_digits, right_scale) = _digits(left), _digits(right)
    left_whole, right_whole = left_digits - left_scale, right_digits - right_scale
    scale = max(left_scale, right_scale)
    match function:
        case "$divide":
            raise NotPushedError("The server rounds quotients of decimals in another way.")
        case "$modulus":
            type_ = pa.decimal128(max(1, min(left_whole, right_whole) + scale), scale)
            return Term(_quotient(function, left, right), Kind.DECIMAL, type_), _by_zero(right)
        case "$multiply":
            digits, scale = left_digits + right_digits, left_scale + right_scale
        case _:
            digits = max(left_whole, right_whole) + scale + 1
    if scale > _MAX_DIGITS:
        raise NotPushedError(f"A product has more than {_MAX_DIGITS} digits after the point.")
    text = f"({_numeric(left)} {_OPERATORS[function]} {_numeric(right)})"
    result = Term(text, Kind.DECIMAL, pa.decimal128(min(_MAX_DIGITS, digits), scale))
    fails = f"abs{text} >= 1e{_MAX_DIGITS - scale}" if digits > _MAX_DIGITS else ""
    return result, fails


def _digits(term: Term) -> tuple[int, int]:
    if term.kind is Kind.INTEGER:
        return _INTEGER_DIGITS[term.type.bit_width], 0
    return term.type.precision, term.type.scale

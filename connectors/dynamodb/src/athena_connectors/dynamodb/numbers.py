"""DynamoDB's numbers, which travel as text, as columns of numbers and as plain text.

A number has up to 38 digits and lies between 1E-130 and 9.99E+125. Whole columns are cast at
once where Arrow gives exactly what is wanted; other columns are read number by number.
"""

from __future__ import annotations

import re
from decimal import ROUND_HALF_UP, Context, Decimal
from typing import TYPE_CHECKING, Any, NamedTuple

import pyarrow as pa
from athena_connectors.common.physical import compute

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Numbers", "are_numbers", "plain_number", "plain_numbers", "read_numbers"]

_PLAIN = r"^(?:0|-?(?:[1-9][0-9]*|0\.[0-9]*[1-9]|[1-9][0-9]*\.[0-9]*[1-9]))$"
_is_plain = re.compile(_PLAIN).match
_NUMBER = r"^[+-]?[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]{1,6})?$"

_WIDE = pa.decimal256(76, 38)
_MAX_MAGNITUDE = 60
"""Digits before the point that no type has."""
_EXACT = Context(prec=200)


class Numbers(NamedTuple):
    """A column of numbers, and what could not be read into it.

    Attributes:
        array: The column, NULL for what could not be read.
        overflows: Numbers that are out of its range.
        mismatches: Numbers with a fraction, in a column of whole numbers.
    """

    array: pa.Array[Any]
    overflows: int = 0
    mismatches: int = 0


def plain_number(text: str) -> str:
    """Return a number without exponent, without needless zeros and signs: ``-0.5``, ``100``."""
    if _is_plain(text):
        return text
    number = Decimal(text)
    if number.is_zero():
        return "0"
    plain = f"{number:f}"
    return plain.rstrip("0").rstrip(".") if "." in plain else plain


def plain_numbers(texts: pa.Array[Any]) -> pa.Array[Any]:
    """Return a column of texts of numbers as ``plain_number`` has them."""
    if compute().all(compute().match_substring_regex(texts, _PLAIN)).as_py() is not False:
        return texts
    return pa.array(
        [None if text is None else plain_number(text) for text in texts.to_pylist()], pa.string()
    )


def are_numbers(texts: pa.Array[Any]) -> Any:
    """Return which texts are plain numbers: sign, digits, fraction, exponent of 6 digits."""
    pc = compute()
    # RE2's $ is the end of the text.
    return pc.match_substring_regex(texts, _NUMBER)


def read_numbers(texts: pa.Array[Any], type_: pa.DataType, *, is_rounded: bool = True) -> Numbers:
    """Read texts of numbers as decimals, whole numbers or floats.

    Args:
        texts: Texts for which ``are_numbers`` says so, and NULLs.
        type_: Decimals are rounded half up, away from zero; floats to the nearest.
        is_rounded: Whether decimals are; if not, more digits than fit are an overflow.
    """
    if pa.types.is_decimal(type_):
        return _read_decimals(texts, type_, is_rounded=is_rounded)
    if pa.types.is_floating(type_):
        return _read_floats(texts, type_)
    return _read_integers(texts, type_)


def _read_decimals(texts: pa.Array[Any], type_: Any, *, is_rounded: bool) -> Numbers:
    pc = compute()
    whole = type_.precision - type_.scale
    # Arrow does not see every overflow of a cast: only what fits for sure is given to it.
    if _have_digits(texts, whole, type_.scale):
        return Numbers(texts.cast(type_))
    if is_rounded and _have_digits(texts, _WIDE.precision - _WIDE.scale, _WIDE.scale):
        wide = pc.round(texts.cast(_WIDE), ndigits=type_.scale, round_mode="half_towards_infinity")
        try:
            return Numbers(wide.cast(type_))
        except pa.ArrowInvalid:  # too many digits before the point
            pass
    unit, bound = Decimal(1).scaleb(-type_.scale), Decimal(10) ** (type_.precision - type_.scale)

    def read(text: str) -> Decimal | None:
        number = Decimal(text)
        if number.adjusted() > _MAX_MAGNITUDE and not number.is_zero():
            return None
        rounded = number.quantize(unit, ROUND_HALF_UP, _EXACT)
        fits = rounded.copy_abs() < bound and (is_rounded or rounded == number)
        return rounded if fits else None

    return _read_each(texts, type_, read)


def _have_digits(texts: pa.Array[Any], whole: int, fraction: int) -> bool:
    """Whether all have so many digits before and after the point at most, and no exponent."""
    if whole == 0:
        return False
    digits = rf"^-?[0-9]{{1,{whole}}}" + (rf"(?:\.[0-9]{{1,{fraction}}})?$" if fraction else "$")
    pc = compute()
    return pc.all(pc.match_substring_regex(texts, digits)).as_py() is not False


def _read_floats(texts: pa.Array[Any], type_: pa.DataType) -> Numbers:
    pc = compute()
    floats = pc.replace_substring_regex(texts, r"^\+", "").cast(type_)
    infinite = pc.is_inf(floats)
    overflows = pc.sum(infinite).as_py() or 0
    if overflows:
        floats = pc.if_else(infinite, pa.scalar(None, type_), floats)
    return Numbers(floats, overflows)


def _read_integers(texts: pa.Array[Any], type_: pa.DataType) -> Numbers:
    try:
        return Numbers(texts.cast(pa.int64()).cast(type_))
    except pa.ArrowInvalid:  # a fraction, an exponent, a sign, or out of range
        pass
    bound = 2 ** (type_.bit_width - 1)
    fractions = 0

    def read(text: str) -> int | None:
        nonlocal fractions
        number = Decimal(text)
        if number != number.to_integral_value():
            fractions += 1
            return None
        if number.adjusted() > _MAX_MAGNITUDE and not number.is_zero():
            return None
        return int(number) if -bound <= number < bound else None

    numbers = _read_each(texts, type_, read)
    return numbers._replace(overflows=numbers.overflows - fractions, mismatches=fractions)


def _read_each(texts: pa.Array[Any], type_: pa.DataType, read: Callable[[str], Any]) -> Numbers:
    values = [None if text is None else read(text) for text in texts.to_pylist()]
    array = pa.array(values, type_)
    return Numbers(array, array.null_count - texts.null_count)

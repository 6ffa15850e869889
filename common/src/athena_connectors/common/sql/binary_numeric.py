"""Decoders of PostgreSQL's numeric into decimals.

A binary numeric is a count of base 10,000 digits, the weight of the first (its exponent,
in digits), a sign and the digits, with no zero digit at either end. Source: server source,
``numeric_send``; PostgreSQL manual, "Numeric Types", for NaN and the infinities, which
become NULL.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from athena_connectors.common.sql.binary_cells import Decoder, head_layout
from athena_connectors.common.sql.binary_scalars import text_array
from athena_connectors.common.sql.columns import fixed_array

if TYPE_CHECKING:
    from athena_connectors.common.errors import DataConversionError
    from athena_connectors.common.sql.binary_cells import Cells
    from numpy.typing import NDArray

__all__ = ["NUMERICS"]

_NEGATIVE = 0x4000
_SPECIAL = 0x8000
"""Set in the signs of NaN and the infinities only."""

_GROUP = 4
"""Decimal digits in one of the format's."""
_BASE = 10**_GROUP

_HEADER_BYTES = 8
_MAX_PRECISION = 18
_MAX_GROUPS = 6
"""Groups of a number of 18 decimal digits, wherever its point is."""
_WORD_GROUPS = 4
"""Groups that are put together before the exponent is applied, which never overflows."""

_POWERS = 10 ** np.arange(_MAX_PRECISION + 1, dtype=np.int64)
_SPECIAL_WORDS = ("NaN", "Infinity", "-Infinity")
_MAX_SIGNS = len("-0.")
"""Characters besides the digits of a type's precision: one of those before the point is 0."""
_SAFE_LENGTH, _WIDE_DIGITS = 38, 76

_HEAD = head_layout(
    ("count", ">i2"),
    ("weight", ">i2"),
    ("sign", ">u2"),
    ("scale", ">u2"),
    ("digits", ">u2", (_MAX_GROUPS,)),
)


def _decode_numeric(cells: Cells, type_: pa.Decimal128Type) -> pa.Array[Any]:
    """Decode decimals of up to 18 digits, and money, which both fit into 64 bits."""
    count = cells.head["count"].astype(np.int64)
    weight = cells.head["weight"].astype(np.int64)
    sign = cells.head["sign"].astype(np.int64)
    for field in (count, weight, sign):
        cells.clear(field)
    valid = _clear_specials(cells, count, weight, sign)
    _check_lengths(cells, count)
    _check_range(cells, count, weight, type_)
    values = _magnitudes(cells, count, weight, type_)
    if int(values.view(np.uint64).max(initial=0)) >= 10**type_.precision:
        raise cells.place.malformed("a numeric with a digit above 9999")
    np.negative(values, out=values, where=sign == _NEGATIVE)
    words = np.empty((len(values), 2), np.int64)
    words[:, 0] = values
    words[:, 1] = values >> 63
    return fixed_array(words, type_, valid=valid)


def _clear_specials(
    cells: Cells, count: NDArray[np.int64], weight: NDArray[np.int64], sign: NDArray[np.int64]
) -> NDArray[np.bool_] | None:
    """Make NaN and the infinities 0 and return which values are not NULL then."""
    if sign.max(initial=0) < _SPECIAL:
        return cells.valid
    finite = sign < _SPECIAL
    for field in (count, weight, sign):
        np.putmask(field, ~finite, 0)
    return cells.valid_and(finite)


def _check_lengths(cells: Cells, count: NDArray[np.int64]) -> None:
    expected = count * 2 + _HEADER_BYTES
    if cells.valid is not None:
        np.putmask(expected, ~cells.valid, 0)
    if not np.array_equal(expected, cells.lengths):
        raise cells.place.mismatch(
            "has values that are no binary numeric, as its type says",
            hint="Its type may have been changed meanwhile: run the query again.",
        )


def _check_range(
    cells: Cells, count: NDArray[np.int64], weight: NDArray[np.int64], type_: pa.Decimal128Type
) -> None:
    """Check that every value has a place in the declared type, digit for digit."""
    spare = type_.precision - type_.scale
    if (int(weight.max(initial=0)) + 1) * _GROUP > spare:
        first = cells.head["digits"][:, 0].astype(np.int64)
        digits = np.searchsorted(_POWERS[1:_GROUP], first, side="right") + 1
        if np.any((weight * _GROUP + digits > spare) & (count > 0)):
            raise _misfit(cells, "more digits before the point", type_)
    fraction_groups = -(-type_.scale // _GROUP)
    if int((count - weight).max(initial=0)) - 1 > fraction_groups:
        raise _misfit(cells, "more digits after the point", type_)


def _misfit(cells: Cells, what: str, type_: pa.DataType) -> DataConversionError:
    return cells.place.mismatch(
        f"has a value with {what} than {type_} has",
        hint="Cast it in a view, to a numeric type with enough digits or to text.",
    )


def _magnitudes(
    cells: Cells, count: NDArray[np.int64], weight: NDArray[np.int64], type_: pa.Decimal128Type
) -> NDArray[np.int64]:
    """Return the values without sign, in units of the last digit of the type's scale."""
    digits = cells.head["digits"]
    values = np.where(count > 0, digits[:, 0], 0).astype(np.int64)
    most = int(count.max(initial=0))
    for index in range(1, min(most, _WORD_GROUPS)):
        longer = values * _BASE + digits[:, index]
        np.copyto(values, longer, where=count > index)
    last = np.minimum(count, _WORD_GROUPS) - 1
    values = _scaled(cells, values, (weight - last) * _GROUP + type_.scale, type_)
    for index in range(_WORD_GROUPS, most):
        group = np.where(count > index, digits[:, index], 0).astype(np.int64)
        values += _scaled(cells, group, (weight - index) * _GROUP + type_.scale, type_)
    return values


def _scaled(
    cells: Cells,
    values: NDArray[np.int64],
    exponents: NDArray[np.int64],
    type_: pa.Decimal128Type,
) -> NDArray[np.int64]:
    """Return values times powers of ten that leave no fraction."""
    # The exponent of a zero may be anything, hence the clipping.
    scaled = values * _POWERS.take(exponents, mode="clip")
    surplus = -type_.scale % _GROUP
    if surplus:
        # A group that the scale ends amid: its last digits are zeros and have to go.
        divisor = int(_POWERS[surplus])
        ends_amid = exponents < 0
        quotients = values // divisor
        if np.any(ends_amid & (quotients * divisor != values)):
            raise _misfit(cells, "more digits after the point", type_)
        np.copyto(scaled, quotients, where=ends_amid)
    return scaled


def _decode_decimal_text(cells: Cells, type_: pa.Decimal128Type) -> pa.Array[Any]:
    """Decode decimals of any size, which arrive as text."""
    text = text_array(cells)
    longest = int(cells.lengths.max(initial=0))
    if longest > max(type_.precision + _MAX_SIGNS, *map(len, _SPECIAL_WORDS)):
        raise _misfit(cells, "more digits", type_)
    try:
        return _parsed(text, type_, longest=longest)
    except pa.ArrowInvalid:
        pass  # NaN, infinity, or really too large
    import pyarrow.compute as pc  # noqa: PLC0415

    special = pc.is_in(text, value_set=pa.array(_SPECIAL_WORDS))
    finite: pa.Array[Any] = pc.if_else(special, pa.scalar(None, pa.string()), text)
    try:
        return _parsed(finite, type_, longest=longest)
    except pa.ArrowInvalid as error:
        raise _misfit(cells, "more digits", type_) from error


def _parsed(text: pa.Array[Any], type_: pa.Decimal128Type, *, longest: int) -> pa.Array[Any]:
    """Return texts as decimals.

    Arrow does not notice that a number has more than 128 bits, which takes 39 digits.

    Raises:
        pa.ArrowInvalid: One is no number, or does not fit.
    """
    if longest > _SAFE_LENGTH:
        return text.cast(pa.decimal256(_WIDE_DIGITS, type_.scale)).cast(type_)
    return text.cast(type_)


NUMERICS: dict[str, Decoder] = {
    "numeric": Decoder(_HEAD, _decode_numeric),
    "decimal_text": Decoder(head_layout(), _decode_decimal_text),
}
"""Decoders by name; both take a column whose engine type is a decimal."""

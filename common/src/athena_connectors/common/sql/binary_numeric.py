"""Decoders of PostgreSQL's numeric into decimals.

A binary numeric is a count of base 10,000 digits, the weight of the first (its exponent,
in digits), a sign and the digits, with no zero digit at either end. Source: server source,
``numeric_send``; PostgreSQL manual, "Numeric Types", for NaN and the infinities, which
become NULL.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from athena_connectors.common.sql.answers import CHANGED_TYPE_HINT
from athena_connectors.common.sql.binary_cells import Decoder, head_layout
from athena_connectors.common.sql.binary_scalars import ENCODING_HINT
from athena_connectors.common.sql.cell_arrays import (
    decimal_array,
    decimal_misfit,
    text_array,
    wide_decimal_array,
)

if TYPE_CHECKING:
    import pyarrow as pa
    from athena_connectors.common.sql.cells import Cells
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
    return decimal_array(values, type_, valid=valid)


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
            hint=CHANGED_TYPE_HINT,
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
            raise decimal_misfit(cells.place, "more digits before the point", type_)
    fraction_groups = -(-type_.scale // _GROUP)
    if int((count - weight).max(initial=0)) - 1 > fraction_groups:
        raise decimal_misfit(cells.place, "more digits after the point", type_)


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
            raise decimal_misfit(cells.place, "more digits after the point", type_)
        np.copyto(scaled, quotients, where=ends_amid)
    return scaled


def _decode_decimal_text(cells: Cells, type_: pa.Decimal128Type) -> pa.Array[Any]:
    """Decode decimals of any size, which arrive as text."""
    text = text_array(cells, hint=ENCODING_HINT)
    longest = int(cells.lengths.max(initial=0))
    return wide_decimal_array(cells.place, text, type_, longest=longest, nulls=_SPECIAL_WORDS)


NUMERICS: dict[str, Decoder] = {
    "numeric": Decoder(_HEAD, _decode_numeric),
    "decimal_text": Decoder(head_layout(), _decode_decimal_text),
}
"""Decoders by name; both take a column whose engine type is a decimal."""

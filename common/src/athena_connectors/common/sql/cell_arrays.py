"""Arrow arrays of what is sent in the same form by the binary formats of several servers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from athena_connectors.common.ordering import ZONE_BITS, is_zoned
from athena_connectors.common.sql.columns import fixed_array, is_utf8, ragged_array

if TYPE_CHECKING:
    from collections.abc import Sequence

    from athena_connectors.common.errors import DataConversionError
    from athena_connectors.common.sql.answers import ColumnPlace
    from athena_connectors.common.sql.cells import Cells
    from numpy.typing import NDArray

__all__ = [
    "DAY_MS",
    "FIRST_DAY",
    "LAST_DAY",
    "bool_array",
    "bytes_array",
    "clear_outside",
    "decimal_array",
    "decimal_misfit",
    "instant_array",
    "text_array",
    "wide_decimal_array",
]

DAY_MS = 86_400_000
FIRST_DAY, LAST_DAY = -719_162, 2_932_896
"""Days since 1970 of 0001-01-01 and 9999-12-31, the dates that Athena has."""

_MAX_SIGNS = len("-0.")
"""Characters besides the digits of a type's precision: one of those before the point is 0."""
_SAFE_LENGTH, _WIDE_DIGITS = 38, 76


def bytes_array(cells: Cells, type_: pa.DataType) -> pa.Array[Any]:
    """Return the bytes of the values as text, unchecked, or binary."""
    return ragged_array(cells.data, cells.positions, cells.lengths, type_=type_, valid=cells.valid)


def text_array(cells: Cells, *, hint: str) -> pa.Array[Any]:
    """Return the values as text.

    Raises:
        DataConversionError: They are not UTF-8; the hint tells why that may be.
    """
    text = bytes_array(cells, pa.string())
    if not is_utf8(text):
        raise cells.place.mismatch("has text that is not valid UTF-8", hint=hint)
    return text


def bool_array(cells: Cells, truths: NDArray[np.bool_], type_: pa.DataType) -> pa.Array[Any]:
    """Return truths, which are changed where the value is NULL, as booleans."""
    cells.clear(truths)
    bits = np.packbits(truths, bitorder="little")
    return fixed_array(bits, type_, count=len(truths), valid=cells.valid)


def instant_array(
    millis: NDArray[np.int64], type_: pa.DataType, *, valid: NDArray[np.bool_] | None
) -> pa.Array[Any]:
    """Return milliseconds since 1970, which are changed, as wall clocks or instants."""
    if is_zoned(type_):
        millis <<= ZONE_BITS  # the zone's key, in the low bits, is 0 for UTC
    return fixed_array(millis, type_, valid=valid)


def clear_outside(
    cells: Cells, values: NDArray[np.int64], first: int, last: int
) -> NDArray[np.bool_] | None:
    """Set values outside of first to last to 0 and return which values are not NULL then."""
    cells.clear(values)
    if values.min(initial=0) >= first and values.max(initial=0) <= last:
        return cells.valid
    inside = (values >= first) & (values <= last)
    np.putmask(values, ~inside, 0)
    return cells.valid_and(inside)


def decimal_misfit(place: ColumnPlace, what: str, type_: pa.DataType) -> DataConversionError:
    """Return the error for a number that has more of something than its type."""
    return place.mismatch(
        f"has a value with {what} than {type_} has",
        hint="Cast it in a view, to a numeric type with enough digits or to text.",
    )


def decimal_array(
    values: NDArray[Any], type_: pa.DataType, *, valid: NDArray[np.bool_] | None
) -> pa.Array[Any]:
    """Return 64-bit numbers, in units of the last digit of the type's scale, as decimals."""
    words = np.empty((len(values), 2), np.int64)
    words[:, 0] = values.view(np.int64)
    words[:, 1] = 0 if values.dtype.kind == "u" else values >> 63
    return fixed_array(words, type_, valid=valid)


def wide_decimal_array(
    place: ColumnPlace,
    text: pa.Array[Any],
    type_: pa.Decimal128Type,
    *,
    longest: int,
    nulls: Sequence[str] = (),
) -> pa.Array[Any]:
    """Return decimals that arrive as text.

    Args:
        place: The column, for errors.
        text: The numbers.
        type_: The type of the array.
        longest: Characters of the longest text.
        nulls: Texts that are NULL, such as ``NaN``.

    Raises:
        DataConversionError: A number does not fit the type, digit for digit.
    """
    if longest > max(type_.precision + _MAX_SIGNS, *map(len, nulls), 0):
        raise decimal_misfit(place, "more digits", type_)
    try:
        return _parsed(text, type_, longest=longest)
    except pa.ArrowInvalid:
        pass  # one of the nulls, or really too large
    try:
        return _parsed(_without(text, nulls), type_, longest=longest)
    except pa.ArrowInvalid as error:
        raise decimal_misfit(place, "more digits", type_) from error


def _without(text: pa.Array[Any], nulls: Sequence[str]) -> pa.Array[Any]:
    import pyarrow.compute as pc  # noqa: PLC0415

    found = pc.is_in(text, value_set=pa.array(nulls, pa.string()))
    rest: pa.Array[Any] = pc.if_else(found, pa.scalar(None, pa.string()), text)
    return rest


def _parsed(text: pa.Array[Any], type_: pa.Decimal128Type, *, longest: int) -> pa.Array[Any]:
    """Return texts as decimals.

    Arrow does not notice that a number has more than 128 bits, which takes 39 digits.

    Raises:
        pa.ArrowInvalid: One is no number, or does not fit.
    """
    if longest > _SAFE_LENGTH:
        return text.cast(pa.decimal256(_WIDE_DIGITS, type_.scale)).cast(type_)
    return text.cast(type_)

"""Decoders of the values in MySQL's binary rows.

Every decoder returns an array in exactly the physical layout of the column's engine type.
Dates that Athena has no value for (``0000-00-00``, ``2024-02-00``, ``2024-02-31``, the year
0) become NULL, or an error where the decoder's name begins with ``strict:``.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from athena_connectors.common.sql.answers import CHANGED_TYPE_HINT
from athena_connectors.common.sql.calendar_days import calendar_days
from athena_connectors.common.sql.cell_arrays import (
    DAY_MS,
    bool_array,
    bytes_array,
    decimal_array,
    decimal_misfit,
    instant_array,
    text_array,
    wide_decimal_array,
)
from athena_connectors.common.sql.cells import Cells
from athena_connectors.common.sql.columns import buffer_of, fixed_array, validity_buffer
from athena_connectors.common.sql.row_formats import Kind, RowFormat

if TYPE_CHECKING:
    from collections.abc import Sequence

    from athena_connectors.common.sql.answers import ColumnPlace
    from numpy.typing import NDArray

__all__ = ["ROW_DECODERS", "RowDecode", "existing_dates", "integer_array"]

RowDecode = Callable[[Cells, Any, RowFormat], "pa.Array[Any]"]
"""Makes the array of a column; the type is the column's, and suits the decoder."""

_CHARSET_HINT = (
    "Text arrives as UTF-8 where character_set_results is utf8mb4; what a binary column holds"
    " may be anything: show it as bytes."
)

_DATE_BYTES, _CLOCK_BYTES, _MICROS_BYTES = 4, 7, 11
_TIME_BYTES, _TIME_MICROS_BYTES = 8, 12
_BIT_BYTES = 8
_CLOCK = (("hour", 23), ("minute", 59), ("second", 59), ("micros", 999_999))
"""The parts of a time of day and the last value of each."""

_LAST_HOUR = 838
"""Hours of the longest time, which is no time of day. Source: MySQL manual, "The TIME Type"."""
_ZERO = ord("0")
_CHARACTERS = "-HHH:MM:SS.ffffff"
_HOURS, _POINT = 1, 10
"""Where the first digit and the point stand in that."""


_WHOLE = pa.decimal128(20, 0)
"""Holds every integer of 64 bits."""


def integer_array(
    place: ColumnPlace,
    values: NDArray[Any],
    type_: pa.DataType,
    *,
    valid: NDArray[np.bool_] | None,
) -> pa.Array[Any]:
    """Return integers, 0 for NULL, as integers or as decimals.

    Raises:
        DataConversionError: One does not fit the type.
    """
    least, greatest = int(values.min(initial=0)), int(values.max(initial=0))
    if pa.types.is_decimal(type_):
        if max(-least, greatest) >= 10**type_.precision:
            raise decimal_misfit(place, "more digits", type_)
        wide = values.astype(np.uint64 if values.dtype.kind == "u" else np.int64)
        if not type_.scale:
            return decimal_array(wide, type_, valid=valid)
        try:
            return decimal_array(wide, _WHOLE, valid=valid).cast(type_)
        except pa.ArrowInvalid as error:
            raise decimal_misfit(place, "more digits", type_) from error
    wanted: np.dtype[Any] = np.dtype(type_.to_pandas_dtype())
    limits = np.iinfo(wanted)
    if least < limits.min or greatest > limits.max:
        raise place.mismatch(
            f"has a value that does not fit {type_}",
            hint="Its type may have been changed meanwhile: run the query again. Or cast it in"
            " a view.",
        )
    return fixed_array(values.astype(wanted), type_, valid=valid)


def existing_dates(
    place: ColumnPlace,
    parts: Sequence[NDArray[Any]],
    *,
    valid: NDArray[np.bool_] | None,
    strict: bool,
) -> tuple[NDArray[np.int64], NDArray[np.bool_] | None]:
    """Return days since 1970, 0 for NULL, and which values are not NULL then.

    Args:
        place: The column, for errors.
        parts: Year, month and day.
        valid: Which values are not NULL; ``None`` when all are.
        strict: Whether a date that does not exist is an error instead of NULL.

    Raises:
        DataConversionError: It is, and there is one.
    """
    days, exists = calendar_days(*parts)
    if valid is None and bool(exists.all()):
        return days, None
    known = exists if valid is None else exists & valid
    if strict and np.any(known != (True if valid is None else valid)):
        raise place.mismatch(
            "has a date that the calendar does not have, such as 0000-00-00",
            hint="Let such dates be NULL, with the setting mysql_zero_date = null.",
        )
    np.putmask(days, ~known, 0)
    return days, known


def _integers(cells: Cells, format_: RowFormat) -> NDArray[Any]:
    """Return the values of integers, years and bits, 0 for NULL."""
    if format_.kind is Kind.BIT:
        return _bits(cells)
    field = cells.head["value"]
    values: NDArray[Any] = field.astype(field.dtype.newbyteorder("="))
    cells.clear(values)
    return values


def _bits(cells: Cells) -> NDArray[np.uint64]:
    """Return the numbers that up to 64 bits stand for, most significant byte first."""
    outside = (cells.lengths < 1) | (cells.lengths > _BIT_BYTES)
    if np.any(cells.valid_and(outside)):
        raise cells.place.malformed("bits of more than 8 bytes, or of none")
    values: NDArray[np.uint64] = cells.head["bits"].astype(np.uint64)
    values >>= ((_BIT_BYTES - np.maximum(cells.lengths, 1)) * 8).astype(np.uint64)
    cells.clear(values)
    return values


def _integer(cells: Cells, type_: pa.DataType, format_: RowFormat) -> pa.Array[Any]:
    return integer_array(cells.place, _integers(cells, format_), type_, valid=cells.valid)


def _bool(cells: Cells, type_: pa.DataType, format_: RowFormat) -> pa.Array[Any]:
    return bool_array(cells, _integers(cells, format_) != 0, type_)


def _float(cells: Cells, type_: pa.DataType, format_: RowFormat) -> pa.Array[Any]:
    del format_
    values = cells.head["value"].astype(type_.to_pandas_dtype())
    cells.clear(values)
    return fixed_array(values, type_, valid=cells.valid)


def _double(cells: Cells, type_: pa.DataType, format_: RowFormat) -> pa.Array[Any]:
    if not pa.types.is_float64(type_):
        raise unexpected_kind(cells.place, format_.kind)
    return _float(cells, type_, format_)


def _decimal(cells: Cells, type_: pa.Decimal128Type, format_: RowFormat) -> pa.Array[Any]:
    text = _text(cells, type_, format_)
    longest = int(cells.lengths.max(initial=0))
    return wide_decimal_array(cells.place, text, type_, longest=longest)


def _text(cells: Cells, type_: pa.DataType, format_: RowFormat) -> pa.Array[Any]:
    del type_, format_
    return text_array(cells, hint=_CHARSET_HINT)


def _bytes(cells: Cells, type_: pa.DataType, format_: RowFormat) -> pa.Array[Any]:
    del format_
    return bytes_array(cells, type_)


def _days(cells: Cells, *, strict: bool) -> tuple[NDArray[np.int64], NDArray[np.bool_] | None]:
    """Return the days of dates, with a time of day or without."""
    _require_lengths(cells, (0, _DATE_BYTES, _CLOCK_BYTES, _MICROS_BYTES))
    parts = [_sent(cells, name, _DATE_BYTES) for name in ("year", "month", "day")]
    return existing_dates(cells.place, parts, valid=cells.valid, strict=strict)


def _date(
    cells: Cells, type_: pa.DataType, format_: RowFormat, *, strict: bool = False
) -> pa.Array[Any]:
    del format_
    days, valid = _days(cells, strict=strict)
    return fixed_array(days.astype(np.int32), type_, valid=valid)


def _new_year(
    cells: Cells, type_: pa.DataType, format_: RowFormat, *, strict: bool = False
) -> pa.Array[Any]:
    """Decode years as their first of January."""
    years = _integers(cells, format_)
    first = np.ones(len(years), np.int64)
    days, valid = existing_dates(
        cells.place, (years, first, first), valid=cells.valid, strict=strict
    )
    return fixed_array(days.astype(np.int32), type_, valid=valid)


def _datetime(
    cells: Cells, type_: pa.DataType, format_: RowFormat, *, strict: bool = False
) -> pa.Array[Any]:
    del format_
    days, valid = _days(cells, strict=strict)
    millis = _clock_millis(cells, _CLOCK_BYTES, _MICROS_BYTES)
    millis += days * DAY_MS
    if valid is not None:
        np.putmask(millis, ~valid, 0)
    return instant_array(millis, type_, valid=valid)


def _clock_millis(cells: Cells, shortest: int, longest: int) -> NDArray[np.int64]:
    """Return the milliseconds since midnight; the rest of the microseconds is cut off."""
    parts = _clock(cells, shortest, longest)
    hour, minute, second, micros = (part.astype(np.int64) for part in parts)
    return ((hour * 60 + minute) * 60 + second) * 1000 + micros // 1000


def _clock(cells: Cells, shortest: int, longest: int) -> list[NDArray[Any]]:
    """Return hours, minutes, seconds and microseconds, 0 where they are not sent."""
    parts = []
    for name, last in _CLOCK:
        part = _sent(cells, name, longest if name == "micros" else shortest)
        if part.max(initial=0) > last:
            raise cells.place.malformed(f"a time of which the {name} is above {last}")
        parts.append(part)
    return parts


def _sent(cells: Cells, name: str, length: int) -> NDArray[Any]:
    """Return a part of the values, 0 in those that are shorter."""
    short = cells.lengths < length
    part = cells.head[name]
    return np.where(short, 0, part) if short.any() else part


def _require_lengths(cells: Cells, lengths: tuple[int, ...]) -> None:
    if not np.isin(cells.lengths, lengths).all():
        raise cells.place.malformed("a date or time of a length that there is not")


def _time(cells: Cells, type_: pa.DataType, format_: RowFormat) -> pa.Array[Any]:
    """Decode times as the server writes them, ``-838:59:59.999999`` to its opposite."""
    _require_lengths(cells, (0, _TIME_BYTES, _TIME_MICROS_BYTES))
    hour, minute, second, micros = _clock(cells, _TIME_BYTES, _TIME_MICROS_BYTES)
    hours = _sent(cells, "days", _TIME_BYTES).astype(np.int64) * 24 + hour
    if hours.max(initial=0) > _LAST_HOUR:
        raise cells.place.malformed(f"a time of more than {_LAST_HOUR} hours")
    count = len(hours)
    characters = np.empty((count, len(_CHARACTERS)), np.uint8)
    characters[:] = np.frombuffer(_CHARACTERS.encode(), np.uint8)
    for letter, values in (("H", hours), ("M", minute), ("S", second), ("f", micros)):
        first, last = _CHARACTERS.index(letter), _CHARACTERS.rindex(letter)
        for place in range(first, last + 1):
            characters[:, place] = values // 10 ** (last - place) % 10 + _ZERO
    kept = np.ones(characters.shape, np.bool_)
    kept[:, 0] = _sent(cells, "negative", _TIME_BYTES) != 0
    kept[:, _HOURS] = hours >= 100  # noqa: PLR2004 - a third digit
    digits = format_.fraction_digits
    kept[:, _POINT + digits + 1 if digits else _POINT :] = False
    if cells.valid is not None:
        kept &= cells.valid[:, np.newaxis]
    offsets = np.zeros(count + 1, np.int32)
    np.cumsum(np.count_nonzero(kept, axis=1), out=offsets[1:])
    buffers = [validity_buffer(cells.valid), buffer_of(offsets), buffer_of(characters[kept])]
    return pa.Array.from_buffers(type_, count, buffers)


def unexpected_kind(place: ColumnPlace, kind: Kind) -> Exception:
    """Return the error for a column that is sent as something else than was described."""
    return place.mismatch(
        f"is sent as {kind.value}, which is not what its type says", hint=CHANGED_TYPE_HINT
    )


_INTEGERS = (Kind.INTEGER, Kind.YEAR, Kind.BIT)


def _dates(*, strict: bool) -> dict[str, dict[Kind, RowDecode]]:
    dates = {Kind.DATE: partial(_date, strict=strict), Kind.YEAR: partial(_new_year, strict=strict)}
    times = dict.fromkeys((Kind.DATETIME, Kind.DATE), partial(_datetime, strict=strict))
    prefix = "strict:" if strict else ""
    return {f"{prefix}date": {**dates}, f"{prefix}datetime": {**times}}


ROW_DECODERS: dict[str, dict[Kind, RowDecode]] = {
    "integer": dict.fromkeys(_INTEGERS, _integer),
    "bool": dict.fromkeys(_INTEGERS, _bool),
    "float": {Kind.FLOAT: _float, Kind.DOUBLE: _double},
    "decimal": {Kind.DECIMAL: _decimal, **dict.fromkeys(_INTEGERS, _integer)},
    "text": {Kind.BYTES: _text, Kind.DECIMAL: _text, Kind.TIME: _time},
    "bytes": {Kind.BYTES: _bytes},
    **_dates(strict=False),
    **_dates(strict=True),
}
"""Decoders by name, and then by what is sent."""

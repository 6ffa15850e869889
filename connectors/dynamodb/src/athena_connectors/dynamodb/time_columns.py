"""Columns of dates and times, from texts and from numbers."""

from __future__ import annotations

from decimal import ROUND_FLOOR, Context, Decimal
from typing import TYPE_CHECKING, Any, NamedTuple

import pyarrow as pa
from athena_connectors.common.errors import DataConversionError
from athena_connectors.common.physical import compute
from athena_connectors.common.timestamps import (
    MAX_MILLIS,
    MIN_MILLIS,
    UTC_KEY,
    pack_column,
    zone_key,
)
from athena_connectors.dynamodb.times import DAY_MS, EPOCH_SECONDS, Moment, read_time

if TYPE_CHECKING:
    from athena_connectors.dynamodb.relation import TimeFormat

__all__ = ["Times", "times_of_numbers", "times_of_texts"]

_INT64 = 2**63
_INT32 = 2**31
_EXACT = Context(prec=200)

# Texts that Arrow reads as ``read_time`` does; years from 0001.
_ISO_DATE = r"^(?:[1-9]\d{3}|0[1-9]\d{2}|00[1-9]\d|000[1-9])-\d{2}-\d{2}"
_ISO_DAY = f"{_ISO_DATE}$"
_ISO_INSTANT = rf"{_ISO_DATE}[T ]\d{{2}}:\d{{2}}:\d{{2}}(?:\.\d{{1,9}})?Z$"
_ISO_LOCAL = rf"{_ISO_DATE}(?:[T ]\d{{2}}:\d{{2}}:\d{{2}}(?:\.\d{{1,9}})?)?$"


class Times(NamedTuple):
    """A column of dates or times, and how many values could not be read into it.

    Attributes:
        array: The column, NULL for what could not be read.
        mismatches: Values that are no time of the format or out of the range of the type.
    """

    array: pa.Array[Any]
    mismatches: int = 0


def times_of_texts(texts: pa.Array[Any], type_: pa.DataType, time: TimeFormat) -> Times:
    """Read texts.

    Args:
        texts: Any texts.
        type_: ``date32``, ``date64`` (a timestamp) or ``timestamp('ms', tz)`` (packed, with
            the zone that the text names, else with the format's).
        time: The format.
    """
    if not time.pattern:
        array = _iso_column(texts, type_, time)
        if array is not None:
            return Times(array)
    column = texts.dictionary_encode()
    known: list[Any] = column.dictionary.to_pylist()
    moments = [read_time(text, time) for text in known]
    array = _distinct(moments, type_, time).take(column.indices)
    return Times(array, array.null_count - texts.null_count)


def _iso_column(texts: pa.Array[Any], type_: pa.DataType, time: TimeFormat) -> pa.Array[Any] | None:
    """Return a column of ISO 8601 of one form, in UTC; ``None`` if it is not."""
    if pa.types.is_date32(type_):
        return _cast_if(texts, _ISO_DAY, type_)
    millis = _cast_if(texts, _ISO_INSTANT, pa.timestamp("ms", "UTC"))
    if millis is None and time.zone == "UTC":
        millis = _cast_if(texts, _ISO_LOCAL, pa.timestamp("ms"))
    if millis is None:
        return None
    whole = millis.view(pa.int64())
    return whole.view(pa.date64()) if pa.types.is_date64(type_) else _packed(whole, UTC_KEY, type_)


def _cast_if(texts: pa.Array[Any], pattern: str, type_: pa.DataType) -> pa.Array[Any] | None:
    pc = compute()
    if pc.all(pc.match_substring_regex(texts, pattern)).as_py() is False:
        return None
    if pa.types.is_timestamp(type_):
        texts = pc.replace_substring_regex(texts, r"(\.\d{3})\d+", r"\1")
    try:
        return texts.cast(type_)
    except pa.ArrowInvalid:  # a day or an hour that there is not
        return None


def _distinct(moments: list[Moment | None], type_: pa.DataType, time: TimeFormat) -> pa.Array[Any]:
    if pa.types.is_date32(type_):
        days = [None if moment is None else moment.day for moment in moments]
        return pa.array(days, pa.int32()).view(type_)
    millis = pa.array([None if moment is None else moment.millis for moment in moments], pa.int64())
    if pa.types.is_date64(type_):
        return millis.view(type_)
    own = _zone_key(time.zone)
    keys = [
        None if moment is None else own if moment.zone is None else _zone_key(moment.zone)
        for moment in moments
    ]
    return _packed(millis, pa.array(keys, pa.int64()), type_)


def _packed(millis: pa.Array[Any], keys: int | pa.Array[Any], type_: pa.DataType) -> pa.Array[Any]:
    return pack_column(millis, keys).view(pa.int64()).view(type_)


def _zone_key(name: str) -> int:
    """Return the key of a zone; that of UTC for one that the engine does not know."""
    if name[-5:-4] in {"+", "-"}:
        name = f"{name[:-2]}:{name[-2:]}"
    try:
        return zone_key(name)
    except DataConversionError:
        return UTC_KEY


def times_of_numbers(
    texts: pa.Array[Any], type_: pa.DataType, time: TimeFormat, *, is_rounded: bool = True
) -> Times:
    """Read numbers: milliseconds since 1970 UTC, or seconds if the format says so.

    Fractions of milliseconds are cut off, towards the past; a date is the day in UTC.

    Args:
        texts: Texts of numbers.
        type_: As for ``times_of_texts``; the zone is UTC.
        time: The format.
        is_rounded: Whether times may have such fractions; dates always may.
    """
    millis = _millis(
        texts,
        factor=1000 if time.pattern == EPOCH_SECONDS else 1,
        is_cut=is_rounded or pa.types.is_date32(type_),
    )
    if pa.types.is_date32(type_):
        array = _days(millis)
    elif pa.types.is_date64(type_):
        array = millis.view(type_)
    else:
        array = _packed(_within(millis, MIN_MILLIS, MAX_MILLIS), UTC_KEY, type_)
    return Times(array, array.null_count - texts.null_count)


def _millis(texts: pa.Array[Any], *, factor: int, is_cut: bool) -> Any:
    pc = compute()
    try:
        return pc.multiply_checked(texts.cast(pa.int64()), factor)
    except pa.ArrowInvalid:  # a fraction, an exponent, or out of range
        pass
    numbers = [None if text is None else Decimal(text) for text in texts.to_pylist()]
    return pa.array(
        [None if number is None else _floor(number, factor, is_cut=is_cut) for number in numbers],
        pa.int64(),
    )


def _floor(number: Decimal, factor: int, *, is_cut: bool) -> int | None:
    if not -_INT64 <= number < _INT64:
        return None
    exact = _EXACT.multiply(number, factor)
    millis = int(exact.to_integral_value(ROUND_FLOOR))
    fits = -_INT64 <= millis < _INT64 and (is_cut or millis == exact)
    return millis if fits else None


def _within(millis: Any, least: int, greatest: int) -> Any:
    pc = compute()
    inside = pc.and_(pc.greater_equal(millis, least), pc.less_equal(millis, greatest))
    if pc.all(inside).as_py() is False:
        return pc.if_else(inside, millis, pa.scalar(None, pa.int64()))
    return millis


def _days(millis: Any) -> pa.Array[Any]:
    inside = _within(millis, -_INT32 * DAY_MS, _INT32 * DAY_MS - 1)
    days: pa.Array[Any] = inside.view(pa.timestamp("ms")).cast(pa.date32())
    return days

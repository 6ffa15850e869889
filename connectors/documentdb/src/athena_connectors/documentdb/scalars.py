"""What values of each BSON type become in columns of numbers, texts, dates and bytes.

Values whose types Arrow reads rightly become a column as they are. If there are others, each
value is cast by its type; what has no cast does not fit.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from operator import attrgetter
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from athena_connectors.common.physical import compute
from athena_connectors.common.timestamps import (
    MAX_MILLIS,
    MIN_MILLIS,
    pack_column,
    zone_key,
)
from athena_connectors.documentdb.numbers import (
    decimal_casts,
    double_casts,
    integer_casts,
    single_casts,
)
from athena_connectors.documentdb.texts import TEXTS, json_of
from athena_connectors.documentdb.times import (
    DAY_MS,
    datetime_millis,
    iso_millis,
    timestamp_millis,
)
from athena_connectors.documentdb.values import NULL
from bson.binary import Binary
from bson.datetime_ms import DatetimeMS
from bson.int64 import Int64
from bson.objectid import ObjectId
from bson.timestamp import Timestamp

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from athena_connectors.documentdb.numbers import Casts

__all__ = ["Scalar", "json_scalar", "scalar_of"]

_INT64 = pa.int64()
_MILLIS = pa.timestamp("ms")
_MAX_DAY = 2**31 - 1
_TEXT: frozenset[type] = frozenset({str, NULL})
_WHOLE: frozenset[type] = frozenset({int, Int64, NULL})


def _unchanged(array: pa.Array[Any]) -> pa.Array[Any]:
    return array


@dataclass(frozen=True, slots=True)
class Scalar:
    """How columns of one type are made.

    Attributes:
        plain: Types of values that Arrow turns into ``plain_type`` rightly, or refuses.
        plain_type: What it turns them into.
        casts: What becomes of a value of each type: one that Arrow turns into
            ``cast_type`` rightly, ``None`` if it does not fit.
        cast_type: What it turns those into.
        from_plain: Makes the column of an array of ``plain_type``.
        from_cast: Makes the column of an array of ``cast_type``.
        wholes: By type what makes the column of values that are all of that type, where it is
            faster than value by value; none of them is NULL or misfits.
    """

    plain: frozenset[type]
    plain_type: pa.DataType
    casts: Casts
    cast_type: pa.DataType
    from_plain: Callable[[pa.Array[Any]], pa.Array[Any]] = _unchanged
    from_cast: Callable[[pa.Array[Any]], pa.Array[Any]] = _unchanged
    wholes: Mapping[type, Callable[[Sequence[Any]], pa.Array[Any]]] = field(default_factory=dict)

    def read_whole(self, values: Sequence[Any], kinds: set[type]) -> pa.Array[Any] | None:
        """Return the column of values if there is no need to look at each of them.

        Args:
            values: The values.
            kinds: Their types.
        """
        if len(kinds) == 1 and self.wholes:
            (kind,) = kinds
            if kind in self.wholes:
                return self.wholes[kind](values)
        if not kinds <= self.plain:
            return None
        try:
            return self.from_plain(pa.array(values, self.plain_type))
        except (pa.ArrowInvalid, OverflowError):  # a number out of range
            return None


def scalar_of(type_: pa.DataType) -> Scalar:
    """Return how columns of an engine type that is not nested are made."""
    types = pa.types
    if types.is_string(type_):
        return Scalar(_TEXT, type_, TEXTS, type_, wholes={ObjectId: _id_texts})
    if types.is_signed_integer(type_):
        return _same(type_, _WHOLE, integer_casts(type_.bit_width))
    if types.is_float32(type_):
        return _single()
    if types.is_floating(type_):
        return _same(type_, _WHOLE | {float}, double_casts())
    if isinstance(type_, pa.Decimal128Type):
        return _same(type_, _WHOLE, decimal_casts(type_.precision, type_.scale))
    if types.is_boolean(type_):
        return _same(type_, frozenset({bool, NULL}), {bool: bool})
    if types.is_binary(type_):
        return _same(type_, frozenset({bytes, Binary, NULL}), {bytes: bytes, Binary: bytes})
    if types.is_date32(type_):
        return _days()
    return _instants(type_)


def json_scalar() -> Scalar:
    """Return how columns are made that show every value as JSON."""
    return _same(pa.string(), frozenset({NULL}), dict.fromkeys(TEXTS, json_of))


def _same(type_: pa.DataType, plain: frozenset[type], casts: Casts) -> Scalar:
    return Scalar(plain, type_, casts, type_)


_bytes_of = attrgetter("binary")
_ID_DIGITS = pa.binary(24)


def _id_texts(values: Sequence[ObjectId]) -> pa.Array[Any]:
    digits = b"".join(map(_bytes_of, values)).hex().encode()
    buffers = [None, pa.py_buffer(digits)]
    array: pa.Array[Any] = pa.Array.from_buffers(_ID_DIGITS, len(values), buffers)
    return array.cast(pa.string())


def _single() -> Scalar:
    def narrow(doubles: pa.Array[Any]) -> pa.Array[Any]:
        pc = compute()
        singles: pa.Array[Any] = doubles.cast(pa.float32())
        if pc.any(pc.and_(pc.is_inf(singles), pc.is_finite(doubles))).as_py():
            raise pa.ArrowInvalid
        return singles

    double = pa.float64()
    return Scalar(frozenset({float, NULL}), double, single_casts(), double, narrow, narrow)


def _time_casts(fit: Callable[[int], int | None]) -> Casts:
    def of_text(value: str) -> int | None:
        millis = iso_millis(value)
        return None if millis is None else fit(millis)

    return {
        datetime: lambda value: fit(datetime_millis(value)),
        DatetimeMS: lambda value: fit(int(value)),
        Timestamp: lambda value: fit(timestamp_millis(value)),
        str: of_text,
    }


def _days() -> Scalar:
    def fit(millis: int) -> int | None:
        day = millis // DAY_MS
        return day if -_MAX_DAY - 1 <= day <= _MAX_DAY else None

    return Scalar(
        frozenset({datetime, NULL}),
        pa.date32(),
        _time_casts(fit),
        pa.int32(),
        from_cast=lambda days: days.view(pa.date32()),
    )


def _instants(type_: pa.DataType) -> Scalar:
    if isinstance(type_, pa.TimestampType):
        low, high, key = MIN_MILLIS, MAX_MILLIS, zone_key(type_.tz or "UTC")
    else:
        low, high, key = -(2**63), 2**63 - 1, None

    def fit(millis: int) -> int | None:
        return millis if low <= millis <= high else None

    def finish(millis: pa.Array[Any]) -> pa.Array[Any]:
        return (millis if key is None else pack_column(millis, key)).view(type_)

    return Scalar(
        frozenset({datetime, NULL}),
        _MILLIS,
        _time_casts(fit),
        _INT64,
        from_plain=lambda times: finish(times.view(_INT64)),
        from_cast=finish,
    )

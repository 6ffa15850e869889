"""Arrow columns of any type turned into columns of engine types, whole columns at a time.

What leaves here is physically what the engine reads: ``date64`` with the time of day,
zoned timestamps packed. A value that does not fit is an error, never cut, wrapped or
turned into NULL; only digits below a millisecond and below a decimal's scale are given
up, as the engine's own types demand.

The one ambiguous type is ``timestamp('ms', tz)``: it is the engine's and therefore read
as *already packed*. Zoned timestamps of every other unit are plain instants and packed
here with the key of their type's zone. A reader that has plain instants in milliseconds
packs them itself (``timestamps.pack_column``) or hands them over in another unit.

Source: wire protocol, sections 8.3, 8.4 and 9.
"""

from __future__ import annotations

from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from athena_connectors.common.physical import compute
from athena_connectors.common.timestamps import pack_column, unpack_column, zone_key

if TYPE_CHECKING:
    from collections.abc import Callable

    Converter = Callable[["Column"], "Column"]

__all__ = ["converter", "is_list_like", "is_packed"]

Column = Any
"""An array. Untyped, as are ``Type``s: the stubs know each class of them, we know a few."""

Type = Any

_PER_SECOND = {"s": 1, "ms": 1_000, "us": 1_000_000, "ns": 1_000_000_000}
_DAY_MS = 86_400_000
_INT64 = pa.int64()

# Any number of 38 digits before and after the point fits while it is being rounded.
_WIDE_DIGITS = 76
_WIDE_SCALE = 38


def is_packed(type_: Type) -> bool:
    """Tell whether a type is the engine's zoned timestamp, whose values are packed."""
    return isinstance(type_, pa.TimestampType) and type_.tz is not None and type_.unit == "ms"


def is_list_like(type_: Type) -> bool:
    """Tell whether values of a type are lists, in any of Arrow's layouts."""
    types = pa.types
    return (
        types.is_list(type_)
        or types.is_large_list(type_)
        or types.is_fixed_size_list(type_)
        or types.is_list_view(type_)
        or types.is_large_list_view(type_)
    )


@lru_cache(maxsize=1024)
def converter(source: Type, target: Type) -> Converter:
    """Return a function from columns of one type to columns of an engine type.

    The function raises ``ValueError`` or ``pa.ArrowException`` for values that do not fit.
    Their texts may hold the value: they are not for users' eyes.

    Raises:
        NotImplementedError: Nothing of the one type can be read as the other.
    """
    if source == target:
        return _unchanged
    return (
        _decoder(source, target)
        or _nested(source, target)
        or _temporal(source, target)
        or _scalar(source, target)
    )


def _unchanged(column: Column) -> Column:
    return column


def _no_way(source: Type, target: Type) -> NotImplementedError:
    return NotImplementedError(f"from {source} to {target}")


# --- encodings: another way to write the values of a type


def _decoder(source: Type, target: Type) -> Converter | None:
    if pa.types.is_null(source):
        return lambda column: pa.nulls(len(column), target)
    if isinstance(source, pa.BaseExtensionType):
        inner = converter(source.storage_type, target)
        return lambda column: inner(column.storage)
    if isinstance(source, pa.DictionaryType):
        inner = converter(source.value_type, target)
        return partial(_decode_dictionary, values=inner)
    if isinstance(source, pa.RunEndEncodedType):
        return partial(_decode_runs, values=converter(source.value_type, target))
    return None


def _decode_dictionary(column: Column, *, values: Converter) -> Column:
    try:
        plain = column.dictionary_decode()
    except pa.ArrowNotImplementedError:  # views; their kind always fits, also what is unused
        return values(column.dictionary).take(column.indices)
    return values(plain)


def _decode_runs(column: Column, *, values: Converter) -> Column:
    # Arrow repeats only values of some types, but takes values of all.
    places = pa.array(range(len(column.values)), pa.int32())
    runs: Column = pa.RunEndEncodedArray.from_arrays(column.run_ends, places)
    rows = compute().run_end_decode(runs.slice(column.offset, len(column)))
    return values(column.values).take(rows)


# --- lists, structs and maps


def _nested(source: Type, target: Type) -> Converter | None:
    if isinstance(target, pa.ListType) and is_list_like(source):
        return partial(
            _to_list, type_=target, items=converter(source.value_type, target.value_type)
        )
    if isinstance(target, pa.MapType) and isinstance(source, pa.MapType):
        return _map_converter(source, target)
    if isinstance(target, pa.StructType) and isinstance(source, pa.StructType):
        return _struct_converter(source, target)
    if pa.types.is_nested(source) or pa.types.is_nested(target):
        raise _no_way(source, target)
    return None


def _to_list(
    column: Column,
    *,
    type_: Type,
    items: Converter,
) -> Column:
    return pa.ListArray.from_arrays(
        _offsets(column), items(column.flatten()), type=type_, mask=_mask(column)
    )


def _offsets(column: Column) -> Column:
    """Return where each list ends in the flattened column, which skips what NULL hides."""
    pc = compute()
    lengths = pc.fill_null(pc.list_value_length(column), 0).cast(_INT64)
    ends = pc.cumulative_sum(lengths)
    return pa.concat_arrays([pa.array([0], _INT64), ends]).cast(pa.int32())


def _mask(column: Column) -> Column | None:
    return column.is_null() if column.null_count else None


def _map_converter(source: Type, target: Type) -> Converter:
    keys = converter(source.key_type, target.key_type)
    values = converter(source.item_type, target.item_type)
    entries = pa.list_(pa.struct([source.key_field, source.item_field]))

    def convert(column: Column) -> Column:
        lists = column.cast(entries)
        pairs = lists.flatten()
        return pa.MapArray.from_arrays(
            _offsets(lists),
            keys(pairs.field(0)),
            values(pairs.field(1)),
            type=target,
            mask=_mask(column),
        )

    return convert


def _struct_converter(source: Type, target: Type) -> Converter:
    places = [source.get_field_index(field.name) for field in target]
    if source.names == target.names:
        places = list(range(len(places)))  # also when a name stands twice
    if -1 in places:
        raise _no_way(source, target)
    fields = [
        (place, converter(source.field(place).type, field.type))
        for place, field in zip(places, target, strict=True)
    ]

    def convert(column: Column) -> Column:
        members = column.flatten()
        arrays = [inner(members[place]) for place, inner in fields]
        return pa.StructArray.from_arrays(arrays, fields=list(target), mask=_mask(column))

    return convert


# --- dates and timestamps: all of them by way of milliseconds


def _temporal(source: Type, target: Type) -> Converter | None:
    if not (pa.types.is_date(target) or pa.types.is_timestamp(target)):
        return None
    if is_packed(source) and is_packed(target):
        return lambda column: column.view(target)
    millis = _milliseconds(source)
    if millis is None:
        raise _no_way(source, target)
    if pa.types.is_date64(target):
        return lambda column: millis(column).view(target)
    if pa.types.is_date32(target):
        return lambda column: _days(millis(column))
    if is_packed(target):
        key = _key_of(source)
        return lambda column: pack_column(millis(column), key).view(target)
    raise _no_way(source, target)


def _milliseconds(source: Type) -> Converter | None:
    if is_packed(source):
        return lambda column: unpack_column(column)[0]
    if isinstance(source, pa.TimestampType):
        return partial(_to_millis, per_second=_PER_SECOND[source.unit])
    if pa.types.is_date64(source):
        return lambda column: column.view(_INT64)
    if pa.types.is_date32(source):
        return lambda column: compute().multiply(column.view(pa.int32()).cast(_INT64), _DAY_MS)
    return None


def _to_millis(column: Column, *, per_second: int) -> Column:
    ticks = column.view(_INT64)
    if per_second == 1:
        return compute().multiply_checked(ticks, 1000)
    return _floor_divide(ticks, per_second // 1000)


def _floor_divide(values: Column, divisor: int) -> Column:
    """Round down, where Arrow rounds towards zero: a time before 1970 keeps its day."""
    if divisor == 1:
        return values
    pc = compute()
    quotient = pc.divide(values, divisor)
    is_above = pc.greater(pc.multiply(quotient, divisor), values)
    return pc.subtract(quotient, is_above.cast(_INT64))


def _days(millis: Column) -> Column:
    pc = compute()
    days = _floor_divide(millis, _DAY_MS)
    if pc.any(pc.not_equal(pc.multiply(days, _DAY_MS), millis)).as_py():
        raise ValueError("time of day")
    return days.cast(pa.int32()).view(pa.date32())


def _key_of(source: Type) -> int:
    zone = source.tz if isinstance(source, pa.TimestampType) else None
    return zone_key(zone or "UTC")


# --- everything else


def _scalar(source: Type, target: Type) -> Converter:
    types = pa.types
    if is_packed(source):
        raise _no_way(source, target)  # Arrow would take the packed integer for an instant
    if types.is_decimal(target):
        return partial(_to_decimal, type_=target)
    if types.is_string(target):
        return _text_converter(source)
    if types.is_boolean(target) and types.is_integer(source):
        return lambda column: compute().greater(column, 0)
    if types.is_float32(target):
        return _to_float32
    return lambda column: column.cast(target)


def _to_decimal(column: Column, *, type_: Type) -> Column:
    """Round half up, as the engine's own writer does, with room for the carry."""
    wide = column.cast(pa.decimal256(_WIDE_DIGITS, _scale_of(column.type)))
    if wide.type.scale > type_.scale:
        wide = compute().round(wide, type_.scale, "half_towards_infinity")
    return wide.cast(type_)


def _scale_of(source: Type) -> int:
    if pa.types.is_decimal(source):
        scale: int = source.scale
        return max(scale, 0)
    # Arrow gets large unsigned integers wrong when it scales them up at the same time.
    return 0 if pa.types.is_integer(source) else _WIDE_SCALE


def _to_float32(column: Column) -> Column:
    """Round to float32; Arrow would let what is too large become infinite."""
    pc = compute()
    result: Column = column.cast(pa.float32())
    if pa.types.is_floating(column.type) and not column.equals(result):
        became_infinite = pc.and_(pc.is_inf(result), pc.is_finite(column))
        if pc.any(became_infinite).as_py():
            raise ValueError("too large")
    return result


def _text_converter(source: Type) -> Converter:
    types = pa.types
    if isinstance(source, pa.DurationType):
        return partial(_duration_texts, per_second=_PER_SECOND[source.unit])
    if source == pa.month_day_nano_interval():
        return _interval_texts
    if types.is_decimal(source):
        return _decimal_texts
    if types.is_date64(source):
        return lambda column: column.view(pa.timestamp("ms")).cast(pa.string())
    return lambda column: column.cast(pa.string())


def _decimal_texts(column: Column) -> Column:
    """Write all digits; Arrow writes small ones with an exponent."""
    return pa.array(
        [None if value is None else format(value, "f") for value in column.to_pylist()],
        pa.string(),
    )


def _duration_texts(column: Column, *, per_second: int) -> Column:
    factor = _PER_SECOND["ns"] // per_second
    texts = [
        None if ticks is None else _iso_duration(0, 0, ticks * factor)
        for ticks in column.view(_INT64).to_pylist()
    ]
    return pa.array(texts, pa.string())


def _interval_texts(column: Column) -> Column:
    texts = [None if value is None else _iso_duration(*value) for value in column.to_pylist()]
    return pa.array(texts, pa.string())


def _iso_duration(months: int, days: int, nanos: int) -> str:
    """Return ISO 8601 text, each part with its own sign: ``P14M``, ``P-1DT0.5S``, ``PT0S``."""
    parts = [f"{count}{unit}" for count, unit in ((months, "M"), (days, "D")) if count]
    if nanos or not parts:
        whole, fraction = divmod(abs(nanos), _PER_SECOND["ns"])
        digits = f".{fraction:09}".rstrip("0") if fraction else ""
        parts.append(f"T{'-' if nanos < 0 else ''}{whole}{digits}S")
    return "P" + "".join(parts)

"""Attribute values into columns of the engine's types: what each tag becomes in each type.

Whole columns are converted at once. A value that its type has nothing for is NULL and
counted; within lists, maps and structures so is the element alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa
from athena_connectors.common.document_types import read_type
from athena_connectors.common.physical import compute
from athena_connectors.dynamodb.attribute_json import as_base64, as_bytes
from athena_connectors.dynamodb.numbers import are_numbers, plain_numbers, read_numbers
from athena_connectors.dynamodb.relation import TimeFormat
from athena_connectors.dynamodb.time_columns import times_of_numbers, times_of_texts
from athena_connectors.dynamodb.values import NULL

if TYPE_CHECKING:
    from athena_connectors.dynamodb.outcome import Outcome
    from athena_connectors.dynamodb.relation import Column
    from athena_connectors.dynamodb.time_columns import Times
    from athena_connectors.dynamodb.values import Entries, Values

__all__ = ["column_type", "convert"]

_SCALARS = frozenset({"S", "N", "B", "BOOL"})
_LISTS = frozenset({"L", "SS", "NS", "BS"})
_ISO = TimeFormat()


def column_type(column: Column) -> pa.DataType:
    """Return the engine type that a column is read as.

    Raises:
        UnsupportedTypeError: It holds a map whose keys are no texts; names the column.
    """
    return read_type(column.name, column.type)


def convert(values: Values, type_: pa.DataType, outcome: Outcome) -> pa.Array[Any]:
    """Return a column of values.

    Args:
        values: The values.
        type_: An engine type, as ``column_type`` gives it or a part of it.
        outcome: Takes what does not fit.

    Raises:
        DataConversionError: As ``outcome`` has it.
    """
    tags = values.tags()
    parts = []
    for tag in sorted(tags):
        if tag == NULL:
            continue
        part = _part(values, tag, type_, outcome)
        if part is None:
            outcome.mismatch(tag, tags[tag])
        else:
            parts.append(part)
    if not parts:
        return pa.array([None] * values.count, type_)
    merged: pa.Array[Any] = parts[0] if len(parts) == 1 else compute().coalesce(*parts)
    return merged


def _part(values: Values, tag: str, type_: pa.DataType, outcome: Outcome) -> pa.Array[Any] | None:
    """Return the rows of one tag, all others NULL; ``None`` if the type has nothing for it."""
    if tag in _SCALARS:
        return _scalars(values.scalar(tag), tag, type_, outcome)
    if pa.types.is_string(type_):
        return values.json(tag)
    if isinstance(type_, pa.ListType) and tag in _LISTS:
        elements = values.elements(tag)
        items = convert(elements.values, type_.value_type, outcome)
        return _lists(elements.offsets, items, values.mask(tag), type_)
    if isinstance(type_, pa.StructType) and tag == "M":
        children = [convert(values.child(field.name), field.type, outcome) for field in type_]
        return pa.StructArray.from_arrays(children, fields=list(type_), mask=values.mask(tag))
    if isinstance(type_, pa.MapType) and tag == "M":
        entries = values.entries()
        items = convert(entries.values, type_.item_type, outcome)
        return _maps(entries, items, values.mask(tag), type_)
    return None


def _maps(
    entries: Entries, items: pa.Array[Any], mask: pa.Array[Any], type_: pa.DataType
) -> pa.Array[Any]:
    maps: Any = pa.MapArray
    array: pa.Array[Any] = maps.from_arrays(entries.offsets, entries.keys, items, type_, mask=mask)
    return array


def _lists(
    offsets: pa.Array[Any], items: pa.Array[Any], mask: pa.Array[Any], type_: pa.DataType
) -> pa.Array[Any]:
    lists: Any = pa.ListArray
    array: pa.Array[Any] = lists.from_arrays(offsets, items, type_, mask=mask)
    return array


def _scalars(
    array: pa.Array[Any], tag: str, type_: pa.DataType, outcome: Outcome
) -> pa.Array[Any] | None:
    if isinstance(type_, pa.ListType):
        return _lists_of_one(array, tag, type_, outcome)
    if pa.types.is_string(type_):
        return _as_text(array, tag)
    if pa.types.is_boolean(type_):
        return array if tag == "BOOL" else None
    if pa.types.is_binary(type_):
        return _as_bytes(array) if tag == "B" else None
    if tag not in {"S", "N"} or pa.types.is_nested(type_):
        return None
    if pa.types.is_temporal(type_):
        times = _as_times(array, tag, type_, outcome.column)
        outcome.mismatch(tag, times.mismatches)
        return times.array
    return _as_numbers(array, tag, type_, outcome)


def _lists_of_one(array: pa.Array[Any], tag: str, type_: Any, outcome: Outcome) -> pa.Array[Any]:
    present = array.drop_null()
    items = _scalars(present, tag, type_.value_type, outcome)
    if items is None:
        outcome.mismatch(tag, len(present))
        items = pa.nulls(len(present), type_.value_type)
    pc = compute()
    ends = pc.cumulative_sum(array.is_valid().cast(pa.int32()))
    offsets = pa.concat_arrays([pa.array([0], pa.int32()), ends])
    return _lists(offsets, items, array.is_null(), type_)


def _as_text(array: pa.Array[Any], tag: str) -> pa.Array[Any]:
    if tag == "N":
        return plain_numbers(array)
    if tag == "BOOL":
        return array.cast(pa.string())
    if pa.types.is_binary(array.type):
        texts = [None if value is None else as_base64(value) for value in array.to_pylist()]
        return pa.array(texts, pa.string())
    return array


def _as_bytes(array: pa.Array[Any]) -> pa.Array[Any]:
    if pa.types.is_binary(array.type):
        return array
    values = [None if text is None else as_bytes(text) for text in array.to_pylist()]
    return pa.array(values, pa.binary())


def _as_times(array: pa.Array[Any], tag: str, type_: pa.DataType, column: Column) -> Times:
    time = column.time or _ISO
    if tag == "S":
        return times_of_texts(array, type_, time)
    return times_of_numbers(array, type_, time, is_rounded=column.is_rounded)


def _as_numbers(
    array: pa.Array[Any], tag: str, type_: pa.DataType, outcome: Outcome
) -> pa.Array[Any]:
    if tag == "S":
        pc = compute()
        fits = are_numbers(array)
        outcome.mismatch(tag, pc.sum(pc.invert(fits)).as_py() or 0)
        array = pc.if_else(fits, array, pa.scalar(None, pa.string()))
    numbers = read_numbers(array, type_, is_rounded=outcome.column.is_rounded)
    outcome.mismatch(tag, numbers.mismatches)
    outcome.overflow(numbers.overflows)
    return numbers.array

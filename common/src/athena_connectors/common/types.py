"""Arrow types the engine takes, and how columns of other types become columns of them.

``engine_type`` says what a column of any type is declared as, ``cast_batch`` turns the
rows that a reader yields into exactly the declared types. ``ENGINE_TYPES`` is the list
that code and documents read; nothing that is not on it leaves ``cast_batch``.

A batch that already has an engine type is taken as it is, physically: a column of
``timestamp('ms', tz)`` holds *packed* values and ``date64`` milliseconds with the time of
day (see ``casting`` and ``timestamps``).

Source: wire protocol, sections 8.1 and 8.3.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from athena_connectors.common.casting import converter, is_list_like, is_packed
from athena_connectors.common.errors import (
    ColumnNotFoundError,
    ConnectorError,
    DataConversionError,
    UnsupportedTypeError,
)
from athena_connectors.common.timestamps import zone_key

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = [
    "ENGINE_TYPES",
    "EngineType",
    "cast_batch",
    "check_schema",
    "engine_type",
    "rows_without_columns",
]

MAX_DIGITS = 38
"""Digits of the engine's longest decimal."""


@dataclass(frozen=True, slots=True)
class EngineType:
    """One kind of type that the engine takes.

    Attributes:
        name: As the protocol's reference calls it.
        arrow: As Arrow calls it, for people.
        sql: As Athena calls it.
        fits: Whether an Arrow type is of the kind; children are looked at one by one.
    """

    name: str
    arrow: str
    sql: str
    fits: Callable[[pa.DataType], bool]


def _is_decimal(type_: pa.DataType) -> bool:
    return isinstance(type_, pa.Decimal128Type) and 0 <= type_.scale <= type_.precision


def _is_map(type_: pa.DataType) -> bool:
    return isinstance(type_, pa.MapType) and not type_.keys_sorted


def _is_struct(type_: pa.DataType) -> bool:
    return isinstance(type_, pa.StructType) and type_.num_fields > 0


ENGINE_TYPES: tuple[EngineType, ...] = (
    EngineType("BIT", "bool", "boolean", pa.types.is_boolean),
    EngineType("TINYINT", "int8", "tinyint", pa.types.is_int8),
    EngineType("SMALLINT", "int16", "smallint", pa.types.is_int16),
    EngineType("INT", "int32", "integer", pa.types.is_int32),
    EngineType("BIGINT", "int64", "bigint", pa.types.is_int64),
    EngineType("FLOAT4", "float32", "real", pa.types.is_float32),
    EngineType("FLOAT8", "float64", "double", pa.types.is_float64),
    EngineType("DECIMAL", "decimal128(p, s)", "decimal(p, s)", _is_decimal),
    EngineType("VARCHAR", "string", "varchar", pa.types.is_string),
    EngineType("VARBINARY", "binary", "varbinary", pa.types.is_binary),
    EngineType("DATEDAY", "date32", "date", pa.types.is_date32),
    EngineType("DATEMILLI", "date64", "timestamp(3)", pa.types.is_date64),
    EngineType("TIMESTAMPMILLITZ", "timestamp('ms', tz)", "timestamp(3) with time zone", is_packed),
    EngineType("LIST", "list", "array", pa.types.is_list),
    EngineType("STRUCT", "struct", "row", _is_struct),
    EngineType("MAP", "map", "map", _is_map),
)
"""Everything the engine takes."""


_WIDER: dict[pa.DataType, pa.DataType] = {
    pa.null(): pa.string(),
    pa.uint8(): pa.int16(),
    pa.uint16(): pa.int32(),
    pa.uint32(): pa.int64(),
    pa.uint64(): pa.decimal128(20, 0),
    pa.float16(): pa.float32(),
    pa.month_day_nano_interval(): pa.string(),
}

_REPLACED: tuple[tuple[Callable[[pa.DataType], bool], pa.DataType], ...] = (
    (pa.types.is_large_string, pa.string()),
    (pa.types.is_string_view, pa.string()),
    (pa.types.is_large_binary, pa.binary()),
    (pa.types.is_binary_view, pa.binary()),
    (pa.types.is_time, pa.string()),
    (pa.types.is_duration, pa.string()),
)


def engine_type(type_: pa.DataType) -> pa.DataType:
    """Return the engine type that a column of any Arrow type is declared as.

    An engine type stays as it is, so a ``timestamp('ms', tz)`` stays *packed*. Types that
    have no counterpart arrive as text: times of day as Arrow writes them, durations and
    intervals as ISO 8601, decimals of more than 38 digits with all their digits.

    Raises:
        UnsupportedTypeError: Nothing fits, as for unions, or a time zone is unknown.
    """
    plain = _plain_type(type_)
    if plain is not None:
        return plain
    if isinstance(type_, pa.BaseExtensionType):
        return engine_type(type_.storage_type)
    if isinstance(type_, pa.DictionaryType | pa.RunEndEncodedType):
        return engine_type(type_.value_type)
    if isinstance(type_, pa.TimestampType):
        return _timestamp_type(type_)
    if pa.types.is_decimal(type_):
        return _decimal_type(type_)
    return _nested_type(type_)


def check_schema(schema: pa.Schema, *, table: str) -> None:
    """Raise for a column whose type the engine rejects, in its children too.

    Args:
        schema: As it would be told to the engine.
        table: Name for the message.

    Raises:
        UnsupportedTypeError: Names the table, the column and the type.
    """
    for field in schema:
        rejected = _rejected(field.type)
        if rejected is not None:
            raise UnsupportedTypeError(
                f"Column {field.name!r} of {table} has type {field.type}, and Athena has"
                f" nothing for {rejected}.",
                hint="Declare it as the type that types.engine_type gives, or as text.",
                table=table,
                column=field.name,
            )


def cast_batch(batch: pa.RecordBatch, schema: pa.Schema, *, table: str) -> pa.RecordBatch:
    """Return the columns of a schema out of a batch, in exactly its types.

    Args:
        batch: Has the columns by name, in any order; further ones are dropped.
        schema: Wanted columns in engine types, in order; may be empty.
        table: Name for messages.

    Returns:
        As many rows. Columns that have their type already are passed on without a copy.

    Raises:
        ColumnNotFoundError: The batch lacks a column.
        DataConversionError: A value does not fit, or nothing of its type does.
    """
    if batch.schema.equals(schema, check_metadata=True):
        return batch
    if not schema.names:
        return rows_without_columns(batch.num_rows)
    columns = [_cast_column(_column(batch, field.name, table), field, table) for field in schema]
    return pa.RecordBatch.from_arrays(columns, schema=schema)


def rows_without_columns(count: int) -> pa.RecordBatch:
    """Return a batch of so many rows and no column, as ``count(*)`` wants it."""
    empty: Any = pa.StructArray.from_buffers(pa.struct([]), count, [None], children=[])
    return pa.RecordBatch.from_struct_array(empty)


def _plain_type(type_: pa.DataType) -> pa.DataType | None:
    if type_ in _WIDER:
        return _WIDER[type_]
    if not pa.types.is_nested(type_) and _kind(type_) is not None:
        return type_
    if pa.types.is_fixed_size_binary(type_):
        return pa.binary()
    return next((engine for fits, engine in _REPLACED if fits(type_)), None)


def _timestamp_type(type_: pa.TimestampType[Any, Any]) -> pa.DataType:
    if type_.tz is None:
        return pa.date64()
    try:
        zone_key(type_.tz)
    except DataConversionError as error:
        raise UnsupportedTypeError(error.message, hint=error.hint) from error
    return pa.timestamp("ms", type_.tz)


def _decimal_type(type_: Any) -> pa.DataType:
    scale = max(type_.scale, 0)
    digits = max(type_.precision + max(-type_.scale, 0), scale)
    return pa.decimal128(digits, scale) if digits <= MAX_DIGITS else pa.string()


def _nested_type(type_: Any) -> pa.DataType:
    if is_list_like(type_):
        return pa.list_(engine_type(type_.value_type))
    if isinstance(type_, pa.MapType):
        return pa.map_(engine_type(type_.key_type), engine_type(type_.item_type))
    if _is_struct(type_):
        return pa.struct([(field.name, engine_type(field.type)) for field in type_.fields])
    raise UnsupportedTypeError(
        f"Athena has no type for {type_}.",
        hint="Let the connector declare the column as text, with its value as JSON.",
    )


def _kind(type_: pa.DataType) -> EngineType | None:
    return next((kind for kind in ENGINE_TYPES if kind.fits(type_)), None)


def _rejected(type_: pa.DataType) -> pa.DataType | None:
    """Return the innermost type that the engine does not take, if there is one."""
    if _kind(type_) is None:
        return type_
    below = map(_rejected, _children(type_))
    return next((child for child in below if child is not None), None)


def _children(type_: pa.DataType) -> list[pa.DataType]:
    match type_:
        case pa.ListType():
            return [type_.value_type]
        case pa.StructType():
            return [field.type for field in type_]
        case pa.MapType():
            return [type_.key_type, type_.item_type]
        case _:
            return []


def _column(batch: pa.RecordBatch, name: str, table: str) -> pa.Array[Any]:
    index = batch.schema.get_field_index(name)
    if index >= 0:
        return batch.column(index)
    count = batch.schema.names.count(name)
    if count:
        raise DataConversionError(
            f"The rows read from {table} have {count} columns {name!r}.",
            hint="Let the reader give each column once.",
            table=table,
            column=name,
        )
    raise ColumnNotFoundError(
        f"The rows read from {table} have no column {name!r}.",
        hint="The table may have changed since the query was planned: run it again.",
        table=table,
        column=name,
    )


def _cast_column(column: pa.Array[Any], field: pa.Field[Any], table: str) -> pa.Array[Any]:
    if column.type == field.type:
        return column
    source, target = column.type, field.type
    # No cause is kept: Arrow's texts quote the value.
    try:
        converted: pa.Array[Any] = converter(source, target)(column)
    except ConnectorError as error:
        reason, hint = error.message, error.hint
    except NotImplementedError:
        reason = f"nothing of type {source} can be read as {target}."
        hint = "Let describe_table and the reader agree on the column's type."
    except (pa.ArrowException, ValueError):
        reason = f"a value of type {source} does not fit {target}."
        hint = "Declare a wider type, or correct or filter out the value in the source."
    else:
        return converted
    raise DataConversionError(
        f"Column {field.name!r} of {table}: {reason}", hint=hint, table=table, column=field.name
    )

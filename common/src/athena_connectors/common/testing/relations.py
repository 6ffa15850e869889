"""Rows that arrived, as relations that DuckDB's SQL can name.

Physical values become SQL values: ``date64`` a timestamp of milliseconds, a packed zoned
timestamp an instant in UTC. A relation has all columns of its table, so that names mean
what they mean in Athena; a column that was not read fails the query if it is looked at
(see ``looks_at_unread``).
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from athena_connectors.common.ordering import ZONE_BITS, is_zoned
from athena_connectors.common.physical import compute

if TYPE_CHECKING:
    from collections.abc import Sequence

    import duckdb

__all__ = ["create_relation", "looks_at_unread", "sql_batch", "sql_schema"]

_UNREAD = "The local engine did not read column"


def sql_schema(schema: pa.Schema) -> pa.Schema:
    """Return the schema that ``sql_batch`` gives to batches of a schema."""
    return pa.schema([pa.field(field.name, _sql_type(field.type)) for field in schema])


def sql_batch(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Turn physical values into SQL values, nested ones too; plain columns are not copied."""
    schema = sql_schema(batch.schema)
    if not len(schema):
        return batch
    return pa.RecordBatch.from_arrays(
        [_sql_array(column) for column in batch.columns], schema=schema
    )


def create_relation(
    connection: duckdb.DuckDBPyConnection,
    name: str,
    *,
    schema: pa.Schema,
    batches: Sequence[pa.RecordBatch],
    rows: int,
) -> None:
    """Make, or make anew, the relation of a scan.

    Args:
        connection: Where it is made.
        name: Its name.
        schema: The whole table, in engine types.
        batches: The rows, with the columns that were read in engine types; may have none.
        rows: Their number; counts when there is no column.
    """
    types = _duckdb_types(sql_schema(schema))
    read = set(batches[0].schema.names) if batches else set()
    columns = ", ".join(
        _quoted(column)
        if column in read
        else f"{_unread(column)}::{types[column]} AS {_quoted(column)}"
        for column in schema.names
    )
    source = f"range({rows})"
    if read:
        source = f"{name}_rows"
        connection.register(source, pa.Table.from_batches([sql_batch(batch) for batch in batches]))
    connection.execute(f"CREATE OR REPLACE TEMP VIEW {name} AS SELECT {columns} FROM {source}")  # noqa: S608


def looks_at_unread(error: Exception) -> bool:
    """Whether a query failed because it looked at a column that was not read.

    DuckDB now and then computes a column that its plan does not use: such a query has to
    be run again with all columns.
    """
    return _UNREAD in str(error)


@lru_cache(maxsize=64)
def _duckdb_types(schema: pa.Schema) -> dict[str, str]:
    import duckdb  # noqa: PLC0415

    with duckdb.connect(":memory:") as connection:
        connection.register("athena_types", schema.empty_table())
        rows = connection.execute("DESCRIBE athena_types").fetchall()
    return {row[0]: row[1] for row in rows}


def _unread(column: str) -> str:
    text = column.replace("'", "''")
    return f"error('{_UNREAD} {text}')"


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _sql_type(type_: pa.DataType) -> pa.DataType:
    if pa.types.is_date64(type_):
        return pa.timestamp("ms")
    if is_zoned(type_):
        return pa.timestamp("ms", "UTC")
    if isinstance(type_, pa.ListType):
        return pa.list_(type_.value_field.with_type(_sql_type(type_.value_type)))
    if isinstance(type_, pa.StructType):
        fields = [type_.field(place) for place in range(type_.num_fields)]
        return pa.struct([field.with_type(_sql_type(field.type)) for field in fields])
    if isinstance(type_, pa.MapType):
        return pa.map_(_sql_type(type_.key_type), _sql_type(type_.item_type))
    return type_


def _is_packed(type_: pa.DataType) -> bool:
    """Whether a type, or one nested in it, holds other values than Arrow thinks."""
    if isinstance(type_, pa.MapType):
        return _is_packed(type_.key_type) or _is_packed(type_.item_type)
    if isinstance(type_, pa.ListType | pa.StructType):
        return any(_is_packed(type_.field(place).type) for place in range(type_.num_fields))
    return pa.types.is_date64(type_) or is_zoned(type_)


def _sql_array(array: pa.Array[Any]) -> pa.Array[Any]:
    type_ = array.type
    if not _is_packed(type_):
        return array
    if pa.types.is_date64(type_):
        return array.view(pa.timestamp("ms"))
    if is_zoned(type_):
        millis: pa.Array[Any] = compute().shift_right(array.view(pa.int64()), ZONE_BITS)
        return millis.view(pa.timestamp("ms", "UTC"))
    if isinstance(array, pa.StructArray):
        children = [_sql_array(child) for child in array.flatten()]
        fields = [_sql_type(type_).field(place) for place in range(type_.num_fields)]
        return pa.StructArray.from_arrays(children, fields=fields, mask=array.is_null())
    return _sql_list(array)


def _sql_list(array: Any) -> pa.Array[Any]:
    """Convert a list or a map: its flattened values, and the offsets that they start at."""
    pc = compute()
    lengths = pc.fill_null(pc.list_value_length(array.cast(_as_list(array.type))), 0)
    ends = pc.cumulative_sum(lengths.cast(pa.int32()))
    offsets = pa.concat_arrays([pa.array([0], pa.int32()), ends])
    values = array.flatten()
    if isinstance(array, pa.MapArray):
        keys, items = values.flatten()
        nulls = pa.concat_arrays([array.is_null(), pa.array([False])])
        marked = pc.if_else(nulls, pa.scalar(None, pa.int32()), offsets)
        make: Any = pa.MapArray.from_arrays  # its stub has no form with both children and type
        mapped: pa.Array[Any] = make(
            marked, _sql_array(keys), _sql_array(items), type=_sql_type(array.type)
        )
        return mapped
    make = pa.ListArray.from_arrays
    listed: pa.Array[Any] = make(
        offsets, _sql_array(values), type=_sql_type(array.type), mask=array.is_null()
    )
    return listed


def _as_list(type_: pa.DataType) -> pa.DataType:
    if isinstance(type_, pa.MapType):
        return pa.list_(pa.struct([("key", type_.key_type), ("value", type_.item_type)]))
    return type_

"""Physical values: what stands in Arrow's buffers, whatever the type makes of it.

Arrow reads a ``date64`` as a day and a packed timestamp as an instant of the far future.
Here such columns, and those inside of lists, structs and maps, are seen as the integers
they are made of. Nothing is copied on the way.

Source: wire protocol, sections 8.4 and 9.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

import pyarrow as pa

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["check_values", "physical_array", "physical_values", "storage_type"]


@lru_cache(maxsize=256)
def storage_type(type_: pa.DataType) -> pa.DataType:
    """Return the type of the same layout without days, times and timestamps."""
    if pa.types.is_date32(type_) or pa.types.is_time32(type_):
        return pa.int32()
    if pa.types.is_date64(type_) or pa.types.is_time64(type_):
        return pa.int64()
    if pa.types.is_timestamp(type_) or pa.types.is_duration(type_):
        return pa.int64()
    return _nested(type_)


def _nested(type_: Any) -> pa.DataType:
    if pa.types.is_map(type_):
        key: Any = _stored(type_.key_field)
        item: Any = _stored(type_.item_field)
        return pa.map_(key, item, type_.keys_sorted)
    if pa.types.is_struct(type_):
        return pa.struct([_stored(field) for field in type_])
    if pa.types.is_list(type_):
        return pa.list_(_stored(type_.value_field))
    if pa.types.is_large_list(type_):
        return pa.large_list(_stored(type_.value_field))
    if pa.types.is_fixed_size_list(type_):
        length: int = type_.list_size
        return pa.list_(_stored(type_.value_field), length)
    same: pa.DataType = type_
    return same


def _stored(field: pa.Field[Any]) -> pa.Field[Any]:
    return field.with_type(storage_type(field.type))


def physical_values(column: pa.Array[Any]) -> list[Any]:
    """Return a column's physical values (see ``valueset``), ``None`` for SQL NULL.

    A list is a list here, a struct a dict and a map a list of pairs. Raises what Arrow
    raises for a column with wrong offsets or texts.
    """
    stored = _as_stored(column)
    stored.validate(full=True)
    values: list[Any] = stored.to_pylist()
    return values


def physical_array(values: Sequence[Any], type_: pa.DataType) -> pa.Array[Any]:
    """Return a column of physical values; raises what Arrow raises for a wrong one."""
    stored = storage_type(type_)
    column: pa.Array[Any] = pa.array(values, stored)
    return column if stored == type_ else column.view(type_)


def check_values(batch: pa.RecordBatch) -> None:
    """Check every offset, text and decimal; raises what Arrow raises for a wrong one.

    Reading columns that came from elsewhere unchecked may read foreign memory.
    """
    for column in batch.columns:
        _as_stored(column).validate(full=True)


def _as_stored(column: Any) -> Any:
    stored = storage_type(column.type)
    return column if stored == column.type else column.view(stored)

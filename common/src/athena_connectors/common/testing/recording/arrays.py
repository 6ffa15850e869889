"""Arrays of any engine type with each of their values exchanged for another."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pyarrow as pa
from athena_connectors.common.protocol.storage import physical_array, physical_values

__all__ = ["Exchange", "map_array"]

Exchange = Callable[[pa.DataType, Any], Any]
"""Is given a type and a physical value of it that is not NULL, and returns another one."""


def map_array(array: pa.Array[Any], exchange: Exchange) -> pa.Array[Any]:
    """Return an array of the same type with other values, those in lists and the like too."""
    type_ = array.type
    if pa.types.is_nested(type_):
        values = [_nested(type_, value, exchange) for value in physical_values(array)]
        return physical_array(values, type_)
    if pa.types.is_null(type_):
        return array
    coded: Any = array.dictionary_encode()
    known = [exchange(type_, value) for value in physical_values(coded.dictionary)]
    return physical_array(known, type_).take(coded.indices)


def _nested(type_: Any, value: Any, exchange: Exchange) -> Any:
    if value is None:
        return None
    if pa.types.is_struct(type_):
        return {field.name: _nested(field.type, value[field.name], exchange) for field in type_}
    if pa.types.is_map(type_):
        return [
            (_nested(type_.key_type, key, exchange), _nested(type_.item_type, item, exchange))
            for key, item in value
        ]
    if pa.types.is_list(type_):
        return [_nested(type_.value_type, item, exchange) for item in value]
    return exchange(type_, value)

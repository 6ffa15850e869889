"""Values of arrays as Python has them: dates and times as the numbers that they are."""

from __future__ import annotations

from typing import Any

import pyarrow as pa

__all__ = ["physical_values"]


def physical_values(array: Any) -> list[Any]:
    """Return the values of an array, nested ones too; a map is a list of pairs."""
    type_ = array.type
    if pa.types.is_list(type_):
        return [None if row is None else physical_values(row) for row in _rows(array)]
    if pa.types.is_map(type_):
        return [
            None
            if row is None
            else list(zip(row.field(0).to_pylist(), physical_values(row.field(1)), strict=True))
            for row in _rows(array)
        ]
    if pa.types.is_struct(type_):
        children = [physical_values(array.field(i)) for i in range(type_.num_fields)]
        return [
            dict(zip([f.name for f in type_], row, strict=True)) if valid else None
            for valid, row in zip(
                array.is_valid().to_pylist(), zip(*children, strict=True), strict=True
            )
        ]
    if pa.types.is_temporal(type_):
        array = array.view(pa.int32() if pa.types.is_date32(type_) else pa.int64())
    return list(array.to_pylist())


def _rows(array: Any) -> list[Any]:
    return [array[i].values for i in range(len(array))]

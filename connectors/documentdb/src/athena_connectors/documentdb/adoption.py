"""Columns that a request says there are, because a sample of another instance showed them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pyarrow as pa
from athena_connectors.common.types import engine_type
from athena_connectors.documentdb.relation import Column

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["adopted"]


def adopted(
    columns: Iterable[Column], fields: Iterable[pa.Field[pa.DataType]]
) -> tuple[Column, ...]:
    """Return columns with those among them, and in the types, that a request says there are.

    One that is not there is that of a field of its name, which is looked for in any case.
    """
    wanted = {field.name: field.type for field in fields}
    known = [
        _of_type(column, wanted[column.name]) if column.name in wanted else column
        for column in columns
    ]
    names = {column.name for column in known}
    others = [
        Column(name, type_, field=name, is_spelled=False)
        for name, type_ in wanted.items()
        if name not in names
    ]
    return (*known, *others)


def _of_type(column: Column, type_: pa.DataType) -> Column:
    if engine_type(column.type) == type_:
        return column
    return replace(column, type=type_, is_json=column.is_json and pa.types.is_string(type_))

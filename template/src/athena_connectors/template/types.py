"""Types of columns: what files show, and what it comes to for a table of several files.

A type of ``None`` stands for values of several kinds, ``null`` for no value at all. Either
becomes text, so that no column keeps a table from being read.

| In CSV files | Column |
|---|---|
| whole numbers | bigint |
| other numbers, ``NaN``, ``inf`` | double |
| ``true``, ``false`` | boolean |
| ``2024-05-31`` | date |
| ``2024-05-31 12:00:00``, with ``T`` or digits after the second too | timestamp |
| the same with a zone | timestamp with time zone |
| anything else | varchar; varbinary where it is no UTF-8 |
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pyarrow as pa

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["Columns", "TableColumns", "key_type", "table_columns", "union"]

Columns = dict[str, pa.DataType | None]
"""Columns of one file, in its order."""

TableColumns = tuple[dict[str, pa.DataType], frozenset[str]]
"""Columns of a table, and those among them that no single type was seen for."""

_WHOLE = re.compile(r"0|-?[1-9]\d{0,17}")
_DATE = re.compile(r"\d{4}-\d\d-\d\d")


def table_columns(files: Iterable[Columns]) -> TableColumns:
    """Return the columns of a table, in the order in which its files first show them.

    A column that some file lacks is NULL there.
    """
    merged: Columns = {}
    for columns in files:
        for name, type_ in columns.items():
            merged[name] = union(merged[name], type_) if name in merged else type_
    untyped = {name for name, type_ in merged.items() if type_ is None or pa.types.is_null(type_)}
    typed = {
        name: pa.string() if type_ is None or name in untyped else type_
        for name, type_ in merged.items()
    }
    return typed, frozenset(untyped)


def union(one: pa.DataType | None, other: pa.DataType | None) -> pa.DataType | None:
    """Return the type that holds the values of two types; ``None`` if only text does.

    Whole numbers become floats, dates times, structs get each other's fields.
    """
    if one is None or other is None:
        return None
    for date, time in ((one, other), (other, one)):
        if pa.types.is_date(date) and isinstance(time, pa.TimestampType) and time.tz is None:
            return time
    schemas = [pa.schema([("column", type_)]) for type_ in (one, other)]
    try:
        unified = pa.unify_schemas(schemas, promote_options="permissive")
    except (pa.ArrowInvalid, pa.ArrowTypeError):
        return None
    type_: pa.DataType = unified.field(0).type
    return type_


def key_type(values: Iterable[str | None]) -> pa.DataType:
    """Return the type of a partition column: bigint or date if all its values are, or varchar.

    A number with leading zeros is text, as they may matter.
    """
    texts = {value for value in values if value is not None}
    for pattern, type_ in ((_WHOLE, pa.int64()), (_DATE, pa.date32())):
        if texts and all(pattern.fullmatch(text) for text in texts) and _fits(texts, type_):
            return type_
    return pa.string()


def _fits(texts: Iterable[str], type_: pa.DataType) -> bool:
    try:
        pa.array(list(texts), pa.string()).cast(type_)
    except pa.ArrowInvalid:
        return False
    return True

"""Schemas, tables and columns, as the paths and the first bytes of the files tell them.

``<root>/<schema>/<table>.csv`` is a table of one file, ``<root>/<schema>/<table>/…`` one of
all files below. Folders named ``key=value`` make a column of the key. Names that start with
a dot or an underscore are passed over, as Athena does.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import unquote

import pyarrow as pa
from athena_connectors.common.connector import TableDescription
from athena_connectors.common.errors import ColumnNotFoundError, TableNotFoundError
from athena_connectors.common.protocol.messages import TableName
from athena_connectors.common.types import engine_type
from athena_connectors.template import reader
from athena_connectors.template.types import key_type, table_columns

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from athena_connectors.template.client import File, Storage
    from athena_connectors.template.settings import Settings

__all__ = [
    "Facts",
    "describe",
    "files_of",
    "list_schemas",
    "list_tables",
    "partition_of",
    "table_of",
]

_NO_VALUE = "__HIVE_DEFAULT_PARTITION__"


@dataclass(frozen=True, slots=True)
class Facts:
    """What the connector knows of a table beyond its columns.

    Attributes:
        columns: Columns of its files, with the types in which they are read.
        keys: Partition columns with their types.
        untyped: Columns whose values are of several kinds, all of them text.
    """

    columns: Mapping[str, pa.DataType]
    keys: Mapping[str, pa.DataType]
    untyped: frozenset[str]


def list_schemas(storage: Storage) -> list[str]:
    """Return the names of the schemas."""
    return [name for name in storage.folders() if not _is_hidden(name)]


def list_tables(storage: Storage, schema: str) -> list[str]:
    """Return the names of the tables of a schema, each once."""
    tables = {table_of(file.path) for file in storage.files(f"{schema}/")}
    return [name.table for name in tables if name is not None]


def files_of(storage: Storage, name: TableName) -> list[File]:
    """Return the files of a table, ordered by their paths."""
    prefix = f"{name.schema}/{name.table}"
    return sorted(file for file in storage.files(prefix) if table_of(file.path) == name)


def describe(storage: Storage, name: TableName, settings: Settings) -> TableDescription:
    """Return the columns of a table: those of its files, then its partition columns.

    Raises:
        TableNotFoundError: It has no file (any more).
        ColumnNotFoundError: Its files have no column.

    Cost:
        One listing, and the first ``block_bytes`` of each file.
    """
    files = files_of(storage, name)
    if not files:
        raise TableNotFoundError(f"Table {name} has no files.")
    found = (reader.columns_of(storage, file, settings) for file in files)
    columns, untyped = table_columns(found)
    keys = _keys([partition_of(file.path) for file in files])
    own = {column: type_ for column, type_ in columns.items() if column not in keys}
    if not own:
        raise ColumnNotFoundError(
            f"Table {name} has no column: its files are empty.",
            hint="Give one of them a row, or for CSV the names of its columns.",
        )
    schema = pa.schema([(column, engine_type(type_)) for column, type_ in {**own, **keys}.items()])
    return TableDescription(schema, tuple(keys), Facts(own, keys, untyped))


def table_of(path: str) -> TableName | None:
    """Return the table that a file belongs to; ``None`` if it belongs to none."""
    schema, *parts = path.split("/")
    if not parts or not reader.is_readable(path):
        return None
    if any(map(_is_hidden, (schema, *parts))):
        return None
    return TableName(schema, parts[0] if len(parts) > 1 else parts[0].rpartition(".")[0])


def partition_of(path: str) -> dict[str, str | None]:
    """Return the keys and values that the folders of a file are named by."""
    folders = (part.partition("=") for part in path.split("/")[2:-1])
    return {
        unquote(key): None if value == _NO_VALUE else unquote(value)
        for key, equals, value in folders
        if equals and key
    }


def _is_hidden(name: str) -> bool:
    return name.startswith((".", "_"))


def _keys(partitions: Iterable[Mapping[str, str | None]]) -> dict[str, pa.DataType]:
    values: dict[str, list[str | None]] = {}
    for partition in partitions:
        for key, value in partition.items():
            values.setdefault(key, []).append(value)
    return {key: key_type(texts) for key, texts in values.items()}

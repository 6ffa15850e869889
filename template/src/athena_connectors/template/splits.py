"""Partitions and splits: one of each for every file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa
from athena_connectors.common.errors import DataConversionError, InvalidRequestError
from athena_connectors.common.protocol.messages import Split
from athena_connectors.template.client import File
from athena_connectors.template.metadata import partition_of, table_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from athena_connectors.common.protocol.messages import TableName

__all__ = ["file_of", "partitions_of", "splits_of"]

PATH, VERSION = "$path", "$version"


def partitions_of(files: Sequence[File], keys: Mapping[str, pa.DataType]) -> pa.RecordBatch:
    """Return a row for each file: the values of its partition columns, and what it is.

    Raises:
        DataConversionError: A value does not fit the type that its column was told to have.
    """
    partitions = [partition_of(file.path) for file in files]
    columns = {
        name: _column(name, [each.get(name) for each in partitions], type_)
        for name, type_ in keys.items()
    }
    columns[PATH] = pa.array([file.path for file in files], pa.string())
    columns[VERSION] = pa.array([file.version for file in files], pa.string())
    return pa.record_batch(columns)


def splits_of(partitions: pa.RecordBatch) -> Iterator[Split]:
    """Return a split for each file."""
    for path, version in zip(partitions[PATH], partitions[VERSION], strict=True):
        yield Split({PATH: str(path), VERSION: str(version)})


def file_of(split: Split, name: TableName) -> File:
    """Return the file that a split reads.

    Raises:
        InvalidRequestError: It is no split of the table.
    """
    path, version = split.properties.get(PATH, ""), split.properties.get(VERSION, "")
    if table_of(path) != name:  # a path that climbs by .. has no table either
        raise InvalidRequestError(
            f"The split is none of table {name}.", hint="Pass splits on as they were planned."
        )
    return File(path, version)


def _column(name: str, texts: list[str | None], type_: pa.DataType) -> pa.Array[Any]:
    try:
        return pa.array(texts, pa.string()).cast(type_)
    except pa.ArrowInvalid as cause:
        raise DataConversionError(
            f"A folder is named by a value of {name} that is no {type_}.",
            hint="Run the query again: files were added since it was planned.",
            column=name,
        ) from cause

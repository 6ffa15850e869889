"""Files as record batches, whatever their format.

``FORMATS`` is the place to add one: a module with ``columns_of`` and ``rows_of``.
"""

from __future__ import annotations

import io
from contextlib import contextmanager
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any, Protocol

import pyarrow as pa
from athena_connectors.common.observability import SplitStats
from athena_connectors.template import csv_files, json_lines

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from athena_connectors.template.client import File, Storage
    from athena_connectors.template.settings import Settings
    from athena_connectors.template.types import Columns

__all__ = ["columns_of", "is_readable", "rows_of", "with_constants"]

BUFFER_BYTES = 1 << 18


class _Format(Protocol):
    def columns_of(self, stream: io.BufferedReader, settings: Settings, *, path: str) -> Columns:
        """Return the columns of a file as its first block shows them."""

    def rows_of(
        self,
        stream: io.BufferedReader,
        columns: Mapping[str, pa.DataType],
        settings: Settings,
        *,
        path: str,
        untyped: Collection[str],
    ) -> Iterator[pa.RecordBatch]:
        """Read the rows of a file, lazily."""


FORMATS: Mapping[str, _Format] = {
    ".csv": csv_files,
    ".jsonl": json_lines,
    ".ndjson": json_lines,
}
"""What reads a file, by the end of its name."""


def is_readable(path: str) -> bool:
    """Return whether a file has one of the formats."""
    return _suffix(path) in FORMATS


def columns_of(storage: Storage, file: File, settings: Settings) -> Columns:
    """Return the columns of a file as its first block shows them.

    Raises:
        DataConversionError: A row in it can't be read.
    """
    with _opened(storage, file, SplitStats()) as stream:
        return FORMATS[_suffix(file.path)].columns_of(stream, settings, path=file.path)


def rows_of(
    storage: Storage,
    file: File,
    columns: Mapping[str, pa.DataType],
    settings: Settings,
    *,
    untyped: Collection[str],
    stats: SplitStats,
) -> Iterator[pa.RecordBatch]:
    """Read the rows of a file, lazily.

    Args:
        storage: Where it lies.
        file: The file.
        columns: Columns to read, with their types; one that the file lacks is NULL. None are
            asked for to count the rows.
        settings: How files are read.
        untyped: Those columns whose values are of several kinds.
        stats: Receives the bytes read.

    Yields:
        Batches with at least the columns that were asked for.

    Raises:
        DataConversionError: A row can't be read; the text says which, and of which file.
    """
    with _opened(storage, file, stats) as stream:
        format_ = FORMATS[_suffix(file.path)]
        yield from format_.rows_of(stream, columns, settings, path=file.path, untyped=untyped)


def with_constants(batch: pa.RecordBatch, constants: pa.RecordBatch) -> pa.RecordBatch:
    """Return a batch with the columns of another, whose one row becomes that of all rows."""
    for name, column in zip(constants.schema.names, constants.columns, strict=True):
        batch = batch.append_column(name, pa.repeat(column[0], batch.num_rows))
    return batch


def _suffix(path: str) -> str:
    return PurePosixPath(path).suffix.lower()


@contextmanager
def _opened(storage: Storage, file: File, stats: SplitStats) -> Iterator[io.BufferedReader]:
    with storage.open(file) as raw:
        yield io.BufferedReader(_Counted(raw, stats), BUFFER_BYTES)


class _Counted(io.RawIOBase):
    """A stream whose bytes are counted."""

    def __init__(self, raw: io.RawIOBase, stats: SplitStats) -> None:
        self._raw = raw
        self._stats = stats

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        size = self._raw.readinto(buffer) or 0
        self._stats.bytes_read += size
        return size

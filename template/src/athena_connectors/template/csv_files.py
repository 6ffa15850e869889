"""CSV files: one row of names, then rows of as many fields.

A field without a character is NULL, one of two quotes is an empty text, and nothing else is
NULL. Quoted fields may have line ends. Rows are counted from 1, the one of names left out.
"""

from __future__ import annotations

import csv
import re
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from athena_connectors.template.faults import bad_row
from pyarrow import csv as arrow_csv

if TYPE_CHECKING:
    import io
    from collections.abc import Collection, Iterator, Mapping

    from athena_connectors.template.settings import Settings
    from athena_connectors.template.types import Columns

__all__ = ["columns_of", "rows_of"]

_TRUE = ["true", "True", "TRUE"]
_FALSE = ["false", "False", "FALSE"]
_CONVERSION = re.compile(r"column #(\d+): (?:Row #(\d+): )?CSV conversion error to ([^:]+)")
_FIELDS = re.compile(r"(?:Row #(\d+): )?Expected (\d+) columns, got (\d+)")


def columns_of(stream: io.BufferedReader, settings: Settings, *, path: str) -> Columns:
    """Return the columns of a file as its first block shows them.

    Raises:
        DataConversionError: A row of it can't be read.
    """
    names = _header(stream, settings, path)
    if not stream.peek(1):
        return dict.fromkeys(names, pa.null())
    texts = {name: pa.string() for name in names if name in settings.text_columns}
    try:
        schema = _open(stream, names, settings, column_types=texts).schema
    except pa.ArrowInvalid as cause:
        raise bad_row(path, _fault(cause, names)) from cause
    # A time of day would lose the form in which it was written.
    return {
        name: pa.string() if pa.types.is_time(type_) else type_
        for name, type_ in zip(schema.names, schema.types, strict=True)
    }


def rows_of(
    stream: io.BufferedReader,
    columns: Mapping[str, pa.DataType],
    settings: Settings,
    *,
    path: str,
    untyped: Collection[str],
) -> Iterator[pa.RecordBatch]:
    """Read the rows of a file, lazily; a column that it lacks is NULL.

    Raises:
        DataConversionError: A row can't be read.
    """
    del untyped  # text, which any field can be read as
    names = _header(stream, settings, path)
    if not stream.peek(1):
        return
    wanted = dict(columns) or {names[0]: pa.binary()}  # rows are counted by some column
    try:
        yield from _open(
            stream,
            names,
            settings,
            include_columns=list(wanted),
            include_missing_columns=True,
            column_types=wanted,
        )
    except pa.ArrowInvalid as cause:
        raise bad_row(path, _fault(cause, names)) from cause


def _header(stream: io.BufferedReader, settings: Settings, path: str) -> list[str]:
    """Read the names; a column without one, or with that of another, is named by its place."""
    lines = (line.decode("utf-8-sig", "replace") for line in iter(stream.readline, b""))
    rows = csv.reader(lines, delimiter=settings.delimiter, strict=True)
    try:
        names = next((row for row in rows if row), [])
    except csv.Error as cause:
        raise bad_row(path, f"the names of its columns can't be read: {cause}") from cause
    return [
        name if name and names.index(name) == place else f"column_{place + 1}"
        for place, name in enumerate(names)
    ]


def _open(
    stream: io.BufferedReader, names: list[str], settings: Settings, **options: Any
) -> arrow_csv.CSVStreamingReader:
    return arrow_csv.open_csv(
        stream,
        arrow_csv.ReadOptions(
            use_threads=False, block_size=settings.block_bytes, column_names=names
        ),
        arrow_csv.ParseOptions(delimiter=settings.delimiter, newlines_in_values=True),
        arrow_csv.ConvertOptions(
            null_values=[""],
            strings_can_be_null=True,
            quoted_strings_can_be_null=False,
            true_values=_TRUE,
            false_values=_FALSE,
            **options,
        ),
    )


def _fault(cause: pa.ArrowInvalid, names: list[str]) -> str:
    text = str(cause)
    if found := _CONVERSION.search(text):
        return f"{_row(found[2])} has a value in {names[int(found[1])]!r} that is no {found[3]}"
    if found := _FIELDS.search(text):
        return f"{_row(found[1])} has {found[3]} fields instead of {found[2]}"
    if "straddling" in text:
        return "a row of it is longer than block_bytes"
    return "it is no CSV"


def _row(number: str | None) -> str:
    return f"row {number}" if number else "a row"

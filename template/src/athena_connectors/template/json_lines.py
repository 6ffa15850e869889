"""JSON lines: one object on each line; lines without any are passed over.

Texts stay texts, whatever they look like. Values of several kinds in one column make it a
column of text: texts as they are, anything else as JSON.
"""

from __future__ import annotations

import json
import re
from itertools import count, islice
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from athena_connectors.template.faults import bad_row
from pyarrow import json as arrow_json

if TYPE_CHECKING:
    import io
    from collections.abc import Collection, Iterable, Iterator, Mapping

    from athena_connectors.template.settings import Settings
    from athena_connectors.template.types import Columns

__all__ = ["columns_of", "rows_of"]

ROWS_BY_HAND = 10_000
_MISFITS = (ValueError, TypeError, OverflowError)
"""What Arrow raises for a value that does not fit a type."""
_CHANGED = re.compile(r"Column\(/(.+)\) changed from \w+ to (\w+) in row (\d+)")
_ROW = re.compile(r"in row (\d+)")


def columns_of(stream: io.BufferedReader, settings: Settings, *, path: str) -> Columns:
    """Return the columns of a file as the lines of its first block show them.

    Raises:
        DataConversionError: A line of it can't be read.
    """
    block = stream.read(settings.block_bytes)
    if len(block) == settings.block_bytes:
        block = block[: block.rfind(b"\n") + 1]
        if not block:
            raise bad_row(path, "its first line is longer than block_bytes")
    rows = [row for _, row in _objects(block.splitlines(), path)]
    names = dict.fromkeys(name for row in rows for name in row)
    return {name: _type_of([row.get(name) for row in rows]) for name in names}


def rows_of(
    stream: io.BufferedReader,
    columns: Mapping[str, pa.DataType],
    settings: Settings,
    *,
    path: str,
    untyped: Collection[str],
) -> Iterator[pa.RecordBatch]:
    """Read the rows of a file, lazily; a column that a line lacks is NULL.

    Raises:
        DataConversionError: A line can't be read.
    """
    if not stream.peek(1):
        return
    texts = set(columns).intersection(untyped)
    if texts:
        yield from _by_hand(stream, columns, texts, path)
        return
    rows = 0
    try:
        for batch in _open(stream, columns, settings):
            batch.validate(full=True)  # texts were not looked at yet
            yield batch
            rows += batch.num_rows
    except pa.ArrowInvalid as cause:
        if "Empty JSON" not in str(cause):
            raise bad_row(path, _fault(str(cause), rows)) from cause


def _open(
    stream: io.BufferedReader, columns: Mapping[str, pa.DataType], settings: Settings
) -> Iterable[pa.RecordBatch]:
    reader: Iterable[pa.RecordBatch] = arrow_json.open_json(
        stream,
        arrow_json.ReadOptions(use_threads=False, block_size=settings.block_bytes),
        arrow_json.ParseOptions(
            explicit_schema=pa.schema(list(columns.items())), unexpected_field_behavior="ignore"
        ),
    )
    return reader


def _by_hand(
    stream: io.BufferedReader, columns: Mapping[str, pa.DataType], texts: set[str], path: str
) -> Iterator[pa.RecordBatch]:
    """Read value by value: Arrow reads a column of one kind of values only."""
    lines = _objects(stream, path)
    while rows := list(islice(lines, ROWS_BY_HAND)):
        arrays = []
        for name, type_ in columns.items():
            values = [row.get(name) for _, row in rows]
            values = [_text(value) for value in values] if name in texts else values
            try:
                arrays.append(pa.array(values, type_))
            except _MISFITS as cause:
                fault = f"a value of {name!r} in rows {rows[0][0]} to {rows[-1][0]} is no {type_}"
                raise bad_row(path, fault) from cause
        yield pa.record_batch(arrays, names=list(columns))


def _objects(lines: Iterable[bytes], path: str) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield each line's object with its number, counted from 1."""
    for number, line in zip(count(1), lines, strict=False):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except ValueError as cause:
            raise bad_row(path, f"line {number} is no JSON") from cause
        if not isinstance(row, dict):
            raise bad_row(path, f"line {number} is no JSON object")
        yield number, row


def _type_of(values: list[Any]) -> pa.DataType | None:
    try:
        type_ = pa.array(values).type
    except _MISFITS:
        return None
    return type_ if pa.types.is_null(type_) or _is_known(type_) else None


def _is_known(type_: pa.DataType) -> bool:
    """Return whether some value showed each part of a type."""
    if isinstance(type_, pa.StructType):
        return type_.num_fields > 0 and all(_is_known(field.type) for field in type_)
    if isinstance(type_, pa.ListType):
        return _is_known(type_.value_type)
    return not pa.types.is_null(type_)


def _text(value: object) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False)


def _fault(text: str, rows: int) -> str:
    """Return what is wrong; Arrow counts rows from 0 in each block."""
    if found := _CHANGED.search(text):
        return f"row {rows + int(found[3]) + 1} has a {found[2]} in {found[1]!r}"
    if found := _ROW.search(text):
        return f"row {rows + int(found[1]) + 1} is no JSON object, or has a name twice"
    if "straddling" in text:
        return "a row of it is longer than block_bytes"
    if "UTF8" in text:
        return f"a text after row {rows} is no UTF-8"
    return f"a number after row {rows} is none of its column's type"

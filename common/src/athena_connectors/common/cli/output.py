"""Answers as text and files, in the formats of ``query``.

No format drops digits: decimals are written whole, in JSON as text, and times with all
their digits. SQL NULL is an empty field in CSV and ``null`` in JSON.
"""

from __future__ import annotations

import csv
import json
import math
import os
import sys
from contextlib import contextmanager
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from athena_connectors.common.testing.engine_errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import pyarrow as pa

__all__ = ["FORMATS", "aligned", "check_writable", "complain", "say", "write_answer"]

FORMATS = ("table", "csv", "json", "arrow")


def write_answer(table: pa.Table, *, format_: str, output: str | None) -> None:
    """Write an answer.

    Args:
        table: The answer.
        format_: One of ``FORMATS``.
        output: A file, or ``None`` for standard output.

    Raises:
        UsageError: The file can't be written, or Arrow bytes would go to a terminal.
    """
    if format_ == "arrow":
        _write_arrow(table, output)
        return
    with _text_file(output) as file:
        {"table": _write_table, "csv": _write_csv, "json": _write_json}[format_](table, file)


def aligned(rows: Sequence[Sequence[str]]) -> str:
    """Return rows of text as lines with aligned columns."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = (
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    )
    return "\n".join(lines)


def check_writable(output: str) -> None:
    """Find out whether a file can be written, before a query is run for it.

    Raises:
        UsageError: It can't.
    """
    folder = Path(output).absolute().parent
    if Path(output).is_dir() or not folder.is_dir() or not os.access(folder, os.W_OK):
        raise UsageError(f"{output} can't be written.", hint="Name a file in a folder of yours.")


def say(text: str) -> None:
    """Write a line to standard output."""
    sys.stdout.write(f"{text}\n")


def complain(text: str) -> None:
    """Write a line to standard error."""
    sys.stderr.write(f"{text}\n")


@contextmanager
def _text_file(output: str | None) -> Iterator[IO[str]]:
    if output is None:
        yield sys.stdout
        return
    try:
        with Path(output).open("w", encoding="utf-8", newline="") as file:
            yield file
    except OSError as cause:
        raise _unwritable(output, cause) from cause


def _unwritable(output: str, cause: OSError) -> UsageError:
    return UsageError(f"{output} can't be written: {cause.strerror}.")


def _write_arrow(table: pa.Table, output: str | None) -> None:
    import pyarrow as pa  # noqa: PLC0415

    if output is None and sys.stdout.isatty():
        raise UsageError(
            "Arrow bytes do not belong on a terminal.", hint="Add --output FILE, or use a pipe."
        )
    try:
        sink: Any = sys.stdout.buffer if output is None else output
        with pa.ipc.new_stream(sink, table.schema) as stream:
            stream.write_table(table)
    except OSError as cause:
        raise _unwritable(output or "standard output", cause) from cause


def _write_table(table: pa.Table, file: IO[str]) -> None:
    import pyarrow as pa  # noqa: PLC0415
    from rich.console import Console  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    shown = Table(show_edge=False)
    for field in table.schema:
        number = pa.types.is_integer(field.type) or pa.types.is_decimal(field.type)
        number = number or pa.types.is_floating(field.type)
        shown.add_column(Text(field.name), justify="right" if number else "left", overflow="fold")
    for row in _rows(table):
        shown.add_row(*(Text(_text(value, null="NULL")) for value in row))
    # Away from a terminal there is no width to fit into, and nothing may be cut off.
    Console(file=file, width=None if file.isatty() else _width(table)).print(shown)


def _width(table: pa.Table) -> int:
    """Return more columns than any row of the printed table has."""
    from rich.cells import cell_len  # noqa: PLC0415

    rows = [tuple(table.schema.names), *_rows(table)]
    cells = [[cell_len(_text(value, null="NULL")) for value in row] for row in rows]
    return sum((int(max(column)) + 3 for column in zip(*cells, strict=True)), start=3)


def _write_csv(table: pa.Table, file: IO[str]) -> None:
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(table.schema.names)
    for row in _rows(table):
        writer.writerow([_text(value, null="") for value in row])


def _write_json(table: pa.Table, file: IO[str]) -> None:
    names = table.schema.names
    for place, row in enumerate(_rows(table)):
        file.write(",\n " if place else "[")
        document = {name: _plain(value) for name, value in zip(names, row, strict=True)}
        json.dump(document, file, ensure_ascii=False)
    file.write("]\n" if table.num_rows else "[]\n")


def _rows(table: pa.Table) -> Iterator[tuple[Any, ...]]:
    for batch in table.to_batches():
        columns = [_values(column) for column in batch.columns]
        yield from zip(*columns, strict=True)


def _values(column: pa.Array[Any]) -> list[Any]:
    """Return Python values; times beyond Python's years as Arrow writes them."""
    try:
        return column.to_pylist()
    except (OverflowError, ValueError):
        import pyarrow as pa  # noqa: PLC0415

        return column.cast(pa.string()).to_pylist()


def _text(value: object, *, null: str) -> str:
    if value is None:
        return null
    if isinstance(value, bool):
        return str(value).lower()
    plain = _plain(value)
    return plain if isinstance(plain, str) else json.dumps(plain, ensure_ascii=False)


def _plain(value: Any) -> Any:
    """Return what JSON can hold of a value, without loss."""
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if value is None or isinstance(value, bool | int | float | str):
        return value
    return _spelled(value)


def _spelled(value: object) -> str:
    match value:
        case Decimal():
            return f"{value:f}"
        case datetime():
            return value.isoformat(sep=" ")
        case bytes():
            return value.hex()
        case _:
            return str(value)

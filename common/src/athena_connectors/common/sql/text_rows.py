"""MySQL's rows of text, as a driver returns them when it converts nothing.

For statements that can't be prepared: values become what a binary row would hold, and are
decoded as that. Source: MySQL source documentation, "Text Resultset Row".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from athena_connectors.common.sql.binary_rows import answer_fields
from athena_connectors.common.sql.cells import Cells
from athena_connectors.common.sql.columns import MAX_WINDOW, buffer_of, pack_rows, windows
from athena_connectors.common.sql.row_formats import Kind
from athena_connectors.common.sql.row_values import ROW_DECODERS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from athena_connectors.common.sql.answers import ColumnPlace
    from athena_connectors.common.sql.binary_rows import AnswerField, RowColumn
    from athena_connectors.common.sql.row_formats import RowFormat, SentField
    from numpy.typing import NDArray

__all__ = ["TextRowsDecoder"]

_DATETIME = "YYYY-MM-DD hh:mm:ss.ffffff"
_PARTS = {
    "year": "Y",
    "month": "M",
    "day": "D",
    "hour": "h",
    "minute": "m",
    "second": "s",
    "micros": "f",
}
_DATE_CHARACTERS, _CLOCK_CHARACTERS = len("YYYY-MM-DD"), len("YYYY-MM-DD hh:mm:ss")
_ZERO, _NINE = ord("0"), ord("9")
_NO_BYTES = b""


class TextRowsDecoder:
    """Decodes one answer, a chunk of rows at a time.

    Args:
        columns: What the columns of the answer become, in order. None means that the rows
            are to be counted, whatever columns they have.
        sent: What the server says of the columns of its answer.
        table: What is read, for errors.

    Raises:
        DataConversionError: A column is sent as something that its decoder does not take,
            or as a single precision number, of which the text has too few digits.
        InternalError: A column names a decoder that does not exist.
        SourceError: The answer has more or fewer columns.
    """

    def __init__(
        self, columns: Sequence[RowColumn], sent: Sequence[SentField], *, table: str
    ) -> None:
        self._fields = [_of_text(field) for field in answer_fields(columns, sent, table=table)]

    def decode(self, rows: Sequence[Sequence[bytes | None]]) -> tuple[int, list[pa.Array[Any]]]:
        """Decode the next rows, one or more, less than 2 GiB of each column.

        Raises:
            DataConversionError: A value does not fit its column's type; names the column.
            SourceError: A value is not in the form of its type.
        """
        arrays = []
        for field, values in zip(self._fields, zip(*rows, strict=True), strict=False):
            cells = _cells(field.place, values)
            as_binary = _AS_BINARY.get(field.format.kind)
            if as_binary is not None:
                cells = as_binary(cells, field.format)
            arrays.append(field.decode(cells, field.arrow, field.format))
        return len(rows), arrays


def _of_text(field: AnswerField) -> AnswerField:
    if field.format.kind is Kind.FLOAT:
        raise field.place.mismatch(
            "is a single precision number, of which a server that can't prepare the statement"
            " sends too few digits",
            hint="Cast it in the query, as in CAST(column AS DOUBLE).",
        )
    if field.format.kind is Kind.TIME:  # written as it is to be shown
        return field._replace(decode=ROW_DECODERS["text"][Kind.BYTES])
    return field


def _cells(place: ColumnPlace, values: Sequence[bytes | None]) -> Cells:
    known = np.fromiter((value is not None for value in values), np.bool_, len(values))
    packed = pack_rows([value or _NO_BYTES for value in values])
    return Cells(
        place,
        packed.data,
        windows(packed.data, packed.starts, np.dtype([("bits", ">u8")])),
        packed.starts,
        packed.ends - packed.starts,
        None if known.all() else known,
    )


def _with_head(cells: Cells, head: NDArray[Any], lengths: NDArray[np.int64]) -> Cells:
    return Cells(cells.place, cells.data, head, cells.positions, lengths, cells.valid)


def _number(cells: Cells, format_: RowFormat) -> Cells:
    """Read texts as numbers; a cursor does not tell which integers are unsigned."""
    bounds = np.append(cells.positions, cells.positions[-1:] + cells.lengths[-1:])
    offsets = buffer_of(bounds.astype(np.int32))
    text = pa.Array.from_buffers(pa.string(), len(cells.lengths), [None, offsets, cells.data])
    if cells.valid is not None:
        import pyarrow.compute as pc  # noqa: PLC0415

        text = pc.if_else(pa.array(cells.valid), text, pa.scalar("0"))
    failure = None
    for type_ in _NUMBER_TYPES[format_.kind]:
        try:
            numbers = text.cast(type_).to_numpy()
        except pa.ArrowInvalid as error:
            failure = error
        else:
            head = numbers.view([("value", numbers.dtype)])
            return _with_head(cells, head, cells.lengths)
    raise cells.place.malformed("a number that is none") from failure


def _datetime(cells: Cells, format_: RowFormat) -> Cells:
    """Read texts as the parts of a date, and of a time of day as far as there is one."""
    characters = windows(cells.data, cells.positions, np.dtype(("u1", (len(_DATETIME),))))
    lengths = cells.lengths
    cut = np.arange(len(_DATETIME)) >= lengths[:, np.newaxis]
    digits = np.where(cut, _ZERO, characters.reshape(-1, len(_DATETIME)))
    head = np.zeros(len(lengths), format_.head)
    for part, letter in _PARTS.items():
        first, last = _DATETIME.index(letter), _DATETIME.rindex(letter)
        written = digits[:, first : last + 1]
        if np.any((written < _ZERO) | (written > _NINE)):
            raise cells.place.malformed("a date that is none")
        weights = 10 ** np.arange(last - first, -1, -1)
        head[part] = (written.astype(np.int64) - _ZERO) @ weights
    whole = np.isin(lengths, (_DATE_CHARACTERS, _CLOCK_CHARACTERS)) | (
        (lengths > _CLOCK_CHARACTERS + 1) & (lengths <= len(_DATETIME))
    )
    if not np.all(whole if cells.valid is None else whole | ~cells.valid):
        raise cells.place.malformed("a date of a length that there is not")
    known = np.ones(len(lengths), np.int64) if cells.valid is None else cells.valid
    return _with_head(cells, head, known * np.int64(_ALL_PARTS))


_INTEGER_TYPES = (pa.int64(), pa.uint64())
_NUMBER_TYPES: dict[Kind, tuple[pa.DataType, ...]] = {
    **dict.fromkeys((Kind.INTEGER, Kind.YEAR), _INTEGER_TYPES),
    Kind.DOUBLE: (pa.float64(),),
}

_ALL_PARTS = 11
"""Length of a binary date that has all its parts."""

_AS_BINARY: dict[Kind, Callable[[Cells, RowFormat], Cells]] = {
    **dict.fromkeys(_NUMBER_TYPES, _number),
    **dict.fromkeys((Kind.DATE, Kind.DATETIME), _datetime),
}
assert len(_DATETIME) <= MAX_WINDOW

"""MySQL's binary rows, the answer of a prepared statement, decoded column by column.

A row is a zero byte, a bitmap of the columns that are NULL, whose first two bits mean
nothing, and the values of the others. Either every row is decoded, or an error is raised: a
row has to end where its last value ends. Source: MySQL source documentation, "Binary
Protocol Resultset Row".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy as np
import pyarrow as pa
from athena_connectors.common.errors import InternalError
from athena_connectors.common.sql.answers import ColumnPlace, malformed_answer
from athena_connectors.common.sql.cells import Cells
from athena_connectors.common.sql.columns import MAX_WINDOW, windows
from athena_connectors.common.sql.row_formats import Kind, RowFormat, row_format
from athena_connectors.common.sql.row_values import ROW_DECODERS, unexpected_kind

if TYPE_CHECKING:
    from collections.abc import Sequence

    from athena_connectors.common.errors import SourceError
    from athena_connectors.common.sql.columns import PackedRows
    from athena_connectors.common.sql.row_formats import SentField
    from athena_connectors.common.sql.row_values import RowDecode
    from numpy.typing import NDArray

__all__ = ["AnswerField", "BinaryRowsDecoder", "RowColumn", "answer_fields", "row_decoder_names"]

_MARKER_BYTES = 1
_UNUSED_BITS = 2
_ONE_BYTE_LENGTHS = 251
_LONGER = {0xFC: 2, 0xFD: 3, 0xFE: 8}
"""Bytes of a length by the byte in front of them."""


class RowColumn(Protocol):
    """What a column has to tell to be decoded."""

    @property
    def name(self) -> str:
        """Its name, for errors."""

    @property
    def decoder(self) -> str:
        """One of ``row_decoder_names()``."""

    @property
    def arrow(self) -> pa.DataType:
        """The engine type to decode into; has to suit the decoder."""


def row_decoder_names() -> frozenset[str]:
    """Return the names of all decoders.

    What the server says about its answer tells how a value is sent; the decoder tells what
    it becomes: an ``integer`` may come in any width, as a year or as bits.
    """
    return frozenset(ROW_DECODERS)


class AnswerField(NamedTuple):
    """One column of an answer, and what becomes of it."""

    place: ColumnPlace
    format: RowFormat
    decode: RowDecode
    arrow: pa.DataType


class BinaryRowsDecoder:
    """Decodes one answer, a chunk of rows at a time.

    Args:
        columns: What the columns of the answer become, in order. None means that the rows
            are to be counted, whatever columns they have.
        sent: What the server says of the columns of its answer.
        table: What is read, for errors.

    Raises:
        DataConversionError: A column is sent as something that its decoder does not take.
        InternalError: A column names a decoder that does not exist.
        SourceError: The answer has more or fewer columns.
    """

    def __init__(
        self, columns: Sequence[RowColumn], sent: Sequence[SentField], *, table: str
    ) -> None:
        self._table = table
        self._values_at = _MARKER_BYTES + (len(sent) + _UNUSED_BITS + 7) // 8
        self._fields = answer_fields(columns, sent, table=table)

    def decode(self, rows: PackedRows) -> tuple[int, list[pa.Array[Any]]]:
        """Decode the next rows.

        Args:
            rows: One or more rows, less than 2 GiB in all, with padding behind the last.

        Returns:
            The number of rows and one array for each column, which share no memory with
            the rows.

        Raises:
            DataConversionError: A value does not fit its column's type; names the column.
            SourceError: The bytes are not in the format.
        """
        if np.any(rows.ends - rows.starts < self._values_at):
            raise self._malformed("a row ends amid its bitmap of NULLs")
        heads = [
            windows(rows.data, rows.starts + at, np.dtype(("u1", (width,))))
            for at, width in _blocks(self._values_at)
        ]
        if np.any(heads[0][:, 0]):
            raise self._malformed("a row does not begin with a zero byte")
        if not self._fields:
            return len(rows.starts), []
        cells = self._walk(rows, [head.reshape(len(head), -1) for head in heads])
        arrays = [
            field.decode(column, field.arrow, field.format)
            for field, column in zip(self._fields, cells, strict=True)
        ]
        return len(rows.starts), arrays

    def _walk(self, rows: PackedRows, heads: list[NDArray[np.uint8]]) -> list[Cells]:
        """Find each value of each row."""
        offsets = rows.starts + self._values_at
        columns = []
        try:
            for index, field in enumerate(self._fields):
                byte, bit = divmod(index + _UNUSED_BITS, 8)
                block, byte = divmod(byte + _MARKER_BYTES, MAX_WINDOW)
                missing = (heads[block][:, byte] & (1 << bit)) != 0
                valid = ~missing if missing.any() else None
                cells = _read_cells(field, rows.data, offsets, valid=valid)
                offsets = cells.positions + cells.lengths
                columns.append(cells)
        except IndexError as error:
            raise self._malformed("a value ends behind its row") from error
        if not np.array_equal(offsets, rows.ends):
            raise self._malformed("a row is not as long as its values")
        return columns

    def _malformed(self, fact: str) -> SourceError:
        return malformed_answer(fact, table=self._table)


def answer_fields(
    columns: Sequence[RowColumn], sent: Sequence[SentField], *, table: str
) -> list[AnswerField]:
    """Return how each column of an answer is decoded; of no column if none is wanted.

    Raises:
        DataConversionError: A column is sent as something that its decoder does not take.
        InternalError: A column names a decoder that does not exist.
        SourceError: The answer has more or fewer columns.
    """
    if columns and len(columns) != len(sent):
        raise malformed_answer(f"it has {len(sent)} columns instead of {len(columns)}", table=table)
    return [
        _field(ColumnPlace(table, column.name), column, field)
        for column, field in zip(columns, sent, strict=False)
    ]


def _field(place: ColumnPlace, column: RowColumn, sent: SentField) -> AnswerField:
    decoders = ROW_DECODERS.get(column.decoder)
    if decoders is None:
        raise InternalError(f"There is no decoder {column.decoder!r}.", hint="Please report this.")
    format_ = row_format(sent)
    if format_ is None:
        raise place.mismatch(
            f"has the type number {sent.type_code}, which is not known here",
            hint="Cast the column in a view, as in CAST(column AS CHAR).",
        )
    decode = _nulls if format_.kind is Kind.NULL else decoders.get(format_.kind)
    if decode is None:
        raise unexpected_kind(place, format_.kind)
    return AnswerField(place, format_, decode, column.arrow)


def _blocks(size: int) -> list[tuple[int, int]]:
    """Cut so many bytes into runs that can be gathered; return start and width of each."""
    return [(at, min(MAX_WINDOW, size - at)) for at in range(0, size, MAX_WINDOW)]


def _read_cells(
    field: AnswerField,
    data: pa.Buffer,
    offsets: NDArray[np.int64],
    *,
    valid: NDArray[np.bool_] | None,
) -> Cells:
    """Read the values that begin, with their lengths, at some offsets; NULLs have no bytes.

    Raises:
        IndexError: An offset is outside the data.
        SourceError: A length is none.
    """
    heads = windows(data, offsets, field.format.head)
    if field.format.width is None:
        lengths, prefixes = _lengths(field.place, heads, data.size, valid=valid)
    else:
        lengths = np.full(len(offsets), field.format.width, np.int64)
        prefixes = np.zeros(1, np.int64)
    if valid is not None:
        lengths = lengths * valid
        prefixes = prefixes * valid
    return Cells(field.place, data, heads, offsets + prefixes, lengths, valid)


def _lengths(
    place: ColumnPlace, heads: NDArray[Any], most: int, *, valid: NDArray[np.bool_] | None
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the lengths of values and the bytes in front of each that tell it."""
    lengths = heads["length"].astype(np.int64)
    prefixes = np.ones(len(lengths), np.int64)
    if valid is not None:
        lengths *= valid
    if lengths.max(initial=0) < _ONE_BYTE_LENGTHS:
        return lengths, prefixes
    if heads.dtype.names is None or "longer" not in heads.dtype.names:
        raise place.malformed("a date or time of a length that there is not")
    firsts, longer = lengths.copy(), heads["longer"]
    for first, width in _LONGER.items():
        chosen = np.flatnonzero(firsts == first)
        sizes = longer[chosen] & np.uint64(256**width - 1)
        lengths[chosen] = np.minimum(sizes, np.uint64(most))
        prefixes[chosen] += width
    if np.any((firsts >= _ONE_BYTE_LENGTHS) & (prefixes == 1)):
        raise place.malformed("a value without a length")
    return lengths, prefixes


def _nulls(cells: Cells, type_: Any, format_: RowFormat) -> pa.Array[Any]:
    """Decode a column that holds nothing but NULL, as ``SELECT NULL`` does."""
    del format_
    if cells.valid is None or cells.valid.any():
        raise cells.place.malformed("a value of the type of NULL")
    nothing: pa.Array[Any] = pa.nulls(len(cells.lengths), type_)
    return nothing

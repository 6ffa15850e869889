"""PostgreSQL's binary COPY format, decoded column by column.

Either every row of the answer is decoded, or an error is raised: rows have to have all
fields, end where their last field ends, and an end marker has to follow the last. Source:
PostgreSQL manual, COPY, "Binary Format"; messages correspond to single rows: "Frontend/
Backend Protocol", CopyData.
"""

from __future__ import annotations

from struct import Struct
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from athena_connectors.common.errors import InternalError
from athena_connectors.common.sql.answers import ColumnPlace, malformed_answer
from athena_connectors.common.sql.binary_arrays import list_of
from athena_connectors.common.sql.binary_cells import Decoder, read_cells
from athena_connectors.common.sql.binary_numeric import NUMERICS
from athena_connectors.common.sql.binary_scalars import SCALARS
from athena_connectors.common.sql.columns import pack_rows, windows

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pyarrow as pa
    from athena_connectors.common.errors import SourceError
    from athena_connectors.common.sql.cells import Cells
    from athena_connectors.common.sql.columns import PackedRows
    from numpy.typing import NDArray

__all__ = ["BinaryCopyDecoder", "CopyColumn", "decoder_names"]

_SIGNATURE = b"PGCOPY\n\xff\r\n\0"
_HEADER = Struct(f">{len(_SIGNATURE)}sII")
_CRITICAL_FLAGS = 0xFFFF0000
"""Flags that change the format; none is known to today's servers."""
_TRAILER = b"\xff\xff"

_FIELD_COUNT = np.dtype([("fields", ">i2")])
_FIELD_COUNT_BYTES = 2

_LIST_PREFIX = "list:"
_DECODERS = {**SCALARS, **NUMERICS}


class CopyColumn(Protocol):
    """What a column has to tell to be decoded."""

    @property
    def name(self) -> str:
        """Its name, for errors."""

    @property
    def decoder(self) -> str:
        """One of ``decoder_names()``."""

    @property
    def arrow(self) -> pa.DataType:
        """The engine type to decode into; has to suit the decoder."""


def decoder_names() -> frozenset[str]:
    """Return the names of all decoders; those with ``list:`` are for arrays of the type."""
    return frozenset(_DECODERS) | {_LIST_PREFIX + name for name in _DECODERS}


class BinaryCopyDecoder:
    """Decodes one answer, a chunk of rows at a time.

    Args:
        columns: The fields of each row, in order.
        table: What is read, for errors.

    Raises:
        InternalError: A column names a decoder that does not exist.
    """

    def __init__(self, columns: Sequence[CopyColumn], *, table: str) -> None:
        self._table = table
        self._fields = [
            (ColumnPlace(table, column.name), _decoder(column.decoder), column.arrow)
            for column in columns
        ]
        self._started = False
        self._ended = False

    @property
    def ended(self) -> bool:
        """Whether the end marker was seen, so no row is missing."""
        return self._ended

    def decode(self, rows: list[bytes]) -> tuple[int, list[pa.Array[Any]]]:
        """Decode the next rows.

        Args:
            rows: One or more CopyData messages, less than 2 GiB in all; changed.

        Returns:
            The number of rows, which may be 0 in the first and the last chunk, and one
            array for each column.

        Raises:
            DataConversionError: A value does not fit its column's type; names the column.
            SourceError: The bytes are not in the format.
        """
        self._strip_frame(rows)
        packed = pack_rows(rows)
        cells = self._walk(packed)
        arrays = [
            decoder.decode(column, arrow)
            for column, (_, decoder, arrow) in zip(cells, self._fields, strict=True)
        ]
        return len(rows), arrays

    def _strip_frame(self, rows: list[bytes]) -> None:
        """Take away the header, which the first row follows, and the end marker."""
        if not self._started:
            self._started = True
            rows[0] = self._after_header(rows[0])
            if not rows[0]:
                del rows[0]
        if rows and self._ended:
            raise self._malformed("there are rows behind the end marker")
        if rows and rows[-1] == _TRAILER:
            self._ended = True
            del rows[-1]

    def _after_header(self, message: bytes) -> bytes:
        if len(message) < _HEADER.size:
            raise self._malformed("it has no header")
        signature, flags, extension_bytes = _HEADER.unpack_from(message)
        if signature != _SIGNATURE or flags & _CRITICAL_FLAGS:
            raise self._malformed("its header is not that of a known binary format")
        first_row = _HEADER.size + extension_bytes
        if len(message) < first_row:
            raise self._malformed("its header is cut off")
        return message[first_row:]

    def _walk(self, packed: PackedRows) -> list[Cells]:
        """Find each field of each row."""
        try:
            counts = windows(packed.data, packed.starts, _FIELD_COUNT)["fields"]
            if np.any(counts != len(self._fields)):
                raise self._malformed(f"a row has not {len(self._fields)} fields")
            return self._walk_fields(packed)
        except IndexError as error:
            raise self._malformed("a field ends behind its row") from error

    def _walk_fields(self, packed: PackedRows) -> list[Cells]:
        offsets: NDArray[np.int64] = packed.starts + _FIELD_COUNT_BYTES
        columns = []
        for place, decoder, _ in self._fields:
            cells = read_cells(place, packed.data, offsets, head=decoder.head)
            offsets = cells.positions + cells.lengths
            columns.append(cells)
        if not np.array_equal(offsets, packed.ends):
            raise self._malformed("a row is not as long as its fields")
        return columns

    def _malformed(self, fact: str) -> SourceError:
        return malformed_answer(fact, table=self._table)


def _decoder(name: str) -> Decoder:
    decoder = _DECODERS.get(name.removeprefix(_LIST_PREFIX))
    if decoder is None:
        raise InternalError(f"There is no decoder {name!r}.", hint="Please report this.")
    return list_of(decoder) if name.startswith(_LIST_PREFIX) else decoder

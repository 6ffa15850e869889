"""Decoders of PostgreSQL's scalar types other than numeric.

Every decoder returns an array in exactly the physical layout of the column's engine type.
Dates and times that Athena has no value for (infinities, years before 1 or after 9999)
become NULL. Source: PostgreSQL manual, "Data Types"; the ``send`` functions of the server.
"""

from __future__ import annotations

from binascii import hexlify
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from athena_connectors.common.sql.binary_cells import Decoder, head_layout
from athena_connectors.common.sql.cell_arrays import (
    DAY_MS,
    FIRST_DAY,
    LAST_DAY,
    bool_array,
    bytes_array,
    clear_outside,
    instant_array,
    text_array,
)
from athena_connectors.common.sql.columns import buffer_of, fixed_array, validity_buffer

if TYPE_CHECKING:
    from athena_connectors.common.sql.cells import Cells
    from numpy.typing import NDArray

__all__ = ["ENCODING_HINT", "SCALARS"]

# The server counts from 2000-01-01, Arrow from 1970-01-01.
_EPOCH_DAYS = 10_957
_EPOCH_MS = _EPOCH_DAYS * DAY_MS
_FIRST_MS, _LAST_MS = FIRST_DAY * DAY_MS, (LAST_DAY + 1) * DAY_MS - 1

_UUID_BYTES = 16
_UUID_CHARACTERS = 36
_DASH = ord("-")

ENCODING_HINT = (
    "The database's encoding is probably SQL_ASCII: read the column through a view that"
    " converts it, as in convert_from(column::bytea, 'LATIN1')."
)
"""Why text may be no UTF-8, which a database of that encoding does not promise."""


def _fixed(format_: str) -> Decoder:
    """Return the decoder of numbers that only have to be turned around."""
    head = head_layout(("value", format_))
    native = np.dtype(format_).newbyteorder("=")

    def decode(cells: Cells, type_: pa.DataType) -> pa.Array[Any]:
        cells.require_width(native.itemsize)
        values = cells.head["value"].astype(native)
        cells.clear(values)
        return fixed_array(values, type_, valid=cells.valid)

    return Decoder(head, decode, native.itemsize)


def _decode_bool(cells: Cells, type_: pa.DataType) -> pa.Array[Any]:
    cells.require_width(1)
    return bool_array(cells, cells.head["value"] != 0, type_)


def _decode_date(cells: Cells, type_: pa.DataType) -> pa.Array[Any]:
    cells.require_width(4)
    # Wide enough for infinity, which is the greatest int32, and the days between the epochs.
    days = cells.head["value"].astype(np.int64) + _EPOCH_DAYS
    valid = clear_outside(cells, days, FIRST_DAY, LAST_DAY)
    return fixed_array(days.astype(np.int32), type_, valid=valid)


def _decode_timestamp(cells: Cells, type_: pa.DataType) -> pa.Array[Any]:
    cells.require_width(8)
    # Rounds down, also before the epoch: the milliseconds of 23:59:59.9999 are 999.
    millis = cells.head["value"].astype(np.int64) // 1000 + _EPOCH_MS
    valid = clear_outside(cells, millis, _FIRST_MS, _LAST_MS)
    return instant_array(millis, type_, valid=valid)


def _decode_text(cells: Cells, type_: pa.DataType) -> pa.Array[Any]:
    del type_
    return text_array(cells, hint=ENCODING_HINT)


def _decode_bytea(cells: Cells, type_: pa.DataType) -> pa.Array[Any]:
    return bytes_array(cells, type_)


def _decode_uuid(cells: Cells, type_: pa.DataType) -> pa.Array[Any]:
    cells.require_width(_UUID_BYTES)
    pairs = cells.head["value"].astype(np.uint16)
    texts = _uuid_texts(_hex_words().take(pairs)).view(f"V{_UUID_CHARACTERS}")
    if cells.valid is not None:
        texts = texts[cells.valid]
    offsets = np.zeros(len(cells.lengths) + 1, np.int32)
    np.cumsum(cells.lengths // _UUID_BYTES * _UUID_CHARACTERS, out=offsets[1:])
    buffers = [validity_buffer(cells.valid), buffer_of(offsets), buffer_of(texts)]
    return pa.Array.from_buffers(type_, len(cells.lengths), buffers)


@cache
def _hex_words() -> NDArray[np.uint32]:
    """Return the four hexadecimal digits of every 16-bit number, first digit lowest."""
    return np.frombuffer(hexlify(np.arange(1 << 16, dtype=">u2").tobytes()), "<u4")


def _uuid_texts(words: NDArray[np.uint32]) -> NDArray[np.uint32]:
    """Put dashes between eight words of four digits each, as in 8-4-4-4-12."""
    texts = np.empty((len(words), _UUID_CHARACTERS // 4), np.uint32)
    second, third, fourth = words[:, 2], words[:, 3], words[:, 4]
    texts[:, 0:2] = words[:, 0:2]
    texts[:, 2] = second << 8 | _DASH
    texts[:, 3] = second >> 24 | _DASH << 8 | third << 16
    texts[:, 4] = third >> 16 | _DASH << 16 | fourth << 24
    texts[:, 5] = fourth >> 8 | _DASH << 24
    texts[:, 6:9] = words[:, 5:8]
    return texts


_NOTHING = head_layout()

SCALARS: dict[str, Decoder] = {
    "bool": Decoder(head_layout(("value", "u1")), _decode_bool, 1),
    "int2": _fixed(">i2"),
    "int4": _fixed(">i4"),
    "int8": _fixed(">i8"),
    "float4": _fixed(">f4"),
    "float8": _fixed(">f8"),
    "date": Decoder(head_layout(("value", ">i4")), _decode_date, 4),
    "timestamp": Decoder(head_layout(("value", ">i8")), _decode_timestamp, 8),
    "timestamptz": Decoder(head_layout(("value", ">i8")), _decode_timestamp, 8),
    "text": Decoder(_NOTHING, _decode_text),
    "bytea": Decoder(_NOTHING, _decode_bytea),
    "uuid": Decoder(head_layout(("value", ">u2", (8,))), _decode_uuid, _UUID_BYTES),
}
"""Decoders by name."""

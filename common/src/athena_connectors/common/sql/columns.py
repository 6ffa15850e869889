"""Columns out of rows: values that lie at any position of a run of bytes.

Shared by the binary formats of several servers. Positions given to this module lie inside
the bytes: whoever computes them from lengths in the data checks those first. Nothing here
touches a single value from Python.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

__all__ = [
    "MAX_WINDOW",
    "PackedRows",
    "buffer_of",
    "fixed_array",
    "is_utf8",
    "pack_rows",
    "ragged_array",
    "validity_buffer",
    "windows",
]

MAX_WINDOW = 64
"""Bytes that can be read from a position at the very end of the rows: padding follows."""

_PADDING = bytes(MAX_WINDOW)
_CONTINUATION_MASK = 0xC0
_CONTINUATION = 0x80


@dataclass(frozen=True, slots=True)
class PackedRows:
    """Rows end to end, with padding behind the last.

    Attributes:
        data: All bytes, padding included.
        starts: Position of the first byte of each row.
        ends: Position behind the last byte of each row.
    """

    data: pa.Buffer
    starts: NDArray[np.int64]
    ends: NDArray[np.int64]


def pack_rows(rows: Sequence[bytes]) -> PackedRows:
    """Join rows, which together are smaller than 2 GiB."""
    # Arrow joins and measures in one pass, in half the time of doing both in turn.
    packed = pa.array([*rows, _PADDING], pa.binary())
    _, offsets, data = packed.buffers()
    assert data is not None
    bounds = _items(offsets, np.dtype(np.int32), len(rows) + 1).astype(np.int64)
    return PackedRows(data, bounds[:-1], bounds[1:])


def _items(buffer: Any, type_: np.dtype[Any], count: int = -1) -> NDArray[Any]:
    """Return the first items of a buffer, or all, in place; Arrow's stubs hide that it can."""
    return np.frombuffer(buffer, type_, count)


def buffer_of(values: NDArray[Any]) -> pa.Buffer:
    """Return the bytes of a contiguous array as a buffer that keeps it alive."""
    return pa.py_buffer(values.data)


def windows(data: pa.Buffer, positions: NDArray[np.int64], layout: np.dtype[Any]) -> NDArray[Any]:
    """Return the bytes at each position as records of a layout of 1 to 64 bytes.

    One gather costs the same for any width up to about 64 bytes, so a layout should
    describe all that is wanted at a position.

    Raises:
        IndexError: A position is outside the bytes.
    """
    width = layout.itemsize
    everywhere: NDArray[Any] = np.ndarray(
        (data.size - width + 1,),
        f"V{width}",
        buffer=_items(data, np.dtype(np.uint8)),
        strides=(1,),
    )
    return everywhere[positions].view(layout)


def validity_buffer(valid: NDArray[np.bool_] | None) -> pa.Buffer | None:
    """Return Arrow's bitmap of the values that are not NULL; ``None`` when all are."""
    return None if valid is None else buffer_of(np.packbits(valid, bitorder="little"))


def fixed_array(
    values: NDArray[Any],
    type_: pa.DataType,
    *,
    valid: NDArray[np.bool_] | None,
    count: int | None = None,
) -> pa.Array[Any]:
    """Return an Arrow array that takes over values in Arrow's own layout.

    Args:
        values: The values, or bits or words of them.
        type_: The type of the array.
        valid: Which values are not NULL; ``None`` when all are.
        count: Number of values, when ``values`` has not one item for each.
    """
    buffers = [validity_buffer(valid), buffer_of(values)]
    return pa.Array.from_buffers(type_, len(values) if count is None else count, buffers)


def ragged_array(
    data: pa.Buffer,
    positions: NDArray[np.int64],
    lengths: NDArray[np.int64],
    *,
    type_: pa.DataType,
    valid: NDArray[np.bool_] | None,
) -> pa.Array[Any]:
    """Return values of varying length as an array of utf8 or binary.

    Args:
        data: Fewer than 2 GiB.
        positions: First byte of each value.
        lengths: Bytes of each value; 0 for NULL.
        type_: ``pa.string()`` or ``pa.binary()``; text is not checked to be UTF-8.
        valid: Which values are not NULL; ``None`` when all are.
    """
    count = len(positions)
    # Every second value of an array over all the bytes; those between are never looked at.
    bounds = np.empty(2 * count + 1, np.int32)
    bounds[0:-1:2] = positions
    bounds[1::2] = positions + lengths
    bounds[-1] = data.size
    spans = pa.Array.from_buffers(
        pa.binary(), 2 * count, [None, buffer_of(bounds), data], null_count=0
    )
    every_second = np.arange(0, 2 * count, 2, dtype=np.int32)
    _, offsets, values = spans.take(every_second).buffers()
    return pa.Array.from_buffers(type_, count, [validity_buffer(valid), offsets, values])


def is_utf8(text: pa.Array[Any]) -> bool:
    """Tell whether every value of a text array without offset is valid UTF-8."""
    _, offsets, values = text.buffers()
    starts = _items(offsets, np.dtype(np.int32), len(text) + 1)
    size = int(starts[-1])
    if size == 0:
        return True
    codes = _items(values, np.dtype(np.uint8), size)
    if codes.max() < _CONTINUATION:
        return True
    # Valid as one text, and no value begins amid a character: then each is valid.
    whole = buffer_of(np.array([0, size], np.int32))
    try:
        pa.Array.from_buffers(pa.string(), 1, [None, whole, values]).validate(full=True)
    except pa.ArrowInvalid:
        return False
    first = codes[starts[starts < size]]
    return not bool(np.any((first & _CONTINUATION_MASK) == _CONTINUATION))

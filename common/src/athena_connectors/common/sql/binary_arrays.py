"""Decoder of PostgreSQL's one-dimensional arrays into lists.

An array is its number of dimensions (0 when it has no element), a flag, the element type,
the size and lower bound of each dimension, and the elements as fields of their own. Lower
bounds have no place in a list and are left out. Source: server source, ``array_send``.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from athena_connectors.common.sql.binary_cells import (
    LENGTH_BYTES,
    Decoder,
    head_layout,
    read_cells,
)
from athena_connectors.common.sql.columns import buffer_of, validity_buffer, windows

if TYPE_CHECKING:
    from athena_connectors.common.sql.cells import Cells
    from numpy.typing import NDArray

__all__ = ["list_of"]

_HEAD = head_layout(
    ("dimensions", ">i4"), ("flags", ">i4"), ("type", ">u4"), ("size", ">i4"), ("lower", ">i4")
)
_HEADER_BYTES = 20
_EMPTY_BYTES = 12
_LENGTH = head_layout()
_SCALAR_LENGTH = struct.Struct(">i")

_FEW = 32
"""Rows for which stepping through one after the other beats stepping through together."""


def list_of(element: Decoder) -> Decoder:
    """Return the decoder of arrays of a type."""

    def decode(cells: Cells, type_: pa.ListType[Any]) -> pa.Array[Any]:
        sizes = _sizes(cells)
        offsets = np.zeros(len(sizes) + 1, np.int64)
        np.cumsum(sizes, out=offsets[1:])
        positions = _element_positions(cells, sizes, offsets=offsets, width=element.width)
        elements = read_cells(cells.place, cells.data, positions, head=element.head)
        child = element.decode(elements, type_.value_type)
        buffers = [validity_buffer(cells.valid), buffer_of(offsets.astype(np.int32))]
        return pa.Array.from_buffers(type_, len(sizes), buffers, children=[child])

    return Decoder(_HEAD, decode)


def _sizes(cells: Cells) -> NDArray[np.int64]:
    """Return the number of elements of each array; 0 for NULL."""
    _refuse_short(cells, cells.valid_and(cells.lengths < _EMPTY_BYTES))
    dimensions = cells.head["dimensions"].astype(np.int64)
    cells.clear(dimensions)
    most = int(dimensions.max(initial=0))
    if most > 1:
        raise cells.place.mismatch(
            f"has an array of {most} dimensions",
            hint="Athena's lists have one: cast the column in a view, as in to_json(column)::text.",
        )
    sizes = np.where(dimensions == 1, cells.head["size"], 0).astype(np.int64)
    headers = np.where(dimensions == 0, _EMPTY_BYTES, _HEADER_BYTES)
    cells.clear(headers)
    spare = cells.lengths - headers - sizes * LENGTH_BYTES
    _refuse_short(cells, (dimensions < 0) | (sizes < 0) | (spare < 0))
    if np.any(spare[sizes == 0]):
        raise cells.place.malformed("an array without elements that is longer than its header")
    return sizes


def _refuse_short(cells: Cells, short: NDArray[np.bool_]) -> None:
    if np.any(short):
        raise cells.place.malformed("an array that is shorter than its own header says")


def _element_positions(
    cells: Cells, sizes: NDArray[np.int64], *, offsets: NDArray[np.int64], width: int | None
) -> NDArray[np.int64]:
    """Return where the length of each element stands.

    Args:
        cells: The arrays.
        sizes: Elements of each array.
        offsets: Index of each array's first element, and behind the last their number.
        width: Bytes of every element that is not NULL, if they all have the same.
    """
    starts, first, total = cells.positions + _HEADER_BYTES, offsets[:-1], int(offsets[-1])
    result = np.empty(total, np.int64)
    walked = np.flatnonzero(sizes)
    if width is not None:
        stride = width + LENGTH_BYTES
        # As long as can be, so no element is NULL and all are as far from each other.
        regular = cells.lengths == sizes * stride + _HEADER_BYTES
        result = np.repeat(starts - first * stride, sizes)
        result += np.arange(total) * stride
        walked = walked[~regular[walked]]
    _walk(cells, walked, starts=starts, sizes=sizes, first=first, result=result)
    return result


def _walk(
    cells: Cells,
    rows: NDArray[np.intp],
    *,
    starts: NDArray[np.int64],
    sizes: NDArray[np.int64],
    first: NDArray[np.int64],
    result: NDArray[np.int64],
) -> None:
    """Find the elements of some arrays by going from each to the next, the longest first."""
    rows = rows[np.argsort(-sizes[rows])]
    cursors, targets, shrinking = starts[rows], first[rows], -sizes[rows]
    try:
        step, active = 0, len(rows)
        while active > _FEW:
            cursor = cursors[:active]
            result[targets[:active] + step] = cursor
            lengths = windows(cells.data, cursor, _LENGTH)["length"].astype(np.int64)
            cursor += np.maximum(lengths, 0) + LENGTH_BYTES
            step += 1
            active = int(np.searchsorted(shrinking, -step))
        for row in range(active):
            target = int(targets[row])
            span = slice(target + step, target - int(shrinking[row]))
            result[span], cursors[row] = _steps(
                cells.data, int(cursors[row]), span.stop - span.start
            )
    except (IndexError, struct.error) as error:
        raise cells.place.malformed("an element that ends behind its array") from error
    if not np.array_equal(cursors, (cells.positions + cells.lengths)[rows]):
        raise cells.place.malformed("an array that is not as long as its elements")


def _steps(data: pa.Buffer, position: int, count: int) -> tuple[list[int], int]:
    """Return the positions of so many elements and the position behind the last."""
    positions = []
    for _ in range(count):
        positions.append(position)
        (length,) = _SCALAR_LENGTH.unpack_from(data, position)
        position += LENGTH_BYTES + max(length, 0)
    return positions, position

"""The values of one column in PostgreSQL's binary COPY format, before they are decoded.

Every field is an int32 length, -1 for NULL, and so many bytes. Source: PostgreSQL manual,
COPY, "Binary Format"; the bytes of each type are what its ``send`` function writes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from athena_connectors.common.sql.cells import Cells
from athena_connectors.common.sql.columns import windows

if TYPE_CHECKING:
    from collections.abc import Callable

    import pyarrow as pa
    from athena_connectors.common.sql.answers import ColumnPlace
    from numpy.typing import NDArray

__all__ = ["LENGTH_BYTES", "Decoder", "head_layout", "read_cells"]

LENGTH_BYTES = 4


class Decoder(NamedTuple):
    """How the values of a type become Arrow.

    Attributes:
        head: Layout of the length and the first bytes of a value, as far as ``decode``
            wants to see them without a gather of its own.
        decode: Makes the array; the type is the column's, and suits the decoder.
        width: Bytes of every value, or ``None`` when they vary.
    """

    head: np.dtype[Any]
    decode: Callable[[Cells, Any], pa.Array[Any]]
    width: int | None = None


def head_layout(*fields: tuple[str, str] | tuple[str, str, tuple[int, ...]]) -> np.dtype[Any]:
    """Return the layout of a value's length and the fields that follow it."""
    return np.dtype([("length", ">i4"), *fields])


def read_cells(
    place: ColumnPlace, data: pa.Buffer, offsets: NDArray[np.int64], *, head: np.dtype[Any]
) -> Cells:
    """Read the values whose lengths stand at some offsets.

    Raises:
        IndexError: An offset is outside the data.
        SourceError: A length is below -1.
    """
    heads = windows(data, offsets, head)
    lengths = heads["length"].astype(np.int64)
    lowest = int(lengths.min(initial=0))
    valid = None
    if lowest < 0:
        if lowest < -1:
            raise place.malformed(f"a value of {lowest} bytes")
        valid = lengths >= 0
        np.maximum(lengths, 0, out=lengths)
    return Cells(place, data, heads, offsets + LENGTH_BYTES, lengths, valid)

"""The values of one column in PostgreSQL's binary COPY format, before they are decoded.

Every field is an int32 length, -1 for NULL, and so many bytes. Source: PostgreSQL manual,
COPY, "Binary Format"; the bytes of each type are what its ``send`` function writes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from athena_connectors.common.errors import DataConversionError, SourceError
from athena_connectors.common.sql.columns import windows

if TYPE_CHECKING:
    from collections.abc import Callable

    import pyarrow as pa
    from numpy.typing import NDArray

__all__ = ["LENGTH_BYTES", "Cells", "ColumnPlace", "Decoder", "head_layout", "read_cells"]

LENGTH_BYTES = 4


class ColumnPlace(NamedTuple):
    """Names a column in errors."""

    table: str
    column: str

    def mismatch(self, fact: str, *, hint: str) -> DataConversionError:
        """Return the error for a value that does not fit; the fact continues the name."""
        return DataConversionError(
            f"Column {self.column!r} of {self.table} {fact}.",
            hint=hint,
            table=self.table,
            column=self.column,
        )

    def malformed(self, fact: str) -> SourceError:
        """Return the error for bytes that are not what the format says."""
        return SourceError(
            f"The answer for column {self.column!r} of {self.table} is malformed: {fact}.",
            hint="Run the query again; if it fails again, something between this function and"
            " the server changes its answer.",
            table=self.table,
            column=self.column,
        )


@dataclass(frozen=True, slots=True)
class Cells:
    """All values of one column, or all elements of a column of arrays.

    Attributes:
        place: The column, for errors.
        data: The bytes that the positions are about.
        head: Length and first bytes of each value, in the layout of its decoder; behind
            the value's own end, and for NULL behind the length, they are anything.
        positions: First byte of each value.
        lengths: Bytes of each value; 0 for NULL.
        valid: Which values are not NULL; ``None`` when all are.
    """

    place: ColumnPlace
    data: pa.Buffer
    head: NDArray[Any]
    positions: NDArray[np.int64]
    lengths: NDArray[np.int64]
    valid: NDArray[np.bool_] | None

    def require_width(self, width: int) -> None:
        """Check that every value has so many bytes.

        Raises:
            DataConversionError: One has not; the column's type is not the expected one.
        """
        fitting = np.count_nonzero(self.lengths == width)
        expected = len(self.lengths) if self.valid is None else np.count_nonzero(self.valid)
        if fitting != expected:
            raise self.place.mismatch(
                f"has values that are not {width} bytes wide, as its type says",
                hint="Its type may have been changed meanwhile: run the query again.",
            )

    def clear(self, values: NDArray[Any]) -> None:
        """Set the values of NULLs to 0, so that equal rows have equal bytes."""
        if self.valid is not None:
            np.putmask(values, ~self.valid, 0)

    def valid_and(self, condition: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Return which values are neither NULL nor fail a condition."""
        return condition if self.valid is None else self.valid & condition


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

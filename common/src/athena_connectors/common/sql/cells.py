"""The values of one column in a server's binary answer, before they are decoded."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from athena_connectors.common.sql.answers import CHANGED_TYPE_HINT

if TYPE_CHECKING:
    import pyarrow as pa
    from athena_connectors.common.sql.answers import ColumnPlace
    from numpy.typing import NDArray

__all__ = ["Cells"]


@dataclass(frozen=True, slots=True)
class Cells:
    """All values of one column, or all elements of a column of arrays.

    Attributes:
        place: The column, for errors.
        data: The bytes that the positions are about.
        head: Length and first bytes of each value, in the layout that its decoder wants;
            behind the value's own end, and for NULL, they are anything.
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
                hint=CHANGED_TYPE_HINT,
            )

    def clear(self, values: NDArray[Any]) -> None:
        """Set the values of NULLs to 0, so that equal rows have equal bytes."""
        if self.valid is not None:
            np.putmask(values, ~self.valid, 0)

    def valid_and(self, condition: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Return which values are neither NULL nor fail a condition."""
        return condition if self.valid is None else self.valid & condition

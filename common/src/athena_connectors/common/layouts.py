"""Table layouts, whose columns a connector gets back when splits are planned."""

from __future__ import annotations

from typing import TYPE_CHECKING

from athena_connectors.common.errors import InvalidRequestError

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pyarrow as pa

__all__ = ["require_columns"]


def require_columns(partitions: pa.RecordBatch, names: Iterable[str]) -> None:
    """Check that a layout has the columns that the connector gave it.

    Args:
        partitions: What came back.
        names: The columns.

    Raises:
        InvalidRequestError: One is missing.
    """
    missing = [name for name in names if name not in partitions.schema.names]
    if missing:
        raise InvalidRequestError(
            f"The table layout lacks column {missing[0]}, which the connector gave it.",
            hint="Run the query again.",
        )

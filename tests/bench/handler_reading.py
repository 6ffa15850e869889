"""A table read through the Lambda handler, one split, as Athena would ask for it."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from athena_connectors.common.constraints import Constraints
from athena_connectors.common.testing.client import ProtocolClient, TableScan
from athena_connectors.common.testing.transport import InProcess
from athena_connectors.common.valueset import Range, SortedRangeSet

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from athena_connectors.common.handler import LambdaHandler
    from athena_connectors.common.protocol.messages import S3SpillLocation, TableName

__all__ = ["TableReading", "first_rows"]


class _NoSpill:
    """Gives nothing back: whoever spills here does not look at it again."""

    def get(self, location: S3SpillLocation) -> bytes:
        raise FileNotFoundError(location.key)


class TableReading:
    """Plans the read of a table, so that what follows is the read alone.

    Args:
        handler: The function.
        settings: Its variables; with a place to spill to if ``upload`` is wanted.
        table: The table, which has to be read in one split.
        columns: Columns to read; all if ``None``.
        constraints: Which rows.
    """

    def __init__(
        self,
        handler: LambdaHandler,
        settings: Mapping[str, str],
        table: TableName,
        columns: Sequence[str] | None = None,
        *,
        constraints: Constraints | None = None,
    ) -> None:
        self._transport = InProcess(handler, settings=settings)
        self._client = ProtocolClient("bench", self._transport, spill=_NoSpill())
        description = self._client.describe(table)
        known = description.schema
        self._scan = TableScan(
            table,
            known,
            description.partitionColumns,
            pa.schema([known.field(name) for name in columns or known.names]),
            constraints or Constraints(),
            query_id=str(uuid.uuid4()),
        )
        (self._split,) = self._client.splits(self._scan)

    def inline(self) -> pa.RecordBatch:
        """Return the rows of a reply that holds them all."""
        (batch,) = self._client.read(self._scan, self._split).batches
        return batch

    def upload(self) -> int:
        """Let the handler read and upload everything; return the number of rows."""
        event: dict[str, Any] = self._client.read_event(self._scan, self._split)
        self._transport.send(event)
        report = self._transport.last_report()
        assert report is not None
        return report.stats.rows_returned


def first_rows(rows: int | None) -> Constraints:
    """Return the constraints for ids up to a number; for all rows if it is ``None``."""
    if rows is None:
        return Constraints()
    values = SortedRangeSet.of(pa.int64(), [Range.at_most(rows)], null_allowed=False)
    return Constraints({"id": values})

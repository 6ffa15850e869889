"""A table read through the Lambda handler, one split, as Athena would ask for it."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from athena_connectors.common.constraints import Constraints
from athena_connectors.common.testing.client import ProtocolClient, TableScan
from athena_connectors.common.testing.transport import InProcess
from athena_connectors.common.valueset import Range, SortedRangeSet
from athena_connectors.jdbc_postgres.app import handler

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from athena_connectors.common.protocol.messages import S3SpillLocation, TableName
    from athena_connectors.common.testing.postgres import PostgresAddress

__all__ = ["TableReading"]


class _NoSpill:
    """Gives nothing back: whoever spills here does not look at it again."""

    def get(self, location: S3SpillLocation) -> bytes:
        raise FileNotFoundError(location.key)


class TableReading:
    """Plans the read of a table, so that what follows is the read alone.

    Args:
        address: The server.
        table: The table, with a column ``id``.
        columns: Columns to read.
        first_rows: Greatest ``id`` to read; ``None`` for all.
        spill: Variables that lead to the place to spill to; empty for none.
    """

    def __init__(
        self,
        address: PostgresAddress,
        table: TableName,
        columns: Sequence[str],
        *,
        first_rows: int | None = None,
        spill: Mapping[str, str],
    ) -> None:
        settings = {"default": address.connection_string, "max_splits": "1", **spill}
        self._transport = InProcess(handler, settings=settings)
        self._client = ProtocolClient("bench", self._transport, spill=_NoSpill())
        description = self._client.describe(table)
        self._scan = TableScan(
            table,
            description.schema,
            description.partitionColumns,
            pa.schema([description.schema.field(name) for name in columns]),
            _up_to(first_rows),
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


def _up_to(rows: int | None) -> Constraints:
    if rows is None:
        return Constraints()
    values = SortedRangeSet.of(pa.int64(), [Range.at_most(rows)], null_allowed=False)
    return Constraints({"id": values})

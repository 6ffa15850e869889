"""The connector under test: its function, asked as Athena asks it, over the wire format.

Everything that comes back has passed the checks of ``strict``. A handler answers one
request after the other, as an instance of a Lambda function does.
"""

from __future__ import annotations

import json
from copy import copy
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from athena_connectors.common.constraints import Constraints
from athena_connectors.common.protocol.codec import decode_response, encode_request
from athena_connectors.common.testing.client import (
    LOCAL_IDENTITY,
    MAX_BLOCK_BYTES,
    MAX_INLINE_BYTES,
    PLANS_SINCE,
    ProtocolClient,
    TableScan,
)
from athena_connectors.common.testing.conformance.rows import physical_rows
from athena_connectors.common.testing.conformance.sample import expected_table, table_name
from athena_connectors.common.testing.folder_store import FolderStore
from athena_connectors.common.testing.strict import check_reply

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from pathlib import Path

    from athena_connectors.common.handler import Explanation, LambdaHandler
    from athena_connectors.common.protocol import messages as m
    from athena_connectors.common.testing.client import SplitRows
    from athena_connectors.common.testing.conformance.rows import Row
    from athena_connectors.common.testing.conformance.sample import Expected, Sample
    from athena_connectors.common.testing.conformance.supports import Supports
    from athena_connectors.common.testing.faults import RemainingTime

__all__ = ["BUCKET", "EVERYTHING", "PLANS", "VERSIONS", "WAYS", "Route", "Subject", "rows_of"]

Event = dict[str, Any]

VERSIONS = (2, 3, 4, 5, 6)
"""SerDe versions that Athena may speak."""
CONSTRAINTS, PLANS = WAYS = ("constraints", "plans")
"""How predicates, orders and limits come: as members of the request, or in a query plan."""
QUERY_ID = "00000000-0000-4000-8000-000000000000"
BUCKET = "conformance"
EVERYTHING = Constraints()


class _Instance:
    """A transport to one handler."""

    def __init__(self, handler: LambdaHandler, context: RemainingTime | None) -> None:
        self._handler = handler
        self._context = context

    def send(self, event: Event) -> Event:
        return _plain(self._handler(_plain(event), self._context))

    def explain(self, event: Event) -> Explanation:
        return self._handler.explain(_plain(event))

    def close(self) -> None:
        self._handler.close()


@dataclass(frozen=True, slots=True)
class Route:
    """A way to the function.

    Attributes:
        client: The engine's side, which checks every reply.
        instance: The function's side.
        identity: Who asks.
    """

    client: ProtocolClient
    instance: _Instance
    identity: m.Identity = LOCAL_IDENTITY

    def ask(self, make: Callable[..., m.Request], **members: Any) -> m.Response:
        """Send one request that the client has no method for, and return its reply.

        Args:
            make: Class of the request.
            members: Its members but identity, query and catalog.
        """
        request = make(
            identity=self.identity, queryId=QUERY_ID, catalogName=self.client.catalog, **members
        )
        event = encode_request(request, self.client.version)
        reply = self.instance.send(event)
        check_reply(_plain(event), reply, version=self.client.version)
        return decode_response(reply)

    def explain(self, scan: TableScan, split: m.Split) -> Explanation:
        """Return how the function would read a split."""
        return self.instance.explain(self.client.read_event(scan, split))

    def read(self, scan: TableScan) -> list[SplitRows]:
        """Read every split of a scan."""
        return [self.client.read(scan, split) for split in list(self.client.splits(scan))]

    def rows(self, scan: TableScan) -> list[Row]:
        """Return all rows of a scan."""
        return rows_of(self.read(scan))


def rows_of(splits: Iterable[SplitRows]) -> list[Row]:
    """Return the rows of some splits, in the order in which they came."""
    batches = (batch for split in splits for batch in split.batches)
    return [row for batch in batches for row in physical_rows(batch)]


class Subject:
    """A connector with a sample of its source.

    Args:
        sample: What it is tried on.
        supports: What it is said to do.
        folder: An empty folder for what is spilled.

    Attributes:
        folder: That folder.
        tables: The tables whose content is known.
        route: The usual way to the function, in the newest version that it knows.
    """

    def __init__(self, sample: Sample, supports: Supports, *, folder: Path) -> None:
        self.sample = sample
        self.supports = supports
        self.folder = folder
        self.tables = _expected(sample)
        assert self.tables, "The sample has no table."
        self._handlers: dict[object, LambdaHandler] = {}
        self._described: dict[m.TableName, m.GetTableResponse] = {}
        self.route = self.open()

    @property
    def settings(self) -> dict[str, str]:
        """The function's environment variables."""
        return {"spill_bucket": BUCKET, **self.sample.settings}

    def open(
        self,
        *,
        version: int | None = None,
        plans: bool = False,
        settings: Mapping[str, str] | None = None,
        store: FolderStore | None = None,
        context: RemainingTime | None = None,
        max_block_bytes: int = MAX_BLOCK_BYTES,
        max_inline_bytes: int = MAX_INLINE_BYTES,
        identity: m.Identity = LOCAL_IDENTITY,
    ) -> Route:
        """Return a way to the function; ``close`` closes it.

        Args:
            version: SerDe version to speak; the newest that the function knows if ``None``.
            plans: Whether predicates, orders and limits are sent as query plans.
            settings: Environment variables beside those of the sample.
            store: Where is spilled to, instead of the folder.
            context: What Lambda tells the function of its remaining time.
            max_block_bytes: Largest block that is asked for.
            max_inline_bytes: Largest inline block that is asked for, exclusive.
            identity: Who asks.
        """
        spill = store or FolderStore(self.folder)
        instance = _Instance(self._handler(settings or {}, store), context)
        client = ProtocolClient(
            self.sample.catalog,
            instance,
            spill=spill,
            serde=version,
            plans=plans,
            max_block_bytes=max_block_bytes,
            max_inline_bytes=max_inline_bytes,
            identity=identity,
        )
        return Route(client, instance, identity)

    def asked_by(self, way: str) -> Subject:
        """Return the subject as it is asked by one of ``WAYS``."""
        if way == CONSTRAINTS:
            return self
        asked = copy(self)
        asked.route = self.open(plans=True)
        return asked

    @property
    def reads_plans(self) -> bool:
        """Whether the function says that it reads query plans."""
        return self.route.client.ping().serDeVersion >= PLANS_SINCE

    @property
    def filled(self) -> tuple[Expected, ...]:
        """The tables that have rows."""
        found = tuple(table for table in self.tables if table.rows)
        assert found, "No table of the sample has a row."
        return found

    def scan(
        self,
        table: Expected,
        columns: Sequence[str] | None = None,
        *,
        constraints: Constraints = EVERYTHING,
    ) -> TableScan:
        """Return a scan of a table.

        Args:
            table: What is read.
            columns: Columns in the order in which they are wanted; all if ``None``.
            constraints: What is pushed.
        """
        described = self.describe(table)
        schema = described.schema
        names = schema.names if columns is None else columns
        projected = pa.schema([schema.field(name) for name in names])
        return TableScan(
            table.name, schema, described.partitionColumns, projected, constraints, QUERY_ID
        )

    def describe(self, table: Expected) -> m.GetTableResponse:
        """Return what the function says of a table; asked for once."""
        if table.name not in self._described:
            self._described[table.name] = self.route.client.describe(table.name)
        return self._described[table.name]

    def forget(self) -> None:
        """Start with new handlers, as a copy with another sample has to."""
        self._handlers, self._described = {}, {}
        self.route = self.open()

    def close(self) -> None:
        """Close every handler."""
        while self._handlers:
            self._handlers.popitem()[1].close()

    def _handler(self, settings: Mapping[str, str], store: FolderStore | None) -> LambdaHandler:
        key = tuple(sorted(settings.items())), store
        if key not in self._handlers:
            self._handlers[key] = self.sample.handler.with_environment(
                {**self.settings, **settings}, store=store or FolderStore(self.folder)
            )
        return self._handlers[key]


def _expected(sample: Sample) -> tuple[Expected, ...]:
    return tuple(
        expected_table(
            table_name(name),
            content,
            partition_columns=sample.partition_columns.get(name, ()),
            source_types=sample.source_types.get(name),
        )
        for name, content in sample.tables.items()
    )


def _plain(event: Event) -> Event:
    """Return what JSON leaves of an object."""
    plain: Event = json.loads(json.dumps(event))
    return plain

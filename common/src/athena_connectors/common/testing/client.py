"""The engine's side of the protocol: what Athena asks of a function, in its order.

Every reply is checked as strictly as the Java reader would (see ``strict``) before it is
decoded. A client serves several threads.

Source: wire protocol, section 21.
"""

from __future__ import annotations

import json
import threading
import time
import uuid
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Protocol

from athena_connectors.common.capabilities import Capabilities
from athena_connectors.common.constraints import Constraints
from athena_connectors.common.crypto import decrypt_block
from athena_connectors.common.protocol import messages as m
from athena_connectors.common.protocol.arrow import read_batch_message
from athena_connectors.common.protocol.codec import decode_response, encode_request
from athena_connectors.common.testing.engine_errors import EngineProtocolError, QueryError
from athena_connectors.common.testing.strict import check_reply, check_spilled

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import pyarrow as pa
    from athena_connectors.common.testing.transport import Transport

__all__ = ["ProtocolClient", "S3Reader", "SpillReader", "SplitRows", "TableScan"]

NEWEST_VERSION = 6
OLDEST_VERSION = 2
CAPABILITIES_SINCE = 4
PLANS_SINCE = 6
"""SerDe version that brought query plans."""
PASSTHROUGH_SINCE = 5
MAX_BLOCK_BYTES = 16_000_000
MAX_INLINE_BYTES = 5_242_880
LOCAL_IDENTITY = m.Identity(account="000000000000", arn="arn:aws:iam::000000000000:user/local")

Event = dict[str, Any]


class SpillReader(Protocol):
    """Gives spilled objects back; used from several threads."""

    def get(self, location: m.S3SpillLocation) -> bytes:
        """Return an object's bytes."""


class S3Reader:
    """Reads spilled objects from S3.

    Args:
        environ: Where region and endpoint are looked for (see ``AwsClients``).
    """

    def __init__(self, environ: Mapping[str, str]) -> None:
        from athena_connectors.common.aws import AwsClients  # noqa: PLC0415

        self._clients = AwsClients(environ)

    def get(self, location: m.S3SpillLocation) -> bytes:
        """Return an object's bytes.

        Raises:
            ConnectorError: It can't be read.
        """
        from athena_connectors.common.aws_errors import aws_errors, translate  # noqa: PLC0415

        client = self._clients.client("s3")
        try:
            reply = client.get_object(Bucket=location.bucket, Key=location.key)
            data: bytes = reply["Body"].read()
        except aws_errors() as cause:
            raise translate(
                cause, action="s3:GetObject", resource=f"s3://{location.bucket}/{location.key}"
            ) from cause
        return data


@dataclass(frozen=True, slots=True)
class TableScan:
    """One scan, as all its requests name it.

    Attributes:
        table: Folded name.
        schema: The whole table.
        partition_columns: As ``GetTableResponse`` told them.
        projected: The columns to read; may have none.
        constraints: What is pushed.
        query_id: Athena's query.
    """

    table: m.TableName
    schema: pa.Schema
    partition_columns: tuple[str, ...]
    projected: pa.Schema
    constraints: Constraints = field(default_factory=Constraints)
    query_id: str = ""


@dataclass(frozen=True, slots=True)
class SplitRows:
    """All rows of one split.

    Attributes:
        batches: Batches with the projected schema, physical values (see ``valueset``).
        rows: Their number of rows.
        size: Bytes of the blocks, encrypted or in base64 as they came.
        seconds: Time from the request to the last block.
        spill_objects: Objects fetched; 0 for an inline reply.
    """

    batches: tuple[pa.RecordBatch, ...]
    rows: int
    size: int
    seconds: float
    spill_objects: int


class ProtocolClient:
    """Speaks to the function of one catalog.

    Args:
        catalog: Name of the catalog, sent with each request.
        transport: The way to the function.
        spill: Gives spilled objects back.
        serde: SerDe version to speak, 2 to 6, whatever the function advertises; the newest
            that both know when ``None``.
        plans: Whether predicates, orders and limits are sent as query plans, if the function
            says that it reads them.
        identity: Who asks.
        max_block_bytes: Largest block wanted.
        max_inline_bytes: Largest inline block wanted.
    """

    def __init__(
        self,
        catalog: str,
        transport: Transport,
        *,
        spill: SpillReader,
        serde: int | None = None,
        plans: bool = False,
        identity: m.Identity = LOCAL_IDENTITY,
        max_block_bytes: int = MAX_BLOCK_BYTES,
        max_inline_bytes: int = MAX_INLINE_BYTES,
    ) -> None:
        self.catalog = catalog
        self.transport = transport
        self._spill = spill
        self._serde = serde
        self.plans = plans
        self._identity = identity
        self._max_block_bytes = max_block_bytes
        self._max_inline_bytes = max_inline_bytes
        self._lock = threading.Lock()
        self._version: int | None = None
        self._advertised = 0
        self._capabilities: Capabilities | None = None

    def ping(self) -> m.PingResponse:
        """Ask who is there."""
        request = m.PingRequest(self._identity, self.catalog, _new_id())
        reply = self._send(encode_request(request, self._serde or NEWEST_VERSION), NEWEST_VERSION)
        assert isinstance(reply, m.PingResponse)
        return reply

    @property
    def version(self) -> int:
        """The SerDe version that is spoken; asked for once.

        Raises:
            EngineProtocolError: The function speaks none that we know.
        """
        with self._lock:
            if self._version is None:
                self._advertised = self.ping().serDeVersion
                self._version = self._serde or min(NEWEST_VERSION, self._advertised)
                if self._version < OLDEST_VERSION:
                    raise EngineProtocolError(
                        f"is {self._advertised}, known are {OLDEST_VERSION} to {NEWEST_VERSION}",
                        reply="PingResponse",
                        member="serDeVersion",
                    )
            return self._version

    def capabilities(self) -> Capabilities:
        """Return what the function claims, asked for once; nothing below SerDe 4."""
        if self.version < CAPABILITIES_SINCE:
            return Capabilities()
        with self._lock:
            known = self._capabilities
        if known is None:
            request = m.GetDataSourceCapabilitiesRequest(self._identity, _new_id(), self.catalog)
            reply = self._ask(request)
            assert isinstance(reply, m.GetDataSourceCapabilitiesResponse)
            known = Capabilities.from_wire(reply.capabilities)
            with self._lock:
                self._capabilities = known
        return known

    def schemas(self) -> tuple[str, ...]:
        """Return the names of all schemas."""
        reply = self._ask(m.ListSchemasRequest(self._identity, _new_id(), self.catalog))
        assert isinstance(reply, m.ListSchemasResponse)
        return reply.schemas

    def tables(self, schema: str, *, page_size: int = -1) -> Iterator[m.TableName]:
        """Yield the names of all tables of a schema.

        Args:
            schema: Folded name.
            page_size: Names wanted in one reply; -1 for all.

        Raises:
            EngineProtocolError: A token came twice.
        """
        request = m.ListTablesRequest(
            self._identity, _new_id(), self.catalog, schema, pageSize=page_size
        )
        seen: set[str] = set()
        while True:
            reply = self._ask(request)
            assert isinstance(reply, m.ListTablesResponse)
            yield from reply.tables
            if reply.nextToken is None:
                return
            _check_token(reply.nextToken, seen, "ListTablesResponse.nextToken")
            request = replace(request, nextToken=reply.nextToken)

    def describe(
        self, table: m.TableName, *, passthrough: Mapping[str, str] | None = None
    ) -> m.GetTableResponse:
        """Return the columns of a table, or of a native query's result.

        Raises:
            QueryError: A native query is asked for below SerDe 5.
        """
        if passthrough and self.version < PASSTHROUGH_SINCE:
            raise QueryError(
                f"A native query needs SerDe {PASSTHROUGH_SINCE}, spoken is {self.version}.",
                hint="Leave --serde out, or query the tables.",
            )
        reply = self._ask(
            m.GetTableRequest(self._identity, _new_id(), self.catalog, table, passthrough or {})
        )
        assert isinstance(reply, m.GetTableResponse)
        return reply

    def layout(self, scan: TableScan) -> pa.RecordBatch:
        """Return one row for each partition to read."""
        reply = self._ask(self._layout_request(scan, scan.schema))
        assert isinstance(reply, m.GetTableLayoutResponse)
        return reply.partitions

    def layout_event(self, scan: TableScan) -> Event:
        """Return the request for a layout, of the columns that are read, as it is sent."""
        return encode_request(self._layout_request(scan, scan.projected), self.version)

    def splits(self, scan: TableScan) -> Iterator[m.Split]:
        """Yield all splits of a scan, page by page.

        Raises:
            EngineProtocolError: A token came twice.
        """
        partitions = self.layout(scan)
        if partitions.num_rows == 0:
            return
        request = m.GetSplitsRequest(
            self._identity,
            scan.query_id,
            self.catalog,
            scan.table,
            partitions,
            scan.partition_columns,
            self._constraints(scan),
        )
        seen: set[str] = set()
        while True:
            reply = self._ask(request)
            assert isinstance(reply, m.GetSplitsResponse)
            yield from reply.splits
            if reply.continuationToken is None:
                return
            _check_token(reply.continuationToken, seen, "GetSplitsResponse.continuationToken")
            request = replace(request, continuationToken=reply.continuationToken)

    def read_event(self, scan: TableScan, split: m.Split) -> Event:
        """Return the request that reads a split, as it is sent."""
        request = m.ReadRecordsRequest(
            self._identity,
            scan.query_id,
            self.catalog,
            scan.table,
            scan.projected,
            split,
            self._constraints(scan),
            self._max_block_bytes,
            self._max_inline_bytes,
        )
        return encode_request(request, self.version)

    def read(self, scan: TableScan, split: m.Split) -> SplitRows:
        """Read a split: its inline block, or all its spilled ones.

        Raises:
            EngineProtocolError: A block is not what was asked for.
        """
        start = time.perf_counter()
        event = self.read_event(scan, split)
        raw = self._checked(event, self.version)
        reply = decode_response(raw)
        if isinstance(reply, m.ReadRecordsResponse):
            batches, size, objects = [reply.records], len(raw["records"]["records"]), 0
        else:
            assert isinstance(reply, m.RemoteReadRecordsResponse)
            blocks = [self._fetch(location, reply) for location in reply.remoteBlocks]
            batches = [batch for batch, _ in blocks]
            size, objects = sum(length for _, length in blocks), len(blocks)
        return SplitRows(
            tuple(batches),
            sum(batch.num_rows for batch in batches),
            size,
            time.perf_counter() - start,
            objects,
        )

    def _fetch(
        self, location: m.S3SpillLocation, reply: m.RemoteReadRecordsResponse
    ) -> tuple[pa.RecordBatch, int]:
        stored = self._spill.get(location)
        key = reply.encryptionKey
        data = stored if key is None else decrypt_block(stored, key)
        check_spilled(data, key=location.key)
        return read_batch_message(data, reply.schema), len(stored)

    def _layout_request(self, scan: TableScan, columns: pa.Schema) -> m.GetTableLayoutRequest:
        return m.GetTableLayoutRequest(
            self._identity,
            scan.query_id,
            self.catalog,
            scan.table,
            self._constraints(scan),
            columns,
            scan.partition_columns,
        )

    def _constraints(self, scan: TableScan) -> Constraints:
        if not self.plans or self.version < PLANS_SINCE or self._advertised < PLANS_SINCE:
            return scan.constraints
        # Loads what writes plans, which few need.
        from athena_connectors.common.testing.plans import in_a_plan  # noqa: PLC0415

        return in_a_plan(scan.constraints, scan.table, scan.schema)

    def _ask(self, request: m.Request) -> m.Response:
        version = self.version
        return self._send(encode_request(request, version), version)

    def _send(self, event: Event, version: int) -> m.Response:
        return decode_response(self._checked(event, version))

    def _checked(self, event: Event, version: int) -> Event:
        reply = self.transport.send(event)
        check_reply(json.loads(json.dumps(event)), reply, version=version)
        return reply


def _new_id() -> str:
    return str(uuid.uuid4())


def _check_token(token: str, seen: set[str], member: str) -> None:
    if token in seen:
        reply, name = member.split(".")
        raise EngineProtocolError("came twice: the pages go in a circle", reply=reply, member=name)
    seen.add(token)

"""What answers each request of the protocol, between the codec and the connector."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from athena_connectors.common.config import load_settings
from athena_connectors.common.connector import Scan
from athena_connectors.common.deadline import ReadGuard, read_deadline
from athena_connectors.common.errors import InvalidRequestError, UnsupportedOperationError
from athena_connectors.common.findings import told
from athena_connectors.common.memory import keep_freed_memory
from athena_connectors.common.naming import exposed_names
from athena_connectors.common.observability import SplitStats, log_split
from athena_connectors.common.planning import plan_layout, plan_split_page
from athena_connectors.common.protocol import messages as m
from athena_connectors.common.reading import plan_read, read_split
from athena_connectors.common.spill import BlockSpiller, SpillSettings, new_spill_location
from athena_connectors.common.tables import Table, TableCache

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    import pyarrow as pa
    from athena_connectors.common.aws import AwsClients
    from athena_connectors.common.connector import Connector, Decision
    from athena_connectors.common.crypto import KmsKeys
    from athena_connectors.common.findings import Finding
    from athena_connectors.common.inference import InferredTable
    from athena_connectors.common.query_status import QueryStatusChecker
    from athena_connectors.common.spill import SpillStore

__all__ = ["Explanation", "Service", "SplitReport", "admit"]

CAPABILITIES_VERSION = 24
"""What Ping answers for ``capabilities``: explicit, versioned serialisation."""
SERDE_VERSION = 5
"""Version 6 would oblige us to read query plans, which we do not yet."""
MAX_NAME_BYTES = 5_000_000
"""Names of one unlimited listing; more are paged, as a reply is limited to 6 MiB."""


@dataclass(frozen=True, slots=True)
class SplitReport:
    """What the read of one split cost."""

    table: m.TableName
    split: m.Split
    stats: SplitStats


@dataclass(frozen=True, slots=True)
class Explanation:
    """How one split would be read.

    Attributes:
        native: The text that goes to the source.
        decisions: What becomes of each conjunct, in the source's spelling of names.
        limit_pushed: Whether the source applies the limit.
        order_pushed: Whether the source applies the order.
        limit_reason: Why not, when not.
    """

    native: str
    decisions: tuple[Decision, ...]
    limit_pushed: bool
    order_pushed: bool
    limit_reason: str


def admit(scan: Scan) -> Scan:
    """Decide whether and how the caller may run a scan, before anything is planned.

    Every scan passes here, when its layout, its splits and its rows are asked for, and
    ``scan.identity`` is known. What this returns is what is planned and read: rules that
    deny a table, hide a column or add a row filter belong here.
    """
    return scan


class Service:
    """Answers decoded requests for one connector.

    Args:
        connector: The root connector; ``for_catalog`` gives that of each catalog.
        environ: The function's variables.
        store: Where blocks are spilled to; S3 by default.
        observer: Told what each split cost.
    """

    def __init__(
        self,
        connector: Connector,
        environ: Mapping[str, str],
        *,
        store: SpillStore | None,
        observer: Callable[[SplitReport], None] | None,
    ) -> None:
        keep_freed_memory()
        self._root = connector
        self._environ = environ
        self._spill = load_settings(SpillSettings, environ)
        self._given_store = store
        self._observer = observer
        self._caches: dict[str, TableCache] = {}
        self._clients: AwsClients | None = None
        self._kms: KmsKeys | None = None
        self._s3_store: SpillStore | None = None
        self._in_use: Connector | None = None

    def answer(self, request: m.Request, *, remaining_ms: int | None) -> m.Response:
        """Answer one request.

        Args:
            request: The decoded request.
            remaining_ms: Milliseconds until the function is killed, if it will be.

        Raises:
            ConnectorError: Whatever went wrong.
        """
        match request:
            case m.PingRequest():
                return self._ping(request)
            case m.ListSchemasRequest():
                return self._list_schemas(request)
            case m.ListTablesRequest():
                return self._list_tables(request)
            case m.GetTableRequest():
                return self._get_table(request)
            case m.GetDataSourceCapabilitiesRequest():
                claims = self._connector(request.catalogName).capabilities()
                return m.GetDataSourceCapabilitiesResponse(request.catalogName, claims.to_wire())
            case m.GetTableLayoutRequest():
                return self._get_table_layout(request, remaining_ms)
            case m.GetSplitsRequest():
                return self._get_splits(request)
            case m.ReadRecordsRequest():
                return self._read_records(request, remaining_ms)
            case m.UserDefinedFunctionRequest():
                raise UnsupportedOperationError(
                    f"User defined function {request.methodName!r} is not supported.",
                    hint="This function serves tables only: call the UDF's own Lambda.",
                )

    def explain(self, request: m.ReadRecordsRequest) -> Explanation:
        """Return how a split would be read, without reading it."""
        connector = self._connector(request.catalogName)
        scan = self._read_scan(request, deadline=None)
        planned = plan_read(connector, scan, max_sort_bytes=request.maxBlockSize)
        pushdown = planned.pushdown
        return Explanation(
            native=connector.native_query(planned.scan, request.split),
            decisions=pushdown.decisions,
            limit_pushed=pushdown.limit_pushed,
            order_pushed=pushdown.order_pushed,
            limit_reason=pushdown.limit_reason,
        )

    def health(self, catalog: str) -> Iterator[Finding]:
        """Yield the findings about AWS, then the connector's about a catalog."""
        from athena_connectors.common.health import aws_findings  # noqa: PLC0415

        yield from aws_findings(self._environ, spills=self._given_store is None)
        yield from told("source", self._source_health(catalog))

    def infer_table(self, catalog: str, name: m.TableName) -> tuple[m.TableName, InferredTable]:
        """Return a table's own name, and its columns by a fresh sample."""
        connector = self._connector(catalog)
        resolved = connector.resolve_table(name)
        return resolved, connector.infer_table(resolved)

    def release(self) -> None:
        """Leave nothing open that should not outlive the invocation."""
        if self._in_use is not None:
            self._in_use.release()
            self._in_use = None

    def close(self) -> None:
        """Close everything; the instance is not used again."""
        self.release()
        self._root.close()

    def _connector(self, catalog: str) -> Connector:
        self._in_use = self._root.for_catalog(catalog)
        return self._in_use

    def _source_health(self, catalog: str) -> Iterator[Finding]:
        yield from self._connector(catalog).health()

    def _tables(self, catalog: str) -> TableCache:
        connector = self._connector(catalog)
        if catalog not in self._caches:
            self._caches[catalog] = TableCache(connector)
        return self._caches[catalog]

    def _ping(self, request: m.PingRequest) -> m.PingResponse:
        return m.PingResponse(
            catalogName=request.catalogName,
            queryId=request.queryId,
            sourceType=self._connector(request.catalogName).source_type,
            capabilities=CAPABILITIES_VERSION,
            serDeVersion=SERDE_VERSION,
        )

    def _list_schemas(self, request: m.ListSchemasRequest) -> m.ListSchemasResponse:
        names = sorted(self._connector(request.catalogName).list_schemas())
        return m.ListSchemasResponse(request.catalogName, tuple(_shown(names)))

    def _list_tables(self, request: m.ListTablesRequest) -> m.ListTablesResponse:
        if request.pageSize == 0 or request.pageSize < -1:
            raise InvalidRequestError(
                f"pageSize {request.pageSize} of ListTables can't be served.",
                hint="Pass 1 or more, or -1 for all tables.",
            )
        connector = self._connector(request.catalogName)
        schema = connector.resolve_schema(request.schemaName)
        size = None if request.pageSize == -1 else request.pageSize
        page = connector.page_tables(schema, token=request.nextToken, page_size=size)
        if size is None and _name_bytes(page.items, request.schemaName) > MAX_NAME_BYTES:
            size = max(1, len(page.items) * MAX_NAME_BYTES // _name_bytes(page.items, schema) // 2)
            page = connector.page_tables(schema, token=request.nextToken, page_size=size)
        tables = tuple(m.TableName(request.schemaName, name) for name in _shown(page.items))
        return m.ListTablesResponse(tables, request.catalogName, page.next_token)

    def _get_table(self, request: m.GetTableRequest) -> m.GetTableResponse:
        table = self._tables(request.catalogName).table(
            request.tableName, request.queryPassthroughArguments, fresh=True
        )
        return m.GetTableResponse(
            catalogName=request.catalogName,
            tableName=request.tableName,
            schema=table.exposed,
            partitionColumns=table.partition_columns,
        )

    def _get_table_layout(
        self, request: m.GetTableLayoutRequest, remaining_ms: int | None
    ) -> m.GetTableLayoutResponse:
        table = self._tables(request.catalogName).table_for(
            request.tableName, request.constraints, request.schema
        )
        scan = self._scan(request, table, schema=request.schema, deadline=_deadline(remaining_ms))
        partitions = plan_layout(self._connector(request.catalogName), scan, table)
        return m.GetTableLayoutResponse(request.catalogName, request.tableName, partitions)

    def _get_splits(self, request: m.GetSplitsRequest) -> m.GetSplitsResponse:
        table = self._tables(request.catalogName).table_for(request.tableName, request.constraints)
        scan = self._scan(request, table, schema=table.exposed)
        if self._spill.spill_bucket:
            self._store().check(self._spill.spill_bucket)

        def equip(split: m.Split) -> m.Split:
            return replace(
                split,
                spillLocation=new_spill_location(self._spill, request.identity, request.queryId),
                encryptionKey=self._new_key(),
            )

        page = plan_split_page(
            self._connector(request.catalogName),
            scan,
            table,
            partitions=request.partitions,
            token=request.continuationToken,
            equip=equip,
        )
        return m.GetSplitsResponse(request.catalogName, page.items, page.next_token)

    def _read_records(
        self, request: m.ReadRecordsRequest, remaining_ms: int | None
    ) -> m.ReadRecordsResponse | m.RemoteReadRecordsResponse:
        deadline = _deadline(remaining_ms)
        scan = self._read_scan(request, deadline=deadline)
        connector = self._connector(request.catalogName)
        guard = ReadGuard(
            deadline=deadline,
            status=self._query_status(request.queryId),
            cancel=connector.cancel,
            table=str(scan.table),
        )
        spiller = BlockSpiller(
            request.schema,
            split=request.split,
            table=str(scan.table),
            max_block_bytes=request.maxBlockSize,
            max_inline_bytes=request.maxInlineBlockSize,
            settings=self._spill,
            store=self._store() if request.split.spillLocation is not None else None,
            stats=scan.stats,
            check=guard.check,
        )
        with guard, spiller:
            read_split(
                connector,
                scan,
                request.split,
                sink=_Renaming(spiller, request.schema),
                guard=guard,
                max_sort_bytes=request.maxBlockSize,
            )
            result = spiller.finish()
        self._report(scan, request.split)
        if result.inline is not None:
            return m.ReadRecordsResponse(request.catalogName, result.inline)
        return m.RemoteReadRecordsResponse(
            catalogName=request.catalogName,
            schema=request.schema,
            remoteBlocks=result.blocks,
            encryptionKey=request.split.encryptionKey,
        )

    def _read_scan(self, request: m.ReadRecordsRequest, *, deadline: float | None) -> Scan:
        table = self._tables(request.catalogName).table_for(
            request.tableName, request.constraints, request.schema
        )
        return self._scan(
            request, table, schema=request.schema, deadline=deadline, split=request.split
        )

    def _scan(
        self,
        request: m.GetTableLayoutRequest | m.GetSplitsRequest | m.ReadRecordsRequest,
        table: Table,
        *,
        schema: pa.Schema,
        deadline: float | None = None,
        split: m.Split | None = None,
    ) -> Scan:
        return admit(
            Scan(
                table=table.name,
                schema=table.source_schema(schema),
                constraints=table.source_constraints(request.constraints),
                description=table.description,
                catalog=request.catalogName,
                query_id=request.queryId,
                identity=request.identity,
                deadline=deadline,
                split=split,
            )
        )

    def _report(self, scan: Scan, split: m.Split) -> None:
        log_split(
            scan.stats,
            catalog=scan.catalog,
            table=str(scan.table),
            query_id=scan.query_id,
            environ=self._environ,
        )
        if self._observer is not None:
            self._observer(SplitReport(scan.table, split, scan.stats))

    def _new_key(self) -> m.EncryptionKey | None:
        from athena_connectors.common.crypto import KmsKeys, local_key  # noqa: PLC0415

        if self._spill.disable_spill_encryption:
            return None
        if not self._spill.kms_key_id:
            return local_key()
        if self._kms is None:
            self._kms = KmsKeys(self._aws().client("kms"), self._spill.kms_key_id)
        return self._kms.new_key()

    def _store(self) -> SpillStore:
        if self._given_store is not None:
            return self._given_store
        if self._s3_store is None:
            from athena_connectors.common.spill import S3Store  # noqa: PLC0415

            self._s3_store = S3Store(self._aws())
        return self._s3_store

    def _aws(self) -> AwsClients:
        if self._clients is None:
            from athena_connectors.common.aws import AwsClients  # noqa: PLC0415

            self._clients = AwsClients(self._environ)
        return self._clients

    def _query_status(self, query_id: str) -> QueryStatusChecker | None:
        """Return who asks Athena about the query; nobody outside of Lambda."""
        if not self._environ.get("AWS_LAMBDA_RUNTIME_API"):
            return None
        from athena_connectors.common.query_status import QueryStatusChecker  # noqa: PLC0415

        return QueryStatusChecker(lambda: self._aws().client("athena"), query_id)


class _Renaming:
    """Gives batches the engine's column names and hands them to the spiller."""

    def __init__(self, spiller: BlockSpiller, schema: pa.Schema) -> None:
        self._spiller = spiller
        self._schema = schema

    def add(self, batch: pa.RecordBatch) -> None:
        if len(self._schema):
            batch = type(batch).from_arrays(batch.columns, schema=self._schema)
        self._spiller.add(batch)


def _deadline(remaining_ms: int | None) -> float | None:
    return None if remaining_ms is None else read_deadline(remaining_ms)


def _shown(names: list[str] | tuple[str, ...]) -> list[str]:
    """Fold names; where several fold to the same one, all but the first keep their spelling."""
    folded = exposed_names(names)
    return [
        shown if shown == name.lower() else name for shown, name in zip(folded, names, strict=True)
    ]


def _name_bytes(names: tuple[str, ...], schema: str) -> int:
    overhead = len('{"schemaName":"","tableName":""},') + len(schema.encode())
    return sum(len(name.encode()) + overhead for name in names)

"""What answers each request of the protocol, between the codec and the connector."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from athena_connectors.common.access.gate import AccessGate
from athena_connectors.common.budgets import (
    BudgetSettings,
    SplitBudget,
    check_estimate,
    limits_of,
    shares_of,
)
from athena_connectors.common.config import load_settings
from athena_connectors.common.connector import Scan
from athena_connectors.common.deadline import ReadGuard, read_deadline
from athena_connectors.common.errors import InvalidRequestError, UnsupportedOperationError
from athena_connectors.common.filter_rules import check_filter
from athena_connectors.common.findings import told
from athena_connectors.common.memory import keep_freed_memory
from athena_connectors.common.naming import exposed_names
from athena_connectors.common.observability import SplitStats, log_split
from athena_connectors.common.planning import plan_layout, plan_split_page
from athena_connectors.common.protocol import messages as m
from athena_connectors.common.reading import plan_read, read_split
from athena_connectors.common.spill import BlockSpiller, SpillSettings, new_spill_location
from athena_connectors.common.tables import NO_COLUMNS, Table, TableCache

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    import pyarrow as pa
    from athena_connectors.common.access.policy import Access
    from athena_connectors.common.aws import AwsClients
    from athena_connectors.common.budgets import Limit
    from athena_connectors.common.connector import Connector, Decision
    from athena_connectors.common.constraints import Constraints
    from athena_connectors.common.crypto import KmsKeys
    from athena_connectors.common.estimates import Estimate
    from athena_connectors.common.findings import Finding
    from athena_connectors.common.inference import InferredTable
    from athena_connectors.common.plans import Plan
    from athena_connectors.common.query_status import QueryStatusChecker
    from athena_connectors.common.seals import Seal
    from athena_connectors.common.spill import SpillStore

    _ScanRequest = m.GetTableLayoutRequest | m.GetSplitsRequest | m.ReadRecordsRequest

__all__ = ["Explanation", "Service", "SplitReport", "admit"]

CAPABILITIES_VERSION = 24
"""What Ping answers for ``capabilities``: explicit, versioned serialisation."""
SERDE_VERSION = 5
PLAN_SERDE_VERSION = 6
"""That of connectors which read query plans."""
MAX_CACHES = 50
"""Sets of tables that are remembered: of each catalog, for each access that callers have."""
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
        plan_reasons: What of a query plan was left away, and why, in sentences.
    """

    native: str
    decisions: tuple[Decision, ...]
    limit_pushed: bool
    order_pushed: bool
    limit_reason: str
    plan_reasons: tuple[str, ...] = ()


def admit(scan: Scan) -> Scan:
    """Decide whether and how the caller may run a scan, before anything is planned.

    Every scan passes here, when its layout, its splits and its rows are asked for, and
    ``scan.identity`` is known. What this returns is what is planned and read. What a policy
    denies, hides, masks or filters is none of its business: the scan is already one of what
    the caller sees (see ``access``).
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
        self._budgets = load_settings(BudgetSettings, environ)
        self._given_store = store
        self._observer = observer
        self._gate = AccessGate(environ, self._aws)
        self._caller: m.Identity | None = None
        self._caches: dict[object, TableCache] = {}
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
        self._gate.check()
        self._caller = request.identity
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
        self._caller = request.identity
        connector = self._connector(request.catalogName)
        scan = self._read_scan(request, deadline=None)
        assert scan.split is not None
        planned = plan_read(connector, scan, max_sort_bytes=request.maxBlockSize)
        pushdown = planned.pushdown
        plan = self._plan(request)
        return Explanation(
            native=connector.native_query(planned.scan, scan.split),
            decisions=pushdown.decisions,
            limit_pushed=pushdown.limit_pushed,
            order_pushed=pushdown.order_pushed,
            limit_reason=pushdown.limit_reason,
            plan_reasons=plan.reasons if plan is not None else (),
        )

    def estimate(self, request: m.GetTableLayoutRequest) -> Estimate | None:
        """Return what a scan may cost, without reading; ``None`` if nobody knows."""
        self._caller = request.identity
        table, constraints = self._table(request, request.schema)
        scan = self._scan(request, table, constraints, schema=request.schema)
        if scan.constraints.passthrough:
            return None
        return self._connector(request.catalogName).estimate(scan)

    def health(self, catalog: str) -> Iterator[Finding]:
        """Yield the findings about AWS, then the connector's about a catalog."""
        self._caller = None
        from athena_connectors.common.health import aws_findings  # noqa: PLC0415

        yield from aws_findings(self._environ, spills=self._given_store is None)
        yield from told("source", self._source_health(catalog))

    def infer_table(self, catalog: str, name: m.TableName) -> tuple[m.TableName, InferredTable]:
        """Return a table's own name, and its columns by a fresh sample.

        With an access policy, what everybody may see: who asks is not known.
        """
        self._caller = m.Identity()
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
        """Return the connector of a catalog, as the caller may see it."""
        self._in_use = self._root.for_catalog(catalog)
        access = self._access(catalog)
        if access is None:
            return self._in_use
        # Loads what a function without a policy does not need.
        from athena_connectors.common.access.guard import GuardedConnector  # noqa: PLC0415

        return GuardedConnector(self._in_use, access)

    def _access(self, catalog: str) -> Access | None:
        return None if self._caller is None else self._gate.access(self._caller, catalog)

    def _source_health(self, catalog: str) -> Iterator[Finding]:
        yield from self._connector(catalog).health()

    def _tables(self, catalog: str) -> TableCache:
        connector = self._connector(catalog)
        # What one caller may see is remembered for those alone who may see the same.
        key = catalog, self._access(catalog)
        if key not in self._caches:
            if len(self._caches) >= MAX_CACHES:
                self._caches.clear()
            self._caches[key] = TableCache(connector)
        return self._caches[key]

    def _ping(self, request: m.PingRequest) -> m.PingResponse:
        connector = self._connector(request.catalogName)
        return m.PingResponse(
            catalogName=request.catalogName,
            queryId=request.queryId,
            sourceType=connector.source_type,
            capabilities=CAPABILITIES_VERSION,
            serDeVersion=PLAN_SERDE_VERSION if connector.reads_plans else SERDE_VERSION,
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
        table, constraints = self._table(request, request.schema)
        scan = self._scan(
            request, table, constraints, schema=request.schema, deadline=_deadline(remaining_ms)
        )
        connector = self._connector(request.catalogName)
        limits = self._limits(connector)
        if limits and not scan.constraints.passthrough:
            check_estimate(
                limits, connector.estimate(scan), table=str(scan.table), names=_names(table)
            )
        partitions = plan_layout(connector, scan, table)
        seal = self._seal(request, table)
        if seal is not None:
            partitions = seal.partitions(partitions, _shown_of(partitions, table))
        return m.GetTableLayoutResponse(request.catalogName, request.tableName, partitions)

    def _get_splits(self, request: m.GetSplitsRequest) -> m.GetSplitsResponse:
        table, constraints = self._table(request)
        scan = self._scan(request, table, constraints, schema=table.exposed)
        if self._spill.spill_bucket:
            self._store().check(self._spill.spill_bucket)

        seal = self._seal(request, table)

        def equip(split: m.Split) -> m.Split:
            return replace(
                split if seal is None else seal.split(split),
                spillLocation=new_spill_location(self._spill, request.identity, request.queryId),
                encryptionKey=self._new_key(),
            )

        connector = self._connector(request.catalogName)
        page = plan_split_page(
            connector,
            scan,
            table,
            partitions=request.partitions
            if seal is None
            else seal.open_partitions(request.partitions),
            token=request.continuationToken,
            equip=equip,
            shares_budget=bool(self._limits(connector)),
        )
        return m.GetSplitsResponse(request.catalogName, page.items, page.next_token)

    def _read_records(
        self, request: m.ReadRecordsRequest, remaining_ms: int | None
    ) -> m.ReadRecordsResponse | m.RemoteReadRecordsResponse:
        deadline = _deadline(remaining_ms)
        scan = self._read_scan(request, deadline=deadline)
        split = scan.split
        assert split is not None
        connector = self._connector(request.catalogName)
        scan = replace(scan, budget=self._split_budget(connector, scan, split))
        guard = ReadGuard(
            deadline=deadline,
            status=self._query_status(request.queryId),
            cancel=connector.cancel,
            table=str(scan.table),
            budget=scan.budget,
            stats=scan.stats,
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
                split,
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
        table, constraints = self._table(request, request.schema)
        seal = self._seal(request, table)
        return self._scan(
            request,
            table,
            constraints,
            schema=request.schema,
            deadline=deadline,
            split=request.split if seal is None else seal.open_split(request.split),
        )

    def _seal(self, request: _ScanRequest, table: Table) -> Seal | None:
        return self._gate.seal(
            catalog=request.catalogName,
            table=table.name,
            query_id=request.queryId,
            identity=request.identity,
        )

    def _table(
        self, request: _ScanRequest, requested: pa.Schema = NO_COLUMNS
    ) -> tuple[Table, Constraints]:
        """Return the table of a request, and all that the request asks of its rows."""
        tables = self._tables(request.catalogName)
        plan = self._plan(request)
        if plan is None:
            constraints = request.constraints
            return tables.table_for(request.tableName, constraints, requested), constraints
        from athena_connectors.common.plans import with_plan  # noqa: PLC0415

        named = with_plan(request.constraints, plan)
        table = tables.table_for(request.tableName, named, requested)
        return table, with_plan(request.constraints, plan, table.exposed)

    def _plan(self, request: _ScanRequest) -> Plan | None:
        told = request.constraints.query_plan
        if told is None:
            return None
        connector = self._connector(request.catalogName)
        if not connector.reads_plans:
            raise UnsupportedOperationError(
                f"A query plan was sent for {request.tableName}, and source"
                f" {connector.source_type} reads none.",
                hint=f"Speak SerDe {SERDE_VERSION} with this function, as it tells Ping.",
            )
        # Loads what parses plans, which few requests need.
        from athena_connectors.common.plans import decode_plan  # noqa: PLC0415

        return decode_plan(told.substrait_plan)

    def _scan(
        self,
        request: _ScanRequest,
        table: Table,
        constraints: Constraints,
        *,
        schema: pa.Schema,
        deadline: float | None = None,
        split: m.Split | None = None,
    ) -> Scan:
        scan = admit(
            Scan(
                table=table.name,
                schema=table.source_schema(schema),
                constraints=table.source_constraints(constraints),
                description=table.description,
                catalog=request.catalogName,
                query_id=request.queryId,
                identity=request.identity,
                deadline=deadline,
                split=split,
            )
        )
        if not scan.constraints.passthrough:
            check_filter(
                self._budgets.require_filter,
                scan.table,
                scan.constraints.conjuncts(),
                names=_names(table),
            )
        return scan

    def _limits(self, connector: Connector) -> tuple[Limit, ...]:
        return limits_of(self._budgets, connector.unit_limit())

    def _split_budget(self, connector: Connector, scan: Scan, split: m.Split) -> SplitBudget:
        limits = self._limits(connector)
        passthrough = scan.constraints.passthrough
        shares = 1 if not limits or passthrough else shares_of(split.properties)
        return SplitBudget(limits, shares, str(scan.table))

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


def _shown_of(partitions: pa.RecordBatch, table: Table) -> list[str]:
    """Return the columns of a layout that the engine knows."""
    return [name for name in table.partition_columns if name in partitions.schema.names]


def _names(table: Table) -> dict[str, str]:
    """Return the engine's names of a table's columns by those of the source."""
    return dict(zip(table.description.schema.names, table.exposed.names, strict=True))


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

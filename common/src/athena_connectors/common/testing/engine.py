"""Athena's part, played on a laptop: SQL over connectors, through the wire format.

sqlglot reads the SQL, each table in it becomes a scan that is sent as Athena would send
it, and DuckDB runs the statement, with its whole WHERE, over the rows that arrive. So a
pushed predicate, limit or order may save work and can never change an answer, unless the
connector breaks a promise.

Functions and arithmetic are DuckDB's: ``7 / 2`` is 3.5 here and 3 in Athena.
"""

from __future__ import annotations

import uuid
from contextlib import closing
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from functools import cache
from typing import TYPE_CHECKING, Any, Self

import pyarrow as pa
from athena_connectors.common.capabilities import Capabilities
from athena_connectors.common.testing.client import (
    LOCAL_IDENTITY,
    MAX_BLOCK_BYTES,
    MAX_INLINE_BYTES,
    ProtocolClient,
    S3Reader,
    SpillReader,
    TableScan,
)
from athena_connectors.common.testing.constants import Constants
from athena_connectors.common.testing.engine_errors import QueryError, UsageError
from athena_connectors.common.testing.planning import Held, ScanShape, plan_scans
from athena_connectors.common.testing.references import (
    FUNCTION_PREFIX,
    Reference,
    Statement,
    read_statement,
)
from athena_connectors.common.testing.relations import create_relation, looks_at_unread
from athena_connectors.common.testing.scans import (
    PlannedScan,
    Progress,
    ScanReport,
    read_scans,
)
from athena_connectors.common.testing.translation import translate
from athena_connectors.common.testing.transport import InProcess, LambdaFunction, Transport

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterable, Mapping
    from types import TracebackType

    import duckdb
    from athena_connectors.common.estimates import Estimate
    from athena_connectors.common.handler import Explanation
    from athena_connectors.common.protocol.messages import GetTableResponse, Identity, TableName

__all__ = ["Catalog", "LocalEngine", "QueryResult", "ScanExplanation", "SplitExplanation"]

DEFAULT_PARALLEL = 4


@dataclass(frozen=True, slots=True)
class Catalog:
    """A function that answers for a catalog.

    Attributes:
        transport: The way to it.
        spill: Gives back what it spilled.
        on_close: Called when the engine is closed.
    """

    transport: Transport
    spill: SpillReader
    on_close: Callable[[], None] = field(default=lambda: None, repr=False)


@dataclass(frozen=True, slots=True)
class QueryResult:
    """An answer and what it cost.

    Attributes:
        table: The answer.
        scans: Each scan that was read.
    """

    table: pa.Table
    scans: list[ScanReport]


@dataclass(frozen=True, slots=True)
class SplitExplanation:
    """How one split would be read.

    Attributes:
        properties: What the connector wrote into it.
        native: What the connector would do; ``None`` if only the function knows.
    """

    properties: Mapping[str, str]
    native: Explanation | None


@dataclass(frozen=True, slots=True)
class ScanExplanation:
    """How one scan would be read.

    Attributes:
        planned: What would be sent.
        splits: Its splits, in order.
        estimate: What it may cost, if anybody knows.
    """

    planned: PlannedScan
    splits: tuple[SplitExplanation, ...]
    estimate: Estimate | None = None


@dataclass(frozen=True, slots=True)
class _Plan:
    """A statement, the scan behind each relation, and each table's columns."""

    statement: Statement
    scans: dict[str, PlannedScan]

    def distinct(self) -> list[PlannedScan]:
        """Return the scans, each once however often the statement needs it."""
        found: list[PlannedScan] = []
        for planned in self.scans.values():
            if not any(_same_read(planned, other) for other in found):
                found.append(planned)
        return found

    def with_all_columns(self) -> _Plan:
        """Return the plan that reads every column."""
        scans = {
            name: replace(planned, scan=replace(planned.scan, projected=planned.scan.schema))
            for name, planned in self.scans.items()
        }
        return replace(self, scans=scans)


class _UnreadColumnError(Exception):
    """DuckDB looked at a column that was not read."""


class LocalEngine:
    """Runs SQL over catalogs.

    Args:
        catalogs: Catalog name, as SQL writes it, to the function behind it.
        serde: SerDe version to speak, 2 to 6; the newest that both sides know if ``None``.
        pushdown: Whether predicates, limits and orders are sent; columns always are.
        plans: Whether they are sent as query plans to functions that read them.
        parallel: Splits read at once.
        identity: Who asks.
        max_block_bytes: Largest block wanted.
        max_inline_bytes: Largest inline block wanted.
        on_progress: Told after each split, while a query is read.
        estimates: Whether each scan is estimated before it is read.
    """

    def __init__(
        self,
        catalogs: Mapping[str, Catalog],
        *,
        serde: int | None = None,
        pushdown: bool = True,
        plans: bool = False,
        parallel: int = DEFAULT_PARALLEL,
        identity: Identity = LOCAL_IDENTITY,
        max_block_bytes: int = MAX_BLOCK_BYTES,
        max_inline_bytes: int = MAX_INLINE_BYTES,
        on_progress: Callable[[Progress], None] | None = None,
        estimates: bool = False,
    ) -> None:
        self._catalogs = catalogs
        self._open: dict[str, Catalog] = {}
        self._serde = serde
        self._pushdown = pushdown
        self._plans = plans
        self._parallel = parallel
        self._identity = identity
        self._max_block_bytes = max_block_bytes
        self._max_inline_bytes = max_inline_bytes
        self._on_progress = on_progress
        self._estimates = estimates
        self._clients: dict[str, ProtocolClient] = {}

    @classmethod
    def from_file(cls, path: str | os.PathLike[str], **options: Any) -> Self:
        """Make an engine of a configuration file.

        Args:
            path: The file, such as ``athena-connectors.toml``.
            options: As for the class.

        Raises:
            UsageError: The file can't be read or has a fault.
        """
        from athena_connectors.common.cli.configuration import (  # noqa: PLC0415
            open_catalogs,
            read_configuration,
        )

        return cls(open_catalogs(read_configuration(path)), **options)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close every catalog."""
        while self._open:
            _, catalog = self._open.popitem()
            catalog.transport.close()
            catalog.on_close()
        self._clients.clear()

    def query(self, sql: str) -> QueryResult:
        """Run one query.

        Raises:
            QueryError: The SQL can't be run.
            EngineProtocolError: A reply breaks the protocol.
            RemoteError: A function failed.
            ConnectorError: A connector in this process failed.
        """
        with closing(_connect()) as connection:
            plan = self._plan(sql, connection)
            _fill(connection, plan, [])
            _check_sql(connection, plan.statement)
            try:
                return self._answer(connection, plan)
            except _UnreadColumnError:
                return self._answer(connection, plan.with_all_columns())

    def explain(self, sql: str) -> list[ScanExplanation]:
        """Return what a query would ask of its sources; no row is read.

        Raises:
            QueryError: As for ``query``, and the other errors too.
        """
        with closing(_connect()) as connection:
            plan = self._plan(sql, connection)
            _fill(connection, plan, [])
            _check_sql(connection, plan.statement)
            return [_explain(planned) for planned in plan.distinct()]

    def catalogs(self) -> list[str]:
        """Return the names of all catalogs."""
        return list(self._catalogs)

    def schemas(self, catalog: str) -> list[str]:
        """Return the names of a catalog's schemas."""
        return list(self.client(catalog).schemas())

    def tables(self, catalog: str, schema: str) -> list[TableName]:
        """Return the tables of a schema."""
        return list(self.client(catalog).tables(schema.lower()))

    def describe(self, catalog: str, table: TableName) -> GetTableResponse:
        """Return the columns of a table."""
        folded = type(table)(table.schema.lower(), table.table.lower())
        return self.client(catalog).describe(folded)

    def invoke(self, catalog: str, event: dict[str, Any]) -> dict[str, Any]:
        """Send a request as it is and return the reply as it is, unchecked."""
        return self.client(catalog).transport.send(event)

    def client(self, catalog: str) -> ProtocolClient:
        """Return who speaks to the function of a catalog.

        Raises:
            UsageError: There is no such catalog.
        """
        if catalog not in self._clients:
            found = self._catalog(catalog)
            self._clients[catalog] = ProtocolClient(
                catalog,
                found.transport,
                spill=found.spill,
                serde=self._serde,
                plans=self._plans,
                identity=self._identity,
                max_block_bytes=self._max_block_bytes,
                max_inline_bytes=self._max_inline_bytes,
            )
        return self._clients[catalog]

    def _answer(self, connection: duckdb.DuckDBPyConnection, plan: _Plan) -> QueryResult:
        scans = plan.distinct()
        estimates = [_estimate(planned) if self._estimates else None for planned in scans]
        reports = read_scans(scans, parallel=self._parallel, on_progress=self._on_progress)
        for report, estimate in zip(reports, estimates, strict=True):
            report.estimate = estimate
        _fill(connection, plan, reports)
        return QueryResult(_run(connection, plan.statement), reports)

    def _catalog(self, name: str) -> Catalog:
        if name not in self._open:
            self._open[name] = self._find(name)
        return self._open[name]

    def _find(self, name: str) -> Catalog:
        if name in self._catalogs:
            return self._catalogs[name]
        if name.startswith(FUNCTION_PREFIX):
            return Catalog(LambdaFunction(name.removeprefix(FUNCTION_PREFIX)), S3Reader({}))
        close = get_close_matches(name, self._catalogs, n=3)
        raise UsageError(
            f"There is no catalog {name!r}.",
            hint=f"Configured: {', '.join(close or sorted(self._catalogs)) or 'none'}.",
        )

    def _plan(self, sql: str, connection: duckdb.DuckDBPyConnection) -> _Plan:
        statement = read_statement(sql, self._catalogs)
        tables = {
            reference: self.client(reference.catalog).describe(
                reference.table, passthrough=dict(reference.passthrough)
            )
            for reference in dict.fromkeys(statement.references.values())
        }
        columns = {
            name: tuple(tables[reference].schema.names)
            for name, reference in statement.references.items()
        }
        shapes = plan_scans(statement, columns)
        constants = Constants(connection)
        query_id = str(uuid.uuid4())
        scans = {
            name: self._plan_scan(reference, tables[reference], shapes[name], constants, query_id)
            for name, reference in statement.references.items()
        }
        return _Plan(statement, scans)

    def _plan_scan(
        self,
        reference: Reference,
        table: GetTableResponse,
        shape: ScanShape,
        constants: Constants,
        query_id: str,
    ) -> PlannedScan:
        client = self.client(reference.catalog)
        if not self._pushdown:
            shape = _without_pushdown(shape)
        translation = translate(
            shape,
            table.schema,
            constants,
            capabilities=client.capabilities() if self._pushdown else Capabilities(),
            version=client.version,
            passthrough=dict(reference.passthrough),
        )
        scan = TableScan(
            table=reference.table,
            schema=table.schema,
            partition_columns=table.partitionColumns,
            projected=pa.schema([table.schema.field(name) for name in shape.columns]),
            constraints=translation.constraints,
            query_id=query_id,
        )
        return PlannedScan(reference, client, scan, translation.held, translation.limit_reason)


def _without_pushdown(shape: ScanShape) -> ScanShape:
    reason = "pushdown is switched off"
    held = [Held(item.sql(dialect="trino"), reason) for item in shape.conjuncts]
    limit_reason = reason if shape.limit else shape.limit_reason
    return ScanShape(shape.columns, held=[*shape.held, *held], limit_reason=limit_reason)


def _same_read(one: PlannedScan, two: PlannedScan) -> bool:
    return (
        one.reference == two.reference
        and one.scan.projected.names == two.scan.projected.names
        and one.scan.constraints == two.scan.constraints
    )


def _explain(planned: PlannedScan) -> ScanExplanation:
    client, scan = planned.client, planned.scan
    transport = client.transport
    splits = tuple(
        SplitExplanation(
            split.properties,
            transport.explain(client.read_event(scan, split))
            if isinstance(transport, InProcess)
            else None,
        )
        for split in client.splits(scan)
    )
    return ScanExplanation(planned, splits, _estimate(planned))


def _estimate(planned: PlannedScan) -> Estimate | None:
    client = planned.client
    if not isinstance(client.transport, InProcess):
        return None
    return client.transport.estimate(client.layout_event(planned.scan))


@cache
def _database() -> duckdb.DuckDBPyConnection:
    """Open the database of this process, which sees nothing of the machine."""
    import duckdb  # noqa: PLC0415

    database = duckdb.connect(":memory:", config={"autoinstall_known_extensions": "false"})
    database.execute("SET enable_external_access = false")
    return database


def _connect() -> duckdb.DuckDBPyConnection:
    """Open a session that sees nothing but the relations that it is given."""
    session = _database().cursor()
    session.execute("SET TimeZone = 'UTC'")
    session.execute("SET python_enable_replacements = false")
    return session


def _fill(
    connection: duckdb.DuckDBPyConnection, plan: _Plan, reports: Iterable[ScanReport]
) -> None:
    """Make the relations of a statement; empty ones for scans that have no report."""
    known = list(reports)
    for name, planned in plan.scans.items():
        report = next((item for item in known if _same_read(item.planned, planned)), None)
        empty = pa.RecordBatch.from_pylist([], schema=planned.scan.projected)
        batches = (report.batches if report else []) or [empty]
        create_relation(
            connection,
            name,
            schema=planned.scan.schema,
            batches=batches,
            rows=report.rows if report else 0,
        )


def _check_sql(connection: duckdb.DuckDBPyConnection, statement: Statement) -> None:
    """Let DuckDB find faults in a statement before a row is read for it."""
    import duckdb  # noqa: PLC0415

    try:
        connection.execute(f"EXPLAIN {statement.sql()}").fetchall()
    except duckdb.Error as cause:
        raise _query_error(cause, statement) from cause


def _run(connection: duckdb.DuckDBPyConnection, statement: Statement) -> pa.Table:
    import duckdb  # noqa: PLC0415

    try:
        table: pa.Table = connection.sql(statement.sql()).to_arrow_table()
    except duckdb.Error as cause:
        if looks_at_unread(cause):
            raise _UnreadColumnError from cause
        raise _query_error(cause, statement) from cause
    return table


def _query_error(error: duckdb.Error, statement: Statement) -> QueryError:
    text = str(error).partition("\n\nLINE ")[0].strip()
    for name, reference in sorted(statement.references.items(), reverse=True):
        text = text.replace(name, str(reference))
    return QueryError(text)

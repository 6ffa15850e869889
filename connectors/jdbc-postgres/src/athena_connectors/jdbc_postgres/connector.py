"""The PostgreSQL connector of one catalog: which module does what, in which order."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa
from athena_connectors.common.aws import AwsClients
from athena_connectors.common.capabilities import (
    VALUE_SET_FILTERS,
    Capabilities,
    PassthroughFunction,
    require_passthrough,
)
from athena_connectors.common.config import load_settings
from athena_connectors.common.connector import Connector, TableDescription
from athena_connectors.common.expressions import FUNCTIONS
from athena_connectors.common.secrets import SecretResolver
from athena_connectors.common.sql.catalogs import CatalogRouter
from athena_connectors.common.sql.connection_strings import connection_strings
from athena_connectors.jdbc_postgres import metadata, splits
from athena_connectors.jdbc_postgres.client import Client
from athena_connectors.jdbc_postgres.pushdown import NativeScan, plan
from athena_connectors.jdbc_postgres.reader import read_count, read_statement
from athena_connectors.jdbc_postgres.returned_types import require_types
from athena_connectors.jdbc_postgres.settings import Settings
from athena_connectors.jdbc_postgres.split_sources import snapshot_of, sources_of
from athena_connectors.jdbc_postgres.statement import parts_of
from athena_connectors.jdbc_postgres.types import Relation

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from athena_connectors.common.connector import Pushdown, Scan
    from athena_connectors.common.findings import Finding
    from athena_connectors.common.paging import Page
    from athena_connectors.common.protocol.messages import Split, TableName
    from athena_connectors.common.sql.connection_strings import ConnectionString
    from athena_connectors.jdbc_postgres.statement import Part

__all__ = ["ENGINE", "PostgresConnector", "from_environment"]

ENGINE = "postgres"
"""Prefix of connection strings, and what Ping tells; the Java connector's word."""

_PASSTHROUGH = "system.query"


def from_environment(environ: Mapping[str, str]) -> Connector:
    """Return the connector of all catalogs that a function's variables name.

    Raises:
        ConfigurationError: A setting or a connection string is missing or malformed.
    """
    settings = load_settings(Settings, environ)
    clients = AwsClients(environ)
    secrets = SecretResolver(lambda: clients.client("secretsmanager"))

    def connect(target: ConnectionString) -> PostgresConnector:
        client = Client(target, settings, secrets=secrets, environ=environ)
        return PostgresConnector(client, settings)

    return CatalogRouter(connection_strings(environ, engine=ENGINE), engine=ENGINE, connect=connect)


class PostgresConnector(Connector):
    """One database.

    Args:
        client: Its sessions.
        settings: The function's settings.
    """

    source_type = ENGINE

    def __init__(self, client: Client, settings: Settings) -> None:
        self._client = client
        self._settings = settings

    def list_schemas(self) -> list[str]:
        """List the schemas that the role may use."""
        with self._client.transaction() as cursor:
            return metadata.list_schemas(cursor, self._settings)

    def list_tables(self, schema: str) -> list[str]:
        """List the relations of a schema that the role may read."""
        with self._client.transaction() as cursor:
            return metadata.list_tables(cursor, schema)

    def page_tables(self, schema: str, *, token: str | None, page_size: int | None) -> Page[str]:
        """Return one page of a schema's relations; the server pages."""
        with self._client.transaction() as cursor:
            return metadata.page_tables(cursor, schema, token=token, page_size=page_size)

    def resolve_schema(self, name: str) -> str:
        """Return the server's spelling of a schema, by ``casing_mode``."""
        with self._client.transaction() as cursor:
            return metadata.resolve_schema(cursor, name, self._settings)

    def resolve_table(self, name: TableName) -> TableName:
        """Return the server's spelling of a relation, by ``casing_mode``."""
        with self._client.transaction() as cursor:
            return metadata.resolve_table(cursor, name, self._settings)

    def describe_table(self, name: TableName) -> TableDescription:
        """Describe a relation; the columns that name its partitions come last."""
        with self._client.transaction(table=str(name)) as cursor:
            relation = metadata.describe(cursor, name, self._settings)
        return _description(relation, splits.partition_columns(relation, self._settings))

    def describe_passthrough(self, arguments: Mapping[str, str]) -> TableDescription:
        """Describe the result of the native query in ``QUERY``.

        Raises:
            UnsupportedOperationError: ``enable_query_passthrough`` is false, or the
                statement is no query.
        """
        require_passthrough(enabled=self._settings.enable_query_passthrough)
        with self._client.transaction(table=_PASSTHROUGH) as cursor:
            relation = metadata.describe_query(cursor, arguments["QUERY"], self._settings)
        return _description(relation)

    def capabilities(self) -> Capabilities:
        """Claim everything; what the server can't do exactly is done here."""
        return Capabilities(
            filters=VALUE_SET_FILTERS,
            functions=FUNCTIONS,
            limit=True,
            top_n=True,
            hints=("non_default_collate",) if self._settings.non_default_collate else (),
            passthrough=PassthroughFunction() if self._settings.enable_query_passthrough else None,
        )

    def plan_pushdown(self, scan: Scan) -> Pushdown:
        """Decide what the server evaluates."""
        return plan(scan.constraints, _relation(scan), self._settings)

    def plan_partitions(self, scan: Scan) -> pa.RecordBatch:
        """Cut the scan; its splits share a snapshot if there are several."""
        native = self._native(scan)
        with self._client.transaction(
            table=str(scan.table), query_id=scan.query_id, deadline=scan.deadline
        ) as cursor:
            partitions = splits.plan(
                cursor,
                _relation(scan),
                settings=self._settings,
                where=" AND ".join(native.where),
                limit=native.limit,
                ordered=bool(native.order_by),
            )
        if partitions.num_rows > 1:
            snapshot = self._client.export_snapshot(scan.query_id)
            partitions = splits.with_snapshot(partitions, snapshot)
        return partitions

    def plan_splits(self, scan: Scan, partitions: pa.RecordBatch) -> Iterator[Split]:
        """Return the splits that ``plan_partitions`` has planned."""
        del scan
        return splits.splits_of(partitions)

    def read_split(self, scan: Scan, split: Split) -> Iterator[pa.RecordBatch]:
        """Read what a split names, one relation after the other, in one transaction."""
        native = self._native(scan)
        if native.is_empty:
            return
        parts = _parts(scan, split, native)
        with self._client.transaction(
            table=str(scan.table),
            query_id=scan.query_id,
            deadline=scan.deadline,
            snapshot=_snapshot(scan, split),
        ) as cursor:
            for part in parts:
                if part.columns:
                    require_types(cursor, part.sql, part.columns, table=str(scan.table))
                    yield from read_statement(
                        cursor,
                        part.sql,
                        part.columns,
                        table=str(scan.table),
                        stats=scan.stats,
                        batch_rows=self._settings.fetch_size,
                        constants=part.constants,
                    )
                else:
                    yield from read_count(
                        cursor, part.sql, stats=scan.stats, constants=part.constants
                    )

    def native_query(self, scan: Scan, split: Split) -> str:
        """Return the statements of a split."""
        native = self._native(scan)
        if native.is_empty:
            return "nothing: no row can satisfy the predicate"
        return "\n".join(part.sql for part in _parts(scan, split, native))

    def health(self) -> Iterator[Finding]:
        """Tell what the server is, whether its session is safe, and what the role may do."""
        from athena_connectors.jdbc_postgres.health import findings  # noqa: PLC0415

        return findings(self._client, self._settings)

    def cancel(self) -> None:
        """Stop the running statement; called again, break off a session that is silent."""
        self._client.cancel()

    def release(self) -> None:
        """End the transaction; the session stays for the next invocation."""
        self._client.release()

    def close(self) -> None:
        """Close all sessions."""
        self._client.close()

    def _native(self, scan: Scan) -> NativeScan:
        native = self.plan_pushdown(scan).native
        assert isinstance(native, NativeScan)
        return native


def _description(relation: Relation, partition_columns: tuple[str, ...] = ()) -> TableDescription:
    fields = [pa.field(column.name, column.arrow) for column in relation.columns]
    fields += [pa.field(name, pa.string()) for name in partition_columns]
    return TableDescription(pa.schema(fields), partition_columns, relation)


def _relation(scan: Scan) -> Relation:
    relation = scan.description.facts
    assert isinstance(relation, Relation)
    return relation


def _parts(scan: Scan, split: Split, native: NativeScan) -> list[Part]:
    sources = () if scan.constraints.passthrough else sources_of(split)
    return parts_of(scan.schema.names, _relation(scan), native, sources)


def _snapshot(scan: Scan, split: Split) -> str | None:
    return None if scan.constraints.passthrough else snapshot_of(split)

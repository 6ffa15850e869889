"""The PostgreSQL connector of one catalog; see ``common.sql.connector``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from athena_connectors.common.sql.catalogs import catalogs_of
from athena_connectors.common.sql.connector import SqlConnector
from athena_connectors.jdbc_postgres import costs, metadata, pushdown, splits, statement
from athena_connectors.jdbc_postgres.client import Client
from athena_connectors.jdbc_postgres.reader import read_count, read_statement
from athena_connectors.jdbc_postgres.returned_types import require_types
from athena_connectors.jdbc_postgres.settings import Settings
from athena_connectors.jdbc_postgres.split_sources import snapshot_of, sources_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from contextlib import AbstractContextManager

    import pyarrow as pa
    from athena_connectors.common.connector import Connector, Scan
    from athena_connectors.common.findings import Finding
    from athena_connectors.common.protocol.messages import Split
    from athena_connectors.common.secrets import SecretResolver
    from athena_connectors.common.sql.connection_strings import ConnectionString
    from athena_connectors.common.sql.connector import (
        Costs,
        Metadata,
        Predicates,
        Splits,
        Statements,
    )
    from athena_connectors.common.sql.statement import Part
    from athena_connectors.jdbc_postgres.split_sources import SplitSource

__all__ = ["ENGINE", "PostgresConnector", "from_environment"]

ENGINE = "postgres"
"""Prefix of connection strings, and what Ping tells; the Java connector's word."""


def from_environment(environ: Mapping[str, str]) -> Connector:
    """Return the connector of all catalogs that a function's variables name.

    Raises:
        ConfigurationError: A setting or a connection string is missing or malformed.
    """

    def connect(
        target: ConnectionString, settings: Settings, secrets: SecretResolver
    ) -> PostgresConnector:
        client = Client(target, settings, secrets=secrets, environ=environ)
        return PostgresConnector(client, settings)

    return catalogs_of(environ, engine=ENGINE, settings_type=Settings, connect=connect)


class PostgresConnector(SqlConnector[Client, Settings]):
    """One database.

    Args:
        client: Its sessions.
        settings: The function's settings.
    """

    source_type = ENGINE
    costs: ClassVar[Costs] = costs
    metadata: ClassVar[Metadata] = metadata
    pushdown: ClassVar[Predicates] = pushdown
    splits: ClassVar[Splits] = splits
    statement: ClassVar[Statements] = statement

    def plan_partitions(self, scan: Scan) -> pa.RecordBatch:
        """Cut the scan; its splits share a snapshot if there are several."""
        partitions = super().plan_partitions(scan)
        if partitions.num_rows > 1:
            snapshot = self._client.export_snapshot(scan.query_id)
            partitions = splits.with_snapshot(partitions, snapshot)
        return partitions

    def health(self) -> Iterator[Finding]:
        """Tell what the server is, whether its session is safe, and what the role may do."""
        from athena_connectors.jdbc_postgres.health import findings  # noqa: PLC0415

        return findings(self._client, self._settings)

    def _sources(self, split: Split) -> tuple[SplitSource, ...]:
        return sources_of(split)

    def _reading(self, scan: Scan, split: Split) -> AbstractContextManager[Any]:
        return self._client.transaction(
            table=str(scan.table),
            query_id=scan.query_id,
            deadline=scan.deadline,
            snapshot=None if scan.constraints.passthrough else snapshot_of(split),
        )

    def _read(self, cursor: Any, part: Part, scan: Scan) -> Iterator[pa.RecordBatch]:
        if not part.columns:
            yield from read_count(cursor, part.sql, stats=scan.stats, constants=part.constants)
            return
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

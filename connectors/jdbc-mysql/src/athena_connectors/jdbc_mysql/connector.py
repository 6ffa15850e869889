"""The MySQL connector of one catalog; see ``common.sql.connector``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from athena_connectors.common.sql.catalogs import catalogs_of
from athena_connectors.common.sql.connector import SqlConnector
from athena_connectors.jdbc_mysql import costs, metadata, pushdown, splits, statement
from athena_connectors.jdbc_mysql.client import Client
from athena_connectors.jdbc_mysql.reader import read_count, read_statement
from athena_connectors.jdbc_mysql.settings import Settings
from athena_connectors.jdbc_mysql.split_sources import sources_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

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
    from athena_connectors.jdbc_mysql.split_sources import SplitSource

__all__ = ["ENGINE", "MySqlConnector", "from_environment"]

ENGINE = "mysql"
"""Prefix of connection strings, and what Ping tells; the Java connector's word."""


def from_environment(environ: Mapping[str, str]) -> Connector:
    """Return the connector of all catalogs that a function's variables name.

    Raises:
        ConfigurationError: A setting or a connection string is missing or malformed.
    """

    def connect(
        target: ConnectionString, settings: Settings, secrets: SecretResolver
    ) -> MySqlConnector:
        own = settings.of_connection(target)
        return MySqlConnector(Client(target, own, secrets=secrets, environ=environ), own)

    return catalogs_of(environ, engine=ENGINE, settings_type=Settings, connect=connect)


class MySqlConnector(SqlConnector[Client, Settings]):
    """One server, of which the connection string names a database.

    Args:
        client: Its sessions.
        settings: The function's settings, with those of the connection string.
    """

    source_type = ENGINE
    costs: ClassVar[Costs] = costs
    metadata: ClassVar[Metadata] = metadata
    pushdown: ClassVar[Predicates] = pushdown
    splits: ClassVar[Splits] = splits
    statement: ClassVar[Statements] = statement

    def health(self) -> Iterator[Finding]:
        """Tell what the server is, whether its session is safe, and what the user may do."""
        from athena_connectors.jdbc_mysql.health import findings  # noqa: PLC0415

        return findings(self._client, self._settings)

    def _sources(self, split: Split) -> tuple[SplitSource, ...]:
        return sources_of(split)

    def _read(self, cursor: Any, part: Part, scan: Scan) -> Iterator[pa.RecordBatch]:
        del cursor
        connection = self._client.connection
        if not part.columns:
            return read_count(connection, part.sql, stats=scan.stats, constants=part.constants)
        return read_statement(
            connection,
            part.sql,
            part.columns,
            table=str(scan.table),
            stats=scan.stats,
            batch_rows=self._settings.fetch_size,
            constants=part.constants,
            cancel=self._client.end_statement,
        )

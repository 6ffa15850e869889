"""The session of one PostgreSQL database, its transactions and the snapshots they share."""

from __future__ import annotations

import logging
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, ClassVar

import psycopg2
from athena_connectors.common.errors import SourceError
from athena_connectors.common.sql.client import LOCK_TIMEOUT_MS, SqlClient
from athena_connectors.jdbc_postgres.login import session_label, session_parameters
from athena_connectors.jdbc_postgres.session import session_opener
from athena_connectors.jdbc_postgres.snapshots import SnapshotHolder
from athena_connectors.jdbc_postgres.sqlstate import translate
from psycopg2 import extensions

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from athena_connectors.common.errors import ConnectorError
    from athena_connectors.common.secrets import SecretResolver
    from athena_connectors.common.sql.connection_strings import ConnectionString
    from athena_connectors.jdbc_postgres.settings import Settings

__all__ = ["Client"]

_log = logging.getLogger(__name__)

_REPEATABLE = "REPEATABLE READ"


class Client(SqlClient):
    """Opens sessions when needed and keeps one for the next invocation.

    Used by one thread at a time, except for ``cancel``.

    Args:
        target: Where to connect.
        settings: The connector's settings.
        secrets: Reads the secret that the connection string names; may be ``None`` when
            it names none.
        environ: The function's environment.
    """

    driver_error: ClassVar[type[Exception]] = psycopg2.Error

    def __init__(
        self,
        target: ConnectionString,
        settings: Settings,
        *,
        secrets: SecretResolver | None,
        environ: Mapping[str, str],
    ) -> None:
        opener = session_opener(target, settings, secrets=secrets, environ=environ)
        super().__init__(
            opener,
            catalog=target.catalog,
            max_connection_age_s=settings.max_connection_age_s,
            statement_timeout_ms=settings.statement_timeout_ms,
        )
        self._target = target
        self._settings = settings
        self._snapshots = SnapshotHolder(opener, target, settings)

    @property
    def server_version(self) -> int:
        """The server's version, such as 150018 for 15.18; connects if there is no session."""
        version: int = self._any_session().info.server_version
        return version

    @contextmanager
    def transaction(
        self,
        *,
        table: str = "",
        query_id: str = "",
        deadline: float | None = None,
        snapshot: str | None = None,
    ) -> Iterator[Any]:
        """Run statements in one READ ONLY transaction, rolled back at the end.

        Args:
            table: What is asked for, for errors.
            query_id: Athena's query, for the session's label in ``pg_stat_activity``.
            deadline: ``time.monotonic()`` at which the server stops a statement.
            snapshot: What ``export_snapshot`` returned; the transaction then sees the
                database as of that moment.

        Yields:
            A psycopg2 cursor. Its errors stay psycopg2's inside of the ``with`` statement
            and are translated when they leave it.

        Raises:
            DeadlineExceededError: The deadline has passed.
            InvalidCredentialsError: The login is refused, also with a secret read anew.
            SourceError: The snapshot is gone and ``read_consistency`` is ``snapshot``, or
                the server can't be reached.
            SourceTimeoutError: ``cancel`` was called before the first statement.
            ConnectorError: Any other refusal of the server; see ``sqlstate``.
        """

        def begin(connection: Any, limit_ms: int) -> Any:
            return self._begin(connection, limit_ms, query_id=query_id, snapshot=snapshot)

        with self._transact(begin, table=table, deadline=deadline) as cursor:
            yield cursor

    def export_snapshot(self, query_id: str) -> str | None:
        """Hold a snapshot open for the splits of a query; see ``SnapshotHolder.export``."""
        return self._snapshots.export(query_id)

    def close(self) -> None:
        """Close all sessions; the next use opens new ones."""
        super().close()
        self._snapshots.close()

    def _begin(self, connection: Any, limit_ms: int, *, query_id: str, snapshot: str | None) -> Any:
        parameters = {
            **session_parameters(self._target),
            "application_name": session_label(self._target, query_id),
            "statement_timeout": str(limit_ms),
            "idle_in_transaction_session_timeout": str(limit_ms),
            "lock_timeout": str(min(limit_ms, LOCK_TIMEOUT_MS)),
        }
        repeatable = snapshot or self._settings.read_consistency == "repeatable_read"
        connection.set_session(
            isolation_level=_REPEATABLE if repeatable else "READ COMMITTED", readonly=True
        )
        cursor = connection.cursor()
        if snapshot:
            self._import_snapshot(cursor, snapshot, query_id=query_id)
        cursor.execute(
            "SELECT set_config(name, value, true) FROM unnest(%s, %s) AS parameter(name, value)",
            (list(parameters), list(parameters.values())),
        )
        return cursor

    def _import_snapshot(self, cursor: Any, snapshot: str, *, query_id: str) -> None:
        try:
            cursor.execute("SET TRANSACTION SNAPSHOT %s", (snapshot,))
        except psycopg2.Error as error:
            if cursor.connection.closed:
                raise
            if self._settings.read_consistency == "snapshot":
                raise SourceError(
                    f"Catalog {self._catalog!r}: the snapshot that this split reads is gone.",
                    hint="Run the query again, or raise snapshot_hold_seconds.",
                    catalog=self._catalog,
                ) from error
            _log.warning(
                "A split of query %s reads a snapshot of its own: the shared one is gone.",
                query_id,
            )
            cursor.connection.rollback()

    def _is_closed(self, connection: Any) -> bool:
        return bool(connection.closed)

    def _translate(self, error: Exception, *, table: str = "") -> ConnectorError:
        assert isinstance(error, psycopg2.Error)
        return translate(error, catalog=self._catalog, table=table)

    def _end(self, connection: Any) -> None:
        if connection.info.transaction_status == extensions.TRANSACTION_STATUS_ACTIVE:
            # A COPY that was broken off; without this all its rows would be drained.
            connection.cancel()
        connection.rollback()

    def _stop(self, connection: Any) -> None:
        connection.cancel()

    def _break_off(self, connection: Any) -> None:
        connection.break_off()

"""The session of one PostgreSQL database, kept from one invocation to the next.

Every statement runs in a transaction that is READ ONLY and ends with a rollback, so
nothing is left open when the function is frozen, and nothing is ever written.
"""

from __future__ import annotations

import logging
import threading
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

import psycopg2
from athena_connectors.common.errors import (
    DeadlineExceededError,
    InternalError,
    SourceError,
    SourceTimeoutError,
)
from athena_connectors.jdbc_postgres.login import session_label, session_parameters
from athena_connectors.jdbc_postgres.session import SessionOpener
from athena_connectors.jdbc_postgres.snapshots import SnapshotHolder
from athena_connectors.jdbc_postgres.sqlstate import translate
from psycopg2 import extensions

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from athena_connectors.common.secrets import SecretResolver
    from athena_connectors.common.sql.connection_strings import ConnectionString
    from athena_connectors.jdbc_postgres.settings import Settings

__all__ = ["Client"]

_log = logging.getLogger(__name__)

# The longest life of an invocation: what a statement may take when nobody says less.
_MAX_STATEMENT_MS = 900_000
_LOCK_TIMEOUT_MS = 30_000
_GRACE_MS = 2_000

_REPEATABLE = "REPEATABLE READ"


class Client:
    """Opens sessions when needed and keeps one for the next invocation.

    Used by one thread at a time, except for ``cancel``.

    Args:
        target: Where to connect.
        settings: The connector's settings.
        secrets: Reads the secret that the connection string names; may be ``None`` when
            it names none.
        environ: The function's environment.
    """

    def __init__(
        self,
        target: ConnectionString,
        settings: Settings,
        *,
        secrets: SecretResolver | None,
        environ: Mapping[str, str],
    ) -> None:
        self._target = target
        self._catalog = target.catalog
        self._settings = settings
        self._opener = SessionOpener(target, settings, secrets=secrets, environ=environ)
        self._connection: Any = None
        self._opened = 0.0
        self._snapshots = SnapshotHolder(self._opener, target, settings)
        self._transaction: object | None = None
        self._cancelled = threading.Event()

    @property
    def server_version(self) -> int:
        """The server's version, such as 150018 for 15.18; connects if there is no session."""
        if self._transaction is None:
            self._keep_session()
        version: int = self._session().info.server_version
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
        if self._transaction is not None:
            raise InternalError("A transaction was opened inside another one.")
        token = self._transaction = object()
        self._cancelled.clear()
        try:
            with self._begin(query_id, deadline=deadline, snapshot=snapshot) as cursor:
                if self._cancelled.is_set():
                    raise SourceTimeoutError(f"Catalog {self._catalog!r}: cancelled.")
                yield cursor
        except psycopg2.Error as error:
            raise translate(error, catalog=self._catalog, table=table) from error
        finally:
            if self._transaction is token:
                self.release()

    def export_snapshot(self, query_id: str) -> str | None:
        """Hold a snapshot open for the splits of a query; see ``SnapshotHolder.export``."""
        return self._snapshots.export(query_id)

    def cancel(self) -> None:
        """Stop the running statement; the thread that runs it then gets SQLSTATE 57014.

        Called again in the same transaction, it breaks off the session, because its network
        has fallen silent. Safe from any thread. Without a transaction it does nothing.
        """
        again = self._cancelled.is_set()
        self._cancelled.set()
        connection = self._connection
        if self._transaction is not None and connection is not None:
            with suppress(psycopg2.Error):
                connection.break_off() if again else connection.cancel()

    def release(self) -> None:
        """End a transaction that is still open; the session stays for the next one."""
        self._transaction = None
        connection = self._connection
        if connection is None:
            return
        try:
            if connection.info.transaction_status == extensions.TRANSACTION_STATUS_ACTIVE:
                # A COPY that was broken off; without this all its rows would be drained.
                connection.cancel()
            connection.rollback()
        except psycopg2.Error:
            self._close_session()

    def close(self) -> None:
        """Close all sessions; the next use opens new ones."""
        self._transaction = None
        self._close_session()
        self._snapshots.close()

    def _begin(self, query_id: str, *, deadline: float | None, snapshot: str | None) -> Any:
        """Return the cursor of a transaction that has begun.

        Its first statement shows whether a kept session is alive; that saves a ping.
        """
        kept = self._keep_session()
        while True:
            try:
                return self._start(query_id, deadline=deadline, snapshot=snapshot)
            except psycopg2.Error as error:
                died = kept and self._connection.closed
                self._close_session()
                if not died:
                    raise translate(error, catalog=self._catalog) from error
                kept = False

    def _start(self, query_id: str, *, deadline: float | None, snapshot: str | None) -> Any:
        limit_ms = self._limit_ms(deadline)
        parameters = {
            **session_parameters(self._target),
            "application_name": session_label(self._target, query_id),
            "statement_timeout": str(limit_ms),
            "idle_in_transaction_session_timeout": str(limit_ms),
            "lock_timeout": str(min(limit_ms, _LOCK_TIMEOUT_MS)),
        }
        connection = self._session()
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

    def _limit_ms(self, deadline: float | None) -> int:
        """Return what a statement may take.

        At the deadline the read is stopped from here, which says why; the server's own limit
        comes a moment later, for when nobody here can stop it any more.
        """
        limit_ms = self._settings.statement_timeout_ms or _MAX_STATEMENT_MS
        if deadline is None:
            return limit_ms
        remaining_ms = int(1000 * (deadline - time.monotonic()))
        if remaining_ms <= 0:
            raise DeadlineExceededError(
                f"Catalog {self._catalog!r} was not asked: the function's time is nearly over.",
                hint="Raise the function's timeout, or narrow the query.",
            )
        return min(limit_ms, remaining_ms + _GRACE_MS)

    def _session(self) -> Any:
        if self._connection is None:
            self._connection = self._opener.open()
            self._opened = time.monotonic()
        return self._connection

    def _keep_session(self) -> bool:
        """Drop a session that is closed or too old; tell whether one is left."""
        too_old = time.monotonic() - self._opened >= self._settings.max_connection_age_s
        if self._connection is not None and (self._connection.closed or too_old):
            self._close_session()
        return self._connection is not None

    def _close_session(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

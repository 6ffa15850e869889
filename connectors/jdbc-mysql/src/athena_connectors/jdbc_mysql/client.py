"""The session of one MySQL or MariaDB database, and its transactions."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, ClassVar

import pymysql
from athena_connectors.common.errors import ConnectorError, InternalError
from athena_connectors.common.sql.client import SqlClient
from athena_connectors.common.sql.sessions import ends_in_time
from athena_connectors.jdbc_mysql.errno import errno_of, translate
from athena_connectors.jdbc_mysql.login import session_label
from athena_connectors.jdbc_mysql.session import session_opener

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from athena_connectors.common.secrets import SecretResolver
    from athena_connectors.common.sql.connection_strings import ConnectionString
    from athena_connectors.jdbc_mysql.connection import Session
    from athena_connectors.jdbc_mysql.settings import Settings

__all__ = ["Client"]

_ENDED = frozenset({1053, 1927, 4031})
"""What a server says when it ends a session: it stops, somebody killed it, it was idle."""


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

    driver_error: ClassVar[type[Exception]] = pymysql.Error

    def __init__(
        self,
        target: ConnectionString,
        settings: Settings,
        *,
        secrets: SecretResolver | None,
        environ: Mapping[str, str],
    ) -> None:
        super().__init__(
            session_opener(target, settings, secrets=secrets, environ=environ),
            catalog=target.catalog,
            max_connection_age_s=settings.max_connection_age_s,
            statement_timeout_ms=settings.statement_timeout_ms,
        )
        self._target = target
        self._settings = settings
        self._killers = session_opener(
            target, settings, secrets=secrets, environ=environ, is_set_up=False
        )

    @property
    def server_version(self) -> int:
        """The server's version, such as 80036 or 101119; connects if there is no session."""
        version: int = self._any_session().version
        return version

    @property
    def is_mariadb(self) -> bool:
        """Whether the server is MariaDB and not MySQL; connects if there is no session."""
        told: bool = self._any_session().is_mariadb
        return told

    @property
    def connection(self) -> Session:
        """The session of the transaction that is open, for who reads rows by itself."""
        connection: Session | None = self._connection
        if self._transaction is None or connection is None:
            raise InternalError("There is no open transaction.")
        return connection

    @contextmanager
    def transaction(
        self, *, table: str = "", query_id: str = "", deadline: float | None = None
    ) -> Iterator[Any]:
        """Run statements in one READ ONLY transaction, rolled back at the end.

        Args:
            table: What is asked for, for errors.
            query_id: Athena's query, for the comment in front of each statement.
            deadline: ``time.monotonic()`` at which the server stops a statement.

        Yields:
            A PyMySQL cursor that reads whole results. Its errors stay PyMySQL's inside of
            the ``with`` statement and are translated when they leave it.

        Raises:
            DeadlineExceededError: The deadline has passed.
            InvalidCredentialsError: The login is refused, also with a secret read anew.
            SourceError: The server can't be reached.
            SourceTimeoutError: ``cancel`` was called before the first statement.
            ConnectorError: Any other refusal of the server; see ``errno``.
        """

        def begin(connection: Session, limit_ms: int) -> Any:
            return self._begin(connection, limit_ms, query_id=query_id)

        with self._transact(begin, table=table, deadline=deadline) as cursor:
            yield cursor

    def end_statement(self) -> None:
        """Let the server end the running statement, by another session.

        Raises:
            ConnectorError: The server can't be asked.
            pymysql.Error: It can't do it.
        """
        connection: Session | None = self._connection
        if connection is not None:
            self._kill(connection)

    def _begin(self, connection: Session, limit_ms: int, *, query_id: str) -> Any:
        connection.label = session_label(self._target, query_id)
        cursor = connection.cursor()
        if connection.is_mariadb:
            cursor.execute(f"SET max_statement_time = {limit_ms / 1000:.3f}")
        else:
            cursor.execute(f"SET max_execution_time = {limit_ms}")
        repeatable = self._settings.read_consistency == "repeatable_read"
        snapshot = "WITH CONSISTENT SNAPSHOT, " if repeatable else ""
        cursor.execute(f"START TRANSACTION {snapshot}READ ONLY")
        return cursor

    def _is_closed(self, connection: Session) -> bool:
        return not connection.open

    def _is_lost(self, connection: Session, error: Exception) -> bool:
        return not connection.open or errno_of(error) in _ENDED

    def _translate(self, error: Exception, *, table: str = "") -> ConnectorError:
        assert isinstance(error, pymysql.Error)
        return translate(error, catalog=self._catalog, table=table)

    def _end(self, connection: Session) -> None:
        if connection.is_busy and connection.open and not self._cancelled.is_set():
            self._stop(connection)
        if connection.is_busy or self._cancelled.is_set():
            # Reading on would take as long as the result is; and an order to end a
            # statement may still be on its way.
            connection.drop()
            self._close_session()
        else:
            connection.rollback()

    def _stop(self, connection: Session) -> None:
        try:
            in_time = ends_in_time(lambda: self._kill(connection))
        except (pymysql.Error, ConnectorError):
            in_time = False
        if not in_time:
            connection.break_off()

    def _break_off(self, connection: Session) -> None:
        connection.break_off()

    def _kill(self, connection: Session) -> None:
        killer: Session = self._killers.open()
        try:
            killer.query(f"KILL QUERY {connection.thread_id():d}")
        finally:
            killer.close()

"""The session of one database, kept from one invocation to the next.

Every statement runs in a transaction that only reads and ends with a rollback, so nothing
is left open when the function is frozen, and nothing is ever written.
"""

from __future__ import annotations

import threading
import time
from abc import ABC, abstractmethod
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, ClassVar

from athena_connectors.common.errors import (
    ConnectorError,
    DeadlineExceededError,
    InternalError,
    SourceTimeoutError,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from athena_connectors.common.sql.sessions import SessionOpener

    Begin = Callable[[Any, int], Any]

__all__ = ["LOCK_TIMEOUT_MS", "SqlClient"]

# The longest life of an invocation: what a statement may take when nobody says less.
_MAX_STATEMENT_MS = 900_000
LOCK_TIMEOUT_MS = 30_000
"""How long a statement waits for somebody's lock on the table."""
_GRACE_MS = 2_000


class SqlClient(ABC):
    """Opens sessions when needed and keeps one for the next invocation.

    Used by one thread at a time, except for ``cancel``. A dialect says what its driver's
    errors mean and how its sessions are ended.

    Args:
        opener: Opens sessions.
        catalog: The catalog that they serve, for errors.
        max_connection_age_s: Age at which a session is replaced, in seconds.
        statement_timeout_ms: Time limit of a statement, in ms; 0 for that of the function.
    """

    driver_error: ClassVar[type[Exception]]
    """What all errors of the driver are."""

    def __init__(
        self,
        opener: SessionOpener,
        *,
        catalog: str,
        max_connection_age_s: int,
        statement_timeout_ms: int,
    ) -> None:
        self._opener = opener
        self._catalog = catalog
        self._max_age_s = max_connection_age_s
        self._statement_timeout_ms = statement_timeout_ms
        self._connection: Any = None
        self._opened = 0.0
        self._transaction: object | None = None
        self._cancelled = threading.Event()

    def cancel(self) -> None:
        """Stop the running statement; the thread that runs it then gets the driver's error.

        Called again in the same transaction, it breaks off the session, because its network
        has fallen silent. Safe from any thread. Without a transaction it does nothing.
        """
        again = self._cancelled.is_set()
        self._cancelled.set()
        connection = self._connection
        if self._transaction is not None and connection is not None:
            with suppress(self.driver_error):
                self._break_off(connection) if again else self._stop(connection)

    def release(self) -> None:
        """End a transaction that is still open; the session stays for the next one."""
        self._transaction = None
        if self._connection is not None:
            try:
                self._end(self._connection)
            except self.driver_error:
                self._close_session()

    def close(self) -> None:
        """Close all sessions; the next use opens new ones."""
        self._transaction = None
        self._close_session()

    @contextmanager
    def _transact(self, begin: Begin, *, table: str, deadline: float | None) -> Iterator[Any]:
        """Run statements in one transaction.

        Args:
            begin: Begins it in a session, given the time limit of a statement in ms;
                returns its cursor.
            table: What is asked for, for errors.
            deadline: ``time.monotonic()`` at which the server stops a statement.
        """
        if self._transaction is not None:
            raise InternalError("A transaction was opened inside another one.")
        token = self._transaction = object()
        self._cancelled.clear()
        try:
            with self._begun(begin, deadline) as cursor:
                if self._cancelled.is_set():
                    raise SourceTimeoutError(f"Catalog {self._catalog!r}: cancelled.")
                yield cursor
        except self.driver_error as error:
            raise self._translate(error, table=table) from error
        finally:
            if self._transaction is token:
                self.release()

    def _any_session(self) -> Any:
        """Return a session outside of any transaction, or that of the one that is open."""
        if self._transaction is None:
            self._keep_session()
        return self._session()

    def _close_session(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _begun(self, begin: Begin, deadline: float | None) -> Any:
        """Return the cursor of a transaction that has begun.

        Its first statement shows whether a kept session is alive; that saves a ping.
        """
        kept = self._keep_session()
        while True:
            limit_ms = self._limit_ms(deadline)
            connection = self._session()
            try:
                return begin(connection, limit_ms)
            except self.driver_error as error:
                died = kept and self._is_lost(connection, error)
                self._close_session()
                if not died or self._cancelled.is_set():
                    raise self._translate(error) from error
                kept = False

    def _limit_ms(self, deadline: float | None) -> int:
        """Return what a statement may take.

        At the deadline the read is stopped from here, which says why; the server's own limit
        comes a moment later, for when nobody here can stop it any more.
        """
        limit_ms = self._statement_timeout_ms or _MAX_STATEMENT_MS
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
        too_old = time.monotonic() - self._opened >= self._max_age_s
        if self._connection is not None and (too_old or self._is_closed(self._connection)):
            self._close_session()
        return self._connection is not None

    def _is_lost(self, connection: Any, error: Exception) -> bool:
        """Tell whether an error says that the session is over; by default, if it is closed."""
        del error
        return self._is_closed(connection)

    @abstractmethod
    def _is_closed(self, connection: Any) -> bool:
        """Tell whether a session is known to be over."""

    @abstractmethod
    def _translate(self, error: Exception, *, table: str = "") -> ConnectorError:
        """Return the error of ours to raise from one of the driver."""

    @abstractmethod
    def _end(self, connection: Any) -> None:
        """Roll back, without reading on what was broken off; may drop the session."""

    @abstractmethod
    def _stop(self, connection: Any) -> None:
        """Let the server end the running statement, or end the session if it does not hear.

        Safe from any thread.
        """

    @abstractmethod
    def _break_off(self, connection: Any) -> None:
        """End the session without a word to the server. Safe from any thread."""

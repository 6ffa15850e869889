"""Asks Athena whether a query is over, so that nobody reads for a query that is gone."""

from __future__ import annotations

import logging
import threading
from itertools import chain, repeat
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["QueryStatusChecker"]

DELAYS_SECONDS = (1, 1, 2, 3, 5, 8, 13, 21, 34, 55)
TERMINAL_STATES = frozenset({"SUCCEEDED", "FAILED", "CANCELLED"})
CLOSE_SECONDS = 0.5

logger = logging.getLogger(__name__)


class QueryStatusChecker:
    """Polls one query in the background, more and more rarely.

    Nothing is asked before ``stopped`` is read for the first time, and never by the thread
    that reads it.

    Args:
        client_factory: Returns an Athena client; called in the background.
        query_id: Athena's query.
        wait: Waits so many seconds and tells whether ``close`` was called meanwhile.

    Cost:
        One ``GetQueryExecution`` after 1, 1, 2, 3, 5, 8, 13, 21, 34, 55, 55, ... seconds.

    Source:
        Wire protocol, section 17.3.
    """

    def __init__(
        self,
        client_factory: Callable[[], Any],
        query_id: str,
        *,
        wait: Callable[[float], bool] | None = None,
    ) -> None:
        self._client_factory = client_factory
        self._query_id = query_id
        self._closed = threading.Event()
        self._over = threading.Event()
        self._start = threading.Lock()
        self._wait = wait or self._closed.wait
        self._thread: threading.Thread | None = None

    @property
    def stopped(self) -> bool:
        """Whether Athena has said that the query is over; may be read by any thread."""
        with self._start:
            if self._thread is None and not self._closed.is_set():
                self._thread = threading.Thread(target=self._poll, name="query-status", daemon=True)
                self._thread.start()
        return self._over.is_set()

    def close(self) -> None:
        """Stop asking; safe to call twice.

        A call under way is waited for only briefly: it ends by itself within seconds.
        """
        self._closed.set()
        if self._thread is not None:
            self._thread.join(CLOSE_SECONDS)

    def _poll(self) -> None:
        for delay in chain(DELAYS_SECONDS, repeat(DELAYS_SECONDS[-1])):
            if self._wait(delay) or self._is_final():
                return

    def _is_final(self) -> bool:
        """Ask once; true when there is nothing more to ask."""
        from athena_connectors.common.aws_errors import error_code  # noqa: PLC0415

        try:
            reply = self._client_factory().get_query_execution(QueryExecutionId=self._query_id)
            state = reply["QueryExecution"]["Status"]["State"]
        except Exception as error:  # noqa: BLE001 - a reader does not depend on this
            code = error_code(error)
            logger.info(
                "The status of query %s is not known: %s", self._query_id, code or type(error)
            )
            return code == "InvalidRequestException"
        if state in TERMINAL_STATES:
            self._over.set()
        return self._over.is_set()

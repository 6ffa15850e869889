"""Ends a read in time: before the function's deadline, when nobody needs it, over budget.

A source can block for minutes without giving a row, so a thread watches the clock and the
query, and cancels the connector's running call, more than once if need be; the read then
ends with the watcher's error instead of the source's.
"""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol, Self

from athena_connectors.common.budgets import UNLIMITED
from athena_connectors.common.errors import (
    ConnectorError,
    DeadlineExceededError,
    QueryStoppedError,
)
from athena_connectors.common.observability import SplitStats

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import TracebackType

    from athena_connectors.common.budgets import SplitBudget

__all__ = ["RESERVE_SECONDS", "ReadGuard", "read_deadline"]

RESERVE_SECONDS = 30.0
POLL_SECONDS = 0.5
REPEAT_SECONDS = 1.0


class QueryStatus(Protocol):
    """Tells whether a query is over."""

    @property
    def stopped(self) -> bool:
        """Whether Athena says that the query is over."""

    def close(self) -> None:
        """Stop asking."""


def read_deadline(remaining_ms: int, *, now: float | None = None) -> float:
    """Return the ``time.monotonic()`` at which a read has to stop.

    That is 30 seconds before the function is killed, or half of what remains when that
    is less than a minute.

    Args:
        remaining_ms: Milliseconds until the function is killed.
        now: The clock's reading; the clock itself by default.
    """
    remaining = remaining_ms / 1000
    started = time.monotonic() if now is None else now
    return started + remaining - min(RESERVE_SECONDS, remaining / 2)


class ReadGuard:
    """Watches one read; a context manager.

    Args:
        deadline: ``time.monotonic()`` to stop at, or ``None``.
        status: Who knows whether the query is over, or ``None``.
        cancel: Stops the connector's running call; called again while the read has not ended.
        table: For the error's text.
        budget: What the read may cost.
        stats: What it has cost.
    """

    def __init__(
        self,
        *,
        deadline: float | None,
        status: QueryStatus | None,
        cancel: Callable[[], None],
        table: str,
        budget: SplitBudget = UNLIMITED,
        stats: SplitStats | None = None,
    ) -> None:
        self._deadline = deadline
        self._status = status
        self._cancel = cancel
        self._table = table
        self._budget = budget
        self._stats = SplitStats() if stats is None else stats
        self._waits_since: tuple[float, float] | None = None
        self._closed = threading.Event()
        self._stopped_by: ConnectorError | None = None
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        is_watched = self._deadline is not None or self._status is not None
        if is_watched or self._budget.limits_time:
            self._thread = threading.Thread(target=self._watch, name="read-guard", daemon=True)
            self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._closed.set()
        if self._thread is not None:
            self._thread.join()
        if self._status is not None:
            self._status.close()
        if error is not None and error is not self._stopped_by and self._stopped_by is not None:
            raise self._stopped_by from error

    def check(self) -> None:
        """Raise if the read has to stop.

        Raises:
            DeadlineExceededError: The function's time is nearly over.
            QueryStoppedError: Athena says that the query is over.
            BudgetExceededError: The read has cost more than it may.
        """
        if self._stopped_by is None:
            self._stopped_by = self._reason()
        if self._stopped_by is not None:
            raise self._stopped_by

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """Tell that the source is waited for, so that a budget of its time ends that too."""
        self._waits_since = time.perf_counter(), self._stats.source_seconds
        try:
            yield
        finally:
            self._waits_since = None

    def _watch(self) -> None:
        while not self._closed.wait(POLL_SECONDS):
            reason = self._reason()
            if reason is not None:
                self._stopped_by = self._stopped_by or reason
                self._cancel()
                while not self._closed.wait(REPEAT_SECONDS):
                    self._cancel()
                return

    def _reason(self) -> ConnectorError | None:
        if self._deadline is not None and time.monotonic() >= self._deadline:
            return DeadlineExceededError(
                f"Reading {self._table} was stopped: the function's time is nearly over.",
                hint="Narrow the predicate, raise the number of splits, or raise the"
                " function's timeout and memory.",
            )
        if self._status is not None and self._status.stopped:
            return QueryStoppedError(
                f"Reading {self._table} was stopped: Athena says that the query is over."
            )
        return self._budget.overspent(self._stats, waiting_seconds=self._uncounted_seconds())

    def _uncounted_seconds(self) -> float:
        """Return how long the source has been waited for beyond what is counted already."""
        since = self._waits_since
        if since is None:
            return 0.0
        started, counted = since
        meanwhile = self._stats.source_seconds - counted
        return max(0.0, time.perf_counter() - started - meanwhile)

"""Keeps calls to a source within a rate, when what a call costs is known only afterwards."""

from __future__ import annotations

import math
import threading
import time
from typing import TYPE_CHECKING

from athena_connectors.common.errors import BudgetExceededError, QueryStoppedError

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["TokenBucket"]

_SHORTEST_WAIT = 0.001
"""Seconds; a debt so small that no clock shows it is waited for all the same."""


class TokenBucket:
    """A budget that fills at a steady rate; calls go while something is left in it.

    What a call cost is taken out after it, which may leave a debt that the next call waits
    for. So what is spent in ``t`` seconds is at most ``rate * (t + 1)`` and what the last
    calls cost. Safe to use from several threads.

    Args:
        rate_per_second: What may be spent in a second, in the source's own units; what is
            not spent is kept for one second.
        source: What is called, for errors.
        setting: The setting that the rate comes from, for errors.
        clock: Seconds that only grow.
        wait: Waits for an event so many seconds at most; tells whether it came.
    """

    def __init__(
        self,
        rate_per_second: float,
        *,
        source: str,
        setting: str,
        clock: Callable[[], float] = time.monotonic,
        wait: Callable[[threading.Event, float], bool] = threading.Event.wait,
    ) -> None:
        self._rate = rate_per_second
        self._source = source
        self._setting = setting
        self._clock = clock
        self._wait = wait
        self._lock = threading.Lock()
        self._left = rate_per_second
        self._filled = clock()

    @property
    def rate_per_second(self) -> float:
        """What may be spent in a second."""
        return self._rate

    def charge(self, cost: float) -> None:
        """Take out what a call cost."""
        with self._lock:
            self._fill()
            self._left -= cost

    def acquire(
        self, *, deadline: float = math.inf, cancelled: threading.Event | None = None
    ) -> None:
        """Wait until a call may be made.

        Args:
            deadline: The clock's reading before which the call has to be made.
            cancelled: Set by another thread to end the waiting at once.

        Raises:
            BudgetExceededError: The call would have to wait beyond the deadline.
            QueryStoppedError: The waiting was cancelled.
        """
        cancelled = cancelled or threading.Event()
        while seconds := self._seconds_of_debt():
            if self._clock() + seconds >= deadline:
                raise BudgetExceededError(
                    f"{self._source} can't be read in time at {self._rate:g} units per second.",
                    hint=f"Raise {self._setting}, or narrow the query.",
                    setting=self._setting,
                )
            if self._wait(cancelled, seconds):
                raise QueryStoppedError(f"The call of {self._source} was cancelled.")

    def _seconds_of_debt(self) -> float:
        with self._lock:
            self._fill()
            return max(_SHORTEST_WAIT, -self._left / self._rate) if self._left < 0 else 0.0

    def _fill(self) -> None:
        now = self._clock()
        self._left = min(self._rate, self._left + (now - self._filled) * self._rate)
        self._filled = now

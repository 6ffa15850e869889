"""Slows calls down while a source is congested: additive increase, multiplicative decrease."""

from __future__ import annotations

import math
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from athena_connectors.common.config import parse_float, parse_int, setting
from athena_connectors.common.errors import ConfigurationError, QueryStoppedError, ThrottledError

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["ThrottleSettings", "ThrottlingInvoker"]

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class ThrottleSettings:
    """How calls to a congested source are slowed down.

    Source:
        Wire protocol, section 20.
    """

    throttle_initial_delay_ms: int = setting(
        "throttle_initial_delay_ms",
        default=10,
        parse=parse_int(minimum=1),
        doc="First delay between calls after the source was congested, in ms.",
    )
    throttle_max_delay_ms: int = setting(
        "throttle_max_delay_ms",
        default=1000,
        parse=parse_int(minimum=1),
        doc="Longest delay between calls, in ms.",
    )
    throttle_decrease_factor: float = setting(
        "throttle_decrease_factor",
        default=0.5,
        parse=parse_float(minimum=0.001, maximum=1),
        doc="The rate of calls is multiplied by this each time the source is congested.",
    )
    throttle_increase_ms: int = setting(
        "throttle_increase_ms",
        default=10,
        parse=parse_int(minimum=1),
        doc="The delay shrinks by this after each call that succeeds, in ms.",
    )

    def __post_init__(self) -> None:
        if self.throttle_initial_delay_ms > self.throttle_max_delay_ms:
            raise ConfigurationError(
                f"throttle_initial_delay_ms is {self.throttle_initial_delay_ms}, which is more"
                f" than throttle_max_delay_ms, {self.throttle_max_delay_ms}.",
                hint="Lower the one or raise the other.",
            )


class ThrottlingInvoker:
    """Makes calls to one source, and slows down when it is congested.

    The delay is shared by all calls of an instance, which may come from several threads.

    Args:
        settings: Delays.
        congestion: Names what an error tells of a congested source, for people; returns an
            empty text for an error that tells of none.
        source: What is called, for errors.
        clock: Seconds that only grow.
        wait: Waits for an event so many seconds at most; tells whether it came.

    Source:
        Wire protocol, section 17.3.
    """

    def __init__(
        self,
        settings: ThrottleSettings,
        *,
        congestion: Callable[[Exception], str],
        source: str,
        clock: Callable[[], float] = time.monotonic,
        wait: Callable[[threading.Event, float], bool] = threading.Event.wait,
    ) -> None:
        self._settings = settings
        self._congestion = congestion
        self._source = source
        self._clock = clock
        self._wait = wait
        self._lock = threading.Lock()
        self._delay_ms = 0

    @property
    def delay_ms(self) -> int:
        """The delay before the next call, in ms; 0 while the source is not congested."""
        return self._delay_ms

    def call(
        self,
        work: Callable[[], T],
        *,
        deadline: float = math.inf,
        cancelled: threading.Event | None = None,
    ) -> T:
        """Return what a call returns, repeating it while the source is congested.

        Args:
            work: The call; may be made several times.
            deadline: The clock's reading after which no call is repeated.
            cancelled: Set by another thread to end the waiting at once.

        Raises:
            ThrottledError: The source stayed congested until the deadline.
            QueryStoppedError: The waiting was cancelled.
            Exception: Whatever else the call raises, unchanged.
        """
        started = self._clock()
        cancelled = cancelled or threading.Event()
        calls = 0
        while True:
            calls += 1
            delay_ms = self._delay_ms
            if self._wait(cancelled, delay_ms / 1000) if delay_ms else cancelled.is_set():
                raise QueryStoppedError(f"The call of {self._source} was cancelled.")
            try:
                result = work()
            except Exception as error:
                reason = self._congestion(error)
                if not reason:
                    raise
                self._slow_down(seen_ms=delay_ms)
                if self._clock() + self._delay_ms / 1000 >= deadline:
                    waited = self._clock() - started
                    raise self._given_up(reason, waited=waited, calls=calls) from error
            else:
                self._speed_up()
                return result

    def _given_up(self, reason: str, *, waited: float, calls: int) -> ThrottledError:
        return ThrottledError(
            f"{self._source} stayed congested for {waited:.0f} seconds and {calls} calls"
            f" ({reason}).",
            hint="Run fewer queries at the same time, or raise its capacity.",
        )

    def _slow_down(self, *, seen_ms: int) -> None:
        settings = self._settings
        with self._lock:
            if self._delay_ms > seen_ms:
                return  # another thread has reacted since this call was made
            grown = math.ceil(self._delay_ms / settings.throttle_decrease_factor)
            wanted = grown or settings.throttle_initial_delay_ms
            self._delay_ms = min(wanted, settings.throttle_max_delay_ms)

    def _speed_up(self) -> None:
        with self._lock:
            self._delay_ms = max(0, self._delay_ms - self._settings.throttle_increase_ms)

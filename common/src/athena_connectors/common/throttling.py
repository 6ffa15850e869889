"""Slows calls down while a source is congested: additive increase, multiplicative decrease."""

from __future__ import annotations

import math
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from athena_connectors.common.config import parse_float, parse_int, setting
from athena_connectors.common.errors import ConfigurationError, SourceTimeoutError, ThrottledError

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
        is_congestion: Tells which errors mean that the source is congested.
        source: What is called, for errors.
        may_give_back: Tells, for each congestion, whether the engine may still be asked to
            come back later, because nothing was spilled yet; never by default.
        timeout_seconds: Time for one call with all its repetitions; no limit by default.
        clock: Seconds that only grow.
        sleep: Waits so many seconds.

    Source:
        Wire protocol, section 17.3.
    """

    def __init__(
        self,
        settings: ThrottleSettings,
        *,
        is_congestion: Callable[[Exception], bool],
        source: str,
        may_give_back: Callable[[], bool] = lambda: False,
        timeout_seconds: float = math.inf,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], object] = time.sleep,
    ) -> None:
        self._settings = settings
        self._is_congestion = is_congestion
        self._source = source
        self._may_give_back = may_give_back
        self._timeout_seconds = timeout_seconds
        self._clock = clock
        self._sleep = sleep
        self._lock = threading.Lock()
        self._delay_ms = 0

    @property
    def delay_ms(self) -> int:
        """The delay before the next call, in ms; 0 while the source is not congested."""
        return self._delay_ms

    def call(self, work: Callable[[], T]) -> T:
        """Return what a call returns, repeating it while the source is congested.

        Args:
            work: The call; may be made several times.

        Raises:
            ThrottledError: The source is congested and the engine may come back later.
            SourceTimeoutError: It stayed congested until the time was over.
            Exception: Whatever else the call raises, unchanged.
        """
        started = self._clock()
        while True:
            if self._delay_ms:
                self._sleep(self._delay_ms / 1000)
            try:
                result = work()
            except Exception as error:
                if not self._is_congestion(error):
                    raise
                self._slow_down(error, waited=self._clock() - started)
            else:
                self._speed_up()
                return result

    def _slow_down(self, error: Exception, *, waited: float) -> None:
        settings = self._settings
        if self._may_give_back():
            raise ThrottledError(
                f"{self._source} is congested.", hint="Run the query again later."
            ) from error
        if waited >= self._timeout_seconds:
            raise SourceTimeoutError(
                f"{self._source} stayed congested for {waited:.0f} seconds.",
                hint="Run fewer queries at the same time, or raise its capacity.",
            ) from error
        with self._lock:
            doubled = math.ceil(self._delay_ms / settings.throttle_decrease_factor)
            wanted = doubled or settings.throttle_initial_delay_ms
            self._delay_ms = min(wanted, settings.throttle_max_delay_ms)

    def _speed_up(self) -> None:
        with self._lock:
            self._delay_ms = max(0, self._delay_ms - self._settings.throttle_increase_ms)

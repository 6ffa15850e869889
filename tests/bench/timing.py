"""The time that a piece of work takes at its best."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")


def best_of(work: Callable[[], T], repeats: int) -> tuple[float, T]:
    """Return the seconds of the fastest of some runs, and the last result."""
    seconds = float("inf")
    for _ in range(repeats):
        started = time.perf_counter()
        result = work()
        seconds = min(seconds, time.perf_counter() - started)
    return seconds, result

"""No thread of an invocation outlives it."""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from athena_connectors.common.testing.faults import THREAD_NAMES

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["no_thread_stays", "require_no_thread"]

_SECONDS = 6.0
"""Longest time in which a thread ends by itself: a call to Athena is not broken off."""


def require_no_thread(*, where: str) -> None:
    """Wait until no thread of an invocation is left.

    Raises:
        AssertionError: One is left.
    """
    limit = time.monotonic() + _SECONDS
    while left := [item for item in threading.enumerate() if item.name.startswith(THREAD_NAMES)]:
        assert time.monotonic() < limit, f"{where}: these threads are left: {left}"
        left[0].join(limit - time.monotonic())


@contextmanager
def no_thread_stays() -> Iterator[None]:
    """Expect that every thread that starts within has ended at the end, without a wait.

    Raises:
        AssertionError: One has not.
    """
    before = _threads()
    yield
    left = _threads() - before
    assert not left, f"these threads are left: {left}"


def _threads() -> set[threading.Thread]:
    return {item for item in threading.enumerate() if item.name.startswith(THREAD_NAMES)}

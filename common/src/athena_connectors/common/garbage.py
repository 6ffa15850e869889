"""Python's search for unused objects, held back while many are made.

The search starts whenever enough new objects have been made and goes through them, and from
time to time through all there are: in vain while a page of documents is taken apart, since
all of them are in use. It may cost more than the work itself. Objects that are not part of a
circle are freed at once all the same.
"""

from __future__ import annotations

import gc
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["collector_paused"]


class _Pause:
    """Counts who wants the collector to rest, in all threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._count = 0
        self._was_enabled = False

    def begin(self) -> None:
        with self._lock:
            if self._count == 0:
                self._was_enabled = gc.isenabled()
                gc.disable()
            self._count += 1

    def end(self) -> None:
        with self._lock:
            self._count -= 1
            if self._count == 0 and self._was_enabled:
                gc.enable()


_PAUSE = _Pause()


@contextmanager
def collector_paused() -> Iterator[None]:
    """Let the collector rest, in all threads, until the last who wants that has ended.

    For work of bounded memory that ends soon, such as one page of a read. What it makes
    should be gone, but for its result, when it ends: the collector looks at what is left.
    """
    _PAUSE.begin()
    try:
        yield
    finally:
        _PAUSE.end()

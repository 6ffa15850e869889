"""Turns a driver that pushes into an iterator that is pulled, without collecting.

No thread outlives its iterator, and no error of the producer is lost.
"""

from __future__ import annotations

import threading
from collections import deque
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

__all__ = ["iterate_in_thread"]

T = TypeVar("T")


class _Cancelled(BaseException):
    """Ends a producer nobody listens to; no ``except Exception`` of a driver stops it."""


def iterate_in_thread(
    produce: Callable[[Callable[[T], None]], None],
    *,
    capacity: int = 2,
    on_cancel: Callable[[], None] | None = None,
) -> Generator[T]:
    """Yield what a function emits, which runs in a thread of its own meanwhile.

    The thread starts with the first item that is asked for and has ended when the iterator
    is exhausted, raises or is closed.

    Args:
        produce: Calls ``emit(item)`` for each item, which waits while ``capacity`` items
            are not yet taken. What it raises is raised here, after the items before it.
        capacity: Items made in advance, 1 or more.
        on_cancel: Called when the iterator is closed early, before the thread is waited
            for, to end a call of the producer that would block.
    """
    channel: _Channel[T] = _Channel(capacity)
    thread = threading.Thread(
        target=channel.run, args=(produce,), name="streaming-producer", daemon=True
    )
    thread.start()
    try:
        yield from channel
    finally:
        try:
            if channel.cancel() and on_cancel is not None:
                on_cancel()
        finally:
            thread.join()
    if channel.error is not None:
        raise channel.error


class _Channel(Generic[T]):
    """Items on their way from the producer to the consumer, few at a time."""

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._items: deque[T] = deque()
        self._changed = threading.Condition()
        self._ended = False
        self._cancelled = False
        self.error: BaseException | None = None

    def run(self, produce: Callable[[Callable[[T], None]], None]) -> None:
        """Produce all items; the thread's work."""
        try:
            produce(self._emit)
        except _Cancelled:
            pass
        except BaseException as error:  # noqa: BLE001 - raised by the consumer
            self.error = error
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def __iter__(self) -> Generator[T]:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._items or self._ended)
                if not self._items:
                    return
                item = self._items.popleft()
                self._changed.notify_all()
            yield item
            del item

    def cancel(self) -> bool:
        """Make the next ``emit`` fail; tell whether the producer had still been at work."""
        with self._changed:
            self._cancelled = True
            self._changed.notify_all()
            return not self._ended

    def _emit(self, item: T) -> None:
        with self._changed:
            self._changed.wait_for(lambda: len(self._items) < self._capacity or self._cancelled)
            if self._cancelled:
                raise _Cancelled
            self._items.append(item)
            self._changed.notify_all()

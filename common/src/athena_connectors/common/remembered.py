"""Values that are kept for some seconds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

__all__ = ["Remembered"]

ValueT = TypeVar("ValueT")

MAX_VALUES = 200


class Remembered(Generic[ValueT]):
    """Some values by key, none older than it may be; used by one thread.

    Args:
        seconds: How long a value is kept; 0 for not at all.
        clock: Seconds that only ever grow.
        most: How many values are kept at most.
    """

    def __init__(
        self, seconds: float, clock: Callable[[], float], *, most: int = MAX_VALUES
    ) -> None:
        self._seconds = seconds
        self._clock = clock
        self._most = most
        self._values: dict[Hashable, tuple[float, ValueT]] = {}

    def get(self, key: Hashable) -> ValueT | None:
        """Return a value that was kept and is not too old."""
        kept = self._values.get(key)
        if kept is None or self._clock() - kept[0] >= self._seconds:
            return None
        return kept[1]

    def keep(self, key: Hashable, value: ValueT) -> ValueT:
        """Keep a value and return it; too many of them are all forgotten first."""
        if len(self._values) >= self._most and key not in self._values:
            self._values.clear()
        self._values[key] = (self._clock(), value)
        return value

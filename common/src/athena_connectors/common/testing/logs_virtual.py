"""Log events that are computed when asked for: a group of a million streams takes no memory."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from typing import TYPE_CHECKING

from athena_connectors.common.testing.logs_events import Event, StreamFacts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from athena_connectors.common.testing.logs_events import EventRange

__all__ = ["VirtualStreams"]


@dataclass(frozen=True, slots=True)
class VirtualStreams:
    """Streams whose events are computed: each lives for a while, one after the other.

    Event ``j`` of the group lies at ``start + j * step`` and in stream ``j // per_stream``.
    What is told of a stream never lags.

    Attributes:
        count: How many streams there are.
        start: Time of the first event, in ms since 1970.
        step: Ms from one event to the next.
        per_stream: Events of each stream.
        name: Name of a stream by its number; names of higher numbers sort higher.
        message: Text of an event by its number.
        delay: Ms after which an event comes.
    """

    count: int
    start: int
    step: int = 1
    per_stream: int = 1
    name: Callable[[int], str] = "stream-{:09d}".format
    message: Callable[[int], str] = "message {}".format
    delay: int = 500

    def event(self, number: int) -> Event:
        """Return an event by its number."""
        timestamp = self.start + number * self.step
        stream = self.name(number // self.per_stream)
        return Event(timestamp, timestamp + self.delay, number, stream, self.message(number))

    def events(self, wanted: EventRange) -> Iterator[Event]:
        """As of ``EventSource``."""
        low = self._at(wanted.start)
        high = self.count * self.per_stream if wanted.end is None else self._at(wanted.end)
        if wanted.beyond is not None and wanted.backward:
            high = min(high, self._at(wanted.beyond[0]))
        elif wanted.beyond is not None:
            low = max(low, self._at(wanted.beyond[0] + 1))
        for streams in self._streams_of(wanted):
            first = max(low, streams.start * self.per_stream)
            end = min(high, streams.stop * self.per_stream)
            numbers = range(first, end)
            yield from map(self.event, reversed(numbers) if wanted.backward else numbers)

    def _streams_of(self, wanted: EventRange) -> Iterable[range]:
        """Return ranges of the numbers of wanted streams, in the direction of reading."""
        if wanted.names is None:
            return (self._with_prefix(wanted.prefix),)
        numbers = [n for n in map(self._number, wanted.names) if n is not None]
        return [range(n, n + 1) for n in sorted(numbers, reverse=wanted.backward)]

    def _at(self, time: int) -> int:
        """Return the number of the first event at a time or after it."""
        number = -((self.start - time) // self.step)
        return max(0, min(number, self.count * self.per_stream))

    def _with_prefix(self, prefix: str) -> range:
        numbers = range(self.count)
        first = bisect_left(numbers, prefix, key=self.name)
        size = len(prefix)
        return range(first, bisect_right(numbers, prefix, key=lambda n: self.name(n)[:size]))

    def _number(self, name: str) -> int | None:
        number = bisect_left(range(self.count), name, key=self.name)
        return number if number < self.count and self.name(number) == name else None

    def has_stream(self, name: str) -> bool:
        """As of ``EventSource``."""
        return self._number(name) is not None

    def by_name(
        self,
        *,
        prefix: str,
        after: str | None,
        descending: bool,
        lag_ms: int,  # noqa: ARG002 - nothing lags here
    ) -> Iterator[StreamFacts]:
        """As of ``EventSource``."""
        numbers = self._with_prefix(prefix)
        start, stop = numbers.start, numbers.stop
        if after is not None and descending:
            stop = min(stop, bisect_left(range(self.count), after, key=self.name))
        elif after is not None:
            start = max(start, bisect_right(range(self.count), after, key=self.name))
        left = range(start, stop)
        return (self._facts(n) for n in (reversed(left) if descending else left))

    def by_last_event(
        self, *, after: str | None, descending: bool, lag_ms: int
    ) -> Iterator[StreamFacts]:
        """As of ``EventSource``."""
        return self.by_name(prefix="", after=after, descending=descending, lag_ms=lag_ms)

    def _facts(self, number: int) -> StreamFacts:
        first = self.event(number * self.per_stream)
        last = self.event((number + 1) * self.per_stream - 1)
        return StreamFacts(
            first.stream, first.timestamp, first.timestamp, last.timestamp, last.ingestion_time
        )

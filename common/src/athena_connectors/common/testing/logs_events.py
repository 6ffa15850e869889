"""Log events in memory, by stream and in the order in which the service gives them."""

from __future__ import annotations

import heapq
from bisect import bisect_left
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

__all__ = [
    "Event",
    "EventRange",
    "EventSource",
    "Place",
    "StoredStreams",
    "StreamFacts",
]

Place = tuple[int, int, int]
"""Where an event lies in the order of its group: its time, ingestion time and number."""


class Event(NamedTuple):
    """An event; the service's order is the order of these tuples.

    Attributes:
        timestamp: Its time, in ms since 1970.
        ingestion_time: When it came, in ms since 1970.
        number: How many events came before it.
        stream: Its stream.
        message: Its text.
    """

    timestamp: int
    ingestion_time: int
    number: int
    stream: str
    message: str

    @property
    def place(self) -> Place:
        """Where it lies."""
        return self[:3]

    @property
    def event_id(self) -> str:
        """Its id: 56 digits."""
        return f"3{self.timestamp:019d}{self.number:036d}"


@dataclass(frozen=True, slots=True)
class EventRange:
    """Which events are read, and in which direction.

    Attributes:
        start: First ms.
        end: First ms after it; ``None`` for no end.
        names: Only these streams; those that are not there are passed over.
        prefix: Only streams whose names start with it.
        beyond: Only what lies beyond it in the direction of reading.
        backward: Whether the newest event comes first.
    """

    start: int = 0
    end: int | None = None
    names: frozenset[str] | None = None
    prefix: str = ""
    beyond: Place | None = None
    backward: bool = False

    def of(self, events: list[Event]) -> Iterator[Event]:
        """Yield, of sorted events of wanted streams, those in the range."""
        low = bisect_left(events, (self.start,))
        high = len(events) if self.end is None else bisect_left(events, (self.end,))
        if self.beyond is not None and self.backward:
            high = min(high, bisect_left(events, self.beyond))
        elif self.beyond is not None:
            timestamp, ingestion_time, number = self.beyond
            low = max(low, bisect_left(events, (timestamp, ingestion_time, number + 1)))
        places = range(high - 1, low - 1, -1) if self.backward else range(low, high)
        return (events[place] for place in places)

    def wants(self, stream: str) -> bool:
        """Whether events of a stream are read."""
        return stream.startswith(self.prefix) and (self.names is None or stream in self.names)


@dataclass(frozen=True, slots=True)
class StreamFacts:
    """What is known of a stream; times are in ms since 1970, ``None`` if it has no event."""

    name: str
    created_at: int
    first_event: int | None
    last_event: int | None
    last_ingestion: int | None


class EventSource(Protocol):
    """The streams of a group, and their events."""

    def events(self, wanted: EventRange) -> Iterator[Event]:
        """Yield events in order."""

    def has_stream(self, name: str) -> bool:
        """Whether there is a stream of this name."""

    def by_name(
        self, *, prefix: str, after: str | None, descending: bool, lag_ms: int
    ) -> Iterator[StreamFacts]:
        """Yield streams by name, as they were ``lag_ms`` before the newest event came.

        Args:
            prefix: What their names start with.
            after: Name of the stream before the first of them.
            descending: Whether the last one comes first.
            lag_ms: How old what is told of their events is.
        """

    def by_last_event(
        self, *, after: str | None, descending: bool, lag_ms: int
    ) -> Iterator[StreamFacts]:
        """Yield streams by the time of their last event, then by name.

        Streams without an event count as the oldest. Arguments are those of ``by_name``.
        """


@dataclass(slots=True)
class _Stream:
    created_at: int
    events: list[Event] = field(default_factory=list)


class StoredStreams:
    """Streams whose events are kept in lists."""

    def __init__(self) -> None:
        self._streams: dict[str, _Stream] = {}
        self._all: list[Event] = []

    def create_stream(self, name: str, *, created_at: int) -> None:
        """Make a stream, or let one that is there be at least so old."""
        stream = self._streams.setdefault(name, _Stream(created_at))
        stream.created_at = min(stream.created_at, created_at)

    def delete_stream(self, name: str) -> None:
        """Remove a stream with its events."""
        del self._streams[name]
        self._all = [event for event in self._all if event.stream != name]

    def add(self, events: Iterable[Event]) -> None:
        """Add events, in any order, to streams that are there."""
        grown = set()
        for event in events:
            self._streams[event.stream].events.append(event)
            self._all.append(event)
            grown.add(event.stream)
        self._all.sort()
        for name in grown:
            self._streams[name].events.sort()

    def events(self, wanted: EventRange) -> Iterator[Event]:
        """As of ``EventSource``."""
        if wanted.names is None and not wanted.prefix:
            return wanted.of(self._all)
        lists = [
            wanted.of(stream.events) for name, stream in self._streams.items() if wanted.wants(name)
        ]
        return heapq.merge(*lists, reverse=wanted.backward)

    def has_stream(self, name: str) -> bool:
        """As of ``EventSource``."""
        return name in self._streams

    def by_name(
        self, *, prefix: str, after: str | None, descending: bool, lag_ms: int
    ) -> Iterator[StreamFacts]:
        """As of ``EventSource``."""
        names = sorted(
            name
            for name in self._streams
            if name.startswith(prefix)
            and (after is None or (name < after if descending else name > after))
        )
        latest = self._latest(lag_ms)
        return (self._facts(name, latest) for name in (reversed(names) if descending else names))

    def by_last_event(
        self, *, after: str | None, descending: bool, lag_ms: int
    ) -> Iterator[StreamFacts]:
        """As of ``EventSource``."""
        latest = self._latest(lag_ms)

        def key(facts: StreamFacts) -> tuple[int, str]:
            return (-1 if facts.last_event is None else facts.last_event, facts.name)

        facts = sorted(
            (self._facts(name, latest) for name in self._streams), key=key, reverse=descending
        )
        start = 0
        if after is not None:
            start = 1 + next(i for i, item in enumerate(facts) if item.name == after)
        return islice(facts, start, None)

    def _latest(self, lag_ms: int) -> int | None:
        if not lag_ms:
            return None
        return max((event.ingestion_time for event in self._all), default=0) - lag_ms

    def _facts(self, name: str, latest: int | None) -> StreamFacts:
        stream = self._streams[name]
        events = stream.events
        if latest is not None:
            events = [event for event in events if event.ingestion_time <= latest]
        if not events:
            return StreamFacts(name, stream.created_at, None, None, None)
        return StreamFacts(
            name,
            stream.created_at,
            events[0].timestamp,
            events[-1].timestamp,
            max(event.ingestion_time for event in events),
        )

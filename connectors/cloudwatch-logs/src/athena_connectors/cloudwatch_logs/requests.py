"""The requests that a split makes: one chain of pages for each part of what it reads.

Source: CloudWatch Logs API reference, ``GetLogEvents`` and ``FilterLogEvents``.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

from athena_connectors.cloudwatch_logs.pushdown import MAX_NAMES, PAGE_EVENTS
from athena_connectors.cloudwatch_logs.selection import StreamSelector, Window

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from athena_connectors.cloudwatch_logs.log_group import LogGroup
    from athena_connectors.cloudwatch_logs.selection import Selection

__all__ = ["EventRead", "Operation", "reads_of"]

Operation = Literal["GetLogEvents", "FilterLogEvents"]


@dataclass(frozen=True, slots=True)
class EventRead:
    """What one chain of requests reads.

    Attributes:
        window: Times; it has an end.
        streams: Streams, up to as many as one request names.
        pattern: Filter pattern; empty for none.
        shown: What ``filter_pattern`` is for these events.
        is_backward: Whether the newest events come first.
        is_ordered: Whether that matters to the query.
        needs_filter: Whether only FilterLogEvents will do.
        page_events: Events wanted on a page; ``None`` for as many as there can be.
    """

    window: Window
    streams: StreamSelector
    pattern: str = ""
    shown: str | None = None
    is_backward: bool = False
    is_ordered: bool = False
    needs_filter: bool = False
    page_events: int | None = None

    @property
    def operation(self) -> Operation:
        """What is called: GetLogEvents, of which there may be more calls, where it will do."""
        is_one = self.streams.names is not None and len(self.streams.names) == 1
        plain = is_one and not self.pattern and not self.needs_filter
        return "GetLogEvents" if plain else "FilterLogEvents"

    @property
    def token(self) -> str:
        """Name of the token that leads to the next page."""
        if self.operation == "FilterLogEvents":
            return "nextToken"
        return "nextBackwardToken" if self.is_backward else "nextForwardToken"

    @property
    def stream(self) -> str | None:
        """The stream of all its events, if these do not tell it."""
        if self.operation == "FilterLogEvents":
            return None
        assert self.streams.names is not None, "it reads one stream"
        return self.streams.names[0]

    def request(self, group: LogGroup, *, unmask: bool) -> dict[str, Any]:
        """Return the parameters of all its requests, tokens aside.

        The end of FilterLogEvents is told to be inclusive and was seen to be exclusive, so
        the pages may have events of just the window's end.
        """
        streams, window = self.streams, self.window
        request: dict[str, Any] = {
            **group.parameter,
            "startTime": window.start,
            "endTime": window.end,
        }
        if self.is_backward or self.operation == "GetLogEvents":
            # The default of GetLogEvents is the other one, and FilterLogEvents is new to it.
            request["startFromHead"] = not self.is_backward
        if self.stream is not None:
            request["logStreamName"] = self.stream
        elif streams.names is not None:
            request["logStreamNames"] = list(streams.names)
        elif streams.prefix:
            request["logStreamNamePrefix"] = streams.prefix
        if self.pattern:
            request["filterPattern"] = self.pattern
        if self.page_events is not None:
            request["limit"] = self.page_events
        if unmask:
            request["unmask"] = True
        return request


def reads_of(
    selection: Selection, windows: Sequence[Window], *, planned_ms: int, with_ids: bool
) -> Iterator[EventRead]:
    """Yield what has to be read, in this order, for some of a selection's times.

    Args:
        selection: The events.
        windows: The times, in order, disjoint, each with an end.
        planned_ms: When the scan was planned. What is later is read from its end to its
            begin, unless the order matters: events that are written meanwhile, even by this
            read, then lie behind it, and it ends.
        with_ids: Whether ids of events are wanted.
    """
    newest_first = selection.newest_first
    limit = selection.limit
    is_few = limit is not None and limit < PAGE_EVENTS
    read = EventRead(
        windows[0],
        selection.streams,
        is_backward=newest_first,
        is_ordered=newest_first or selection.oldest_first,
        needs_filter=with_ids or newest_first,
        page_events=limit if is_few else None,
    )
    shown: Sequence[str | None] = (None,) if selection.patterns is None else selection.patterns
    parts = [Window(each.start, each.end) for each in windows]
    if newest_first:
        parts.reverse()
    for value in shown:
        pattern = selection.implied_pattern if value is None else value
        for streams in _batches(selection.streams):
            for window in parts:
                whole = replace(read, window=window, streams=streams, pattern=pattern, shown=value)
                if read.is_ordered:
                    yield whole
                else:
                    yield from _bounded(whole, planned_ms)


def _batches(streams: StreamSelector) -> Iterator[StreamSelector]:
    if streams.names is None:
        yield streams
        return
    for start in range(0, len(streams.names), MAX_NAMES):
        yield StreamSelector(streams.names[start : start + MAX_NAMES])


def _bounded(read: EventRead, planned_ms: int) -> Iterator[EventRead]:
    window = read.window
    assert window.end is not None, "planning gives each window an end"
    if window.start < planned_ms:
        yield replace(read, window=Window(window.start, min(window.end, planned_ms)))
    if window.end > planned_ms:
        later = Window(max(window.start, planned_ms), window.end)
        yield replace(read, window=later, is_backward=True)

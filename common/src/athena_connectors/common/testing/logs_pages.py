"""GetLogEvents and FilterLogEvents of the stand-in: pages of events.

Source: CloudWatch Logs API reference, "GetLogEvents" and "FilterLogEvents".
"""

from __future__ import annotations

import random
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from athena_connectors.common.testing.logs_errors import invalid, not_found
from athena_connectors.common.testing.logs_events import EventRange
from athena_connectors.common.testing.logs_groups import size_bytes
from athena_connectors.common.testing.logs_patterns import compile_pattern

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from athena_connectors.common.testing.logs_events import Event, Place
    from athena_connectors.common.testing.logs_groups import Group, Groups, Switches
    from athena_connectors.common.testing.logs_tokens import Tokens

__all__ = ["NEWEST_FIRST_FROM_MS", "Pages"]

NEWEST_FIRST_FROM_MS = 1_704_067_200_000
"""FilterLogEvents gives the newest events first only of times from 2024 on."""

_EVENT_BYTES = 26
_PAGE_EVENTS = 10_000
_FORWARD, _BACKWARD = "GetLogEvents/f", "GetLogEvents/b"
_BEFORE_ALL: Place = (-1, -1, -1)
_AFTER_ALL: Place = (2**63, 0, 0)


class Pages:
    """Gives pages of events.

    Args:
        groups: All groups.
        tokens: All tokens.
        seed: What pages are empty or short depends on it.
    """

    def __init__(self, groups: Groups, tokens: Tokens, *, seed: int) -> None:
        self._groups = groups
        self._tokens = tokens
        self._random = random.Random(seed)  # noqa: S311 - the same pages each time

    def get(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """Return the reply of GetLogEvents.

        Raises:
            LogsError: The request is refused.
        """
        group = self._groups.asked_for(request)
        group.read()
        stream = request["logStreamName"]
        if not group.source.has_stream(stream):
            raise not_found("log stream")
        token = self._tokens.redeem((_FORWARD, _BACKWARD), request)
        from_head = request.get("startFromHead", False)
        if token is not None and token.kind == _FORWARD and not from_head:
            raise invalid("A nextForwardToken needs startFromHead to be true.")
        forward = from_head if token is None else token.kind == _FORWARD
        nowhere = _BEFORE_ALL if forward else _AFTER_ALL
        position: Place = nowhere if token is None else token.position
        wanted = EventRange(
            start=request.get("startTime", 0),
            end=request.get("endTime"),
            names=frozenset({stream}),
            beyond=position,
            backward=not forward,
        )
        page = _Page(group.switches, request, self._random)
        page.fill(group.source.events(wanted), scanned=None)
        events = page.events if forward else page.events[::-1]
        sent = None if token is None or not page.is_end else request["nextToken"]
        first, last = (events[0].place, events[-1].place) if events else (position, position)
        ahead = sent if forward and not events else None
        behind = sent if not forward and not events else None
        return {
            "events": [_told(event, group.switches) for event in events],
            "nextForwardToken": ahead or self._tokens.issue(_FORWARD, request, last, prefix="f/"),
            "nextBackwardToken": behind
            or self._tokens.issue(_BACKWARD, request, first, prefix="b/"),
        }

    def filter(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """Return the reply of FilterLogEvents.

        Raises:
            LogsError: The request is refused.
        """
        group = self._groups.asked_for(request)
        group.read()
        pattern = request.get("filterPattern", "").strip()
        matches = compile_pattern(pattern) if pattern else None
        token = self._tokens.redeem(("FilterLogEvents",), request)
        if token is not None and token.times_sent <= group.switches.token_repeats:
            return {"events": [], "searchedLogStreams": [], "nextToken": request["nextToken"]}
        wanted = _filtered(request, group)
        if token is not None:
            wanted = replace(wanted, beyond=token.position)
        page = _Page(group.switches, request, self._random)
        page.fill(group.source.events(wanted), group.switches.scanned_events, matches)
        reply: dict[str, Any] = {
            "events": [_told(event, group.switches, is_filtered=True) for event in page.events],
            "searchedLogStreams": [],
        }
        if not page.is_end:
            place = wanted.beyond if page.seen is None else page.seen
            reply["nextToken"] = self._tokens.issue("FilterLogEvents", request, place)
        return reply


def _filtered(request: Mapping[str, Any], group: Group) -> EventRange:
    names = request.get("logStreamNames")
    if names is not None and group.switches.missing_streams_fail:
        for name in names:
            if not group.source.has_stream(name):
                raise not_found("log stream")
    end = request.get("endTime")
    if end is not None and group.switches.filter_end_inclusive:
        end += 1
    return EventRange(
        start=request.get("startTime", 0),
        end=end,
        names=None if names is None else frozenset(names),
        prefix=request.get("logStreamNamePrefix", ""),
        backward=not request.get("startFromHead", True),
    )


class _Page:
    """A page that is filled.

    Attributes:
        events: What is on it.
        seen: Where the last event lies that was looked at; ``None`` if none was.
        is_end: Whether there was nothing more to look at.
    """

    def __init__(
        self, switches: Switches, request: Mapping[str, Any], chance: random.Random
    ) -> None:
        most = min(request.get("limit", _PAGE_EVENTS), switches.page_events)
        if chance.random() < switches.short_pages:
            most = chance.randint(1, max(1, min(most, 20)))
        self._most = 0 if chance.random() < switches.empty_pages else most
        self._most_bytes = switches.page_bytes
        self.events: list[Event] = []
        self.seen: Place | None = None
        self.is_end = False

    def fill(
        self,
        events: Iterator[Event],
        scanned: int | None,
        matches: Callable[[str], bool] | None = None,
    ) -> None:
        """Put on it what fits of the events that match, looking at ``scanned`` at most."""
        size = looked_at = 0
        while len(self.events) < self._most and looked_at != scanned:
            event = next(events, None)
            if event is None:
                self.is_end = True
                return
            looked_at += 1
            if matches is None or matches(event.message):
                size += size_bytes(event.message) + _EVENT_BYTES
                if self.events and size > self._most_bytes:
                    return
                self.events.append(event)
            self.seen = event.place


def _told(event: Event, switches: Switches, *, is_filtered: bool = False) -> dict[str, Any]:
    told: dict[str, Any] = {
        "timestamp": event.timestamp,
        "message": event.message,
        "ingestionTime": event.ingestion_time,
    }
    if is_filtered:
        told = {"logStreamName": event.stream, **told, "eventId": event.event_id}
    for name in switches.absent_fields:
        told.pop(name, None)
    return told

"""Log groups of the stand-in of CloudWatch Logs, and how they misbehave."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from itertools import count
from typing import TYPE_CHECKING, Any

from athena_connectors.common.testing.aws import REGION
from athena_connectors.common.testing.logs_errors import LogsError, invalid, not_found
from athena_connectors.common.testing.logs_events import Event, StoredStreams

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterable, Iterator, Mapping

    from athena_connectors.common.testing.logs_events import EventSource

__all__ = ["ACCOUNT", "Group", "Groups", "Switches"]

ACCOUNT = "123456789012"
"""The account that clients of the stand-in belong to."""

MAX_EVENT_BYTES = 1_048_576 - 26
DAY_MS = 86_400_000
_OLDEST_MS = 14 * DAY_MS
_NEWEST_MS = 2 * 3_600_000
_DELAY_MS = 500
_CLASSES = frozenset({"STANDARD", "INFREQUENT_ACCESS", "ESSENTIALS", "DELIVERY"})


@dataclass(frozen=True, slots=True)
class Switches:
    """How the service behaves where it may behave in several ways.

    Attributes:
        filter_end_inclusive: Whether FilterLogEvents gives events of just ``endTime``; the
            documentation says yes, users measured no.
        empty_pages: Share of pages that are empty though more follows; from 0 to below 1.
        short_pages: Share of pages that end early.
        page_events: Events on a page, at most 10,000.
        page_bytes: Bytes of a page, texts and 26 for each event; one event fits always.
        scanned_events: Events that FilterLogEvents looks at for one page.
        token_repeats: How often FilterLogEvents answers a token with itself and no event
            before it goes on.
        missing_streams_fail: Whether FilterLogEvents refuses names of streams that are not
            there, or passes over them.
        lag_ms: How old what DescribeLogStreams tells of events is.
        untold_streams: Streams of which it tells no times of events.
        absent_fields: Members that events lack: ``timestamp``, ``ingestionTime``, ``eventId``.
        escapes_unicode: Whether replies hold escapes for all but ASCII; lone surrogates are
            escapes in any case.
    """

    filter_end_inclusive: bool = True
    empty_pages: float = 0.0
    short_pages: float = 0.0
    page_events: int = 10_000
    page_bytes: int = 1_048_576
    scanned_events: int = 100_000
    token_repeats: int = 0
    missing_streams_fail: bool = True
    lag_ms: int = 0
    untold_streams: Container[str] = frozenset()
    absent_fields: frozenset[str] = frozenset()
    escapes_unicode: bool = False


@dataclass(slots=True)
class Group:
    """A log group; times are in ms since 1970.

    Attributes:
        name: Its name.
        account: Whose it is.
        log_class: Its class: ``STANDARD``.
        created_at: When it was made.
        retention_days: For how long it keeps events; ``None`` for ever. Nothing expires here.
        stored_bytes: Compressed size of what it holds.
        source: Its streams.
        switches: How the service behaves about it.
        grown_by: What is added to it before each read.
    """

    name: str
    account: str
    log_class: str
    created_at: int
    retention_days: int | None
    stored_bytes: int
    source: EventSource
    switches: Switches
    grown_by: list[Callable[[], object]] = field(default_factory=list)

    @property
    def arn(self) -> str:
        """Its ARN, without ``:*``."""
        return f"arn:aws:logs:{REGION}:{self.account}:log-group:{self.name}"

    def read(self) -> None:
        """Let a read happen.

        Raises:
            LogsError: The group's class has no such reads.
        """
        if self.log_class != "STANDARD":
            raise LogsError(
                "InvalidOperationException",
                f"This operation is not supported for log groups of class {self.log_class}.",
            )
        for grow in self.grown_by:
            grow()


class Groups:
    """All groups, by account and name."""

    def __init__(self) -> None:
        self._groups: dict[tuple[str, str], Group] = {}
        self._numbers = count()
        self._switches = Switches()

    def __iter__(self) -> Iterator[Group]:
        return iter([self._groups[key] for key in sorted(self._groups, key=lambda k: k[::-1])])

    def create(
        self,
        name: str,
        *,
        account: str,
        log_class: str,
        created_at: int,
        retention_days: int | None,
        stored_bytes: int,
        source: EventSource | None,
    ) -> None:
        """Make a group, as of ``LogsFake.create_group``."""
        if (account, name) in self._groups or log_class not in _CLASSES:
            raise ValueError(f"{name} is there already, or {log_class} is no class.")
        self._groups[account, name] = Group(
            name,
            account,
            log_class,
            created_at,
            retention_days,
            stored_bytes,
            StoredStreams() if source is None else source,
            self._switches,
        )

    def delete(self, name: str, account: str) -> None:
        """Remove a group."""
        del self._groups[account, name]

    def switch(self, group: str | None, account: str, **changes: Any) -> None:
        """Change how the service behaves about a group, or about all and those to come."""
        if group is None:
            self._switches = replace(self._switches, **changes)
        for item in [self._groups[account, group]] if group else self._groups.values():
            item.switches = replace(item.switches, **changes)

    def put(
        self,
        group: str,
        stream: str,
        events: Iterable[tuple[int, str]],
        *,
        account: str,
        ingested_at: int | None,
    ) -> None:
        """Add events, as of ``LogsFake.put``."""
        streams = self.stored(group, account)
        created_at = self._groups[account, group].created_at
        added = []
        for timestamp, message in events:
            came = timestamp + _DELAY_MS if ingested_at is None else ingested_at
            if not max(came - _OLDEST_MS, 0) <= timestamp <= came + _NEWEST_MS:
                raise ValueError(f"An event of {timestamp} can't have come at {came}.")
            if came < created_at:
                raise ValueError(f"An event came at {came}, before its group was made.")
            if not 1 <= size_bytes(message) <= MAX_EVENT_BYTES:
                raise ValueError(f"A text of {size_bytes(message)} bytes is no event.")
            added.append(Event(timestamp, came, next(self._numbers), stream, message))
        oldest = min((event.ingestion_time for event in added), default=created_at)
        streams.create_stream(stream, created_at=oldest)
        streams.add(added)

    def stored(self, group: str, account: str) -> StoredStreams:
        """Return the streams of a group that keeps its events.

        Raises:
            ValueError: Its events are computed.
        """
        source = self._groups[account, group].source
        if not isinstance(source, StoredStreams):
            raise ValueError(f"The events of {group} are computed.")  # noqa: TRY004 - not a type
        return source

    def get(self, name: str, account: str) -> Group:
        """Return a group that is there."""
        return self._groups[account, name]

    def asked_for(self, request: Mapping[str, Any]) -> Group:
        """Return the group that a request names.

        Raises:
            LogsError: There is none.
        """
        if "logGroupName" in request:
            return self.identified(request["logGroupName"])
        return self.identified(request["logGroupIdentifier"])

    def identified(self, identifier: str) -> Group:
        """Return the group with a name, of the own account, or with an ARN.

        Raises:
            LogsError: There is none.
        """
        account, name = ACCOUNT, identifier
        if identifier.startswith("arn:"):
            head, _, name = identifier.partition(":log-group:")
            *start, account = head.split(":")
            if start != ["arn", "aws", "logs", REGION]:
                raise invalid(f"Invalid identifier {identifier!r}.")
        group = self._groups.get((account, name))
        if group is None:
            raise not_found("log group")
        return group


def size_bytes(message: str) -> int:
    """Return the size of an event's text, which may hold lone surrogates."""
    return len(message) if message.isascii() else len(message.encode("utf-8", "surrogatepass"))

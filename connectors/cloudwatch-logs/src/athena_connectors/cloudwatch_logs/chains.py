"""One chain of requests, page by page, to its end.

Only what the service says ends a chain: pages may be short or empty in its midst. It ends
without an error only after the last page.

Source: CloudWatch Logs API reference, ``GetLogEvents`` and ``FilterLogEvents``.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Protocol

from athena_connectors.cloudwatch_logs.pages import read_event_page
from athena_connectors.cloudwatch_logs.types import TIME
from athena_connectors.common.errors import (
    DeadlineExceededError,
    InvalidRequestError,
    SourceError,
    SourceTimeoutError,
    ThrottledError,
)
from athena_connectors.common.physical import compute
from athena_connectors.common.source_calls import MARGIN_SECONDS

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping, Sequence

    from athena_connectors.cloudwatch_logs.log_group import LogGroup
    from athena_connectors.cloudwatch_logs.pages import EventPage
    from athena_connectors.cloudwatch_logs.requests import EventRead
    from athena_connectors.common.observability import SplitStats
    from athena_connectors.common.source_calls import Reply

__all__ = ["Chains", "EventClient"]

_MAX_REPEATS = 5
"""Answers in a row that lead to where they were asked for, after which a read fails."""
_FIRST_PAUSE_SECONDS = 0.05
_PAUSE_GROWTH = 3


class EventClient(Protocol):
    """What is needed of the client of CloudWatch Logs."""

    def call(
        self, operation: str, request: Mapping[str, Any], *, deadline: float | None = None
    ) -> Mapping[str, Any]:
        """Return the reply to a call, repeated while the service is congested."""

    def read(
        self, operation: str, request: Mapping[str, Any], *, deadline: float | None = None
    ) -> Reply:
        """As ``call``, and return the reply as it came."""

    def pause(self, seconds: float) -> None:
        """Wait.

        Raises:
            QueryStoppedError: Reading was cancelled, which ends the waiting at once.
        """


class Chains:
    """Makes the requests of one split.

    Args:
        client: Makes the calls.
        group: What is read.
        columns: What is wanted of events, as of ``pages.event_columns``.
        unmask: Whether to ask for sensitive data as it is.
        deadline: ``time.monotonic()`` at which the read has to have ended, or ``None``.
        stats: Counts calls, bytes and time.
    """

    def __init__(
        self,
        client: EventClient,
        group: LogGroup,
        columns: Sequence[str],
        *,
        unmask: bool,
        deadline: float | None,
        stats: SplitStats,
    ) -> None:
        self._client = client
        self._group = group
        self._columns = columns
        self._unmask = unmask
        self._deadline = deadline
        self._stats = stats
        self._reached: int | None = None

    def pages(self, read: EventRead) -> Generator[EventPage]:
        """Yield the pages of what is read; the first request is made for the first one.

        Raises:
            DeadlineExceededError: It took until the deadline.
            ThrottledError: The service stayed congested.
            SourceError: It goes on from the same place again and again.
            InvalidRequestError: It refuses the first request.
            NotFoundError: There is no such group or stream (any more).
            ConnectorError: It refuses or can't be reached; see ``faults``.
        """
        request = read.request(self._group, unmask=self._unmask)
        token: str | None = None
        repeats = 0
        self._reached = None
        while True:
            page = self._page(read, request, token)
            yield page
            before, token = token, page.tokens.get(read.token)
            if token is None or (token == before and read.operation == "GetLogEvents"):
                return
            if token != before:
                repeats = 0
                continue
            repeats += 1
            if page.events.num_rows or repeats > _MAX_REPEATS:
                raise self._stuck()
            self._client.pause(_FIRST_PAUSE_SECONDS * _PAUSE_GROWTH ** (repeats - 1))

    def _page(self, read: EventRead, request: Mapping[str, Any], token: str | None) -> EventPage:
        if self._deadline is not None and time.monotonic() >= self._deadline - MARGIN_SECONDS:
            raise DeadlineExceededError(
                f"Reading log group {self._group.name} was stopped: the function's time is nearly"
                f" over. {self._progress(read)}",
                hint="Narrow the predicate on time or log_stream, or lower slice_bytes and raise"
                " max_splits to have more readers.",
            )
        asked = request if token is None else {**request, "nextToken": token}
        started = time.perf_counter()
        try:
            reply = self._client.read(read.operation, asked, deadline=self._deadline)
        except (ThrottledError, SourceTimeoutError) as error:
            raise type(error)(
                f"{error.message} {self._progress(read)}", hint=error.hint, **error.context
            ) from error
        except InvalidRequestError as error:
            if token is None:
                raise
            raise SourceError(
                f"CloudWatch Logs does not go on with a read: {error.message}",
                hint="Run the query again.",
            ) from error
        answered = time.perf_counter()
        page = read_event_page(reply, self._columns)
        stats = self._stats
        stats.requests += 1
        stats.bytes_read += page.num_bytes
        stats.source_seconds += answered - started
        stats.conversion_seconds += time.perf_counter() - answered
        self._reach(read, page)
        return page

    def _reach(self, read: EventRead, page: EventPage) -> None:
        times: Any = page.events[TIME]
        found: Any = compute().min_max(times).as_py()
        place = found["min" if read.is_backward else "max"]
        self._reached = self._reached if place is None else place

    def _progress(self, read: EventRead) -> str:
        window = read.window
        assert window.end is not None, "planning gives each window an end"
        what = f"times from {_clock(window.start)} to {_clock(window.end)}"
        if self._reached is None:
            return f"No event had come yet of {what}."
        return f"It was at {_clock(self._reached)}, in {what}."

    def _stuck(self) -> SourceError:
        return SourceError(
            f"CloudWatch Logs goes on from the same place of log group {self._group.name} again"
            " and again.",
            hint="Run the query again.",
        )


def _clock(ms: int) -> str:
    """Return a time for people."""
    moment = datetime.fromtimestamp(ms / 1000, UTC)
    return moment.isoformat(sep=" ", timespec="milliseconds").removesuffix("+00:00") + " UTC"

"""One Logs Insights query: started, watched, read page by page, and stopped if not needed.

Rows leave here only of a query that is complete. A query that has not ended when the reader
leaves is stopped, because it would go on being one of the few that may run at once.

Source: CloudWatch Logs API reference, ``StartQuery``, ``GetQueryResults``, ``StopQuery``;
CloudWatch Logs user guide, "CloudWatch Logs quotas".
"""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Protocol

from athena_connectors.cloudwatch_logs.insights_rows import read_page
from athena_connectors.common.budgets import UNLIMITED
from athena_connectors.common.errors import (
    ConnectorError,
    DeadlineExceededError,
    InvalidRequestError,
    SourceError,
    SourceTimeoutError,
    ThrottledError,
)

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping

    from athena_connectors.cloudwatch_logs.insights_rows import ResultPage
    from athena_connectors.common.budgets import SplitBudget
    from athena_connectors.common.observability import SplitStats
    from athena_connectors.common.source_calls import Reply

__all__ = ["MAX_ROWS", "InsightsClient", "InsightsQuery", "run"]

MAX_ROWS = 100_000
"""Rows that one query gives at most."""

_PAGE_ROWS = 10_000
_FIRST_PAUSE_SECONDS = 0.2
_LONGEST_PAUSE_SECONDS = 2.0
_PAUSE_GROWTH = 1.5
_UNKNOWN_SECONDS = 30.0
"""For how long a query may be in a state that says nothing."""
_SHOWN_GROUPS = 3
_ENDED = frozenset({"Complete", "Failed", "Cancelled", "Timeout"})
_QUOTA = (
    "An account may run 100 Logs Insights queries at once in a region, those of dashboards and"
    " schedules among them: run fewer, or have the quota raised."
)

logger = logging.getLogger(__name__)


class InsightsClient(Protocol):
    """What is needed of the client of CloudWatch Logs."""

    def call(
        self, operation: str, request: Mapping[str, Any], *, deadline: float | None = None
    ) -> Mapping[str, Any]:
        """Return the reply to a call, repeated while the service is congested.

        Raises:
            ThrottledError: It stayed congested.
            QueryStoppedError: Reading was cancelled.
            ConnectorError: It refuses or can't be reached.
        """

    def read(
        self, operation: str, request: Mapping[str, Any], *, deadline: float | None = None
    ) -> Reply:
        """As ``call``, and return the reply as it came."""

    def attempt(self, operation: str, request: Mapping[str, Any]) -> None:
        """Make a call once, even when reading was cancelled.

        Raises:
            ConnectorError: The service refuses, is congested or can't be reached.
        """

    def pause(self, seconds: float) -> None:
        """Wait.

        Raises:
            QueryStoppedError: Reading was cancelled, which ends the waiting at once.
        """


@dataclass(frozen=True, slots=True)
class InsightsQuery:
    """A query.

    Attributes:
        text: In Logs Insights QL.
        groups: Names of log groups, or ARNs without a trailing ``:*``.
        start_s: First second, since 1970.
        end_s: Second whose first ms is the last one of the range; the service may give the
            rest of this second too.
        limit: Rows wanted at most.
    """

    text: str
    groups: tuple[str, ...]
    start_s: int
    end_s: int
    limit: int = MAX_ROWS

    @property
    def subject(self) -> str:
        """What is queried, for errors."""
        named = ", ".join(self.groups[:_SHOWN_GROUPS])
        more = len(self.groups) - _SHOWN_GROUPS
        return f"log groups {named}{f' and {more} more' if more > 0 else ''}"

    def request(self) -> dict[str, Any]:
        """Return the parameters of StartQuery."""
        has_arns = any(group.startswith("arn:") for group in self.groups)
        return {
            "logGroupIdentifiers" if has_arns else "logGroupNames": list(self.groups),
            "startTime": self.start_s,
            "endTime": self.end_s,
            "queryString": self.text,
            "limit": self.limit,
        }


def run(
    client: InsightsClient,
    query: InsightsQuery,
    *,
    timeout_s: float,
    deadline: float | None,
    stats: SplitStats,
    budget: SplitBudget = UNLIMITED,
    page_rows: int = _PAGE_ROWS,
) -> Generator[ResultPage]:
    """Run a query and yield its result, page by page; nothing happens before the first one.

    Args:
        client: Makes the calls.
        query: The query.
        timeout_s: Seconds until it has to be complete.
        deadline: ``time.monotonic()`` at which everything has to have ended, or ``None``.
        stats: Counts calls, bytes and time; ``source_units`` are bytes scanned.
        budget: What it may cost; looked at as often as the query is.
        page_rows: Rows on a page at most, up to 10,000.

    Raises:
        SourceError: The query failed, was cancelled by someone else, or its state stayed
            unknown.
        SourceTimeoutError: It took longer than ``timeout_s``, or than the service allows.
        DeadlineExceededError: It took until the deadline.
        BudgetExceededError: It costs more than it may.
        ThrottledError: The service stayed congested, or too many queries ran.
        InvalidRequestError: The service does not understand the query.
        ConnectorError: It refuses or can't be reached.

    Cost:
        The service bills the bytes that it scans. One call to start, one for each look, up
        to 2 seconds apart, and one for each page.
    """
    running = _Running(
        client, query, timeout_s=timeout_s, deadline=deadline, stats=stats, budget=budget
    )
    try:
        running.start()
        running.wait()
        yield from running.pages(page_rows)
    finally:
        running.leave()


class _Running:
    """A query and what is known of it."""

    def __init__(
        self,
        client: InsightsClient,
        query: InsightsQuery,
        *,
        timeout_s: float,
        deadline: float | None,
        stats: SplitStats,
        budget: SplitBudget,
    ) -> None:
        self._client = client
        self._query = query
        self._timeout_s = timeout_s
        self._deadline = deadline
        self._until = time.monotonic() + timeout_s
        if deadline is not None:
            self._until = min(self._until, deadline)
        self._stats = stats
        self._budget = budget
        self._id = ""
        self._state = "Scheduled"
        self._bytes_scanned = 0.0

    def start(self) -> None:
        started = time.perf_counter()
        try:
            reply = self._client.call("StartQuery", self._query.request(), deadline=self._until)
        except ThrottledError as error:
            raise ThrottledError(
                f"Logs Insights takes no query of {self._query.subject}: {error.message}",
                hint=_QUOTA,
            ) from error
        self._count(started)
        self._id = reply["queryId"]

    def wait(self) -> None:
        """Return when the query is complete."""
        pause = _FIRST_PAUSE_SECONDS
        known_at = time.monotonic()
        while True:
            self._client.pause(max(0.0, min(pause, self._until - time.monotonic())))
            pause = min(pause * _PAUSE_GROWTH, _LONGEST_PAUSE_SECONDS)
            self._look()
            now = time.monotonic()
            match self._state:
                case "Complete":
                    return
                case "Failed" | "Cancelled" | "Timeout":
                    raise self._ended()
                case "Scheduled" | "Running":
                    known_at = now
                case _ if now - known_at >= _UNKNOWN_SECONDS:
                    raise self._error(
                        SourceError,
                        f"has been in state {self._state} for {now - known_at:.0f} seconds.",
                        hint="Run it again.",
                    )
            if now >= self._until:
                raise self._late()

    def pages(self, page_rows: int) -> Generator[ResultPage]:
        """Yield the result; only a missing token ends it."""
        token: str | None = None
        while True:
            request = {"queryId": self._id, "maxItems": page_rows}
            if token is not None:
                request["nextToken"] = token
            started = time.perf_counter()
            reply = self._client.read("GetQueryResults", request, deadline=self._deadline)
            self._count(started)
            page = read_page(reply)
            self._stats.bytes_read += page.num_bytes
            if page.state != "Complete":
                raise self._error(SourceError, f"is complete no more, but {page.state}.")
            yield page
            if page.token is None:
                return
            if page.token == token:
                raise self._error(
                    SourceError,
                    "goes on from the same place again and again.",
                    hint="Run it again.",
                )
            token = page.token

    def leave(self) -> None:
        """Stop the query if it has not ended; what fails thereby changes nothing."""
        self._stats.source_units += self._bytes_scanned
        if not self._id or self._state in _ENDED:
            return
        try:
            self._client.attempt("StopQuery", {"queryId": self._id})
        except InvalidRequestError:
            logger.debug("Logs Insights query %s has ended by itself.", self._id)
        except ConnectorError as error:
            logger.warning("Logs Insights query %s can't be stopped: %s", self._id, error)

    def _look(self) -> None:
        """Ask for the state; rows of a query that is still at work are not asked for."""
        started = time.perf_counter()
        request = {"queryId": self._id, "maxItems": 1}
        reply = self._client.call("GetQueryResults", request, deadline=self._until)
        self._count(started)
        self._state = reply.get("status") or "Unknown"
        self._bytes_scanned = (reply.get("statistics") or {}).get("bytesScanned", 0.0)
        units = self._stats.source_units + self._bytes_scanned
        self._budget.check(replace(self._stats, source_units=units))

    def _count(self, started: float) -> None:
        self._stats.requests += 1
        self._stats.source_seconds += time.perf_counter() - started

    def _ended(self) -> ConnectorError:
        if self._state == "Timeout":
            return self._error(
                SourceTimeoutError,
                "took longer than Logs Insights allows.",
                hint="Narrow its time range or name fewer log groups.",
            )
        if self._state == "Cancelled":
            return self._error(SourceError, "was cancelled by someone else.", hint="Run it again.")
        return self._error(
            SourceError,
            "failed, for a reason that it does not tell.",
            hint="Run it again; if it fails again, try it in the CloudWatch console.",
        )

    def _late(self) -> ConnectorError:
        what = f"was still {self._state} after"
        hint = "Narrow its time range or name fewer log groups"
        if self._state == "Scheduled":
            hint = _QUOTA.rstrip(".")
        if self._until == self._deadline:
            return self._error(
                DeadlineExceededError, f"{what} all of the function's time.", hint=f"{hint}."
            )
        return self._error(
            SourceTimeoutError,
            f"{what} {self._timeout_s:g} seconds.",
            hint=f"{hint}; insights_timeout_s is how long it may take.",
        )

    def _error(self, kind: type[ConnectorError], fact: str, *, hint: str = "") -> ConnectorError:
        return kind(
            f"Logs Insights query {self._id} of {self._query.subject} {fact}",
            hint=hint,
            query_id=self._id,
        )

"""Talks to CloudWatch Logs: one HTTP client, each operation at a pace of its own.

The service counts calls by operation, account and region, so that is what shares a pace.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, TypeVar

from athena_connectors.cloudwatch_logs.faults import congestion, translate
from athena_connectors.common.aws import AssumedRole, AwsClients
from athena_connectors.common.aws_errors import aws_errors
from athena_connectors.common.config import load_settings
from athena_connectors.common.errors import SourceError
from athena_connectors.common.source_calls import SourceCalls
from athena_connectors.common.throttling import ThrottleSettings

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from athena_connectors.cloudwatch_logs.settings import Settings
    from athena_connectors.common.source_calls import Reply

    T = TypeVar("T")

__all__ = ["Client", "next_token"]

_SESSION_NAME = "CloudWatchLogsConnector"
_RATE_SETTING = "max_calls_per_second"
_SILENCE_SECONDS = 20
"""How long CloudWatch Logs may be silent; a read that is cancelled ends no later."""
_LISTINGS = frozenset({"DescribeLogGroups", "DescribeLogStreams", "ListLogGroups"})
_LISTING_SECONDS = 60.0
_READ_SECONDS = 840.0
"""How long a call is repeated when nobody gives a deadline."""


class Client:
    """CloudWatch Logs in one region, with the function's role or that of another account.

    Safe to use from several threads.

    Args:
        settings: The connector's settings.
        environ: The function's environment.
        clock: Seconds since 1970.
    """

    def __init__(
        self,
        settings: Settings,
        environ: Mapping[str, str],
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._settings = settings
        self._environ = environ
        self._clock = clock
        self._rate: float | None = None
        self._calls = SourceCalls(
            self._connected,
            throttle=load_settings(ThrottleSettings, environ),
            congestion=congestion,
            source="CloudWatch Logs, operation {},".format,
            rate_setting=_RATE_SETTING,
        )
        self.limit_rate(settings.max_calls_per_second or None)

    @property
    def refused_calls(self) -> int:
        """How many calls met a congested or failing service so far."""
        return self._calls.refused

    def now_ms(self) -> int:
        """Return the time, in ms since 1970."""
        return int(self._clock() * 1000)

    def call(
        self, operation: str, request: Mapping[str, Any], *, deadline: float | None = None
    ) -> Mapping[str, Any]:
        """Make a call, again and again while the service is congested, and return its reply.

        Args:
            operation: Which one, as the API names it: ``DescribeLogGroups``.
            request: Its parameters, as botocore takes them.
            deadline: ``time.monotonic()`` shortly before which it gives up.

        Raises:
            ThrottledError: The service stayed congested.
            BudgetExceededError: ``max_calls_per_second`` allows no call before the deadline.
            QueryStoppedError: ``cancel`` was called.
            SchemaNotFoundError: There is no such log group (any more).
            TableNotFoundError: There is no such log stream (any more).
            InvalidRequestError: The service refuses the request.
            UnsupportedOperationError: The group's class has no such call.
            ConnectorError: It refuses or can't be reached; see ``faults``.
        """
        return self._repeated(self._calls.call, operation, request, deadline)

    def read(
        self, operation: str, request: Mapping[str, Any], *, deadline: float | None = None
    ) -> Reply:
        """As ``call``, and return the reply as it came."""
        return self._repeated(self._calls.read, operation, request, deadline)

    def attempt(self, operation: str, request: Mapping[str, Any]) -> None:
        """Make a call a single time, even when reading was cancelled.

        Raises:
            ConnectorError: The service refuses, is congested or can't be reached.
        """
        try:
            self._calls.once(operation, request)
        except aws_errors() as error:
            raise translate(error, operation=operation, request=request) from error

    def pause(self, seconds: float) -> None:
        """Wait.

        Raises:
            QueryStoppedError: ``cancel`` was called, which ends the waiting at once.
        """
        self._calls.pause(seconds)

    def limit_rate(self, calls_per_second: float | None) -> None:
        """Set how often each operation may be called, until it is set again or ``release``.

        Else ``max_calls_per_second`` holds; a reader sets its share of that.

        Args:
            calls_per_second: Calls of each operation; ``None`` for no limit.
        """
        self._rate = calls_per_second

    def cancel(self) -> None:
        """End all waiting and let every call that comes until ``release`` fail.

        A request that is on its way is still waited for, 20 seconds at most.
        """
        self._calls.cancel()

    def release(self) -> None:
        """Forget that reads were cancelled; connections stay for the next invocation."""
        self._calls.release()
        self.limit_rate(self._settings.max_calls_per_second or None)

    def close(self) -> None:
        """Close all connections; the next use opens new ones."""
        self._calls.close()

    def _repeated(
        self,
        make: Callable[..., T],
        operation: str,
        request: Mapping[str, Any],
        deadline: float | None,
    ) -> T:
        if deadline is None:
            seconds = _LISTING_SECONDS if operation in _LISTINGS else _READ_SECONDS
            deadline = time.monotonic() + seconds
        self._calls.limit_rate(operation, self._rate)
        try:
            return make(operation, request, deadline=deadline, pace=operation, cost=1)
        except aws_errors() as error:
            raise translate(error, operation=operation, request=request) from error

    def _connected(self) -> Any:
        settings = self._settings
        role = AssumedRole.of(
            settings.cross_account_role_arn, _SESSION_NAME, settings.cross_account_external_id
        )
        return AwsClients(self._environ).source_client(
            "logs",
            region=settings.logs_region,
            endpoint_url=settings.logs_endpoint,
            role=role,
            read_timeout_seconds=_SILENCE_SECONDS,
        )


def next_token(reply: Mapping[str, Any], *, sent: str) -> str:
    """Return the token of the next page of a listing; empty if the reply is the last one.

    Args:
        reply: One page.
        sent: The token that it was asked for by; empty for the first page.

    Raises:
        SourceError: It would be the same page again.
    """
    token: str = reply.get("nextToken") or ""
    if token and token == sent:
        raise SourceError(
            "CloudWatch Logs goes on with a listing from the same place again and again.",
            hint="Try again.",
        )
    return token

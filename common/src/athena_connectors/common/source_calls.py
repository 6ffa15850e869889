"""Calls of a source behind an AWS API: within a rate, repeated while it is congested, in time.

Replies with rows leave here as the bytes that came, because botocore's own parser would take
several times as long as everything else.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from athena_connectors.common.aws_errors import aws_errors
from athena_connectors.common.errors import QueryStoppedError
from athena_connectors.common.rate_limits import TokenBucket
from athena_connectors.common.throttling import ThrottlingInvoker

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from athena_connectors.common.throttling import ThrottleSettings

__all__ = ["MARGIN_SECONDS", "Reply", "SourceCalls", "is_unreached", "passing_failure"]

MARGIN_SECONDS = 2.0
"""How long before its deadline a call gives up, so that its reason is told."""

_PAUSES = (0.1, 0.5)
"""Seconds between attempts to get a connection."""
_BODY = "RawBody"
_OK = 200
_SERVER_FAILS = frozenset({500, 502, 503, 504})
_BROKEN_CONNECTIONS = frozenset(
    {
        "ConnectionClosedError",
        "HTTPClientError",
        "IncompleteReadError",
        "ReadTimeoutError",
        "ResponseParserError",
        "ResponseStreamingError",
    }
)
"""Botocore's errors for a connection that broke after it had been made."""
_UNREACHED = frozenset({"ConnectTimeoutError", "EndpointConnectionError", "ProxyConnectionError"})


@dataclass(frozen=True, slots=True)
class Reply:
    """What a source answered to a read; one of the two is there.

    Attributes:
        body: The JSON text, as it came.
        parsed: What botocore made of it, if it did not give the text away.
    """

    body: bytes | None = None
    parsed: Mapping[str, Any] | None = None


class SourceCalls:
    """Makes the calls of one botocore client, which is made when first needed.

    What shares a pace is slowed down together, and one pace slows down no other. Safe to use
    from several threads. Botocore's errors leave here as they are.

    Args:
        connect: Makes the client, by ``AwsClients.source_client``.
        throttle: Delays.
        congestion: Names what an error tells of a congested source, for people; returns an
            empty text for an error that tells of none.
        source: Returns what a pace is that of, for errors.
        rate_setting: The setting that rates come from, for errors.
        cancelled: Set by ``cancel``; may be shared with others.
    """

    def __init__(
        self,
        connect: Callable[[], Any],
        *,
        throttle: ThrottleSettings,
        congestion: Callable[[Exception], str],
        source: Callable[[str], str],
        rate_setting: str,
        cancelled: threading.Event | None = None,
    ) -> None:
        self._connect = connect
        self._throttle = throttle
        self._congestion = congestion
        self._source = source
        self._rate_setting = rate_setting
        self.cancelled = threading.Event() if cancelled is None else cancelled
        self._lock = threading.Lock()
        self._sdk: Any = None
        self._invokers: dict[str, ThrottlingInvoker] = {}
        self._buckets: dict[str, TokenBucket] = {}
        self._bodies = _Bodies()
        self._refused = 0

    @property
    def sdk(self) -> Any:
        """The client.

        Raises:
            ConfigurationError: No region is set, or the endpoint is no URL.
        """
        with self._lock:
            if self._sdk is None:
                self._sdk = self._connect()
                self._bodies.watch(self._sdk)
            return self._sdk

    @property
    def refused(self) -> int:
        """How many calls met a congested or failing source so far."""
        return self._refused

    def delay_ms(self, pace: str) -> int:
        """Return the delay before the next call of a pace; 0 while nothing is congested."""
        return self._invoker(pace).delay_ms

    def call(
        self,
        operation: str,
        request: Mapping[str, Any],
        *,
        deadline: float,
        pace: str = "",
        cost: float | None = None,
    ) -> Mapping[str, Any]:
        """Make a call, again and again while the source is congested, and return its reply.

        Args:
            operation: Which one, as the API names it.
            request: Its parameters, as botocore takes them.
            deadline: ``time.monotonic()`` shortly before which it gives up.
            pace: What it shares its pace with.
            cost: What each attempt takes out of the rate of its pace; ``None`` if that does
                not hold for it.

        Raises:
            ThrottledError: The source stayed congested.
            BudgetExceededError: The rate does not allow the call before the deadline.
            QueryStoppedError: ``cancel`` was called.
            InvalidCredentialsError, ConfigurationError: There is no client.
            Exception: Any other of ``aws_errors()``.
        """
        method = self._method(operation)

        def work() -> Any:
            if cost is not None:
                self._pay(pace, cost, deadline)
            return self._reach(lambda: method(**request))

        reply: Mapping[str, Any] = self._invoker(pace).call(
            work, deadline=deadline - MARGIN_SECONDS, cancelled=self.cancelled
        )
        return reply

    def read(
        self,
        operation: str,
        request: Mapping[str, Any],
        *,
        deadline: float,
        pace: str = "",
        cost: float | None = None,
    ) -> Reply:
        """As ``call``, and return the reply as it came."""
        with self._bodies:
            told = self.call(operation, request, deadline=deadline, pace=pace, cost=cost)
        body = told.get(_BODY)
        return Reply(parsed=told) if body is None else Reply(body=body)

    def once(self, operation: str, request: Mapping[str, Any]) -> Mapping[str, Any]:
        """Make a call a single time, even if ``cancel`` was called, and return its reply.

        Raises:
            Exception: Any of ``aws_errors()``.
        """
        reply: Mapping[str, Any] = self._method(operation)(**request)
        return reply

    def limit_rate(self, pace: str, per_second: float | None) -> None:
        """Set what calls of a pace may cost together, until it is set again.

        Args:
            pace: As in ``call``.
            per_second: Units of ``cost`` in a second; ``None`` for no limit.
        """
        with self._lock:
            bucket = self._buckets.get(pace)
            if per_second is None:
                self._buckets.pop(pace, None)
            elif bucket is None or bucket.rate_per_second != per_second:
                self._buckets[pace] = TokenBucket(
                    per_second, source=self._source(pace), setting=self._rate_setting
                )

    def charge(self, pace: str, cost: float) -> None:
        """Tell what a call has cost beyond its ``cost``; the next one of the pace waits."""
        bucket = self._buckets.get(pace)
        if bucket is not None:
            bucket.charge(cost)

    def pause(self, seconds: float, *, pace: str = "") -> None:
        """Wait between two calls of a pace.

        Raises:
            QueryStoppedError: ``cancel`` was called, which ends the waiting at once.
        """
        if self.cancelled.wait(seconds):
            raise QueryStoppedError(f"The call of {self._source(pace)} was cancelled.")

    def cancel(self) -> None:
        """End all waiting and let every call that comes until ``release`` fail.

        A request that is on its way is still waited for, as long as the client does.
        """
        self.cancelled.set()

    def release(self) -> None:
        """Forget that calls were cancelled; connections stay for the next invocation."""
        self.cancelled.clear()

    def close(self) -> None:
        """Close all connections; the next use opens new ones."""
        with self._lock:
            sdk, self._sdk = self._sdk, None
        if sdk is not None:
            sdk.close()

    def _method(self, operation: str) -> Any:
        from botocore import xform_name  # noqa: PLC0415

        return getattr(self.sdk, xform_name(operation))

    def _pay(self, pace: str, cost: float, deadline: float) -> None:
        bucket = self._buckets.get(pace)
        if bucket is not None:
            bucket.acquire(deadline=deadline, cancelled=self.cancelled)
            bucket.charge(cost)

    def _reach(self, work: Callable[[], Any]) -> Any:
        """Try a few times to get a connection; a wrong address shall not be tried for long."""
        for pause in _PAUSES:
            try:
                return work()
            except aws_errors() as error:
                if not is_unreached(error) or self.cancelled.wait(pause):
                    raise
        return work()

    def _invoker(self, pace: str) -> ThrottlingInvoker:
        with self._lock:
            if pace not in self._invokers:
                self._invokers[pace] = ThrottlingInvoker(
                    self._throttle, congestion=self._counted, source=self._source(pace)
                )
            return self._invokers[pace]

    def _counted(self, error: Exception) -> str:
        reason = self._congestion(error)
        if reason:
            with self._lock:
                self._refused += 1
        return reason


class _Bodies(threading.local):
    """Takes bodies of replies, in the thread that is in its context, before they are parsed."""

    is_wanted = False

    def __enter__(self) -> None:
        self.is_wanted = True

    def __exit__(self, *_: object) -> None:
        self.is_wanted = False

    def watch(self, sdk: Any) -> None:
        """Look at all that a client receives."""
        service = sdk.meta.service_model
        if service.resolved_protocol == "json":
            event = f"before-parse.{service.service_id.hyphenize()}"
            sdk.meta.events.register(event, self._take)

    def _take(
        self, response_dict: dict[str, Any], customized_response_dict: dict[str, Any], **_: Any
    ) -> None:
        """Take the body of a good answer.

        Source: botocore, event ``before-parse``, since 1.35.20; without it nothing is taken.
        """
        if self.is_wanted and response_dict["status_code"] == _OK:
            customized_response_dict[_BODY] = response_dict["body"]
            response_dict["body"] = b"{}"


def is_unreached(error: Exception) -> bool:
    """Tell whether an error says that no connection was made at all."""
    return type(error).__name__ in _UNREACHED


def passing_failure(error: Exception) -> str:
    """Return which failure of a server or of a connection an error tells of, for people.

    The text is empty for an error that the same request would only meet again.
    """
    response = getattr(error, "response", None) or {}
    status = response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    if status in _SERVER_FAILS:
        return f"HTTP status {status}"
    name = type(error).__name__
    return name if name in _BROKEN_CONNECTIONS else ""

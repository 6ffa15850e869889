"""CloudWatch Logs on a bad day: calls that are refused, broken, slowed or too many."""

from __future__ import annotations

import random
import threading
import time
from dataclasses import dataclass, field
from itertools import count
from typing import TYPE_CHECKING, Any

from athena_connectors.common.testing.logs_errors import LogsError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

__all__ = ["QUOTAS", "LogsCall", "LogsFault", "LogsFaults"]

QUOTAS: Mapping[str, float] = {
    "DescribeLogGroups": 10,
    "DescribeLogStreams": 25,
    "GetLogEvents": 25,
    "FilterLogEvents": 10,
    "StartQuery": 10,
    "GetQueryResults": 10,
}
"""Calls per second of an account, by operation; in most regions.

Source: CloudWatch Logs user guide, "CloudWatch Logs quotas".
"""


@dataclass(slots=True)
class LogsCall:
    """One HTTP request, repetitions included.

    Attributes:
        operation: Its name: ``GetLogEvents``.
        request: Its body.
        at_seconds: When it came, by ``time.monotonic``.
        access_key_id: Whose key signed it.
        seconds: What its answer took; ``None`` until there is one.
        status: HTTP status of the answer; 0 if there was none.
        code: The error's code in the answer; empty for a reply.
    """

    operation: str
    request: Mapping[str, Any]
    at_seconds: float
    access_key_id: str
    seconds: float | None = None
    status: int = 0
    code: str = ""


@dataclass(frozen=True, slots=True)
class LogsFault:
    """What becomes of some calls.

    Attributes:
        code: The error's code in the answer: ``ThrottlingException``.
        status: Its HTTP status. With 0 the connection is reset instead of an answer, with 200
            it is cut in the middle of the true one.
        operation: The calls that it is about; all if empty.
        group: Name or ARN of the group that these calls name; any if empty.
        share: Share of these calls that it happens to, at random but each time the same.
        calls: Numbers of those calls that it can happen to, from 1; all if ``None``.
        message: The error's text.
    """

    code: str = "ThrottlingException"
    status: int = 400
    operation: str = ""
    group: str = ""
    share: float = 1.0
    calls: frozenset[int] | range | None = None
    message: str = "Rate exceeded"


@dataclass(slots=True)
class _Plan:
    """A fault, with what is known of the calls that it is about."""

    fault: LogsFault
    random: random.Random = field(default_factory=lambda: random.Random(7))  # noqa: S311
    numbers: Iterator[int] = field(default_factory=lambda: count(1))

    def happens(self, call: LogsCall) -> bool:
        fault = self.fault
        if fault.operation not in {"", call.operation}:
            return False
        if fault.group and fault.group not in _groups(call.request):
            return False
        number = next(self.numbers)
        return (fault.calls is None or number in fault.calls) and self.random.random() < fault.share


@dataclass(slots=True)
class _Quota:
    """Calls that are left, at a rate; a second's worth is kept."""

    per_second: float
    left: float
    at_seconds: float

    def take(self, now: float) -> bool:
        most = max(self.per_second, 1)
        self.left = min(most, self.left + (now - self.at_seconds) * self.per_second)
        self.at_seconds = now
        if self.left < 1:
            return False
        self.left -= 1
        return True


class LogsFaults:
    """Remembers calls, and says what becomes of them; any thread may ask and tell it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._calls: list[LogsCall] = []
        self._plans: list[_Plan] = []
        self._actions: list[tuple[_Plan, Callable[[], object]]] = []
        self._quotas: dict[str, _Quota] = {}
        self._delays: dict[str, float] = {}

    @property
    def calls(self) -> list[LogsCall]:
        """All calls so far, in order, whatever became of them."""
        with self._lock:
            return list(self._calls)

    def forget(self) -> None:
        """Forget all calls so far."""
        with self._lock:
            self._calls = []

    def fail(self, fault: LogsFault) -> None:
        """Set a fault; of several that happen to a call, the one set first counts."""
        with self._lock:
            self._plans.append(_Plan(fault))

    def before(self, fault: LogsFault, action: Callable[[], object]) -> None:
        """Do something before calls that a fault would happen to; it does not happen."""
        with self._lock:
            self._actions.append((_Plan(fault), action))

    def limit_rate(self, operation: str, per_second: float) -> None:
        """Throttle calls of an operation beyond a rate."""
        with self._lock:
            self._quotas[operation] = _Quota(per_second, max(per_second, 1), time.monotonic())

    def delay(self, operation: str, seconds: float) -> None:
        """Let each call of an operation, or of all if it is empty, take so long."""
        self._delays[operation] = seconds

    def heal(self) -> None:
        """Take away all that was set."""
        with self._lock:
            self._plans, self._actions, self._quotas, self._delays = [], [], {}, {}

    def meet(self, call: LogsCall) -> LogsFault | None:
        """Remember a call, wait as long as it takes, and return how its answer is spoilt.

        Raises:
            LogsError: The call is refused.
        """
        with self._lock:
            self._calls.append(call)
            quota = self._quotas.get(call.operation)
            is_allowed = quota is None or quota.take(call.at_seconds)
            actions = [action for plan, action in self._actions if plan.happens(call)]
            faults = [plan.fault for plan in self._plans if plan.happens(call)]
        time.sleep(self._delays.get(call.operation, self._delays.get("", 0)))
        for action in actions:
            action()
        if faults and faults[0].status in {0, 200}:
            return faults[0]
        if faults:
            raise LogsError(faults[0].code, faults[0].message, status=faults[0].status)
        if not is_allowed:
            raise LogsError("ThrottlingException", "Rate exceeded")
        return None


def _groups(request: Mapping[str, Any]) -> set[str]:
    named = {request.get("logGroupName", ""), request.get("logGroupIdentifier", "")}
    return {
        *named,
        *request.get("logGroupNames", ()),
        *request.get("logGroupIdentifiers", ()),
    }

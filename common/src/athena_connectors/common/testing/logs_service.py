"""What the stand-in of CloudWatch Logs answers to each call."""

from __future__ import annotations

import json
import threading
import time
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from athena_connectors.common.testing.json_server import HttpAnswer
from athena_connectors.common.testing.logs_errors import LogsError, invalid
from athena_connectors.common.testing.logs_faults import LogsCall, LogsFaults
from athena_connectors.common.testing.logs_groups import Groups
from athena_connectors.common.testing.logs_insights import Insights
from athena_connectors.common.testing.logs_linter import complaints
from athena_connectors.common.testing.logs_listings import Listings
from athena_connectors.common.testing.logs_pages import Pages
from athena_connectors.common.testing.logs_tokens import Tokens

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    Operation = Callable[[Mapping[str, Any]], dict[str, Any]]

__all__ = ["LogsService"]

_READS = frozenset({"FilterLogEvents", "GetLogEvents"})


class LogsService:
    """The service, without the server.

    Args:
        seed: What pages are empty or short depends on it.

    Attributes:
        lock: Held by whoever looks at what follows, but for faults.
        groups: Groups.
        tokens: Tokens.
        insights: Queries.
        faults: Its bad days, and the calls it got.
        unplayed: What it was asked for and could not answer.
    """

    def __init__(self, *, seed: int) -> None:
        self.lock = threading.RLock()
        self.groups = Groups()
        self.tokens = Tokens()
        self.insights = Insights(self.groups, self.tokens)
        self.faults = LogsFaults()
        self.unplayed: list[str] = []
        listings = Listings(self.groups, self.tokens)
        pages = Pages(self.groups, self.tokens, seed=seed)
        self._operations: dict[str, Operation] = {
            "DescribeLogGroups": listings.describe_groups,
            "DescribeLogStreams": listings.describe_streams,
            "FilterLogEvents": pages.filter,
            "GetLogEvents": pages.get,
            "GetQueryResults": self.insights.results,
            "ListLogGroups": listings.list_groups,
            "StartQuery": self.insights.start,
            "StopQuery": self.insights.stop,
        }

    def answer(self, operation: str, request: Mapping[str, Any], access_key_id: str) -> HttpAnswer:
        """Remember a call and return what is answered to it."""
        call = LogsCall(operation, request, time.monotonic(), access_key_id)
        try:
            fault = self.faults.meet(call)
            answer = HttpAnswer(HTTPStatus.OK, self._reply(operation, request))
            if fault is not None:
                answer = HttpAnswer(fault.status, answer.body, is_cut=True)
        except LogsError as error:
            call.code = error.code
            body = {"__type": error.code, "message": error.message, **error.members}
            answer = HttpAnswer(error.status, json.dumps(body).encode())
        call.status = answer.status
        call.seconds = time.monotonic() - call.at_seconds
        return answer

    def _reply(self, operation: str, request: Mapping[str, Any]) -> bytes:
        escapes = False
        try:
            _validate(operation, request)
            with self.lock:
                reply = self._operations[operation](request)
                if operation in _READS:
                    escapes = self.groups.asked_for(request).switches.escapes_unicode
        except LogsError:
            raise
        except Exception as cause:
            self.unplayed.append(f"{operation} {request}: {cause!r}")
            raise LogsError("InternalFailure", repr(cause), status=500) from cause
        return _encoded(reply, escapes=escapes)


def _validate(operation: str, request: Mapping[str, Any]) -> None:
    found = list(complaints(operation, request))
    if found:
        raise invalid(f"{len(found)} validation errors detected: {'; '.join(found)}")


def _encoded(reply: Mapping[str, Any], *, escapes: bool) -> bytes:
    try:
        return json.dumps(reply, ensure_ascii=escapes).encode()
    except UnicodeEncodeError:  # a lone surrogate
        return json.dumps(reply).encode()

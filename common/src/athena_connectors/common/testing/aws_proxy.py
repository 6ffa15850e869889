"""AWS on a bad day: a proxy in front of the stand-ins that refuses, breaks and delays calls.

It passes every call on to ``testing.aws`` except those that a fault is set for, and
remembers all of them. Calls are named as in AWS's API references, ``PutObject``.
"""

from __future__ import annotations

import http.client
import json
import socket
import struct
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from athena_connectors.common.testing.aws import AwsAddress

__all__ = ["AwsCall", "AwsFault", "AwsProxy", "aws_proxy"]

_ALWAYS = 1_000_000
_RESET = struct.pack("ii", 1, 0)
_NOT_PASSED_ON = frozenset({"connection", "host", "transfer-encoding", "expect"})


@dataclass(frozen=True, slots=True)
class AwsCall:
    """One HTTP request to AWS.

    Attributes:
        operation: Its name: ``PutObject``, ``GenerateDataKey``.
        path: Of an S3 object ``/bucket/key``, else ``/``.
        headers: Under their names in lower case.
        size: Bytes of the body.
    """

    operation: str
    path: str
    headers: Mapping[str, str] = field(repr=False)
    size: int = 0


@dataclass(frozen=True, slots=True)
class AwsFault:
    """What becomes of some calls.

    Attributes:
        operation: The calls that it is about.
        status: HTTP status of the answer; 0 resets the connection instead, 200 lets the
            call pass after the delay.
        code: AWS's error code in the answer.
        path_end: Only calls whose path ends so.
        times: How many calls; the later ones pass.
        delay_seconds: Wait before any of it.
    """

    operation: str
    status: int = 200
    code: str = ""
    path_end: str = ""
    times: int = _ALWAYS
    delay_seconds: float = 0.0


class AwsProxy:
    """Passes calls on; safe to be told something by any thread.

    Args:
        address: The stand-ins.
        port: Where the proxy listens on 127.0.0.1.

    Attributes:
        endpoint: URL that serves all services.
    """

    def __init__(self, address: AwsAddress, port: int) -> None:
        self.endpoint = f"http://127.0.0.1:{port}"
        self._upstream = urlsplit(address.endpoint).netloc
        self._state = threading.Condition()
        self._faults: list[AwsFault] = []
        self._calls: list[AwsCall] = []

    def fail(self, fault: AwsFault) -> None:
        """Set a fault; of several that are about a call, the first set one counts."""
        with self._state:
            self._faults.append(fault)

    def heal(self) -> None:
        """Take all faults away, also from calls that they delay, and forget all calls."""
        with self._state:
            self._faults.clear()
            self._calls.clear()
            self._state.notify_all()

    def calls(self, operation: str) -> list[AwsCall]:
        """Return the calls of an operation so far, whatever became of them."""
        with self._state:
            return [call for call in self._calls if call.operation == operation]

    def meet(self, call: AwsCall) -> AwsFault | None:
        """Remember a call, wait as long as it is delayed, and return its fault, if any."""
        with self._state:
            self._calls.append(call)
            fault = next((item for item in self._faults if _concerns(item, call)), None)
            if fault is None:
                return None
            place = self._faults.index(fault)
            self._faults[place] = replace(fault, times=fault.times - 1)
            faults, ends = self._faults[place], time.monotonic() + fault.delay_seconds
            self._state.wait_for(lambda: faults not in self._faults, ends - time.monotonic())
            return fault

    def pass_on(
        self, method: str, target: str, *, headers: Mapping[str, str], body: bytes
    ) -> tuple[int, list[tuple[str, str]], bytes]:
        """Return status, headers and body of the stand-in's answer."""
        connection = http.client.HTTPConnection(self._upstream, timeout=30)
        try:
            connection.request(method, target, body=body or None, headers=dict(headers))
            answer = connection.getresponse()
            return answer.status, answer.getheaders(), answer.read()
        finally:
            connection.close()

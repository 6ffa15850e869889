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
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from itertools import count
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from athena_connectors.common.testing.aws import AwsAddress
from athena_connectors.common.testing.local_server import LocalServer

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

__all__ = ["AwsCall", "AwsFault", "AwsProxy", "aws_proxy"]

_UPSTREAM_SECONDS = 30
_OF_ONE_CONNECTION = frozenset({"connection", "content-length"})
_S3_OPERATIONS = {
    ("GET", "object"): "GetObject",
    ("HEAD", "bucket"): "HeadBucket",
    ("PUT", "object"): "PutObject",
}


@dataclass(frozen=True, slots=True)
class AwsCall:
    """One HTTP request to AWS, repetitions included.

    Attributes:
        operation: Its name: ``PutObject``, ``GenerateDataKey``.
        path: ``/bucket/key`` of an S3 object, ``/`` of most other services.
        headers: Under their names in lower case; may hold credentials, so they are not shown.
        size: Bytes of the body.
    """

    operation: str
    path: str
    headers: Mapping[str, str] = field(repr=False)
    size: int


@dataclass(frozen=True, slots=True)
class AwsFault:
    """What becomes of some calls.

    Attributes:
        operation: The calls that it is about.
        status: HTTP status of the answer. With 0 the connection is reset instead, with 200
            the call passes.
        code: AWS's error code in the answer.
        path_end: Only calls whose path ends so.
        times: How many calls; later ones pass. ``None`` for all.
        delay_seconds: Wait before the rest; ends early when the proxy is healed.
    """

    operation: str
    status: int = 200
    code: str = ""
    path_end: str = ""
    times: int | None = None
    delay_seconds: float = 0.0

    def concerns(self, call: AwsCall) -> bool:
        """Tell whether a call is one that it is about."""
        return call.operation == self.operation and call.path.endswith(self.path_end)


class AwsProxy:
    """Passes calls on; may be told something by any thread.

    Args:
        behind: The stand-ins.

    Attributes:
        address: Where clients find the proxy in place of the stand-ins.
    """

    def __init__(self, behind: AwsAddress) -> None:
        self._upstream = urlsplit(behind.endpoint).netloc
        self._state = threading.Condition()
        self._faults: list[tuple[AwsFault, Iterator[int]]] = []
        self._calls: list[AwsCall] = []
        self._server = _Server(self)
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.05,), name="aws-proxy", daemon=True
        )
        self._thread.start()
        self.address = AwsAddress(f"http://127.0.0.1:{self._server.server_port}")

    def fail(self, fault: AwsFault) -> None:
        """Set a fault; of several that are about a call, the one set first counts."""
        with self._state:
            self._faults.append((fault, count()))

    def heal(self) -> None:
        """Take all faults away; calls that are delayed pass at once."""
        with self._state:
            self._faults = []
            self._state.notify_all()

    def forget(self) -> None:
        """Forget all calls so far."""
        with self._state:
            self._calls = []

    def calls(self, operation: str) -> list[AwsCall]:
        """Return the calls of an operation, in order, whatever became of them."""
        with self._state:
            return [call for call in self._calls if call.operation == operation]

    def close(self) -> None:
        """Serve no more."""
        self.heal()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def meet(self, call: AwsCall) -> AwsFault | None:
        """Remember a call, wait if it is delayed, and return its fault if it has one."""
        with self._state:
            self._calls.append(call)
            faults = self._faults
            fault = self._fault_of(call)
            if fault is None or not fault.delay_seconds:
                return fault
            self._state.wait_for(lambda: self._faults is not faults, fault.delay_seconds)
            return fault if self._faults is faults else None

    def pass_on(self, request: BaseHTTPRequestHandler, body: bytes) -> http.client.HTTPResponse:
        """Return the stand-in's answer to a request; its body is still to be read."""
        upstream = http.client.HTTPConnection(self._upstream, timeout=_UPSTREAM_SECONDS)
        headers = {name: text for name, text in request.headers.items() if name != "Expect"}
        upstream.request(request.command, request.path, body, {**headers, "Connection": "close"})
        return upstream.getresponse()

    def _fault_of(self, call: AwsCall) -> AwsFault | None:
        for fault, numbers in self._faults:
            if fault.concerns(call) and (fault.times is None or next(numbers) < fault.times):
                return fault
        return None


@contextmanager
def aws_proxy(behind: AwsAddress) -> Iterator[AwsProxy]:
    """Yield a proxy in front of the stand-ins, and close it at the end."""
    proxy = AwsProxy(behind)
    try:
        yield proxy
    finally:
        proxy.close()


class _Server(LocalServer):
    """Serves one proxy's clients."""

    def __init__(self, proxy: AwsProxy) -> None:
        self.proxy = proxy
        super().__init__(_Handler)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def log_message(self, *arguments: object) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        """Pass the call on, or let it meet its fault."""
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        proxy = self.server.proxy
        fault = proxy.meet(_call(self, len(body)))
        if fault is None or fault.status == http.client.OK:
            with proxy.pass_on(self, body) as answer:
                self._answer(answer.status, answer.read(), answer.getheaders())
        elif fault.status:
            self._answer(fault.status, _error(fault, is_json="X-Amz-Target" in self.headers), [])
        else:
            self._reset()

    do_DELETE = do_HEAD = do_POST = do_PUT = do_GET  # noqa: N815 - named by http.server

    def _answer(self, status: int, body: bytes, headers: Sequence[tuple[str, str]]) -> None:
        self.send_response_only(status)
        for name, text in headers:
            if name.lower() not in _OF_ONE_CONNECTION:
                self.send_header(name, text)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def _reset(self) -> None:
        self.close_connection = True
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()


def _call(request: BaseHTTPRequestHandler, size: int) -> AwsCall:
    headers = {name.lower(): text for name, text in request.headers.items()}
    path = unquote(urlsplit(request.path).path)
    kind = "object" if path.strip("/").count("/") else "bucket"
    target = headers.get("x-amz-target", "").rpartition(".")[2]
    operation = target or _S3_OPERATIONS.get((request.command, kind), request.command)
    return AwsCall(operation, path, headers, size)


def _error(fault: AwsFault, *, is_json: bool) -> bytes:
    """Return the body of an error, as the services that speak JSON write it, or as S3."""
    if is_json:
        return json.dumps({"__type": fault.code, "message": "on purpose"}).encode()
    return f"<Error><Code>{fault.code}</Code><Message>on purpose</Message></Error>".encode()

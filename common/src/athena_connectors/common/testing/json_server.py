"""Serves an AWS service's JSON protocol over HTTP, and breaks connections on purpose."""

from __future__ import annotations

import json
import socket
import struct
import threading
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler
from typing import TYPE_CHECKING, Any, cast

from athena_connectors.common.testing.local_server import LocalServer

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    Answerer = Callable[[str, Mapping[str, Any], str], "HttpAnswer"]

__all__ = ["HttpAnswer", "JsonServer"]


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """An answer.

    Attributes:
        status: Its HTTP status; with 0 the connection is reset instead.
        body: Its body.
        is_cut: Whether the connection ends in the middle of the body.
    """

    status: int
    body: bytes
    is_cut: bool = False

    @property
    def told(self) -> dict[str, Any]:
        """What the body says."""
        return cast("dict[str, Any]", json.loads(self.body))


class JsonServer:
    """A server on 127.0.0.1 and a free port, which serves from when it is made.

    Args:
        answer: Returns what is answered to an operation, a request's body and the id of the
            access key that signed it; called by a thread of each connection.
        name: Name of its thread.
        version: Of the protocol: 1.0 or 1.1.

    Attributes:
        url: Where it listens.
    """

    def __init__(self, answer: Answerer, *, name: str, version: str = "1.1") -> None:
        self._server = _Server(answer, version)
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.01,), name=name, daemon=True
        )
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def close(self) -> None:
        """Serve no more."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Server(LocalServer):
    def __init__(self, answer: Answerer, version: str) -> None:
        self.answer = answer
        self.content_type = f"application/x-amz-json-{version}"
        super().__init__(_Handler)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # head and body in one packet, and no packet waits for the one before
    disable_nagle_algorithm = True
    server: _Server

    def log_message(self, *arguments: object) -> None:
        """Say nothing."""

    def do_POST(self) -> None:
        """Answer a call."""
        body = self.rfile.read(int(self.headers["Content-Length"]))
        _, _, operation = self.headers["X-Amz-Target"].rpartition(".")
        _, _, credential = self.headers["Authorization"].partition("Credential=")
        access_key_id, _, _ = credential.partition("/")
        answer = self.server.answer(operation, json.loads(body), access_key_id)
        if not answer.status:
            self._reset()
            return
        self.send_response_only(answer.status)
        self.send_header("Content-Type", self.server.content_type)
        self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        if answer.is_cut:
            self.wfile.write(answer.body[: len(answer.body) // 2])
            self.close_connection = True
        else:
            self.wfile.write(answer.body)

    def _reset(self) -> None:
        self.close_connection = True
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()

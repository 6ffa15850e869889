"""The HTTP server of the stand-ins and proxies that run in the process of the tests."""

from __future__ import annotations

import sys
from http.server import ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from http.server import BaseHTTPRequestHandler

__all__ = ["LocalServer"]


class LocalServer(ThreadingHTTPServer):
    """Listens on 127.0.0.1 and a free port.

    Args:
        handler: What answers requests; its instances have this server as ``server``.
    """

    daemon_threads = True

    def __init__(self, handler: type[BaseHTTPRequestHandler]) -> None:
        super().__init__(("127.0.0.1", 0), handler)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Pass over a client that went away; print whatever else went wrong."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)

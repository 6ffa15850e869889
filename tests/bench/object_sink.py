"""A local S3 that takes every object and forgets it, in a process of its own.

It answers as fast as a socket can be read, so that an upload costs what it costs the
client and nothing else.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from tests.bench.children import served

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["BUCKET", "object_sink"]

BUCKET = "bench"

# Serves until the pipe of its standard input is closed.
_SERVER = """
import sys, threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

class Sink(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    buffer = memoryview(bytearray(1 << 20))

    def do_HEAD(self):
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def do_PUT(self):
        if self.headers.get("Expect") == "100-continue":
            self.send_response_only(100)
            self.end_headers()
        left = int(self.headers["Content-Length"])
        while left:
            left -= self.rfile.readinto(self.buffer[: min(left, 1 << 20)])
        self.do_HEAD()

    def handle_expect_100(self):
        return True

    def log_message(self, *_):
        pass

server = ThreadingHTTPServer(("127.0.0.1", 0), Sink)
server.daemon_threads = True
threading.Thread(target=server.serve_forever, daemon=True).start()
print(server.server_port, flush=True)
sys.stdin.read()
"""


@contextmanager
def object_sink() -> Iterator[dict[str, str]]:
    """Yield the variables that lead a function's spilled blocks there."""
    with served("-c", _SERVER) as port:
        yield {
            "spill_bucket": BUCKET,
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
            "AWS_REGION": "us-east-1",
            "AWS_ACCESS_KEY_ID": "bench",
            "AWS_SECRET_ACCESS_KEY": "bench",
        }

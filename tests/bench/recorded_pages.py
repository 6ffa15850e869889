"""A DynamoDB with one table of equal pages, in a process of its own.

It answers ``Scan`` and ``DescribeTable`` as fast as a socket takes it, so that a read costs
what it costs the client and nothing else.
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["PAGE_ITEMS", "TABLE", "items", "recorded_pages"]

TABLE = "bench"
PAGE_ITEMS = 1000
"""Items of a page, of about 900 bytes as JSON each."""

_DESCRIPTION = {
    "Table": {
        "TableName": TABLE,
        "TableStatus": "ACTIVE",
        "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
        "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
        "TableSizeBytes": 0,
        "ItemCount": 0,
    }
}


def items() -> list[dict[str, Any]]:
    """Return the items of a page: 15 attributes of most tags, some missing, some NULL."""
    return [_item(number) for number in range(PAGE_ITEMS)]


def _item(number: int) -> dict[str, Any]:
    item: dict[str, Any] = {
        "id": {"S": f"customer#{number:06}"},
        "version": {"N": str(number)},
        "name": {"S": f"A name that is neither short nor long, {number}"},
        "email": {"S": f"user{number}@example.com"},
        "price": {"N": f"{number * 7919 % 1_000_003 / 100}"},
        "quantity": {"N": str(number % 100)},
        "ratio": {"N": f"0.{number * 104_729 % 1_000_003:07}"},
        "is_active": {"BOOL": number % 3 == 0},
        "note": {"S": "Na\u00efve caf\u00e9, \u6f22\u5b57; " * 12},
        "created_at": {"S": "2024-05-06T07:08:09.123Z"},
        "tags": {"SS": ["green", "red", f"tag-{number % 7}"]},
        "scores": {"L": [{"N": str(number * step % 100)} for step in range(1, 6)]},
        "address": {
            "M": {
                "street": {"S": f"Street {number}"},
                "zip": {"S": "12345"},
                "geo": {"M": {"lat": {"N": "48.85"}, "lon": {"N": "2.35"}}},
            }
        },
        "comment": {"NULL": True}
        if number % 5 == 0
        else {"S": "forty characters or so, again" * 2},
        "city": {"S": "Paris"},
    }
    if number % 7 == 0:
        del item["email"]
    if number % 11 == 0:
        del item["price"]
    return item


@contextmanager
def recorded_pages(pages: int) -> Iterator[str]:
    """Yield the URL of a server whose table has so many pages."""
    command = [sys.executable, "-m", "tests.bench.recorded_pages", str(pages)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            yield f"http://127.0.0.1:{int(process.stdout.readline())}"
        finally:
            process.stdin.close()


class _Server(ThreadingHTTPServer):
    """Answers until it is told to stop."""

    def __init__(self, pages: int) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        page = {"Count": PAGE_ITEMS, "Items": items(), "ScannedCount": PAGE_ITEMS}
        self.last = json.dumps(page, separators=(",", ":"), ensure_ascii=False).encode()
        self.pages = pages

    def page(self, start: dict[str, Any] | None) -> bytes:
        number = 1 if start is None else int(start["id"]["S"]) + 1
        if number >= self.pages:
            return self.last
        return self.last[:-1] + f',"LastEvaluatedKey":{{"id":{{"S":"{number}"}}}}}}'.encode()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def do_POST(self) -> None:
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.headers["X-Amz-Target"].endswith(".Scan"):
            body = self.server.page(request.get("ExclusiveStartKey"))
        else:
            body = json.dumps(_DESCRIPTION).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/x-amz-json-1.0")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's name
        del format, args


def _serve(pages: int) -> None:
    server = _Server(pages)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(server.server_address[1], flush=True)  # noqa: T201
    sys.stdin.read()
    server.shutdown()


if __name__ == "__main__":
    _serve(int(sys.argv[1]))

"""A DynamoDB with one table of equal pages, in a process of its own.

It answers ``Scan`` and ``DescribeTable`` as fast as a socket takes it, so that a read costs
what it costs the client and nothing else.
"""

from __future__ import annotations

import json
import sys
from contextlib import contextmanager
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from athena_connectors.common.testing.json_server import HttpAnswer, JsonServer

from tests.bench.children import serve_until_closed, served

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

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
    with served("-m", "tests.bench.recorded_pages", str(pages)) as url:
        yield url


class _Table:
    """Answers for the table."""

    def __init__(self, pages: int) -> None:
        page = {"Count": PAGE_ITEMS, "Items": items(), "ScannedCount": PAGE_ITEMS}
        self._last = json.dumps(page, separators=(",", ":"), ensure_ascii=False).encode()
        self._pages = pages

    def answer(self, operation: str, request: Mapping[str, Any], _: str) -> HttpAnswer:
        if operation != "Scan":
            return HttpAnswer(HTTPStatus.OK, json.dumps(_DESCRIPTION).encode())
        return HttpAnswer(HTTPStatus.OK, self._page(request.get("ExclusiveStartKey")))

    def _page(self, start: Mapping[str, Any] | None) -> bytes:
        number = 1 if start is None else int(start["id"]["S"]) + 1
        if number >= self._pages:
            return self._last
        return self._last[:-1] + f',"LastEvaluatedKey":{{"id":{{"S":"{number}"}}}}}}'.encode()


def _serve(pages: int) -> None:
    server = JsonServer(_Table(pages).answer, name="recorded-pages", version="1.0")
    serve_until_closed(server.url)
    server.close()


if __name__ == "__main__":
    _serve(int(sys.argv[1]))

"""DynamoDB on a bad day: a proxy in front of a server that refuses, breaks and alters calls.

It passes on every call that nothing was set for, and remembers all of them. It answers
PartiQL statements itself, see ``dynamodb_partiql``.
"""

from __future__ import annotations

import base64
import http.client
import json
import random
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import count
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from athena_connectors.common.testing.dynamodb import DynamoDb
from athena_connectors.common.testing.dynamodb_partiql import StatementError, execute_statement
from athena_connectors.common.testing.json_server import HttpAnswer, JsonServer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

__all__ = ["DynamoDbFault", "DynamoDbProxy", "DynamoDbRequest", "dynamodb_proxy"]

_UPSTREAM_SECONDS = 30
_MESSAGE = "on purpose"
_MOST_EMPTY_PAGES = 500
"""Far more than a test asks for: a reader that starts anew each time would never end."""
_NAMESPACE = "com.amazonaws.dynamodb.v20120810#"


@dataclass(frozen=True, slots=True)
class DynamoDbRequest:
    """One HTTP request, repetitions included.

    Attributes:
        operation: Its name: ``Scan``.
        parameters: Its body; binary values are base64 texts.
        at_seconds: When it came, by ``time.monotonic``.
        access_key_id: Whose key signed it.
    """

    operation: str
    parameters: Mapping[str, Any]
    at_seconds: float
    access_key_id: str


@dataclass(frozen=True, slots=True)
class DynamoDbFault:
    """What becomes of some calls.

    Attributes:
        code: The error's code in the answer: ``ThrottlingException``.
        status: Its HTTP status. With 0 the connection is reset instead of an answer, with 200
            it is cut in the middle of the true one.
        operation: The calls that it is about; all if empty.
        share: Share of these calls that it happens to, at random but each time the same.
        calls: Numbers of those calls that it can happen to, from 1; all if ``None``.
        message: The error's text.
    """

    code: str = "ProvisionedThroughputExceededException"
    status: int = 400
    operation: str = ""
    share: float = 1.0
    calls: frozenset[int] | range | None = None
    message: str = _MESSAGE


class _RefusedError(Exception):
    """The server refused a part of what was asked of the proxy."""

    def __init__(self, answer: HttpAnswer) -> None:
        super().__init__()
        self.answer = answer


@dataclass(slots=True)
class _Plan:
    """A fault, with what is known of the calls that it is about."""

    fault: DynamoDbFault
    random: random.Random = field(default_factory=lambda: random.Random(7))  # noqa: S311
    numbers: Iterator[int] = field(default_factory=lambda: count(1))

    def happens(self, operation: str) -> bool:
        fault = self.fault
        if fault.operation not in {"", operation}:
            return False
        number = next(self.numbers)
        return (fault.calls is None or number in fault.calls) and self.random.random() < fault.share


class DynamoDbProxy:
    """Passes calls on; may be told something by any thread.

    Args:
        behind: The server.

    Attributes:
        address: Where clients find the proxy in place of the server.
    """

    def __init__(self, behind: DynamoDb) -> None:
        self._behind = behind
        self._lock = threading.Lock()
        self._requests: list[DynamoDbRequest] = []
        self._plans: list[_Plan] = []
        self._actions: list[tuple[_Plan, Callable[[], object]]] = []
        self._altered: dict[str, Callable[[dict[str, Any]], object]] = {}
        self._processed: int | None = None
        self._empty_pages = 0
        self._held: dict[str, HttpAnswer] = {}
        self._server = JsonServer(self._remembered, name="dynamodb-proxy", version="1.0")
        self.address = DynamoDb(self._server.url)

    def fail(self, fault: DynamoDbFault) -> None:
        """Set a fault; of several that happen to a call, the one set first counts."""
        with self._lock:
            self._plans.append(_Plan(fault))

    def before(self, operation: str, number: int, action: Callable[[], object]) -> None:
        """Do something before the call of an operation with a number, from 1, is passed on."""
        plan = _Plan(DynamoDbFault(operation=operation, calls=frozenset({number})))
        with self._lock:
            self._actions.append((plan, action))

    def alter_table(self, table: str, change: Callable[[dict[str, Any]], object]) -> None:
        """Change what DescribeTable says of a table.

        Args:
            table: Its name.
            change: Changes the reply's member ``Table`` in place.
        """
        self._altered[table] = change

    def process_at_most(self, keys: int | None) -> None:
        """Let each BatchGetItem leave all but so many keys unprocessed."""
        self._processed = keys

    def insert_empty_pages(self, pages: int) -> None:
        """Put so many pages without an item before each true page of Scan and Query."""
        self._empty_pages = pages

    def heal(self) -> None:
        """Take away all faults and actions, and all that was altered."""
        with self._lock:
            self._plans, self._actions = [], []
            self._held = {}
        self._altered = {}
        self._processed = None
        self._empty_pages = 0

    def forget(self) -> None:
        """Forget all requests so far."""
        with self._lock:
            self._requests = []

    def requests(self, operation: str = "") -> list[DynamoDbRequest]:
        """Return the requests of an operation, or all, in order, whatever became of them."""
        with self._lock:
            return [item for item in self._requests if operation in {"", item.operation}]

    def close(self) -> None:
        """Serve no more."""
        self._server.close()

    def _remembered(
        self, operation: str, parameters: Mapping[str, Any], access_key_id: str
    ) -> HttpAnswer:
        request = DynamoDbRequest(operation, parameters, time.monotonic(), access_key_id)
        with self._lock:
            self._requests.append(request)
            actions = [action for plan, action in self._actions if plan.happens(operation)]
            faults = [plan.fault for plan in self._plans if plan.happens(operation)]
        for action in actions:
            action()
        if faults and faults[0].status != http.client.OK:
            return _failed(faults[0].code, faults[0].message, status=faults[0].status)
        answer = self._answer(operation, parameters)
        return replace(answer, is_cut=bool(faults))

    def _answer(self, operation: str, parameters: Mapping[str, Any]) -> HttpAnswer:
        match operation:
            case "DescribeTable":
                return self._description(parameters)
            case "BatchGetItem" if self._processed is not None:
                return self._partly(parameters, self._processed)
            case "ExecuteStatement":
                return self._executed(parameters)
            case "Scan" | "Query":
                return self._page(operation, parameters)
            case _:
                return self._pass_on(operation, parameters)

    def _pass_on(self, operation: str, parameters: Mapping[str, Any]) -> HttpAnswer:
        upstream = http.client.HTTPConnection(
            urlsplit(self._behind.url).netloc, timeout=_UPSTREAM_SECONDS
        )
        headers = {
            "Content-Type": "application/x-amz-json-1.0",
            "X-Amz-Target": f"DynamoDB_20120810.{operation}",
            "Authorization": _AUTHORIZATION,
            "X-Amz-Date": "20260101T000000Z",
            "Connection": "close",
        }
        upstream.request("POST", "/", json.dumps(parameters), headers)
        with upstream.getresponse() as response:
            return HttpAnswer(response.status, response.read())

    def _description(self, parameters: Mapping[str, Any]) -> HttpAnswer:
        answer = self._pass_on("DescribeTable", parameters)
        change = self._altered.get(parameters["TableName"])
        if change is None or answer.status != http.client.OK:
            return answer
        told = answer.told
        change(told["Table"])
        return _good(told)

    def _partly(self, parameters: Mapping[str, Any], most: int) -> HttpAnswer:
        wanted: dict[str, Any] = {}
        left: dict[str, Any] = {}
        for table, request in parameters["RequestItems"].items():
            wanted[table] = {**request, "Keys": request["Keys"][:most]}
            if request["Keys"][most:]:
                left[table] = {**request, "Keys": request["Keys"][most:]}
        if not most:
            return _good({"Responses": {table: [] for table in wanted}, "UnprocessedKeys": left})
        answer = self._pass_on("BatchGetItem", {**parameters, "RequestItems": wanted})
        if answer.status != http.client.OK:
            return answer
        return _good({**answer.told, "UnprocessedKeys": left})

    def _executed(self, parameters: Mapping[str, Any]) -> HttpAnswer:
        def scan(request: dict[str, Any]) -> dict[str, Any]:
            answer = self._pass_on("Scan", request)
            if answer.status != http.client.OK:
                raise _RefusedError(answer)
            return answer.told

        try:
            return _good(execute_statement(parameters, scan))
        except _RefusedError as error:
            return error.answer
        except StatementError as error:
            return _failed("ValidationException", str(error))

    def _page(self, operation: str, parameters: Mapping[str, Any]) -> HttpAnswer:
        """Return a page, or an empty one whose key stands for the page after it."""
        start = json.dumps(parameters.get("ExclusiveStartKey"), sort_keys=True)
        with self._lock:
            held = self._held.get(start)
        if held is not None:
            return held
        page = self._pass_on(operation, parameters)
        if page.status != http.client.OK:
            return page
        if len(self._held) > _MOST_EMPTY_PAGES:
            return _failed("ValidationException", "The reader does not go on from where it was.")
        for _ in range(self._empty_pages):
            key = self._key_for_an_empty_page(parameters)
            with self._lock:
                self._held[json.dumps(key, sort_keys=True)] = page
            empty = {"Items": [], "Count": 0, "ScannedCount": 0, "LastEvaluatedKey": key}
            page = _good(empty)
        return page

    def _key_for_an_empty_page(self, parameters: Mapping[str, Any]) -> dict[str, Any]:
        name = parameters["TableName"]
        table = self._pass_on("DescribeTable", {"TableName": name}).told["Table"]
        types = {
            item["AttributeName"]: item["AttributeType"] for item in table["AttributeDefinitions"]
        }
        indexes = (
            *table.get("LocalSecondaryIndexes", ()),
            *table.get("GlobalSecondaryIndexes", ()),
        )
        schemas = [
            of["KeySchema"]
            for of in (table, *indexes)
            if of.get("IndexName") in {None, parameters.get("IndexName")}
        ]
        number = next(_empty_page_numbers)
        values = {
            "S": f"empty page {number}",
            "N": str(-1_000_000_000 - number),
            "B": base64.b64encode(f"empty page {number}".encode()).decode(),
        }
        names = {item["AttributeName"] for schema in schemas for item in schema}
        return {name: {types[name]: values[types[name]]} for name in sorted(names)}


def _good(told: Mapping[str, Any]) -> HttpAnswer:
    return HttpAnswer(http.client.OK, json.dumps(told).encode())


def _failed(code: str, message: str, *, status: int = 400) -> HttpAnswer:
    """Return an error as DynamoDB tells it."""
    body = {"__type": _NAMESPACE + code, "message": message}
    return HttpAnswer(status, json.dumps(body).encode())


_empty_page_numbers = count()
_AUTHORIZATION = (
    "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20260101/eu-west-1/dynamodb/aws4_request,"
    " SignedHeaders=host, Signature=0"
)
"""The server wants to see a signature and does not check it."""


@contextmanager
def dynamodb_proxy(behind: DynamoDb) -> Iterator[DynamoDbProxy]:
    """Yield a proxy in front of a server, and close it at the end."""
    proxy = DynamoDbProxy(behind)
    try:
        yield proxy
    finally:
        proxy.close()

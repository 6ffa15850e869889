"""How a request reaches a function: in this process, as a deployed Lambda, over HTTP.

Each transport takes a request and returns the reply as JSON would carry them, so that
what can't be carried shows here too. A transport may be used by several threads.
"""

from __future__ import annotations

import json
import threading
import urllib.error
import urllib.request
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Protocol

from athena_connectors.common.testing.engine_errors import RemoteError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from athena_connectors.common.estimates import Estimate
    from athena_connectors.common.findings import Finding
    from athena_connectors.common.handler import Explanation, LambdaHandler, SplitReport
    from athena_connectors.common.inference import InferredTable
    from athena_connectors.common.protocol.messages import TableName
    from athena_connectors.common.spill import SpillStore

__all__ = ["HttpEndpoint", "InProcess", "LambdaFunction", "Transport"]

Event = dict[str, Any]
REMOTE_SECONDS = 900
"""Longest time that a Lambda function can run."""


class Transport(Protocol):
    """A way to a function."""

    def send(self, event: Event) -> Event:
        """Return the reply to a request; an error of the function is raised."""

    def close(self) -> None:
        """Close what is open; nothing is sent afterwards."""


class InProcess:
    """A connector's handler in this process.

    A handler serves one request at a time, so every request that runs at the same time
    as another gets a handler of its own.

    Args:
        handler: What the connector's ``app`` module calls ``handler``.
        settings: The function's environment variables.
        store: Where it spills to; ``None`` for S3.
    """

    def __init__(
        self,
        handler: LambdaHandler,
        *,
        settings: Mapping[str, str],
        store: SpillStore | None = None,
    ) -> None:
        self._handler = handler
        self._settings = dict(settings)
        self._store = store
        self._idle: list[LambdaHandler] = []
        self._lock = threading.Lock()
        self._seen = threading.local()

    @property
    def handler(self) -> LambdaHandler:
        """What the connector's ``app`` module calls ``handler``."""
        return self._handler

    @property
    def settings(self) -> Mapping[str, str]:
        """The function's environment variables, secrets among them."""
        return self._settings

    @property
    def store(self) -> SpillStore | None:
        """Where it spills to; ``None`` for S3."""
        return self._store

    def send(self, event: Event) -> Event:
        """Return the reply to a request; the connector's errors pass through."""
        self._seen.report = None
        with self._borrowed() as handler:
            return _plain(handler(_plain(event), None))

    def last_report(self) -> SplitReport | None:
        """Return what the last request of this thread cost, if it read a split."""
        report: SplitReport | None = getattr(self._seen, "report", None)
        return report

    def explain(self, event: Event) -> Explanation:
        """Return how the connector would answer a ``ReadRecordsRequest``."""
        with self._borrowed() as handler:
            return handler.explain(_plain(event))

    def estimate(self, event: Event) -> Estimate | None:
        """Return what the scan of a ``GetTableLayoutRequest`` may cost, if anybody knows."""
        with self._borrowed() as handler:
            return handler.estimate(_plain(event))

    def health(self, catalog: str) -> list[Finding]:
        """Return what the handler finds out about itself and a catalog."""
        with self._borrowed() as handler:
            return handler.health(catalog)

    def infer_table(self, catalog: str, name: TableName) -> tuple[TableName, InferredTable]:
        """Return a table's own name, and its columns by a fresh sample."""
        with self._borrowed() as handler:
            return handler.infer_table(catalog, name)

    def close(self) -> None:
        """Close every handler."""
        with self._lock:
            idle, self._idle = self._idle, []
        for handler in idle:
            handler.close()

    @contextmanager
    def _borrowed(self) -> Iterator[LambdaHandler]:
        with self._lock:
            handler = self._idle.pop() if self._idle else None
        if handler is None:
            handler = self._handler.with_environment(
                self._settings, store=self._store, observer=self._observe
            )
        try:
            yield handler
        finally:
            with self._lock:
                self._idle.append(handler)

    def _observe(self, report: SplitReport) -> None:
        self._seen.report = report


class LambdaFunction:
    """A deployed Lambda function.

    Args:
        name: Name or ARN of the function.
        client: A boto3 Lambda client; made at the first request when ``None``.
    """

    def __init__(self, name: str, *, client: Any = None) -> None:
        self._name = name
        self._client = client
        self._lock = threading.Lock()

    def send(self, event: Event) -> Event:
        """Return the reply to a request.

        Raises:
            RemoteError: The function failed or can't be called.
        """
        from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415

        try:
            reply = self._lambda().invoke(
                FunctionName=self._name, Payload=json.dumps(event).encode()
            )
            payload = reply["Payload"].read()
        except (BotoCoreError, ClientError) as cause:
            raise RemoteError(
                f"Function {self._name} can't be called: {cause}",
                error_type=type(cause).__name__,
                hint="Check its name, the region and the permission lambda:InvokeFunction.",
            ) from cause
        return _read_reply(payload, failed="FunctionError" in reply, where=self._name)

    def close(self) -> None:
        """Do nothing: the client holds no connection of ours."""

    def _lambda(self) -> Any:
        with self._lock:
            if self._client is None:
                import boto3  # noqa: PLC0415
                from botocore.config import Config  # noqa: PLC0415

                config = Config(read_timeout=REMOTE_SECONDS, retries={"total_max_attempts": 1})
                self._client = boto3.client("lambda", config=config)
            return self._client


class HttpEndpoint:
    """A Lambda runtime behind a URL, such as the runtime interface emulator.

    Args:
        url: Where requests are posted to.
    """

    def __init__(self, url: str) -> None:
        self._url = url

    def send(self, event: Event) -> Event:
        """Return the reply to a request.

        Raises:
            RemoteError: The function failed or can't be reached.
        """
        request = urllib.request.Request(  # noqa: S310 - the user's own URL
            self._url,
            data=json.dumps(event).encode(),
            headers={"Content-Type": "application/json"},
            method="POST",
        )
        try:
            with urllib.request.urlopen(request, timeout=REMOTE_SECONDS) as reply:  # noqa: S310
                payload = reply.read()
                failed = reply.headers.get("X-Amz-Function-Error") is not None
        except urllib.error.HTTPError as error:
            with error:
                payload, failed = error.read(), True
        except OSError as cause:
            raise RemoteError(
                f"{self._url} can't be reached: {cause}",
                hint="Start the function, or correct the catalog's endpoint.",
            ) from cause
        return _read_reply(payload, failed=failed, where=self._url)

    def close(self) -> None:
        """Do nothing: each request has a connection of its own."""


def _plain(event: Event) -> Event:
    """Return what JSON leaves of an object."""
    plain: Event = json.loads(json.dumps(event))
    return plain


def _read_reply(payload: bytes, *, failed: bool, where: str) -> Event:
    try:
        reply = json.loads(payload)
    except ValueError as cause:
        raise RemoteError(
            f"{where} answered with no JSON: {payload[:200].decode(errors='replace')}"
        ) from cause
    is_object = isinstance(reply, dict)
    if failed or not is_object or ("errorMessage" in reply and "@type" not in reply):
        details = reply if is_object else {"errorMessage": str(reply)}
        raise RemoteError(
            str(details.get("errorMessage") or "The function failed without a message."),
            error_type=str(details.get("errorType") or ""),
        )
    return dict(reply)

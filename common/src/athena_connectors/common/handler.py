"""The Lambda entry: one request in, one reply out, for any connector.

``lambda_handler(factory)`` makes the object that a connector's ``app`` module names
``handler``. Making it reads no setting and opens no connection; both happen at the first
request, so that a snapshot of the initialised function holds nothing that expires.
"""

from __future__ import annotations

import json
import logging
import os
import traceback
from collections.abc import Mapping
from pathlib import PurePath
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from athena_connectors.common.errors import ConnectorError, InternalError, InvalidRequestError
from athena_connectors.common.findings import Finding, told
from athena_connectors.common.glue_connection import with_glue_connection
from athena_connectors.common.protocol.codec import (
    decode_request,
    encode_response,
    request_version,
)
from athena_connectors.common.protocol.messages import (
    GetTableLayoutRequest,
    ReadRecordsRequest,
    ReadRecordsResponse,
)
from athena_connectors.common.service import Explanation, Service, SplitReport

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from athena_connectors.common.connector import Connector
    from athena_connectors.common.estimates import Estimate
    from athena_connectors.common.inference import InferredTable
    from athena_connectors.common.protocol.messages import TableName
    from athena_connectors.common.spill import SpillStore

__all__ = ["Explanation", "LambdaHandler", "SplitReport", "lambda_handler"]

T = TypeVar("T")

MAX_REPLY_BYTES = 6_000_000
"""Below Lambda's 6 MiB: a reply over the limit would kill the process."""

logger = logging.getLogger(__name__)


class LambdaContext(Protocol):
    """The part of Lambda's context object that is used."""

    def get_remaining_time_in_millis(self) -> int:
        """Return the milliseconds until the function is killed."""


def lambda_handler(factory: Callable[[Mapping[str, str]], Connector]) -> LambdaHandler:
    """Make a Lambda entry.

    Args:
        factory: Makes the connector from the environment's variables; called once, at the
            first request.
    """
    return LambdaHandler(factory)


class LambdaHandler:
    """Serves the protocol for one connector; serves one request at a time.

    Args:
        factory: Makes the connector from the environment's variables.
        environ: The variables; the process's own by default.
        store: Where blocks are spilled to; S3 by default.
        observer: Told what each split cost.
    """

    def __init__(
        self,
        factory: Callable[[Mapping[str, str]], Connector],
        *,
        environ: Mapping[str, str] | None = None,
        store: SpillStore | None = None,
        observer: Callable[[SplitReport], None] | None = None,
    ) -> None:
        self._factory = factory
        self._environ = os.environ if environ is None else environ
        self._store = store
        self._observer = observer
        self._service: Service | None = None

    def with_environment(
        self,
        environ: Mapping[str, str],
        *,
        store: SpillStore | None = None,
        observer: Callable[[SplitReport], None] | None = None,
    ) -> LambdaHandler:
        """Return an independent handler of the same connector with other settings."""
        return LambdaHandler(self._factory, environ=environ, store=store, observer=observer)

    def around(self, wrap: Callable[[Connector], Connector]) -> LambdaHandler:
        """Return an independent handler whose connector is what ``wrap`` makes of this one's."""
        return LambdaHandler(
            lambda environ: wrap(self._factory(environ)), environ=self._environ, store=self._store
        )

    @property
    def package(self) -> str:
        """The package that makes the connector."""
        return self._factory.__module__.rpartition(".")[0]

    def __call__(self, event: dict[str, Any], context: LambdaContext | None) -> dict[str, Any]:
        """Answer one request.

        Args:
            event: The request as it came over the wire.
            context: Lambda's context; ``None`` when there is no deadline.

        Raises:
            ConnectorError: Whatever went wrong, as the class that says so.
        """
        return self._guarded(_kind(event), lambda: self._answer(event, context))

    def explain(self, event: dict[str, Any]) -> Explanation:
        """Return how a ``ReadRecordsRequest`` would be answered, without reading."""
        return self._guarded("explain", lambda: self._explain(event))

    def estimate(self, event: dict[str, Any]) -> Estimate | None:
        """Return what the scan of a ``GetTableLayoutRequest`` may cost, without reading."""
        return self._guarded("estimate", lambda: self._estimate(event))

    def health(self, catalog: str) -> list[Finding]:
        """Return what ``doctor`` tells of a catalog; nothing is raised, errors are faults."""
        findings: list[Finding] = []

        def examine() -> None:
            for finding in self._findings(catalog):
                findings.append(finding)  # noqa: PERF402 - what was found before an error counts

        try:
            self._guarded("health", examine)
        except ConnectorError as error:
            findings.append(Finding.of_error("health", error))
        return findings

    def infer_table(self, catalog: str, name: TableName) -> tuple[TableName, InferredTable]:
        """Return what ``freeze`` writes: a table's own name, and its columns by a fresh sample."""
        return self._guarded("freeze", lambda: self._serve().infer_table(catalog, name))

    def close(self) -> None:
        """Close what the connector holds open; the next request opens it again."""
        if self._service is not None:
            self._service.close()
            self._service = None

    def _answer(self, event: dict[str, Any], context: LambdaContext | None) -> dict[str, Any]:
        request = decode_request(event)
        remaining_ms = None if context is None else context.get_remaining_time_in_millis()
        response = self._serve().answer(request, remaining_ms=remaining_ms)
        reply = encode_response(response, request_version(event))
        if not isinstance(response, ReadRecordsResponse):
            _check_size(reply)  # the spiller has measured inline rows
        return reply

    def _explain(self, event: dict[str, Any]) -> Explanation:
        request = decode_request(event)
        if not isinstance(request, ReadRecordsRequest):
            raise InvalidRequestError(
                f"A {type(request).__name__} can't be explained.",
                hint="Pass the ReadRecordsRequest of a split.",
            )
        return self._serve().explain(request)

    def _estimate(self, event: dict[str, Any]) -> Estimate | None:
        request = decode_request(event)
        if not isinstance(request, GetTableLayoutRequest):
            raise InvalidRequestError(
                f"The cost of a {type(request).__name__} can't be estimated.",
                hint="Pass the GetTableLayoutRequest of a scan.",
            )
        return self._serve().estimate(request)

    def _findings(self, catalog: str) -> Iterator[Finding]:
        """Yield the findings; where the connector can't be made, what AWS says all the same."""
        from athena_connectors.common.health import aws_findings  # noqa: PLC0415

        try:
            service = self._serve()
        except ConnectorError as error:
            yield Finding.of_error("settings", error)
            yield from told("settings", aws_findings(self._environ, spills=self._store is None))
        else:
            yield from service.health(catalog)

    def _serve(self) -> Service:
        if self._service is None:
            environ = with_glue_connection(self._environ)
            self._service = Service(
                self._factory(environ),
                environ,
                store=self._store,
                observer=self._observer,
            )
        return self._service

    def _guarded(self, kind: str, work: Callable[[], T]) -> T:
        try:
            return work()
        except ConnectorError as error:
            logger.warning("%s failed: %s: %s", kind, type(error).__name__, error)
            raise
        except Exception as cause:
            # The text of an unforeseen error may hold a secret: only its place is told.
            place = traceback.extract_tb(cause.__traceback__)[-1]
            where = f"{PurePath(place.filename).name}:{place.lineno}"
            logger.error("%s failed in %s: %s", kind, where, type(cause).__name__)  # noqa: TRY400
            raise InternalError(
                f"{kind} failed in {where} with an unexpected {type(cause).__name__}.",
                hint="This is a fault of the connector: please report it with the request.",
            ) from cause
        finally:
            if self._service is not None:
                self._service.release()


def _kind(event: object) -> str:
    """Return what errors and logs call a request; what it calls itself may be anything."""
    kind = event.get("@type") if isinstance(event, Mapping) else None
    return kind if isinstance(kind, str) and kind.isidentifier() else "The request"


def _check_size(reply: dict[str, Any]) -> None:
    size = len(json.dumps(reply, ensure_ascii=False).encode())
    if size > MAX_REPLY_BYTES:
        raise InvalidRequestError(
            f"The reply {reply['@type']} has {size:,} bytes, which is over Lambda's limit.",
            hint="Narrow what is asked for: a smaller page, fewer partitions or columns.",
        )

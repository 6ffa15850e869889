"""Talks to DynamoDB: one HTTP client, throttled, within a budget of read units.

Replies to reads leave here as the bytes that DynamoDB sent, because botocore's own parser
would take several times as long as everything else.
"""

from __future__ import annotations

import re
import threading
import time
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from athena_connectors.common.aws import AssumedRole, AwsClients
from athena_connectors.common.aws_errors import aws_errors
from athena_connectors.common.config import load_settings
from athena_connectors.common.source_calls import SourceCalls
from athena_connectors.common.throttling import ThrottleSettings
from athena_connectors.dynamodb.faults import congestion, translate
from athena_connectors.dynamodb.source_table import source_table

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from athena_connectors.common.source_calls import Reply
    from athena_connectors.dynamodb.settings import Settings
    from athena_connectors.dynamodb.source_table import SourceTable

    T = TypeVar("T")

__all__ = ["Client", "Operation"]

Operation = Literal["Scan", "Query", "BatchGetItem", "ExecuteStatement"]

_SESSION_NAME = "DynamoDBMetadataHandler_CrossAccountRoleSession"
"""As the Java connector's, which trust policies may ask for."""
_MAX_NAMES = 100
"""Names that one ListTables gives at most."""
_SILENCE_SECONDS = 10
"""How long DynamoDB may be silent; a read that is cancelled ends no later."""
_METADATA_SECONDS = 60.0
_READ_SECONDS = 840.0
"""How long a call is repeated when nobody gives a deadline."""
_ARN = re.compile(r"arn:[a-z-]+:dynamodb:(?P<region>[a-z0-9-]+):\d*:table/[^/]+")


class Client:
    """DynamoDB in one region, with the function's role or that of another account.

    Safe to use from several threads.

    Args:
        settings: The connector's settings.
        environ: The function's environment.
        cancelled: Set by ``cancel``; may be shared with other clients.
    """

    def __init__(
        self,
        settings: Settings,
        environ: Mapping[str, str],
        *,
        cancelled: threading.Event | None = None,
    ) -> None:
        self._settings = settings
        self._environ = environ
        self._region = settings.dynamodb_region
        self._lock = threading.Lock()
        self._elsewhere: dict[str, Client] = {}
        self._calls = SourceCalls(
            self._connected,
            throttle=load_settings(ThrottleSettings, environ),
            congestion=congestion,
            source=lambda table: f"DynamoDB table {table}" if table else "DynamoDB",
            rate_setting="max_rcu_per_second",
            cancelled=cancelled,
        )

    def at(self, target: str) -> Client:
        """Return the client for a table: this one, or that of the region in its ARN.

        Args:
            target: The table's name or ARN. This client closes and cancels the others.
        """
        found = _ARN.fullmatch(target)
        if found is None or found["region"] == self._calls.sdk.meta.region_name:
            return self
        region = found["region"]
        with self._lock:
            if region not in self._elsewhere:
                other = Client(self._settings, self._environ, cancelled=self._calls.cancelled)
                other._region = region
                self._elsewhere[region] = other
            return self._elsewhere[region]

    def describe_table(self, target: str) -> SourceTable:
        """Return what DynamoDB says of a table.

        Args:
            target: Its exact name, or its ARN.

        Raises:
            TableNotFoundError: There is no such table.
            ConnectorError: DynamoDB refuses or can't be reached; see ``faults``.
        """
        reply = self._metadata("DescribeTable", {"TableName": target})
        return source_table(reply, target=target)

    def list_tables(
        self, start: str | None = None, limit: int = _MAX_NAMES
    ) -> tuple[list[str], str | None]:
        """Return one page of table names, ordered, and where the next page starts.

        Args:
            start: What the page before said; ``None`` for the first.
            limit: Names wanted at most.

        Returns:
            The names, and ``None`` if there are no more.
        """
        request: dict[str, Any] = {"Limit": max(1, min(limit, _MAX_NAMES))}
        if start is not None:
            request["ExclusiveStartTableName"] = start
        reply = self._metadata("ListTables", request)
        return reply["TableNames"], reply.get("LastEvaluatedTableName")

    def read(
        self,
        operation: Operation,
        request: Mapping[str, Any],
        *,
        table: str,
        deadline: float | None = None,
    ) -> Reply:
        """Make one call that reads items, again and again while DynamoDB is congested.

        Args:
            operation: Which one.
            request: Its parameters, as botocore takes them.
            table: The table, for errors, and whose pace is kept.
            deadline: ``time.monotonic()`` shortly before which it gives up.

        Raises:
            ThrottledError: DynamoDB stayed congested.
            BudgetExceededError: The budget does not allow another call before the deadline.
            QueryStoppedError: ``cancel`` was called.
            TableNotFoundError: There is no such table (any more).
            InvalidRequestError: DynamoDB refuses the request.
            ConnectorError: It refuses or can't be reached; see ``faults``.
        """
        last = time.monotonic() + _READ_SECONDS if deadline is None else deadline
        return self._translated(
            self._calls.read, operation, request, table=table, deadline=last, cost=0
        )

    def pause(self, table: str, seconds: float) -> None:
        """Wait between two reads of a table.

        Raises:
            QueryStoppedError: ``cancel`` was called, which ends the waiting at once.
        """
        self._calls.pause(seconds, pace=table)

    def limit_rate(self, table: str, units_per_second: float | None) -> None:
        """Set what the reads of a table may use together, until it is set again.

        Args:
            table: As in ``read``.
            units_per_second: Read units in a second; ``None`` for no limit.
        """
        self._calls.limit_rate(table, units_per_second)

    def charge(self, table: str, units: float) -> None:
        """Tell what a read cost, in read units; the next read of the table waits for it."""
        self._calls.charge(table, units)

    def cancel(self) -> None:
        """End all waiting and let every call that comes until ``release`` fail.

        A request that is on its way is still waited for, 10 seconds at most.
        """
        self._calls.cancel()

    def release(self) -> None:
        """Forget that reads were cancelled; connections stay for the next invocation."""
        self._calls.release()

    def close(self) -> None:
        """Close all connections; the next use opens new ones."""
        with self._lock:
            others, self._elsewhere = list(self._elsewhere.values()), {}
        for other in others:
            other.close()
        self._calls.close()

    def _metadata(self, operation: str, request: Mapping[str, Any]) -> Mapping[str, Any]:
        last = time.monotonic() + _METADATA_SECONDS
        table = request.get("TableName", "")
        return self._translated(self._calls.call, operation, request, table=table, deadline=last)

    def _translated(
        self,
        make: Callable[..., T],
        operation: str,
        request: Mapping[str, Any],
        *,
        table: str,
        **how: float,
    ) -> T:
        try:
            return make(operation, request, pace=table, **how)
        except aws_errors() as error:
            raise translate(error, operation=operation, table=table) from error

    def _connected(self) -> Any:
        settings = self._settings
        role = AssumedRole.of(
            settings.cross_account_role_arn, _SESSION_NAME, settings.cross_account_external_id
        )
        return AwsClients(self._environ).source_client(
            "dynamodb",
            region=self._region,
            endpoint_url=settings.dynamodb_endpoint,
            role=role,
            read_timeout_seconds=_SILENCE_SECONDS,
        )

"""A stand-in of CloudWatch Logs in this process, for tests and benchmarks.

Real botocore clients talk to it over HTTP. Where the service's documentation leaves a choice
it takes the one that is harder on its clients, or has a switch; what it can't play fails the
test. Benchmarks that measure a client run it in another process.
"""

from __future__ import annotations

from contextlib import contextmanager
from functools import cache, cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from athena_connectors.common.aws import AwsClients
from athena_connectors.common.testing.aws import REGION
from athena_connectors.common.testing.json_server import JsonServer
from athena_connectors.common.testing.logs_faults import LogsFault
from athena_connectors.common.testing.logs_groups import ACCOUNT
from athena_connectors.common.testing.logs_insights import InsightsScript
from athena_connectors.common.testing.logs_service import LogsService

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from athena_connectors.common.testing.logs_events import EventSource
    from athena_connectors.common.testing.logs_faults import LogsCall

__all__ = ["LogsFake", "logs_server"]

_ENVIRON: Mapping[str, str] = MappingProxyType(
    {
        "AWS_REGION": REGION,
        "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",
        "AWS_SECRET_ACCESS_KEY": "example",  # not a secret
    }
)


class LogsFake:
    """The stand-in; any thread may tell it something.

    Args:
        seed: What pages are empty or short depends on it.

    Attributes:
        url: Where it listens.
        faults: Its bad days, and the calls it got.
        unplayed: What it was asked for and could not answer.
    """

    def __init__(self, *, seed: int = 7) -> None:
        self._service = LogsService(seed=seed)
        self._lock = self._service.lock
        self._groups = self._service.groups
        self._insights = self._service.insights
        self.faults = self._service.faults
        self.unplayed = self._service.unplayed
        self._server = JsonServer(self._service.answer, name="logs-fake")
        self.url = self._server.url

    @cached_property
    def settings(self) -> Mapping[str, str]:
        """The environment of a connector that reads from it."""
        return MappingProxyType(
            {
                "logs_endpoint": self.url,
                **_ENVIRON,
            }
        )

    @cached_property
    def _client(self) -> Any:
        return _clients().source_client("logs", endpoint_url=self.url)

    def client(self) -> Any:
        """Return botocore's client of it, which repeats nothing; always the same one."""
        return self._client

    # What is in it.

    def create_group(
        self,
        name: str,
        *,
        log_class: str = "STANDARD",
        created_at: int = 0,
        retention_days: int | None = None,
        stored_bytes: int = 0,
        account: str = ACCOUNT,
        streams: EventSource | None = None,
    ) -> str:
        """Make a group and return its name.

        Args:
            name: Its name.
            log_class: Its class.
            created_at: When it was made, in ms since 1970.
            retention_days: For how long it says that it keeps events; it keeps them all.
            stored_bytes: What it says that it holds.
            account: Whose it is. Groups of other accounts can be reached by ARN only.
            streams: Streams that are computed, a ``VirtualStreams``; by default it gets its
                events from ``put``.
        """
        with self._lock:
            self._groups.create(
                name,
                account=account,
                log_class=log_class,
                created_at=created_at,
                retention_days=retention_days,
                stored_bytes=stored_bytes,
                source=streams,
            )
        return name

    def delete_group(self, name: str, *, account: str = ACCOUNT) -> None:
        """Remove a group."""
        with self._lock:
            self._groups.delete(name, account)

    def create_stream(
        self, group: str, stream: str, *, created_at: int | None = None, account: str = ACCOUNT
    ) -> None:
        """Make a stream without events, as old as its group or made at ``created_at``."""
        with self._lock:
            made = self._groups.get(group, account).created_at if created_at is None else created_at
            self._groups.stored(group, account).create_stream(stream, created_at=made)

    def delete_stream(self, group: str, stream: str, *, account: str = ACCOUNT) -> None:
        """Remove a stream with its events."""
        with self._lock:
            self._groups.stored(group, account).delete_stream(stream)

    def put(
        self,
        group: str,
        stream: str,
        events: Iterable[tuple[int, str]],
        *,
        ingested_at: int | None = None,
        account: str = ACCOUNT,
    ) -> None:
        """Add events to a stream, which is made if need be.

        Args:
            group: The group.
            stream: The stream.
            events: Time in ms since 1970, and text, of each; in any order.
            ingested_at: When they came; half a second after its time each by default.
            account: The group's.

        Raises:
            ValueError: The service would not take them: they are too old or too new when
                they come, older than the group, empty or above 1 MB.
        """
        with self._lock:
            self._groups.put(group, stream, events, account=account, ingested_at=ingested_at)

    def grow(
        self,
        group: str,
        events: Callable[[], Mapping[str, Iterable[tuple[int, str]]]],
        *,
        account: str = ACCOUNT,
    ) -> None:
        """Add events before each GetLogEvents and FilterLogEvents of a group.

        Args:
            group: The group.
            events: Returns events, as of ``put``, by stream.
            account: The group's.
        """

        def add() -> None:
            for stream, added in events().items():
                self.put(group, stream, added, account=account)

        with self._lock:
            self._groups.get(group, account).grown_by.append(add)

    # How it behaves.

    def switch(self, group: str | None = None, *, account: str = ACCOUNT, **changes: Any) -> None:
        """Change how the service behaves about a group, or about all, also those to come.

        Args:
            group: The group.
            account: The group's.
            changes: Members of ``logs_groups.Switches``.
        """
        with self._lock:
            self._groups.switch(group, account, **changes)

    def expire_tokens(self) -> None:
        """Let all tokens given so far be invalid."""
        with self._lock:
            self._service.tokens.expire()

    def script(
        self,
        contains: str = "",
        *,
        states: tuple[str, ...] = ("Scheduled", "Running", "Complete"),
        rows: Sequence[Mapping[str, str]] | None = None,
    ) -> None:
        """Say what becomes of Insights queries, before they start; as of ``InsightsScript``."""
        with self._lock:
            self._insights.scripts.insert(0, InsightsScript(contains, states, rows))

    def switch_insights(
        self, *, most_running: int | None = None, times_as_ms: bool | None = None
    ) -> None:
        """Change how many queries may run, or in which form their rows hold times."""
        with self._lock:
            if most_running is not None:
                self._insights.most_running = most_running
            if times_as_ms is not None:
                self._insights.times_as_ms = times_as_ms

    @property
    def running_queries(self) -> int:
        """How many Insights queries have not ended, as far as was told to their clients."""
        with self._lock:
            return self._insights.running

    def fail(self, fault: LogsFault) -> None:
        """Set a fault; of several that happen to a call, the one set first counts."""
        self.faults.fail(fault)

    def deny(self, operation: str) -> None:
        """Let the role not be allowed an operation."""
        message = f"User: me is not authorized to perform: logs:{operation}"
        self.faults.fail(LogsFault("AccessDeniedException", operation=operation, message=message))

    def before(self, operation: str, number: int, action: Callable[[], object]) -> None:
        """Do something before the call of an operation with a number, from 1, is answered."""
        self.faults.before(LogsFault(operation=operation, calls=frozenset({number})), action)

    # What was asked of it.

    @property
    def calls(self) -> list[LogsCall]:
        """All calls so far, in order, whatever became of them."""
        return self.faults.calls

    def requests(self, operation: str) -> list[Mapping[str, Any]]:
        """Return the bodies of an operation's calls so far."""
        return [call.request for call in self.calls if call.operation == operation]

    def count(self, operation: str = "") -> int:
        """Return how many calls of an operation there were, or of all."""
        return sum(operation in {"", call.operation} for call in self.calls)

    def close(self) -> None:
        """Serve no more."""
        if "_client" in self.__dict__:
            self._client.close()
        self._server.close()


@cache
def _clients() -> AwsClients:
    """Return what makes clients of all stand-ins: it reads the service's model once."""
    return AwsClients(_ENVIRON)


@contextmanager
def logs_server(*, seed: int = 7) -> Iterator[LogsFake]:
    """Yield a stand-in without a group.

    Args:
        seed: What pages are empty or short depends on it.

    Raises:
        AssertionError: At the end: it was asked for something that it does not play.
    """
    fake = LogsFake(seed=seed)
    try:
        yield fake
    finally:
        fake.close()
    assert not fake.unplayed, f"the stand-in does not play {fake.unplayed}"

"""The mechanism that sessions of both dialects share, with a driver that is a few lines."""

from __future__ import annotations

import socket
import threading
import time
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any, ClassVar, Self

import pytest
from athena_connectors.common.errors import (
    ConfigurationError,
    ConnectorError,
    DeadlineExceededError,
    InternalError,
    InvalidCredentialsError,
    SourceError,
    SourceTimeoutError,
)
from athena_connectors.common.secrets import SecretResolver
from athena_connectors.common.sql.client import SqlClient
from athena_connectors.common.sql.connection_strings import Credentials, parse_connection_string
from athena_connectors.common.sql.sessions import SessionOpener, break_off, ends_in_time
from athena_connectors.common.testing.secret_store import SecretStore, login_secret

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

WITH_SECRET = parse_connection_string(
    "postgres://jdbc:postgresql://h/db?${s}", engine="postgres", catalog="shop"
)
WITHOUT = parse_connection_string(
    "postgres://jdbc:postgresql://u:p@h/db", engine="postgres", catalog="shop"
)


# --- opening


def opened_with(store: SecretStore, password: str) -> Callable[[], Any]:
    """Return what opens a session of a server that takes this password."""

    def connect(credentials: Credentials | None) -> str:
        assert credentials is not None
        if credentials.password.reveal() != password:
            raise InvalidCredentialsError("refused")
        return credentials.user

    return SessionOpener(WITH_SECRET, secrets=SecretResolver(lambda: store), connect=connect).open


def test_checklist_15_a_refused_secret_is_read_anew_once() -> None:
    store = SecretStore(s=login_secret("u", "two"))
    assert opened_with(store, "two")() == "u"
    assert store.calls == 1
    stale = SecretStore(s=login_secret("u", "one"))
    secrets = SecretResolver(lambda: stale)
    secrets.secret("s")
    stale.secrets["s"] = login_secret("u", "two")
    asked: list[str] = []

    def connect(credentials: Credentials | None) -> str:
        assert credentials is not None
        asked.append(credentials.password.reveal())
        if asked[-1] != "two":
            raise InvalidCredentialsError("refused")
        return "a session"

    opener = SessionOpener(WITH_SECRET, secrets=secrets, connect=connect)
    assert opener.open() == "a session"
    assert asked == ["one", "two"]
    with pytest.raises(InvalidCredentialsError):
        opened_with(store, "three")()
    assert store.calls == 3


def test_a_refused_login_without_a_secret_is_tried_once() -> None:
    asked: list[Credentials | None] = []

    def connect(credentials: Credentials | None) -> None:
        asked.append(credentials)
        raise InvalidCredentialsError("refused")

    with pytest.raises(InvalidCredentialsError):
        SessionOpener(WITHOUT, secrets=None, connect=connect).open()
    assert asked == [None]


def test_a_secret_that_nobody_can_read() -> None:
    with pytest.raises(ConfigurationError, match="names the secret s and no secret can be read"):
        SessionOpener(WITH_SECRET, secrets=None, connect=str).open()


# --- ending


def test_an_order_that_takes_too_long_is_not_waited_for() -> None:
    heard = threading.Event()
    started = time.monotonic()
    assert not ends_in_time(lambda: heard.wait(30) and None)
    assert time.monotonic() - started < 10
    heard.set()
    assert ends_in_time(lambda: None)


def test_an_order_that_can_not_be_given_is_told() -> None:
    def fail() -> None:
        raise OSError("no more connections")

    with pytest.raises(OSError, match="no more connections"):
        ends_in_time(fail)


def test_a_connection_that_is_broken_off_wakes_who_waits_for_it() -> None:
    here, there = socket.socketpair()
    with here, there:
        received: list[bytes] = []
        reader = threading.Thread(target=lambda: received.append(here.recv(1)))
        reader.start()
        break_off(here.fileno())
        reader.join(5)
        assert received == [b""]
    break_off(here.fileno())  # it is closed; nothing happens


# --- transactions


class DriverError(Exception):
    pass


class Connection:
    """A driver's connection.

    Attributes:
        fails: What the next statement raises.
    """

    def __init__(self) -> None:
        self.closed = False
        self.fails: Exception | None = None
        self.events: list[str] = []

    def begin(self, limit_ms: int) -> Connection:
        self.events.append(f"begin {limit_ms}")
        if self.fails:
            self.closed = True
            raise self.fails
        return self

    def close(self) -> None:
        self.closed = True

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass


class Client(SqlClient):
    driver_error: ClassVar[type[Exception]] = DriverError

    def __init__(self, *, age_s: int = 600, timeout_ms: int = 0) -> None:
        self.connections: list[Connection] = []

        def connect(_: Credentials | None) -> Connection:
            self.connections.append(Connection())
            return self.connections[-1]

        super().__init__(
            SessionOpener(WITHOUT, secrets=None, connect=connect),
            catalog="shop",
            max_connection_age_s=age_s,
            statement_timeout_ms=timeout_ms,
        )
        self.before: Callable[[], None] | None = None

    def run(self, deadline: float | None = None) -> AbstractContextManager[Connection]:
        def begin(connection: Connection, limit_ms: int) -> Connection:
            if self.before:
                self.before()
            return connection.begin(limit_ms)

        return self._transact(begin, table="a.b", deadline=deadline)

    def _is_closed(self, connection: Connection) -> bool:
        return connection.closed

    def _translate(self, error: Exception, *, table: str = "") -> ConnectorError:
        return SourceError(f"{table or 'no table'}: {error}")

    def _end(self, connection: Connection) -> None:
        connection.events.append("end")

    def _stop(self, connection: Connection) -> None:
        connection.events.append("stop")

    def _break_off(self, connection: Connection) -> None:
        connection.events.append("break off")


@contextmanager
def fresh(**options: int) -> Iterator[Client]:
    with closing(Client(**options)) as client:
        yield client


def test_a_session_is_kept_until_it_is_old() -> None:
    with fresh() as client:
        for _ in range(2):
            with client.run():
                pass
        (connection,) = client.connections
        assert connection.events == ["begin 900000", "end"] * 2
    assert connection.closed
    with fresh(age_s=0) as client:
        for _ in range(2):
            with client.run():
                pass
        assert [connection.closed for connection in client.connections] == [True, False]


def test_checklist_15_a_kept_session_that_died_is_opened_anew_once() -> None:
    with fresh() as client:
        with client.run():
            pass
        client.connections[0].fails = DriverError("gone")
        with client.run() as cursor:
            assert cursor is client.connections[1]

        def fail() -> None:
            client.connections[-1].fails = DriverError("gone for good")

        client.before = fail
        with pytest.raises(SourceError, match="no table: gone for good"), client.run():
            pass
        assert len(client.connections) == 3


def test_a_cancelled_session_is_not_opened_anew() -> None:
    with fresh() as client:
        with client.run():
            pass
        client.connections[0].fails = DriverError("broken off")
        client.before = client.cancel
        with pytest.raises(SourceError, match="broken off"), client.run():
            pass
        assert len(client.connections) == 1


def test_cancelling_stops_and_then_breaks_off() -> None:
    with fresh() as client:
        client.cancel()
        with client.run():
            client.cancel()
            client.cancel()
            client.cancel()
        client.cancel()
        with client.run():
            client.cancel()
        (connection,) = client.connections
        events = [event for event in connection.events if not event.startswith("begin")]
        assert events == ["stop", "break off", "break off", "end", "stop", "end"]


def test_what_is_cancelled_before_its_first_statement_runs_none() -> None:
    with fresh() as client:
        client.before = client.cancel
        with pytest.raises(SourceTimeoutError), client.run():
            pytest.fail("it ran")


def test_errors_of_the_driver_are_translated_and_others_are_not() -> None:
    with fresh() as client:
        with pytest.raises(SourceError, match=r"a\.b: broken"), client.run():
            raise DriverError("broken")
        with pytest.raises(KeyError), client.run():
            raise KeyError("mine")
        assert client.connections[0].events[1::2] == ["end", "end"]


def test_transactions_do_not_nest() -> None:
    with fresh() as client, client.run(), pytest.raises(InternalError), client.run():
        pass


def test_the_limit_is_the_least_of_all() -> None:
    with fresh(timeout_ms=5_000) as client:
        with client.run(), client.connections[0]:
            pass
        with client.run(time.monotonic() + 1):
            pass
        with client.run(time.monotonic() + 60):
            pass
        limits = [int(event[6:]) for event in client.connections[0].events[::2]]
        assert limits[::2] == [5_000, 5_000]
        assert 2_000 < limits[1] <= 3_000
        with pytest.raises(DeadlineExceededError), client.run(time.monotonic() - 1):
            pass

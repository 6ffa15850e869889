"""The connections to one server or cluster, kept from one invocation to the next.

A request ends at its deadline even if the network has fallen silent, and when it is
cancelled. A secret that was rotated since it was cached costs one refused login.
"""

from __future__ import annotations

import logging
import threading
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, TypeVar

from athena_connectors.common.errors import (
    ConfigurationError,
    DeadlineExceededError,
    SourceTimeoutError,
)
from athena_connectors.documentdb.connection_strings import address_of
from athena_connectors.documentdb.login import driver_arguments

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from athena_connectors.common.secrets import SecretResolver
    from athena_connectors.documentdb.connection_strings import Address, Target
    from athena_connectors.documentdb.settings import Settings
    from pymongo import MongoClient

    T = TypeVar("T")

__all__ = ["GRACE_SECONDS", "Connection", "Document"]

Document = dict[str, Any]

GRACE_SECONDS = 2.0
"""At the deadline the caller stops a read and says why; the limits set here are later."""
_CLOSE_SECONDS = 1.0


class Connection:
    """One server, with one pool of connections, opened when needed.

    Safe to use from several threads.

    Args:
        target: Where to connect.
        settings: The connector's settings.
        secrets: Reads the secrets that the connection string names; may be ``None`` when
            it names none.
        environ: The function's environment.
    """

    def __init__(
        self,
        target: Target,
        settings: Settings,
        *,
        secrets: SecretResolver | None,
        environ: Mapping[str, str],
    ) -> None:
        self._target = target
        self._settings = settings
        self._secrets = secrets
        self._environ = environ
        self._lock = threading.Lock()
        self._connected: tuple[Address, MongoClient[Document]] | None = None
        self._server = f"server of setting {target.setting}"
        self._cancelled = threading.Event()

    def address(self) -> Address:
        """Return what the connection string says, with its secrets.

        Raises:
            ConfigurationError: It can't be read.
            InvalidCredentialsError: A secret can't be read.
        """
        return address_of(self._target, self._secret)

    def arguments(self) -> Mapping[str, Any]:
        """Return what the driver is told; the password is among it.

        Raises:
            ConfigurationError: The connection string is at fault.
            InvalidCredentialsError: A secret can't be read.
        """
        return driver_arguments(self._target, self.address(), self._settings, self._environ)

    def call(
        self,
        work: Callable[[MongoClient[Document]], T],
        *,
        database: str,
        collection: str = "",
        deadline: float,
    ) -> T:
        """Return what a request returns; a secret whose login is refused is read anew, once.

        Args:
            work: Makes the request.
            database: Which database it is about, for errors.
            collection: Which collection it is about, for errors.
            deadline: ``time.monotonic()`` at which to give up.

        Raises:
            ConnectorError: See ``Client.find_raw``.
        """
        from athena_connectors.documentdb.faults import is_login_refused  # noqa: PLC0415

        with self._asking(database, collection, deadline):
            renewed = False
            while True:
                address, driver = self._driver()
                try:
                    return work(driver)
                except _driver_errors() as error:
                    if not is_login_refused(error):
                        raise
                    # The refused pool would wait for a heartbeat before it tried again.
                    self._drop(address)
                    if renewed or not self._is_renewed(address):
                        raise
                    renewed = True

    def batches(
        self,
        begin: Callable[[MongoClient[Document]], Any],
        *,
        database: str,
        collection: str,
        deadline: float,
    ) -> Iterator[bytes]:
        """Yield the batches of a cursor that a request gives; arguments as of ``call``."""

        def first(driver: MongoClient[Document]) -> tuple[Any, bytes | None]:
            cursor = begin(driver)
            try:
                return cursor, next(cursor, None)
            except BaseException:
                self._let_go(cursor)
                raise

        cursor, batch = self.call(
            first, database=database, collection=collection, deadline=deadline
        )
        try:
            while batch is not None:
                if batch:
                    yield batch
                with self._asking(database, collection, deadline):
                    batch = next(cursor, None)
        finally:
            self._let_go(cursor)

    def cancel(self) -> None:
        """Break off all requests, and let every one that comes until ``release`` fail.

        Who waits for the server gets an error within a second, also if the network has
        fallen silent. Safe from any thread.
        """
        self._cancelled.set()
        self._break_off()

    def release(self) -> None:
        """Forget that requests were cancelled; connections stay for the next invocation."""
        self._cancelled.clear()

    def close(self) -> None:
        """Close all connections; the next use opens new ones."""
        with self._lock:
            connected, self._connected = self._connected, None
        if connected is not None:
            _close(connected[1])

    def _let_go(self, cursor: Any) -> None:
        """End a cursor on the server, too, unless nobody there can be asked any more."""
        if not cursor.alive or self._cancelled.is_set():
            return
        with suppress(*_driver_errors()), self._alarm(time.monotonic() + _CLOSE_SECONDS):
            cursor.close()

    def _driver(self) -> tuple[Address, MongoClient[Document]]:
        with self._lock:
            if self._cancelled.is_set():
                raise self._cancellation()
            if self._connected is None:
                self._connected = self._connect()
            return self._connected

    def _connect(self) -> tuple[Address, MongoClient[Document]]:
        from pymongo import MongoClient  # noqa: PLC0415

        _keep_values_out_of_logs()
        address = self.address()
        self._server = address.hosts
        arguments = driver_arguments(self._target, address, self._settings, self._environ)
        try:
            return address, MongoClient(**arguments, connect=False)
        except (TypeError, ValueError):
            raise ConfigurationError(
                f"The connection string in setting {self._target.setting} has a host, a port or an"
                " option that is malformed.",
                hint="It reads mongodb://${SECRET}@HOST:27017/?tls=true.",
                setting=self._target.setting,
            ) from None  # the driver's error may repeat an option's value

    def _drop(self, refused: Address) -> None:
        with self._lock:
            connected = self._connected
            if connected is None or connected[0] != refused:
                return
            self._connected = None
        _close(connected[1])

    def _is_renewed(self, refused: Address) -> bool:
        """Read the secrets anew and tell whether they have changed since."""
        if self._secrets is None or not self._target.secret_names:
            return False
        for name in self._target.secret_names:
            self._secrets.invalidate(name)
        return self.address() != refused

    def _secret(self, name: str) -> str:
        if self._secrets is None:
            raise ConfigurationError(
                f"The connection string in setting {self._target.setting} names the secret"
                f" {name} and no secret can be read here.",
                setting=self._target.setting,
            )
        return self._secrets.secret(name)

    @contextmanager
    def _asking(self, database: str, collection: str, deadline: float) -> Iterator[None]:
        """Make requests: in time, and with errors of this project's classes."""
        from athena_connectors.documentdb.faults import translate  # noqa: PLC0415

        if self._cancelled.is_set():
            raise self._cancellation()
        if time.monotonic() >= deadline:
            raise DeadlineExceededError(
                f"{self._server} was not asked: the function's time is nearly over.",
                hint="Raise the function's timeout, or narrow the query.",
            )
        with self._alarm(deadline + GRACE_SECONDS) as rang:
            try:
                yield
            except _driver_errors() as error:
                if self._cancelled.is_set():
                    raise self._cancellation() from None
                if rang.is_set():
                    raise SourceTimeoutError(
                        f"{self._server} has not answered in time.",
                        hint="Narrow the predicate, raise max_splits or the function's timeout.",
                    ) from None
                raise translate(
                    error, server=self._server, database=database, collection=collection
                ) from error

    @contextmanager
    def _alarm(self, last: float) -> Iterator[threading.Event]:
        """Break off all requests at a moment, however silent the network is."""
        rang = threading.Event()

        def ring() -> None:
            rang.set()
            self._break_off()

        timer = threading.Timer(max(0, last - time.monotonic()), ring)
        timer.name, timer.daemon = "mongodb-alarm", True
        timer.start()
        try:
            yield rang
        finally:
            timer.cancel()
            timer.join()

    def _break_off(self) -> None:
        with self._lock:
            connected, self._connected = self._connected, None
        if connected is not None:
            _interrupt(connected[1])

    def _cancellation(self) -> SourceTimeoutError:
        return SourceTimeoutError(f"{self._server}: cancelled.")


def _interrupt(driver: MongoClient[Document]) -> None:
    """Break off what is on its way, then close all connections, without a word.

    The driver offers no way to end a request of another thread, but has one for itself.
    """
    topology = driver._topology  # noqa: SLF001
    if topology is None:
        return  # hosts whose names DNS has not told yet
    for server in list(topology._servers.values()):  # noqa: SLF001
        server.pool.reset(interrupt_connections=True)
    topology.pop_all_sessions()  # of which ``close`` would tell the server
    driver.close()


def _close(driver: MongoClient[Document]) -> None:
    import pymongo  # noqa: PLC0415

    with suppress(*_driver_errors()), pymongo.timeout(_CLOSE_SECONDS):
        driver.close()


def _driver_errors() -> tuple[type[Exception], ...]:
    from athena_connectors.documentdb.faults import DRIVER_ERRORS  # noqa: PLC0415

    return DRIVER_ERRORS


def _keep_values_out_of_logs() -> None:
    """Let the driver log nothing below INFO, unless its own logger was told to.

    Its debug records hold the values of filters and documents.
    """
    logger = logging.getLogger("pymongo")
    if logger.level == logging.NOTSET:
        logger.setLevel(logging.INFO)

"""Opens sessions, with credentials read as late as possible.

A secret that was rotated since it was cached costs one refused login and is read anew. A
session's statement can be ended even if the network has fallen silent.
"""

from __future__ import annotations

import ctypes
import os
import socket
import threading
from contextlib import suppress
from functools import cache
from typing import TYPE_CHECKING, Any

import psycopg2
from athena_connectors.common.errors import ConfigurationError, InvalidCredentialsError
from athena_connectors.common.sql.connection_strings import credentials_from_secret
from athena_connectors.jdbc_postgres.login import libpq_options
from athena_connectors.jdbc_postgres.sqlstate import translate
from psycopg2 import extensions

if TYPE_CHECKING:
    from collections.abc import Mapping

    from athena_connectors.common.secrets import SecretResolver
    from athena_connectors.common.sql.connection_strings import ConnectionString, Credentials
    from athena_connectors.jdbc_postgres.settings import Settings

__all__ = ["SessionOpener"]

_CANCEL_SECONDS = 1.0
"""How long the server may take to hear that a statement is to be ended."""
_COMPLAINT_BYTES = 256


class SessionOpener:
    """Opens sessions of one database.

    Args:
        target: Where to connect.
        settings: The connector's settings.
        secrets: Reads the secret that the connection string names; may be ``None`` when
            it names none.
        environ: The function's environment.
    """

    def __init__(
        self,
        target: ConnectionString,
        settings: Settings,
        *,
        secrets: SecretResolver | None,
        environ: Mapping[str, str],
    ) -> None:
        self._target = target
        self._settings = settings
        self._secrets = secrets
        self._environ = environ

    def open(self) -> Any:
        """Return a new psycopg2 connection, not in autocommit mode.

        A secret whose login is refused is read anew and tried once more: it may have been
        rotated since it was cached.

        Raises:
            InvalidCredentialsError: The login is refused.
            ConfigurationError: The connection string or its certificates are at fault, or
                the host's name is unknown.
            ConnectorError: The server refuses or can't be reached; see ``sqlstate``.
        """
        try:
            return self._connect()
        except InvalidCredentialsError:
            if self._secrets is None or self._target.secret_name is None:
                raise
            self._secrets.invalidate(self._target.secret_name)
        return self._connect()

    def _connect(self) -> Any:
        options = libpq_options(
            self._target,
            self._settings,
            credentials=self._credentials(),
            environ=self._environ,
        )
        try:
            return psycopg2.connect(**options, connection_factory=_Session)
        except psycopg2.Error as error:
            raise translate(error, catalog=self._target.catalog) from error

    def _credentials(self) -> Credentials | None:
        name = self._target.secret_name
        if name is None:
            return None
        if self._secrets is None:
            raise ConfigurationError(
                f"The connection string in setting {self._target.setting} names the secret"
                f" {name} and no secret can be read here.",
                catalog=self._target.catalog,
            )
        return credentials_from_secret(self._secrets.secret(name), name)


class _Session(extensions.connection):
    """A connection whose ``cancel`` returns soon."""

    def cancel(self) -> None:
        """Let the server end the running statement, or end the session if it does not hear.

        The request takes a connection of its own, for whose answer libpq waits without
        limit; psycopg2's own method holds the interpreter's lock meanwhile, so that
        everything would stand still. Safe from any thread.

        Raises:
            psycopg2.Error: The server can't be asked; the statement goes on.
        """
        failures: list[psycopg2.Error] = []

        def ask() -> None:
            try:
                _request_cancel(self.pgconn_ptr)
            except psycopg2.Error as error:
                failures.append(error)

        thread = threading.Thread(target=ask, name="postgres-cancel", daemon=True)
        thread.start()
        thread.join(_CANCEL_SECONDS)
        if thread.is_alive():
            self.break_off()
        elif failures:
            raise failures[0]

    def break_off(self) -> None:
        """End the session without a word to the server; who waits for it gets an error.

        Safe from any thread.
        """
        with suppress(psycopg2.Error, OSError), socket.socket(fileno=os.dup(self.fileno())) as end:
            end.shutdown(socket.SHUT_RDWR)


def _request_cancel(connection: int | None) -> None:
    """Ask the server to end a connection's statement.

    Source: documentation of libpq, "Canceling Queries in Progress"; of psycopg2,
    ``connection.pgconn_ptr``.
    """
    libpq = _libpq()
    request = libpq.PQgetCancel(connection)
    if not request:
        raise psycopg2.InterfaceError("the session is closed")
    complaint = ctypes.create_string_buffer(_COMPLAINT_BYTES)
    try:
        if not libpq.PQcancel(request, complaint, _COMPLAINT_BYTES):
            raise psycopg2.OperationalError(complaint.value.decode(errors="replace"))
    finally:
        libpq.PQfreeCancel(request)


@cache
def _libpq() -> ctypes.CDLL:
    """Return the driver's own libpq, whose functions are called without the lock."""
    library = ctypes.CDLL(psycopg2._psycopg.__file__)  # noqa: SLF001 - the part with libpq in it
    library.PQgetCancel.argtypes = [ctypes.c_void_p]
    library.PQgetCancel.restype = ctypes.c_void_p
    library.PQcancel.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int]
    library.PQfreeCancel.argtypes = [ctypes.c_void_p]
    library.PQfreeCancel.restype = None
    return library

"""Sessions of psycopg2 whose statement can be ended even if the network has fallen silent."""

from __future__ import annotations

import ctypes
from contextlib import suppress
from functools import cache
from typing import TYPE_CHECKING, Any

import psycopg2
from athena_connectors.common.sql.sessions import SessionOpener, break_off, ends_in_time
from athena_connectors.jdbc_postgres.login import libpq_options
from athena_connectors.jdbc_postgres.sqlstate import translate
from psycopg2 import extensions

if TYPE_CHECKING:
    from collections.abc import Mapping

    from athena_connectors.common.secrets import SecretResolver
    from athena_connectors.common.sql.connection_strings import ConnectionString, Credentials
    from athena_connectors.jdbc_postgres.settings import Settings

__all__ = ["session_opener"]

_COMPLAINT_BYTES = 256


def session_opener(
    target: ConnectionString,
    settings: Settings,
    *,
    secrets: SecretResolver | None,
    environ: Mapping[str, str],
) -> SessionOpener:
    """Return what opens sessions of one database, not in autocommit mode.

    Args:
        target: Where to connect.
        settings: The connector's settings.
        secrets: Reads the secret that the connection string names; may be ``None`` when
            it names none.
        environ: The function's environment.
    """

    def connect(credentials: Credentials | None) -> Any:
        options = libpq_options(target, settings, credentials=credentials, environ=environ)
        try:
            return psycopg2.connect(**options, connection_factory=_Session)
        except psycopg2.Error as error:
            raise translate(error, catalog=target.catalog) from error

    return SessionOpener(target, secrets=secrets, connect=connect)


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
        if not ends_in_time(lambda: _request_cancel(self.pgconn_ptr)):
            self.break_off()

    def break_off(self) -> None:
        """End the session without a word to the server; who waits for it gets an error.

        Safe from any thread.
        """
        with suppress(psycopg2.Error):
            break_off(self.fileno())


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

"""A PyMySQL connection that is labelled, knows what is unread, and ends at any moment."""

from __future__ import annotations

import re
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pymysql
from athena_connectors.common.sql.sessions import break_off
from pymysql.connections import Connection
from pymysql.constants import COMMAND, CR

if TYPE_CHECKING:
    import socket

    class _Driver(Connection):
        """What is used of the driver's connection and its types don't tell."""

        _sock: socket.socket | None
        _result: Any
        _secure: bool
        _read_timeout: float | None
        _write_timeout: float | None

        def _execute_command(self, command: int, sql: str | bytes) -> None: ...
        def _force_close(self) -> None: ...
        def _read_ok_packet(self) -> Any: ...
        def _read_packet(self, *args: Any) -> Any: ...
        def _read_query_result(self, unbuffered: bool = ...) -> int: ...  # noqa: FBT001
        def get_server_info(self) -> str: ...
        def thread_id(self) -> int: ...
        def write_packet(self, payload: bytes) -> None: ...

else:
    _Driver = Connection

__all__ = ["Session"]

_LABELLED = (COMMAND.COM_QUERY, COMMAND.COM_STMT_PREPARE)
_WITHOUT_ANSWER = (COMMAND.COM_STMT_CLOSE, COMMAND.COM_QUIT)
_VERSION = re.compile(r"(?:5\.5\.5-)?(\d+)\.(\d+)\.(\d+)")


class Session(_Driver):
    """A connection that is labelled, knows whether an answer is unread, and ends at once.

    Attributes:
        label: Comment in front of each statement.
        ssl_mode: How much TLS was asked for, in MySQL's word.
    """

    label = ""
    ssl_mode = ""
    _is_busy = False

    @property
    def is_busy(self) -> bool:
        """Whether an answer was not read to its end.

        Who reads rows by itself closes its statement (COM_STMT_CLOSE) when it has.
        """
        return self._is_busy or bool(getattr(self._result, "unbuffered_active", False))

    @property
    def version(self) -> int:
        """The server's version, such as 80036 for 8.0.36 and 101119 for 10.11.19."""
        found = _VERSION.match(self.get_server_info())
        major, minor, patch = map(int, found.groups()) if found else (0, 0, 0)
        return 10_000 * major + 100 * minor + patch

    @property
    def is_mariadb(self) -> bool:
        """Whether it is MariaDB and not MySQL."""
        return "mariadb" in self.get_server_info().lower()

    @property
    def tls_version(self) -> str:
        """The protocol in use, such as ``TLSv1.3``; empty without TLS."""
        version = getattr(self._sock, "version", str)  # a socket without TLS has none
        return version() or ""

    def close(self) -> None:
        """End the session; without a word if an answer is unread. Never fails."""
        if self.is_busy:
            self.drop()
        with suppress(pymysql.Error):
            super().close()

    def drop(self) -> None:
        """Close the connection without reading what is left of an answer."""
        self._rest()
        self._force_close()

    def break_off(self) -> None:
        """End the session without a word; who waits for it gets an error.

        Safe from any thread.
        """
        connected = self._sock
        if connected is not None:
            break_off(connected.fileno())

    def log_in(self, connected: socket.socket, *, socket_timeout_s: float | None) -> None:
        """Log in over a socket that is connected; it is closed if that fails.

        Args:
            connected: The socket.
            socket_timeout_s: How long to wait for a byte once we are in.

        Raises:
            pymysql.Error: The server refused, or said nothing within ``connect_timeout``.
        """
        try:
            self.connect(connected)
        except BaseException:
            connected.close()
            raise
        self._read_timeout = self._write_timeout = socket_timeout_s
        self._is_busy = False

    def send_password(self) -> Any:
        """Answer a server that asks for the password itself; over TLS only.

        Raises:
            pymysql.OperationalError: There is no TLS, or the password is refused.
        """
        if not self._secure:
            raise pymysql.OperationalError(
                CR.CR_AUTH_PLUGIN_ERR,
                "The server asks for the password itself, which is not sent without TLS;"
                " set sslMode=REQUIRED",
            )
        self.write_packet(self.password + b"\0")
        return self._read_packet()

    def _execute_command(self, command: int, sql: str | bytes) -> None:
        if command in _LABELLED and self.label:
            text = sql.encode(self.encoding) if isinstance(sql, str) else sql
            sql = self.label.encode() + text
        self._is_busy = command not in _WITHOUT_ANSWER
        super()._execute_command(command, sql)

    def _read_packet(self, *args: Any) -> Any:
        try:
            return super()._read_packet(*args)
        except pymysql.Error:
            self._rest()  # an error ends an answer
            raise

    def _read_ok_packet(self) -> Any:
        packet = super()._read_ok_packet()
        self._is_busy = False
        return packet

    def _read_query_result(self, unbuffered: bool = False) -> int:  # noqa: FBT001, FBT002
        result = super()._read_query_result(unbuffered)
        self._is_busy = False  # from here on, a result that is not buffered says it itself
        return result

    def _rest(self) -> None:
        """Note that nothing is left to read; a result else reads on when it is collected."""
        self._is_busy = False
        if self._result is not None:
            self._result.unbuffered_active = False

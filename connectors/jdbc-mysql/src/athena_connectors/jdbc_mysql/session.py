"""Opens sessions of PyMySQL, within a time limit, and sets them up.

Source: MySQL manual, "Server System Variables" and "START TRANSACTION"; MariaDB knowledge
base, "Server System Variables".
"""

from __future__ import annotations

import socket
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pymysql
from athena_connectors.common.sql.client import LOCK_TIMEOUT_MS
from athena_connectors.common.sql.login import SILENCE_SECONDS
from athena_connectors.common.sql.sessions import SessionOpener
from athena_connectors.jdbc_mysql.connection import Session
from athena_connectors.jdbc_mysql.errno import translate
from athena_connectors.jdbc_mysql.login import SslMode, login_of, session_label
from pymysql.constants import CR

if TYPE_CHECKING:
    from collections.abc import Mapping

    from athena_connectors.common.secrets import SecretResolver
    from athena_connectors.common.sql.connection_strings import ConnectionString, Credentials
    from athena_connectors.jdbc_mysql.login import Login
    from athena_connectors.jdbc_mysql.settings import Settings

__all__ = ["session_opener"]

_PROGRAM = "athena-federation"
_KEEPALIVE_COUNT = 3
_KEEPALIVE_SECONDS = 10
_LONGEST_INVOCATION_S = 900
_IDLE_LIMIT_FROM = 100_300
"""The first MariaDB that ends transactions in which nothing happens."""

_VARIABLES = {
    "time_zone": "'+00:00'",
    "sql_mode": "''",
    "net_write_timeout": "600",  # a stalled stream: while a block is spilled, nothing is read
    "lock_wait_timeout": str(LOCK_TIMEOUT_MS // 1000),
    # What a server may be told to do to every session, and would lose or invent rows.
    "sql_select_limit": str(2**64 - 1),
    "sql_big_selects": "1",
    "sql_auto_is_null": "0",
    "max_sort_length": "1024",  # what the dialect takes a sort to look at
}
"""What decoders and literals rely on; nothing overrides it."""


class _PasswordOverTls:
    """Answers a server that asks for the password itself, as IAM's plugin does.

    Any server may ask, so that the answer goes over TLS only.

    Source: MySQL manual, "Client-Side Cleartext Pluggable Authentication".
    """

    def __init__(self, connection: Any) -> None:
        self._connection: Session = connection

    def authenticate(self, packet: Any) -> Any:
        """Answer with the password; return what the server then says."""
        del packet
        return self._connection.send_password()


def session_opener(
    target: ConnectionString,
    settings: Settings,
    *,
    secrets: SecretResolver | None,
    environ: Mapping[str, str],
    is_set_up: bool = True,
) -> SessionOpener:
    """Return what opens sessions of one server, not in autocommit mode.

    Args:
        target: Where to connect.
        settings: The connector's settings.
        secrets: Reads the secret that the connection string names; may be ``None`` when
            it names none.
        environ: The function's environment.
        is_set_up: Whether the session is to read data, and not only to end statements.
    """

    def connect(credentials: Credentials | None) -> Session:
        login = login_of(target, settings, credentials=credentials, environ=environ)
        try:
            session = _connected(login)
            session.label = session_label(target)
            if is_set_up:
                _set_up(session, login, settings)
        except pymysql.Error as error:
            raise translate(error, catalog=target.catalog) from error
        return session

    return SessionOpener(target, secrets=secrets, connect=connect)


def _connected(login: Login) -> Session:
    """Log in to the first server that can be reached."""
    *others, last = login.hosts
    for host, port in others:
        with suppress(pymysql.OperationalError):
            return _log_in(login, _socket(host, port, login.connect_timeout_s), host)
    host, port = last
    return _log_in(login, _socket(host, port, login.connect_timeout_s), host)


def _socket(host: str, port: int, timeout_s: float) -> socket.socket:
    try:
        connected = socket.create_connection((host, port), timeout_s)
    except OSError as error:
        unknown = isinstance(error, socket.gaierror)
        number = CR.CR_UNKNOWN_HOST if unknown else CR.CR_CONN_HOST_ERROR
        reason = error.strerror or str(error)
        raise pymysql.OperationalError(
            number, f"Can't connect to {host}, port {port}: {reason}"
        ) from error
    connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    # A peer that vanished, such as while the function was frozen, is noticed.
    connected.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in (
        ("TCP_KEEPIDLE", SILENCE_SECONDS),
        ("TCP_KEEPINTVL", _KEEPALIVE_SECONDS),
        ("TCP_KEEPCNT", _KEEPALIVE_COUNT),
        ("TCP_USER_TIMEOUT", 1000 * SILENCE_SECONDS),
    ):
        if hasattr(socket, name):
            connected.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
    return connected


def _log_in(login: Login, connected: socket.socket, host: str) -> Session:
    session = Session(
        host=host,
        user=login.user,
        password=login.password.reveal().encode(),
        database=login.database or None,
        charset="utf8mb4",
        collation="utf8mb4_bin",
        autocommit=False,
        program_name=_PROGRAM,
        ssl=login.context,
        ssl_disabled=login.ssl_mode is SslMode.DISABLED,
        connect_timeout=login.connect_timeout_s,
        read_timeout=login.connect_timeout_s,
        write_timeout=login.connect_timeout_s,
        auth_plugin_map=dict.fromkeys(("mysql_clear_password", "dialog"), _PasswordOverTls),
        defer_connect=True,
    )
    session.ssl_mode = login.ssl_mode.name
    session.log_in(connected, socket_timeout_s=login.socket_timeout_s or None)
    return session


def _set_up(session: Session, login: Login, settings: Settings) -> None:
    isolation = settings.read_consistency.replace("_", " ").upper()
    # A frozen function that is never woken leaves its session to the server.
    idle_s = max(settings.max_connection_age_s, _LONGEST_INVOCATION_S)
    variables = {**_VARIABLES, "wait_timeout": str(idle_s)}
    if session.is_mariadb and session.version >= _IDLE_LIMIT_FROM:
        variables["idle_readonly_transaction_timeout"] = str(_LONGEST_INVOCATION_S)
    ours = (f"{name} = {value}" for name, value in variables.items())
    with session.cursor() as cursor:
        if login.variables:
            cursor.execute(f"SET {', '.join(login.variables)}")
        cursor.execute(f"SET {', '.join(ours)}")
        cursor.execute(f"SET SESSION TRANSACTION ISOLATION LEVEL {isolation}, READ ONLY")

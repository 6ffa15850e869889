"""How sessions come and go: credentials read as late as possible, and an end in any case.

A secret that was rotated since it was cached costs one refused login and is read anew. A
session's statement can be ended even if the network has fallen silent.
"""

from __future__ import annotations

import os
import socket
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from athena_connectors.common.errors import ConfigurationError, InvalidCredentialsError
from athena_connectors.common.sql.connection_strings import credentials_from_secret

if TYPE_CHECKING:
    from collections.abc import Callable

    from athena_connectors.common.secrets import SecretResolver
    from athena_connectors.common.sql.connection_strings import ConnectionString, Credentials

    Connect = Callable[[Credentials | None], Any]

__all__ = ["SessionOpener", "break_off", "ends_in_time"]

_CANCEL_SECONDS = 1.0
"""How long the server may take to hear that a statement is to be ended."""


class SessionOpener:
    """Opens sessions of one database.

    Safe to use from several threads.

    Args:
        target: Where to connect.
        secrets: Reads the secret that the connection string names; may be ``None`` when
            it names none.
        connect: Opens a session with the secret's credentials, or with those of the
            connection string; raises errors of ours.
    """

    def __init__(
        self, target: ConnectionString, *, secrets: SecretResolver | None, connect: Connect
    ) -> None:
        self._target = target
        self._secrets = secrets
        self._connect = connect

    def open(self) -> Any:
        """Return a new session.

        A secret whose login is refused is read anew and tried once more: it may have been
        rotated since it was cached.

        Raises:
            InvalidCredentialsError: The login is refused.
            ConfigurationError: The connection string or its certificates are at fault, or
                the host's name is unknown.
            ConnectorError: The server refuses or can't be reached.
        """
        try:
            return self._connect(self._credentials())
        except InvalidCredentialsError:
            if self._secrets is None or self._target.secret_name is None:
                raise
            self._secrets.invalidate(self._target.secret_name)
        return self._connect(self._credentials())

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


def ends_in_time(ask: Callable[[], None]) -> bool:
    """Run what asks the server to end a statement; tell whether it returned soon.

    Raises:
        Exception: What ``ask`` raised: the server can't be asked.
    """
    failures: list[Exception] = []

    def run() -> None:
        try:
            ask()
        except Exception as error:  # noqa: BLE001 - raised again below
            failures.append(error)

    thread = threading.Thread(target=run, name="sql-cancel", daemon=True)
    thread.start()
    thread.join(_CANCEL_SECONDS)
    if failures:
        raise failures[0]
    return not thread.is_alive()


def break_off(descriptor: int) -> None:
    """End a connection without a word to the server; who waits for it gets an error.

    Safe from any thread.

    Args:
        descriptor: The socket's file descriptor.
    """
    with suppress(OSError), socket.socket(fileno=os.dup(descriptor)) as end:
        end.shutdown(socket.SHUT_RDWR)

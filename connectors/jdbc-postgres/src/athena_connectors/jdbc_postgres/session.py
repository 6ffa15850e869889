"""Opens sessions, with credentials read as late as possible.

A secret that was rotated since it was cached costs one refused login and is read anew.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import psycopg2
from athena_connectors.common.errors import ConfigurationError, InvalidCredentialsError
from athena_connectors.common.sql.connection_strings import credentials_from_secret
from athena_connectors.jdbc_postgres.login import libpq_options
from athena_connectors.jdbc_postgres.sqlstate import translate

if TYPE_CHECKING:
    from collections.abc import Mapping

    from athena_connectors.common.secrets import SecretResolver
    from athena_connectors.common.sql.connection_strings import ConnectionString, Credentials
    from athena_connectors.jdbc_postgres.settings import Settings

__all__ = ["SessionOpener"]


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
            return psycopg2.connect(**options)
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

"""Several catalogs in one function, each with a connection string of its own."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, TypeVar

from athena_connectors.common.aws import AwsClients
from athena_connectors.common.catalogs import Catalogs
from athena_connectors.common.config import load_settings
from athena_connectors.common.secrets import SecretResolver
from athena_connectors.common.sql.connection_strings import (
    DEFAULT_CATALOG,
    connection_strings,
    parse_connection_string,
    resolve_catalog,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from _typeshed import DataclassInstance
    from athena_connectors.common.connector import Connector
    from athena_connectors.common.sql.connection_strings import ConnectionString

    SettingsT = TypeVar("SettingsT", bound=DataclassInstance)

__all__ = ["CatalogRouter", "catalogs_of"]


def catalogs_of(
    environ: Mapping[str, str],
    *,
    engine: str,
    settings_type: type[SettingsT],
    connect: Callable[[ConnectionString, SettingsT, SecretResolver], Connector],
) -> Connector:
    """Return the connector of all catalogs that a function's variables name.

    Args:
        environ: The function's variables.
        engine: The connector's engine, such as ``postgres``.
        settings_type: What the variables are settings of.
        connect: Makes the connector of one catalog; opens no connection yet.

    Raises:
        ConfigurationError: A setting or a connection string is missing or malformed.
    """
    settings = load_settings(settings_type, environ)
    clients = AwsClients(environ)
    secrets = SecretResolver(lambda: clients.client("secretsmanager"))

    def connected(target: ConnectionString) -> Connector:
        return connect(target, settings, secrets)

    strings = connection_strings(environ, engine=engine)
    return CatalogRouter(strings, engine=engine, connect=connected)


class CatalogRouter(Catalogs[str]):
    """Gives each catalog, in any case of its name, its connector.

    ``for_catalog`` raises CatalogNotFoundError for one without a connection string, and
    ConfigurationError for a malformed one.

    Args:
        strings: Connection string of each catalog (see ``connection_strings``).
        engine: The connector's engine, such as ``postgres``; also its ``source_type``.
        connect: Makes the connector of one catalog; opens no connection yet.
    """

    def __init__(
        self,
        strings: Mapping[str, str],
        *,
        engine: str,
        connect: Callable[[ConnectionString], Connector],
    ) -> None:
        known = dict(strings)

        def connected(name: str) -> Connector:
            return connect(parse_connection_string(known[name], engine=engine, catalog=name))

        find = partial(resolve_catalog, strings=known)
        super().__init__(engine, default=DEFAULT_CATALOG, find=find, connect=connected)

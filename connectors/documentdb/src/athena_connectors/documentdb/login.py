"""What the driver is told: address, login, TLS and how patiently to wait.

What the connection string says goes before what stands here. Reads go to secondaries where
there are some, to spare the primary, unless ``readPreference`` is set: a secondary may lag
behind, so who needs the newest documents sets ``readPreference=primary``.

With ``authMechanism=MONGODB-AWS&authSource=%24external`` and no user, the driver logs in with
the credentials of the function's role.

Source: PyMongo, ``MongoClient``; MongoDB, "Connection String Options".
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any
from urllib.parse import quote_plus, unquote_plus

from athena_connectors.common.errors import ConfigurationError
from athena_connectors.documentdb.trust import trusted_file

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from athena_connectors.documentdb.connection_strings import Address, Target
    from athena_connectors.documentdb.settings import Settings

__all__ = ["driver_arguments"]

_log = logging.getLogger(__name__)

_DEFAULTS: Mapping[str, Any] = {
    "appName": "athena-federation",
    "connectTimeoutMS": 10_000,
    "maxIdleTimeMS": 60_000,  # gateways forget idle connections without a word
    "maxPoolSize": 4,
    "readPreference": "secondaryPreferred",
    "retryReads": True,
    "serverSelectionTimeoutMS": 10_000,
}
_CA_FILE = "tlscafile"
_TRUTH = ("true", "false")
_REPLACED = {"ssl_ca_certs": "certificates to trust come from tlsCAFile or the setting tls_ca_file"}
"""Options of the Java connector, and what stands for them here."""


def driver_arguments(
    target: Target, address: Address, settings: Settings, environ: Mapping[str, str]
) -> dict[str, Any]:
    """Return the keywords of ``pymongo.MongoClient``; the password is among them.

    Args:
        target: Where the address comes from, for errors.
        address: What the connection string says.
        settings: The connector's settings.
        environ: The function's environment.

    Raises:
        ConfigurationError: An option has a value that is not known, or a file is missing.
    """
    options = list(_known_options(target, address))
    given = {name.lower() for name, _ in options}
    arguments = {name: value for name, value in _DEFAULTS.items() if name.lower() not in given}
    if address.is_encrypted:
        named = next((value for name, value in options if name.lower() == _CA_FILE), "")
        named = unquote_plus(named)
        setting = target.setting if named else "tls_ca_file"
        file = trusted_file(named or settings.tls_ca_file, setting=setting, environ=environ)
        if file:
            arguments["tlsCAFile"] = file
    if address.user:
        arguments["username"] = address.user
    if address.password is not None:
        arguments["password"] = address.password.reveal()
    scheme = "mongodb+srv" if address.is_srv else "mongodb"
    query = "&".join(f"{name}={value}" for name, value in options)
    database = quote_plus(address.database)
    return {"host": f"{scheme}://{address.hosts}/{database}?{query}".rstrip("?"), **arguments}


def _known_options(target: Target, address: Address) -> Iterator[tuple[str, str]]:
    """Yield the options that the driver knows, and log which ones it does not.

    Raises:
        ConfigurationError: One has a value that the driver does not take.
    """
    from pymongo.errors import ConfigurationError as DriverError  # noqa: PLC0415
    from pymongo.uri_parser import split_options  # noqa: PLC0415

    for name, value in address.options:
        if name.lower() == _CA_FILE:  # looked at with the other certificates
            yield name, value
            continue
        # The Java driver takes a truth value in any case.
        text = value.lower() if value.lower() in _TRUTH else value
        try:
            split_options(f"{name}={text}")
        except (TypeError, ValueError, DriverError) as error:
            if str(error).startswith("Unknown option"):
                why = _REPLACED.get(name.lower(), "the driver does not know it")
                _log.warning(
                    "Option %s of the connection string in setting %s is ignored: %s.",
                    name,
                    target.setting,
                    why,
                )
                continue
            raise ConfigurationError(
                f"Option {name} of the connection string in setting {target.setting} has a value"
                " that is not allowed.",
                hint="Look it up in MongoDB's list of connection string options.",
                setting=target.setting,
            ) from None  # the driver's error may repeat the value
        yield name, text

"""Connection strings as Athena's JDBC connectors have always taken them.

``<engine>://jdbc:<protocol>://host:port/database?name=value&${secret}``, with every
variation found in deployed functions. A placeholder is removed before anything is split
or decoded, credentials come out as ``Secret``, and no error repeats any part of the text
that may hold one.

Source: Java reference, ``athena-jdbc/.../connection`` and the tests beside it.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING
from urllib.parse import unquote

from athena_connectors.common.errors import (
    CatalogNotFoundError,
    ConfigurationError,
    InvalidCredentialsError,
    InvalidRequestError,
)
from athena_connectors.common.secrets import Secret

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    _Fail = Callable[[str], ConfigurationError]

__all__ = [
    "DEFAULT_CATALOG",
    "MAX_CATALOGS",
    "ConnectionString",
    "Credentials",
    "connection_strings",
    "credentials_from_secret",
    "parse_connection_string",
    "resolve_catalog",
]

DEFAULT_CATALOG = "default"
MAX_CATALOGS = 100

_SUFFIX = "_connection_string"
_PROTOCOLS = {"mysql": "mysql", "postgres": "postgresql"}
_PREFIX = re.compile(r"([A-Za-z0-9]+)(\+[A-Za-z0-9]+)?://(.*)", re.DOTALL)
_PLACEHOLDER = re.compile(r"\$\{([a-zA-Z0-9:/_+=.@!-]+)\}")
_BAD_PLACEHOLDER = re.compile(r"\$\{[^}]*\}")
# A semicolon may be part of a password, so it separates only in front of another name.
_QUERY = re.compile(r"\?|;(?=[A-Za-z_][\w.]*=)")
_SEPARATOR = re.compile(r"&|;(?=[A-Za-z_][\w.]*=)")


@dataclass(frozen=True, slots=True)
class ConnectionString:
    """What a connection string says.

    Attributes:
        engine: The connector's engine, such as ``postgres``.
        catalog: The catalog that it is for.
        hosts: Names or addresses with their ports, ``None`` for the engine's default; empty
            when the secret is to tell.
        database: Database, decoded; may be empty.
        user: Login, decoded; empty when the secret tells.
        password: Password, decoded, or ``None``.
        properties: All other properties, decoded, under their names in lower case.
        secret_name: Name or ARN of the first ``${...}``, or ``None``.
    """

    engine: str
    catalog: str
    hosts: tuple[tuple[str, int | None], ...] = ()
    database: str = ""
    user: str = ""
    password: Secret | None = None
    properties: Mapping[str, str] = field(default_factory=dict, repr=False)
    secret_name: str | None = None

    @property
    def setting(self) -> str:
        """The environment variable that it came from."""
        return _setting(self.catalog)


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a secret says.

    Attributes:
        user: Login, never empty.
        password: Password, never empty.
        host: For a connection string that names no host.
        port: Likewise.
        database: Likewise.
        ca_certificate: Certificates to trust, PEM text; or empty.
    """

    user: str
    password: Secret
    host: str = ""
    port: int | None = None
    database: str = ""
    ca_certificate: str = field(default="", repr=False)


def parse_connection_string(text: str, *, engine: str, catalog: str) -> ConnectionString:
    """Read a connection string, tolerantly.

    Accepted besides the documented form: a leading ``$``, several hosts, IPv6 addresses,
    ``user:password@host``, ``;`` as separator, ``secret=${...}``, a missing ``//``, and
    SQLAlchemy's form without ``jdbc:``.

    Args:
        text: The setting's value.
        engine: The prefix that it has to have, ``mysql`` or ``postgres``.
        catalog: The catalog that it is for, to name the setting in errors.

    Raises:
        ConfigurationError: It has another prefix, or can't be read.
    """
    fail = partial(_malformed, engine=engine, catalog=catalog)
    native = _native(text.strip(), engine=engine, fail=fail)
    placeholders = _PLACEHOLDER.findall(native)
    native = _PLACEHOLDER.sub("", native)
    if _BAD_PLACEHOLDER.search(native):
        raise fail("has a ${...} that is no secret's name")
    location, *query = _QUERY.split(native, maxsplit=1)
    authority, _, path = location.partition("/")
    userinfo, _, host_list = authority.rpartition("@")
    if "@" in path:
        raise fail("has a / in its user or password, which has to be written %2F")
    properties = _properties("&".join(query))
    user, _, password = userinfo.partition(":")
    user = properties.pop("user", "") or unquote(user)
    password = properties.pop("password", "") or unquote(password)
    return ConnectionString(
        engine=engine,
        catalog=catalog,
        hosts=_hosts(host_list, fail=fail),
        database=unquote(path.rstrip("/")),
        user=user,
        password=Secret(password) if password else None,
        properties=properties,
        secret_name=placeholders[0] if placeholders else None,
    )


def credentials_from_secret(text: str, name: str) -> Credentials:
    """Read the JSON of a database secret.

    Keys count in any case: ``username`` or ``user``, ``password``, and, each optional,
    ``host``, ``port``, ``dbname``, ``ca_cert`` or ``sslrootcert``.

    Args:
        text: The secret's text.
        name: The secret's name, for errors.

    Raises:
        InvalidCredentialsError: It is no JSON object, lacks the user or the password, or
            its port is no number.
    """
    values = _secret_values(text, name)
    user = values.get("username") or values.get("user", "")
    password = values.get("password", "")
    if not user.strip() or not password.strip():
        raise InvalidCredentialsError(
            f"Secret {name} has no {'password' if user.strip() else 'username'}.",
            hint="Its JSON needs the keys username and password.",
        )
    port = values.get("port", "")
    if port and not port.isdecimal():
        raise InvalidCredentialsError(f"Secret {name} has a port that is no number.")
    return Credentials(
        user=user,
        password=Secret(password),
        host=values.get("host", ""),
        port=int(port) if port else None,
        database=values.get("dbname", ""),
        ca_certificate=values.get("ca_cert") or values.get("sslrootcert", ""),
    )


def connection_strings(environ: Mapping[str, str], *, engine: str) -> dict[str, str]:
    """Return the connection string of each catalog, under the catalog's name.

    ``default`` and every variable that ends in ``_connection_string`` count. Without a
    ``default``, it is made of what a Glue connection says (see ``glue_connection``).

    Raises:
        ConfigurationError: ``default`` is missing, there are more than 100 catalogs and no
            Glue connection, or they are of several engines.
    """
    strings = {
        name.replace(_SUFFIX, ""): text
        for name, text in environ.items()
        if name.endswith(_SUFFIX) and name != _SUFFIX
    }
    default = environ.get(DEFAULT_CATALOG) or environ.get(DEFAULT_CATALOG.upper(), "")
    if not default.strip() and environ.get("glue_connection"):
        default = _of_glue_connection(environ, engine=engine)
    if not default.strip():
        raise ConfigurationError(
            "The setting default is missing.",
            hint="Set it to the connection string of the default catalog, such as"
            f" {engine}://jdbc:{_PROTOCOLS[engine]}://HOST:PORT/DATABASE?${{SECRET}}.",
            setting=DEFAULT_CATALOG,
        )
    strings = {DEFAULT_CATALOG: default, **strings}
    if len(strings) > MAX_CATALOGS and not environ.get("glue_connection"):
        raise ConfigurationError(
            f"There are {len(strings)} connection strings; {MAX_CATALOGS} is the most.",
            hint="Deploy a second function for the rest.",
        )
    _require_one_engine(strings)
    return strings


def resolve_catalog(name: str, strings: Mapping[str, str]) -> str:
    """Return the name under which ``strings`` holds the catalog that Athena asks for.

    Athena writes catalogs in lower case, so a match in any case will do.
    ``lambda:<anything>`` is the default. A function that has only a default serves it
    under every name.

    Raises:
        CatalogNotFoundError: There is none; tells which variable to set.
        InvalidRequestError: Several differ in case alone and none is spelt exactly so.
    """
    if name in strings:
        return name
    if len(strings) == 1 or name.lower().startswith("lambda:"):
        return DEFAULT_CATALOG
    matches = sorted(catalog for catalog in strings if catalog.lower() == name.lower())
    if len(matches) > 1:
        raise InvalidRequestError(
            f"Catalog {name!r} fits several settings:"
            f" {', '.join(_setting(match) for match in matches)}.",
            hint="Give catalogs names that differ in more than case.",
        )
    if not matches:
        raise CatalogNotFoundError(
            f"The function has no connection string for catalog {name!r}.",
            hint=f"Set the environment variable {_setting(name)}.",
            catalog=name,
        )
    return matches[0]


def _of_glue_connection(environ: Mapping[str, str], *, engine: str) -> str:
    """Return the connection string that the properties of a Glue connection make.

    Source: Java reference, ``JdbcEnvironmentProperties``.
    """
    missing = [name for name in ("HOST", "PORT", "DATABASE") if not environ.get(name)]
    if missing:
        name, what = environ["glue_connection"], " and no ".join(missing)
        raise ConfigurationError(
            f"The Glue connection {name!r} has no {what}.",
            hint="Add it to the connection, or set default to a connection string.",
            setting="glue_connection",
        )
    secret = environ.get("secret_name", "")
    properties = [environ.get("JDBC_PARAMS", ""), f"${{{secret}}}" if secret else ""]
    address = f"{environ['HOST']}:{environ['PORT']}/{environ['DATABASE']}"
    return f"{engine}://jdbc:{_PROTOCOLS[engine]}://{address}?{'&'.join(filter(None, properties))}"


def _native(text: str, *, engine: str, fail: _Fail) -> str:
    """Return what follows the prefix and the protocol: authority, path and query."""
    found = _PREFIX.search(text)
    if found is None or _engine(found) != engine:
        raise fail(f"does not start with {engine}://")
    native = found[3]
    protocol = re.match(rf"jdbc:{_PROTOCOLS[engine]}:(?://)?|\w+(?:\+\w+)?://", native)
    if protocol is not None:
        return native[protocol.end() :]
    if native.startswith("jdbc:"):
        raise fail(f"has no jdbc:{_PROTOCOLS[engine]}://")
    return native


def _engine(found: re.Match[str]) -> str:
    """Return the engine that a prefix stands for.

    SQLAlchemy's prefix is the protocol's name, with or without a driver. The protocol's
    name in front of ``jdbc:`` is a mistake of its own and stays what it is.
    """
    prefix, driver, native = found.groups()
    if driver is None and native.startswith("jdbc:"):
        return str(prefix)
    return next((name for name, word in _PROTOCOLS.items() if word == prefix), str(prefix))


def _properties(query: str) -> dict[str, str]:
    properties = {}
    for part in _SEPARATOR.split(query):
        name, _, value = part.partition("=")
        if name and (value or name != "secret"):
            properties[unquote(name).lower()] = unquote(value)
    return properties


def _hosts(text: str, *, fail: _Fail) -> tuple[tuple[str, int | None], ...]:
    hosts = []
    for part in filter(None, text.split(",")):
        host, port = _host_and_port(part)
        if port and not (port.isascii() and port.isdecimal() and 0 < int(port) < 1 << 16):
            # The text may be part of a password, so it is not told.
            raise fail("has a port that is no number")
        hosts.append((unquote(host), int(port) if port else None))
    return tuple(hosts)


def _host_and_port(part: str) -> tuple[str, str]:
    if part.startswith("["):
        host, _, port = part[1:].partition("]")
        return host, port.removeprefix(":")
    if part.count(":") > 1:  # an IPv6 address without brackets has no room for a port
        return part, ""
    host, _, port = part.partition(":")
    return host, port


def _secret_values(text: str, name: str) -> dict[str, str]:
    try:
        values = json.loads(text)
    except ValueError:
        values = None  # not chained: the decoder's error holds the secret's text
    if not isinstance(values, dict):
        raise InvalidCredentialsError(
            f"Secret {name} is no JSON object.",
            hint='It should read {"username": "...", "password": "..."}.',
        )
    return {key.lower(): str(value) for key, value in values.items() if value is not None}


def _require_one_engine(strings: Mapping[str, str]) -> None:
    engines: dict[str, str] = {}
    for catalog, text in strings.items():
        found = _PREFIX.search(text)
        engines.setdefault(_engine(found) if found else "", catalog)
    if len(engines) > 1:
        raise ConfigurationError(
            "The connection strings start with different engines:"
            f" {', '.join(_setting(name) for name in engines.values())}.",
            hint="One function serves one engine; deploy another for the rest.",
        )


def _setting(catalog: str) -> str:
    return catalog if catalog == DEFAULT_CATALOG else f"{catalog}{_SUFFIX}"


def _malformed(fact: str, *, engine: str, catalog: str) -> ConfigurationError:
    return ConfigurationError(
        f"The connection string in setting {_setting(catalog)} {fact}.",
        hint=f"It should read {engine}://jdbc:{_PROTOCOLS[engine]}://HOST:PORT/DATABASE"
        "?${SECRET}, where SECRET is the name of a Secrets Manager secret.",
        setting=_setting(catalog),
        catalog=catalog,
    )

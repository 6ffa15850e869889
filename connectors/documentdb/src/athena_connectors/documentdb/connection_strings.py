"""Which connection string a catalog has, and what it says once its secrets are known.

A string is the setting named like the catalog, in any case, else ``default_docdb``; it may
hold ``${secret}`` anywhere. Until it is resolved it holds no more than its author wrote into
it, and no error repeats a part of it that may be a password.

Source: Java reference, ``athena-docdb/.../DocDBMetadataHandler`` and
``DocDBEnvironmentProperties``; MongoDB, "Connection String Specification".
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import quote_plus, unquote_plus

from athena_connectors.common.errors import ConfigurationError, InvalidRequestError
from athena_connectors.common.secrets import Secret
from athena_connectors.common.sql.connection_strings import credentials_from_secret

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["DEFAULT", "Address", "Target", "address_of", "target_of"]

DEFAULT = "default_docdb"
DEFAULT_PORT = 27017

_SCHEMES = ("mongodb://", "mongodb+srv://")
_PLACEHOLDER = re.compile(r"\$\{([a-zA-Z0-9:/_+=.@!-]+)\}")
_USER_INFO = re.compile(r"(?:[\w.~!$'()*+,;=&-]|%[0-9A-Fa-f]{2})+", re.ASCII)
"""What a user's name or a password may look like in a URI: with no need to be encoded."""
_HOST_AND_PORT = re.compile(r"(?:\[([^\]]+)\]|([^:]+))(?::(\d+))?")


@dataclass(frozen=True, slots=True)
class Target:
    """A server to connect to, as settings name it.

    Attributes:
        setting: The environment variable that holds the connection string.
        text: The connection string, with ``${...}`` for secrets.
    """

    setting: str
    text: str = field(repr=False)

    @property
    def secret_names(self) -> tuple[str, ...]:
        """Names or ARNs of the secrets that it needs."""
        return tuple(dict.fromkeys(_PLACEHOLDER.findall(self.text)))


@dataclass(frozen=True, slots=True)
class Address:
    """What a connection string says.

    Attributes:
        is_srv: Whether the hosts are to be asked of DNS, under the one name in ``hosts``.
        hosts: Hosts with their ports, as written, separated by commas.
        database: The database after the hosts, decoded; a login counts there.
        user: Login, decoded; may be empty.
        password: Its password, decoded, or ``None``.
        options: What follows the question mark: names and values, both as written.
    """

    is_srv: bool
    hosts: str
    database: str
    user: str
    password: Secret | None
    options: tuple[tuple[str, str], ...] = field(repr=False)

    def option(self, *names: str) -> str:
        """Return the value of the first option with one of these names, in lower case."""
        wanted = {name.lower() for name in names}
        found = (value for name, value in self.options if name.lower() in wanted)
        return unquote_plus(next(found, "")).lower()

    @property
    def is_encrypted(self) -> bool:
        """Whether TLS is asked for: ``tls`` or ``ssl``, or a name that DNS is asked for."""
        return (self.option("tls", "ssl") or str(self.is_srv).lower()) == "true"

    @property
    def endpoints(self) -> tuple[tuple[str, int], ...]:
        """Each host and its port; none where DNS or a file of this computer names them."""
        found = [] if self.is_srv else map(_HOST_AND_PORT.fullmatch, self.hosts.split(","))
        return tuple(
            (each[1] or each[2], int(each[3] or DEFAULT_PORT))
            for each in found
            if each is not None and "%2F" not in each[0].upper()
        )


def target_of(catalog: str, environ: Mapping[str, str]) -> Target:
    """Return the server of a catalog.

    Args:
        catalog: Its name, as Athena writes it.
        environ: The function's environment, with what a Glue connection adds to it.

    Raises:
        ConfigurationError: There is no connection string for it.
        InvalidRequestError: Several variables fit its name and none is spelt exactly so.
    """
    own = [
        name
        for name, text in environ.items()
        if name.lower() == catalog.lower() and text.strip().startswith(_SCHEMES)
    ]
    if catalog in own:
        own = [catalog]
    if len(own) > 1:
        raise InvalidRequestError(
            f"Catalog {catalog!r} fits several settings: {', '.join(sorted(own))}.",
            hint="Give catalogs names that differ in more than case.",
        )
    name = own[0] if own else DEFAULT
    text = environ.get(name, "").strip()
    if not text and environ.get("glue_connection"):
        text = _of_glue_connection(environ)
    if not text:
        raise ConfigurationError(
            f"There is no connection string for catalog {catalog!r}.",
            hint=f"Set {DEFAULT}, or a variable named as the catalog, to one such as"
            " mongodb://${SECRET}@HOST:27017/?tls=true.",
            setting=DEFAULT,
        )
    return Target(name, text)


def address_of(target: Target, secret: Callable[[str], str]) -> Address:
    """Read a connection string.

    A secret that is a JSON object with ``username`` and ``password`` becomes
    ``user:password``, encoded. Any other text is put in as it is; where a login belongs, it
    is encoded if it could not be read otherwise.

    Args:
        target: The connection string.
        secret: Returns the text of a secret.

    Raises:
        ConfigurationError: It can't be read.
        InvalidCredentialsError: A secret can't be read, or lacks user or password.
    """
    text = target.text
    for placeholder in reversed(list(_PLACEHOLDER.finditer(text))):
        is_login = text.startswith("@", placeholder.end())
        shown = _substitute(placeholder[1], secret(placeholder[1]), is_login=is_login)
        text = text[: placeholder.start()] + shown + text[placeholder.end() :]
    scheme = next((scheme for scheme in _SCHEMES if text.startswith(scheme)), None)
    if scheme is None:
        raise _malformed(target, "does not start with mongodb:// or mongodb+srv://")
    if "${" in text:
        raise _malformed(target, "has a ${...} that is no secret's name")
    location, _, query = text.removeprefix(scheme).partition("?")
    authority, _, path = location.partition("/")
    if "@" in location[len(authority) :] or "@" in query.partition("&")[0].partition("=")[0]:
        raise _malformed(target, "has a / or ? in its user or password, which has to be encoded")
    login, _, hosts = authority.rpartition("@")
    if not hosts:
        raise _malformed(target, "names no host")
    user, _, password = login.partition(":")
    if login and not (
        _USER_INFO.fullmatch(user) and (not password or _USER_INFO.fullmatch(password))
    ):
        raise _malformed(target, "has characters in its user or password that have to be encoded")
    return Address(
        is_srv=scheme == _SCHEMES[1],
        hosts=hosts,
        database=unquote_plus(path),
        user=unquote_plus(user),
        password=Secret(unquote_plus(password)) if password else None,
        options=tuple(_options(query)),
    )


def _substitute(name: str, text: str, *, is_login: bool) -> str:
    """Return what stands in a connection string for a secret."""
    if text.lstrip().startswith("{"):
        found = credentials_from_secret(text, name)
        return f"{quote_plus(found.user)}:{quote_plus(found.password.reveal())}"
    text = text.strip("\r\n")
    user, colon, password = text.partition(":")
    if not is_login or all(_USER_INFO.fullmatch(part) for part in (user, password) if part):
        return text
    return quote_plus(user) + colon + quote_plus(password)


def _options(query: str) -> list[tuple[str, str]]:
    separator = "&" if "&" in query else ";"
    pairs = (part.partition("=") for part in query.split(separator) if part)
    return [(name, value) for name, _, value in pairs]


def _of_glue_connection(environ: Mapping[str, str]) -> str:
    """Return the connection string that the properties of a Glue connection make."""
    missing = " and no ".join(name for name in ("HOST", "PORT") if not environ.get(name))
    if missing:
        raise ConfigurationError(
            f"The Glue connection {environ['glue_connection']!r} has no {missing}.",
            hint=f"Add it to the connection, or set {DEFAULT} to a connection string.",
            setting="glue_connection",
        )
    secret = environ.get("secret_name", "")
    login = f"${{{secret}}}@" if secret else ""
    options = environ.get("JDBC_PARAMS", "")
    if environ.get("ENFORCE_SSL", "").lower() == "true" and "ssl=" not in options.lower():
        options = f"ssl=true&{options}".rstrip("&")
    database = environ.get("AUTHENTICATION_DATABASE", "")
    return f"mongodb://{login}{environ['HOST']}:{environ['PORT']}/{database}?{options}".rstrip("?")


def _malformed(target: Target, what: str) -> ConfigurationError:
    return ConfigurationError(
        f"The connection string in setting {target.setting} {what}.",
        hint="It reads mongodb://${SECRET}@HOST:27017/?tls=true; in a user or a password that"
        " stands in it, write : / ? # [ ] @ % as %3A %2F %3F %23 %5B %5D %40 %25.",
        setting=target.setting,
    )

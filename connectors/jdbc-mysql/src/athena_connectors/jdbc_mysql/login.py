"""What a login takes: hosts, credentials, TLS and variables, from a connection string.

Properties of MySQL's JDBC driver that have a meaning for reading are translated, all others
are passed over. Credentials stand apart and are never part of a text.

Source: MySQL Connector/J developer guide, "Configuration Properties".
"""

from __future__ import annotations

import re
import ssl
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING

from athena_connectors.common.errors import ConfigurationError
from athena_connectors.common.secrets import Secret
from athena_connectors.common.sql.login import (
    CONNECT_TIMEOUT_SECONDS,
    certificate_file,
    connection_fault,
    hosts_of,
    is_rds,
    login_password,
    login_user,
    no_certificates,
    number_property,
    uses_iam,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from athena_connectors.common.sql.connection_strings import ConnectionString, Credentials
    from athena_connectors.common.sql.login import Hosts
    from athena_connectors.jdbc_mysql.settings import Settings

__all__ = ["DEFAULT_PORT", "Login", "SslMode", "login_of", "session_label"]

DEFAULT_PORT = 3306
MAX_LABEL = 128

_NOT_IN_LABEL = re.compile(r"[^\w.:@+-]")
_VARIABLE = re.compile(
    r"\s*(?:(?:@@)?(?:session|local)[.\s]\s*|@@)?([a-z_]\w*)\s*:?=\s*"
    r"('[^'\\]*'|\"[^\"\\]*\"|[\w+\-./:]+)\s*(?:[,;]|$)",
    re.IGNORECASE | re.ASCII,
)


class SslMode(Enum):
    """How much TLS; MySQL's own words, and those of other drivers, in lower case."""

    DISABLED = ("disabled", "disable")
    PREFERRED = ("preferred", "prefer", "allow")
    REQUIRED = ("required", "require", "trust")
    VERIFY_CA = ("verify_ca", "verify-ca")
    VERIFY_IDENTITY = ("verify_identity", "verify-identity", "verify-full", "verify_full")

    @property
    def verifies(self) -> bool:
        """Whether the server's certificate is verified."""
        return self in (SslMode.VERIFY_CA, SslMode.VERIFY_IDENTITY)


@dataclass(frozen=True, slots=True)
class Login:
    """What a session is opened with.

    Attributes:
        hosts: Servers, tried in order.
        user: Who logs in.
        password: The password or token.
        database: Database of names without one; may be empty.
        ssl_mode: How much TLS.
        context: Certificates to show and to trust, where TLS is required.
        connect_timeout_s: How long a server may take to let us in.
        socket_timeout_s: After so long without a byte the session breaks off; 0 for never.
        variables: ``name = value`` of the connection string, each checked.
    """

    hosts: Hosts
    user: str
    password: Secret
    database: str
    ssl_mode: SslMode
    context: ssl.SSLContext | None = field(repr=False)
    connect_timeout_s: float
    socket_timeout_s: float
    variables: tuple[str, ...]


def login_of(
    target: ConnectionString,
    settings: Settings,
    *,
    credentials: Credentials | None,
    environ: Mapping[str, str],
) -> Login:
    """Return what a session is opened with.

    Args:
        target: The connection string.
        settings: The connector's settings.
        credentials: What its secret says, when it names one.
        environ: Where ``AWS_REGION`` is looked up for an IAM token.

    Raises:
        ConfigurationError: A host or a user is missing, a property has a value that is not
            known, a file is missing, or properties contradict each other.
    """
    hosts = hosts_of(target, credentials, port=DEFAULT_PORT)
    authority = certificate_file(
        target, settings.ssl_root_cert, hosts=hosts, credentials=credentials, environ=environ
    )
    mode = _ssl_mode(target, hosts=hosts)
    plain = "" if mode is not SslMode.DISABLED else "sslMode=DISABLED (or useSSL=false)"
    password = login_password(target, hosts, credentials=credentials, plain=plain, environ=environ)
    connect_ms = number_property(target, "connectTimeout", "milliseconds")
    return Login(
        hosts=hosts,
        user=login_user(target, credentials),
        password=Secret(password),
        database=target.database or (credentials.database if credentials else ""),
        ssl_mode=mode,
        context=_context(target, mode, authority),
        connect_timeout_s=connect_ms / 1000 or CONNECT_TIMEOUT_SECONDS,
        socket_timeout_s=number_property(target, "socketTimeout", "milliseconds") / 1000,
        variables=_variables(target),
    )


def session_label(target: ConnectionString, query_id: str = "") -> str:
    """Return the comment that the server's process list shows in front of a statement."""
    name = target.properties.get("applicationname") or "athena-federation"
    label = f"{name}:{query_id}" if query_id else name
    return f"/* {_NOT_IN_LABEL.sub('_', label)[:MAX_LABEL]} */ "


def _flag(target: ConnectionString, name: str, *, default: bool = False) -> bool:
    """Return a property that is true or false; true where it has no value."""
    text = target.properties.get(name.lower())
    if text is None:
        return default
    if text.lower() not in ("true", "false", "yes", "no", ""):
        raise connection_fault(target, f"has {name}={text}", "It is true or false.")
    return text.lower() not in ("false", "no")


def _ssl_mode(target: ConnectionString, *, hosts: Hosts) -> SslMode:
    """Return how much TLS is wanted.

    Without a wish in the connection string TLS is used if the server has it, and always
    with RDS, which always has it.
    """
    wanted = target.properties.get("sslmode", "")
    if wanted:
        mode = next((mode for mode in SslMode if wanted.lower() in mode.value), None)
        if mode is None:
            known = ", ".join(mode.name for mode in SslMode)
            raise connection_fault(target, f"has sslMode={wanted}", f"Known are {known}.")
    else:
        mode = _legacy_mode(target)
    if mode is None:
        mode = SslMode.REQUIRED if is_rds(hosts) else SslMode.PREFERRED
    if uses_iam(target) and mode is SslMode.PREFERRED:
        return SslMode.REQUIRED
    return mode


def _legacy_mode(target: ConnectionString) -> SslMode | None:
    """Return what the driver's older properties mean, or nothing if they are not there."""
    if not _flag(target, "useSSL", default=True):
        return SslMode.DISABLED
    if _flag(target, "verifyServerCertificate"):
        return SslMode.VERIFY_CA
    if _flag(target, "requireSSL"):
        return SslMode.REQUIRED
    return None


def _context(target: ConnectionString, mode: SslMode, authority: str) -> ssl.SSLContext | None:
    properties = target.properties
    if "clientcertificatekeystoreurl" in properties:
        raise connection_fault(
            target,
            "has clientCertificateKeyStoreUrl, and only Java can read a key store",
            "Give the certificate and its key as PEM files: sslcert=FILE and sslkey=FILE.",
        )
    if mode in (SslMode.DISABLED, SslMode.PREFERRED):
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    # Authorities that MySQL makes for itself lack what the strict rules ask for.
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    context.check_hostname = mode is SslMode.VERIFY_IDENTITY
    context.verify_mode = ssl.CERT_REQUIRED if mode.verifies else ssl.CERT_NONE
    if mode.verifies:
        _trust(context, target, mode, authority)
    if "sslcert" in properties:
        _show(context, target, properties["sslcert"])
    return context


def _trust(
    context: ssl.SSLContext, target: ConnectionString, mode: SslMode, authority: str
) -> None:
    if not authority and "trustcertificatekeystoreurl" in target.properties:
        raise connection_fault(
            target,
            "has trustCertificateKeyStoreUrl, and only Java can read a key store",
            "Set ssl_root_cert to a PEM file of the certificates instead.",
        )
    if not authority:
        raise no_certificates(target, f"sslMode={mode.name}")
    if authority == "system":
        context.load_default_certs()
        return
    try:
        context.load_verify_locations(authority)
    except ssl.SSLError as error:
        raise ConfigurationError(
            f"The file {authority} holds no certificates in PEM form.",
            hint="Correct the file, or what ssl_root_cert names.",
            catalog=target.catalog,
        ) from error


def _show(context: ssl.SSLContext, target: ConnectionString, certificate: str) -> None:
    properties = target.properties
    try:
        context.load_cert_chain(
            certificate, properties.get("sslkey"), properties.get("sslpassword", "")
        )
    except OSError as error:
        raise connection_fault(
            target,
            f"has sslcert={certificate}, which can't be used ({error.strerror})",
            "Name PEM files of the certificate and of its key: sslcert=FILE and sslkey=FILE.",
        ) from error


def _variables(target: ConnectionString) -> tuple[str, ...]:
    """Return the assignments of ``sessionVariables``; names and values are plain."""
    text = target.properties.get("sessionvariables", "")
    found, place = [], 0
    while place < len(text):
        match = _VARIABLE.match(text, place)
        if match is None:
            raise connection_fault(
                target,
                f"has sessionVariables with {text[place:].strip()!r}",
                "They read name=value,name='value'.",
            )
        found.append(f"{match[1]} = {match[2]}")
        place = match.end()
    return tuple(found)

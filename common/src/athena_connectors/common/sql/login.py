"""What a login takes whatever the driver: hosts, certificates to trust, IAM tokens.

Source: Amazon RDS user guide, "IAM database authentication" and "Using SSL/TLS to encrypt
a connection to a DB instance".
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from athena_connectors.common.certificates import (
    BUNDLE_URL,
    amazon_bundle,
    written_certificates,
)
from athena_connectors.common.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from athena_connectors.common.sql.connection_strings import ConnectionString, Credentials

__all__ = [
    "CONNECT_TIMEOUT_SECONDS",
    "SILENCE_SECONDS",
    "Hosts",
    "certificate_file",
    "connection_fault",
    "hosts_of",
    "is_rds",
    "login_password",
    "login_user",
    "no_certificates",
    "number_property",
    "uses_iam",
]

Hosts = tuple[tuple[str, int], ...]
"""Names or addresses, each with its port."""

CONNECT_TIMEOUT_SECONDS = 10
SILENCE_SECONDS = 30
"""After so long without a word, a peer that should answer counts as gone."""

_RDS_HOST = re.compile(r"\.([a-z0-9-]+)\.rds\.amazonaws\.com(?:\.cn)?$", re.IGNORECASE)


def connection_fault(target: ConnectionString, fact: str, hint: str) -> ConfigurationError:
    """Return the error that a connection string is, told without quoting it."""
    return ConfigurationError(
        f"The connection string in setting {target.setting} {fact}.",
        hint=hint,
        setting=target.setting,
        catalog=target.catalog,
    )


def hosts_of(target: ConnectionString, credentials: Credentials | None, *, port: int) -> Hosts:
    """Return the servers to try, those of the secret if the connection string names none.

    Args:
        target: The connection string.
        credentials: What its secret says, when it names one.
        port: The engine's default.

    Raises:
        ConfigurationError: Neither names a host.
    """
    hosts = target.hosts
    if not hosts and credentials and credentials.host:
        hosts = ((credentials.host, credentials.port),)
    if not hosts:
        raise connection_fault(
            target, "names no host, nor does a secret", "Write //HOST:PORT/DATABASE."
        )
    return tuple((host, given or port) for host, given in hosts)


def login_user(target: ConnectionString, credentials: Credentials | None) -> str:
    """Return the user, of the secret if there is one.

    Raises:
        ConfigurationError: There is none.
    """
    user = credentials.user if credentials else target.user
    if not user:
        raise connection_fault(target, "names neither a user nor a secret", "Add ?${SECRET} to it.")
    return user


def number_property(target: ConnectionString, name: str, unit: str) -> int:
    """Return a property that is a whole number, 0 if it is not there.

    Args:
        target: The connection string.
        name: The property's name.
        unit: What it counts, for the error, such as ``seconds``.

    Raises:
        ConfigurationError: It is no number.
    """
    text = target.properties.get(name.lower(), "0")
    if not (text.isascii() and text.isdecimal()):
        raise connection_fault(target, f"has {name}={text}", f"It takes a whole number of {unit}.")
    return int(text)


def is_rds(hosts: Hosts) -> bool:
    """Tell whether all hosts are endpoints of RDS, which always has TLS."""
    return all(_RDS_HOST.search(host) for host, _ in hosts)


def certificate_file(
    target: ConnectionString,
    setting: str,
    *,
    hosts: Hosts,
    credentials: Credentials | None,
    environ: Mapping[str, str],
) -> str:
    """Return the file of certificates to trust, ``system``, or nothing.

    Those of the secret go before the property ``sslrootcert``, and that before the setting
    ``ssl_root_cert``. Where nothing is said, RDS is verified with Amazon's bundle, if its
    file lies in the package or in a layer.

    Args:
        target: The connection string.
        setting: The setting ``ssl_root_cert``.
        hosts: The servers.
        credentials: What the secret says, when there is one.
        environ: Where ``LAMBDA_TASK_ROOT`` is looked up, the folder of the package.

    Raises:
        ConfigurationError: There is no such file.
    """
    if credentials and credentials.ca_certificate:
        return written_certificates(credentials.ca_certificate)
    named = target.properties.get("sslrootcert")
    path = named or setting
    if not path and is_rds(hosts):
        return str(amazon_bundle(environ) or "")
    if path and path != "system" and not Path(path).is_file():
        raise ConfigurationError(
            f"There is no file {path} with certificates, which"
            f" {f'sslrootcert in setting {target.setting}' if named else 'ssl_root_cert'} names.",
            hint="Put it into the package or a layer, or correct the path.",
            catalog=target.catalog,
        )
    return path


def no_certificates(target: ConnectionString, wish: str) -> ConfigurationError:
    """Return the error that verification is wanted and there is nothing to verify with.

    Args:
        target: The connection string.
        wish: What asks for verification, such as ``sslmode=verify-full``.
    """
    return connection_fault(
        target,
        f"asks for {wish} and there are no certificates to verify with",
        f"Set ssl_root_cert to a file of them (RDS: put {BUNDLE_URL} into the package or a"
        " layer), or put them into the secret as ca_cert.",
    )


def uses_iam(target: ConnectionString) -> bool:
    """Tell whether the login is that of the function's role: ``iamAuth=true``."""
    return target.properties.get("iamauth", "").lower() == "true"


def login_password(
    target: ConnectionString,
    hosts: Hosts,
    *,
    credentials: Credentials | None,
    plain: str,
    environ: Mapping[str, str],
) -> str:
    """Return the password, which for IAM is a token that was signed just now.

    Args:
        target: The connection string.
        hosts: The servers.
        credentials: What the secret says, when there is one.
        plain: What switches TLS off, such as ``sslmode=disable``; empty with TLS.
        environ: Where ``AWS_REGION`` is looked up for a token.

    Raises:
        ConfigurationError: ``iamAuth`` stands beside a password or without TLS, or it is
            not known for which host or region the token is to be.
        ConnectorError: There are no credentials of AWS to sign with.
    """
    if not uses_iam(target):
        secret = credentials.password if credentials else target.password
        return secret.reveal() if secret else ""
    if target.secret_name or target.password:
        raise connection_fault(target, "has both iamAuth and a password", "Keep one of them.")
    if plain:
        raise connection_fault(target, "has iamAuth without TLS", f"Remove {plain}.")
    host = target.properties.get("iamhost")
    if not host and len(hosts) > 1:
        raise connection_fault(target, "has iamAuth and several hosts", "Add iamHost=ENDPOINT.")
    endpoint, port = host or hosts[0][0], hosts[0][1]
    region = _region(target, endpoint, environ)
    return _iam_token(endpoint, port, user=target.user, region=region, environ=environ)


def _region(target: ConnectionString, host: str, environ: Mapping[str, str]) -> str:
    found = _RDS_HOST.search(host)
    region = (
        target.properties.get("iamregion")
        or (found[1] if found else "")
        or environ.get("AWS_REGION")
        or environ.get("AWS_DEFAULT_REGION")
    )
    if not region:
        raise connection_fault(
            target, "has iamAuth and its region is unknown", "Add iamRegion=REGION."
        )
    return region


def _iam_token(host: str, port: int, *, user: str, region: str, environ: Mapping[str, str]) -> str:
    """Return a password that opens a session within the next 15 minutes; signed here."""
    from athena_connectors.common.aws import AwsClients  # noqa: PLC0415
    from athena_connectors.common.aws_errors import aws_errors, translate  # noqa: PLC0415

    client = AwsClients({**environ, "AWS_REGION": region}).client("rds")
    try:
        token: str = client.generate_db_auth_token(
            DBHostname=host, Port=port, DBUsername=user, Region=region
        )
    except aws_errors() as cause:
        raise translate(cause, action="rds-db:connect", resource=f"{host} as {user}") from cause
    return token

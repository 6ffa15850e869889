"""What libpq is told: address, credentials and TLS, from a connection string and its secret.

Properties of the JDBC driver that have a meaning for reading are translated, all others
are passed over. Credentials are options of their own and are never part of a text.

Source: documentation of pgjdbc ("Connection Parameters") and of libpq ("Parameter Key
Words").
"""

from __future__ import annotations

import atexit
import re
import shlex
from functools import cache
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import TYPE_CHECKING, Any

from athena_connectors.common.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from athena_connectors.common.sql.connection_strings import ConnectionString, Credentials
    from athena_connectors.jdbc_postgres.settings import Settings

__all__ = ["DEFAULT_PORT", "libpq_options", "session_label", "session_parameters"]

DEFAULT_PORT = 5432
CONNECT_TIMEOUT_SECONDS = 10
MAX_LABEL = 63  # the server would cut a longer one, with a notice

_RDS_HOST = re.compile(r"\.([a-z0-9-]+)\.rds\.amazonaws\.com(?:\.cn)?$", re.IGNORECASE)

_PARAMETERS = {
    "default_transaction_read_only": "on",
    "timezone": "UTC",
    "datestyle": "ISO",
    "intervalstyle": "postgres",
    "bytea_output": "hex",
    "extra_float_digits": "1",
    "standard_conforming_strings": "on",
}
"""Text forms that the decoders and the literals rely on."""

_SSL_MODES = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")
_SAME_IN_LIBPQ = {
    "channelbinding": "channel_binding",
    "gssencmode": "gssencmode",
    "sslcert": "sslcert",
    "sslkey": "sslkey",
    "sslpassword": "sslpassword",
}
_SERVER_TYPES = {
    "any": "any",
    "primary": "primary",
    "master": "primary",
    "secondary": "standby",
    "slave": "standby",
    "prefersecondary": "prefer-standby",
    "preferslave": "prefer-standby",
    "preferprimary": "any",  # libpq does not know this preference
}


def libpq_options(
    target: ConnectionString,
    settings: Settings,
    *,
    credentials: Credentials | None,
    environ: Mapping[str, str],
) -> dict[str, Any]:
    """Return keywords of libpq, as psycopg2 takes them; the password is among them.

    Args:
        target: The connection string.
        settings: The connector's settings.
        credentials: What its secret says, when it names one.
        environ: Where ``AWS_REGION`` is looked up for an IAM token.

    Raises:
        ConfigurationError: A host or a user is missing, a property has a value that is not
            known, a file is missing, or properties contradict each other.
    """
    hosts = _hosts(target, credentials)
    tls = _tls(target, settings, hosts=hosts, credentials=credentials)
    user = credentials.user if credentials else target.user
    if not user:
        raise _fault(target, "names neither a user nor a secret", "Add ?${SECRET} to it.")
    options: dict[str, Any] = {
        "host": ",".join(host for host, _ in hosts),
        "port": ",".join(str(port) for _, port in hosts),
        "user": user,
        "application_name": session_label(target),
        "password": _password(target, hosts, credentials=credentials, tls=tls, environ=environ),
        "client_encoding": "UTF8",
        "gssencmode": "disable",
        "keepalives_idle": 30,
        "keepalives_interval": 10,
        **_timeouts(target),
        **tls,
    }
    database = target.database or (credentials.database if credentials else "")
    if database:
        options["dbname"] = database
    for name, keyword in _SAME_IN_LIBPQ.items():
        if name in target.properties:
            options[keyword] = target.properties[name]
    if "targetservertype" in target.properties:
        options["target_session_attrs"] = _server_type(target)
    if target.properties.get("loadbalancehosts", "").lower() == "true":
        options["load_balance_hosts"] = "random"
    return options


def session_label(target: ConnectionString, query_id: str = "") -> str:
    """Return what ``pg_stat_activity`` shows of a session, 63 characters at most."""
    name = target.properties.get("applicationname") or "athena-federation"
    return (f"{name}:{query_id}" if query_id else name)[:MAX_LABEL]


def session_parameters(target: ConnectionString) -> dict[str, str]:
    """Return the run-time parameters of every transaction.

    Those of the connection string's ``options`` and ``currentSchema`` come first, then the
    connector's own, which nothing overrides. They are no startup options, which connection
    poolers refuse, and are set for one transaction only, so that sessions can be pooled.

    Raises:
        ConfigurationError: ``options`` is not a list of ``-c name=value``.
    """
    parameters = {}
    try:
        words = shlex.split(target.properties.get("options", ""))
    except ValueError as error:
        raise _fault(target, "has options with an open quote", "Close it.") from error
    while words:
        word = words.pop(0)
        if word == "-c" and words:
            word = words.pop(0)
        name, equals, value = word.removeprefix("-c").removeprefix("--").partition("=")
        if not equals or name.startswith("-"):
            raise _fault(
                target, f"has options with {word!r}", "They read -c name=value -c name=value."
            )
        parameters[name.strip()] = value
    if "currentschema" in target.properties:
        parameters["search_path"] = target.properties["currentschema"]
    return {**parameters, **_PARAMETERS}


def _hosts(
    target: ConnectionString, credentials: Credentials | None
) -> tuple[tuple[str, int], ...]:
    hosts = target.hosts
    if not hosts and credentials and credentials.host:
        hosts = ((credentials.host, credentials.port),)
    if not hosts:
        raise _fault(target, "names no host, nor does a secret", "Write //HOST:PORT/DATABASE.")
    return tuple((host, port or DEFAULT_PORT) for host, port in hosts)


def _timeouts(target: ConnectionString) -> dict[str, int]:
    connect = _seconds(target, "connecttimeout") or _seconds(target, "logintimeout")
    silence = _seconds(target, "sockettimeout")
    return {
        "connect_timeout": connect or CONNECT_TIMEOUT_SECONDS,
        # A peer that vanished while the function was frozen is noticed in this time.
        "tcp_user_timeout": 1000 * (silence or 30),
    }


def _seconds(target: ConnectionString, name: str) -> int:
    text = target.properties.get(name, "0")
    if not (text.isascii() and text.isdecimal()):
        raise _fault(target, f"has {name}={text}", "It takes a whole number of seconds.")
    return int(text)


def _server_type(target: ConnectionString) -> str:
    wanted = target.properties["targetservertype"]
    known = _SERVER_TYPES.get(wanted.lower())
    if known is None:
        raise _fault(
            target,
            f"has targetServerType={wanted}",
            "Known are any, primary, secondary and preferSecondary.",
        )
    return known


def _tls(
    target: ConnectionString,
    settings: Settings,
    *,
    hosts: tuple[tuple[str, int], ...],
    credentials: Credentials | None,
) -> dict[str, str]:
    """Return sslmode and the certificates to trust.

    Without a wish in the connection string TLS is used if the server has it, and always
    with RDS, which always has it.
    """
    authority = _certificates(target, settings, credentials)
    mode = target.properties.get("sslmode", "").lower() or _legacy_mode(target, authority)
    if not mode:
        mode = "require" if all(_RDS_HOST.search(host) for host, _ in hosts) else "prefer"
    if _uses_iam(target) and mode in ("allow", "prefer"):
        mode = "require"
    if mode not in _SSL_MODES:
        raise _fault(target, f"has sslmode={mode}", f"Known are {', '.join(_SSL_MODES)}.")
    if not mode.startswith("verify-"):
        # libpq would verify under "require" too, once it is given certificates.
        return {"sslmode": mode}
    if not authority:
        raise _fault(
            target,
            f"asks for sslmode={mode} and there are no certificates to verify with",
            "Set ssl_root_cert to a file of them (RDS:"
            " https://truststore.pki.rds.amazonaws.com/global/global-bundle.pem), or put"
            " them into the secret as ca_cert.",
        )
    return {"sslmode": mode, "sslrootcert": authority}


def _legacy_mode(target: ConnectionString, authority: str) -> str:
    """Return what the older property ``ssl`` means; with no value it is true."""
    if target.properties.get("ssl", "false").lower() not in ("true", ""):
        return ""
    trusting = "nonvalidating" in target.properties.get("sslfactory", "").lower()
    return "verify-full" if authority and not trusting else "require"


def _certificates(
    target: ConnectionString, settings: Settings, credentials: Credentials | None
) -> str:
    """Return the file of certificates to trust, ``system``, or nothing."""
    if credentials and credentials.ca_certificate:
        return _certificate_file(credentials.ca_certificate)
    named = target.properties.get("sslrootcert")
    path = named or settings.ssl_root_cert
    if path and path != "system" and not Path(path).is_file():
        raise ConfigurationError(
            f"There is no file {path} with certificates, which"
            f" {f'sslrootcert in setting {target.setting}' if named else 'ssl_root_cert'} names.",
            hint="Put it into the package or a layer, or correct the path.",
            catalog=target.catalog,
        )
    return path


@cache
def _certificate_file(pem: str) -> str:
    """Write certificates to a file of this process, because libpq takes no text."""
    with NamedTemporaryFile("w", prefix="athena-postgres-", suffix=".pem", delete=False) as file:
        file.write(pem)
    atexit.register(Path(file.name).unlink, missing_ok=True)
    return file.name


def _uses_iam(target: ConnectionString) -> bool:
    return target.properties.get("iamauth", "").lower() == "true"


def _password(
    target: ConnectionString,
    hosts: tuple[tuple[str, int], ...],
    *,
    credentials: Credentials | None,
    tls: Mapping[str, str],
    environ: Mapping[str, str],
) -> str:
    if not _uses_iam(target):
        secret = credentials.password if credentials else target.password
        return secret.reveal() if secret else ""
    if target.secret_name or target.password:
        raise _fault(target, "has both iamAuth and a password", "Keep one of them.")
    if tls["sslmode"] == "disable":
        raise _fault(target, "has iamAuth without TLS", "Remove sslmode=disable.")
    host = target.properties.get("iamhost")
    if not host and len(hosts) > 1:
        raise _fault(target, "has iamAuth and several hosts", "Add iamHost=ENDPOINT.")
    return _iam_token(
        host or hosts[0][0],
        hosts[0][1],
        user=target.user,
        region=_region(target, host or hosts[0][0], environ),
        environ=environ,
    )


def _region(target: ConnectionString, host: str, environ: Mapping[str, str]) -> str:
    found = _RDS_HOST.search(host)
    region = (
        target.properties.get("iamregion")
        or (found[1] if found else "")
        or environ.get("AWS_REGION")
        or environ.get("AWS_DEFAULT_REGION")
    )
    if not region:
        raise _fault(target, "has iamAuth and its region is unknown", "Add iamRegion=REGION.")
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


def _fault(target: ConnectionString, fact: str, hint: str) -> ConfigurationError:
    return ConfigurationError(
        f"The connection string in setting {target.setting} {fact}.",
        hint=hint,
        setting=target.setting,
        catalog=target.catalog,
    )

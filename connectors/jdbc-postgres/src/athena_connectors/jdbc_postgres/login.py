"""What libpq is told: address, credentials and TLS, from a connection string and its secret.

Properties of the JDBC driver that have a meaning for reading are translated, all others
are passed over. Credentials are options of their own and are never part of a text.

Source: documentation of pgjdbc ("Connection Parameters") and of libpq ("Parameter Key
Words").
"""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Any

from athena_connectors.common.sql.login import (
    CONNECT_TIMEOUT_SECONDS,
    SILENCE_SECONDS,
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
    from athena_connectors.jdbc_postgres.settings import Settings

__all__ = ["DEFAULT_PORT", "libpq_options", "session_label", "session_parameters"]

DEFAULT_PORT = 5432
MAX_LABEL = 63  # the server would cut a longer one, with a notice

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
    hosts = hosts_of(target, credentials, port=DEFAULT_PORT)
    authority = certificate_file(
        target, settings.ssl_root_cert, hosts=hosts, credentials=credentials, environ=environ
    )
    tls = _tls(target, authority, hosts=hosts)
    plain = "sslmode=disable" if tls["sslmode"] == "disable" else ""
    options: dict[str, Any] = {
        "host": ",".join(host for host, _ in hosts),
        "port": ",".join(str(port) for _, port in hosts),
        "user": login_user(target, credentials),
        "application_name": session_label(target),
        "password": login_password(
            target, hosts, credentials=credentials, plain=plain, environ=environ
        ),
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
        raise connection_fault(target, "has options with an open quote", "Close it.") from error
    while words:
        word = words.pop(0)
        if word == "-c" and words:
            word = words.pop(0)
        name, equals, value = word.removeprefix("-c").removeprefix("--").partition("=")
        if not equals or name.startswith("-"):
            raise connection_fault(
                target, f"has options with {word!r}", "They read -c name=value -c name=value."
            )
        parameters[name.strip()] = value
    if "currentschema" in target.properties:
        parameters["search_path"] = target.properties["currentschema"]
    return {**parameters, **_PARAMETERS}


def _timeouts(target: ConnectionString) -> dict[str, int]:
    connect, login, silence = (
        number_property(target, name, "seconds")
        for name in ("connectTimeout", "loginTimeout", "socketTimeout")
    )
    return {
        "connect_timeout": connect or login or CONNECT_TIMEOUT_SECONDS,
        # A peer that vanished while the function was frozen is noticed in this time.
        "tcp_user_timeout": 1000 * (silence or SILENCE_SECONDS),
    }


def _server_type(target: ConnectionString) -> str:
    wanted = target.properties["targetservertype"]
    known = _SERVER_TYPES.get(wanted.lower())
    if known is None:
        raise connection_fault(
            target,
            f"has targetServerType={wanted}",
            "Known are any, primary, secondary and preferSecondary.",
        )
    return known


def _tls(target: ConnectionString, authority: str, *, hosts: Hosts) -> dict[str, str]:
    """Return sslmode and the certificates to trust.

    Without a wish in the connection string TLS is used if the server has it, and always
    with RDS, which always has it.
    """
    mode = target.properties.get("sslmode", "").lower() or _legacy_mode(target, authority)
    if not mode:
        mode = "require" if is_rds(hosts) else "prefer"
    if uses_iam(target) and mode in ("allow", "prefer"):
        mode = "require"
    if mode not in _SSL_MODES:
        raise connection_fault(target, f"has sslmode={mode}", f"Known are {', '.join(_SSL_MODES)}.")
    if not mode.startswith("verify-"):
        # libpq would verify under "require" too, once it is given certificates.
        return {"sslmode": mode}
    if not authority:
        raise no_certificates(target, f"sslmode={mode}")
    return {"sslmode": mode, "sslrootcert": authority}


def _legacy_mode(target: ConnectionString, authority: str) -> str:
    """Return what the older property ``ssl`` means; with no value it is true."""
    if target.properties.get("ssl", "false").lower() not in ("true", ""):
        return ""
    trusting = "nonvalidating" in target.properties.get("sslfactory", "").lower()
    return "verify-full" if authority and not trusting else "require"

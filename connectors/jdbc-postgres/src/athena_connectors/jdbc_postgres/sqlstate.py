"""What an error of the server or of libpq means to the engine.

A statement's error has an SQLSTATE. A refused login has only libpq's English text, which
names host, user and database but never the password. No text of ours adds to that.

Source: PostgreSQL manual, appendix A; libpq's ``fe-connect.c`` and ``fe-secure-openssl.c``.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from athena_connectors.common.errors import (
    AccessDeniedError,
    ColumnNotFoundError,
    ConfigurationError,
    ConnectorError,
    DataConversionError,
    InvalidCredentialsError,
    InvalidRequestError,
    NotFoundError,
    SchemaNotFoundError,
    SourceError,
    SourceTimeoutError,
    TableNotFoundError,
    ThrottledError,
    UnsupportedOperationError,
)

if TYPE_CHECKING:
    import psycopg2

__all__ = ["translate"]


class _Meaning(NamedTuple):
    kind: type[ConnectorError]
    hint: str = ""


_NETWORK = (
    "Check that the function runs in the database's VPC, that its security group may reach"
    " the database's port, and that the database's security group lets it in."
)
_BUSY = (
    "Lower the function's reserved concurrency or max_splits, raise the server's limit, or"
    " put a connection pooler such as RDS Proxy in between."
)
_LOGIN = _Meaning(
    InvalidCredentialsError,
    "Check user and password in the secret that the connection string names.",
)
_DATABASE = _Meaning(NotFoundError, "Check the database's name in the connection string.")
_CROWDED = _Meaning(ThrottledError, _BUSY)
_STARTING = _Meaning(ThrottledError, "The server is starting, stopping or recovering; try again.")
_LOST = _Meaning(SourceError, "The connection was lost; run the query again.")
_UNREACHABLE = _Meaning(SourceError, _NETWORK)
_TLS = _Meaning(
    ConfigurationError,
    "Check sslmode in the connection string and the certificates in ssl_root_cert.",
)
_TIMEOUT = _Meaning(
    SourceTimeoutError,
    "Narrow the predicate, raise max_splits, or raise statement_timeout_ms.",
)

_BY_STATE: dict[str, _Meaning] = {
    "0A000": _Meaning(UnsupportedOperationError),
    "25001": _Meaning(UnsupportedOperationError, "The connector's transactions only read."),
    "22021": _Meaning(
        DataConversionError,
        "The database's encoding is probably SQL_ASCII: read the column through a view that"
        " converts it, as in convert_from(column::bytea, 'LATIN1').",
    ),
    "25006": _Meaning(UnsupportedOperationError, "The connector only reads."),
    "25P03": _TIMEOUT,
    "25P04": _TIMEOUT,
    "3D000": _DATABASE,
    "3F000": _Meaning(SchemaNotFoundError),
    "40001": _Meaning(SourceError, "Run the query again."),
    "40P01": _Meaning(SourceError, "Run the query again."),
    "42501": _Meaning(AccessDeniedError, "Grant the connector's role what it lacks."),
    "42703": _Meaning(ColumnNotFoundError, "List the table's columns; one may have been dropped."),
    "42P01": _Meaning(TableNotFoundError, "List the schema's tables; it may have been dropped."),
    "55P03": _Meaning(SourceTimeoutError, "Another session holds a lock on the table; try again."),
    "57014": _Meaning(
        SourceTimeoutError,
        "If it took too long, narrow the predicate, or raise max_splits or statement_timeout_ms;"
        " if somebody cancelled it, run the query again.",
    ),
    "57P03": _STARTING,
    "57P05": _LOST,
}
"""By whole SQLSTATE."""

_BY_CLASS: dict[str, _Meaning] = {
    "08": _LOST,
    "21": _Meaning(InvalidRequestError, "Check the query's text."),
    "22": _Meaning(InvalidRequestError, "Check the values and casts of the query."),
    "28": _LOGIN,
    "42": _Meaning(InvalidRequestError, "Check the query's text."),
    "53": _CROWDED,
    "57": _LOST,
}
"""By the first two characters, where the whole is not listed."""

_BY_TEXT: tuple[tuple[re.Pattern[str], _Meaning], ...] = tuple(
    (re.compile(pattern), meaning)
    for pattern, meaning in (
        (
            r"could not translate host name|could not parse network address",
            _Meaning(
                ConfigurationError,
                "Check the host in the connection string, and that the function's VPC"
                " resolves names.",
            ),
        ),
        (r"certificate file|private key file", _TLS),
        (r"certificate verify failed|does not match host name|server certificate", _TLS),
        (r"does not support SSL|SSL error|no encryption|SSL off|SSL encryption", _TLS),
        (r"database \"\" does not exist", _DATABASE),
        (r"permission denied", _BY_STATE["42501"]),
        (r"too many (clients|connections)|connection slots are reserved", _CROWDED),
        (r"the database system is", _STARTING),
        (
            r"authentication|no password supplied|role \"\"|pg_hba\.conf",
            _LOGIN,
        ),
        (
            r"session is (not )?read-(only|write)|hot standby|server is not in",
            _Meaning(ConfigurationError, "Check targetServerType in the connection string."),
        ),
        (r"refused|timed? ?out|timeout expired|No route|unreachable", _UNREACHABLE),
        (r"closed|terminat|reset|SYSCALL|Broken pipe|could not (send|receive)", _LOST),
    )
)
"""By libpq's text, first match, where there is no SQLSTATE; names are emptied before."""

_NAME = re.compile(r'"[^"]*"')

_SILENT = "no message from the libpq"
"""What psycopg2 says when a COPY breaks off: libpq has an answer only to later questions."""


def translate(error: psycopg2.Error, *, catalog: str, table: str = "") -> ConnectorError:
    """Return the error to raise ``from`` an error of the driver.

    Args:
        error: What psycopg2 raised, while connecting or later.
        catalog: The catalog asked for.
        table: ``schema.table``, when one was asked for.

    Returns:
        An error of the class that fits, whose text names catalog, table, the server's
        first line and the SQLSTATE.
    """
    state = error.pgcode or ""
    text = _first_message(error)
    meaning = _meaning(state, text)
    place = f"Table {table} of catalog {catalog!r}" if table else f"Catalog {catalog!r}"
    told = f"{text} (SQLSTATE {state})." if state else f"{text}."
    context = {"catalog": catalog, **({"table": table} if table else {})}
    return meaning.kind(f"{place}: {told}", hint=meaning.hint, **context)


def _meaning(state: str, text: str) -> _Meaning:
    if state:
        return _BY_STATE.get(state) or _BY_CLASS.get(state[:2]) or _Meaning(SourceError)
    plain = _NAME.sub('""', text)
    for pattern, meaning in _BY_TEXT:
        if pattern.search(plain):
            return meaning
    return _Meaning(SourceError)


def _first_message(error: psycopg2.Error) -> str:
    """Return the server's primary message, or libpq's lines as one.

    The lines that follow the primary message quote the statement and, in DETAIL, values of
    the table, which have no place in an error.
    """
    text = (error.diag.message_primary if error.pgcode else None) or str(error)
    if _SILENT in text:
        return "the connection was closed while the server was sending rows"
    lines = filter(None, (line.strip() for line in text.splitlines()))
    return "; ".join(lines).rstrip(".") or type(error).__name__

"""What an error of the server or of libpq means to the engine.

A statement's error has an SQLSTATE. A refused login has only libpq's English text, which
names host, user and database but never the password. No text of ours adds to that.

Source: PostgreSQL manual, appendix A; libpq's ``fe-connect.c`` and ``fe-secure-openssl.c``.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from athena_connectors.common.errors import (
    ConfigurationError,
    ConnectorError,
    DataConversionError,
    SchemaNotFoundError,
    UnsupportedOperationError,
)
from athena_connectors.common.sql.meanings import (
    CANCELLED,
    COLUMN,
    CONFLICT,
    CROWDED,
    DATABASE,
    HOST,
    LOCKED,
    LOGIN,
    LOST,
    OTHER,
    READ_ONLY,
    RIGHTS,
    STARTING,
    TABLE,
    TEXT,
    TIMEOUT,
    UNREACHABLE,
    VALUES,
    Meaning,
    error_of,
)

if TYPE_CHECKING:
    import psycopg2

__all__ = ["translate"]

_TLS = Meaning(
    ConfigurationError,
    "Check sslmode in the connection string and the certificates in ssl_root_cert.",
)

_BY_STATE: dict[str, Meaning] = {
    "0A000": Meaning(UnsupportedOperationError),
    "25001": Meaning(UnsupportedOperationError, "The connector's transactions only read."),
    "22021": Meaning(
        DataConversionError,
        "The database's encoding is probably SQL_ASCII: read the column through a view that"
        " converts it, as in convert_from(column::bytea, 'LATIN1').",
    ),
    "25006": READ_ONLY,
    "25P03": TIMEOUT,
    "25P04": TIMEOUT,
    "3D000": DATABASE,
    "3F000": Meaning(SchemaNotFoundError),
    "40001": CONFLICT,
    "40P01": CONFLICT,
    "42501": RIGHTS,
    "42703": COLUMN,
    "42P01": TABLE,
    "55P03": LOCKED,
    "57014": CANCELLED,
    "57P03": STARTING,
    "57P05": LOST,
}
"""By whole SQLSTATE."""

_BY_CLASS: dict[str, Meaning] = {
    "08": LOST,
    "21": TEXT,
    "22": VALUES,
    "28": LOGIN,
    "42": TEXT,
    "53": CROWDED,
    "57": LOST,
}
"""By the first two characters, where the whole is not listed."""

_BY_TEXT: tuple[tuple[re.Pattern[str], Meaning], ...] = tuple(
    (re.compile(pattern), meaning)
    for pattern, meaning in (
        (r"could not translate host name|could not parse network address", HOST),
        (r"certificate file|private key file", _TLS),
        (r"certificate verify failed|does not match host name|server certificate", _TLS),
        (r"does not support SSL|SSL error|no encryption|SSL off|SSL encryption", _TLS),
        (r"database \"\" does not exist", DATABASE),
        (r"permission denied", RIGHTS),
        (r"too many (clients|connections)|connection slots are reserved", CROWDED),
        (r"the database system is", STARTING),
        (r"authentication|no password supplied|role \"\"|pg_hba\.conf", LOGIN),
        (
            r"session is (not )?read-(only|write)|hot standby|server is not in",
            Meaning(ConfigurationError, "Check targetServerType in the connection string."),
        ),
        (r"refused|timed? ?out|timeout expired|No route|unreachable", UNREACHABLE),
        (r"closed|terminat|reset|SYSCALL|Broken pipe|could not (send|receive)", LOST),
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
    code = f"SQLSTATE {state}" if state else ""
    return error_of(meaning, text, code=code, catalog=catalog, table=table)


def _meaning(state: str, text: str) -> Meaning:
    if state:
        return _BY_STATE.get(state) or _BY_CLASS.get(state[:2]) or OTHER
    plain = _NAME.sub('""', text)
    for pattern, meaning in _BY_TEXT:
        if pattern.search(plain):
            return meaning
    return OTHER


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

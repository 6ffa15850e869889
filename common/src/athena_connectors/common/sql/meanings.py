"""What the errors of SQL servers mean to the engine, whatever codes they come with."""

from __future__ import annotations

from typing import NamedTuple

from athena_connectors.common.errors import (
    AccessDeniedError,
    ColumnNotFoundError,
    ConfigurationError,
    ConnectorError,
    InvalidCredentialsError,
    InvalidRequestError,
    NotFoundError,
    SourceError,
    SourceTimeoutError,
    TableNotFoundError,
    ThrottledError,
    UnsupportedOperationError,
)

__all__ = [
    "CANCELLED",
    "COLUMN",
    "CONFLICT",
    "CROWDED",
    "DATABASE",
    "HOST",
    "LOCKED",
    "LOGIN",
    "LOST",
    "OTHER",
    "READ_ONLY",
    "RIGHTS",
    "STARTING",
    "TABLE",
    "TEXT",
    "TIMEOUT",
    "UNREACHABLE",
    "VALUES",
    "Meaning",
    "error_of",
]


class Meaning(NamedTuple):
    """What to raise.

    Attributes:
        kind: The class.
        hint: What the reader should do.
    """

    kind: type[ConnectorError]
    hint: str = ""


LOGIN = Meaning(
    InvalidCredentialsError,
    "Check user and password in the secret that the connection string names.",
)
DATABASE = Meaning(NotFoundError, "Check the database's name in the connection string.")
TABLE = Meaning(TableNotFoundError, "List the schema's tables; it may have been dropped.")
COLUMN = Meaning(ColumnNotFoundError, "List the table's columns; one may have been dropped.")
RIGHTS = Meaning(AccessDeniedError, "Grant the connector's user what it lacks.")
TEXT = Meaning(InvalidRequestError, "Check the query's text.")
VALUES = Meaning(InvalidRequestError, "Check the values and casts of the query.")
READ_ONLY = Meaning(UnsupportedOperationError, "The connector only reads.")
CONFLICT = Meaning(SourceError, "Run the query again.")
LOCKED = Meaning(SourceTimeoutError, "Another session holds a lock on the table; try again.")
TIMEOUT = Meaning(
    SourceTimeoutError,
    "Narrow the predicate, raise max_splits, or raise statement_timeout_ms.",
)
CANCELLED = Meaning(
    SourceTimeoutError,
    "If it took too long, narrow the predicate, or raise max_splits or statement_timeout_ms;"
    " if somebody cancelled it, run the query again.",
)
CROWDED = Meaning(
    ThrottledError,
    "Lower the function's reserved concurrency or max_splits, raise the server's limit, or"
    " put a connection pooler such as RDS Proxy in between.",
)
STARTING = Meaning(ThrottledError, "The server is starting, stopping or recovering; try again.")
LOST = Meaning(SourceError, "The connection was lost; run the query again.")
HOST = Meaning(
    ConfigurationError,
    "Check the host in the connection string, and that the function's VPC resolves names.",
)
UNREACHABLE = Meaning(
    SourceError,
    "Check that the function runs in the database's VPC, that its security group may reach"
    " the database's port, and that the database's security group lets it in.",
)
OTHER = Meaning(SourceError)


def error_of(
    meaning: Meaning, text: str, *, code: str = "", catalog: str, table: str = ""
) -> ConnectorError:
    """Return the error to raise ``from`` an error of the driver.

    Args:
        meaning: What it means.
        text: What the server says, without a full stop.
        code: The server's code and what it is called, such as ``SQLSTATE 42P01``.
        catalog: The catalog asked for.
        table: ``schema.table``, when one was asked for.
    """
    place = f"Table {table} of catalog {catalog!r}" if table else f"Catalog {catalog!r}"
    told = f"{text} ({code})." if code else f"{text}."
    context = {"catalog": catalog, **({"table": table} if table else {})}
    return meaning.kind(f"{place}: {told}", hint=meaning.hint, **context)

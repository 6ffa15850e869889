"""What an error of the server or of the driver means to the engine.

The server's errors have codes. Of a server that can't be reached the driver tells in
English, with the host's name and never the login. No text of ours adds to that.

Source: MongoDB, "Error Codes"; PyMongo, ``pymongo.errors``; Amazon DocumentDB developer
guide, "Troubleshooting".
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from athena_connectors.common.errors import (
    AccessDeniedError,
    ConfigurationError,
    ConnectorError,
    DataConversionError,
    InternalError,
    InvalidCredentialsError,
    InvalidRequestError,
    SourceError,
    SourceTimeoutError,
    TableNotFoundError,
    ThrottledError,
    UnsupportedOperationError,
)
from bson.errors import BSONError, InvalidBSON
from pymongo import errors as driver

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["DRIVER_ERRORS", "is_login_refused", "is_resumable", "translate"]

DRIVER_ERRORS = (driver.PyMongoError, BSONError)
"""What ``translate`` takes."""

_MAX_MESSAGE_CHARACTERS = 300


class _Meaning(NamedTuple):
    kind: type[ConnectorError]
    hint: str = ""


_NETWORK = (
    "Check that the function runs in the cluster's VPC, that its security group may reach the"
    " cluster's port, and that the cluster's security group lets it in. If the server demands"
    " TLS, add tls=true to the connection string."
)
_LOGIN = _Meaning(
    InvalidCredentialsError,
    "Check user and password in the secret that the connection string names, and authSource if"
    " the user belongs to another database than admin.",
)
_LOST = _Meaning(SourceError, "The connection or the cursor was lost; run the query again.")
_SLOW = _Meaning(
    SourceTimeoutError, "Narrow the predicate, raise max_splits or the function's timeout."
)
_UNSUPPORTED = _Meaning(UnsupportedOperationError, "The server does not know this operation.")
_TLS = _Meaning(
    ConfigurationError,
    "Check tls in the connection string and the certificates in tls_ca_file or tlsCAFile; for"
    " DocumentDB put Amazon's global-bundle.pem into the package or a layer.",
)
_SIZE = _Meaning(
    SourceError, "A document of the result is larger than the server allows; leave fields out."
)
_MEMORY = _Meaning(SourceError, "The server needs too much memory; narrow the predicate.")
_NAME = _Meaning(InvalidRequestError, "The name of a database or collection is not allowed.")
_CONNECTION_STRING = _Meaning(ConfigurationError, "Check the connection string.")
_FAILED = _Meaning(SourceError)
_OURS = _Meaning(InternalError, "This is a fault of the connector: please report it.")

_AUTHENTICATION_FAILED = 18
_ATLAS_ERROR = 8000
_BY_CODE: Mapping[int, _Meaning] = {
    11: _LOGIN,
    13: _Meaning(AccessDeniedError, "Grant the connector's user the role read on the database."),
    18: _LOGIN,
    26: _Meaning(TableNotFoundError, "List the schema's tables; it may have been dropped."),
    43: _LOST,
    50: _SLOW,
    59: _UNSUPPORTED,
    73: _NAME,
    96: _MEMORY,
    115: _UNSUPPORTED,
    168: _UNSUPPORTED,
    175: _Meaning(SourceError, "The collection was changed while it was read; try again."),
    202: _Meaning(ThrottledError, "The server has no resources left; try again later."),
    224: _UNSUPPORTED,
    237: _LOST,
    238: _UNSUPPORTED,
    262: _SLOW,
    292: _MEMORY,
    303: _UNSUPPORTED,
    304: _UNSUPPORTED,
    334: _LOGIN,
    10334: _SIZE,
    11601: _Meaning(SourceTimeoutError, "Somebody ended the operation; run the query again."),
    16819: _MEMORY,
    16945: _MEMORY,
    17419: _SIZE,
    17420: _SIZE,
    40324: _UNSUPPORTED,
}
_BAD_REQUEST = frozenset({2, 9, 14, 15, 17, 40, 52, 57, 16410, 28667, 31249, 31254, 51091})
"""The request can't be understood, such as a filter of a native query."""
_PASSING = frozenset({6, 7, 89, 91, 189, 9001, 10058, 10107, 11600, 11602, 13435, 13436})
"""The server is restarting or has another primary now."""
_RESUMABLE = _PASSING | {43, 237}

_BY_TEXT: tuple[tuple[re.Pattern[str], _Meaning], ...] = tuple(
    (re.compile(pattern, re.IGNORECASE), meaning)
    for pattern, meaning in (
        (r"ssl|tls|certificate", _TLS),
        (
            r"not known|name resolution|nodename|no address|getaddrinfo|dns|does not exist",
            _Meaning(
                ConfigurationError,
                "Check the host in the connection string, and that the function's VPC resolves"
                " names.",
            ),
        ),
        (
            r"replica set name|is not a member of|wire version",
            _Meaning(ConfigurationError, "Check replicaSet and the server's version."),
        ),
        (
            r"no (replica set members|servers?|mongos) (match|available|found)",
            _Meaning(
                SourceError,
                "No member of the cluster fits readPreference just now; check it, or try again.",
            ),
        ),
        (r"operation cancelled|pool.*(clos|clear|paus)", _LOST),
    )
)
"""By the driver's text, first match, of a server that can't be reached."""

_BY_KIND: tuple[tuple[type[Exception], _Meaning], ...] = (
    (driver.DocumentTooLarge, _SIZE),
    (driver.InvalidName, _NAME),
    (InvalidBSON, _Meaning(DataConversionError, "A document can't be read; leave it out.")),
    (driver.InvalidOperation, _OURS),
    (BSONError, _OURS),
)

_NOISE = re.compile(r"\s*\(configured timeouts:[^)]*\)|,? Timeout: .*", re.DOTALL)


def translate(
    error: Exception, *, server: str, database: str = "", collection: str = ""
) -> ConnectorError:
    """Return the error to raise ``from`` an error of the driver.

    Args:
        error: One of ``DRIVER_ERRORS``.
        server: Host and port, as errors shall name them.
        database: The database that was asked, if one was.
        collection: The collection, if the request was about one.
    """
    place = ".".join(filter(None, (database, collection)))
    subject = f"{server}, collection {place}" if collection else server
    subject = f"{server}, database {database}" if database and not collection else subject
    context = {"schema": database, "table": place if collection else ""}
    kind, hint = _meaning(error)
    return kind(f"{subject}: {_text(error)}.", hint=hint, **context)


def is_login_refused(error: Exception) -> bool:
    """Return whether user or password are wrong, which a secret read anew may mend."""
    if not isinstance(error, driver.OperationFailure):
        return False
    return error.code == _AUTHENTICATION_FAILED or (
        error.code == _ATLAS_ERROR and "auth" in str(error).lower()
    )


def is_resumable(error: BaseException) -> bool:
    """Return whether a read that failed may go on after the last document that came.

    The connection or the cursor was lost, through no fault of the request. A collection that
    was dropped is none of these cases: going on would take what is left for all.

    Args:
        error: What a read of ``Client`` raised.
    """
    cause = error.__cause__ if isinstance(error, SourceError) else error
    if isinstance(cause, driver.ServerSelectionTimeoutError):
        return False
    if isinstance(cause, driver.OperationFailure):
        return cause.code in _RESUMABLE
    return isinstance(cause, driver.AutoReconnect)


def _meaning(error: Exception) -> _Meaning:
    match error:
        case driver.OperationFailure() if is_login_refused(error):
            return _LOGIN
        case driver.OperationFailure(code=int(code)):
            return _of_code(code)
        case driver.ServerSelectionTimeoutError():
            return _of_text(_text(error), _Meaning(SourceError, _NETWORK))
        case driver.AutoReconnect() if not isinstance(error, driver.NetworkTimeout):
            return _of_text(_text(error), _LOST)
        case driver.ConfigurationError():
            return _of_text(_text(error), _CONNECTION_STRING)
        case driver.InvalidOperation() if "after close" in str(error):
            return _LOST
        case driver.PyMongoError() if error.timeout:
            return _SLOW
    return next((meaning for kind, meaning in _BY_KIND if isinstance(error, kind)), _FAILED)


def _of_code(code: int) -> _Meaning:
    if code in _BY_CODE:
        return _BY_CODE[code]
    if code in _PASSING:
        return _LOST
    if code in _BAD_REQUEST or code >= 16_000:  # noqa: PLR2004 - codes of a place, not of a kind
        return _Meaning(InvalidRequestError, "Check the native query.")
    return _FAILED


def _of_text(text: str, otherwise: _Meaning) -> _Meaning:
    return next((meaning for found, meaning in _BY_TEXT if found.search(text)), otherwise)


def _text(error: Exception) -> str:
    """Return what an error says, without the driver's inner life."""
    told = str(error)
    if isinstance(error, driver.OperationFailure):
        details = error.details or {}
        told = str(details.get("errmsg") or told)
        name = details.get("codeName")
        told = f"{told} ({name})" if name else told
    return _NOISE.sub("", told)[:_MAX_MESSAGE_CHARACTERS].strip().rstrip(".,")

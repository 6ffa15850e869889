"""Any BSON value as text, and as JSON: what text columns show.

Texts, numbers, ObjectIds, dates, UUIDs, binary data and regular expressions have the same
letters in both, in quotes in JSON unless they are numbers. All else is JSON in both, by the
rules of ``common.json_text``.
"""

from __future__ import annotations

from base64 import b64encode
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from athena_connectors.common.json_text import json_text
from athena_connectors.documentdb.times import iso_text, timestamp_millis
from athena_connectors.documentdb.values import NULL, decimal_of, document_of, is_uuid
from bson.binary import Binary
from bson.code import Code
from bson.datetime_ms import DatetimeMS
from bson.dbref import DBRef
from bson.decimal128 import Decimal128
from bson.int64 import Int64
from bson.max_key import MaxKey
from bson.min_key import MinKey
from bson.objectid import ObjectId
from bson.regex import Regex
from bson.timestamp import Timestamp

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["TEXTS", "json_of"]

# Flags of Python's ``re``, which the driver turns options into.
_OPTIONS = {"i": 2, "l": 4, "m": 8, "s": 16, "u": 32, "x": 64}


def json_of(value: Any) -> str:
    """Return a value as JSON."""
    return json_text(_plain(value))


def _plain(value: Any) -> Any:
    """Return a value of which ``json_text`` knows the type."""
    return _PLAIN[type(value)](value)


def _as_it_is(value: Any) -> Any:
    return value


def _document(value: dict[str, Any]) -> dict[str, Any]:
    return {name: _PLAIN[type(member)](member) for name, member in value.items()}


def _array(value: list[Any]) -> list[Any]:
    return [_PLAIN[type(element)](element) for element in value]


def _code(value: Code) -> dict[str, Any]:
    scope = {} if value.scope is None else {"$scope": _document(dict(value.scope))}
    return {"$code": str(value), **scope}


def _date_text(value: datetime) -> str:
    return f"{value.isoformat(timespec='milliseconds')}Z"


def _distant_date_text(value: DatetimeMS) -> str:
    return iso_text(int(value))


def _timestamp_text(value: Timestamp) -> str:
    return iso_text(timestamp_millis(value))


def _uuid_or_bytes(value: Binary) -> str | bytes:
    return str(UUID(bytes=bytes(value))) if is_uuid(value) else bytes(value)


def _regex_text(value: Regex[Any]) -> str:
    pattern: Any = value.pattern
    options = (letter for letter, flag in _OPTIONS.items() if value.flags & flag)
    return f"/{pattern}/{''.join(options)}"


def _base64(value: bytes) -> str:
    return b64encode(value).decode()


def _binary_text(value: Binary) -> str:
    found = _uuid_or_bytes(value)
    return found if isinstance(found, str) else _base64(found)


def _number_text(value: float | Decimal128) -> str:
    # NaN and infinities are quoted.
    return json_of(value).strip('"')


_PLAIN: dict[type, Callable[[Any], Any]] = {
    NULL: _as_it_is,
    str: _as_it_is,
    int: _as_it_is,
    Int64: int,
    float: _as_it_is,
    Decimal128: decimal_of,
    bool: _as_it_is,
    datetime: _date_text,
    DatetimeMS: _distant_date_text,
    Timestamp: _timestamp_text,
    ObjectId: str,
    bytes: _as_it_is,
    Binary: _uuid_or_bytes,
    Regex: _regex_text,
    list: _array,
    dict: _document,
    DBRef: lambda value: _document(document_of(value)),
    Code: _code,
    MinKey: lambda _: {"$minKey": 1},
    MaxKey: lambda _: {"$maxKey": 1},
}

TEXTS: dict[type, Callable[[Any], str]] = {
    str: str,
    int: str,
    Int64: str,
    float: _number_text,
    Decimal128: _number_text,
    bool: json_of,
    datetime: _date_text,
    DatetimeMS: _distant_date_text,
    Timestamp: _timestamp_text,
    ObjectId: str,
    bytes: _base64,
    Binary: _binary_text,
    Regex: _regex_text,
    list: json_of,
    dict: json_of,
    DBRef: json_of,
    Code: json_of,
    MinKey: json_of,
    MaxKey: json_of,
}
"""By the type of a decoded value, what a text column shows of it."""

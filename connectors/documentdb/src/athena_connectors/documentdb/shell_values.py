"""BSON values that are not JSON's: the calls of MongoDB's shell, and extended JSON.

Pure tables of functions, which raise whatever their arguments make them raise; ``shell_json``
says where that was. A document counts as extended JSON only if it has exactly the names of one
form, so that an operator such as ``{$type: "date"}`` stays what it is.
"""

from __future__ import annotations

import base64
import math
import re
import uuid
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from bson.binary import Binary
from bson.code import Code
from bson.datetime_ms import DatetimeMS
from bson.decimal128 import Decimal128
from bson.int64 import Int64
from bson.max_key import MaxKey
from bson.min_key import MinKey
from bson.objectid import ObjectId
from bson.regex import Regex
from bson.timestamp import Timestamp

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["CONSTANTS", "CONSTRUCTORS", "HIGHEST_SUBTYPE", "extended_value", "regex_of"]

HIGHEST_SUBTYPE = 254
"""Of binary data, as far as the driver sends it: it fails on 255."""

CONSTANTS: Mapping[str, Any] = {
    "true": True,
    "false": False,
    "null": None,
    "undefined": None,
    "NaN": math.nan,
    "Infinity": math.inf,
    "MinKey": MinKey(),
    "MaxKey": MaxKey(),
}
"""Words that are values; what is undefined counts as null."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_FLAGS = frozenset("ilmsux")
_MOMENT = re.compile(
    r"(?P<day>\d{4}-\d{2}-\d{2})"
    r"(?:[T ](?P<time>\d{2}:\d{2})(?::(?P<second>\d{2})(?:\.(?P<fraction>\d{1,9}))?)?"
    r"(?P<zone>Z|[+-]\d{2}(?::?\d{2})?)?)?",
    re.ASCII,
)
_INTEGER = re.compile(r"[+-]?\d{1,20}", re.ASCII)


def regex_of(pattern: str, flags: str = "") -> Regex[str]:
    """Return a pattern with flags as MongoDB writes them.

    Raises:
        ValueError: A flag is none.
        TypeError: One of them is no text.
    """
    if not isinstance(pattern, str) or not set(flags) <= _FLAGS:
        raise ValueError(flags)
    return Regex(pattern, flags)


def extended_value(found: dict[str, Any]) -> Any:
    """Return the value that a document stands for, or the document if it stands for itself.

    Args:
        found: A document whose own documents have been looked at already.

    Raises:
        ValueError: It has the names of a form of extended JSON and another content.
        TypeError: Likewise.
    """
    make = _FORMS.get(frozenset(found)) if len(found) <= 2 else None  # noqa: PLR2004
    return found if make is None else make(*(found[name] for name in sorted(found)))


def _object_id(text: str) -> ObjectId:
    if not isinstance(text, str):
        raise TypeError(text)
    return ObjectId(text)


def _whole(bits: int, make: Callable[[int], Any]) -> Callable[[Any], Any]:
    """Return a maker of whole numbers of so many bits, of a number or of its text."""

    def whole(given: Any) -> Any:
        if isinstance(given, str) and _INTEGER.fullmatch(given):
            given = int(given)
        if isinstance(given, bool) or not isinstance(given, int):
            raise TypeError(given)
        if not -(1 << bits - 1) <= given < 1 << bits - 1:
            raise ValueError(given)
        return make(given)

    return whole


_int = _whole(32, int)
_long = _whole(64, Int64)


def _double(given: Any) -> float:
    if not isinstance(given, str):
        raise TypeError(given)
    return float(given)


def _decimal(given: Any) -> Decimal128:
    if isinstance(given, bool) or not isinstance(given, (str, int, float)):
        raise TypeError(given)
    return Decimal128(str(given))


def _date(*given: Any) -> DatetimeMS:
    """Return a date: of its text, its milliseconds since 1970, or its parts from the year on.

    Months count from 0, as the shell's do.
    """
    match given:
        case [str(text)]:
            return _moment(text)
        case [int(number)]:
            return DatetimeMS(int(_long(number)))
        case [year, month, *rest] if rest and all(isinstance(each, int) for each in given):
            day, hour, minute, second, millisecond = (*rest, 0, 0, 0, 0)[:5]
            found = datetime(year, month + 1, day, hour, minute, second, tzinfo=UTC)
            return DatetimeMS((found - _EPOCH) // _MILLISECOND + millisecond)
    raise TypeError(given)


def _moment(text: str) -> DatetimeMS:
    found = _MOMENT.fullmatch(text)
    if found is None:
        raise ValueError(text)
    time = f"{found['time'] or '00:00'}:{found['second'] or '00'}"
    moment = datetime.fromisoformat(f"{found['day']}T{time}{found['zone'] or 'Z'}")
    fraction = int((found["fraction"] or "").ljust(3, "0")[:3])
    return DatetimeMS((moment - _EPOCH) // _MILLISECOND + fraction)


def _binary(data: bytes, subtype: Any) -> Any:
    kind = int(subtype, 16) if isinstance(subtype, str) else _int(subtype)
    if kind > HIGHEST_SUBTYPE:
        raise ValueError(subtype)
    return Binary(data, kind) if kind else data


def _base64(text: str) -> bytes:
    if not isinstance(text, str):
        raise TypeError(text)
    return base64.b64decode(text, validate=True)


def _uuid(text: str) -> Binary:
    if not isinstance(text, str):
        raise TypeError(text)
    return Binary.from_uuid(uuid.UUID(text))


def _timestamp(seconds: int, place: int) -> Timestamp:
    return Timestamp(_long(seconds), _long(place))


def _parts(*names: str) -> Callable[[Any], tuple[Any, ...]]:
    """Return a function that takes the members of a document that has just these."""

    def parts(found: Any) -> tuple[Any, ...]:
        if not isinstance(found, dict) or found.keys() != set(names):
            raise TypeError(found)
        return tuple(found[name] for name in names)

    return parts


_BINARY_PARTS = _parts("base64", "subType")
_PATTERN_PARTS = _parts("pattern", "options")
_TIME_PARTS = _parts("t", "i")
_POINTER_PARTS = _parts("$ref", "$id")


def _canonical_binary(found: Any) -> Any:
    text, subtype = _BINARY_PARTS(found)
    return _binary(_base64(text), subtype)


def _pattern(pattern: Any) -> Any:
    """Return a pattern, or the operator if its pattern is one already."""
    return {"$regex": pattern} if isinstance(pattern, Regex) else regex_of(pattern)


def _pattern_with_flags(flags: Any, pattern: Any) -> Any:
    """Return a pattern with flags, which one that is a pattern already may get."""
    if isinstance(pattern, Regex):
        return {"$regex": pattern, "$options": flags}
    return regex_of(pattern, flags)


def _reference(collection: Any, identity: Any, *database: Any) -> dict[str, Any]:
    found = {"$ref": collection, "$id": identity}
    return found | {"$db": database[0]} if database else found


def _one(make: Callable[[], Any]) -> Callable[[Any], Any]:
    """Return a maker of the value that the form ``{name: 1}`` stands for."""

    def one(given: Any) -> Any:
        if given not in (1, True):
            raise ValueError(given)
        return make()

    return one


_BY_NAMES: Mapping[str, Callable[..., Any]] = {
    "$oid": _object_id,
    "$date": _date,
    "$numberInt": _int,
    "$numberLong": _long,
    "$numberDouble": _double,
    "$numberDecimal": _decimal,
    "$binary": _canonical_binary,
    "$binary $type": lambda text, subtype: _binary(_base64(text), subtype),
    "$uuid": _uuid,
    "$regularExpression": lambda found: regex_of(*_PATTERN_PARTS(found)),
    "$regex": _pattern,
    "$options $regex": _pattern_with_flags,
    "$timestamp": lambda found: _timestamp(*_TIME_PARTS(found)),
    "$code": Code,
    "$code $scope": Code,
    "$symbol": str,
    "$undefined": _one(lambda: None),
    "$minKey": _one(MinKey),
    "$maxKey": _one(MaxKey),
    "$dbPointer": lambda found: _reference(*_POINTER_PARTS(found)),
}
"""Forms of extended JSON, by their names; the makers take the values in the names' order."""

_FORMS = {frozenset(names.split()): make for names, make in _BY_NAMES.items()}

CONSTRUCTORS: Mapping[str, Callable[..., Any]] = {
    "ObjectId": _object_id,
    "ISODate": _date,
    "Date": _date,
    "NumberInt": _int,
    "NumberLong": _long,
    "NumberDecimal": _decimal,
    "Timestamp": _timestamp,
    "BinData": lambda subtype, text: _binary(_base64(text), _int(subtype)),
    "HexData": lambda subtype, text: _binary(bytes.fromhex(text), _int(subtype)),
    "UUID": _uuid,
    "RegExp": regex_of,
    "MinKey": MinKey,
    "MaxKey": MaxKey,
    "DBPointer": _reference,
    "DBRef": _reference,
}
"""Calls of the shell: what each makes of its arguments."""

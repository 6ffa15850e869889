"""BSON values as the driver decodes them: how to decode, and what each is called.

Values keep their own types, so that an ObjectId is never taken for a text; nothing is decoded
into what its column wants. A field that a document has twice shows the last of its values.

Source: BSON specification 1.1; pymongo's ``bson`` package.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Context, Decimal
from typing import TYPE_CHECKING, Any

from bson.binary import Binary, UuidRepresentation
from bson.code import Code
from bson.codec_options import CodecOptions, DatetimeConversion
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
    from athena_connectors.documentdb.relation import BsonType

__all__ = [
    "CODEC_OPTIONS",
    "NULL",
    "bson_type",
    "decimal_of",
    "document_of",
    "fields_of",
    "is_uuid",
]

NULL = type(None)
"""Type of a null, of the old type undefined too."""

CODEC_OPTIONS: CodecOptions[dict[str, Any]] = CodecOptions(
    document_class=dict,
    uuid_representation=UuidRepresentation.UNSPECIFIED,
    unicode_decode_error_handler="replace",
    datetime_conversion=DatetimeConversion.DATETIME_AUTO,
)
"""What is no UTF-8 becomes the replacement character, a date that Python has no year for
milliseconds, and a UUID stays binary."""

_NAMES: dict[type, BsonType] = {
    NULL: "null",
    str: "string",
    int: "int",
    Int64: "long",
    float: "double",
    Decimal128: "decimal",
    bool: "bool",
    datetime: "date",
    DatetimeMS: "date",
    Timestamp: "timestamp",
    ObjectId: "objectId",
    bytes: "binData",
    list: "array",
    dict: "object",
    DBRef: "object",
    Regex: "regex",
    MinKey: "minKey",
    MaxKey: "maxKey",
}

_UUID_SUBTYPES = frozenset({3, 4})
_UUID_BYTES = 16


def bson_type(value: Any) -> BsonType:
    """Return the name of a decoded value's type; a symbol is a string."""
    kind = type(value)
    if kind is Binary:
        return "uuid" if is_uuid(value) else "binData"
    if kind is Code:
        return "javascript" if value.scope is None else "javascriptWithScope"
    return _NAMES[kind]


def is_uuid(value: Binary) -> bool:
    """Return whether binary data is a UUID, in any of the two subtypes."""
    return value.subtype in _UUID_SUBTYPES and len(value) == _UUID_BYTES


def document_of(reference: DBRef) -> dict[str, Any]:
    """Return a reference as the document that is stored."""
    return dict(reference.as_doc())


def fields_of(reference: DBRef) -> dict[str, Any]:
    """Return what a structure shows of a reference: ``_db``, ``_ref``, ``_id`` and the rest."""
    rest = document_of(reference)
    known = {"_db": rest.pop("$db", None), "_ref": rest.pop("$ref"), "_id": rest.pop("$id")}
    return rest | known


_COEFFICIENT = (1 << 113) - 1
_MAX_COEFFICIENT = 10**34 - 1
_EXPONENT = (1 << 14) - 1
_EXPONENT_BIAS = 6176
_EXACT = Context(prec=40)


def decimal_of(value: Decimal128) -> Decimal:
    """Return the number that a Decimal128 is, exactly; NaNs are all quiet.

    Source: IEEE 754-2008, section 3.5.2, binary encoding. Coefficients of more than 34 digits
        stand for zero.
    """
    bits = int.from_bytes(value.bid, "little")
    is_negative = bits >> 127
    special = bits >> 122 & 0x1F
    if special == 0x1F:  # noqa: PLR2004 - bit pattern
        return Decimal("NaN")
    if special == 0x1E:  # noqa: PLR2004 - bit pattern
        return Decimal("-Infinity" if is_negative else "Infinity")
    if special >= 0x18:  # noqa: PLR2004 - bit pattern
        coefficient, exponent = 0, bits >> 111 & _EXPONENT
    else:
        coefficient, exponent = bits & _COEFFICIENT, bits >> 113 & _EXPONENT
    number = Decimal(coefficient if coefficient <= _MAX_COEFFICIENT else 0)
    number = number.scaleb(exponent - _EXPONENT_BIAS, _EXACT)
    return number.copy_negate() if is_negative else number

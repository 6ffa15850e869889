"""What BSON's values are, and what their columns become.

``look`` tells the inference what a value is; what becomes of what it saw is common to all
sources without a schema and stands in ``common.inference``. ``TYPES`` is the table that
people read.

Source: BSON specification 1.1.
"""

from __future__ import annotations

from types import NoneType
from typing import TYPE_CHECKING, Any

from athena_connectors.common.document_types import MANY_TYPES, TypeRule, structure_rules
from athena_connectors.common.observed import Kind, Sample
from athena_connectors.documentdb.values import decimal_of, is_uuid
from bson.binary import Binary, UuidRepresentation
from bson.codec_options import CodecOptions, DatetimeConversion
from bson.datetime_ms import DatetimeMS
from bson.dbref import DBRef
from bson.decimal128 import Decimal128
from bson.int64 import Int64
from bson.objectid import ObjectId
from bson.timestamp import Timestamp

if TYPE_CHECKING:
    from athena_connectors.documentdb.settings import Settings

__all__ = ["SAMPLE_OPTIONS", "TYPES", "TypeRule", "empty_sample", "look"]

SAMPLE_OPTIONS: CodecOptions[dict[str, Any]] = CodecOptions(
    document_class=dict,
    uuid_representation=UuidRepresentation.UNSPECIFIED,
    unicode_decode_error_handler="replace",
    datetime_conversion=DatetimeConversion.DATETIME_MS,
)
"""How documents are decoded that are looked at: hardly a value of theirs is an error."""

_KINDS: dict[type, Kind] = {
    NoneType: Kind.NULL,
    bool: Kind.BOOLEAN,
    int: Kind.INT64,
    Int64: Kind.INT64,
    float: Kind.DOUBLE,
    str: Kind.TEXT,
    ObjectId: Kind.TEXT,
    bytes: Kind.BINARY,
    DatetimeMS: Kind.TIMESTAMP,
    Timestamp: Kind.TIMESTAMP,
    list: Kind.LIST,
    dict: Kind.STRUCT,
}


def look(value: Any) -> tuple[Kind, Any]:
    """Return what a value is, as ``common.observed`` asks for it.

    32-bit integers count as 64-bit ones: a document that was not looked at may hold one.

    Args:
        value: As decoded with ``SAMPLE_OPTIONS``.
    """
    match value:
        case Decimal128():
            number = decimal_of(value)
            # What no decimal column holds is counted as a double that none holds either.
            return (Kind.DECIMAL, number) if number.is_finite() else (Kind.DOUBLE, float(number))
        case Binary():
            return (Kind.TEXT if is_uuid(value) else Kind.BINARY), value
        case DBRef():
            return Kind.STRUCT, {"_db": value.database, "_ref": value.collection, "_id": value.id}
        case _:
            return _KINDS.get(type(value), Kind.OTHER), value


def empty_sample(settings: Settings) -> Sample:
    """Return a sample of documents, without any so far."""
    return Sample(look, max_struct_fields=settings.max_struct_fields)


TYPES: tuple[TypeRule, ...] = (
    TypeRule(source="string", engine="varchar"),
    TypeRule(
        source="objectId",
        engine="varchar",
        note="24 hexadecimal digits in lower case.",
    ),
    TypeRule(
        source="int, long",
        engine="bigint",
        note="Also if only int was seen: a document that was not sampled may hold a long.",
    ),
    TypeRule(source="double", engine="double"),
    TypeRule(
        source="int or long, and double",
        engine="double",
        note="As long as a double holds all integers seen; else decimal(38, s) if that holds all"
        " seen, else varchar.",
    ),
    TypeRule(
        source="decimal, also with others",
        engine="decimal(38, s)",
        note="s is the digits after the point seen, 9 at least. A number with more is rounded,"
        " half away from zero; one with too many digits before the point is NULL, or ends the"
        " query, as on_type_mismatch says.",
    ),
    TypeRule(
        source="decimal",
        condition="numbers seen that 38 digits do not hold, or NaN or an infinity next to others",
        engine="varchar",
        note="Every digit.",
    ),
    TypeRule(source="decimal", condition="nothing but NaN and infinities seen", engine="double"),
    TypeRule(source="bool", engine="boolean"),
    TypeRule(source="date", engine="timestamp(3)", note="In UTC."),
    TypeRule(source="timestamp", engine="timestamp(3)", note="The second, in UTC."),
    TypeRule(source="binData", engine="varbinary"),
    TypeRule(
        source="binData of subtype 3 or 4 (UUID)",
        engine="varchar",
        note="In the canonical form, its bytes in the order in which they are stored.",
    ),
    TypeRule(
        source="array",
        engine="array of what all elements seen become together",
        note="An array of varchar if all arrays were empty.",
    ),
    *structure_rules("object", row="a document"),
    TypeRule(
        source="DBRef, dbPointer",
        engine="row(_db varchar, _id ..., _ref varchar)",
        note="_id has the type of the ids seen.",
    ),
    TypeRule(
        source="regex, javascript, javascriptWithScope, minKey, maxKey",
        engine="varchar",
        note="A regex as /pattern/options, the others as JSON.",
    ),
    MANY_TYPES,
    TypeRule(source="null, undefined", condition="nothing else seen", engine="varchar"),
    TypeRule(
        source="a type in Glue or in a schema file",
        engine="that type",
        note="A value of another type is read as it if that loses nothing, everything as text."
        " What can't be is NULL, or ends the query, as on_type_mismatch says.",
    ),
)
"""What a sampled field becomes."""

"""Types that values of documents can have.

The names in a document are texts, so the keys of a map are; and the engine is not known to
take times with a zone within lists, maps and structures.
"""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa
from athena_connectors.common.errors import UnsupportedTypeError
from athena_connectors.common.types import engine_type

__all__ = [
    "MANY_TYPES",
    "TypeRule",
    "document_type",
    "has_other_keys",
    "read_type",
    "structure_rules",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class TypeRule:
    """What a kind of value becomes when its table is sampled; for people to read.

    Attributes:
        source: What was seen, in the source's words.
        condition: What else has to hold.
        engine: Athena's type.
        note: What a reader of the values should know.
    """

    source: str
    condition: str = ""
    engine: str
    note: str = ""


MANY_TYPES = TypeRule(
    source="several of these",
    engine="varchar",
    note="Texts as they are, everything else as JSON; with mixed_types json, texts in quotes.",
)
"""What values of different types become."""


def structure_rules(source: str, *, row: str) -> tuple[TypeRule, ...]:
    """Return what structures become.

    Args:
        source: What the source calls a structure.
        row: What it calls a row of a table, with its article.
    """
    return (
        TypeRule(
            source=source,
            engine="row of all fields seen",
            note=f"Fields that {row} lacks are NULL in it; fields that were not seen are left out.",
        ),
        TypeRule(
            source=source,
            condition="more fields than max_struct_fields, or many fields and few in each",
            engine="map of varchar to what all values become together",
        ),
        TypeRule(
            source=source,
            condition="all seen were empty",
            engine="varchar",
            note="A JSON object.",
        ),
    )


def document_type(type_: pa.DataType, *, nested: bool = False) -> pa.DataType:
    """Return a type with texts as the keys of maps, and no zones inside of other types.

    Args:
        type_: What was asked for.
        nested: Whether it is inside of another type.
    """
    match type_:
        case pa.MapType():
            return pa.map_(pa.string(), document_type(type_.item_type, nested=True))
        case pa.ListType():
            return pa.list_(document_type(type_.value_type, nested=True))
        case pa.StructType():
            return pa.struct(
                [field.with_type(document_type(field.type, nested=True)) for field in type_.fields]
            )
        case pa.TimestampType() if nested:
            return pa.timestamp("ms")
        case _:
            return type_


def has_other_keys(type_: pa.DataType) -> bool:
    """Return whether a type is or holds a map whose keys are no texts."""
    if isinstance(type_, pa.MapType):
        return not pa.types.is_string(type_.key_type) or has_other_keys(type_.item_type)
    if isinstance(type_, pa.ListType):
        return has_other_keys(type_.value_type)
    return isinstance(type_, pa.StructType) and any(has_other_keys(field.type) for field in type_)


def read_type(column: str, type_: pa.DataType) -> pa.DataType:
    """Return the engine type that a column is read as.

    Args:
        column: The column's name, for the error.
        type_: Its type.

    Raises:
        UnsupportedTypeError: The engine has no such type, or it is or holds a map whose keys
            are no texts.
    """
    found = engine_type(type_)
    if has_other_keys(found):
        raise UnsupportedTypeError(
            f"Column {column!r} is {found}, and the names in documents are texts.",
            hint="Declare it as map<string, ...>.",
            column=column,
        )
    return found

"""What DynamoDB's values are, and what their columns become.

``look`` tells the inference what a value is; what becomes of what it saw is common to all
sources without a schema and stands in ``common.inference``. ``TYPES`` is the table that
people read.

Source: DynamoDB API, ``AttributeValue``; Developer Guide, "Data types".
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from athena_connectors.common.document_types import MANY_TYPES, TypeRule, structure_rules
from athena_connectors.common.observed import Kind, Sample

if TYPE_CHECKING:
    from athena_connectors.dynamodb.access import AttributeValue
    from athena_connectors.dynamodb.settings import Settings
    from athena_connectors.dynamodb.source_table import KeyType

__all__ = ["KEY_KINDS", "TYPES", "TypeRule", "empty_sample", "holds_times", "look"]

KEY_KINDS: dict[KeyType, Kind] = {"S": Kind.TEXT, "N": Kind.DECIMAL, "B": Kind.BINARY}
"""What a key of each type holds."""

_SCALARS = {"S": Kind.TEXT, "B": Kind.BINARY, "BOOL": Kind.BOOLEAN}
_SETS = {"SS": "S", "NS": "N", "BS": "B"}


def look(value: AttributeValue) -> tuple[Kind, Any]:
    """Return what a value is, as ``common.observed`` asks for it.

    Args:
        value: In DynamoDB's form; whether bytes are still text makes no difference.
    """
    ((tag, content),) = value.items()
    if tag == "NULL":
        return Kind.NULL, None
    if tag == "N":
        return Kind.DECIMAL, Decimal(content)
    if tag in _SCALARS:
        return _SCALARS[tag], None
    if tag == "M":
        return Kind.STRUCT, content
    if tag == "L":
        return Kind.LIST, content
    if tag in _SETS:
        return Kind.SET, [{_SETS[tag]: element} for element in content]
    return Kind.OTHER, None


def empty_sample(settings: Settings) -> Sample:
    """Return a sample of DynamoDB's items, without any so far."""
    return Sample(look, max_struct_fields=settings.max_struct_fields)


def holds_times(type_: pa.DataType) -> bool:
    """Return whether values of a type are dates or times, or hold some."""
    if pa.types.is_date(type_) or pa.types.is_timestamp(type_):
        return True
    return any(holds_times(type_.field(place).type) for place in range(type_.num_fields))


TYPES: tuple[TypeRule, ...] = (
    TypeRule(source="S", engine="varchar"),
    TypeRule(
        source="N",
        condition="number_inference is decimal",
        engine="decimal(38, 9)",
        note="More digits after the point where more were seen. A number that was not seen and"
        " has more is rounded, half away from zero; in the table's key and the hash keys of"
        " indexes, which are never rounded, it ends the query, or is NULL, as"
        " on_number_overflow says. So does one with more digits before the point than fit.",
    ),
    TypeRule(
        source="N",
        condition="number_inference is decimal, numbers seen that 38 digits do not hold",
        engine="varchar",
        note="Every digit.",
    ),
    TypeRule(
        source="N",
        condition="number_inference is auto",
        engine="bigint, decimal(38, s) or double",
        note="The first of them that holds every number seen; double only comes close.",
    ),
    TypeRule(
        source="N",
        condition="number_inference is double",
        engine="double",
        note="17 digits at most, the nearest number. Keys are decimal, so that they can be asked"
        " for.",
    ),
    TypeRule(
        source="N", condition="number_inference is varchar", engine="varchar", note="Every digit."
    ),
    TypeRule(source="BOOL", engine="boolean"),
    TypeRule(source="B", engine="varbinary"),
    TypeRule(
        source="L",
        engine="array of what all elements seen become together",
        note="An array of varchar if all lists were empty.",
    ),
    TypeRule(
        source="SS, NS, BS",
        engine="array of varchar, of numbers, of varbinary",
        note="Ordered: a set has no order of its own.",
    ),
    *structure_rules("M", row="an item"),
    MANY_TYPES,
    TypeRule(source="NULL", condition="nothing else seen", engine="varchar"),
    TypeRule(
        source="a type in Glue or in a schema file",
        engine="that type",
        note="A value of another type is read as it if that loses nothing: a number in a text, a"
        " list of one, a set as a list, everything as text. What can't be is NULL, or ends the"
        " query, as on_type_mismatch says.",
    ),
)
"""What a sampled attribute becomes."""

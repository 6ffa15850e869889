"""Columns as something that a filter can ask for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from athena_connectors.common.physical import Kind, kind_of
from athena_connectors.common.types import engine_type

if TYPE_CHECKING:
    import pyarrow as pa
    from athena_connectors.documentdb.relation import Relation
    from athena_connectors.documentdb.settings import Settings

__all__ = ["ID", "Subject", "find_subject", "is_plain_name"]

ID = "_id"
"""The field that every document of a collection has, once and so spelled, and no array."""


@dataclass(frozen=True, slots=True)
class Subject:
    """A column that a filter can ask for.

    Attributes:
        field: The field that it shows.
        type: The column's type, as the engine has it.
        kind: How its values are compared.
        is_json: Whether it shows every value as JSON.
        is_collated: Whether the server compares texts other than by their bytes, which a
            request can't change.
        is_id: Whether it is the ``_id`` of a collection. That of a view may be anything, or
            missing.
    """

    field: str
    type: pa.DataType
    kind: Kind
    is_json: bool = False
    is_collated: bool = False
    is_id: bool = False

    @property
    def may_be_array(self) -> bool:
        """Whether a document may hold an array here, by whose elements it is found too."""
        return not self.is_id

    @property
    def shows_arrays(self) -> bool:
        """Whether an array is a value of the column, not NULL."""
        return self.may_be_array and self.kind is Kind.TEXT


def is_plain_name(field: str) -> bool:
    """Return whether a request can name a field: it is no path and no operator."""
    return bool(field) and not field.startswith("$") and "." not in field and "\0" not in field


def find_subject(name: str, relation: Relation, settings: Settings) -> Subject | str:
    """Return a column as something that can be asked for, or a sentence why it can't be."""
    column = relation.column(name)
    if column is None:
        return "The collection has no such column."
    if not column.field:
        return "The column holds the fields that are no columns."
    collection = relation.collection
    is_id = column.field == ID and not collection.is_view
    if not is_id:
        if not is_plain_name(column.field):
            return "The field's name has a special meaning in a filter."
        if column.others:
            return "The column shows fields whose names differ by case."
        if not column.is_spelled or settings.disable_projection_and_casing:
            return "The field is looked for in any case."
    type_ = engine_type(column.type)
    is_collated = collection.is_view and bool(collection.collation)
    kind = kind_of(type_)
    return Subject(column.field, type_, kind, column.is_json, is_collated, is_id=is_id)

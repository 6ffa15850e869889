"""A collection as Athena sees it: which column shows which field, and what was seen in it.

This is what ``metadata`` finds out and what ``pushdown``, ``splits`` and ``reader`` work by;
it is the ``facts`` of a table's description and never crosses the wire.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["BsonType", "Collection", "Column", "Relation"]

BsonType = Literal[
    "double", "string", "object", "array", "binData", "uuid", "undefined", "objectId", "bool",
    "date", "null", "regex", "dbPointer", "javascript", "symbol", "javascriptWithScope", "int",
    "timestamp", "long", "decimal", "minKey", "maxKey",
]  # fmt: skip
"""Names of BSON types, as ``$type`` takes them; ``uuid`` is binary data of subtype 3 or 4."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column.

    Attributes:
        name: Its name: that of the field, in its spelling where that is known; a frozen
            schema may give another.
        type: Its Arrow type.
        field: Exact name of the field of the documents; empty for the column that holds as
            JSON whatever no other column shows.
        others: Fields whose names differ from it by case only, looked at where a document
            lacks it.
        is_spelled: Whether ``field`` is known to be the real spelling. If not, it is looked
            for in any case and no request may name it.
        is_json: Whether every value is shown as JSON, texts in quotes; the type is text then.
    """

    name: str
    type: pa.DataType
    field: str
    others: tuple[str, ...] = ()
    is_spelled: bool = True
    is_json: bool = False

    @property
    def may_be_named(self) -> bool:
        """Whether a request may speak of the column by ``field`` alone."""
        plain = bool(self.field) and not self.field.startswith("$") and "." not in self.field
        return plain and "\0" not in self.field and self.is_spelled and not self.others


@dataclass(frozen=True, slots=True)
class Collection:
    """A collection or a view of the server.

    Attributes:
        database: Its database's exact name.
        name: Its own exact name.
        is_view: Whether it is a view or a series of times, which have no size and no parts.
        collation: Locale of its default collation; empty for comparison by bytes, ``unknown``
            if the user may not see it.
    """

    database: str
    name: str
    is_view: bool = False
    collation: str = ""


@dataclass(frozen=True, slots=True)
class Relation:
    """A collection, and how its documents become rows.

    Attributes:
        collection: The collection.
        columns: Its columns, in order.
        is_inferred: Whether the columns are those that some documents showed, so that others
            may exist; not if a person has declared or frozen them.
    """

    collection: Collection
    columns: tuple[Column, ...]
    is_inferred: bool = False

    def column(self, name: str) -> Column | None:
        """Return a column by its exact name."""
        return next((column for column in self.columns if column.name == name), None)

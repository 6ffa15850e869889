"""A table as Athena sees it: which column shows which attribute, and how.

This is what ``metadata`` finds out and what ``pushdown`` and ``reader`` work by; it is the
``facts`` of a table's description and never crosses the wire.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa
    from athena_connectors.dynamodb.source_table import KeyType, SourceTable

__all__ = ["Column", "Relation", "TimeFormat"]


@dataclass(frozen=True, slots=True)
class TimeFormat:
    """How text and numbers stand for the time in a column of dates or times.

    Attributes:
        pattern: Pattern of the text, in Java's letters; empty for ISO 8601 in any of its
            usual forms; ``epoch_seconds`` for numbers that are seconds, where no text is
            read. Numbers are otherwise milliseconds since 1970.
        zone: Name of the zone that text without one is local time in; of no effect on columns
            of dates, which show the date as it is written.
    """

    pattern: str = ""
    zone: str = "UTC"


@dataclass(frozen=True, slots=True)
class Column:
    """One column.

    Attributes:
        name: Its name: that of the attribute, in its spelling where that is known; a frozen
            schema may give another.
        type: Its Arrow type.
        attribute: Name of the attribute, in its real spelling; empty for the column that
            holds as JSON whatever no other column shows.
        others: Attributes whose names differ from it by case only, looked at where an item
            lacks it.
        key_type: Type of all its values, if it is a key of the table or of an index and so
            has a type; items of the table may still lack a key of an index.
        time: How it is written, for a date or a time.
        is_spelled: Whether ``attribute`` is known to be the real spelling. If not, it is
            looked for in any case and no request may name it.
        is_json: Whether every value is shown as JSON, texts in quotes; the type is text then.
        is_rounded: Whether numbers with more digits than its type are rounded; keys that are
            asked for by value are not: more digits are an overflow. A float is the nearest
            number in any case.
    """

    name: str
    type: pa.DataType
    attribute: str
    others: tuple[str, ...] = ()
    key_type: KeyType | None = None
    time: TimeFormat | None = None
    is_spelled: bool = True
    is_json: bool = False
    is_rounded: bool = True

    @property
    def may_be_named(self) -> bool:
        """Whether a request may speak of the column by ``attribute`` alone."""
        return bool(self.attribute) and self.is_spelled and not self.others


@dataclass(frozen=True, slots=True)
class Relation:
    """A table, and how its items become rows.

    Attributes:
        table: The table.
        columns: Its columns, in order.
        forced_index: The index to read, if the name of the table says so; the table itself
            for an empty one, ``None`` for whichever is best.
        is_inferred: Whether the columns are those that some items showed, so that others may
            exist; not if a person has declared or frozen them.
    """

    table: SourceTable
    columns: tuple[Column, ...]
    forced_index: str | None = None
    is_inferred: bool = False

    def column(self, name: str) -> Column | None:
        """Return a column by its exact name."""
        return next((column for column in self.columns if column.name == name), None)

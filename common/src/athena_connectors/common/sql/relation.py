"""A relation of a SQL server, and how each of its columns is read and compared."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["Column", "Comparison", "Relation"]


class Comparison(Enum):
    """How a column compares in the server, next to how Athena compares it."""

    NATIVE = "native"
    """Integers, booleans: the server's operators are Athena's."""
    NUMERIC = "numeric"
    """Decimals: as native, but what is no number reads as NULL."""
    FLOAT = "float"
    """Binary floating point: zeros, NaN and constants need care."""
    DATE = "date"
    """Dates: infinities, zero dates and years outside 1 to 9999 read as NULL."""
    TIMESTAMP = "timestamp"
    """As date, with a time of day, of which Athena sees milliseconds only."""
    TIMESTAMPTZ = "timestamptz"
    """An instant: as timestamp, read as the UTC wall clock."""
    TEXT_C = "text, byte order"
    """Text that is compared by code points, without padding: all is exact."""
    TEXT_DETERMINISTIC = "text, deterministic collation"
    """Equality and LIKE are exact, order needs another collation."""
    TEXT_FOLDED = "text, compared by other rules"
    """Case, accents or blanks don't count: native equality is a superset, all else goes
    through the text's bytes."""
    TEXT_CAST = "compared as text"
    """Types shown as text (enum, json, inet, ...): compared by the bytes of that."""
    UUID = "uuid"
    """Shown as canonical lower case text; native order is the order of that text."""
    BYTES = "bytes"
    """Bytes in unsigned order, as in Athena."""
    NEVER = "never"
    """Arrays, composites and whatever can't be compared exactly."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a relation or of a passthrough query.

    Attributes:
        name: As the server spells it.
        source_type: As the server writes it, for people: ``numeric(18,4)``.
        base_type: The type's plain name: ``int4``, ``_text``, ``varchar``, ``tinyint``.
        arrow: Engine type.
        projection: SQL of the value to read; ``{c}`` stands for the quoted column.
        decoder: How what the server sends for the projection is decoded; a key of the
            connector's decoders.
        comparison: How predicates on it may be pushed.
        null_when: SQL that is true where the column is not NULL but is read as NULL
            (NaN, infinity, years out of range, zero dates), ``{c}`` as above; empty when
            that can't be.
        sub_millisecond: Whether the column may hold more digits than milliseconds.
        nullable: False only where the server makes sure that there is no NULL.
        compared: SQL of the value that predicates compare where that is not the projection,
            because the projection is a text form of it; ``{c}`` as above.
        charset: Character set of a text, where columns of a server may differ in it.
    """

    name: str
    source_type: str
    base_type: str
    arrow: pa.DataType
    projection: str
    decoder: str
    comparison: Comparison
    null_when: str = ""
    sub_millisecond: bool = False
    nullable: bool = True
    compared: str = ""
    charset: str = ""

    @property
    def value(self) -> str:
        """SQL of the value in the server's type that predicates compare, ``{c}`` as above."""
        return self.compared or self.projection


@dataclass(frozen=True, slots=True)
class Relation:
    """One table, view or passthrough query.

    Attributes:
        schema: Schema, as the server spells it.
        name: Name, as the server spells it.
        kind: What it is, in the server's own letter or word: of PostgreSQL
            ``pg_class.relkind``, of MySQL ``TABLE_TYPE``; ``q`` for a passthrough query.
        columns: All readable columns in order.
        query: The native query of a passthrough, else empty.
        oid: Number by which the server knows it; 0 where it has none.
    """

    schema: str
    name: str
    kind: str
    columns: tuple[Column, ...]
    query: str = ""
    oid: int = 0

    def column(self, name: str) -> Column | None:
        """Return the column of that name, if it is one of the server's."""
        return next((column for column in self.columns if column.name == name), None)

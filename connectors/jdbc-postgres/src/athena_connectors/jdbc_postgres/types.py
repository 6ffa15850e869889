"""PostgreSQL types: what each becomes in Athena, how it is read and how it compares.

The mapping is data: ``TYPES`` is read by the code, the tests and the README.
"""

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
    """Integers, booleans, oid: the server's operators are Athena's."""
    NUMERIC = "numeric"
    """numeric: as native, but NaN and infinities read as NULL."""
    FLOAT = "float"
    """float4, float8: NaN is a value, larger than all others in the server."""
    DATE = "date"
    """date: infinities and years outside 1 to 9999 read as NULL."""
    TIMESTAMP = "timestamp"
    """timestamp: as date, and Athena sees milliseconds only."""
    TIMESTAMPTZ = "timestamptz"
    """timestamptz: as timestamp, read as the UTC wall clock."""
    TEXT_C = "text, collation C"
    """Text whose collation is byte order: equality, order and LIKE are exact."""
    TEXT_DETERMINISTIC = "text, deterministic collation"
    """Equality and LIKE are exact, order needs COLLATE "C"."""
    TEXT_FOLDED = "text, compared by other rules"
    """citext, char(n), nondeterministic collations: native equality is a superset, all
    else goes through ``::text COLLATE "C"``."""
    TEXT_CAST = "compared as text"
    """Types shown as text (enum, json, inet, ranges, ...): only ``::text COLLATE "C"``."""
    UUID = "uuid"
    """Shown as canonical lower case text; native order is the order of that text."""
    BYTEA = "bytea"
    """Bytes in unsigned order, as in Athena."""
    NEVER = "never"
    """Arrays, composites and whatever can't be compared exactly."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a relation or of a passthrough query.

    Attributes:
        name: As the server spells it.
        source_type: As ``format_type`` writes it, for people: ``numeric(18,4)``.
        base_type: ``pg_type.typname`` with domains resolved: ``int4``, ``_text``, ``mood``.
        arrow: Engine type.
        projection: SQL of the value to read; ``{c}`` stands for the quoted column.
        decoder: How the binary COPY payload of the projection is decoded; a key of the
            decoders in ``common.sql.binary_copy``.
        comparison: How predicates on it may be pushed.
        null_when: SQL that is true where the column is not NULL but is read as NULL
            (NaN, infinity, years out of range), ``{c}`` as above; empty when that can't be.
        sub_millisecond: Whether the column may hold more digits than milliseconds.
        nullable: False only for NOT NULL columns.
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


@dataclass(frozen=True, slots=True)
class Relation:
    """One table, view, materialised view, foreign table or passthrough query.

    Attributes:
        schema: Schema, as the server spells it.
        name: Name, as the server spells it.
        kind: ``pg_class.relkind``: r, p, v, m or f; ``q`` for a passthrough query.
        columns: All readable columns in order.
        query: The native query of a passthrough, else empty.
    """

    schema: str
    name: str
    kind: str
    columns: tuple[Column, ...]
    query: str = ""

    def column(self, name: str) -> Column | None:
        """Return the column of that name, if it is one of the server's."""
        return next((column for column in self.columns if column.name == name), None)

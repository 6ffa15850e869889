"""What one split reads: tables, partitions and ranges of a key, as its properties tell.

The properties hold names and values, never SQL; the text is built here, when it is read.
Source: MySQL manual, "Partition Selection" and "Type Conversion in Expression Evaluation".
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from athena_connectors.common.sql import split_sources
from athena_connectors.common.sql.key_ranges import KeyRange, range_of, sound
from athena_connectors.common.sql.split_sources import SOURCES, constants_of, source_to_json
from athena_connectors.jdbc_mysql.literals import identifier, typed

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["PARTITION_COLUMNS", "SOURCES", "Key", "SplitSource", "sources_of"]

PARTITION_COLUMNS = ("partition_name",)
"""The column that names the partition that a row comes from, as the Java connector adds it."""

_WORD = re.compile(r"[a-z0-9_]*", re.ASCII | re.IGNORECASE)
_DAY = r"\d{4}-\d{2}-\d{2}"
_SECONDS = r"\d{2}:\d{2}(?:\.\d{1,6})?"
_FORMS = {
    kind: re.compile(form, re.ASCII | re.DOTALL)
    for kind, form in {
        "number": r"-?\d{1,65}(?:\.\d{1,38})?",
        "double": r"-?\d\.?\d*e[+-]?\d{1,3}",
        "date": _DAY,
        "datetime": rf"{_DAY} \d{{2}}:{_SECONDS}",
        "time": rf"-?\d{{2,3}}:{_SECONDS}",
        "bytes": r"(?:[0-9a-f]{2})*",
        "uuid": r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}",
        "text": r".*",
    }.items()
}
"""How values of each kind of key are written."""


@dataclass(frozen=True, slots=True)
class Key:
    """A column that rows are told apart by, with the order of its type.

    Attributes:
        column: The column, as the server spells it.
        kind: How its values are written, one of ``number, double, date, datetime, time,
            bytes, uuid, text``.
        charset: Character set of a text, in which a constant has to be for the column's
            collation to decide; else empty.
        collation: Collation of a text; else empty.
    """

    column: str
    kind: str
    charset: str = ""
    collation: str = ""

    def name_sql(self) -> str:
        """Return the quoted column."""
        return identifier(self.column)

    def below_sql(self, value: str) -> str:
        """Return the condition that the key is less than a value."""
        return f"{self.name_sql()} < {self.constant_sql(value)}"

    def from_sql(self, value: str) -> str:
        """Return the condition that the key is a value or more."""
        return f"{self.name_sql()} >= {self.constant_sql(value)}"

    def constant_sql(self, content: str) -> str:
        """Return a value as a constant that an index of the column can be searched for.

        Args:
            content: The value, in the form of its kind.
        """
        match self.kind:
            case "text":
                text = typed(content, "text")
                return f"CONVERT({text} USING {self.charset}) COLLATE {self.collation}"
            case "uuid":
                return f"CAST({typed(content, 'text')} AS UUID)"
            case "time":
                return f"TIME'{content}'"
            case _:
                return typed(content, self.kind)

    def to_json(self) -> dict[str, Any]:
        """Return the members by which a split's properties tell the key."""
        return {
            "column": self.column,
            "kind": self.kind,
            "charset": self.charset,
            "collation": self.collation,
        }


@dataclass(frozen=True, slots=True)
class SplitSource:
    """Rows of one table or partition.

    Attributes:
        schema: The table's schema.
        name: The table's name.
        partition: The partition or subpartition, or ``None`` for all of the table.
        keys: The part of it, or ``None`` for all rows.
        constants: Values of the partition column, the same in each row.
    """

    schema: str
    name: str
    partition: str | None = None
    keys: KeyRange[Key] | None = None
    constants: Mapping[str, str] = field(default_factory=dict)

    def from_sql(self) -> str:
        """Return what follows FROM."""
        table = f"{identifier(self.schema)}.{identifier(self.name)}"
        return f"{table} PARTITION ({identifier(self.partition)})" if self.partition else table

    def where_sql(self) -> str:
        """Return a condition that may stand next to AND; empty for all rows."""
        return self.keys.where_sql() if self.keys else ""

    def to_json(self) -> str:
        """Return the text that ``sources_of`` reads."""
        place = {"schema": self.schema, "name": self.name, "partition": self.partition}
        return source_to_json(place, self.keys, self.constants)


def _source(told: Any) -> SplitSource:
    match told:
        case {
            "schema": str(schema),
            "name": str(name),
            "partition": None | str() as partition,
            "range": keys,
            "constants": dict(constants),
        } if len(told) == 5 and partition != "":  # noqa: PLR2004 - no member more
            sound(schema, name, partition or "")
            ranges = None if keys is None else _range(keys)
            known = constants_of(constants, PARTITION_COLUMNS)
            return SplitSource(schema, name, partition, ranges, known)
        case _:
            raise ValueError(told)


def _range(told: Any) -> KeyRange[Key]:
    keys = range_of(told, _key)
    form = _FORMS[keys.key.kind]
    for value in (keys.low, keys.high):
        if value is not None and not form.fullmatch(value):
            raise ValueError(value)
    return keys


def _key(told: dict[str, Any]) -> Key:
    match told:
        case {
            "column": str(column),
            "kind": str(kind),
            "charset": str(charset),
            "collation": str(collation),
        } if len(told) == 4:  # noqa: PLR2004 - no member more
            sound(column)
            known = kind in _FORMS and bool(charset and collation) == (kind == "text")
            if known and _WORD.fullmatch(charset) and _WORD.fullmatch(collation):
                return Key(column, kind, charset, collation)
    raise ValueError(told)


sources_of = partial(split_sources.sources_of, read=_source)
"""Return what a split reads; see ``common.sql.split_sources``."""

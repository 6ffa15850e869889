"""What one split reads: relations and ranges of a key, as the split's properties tell.

The properties hold names and values, never SQL; the text is built here, when it is read.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from athena_connectors.common.sql import split_sources
from athena_connectors.common.sql.key_ranges import KeyRange, key_ranges, range_of, sound
from athena_connectors.common.sql.split_sources import (
    SOURCES,
    constants_of,
    garbled,
    source_to_json,
)
from athena_connectors.jdbc_postgres.literals import identifier, quoted, typed

if TYPE_CHECKING:
    from collections.abc import Mapping

    from athena_connectors.common.protocol.messages import Split

__all__ = [
    "INTEGERS",
    "PARTITION_COLUMNS",
    "SNAPSHOT",
    "SOURCES",
    "SYSTEM_SCHEMA",
    "Key",
    "KeyRange",
    "SplitSource",
    "key_ranges",
    "snapshot_of",
    "sources_of",
]

PARTITION_COLUMNS = ("partition_schema_name", "partition_name")
"""Columns that name the partition that a row comes from, as the Java connector adds them."""

SNAPSHOT = "__split_snapshot"
"""Property: the snapshot that the splits of the scan share; absent when they share none."""

SYSTEM_SCHEMA = "pg_catalog"
INTEGERS = frozenset({"int2", "int4", "int8"})

_INTEGER = re.compile(r"-?[0-9]{1,19}", re.ASCII)
_SNAPSHOT = re.compile(r"[0-9A-Fa-f-]{1,64}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Key:
    """A column that rows are told apart by, with the order of its type.

    Attributes:
        column: The column, as the server spells it.
        type_schema: Schema of its type; of the base type if that is a domain.
        type_name: Name of that type, as ``pg_type.typname``.
        operator_schema: Schema of the operators ``<`` and ``>=`` of the type's order.
    """

    column: str
    type_schema: str
    type_name: str
    operator_schema: str = SYSTEM_SCHEMA

    def name_sql(self) -> str:
        """Return the quoted column."""
        return identifier(self.column)

    def below_sql(self, value: str) -> str:
        """Return the condition that the key is less than a value."""
        return f"{self.name_sql()} {self.operator_sql('<')} {self.constant_sql(value)}"

    def from_sql(self, value: str) -> str:
        """Return the condition that the key is a value or more."""
        return f"{self.name_sql()} {self.operator_sql('>=')} {self.constant_sql(value)}"

    def to_json(self) -> dict[str, Any]:
        """Return the members by which a split's properties tell the key."""
        return {
            "column": self.column,
            "type": [self.type_schema, self.type_name],
            "operators": self.operator_schema,
        }

    def type_sql(self) -> str:
        """Return the type's name; quoted, because bare ``bit`` and ``char`` have a length."""
        if self.type_schema == SYSTEM_SCHEMA:
            return identifier(self.type_name)
        return _qualified(self.type_schema, self.type_name)

    def operator_sql(self, name: str) -> str:
        """Return ``<`` or ``>=`` of the type's order, wherever the search path leads."""
        if self.operator_schema == SYSTEM_SCHEMA:
            return name
        return f"OPERATOR({identifier(self.operator_schema)}.{name})"

    def constant_sql(self, content: str) -> str:
        """Return a value as a constant of the type.

        Args:
            content: The value, as the server writes it.
        """
        integer = self.type_schema == SYSTEM_SCHEMA and self.type_name in INTEGERS
        if integer and _INTEGER.fullmatch(content):
            return typed(content, self.type_name)
        return f"{quoted(content)}::{self.type_sql()}"


@dataclass(frozen=True, slots=True)
class SplitSource:
    """Rows of one relation.

    Attributes:
        schema: The relation's schema.
        name: The relation's name.
        only: Whether rows of relations that inherit from it are left out.
        keys: The part of it, or ``None`` for all rows.
        constants: Values of the partition columns, the same in each row.
    """

    schema: str
    name: str
    only: bool = False
    keys: KeyRange[Key] | None = None
    constants: Mapping[str, str] = field(default_factory=dict)

    def from_sql(self) -> str:
        """Return what follows FROM."""
        return f"{'ONLY ' if self.only else ''}{_qualified(self.schema, self.name)}"

    def where_sql(self) -> str:
        """Return a condition that may stand next to AND; empty for all rows."""
        return self.keys.where_sql() if self.keys else ""

    def to_json(self) -> str:
        """Return the text that ``sources_of`` reads."""
        place = {"schema": self.schema, "name": self.name, "only": self.only}
        return source_to_json(place, self.keys, self.constants)


def snapshot_of(split: Split) -> str | None:
    """Return the snapshot that a split reads, or ``None`` for one of its own.

    Raises:
        InvalidRequestError: The split is not as ``splits_of`` made it.
    """
    snapshot = split.properties.get(SNAPSHOT)
    if snapshot is not None and not _SNAPSHOT.fullmatch(snapshot):
        raise garbled(SNAPSHOT)
    return snapshot


def _source(told: Any) -> SplitSource:
    match told:
        case {
            "schema": str(schema),
            "name": str(name),
            "only": bool(only),
            "range": keys,
            "constants": dict(constants),
        } if len(told) == 5:  # noqa: PLR2004 - no member more
            sound(schema, name)
            ranges = None if keys is None else range_of(keys, _key)
            known = constants_of(constants, PARTITION_COLUMNS)
            return SplitSource(schema, name, only, ranges, known)
        case _:
            raise ValueError(told)


def _key(told: dict[str, Any]) -> Key:
    match told:
        case {
            "column": str(column),
            "type": [str(type_schema), str(type_name)],
            "operators": str(operators),
        } if len(told) == 3:  # noqa: PLR2004 - no member more
            sound(column, type_schema, type_name, operators)
            return Key(column, type_schema, type_name, operators)
        case _:
            raise ValueError(told)


sources_of = partial(split_sources.sources_of, read=_source)
"""Return what a split reads; see ``common.sql.split_sources``."""


def _qualified(schema: str, name: str) -> str:
    return f"{identifier(schema)}.{identifier(name)}"

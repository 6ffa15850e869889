"""What one split reads: relations and ranges of a key, as the split's properties tell.

The properties hold names and values, never SQL; the text is built here, when it is read.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from athena_connectors.common.errors import InvalidRequestError
from athena_connectors.jdbc_postgres.literals import identifier, quoted, typed

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

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

SOURCES = "__split_sources"
"""Property: JSON list of what is read, one after the other."""
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
class KeyRange:
    """The rows whose key lies in a range.

    Attributes:
        key: The key.
        low: First value, inclusive, as the server writes it; ``None`` for an open end.
        high: Last value, **exclusive**; ``None`` for an open end.
        nulls: Whether rows without a key belong to it.
    """

    key: Key
    low: str | None = None
    high: str | None = None
    nulls: bool = False

    def where_sql(self) -> str:
        """Return the condition, which may stand next to AND."""
        name = identifier(self.key.column)
        ends = ((">=", self.low), ("<", self.high))
        text = " AND ".join(
            f"{name} {self.key.operator_sql(operator)} {self.key.constant_sql(value)}"
            for operator, value in ends
            if value is not None
        )
        return f"({text} OR {name} IS NULL)" if self.nulls else text


def key_ranges(key: Key, boundaries: Sequence[str], *, nullable: bool) -> tuple[KeyRange, ...]:
    """Return ranges that hold each row exactly once, whatever the key's values are.

    Args:
        key: The key.
        boundaries: Where one range ends and the next begins, in the key's order; 1 or more.
        nullable: Whether the key may be NULL.
    """
    ends = pairwise([None, *boundaries, None])
    return tuple(KeyRange(key, low, high, nulls=nullable and low is None) for low, high in ends)


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
    keys: KeyRange | None = None
    constants: Mapping[str, str] = field(default_factory=dict)

    def from_sql(self) -> str:
        """Return what follows FROM."""
        return f"{'ONLY ' if self.only else ''}{_qualified(self.schema, self.name)}"

    def where_sql(self) -> str:
        """Return a condition that may stand next to AND; empty for all rows."""
        return self.keys.where_sql() if self.keys else ""

    def to_json(self) -> str:
        """Return the text that ``sources_of`` reads."""
        told = {
            "schema": self.schema,
            "name": self.name,
            "only": self.only,
            "range": None if self.keys is None else _range_to_json(self.keys),
            "constants": dict(self.constants),
        }
        return json.dumps(told, ensure_ascii=False, separators=(",", ":"))


def sources_of(split: Split) -> tuple[SplitSource, ...]:
    """Return what a split reads, one or more, one after the other.

    Raises:
        InvalidRequestError: The split is not as ``splits_of`` made it.
    """
    try:
        sources = tuple(_sources(json.loads(split.properties[SOURCES])))
    except (KeyError, ValueError, RecursionError) as cause:
        raise _garbled(SOURCES) from cause
    if not sources:
        raise _garbled(SOURCES)
    return sources


def snapshot_of(split: Split) -> str | None:
    """Return the snapshot that a split reads, or ``None`` for one of its own.

    Raises:
        InvalidRequestError: The split is not as ``splits_of`` made it.
    """
    snapshot = split.properties.get(SNAPSHOT)
    if snapshot is not None and not _SNAPSHOT.fullmatch(snapshot):
        raise _garbled(SNAPSHOT)
    return snapshot


def _range_to_json(keys: KeyRange) -> dict[str, Any]:
    return {
        "column": keys.key.column,
        "type": [keys.key.type_schema, keys.key.type_name],
        "operators": keys.key.operator_schema,
        "from": keys.low,
        "to": keys.high,
        "nulls": keys.nulls,
    }


def _sources(told: Any) -> Iterator[SplitSource]:
    if not isinstance(told, list):
        raise ValueError(told)  # noqa: TRY004 - becomes an error of the request above
    for item in told:
        match item:
            case {
                "schema": str(schema),
                "name": str(name),
                "only": bool(only),
                "range": keys,
                "constants": dict(constants),
            } if len(item) == 5 and _are_constants(constants):  # noqa: PLR2004 - no member more
                _sound(schema, name, *constants.values())
                yield SplitSource(schema, name, only, _range(keys), constants)
            case _:
                raise ValueError(item)


def _are_constants(constants: dict[str, Any]) -> bool:
    return constants.keys() <= set(PARTITION_COLUMNS) and all(
        isinstance(value, str) for value in constants.values()
    )


def _range(told: Any) -> KeyRange | None:
    match told:
        case None:
            return None
        case {
            "column": str(column),
            "type": [str(type_schema), str(type_name)],
            "operators": str(operators),
            "from": None | str() as low,
            "to": None | str() as high,
            "nulls": bool(nulls),
        } if len(told) == 6 and (low, high) != (None, None):  # noqa: PLR2004 - no member more
            _sound(column, type_schema, type_name, operators, low or "", high or "")
            return KeyRange(Key(column, type_schema, type_name, operators), low, high, nulls)
        case _:
            raise ValueError(told)


def _sound(*texts: str) -> None:
    """Raise ``ValueError`` for a text that no statement can hold."""
    for text in texts:
        if "\0" in text:
            raise ValueError(text)
        text.encode()  # half a surrogate pair


def _qualified(schema: str, name: str) -> str:
    return f"{identifier(schema)}.{identifier(name)}"


def _garbled(name: str) -> InvalidRequestError:
    return InvalidRequestError(
        f"Property {name} of the split is not as this version of the connector made it.",
        hint="Run the query again.",
        split=name,
    )

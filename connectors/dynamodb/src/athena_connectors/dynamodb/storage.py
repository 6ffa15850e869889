"""How the values of a column are stored: types of attributes, spans of their values.

Numbers of a column that is not rounded, such as a primary key, are one each for a value that
the column shows, so that it can be asked for.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pyarrow as pa
from athena_connectors.common.physical import Kind, kind_of
from athena_connectors.common.types import engine_type
from athena_connectors.dynamodb.literals import MAX_HASH_BYTES, MAX_RANGE_BYTES, Span

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from athena_connectors.dynamodb.literals import Content
    from athena_connectors.dynamodb.relation import Column, Relation
    from athena_connectors.dynamodb.settings import Settings

__all__ = ["ALL_TAGS", "Stored", "Subject", "all_but", "always_read", "find_subject", "readable"]

ALL_TAGS = ("S", "N", "B", "BOOL", "NULL", "M", "L", "SS", "NS", "BS")
"""Types of attributes."""

_SCALARS_AND_LISTS = frozenset({"S", "N", "B", "BOOL", "L", "SS", "NS", "BS"})


@dataclass(frozen=True, slots=True)
class Subject:
    """A column as something that can be asked for.

    Attributes:
        column: The column; ``may_be_named`` and no JSON.
        type: Its type, as the engine has it.
        kind: How its values are compared.
        fails: Whether a number beyond its column ends the query, rather than being NULL.
        max_bytes: Length of its texts or bytes at most; 0 for any.
    """

    column: Column
    type: pa.DataType
    kind: Kind
    fails: bool
    max_bytes: int

    @classmethod
    def of(cls, column: Column, settings: Settings, *, is_hash: bool) -> Subject:
        """Return a column as something that can be asked for."""
        type_ = engine_type(column.type)
        longest = MAX_HASH_BYTES if is_hash else MAX_RANGE_BYTES
        return cls(
            column=column,
            type=type_,
            kind=kind_of(type_),
            fails=settings.on_number_overflow == "fail",
            max_bytes=longest if column.key_type else 0,
        )


@dataclass(frozen=True, slots=True)
class Stored:
    """The attributes that a column shows as a wanted value.

    Attributes:
        spans: Values of each type, ascending and disjoint.
        excluded: Values of each type that alone are not wanted; its spans are all there are.
        escapes: Types any value of which may be wanted.
        reason: Why others may be among them, in a sentence; empty if none are.
    """

    spans: Mapping[str, tuple[Span, ...]] = field(default_factory=dict)
    excluded: Mapping[str, tuple[Content, ...]] = field(default_factory=dict)
    escapes: frozenset[str] = frozenset()
    reason: str = ""


def readable(subject: Subject) -> frozenset[str]:
    """Return the types of attributes of which a column shows some or all as a value."""
    match subject.kind:
        case Kind.TEXT:
            tags = frozenset(ALL_TAGS) - {"NULL"}
        case Kind.BOOLEAN:
            tags = frozenset({"BOOL"})
        case Kind.BYTES:
            tags = frozenset({"B"})
        case Kind.OPAQUE:
            tags = _SCALARS_AND_LISTS if pa.types.is_list(subject.type) else frozenset({"M"})
        case _:
            tags = frozenset({"S", "N"})
    key_type = subject.column.key_type
    return tags & {key_type} if key_type else tags


def always_read(subject: Subject) -> frozenset[str]:
    """Return the types of attributes of which a column shows every one as a value.

    A number that does not fit its column is none where it ends the query.
    """
    match subject.kind:
        case Kind.TEXT | Kind.BOOLEAN | Kind.BYTES | Kind.OPAQUE:
            return readable(subject)
        case Kind.DECIMAL | Kind.FLOAT if subject.fails:
            return readable(subject) & {"N"}
        case _:
            return frozenset()


def find_subject(name: str, relation: Relation, settings: Settings) -> Subject | str:
    """Return a column as something that can be asked for, or a sentence why it can't be."""
    column = relation.column(name)
    if column is None:
        return "The table has no such column."
    if not column.attribute:
        return "The column holds the attributes that are no columns."
    if column.others:
        return "The column shows attributes whose names differ by case."
    if not column.is_spelled:
        return "The spelling of the attribute is not known."
    if column.is_json:
        return "The column shows values as JSON."
    table = relation.table
    ranges = {key.name for each in (table.base, *table.indexes) for key in each.range_keys}
    return Subject.of(column, settings, is_hash=column.attribute not in ranges)


def all_but(tag: str, excluded: Iterable[Content], reason: str = "") -> Stored:
    """Return all values of a type but some."""
    return Stored({tag: (Span(),)}, {tag: tuple(excluded)}, reason=reason)

"""How one column stands in predicates: the operand for each kind of comparison.

Comparing the operands below with constants gives what Athena gets from the values that it
reads, except that ``ordered``, ``equal`` and ``hint`` do not know of values that are read
as NULL though the server has one: where such a value could pass, ``guard`` has to be
false. ``value`` needs no guard and may meet any other ``value``.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Protocol

import pyarrow as pa
from athena_connectors.common.physical import Kind, kind_of
from athena_connectors.jdbc_postgres.literals import (
    FIRST_DAY,
    FIRST_MS,
    LAST_DAY,
    LAST_MS,
    content_of,
    identifier,
    server_type,
    typed,
)
from athena_connectors.jdbc_postgres.types import Comparison

if TYPE_CHECKING:
    from athena_connectors.jdbc_postgres.types import Column

__all__ = [
    "TEXTS",
    "NotPushedError",
    "PushdownSettings",
    "Subject",
    "comparable",
    "is_not_null",
    "is_null",
    "subject_of",
]

TEXTS = frozenset(
    {
        Comparison.TEXT_C,
        Comparison.TEXT_DETERMINISTIC,
        Comparison.TEXT_FOLDED,
        Comparison.TEXT_CAST,
    }
)
"""Comparisons that the setting ``string_pushdown`` is about."""

_KINDS = {
    Comparison.NATIVE: {Kind.INTEGER, Kind.BOOLEAN},
    Comparison.NUMERIC: {Kind.DECIMAL},
    Comparison.FLOAT: {Kind.FLOAT},
    Comparison.DATE: {Kind.DATE},
    Comparison.TIMESTAMP: {Kind.DATETIME},
    Comparison.TIMESTAMPTZ: {Kind.DATETIME, Kind.INSTANT},
    Comparison.UUID: {Kind.TEXT},
    Comparison.BYTEA: {Kind.BYTES},
    **{comparison: {Kind.TEXT} for comparison in TEXTS},
}
_OWN = "{c}"
_PLAIN_TEXTS = frozenset({"text", "varchar"})


class NotPushedError(Exception):
    """A predicate, or a part of it, can't go to the server; the message says why.

    It never leaves ``plan_pushdown``.
    """


class PushdownSettings(Protocol):
    """The settings that matter here."""

    @property
    def string_pushdown(self) -> str:
        """``exact``, ``equality_only`` or ``off``."""


@dataclass(frozen=True, slots=True)
class Subject:
    """One column as predicates see it; every member but the first two is SQL.

    Attributes:
        column: The column.
        kind: How its values are compared.
        name: The quoted column itself.
        value: What Athena sees, NULL included: times cut to milliseconds, text in
            collation C.
        ordered: Left side of ``<`` and its like, next to a constant.
        equal: Left side of ``=`` and its like, next to a constant.
        hint: Left side of an equality that may hold too often and can use an index;
            empty where there is none that ``equal`` isn't.
        guard: True where the column is not NULL and read as NULL; empty for never.
        type_name: Type of the constants that stand next to it.
        step: Distance of neighbouring values where the value read is a rounded one, so
            that the column itself is less than that away; else ``None``.
        first: False for what ``guard`` is about at the lower end of the order, where all of
            that lies at either end; else empty.
        last: The same of the upper end.
    """

    column: Column
    kind: Kind
    name: str
    value: str
    ordered: str
    equal: str
    hint: str = ""
    guard: str = ""
    type_name: str = ""
    step: Decimal | None = None
    first: str = ""
    last: str = ""


def comparable(column: Column) -> bool:
    """Return whether values of a column can be compared in the server at all."""
    return kind_of(column.arrow) in _KINDS.get(column.comparison, ())


def subject_of(column: Column) -> Subject:
    """Return the operands of a column.

    Raises:
        NotPushedError: Its values can't be compared in the server.
    """
    if not comparable(column):
        raise NotPushedError(f"Values of type {column.source_type} are not compared in the server.")
    name = identifier(column.name)
    guard = _format(column.null_when, name)
    match column.comparison:
        case Comparison.NATIVE | Comparison.FLOAT | Comparison.BYTEA:
            return _plain(column, name, guard)
        case Comparison.NUMERIC:
            return _numeric(column, name, guard)
        case Comparison.DATE | Comparison.TIMESTAMP | Comparison.TIMESTAMPTZ:
            return _temporal(column, name, guard)
        case Comparison.UUID:
            text = f'{name}::text COLLATE "C"'
            return Subject(
                column, Kind.TEXT, name, _guarded(text, guard), name, name, "", guard, "uuid"
            )
        case _:
            return _text(column, name, guard)


def is_null(column: Column) -> str:
    """Return SQL that is true where a column is read as NULL, false elsewhere."""
    name = identifier(column.name)
    absent = f"{_tested(column, name)} IS NULL"
    guard = _format(column.null_when, name)
    return f"({absent} OR ({guard}))" if guard else absent


def is_not_null(column: Column) -> str:
    """Return SQL that is true where a column is read as a value, false elsewhere."""
    name = identifier(column.name)
    present = f"{_tested(column, name)} IS NOT NULL"
    guard = _format(column.null_when, name)
    return f"({present} AND NOT ({guard}))" if guard else present


def _format(template: str, name: str) -> str:
    return template.replace(_OWN, name)


def _tested(column: Column, name: str) -> str:
    """A composite of nulls IS NULL in the server; what is shown of it is not."""
    if column.comparison is Comparison.NEVER and column.projection != _OWN:
        return f"({_format(column.projection, name)})"
    return name


def _guarded(text: str, guard: str) -> str:
    return f"(CASE WHEN NOT ({guard}) THEN {text} END)" if guard else text


def _plain(column: Column, name: str, guard: str) -> Subject:
    operand = name if column.value == _OWN else f"({_format(column.value, name)})"
    return Subject(
        column,
        kind_of(column.arrow),
        name,
        _guarded(operand, guard),
        operand,
        operand,
        "",
        guard,
        server_type(column.arrow),
    )


def _numeric(column: Column, name: str, guard: str) -> Subject:
    subject = _plain(column, name, guard)
    if column.value == _OWN or column.base_type != "numeric":
        return subject
    type_: Any = column.arrow
    return replace(subject, step=Decimal(1).scaleb(-type_.scale))


def _temporal(column: Column, name: str, guard: str) -> Subject:
    floor = f"date_trunc('milliseconds', {name})" if column.sub_millisecond else name
    kind = kind_of(column.arrow)
    zoned = column.comparison is Comparison.TIMESTAMPTZ
    value = f"({floor} AT TIME ZONE 'UTC')" if zoned and kind is Kind.DATETIME else floor
    type_name = "timestamptz" if zoned else server_type(column.arrow)
    subject = Subject(column, kind, name, _guarded(value, guard), name, floor, "", guard, type_name)
    first, last = _ends(column.comparison)
    return replace(
        subject,
        first=f"{name} >= {typed(first, type_name)}",
        last=f"{name} <= {typed(last, type_name)}"
        if kind is Kind.DATE
        else f"{name} < {typed(last, type_name)}",
    )


def _ends(comparison: Comparison) -> tuple[str, str]:
    """Return the first day and the last, or the first moment and the one after the last."""
    if comparison is Comparison.DATE:
        return content_of(FIRST_DAY, pa.date32()), content_of(LAST_DAY, pa.date32())
    zone = "+00" if comparison is Comparison.TIMESTAMPTZ else ""
    first, after = content_of(FIRST_MS, pa.date64()), content_of(LAST_MS + 1, pa.date64())
    return f"{first}{zone}", f"{after}{zone}"


def _text(column: Column, name: str, guard: str) -> Subject:
    shown = _format(column.value, name)
    native = column.base_type in _PLAIN_TEXTS
    match column.comparison:
        case Comparison.TEXT_C | Comparison.TEXT_DETERMINISTIC if native:
            value = f'{name} COLLATE "C"'
            ordered = name if column.comparison is Comparison.TEXT_C else value
            equal, hint = name, ""
        case Comparison.TEXT_FOLDED:
            value = ordered = equal = f'{name}::text COLLATE "C"'
            hint = name
        case _:
            cast = f"{name}::text" if shown in (name, f"{name}::text") else f"({shown})"
            value = ordered = equal = f'{cast} COLLATE "C"'
            hint = ""
    return Subject(
        column, Kind.TEXT, name, _guarded(value, guard), ordered, equal, hint, guard, "text"
    )

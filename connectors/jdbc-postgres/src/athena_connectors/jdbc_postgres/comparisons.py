"""How one column stands in predicates: the operand for each kind of comparison."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from athena_connectors.common.physical import Kind, kind_of
from athena_connectors.common.sql.dialect import OWN, Subject, guarded, substituted
from athena_connectors.common.sql.relation import Comparison
from athena_connectors.common.sql.spelling import FIRST_DAY, FIRST_MS, LAST_DAY, LAST_MS
from athena_connectors.jdbc_postgres.literals import content_of, identifier, server_type, typed

if TYPE_CHECKING:
    from athena_connectors.common.sql.relation import Column

__all__ = ["operands_of"]

_PLAIN_TEXTS = frozenset({"text", "varchar"})


def operands_of(column: Column) -> Subject:
    """Return the operands of a column whose values can be compared."""
    name = identifier(column.name)
    guard = substituted(column.null_when, name)
    match column.comparison:
        case Comparison.NATIVE | Comparison.FLOAT | Comparison.BYTES:
            return _plain(column, name, guard)
        case Comparison.NUMERIC:
            return _numeric(column, name, guard)
        case Comparison.DATE | Comparison.TIMESTAMP | Comparison.TIMESTAMPTZ:
            return _temporal(column, name, guard)
        case Comparison.UUID:
            text = f'{name}::text COLLATE "C"'
            return Subject(
                column, Kind.TEXT, name, guarded(text, guard), name, name, "", guard, "uuid"
            )
        case _:
            return _text(column, name, guard)


def _plain(column: Column, name: str, guard: str) -> Subject:
    operand = name if column.value == OWN else f"({substituted(column.value, name)})"
    return Subject(
        column,
        kind_of(column.arrow),
        name,
        guarded(operand, guard),
        operand,
        operand,
        "",
        guard,
        server_type(column.arrow),
    )


def _numeric(column: Column, name: str, guard: str) -> Subject:
    subject = _plain(column, name, guard)
    if column.value == OWN or column.base_type != "numeric":
        return subject
    type_: Any = column.arrow
    return replace(subject, step=Decimal(1).scaleb(-type_.scale))


def _temporal(column: Column, name: str, guard: str) -> Subject:
    floor = f"date_trunc('milliseconds', {name})" if column.sub_millisecond else name
    kind = kind_of(column.arrow)
    zoned = column.comparison is Comparison.TIMESTAMPTZ
    value = f"({floor} AT TIME ZONE 'UTC')" if zoned and kind is Kind.DATETIME else floor
    type_name = "timestamptz" if zoned else server_type(column.arrow)
    subject = Subject(column, kind, name, guarded(value, guard), name, floor, "", guard, type_name)
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
    shown = substituted(column.value, name)
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
        column, Kind.TEXT, name, guarded(value, guard), ordered, equal, hint, guard, "text"
    )

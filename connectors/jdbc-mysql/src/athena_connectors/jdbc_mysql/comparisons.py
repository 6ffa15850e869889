"""How one column stands in predicates: the operand for each kind of comparison.

A text is compared by the bytes that UTF-8 makes of it, whose order is that of Unicode;
collations fold letters and, nearly all of them, ignore blanks at the end. A server that
compares a number with a text makes floats of both, so neither ever meets the other. What
the table of types says of a column's value is one operand: it needs no parentheses.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from athena_connectors.common.physical import Kind, kind_of
from athena_connectors.common.sql.dialect import NotPushedError, Subject, guarded, substituted
from athena_connectors.common.sql.relation import Comparison
from athena_connectors.jdbc_mysql.literals import OCTETS, identifier, server_type

if TYPE_CHECKING:
    from athena_connectors.common.sql.relation import Column

__all__ = ["as_bytes", "operands_of"]

_UTF8 = "utf8mb4"


def operands_of(column: Column) -> Subject:
    """Return the operands of a column whose values can be compared.

    Raises:
        NotPushedError: They are of a kind that no column of this server is.
    """
    name = identifier(column.name)
    match column.comparison:
        case Comparison.NATIVE | Comparison.NUMERIC | Comparison.FLOAT | Comparison.BYTES:
            return _plain(column, name)
        case Comparison.DATE | Comparison.TIMESTAMP | Comparison.TIMESTAMPTZ:
            return _temporal(column, name)
        case Comparison.TEXT_C | Comparison.TEXT_FOLDED | Comparison.TEXT_CAST:
            return _text(column, name)
        case other:
            raise NotPushedError(f"Values that compare as {other.value} are evaluated here.")


def as_bytes(text: str) -> str:
    """Return a text of the character set utf8mb4 as its bytes."""
    return f"CAST({text} AS BINARY)"


def _plain(column: Column, name: str) -> Subject:
    operand = substituted(column.value, name)
    guard = substituted(column.null_when, name)
    return Subject(
        column,
        kind_of(column.arrow),
        name,
        value=guarded(operand, guard),
        ordered=operand,
        equal=operand,
        guard=guard,
        type_name=server_type(column.arrow),
        scattered=True,
    )


def _temporal(column: Column, name: str) -> Subject:
    subject = _plain(column, name)
    if not column.sub_millisecond:
        return subject
    shown = subject.ordered
    floor = f"({shown} - INTERVAL (MICROSECOND({shown}) % 1000) MICROSECOND)"
    return replace(subject, value=guarded(floor, subject.guard), equal=floor)


def _text(column: Column, name: str) -> Subject:
    shown = substituted(column.value, name)
    utf8 = column.charset == _UTF8 and shown == name
    value = shown if utf8 else f"CONVERT({shown} USING {_UTF8})"
    exact = as_bytes(value)
    subject = Subject(
        column, Kind.TEXT, name, value=value, ordered=exact, equal=exact, type_name=OCTETS
    )
    if column.comparison is Comparison.TEXT_CAST or shown != name:
        return subject
    if column.comparison is Comparison.TEXT_C and utf8:
        return replace(subject, ordered=name, equal=name, type_name="text")
    return replace(subject, hint=name)

"""PostgreSQL's part of the compiler of predicates and statements."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from athena_connectors.common.physical import Kind, kind_of
from athena_connectors.common.sql.dialect import Dialect
from athena_connectors.jdbc_postgres.comparisons import operands_of
from athena_connectors.jdbc_postgres.literals import (
    array_literal,
    content_of,
    identifier,
    quoted,
    server_type,
    typed,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pyarrow as pa
    from athena_connectors.common.constraints import Direction
    from athena_connectors.common.sql.dialect import Subject, Term
    from athena_connectors.common.sql.relation import Column
    from athena_connectors.common.valueset import Value

__all__ = ["POSTGRES"]

_ESCAPES = "!|~^#@&+=;:?*<>/"


class _Postgres(Dialect):
    unknown: ClassVar[str] = "NULL::boolean"
    has_nul: ClassVar[bool] = False

    def identifier(self, name: str) -> str:
        return identifier(name)

    def subject_of(self, column: Column) -> Subject:
        return operands_of(column)

    def server_type(self, type_: Any) -> str:
        return server_type(type_)

    def content_of(self, value: Value, type_: pa.DataType) -> str:
        return content_of(value, type_)

    def typed(self, content: str, type_name: str) -> str:
        return typed(content, type_name)

    def is_any(self, left: str, contents: Sequence[str], type_name: str) -> str:
        return _equals(left, contents, type_name)

    def is_none(self, left: str, contents: Sequence[str], type_name: str) -> str:
        if len(contents) == 1:
            return f"{left} <> {typed(contents[0], type_name)}"
        return f"{left} <> ALL({array_literal(contents, type_name)})"

    def hint(self, subject: Subject, contents: Sequence[str]) -> str:
        # The constants take the column's own type, which has its own equality.
        return _equals(subject.hint, contents, "")

    def constant(self, value: Value, type_: pa.DataType) -> str:
        text = self.literal(value, type_)
        # Next to another constant, the database's own order would count.
        return f'({text} COLLATE "C")' if kind_of(type_) is Kind.TEXT else text

    def null(self, type_: pa.DataType) -> str:
        return f"NULL::{server_type(type_)}"

    def compared(self, term: Term) -> str:
        return term.text

    def listed_type(self, term: Term, type_: pa.DataType) -> str:
        calculated = term.kind is Kind.INTEGER and term.subject is None
        return "numeric" if calculated else server_type(type_)

    def is_distinct(self, left: str, right: str) -> str:
        return f"({left} IS DISTINCT FROM {right})"

    def like(self, value: Term, pattern: Term, *, positive: bool) -> str:  # noqa: ARG002 - one form
        # No character is an escape in Athena; the server's default is the backslash.
        escape = ""
        if isinstance(pattern.constant, str):
            escape = next((char for char in _ESCAPES if char not in pattern.constant), "")
        return f"({value.text} LIKE {pattern.text} ESCAPE {quoted(escape)})"

    def as_float(self, term: Term, type_: pa.DataType) -> str:
        return f"{term.text}::{server_type(type_)}"

    def exact_number(self, term: Term, digits: tuple[int, int]) -> str:  # noqa: ARG002 - any number
        return f"{term.text}::numeric"

    def power_of_ten(self, exponent: int) -> str:
        return f"1e{exponent}"

    def quotient(self, left: str, right: str, *, never_zero: bool) -> str:
        return f"div({left}, {_divisor(right, never_zero=never_zero)})"

    def remainder(self, left: str, right: str, *, never_zero: bool) -> str:
        return f"mod({left}, {_divisor(right, never_zero=never_zero)})"

    def sort_keys(
        self,
        subject: Subject,  # noqa: ARG002 - values are sorted whole
        operand: str,
        direction: Direction,
    ) -> Sequence[str]:
        order = "DESC" if direction.descending else "ASC"
        nulls = "FIRST" if direction.nulls_first else "LAST"
        return (f"{operand} {order} NULLS {nulls}",)


POSTGRES = _Postgres()
"""The dialect; it has no state."""


def _equals(left: str, contents: Sequence[str], type_name: str) -> str:
    if len(contents) == 1:
        return f"{left} = {typed(contents[0], type_name or 'text')}"
    return f"{left} = ANY({array_literal(contents, type_name)})"


def _divisor(number: str, *, never_zero: bool) -> str:
    return number if never_zero else f"NULLIF({number}, 0)"

"""MySQL's part of the compiler of predicates and statements; MariaDB's too.

Source: MySQL manual, "Functions and Operators", "Precision Math" and "Limits on Table
Column Count and Row Size"; MariaDB documentation, "Conversion of Big IN Predicates Into
Subqueries".
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, ClassVar

import pyarrow as pa
from athena_connectors.common.physical import Kind, kind_of
from athena_connectors.common.sql.dialect import FALSE, Dialect, NotPushedError
from athena_connectors.common.sql.relation import Comparison
from athena_connectors.jdbc_mysql.charsets import holds
from athena_connectors.jdbc_mysql.comparisons import as_bytes, operands_of
from athena_connectors.jdbc_mysql.literals import (
    OCTETS,
    content_of,
    identifier,
    server_type,
    typed,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from athena_connectors.common.constraints import Direction
    from athena_connectors.common.sql.dialect import Subject, Term
    from athena_connectors.common.sql.relation import Column
    from athena_connectors.common.valueset import Value

__all__ = ["MYSQL"]

_MAX_DIGITS = (65, 30)
_LIST_LENGTH = 900
"""Values of one IN. MariaDB makes a subquery of one with 1,000, whose columns have types of
their own; MySQL gives up an index by the memory that all lists take, which is no matter of
their number."""
_COLLATE = "COLLATE utf8mb4_bin"
_ESCAPES = "|!~^#@&+=;:?*<>/"
_WILDCARDS = ("%", "_")

_SORTED_BYTES = 1024
"""``max_sort_length``: what a sort looks at."""
_BYTES_PER_CHARACTER = 4
_LENGTH = re.compile(r"(?:var)?(?:char|binary)\((\d+)\)", re.ASCII)
_LONG_TEXTS = frozenset({"enum", "set", "json"})


class _MySql(Dialect):
    has_nan: ClassVar[bool] = False
    has_later_times: ClassVar[bool] = False
    max_digits: ClassVar[tuple[int, int] | None] = _MAX_DIGITS
    # The smallest max_allowed_packet that a supported server comes with is 4 MiB.
    max_predicate_bytes: ClassVar[int | None] = 3_000_000
    no_column: ClassVar[str] = " 1"
    renames_derived: ClassVar[bool] = False

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
        if type_name == "bool" and len(contents) == 1:
            return left if contents[0] == "true" else f"(NOT {left})"
        if len(contents) == 1:
            return f"{left} = {typed(contents[0], type_name)}"
        parts = [f"{left} IN ({listed})" for listed in _lists(contents, type_name)]
        return parts[0] if len(parts) == 1 else f"({' OR '.join(parts)})"

    def is_none(self, left: str, contents: Sequence[str], type_name: str) -> str:
        if len(contents) == 1:
            return f"{left} <> {typed(contents[0], type_name)}"
        parts = [f"{left} NOT IN ({listed})" for listed in _lists(contents, type_name)]
        return parts[0] if len(parts) == 1 else f"({' AND '.join(parts)})"

    def hint(self, subject: Subject, contents: Sequence[str]) -> str:
        held = [(text, holds(subject.column.charset, text)) for text in contents]
        if any(certain is None for _, certain in held):
            return ""
        kept = [text for text, certain in held if certain]
        return self.is_any(subject.hint, kept, "text") if kept else FALSE

    def constant(self, value: Value, type_: pa.DataType) -> str:
        return self.literal(value, type_)

    def null(self, type_: pa.DataType) -> str:
        return "CONVERT(NULL USING utf8mb4)" if kind_of(type_) is Kind.TEXT else "NULL"

    def compared(self, term: Term) -> str:
        if term.kind is not Kind.TEXT:
            return term.text
        if isinstance(term.constant, str):
            return typed(term.constant, OCTETS)
        return as_bytes(term.text)

    def listed_type(self, term: Term, type_: pa.DataType) -> str:
        return OCTETS if term.kind is Kind.TEXT else server_type(type_)

    def is_distinct(self, left: str, right: str) -> str:
        return f"(NOT ({left} <=> {right}))"

    def like(self, value: Term, pattern: Term, *, positive: bool) -> str:
        escape, text = _ESCAPES[0], pattern.text
        free = None
        if isinstance(pattern.constant, str):
            free = next((char for char in _ESCAPES if char not in pattern.constant), None)
        if free is None:
            # Escaped by itself, a character of escape is a character as any other.
            text = f"REPLACE({text} {_COLLATE}, '{escape}', '{escape}{escape}')"
        else:
            escape = free
        exact = f"{value.text} {_COLLATE} LIKE {text} {_COLLATE} ESCAPE '{escape}'"
        indexed = _indexed(value, pattern) if positive and free else ""
        if not indexed:
            return f"({exact})"
        return f"({indexed} LIKE {text} ESCAPE '{escape}' AND {exact})"

    def as_float(self, term: Term, type_: pa.DataType) -> str:
        if type_ != pa.float64():
            raise NotPushedError("An integer is compared with a real here.")
        return f"({term.text} + 0e0)"

    def exact_number(self, term: Term, digits: tuple[int, int]) -> str:
        whole, scale = digits
        if scale > _MAX_DIGITS[1]:
            raise NotPushedError(f"A decimal has more than {_MAX_DIGITS[1]} decimal places.")
        return f"CAST({term.text} AS DECIMAL({whole + scale},{scale}))"

    def power_of_ten(self, exponent: int) -> str:
        # With an exponent, it would be a float.
        return f"1{'0' * exponent}"

    def quotient(
        self,
        left: str,
        right: str,
        *,
        never_zero: bool,  # noqa: ARG002 - a division by zero is NULL
    ) -> str:
        # DIV fails beyond the range of a bigint, and / rounds unless there is no remainder.
        return f"(({left} - {left} % {right}) / {right})"

    def remainder(
        self,
        left: str,
        right: str,
        *,
        never_zero: bool,  # noqa: ARG002 - as above
    ) -> str:
        return f"({left} % {right})"

    def sort_keys(self, subject: Subject, operand: str, direction: Direction) -> Sequence[str]:
        _check_sorted(subject)
        order = "DESC" if direction.descending else "ASC"
        key = f"{operand} {order}"
        may_be_null = subject.column.nullable or bool(subject.guard)
        if direction.nulls_first != direction.descending or not may_be_null:
            return (key,)
        return f"{operand} IS NULL {order}", key


MYSQL = _MySql()
"""The dialect; it has no state."""


def _lists(contents: Sequence[str], type_name: str) -> Iterator[str]:
    for start in range(0, len(contents), _LIST_LENGTH):
        part = contents[start : start + _LIST_LENGTH]
        yield ", ".join(typed(content, type_name) for content in part)


def _indexed(value: Term, pattern: Term) -> str:
    """Return the column if an index of it could serve a pattern; else nothing."""
    subject, text = value.subject, pattern.constant
    if subject is None or not isinstance(text, str) or text.startswith(_WILDCARDS) or not text:
        return ""
    native = subject.hint or (subject.column.comparison is Comparison.TEXT_C and subject.name)
    return native if native and holds(subject.column.charset, text) else ""


def _check_sorted(subject: Subject) -> None:
    """Raise if the server sorts by the beginning of values only."""
    if subject.kind not in (Kind.TEXT, Kind.BYTES):
        return
    column = subject.column
    if column.comparison is Comparison.TEXT_CAST:
        whole = column.base_type not in _LONG_TEXTS
    else:
        declared = _LENGTH.fullmatch(column.source_type)
        unit = _BYTES_PER_CHARACTER if subject.kind is Kind.TEXT else 1
        whole = declared is not None and int(declared[1]) * unit <= _SORTED_BYTES
    if not whole:
        raise NotPushedError(
            f"The order is by {column.name}, of which the server sorts {_SORTED_BYTES} bytes."
        )

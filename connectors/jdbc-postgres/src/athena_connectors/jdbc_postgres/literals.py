"""Names and values as SQL text of PostgreSQL.

COPY takes no parameters, so values stand in the statement itself. SQLAlchemy quotes names
and texts; sessions have ``standard_conforming_strings`` on, so a backslash is a character
as any other, and a percent sign is not doubled because nothing formats the text.
"""

from __future__ import annotations

import math
import re
from functools import cache
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from athena_connectors.common.physical import Kind, kind_of
from athena_connectors.common.sql.spelling import (
    LAST_MS,
    date_text,
    decimal_text,
    instant_ms,
    signed,
    time_text,
    truth_text,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from athena_connectors.common.valueset import Value

__all__ = [
    "array_literal",
    "content_of",
    "identifier",
    "literal",
    "quoted",
    "server_type",
    "typed",
]

_INT4_MAX = 2**31 - 1
_PLAIN_ELEMENT = re.compile(r"[0-9A-Za-z.+\-]+", re.ASCII)
_INTEGERS = {8: "int2", 16: "int2", 32: "int4", 64: "int8"}
_TYPES = {
    Kind.DECIMAL: "numeric",
    Kind.TEXT: "text",
    Kind.BYTES: "bytea",
    Kind.BOOLEAN: "bool",
    Kind.DATE: "date",
    Kind.DATETIME: "timestamp",
    Kind.INSTANT: "timestamptz",
}


@cache
def _dialect() -> Any:
    from sqlalchemy.dialects.postgresql.base import PGDialect  # noqa: PLC0415

    return PGDialect(paramstyle="named")  # type: ignore[no-untyped-call]  # SQLAlchemy's gap


@cache
def _text_processor() -> Callable[[str], str]:
    from sqlalchemy import String  # noqa: PLC0415

    string: Any = String()
    processor: Callable[[str], str] = string.literal_processor(_dialect())
    return processor


def identifier(name: str) -> str:
    """Return a name in double quotes."""
    text: str = _dialect().identifier_preparer.quote_identifier(name)
    return text


def quoted(text: str) -> str:
    """Return a text in single quotes; it must not hold U+0000 or half a surrogate pair."""
    return _text_processor()(text)


def server_type(type_: Any) -> str:
    """Return the server's type for constants of an engine type that can be compared."""
    match kind_of(type_):
        case Kind.INTEGER:
            return _INTEGERS[type_.bit_width]
        case Kind.FLOAT:
            return "float4" if type_ == pa.float32() else "float8"
        case kind:
            return _TYPES[kind]


def content_of(value: Value, type_: pa.DataType) -> str:
    """Return a physical value as the server spells it, without quotes.

    Dates must lie between ``FIRST_DAY`` and ``LAST_DAY``; times between ``FIRST_MS`` and
    1 ms after ``LAST_MS``, the exclusive end of that.
    """
    return _SPELLINGS.get(kind_of(type_), str)(value)


def typed(content: str, type_name: str) -> str:
    """Return a constant of a type; a text without a cast, so that it takes its neighbour's.

    Numbers that the server would read as such stand for themselves.
    """
    match type_name:
        case "text":
            return quoted(content)
        case "bool":
            return content
        case "numeric":
            return signed(content)
        case "int2" | "int4" | "int8" if abs(int(content)) <= _INT4_MAX:
            return signed(content)
        case _:
            return f"{quoted(content)}::{type_name}"


def literal(value: Value, type_: pa.DataType) -> str:
    """Return a physical value as a constant."""
    return typed(content_of(value, type_), server_type(type_))


def array_literal(contents: Iterable[str], type_name: str) -> str:
    """Return an array constant; without ``type_name`` it takes its neighbour's type."""
    body = quoted("{" + ",".join(map(_element, contents)) + "}")
    return f"{body}::{type_name}[]" if type_name else body


def _element(content: str) -> str:
    # Bare NULL would be a null; a text of any other plain letters needs no quotes.
    if _PLAIN_ELEMENT.fullmatch(content) and content.upper() != "NULL":
        return content
    escaped = content.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _float(number: float) -> str:
    if math.isnan(number):
        return "NaN"
    if math.isinf(number):
        return "Infinity" if number > 0 else "-Infinity"
    return repr(number)


def _octets(value: bytes) -> str:
    return rf"\x{value.hex()}"


def _wall_clock(ms: int) -> str:
    return time_text(ms) if ms <= LAST_MS else "10000-01-01 00:00:00"


def _instant(packed: int) -> str:
    return f"{_wall_clock(instant_ms(packed))}+00"


_SPELLINGS: dict[Kind, Callable[[Any], str]] = {
    Kind.BOOLEAN: truth_text,
    Kind.DECIMAL: decimal_text,
    Kind.FLOAT: _float,
    Kind.BYTES: _octets,
    Kind.DATE: date_text,
    Kind.DATETIME: _wall_clock,
    Kind.INSTANT: _instant,
}

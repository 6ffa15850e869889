"""Names and values as SQL text of MySQL.

Values stand in the statement itself. A text is quoted only if it is plain ASCII without a
backslash, and is hexadecimal otherwise: that means the same whatever ``sql_mode`` and the
session's character set and collation are.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from athena_connectors.common.physical import Kind, kind_of
from athena_connectors.common.sql.spelling import (
    date_text,
    decimal_text,
    signed,
    time_text,
    truth_text,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    import pyarrow as pa
    from athena_connectors.common.valueset import Value

__all__ = ["OCTETS", "content_of", "identifier", "server_type", "typed"]

OCTETS = "octets"
"""Type of a text as the bytes that UTF-8 makes of it."""

_PLAIN = re.compile(r"[ -\[\]-~]*", re.ASCII)
_TYPES = {
    Kind.INTEGER: "number",
    Kind.DECIMAL: "number",
    Kind.FLOAT: "double",
    Kind.TEXT: "text",
    Kind.BYTES: "bytes",
    Kind.BOOLEAN: "bool",
    Kind.DATE: "date",
    Kind.DATETIME: "datetime",
}


def identifier(name: str) -> str:
    """Return a name in backticks."""
    return "`{}`".format(name.replace("`", "``"))


def server_type(type_: Any) -> str:
    """Return the type of constants of an engine type that can be compared."""
    return _TYPES[kind_of(type_)]


def content_of(value: Value, type_: pa.DataType) -> str:
    """Return a physical value as the server spells it, without quotes.

    Floats must be finite; dates lie between ``FIRST_DAY`` and ``LAST_DAY``, times between
    ``FIRST_MS`` and ``LAST_MS``.
    """
    return _SPELLINGS.get(kind_of(type_), str)(value)


def typed(content: str, type_name: str) -> str:
    """Return a constant of a type.

    Args:
        content: What ``content_of`` returned.
        type_name: A type of ``server_type``, or ``OCTETS`` for the content of a text.
    """
    match type_name:
        case "text":
            return _quoted(content, "_utf8mb4")
        case "octets":
            return _quoted(content, "_binary")
        case "bytes":
            return f"X'{content}'"
        case "date":
            return f"DATE'{content}'"
        case "datetime":
            return f"TIMESTAMP'{content}'"
        case "bool":
            return content
        case _:
            return signed(content)


def _quoted(text: str, introducer: str) -> str:
    if _PLAIN.fullmatch(text):
        return "{}'{}'".format(introducer, text.replace("'", "''"))
    return f"{introducer} X'{text.encode().hex()}'"


def _float(number: float) -> str:
    # Without an exponent, it would be a decimal.
    text = repr(number)
    return text if "e" in text else f"{text}e0"


_SPELLINGS: dict[Kind, Callable[[Any], str]] = {
    Kind.BOOLEAN: truth_text,
    Kind.DECIMAL: decimal_text,
    Kind.FLOAT: _float,
    Kind.BYTES: bytes.hex,
    Kind.DATE: date_text,
    Kind.DATETIME: time_text,
}

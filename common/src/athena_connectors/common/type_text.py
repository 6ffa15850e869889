"""Types as text: as Athena writes them, and as Glue, Hive and people do.

``type_text`` writes one form, Athena's; ``parse_type`` reads that and all others. Reading
what was written gives the same type.

| Text, in any case | Arrow type |
|---|---|
| ``boolean`` | bool |
| ``tinyint``, ``smallint``, ``int`` or ``integer``, ``bigint`` | int8, int16, int32, int64 |
| ``real`` or ``float``, ``double`` | float32, float64 |
| ``decimal(p,s)``, ``decimal(p,s,w)`` | decimal128(p, s) |
| ``decimal(p)``, ``decimal`` | decimal128(p, 0), decimal128(38, 18) |
| ``varchar`` or ``string``, ``varchar(n)``, ``char(n)`` | string |
| ``varbinary`` or ``binary`` | binary |
| ``date`` | date32 |
| ``timestamp``, ``timestamp(p)``, ``timestamp_ntz`` | timestamp('ms') |
| ``timestamp with time zone``, ``timestamptz``, ``timestamp_ltz`` | timestamp('ms', 'UTC') |
| ``array(T)``, ``array<T>``, ``set<T>`` | list |
| ``row(a T, "b" U)``, ``struct<a:T,b:U>`` | struct |
| ``map(K, V)``, ``map<K,V>`` | map |

Each name may have its brackets round or pointed. A field's name that is no plain word is
written in double quotes, with those inside doubled; back quotes are read as well, and a
backslash before a sign that would end a name.

Source: Athena user guide, "Data types"; Java reference, the Glue type parser, for a
``decimal`` without digits, ``decimal(p,s,w)``, ``set`` and the backslash.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple, TypeVar

import pyarrow as pa
from athena_connectors.common.types import engine_type

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["parse_type", "type_text"]

T = TypeVar("T")

MAX_DIGITS = 38
MAX_DEPTH = 64
"""Levels of a type that is read; deeper ones are taken for no type."""
MAX_NUMBER_DIGITS = 10
"""Enough for the longest ``varchar``, 2147483647."""

_PLAIN: dict[str, pa.DataType] = {
    "boolean": pa.bool_(),
    "tinyint": pa.int8(),
    "smallint": pa.int16(),
    "integer": pa.int32(),
    "int": pa.int32(),
    "bigint": pa.int64(),
    "real": pa.float32(),
    "float": pa.float32(),
    "double": pa.float64(),
    "varchar": pa.string(),
    "string": pa.string(),
    "char": pa.string(),
    "varbinary": pa.binary(),
    "binary": pa.binary(),
    "date": pa.date32(),
    "decimal": pa.decimal128(MAX_DIGITS, 18),
    "timestamp": pa.timestamp("ms"),
    "timestamp_ntz": pa.timestamp("ms"),
    "timestamptz": pa.timestamp("ms", "UTC"),
    "timestamp_ltz": pa.timestamp("ms", "UTC"),
}

_NAMES: dict[pa.DataType, str] = {
    pa.bool_(): "boolean",
    pa.int8(): "tinyint",
    pa.int16(): "smallint",
    pa.int32(): "integer",
    pa.int64(): "bigint",
    pa.float32(): "real",
    pa.float64(): "double",
    pa.string(): "varchar",
    pa.binary(): "varbinary",
    pa.date32(): "date",
    pa.date64(): "timestamp(3)",
}

_PLAIN_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_TOKEN = re.compile(
    r"""\s*(?: (?P<sign>[()<>,:])
             | "(?P<double>(?:[^"]|"")*)"
             | `(?P<back>(?:[^`]|``)*)`
             | (?P<word>(?:\\.|[^\s()<>,:"`\\])(?:\\.|[^\s()<>,:\\])*)
        )""",
    re.VERBOSE | re.DOTALL,
)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_CLOSING = {"(": ")", "<": ">"}


def type_text(type_: pa.DataType) -> str:
    """Return a type as Athena writes it, for any type that ``types.engine_type`` answers.

    Times are those of ``timestamp(3)``, and zones that are not UTC are not told.

    Raises:
        UnsupportedTypeError: Athena has nothing for it.
    """
    return _written(engine_type(type_))


def parse_type(text: str) -> pa.DataType | None:
    """Return the type that a text names, or ``None`` if it names none that can be read.

    Args:
        text: In Athena's, Glue's or Hive's way.
    """
    tokens = _tokens(text)
    if tokens is None:
        return None
    reader = _Reader(tokens)
    try:
        found = reader.type_(depth=0)
    except _NoType:
        return None
    return found if reader.at_end else None


def _written(type_: pa.DataType) -> str:
    if type_ in _NAMES:
        return _NAMES[type_]
    match type_:
        case pa.Decimal128Type():
            return f"decimal({type_.precision},{type_.scale})"
        case pa.TimestampType():
            return "timestamp(3) with time zone"
        case pa.MapType():
            return f"map({_written(type_.key_type)}, {_written(type_.item_type)})"
        case pa.ListType():
            return f"array({_written(type_.value_type)})"
        case pa.StructType():
            parts = (f"{_field_name(field.name)} {_written(field.type)}" for field in type_.fields)
            return f"row({', '.join(parts)})"
        case _:
            raise AssertionError(type_)


def _field_name(name: str) -> str:
    if _PLAIN_NAME.fullmatch(name):
        return name
    doubled = name.replace('"', '""')
    return f'"{doubled}"'


class _NoType(Exception):  # noqa: N818 - never leaves this module
    """The text names no type."""


class _Token(NamedTuple):
    """A sign, a word, or a name in quotes."""

    kind: str
    text: str


def _tokens(text: str) -> list[_Token] | None:
    """Return the words and signs of a text, or ``None`` if there is something else in it."""
    found: list[_Token] = []
    place, text = 0, text.rstrip()
    while place < len(text):
        match = _TOKEN.match(text, place)
        if match is None:
            return None
        found.append(_token(match))
        place = match.end()
    return found


def _token(match: re.Match[str]) -> _Token:
    kind = match.lastgroup or ""
    content = match[kind]
    match kind:
        case "double":
            return _Token("quoted", content.replace('""', '"'))
        case "back":
            return _Token("quoted", content.replace("``", "`"))
        case "word":
            return _Token("word", _ESCAPED.sub(r"\1", content))
        case _:
            return _Token("sign", content)


class _Reader:
    """Reads a type from words and signs, from left to right."""

    def __init__(self, tokens: Sequence[_Token]) -> None:
        self._tokens = tokens
        self._place = 0

    @property
    def at_end(self) -> bool:
        return self._place == len(self._tokens)

    def type_(self, *, depth: int) -> pa.DataType:
        if depth > MAX_DEPTH:
            raise _NoType
        kind = self._word().lower()
        match kind:
            case "array" | "set":
                (element,) = self._arguments(lambda: self.type_(depth=depth + 1), count=1)
                return pa.list_(element)
            case "map":
                key, value = self._arguments(lambda: self.type_(depth=depth + 1), count=2)
                return pa.map_(key, value)
            case "row" | "struct":
                return pa.struct(self._arguments(lambda: self._field(depth=depth + 1)))
            case _:
                return self._scalar(kind)

    def _field(self, *, depth: int) -> pa.Field[pa.DataType]:
        name = self._name()
        if self._is_sign(":"):
            self._place += 1
        return pa.field(name, self.type_(depth=depth))

    def _scalar(self, kind: str) -> pa.DataType:
        found = _PLAIN.get(kind)
        if found is None:
            raise _NoType
        numbers = self._arguments(self._number) if self._is_sign("(") else []
        if kind == "timestamp":
            found = _PLAIN["timestamptz"] if self._has_zone() else found
        if not numbers:
            return found
        match kind, numbers:
            case "decimal", [digits, *rest] if len(rest) <= 2:  # noqa: PLR2004 - scale, width
                return _decimal(digits, rest[0] if rest else 0)
            case "varchar" | "char" | "timestamp", [_]:
                return found
            case _:
                raise _NoType

    def _has_zone(self) -> bool:
        """Read ``with`` or ``without time zone``, if it comes next."""
        ahead = self._tokens[self._place : self._place + 3]
        words = [token.text.lower() for token in ahead]
        if words not in (["with", "time", "zone"], ["without", "time", "zone"]):
            return False
        self._place += 3
        return words[0] == "with"

    def _arguments(self, read: Callable[[], T], *, count: int | None = None) -> list[T]:
        opening = self._next()
        if opening.kind != "sign" or opening.text not in _CLOSING:
            raise _NoType
        found = [read()]
        while self._is_sign(","):
            self._place += 1
            found.append(read())
        if self._next() != _Token("sign", _CLOSING[opening.text]):
            raise _NoType
        if count is not None and len(found) != count:
            raise _NoType
        return found

    def _number(self) -> int:
        word = self._word()
        if not (word.isascii() and word.isdecimal() and len(word) <= MAX_NUMBER_DIGITS):
            raise _NoType
        return int(word)

    def _word(self) -> str:
        token = self._next()
        if token.kind != "word":
            raise _NoType
        return token.text

    def _name(self) -> str:
        token = self._next()
        if token.kind == "sign":
            raise _NoType
        return token.text

    def _next(self) -> _Token:
        if self.at_end:
            raise _NoType
        token = self._tokens[self._place]
        self._place += 1
        return token

    def _is_sign(self, sign: str) -> bool:
        return not self.at_end and self._tokens[self._place] == _Token("sign", sign)


def _decimal(digits: int, scale: int) -> pa.DataType:
    if not (1 <= digits <= MAX_DIGITS and scale <= digits):
        raise _NoType
    return pa.decimal128(digits, scale)

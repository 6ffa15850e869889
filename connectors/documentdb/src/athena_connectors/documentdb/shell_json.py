"""Values as people write them for MongoDB: JSON, extended JSON and the forms of its shell.

Beside JSON there are texts in single quotes, names without quotes, ``/patterns/``, ``NaN``,
``Infinity``, ``undefined``, ``MinKey``, ``MaxKey`` and calls such as ``ObjectId("…")`` and
``ISODate("…")``, with or without ``new``. Pure; nothing that is written is executed.

Source: the reference's list of what the Java connector's filters may hold, and MongoDB manual,
"MongoDB Extended JSON (v2)".
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from athena_connectors.common.errors import InvalidRequestError
from athena_connectors.documentdb.shell_values import (
    CONSTANTS,
    CONSTRUCTORS,
    extended_value,
    regex_of,
)
from bson.errors import BSONError
from bson.int64 import Int64

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["MAX_DEPTH", "parse_shell_json"]

MAX_DEPTH = 100
"""Documents and arrays within each other that MongoDB takes at most."""

_CONTEXT = 20
"""Characters of the text that an error shows."""
_ESCAPES = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v", "0": "\0"}
_ESCAPE = re.compile(r"\\(?:u([0-9A-Fa-f]{4})|x([0-9A-Fa-f]{2})|(.))", re.DOTALL)
_SURROGATES = re.compile(r"[\ud800-\udbff][\udc00-\udfff]")
_MAX_INT, _MAX_LONG = 1 << 31, 1 << 63


@dataclass(frozen=True, slots=True)
class _Token:
    """One token.

    Attributes:
        kind: ``text`` for one in quotes, ``regex``, ``number``, ``word``, ``symbol``, or
            ``end``.
        text: As it is written.
        start: Where it begins.
    """

    kind: str
    text: str
    start: int


def parse_shell_json(text: str, *, name: str) -> Any:
    """Read one value.

    Documents come out as ``dict`` in the order of their names, the last of equal names wins;
    dates as ``DatetimeMS``; whole numbers as ``int``, those of 64 bits as ``Int64``.

    Args:
        text: What is written.
        name: What it is, for errors.

    Raises:
        InvalidRequestError: It is no such value; the text tells where.
    """
    return _Parser(text, name).whole()


class _Parser:
    """Reads tokens from left to right, each once."""

    def __init__(self, text: str, name: str) -> None:
        self._text = text
        self._name = name
        self._tokens = self._scan()
        self._next = next(self._tokens)
        self._depth = 0

    def whole(self) -> Any:
        """Read the only value."""
        value = self._value()
        if self._next.kind != "end":
            raise self._fault(self._next, "only one value is expected")
        return value

    def _value(self) -> Any:
        token = self._take()
        match token.kind:
            case "text":
                return self._unquoted(token)
            case "number":
                return self._number(token)
            case "regex":
                pattern, _, flags = token.text[1:].rpartition("/")
                return self._made(token, lambda: regex_of(pattern, flags))
            case "word":
                return self._word(token)
        if token.text not in ("{", "["):
            raise self._fault(token, "a value is expected")
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise self._fault(token, f"it is nested deeper than {MAX_DEPTH} levels")
        value = self._document() if token.text == "{" else self._items("]")
        self._depth -= 1
        return value

    def _document(self) -> Any:
        """Read a document, or the value that it stands for in extended JSON."""
        start = self._next
        found: dict[str, Any] = {}
        while not self._skip("}"):
            key = self._take()
            if key.kind not in ("text", "word"):
                raise self._fault(key, "a name is expected")
            name = self._unquoted(key) if key.kind == "text" else key.text
            if not self._skip(":"):
                raise self._fault(self._next, "a colon is expected")
            found[name] = self._value()
            if not self._skip(",") and self._next.text != "}":
                raise self._fault(self._next, "a comma or a closing brace is expected")
        return self._made(start, lambda: extended_value(found))

    def _items(self, closing: str) -> list[Any]:
        found: list[Any] = []
        while not self._skip(closing):
            found.append(self._value())
            if not self._skip(",") and not self._is_symbol(closing):
                raise self._fault(self._next, f"a comma or {closing} is expected")
        return found

    def _word(self, token: _Token) -> Any:
        if token.text == "new":
            token = self._take()
            if token.text not in CONSTRUCTORS:
                raise self._fault(token, "new stands in front of a call")
        if token.text in CONSTRUCTORS and self._skip("("):
            arguments = self._items(")")
            return self._made(token, lambda: CONSTRUCTORS[token.text](*arguments))
        if token.text in CONSTANTS:
            return CONSTANTS[token.text]
        raise self._fault(token, "texts stand in quotes")

    def _number(self, token: _Token) -> Any:
        text = token.text
        if text.lstrip("+-") in CONSTANTS:
            return -math.inf if text.startswith("-") else math.inf
        if not re.fullmatch(r"[+-]?\d+", text):
            return float(text)
        number = int(text) if len(text) < _CONTEXT + 1 else _MAX_LONG
        if not -_MAX_LONG <= number < _MAX_LONG:
            raise self._fault(token, "whole numbers have 64 bits; write NumberDecimal('…')")
        return number if -_MAX_INT <= number < _MAX_INT else Int64(number)

    def _unquoted(self, token: _Token) -> str:
        """Return a text in quotes without them, with its escapes resolved."""
        text = token.text[1:-1]
        if "\\" in text:
            text = _ESCAPE.sub(_resolved, text)
            text = _SURROGATES.sub(_joined, text)
        if any("\ud800" <= letter <= "\udfff" for letter in text):
            raise self._fault(token, "half a letter is no text")
        return text

    def _made(self, token: _Token, make: Any) -> Any:
        """Make a value of what is written."""
        try:
            return make()
        except (ValueError, TypeError, ArithmeticError, BSONError) as cause:
            raise self._fault(token, "what is given is no such value") from cause

    def _skip(self, symbol: str) -> bool:
        found = self._is_symbol(symbol)
        if found:
            self._take()
        return found

    def _is_symbol(self, symbol: str) -> bool:
        return self._next.kind == "symbol" and self._next.text == symbol

    def _take(self) -> _Token:
        token = self._next
        if token.kind != "end":
            self._next = next(self._tokens)
        return token

    def _scan(self) -> Iterator[_Token]:
        position = 0
        while found := _token().match(self._text, position):
            token = _Token(found.lastgroup or "", found[0], position)
            position = found.end()
            if token.kind == "open":
                raise self._fault(token, "it is not closed")
            if token.kind != "space":
                yield token
        yield _Token("end", "", len(self._text))

    def _fault(self, token: _Token, fact: str) -> InvalidRequestError:
        place = token.start
        shown = self._text[place : place + _CONTEXT] or "its end"
        return InvalidRequestError(
            f"{self._name} can't be read at character {place + 1}, at {shown!r}: {fact}.",
            hint="Write JSON, extended JSON or the shell's forms, such as"
            " {name: 'Ann', _id: ObjectId('65920080f1d2c3b4a5968778')}.",
        )


@cache
def _token() -> re.Pattern[str]:
    """Return the pattern of a token; compiled when first needed, because that takes a while."""
    return re.compile(
        r"""
      (?P<space> \s+ )
    | (?P<text> "(?:[^"\\]|\\.)*+" | '(?:[^'\\]|\\.)*+' )
    | (?P<regex> /(?:[^/\\\n]|\\.)++/\w* )
    | (?P<open> ["'/] )
    | (?P<number> [+-]?(?: \d+(?:\.\d*)?(?:[eE][+-]?\d+)? | \.\d+(?:[eE][+-]?\d+)? | Infinity\b ) )
    | (?P<word> [^\W\d][\w$]* | \$[\w$]* )
    | (?P<symbol> . )
    """,
        re.VERBOSE | re.DOTALL,
    )


def _resolved(found: re.Match[str]) -> str:
    code = found[1] or found[2]
    return chr(int(code, 16)) if code else _ESCAPES.get(found[3], found[3])


def _joined(found: re.Match[str]) -> str:
    return found[0].encode("utf-16", "surrogatepass").decode("utf-16")

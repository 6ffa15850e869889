"""Texts in Logs Insights QL: which columns a result has, as far as the text tells.

Pure and total: what is not understood is left to the service, which reads the rest. A name
is told only where the service can but write it in this one way.

Source: CloudWatch Logs user guide, "CloudWatch Logs Insights language query syntax".
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["TextColumns", "columns_of", "selects_groups", "string_literal"]

_OPENING = frozenset("([{")
_CLOSING = frozenset(")]}")
_NO_COLUMNS = frozenset({"dedup", "filter", "filterindex", "limit", "sort"})
"""Commands that leave the columns as they are."""
_BEFORE_REGEX = frozenset({"like", "=~", "(", ",", "[", "="})
_CALL = re.compile(r"[a-z_]\w*\((?:\*|[@\w.]*)\)", re.ASCII)
"""A call that is written just as the service writes it in the name of a column."""
_NAMED_GROUP = re.compile(r"\(\?<([A-Za-z]\w*)>")
_PLAIN_TEXT = re.compile(r"[\w /.:;,@$#()\[\]{}<>=+~!?&%-]*", re.ASCII)


@dataclass(frozen=True, slots=True)
class TextColumns:
    """Columns that a text names.

    Attributes:
        names: Their names, in the order of the result.
        are_all: Whether the result can't have any other.
    """

    names: tuple[str, ...] = ()
    are_all: bool = False


@dataclass(frozen=True, slots=True)
class _Token:
    """One token.

    Attributes:
        kind: ``word``, ``name`` in backquotes, ``text``, ``regex`` or ``symbol``.
        text: As it is written.
        start: Where it begins.
        end: Where it ends.
    """

    kind: str
    text: str
    start: int
    end: int


def columns_of(text: str) -> TextColumns:
    """Return the columns that a query names."""
    tokens = _tokens(text)
    if tokens is None:
        return TextColumns()
    columns = _Columns(text)
    for command in _parts(tokens, "|"):
        columns.take(command)
    return columns.told()


def selects_groups(text: str) -> bool:
    """Tell whether a query names log groups itself, by a command SOURCE."""
    tokens = _tokens(text) or []
    for place, token in enumerate(tokens):
        before = tokens[place - 1].text if place else "|"
        behind = tokens[place + 1].kind if place + 1 < len(tokens) else ""
        if _is(token, "source") and (
            before == "|" or (before == "(" and behind in ("word", "text", "name"))
        ):
            return True
    return False


def string_literal(text: str) -> str | None:
    """Return a text as a string of the language.

    Returns:
        ``None`` if it has a character of which it is not certain how it has to be written.
    """
    return f'"{text}"' if _PLAIN_TEXT.fullmatch(text) else None


class _Columns:
    """What the commands before have made of the columns."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._names: list[str] = []
        self._are_all = True
        self._is_closed = False

    def take(self, command: Sequence[_Token]) -> None:
        """Go on by one command."""
        word = command[0].text.lower() if command and command[0].kind == "word" else ""
        rest = command[1:]
        if word in _NO_COLUMNS:
            return
        if word == "display":
            self._replace(_parts(rest, ","))
        elif word == "stats":
            aggregates, *groups = _split_at_by(rest)
            self._replace([item for part in (*groups, aggregates) for item in _parts(part, ",")])
        elif word == "fields":
            # Whether fields can be added to what ``stats`` or ``display`` left is not certain.
            self._are_all = self._are_all and not self._is_closed
            self._add(_parts(rest, ","))
        else:
            self._are_all = False
            if word == "parse":
                self._names += _parsed_names(rest)

    def told(self) -> TextColumns:
        """Return the columns behind the last command."""
        names = tuple(dict.fromkeys(self._names))
        return TextColumns(names, self._are_all and bool(names))

    def _replace(self, items: Sequence[Sequence[_Token]]) -> None:
        self._names, self._are_all, self._is_closed = [], True, True
        self._add(items)

    def _add(self, items: Sequence[Sequence[_Token]]) -> None:
        for item in items:
            name = self._name(item)
            if name is None:
                self._are_all = False
            else:
                self._names.append(name)

    def _name(self, item: Sequence[_Token]) -> str | None:
        """Return the name that an item of a list gets, if it is certain."""
        if not item:
            return None
        last = item[-1]
        is_named = bool(item[:-2]) and _is(item[-2], "as")
        if last.kind == "word" and not last.text[0].isdigit() and (is_named or len(item) == 1):
            return last.text
        written = self._text[item[0].start : last.end]
        return written if _CALL.fullmatch(written) else None


def _parsed_names(command: Sequence[_Token]) -> list[str]:
    """Return the names that a command ``parse`` gives to what it finds."""
    names = [name for token in command for name in _groups_of(token)]
    places = [place for place, token in enumerate(command) if _is(token, "as")]
    if places:
        names += [token.text for token in command[places[-1] + 1 :] if token.kind == "word"]
    return names


def _groups_of(token: _Token) -> list[str]:
    return _NAMED_GROUP.findall(token.text) if token.kind == "regex" else []


def _split_at_by(tokens: Sequence[_Token]) -> list[Sequence[_Token]]:
    """Return what ``stats`` computes and, if it is there, what it groups by."""
    depth = 0
    for place, token in enumerate(tokens):
        depth += _step(token)
        if not depth and _is(token, "by"):
            return [tokens[:place], tokens[place + 1 :]]
    return [tokens]


def _parts(tokens: Sequence[_Token], separator: str) -> list[Sequence[_Token]]:
    """Return what stands between separators that are in no brackets."""
    parts: list[Sequence[_Token]] = []
    depth = first = 0
    for place, token in enumerate(tokens):
        depth += _step(token)
        if not depth and token.kind == "symbol" and token.text == separator:
            parts.append(tokens[first:place])
            first = place + 1
    return [*parts, tokens[first:]]


def _step(token: _Token) -> int:
    is_symbol = token.kind == "symbol"
    return (is_symbol and token.text in _OPENING) - (is_symbol and token.text in _CLOSING)


def _is(token: _Token, word: str) -> bool:
    return token.kind == "word" and token.text.lower() == word


def _tokens(text: str) -> list[_Token] | None:
    """Return all tokens but blanks and comments; ``None`` if a quote is not closed."""
    tokens: list[_Token] = []
    position = 0
    while position < len(text):
        pattern = _regex() if _begins_regex(text[position], tokens) else _token()
        found = pattern.match(text, position)
        if found is None:
            return None
        kind = found.lastgroup or ""
        position = found.end()
        if kind == "open":
            return None
        if kind != "space":
            tokens.append(_Token(kind, found[0], found.start(), found.end()))
    return tokens


def _begins_regex(symbol: str, before: Sequence[_Token]) -> bool:
    """Tell whether a symbol begins a regular expression and is no sign of division."""
    if symbol != "/" or not before:
        return False
    if before[-1].text.lower() in _BEFORE_REGEX:
        return True
    starts = [place for place, token in enumerate(before) if token.text == "|"]
    command = before[starts[-1] + 1 :] if starts else before
    return bool(command) and _is(command[0], "parse")


@cache
def _token() -> re.Pattern[str]:
    """Return the pattern of a token; compiled when first needed, because that takes a while."""
    return re.compile(
        r"""
      (?P<space> \s+ | \#[^\n]* )
    | (?P<text> "(?:[^"\\]|\\.)*+" | '(?:[^'\\]|\\.)*+' )
    | (?P<name> `[^`]*+` )
    | (?P<open> ["'`] )
    | (?P<word> [@\w][@\w.]* )
    | (?P<symbol> =~ | . )
    """,
        re.VERBOSE | re.DOTALL,
    )


@cache
def _regex() -> re.Pattern[str]:
    return re.compile(r"(?P<regex>/(?:[^/\\\n]|\\.)++/)")

"""Native queries: one PartiQL statement that only reads, of a table that exists for Athena.

Pure. Only as much of the language is read as tells what kind of statement it is, and which
table and columns it names; DynamoDB reads the rest.

Source: DynamoDB developer guide, "PartiQL select statements for DynamoDB".
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from athena_connectors.common.errors import InvalidRequestError, UnsupportedOperationError

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["MAX_CHARACTERS", "Statement", "read_statement"]

MAX_CHARACTERS = 8192
"""Length of the longest statement that DynamoDB takes."""

_OPENING = frozenset("([{")
_CLOSING = frozenset(")]}")
_CLAUSES = frozenset({"WHERE", "ORDER"})
_EXAMPLE = 'Write SELECT … FROM "table" or FROM "table"."index", and then WHERE or ORDER BY.'


@dataclass(frozen=True, slots=True)
class Statement:
    """A native query.

    Attributes:
        text: What is sent, the same for each page; without comments.
        table: Name of the table, as it is written.
        index: Name of the index; empty for the table itself.
        columns: Names of the columns that are selected, those that have a plain one; none
            for ``*``.
    """

    text: str
    table: str
    index: str
    columns: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Token:
    """One token.

    Attributes:
        kind: ``bare`` for a name or word without quotes, ``name`` for a quoted one, ``text``,
            ``number`` or ``symbol``.
        text: As it is written; a quoted name without its quotes.
        start: Where it begins.
        end: Where it ends.
    """

    kind: str
    text: str
    start: int
    end: int


def read_statement(query: str) -> Statement:
    """Read a native query.

    Raises:
        InvalidRequestError: It is empty, too long, more than one statement, has a quote that
            is not closed, or it can't be told which table it reads.
        UnsupportedOperationError: It does not begin with SELECT, or has a literal of Ion.
    """
    tokens = _single_statement(_tokens(query))
    if not tokens:
        raise InvalidRequestError("The native query is empty.", hint=_EXAMPLE)
    if not _is_word(tokens[0], "SELECT"):
        raise UnsupportedOperationError(
            f"The native query begins with {tokens[0].text[:40]}; only SELECT is possible.",
            hint=_EXAMPLE,
        )
    text = _without_comments(query, tokens)
    if len(text) > MAX_CHARACTERS:
        raise InvalidRequestError(
            f"The native query has {len(text):,} characters; DynamoDB takes {MAX_CHARACTERS:,}.",
            hint="Shorten it, or query the table with a predicate.",
        )
    places = [place for place, token in enumerate(tokens) if _is_word(token, "FROM")]
    if len(places) != 1:
        raise _no_table(f"has {len(places)} FROM")
    (place,) = places
    table, index = _source(tokens[place + 1 :])
    return Statement(text, table, index, _columns(tokens[1:place]))


def _source(tokens: Sequence[_Token]) -> tuple[str, str]:
    """Return the names of table and index that stand behind FROM."""
    names = [token.text for token in tokens[:1] if token.kind in ("bare", "name")]
    rest = tokens[1:]
    if len(rest) > 1 and rest[0].text == "." and rest[1].kind in ("bare", "name"):
        names.append(rest[1].text)
        rest = rest[2:]
    if not names or not names[0]:
        raise _no_table("has no name of a table behind FROM")
    if rest and not (rest[0].kind == "bare" and rest[0].text.upper() in _CLAUSES):
        raise _no_table(f"has {rest[0].text[:40]!r} behind the name of its table")
    return names[0], names[1] if len(names) > 1 else ""


def _columns(tokens: Sequence[_Token]) -> tuple[str, ...]:
    """Return the names that a select list gives to those of its columns that are plain."""
    names: list[str] = []
    item: list[_Token] = []
    depth = 0
    for token in tokens:
        symbol = token.text if token.kind == "symbol" else ""
        depth += (symbol in _OPENING) - (symbol in _CLOSING)
        if symbol == "," and not depth:
            names += _name_of(item)
            item = []
        else:
            item.append(token)
    return tuple(dict.fromkeys((*names, *_name_of(item))))


def _name_of(item: Sequence[_Token]) -> list[str]:
    """Return the last name of an attribute or of a path of names; none for all else."""
    names, dots = item[::2], item[1::2]
    is_path = len(names) == len(dots) + 1 and all(dot.text == "." for dot in dots)
    if is_path and all(name.kind in ("bare", "name") for name in names):
        return [names[-1].text]
    return []


def _single_statement(tokens: list[_Token]) -> list[_Token]:
    """Return a statement without the semicolons at its end."""
    while tokens and tokens[-1].text == ";" and tokens[-1].kind == "symbol":
        tokens.pop()
    if any(token.text == ";" and token.kind == "symbol" for token in tokens):
        raise InvalidRequestError(
            "The native query is more than one statement.", hint="Pass one query at a time."
        )
    return tokens


def _without_comments(query: str, tokens: Sequence[_Token]) -> str:
    """Return a statement with a blank for all that stands between two of its tokens."""
    text = ""
    end = tokens[0].start
    for token in tokens:
        text += " " * (token.start > end) + query[token.start : token.end]
        end = token.end
    return text


def _tokens(query: str) -> list[_Token]:
    """Return all tokens but blanks and comments.

    Raises:
        InvalidRequestError: A comment or a quote is not closed.
    """
    tokens = []
    position = 0
    while found := _token().match(query, position):
        kind = found.lastgroup or ""
        position = found.end()
        if kind == "open":
            raise InvalidRequestError(
                f"The native query has a {found[0]} that is not closed.", hint="Close it."
            )
        if kind == "literal":
            raise UnsupportedOperationError(
                "The native query has a backquote.", hint="Write texts in single quotes."
            )
        if kind != "space":
            text = found[0][1:-1].replace('""', '"') if kind == "name" else found[0]
            tokens.append(_Token(kind, text, found.start(), found.end()))
    return tokens


@cache
def _token() -> re.Pattern[str]:
    """Return the pattern of a token; compiled when first needed, because that takes a while."""
    return re.compile(
        r"""
      (?P<space> \s+ | --[^\n\r]* | /\* .*? \*/ )
    | (?P<text> '(?:[^']|'')*+' )
    | (?P<name> "(?:[^"]|"")*+" )
    | (?P<open> ['"] | /\* )
    | (?P<literal> ` )
    | (?P<bare> [^\W\d][\w$]* )
    | (?P<number> [0-9]+ )
    | (?P<symbol> . )
    """,
        re.VERBOSE | re.DOTALL,
    )


def _is_word(token: _Token, word: str) -> bool:
    return token.kind == "bare" and token.text.upper() == word


def _no_table(fault: str) -> InvalidRequestError:
    return InvalidRequestError(
        f"It can't be told which table the native query reads: it {fault}.", hint=_EXAMPLE
    )

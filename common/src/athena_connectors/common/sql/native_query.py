"""Native queries: one statement that only reads, fit to stand in parentheses in FROM.

A query is cut into the tokens that its server has, so that it is known where it ends:
nothing of it may close the parentheses that it stands in, or begin a second statement.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from athena_connectors.common.errors import InvalidRequestError, UnsupportedOperationError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

__all__ = ["Lexicon", "Token", "normalise", "several_statements"]

_COMMENT_END = re.compile(r"/\*|\*/")
_SHOWN = 40


class Token(NamedTuple):
    """A piece of a query that is no blank and no comment.

    Attributes:
        text: As it is written.
        end: Position behind it.
        kind: The name of the pattern's group that it matched.
    """

    text: str
    end: int
    kind: str


def _nothing(_tokens: list[Token]) -> None:
    pass


@dataclass(frozen=True, slots=True)
class Lexicon:
    """How a server reads a text.

    Attributes:
        token: Returns the pattern of a token; it matches wherever a text is left. Its
            groups ``space``, ``comment`` (the beginning of a comment that may have others
            in it) and ``open`` (a quote that nothing closes) have these meanings.
        reading: Words that a query may begin with, in capitals.
        hints: What to do instead of some other statements, by their first words.
        check: Refuses further tokens, of a query that is one statement.
    """

    token: Callable[[], re.Pattern[str]]
    reading: tuple[str, ...]
    hints: Mapping[str, str] = field(default_factory=dict)
    check: Callable[[list[Token]], None] = _nothing

    @property
    def only_reads(self) -> str:
        """What a query has to be, for people."""
        *others, last = self.reading
        return f"Write a query that begins with {', '.join(others)} or {last}."


def normalise(query: str, lexicon: Lexicon) -> str:
    """Return a query without semicolons and comments at its end.

    Raises:
        InvalidRequestError: It is empty or more than one statement, or a parenthesis or
            quote is not closed.
        UnsupportedOperationError: It is of a kind that can't stand in FROM.
    """
    kept = _single_statement(_tokens(query, lexicon))
    words = [token.text.upper() for token in kept if token.text not in ("(", ")")]
    if not words:
        raise InvalidRequestError("The native query is empty.", hint=lexicon.only_reads)
    if words[0] not in lexicon.reading:
        raise UnsupportedOperationError(
            f"The native query begins with {words[0][:_SHOWN]}, which can't be read as a table.",
            hint=lexicon.hints.get(words[0], lexicon.only_reads),
        )
    lexicon.check(kept)
    return query[: kept[-1].end].strip()


def several_statements() -> InvalidRequestError:
    """Return the error for a query that is more than one statement."""
    return InvalidRequestError(
        "The native query is more than one statement.", hint="Pass one query at a time."
    )


def _tokens(query: str, lexicon: Lexicon) -> Iterator[Token]:
    position = 0
    while found := lexicon.token().match(query, position):
        kind = found.lastgroup or ""
        position = found.end()
        if kind == "comment":
            position = _after_comment(query, position)
        elif kind == "open":
            raise _unclosed(found[0])
        elif kind != "space":
            yield Token(found[0], position, kind)


def _after_comment(query: str, position: int) -> int:
    depth = 1
    while depth:
        found = _COMMENT_END.search(query, position)
        if found is None:
            raise _unclosed("/*")
        depth += 1 if found[0] == "/*" else -1
        position = found.end()
    return position


def _unclosed(quote: str) -> InvalidRequestError:
    return InvalidRequestError(
        f"The native query has a {quote} that is not closed.", hint="Close it."
    )


def _single_statement(tokens: Iterable[Token]) -> list[Token]:
    kept: list[Token] = []
    depth = 0
    ended = False
    for token in tokens:
        if token.text == ";" and not depth:
            ended = True
            continue
        if ended:
            raise several_statements()
        depth += {"(": 1, ")": -1}.get(token.text, 0)
        if depth < 0:
            break
        kept.append(token)
    if depth:
        raise InvalidRequestError(
            "The native query has a parenthesis too many or too few.",
            hint="Check its text.",
        )
    return kept

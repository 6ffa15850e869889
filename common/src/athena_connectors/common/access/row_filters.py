"""The small SQL of row filters, read into trees.

    condition   = conjunction { OR conjunction }
    conjunction = negation { AND negation }
    negation    = NOT negation | ( condition ) | test
    test        = operand
                | operand ( = | <> | != | < | <= | > | >= ) operand
                | operand IS [ NOT ] NULL
                | operand [ NOT ] IN ( value { , value } )
                | operand [ NOT ] BETWEEN operand AND operand
                | operand [ NOT ] LIKE value
    operand     = column | value
    value       = text | number | TRUE | FALSE | DATE text | TIMESTAMP text
                | current_account | current_arn

Texts stand in single quotes, columns may stand in double ones; a quote inside is doubled.
Words are taken in any case.

Read by hand: a library for SQL would take several megabytes of each function's package and
200 ms of each cold start.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import NamedTuple

from athena_connectors.common.comparisons import COMPARISONS

__all__ = [
    "Column",
    "Comparison",
    "Condition",
    "Current",
    "FilterError",
    "Literal",
    "Logical",
    "Membership",
    "Negation",
    "NullTest",
    "Operand",
    "PatternTest",
    "RowFilter",
    "Truth",
    "parse_row_filter",
]

MAX_DEPTH = 50
"""Levels of parentheses and NOT."""
MAX_CHARACTERS = 10_000


class FilterError(ValueError):
    """A row filter is malformed or does not go with its table; the text says why."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column, by its name as the filter spells it."""

    name: str


@dataclass(frozen=True, slots=True)
class Literal:
    """A constant.

    Attributes:
        value: A text, number or boolean, or milliseconds of a date's or timestamp's clock.
        kind: ``text``, ``number``, ``boolean``, ``date`` or ``timestamp``.
    """

    value: str | Decimal | bool | int
    kind: str


@dataclass(frozen=True, slots=True)
class Current:
    """What is known of the caller: ``account`` or ``arn``."""

    what: str


Operand = Column | Literal | Current


@dataclass(frozen=True, slots=True)
class Truth:
    """An operand that is true or false by itself."""

    operand: Operand


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two operands, and the symbol between them, one of ``comparisons.COMPARISONS``."""

    symbol: str
    left: Operand
    right: Operand


@dataclass(frozen=True, slots=True)
class NullTest:
    """Whether an operand is NULL."""

    operand: Operand


@dataclass(frozen=True, slots=True)
class Membership:
    """Whether an operand is one of some values."""

    operand: Operand
    values: tuple[Operand, ...]


@dataclass(frozen=True, slots=True)
class PatternTest:
    """Whether a text is LIKE a pattern."""

    operand: Operand
    pattern: Operand


@dataclass(frozen=True, slots=True)
class Negation:
    """What is true where a condition is false."""

    part: Condition


@dataclass(frozen=True, slots=True)
class Logical:
    """Several conditions, joined by ``and`` or ``or``."""

    word: str
    parts: tuple[Condition, ...]


Condition = Truth | Comparison | NullTest | Membership | PatternTest | Negation | Logical


@dataclass(frozen=True, slots=True)
class RowFilter:
    """A filter that was read.

    Attributes:
        text: As it was written.
        condition: What it says.
    """

    text: str
    condition: Condition


def parse_row_filter(text: str) -> RowFilter:
    """Read a row filter.

    Raises:
        FilterError: It is malformed; the text tells the character, counted from 1.
    """
    if len(text) > MAX_CHARACTERS:
        raise FilterError(f"it has more than {MAX_CHARACTERS:,} characters")
    return RowFilter(text, _Parser(text).whole())


class _Token(NamedTuple):
    kind: str
    text: str
    place: int


_TOKEN = re.compile(
    r"""(?P<blank>\s+)
    | (?P<text>'(?:[^']|'')*')
    | (?P<quoted>"(?:[^"]|"")+")
    | (?P<number>-?(?:\d+(?:\.\d*)?|\.\d+))(?![\w.])
    | (?P<word>[^\W\d]\w*)
    | (?P<symbol><=|>=|<>|!=|[=<>(),])
    """,
    re.VERBOSE,
)
_SYMBOLS = frozenset(COMPARISONS.values()) | {"!="}
_RESERVED = frozenset({"and", "between", "false", "in", "is", "like", "not", "null", "or", "true"})
_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - a wall clock
_DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_TIMESTAMP = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d(:\d\d(\.\d{1,3})?)?", re.ASCII)


def _tokens(text: str) -> list[_Token]:
    found, place = [], 0
    while place < len(text):
        match = _TOKEN.match(text, place)
        if match is None:
            raise _fault(f"{text[place]!r} can't stand here", place)
        if match.lastgroup != "blank":
            found.append(_Token(str(match.lastgroup), match[0], place))
        place = match.end()
    return [*found, _Token("end", "", len(text))]


def _fault(what: str, place: int) -> FilterError:
    return FilterError(f"at character {place + 1}: {what}")


class _Parser:
    """Reads one filter from left to right."""

    def __init__(self, text: str) -> None:
        self._tokens = _tokens(text)
        self._place = 0
        self._depth = 0

    def whole(self) -> Condition:
        found = self._condition()
        if self._next.kind != "end":
            raise self._unexpected("AND, OR or the end")
        return found

    @property
    def _next(self) -> _Token:
        return self._tokens[self._place]

    def _unexpected(self, wanted: str) -> FilterError:
        token = self._next
        shown = repr(token.text) if token.text else "the end"
        return _fault(f"{shown} stands where {wanted} is expected", token.place)

    def _word(self, *words: str) -> bool:
        """Take some words, if they are all next."""
        ahead = self._tokens[self._place : self._place + len(words)]
        if [token.text.lower() for token in ahead if token.kind == "word"] != list(words):
            return False
        self._place += len(words)
        return True

    def _symbol(self, *symbols: str) -> str | None:
        """Take one of some symbols, if it is next."""
        token = self._next
        if token.kind != "symbol" or token.text not in symbols:
            return None
        self._place += 1
        return token.text

    def _require(self, symbol: str) -> None:
        if self._symbol(symbol) is None:
            raise self._unexpected(repr(symbol))

    def _condition(self) -> Condition:
        parts = [self._conjunction()]
        while self._word("or"):
            parts.append(self._conjunction())
        return parts[0] if len(parts) == 1 else Logical("or", tuple(parts))

    def _conjunction(self) -> Condition:
        parts = [self._negation()]
        while self._word("and"):
            parts.append(self._negation())
        return parts[0] if len(parts) == 1 else Logical("and", tuple(parts))

    def _negation(self) -> Condition:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise _fault(f"it is nested more than {MAX_DEPTH} levels deep", self._next.place)
        found: Condition
        if self._word("not"):
            found = Negation(self._negation())
        elif self._symbol("("):
            found = self._condition()
            self._require(")")
        else:
            found = self._test()
        self._depth -= 1
        return found

    def _test(self) -> Condition:
        operand = self._operand()
        symbol = self._symbol(*_SYMBOLS)
        if symbol is not None:
            return Comparison("<>" if symbol == "!=" else symbol, operand, self._operand())
        if self._word("is", "not", "null"):
            return Negation(NullTest(operand))
        if self._word("is", "null"):
            return NullTest(operand)
        is_negated = self._word("not")
        test = self._negatable(operand)
        if test is None:
            if is_negated:
                raise self._unexpected("IN, BETWEEN or LIKE")
            return Truth(operand)
        return Negation(test) if is_negated else test

    def _negatable(self, operand: Operand) -> Condition | None:
        if self._word("in"):
            self._require("(")
            values = [self._value()]
            while self._symbol(","):
                values.append(self._value())
            self._require(")")
            return Membership(operand, tuple(values))
        if self._word("between"):
            low = self._operand()
            if not self._word("and"):
                raise self._unexpected("AND")
            bounds = Comparison(">=", operand, low), Comparison("<=", operand, self._operand())
            return Logical("and", bounds)
        if self._word("like"):
            return PatternTest(operand, self._value())
        return None

    def _operand(self) -> Operand:
        token = self._next
        if token.kind == "quoted":
            self._place += 1
            return Column(token.text[1:-1].replace('""', '"'))
        value = self._known_value()
        if value is not None:
            return value
        if token.kind != "word" or token.text.lower() in _RESERVED:
            raise self._unexpected("a column or a value")
        self._place += 1
        return Column(token.text)

    def _value(self) -> Operand:
        found = self._known_value()
        if found is None:
            raise self._unexpected("a value")
        return found

    def _known_value(self) -> Operand | None:
        """Take a value, if one is next; a column may be called ``date``."""
        token = self._next
        if token.kind == "text":
            self._place += 1
            return Literal(_unquoted(token), "text")
        if token.kind == "number":
            self._place += 1
            return Literal(Decimal(token.text), "number")
        if token.kind != "word":
            return None
        word = token.text.lower()
        if word in ("date", "timestamp") and self._tokens[self._place + 1].kind == "text":
            self._place += 2
            return _time(word, self._tokens[self._place - 1])
        if word in ("true", "false"):
            self._place += 1
            return Literal(word == "true", "boolean")
        if word in ("current_account", "current_arn"):
            self._place += 1
            return Current(word.removeprefix("current_"))
        return None


def _unquoted(token: _Token) -> str:
    return token.text[1:-1].replace("''", "'")


def _time(word: str, token: _Token) -> Literal:
    text = _unquoted(token)
    pattern, form = (
        (_DATE, "YYYY-MM-DD") if word == "date" else (_TIMESTAMP, "YYYY-MM-DD HH:MM[:SS[.mmm]]")
    )
    no_time = _fault(f"{text!r} is no {word} {form}", token.place)
    if not pattern.fullmatch(text):
        raise no_time
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise no_time from None
    return Literal((moment - _EPOCH) // timedelta(milliseconds=1), word)

"""DynamoDB's language of conditions and projections, read into trees, for the linter.

Source: DynamoDB developer guide, "Condition and filter expressions, operators, and
functions", "Projection expressions", "Query key conditions".
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = [
    "FUNCTIONS",
    "Between",
    "Call",
    "Comparison",
    "Condition",
    "ExpressionError",
    "Junction",
    "Membership",
    "Negation",
    "Operand",
    "Path",
    "Place",
    "parse_condition",
    "parse_projection",
    "walk",
]

FUNCTIONS = {
    "attribute_exists": 1,
    "attribute_not_exists": 1,
    "attribute_type": 2,
    "begins_with": 2,
    "contains": 2,
    "size": 1,
}
"""The functions, and how many arguments each takes."""

_TOKEN = re.compile(
    r"\s+|(?P<place>:\w+)|(?P<word>#?[A-Za-z0-9_]+)|(?P<mark><=|>=|<>|[=<>(),.\[\]])", re.ASCII
)
_KEYWORDS = frozenset({"AND", "BETWEEN", "IN", "NOT", "OR"})
_COMPARATORS = frozenset({"=", "<>", "<", "<=", ">", ">="})


class ExpressionError(Exception):
    """An expression that DynamoDB would not take."""


@dataclass(frozen=True, slots=True)
class Path:
    """The way to a value in an item: names, as they are written, and positions in lists."""

    steps: tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Place:
    """A place for a value: ``:v0``."""

    name: str


@dataclass(frozen=True, slots=True)
class Call:
    """A function of its arguments; ``size`` is an operand, the others are conditions."""

    function: str
    arguments: tuple[Operand, ...]


Operand = Path | Place | Call


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two operands and a comparator between them."""

    operator: str
    left: Operand
    right: Operand


@dataclass(frozen=True, slots=True)
class Between:
    """Whether an operand lies between two others, these included."""

    operand: Operand
    low: Operand
    high: Operand


@dataclass(frozen=True, slots=True)
class Membership:
    """Whether an operand is one of several."""

    operand: Operand
    options: tuple[Operand, ...]


@dataclass(frozen=True, slots=True)
class Negation:
    """A condition that shall not hold."""

    part: Condition


@dataclass(frozen=True, slots=True)
class Junction:
    """Conditions that shall all hold (``AND``), or one of them (``OR``)."""

    operator: str
    parts: tuple[Condition, ...]


Condition = Call | Comparison | Between | Membership | Negation | Junction


def parse_condition(text: str) -> Condition:
    """Read a filter or key condition.

    Raises:
        ExpressionError: It is malformed, or has parentheses around parentheses.
    """
    parser = _Parser(text)
    condition = parser.disjunction()
    parser.end()
    return condition


def parse_projection(text: str) -> tuple[Path, ...]:
    """Read the paths of a projection.

    Raises:
        ExpressionError: It is malformed.
    """
    parser = _Parser(text)
    paths = [parser.path()]
    while parser.accept(","):
        paths.append(parser.path())
    parser.end()
    return tuple(paths)


def walk(node: Condition | Operand) -> Iterator[Condition | Operand]:
    """Yield a condition and all that is in it."""
    yield node
    inner: tuple[Condition | Operand, ...] = ()
    match node:
        case Junction():
            inner = node.parts
        case Negation():
            inner = (node.part,)
        case Membership():
            inner = (node.operand, *node.options)
        case Between():
            inner = (node.operand, node.low, node.high)
        case Comparison():
            inner = (node.left, node.right)
        case Call():
            inner = node.arguments
    for child in inner:
        yield from walk(child)


class _Parser:
    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens: list[tuple[str, str]] = []
        place = 0
        while place < len(text):
            found = _TOKEN.match(text, place)
            if found is None:
                raise ExpressionError(f"unexpected {text[place]!r} in {text!r}")
            if found.lastgroup:
                self._tokens.append((found.lastgroup, found.group()))
            place = found.end()
        self._position = 0

    def disjunction(self) -> Condition:
        return self._junction("OR", self._conjunction)

    def _conjunction(self) -> Condition:
        return self._junction("AND", self._negation)

    def _junction(self, operator: str, part: Callable[[], Condition]) -> Condition:
        parts = [part()]
        while self._accept_word(operator):
            parts.append(part())
        return Junction(operator, tuple(parts)) if len(parts) > 1 else parts[0]

    def _negation(self) -> Condition:
        if self._accept_word("NOT"):
            return Negation(self._negation())
        if self._peek() == "(":
            return self._in_parentheses()
        return self._leaf()

    def _in_parentheses(self) -> Condition:
        opened = self._position
        self.expect("(")
        doubled = self._peek() == "("
        inner = self.disjunction()
        self.expect(")")
        if doubled and self._closes_at(opened + 1) == self._position - 2:
            raise ExpressionError(f"redundant parentheses in {self._text!r}")
        return inner

    def _closes_at(self, opened: int) -> int:
        depth = 0
        for position in range(opened, len(self._tokens)):
            depth += {"(": 1, ")": -1}.get(self._tokens[position][1], 0)
            if not depth:
                return position
        raise self._unexpected()

    def _leaf(self) -> Condition:
        left = self._operand()
        if self._accept_word("BETWEEN"):
            low = self._operand()
            if not self._accept_word("AND"):
                raise self._unexpected()
            return Between(left, low, self._operand())
        if self._accept_word("IN"):
            return Membership(left, self._list())
        operator = self._peek()
        if operator in _COMPARATORS:
            self._position += 1
            return Comparison(operator, left, self._operand())
        if isinstance(left, Call) and left.function != "size":
            return left
        raise self._unexpected()

    def _operand(self) -> Operand:
        kind, text = self._token()
        if kind == "place":
            self._position += 1
            return Place(text)
        if text in FUNCTIONS:
            self._position += 1
            arguments = self._list()
            if len(arguments) != FUNCTIONS[text]:
                raise ExpressionError(f"{text} takes {FUNCTIONS[text]} operands: {self._text!r}")
            return Call(text, arguments)
        return self.path()

    def _list(self) -> tuple[Operand, ...]:
        self.expect("(")
        operands = [self._operand()]
        while self.accept(","):
            operands.append(self._operand())
        self.expect(")")
        return tuple(operands)

    def path(self) -> Path:
        steps: list[str | int] = [self._name()]
        while True:
            if self.accept("."):
                steps.append(self._name())
            elif self.accept("["):
                _, position = self._token()
                if not position.isdecimal():
                    raise self._unexpected()
                self._position += 1
                self.expect("]")
                steps.append(int(position))
            else:
                return Path(tuple(steps))

    def _name(self) -> str:
        kind, text = self._token()
        if kind != "word" or text.upper() in _KEYWORDS:
            raise self._unexpected()
        self._position += 1
        return text

    def accept(self, mark: str) -> bool:
        if self._peek() == mark:
            self._position += 1
            return True
        return False

    def expect(self, mark: str) -> None:
        if not self.accept(mark):
            raise self._unexpected()

    def end(self) -> None:
        if self._position < len(self._tokens):
            raise self._unexpected()

    def _accept_word(self, word: str) -> bool:
        if self._peek().upper() == word:
            self._position += 1
            return True
        return False

    def _token(self) -> tuple[str, str]:
        if self._position == len(self._tokens):
            raise self._unexpected()
        return self._tokens[self._position]

    def _peek(self) -> str:
        if self._position == len(self._tokens):
            return ""
        return self._tokens[self._position][1]

    def _unexpected(self) -> ExpressionError:
        return ExpressionError(f"unexpected {self._peek() or 'end'!r} in {self._text!r}")

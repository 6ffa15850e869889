"""Texts of Logs Insights queries, as far as the stand-in plays them.

Commands ``fields``, ``display``, ``filter``, ``sort`` and ``limit``, with comparisons,
``like``, ``in``, ``and``, ``or`` and ``not``. Results of other commands are scripted.

Source: CloudWatch Logs user guide, "CloudWatch Logs Insights language query syntax".
"""

from __future__ import annotations

import operator
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from athena_connectors.common.testing.logs_errors import LogsError

if TYPE_CHECKING:
    from collections.abc import Callable

    Row = Callable[[str], Any]
    Test = Callable[[Row], bool]

__all__ = ["InsightsText", "parse_query"]

_MAX_ROWS = 100_000
_UNPLAYED = frozenset(
    {
        *("anomaly", "dedup", "diff", "filterindex", "join", "lookup", "parse", "pattern"),
        *("source", "stats", "unmask", "unnest"),
    }
)
_TOKEN = re.compile(
    r"""
        (?P<string>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')
      | (?P<regex>/(?:[^/\\]|\\.)+/)
      | (?P<number>-?\d+(?:\.\d+)?)
      | (?P<word>`[^`]+`|[@A-Za-z_][@\w.]*)
      | (?P<mark>!=|<=|>=|.)
    """,
    re.VERBOSE | re.DOTALL,
)
_SPACE = re.compile(r"(?:\s|#[^\n]*+)*+")
_COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


@dataclass(frozen=True, slots=True)
class InsightsText:
    """What a query asks for.

    Attributes:
        fields: Fields of its rows.
        test: Tells of a function from a field's name to its value, whether the row is wanted.
        order: Fields to sort by, each with whether it is descending, the first one first.
        limit: Most rows; ``None`` if it does not say.
    """

    fields: tuple[str, ...]
    test: Test
    order: tuple[tuple[str, bool], ...]
    limit: int | None


def parse_query(text: str) -> InsightsText:
    """Return what a query asks for.

    Raises:
        LogsError: The service would not compile it.
        NotImplementedError: It holds a command that is not played.
    """
    return _Parser(text).parse()


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str
    start: int
    end: int


class _Parser:
    def __init__(self, text: str) -> None:
        self._tokens: list[_Token] = []
        place = _end_of_space(text, 0)
        while place < len(text):
            found = _TOKEN.match(text, place)
            assert found is not None
            assert found.lastgroup is not None
            self._tokens.append(_Token(found.lastgroup, found[0], *found.span()))
            place = _end_of_space(text, found.end())
        self._end = _Token("end", "", len(text), len(text))
        self._next = 0

    def parse(self) -> InsightsText:
        fields: list[str] = []
        tests: list[Test] = []
        order: tuple[tuple[str, bool], ...] = ()
        limit: int | None = None
        while True:
            command = self._take()
            match command.text.lower():
                case "fields":
                    fields += self._names()
                case "display":
                    fields = self._names()
                case "filter":
                    tests.append(self._alternatives())
                case "sort":
                    order = self._order()
                case "limit":
                    limit = self._limit()
                case word if word in _UNPLAYED:
                    raise NotImplementedError(f"{word} is not played; script the results.")
                case _:
                    raise self._unexpected(command)
            if self._peek().kind == "end":
                break
            self._expect("|")
        return InsightsText(
            tuple(dict.fromkeys(fields)) or ("@timestamp", "@message"),
            lambda row: all(test(row) for test in tests),
            order or (("@timestamp", True),),
            limit,
        )

    def _names(self) -> list[str]:
        names = [self._field()]
        while self._is(","):
            names.append(self._field())
        return names

    def _order(self) -> tuple[tuple[str, bool], ...]:
        order = []
        while True:
            name = self._field()
            is_descending = self._is("desc")
            if not is_descending:
                self._is("asc")
            order.append((name, is_descending))
            if not self._is(","):
                return tuple(order)

    def _limit(self) -> int:
        token = self._take()
        if token.kind != "number" or not token.text.isdigit() or int(token.text) > _MAX_ROWS:
            raise self._unexpected(token)
        return int(token.text)

    def _alternatives(self) -> Test:
        tests = [self._conjunction()]
        while self._is("or"):
            tests.append(self._conjunction())
        return lambda row: any(test(row) for test in tests)

    def _conjunction(self) -> Test:
        tests = [self._condition()]
        while self._is("and"):
            tests.append(self._condition())
        return lambda row: all(test(row) for test in tests)

    def _condition(self) -> Test:
        if self._is("not"):
            test = self._condition()
            return lambda row: not test(row)
        if self._is("("):
            test = self._alternatives()
            self._expect(")")
            return test
        name = self._field()
        token = self._take()
        if token.text in _COMPARISONS:
            return _compared(name, _COMPARISONS[token.text], self._literal())
        match token.text.lower():
            case "in":
                return self._membership(name)
            case "like":
                return self._likeness(name)
            case "not":
                self._expect("like")
                test = self._likeness(name)
                return lambda row: not test(row)
            case _:
                raise self._unexpected(token)

    def _membership(self, name: str) -> Test:
        self._expect("[")
        values = [self._literal()]
        while self._is(","):
            values.append(self._literal())
        self._expect("]")
        return lambda row: row(name) in values

    def _likeness(self, name: str) -> Test:
        token = self._take()
        if token.kind == "string":
            literal = _unquoted(token.text)
            return lambda row: literal in str(row(name) or "")
        if token.kind == "regex":
            regex = re.compile(token.text[1:-1])
            return lambda row: regex.search(str(row(name) or "")) is not None
        raise self._unexpected(token)

    def _literal(self) -> str | int | float:
        token = self._take()
        if token.kind == "string":
            return _unquoted(token.text)
        if token.kind == "number":
            return float(token.text) if "." in token.text else int(token.text)
        raise self._unexpected(token)

    def _field(self) -> str:
        token = self._take()
        if token.kind != "word":
            raise self._unexpected(token)
        return token.text.strip("`")

    def _peek(self) -> _Token:
        return self._tokens[self._next] if self._next < len(self._tokens) else self._end

    def _take(self) -> _Token:
        token = self._peek()
        self._next += 1
        return token

    def _is(self, text: str) -> bool:
        there = self._peek().kind != "string" and self._peek().text.lower() == text
        self._next += there
        return there

    def _expect(self, text: str) -> None:
        if not self._is(text):
            raise self._unexpected(self._peek())

    @staticmethod
    def _unexpected(token: _Token) -> LogsError:
        return _malformed(f"unexpected symbol found {token.text}", token.start, token.end)


def _compared(name: str, compare: Callable[[Any, Any], bool], limit: Any) -> Test:
    def test(row: Row) -> bool:
        value = row(name)
        if isinstance(value, str) != isinstance(limit, str) or value is None:
            return False
        return compare(value, limit)

    return test


def _end_of_space(text: str, place: int) -> int:
    """Return where the space and the remarks end that begin at a place, if any do."""
    found = _SPACE.match(text, place)
    assert found is not None
    return found.end()


def _unquoted(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text[1:-1], flags=re.DOTALL)


def _malformed(message: str, start: int, end: int) -> LogsError:
    location = {"startCharOffset": start, "endCharOffset": end}
    return LogsError(
        "MalformedQueryException",
        message,
        members={"queryCompileError": {"location": location, "message": message}},
    )

"""Filter patterns that look into messages which are JSON: ``{ $.level = "ERROR" }``.

Source: CloudWatch Logs user guide, "Filter pattern syntax for metric filters, JSON".
"""

from __future__ import annotations

import json
import operator
import re
from typing import TYPE_CHECKING, Any

from athena_connectors.common.testing.logs_errors import invalid
from athena_connectors.common.testing.logs_regexes import compile_regex

if TYPE_CHECKING:
    from collections.abc import Callable

    Test = Callable[[Any], bool]

__all__ = ["compile_json_pattern"]

_ABSENT = object()
_MAX_REGEXES = 2
_TOKEN = re.compile(
    r"""\s*(?:
        (?P<selector>\$(?:\.[A-Za-z0-9_\-]+|\.?\[(?:\d+|"[^"]*"|'[^']*')\])+)
      | "(?P<string>(?:[^"\\]|\\.)*)"
      | %(?P<regex>(?:[^%\\]|\\.)*)%
      | (?P<operator>&&|\|\||!=|<=|>=|[=<>(){}])
      | (?P<word>[^\s"%=<>(){}&|!]+)
    )""",
    re.VERBOSE | re.DOTALL,
)
_STEP = re.compile(r"""\.([A-Za-z0-9_\-]+)|\.?\[(?:(\d+)|"([^"]*)"|'([^']*)')\]""")
_ORDERS: dict[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def compile_json_pattern(pattern: str) -> Callable[[str], bool]:
    """Return what tells whether a message is JSON and matches a pattern.

    Raises:
        LogsError: The pattern is none.
    """
    test = _Parser(pattern).parse()

    def matches(message: str) -> bool:
        try:
            document = json.loads(message)
        except ValueError:
            return False
        return isinstance(document, dict | list) and test(document)

    return matches


class _Parser:
    """Reads a pattern by recursive descent; ``||`` binds less than ``&&``."""

    def __init__(self, pattern: str) -> None:
        self._tokens: list[tuple[str, str]] = []
        place = 0
        while pattern[place:].strip():
            found = _TOKEN.match(pattern, place)
            if found is None:
                raise _wrong()
            assert found.lastgroup is not None
            self._tokens.append((found.lastgroup, found[found.lastgroup]))
            place = found.end()
        if sum(kind == "regex" for kind, _ in self._tokens) > _MAX_REGEXES:
            raise _wrong()
        self._next = 0

    def parse(self) -> Test:
        self._expect("{")
        test = self._alternatives()
        self._expect("}")
        if self._next < len(self._tokens):
            raise _wrong()
        return test

    def _alternatives(self) -> Test:
        tests = [self._conjunction()]
        while self._is("||"):
            tests.append(self._conjunction())
        return tests[0] if len(tests) == 1 else lambda d: any(test(d) for test in tests)

    def _conjunction(self) -> Test:
        tests = [self._condition()]
        while self._is("&&"):
            tests.append(self._condition())
        return tests[0] if len(tests) == 1 else lambda d: all(test(d) for test in tests)

    def _condition(self) -> Test:
        if self._is("("):
            test = self._alternatives()
            self._expect(")")
            return test
        kind, selector = self._take()
        if kind != "selector":
            raise _wrong()
        steps = [
            int(found[2]) if found[2] else found[1] or found[3] or found[4] or ""
            for found in _STEP.finditer(selector)
        ]
        told = self._value_test()
        return lambda document: told(_at(document, steps))

    def _value_test(self) -> Callable[[Any], bool]:
        kind, text = self._take()
        if kind == "word":
            words = (text.upper(), self._take()[1].upper())
            told = _NAMED.get(words)
            if told is None:
                raise _wrong()
            return told
        value_kind, value = self._take()
        if kind != "operator" or value_kind not in {"string", "regex", "word"}:
            raise _wrong()
        if text in _ORDERS:
            return _ordered(_ORDERS[text], value_kind, value)
        equals = _equal(value_kind, value)
        if text == "=":
            return equals
        if text == "!=":
            return lambda found: _is_scalar(found) and not equals(found)
        raise _wrong()

    def _take(self) -> tuple[str, str]:
        if self._next == len(self._tokens):
            raise _wrong()
        self._next += 1
        return self._tokens[self._next - 1]

    def _is(self, text: str) -> bool:
        there = self._tokens[self._next : self._next + 1] == [("operator", text)]
        self._next += there
        return there

    def _expect(self, text: str) -> None:
        if not self._is(text):
            raise _wrong()


_NAMED: dict[tuple[str, str], Callable[[Any], bool]] = {
    ("IS", "NULL"): lambda found: found is None,
    ("IS", "TRUE"): lambda found: found is True,
    ("IS", "FALSE"): lambda found: found is False,
    ("NOT", "EXISTS"): lambda found: found is _ABSENT,
}


def _at(document: Any, steps: list[str | int]) -> Any:
    for step in steps:
        if isinstance(step, int):
            is_there = isinstance(document, list) and step < len(document)
        else:
            is_there = isinstance(document, dict) and step in document
        if not is_there:
            return _ABSENT
        document = document[step]
    return document


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_scalar(value: Any) -> bool:
    return isinstance(value, str) or _is_number(value)


def _ordered(compare: Callable[[Any, Any], bool], kind: str, text: str) -> Callable[[Any], bool]:
    limit = _number(text) if kind == "word" else None
    if limit is None:
        raise _wrong()
    return lambda found: _is_number(found) and compare(found, limit)


def _equal(kind: str, text: str) -> Callable[[Any], bool]:
    if kind == "regex":
        search = compile_regex(text)
        return lambda found: isinstance(found, str) and search(found)
    number = _number(text) if kind == "word" else None
    if number is not None:
        return lambda found: _is_number(found) and found == number
    literal = re.sub(r"\\(.)", r"\1", text, flags=re.DOTALL) if kind == "string" else text
    start, end = literal.startswith("*"), literal.endswith("*") and len(literal) > 1
    middle = re.escape(literal[start : len(literal) - end])
    regex = re.compile(f"{'.*' * start}{middle}{'.*' * end}", re.DOTALL)
    return lambda found: isinstance(found, str) and regex.fullmatch(found) is not None


def _number(text: str) -> float | None:
    try:
        return float(text) if re.fullmatch(r"[+-]?[\d.]+(?:[eE][+-]?\d+)?", text) else None
    except ValueError:
        return None


def _wrong() -> Exception:
    return invalid("Invalid filter pattern")

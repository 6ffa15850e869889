"""Predicates on a text, together with what Python says of each value.

This is a second oracle beside the residual evaluation, and shares nothing with it: Python
compares texts by code points, as Athena does, and knows no collation and no blank that
does not count.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from athena_connectors.common.connector import Exactness
from athena_connectors.common.constraints import ColumnDomain, Constraints
from athena_connectors.common.expressions import Call, Constant, Variable
from athena_connectors.common.valueset import EquatableValueSet, Range, SortedRangeSet

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from athena_connectors.common.connector import Pushdown
    from athena_connectors.common.constraints import Conjunct
    from athena_connectors.common.expressions import Expression

    Holds = Callable[["str | None"], "bool | None"]

__all__ = [
    "AWKWARD_TEXTS",
    "TextPredicate",
    "check_text_predicates",
    "is_like",
    "select",
    "text_predicates",
]

AWKWARD_TEXTS = (
    *(
        "",
        " ",
        "a",
        "a ",
        "a  ",
        "A",
        "ab",
        "AB",
        "b",
        "B",
        "z",
        "_x",
        "5-LOW",
        "\t",
        "a\t",
        "a\x01",
    ),
    *("é", "e", "É", "ß", "ss", "Å", "A\u030a", "ﬁ", "fi", "\\", "a\\_b", "a_b", "a%b", "%", "_"),
    *("it's", '"', "`", "a|b", "a!b~^#@&+=;:?*<>/", "\U00010000", "\U0001f600", "NULL", "0", "1e0"),
)
"""Texts that collations, paddings, patterns and quoting take for something else."""

_QUERIES_AT_ONCE = 50
_BOOL = pa.bool_()
_TEXT = pa.string()
_COMPARED: Mapping[str, Callable[[Any, Any], bool]] = {
    "$equal": lambda left, right: left == right,
    "$not_equal": lambda left, right: left != right,
    "$less_than": lambda left, right: left < right,
    "$less_than_or_equal": lambda left, right: left <= right,
    "$greater_than": lambda left, right: left > right,
    "$greater_than_or_equal": lambda left, right: left >= right,
}


@dataclass(frozen=True)
class TextPredicate:
    """One predicate and its meaning.

    Attributes:
        conjunct: As Athena sends it.
        holds: What it is for a value: true, false or NULL.
    """

    conjunct: Conjunct
    holds: Holds

    def constraints(self) -> Constraints:
        """Return what asks for it alone."""
        if isinstance(self.conjunct, ColumnDomain):
            return Constraints({self.conjunct.column: self.conjunct.values})
        return Constraints(expression=(self.conjunct,))


def text_predicates(
    column: str, texts: Sequence[str], *, count: int, seed: str
) -> Iterator[TextPredicate]:
    """Yield predicates on a column, the same for the same seed."""
    maker = _Maker(column, texts, Random(seed))  # noqa: S311 - test data
    for _ in range(count):
        yield maker.predicate()


def check_text_predicates(
    rows: Mapping[int, str | None],
    predicates: Sequence[TextPredicate],
    plan: Callable[[Constraints], Pushdown],
    select: Callable[[Sequence[str]], Sequence[set[int]]],
) -> Counter[str]:
    """Ask the server for all predicates, and compare the rows of each.

    Args:
        rows: Numbers and values of all rows.
        predicates: What is asked for.
        plan: What the server evaluates of a scan.
        select: Returns the rows that the server has for each WHERE.

    Returns:
        How many are ``exact``, and how many a ``superset``.
    """
    tally: Counter[str] = Counter()
    planned = [plan(predicate.constraints()).decisions for predicate in predicates]
    natives = [[each.native for each in decisions if each.native] for decisions in planned]
    found = select([" AND ".join(native) or "true" for native in natives])
    for predicate, decisions, ids in zip(predicates, planned, found, strict=True):
        wanted = {number for number, value in rows.items() if predicate.holds(value)}
        assert wanted <= ids, (decisions, "lost", sorted(wanted - ids))
        exact = all(each.exactness is Exactness.EXACT for each in decisions)
        assert not exact or ids == wanted, (decisions, "invented", sorted(ids - wanted))
        tally["exact" if exact else "superset"] += 1
    return tally


def select(cursor: Any, source: str, conditions: Sequence[str]) -> list[set[int]]:
    """Return the rows for which each condition is true, each as a query of its own has them.

    Args:
        cursor: Asks the server.
        source: What follows FROM; its column ``id`` is the row's number.
        conditions: What follows WHERE.
    """
    found: list[set[int]] = [set() for _ in conditions]
    for start in range(0, len(conditions), _QUERIES_AT_ONCE):
        queries = [
            f"SELECT {place}, id FROM {source} WHERE {text}"  # noqa: S608 - a test's own
            for place, text in enumerate(conditions[start : start + _QUERIES_AT_ONCE], start)
        ]
        cursor.execute(" UNION ALL ".join(queries))
        for place, number in cursor.fetchall():
            found[place].add(number)
    return found


def is_like(text: str | None, pattern: str) -> bool:
    """Return whether LIKE is true, by its definition: there is no character of escape."""
    if text is None or not pattern:
        return text == pattern
    if pattern[0] == "%":
        return any(is_like(text[start:], pattern[1:]) for start in range(len(text) + 1))
    return bool(text) and pattern[0] in ("_", text[0]) and is_like(text[1:], pattern[1:])


@dataclass(frozen=True)
class _Maker:
    column: str
    texts: Sequence[str]
    dice: Random

    def predicate(self) -> TextPredicate:
        if self.dice.randrange(3) == 0:
            return self._domain()
        return TextPredicate(*self._condition(depth=2))

    # Value sets

    def _domain(self) -> TextPredicate:
        nulls = self.dice.choice((True, False))
        texts = self._some(self.dice.choice((1, 1, 2, 5, 12)))
        match self.dice.randrange(4):
            case 0:
                values: Any = SortedRangeSet.of_points(_TEXT, texts, null_allowed=nulls)
                holds = _of_set(texts, nulls=nulls, inside=True)
            case 1:
                gaps = SortedRangeSet.of_points(_TEXT, texts).complement().ranges
                values = SortedRangeSet(_TEXT, gaps, nulls)
                holds = _of_set(texts, nulls=nulls, inside=False)
            case 2:
                inside = self.dice.choice((True, False))
                values = EquatableValueSet(_TEXT, tuple(texts), inside, nulls)
                holds = _of_set(texts, nulls=nulls, inside=inside)
            case _:
                values, holds = self._range(nulls=nulls)
        return TextPredicate(ColumnDomain(self.column, values), holds)

    def _range(self, *, nulls: bool) -> tuple[SortedRangeSet, Holds]:
        low, high = sorted(self._some(2), key=lambda text: text.encode("utf-16-be"))
        if low == high:
            high += "z"
        values = SortedRangeSet.of(_TEXT, [Range.between(low, high)], null_allowed=nulls)

        def holds(value: str | None) -> bool:
            return nulls if value is None else _utf16(low) <= _utf16(value) <= _utf16(high)

        return values, holds

    # Expressions

    def _condition(self, *, depth: int) -> tuple[Expression, Holds]:
        match self.dice.randrange(9 if depth else 6):
            case 0 | 1 | 2:
                return self._compared()
            case 3:
                return self._like()
            case 4:
                return self._in()
            case 5:
                return self._distinct()
            case 6:
                part, holds = self._condition(depth=depth - 1)
                return _call("$not", part), lambda value: _not(holds(value))
            case 7:
                return self._joined("$and", all_of=True, depth=depth)
            case _:
                return self._joined("$or", all_of=False, depth=depth)

    def _compared(self) -> tuple[Expression, Holds]:
        function, text = self.dice.choice(list(_COMPARED)), self._text()
        operation = _COMPARED[function]

        def holds(value: str | None) -> bool | None:
            return None if value is None else operation(value, text)

        def mirrored(value: str | None) -> bool | None:
            return None if value is None else operation(text, value)

        if self.dice.randrange(4):
            return _call(function, self._variable, _constant(text)), holds
        return _call(function, _constant(text), self._variable), mirrored

    def _like(self) -> tuple[Expression, Holds]:
        pattern = self.dice.choice(
            ("{}", "{}%", "%{}", "%{}%", "_{}", "{}_", "%", "_%", "\\%", "a\\_b", "{}|%")
        ).replace("{}", self._text())
        matcher = re.compile("".join(map(_wildcard, pattern)), re.DOTALL)

        def holds(value: str | None) -> bool | None:
            return None if value is None else matcher.fullmatch(value) is not None

        return _call("$like_pattern", self._variable, _constant(pattern)), holds

    def _in(self) -> tuple[Expression, Holds]:
        texts = self._some(self.dice.choice((1, 2, 3, 8)))
        nulls: tuple[None, ...] = (None,) if self.dice.randrange(3) == 0 else ()
        listed = Call("$array", (Constant((*texts, *nulls), _TEXT),), pa.list_(pa.null()))

        def holds(value: str | None) -> bool | None:
            if value is None:
                return None
            return True if value in texts else None if nulls else False

        return _call("$in", self._variable, listed), holds

    def _distinct(self) -> tuple[Expression, Holds]:
        text = self.dice.choice((None, self._text()))
        function = _call("$is_distinct_from", self._variable, _constant(text))
        return function, lambda value: value != text

    def _joined(self, function: str, *, all_of: bool, depth: int) -> tuple[Expression, Holds]:
        parts = [self._condition(depth=depth - 1) for _ in range(2)]

        def holds(value: str | None) -> bool | None:
            truths = [part(value) for _, part in parts]
            if (not all_of) in truths:
                return not all_of
            return None if None in truths else all_of

        return _call(function, *(part for part, _ in parts)), holds

    @property
    def _variable(self) -> Variable:
        return Variable(self.column, _TEXT)

    def _text(self) -> str:
        text = self.dice.choice(self.texts)
        change = self.dice.choice(("{}", "{}", "{}", "{} ", "{}\t", "{}a"))
        return change.replace("{}", self.dice.choice((text, text, text.upper(), text.lower())))

    def _some(self, count: int) -> list[str]:
        return [self._text() for _ in range(count)]


def _call(function: str, *arguments: Expression) -> Call:
    return Call(function, arguments, _BOOL)


def _constant(text: str | None) -> Constant:
    return Constant((text,), _TEXT)


def _not(truth: bool | None) -> bool | None:  # noqa: FBT001 - a truth value
    return None if truth is None else not truth


def _of_set(texts: Sequence[str], *, nulls: bool, inside: bool) -> Holds:
    return lambda value: nulls if value is None else (value in texts) is inside


def _utf16(text: str) -> bytes:
    return text.encode("utf-16-be")


def _wildcard(char: str) -> str:
    return {"%": ".*", "_": "."}.get(char) or re.escape(char)

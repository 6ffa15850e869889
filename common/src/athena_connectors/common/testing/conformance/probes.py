"""Predicates to try on each column, made of the values that it holds.

They are the same at every call. Each is one conjunct, so that it is clear what became of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from athena_connectors.common.constraints import Constraints
from athena_connectors.common.expressions import Call, Constant, Variable, render
from athena_connectors.common.ordering import has_order, key_function
from athena_connectors.common.physical import Kind, kind_of
from athena_connectors.common.testing.value_text import domain_text
from athena_connectors.common.valueset import (
    AllOrNoneValueSet,
    EquatableValueSet,
    Range,
    SortedRangeSet,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from athena_connectors.common.expressions import Expression
    from athena_connectors.common.testing.conformance.sample import Expected
    from athena_connectors.common.valueset import Value, ValueSet

__all__ = ["Column", "Probe", "columns_of", "probes", "typical_columns"]

_MANY = 40
_BOOL = pa.bool_()
_COMPARISONS = (
    "$equal",
    "$not_equal",
    "$less_than",
    "$less_than_or_equal",
    "$greater_than",
    "$greater_than_or_equal",
    "$is_distinct_from",
)


@dataclass(frozen=True, slots=True)
class Column:
    """A column that can be compared, and the different values that it holds, ascending."""

    name: str
    type: pa.DataType
    known: tuple[Value, ...]

    @property
    def middle(self) -> Value:
        """A value that has others around it, if there are any."""
        return self.known[len(self.known) // 2]


@dataclass(frozen=True, slots=True)
class Probe:
    """A predicate on one table.

    Attributes:
        behaviour: What it is about, a name of ``Supports``.
        table: Where it is tried.
        column: The column that it is about.
        constraints: The predicate.
    """

    behaviour: str
    table: Expected
    column: str
    constraints: Constraints

    @property
    def text(self) -> str:
        """The predicate for people."""
        for column, values in self.constraints.summary.items():
            return domain_text(column, values)
        return render(self.constraints.expression[0])

    @property
    def is_expression(self) -> bool:
        """Whether it is an expression, which Athena sends from SerDe 4 on."""
        return bool(self.constraints.expression)


def columns_of(table: Expected) -> list[Column]:
    """Return the columns of a table that can be compared and hold a value."""
    found = []
    for field in table.schema:
        if not has_order(field.type):
            continue
        key = key_function(field.type)
        values: list[Any] = [value for value in table.column(field.name) if value is not None]
        different = {key(value): value for value in values}
        known = tuple(different[each] for each in sorted(different))
        found.append(Column(field.name, field.type, known))
    return [column for column in found if column.known]


def typical_columns(tables: Iterable[Expected]) -> Iterator[tuple[Expected, Column]]:
    """Yield one column of each type that the source or Athena tells from others."""
    seen = set()
    for table in tables:
        for column in columns_of(table):
            source = table.source_types.get(column.name)
            sort = source, column.type, column.name in table.partition_columns
            if sort not in seen:
                seen.add(sort)
                yield table, column


def probes(tables: Sequence[Expected]) -> Iterator[Probe]:
    """Yield predicates: all kinds on one column of each type, a few on the others."""
    typical = {(table, column.name) for table, column in typical_columns(tables)}
    for table in tables:
        columns = columns_of(table)
        for column in columns:
            if (table, column.name) in typical:
                yield from _all_about(table, column)
            else:
                yield from _few_about(table, column)
        own = [column for column in columns if column.name not in table.partition_columns]
        for one, two in zip(own, own[1:] + own[:1], strict=True):
            if typical & {(table, one.name), (table, two.name)}:
                yield from (
                    _probe("disjunction", table, one, tree) for tree in _disjunctions(one, two)
                )
        yield from _comparisons(table, own)
        yield from _nested(table)


def _all_about(table: Expected, column: Column) -> Iterator[Probe]:
    for behaviour, values in _domains(column):
        yield Probe(behaviour, table, column.name, Constraints({column.name: values}))
    for behaviour, tree in _conditions(column):
        yield _probe(behaviour, table, column, tree)


def _few_about(table: Expected, column: Column) -> Iterator[Probe]:
    domains: dict[str, ValueSet] = {
        "equality": SortedRangeSet.of_points(column.type, [column.middle]),
        "ranges": SortedRangeSet.of(
            column.type, [Range.less_than(column.middle)], null_allowed=False
        ),
        "null": SortedRangeSet.only_null(column.type),
    }
    for behaviour, values in domains.items():
        yield Probe(behaviour, table, column.name, Constraints({column.name: values}))
    same = _test("$equal", Variable(column.name, column.type), _constant(column, column.middle))
    yield _probe("expressions", table, column, same)


def _probe(behaviour: str, table: Expected, column: Column, tree: Expression) -> Probe:
    return Probe(behaviour, table, column.name, Constraints(expression=(tree,)))


# Value sets


def _domains(column: Column) -> Iterator[tuple[str, ValueSet]]:
    type_, low, high = column.type, column.known[0], column.known[-1]
    for value in dict.fromkeys((column.middle, high)):
        yield "equality", SortedRangeSet.of_points(type_, [value])
    for item in _ranges(column):
        yield "ranges", SortedRangeSet.of(type_, [item], null_allowed=False)
    points = SortedRangeSet.of_points(type_, column.known[:_MANY])
    if len(column.known) > 1:
        yield "in_list", points
        yield "in_list", SortedRangeSet.of_points(type_, [low, high])
        yield "in_list", EquatableValueSet(type_, (low, high), white_list=True, null_allowed=False)
    but_one = SortedRangeSet.of_points(type_, [column.middle], null_allowed=True).complement()
    yield "negation", but_one
    yield "negation", SortedRangeSet.of_points(type_, [low, high]).complement()
    yield (
        "negation",
        EquatableValueSet(type_, (column.middle,), white_list=False, null_allowed=False),
    )
    yield "null", SortedRangeSet.only_null(type_)
    yield "null", SortedRangeSet.not_null(type_)
    yield "null", SortedRangeSet.of(type_, [Range.at_least(column.middle)], null_allowed=True)


def _ranges(column: Column) -> Iterator[Range]:
    low, middle, high = column.known[0], column.middle, column.known[-1]
    yield Range.less_than(middle)
    yield Range.at_most(middle)
    yield Range.greater_than(middle)
    yield Range.at_least(middle)
    if len(column.known) > 1:
        yield Range.between(low, high, high_inclusive=False)
        yield Range.between(low, high, low_inclusive=False)


def _nested(table: Expected) -> Iterator[Probe]:
    for field in table.schema:
        if not has_order(field.type):
            null = AllOrNoneValueSet(field.type, all=False, null_allowed=True)
            yield Probe("null", table, field.name, Constraints({field.name: null}))


# Expressions


def _conditions(column: Column) -> Iterator[tuple[str, Expression]]:
    variable, constant = Variable(column.name, column.type), _constant(column, column.middle)
    for function in _COMPARISONS:
        yield "expressions", _test(function, variable, constant)
    yield "expressions", _not(_test("$equal", variable, constant))
    yield "expressions", _test("$is_null", variable)
    yield "expressions", _test("$is_distinct_from", variable, _constant(column, None))
    without = Call("$nullif", (variable, constant), column.type)
    yield "expressions", _test("$is_null", without)
    for items in ((column.known[0], column.known[-1]), (column.middle, None)):
        elements = Call("$array", (Constant(items, column.type),), pa.list_(pa.null()))
        yield "expressions", _test("$in", variable, elements)
    if kind_of(column.type) is Kind.TEXT:
        for pattern in _patterns(column):
            yield "like", _test("$like_pattern", variable, _constant(column, pattern))
    if kind_of(column.type) is Kind.INTEGER:
        yield from (("arithmetic", tree) for tree in _calculations(column))


def _disjunctions(one: Column, two: Column) -> Iterator[Expression]:
    left, right = Variable(one.name, one.type), Variable(two.name, two.type)
    equal = _test("$equal", left, _constant(one, one.middle))
    below = _test("$less_than", right, _constant(two, two.middle))
    yield _test("$or", equal, below)
    yield _test("$or", _not(equal), _test("$is_null", right))
    yield _not(_test("$and", equal, _test("$or", below, _test("$is_null", left))))
    yield _test("$or", _test("$and", equal, _not(below)), _test("$is_null", right))


def _comparisons(table: Expected, columns: Sequence[Column]) -> Iterator[Probe]:
    """Yield comparisons of the first two columns of each type."""
    for type_ in {column.type: None for column in columns}:
        one, *others = (column for column in columns if column.type == type_)
        for two in others[:1]:
            left, right = Variable(one.name, one.type), Variable(two.name, two.type)
            for function in _COMPARISONS:
                yield _probe("comparison", table, one, _test(function, left, right))


def _patterns(column: Column) -> list[str]:
    texts = [str(text) for text in (column.known[0], column.middle, column.known[-1])]
    texts.append(max((str(text) for text in column.known), key=len))
    found = ["", "%", "_"]
    for text in texts:
        found += [f"{text[:2]}%", f"%{text[-2:]}", f"%{text[1:3]}%", f"_{text[1:]}"]
    return list(dict.fromkeys(found))


def _calculations(column: Column) -> Iterator[Expression]:
    """Yield arithmetic whose results are in range, whatever the column holds."""

    def whole(value: int) -> Constant:
        return Constant((value,), column.type)

    def calculated(function: str, *arguments: Expression) -> Call:
        return Call(function, arguments, column.type)

    variable = Variable(column.name, column.type)
    rest = calculated("$modulus", variable, whole(5))
    yield _test("$equal", calculated("$modulus", variable, whole(2)), whole(0))
    yield _test("$greater_than", calculated("$divide", variable, whole(2)), whole(1))
    yield _test("$equal", calculated("$add", rest, whole(1)), whole(2))
    yield _test("$less_than", calculated("$multiply", rest, whole(3)), whole(4))
    yield _test("$less_than", calculated("$negate", rest), calculated("$subtract", whole(1), rest))


def _constant(column: Column, value: Value | None) -> Constant:
    return Constant((value,), column.type)


def _test(function: str, *arguments: Expression) -> Call:
    return Call(function, arguments, _BOOL)


def _not(condition: Expression) -> Call:
    return _test("$not", condition)

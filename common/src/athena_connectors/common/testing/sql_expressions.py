"""Expressions on a table of a SQL server, each checked against the rows that were read.

They are made of what the table's columns hold, in every shape that the wire has, so that
each is one that some server may take in another way than Athena.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from itertools import pairwise, product
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from athena_connectors.common.errors import InvalidRequestError, UnsupportedTypeError
from athena_connectors.common.expressions import Call, Constant, Expression, Variable, render
from athena_connectors.common.physical import Kind, kind_of
from athena_connectors.common.residual import compile_residual
from athena_connectors.common.sql.dialect import NotPushedError
from athena_connectors.common.sql.spelling import FIRST_MS, LAST_MS
from athena_connectors.common.testing import strategies
from athena_connectors.common.testing.sql_domains import physical
from hypothesis import strategies as st

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from athena_connectors.common.sql.domains_sql import Fragment
    from athena_connectors.common.sql.relation import Relation

    RowsWhere = Callable[[Sequence[str]], "list[set[int]]"]

__all__ = [
    "COMPARED",
    "HeldTable",
    "array",
    "call",
    "check_expressions",
    "compared_rows",
    "constant",
    "expressions",
    "simple_calculations",
    "simple_conditions",
    "variable",
]

_BOOL = pa.bool_()
_LIST = pa.list_(pa.null())
_AT_ONCE = 500


@dataclass(frozen=True)
class HeldTable:
    """A table and its rows as they were read.

    Attributes:
        relation: The table.
        batch: All rows; ``id`` is their number.
        truths: Names of columns of truth values.
        times: Names of columns of days and times, all of which can be compared.
        never: Names of columns that are never compared.
    """

    relation: Relation
    batch: pa.RecordBatch
    truths: tuple[str, ...]
    times: tuple[str, ...]
    never: tuple[str, ...]

    def types(self, *names: str) -> dict[str, Any]:
        """Return the engine types of columns, or of all."""
        columns = {field.name: field.type for field in self.batch.schema if field.name != "id"}
        return {name: columns[name] for name in names or columns}

    def kept(self, expression: Expression) -> tuple[set[int], set[int]]:
        """Return the rows that satisfy an expression, and those for which it fails."""
        try:
            return self._kept(expression, self.batch), set()
        except InvalidRequestError:
            pass
        kept: set[int] = set()
        failing: set[int] = set()
        for row in range(self.batch.num_rows):
            one = self.batch.slice(row, 1)
            try:
                kept |= self._kept(expression, one)
            except InvalidRequestError:
                failing |= _ids(one)
        return kept, failing

    @staticmethod
    def _kept(expression: Expression, batch: pa.RecordBatch) -> set[int]:
        return _ids(compile_residual([expression]).apply(batch))


def _ids(batch: pa.RecordBatch) -> set[int]:
    ids: list[Any] = batch.column("id").to_pylist()
    return set(ids)


def call(function: str, *arguments: Expression) -> Call:
    """Return a call; what it returns is looked at nowhere."""
    return Call(function, arguments, _BOOL)


def variable(held: HeldTable, name: str) -> Variable:
    """Return a column."""
    return Variable(name, held.types(name)[name])


def constant(held: HeldTable, name: str, *values: Any) -> Constant:
    """Return constants of the type of a column."""
    return Constant(values, held.types(name)[name])


def array(*items: Expression) -> Call:
    """Return the list that follows IN."""
    return Call("$array", items, _LIST)


_PATTERNS = ("%", "_", "%_", "a_", "a%", "%a%", "\\%", "a_b", "%%b")


def _known(held: HeldTable, name: str) -> list[Any]:
    """Values that mean something to a column: its own, and what is near or matches them."""
    type_ = held.types(name)[name]
    present = physical(held.batch.column(name))
    match kind_of(type_):
        case Kind.TEXT:
            return [*present, *_PATTERNS]
        case Kind.INTEGER:
            return [*present, -1, 0, 1, 2, 7]
        case Kind.DECIMAL:
            return [*present, *map(Decimal, (-1, 0, 1, 2, 7))]
        case Kind.DATETIME:
            return [*present, FIRST_MS, LAST_MS, 0, -1]
        case _:
            return present


def _operand(held: HeldTable, name: str) -> st.SearchStrategy[Expression]:
    type_ = held.types(name)[name]
    values = st.none() | st.sampled_from(_known(held, name))
    constant = values.map(lambda item: Constant((item,), type_))
    return st.one_of(st.just(Variable(name, type_)), constant)


COMPARED = (
    *("$equal", "$not_equal", "$less_than", "$less_than_or_equal", "$greater_than"),
    *("$greater_than_or_equal", "$is_distinct_from"),
)
_ARITHMETIC = ("$add", "$subtract", "$multiply", "$divide", "$modulus")
_NUMBERS = (Kind.INTEGER, Kind.DECIMAL, Kind.FLOAT)


def _calls(
    functions: tuple[str, ...], items: st.SearchStrategy[Expression]
) -> st.SearchStrategy[Expression]:
    return st.builds(call, st.sampled_from(functions), items, items)


def _lists(items: st.SearchStrategy[Expression]) -> st.SearchStrategy[Expression]:
    """IN, and after it a list of whatever there is."""
    arrays = st.lists(items, max_size=4).map(lambda found: Call("$array", tuple(found), _LIST))
    return st.builds(call, st.just("$in"), items, arrays)


def _calculations(operands: st.SearchStrategy[Expression]) -> st.SearchStrategy[Expression]:
    """Numbers that are calculated, and what is calculated from those."""
    once = st.one_of(
        _calls(_ARITHMETIC, operands),
        operands.map(lambda item: call("$negate", item)),
    )
    twice = st.builds(
        call, st.sampled_from(("$add", "$subtract", "$divide", "$nullif")), once, operands
    )
    return once | twice


def _mixtures(
    held: HeldTable, names: tuple[str, ...], parts: st.SearchStrategy[Expression]
) -> st.SearchStrategy[Expression]:
    """Return expressions that the common strategies have not: truth values and mixed types."""
    operands = st.sampled_from(names).flatmap(lambda name: _operand(held, name))
    truths = st.one_of(parts, *(_operand(held, name) for name in held.truths))
    times = st.sampled_from(held.times).flatmap(lambda name: _operand(held, name))
    null = st.just(Constant((None,), pa.null()))
    nested = st.sampled_from(held.never).map(lambda name: Variable(name, held.types()[name]))
    mixed = [
        _calls(COMPARED, truths),
        _calls(("$nullif",), truths),
        _lists(truths),
        _calls(COMPARED, null | operands),
        _lists(null | operands),
        (truths | nested).map(lambda item: call("$is_null", item)),
    ]
    if set(names) & set(held.times):
        mixed += [_calls(COMPARED, times), _lists(times)]
    numbers = [name for name in names if kind_of(held.types()[name]) in _NUMBERS]
    if numbers:
        plain = st.sampled_from(numbers).flatmap(lambda name: _operand(held, name))
        mixed += 2 * [_calls(COMPARED, plain | _calculations(plain))]
        mixed.append(_lists(plain | _calculations(plain)))
    return st.one_of(mixed)


def expressions(held: HeldTable, names: tuple[str, ...]) -> st.SearchStrategy[Expression]:
    """Return conditions of all shapes on some columns."""
    columns = held.types(*names)
    constants = {
        name: st.sampled_from(_known(held, name)) | strategies.values(type_)
        for name, type_ in columns.items()
    }
    plain = strategies.conditions(columns, depth=0, constants=constants)
    parts = st.one_of(plain, plain, _mixtures(held, names, plain))
    joined = st.builds(
        lambda function, items: call(function, *items),
        st.sampled_from(("$and", "$or")),
        st.lists(parts, min_size=1, max_size=3),
    )
    return st.one_of(parts, joined, st.one_of(parts, joined).map(lambda item: call("$not", item)))


def simple_conditions(held: HeldTable, names: tuple[str, ...]) -> Iterator[Expression]:
    """Every function next to every value of every column, and next to every other column."""
    for name in names:
        for value in dict.fromkeys((None, *_known(held, name))):
            yield from _next_to_a_value(held, name, value)
        constants = [constant(held, name, value) for value in _known(held, name)]
        for function, pair in product(COMPARED, pairwise(constants)):
            yield call(function, *pair)
        for other in names:
            yield from _next_to_a_column(held, name, other)


def _next_to_a_value(held: HeldTable, name: str, value: Any) -> Iterator[Expression]:
    column, item = variable(held, name), constant(held, name, value)
    for function in COMPARED:
        yield call(function, column, item)
        yield call("$not", call(function, item, column))
    few = constant(held, name, value, None)
    for listed in (call("$in", column, array(item)), call("$in", column, array(few))):
        yield listed
        yield call("$not", listed)
    yield call("$is_null", call("$nullif", column, item))
    if kind_of(column.type) is Kind.TEXT:
        yield call("$like_pattern", column, item)
        yield call("$not", call("$like_pattern", column, item))


def _next_to_a_column(held: HeldTable, name: str, other: str) -> Iterator[Expression]:
    pair = variable(held, name), variable(held, other)
    for function in COMPARED:
        yield call(function, *pair)
    yield call("$in", pair[0], array(pair[1]))
    if kind_of(pair[0].type) is Kind.TEXT:
        yield call("$like_pattern", *pair)


def simple_calculations(held: HeldTable, names: tuple[str, ...]) -> Iterator[Expression]:
    """Every two operands, and whether their result is less than some value."""
    for name in names:
        column, values = variable(held, name), sorted(set(_known(held, name)))
        others: list[Expression] = [variable(held, other) for other in names]
        others += [constant(held, name, value) for value in (values[0], 0, -1, 2, values[-1])]
        for other, function in product(others, _ARITHMETIC):
            for result in (call(function, column, other), call(function, other, column)):
                yield call("$less_than", result, constant(held, name, values[-2]))
        yield call("$is_null", call("$negate", column))
        yield call("$equal", call("$negate", column), constant(held, name, values[-1]))


def compared_rows(
    held: HeldTable, expression: Expression, fragment: Fragment, rows: set[int]
) -> str:
    """Return ``exact``, ``superset``, ``failing`` or ``unsupported``, if nothing is wrong."""
    told = (render(expression), fragment)
    try:
        kept, failing = held.kept(expression)
    except UnsupportedTypeError:
        assert not fragment.exact, told  # so that the query fails as it does in Athena
        return "unsupported"
    assert kept | failing <= rows, (*told, "lost", sorted((kept | failing) - rows))
    if not fragment.exact:
        return "failing" if failing else "superset"
    assert not failing, (*told, "not failing", sorted(failing))
    assert rows == kept, (*told, "invented", sorted(rows - kept))
    return "exact"


def check_expressions(
    rows_where: RowsWhere,
    compile_: Callable[[Expression, Relation], Fragment],
    held: HeldTable,
    asked: Iterable[Expression],
    tally: Counter[str],
) -> None:
    """Ask the server for many expressions at once, and compare the rows of each.

    Args:
        rows_where: Returns the rows for which each condition is true.
        compile_: Makes a condition of an expression.
        held: The table.
        asked: The expressions.
        tally: Counts what ``compared_rows`` returns, and what is ``not pushed``.
    """
    pushed = []
    for expression in asked:
        try:
            pushed.append((expression, compile_(expression, held.relation)))
        except NotPushedError:
            tally["not pushed"] += 1
    while pushed:
        some, pushed = pushed[:_AT_ONCE], pushed[_AT_ONCE:]
        found = rows_where([fragment.text for _, fragment in some])
        for (expression, fragment), rows in zip(some, found, strict=True):
            tally[compared_rows(held, expression, fragment, rows)] += 1

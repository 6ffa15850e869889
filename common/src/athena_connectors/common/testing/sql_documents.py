"""What the README of a SQL connector shows of types and pushdown, from its tables and plans."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from athena_connectors.common.connector import Exactness
from athena_connectors.common.constraints import ColumnDomain, Constraints
from athena_connectors.common.expressions import Call, Constant, Variable
from athena_connectors.common.sql.relation import Relation
from athena_connectors.common.testing.conformance.report import markdown_table
from athena_connectors.common.valueset import Range, SortedRangeSet

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from athena_connectors.common.connector import Decision, Pushdown
    from athena_connectors.common.constraints import Conjunct
    from athena_connectors.common.expressions import Expression
    from athena_connectors.common.sql.relation import Column
    from athena_connectors.common.sql.type_rules import TypeRule
    from athena_connectors.common.valueset import Value

    Plan = Callable[[Constraints, Relation], Pushdown]

__all__ = [
    "PredicateSample",
    "call",
    "domain",
    "like",
    "number_samples",
    "one_of",
    "samples_table",
    "time_sample",
    "types_table",
    "word_samples",
]

_NOON = 1_714_564_800_000


@dataclass(frozen=True)
class PredicateSample:
    """A predicate whose pushdown the README shows.

    Attributes:
        kind: What the conformance report calls such predicates.
        text: As people write it.
        columns: The column ``c`` that it is about, and others that it names.
        conjunct: What the connector gets.
    """

    kind: str
    text: str
    columns: tuple[Column, ...]
    conjunct: Conjunct

    @property
    def source_type(self) -> str:
        """What the server calls the type of the column."""
        return self.columns[0].source_type

    def decided(self, plan: Plan) -> Decision:
        """Return what becomes of it, by what a connector's ``pushdown`` says."""
        relation = Relation("public", "t", "r", self.columns)
        if isinstance(self.conjunct, ColumnDomain):
            constraints = Constraints({self.conjunct.column: self.conjunct.values})
        else:
            constraints = Constraints(expression=(self.conjunct,))
        (decision,) = plan(constraints, relation).decisions
        return decision


# Tables


def types_table(source: str, rules: Iterable[TypeRule[Any, Any]]) -> str:
    """Return the rules of types as a table of Markdown.

    Args:
        source: The product's name.
        rules: In the order in which they are tried.
    """
    return markdown_table(
        (source, "Where", "Athena", "Compared", "Note"),
        [
            (
                rule.source,
                rule.condition,
                rule.engine,
                rule.comparison.value if rule.comparison else "by the column's collation",
                rule.note,
            )
            for rule in rules
        ],
    )


def samples_table(samples: Iterable[PredicateSample], plan: Plan) -> str:
    """Return what becomes of predicates as a table of Markdown."""
    return markdown_table(
        ("Athena's predicate", "Column", "Sent to the server", "Exact"),
        [_row(sample, sample.decided(plan)) for sample in samples],
    )


def _row(sample: PredicateSample, decision: Decision) -> tuple[str, str, str, str]:
    exact = "yes" if decision.exactness is Exactness.EXACT else f"no: {decision.reason}"
    native = _code(decision.native) if decision.native else "nothing"
    return _code(sample.text), sample.source_type, native, exact


def _code(text: str) -> str:
    """Return SQL as code of Markdown; names may stand in backticks."""
    return f"`` {text} ``" if "`" in text else f"`{text}`"


# Predicates


def one_of(column: Column, *values: Value) -> ColumnDomain:
    """Return that a column has one of some values."""
    return ColumnDomain(column.name, SortedRangeSet.of_points(column.arrow, values))


def domain(column: Column, *ranges: Range) -> ColumnDomain:
    """Return that a column lies in one of some ranges."""
    values = SortedRangeSet.of(column.arrow, ranges, null_allowed=False)
    return ColumnDomain(column.name, values)


def call(function: str, *arguments: Expression) -> Call:
    """Return a condition."""
    return Call(function, arguments, pa.bool_())


def number_samples(whole: Column, other: Column, real: Column) -> Iterator[PredicateSample]:
    """Yield predicates on two whole numbers and a float."""
    variable, two = Variable(whole.name, whole.arrow), Constant((2,), whole.arrow)
    remainder = Call("$modulus", (variable, two), whole.arrow)
    odd = call("$equal", remainder, Constant((1,), whole.arrow))
    total = Call("$add", (variable, two), whole.arrow)
    larger = call("$greater_than", total, Variable(other.name, other.arrow))
    unequal = domain(whole, Range.less_than(5), Range.greater_than(5))
    absent = ColumnDomain(whole.name, SortedRangeSet.only_null(whole.arrow))
    yield PredicateSample("in_list", "c IN (1, 2)", (whole,), one_of(whole, 1, 2))
    yield PredicateSample("negation", "c <> 5", (whole,), unequal)
    yield PredicateSample("null", "c IS NULL", (whole,), absent)
    yield PredicateSample("arithmetic", "c % 2 = 1", (whole,), odd)
    yield PredicateSample("arithmetic", "c + 2 > other", (whole, other), larger)
    yield PredicateSample("ranges", "c > 1.5", (real,), domain(real, Range.greater_than(1.5)))


def time_sample(time: Column) -> PredicateSample:
    """Return a predicate on a time."""
    until = domain(time, Range.at_most(_NOON))
    return PredicateSample("ranges", "c <= TIMESTAMP '2024-05-01 12:00:00'", (time,), until)


def word_samples(text: Column) -> Iterator[PredicateSample]:
    """Yield predicates on a text that are about its collation."""
    yield PredicateSample("equality", "c = 'é'", (text,), one_of(text, "é"))
    yield PredicateSample("ranges", "c < 'm'", (text,), domain(text, Range.less_than("m")))


def like(text: Column) -> PredicateSample:
    """Return a predicate on a text with a pattern."""
    pattern = Constant(("a_b%",), text.arrow)
    matches = call("$like_pattern", Variable(text.name, text.arrow), pattern)
    return PredicateSample("like", "c LIKE 'a_b%'", (text,), matches)

"""What the README shows of types and pushdown, from the tables and the plans of the code.

A root test holds it against the conformance report, which says what a real server did.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import pyarrow as pa
from athena_connectors.common.connector import Exactness
from athena_connectors.common.constraints import ColumnDomain, Constraints
from athena_connectors.common.expressions import Call, Constant, Variable
from athena_connectors.common.testing.conformance.report import markdown_table
from athena_connectors.common.valueset import Range, SortedRangeSet
from athena_connectors.jdbc_postgres.pushdown import plan
from athena_connectors.jdbc_postgres.server_types import ServerType, TypeOptions
from athena_connectors.jdbc_postgres.settings import Settings
from athena_connectors.jdbc_postgres.types import TYPES, Comparison, Relation, column_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from athena_connectors.common.connector import Decision
    from athena_connectors.common.constraints import Conjunct
    from athena_connectors.common.expressions import Expression
    from athena_connectors.common.valueset import Value
    from athena_connectors.jdbc_postgres.types import Column

__all__ = ["PARTS", "mapped", "pushed"]

_FOLDED = Comparison.TEXT_FOLDED
_NOON = 1_714_564_800_000
_UUID = "6f9619ff-8b86-d011-b42d-00c04fc964ff"


@dataclass(frozen=True)
class Sample:
    """A predicate whose pushdown the README shows.

    Attributes:
        kind: What the conformance report calls such predicates.
        text: As people write it.
        column: The column that it is about.
        conjunct: What the connector gets.
    """

    kind: str
    text: str
    column: Column
    conjunct: Conjunct

    @property
    def decision(self) -> Decision:
        """What becomes of it."""
        relation = Relation("public", "t", "r", (self.column, _OTHER))
        domain = self.conjunct if isinstance(self.conjunct, ColumnDomain) else None
        summary = {domain.column: domain.values} if domain else {}
        expression = () if domain else (self.conjunct,)
        (decision,) = plan(Constraints(summary, expression), relation, Settings()).decisions
        return decision


def mapped() -> Iterator[tuple[str, str]]:
    """Yield what the README calls a type of the server, and Athena's for it."""
    for rule in TYPES:
        yield rule.source, rule.engine


def pushed() -> Iterator[tuple[str, str, Exactness]]:
    """Yield kind, type and exactness of each predicate that the README shows."""
    for sample in SAMPLES:
        yield sample.kind, sample.column.source_type, sample.decision.exactness


def _types() -> str:
    return markdown_table(
        ("PostgreSQL", "Where", "Athena", "Compared", "Note"),
        [
            (
                rule.source,
                rule.condition,
                rule.engine,
                rule.comparison.value if rule.comparison else "by the column's collation",
                rule.note,
            )
            for rule in TYPES
        ],
    )


def _pushdown() -> str:
    return markdown_table(
        ("Athena's predicate", "Column", "Sent to the server", "Exact"),
        [_row(sample) for sample in SAMPLES],
    )


def _row(sample: Sample) -> tuple[str, str, str, str]:
    decision = sample.decision
    exact = "yes" if decision.exactness is Exactness.EXACT else f"no: {decision.reason}"
    native = f"`{decision.native}`" if decision.native else "nothing"
    return f"`{sample.text}`", sample.column.source_type, native, exact


def _column(source: str, type_: ServerType, collation: Comparison = _FOLDED) -> Column:
    options = TypeOptions(Settings(), 180_000, "UTF8")
    return column_of("c", source, type_, options=options, collation=collation)


def _in(column: Column, *values: Value) -> ColumnDomain:
    return ColumnDomain("c", SortedRangeSet.of_points(column.arrow, values))


def _range(column: Column, *ranges: Range) -> ColumnDomain:
    return ColumnDomain("c", SortedRangeSet.of(column.arrow, ranges, null_allowed=False))


def _call(function: str, *arguments: Expression) -> Call:
    return Call(function, arguments, pa.bool_())


def _samples() -> Iterator[Sample]:
    whole = _column("int4", ServerType("int4"))
    unequal = _range(whole, Range.less_than(5), Range.greater_than(5))
    variable, two = Variable("c", whole.arrow), Constant((2,), whole.arrow)
    remainder = Call("$modulus", (variable, two), whole.arrow)
    odd = _call("$equal", remainder, Constant((1,), whole.arrow))
    total = Call("$add", (variable, two), whole.arrow)
    larger = _call("$greater_than", total, Variable("other", pa.int32()))
    yield Sample("in_list", "c IN (1, 2)", whole, _in(whole, 1, 2))
    yield Sample("negation", "c <> 5", whole, unequal)
    yield Sample(
        "null", "c IS NULL", whole, ColumnDomain("c", SortedRangeSet.only_null(whole.arrow))
    )
    yield Sample("arithmetic", "c % 2 = 1", whole, odd)
    yield Sample("arithmetic", "c + 2 > other", whole, larger)
    real = _column("float8", ServerType("float8"))
    yield Sample("ranges", "c > 1.5", real, _range(real, Range.greater_than(1.5)))
    time = _column("timestamp", ServerType("timestamp"))
    until = _range(time, Range.at_most(_NOON))
    yield Sample("ranges", "c <= TIMESTAMP '2024-05-01 12:00:00'", time, until)
    for name, comparison in (
        ('text COLLATE "C"', Comparison.TEXT_C),
        ("text", Comparison.TEXT_DETERMINISTIC),
        ("text, nondeterministic collation", Comparison.TEXT_FOLDED),
    ):
        text = _column(name, ServerType("text"), comparison)
        yield Sample("equality", "c = 'é'", text, _in(text, "é"))
        yield Sample("ranges", "c < 'm'", text, _range(text, Range.less_than("m")))
    plain = _column("text", ServerType("text"), Comparison.TEXT_DETERMINISTIC)
    pattern = Constant(("a_b%",), plain.arrow)
    like = _call("$like_pattern", Variable("c", plain.arrow), pattern)
    yield Sample("like", "c LIKE 'a_b%'", plain, like)
    identifier = _column("uuid", ServerType("uuid"))
    yield Sample("equality", f"c = '{_UUID}'", identifier, _in(identifier, _UUID))
    document = _column("jsonb", ServerType("jsonb"))
    yield Sample("equality", "c = '{}'", document, _in(document, "{}"))
    numbers = _column("int4[]", ServerType("_int4", element=ServerType("int4")))
    some = ColumnDomain("c", SortedRangeSet.not_null(numbers.arrow))
    yield Sample("null", "c IS NOT NULL", numbers, some)


_OTHER = replace(_column("int4", ServerType("int4")), name="other")
SAMPLES = tuple(_samples())
"""Predicates whose pushdown the README shows."""

PARTS = {"types": _types, "pushdown": _pushdown}
"""Kind of part to what writes it."""

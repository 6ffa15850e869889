"""All constraints of one scan together, and the conjuncts they are made of."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING

from athena_connectors.common.expressions import Call, Expression, referenced_columns

if TYPE_CHECKING:
    from collections.abc import Mapping

    from athena_connectors.common.valueset import ValueSet

__all__ = ["ColumnDomain", "Conjunct", "Constraints", "Direction", "OrderBy", "QueryPlan"]


class Direction(Enum):
    """Sort direction and place of nulls; the value is the wire's word."""

    ASC_NULLS_FIRST = "ASC_NULLS_FIRST"
    ASC_NULLS_LAST = "ASC_NULLS_LAST"
    DESC_NULLS_FIRST = "DESC_NULLS_FIRST"
    DESC_NULLS_LAST = "DESC_NULLS_LAST"

    @property
    def descending(self) -> bool:
        """Whether the largest value comes first."""
        return self.name.startswith("DESC")

    @property
    def nulls_first(self) -> bool:
        """Whether nulls come before every value."""
        return self.name.endswith("NULLS_FIRST")


@dataclass(frozen=True, slots=True)
class OrderBy:
    """One sort key."""

    column: str
    direction: Direction


@dataclass(frozen=True, slots=True)
class QueryPlan:
    """A Substrait plan, carried as the text it came in and not looked into."""

    substrait_version: str | None
    substrait_plan: str


@dataclass(frozen=True, slots=True)
class ColumnDomain:
    """A conjunct of the form "column is in value set"."""

    column: str
    values: ValueSet


Conjunct = ColumnDomain | Expression


@dataclass(frozen=True, slots=True)
class Constraints:
    """Everything the engine asks to be applied to one scan.

    Attributes:
        summary: Column name to value set; a conjunction over columns. A column that is
            absent is unconstrained.
        expression: Boolean expressions, implicitly ANDed.
        order_by: Sort keys, first key first; meaningful together with ``limit`` only.
        limit: Rows wanted at most, 0 included; ``None`` means no limit (-1 on the wire).
        passthrough: Arguments of a native query, empty unless the query is one.
        query_plan: The Substrait plan, or ``None``.
    """

    summary: Mapping[str, ValueSet] = field(default_factory=dict)
    expression: tuple[Expression, ...] = ()
    order_by: tuple[OrderBy, ...] = ()
    limit: int | None = None
    passthrough: Mapping[str, str] = field(default_factory=dict)
    query_plan: QueryPlan | None = None

    def conjuncts(self) -> tuple[Conjunct, ...]:
        """Return the parts whose conjunction is the predicate, value sets first.

        A top-level ``$and`` is taken apart, so that each part can be pushed on its own.
        """
        domains = [ColumnDomain(column, values) for column, values in self.summary.items()]
        return (*domains, *(part for item in self.expression for part in _flatten(item)))

    @property
    def ends_early(self) -> bool:
        """Whether any rows will do, so that a scan ends when it has enough of them."""
        return self.limit is not None and not self.order_by

    def columns(self) -> frozenset[str]:
        """Return the names of all columns that the predicate looks at."""
        named = frozenset(self.summary)
        return named.union(*(referenced_columns(item) for item in self.expression))


def _flatten(expression: Expression) -> list[Expression]:
    if isinstance(expression, Call) and expression.function == "$and":
        return [part for item in expression.arguments for part in _flatten(item)]
    return [expression]

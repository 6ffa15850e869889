"""What the server evaluates of a scan: predicate, order and limit, each with a reason.

Pure: everything is decided from the description of the relation, without a connection.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from athena_connectors.common.connector import Decision, Exactness, Pushdown
from athena_connectors.common.constraints import ColumnDomain
from athena_connectors.common.physical import Kind
from athena_connectors.jdbc_postgres.comparisons import TEXTS, NotPushedError, subject_of
from athena_connectors.jdbc_postgres.domains_sql import FALSE, domain_sql
from athena_connectors.jdbc_postgres.expressions_sql import expression_sql

if TYPE_CHECKING:
    from athena_connectors.common.constraints import Conjunct, Constraints, OrderBy
    from athena_connectors.jdbc_postgres.comparisons import PushdownSettings, Subject
    from athena_connectors.jdbc_postgres.domains_sql import Fragment
    from athena_connectors.jdbc_postgres.types import Relation

__all__ = ["NativeScan", "plan"]

_OWN_VALUE = "It is the split's own value, which the server does not know."


@dataclass(frozen=True, slots=True)
class NativeScan:
    """The server's part of a scan, as SQL over the relation's own columns.

    Attributes:
        where: Conditions that are ANDed.
        order_by: Sort keys, with direction and place of nulls.
        limit: Rows at most, or ``None``.
    """

    where: tuple[str, ...] = ()
    order_by: tuple[str, ...] = ()
    limit: int | None = None

    @property
    def is_empty(self) -> bool:
        """Whether no row can satisfy the predicate, so that nobody has to be asked."""
        return FALSE in self.where


def plan(constraints: Constraints, relation: Relation, settings: PushdownSettings) -> Pushdown:
    """Decide what the server evaluates; ``native`` of the result is a ``NativeScan``."""
    decisions = tuple(_decide(conjunct, relation, settings) for conjunct in constraints.conjuncts())
    native = NativeScan(tuple(each.native for each in decisions if each.native))
    if constraints.limit is None:
        return Pushdown(native, decisions)
    if any(each.exactness is not Exactness.EXACT for each in decisions):
        reason = "Not all of the predicate is evaluated exactly by the server."
        return Pushdown(native, decisions, limit_reason=reason)
    try:
        keys = _sort_keys(constraints.order_by, relation, settings)
    except NotPushedError as error:
        return Pushdown(native, decisions, limit_reason=str(error))
    return Pushdown(
        replace(native, order_by=keys, limit=constraints.limit),
        decisions,
        limit_pushed=True,
        order_pushed=bool(keys),
    )


def _decide(conjunct: Conjunct, relation: Relation, settings: PushdownSettings) -> Decision:
    try:
        fragment = _fragment(conjunct, relation, settings)
    except NotPushedError as error:
        return Decision(conjunct, Exactness.NOT_PUSHED, reason=str(error))
    exactness = Exactness.EXACT if fragment.exact else Exactness.SUPERSET
    return Decision(conjunct, exactness, native=fragment.text, reason=fragment.reason)


def _fragment(conjunct: Conjunct, relation: Relation, settings: PushdownSettings) -> Fragment:
    if not isinstance(conjunct, ColumnDomain):
        return expression_sql(conjunct, relation, settings)
    column = relation.column(conjunct.column)
    if column is None:
        raise NotPushedError(_OWN_VALUE)
    return domain_sql(conjunct.values, column, settings)


def _sort_keys(
    order_by: tuple[OrderBy, ...], relation: Relation, settings: PushdownSettings
) -> tuple[str, ...]:
    keys = []
    for place, key in enumerate(order_by):
        column = relation.column(key.column)
        if column is None:
            raise NotPushedError(f"The order is by {key.column}. {_OWN_VALUE}")
        if column.comparison in TEXTS and settings.string_pushdown != "exact":
            raise NotPushedError(f"Setting string_pushdown is {settings.string_pushdown}.")
        subject = subject_of(column)
        if subject.kind is Kind.FLOAT:
            raise NotPushedError(f"The order is by {column.name}, and the server has one zero.")
        operand = _sort_operand(subject, last=place == len(order_by) - 1)
        direction = "DESC" if key.direction.descending else "ASC"
        nulls = "FIRST" if key.direction.nulls_first else "LAST"
        keys.append(f"{operand} {direction} NULLS {nulls}")
    return tuple(keys)


def _sort_operand(subject: Subject, *, last: bool) -> str:
    """Return what is sorted by: what an index can serve where that gives Athena's order.

    Values that are read as NULL have to sort as NULL. Digits that Athena does not see may
    decide between ties, but only if no further key has to.
    """
    finer = subject.column.sub_millisecond or subject.step is not None
    if subject.guard or (finer and not last):
        return subject.value
    return subject.ordered

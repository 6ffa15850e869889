"""What the server evaluates of a scan: predicate, order and limit, each with a reason.

Pure: everything is decided from the description of the relation, without a connection.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import chain
from typing import TYPE_CHECKING

from athena_connectors.common.connector import Decision, Exactness, Pushdown
from athena_connectors.common.constraints import ColumnDomain
from athena_connectors.common.physical import Kind
from athena_connectors.common.sql.dialect import FALSE, TEXTS, NotPushedError
from athena_connectors.common.sql.domains_sql import domain_sql, subject_of
from athena_connectors.common.sql.expressions_sql import expression_sql

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from athena_connectors.common.constraints import Conjunct, Constraints, OrderBy
    from athena_connectors.common.sql.dialect import Dialect, PushdownSettings, Subject
    from athena_connectors.common.sql.domains_sql import Fragment
    from athena_connectors.common.sql.relation import Relation

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


@dataclass(frozen=True, slots=True)
class _Scan:
    relation: Relation
    settings: PushdownSettings
    dialect: Dialect


def plan(
    constraints: Constraints, relation: Relation, settings: PushdownSettings, *, dialect: Dialect
) -> Pushdown:
    """Decide what the server evaluates; ``native`` of the result is a ``NativeScan``."""
    scan = _Scan(relation, settings, dialect)
    decided = (_decide(conjunct, scan) for conjunct in constraints.conjuncts())
    decisions = tuple(_that_fit(decided, dialect.max_predicate_bytes))
    native = NativeScan(tuple(each.native for each in decisions if each.native))
    if constraints.limit is None:
        return Pushdown(native, decisions)
    if any(each.exactness is not Exactness.EXACT for each in decisions):
        reason = "Not all of the predicate is evaluated exactly by the server."
        return Pushdown(native, decisions, limit_reason=reason)
    try:
        keys = tuple(_sort_keys(constraints.order_by, scan))
    except NotPushedError as error:
        return Pushdown(native, decisions, limit_reason=str(error))
    return Pushdown(
        replace(native, order_by=keys, limit=constraints.limit),
        decisions,
        limit_pushed=True,
        order_pushed=bool(keys),
    )


def _decide(conjunct: Conjunct, scan: _Scan) -> Decision:
    try:
        fragment = _fragment(conjunct, scan)
    except NotPushedError as error:
        return Decision(conjunct, Exactness.NOT_PUSHED, reason=str(error))
    exactness = Exactness.EXACT if fragment.exact else Exactness.SUPERSET
    return Decision(conjunct, exactness, native=fragment.text, reason=fragment.reason)


def _fragment(conjunct: Conjunct, scan: _Scan) -> Fragment:
    relation, settings, dialect = scan.relation, scan.settings, scan.dialect
    if not isinstance(conjunct, ColumnDomain):
        return expression_sql(conjunct, relation, settings, dialect=dialect)
    column = relation.column(conjunct.column)
    if column is None:
        raise NotPushedError(_OWN_VALUE)
    return domain_sql(conjunct.values, column, settings, dialect=dialect)


def _that_fit(decisions: Iterable[Decision], most_bytes: int | None) -> Iterator[Decision]:
    """Yield decisions, those not pushed with which a statement would be too long."""
    taken = 0
    for each in decisions:
        length = len(each.native.encode()) if each.native and most_bytes is not None else 0
        if most_bytes is not None and taken + length > most_bytes:
            reason = f"The statement would have more than {most_bytes:,} bytes."
            yield Decision(each.conjunct, Exactness.NOT_PUSHED, reason=reason)
        else:
            taken += length
            yield each


def _sort_keys(order_by: tuple[OrderBy, ...], scan: _Scan) -> Iterator[str]:
    keys = [_keys_of(key, scan, last=key is order_by[-1]) for key in order_by]
    return chain.from_iterable(keys)


def _keys_of(key: OrderBy, scan: _Scan, *, last: bool) -> Sequence[str]:
    column = scan.relation.column(key.column)
    if column is None:
        raise NotPushedError(f"The order is by {key.column}. {_OWN_VALUE}")
    if column.comparison in TEXTS and scan.settings.string_pushdown != "exact":
        raise NotPushedError(f"Setting string_pushdown is {scan.settings.string_pushdown}.")
    subject = subject_of(column, scan.dialect)
    if subject.kind is Kind.FLOAT:
        raise NotPushedError(f"The order is by {column.name}, and the server has one zero.")
    return scan.dialect.sort_keys(subject, _sort_operand(subject, last=last), key.direction)


def _sort_operand(subject: Subject, *, last: bool) -> str:
    """Return what is sorted by: what an index can serve where that gives Athena's order.

    Values that are read as NULL have to sort as NULL. Digits that Athena does not see may
    decide between ties, but only if no further key has to.
    """
    finer = subject.column.sub_millisecond or subject.step is not None
    if subject.guard or (finer and not last):
        return subject.value
    return subject.ordered

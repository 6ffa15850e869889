"""What DynamoDB evaluates of a scan: the way to the items, a filter and the limit.

Pure: everything is decided from the description of the table, without a request, and the
same constraints give the same plan when splits are planned and when they are read.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from athena_connectors.common.connector import Decision, Exactness, Pushdown
from athena_connectors.common.predicates import conjunct_predicate
from athena_connectors.dynamodb.access import AccessPath, Lookup, Queries
from athena_connectors.dynamodb.access_paths import best_access
from athena_connectors.dynamodb.conditions import thinned
from athena_connectors.dynamodb.leaves import LEAVES
from athena_connectors.dynamodb.predicates import all_true
from athena_connectors.dynamodb.requests import condition_text, cost, fits
from athena_connectors.dynamodb.storage import find_subject

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from athena_connectors.common.constraints import Conjunct, Constraints
    from athena_connectors.dynamodb.access_paths import Access
    from athena_connectors.dynamodb.conditions import Condition
    from athena_connectors.dynamodb.predicates import Predicate
    from athena_connectors.dynamodb.relation import Column, Relation
    from athena_connectors.dynamodb.settings import Settings

__all__ = ["NativeScan", "plan"]

_NOTHING = "no item"
_KEYS_ONLY = "Items that are fetched by their keys are filtered here."
_OWN_KEYS = "A Query does not filter by keys of the index that it reads."
_WIDE_KEYS = "The keys that are asked for are more than those that are wanted."
_TOO_LONG = "The filter would be longer than DynamoDB takes it."
_RESIDUAL = "Not all of the predicate is evaluated exactly by DynamoDB."
_UNORDERED = "DynamoDB gives items in no order that holds for all of them."


@dataclass(frozen=True, slots=True)
class NativeScan:
    """DynamoDB's part of a scan.

    Attributes:
        path: The way to the items; no key at all if there is nothing to read.
        filters: Conditions on the items there, joined by AND.
        is_exact: Whether every item that comes is wanted.
        limit: Rows that are enough, whichever they are; ``None`` for all.
    """

    path: AccessPath
    filters: tuple[Condition, ...] = ()
    is_exact: bool = True
    limit: int | None = None

    @property
    def is_empty(self) -> bool:
        """Whether no item can satisfy the predicate, so that nobody has to be asked."""
        return isinstance(self.path, Lookup) and not self.path.keys


def plan(
    constraints: Constraints, relation: Relation, settings: Settings, columns: Collection[str]
) -> Pushdown:
    """Decide what DynamoDB evaluates; ``native`` of the result is a ``NativeScan``.

    Args:
        constraints: Predicate, order and limit.
        relation: The table.
        settings: The connector's settings.
        columns: Names of the columns that are asked for. Those of the predicate and of the
            order may be among them or not: the result is the same.

    Raises:
        InvalidRequestError: An expression calls an unknown function, or one with a wrong
            number of arguments.
    """
    conjuncts = constraints.conjuncts()
    find = partial(find_subject, relation=relation, settings=settings)
    predicates = [conjunct_predicate(conjunct, find, LEAVES) for conjunct in conjuncts]
    whole = all_true(predicates)
    if whole.never:
        decisions = [Decision(each, Exactness.EXACT, native=_NOTHING) for each in conjuncts]
        return _pushdown(Lookup(()), (), decisions, constraints)
    read = _read_columns(constraints, relation, columns)
    access = best_access(whole, relation, settings, read)
    parts = [_Part.of(*pair, access, relation) for pair in zip(conjuncts, predicates, strict=True)]
    _fit(parts)
    filters = tuple(part.filter for part in parts if part.filter is not None)
    return _pushdown(access.path, filters, [part.decision() for part in parts], constraints)


def _read_columns(
    constraints: Constraints, relation: Relation, columns: Collection[str]
) -> list[Column]:
    names = {*columns, *constraints.columns(), *(key.column for key in constraints.order_by)}
    return [column for column in relation.columns if column.name in names]


def _pushdown(
    path: AccessPath,
    filters: tuple[Condition, ...],
    decisions: Sequence[Decision],
    constraints: Constraints,
) -> Pushdown:
    is_exact = all(each.exactness is Exactness.EXACT for each in decisions)
    limit = None if constraints.order_by else constraints.limit
    native = NativeScan(path, filters, is_exact, limit)
    reason = ""
    if constraints.limit is not None and not is_exact:
        reason = _RESIDUAL
    elif constraints.limit is not None and constraints.order_by:
        reason = _UNORDERED
    return Pushdown(
        native,
        tuple(decisions),
        limit_pushed=limit is not None and is_exact,
        limit_reason=reason,
    )


@dataclass(slots=True)
class _Part:
    """One conjunct and what becomes of it."""

    conjunct: Conjunct
    predicate: Predicate
    is_by_keys: bool
    """Whether the path asks for the values of a key that it gives."""
    is_done: bool
    """Whether the path alone makes it true."""
    filter: Condition | None
    reason: str

    @classmethod
    def of(
        cls, conjunct: Conjunct, predicate: Predicate, access: Access, relation: Relation
    ) -> _Part:
        """Return what becomes of a conjunct as far as no limit of requests is in the way."""
        asked = [name for name in predicate.keys if name in access.keys]
        is_nothing = predicate.condition is None and not predicate.reason
        is_done = is_nothing or any(
            access.keys[name] and predicate.keys[name].is_whole for name in asked
        )
        part = cls(conjunct, predicate, bool(asked), is_done, None, predicate.reason)
        if is_done or predicate.condition is None:
            return part
        if isinstance(access.path, Lookup):
            part.reason = part.reason or (_WIDE_KEYS if asked else _KEYS_ONLY)
            return part
        own = _own_keys(access.path, relation)
        part.filter = thinned(predicate.condition, own)
        if part.filter != predicate.condition:
            part.reason = part.reason or (_WIDE_KEYS if asked else _OWN_KEYS)
        return part

    def decision(self) -> Decision:
        """Return the decision."""
        if self.is_done or not self.reason:
            native = (
                "" if self.predicate.condition is None else condition_text(self.predicate.condition)
            )
            return Decision(self.conjunct, Exactness.EXACT, native=native)
        if self.filter is not None:
            native = condition_text(self.filter)
            return Decision(self.conjunct, Exactness.SUPERSET, native=native, reason=self.reason)
        if self.is_by_keys:
            return Decision(
                self.conjunct, Exactness.SUPERSET, native="key condition", reason=self.reason
            )
        return Decision(self.conjunct, Exactness.NOT_PUSHED, reason=self.reason)


def _own_keys(path: AccessPath, relation: Relation) -> frozenset[str]:
    """Return the attributes that a filter on a path must not look at."""
    if not isinstance(path, Queries):
        return frozenset()
    index = relation.table.index(path.index)
    assert index is not None, "a path names an index that the table has"
    return frozenset(key.name for key in index.keys)


def _fit(parts: Sequence[_Part]) -> None:
    """Leave out filters, the most expensive first, until DynamoDB takes the rest."""
    by_cost = sorted(
        ((cost(part.filter), place) for place, part in enumerate(parts) if part.filter is not None)
    )
    while by_cost and not fits([part.filter for part in parts if part.filter is not None]):
        _, place = by_cost.pop()
        parts[place].filter, parts[place].reason = None, _TOO_LONG

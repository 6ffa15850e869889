"""What the server evaluates of a scan: a filter and the limit.

Pure: everything is decided from the description of the collection, without a request, and
the same constraints give the same plan when splits are planned and when they are read.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from athena_connectors.common.connector import Decision, Exactness, Pushdown
from athena_connectors.common.predicates import conjunct_predicate
from athena_connectors.documentdb.fields import find_subject
from athena_connectors.documentdb.filters import EVERYTHING, all_of, document_text, size
from athena_connectors.documentdb.leaves import LEAVES
from athena_connectors.documentdb.predicates import all_true

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from athena_connectors.common.constraints import Conjunct, Constraints
    from athena_connectors.documentdb.filters import Filter
    from athena_connectors.documentdb.predicates import Predicate
    from athena_connectors.documentdb.relation import Collection, Relation
    from athena_connectors.documentdb.settings import Settings

__all__ = ["NativeScan", "plan"]

_MAX_FILTER_BYTES = 12 * 1024 * 1024
"""A request is a document of 16 MiB at most, and a split adds its range to the filter."""

_MAX_DEPTH = 30
"""Levels of calls of an expression; the server takes no deeper documents than 100 levels."""

_NOTHING = "no document"
_TOO_LONG = "The filter would be longer than the server takes it."
_RESIDUAL = "Not all of the predicate is evaluated exactly by the server."
_UNORDERED = "The server orders values of several types by their types first, NULL before all."


@dataclass(frozen=True, slots=True)
class NativeScan:
    """The server's part of a scan.

    Attributes:
        filter: What is asked of the documents; empty for all.
        is_exact: Whether every document that passes is wanted.
        limit: Documents that are enough, whichever they are, of those that are wanted;
            ``None`` for all. The server may stop there only if the filter is exact.
        is_empty: Whether no row is wanted, so that nobody has to be asked.
        collation: How the server has to compare texts, where it would not by their bytes.
    """

    filter: Filter = field(default_factory=dict)
    is_exact: bool = True
    limit: int | None = None
    is_empty: bool = False
    collation: Mapping[str, Any] | None = None

    @property
    def server_limit(self) -> int | None:
        """Documents at which the server may stop; ``None`` if it must not."""
        return self.limit if self.is_exact else None


def plan(constraints: Constraints, relation: Relation, settings: Settings) -> Pushdown:
    """Decide what the server evaluates; ``native`` of the result is a ``NativeScan``.

    Args:
        constraints: Predicate, order and limit.
        relation: The collection.
        settings: The connector's settings.

    Raises:
        InvalidRequestError: An expression calls an unknown function, or one with a wrong
            number of arguments.
    """
    conjuncts = constraints.conjuncts()
    find = partial(find_subject, relation=relation, settings=settings)
    predicates = [
        conjunct_predicate(conjunct, find, LEAVES, max_depth=_MAX_DEPTH) for conjunct in conjuncts
    ]
    is_never = all_true(predicates).never
    if is_never:
        decisions = [Decision(each, Exactness.EXACT, native=_NOTHING) for each in conjuncts]
        filter_ = EVERYTHING
    else:
        parts = [_Part.of(*pair) for pair in zip(conjuncts, predicates, strict=True)]
        _fit(parts)
        decisions = [part.decision() for part in parts]
        filter_ = all_of(part.filter for part in parts if part.filter is not None)
    is_exact = all(each.exactness is Exactness.EXACT for each in decisions)
    limit = None if constraints.order_by else constraints.limit
    native = NativeScan(
        filter_,
        is_exact,
        limit,
        is_empty=is_never or constraints.limit == 0,
        collation=_collation(relation.collection),
    )
    reason = ""
    if constraints.limit is not None and not is_exact:
        reason = _RESIDUAL
    elif constraints.limit is not None and constraints.order_by:
        reason = _UNORDERED
    return Pushdown(
        native,
        tuple(decisions),
        limit_pushed=native.server_limit is not None,
        limit_reason=reason,
    )


def _collation(collection: Collection) -> dict[str, Any] | None:
    """Return the collation by bytes, if the collection has another and a request may choose."""
    is_needed = collection.collation and not collection.is_view
    return {"locale": "simple"} if is_needed else None


@dataclass(slots=True)
class _Part:
    """One conjunct and what becomes of it."""

    conjunct: Conjunct
    filter: Filter | None
    reason: str

    @classmethod
    def of(cls, conjunct: Conjunct, predicate: Predicate) -> _Part:
        """Return what becomes of a conjunct as far as no limit of requests is in the way."""
        return cls(conjunct, predicate.filter or None, predicate.reason)

    def decision(self) -> Decision:
        """Return the decision."""
        native = "" if self.filter is None else document_text(self.filter)
        if not self.reason:
            return Decision(self.conjunct, Exactness.EXACT, native=native)
        exactness = Exactness.NOT_PUSHED if self.filter is None else Exactness.SUPERSET
        return Decision(self.conjunct, exactness, native=native, reason=self.reason)


def _fit(parts: Sequence[_Part]) -> None:
    """Leave out filters, the largest first, until the server takes the rest."""
    sizes = [0 if part.filter is None else size(part.filter) for part in parts]
    while sum(sizes) > _MAX_FILTER_BYTES:
        place = sizes.index(max(sizes))
        sizes[place] = 0
        parts[place].filter, parts[place].reason = None, _TOO_LONG

"""Conjuncts of the engine as predicates, for connectors that push them down."""

from __future__ import annotations

from typing import TYPE_CHECKING

from athena_connectors.common.constraints import ColumnDomain
from athena_connectors.common.domain_predicates import domain_predicate
from athena_connectors.common.expression_predicates import expression_predicate

if TYPE_CHECKING:
    from collections.abc import Callable

    from athena_connectors.common.constraints import Conjunct
    from athena_connectors.common.predicate_leaves import Leaves, PredicateT, SubjectT

__all__ = ["MAX_DEPTH", "conjunct_predicate"]

MAX_DEPTH = 100
"""Levels of calls beyond which an expression is not pushed, but for sources that take less."""


def conjunct_predicate(
    conjunct: Conjunct,
    find: Callable[[str], SubjectT | str],
    leaves: Leaves[SubjectT, PredicateT],
    *,
    max_depth: int = MAX_DEPTH,
) -> PredicateT:
    """Return where a conjunct is true.

    Args:
        conjunct: Values of a column, or an expression.
        find: Returns a column by its name, or a sentence why the source can't be asked for it.
        leaves: What the source can be asked.
        max_depth: Levels of calls that the source takes.

    Raises:
        InvalidRequestError: An expression calls an unknown function, or one with a wrong
            number of arguments.
    """
    if isinstance(conjunct, ColumnDomain):
        return domain_predicate(find(conjunct.column), conjunct.values, leaves)
    return expression_predicate(conjunct, find, leaves, max_depth=max_depth)

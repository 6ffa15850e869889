"""What DynamoDB evaluates of one split, whose way to the items is already decided.

When splits are planned, the columns that will be read are not always known; an index may then
not be chosen, which would be if they were. A split keeps the way that was planned for it, and
what becomes of the predicate has to be decided for that way.

Pure, as ``pushdown`` is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from athena_connectors.common.connector import Pushdown
from athena_connectors.dynamodb.access import Lookup, Queries, TableScan
from athena_connectors.dynamodb.parts import path_of
from athena_connectors.dynamodb.pushdown import NativeScan, plan

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from athena_connectors.common.constraints import Constraints
    from athena_connectors.dynamodb.access import AccessPath
    from athena_connectors.dynamodb.parts import Part
    from athena_connectors.dynamodb.relation import Relation
    from athena_connectors.dynamodb.settings import Settings

__all__ = ["plan_part"]

_CHANGED = "The table or a setting has changed since the splits were planned."


def plan_part(
    constraints: Constraints,
    relation: Relation,
    settings: Settings,
    columns: Collection[str],
    *,
    part: Part,
) -> Pushdown:
    """Decide what DynamoDB evaluates of a part of a scan; arguments as of ``pushdown.plan``.

    Args:
        constraints: Predicate, order and limit.
        relation: The table.
        settings: The connector's settings.
        columns: Names of the columns that are asked for.
        part: What the split reads.

    Returns:
        A plan for the way that the part is of. If none is made of it any more, the items of
        the part are read and everything is evaluated here.
    """
    path = path_of(part)
    every = [column.name for column in relation.columns]
    for names in (columns, every):
        pushdown = plan(constraints, relation, settings, names)
        assert isinstance(pushdown.native, NativeScan)
        if _is_within(path, pushdown.native.path):
            return pushdown
    return Pushdown(NativeScan(path, is_exact=False), limit_reason=_CHANGED)


def _is_within(path: AccessPath, whole: AccessPath) -> bool:
    match path, whole:
        case Lookup(keys), Lookup(all_keys):
            return _are_among(keys, all_keys)
        case Queries(index, queries), Queries(planned, all_queries):
            return index == planned and _are_among(queries, all_queries)
        case TableScan(index), TableScan(planned):
            return index == planned
    return False


def _are_among(some: Sequence[object], every: Sequence[object]) -> bool:
    known = set(map(repr, every))  # their values are dictionaries
    return all(repr(item) in known for item in some)

"""What a scan may cost, as ``collStats`` and the server's plan tell; no document is read."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from athena_connectors.common.estimates import CheapAccess, Estimate
from athena_connectors.documentdb.sizes import REFUSALS, told_size, until

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from athena_connectors.documentdb.client import Client
    from athena_connectors.documentdb.pushdown import NativeScan
    from athena_connectors.documentdb.relation import Relation
    from athena_connectors.documentdb.sizes import Measure

__all__ = ["estimate"]

_ORIGIN = "collStats"
_WHOLE = frozenset({"COLLSCAN", "CLUSTERED_COLLSCAN"})
_UNNAMED = frozenset({"_fts", "$**"})
"""Keys of indexes that are no field."""

_log = logging.getLogger(__name__)


def estimate(
    client: Client,
    relation: Relation,
    native: NativeScan,
    *,
    ends_early: bool,
    deadline: float | None,
) -> Estimate | None:
    """Return what a scan of a collection may cost, or ``None`` if the server does not tell.

    Args:
        client: Asks the server.
        relation: The collection.
        native: What is asked of its documents.
        ends_early: Whether a limit ends the scan at a place that nobody knows.
        deadline: ``time.monotonic()`` at which the answer has to be there, or ``None``.

    Returns:
        All documents, if the server says that it looks at all. How many it looks at in an
        index is not told without running the query, and so not known.

    Cost:
        Up to three commands, none of which reads a document.
    """
    collection = relation.collection
    if collection.is_view:
        return None
    try:
        size = told_size(client, collection, until(deadline))
        ways = tuple(_cheap_access(client, relation, deadline))
        looks_at_all = not native.filter or _is_whole(client, relation, native, deadline)
    except REFUSALS as error:
        _log.debug("The cost of %s is not told: %s", collection.name, error)
        return None
    if not looks_at_all:
        return Estimate("the plan, which finds documents in an index", cheap_by=ways)
    if ends_early:
        return Estimate("the limit, which ends the scan early", cheap_by=ways)
    return _of_all(size, native, ways)


def _of_all(size: Measure, native: NativeScan, ways: tuple[CheapAccess, ...]) -> Estimate:
    documents = size.documents
    if not native.filter and native.limit is not None:
        documents = min(documents, native.limit)
    scanned = round(documents * size.average_bytes)
    return Estimate(
        _ORIGIN,
        rows_scanned=documents,
        bytes_scanned=scanned,
        rows_read=None if native.filter else documents,
        bytes_read=None if native.filter else scanned,
        cheap_by=ways,
    )


def _is_whole(
    client: Client, relation: Relation, native: NativeScan, deadline: float | None
) -> bool:
    """Return whether the server says that it would look at every document."""
    collection = relation.collection
    find: dict[str, Any] = {"find": collection.name, "filter": native.filter}
    if native.collation is not None:
        find["collation"] = dict(native.collation)
    told = client.run(
        collection.database,
        {"explain": find, "verbosity": "queryPlanner"},
        collection=collection.name,
        deadline=until(deadline),
    )
    plan = told.get("queryPlanner", {}).get("winningPlan", {})
    return any(stage in _WHOLE for stage in _stages(plan))


def _stages(plan: Any) -> Iterator[str]:
    """Yield the stages of a plan, whatever members hold them."""
    if isinstance(plan, dict):
        if isinstance(plan.get("stage"), str):
            yield plan["stage"]
        for member in plan.values():
            yield from _stages(member)
    elif isinstance(plan, list):
        for item in plan:
            yield from _stages(item)


def _cheap_access(
    client: Client, relation: Relation, deadline: float | None
) -> Iterator[CheapAccess]:
    """Yield the first columns of the indexes that hold all documents."""
    collection = relation.collection
    told = client.run(
        collection.database,
        {"listIndexes": collection.name},
        collection=collection.name,
        deadline=until(deadline),
    )
    for index in told["cursor"]["firstBatch"]:
        column = _column_of(relation, index)
        if column:
            yield CheapAccess((column,), f"index {index['name']}")


def _column_of(relation: Relation, index: Mapping[str, Any]) -> str:
    field = next(iter(index["key"]), "")
    if field in _UNNAMED or "partialFilterExpression" in index or index.get("sparse"):
        return ""
    return next((each.name for each in relation.columns if each.field == field), "")

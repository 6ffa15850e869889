"""What a scan may cost, as far as the way to the items and ``DescribeTable`` tell.

Pure: nobody is asked. Sizes and counts are some hours old; those of a new table are not told.

Source: DynamoDB developer guide, "Read and write operations" (a read unit is 4 KB of one
item, or of a page, read consistently, or twice as much if not).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from athena_connectors.common.estimates import CheapAccess, Estimate
from athena_connectors.dynamodb.access import Lookup, Queries
from athena_connectors.dynamodb.access_paths import allowed_indexes
from athena_connectors.dynamodb.requests import MAX_BATCH
from athena_connectors.dynamodb.source_table import IndexKind

if TYPE_CHECKING:
    from athena_connectors.common.constraints import Constraints
    from athena_connectors.dynamodb.pushdown import NativeScan
    from athena_connectors.dynamodb.relation import Relation
    from athena_connectors.dynamodb.settings import Settings
    from athena_connectors.dynamodb.source_table import Index

__all__ = ["UNIT", "cheap_access", "estimate"]

UNIT = "read units"
_UNIT_BYTES = 4096
_PAGE_BYTES = 1 << 20
_ORIGIN = "DescribeTable"


def estimate(
    native: NativeScan, relation: Relation, settings: Settings, constraints: Constraints
) -> Estimate:
    """Return what a scan of a table may cost.

    Args:
        native: DynamoDB's part of it.
        relation: The table.
        settings: The connector's settings.
        constraints: What is asked for; a limit may end the scan early.

    Returns:
        For items by their keys, one item for each; for queries, no more than that there is a
        request for each, as nobody tells how many items have a key; for a scan, all of the
        table or index, or nothing if a limit ends it at a place that nobody knows. Bytes and
        units are those of whole items, whatever columns are read.
    """
    match native.path:
        case Lookup(keys):
            return _of_keys(len(keys), relation.table.base, settings)
        case Queries(index=name, queries=queries):
            return Estimate(f"the keys given, by {_place(name)}", requests=len(queries), unit=UNIT)
        case scan:
            index = relation.table.index(scan.index)
            assert index is not None, "a path names an index that the table has"
            return _of_scan(index, native, relation, settings, constraints)


def cheap_access(relation: Relation, settings: Settings) -> tuple[CheapAccess, ...]:
    """Return the hash keys by which a table and its indexes may be queried, the table first."""
    ways = []
    for index in allowed_indexes(relation, settings):
        # A local one has the table's hash key.
        if index.kind is IndexKind.LOCAL and relation.forced_index is None:
            continue
        columns = tuple(_column_of(relation, key.name) for key in index.hash_keys)
        if all(columns):
            ways.append(CheapAccess(columns, f"index {index.name}" if index.name else ""))
    return tuple(ways)


def _of_keys(count: int, base: Index, settings: Settings) -> Estimate:
    size = base.size_bytes / base.items if base.items else None
    units = count * max(1, math.ceil((size or 0) / _UNIT_BYTES))
    return Estimate(
        "the keys given",
        rows_scanned=count,
        bytes_scanned=None if size is None else round(count * size),
        rows_read=count,
        requests=math.ceil(count / MAX_BATCH),
        source_units=_billed(units, settings),
        unit=UNIT,
    )


def _of_scan(
    index: Index,
    native: NativeScan,
    relation: Relation,
    settings: Settings,
    constraints: Constraints,
) -> Estimate:
    ways = cheap_access(relation, settings)
    if not index.items and not index.size_bytes:
        return Estimate(f"{_ORIGIN}, which tells no size yet", unit=UNIT, cheap_by=ways)
    items, size = index.items, index.size_bytes
    limit = constraints.limit if constraints.ends_early else None
    if limit is not None and limit < items:
        if constraints.conjuncts():
            return Estimate("the limit, which ends the scan early", unit=UNIT, cheap_by=ways)
        items, size = limit, size * limit // items
    return Estimate(
        f"{_ORIGIN} of {_place(index.name)}",
        rows_scanned=items,
        bytes_scanned=size,
        rows_read=None if native.filters else items,
        requests=max(1, math.ceil(size / _PAGE_BYTES)),
        source_units=_billed(math.ceil(size / _UNIT_BYTES), settings),
        unit=UNIT,
        cheap_by=ways,
    )


def _billed(units: int, settings: Settings) -> float:
    return units if settings.consistent_read else units / 2


def _place(index: str) -> str:
    return f"index {index}" if index else "the table"


def _column_of(relation: Relation, attribute: str) -> str:
    return next((each.name for each in relation.columns if each.attribute == attribute), "")

"""What a scan may cost, as the server's plan and its statistics tell; no row is read.

Source: MySQL manual, "The INFORMATION_SCHEMA TABLES Table" and "The INFORMATION_SCHEMA
STATISTICS Table"; numbers of InnoDB are its estimates.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from athena_connectors.common.estimates import CheapAccess, Estimate
from athena_connectors.jdbc_mysql.inquiry import Inquiry
from athena_connectors.jdbc_mysql.leaves import units_of
from athena_connectors.jdbc_mysql.literals import typed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from athena_connectors.common.sql.pushdown import NativeScan
    from athena_connectors.common.sql.relation import Relation

__all__ = ["estimate"]

_ORIGIN = "EXPLAIN and information_schema"

_SIZE = """\
SELECT TABLE_ROWS AS row_count, DATA_LENGTH AS size FROM information_schema.TABLES
WHERE TABLE_SCHEMA = {schema} AND TABLE_NAME = {name} AND TABLE_TYPE = 'BASE TABLE'"""

_WAYS = """\
SELECT COLUMN_NAME AS first, INDEX_NAME AS name FROM information_schema.STATISTICS
WHERE TABLE_SCHEMA = {schema} AND TABLE_NAME = {name} AND SEQ_IN_INDEX = 1
    AND COLUMN_NAME IS NOT NULL AND INDEX_TYPE = 'BTREE'
ORDER BY INDEX_NAME <> 'PRIMARY', INDEX_NAME"""


def estimate(
    cursor: Any,
    relation: Relation,
    native: NativeScan,
    *,
    columns: Sequence[str],
    ends_early: bool,
) -> Estimate | None:
    """Return what a scan of a table may cost, or ``None`` for a view or if nobody tells.

    Args:
        cursor: A PyMySQL cursor in a transaction; used by nobody else meanwhile.
        relation: What is read; not a native query.
        native: What the server evaluates.
        columns: Columns that are read; does not matter.
        ends_early: Whether a limit that the server does not apply ends the scan.

    Cost:
        Two or three queries of ``information_schema`` and one EXPLAIN, which does not run.
    """
    del columns
    inquiry = Inquiry(cursor)
    place = {"schema": typed(relation.schema, "text"), "name": typed(relation.name, "text")}
    told = inquiry.ask(_SIZE.format(**place))
    if not told or told[0][0] is None:
        return None
    rows, size = int(told[0][0]), int(told[0][1] or 0)
    ways = tuple(
        CheapAccess((column,), f"index {name}")
        for column, name in inquiry.ask(_WAYS.format(**place)) or ()
    )
    if ends_early:
        return Estimate("the limit, which ends the scan early", cheap_by=ways)
    units = units_of(inquiry, relation, " AND ".join(native.where))
    if units is None:
        return None
    scanned = sum(unit.rows for unit in units)
    is_cut = native.limit is not None and not native.order_by and not native.where
    if native.limit is not None and is_cut:
        scanned = min(scanned, native.limit)
    most = scanned if native.limit is None else min(scanned, native.limit)
    share = min(1.0, scanned / rows) if rows else 1.0
    return Estimate(
        _ORIGIN,
        rows_scanned=scanned,
        bytes_scanned=math.ceil(size * share) or None,
        # How many of them pass a condition is not told.
        rows_read=most if not native.where or not scanned else None,
        cheap_by=ways,
    )

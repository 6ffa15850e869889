"""Says no to a scan of a whole table or index, where settings want that.

Pure: decided from what ``DescribeTable`` told. The text names the keys that would avoid it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from athena_connectors.common.errors import BudgetExceededError
from athena_connectors.common.estimates import amount
from athena_connectors.dynamodb.costs import cheap_access

if TYPE_CHECKING:
    from athena_connectors.dynamodb.relation import Relation
    from athena_connectors.dynamodb.settings import Settings
    from athena_connectors.dynamodb.source_table import Index

__all__ = ["check_full_scan"]


def check_full_scan(
    relation: Relation, index: Index, settings: Settings, *, rows: int | None = None
) -> None:
    """Return if a scan may be made.

    Args:
        relation: The table.
        index: What would be scanned.
        settings: The connector's settings.
        rows: Rows after which the scan ends, if it looks at no more than it gives.

    Raises:
        BudgetExceededError: ``allow_full_scan`` is false, or the part that would be scanned
            is larger than ``max_scan_bytes``.
    """
    size = index.size_bytes
    if rows is not None and rows < index.items:
        size = size * rows // index.items
    if not settings.allow_full_scan:
        setting = "allow_full_scan"
        rule = "allow_full_scan is false"
    elif settings.max_scan_bytes and size > settings.max_scan_bytes:
        setting = "max_scan_bytes"
        rule = f"max_scan_bytes is {_amount(settings.max_scan_bytes)}"
    else:
        return
    table = relation.table
    of_table = f"index {index.name} of table {table.name}" if index.name else f"table {table.name}"
    raise BudgetExceededError(
        f"The predicate gives no keys, so that {of_table}, {_amount(index.size_bytes)},"
        f" would be scanned: {rule}.",
        hint=f"Give {_keys(relation, settings)}, or change {setting}.",
        setting=setting,
        table=table.name,
    )


def _keys(relation: Relation, settings: Settings) -> str:
    ways = []
    for way in cheap_access(relation, settings):
        values = " and ".join(f"{name} = …" for name in way.columns)
        ways.append(f"{values} ({way.by})" if way.by else values)
    return ", or ".join(dict.fromkeys(ways)) or "a value for its hash key"


def _amount(size: int) -> str:
    return amount(size) if size else "of a size not yet known"

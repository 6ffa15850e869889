"""Says no to a scan of a whole table or index, where settings want that.

Pure: decided from what ``DescribeTable`` told. The text names the keys that would avoid it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from athena_connectors.common.errors import BudgetExceededError
from athena_connectors.dynamodb.access_paths import allowed_indexes
from athena_connectors.dynamodb.source_table import IndexKind

if TYPE_CHECKING:
    from collections.abc import Sequence

    from athena_connectors.dynamodb.relation import Relation
    from athena_connectors.dynamodb.settings import Settings
    from athena_connectors.dynamodb.source_table import Index

__all__ = ["check_full_scan"]

_STEP = 1000
_UNITS = ("bytes", "kB", "MB", "GB", "TB")


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
        hint=f"Give {_keys(relation, _queried(relation, settings))}, or change {setting}.",
        setting=setting,
        table=table.name,
    )


def _queried(relation: Relation, settings: Settings) -> list[Index]:
    """Return the table and its indexes, as far as a hash key may choose them."""
    return [
        index
        for index in allowed_indexes(relation, settings)
        # A local one has the table's hash key.
        if index.kind is not IndexKind.LOCAL or relation.forced_index is not None
    ]


def _keys(relation: Relation, indexes: Sequence[Index]) -> str:
    ways = []
    for index in indexes:
        names = [_column_of(relation, key.name) for key in index.hash_keys]
        if all(names):
            way = " and ".join(f"{name} = …" for name in names)
            ways.append(f"{way} (index {index.name})" if index.name else way)
    return ", or ".join(dict.fromkeys(ways)) or "a value for its hash key"


def _column_of(relation: Relation, attribute: str) -> str:
    return next((each.name for each in relation.columns if each.attribute == attribute), "")


def _amount(size: int) -> str:
    if not size:
        return "of a size not yet known"
    amount: float = size
    for unit in _UNITS[:-1]:
        if amount < _STEP:
            return f"{amount:.3g} {unit}"
        amount /= _STEP
    return f"{amount:,.1f} {_UNITS[-1]}"

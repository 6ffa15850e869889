"""The requests of a read: keyword arguments of Scan, Query and BatchGetItem.

Pure. Names and values stand behind aliases by position, ``#n0`` and ``:v0``, and only those
that are used are sent; nothing empty is. The reader adds what differs from page to page:
``ExclusiveStartKey`` and ``Limit``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from athena_connectors.dynamodb.access import KeyQuery, Lookup, Queries, TableScan
from athena_connectors.dynamodb.aliases import Aliases
from athena_connectors.dynamodb.conditions import (
    BeginsWith,
    Between,
    Comparison,
    all_of,
    count_operators,
    render,
)
from athena_connectors.dynamodb.literals import literal_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from athena_connectors.dynamodb.access import AccessPath, AttributeValue, RangeCondition
    from athena_connectors.dynamodb.conditions import Condition
    from athena_connectors.dynamodb.pushdown import NativeScan
    from athena_connectors.dynamodb.relation import Column
    from athena_connectors.dynamodb.settings import Settings
    from athena_connectors.dynamodb.source_table import SourceTable

__all__ = [
    "MAX_BATCH",
    "condition_text",
    "cost",
    "counts_only",
    "fits",
    "lookup_request",
    "native_text",
    "page_limit",
    "query_request",
    "scan_request",
]

MAX_BATCH = 100
"""Keys of one BatchGetItem."""

_MAX_EXPRESSION_BYTES = 4096
_MAX_OPERATORS = 300
_MAX_ALIASED_BYTES = 1024 * 1024
"""Half of what DynamoDB takes for names and values of a request, keys and projection aside."""
_LEAST_FIRST_PAGE = 1000
_PAGE_GROWTH = 4
_GROWING_PAGES = 16
_LARGEST_LIMIT = 2**31 - 1


def scan_request(
    table: SourceTable,
    native: NativeScan,
    columns: Sequence[Column],
    settings: Settings,
    *,
    index: str = "",
    segment: tuple[int, int] | None = None,
) -> dict[str, Any]:
    """Return the arguments of a Scan.

    Args:
        table: The table.
        native: What is evaluated by DynamoDB.
        columns: The columns to read; none to count items.
        settings: Of the connector.
        index: Name of the index that is scanned; empty for the table.
        segment: Number of the segment and how many there are; ``None`` for the whole.
    """
    aliases = Aliases()
    request = _request(table, settings, index=index)
    if segment is not None:
        request["Segment"], request["TotalSegments"] = segment
    _add_filter(request, aliases, native.filters)
    return _complete(request, aliases, native, columns, table=table)


def query_request(
    table: SourceTable,
    native: NativeScan,
    columns: Sequence[Column],
    settings: Settings,
    *,
    index: str,
    query: KeyQuery,
) -> dict[str, Any]:
    """Return the arguments of one Query; as ``scan_request``."""
    aliases = Aliases()
    request = _request(table, settings, index=index)
    # First, so that its text is the one that was measured when the scan was planned.
    _add_filter(request, aliases, native.filters)
    keys = _key_condition(table, index, query)
    request["KeyConditionExpression"] = aliases.text(keys)
    return _complete(request, aliases, native, columns, table=table)


def lookup_request(
    table: SourceTable,
    keys: Sequence[tuple[AttributeValue, ...]],
    columns: Sequence[Column],
    settings: Settings,
) -> dict[str, Any]:
    """Return the arguments of a BatchGetItem for at most ``MAX_BATCH`` keys."""
    aliases = Aliases()
    names = [key.name for key in table.base.keys]
    asked: dict[str, Any] = {
        "Keys": [dict(zip(names, values, strict=True)) for values in keys],
    }
    if settings.consistent_read:
        asked["ConsistentRead"] = True
    _add_projection(asked, aliases, columns, table=table)
    aliases.add_to(asked)
    return {"RequestItems": {table.target: asked}, "ReturnConsumedCapacity": "TOTAL"}


def counts_only(native: NativeScan, columns: Sequence[Column]) -> bool:
    """Return whether replies tell how many items there are, and give none."""
    return not columns and native.is_exact and not isinstance(native.path, Lookup)


def page_limit(native: NativeScan, page: int) -> int | None:
    """Return how many items a page evaluates at most; ``None`` for as many as fit.

    ``Limit`` counts items before the filter. Without a filter the wanted rows are enough;
    with one, pages start small and grow, lest a selective filter take a request for each
    few items.

    Args:
        native: What is evaluated by DynamoDB.
        page: Number of the page within its split, from 0.
    """
    if native.limit is None:
        return None
    if not native.filters and native.is_exact:
        return min(native.limit, _LARGEST_LIMIT)
    growth: int = _PAGE_GROWTH ** min(page, _GROWING_PAGES)
    return min(max(native.limit, _LEAST_FIRST_PAGE) * growth, _LARGEST_LIMIT)


def fits(filters: Sequence[Condition]) -> bool:
    """Return whether conditions, joined by AND, are within DynamoDB's limits of one filter."""
    if not filters:
        return True
    operators, length, values = cost(all_of(filters))
    return (
        operators <= _MAX_OPERATORS
        and length <= _MAX_EXPRESSION_BYTES
        and values <= _MAX_ALIASED_BYTES
    )


def cost(condition: Condition) -> tuple[int, int, int]:
    """Return the operators, the bytes of the text and the bytes of the values of a filter."""
    aliases = Aliases()
    text = aliases.text(condition)
    return count_operators(condition), len(text), aliases.size


def condition_text(condition: Condition) -> str:
    """Return a condition for people to read, with its names and values in it."""
    return render(condition, name=_name_text, value=literal_text)


def native_text(
    table: SourceTable, native: NativeScan, path: AccessPath | None = None
) -> tuple[str, ...]:
    """Return what is sent to DynamoDB for people to read, a line for each request.

    Args:
        table: The table.
        native: What is evaluated by DynamoDB.
        path: The part of its path that one split reads; the whole path if not told.
    """
    match native.path if path is None else path:
        case Lookup(keys):
            names = [key.name for key in table.base.keys]
            return tuple(
                f"BatchGetItem {table.name}: {_keys_text(names, keys[start : start + MAX_BATCH])}"
                for start in range(0, len(keys), MAX_BATCH)
            )
        case Queries(index, queries):
            start = f"Query {_index_name(table, index)}: "
            return tuple(
                start + _with_filter(condition_text(_key_condition(table, index, each)), native)
                for each in queries
            )
        case TableScan(index):
            return (_with_filter(f"Scan {_index_name(table, index)}", native, separator=": "),)


def _with_filter(text: str, native: NativeScan, *, separator: str = "; ") -> str:
    if not native.filters:
        return text
    return f"{text}{separator}filter: {condition_text(all_of(native.filters))}"


def _index_name(table: SourceTable, index: str) -> str:
    return f"{table.name}${index}" if index else table.name


def _keys_text(names: Sequence[str], keys: Sequence[tuple[AttributeValue, ...]]) -> str:
    return ", ".join(
        " AND ".join(
            f"{_name_text(name)} = {literal_text(value)}"
            for name, value in zip(names, values, strict=True)
        )
        for values in keys
    )


def _name_text(name: str) -> str:
    is_plain = name.replace("_", "a").isalnum() and not name[0].isdigit()
    return name if is_plain else literal_text({"S": name})


def _request(table: SourceTable, settings: Settings, *, index: str) -> dict[str, Any]:
    request: dict[str, Any] = {"TableName": table.target, "ReturnConsumedCapacity": "TOTAL"}
    if index:
        request["IndexName"] = index
    if settings.consistent_read:
        request["ConsistentRead"] = True
    return request


def _key_condition(table: SourceTable, index: str, query: KeyQuery) -> Condition:
    source = table.index(index)
    assert source is not None, "a path names an index that the table has"
    equalities = (
        Comparison(key.name, "=", value)
        for key, value in zip(source.hash_keys, query.hash_values, strict=True)
    )
    return all_of((*equalities, *map(_range_condition, query.ranges)))


def _range_condition(wanted: RangeCondition) -> Condition:
    match wanted.operator:
        case "BETWEEN":
            return Between(wanted.key, *wanted.values)
        case "begins_with":
            return BeginsWith(wanted.key, *wanted.values)
        case operator:
            return Comparison(wanted.key, operator, *wanted.values)


def _add_filter(request: dict[str, Any], aliases: Aliases, filters: Sequence[Condition]) -> None:
    if filters:
        request["FilterExpression"] = aliases.text(all_of(filters))


def _complete(
    request: dict[str, Any],
    aliases: Aliases,
    native: NativeScan,
    columns: Sequence[Column],
    *,
    table: SourceTable,
) -> dict[str, Any]:
    if counts_only(native, columns):
        request["Select"] = "COUNT"
    else:
        _add_projection(request, aliases, columns, table=table)
    aliases.add_to(request)
    return request


# Projection


def _add_projection(
    request: dict[str, Any], aliases: Aliases, columns: Sequence[Column], *, table: SourceTable
) -> None:
    names = _projected(columns, table)
    if names is None:
        return
    # Aliases of names only; they are sent if the expression is.
    trial = aliases.copy()
    text = ", ".join(map(trial.name, names))
    if len(text) <= _MAX_EXPRESSION_BYTES and trial.size <= 2 * _MAX_ALIASED_BYTES:
        aliases.adopt(trial)
        request["ProjectionExpression"] = text


def _projected(columns: Sequence[Column], table: SourceTable) -> tuple[str, ...] | None:
    """Return the attributes that columns are made of; ``None`` for all there may be.

    A key stands for no column at all: it makes the smallest items.
    """
    if any(not column.attribute or not column.is_spelled for column in columns):
        return None
    names = [name for column in columns for name in (column.attribute, *column.others)]
    return tuple(dict.fromkeys(names or [table.base.hash_keys[0].name]))

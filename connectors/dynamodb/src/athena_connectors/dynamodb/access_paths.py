"""The best way to the items that may be wanted: by keys, by queries, or by a scan.

An index that lacks items (those without one of its keys) is used only if the predicate
makes each of its keys present, and a global one only if it holds all attributes that are
read. What decides does not change from hour to hour, so that a scan is planned and read
the same way; only what is scanned as a whole goes by sizes.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from itertools import product
from math import prod
from typing import TYPE_CHECKING

from athena_connectors.dynamodb.access import KeyQuery, Lookup, Queries, TableScan
from athena_connectors.dynamodb.key_conditions import hash_values, range_choice
from athena_connectors.dynamodb.literals import value_size
from athena_connectors.dynamodb.source_table import IndexKind

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from athena_connectors.dynamodb.access import AccessPath, AttributeValue, RangeCondition
    from athena_connectors.dynamodb.predicates import KeyValues, Predicate
    from athena_connectors.dynamodb.relation import Column, Relation
    from athena_connectors.dynamodb.settings import Settings
    from athena_connectors.dynamodb.source_table import Index

__all__ = ["MAX_QUERIES", "Access", "allowed_indexes", "best_access"]

MAX_QUERIES = 10_000
"""Queries of one path; beyond, the path is not taken. A scan reads as much for 1.3 GB."""

MAX_PATH_BYTES = 2_000_000
"""About the bytes of the keys of a path in the plan of a scan, which a reply has to hold."""

_BYTES_AROUND_KEYS = 100
_ESCAPED = 3
_RANKS = {IndexKind.TABLE: 0, IndexKind.LOCAL: 1, IndexKind.GLOBAL: 2}


@dataclass(frozen=True, slots=True)
class Access:
    """A way to the items, and what it makes of the predicate.

    Attributes:
        path: The way.
        keys: The attributes that it asks values of, and whether for no others than known.
    """

    path: AccessPath
    keys: Mapping[str, bool] = field(default_factory=dict)


def best_access(
    predicate: Predicate, relation: Relation, settings: Settings, columns: Iterable[Column]
) -> Access:
    """Return the best way to all items for which a predicate may be true.

    Args:
        predicate: The whole predicate; not never true.
        relation: The table.
        settings: The connector's settings.
        columns: All columns that are read.
    """
    needed = _attributes(columns)
    table = relation.table
    usable = [
        index
        for index in allowed_indexes(relation, settings)
        if relation.forced_index is not None
        or (_covers(index, needed) and _is_complete(index, relation, predicate))
    ]
    if table.base in usable:
        lookup = _lookup(predicate, table.base, settings)
        if lookup is not None:
            return lookup
    found = [
        (access, index)
        for index in usable
        if (access := _queries(predicate.keys, index)) is not None
    ]
    if found:
        return min(found, key=_rank)[0]
    return Access(_scan(usable, relation))


def _attributes(columns: Iterable[Column]) -> frozenset[str] | None:
    """Return the attributes that columns are made of; ``None`` for any."""
    chosen = list(columns)
    if any(not column.attribute or not column.is_spelled for column in chosen):
        return None
    return frozenset(name for column in chosen for name in (column.attribute, *column.others))


def allowed_indexes(relation: Relation, settings: Settings) -> list[Index]:
    """Return the table and its indexes, as far as settings and the query let them be read."""
    table = relation.table
    if relation.forced_index is not None:
        return [table.index(relation.forced_index) or table.base]
    if settings.dynamodb_index_mode == "never":
        return [table.base]
    return [table.base, *(index for index in table.indexes if _is_allowed(index, settings))]


def _is_allowed(index: Index, settings: Settings) -> bool:
    if not index.usable or (settings.consistent_read and index.kind is IndexKind.GLOBAL):
        return False
    allowed, denied = settings.dynamodb_index_allow, settings.dynamodb_index_deny
    return not _matches(index.name, denied) and (not allowed or _matches(index.name, allowed))


def _matches(name: str, patterns: Iterable[str]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)


def _covers(index: Index, needed: frozenset[str] | None) -> bool:
    return index.included is None or (needed is not None and needed <= index.included)


def _is_complete(index: Index, relation: Relation, predicate: Predicate) -> bool:
    """Whether an index has all items for which the predicate may be true."""
    always = {key.name for key in relation.table.base.keys}
    return all(key.name in always or key.name in predicate.present for key in index.keys)


def _rank(found: tuple[Access, Index]) -> tuple[object, ...]:
    access, index = found
    assert isinstance(access.path, Queries)
    return (
        -len(access.keys),
        len(access.path.queries),
        _RANKS[index.kind],
        index.included is not None,
        index.name,
    )


# Keys


def _lookup(predicate: Predicate, base: Index, settings: Settings) -> Access | None:
    columns = []
    for key in base.keys:
        known = predicate.keys.get(key.name)
        values = None if known is None else hash_values(known.spans)
        if values is None:
            return None
        columns.append(values)
    if prod(map(len, columns)) > settings.max_batch_keys:
        return None
    keys = tuple(product(*columns))
    if _size(keys) > MAX_PATH_BYTES:
        return None
    return Access(Lookup(keys), {key.name: True for key in base.keys})


def _queries(keys: Mapping[str, KeyValues], index: Index) -> Access | None:
    columns = []
    used: dict[str, bool] = {}
    for key in index.hash_keys:
        known = keys.get(key.name)
        values = None if known is None else hash_values(known.spans)
        if known is None or values is None:
            return None
        columns.append(values)
        used[key.name] = True
    count = prod(map(len, columns))
    if count > MAX_QUERIES:
        return None
    ranges = list(_ranges(keys, index, used, most=MAX_QUERIES // max(count, 1)))
    queries = tuple(
        KeyQuery(values, conditions)
        for values in product(*columns)
        for conditions in product(*ranges)
    )
    if _size((*each.hash_values, *_operands(each.ranges)) for each in queries) > MAX_PATH_BYTES:
        return None
    return Access(Queries(index.name, queries), used)


def _ranges(
    keys: Mapping[str, KeyValues], index: Index, used: dict[str, bool], *, most: int
) -> Iterator[Sequence[RangeCondition]]:
    """Yield the alternatives of each range key, as far as they can be asked for.

    Args:
        keys: Values of key attributes.
        index: The index.
        used: Gets the range keys that are asked for.
        most: Combinations of alternatives at most.
    """
    for key in index.range_keys:
        known = keys.get(key.name)
        if known is None:
            return
        choice = range_choice(key.name, known.spans)
        if choice.conditions is None or len(choice.conditions) > most:
            return
        most //= len(choice.conditions)
        used[key.name] = choice.is_exact
        yield choice.conditions
        if not choice.is_equality:
            return


def _operands(ranges: Iterable[RangeCondition]) -> Iterator[AttributeValue]:
    return (value for condition in ranges for value in condition.values)


def _size(keys: Iterable[Iterable[AttributeValue]]) -> int:
    return sum(
        _BYTES_AROUND_KEYS + _ESCAPED * sum(value_size(value) for value in values)
        for values in keys
    )


# Scans


def _scan(usable: Sequence[Index], relation: Relation) -> TableScan:
    base = relation.table.base
    if relation.forced_index is not None:
        return TableScan((relation.table.index(relation.forced_index) or base).name)
    smaller = [
        index
        for index in usable
        if index.kind is IndexKind.GLOBAL and 0 < index.size_bytes < base.size_bytes
    ]
    best = min(smaller, key=lambda index: (index.size_bytes, index.name), default=base)
    return TableScan(best.name)

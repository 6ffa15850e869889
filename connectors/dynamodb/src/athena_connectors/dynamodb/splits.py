"""How the way to the items of a table is taken apart over splits.

Everything is decided once, in ``plan``, and comes back as rows of the table's layout, of which
``splits_of`` makes splits without asking anybody. The splits of a scan hold each wanted item
exactly once, items that are written meanwhile aside.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from heapq import heapreplace
from typing import TYPE_CHECKING, TypeVar

import pyarrow as pa
from athena_connectors.common.errors import InvalidRequestError
from athena_connectors.common.layouts import require_columns
from athena_connectors.common.protocol.messages import Split
from athena_connectors.dynamodb.access import Lookup, Queries
from athena_connectors.dynamodb.capacity import segment_count
from athena_connectors.dynamodb.parts import Segment, part_text, read_part
from athena_connectors.dynamodb.source_table import IndexKind

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from athena_connectors.dynamodb.access import AccessPath, KeyQuery
    from athena_connectors.dynamodb.parts import Part
    from athena_connectors.dynamodb.settings import Settings
    from athena_connectors.dynamodb.source_table import Index, SourceTable

__all__ = ["KEYS_PER_SPLIT", "SplitPlan", "plan", "split_plan", "splits_of"]

KEYS_PER_SPLIT = 500
"""Items that one split fetches by their keys: five requests."""

MAX_TEXT_BYTES = 2_500_000
"""All parts of a scan, as JSON within JSON: far below Lambda's 6 MB, in base64 too."""

_PART = "__split_part"
_COUNT = "__split_count"
_RANGE_WEIGHT = 10
"""How many items by their full key cost as much as a query that may give many."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class SplitPlan:
    """What one split reads.

    Attributes:
        part: What it reads.
        count: How many splits the scan has, which share what it may cost.
    """

    part: Part
    count: int = 1


def plan(
    path: AccessPath, table: SourceTable, settings: Settings, *, few: bool = False
) -> pa.RecordBatch:
    """Take a path apart.

    Args:
        path: The way to all wanted items.
        table: What is read.
        settings: The connector's settings.
        few: Whether a scan ends after few items, so that one reader is enough.

    Returns:
        One row for each split, or one for all segments of a scan; none if there is nothing
        to read.

    Raises:
        InvalidRequestError: The keys are too many for a reply of the protocol.
    """
    parts = list(_parts(path, table, settings, few=few))
    texts = [part_text(part) for part in parts]
    size = sum(len(json.dumps(text)) for text in texts)
    if size > MAX_TEXT_BYTES:
        raise InvalidRequestError(
            f"The predicate on {table.name} gives keys of {size:,} bytes together; a plan may"
            f" hold {MAX_TEXT_BYTES:,}.",
            hint="Give fewer keys at a time, or lower max_batch_keys.",
            table=table.name,
        )
    count = sum(part.count if isinstance(part, Segment) else 1 for part in parts)
    columns = {
        _PART: pa.array(texts, pa.string()),
        _COUNT: pa.array([count] * len(texts), pa.int32()),
    }
    return pa.record_batch(columns)


def splits_of(partitions: pa.RecordBatch) -> Iterator[Split]:
    """Return the splits of a plan, lazily and the same at every call.

    Args:
        partitions: What ``plan`` returned; rows may be missing.

    Raises:
        InvalidRequestError: The batch is none of these.
    """
    require_columns(partitions, (_PART, _COUNT))
    rows = zip(partitions.column(_PART), partitions.column(_COUNT), strict=True)
    for text, count in ((row[0].as_py(), row[1].as_py()) for row in rows):
        for part in _expanded(text):
            yield Split({_PART: part, _COUNT: str(count)})


def split_plan(split: Split) -> SplitPlan:
    """Return what a split reads.

    Raises:
        InvalidRequestError: The split is not as ``splits_of`` made it.
    """
    count = split.properties.get(_COUNT, "")
    if not count.isdecimal() or not int(count):
        raise _garbled(_COUNT)
    return SplitPlan(_read(split.properties.get(_PART, "")), int(count))


def _parts(
    path: AccessPath, table: SourceTable, settings: Settings, *, few: bool
) -> Iterator[Part]:
    match path:
        case Lookup():
            for keys in _slices(path.keys, math.ceil(len(path.keys) / KEYS_PER_SPLIT)):
                yield Lookup(tuple(keys))
        case Queries():
            index = _index(table, path.index)
            weights = [_weight(query, index) for query in path.queries]
            count = math.ceil(sum(weights) / (settings.keys_per_split * _RANGE_WEIGHT))
            for queries in _even_bins(path.queries, weights, count):
                yield Queries(path.index, tuple(queries))
        case _:
            index = _index(table, path.index)
            count = 1 if few else segment_count(index, table.capacity, settings)
            yield Segment(path.index, 0, count)


def _weight(query: KeyQuery, index: Index) -> int:
    points = sum(condition.operator == "=" for condition in query.ranges)
    is_item = index.kind is IndexKind.TABLE and points == len(index.range_keys)
    return 1 if is_item else _RANGE_WEIGHT


def _index(table: SourceTable, name: str) -> Index:
    index = table.index(name)
    assert index is not None, "a path names an index that the table has"
    return index


def _slices(items: Sequence[T], count: int) -> Iterator[Sequence[T]]:
    """Yield so many slices of about the same length, in order."""
    for number in range(count):
        yield items[len(items) * number // count : len(items) * (number + 1) // count]


def _even_bins(items: Sequence[T], weights: Sequence[int], count: int) -> list[list[T]]:
    """Put items, in their order, into up to so many bins of about the same weight.

    The heaviest chooses first, and each the bin with the least weight so far.
    """
    levels = [(0, number) for number in range(min(count, len(items)))]
    bins: list[list[int]] = [[] for _ in levels]
    for index in sorted(range(len(items)), key=lambda index: -weights[index]):
        weight, number = levels[0]
        bins[number].append(index)
        heapreplace(levels, (weight + weights[index], number))
    return [[items[index] for index in sorted(each)] for each in sorted(bins, key=min)]


def _expanded(text: str) -> Iterator[str]:
    """Yield the parts that a row of the layout stands for."""
    part = _read(text)
    if not isinstance(part, Segment):
        yield text
        return
    for number in range(part.count):
        yield part_text(Segment(part.index, number, part.count))


def _read(text: str) -> Part:
    try:
        return read_part(text)
    except ValueError as cause:
        raise _garbled(_PART) from cause


def _garbled(name: str) -> InvalidRequestError:
    return InvalidRequestError(
        f"Property {name} of the split is not as this version of the connector made it.",
        hint="Run the query again.",
        split=name,
    )

"""How a collection is taken apart over splits.

Everything is decided once, in ``plan``, and comes back as rows of the table's layout, of which
``splits_of`` makes splits without asking anybody. The splits of a scan hold each wanted
document exactly once, documents that are written meanwhile aside.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa
from athena_connectors.common.errors import InvalidRequestError
from athena_connectors.common.layouts import require_columns
from athena_connectors.common.protocol.messages import Split
from athena_connectors.documentdb.fields import ID
from athena_connectors.documentdb.filters import all_of
from athena_connectors.documentdb.id_bounds import find_ranges
from athena_connectors.documentdb.ranges import EVERYTHING, range_text, read_range
from athena_connectors.documentdb.sizes import count_fitting, fits, measure

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from athena_connectors.documentdb.client import Client
    from athena_connectors.documentdb.filters import Filter
    from athena_connectors.documentdb.pushdown import NativeScan
    from athena_connectors.documentdb.ranges import IdRange
    from athena_connectors.documentdb.relation import Collection
    from athena_connectors.documentdb.settings import Settings

__all__ = ["DEFAULT_BATCH", "FEW_DOCUMENTS", "SplitPlan", "plan", "split_plan", "splits_of"]

FEW_DOCUMENTS = 10_000
"""Documents wanted up to which one reader is enough: more would mostly read for nothing."""

DEFAULT_BATCH = 1000
"""Documents of a batch where nobody knows how large they are."""

MIN_BATCH, MAX_BATCH = 100, 20_000
MAX_TEXT_BYTES = 2_500_000
"""All ranges of a scan, as JSON within JSON: far below Lambda's 6 MB, in base64 too."""

_RANGE = "__split_range"
_BATCH = "__split_batch"


@dataclass(frozen=True, slots=True)
class SplitPlan:
    """What one split reads.

    Attributes:
        ids: Of which documents.
        batch_size: How many of them are asked for at a time.
    """

    ids: IdRange = EVERYTHING
    batch_size: int = DEFAULT_BATCH


def plan(
    client: Client,
    collection: Collection,
    native: NativeScan,
    settings: Settings,
    *,
    deadline: float | None = None,
) -> pa.RecordBatch:
    """Take a collection apart, if that is worth it.

    A view is read whole: its documents need not have an ``_id`` of their own.

    Args:
        client: Asks the server.
        collection: What is read.
        native: What is asked of its documents.
        settings: The connector's settings.
        deadline: ``time.monotonic()`` at which the plan has to be made, or ``None``.

    Returns:
        One row for each split; none if there is nothing to read.

    Cost:
        None for a view. Else a call for the size of the collection; if it is large, one of
        half a second or somewhat more for what passes a filter, and one for each split.
    """
    if native.is_empty:
        return _layout([], DEFAULT_BATCH)
    if collection.is_view:
        return _layout([EVERYTHING], DEFAULT_BATCH)
    size = measure(client, collection, deadline=deadline)
    if size is None:
        return _layout([EVERYTHING], DEFAULT_BATCH)
    batch = settings.batch_bytes // math.ceil(size.average_bytes)
    ranges = _ranges(
        client,
        collection,
        native,
        documents=size.documents,
        most=max(1, int(settings.split_bytes / size.average_bytes)),
        max_splits=settings.max_splits,
        deadline=deadline,
    )
    return _layout(ranges, min(MAX_BATCH, max(MIN_BATCH, batch)))


def splits_of(partitions: pa.RecordBatch) -> Iterator[Split]:
    """Return the splits of a plan, lazily and the same at every call.

    Args:
        partitions: What ``plan`` returned; rows may be missing.

    Raises:
        InvalidRequestError: The batch is none of these.
    """
    require_columns(partitions, (_RANGE, _BATCH))
    rows = zip(partitions.column(_RANGE), partitions.column(_BATCH), strict=True)
    for text, batch in rows:
        yield Split({_RANGE: str(text), _BATCH: str(batch)})


def split_plan(split: Split) -> SplitPlan:
    """Return what a split reads.

    Raises:
        InvalidRequestError: The split is not as ``splits_of`` made it.
    """
    batch = split.properties.get(_BATCH, "")
    if not (batch.isascii() and batch.isdecimal()) or not 0 < int(batch) <= MAX_BATCH:
        raise _garbled(_BATCH)
    try:
        ids = read_range(split.properties.get(_RANGE, ""))
    except ValueError as cause:
        raise _garbled(_RANGE) from cause
    return SplitPlan(ids, int(batch))


def _ranges(
    client: Client,
    collection: Collection,
    native: NativeScan,
    *,
    documents: int,
    most: int,
    max_splits: int,
    deadline: float | None,
) -> list[IdRange]:
    if documents <= most or max_splits == 1:
        return [EVERYTHING]
    limit = native.server_limit
    enough = limit if limit is not None and limit <= FEW_DOCUMENTS else None
    may_fit = bool(native.filter) or enough is not None
    if may_fit and fits(
        client, collection, native.filter, most=most, enough=enough, deadline=deadline
    ):
        return [EVERYTHING]
    condition = _id_condition(native.filter)
    if condition:
        counted = count_fitting(client, collection, condition, deadline=deadline)
        documents = documents if counted is None else counted
    count = min(max_splits, math.ceil(documents / most))
    if count <= 1:
        return [EVERYTHING]
    ranges = find_ranges(
        client, collection, condition, documents=documents, count=count, deadline=deadline
    )
    return ranges if _size(ranges) <= MAX_TEXT_BYTES else [EVERYTHING]


def _id_condition(filter_: Filter) -> Filter:
    """Return the part of a filter that asks for ``_id`` alone, as far as it is easily found."""
    parts = [{ID: filter_[ID]}] if ID in filter_ else []
    parts += [part for part in filter_.get("$and", ()) if part.keys() == {ID}]
    return all_of(parts)


def _size(ranges: Sequence[IdRange]) -> int:
    return sum(len(range_text(each)) for each in ranges)


def _layout(ranges: Sequence[IdRange], batch: int) -> pa.RecordBatch:
    return pa.record_batch(
        {
            _RANGE: pa.array([range_text(each) for each in ranges], pa.string()),
            _BATCH: pa.array([batch] * len(ranges), pa.int32()),
        }
    )


def _garbled(name: str) -> InvalidRequestError:
    return InvalidRequestError(
        f"Property {name} of the split is not as this version of the connector made it.",
        hint="Run the query again.",
        split=name,
    )

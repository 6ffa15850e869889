"""Where to cut a collection: what the server is asked for it, and what is done if it refuses.

Each way may be too slow for a server, or not be known to it; then the next one is tried, and at
last the collection stays whole. Nothing here decides which documents are read: whatever the
bounds are, the ranges between them hold each document once.
"""

from __future__ import annotations

import logging
import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from athena_connectors.documentdb.fields import ID
from athena_connectors.documentdb.filters import all_of
from athena_connectors.documentdb.ranges import (
    EVERYTHING,
    FLOORS,
    bracket_of,
    id_of,
    is_one_bracket,
    ranges_between,
)
from athena_connectors.documentdb.sizes import REFUSALS, until
from bson.codec_options import CodecOptions
from bson.objectid import ObjectId
from bson.raw_bson import RawBSONDocument

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from athena_connectors.documentdb.client import Client
    from athena_connectors.documentdb.filters import Filter
    from athena_connectors.documentdb.ranges import IdRange
    from athena_connectors.documentdb.relation import Collection

__all__ = ["find_ranges"]

MAX_COUNTED = 5_000_000
"""Documents up to which bounds are found by counting in the index, about 4 million a second."""
MAX_SAMPLED = 2000
SAMPLED_PER_RANGE = 50
_ASCENDING, _DESCENDING = ((ID, 1),), ((ID, -1),)
_AS_SENT = CodecOptions(RawBSONDocument)
_log = logging.getLogger(__name__)


def find_ranges(
    client: Client,
    collection: Collection,
    condition: Filter,
    *,
    documents: int,
    count: int,
    deadline: float | None,
) -> list[IdRange]:
    """Return ranges of about the same number of documents.

    Args:
        client: Asks the server.
        collection: The collection, no view.
        condition: What a scan asks of ``_id`` alone; empty for nothing.
        documents: How many fit that, about.
        count: How many ranges at most; 2 or more.
        deadline: ``time.monotonic()`` at which the plan has to be made, or ``None``.

    Returns:
        Ranges that hold each document once that fits the condition; the whole collection if
        nothing better is found.

    Cost:
        Three calls, and one for each range; each goes through the index of ``_id`` alone.
    """
    # That index has the collection's own collation: no other order is for nothing.
    plain = replace(collection, collation="")
    finder = _Finder(client, plain, condition, documents, count, deadline)
    try:
        ends = finder.ends()
    except REFUSALS as error:
        _log.warning("Collection %s is read whole: %s", collection.name, error)
        return [EVERYTHING]
    if ends is None or (collection.collation and not _compares_alike(*ends)):
        return [EVERYTHING]
    mixed = not is_one_bracket(*ends)
    for way in finder.ways(*ends, mixed=mixed):
        try:
            ranges = ranges_between(way(), mixed=mixed)
        except REFUSALS as error:
            _log.debug("Bounds of %s are not found so: %s", collection.name, error)
            continue
        if 1 < len(ranges) <= count:
            return ranges
    return [EVERYTHING]


def _compares_alike(first: Any, last: Any) -> bool:
    """Return whether values between two have no text, which a collation would put elsewhere."""
    return is_one_bracket(first, last) and bracket_of(first) not in ("string", "object")


@dataclass(frozen=True, slots=True)
class _Finder:
    """The ways to find bounds of one collection."""

    client: Client
    collection: Collection
    condition: Filter
    documents: int
    count: int
    deadline: float | None

    def ends(self) -> tuple[Any, Any] | None:
        """Return the lowest and the highest id; ``None`` if there is no document."""
        deadline = until(self.deadline)
        ends = [
            self._ids(self.condition, order, deadline=deadline)
            for order in (_ASCENDING, _DESCENDING)
        ]
        return (ends[0][0], ends[1][0]) if all(ends) else None

    def ways(self, first: Any, last: Any, *, mixed: bool) -> Iterator[Callable[[], Sequence[Any]]]:
        """Yield the ways that bounds may be found in, the best first."""
        if self.documents > MAX_COUNTED and not self.condition:
            yield lambda: self._sampled(mixed=mixed)
        yield self._counted_in_brackets if mixed else lambda: list(self._counted(first))
        if isinstance(first, ObjectId) and isinstance(last, ObjectId):
            yield lambda: _between(first, last, self.count)
        if mixed:
            yield lambda: list(FLOORS.values())

    def _counted(self, start: Any, *, brackets: int = 0) -> Iterator[Any]:
        """Yield each so many-th id behind one, by the index."""
        step = math.ceil(self.documents / max(1, self.count - brackets))
        deadline = until(self.deadline)
        for _ in range(self.count - 1):
            found = self._ids(_from(start, self.condition), skip=step, deadline=deadline)
            if not found:
                return
            start = found[0]
            yield start

    def _counted_in_brackets(self) -> list[Any]:
        """Return the floors of the brackets that there are, each before ids of its bracket."""
        deadline = until(self.deadline)
        floors = [
            floor
            for floor in FLOORS.values()
            if self._ids(_from(floor, self.condition), deadline=deadline)
        ]
        # What is in no bracket is a range of its own.
        brackets = len(floors) + 1
        return [
            bound for floor in floors for bound in (floor, *self._counted(floor, brackets=brackets))
        ]

    def _sampled(self, *, mixed: bool) -> list[Any]:
        """Return ids that divide some at random evenly; if mixed, after their floors."""
        size = min(MAX_SAMPLED, SAMPLED_PER_RANGE * self.count)
        pipeline = [{"$sample": {"size": size}}, {"$project": {ID: 1}}, {"$sort": {ID: 1}}]
        told: list[Any] = self.client.aggregate(
            self.collection, pipeline, codec_options=_AS_SENT, deadline=until(self.deadline)
        )
        ids = [id_of(each.raw) for each in told]
        brackets = {bracket_of(each) for each in ids}
        ranges = max(1, self.count - len(brackets)) if mixed else self.count
        bounds = [ids[len(ids) * place // ranges] for place in range(1, ranges) if ids]
        if not mixed:
            return bounds
        return [
            bound
            for name, floor in FLOORS.items()
            if name in brackets
            for bound in (floor, *(each for each in bounds if bracket_of(each) == name))
        ]

    def _ids(
        self,
        condition: Filter,
        order: Sequence[tuple[str, int]] = _ASCENDING,
        *,
        skip: int = 0,
        deadline: float,
    ) -> list[Any]:
        """Return the first id that fits; what is no value of Python's is ``None``."""
        told: list[Any] = self.client.find(
            self.collection,
            condition,
            {ID: 1},
            sort=order,
            skip=skip,
            limit=1,
            hint=_ASCENDING,
            codec_options=_AS_SENT,
            deadline=deadline,
        )
        return [id_of(each.raw) for each in told]


def _from(start: Any, condition: Filter) -> Filter:
    """Return what documents match that fit a condition, from an id on in its bracket."""
    return all_of([{ID: {"$gte": start}}, condition])


def _between(first: ObjectId, last: ObjectId, count: int) -> list[ObjectId]:
    """Return bounds at equal distances, which are equal times if ids are made by the clock."""
    low, high = (int.from_bytes(each.binary, "big") for each in (first, last))
    steps = (low + (high - low) * step // count for step in range(1, count))
    return [ObjectId(place.to_bytes(12, "big")) for place in steps]

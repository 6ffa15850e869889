"""Ways to cut a relation into parts of about the same size.

Whatever the boundaries are, the ranges between them hold each row once; how well they are
chosen decides on speed alone.
"""

from __future__ import annotations

import logging
from bisect import bisect_left
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from athena_connectors.common.sql.key_ranges import KeyT, key_ranges

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from athena_connectors.common.sql.key_ranges import KeyRange

__all__ = [
    "MAX_WEIGHED",
    "MAX_WHERE_CHARS",
    "Candidate",
    "Cut",
    "Place",
    "best_cut",
    "chosen_places",
    "cut_at",
    "even_steps",
    "places_of",
    "usable_places",
]

MAX_WEIGHED = 128
"""Ranges that a server is asked to weigh at a time."""
MAX_WHERE_CHARS = 4000
"""Length up to which a predicate is repeated for each range to weigh."""

_MAX_BOUNDARY_CHARS = 500
_BALANCED = 2.0  # times the mean

_log = logging.getLogger(__name__)

Place = tuple[float, str]
"""Share of the rows that come before a value, and the value as the server writes it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate(Generic[KeyT]):
    """A column that a relation could be cut by.

    Attributes:
        key: The column and its order.
        nullable: Whether a row may have no value.
        chosen: Whether the settings name it.
    """

    key: KeyT
    nullable: bool
    chosen: bool


CandidateT = TypeVar("CandidateT", bound=Candidate[Any])


@dataclass(frozen=True, slots=True)
class Cut(Generic[KeyT]):
    """One way to cut a relation.

    Attributes:
        candidate: The column.
        boundaries: Its values where one part ends and the next begins; 1 or more.
        largest: Share of all rows in the largest part, about.
        scattered: Whether the rows of a part lie all over the table.
    """

    candidate: Candidate[KeyT]
    boundaries: tuple[str, ...]
    largest: float
    scattered: bool = False

    def rank(self, count: int) -> tuple[float, bool]:
        """Return what orders cuts into so many parts, the best first."""
        return max(self.largest * count, _BALANCED), self.scattered

    def is_good(self, count: int) -> bool:
        """Return whether no other cut would be better by much."""
        return self.largest * count <= _BALANCED and not self.scattered

    def ranges(self) -> tuple[KeyRange[KeyT], ...]:
        """Return the parts, which hold each row once."""
        nullable = self.candidate.nullable
        return key_ranges(self.candidate.key, self.boundaries, nullable=nullable)


def best_cut(
    candidates: Iterable[CandidateT],
    cut_by: Callable[[CandidateT], Cut[Any] | None],
    *,
    count: int,
) -> Cut[Any] | None:
    """Return the best cut; ``None`` if no column tells one.

    What leaves parts of very different sizes, or parts that lie scattered over the table,
    comes after what does not. A column that the settings name comes before all others.

    Args:
        candidates: Columns to cut by, the best first; not all may be looked at.
        cut_by: Cuts by one of them, if the server tells where.
        count: Parts wanted.
    """
    best: Cut[Any] | None = None
    for candidate in candidates:
        found = cut_by(candidate)
        if found is None:
            _log.info("Column %s tells no boundaries; ANALYZE may help.", candidate.key.column)
            continue
        if candidate.chosen:
            return found
        if best is None or found.rank(count) < best.rank(count):
            best = found
        if best.is_good(count):
            break
    return best


def cut_at(
    candidate: Candidate[KeyT], places: Sequence[Place], count: int, *, scattered: bool = False
) -> Cut[KeyT] | None:
    """Return the cut at those places that are nearest to the ends of even parts.

    Args:
        candidate: The column.
        places: Its values in order; each a usable boundary.
        count: Parts wanted.
        scattered: Whether the rows of a part lie all over the table.

    Returns:
        ``None`` if there is no place.
    """
    chosen = chosen_places(places, count)
    if not chosen:
        return None
    ends = [0, *(place for place, _ in chosen), 1]
    largest = max(high - low for low, high in pairwise(ends))
    return Cut(candidate, tuple(value for _, value in chosen), largest, scattered)


def usable_places(places: Iterable[Place]) -> list[Place]:
    """Return the places with rows on both sides whose values are short enough."""
    return [
        (place, value)
        for place, value in places
        if 0 < place < 1 and len(value) <= _MAX_BOUNDARY_CHARS
    ]


def chosen_places(places: Sequence[Place], count: int) -> list[Place]:
    """Return those places that are nearest to the ends of even parts, each once."""
    if not places:
        return []
    nearest = {_nearest(places, part / count) for part in range(1, count)}
    return [places[index] for index in sorted(nearest)]


def places_of(rows: Sequence[float], values: Sequence[str]) -> list[Place]:
    """Place values by the rows of the parts that they cut.

    Args:
        rows: Rows of each part; one more than there are values.
        values: The boundaries, in order.
    """
    ends = list(accumulate(rows))
    total = ends.pop() or 1
    return [(end / total, value) for end, value in zip(ends, values, strict=True)]


def even_steps(length: int, count: int) -> list[int]:
    """Return the inner ends of equal parts of a length, each once, none at 0."""
    return sorted({length * part // count for part in range(1, count)} - {0})


def _nearest(places: Sequence[Place], wanted: float) -> int:
    index = bisect_left(places, (wanted,))
    if index == len(places):
        return index - 1
    if index and wanted - places[index - 1][0] < places[index][0] - wanted:
        return index - 1
    return index

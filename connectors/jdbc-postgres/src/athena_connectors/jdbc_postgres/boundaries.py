"""Boundaries that cut a relation into parts of about the same size.

They come from the server's statistics, which cost nothing to read, or from both ends of an
index on integers. Whatever they are, the ranges between them hold each row once; how well
they are chosen decides on speed alone.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING, Any

from athena_connectors.jdbc_postgres.inquiry import nodes_of
from athena_connectors.jdbc_postgres.literals import identifier, quoted
from athena_connectors.jdbc_postgres.split_sources import (
    INTEGERS,
    SYSTEM_SCHEMA,
    Key,
    key_ranges,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from athena_connectors.jdbc_postgres.inquiry import Inquiry
    from athena_connectors.jdbc_postgres.leaves import Unit
    from athena_connectors.jdbc_postgres.split_sources import KeyRange

__all__ = ["Candidate", "Cut", "cut_by", "even_steps"]

_MAX_BOUNDARY_CHARS = 500
_MAX_WEIGHED = 128  # ranges; the histogram has 100 where nobody changed that
_MAX_WHERE_CHARS = 4000  # text that is repeated for each range to weigh
_BALANCED = 2.0  # times the mean
_ORDERED = 0.5  # correlation from which on neighbours in the index are neighbours on disk

_STATISTICS = """\
WITH told AS (
    SELECT null_frac, correlation, most_common_vals::text::text[] AS common,
        most_common_freqs AS shares, histogram_bounds::text::text[] AS bounds
    FROM pg_catalog.pg_stats
    WHERE schemaname = {schema} AND tablename = {name} AND attname = {column}
        AND inherited = {inherited}
), item AS (
    SELECT value, share, value::{type} AS key
    FROM (
        SELECT c.value, c.share FROM told, unnest(common, shares) AS c (value, share)
        UNION ALL
        SELECT b.value, NULL FROM told, unnest(bounds) AS b (value)
    ) AS listed
)
SELECT value, share, null_frac, correlation,
    coalesce(key {not_below} before AND NOT key {below} before, true)
FROM (SELECT *, lag(key) OVER (ORDER BY key) AS before FROM item) AS sorted, told
ORDER BY key"""


_Place = tuple[float, str]
"""Share of the rows that come before a value, and the value as the server writes it."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A column that a relation could be cut by.

    Attributes:
        key: The column and its order.
        type: Its type with its collation, as SQL.
        nullable: Whether a row may have no value.
        indexed: Whether an index knows its smallest and its largest value.
        used: Whether the rows are found by an index on it in any case.
        chosen: Whether the settings name it.
    """

    key: Key
    type: str
    nullable: bool
    indexed: bool
    used: bool
    chosen: bool

    @property
    def is_integer(self) -> bool:
        """Whether values can be reckoned with."""
        return self.key.type_schema == SYSTEM_SCHEMA and self.key.type_name in INTEGERS


@dataclass(frozen=True, slots=True)
class Cut:
    """One way to cut a relation.

    Attributes:
        candidate: The column.
        boundaries: Its values where one part ends and the next begins; 1 or more.
        largest: Share of all rows in the largest part, about.
        scattered: Whether the rows of a part lie all over the table.
    """

    candidate: Candidate
    boundaries: tuple[str, ...]
    largest: float
    scattered: bool = False

    def rank(self, count: int) -> tuple[float, bool]:
        """Return what orders cuts into so many parts, the best first."""
        return max(self.largest * count, _BALANCED), self.scattered

    def is_good(self, count: int) -> bool:
        """Return whether no other cut would be better by much."""
        return self.largest * count <= _BALANCED and not self.scattered

    def ranges(self) -> tuple[KeyRange, ...]:
        """Return the parts, which hold each row once."""
        nullable = self.candidate.nullable
        return key_ranges(self.candidate.key, self.boundaries, nullable=nullable)


def cut_by(
    inquiry: Inquiry, unit: Unit, candidate: Candidate, *, count: int, where: str
) -> Cut | None:
    """Return a cut into about equal parts; ``None`` if nothing tells where.

    Args:
        inquiry: Asks the server.
        unit: What to cut.
        candidate: The column to cut by.
        count: Parts wanted, 2 or more; there may be fewer.
        where: The predicate; the rows that satisfy it are to be even. Empty for none.
    """
    told = inquiry.ask(_statistics_sql(unit, candidate))
    if told:
        return _statistics_cut(inquiry, unit, candidate, told=told, count=count, where=where)
    if candidate.is_integer and (candidate.indexed or candidate.chosen):
        return _even_cut(inquiry, unit, candidate, count)
    return None


def _statistics_sql(unit: Unit, candidate: Candidate) -> str:
    return _STATISTICS.format(
        schema=quoted(unit.member.schema),
        name=quoted(unit.member.name),
        column=quoted(candidate.key.column),
        inherited=str(unit.inherited).lower(),
        type=candidate.type,
        below=candidate.key.operator_sql("<"),
        not_below=candidate.key.operator_sql(">="),
    )


def _statistics_cut(
    inquiry: Inquiry,
    unit: Unit,
    candidate: Candidate,
    *,
    told: Sequence[Sequence[Any]],
    count: int,
    where: str,
) -> Cut | None:
    """Choose, of all values that the statistics name, those nearest to even parts."""
    if not all(is_sorted for *_, is_sorted in told):
        return None  # the operators of the type contradict its order
    null_share, correlation = told[0][2:4]
    places = _usable(_places([(row[0], row[1]) for row in told], null_share))
    if places and where and len(where) <= _MAX_WHERE_CHARS and unit.is_stored:
        fine = _chosen(places, _MAX_WEIGHED)
        places = _usable(_weighed(inquiry, unit, candidate, places=fine, where=where))
    chosen = _chosen(places, count)
    if not chosen:
        return None
    ends = [0, *(place for place, _ in chosen), 1]
    return Cut(
        candidate,
        tuple(value for _, value in chosen),
        largest=max(high - low for low, high in pairwise(ends)),
        scattered=_is_scattered(correlation) and not candidate.used,
    )


def _is_scattered(correlation: float | None) -> bool:
    return correlation is not None and abs(correlation) < _ORDERED


def _usable(places: Iterable[_Place]) -> list[_Place]:
    return [
        (place, value)
        for place, value in places
        if 0 < place < 1 and len(value) <= _MAX_BOUNDARY_CHARS
    ]


def _chosen(places: Sequence[_Place], count: int) -> list[_Place]:
    """Return those places that are nearest to the ends of even parts, each once."""
    if not places:
        return []
    nearest = {_nearest(places, part / count) for part in range(1, count)}
    return [places[index] for index in sorted(nearest)]


def _weighed(
    inquiry: Inquiry, unit: Unit, candidate: Candidate, *, places: Sequence[_Place], where: str
) -> list[_Place]:
    """Place values by the rows that satisfy the predicate, as the server's planner expects."""
    values = [value for _, value in places]
    ranges = key_ranges(candidate.key, values, nullable=candidate.nullable)
    plan = inquiry.explain(
        " UNION ALL ".join(
            f"SELECT 1 FROM {unit.from_sql()} AS part_{number}"  # noqa: S608 - quoted
            f" WHERE ({where}) AND {part.where_sql()}"
            for number, part in enumerate(ranges)
        )
    )
    if plan is None:
        return list(places)
    # A part that can't have any row is not in the plan.
    rows = {node["Alias"]: node["Plan Rows"] for node in nodes_of(plan) if "Alias" in node}
    ends = list(accumulate(rows.get(f"part_{number}", 0) for number in range(len(ranges))))
    total = ends.pop() or 1
    return [(end / total, value) for end, value in zip(ends, values, strict=True)]


def _places(items: Iterable[tuple[str, float | None]], null_share: float) -> list[_Place]:
    """Return each value with the share of rows that come before it, NULL first.

    Args:
        items: In order; common values with their share of the rows, and the bounds of the
            histogram without. Between two neighbouring bounds lie equally many rows, common
            values aside.
        null_share: Share of the rows that have no value.
    """
    items = list(items)
    spread = max(0.0, 1 - null_share - sum(share or 0 for _, share in items))
    parts = max(1, sum(share is None for _, share in items) - 1)
    places = []
    before, bounds = null_share, 0
    for value, share in items:
        if share is None:
            places.append((before + spread * bounds / parts, value))
            bounds += 1
        else:
            passed = min(max(bounds - 0.5, 0), parts)
            places.append((before + spread * passed / parts, value))
            before += share
    return places


def _nearest(places: Sequence[_Place], wanted: float) -> int:
    index = bisect_left(places, (wanted,))
    if index == len(places):
        return index - 1
    if index and wanted - places[index - 1][0] < places[index][0] - wanted:
        return index - 1
    return index


def _even_cut(inquiry: Inquiry, unit: Unit, candidate: Candidate, count: int) -> Cut | None:
    """Cut between the smallest and the largest integer, which an index knows."""
    name = identifier(candidate.key.column)
    rows = inquiry.ask(f"SELECT min({name}), max({name}) FROM {unit.from_sql()}")  # noqa: S608 - quoted
    low, high = rows[0] if rows else (None, None)
    if low is None or low == high:
        return None
    steps = even_steps(high - low + 1, count)
    return Cut(candidate, tuple(str(low + step) for step in steps), largest=1 / count)


def even_steps(length: int, count: int) -> list[int]:
    """Return the inner ends of equal parts of a length, each once, none at 0."""
    return sorted({length * part // count for part in range(1, count)} - {0})

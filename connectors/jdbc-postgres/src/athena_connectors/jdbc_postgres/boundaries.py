"""Boundaries that cut a relation into parts of about the same size.

They come from the server's statistics, which cost nothing to read, or from both ends of an
index on integers. Whatever they are, the ranges between them hold each row once; how well
they are chosen decides on speed alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from athena_connectors.common.sql.cuts import (
    MAX_WEIGHED,
    MAX_WHERE_CHARS,
    Cut,
    chosen_places,
    cut_at,
    even_steps,
    places_of,
    usable_places,
)
from athena_connectors.common.sql.cuts import Candidate as SqlCandidate
from athena_connectors.common.sql.key_ranges import key_ranges
from athena_connectors.jdbc_postgres.inquiry import nodes_of
from athena_connectors.jdbc_postgres.literals import identifier, quoted
from athena_connectors.jdbc_postgres.split_sources import INTEGERS, SYSTEM_SCHEMA, Key

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from athena_connectors.common.sql.cuts import Place
    from athena_connectors.jdbc_postgres.inquiry import Inquiry
    from athena_connectors.jdbc_postgres.leaves import Unit

__all__ = ["Candidate", "cut_by"]

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate(SqlCandidate[Key]):
    """A column that a relation could be cut by.

    Attributes:
        type: Its type with its collation, as SQL.
        indexed: Whether an index knows its smallest and its largest value.
        used: Whether the rows are found by an index on it in any case.
    """

    type: str
    indexed: bool
    used: bool

    @property
    def is_integer(self) -> bool:
        """Whether values can be reckoned with."""
        return self.key.type_schema == SYSTEM_SCHEMA and self.key.type_name in INTEGERS


def cut_by(
    inquiry: Inquiry, unit: Unit, candidate: Candidate, *, count: int, where: str
) -> Cut[Key] | None:
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
) -> Cut[Key] | None:
    """Choose, of all values that the statistics name, those nearest to even parts."""
    if not all(is_sorted for *_, is_sorted in told):
        return None  # the operators of the type contradict its order
    null_share, correlation = told[0][2:4]
    places = usable_places(_places([(row[0], row[1]) for row in told], null_share))
    if places and where and len(where) <= MAX_WHERE_CHARS and unit.is_stored:
        fine = chosen_places(places, MAX_WEIGHED)
        places = usable_places(_weighed(inquiry, unit, candidate, places=fine, where=where))
    scattered = _is_scattered(correlation) and not candidate.used
    return cut_at(candidate, places, count, scattered=scattered)


def _is_scattered(correlation: float | None) -> bool:
    return correlation is not None and abs(correlation) < _ORDERED


def _weighed(
    inquiry: Inquiry, unit: Unit, candidate: Candidate, *, places: Sequence[Place], where: str
) -> list[Place]:
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
    parts = [rows.get(f"part_{number}", 0) for number in range(len(ranges))]
    return places_of(parts, values)


def _places(items: Iterable[tuple[str, float | None]], null_share: float) -> list[Place]:
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


def _even_cut(inquiry: Inquiry, unit: Unit, candidate: Candidate, count: int) -> Cut[Key] | None:
    """Cut between the smallest and the largest integer, which an index knows."""
    name = identifier(candidate.key.column)
    rows = inquiry.ask(f"SELECT min({name}), max({name}) FROM {unit.from_sql()}")  # noqa: S608 - quoted
    low, high = rows[0] if rows else (None, None)
    if low is None or low == high:
        return None
    steps = even_steps(high - low + 1, count)
    return Cut(candidate, tuple(str(low + step) for step in steps), largest=1 / count)

"""Boundaries that cut a table into parts of about the same size.

MySQL keeps no histogram as a rule. So values are guessed between both ends of an index, and
the server tells by a look at the index how many rows lie between any two of them; where
there are many, more values are guessed. Text need not have the order that it is guessed by:
the server sorts the guesses.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

from athena_connectors.common.sql.cuts import (
    MAX_WEIGHED,
    MAX_WHERE_CHARS,
    chosen_places,
    cut_at,
    even_steps,
    places_of,
    usable_places,
)
from athena_connectors.common.sql.key_ranges import key_ranges
from athena_connectors.jdbc_mysql.key_ends import scale_between_ends
from athena_connectors.jdbc_mysql.key_order import in_order

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from athena_connectors.common.sql.cuts import Cut
    from athena_connectors.jdbc_mysql.inquiry import Inquiry
    from athena_connectors.jdbc_mysql.key_ends import Candidate
    from athena_connectors.jdbc_mysql.key_scales import KeyScale
    from athena_connectors.jdbc_mysql.leaves import Unit
    from athena_connectors.jdbc_mysql.split_sources import Key

__all__ = ["cut_by"]

_ROUNDS = 12  # of 6 bits and more: enough for any number
_GUESSES_PER_PART = 4
_MAX_GUESSES = 512


class _Guess(NamedTuple):
    """A value and the number that it was made of."""

    number: int
    value: str


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

    Cost:
        That of ``scale_between_ends``, and some EXPLAIN that look into the index.
    """
    scale = scale_between_ends(inquiry, unit, candidate)
    if scale is None:
        return None
    guesser = _Guesser(inquiry, candidate.key, scale)
    weigher = _Weigher(inquiry, unit, candidate, where if len(where) <= MAX_WHERE_CHARS else "")
    steps = max(count, min(count * _GUESSES_PER_PART, _MAX_GUESSES))
    guesses = guesser.between(*scale.ends, steps)
    if not guesses:
        return None
    rows: Sequence[int] = [1] * (len(guesses) + 1)
    weighed = weigher.rows(guesses) if candidate.index else None
    if weighed is not None:
        guesses, rows = _refined(guesser, weigher, guesses, weighed, count=count)
    places = usable_places(places_of(rows, [guess.value for guess in guesses]))
    scattered = not candidate.clustered and candidate.index != unit.index
    return cut_at(candidate, places, count, scattered=scattered)


def _refined(
    guesser: _Guesser,
    weigher: _Weigher,
    guesses: list[_Guess],
    rows: Sequence[int],
    *,
    count: int,
) -> tuple[list[_Guess], Sequence[int]]:
    """Guess more values where there are many rows, until no part is much too large."""
    for _ in range(_ROUNDS):
        largest = sum(rows) / (2 * count)
        low, high = guesser.ends
        numbers = [low, *(guess.number for guess in guesses), high]
        heavy = [
            (below, above)
            for (below, above), found in zip(pairwise(numbers), rows, strict=True)
            if found > largest and above - below > 1
        ]
        if not heavy:
            break
        kept = _kept(guesses, rows, heavy, count=count)
        pieces = max(2, MAX_WEIGHED // len(heavy))
        more = [guess for gap in heavy for guess in guesser.between(*gap, pieces)]
        finer = guesser.ordered([*kept, *more])
        found = weigher.rows(finer)
        if found is None or len(finer) <= len(kept):
            break
        guesses, rows = finer, found
    return guesses, rows


def _kept(
    guesses: Sequence[_Guess],
    rows: Sequence[int],
    heavy: Iterable[tuple[int, int]],
    *,
    count: int,
) -> list[_Guess]:
    """Return the guesses that are near the ends of even parts, or around many rows."""
    ends = {number for gap in heavy for number in gap}
    values = [guess.value for guess in guesses]
    # So many that what lies between two of them is not heavy again.
    near = {value for _, value in chosen_places(places_of(rows, values), 8 * count)}
    return [guess for guess in guesses if guess.number in ends or guess.value in near]


@dataclass(frozen=True, slots=True)
class _Guesser:
    """Guesses values of a key, in the order that the server gives them, each once."""

    inquiry: Inquiry
    key: Key
    scale: KeyScale

    @property
    def ends(self) -> tuple[int, int]:
        """Numbers of the smallest and the largest value."""
        return self.scale.ends

    def between(self, low: int, high: int, count: int) -> list[_Guess]:
        """Return values between two numbers, the first included, that make so many parts."""
        numbers = [low + step for step in even_steps(high - low + 1, count)]
        return self.ordered(_Guess(number, self.scale.value(number)) for number in numbers)

    def ordered(self, guesses: Iterable[_Guess]) -> list[_Guess]:
        """Return guesses in the order of the server, each greater than the one before it."""
        known = {guess.value: guess for guess in guesses}
        return [known[equals[0]] for equals in in_order(self.inquiry, self.key, known)]


@dataclass(frozen=True, slots=True)
class _Weigher:
    """Tells how many rows lie between values of a key."""

    inquiry: Inquiry
    unit: Unit
    candidate: Candidate
    where: str

    def rows(self, guesses: Sequence[_Guess]) -> list[int] | None:
        """Return the rows of each part, one part more than there are values.

        Returns:
            ``None`` when the server does not tell.
        """
        values = [guess.value for guess in guesses]
        ranges = key_ranges(self.candidate.key, values, nullable=self.candidate.nullable)
        source = self.unit.from_sql(self.candidate.index)
        condition = f"({self.where}) AND " if self.where else ""
        branches = [
            f"SELECT 1 FROM {source} WHERE {condition}{part.where_sql()}"  # noqa: S608 - quoted
            for part in ranges
        ]
        rows: list[int] = []
        for start in range(0, len(branches), MAX_WEIGHED):
            asked = branches[start : start + MAX_WEIGHED]
            plan = self.inquiry.explain(" UNION ALL ".join(asked)) or []
            if len(plan) != len(asked):
                return None
            rows += (step.rows for step in plan)
        return rows

"""The scale of a key between both ends of an index.

A text's scale is made of the characters that there are: those of the ends, and those of
values that an index finds when it is searched for guesses.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from athena_connectors.common.sql.cuts import Candidate as SqlCandidate
from athena_connectors.common.sql.cuts import even_steps
from athena_connectors.jdbc_mysql.key_order import in_order
from athena_connectors.jdbc_mysql.key_scales import TextScale, ends_sql, scale_of
from athena_connectors.jdbc_mysql.split_sources import Key

if TYPE_CHECKING:
    from collections.abc import Iterable

    from athena_connectors.common.sql.relation import Column
    from athena_connectors.jdbc_mysql.inquiry import Inquiry
    from athena_connectors.jdbc_mysql.key_scales import KeyScale
    from athena_connectors.jdbc_mysql.leaves import Unit

__all__ = ["Candidate", "scale_between_ends"]

_OPTIMIZED = "optimized away"
_SAMPLES = 64
_ASCII = tuple(map(chr, range(ord(" "), 127)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate(SqlCandidate[Key]):
    """A column that a table could be cut by.

    Attributes:
        column: How it is described.
        index: An index that begins with it; empty if there is none.
        clustered: Whether rows lie in the table in its order.
    """

    column: Column
    index: str
    clustered: bool


def scale_between_ends(inquiry: Inquiry, unit: Unit, candidate: Candidate) -> KeyScale | None:
    """Return the scale between the smallest and the largest value of a key.

    Returns:
        ``None`` where no index knows them, unless the settings name the column, or where
        there is none.

    Cost:
        An EXPLAIN and a query of both ends of an index. For a text, four queries of
        constants and one that reads 64 values from an index.
    """
    name = candidate.key.name_sql()
    sql = f"SELECT MIN({name}) AS low, MAX({name}) AS high FROM {unit.from_sql()}"  # noqa: S608 - quoted
    if not candidate.chosen:
        plan = inquiry.explain(sql) or []
        if not any(_OPTIMIZED in step.message for step in plan):
            return None
    low, high = (ends_sql(candidate.column).format(end) for end in ("low", "high"))
    rows = inquiry.ask(f"SELECT {low}, {high} FROM ({sql}) AS ends")  # noqa: S608 - quoted
    if not rows or None in rows[0] or len(set(rows[0])) == 1:
        return None
    if candidate.key.kind != "text":
        return scale_of(candidate.column, *rows[0])
    return _text_scale(inquiry, unit, candidate, *map(_text, rows[0]))


def _text_scale(
    inquiry: Inquiry, unit: Unit, candidate: Candidate, low: str, high: str
) -> KeyScale:
    beyond = sorted(map(ord, {*low, *high} - {*_ASCII}))
    between = even_steps(beyond[-1] - beyond[0] + 1, _SAMPLES) if beyond else []
    others = [chr(beyond[0] + step) for step in between]
    scale = _scale(inquiry, candidate, low, high, [*_ASCII, *filter(_is_valid, others)])
    if not candidate.index:
        return scale
    first, last = scale.ends
    guesses = [scale.value(first + step) for step in even_steps(last - first + 1, _SAMPLES)]
    found = _values_at(inquiry, unit, candidate, guesses)
    return _scale(inquiry, candidate, low, high, {char for text in found for char in text})


def _scale(
    inquiry: Inquiry, candidate: Candidate, low: str, high: str, chars: Iterable[str]
) -> TextScale:
    groups = in_order(inquiry, candidate.key, ["", *low, *high, *chars])
    # What comes before the end of a text is no use, nor is what does not count at all.
    end = next((place for place, equals in enumerate(groups) if "" in equals), -1)
    return TextScale(low, high, groups[end + 1 :])


def _values_at(
    inquiry: Inquiry, unit: Unit, candidate: Candidate, guesses: Iterable[str]
) -> list[str]:
    """Return the values that there are at or after some guesses."""
    name = candidate.key.name_sql()
    text = TextScale.ends_sql.format(name)
    branches = (
        f"(SELECT {text} FROM {unit.from_sql(candidate.index)}"  # noqa: S608 - quoted
        f" WHERE {candidate.key.from_sql(guess)} ORDER BY {name} LIMIT 1)"
        for guess in guesses
    )
    rows = inquiry.ask(" UNION ALL ".join(branches)) or []
    return [_text(value) for (value,) in rows]


def _text(digits: str) -> str:
    return bytes.fromhex(digits).decode().replace("\0", "")


def _is_valid(char: str) -> bool:
    return not "\ud800" <= char <= "\udfff"

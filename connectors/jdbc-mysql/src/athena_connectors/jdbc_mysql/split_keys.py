"""Which key a table is cut by, and the ranges of it.

Source: MySQL manual, "The INFORMATION_SCHEMA STATISTICS Table".
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from athena_connectors.common.sql.cuts import best_cut
from athena_connectors.jdbc_mysql.boundaries import cut_by
from athena_connectors.jdbc_mysql.key_ends import Candidate
from athena_connectors.jdbc_mysql.key_scales import kind_of_key
from athena_connectors.jdbc_mysql.literals import typed
from athena_connectors.jdbc_mysql.split_sources import Key

if TYPE_CHECKING:
    from collections.abc import Mapping

    from athena_connectors.common.sql.key_ranges import KeyRange
    from athena_connectors.common.sql.relation import Column, Relation
    from athena_connectors.jdbc_mysql.inquiry import Inquiry
    from athena_connectors.jdbc_mysql.leaves import Unit

__all__ = ["candidates_of", "cut"]

_MAX_CANDIDATES = 6
_PRIMARY = "PRIMARY"

_INDEXES = """\
SELECT COLUMN_NAME AS name, INDEX_NAME AS index_name, NON_UNIQUE AS repeats
FROM information_schema.STATISTICS
WHERE TABLE_SCHEMA = {schema} AND TABLE_NAME = {name} AND SEQ_IN_INDEX = 1
    AND INDEX_TYPE = 'BTREE'"""

_COLLATIONS = """\
SELECT COLUMN_NAME AS name, CHARACTER_SET_NAME AS charset, COLLATION_NAME AS collation
FROM information_schema.COLUMNS
WHERE TABLE_SCHEMA = {schema} AND TABLE_NAME = {name} AND COLLATION_NAME IS NOT NULL"""


def cut(
    inquiry: Inquiry, unit: Unit, candidates: tuple[Candidate, ...], *, count: int, where: str
) -> tuple[KeyRange[Key], ...]:
    """Return ranges that hold each row of a table or partition once; none if it can't be cut.

    The key of an index that the predicate uses comes first, because the parts then share
    its work.

    Args:
        inquiry: Asks the server.
        unit: What to cut.
        candidates: Columns to cut by, the best first.
        count: Ranges wanted, 2 or more; there may be fewer.
        where: The predicate; its rows are to be even. Empty for none.
    """
    used = [each for each in candidates if each.index and each.index == unit.index]
    others = [each for each in candidates if each not in used]
    chosen = [each for each in others if each.chosen]
    order = [*chosen, *used, *(each for each in others if not each.chosen)]
    best = best_cut(order, partial(cut_by, inquiry, unit, count=count, where=where), count=count)
    return best.ranges() if best else ()


def candidates_of(
    inquiry: Inquiry, relation: Relation, column: str | None
) -> tuple[Candidate, ...]:
    """Return the columns that a table could be cut by, the best first.

    A primary key comes first, next other unique columns, then those that another index
    begins with.

    Args:
        inquiry: Asks the server.
        relation: The table.
        column: Column that the settings name; comes before all others, index or not.
    """
    place = {
        "schema": typed(relation.schema, "text"),
        "name": typed(relation.name, "text"),
    }
    collations = {
        name: (charset, collation)
        for name, charset, collation in inquiry.ask(_COLLATIONS.format(**place)) or ()
    }
    indexes: dict[str, tuple[int, str]] = {}
    for name, index, repeats in inquiry.ask(_INDEXES.format(**place)) or ():
        rank = 0 if index == _PRIMARY else 1 + bool(repeats)
        indexes[name] = min(indexes.get(name, (rank, index)), (rank, index))
    found = []
    for each in relation.columns:
        chosen = each.name == column
        rank, index = indexes.get(each.name, (len(relation.columns), ""))
        key = _key(each, collations)
        if key is not None and (index or chosen):
            candidate = Candidate(
                key=key,
                nullable=each.nullable,
                chosen=chosen,
                column=each,
                index=index,
                clustered=index == _PRIMARY,
            )
            found.append((not chosen, rank, candidate))
    found.sort(key=lambda item: item[:2])
    return tuple(candidate for *_, candidate in found[:_MAX_CANDIDATES])


def _key(column: Column, collations: Mapping[str, tuple[str, str]]) -> Key | None:
    kind = kind_of_key(column)
    if kind is None or (kind == "text") != (column.name in collations):
        return None
    return Key(column.name, kind, *collations.get(column.name, ()))

"""The order that the server gives to values of a key, which is never guessed here."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from athena_connectors.jdbc_mysql.inquiry import Inquiry
    from athena_connectors.jdbc_mysql.split_sources import Key

__all__ = ["in_order"]


def in_order(inquiry: Inquiry, key: Key, values: Iterable[str]) -> list[list[str]]:
    """Return values in the order of a key, those that are equal to it together.

    What the server takes for no value at all is left out: next to it, no row is less and
    none is more. So each list is of values that are greater than those of the list before.

    Args:
        inquiry: Asks the server.
        key: The key.
        values: In any order.

    Cost:
        Two queries of constants.
    """
    known = _sorted(inquiry, key, list(dict.fromkeys(values)))
    constants = [key.constant_sql(value) for value in known]
    # NULL comes first, and next to NULL nothing is true.
    terms = [f"{constant} IS NOT NULL" for constant in constants]
    terms += [f"{one} < {other}" for one, other in pairwise(constants)]
    rows = inquiry.ask(f"SELECT {', '.join(terms)}") if terms else None
    if not rows:
        return []
    exists, is_more = rows[0][: len(known)], (1, *rows[0][len(known) :])
    groups: list[list[str]] = []
    for value, there, more in zip(known, exists, is_more, strict=True):
        if there and (more or not groups):
            groups.append([value])
        elif there:
            groups[-1].append(value)
    return groups


def _sorted(inquiry: Inquiry, key: Key, values: list[str]) -> list[str]:
    if not values:
        return []
    branches = (
        f"SELECT {number} AS place, {key.constant_sql(value)} AS value"
        for number, value in enumerate(values)
    )
    listed = " UNION ALL ".join(branches)
    rows = inquiry.ask(
        f"SELECT place FROM ({listed}) AS listed ORDER BY value, place"  # noqa: S608 - quoted
    )
    return [values[place] for (place,) in rows or ()]

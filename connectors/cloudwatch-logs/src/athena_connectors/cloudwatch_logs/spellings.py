"""Names in any case, among so many that not all of them may be looked at.

Athena folds names to lower case and CloudWatch Logs finds them by exact prefixes only, so a
name in another case is looked for in a listing.
"""

from __future__ import annotations

import re
from difflib import get_close_matches
from itertools import islice
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

__all__ = [
    "MAX_NAMES",
    "MAX_REMEMBERED",
    "SEARCH_SECONDS",
    "close_to",
    "listed",
    "same_in_any_case",
    "stem",
]

MAX_NAMES = 100_000
"""Names that are listed at most; as many as the Java connector lists."""

MAX_REMEMBERED = 10_000
"""Names whose spelling is remembered at most."""

SEARCH_SECONDS = 60.0
"""For how long names are listed to find one in another case."""

_MAX_COMPARED = 5000
_STEM = re.compile(r"[\x00-@\[-`{-\x7f]*")


def stem(name: str) -> str:
    """Return how a name begins that is the same in any case: what precedes its first letter.

    >>> stem("2024/01/01/[$latest]5b6c")
    '2024/01/01/[$'
    """
    found = _STEM.match(name)
    assert found is not None
    return found[0]


def listed(names: Iterable[str], *, until: float, clock: Callable[[], float]) -> list[str] | None:
    """Return names that come page by page, or ``None`` if it takes too long or they are too many.

    Args:
        names: The names.
        until: The clock's reading after which no further name is taken.
        clock: Seconds that only ever grow.
    """
    found: list[str] = []
    for name in names:
        if len(found) == MAX_NAMES or clock() >= until:
            return None
        found.append(name)
    return found


def same_in_any_case(name: str, names: Iterable[str]) -> list[str]:
    """Return those names that differ in case at most, but the very one alone if it is there."""
    folded = name.lower()
    same = sorted(other for other in names if other.lower() == folded)
    return [name] if name in same else same


def close_to(name: str, names: Iterable[str]) -> str:
    """Return a hint that offers similar names, or an empty text."""
    some = {other.lower(): other for other in islice(names, _MAX_COMPARED)}
    close = [some[fold] for fold in get_close_matches(name.lower(), some, n=3)]
    return f"Close names: {', '.join(close)}." if close else ""

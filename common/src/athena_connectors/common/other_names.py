"""The names in documents that no column shows, which one column may hold as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from collections.abc import Set as AbstractSet

__all__ = ["OtherNames"]


class OtherNames:
    """Tells names that columns show from others.

    Args:
        shown: Of each column the name that it shows, empty if it shows none; further ones;
            and whether the first is spelled so, not in any case.
    """

    def __init__(self, shown: Iterable[tuple[str, Sequence[str], bool]]) -> None:
        columns = [column for column in shown if column[0]]
        self._names = {each for name, others, _ in columns for each in (name, *others)}
        self._folded = {name.lower() for name, _, is_spelled in columns if not is_spelled}

    def among(self, names: AbstractSet[str]) -> set[str]:
        """Return those of some names that no column shows."""
        return {name for name in names - self._names if name.lower() not in self._folded}

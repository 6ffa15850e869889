"""Names with ``*`` for any run of characters."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

__all__ = ["EVERYTHING", "Patterns"]


@dataclass(frozen=True, slots=True)
class Patterns:
    """Some patterns, one of which has to fit.

    Attributes:
        texts: The patterns as they are written; ``*`` is any run of characters, also none.
        folded: Whether case makes no difference, as for all names that Athena folds.
    """

    texts: tuple[str, ...]
    folded: bool = True
    _regex: re.Pattern[str] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        parts = ("".join(map(_part, re.split(r"(\*+)", text))) for text in self.texts)
        flags = re.DOTALL | (re.IGNORECASE if self.folded else 0)
        object.__setattr__(self, "_regex", re.compile("|".join(parts) or r"(?!)", flags))

    @property
    def fits_all(self) -> bool:
        """Whether one of them fits whatever there may be."""
        return "*" in self.texts

    def fits(self, text: str) -> bool:
        """Return whether a name fits one of the patterns."""
        return self._regex.fullmatch(text) is not None


def _part(text: str) -> str:
    return ".*" if text.startswith("*") else re.escape(text)


EVERYTHING = Patterns(("*",))
"""What fits any name."""

"""What the demo asks of each source: to be up, filled, and worth a query."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping
    from contextlib import AbstractContextManager

__all__ = ["DemoQuery", "DemoScript", "DemoSource"]


@dataclass(frozen=True, slots=True)
class DemoQuery:
    """A query that the demo runs.

    Attributes:
        question: What it answers.
        lesson: What its explanation and statistics show.
        sql: The query, in Athena's dialect.
    """

    question: str
    lesson: str
    sql: str


@dataclass(frozen=True, slots=True)
class DemoSource:
    """A source that is up and filled.

    Attributes:
        story: What it is and holds, in one sentence.
        connector: Who reads it.
        catalogs: Settings of each catalog, by its name.
    """

    story: str
    connector: str
    catalogs: Mapping[str, Mapping[str, str]]


class DemoScript(Protocol):
    """A module ``connectors/<connector>/demo/….py``."""

    QUERIES: tuple[DemoQuery, ...]
    """What it asks, of its own catalogs and of those of the sources before it."""

    def source(self, *, orders: int) -> AbstractContextManager[DemoSource]:
        """Start and fill the source, and stop it at the end.

        Args:
            orders: Orders that the shop has; all tables grow with it.
        """

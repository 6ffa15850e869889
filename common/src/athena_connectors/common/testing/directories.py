"""What tests of names stand on: a Glue catalog in memory, a clock, the pages of a listing."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from athena_connectors.common.glue_tables import GlueDatabase, GlueTable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from athena_connectors.common.paging import Page

__all__ = ["ManualClock", "MemoryGlue", "pages_of_tables"]

MOST_PAGES = 100


class ManualClock:
    """Seconds that pass when a test says so.

    Attributes:
        now: What it shows.
    """

    now = 0.0

    def __call__(self) -> float:
        """Return the time."""
        return self.now


@dataclass
class MemoryGlue:
    """Plays ``GlueCatalog``.

    Attributes:
        shown: All tables.
        known: Location URIs of all databases, by their names.
    """

    shown: list[GlueTable] = field(default_factory=list)
    known: dict[str, str] = field(default_factory=dict)

    def databases(self) -> Iterator[GlueDatabase]:
        """Yield all databases."""
        yield from (GlueDatabase(name, location) for name, location in self.known.items())

    def database(self, name: str) -> GlueDatabase | None:
        """Return a database."""
        return next((item for item in self.databases() if item.name == name), None)

    def tables(self, database: str) -> Iterator[GlueTable]:
        """Yield the tables of a database."""
        yield from (item for item in self.shown if item.database == database)

    def table(self, database: str, name: str) -> GlueTable | None:
        """Return a table."""
        return next((item for item in self.tables(database) if item.name == name), None)


class _Pages(Protocol):
    def page_tables(self, schema: str, *, token: str | None, page_size: int | None) -> Page[str]:
        """Return a page of names."""
        ...


def pages_of_tables(directory: _Pages, schema: str, size: int | None = None) -> list[list[str]]:
    """Return the names on each page of a listing.

    Raises:
        AssertionError: It does not end.
    """
    pages: list[list[str]] = []
    token = None
    while len(pages) < MOST_PAGES:
        page = directory.page_tables(schema, token=token, page_size=size)
        pages.append(list(page.items))
        token = page.next_token
        if token is None:
            return pages
    raise AssertionError(f"The listing of {schema} does not end: {pages}")

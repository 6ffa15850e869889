"""What became of values that do not fit their column."""

from __future__ import annotations

from typing import TYPE_CHECKING

from athena_connectors.common import outcome
from athena_connectors.documentdb.relation import Column

if TYPE_CHECKING:
    from athena_connectors.documentdb.settings import Settings

__all__ = ["Outcome"]


class Outcome(outcome.Outcome[Column]):
    """Counts the values of one column in one batch that are read as NULL, or refuses them.

    Args:
        column: The column.
        collection: Name for messages.
        settings: Whether such values are NULL or end the query.
    """

    def __init__(self, column: Column, *, collection: str, settings: Settings) -> None:
        fails = settings.on_type_mismatch == "fail"
        super().__init__(column, table=collection, kind="BSON type", fails=fails)

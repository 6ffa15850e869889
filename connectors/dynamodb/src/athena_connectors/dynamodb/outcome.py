"""What became of values that do not fit their column."""

from __future__ import annotations

from typing import TYPE_CHECKING

from athena_connectors.common import outcome
from athena_connectors.common.errors import DataConversionError
from athena_connectors.dynamodb.relation import Column

if TYPE_CHECKING:
    from athena_connectors.dynamodb.settings import Settings

__all__ = ["Outcome"]


class Outcome(outcome.Outcome[Column]):
    """Counts the values of one column in one page that are read as NULL, or refuses them.

    Args:
        column: The column.
        table: Name for messages.
        settings: Whether such values are NULL or end the query.
    """

    def __init__(self, column: Column, *, table: str, settings: Settings) -> None:
        fails = settings.on_type_mismatch == "fail"
        super().__init__(column, table=table, kind="DynamoDB's type", fails=fails)
        self._settings = settings

    def overflow(self, count: int) -> None:
        """Take numbers that are out of the range of the column's type; as for ``mismatch``."""
        if count and self._settings.on_number_overflow == "fail":
            raise DataConversionError(
                f"Column {self.column.name!r} of {self._table} is {self.column.type}, and a"
                " number in it has more digits than that.",
                hint="Set number_inference=varchar, declare a wider type by a schema file or a"
                " Glue table, or set on_number_overflow=null to read it as NULL.",
                table=self._table,
                column=self.column.name,
            )
        if count:
            self.found["N"] += count

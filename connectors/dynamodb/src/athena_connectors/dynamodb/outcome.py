"""What became of values that do not fit their column."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from athena_connectors.common.errors import DataConversionError

if TYPE_CHECKING:
    from athena_connectors.dynamodb.relation import Column
    from athena_connectors.dynamodb.settings import Settings

__all__ = ["Outcome"]


class Outcome:
    """Counts the values of one column in one page that are read as NULL, or refuses them.

    Args:
        column: The column.
        table: Name for messages.
        settings: Whether such values are NULL or end the query.
    """

    def __init__(self, column: Column, *, table: str, settings: Settings) -> None:
        self.column = column
        self.found: Counter[str] = Counter()
        self._table = table
        self._settings = settings

    def mismatch(self, tag: str, count: int) -> None:
        """Take values that are not of the column's type.

        Args:
            tag: Their tag.
            count: How many there are; may be none.

        Raises:
            DataConversionError: There are some and the settings forbid it.
        """
        if count and self._settings.on_type_mismatch == "fail":
            raise DataConversionError(
                f"Column {self.column.name!r} of {self._table} is {self.column.type}, and a"
                f" value of DynamoDB's type {tag} in it can't be read as that.",
                hint="Set on_type_mismatch=null to read it as NULL, or declare the column as"
                " text by a schema file or a Glue table.",
                table=self._table,
                column=self.column.name,
            )
        if count:
            self.found[tag] += count

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

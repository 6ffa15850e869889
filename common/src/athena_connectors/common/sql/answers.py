"""Errors about what a server answered: malformed bytes and values that don't fit."""

from __future__ import annotations

from typing import NamedTuple

from athena_connectors.common.errors import DataConversionError, SourceError

__all__ = ["CHANGED_TYPE_HINT", "ColumnPlace", "malformed_answer"]

CHANGED_TYPE_HINT = "Its type may have been changed meanwhile: run the query again."
"""What to do about values that are not what the column's type says."""


def malformed_answer(fact: str, *, table: str, column: str = "") -> SourceError:
    """Return the error for bytes that are not what the server's format says."""
    of_column = f" column {column!r} of" if column else ""
    return SourceError(
        f"The answer for{of_column} {table} is malformed: {fact}.",
        hint="Run the query again; if it fails again, something between this function and"
        " the server changes its answer.",
        table=table,
        column=column,
    )


class ColumnPlace(NamedTuple):
    """Names a column in errors."""

    table: str
    column: str

    def mismatch(self, fact: str, *, hint: str) -> DataConversionError:
        """Return the error for a value that does not fit; the fact continues the name."""
        return DataConversionError(
            f"Column {self.column!r} of {self.table} {fact}.",
            hint=hint,
            table=self.table,
            column=self.column,
        )

    def malformed(self, fact: str) -> SourceError:
        """Return the error for bytes that are not what the format says."""
        return malformed_answer(fact, table=self.table, column=self.column)

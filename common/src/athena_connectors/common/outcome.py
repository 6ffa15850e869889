"""What became of values that do not fit their column, in sources without a schema."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

from athena_connectors.common.errors import DataConversionError

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["Outcome"]


class _Column(Protocol):
    @property
    def name(self) -> str: ...

    @property
    def type(self) -> pa.DataType: ...


ColumnT = TypeVar("ColumnT", bound=_Column)


class Outcome(Generic[ColumnT]):
    """Counts the values of one column in one page that are read as NULL, or refuses them.

    Args:
        column: The column.
        table: Name for messages.
        kind: What the source calls the type of a value.
        fails: Whether such values end the query.

    Attributes:
        found: How many there were, by their types.
    """

    def __init__(self, column: ColumnT, *, table: str, kind: str, fails: bool) -> None:
        self.column = column
        self.found: Counter[str] = Counter()
        self._table = table
        self._kind = kind
        self._fails = fails

    def mismatch(self, type_: str, count: int = 1) -> None:
        """Take values that the column, or a part of it, can't hold.

        Args:
            type_: Their type, in the source's words.
            count: How many there are; may be none.

        Raises:
            DataConversionError: There are some and the settings forbid it.
        """
        if count and self._fails:
            raise DataConversionError(
                f"Column {self.column.name!r} of {self._table} is {self.column.type}, and a"
                f" value of {self._kind} {type_} in it can't be read as that.",
                hint="Set on_type_mismatch=null to read it as NULL, or declare the column as"
                " text by a schema file or a Glue table.",
                table=self._table,
                column=self.column.name,
            )
        if count:
            self.found[type_] += count

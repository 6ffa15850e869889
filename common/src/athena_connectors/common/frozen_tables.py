"""The tables of ``schema_file``, read when one is asked for and again after some seconds."""

from __future__ import annotations

from typing import TYPE_CHECKING

from athena_connectors.common.remembered import Remembered

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from athena_connectors.common.inference import InferredTable
    from athena_connectors.common.protocol.messages import TableName

__all__ = ["FrozenTables"]


class FrozenTables:
    """Tables with frozen columns; used by one thread.

    Args:
        load: Returns all of them, as ``schema_files.load_schemas`` does.
        seconds: How long they are good for.
        clock: Seconds that only ever grow.
    """

    def __init__(
        self,
        load: Callable[[], Mapping[TableName, InferredTable]],
        *,
        seconds: float,
        clock: Callable[[], float],
    ) -> None:
        self._load = load
        self._loaded: Remembered[Mapping[TableName, InferredTable]] = Remembered(seconds, clock)

    def find(self, name: TableName) -> InferredTable | None:
        """Return a table, by its name in the spelling of the source.

        Raises:
            ConnectorError: See ``schema_files.load_schemas``.
        """
        tables = self._loaded.get(None)
        if tables is None:
            tables = self._loaded.keep(None, self._load())
        return tables.get(name)

"""Several catalogs in one function: each has its connector, made when first used."""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, TypeVar

from athena_connectors.common.connector import Connector

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    import pyarrow as pa
    from athena_connectors.common.connector import Scan, TableDescription
    from athena_connectors.common.findings import Finding
    from athena_connectors.common.protocol.messages import Split, TableName

__all__ = ["Catalogs"]

KeyT = TypeVar("KeyT")


class Catalogs(Connector, Generic[KeyT]):
    """Gives each catalog its connector; what is asked of itself, the default answers.

    Args:
        source_type: Short name of the source, as every connector has one.
        default: Name of the default catalog.
        find: Returns what a catalog's name stands for; catalogs for which it is the same
            share a connector.
        connect: Makes the connector of that; opens no connection yet.
    """

    def __init__(
        self,
        source_type: str,
        *,
        default: str,
        find: Callable[[str], KeyT],
        connect: Callable[[KeyT], Connector],
    ) -> None:
        self.source_type = source_type  # type: ignore[misc]  # one class serves several sources
        self._default_name = default
        self._find = find
        self._connect = connect
        self._connectors: dict[KeyT, Connector] = {}

    def for_catalog(self, catalog: str) -> Connector:
        """Return the connector of a catalog.

        Raises:
            ConnectorError: The settings have none, or a malformed one; see ``find`` and
                ``connect`` of the source.
        """
        key = self._find(catalog)
        if key not in self._connectors:
            self._connectors[key] = self._connect(key)
        return self._connectors[key]

    def list_schemas(self) -> Iterable[str]:
        """List the schemas of the default catalog."""
        return self._default.list_schemas()

    def list_tables(self, schema: str) -> Iterable[str]:
        """List the tables of the default catalog."""
        return self._default.list_tables(schema)

    def describe_table(self, name: TableName) -> pa.Schema | TableDescription:
        """Describe a table of the default catalog."""
        return self._default.describe_table(name)

    def read_split(self, scan: Scan, split: Split) -> Iterable[pa.RecordBatch]:
        """Read a split of the default catalog."""
        return self._default.read_split(scan, split)

    def health(self) -> Iterable[Finding]:
        """Tell of the default catalog."""
        return self._default.health()

    def close(self) -> None:
        """Close the connectors of all catalogs."""
        for connector in self._connectors.values():
            connector.close()

    @property
    def _default(self) -> Connector:
        return self.for_catalog(self._default_name)

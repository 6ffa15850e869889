"""Several catalogs in one function: each has a connector of its own, made when first used."""

from __future__ import annotations

from typing import TYPE_CHECKING

from athena_connectors.common.connector import Connector
from athena_connectors.common.sql.connection_strings import (
    DEFAULT_CATALOG,
    parse_connection_string,
    resolve_catalog,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    import pyarrow as pa
    from athena_connectors.common.connector import Scan, TableDescription
    from athena_connectors.common.protocol.messages import Split, TableName
    from athena_connectors.common.sql.connection_strings import ConnectionString

__all__ = ["CatalogRouter"]


class CatalogRouter(Connector):
    """Gives each catalog its connector; what is asked of itself, the default answers.

    Args:
        strings: Connection string of each catalog (see ``connection_strings``).
        engine: The connector's engine, such as ``postgres``; also its ``source_type``.
        connect: Makes the connector of one catalog; opens no connection yet.
    """

    def __init__(
        self,
        strings: Mapping[str, str],
        *,
        engine: str,
        connect: Callable[[ConnectionString], Connector],
    ) -> None:
        self.source_type = engine  # type: ignore[misc]  # one class serves several engines
        self._strings = dict(strings)
        self._connect = connect
        self._connectors: dict[str, Connector] = {}

    def for_catalog(self, catalog: str) -> Connector:
        """Return the connector of a catalog, in any case of its name.

        Raises:
            CatalogNotFoundError: There is no connection string for it.
            ConfigurationError: Its connection string is malformed.
        """
        name = resolve_catalog(catalog, self._strings)
        if name not in self._connectors:
            target = parse_connection_string(
                self._strings[name], engine=self.source_type, catalog=name
            )
            self._connectors[name] = self._connect(target)
        return self._connectors[name]

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

    def close(self) -> None:
        """Close the connectors of all catalogs."""
        for connector in self._connectors.values():
            connector.close()

    @property
    def _default(self) -> Connector:
        return self.for_catalog(DEFAULT_CATALOG)

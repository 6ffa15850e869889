"""A connector whose names and columns one object knows, and whose requests another makes."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

from athena_connectors.common.connector import Connector

if TYPE_CHECKING:
    from athena_connectors.common.connector import Pushdown, Scan, TableDescription
    from athena_connectors.common.inference import InferredTable
    from athena_connectors.common.paging import Page
    from athena_connectors.common.protocol.messages import TableName

__all__ = ["SampledConnector", "SourceClient", "SourceConnector", "SourceTables"]


class SourceTables(Protocol):
    """What Athena may know of a source; its methods are those of ``Connector``."""

    def list_schemas(self) -> list[str]:
        """Return the names of all schemas."""
        ...

    def list_tables(self, schema: str) -> list[str]:
        """Return the names of all tables of a schema."""
        ...

    def page_tables(self, schema: str, *, token: str | None, page_size: int | None) -> Page[str]:
        """Return one page of table names."""
        ...

    def resolve_schema(self, name: str) -> str:
        """Return the spelling of a schema."""
        ...

    def resolve_table(self, name: TableName) -> TableName:
        """Return the spelling of a table."""
        ...

    def describe(self, name: TableName) -> TableDescription:
        """Return a table with its columns."""
        ...


class SourceClient(Protocol):
    """Makes the requests."""

    def cancel(self) -> None:
        """End all waiting, and let the next request fail; called from another thread."""
        ...

    def release(self) -> None:
        """Forget that reads were cancelled; connections stay for the next one."""
        ...

    def close(self) -> None:
        """Close all connections."""
        ...


ClientT = TypeVar("ClientT", bound=SourceClient)
TablesT = TypeVar("TablesT", bound=SourceTables)


class SourceConnector(Connector, Generic[ClientT, TablesT]):
    """Passes on what is asked of schemas and tables, and what becomes of requests.

    Args:
        client: Makes the requests.
        tables: What Athena may know of the source.
    """

    def __init__(self, client: ClientT, tables: TablesT) -> None:
        self._client = client
        self._tables = tables

    def list_schemas(self) -> list[str]:
        """List all schemas."""
        return self._tables.list_schemas()

    def list_tables(self, schema: str) -> list[str]:
        """List the tables of a schema."""
        return self._tables.list_tables(schema)

    def page_tables(self, schema: str, *, token: str | None, page_size: int | None) -> Page[str]:
        """Return one page of a schema's tables."""
        return self._tables.page_tables(schema, token=token, page_size=page_size)

    def resolve_schema(self, name: str) -> str:
        """Return the spelling of a schema."""
        return self._tables.resolve_schema(name)

    def resolve_table(self, name: TableName) -> TableName:
        """Return the spelling of a table."""
        return self._tables.resolve_table(name)

    def describe_table(self, name: TableName) -> TableDescription:
        """Describe a table."""
        return self._tables.describe(name)

    def cancel(self) -> None:
        """End all waiting, and let the next request fail."""
        self._client.cancel()

    def release(self) -> None:
        """Forget that reads were cancelled; connections stay for the next one."""
        self._client.release()

    def close(self) -> None:
        """Close all connections."""
        self._client.close()


class SampledSource(SourceTables, Protocol):
    """What Athena may know of a source whose tables have no schema."""

    def infer(self, name: TableName) -> InferredTable:
        """Return what a fresh sample of a table shows."""
        ...


SampledT = TypeVar("SampledT", bound=SampledSource)
SettingsT = TypeVar("SettingsT")


class SampledConnector(SourceConnector[ClientT, SampledT], Generic[ClientT, SampledT, SettingsT]):
    """One for a source whose tables have no schema, which plans a scan once.

    Args:
        client: Makes the requests.
        tables: What Athena may know of the source.
        settings: The function's settings.
    """

    def __init__(self, client: ClientT, tables: SampledT, settings: SettingsT) -> None:
        super().__init__(client, tables)
        self._settings = settings
        # Of thousands of values it takes a while, and several steps of a read need it.
        self._planned: tuple[Scan, Pushdown] | None = None

    @abstractmethod
    def _plan(self, scan: Scan) -> Pushdown:
        """Decide what the source evaluates."""

    def infer_table(self, name: TableName) -> InferredTable:
        """Return what a fresh sample of a table shows."""
        return self._tables.infer(name)

    def plan_pushdown(self, scan: Scan) -> Pushdown:
        """Decide what the source evaluates, once for each scan and split."""
        if self._planned is None or not _is_same_plan(self._planned[0], scan):
            self._planned = scan, self._plan(scan)
        return self._planned[1]

    def release(self) -> None:
        """Forget the read, and that it was cancelled; connections stay for the next one."""
        self._planned = None
        super().release()


def _is_same_plan(one: Scan, other: Scan) -> bool:
    """Return whether scans differ in columns of the predicate at most."""
    return (
        one.constraints is other.constraints
        and one.description is other.description
        and one.split is other.split
    )

"""Which schemas and tables there are, where Glue may declare tables of a source."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

from athena_connectors.common.errors import TableNotFoundError
from athena_connectors.common.protocol.messages import TableName
from athena_connectors.common.remembered import Remembered

if TYPE_CHECKING:
    from collections.abc import Callable

    from athena_connectors.common.errors import ConnectorError
    from athena_connectors.common.glue_tables import GlueCatalog, GlueTable
    from athena_connectors.common.paging import Page

__all__ = ["Directory", "FoundTable", "missing_source"]

_HANDOVER_SECONDS = 5.0
"""How long what was found while a name was resolved is good for the table's description."""


class _Named(Protocol):
    @property
    def name(self) -> str: ...


SourceT = TypeVar("SourceT", bound=_Named)


@dataclass(frozen=True, slots=True)
class FoundTable(Generic[SourceT]):
    """A table of the source, and the one in Glue that stands for it, if there is one."""

    source: SourceT
    glue: GlueTable | None = None

    @property
    def name(self) -> str:
        """Its name for Athena, in its own spelling."""
        return self.source.name if self.glue is None else self.glue.name


ClientT = TypeVar("ClientT")
SettingsT = TypeVar("SettingsT")
FoundT = TypeVar("FoundT", bound=_Named)


class Directory(ABC, Generic[ClientT, SettingsT, FoundT]):
    """The schemas and tables that exist for Athena; used by one thread.

    Args:
        client: Reads the source.
        settings: The connector's settings.
        glue: The Glue catalog; ``None`` to ask for nothing there.
        clock: Seconds that only ever grow.
    """

    def __init__(
        self,
        client: ClientT,
        settings: SettingsT,
        glue: GlueCatalog | None,
        *,
        clock: Callable[[], float],
    ) -> None:
        self._client = client
        self._settings = settings
        self._glue = glue
        self._clock = clock
        self._found: Remembered[FoundT] = Remembered(_HANDOVER_SECONDS, clock)

    @abstractmethod
    def list_schemas(self) -> list[str]:
        """Return the names of all schemas."""

    @abstractmethod
    def page_tables(self, schema: str, *, token: str | None, page_size: int | None) -> Page[str]:
        """Return one page of tables."""

    @abstractmethod
    def resolve_schema(self, name: str) -> str:
        """Return a schema's name."""

    @abstractmethod
    def look_up(self, schema: str, name: str) -> FoundT:
        """Ask for a table by its name in any case, in a schema as ``resolve_schema`` spells it.

        Raises:
            TableNotFoundError: There is no such table.
            AmbiguousNameError: Several fit.
            ConnectorError: Glue or the source refuses or does not answer.
        """

    def resolve_table(self, name: TableName) -> TableName:
        """Return the spelling of a table.

        Raises:
            SchemaNotFoundError: There is no such schema.
            TableNotFoundError: There is no such table.
            AmbiguousNameError: Several fit.
            ConnectorError: Glue or the source refuses or does not answer.
        """
        schema = self.resolve_schema(name.schema)
        return TableName(schema, self.found(schema, name.table).name)

    def found(self, schema: str, name: str) -> FoundT:
        """Look a table up, and hand it over to ``find`` for its description."""
        found = self.look_up(schema, name)
        return self._found.keep((schema, found.name), found)

    def find(self, schema: str, name: str) -> FoundT:
        """Return a table by its name as ``resolve_table`` spells it.

        Raises:
            ConnectorError: See ``resolve_table``.
        """
        return self._found.get((schema, name)) or self.look_up(schema, name)


def missing_source(
    glue: GlueTable, source: str, error: ConnectorError, *, advice: str
) -> TableNotFoundError:
    """Return the error for a Glue table whose source is not there.

    Args:
        glue: The table.
        source: What it stands for.
        error: What the source says.
        advice: What to correct.
    """
    return TableNotFoundError(
        f"{glue} stands for {source}: {error.message}",
        hint=f"{advice} {error.hint}".strip(),
        schema=glue.database,
        table=glue.name,
    )

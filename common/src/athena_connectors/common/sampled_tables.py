"""Tables of a source without a schema: what Glue declares, what was frozen, what rows show.

A table's columns come from the first of these that knows it: the file of ``schema_file``,
Glue, a sample of its rows.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

import pyarrow as pa
from athena_connectors.common.aws import AwsClients
from athena_connectors.common.connector import TableDescription
from athena_connectors.common.frozen_tables import FrozenTables
from athena_connectors.common.glue_columns import commented_schema
from athena_connectors.common.glue_tables import GlueCatalog
from athena_connectors.common.remembered import Remembered
from athena_connectors.common.schema_files import load_schemas

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from typing import Any, Self

    from athena_connectors.common.directory import Directory
    from athena_connectors.common.document_settings import DocumentSettings
    from athena_connectors.common.inference import InferredTable
    from athena_connectors.common.observed import Sample
    from athena_connectors.common.paging import Page
    from athena_connectors.common.protocol.messages import TableName

    SettingsT = TypeVar("SettingsT", bound=DocumentSettings)
    DirectoryT = TypeVar("DirectoryT", bound=Directory[Any, Any, Any])
else:
    SettingsT = TypeVar("SettingsT")
    DirectoryT = TypeVar("DirectoryT")

__all__ = ["SampledTables", "description_of", "with_columns"]

ClientT = TypeVar("ClientT")


class SampledTables(ABC, Generic[ClientT, SettingsT, DirectoryT]):
    """What Athena may know of a source; used by one thread.

    Args:
        client: Reads the source.
        settings: The connector's settings.
        glue: The Glue catalog; ``None`` to ask for nothing there.
        load_frozen: Returns the tables of ``schema_file``; called when one is described, and
            again after ``schema_cache_ttl_s`` seconds.
        clock: Seconds that only ever grow.
    """

    def __init__(
        self,
        client: ClientT,
        settings: SettingsT,
        glue: GlueCatalog | None,
        *,
        load_frozen: Callable[[], Mapping[TableName, InferredTable]] = dict,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._client = client
        self._settings = settings
        self._directory = self._open_directory(glue, clock)
        seconds = settings.schema_cache_ttl_s
        self._frozen = FrozenTables(load_frozen, seconds=seconds, clock=clock)
        self._samples: Remembered[Sample] = Remembered(seconds, clock)

    @classmethod
    def of(cls, client: ClientT, settings: SettingsT, environ: Mapping[str, str]) -> Self:
        """Return what the settings lead to.

        Args:
            client: Reads the source.
            settings: The connector's settings.
            environ: The function's environment, for the clients of Glue and S3.
        """
        glue = None
        if not settings.disable_glue:
            glue = GlueCatalog(environ, catalog_id=settings.glue_catalog)
        if not settings.schema_file:
            return cls(client, settings, glue)
        load = partial(load_schemas, settings.schema_file, AwsClients(environ))
        return cls(client, settings, glue, load_frozen=load)

    @abstractmethod
    def _open_directory(self, glue: GlueCatalog | None, clock: Callable[[], float]) -> DirectoryT:
        """Return who knows the names; asks nobody yet."""

    @abstractmethod
    def describe(self, name: TableName) -> TableDescription:
        """Return a table with its columns."""

    def list_schemas(self) -> list[str]:
        """Return the schemas; see ``Directory.list_schemas``."""
        return self._directory.list_schemas()

    def list_tables(self, schema: str) -> list[str]:
        """Return all tables of a schema; see ``Directory.page_tables``."""
        return list(self._directory.page_tables(schema, token=None, page_size=None).items)

    def page_tables(self, schema: str, *, token: str | None, page_size: int | None) -> Page[str]:
        """Return one page of tables; see ``Directory.page_tables``."""
        return self._directory.page_tables(schema, token=token, page_size=page_size)

    def resolve_schema(self, name: str) -> str:
        """Return a schema's name; see ``Directory.resolve_schema``."""
        return self._directory.resolve_schema(name)

    def resolve_table(self, name: TableName) -> TableName:
        """Return the spelling of a table; see ``Directory.resolve_table``."""
        return self._directory.resolve_table(name)


class _Column(Protocol):
    @property
    def name(self) -> str: ...

    @property
    def type(self) -> pa.DataType: ...


class _Commented(Protocol):
    @property
    def name(self) -> str: ...

    @property
    def comment(self) -> str: ...


def description_of(
    columns: Iterable[_Column], declared: Sequence[_Commented], *, facts: object
) -> TableDescription:
    """Return the description of a table.

    Args:
        columns: Its columns.
        declared: Columns that Glue declares, which may have comments.
        facts: What the connector knows of it.
    """
    schema = commented_schema(
        [(column.name, column.type) for column in columns],
        [(column.name, column.comment) for column in declared],
    )
    return TableDescription(schema, facts=facts)


def with_columns(
    description: TableDescription, columns: Iterable[_Column], *, facts: object
) -> TableDescription:
    """Return a description with other columns, and the comments that it has."""
    schema = pa.schema([(column.name, column.type) for column in columns])
    schema = schema.with_metadata(description.schema.metadata)
    return replace(description, schema=schema, facts=facts)

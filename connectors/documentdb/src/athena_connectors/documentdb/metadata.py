"""Collections and their columns: what Glue declares, what was frozen, what documents show.

A table's columns come from the first of these that knows it: the file of ``schema_file``,
Glue, a sample of its documents.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from athena_connectors.common.errors import AccessDeniedError
from athena_connectors.common.glue_columns import declared_fields
from athena_connectors.common.inference import InferredTable
from athena_connectors.common.sampled_tables import SampledTables, description_of
from athena_connectors.documentdb import columns as columns_of
from athena_connectors.documentdb.client import Client
from athena_connectors.documentdb.directory import Directory
from athena_connectors.documentdb.relation import Relation
from athena_connectors.documentdb.sampling import method_of, read_sample
from athena_connectors.documentdb.settings import Settings
from athena_connectors.documentdb.types import empty_sample

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from athena_connectors.common.connector import TableDescription
    from athena_connectors.common.directory import FoundTable
    from athena_connectors.common.glue_columns import GlueField
    from athena_connectors.common.glue_tables import GlueCatalog
    from athena_connectors.common.observed import Sample
    from athena_connectors.common.protocol.messages import TableName
    from athena_connectors.documentdb.relation import Collection, Column

__all__ = ["Tables"]

_LOGGER = logging.getLogger(__name__)


class Tables(SampledTables[Client, Settings, Directory]):
    """What Athena may know of a server; used by one thread."""

    def _open_directory(self, glue: GlueCatalog | None, clock: Callable[[], float]) -> Directory:
        return Directory(self._client, self._settings, glue, clock=clock)

    def collection(self, database: str, name: str) -> Collection:
        """Return a collection for a native query; see ``Directory.collection``."""
        return self._directory.collection(database, name)

    def describe(self, name: TableName) -> TableDescription:
        """Return a table with its columns, and a ``Relation`` as its facts.

        Args:
            name: As ``resolve_table`` spells it.

        Raises:
            TableNotFoundError: There is no such collection.
            AccessDeniedError: Its columns are known to nobody and it may not be read.
            ConnectorError: Glue or the server refuses or does not answer.

        Cost:
            One call to Glue and two or more to the server; a sample of the documents, once
            in ``schema_cache_ttl_s`` seconds, unless something else tells all that is needed.
        """
        found = self._directory.find(name.schema, name.table)
        fields = () if found.glue is None else declared_fields(found.glue)
        columns = self._columns(name, found, fields)
        is_inferred = found.glue is None and self._frozen.find(name) is None
        return description_of(columns, fields, facts=Relation(found.source, columns, is_inferred))

    def describe_results(
        self, collection: Collection, pipeline: Sequence[Mapping[str, Any]]
    ) -> TableDescription:
        """Return the columns of what a pipeline makes of a collection, by its first results.

        Args:
            collection: As ``collection`` returns it.
            pipeline: Stages, such as one ``$match``; one at least.

        Raises:
            ConnectorError: See ``Client.aggregate_raw``.

        Cost:
            ``schema_sample_size`` results of the pipeline.
        """
        sample = read_sample(self._client, collection, self._settings, pipeline=pipeline)
        columns = columns_of.inferred(sample, self._settings, table=_label(collection))
        return description_of(columns, (), facts=Relation(collection, columns, is_inferred=True))

    def _columns(
        self, name: TableName, found: FoundTable[Collection], fields: Sequence[GlueField]
    ) -> tuple[Column, ...]:
        collection, settings = found.source, self._settings
        frozen = self._frozen.find(name)
        if frozen is not None:
            return columns_of.frozen(frozen.columns, settings, table=str(name))
        if found.glue is None:
            sample = self._sample(collection)
            return columns_of.inferred(sample, settings, table=str(name))
        sample = empty_sample(settings)
        if columns_of.needs_sample(fields, settings):
            try:
                sample = self._sample(collection)
            except AccessDeniedError as error:
                _LOGGER.warning(
                    "Table %s can't be sampled, so fields are looked for in any case: %s",
                    name,
                    error,
                )
        return columns_of.declared(fields, sample, settings, table=str(name))

    def _sample(self, collection: Collection) -> Sample:
        """Return a sample, also an old one."""
        key = (collection.database, collection.name)
        kept = self._samples.get(key)
        if kept is not None:
            return kept
        return self._samples.keep(key, read_sample(self._client, collection, self._settings))

    def infer(self, name: TableName) -> InferredTable:
        """Return what the documents of a table show of its columns now, for ``freeze``.

        Args:
            name: As ``resolve_table`` spells it.

        Raises:
            TableNotFoundError: There is no such table.
            ConnectorError: Its documents may not be read, or the server fails.

        Cost:
            A sample of the documents; see ``sampling``.
        """
        collection = self._directory.find(name.schema, name.table).source
        sample = read_sample(self._client, collection, self._settings)
        return InferredTable(
            columns_of.seen(sample, self._settings),
            documents=sample.documents,
            method=method_of(collection, self._settings),
        )


def _label(collection: Collection) -> str:
    return f"{collection.database}.{collection.name}"

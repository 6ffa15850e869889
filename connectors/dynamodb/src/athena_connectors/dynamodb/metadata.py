"""Tables and their columns: what Glue declares, what was frozen, what items show.

A table's columns come from the first of these that knows it: the file of ``schema_file``,
Glue, a sample of its items.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING

from athena_connectors.common.errors import (
    AccessDeniedError,
    ConfigurationError,
    InvalidRequestError,
)
from athena_connectors.common.inference import InferredTable
from athena_connectors.common.protocol.messages import TableName
from athena_connectors.common.sampled_tables import SampledTables, description_of
from athena_connectors.dynamodb import columns as columns_of
from athena_connectors.dynamodb.client import Client
from athena_connectors.dynamodb.directory import Directory, split_index
from athena_connectors.dynamodb.glue_schema import declared_columns
from athena_connectors.dynamodb.relation import Relation
from athena_connectors.dynamodb.sampling import read_sample
from athena_connectors.dynamodb.settings import Settings
from athena_connectors.dynamodb.source_table import IndexKind
from athena_connectors.dynamodb.types import empty_sample

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from athena_connectors.common.connector import TableDescription
    from athena_connectors.common.glue_tables import GlueCatalog
    from athena_connectors.common.observed import Sample
    from athena_connectors.dynamodb.directory import FoundTable
    from athena_connectors.dynamodb.glue_schema import DeclaredColumn
    from athena_connectors.dynamodb.relation import Column
    from athena_connectors.dynamodb.source_table import SourceTable

__all__ = ["Tables"]

_LOGGER = logging.getLogger(__name__)


class Tables(SampledTables[Client, Settings, Directory]):
    """What Athena may know of a DynamoDB account; used by one thread."""

    def _open_directory(self, glue: GlueCatalog | None, clock: Callable[[], float]) -> Directory:
        return Directory(self._client, self._settings, glue, clock=clock)

    def describe(self, name: TableName) -> TableDescription:
        """Return a table with its columns, and a ``Relation`` as its facts.

        Args:
            name: As ``resolve_table`` spells it.

        Raises:
            TableNotFoundError: There is no such table.
            ConfigurationError: The name forces a global index and ``consistent_read`` is set.
            AccessDeniedError: It may not be described, or its columns are known to nobody
                and its items may not be read.
            ConnectorError: Glue or DynamoDB refuses or does not answer.

        Cost:
            One call to Glue and one to DynamoDB; a sample of the items, once in
            ``schema_cache_ttl_s`` seconds, unless something else tells all that is needed.
        """
        base, index_name = split_index(name.table)
        found = self._directory.find(name.schema, base)
        declared = () if found.glue is None else declared_columns(found.glue)
        table = TableName(name.schema, base)
        columns = self._columns(table, found, declared)
        is_inferred = found.glue is None and self._frozen.find(table) is None
        relation = Relation(found.source, columns, is_inferred=is_inferred)
        if index_name is not None:
            index = found.index(index_name)
            if self._settings.consistent_read and index.kind is IndexKind.GLOBAL:
                raise ConfigurationError(
                    f"{name.table} asks for global index {index.name!r}, which DynamoDB never"
                    " reads consistently, and consistent_read is true.",
                    hint=f"Query table {base}, or set consistent_read=false.",
                    table=name.table,
                    setting="consistent_read",
                )
            held = columns_of.held_by(relation.columns, index)
            relation = replace(relation, columns=held, forced_index=index.name)
        return description_of(relation.columns, declared, facts=relation)

    def _columns(
        self, name: TableName, found: FoundTable, declared: Sequence[DeclaredColumn]
    ) -> tuple[Column, ...]:
        table, settings = found.source, self._settings
        frozen = self._frozen.find(name)
        if frozen is not None:
            return columns_of.frozen(frozen.columns, table, settings)
        if found.glue is None:
            return columns_of.inferred(self._sample(table, needed=True), table, settings)
        if columns_of.needs_sample(declared, table, settings):
            sample = self._sample(table, needed=False)
        else:
            sample = empty_sample(settings)
        return columns_of.declared(declared, sample, table, settings)

    def _sample(self, table: SourceTable, *, needed: bool) -> Sample:
        """Return a sample, also an old one; an empty one where nothing may be read.

        Args:
            table: The table.
            needed: Whether nothing else tells of its columns. Then a table may only be
                without a sample if what it holds can't be decrypted: its keys are known.
        """
        kept = self._samples.get(table.target)
        if kept is not None:
            return kept
        try:
            sample = read_sample(self._client, table, self._settings)
        except AccessDeniedError as error:
            if needed and "kms:" not in error.hint:
                raise
            known = (
                "only its keys are columns" if needed else "attributes are looked for in any case"
            )
            _LOGGER.warning("Table %s can't be sampled, so %s: %s", table.name, known, error)
            return empty_sample(self._settings)
        return self._samples.keep(table.target, sample)

    def infer(self, name: TableName) -> InferredTable:
        """Return what the items of a table show of its columns now, for ``freeze``.

        Args:
            name: As ``resolve_table`` spells it.

        Raises:
            TableNotFoundError: There is no such table.
            ConnectorError: Its items may not be read, or DynamoDB fails.

        Cost:
            A sample of the items; see ``sampling``.
        """
        base, index_name = split_index(name.table)
        if index_name is not None:
            raise InvalidRequestError(
                f"{name.table} is an index and has no columns of its own.",
                hint=f"Freeze table {base}.",
                table=name.table,
            )
        table = self._directory.find(name.schema, base).source
        sample = read_sample(self._client, table, self._settings)
        return InferredTable(
            columns_of.seen(sample, table, self._settings),
            documents=sample.documents,
            method=f"the first items of {self._settings.schema_sample_segments} scan segments",
        )

"""The DocumentDB connector of one server: which module does what, in which order."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from athena_connectors.common.aws import AwsClients
from athena_connectors.common.capabilities import Capabilities, require_passthrough
from athena_connectors.common.catalogs import Catalogs
from athena_connectors.common.config import load_settings
from athena_connectors.common.estimates import no_row
from athena_connectors.common.read_ahead import batches_of
from athena_connectors.common.sampled_tables import with_columns
from athena_connectors.common.secrets import SecretResolver
from athena_connectors.common.source_connector import SampledConnector
from athena_connectors.documentdb import costs, splits
from athena_connectors.documentdb.adoption import adopted
from athena_connectors.documentdb.client import Client
from athena_connectors.documentdb.connection_strings import DEFAULT, target_of
from athena_connectors.documentdb.filters import native_text
from athena_connectors.documentdb.metadata import Tables
from athena_connectors.documentdb.passthrough import FUNCTION, read_statement
from athena_connectors.documentdb.pushdown import NativeScan, plan
from athena_connectors.documentdb.reader import CollectionReader, fields_read, filter_of
from athena_connectors.documentdb.relation import Relation
from athena_connectors.documentdb.results import (
    NativeQuery,
    describe_statement,
    pipeline_of,
    plan_statement,
    statement_text,
)
from athena_connectors.documentdb.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import pyarrow as pa
    from athena_connectors.common.connector import Connector, Pushdown, Scan, TableDescription
    from athena_connectors.common.estimates import Estimate
    from athena_connectors.common.findings import Finding
    from athena_connectors.common.protocol.messages import Split
    from athena_connectors.documentdb.connection_strings import Target
    from athena_connectors.documentdb.relation import Column
    from athena_connectors.documentdb.splits import SplitPlan

__all__ = ["DocumentDbConnector", "from_environment"]

SOURCE_TYPE = "documentdb"
"""What Ping tells; the Java connector's word."""


def from_environment(environ: Mapping[str, str]) -> Connector:
    """Return the connector of all catalogs that a function's variables name.

    Raises:
        ConfigurationError: A setting is malformed.
    """
    settings = load_settings(Settings, environ)
    clients = AwsClients(environ)
    secrets = SecretResolver(lambda: clients.client("secretsmanager"))

    def connect(target: Target) -> DocumentDbConnector:
        client = Client(target, settings, secrets=secrets, environ=environ)
        return DocumentDbConnector(client, Tables.of(client, settings, environ), settings)

    find = partial(target_of, environ=environ)
    return Catalogs(SOURCE_TYPE, default=DEFAULT, find=find, connect=connect)


class DocumentDbConnector(SampledConnector[Client, Tables, Settings]):
    """The databases of one server or cluster.

    Args:
        client: Reads the server.
        tables: What Athena may know of it.
        settings: The function's settings.
    """

    source_type = SOURCE_TYPE
    reads_plans = True

    def adopt_columns(
        self, description: TableDescription, fields: Sequence[pa.Field[pa.DataType]]
    ) -> TableDescription:
        """Take over columns that a sample of another instance showed."""
        facts = description.facts
        relation = _relation(description)
        if not relation.is_inferred:
            return description
        relation = replace(relation, columns=adopted(relation.columns, fields))
        facts = replace(facts, relation=relation) if isinstance(facts, NativeQuery) else relation
        return with_columns(description, relation.columns, facts=facts)

    def describe_passthrough(self, arguments: Mapping[str, str]) -> TableDescription:
        """Describe the result of the filter or pipeline in ``FILTER``, by its first documents.

        Raises:
            UnsupportedOperationError: ``enable_query_passthrough`` is false, or the query
                would do more than read.
        """
        require_passthrough(enabled=self._settings.enable_query_passthrough)
        return describe_statement(self._tables, read_statement(arguments))

    def capabilities(self) -> Capabilities:
        """Claim everything; what the server can't do exactly is done here."""
        enabled = self._settings.enable_query_passthrough
        return Capabilities.everything(FUNCTION if enabled else None)

    def plan_partitions(self, scan: Scan) -> pa.RecordBatch:
        """Take the collection apart."""
        return splits.plan(
            self._client,
            _relation(scan.description).collection,
            self._native(scan),
            self._settings,
            deadline=scan.deadline,
        )

    def plan_splits(self, scan: Scan, partitions: pa.RecordBatch) -> Iterator[Split]:
        """Return the splits that ``plan_partitions`` has planned."""
        del scan
        return splits.splits_of(partitions)

    def read_split(self, scan: Scan, split: Split) -> Iterator[pa.RecordBatch]:
        """Read what a split names, batch by batch."""
        native = self._native(scan)
        part = _part(scan, split)
        relation = _relation(scan.description)
        # A batch that is read in advance may be one that a limit would have spared.
        ahead = scan.constraints.limit is None
        reader = CollectionReader(
            self._client, relation, _columns(scan), self._settings, scan.deadline, ahead
        )
        facts = scan.description.facts
        if isinstance(facts, NativeQuery) and facts.statement.pipeline is not None:
            pipeline = pipeline_of(facts.statement, native)
            pages = partial(reader.pages_of_pipeline, pipeline, batch_size=part.batch_size)
        else:
            pages = partial(reader.pages, part, native)
        return batches_of(
            pages,
            stats=scan.stats,
            ahead=ahead,
            cancel=self._client.cancel,
            budget=scan.budget,
        )

    def estimate(self, scan: Scan) -> Estimate | None:
        """Tell what a scan may cost, as the server's statistics and its plan do."""
        native = self._native(scan)
        if native.is_empty:
            return no_row()
        return costs.estimate(
            self._client,
            _relation(scan.description),
            native,
            ends_early=scan.constraints.ends_early and bool(scan.constraints.conjuncts()),
            deadline=scan.deadline,
        )

    def native_query(self, scan: Scan, split: Split) -> str:
        """Return the command of a split."""
        native = self._native(scan)
        if native.is_empty:
            return "nothing: no row can satisfy the predicate"
        part = _part(scan, split)
        fields = fields_read(_columns(scan), self._settings, part.ids)
        facts = scan.description.facts
        if isinstance(facts, NativeQuery):
            return statement_text(facts, native, fields)
        return native_text(
            _relation(scan.description).collection,
            filter_of(part.ids, native),
            fields,
            limit=native.server_limit,
            collation=native.collation,
        )

    def health(self) -> Iterator[Finding]:
        """Tell what the server is, how it is reached, and what may be read."""
        from athena_connectors.documentdb.health import findings  # noqa: PLC0415

        return findings(self._client, self._tables, self._settings)

    def _plan(self, scan: Scan) -> Pushdown:
        facts = scan.description.facts
        if isinstance(facts, NativeQuery):
            return plan_statement(scan.constraints, facts, self._settings)
        return plan(scan.constraints, _relation(scan.description), self._settings)

    def _native(self, scan: Scan) -> NativeScan:
        native = self.plan_pushdown(scan).native
        assert isinstance(native, NativeScan)
        return native


def _part(scan: Scan, split: Split) -> SplitPlan:
    """Return what a split reads; a native query is read whole."""
    if scan.constraints.passthrough:
        return splits.SplitPlan()
    return splits.split_plan(split)


def _relation(description: TableDescription) -> Relation:
    facts = description.facts
    relation = facts.relation if isinstance(facts, NativeQuery) else facts
    assert isinstance(relation, Relation)
    return relation


def _columns(scan: Scan) -> list[Column]:
    relation = _relation(scan.description)
    columns = [relation.column(name) for name in scan.schema.names]
    return [column for column in columns if column is not None]

"""The DynamoDB connector: which module does what, in which order."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import pyarrow as pa
from athena_connectors.common.budgets import unit_limit
from athena_connectors.common.capabilities import (
    Capabilities,
    PassthroughFunction,
    require_passthrough,
)
from athena_connectors.common.config import load_settings
from athena_connectors.common.connector import Pushdown, TableDescription
from athena_connectors.common.protocol.messages import TableName
from athena_connectors.common.read_ahead import batches_of
from athena_connectors.common.sampled_tables import with_columns
from athena_connectors.common.source_connector import SampledConnector
from athena_connectors.dynamodb import costs, splits
from athena_connectors.dynamodb.access import TableScan
from athena_connectors.dynamodb.capacity import FEW_ROWS
from athena_connectors.dynamodb.client import Client
from athena_connectors.dynamodb.columns import adopted, held_by
from athena_connectors.dynamodb.directory import split_index
from athena_connectors.dynamodb.full_scans import check_full_scan
from athena_connectors.dynamodb.metadata import Tables
from athena_connectors.dynamodb.part_pushdown import plan_part
from athena_connectors.dynamodb.parts import Segment, path_of
from athena_connectors.dynamodb.passthrough import read_statement
from athena_connectors.dynamodb.pushdown import NativeScan, plan
from athena_connectors.dynamodb.reader import PartReader
from athena_connectors.dynamodb.relation import Relation
from athena_connectors.dynamodb.requests import native_text
from athena_connectors.dynamodb.results import NativeQuery, describe_statement
from athena_connectors.dynamodb.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from athena_connectors.common.budgets import Limit
    from athena_connectors.common.connector import Scan
    from athena_connectors.common.estimates import Estimate
    from athena_connectors.common.findings import Finding
    from athena_connectors.common.protocol.messages import Split

__all__ = ["DynamoDbConnector", "from_environment"]


def from_environment(environ: Mapping[str, str]) -> DynamoDbConnector:
    """Return the connector that a function's variables describe.

    Raises:
        ConfigurationError: A setting is malformed.
    """
    settings = load_settings(Settings, environ)
    client = Client(settings, environ)
    return DynamoDbConnector(client, Tables.of(client, settings, environ), settings)


class DynamoDbConnector(SampledConnector[Client, Tables, Settings]):
    """The tables of one account and region.

    Args:
        client: Reads DynamoDB.
        tables: What Athena may know of it.
        settings: The function's settings.
    """

    source_type = "ddb"
    reads_plans = True

    def listed_as(self, name: TableName) -> TableName:
        """Return the table itself for one that names an index too."""
        return TableName(name.schema, split_index(name.table)[0])

    def adopt_columns(
        self, description: TableDescription, fields: Sequence[pa.Field[pa.DataType]]
    ) -> TableDescription:
        """Take over columns that a sample of another instance may have shown."""
        facts = description.facts
        assert isinstance(facts, Relation | NativeQuery)
        relation = facts.relation if isinstance(facts, NativeQuery) else facts
        if not relation.is_inferred:
            return description
        columns = adopted(relation.columns, fields, relation.table)
        if relation.forced_index is not None:
            index = relation.table.index(relation.forced_index)
            columns = held_by(columns, index or relation.table.base)
        relation = replace(relation, columns=columns)
        facts = replace(facts, relation=relation) if isinstance(facts, NativeQuery) else relation
        return with_columns(description, columns, facts=facts)

    def describe_passthrough(self, arguments: Mapping[str, str]) -> TableDescription:
        """Describe the result of the PartiQL statement in ``QUERY``, by its first items.

        Raises:
            UnsupportedOperationError: ``enable_query_passthrough`` is false, or the
                statement is no SELECT.
        """
        require_passthrough(enabled=self._settings.enable_query_passthrough)
        query = describe_statement(self._client, read_statement(arguments["QUERY"]), self._settings)
        fields = [pa.field(column.name, column.type) for column in query.relation.columns]
        return TableDescription(pa.schema(fields), facts=query)

    def capabilities(self) -> Capabilities:
        """Claim everything; what DynamoDB can't do exactly is done here."""
        enabled = self._settings.enable_query_passthrough
        return Capabilities.everything(PassthroughFunction() if enabled else None)

    def plan_partitions(self, scan: Scan) -> pa.RecordBatch:
        """Take the way to the items apart.

        Raises:
            BudgetExceededError: It is a scan, which settings forbid.
        """
        native = self._native(scan)
        relation = _relation(scan)
        rows = _rows_to_scan(scan)
        if isinstance(native.path, TableScan):
            index = relation.table.index(native.path.index)
            assert index is not None, "a path names an index that the table has"
            check_full_scan(relation, index, self._settings, rows=rows)
        return splits.plan(native.path, relation.table, self._settings, few=rows is not None)

    def plan_splits(self, scan: Scan, partitions: pa.RecordBatch) -> Iterator[Split]:
        """Return the splits that ``plan_partitions`` has planned."""
        del scan
        return splits.splits_of(partitions)

    def read_split(self, scan: Scan, split: Split) -> Iterator[pa.RecordBatch]:
        """Read what a split names, page by page."""
        scan = replace(scan, split=split)
        if scan.constraints.passthrough:
            query = _native_query(scan)
            reader = self._reader(scan, query.relation, splits=1)
            chunks = partial(reader.pages_of_statement, query.statement.text)
        else:
            planned = splits.split_plan(split)
            reader = self._reader(scan, _relation(scan), splits=planned.count)
            chunks = partial(reader.pages_of_part, planned.part, self._native(scan))
        # A page that is read in advance may be one that a limit would have spared.
        ahead = scan.constraints.limit is None
        return batches_of(
            chunks,
            stats=scan.stats,
            ahead=ahead,
            cancel=self._client.cancel,
            budget=scan.budget,
        )

    def estimate(self, scan: Scan) -> Estimate:
        """Tell what the way to the items may cost, by what ``DescribeTable`` has told."""
        return costs.estimate(self._native(scan), _relation(scan), self._settings, scan.constraints)

    def unit_limit(self) -> Limit | None:
        """Limit the read units of a scan."""
        return unit_limit("max_rcu_per_query", self._settings.max_rcu_per_query, costs.UNIT)

    def native_query(self, scan: Scan, split: Split) -> str:
        """Return the requests of a split, a line for each."""
        if scan.constraints.passthrough:
            return _native_query(scan).statement.text
        part = splits.split_plan(split).part
        native = self._native(replace(scan, split=split))
        lines = native_text(_relation(scan).table, native, path_of(part))
        if isinstance(part, Segment) and part.count > 1:
            return f"{lines[0]} (segment {part.number + 1} of {part.count})"
        return "\n".join(lines)

    def health(self) -> Iterator[Finding]:
        """Tell what may be read, and what of Glue."""
        from athena_connectors.dynamodb.health import findings  # noqa: PLC0415

        return findings(self._client, self._tables, self._settings)

    def _plan(self, scan: Scan) -> Pushdown:
        if scan.constraints.passthrough:
            return Pushdown()
        relation, settings, names = _relation(scan), self._settings, scan.schema.names
        if scan.split is None:
            return plan(scan.constraints, relation, settings, names)
        part = splits.split_plan(scan.split).part
        return plan_part(scan.constraints, relation, settings, names, part=part)

    def _native(self, scan: Scan) -> NativeScan:
        native = self.plan_pushdown(scan).native
        assert isinstance(native, NativeScan)
        return native

    def _reader(self, scan: Scan, relation: Relation, *, splits: int) -> PartReader:
        """Return who reads for one split, with its part of the rate."""
        settings, table = self._settings, relation.table
        client = self._client.at(table.target)
        rate = settings.max_rcu_per_second
        client.limit_rate(table.name, rate / splits if rate else None)
        columns = [relation.column(name) for name in scan.schema.names]
        return PartReader(
            client,
            relation,
            [column for column in columns if column is not None],
            settings,
            scan.deadline,
        )


def _relation(scan: Scan) -> Relation:
    relation = scan.description.facts
    assert isinstance(relation, Relation)
    return relation


def _native_query(scan: Scan) -> NativeQuery:
    query = scan.description.facts
    assert isinstance(query, NativeQuery)
    return query


def _rows_to_scan(scan: Scan) -> int | None:
    """Return after how many items a scan ends, if they are few."""
    constraints = scan.constraints
    if constraints.limit is None or constraints.limit > FEW_ROWS:
        return None
    return None if constraints.conjuncts() or constraints.order_by else constraints.limit

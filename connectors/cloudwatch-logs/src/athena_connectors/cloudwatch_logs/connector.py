"""The CloudWatch Logs connector: which module does what, in which order."""

from __future__ import annotations

import logging
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING

from athena_connectors.cloudwatch_logs import costs, splits
from athena_connectors.cloudwatch_logs.client import Client
from athena_connectors.cloudwatch_logs.filter_patterns import check_patterns
from athena_connectors.cloudwatch_logs.log_group import LogTable
from athena_connectors.cloudwatch_logs.metadata import Groups
from athena_connectors.cloudwatch_logs.passthrough import (
    FUNCTION,
    NativeQuery,
    describe_query,
    native_text,
    read_query,
    read_rows,
)
from athena_connectors.cloudwatch_logs.pushdown import select
from athena_connectors.cloudwatch_logs.reader import EventReader
from athena_connectors.cloudwatch_logs.selection import Selection, StreamSelector, Window
from athena_connectors.cloudwatch_logs.settings import Settings
from athena_connectors.cloudwatch_logs.split_text import split_text
from athena_connectors.cloudwatch_logs.types import EVENT_ID, FILTER_PATTERN, MESSAGE
from athena_connectors.cloudwatch_logs.windows import MAX_AGE_MS
from athena_connectors.common.budgets import SplitBudget, unit_limit
from athena_connectors.common.capabilities import (
    Capabilities,
    require_passthrough,
)
from athena_connectors.common.config import load_settings
from athena_connectors.common.connector import Pushdown, TableDescription
from athena_connectors.common.read_ahead import batches_of
from athena_connectors.common.source_connector import SourceConnector

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import pyarrow as pa
    from athena_connectors.cloudwatch_logs.log_group import LogGroup
    from athena_connectors.common.budgets import Limit
    from athena_connectors.common.connector import Scan
    from athena_connectors.common.estimates import Estimate
    from athena_connectors.common.findings import Finding
    from athena_connectors.common.protocol.messages import Split

__all__ = ["CloudWatchLogsConnector", "from_environment"]

_log = logging.getLogger(__name__)


def from_environment(environ: Mapping[str, str]) -> CloudWatchLogsConnector:
    """Return the connector that a function's variables describe.

    Raises:
        ConfigurationError: A setting is malformed.
    """
    settings = load_settings(Settings, environ)
    client = Client(settings, environ)
    return CloudWatchLogsConnector(client, Groups(client, settings), settings)


class CloudWatchLogsConnector(SourceConnector[Client, Groups]):
    """The log groups of one account and region, and of accounts that are linked to it.

    Args:
        client: Calls CloudWatch Logs.
        groups: What Athena may know of it.
        settings: The function's settings.
    """

    source_type = "cloudwatch"
    derived_columns = MappingProxyType({FILTER_PATTERN: (MESSAGE,)})

    def __init__(self, client: Client, groups: Groups, settings: Settings) -> None:
        super().__init__(client, groups)
        self._settings = settings

    def describe_passthrough(self, arguments: Mapping[str, str]) -> TableDescription:
        """Describe the result of a Logs Insights query, which may have to run for it.

        Raises:
            UnsupportedOperationError: ``enable_query_passthrough`` is false.
            InvalidRequestError: An argument is malformed.
            SchemaNotFoundError: A log group does not exist.
            ConnectorError: As of ``insights.run``.
        """
        require_passthrough(enabled=self._settings.enable_query_passthrough)
        query = read_query(arguments, exists=self._tables.allows)
        limit = self.unit_limit()
        native = describe_query(
            self._client,
            query,
            timeout_s=self._settings.insights_timeout_s,
            budget=SplitBudget((limit,) if limit else (), table=query.subject),
        )
        return TableDescription(native.schema, facts=native)

    def capabilities(self) -> Capabilities:
        """Claim everything; what CloudWatch Logs can't do exactly is done here."""
        enabled = self._settings.enable_query_passthrough
        return Capabilities.everything(FUNCTION if enabled else None)

    def plan_pushdown(self, scan: Scan) -> Pushdown:
        """Decide which events CloudWatch Logs is asked for."""
        if scan.constraints.passthrough:
            return Pushdown()
        return select(scan.constraints, _table(scan), self._settings)

    def plan_partitions(self, scan: Scan) -> pa.RecordBatch:
        """Decide how time is cut.

        Raises:
            InvalidRequestError: A value of ``filter_pattern`` can't be a filter pattern.
            UnsupportedOperationError: The group's class knows no filter patterns.
        """
        group, selection = _table(scan).group, self._selection(scan)
        check_patterns(selection.patterns or (), group)
        now_ms = self._client.now_ms()
        if _is_unbounded(selection, group):
            _log.warning(
                "Query %s reads all that log group %s holds, which is %s bytes compressed: it has"
                " no condition on time.",
                scan.query_id,
                group.name,
                f"{group.stored_bytes:,}",
            )
        return splits.plan(selection, group, self._settings, now_ms=now_ms)

    def plan_splits(self, scan: Scan, partitions: pa.RecordBatch) -> Iterator[Split]:
        """Return the splits that ``plan_partitions`` has planned."""
        del scan
        return splits.splits_of(partitions)

    def read_split(self, scan: Scan, split: Split) -> Iterator[pa.RecordBatch]:
        """Read what a split names, page by page."""
        if scan.constraints.passthrough:
            return read_rows(
                self._client,
                _native_query(scan),
                scan.schema.names,
                timeout_s=self._settings.insights_timeout_s,
                deadline=scan.deadline,
                stats=scan.stats,
                budget=scan.budget,
            )
        part = splits.split_plan(split)
        self._client.limit_rate(self._settings.max_calls_per_second / part.count or None)
        reader = EventReader(
            self._client,
            _table(scan),
            scan.table.schema,
            scan.schema.names,
            self._settings,
            scan.deadline,
            scan.budget,
        )
        # A page that is read in advance may be one that a limit would have spared.
        return batches_of(
            partial(reader.pages, self._selection(scan), part),
            stats=scan.stats,
            ahead=scan.constraints.limit is None,
            cancel=self._client.cancel,
            budget=scan.budget,
        )

    def estimate(self, scan: Scan) -> Estimate | None:
        """Tell what a scan may cost, as far as the size of the log group does."""
        return costs.estimate(
            self._selection(scan),
            _table(scan),
            now_ms=self._client.now_ms(),
            ends_early=scan.constraints.ends_early,
        )

    def unit_limit(self) -> Limit | None:
        """Limit the bytes that Logs Insights scans."""
        return unit_limit("max_insights_bytes", self._settings.max_insights_bytes, costs.UNIT)

    def native_query(self, scan: Scan, split: Split) -> str:
        """Return the requests of a split, a line for each of its windows and patterns."""
        if scan.constraints.passthrough:
            return native_text(_native_query(scan).query)
        part = splits.split_plan(split)
        with_ids = EVENT_ID in scan.schema.names
        return split_text(_table(scan).group, self._selection(scan), part, with_ids=with_ids)

    def health(self) -> Iterator[Finding]:
        """Tell what may be called."""
        from athena_connectors.cloudwatch_logs.health import findings  # noqa: PLC0415

        return findings(self._client, self._tables, self._settings)

    def _selection(self, scan: Scan) -> Selection:
        selection = self.plan_pushdown(scan).native
        assert isinstance(selection, Selection)
        return selection


def _table(scan: Scan) -> LogTable:
    table = scan.description.facts
    assert isinstance(table, LogTable)
    return table


def _native_query(scan: Scan) -> NativeQuery:
    query = scan.description.facts
    assert isinstance(query, NativeQuery)
    return query


def _is_unbounded(selection: Selection, group: LogGroup) -> bool:
    """Return whether nothing narrows a scan but, maybe, a condition on messages."""
    everything = Window(max(0, group.created_at - MAX_AGE_MS), None)
    is_all = selection.windows == (everything,) and selection.streams == StreamSelector()
    return is_all and selection.limit is None

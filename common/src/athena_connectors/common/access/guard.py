"""A connector as one caller sees it: the rest of its source does not exist.

It stands between what answers requests and the connector, so whatever is asked of its
tables, by any request, is asked of what is seen: rows filtered and columns masked first,
the query run second.
"""

from __future__ import annotations

import logging
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

from athena_connectors.common import errors
from athena_connectors.common.access.views import TableView, hidden_columns, view_of
from athena_connectors.common.connector import (
    Connector,
    Decision,
    Exactness,
    Pushdown,
    TableDescription,
)
from athena_connectors.common.errors import (
    AmbiguousNameError,
    ConnectorError,
    NotFoundError,
    TableNotFoundError,
)
from athena_connectors.common.expressions import referenced_columns
from athena_connectors.common.naming import resolve
from athena_connectors.common.paging import page_of_names
from athena_connectors.common.protocol.messages import TableName
from athena_connectors.common.residual import compile_residual
from athena_connectors.common.types import cast_batch, engine_type

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    import pyarrow as pa
    from athena_connectors.common.access.policy import Access, Rule
    from athena_connectors.common.access.views import AskedScan
    from athena_connectors.common.budgets import Limit
    from athena_connectors.common.capabilities import Capabilities
    from athena_connectors.common.connector import Scan
    from athena_connectors.common.constraints import Conjunct
    from athena_connectors.common.estimates import Estimate
    from athena_connectors.common.findings import Finding
    from athena_connectors.common.inference import InferredTable
    from athena_connectors.common.paging import Page
    from athena_connectors.common.protocol.messages import Split
    from athena_connectors.common.residual import Residual

__all__ = ["GuardedConnector"]

T = TypeVar("T")

_LOGGER = logging.getLogger(__name__)
_NOT_TOLD = "What the source is asked for this table is not told to the caller."


class GuardedConnector(Connector):
    """What a caller may see of a connector.

    Args:
        connector: The connector.
        access: What the caller may see.
    """

    def __init__(self, connector: Connector, access: Access) -> None:
        self._connector = connector
        self._access = access
        self.source_type = connector.source_type  # type: ignore[misc]  # as the guarded one says
        self.reads_plans = connector.reads_plans  # type: ignore[misc]
        self.derived_columns = connector.derived_columns  # type: ignore[misc]

    # Names

    def list_schemas(self) -> list[str]:
        """List the schemas that may have a table which is seen."""
        return [name for name in self._connector.list_schemas() if self._access.shows_schema(name)]

    def list_tables(self, schema: str) -> list[str]:
        """List the tables of a schema that are seen."""
        return [
            name
            for name in self._connector.list_tables(schema)
            if self._rule(TableName(schema, name)) is not None
        ]

    def page_tables(self, schema: str, *, token: str | None, page_size: int | None) -> Page[str]:
        """Return one page of the tables that are seen; its token names one of them too."""
        return page_of_names(self.list_tables(schema), token=token, page_size=page_size)

    def listed_as(self, name: TableName) -> TableName:
        """Return the name under which a table is listed."""
        return self._connector.listed_as(name)

    def resolve_schema(self, name: str) -> str:
        """Return the spelling of a schema that is seen; of another, what is told of none."""
        try:
            found = self._connector.resolve_schema(name)
        except (NotFoundError, AmbiguousNameError):
            pass
        else:
            if self._access.shows_schema(found):
                return found
        return resolve(name, self.list_schemas(), kind="schema")

    def resolve_table(self, name: TableName) -> TableName:
        """Return the spelling of a table that is seen; of another, what is told of none."""
        try:
            found = self._connector.resolve_table(name)
        except ConnectorError as error:
            is_missing = isinstance(error, NotFoundError | AmbiguousNameError)
            if not is_missing and self._rule(name) is not None:
                raise
        else:
            if self._rule(found) is not None:
                return found
        return self._seen(name)

    # Tables

    def describe_table(self, name: TableName) -> TableDescription:
        """Return the columns of a table that are seen."""
        rule = self._rule(name)
        if rule is None:
            raise self._missing(name)
        try:
            with _silenced(name, rule):
                told = self._connector.describe_table(name)
        except NotFoundError:
            raise self._missing(name) from None
        source = told if isinstance(told, TableDescription) else TableDescription(told)
        return self._described(name, source, rule)

    def adopt_columns(
        self, description: TableDescription, fields: Sequence[pa.Field[pa.DataType]]
    ) -> TableDescription:
        """Let the connector take over columns that are seen; a hidden one is still none."""
        view = description.facts
        if not isinstance(view, TableView):
            return self._connector.adopt_columns(description, fields)
        hidden = hidden_columns(
            view.rule, [field.name for field in fields], self._connector.derived_columns
        )
        # A masked column has the type of its mask where it is there already.
        wanted = [
            field for field in fields if field.name not in hidden and field.name not in view.masks
        ]
        with _silenced(view.table, view.rule):
            source = self._connector.adopt_columns(view.source, wanted)
        return self._described(view.table, source, view.rule)

    def infer_table(self, name: TableName) -> InferredTable:
        """Return what a sample shows of the columns that are seen as they are."""
        rule = self._rule(name)
        if rule is None:
            raise self._missing(name)
        with _silenced(name, rule):
            inferred = self._connector.infer_table(name)
        names = [column.name for column in inferred.columns]
        hidden = hidden_columns(rule, names, self._connector.derived_columns)
        return replace(
            inferred,
            columns=tuple(
                column
                for column in inferred.columns
                if column.name not in hidden and not _is_masked(rule, column.name)
            ),
        )

    # Native queries

    def capabilities(self) -> Capabilities:
        """Return what the connector claims, native queries only if they are allowed."""
        claims = self._connector.capabilities()
        return claims if self._access.passthrough else replace(claims, passthrough=None)

    def describe_passthrough(self, arguments: Mapping[str, str]) -> pa.Schema | TableDescription:
        """Describe the result of a native query, if the caller may run any."""
        if not self._access.passthrough:
            return super().describe_passthrough(arguments)
        return self._connector.describe_passthrough(arguments)

    # Scans

    def plan_pushdown(self, scan: Scan) -> Pushdown:
        """Decide what the source evaluates of what the caller asks."""
        view = _view(scan)
        if view is None:
            return self._connector.plan_pushdown(scan)
        asked = view.asked(scan)
        planned = self._connector.plan_pushdown(asked.scan)
        decisions = (_decision(part, asked, planned) for part in scan.constraints.conjuncts())
        limit_pushed = asked.is_whole and planned.limit_pushed
        return Pushdown(
            native=planned.native,
            decisions=tuple(each for each in decisions if each is not None),
            limit_pushed=limit_pushed,
            order_pushed=asked.is_whole and planned.order_pushed,
            limit_reason="" if limit_pushed else _NOT_TOLD,
        )

    def plan_partitions(self, scan: Scan) -> pa.RecordBatch | None:
        """Return the partitions that may have rows which are seen."""
        view = _view(scan)
        if view is None:
            return self._connector.plan_partitions(scan)
        asked = view.asked(scan)
        with _silenced(view.table, view.rule):
            planned = self._connector.plan_partitions(asked.scan)
        if planned is None:
            return None
        known = set(view.source.partition_columns)
        decided = [each for each in asked.filters if referenced_columns(each) <= known]
        return compile_residual(decided).apply(planned)

    def plan_splits(self, scan: Scan, partitions: pa.RecordBatch) -> Iterable[Split]:
        """Return the splits of a scan."""
        view = _view(scan)
        if view is None:
            return self._connector.plan_splits(scan, partitions)
        return self._splits(view, view.asked(scan).scan, partitions)

    def _splits(self, view: TableView, scan: Scan, partitions: pa.RecordBatch) -> Iterator[Split]:
        with _silenced(view.table, view.rule):
            splits = iter(self._connector.plan_splits(scan, partitions))
        yield from _each(splits, view)

    def read_split(self, scan: Scan, split: Split) -> Iterable[pa.RecordBatch]:
        """Read the rows of a split that are seen, as they are seen."""
        view = _view(scan)
        if view is None:
            return self._connector.read_split(scan, split)
        return self._rows(view, scan, split)

    def _rows(self, view: TableView, scan: Scan, split: Split) -> Iterator[pa.RecordBatch]:
        asked = view.asked(scan)
        residual = self._residual(asked)
        schema = _widened(asked.scan.schema, residual.columns, view.source.schema)
        wide = replace(asked.scan, schema=schema, split=split)
        with _silenced(view.table, view.rule):
            batches = iter(self._connector.read_split(wide, split))
        for batch in _each(batches, view):
            with _silenced(view.table, view.rule):
                typed = cast_batch(batch, schema, table=str(view.table))
            seen = residual.apply(typed)
            # The rest is counted by who takes the rows.
            scan.stats.rows_read += typed.num_rows - seen.num_rows
            yield view.shown(seen, scan.schema)

    def _residual(self, asked: AskedScan) -> Residual:
        """Return what of the filter the source does not apply exactly."""
        pushdown = self._connector.plan_pushdown(asked.scan)
        left = pushdown.residual(asked.scan.constraints)
        return compile_residual([each for each in asked.filters if each in left])

    def estimate(self, scan: Scan) -> Estimate | None:
        """Return what a scan may cost; what statistics tell of rows that are not seen, nobody."""
        return None if _view(scan) is not None else self._connector.estimate(scan)

    def unit_limit(self) -> Limit | None:
        """Return the limit of what the source bills by."""
        return self._connector.unit_limit()

    def native_query(self, scan: Scan, split: Split) -> str:
        """Return what a split sends to the source, of tables that are seen as they are."""
        if _view(scan) is not None:
            return _NOT_TOLD
        return self._connector.native_query(scan, split)

    # Its life

    def for_catalog(self, catalog: str) -> Connector:
        """Return this: it is what is seen of one catalog."""
        del catalog
        return self

    def health(self) -> Iterable[Finding]:
        """Return what the connector finds of its source."""
        return self._connector.health()

    def cancel(self) -> None:
        """Stop what is being read."""
        self._connector.cancel()

    def release(self) -> None:
        """Leave nothing open."""
        self._connector.release()

    def close(self) -> None:
        """Close everything."""
        self._connector.close()

    # What is seen

    def _rule(self, name: TableName) -> Rule | None:
        return self._access.rule_for(self._connector.listed_as(name))

    def _described(self, name: TableName, source: TableDescription, rule: Rule) -> TableDescription:
        if not rule.restricts:
            return source
        seen = view_of(name, source, rule, self._connector.derived_columns)
        if not seen.schema.names:
            raise self._missing(name)
        return seen

    def _seen(self, name: TableName) -> TableName:
        """Return the spelling of a table among those that are seen and listed."""
        schema = self.resolve_schema(name.schema)
        tables = self.list_tables(schema)
        return TableName(schema, resolve(name.table, tables, kind="table", within=schema))

    def _missing(self, name: TableName) -> ConnectorError:
        """Return what is told of a table that is not there, whether it is or not."""
        try:
            self._seen(name)
        except (NotFoundError, AmbiguousNameError) as error:
            return error
        return TableNotFoundError(
            f"There is no table {name.table!r} in {name.schema}.",
            hint="It was listed a moment ago: list the tables again.",
        )


def _view(scan: Scan) -> TableView | None:
    facts = scan.description.facts
    return facts if isinstance(facts, TableView) else None


def _is_masked(rule: Rule, name: str) -> bool:
    found = rule.column(name)
    return found is not None and found.mask is not None


def _decision(part: Conjunct, asked: AskedScan, planned: Pushdown) -> Decision | None:
    """Return what becomes of a condition of the caller, without the source's words for it."""
    if part in asked.held:
        return Decision(part, Exactness.NOT_PUSHED, reason=_NOT_TOLD)
    found = next((each for each in planned.decisions if each.conjunct == part), None)
    if found is None:
        return None
    reason = "" if found.exactness is Exactness.EXACT else _NOT_TOLD
    return replace(found, native="", reason=reason)


def _widened(schema: pa.Schema, names: Iterable[str], source: pa.Schema) -> pa.Schema:
    """Add the columns that a filter looks at."""
    for name in sorted(set(names).difference(schema.names)):
        known = source.field(name)
        schema = schema.append(known.with_type(engine_type(known.type)))
    return schema


def _each(items: Iterator[T], view: TableView) -> Iterator[T]:
    """Yield items of the connector; it hears of it if no more are wanted."""
    try:
        while True:
            with _silenced(view.table, view.rule):
                item = next(items, None)
            if item is None:
                return
            yield item
    finally:
        close = getattr(items, "close", None)
        if close is not None:
            close()


@contextmanager
def _silenced(table: TableName, rule: Rule) -> Iterator[None]:
    """Keep to the log what errors tell of columns and rows that the caller does not see."""
    try:
        yield
    except ConnectorError as error:
        if not rule.restricts:
            raise
        _LOGGER.warning("%s failed: %s: %s", table, type(error).__name__, error)
        kind = next(each for each in type(error).__mro__ if each.__module__ == errors.__name__)
        raise kind(
            f"The source can't be asked for {table}, or gives no rows that can be read.",
            hint="Ask whoever runs the function: its log says why.",
        ) from None

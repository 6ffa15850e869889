"""The connector of one database of a SQL server: what happens in which order.

A dialect gives the modules that know the server's catalogue, its SQL and its splits, and
says how the rows of a split are read.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Protocol, TypeVar

import pyarrow as pa
from athena_connectors.common.capabilities import (
    VALUE_SET_FILTERS,
    Capabilities,
    PassthroughFunction,
    require_passthrough,
)
from athena_connectors.common.connector import Connector, TableDescription
from athena_connectors.common.estimates import no_row
from athena_connectors.common.expressions import FUNCTIONS
from athena_connectors.common.sql.pushdown import NativeScan
from athena_connectors.common.sql.relation import Relation

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from contextlib import AbstractContextManager

    from athena_connectors.common.connector import Pushdown, Scan
    from athena_connectors.common.estimates import Estimate
    from athena_connectors.common.paging import Page
    from athena_connectors.common.protocol.messages import Split, TableName
    from athena_connectors.common.sql.statement import Part, Source

__all__ = ["Costs", "Metadata", "Predicates", "Splits", "SqlConnector", "Statements"]

_PASSTHROUGH = "system.query"


class Metadata(Protocol):
    """Module ``metadata``: schemas, relations and columns, asked by a cursor."""

    def list_schemas(self, cursor: Any, settings: Any) -> list[str]:
        """Return the schemas that the user may use."""

    def list_tables(self, cursor: Any, schema: str) -> list[str]:
        """Return the relations of a schema that the user may read."""

    def page_tables(
        self, cursor: Any, schema: str, *, token: str | None, page_size: int | None
    ) -> Page[str]:
        """Return one page of those relations."""

    def resolve_schema(self, cursor: Any, name: str, settings: Any) -> str:
        """Return the server's spelling of a schema."""

    def resolve_table(self, cursor: Any, name: TableName, settings: Any) -> TableName:
        """Return the server's spelling of a relation."""

    def describe(self, cursor: Any, name: TableName, settings: Any) -> Relation:
        """Return a relation with its columns."""

    def describe_query(self, cursor: Any, query: str, settings: Any) -> Relation:
        """Return the result of a native query."""


class Splits(Protocol):
    """Module ``splits``: how a scan is cut."""

    def partition_columns(self, relation: Relation, settings: Any) -> tuple[str, ...]:
        """Return the columns that tell which partition a row comes from."""

    def plan(
        self,
        cursor: Any,
        relation: Relation,
        *,
        settings: Any,
        where: str,
        limit: int | None,
        ordered: bool,
    ) -> pa.RecordBatch:
        """Return the rows of a layout, of which ``splits_of`` makes splits."""

    @property
    def splits_of(self) -> Callable[[pa.RecordBatch], Iterator[Split]]:
        """What returns the splits of a layout."""


class Costs(Protocol):
    """Module ``costs``: what a scan may cost."""

    def estimate(
        self,
        cursor: Any,
        relation: Relation,
        native: NativeScan,
        *,
        columns: Sequence[str],
        ends_early: bool,
    ) -> Estimate | None:
        """Return that, or ``None`` if the server does not tell."""


class Predicates(Protocol):
    """Module ``pushdown``: what the server evaluates."""

    @property
    def plan(self) -> Callable[..., Pushdown]:
        """What decides that, as ``common.sql.pushdown.plan``."""


class Statements(Protocol):
    """Module ``statement``: what reads a split."""

    @property
    def parts_of(self) -> Callable[..., list[Part]]:
        """What returns the statements, as ``common.sql.statement.parts_of``."""


class SqlSessions(Protocol):
    """The sessions of a database."""

    def transaction(
        self, *, table: str = "", query_id: str = "", deadline: float | None = None
    ) -> AbstractContextManager[Any]:
        """Run statements in one transaction, rolled back at the end."""

    def cancel(self) -> None:
        """Stop the running statement; called again, break off the session."""

    def release(self) -> None:
        """End the transaction; the session stays."""

    def close(self) -> None:
        """Close all sessions."""


class SqlSettings(Protocol):
    """The settings that matter here."""

    @property
    def enable_query_passthrough(self) -> bool:
        """Whether there is the table function ``system.query``."""

    @property
    def non_default_collate(self) -> bool:
        """Whether Athena is told to push no predicate on text."""

    @property
    def string_pushdown(self) -> str:
        """``exact``, ``equality_only`` or ``off``."""


SessionsT = TypeVar("SessionsT", bound=SqlSessions)
SettingsT = TypeVar("SettingsT", bound=SqlSettings)


class SqlConnector(Connector, Generic[SessionsT, SettingsT]):
    """One database.

    Args:
        client: Its sessions.
        settings: The function's settings.
    """

    reads_plans = True
    costs: ClassVar[Costs]
    metadata: ClassVar[Metadata]
    pushdown: ClassVar[Predicates]
    splits: ClassVar[Splits]
    statement: ClassVar[Statements]

    def __init__(self, client: SessionsT, settings: SettingsT) -> None:
        self._client = client
        self._settings = settings

    def list_schemas(self) -> list[str]:
        """List the schemas that the user may use."""
        with self._client.transaction() as cursor:
            return self.metadata.list_schemas(cursor, self._settings)

    def list_tables(self, schema: str) -> list[str]:
        """List the relations of a schema that the user may read."""
        with self._client.transaction() as cursor:
            return self.metadata.list_tables(cursor, schema)

    def page_tables(self, schema: str, *, token: str | None, page_size: int | None) -> Page[str]:
        """Return one page of a schema's relations; the server pages."""
        with self._client.transaction() as cursor:
            return self.metadata.page_tables(cursor, schema, token=token, page_size=page_size)

    def resolve_schema(self, name: str) -> str:
        """Return the server's spelling of a schema, by ``casing_mode``."""
        with self._client.transaction() as cursor:
            return self.metadata.resolve_schema(cursor, name, self._settings)

    def resolve_table(self, name: TableName) -> TableName:
        """Return the server's spelling of a relation, by ``casing_mode``."""
        with self._client.transaction() as cursor:
            return self.metadata.resolve_table(cursor, name, self._settings)

    def describe_table(self, name: TableName) -> TableDescription:
        """Describe a relation; the columns that name its partitions come last."""
        with self._client.transaction(table=str(name)) as cursor:
            relation = self.metadata.describe(cursor, name, self._settings)
        return _description(relation, self.splits.partition_columns(relation, self._settings))

    def describe_passthrough(self, arguments: Mapping[str, str]) -> TableDescription:
        """Describe the result of the native query in ``QUERY``.

        Raises:
            UnsupportedOperationError: ``enable_query_passthrough`` is false, or the
                statement is no query.
        """
        require_passthrough(enabled=self._settings.enable_query_passthrough)
        with self._client.transaction(table=_PASSTHROUGH) as cursor:
            relation = self.metadata.describe_query(cursor, arguments["QUERY"], self._settings)
        return _description(relation)

    def capabilities(self) -> Capabilities:
        """Claim everything; what the server can't do exactly is done here."""
        return Capabilities(
            filters=VALUE_SET_FILTERS,
            functions=FUNCTIONS,
            limit=True,
            top_n=True,
            hints=("non_default_collate",) if self._settings.non_default_collate else (),
            passthrough=PassthroughFunction() if self._settings.enable_query_passthrough else None,
        )

    def plan_pushdown(self, scan: Scan) -> Pushdown:
        """Decide what the server evaluates."""
        return self.pushdown.plan(scan.constraints, _relation(scan), self._settings)

    def plan_partitions(self, scan: Scan) -> pa.RecordBatch:
        """Cut the scan."""
        native = self._native(scan)
        with self._client.transaction(
            table=str(scan.table), query_id=scan.query_id, deadline=scan.deadline
        ) as cursor:
            return self.splits.plan(
                cursor,
                _relation(scan),
                settings=self._settings,
                where=" AND ".join(native.where),
                limit=native.limit,
                ordered=bool(native.order_by),
            )

    def plan_splits(self, scan: Scan, partitions: pa.RecordBatch) -> Iterator[Split]:
        """Return the splits that ``plan_partitions`` has planned."""
        del scan
        return self.splits.splits_of(partitions)

    def read_split(self, scan: Scan, split: Split) -> Iterator[pa.RecordBatch]:
        """Read what a split names, one relation after the other, in one transaction."""
        native = self._native(scan)
        if native.is_empty:
            return
        parts = self._parts(scan, split, native)
        with self._reading(scan, split) as cursor:
            for part in parts:
                yield from self._read(cursor, part, scan)

    def estimate(self, scan: Scan) -> Estimate | None:
        """Tell what a scan may cost, as the server's planner and its statistics do."""
        native = self._native(scan)
        if native.is_empty:
            return no_row()
        constraints = scan.constraints
        with self._client.transaction(
            table=str(scan.table), query_id=scan.query_id, deadline=scan.deadline
        ) as cursor:
            return self.costs.estimate(
                cursor,
                _relation(scan),
                native,
                columns=scan.schema.names,
                ends_early=constraints.ends_early and native.limit is None,
            )

    def native_query(self, scan: Scan, split: Split) -> str:
        """Return the statements of a split."""
        native = self._native(scan)
        if native.is_empty:
            return "nothing: no row can satisfy the predicate"
        return "\n".join(part.sql for part in self._parts(scan, split, native))

    def cancel(self) -> None:
        """Stop the running statement; called again, break off a session that is silent."""
        self._client.cancel()

    def release(self) -> None:
        """End the transaction; the session stays for the next invocation."""
        self._client.release()

    def close(self) -> None:
        """Close all sessions."""
        self._client.close()

    @abstractmethod
    def _sources(self, split: Split) -> Sequence[Source]:
        """Return what a split reads; never asked of a native query."""

    @abstractmethod
    def _read(self, cursor: Any, part: Part, scan: Scan) -> Iterator[pa.RecordBatch]:
        """Read the rows of a statement."""

    def _reading(self, scan: Scan, split: Split) -> AbstractContextManager[Any]:
        """Open the transaction of a split; by default, one as any other."""
        del split
        return self._client.transaction(
            table=str(scan.table), query_id=scan.query_id, deadline=scan.deadline
        )

    def _native(self, scan: Scan) -> NativeScan:
        native = self.plan_pushdown(scan).native
        assert isinstance(native, NativeScan)
        return native

    def _parts(self, scan: Scan, split: Split, native: NativeScan) -> list[Part]:
        sources = () if scan.constraints.passthrough else self._sources(split)
        return self.statement.parts_of(scan.schema.names, _relation(scan), native, sources)


def _description(relation: Relation, partition_columns: tuple[str, ...] = ()) -> TableDescription:
    fields = [pa.field(column.name, column.arrow) for column in relation.columns]
    fields += [pa.field(name, pa.string()) for name in partition_columns]
    return TableDescription(pa.schema(fields), partition_columns, relation)


def _relation(scan: Scan) -> Relation:
    relation = scan.description.facts
    assert isinstance(relation, Relation)
    return relation

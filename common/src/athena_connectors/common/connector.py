"""The surface that a connector's author fills in.

Four members are required; every other one has a default that is always correct, only
slower. Names of schemas, tables and columns are the *source's* own spelling on this side;
``handler`` translates from and to the folded names that Athena uses.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from enum import Enum
from types import MappingProxyType
from typing import TYPE_CHECKING, ClassVar

from athena_connectors.common.budgets import UNLIMITED, Limit, SplitBudget
from athena_connectors.common.capabilities import Capabilities
from athena_connectors.common.errors import UnsupportedOperationError
from athena_connectors.common.findings import Finding
from athena_connectors.common.naming import resolve
from athena_connectors.common.observability import SplitStats
from athena_connectors.common.paging import Page, page_of_names
from athena_connectors.common.protocol.messages import Identity, Split, TableName

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    import pyarrow as pa
    from athena_connectors.common.constraints import Conjunct, Constraints
    from athena_connectors.common.estimates import Estimate
    from athena_connectors.common.inference import InferredTable

__all__ = [
    "Connector",
    "Decision",
    "Exactness",
    "Pushdown",
    "Scan",
    "TableDescription",
]


@dataclass(frozen=True, slots=True)
class TableDescription:
    """What is known about a table.

    Attributes:
        schema: All columns in the source's spelling, partition columns included. Any Arrow
            type will do for which ``types.engine_type`` has one.
        partition_columns: Names of the columns whose values ``plan_partitions`` knows.
        facts: The connector's own knowledge, for its ``plan_pushdown`` and ``read_split``;
            never crosses the wire.
    """

    schema: pa.Schema
    partition_columns: tuple[str, ...] = ()
    facts: object = None


@dataclass(frozen=True, slots=True)
class Scan:
    """One read of one table: what is wanted of it.

    Attributes:
        table: The table, in the source's spelling.
        schema: Columns to return, in this order; may have no column at all (``count(*)``),
            then batches of rows without columns are wanted.
        constraints: Predicate, order and limit, in the source's spelling.
        description: The whole table, as ``describe_table`` told it.
        catalog: Athena's name for the source.
        query_id: Athena's query.
        identity: Who asks.
        deadline: ``time.monotonic()`` at which the read has to have ended, or ``None``.
        split: The part that is read or explained; ``None`` while the scan is planned.
        stats: Counters of this split, which a reader may add to.
        budget: What this split may spend; a reader that reads pages in advance keeps to it
            by ``read_ahead.batches_of``, all others are stopped between batches.
    """

    table: TableName
    schema: pa.Schema
    constraints: Constraints
    description: TableDescription
    catalog: str = ""
    query_id: str = ""
    identity: Identity = field(default_factory=Identity)
    deadline: float | None = None
    split: Split | None = None
    stats: SplitStats = field(default_factory=SplitStats, compare=False, repr=False)
    budget: SplitBudget = field(default=UNLIMITED, compare=False, repr=False)


class Exactness(Enum):
    """How well the source evaluates a conjunct that was pushed to it."""

    EXACT = "exact"
    """As Athena would, for every value; not evaluated again here."""
    SUPERSET = "superset"
    """It loses no row but may keep too many; evaluated again here."""
    NOT_PUSHED = "not pushed"
    """The source does not see it; evaluated here."""


@dataclass(frozen=True, slots=True)
class Decision:
    """What becomes of one conjunct of the predicate.

    Attributes:
        conjunct: The part, as ``Constraints.conjuncts`` gave it.
        exactness: Who evaluates it.
        native: The source's text for it, when pushed.
        reason: One sentence why it is not exact, when it is not.
    """

    conjunct: Conjunct
    exactness: Exactness
    native: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Pushdown:
    """What the source evaluates of a scan, and how that is said to it.

    Attributes:
        native: The connector's own form of it, for its ``read_split``.
        decisions: What becomes of each conjunct; one that is not listed is residual.
        limit_pushed: Whether the source applies the limit. Allowed only when every
            conjunct is exact, and the order too if there is one.
        order_pushed: Whether the source applies the order.
        limit_reason: Why limit or order was not pushed, when it was not.
    """

    native: object = None
    decisions: tuple[Decision, ...] = ()
    limit_pushed: bool = False
    order_pushed: bool = False
    limit_reason: str = ""

    def residual(self, constraints: Constraints) -> tuple[Conjunct, ...]:
        """Return the conjuncts that remain to be evaluated on the rows read."""
        exact = [
            decision.conjunct
            for decision in self.decisions
            if decision.exactness is Exactness.EXACT
        ]
        return tuple(part for part in constraints.conjuncts() if part not in exact)


class Connector(ABC):
    """One data source, as Athena sees it.

    An instance lives as long as its Lambda container and serves one request at a time,
    except that ``cancel`` may be called from another thread.
    """

    source_type: ClassVar[str]
    """Short name of the source, told to the engine for diagnosis."""

    reads_plans: ClassVar[bool] = False
    """Whether the engine may send query plans: the package then needs the extra ``plans``
    of ``common``. What a plan says arrives as constraints like all others."""

    derived_columns: ClassVar[Mapping[str, tuple[str, ...]]] = MappingProxyType({})
    """Columns in lower case by whose conditions others can be looked into, and those others:
    an access policy that hides or masks one of those hides the column too."""

    @abstractmethod
    def list_schemas(self) -> Iterable[str]:
        """Return the names of all schemas."""

    @abstractmethod
    def list_tables(self, schema: str) -> Iterable[str]:
        """Return the names of all tables of a schema, each once, in any order."""

    @abstractmethod
    def describe_table(self, name: TableName) -> pa.Schema | TableDescription:
        """Return the columns of a table.

        Raises:
            TableNotFoundError: There is no such table.
        """

    @abstractmethod
    def read_split(self, scan: Scan, split: Split) -> Iterable[pa.RecordBatch]:
        """Read the rows of one split, lazily.

        Yields:
            Batches with the columns of ``scan.schema`` by name; other columns are dropped
            and types are cast to the scan's. Rows that fail the predicate may be among
            them, rows that pass it may not be missing. Reading the same split again
            yields the same rows.
        """

    def for_catalog(self, catalog: str) -> Connector:
        """Return the connector of one catalog; override when there are several."""
        del catalog
        return self

    def resolve_schema(self, name: str) -> str:
        """Return the source's spelling of a schema that Athena may have folded.

        Raises:
            SchemaNotFoundError: There is none, in any case.
            AmbiguousNameError: There are several and none is spelt exactly so.
        """
        return resolve(name, self.list_schemas(), kind="schema")

    def resolve_table(self, name: TableName) -> TableName:
        """Return the source's spelling of a table that Athena may have folded.

        Raises:
            SchemaNotFoundError: There is no such schema, in any case.
            TableNotFoundError: There is no such table, in any case.
            AmbiguousNameError: There are several and none is spelt exactly so.
        """
        schema = self.resolve_schema(name.schema)
        return TableName(
            schema, resolve(name.table, self.list_tables(schema), kind="table", within=schema)
        )

    def listed_as(self, name: TableName) -> TableName:
        """Return the name under which ``list_tables`` tells of a table, which may have others.

        Rules of access are about that name.

        Args:
            name: As ``resolve_table`` spells it, or as the engine asks for it.
        """
        return name

    def page_tables(self, schema: str, *, token: str | None, page_size: int | None) -> Page[str]:
        """Return one page of table names, ordered; override when the source can page.

        Args:
            schema: In the source's spelling.
            token: ``None`` for the first page, else the token of the page before.
            page_size: Names wanted at most, 1 or more; ``None`` for all.
        """
        return page_of_names(self.list_tables(schema), token=token, page_size=page_size)

    def capabilities(self) -> Capabilities:
        """Return what the connector promises to apply; nothing by default."""
        return Capabilities()

    def plan_pushdown(self, scan: Scan) -> Pushdown:
        """Decide what the source evaluates; everything is residual by default.

        Pure and total: it touches no network and raises for no predicate.
        """
        del scan
        return Pushdown()

    def plan_partitions(self, scan: Scan) -> pa.RecordBatch | None:
        """Return one row for each partition, or ``None`` for a table without partitions.

        The columns are the table's partition columns, which the handler filters by the
        predicate, and any further columns of the connector's own, which come back in
        ``plan_splits``.
        """
        del scan
        return None

    def plan_splits(self, scan: Scan, partitions: pa.RecordBatch) -> Iterable[Split]:
        """Return the splits of a scan lazily, in the same order at every call.

        The engine fetches them page by page and the handler skips to a page by counting,
        so what is planned from changing facts (sizes, statistics) belongs into the
        partitions, which stay as they were.
        """
        del scan, partitions
        return [Split()]

    def estimate(self, scan: Scan) -> Estimate | None:
        """Return what a scan may cost, by statistics that cost nothing; nobody knows by default.

        Asked before a scan is planned, if a budget is set, and by ``explain`` and ``--stats``.
        A number that is wrong lets a scan start that will be stopped, or refuses one that
        would have been cheap; it loses no row.
        """
        del scan
        return None

    def unit_limit(self) -> Limit | None:
        """Return the limit of what the source bills by, if a setting of the connector has one.

        Made by ``budgets.unit_limit``; it holds for all splits of a scan together.
        """
        return None

    def native_query(self, scan: Scan, split: Split) -> str:
        """Return what a split sends to the source, for people to read."""
        del scan, split
        return ""

    def describe_passthrough(self, arguments: Mapping[str, str]) -> pa.Schema | TableDescription:
        """Return the columns of a native query's result.

        Raises:
            UnsupportedOperationError: The connector takes no native query.
        """
        del arguments
        raise UnsupportedOperationError(
            f"Connector {self.source_type} takes no native query.",
            hint="Query its tables instead of system.query.",
        )

    def adopt_columns(
        self, description: TableDescription, fields: Sequence[pa.Field[pa.DataType]]
    ) -> TableDescription:
        """Return a description that has columns as a request names them, if that can be.

        Asked when a description that was just made lacks columns of a request, or has them
        in other types: another instance told the engine of the table, before the table
        changed or by another sample. Unchanged by default: a column that is lacking is
        an error then, and the values of one of another type are cast.

        Args:
            description: As ``describe_table`` or ``describe_passthrough`` told it.
            fields: The columns in engine types, in the source's spelling if they are there.
        """
        del fields
        return description

    def infer_table(self, name: TableName) -> InferredTable:
        """Return what a fresh sample of a table shows, whatever is remembered or frozen.

        Asked by ``freeze``, for a source whose tables have no schema of their own.

        Raises:
            UnsupportedOperationError: The source has schemas, so nothing is inferred.
        """
        raise UnsupportedOperationError(
            f"Connector {self.source_type} infers no schema, so that of {name} can't be frozen.",
            hint="Its tables have the columns that the source declares.",
        )

    def health(self) -> Iterable[Finding]:
        """Return findings for ``doctor``, lazily; an error that is raised is one more fault."""
        count = sum(1 for _ in self.list_schemas())
        yield Finding.ok("schemas", f"{count} schemas can be listed.")

    def cancel(self) -> None:  # noqa: B027 - nothing to stop is a fine default
        """Stop what is being read, from another thread; the reader then raises.

        Called again each second while the read has not ended.
        """

    def release(self) -> None:  # noqa: B027 - nothing open is a fine default
        """Leave nothing open at the end of an invocation: the container may be frozen."""

    def close(self) -> None:
        """Close everything that ``release`` keeps for the next invocation."""
        self.release()

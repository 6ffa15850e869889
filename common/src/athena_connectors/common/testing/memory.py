"""Arrow tables served as a connector: for tests of the engine and of what is around it.

It pushes nothing down by itself, so the handler applies every predicate and limit, and
cuts each table into splits of consecutive rows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from athena_connectors.common.capabilities import (
    VALUE_SET_FILTERS,
    Capabilities,
    PassthroughFunction,
)
from athena_connectors.common.connector import Connector, Decision, Exactness, Pushdown, Scan
from athena_connectors.common.errors import TableNotFoundError
from athena_connectors.common.expressions import FUNCTIONS
from athena_connectors.common.protocol.messages import Split, TableName

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    import pyarrow as pa

__all__ = ["ALL_CAPABILITIES", "MemoryConnector"]

ALL_CAPABILITIES = Capabilities(
    filters=VALUE_SET_FILTERS,
    functions=FUNCTIONS,
    limit=True,
    top_n=True,
    passthrough=PassthroughFunction(),
)


class MemoryConnector(Connector):
    """Serves tables that are in memory.

    A native query is the name of a table, ``schema.table``.

    Args:
        tables: By ``schema.table``, each in engine types with physical values.
        splits: Splits of each table, 1 or more; some are empty if there are few rows.
        capabilities: What is claimed.
    """

    source_type: ClassVar[str] = "memory"

    def __init__(
        self,
        tables: Mapping[str, pa.RecordBatch],
        *,
        splits: int = 3,
        capabilities: Capabilities = ALL_CAPABILITIES,
    ) -> None:
        self._tables = dict(tables)
        self._splits = splits
        self._capabilities = capabilities

    def list_schemas(self) -> Iterable[str]:
        """Return the schemas of all tables."""
        return sorted({name.partition(".")[0] for name in self._tables})

    def list_tables(self, schema: str) -> Iterable[str]:
        """Return the tables of a schema."""
        names = [name.partition(".") for name in self._tables]
        return [table for found, _, table in names if found == schema]

    def describe_table(self, name: TableName) -> pa.Schema:
        """Return a table's columns."""
        return self._table(str(name)).schema

    def describe_passthrough(self, arguments: Mapping[str, str]) -> pa.Schema:
        """Return the columns of the table that the query names."""
        return self._table(arguments["QUERY"]).schema

    def capabilities(self) -> Capabilities:
        """Return what was given."""
        return self._capabilities

    def plan_pushdown(self, scan: Scan) -> Pushdown:
        """Push nothing, and say so."""
        reason = "memory has no query language"
        return Pushdown(
            decisions=tuple(
                Decision(part, Exactness.NOT_PUSHED, reason=reason)
                for part in scan.constraints.conjuncts()
            ),
            limit_reason=reason,
        )

    def plan_splits(self, scan: Scan, partitions: pa.RecordBatch) -> Iterator[Split]:
        """Cut the rows into runs of about the same length."""
        del partitions
        rows = self._table(_name(scan)).num_rows
        for place in range(self._splits):
            start = rows * place // self._splits
            stop = rows * (place + 1) // self._splits
            yield Split({"start": str(start), "stop": str(stop)})

    def read_split(self, scan: Scan, split: Split) -> Iterator[pa.RecordBatch]:
        """Yield the rows of a run."""
        table = self._table(_name(scan))
        start = int(split.properties.get("start", 0))
        stop = int(split.properties.get("stop", table.num_rows))
        yield table.slice(start, stop - start)

    def native_query(self, scan: Scan, split: Split) -> str:
        """Return which rows are taken."""
        rows = f"{split.properties.get('start', '0')}:{split.properties.get('stop', '')}"
        return f"{_name(scan)}[{rows}]"

    def _table(self, name: str) -> pa.RecordBatch:
        if name not in self._tables:
            raise TableNotFoundError(f"There is no table {name}.", hint="See the listing.")
        return self._tables[name]


def _name(scan: Scan) -> str:
    return scan.constraints.passthrough.get("QUERY") or str(scan.table)

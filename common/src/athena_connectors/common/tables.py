"""Tables as the engine names them, next to how the source spells them.

Everything outside the connector speaks folded names, everything inside the source's own;
this module is the only bridge. Descriptions are kept for a minute, so that the many
splits of one query do not each ask the source again.

The instance that answers a request may not be the one that told the engine of the table, and
a table may have changed meanwhile, or look otherwise in another sample. What a request says
of columns holds, as far as the source can follow it.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import pyarrow as pa
from athena_connectors.common.connector import Connector, TableDescription
from athena_connectors.common.errors import ColumnNotFoundError
from athena_connectors.common.expressions import Variable, renamed, walk
from athena_connectors.common.naming import exposed_names, resolve
from athena_connectors.common.type_text import type_text
from athena_connectors.common.types import check_schema, engine_type

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from athena_connectors.common.constraints import Constraints
    from athena_connectors.common.protocol.messages import TableName

__all__ = ["NO_COLUMNS", "Table", "TableCache"]

CACHE_SECONDS = 60.0
CACHE_TABLES = 200

NO_COLUMNS = pa.schema([])
"""What a request without a schema asks for."""


@dataclass(frozen=True, slots=True)
class Table:
    """One table, or one passthrough query, in both spellings.

    Attributes:
        name: In the source's spelling.
        description: As the connector told it, in the source's spelling.
        exposed: The schema as the engine sees it: folded names, engine types.
    """

    name: TableName
    description: TableDescription
    exposed: pa.Schema

    @property
    def partition_columns(self) -> tuple[str, ...]:
        """Partition columns in the engine's spelling."""
        return tuple(self.exposed_column(name) for name in self.description.partition_columns)

    def exposed_column(self, source: str) -> str:
        """Return the engine's name of a source column."""
        return self.exposed.field(self.description.schema.get_field_index(source)).name

    def unlike(self, requested: pa.Schema, constraints: Constraints) -> list[pa.Field[pa.DataType]]:
        """Return the columns of a request that the table lacks or has in another type.

        They have the source's names if they are there, and the request's types. Of columns
        that only the constraints name, those that the table lacks are returned.

        Raises:
            AmbiguousNameError: Several columns fit a name.
        """
        found = []
        for field in requested:
            column = self._find(field.name)
            if column is None:
                found.append(field)
            elif not _is_same(self.exposed.field(column).type, field.type):
                found.append(field.with_name(self.description.schema.field(column).name))
        # No request tells the types of its order; one that has no schema reads no column.
        named: dict[str, pa.DataType] = {key.column: pa.string() for key in constraints.order_by}
        named.update((name, values.type) for name, values in constraints.summary.items())
        named.update(
            (part.column, part.type)
            for item in constraints.expression
            for part in walk(item)
            if isinstance(part, Variable)
        )
        return found + [
            pa.field(name, type_)
            for name, type_ in named.items()
            if name not in requested.names and self._find(name) is None
        ]

    def source_column(self, exposed: str) -> str:
        """Return the source's name of a column that the engine named.

        Raises:
            ColumnNotFoundError: There is no such column (any more).
        """
        return self.description.schema.field(self._index(exposed)).name

    def source_schema(self, requested: pa.Schema) -> pa.Schema:
        """Return a requested schema with the source's names and the request's types."""
        fields = [field.with_name(self.source_column(field.name)) for field in requested]
        return pa.schema(fields).with_metadata(requested.metadata)

    def source_constraints(self, constraints: Constraints) -> Constraints:
        """Return constraints with the source's names in place of the engine's."""
        return replace(
            constraints,
            summary={self.source_column(name): v for name, v in constraints.summary.items()},
            expression=tuple(renamed(item, self.source_column) for item in constraints.expression),
            order_by=tuple(
                replace(key, column=self.source_column(key.column)) for key in constraints.order_by
            ),
        )

    def _find(self, exposed: str) -> int | None:
        try:
            return self._index(exposed)
        except ColumnNotFoundError:
            return None

    def _index(self, exposed: str) -> int:
        index = self.exposed.get_field_index(exposed)
        if index < 0:
            name = resolve(exposed, self.exposed.names, kind="column", within=str(self.name))
            index = self.exposed.get_field_index(name)
        return index


class TableCache:
    """Resolves and describes tables of one connector, and remembers them for a minute."""

    def __init__(
        self, connector: Connector, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._connector = connector
        self._clock = clock
        self._tables: dict[object, tuple[float, Table]] = {}

    def table(
        self, name: TableName, passthrough: Mapping[str, str], *, fresh: bool = False
    ) -> Table:
        """Return a table by any spelling of its name, or the result of a native query.

        Args:
            name: As the engine spells it.
            passthrough: Arguments of a native query; empty for a table.
            fresh: Ask the source even if an answer is remembered.

        Raises:
            NotFoundError: There is no such schema or table.
            AmbiguousNameError: Several tables fit the name.
        """
        key = (name, tuple(sorted(passthrough.items())))
        known = None if fresh else self._remembered(key)
        if known is not None:
            return known
        table = self._passthrough(name, passthrough) if passthrough else self._describe(name)
        return self._remember(key, table)

    def table_for(
        self, name: TableName, constraints: Constraints, requested: pa.Schema = NO_COLUMNS
    ) -> Table:
        """Return the table of a request, with the columns that the request says it has.

        Where it has others, the source is asked again, and then the connector whether it
        takes them over. What comes of that is remembered too.

        Args:
            name: As the engine spells it.
            constraints: Those of the request.
            requested: Columns of the request, with the engine's names and types.

        Raises:
            NotFoundError: There is no such schema or table.
            AmbiguousNameError: Several tables or columns fit a name.
        """
        passthrough = constraints.passthrough
        table = self.table(name, passthrough)
        fields = table.unlike(requested, constraints)
        if not fields:
            return table
        key = (name, tuple(sorted(passthrough.items())), *((f.name, f.type) for f in fields))
        known = self._remembered(key)
        if known is not None:
            return known
        table = self.table(name, passthrough, fresh=True)
        fields = table.unlike(requested, constraints)
        if fields:
            adopted = self._connector.adopt_columns(table.description, fields)
            table = _table(table.name, adopted)
        return self._remember(key, table)

    def _remembered(self, key: object) -> Table | None:
        known = self._tables.get(key)
        if known is None or self._clock() - known[0] >= CACHE_SECONDS:
            return None
        return known[1]

    def _remember(self, key: object, table: Table) -> Table:
        if len(self._tables) >= CACHE_TABLES:
            self._tables.clear()
        self._tables[key] = (self._clock(), table)
        return table

    def _describe(self, name: TableName) -> Table:
        source = self._connector.resolve_table(name)
        return _table(source, self._connector.describe_table(source))

    def _passthrough(self, name: TableName, arguments: Mapping[str, str]) -> Table:
        function = self._connector.capabilities().passthrough
        if function is not None:
            function.verify(arguments)
        return _table(name, self._connector.describe_passthrough(arguments))


def _is_same(one: pa.DataType, two: pa.DataType) -> bool:
    """Tell whether engine types are the same, whatever the parts of lists and maps are called."""
    return one == two or type_text(one) == type_text(two)


def _table(name: TableName, told: pa.Schema | TableDescription) -> Table:
    description = told if isinstance(told, TableDescription) else TableDescription(told)
    schema = description.schema
    if not schema.names:
        raise ColumnNotFoundError(
            f"Table {name} has no column that can be read.",
            hint="Grant the right to read its columns, or leave the table out of the query.",
        )
    exposed = pa.schema(
        [
            pa.field(shown, engine_type(field.type), metadata=field.metadata)
            for shown, field in zip(exposed_names(schema.names), schema, strict=True)
        ]
    ).with_metadata(schema.metadata)
    check_schema(exposed, table=str(name))
    return Table(name, description, exposed)

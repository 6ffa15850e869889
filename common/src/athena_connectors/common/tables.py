"""Tables as the engine names them, next to how the source spells them.

Everything outside the connector speaks folded names, everything inside the source's own;
this module is the only bridge. Descriptions are kept for a minute, so that the many
splits of one query do not each ask the source again.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import pyarrow as pa
from athena_connectors.common.connector import Connector, TableDescription
from athena_connectors.common.errors import ColumnNotFoundError
from athena_connectors.common.expressions import Call, Expression, Variable
from athena_connectors.common.naming import exposed_names, resolve
from athena_connectors.common.types import check_schema, engine_type

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from athena_connectors.common.constraints import Constraints
    from athena_connectors.common.protocol.messages import TableName

__all__ = ["Table", "TableCache"]

CACHE_SECONDS = 60.0
CACHE_TABLES = 200


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

    def source_column(self, exposed: str) -> str:
        """Return the source's name of a column that the engine named.

        Raises:
            ColumnNotFoundError: There is no such column (any more).
        """
        index = self.exposed.get_field_index(exposed)
        if index < 0:
            name = resolve(exposed, self.exposed.names, kind="column", within=str(self.name))
            index = self.exposed.get_field_index(name)
        return self.description.schema.field(index).name

    def source_schema(self, requested: pa.Schema) -> pa.Schema:
        """Return a requested schema with the source's names and the request's types."""
        fields = [field.with_name(self.source_column(field.name)) for field in requested]
        return pa.schema(fields).with_metadata(requested.metadata)

    def source_constraints(self, constraints: Constraints) -> Constraints:
        """Return constraints with the source's names in place of the engine's."""
        return replace(
            constraints,
            summary={self.source_column(name): v for name, v in constraints.summary.items()},
            expression=tuple(self._rename(item) for item in constraints.expression),
            order_by=tuple(
                replace(key, column=self.source_column(key.column)) for key in constraints.order_by
            ),
        )

    def _rename(self, expression: Expression) -> Expression:
        match expression:
            case Variable():
                return replace(expression, column=self.source_column(expression.column))
            case Call():
                return replace(
                    expression,
                    arguments=tuple(self._rename(item) for item in expression.arguments),
                )
            case _:
                return expression


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
        known = self._tables.get(key)
        if known is not None and not fresh and self._clock() - known[0] < CACHE_SECONDS:
            return known[1]
        table = self._passthrough(name, passthrough) if passthrough else self._describe(name)
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

"""The statements that read one split."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Protocol

from athena_connectors.common.errors import ColumnNotFoundError
from athena_connectors.common.sql.dialect import substituted

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from athena_connectors.common.sql.dialect import Dialect
    from athena_connectors.common.sql.pushdown import NativeScan
    from athena_connectors.common.sql.relation import Column, Relation

__all__ = ["Part", "Source", "derived_table", "parts_of"]

_ALIAS = "athena_query"


class Source(Protocol):
    """Rows of one relation, as a split names them."""

    @property
    def constants(self) -> Mapping[str, str]:
        """Columns that are the same in each row, and that the server does not know."""

    def from_sql(self) -> str:
        """Return what follows FROM."""

    def where_sql(self) -> str:
        """Return a condition that may stand next to AND; empty for all rows."""


@dataclass(frozen=True, slots=True)
class Part:
    """One statement of a split.

    Attributes:
        sql: The statement; it counts rows if there is no column.
        columns: What it returns, in order.
        constants: Names and values of the columns that are the same in each row.
    """

    sql: str
    columns: tuple[Column, ...]
    constants: Mapping[str, str] = field(default_factory=dict)


def parts_of(
    names: Sequence[str],
    relation: Relation,
    native: NativeScan,
    sources: Sequence[Source],
    *,
    dialect: Dialect,
) -> list[Part]:
    """Return the statements that read a split.

    Args:
        names: Columns wanted; may be none.
        relation: What they are columns of.
        native: What the server evaluates.
        sources: What the split reads; nothing for a native query, which is read whole.
        dialect: The server's.

    Raises:
        ColumnNotFoundError: A column is neither the relation's nor one of the split's.
    """
    if relation.query:
        columns = tuple(_column(name, relation, {}) for name in names)
        known = [column.name for column in relation.columns]
        source = derived_table(relation.query, known, dialect=dialect)
        return [_part(columns, source, native, dialect)]
    return [_source_part(names, relation, native, source, dialect) for source in sources]


def derived_table(query: str, names: Sequence[str] = (), *, dialect: Dialect) -> str:
    """Return a query as it stands in FROM.

    Args:
        query: As ``passthrough.normalise`` returned it.
        names: A name for each column, which they have already if the server can't give
            them names there; none to leave them all.
        dialect: The server's.
    """
    # The line breaks keep a comment at the end of the query to itself.
    table = f"(\n{query}\n) AS {_ALIAS}"
    if not names or not dialect.renames_derived:
        return table
    return f"{table} ({', '.join(map(dialect.identifier, names))})"


def _source_part(
    names: Sequence[str],
    relation: Relation,
    native: NativeScan,
    source: Source,
    dialect: Dialect,
) -> Part:
    constants = {name: source.constants[name] for name in names if name in source.constants}
    columns = tuple(
        _column(name, relation, source.constants) for name in names if name not in constants
    )
    condition = source.where_sql()
    if condition:
        native = replace(native, where=(*native.where, condition))
    part = _part(columns, source.from_sql(), native, dialect)
    return replace(part, constants=constants)


def _part(columns: tuple[Column, ...], source: str, native: NativeScan, dialect: Dialect) -> Part:
    body = f" FROM {source}{_clauses(native)}"
    if columns:
        targets = [substituted(item.projection, dialect.identifier(item.name)) for item in columns]
        return Part(f"SELECT {', '.join(targets)}{body}", columns)
    if native.limit is None:
        return Part(f"SELECT count(*){body}", columns)
    rows = f"SELECT{dialect.no_column}{body}"
    return Part(f"SELECT count(*) FROM ({rows}) AS counted", columns)  # noqa: S608 - quoted


def _column(name: str, relation: Relation, constants: Mapping[str, str]) -> Column:
    column = relation.column(name)
    if column is None:
        known = ", ".join([*(item.name for item in relation.columns), *constants])
        raise ColumnNotFoundError(
            f"{relation.schema}.{relation.name} has no column {name!r}.",
            hint=f"It has {known}. If it was changed meanwhile, run the query again.",
            column=name,
        )
    return column


def _clauses(native: NativeScan) -> str:
    text = f" WHERE {' AND '.join(native.where)}" if native.where else ""
    if native.order_by:
        text += f" ORDER BY {', '.join(native.order_by)}"
    if native.limit is not None:
        text += f" LIMIT {native.limit}"
    return text

"""The statements that read one split."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from athena_connectors.common.errors import ColumnNotFoundError
from athena_connectors.jdbc_postgres.literals import identifier

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from athena_connectors.jdbc_postgres.pushdown import NativeScan
    from athena_connectors.jdbc_postgres.split_sources import SplitSource
    from athena_connectors.jdbc_postgres.types import Column, Relation

__all__ = ["Part", "derived_table", "parts_of"]

_ALIAS = "athena_query"


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
    sources: Sequence[SplitSource],
) -> list[Part]:
    """Return the statements that read a split.

    Args:
        names: Columns wanted; may be none.
        relation: What they are columns of.
        native: What the server evaluates.
        sources: What the split reads; nothing for a native query, which is read whole.

    Raises:
        ColumnNotFoundError: A column is neither the relation's nor one of the split's.
    """
    if relation.query:
        columns = tuple(_column(name, relation, {}) for name in names)
        source = derived_table(relation.query, [column.name for column in relation.columns])
        return [_part(columns, source, native)]
    return [_source_part(names, relation, native, source) for source in sources]


def derived_table(query: str, names: Sequence[str] = ()) -> str:
    """Return a query as it stands in FROM, its columns under other names.

    Args:
        query: As ``passthrough.normalise`` returned it.
        names: A name for each column; none to leave them all.
    """
    # The line breaks keep a comment at the end of the query to itself.
    table = f"(\n{query}\n) AS {_ALIAS}"
    return f"{table} ({', '.join(map(identifier, names))})" if names else table


def _source_part(
    names: Sequence[str], relation: Relation, native: NativeScan, source: SplitSource
) -> Part:
    constants = {name: source.constants[name] for name in names if name in source.constants}
    columns = tuple(
        _column(name, relation, source.constants) for name in names if name not in constants
    )
    condition = source.where_sql()
    if condition:
        native = replace(native, where=(*native.where, condition))
    return replace(_part(columns, source.from_sql(), native), constants=constants)


def _part(columns: tuple[Column, ...], source: str, native: NativeScan) -> Part:
    targets = ", ".join(map(_target, columns))
    body = f" FROM {source}{_clauses(native)}"
    if targets:
        return Part(f"SELECT {targets}{body}", columns)
    if native.limit is None:
        return Part(f"SELECT count(*){body}", columns)
    counted = f"SELECT count(*) FROM (SELECT{body}) AS counted"  # noqa: S608 - names are quoted
    return Part(counted, columns)


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


def _target(column: Column) -> str:
    return column.projection.replace("{c}", identifier(column.name))


def _clauses(native: NativeScan) -> str:
    text = f" WHERE {' AND '.join(native.where)}" if native.where else ""
    if native.order_by:
        text += f" ORDER BY {', '.join(native.order_by)}"
    if native.limit is not None:
        text += f" LIMIT {native.limit}"
    return text

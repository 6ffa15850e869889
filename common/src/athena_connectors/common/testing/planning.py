"""Which columns, predicates, limit and order each scan of a statement may be asked for.

A predicate is sent to a scan only if every row that it keeps out of the scan would be
dropped later anyway, whatever else the statement does:

- WHERE, for a table that no outer join can replace by nulls;
- ON, for the optional side of an outer join, and for both sides of an inner join;
- never HAVING, and nothing that looks at two tables or at a subquery.

The whole statement runs once more over the rows that arrive, so leaving something out
costs time and never a row.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from athena_connectors.common.constraints import Direction, OrderBy
from athena_connectors.common.testing.joins import (
    Joins,
    conjuncts_of,
    is_plain,
    used_parts,
)
from sqlglot import exp
from sqlglot.errors import SqlglotError
from sqlglot.optimizer.pushdown_projections import pushdown_projections
from sqlglot.optimizer.qualify import qualify
from sqlglot.optimizer.scope import Scope, traverse_scope

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from athena_connectors.common.testing.references import Statement

__all__ = ["Held", "LimitShape", "ScanShape", "plan_scans"]


@dataclass(frozen=True, slots=True)
class Held:
    """A part of the predicate that is not sent, and why."""

    text: str
    reason: str


@dataclass(frozen=True, slots=True)
class LimitShape:
    """A limit that may be sent if all conjuncts of the scan are sent and exact.

    Attributes:
        rows: Rows that suffice, those that OFFSET skips included.
        order_by: Sort keys; empty for a plain limit.
    """

    rows: int
    order_by: tuple[OrderBy, ...] = ()


@dataclass(slots=True)
class ScanShape:
    """What one scan may be asked for.

    Attributes:
        columns: Columns that the statement looks at, in the table's order; all if unsure.
        conjuncts: Conditions that every wanted row fulfils, over these columns only.
        held: Conditions that concern the scan and can't be sent.
        limit: The limit, if the scan's own SELECT has one that suffices.
        limit_reason: Why there is none although the SELECT has a LIMIT.
    """

    columns: tuple[str, ...]
    conjuncts: list[exp.Expr] = field(default_factory=list)
    held: list[Held] = field(default_factory=list)
    limit: LimitShape | None = None
    limit_reason: str = ""


def plan_scans(
    statement: Statement, columns: Mapping[str, tuple[str, ...]]
) -> dict[str, ScanShape]:
    """Find what each relation of a statement may be asked for.

    Args:
        statement: The statement; it is not changed.
        columns: Relation name to the names of all its columns, folded, in order.

    Returns:
        One shape for each relation. A statement that can't be analysed has shapes with
        all columns and no condition.
    """
    everything = {name: ScanShape(columns[name]) for name in statement.references}
    try:
        tree = qualify(
            statement.tree.copy(),
            dialect=statement.dialect,
            schema={name: dict.fromkeys(columns[name], "unknown") for name in columns},
            quote_identifiers=False,
        )
        analysis = _Analysis(traverse_scope(tree), columns)
        analysis.keep_columns(traverse_scope(pushdown_projections(tree.copy())))
    except SqlglotError as error:
        reason = Held("the whole statement", f"it can't be analysed: {error}".splitlines()[0])
        for shape in everything.values():
            shape.held.append(reason)
        return everything
    if _names_columns_loosely(tree):
        return everything
    return {name: analysis.shapes.get(name, shape) for name, shape in everything.items()}


def _names_columns_loosely(tree: exp.Expr) -> bool:
    """Whether columns are meant that the text does not name one by one."""
    stars = [star for star in tree.find_all(exp.Star) if not isinstance(star.parent, exp.Count)]
    return bool(stars) or tree.find(exp.TableColumn, exp.Columns) is not None


_ROW_BY_ROW_PARTS = frozenset({"expressions", "from_", "joins", "where", "order", "with_"})
_LIMITED_PARTS = frozenset({"expressions", "from_", "where", "order", "limit", "offset", "with_"})

# What gives one value for each row. An unknown function might be an aggregate.
_ROW_BY_ROW = frozenset(
    {
        exp.Column,
        exp.Identifier,
        exp.Alias,
        exp.Literal,
        exp.Boolean,
        exp.Null,
        exp.Cast,
        exp.TryCast,
        exp.DataType,
        exp.DataTypeParam,
        exp.Paren,
        exp.Add,
        exp.Sub,
        exp.Mul,
        exp.Div,
        exp.Mod,
        exp.Neg,
        exp.EQ,
        exp.NEQ,
        exp.LT,
        exp.LTE,
        exp.GT,
        exp.GTE,
        exp.And,
        exp.Or,
        exp.Not,
        exp.Is,
        exp.Between,
        exp.Like,
        exp.Case,
        exp.If,
        exp.Coalesce,
        exp.Nullif,
        exp.Concat,
        exp.DPipe,
        exp.Upper,
        exp.Lower,
        exp.Length,
        exp.Abs,
        exp.Dot,
        exp.Substring,
        exp.Trim,
        exp.Interval,
        exp.Var,
        exp.Round,
        exp.Floor,
        exp.Ceil,
        exp.TableAlias,
    }
)


class _Analysis:
    """The shapes of all scans in the scopes of one qualified statement."""

    def __init__(self, scopes: list[Scope], columns: Mapping[str, tuple[str, ...]]) -> None:
        self.shapes: dict[str, ScanShape] = {}
        self._columns = columns
        self._uses = _count_uses(scopes)
        for scope in scopes:
            self._add_scans(scope)
        for scope in scopes:
            if isinstance(scope.expression, exp.Select):
                self._add_conditions(scope)
        for scope in scopes:
            self._add_limit(scope)

    def keep_columns(self, scopes: list[Scope]) -> None:
        """Drop the columns that the scopes, without what nobody looks at, do not use."""
        used: dict[str, set[str]] = {}
        for scope in scopes:
            for alias, source in self._scans(scope):
                names = {column.name for column in scope.source_columns(alias)}
                if not names.issubset(self._columns[source.name]):
                    names = set(self._columns[source.name])  # they go by other names here
                used.setdefault(source.name, set()).update(names)
        for relation, names in used.items():
            shape = self.shapes[relation]
            for condition in shape.conjuncts:
                names.update(column.name for column in condition.find_all(exp.Column))
            names.update(key.column for key in (shape.limit.order_by if shape.limit else ()))
            shape.columns = tuple(name for name in shape.columns if name in names)

    def _scans(self, scope: Scope) -> Iterator[tuple[str, exp.Table]]:
        for alias, (_, source) in scope.selected_sources.items():
            if isinstance(source, exp.Table) and source.name in self._columns:
                yield alias, source

    def _add_scans(self, scope: Scope) -> None:
        for _, source in self._scans(scope):
            self.shapes[source.name] = ScanShape(self._columns[source.name])

    def _add_conditions(self, scope: Scope) -> None:
        joins = Joins.of(scope.expression)
        if joins is None:
            return
        for condition, safe in joins.conditions():
            self._place(scope, condition, safe)

    def _place(self, scope: Scope, condition: exp.Expr, safe: frozenset[str]) -> None:
        """Give a condition to the one table that it is about, if it is safe there."""
        aliases, reason = _owners(condition)
        mine = [alias for alias in aliases if alias in scope.selected_sources]
        if not reason and mine == aliases and not safe.issuperset(aliases):
            reason = "an outer join may replace the table's rows by nulls"
        elif not reason and (len(aliases) != 1 or mine != aliases):
            reason = "it looks at other tables too"
        for alias in mine:
            source = scope.selected_sources[alias][1]
            if isinstance(source, Scope):
                self._descend(source, condition, alias, reason)
            elif source.name in self.shapes:
                self._record(self.shapes[source.name], condition, reason)

    @staticmethod
    def _record(shape: ScanShape, condition: exp.Expr, reason: str) -> None:
        if reason:
            shape.held.append(Held(condition.sql(dialect="trino"), reason))
        else:
            shape.conjuncts.append(condition)

    def _descend(self, inner: Scope, condition: exp.Expr, alias: str, reason: str) -> None:
        """Move a condition on a derived table into it, if rows pass through it one by one."""
        if reason or self._uses.get(id(inner), 0) != 1 or not _passes_rows(inner):
            return
        outputs = _plain_outputs(inner)
        names = {column.name for column in condition.find_all(exp.Column)}
        if not names <= outputs.keys():
            return
        moved = condition.transform(
            lambda node: (
                outputs[node.name].copy()
                if isinstance(node, exp.Column) and node.table == alias
                else node
            )
        )
        joins = Joins.of(inner.expression)
        if joins is not None:
            self._place(inner, moved, joins.kept)

    def _add_limit(self, scope: Scope) -> None:
        query = scope.expression
        if not isinstance(query, exp.Select) or not query.args.get("limit"):
            return
        sources = [source for _, source in scope.selected_sources.values()]
        for _, scan in self._scans(scope):
            shape = self.shapes[scan.name]
            shape.limit, shape.limit_reason = _limit(query, scan, sole=len(sources) == 1)
            if shape.limit and (shape.held or len(shape.conjuncts) < _where_count(query)):
                shape.limit, shape.limit_reason = None, "not all of WHERE can be sent"


def _owners(condition: exp.Expr) -> tuple[list[str], str]:
    """Return the aliases that a condition looks at, and why it can't be moved at all."""
    aliases = sorted({column.table for column in condition.find_all(exp.Column)})
    if condition.find(exp.Query, exp.AggFunc, exp.Window) is not None:
        return aliases, "it needs the result of a subquery, an aggregate or a window"
    return aliases, ""


def _count_uses(scopes: list[Scope]) -> dict[int, int]:
    uses: dict[int, int] = {}
    for scope in scopes:
        for _, source in scope.selected_sources.values():
            uses[id(source)] = uses.get(id(source), 0) + 1
    return uses


def _is_row_by_row(item: exp.Expr) -> bool:
    return all(type(node) in _ROW_BY_ROW for node in item.walk())


def _passes_rows(scope: Scope) -> bool:
    query = scope.expression
    return (
        isinstance(query, exp.Select)
        and used_parts(query) <= _ROW_BY_ROW_PARTS
        and all(map(_is_row_by_row, query.expressions))
    )


def _plain_outputs(scope: Scope) -> dict[str, exp.Column]:
    """Return the columns that a query hands on as they are, by the name it gives them."""
    names = [item.alias_or_name for item in scope.expression.expressions]
    return {
        item.alias_or_name: item.unalias()
        for item in scope.expression.expressions
        if isinstance(item.unalias(), exp.Column) and names.count(item.alias_or_name) == 1
    }


def _where_count(query: exp.Select) -> int:
    where = query.args.get("where")
    return len(conjuncts_of(where.this)) if where else 0


def _limit(query: exp.Select, scan: exp.Table, *, sole: bool) -> tuple[LimitShape | None, str]:
    if not sole or not used_parts(query) <= _LIMITED_PARTS or not is_plain(scan):
        return None, "the SELECT does more than filter and sort one table"
    if not all(map(_is_row_by_row, query.expressions)):
        return None, "a selected expression may look at more than one row"
    rows = _row_count(query)
    if rows is None:
        return None, "the limit is no plain number"
    order = query.args.get("order")
    keys = (
        [_sort_key(item, query, scan.alias_or_name) for item in order.expressions] if order else []
    )
    if any(key is None for key in keys):
        return None, "the order is not by columns of the table alone"
    return LimitShape(rows, tuple(key for key in keys if key is not None)), ""


def _row_count(query: exp.Select) -> int | None:
    limit = query.args["limit"]
    if isinstance(limit, exp.Fetch):
        options = limit.args.get("limit_options")
        if options is not None and (options.args.get("percent") or options.args.get("with_ties")):
            return None
        counts = [limit.args.get("count")]
    else:
        counts = [limit.expression] if used_parts(limit) == {"expression"} else [None]
    if query.args.get("offset"):
        counts.append(query.args["offset"].expression)
    if not all(isinstance(count, exp.Literal) and count.is_int for count in counts):
        return None
    return sum(int(count.this) for count in counts if count is not None)


def _sort_key(item: exp.Expr, query: exp.Select, alias: str) -> OrderBy | None:
    if not isinstance(item, exp.Ordered) or not used_parts(item) <= {"this", "desc", "nulls_first"}:
        return None
    column = item.this
    if isinstance(column, exp.Column) and not column.table:  # the name of an output column
        named = [out for out in query.expressions if out.alias_or_name == column.name]
        column = named[0].unalias() if len(named) == 1 else None
    if not isinstance(column, exp.Column) or column.table != alias:
        return None
    nulls = "NULLS_FIRST" if item.args.get("nulls_first") else "NULLS_LAST"
    direction = Direction(f"{'DESC' if item.args.get('desc') else 'ASC'}_{nulls}")
    return OrderBy(column.name, direction)

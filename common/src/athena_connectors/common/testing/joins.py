"""The FROM of one SELECT: which conditions may be applied to which table early.

Whatever is not understood here (sampling, pivots, nested, natural or asof joins, renamed
columns) makes the whole FROM unreadable, and then nothing is applied early.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlglot import exp

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Joins", "conjuncts_of", "is_plain", "used_parts"]

_SELECT_PARTS = frozenset(
    {
        "expressions",
        "from_",
        "joins",
        "where",
        "group",
        "having",
        "qualify",
        "windows",
        "distinct",
        "order",
        "limit",
        "offset",
        "with_",
    }
)


@dataclass(frozen=True, slots=True)
class Joins:
    """The FROM of one SELECT: its conditions, and where each of them may be applied.

    Attributes:
        kept: Aliases whose rows no join replaces by nulls.
        on: ON conditions, each with the aliases at which it may be applied early.
        where: The conditions of WHERE.
    """

    kept: frozenset[str]
    on: tuple[tuple[exp.Expr, frozenset[str]], ...]
    where: tuple[exp.Expr, ...]

    def conditions(self) -> Iterator[tuple[exp.Expr, frozenset[str]]]:
        """Yield each condition with the aliases at which it may be applied early."""
        yield from self.on
        for condition in self.where:
            yield condition, self.kept

    @classmethod
    def of(cls, query: exp.Expr) -> Joins | None:
        """Read the joins of a SELECT; ``None`` if one of them is not understood."""
        start = query.args.get("from_") if isinstance(query, exp.Select) else None
        if start is None or not used_parts(query) <= _SELECT_PARTS or not is_plain(start.this):
            return None
        present, nullable = {start.this.alias_or_name}, set[str]()
        joined = set(present)  # what the joins since the last comma have put together
        on: list[tuple[exp.Expr, frozenset[str]]] = []
        for join in query.args.get("joins") or ():
            alias = join.this.alias_or_name
            if not is_plain(join.this) or not _is_known(join) or alias in present:
                return None
            if not used_parts(join) - {"this"}:
                joined.clear()  # a comma binds less than JOIN does
            safe = _joined(join.side, present, alias, nullable) & (joined | {alias})
            on += [(item, safe) for item in conjuncts_of(join.args.get("on"))]
            present.add(alias)
            joined.add(alias)
        where = query.args.get("where")
        conditions = tuple(conjuncts_of(where.this)) if where else ()
        return cls(frozenset(present - nullable), tuple(on), conditions)


def _joined(side: str, present: set[str], alias: str, nullable: set[str]) -> frozenset[str]:
    """Return where a join's ON may be applied early, and note what it replaces by nulls."""
    match side:
        case "LEFT":
            nullable.add(alias)
            return frozenset({alias})
        case "RIGHT":
            safe = frozenset(present - nullable)
            nullable |= present
            return safe
        case "FULL":
            nullable |= present | {alias}
            return frozenset()
        case _:
            return frozenset(present - nullable | {alias})


def used_parts(node: exp.Expr) -> set[str]:
    """Return the names of the parts that a node has."""
    return {key for key, value in node.args.items() if value}


def is_plain(item: exp.Expr) -> bool:
    """Whether a FROM item is a table or a query as it stands, neither sampled nor pivoted."""
    if not isinstance(item, exp.Table | exp.Subquery | exp.Unnest | exp.Lateral):
        return False
    if isinstance(item, exp.Unnest | exp.Lateral):
        return bool(item.alias)
    alias = item.args.get("alias")
    inner = isinstance(item.this, exp.Query if isinstance(item, exp.Subquery) else exp.Identifier)
    renamed = alias is not None and bool(alias.args.get("columns"))
    return inner and not renamed and used_parts(item) <= {"this", "alias"}


def _is_known(join: exp.Join) -> bool:
    return (
        used_parts(join) <= {"this", "side", "kind", "on"}
        and join.side in ("", "LEFT", "RIGHT", "FULL")
        and join.kind in (("", "OUTER") if join.side else ("", "INNER", "CROSS"))
    )


def conjuncts_of(condition: exp.Expr | None) -> list[exp.Expr]:
    """Take a condition apart at its top-level ANDs."""
    if condition is None:
        return []
    if isinstance(condition, exp.Paren):
        return conjuncts_of(condition.this)
    if isinstance(condition, exp.And):
        return [*conjuncts_of(condition.left), *conjuncts_of(condition.right)]
    if isinstance(condition, exp.Boolean) and condition.this:
        return []
    return [condition]

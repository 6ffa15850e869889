"""Which tables may be read only with a condition, and on which columns: ``require_filter``."""

from __future__ import annotations

import json
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

from athena_connectors.common.constraints import ColumnDomain, Conjunct
from athena_connectors.common.errors import BudgetExceededError
from athena_connectors.common.expressions import Call, Expression, Variable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from athena_connectors.common.protocol.messages import TableName

__all__ = ["NO_RULES", "FilterRules", "check_filter", "parse_filter_rules"]

SETTING = "require_filter"
_EXPECTED = (
    "has to be true, or a JSON object of table patterns, each with true, false or a list of"
    ' columns: {"shop.orders": ["created_at"], "*": false}'
)


@dataclass(frozen=True, slots=True)
class FilterRule:
    """What tables of one pattern need.

    Attributes:
        pattern: Of ``schema.table``, in lower case, with ``*`` and ``?``.
        needed: Whether a condition is needed at all.
        columns: Columns in lower case, one of which needs a condition; any will do if none.
    """

    pattern: str
    needed: bool
    columns: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class FilterRules:
    """Rules of which the first that fits a table decides; a table of none needs nothing."""

    rules: tuple[FilterRule, ...] = ()

    def rule_of(self, table: TableName) -> FilterRule | None:
        """Return what a table needs, or ``None`` if it needs nothing."""
        name = f"{table.schema}.{table.table}".lower()
        fits = (rule for rule in self.rules if fnmatchcase(name, rule.pattern))
        rule = next(fits, None)
        return rule if rule is not None and rule.needed else None


NO_RULES = FilterRules()


def parse_filter_rules(text: str) -> FilterRules:
    """Read the setting ``require_filter``."""
    folded = text.strip().lower()
    if folded in ("true", "false"):
        return FilterRules((FilterRule("*", needed=folded == "true"),))
    try:
        told = json.loads(text)
    except (ValueError, RecursionError):
        raise ValueError(_EXPECTED) from None
    if not isinstance(told, dict):
        raise ValueError(_EXPECTED)  # noqa: TRY004 - settings are told wrong by this
    return FilterRules(tuple(_rule(pattern, value) for pattern, value in told.items()))


def check_filter(
    rules: FilterRules,
    table: TableName,
    conjuncts: Sequence[Conjunct],
    *,
    names: Mapping[str, str],
) -> None:
    """Return if a table may be read with a predicate.

    Args:
        rules: The setting.
        table: What is read.
        conjuncts: The predicate.
        names: Columns that the caller knows, from the source's spelling to the engine's; no
            other one is named in the error.

    Raises:
        BudgetExceededError: It has no condition on the columns that the table's rule names.
    """
    rule = rules.rule_of(table)
    if rule is None:
        return
    if not rule.columns:
        if conjuncts:
            return
        wanted = "a column"
    else:
        found = {names.get(name, name).lower() for part in conjuncts for name in restricted(part)}
        if found & set(rule.columns):
            return
        known = [name for name in names.values() if name.lower() in rule.columns]
        wanted = " or ".join(known) or "a column that is not shown"
    raise BudgetExceededError(
        f"Table {table} may be read only with a condition on {wanted}, by the setting {SETTING};"
        " the predicate that has come here has none.",
        hint="Compare the column with constants in the WHERE clause, joined to the rest by AND.",
        setting=SETTING,
        table=str(table),
    )


def restricted(conjunct: Conjunct) -> frozenset[str]:
    """Return the columns without which a conjunct says nothing: of an OR, those of each part."""
    if isinstance(conjunct, ColumnDomain):
        return frozenset({conjunct.column})
    return _restricted(conjunct)


def _restricted(expression: Expression) -> frozenset[str]:
    """Return the columns that every way to satisfy an expression looks at."""
    if isinstance(expression, Variable):
        return frozenset({expression.column})
    if not isinstance(expression, Call):
        return frozenset()
    parts = [_restricted(each) for each in expression.arguments]
    if expression.function == "$or":
        return frozenset.intersection(*parts) if parts else frozenset()
    return frozenset().union(*parts)


def _rule(pattern: str, value: Any) -> FilterRule:
    if isinstance(value, bool):
        return FilterRule(pattern.lower(), needed=value)
    if not isinstance(value, list) or not all(isinstance(name, str) and name for name in value):
        raise ValueError(_EXPECTED)
    columns = tuple(name.lower() for name in value)
    return FilterRule(pattern.lower(), needed=bool(columns), columns=columns)

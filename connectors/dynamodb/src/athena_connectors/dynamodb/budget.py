"""The part of ``max_rcu_per_query`` that one split may spend."""

from __future__ import annotations

from athena_connectors.common.errors import BudgetExceededError

__all__ = ["ReadBudget"]


class ReadBudget:
    """Counts the read units of one split.

    Args:
        units_per_query: The setting ``max_rcu_per_query``; 0 for no limit.
        splits: How many splits share it, 1 or more.
        table: What is read, for the error.
    """

    def __init__(self, units_per_query: float, *, splits: int, table: str) -> None:
        self._units_per_query = units_per_query
        self._splits = splits
        self._table = table
        self._spent = 0.0

    def charge(self, units: float) -> None:
        """Count what a page has cost, before a row of it is used.

        Raises:
            BudgetExceededError: The split has spent more than its part.
        """
        self._spent += units
        limit = self._units_per_query
        if not limit or self._spent * self._splits <= limit:
            return
        part = f", this split's part of it ({self._splits} splits)" if self._splits > 1 else ""
        raise BudgetExceededError(
            f"Reading {self._table} was stopped after {self._spent:,.1f} read units:"
            f" max_rcu_per_query is {limit:g}, and that is more than"
            f" {limit / self._splits:,.1f}{part}.",
            hint="Give keys in the predicate, or raise max_rcu_per_query.",
            setting="max_rcu_per_query",
            table=self._table,
        )

"""A split that spends more than its part of the query's read units ends with an error."""

from __future__ import annotations

import pytest
from athena_connectors.common.errors import BudgetExceededError
from athena_connectors.dynamodb.budget import ReadBudget
from hypothesis import given, settings
from hypothesis import strategies as st


def test_what_is_spent_to_the_last_unit_is_within_the_budget() -> None:
    budget = ReadBudget(300, splits=3, table="orders")
    budget.charge(60)
    budget.charge(40)
    with pytest.raises(BudgetExceededError) as caught:
        budget.charge(0.5)
    assert str(caught.value) == (
        "Reading orders was stopped after 100.5 read units: max_rcu_per_query is 300, and that"
        " is more than 100.0, this split's part of it (3 splits). Give keys in the predicate,"
        " or raise max_rcu_per_query."
    )


def test_no_budget_is_no_limit() -> None:
    ReadBudget(0, splits=1, table="orders").charge(1e12)


@given(
    pages=st.lists(st.integers(0, 256), max_size=30),
    limit=st.integers(1, 2000),
    splits=st.integers(1, 20),
)
@settings(max_examples=100, deadline=None)
def test_all_splits_together_spend_no_more_than_the_budget_and_a_page_each(
    pages: list[int], limit: int, splits: int
) -> None:
    budget = ReadBudget(limit, splits=splits, table="orders")
    spent = 0
    for units in pages:
        before = spent
        spent += units
        if spent > limit / splits:
            with pytest.raises(BudgetExceededError):
                budget.charge(units)
            assert before <= limit / splits
            return
        budget.charge(units)

from __future__ import annotations

import pytest
from athena_connectors.common.remembered import Remembered


def test_a_value_is_kept_for_some_seconds_from_when_it_came() -> None:
    now = 100.0
    kept: Remembered[str] = Remembered(5, lambda: now)
    assert kept.get("a") is None
    assert kept.keep("a", "x") == "x"
    now = 104.9
    assert kept.get("a") == "x"
    now = 105.0
    assert kept.get("a") is None
    kept.keep("a", "y")
    assert kept.get("a") == "y"


def test_no_second_is_not_at_all() -> None:
    kept: Remembered[int] = Remembered(0, lambda: 0.0)
    assert kept.keep("a", 1) == 1
    assert kept.get("a") is None


@pytest.mark.parametrize("most", [1, 3])
def test_no_more_values_are_kept_than_may(most: int) -> None:
    kept: Remembered[int] = Remembered(60, lambda: 0.0, most=most)
    for number in range(20):
        kept.keep(number, number)
        kept.keep(number, number)  # the same key again pushes nothing out
        assert kept.get(number) == number
        assert sum(kept.get(key) is not None for key in range(20)) <= most

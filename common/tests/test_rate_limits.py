"""What is spent stays within the rate, whatever each call costs."""

from __future__ import annotations

import threading

import pytest
from athena_connectors.common.errors import BudgetExceededError, QueryStoppedError
from athena_connectors.common.rate_limits import TokenBucket
from hypothesis import given, settings
from hypothesis import strategies as st


class Clock:
    def __init__(self) -> None:
        self.now = 0.0
        self.waited = 0.0

    def __call__(self) -> float:
        return self.now

    def wait(self, event: threading.Event, seconds: float) -> bool:
        self.now += seconds
        self.waited += seconds
        return event.is_set()


def _bucket(clock: Clock, rate: float = 10) -> TokenBucket:
    return TokenBucket(rate, source="orders", setting="max_rate", clock=clock, wait=clock.wait)


def test_calls_go_at_once_while_something_is_left() -> None:
    clock = Clock()
    bucket = _bucket(clock)
    for _ in range(10):
        bucket.acquire()
        bucket.charge(1)
    assert clock.waited == 0


def test_a_debt_is_waited_for() -> None:
    clock = Clock()
    bucket = _bucket(clock)
    bucket.charge(35)
    bucket.acquire()
    assert clock.waited == pytest.approx(2.5)


def test_what_is_not_spent_is_kept_for_one_second_only() -> None:
    clock = Clock()
    bucket = _bucket(clock)
    clock.now = 1000
    bucket.charge(20)
    bucket.acquire()
    assert clock.waited == pytest.approx(1)


@settings(max_examples=50)
@given(
    st.floats(0.5, 1e4),
    st.lists(st.tuples(st.floats(0, 1e4), st.floats(0, 5)), min_size=1, max_size=30),
)
def test_what_is_spent_in_any_time_is_bounded(
    rate: float, calls: list[tuple[float, float]]
) -> None:
    clock = Clock()
    bucket = _bucket(clock, rate)
    spent: list[tuple[float, float]] = []
    for cost, pause in calls:
        bucket.acquire()
        bucket.charge(cost)
        spent.append((clock.now, cost))
        clock.now += pause
    for first, (started, _) in enumerate(spent):
        for last in range(first, len(spent)):
            before_the_last = sum(cost for _, cost in spent[first:last])
            bound = rate * (spent[last][0] - started + 1)
            assert before_the_last <= bound * (1 + 1e-6) + 1e-6


def test_a_wait_beyond_the_deadline_is_refused_and_names_the_setting() -> None:
    clock = Clock()
    bucket = _bucket(clock)
    bucket.charge(100)
    with pytest.raises(BudgetExceededError, match=r"orders .* 10 units per second.*max_rate"):
        bucket.acquire(deadline=9)
    assert clock.waited == 0
    bucket.acquire(deadline=10)
    assert clock.waited == pytest.approx(9)


def test_cancelling_cuts_a_real_wait_short() -> None:
    bucket = TokenBucket(1, source="orders", setting="max_rate")
    bucket.charge(1000)
    cancelled = threading.Event()
    failures: list[BaseException] = []

    def acquire() -> None:
        try:
            bucket.acquire(cancelled=cancelled)
        except QueryStoppedError as error:
            failures.append(error)

    thread = threading.Thread(target=acquire)
    thread.start()
    cancelled.set()
    thread.join(10)
    assert not thread.is_alive()
    assert len(failures) == 1

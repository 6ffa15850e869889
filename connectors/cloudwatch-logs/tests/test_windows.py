from __future__ import annotations

from itertools import pairwise
from typing import Any

import pyarrow as pa
import pytest
from athena_connectors.cloudwatch_logs.computed_times import solve
from athena_connectors.cloudwatch_logs.selection import Window
from athena_connectors.cloudwatch_logs.windows import (
    ALL_TIMES,
    INTEGERS,
    LAST_MS,
    MAX_WINDOWS,
    event_times,
    integers,
    intersected,
    is_within,
    merged,
    spans_of,
    windows_of,
)
from athena_connectors.common.evaluation import Condition
from athena_connectors.common.expressions import Call, Constant, Variable
from athena_connectors.common.valueset import Range
from hypothesis import given, settings
from hypothesis import strategies as st

DAY = 86_400_000
HOUR = 3_600_000
LEAST, GREATEST = INTEGERS[0]

ENDS = st.integers(-3, 30)
ITEMS = st.lists(st.tuples(ENDS, ENDS), max_size=12)


def members(spans: Any) -> set[int]:
    return {number for first, last in spans for number in range(first, last + 1)}


def is_normal(spans: Any) -> bool:
    ends = [end for span in spans for end in span]
    gaps = all(right[0] > left[1] + 1 for left, right in pairwise(spans))
    return ends == sorted(ends) and gaps


@pytest.mark.parametrize(
    ("item", "span"),
    [
        (Range.equal(5), (5, 5)),
        (Range.at_most(5), (LEAST, 5)),
        (Range.less_than(5), (LEAST, 4)),
        (Range.at_least(5), (5, GREATEST)),
        (Range.greater_than(5), (6, GREATEST)),
        (Range.between(3, 5), (3, 5)),
        (Range.between(3, 5, high_inclusive=False), (3, 4)),
        (Range.between(3, 5, low_inclusive=False), (4, 5)),
        (Range.all(), (LEAST, GREATEST)),
        (Range.greater_than(5.5), (6, GREATEST)),
        (Range.at_least(5.5), (6, GREATEST)),
        (Range.less_than(5.5), (LEAST, 5)),
        (Range.at_most(5.5), (LEAST, 5)),
        (Range.at_most(-5.5), (LEAST, -6)),
    ],
)
def test_a_range_is_the_integers_in_it(item: Range, span: tuple[int, int]) -> None:
    assert integers([item]) == (span,)


def test_a_range_between_two_integers_holds_none() -> None:
    assert integers([Range.between(3, 4, low_inclusive=False, high_inclusive=False)]) == ()
    assert integers([Range.equal(3.5)]) == ()


@given(ITEMS, ITEMS)
@settings(max_examples=300)
def test_spans_are_sets_of_times(one: Any, two: Any) -> None:
    left, right = merged(one), merged(two)
    assert is_normal(left)
    assert members(left) == members(one)
    shared = intersected(left, right)
    assert is_normal(shared)
    assert members(shared) == members(left) & members(right)
    assert is_within(left, right) == (members(left) <= members(right))


def test_the_end_of_a_window_is_the_first_ms_after_it() -> None:
    assert windows_of(((3, 5), (8, 8))) == (Window(3, 6), Window(8, 9))
    assert windows_of(((3, LAST_MS),)) == (Window(3, None),)
    assert windows_of(((3, LAST_MS - 1),)) == (Window(3, LAST_MS),)
    assert windows_of(()) == ()


@given(st.lists(st.tuples(st.integers(0, 300), st.integers(0, 300)), max_size=30))
@settings(max_examples=300)
def test_windows_lose_no_time_and_are_few(items: Any) -> None:
    spans = merged(items)
    windows = windows_of(spans)
    assert is_within(spans, spans_of(windows))
    assert len(windows) == min(len(spans), MAX_WINDOWS)
    assert list(windows) == sorted(windows)
    if len(spans) <= MAX_WINDOWS:
        assert spans_of(windows) == spans


def test_of_many_spans_the_longest_gaps_are_not_read() -> None:
    hours = [(hour * HOUR, hour * HOUR + 5) for hour in range(7)]
    close = [(7 * HOUR + 2 * number, 7 * HOUR + 2 * number) for number in range(100)]
    assert windows_of(tuple(hours + close)) == (
        *(Window(first, last + 1) for first, last in hours),
        Window(7 * HOUR, 7 * HOUR + 199),
    )


def test_complaint_22_arrival_bounds_the_time_of_an_event() -> None:
    arrived = ((20 * DAY, 21 * DAY),)
    assert event_times(arrived) == ((6 * DAY, 21 * DAY + 2 * HOUR),)
    assert event_times(((0, 0),)) == ((0, 2 * HOUR),)
    assert event_times(((LEAST, -2 * HOUR - 1),)) == ()
    assert event_times(INTEGERS) == ALL_TIMES


# Calculated


TIMES = [*range(-6, 40), 999, 1000, 1001, 1999, 2000, 2**62, 2**63 - 2]
NUMBERS = st.sampled_from((-7, -2, -1, 1, 2, 3, 10, 1000))


def constant(value: int) -> Constant:
    return Constant((value,), pa.int64())


def step(inner: Any) -> Any:
    functions = st.sampled_from(("$add", "$subtract", "$multiply", "$divide"))
    reversed_ = st.sampled_from(("$add", "$subtract", "$multiply"))
    return st.one_of(
        st.builds(lambda f, x, c: Call(f, (x, constant(c)), pa.int64()), functions, inner, NUMBERS),
        st.builds(lambda f, x, c: Call(f, (constant(c), x), pa.int64()), reversed_, inner, NUMBERS),
        inner.map(lambda x: Call("$negate", (x,), pa.int64())),
    )


CALCULATED = st.recursive(st.just(Variable("time", pa.int64())), step, max_leaves=1) | step(
    step(step(st.just(Variable("time", pa.int64()))))
)


def safely(expression: Any, wanted: tuple[int, int]) -> set[int]:
    """Return the times for which an expression is within some values and does not fail."""
    within = Call(
        "$and",
        (
            Call("$greater_than_or_equal", (expression, constant(wanted[0])), pa.bool_()),
            Call("$less_than_or_equal", (expression, constant(wanted[1])), pa.bool_()),
        ),
        pa.bool_(),
    )
    condition = Condition(within)
    found = set()
    for time in TIMES:
        row = pa.RecordBatch.from_pydict({"time": pa.array([time], pa.int64())})
        try:
            truth = condition.mask(row)[0].as_py()
        except ValueError:
            continue
        if truth:
            found.add(time)
    return found


@given(CALCULATED, st.lists(st.integers(-50, 50), min_size=2, max_size=2).map(sorted))
@settings(max_examples=150, deadline=None)
def test_what_is_calculated_is_solved_for_the_column(expression: Any, wanted: list[int]) -> None:
    solution = solve(expression, (tuple(wanted),))  # type: ignore[arg-type]
    assert solution is not None
    assert solution.column == "time"
    found = {
        time for time in TIMES if any(first <= time <= last for first, last in solution.values)
    }
    assert found == safely(expression, tuple(wanted))  # type: ignore[arg-type]


def test_a_quotient_never_fails_and_a_sum_may() -> None:
    time = Variable("time", pa.int64())
    seconds = Call("$divide", (time, constant(1000)), pa.int64())
    solution = solve(seconds, ((5, 6),))
    assert solution is not None
    assert solution.values == ((5000, 6999),)
    assert not solution.can_fail
    later = solve(Call("$add", (seconds, constant(1)), pa.int64()), ((5, 6),))
    assert later is not None
    assert later.can_fail


@pytest.mark.parametrize(
    "expression",
    [
        Call("$modulus", (Variable("time", pa.int64()), constant(5)), pa.int64()),
        Call("$divide", (constant(5), Variable("time", pa.int64())), pa.int64()),
        Call("$divide", (Variable("time", pa.int64()), constant(0)), pa.int64()),
        Call("$multiply", (Variable("time", pa.int64()), constant(0)), pa.int64()),
        Call("$add", (Variable("time", pa.int64()), Variable("time", pa.int64())), pa.int64()),
        Call("$divide", (Variable("time", pa.int64()), Constant((5.0,), pa.float64())), pa.int64()),
        Call("$nullif", (Variable("time", pa.int64()), constant(5)), pa.int64()),
        Call("$add", (Variable("event_time", pa.date64()), constant(5)), pa.int64()),
    ],
)
def test_other_calculations_are_not_solved(expression: Any) -> None:
    assert solve(expression, ((1, 2),)) is None

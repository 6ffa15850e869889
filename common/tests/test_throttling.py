"""The delay grows by factors while a source is congested and shrinks by steps after."""

from __future__ import annotations

import threading

import pytest
from athena_connectors.common.config import load_settings
from athena_connectors.common.errors import ConfigurationError, QueryStoppedError, ThrottledError
from athena_connectors.common.throttling import ThrottleSettings, ThrottlingInvoker
from hypothesis import given, settings
from hypothesis import strategies as st


class BusyError(Exception):
    pass


class Clock:
    def __init__(self) -> None:
        self.now = 0.0
        self.slept_ms: list[int] = []

    def __call__(self) -> float:
        return self.now

    def wait(self, event: threading.Event, seconds: float) -> bool:
        self.slept_ms.append(round(seconds * 1000))
        self.now += seconds
        return event.is_set()


class Source:
    """Is busy for some calls, then answers."""

    def __init__(self, busy: int) -> None:
        self.busy = busy
        self.calls = 0

    def __call__(self) -> str:
        self.calls += 1
        if self.calls <= self.busy:
            raise BusyError
        return "answer"


def _congestion(error: Exception) -> str:
    return "too busy" if isinstance(error, BusyError) else ""


def _invoker(clock: Clock) -> ThrottlingInvoker:
    return ThrottlingInvoker(
        ThrottleSettings(), congestion=_congestion, source="orders", clock=clock, wait=clock.wait
    )


def test_a_source_that_is_not_busy_is_never_waited_for() -> None:
    clock = Clock()
    assert _invoker(clock).call(Source(0)) == "answer"
    assert clock.slept_ms == []


def test_the_delay_doubles_to_its_maximum_and_then_shrinks_by_steps() -> None:
    clock = Clock()
    invoker = _invoker(clock)
    assert invoker.call(Source(9)) == "answer"
    assert clock.slept_ms == [10, 20, 40, 80, 160, 320, 640, 1000, 1000]
    assert invoker.delay_ms == 990
    invoker.call(Source(0))
    assert clock.slept_ms[-1] == 990
    assert invoker.delay_ms == 980


def test_the_delay_ends_when_the_source_is_well_again() -> None:
    clock = Clock()
    invoker = _invoker(clock)
    invoker.call(Source(2))
    for _ in range(2):
        invoker.call(Source(0))
    assert invoker.delay_ms == 0


@settings(max_examples=50)
@given(
    st.lists(st.integers(0, 6), max_size=20),
    st.integers(1, 50),
    st.floats(0.001, 1),
    st.integers(1, 500),
)
def test_the_delay_stays_within_its_bounds_and_every_call_is_answered(
    busy: list[int], initial: int, factor: float, step: int
) -> None:
    clock = Clock()
    limits = ThrottleSettings(
        throttle_initial_delay_ms=initial,
        throttle_max_delay_ms=700,
        throttle_decrease_factor=factor,
        throttle_increase_ms=step,
    )
    invoker = ThrottlingInvoker(
        limits, congestion=_congestion, source="orders", clock=clock, wait=clock.wait
    )
    for count in busy:
        before = invoker.delay_ms
        source = Source(count)
        assert invoker.call(source) == "answer"
        assert source.calls == count + 1
        if not count:
            assert invoker.delay_ms == max(0, before - step)
    assert all(0 < delay <= 700 for delay in clock.slept_ms)


def test_other_errors_pass_unchanged_and_change_nothing() -> None:
    clock = Clock()
    invoker = _invoker(clock)

    def fail() -> None:
        raise KeyError("x")

    with pytest.raises(KeyError):
        invoker.call(fail)
    assert invoker.delay_ms == 0


def test_a_source_that_stays_congested_is_given_up_before_the_deadline() -> None:
    clock = Clock()
    source = Source(10**9)
    text = r"orders stayed congested for 2 seconds and \d+ calls \(too busy\)"
    with pytest.raises(ThrottledError, match=text) as caught:
        _invoker(clock).call(source, deadline=3)
    assert isinstance(caught.value.__cause__, BusyError)
    assert 2 <= clock.now < 3
    assert source.calls > 5


def test_cancelling_ends_the_wait_and_makes_no_call() -> None:
    clock = Clock()
    cancelled = threading.Event()

    class Cancelled(Source):
        def __call__(self) -> str:
            cancelled.set()
            return super().__call__()

    source = Cancelled(10**9)
    with pytest.raises(QueryStoppedError, match="orders"):
        _invoker(clock).call(source, cancelled=cancelled)
    assert source.calls == 1
    with pytest.raises(QueryStoppedError):
        _invoker(clock).call(source, cancelled=cancelled)
    assert source.calls == 1


def test_a_real_wait_is_cut_short_by_cancelling() -> None:
    slow = ThrottleSettings(throttle_initial_delay_ms=60_000, throttle_max_delay_ms=60_000)
    invoker = ThrottlingInvoker(slow, congestion=_congestion, source="orders")
    cancelled = threading.Event()
    failures: list[BaseException] = []

    def call() -> None:
        try:
            invoker.call(Source(1), cancelled=cancelled)
        except QueryStoppedError as error:
            failures.append(error)

    thread = threading.Thread(target=call)
    thread.start()
    cancelled.set()
    thread.join(10)
    assert not thread.is_alive()
    assert len(failures) == 1


def test_threads_that_meet_the_same_congestion_slow_down_once() -> None:
    clock = Clock()
    invoker = _invoker(clock)

    def refused_while_another_call_is() -> str:
        if not clock.slept_ms:
            invoker.call(Source(3))
            raise BusyError
        return "answer"

    invoker.call(refused_while_another_call_is)
    assert clock.slept_ms == [10, 20, 40, 30]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("throttle_max_delay_ms", "0"),
        ("throttle_decrease_factor", "0"),
        ("throttle_decrease_factor", "1.1"),
        ("throttle_increase_ms", "0"),
    ],
)
def test_settings_are_held_to_their_bounds(name: str, text: str) -> None:
    with pytest.raises(ConfigurationError, match=name):
        load_settings(ThrottleSettings, {name: text})


def test_contradictory_delays_are_refused() -> None:
    with pytest.raises(ConfigurationError, match="throttle_max_delay_ms, 5"):
        load_settings(ThrottleSettings, {"throttle_max_delay_ms": "5"})

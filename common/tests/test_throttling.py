"""The delay grows by factors while a source is congested and shrinks by steps after."""

from __future__ import annotations

import pytest
from athena_connectors.common.config import load_settings
from athena_connectors.common.errors import ConfigurationError, SourceTimeoutError, ThrottledError
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

    def sleep(self, seconds: float) -> None:
        self.slept_ms.append(round(seconds * 1000))
        self.now += seconds


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


def _invoker(clock: Clock, *, gives_back: bool = False, timeout: float = 1e9) -> ThrottlingInvoker:
    return ThrottlingInvoker(
        ThrottleSettings(),
        is_congestion=lambda error: isinstance(error, BusyError),
        source="orders",
        may_give_back=lambda: gives_back,
        timeout_seconds=timeout,
        clock=clock,
        sleep=clock.sleep,
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
        limits,
        is_congestion=lambda error: isinstance(error, BusyError),
        source="orders",
        clock=clock,
        sleep=clock.sleep,
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


def test_while_nothing_was_spilled_the_engine_is_asked_to_come_back() -> None:
    source = Source(1)
    with pytest.raises(ThrottledError, match="orders is congested") as caught:
        _invoker(Clock(), gives_back=True).call(source)
    assert isinstance(caught.value.__cause__, BusyError)
    assert source.calls == 1


def test_a_source_that_stays_congested_is_given_up_in_time() -> None:
    clock = Clock()
    with pytest.raises(SourceTimeoutError, match="orders stayed congested for 3 seconds"):
        _invoker(clock, timeout=3).call(Source(10**9))
    assert clock.now < 4


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

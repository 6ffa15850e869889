"""Nothing is lost, repeated or left behind between a producer's thread and its reader."""

from __future__ import annotations

import threading
import traceback
from typing import TYPE_CHECKING

import pytest
from athena_connectors.common.streaming import iterate_in_thread
from hypothesis import given, settings
from hypothesis import strategies as st

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Emit = Callable[[int], None]


@pytest.fixture(autouse=True)
def _no_thread_stays() -> Iterator[None]:
    before = set(threading.enumerate())
    yield
    assert set(threading.enumerate()) <= before


@settings(max_examples=30)
@given(st.lists(st.integers(), max_size=50), st.integers(1, 5))
def test_every_item_arrives_once_and_in_order(items: list[int], capacity: int) -> None:
    def produce(emit: Emit) -> None:
        for item in items:
            emit(item)

    assert list(iterate_in_thread(produce, capacity=capacity)) == items


def test_the_producer_is_at_most_its_capacity_ahead() -> None:
    emitted: list[int] = []
    reached = threading.Semaphore(0)

    def produce(emit: Emit) -> None:
        for item in range(20):
            emit(item)
            emitted.append(item)
            reached.release()

    for taken, _ in enumerate(iterate_in_thread(produce, capacity=3), start=1):
        while reached.acquire(timeout=0.005):
            pass
        assert len(emitted) <= taken + 3
    assert len(emitted) == 20


def test_nothing_starts_before_the_first_item_is_asked_for() -> None:
    started = threading.Event()

    def produce(emit: Emit) -> None:
        started.set()
        emit(1)

    items = iterate_in_thread(produce)
    assert not started.wait(0.02)
    assert next(items) == 1
    items.close()


def test_an_error_is_raised_after_the_items_before_it_with_its_traceback() -> None:
    def produce(emit: Emit) -> None:
        emit(1)
        emit(2)
        raise KeyError("the driver's")

    items = iterate_in_thread(produce, capacity=5)
    assert [next(items), next(items)] == [1, 2]
    with pytest.raises(KeyError, match="the driver's") as caught:
        next(items)
    assert "produce" in {frame.name for frame in traceback.extract_tb(caught.value.__traceback__)}


def test_closing_early_ends_a_producer_that_waits_to_emit() -> None:
    tried: list[int] = []

    def produce(emit: Emit) -> None:
        for item in range(1_000_000):
            tried.append(item)
            try:
                emit(item)
            except Exception:  # noqa: BLE001 - a driver that hides errors of its callback
                continue

    items = iterate_in_thread(produce, capacity=1)
    assert next(items) == 0
    items.close()
    assert len(tried) <= 3


def test_closing_early_unblocks_a_producer_inside_a_driver_call() -> None:
    answer = threading.Event()

    def produce(emit: Emit) -> None:
        emit(1)
        answer.wait()
        raise ConnectionError("cancelled")

    items = iterate_in_thread(produce, on_cancel=answer.set)
    assert next(items) == 1
    items.close()
    assert answer.is_set()


def test_a_failing_consumer_closes_the_iterator() -> None:
    def produce(emit: Emit) -> None:
        for item in range(100):
            emit(item)

    def consume() -> None:
        for _ in iterate_in_thread(produce):
            raise RuntimeError("the consumer's")

    with pytest.raises(RuntimeError, match="the consumer's"):
        consume()


def test_a_producer_that_is_done_is_not_cancelled() -> None:
    cancelled: list[bool] = []
    emitted = threading.Event()

    def produce(emit: Emit) -> None:
        emit(1)
        emitted.set()

    assert list(iterate_in_thread(produce, on_cancel=lambda: cancelled.append(True))) == [1]
    assert not cancelled


def test_an_error_while_cancelling_is_raised_once_the_thread_has_ended() -> None:
    answer = threading.Event()

    def produce(emit: Emit) -> None:
        emit(1)
        answer.wait()

    def cancel() -> None:
        answer.set()
        raise OSError("no cancel")

    items = iterate_in_thread(produce, on_cancel=cancel)
    next(items)
    with pytest.raises(OSError, match="no cancel"):
        items.close()

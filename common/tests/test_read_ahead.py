"""Rows of pages arrive once and in order, their costs are counted, and no thread stays."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pyarrow as pa
import pytest
from athena_connectors.common.observability import SplitStats
from athena_connectors.common.read_ahead import ReadPage, batches_of
from hypothesis import given, settings
from hypothesis import strategies as st

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

BOTH = pytest.mark.parametrize("ahead", [True, False])


@pytest.fixture(autouse=True)
def _no_thread_stays() -> Iterator[None]:
    before = set(threading.enumerate())
    yield
    assert set(threading.enumerate()) <= before


def _page(rows: list[int], requests: int = 1) -> ReadPage:
    batch = pa.record_batch({"n": pa.array(rows, pa.int64())})
    return ReadPage(batch, SplitStats(requests=requests))


def _nothing() -> None:
    return None


@settings(max_examples=40)
@given(pages=st.lists(st.lists(st.integers(0, 9), max_size=3), max_size=6), ahead=st.booleans())
def test_each_row_arrives_once_and_each_page_is_counted(
    pages: list[list[int]], *, ahead: bool
) -> None:
    def read() -> Generator[ReadPage]:
        yield from map(_page, pages)

    stats = SplitStats()
    batches = list(batches_of(read, stats=stats, ahead=ahead, cancel=_nothing))
    assert [batch["n"].to_pylist() for batch in batches] == [page for page in pages if page]
    assert stats.requests == len(pages)


def test_the_next_page_is_read_while_one_is_used() -> None:
    is_read = threading.Event()

    def read() -> Generator[ReadPage]:
        yield _page([1])
        is_read.set()
        yield _page([2])

    batches = batches_of(read, stats=SplitStats(), ahead=True, cancel=_nothing)
    next(batches)
    assert is_read.wait(10)
    batches.close()


def test_nothing_is_read_in_advance_unless_asked_for() -> None:
    read_pages = []

    def read() -> Generator[ReadPage]:
        for number in range(3):
            read_pages.append(number)
            yield _page([number])

    batches = batches_of(read, stats=SplitStats(), ahead=False, cancel=_nothing)
    next(batches)
    assert read_pages == [0]
    batches.close()


def test_only_costs_of_pages_that_were_taken_are_counted() -> None:
    is_read = threading.Event()

    def read() -> Generator[ReadPage]:
        yield _page([1], requests=1)
        is_read.set()
        yield _page([2], requests=10)

    stats = SplitStats()
    batches = batches_of(read, stats=stats, ahead=True, cancel=_nothing)
    next(batches)
    assert is_read.wait(10)
    assert stats.requests == 1
    batches.close()
    assert stats.requests == 1


@BOTH
def test_what_reading_raises_comes_after_the_rows_before_it(*, ahead: bool) -> None:
    def read() -> Generator[ReadPage]:
        yield _page([1])
        raise OSError("gone")

    batches = batches_of(read, stats=SplitStats(), ahead=ahead, cancel=_nothing)
    assert next(batches)["n"].to_pylist() == [1]
    with pytest.raises(OSError, match="gone"):
        next(batches)


def test_closing_ends_the_request_that_is_waited_for() -> None:
    cancelled = threading.Event()

    def read() -> Generator[ReadPage]:
        yield _page([1])
        assert cancelled.wait(10)
        yield _page([2])

    batches = batches_of(read, stats=SplitStats(), ahead=True, cancel=cancelled.set)
    next(batches)
    batches.close()
    assert cancelled.is_set()


def test_pages_are_closed_with_their_rows() -> None:
    ended = []

    def read() -> Generator[ReadPage]:
        try:
            yield _page([1])
            yield _page([2])
        finally:
            ended.append(True)

    batches = batches_of(read, stats=SplitStats(), ahead=False, cancel=_nothing)
    next(batches)
    batches.close()
    assert ended == [True]

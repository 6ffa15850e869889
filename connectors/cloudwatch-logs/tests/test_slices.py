"""Slices hold all of the windows, each ms once, and about the same bytes."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest
from athena_connectors.cloudwatch_logs.log_group import LogGroup
from athena_connectors.cloudwatch_logs.selection import Window
from athena_connectors.cloudwatch_logs.slices import Slicing, estimated_bytes, slicing
from hypothesis import given, settings
from hypothesis import strategies as st

DAY = 86_400_000
NOW = 1_750_000_000_000
MB = 1 << 20
GROUP = LogGroup("/app", created_at=NOW - 100 * DAY, stored_bytes=1000 * MB)

_EDGES = st.lists(st.integers(0, 40_000), min_size=2, max_size=16, unique=True).map(sorted)


def _windows(edges: list[int]) -> tuple[Window, ...]:
    return tuple(Window(low, high) for low, high in zip(edges[::2], edges[1::2], strict=False))


@given(edges=_EDGES, count=st.integers(1, 50), likely=st.tuples(*[st.integers(-5, 50_000)] * 2))
@settings(max_examples=300, deadline=None)
def test_slices_hold_each_ms_of_the_windows_once_and_in_order(
    edges: list[int], count: int, likely: tuple[int, int]
) -> None:
    windows = _windows(edges)
    slices = list(Slicing(count, *likely).cut(windows))
    assert 1 <= len(slices) <= count
    parts = [part for each in slices for part in each]
    assert all(part.end is not None and part.start < part.end for part in parts)
    assert all(before.end <= after.start for before, after in pairwise(parts) if before.end)
    joined: list[Window] = []
    for part in parts:
        if joined and joined[-1].end == part.start and part.start not in edges[::2]:
            joined[-1] = Window(joined[-1].start, part.end)
        else:
            joined.append(part)
    assert tuple(joined) == windows


@given(count=st.integers(1, 1000), length=st.integers(2_000_000, 10**11))
@settings(max_examples=60, deadline=None)
def test_slices_of_likely_times_are_even_and_begin_with_a_second(count: int, length: int) -> None:
    windows = (Window(123, 123 + length),)
    slices = list(Slicing(count, 0, 123 + length).cut(windows))
    assert len(slices) == count
    sizes = [part.end - part.start for (part,) in slices if part.end is not None]
    assert max(sizes) - min(sizes) <= 2000
    assert all(part.start % 1000 == 0 for (part,) in slices[1:])


def test_times_without_events_belong_to_the_outer_slices() -> None:
    windows = (Window(0, 1_000_000),)
    slices = list(Slicing(4, 800_000, 900_000).cut(windows))
    edges = [(part.start, part.end) for (part,) in slices]
    assert edges == [
        (0, 825_000),
        (825_000, 850_000),
        (850_000, 875_000),
        (875_000, 1_000_000),
    ]


@pytest.mark.parametrize(
    ("window", "megabytes"),
    [
        (Window(0, NOW + DAY), 6000),
        (Window(NOW - 50 * DAY, NOW), 3000),
        (Window(NOW - DAY, NOW), 60),
        (Window(0, GROUP.created_at), 0),
        (Window(NOW, NOW + DAY), 0),
    ],
)
def test_bytes_are_spread_evenly_over_the_age_of_the_group(window: Window, megabytes: int) -> None:
    assert estimated_bytes((window,), GROUP, now_ms=NOW) == pytest.approx(megabytes * MB)


def test_what_has_expired_has_no_bytes() -> None:
    group = replace(GROUP, retention_days=10)
    assert estimated_bytes((Window(0, NOW - 10 * DAY),), group, now_ms=NOW) == 0
    assert estimated_bytes((Window(0, NOW),), group, now_ms=NOW) == pytest.approx(6000 * MB)
    cut = slicing((Window(0, NOW),), group, now_ms=NOW, slice_bytes=MB, most=10)
    first = next(iter(cut.cut((Window(0, NOW),))))
    assert first == (Window(0, NOW - 9 * DAY),)


@pytest.mark.parametrize(
    ("stored", "most", "count"),
    [(0, 8, 1), (1, 8, 1), (10 * MB, 8, 1), (11 * MB, 8, 2), (1000 * MB, 8, 8), (10**12, 1, 1)],
)
def test_there_are_as_many_slices_as_are_worth_while(stored: int, most: int, count: int) -> None:
    group = replace(GROUP, stored_bytes=stored)
    windows = (Window(0, NOW),)
    cut = slicing(windows, group, now_ms=NOW, slice_bytes=64 * MB, most=most)
    assert cut.count == count
    assert len(list(cut.cut(windows))) == count

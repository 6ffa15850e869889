"""What a split asks for covers its part of a selection, each event once."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

import pytest
from athena_connectors.cloudwatch_logs.log_group import LogClass, LogGroup
from athena_connectors.cloudwatch_logs.requests import EventRead, reads_of
from athena_connectors.cloudwatch_logs.selection import Selection, StreamSelector, Window
from athena_connectors.cloudwatch_logs.split_text import split_text
from athena_connectors.cloudwatch_logs.splits import SplitPlan
from hypothesis import given, settings
from hypothesis import strategies as st

GROUP = LogGroup("/app")
ONE = StreamSelector(("a",))
TWO = StreamSelector(("a", "b"))
SPAN = (Window(10, 20),)


def _reads(
    selection: Selection,
    windows: tuple[Window, ...] = SPAN,
    *,
    planned_ms: int = 100,
    with_ids: bool = False,
) -> list[EventRead]:
    return list(reads_of(selection, windows, planned_ms=planned_ms, with_ids=with_ids))


def _request(selection: Selection, *, unmask: bool = False, **options: Any) -> dict[str, Any]:
    (read,) = _reads(selection, **options)
    return read.request(GROUP, unmask=unmask)


_BASE = {"logGroupName": "/app", "startTime": 10, "endTime": 20}


@pytest.mark.parametrize(
    ("selection", "with_ids", "operation", "request_"),
    [
        (Selection(SPAN), False, "FilterLogEvents", {}),
        (
            Selection(SPAN, ONE),
            False,
            "GetLogEvents",
            {"logStreamName": "a", "startFromHead": True},
        ),
        (Selection(SPAN, ONE), True, "FilterLogEvents", {"logStreamNames": ["a"]}),
        (Selection(SPAN, TWO), False, "FilterLogEvents", {"logStreamNames": ["a", "b"]}),
        (
            Selection(SPAN, StreamSelector(prefix="p/")),
            False,
            "FilterLogEvents",
            {"logStreamNamePrefix": "p/"},
        ),
        (
            Selection(SPAN, ONE, implied_pattern="%abc%"),
            False,
            "FilterLogEvents",
            {"logStreamNames": ["a"], "filterPattern": "%abc%"},
        ),
        (
            Selection(SPAN, ONE, newest_first=True, limit=7),
            False,
            "FilterLogEvents",
            {"logStreamNames": ["a"], "startFromHead": False, "limit": 7},
        ),
        (
            Selection(SPAN, ONE, limit=9),
            False,
            "GetLogEvents",
            {"logStreamName": "a", "startFromHead": True, "limit": 9},
        ),
        (Selection(SPAN, limit=10_000), False, "FilterLogEvents", {}),
    ],
)
def test_the_request_names_what_is_selected(
    selection: Selection, operation: str, request_: dict[str, Any], *, with_ids: bool
) -> None:
    (read,) = _reads(selection, with_ids=with_ids)
    assert read.operation == operation
    assert read.request(GROUP, unmask=False) == {**_BASE, **request_}


def test_groups_of_other_accounts_are_named_by_their_arn_and_data_unmasked_if_wanted() -> None:
    (read,) = _reads(Selection(SPAN))
    request = read.request(replace(GROUP, identifier="arn:x"), unmask=True)
    assert request["logGroupIdentifier"] == "arn:x"
    assert "logGroupName" not in request
    assert request["unmask"] is True


@pytest.mark.parametrize("count", [1, 99, 100, 101, 200, 201, 1000])
def test_each_stream_is_named_once_by_requests_of_a_hundred(count: int) -> None:
    names = tuple(f"s{number}" for number in range(count))
    batches = [read.streams.names or () for read in _reads(Selection(SPAN, StreamSelector(names)))]
    assert tuple(name for batch in batches for name in batch) == names
    assert max(map(len, batches)) <= 100
    assert len(batches) == -(-count // 100)


def test_each_pattern_is_asked_for_and_shown() -> None:
    reads = _reads(Selection(SPAN, patterns=("", "x"), implied_pattern="%no%"))
    assert [(read.pattern, read.shown) for read in reads] == [("", ""), ("x", "x")]
    (read,) = _reads(Selection(SPAN, implied_pattern="%yes%"))
    assert (read.pattern, read.shown) == ("%yes%", None)


_EDGES = st.lists(st.integers(0, 200), min_size=2, max_size=8, unique=True).map(sorted)


@given(
    edges=_EDGES,
    planned_ms=st.integers(0, 210),
    newest_first=st.booleans(),
    oldest_first=st.booleans(),
)
@settings(max_examples=200, deadline=None)
def test_each_ms_is_read_once_and_what_comes_later_is_read_backward(
    edges: list[int], planned_ms: int, *, newest_first: bool, oldest_first: bool
) -> None:
    windows = tuple(Window(a, b) for a, b in zip(edges[::2], edges[1::2], strict=False))
    selection = Selection(
        windows, newest_first=newest_first, oldest_first=oldest_first and not newest_first
    )
    reads = _reads(selection, windows, planned_ms=planned_ms)
    wanted = Counter(ms for window in windows for ms in range(window.start, window.end or 0))
    assert Counter(ms for r in reads for ms in range(r.window.start, r.window.end or 0)) == wanted
    starts = [read.window.start for read in reads]
    assert starts == sorted(starts, reverse=newest_first)
    assert {read.is_ordered for read in reads} == {newest_first or oldest_first}
    if newest_first or oldest_first:
        assert {read.is_backward for read in reads} == {newest_first}
    else:
        assert all(read.is_backward == (read.window.start >= planned_ms) for read in reads)
        assert all(read.is_backward or (read.window.end or 0) <= planned_ms for read in reads)


def test_the_text_of_a_split_is_what_it_asks_for() -> None:
    part = SplitPlan((Window(10, 20), Window(30, 40)), 100)
    assert split_text(GROUP, Selection(part.windows, ONE), part, with_ids=False) == (
        "GetLogEvents /app startTime=10 endTime=20 logStreamNames='a'\n"
        "GetLogEvents /app startTime=30 endTime=40 logStreamNames='a'"
    )
    text = split_text(GROUP, Selection(part.windows, ONE), part, with_ids=True)
    assert text.startswith("FilterLogEvents /app startTime=10")


def test_the_text_of_a_split_by_logs_insights_is_its_query() -> None:
    rare = replace(GROUP, log_class=LogClass.INFREQUENT_ACCESS)
    part = SplitPlan((Window(1999, 5001),), 10_000)
    text = split_text(rare, Selection(part.windows), part, with_ids=False)
    assert text == (
        "StartQuery /app from 1 to 6 limit 100000\n"
        "fields @timestamp, @message, @logStream, @ingestionTime | sort @timestamp asc"
    )

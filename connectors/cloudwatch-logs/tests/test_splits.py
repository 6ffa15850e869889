"""Splits hold each ms of a selection once, are the same at every call, and end."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pyarrow as pa
import pytest
from athena_connectors.cloudwatch_logs.log_group import LogGroup
from athena_connectors.cloudwatch_logs.selection import Selection, StreamSelector, Window
from athena_connectors.cloudwatch_logs.settings import Settings
from athena_connectors.cloudwatch_logs.splits import (
    MAX_LEAD_MS,
    SplitPlan,
    plan,
    split_plan,
    splits_of,
)
from athena_connectors.common.errors import InvalidRequestError
from athena_connectors.common.paging import page_by_index
from athena_connectors.common.protocol.messages import Split

DAY = 86_400_000
NOW = 1_750_000_000_000
CAP = NOW + MAX_LEAD_MS + 1
GROUP = LogGroup("/app", created_at=NOW - 100 * DAY, stored_bytes=10**15)
ALL = Selection((Window(0, None),))


def _plan(selection: Selection, group: LogGroup = GROUP, **changes: Any) -> pa.RecordBatch:
    return plan(selection, group, replace(Settings(), **changes), now_ms=NOW)


def _splits(selection: Selection, group: LogGroup = GROUP, **changes: Any) -> list[SplitPlan]:
    return [split_plan(split) for split in splits_of(_plan(selection, group, **changes))]


def _ms(plans: list[SplitPlan]) -> int:
    return sum((each.end or 0) - each.start for part in plans for each in part.windows)


@pytest.mark.parametrize("count", [1, 2, 999, 1000])
def test_acceptance_03_each_ms_is_of_one_split_however_many_there_are(count: int) -> None:
    planned = _plan(ALL, max_splits=count)
    plans = [split_plan(split) for split in splits_of(planned)]
    assert len(plans) == count
    assert _ms(plans) == CAP
    edges = [(part.windows[0].start, part.windows[0].end) for part in plans]
    assert [start for start, _ in edges] == [0, *(end for _, end in edges[:-1])]
    assert {part.count for part in plans} == {count}
    assert {part.planned_ms for part in plans} == {NOW}


@pytest.mark.parametrize("count", [1, 7, 8, 9, 16, 17])
def test_complaint_10_no_split_is_lost_or_repeated_where_pages_of_splits_meet(count: int) -> None:
    planned = _plan(ALL, max_splits=count)
    found: list[Split] = []
    token: str | None = None
    while True:
        page = page_by_index(splits_of(planned), token=token, page_size=8)
        found += page.items
        token = page.next_token
        if token is None:
            break
    assert found == list(splits_of(planned))
    assert len(found) == count


def test_complaint_02_the_layout_is_one_row_of_constant_size() -> None:
    names = tuple(f"{number:0500d}" for number in range(5000))
    windows = tuple(Window(number * DAY, number * DAY + 1) for number in range(8))
    planned = _plan(Selection(windows, StreamSelector(names)), max_splits=1000)
    assert planned.num_rows == 1
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, planned.schema) as writer:
        writer.write_batch(planned)
    assert sink.getvalue().size < 2000


def test_times_end_where_an_event_that_exists_now_can_be() -> None:
    assert _splits(ALL, max_splits=1) == [SplitPlan((Window(0, CAP),), NOW)]
    late = Selection((Window(5, 6), Window(NOW, NOW + DAY), Window(CAP, None)))
    assert _splits(late, max_splits=1) == [SplitPlan((Window(5, 6), Window(NOW, CAP)), NOW)]


@pytest.mark.parametrize("windows", [(), (Window(CAP, None),), (Window(CAP, CAP + 1),)])
def test_where_no_event_can_be_there_is_no_split(windows: tuple[Window, ...]) -> None:
    planned = _plan(Selection(windows))
    assert planned.num_rows == 0
    assert list(splits_of(planned)) == []


def test_splits_do_not_depend_on_what_changes_after_planning() -> None:
    planned = _plan(ALL)
    first = list(splits_of(planned))
    assert len(first) == 8
    assert list(splits_of(planned)) == first


def test_few_rows_are_read_by_one_reader_unless_a_pattern_passes_most_events_over() -> None:
    assert len(_splits(replace(ALL, limit=10_000))) == 1
    assert len(_splits(replace(ALL, limit=10_001))) == 8
    assert len(_splits(replace(ALL, limit=10, patterns=("x",)))) == 8


def test_a_small_group_is_read_by_one_reader() -> None:
    assert len(_splits(ALL, replace(GROUP, stored_bytes=1000))) == 1


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("__log_windows", None),
        ("__log_windows", ""),
        ("__log_windows", "[]"),
        ("__log_windows", "7"),
        ("__log_windows", "[[1]]"),
        ("__log_windows", '[["a",2]]'),
        ("__log_windows", "[[1,null]]"),
        ("__log_planned", None),
        ("__log_planned", "-1"),
        ("__log_splits", None),
        ("__log_splits", "0"),
        ("__log_splits", "x"),
    ],
)
def test_a_split_of_another_version_is_refused(name: str, value: str | None) -> None:
    (split,) = splits_of(_plan(ALL, max_splits=1))
    properties = dict(split.properties)
    if value is None:
        del properties[name]
    else:
        properties[name] = value
    with pytest.raises(InvalidRequestError, match=f"Property {name} of the split"):
        split_plan(Split(properties))


def test_a_layout_of_another_version_is_refused() -> None:
    planned = _plan(ALL).drop_columns(["__log_first"])
    with pytest.raises(InvalidRequestError, match="lacks column __log_first"):
        list(splits_of(planned))

"""Pages of events become rows, by Arrow and by Python alike, and nothing else does."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest
from athena_connectors.cloudwatch_logs.pages import (
    EventPage,
    RowMaker,
    event_columns,
    read_event_page,
)
from athena_connectors.cloudwatch_logs.selection import Window
from athena_connectors.cloudwatch_logs.settings import Settings
from athena_connectors.cloudwatch_logs.types import table_schema
from athena_connectors.common.errors import SourceError
from athena_connectors.common.types import cast_batch
from hypothesis import given, settings
from hypothesis import strategies as st

if TYPE_CHECKING:
    from collections.abc import Mapping

COLUMNS = ("log_stream", "time", "message", "ingestion_time", "event_id")
SCHEMA = table_schema(Settings())
MB = 1 << 20


@dataclass(frozen=True)
class _Reply:
    body: bytes | None = None
    parsed: Mapping[str, Any] | None = None


def _page(told: Any, *columns: str) -> EventPage:
    return read_event_page(_Reply(json.dumps(told).encode()), columns or COLUMNS)


def _python(told: Any) -> EventPage:
    return read_event_page(_Reply(parsed=told), COLUMNS)


def _event(number: int, **changes: Any) -> dict[str, Any]:
    return {
        "logStreamName": f"s{number}",
        "timestamp": 1000 + number,
        "message": f"m {number}",
        "ingestionTime": 2000 + number,
        "eventId": f"{number:056d}",
        **changes,
    }


_TEXTS = st.text(
    st.characters(exclude_categories=["Cs"]) | st.sampled_from('\\"\x00\n/\U0001f600'), max_size=20
)
_EVENT = st.fixed_dictionaries(
    {},
    optional={
        "logStreamName": _TEXTS,
        "timestamp": st.integers(-(2**63), 2**63 - 1),
        "message": _TEXTS,
        "ingestionTime": st.integers(0, 2**50),
        "eventId": st.text("0123456789", min_size=56, max_size=56),
        "unknown": st.just({"a": [1, None]}),
    },
)


@given(
    events=st.lists(_EVENT, max_size=6),
    tokens=st.fixed_dictionaries(
        {},
        optional={
            name: _TEXTS | st.none()
            for name in ("nextToken", "nextForwardToken", "nextBackwardToken")
        },
    ),
    ascii_=st.booleans(),
)
@settings(max_examples=200, deadline=None)
def test_a_reply_says_the_same_however_it_is_read(
    events: list[dict[str, Any]], tokens: dict[str, str | None], *, ascii_: bool
) -> None:
    told = {"events": events, "searchedLogStreams": [], **tokens}
    body = json.dumps(told, ensure_ascii=ascii_).encode()
    page, parsed = read_event_page(_Reply(body), COLUMNS), _python(told)
    assert page.events.equals(parsed.events)
    assert page.events.to_pylist() == [
        {"log_stream": event.get("logStreamName"), **_others(event)} for event in events
    ]
    assert page.tokens == parsed.tokens == {k: v for k, v in tokens.items() if v is not None}
    assert page.num_bytes == len(body)


def _others(event: dict[str, Any]) -> dict[str, Any]:
    return {
        "time": event.get("timestamp"),
        "message": event.get("message"),
        "ingestion_time": event.get("ingestionTime"),
        "event_id": event.get("eventId"),
    }


def test_only_what_is_wanted_is_read() -> None:
    assert event_columns(["message", "log_group", "event_time"]) == ("time", "message")
    assert event_columns([]) == ("time",)
    assert _page({"events": [_event(1)]}, "time").events.schema.names == ["time"]


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("\\ud800", "�"),
        ("a\\udc00b", "a�b"),
        ("\\ud83d\\ude00", "\U0001f600"),
        ("\\ude00\\ud83d", "��"),
        ("\\ud800\\ud83d\\ude00", "�\U0001f600"),
    ],
)
def test_acceptance_12_halves_of_surrogate_pairs_are_replaced(written: str, shown: str) -> None:
    body = f'{{"events":[{{"timestamp":1,"message":"{written}"}},{{"message":"é"}}]}}'
    page = read_event_page(_Reply(body.encode()), ("time", "message"))
    assert page.events["message"].to_pylist() == [shown, "é"]


def test_bytes_that_are_no_text_are_replaced() -> None:
    page = read_event_page(_Reply(b'{"events":[{"message":"a\xffb"}]}'), ("time", "message"))
    assert page.events["message"].to_pylist() == ["a�b"]


def test_acceptance_12_a_message_of_a_megabyte_is_whole() -> None:
    text = "é\\" * (MB // 3)
    told = {"events": [_event(1, message=text), _event(2)]}
    assert _page(told).events["message"].to_pylist() == [text, "m 2"]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"no",
        b"7",
        b"[]",
        b"{}",
        b'{"events":null}',
        b'{"events":7}',
        b'{"events":[7]}',
        b'{"events":[{"timestamp":"soon"}]}',
        b'{"events":[{"message":{"a":1}}]}',
        b'{"events":[{"timestamp":1}',
    ],
)
def test_what_is_no_page_is_an_error(body: bytes) -> None:
    with pytest.raises(SourceError, match="something else than a page"):
        read_event_page(_Reply(body), COLUMNS)


def test_no_reply_at_all_is_an_error() -> None:
    with pytest.raises(SourceError):
        read_event_page(_Reply(), COLUMNS)


def test_events_are_kept_to_the_window() -> None:
    events = [_event(number) for number in range(6)]
    del events[5]["timestamp"]
    page = _page({"events": events})
    for window, kept in {
        Window(1001, 1003): [1001, 1002, None],
        Window(0, 1001): [1000, None],
        Window(1004, None): [1004, None],
        Window(0, 5000): [1000, 1001, 1002, 1003, 1004, None],
        Window(2000, 3000): [None],
    }.items():
        assert page.within(window)["time"].to_pylist() == kept


def test_events_are_kept_to_the_beginning_of_streams() -> None:
    page = _page({"events": [_event(1), _event(2), _event(12)]})
    assert page.within(Window(0, None), prefix="s1")["time"].to_pylist() == [1001, 1012]


def test_an_empty_page_has_no_row() -> None:
    page = _page({"events": []})
    assert page.within(Window(0, 1)).num_rows == 0
    assert RowMaker(SCHEMA.names, group="g").rows(page.events).num_rows == 0


def test_rows_have_all_columns_in_the_types_of_the_table() -> None:
    page = _page({"events": [_event(1), {}]})
    rows = RowMaker(SCHEMA.names, group="/app").rows(page.events, pattern="x")
    assert rows.schema.equals(SCHEMA)
    assert cast_batch(rows, SCHEMA, table="t").equals(rows)
    first, second = rows.to_pylist()
    assert rows["event_time"].view(pa.int64()).to_pylist() == [1001, None]
    assert first["log_stream"] == "s1"
    assert first["log_group"] == second["log_group"] == "/app"
    assert first["filter_pattern"] == second["filter_pattern"] == "x"
    assert {name for name, value in second.items() if value is None} == {
        *("log_stream", "time", "message", "event_time", "ingestion_time", "event_id")
    }


def test_a_stream_that_events_do_not_tell_is_filled_in() -> None:
    page = _page({"events": [{"timestamp": 1, "message": "a"}]}, "time", "message")
    rows = RowMaker(["message", "log_stream", "event_id"], group="g").rows(page.events, stream="s")
    assert rows.to_pylist() == [{"message": "a", "log_stream": "s", "event_id": None}]


def test_rows_without_columns_are_counted() -> None:
    page = _page({"events": [_event(1), _event(2)]}, "time")
    rows = RowMaker([], group="g").rows(page.events)
    assert (rows.num_rows, rows.num_columns) == (2, 0)

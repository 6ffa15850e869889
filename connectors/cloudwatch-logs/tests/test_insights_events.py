"""Events read by Logs Insights are those of the selection, each once, or there is an error."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import pytest
from athena_connectors.cloudwatch_logs.insights_events import (
    EventQueries,
    event_text,
    read_events,
)
from athena_connectors.cloudwatch_logs.log_group import LogClass, LogGroup
from athena_connectors.cloudwatch_logs.selection import Selection, StreamSelector, Window
from athena_connectors.common.errors import (
    DataConversionError,
    InvalidRequestError,
    SourceError,
    UnsupportedOperationError,
)
from athena_connectors.common.observability import SplitStats
from athena_connectors.common.source_calls import Reply
from athena_connectors.common.testing.logs_service import LogsService
from hypothesis import given, settings
from hypothesis import strategies as st

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from athena_connectors.cloudwatch_logs.insights import InsightsClient
    from athena_connectors.common.testing.logs_server import LogsFake

    from conftest import Connect

_DAY_MS = 86_400_000
_ZERO = 1_700_000_000_000
_NOW = _ZERO + 20 * _DAY_MS
_GROUP = LogGroup("/app/rare", log_class=LogClass.INFREQUENT_ACCESS)
_STREAMS = ("stream-1", "stream-10", "stream-1-b", 'qu"ote', "back\\slash", "STREAM-1", "é")

_Row = tuple[str, int, str]


@dataclass
class _Service:
    """The stand-in without HTTP, so that many queries take no time.

    Attributes:
        adds_second: Whether it gives the rest of the last second, and more, too.
        group: A query that ends before it was made, or before what it keeps, is refused.
    """

    events: Sequence[_Row]
    group: LogGroup = _GROUP
    adds_second: bool = False
    page_rows: int = 10_000
    pages: int = 0
    requests: list[dict[str, Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._service = LogsService(seed=1)
        self._service.groups.create(
            self.group.name,
            account="123456789012",
            log_class=self.group.log_class.value,
            created_at=0,
            retention_days=None,
            stored_bytes=0,
            source=None,
        )
        for stream, time, message in self.events:
            self._service.groups.put(
                self.group.name,
                stream,
                [(time, message)],
                account="123456789012",
                ingested_at=time + 7,
            )

    def call(self, operation: str, request: Mapping[str, Any], **_: Any) -> Mapping[str, Any]:
        if operation == "StartQuery":
            self.requests.append(dict(request))
            request = self._checked(request)
        reply: Mapping[str, Any] = json.loads(self._answer(operation, request))
        return reply

    def read(self, operation: str, request: Mapping[str, Any], **_: Any) -> Reply:
        self.pages += 1
        paged = {**request, "maxItems": min(request["maxItems"], self.page_rows)}
        return Reply(self._answer(operation, paged))

    def attempt(self, operation: str, request: Mapping[str, Any]) -> None:
        self._answer(operation, request)

    def pause(self, seconds: float) -> None: ...

    def _checked(self, request: Mapping[str, Any]) -> Mapping[str, Any]:
        end_ms = request["endTime"] * 1000
        oldest = self.group.created_at
        if self.group.retention_days is not None:
            oldest = max(oldest, _NOW - self.group.retention_days * _DAY_MS)
        if end_ms < oldest:
            raise InvalidRequestError("Query's end date and time is before the group's creation.")
        return {**request, "endTime": request["endTime"] + self.adds_second}

    def _answer(self, operation: str, request: Mapping[str, Any]) -> bytes:
        answer = self._service.answer(operation, request, "key")
        assert answer.status == 200, answer.body
        return answer.body


def _queries(client: InsightsClient, **changes: Any) -> EventQueries:
    told: dict[str, Any] = {"timeout_s": 60, "deadline": None, "now_ms": _NOW, **changes}
    return EventQueries(client, stats=SplitStats(), **told)


def _read(queries: EventQueries, selection: Selection, group: LogGroup = _GROUP) -> list[_Row]:
    rows: list[_Row] = []
    for batch in read_events(queries, group, selection):
        assert batch.num_rows
        table = batch.to_pydict()
        assert table["ingestion_time"] == [time + 7 for time in table["time"]]
        rows += zip(table["log_stream"], table["time"], table["message"], strict=True)
    return rows


def _wanted(events: Sequence[_Row], selection: Selection) -> list[_Row]:
    names, prefix = selection.streams.names, selection.streams.prefix
    return [
        (stream, time, message)
        for stream, time, message in events
        if any(w.start <= time < (w.end or 0) for w in selection.windows)
        and (names is None or stream in names)
        and stream.startswith(prefix)
    ]


_TIMES = st.integers(0, 30_000).map(lambda offset: _ZERO + offset)
_EVENTS = st.lists(st.tuples(st.sampled_from(_STREAMS), _TIMES), min_size=4, max_size=40).map(
    lambda found: [(stream, time, f"{n}") for n, (stream, time) in enumerate(found)]
)


def _windows(edges: list[int]) -> tuple[Window, ...]:
    ordered = sorted(set(edges))
    return tuple(Window(a, b) for a, b in zip(ordered[::2], ordered[1::2], strict=False))


_SELECTORS = st.one_of(
    st.just(StreamSelector()),
    st.sampled_from(["stream-1", "s", "ream", "1", 'qu"']).map(
        lambda prefix: StreamSelector(prefix=prefix)
    ),
    st.lists(st.sampled_from(_STREAMS), max_size=6).map(lambda names: StreamSelector(tuple(names))),
)
_SELECTIONS = st.builds(
    Selection,
    windows=st.lists(_TIMES, min_size=2, max_size=6, unique=True).map(_windows),
    streams=_SELECTORS,
    newest_first=st.booleans(),
    limit=st.none() | st.integers(1, 25),
)


@given(_EVENTS, _SELECTIONS, st.integers(4, 20), st.integers(1, 5), st.booleans())
@settings(max_examples=300, deadline=None)
def test_acceptance_01_events_are_those_of_the_selection(
    events: list[_Row],
    selection: Selection,
    max_rows: int,
    page_rows: int,
    adds_second: bool,  # noqa: FBT001 - drawn
) -> None:
    seconds = [time // 1000 for _, time, _ in events]
    # A query of one second gives rows of the next ones too.
    if any(sum(0 <= other - at <= 2 for other in seconds) >= max_rows for at in seconds):
        max_rows = 50
    client = _Service(events, adds_second=adds_second, page_rows=page_rows)
    rows = _read(_queries(client, max_rows=max_rows), selection)
    wanted = _wanted(events, selection)
    times = [time for _, time, _ in rows]
    assert times == sorted(times, reverse=selection.newest_first)
    if selection.limit is None:
        assert sorted(rows) == sorted(wanted)
    else:
        assert len(set(rows)) == len(rows)
        assert set(rows) <= set(wanted)
        expected = sorted((time for _, time, _ in wanted), reverse=selection.newest_first)
        assert times == expected[: selection.limit]


def test_complaint_09_a_stream_never_gives_rows_of_one_whose_name_begins_alike() -> None:
    events = [(stream, _ZERO, stream) for stream in _STREAMS]
    selection = Selection((Window(_ZERO, _ZERO + 1),), StreamSelector(("stream-1",)))
    assert _read(_queries(_Service(events)), selection) == [events[0]]


def test_streams_are_told_to_the_service_as_far_as_their_names_are_plain() -> None:
    def text(**streams: Any) -> str:
        return event_text(StreamSelector(**streams), newest_first=False)

    plain = "2024/01/01/[$LATEST]0a"
    assert f'| filter @logStream in ["{plain}", "b"] |' in text(names=(plain, "b"))
    assert '| filter @logStream like "web-" |' in text(prefix="web-")
    assert "filter" not in text(names=("b", 'c"'))
    assert "filter" not in text(prefix="a\\")
    assert "filter" not in text(names=tuple(f"stream-{n:09d}" for n in range(1000)))
    assert "filter" not in text()


def test_complaint_19_more_events_than_a_query_gives_take_more_queries() -> None:
    events = [("s", _ZERO + n * 100, str(n)) for n in range(2000)]
    client = _Service(events)
    selection = Selection((Window(_ZERO, _ZERO + 200_000),))
    assert _read(_queries(client, max_rows=200), selection) == events
    assert len(client.requests) < 20
    scanned = sum(request["endTime"] - request["startTime"] for request in client.requests)
    assert scanned < 3 * 200


def test_more_events_of_one_second_than_a_query_gives_are_an_error() -> None:
    events = [("s", _ZERO + n, str(n)) for n in range(60)]
    for newest_first in (False, True):
        selection = Selection((Window(_ZERO, _ZERO + 5000),), newest_first=newest_first)
        with pytest.raises(UnsupportedOperationError, match="the second 1700000000 since"):
            _read(_queries(_Service(events), max_rows=50), selection)
        assert len(_read(_queries(_Service(events), max_rows=61), selection)) == 60


@pytest.mark.parametrize("newest_first", [False, True])
def test_a_limit_makes_queries_small(newest_first: bool) -> None:  # noqa: FBT001 - parameter
    events = [("s", _ZERO + n, str(n)) for n in range(3000)]
    client = _Service(events)
    selection = Selection((Window(_ZERO, _ZERO + 3000),), newest_first=newest_first, limit=10)
    rows = _read(_queries(client), selection)
    assert rows == (events[::-1] if newest_first else events)[:10]
    assert [request["limit"] for request in client.requests] == [1000]


def test_a_limit_that_other_streams_use_up_is_raised() -> None:
    others = [("é", _ZERO, str(n)) for n in range(1500)]
    events = [*others, ("back\\slash", _ZERO + 1, "wanted")]
    client = _Service(events)
    streams = StreamSelector(("back\\slash",))
    selection = Selection((Window(_ZERO, _ZERO + 3000),), streams, limit=1)
    assert _read(_queries(client), selection) == events[-1:]
    assert [request["limit"] for request in client.requests] == [1000, 100_000]


@pytest.mark.parametrize("changes", [{"created_at": _ZERO + 5 * _DAY_MS}, {"retention_days": 3}])
@pytest.mark.parametrize("newest_first", [False, True])
def test_windows_that_the_service_refuses_give_what_is_there(
    changes: dict[str, Any],
    newest_first: bool,  # noqa: FBT001 - parameter
) -> None:
    group = replace(_GROUP, **changes)
    events = [("s", _ZERO, "old"), ("s", _ZERO + 4 * _DAY_MS, "between")]
    client = _Service(events, group)
    selection = Selection((Window(_ZERO, _ZERO + 1000),), newest_first=newest_first)
    assert _read(_queries(client), selection, group) == events[:1]


def test_pages_behind_the_window_are_not_read() -> None:
    group = replace(_GROUP, created_at=_ZERO + 5 * _DAY_MS)
    events = [("s", _ZERO + n * 1000, str(n)) for n in range(100)]
    client = _Service(events, group, page_rows=10)
    assert _read(_queries(client), Selection((Window(_ZERO, _ZERO + 5000),)), group) == events[:5]
    assert (len(client.requests), client.pages) == (1, 1)


def test_what_selects_nothing_asks_nothing() -> None:
    client = _Service([])
    assert _read(_queries(client), Selection(())) == []
    nothing = Selection((Window(_ZERO, _ZERO + 1),), StreamSelector(()))
    assert _read(_queries(client), nothing) == []
    assert client.requests == []


def test_acceptance_09_a_group_of_class_infrequent_access_is_read(
    logs: LogsFake, insights: Connect
) -> None:
    logs.create_group(_GROUP.name, log_class="INFREQUENT_ACCESS")
    logs.put(_GROUP.name, "web", [(_ZERO, "a"), (_ZERO + 1, "b\ud83d")])
    selection = Selection((Window(_ZERO, _ZERO + 2),))
    for as_ms in (False, True):
        logs.switch_insights(times_as_ms=as_ms)
        (batch,) = read_events(_queries(insights()), _GROUP, selection)
        assert batch.to_pydict() == {
            "log_stream": ["web", "web"],
            "time": [_ZERO, _ZERO + 1],
            "message": ["a", "b\ufffd"],
            "ingestion_time": [_ZERO + 500, _ZERO + 501],
        }


def test_acceptance_09_what_insights_can_t_read_names_the_class() -> None:
    client = _Service([])
    group = replace(_GROUP, log_class=LogClass.DELIVERY)
    window = (Window(_ZERO, _ZERO + 1),)
    with pytest.raises(UnsupportedOperationError, match="class DELIVERY"):
        _read(_queries(client), Selection(window), group)
    with pytest.raises(UnsupportedOperationError, match="class INFREQUENT_ACCESS"):
        _read(_queries(client), Selection(window, patterns=("ERROR",)))
    assert client.requests == []


def test_complaint_17_a_group_of_another_account_is_named_by_its_identifier(
    logs: LogsFake, insights: Connect
) -> None:
    account = "210987654321"
    logs.create_group("/far", log_class="INFREQUENT_ACCESS", account=account)
    logs.put("/far", "web", [(_ZERO, "a")], account=account)
    arn = f"arn:aws:logs:{logs.settings['AWS_REGION']}:{account}:log-group:/far"
    group = LogGroup("/far", arn, LogClass.INFREQUENT_ACCESS)
    selection = Selection((Window(_ZERO, _ZERO + 1),))
    (batch,) = read_events(_queries(insights()), group, selection)
    assert batch["message"].to_pylist() == ["a"]


_STAMP = {"@timestamp": "2023-11-14 22:13:20.000", "@message": "m", "@logStream": "s"}


@pytest.mark.parametrize(
    ("rows", "error"),
    [
        ([{**_STAMP, "@timestamp": "yesterday"}], DataConversionError),
        ([_STAMP, {**_STAMP, "@timestamp": "2023-11-14 22:13:19.000"}], SourceError),
        ([_STAMP, {"@message": "m"}], SourceError),
        ([{**_STAMP, "@ptr.$['input']": "p"}], SourceError),
    ],
)
def test_rows_that_are_not_as_asked_for_are_an_error(
    logs: LogsFake, insights: Connect, rows: list[dict[str, str]], error: type[Exception]
) -> None:
    logs.create_group(_GROUP.name, log_class="INFREQUENT_ACCESS")
    logs.script(rows=rows)
    with pytest.raises(error):
        list(read_events(_queries(insights()), _GROUP, Selection((Window(0, _NOW),))))

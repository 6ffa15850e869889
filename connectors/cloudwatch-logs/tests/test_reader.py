"""Reading from a service that pages, refuses and forgets: each event once, or an error."""

from __future__ import annotations

import logging
import math
import time
from collections import Counter
from dataclasses import dataclass, field, replace
from itertools import count
from typing import TYPE_CHECKING, Any

import pytest
from athena_connectors.cloudwatch_logs import chains, insights, reader, tally
from athena_connectors.cloudwatch_logs.chains import Chains
from athena_connectors.cloudwatch_logs.client import Client
from athena_connectors.cloudwatch_logs.log_group import LogClass, LogGroup, LogTable
from athena_connectors.cloudwatch_logs.reader import EventReader
from athena_connectors.cloudwatch_logs.requests import EventRead, reads_of
from athena_connectors.cloudwatch_logs.selection import Selection, StreamSelector, Window
from athena_connectors.cloudwatch_logs.settings import Settings
from athena_connectors.cloudwatch_logs.splits import SplitPlan
from athena_connectors.common.config import load_settings
from athena_connectors.common.errors import (
    AccessDeniedError,
    ConnectorError,
    DeadlineExceededError,
    InvalidRequestError,
    QueryStoppedError,
    SchemaNotFoundError,
    SourceError,
    TableNotFoundError,
    ThrottledError,
    UnsupportedOperationError,
)
from athena_connectors.common.observability import SplitStats
from athena_connectors.common.read_ahead import batches_of
from athena_connectors.common.source_calls import Reply
from athena_connectors.common.testing.conformance.threads import no_thread_stays
from athena_connectors.common.testing.logs_faults import LogsFault

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pyarrow as pa
    from athena_connectors.common.testing.logs_server import LogsFake

ZERO = 1_720_000_000_000
EVENTS = 60
STREAMS = ("stream-1", "stream-10", "stream-1-b")
ALL = Window(ZERO, ZERO + 1_000_000)
COLUMNS = ("log_stream", "time", "message")

Row = tuple[str, int, str]


@dataclass
class Reading:
    """Reads one group of a stand-in."""

    client: Client
    settings: Settings
    group: LogGroup
    stats: SplitStats = field(default_factory=SplitStats)

    def batches(
        self,
        selection: Selection,
        *,
        stream: str | None = None,
        columns: tuple[str, ...] = COLUMNS,
        ahead: bool = True,
        deadline: float | None = None,
        planned_ms: int = ZERO + 10_000_000,
    ) -> Iterator[pa.RecordBatch]:
        table = LogTable(self.group, stream)
        opened = EventReader(self.client, table, "schema", columns, self.settings, deadline)
        part = SplitPlan(selection.windows, planned_ms)
        return batches_of(
            lambda: opened.pages(selection, part),
            stats=self.stats,
            ahead=ahead,
            cancel=self.client.cancel,
        )

    def rows(self, selection: Selection, **options: Any) -> list[Row]:
        found: list[Row] = []
        for batch in self.batches(selection, **options):
            assert batch.num_rows
            found += zip(*(batch[name].to_pylist() for name in COLUMNS), strict=True)
        return found


@pytest.fixture(autouse=True)
def _no_thread_stays() -> Iterator[None]:
    with no_thread_stays():
        yield


@pytest.fixture
def make(logs: LogsFake) -> Iterator[Any]:
    made: list[Client] = []

    def opened(**settings: str) -> Reading:
        environ = {**logs.settings, "throttle_max_delay_ms": "20", **settings}
        parsed = load_settings(Settings, environ)
        made.append(Client(parsed, environ))
        return Reading(made[-1], parsed, LogGroup("/app", created_at=ZERO))

    yield opened
    for client in made:
        client.close()


@pytest.fixture
def reading(make: Any, logs: LogsFake) -> Reading:
    _fill(logs)
    opened: Reading = make()
    return opened


def _fill(logs: LogsFake) -> None:
    logs.create_group("/app", created_at=ZERO)
    for stream in STREAMS:
        logs.put("/app", stream, ((time, text) for each, time, text in ROWS if each == stream))


ROWS: list[Row] = [
    (STREAMS[number % 3], ZERO + number // 2 * 1000, f"message {number}")
    for number in range(EVENTS)
]


def _once(found: list[Row], expected: list[Row]) -> None:
    assert Counter(found) == Counter(expected)


def _of(*streams: str) -> list[Row]:
    return [row for row in ROWS if row[0] in streams]


SELECTORS = {
    "group": StreamSelector(),
    "one": StreamSelector(("stream-1",)),
    "some": StreamSelector(("stream-1", "stream-1-b")),
    "prefix": StreamSelector(prefix="stream-1-"),
}


def _selected(selector: StreamSelector) -> list[Row]:
    names = selector.names
    return [
        row
        for row in ROWS
        if (names is None or row[0] in names) and row[0].startswith(selector.prefix)
    ]


# Pages and tokens


@pytest.mark.parametrize("ahead", [True, False])
@pytest.mark.parametrize("inclusive", [True, False])
@pytest.mark.parametrize("mode", SELECTORS)
def test_each_event_is_read_once_however_the_service_pages(
    reading: Reading, logs: LogsFake, mode: str, *, inclusive: bool, ahead: bool
) -> None:
    logs.switch(
        empty_pages=0.4,
        short_pages=0.3,
        page_events=7,
        filter_end_inclusive=inclusive,
    )
    selection = Selection((ALL,), SELECTORS[mode])
    _once(reading.rows(selection, ahead=ahead), _selected(SELECTORS[mode]))
    assert reading.stats.requests == logs.count()
    assert reading.stats.bytes_read > 1000
    assert reading.stats.source_seconds > 0


@pytest.mark.parametrize("inclusive", [True, False])
@pytest.mark.parametrize("mode", SELECTORS)
def test_windows_are_kept_to_the_ms(
    reading: Reading, logs: LogsFake, mode: str, *, inclusive: bool
) -> None:
    logs.switch(filter_end_inclusive=inclusive)
    windows = (
        Window(ZERO, ZERO + 1),
        Window(ZERO + 1000, ZERO + 3000),
        Window(ZERO + 9001, ALL.end),
    )
    expected = [
        row
        for row in _selected(SELECTORS[mode])
        if any(window.start <= row[1] < (window.end or 0) for window in windows)
    ]
    _once(reading.rows(Selection(windows, SELECTORS[mode])), expected)


def test_complaint_21_only_the_token_ends_a_read(reading: Reading, logs: LogsFake) -> None:
    logs.switch(empty_pages=0.9)
    _once(reading.rows(Selection((ALL,))), ROWS)
    _once(reading.rows(Selection((ALL,), SELECTORS["one"])), _of("stream-1"))


def test_requests_of_a_chain_are_the_same_but_for_the_token(
    reading: Reading, logs: LogsFake
) -> None:
    logs.switch(page_events=7)
    for mode, operation in {"group": "FilterLogEvents", "one": "GetLogEvents"}.items():
        reading.rows(Selection((ALL,), SELECTORS[mode]))
        requests = [dict(request) for request in logs.requests(operation)]
        tokens = [request.pop("nextToken", None) for request in requests]
        assert tokens[0] is None
        assert None not in tokens[1:]
        assert all(request == requests[0] for request in requests)


@pytest.mark.parametrize("repeats", [1, 4])
def test_a_repeated_token_is_tried_again(
    reading: Reading, logs: LogsFake, monkeypatch: pytest.MonkeyPatch, repeats: int
) -> None:
    monkeypatch.setattr(chains, "_FIRST_PAUSE_SECONDS", 0.0)
    logs.switch(token_repeats=repeats, page_events=25)
    _once(reading.rows(Selection((ALL,))), ROWS)


def test_a_token_that_is_repeated_for_ever_is_an_error(
    reading: Reading, logs: LogsFake, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chains, "_FIRST_PAUSE_SECONDS", 0.0)
    logs.switch(token_repeats=10**6, page_events=25)
    with pytest.raises(SourceError, match="same place of log group /app again and again"):
        reading.rows(Selection((ALL,)))
    assert logs.count() <= 8


def test_a_page_that_leads_to_itself_with_events_is_an_error() -> None:
    same = _Same()
    stats = SplitStats()
    opened = Chains(same, LogGroup("/app"), ("time",), unmask=False, deadline=None, stats=stats)
    pages = opened.pages(EventRead(ALL, StreamSelector()))
    with pytest.raises(SourceError, match="again and again"):
        list(pages)
    assert stats.requests == 2


class _Same:
    """Gives the same page at every call."""

    def call(self, operation: str, request: Any, *, deadline: float | None = None) -> Any:
        raise AssertionError(operation)

    def read(self, operation: str, request: Any, *, deadline: float | None = None) -> Reply:
        return Reply(parsed={"events": [{"timestamp": ZERO}], "nextToken": "same"})

    def pause(self, seconds: float) -> None: ...


def test_a_token_that_is_refused_ends_the_read_with_an_error(
    reading: Reading, logs: LogsFake
) -> None:
    logs.switch(page_events=25)
    logs.before("FilterLogEvents", 2, logs.expire_tokens)
    with pytest.raises(SourceError, match="does not go on with a read"):
        reading.rows(Selection((ALL,)))


# Growth and late events


@pytest.mark.parametrize("mode", SELECTORS)
def test_acceptance_07_reading_a_group_that_grows_with_each_call_ends(
    reading: Reading, logs: LogsFake, mode: str
) -> None:
    planned = ZERO + 500_000
    numbers = count()

    def grown() -> dict[str, list[tuple[int, str]]]:
        now = planned + next(numbers)
        return {stream: [(now, "own log line")] * 3 for stream in STREAMS}

    logs.grow("/app", grown)
    logs.switch(page_events=5, empty_pages=0.2)
    selection = Selection((Window(ZERO, planned + 7_200_000),), SELECTORS[mode])
    found = reading.rows(selection, planned_ms=planned)
    _once([row for row in found if row[2] != "own log line"], _selected(SELECTORS[mode]))
    assert logs.count() < 100


@pytest.mark.parametrize("mode", SELECTORS)
def test_events_of_times_to_come_are_read_too(reading: Reading, logs: LogsFake, mode: str) -> None:
    logs.switch(page_events=4, empty_pages=0.3, short_pages=0.2)
    planned = ROWS[EVENTS // 2][1]
    selection = Selection((ALL,), SELECTORS[mode])
    _once(reading.rows(selection, planned_ms=planned), _selected(SELECTORS[mode]))


@pytest.mark.parametrize("mode", SELECTORS)
def test_times_to_come_are_read_forward_where_the_service_reads_none_backward(
    reading: Reading, logs: LogsFake, monkeypatch: pytest.MonkeyPatch, mode: str
) -> None:
    read = Client.read

    def refusing(client: Client, operation: str, request: Any, **options: Any) -> Any:
        if not request.get("startFromHead", True):
            raise InvalidRequestError("startFromHead is not known.")
        return read(client, operation, request, **options)

    monkeypatch.setattr(Client, "read", refusing)
    planned = ROWS[EVENTS // 2][1]
    for pattern in ("", "%message%"):
        selection = Selection((ALL,), SELECTORS[mode], implied_pattern=pattern)
        _once(reading.rows(selection, planned_ms=planned), _selected(SELECTORS[mode]))
    with pytest.raises(InvalidRequestError, match="startFromHead"):
        reading.rows(Selection((ALL,), newest_first=True, limit=3))
    assert any("filterPattern" in request for request in logs.requests("FilterLogEvents")[-1:])


# Limit and order


def test_acceptance_08_a_limit_ends_the_read_with_the_page_that_reaches_it(
    reading: Reading, logs: LogsFake
) -> None:
    for selector in SELECTORS.values():
        logs.faults.forget()
        selection = Selection((ALL,), selector, limit=5)
        found = reading.rows(selection, ahead=False)
        assert len(found) == 5
        assert logs.count() == 1
        assert logs.calls[0].request["limit"] == 5


def test_a_limit_holds_for_all_requests_of_a_split_together(
    reading: Reading, logs: LogsFake
) -> None:
    logs.switch(empty_pages=0.5, short_pages=0.5)
    windows = tuple(Window(ZERO + n * 5000, ZERO + n * 5000 + 2001) for n in range(6))
    assert len(reading.rows(Selection(windows, limit=23), ahead=False)) == 23
    assert len(reading.rows(Selection((ALL,), limit=1000), ahead=False)) == EVENTS


@pytest.mark.parametrize("mode", SELECTORS)
@pytest.mark.parametrize("newest", [True, False])
def test_a_limited_read_in_order_gives_the_first_ones(
    reading: Reading, logs: LogsFake, mode: str, *, newest: bool
) -> None:
    logs.switch(empty_pages=0.3, short_pages=0.5)
    selection = Selection(
        (ALL,), SELECTORS[mode], newest_first=newest, oldest_first=not newest, limit=9
    )
    found = [row[1] for row in reading.rows(selection, ahead=False, planned_ms=ZERO + 3000)]
    ordered = sorted((row[1] for row in _selected(SELECTORS[mode])), reverse=newest)
    assert found == ordered[:9]


def test_several_windows_are_read_in_order(reading: Reading) -> None:
    windows = (Window(ZERO, ZERO + 2000), Window(ZERO + 5000, ZERO + 7000))
    selection = Selection(windows, oldest_first=True, limit=7)
    times = [row[1] - ZERO for row in reading.rows(selection, ahead=False)]
    assert times == [0, 0, 1000, 1000, 5000, 5000, 6000]


@pytest.mark.parametrize("newest", [True, False])
def test_pages_in_another_order_than_was_asked_for_are_an_error(
    reading: Reading, logs: LogsFake, monkeypatch: pytest.MonkeyPatch, *, newest: bool
) -> None:
    logs.switch(page_events=10)
    monkeypatch.setattr(
        reader,
        "reads_of",
        lambda *args, **options: [
            replace(read, is_backward=not read.is_backward) for read in reads_of(*args, **options)
        ],
    )
    selection = Selection((ALL,), newest_first=newest, oldest_first=not newest, limit=40)
    with pytest.raises(SourceError, match="another order"):
        reading.rows(selection, ahead=False)


# Columns


def test_ids_are_read_where_they_are_asked_for(reading: Reading, logs: LogsFake) -> None:
    selection = Selection((ALL,), SELECTORS["one"])
    (batch,) = reading.batches(selection, columns=("event_id", "log_stream", "log_group"))
    assert len(set(batch["event_id"].to_pylist())) == EVENTS // 3
    assert set(batch["log_stream"].to_pylist()) == {"stream-1"}
    assert set(batch["log_group"].to_pylist()) == {"schema"}
    assert logs.count("GetLogEvents") == 0


def test_events_are_counted_without_columns(reading: Reading) -> None:
    for selector in SELECTORS.values():
        batches = reading.batches(Selection((ALL,), selector), columns=())
        assert sum(batch.num_rows for batch in batches) == len(_selected(selector))


def test_sensitive_data_is_asked_for_where_the_setting_says_so(make: Any, logs: LogsFake) -> None:
    _fill(logs)
    make(unmask="true").rows(Selection((ALL,)))
    make(unmask="true").rows(Selection((ALL,), SELECTORS["one"]))
    assert {call.request["unmask"] for call in logs.calls} == {True}


# Logs Insights


def test_a_group_of_infrequent_access_is_read_with_all_its_columns(
    make: Any, logs: LogsFake, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(insights, "_FIRST_PAUSE_SECONDS", 0.001)
    logs.create_group("/rare", created_at=ZERO, log_class="INFREQUENT_ACCESS")
    logs.put("/rare", "s", [(ZERO + number, f"m {number}") for number in range(9)])
    opened = make()
    opened.group = LogGroup("/rare", log_class=LogClass.INFREQUENT_ACCESS, created_at=ZERO)
    selection = Selection((Window(ZERO, ZERO + 3), Window(ZERO + 5, ZERO + 7)))
    columns = ("log_stream", "time", "message", "event_time", "ingestion_time", "event_id")
    batches = list(opened.batches(selection, columns=(*columns, "log_group", "filter_pattern")))
    assert [row for batch in batches for row in batch.select(columns[:3]).to_pylist()] == [
        {"log_stream": "s", "time": ZERO + n, "message": f"m {n}"} for n in (0, 1, 2, 5, 6)
    ]
    row = batches[0].slice(0, 1).to_pydict()
    assert row["ingestion_time"] == [ZERO + 500]
    assert row["event_id"] == row["filter_pattern"] == [None]
    assert row["log_group"] == ["schema"]
    assert opened.stats.requests == logs.count()
    assert opened.stats.source_units > 0


def test_a_group_of_infrequent_access_knows_no_filter_pattern(make: Any, logs: LogsFake) -> None:
    opened = make()
    opened.group = LogGroup("/rare", log_class=LogClass.INFREQUENT_ACCESS)
    with pytest.raises(UnsupportedOperationError, match="class INFREQUENT_ACCESS"):
        opened.rows(Selection((ALL,), patterns=("x",)))
    assert logs.count() == 0


# Patterns


def test_each_pattern_is_one_read_whose_events_show_it(reading: Reading) -> None:
    selection = Selection((ALL,), patterns=('"message 1"', '"message 11"'))
    columns = ("message", "filter_pattern")
    found = [
        tuple(row.values())
        for batch in reading.batches(selection, columns=columns)
        for row in batch.to_pylist()
    ]
    ones = {f"message {number}" for number in (1, *range(10, 20))}
    assert {text for text, pattern in found if pattern == '"message 1"'} == ones
    assert [text for text, pattern in found if pattern == '"message 11"'] == ["message 11"]


def test_an_implied_pattern_is_asked_for_and_not_shown(reading: Reading, logs: LogsFake) -> None:
    selection = Selection((ALL,), SELECTORS["one"], implied_pattern="%message%")
    (batch,) = reading.batches(selection, columns=("filter_pattern",))
    assert batch["filter_pattern"].null_count == EVENTS // 3
    assert logs.requests("FilterLogEvents")[0]["filterPattern"] == "%message%"


def test_an_implied_pattern_that_is_refused_is_left_out_from_then_on(
    reading: Reading, logs: LogsFake, caplog: pytest.LogCaptureFixture
) -> None:
    windows = (Window(ZERO, ZERO + 5000), Window(ZERO + 5000, ALL.end))
    selection = Selection(windows, implied_pattern="%(no%")
    _once(reading.rows(selection), ROWS)
    asked = ["filterPattern" in request for request in logs.requests("FilterLogEvents")]
    assert asked == [True, False, False]
    assert len([each for each in caplog.records if each.levelname == "WARNING"]) == 1
    assert "'%(no%'" in caplog.text


def test_a_refused_pattern_of_the_query_is_an_error_that_shows_it(reading: Reading) -> None:
    selection = Selection((ALL,), patterns=("user@x",), implied_pattern="%abc%")
    with pytest.raises(InvalidRequestError, match=r"filter pattern 'user@x'.*double quotes"):
        reading.rows(selection)


def test_a_request_that_is_refused_for_something_else_is_an_error(
    reading: Reading, logs: LogsFake
) -> None:
    logs.fail(LogsFault("InvalidParameterException", operation="FilterLogEvents", message="no"))
    with pytest.raises(InvalidRequestError, match="no"):
        reading.rows(Selection((ALL,)))
    assert logs.count() == 1


# What is not there


def test_the_stream_of_a_table_that_is_gone_is_an_error(reading: Reading) -> None:
    selection = Selection((ALL,), StreamSelector(("gone",)))
    for columns in (COLUMNS, (*COLUMNS, "event_id")):
        with pytest.raises(TableNotFoundError, match="no log stream 'gone' in log group /app"):
            reading.rows(selection, stream="gone", columns=columns)


@pytest.mark.parametrize("fails", [True, False])
def test_streams_that_a_predicate_names_and_that_are_not_there_have_no_rows(
    reading: Reading, logs: LogsFake, *, fails: bool
) -> None:
    logs.switch(missing_streams_fail=fails)
    named = StreamSelector(("gone", "stream-1", "stream-1-b", "strea"))
    _once(reading.rows(Selection((ALL,), named)), _of("stream-1", "stream-1-b"))
    for names in (("gone",), ("gone", "strea"), ("strea",)):
        assert reading.rows(Selection((ALL,), StreamSelector(names))) == []


def test_streams_that_begin_otherwise_than_all_have_no_rows(
    reading: Reading, logs: LogsFake
) -> None:
    selection = Selection((ALL,), StreamSelector(prefix="nothing"))
    assert reading.rows(selection) == []
    logs.fail(LogsFault("ResourceNotFoundException", operation="FilterLogEvents"))
    assert reading.rows(selection) == []
    with pytest.raises(ConnectorError, match="/app"):
        reading.rows(Selection((ALL,), StreamSelector(prefix="stream")))


@pytest.mark.parametrize("mode", SELECTORS)
def test_a_group_that_is_gone_is_an_error(reading: Reading, logs: LogsFake, mode: str) -> None:
    logs.delete_group("/app")
    with pytest.raises(SchemaNotFoundError, match="/app"):
        reading.rows(Selection((ALL,), SELECTORS[mode]))


def test_a_stream_that_goes_while_it_is_read_is_an_error(reading: Reading, logs: LogsFake) -> None:
    logs.switch(page_events=5)
    for mode, operation in {"one": "GetLogEvents", "some": "FilterLogEvents"}.items():
        logs.before(operation, 2, lambda: logs.delete_stream("/app", "stream-1"))
        with pytest.raises(TableNotFoundError):
            reading.rows(Selection((ALL,), SELECTORS[mode]))
        logs.put("/app", "stream-1", [(ZERO, "again")])


def test_a_denied_call_is_an_error(reading: Reading, logs: LogsFake) -> None:
    logs.deny("FilterLogEvents")
    with pytest.raises(AccessDeniedError, match="logs:FilterLogEvents"):
        reading.rows(Selection((ALL,)))


# Congestion and time


@pytest.mark.parametrize("mode", SELECTORS)
def test_acceptance_06_half_of_the_calls_throttled_cost_no_row(
    reading: Reading, logs: LogsFake, mode: str
) -> None:
    logs.switch(page_events=7)
    logs.fail(LogsFault(share=0.5))
    _once(reading.rows(Selection((ALL,), SELECTORS[mode])), _selected(SELECTORS[mode]))
    assert reading.client.refused_calls > 0


@pytest.mark.parametrize(
    "fault",
    [
        LogsFault("ServiceUnavailableException", status=503, share=0.3),
        LogsFault("InternalFailure", status=500, share=0.3),
        LogsFault(status=0, share=0.3),
        LogsFault(status=200, share=0.3),
    ],
    ids=["busy", "failing", "reset", "cut"],
)
def test_a_bad_day_costs_no_row(reading: Reading, logs: LogsFake, fault: LogsFault) -> None:
    logs.switch(page_events=7)
    logs.fail(fault)
    for selector in SELECTORS.values():
        _once(reading.rows(Selection((ALL,), selector)), _selected(selector))


def test_acceptance_06_throttles_until_the_deadline_are_an_error_that_tells_how_far_it_got(
    reading: Reading, logs: LogsFake
) -> None:
    logs.switch(page_events=20)
    logs.fail(LogsFault(calls=range(3, 10**6)))
    with pytest.raises(ThrottledError, match=r"congested.*It was at 2024-07-03 09:46:59.*in times"):
        reading.rows(Selection((ALL,)), deadline=time.monotonic() + 2.6)


def test_complaint_06_a_deadline_ends_the_read_with_the_time_that_it_reached(
    reading: Reading, logs: LogsFake
) -> None:
    logs.switch(page_events=5)
    logs.faults.delay("FilterLogEvents", 0.4)
    with pytest.raises(DeadlineExceededError, match="It was at 2024-07-03 09:46") as caught:
        reading.rows(Selection((ALL,)), deadline=time.monotonic() + 4)
    assert "max_splits" in str(caught.value)
    assert 1 < logs.count() < 8


def test_a_deadline_before_the_first_event_tells_so(reading: Reading, logs: LogsFake) -> None:
    with pytest.raises(DeadlineExceededError, match="No event had come yet of times from 2024"):
        reading.rows(Selection((ALL,)), deadline=time.monotonic())
    assert logs.count() == 0


def test_a_read_that_is_cancelled_ends(reading: Reading, logs: LogsFake) -> None:
    logs.switch(page_events=5)
    logs.before("FilterLogEvents", 3, reading.client.cancel)
    with pytest.raises(QueryStoppedError):
        reading.rows(Selection((ALL,)))
    assert logs.count() <= 4


def test_a_read_that_is_left_early_makes_no_more_calls(reading: Reading, logs: LogsFake) -> None:
    logs.switch(page_events=2)
    batches = reading.batches(Selection((ALL,)))
    next(batches)
    batches.close()  # type: ignore[attr-defined]  # it is a generator
    made = logs.count()
    assert made <= 4
    reading.client.release()
    assert logs.count() == made


# What is told


def test_complaint_06_one_line_tells_what_a_split_cost(
    reading: Reading, logs: LogsFake, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, tally.__name__)
    logs.switch(page_events=20)
    logs.fail(LogsFault(calls=frozenset({2})))
    reading.rows(Selection((ALL,), SELECTORS["some"]))
    (line,) = [each.getMessage() for each in caplog.records if "Read log group" in each.message]
    calls = logs.count() - 1
    assert line.startswith(
        f"Read log group /app, stream stream-1 and 1 more, times [{ALL.start}, {ALL.end}):"
        f" {calls} calls, 1 refused, {calls} pages, 1 of them empty, 40 events,"
    )


def test_a_rate_is_kept(make: Any, logs: LogsFake) -> None:
    _fill(logs)
    logs.switch(page_events=10)
    limited = make()
    limited.client.limit_rate(20)
    started = time.monotonic()
    _once(limited.rows(Selection((ALL,))), ROWS)
    calls = logs.count()
    assert calls == math.ceil(EVENTS / 10) + 1
    assert time.monotonic() - started < 5

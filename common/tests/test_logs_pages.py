from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING, Any

import pytest
from athena_connectors.common.testing.logs_server import LogsFake, logs_server
from athena_connectors.common.testing.logs_virtual import VirtualStreams
from hypothesis import given, settings
from hypothesis import strategies as st

if TYPE_CHECKING:
    from collections.abc import Iterator

GROUP = "/aws/lambda/f"
NUMBERS = count()
MB = 1_048_576
MOST_PAGES = 500


@pytest.fixture(scope="module")
def shared() -> Iterator[LogsFake]:
    with logs_server() as fake:
        yield fake


def get_pages(logs: LogsFake, *, backward: bool = False, **request: Any) -> list[list[Any]]:
    """Read a stream to its end; with ``backward``, from its end to its head."""
    pages: list[list[Any]] = []
    token: dict[str, str] = {}
    name = "nextBackwardToken" if backward else "nextForwardToken"
    while True:
        reply = logs.client().get_log_events(startFromHead=not backward, **request, **token)
        pages.append(reply["events"])
        if reply[name] == token.get("nextToken"):
            return pages
        assert len(pages) < MOST_PAGES
        token = {"nextToken": reply[name]}


def filter_pages(logs: LogsFake, **request: Any) -> list[list[Any]]:
    pages: list[list[Any]] = []
    token: dict[str, str] = {}
    while True:
        reply = logs.client().filter_log_events(**request, **token)
        pages.append(reply["events"])
        assert reply["searchedLogStreams"] == []
        if "nextToken" not in reply:
            return pages
        assert len(pages) < MOST_PAGES
        token = {"nextToken": reply["nextToken"]}


def texts(pages: list[list[Any]]) -> list[str]:
    return [event["message"] for page in pages for event in page]


def refused(logs: LogsFake, operation: str, **request: Any) -> str:
    client = logs.client()
    with pytest.raises(client.exceptions.ClientError) as caught:
        getattr(client, operation)(**request)
    code: str = caught.value.response["Error"]["Code"]
    return code


# --- all events, once, in order


@given(data=st.data())
@settings(max_examples=60, deadline=None)
def test_every_event_of_the_window_comes_once_and_in_order(
    shared: LogsFake, data: st.DataObject
) -> None:
    group = shared.create_group(f"property-{next(NUMBERS)}")
    times = st.integers(0, 12)
    streams = st.sampled_from(["a", "ab", "b"])
    stored = data.draw(st.lists(st.tuples(times, streams), max_size=25))
    for number, (time, stream) in enumerate(stored):
        shared.put(group, stream, [(time, str(number))])
    shared.create_stream(group, "b")
    inclusive = data.draw(st.booleans())
    shared.switch(
        group,
        filter_end_inclusive=inclusive,
        empty_pages=data.draw(st.sampled_from([0.0, 0.4])),
        short_pages=data.draw(st.sampled_from([0.0, 0.4])),
        page_events=data.draw(st.integers(1, 6)),
        token_repeats=data.draw(st.integers(0, 2)),
    )
    low, high = sorted((data.draw(times), data.draw(times)))
    request: dict[str, Any] = {"logGroupName": group, "startTime": low, "endTime": high}
    placed = sorted((time, number, stream) for number, (time, stream) in enumerate(stored))

    def expected(streams: set[str], *, inclusive: bool) -> list[str]:
        return [
            str(number)
            for time, number, stream in placed
            if stream in streams and low <= time < high + inclusive
        ]

    one = expected({"b"}, inclusive=False)
    ahead = get_pages(shared, logStreamName="b", **request)
    assert texts(ahead) == one
    back = get_pages(shared, backward=True, logStreamName="b", **request)
    assert texts(back[::-1]) == one
    assert (ahead[-1], back[-1]) == ([], [])
    assert texts(filter_pages(shared, **request)) == expected({"a", "ab", "b"}, inclusive=inclusive)
    prefixed = filter_pages(shared, logStreamNamePrefix="a", **request)
    assert texts(prefixed) == expected({"a", "ab"}, inclusive=inclusive)
    named = filter_pages(shared, logStreamNames=["b"], **request)
    assert texts(named) == expected({"b"}, inclusive=inclusive)


def test_events_have_all_members(logs: LogsFake) -> None:
    logs.create_group(GROUP)
    logs.put(GROUP, "s", [(1000, "x")], ingested_at=1700)
    event = {"timestamp": 1000, "message": "x", "ingestionTime": 1700}
    assert get_pages(logs, logGroupName=GROUP, logStreamName="s")[0] == [event]
    ((filtered,),) = filter_pages(logs, logGroupName=GROUP)
    event_id = filtered.pop("eventId")
    assert filtered == {**event, "logStreamName": "s"}
    assert event_id.isdigit()
    assert len(event_id) == 56


def test_members_can_be_absent(logs: LogsFake) -> None:
    logs.create_group(GROUP)
    logs.put(GROUP, "s", [(1000, "x")])
    logs.switch(absent_fields=frozenset({"timestamp", "eventId"}))
    assert set(filter_pages(logs, logGroupName=GROUP)[0][0]) == {
        "logStreamName",
        "message",
        "ingestionTime",
    }


def test_streams_are_interleaved_by_time_then_ingestion_then_put(logs: LogsFake) -> None:
    logs.create_group(GROUP)
    logs.put(GROUP, "a", [(2, "third"), (1, "first")], ingested_at=9)
    logs.put(GROUP, "b", [(2, "second")], ingested_at=8)
    logs.put(GROUP, "b", [(2, "fourth")], ingested_at=9)
    in_order = ["first", "second", "third", "fourth"]
    assert texts(filter_pages(logs, logGroupName=GROUP)) == in_order


def test_the_newest_come_first_if_asked_for_and_from_2024_on(logs: LogsFake) -> None:
    since = 1_704_067_200_000
    logs.create_group(GROUP)
    logs.put(GROUP, "a", [(since + i, str(i)) for i in range(5)])
    logs.switch(page_events=2)
    request: dict[str, Any] = {"logGroupName": GROUP, "startFromHead": False}
    pages = filter_pages(logs, startTime=since, **request)
    assert [texts([page]) for page in pages] == [["4", "3"], ["2", "1"], ["0"]]
    assert refused(logs, "filter_log_events", startTime=since - 1, **request) == (
        "InvalidParameterException"
    )


# --- pages and tokens


def test_pages_hold_10000_events_and_1_mb(logs: LogsFake) -> None:
    logs.create_group(GROUP)
    logs.put(GROUP, "many", [(i, "x") for i in range(10_001)])
    logs.put(GROUP, "big", [(0, "é" * (MB // 2 - 13)), (1, "b"), (2, "c" * (MB - 79)), (3, "d")])
    pages = get_pages(logs, logGroupName=GROUP, logStreamName="many")
    assert [len(page) for page in pages] == [10_000, 1, 0]
    pages = get_pages(logs, logGroupName=GROUP, logStreamName="big")
    assert [len(page) for page in pages] == [1, 2, 1, 0]
    pages = filter_pages(logs, logGroupName=GROUP, logStreamNames=["big"])
    assert [len(page) for page in pages] == [1, 2, 1]


def test_the_last_token_comes_back_and_takes_up_what_is_added(logs: LogsFake) -> None:
    logs.create_group(GROUP)
    logs.put(GROUP, "s", [(1, "a")])
    request: dict[str, Any] = {"logGroupName": GROUP, "logStreamName": "s", "startFromHead": True}
    first = logs.client().get_log_events(**request)
    request["nextToken"] = first["nextForwardToken"]
    last = logs.client().get_log_events(**request)
    assert last["events"] == []
    assert last["nextForwardToken"] == first["nextForwardToken"]
    logs.put(GROUP, "s", [(2, "b")])
    more = logs.client().get_log_events(**request)
    assert texts([more["events"]]) == ["b"]
    assert more["nextForwardToken"] != first["nextForwardToken"]


def test_an_empty_page_has_another_token_until_the_end(logs: LogsFake) -> None:
    logs.create_group(GROUP)
    logs.put(GROUP, "s", [(i, str(i)) for i in range(30)])
    logs.switch(empty_pages=0.5, page_events=3)
    for pages in (
        get_pages(logs, logGroupName=GROUP, logStreamName="s"),
        filter_pages(logs, logGroupName=GROUP),
    ):
        assert texts(pages) == [str(i) for i in range(30)]
        assert [] in pages[:-1]


def test_the_tail_comes_first_unless_the_head_is_asked_for(logs: LogsFake) -> None:
    logs.create_group(GROUP)
    logs.put(GROUP, "s", [(i, str(i)) for i in range(5)])
    request: dict[str, Any] = {"logGroupName": GROUP, "logStreamName": "s", "limit": 2}
    tail = logs.client().get_log_events(**request)
    assert texts([tail["events"]]) == ["3", "4"]
    token = {"nextToken": tail["nextBackwardToken"]}
    assert texts([logs.client().get_log_events(**request, **token)["events"]]) == ["1", "2"]
    token = {"nextToken": tail["nextForwardToken"]}
    ahead = logs.client().get_log_events(startFromHead=True, **request, **token)
    assert ahead["events"] == []
    assert refused(logs, "get_log_events", **request, **token) == "InvalidParameterException"


@pytest.mark.parametrize("operation", ["get_log_events", "filter_log_events"])
def test_tokens_are_held_to_their_request(logs: LogsFake, operation: str) -> None:
    logs.create_group(GROUP)
    logs.put(GROUP, "s", [(i, str(i)) for i in range(5)])
    request: dict[str, Any] = {"logGroupName": GROUP, "limit": 2, "startFromHead": True}
    if operation == "get_log_events":
        request["logStreamName"] = "s"
    reply = getattr(logs.client(), operation)(**request)
    request["nextToken"] = reply.get("nextForwardToken", reply.get("nextToken"))
    again = [getattr(logs.client(), operation)(**request)["events"] for _ in range(2)]
    assert again[0] == again[1]
    for changed in ({"limit": 3}, {"endTime": 9}, {"nextToken": "f/1"}):
        code = refused(logs, operation, **{**request, **changed})
        assert code == "InvalidParameterException"
    logs.expire_tokens()
    assert refused(logs, operation, **request) == "InvalidParameterException"


def test_a_token_can_be_repeated_without_events(logs: LogsFake) -> None:
    logs.create_group(GROUP)
    logs.put(GROUP, "s", [(i, str(i)) for i in range(4)])
    logs.switch(page_events=2, token_repeats=1)
    request: dict[str, Any] = {"logGroupName": GROUP}
    token = logs.client().filter_log_events(**request)["nextToken"]
    repeated = logs.client().filter_log_events(nextToken=token, **request)
    assert (repeated["events"], repeated["nextToken"]) == ([], token)
    further = logs.client().filter_log_events(nextToken=token, **request)
    assert texts([further["events"]]) == ["2", "3"]
    assert further["nextToken"] != token


def test_filtering_gives_empty_pages_where_nothing_matches(logs: LogsFake) -> None:
    logs.create_group(GROUP)
    logs.put(GROUP, "s", [(i, str(i)) for i in range(35)])
    logs.switch(scanned_events=10)
    pages = filter_pages(logs, logGroupName=GROUP, filterPattern="%^2[37]$%")
    assert [texts([page]) for page in pages] == [[], [], ["23", "27"], []]
    assert refused(logs, "filter_log_events", logGroupName=GROUP, filterPattern="a@b") == (
        "InvalidParameterException"
    )


# --- what is not there, or not for these calls


def test_missing_groups_and_streams_are_not_found(logs: LogsFake) -> None:
    logs.create_group(GROUP)
    logs.put(GROUP, "s", [(1, "x")])
    missing = "ResourceNotFoundException"
    assert refused(logs, "filter_log_events", logGroupName="none") == missing
    assert refused(logs, "get_log_events", logGroupName=GROUP, logStreamName="S") == missing
    named: dict[str, Any] = {"logGroupName": GROUP, "logStreamNames": ["gone", "s"]}
    assert refused(logs, "filter_log_events", **named) == missing
    logs.switch(missing_streams_fail=False)
    assert texts(filter_pages(logs, **named)) == ["x"]
    assert filter_pages(logs, logGroupName=GROUP, logStreamNamePrefix="none") == [[]]


@pytest.mark.parametrize("log_class", ["INFREQUENT_ACCESS", "ESSENTIALS", "DELIVERY"])
def test_only_standard_groups_give_events(logs: LogsFake, log_class: str) -> None:
    logs.create_group(GROUP, log_class=log_class)
    logs.put(GROUP, "s", [(1, "x")])
    for operation, names in (("get_log_events", {"logStreamName": "s"}), ("filter_log_events", {})):
        code = refused(logs, operation, logGroupName=GROUP, **names)
        assert code == "InvalidOperationException"


def test_groups_of_other_accounts_are_read_by_arn(logs: LogsFake) -> None:
    other = "999999999999"
    logs.create_group(GROUP, account=other)
    logs.put(GROUP, "s", [(1, "theirs")], account=other)
    logs.create_group(GROUP)
    logs.put(GROUP, "s", [(1, "ours")])
    arn = f"arn:aws:logs:eu-west-1:{other}:log-group:{GROUP}"
    assert texts(filter_pages(logs, logGroupIdentifier=arn)) == ["theirs"]
    assert texts(get_pages(logs, logGroupIdentifier=arn, logStreamName="s")) == ["theirs"]
    assert texts(filter_pages(logs, logGroupIdentifier=GROUP)) == ["ours"]
    elsewhere = arn.replace("eu-west-1", "us-east-1")
    assert refused(logs, "filter_log_events", logGroupIdentifier=elsewhere) == (
        "InvalidParameterException"
    )


# --- groups that change, groups that are computed


def test_a_group_can_grow_with_each_read(logs: LogsFake) -> None:
    logs.create_group(GROUP)
    numbers = count()
    logs.grow(GROUP, lambda: {"s": [(next(numbers), "grown")]})
    request: dict[str, Any] = {"logGroupName": GROUP, "logStreamName": "s", "startFromHead": True}
    for _ in range(3):
        reply = logs.client().get_log_events(**request)
        assert len(reply["events"]) == 1
        request["nextToken"] = reply["nextForwardToken"]


def test_the_service_takes_no_impossible_event(logs: LogsFake) -> None:
    day = 86_400_000
    logs.create_group(GROUP, created_at=20 * day)
    for time, text, came in (
        (20 * day, "too old", 34 * day + 1),
        (30 * day + 7_200_001, "too new", 30 * day),
        (19 * day, "before the group", 19 * day),
        (20 * day, "", 20 * day),
        (20 * day, "x" * (MB - 25), 20 * day),
    ):
        with pytest.raises(ValueError, match="event"):
            logs.put(GROUP, "s", [(time, text)], ingested_at=came)


def test_lone_surrogates_and_other_unicode_come_through(logs: LogsFake) -> None:
    logs.create_group(GROUP)
    logs.put(GROUP, "s", [(1, "\ud83d x"), (2, "é😀"), (3, "é")])
    assert texts(filter_pages(logs, logGroupName=GROUP)) == ["\ud83d x", "é😀", "é"]
    bodies = []
    logs.client().meta.events.register(
        "before-parse.cloudwatch-logs", lambda response_dict, **_: bodies.append(response_dict)
    )
    for escapes in (False, True):
        logs.switch(escapes_unicode=escapes)
        filter_pages(logs, logGroupName=GROUP, startTime=3)
    assert ["é".encode() in body["body"] for body in bodies] == [True, False]
    assert b"\\u00e9" in bodies[1]["body"]


@given(data=st.data())
@settings(max_examples=60, deadline=None)
def test_computed_events_are_those_that_could_be_stored(
    shared: LogsFake, data: st.DataObject
) -> None:
    streams, per_stream = data.draw(st.integers(1, 4)), data.draw(st.integers(1, 3))
    start, step = data.draw(st.integers(0, 5)), data.draw(st.integers(1, 3))
    computed = VirtualStreams(streams, start, step=step, per_stream=per_stream)
    names = [f"virtual-{next(NUMBERS)}", f"stored-{next(NUMBERS)}"]
    shared.create_group(names[0], streams=computed)
    shared.create_group(names[1])
    for number in range(streams * per_stream):
        event = computed.event(number)
        shared.put(names[1], event.stream, [(event.timestamp, event.message)])
    low, high = sorted(data.draw(st.tuples(st.integers(0, 40), st.integers(0, 40))))
    chosen: dict[str, Any] = data.draw(
        st.sampled_from(
            [
                {},
                {"logStreamNames": ["stream-000000000", "stream-000000002", "none"]},
                {"logStreamNamePrefix": "stream-00000000"},
                {"logStreamNamePrefix": "stream-000000001"},
                {"logStreamNamePrefix": "z"},
            ]
        )
    )
    request: dict[str, Any] = {"startTime": low, "endTime": high, **chosen}
    request["limit"] = data.draw(st.integers(1, 4))
    pages = []
    for name in names:
        shared.switch(name, missing_streams_fail=False)
        pages.append([texts([page]) for page in filter_pages(shared, logGroupName=name, **request)])
    assert pages[0] == pages[1]
    back = [
        get_pages(shared, backward=True, logGroupName=name, logStreamName="stream-000000000")
        for name in names
    ]
    assert texts(back[0]) == texts(back[1])


def test_a_million_streams_are_there_at_once(logs: LogsFake) -> None:
    start = 1_750_000_000_000
    streams = VirtualStreams(1_000_000, start, step=100, per_stream=10)
    logs.create_group(GROUP, streams=streams)
    window = {"startTime": start + 500_000_000, "endTime": start + 500_000_999}
    (page,) = filter_pages(logs, logGroupName=GROUP, **window)
    assert [event["timestamp"] for event in page] == [
        start + 500_000_000 + i * 100 for i in range(10)
    ]
    assert {event["logStreamName"] for event in page} == {"stream-000500000"}

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
OTHER = "999999999999"
NUMBERS = count()
HOUR = 3_600_000
MOST_PAGES = 100
EVENT_TIMES = {"firstEventTimestamp", "lastEventTimestamp", "lastIngestionTime"}


@pytest.fixture(scope="module")
def shared() -> Iterator[LogsFake]:
    with logs_server() as fake:
        yield fake


def listed(logs: LogsFake, operation: str, **request: Any) -> list[list[Any]]:
    member = "logStreams" if operation == "describe_log_streams" else "logGroups"
    pages: list[list[Any]] = []
    token: dict[str, str] = {}
    while True:
        reply = getattr(logs.client(), operation)(**request, **token)
        pages.append(reply[member])
        if "nextToken" not in reply:
            return pages
        assert len(pages) < MOST_PAGES
        token = {"nextToken": reply["nextToken"]}


def names(pages: list[list[Any]]) -> list[str]:
    return [item.get("logStreamName") or item["logGroupName"] for page in pages for item in page]


# --- groups


@pytest.fixture
def groups(logs: LogsFake) -> LogsFake:
    logs.create_group("/b/Two", created_at=5, retention_days=7, stored_bytes=9)
    logs.create_group("/b/one", log_class="INFREQUENT_ACCESS")
    logs.create_group("/a", log_class="ESSENTIALS")
    logs.create_group("/a", account=OTHER)
    logs.create_group("/c", account=OTHER, log_class="DELIVERY")
    return logs


def test_groups_are_described(groups: LogsFake) -> None:
    ((described,),) = listed(groups, "describe_log_groups", logGroupNamePrefix="/b/T")
    arn = "arn:aws:logs:eu-west-1:123456789012:log-group:/b/Two"
    assert described == {
        "logGroupName": "/b/Two",
        "creationTime": 5,
        "retentionInDays": 7,
        "storedBytes": 9,
        "metricFilterCount": 0,
        "logGroupClass": "STANDARD",
        "logGroupArn": arn,
        "arn": f"{arn}:*",
    }


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        ({}, ["/a", "/b/Two", "/b/one"]),
        ({"logGroupNamePrefix": "/b/"}, ["/b/Two", "/b/one"]),
        ({"logGroupNamePrefix": "/B/"}, []),
        ({"logGroupNamePattern": "o"}, ["/b/Two", "/b/one"]),
        ({"logGroupNamePattern": "O"}, []),
        ({"logGroupIdentifiers": ["/b/one", "/none"]}, ["/b/one"]),
        ({"logGroupClass": "STANDARD"}, ["/b/Two"]),
        ({"logGroupClass": "INFREQUENT_ACCESS"}, ["/a", "/b/one"]),
        ({"includeLinkedAccounts": True}, ["/a", "/a", "/b/Two", "/b/one", "/c"]),
        ({"includeLinkedAccounts": True, "accountIdentifiers": [OTHER]}, ["/a", "/c"]),
    ],
)
def test_groups_are_chosen(groups: LogsFake, request_: Any, expected: list[str]) -> None:
    for limit in (1, 50):
        pages = listed(groups, "describe_log_groups", limit=limit, **request_)
        assert names(pages) == expected
        assert max(map(len, pages)) <= limit


def test_a_name_pattern_leaves_little_of_the_description(groups: LogsFake) -> None:
    ((described,),) = listed(groups, "describe_log_groups", logGroupNamePattern="Two")
    assert set(described) == {"logGroupName", "creationTime", "arn"}


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        ({}, ["/a", "/b/Two", "/b/one"]),
        ({"logGroupNamePattern": "^/b/"}, ["/b/Two", "/b/one"]),
        ({"logGroupNamePattern": "Two|^one|one"}, ["/b/Two", "/b/one"]),
        ({"logGroupNamePattern": "^Two"}, []),
        ({"logGroupClass": "ESSENTIALS"}, ["/a", "/b/one"]),
        ({"includeLinkedAccounts": True, "accountIdentifiers": [OTHER]}, ["/a", "/c"]),
    ],
)
def test_groups_are_listed(groups: LogsFake, request_: Any, expected: list[str]) -> None:
    for limit in (1, 1000):
        pages = listed(groups, "list_log_groups", limit=limit, **request_)
        assert names(pages) == expected
    assert not pages[0] or set(pages[0][0]) == {"logGroupName", "logGroupArn", "logGroupClass"}


def test_groups_that_are_gone_are_not_listed(groups: LogsFake) -> None:
    groups.delete_group("/b/Two")
    assert names(listed(groups, "describe_log_groups")) == ["/a", "/b/one"]


# --- streams


def test_streams_are_described(logs: LogsFake) -> None:
    logs.create_group(GROUP, created_at=0)
    logs.put(GROUP, "s", [(10_000, "a"), (5_000, "b")])
    logs.put(GROUP, "s", [(2_000, "late")], ingested_at=50_000)
    logs.create_stream(GROUP, "empty", created_at=7)
    arn = "arn:aws:logs:eu-west-1:123456789012:log-group:/aws/lambda/f:log-stream:"
    assert listed(logs, "describe_log_streams", logGroupName=GROUP) == [
        [
            {
                "logStreamName": "empty",
                "creationTime": 7,
                "arn": f"{arn}empty",
                "storedBytes": 0,
            },
            {
                "logStreamName": "s",
                "creationTime": 5_500,
                "firstEventTimestamp": 2_000,
                "lastEventTimestamp": 10_000,
                "lastIngestionTime": 50_000,
                "arn": f"{arn}s",
                "storedBytes": 0,
            },
        ]
    ]


def test_what_is_told_of_streams_can_lag(logs: LogsFake) -> None:
    logs.create_group(GROUP)
    logs.put(GROUP, "s", [(0, "a"), (3 * HOUR, "b")])
    logs.put(GROUP, "new", [(3 * HOUR, "c")])
    logs.switch(lag_ms=HOUR)
    ((new, old),) = listed(logs, "describe_log_streams", logGroupName=GROUP)
    assert not EVENT_TIMES & set(new)
    assert [old[name] for name in sorted(EVENT_TIMES)] == [0, 0, 500]
    by_time = {"orderBy": "LastEventTime", "descending": True}
    assert names(listed(logs, "describe_log_streams", logGroupName=GROUP, **by_time)) == [
        "s",
        "new",
    ]


def test_times_of_streams_can_be_missing(logs: LogsFake) -> None:
    logs.create_group(GROUP)
    logs.put(GROUP, "told", [(1, "a")])
    logs.put(GROUP, "untold", [(1, "a")])
    logs.switch(GROUP, untold_streams={"untold"})
    ((told, untold),) = listed(logs, "describe_log_streams", logGroupName=GROUP)
    assert set(told) - set(untold) == EVENT_TIMES


def test_a_removed_stream_has_no_events(logs: LogsFake) -> None:
    logs.create_group(GROUP)
    logs.put(GROUP, "gone", [(1, "a")])
    logs.put(GROUP, "s", [(1, "b")])
    logs.delete_stream(GROUP, "gone")
    assert names(listed(logs, "describe_log_streams", logGroupName=GROUP)) == ["s"]
    events = logs.client().filter_log_events(logGroupName=GROUP)["events"]
    assert [event["message"] for event in events] == ["b"]


@given(data=st.data())
@settings(max_examples=50, deadline=None)
def test_streams_are_listed_once_by_name_or_last_event(
    shared: LogsFake, data: st.DataObject
) -> None:
    group = shared.create_group(f"listing-{next(NUMBERS)}")
    stream_names = st.text("aB-é", min_size=1, max_size=3)
    last = data.draw(st.dictionaries(stream_names, st.none() | st.integers(0, 3), max_size=8))
    for name, time in last.items():
        shared.create_stream(group, name)
        shared.put(group, name, () if time is None else [(time, "x")])
    request: dict[str, Any] = {
        "logGroupIdentifier": f"arn:aws:logs:eu-west-1:123456789012:log-group:{group}",
        "limit": data.draw(st.integers(1, 3)),
        "descending": data.draw(st.booleans()),
    }
    prefix = data.draw(stream_names)
    pages = listed(shared, "describe_log_streams", logStreamNamePrefix=prefix, **request)
    with_prefix = (name for name in last if name.startswith(prefix))
    assert names(pages) == sorted(with_prefix, reverse=request["descending"])
    pages = listed(shared, "describe_log_streams", orderBy="LastEventTime", **request)
    order = {name: -1 if time is None else time for name, time in last.items()}
    assert names(pages) == sorted(
        last, key=lambda name: (order[name], name), reverse=request["descending"]
    )
    assert max(map(len, pages)) <= request["limit"]


@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize("order", ["LogStreamName", "LastEventTime"])
def test_computed_streams_are_listed_as_stored_ones(
    logs: LogsFake, order: str, *, descending: bool
) -> None:
    streams = VirtualStreams(5, 1000, step=10, per_stream=3)
    logs.create_group("virtual", streams=streams)
    logs.create_group("stored")
    for number in range(15):
        event = streams.event(number)
        logs.put("stored", event.stream, [(event.timestamp, event.message)])
    request: dict[str, Any] = {"orderBy": order, "descending": descending, "limit": 2}
    described = []
    for group in ("virtual", "stored"):
        pages = listed(logs, "describe_log_streams", logGroupName=group, **request)
        described.append(
            [
                {name: value for name, value in item.items() if name not in {"arn", "creationTime"}}
                for page in pages
                for item in page
            ]
        )
    assert described[0] == described[1]
    assert len(described[0]) == 5


def test_a_million_streams_are_listed_from_their_end(logs: LogsFake) -> None:
    logs.create_group(GROUP, streams=VirtualStreams(1_000_000, 0))
    request: dict[str, Any] = {"logGroupName": GROUP, "limit": 2}
    by_time = logs.client().describe_log_streams(
        orderBy="LastEventTime", descending=True, **request
    )
    expected = ["stream-000999999", "stream-000999998"]
    assert names([by_time["logStreams"]]) == expected
    some = logs.client().describe_log_streams(logStreamNamePrefix="stream-00099999", **request)
    assert names([some["logStreams"]]) == ["stream-000999990", "stream-000999991"]

"""The stand-in of CloudWatch Logs gives what moto gives, where moto is right."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest
from athena_connectors.common.testing.logs_server import logs_server
from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from athena_connectors.common.testing.aws import AwsAddress

GROUP = "/compared/f"
STREAMS = ("stream-1", "stream-10", "Stream-1", "empty")
TEXTS = ("ERROR bad request", "INFO ok", "UNAUTHORIZED user", "ERRORCODE 7 ok", "é 😀")


@pytest.fixture(scope="module")
def started_ms() -> int:
    return int(time.time() * 1000) - 100_000


@pytest.fixture(scope="module")
def moto(aws: AwsAddress, started_ms: int) -> Any:
    client = aws.client("logs")
    client.create_log_group(logGroupName=GROUP)
    for number, stream in enumerate(STREAMS):
        client.create_log_stream(logGroupName=GROUP, logStreamName=stream)
        events = [
            {"timestamp": time, "message": text} for time, text in _events(number, started_ms)
        ]
        if events:
            client.put_log_events(logGroupName=GROUP, logStreamName=stream, logEvents=events)
    return client


@pytest.fixture(scope="module")
def ours(started_ms: int) -> Iterator[Any]:
    with logs_server() as logs:
        logs.create_group(GROUP)
        for number, stream in enumerate(STREAMS):
            logs.create_stream(GROUP, stream)
            logs.put(GROUP, stream, _events(number, started_ms))
        yield logs.client()


def _events(number: int, started_ms: int) -> list[tuple[int, str]]:
    if STREAMS[number] == "empty":
        return []
    return [(started_ms + 10 * i + number, f"{text} {i}") for i, text in enumerate(TEXTS * 2)]


def outcome(client: Any, operation: str, **request: Any) -> Any:
    try:
        return getattr(client, operation)(**request)
    except ClientError as error:
        return error.response["Error"]["Code"]


def got(client: Any, **request: Any) -> list[list[tuple[int, str]]]:
    pages: list[list[tuple[int, str]]] = []
    token: dict[str, str] = {}
    while True:
        reply = client.get_log_events(logGroupName=GROUP, startFromHead=True, **request, **token)
        pages.append([(event["timestamp"], event["message"]) for event in reply["events"]])
        if reply["nextForwardToken"] == token.get("nextToken"):
            return pages
        token = {"nextToken": reply["nextForwardToken"]}


def flat(pages: list[list[tuple[int, str]]]) -> list[tuple[int, str]]:
    return [event for page in pages for event in page]


def filtered(client: Any, **request: Any) -> list[tuple[str, int, str]]:
    events: list[tuple[str, int, str]] = []
    token: dict[str, str] = {}
    while True:
        reply = client.filter_log_events(logGroupName=GROUP, interleaved=True, **request, **token)
        events += [(e["logStreamName"], e["timestamp"], e["message"]) for e in reply["events"]]
        if "nextToken" not in reply:
            return events
        token = {"nextToken": reply["nextToken"]}


@pytest.mark.parametrize("stream", STREAMS)
@pytest.mark.parametrize("limit", [1, 4, 10, 10_000])
def test_pages_of_a_stream(moto: Any, ours: Any, stream: str, limit: int) -> None:
    assert got(ours, logStreamName=stream, limit=limit) == got(
        moto, logStreamName=stream, limit=limit
    )


@pytest.mark.parametrize("shift", [-1, 0, 1, 35, 1000])
def test_start_times(moto: Any, ours: Any, started_ms: int, shift: int) -> None:
    request = {"logStreamName": "stream-1", "startTime": started_ms + shift}
    assert flat(got(ours, **request)) == flat(got(moto, **request))
    request = {"startTime": started_ms + shift}
    assert filtered(ours, **request) == filtered(moto, **request)


def test_end_times_of_get_log_events_are_where_moto_is_wrong(
    moto: Any, ours: Any, started_ms: int
) -> None:
    request = {"logStreamName": "stream-1", "startTime": started_ms}
    one_more = flat(got(ours, endTime=started_ms + 21, **request))
    assert one_more == flat(got(moto, endTime=started_ms + 20, **request))
    assert flat(got(ours, endTime=started_ms + 20, **request)) == one_more[:-1]


@pytest.mark.parametrize("shift", [-1, 0, 1, 20, 35])
def test_end_times_of_filter_log_events_as_documented(
    moto: Any, ours: Any, started_ms: int, shift: int
) -> None:
    request = {"endTime": started_ms + shift}
    assert filtered(ours, **request) == filtered(moto, **request)


@pytest.mark.parametrize("limit", [1, 7, 30, 10_000])
def test_events_of_a_group_and_of_named_streams(moto: Any, ours: Any, limit: int) -> None:
    assert filtered(ours, limit=limit) == filtered(moto, limit=limit)
    named = {"logStreamNames": ["stream-1", "empty"], "limit": limit}
    assert filtered(ours, **named) == filtered(moto, **named)


@pytest.mark.parametrize(
    "pattern", ["", "ERROR", "ERROR bad", "error", "AUTHORIZED", "ok INFO", '"bad request"', "none"]
)
def test_plain_patterns(moto: Any, ours: Any, pattern: str) -> None:
    assert filtered(ours, filterPattern=pattern) == filtered(moto, filterPattern=pattern)


@pytest.mark.parametrize("limit", [1, 2, 50])
@pytest.mark.parametrize("prefix", ["", "stream-1", "stream-10", "S", "none"])
def test_streams(moto: Any, ours: Any, prefix: str, limit: int) -> None:
    told = []
    for client in (ours, moto):
        pages: list[Any] = []
        token: dict[str, str] = {}
        chosen = {"logStreamNamePrefix": prefix} if prefix else {}
        while True:
            reply = client.describe_log_streams(logGroupName=GROUP, limit=limit, **chosen, **token)
            pages.append(
                [
                    {name: item.get(name) for name in _TOLD_OF_STREAMS}
                    for item in reply["logStreams"]
                ]
            )
            if "nextToken" not in reply:
                break
            token = {"nextToken": reply["nextToken"]}
        told.append(pages)
    assert told[0] == told[1]


_TOLD_OF_STREAMS = ("logStreamName", "firstEventTimestamp", "lastEventTimestamp")


def test_groups(moto: Any, ours: Any) -> None:
    for prefix in ("/compared", "/Compared", GROUP):
        told = [
            [group["logGroupName"] for group in reply["logGroups"]]
            for reply in (
                client.describe_log_groups(logGroupNamePrefix=prefix) for client in (ours, moto)
            )
        ]
        assert told[0] == told[1]


NAMED = {"logGroupName": GROUP}
QUERY = {"startTime": 1, "endTime": 2, "queryString": "fields @message"}


@pytest.mark.parametrize(
    ("operation", "request_"),
    [
        ("get_log_events", {**NAMED, "logStreamName": "none"}),
        ("get_log_events", {"logGroupName": "none", "logStreamName": "s"}),
        ("get_log_events", {**NAMED, "logStreamName": "stream-1", "limit": 10_001}),
        ("get_log_events", {**NAMED, "logStreamName": "stream-1", "nextToken": "none"}),
        ("filter_log_events", {"logGroupName": "none"}),
        ("filter_log_events", {**NAMED, "limit": 10_001}),
        ("describe_log_streams", {"logGroupName": "none"}),
        ("describe_log_streams", {**NAMED, "limit": 51}),
        (
            "describe_log_streams",
            {**NAMED, "logStreamNamePrefix": "s", "orderBy": "LastEventTime"},
        ),
        ("describe_log_groups", {"limit": 51}),
        ("start_query", {"logGroupName": "none", **QUERY}),
        ("start_query", {"logGroupNames": ["none"], **QUERY}),
    ],
)
def test_errors(moto: Any, ours: Any, operation: str, request_: dict[str, Any]) -> None:
    code = outcome(ours, operation, **request_)
    assert isinstance(code, str)
    assert code == outcome(moto, operation, **request_)

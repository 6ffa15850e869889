from __future__ import annotations

import json
import threading
import time
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest
from athena_connectors.cloudwatch_logs.client import Client, next_token
from athena_connectors.cloudwatch_logs.settings import Settings
from athena_connectors.common import errors
from athena_connectors.common.config import load_settings
from athena_connectors.common.source_calls import MARGIN_SECONDS
from athena_connectors.common.testing.logs_faults import LogsFault

if TYPE_CHECKING:
    from collections.abc import Callable

    from athena_connectors.common.testing.aws import AwsAddress
    from athena_connectors.common.testing.logs_server import LogsFake

    ConnectClient = Callable[..., Client]

GROUP = "/app/shop"
EVENTS = 60
ROLE = "arn:aws:iam::123456789012:role/reader"
GET = {
    "logGroupName": GROUP,
    "logStreamName": "web",
    "startFromHead": True,
    "startTime": 0,
    "limit": 10,
}
FILTER = {"logGroupName": GROUP, "startTime": 0, "limit": 10}


@pytest.fixture
def group(logs: LogsFake) -> LogsFake:
    logs.create_group(GROUP)
    logs.put(GROUP, "web", [(1_000_000 + n, f"é {n}") for n in range(EVENTS)])
    return logs


def _read(client: Client, deadline: float | None = None) -> list[str]:
    """Texts of all events, by FilterLogEvents."""
    request: dict[str, Any] = dict(FILTER)
    texts: list[str] = []
    while True:
        body = client.read("FilterLogEvents", request, deadline=deadline).body
        assert body is not None
        page = json.loads(body)
        texts += [event["message"] for event in page["events"]]
        if "nextToken" not in page:
            return texts
        request["nextToken"] = page["nextToken"]


# --- replies


@pytest.mark.parametrize(
    ("operation", "request_of_it"), [("GetLogEvents", GET), ("FilterLogEvents", FILTER)]
)
def test_a_read_gives_the_bytes_that_came_and_a_call_what_is_in_them(
    group: LogsFake, connect: ConnectClient, operation: str, request_of_it: dict[str, Any]
) -> None:
    client = connect()
    reply = client.read(operation, request_of_it)
    assert reply.parsed is None
    assert reply.body is not None
    assert json.loads(reply.body)["events"] == client.call(operation, request_of_it)["events"]
    assert group.count(operation) == 2


def test_a_result_can_be_looked_at_and_then_read(group: LogsFake, connect: ConnectClient) -> None:
    client = connect()
    group.script(states=("Complete",), rows=[{"n": "1"}])
    request = {
        "logGroupNames": [GROUP],
        "startTime": 0,
        "endTime": 9,
        "queryString": "fields n",
    }
    query = {"queryId": client.call("StartQuery", request)["queryId"]}
    assert client.call("GetQueryResults", query)["status"] == "Complete"
    body = client.read("GetQueryResults", query).body
    assert body is not None
    assert b'"Complete"' in body


# --- congestion


@pytest.mark.parametrize(
    "fault",
    [
        LogsFault("ThrottlingException"),
        LogsFault("Throttling"),
        LogsFault("RequestLimitExceeded"),
        LogsFault("TooManyRequestsException"),
        LogsFault("LimitExceededException"),
        LogsFault("ServiceUnavailableException"),
        LogsFault("Whatever", 503),
        LogsFault("Whatever", 500),
        LogsFault(status=0),
        LogsFault(status=200),
    ],
    ids=lambda fault: f"{fault.code}-{fault.status}",
)
def test_complaint_05_a_call_is_repeated_while_the_service_is_congested(
    group: LogsFake, connect: ConnectClient, fault: LogsFault
) -> None:
    group.fail(LogsFault(fault.code, fault.status, calls=range(1, 4)))
    client = connect()
    assert client.read("FilterLogEvents", FILTER).body
    assert group.count("FilterLogEvents") == 4
    assert client.refused_calls == 3


def test_half_of_the_calls_refused_or_broken_costs_time_but_no_event(
    group: LogsFake, connect: ConnectClient
) -> None:
    client = connect()
    expected = _read(client)
    assert len(expected) == EVENTS
    for fault in (LogsFault(share=0.2), LogsFault(status=0, share=0.2)):
        group.fail(fault)
    group.fail(LogsFault("Whatever", 500, share=0.1))
    group.fail(LogsFault(status=200, share=0.2))
    assert _read(client) == expected
    assert client.refused_calls > 0


def test_refused_calls_are_spaced_out(group: LogsFake, connect: ConnectClient) -> None:
    group.fail(LogsFault(calls=range(1, 6)))
    connect(throttle_initial_delay_ms="10", throttle_max_delay_ms="80").call("GetLogEvents", GET)
    times = [call.at_seconds for call in group.calls]
    gaps = [later - earlier for earlier, later in pairwise(times)]
    for gap, least in zip(gaps, (0.01, 0.02, 0.04, 0.08, 0.08), strict=True):
        assert gap >= least


def test_an_operation_that_is_congested_slows_down_no_other(
    group: LogsFake, connect: ConnectClient
) -> None:
    client = connect(throttle_initial_delay_ms="10", throttle_increase_ms="1")
    group.fail(LogsFault(operation="FilterLogEvents", calls=range(1, 3)))
    client.call("FilterLogEvents", FILTER)
    client.call("GetLogEvents", GET)
    operations = ("FilterLogEvents", "GetLogEvents")
    assert [client._calls.delay_ms(name) for name in operations] == [19, 0]


def test_complaint_05_what_stays_congested_is_given_up_before_the_deadline(
    group: LogsFake, connect: ConnectClient
) -> None:
    client = connect()
    client.call("GetLogEvents", GET)
    group.fail(LogsFault(operation="FilterLogEvents"))
    deadline = time.monotonic() + MARGIN_SECONDS + 2
    with pytest.raises(errors.ThrottledError, match=r"FilterLogEvents.*ThrottlingException"):
        client.read("FilterLogEvents", FILTER, deadline=deadline)
    assert time.monotonic() < deadline
    assert group.count("FilterLogEvents") > 5


def test_an_error_that_would_only_come_again_is_not_repeated(
    group: LogsFake, connect: ConnectClient
) -> None:
    group.deny("FilterLogEvents")
    with pytest.raises(errors.AccessDeniedError, match="logs:FilterLogEvents on log group /app"):
        _read(connect())
    assert group.count() == 1


def test_a_text_alone_is_no_congestion(group: LogsFake, connect: ConnectClient) -> None:
    group.fail(LogsFault("InvalidParameterException", message="Rate exceeded"))
    with pytest.raises(errors.InvalidRequestError):
        _read(connect())
    assert group.count() == 1


def test_an_address_where_nobody_listens_is_not_tried_for_long(connect: ConnectClient) -> None:
    started = time.monotonic()
    with pytest.raises(errors.SourceError, match="can't be reached"):
        connect(logs_endpoint="http://127.0.0.1:1").call("DescribeLogGroups", {})
    assert time.monotonic() - started < 5


# --- pace


def test_calls_of_an_operation_keep_within_the_rate(
    group: LogsFake, connect: ConnectClient
) -> None:
    group.fail(LogsFault(calls=range(2, 4)))
    client = connect(max_calls_per_second="10")
    for _ in range(13):
        client.call("GetLogEvents", GET)
    times = [call.at_seconds for call in group.calls]
    assert len(times) == 15
    assert times[-1] - times[0] >= 0.35


def test_a_reader_s_share_of_the_rate_holds_until_it_leaves(
    group: LogsFake, connect: ConnectClient
) -> None:
    client = connect(max_calls_per_second="1000")
    client.limit_rate(0.001)
    client.call("GetLogEvents", GET)
    with pytest.raises(errors.BudgetExceededError, match="max_calls_per_second"):
        client.call("GetLogEvents", GET, deadline=time.monotonic() + 5)
    client.release()
    client.call("GetLogEvents", GET)
    assert group.count() == 2


# --- ending


def test_cancelling_ends_the_wait_at_once_and_all_calls_until_release(
    group: LogsFake, connect: ConnectClient
) -> None:
    client = connect(throttle_initial_delay_ms="60000", throttle_max_delay_ms="60000")
    group.fail(LogsFault(operation="FilterLogEvents", calls=range(1, 2)))
    group.before("FilterLogEvents", 1, threading.Timer(0.2, client.cancel).start)
    started = time.monotonic()
    with pytest.raises(errors.QueryStoppedError):
        _read(client)
    assert time.monotonic() - started < 5
    with pytest.raises(errors.QueryStoppedError):
        client.call("GetLogEvents", GET)
    with pytest.raises(errors.QueryStoppedError):
        client.pause(60)
    client.attempt("GetLogEvents", GET)
    client.release()
    client.pause(0)
    assert client.call("GetLogEvents", GET)["events"]
    assert time.monotonic() - started < 5


def test_an_attempt_is_made_once(group: LogsFake, connect: ConnectClient) -> None:
    group.fail(LogsFault())
    with pytest.raises(errors.ThrottledError):
        connect().attempt("GetLogEvents", GET)
    assert group.count() == 1


def test_a_closed_client_opens_again(group: LogsFake, connect: ConnectClient) -> None:
    client = connect()
    assert len(_read(client)) == EVENTS
    client.close()
    assert len(_read(client)) == EVENTS


# --- where and when


def test_the_region_is_the_functions_unless_a_setting_says_another(
    connect: ConnectClient,
) -> None:
    assert _url(connect(logs_endpoint="")) == "https://logs.eu-west-1.amazonaws.com"
    other = connect(logs_endpoint="", logs_region="us-east-2")
    assert _url(other) == "https://logs.us-east-2.amazonaws.com"


def _url(client: Client) -> str:
    url: str = client._calls.sdk.meta.endpoint_url
    return url


def test_an_endpoint_that_is_no_url_is_named(connect: ConnectClient) -> None:
    with pytest.raises(errors.ConfigurationError, match="nonsense"):
        connect(logs_endpoint="nonsense").call("DescribeLogGroups", {})


def test_a_role_is_assumed_for_cloudwatch_logs(
    group: LogsFake, aws: AwsAddress, connect: ConnectClient
) -> None:
    client = connect(
        **{**aws.environ, "logs_endpoint": group.url, "cross_account_role_arn": ROLE},
        cross_account_external_id="x1",
    )
    client.call("GetLogEvents", GET)
    client.call("GetLogEvents", GET)
    keys = {call.access_key_id for call in group.calls}
    assert len(keys) == 1
    assert keys != {aws.environ["AWS_ACCESS_KEY_ID"]}
    assert {key[:4] for key in keys} == {"ASIA"}


def test_a_role_that_is_refused_is_named(logs: LogsFake, connect: ConnectClient) -> None:
    client = connect(AWS_ENDPOINT_URL_STS=f"{logs.url}/nowhere", cross_account_role_arn=ROLE)
    logs.fail(LogsFault("AccessDenied", 403))
    with pytest.raises(errors.InvalidCredentialsError, match=f"^Failed to assume role {ROLE}: "):
        client.call("DescribeLogGroups", {})


def test_the_time_is_in_ms(logs: LogsFake) -> None:
    environ = logs.settings
    client = Client(load_settings(Settings, environ), environ, clock=lambda: 1_700_000_000.1239)
    assert client.now_ms() == 1_700_000_000_123


def test_a_listing_that_goes_on_from_the_same_place_is_an_error() -> None:
    assert next_token({"nextToken": "a"}, sent="") == "a"
    assert next_token({"nextToken": "b"}, sent="a") == "b"
    assert next_token({}, sent="a") == next_token({}, sent="") == ""
    with pytest.raises(errors.SourceError, match="same place"):
        next_token({"nextToken": "a"}, sent="a")

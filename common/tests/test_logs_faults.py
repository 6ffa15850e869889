from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import pytest
from athena_connectors.common.aws import AwsClients
from athena_connectors.common.testing.logs_faults import QUOTAS, LogsFault
from athena_connectors.common.testing.logs_linter import complaints, watch_requests
from botocore.exceptions import BotoCoreError, ClientError, IncompleteReadError

if TYPE_CHECKING:
    from athena_connectors.common.testing.logs_server import LogsFake

GROUP = "/aws/lambda/f"


@pytest.fixture
def filled(logs: LogsFake) -> LogsFake:
    for group in (GROUP, "other"):
        logs.create_group(group)
        logs.put(group, "s", [(1, "x")])
    return logs


def outcome(logs: LogsFake, group: str = GROUP) -> str:
    """Return the code of a FilterLogEvents call's error, or ``ok``."""
    try:
        logs.client().filter_log_events(logGroupName=group)
    except ClientError as error:
        code: str = error.response["Error"]["Code"]
        return code
    except BotoCoreError as error:
        return type(error).__name__
    return "ok"


# --- faults


def test_faults_happen_to_calls_by_number_operation_and_group(filled: LogsFake) -> None:
    filled.fail(LogsFault(operation="FilterLogEvents", group=GROUP, calls=frozenset({2})))
    filled.fail(LogsFault("ServiceUnavailableException", status=503, group="other"))
    filled.client().describe_log_groups()
    told = [outcome(filled, group) for group in (GROUP, "other", GROUP, GROUP)]
    assert told == ["ok", "ServiceUnavailableException", "ThrottlingException", "ok"]
    filled.faults.heal()
    assert outcome(filled, "other") == "ok"


def test_a_share_of_calls_fails_the_same_each_time(filled: LogsFake) -> None:
    told = []
    for _ in range(2):
        filled.fail(LogsFault(share=0.5))
        told.append([outcome(filled) for _ in range(40)])
        filled.faults.heal()
    assert told[0] == told[1]
    assert 10 < told[0].count("ok") < 30


def test_connections_are_reset(filled: LogsFake) -> None:
    filled.fail(LogsFault(status=0, calls=frozenset({1})))
    assert [outcome(filled) for _ in range(2)] == ["ConnectionClosedError", "ok"]


def test_answers_are_cut_in_the_middle(filled: LogsFake) -> None:
    filled.fail(LogsFault(status=200, calls=frozenset({1})))
    with pytest.raises(IncompleteReadError) as caught:
        filled.client().filter_log_events(logGroupName=GROUP)
    told = caught.value.kwargs
    assert told["actual_bytes"] == told["expected_bytes"] // 2
    assert len(filled.client().filter_log_events(logGroupName=GROUP)["events"]) == 1


def test_a_query_whose_answer_is_lost_runs_all_the_same(filled: LogsFake) -> None:
    filled.fail(LogsFault(status=0, operation="StartQuery"))
    request: dict[str, Any] = {"queryString": "fields @message", "startTime": 0, "endTime": 1}
    with pytest.raises(BotoCoreError):
        filled.client().start_query(logGroupName=GROUP, **request)
    assert filled.running_queries == 1


def test_operations_can_be_denied(filled: LogsFake) -> None:
    filled.deny("FilterLogEvents")
    with pytest.raises(ClientError, match="not authorized to perform: logs:FilterLogEvents"):
        filled.client().filter_log_events(logGroupName=GROUP)
    filled.client().describe_log_groups()


def test_something_can_happen_before_a_call(filled: LogsFake) -> None:
    filled.before("FilterLogEvents", 2, lambda: filled.delete_group(GROUP))
    assert [outcome(filled) for _ in range(2)] == ["ok", "ResourceNotFoundException"]


@pytest.mark.parametrize("per_second", [QUOTAS["FilterLogEvents"], 0.5])
def test_calls_beyond_a_rate_are_throttled(filled: LogsFake, per_second: float) -> None:
    filled.faults.limit_rate("FilterLogEvents", per_second)
    started = time.monotonic()
    told = [outcome(filled) for _ in range(40)]
    burst = max(per_second, 1)
    assert told[: int(burst)] == ["ok"] * int(burst)
    assert told.count("ok") <= burst + per_second * (time.monotonic() - started)
    assert told.count("ok") + told.count("ThrottlingException") == 40
    filled.client().describe_log_groups()


def test_a_rate_lets_calls_through_again(filled: LogsFake) -> None:
    filled.faults.limit_rate("FilterLogEvents", 2)
    while outcome(filled) == "ok":
        pass
    refused_at = time.monotonic()
    while outcome(filled) != "ok":
        pass
    assert time.monotonic() - refused_at < 5


def test_calls_are_remembered_with_what_became_of_them(filled: LogsFake) -> None:
    filled.fail(LogsFault(calls=frozenset({1})))
    filled.faults.delay("FilterLogEvents", 0.05)
    assert [outcome(filled), outcome(filled)] == ["ThrottlingException", "ok"]
    first, second = filled.calls
    assert (first.status, first.code) == (400, "ThrottlingException")
    assert (second.status, second.code) == (200, "")
    assert second.seconds is not None
    assert second.seconds >= 0.05
    assert first.at_seconds + 0.05 <= second.at_seconds
    assert second.access_key_id == filled.settings["AWS_ACCESS_KEY_ID"]
    assert filled.requests("FilterLogEvents") == [{"logGroupName": GROUP}] * 2
    assert (filled.count(), filled.count("GetLogEvents")) == (2, 0)
    filled.faults.forget()
    assert filled.count() == 0


# --- requests

READ = {"logGroupName": "g", "logStreamName": "s"}
QUERY = {"logGroupName": "g", "queryString": "fields a", "startTime": 1, "endTime": 2}
WRONG: list[tuple[str, dict[str, Any]]] = [
    ("GetLogEvents", {**READ, "limit": 10_001}),
    ("GetLogEvents", {**READ, "limit": 0}),
    ("GetLogEvents", {**READ, "startTime": -1}),
    ("GetLogEvents", {**READ, "startTime": 2, "endTime": 1}),
    ("GetLogEvents", {**READ, "logGroupIdentifier": "g"}),
    ("GetLogEvents", {"logStreamName": "s"}),
    ("GetLogEvents", {**READ, "logStreamName": "a:b"}),
    ("GetLogEvents", {**READ, "logStreamName": ""}),
    ("GetLogEvents", {**READ, "logGroupName": "a b"}),
    ("GetLogEvents", {**READ, "unknown": 1}),
    ("GetLogEvents", {"logStreamName": "s", "logGroupIdentifier": "arn:aws:logs:r:1:g:*"}),
    ("FilterLogEvents", {"logGroupName": "g", "logStreamNames": ["s"] * 101}),
    ("FilterLogEvents", {"logGroupName": "g", "logStreamNames": []}),
    ("FilterLogEvents", {"logGroupName": "g", "logStreamNames": ["a*"]}),
    ("FilterLogEvents", {"logGroupName": "g", "logStreamNames": ["s"], "logStreamNamePrefix": "s"}),
    ("FilterLogEvents", {"logGroupName": "g", "filterPattern": "x" * 1025}),
    ("FilterLogEvents", {"logGroupName": "g", "startFromHead": False, "startTime": 1}),
    ("FilterLogEvents", {"logGroupName": "g", "startFromHead": False}),
    ("FilterLogEvents", {"logGroupName": "g", "startTime": 2, "endTime": 1}),
    ("FilterLogEvents", {}),
    ("DescribeLogGroups", {"limit": 51}),
    ("DescribeLogGroups", {"logGroupNamePrefix": "a", "logGroupNamePattern": "a"}),
    ("DescribeLogGroups", {"logGroupIdentifiers": ["a"], "logGroupNamePrefix": "a"}),
    ("DescribeLogGroups", {"logGroupClass": "CHEAP"}),
    ("DescribeLogGroups", {"accountIdentifiers": ["123456789012"]}),
    ("DescribeLogGroups", {"accountIdentifiers": ["1"], "includeLinkedAccounts": True}),
    ("ListLogGroups", {"limit": 1001}),
    ("ListLogGroups", {"logGroupNamePattern": "ab"}),
    ("ListLogGroups", {"logGroupNamePattern": "a" * 25}),
    ("DescribeLogStreams", {"logGroupName": "g", "limit": 51}),
    (
        "DescribeLogStreams",
        {"logGroupName": "g", "logStreamNamePrefix": "s", "orderBy": "LastEventTime"},
    ),
    ("StartQuery", {**QUERY, "limit": 100_001}),
    ("StartQuery", {**QUERY, "logGroupNames": ["g"]}),
    ("StartQuery", {**QUERY, "queryString": "x" * 10_001}),
    ("StartQuery", {**QUERY, "queryString": "SOURCE logGroups() | fields a"}),
    ("StartQuery", {**QUERY, "queryLanguage": "SQL"}),
    ("StartQuery", {**QUERY, "endTime": 1_700_000_000_000}),
    ("StartQuery", {**QUERY, "startTime": 3}),
    ("StartQuery", {"queryString": "fields a", "startTime": 1, "endTime": 2}),
    (
        "StartQuery",
        {
            "queryString": "fields a",
            "startTime": 1,
            "endTime": 2,
            "logGroupNames": [f"g{n}" for n in range(51)],
        },
    ),
    ("GetQueryResults", {"queryId": "q", "maxItems": 10_001}),
]
RIGHT: list[tuple[str, dict[str, Any]]] = [
    ("GetLogEvents", {**READ, "startTime": 0, "endTime": 0, "limit": 10_000, "unmask": True}),
    ("FilterLogEvents", {"logGroupIdentifier": "arn:aws:logs:r:1:log-group:g"}),
    ("FilterLogEvents", {"logGroupName": "g", "logStreamNames": ["2024/[$LATEST]é"] * 100}),
    (
        "FilterLogEvents",
        {"logGroupName": "g", "startFromHead": False, "startTime": 1_704_067_200_000},
    ),
    ("DescribeLogGroups", {"limit": 50, "logGroupNamePattern": ""}),
    ("DescribeLogGroups", {"accountIdentifiers": ["1" * 12], "includeLinkedAccounts": True}),
    ("ListLogGroups", {"limit": 1000, "logGroupNamePattern": "^/aws|^abc|abc"}),
    ("DescribeLogStreams", {"logGroupName": "g", "orderBy": "LastEventTime", "descending": True}),
    ("StartQuery", {**QUERY, "limit": 100_000}),
    ("StopQuery", {"queryId": "q"}),
]


@pytest.mark.parametrize(("operation", "request_"), WRONG)
def test_requests_that_the_service_refuses_are_refused(
    logs: LogsFake, operation: str, request_: dict[str, Any]
) -> None:
    assert list(complaints(operation, request_))
    call = logs._service.answer(operation, request_, "key")  # botocore sends not all of them
    assert json.loads(call.body)["__type"] == "InvalidParameterException"


@pytest.mark.parametrize(("operation", "request_"), RIGHT)
def test_requests_that_the_service_takes_are_taken(
    operation: str, request_: dict[str, Any]
) -> None:
    assert not list(complaints(operation, request_))


def test_a_watched_client_sends_nothing_wrong(filled: LogsFake) -> None:
    client = AwsClients(filled.settings).source_client("logs", endpoint_url=filled.url)
    watch_requests(client)
    client.describe_log_groups(limit=50)
    with pytest.raises(AssertionError, match="limit of 51"):
        client.describe_log_groups(limit=51)
    assert filled.count() == 1
    client.close()

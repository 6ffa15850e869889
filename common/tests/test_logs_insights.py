from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from athena_connectors.common.testing.logs_server import logs_server

if TYPE_CHECKING:
    from athena_connectors.common.testing.logs_server import LogsFake

GROUP = "/aws/lambda/f"
OTHER = "999999999999"
SPAN = {"startTime": 1, "endTime": 10}


@pytest.fixture
def filled(logs: LogsFake) -> LogsFake:
    logs.create_group(GROUP, log_class="INFREQUENT_ACCESS")
    logs.put(GROUP, "a", [(999, "too old"), (1000, "first ERROR"), (4001, "second 'x'")])
    logs.put(GROUP, "b", [(4000, '{"level": "WARN", "n": 7}'), (10_000, "last"), (10_001, "new")])
    return logs


def start(logs: LogsFake, text: str, **request: Any) -> str:
    query_id: str = logs.client().start_query(
        **{**SPAN, "logGroupName": GROUP, "queryString": text, **request}
    )["queryId"]
    return query_id


def finished(logs: LogsFake, query_id: str, **request: Any) -> dict[str, Any]:
    while True:
        reply: dict[str, Any] = logs.client().get_query_results(queryId=query_id, **request)
        if reply["status"] not in {"Scheduled", "Running", "Unknown"}:
            return reply


def rows(reply: dict[str, Any]) -> list[dict[str, str]]:
    return [{cell["field"]: cell["value"] for cell in row} for row in reply["results"]]


def messages(logs: LogsFake, text: str, **request: Any) -> list[str]:
    return [row["@message"] for row in rows(finished(logs, start(logs, text, **request)))]


def error(logs: LogsFake, operation: str, **request: Any) -> dict[str, Any]:
    with pytest.raises(logs.client().exceptions.ClientError) as caught:
        getattr(logs.client(), operation)(**request)
    response: dict[str, Any] = caught.value.response
    return response


def refused(logs: LogsFake, text: str, **request: Any) -> str:
    request = {**SPAN, "logGroupName": GROUP, "queryString": text, **request}
    code: str = error(logs, "start_query", **request)["Error"]["Code"]
    return code


# --- evaluated queries


def test_rows_have_the_fields_asked_for_and_a_pointer(filled: LogsFake) -> None:
    text = "fields @timestamp, @message, @logStream, @log, level, @ingestionTime | limit 3"
    found = rows(finished(filled, start(filled, text)))
    pointers = [row.pop("@ptr") for row in found]
    assert len(set(pointers)) == 3
    assert found[0] == {
        "@timestamp": "1970-01-01 00:00:10.000",
        "@message": "last",
        "@logStream": "b",
        "@log": f"123456789012:{GROUP}",
        "@ingestionTime": "1970-01-01 00:00:10.500",
    }
    assert [row.get("level") for row in found] == [None, None, "WARN"]
    filled.switch_insights(times_as_ms=True)
    (row,) = rows(finished(filled, start(filled, "display @timestamp | sort @timestamp | limit 1")))
    assert row["@timestamp"] == "1000"


NEWEST = ["last", "second 'x'", '{"level": "WARN", "n": 7}', "first ERROR"]


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("fields @message", [0, 1, 2, 3]),
        ("fields @message | sort @timestamp desc | limit 2", [0, 1]),
        ("fields @message\n| SORT @timestamp ASC", [3, 2, 1, 0]),
        ("fields @message | sort @logStream, @timestamp desc", [1, 3, 0, 2]),
        ("fields @message | filter @timestamp > 4000", [0, 1]),
        ("fields @message | filter @timestamp >= 4000 and @timestamp < 10000", [1, 2]),
        ("fields @message | filter @timestamp <= 4000 | filter @timestamp != 1000", [2]),
        ('fields @message | filter @logStream = "a"', [1, 3]),
        ("fields @message | filter @logStream in ['a', 'c']", [1, 3]),
        ('fields @message | filter @message like "ERR"', [3]),
        ("fields @message | filter @message not like 'ERR'", [0, 1, 2]),
        ("fields @message | filter @message like /^(second|last)/", [0, 1]),
        ("fields @message | filter @message like 'it\\'s' or @message like '\\'x'", [1]),
        ("fields @message | filter not (@logStream = 'a' or n = 7)", [0]),
        ("fields @message | filter `level` = 'WARN' and n >= 6.5 # a remark", [2]),
        ("fields @message | filter @message like 'a | b'", []),
        ("filter @logStream = 'b'", [0, 2]),
    ],
)
def test_queries_are_evaluated(filled: LogsFake, text: str, numbers: list[int]) -> None:
    assert messages(filled, text) == [NEWEST[number] for number in numbers]


def test_the_smaller_limit_counts(filled: LogsFake) -> None:
    assert messages(filled, "fields @message | limit 3", limit=2) == NEWEST[:2]
    assert messages(filled, "fields @message | limit 1", limit=2) == NEWEST[:1]


@pytest.mark.parametrize(
    ("text", "location"),
    [
        ("fields @message | sort", (22, 22)),
        ("fields @message, | limit 1", (17, 18)),
        ("fields @message limit 1", (16, 21)),
        ("field @message", (0, 5)),
        ("fields @message | limit x", (24, 25)),
        ("fields @message | limit 100001", (24, 30)),
        ("fields @message | filter n ~ 1", (27, 28)),
        ("", (0, 0)),
    ],
)
def test_wrong_queries_do_not_compile(
    filled: LogsFake, text: str, location: tuple[int, int]
) -> None:
    told = error(
        filled, "start_query", logGroupName=GROUP, queryString=text, startTime=1, endTime=2
    )
    assert told["Error"]["Code"] == "MalformedQueryException"
    assert told["queryCompileError"]["message"] == told["Error"]["Message"]
    assert told["queryCompileError"]["location"] == {
        "startCharOffset": location[0],
        "endCharOffset": location[1],
    }
    assert filled.running_queries == 0


def test_queries_that_are_not_played_fail_the_test() -> None:
    server = logs_server()
    logs = server.__enter__()
    logs.create_group(GROUP)
    assert refused(logs, "stats count(*) by bin(5m)") == "InternalFailure"
    with pytest.raises(AssertionError, match="stats is not played"):
        server.__exit__(None, None, None)


# --- groups


def test_groups_are_named_in_three_ways(filled: LogsFake) -> None:
    arn = f"arn:aws:logs:eu-west-1:{OTHER}:log-group:theirs"
    filled.create_group("theirs", account=OTHER)
    filled.put("theirs", "s", [(5000, "theirs")], account=OTHER)
    filled.create_group("second")
    filled.put("second", "s", [(6000, "second group")])

    def asked(**named: Any) -> int:
        reply = filled.client().start_query(queryString="fields @message", **SPAN, **named)
        return len(finished(filled, reply["queryId"])["results"])

    assert asked(logGroupName=GROUP) == 4
    assert asked(logGroupNames=[GROUP, "second"]) == 5
    assert asked(logGroupIdentifiers=[arn, "second"]) == 2


def test_groups_that_are_not_there_or_give_nothing_are_refused(filled: LogsFake) -> None:
    filled.create_group("brief", log_class="DELIVERY")
    assert refused(filled, "fields @message", logGroupName="none") == "ResourceNotFoundException"
    assert refused(filled, "fields @message", logGroupName="brief") == "InvalidParameterException"


# --- a query's life


def test_a_query_goes_through_its_states_with_some_rows_on_the_way(filled: LogsFake) -> None:
    query_id = start(filled, "fields @message")
    told = [filled.client().get_query_results(queryId=query_id) for _ in range(4)]
    assert [reply["status"] for reply in told] == ["Scheduled", "Running", "Complete", "Complete"]
    assert [len(reply["results"]) for reply in told] == [0, 2, 4, 4]
    assert told[-1]["statistics"] == {
        "recordsMatched": 4,
        "recordsScanned": 4,
        "bytesScanned": sum(map(len, NEWEST)),
        "resultCount": 4,
    }


@pytest.mark.parametrize("state", ["Failed", "Cancelled", "Timeout"])
def test_queries_can_end_badly(filled: LogsFake, state: str) -> None:
    filled.script("level", states=("Unknown", "Running", state))
    reply = finished(filled, start(filled, "fields level"))
    assert (reply["status"], reply["results"]) == (state, [])
    assert finished(filled, start(filled, "fields @message"))["status"] == "Complete"
    assert filled.running_queries == 0


def test_results_can_be_scripted_with_fields_missing(filled: LogsFake) -> None:
    told = [{"a": "1"}, {"b": "2", "a": ""}]
    filled.script("stats", rows=told, states=("Complete",))
    assert rows(finished(filled, start(filled, "stats count(*) by a"))) == told


def test_results_come_in_pages_of_10000(filled: LogsFake) -> None:
    filled.script(rows=[{"n": str(n)} for n in range(30_000)])
    query_id = start(filled, "stats x | limit 25000", limit=100_000)
    reply = finished(filled, query_id)
    pages = [rows(reply)]
    while "nextToken" in reply:
        reply = filled.client().get_query_results(queryId=query_id, nextToken=reply["nextToken"])
        pages.append(rows(reply))
    assert [len(page) for page in pages] == [10_000, 10_000, 5_000]
    assert [row["n"] for page in pages for row in page] == [str(n) for n in range(25_000)]
    assert len(finished(filled, start(filled, "stats x"), maxItems=3)["results"]) == 3
    first = finished(filled, start(filled, "stats x"))
    assert "nextToken" not in first
    code = error(filled, "get_query_results", queryId=query_id, nextToken="x")["Error"]["Code"]
    assert code == "InvalidParameterException"


def test_queries_are_stopped_once(filled: LogsFake) -> None:
    query_id = start(filled, "fields @message")
    assert filled.running_queries == 1
    assert filled.client().stop_query(queryId=query_id)["success"]
    assert filled.running_queries == 0
    assert filled.client().get_query_results(queryId=query_id)["status"] == "Cancelled"
    assert error(filled, "stop_query", queryId=query_id)["Error"]["Code"] == (
        "InvalidParameterException"
    )
    for operation in ("stop_query", "get_query_results"):
        code = error(filled, operation, queryId="none")["Error"]["Code"]
        assert code == "ResourceNotFoundException"


def test_only_so_many_queries_run_at_once(filled: LogsFake) -> None:
    filled.switch_insights(most_running=2)
    first, _ = start(filled, "fields @message"), start(filled, "fields @message")
    assert refused(filled, "fields @message") == "LimitExceededException"
    finished(filled, first)
    start(filled, "fields @message")

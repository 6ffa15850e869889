"""Native queries: arguments in every form that users write, columns and all of the rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from athena_connectors.cloudwatch_logs.insights import InsightsQuery
from athena_connectors.cloudwatch_logs.passthrough import (
    FUNCTION,
    describe_query,
    native_text,
    read_query,
    read_rows,
)
from athena_connectors.common.errors import (
    InvalidRequestError,
    SchemaNotFoundError,
    SourceError,
    UnsupportedOperationError,
)
from athena_connectors.common.observability import SplitStats
from hypothesis import given, settings
from hypothesis import strategies as st

if TYPE_CHECKING:
    from athena_connectors.cloudwatch_logs.insights import InsightsClient
    from athena_connectors.cloudwatch_logs.passthrough import NativeQuery
    from athena_connectors.common.testing.logs_server import LogsFake

    from conftest import Connect

_GROUP = "/app/shop"
_ARN = "arn:aws-cn:logs:eu-west-1:123456789012:log-group:/far/Shop#1"


def _arguments(**changes: str) -> dict[str, str]:
    return {
        "schemaFunctionName": "system.query",
        "STARTTIME": "1000",
        "ENDTIME": "2000",
        "QUERYSTRING": "fields @message",
        "LOGGROUPNAMES": _GROUP,
        "LIMIT": "10000",
        **changes,
    }


def _read(**changes: str) -> InsightsQuery:
    return read_query(_arguments(**changes), exists=lambda name: not name.startswith("/hidden"))


def test_the_arguments_are_those_of_the_java_connector() -> None:
    assert FUNCTION.signature == "SYSTEM.QUERY"
    assert FUNCTION.arguments == ("ENDTIME", "QUERYSTRING", "STARTTIME", "LOGGROUPNAMES", "LIMIT")
    assert _read() == InsightsQuery("fields @message", (_GROUP,), 1000, 2000, 10_000)


@given(st.integers(0, 10**11 - 1), st.integers(0, 999), st.integers(0, 999))
@settings(max_examples=200, deadline=None)
def test_complaint_16_seconds_and_ms_name_the_same_range(
    second: int, before: int, after: int
) -> None:
    assert _read(STARTTIME=f" {second}", ENDTIME=f"{second} ").start_s == second
    start, end = second * 1000 + before, second * 1000 + after
    if start >= 10**11 and end >= start:
        query = _read(STARTTIME=str(start), ENDTIME=str(end))
        assert query.start_s * 1000 <= start < query.start_s * 1000 + 1000
        assert query.end_s * 1000 - 1000 < end <= query.end_s * 1000 or query.end_s == 10**11 - 1


@pytest.mark.parametrize(
    ("text", "groups"),
    [
        ("/a,/b", ["/a", "/b"]),
        ("/a, /b", ["/a", "/b"]),
        ('"/a", "/b"', ["/a", "/b"]),
        ("'/a','/b'", ["/a", "/b"]),
        ('" /a " ,\n/b ', ["/a", "/b"]),
        ('"/a, /b"', ["/a", "/b"]),
        ("/a,/a", ["/a"]),
        (f"{_ARN}:*, /b", [_ARN, "/b"]),
        (_ARN, [_ARN]),
    ],
)
def test_complaint_16_log_groups_are_named_in_every_form(text: str, groups: list[str]) -> None:
    query = _read(LOGGROUPNAMES=text)
    assert query.groups == tuple(groups)
    has_arns = any(group.startswith("arn:") for group in groups)
    assert query.request()["logGroupIdentifiers" if has_arns else "logGroupNames"] == groups


@pytest.mark.parametrize("name", ["STARTTIME", "ENDTIME", "QUERYSTRING", "LOGGROUPNAMES", "LIMIT"])
def test_arguments_have_to_be_there(name: str) -> None:
    arguments = _arguments()
    del arguments[name]
    for wrong in (arguments, _arguments(**{name: " "})):
        with pytest.raises(InvalidRequestError, match=name):
            read_query(wrong, exists=lambda _: True)


@pytest.mark.parametrize(
    "changes",
    [
        {"schemaFunctionName": "SYSTEM.OTHER"},
        {"STARTTIME": "yesterday"},
        {"STARTTIME": "-1"},
        {"STARTTIME": "1.5"},
        {"STARTTIME": "\N{ARABIC-INDIC DIGIT ONE}"},
        {"ENDTIME": "1700000000000000000"},
        {"STARTTIME": "2001"},
        {"STARTTIME": "1700000001000", "ENDTIME": "1700000000"},
        {"LIMIT": "0"},
        {"LIMIT": "100001"},
        {"LIMIT": "many"},
        {"LOGGROUPNAMES": "/a,"},
        {"LOGGROUPNAMES": ","},
        {"LOGGROUPNAMES": '""'},
        {"LOGGROUPNAMES": "/a /b"},
        {"LOGGROUPNAMES": "123456789012:/a"},
        {"LOGGROUPNAMES": "arn:aws:s3:::bucket"},
        {"LOGGROUPNAMES": "x" * 513},
        {"LOGGROUPNAMES": ",".join(f"/g/{n}" for n in range(51))},
        {"QUERYSTRING": "fields a #" + "x" * 10_000},
    ],
)
def test_arguments_that_make_no_sense_are_refused(changes: dict[str, str]) -> None:
    with pytest.raises(InvalidRequestError):
        _read(**changes)


@pytest.mark.parametrize("name", ["/hidden/a", f"/a, {_ARN.replace('/far', '/hidden')}"])
def test_log_groups_that_do_not_exist_for_athena_are_not_queried(name: str) -> None:
    with pytest.raises(SchemaNotFoundError, match="/hidden"):
        _read(LOGGROUPNAMES=name)


def test_a_query_can_t_name_log_groups_itself() -> None:
    with pytest.raises(UnsupportedOperationError, match="SOURCE"):
        _read(QUERYSTRING="SOURCE logGroups(namePrefix: ['/hidden']) | fields a")


@pytest.fixture
def group(logs: LogsFake) -> LogsFake:
    logs.create_group(_GROUP)
    logs.put(_GROUP, "web", [(1_500_000 + n, f"line {n}") for n in range(5)])
    return logs


def _describe(client: InsightsClient, text: str, *, limit: int = 10_000) -> NativeQuery:
    return describe_query(client, _read(QUERYSTRING=text, LIMIT=str(limit)), timeout_s=30)


def _rows(client: InsightsClient, native: NativeQuery, *columns: str) -> list[dict[str, str]]:
    batches = read_rows(
        client,
        native,
        columns or native.columns,
        timeout_s=30,
        deadline=None,
        stats=SplitStats(),
    )
    return [row for batch in batches for row in batch.to_pylist()]


def _started(logs: LogsFake) -> list[int]:
    return [call.request["limit"] for call in logs.faults.calls if call.operation == "StartQuery"]


def test_one_query_is_enough_if_the_text_names_the_columns(
    group: LogsFake, insights: Connect
) -> None:
    client = insights()
    native = _describe(client, "fields @message, @logStream as stream | sort @message | limit 3")
    assert _started(group) == []
    assert native.schema.names == ["@message", "stream"]
    group.script(rows=[{"@message": "a", "stream": "s", "@ptr": "p"}, {"@ptr": "q"}])
    assert _rows(client, native) == [
        {"@message": "a", "stream": "s"},
        {"@message": None, "stream": None},
    ]
    assert _started(group) == [10_000]


def test_acceptance_10_a_sparse_first_row_keeps_all_columns(
    group: LogsFake, insights: Connect
) -> None:
    rows = [{"b": "1", "@ptr": "p"}, {"a": "2", "B": "3"}, {"c": "4"}]
    group.script(rows=rows)
    client = insights()
    native = _describe(client, "filter a = 1 or b = 2")
    assert native.columns == ("b", "a", "B", "c")
    assert _rows(client, native) == [
        {"b": "1", "a": None, "B": None, "c": None},
        {"b": None, "a": "2", "B": "3", "c": None},
        {"b": None, "a": None, "B": None, "c": "4"},
    ]
    assert _started(group) == [100, 10_000]


def test_the_look_at_a_result_is_small(group: LogsFake, insights: Connect) -> None:
    _describe(insights(), "filter @message like 'line'", limit=7)
    assert _started(group) == [7]
    assert [call.request.get("maxItems") for call in group.faults.calls][-1] == 100


def test_columns_that_a_text_names_come_first_and_are_there_without_rows(
    group: LogsFake, insights: Connect
) -> None:
    group.script(rows=[])
    client = insights()
    native = _describe(client, "fields @timestamp, upper( a ) | parse b '*' as word")
    assert native.columns == ("@timestamp", "word")
    assert _rows(client, native) == []
    assert _describe(client, "filter a = 1").columns == ("@message",)


def test_the_pointer_of_events_is_shown_if_it_is_asked_for(
    group: LogsFake, insights: Connect
) -> None:
    client = insights()
    assert _describe(client, "filter @message like 'line'").columns == ("@timestamp", "@message")
    native = _describe(client, "fields @ptr, @message")
    assert native.columns == ("@ptr", "@message")
    assert all(row["@ptr"] for row in _rows(client, native))


def test_names_that_differ_by_case_alone_are_one_column(group: LogsFake, insights: Connect) -> None:
    group.script(rows=[{"Level": "1"}, {"level": "2", "Level": "3"}, {"LEVEL": "4"}])
    native = _describe(insights(), "fields level")
    assert _rows(insights(), native) == [{"level": "1"}, {"level": "2"}, {"level": "4"}]


def test_a_column_that_the_service_calls_otherwise_is_an_error(
    group: LogsFake, insights: Connect
) -> None:
    group.script(rows=[{"count(*)": "1", "a": "x"}])
    native = _describe(insights(), "stats count() by a")
    with pytest.raises(SourceError, match=r"count\(\*\); expected were count\(\)"):
        _rows(insights(), native, "a")


def test_acceptance_10_25_000_rows_are_counted_and_read(group: LogsFake, insights: Connect) -> None:
    group.script(rows=[{"n": str(n)} for n in range(25_000)])
    client = insights()
    native = _describe(client, "fields n", limit=100_000)
    assert [row["n"] for row in _rows(client, native)] == [str(n) for n in range(25_000)]
    batches = read_rows(client, native, (), timeout_s=30, deadline=None, stats=SplitStats())
    assert [batch.num_rows for batch in batches] == [10_000, 10_000, 5_000]


def test_acceptance_10_ms_and_seconds_agree(group: LogsFake, insights: Connect) -> None:
    logs, client = group, insights()
    second = 1_700_000_000
    logs.put(_GROUP, "web", [(second * 1000 + n, f"at {n}") for n in (-1, 0, 999, 1000, 1001)])
    arguments = (
        {"STARTTIME": f"{second}", "ENDTIME": f"{second + 1}"},
        {"STARTTIME": f"{second}000", "ENDTIME": f"{second + 1}000"},
    )
    for changes in arguments:
        native = describe_query(client, _read(**changes), timeout_s=30)
        found = {row["@message"] for row in _rows(client, native)}
        assert found == {"at 0", "at 999", "at 1000"}
    with pytest.raises(InvalidRequestError, match="is after ENDTIME"):
        _read(STARTTIME=f"{second + 2}000", ENDTIME=f"{second}999")


def test_what_is_sent_is_shown() -> None:
    assert native_text(_read(QUERYSTRING="fields a\n| limit 3", LOGGROUPNAMES="/a,/b")) == (
        "StartQuery /a, /b from 1000 to 2000 limit 10000\nfields a\n| limit 3"
    )

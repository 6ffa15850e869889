"""A Logs Insights query gives all of its rows or an error, and none goes on unwatched."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest
from athena_connectors.cloudwatch_logs import insights as module
from athena_connectors.cloudwatch_logs.insights import InsightsQuery, run
from athena_connectors.common.errors import (
    DeadlineExceededError,
    InvalidRequestError,
    QueryStoppedError,
    SourceError,
    SourceTimeoutError,
    ThrottledError,
)
from athena_connectors.common.observability import SplitStats
from athena_connectors.common.source_calls import Reply
from athena_connectors.common.testing.logs_faults import LogsFault

if TYPE_CHECKING:
    from collections.abc import Mapping

    from athena_connectors.cloudwatch_logs.insights import InsightsClient
    from athena_connectors.cloudwatch_logs.insights_rows import ResultPage
    from athena_connectors.common.errors import ConnectorError
    from athena_connectors.common.testing.logs_server import LogsFake

    from conftest import Connect

_GROUP = "/app/shop"
_QUERY = InsightsQuery("fields @message", (_GROUP,), 0, 10_000)


@pytest.fixture
def group(logs: LogsFake) -> LogsFake:
    logs.create_group(_GROUP)
    logs.put(_GROUP, "web", [(1_000_000 + n, f"line {n}") for n in range(5)])
    return logs


def _run(
    client: InsightsClient,
    query: InsightsQuery = _QUERY,
    *,
    timeout_s: float = 30,
    deadline: float | None = None,
    stats: SplitStats | None = None,
) -> list[ResultPage]:
    pages = run(client, query, timeout_s=timeout_s, deadline=deadline, stats=stats or SplitStats())
    return list(pages)


def _operations(logs: LogsFake) -> list[str]:
    return [call.operation for call in logs.faults.calls]


def test_all_rows_come_when_the_query_is_complete(group: LogsFake, insights: Connect) -> None:
    (page,) = _run(insights())
    assert sorted(page.column("@message").to_pylist()) == [f"line {n}" for n in range(5)]


def test_acceptance_10_25_000_rows_arrive_by_3_pages(group: LogsFake, insights: Connect) -> None:
    rows = [{"n": str(n)} for n in range(25_000)]
    group.script(rows=rows)
    pages = _run(insights())
    assert [page.num_rows for page in pages] == [10_000, 10_000, 5_000]
    read = [value for page in pages for value in page.column("n").to_pylist()]
    assert read == [row["n"] for row in rows]
    asked = [call.request for call in group.faults.calls if call.request.get("maxItems") == 10_000]
    assert len(asked) == 3


def test_complaint_19_more_rows_than_a_page_has_are_read_to_the_end(
    group: LogsFake, insights: Connect
) -> None:
    group.script(rows=[{"n": str(n)} for n in range(10_001)])
    assert sum(page.num_rows for page in _run(insights())) == 10_001


@pytest.mark.parametrize(
    ("state", "error"),
    [("Failed", SourceError), ("Cancelled", SourceError), ("Timeout", SourceTimeoutError)],
)
def test_acceptance_10_the_end_of_a_query_is_told_in_2_seconds(
    group: LogsFake, insights: Connect, state: str, error: type[ConnectorError]
) -> None:
    group.script(states=("Scheduled", "Running", "Running", state), rows=[{"n": "1"}])
    with pytest.raises(error, match=r"Logs Insights query \S+ of log groups /app/shop"):
        _run(insights(is_patient=True))
    seen = [call.at_seconds for call in group.faults.calls if call.operation == "GetQueryResults"]
    assert time.monotonic() - seen[-1] < 2
    assert max(later - before for before, later in pairwise(seen)) < 2
    assert "StopQuery" not in _operations(group)


def test_looks_are_up_to_2_seconds_apart() -> None:
    client = _Scripted([{"results": [_ROW]}], states=["Running"] * 12)
    _run(client)
    assert client.pauses[0] == 0.2
    assert sorted(client.pauses) == client.pauses
    assert client.pauses[-1] == 2


def test_rows_of_a_query_at_work_are_not_taken_for_its_result(
    group: LogsFake, insights: Connect
) -> None:
    group.script(states=("Running", "Complete"), rows=[{"n": "1"}, {"n": "2"}])
    assert sum(page.num_rows for page in _run(insights())) == 2


def test_an_unknown_state_is_tolerated_for_a_while(
    group: LogsFake, insights: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    group.script("fields", states=("Unknown", "Unknown", "Running", "Complete"))
    assert sum(page.num_rows for page in _run(insights())) == 5
    monkeypatch.setattr(module, "_UNKNOWN_SECONDS", 0.3)
    group.script("fields", states=("Running", "Unknown"))
    with pytest.raises(SourceError, match="in state Unknown"):
        _run(insights(is_patient=True))
    assert group.running_queries == 0


def test_acceptance_10_a_query_is_stopped_when_reading_is_cancelled(
    group: LogsFake, insights: Connect
) -> None:
    group.script(states=("Running",))
    client = insights(is_patient=True)
    looks = LogsFault(operation="GetQueryResults", calls=frozenset({4}))
    group.faults.before(looks, client.cancel)
    with pytest.raises(QueryStoppedError):
        _run(client)
    assert _operations(group)[-1] == "StopQuery"
    assert group.running_queries == 0
    assert time.monotonic() - group.faults.calls[-2].at_seconds < 1


def test_complaint_20_a_query_that_takes_too_long_is_stopped(
    group: LogsFake, insights: Connect
) -> None:
    group.script(states=("Running",))
    with pytest.raises(
        SourceTimeoutError, match=r"still Running after 0.5 seconds.*insights_timeo"
    ):
        _run(insights(is_patient=True), timeout_s=0.5)
    assert group.running_queries == 0


def test_complaint_20_a_query_that_never_starts_names_the_quota(
    group: LogsFake, insights: Connect
) -> None:
    group.script(states=("Scheduled",))
    with pytest.raises(SourceTimeoutError, match="100 Logs Insights queries at once"):
        _run(insights(is_patient=True), timeout_s=0.5)
    assert group.running_queries == 0


def test_the_deadline_counts_if_it_is_sooner(group: LogsFake, insights: Connect) -> None:
    group.script(states=("Running",))
    with pytest.raises(DeadlineExceededError, match="still Running"):
        _run(insights(is_patient=True), timeout_s=600, deadline=time.monotonic() + 0.5)
    assert group.running_queries == 0


def test_complaint_20_a_query_waits_until_others_have_ended(
    group: LogsFake, insights: Connect
) -> None:
    group.switch_insights(most_running=0)
    third = LogsFault(operation="StartQuery", calls=frozenset({3}))
    group.faults.before(third, lambda: group.switch_insights(most_running=1))
    assert sum(page.num_rows for page in _run(insights())) == 5
    assert _operations(group).count("StartQuery") == 3


def test_complaint_20_too_many_queries_name_the_quota(group: LogsFake, insights: Connect) -> None:
    group.switch_insights(most_running=0)
    with pytest.raises(ThrottledError, match=r"/app/shop.*100 Logs Insights queries at once"):
        _run(insights(), timeout_s=0.3)


def test_throttles_change_nothing(group: LogsFake, insights: Connect) -> None:
    group.fail(LogsFault(share=0.5))
    group.script(rows=[{"n": str(n)} for n in range(20_001)])
    assert sum(page.num_rows for page in _run(insights())) == 20_001


@pytest.mark.parametrize("code", ["InvalidParameterException", "ResourceNotFoundException"])
def test_what_stopping_meets_does_not_hide_the_error(
    group: LogsFake, insights: Connect, code: str
) -> None:
    group.script(states=("Running",))
    group.fail(LogsFault(code, operation="StopQuery"))
    with pytest.raises(SourceTimeoutError):
        _run(insights(is_patient=True), timeout_s=0.3)
    assert _operations(group)[-1] == "StopQuery"


def test_a_query_is_stopped_if_its_state_can_t_be_asked_for(
    group: LogsFake, insights: Connect
) -> None:
    group.fail(LogsFault("InvalidParameterException", operation="GetQueryResults"))
    with pytest.raises(InvalidRequestError):
        _run(insights())
    assert _operations(group)[-1] == "StopQuery"


def test_a_query_that_is_not_understood_is_refused(group: LogsFake, insights: Connect) -> None:
    with pytest.raises(InvalidRequestError, match="MalformedQueryException"):
        _run(insights(), replace(_QUERY, text="filter nonsense ="))
    assert _operations(group) == ["StartQuery"]


def test_nothing_is_started_before_a_page_is_asked_for(group: LogsFake, insights: Connect) -> None:
    run(insights(), _QUERY, timeout_s=1, deadline=None, stats=SplitStats()).close()
    assert _operations(group) == []


def test_what_a_query_costs_is_counted(group: LogsFake, insights: Connect) -> None:
    stats = SplitStats()
    _run(insights(), stats=stats)
    assert stats.requests == len(_operations(group)) == 5
    assert stats.source_units == 30
    assert stats.bytes_read > 100
    assert stats.source_seconds > 0


def test_groups_of_other_accounts_are_named_by_arn(group: LogsFake, insights: Connect) -> None:
    group.create_group("/app/far", account="210987654321")
    group.put("/app/far", "x", [(1_000_000, "far")], account="210987654321")
    arn = "arn:aws:logs:us-east-1:210987654321:log-group:/app/far"
    arn = arn.replace("us-east-1", group.settings["AWS_REGION"])
    (page,) = _run(insights(), replace(_QUERY, groups=(arn, _GROUP)))
    assert page.num_rows == 6


@dataclass
class _Scripted:
    """Answers with pages that the stand-in never gives."""

    pages: list[Mapping[str, Any]]
    states: list[str] = field(default_factory=list)
    tokens: list[str | None] = field(default_factory=list)
    pauses: list[float] = field(default_factory=list)

    def call(self, operation: str, request: Mapping[str, Any], **_: Any) -> Mapping[str, Any]:
        if operation == "StartQuery":
            return {"queryId": "q-1"}
        return {"status": self.states.pop(0) if self.states else "Complete"}

    def read(self, operation: str, request: Mapping[str, Any], **_: Any) -> Reply:
        self.tokens.append(request.get("nextToken"))
        return Reply(parsed={"status": "Complete", **self.pages.pop(0)})

    def attempt(self, operation: str, request: Mapping[str, Any]) -> None:
        raise AssertionError(operation)

    def pause(self, seconds: float) -> None:
        self.pauses.append(seconds)


_ROW = [{"field": "n", "value": "1"}]


def test_only_a_missing_token_ends_the_result() -> None:
    client = _Scripted(
        [
            {"results": [_ROW], "nextToken": "a"},
            {"results": [], "nextToken": "b"},
            {"results": [_ROW, _ROW]},
        ]
    )
    assert sum(page.num_rows for page in _run(client)) == 3
    assert client.tokens == [None, "a", "b"]


def test_a_result_that_does_not_go_on_is_an_error() -> None:
    page = {"results": [_ROW], "nextToken": "a"}
    with pytest.raises(SourceError, match="same place"):
        _run(_Scripted([page] * 9))


def test_a_result_that_is_not_complete_any_more_is_an_error() -> None:
    with pytest.raises(SourceError, match="but Running"):
        _run(_Scripted([{"results": [_ROW], "status": "Running"}]))

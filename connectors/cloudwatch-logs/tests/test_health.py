from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from athena_connectors.cloudwatch_logs.health import findings
from athena_connectors.cloudwatch_logs.metadata import Groups
from athena_connectors.cloudwatch_logs.settings import Settings
from athena_connectors.common.config import load_settings
from athena_connectors.common.findings import Verdict
from athena_connectors.common.testing.logs_faults import LogsFault

if TYPE_CHECKING:
    from collections.abc import Callable

    from athena_connectors.cloudwatch_logs.client import Client
    from athena_connectors.common.findings import Finding
    from athena_connectors.common.testing.logs_server import LogsFake

    ConnectClient = Callable[..., Client]

    Find = Callable[..., dict[str, Finding]]


@pytest.fixture
def group(logs: LogsFake) -> LogsFake:
    logs.create_group("/app/shop")
    logs.put("/app/shop", "web", [(1_000_000, "x")])
    return logs


@pytest.fixture
def find(connect: ConnectClient) -> Find:
    """Returns findings by what was checked."""

    def find(**environ: str) -> dict[str, Finding]:
        client, settings = connect(), load_settings(Settings, environ)
        told = list(findings(client, Groups(client, settings), settings))
        assert len({finding.check for finding in told}) == len(told)
        return {finding.check: finding for finding in told}

    return find


def test_all_is_well(group: LogsFake, find: Find) -> None:
    told = find(unmask="true", include_linked_accounts="true")
    assert {finding.verdict for finding in told.values()} == {Verdict.OK}
    assert list(told) == [
        *("groups", "linked accounts", "listing", "descriptions", "streams", "filter", "events"),
        *("unmask", "insights"),
    ]
    assert "/app/shop" in told["groups"].fact
    assert "123456789012" in told["linked accounts"].fact
    assert group.running_queries == 0


@pytest.mark.parametrize(
    ("operation", "check", "verdict"),
    [
        ("DescribeLogGroups", "groups", Verdict.FAULT),
        ("ListLogGroups", "listing", Verdict.WARNING),
        ("DescribeLogStreams", "streams", Verdict.FAULT),
        ("FilterLogEvents", "filter", Verdict.FAULT),
        ("GetLogEvents", "events", Verdict.FAULT),
        ("StartQuery", "insights", Verdict.FAULT),
        ("GetQueryResults", "insights", Verdict.FAULT),
        ("StopQuery", "insights", Verdict.FAULT),
    ],
)
def test_a_right_that_is_missing_is_named(
    group: LogsFake, find: Find, operation: str, check: str, verdict: Verdict
) -> None:
    group.script(states=("Running",))
    group.deny(operation)
    told = find()
    assert told[check].verdict is verdict
    assert f"AWS denies logs:{operation}" in told[check].fact
    assert f"Allow logs:{operation}" in told[check].fix
    bad = [name for name, item in told.items() if item.verdict is not Verdict.OK]
    assert bad == [check]


def test_insights_that_nobody_needs_is_only_a_warning(group: LogsFake, find: Find) -> None:
    group.deny("StartQuery")
    assert find(enable_query_passthrough="false")["insights"].verdict is Verdict.WARNING
    group.create_group("/cheap", log_class="INFREQUENT_ACCESS")
    told = find(enable_query_passthrough="false")
    assert told["insights"].verdict is Verdict.FAULT
    assert "only Logs Insights can read /cheap" in told["descriptions"].fact


def test_the_right_to_unmask_is_tried_only_if_it_is_asked_for(group: LogsFake, find: Find) -> None:
    assert "unmask" not in find()
    message = "User: me is not authorized to perform: logs:Unmask"
    group.faults.heal()
    group.fail(
        LogsFault(
            "AccessDeniedException",
            operation="FilterLogEvents",
            calls=frozenset({2}),
            message=message,
        )
    )
    told = find(unmask="true")["unmask"]
    assert told.verdict is Verdict.FAULT
    assert "set unmask to false" in told.fix


def test_groups_that_can_t_be_read_as_events_are_not_tried(logs: LogsFake, find: Find) -> None:
    logs.create_group("/delivered", log_class="DELIVERY")
    told = find()
    assert list(told) == ["groups", "listing", "descriptions"]


def test_no_group_is_a_warning(logs: LogsFake, find: Find) -> None:
    told = find()
    assert told["groups"].verdict is Verdict.WARNING
    assert "logs_region" in told["groups"].fix
    assert list(told) == ["groups", "listing"]


def test_no_group_that_exists_for_athena_is_a_warning(group: LogsFake, find: Find) -> None:
    told = find(log_group_include="/x*")
    assert told["groups"].verdict is Verdict.WARNING
    assert "log_group_include" in told["groups"].fix


def test_a_group_without_a_stream_is_tried_as_far_as_it_goes(logs: LogsFake, find: Find) -> None:
    logs.create_group("/empty")
    told = find()
    assert "events" not in told
    assert {finding.verdict for finding in told.values()} == {Verdict.OK}

"""What ``doctor`` tells of CloudWatch Logs and of what the function's role may do there.

Source: AWS, "Actions, resources, and condition keys for Amazon CloudWatch Logs".
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from athena_connectors.cloudwatch_logs.log_group import LogClass
from athena_connectors.common.errors import ConnectorError, InvalidRequestError
from athena_connectors.common.findings import Finding, Verdict, told
from athena_connectors.common.protocol.messages import TableName

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from athena_connectors.cloudwatch_logs.client import Client
    from athena_connectors.cloudwatch_logs.log_group import LogGroup
    from athena_connectors.cloudwatch_logs.metadata import Groups
    from athena_connectors.cloudwatch_logs.settings import Settings

__all__ = ["findings"]

MAX_GROUPS = 20
"""Groups that are looked at, to find one to try each call on."""

_PAGE_NAMES = 50
_MAX_SHOWN = 5
_LOOK = "Look at the error."


def findings(client: Client, groups: Groups, settings: Settings) -> Iterator[Finding]:
    """Yield the findings about one account and region.

    Args:
        client: Asks CloudWatch Logs.
        groups: What Athena knows of it.
        settings: The connector's settings.

    Cost:
        About ten calls, and one for each of 20 groups at most. The Logs Insights query that is
        tried scans one second of one group.
    """
    names: list[str] = []
    yield from told("groups", _listed(client, groups, settings, names))
    yield from _fast_listing(client, settings)
    found: list[LogGroup] = []
    yield from told("descriptions", _described(groups, names[:MAX_GROUPS], found))
    readable = [group for group in found if group.log_class.gives_events]
    if readable:
        yield from told("streams", _events(client, readable[0], settings))
    queryable = [group for group in found if group.log_class is not LogClass.DELIVERY]
    if queryable:
        needed = settings.enable_query_passthrough or len(readable) < len(found)
        for finding in told("insights", _insights(client, queryable[0]), fix=_LOOK):
            yield finding if needed else _not_needed(finding)


def _listed(
    client: Client, groups: Groups, settings: Settings, names: list[str]
) -> Iterator[Finding]:
    """Yield what a listing of groups gives, and add the names of those that exist for Athena."""
    reply = client.call("DescribeLogGroups", {"limit": _PAGE_NAMES})
    first = [group["logGroupName"] for group in reply["logGroups"]]
    names += filter(groups.allows, first)
    role = settings.cross_account_role_arn
    if role:
        yield Finding.ok("role", f"CloudWatch Logs is read as {role}.")
    if names:
        at_least = "at least " if reply.get("nextToken") else ""
        yield Finding.ok("groups", f"{at_least}{len(names)} log groups exist: {_shown(names)}.")
    elif first:
        yield Finding.warning(
            "groups",
            f"Of the first {len(first)} log groups none exists for Athena.",
            fix="Look at the settings log_group_include and log_group_exclude.",
        )
    else:
        yield Finding.warning(
            "groups",
            "There is no log group in this account and region.",
            fix="Check AWS_REGION, logs_region and cross_account_role_arn.",
        )
    if settings.include_linked_accounts:
        yield from _linked(client, settings)


def _linked(client: Client, settings: Settings) -> Iterator[Finding]:
    request: dict[str, Any] = {"includeLinkedAccounts": True, "limit": _PAGE_NAMES}
    if settings.linked_accounts:
        request["accountIdentifiers"] = list(settings.linked_accounts)
    reply = client.call("DescribeLogGroups", request)
    accounts = sorted({group["arn"].split(":")[4] for group in reply["logGroups"]})
    yield Finding.ok("linked accounts", f"Accounts of the first groups: {_shown(accounts)}.")


def _fast_listing(client: Client, settings: Settings) -> Iterator[Finding]:
    request: dict[str, Any] = {"limit": 1}
    if settings.include_linked_accounts:
        request["includeLinkedAccounts"] = True
    try:
        client.attempt("ListLogGroups", request)
    except ConnectorError as error:
        yield Finding.warning(
            "listing",
            f"Log groups are listed 50 at a time, not 1,000: {error.message}",
            fix="Allow logs:ListLogGroups to the function's role, if there are many.",
        )
    else:
        yield Finding.ok("listing", "Log groups are listed 1,000 at a time.")


def _described(groups: Groups, names: list[str], found: list[LogGroup]) -> Iterator[Finding]:
    found += [groups.table(TableName(name, "all_log_streams")).group for name in names]
    if found:
        cheap = [group.name for group in found if not group.log_class.gives_events]
        fact = f"Log groups looked at: {len(found)}"
        if cheap:
            fact += f", of which only Logs Insights can read {_shown(cheap)}"
        yield Finding.ok("descriptions", f"{fact}.")


def _events(client: Client, group: LogGroup, settings: Settings) -> Iterator[Finding]:
    """Try each way of reading events on one group."""
    reply = client.call("DescribeLogStreams", {**group.parameter, "limit": 1})
    streams = [stream["logStreamName"] for stream in reply["logStreams"]]
    yield Finding.ok("streams", f"Streams of log group {group.name} can be listed.")
    # A window of one ms: it is the right that is tried, not the events.
    request = {**group.parameter, "startTime": 0, "endTime": 1, "limit": 1}
    yield from _tried(client, "filter", "FilterLogEvents", request)
    for stream in streams:
        of_stream = {**request, "logStreamName": stream, "startFromHead": True}
        yield from _tried(client, "events", "GetLogEvents", of_stream)
    if settings.unmask:
        yield from _tried(client, "unmask", "FilterLogEvents", {**request, "unmask": True})


def _tried(
    client: Client, check: str, operation: str, request: Mapping[str, Any]
) -> Iterator[Finding]:
    try:
        client.call(operation, request)
    except ConnectorError as error:
        yield Finding.of_error(check, error, fix=_LOOK)
    else:
        group = request.get("logGroupName") or request["logGroupIdentifier"]
        yield Finding.ok(check, f"{operation} works on log group {group}.")


def _insights(client: Client, group: LogGroup) -> Iterator[Finding]:
    """Start a query, look at it and stop it."""
    second = client.now_ms() // 1000
    request = {
        "logGroupNames": [group.name],
        "startTime": second - 1,
        "endTime": second,
        "queryString": "fields @timestamp",
        "limit": 1,
    }
    query = {"queryId": client.call("StartQuery", request)["queryId"]}
    try:
        client.call("GetQueryResults", query)
    finally:
        with suppress(InvalidRequestError):  # it has ended by itself
            client.attempt("StopQuery", query)
    yield Finding.ok("insights", f"Logs Insights works on log group {group.name}.")


def _not_needed(finding: Finding) -> Finding:
    """Return the finding of a check whose refusal lets no query of a table fail."""
    if finding.verdict is Verdict.FAULT:
        return replace(finding, verdict=Verdict.WARNING)
    return finding


def _shown(names: list[str]) -> str:
    return ", ".join(names[:_MAX_SHOWN]) + (", ..." if len(names) > _MAX_SHOWN else "")

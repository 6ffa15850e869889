"""DescribeLogGroups, ListLogGroups and DescribeLogStreams of the stand-in.

Source: CloudWatch Logs API reference, pages of these operations. Where streams without an
event stand by time is not said there; here they count as the oldest.
"""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any, TypeVar

from athena_connectors.common.testing.logs_groups import ACCOUNT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from athena_connectors.common.testing.logs_events import StreamFacts
    from athena_connectors.common.testing.logs_groups import Group, Groups
    from athena_connectors.common.testing.logs_tokens import Tokens

__all__ = ["Listings"]

_CHEAP = ("INFREQUENT_ACCESS", "ESSENTIALS")
_PAGE = 50
_T = TypeVar("_T")


class Listings:
    """Lists groups and streams.

    Args:
        groups: All groups.
        tokens: All tokens.
    """

    def __init__(self, groups: Groups, tokens: Tokens) -> None:
        self._groups = groups
        self._tokens = tokens

    def describe_groups(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """Return the reply of DescribeLogGroups."""
        prefix = request.get("logGroupNamePrefix", "")
        pattern = request.get("logGroupNamePattern")
        identifiers = request.get("logGroupIdentifiers")

        def is_wanted(group: Group) -> bool:
            return (
                group.name.startswith(prefix)
                and (pattern is None or pattern in group.name)
                and (identifiers is None or not {group.name, group.arn}.isdisjoint(identifiers))
            )

        is_brief = bool(pattern)
        return self._group_page(
            "DescribeLogGroups", request, is_wanted, lambda group: _described(group, is_brief)
        )

    def list_groups(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """Return the reply of ListLogGroups."""
        alternatives = request.get("logGroupNamePattern", "").split("|")

        def is_wanted(group: Group) -> bool:
            return any(
                group.name.startswith(text[1:]) if text.startswith("^") else text in group.name
                for text in alternatives
            )

        return self._group_page("ListLogGroups", request, is_wanted, _listed)

    def _group_page(
        self,
        operation: str,
        request: Mapping[str, Any],
        is_wanted: Callable[[Group], bool],
        tell: Callable[[Group], dict[str, Any]],
    ) -> dict[str, Any]:
        token = self._tokens.redeem((operation,), request)
        linked = request.get("includeLinkedAccounts", False)
        accounts = request.get("accountIdentifiers") or ()
        wanted_class = request.get("logGroupClass")
        classes = _CHEAP if wanted_class in _CHEAP else (wanted_class,)
        found = (
            group
            for group in self._groups
            if (token is None or (group.name, group.account) > token.position)
            and (linked or group.account == ACCOUNT)
            and (not accounts or group.account in accounts)
            and (wanted_class is None or group.log_class in classes)
            and is_wanted(group)
        )
        page, is_last = _cut(found, request)
        reply: dict[str, Any] = {"logGroups": [tell(group) for group in page]}
        if not is_last:
            position = (page[-1].name, page[-1].account)
            reply["nextToken"] = self._tokens.issue(operation, request, position)
        return reply

    def describe_streams(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """Return the reply of DescribeLogStreams.

        Raises:
            LogsError: There is no such group, or the token is not valid.
        """
        group = self._groups.asked_for(request)
        token = self._tokens.redeem(("DescribeLogStreams",), request)
        after: str | None = None if token is None else token.position
        descending = request.get("descending", False)
        lag_ms = group.switches.lag_ms
        found: Iterator[StreamFacts]
        if request.get("orderBy") == "LastEventTime":
            found = group.source.by_last_event(after=after, descending=descending, lag_ms=lag_ms)
        else:
            prefix = request.get("logStreamNamePrefix", "")
            found = group.source.by_name(
                prefix=prefix, after=after, descending=descending, lag_ms=lag_ms
            )
        page, is_last = _cut(found, request)
        reply: dict[str, Any] = {"logStreams": [_stream(facts, group) for facts in page]}
        if not is_last:
            reply["nextToken"] = self._tokens.issue("DescribeLogStreams", request, page[-1].name)
        return reply


def _cut(found: Iterable[_T], request: Mapping[str, Any]) -> tuple[list[_T], bool]:
    """Return a page, and whether nothing follows."""
    limit = request.get("limit", _PAGE)
    items = list(islice(found, limit + 1))
    return items[:limit], len(items) <= limit


def _described(group: Group, is_brief: bool) -> dict[str, Any]:  # noqa: FBT001
    told: dict[str, Any] = {
        "logGroupName": group.name,
        "creationTime": group.created_at,
        "arn": f"{group.arn}:*",
    }
    if is_brief:
        return told
    if group.retention_days is not None:
        told["retentionInDays"] = group.retention_days
    return {
        **told,
        "metricFilterCount": 0,
        "storedBytes": group.stored_bytes,
        "logGroupClass": group.log_class,
        "logGroupArn": group.arn,
    }


def _listed(group: Group) -> dict[str, Any]:
    return {
        "logGroupName": group.name,
        "logGroupArn": group.arn,
        "logGroupClass": group.log_class,
    }


def _stream(facts: StreamFacts, group: Group) -> dict[str, Any]:
    told: dict[str, Any] = {
        "logStreamName": facts.name,
        "creationTime": facts.created_at,
        "arn": f"{group.arn}:log-stream:{facts.name}",
        "storedBytes": 0,
    }
    times = {
        "firstEventTimestamp": facts.first_event,
        "lastEventTimestamp": facts.last_event,
        "lastIngestionTime": facts.last_ingestion,
    }
    if facts.name not in group.switches.untold_streams:
        told |= {name: time for name, time in times.items() if time is not None}
    return told

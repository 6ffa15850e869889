"""Holds requests to what the real CloudWatch Logs takes, where botocore is lenient.

Lengths, ranges, patterns and enumerations come from the service model that botocore has and
does not enforce; what members may stand together is from the API's reference.
"""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, Any

from athena_connectors.common.testing.logs_pages import NEWEST_FIRST_FROM_MS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from botocore.model import ServiceModel, Shape

__all__ = ["complaints", "watch_requests"]

_MAX_GROUPS = 50
_LATEST_SECONDS = 10**11
"""A time beyond the year 5000, if it is one in seconds; it is one in ms."""
_LENGTHS = ("string", "list")
_ONE_GROUP = frozenset({"GetLogEvents", "FilterLogEvents", "DescribeLogStreams"})
_TOGETHER = {
    "FilterLogEvents": (("logStreamNames", "logStreamNamePrefix"),),
    "DescribeLogGroups": (
        ("logGroupNamePrefix", "logGroupNamePattern"),
        ("logGroupIdentifiers", "logGroupNamePrefix"),
        ("logGroupIdentifiers", "logGroupNamePattern"),
        ("logGroupIdentifiers", "logGroupClass"),
        ("logGroupIdentifiers", "accountIdentifiers"),
    ),
}


def watch_requests(client: Any) -> None:
    """Let a botocore client send no request that CloudWatch Logs would refuse.

    It raises an ``AssertionError`` instead.
    """

    def check(params: Mapping[str, Any], model: Any, **_: Any) -> None:
        found = list(complaints(model.name, params))
        assert not found, f"{model.name} {params}: {'; '.join(found)}"

    client.meta.events.register("before-parameter-build.cloudwatch-logs", check)


def complaints(operation: str, request: Mapping[str, Any]) -> Iterator[str]:
    """Yield what CloudWatch Logs would refuse in a request, if anything.

    Args:
        operation: Its name: ``GetLogEvents``.
        request: Its members; those that are ``None`` are not there.
    """
    shape = _service().operation_model(operation).input_shape
    assert shape is not None
    yield from _of_shape("", request, shape)
    yield from _of_names(operation, request)
    yield from _of_combination(operation, request)


@cache
def _service() -> ServiceModel:
    from botocore.session import Session  # noqa: PLC0415

    return Session().get_service_model("logs")


def _of_shape(name: str, value: Any, shape: Shape) -> Iterator[str]:
    told: Mapping[str, Any] = shape.metadata
    if shape.type_name == "structure":
        for member, item in value.items():
            known = shape.members.get(member)  # type: ignore[attr-defined]
            if known is None:
                yield f"no parameter {member}"
            else:
                yield from _of_shape(member, item, known)
        return
    size = len(value) if shape.type_name in _LENGTHS else value
    if size < told.get("min", size) or size > told.get("max", size):
        yield f"{name} of {size}, not of {told.get('min', '')} to {told.get('max', '')}"
    if told.get("enum") and value not in told["enum"]:
        yield f"{name} {value!r} is none of {told['enum']}"
    pattern = told.get("pattern", "")
    if pattern and "\\p" not in pattern and not re.fullmatch(pattern, value, re.ASCII):
        yield f"{name} {value!r} is not of the form {pattern}"
    if shape.type_name == "list":
        for item in value:
            yield from _of_shape(name, item, shape.member)  # type: ignore[attr-defined]


def _of_names(operation: str, request: Mapping[str, Any]) -> Iterator[str]:
    for one, other in _TOGETHER.get(operation, ()):
        if one in request and other in request:
            yield f"{one} and {other} together"
    if operation in _ONE_GROUP and ("logGroupName" in request) == ("logGroupIdentifier" in request):
        yield "not just one of logGroupName and logGroupIdentifier"
    identifiers = [request.get("logGroupIdentifier", ""), *request.get("logGroupIdentifiers", ())]
    if any(identifier.endswith("*") for identifier in identifiers):
        yield "an identifier that ends with *"
    if request.get("accountIdentifiers") and not request.get("includeLinkedAccounts"):
        yield "accountIdentifiers without includeLinkedAccounts"


def _of_combination(operation: str, request: Mapping[str, Any]) -> Iterator[str]:
    match operation:
        case "GetLogEvents":
            yield from _of_times(request)
        case "FilterLogEvents":
            yield from _of_times(request)
            start, newest_first = (
                request.get("startTime", 0),
                not request.get("startFromHead", True),
            )
            if newest_first and start < NEWEST_FIRST_FROM_MS:
                yield f"startFromHead=false from {start}, which is before 2024"
        case "DescribeLogStreams":
            by_time = request.get("orderBy") == "LastEventTime"
            if by_time and "logStreamNamePrefix" in request:
                yield "logStreamNamePrefix together with orderBy=LastEventTime"
        case "StartQuery":
            yield from _of_times(request)
            yield from _of_query(request)


def _of_times(request: Mapping[str, Any]) -> Iterator[str]:
    start, end = request.get("startTime"), request.get("endTime")
    if start is not None and end is not None and start > end:
        yield f"startTime {start} after endTime {end}"


def _of_query(request: Mapping[str, Any]) -> Iterator[str]:
    members = ("logGroupName", "logGroupNames", "logGroupIdentifiers")
    named = sum(member in request for member in members)
    names_itself = request.get("queryLanguage") == "SQL" or request["queryString"].split(
        maxsplit=1
    )[:1] == ["SOURCE"]
    if named != (0 if names_itself else 1):
        yield f"{named} of {members}"
    for member in members[1:]:
        if member in request and not 1 <= len(request[member]) <= _MAX_GROUPS:
            yield f"{len(request[member])} {member}"
    if max(request["startTime"], request["endTime"]) >= _LATEST_SECONDS:
        yield "a time in ms, not in seconds"

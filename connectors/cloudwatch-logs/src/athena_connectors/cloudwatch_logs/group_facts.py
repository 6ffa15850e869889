"""What CloudWatch Logs tells of a log group, as it is in a reply.

Source: CloudWatch Logs API reference, ``LogGroup``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from athena_connectors.cloudwatch_logs.log_group import LogClass, LogGroup

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["account_of", "group_of"]

_CLASSES = {
    "STANDARD": LogClass.STANDARD,
    "INFREQUENT_ACCESS": LogClass.INFREQUENT_ACCESS,
    "ESSENTIALS": LogClass.INFREQUENT_ACCESS,
    "DELIVERY": LogClass.DELIVERY,
}
"""Classes by the service's names, of which two are for the same one."""


def account_of(told: Mapping[str, Any]) -> str:
    """Return the id of the account that a group belongs to."""
    return _arn(told).split(":")[4]


def group_of(told: Mapping[str, Any], *, is_linked: bool) -> LogGroup:
    """Return a group.

    Args:
        told: What DescribeLogGroups tells of it.
        is_linked: Whether it belongs to another account, so that requests name it by its ARN.
    """
    return LogGroup(
        told["logGroupName"],
        identifier=_arn(told) if is_linked else "",
        # A class that is not known here is tried as any other; the service says if it can't be.
        log_class=_CLASSES.get(told.get("logGroupClass", ""), LogClass.STANDARD),
        created_at=told.get("creationTime", 0),
        retention_days=told.get("retentionInDays"),
        stored_bytes=told.get("storedBytes", 0),
    )


def _arn(told: Mapping[str, Any]) -> str:
    """Return a group's ARN, as requests take it."""
    arn: str = told.get("logGroupArn") or told["arn"]
    return arn.removesuffix(":*")

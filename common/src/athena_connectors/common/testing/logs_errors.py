"""What the stand-in of CloudWatch Logs answers instead of a reply."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["LogsError", "invalid", "not_found"]


class LogsError(Exception):
    """An error of the service.

    Args:
        code: Its code: ``InvalidParameterException``.
        message: Its text.
        status: Its HTTP status.
        members: What the answer holds besides.
    """

    def __init__(
        self,
        code: str,
        message: str,
        *,
        status: int = 400,
        members: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.status = status
        self.members = members or {}


def invalid(message: str) -> LogsError:
    """Return the error of a request that the service does not take."""
    return LogsError("InvalidParameterException", message)


def not_found(what: str) -> LogsError:
    """Return the error of a request about something that is not there."""
    return LogsError("ResourceNotFoundException", f"The specified {what} does not exist.")

"""What CloudWatch Logs says of a log group and of its streams."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

__all__ = ["ALL_LOG_STREAMS", "LogClass", "LogGroup", "LogTable"]

ALL_LOG_STREAMS = "all_log_streams"
"""The table of every stream of a group; the Java connector's name for it."""


class LogClass(Enum):
    """Class of a log group: which APIs can read it."""

    STANDARD = "STANDARD"
    INFREQUENT_ACCESS = "INFREQUENT_ACCESS"
    DELIVERY = "DELIVERY"

    @property
    def gives_events(self) -> bool:
        """Whether GetLogEvents and FilterLogEvents read it; if not, only Insights does."""
        return self is LogClass.STANDARD


@dataclass(frozen=True, slots=True)
class LogGroup:
    """A log group.

    Attributes:
        name: Its name.
        identifier: Its ARN without a trailing ``:*``, if it belongs to a linked account and
            has to be named by it; empty for a group of the account's own.
        log_class: Its class.
        created_at: When it was made, in ms since 1970.
        retention_days: For how long it keeps events; ``None`` for ever.
        stored_bytes: Compressed size of what it holds, some hours old.
    """

    name: str
    identifier: str = ""
    log_class: LogClass = LogClass.STANDARD
    created_at: int = 0
    retention_days: int | None = None
    stored_bytes: int = 0

    @property
    def parameter(self) -> dict[str, str]:
        """What names it in a request about one group."""
        if self.identifier:
            return {"logGroupIdentifier": self.identifier}
        return {"logGroupName": self.name}


@dataclass(frozen=True, slots=True)
class LogTable:
    """A table: one stream of a group, or all of them.

    Attributes:
        group: The group.
        stream: Exact name of the stream; ``None`` for all streams.
    """

    group: LogGroup
    stream: str | None

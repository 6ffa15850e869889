"""Columns of every table: what they are called, what they are and what they hold.

The first three are those of the Java connector; the others are behind them and can be
switched off. The code, the tests and the README read the same table.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa

if TYPE_CHECKING:
    from athena_connectors.cloudwatch_logs.settings import Settings

__all__ = [
    "COLUMNS",
    "EVENT_ID",
    "EVENT_TIME",
    "FILTER_PATTERN",
    "INGESTION_TIME",
    "LOG_GROUP",
    "LOG_STREAM",
    "MESSAGE",
    "TIME",
    "ColumnRule",
    "table_schema",
]

LOG_STREAM = "log_stream"
TIME = "time"
MESSAGE = "message"
EVENT_TIME = "event_time"
INGESTION_TIME = "ingestion_time"
EVENT_ID = "event_id"
LOG_GROUP = "log_group"
FILTER_PATTERN = "filter_pattern"


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnRule:
    """A column.

    Attributes:
        name: Its name.
        type: Its type, an engine type.
        engine: Athena's name for that.
        note: What it holds.
        is_extra: Whether ``extra_columns`` shows it.
    """

    name: str
    type: pa.DataType
    engine: str
    note: str
    is_extra: bool = True


COLUMNS: tuple[ColumnRule, ...] = (
    ColumnRule(
        name=LOG_STREAM,
        type=pa.string(),
        engine="varchar",
        note="The stream that the event is of.",
        is_extra=False,
    ),
    ColumnRule(
        name=TIME,
        type=pa.int64(),
        engine="bigint",
        note="When it happened, as its sender said, in milliseconds since 1970 UTC.",
        is_extra=False,
    ),
    ColumnRule(
        name=MESSAGE,
        type=pa.string(),
        engine="varchar",
        note="What was sent. Sensitive data is masked if the group has a policy for it and"
        " unmask is not set.",
        is_extra=False,
    ),
    ColumnRule(
        name=EVENT_TIME,
        type=pa.date64(),
        engine="timestamp(3)",
        note="The same as time, on the clock of UTC.",
    ),
    ColumnRule(
        name=INGESTION_TIME,
        type=pa.int64(),
        engine="bigint",
        note="When CloudWatch Logs received it, in milliseconds since 1970 UTC.",
    ),
    ColumnRule(
        name=EVENT_ID,
        type=pa.string(),
        engine="varchar",
        note="Its id. A query that does not name the column may not get one.",
    ),
    ColumnRule(
        name=LOG_GROUP,
        type=pa.string(),
        engine="varchar",
        note="The group that it is of: the name of the schema.",
    ),
    ColumnRule(
        name=FILTER_PATTERN,
        type=pa.string(),
        engine="varchar",
        note="The filter pattern that the query asks for: where its predicate demands one of"
        " certain values, by = or IN, each is sent to CloudWatch Logs as a filter pattern, and"
        " the events that match it have it here. In any other query it is NULL.",
    ),
)
"""All columns, in order."""


def table_schema(settings: Settings) -> pa.Schema:
    """Return the columns of every table."""
    shown = (column for column in COLUMNS if settings.extra_columns or not column.is_extra)
    return pa.schema([pa.field(column.name, column.type) for column in shown])

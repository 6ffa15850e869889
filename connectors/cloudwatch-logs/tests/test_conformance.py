"""The connector on a stand-in of CloudWatch Logs, held to what every connector is held to."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest
from athena_connectors.cloudwatch_logs.app import handler
from athena_connectors.cloudwatch_logs.client import Client
from athena_connectors.cloudwatch_logs.log_group import ALL_LOG_STREAMS
from athena_connectors.cloudwatch_logs.settings import Settings
from athena_connectors.cloudwatch_logs.types import table_schema
from athena_connectors.common.protocol.messages import TableName
from athena_connectors.common.testing import (
    ConnectorSuite,
    Gap,
    NativeQuery,
    Sample,
    Supports,
    edge_values,
)
from athena_connectors.common.testing.logs_server import logs_server

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from athena_connectors.common.testing.logs_server import LogsFake

SECRET = "s3cr3t-Key-of-the-function"
ZERO = 1_720_000_000_000
HOUR = 3_600_000
GROUP = "/shop/Web-01"
ARCHIVE = "/shop/archive"
STORED_BYTES = 1 << 30
"""What a group says that it holds: enough for some splits."""

TEXTS = [text for text in edge_values(pa.string()) if text]
"""No event is empty."""
LINES = [f'{{"level": "{("INFO", "ERROR")[n % 2]}", "order": {n % 9}}}' for n in range(30)]
STREAMS = {
    "größe": [*LINES, *TEXTS],
    "2024/07/03/[$LATEST]9f": [*TEXTS, *LINES],
    "select": [],
}
"""Messages by stream."""
SOURCES = {
    "log_stream": "logStreamName",
    "time": "timestamp",
    "message": "message",
    "event_time": "timestamp",
    "ingestion_time": "ingestionTime",
    "event_id": "eventId",
    "log_group": "logGroupName",
    "filter_pattern": "filterPattern",
}
"""What CloudWatch Logs calls what is in each column."""
SUPPORTS = Supports(
    comparison=Gap.never("requests name values, not columns"),
    partitions=Gap.never("tables have none; time and stream say what is read"),
    empty_text=Gap.never("no event is empty"),
    nan=Gap.never("no column is of floating point"),
    infinity=Gap.never("no column is of floating point"),
    early_dates=Gap.never("times begin with 1970"),
    nested=Gap.never("a message is text, which SQL takes apart"),
)


@pytest.fixture(scope="module")
def service() -> Iterator[LogsFake]:
    """A stand-in with a group of each class, whose pages may be short or empty."""
    with logs_server() as fake:
        fake.switch(empty_pages=0.05, short_pages=0.05)
        fake.script(states=("Complete",))
        for group, log_class in ((GROUP, "STANDARD"), (ARCHIVE, "INFREQUENT_ACCESS")):
            fake.create_group(
                group, created_at=ZERO, log_class=log_class, stored_bytes=STORED_BYTES
            )
            for stream, messages in STREAMS.items():
                fake.create_stream(group, stream)
                fake.put(group, stream, events_of(messages))
        yield fake


def events_of(messages: list[str]) -> list[tuple[int, str]]:
    """Return messages with a time each, which another stream's may share."""
    return [(ZERO + place * HOUR + place % 3, text) for place, text in enumerate(messages)]


def ids_of(service: LogsFake, group: str) -> dict[tuple[str, int], str]:
    """Return the id that the service gives to an event, by its stream and time."""
    found = {}
    request: dict[str, Any] = {"logGroupName": group}
    while True:
        page = service.client().filter_log_events(**request)
        found |= {
            (event["logStreamName"], event["timestamp"]): event["eventId"]
            for event in page["events"]
        }
        if "nextToken" not in page:
            return found
        request["nextToken"] = page["nextToken"]


def tables_of(group: str, ids: Mapping[tuple[str, int], str]) -> dict[TableName, pa.Table]:
    """Return what Athena should see of each table of a group."""
    streams = {
        stream: [
            {
                "log_stream": stream,
                "time": time,
                "message": text,
                "event_time": time,
                "ingestion_time": time + 500,
                "event_id": ids.get((stream, time)),
                "log_group": group,
            }
            for time, text in events_of(messages)
        ]
        for stream, messages in STREAMS.items()
    }
    every = [row for rows in streams.values() for row in rows]
    return {
        TableName(group.lower(), stream.lower()): pa.Table.from_pylist(
            rows, table_schema(Settings())
        )
        for stream, rows in {ALL_LOG_STREAMS: every, **streams}.items()
    }


def sample_of(service: LogsFake, group: str, ids: Mapping[tuple[str, int], str]) -> Sample:
    """Return a group as what the connector is tried on."""
    tables = tables_of(group, ids)
    lines = [text for messages in STREAMS.values() for text in messages]
    return Sample(
        handler=handler,
        settings={
            **service.settings,
            "AWS_SECRET_ACCESS_KEY": SECRET,
            "log_group_include": group,
        },
        tables=tables,
        derived_columns={"filter_pattern": ("message",)},
        native_query=NativeQuery(
            {
                "STARTTIME": str(ZERO),
                "ENDTIME": str(ZERO + 1000 * HOUR),
                "QUERYSTRING": "fields @message",
                "LOGGROUPNAMES": f'"{group}"',
                "LIMIT": "1000",
            },
            pa.table({"@message": lines}),
        ),
        secrets=(SECRET,),
        source_types=dict.fromkeys(tables, SOURCES),
    )


class TestCloudWatchLogs(ConnectorSuite):
    report = Path(__file__).with_name("conformance.json")
    supports = SUPPORTS
    list_length = 1000

    def make(self, service: LogsFake) -> Sample:
        return sample_of(service, GROUP, ids_of(service, GROUP))


@pytest.fixture(scope="class")
def impatience() -> Iterator[None]:
    """Wait for nothing between two looks at a query of Logs Insights."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Client, "pause", lambda _, __: None)
        yield


class TestInfrequentAccess(ConnectorSuite):
    """Groups that only Logs Insights reads, which tells no ids of events."""

    supports = SUPPORTS
    examples = 20
    list_length = 1000

    def make(self, service: LogsFake, impatience: None) -> Sample:
        del impatience
        return sample_of(service, ARCHIVE, {})

"""How much less it costs to read log events than with boto3 and dictionaries.

Events are those of ``large_group``, 10,000 a page, in one stream. Every reading is a fresh
process, the methods take turns, ratios are taken within a round and their medians told.
Before that, all have to return equal values. What counts is the processor's time of the
client, all threads of it, because a read waits for CloudWatch Logs most of the time.

``connector`` is the whole Lambda handler: requests decoded, pages read in one split, put into
blocks, encrypted and uploaded to a local S3. The others only make record batches: ``python``
is the connector's decoder without orjson, as for pages with half characters.
"""

from __future__ import annotations

import json
import statistics
import sys
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from athena_connectors.common.observability import SplitStats
from athena_connectors.common.protocol.messages import TableName

from tests.bench.aws_reading import KEYS, Method, Place, boto3_client
from tests.bench.children import in_new_process
from tests.bench.handler_reading import TableReading
from tests.bench.large_group import GROUP, PAGE_EVENTS, STREAM, large_group
from tests.bench.object_sink import object_sink
from tests.bench.readings import batches_of, read_cost

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["METHODS", "SCHEMA", "run", "table_of"]

_ROUNDS = 3
_END_MS = 2_000_000_000_000
_COLUMNS: list[tuple[str, pa.DataType]] = [
    ("log_stream", pa.string()),
    ("time", pa.int64()),
    ("message", pa.string()),
]
SCHEMA = pa.schema(_COLUMNS)
"""What every method has to return: the columns of the Java connector."""


def boto3_loop(place: Place) -> Callable[[], Iterator[pa.RecordBatch]]:
    """Every page by boto3's client, its events as dictionaries, and a batch of these."""
    client = boto3_client("logs", place)

    def batches() -> Iterator[pa.RecordBatch]:
        request: dict[str, Any] = {
            "logGroupName": GROUP,
            "logStreamName": STREAM,
            "startFromHead": True,
            "startTime": 0,
            "endTime": _END_MS,
        }
        while True:
            page = client.get_log_events(**request)
            rows = [
                {"log_stream": STREAM, "time": event["timestamp"], "message": event["message"]}
                for event in page["events"]
            ]
            yield pa.RecordBatch.from_pylist(rows, schema=SCHEMA)
            token = page["nextForwardToken"]
            if token == request.get("nextToken"):
                return
            request["nextToken"] = token

    return batches


def decoder(place: Place) -> Callable[[], Iterator[pa.RecordBatch]]:
    """The connector's client, reader and decoder, without the handler around them."""
    from athena_connectors.cloudwatch_logs.client import Client  # noqa: PLC0415
    from athena_connectors.cloudwatch_logs.log_group import LogGroup, LogTable  # noqa: PLC0415
    from athena_connectors.cloudwatch_logs.reader import EventReader  # noqa: PLC0415
    from athena_connectors.cloudwatch_logs.selection import (  # noqa: PLC0415
        Selection,
        StreamSelector,
        Window,
    )
    from athena_connectors.cloudwatch_logs.settings import Settings  # noqa: PLC0415
    from athena_connectors.cloudwatch_logs.splits import SplitPlan  # noqa: PLC0415
    from athena_connectors.common.read_ahead import batches_of  # noqa: PLC0415

    settings = Settings(logs_endpoint=place.url)
    client = Client(settings, KEYS)
    table = LogTable(LogGroup(GROUP), STREAM)
    reader = EventReader(client, table, GROUP, SCHEMA.names, settings)
    windows = (Window(0, _END_MS),)
    selection = Selection(windows, StreamSelector((STREAM,)))
    part = SplitPlan(windows, _END_MS)
    client.call("DescribeLogGroups", {"limit": 1})  # connects

    def batches() -> Iterator[pa.RecordBatch]:
        return batches_of(
            lambda: reader.pages(selection, part),
            stats=SplitStats(),
            ahead=True,
            cancel=client.cancel,
        )

    return batches


def python(place: Place) -> Callable[[], Iterator[pa.RecordBatch]]:
    """The same without orjson."""
    from athena_connectors.cloudwatch_logs import pages  # noqa: PLC0415

    pages._loaded = pages._loaded_leniently
    return decoder(place)


def connector(place: Place) -> Callable[[], Iterator[pa.RecordBatch]]:
    """The whole handler; see ``batches_of``."""
    from athena_connectors.cloudwatch_logs.app import handler  # noqa: PLC0415

    settings = {**KEYS, **(place.spill or {}), "logs_endpoint": place.url}
    reading = TableReading(handler, settings, TableName(GROUP, STREAM), SCHEMA.names)
    return lambda: batches_of(reading, is_uploaded=bool(place.spill))


METHODS: dict[str, Method] = {
    "boto3": boto3_loop,
    "decoder": decoder,
    "python": python,
    "connector": connector,
}
"""What is compared, by name; the first is the baseline. All are functions of a module."""


def run(pages: int = 50, *, rounds: int = _ROUNDS) -> dict[str, Any]:
    """Return for each method events per second of the processor and the ratio to the baseline.

    Args:
        pages: Size of the stream; 10 for a quick look.
        rounds: Readings of each method.
    """
    with large_group(1) as url:
        _require_equal_values(Place(url))
    taken: dict[str, list[float]] = {method: [] for method in METHODS}
    with large_group(pages) as url, object_sink() as spill:
        for _ in range(rounds):
            for name, seconds in taken.items():
                cost = read_cost(Place(url, spill), METHODS[name])
                if cost.rows != pages * PAGE_EVENTS:
                    told = f"{name} returned {cost.rows} of {pages * PAGE_EVENTS} events."
                    raise AssertionError(told)
                seconds.append(cost.cpu_s)
    baseline = next(iter(taken.values()))
    return {
        name: {
            "events_per_cpu_second": round(pages * PAGE_EVENTS / statistics.median(seconds)),
            "cpu_ms_per_page": round(statistics.median(seconds) * 1000 / pages, 2),
            "x_cpu": round(
                statistics.median(base / own for own, base in zip(seconds, baseline, strict=True)),
                2,
            ),
        }
        for name, seconds in taken.items()
    }


def _require_equal_values(place: Place) -> None:
    expected = _table(place, METHODS["boto3"])
    for name, method in METHODS.items():
        if not in_new_process(_table, place, method).equals(expected):
            raise AssertionError(f"{name} returns other values than the baseline.")


def _table(place: Place, method: Method) -> pa.Table:
    return pa.Table.from_batches(method(place)()).combine_chunks()


def table_of(results: dict[str, Any]) -> str:
    """Return the results as a table for people."""
    lines = [f"{'':12}{'events/CPU s':>14}{'ms/page':>10}{'x':>8}"]
    lines += [
        f"{method:12}{numbers['events_per_cpu_second']:14,}{numbers['cpu_ms_per_page']:10.2f}"
        f"{numbers['x_cpu']:8.2f}"
        for method, numbers in results.items()
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    outcome = run(*map(int, sys.argv[1:]))
    print(json.dumps(outcome, indent=2))  # noqa: T201
    print(table_of(outcome))  # noqa: T201

"""How much less it costs to scan a DynamoDB table than with boto3 and its deserializer.

Items are those of ``recorded_pages``, 1 MB a page. Every reading is a fresh process, the
methods take turns, ratios are taken within a round and their medians told. Before that, all
have to return equal values. What counts is the processor's time of the client, all threads
of it, because a scan waits for DynamoDB most of the time. The slow baseline reads a quarter
of the table. The connector's process must not grow with the table either.

``connector`` is the whole Lambda handler: requests decoded, pages read in one split, put
into blocks, encrypted and uploaded to a local S3. The others only make record batches:
``items`` is the connector's decoder without Arrow's reader of JSON, as for columns that it
has no answer for.
"""

from __future__ import annotations

import json
import multiprocessing
import resource
import statistics
import sys
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import pyarrow as pa
from athena_connectors.common.constraints import Constraints
from athena_connectors.common.observability import SplitStats
from athena_connectors.common.protocol.messages import TableName
from athena_connectors.common.testing.client import ProtocolClient, TableScan
from athena_connectors.common.testing.transport import InProcess
from athena_connectors.common.types import rows_without_columns

from tests.bench.object_sink import object_sink
from tests.bench.recorded_pages import PAGE_ITEMS, TABLE, recorded_pages

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

    from athena_connectors.common.protocol.messages import S3SpillLocation

__all__ = ["METHODS", "SCHEMA", "Method", "Place", "run", "table_of"]

_ROUNDS = 3
_PART = 4
_BASELINE = "boto3"
_KEYS = {
    "AWS_REGION": "us-east-1",
    "AWS_ACCESS_KEY_ID": "bench",
    "AWS_SECRET_ACCESS_KEY": "bench",
}
_NUMBER = pa.decimal128(38, 9)
_PLACE = pa.struct([("lat", _NUMBER), ("lon", _NUMBER)])
_ADDRESS = pa.struct([("geo", _PLACE), ("street", pa.string()), ("zip", pa.string())])
SCHEMA = pa.schema(
    [
        ("id", pa.string()),
        ("address", _ADDRESS),
        ("city", pa.string()),
        ("comment", pa.string()),
        ("created_at", pa.string()),
        ("email", pa.string()),
        ("is_active", pa.bool_()),
        ("name", pa.string()),
        ("note", pa.string()),
        ("price", _NUMBER),
        ("quantity", _NUMBER),
        ("ratio", _NUMBER),
        ("scores", pa.list_(_NUMBER)),
        ("tags", pa.list_(pa.string())),
        ("version", _NUMBER),
    ]
)
"""What every method has to return, which is what the connector infers."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where to read from, and what leads to the S3 that takes blocks, if one does."""

    url: str
    spill: Mapping[str, str] | None = None


Method = Callable[[Place], Callable[[], Iterator[pa.RecordBatch]]]
"""Imports and connects; the returned function reads."""


def boto3_scan(place: Place) -> Callable[[], Iterator[pa.RecordBatch]]:
    """Every item by boto3's client and deserializer, and columns of their values."""
    import boto3  # noqa: PLC0415
    from boto3.dynamodb.types import TypeDeserializer  # noqa: PLC0415

    client = boto3.client(
        "dynamodb",
        endpoint_url=place.url,
        region_name=_KEYS["AWS_REGION"],
        aws_access_key_id=_KEYS["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=_KEYS["AWS_SECRET_ACCESS_KEY"],
    )
    deserialize = TypeDeserializer().deserialize

    def batches() -> Iterator[pa.RecordBatch]:
        for page in client.get_paginator("scan").paginate(TableName=TABLE):
            rows = [
                {name: deserialize(value) for name, value in item.items()} for item in page["Items"]
            ]
            for row in rows:
                row["tags"] = sorted(row["tags"])
            arrays = [
                pa.array([row.get(field.name) for row in rows], field.type) for field in SCHEMA
            ]
            yield pa.RecordBatch.from_arrays(arrays, schema=SCHEMA)

    return batches


def decoder(place: Place) -> Callable[[], Iterator[pa.RecordBatch]]:
    """The connector's client and decoder alone, without the handler around them."""
    return _decoded(place, by_items=False)


def items(place: Place) -> Callable[[], Iterator[pa.RecordBatch]]:
    """The same by dictionaries, which one column that is shown as JSON takes."""
    return _decoded(place, by_items=True)


def _decoded(place: Place, *, by_items: bool) -> Callable[[], Iterator[pa.RecordBatch]]:
    from athena_connectors.dynamodb.client import Client  # noqa: PLC0415
    from athena_connectors.dynamodb.pages import PageDecoder  # noqa: PLC0415
    from athena_connectors.dynamodb.relation import Column  # noqa: PLC0415
    from athena_connectors.dynamodb.settings import Settings  # noqa: PLC0415

    settings = Settings(dynamodb_endpoint=place.url)
    client = Client(settings, _KEYS)
    client.describe_table(TABLE)  # connects
    columns = [
        Column(field.name, field.type, field.name, is_spelled=not by_items) for field in SCHEMA
    ]

    def batches() -> Iterator[pa.RecordBatch]:
        decode = PageDecoder(columns, table=TABLE, settings=settings, stats=SplitStats()).decode
        request: dict[str, Any] = {"TableName": TABLE}
        while True:
            page = decode(client.read("Scan", request, table=TABLE), "Scan")
            yield page.batch
            if page.last_key is None:
                return
            request["ExclusiveStartKey"] = page.last_key

    return batches


class _NoSpill:
    """Gives nothing back: whoever spills here does not look at it again."""

    def get(self, location: S3SpillLocation) -> bytes:
        raise FileNotFoundError(location.key)


def connector(place: Place) -> Callable[[], Iterator[pa.RecordBatch]]:
    """The whole handler, from the request's bytes to the last uploaded block.

    With a place to spill, the batches tell the number of rows and hold none: fetching what
    was uploaded is the engine's work. Without one, the reply's own rows are returned.
    """
    from athena_connectors.dynamodb.app import handler  # noqa: PLC0415

    settings = {**_KEYS, **(place.spill or {})}
    settings |= {"dynamodb_endpoint": place.url, "disable_glue": "true"}
    transport = InProcess(handler, settings=settings)
    client = ProtocolClient("bench", transport, spill=_NoSpill())
    table = TableName("default", TABLE)
    description = client.describe(table)
    scan = TableScan(
        table,
        description.schema,
        description.partitionColumns,
        description.schema,
        Constraints(),
        query_id=str(uuid.uuid4()),
    )
    (split,) = client.splits(scan)

    def batches() -> Iterator[pa.RecordBatch]:
        if not place.spill:
            yield from client.read(scan, split).batches
            return
        transport.send(client.read_event(scan, split))
        report = transport.last_report()
        assert report is not None
        yield rows_without_columns(report.stats.rows_returned)

    return batches


METHODS: dict[str, Method] = {
    _BASELINE: boto3_scan,
    "decoder": decoder,
    "items": items,
    "connector": connector,
}
"""What is compared, by name. All are functions of a module."""


def run(pages: int = 400, *, rounds: int = _ROUNDS) -> dict[str, Any]:
    """Return for each method items per second of the processor and the ratio to the baseline.

    Expected: at least 10 times the items for ``connector`` and 5 times for ``items``. For
    ``connector`` also the peak of its process in MB, which is under 400, and its growth to
    that of a quarter of the table, which is under 1.1.

    Args:
        pages: Size of the table.
        rounds: Readings of each method.
    """
    with recorded_pages(1) as url:
        _require_equal_values(Place(url))
    few = pages // _PART
    taken: dict[str, list[float]] = {method: [] for method in METHODS}
    with recorded_pages(pages) as whole, recorded_pages(few) as part, object_sink() as spill:
        for _ in range(rounds):
            for name, costs in taken.items():
                url, size = (part, few) if name == _BASELINE else (whole, pages)
                costs.append(_measure(Place(url, spill), name, size).cpu_s / size)
        peaks = [
            _measure(Place(url, spill), "connector", size).peak_mb
            for url, size in ((part, few), (whole, pages))
        ]
    results: dict[str, Any] = {
        name: {
            "items_per_cpu_second": round(PAGE_ITEMS / statistics.median(costs)),
            "cpu_ms_per_page": round(statistics.median(costs) * 1000, 2),
            "x_cpu": round(
                statistics.median(
                    base / own for own, base in zip(costs, taken[_BASELINE], strict=True)
                ),
                2,
            ),
        }
        for name, costs in taken.items()
    }
    results["connector"]["peak_mb"] = round(peaks[1])
    results["connector"]["growth"] = round(peaks[1] / peaks[0], 2)
    return results


def _require_equal_values(place: Place) -> None:
    expected = pa.Table.from_batches(METHODS["boto3"](place)())
    for name, method in METHODS.items():
        if not pa.Table.from_batches(method(place)()).combine_chunks().equals(expected):
            raise AssertionError(f"{name} returns other values than the baseline.")


class _Reading(NamedTuple):
    """What a reading costs in a process of its own."""

    cpu_s: float
    peak_mb: float


def _measure(place: Place, name: str, pages: int) -> _Reading:
    context = multiprocessing.get_context("spawn")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_read, args=(place, METHODS[name], sender))
    process.start()
    sender.close()
    rows, cpu_s, peak_mb = receiver.recv()
    process.join()
    if rows != pages * PAGE_ITEMS:
        raise AssertionError(f"{name} returned {rows} of {pages * PAGE_ITEMS} items.")
    return _Reading(cpu_s, peak_mb)


def _read(place: Place, method: Method, sender: Connection) -> None:
    import pyarrow.compute  # noqa: PLC0415 - all methods need it
    import pyarrow.json  # noqa: F401, PLC0415

    batches = method(place)
    before = resource.getrusage(resource.RUSAGE_SELF)
    rows = sum(batch.num_rows for batch in batches())
    after = resource.getrusage(resource.RUSAGE_SELF)
    cpu_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    sender.send((rows, cpu_s, after.ru_maxrss * 1024 / 1e6))


def table_of(results: dict[str, Any]) -> str:
    """Return the results as a table for people."""
    lines = [f"{'':12}{'items/CPU s':>14}{'ms/page':>10}{'x':>8}"]
    lines += [
        f"{method:12}{numbers['items_per_cpu_second']:14,}{numbers['cpu_ms_per_page']:10.2f}"
        f"{numbers['x_cpu']:8.2f}"
        for method, numbers in results.items()
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    outcome = run(*map(int, sys.argv[1:]))
    print(json.dumps(outcome, indent=2))  # noqa: T201
    print(table_of(outcome))  # noqa: T201

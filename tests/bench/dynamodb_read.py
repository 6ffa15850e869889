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
import statistics
import sys
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from athena_connectors.common.observability import SplitStats
from athena_connectors.common.protocol.messages import TableName

from tests.bench.aws_reading import KEYS, Method, Place, boto3_client
from tests.bench.handler_reading import TableReading
from tests.bench.object_sink import object_sink
from tests.bench.readings import Cost, batches_of, read_cost
from tests.bench.recorded_pages import PAGE_ITEMS, TABLE, recorded_pages

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["METHODS", "SCHEMA", "run", "table_of"]

_ROUNDS = 3
_PART = 4
_BASELINE = "boto3"
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


def boto3_scan(place: Place) -> Callable[[], Iterator[pa.RecordBatch]]:
    """Every item by boto3's client and deserializer, and columns of their values."""
    from boto3.dynamodb.types import TypeDeserializer  # noqa: PLC0415

    client = boto3_client("dynamodb", place)
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
    client = Client(settings, KEYS)
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


def connector(place: Place) -> Callable[[], Iterator[pa.RecordBatch]]:
    """The whole handler; see ``batches_of``."""
    from athena_connectors.dynamodb.app import handler  # noqa: PLC0415

    settings = {**KEYS, **(place.spill or {})}
    settings |= {"dynamodb_endpoint": place.url, "disable_glue": "true"}
    reading = TableReading(handler, settings, TableName("default", TABLE))
    return lambda: batches_of(reading, is_uploaded=bool(place.spill))


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


def _measure(place: Place, name: str, pages: int) -> Cost:
    cost = read_cost(place, METHODS[name])
    if cost.rows != pages * PAGE_ITEMS:
        raise AssertionError(f"{name} returned {cost.rows} of {pages * PAGE_ITEMS} items.")
    return cost


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

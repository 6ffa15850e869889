"""Readings of a source behind an AWS API, each by a method in a process of its own."""

from __future__ import annotations

import resource
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import pyarrow as pa
from athena_connectors.common.types import rows_without_columns

from tests.bench.children import in_new_process

if TYPE_CHECKING:
    from tests.bench.handler_reading import TableReading

__all__ = ["KEYS", "Cost", "Method", "Place", "batches_of", "boto3_client", "read_cost"]

KEYS = {
    "AWS_REGION": "us-east-1",
    "AWS_ACCESS_KEY_ID": "bench",
    "AWS_SECRET_ACCESS_KEY": "bench",
}


@dataclass(frozen=True, slots=True)
class Place:
    """Where to read from, and what leads to the S3 that takes blocks, if one does."""

    url: str
    spill: Mapping[str, str] | None = None


Method = Callable[[Place], Callable[[], Iterator[pa.RecordBatch]]]
"""Imports and connects; the returned function reads."""


class Cost(NamedTuple):
    """What a reading costs in a process of its own, and how many rows it has."""

    rows: int
    cpu_s: float
    peak_mb: float


def boto3_client(service: str, place: Place) -> Any:
    """Return boto3's own client, as users make it."""
    import boto3  # noqa: PLC0415

    return boto3.client(
        service,
        endpoint_url=place.url,
        region_name=KEYS["AWS_REGION"],
        aws_access_key_id=KEYS["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=KEYS["AWS_SECRET_ACCESS_KEY"],
    )


def batches_of(reading: TableReading, place: Place) -> Iterator[pa.RecordBatch]:
    """Read through the whole handler, from the request's bytes to the last uploaded block.

    With a place to spill, the batches tell the number of rows and hold none: fetching what
    was uploaded is the engine's work. Without one, the reply's own rows are returned.
    """
    if place.spill:
        yield rows_without_columns(reading.upload())
    else:
        yield reading.inline()


def read_cost(place: Place, method: Method) -> Cost:
    """Return what a reading costs, all threads of its process together."""
    cost: Cost = in_new_process(_read, place, method)
    return cost


def _read(place: Place, method: Method) -> Cost:
    import pyarrow.compute  # noqa: PLC0415 - all methods need it
    import pyarrow.json  # noqa: F401, PLC0415

    batches = method(place)
    before = resource.getrusage(resource.RUSAGE_SELF)
    rows = sum(batch.num_rows for batch in batches())
    after = resource.getrusage(resource.RUSAGE_SELF)
    cpu_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Cost(rows, cpu_s, after.ru_maxrss * 1024 / 1e6)

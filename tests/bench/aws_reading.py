"""Sources behind an AWS API: where they are and how users reach them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

__all__ = ["KEYS", "Method", "Place", "boto3_client"]

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

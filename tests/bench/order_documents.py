"""Collections of a MongoDB that the benchmark reads: ``flat`` and ``nested`` documents.

``flat`` documents have ten fields of seven types and 200 bytes, ``nested`` ones structures,
lists of structures, lists of texts and of numbers, fields that some lack, and 470 bytes.
"""

from __future__ import annotations

import random
from datetime import datetime, timedelta
from itertools import islice
from typing import TYPE_CHECKING, Any

import pyarrow as pa

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pymongo.collection import Collection

__all__ = ["SHAPES", "TIME", "fill"]

_TEXT: pa.DataType = pa.string()
_BIGINT: pa.DataType = pa.int64()
_DOUBLE: pa.DataType = pa.float64()
_BOOL: pa.DataType = pa.bool_()
TIME: pa.DataType = pa.date64()
_ADDRESS = pa.struct([("city", _TEXT), ("street", _TEXT), ("zip", _TEXT)])
_CUSTOMER = pa.struct([("address", _ADDRESS), ("id", _TEXT), ("name", _TEXT)])
_ITEM = pa.struct([("price", _DOUBLE), ("qty", _BIGINT), ("sku", _TEXT)])

SHAPES: dict[str, pa.Schema] = {
    "flat": pa.schema(
        [
            ("_id", _TEXT),
            ("city", _TEXT),
            ("created_at", TIME),
            ("customer", _TEXT),
            ("email", _TEXT),
            ("is_active", _BOOL),
            ("name", _TEXT),
            ("price", _DOUBLE),
            ("quantity", _BIGINT),
            ("total", _BIGINT),
        ]
    ),
    "nested": pa.schema(
        [
            ("_id", _TEXT),
            ("channel", _TEXT),
            ("coupon", _TEXT),
            ("created_at", TIME),
            ("customer", _CUSTOMER),
            ("items", pa.list_(_ITEM)),
            ("note", _TEXT),
            ("scores", pa.list_(_DOUBLE)),
            ("status", _TEXT),
            ("tags", pa.list_(_TEXT)),
            ("total", _DOUBLE),
        ]
    ),
}
"""What every way of reading has to return, which is what the connector infers."""

_CHUNK = 10_000
_CITIES = ("Berlin", "Lisbon", "Oslo", "Paris", "Vienna")
_START = datetime(2024, 1, 1)  # noqa: DTZ001 - UTC, as the driver gives it


def fill(collection: Collection[dict[str, Any]], shape: str, count: int) -> None:
    """Put documents into a collection; the same ones each time, but for their ids."""
    documents = _documents(shape, count)
    while chunk := list(islice(documents, _CHUNK)):
        collection.insert_many(chunk)


def _documents(shape: str, count: int) -> Iterator[dict[str, Any]]:
    numbers = random.Random(1)
    document = {"flat": _flat, "nested": _nested}[shape]
    return (document(number, numbers) for number in range(count))


def _flat(row: int, numbers: random.Random) -> dict[str, Any]:
    from bson import Int64, ObjectId  # noqa: PLC0415

    return {
        "customer": ObjectId(),
        "name": f"customer {row}",
        "city": numbers.choice(_CITIES),
        "email": f"customer{row}@example.com",
        "quantity": numbers.randrange(1000),
        "total": Int64(numbers.randrange(2**40)),
        "price": round(numbers.random() * 100, 2),
        "is_active": numbers.random() < 0.5,
        "created_at": _START + timedelta(milliseconds=row * 1234),
    }


def _nested(row: int, numbers: random.Random) -> dict[str, Any]:
    from bson import ObjectId  # noqa: PLC0415

    document: dict[str, Any] = {
        "status": numbers.choice(("open", "paid", "sent")),
        "channel": "web",
        "created_at": _START + timedelta(milliseconds=row * 1234),
        "total": round(numbers.random() * 1000, 2),
        "customer": {
            "id": ObjectId(),
            "name": f"customer {row}",
            "address": {"street": f"{row} Main", "city": numbers.choice(_CITIES), "zip": "12345"},
        },
        "items": [
            {"sku": f"S-{item}", "qty": numbers.randrange(9), "price": numbers.random()}
            for item in range(numbers.randint(1, 5))
        ],
        "tags": [f"tag{tag}" for tag in range(numbers.randint(0, 4))],
        "scores": [numbers.random() for _ in range(3)],
    }
    if row % 2:
        document["note"] = "left at the door"
    return document | {"coupon": None if row % 3 else f"C{row}"}

# ruff: noqa: INP001 - a script beside the package, not a part of it
"""The demo's parcels: items of a DynamoDB table that belong to orders of the shop."""

from __future__ import annotations

import random
from contextlib import contextmanager
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

from athena_connectors.common.testing.demo import DemoQuery, DemoSource
from athena_connectors.common.testing.dynamodb import TableIndex, dynamodb_server

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["QUERIES", "TABLE", "items", "source"]

TABLE = "Parcels"
ORDERS_PER_PARCEL = 50
CARRIERS = ("Brieftaube", "La Cigogne", "Posta Rápida", "Snail & Sons")
STATES = ("delivered", "delivered", "delivered", "on its way", "delayed", "lost")
PLACES = ("Lyon", "Zürich", "København", "Málaga", "Praha")

QUERIES = (
    DemoQuery(
        "Which of the late parcels hold the dearest orders?",
        "A DynamoDB table meets a PostgreSQL one. An index answers for the state and the day, so"
        " the table is not scanned.",
        """\
SELECT o.id, o.total, o.channel, p.carrier, p.promised_on, p.weight
FROM tracking.default.parcels AS p
JOIN shop.sales.orders AS o ON o.id = p.order_id
WHERE p.state = 'delayed' AND p.promised_on >= '2025-10-01'
ORDER BY o.total DESC
LIMIT 5""",
    ),
)


@contextmanager
def source(*, orders: int) -> Iterator[DemoSource]:
    """Start a server that plays DynamoDB, with the one table."""
    with dynamodb_server() as server:
        by_state = TableIndex("by_state", (("state", "S"), ("promised_on", "S")))
        server.create_table(("order_id", "N"), name=TABLE, indexes=(by_state,), on_demand=True)
        try:
            parcels = list(items(orders))
            server.put_items(TABLE, parcels)
            yield DemoSource(
                story=f"A stand-in of DynamoDB holds {len(parcels):,} parcels in one table.",
                connector="dynamodb",
                catalogs={"tracking": server.settings},
            )
        finally:
            server.delete_table(TABLE)


def items(orders: int) -> Iterator[dict[str, dict[str, Any]]]:
    """Return the parcels of some of the shop's orders, the same each time."""
    dice = random.Random(5)  # noqa: S311 - no secret hangs on it
    for number in range(1, orders + 1, ORDERS_PER_PARCEL):
        promised = date(2025, 6, 1) + timedelta(days=dice.randrange(210))
        stops = [
            {"M": {"place": {"S": place}, "day": {"N": str(day)}}}
            for day, place in enumerate(dice.sample(PLACES, dice.randrange(4)))
        ]
        item: dict[str, dict[str, Any]] = {
            "order_id": {"N": str(number)},
            "carrier": {"S": dice.choice(CARRIERS)},
            "state": {"S": dice.choice(STATES)},
            "promised_on": {"S": promised.isoformat()},
            "weight": {"N": str(dice.randrange(100, 9000) / 1000)},
            "stops": {"L": stops},
        }
        if dice.random() < 1 / 3:
            item["insured"] = {"BOOL": dice.random() < 1 / 2}
        yield item

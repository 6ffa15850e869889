# ruff: noqa: INP001 - a script beside the package, not a part of it
"""The demo's profiles: documents of a MongoDB that tell more of the shop's customers."""

from __future__ import annotations

import random
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from athena_connectors.common.testing.demo import DemoQuery, DemoSource
from athena_connectors.common.testing.mongodb import mongodb_server
from bson.decimal128 import Decimal128
from bson.objectid import ObjectId

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["COLLECTION", "DATABASE", "QUERIES", "documents", "source"]

DATABASE = "athena_demo"
COLLECTION = "customerProfiles"
READER = "athena_demo"
PASSWORD = "only:reads"  # noqa: S105 - of a server that ends with the demo
ORDERS_PER_CUSTOMER = 4
CUSTOMERS_PER_PROFILE = 2
START = datetime(2024, 1, 1, tzinfo=UTC)
SEGMENTS = ("collector", "gift giver", "newcomer", "regular", "regular", "regular")
TAGS = ("blossom", "café", "espresso", "green", "kettle", "matcha", "sencha")
LANGUAGES = ("cs", "da", "de", "es", "fr", "it", "pl", "pt", "sv", "tr")
CITIES = ("Besançon", "Évora", "Göteborg", "İzmir", "København", "Köln", "Łódź", "Málaga", "Wien")

QUERIES = (
    DemoQuery(
        "Which collectors of green tea, not written to since spring, spend most?",
        "A MongoDB collection meets a PostgreSQL table. Documents are rows with fields of their"
        " own; the server filters by segment and date and sends the asked for fields alone.",
        """\
SELECT p._id AS customer, p.address.city AS city, p.preferences.language AS language,
  count(*) AS orders, sum(o.total) AS spent
FROM profiles.athena_demo.customerprofiles AS p
JOIN shop.sales.orders AS o ON o.customer_id = p._id
WHERE p.segment = 'collector' AND p.lastletter < TIMESTAMP '2025-06-01 00:00:00'
  AND contains(p.tags, 'green')
GROUP BY p._id, p.address.city, p.preferences.language
ORDER BY spent DESC, customer
LIMIT 5""",
    ),
)


@contextmanager
def source(*, orders: int) -> Iterator[DemoSource]:
    """Start a MongoDB server with the one collection, and a user who may read it."""
    with mongodb_server() as server:
        database = server.client()[server.create_database(DATABASE)]
        version = server.client().server_info()["version"]
        try:
            found = list(documents(orders))
            database[COLLECTION].insert_many(found)
            url = server.create_user(READER, PASSWORD, ("read", DATABASE))
            yield DemoSource(
                story=f"MongoDB {version} holds {len(found):,} documents with profiles of"
                " customers.",
                connector="documentdb",
                catalogs={"profiles": {"default_docdb": url, "disable_glue": "true"}},
            )
        finally:
            server.client().drop_database(DATABASE)
            server.drop_user(READER)


def documents(orders: int) -> Iterator[dict[str, Any]]:
    """Return the profiles of some of the shop's customers, the same each time."""
    dice = random.Random(7)  # noqa: S311 - no secret hangs on it
    for number in range(1, orders // ORDERS_PER_CUSTOMER + 1, CUSTOMERS_PER_PROFILE):
        place = {"lat": round(dice.uniform(36, 60), 4), "lon": round(dice.uniform(-9, 28), 4)}
        document: dict[str, Any] = {
            "_id": number,
            "legacyId": ObjectId(f"{dice.getrandbits(96):024x}"),
            "segment": dice.choice(SEGMENTS),
            "address": {"city": dice.choice(CITIES), "place": place},
            "tags": dice.sample(TAGS, dice.randrange(4)),
            "preferences": {
                "language": dice.choice(LANGUAGES),
                "letters": {"monthly": dice.random() < 1 / 2},
            },
            "lastLetter": START + timedelta(minutes=dice.randrange(700 * 24 * 60)),
        }
        if dice.random() < 1 / 3:
            document["points"] = Decimal128(str(dice.randrange(100_000) / 100))
        if dice.random() < 1 / 5:
            document["note"] = dice.choice(("rings twice", 24, {"gate": "blue", "floor": 3}))
        yield document

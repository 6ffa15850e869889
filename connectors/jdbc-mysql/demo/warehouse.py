# ruff: noqa: INP001 - a script beside the package, not a part of it
"""The demo's warehouse: a MariaDB table that tells who packed the shop's orders, and when."""

from __future__ import annotations

import random
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from athena_connectors.common.testing.demo import DemoQuery, DemoSource
from athena_connectors.common.testing.mariadb import mariadb_server

if TYPE_CHECKING:
    from collections.abc import Iterator

    from athena_connectors.common.testing.mariadb import MariaDb

__all__ = ["DATABASE", "QUERIES", "TABLE", "load", "packings", "settings_of", "source"]

DATABASE = "athena_demo"
TABLE = "packings"
READER = "athena_demo"
PASSWORD = "only:reads"  # noqa: S105 - of a server that ends with the demo
MIN_ROWS_PER_SPLIT = 40_000
START = datetime(2024, 1, 2, tzinfo=UTC)
DAYS = 725
BENCHES = ("Fragile", "Heavy", "Letters", "Mixed", "Mixed", "Mixed")
PACKERS = ("Åsa", "Björn", "Chloé", "Eun-ji", "Françoise", "Nuño", "Óscar", "Zoë")
NEVER = "0000-00-00"
"""How the warehouse's program of old says that something did not happen."""

COLUMNS = {
    "order_id": "int unsigned NOT NULL PRIMARY KEY",
    "packer": "varchar(20) CHARACTER SET latin1 COLLATE latin1_swedish_ci NOT NULL",
    "bench": "enum('Fragile', 'Heavy', 'Letters', 'Mixed') NOT NULL",
    "boxes": "tinyint unsigned NOT NULL",
    "grams": "mediumint unsigned NOT NULL",
    "extras": "set('card', 'ribbon', 'sample') NOT NULL",
    "checked": "tinyint(1)",
    "packed_at": "datetime NOT NULL",
    "repacked_on": f"date NOT NULL DEFAULT '{NEVER}'",
}

QUERIES = (
    DemoQuery(
        "Which of Björn's heaviest boxes had to be packed again?",
        "To the column's collation BJÖRN is Björn, so the server compares bytes, too, as Athena"
        " does. Its days of zeros are NULL. It sorts and stops: five rows of each split cross the"
        " wire.",
        """\
SELECT order_id, boxes, grams, extras, checked, packed_at, repacked_on
FROM warehouse.athena_demo.packings
WHERE packer = 'Björn' AND bench = 'Heavy' AND repacked_on >= DATE '2024-01-01'
ORDER BY grams DESC, order_id
LIMIT 5""",
    ),
    DemoQuery(
        "Which parcels are late that regulars asked about, and who packed them?",
        "All five sources in one join: PostgreSQL, MariaDB, DynamoDB, MongoDB and CloudWatch Logs,"
        " each asked for no more than its part of the predicate leaves.",
        """\
SELECT o.id, o.total, w.packer, p.carrier, p.promised_on, c.address.city AS city,
  l.event_time AS asked_at
FROM shop.sales.orders AS o
JOIN warehouse.athena_demo.packings AS w ON w.order_id = o.id
JOIN tracking.default.parcels AS p ON p.order_id = o.id
JOIN profiles.athena_demo.customerprofiles AS c ON c._id = o.customer_id
JOIN logs.checkout.all_log_streams AS l ON CAST(split_part(l.message, '/', 3) AS bigint) = o.id
WHERE o.placed_at >= DATE '2025-01-01' AND w.bench = 'Mixed' AND p.state = 'delayed'
  AND c.segment = 'regular' AND l.message LIKE '%/status 200 %'
  AND l.event_time >= TIMESTAMP '2025-12-27 00:00:00'
ORDER BY o.total DESC, l.event_time
LIMIT 5""",
    ),
)


@contextmanager
def source(*, orders: int) -> Iterator[DemoSource]:
    """Start a MariaDB server with the one table, and a user who may read it."""
    with mariadb_server() as server:
        database = server.create_database(DATABASE)
        try:
            rows = load(database, orders=orders)
            ((version,),) = server.execute("SELECT version()")
            product = "MariaDB" if "MariaDB" in version else "MySQL"
            number = version.partition("-")[0]
            reader = database.create_user(READER, PASSWORD, f"SELECT ON {DATABASE}.*")
            yield DemoSource(
                story=f"{product} {number} holds a warehouse: {rows:,} rows in one table.",
                connector="jdbc-mysql",
                catalogs={"warehouse": settings_of(reader)},
            )
        finally:
            server.drop_database(DATABASE)
            server.execute(f"DROP USER IF EXISTS '{READER}'@'%'")


def settings_of(address: MariaDb) -> dict[str, str]:
    """Return the settings of the catalog."""
    return {**address.settings, "min_rows_per_split": str(MIN_ROWS_PER_SPLIT)}


def load(database: MariaDb, *, orders: int) -> int:
    """Make the table in an empty database and return the number of its rows."""
    columns = ", ".join(f"{name} {declared}" for name, declared in COLUMNS.items())
    marks = ", ".join(["%s"] * len(COLUMNS))
    options = {"init_command": "SET sql_mode = ''", "charset": "utf8mb4"}  # takes days of zeros
    with closing(database.connect(**options)) as connection, connection.cursor() as cursor:
        cursor.execute(f"CREATE TABLE {TABLE} ({columns})")
        connection.begin()
        rows: int = cursor.executemany(
            f"INSERT INTO {TABLE} VALUES ({marks})",  # noqa: S608 - our own names
            packings(orders),
        )
        connection.commit()
        cursor.execute(f"ANALYZE TABLE {TABLE}")
    return rows


def packings(orders: int) -> Iterator[tuple[object, ...]]:
    """Return the packing of each of the shop's orders, the same each time."""
    dice = random.Random(8)  # noqa: S311 - no secret hangs on it
    for number in range(1, orders + 1):
        packed = START + timedelta(days=DAYS * number / orders, minutes=dice.randrange(600))
        repacked = packed + timedelta(days=dice.randrange(1, 9))
        yield (
            number,
            dice.choice(PACKERS),
            dice.choice(BENCHES),
            dice.randrange(1, 4),
            dice.randrange(90, 40_000),
            ",".join(sorted(dice.sample(("card", "ribbon", "sample"), dice.randrange(3)))),
            None if dice.random() < 1 / 8 else dice.random() < 9 / 10,
            packed.replace(tzinfo=None, microsecond=0),
            repacked.date().isoformat() if dice.random() < 1 / 40 else NEVER,
        )

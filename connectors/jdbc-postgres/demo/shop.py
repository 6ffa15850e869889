# ruff: noqa: INP001 - a script beside the package, not a part of it
"""The demo's shop: products, orders and customers, in two databases of a real server.

``shop.sql`` and ``crm.sql`` make the tables.
"""

from __future__ import annotations

from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from athena_connectors.common.testing.demo import DemoQuery, DemoSource
from athena_connectors.common.testing.postgres import postgres_server

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from athena_connectors.common.testing.postgres import PostgresAddress

__all__ = ["CATALOGS", "MIN_ROWS_PER_SPLIT", "QUERIES", "load", "settings_of", "source"]

HERE = Path(__file__).resolve().parent
CATALOGS = ("shop", "crm")
MIN_ROWS_PER_SPLIT = 200_000
"""Twice the default: rows of a split that are over 5 MB, and so are spilled."""

QUERIES = (
    DemoQuery(
        "Which gold customers in Zürich spent most in the evenings of the last two months?",
        "Two catalogs, one join. Each server filters its side; what it can't be asked is checked"
        " here.",
        """\
SELECT c.name, c.email, count(*) AS orders, sum(o.total) AS spent
FROM crm.people.customers AS c
JOIN shop.sales.orders AS o ON o.customer_id = c.id
WHERE c.city = 'Zürich' AND c.level = 'gold'
  AND o.placed_at >= DATE '2025-11-01' AND o.status <> 'cancelled'
  AND extract(hour FROM o.placed_at) >= 20
GROUP BY c.name, c.email
ORDER BY spent DESC
LIMIT 5""",
    ),
    DemoQuery(
        "Which were the dearest orders of the last half-year that came back?",
        "The server sorts and stops: five rows of each partition cross the wire, of two out of"
        " eight.",
        """\
SELECT id, placed_at, total, channel, coupon, delivered_on
FROM shop.sales.orders
WHERE status = 'returned' AND placed_at >= DATE '2025-07-01'
ORDER BY total DESC, id
LIMIT 5""",
    ),
    DemoQuery(
        "What does each category of products bring?",
        "Every order line is read, in several splits at once, and spilled as encrypted blocks.",
        """\
SELECT p.category, count(*) AS lines, count(l.discount) AS discounted,
  round(sum(l.quantity * l.unit_price * (1 - coalesce(l.discount, 0))), 2) AS revenue
FROM shop.sales.order_lines AS l
JOIN shop.catalogue.products AS p ON p.id = l.product_id
GROUP BY p.category
ORDER BY revenue DESC""",
    ),
)


@contextmanager
def source(*, orders: int) -> Iterator[DemoSource]:
    """Start the server with a database for each catalog."""
    with postgres_server(linguistic=False) as server, _databases(server) as databases:
        rows = sum(load(databases[name], name, orders=orders) for name in CATALOGS)
        ((version,),) = server.execute("SHOW server_version")
        yield DemoSource(
            story=f"PostgreSQL {version} holds a shop: {rows:,} rows in two databases.",
            connector="jdbc-postgres",
            catalogs={name: settings_of(address) for name, address in databases.items()},
        )


def load(address: PostgresAddress, catalog: str, *, orders: int) -> int:
    """Fill an empty database with the tables of a catalog.

    Args:
        address: The database.
        catalog: ``shop`` or ``crm``.
        orders: Orders that the shop has; all tables grow with it.

    Returns:
        Rows of all tables.
    """
    statements = (HERE / f"{catalog}.sql").read_text(encoding="utf-8")
    options = f"-c demo.orders={orders}"
    with closing(address.connect(options=options)) as connection, connection.cursor() as cursor:
        cursor.execute(statements)
    tables = address.execute(
        "SELECT oid::regclass::text FROM pg_class WHERE relkind = 'r'"
        " AND relnamespace::regnamespace::text NOT IN ('pg_catalog', 'information_schema')"
    )
    counts = " UNION ALL ".join(f"SELECT count(*) FROM {table}" for (table,) in tables)  # noqa: S608
    ((rows,),) = address.execute(f"SELECT sum(n)::int FROM ({counts}) AS counts (n)")  # noqa: S608
    return int(rows)


def settings_of(address: PostgresAddress) -> Mapping[str, str]:
    """Return the settings of the catalog of a database."""
    return {
        "default": address.connection_string,
        "min_rows_per_split": str(MIN_ROWS_PER_SPLIT),
    }


@contextmanager
def _databases(server: PostgresAddress) -> Iterator[dict[str, PostgresAddress]]:
    """Make a database for each catalog; the server may be one that has others, and stays."""
    names = {catalog: f"athena_demo_{catalog}" for catalog in CATALOGS}
    try:
        yield {catalog: server.create_database(name) for catalog, name in names.items()}
    finally:
        for name in names.values():
            server.drop_database(name)

# ruff: noqa: INP001 - a script beside the package, not a part of it
"""``make demo``: a shop in a real PostgreSQL server, queried through the Lambda handler.

Starts the server, fills two databases (``shop.sql``, ``crm.sql``), makes a catalog of each,
and runs three queries by the command that a user has. What is printed after a ``$`` is what
runs.
"""

from __future__ import annotations

import argparse
import io
import json
import shutil
import signal
import sys
import time
from contextlib import closing, contextmanager, redirect_stderr
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from athena_connectors.common.cli.main import main as athena_connectors
from athena_connectors.common.cli.output import complain, say
from athena_connectors.common.testing.postgres import postgres_server

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from athena_connectors.common.testing.postgres import PostgresAddress

__all__ = ["QUERIES", "Query", "load", "main", "write_configuration"]

HERE = Path(__file__).resolve().parent
FOLDER = HERE.parents[2] / "demo"
"""Where the configuration and what is spilled go: the checkout's own folder, not in git."""
ORDERS = 150_000
CATALOGS = ("shop", "crm")
MIN_ROWS_PER_SPLIT = 200_000
"""Twice the default: rows of a split that are over 5 MB, and so are spilled."""

_CONFIGURATION = """\
# Written by `make demo`. The server behind it runs as long as `make demo KEEP=1` does.

[engine]
spill = "spill"    # blocks over 5 MB go to this folder, as they go to a bucket in AWS
"""
_CATALOG = """
[catalogs.{name}]
connector = "jdbc-postgres"
[catalogs.{name}.settings]    # the function's environment variables
default = {connection_string}
min_rows_per_split = {min_rows_per_split}    # twice the default: fewer splits, of over 5 MB
"""


@dataclass(frozen=True, slots=True)
class Query:
    """A query that the demo runs.

    Attributes:
        question: What it answers.
        lesson: What its explanation and statistics show.
        sql: The query, in Athena's dialect.
    """

    question: str
    lesson: str
    sql: str


QUERIES = (
    Query(
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
    Query(
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
    Query(
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

_SUGGESTIONS = (
    ("describe", "shop.catalogue.products"),
    ("query", '"SELECT * FROM crm.support.tickets WHERE rating = 1 LIMIT 5"'),
    ("query", "--no-pushdown --stats", '"SELECT count(*) FROM shop.sales.orders WHERE gift"'),
)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the demo and return its exit status: 0, or 1 when a query failed.

    Args:
        argv: Options; those of the process when ``None``.
    """
    options = _parser().parse_args(argv)
    try:
        with postgres_server(linguistic=False) as server:
            return _run(server, options)
    except KeyboardInterrupt:
        complain("Interrupted.")
        return 130


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


def write_configuration(folder: Path, databases: Mapping[str, PostgresAddress]) -> Path:
    """Write the file that makes catalogs of databases, and return it.

    Args:
        folder: Where it goes; made when missing.
        databases: By name of the catalog.
    """
    catalogs = (
        _CATALOG.format(
            name=name,
            connection_string=json.dumps(address.connection_string),
            min_rows_per_split=MIN_ROWS_PER_SPLIT,
        )
        for name, address in databases.items()
    )
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "athena-connectors.toml"
    file.write_text(_CONFIGURATION + "".join(catalogs), encoding="utf-8")
    return file


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="Query a shop in a real PostgreSQL server.")
    parser.add_argument("--keep", action="store_true", help="leave the server running at the end")
    parser.add_argument(
        "--orders", type=int, default=ORDERS, metavar="N", help=f"default: {ORDERS:,}"
    )
    parser.add_argument(
        "--folder", type=Path, default=FOLDER, help="where the configuration goes, default: demo"
    )
    return parser


def _run(server: PostgresAddress, options: argparse.Namespace) -> int:
    start = time.monotonic()
    shutil.rmtree(options.folder / "spill", ignore_errors=True)
    with _databases(server) as databases:
        rows = sum(load(databases[name], name, orders=options.orders) for name in CATALOGS)
        config = _shown(write_configuration(options.folder, databases))
        ((version,),) = server.execute("SHOW server_version")
        say(
            f"PostgreSQL {version} holds a shop: {rows:,} rows in two databases, loaded in"
            f" {time.monotonic() - start:.0f} s.\nEach database is a catalog of {config}.\n"
        )
        if _command("tables", config) or any(_ask(*item, config) for item in enumerate(QUERIES, 1)):
            return 1
        _say_what_next(config, kept=options.keep)
        if options.keep:
            _wait()
    return 0


@contextmanager
def _databases(server: PostgresAddress) -> Iterator[dict[str, PostgresAddress]]:
    """Make a database for each catalog; the server may be one that has others, and stays."""
    names = {catalog: f"athena_demo_{catalog}" for catalog in CATALOGS}
    try:
        yield {catalog: server.create_database(name) for catalog, name in names.items()}
    finally:
        for name in names.values():
            server.drop_database(name)


def _ask(number: int, query: Query, config: str) -> int:
    say(f"\n{number}. {query.question}\n   {query.lesson}\n")
    say(f'$ SQL="{query.sql}"')
    return _command("explain", config, sql=query.sql) or _command(
        "query", config, "--stats", sql=query.sql
    )


def _command(command: str, config: str, *options: str, sql: str | None = None) -> int:
    """Show a command as a shell would take it, run it, and return its exit status."""
    words = [command, "--config", config, *options]
    say(" ".join(["$", _program(), *words, *(['"$SQL"'] if sql else [])]))
    sys.stdout.flush()
    # What it tells beside the answer comes after it, wherever the two streams go.
    with redirect_stderr(io.StringIO()) as told:
        status = athena_connectors([*words, *([sql] if sql else [])])
    sys.stdout.write(told.getvalue() + "\n")
    sys.stdout.flush()
    return status


def _program() -> str:
    """Return what starts the command from the shell that runs this."""
    name = "athena-connectors"
    return name if shutil.which(name) else _shown(Path(sys.executable).parent / name)


def _shown(path: Path) -> str:
    """Return a path as a user here would write it."""
    here = Path.cwd()
    return str(path.relative_to(here) if path.is_relative_to(here) else path)


def _say_what_next(config: str, *, kept: bool) -> None:
    where = "In another terminal" if kept else "`make demo KEEP=1` leaves the server running. Then"
    say(f"{where}, try SQL of your own:\n")
    for command, *words in _SUGGESTIONS:
        say(" ".join(["$", _program(), command, "--config", config, *words]))
    say(f"\nWhat makes the tables: {_shown(HERE)}/*.sql.")


def _wait() -> None:
    """Return when Enter is pressed; without a terminal, when the process is told to end."""
    say("\nThe server runs until you press Enter.")
    sys.stdout.flush()
    if sys.stdin.isatty():
        input()
    else:
        signal.pause()


if __name__ == "__main__":
    sys.exit(main())

"""Runs every benchmark and compares each figure with what is wanted of it.

Figures are ratios to a baseline of the same run, so they mean the same on any machine;
only memory and the time of a cold start are absolute. ``--quick`` takes smaller tables. The
exit status is 1 if a figure misses its mark.
"""

from __future__ import annotations

import argparse
import json
import sys
from typing import Any, NamedTuple

from tests.bench import (
    cold_start,
    documentdb_read,
    dynamodb_read,
    logs_read,
    memory,
    mysql_read,
    postgres_read,
    query_plans,
    residual,
    spill,
)
from tests.bench.comparison import table_of


class Mark(NamedTuple):
    """One figure and what is wanted of it."""

    name: str
    figure: float
    wanted: float
    at_most: bool = False

    @property
    def met(self) -> bool:
        return self.figure <= self.wanted if self.at_most else self.figure >= self.wanted

    def __str__(self) -> str:
        verdict = "met" if self.met else "MISSED"
        bound = "at most" if self.at_most else "at least"
        return f"{self.name:<58}{self.figure:>10.2f}   {bound} {self.wanted:g}: {verdict}"


def main(argv: list[str] | None = None) -> int:
    """Run the benchmarks; tell them as JSON on standard output, as a table on the other."""
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="smaller tables, fewer rounds")
    quick = parser.parse_args(argv).quick
    results: dict[str, Any] = {}
    for name, measure in (
        ("cold start", lambda: cold_start.run(3) if quick else cold_start.run()),
        ("residual", residual.run),
        ("query plans", query_plans.run),
        ("spill", spill.run),
        ("read", lambda: postgres_read.run(200_000, rounds=1) if quick else postgres_read.run()),
        ("mysql", lambda: mysql_read.run(200_000, rounds=1) if quick else mysql_read.run()),
        ("dynamodb", lambda: dynamodb_read.run(rounds=1) if quick else dynamodb_read.run()),
        ("logs", lambda: logs_read.run(rounds=1) if quick else logs_read.run()),
        (
            "documentdb",
            lambda: documentdb_read.run(100_000, rounds=1) if quick else documentdb_read.run(),
        ),
        ("memory", lambda: memory.run(400) if quick else memory.run()),
    ):
        _say(f"{name} ...")
        results[name] = measure()
    marks = _marks(results)
    print(json.dumps(results, indent=2))  # noqa: T201
    _say(table_of(results["read"]))
    _say(table_of(results["mysql"]))
    _say(dynamodb_read.table_of(results["dynamodb"]))
    _say(logs_read.table_of(results["logs"]))
    _say(documentdb_read.table_of(results["documentdb"]))
    for mark in marks:
        _say(str(mark))
    return 0 if all(mark.met for mark in marks) else 1


def _marks(results: dict[str, Any]) -> list[Mark]:
    marks = []
    for select, least in (("core10", 5), ("all13", 8)):
        connector, adbc = results["read"][select]["connector"], results["read"][select]["adbc"]
        faster = connector["rows_per_second"] / adbc["rows_per_second"]
        marks += [
            Mark(f"{select}: rows/s to a psycopg2 cursor", connector["x_rows_per_second"], least),
            Mark(f"{select}: CPU of a psycopg2 cursor to ours", connector["x_cpu"], least),
            Mark(f"{select}: rows/s to adbc-driver-postgresql", faster, 1.5),
        ]
    by_method = results["mysql"]["core10"]
    ours, fallback = by_method["reader"], by_method["fallback"]
    faster = ours["rows_per_second"] / by_method["connectorx"]["rows_per_second"]
    marks += [
        Mark("mysql: rows/s to a PyMySQL cursor", ours["x_rows_per_second"], 12),
        Mark("mysql: CPU of a PyMySQL cursor to ours", ours["x_cpu"], 16),
        Mark("mysql: rows/s of the fallback to the cursor", fallback["x_rows_per_second"], 7),
        Mark("mysql: rows/s to connectorx", faster, 1),
    ]
    for shape, fast in (("flat", 2.5), ("nested", 3.2)):
        taken, whole = (results["documentdb"][shape][name] for name in ("reader", "connector"))
        marks += [
            Mark(f"documentdb {shape}: rows/s to a cursor", taken["x_rows_per_second"], fast),
            Mark(f"documentdb {shape}: peak, MB", whole["peak_mb"], 400, at_most=True),
            Mark(f"documentdb {shape}: growth to a quarter", taken["growth"], 1.1, at_most=True),
        ]
    uploads, peak = results["spill"], results["memory"]
    seconds = results["query plans"]["plan_seconds"]
    scan, by_items = results["dynamodb"]["connector"], results["dynamodb"]["items"]
    return [
        *marks,
        Mark("dynamodb: CPU of boto3 to ours", scan["x_cpu"], 10),
        Mark("dynamodb: CPU of boto3 to our dictionaries", by_items["x_cpu"], 5),
        Mark("dynamodb: peak, MB", scan["peak_mb"], 400, at_most=True),
        Mark("dynamodb: growth for four times the items", scan["growth"], 1.1, at_most=True),
        Mark("logs to Arrow: CPU of boto3 to ours", results["logs"]["decoder"]["x_cpu"], 5),
        Mark(
            "logs: CPU of boto3 to ours, blocks uploaded", results["logs"]["connector"]["x_cpu"], 3
        ),
        Mark("residual: speed to a Python loop", results["residual"]["ratio"], 25),
        Mark("query plan of 10,000 values, seconds", seconds, 1, at_most=True),
        Mark("spill: time to its three steps", uploads["overhead"], 2, at_most=True),
        Mark("spill: uploads beside reading", uploads["overlap"], 1.5),
        Mark("spill: growth for four times the rows", uploads["memory_growth"], 1.5, at_most=True),
        Mark("memory: peak for the large table, MB", peak["peak_mb"], 400, at_most=True),
        Mark("memory: growth to a quarter of it", peak["growth"], 1.1, at_most=True),
        *(
            Mark(f"{connector}: import of app, ms", taken["import_ms"], 350, at_most=True)
            for connector, taken in results["cold start"].items()
        ),
    ]


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)  # noqa: T201


if __name__ == "__main__":
    sys.exit(main())

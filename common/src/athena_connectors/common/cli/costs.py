"""What scans were expected to cost beside what they did cost, for ``query --stats``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from athena_connectors.common.cli.output import aligned

if TYPE_CHECKING:
    from athena_connectors.common.testing.scans import ScanReport

__all__ = ["costs"]

_HEADER = (
    "scan", "cost", "rows looked at", "bytes looked at", "rows read", "bytes read", "requests",
    "units", "by",
)  # fmt: skip


def costs(scans: list[ScanReport]) -> str:
    """Return a table of two rows for each scan that was estimated; empty if none was."""
    rows = [row for scan in scans for row in _rows(scan)]
    return aligned([_HEADER, *rows]) if rows else ""


def _rows(scan: ScanReport) -> list[tuple[str, ...]]:
    estimate, fact = scan.estimate, scan.cost
    if estimate is None:
        return []
    name = str(scan.planned.reference)
    expected = (
        estimate.rows_scanned,
        estimate.bytes_scanned,
        estimate.rows_read,
        estimate.bytes_read,
        estimate.requests,
        estimate.source_units,
    )
    rows = [(name, "estimate", *map(_text, expected), estimate.origin)]
    if fact is not None:
        counted = (fact.rows_read, fact.bytes_read, fact.requests, fact.source_units)
        rows.append((name, "fact", "", "", *map(_text, counted), ""))
    return rows


def _text(number: float | None) -> str:
    return "" if number is None else f"{round(number, 1):g}" if number % 1 else f"{number:.0f}"

"""``query --report``: what a query did, as one page that needs nothing else.

The page has no script and loads nothing, which its content security policy holds as well.
Every text that comes from elsewhere goes through ``html.escape``.
"""

from __future__ import annotations

from html import escape
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

from athena_connectors.common.cli.explain import conjunct_text
from athena_connectors.common.cli.report_bars import STYLE_OF_BARS, legend, step_bars, time_line
from athena_connectors.common.estimates import estimate_text
from athena_connectors.common.testing.engine_errors import UsageError
from athena_connectors.common.testing.transport import InProcess

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from athena_connectors.common.handler import Explanation
    from athena_connectors.common.testing.engine import QueryResult
    from athena_connectors.common.testing.scans import ScanReport, SplitReading

__all__ = ["report_page", "write_report"]

MAX_EXPLAINED = 200
"""Splits of a scan whose native query is told."""

_STYLE = """
body { font: 15px/1.45 system-ui, sans-serif; color: #1c2430; margin: 2rem auto; max-width: 62rem;
  padding: 0 1rem; }
h1 { font-size: 1.35rem; } h2 { font-size: 1.1rem; margin: 2rem 0 .5rem; }
h3 { font-size: .95rem; margin: 1.2rem 0 .3rem; }
pre { background: #f4f6f8; padding: .6rem .8rem; white-space: pre-wrap; overflow-wrap: anywhere; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; vertical-align: top; padding: .25rem .6rem .25rem 0;
  border-bottom: 1px solid #dde2e8; overflow-wrap: anywhere; }
th { overflow-wrap: normal; }
td.number, th.number { text-align: right; white-space: nowrap; }
.muted { color: #5b6675; }
"""
_POLICY = "default-src 'none'; style-src 'unsafe-inline'"


def write_report(path: str, *, sql: str, result: QueryResult) -> None:
    """Write a page; the functions that the query asked are asked how they did it.

    Raises:
        UsageError: The file can't be written.
    """
    page = report_page(sql=sql, result=result)
    try:
        Path(path).write_text(page, encoding="utf-8", errors="replace")
    except OSError as cause:
        raise UsageError(f"{path} can't be written: {cause.strerror}.") from cause


def report_page(*, sql: str, result: QueryResult) -> str:
    """Return a page."""
    return "".join(_page(sql, result))


def _page(sql: str, result: QueryResult) -> Iterator[str]:
    yield (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
        f"<title>Query report</title><style>{_STYLE}{STYLE_OF_BARS}</style></head><body>\n"
        f"<h1>Query report</h1>\n<pre>{escape(sql)}</pre>\n"
    )
    yield f"<p>{_summary(result)}</p>\n"
    yield "<h2>Plan</h2>\n<ul>\n"
    for place, scan in enumerate(result.scans, 1):
        columns = ", ".join(scan.planned.scan.projected.names) or "no column, rows are counted"
        yield f"<li>Scan {place}: {escape(str(scan.planned.reference))} ({escape(columns)})</li>\n"
    yield (
        f"<li>DuckDB: {_engine_work(len(result.scans))}, over the rows that arrived:"
        f" {_count(result.table.num_rows, 'row')} of answer</li>\n</ul>\n"
    )
    if result.scans:
        yield f"<h2>Time</h2>\n{legend()}\n{time_line(result.scans)}\n"
    for place, scan in enumerate(result.scans, 1):
        yield from _scan(place, scan)
    yield "</body></html>\n"


def _summary(result: QueryResult) -> str:
    splits = sum(len(scan.splits) for scan in result.scans)
    arrived = sum(scan.rows for scan in result.scans)
    return (
        f"{_count(len(result.scans), 'scan')}, {_count(splits, 'split')} read,"
        f" {_count(arrived, 'row')} arrived, {_count(result.table.num_rows, 'row')} of answer."
    )


def _engine_work(scans: int) -> str:
    joins = "joins, " if scans > 1 else ""
    return f"{joins}the whole WHERE, groups, order and limit"


def _scan(place: int, scan: ScanReport) -> Iterator[str]:
    planned = scan.planned
    yield f"<h2>Scan {place}: {escape(str(planned.reference))}</h2>\n"
    yield _table(
        ("", ""),
        [
            ("Columns", ", ".join(planned.scan.projected.names) or "none, rows are counted"),
            ("Order", _order(scan)),
            ("Limit", _limit(scan)),
            ("Splits", f"{len(scan.splits)} read of {scan.planned_splits} planned"),
            ("Estimate", "no estimate" if scan.estimate is None else estimate_text(scan.estimate)),
            ("Fact", _fact(scan)),
        ],
    )
    explained = list(_explained(scan))
    yield "<h3>Conditions</h3>\n"
    yield _conditions(scan, explained[0][1] if explained else None)
    yield "<h3>Rows and bytes</h3>\n"
    yield step_bars(scan)
    yield "<h3>Sent to the source</h3>\n"
    yield from _natives(scan, explained)


def _order(scan: ScanReport) -> str:
    keys = scan.planned.scan.constraints.order_by
    return ", ".join(f"{key.column} {key.direction.value}" for key in keys) or "none"


def _limit(scan: ScanReport) -> str:
    limit, reason = scan.planned.scan.constraints.limit, scan.planned.limit_reason
    if limit is not None:
        return f"{limit}"
    return f"kept here: {reason}" if reason else "none"


def _fact(scan: ScanReport) -> str:
    cost = scan.cost
    if cost is None:
        return "only the function knows"
    parts = [_count(cost.rows_read, "row") + " read"]
    if cost.bytes_read:
        parts.append(f"{cost.bytes_read:,} bytes read")
    if cost.requests:
        parts.append(_count(cost.requests, "request"))
    if cost.source_units:
        parts.append(f"{cost.source_units:g} units")
    return ", ".join(parts)


def _explained(scan: ScanReport) -> Iterator[tuple[int, Explanation]]:
    """Yield how splits were read, each with its place."""
    client = scan.planned.client
    transport = client.transport
    if not isinstance(transport, InProcess):
        return
    for place, reading in enumerate(scan.splits[:MAX_EXPLAINED]):
        if reading.split is not None:
            yield place, transport.explain(client.read_event(scan.planned.scan, reading.split))


def _conditions(scan: ScanReport, explanation: Explanation | None) -> str:
    rows = [(held.text, "not sent", "", held.reason) for held in scan.planned.held]
    if explanation is not None:
        rows += [
            (
                conjunct_text(item.conjunct),
                item.exactness.value,
                item.native,
                item.reason,
            )
            for item in explanation.decisions
        ]
        rows += [("query plan", "left away", "", reason) for reason in explanation.plan_reasons]
        pushed = [
            word
            for word, is_pushed in (
                ("order", explanation.order_pushed),
                ("limit", explanation.limit_pushed),
            )
            if is_pushed
        ]
        if pushed:
            rows.append((" and ".join(pushed), "exact", "", ""))
        elif explanation.limit_reason:
            rows.append(("limit", "not pushed", "", explanation.limit_reason))
    else:
        sent = scan.planned.scan.constraints.conjuncts()
        rows += [(conjunct_text(part), "sent", "", "") for part in sent]
    if not rows:
        return '<p class="muted">None.</p>\n'
    return _table(("Condition", "At the source", "As", "Why not exact"), rows)


def _natives(scan: ScanReport, explained: Sequence[tuple[int, Explanation]]) -> Iterator[str]:
    if not isinstance(scan.planned.client.transport, InProcess):
        yield '<p class="muted">Only the function knows its native query.</p>\n'
    for native, alike in groupby(explained, key=lambda item: item[1].native):
        places = [place for place, _ in alike]
        name = f"split {places[0]}" if len(places) == 1 else f"splits {places[0]} to {places[-1]}"
        yield f'<p class="muted">{name}</p>\n<pre>{escape(native or "no native query")}</pre>\n'
    if len(scan.splits) > MAX_EXPLAINED:
        yield f'<p class="muted">and {len(scan.splits) - MAX_EXPLAINED} more splits</p>\n'
    yield _splits(scan.splits)


def _splits(splits: Iterable[SplitReading]) -> str:
    rows = [
        (
            str(place),
            "" if item.split is None else _properties(item.split.properties.items()),
            f"{item.rows:,}",
            f"{item.size:,}",
            f"{item.seconds:.3f}",
            f"{item.spill_objects:,}",
        )
        for place, item in enumerate(splits)
    ]
    header = ("Split", "Properties", "Rows", "Bytes", "Seconds", "Spilled objects")
    return _table(header, rows, numbers=(2, 3, 4, 5))


def _properties(items: Iterable[tuple[str, str]]) -> str:
    return ", ".join(f"{name}={text}" for name, text in items)


def _table(
    header: Sequence[str], rows: Iterable[Sequence[str]], *, numbers: Sequence[int] = ()
) -> str:
    """Return a table of texts, none of which is taken as markup."""

    def line(tag: str, cells: Sequence[str]) -> str:
        parts = []
        for place, text in enumerate(cells):
            kind = ' class="number"' if place in numbers else ""
            parts.append(f"<{tag}{kind}>{escape(text)}</{tag}>")
        return f"<tr>{''.join(parts)}</tr>\n"

    head = line("th", header) if any(header) else ""
    return f"<table>\n{head}{''.join(line('td', row) for row in rows)}</table>\n"


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"

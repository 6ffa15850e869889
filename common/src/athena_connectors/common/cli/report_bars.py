"""The drawings of a report, as SVG: splits on a time line, rows and bytes at each step."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from athena_connectors.common.testing.scans import ScanReport, SplitReading

__all__ = ["STYLE_OF_BARS", "legend", "step_bars", "time_line"]

MAX_DRAWN = 500
"""Splits of a time line; the table below has all of them."""

_WIDTH = 960
_LABEL = 190
_TAIL = 90
"""Room for the text behind the longest bar."""
_LINE = 20
_BAR = 14
_PHASES = {
    "plan": "#8a94a3",
    "read": "#2f6db5",
    "convert": "#e0a030",
    "filter": "#b4509a",
    "spill": "#3d9a62",
    "rest": "#cfd6de",
}
"""Colours by phase; the rest is the protocol and the engine."""

STYLE_OF_BARS = (
    "svg { display: block; max-width: 100%; height: auto; font: 12px system-ui, sans-serif; }\n"
    "svg text { fill: #1c2430; } .key { margin-right: 1rem; white-space: nowrap; }\n"
    + "".join(
        f".{name} {{ fill: {colour}; background: {colour}; }}\n" for name, colour in _PHASES.items()
    )
    + ".swatch { display: inline-block; width: .8em; height: .8em; margin-right: .35em; }\n"
)


def legend() -> str:
    """Return what the colours of a time line mean."""
    keys = (
        f'<span class="key"><span class="swatch {name}"></span>{name}</span>' for name in _PHASES
    )
    return f"<p>{''.join(keys)}</p>"


def time_line(scans: Sequence[ScanReport]) -> str:
    """Return a bar for the planning of each scan and for each split, over one time axis.

    The phases of a split take turns while it is read. They are drawn one behind the other,
    each as long as it took in all.
    """
    starts = [scan.plan_started for scan in scans]
    ends = [scan.plan_started + scan.plan_seconds for scan in scans]
    ends += [item.started + item.seconds for scan in scans for item in scan.splits]
    origin, total = min(starts), max(max(ends) - min(starts), 1e-9)
    scale = (_WIDTH - _LABEL - _TAIL) / total
    lines: list[str] = []
    for place, scan in enumerate(scans, 1):
        start = scan.plan_started - origin
        parts = [("plan", scan.plan_seconds)]
        lines.append(_line(len(lines), f"scan {place}: plan", start, parts, scale))
        for number, item in enumerate(scan.splits[:MAX_DRAWN]):
            name = f"scan {place}, split {number}"
            start = item.started - origin
            lines.append(_line(len(lines), name, start, list(_phases(item)), scale))
    height = (len(lines) + 1) * _LINE
    axis = (
        f'<text x="{_LABEL}" y="{height - 5}">0 s</text>'
        f'<text x="{_WIDTH - _TAIL}" y="{height - 5}" text-anchor="end">{total:.3f} s</text>'
    )
    return _svg("Time line of the splits", height, "".join(lines) + axis)


def step_bars(scan: ScanReport) -> str:
    """Return bars for the rows and bytes of a scan: at the source, filtered, arrived."""
    cost = scan.cost
    arrived = sum(item.size for item in scan.splits)
    rows = [("rows arrived", scan.rows)]
    sizes = [("bytes arrived", arrived)]
    if cost is not None:
        rows = [
            ("rows from the source", cost.rows_read),
            ("rows left by filter, limit", cost.rows_returned),
            *rows,
        ]
        sizes = [("bytes from the source", cost.bytes_read)] if cost.bytes_read else []
        sizes += [("bytes of blocks", cost.bytes_returned), ("bytes arrived", arrived)]
    drawn = [*_counts(rows, 0), *_counts(sizes, len(rows))]
    return _svg("Rows and bytes at each step", len(drawn) * _LINE, "".join(drawn)) + "\n"


def _phases(item: SplitReading) -> Iterator[tuple[str, float]]:
    """Yield the phases of a split, which together are as long as it took."""
    stats = item.stats
    if stats is None:
        yield "rest", item.seconds
        return
    known = {
        "read": stats.source_seconds,
        "convert": stats.conversion_seconds,
        "filter": stats.residual_seconds,
        "spill": stats.spill_seconds,
    }
    spent = sum(known.values())
    # Uploads and reading ahead overlap, so the sum may be longer than the split took.
    share = min(1.0, item.seconds / spent) if spent else 0.0
    for name, seconds in known.items():
        yield name, seconds * share
    yield "rest", max(0.0, item.seconds - spent * share)


def _line(
    place: int, name: str, start: float, parts: Sequence[tuple[str, float]], scale: float
) -> str:
    """Return one line: its name, a bar of coloured parts, and how long it took."""
    top = place * _LINE
    drawn = [f'<text x="0" y="{top + 12}">{escape(name)}</text>']
    left = _LABEL + start * scale
    for kind, seconds in parts:
        width = seconds * scale
        title = f"{name}: {kind} {seconds:.3f} s"
        drawn.append(
            f'<rect class="{kind}" x="{left:.2f}" y="{top + 1}" width="{width:.2f}"'
            f' height="{_BAR}"><title>{escape(title)}</title></rect>'
        )
        left += width
    seconds = sum(each for _, each in parts)
    drawn.append(f'<text x="{left + 5:.2f}" y="{top + 12}">{seconds:.3f} s</text>')
    return f'<g class="bar">{"".join(drawn)}</g>\n'


def _counts(numbers: Sequence[tuple[str, int]], first: int) -> Iterator[str]:
    largest = max((number for _, number in numbers), default=0) or 1
    scale = (_WIDTH - _LABEL - _TAIL) / largest
    for place, (name, number) in enumerate(numbers, first):
        top, width = place * _LINE, number * scale
        yield (
            f'<g class="step"><text x="0" y="{top + 12}">{escape(name)}</text>'
            f'<rect class="read" x="{_LABEL}" y="{top + 1}" width="{width:.2f}" height="{_BAR}"/>'
            f'<text x="{_LABEL + width + 5:.2f}" y="{top + 12}">{number:,}</text></g>\n'
        )


def _svg(title: str, height: int, content: str) -> str:
    return (
        f'<svg viewBox="0 0 {_WIDTH} {height}" width="{_WIDTH}" height="{height}" role="img">'
        f"<title>{escape(title)}</title>\n{content}</svg>"
    )

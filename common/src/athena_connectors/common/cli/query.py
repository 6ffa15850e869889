"""``athena-connectors query``."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

from athena_connectors.common.cli.output import aligned, complain, write_answer

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Iterator

    from athena_connectors.common.testing.scans import Progress, ScanReport, SplitReading

__all__ = ["run"]


def run(options: argparse.Namespace) -> int:
    """Run a query, write its answer, and tell its cost if asked to."""
    from athena_connectors.common.testing.engine import LocalEngine  # noqa: PLC0415

    with (
        _progress_bar() as on_progress,
        LocalEngine.from_file(
            options.config,
            serde=options.serde,
            pushdown=options.pushdown,
            parallel=options.parallel,
            on_progress=on_progress,
        ) as engine,
    ):
        result = engine.query(options.sql)
    write_answer(result.table, format_=options.format, output=options.output)
    if options.stats:
        complain(_stats(result.scans))
    return 0


@contextmanager
def _progress_bar() -> Iterator[Callable[[Progress], None] | None]:
    """Show splits, rows and bytes while reading, on a terminal only."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console  # noqa: PLC0415
    from rich.progress import BarColumn, TextColumn  # noqa: PLC0415
    from rich.progress import Progress as Bar  # noqa: PLC0415

    columns = (
        BarColumn(),
        TextColumn("{task.fields[done]}/{task.total} splits, {task.fields[rows]:,} rows,"),
        TextColumn("{task.fields[size]:,} bytes"),
    )
    with Bar(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("reading", total=None, done=0, rows=0, size=0)

        def show(progress: Progress) -> None:
            bar.update(
                task,
                completed=progress.splits_done,
                total=progress.splits_total,
                done=progress.splits_done,
                rows=progress.rows,
                size=progress.size,
            )

        yield show


_HEADER = (
    "scan", "split", "rows", "bytes", "seconds", "rows read", "requests", "units", "source s",
    "conversion s", "residual s", "spill objects",
)  # fmt: skip


def _stats(scans: list[ScanReport]) -> str:
    rows: list[tuple[str, ...]] = [_HEADER]
    for scan in scans:
        name = str(scan.planned.reference)
        rows += [_split_row(name, place, split) for place, split in enumerate(scan.splits)]
        if len(scan.splits) == 1:
            continue  # it says all
        total = (name, "all", str(scan.rows), str(sum(split.size for split in scan.splits)))
        objects = str(sum(split.spill_objects for split in scan.splits))
        rows.append((*total, "", "", "", "", "", "", "", objects))
    return aligned(rows)


def _split_row(scan: str, place: int, split: SplitReading) -> tuple[str, ...]:
    stats = split.stats
    own = (
        (
            str(stats.rows_read),
            str(stats.requests),
            f"{stats.source_units:g}",
            f"{stats.source_seconds:.3f}",
            f"{stats.conversion_seconds:.3f}",
            f"{stats.residual_seconds:.3f}",
        )
        if stats is not None
        else ("", "", "", "", "", "")
    )
    measured = (str(split.rows), str(split.size), f"{split.seconds:.3f}")
    return (scan, str(place), *measured, *own, str(split.spill_objects))

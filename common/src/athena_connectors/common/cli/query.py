"""``athena-connectors query``."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

from athena_connectors.common.cli.costs import costs
from athena_connectors.common.cli.identity import identity_of
from athena_connectors.common.cli.output import aligned, check_writable, complain, write_answer
from athena_connectors.common.testing.engine_errors import UsageError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Iterator

    from athena_connectors.common.testing.engine import QueryResult
    from athena_connectors.common.testing.scans import Progress, ScanReport, SplitReading

    _OnProgress = Callable[[Progress], None] | None

__all__ = ["run"]


def run(options: argparse.Namespace) -> int:
    """Run a query, write its answer, and tell its cost if asked to."""
    if options.scrub_values and not options.record:
        raise UsageError("--scrub-values is for recordings.", hint="Add --record FILE.")
    if options.report:
        check_writable(options.report)
    with _progress_bar() as on_progress:
        result = (_record if options.record else _query)(options, on_progress)
    write_answer(result.table, format_=options.format, output=options.output)
    if options.stats:
        complain(_stats(result.scans))
        if expected := costs(result.scans):
            complain(expected)
    return 0


def _query(options: argparse.Namespace, on_progress: _OnProgress) -> QueryResult:
    from athena_connectors.common.testing.engine import LocalEngine  # noqa: PLC0415

    with LocalEngine.from_file(
        options.config,
        serde=options.serde,
        pushdown=options.pushdown,
        plans=options.plans,
        parallel=options.parallel,
        identity=identity_of(options.identity),
        on_progress=on_progress,
        estimates=options.stats or bool(options.report),
    ) as engine:
        result = engine.query(options.sql)
        _report(options, result)
    return result


def _record(options: argparse.Namespace, on_progress: _OnProgress) -> QueryResult:
    from athena_connectors.common.cli.configuration import (  # noqa: PLC0415
        open_catalogs,
        read_configuration,
    )
    from athena_connectors.common.testing.recording.record import record  # noqa: PLC0415
    from athena_connectors.common.testing.recording.recordings import Options  # noqa: PLC0415

    if options.identity:
        raise UsageError(
            "--record does not write who asks, so it does not go with --identity.",
            hint="Record the query as the local identity, or leave --record out.",
        )
    check_writable(options.record)
    return record(
        options.sql,
        open_catalogs(read_configuration(options.config)),
        options.record,
        options=Options(options.serde, options.pushdown, options.plans),
        scrub_values=options.scrub_values,
        estimates=options.stats or bool(options.report),
        on_progress=on_progress,
        on_result=lambda result: _report(options, result),
    )


def _report(options: argparse.Namespace, result: QueryResult) -> None:
    if options.report:
        from athena_connectors.common.cli.report import write_report  # noqa: PLC0415

        write_report(options.report, sql=options.sql, result=result)


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

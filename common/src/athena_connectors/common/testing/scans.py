"""The reads of one statement: every scan's splits, several at once.

A scan that only wants some rows stops early; the first error ends all reads. What
arrives is kept in the order of the splits.
"""

from __future__ import annotations

import threading
import time
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from athena_connectors.common.observability import SplitStats
from athena_connectors.common.testing.transport import InProcess

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import pyarrow as pa
    from athena_connectors.common.estimates import Estimate
    from athena_connectors.common.protocol.messages import Split
    from athena_connectors.common.testing.client import ProtocolClient, TableScan
    from athena_connectors.common.testing.planning import Held
    from athena_connectors.common.testing.references import Reference

__all__ = ["PlannedScan", "Progress", "ScanReport", "SplitReading", "read_scans"]


@dataclass(frozen=True, slots=True)
class PlannedScan:
    """One scan, ready to be read.

    Attributes:
        reference: The table, as the statement names it.
        client: Who is asked.
        scan: What is asked.
        held: Conditions that DuckDB evaluates alone.
        limit_reason: Why a LIMIT of the statement is not sent; empty otherwise.
    """

    reference: Reference
    client: ProtocolClient
    scan: TableScan
    held: tuple[Held, ...] = ()
    limit_reason: str = ""


@dataclass(frozen=True, slots=True)
class SplitReading:
    """What the read of one split brought.

    Attributes:
        rows: Rows that arrived.
        size: Bytes of their blocks.
        seconds: Time from the request to the last block.
        spill_objects: Objects fetched; 0 for an inline reply.
        stats: The connector's own counters, when it runs in this process.
        split: What was read.
        started: ``time.perf_counter()`` when it was asked for.
    """

    rows: int
    size: int
    seconds: float
    spill_objects: int
    stats: SplitStats | None = None
    split: Split | None = None
    started: float = 0.0


@dataclass(slots=True)
class ScanReport:
    """What one scan brought.

    Attributes:
        planned: The scan.
        splits: Its splits, in order; those not read are missing.
        batches: Its rows in physical values.
        estimate: What it was expected to cost, if that was asked for and anybody knew.
        planned_splits: Splits that were planned, those not read too.
        plan_started: ``time.perf_counter()`` when its splits were asked for.
        plan_seconds: Time until all of them were there.
    """

    planned: PlannedScan
    splits: list[SplitReading] = field(default_factory=list)
    batches: list[pa.RecordBatch] = field(default_factory=list, repr=False)
    estimate: Estimate | None = None
    planned_splits: int = 0
    plan_started: float = 0.0
    plan_seconds: float = 0.0

    @property
    def rows(self) -> int:
        """Rows that arrived."""
        return sum(split.rows for split in self.splits)

    @property
    def cost(self) -> SplitStats | None:
        """What all splits cost, by the connector's own counters, if it runs in this process."""
        total = SplitStats()
        for split in self.splits:
            if split.stats is None:
                return None
            total.add(split.stats)
        return total


@dataclass(slots=True)
class Progress:
    """How far the reads are.

    Attributes:
        splits_done: Splits read.
        splits_total: Splits known so far.
        rows: Rows that arrived.
        size: Bytes that arrived.
    """

    splits_done: int = 0
    splits_total: int = 0
    rows: int = 0
    size: int = 0


def read_scans(
    scans: Sequence[PlannedScan],
    *,
    parallel: int,
    on_progress: Callable[[Progress], None] | None = None,
) -> list[ScanReport]:
    """Read scans to the end.

    Args:
        scans: What is read.
        parallel: Splits read at once, 1 or more.
        on_progress: Told after each split, from several threads, one at a time.

    Raises:
        Exception: Whatever the first failed read raised; the others are given up.
    """
    meter = _Meter(on_progress)
    with ThreadPoolExecutor(parallel, thread_name_prefix="split") as pool:
        try:
            tasks = []
            for planned in scans:
                task = _ScanTask(planned, meter)
                splits = task.plan()
                meter.expect(len(splits))
                tasks.append((task, [pool.submit(task.read, split) for split in splits]))
            futures = [future for _, started in tasks for future in started]
            wait(futures, return_when=FIRST_EXCEPTION)
            for future in futures:
                if future.done() and not future.cancelled():
                    future.result()
            return [task.report([future.result() for future in done]) for task, done in tasks]
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


class _Meter:
    """Adds up what all threads read."""

    def __init__(self, listener: Callable[[Progress], None] | None) -> None:
        self._listener = listener
        self._progress = Progress()
        self._lock = threading.Lock()

    def expect(self, splits: int) -> None:
        with self._lock:
            self._progress.splits_total += splits
            self._tell()

    def add(self, rows: int, size: int) -> None:
        with self._lock:
            self._progress.splits_done += 1
            self._progress.rows += rows
            self._progress.size += size
            self._tell()

    def _tell(self) -> None:
        if self._listener is not None:
            self._listener(self._progress)


_Outcome = tuple[SplitReading, "tuple[pa.RecordBatch, ...]"]


class _ScanTask:
    """The splits of one scan, read by several threads."""

    def __init__(self, planned: PlannedScan, meter: _Meter) -> None:
        self._planned = planned
        self._meter = meter
        self._rows = 0
        self._lock = threading.Lock()
        self._report = ScanReport(planned)

    def plan(self) -> list[Split]:
        """Return the splits of the scan."""
        report = self._report
        report.plan_started = time.perf_counter()
        splits = list(self._planned.client.splits(self._planned.scan))
        report.plan_seconds = time.perf_counter() - report.plan_started
        report.planned_splits = len(splits)
        return splits

    def read(self, split: Split) -> _Outcome | None:
        """Read one split; nothing once a plain limit has its rows."""
        if self._has_enough():
            self._meter.add(0, 0)
            return None
        client = self._planned.client
        started = time.perf_counter()
        rows = client.read(self._planned.scan, split)
        report = client.transport.last_report() if isinstance(client.transport, InProcess) else None
        with self._lock:
            self._rows += rows.rows
        self._meter.add(rows.rows, rows.size)
        stats = report.stats if report is not None else None
        reading = SplitReading(
            rows.rows, rows.size, rows.seconds, rows.spill_objects, stats, split, started
        )
        return reading, rows.batches

    def report(self, outcomes: list[_Outcome | None]) -> ScanReport:
        report = self._report
        for outcome in outcomes:
            if outcome is not None:
                report.splits.append(outcome[0])
                report.batches.extend(outcome[1])
        return report

    def _has_enough(self) -> bool:
        constraints = self._planned.scan.constraints
        if constraints.limit is None or constraints.order_by:
            return False
        with self._lock:
            return self._rows >= constraints.limit

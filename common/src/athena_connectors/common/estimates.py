"""What a scan is expected to cost, from statistics that cost nothing.

An estimate is taken before a row is read. It decides whether a scan may start where a budget
is set, and is shown by ``explain`` and ``--stats``; no row depends on it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["CheapAccess", "Estimate", "amount", "estimate_text", "no_row"]

_STEP = 1000
_BYTE_UNITS = ("bytes", "kB", "MB", "GB", "TB")


@dataclass(frozen=True, slots=True)
class CheapAccess:
    """Conditions that would let a source find rows instead of looking at all of them.

    Attributes:
        columns: Columns that all need a condition, in the source's spelling; one or more.
        by: What makes it cheap, such as ``index by_customer``; may be empty.
    """

    columns: tuple[str, ...]
    by: str = ""


@dataclass(frozen=True, slots=True)
class Estimate:
    """What one scan, all its splits together, is expected to cost.

    Each number is ``None`` where nobody knows it. Those that ``SplitStats`` counts too go by
    the same names, so that they can stand beside the facts.

    Attributes:
        origin: Where the numbers come from, for people: ``EXPLAIN``, ``DescribeTable``.
        rows_scanned: Rows that the source has to look at.
        bytes_scanned: Their bytes, as the source counts them.
        rows_read: Rows that come from the source.
        bytes_read: Their bytes, as they come.
        requests: Requests made to the source.
        source_units: What the source bills for them, in its own units.
        unit: What these are called, in the plural; empty if there are none.
        cheap_by: What would make the scan cheap, best first.
    """

    origin: str
    rows_scanned: int | None = None
    bytes_scanned: int | None = None
    rows_read: int | None = None
    bytes_read: int | None = None
    requests: int | None = None
    source_units: float | None = None
    unit: str = ""
    cheap_by: tuple[CheapAccess, ...] = ()

    def most(self, counter: str) -> float | None:
        """Return the larger of what is looked at and what comes, of one counter of stats."""
        scanned = {"rows_read": self.rows_scanned, "bytes_read": self.bytes_scanned}
        known = [
            number
            for number in (scanned.get(counter), getattr(self, counter, None))
            if number is not None
        ]
        return max(known, default=None)


def no_row() -> Estimate:
    """Return the estimate of a scan whose predicate no row can satisfy: nobody is asked."""
    return Estimate("the predicate, which no row can satisfy", 0, 0, 0, 0, 0)


def amount(size: float) -> str:
    """Return a number of bytes for people: ``1.5 MB``."""
    for unit in _BYTE_UNITS[:-1]:
        if size < _STEP:
            return f"{size:.3g} {unit}"
        size /= _STEP
    return f"{size:,.1f} {_BYTE_UNITS[-1]}"


def estimate_text(estimate: Estimate) -> str:
    """Return an estimate in one line for people."""
    parts = [
        *_pair("look at", estimate.rows_scanned, estimate.bytes_scanned),
        *_pair("read", estimate.rows_read, estimate.bytes_read),
        *(_counted(estimate.requests, "requests")),
        *(_counted(estimate.source_units, estimate.unit or "units")),
    ]
    return f"{'; '.join(parts) or 'nothing is known'} (by {estimate.origin})"


def _pair(verb: str, rows: int | None, size: int | None) -> Iterable[str]:
    known = [] if rows is None else [f"{rows:,} rows"]
    known += [] if size is None else [amount(size)]
    return [f"{verb} {', '.join(known)}"] if known else []


def _counted(number: float | None, unit: str) -> Iterable[str]:
    return [] if number is None else [f"{round(number, 1):,g} {unit}"]

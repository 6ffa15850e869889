"""How many readers at a time the size and the capacity of a table are good for.

Pure: decided from what ``DescribeTable`` told.

Source: DynamoDB developer guide, "Read and write operations" (a read unit is 4 KB read
consistently, or twice as much if not) and "Quotas" (what a new on-demand table serves at once).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from athena_connectors.dynamodb.settings import Settings
    from athena_connectors.dynamodb.source_table import Capacity, Index

__all__ = [
    "FEW_ROWS",
    "MAX_SEGMENT_BYTES",
    "ON_DEMAND_UNITS",
    "PAGE_UNITS",
    "page_units",
    "segment_count",
    "units_per_second",
]

PAGE_UNITS = 128
"""Read units of a page of 1 MB, if it need not be consistent."""

ON_DEMAND_UNITS = 12_000
"""Read units per second that an on-demand table serves at once, if it does not tell."""

MAX_SEGMENT_BYTES = 1 << 30
"""Bytes that one function scans in its time, whatever the table's capacity."""

FEW_ROWS = 10_000
"""Rows wanted up to which one segment is enough: more would mostly read for nothing."""


def page_units(settings: Settings) -> int:
    """Return the read units of a page of 1 MB."""
    return PAGE_UNITS * (2 if settings.consistent_read else 1)


def units_per_second(capacity: Capacity, settings: Settings) -> float:
    """Return the read units per second that a scan plans to use."""
    served = capacity.provisioned or capacity.maximum or capacity.warm or ON_DEMAND_UNITS
    planned = served * settings.read_capacity_fraction
    return min(planned, settings.max_rcu_per_second or math.inf)


def segment_count(index: Index, capacity: Capacity, settings: Settings) -> int:
    """Return in how many segments a table or an index is scanned, 1 or more.

    As many as its size asks for, but no more than have a page per second of what may be read
    in a second, or a page of what may be read at all. A segment that no function could
    finish in its time is only made where a setting wants it.

    Args:
        index: What is scanned. Its size is some hours old, and 0 for a new one.
        capacity: What may be read of the table.
        settings: The connector's settings.
    """
    page = page_units(settings)
    least = math.ceil(index.size_bytes / MAX_SEGMENT_BYTES)
    bounds: list[float] = [
        math.ceil(index.size_bytes / settings.scan_segment_bytes),
        max(least, units_per_second(capacity, settings) // page),
        settings.max_scan_segments,
    ]
    if settings.max_rcu_per_second:
        bounds.append(settings.max_rcu_per_second // page)
    if settings.max_rcu_per_query:
        bounds.append(settings.max_rcu_per_query // page)
    return max(1, int(min(bounds)))

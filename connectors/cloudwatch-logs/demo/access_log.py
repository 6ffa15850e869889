# ruff: noqa: INP001 - a script beside the package, not a part of it
"""The demo's access log: events of CloudWatch Logs that tell of orders of the shop."""

from __future__ import annotations

import random
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from athena_connectors.common.testing.demo import DemoQuery, DemoSource
from athena_connectors.common.testing.logs_server import logs_server

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["GROUP", "QUERIES", "lines", "source"]

GROUP = "checkout"
STREAMS = ("web-1", "web-2", "web-3")
ORDERS_PER_LINE = 5
START = datetime(2025, 12, 26, tzinfo=UTC)
OUTAGE = datetime(2025, 12, 31, tzinfo=UTC)
END = datetime(2026, 1, 1, tzinfo=UTC)
PAGES = ("status", "invoice", "return")

QUERIES = (
    DemoQuery(
        "Which dear orders could customers not look at on New Year's Eve?",
        "A log meets a table. The day is a span of time for CloudWatch Logs and LIKE a filter"
        " pattern, so it sends a few lines of the week's.",
        """\
SELECT l.event_time, l.log_stream, l.message, o.total, o.status
FROM logs.checkout.all_log_streams AS l
JOIN shop.sales.orders AS o ON o.id = CAST(split_part(l.message, '/', 3) AS bigint)
WHERE l.event_time >= TIMESTAMP '2025-12-31 00:00:00' AND l.message LIKE '% 504 %'
ORDER BY o.total DESC, l.event_time
LIMIT 5""",
    ),
)


@contextmanager
def source(*, orders: int) -> Iterator[DemoSource]:
    """Start a stand-in of CloudWatch Logs, with the one group."""
    with logs_server() as server:
        streams: dict[str, list[tuple[int, str]]] = {stream: [] for stream in STREAMS}
        for place, line in enumerate(lines(orders)):
            streams[STREAMS[place % len(STREAMS)]].append(line)
        size = sum(len(text) for events in streams.values() for _, text in events)
        server.create_group(GROUP, created_at=_ms(START), stored_bytes=size)
        for stream, events in streams.items():
            server.put(GROUP, stream, events)
        count = sum(map(len, streams.values()))
        yield DemoSource(
            story=f"A stand-in of CloudWatch Logs holds {count:,} lines of one week's access log.",
            connector="cloudwatch-logs",
            catalogs={"logs": server.settings},
        )


def lines(orders: int) -> Iterator[tuple[int, str]]:
    """Return time and text of the lines about some of the shop's orders, the same each time."""
    dice = random.Random(6)  # noqa: S311 - no secret hangs on it
    numbers = range(1, orders + 1, ORDERS_PER_LINE)
    step = (END - START) / len(numbers)
    for place, number in enumerate(dice.sample(numbers, len(numbers))):
        moment = START + place * step + dice.random() * step
        is_late = moment >= OUTAGE and dice.random() < 1 / 4
        status, taken = (504, timedelta(seconds=30)) if is_late else (200, timedelta())
        taken += timedelta(milliseconds=dice.randrange(8, 900))
        yield (
            _ms(moment),
            f"GET /orders/{number}/{dice.choice(PAGES)} {status} {taken.total_seconds():.3f}",
        )


def _ms(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)

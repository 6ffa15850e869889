"""What a split cost, counted while it is read and told as one structured log line.

In Lambda the line is JSON and comes with CloudWatch metrics, both by Powertools. Anywhere
else it is a debug record, so that a local command's output stays its own.
"""

from __future__ import annotations

import logging
import os
from dataclasses import asdict, dataclass, fields, replace
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aws_lambda_powertools import Logger

__all__ = ["SplitStats", "log_split"]

NAMESPACE = "AthenaConnectors"
MESSAGE = "split read"

_METRICS = (
    ("rows_read", "Count"),
    ("rows_returned", "Count"),
    ("bytes_read", "Bytes"),
    ("bytes_returned", "Bytes"),
    ("source_seconds", "Seconds"),
    ("conversion_seconds", "Seconds"),
    ("residual_seconds", "Seconds"),
    ("spill_seconds", "Seconds"),
    ("spill_objects", "Count"),
)
_METRICS_OF_SOME = (("source_units", "None"),)
"""Metrics of sources that bill by units; CloudWatch bills each metric that is ever sent."""

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class SplitStats:
    """Counters of one split; changed while the split is read, by one thread at a time.

    Attributes:
        rows_read: Rows that came from the source.
        rows_returned: Rows left after residual and limit.
        bytes_read: Bytes received from the source, as far as the reader knows.
        requests: Requests made to the source, if it is asked page by page.
        source_units: What the source bills for these, in its own units.
        bytes_returned: Serialised bytes of all blocks.
        source_seconds: Time spent waiting for the source.
        conversion_seconds: Time spent turning its answer into Arrow.
        residual_seconds: Time spent evaluating the residual.
        spill_seconds: Time spent making blocks and waiting for their upload.
        blocks: Blocks made, inline or spilled.
        spill_objects: Objects written to the spill bucket.
    """

    rows_read: int = 0
    rows_returned: int = 0
    bytes_read: int = 0
    bytes_returned: int = 0
    requests: int = 0
    source_units: float = 0.0
    source_seconds: float = 0.0
    conversion_seconds: float = 0.0
    residual_seconds: float = 0.0
    spill_seconds: float = 0.0
    blocks: int = 0
    spill_objects: int = 0

    def add(self, more: SplitStats) -> None:
        """Add what was counted elsewhere."""
        for counter in fields(self):
            name = counter.name
            setattr(self, name, getattr(self, name) + getattr(more, name))

    def take(self) -> SplitStats:
        """Return what was counted so far, and count from 0 again."""
        taken = replace(self)
        for counter in fields(self):
            setattr(self, counter.name, counter.default)
        return taken


def log_split(
    stats: SplitStats,
    *,
    catalog: str,
    table: str,
    query_id: str,
    environ: Mapping[str, str] | None = None,
) -> None:
    """Tell what the read of one split cost.

    Args:
        stats: What it cost.
        catalog: Athena's name for the source; the metrics' only dimension of ours, because
            each value of a dimension is paid for.
        table: Schema and table.
        query_id: Athena's query.
        environ: Tells whether this is Lambda; the process's own variables by default.
    """
    facts = {"catalog": catalog, "table": table, "query_id": query_id}
    numbers = {
        name: round(value, 6) if isinstance(value, float) else value
        for name, value in asdict(stats).items()
    }
    environ = os.environ if environ is None else environ
    if not environ.get("AWS_LAMBDA_RUNTIME_API"):
        logger.debug("%s: %s", MESSAGE, {**facts, **numbers})
        return
    service = environ.get("POWERTOOLS_SERVICE_NAME") or environ.get("AWS_LAMBDA_FUNCTION_NAME", "")
    _lambda_logger(service).info(MESSAGE, extra={**facts, **numbers})
    namespace = environ.get("POWERTOOLS_METRICS_NAMESPACE") or NAMESPACE
    _emit_metrics(numbers, facts, service=service, namespace=namespace)


@cache
def _lambda_logger(service: str) -> Logger:
    from aws_lambda_powertools import Logger  # noqa: PLC0415

    return Logger(service=service)


def _emit_metrics(
    numbers: Mapping[str, float], facts: Mapping[str, str], *, service: str, namespace: str
) -> None:
    from aws_lambda_powertools.metrics import EphemeralMetrics  # noqa: PLC0415

    metrics = EphemeralMetrics(namespace=namespace, service=service)
    metrics.add_dimension("catalog", facts["catalog"])
    for name, unit in _METRICS:
        metrics.add_metric(name, unit=unit, value=numbers[name])
    for name, unit in _METRICS_OF_SOME:
        if numbers[name]:
            metrics.add_metric(name, unit=unit, value=numbers[name])
    for name in ("table", "query_id"):
        metrics.add_metadata(name, facts[name])
    metrics.flush_metrics()

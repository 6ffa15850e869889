"""Partitions and splits of a scan: what the connector planned, in the protocol's shape."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING

import pyarrow as pa
from athena_connectors.common.budgets import SHARES
from athena_connectors.common.constraints import ColumnDomain
from athena_connectors.common.paging import Page, page_by_index
from athena_connectors.common.protocol.messages import Split
from athena_connectors.common.residual import compile_residual

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from athena_connectors.common.connector import Connector, Scan
    from athena_connectors.common.tables import Table

__all__ = ["SPLITS_PER_PAGE", "no_partitions", "plan_layout", "plan_split_page"]

SPLITS_PER_PAGE = 1000
"""Splits of one reply; at about 1 kB each that is far below Lambda's 6 MB."""


@cache
def no_partitions() -> pa.RecordBatch:
    """Return the layout of a table without partitions.

    It has a row, for no row would mean that there is nothing to read.
    """
    return pa.record_batch({"partitionId": pa.array([1], pa.int32())})


def plan_layout(connector: Connector, scan: Scan, table: Table) -> pa.RecordBatch:
    """Return the partitions to read, one row each, in the engine's spelling.

    A table without partitions is the one row ``partitionId = 1``: no row would mean that
    there is nothing to read. Source: wire protocol, section 14.4.
    """
    planned = None if scan.constraints.passthrough else connector.plan_partitions(scan)
    if planned is None:
        return no_partitions()
    domains = [
        ColumnDomain(column, values)
        for column, values in scan.constraints.summary.items()
        if column in table.description.partition_columns
    ]
    kept = compile_residual(domains).apply(planned)
    return kept.rename_columns(
        [
            table.exposed_column(name) if name in table.description.partition_columns else name
            for name in kept.schema.names
        ]
    )


def plan_split_page(
    connector: Connector,
    scan: Scan,
    table: Table,
    *,
    partitions: pa.RecordBatch,
    token: str | None,
    equip: Callable[[Split], Split],
    shares_budget: bool = False,
) -> Page[Split]:
    """Return one page of splits.

    Args:
        connector: Who plans.
        scan: What is wanted, in the source's spelling.
        table: Both spellings.
        partitions: Rows of the layout, as the engine sent them back.
        token: ``None`` for the first page.
        equip: Gives a split its place to spill and its key; called for this page only.
        shares_budget: Whether each split is told how many there are.

    Raises:
        InvalidRequestError: The token is none of ours.
    """
    if partitions.num_rows == 0:
        return Page((), None)
    shown = table.partition_columns
    source = partitions.rename_columns(
        [table.source_column(name) if name in shown else name for name in partitions.schema.names]
    )
    if scan.constraints.passthrough:
        planned: Iterable[Split] = [_passthrough_split(scan)]
    else:
        planned = connector.plan_splits(scan, source)
        if shares_budget:
            # Counted apart, as splits are planned lazily and the same at every call.
            count = sum(1 for _ in connector.plan_splits(scan, source))
            planned = (_sharing(split, count) for split in planned)
    page = page_by_index(planned, token=token, page_size=SPLITS_PER_PAGE)
    return replace(page, items=tuple(equip(split) for split in page.items))


def _sharing(split: Split, count: int) -> Split:
    return replace(split, properties={**split.properties, SHARES: str(count)})


def _passthrough_split(scan: Scan) -> Split:
    return Split(properties=dict(scan.constraints.passthrough))

"""Rows of pages that are read by a thread meanwhile, with what they cost.

The costs of a page are counted when its rows are taken, not when it is read: the statistics
of a split are in one thread's hands.
"""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, NamedTuple

from athena_connectors.common.budgets import UNLIMITED
from athena_connectors.common.observability import SplitStats
from athena_connectors.common.streaming import iterate_in_thread

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    import pyarrow as pa
    from athena_connectors.common.budgets import SplitBudget

__all__ = ["ReadPage", "batches_of"]


class ReadPage(NamedTuple):
    """Rows, possibly none, and what they cost."""

    batch: pa.RecordBatch
    cost: SplitStats


def batches_of(
    pages: Callable[[], Generator[ReadPage]],
    *,
    stats: SplitStats,
    ahead: bool,
    cancel: Callable[[], None],
    budget: SplitBudget = UNLIMITED,
) -> Generator[pa.RecordBatch]:
    """Yield the rows of pages.

    Args:
        pages: Reads the pages; what it raises is raised here, after the rows before it.
        stats: Receives what they cost.
        ahead: Whether the next page is read, by a thread, before this one is used.
        cancel: Ends a request that the thread waits for, when the iterator is closed early.
        budget: What they may cost; a page that is beyond it is the last one to be read.

    Yields:
        Batches of one row or more.

    Raises:
        BudgetExceededError: They cost more than that.
    """

    def produce(emit: Callable[[ReadPage], None]) -> None:
        for page in _within(budget, pages()):
            emit(page)

    if ahead:
        read = iterate_in_thread(produce, capacity=1, on_cancel=cancel)
    else:
        read = _within(budget, pages())
    try:
        for batch, cost in read:
            stats.add(cost)
            if batch.num_rows:
                yield batch
    finally:
        read.close()


def _within(budget: SplitBudget, pages: Generator[ReadPage]) -> Generator[ReadPage]:
    """Yield pages until they cost more than they may; this is told where they are read."""
    spent = SplitStats()
    with closing(pages):
        for page in pages:
            spent.add(page.cost)
            spent.rows_read += page.batch.num_rows
            budget.check(spent)
            yield page

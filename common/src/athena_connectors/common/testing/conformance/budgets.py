"""Limits of what a scan may cost: a read that is over them ends with an error and no row."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from athena_connectors.common.budgets import shares_of
from athena_connectors.common.errors import BudgetExceededError
from athena_connectors.common.testing.conformance.metadata import require_error
from athena_connectors.common.testing.conformance.rows import require_same_rows
from athena_connectors.common.testing.conformance.threads import require_no_thread

if TYPE_CHECKING:
    from athena_connectors.common.testing.conformance.subject import Subject

__all__ = ["check_budgets", "check_required_filters"]

_LARGE = str(10**12)


def check_budgets(subject: Subject) -> None:
    """Check that splits over their part of a budget of rows fail, and others are whole."""
    large = subject.open(settings={"max_rows_scanned": _LARGE, "max_bytes_scanned": _LARGE})
    small = subject.open(settings={"max_rows_scanned": "1"}).client
    for table in subject.filled:
        scan = subject.scan(table)
        for split in list(large.client.splits(scan)):
            rows = large.client.read(scan, split).rows
            where = f"{table}: a split of {rows} rows, with a budget of 1"
            if rows * shares_of(split.properties) > 1:
                require_error(BudgetExceededError, partial(small.read, scan, split), where=where)
            else:
                assert small.read(scan, split).rows == rows, where
            require_no_thread(where=where)
        require_same_rows(large.rows(scan), table.rows, where=f"{table}: a large budget")


def check_required_filters(subject: Subject) -> None:
    """Check that no request reads a table without a condition that it needs."""
    guarded = subject.open(settings={"require_filter": "true"}).client
    for table in subject.filled:
        scan = subject.scan(table)
        where = f"{table}: no condition"
        require_error(BudgetExceededError, partial(guarded.layout, scan), where=where)
        for split in list(subject.route.client.splits(scan)):
            require_error(BudgetExceededError, partial(guarded.read, scan, split), where=where)

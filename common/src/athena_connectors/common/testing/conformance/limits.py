"""LIMIT, and ORDER BY with LIMIT: never fewer rows than there are, and the right ones."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING

from athena_connectors.common.constraints import Constraints, Direction, OrderBy
from athena_connectors.common.testing.conformance.oracle import first_rows, selected
from athena_connectors.common.testing.conformance.probes import columns_of, typical_columns
from athena_connectors.common.testing.conformance.rows import row_key
from athena_connectors.common.testing.conformance.subject import EVERYTHING, rows_of
from athena_connectors.common.valueset import Range, SortedRangeSet

if TYPE_CHECKING:
    from collections.abc import Iterator

    from athena_connectors.common.testing.conformance.sample import Expected
    from athena_connectors.common.testing.conformance.subject import Subject

__all__ = ["check_limit", "check_limit_with_predicate", "check_top_n", "check_top_n_with_predicate"]

_HUGE = 10**12
_PAIRS = 2
"""Pairs of columns of each table that rows are ordered by."""


def check_limit(subject: Subject) -> None:
    """Check limits around the number of rows of each table."""
    for table in subject.tables:
        _check_limits(subject, table, EVERYTHING, str(table))


def check_limit_with_predicate(subject: Subject) -> None:
    """Check limits around the number of rows that satisfy a predicate."""
    for table, predicate, where in _predicates(subject):
        _check_limits(subject, table, predicate, where)


def check_top_n(subject: Subject) -> None:
    """Check the first rows by columns of each type in each direction, and by two columns."""
    for table, order in _orders(subject):
        for count in dict.fromkeys((2, max(1, len(table.rows) // 3))):
            _check_first(subject, table, Constraints(order_by=order, limit=count))


def check_top_n_with_predicate(subject: Subject) -> None:
    """Check that the first rows are those of the rows that satisfy a predicate."""
    for table, predicate, _ in _predicates(subject):
        (column,) = predicate.summary
        for direction in (Direction.ASC_NULLS_LAST, Direction.DESC_NULLS_FIRST):
            order = (OrderBy(column, direction),)
            _check_first(subject, table, replace(predicate, order_by=order, limit=2))


def _check_limits(subject: Subject, table: Expected, predicate: Constraints, where: str) -> None:
    rows = selected(table, predicate)
    known = Counter(map(row_key, rows))
    for limit in sorted({0, 1, len(rows) - 1, len(rows), len(rows) + 1, _HUGE} - {-1}):
        what = f"{where}, LIMIT {limit}"
        scan = subject.scan(table, constraints=replace(predicate, limit=limit))
        splits = subject.route.read(scan)
        longest = max((split.rows for split in splits), default=0)
        assert longest <= limit, f"{what}: a split has {longest} rows"
        found = Counter(map(row_key, rows_of(splits)))
        wanted = min(limit, len(rows))
        assert found.total() >= wanted, f"{what}: {found.total()} rows of {wanted}"
        assert found <= known, f"{what}: rows that are none or come twice: {found - known}"


def _check_first(subject: Subject, table: Expected, constraints: Constraints) -> None:
    limit = constraints.limit
    assert limit is not None
    order = constraints.order_by
    found = subject.route.rows(subject.scan(table, constraints=constraints))
    rows = selected(table, constraints)
    what = ", ".join(f"{key.column} {key.direction.value}" for key in order)
    what = f"{table} by {what}, LIMIT {limit}{' with a predicate' * bool(constraints.summary)}"
    strange = Counter(map(row_key, found)) - Counter(map(row_key, rows))
    assert not strange, f"{what}: rows that are none or come twice: {strange}"
    have = first_rows(found, table.schema, order, limit)
    want = first_rows(rows, table.schema, order, limit)
    assert have == want, f"{what}: the first keys are {have}, not {want}"


def _predicates(subject: Subject) -> Iterator[tuple[Expected, Constraints, str]]:
    for table, column in typical_columns(subject.filled):
        domain = SortedRangeSet.of(column.type, [Range.at_least(column.middle)], null_allowed=False)
        where = f"{table}, {column.name} >= {column.middle!r}"
        yield table, Constraints({column.name: domain}), where


def _orders(subject: Subject) -> Iterator[tuple[Expected, tuple[OrderBy, ...]]]:
    for table, column in typical_columns(subject.filled):
        for direction in Direction:
            yield table, (OrderBy(column.name, direction),)
    for table in subject.filled:
        for one, two in list(pairwise(columns_of(table)))[:_PAIRS]:
            first = OrderBy(one.name, Direction.DESC_NULLS_LAST)
            yield table, (first, OrderBy(two.name, Direction.ASC_NULLS_FIRST))

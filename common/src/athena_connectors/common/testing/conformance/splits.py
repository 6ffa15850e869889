"""Splits: together they are the table, apart they share no row, and each repeats itself."""

from __future__ import annotations

from collections import Counter
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING

from athena_connectors.common import planning
from athena_connectors.common.constraints import Constraints
from athena_connectors.common.errors import InvalidRequestError
from athena_connectors.common.protocol import messages as m
from athena_connectors.common.testing.conformance.metadata import FOREIGN_TOKENS, require_error
from athena_connectors.common.testing.conformance.oracle import selected
from athena_connectors.common.testing.conformance.rows import (
    physical_column,
    require_same_rows,
    row_key,
)
from athena_connectors.common.testing.conformance.subject import rows_of
from athena_connectors.common.valueset import SortedRangeSet

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import pyarrow as pa
    from athena_connectors.common.testing.client import TableScan
    from athena_connectors.common.testing.conformance.sample import Expected
    from athena_connectors.common.testing.conformance.subject import Route, Subject

__all__ = [
    "check_foreign_token",
    "check_pages",
    "check_repetition",
    "check_union",
    "cuts_tables",
    "prunes_partitions",
]


def check_union(subject: Subject, version: int) -> None:
    """Check that the splits of each table hold each of its rows once, as it should be read."""
    route = subject.open(version=version)
    for table in subject.tables:
        splits = route.read(subject.scan(table))
        where = f"{table} in {len(splits)} splits"
        require_same_rows(rows_of(splits), table.rows, where=where)


def check_repetition(subject: Subject) -> None:
    """Check that a split that is read again has the same rows, and a plan the same splits."""
    client = subject.route.client
    for table in subject.tables:
        scan = subject.scan(table)
        splits = list(client.splits(scan))
        for place, split in enumerate(splits):
            once, again = (rows_of([client.read(scan, split)]) for _ in range(2))
            where = f"{table}: split {place} of {len(splits)}, read again"
            require_same_rows(again, once, where=where)
        count = len(list(client.splits(scan)))
        assert count == len(splits), f"{table}: {len(splits)} splits, and {count} planned again"
        _require_own_places(table, splits)


def check_pages(subject: Subject) -> None:
    """Check that pages of splits hold each split once, at sizes around their number.

    The page of the handler is made smaller for this.
    """
    table, scan, partitions = _most_cut(subject)
    with _splits_per_page(planning.SPLITS_PER_PAGE):
        (whole,) = _pages(subject.route, scan, partitions, f"{table}: splits in one page")
    count = len(whole)
    for size in sorted({1, count - 1, count, count + 1} - {0}):
        where = f"{table}: {count} splits in pages of {size}"
        with _splits_per_page(size):
            pages = _pages(subject.route, scan, partitions, where)
        found = [split.properties for page in pages for split in page]
        assert found == [split.properties for split in whole], f"{where}: are not the same"
        assert len(pages) == max(1, -(-count // size)), f"{where}: come in {len(pages)} pages"


def check_foreign_token(subject: Subject) -> None:
    """Check that a page token that is not ours is refused."""
    table, scan, partitions = _most_cut(subject)
    for token in FOREIGN_TOKENS:
        require_error(
            InvalidRequestError,
            partial(_page, subject.route, scan, partitions, token),
            where=f"{table}: splits after the page token {token!r}",
        )


def cuts_tables(subject: Subject) -> bool:
    """Return whether any table is read in more than one split."""
    client = subject.route.client
    return any(len(list(client.splits(subject.scan(table)))) > 1 for table in subject.tables)


def prunes_partitions(subject: Subject) -> bool:
    """Return whether any table has partition columns, after a check that they are heeded.

    Raises:
        AssertionError: A predicate on a partition column lets through a partition that it
            excludes, or loses a row.
    """
    partitioned = [table for table in subject.tables if table.partition_columns]
    for table in partitioned:
        layout = subject.route.client.layout(subject.scan(table))
        for column in table.partition_columns:
            _check_pruning(subject, table, column, layout)
    return bool(partitioned)


def _check_pruning(subject: Subject, table: Expected, column: str, layout: pa.RecordBatch) -> None:
    values = Counter(physical_column(layout.column(column)))
    for value, count in values.items():
        if value is None:
            continue
        domain = SortedRangeSet.of_points(table.schema.field(column).type, [value])
        scan = subject.scan(table, constraints=Constraints({column: domain}))
        where = f"{table}: partitions with {column} = {value!r}"
        kept = Counter(physical_column(subject.route.client.layout(scan).column(column)))
        assert set(kept) <= {value}, f"{where}: others are kept, {set(kept) - {value}}"
        assert kept[value] <= count, f"{where}: {kept[value]} instead of {count}"
        require_same_rows(subject.route.rows(scan), selected(table, scan.constraints), where=where)


def _require_own_places(table: Expected, splits: Sequence[m.Split]) -> None:
    places = [split.spillLocation.key for split in splits if split.spillLocation is not None]
    twice = [key for key, count in Counter(places).items() if count > 1]
    assert not twice, f"{table}: several splits spill to {twice}"
    same = [key for key, count in Counter(row_key((s,)) for s in splits).items() if count > 1]
    assert not same, f"{table}: a split is planned twice: {same}"


def _most_cut(subject: Subject) -> tuple[Expected, TableScan, pa.RecordBatch]:
    """Return the table with the most splits, its scan and its partitions."""
    client = subject.route.client
    scans = [(table, subject.scan(table)) for table in subject.filled]
    counts = [len(list(client.splits(scan))) for _, scan in scans]
    table, scan = scans[counts.index(max(counts))]
    return table, scan, client.layout(scan)


def _page(
    route: Route, scan: TableScan, partitions: pa.RecordBatch, token: str | None
) -> m.GetSplitsResponse:
    reply = route.ask(
        m.GetSplitsRequest,
        tableName=scan.table,
        partitions=partitions,
        partitionColumns=scan.partition_columns,
        constraints=scan.constraints,
        continuationToken=token,
    )
    assert isinstance(reply, m.GetSplitsResponse)
    return reply


def _pages(
    route: Route, scan: TableScan, partitions: pa.RecordBatch, where: str
) -> list[tuple[m.Split, ...]]:
    reply = _page(route, scan, partitions, None)
    pages, seen = [reply.splits], set()
    while (token := reply.continuationToken) is not None:
        assert token not in seen, f"{where}: the token of page {len(pages)} came before"
        seen.add(token)
        reply = _page(route, scan, partitions, token)
        pages.append(reply.splits)
    return pages


@contextmanager
def _splits_per_page(size: int) -> Iterator[None]:
    usual = planning.SPLITS_PER_PAGE
    planning.SPLITS_PER_PAGE = size
    try:
        yield
    finally:
        planning.SPLITS_PER_PAGE = usual

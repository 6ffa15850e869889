"""Rows read with a predicate are those that satisfy it, whoever evaluates it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from athena_connectors.common.constraints import Constraints
from athena_connectors.common.physical import Kind, kind_of
from athena_connectors.common.testing.conformance.oracle import picked, selected
from athena_connectors.common.testing.conformance.probes import columns_of, probes, typical_columns
from athena_connectors.common.testing.conformance.rows import require_same_rows
from athena_connectors.common.valueset import EquatableValueSet, Range, SortedRangeSet

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from athena_connectors.common.testing.conformance.probes import Column
    from athena_connectors.common.testing.conformance.sample import Expected
    from athena_connectors.common.testing.conformance.subject import Subject
    from athena_connectors.common.valueset import Value, ValueSet

__all__ = [
    "LONG",
    "PREDICATES",
    "check_conjunction",
    "check_impossible",
    "check_long_lists",
    "check_predicates",
    "check_unread_columns",
]

PREDICATES = (
    "equality",
    "ranges",
    "in_list",
    "negation",
    "null",
    "expressions",
    "disjunction",
    "comparison",
    "like",
    "arithmetic",
)
"""Kinds of predicate, names of ``Supports``."""
LONG = 10_000
"""Values of the longest IN list."""


def check_predicates(subject: Subject, behaviour: str) -> None:
    """Check the rows of every predicate of one kind, on every column."""
    for probe in probes(subject.filled):
        if probe.behaviour == behaviour:
            _check(subject, probe.table, probe.constraints, probe.text)


def check_conjunction(subject: Subject) -> None:
    """Check predicates on several columns at once."""
    for table in subject.filled:
        columns = columns_of(table)
        for one, two in zip(columns, columns[1:] + columns[:1], strict=True):
            summary = {
                one.name: SortedRangeSet.not_null(one.type),
                two.name: SortedRangeSet.of(
                    two.type, [Range.at_least(two.middle)], null_allowed=True
                ),
            }
            _check(subject, table, Constraints(summary), f"{one.name} and {two.name}")


def check_unread_columns(subject: Subject) -> None:
    """Check predicates on columns that are not among those read, or none is read."""
    for table, column in typical_columns(subject.filled):
        domain = SortedRangeSet.of(column.type, [Range.at_most(column.middle)], null_allowed=False)
        constraints = Constraints({column.name: domain})
        others = [name for name in table.schema.names if name != column.name]
        for names in (others[:1], []):
            what = f"{column.name} at most {column.middle!r}, read {names}"
            _check(subject, table, constraints, what, names)


def check_impossible(subject: Subject) -> None:
    """Check a predicate that nothing satisfies, and one that everything does."""
    for table in subject.filled:
        for column in columns_of(table)[:1]:
            for values in (
                SortedRangeSet.none(column.type),
                SortedRangeSet.all_values(column.type),
            ):
                _check(subject, table, Constraints({column.name: values}), str(values))


def check_long_lists(subject: Subject, *, length: int = LONG) -> None:
    """Check long IN lists, on one column of whole numbers and one of text.

    The wire form of a range is long, so texts come as the other class of value set.

    Args:
        subject: The connector.
        length: Values of each list, if the type has so many.
    """
    for kind in (Kind.INTEGER, Kind.TEXT):
        for table, column in _of_kind(subject, kind):
            values = _many(column, length)
            domain: ValueSet = (
                SortedRangeSet.of_points(column.type, values)
                if kind is Kind.INTEGER
                else EquatableValueSet(column.type, values, white_list=True, null_allowed=False)
            )
            what = f"{column.name} in {len(values)} values"
            _check(subject, table, Constraints({column.name: domain}), what)
            break


def _check(
    subject: Subject,
    table: Expected,
    constraints: Constraints,
    what: str,
    names: list[str] | None = None,
) -> None:
    rows = selected(table, constraints)
    if names is not None:
        rows = picked(rows, table.schema, names)
    scan = subject.scan(table, names, constraints=constraints)
    require_same_rows(subject.route.rows(scan), rows, where=f"{table} where {what}")


def _of_kind(subject: Subject, kind: Kind) -> Iterator[tuple[Expected, Column]]:
    """Yield columns of one kind, those first that are read in the fewest splits."""
    client = subject.route.client
    tables = sorted(subject.filled, key=lambda each: len(list(client.splits(subject.scan(each)))))
    for table in tables:
        for column in columns_of(table):
            if kind_of(column.type) is kind:
                yield table, column


def _many(column: Column, length: int) -> tuple[Value, ...]:
    """Return many values, of which the column holds some."""
    found: dict[Value, None] = dict.fromkeys(column.known[: length // 2])
    fillers: Iterable[Value]
    if kind_of(column.type) is Kind.TEXT:
        fillers = (f"filler {number}" for number in range(length))
    else:
        half = 2 ** (column.type.bit_width - 1)
        fillers = range(max(-half, -length), min(half, length))
    for filler in fillers:
        if len(found) < length:
            found[filler] = None
    return tuple(found)

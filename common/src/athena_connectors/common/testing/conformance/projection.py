"""Columns that are asked for are read, in their order, and no others."""

from __future__ import annotations

from typing import TYPE_CHECKING

from athena_connectors.common.testing.conformance.oracle import picked
from athena_connectors.common.testing.conformance.rows import require_same_rows

if TYPE_CHECKING:
    from athena_connectors.common.testing.conformance.sample import Expected
    from athena_connectors.common.testing.conformance.subject import Route, Subject

__all__ = ["check_columns", "check_count", "check_order"]


def check_columns(subject: Subject) -> None:
    """Check each column read alone."""
    for table in subject.tables:
        for name in table.schema.names:
            _check(subject, subject.route, table, [name])


def check_order(subject: Subject) -> None:
    """Check all columns in another order, and every other one."""
    for table in subject.tables:
        names = table.schema.names
        for wanted in (names[::-1], names[1:] + names[:1], names[::2]):
            _check(subject, subject.route, table, wanted)


def check_count(subject: Subject, version: int) -> None:
    """Check that rows are counted when no column is wanted."""
    route = subject.open(version=version)
    for table in subject.tables:
        _check(subject, route, table, [])


def _check(subject: Subject, route: Route, table: Expected, names: list[str]) -> None:
    found = route.rows(subject.scan(table, names))
    rows = picked(table.rows, table.schema, names)
    require_same_rows(found, rows, where=f"{table}, columns {names}")

"""Query plans: a connector that reads them says so, and any other one refuses them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from athena_connectors.common.errors import UnsupportedOperationError
from athena_connectors.common.testing.conformance.metadata import require_error
from athena_connectors.common.testing.conformance.subject import EVERYTHING, PLANS
from athena_connectors.common.testing.plans import in_a_plan

if TYPE_CHECKING:
    from collections.abc import Callable

    from athena_connectors.common.testing.conformance.subject import Subject

__all__ = ["check_by", "check_plans"]

_NEWEST = 6


def check_by(way: str, subject: Subject, check: Callable[[Subject], None]) -> None:
    """Check a connector by one of ``WAYS``.

    One that reads no plans has to refuse them. The engine then sends it constraints, by which
    all has been checked.
    """
    if way == PLANS and not subject.reads_plans:
        check_plans(subject)
    else:
        check(subject.asked_by(way))


def check_plans(subject: Subject) -> None:
    """Check that a limit in a plan is kept, or that the plan is refused, as Ping told.

    Ignored, it would give all rows.
    """
    table = max(subject.filled, key=lambda each: len(each.rows))
    described = subject.describe(table)
    constraints = in_a_plan(replace(EVERYTHING, limit=1), table.name, described.schema)
    scan = subject.scan(table, constraints=constraints)
    route = subject.open(version=_NEWEST)
    if subject.reads_plans:
        assert max(split.rows for split in route.read(scan)) == 1
    else:
        require_error(
            UnsupportedOperationError, lambda: route.rows(scan), where=f"{table} by a query plan"
        )

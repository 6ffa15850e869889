"""Many predicates made at random, the same ones each time.

Of one that fails, no more is told than it takes to fail.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from random import Random
from typing import TYPE_CHECKING

from athena_connectors.common.expressions import Call, render
from athena_connectors.common.protocol import messages as m
from athena_connectors.common.protocol.codec import decode_request
from athena_connectors.common.testing.conformance.oracle import picked, selected
from athena_connectors.common.testing.conformance.probes import columns_of
from athena_connectors.common.testing.conformance.random_predicates import Predicates
from athena_connectors.common.testing.conformance.rows import require_same_rows
from athena_connectors.common.testing.value_text import domain_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from athena_connectors.common.constraints import Constraints
    from athena_connectors.common.testing.client import TableScan
    from athena_connectors.common.testing.conformance.sample import Expected
    from athena_connectors.common.testing.conformance.subject import Route, Subject

__all__ = ["check_generated"]

EXPRESSIONS_SINCE = 4
"""SerDe version that brought expressions."""


def check_generated(subject: Subject, version: int, *, examples: int) -> None:
    """Check the rows of random predicates, on columns that are read or not.

    Args:
        subject: The connector.
        version: SerDe version to speak; below 4 there are value sets alone.
        examples: Predicates to try.
    """
    route = subject.route if subject.route.client.plans else subject.open(version=version)
    random = Random(version)  # noqa: S311 - repeatable
    columns = {table: columns_of(table) for table in subject.filled}
    makers = {table: Predicates(some, random) for table, some in columns.items() if some}
    weights = [len(columns[table]) for table in makers]
    for table in random.choices(list(makers), weights, k=examples):
        constraints = makers[table].make(expressions=version >= EXPRESSIONS_SINCE)
        names = random.sample(table.schema.names, random.randint(0, min(3, len(table.schema))))
        _check(partial(_read, subject, route, table, names), constraints)


def _check(read: Callable[[Constraints], None], constraints: Constraints) -> None:
    error = _error_of(read, constraints)
    while error is not None:
        smaller = ((each, _error_of(read, each)) for each in _smaller(constraints))
        constraints, found = next((each for each in smaller if each[1]), (constraints, None))
        if found is None:
            raise error
        error = found


def _error_of(read: Callable[[Constraints], None], constraints: Constraints) -> Exception | None:
    try:
        read(constraints)
    except Exception as error:  # noqa: BLE001 - whatever it is, there may be a smaller case
        return error
    return None


def _read(
    subject: Subject, route: Route, table: Expected, names: list[str], constraints: Constraints
) -> None:
    scan = subject.scan(table, names, constraints=constraints)
    sent = _as_sent(subject.open(version=route.client.version), scan)
    rows = picked(selected(table, sent), table.schema, names)
    where = f"{table} where {_text(sent)}, columns {names}"
    require_same_rows(route.rows(scan), rows, where=where)


def _as_sent(route: Route, scan: TableScan) -> Constraints:
    """Return the constraints that arrive: the wire can't say all that is meant."""
    request = decode_request(route.client.read_event(scan, m.Split()))
    assert isinstance(request, m.ReadRecordsRequest)
    return request.constraints


def _smaller(constraints: Constraints) -> Iterator[Constraints]:
    """Yield predicates with less to read in them."""
    summary, trees = constraints.summary, constraints.expression
    for name in summary:
        rest = {other: values for other, values in summary.items() if other != name}
        yield replace(constraints, summary=rest)
    for place, tree in enumerate(trees):
        before, after = trees[:place], trees[place + 1 :]
        yield replace(constraints, expression=before + after)
        if isinstance(tree, Call) and tree.function in ("$and", "$or", "$not"):
            for part in tree.arguments:
                yield replace(constraints, expression=(*before, part, *after))


def _text(constraints: Constraints) -> str:
    domains = [domain_text(name, values) for name, values in constraints.summary.items()]
    return " AND ".join((*domains, *map(render, constraints.expression))) or "anything"

"""Predicates that hypothesis makes: value sets of every class, and trees of conditions.

The same ones each time. What fails is made as small as it can be.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from athena_connectors.common.constraints import Constraints
from athena_connectors.common.protocol import messages as m
from athena_connectors.common.protocol.codec import decode_request
from athena_connectors.common.testing.conformance.oracle import picked, selected
from athena_connectors.common.testing.conformance.probes import columns_of
from athena_connectors.common.testing.conformance.rows import require_same_rows
from athena_connectors.common.testing.strategies import conditions, value_sets, values
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

if TYPE_CHECKING:
    from athena_connectors.common.testing.client import TableScan
    from athena_connectors.common.testing.conformance.probes import Column
    from athena_connectors.common.testing.conformance.sample import Expected
    from athena_connectors.common.testing.conformance.subject import Route, Subject

__all__ = ["check_generated"]

EXPRESSIONS_SINCE = 4
"""SerDe version that brought expressions."""
_SLOW = (HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much)


def check_generated(subject: Subject, version: int, *, examples: int) -> None:
    """Check the rows of generated predicates, on columns that are read or not.

    Args:
        subject: The connector.
        version: SerDe version to speak; below 4 there are value sets alone.
        examples: Predicates to try.
    """
    route = subject.open(version=version)
    cases = st.one_of([_cases(table, version) for table in subject.filled if columns_of(table)])

    @settings(
        max_examples=examples,
        derandomize=True,
        database=None,
        deadline=None,
        suppress_health_check=_SLOW,
    )
    @given(cases)
    def try_one(case: tuple[Expected, Constraints, list[str]]) -> None:
        table, constraints, names = case
        scan = subject.scan(table, names, constraints=constraints)
        sent = _as_sent(route, scan)
        rows = picked(selected(table, sent), table.schema, names)
        require_same_rows(route.rows(scan), rows, where=f"{table} where {sent}")

    try_one()


def _as_sent(route: Route, scan: TableScan) -> Constraints:
    """Return the constraints that arrive: the wire can't say all that is meant."""
    request = decode_request(route.client.read_event(scan, m.Split()))
    assert isinstance(request, m.ReadRecordsRequest)
    return request.constraints


def _cases(
    table: Expected, version: int
) -> st.SearchStrategy[tuple[Expected, Constraints, list[str]]]:
    names = st.lists(st.sampled_from(table.schema.names), unique=True, max_size=3)
    return st.tuples(st.just(table), _predicates(columns_of(table), version), names)


def _predicates(columns: list[Column], version: int) -> st.SearchStrategy[Constraints]:
    near = {column.name: _near(column) for column in columns}
    types = {column.name: column.type for column in columns}
    domains = [st.tuples(st.just(name), value_sets(types[name], ends=near[name])) for name in types]
    summaries = st.lists(st.one_of(domains), max_size=2).map(dict)
    if version < EXPRESSIONS_SINCE:
        return summaries.map(Constraints)
    trees = conditions(types, arithmetic=False, depth=2, constants=near)
    return st.builds(
        lambda summary, items: Constraints(summary, tuple(items)),
        summaries,
        st.lists(trees, max_size=2),
    )


def _near(column: Column) -> st.SearchStrategy[Any]:
    """Return values that the column holds, and now and then any other."""
    known = st.sampled_from(column.known)
    return st.one_of(known, known, values(column.type))

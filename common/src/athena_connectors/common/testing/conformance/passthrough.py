"""Native queries: described and read as what they give, refused when they are none."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from athena_connectors.common.capabilities import PassthroughFunction
from athena_connectors.common.constraints import Constraints
from athena_connectors.common.errors import InvalidRequestError, UnsupportedOperationError
from athena_connectors.common.protocol.messages import TableName
from athena_connectors.common.testing.client import TableScan
from athena_connectors.common.testing.conformance.metadata import require_error
from athena_connectors.common.testing.conformance.rows import require_same_rows
from athena_connectors.common.testing.conformance.sample import expected_table
from athena_connectors.common.testing.conformance.subject import QUERY_ID
from athena_connectors.common.testing.conformance.supports import Gap

if TYPE_CHECKING:
    from collections.abc import Mapping

    from athena_connectors.common.testing.conformance.subject import Subject

__all__ = ["runs_native_queries"]

_SIGNATURE = "schemaFunctionName"


def runs_native_queries(subject: Subject) -> bool:
    """Return whether the connector claims native queries, after a check of what it does.

    Raises:
        AssertionError: The sample's query gives something else, a call without a query is
            not refused, or a connector that claims none runs some.
    """
    function = subject.route.client.capabilities().passthrough
    if function is None:
        _check_refused(subject)
        return False
    query = subject.sample.native_query
    assert query is not None, "Native queries are claimed: give the sample a native_query."
    name = TableName(function.schema, function.name)
    arguments = {_SIGNATURE: function.signature, **query.arguments}
    _check_rows(subject, name, arguments)
    for wrong in (
        {**arguments, _SIGNATURE: "SYSTEM.NO_SUCH_FUNCTION"},
        {**arguments, **dict.fromkeys(query.arguments, " ")},
    ):
        describe = partial(subject.route.client.describe, name, passthrough=wrong)
        require_error(InvalidRequestError, describe, where=f"Native query {wrong}")
    return True


def _check_refused(subject: Subject) -> None:
    """Check that a query is refused, by the error of the gap if that names one."""
    function = PassthroughFunction()
    arguments = {_SIGNATURE: function.signature, "QUERY": "SELECT 1"}
    name = TableName(function.schema, function.name)
    describe = partial(subject.route.client.describe, name, passthrough=arguments)
    support = subject.supports.of("passthrough")
    if isinstance(support, Gap) and support.error is not None:
        describe()
    where = "A native query, which the connector does not claim"
    require_error(UnsupportedOperationError, describe, where=where)


def _check_rows(subject: Subject, name: TableName, arguments: Mapping[str, str]) -> None:
    query = subject.sample.native_query
    assert query is not None
    expected = expected_table(name, query.result)
    client = subject.route.client
    schema = client.describe(name, passthrough=arguments).schema
    where = f"Native query {dict(query.arguments)}"
    assert schema.names == expected.schema.names, f"{where}: the columns are {schema.names}"
    types = list(map(str, schema.types))
    assert types == list(map(str, expected.schema.types)), f"{where}: the types are {types}"
    scan = TableScan(name, schema, (), schema, Constraints(passthrough=arguments), QUERY_ID)
    require_same_rows(subject.route.rows(scan), expected.rows, where=where)

"""Schemas, tables and columns: complete, the same at every call, and what is read.

Also what is told when there is no such schema, table or column.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import pyarrow as pa
from athena_connectors.common.constraints import Constraints
from athena_connectors.common.errors import (
    ColumnNotFoundError,
    ConnectorError,
    InvalidRequestError,
    SchemaNotFoundError,
    TableNotFoundError,
)
from athena_connectors.common.ordering import same_type
from athena_connectors.common.protocol import messages as m
from athena_connectors.common.testing.client import TableScan
from athena_connectors.common.testing.conformance.sample import table_name
from athena_connectors.common.testing.conformance.subject import QUERY_ID
from athena_connectors.common.valueset import SortedRangeSet

if TYPE_CHECKING:
    from collections.abc import Callable

    from athena_connectors.common.testing.conformance.subject import Route, Subject

__all__ = [
    "check_columns",
    "check_foreign_token",
    "check_listing",
    "check_pages",
    "check_ping",
    "check_unknown_column",
    "check_unknown_schema",
    "check_unknown_table",
    "require_error",
]

FOREIGN_TOKENS = ("tampered", "e30=", "bm90LW91cnM=")
"""Continuation tokens that nobody gave out."""
MAX_PAGES = 1000
_NOWHERE = "no_such_name"


def require_error(
    kind: type[ConnectorError], act: Callable[[], object], *, where: str, names: str = ""
) -> None:
    """Require that something ends in an error of exactly one class.

    Args:
        kind: The class.
        act: What fails.
        where: What was asked, for the message.
        names: What the error's text has to name.

    Raises:
        AssertionError: It does not, or the text names it not.
    """
    error = _error_of(act)
    assert error is not None, f"{where}: raised nothing, expected is {kind.__name__}"
    told = type(error).__name__
    assert type(error) is kind, f"{where}: raised {told} ({error}), not {kind.__name__}"
    assert names in str(error), f"{where}: the text does not name {names!r}: {error}"


def _error_of(act: Callable[[], object]) -> ConnectorError | None:
    try:
        act()
    except ConnectorError as error:
        return error
    return None


def check_ping(subject: Subject, version: int) -> None:
    """Check that the function says who it is."""
    reply = subject.open(version=version).client.ping()
    assert reply.sourceType, "Ping tells no sourceType: set source_type of the connector."


def check_listing(subject: Subject, version: int) -> None:
    """Check that all schemas and tables are listed, twice in the same order."""
    client = subject.open(version=version).client
    schemas = client.schemas()
    assert schemas == client.schemas(), "Schemas are listed in another order each time."
    for schema, expected in _listed(subject).items():
        assert schema in schemas, f"Schema {schema!r} is not listed: {schemas}"
        tables = [name.table for name in client.tables(schema)]
        _require_names(tables, expected, f"Tables of {schema!r}")
        again = [name.table for name in client.tables(schema)]
        assert tables == again, f"Tables of {schema!r} are listed in another order each time."


def check_pages(subject: Subject, version: int) -> None:
    """Check that pages of table names hold each name once, at sizes around their number."""
    route = subject.open(version=version)
    for schema, expected in _listed(subject).items():
        count = len(expected)
        for size in sorted({1, count - 1, count, count + 1} - {0}):
            where = f"Tables of {schema!r} in pages of {size}"
            names = [name for page in _pages(route, schema, size, where) for name in page]
            _require_names(names, expected, where)


def check_foreign_token(subject: Subject) -> None:
    """Check that a page token that is not ours is refused."""
    schema = subject.tables[0].name.schema
    for token in FOREIGN_TOKENS:
        require_error(
            InvalidRequestError,
            partial(
                subject.route.ask,
                m.ListTablesRequest,
                schemaName=schema,
                nextToken=token,
                pageSize=1,
            ),
            where=f"Tables of {schema!r} after the page token {token!r}",
        )


def check_columns(subject: Subject, version: int) -> None:
    """Check that each table is described as it should be, twice in the same way."""
    client = subject.open(version=version).client
    for table in subject.tables:
        reply = client.describe(table.name)
        names, expected = reply.schema.names, table.schema.names
        assert names == expected, f"{table}: the columns are {names}, not {expected}"
        for field, wanted in zip(reply.schema, table.schema, strict=True):
            where = f"{table}: column {field.name!r}"
            assert same_type(field.type, wanted.type), f"{where} is {field.type}, not {wanted.type}"
        told = reply.partitionColumns
        assert told == table.partition_columns, f"{table}: partition columns are {told}"
        again = client.describe(table.name)
        assert again.schema.equals(reply.schema), f"{table}: is described otherwise each time"


def check_unknown_schema(subject: Subject) -> None:
    """Check what is told of a schema that does not exist."""
    schema = _absent(list(subject.route.client.schemas()))
    table = m.TableName(schema, subject.tables[0].name.table)
    route = subject.route
    require_error(
        SchemaNotFoundError,
        lambda: list(route.client.tables(schema)),
        where=f"Tables of schema {schema!r}, which does not exist",
        names=schema,
    )
    require_error(
        SchemaNotFoundError,
        lambda: route.client.describe(table),
        where=f"Columns of {table}, whose schema does not exist",
        names=schema,
    )


def check_unknown_table(subject: Subject) -> None:
    """Check what each request is told of a table that does not exist."""
    known = subject.tables[0]
    listed = [name.table for name in subject.route.client.tables(known.name.schema)]
    table = m.TableName(known.name.schema, _absent(listed))
    client = subject.route.client
    scan = TableScan(table, known.schema, (), known.schema, query_id=QUERY_ID)
    acts: dict[str, Callable[[], object]] = {
        "Columns": lambda: client.describe(table),
        "Layout": lambda: client.layout(scan),
        "Rows": lambda: client.read(scan, m.Split()),
    }
    for what, act in acts.items():
        where = f"{what} of {table}, which does not exist"
        require_error(TableNotFoundError, act, where=where, names=table.table)


def check_unknown_column(subject: Subject) -> None:
    """Check what is told of a column that does not exist, read or looked at."""
    table = subject.filled[0]
    name = _absent(table.schema.names)
    whole = subject.scan(table)
    split = next(iter(subject.route.client.splits(whole)), m.Split())
    wanted = pa.schema([(name, pa.int32())])
    domain = {name: SortedRangeSet.of_points(pa.int32(), [1])}
    for what, projected, constraints in (
        ("read", wanted, Constraints()),
        ("looked at", whole.projected, Constraints(domain)),
    ):
        scan = TableScan(table.name, table.schema, (), projected, constraints, QUERY_ID)
        require_error(
            ColumnNotFoundError,
            partial(subject.route.client.read, scan, split),
            where=f"{table}: column {name!r}, which does not exist, is {what}",
            names=name,
        )


def _listed(subject: Subject) -> dict[str, set[str]]:
    """Return the names that each schema has, by the schema's."""
    found: dict[str, set[str]] = {}
    others = [table_name(name) for name in subject.sample.other_tables]
    for name in (*(table.name for table in subject.tables), *others):
        found.setdefault(name.schema, set()).add(name.table)
    return found


def _require_names(found: list[str], expected: set[str], where: str) -> None:
    assert len(found) == len(set(found)), f"{where}: a name comes twice: {found}"
    missing, strange = expected - set(found), set(found) - expected
    assert not missing, f"{where}: {sorted(missing)} is missing"
    assert not strange, f"{where}: {sorted(strange)} is not expected; see Sample.other_tables"


def _pages(route: Route, schema: str, size: int, where: str) -> list[list[str]]:
    pages: list[list[str]] = []
    token, seen = None, set()
    while token is not None or not pages:
        reply = route.ask(m.ListTablesRequest, schemaName=schema, nextToken=token, pageSize=size)
        assert isinstance(reply, m.ListTablesResponse)
        pages.append([name.table for name in reply.tables])
        assert len(pages[-1]) <= size, f"{where}: page {len(pages)} has {len(pages[-1])} names"
        token = reply.nextToken
        assert token not in seen, f"{where}: the token of page {len(pages)} came before"
        seen.add(token)
        assert len(pages) < MAX_PAGES, f"{where}: there is no last page"
    return pages


def _absent(names: list[str]) -> str:
    """Return a name that is none of these in any case."""
    name, folded = _NOWHERE, {each.lower() for each in names}
    while name in folded:
        name += "_"
    return name

"""Access policies, attacked: nothing is told of what a caller does not see, by any request.

That the rows are right is checked as for every connector, on what a policy leaves of the
sample (see ``views``).
"""

from __future__ import annotations

import json
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import pyarrow as pa
from athena_connectors.common.constraints import Constraints, Direction, OrderBy
from athena_connectors.common.errors import (
    ColumnNotFoundError,
    ConfigurationError,
    ConnectorError,
    InvalidRequestError,
    NotFoundError,
    SchemaNotFoundError,
    UnsupportedOperationError,
)
from athena_connectors.common.expressions import Call, Variable
from athena_connectors.common.naming import resolve
from athena_connectors.common.protocol import messages as m
from athena_connectors.common.seals import SEALED
from athena_connectors.common.testing.client import TableScan
from athena_connectors.common.testing.conformance.metadata import require_error
from athena_connectors.common.testing.conformance.rows import require_same_rows
from athena_connectors.common.testing.conformance.sample import expected_table
from athena_connectors.common.testing.conformance.subject import QUERY_ID, rows_of
from athena_connectors.common.testing.conformance.views import (
    EVERYBODY,
    SEAL_KEY,
    STRANGER,
    policy_of,
    seen_through,
    views_of,
)
from athena_connectors.common.valueset import SortedRangeSet

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from athena_connectors.common.testing.conformance.sample import Expected
    from athena_connectors.common.testing.conformance.subject import Route, Subject
    from athena_connectors.common.testing.conformance.views import View

    _Asked = tuple[str, Callable[[], object]]

__all__ = [
    "Seen",
    "check_denied_tables",
    "check_foreign_splits",
    "check_hidden_columns",
    "check_layouts",
    "check_malformed",
    "check_native_queries",
    "check_nothing_told",
    "check_strangers",
    "check_warm_instance",
]

_NOWHERE = "no_such_name"


class Seen:
    """A connector with a policy, and what should be seen through it.

    Args:
        subject: The connector without one.

    Attributes:
        whole: That connector.
        views: What should be seen of each of its tables.
        subject: The connector as the local identity sees it.
    """

    def __init__(self, subject: Subject) -> None:
        self.whole = subject
        self.views = views_of(subject.tables, subject.sample.derived_columns)
        policy = json.dumps(policy_of(self.views))
        self.subject = seen_through(
            subject, {"access_policy": policy, "split_signing_key": SEAL_KEY}, self.views
        )

    def route(self, identity: m.Identity) -> Route:
        """Return a way to the same instance for another caller."""
        return self.subject.open(identity=identity)

    def close(self) -> None:
        """Close every handler."""
        self.subject.close()


def _requests(route: Route, scan: TableScan, partitions: pa.RecordBatch) -> Iterator[_Asked]:
    """Yield every request about a table."""
    client, split = route.client, m.Split({SEALED: "AAAA"})
    yield "Columns", partial(client.describe, scan.table)
    yield "Layout", partial(client.layout, scan)
    yield (
        "Splits",
        partial(
            route.ask,
            m.GetSplitsRequest,
            tableName=scan.table,
            partitions=partitions,
            constraints=scan.constraints,
        ),
    )
    yield "Rows", partial(client.read, scan, split)
    yield "Explanation", partial(route.explain, scan, split)


def check_strangers(seen: Seen) -> None:
    """Check that for a caller whom no rule is about there is nothing, whatever it asks."""
    route = seen.route(STRANGER)
    assert route.client.schemas() == (), "A stranger sees schemas."
    for table in seen.whole.tables:
        scan = seen.whole.scan(table)
        schema = table.name.schema
        asked: list[_Asked] = [
            ("Tables", partial(route.ask, m.ListTablesRequest, schemaName=schema)),
            *_requests(route, scan, _partitions(seen, scan)),
        ]
        expected = _error_of(partial(resolve, schema, [], kind="schema"))
        assert isinstance(expected, SchemaNotFoundError)
        for what, act in asked:
            _require_text(str(expected), act, f"{what} of {table}, asked for by a stranger")


def check_denied_tables(seen: Seen) -> None:
    """Check that of a denied table the same is told as of one that does not exist."""
    client = seen.subject.route.client
    for view in seen.views:
        if not view.is_denied:
            continue
        name = view.table.name
        visible = [each.table for each in client.tables(name.schema)]
        assert name.table not in visible, f"{name} is listed."
        missing = replace(name, tableName=_NOWHERE)
        inner = _source_schema(_error_of(partial(client.describe, missing)), missing)
        expected = _error_of(partial(resolve, name.table, visible, kind="table", within=inner))
        scan = seen.whole.scan(view.table)
        for what, act in _requests(seen.subject.route, scan, _partitions(seen, scan)):
            _require_text(str(expected), act, f"{what} of {name}, which is denied")


def _source_schema(error: ConnectorError, missing: m.TableName) -> str:
    """Return how the source spells a schema, out of what is told of a missing table."""
    start = f"There is no table {missing.table!r} in "
    assert error.message.startswith(start), f"{missing}: unlike other missing tables: {error}"
    return error.message.removeprefix(start).removesuffix(".")


def check_hidden_columns(seen: Seen) -> None:
    """Check that a hidden column is unknown wherever a request may name one."""
    subject = seen.subject
    for view in seen.views:
        for name in view.hidden:
            known = view.table.schema.names
            for what, scan in _naming(subject, seen.whole, view, name):
                split = next(iter(subject.route.client.splits(subject.scan(view.table))), m.Split())
                for way, act in (
                    ("layout", partial(subject.route.client.layout, scan)),
                    ("rows", partial(subject.route.client.read, scan, split)),
                ):
                    where = f"{view.table}: {way} with hidden column {name!r} {what}"
                    error = _error_of(act)
                    assert type(error) is ColumnNotFoundError, f"{where}: {error!r}"
                    plain = _error_of(partial(resolve, name, known, kind="column", within="it"))
                    assert error.hint in ("", plain.hint), f"{where}: hint {error.hint!r}"


def _naming(
    subject: Subject, whole: Subject, view: View, name: str
) -> Iterator[tuple[str, TableScan]]:
    """Yield scans that name a column in each way."""
    type_ = whole.describe(_whole(whole, view)).schema.field(name).type
    plain = subject.scan(view.table)
    wanted = pa.schema([(name, type_)])
    null = Call("$is_null", (Variable(name, type_),), pa.bool_())
    yield "read", replace(plain, schema=wanted, projected=wanted)
    domain = Constraints({name: SortedRangeSet.only_null(type_)})
    yield "in a value set", replace(plain, constraints=domain)
    yield "in an expression", replace(plain, constraints=Constraints(expression=(null,)))
    order = (OrderBy(name, Direction.ASC_NULLS_LAST),)
    yield "in an order", replace(plain, constraints=Constraints(order_by=order, limit=1))


def _whole(whole: Subject, view: View) -> Expected:
    return next(table for table in whole.tables if table.name == view.table.name)


def check_layouts(seen: Seen) -> None:
    """Check that layouts and splits show the columns that are seen, and else nothing."""
    for table in seen.subject.tables:
        scan = seen.subject.scan(table)
        names = set(seen.subject.route.client.layout(scan).schema.names)
        assert names <= {*table.partition_columns, SEALED}, f"{table}: the layout shows {names}"
        for split in seen.subject.route.client.splits(scan):
            assert set(split.properties) == {SEALED}, f"{table}: a split shows {split.properties}"


def check_foreign_splits(seen: Seen) -> None:
    """Check that nothing is read by splits and partitions of others, or that were changed."""
    route, whole = seen.subject.route, seen.whole.route
    everything = seen.route(EVERYBODY)
    table = seen.subject.filled[0]
    scan = seen.subject.scan(table)
    foreign = _whole(seen.whole, next(view for view in seen.views if view.table is table))
    wide = seen.whole.scan(foreign)
    own = next(iter(route.client.splits(scan)))
    sealed = own.properties[SEALED]
    elsewhere = next(iter(route.client.splits(replace(scan, query_id="another query"))))
    splits = {
        "of another caller": next(iter(everything.client.splits(wide))),
        "of another query": elsewhere,
        "without a seal": next(iter(whole.client.splits(wide))),
        "without anything": replace(own, properties={}),
        "with a changed seal": replace(own, properties={SEALED: _changed(sealed)}),
        "with a cut seal": replace(own, properties={SEALED: sealed[:-4]}),
    }
    for other in seen.subject.tables[1:]:
        others = route.client.splits(seen.subject.scan(other))
        splits |= {f"of table {other}": each for each in others}
    for what, split in splits.items():
        where = f"{table}: rows of a split {what}"
        require_error(InvalidRequestError, partial(route.client.read, scan, split), where=where)
    layout = route.client.layout(scan)
    texts = [_changed(str(text)) for text in layout.column(SEALED).to_pylist()]
    partitions = {
        "of another caller": everything.client.layout(wide),
        "of another query": route.client.layout(replace(scan, query_id="another query")),
        "without a seal": whole.client.layout(wide),
        "with a split's seal": pa.record_batch({SEALED: [sealed]}),
        "with a changed seal": pa.record_batch({SEALED: texts}),
    }
    for what, batch in partitions.items():
        plan = partial(route.ask, m.GetSplitsRequest, tableName=table.name, partitions=batch)
        where = f"{table}: splits of partitions {what}"
        if batch.num_rows:
            require_error(InvalidRequestError, plan, where=where)


def check_native_queries(seen: Seen) -> None:
    """Check that native queries are neither claimed nor run, except for who may run them."""
    claimed = seen.whole.route.client.capabilities().passthrough
    query = seen.whole.sample.native_query
    if claimed is None or query is None:
        return
    name = m.TableName(claimed.schema, claimed.name)
    arguments = {"schemaFunctionName": claimed.signature, **query.arguments}
    route, expected = seen.subject.route, expected_table(name, query.result)
    assert route.client.capabilities().passthrough is None, "Native queries are claimed."
    constraints = Constraints(passthrough=arguments)
    for table in (name, seen.subject.tables[0].name):
        scan = TableScan(table, expected.schema, (), expected.schema, constraints, QUERY_ID)
        partitions = pa.record_batch({"partitionId": pa.array([1], pa.int32())})
        asked: list[_Asked] = [
            ("Columns", partial(route.client.describe, table, passthrough=arguments)),
            *list(_requests(route, scan, partitions))[1:],
        ]
        for what, act in asked:
            where = f"{what} of a native query that is not allowed"
            require_error(UnsupportedOperationError, act, where=where)
    everything = seen.route(EVERYBODY)
    schema = everything.client.describe(name, passthrough=arguments).schema
    scan = TableScan(name, schema, (), schema, constraints, QUERY_ID)
    require_same_rows(everything.rows(scan), expected.rows, where="A native query of who may")


def check_warm_instance(seen: Seen) -> None:
    """Check that an instance keeps apart what it has found out for one caller and another."""
    everything = seen.route(EVERYBODY)
    for view in seen.views:
        whole = _whole(seen.whole, view)
        for _ in range(2):
            scan = seen.whole.scan(whole)
            assert everything.client.describe(whole.name).schema.names == whole.schema.names
            found = rows_of(everything.read(scan))
            require_same_rows(found, whole.rows, where=f"{whole} for who may see it all")
            if view.is_denied:
                act = partial(seen.subject.route.client.layout, scan)
                assert isinstance(_error_of(act), NotFoundError), f"{whole} is not denied"
                continue
            names = seen.subject.route.client.describe(view.table.name).schema.names
            assert names == view.table.schema.names, f"{whole}: columns seen are {names}"
            found = seen.subject.route.rows(seen.subject.scan(view.table))
            require_same_rows(found, view.table.rows, where=f"{whole} as the caller sees it")


def check_nothing_told(seen: Seen) -> None:
    """Check that an explanation has no word of what the source is asked."""
    for table in seen.subject.tables:
        scan = seen.subject.scan(table)
        for split in seen.subject.route.client.splits(scan):
            told = seen.subject.route.explain(scan, split)
            texts = {told.native, told.limit_reason, *(each.native for each in told.decisions)}
            texts |= {each.reason for each in told.decisions}
            assert len(texts - {""}) <= 1, f"{table}: the explanation tells {texts}"


def check_malformed(subject: Subject) -> None:
    """Check that no request is answered with a policy that is malformed."""
    table = subject.tables[0]
    known = subject.scan(table)
    for policy, key, reason in (
        ('{"rules": [\n  {"effect": "allow",}\n]}', SEAL_KEY, "line 2, column"),
        ('{"rules": [{"effect": "alow"}]}', SEAL_KEY, "rules[0].effect"),
        ('{"rules": []}', "", "split_signing_key"),
    ):
        settings = {"access_policy": policy, "split_signing_key": key}
        route = subject.open(settings=settings, version=subject.route.client.version)
        partitions = pa.record_batch({"partitionId": pa.array([1], pa.int32())})
        schema = table.name.schema
        acts: dict[str, Callable[[], object]] = {
            "Ping": route.client.ping,
            "Schemas": route.client.schemas,
            "Tables": partial(route.ask, m.ListTablesRequest, schemaName=schema),
            "Capabilities": partial(route.ask, m.GetDataSourceCapabilitiesRequest),
            **dict(_requests(route, known, partitions)),
        }
        for what, act in acts.items():
            where = f"{what} with the policy {policy} and the key {key!r}"
            if what != "Explanation" or key:
                require_error(ConfigurationError, act, where=where, names=reason)


def _partitions(seen: Seen, scan: TableScan) -> pa.RecordBatch:
    """Return the partitions that a caller gets who may see everything."""
    layout = seen.route(EVERYBODY).client.layout(scan)
    return layout if layout.num_rows else pa.record_batch({SEALED: ["AAAA"]})


def _require_text(text: str, act: Callable[[], object], where: str) -> None:
    error = _error_of(act)
    assert str(error) == text, f"{where}: the error is {error!r}, not {text!r}"


def _error_of(act: Callable[[], object]) -> ConnectorError:
    try:
        found = act()
    except ConnectorError as error:
        return error
    raise AssertionError(f"{act} is answered: {found!r}")


def _changed(text: str) -> str:
    middle = len(text) // 2
    return f"{text[:middle]}{'A' if text[middle] != 'A' else 'B'}{text[middle + 1 :]}"

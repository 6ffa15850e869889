"""Rows read with constraints are those of a read without, filtered by the residual alone.

Constraints are made below the SQL: value sets with every kind of bound and of every class,
and expressions with all functions, floats with NaN included, whose meaning in Athena no
server shares. They go over the wire in each version of the protocol.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from itertools import product
from random import Random
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest
from athena_connectors.common.constraints import Constraints
from athena_connectors.common.errors import InvalidRequestError
from athena_connectors.common.expressions import Call, Constant, Variable, render
from athena_connectors.common.physical import Kind, kind_of
from athena_connectors.common.protocol.codec import decode_request
from athena_connectors.common.protocol.messages import ReadRecordsRequest, Split, TableName
from athena_connectors.common.residual import compile_residual
from athena_connectors.common.testing.client import TableScan
from athena_connectors.common.testing.strategies import conditions, value_sets, values
from athena_connectors.common.valueset import AllOrNoneValueSet
from hypothesis import event, given, settings
from hypothesis import strategies as st

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from athena_connectors.common.expressions import Expression
    from athena_connectors.common.testing.client import ProtocolClient
    from athena_connectors.common.testing.engine import LocalEngine
    from athena_connectors.common.testing.postgres import PostgresAddress
    from athena_connectors.common.valueset import Value, ValueSet

ROWS = 200
VERSIONS = (2, 3, 4, 5, 6)
EXPRESSIONS_SINCE = 4
NUMBERS = (Kind.INTEGER, Kind.DECIMAL, Kind.FLOAT)

FLOATS = "NaN Infinity -Infinity -0 0 1 -1 0.5 2 16777216"
MOMENTS = (
    "infinity", "-infinity", "0001-01-01", "9999-12-31 23:59:59.999999", "0044-03-15 BC",
    "10000-01-01", "1969-12-31 23:59:59.9985", "1969-12-31 23:59:59.999999", "1970-01-01",
    "2024-02-29 12:00:00.123", "2024-02-29 12:00:00.123456", "2024-02-29 12:00:00.124",
)  # fmt: skip
WORDS = (
    "", " ", "a", "a ", "A", "ab", "aB", "a%b", "a_b", "a\\b", "%", "_", "\\", "é", "e\u0301", "z",
    "b", "B", "\n", "\ue000", "\uffff", "\U00010000", "a\U0001f600", "\ud7ff", "'", "NULL", "{}",
)  # fmt: skip
UUIDS = ("00000000-0000-0000-0000-000000000000", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11")
NUMERIC_COLUMNS = {
    "flag": ("bool", "true false"),
    "bit": ("bit(1)", "1 0"),
    "small": ("int2", "-32768 -1 0 1 2 3 32767"),
    "medium": ("int4", "-2147483648 -1 0 1 2 7 2147483647"),
    "big": ("int8", "-9223372036854775808 -1 0 1 2 9007199254740993"),
    "price": ("numeric(10,2)", "NaN -99999999.99 0 0.01 1 1.5 2 99999999.99"),
    "wide": ("numeric(38,10)", "NaN 0.0000000001 1 1.5 2 9999999999999999999999999999"),
    "free": ("numeric", "NaN Infinity 1.004 1.005 -1.005 1 2 0.001 1234567890123"),
    "single": ("float4", FLOATS),
    "double": ("float8", f"{FLOATS} 0.1 5e-324 1e300"),
    "purse": ("money", "0 0.01 1 1.5 -2 92233720368547758.07"),
    "list": ("int4[]", "{} {1,2}"),
}
TABLES: dict[str, dict[str, tuple[str, Sequence[str]]]] = {
    "numbers": {name: (type_, text.split()) for name, (type_, text) in NUMERIC_COLUMNS.items()},
    "texts": {
        "plain": ('text COLLATE "C"', WORDS),
        "german": ("text COLLATE linguistic", WORDS),
        "fixed": ("char(4)", WORDS),
        "key": ("uuid", UUIDS),
        "doc": ("json", ('{"a": 1}', '{"a":1}', "null", '"a"', "1")),
        "bytes": ("bytea", ("\\x", "\\x00", "\\x61", "\\x7f", "\\x80", "\\xff", "\\x6100")),
        "words": ("text[]", ("{}", "{a,NULL}")),
    },
    "moments": {
        "day": ("date", MOMENTS),
        "due": ("date", MOMENTS[5:]),
        "at": ("timestamp", MOMENTS),
        "at_ms": ("timestamp(3)", MOMENTS),
        "utc": ("timestamptz", MOMENTS),
        "k": ("int4", tuple(map(str, range(0, 60, 2)))),
    },
}
CATALOGS = {
    "plain": {"default_scale": "2"},
    "other": {
        "timestamptz_as_tz": "true",
        "numeric_unconstrained": "varchar",
        "min_rows_per_split": "50",
        "max_splits": "3",
        "split_column": "k",
    },
}


@dataclass(frozen=True)
class Whole:
    """A table, read without constraints.

    Attributes:
        clients: Who reads it, by version of the protocol.
        scan: The read.
        rows: What it brings.
        known: Some values of each column that can be compared.
    """

    clients: Mapping[int, ProtocolClient]
    scan: TableScan
    rows: pa.RecordBatch
    known: Mapping[str, list[Value]]

    def read(self, version: int, scan: TableScan) -> list[pa.RecordBatch]:
        client = self.clients[version]
        return [
            batch for split in client.splits(scan) for batch in client.read(scan, split).batches
        ]

    def sent(self, version: int, scan: TableScan) -> Constraints:
        """Return the constraints that arrive: not all that is meant can be written down."""
        request = decode_request(self.clients[version].read_event(scan, Split({})))
        assert isinstance(request, ReadRecordsRequest)
        return request.constraints


@pytest.fixture(scope="module")
def tables(
    make_database: Callable[[], PostgresAddress], open_engine: Callable[..., LocalEngine]
) -> dict[tuple[str, str], Whole]:
    database = make_database()
    database.create_linguistic_collation()
    for name, columns in TABLES.items():
        declared = ", ".join(f"{column} {type_}" for column, (type_, _) in columns.items())
        database.execute(f"CREATE TABLE {name} (id int8 NOT NULL, {declared})")
        _fill(database, name, columns)
    catalogs = {
        catalog: {"default": database.connection_string, **settings}
        for catalog, settings in CATALOGS.items()
    }
    engines = {version: open_engine(catalogs, serde=version) for version in VERSIONS}
    return {
        (catalog, name): _whole(
            {version: engine.client(catalog) for version, engine in engines.items()},
            TableName("public", name),
        )
        for catalog in CATALOGS
        for name in TABLES
    }


def _fill(
    database: PostgresAddress, name: str, columns: Mapping[str, tuple[str, Sequence[str]]]
) -> None:
    spread: list[list[Any]] = []
    for column, (_, held) in columns.items():
        pool = [*held, None] * ROWS
        spread.append(pool[:ROWS])
        Random(column).shuffle(spread[-1])
    marks = ", ".join(f"%s::{type_}" for type_, _ in columns.values())
    with database.connect() as connection, connection.cursor() as cursor:
        cursor.executemany(
            f"INSERT INTO {name} VALUES (%s, {marks})", list(zip(range(ROWS), *spread, strict=True))
        )
    connection.close()
    database.execute(f"ANALYZE {name}")


def _whole(clients: Mapping[int, ProtocolClient], name: TableName) -> Whole:
    client = clients[VERSIONS[-1]]
    described = client.describe(name)
    scan = TableScan(name, described.schema, described.partitionColumns, described.schema)
    batches = [batch for split in client.splits(scan) for batch in client.read(scan, split).batches]
    rows = pa.Table.from_batches(batches).combine_chunks().to_batches()[0]
    known = {
        field.name: sorted(set(_physical(rows, field.name)) - {None}, key=repr)
        for field in scan.schema
        if kind_of(field.type) is not Kind.OPAQUE
    }
    return Whole(clients, scan, rows, known)


def _physical(batch: pa.RecordBatch, name: str) -> list[Any]:
    """Return a column's physical values, as value sets have them."""
    column: Any = batch.column(name)
    stored = {Kind.DATE: pa.int32(), Kind.DATETIME: pa.int64(), Kind.INSTANT: pa.int64()}
    type_ = stored.get(kind_of(column.type))
    return list((column.view(type_) if type_ else column).to_pylist())


@st.composite
def scans(draw: st.DrawFn, whole: Whole, version: int) -> TableScan:
    """Return reads of some columns with constraints on others."""
    schema = whole.scan.schema
    types = {field.name: field.type for field in schema}
    near = {name: _near(types[name], held) for name, held in whole.known.items()}
    sizes = ((1, 0), (2, 0)) if version < EXPRESSIONS_SINCE else ((1, 0), (0, 1), (0, 1), (1, 1))
    domains, expressions = draw(st.sampled_from(sizes))
    names = st.lists(st.sampled_from(schema.names), min_size=domains, max_size=domains, unique=True)
    summary = {
        name: draw(
            value_sets(types[name], ends=near[name]) if name in near else _unordered(types[name])
        )
        for name in draw(names)
    }
    trees = []
    for _ in range(expressions):
        some = draw(st.lists(st.sampled_from(sorted(near)), min_size=1, max_size=3, unique=True))
        columns = {name: types[name] for name in some}
        trees.append(draw(conditions(columns, constants=near, depth=2)))
    projected = draw(st.lists(st.sampled_from(schema.names), max_size=3, unique=True))
    limit = draw(st.sampled_from((None, None, None, 0, 1, 20))) if trees else None
    return TableScan(
        whole.scan.table,
        schema,
        whole.scan.partition_columns,
        pa.schema([schema.field(name) for name in projected]),
        Constraints(summary=summary, expression=tuple(trees), limit=limit),
        "query",
    )


def _near(type_: pa.DataType, known: list[Value]) -> st.SearchStrategy[Value]:
    return st.one_of(*[st.sampled_from(known)] * 3, values(type_))


def _unordered(type_: pa.DataType) -> st.SearchStrategy[ValueSet]:
    return st.builds(AllOrNoneValueSet, st.just(type_), st.booleans(), st.booleans())


def counted(batches: Sequence[pa.RecordBatch], names: Sequence[str]) -> Counter[str]:
    found: Counter[str] = Counter()
    for batch in batches:
        columns = [_physical(batch, name) for name in names]
        found.update(map(repr, zip(*columns, strict=True)) if names else {"": batch.num_rows})
    return found


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("place", [(c, n) for c in CATALOGS for n in TABLES], ids="-".join)
@settings(max_examples=50, deadline=None, derandomize=True)
@given(data=st.data())
def test_constraints_keep_what_the_residual_keeps(
    tables: dict[tuple[str, str], Whole],
    place: tuple[str, str],
    version: int,
    data: st.DataObject,
) -> None:
    whole = tables[place]
    check(whole, version, data.draw(scans(whole, version)))


COMPARISONS = (
    "$equal",
    "$not_equal",
    "$less_than",
    "$less_than_or_equal",
    "$greater_than",
    "$greater_than_or_equal",
    "$is_distinct_from",
)
CONSTANTS = 7


@pytest.mark.parametrize(
    ("table", "column"), [(table, column) for table in TABLES for column in ("id", *TABLES[table])]
)
def test_each_comparison_with_values_of_each_column(
    tables: dict[tuple[str, str], Whole], table: str, column: str
) -> None:
    whole = tables["plain", table]
    type_ = whole.scan.schema.field(column).type
    known = whole.known.get(column, [])
    chosen = [None, *Random(column).sample(known, min(CONSTANTS, len(known)))]
    variable = Variable(column, type_)
    (split,) = whole.clients[VERSIONS[-1]].splits(whole.scan)
    for function, value in product(COMPARISONS, chosen if known else []):
        sides = (variable, Constant((value,), type_))
        check_expression(whole, split, Call(function, sides, pa.bool_()))
        check_expression(whole, split, _negated(Call(function, sides[::-1], pa.bool_())))
    check_expression(whole, split, Call("$is_null", (variable,), pa.bool_()))


def _negated(call: Call) -> Call:
    return Call("$not", (call,), pa.bool_())


def check_expression(whole: Whole, split: Split, expression: Call) -> None:
    constraints = Constraints(expression=(expression,))
    rows = whole.clients[VERSIONS[-1]].read(replace(whole.scan, constraints=constraints), split)
    expected = compile_residual([expression]).apply(whole.rows)
    names = whole.scan.schema.names
    assert counted(rows.batches, names) == counted([expected], names), render(expression)


@st.composite
def calculations(draw: st.DrawFn, whole: Whole) -> Call:
    """Return comparisons of a number with the result of one or two functions."""
    columns = [field for field in whole.scan.schema if kind_of(field.type) in NUMBERS]

    def operand() -> Expression:
        field = draw(st.sampled_from(columns))
        if draw(st.booleans()):
            return Variable(field.name, field.type)
        value = draw(_near(field.type, whole.known[field.name]))
        return Constant((draw(st.sampled_from((value, value, value, None))),), field.type)

    def calculated(levels: int) -> Expression:
        function = draw(st.sampled_from(("$add", "$subtract", "$multiply", "$divide", "$modulus")))
        left = calculated(levels - 1) if levels else operand()
        result = Call(function, (left, operand()), left.type)
        return Call("$negate", (result,), left.type) if draw(st.booleans()) else result

    comparison = draw(st.sampled_from(("$equal", "$not_equal", "$less_than", "$is_distinct_from")))
    sides = [calculated(draw(st.integers(0, 1))), operand()]
    return Call(comparison, tuple(draw(st.permutations(sides))), pa.bool_())


@settings(max_examples=300, deadline=None, derandomize=True)
@given(data=st.data())
def test_arithmetic_keeps_what_the_residual_keeps(
    tables: dict[tuple[str, str], Whole], data: st.DataObject
) -> None:
    whole = tables["plain", "numbers"]
    constraints = Constraints(expression=(data.draw(calculations(whole)),))
    check(whole, VERSIONS[-1], replace(whole.scan, constraints=constraints))


def check(whole: Whole, version: int, scan: TableScan) -> None:
    """Compare a read with the residual; both may fail, and the read may get round that."""
    names = scan.projected.names
    residual = compile_residual(whole.sent(version, scan).conjuncts())
    try:
        expected = counted([residual.apply(whole.rows)], names)
    except InvalidRequestError:
        expected = None  # a function fails, for a row that the server may have dropped before
    try:
        found = counted(whole.read(version, scan), names)
    except InvalidRequestError:
        event("a failure")
        assert expected is None
        return
    if expected is None:
        event("a failure is avoided")
        return
    limit = scan.constraints.limit
    event("selective" if 0 < expected.total() < ROWS else "all or nothing")
    if limit is None:
        assert found == expected
    else:
        assert found <= expected
        assert found.total() >= min(limit, expected.total())

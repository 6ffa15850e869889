"""Query plans: what is said in one means what it means in constraints, or is an error."""

from __future__ import annotations

import base64
import resource
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest
from athena_connectors.common.constraints import Constraints, Direction, OrderBy
from athena_connectors.common.errors import (
    ColumnNotFoundError,
    InvalidRequestError,
    UnsupportedOperationError,
)
from athena_connectors.common.expressions import Call, Constant, Variable, render
from athena_connectors.common.plan_messages import MAX_PLAN_BYTES
from athena_connectors.common.plans import decode_plan, with_plan
from athena_connectors.common.protocol.messages import TableName
from athena_connectors.common.residual import compile_residual
from athena_connectors.common.testing.plans import in_a_plan
from athena_connectors.common.testing.strategies import batches, conditions, value_sets
from athena_connectors.common.valueset import SortedRangeSet
from hypothesis import given, settings
from hypothesis import strategies as st
from substrait.plan_pb2 import Plan as Message

if TYPE_CHECKING:
    from collections.abc import Callable

BOOL = pa.bool_()
TABLE = TableName("shop", "orders")
SCHEMA = pa.schema(
    [
        ("id", pa.int32()),
        ("small", pa.int8()),
        ("big", pa.int64()),
        ("price", pa.decimal128(10, 2)),
        ("name", pa.string()),
        ("ok", pa.bool_()),
        ("raw", pa.binary()),
        ("day", pa.date32()),
        ("at", pa.date64()),
        ("moment", pa.timestamp("ms", "UTC")),
        ("ratio", pa.float64()),
        ("rough", pa.float32()),
    ]
)


def round_trip(constraints: Constraints, schema: pa.Schema = SCHEMA) -> Constraints:
    sent = in_a_plan(constraints, TABLE, schema)
    assert sent.query_plan is not None
    return with_plan(sent, decode_plan(sent.query_plan.substrait_plan), schema)


FAILS = "fails"


def kept(constraints: Constraints, batch: pa.RecordBatch) -> list[int] | str:
    """Return the places of the rows that satisfy a predicate, or that it fails for one."""
    places = pa.array(range(batch.num_rows), pa.int64())
    numbered = batch.append_column("#", places)
    try:
        return compile_residual(constraints.conjuncts()).apply(numbered)["#"].to_pylist()
    except InvalidRequestError:
        return FAILS


# Properties


@st.composite
def cases(draw: Any, *, arithmetic: bool) -> tuple[pa.RecordBatch, Constraints]:
    """Draw rows with a predicate on them."""
    names = draw(st.lists(st.sampled_from(SCHEMA.names), min_size=1, max_size=4, unique=True))
    schema = pa.schema([SCHEMA.field(name) for name in names])
    chosen = draw(st.lists(st.sampled_from(names), max_size=2, unique=True))
    summary = {name: draw(value_sets(schema.field(name).type)) for name in chosen}
    types = dict(zip(names, schema.types, strict=True))
    trees = draw(st.lists(conditions(types, arithmetic=arithmetic), max_size=2))
    return draw(batches(schema)), Constraints(summary=summary, expression=tuple(trees))


@settings(max_examples=150)
@given(cases(arithmetic=False))
def test_a_plan_keeps_the_rows_that_constraints_keep(
    case: tuple[pa.RecordBatch, Constraints],
) -> None:
    batch, constraints = case
    assert kept(round_trip(constraints, batch.schema), batch) == kept(constraints, batch)


@settings(max_examples=80)
@given(cases(arithmetic=True))
def test_a_plan_calculates_as_constraints_do(case: tuple[pa.RecordBatch, Constraints]) -> None:
    batch, constraints = case
    expected, found = (
        kept(each, batch) for each in (constraints, round_trip(constraints, batch.schema))
    )
    # Which rows an earlier part spares a later one may differ; what is kept may not.
    assert FAILS in (expected, found) or found == expected


@settings(max_examples=60)
@given(
    st.none() | st.integers(0, 2**40),
    st.lists(
        st.builds(OrderBy, st.sampled_from(SCHEMA.names), st.sampled_from(Direction)), max_size=3
    ),
)
def test_order_and_limit_come_as_they_went(limit: int | None, keys: list[OrderBy]) -> None:
    constraints = Constraints(order_by=tuple(keys), limit=limit)
    found = round_trip(constraints)
    assert found.limit == limit
    # An order without a limit means nothing.
    assert found.order_by == (() if limit is None else tuple(keys))


@settings(max_examples=50)
@given(st.data())
def test_both_predicates_of_a_request_hold(data: st.DataObject) -> None:
    type_ = data.draw(st.sampled_from([pa.int32(), pa.string(), pa.date64()]))
    schema = pa.schema([("c", type_)])
    one, other = (Constraints({"c": data.draw(value_sets(type_))}) for _ in range(2))
    sent = in_a_plan(other, TABLE, schema)
    plan = decode_plan(sent.query_plan.substrait_plan) if sent.query_plan else None
    assert plan is not None
    if sent.summary:  # what no plan can say is not what is tried here
        return
    batch = data.draw(batches(schema))
    both = [place for place in kept(one, batch) if place in kept(other, batch)]
    assert kept(with_plan(one, plan, schema), batch) == both


# What the engine's plans are like


def plan_of(build: Callable[[Any], None], *, names: tuple[str, ...] = ()) -> str:
    """Return a plan whose outermost relation a function builds."""
    message = Message()
    for anchor, name in enumerate(names):
        function = message.extensions.add().extension_function
        function.function_anchor, function.name = anchor, name
    build(message.relations.add().root.input)
    return base64.b64encode(message.SerializeToString()).decode()


def read(relation: Any, *columns: str) -> None:
    relation.read.named_table.names.extend(["shop", "orders"])
    for name in columns or ("id",):
        relation.read.base_schema.names.append(name)
        relation.read.base_schema.struct.types.add().i32.nullability = 1


def refer(expression: Any, place: int) -> None:
    expression.selection.direct_reference.struct_field.field = place


def compare(expression: Any, anchor: int, place: int, value: int) -> None:
    expression.scalar_function.function_reference = anchor
    refer(expression.scalar_function.arguments.add().value, place)
    expression.scalar_function.arguments.add().value.literal.i32 = value


def test_columns_are_found_through_projections() -> None:
    def build(root: Any) -> None:
        project = root.filter.input.project
        compare(root.filter.condition, 0, 1, 7)
        for place in (2, 0):
            refer(project.expressions.add(), place)
        project.common.emit.output_mapping.extend([4, 3])
        read(project.input, "a", "b", "c")

    plan = decode_plan(plan_of(build, names=("gt:any_any",)))
    assert plan.projection == ("a", "c")
    assert list(map(render, plan.conjuncts)) == ['("c" > 7)']


def test_what_is_computed_is_the_engines_business_unless_it_is_looked_at() -> None:
    def build(relation: Any) -> None:
        call = relation.project.expressions.add().scalar_function
        call.function_reference = 0
        refer(call.arguments.add().value, 0)
        read(relation.project.input)

    def filtered(root: Any) -> None:
        compare(root.filter.condition, 1, 1, 7)
        build(root.filter.input)

    names = ("upper:str", "gt:any_any")
    assert decode_plan(plan_of(build, names=names)).projection == ("id", None)
    with pytest.raises(UnsupportedOperationError, match="upper"):
        decode_plan(plan_of(filtered, names=names))


def test_the_older_and_newer_forms_of_a_limit() -> None:
    def older(root: Any) -> None:
        root.fetch.count = 5
        read(root.fetch.input)

    def newer(root: Any) -> None:
        root.fetch.count_expr.literal.i64 = 5
        read(root.fetch.input)

    def none(root: Any) -> None:
        root.fetch.count = -1
        read(root.fetch.input)

    def nested(root: Any) -> None:
        root.fetch.count = 9
        older(root.fetch.input)

    found = [decode_plan(plan_of(build)).limit for build in (older, newer, none, nested)]
    assert found == [5, 5, None, 5]


def test_an_order_without_a_limit_is_left_away_and_told() -> None:
    def build(root: Any) -> None:
        sort = root.sort.sorts.add()
        refer(sort.expr, 0)
        sort.direction = 1
        read(root.sort.input)

    plan = decode_plan(plan_of(build))
    assert plan.order_by == ()
    assert len(plan.reasons) == 1


def test_names_of_members_are_no_columns() -> None:
    def build(root: Any) -> None:
        schema = root.read.base_schema
        schema.names.extend(["a", "inner", "deep", "b"])
        outer = schema.struct.types.add().struct
        outer.types.add().list.type.struct.types.add().string.nullability = 1
        schema.struct.types.add().i64.nullability = 1
        root.read.named_table.names.append("t")

    assert decode_plan(plan_of(build)).columns.names == ["a", "b"]


def test_times_between_milliseconds() -> None:
    """A stored time of which Athena sees 1.5 s is compared with 1.5004 s."""
    schema = pa.schema([("at", pa.date64())])
    rows = pa.record_batch({"at": pa.array([1499, 1500, 1501, None], pa.int64()).view(pa.date64())})

    def build(anchor: int) -> Callable[[Any], None]:
        def write(root: Any) -> None:
            call = root.filter.condition.scalar_function
            call.function_reference = anchor
            refer(call.arguments.add().value, 0)
            call.arguments.add().value.literal.timestamp = 1_500_400
            table = root.filter.input.read
            table.named_table.names.append("t")
            table.base_schema.names.append("at")
            table.base_schema.struct.types.add().timestamp.nullability = 1

        return write

    names = ("equal:a", "not_equal:a", "lt:pts_pts", "lte:pts_pts", "gt:pts_pts", "gte:pts_pts")
    found = [
        kept(
            with_plan(Constraints(), decode_plan(plan_of(build(anchor), names=names)), schema), rows
        )
        for anchor in range(len(names))
    ]
    assert found == [[], [0, 1, 2], [0, 1], [0, 1], [2], [2]]


WIDE = pa.record_batch({"n": pa.array(["7", "+08", "-9", None]), "i": pa.array([1, 2, 3, None])})


def casted(
    place: int, target: str, anchor: int, write: Callable[[Any], None]
) -> Callable[[Any], None]:
    def build(root: Any) -> None:
        call = root.filter.condition.scalar_function
        call.function_reference = anchor
        cast = call.arguments.add().value.cast
        refer(cast.input, place)
        getattr(cast.type, target).nullability = 1
        write(call.arguments.add().value.literal)
        table = root.filter.input.read
        table.named_table.names.append("t")
        table.base_schema.names.extend(["n", "i"])
        table.base_schema.struct.types.add().string.nullability = 1
        table.base_schema.struct.types.add().i64.nullability = 1

    return build


@pytest.mark.parametrize(
    ("place", "target", "name", "value", "wanted"),
    [
        (0, "i32", "i32", 7, [0, 1]),
        (0, "i64", "i64", -9, [0, 1, 2]),
        (1, "fp64", "fp64", 1.5, [1, 2]),
        (1, "i32", "i32", 2, [1, 2]),
    ],
)
def test_columns_are_cast_here(
    place: int, target: str, name: str, value: float, wanted: list[int]
) -> None:
    build = casted(place, target, 0, lambda literal: setattr(literal, name, value))
    plan = decode_plan(plan_of(build, names=("gte:any_any",)))
    assert kept(with_plan(Constraints(), plan, WIDE.schema), WIDE) == wanted


@pytest.mark.parametrize("digits", [0, 2])
def test_a_cast_that_rounds_times_is_refused(digits: int) -> None:
    """What is compared then is not what the column shows."""

    def build(root: Any) -> None:
        call = root.filter.condition.scalar_function
        call.function_reference = 0
        cast = call.arguments.add().value.cast
        refer(cast.input, 0)
        cast.type.precision_timestamp.precision = digits
        call.arguments.add().value.literal.timestamp = 1_000_000
        table = root.filter.input.read
        table.named_table.names.append("t")
        table.base_schema.names.append("at")
        table.base_schema.struct.types.add().precision_timestamp.precision = 3

    with pytest.raises(UnsupportedOperationError, match="cast"):
        decode_plan(plan_of(build, names=("equal:any_any",)))


def test_a_cast_that_rounds_a_constant_time_is_refused() -> None:
    def build(us: int) -> Callable[[Any], None]:
        def write(root: Any) -> None:
            call = root.filter.condition.scalar_function
            refer(call.arguments.add().value, 0)
            cast = call.arguments.add().value.cast
            cast.input.literal.timestamp = us
            cast.type.precision_timestamp.precision = 0
            table = root.filter.input.read
            table.named_table.names.append("t")
            table.base_schema.names.append("at")
            table.base_schema.struct.types.add().precision_timestamp.precision = 0

        return write

    whole = decode_plan(plan_of(build(2_000_000), names=("equal:any_any",)))
    assert whole.constraints.summary == {"at": SortedRangeSet.of_points(pa.date64(), [2000])}
    for us in (2_500_000, 2_000_001):
        with pytest.raises(UnsupportedOperationError, match="cast"):
            decode_plan(plan_of(build(us), names=("equal:any_any",)))


@pytest.mark.parametrize("text", ["", "x", "1.0", " 1", "99999999999", "-", "1e3"])
def test_what_is_no_number_ends_the_query(text: str) -> None:
    build = casted(0, "i32", 0, lambda literal: setattr(literal, "i32", 7))
    plan = decode_plan(plan_of(build, names=("gte:any_any",)))
    rows = pa.record_batch({"n": pa.array(["7", text]), "i": pa.array([1, 2])})
    with pytest.raises(InvalidRequestError, match="CAST"):
        compile_residual(with_plan(Constraints(), plan, rows.schema).conjuncts()).apply(rows)


def test_sums_of_cast_columns_do_not_overflow_where_athenas_do_not() -> None:
    def build(root: Any) -> None:
        call = root.filter.condition.scalar_function
        total = call.arguments.add().value.scalar_function
        total.function_reference = 1
        for place in (0, 0):
            cast = total.arguments.add().value.cast
            refer(cast.input, place)
            cast.type.i64.nullability = 1
        call.arguments.add().value.literal.i64 = 2**31
        read(root.filter.input)

    plan = decode_plan(plan_of(build, names=("gt:any_any", "add:i64_i64")))
    rows = pa.record_batch({"id": pa.array([2**31 - 1, 1], pa.int32())})
    assert kept(with_plan(Constraints(), plan, rows.schema), rows) == [0]


# Both forms together


def test_the_smaller_limit_counts() -> None:
    sent = in_a_plan(Constraints(limit=5), TABLE, SCHEMA)
    assert sent.query_plan is not None
    plan = decode_plan(sent.query_plan.substrait_plan)
    assert with_plan(Constraints(limit=3), plan, SCHEMA).limit == 3
    assert with_plan(Constraints(limit=8), plan, SCHEMA).limit == 5
    ordered = Constraints(limit=8, order_by=(OrderBy("id", Direction.ASC_NULLS_LAST),))
    with pytest.raises(InvalidRequestError, match="different orders"):
        with_plan(ordered, plan, SCHEMA)


def test_columns_are_found_in_any_case() -> None:
    upper = pa.schema([("ID", pa.int32())])
    constraints = Constraints({"ID": SortedRangeSet.of_points(pa.int32(), [7])})
    sent = in_a_plan(constraints, TABLE, upper)
    assert sent.query_plan is not None
    plan = decode_plan(sent.query_plan.substrait_plan)
    assert with_plan(Constraints(), plan, SCHEMA).summary == {
        "id": SortedRangeSet.of_points(pa.int32(), [7])
    }
    with pytest.raises(ColumnNotFoundError, match="ID"):
        with_plan(Constraints(), plan, pa.schema([("other", pa.int32())]))


# Bad plans


def invalid(build: Callable[[Any], None], names: tuple[str, ...] = ()) -> str:
    with pytest.raises(InvalidRequestError) as caught:
        decode_plan(plan_of(build, names=names))
    return str(caught.value)


def unsupported(build: Callable[[Any], None], names: tuple[str, ...] = ()) -> str:
    with pytest.raises(UnsupportedOperationError) as caught:
        decode_plan(plan_of(build, names=names))
    return str(caught.value)


def test_what_no_scan_does_is_refused() -> None:
    def offset(root: Any) -> None:
        root.fetch.offset, root.fetch.count = 3, 5
        read(root.fetch.input)

    def aggregate(root: Any) -> None:
        root.aggregate.measures.add()
        read(root.aggregate.input)

    def join(root: Any) -> None:
        read(root.join.left)
        read(root.join.right)

    def late(root: Any) -> None:
        compare(root.filter.condition, 0, 0, 1)
        root.filter.input.fetch.count = 5
        read(root.filter.input.fetch.input)

    def computed_order(root: Any) -> None:
        root.fetch.count = 5
        key = root.fetch.input.sort.sorts.add()
        key.expr.literal.i32 = 1
        key.direction = 1
        read(root.fetch.input.sort.input)

    assert "OFFSET" in unsupported(offset)
    assert "aggregation" in unsupported(aggregate)
    assert "join" in unsupported(join)
    assert "a limit has left" in unsupported(late, ("gt:any_any",))
    assert "order" in unsupported(computed_order)


def test_malformed_plans() -> None:
    def beyond(root: Any) -> None:
        compare(root.filter.condition, 0, 9, 1)
        read(root.filter.input)

    def unnamed(root: Any) -> None:
        compare(root.filter.condition, 3, 0, 1)
        read(root.filter.input)

    def emitted(root: Any) -> None:
        root.read.common.emit.output_mapping.append(4)
        read(root)

    def negative(root: Any) -> None:
        root.fetch.count = -2
        read(root.fetch.input)

    def lonely(root: Any) -> None:
        root.filter.condition.scalar_function.arguments.add().value.literal.i32 = 1
        read(root.filter.input)

    def names(root: Any) -> None:
        read(root)
        root.read.base_schema.names.append("more")

    assert "column 9 of 1" in invalid(beyond, ("gt:any_any",))
    assert "function 3" in invalid(unnamed)
    assert "emits" in invalid(emitted)
    assert "-2" in invalid(negative)
    assert "1 arguments" in invalid(lonely, ("gt:any_any",))
    assert "more names" in invalid(names)


def good_plan() -> bytes:
    constraints = Constraints(
        {"id": SortedRangeSet.of_points(pa.int32(), range(20))},
        (
            Call(
                "$like_pattern",
                (Variable("name", pa.string()), Constant(("a%",), pa.string())),
                BOOL,
            ),
        ),
        limit=5,
    )
    plan = in_a_plan(constraints, TABLE, SCHEMA).query_plan
    assert plan is not None
    return base64.b64decode(plan.substrait_plan)


def test_plans_that_are_cut_short_or_changed_end_in_an_error_or_in_a_plan() -> None:
    content = good_plan()
    cut = [content[:length] for length in range(0, len(content), 3)]
    changed = [
        content[:place] + bytes([content[place] ^ 0x55]) + content[place + 1 :]
        for place in range(0, len(content), 2)
    ]
    refused = 0
    for each in cut + changed:
        try:
            decode_plan(base64.b64encode(each).decode())
        except (InvalidRequestError, UnsupportedOperationError):
            refused += 1
    assert refused > len(cut) * 0.9


@pytest.mark.parametrize("text", ["", "%", "AAAA", "not base64", "é"])
def test_what_is_no_plan(text: str) -> None:
    with pytest.raises(InvalidRequestError):
        decode_plan(text)


def test_a_plan_that_is_too_large() -> None:
    with pytest.raises(InvalidRequestError, match="larger"):
        decode_plan("A" * (2 * MAX_PLAN_BYTES))


def nested(levels: int) -> str:
    """Return a plan with a filter that many casts deep, written by hand."""
    size = 0
    heads = []
    for _ in range(levels):
        for tag in (0x12, 0x5A):  # Cast.input, Expression.cast
            heads.append(bytes([tag]) + _varint(size))
            size += len(heads[-1])
    condition = b"".join(reversed(heads))
    content = condition
    for tag in (0x1A, 0x12, 0x0A, 0x12, 0x1A):  # condition, filter, input, root, relations
        content = bytes([tag]) + _varint(len(content)) + content
    return base64.b64encode(content).decode()


def _varint(number: int) -> bytes:
    out = b""
    while number > 0x7F:
        out += bytes([number & 0x7F | 0x80])
        number >>= 7
    return out + bytes([number])


HOSTILE = """
import sys
from athena_connectors.common.errors import ConnectorError
from athena_connectors.common.plans import decode_plan
try:
    decode_plan(sys.stdin.read())
except ConnectorError as error:
    print(type(error).__name__)
"""


@pytest.mark.parametrize("levels", [200, 20_000, 32_700, 32_768, 100_000, 500_000])
def test_no_depth_ends_the_process(levels: int) -> None:
    """The parser recurses in C: without a stack that is large enough it would crash."""
    text = nested(levels)
    done = subprocess.run(
        [sys.executable, "-c", HOSTILE], input=text, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() in ("InvalidRequestError", "UnsupportedOperationError")


def test_long_lists_take_little_memory() -> None:
    values = SortedRangeSet.of_points(pa.string(), [f"value {number}" for number in range(10_000)])
    sent = in_a_plan(Constraints({"name": values}), TABLE, SCHEMA)
    assert sent.query_plan is not None
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    found = with_plan(Constraints(), decode_plan(sent.query_plan.substrait_plan), SCHEMA)
    assert found.summary == {"name": values}
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200_000


def test_expressions_that_nest_too_deeply() -> None:
    tree: Any = Call("$is_null", (Variable("id", pa.int32()),), BOOL)
    for _ in range(150):
        tree = Call("$not", (tree,), BOOL)
    sent = in_a_plan(Constraints(expression=(tree,)), TABLE, SCHEMA)
    assert sent.query_plan is not None
    with pytest.raises(InvalidRequestError, match="100 levels"):
        decode_plan(sent.query_plan.substrait_plan)

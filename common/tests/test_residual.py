"""Value sets on columns, and what holds for predicates as a whole."""

from __future__ import annotations

import math
import re
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from athena_connectors.common.constraints import ColumnDomain, Constraints
from athena_connectors.common.errors import (
    ColumnNotFoundError,
    InvalidRequestError,
    UnsupportedTypeError,
)
from athena_connectors.common.expressions import Call, Constant, Variable
from athena_connectors.common.residual import compile_residual
from athena_connectors.common.testing import strategies
from athena_connectors.common.testing.strategies import column_of
from athena_connectors.common.valueset import (
    AllOrNoneValueSet,
    EquatableValueSet,
    Range,
    SortedRangeSet,
    ValueSet,
)
from hypothesis import given, settings
from hypothesis import strategies as st

BOOL = pa.bool_()


def kept(values: list[Any], type_: pa.DataType, allowed: ValueSet) -> list[Any]:
    """The values of a column that a value set keeps, by their places."""
    places = pa.array(range(len(values)), pa.int64())
    batch = pa.RecordBatch.from_arrays([column_of(values, type_), places], ["c", "place"])
    rows = compile_residual([ColumnDomain("c", allowed)]).apply(batch)
    return [values[place] for place in rows.column("place").to_pylist()]


def says_nothing(allowed: ValueSet) -> bool:
    return isinstance(allowed, AllOrNoneValueSet) and allowed.is_none


@st.composite
def domains(draw: st.DrawFn) -> tuple[pa.DataType, ValueSet, list[Any]]:
    type_ = draw(strategies.scalar_types())
    allowed = draw(strategies.value_sets(type_))
    ends = [end.value for part in getattr(allowed, "ranges", ()) for end in (part.low, part.high)]
    values = draw(st.lists(st.none() | strategies.values(type_), max_size=12))
    return type_, allowed, [*values, *ends, *getattr(allowed, "values", ())]


@given(domains())
@settings(max_examples=300, deadline=None)
def test_a_domain_keeps_what_its_set_contains(
    case: tuple[pa.DataType, ValueSet, list[Any]],
) -> None:
    type_, allowed, values = case
    wanted = [item for item in values if says_nothing(allowed) or allowed.contains(item)]
    assert list(map(repr, kept(values, type_, allowed))) == list(map(repr, wanted))


@given(
    st.sampled_from((pa.int8(), pa.int16(), pa.int32(), pa.int64())) | strategies.decimal_types(),
    st.sampled_from((pa.int8(), pa.int64())) | strategies.decimal_types(),
    st.data(),
)
@settings(max_examples=200, deadline=None)
def test_numbers_of_other_width_or_scale_are_compared_exactly(
    column_type: pa.DataType, set_type: pa.DataType, data: st.DataObject
) -> None:
    allowed = data.draw(strategies.sorted_range_sets(set_type))
    values = data.draw(st.lists(st.none() | strategies.values(column_type), max_size=8))
    decimal = SortedRangeSet.of(
        pa.decimal256(76, 38),
        [
            Range(
                type(part.low)(as_decimal(part.low.value), part.low.bound),
                type(part.high)(as_decimal(part.high.value), part.high.bound),
            )
            for part in allowed.ranges
        ],
        null_allowed=allowed.null_allowed,
    )
    wanted = [item for item in values if decimal.contains(as_decimal(item))]
    assert kept(values, column_type, allowed) == wanted


def as_decimal(value: Any) -> Any:
    return None if value is None else Decimal(value)


@given(st.sampled_from((pa.float32(), pa.float64())), st.data())
@settings(max_examples=100, deadline=None)
def test_floats_of_other_width_are_compared_exactly(
    column_type: pa.DataType, data: st.DataObject
) -> None:
    allowed = data.draw(strategies.sorted_range_sets(pa.float64()))
    values = data.draw(st.lists(st.none() | strategies.values(column_type), max_size=8))
    wanted = [item for item in values if allowed.contains(item)]
    assert list(map(repr, kept(values, column_type, allowed))) == list(map(repr, wanted))


@pytest.mark.parametrize(
    ("allowed", "wanted"),
    [
        (SortedRangeSet.of(pa.int64(), [Range.at_least(-129)], null_allowed=False), [-128, 0, 127]),
        (SortedRangeSet.of(pa.int64(), [Range.at_least(128)], null_allowed=True), [None]),
        (SortedRangeSet.of(pa.int64(), [Range.less_than(-128)], null_allowed=False), []),
        (SortedRangeSet.of_points(pa.int64(), [300, 127, -300, 0, 5]), [0, 127]),
        (
            SortedRangeSet.of(
                pa.decimal128(5, 2),
                [Range.between(Decimal("0.01"), Decimal("126.99"))],
                null_allowed=False,
            ),
            [],
        ),
        (
            SortedRangeSet.of_points(pa.decimal128(5, 2), [Decimal("127.00"), Decimal("0.50")]),
            [127],
        ),
    ],
)
def test_bounds_beyond_the_column_type(allowed: SortedRangeSet, wanted: list[Any]) -> None:
    assert kept([-128, None, 0, 127], pa.int8(), allowed) == wanted


def test_texts_of_the_far_planes_follow_utf16_and_large_strings_too() -> None:
    values = ["\ud7ff", "\U00010000", "\U0010ffff", "\ue000", "\uffff", "a\uffff", "a\U00010000"]
    for type_ in (pa.string(), pa.large_string()):
        below = SortedRangeSet.of(type_, [Range.less_than("\ue000")], null_allowed=False)
        assert kept(values, type_, below) == [item for item in values if below.contains(item)]
        above = SortedRangeSet.of(type_, [Range.greater_than("\U00010000")], null_allowed=False)
        assert kept(values, type_, above) == ["\U0010ffff", "\ue000", "\uffff"]


def test_many_points_and_their_complement() -> None:
    points = SortedRangeSet.of_points(pa.string(), [str(number) for number in range(10_000)])
    values = ["5", "x", None, "9999", "10000"]
    assert kept(values, pa.string(), points) == ["5", "9999"]
    assert kept(values, pa.string(), points.complement()) == ["x", None, "10000"]


def test_nan_with_any_bits_is_nan() -> None:
    patterns = [0x7FF8000000000000, 0xFFF8000000000000 - 2**64, 0x7FF0000000000001]
    column = pa.array(patterns, pa.int64()).view(pa.float64())
    batch = pa.RecordBatch.from_arrays([column], ["c"])
    for allowed in (
        SortedRangeSet.of_points(pa.float64(), [math.nan]),
        SortedRangeSet.of(pa.float64(), [Range.greater_than(math.inf)], null_allowed=False),
    ):
        assert compile_residual([ColumnDomain("c", allowed)]).apply(batch).num_rows == 3


@pytest.mark.parametrize("null_allowed", [False, True])
@pytest.mark.parametrize("values", [[], [False], [True], [False, True]])
def test_booleans(values: list[bool], null_allowed: bool) -> None:  # noqa: FBT001
    allowed = SortedRangeSet.of_points(BOOL, values, null_allowed=null_allowed)
    wanted = [*values, *([None] if null_allowed else [])]
    assert kept([False, True, None], BOOL, allowed) == wanted
    assert kept([False, True], BOOL, allowed) == values


@given(strategies.nested_types())
@settings(max_examples=20, deadline=None)
def test_a_set_over_a_nested_type_keeps_every_row(type_: pa.DataType) -> None:
    batch = pa.RecordBatch.from_arrays([pa.nulls(2, type_)], ["c"])
    for allowed in (
        EquatableValueSet(type_, (), white_list=True, null_allowed=False),
        SortedRangeSet.none(pa.int8()),
        AllOrNoneValueSet(type_, all=False, null_allowed=False),
    ):
        assert compile_residual([ColumnDomain("c", allowed)]).apply(batch).num_rows == 2


@pytest.mark.parametrize(
    "column",
    [
        pa.array([[1], None]),
        pa.array([{"a": 1}, None]),
        pa.array([[("k", 1)], None], pa.map_(pa.string(), pa.int8())),
    ],
)
def test_nullness_of_nested_columns_is_filtered(column: Any) -> None:
    batch = pa.RecordBatch.from_arrays([column], ["c"])

    def rows(allowed: ValueSet) -> int:
        return compile_residual([ColumnDomain("c", allowed)]).apply(batch).num_rows

    type_ = column.type
    assert rows(AllOrNoneValueSet(type_, all=False, null_allowed=False)) == 2
    assert rows(AllOrNoneValueSet(type_, all=True, null_allowed=True)) == 2
    assert rows(AllOrNoneValueSet(type_, all=False, null_allowed=True)) == 1
    assert rows(AllOrNoneValueSet(type_, all=True, null_allowed=False)) == 1


@pytest.mark.parametrize(
    ("column_type", "set_type", "value"),
    [
        (pa.string(), pa.int32(), 1),
        (pa.float64(), pa.int32(), 1),
        (pa.date32(), pa.date64(), 1),
        (pa.bool_(), pa.string(), "true"),
        (pa.uint8(), pa.uint8(), 1),
        (pa.timestamp("ms"), pa.timestamp("ms"), 1),
    ],
)
def test_a_domain_of_another_or_a_foreign_type_is_an_error(
    column_type: pa.DataType, set_type: pa.DataType, value: Any
) -> None:
    residual = compile_residual([ColumnDomain("c", SortedRangeSet.of_points(set_type, [value]))])
    batch = pa.RecordBatch.from_arrays([pa.array([None], column_type)], ["c"])
    with pytest.raises(
        UnsupportedTypeError, match=re.escape(f"Column 'c' is of type {column_type}")
    ):
        residual.apply(batch)


def test_conjuncts_are_joined_and_columns_are_told() -> None:
    small = SortedRangeSet.of(pa.int64(), [Range.less_than(3)], null_allowed=True)
    odd = Call(
        "$equal",
        (
            Call(
                "$modulus",
                (Variable("a", pa.int64()), Constant((2,), pa.int64())),
                pa.int64(),
            ),
            Constant((1,), pa.int64()),
        ),
        BOOL,
    )
    flag = Variable("flag", BOOL)
    constraints = Constraints({"a": small}, (Call("$and", (odd, flag), BOOL),))
    residual = compile_residual(constraints.conjuncts())
    assert residual.columns == {"a", "flag"}
    batch = pa.RecordBatch.from_pydict(
        {
            "a": pa.array([1, 2, None, 3, 1, 1], pa.int64()),
            "flag": pa.array([True, True, True, True, True, None]),
            "other": [[number] for number in range(6)],
        }
    )
    result = residual.apply(batch)
    assert result.schema == batch.schema
    assert result.column("other").to_pylist() == [[0], [4]]


def test_no_conjunct_keeps_the_batch_as_it_is() -> None:
    batch = pa.RecordBatch.from_pydict({"a": [1]})
    residual = compile_residual([])
    assert residual.columns == frozenset()
    assert residual.apply(batch) is batch
    no_columns = pa.RecordBatch.from_struct_array(pa.array([{}, {}], pa.struct([])))
    assert residual.apply(no_columns).num_rows == 2


def test_a_constant_predicate_keeps_all_or_nothing() -> None:
    batch = pa.RecordBatch.from_pydict({"a": [1, 2]})
    for value, rows in ((True, 2), (False, 0), (None, 0)):
        assert compile_residual([Constant((value,), BOOL)]).apply(batch).num_rows == rows


def test_a_missing_column_is_named() -> None:
    residual = compile_residual([ColumnDomain("gone", SortedRangeSet.none(pa.int8()))])
    with pytest.raises(ColumnNotFoundError, match="looks at column 'gone'"):
        residual.apply(pa.RecordBatch.from_pydict({"a": [1]}))


def test_only_rows_that_the_rest_lets_pass_can_fail() -> None:
    quotient = Call("$divide", (Constant((6,), pa.int8()), Variable("a", pa.int8())), pa.int8())
    large = Call("$greater_than", (quotient, Constant((1,), pa.int8())), BOOL)
    batch = pa.RecordBatch.from_arrays([pa.array([0, 1, 6], pa.int8())], ["a"])
    not_zero = SortedRangeSet.of_points(pa.int8(), [0]).complement()
    residual = compile_residual([large, ColumnDomain("a", not_zero)])
    assert residual.apply(batch).column("a").to_pylist() == [1]
    with pytest.raises(InvalidRequestError, match=r'\(6 / "a"\) divides by zero'):
        compile_residual([large]).apply(batch)


def test_an_empty_batch_is_not_evaluated() -> None:
    failing = Call("$divide", (Constant((6,), pa.int8()), Constant((0,), pa.int8())), pa.int8())
    residual = compile_residual([Call("$is_null", (failing,), BOOL)])
    empty = pa.RecordBatch.from_pydict({"a": pa.array([], pa.int8())})
    assert residual.apply(empty).num_rows == 0
    with pytest.raises(InvalidRequestError, match=r"\(6 / 0\) divides by zero"):
        residual.apply(pa.RecordBatch.from_pydict({"a": pa.array([1], pa.int8())}))


def test_one_residual_serves_batches_of_different_types() -> None:
    residual = compile_residual([ColumnDomain("a", SortedRangeSet.of_points(pa.int64(), [1, 3]))])
    for type_ in (pa.int8(), pa.int64(), pa.decimal128(5, 2)):
        batch = pa.RecordBatch.from_arrays([pa.array([1, 2, 3], type_)], ["a"])
        for _ in range(2):
            assert residual.apply(batch).num_rows == 2


ASCENDING: list[tuple[pa.DataType, list[Any]]] = [
    (pa.bool_(), [False, True]),
    (pa.int8(), [-128, 0, 127]),
    (pa.int16(), [-(2**15), 0, 2**15 - 1]),
    (pa.int32(), [-(2**31), 0, 2**31 - 1]),
    (pa.int64(), [-(2**63), 0, 2**63 - 1]),
    (pa.float32(), [-math.inf, 0.5, math.inf]),
    (pa.float64(), [-math.inf, 5e-324, math.inf]),
    (pa.decimal128(38, 38), [Decimal("-1E-38"), Decimal("1E-38"), Decimal("0." + "9" * 38)]),
    (pa.string(), ["", "a", "a ", "\U0010ffff"]),
    (pa.binary(), [b"", b"\x7f", b"\x80"]),
    (pa.date32(), [-(2**31), -1, 0]),
    (pa.date64(), [-1, 0, 86_399_999]),
    (pa.timestamp("ms", "UTC"), [-1 << 12, 1, 2 << 12 | 1847]),
]


@pytest.mark.parametrize(("type_", "values"), ASCENDING, ids=lambda item: str(item)[:20])
def test_every_type_in_value_sets_and_expressions(type_: pa.DataType, values: list[Any]) -> None:
    batch = pa.RecordBatch.from_arrays([column_of([None, *values], type_)], ["c"])
    for place, value in enumerate(values):
        constant = Constant((value,), type_)
        above = SortedRangeSet.of(type_, [Range.greater_than(value)], null_allowed=False)
        others = SortedRangeSet.of_points(type_, [value]).complement()
        for conjunct, rows in (
            (ColumnDomain("c", above), values[place + 1 :]),
            (Call("$greater_than", (Variable("c", type_), constant), BOOL), values[place + 1 :]),
            (Call("$equal", (constant, Variable("c", type_)), BOOL), [value]),
            (ColumnDomain("c", others), [None, *values[:place], *values[place + 1 :]]),
        ):
            wanted = pa.RecordBatch.from_arrays([column_of(rows, type_)], ["c"])
            assert compile_residual([conjunct]).apply(batch).equals(wanted)

"""The algebra of value sets against a plain reading of what a set contains."""

from __future__ import annotations

import math
import time
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pyarrow as pa
import pytest
from athena_connectors.common.errors import InvalidRequestError
from athena_connectors.common.testing import strategies
from athena_connectors.common.valueset import (
    AllOrNoneValueSet,
    Bound,
    EquatableValueSet,
    Marker,
    Range,
    SortedRangeSet,
    ValueSet,
    has_order,
    sort_key,
)
from hypothesis import given, settings
from hypothesis import strategies as st

NAN = math.nan
INT = pa.int32()
ZONED = pa.timestamp("ms", "UTC")


@st.composite
def sets_and_values(draw: st.DrawFn, count: int) -> tuple[list[ValueSet], list[Any]]:
    """Sets of one class and type, and values to try: their own ends among them."""
    type_ = draw(strategies.scalar_types())
    first = draw(strategies.value_sets(type_))
    alike = strategies.value_sets(type_).filter(lambda item: type(item) is type(first))
    sets = [first, *(draw(alike) for _ in range(count - 1))]
    tried = draw(st.lists(strategies.values(type_), max_size=4))
    for item in sets:
        for part in getattr(item, "ranges", ()):
            tried += [part.low.value, part.high.value]
        tried += getattr(item, "values", ())
    return sets, [None, *tried]


def in_range(type_: pa.DataType, item: Range, value: Any) -> bool:
    """Whether a range holds a value, spelled out."""
    key = sort_key(type_, value)
    above = below = True
    if item.low.value is not None:
        low = sort_key(type_, item.low.value)
        above = key >= low if item.low.bound is Bound.EXACTLY else key > low
    if item.high.value is not None:
        high = sort_key(type_, item.high.value)
        below = key <= high if item.high.bound is Bound.EXACTLY else key < high
    return above and below


@st.composite
def ranges_of_a_type(draw: st.DrawFn) -> tuple[pa.DataType, list[Range], list[Any]]:
    type_ = draw(strategies.scalar_types())
    items = draw(st.lists(strategies.ranges(type_), max_size=6))
    ends = [end.value for item in items for end in (item.low, item.high) if end.value is not None]
    return type_, items, [*ends, *draw(st.lists(strategies.values(type_), max_size=4))]


@given(ranges_of_a_type())
@settings(max_examples=120, deadline=None)
def test_of_holds_what_its_ranges_hold(case: tuple[pa.DataType, list[Range], list[Any]]) -> None:
    type_, items, tried = case
    made = SortedRangeSet.of(type_, items, null_allowed=False)
    for value in tried:
        wanted = any(in_range(type_, item, value) for item in items)
        assert made.contains(value) == wanted
        assert any(in_range(type_, item, value) for item in made.ranges) == wanted


@given(ranges_of_a_type())
@settings(max_examples=80, deadline=None)
def test_ranges_are_ascending_and_neither_overlap_nor_touch(
    case: tuple[pa.DataType, list[Range], list[Any]],
) -> None:
    type_, items, _ = case
    made = SortedRangeSet.of(type_, items, null_allowed=False).ranges
    for left, right in pairwise(made):
        high, low = sort_key(type_, left.high.value), sort_key(type_, right.low.value)
        assert high < low or (
            high == low and (left.high.bound, right.low.bound) == (Bound.BELOW, Bound.ABOVE)
        )


@given(ranges_of_a_type(), st.randoms())
@settings(max_examples=50, deadline=None)
def test_order_of_the_ranges_given_does_not_matter(
    case: tuple[pa.DataType, list[Range], list[Any]], chance: Any
) -> None:
    type_, items, tried = case
    made = SortedRangeSet.of(type_, items, null_allowed=True)
    chance.shuffle(items)
    again = SortedRangeSet.of(type_, items, null_allowed=True)
    assert [made.contains(value) for value in tried] == [again.contains(value) for value in tried]
    assert len(made.ranges) == len(again.ranges)


@given(sets_and_values(2))
@settings(max_examples=150, deadline=None)
def test_operations_agree_with_membership(case: tuple[list[Any], list[Any]]) -> None:
    (one, two), tried = case
    for value in tried:
        in_one, in_two = one.contains(value), two.contains(value)
        assert one.union(two).contains(value) == (in_one or in_two)
        assert one.intersect(two).contains(value) == (in_one and in_two)
        assert one.complement().contains(value) == (not in_one)
        assert one.subtract(two).contains(value) == (in_one and not in_two)


@given(sets_and_values(2))
@settings(max_examples=80, deadline=None)
def test_de_morgan_and_double_complement(case: tuple[list[Any], list[Any]]) -> None:
    (one, two), tried = case
    either = one.union(two).complement()
    neither = one.complement().intersect(two.complement())
    both = one.intersect(two).complement()
    not_both = one.complement().union(two.complement())
    twice = one.complement().complement()
    for value in tried:
        assert either.contains(value) == neither.contains(value)
        assert both.contains(value) == not_both.contains(value)
        assert twice.contains(value) == one.contains(value)


@given(sets_and_values(1))
@settings(max_examples=80, deadline=None)
def test_flags_mean_what_they_say(case: tuple[list[Any], list[Any]]) -> None:
    (item,), tried = case
    held = [value for value in tried if value is not None and item.contains(value)]
    if item.is_none:
        assert not held
    if item.is_all:
        assert len(held) == len(tried) - tried.count(None)
    if item.is_single_value:
        keys = {repr(sort_key(item.type, value)) for value in held}
        assert len(keys) <= (0 if item.null_allowed else 1)


@given(
    strategies.scalar_types().flatmap(
        lambda type_: st.tuples(st.just(type_), st.lists(strategies.values(type_), max_size=6))
    )
)
@settings(max_examples=80, deadline=None)
def test_points_and_excluded_points(case: tuple[pa.DataType, list[Any]]) -> None:
    type_, given_values = case
    points = SortedRangeSet.of_points(type_, given_values)
    ascending = sorted({sort_key(type_, value) for value in given_values})
    assert [sort_key(type_, value) for value in points.points() or ()] == ascending
    assert points.excluded_points() is None
    others = points.complement()
    if given_values:
        assert [sort_key(type_, value) for value in others.excluded_points() or ()] == ascending
        assert others.points() is None
    else:
        assert others.excluded_points() is None
        assert others.is_all


@pytest.mark.parametrize(
    ("items", "points", "excluded"),
    [
        ([Range.less_than(5)], None, None),
        ([Range.less_than(5), Range.greater_than(5)], None, (5,)),
        ([Range.less_than(5), Range.greater_than(6)], None, None),
        ([Range.less_than(5), Range.at_least(6)], None, None),
        ([Range.at_least(1), Range.less_than(0)], None, None),
        ([Range.between(1, 2), Range.greater_than(9)], None, None),
        ([Range.less_than(0), Range.equal(3)], None, None),
        ([Range.between(1, 2)], None, None),
        ([Range.equal(2), Range.equal(1)], (1, 2), None),
        ([Range.all()], None, None),
        ([], (), None),
    ],
)
def test_shapes(items: list[Range], points: Any, excluded: Any) -> None:
    made = SortedRangeSet.of(INT, items, null_allowed=False)
    assert made.points() == points
    assert made.excluded_points() == excluded


def test_adjacent_ranges_merge_and_a_gap_of_one_value_stays() -> None:
    at_most = SortedRangeSet.of(INT, [Range.equal(5), Range.less_than(5)], null_allowed=False)
    assert at_most.ranges == (Range.at_most(5),)
    apart = SortedRangeSet.of(INT, [Range.greater_than(5), Range.less_than(5)], null_allowed=False)
    assert apart.ranges == (Range.less_than(5), Range.greater_than(5))
    assert SortedRangeSet.of(
        INT, [Range.at_most(7), Range.less_than(3), Range.greater_than(7)], null_allowed=False
    ).is_all


def test_named_sets() -> None:
    assert SortedRangeSet.all_values(INT).contains(None)
    assert SortedRangeSet.all_values(INT).contains(7)
    assert SortedRangeSet.none(INT) == SortedRangeSet.all_values(INT).complement()
    assert SortedRangeSet.only_null(INT) == SortedRangeSet.not_null(INT).complement()
    assert SortedRangeSet.only_null(INT).is_single_value
    assert not SortedRangeSet.none(INT).is_single_value
    assert SortedRangeSet.of_points(INT, [4]).is_single_value
    assert not SortedRangeSet.of_points(INT, [4], null_allowed=True).is_single_value
    assert not SortedRangeSet.not_null(INT).is_single_value


def test_nan_and_zeros_have_their_place() -> None:
    type_ = pa.float64()
    above = SortedRangeSet.of(type_, [Range.greater_than(math.inf)], null_allowed=False)
    assert above.contains(NAN)
    assert SortedRangeSet.of_points(type_, [NAN]).contains(-NAN)
    negative = SortedRangeSet.of(type_, [Range.less_than(0.0)], null_allowed=False)
    assert negative.contains(-0.0)
    assert not SortedRangeSet.of_points(type_, [0.0]).contains(-0.0)


def test_texts_go_by_utf16_code_units() -> None:
    ordered = ["\ud7ff", "\U00010000", "\U0010ffff", "\ue000", "\uffff"]
    backwards = ordered[::-1]
    assert sorted(backwards, key=lambda text: sort_key(pa.string(), text)) == ordered


def test_one_instant_in_two_zones_is_one_value() -> None:
    utc, elsewhere = 1_591_000_000_000 << 12, 1_591_000_000_000 << 12 | 1847
    assert SortedRangeSet.of_points(ZONED, [utc]).contains(elsewhere)
    assert len(SortedRangeSet.of_points(ZONED, [utc, elsewhere]).ranges) == 1
    point = SortedRangeSet.of(ZONED, [Range.between(utc, elsewhere)], null_allowed=False)
    assert point.points() == (utc,)


def test_zoned_types_differ_in_unit_only() -> None:
    one = SortedRangeSet.of_points(ZONED, [0])
    other = SortedRangeSet.of_points(pa.timestamp("ms", "Asia/Kolkata"), [4096])
    assert len(one.union(other).ranges) == 2
    with pytest.raises(InvalidRequestError, match="can't be combined"):
        one.union(SortedRangeSet.of_points(pa.timestamp("ms"), [0]))
    with pytest.raises(InvalidRequestError, match="can't be combined"):
        one.union(SortedRangeSet.of_points(pa.timestamp("us", "UTC"), [0]))


@pytest.mark.parametrize("operation", ["union", "intersect", "subtract"])
@pytest.mark.parametrize(
    "other",
    [
        SortedRangeSet.none(pa.int64()),
        EquatableValueSet(INT, (), white_list=True, null_allowed=False),
        AllOrNoneValueSet(INT, all=True, null_allowed=True),
    ],
)
@pytest.mark.parametrize(
    "one",
    [
        SortedRangeSet.none(INT),
        EquatableValueSet(pa.int8(), (), white_list=True, null_allowed=False),
        AllOrNoneValueSet(pa.int8(), all=True, null_allowed=True),
    ],
)
def test_sets_of_other_class_or_type_do_not_mix(one: Any, other: Any, operation: str) -> None:
    with pytest.raises(InvalidRequestError, match="can't be combined"):
        getattr(one, operation)(other)


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (Range(Marker(1, Bound.BELOW), Marker(2, Bound.EXACTLY)), "bound BELOW at its low end"),
        (Range(Marker(1, Bound.EXACTLY), Marker(2, Bound.ABOVE)), "bound ABOVE at its high end"),
        (Range(Marker(None, Bound.EXACTLY), Marker(2, Bound.BELOW)), "EXACTLY at its low end"),
        (Range(Marker(1, Bound.EXACTLY), Marker(None, Bound.EXACTLY)), "EXACTLY at its high end"),
        (Range.between(2, 1), "from 2 to 1 is empty"),
        (Range.between(1, 1, high_inclusive=False), "from 1 to 1 is empty"),
        (Range.between(1, 1, low_inclusive=False), "from 1 to 1 is empty"),
        (Range.equal("1"), "'1' is no physical value of type int32"),
    ],
)
def test_bad_ranges_are_refused(bad: Range, message: str) -> None:
    with pytest.raises(InvalidRequestError, match=message):
        SortedRangeSet.of(INT, [bad], null_allowed=False)


@pytest.mark.parametrize(
    "type_", [pa.list_(pa.int8()), pa.struct([("a", pa.int8())]), pa.map_(pa.string(), pa.int8())]
)
def test_nested_types_have_no_order_but_equality(type_: pa.DataType) -> None:
    assert not has_order(type_)
    with pytest.raises(InvalidRequestError, match="no order"):
        SortedRangeSet.of(type_, [Range.all()], null_allowed=False)
    value: Any = [1, {"a": 2}]
    held = EquatableValueSet(type_, (value,), white_list=True, null_allowed=False)
    assert held.contains([1, {"a": 2}])
    assert held.intersect(held) == held
    assert not held.contains([2])


@pytest.mark.parametrize(
    ("type_", "ascending"),
    [
        (pa.bool_(), [False, True]),
        (pa.int64(), [-(2**63), -1, 0, 2**63 - 1]),
        (pa.float32(), [-math.inf, -1.0, -0.0, 0.0, 1.5, math.inf, NAN]),
        (pa.decimal128(38, 2), [Decimal("-1E35"), Decimal("-0.01"), Decimal(0), Decimal("9" * 36)]),
        (pa.string(), ["", " ", "A", "a", "a ", "aa"]),
        (pa.binary(), [b"", b"\0", b"\x7f", b"\x80", b"\xff"]),
        (pa.large_binary(), [b"\x7f", b"\x80"]),
        (pa.binary(1), [b"\x7f", b"\x80"]),
        (pa.date32(), [-1, 0, 1]),
        (pa.date64(), [-86_400_001, -86_400_000, 0, 1]),
        (ZONED, [-2 << 12 | 4095, -1 << 12, 0, 1 << 12]),
    ],
)
def test_order_of_every_type(type_: pa.DataType, ascending: list[Any]) -> None:
    keys = [sort_key(type_, value) for value in ascending]
    assert keys == sorted(keys)
    assert all(low < high for low, high in pairwise(keys))


def test_ten_thousand_points_take_less_than_two_seconds() -> None:
    texts = [f"word {number * 7919 % 10_007}" for number in range(10_000)]
    start = time.process_time()
    made = SortedRangeSet.of_points(pa.string(), texts)
    assert len(made.complement().excluded_points() or ()) == 10_000
    assert made.intersect(made) == made
    assert made.union(made) == made
    assert made.contains("word 9999")
    assert time.process_time() - start < 2


def test_equatable_flags() -> None:
    def flags(*values: str, white: bool, null: bool) -> tuple[bool, bool, bool]:
        made = EquatableValueSet(pa.string(), values, white_list=white, null_allowed=null)
        return made.is_none, made.is_all, made.is_single_value

    assert flags(white=True, null=False) == (True, False, False)
    assert flags(white=True, null=True) == (False, False, True)
    assert flags(white=False, null=True) == (False, True, False)
    assert flags("a", white=True, null=False) == (False, False, True)
    assert flags("a", "b", white=True, null=False) == (False, False, False)


def test_all_or_none_flags() -> None:
    def flags(*, all_values: bool, null: bool) -> tuple[bool, bool, bool]:
        made = AllOrNoneValueSet(pa.string(), all=all_values, null_allowed=null)
        return made.is_none, made.is_all, made.is_single_value

    assert flags(all_values=False, null=False) == (True, False, False)
    assert flags(all_values=True, null=True) == (False, True, False)
    assert flags(all_values=False, null=True) == (False, False, True)
    assert flags(all_values=True, null=False) == (False, False, False)

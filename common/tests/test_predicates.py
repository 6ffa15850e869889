"""Predicates against the evaluation of rows, with a source that is asked for row numbers."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest
from athena_connectors.common.constraints import ColumnDomain
from athena_connectors.common.expressions import Call, Constant, Variable
from athena_connectors.common.number_bounds import REALS
from athena_connectors.common.physical import Kind, kind_of
from athena_connectors.common.predicate_leaves import Algebra, Leaves
from athena_connectors.common.predicates import MAX_DEPTH, conjunct_predicate
from athena_connectors.common.residual import compile_residual
from athena_connectors.common.testing import strategies
from athena_connectors.common.valueset import AllOrNoneValueSet, Bound, EquatableValueSet
from hypothesis import given, settings
from hypothesis import strategies as st

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from athena_connectors.common.constraints import Conjunct
    from athena_connectors.common.expressions import Expression
    from athena_connectors.common.valueset import SortedRangeSet

TYPES: dict[str, pa.DataType] = {
    "byte": pa.int8(),
    "whole": pa.int64(),
    "money": pa.decimal128(9, 2),
    "float": pa.float64(),
    "text": pa.string(),
    "flag": pa.bool_(),
    "day": pa.date32(),
    "raw": pa.binary(),
}
NAN = float("nan")
TEXTS = st.text("ab%_\U0001f600\uffee", max_size=3)
FLOATS = st.sampled_from((0.0, -0.0, 1.0, 1.5, 2.0**53, -1e300, float("inf"), NAN))
SMALL: dict[str, st.SearchStrategy[Any]] = {
    "byte": st.integers(-3, 3),
    "whole": st.integers(-3, 3) | st.sampled_from((2**53, 2**53 + 1, 2**63 - 1)),
    "money": st.integers(-300, 300).map(lambda cents: Decimal(cents).scaleb(-2)),
    "float": FLOATS,
    "text": TEXTS,
    "flag": st.booleans(),
    "day": st.integers(-2, 2),
    "raw": st.binary(max_size=1),
}
ROWS = 8


@dataclass(frozen=True)
class Found:
    """Rows, and whether a predicate may be true for fewer of them."""

    rows: frozenset[int]
    reason: str = ""


@dataclass(frozen=True)
class Asked:
    """A column that the source knows."""

    name: str
    type: pa.DataType
    kind: Kind


@dataclass(frozen=True)
class World:
    """Some rows.

    Attributes:
        rows: The values of each column.
        unknown: Columns that can't be asked for.
        holds_nan: Whether a float may be NaN; then there may be some.
    """

    rows: dict[str, list[Any]]
    unknown: frozenset[str] = frozenset()
    holds_nan: bool = True

    @property
    def batch(self) -> pa.RecordBatch:
        return pa.record_batch(
            {
                "row": pa.array(range(ROWS)),
                **{name: strategies.column_of(self.rows[name], TYPES[name]) for name in TYPES},
            }
        )

    def find(self, name: str) -> Asked | str:
        if name in self.unknown:
            return f"{name} is not known"
        return Asked(name, TYPES[name], kind_of(TYPES[name]))

    def where(self, subject: Asked, holds: Callable[[Any], bool], reason: str = "") -> Found:
        values = self.rows[subject.name]
        return Found(frozenset(row for row in range(ROWS) if holds(values[row])), reason)

    def has_value(self, subject: Asked, values: SortedRangeSet, *, utf16: bool) -> Found:
        if subject.kind in (Kind.INTEGER, Kind.DECIMAL):
            assert values.type in (subject.type, REALS)
        else:
            assert values.type == subject.type
        if subject.kind is Kind.TEXT and not utf16:
            return self.where(subject, lambda text: text is not None and _by_points(values, text))
        reason = "NaN is greater than all." if subject.kind is Kind.FLOAT else ""

        def holds(value: Any) -> bool:
            if value is not None and values.type == REALS:
                value = Decimal(value)
            return value is not None and values.contains(value)

        return self.where(subject, holds, reason)

    def contains(self, subject: Asked, piece: str) -> Found | None:
        if "b" in piece:
            return None
        return self.where(subject, lambda value: value is not None and piece in value)

    @property
    def leaves(self) -> Leaves[Asked, Found]:
        every = frozenset(range(ROWS))

        def all_true(parts: Sequence[Found]) -> Found:
            return Found(every.intersection(*(part.rows for part in parts)), _reason(parts))

        def any_true(parts: Sequence[Found]) -> Found:
            return Found(frozenset().union(*(part.rows for part in parts)), _reason(parts))

        return Leaves(
            algebra=Algebra(
                Found(frozenset()), lambda reason: Found(every, reason), all_true, any_true
            ),
            is_null=lambda subject: self.where(subject, lambda value: value is None),
            not_null=lambda subject: self.where(subject, lambda value: value is not None),
            has_value=self.has_value,
            contains=self.contains,
            holds_nan=self.holds_nan,
            like="a part of the pattern",
        )

    def predicate(self, conjunct: Conjunct, **options: Any) -> Found:
        return conjunct_predicate(conjunct, self.find, self.leaves, **options)

    def check(self, conjunct: Conjunct) -> Found:
        found = self.predicate(conjunct)
        wanted = frozenset(compile_residual([conjunct]).apply(self.batch)["row"].to_pylist())
        assert wanted <= found.rows
        assert found.reason or wanted == found.rows
        return found


def _reason(parts: Sequence[Found]) -> str:
    return next((part.reason for part in parts if part.reason), "")


def _by_points(values: SortedRangeSet, text: str) -> bool:
    """Return whether a text is in a set whose ends are ordered by code points."""
    for item in values.ranges:
        low, high = item.low, item.high
        above = low.value is None or low.value < text  # type: ignore[operator]
        below = high.value is None or text < high.value  # type: ignore[operator]
        first = text == low.value and low.bound is Bound.EXACTLY
        last = text == high.value and high.bound is Bound.EXACTLY
        if (above or first) and (below or last):
            return True
    return False


@st.composite
def worlds(draw: st.DrawFn) -> World:
    rows = {
        name: draw(st.lists(st.none() | SMALL[name], min_size=ROWS, max_size=ROWS))
        for name in TYPES
    }
    holds_nan = draw(st.booleans())
    if not holds_nan:
        rows["float"] = [None if value != value else value for value in rows["float"]]  # noqa: PLR0124
    unknown = draw(st.sets(st.sampled_from(sorted(TYPES)), max_size=1))
    return World(rows, frozenset(unknown), holds_nan)


@settings(max_examples=150)
@given(worlds(), st.data())
def test_every_row_of_an_expression_is_found_and_no_other_if_it_is_exact(
    world: World, data: st.DataObject
) -> None:
    names = data.draw(st.lists(st.sampled_from(sorted(TYPES)), min_size=1, max_size=2, unique=True))
    types = {name: TYPES[name] for name in names}
    conditions = strategies.conditions(types, arithmetic=False, depth=2, constants=SMALL)
    world.check(data.draw(conditions))


@settings(max_examples=100)
@given(worlds(), st.data())
def test_every_row_of_a_value_set_is_found_and_no_other_if_it_is_exact(
    world: World, data: st.DataObject
) -> None:
    name = data.draw(st.sampled_from(sorted(TYPES)))
    values = data.draw(strategies.value_sets(TYPES[name], ends=SMALL[name]))
    world.check(ColumnDomain(name, values))


@settings(max_examples=100)
@given(worlds(), TEXTS, st.booleans())
def test_every_text_that_is_like_a_pattern_is_found(
    world: World,
    pattern: str,
    negated: bool,  # noqa: FBT001
) -> None:
    world = replace(world, unknown=frozenset())
    like = _call("$like_pattern", Variable("text", pa.string()), _constant(pattern, pa.string()))
    found = world.check(_call("$not", like) if negated else like)
    if not negated and re.fullmatch("a*%?", pattern):
        assert not found.reason


def _call(function: str, *arguments: Expression) -> Call:
    return Call(function, arguments, pa.bool_())


def _constant(value: Any, type_: pa.DataType) -> Constant:
    return Constant((value,), type_)


def _world(**values: Any) -> World:
    rows: dict[str, list[Any]] = {name: [None] * ROWS for name in TYPES}
    for name, value in values.items():
        rows[name][: len(value)] = value
    return World(rows)


def _compared(function: str, name: str, value: Any, type_: pa.DataType) -> Call:
    return _call(function, Variable(name, TYPES[name]), _constant(value, type_))


def test_nan_is_found_by_what_is_the_opposite_of_a_comparison() -> None:
    world = _world(float=[1.0, 9.0, NAN])
    greater = _compared("$greater_than", "float", 5.0, pa.float64())
    assert world.check(_call("$not", greater)).rows == {0, 2}
    assert replace(world, holds_nan=False).predicate(_call("$not", greater)).rows == {0}
    distinct = _compared("$is_distinct_from", "float", NAN, pa.float64())
    assert world.check(_call("$not", distinct)).rows == {2}


@pytest.mark.parametrize(("function", "rows"), [("$and", {1, 2, 3, 5}), ("$or", {3})])
def test_not_of_and_and_or_follows_three_valued_logic(function: str, rows: set[int]) -> None:
    world = _world(byte=[1, 1, 0, 0, None, None], whole=[1, 0, 1, 0, 1, 0])
    parts = (
        _compared("$equal", "byte", 1, pa.int8()),
        _compared("$equal", "whole", 1, pa.int64()),
    )
    assert world.check(_call("$not", _call(function, *parts))).rows == rows


@pytest.mark.parametrize(("members", "rows"), [((1, 2), {2}), ((1, None), set())])
def test_not_in_is_true_of_nothing_if_null_is_listed(
    members: tuple[int | None, ...], rows: set[int]
) -> None:
    array = Call("$array", (Constant(members, pa.int8()),), pa.list_(pa.null()))
    listed = _call("$in", Variable("byte", pa.int8()), array)
    assert _world(byte=[1, 2, 3]).check(_call("$not", listed)).rows == rows


def test_whole_numbers_are_compared_with_floats_as_floats() -> None:
    world = _world(whole=[2**53, 2**53 + 1, 2**53 + 4, 5])
    equal = _compared("$equal", "whole", 2.0**53, pa.float64())
    assert world.check(equal).rows == {0, 1}
    assert world.predicate(equal).reason


@pytest.mark.parametrize(
    ("conjunct", "reason"),
    [
        (_compared("$equal", "text", 1, pa.int64()), "different types"),
        (_call("$equal", Variable("byte", pa.int8()), Variable("whole", pa.int64())), "other"),
        (ColumnDomain("byte", AllOrNoneValueSet(pa.int8(), all=False, null_allowed=False)), "NULL"),
        (
            ColumnDomain("byte", EquatableValueSet(pa.int64(), (1,), True, False)),  # noqa: FBT003
            "of type int64, the column of type int8",
        ),
    ],
)
def test_what_can_not_be_asked_for_has_a_reason(conjunct: Conjunct, reason: str) -> None:
    assert reason in _world().predicate(conjunct).reason


def test_a_column_that_is_not_known_has_the_reason_of_the_source() -> None:
    world = replace(_world(), unknown=frozenset({"byte"}))
    found = world.predicate(_compared("$equal", "byte", 1, pa.int8()))
    assert found == Found(frozenset(range(ROWS)), "byte is not known")


@pytest.mark.parametrize(("levels", "max_depth"), [(MAX_DEPTH, MAX_DEPTH), (4, 4)])
def test_an_expression_that_is_nested_too_deep_is_not_compiled(levels: int, max_depth: int) -> None:
    nested: Expression = _compared("$equal", "byte", 1, pa.int8())
    for _ in range(levels - 2):
        nested = _call("$not", nested)
    world = _world(byte=[1])
    assert not world.predicate(nested, max_depth=max_depth).reason
    deeper = world.predicate(_call("$not", nested), max_depth=max_depth)
    assert f"more than {max_depth} levels" in deeper.reason

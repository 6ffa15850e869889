from __future__ import annotations

import operator
from typing import Any

import pyarrow as pa
import pytest
from athena_connectors.common.comparisons import COMPARISONS, MIRRORED, NEGATED, compared_ranges
from athena_connectors.common.valueset import SortedRangeSet
from hypothesis import given
from hypothesis import strategies as st

MEANING = {
    "=": operator.eq,
    "<>": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
SMALL = st.integers(-3, 3)
symbols = pytest.mark.parametrize("symbol", COMPARISONS.values())


@symbols
@given(left=SMALL, right=SMALL)
def test_sides_and_truth_can_be_exchanged(symbol: str, left: int, right: int) -> None:
    truth = MEANING[symbol](left, right)
    assert MEANING[MIRRORED[symbol]](right, left) == truth
    assert MEANING[NEGATED[symbol]](left, right) == (not truth)


@symbols
@given(left=SMALL, right=SMALL)
def test_ranges_hold_what_compares_so(symbol: str, left: int, right: int) -> None:
    values = SortedRangeSet(pa.int64(), compared_ranges(symbol, right), null_allowed=False)
    assert values.contains(left) == MEANING[symbol](left, right)


@pytest.mark.parametrize(
    ("value", "type_"),
    [(7, pa.int64()), (0.5, pa.float64()), ("é", pa.string()), (b"", pa.binary())],
)
def test_what_is_unequal_is_all_but_the_point(value: Any, type_: pa.DataType) -> None:
    points = SortedRangeSet.of_points(type_, (value,))
    assert compared_ranges("<>", value) == points.complement().ranges

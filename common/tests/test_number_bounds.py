from __future__ import annotations

import math
from decimal import Decimal

import pyarrow as pa
import pytest
from athena_connectors.common.number_bounds import float_bounds
from hypothesis import given
from hypothesis import strategies as st

SINGLE, DOUBLE = pa.float32(), pa.float64()
TENTHS = st.integers(-10, 10)


@given(st.floats(allow_nan=False, allow_infinity=False, width=32), TENTHS)
def test_bug_19_a_single_float_lies_between_all_numbers_that_are_read_as_it(
    value: float, step: int
) -> None:
    low, high = float_bounds(value, SINGLE)
    near = Decimal(value) + Decimal(step) * Decimal(abs(value)) * Decimal("1E-8")
    if pa.scalar(float(near), SINGLE).as_py() == value:
        assert low is None or low <= near
        assert high is None or near <= high
    assert low is None or low < Decimal(value)
    assert high is None or high > Decimal(value)


@given(st.floats(allow_nan=False, allow_infinity=False), TENTHS)
def test_bug_19_a_double_lies_between_all_numbers_that_are_read_as_it(
    value: float, step: int
) -> None:
    low, high = float_bounds(value, DOUBLE)
    near = Decimal(value) + Decimal(step) * Decimal(abs(value)) * Decimal("1E-17")
    if float(near) == value:
        assert low is None or low <= near
        assert high is None or near <= high
    assert low is None or low < Decimal(value)
    assert high is None or high > Decimal(value)


@pytest.mark.parametrize(
    ("type_", "greatest"),
    [(DOUBLE, math.nextafter(math.inf, 0)), (SINGLE, (2 - 2**-23) * 2.0**127)],
)
def test_an_infinity_and_the_greatest_floats_have_one_end(
    type_: pa.DataType, greatest: float
) -> None:
    for value in (math.inf, greatest):
        low, high = float_bounds(value, type_)
        assert low is not None
        assert 0 < low <= Decimal(greatest)
        assert high is None
        assert float_bounds(-value, type_) == (None, low.copy_negate())


def test_nan_stands_for_no_numbers() -> None:
    assert float_bounds(math.nan, DOUBLE) == float_bounds(math.nan, SINGLE) == (None, None)

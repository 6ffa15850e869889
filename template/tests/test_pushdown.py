"""What the choice of files applies: exactly what looks at partition columns alone."""

from __future__ import annotations

import pyarrow as pa
import pytest
from athena_connectors.common.connector import Exactness
from athena_connectors.common.constraints import ColumnDomain, Constraints
from athena_connectors.common.expressions import Call, Constant, Variable
from athena_connectors.common.testing.strategies import sorted_range_sets
from athena_connectors.common.valueset import Range, SortedRangeSet
from athena_connectors.template.pushdown import plan, wanted
from hypothesis import given, settings
from hypothesis import strategies as st

WHOLE = pa.int64()
YEAR, ID = Variable("year", WHOLE), Variable("id", WHOLE)
PARTITIONS = pa.record_batch({"year": pa.array([2022, 2023, None, 2024], WHOLE)})


def since(column: str, year: int) -> ColumnDomain:
    values = SortedRangeSet.of(WHOLE, [Range.at_least(year)], null_allowed=False)
    return ColumnDomain(column, values)


def less(one: Variable | Constant, other: Variable | Constant) -> Call:
    return Call("$less_than", (one, other), pa.bool_())


def constraints_of(*conjuncts: ColumnDomain | Call) -> Constraints:
    summary = {each.column: each.values for each in conjuncts if isinstance(each, ColumnDomain)}
    return Constraints(summary, tuple(each for each in conjuncts if isinstance(each, Call)))


def years(*conjuncts: ColumnDomain | Call) -> list[int | None]:
    kept = wanted(PARTITIONS, constraints_of(*conjuncts), ["year"])
    found: list[int | None] = kept["year"].to_pylist()
    return found


@pytest.mark.parametrize(
    ("conjunct", "exactness"),
    [
        (since("year", 2023), Exactness.EXACT),
        (since("id", 2023), Exactness.NOT_PUSHED),
        (less(YEAR, Constant((2023,), WHOLE)), Exactness.EXACT),
        (less(YEAR, ID), Exactness.NOT_PUSHED),
        (less(ID, Constant((2023,), WHOLE)), Exactness.NOT_PUSHED),
    ],
)
def test_only_conditions_on_partition_columns_are_exact(
    conjunct: ColumnDomain | Call, exactness: Exactness
) -> None:
    (decision,) = plan(constraints_of(conjunct), {"year"}).decisions
    assert decision.conjunct == conjunct
    assert decision.exactness is exactness
    assert bool(decision.reason) is (exactness is not Exactness.EXACT)


def test_partitions_are_chosen_by_them_alone() -> None:
    assert years() == [2022, 2023, None, 2024]
    assert years(since("year", 2023)) == [2023, 2024]
    assert years(since("id", 2023)) == [2022, 2023, None, 2024]
    assert years(less(YEAR, Constant((2023,), WHOLE)), since("id", 1)) == [2022]
    assert years(less(YEAR, ID)) == [2022, 2023, None, 2024]


@settings(deadline=None)
@given(data=st.data())
def test_partitions_are_chosen_as_the_value_set_says(data: st.DataObject) -> None:
    values = data.draw(sorted_range_sets(WHOLE))
    expected = [year for year in PARTITIONS["year"].to_pylist() if values.contains(year)]
    assert years(ColumnDomain("year", values)) == expected

"""What types of several files come to."""

from __future__ import annotations

from itertools import permutations

import pyarrow as pa
import pytest
from athena_connectors.template.types import key_type, table_columns, union
from hypothesis import given, settings
from hypothesis import strategies as st

NULL, BOOL, WHOLE, REAL, TEXT = pa.null(), pa.bool_(), pa.int64(), pa.float64(), pa.string()
DATE, SECONDS, NANOS = pa.date32(), pa.timestamp("s"), pa.timestamp("ns")
UTC = pa.timestamp("s", "UTC")
TYPES = (None, NULL, BOOL, WHOLE, REAL, TEXT, DATE, SECONDS, NANOS, UTC, pa.list_(WHOLE))
types = st.sampled_from(TYPES)


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        (WHOLE, REAL, REAL),
        (DATE, SECONDS, SECONDS),
        (DATE, NANOS, NANOS),
        (SECONDS, NANOS, NANOS),
        (NULL, TEXT, TEXT),
        (NULL, None, None),
        (
            pa.struct([("x", WHOLE)]),
            pa.struct([("y", TEXT)]),
            pa.struct([("x", WHOLE), ("y", TEXT)]),
        ),
        (pa.list_(WHOLE), pa.list_(REAL), pa.list_(REAL)),
        (pa.struct([("x", WHOLE)]), pa.struct([("x", TEXT)]), None),
        (BOOL, WHOLE, None),
        (WHOLE, TEXT, None),
        (DATE, UTC, None),
        (SECONDS, UTC, None),
        (TEXT, pa.binary(), pa.binary()),
    ],
)
def test_union(one: pa.DataType, other: pa.DataType, expected: pa.DataType | None) -> None:
    assert union(one, other) == expected


@settings(deadline=None)
@given(one=types, other=types)
def test_union_asks_for_no_order_and_is_stable(
    one: pa.DataType | None, other: pa.DataType | None
) -> None:
    both = union(one, other)
    assert union(other, one) == both
    assert union(both, one) == both
    assert union(one, one) == one


@settings(deadline=None)
@given(files=st.lists(types, min_size=1, max_size=4))
def test_a_column_has_one_type_whatever_the_order_of_its_files(
    files: list[pa.DataType | None],
) -> None:
    found = {str(table_columns([{"a": type_} for type_ in order])) for order in permutations(files)}
    assert len(found) == 1


def test_columns_are_in_the_order_in_which_files_show_them() -> None:
    columns, untyped = table_columns([{"b": WHOLE}, {}, {"a": NULL, "b": REAL}, {"c": None}])
    assert list(columns.items()) == [("b", REAL), ("a", TEXT), ("c", TEXT)]
    assert untyped == {"a", "c"}


@pytest.mark.parametrize(
    ("values", "type_"),
    [
        (["2023", "2024", None], WHOLE),
        (["0", "-7"], WHOLE),
        (["1", "01"], TEXT),
        (["-0"], TEXT),
        (["9" * 18], WHOLE),
        (["9" * 19], TEXT),
        (["2024-02-29", "1999-12-31"], DATE),
        (["2023-02-29"], TEXT),
        (["2023", "2024-02-29"], TEXT),
        (["de", "fr"], TEXT),
        ([""], TEXT),
        ([None], TEXT),
        ([], TEXT),
    ],
)
def test_partition_columns(values: list[str | None], type_: pa.DataType) -> None:
    assert key_type(values) == type_

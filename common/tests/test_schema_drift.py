"""How a table has moved away from what was frozen."""

from __future__ import annotations

import pyarrow as pa
import pytest
from athena_connectors.common.inference import InferredColumn, InferredTable
from athena_connectors.common.schema_drift import Change, schema_drift

VARCHAR, BIGINT, DOUBLE = pa.string(), pa.int64(), pa.float64()


def column(
    name: str,
    type_: pa.DataType = VARCHAR,
    *others: str,
    attribute: str = "",
    note: str = "",
    seen: pa.DataType | None = None,
) -> InferredColumn:
    return InferredColumn(name, type_, attribute or name, others, share=0.5, note=note, seen=seen)


def drift(frozen: list[InferredColumn], fresh: list[InferredColumn]) -> list[tuple[Change, str]]:
    found = schema_drift(InferredTable(tuple(frozen)), InferredTable(tuple(fresh), documents=9))
    return [(difference.change, difference.text) for difference in found]


def of_types(frozen: pa.DataType, fresh: pa.DataType) -> list[tuple[Change, str]]:
    return drift([column("x", frozen)], [column("x", fresh)])


def row(**fields: pa.DataType) -> pa.DataType:
    return pa.struct(list(fields.items()))


def test_the_same_is_no_drift_in_any_order() -> None:
    columns = [column("a", row(b=BIGINT)), column("c", VARCHAR, "C")]
    assert drift(columns, columns[::-1]) == []


def test_new_and_gone_attributes_are_told() -> None:
    assert drift([column("a"), column("b")], [column("b"), column("c", BIGINT)]) == [
        (Change.GONE, "Attribute 'a' was not seen in 9 documents."),
        (Change.NEW, "Attribute 'c' is new: bigint, in 50% of the documents."),
    ]


def test_a_column_is_matched_by_its_attribute_not_by_its_name() -> None:
    assert drift([column("pretty", attribute="ugly")], [column("ugly")]) == []
    assert [change for change, _ in drift([column("a", attribute="b")], [column("a")])] == [
        Change.GONE,
        Change.NEW,
    ]


def test_two_attributes_that_differ_by_case_are_matched_exactly() -> None:
    both = [column("id"), column("ID", BIGINT)]
    assert drift(both, both) == []


def test_the_exact_spelling_is_matched_before_another() -> None:
    fresh = [column("ID", BIGINT), column("id")]
    assert drift([column("id", VARCHAR, "ID")], fresh) == [
        (Change.NEW, "Attribute 'ID' is new: bigint, in 50% of the documents.")
    ]


def test_other_spellings_are_told_unless_they_are_shown() -> None:
    assert drift([column("Id")], [column("ID", VARCHAR, "Id", "id")]) == [
        (Change.OTHER_SPELLING, "Attribute 'Id' is also spelt 'ID', 'id'."),
    ]
    assert drift([column("Id", VARCHAR, "ID")], [column("ID", VARCHAR, "Id")]) == []
    assert drift([column("Id")], [column("ID")]) == [
        (Change.OTHER_SPELLING, "Attribute 'Id' is also spelt 'ID'."),
    ]


@pytest.mark.parametrize(
    ("narrow", "wide"),
    [
        (pa.int32(), BIGINT),
        (pa.int32(), DOUBLE),
        (BIGINT, pa.decimal128(38, 9)),
        (BIGINT, pa.decimal128(19, 0)),
        (pa.decimal128(38, 9), pa.decimal128(38, 9)),
        (pa.decimal128(20, 5), pa.decimal128(38, 9)),
    ],
)
def test_wider_numbers_are_drift_and_narrower_ones_are_none(
    narrow: pa.DataType, wide: pa.DataType
) -> None:
    assert of_types(wide, narrow) == []
    assert [change for change, _ in of_types(narrow, wide)] == [Change.WIDER] * (narrow != wide)


@pytest.mark.parametrize(
    ("frozen", "fresh"),
    [
        (VARCHAR, BIGINT),
        (BIGINT, VARCHAR),
        (BIGINT, DOUBLE),
        (DOUBLE, BIGINT),
        (pa.decimal128(38, 9), pa.decimal128(38, 20)),
        (pa.decimal128(18, 0), BIGINT),
        (pa.bool_(), pa.list_(pa.bool_())),
        (row(a=BIGINT), pa.map_(VARCHAR, BIGINT)),
    ],
)
def test_types_that_do_not_hold_each_other_are_drift(
    frozen: pa.DataType, fresh: pa.DataType
) -> None:
    ((change, text),) = of_types(frozen, fresh)
    assert change is Change.OTHER_TYPE
    assert text.startswith("Column 'x': ")


def test_changes_within_are_told_with_their_place() -> None:
    frozen = pa.list_(row(a=BIGINT, b=pa.map_(VARCHAR, pa.int32())))
    fresh = pa.list_(row(b=pa.map_(VARCHAR, BIGINT), c=VARCHAR))
    assert of_types(frozen, fresh) == [
        (Change.GONE, "Column 'x', [].a: was not seen."),
        (Change.WIDER, "Column 'x', [].b.*: integer is frozen, bigint was seen."),
        (Change.NEW, "Column 'x', [].c: is new: varchar."),
    ]


def test_text_for_a_mixture_holds_what_this_sample_happened_to_see() -> None:
    assert drift([column("x", VARCHAR, note="mixed: ...")], [column("x", BIGINT)]) == []
    assert drift([column("x", VARCHAR)], [column("x", BIGINT)]) == [
        (Change.OTHER_TYPE, "Column 'x': varchar is frozen, bigint was seen.")
    ]
    assert drift([column("x", BIGINT, note="for a reason")], [column("x", VARCHAR)]) != []


def test_a_type_chosen_by_hand_is_compared_by_what_had_been_seen() -> None:
    chosen = column("x", pa.date32(), seen=VARCHAR)
    assert drift([chosen], [column("x", VARCHAR)]) == []
    assert drift([chosen], [column("x", BIGINT)]) == [
        (Change.OTHER_TYPE, "Column 'x': varchar is frozen, bigint was seen.")
    ]

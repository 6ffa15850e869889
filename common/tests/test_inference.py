"""Types inferred from samples, against a checker that knows values and types only."""

from __future__ import annotations

import math
from decimal import Decimal
from fractions import Fraction
from functools import reduce
from typing import Any, NamedTuple

import pyarrow as pa
import pytest
from athena_connectors.common.inference import InferencePolicy, InferredColumn, infer_schema
from athena_connectors.common.observed import MAX_DEPTH, Kind, Sample
from athena_connectors.common.types import engine_type
from hypothesis import given, settings
from hypothesis import strategies as st

POLICIES = [
    InferencePolicy(numbers=numbers, mixed=mixed)
    for numbers in ("decimal", "auto", "double", "varchar")
    for mixed in ("text", "json")
]
VARCHAR, BIGINT, DOUBLE = pa.string(), pa.int64(), pa.float64()


class Value(NamedTuple):
    """A value of the tests' own source."""

    kind: Kind
    content: Any = None


def look(value: Value) -> tuple[Kind, Any]:
    return value


def sample_of(*documents: dict[str, Value], max_struct_fields: int = 200) -> Sample:
    sample = Sample(look, max_struct_fields=max_struct_fields)
    for document in documents:
        sample.add(document)
    return sample


NULL, YES = Value(Kind.NULL), Value(Kind.BOOLEAN)
TEXT, BYTES, WHEN, ODD = map(Value, (Kind.TEXT, Kind.BINARY, Kind.TIMESTAMP, Kind.OTHER))


def dec(text: str) -> Value:
    return Value(Kind.DECIMAL, Decimal(text))


def int32(number: int) -> Value:
    return Value(Kind.INT32, number)


def int64(number: int) -> Value:
    return Value(Kind.INT64, number)


def dbl(number: float) -> Value:
    return Value(Kind.DOUBLE, number)


def list_(*elements: Value) -> Value:
    return Value(Kind.LIST, elements)


def set_(*elements: Value) -> Value:
    return Value(Kind.SET, elements)


def obj(**fields: Value) -> Value:
    return Value(Kind.STRUCT, fields)


def row(**fields: pa.DataType) -> pa.DataType:
    return pa.struct(fields)


# What holds for every sample.

NAMES = st.sampled_from(["a", "A", "b", "c.d", "Ä", "ä"])
NUMBERS = (
    st.integers(-(2**31), 2**31 - 1).map(int32)
    | st.integers(-(2**63), 2**63 - 1).map(int64)
    | st.sampled_from([2**53, -(2**53), 2**53 - 1, 2**53 + 1]).map(int64)
    | st.floats().map(dbl)
    | st.decimals(allow_nan=False, allow_infinity=False).map(lambda d: Value(Kind.DECIMAL, d))
    | st.sampled_from(["0", "1.50", "-3", "1E+20", "1E-30", "9E+37", "0.000"]).map(dec)
)
VALUES = st.recursive(
    st.sampled_from([NULL, YES, TEXT, BYTES, WHEN, ODD]) | NUMBERS,
    lambda inner: (
        st.lists(inner, max_size=3).map(lambda found: list_(*found))
        | st.lists(inner, max_size=2).map(lambda found: set_(*found))
        | st.dictionaries(NAMES, inner, max_size=4).map(lambda found: obj(**found))
    ),
    max_leaves=5,
)
ALIKE = st.sampled_from(
    [
        NUMBERS,
        NUMBERS.map(list_),
        NUMBERS.map(lambda number: obj(a=number)),
        VALUES.map(lambda value: obj(b=value)),
        st.dictionaries(NAMES, NUMBERS, max_size=4).map(lambda found: obj(**found)),
        VALUES,
    ]
)
COLUMNS = ALIKE.flatmap(lambda values: st.lists(values, min_size=1, max_size=5))
DOCUMENTS = st.dictionaries(NAMES, COLUMNS, max_size=3).map(
    lambda columns: [
        {name: values[row] for name, values in columns.items() if row < len(values)}
        for row in range(max(map(len, columns.values()), default=1))
    ]
)
LIMITS = st.sampled_from([1, 2, 200])


@settings(max_examples=150)
@given(DOCUMENTS, LIMITS, st.randoms(use_true_random=False))
def test_samples_merge_in_any_order_and_grouping(documents: Any, limit: int, random: Any) -> None:
    def part(some: Any) -> Sample:
        return sample_of(*some, max_struct_fields=limit)

    def merged(one: Sample, two: Sample) -> Sample:
        whole = part([])
        whole.merge(one)
        whole.merge(two)
        return whole

    whole = part(documents)
    one, two, three = (part(documents[start::3]) for start in range(3))
    before = [repr(some.attributes) for some in (one, two, three)]
    for grouped in (merged(merged(one, two), three), merged(three, merged(two, one))):
        assert grouped.documents == whole.documents
        assert grouped.attributes == whole.attributes
    assert [repr(some.attributes) for some in (one, two, three)] == before
    random.shuffle(documents)
    again = part(documents)
    for policy in POLICIES:
        assert infer_schema(again, policy) == infer_schema(whole, policy)


@settings(max_examples=150)
@given(DOCUMENTS, LIMITS)
def test_seeing_the_same_twice_changes_no_column(documents: Any, limit: int) -> None:
    once = sample_of(*documents, max_struct_fields=limit)
    twice = sample_of(*documents, *documents, max_struct_fields=limit)

    def without_note(column: InferredColumn) -> tuple[Any, ...]:
        return (column.name, column.type, column.others, column.is_json, column.share)

    for policy in POLICIES:
        assert list(map(without_note, infer_schema(twice, policy))) == list(
            map(without_note, infer_schema(once, policy))
        )


def shows(type_: pa.DataType, value: Value, *, exactly: bool) -> bool:
    """Return whether a column of a type shows a value, and shows it whole."""
    kind, content = value
    if kind is Kind.NULL or pa.types.is_string(type_):
        return True
    match type_:
        case pa.ListType():
            return kind in (Kind.LIST, Kind.SET) and all(
                shows(type_.value_type, element, exactly=exactly) for element in content
            )
        case pa.MapType():
            return kind is Kind.STRUCT and all(
                shows(type_.item_type, member, exactly=exactly) for member in content.values()
            )
        case pa.StructType():
            if kind is not Kind.STRUCT:
                return False
            fields = {field.name.lower(): field.type for field in type_.fields}
            return all(
                name.lower() in fields and shows(fields[name.lower()], member, exactly=exactly)
                for name, member in content.items()
            )
        case pa.Decimal128Type():
            number = Decimal(repr(content)) if kind is Kind.DOUBLE else Decimal(content)
            if not number.is_finite() or number.copy_abs() >= 10 ** (38 - type_.scale):
                return False
            return (Fraction(number) * 10**type_.scale).denominator == 1
        case _:
            return shows_scalar(type_, kind, content, exactly=exactly)


def shows_scalar(type_: pa.DataType, kind: Kind, content: Any, *, exactly: bool) -> bool:
    if pa.types.is_integer(type_):
        bits = type_.bit_width - 1
        return (
            kind in (Kind.INT32, Kind.INT64, Kind.DECIMAL)
            and content == int(content)
            and -(2**bits) <= content < 2**bits
        )
    if pa.types.is_float64(type_):
        if kind is Kind.DOUBLE:
            return True
        is_number = kind in (Kind.INT32, Kind.INT64, Kind.DECIMAL)
        return is_number and (not exactly or Decimal(float(content)) == Decimal(content))
    kinds = {
        pa.bool_(): Kind.BOOLEAN,
        pa.binary(): Kind.BINARY,
        pa.timestamp("ms"): Kind.TIMESTAMP,
    }
    return kinds[type_] is kind


@settings(max_examples=400)
@given(DOCUMENTS, LIMITS, st.sampled_from(POLICIES))
def test_every_value_seen_is_shown_whole(
    documents: Any, limit: int, policy: InferencePolicy
) -> None:
    columns = infer_schema(sample_of(*documents, max_struct_fields=limit), policy)
    by_attribute = {
        name: column for column in columns for name in (column.attribute, *column.others)
    }
    exactly = policy.numbers in ("decimal", "varchar")
    for document in documents:
        for name, value in document.items():
            column = by_attribute[name]
            assert shows(column.type, value, exactly=exactly), (column, value)
            engine_type(column.type)


@settings(max_examples=150)
@given(DOCUMENTS)
def test_columns_are_in_the_order_of_names_and_each_spelling_is_in_one(documents: Any) -> None:
    columns = infer_schema(sample_of(*documents), InferencePolicy())
    names = [column.name for column in columns]
    assert names == sorted(names)
    assert len({name.lower() for name in names}) == len(names)
    spellings = [name for column in columns for name in (column.attribute, *column.others)]
    assert sorted(spellings) == sorted({name for document in documents for name in document})


# What single cases become.


def inferred(
    *values: Value, policy: InferencePolicy | None = None, **options: Any
) -> InferredColumn:
    sample = sample_of(*({"x": value} for value in values), **options)
    (column,) = infer_schema(sample, policy or InferencePolicy())
    return column


@pytest.mark.parametrize(
    ("values", "type_"),
    [
        ([YES], pa.bool_()),
        ([TEXT, NULL], VARCHAR),
        ([BYTES], pa.binary()),
        ([WHEN], pa.timestamp("ms")),
        ([ODD], VARCHAR),
        ([NULL], VARCHAR),
        ([YES, TEXT], VARCHAR),
        ([TEXT, list_(TEXT)], VARCHAR),
        ([list_()], pa.list_(VARCHAR)),
        ([list_(NULL), list_(YES)], pa.list_(pa.bool_())),
        ([list_(TEXT), set_(TEXT)], pa.list_(VARCHAR)),
        ([list_(YES, TEXT)], pa.list_(VARCHAR)),
        ([list_(list_(), list_(YES))], pa.list_(pa.list_(pa.bool_()))),
        ([obj()], VARCHAR),
        ([obj(), obj(a=YES)], row(a=pa.bool_())),
        ([obj(b=YES), obj(a=TEXT)], row(a=VARCHAR, b=pa.bool_())),
        ([obj(a=YES), obj(a=TEXT)], row(a=VARCHAR)),
        ([list_(obj(a=YES)), list_(obj(b=NULL))], pa.list_(row(a=pa.bool_(), b=VARCHAR))),
        ([obj(a=obj(b=YES)), obj(a=obj(c=TEXT))], row(a=row(b=pa.bool_(), c=VARCHAR))),
        ([obj(a=YES), list_(YES)], VARCHAR),
    ],
)  # fmt: skip
def test_kinds_merge(values: list[Value], type_: pa.DataType) -> None:
    assert inferred(*values).type == type_


@pytest.mark.parametrize(
    ("values", "type_"),
    [
        ([int32(1)], pa.int32()),
        ([int64(1)], BIGINT),
        ([int32(1), int64(1)], BIGINT),
        ([dbl(1.5)], DOUBLE),
        ([dbl(math.nan), dbl(math.inf)], DOUBLE),
        ([int32(1), dbl(1.5)], DOUBLE),
        ([int64(2**53 - 1), int64(-(2**53)), dbl(math.nan)], DOUBLE),
        ([int64(2**53), dbl(1.5)], pa.decimal128(38, 9)),
        ([int64(2**53), dbl(1e-30)], VARCHAR),
        ([int64(2**53), dbl(math.nan)], VARCHAR),
        ([dec("1.5"), int32(1), dbl(0.1)], pa.decimal128(38, 9)),
        ([dec("1.5"), dbl(math.inf)], VARCHAR),
    ],
)  # fmt: skip
def test_numbers_of_a_source_with_types_merge(values: list[Value], type_: pa.DataType) -> None:
    assert inferred(*values).type == type_


@pytest.mark.parametrize(
    ("numbers", "decimal", "auto"),
    [
        (["1", "2"], pa.decimal128(38, 9), BIGINT),
        (["5.00"], pa.decimal128(38, 9), BIGINT),
        (["9223372036854775807", "-9223372036854775808"], pa.decimal128(38, 9), BIGINT),
        (["9223372036854775808"], pa.decimal128(38, 9), pa.decimal128(38, 9)),
        (["1.5"], pa.decimal128(38, 9), pa.decimal128(38, 9)),
        (["0.1234567890123"], pa.decimal128(38, 13), pa.decimal128(38, 13)),
        (["1E+28"], pa.decimal128(38, 9), pa.decimal128(38, 9)),
        (["1E+29"], VARCHAR, pa.decimal128(38, 8)),
        (["1E+37"], VARCHAR, pa.decimal128(38, 0)),
        (["1E+38"], VARCHAR, DOUBLE),
        (["1E-38"], pa.decimal128(38, 38), pa.decimal128(38, 38)),
        (["1E-39"], VARCHAR, DOUBLE),
        (["1E-20", "1E+20"], VARCHAR, DOUBLE),
    ],
)
def test_exact_numbers_go_by_the_policy(
    numbers: list[str], decimal: pa.DataType, auto: pa.DataType
) -> None:
    values = [dec(number) for number in numbers]
    assert inferred(*values).type == decimal
    assert inferred(*values, policy=InferencePolicy(numbers="auto")).type == auto
    assert inferred(*values, policy=InferencePolicy(numbers="double")).type == DOUBLE
    assert inferred(*values, policy=InferencePolicy(numbers="varchar")).type == VARCHAR


def test_auto_makes_no_bigint_where_a_double_was_seen() -> None:
    column = inferred(dec("1"), dbl(2.0), policy=InferencePolicy(numbers="auto"))
    assert column.type == pa.decimal128(38, 9)


def test_auto_makes_a_double_of_what_no_decimal_holds() -> None:
    column = inferred(dec("1.5"), dbl(math.inf), policy=InferencePolicy(numbers="auto"))
    assert column.type == DOUBLE


def test_text_for_numbers_has_a_reason() -> None:
    assert inferred(dec("1E+29"), dec("0.5")).note == (
        "numbers have up to 30 digits before the point and 1 after it"
    )


def test_a_mixture_tells_what_it_consists_of() -> None:
    column = inferred(TEXT, dec("1"), TEXT, NULL)
    assert column.note == "mixed: text in 2, number in 1"
    assert not column.is_json
    assert inferred(TEXT, dec("1"), policy=InferencePolicy(mixed="json")).is_json
    assert not inferred(TEXT, policy=InferencePolicy(mixed="json")).is_json


def test_a_mixture_within_a_structure_is_named_and_no_json() -> None:
    column = inferred(obj(a=list_(YES, TEXT)), policy=InferencePolicy(mixed="json"))
    assert column.note == "a[]: mixed: boolean in 1, text in 1"
    assert not column.is_json


def test_a_structure_of_which_a_field_has_no_name_is_text() -> None:
    column = inferred(obj(a=YES), obj(**{"": YES}))
    assert (column.type, column.note) == (VARCHAR, "a field has no name")
    assert inferred(list_(obj(**{"": YES}))).type == pa.list_(VARCHAR)


def test_a_structure_with_too_many_fields_is_a_map() -> None:
    column = inferred(obj(a=YES, b=NULL), obj(c=YES), max_struct_fields=2)
    assert column.type == pa.map_(VARCHAR, pa.bool_())
    assert column.note == "a map, as it has more than 2 fields"
    assert inferred(obj(a=YES, b=NULL), obj(b=YES), max_struct_fields=2).type == pa.struct(
        {"a": pa.bool_(), "b": pa.bool_()}
    )
    assert inferred(obj(a=YES, b=TEXT, c=YES), max_struct_fields=2).type == pa.map_(
        VARCHAR, VARCHAR
    )


def of_fields(start: int, count: int, value: Value = YES) -> Value:
    return obj(**{f"k{number}": value for number in range(start, start + count)})


def test_structures_with_their_own_fields_each_are_a_map() -> None:
    column = inferred(*(of_fields(start, 5) for start in range(0, 20, 5)))
    assert column.type == pa.map_(VARCHAR, pa.bool_())


@pytest.mark.parametrize(
    "values",
    [
        [of_fields(start, 5) for start in range(0, 15, 5)],  # 15 fields are few
        [of_fields(start, 10) for start in (0, 10, 20)],  # each in a third of the structures
        [of_fields(0, 30)] * 4,  # each in all
        [*(of_fields(start, 5) for start in range(0, 20, 5)), obj(t=TEXT)],  # of two types
        [of_fields(0, 20), *[obj()] * 10],  # empty ones say nothing about the fields
    ],
)
def test_other_structures_are_rows(values: list[Value]) -> None:
    assert isinstance(inferred(*values).type, pa.StructType)


def test_attributes_stay_columns_however_many_there_are() -> None:
    sample = sample_of({f"k{number}": YES for number in range(10)}, max_struct_fields=2)
    assert len(infer_schema(sample, InferencePolicy())) == 10


def test_what_is_nested_too_deeply_is_text() -> None:
    def tower(levels: int) -> Value:
        return reduce(lambda inner, _: list_(inner), range(levels), YES)

    def depth(type_: pa.DataType) -> int:
        return 1 + depth(type_.value_type) if isinstance(type_, pa.ListType) else 0

    assert depth(inferred(tower(MAX_DEPTH)).type) == MAX_DEPTH
    deeper = inferred(tower(MAX_DEPTH + 5)).type
    assert depth(deeper) == MAX_DEPTH
    assert str(deeper).count("string") == 1


def test_names_that_differ_by_case_are_one_column() -> None:
    sample = sample_of({"Id": TEXT}, {"ID": TEXT, "id": NULL}, {"ID": dec("1")})
    (column,) = infer_schema(sample, InferencePolicy())
    assert (column.name, column.others) == ("ID", ("Id", "id"))
    assert column.note == "mixed: text in 2, number in 1"
    assert column.share == 1.0


def test_fields_that_differ_by_case_are_one_field() -> None:
    column = inferred(obj(Ab=YES), obj(ab=YES), obj(ab=YES, c=YES))
    assert column.type == pa.struct({"ab": pa.bool_(), "c": pa.bool_()})
    assert column.note == "ab: also spelt Ab"


def test_rare_attributes_are_left_out_by_share() -> None:
    sample = sample_of({"a": NULL, "b": YES}, {"a": YES}, {"a": YES}, {})

    def names(share: float) -> list[str]:
        columns = infer_schema(sample, InferencePolicy(min_share=share), keys={"k": Kind.TEXT})
        return [column.name for column in columns]

    assert names(0.25) == ["k", "a", "b"]
    assert names(0.26) == ["k", "a"]
    assert names(0.75) == ["k", "a"]
    assert names(0.76) == ["k"]


def test_keys_come_first_in_their_order_and_keep_their_type() -> None:
    sample = sample_of({"z": TEXT, "a": YES, "M": TEXT}, {"z": TEXT, "m": dec("1"), "M": TEXT})
    keys = {"z": Kind.TEXT, "m": Kind.DECIMAL, "b": Kind.BINARY}
    columns = infer_schema(sample, InferencePolicy(), keys=keys)
    assert [(column.name, column.type, column.others) for column in columns] == [
        ("z", VARCHAR, ()),
        ("m", pa.decimal128(38, 9), ("M",)),
        ("b", pa.binary(), ()),
        ("a", pa.bool_(), ()),
    ]
    assert [column.share for column in columns] == [1.0, 0.5, 0.0, 0.5]


def test_a_key_of_numbers_goes_by_the_policy_and_by_what_was_seen() -> None:
    keys = {"n": Kind.DECIMAL}

    def type_of(policy: InferencePolicy, *documents: dict[str, Value]) -> pa.DataType:
        (column,) = infer_schema(sample_of(*documents), policy, keys=keys)
        return column.type

    auto = InferencePolicy(numbers="auto")
    assert type_of(auto, {"n": dec("5")}) == BIGINT
    assert type_of(auto, {"n": dec("5.5")}) == pa.decimal128(38, 9)
    assert type_of(auto) == pa.decimal128(38, 9)
    assert type_of(InferencePolicy(), {"n": dec("1E+30")}) == VARCHAR
    assert type_of(InferencePolicy(numbers="double")) == DOUBLE


def test_two_keys_that_differ_by_case_are_two_columns() -> None:
    sample = sample_of({"id": TEXT, "ID": dec("1"), "Id": YES})
    columns = infer_schema(sample, InferencePolicy(), keys={"id": Kind.TEXT, "ID": Kind.DECIMAL})
    assert [(column.name, column.type, column.others) for column in columns] == [
        ("id", VARCHAR, ("Id",)),
        ("ID", pa.decimal128(38, 9), ()),
    ]


def test_no_document_gives_the_keys_only() -> None:
    assert infer_schema(sample_of(), InferencePolicy()) == ()
    (column,) = infer_schema(sample_of(), InferencePolicy(), keys={"k": Kind.TEXT})
    assert (column.name, column.type, column.share) == ("k", VARCHAR, 0.0)


def test_memory_does_not_grow_with_the_number_of_documents_or_fields() -> None:
    sample = Sample(look, max_struct_fields=10)
    for number in range(1000):
        sample.add({"m": obj(**{f"k{number}": obj(**{f"j{number}": YES})})})
    tally = sample.attributes["m"]
    assert tally.fields == {}
    assert tally.values is not None
    assert tally.values.fields == {}
    assert tally.values.total == 1000

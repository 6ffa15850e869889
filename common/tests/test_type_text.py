"""Types as text: written in one form, read in many."""

from __future__ import annotations

import pyarrow as pa
import pytest
from athena_connectors.common.errors import UnsupportedTypeError
from athena_connectors.common.type_text import parse_type, type_text
from hypothesis import given, settings
from hypothesis import strategies as st

SCALARS = [
    *(pa.bool_(), pa.int8(), pa.int16(), pa.int32(), pa.int64(), pa.float32(), pa.float64()),
    *(pa.string(), pa.binary(), pa.date32(), pa.timestamp("ms"), pa.timestamp("ms", "UTC")),
]
NAMES = st.text(st.characters(exclude_categories=["Cs"]), max_size=8) | st.sampled_from(
    ["a", "A_1", "int", "row", "with time zone", 'a"b', "a\\", "a:b", "a.b", "", " a", "a`", "<>"]
)


@st.composite
def decimals(draw: st.DrawFn) -> pa.DataType:
    precision = draw(st.integers(1, 38))
    return pa.decimal128(precision, draw(st.integers(0, precision)))


def nested(types: st.SearchStrategy[pa.DataType]) -> st.SearchStrategy[pa.DataType]:
    fields = st.lists(st.tuples(NAMES, types), min_size=1, max_size=4)
    return (
        types.map(pa.list_) | st.tuples(types, types).map(lambda two: pa.map_(*two))
    ) | fields.map(pa.struct)


TYPES = st.recursive(st.sampled_from(SCALARS) | decimals(), nested, max_leaves=6)


@settings(max_examples=300)
@given(TYPES)
def test_what_is_written_is_read_as_the_same_type(type_: pa.DataType) -> None:
    assert parse_type(type_text(type_)) == type_


def in_glue_form(type_: pa.DataType) -> str:
    """Return a type as Hive writes it, with signs in names behind a backslash."""
    match type_:
        case pa.ListType():
            return f"array<{in_glue_form(type_.value_type)}>"
        case pa.MapType():
            return f"map<{in_glue_form(type_.key_type)},{in_glue_form(type_.item_type)}>"
        case pa.StructType():
            names = ("".join(f"\\{sign}" for sign in field.name) for field in type_.fields)
            types = (in_glue_form(field.type) for field in type_.fields)
            return f"struct<{','.join(map(':'.join, zip(names, types, strict=True)))}>"
        case _:
            return type_text(type_).upper()


def has_empty_name(type_: pa.DataType) -> bool:
    match type_:
        case pa.StructType():
            return any(not field.name or has_empty_name(field.type) for field in type_.fields)
        case pa.ListType():
            return has_empty_name(type_.value_type)
        case pa.MapType():
            return has_empty_name(type_.key_type) or has_empty_name(type_.item_type)
        case _:
            return False


@settings(max_examples=300)
@given(TYPES.filter(lambda type_: not has_empty_name(type_)))
def test_the_form_of_hive_is_read_as_the_same_type(type_: pa.DataType) -> None:
    assert parse_type(in_glue_form(type_)) == type_


@settings(max_examples=300)
@given(
    st.text('abint<>(),: "`\\3', max_size=12)
    | st.lists(
        st.sampled_from(["array", "row", "map", "int", "(", ")", "<", ">", ",", ":", " ", "38"]),
        max_size=12,
    ).map("".join)
)
def test_any_text_is_a_type_or_none(text: str) -> None:
    found = parse_type(text)
    assert found is None or parse_type(type_text(found)) == found


@pytest.mark.parametrize(
    ("text", "type_"),
    [
        ("INTEGER", pa.int32()),
        ("int", pa.int32()),
        ("bigint", pa.int64()),
        ("smallint", pa.int16()),
        ("tinyint", pa.int8()),
        ("float", pa.float32()),
        ("real", pa.float32()),
        ("double", pa.float64()),
        ("boolean", pa.bool_()),
        ("string", pa.string()),
        ("varchar", pa.string()),
        (" varchar ( 20 ) ", pa.string()),
        ("char(3)", pa.string()),
        ("binary", pa.binary()),
        ("date", pa.date32()),
        ("timestamp", pa.timestamp("ms")),
        ("timestamp(6)", pa.timestamp("ms")),
        ("timestamp_ntz", pa.timestamp("ms")),
        ("timestamp without time zone", pa.timestamp("ms")),
        ("timestamptz", pa.timestamp("ms", "UTC")),
        ("timestamp(3)  with time ZONE", pa.timestamp("ms", "UTC")),
        ("decimal", pa.decimal128(38, 18)),
        ("decimal(10)", pa.decimal128(10, 0)),
        ("decimal(10,2)", pa.decimal128(10, 2)),
        ("decimal(10, 2, 128)", pa.decimal128(10, 2)),
        ("set<string>", pa.list_(pa.string())),
        ("array(double)", pa.list_(pa.float64())),
        ("map<string,struct<A-b:int>>", pa.map_(pa.string(), pa.struct([("A-b", pa.int32())]))),
        ('row("with "" quote" date)', pa.struct({'with " quote': pa.date32()})),
        ("struct<`a b`:int>", pa.struct({"a b": pa.int32()})),
        ("struct< a : set< int > >", pa.struct({"a": pa.list_(pa.int32())})),
    ],
)  # fmt: skip
def test_types_are_read_as_people_write_them(text: str, type_: pa.DataType) -> None:
    assert parse_type(text) == type_


@pytest.mark.parametrize(
    "text",
    [
        *("", "json", "interval", "uniontype<int,string>", "array", "array<>", "array<int", "int>"),
        *("array<int,int>", "map<string>", "row(int)", "struct<a:>", "row()", "array(int>"),
        *("decimal(39,0)", "decimal(5,6)", "decimal(0)", "decimal(a)", "decimal(-1)", "int(3)"),
        *("decimal(1,1,1,1)", "varchar(1,2)", "double with time zone", "timestamp with time"),
        *("int int", '"int"', "row(a int", 'row("a int)', "decimal(\u0661)", "date(3)"),
        "array<" * 1000 + "int" + ">" * 1000,
    ],
)
def test_what_names_no_type_is_none(text: str) -> None:
    assert parse_type(text) is None


def test_types_are_written_as_athena_does() -> None:
    type_ = pa.struct({"a": pa.list_(pa.timestamp("us")), "B c": pa.map_(pa.string(), pa.int64())})
    assert type_text(type_) == 'row(a array(timestamp(3)), "B c" map(varchar, bigint))'
    assert type_text(pa.decimal128(38, 9)) == "decimal(38,9)"
    assert type_text(pa.large_string()) == "varchar"


def test_a_type_that_athena_lacks_is_refused() -> None:
    with pytest.raises(UnsupportedTypeError, match="union"):
        type_text(pa.dense_union([pa.field("a", pa.int32())]))

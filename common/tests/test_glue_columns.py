from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa
import pytest
from athena_connectors.common.glue_columns import (
    GlueField,
    commented_schema,
    declared_fields,
    mapping,
)
from athena_connectors.common.glue_tables import GlueColumn, GlueTable

if TYPE_CHECKING:
    from collections.abc import Mapping


def glue_table(columns: Mapping[str, str], **parameters: str) -> GlueTable:
    declared = tuple(GlueColumn(name, type_) for name, type_ in columns.items())
    return GlueTable("shop", "orders", declared, parameters, "", {})


@pytest.mark.parametrize(
    ("text", "type_"),
    [
        ("int", pa.int32()),
        ("bigint", pa.int64()),
        ("string", pa.string()),
        ("decimal(12,2)", pa.decimal128(12, 2)),
        ("timestamp", pa.timestamp("ms")),
        ("timestamptz", pa.timestamp("ms", "UTC")),
        ("date", pa.date32()),
        ("set<bigint>", pa.list_(pa.int64())),
        ("struct<Inner:array<double>>", pa.struct([("Inner", pa.list_(pa.float64()))])),
        ("map<int,string>", pa.map_(pa.string(), pa.string())),
        ("array<timestamptz>", pa.list_(pa.timestamp("ms"))),
    ],
)
def test_types_are_those_of_glue(text: str, type_: pa.DataType) -> None:
    (field,) = declared_fields(glue_table({"c": text}))
    assert field.type == type_


@pytest.mark.parametrize("text", ["varchar(20)", "char(3)", "varchar"])
def test_bug_05_texts_of_a_length_are_texts(text: str, caplog: pytest.LogCaptureFixture) -> None:
    (field,) = declared_fields(glue_table({"c": text}))
    assert field.type == pa.string()
    assert not caplog.records


@pytest.mark.parametrize("text", ["interval", "", "struct<>", "array<uniontype<int>>", "int>"])
def test_bug_05_an_unknown_type_is_text_and_named(
    text: str, caplog: pytest.LogCaptureFixture
) -> None:
    fields = declared_fields(glue_table({"a": "int", "c": text}))
    assert [field.type for field in fields] == [pa.int32(), pa.string()]
    (warning,) = caplog.messages
    assert "Glue table shop.orders" in warning
    assert f"column 'c' has type {text!r}" in warning


def test_names_in_maps_are_texts_whatever_glue_says(caplog: pytest.LogCaptureFixture) -> None:
    fields = declared_fields(glue_table({"a": "map<string,int>", "b": "array<map<int,int>>"}))
    ints = pa.map_(pa.string(), pa.int32())
    assert [field.type for field in fields] == [ints, pa.list_(ints)]
    (warning,) = caplog.messages
    assert "column 'b' has type 'array<map<int,int>>'" in warning


def test_a_mapped_column_has_its_fields_name() -> None:
    table = glue_table({"ID": "int", "city": "string"}, columnMapping=" id = Order-Id ,")
    assert declared_fields(table) == (
        GlueField("id", "Order-Id", pa.int32(), is_mapped=True, comment=""),
        GlueField("city", "city", pa.string(), is_mapped=False, comment=""),
    )


def test_of_two_columns_for_one_field_the_first_counts(caplog: pytest.LogCaptureFixture) -> None:
    table = glue_table({"a": "int", "b": "string"}, columnMapping="a=X,b=X")
    (field,) = declared_fields(table)
    assert field.type == pa.int32()
    assert "'X'" in caplog.text


def test_a_value_of_a_parameter_may_hold_commas() -> None:
    table = glue_table({"a": "int", "b": "int"}, formats="A=EEE, d MMM, yyyy,B = x = y, c=")
    assert mapping(table, "formats") == {"a": "EEE, d MMM, yyyy", "b": "x = y"}
    assert mapping(table, "other") == {}


def test_a_parameter_that_names_no_column_is_told(caplog: pytest.LogCaptureFixture) -> None:
    declared_fields(glue_table({"a": "int"}, columnMapping="b=B"))
    assert "columnMapping names 'b'" in caplog.text


def test_comments_stand_under_the_names_that_athena_sees() -> None:
    columns: list[tuple[str, pa.DataType]] = [
        ("Id", pa.int32()),
        ("ID", pa.int32()),
        ("city", pa.string()),
    ]
    schema = commented_schema(columns, [("Id", "The key."), ("city", ""), ("gone", "No column.")])
    assert schema.names == ["Id", "ID", "city"]
    assert schema.metadata == {b"id": b"The key."}
    assert not commented_schema(columns, []).metadata

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa
import pytest
from athena_connectors.common.glue_tables import GlueColumn, GlueDatabase, GlueTable
from athena_connectors.dynamodb.glue_schema import (
    declared_columns,
    has_dynamodb_tables,
    is_dynamodb_table,
    source_of,
)
from athena_connectors.dynamodb.relation import TimeFormat

if TYPE_CHECKING:
    from collections.abc import Mapping

ARN = "arn:aws:dynamodb:eu-west-1:123456789012:table/Orders.2024-x"


def glue_table(
    columns: Mapping[str, str] | None = None,
    *,
    location: str = "",
    storage: Mapping[str, str] | None = None,
    **parameters: str,
) -> GlueTable:
    declared = tuple(GlueColumn(name, type_) for name, type_ in (columns or {}).items())
    return GlueTable("shop", "orders", declared, parameters, location, storage or {})


# --- what is for DynamoDB


@pytest.mark.parametrize(
    ("location", "flagged"),
    [("dynamo-db-flag", True), ("s3://x/dynamo-db-flag/", True), ("dynamodb", False), ("", False)],
)
def test_a_database_is_flagged_by_its_location(location: str, *, flagged: bool) -> None:
    assert has_dynamodb_tables(GlueDatabase("shop", location)) is flagged


@pytest.mark.parametrize(
    ("table", "is_one"),
    [
        (glue_table(location=ARN), True),
        (glue_table(classification="dynamodb"), True),
        (glue_table(storage={"classification": "dynamodb"}), True),
        (glue_table(sourceTable="Orders"), True),
        (glue_table(location="s3://bucket/orders", classification="parquet"), False),
        (glue_table(sourceTable=" "), False),
        (glue_table(), False),
    ],
)
def test_bug_02_and_04_a_table_is_told_by_what_it_has(table: GlueTable, *, is_one: bool) -> None:
    assert is_dynamodb_table(table) is is_one


@pytest.mark.parametrize(
    ("table", "source"),
    [
        (glue_table(sourceTable=" Orders "), "Orders"),
        (glue_table(location=f" {ARN}"), ARN),
        (glue_table(sourceTable="Other", location=ARN), "Other"),
        (glue_table(sourceTable=ARN), ARN),
        (glue_table(location="arn:aws:s3:eu-west-1:123456789012:table/Orders"), ""),
        (glue_table(location=f"{ARN}/index/by_city"), ""),
        (glue_table(location="dynamodb"), ""),
        (
            glue_table(location="arn:aws-us-gov:dynamodb:us-gov-west-1:123456789012:table/abc"),
            "arn:aws-us-gov:dynamodb:us-gov-west-1:123456789012:table/abc",
        ),
    ],
)
def test_the_source_is_what_is_named_else_the_whole_arn(table: GlueTable, source: str) -> None:
    assert source_of(table) == source


# --- columns


def test_a_mapped_column_has_its_attributes_name() -> None:
    table = glue_table({"id": "int", "city": "string"}, columnMapping=" ID = Order-Id ,")
    mapped, other = declared_columns(table)
    assert (mapped.name, mapped.is_mapped) == ("Order-Id", True)
    assert (other.name, other.is_mapped) == ("city", False)


def test_a_format_may_hold_commas_and_stays_with_its_column() -> None:
    table = glue_table(
        {"day": "date", "at": "timestamp", "other": "timestamp"},
        datetimeFormatMapping="day=EEE, d MMM, yyyy, AT = epoch_seconds",
        columnMapping="day=Day",
        defaultTimeZone="Europe/Rome",
    )
    times = {column.name: column.time for column in declared_columns(table)}
    assert times == {
        "Day": TimeFormat("EEE, d MMM, yyyy", "Europe/Rome"),
        "at": TimeFormat("epoch_seconds", "Europe/Rome"),
        "other": TimeFormat("", "Europe/Rome"),
    }


def test_the_zone_is_utc_if_none_is_named() -> None:
    (column,) = declared_columns(glue_table({"at": "timestamp"}, defaultTimeZone=" "))
    assert column.time == TimeFormat("", "UTC")


def test_only_what_holds_times_has_a_format() -> None:
    table = glue_table({"a": "int", "b": "array<date>"}, datetimeFormatMapping="a=yyyy,b=yyyy")
    assert [column.time for column in declared_columns(table)] == [None, TimeFormat("yyyy")]


@pytest.mark.parametrize(
    "parameters",
    [{"datetimeFormatMapping": "at=yyyy'T"}, {"defaultTimeZone": "Mars/Olympus"}],
)
def test_times_that_cant_be_read_are_text_and_named(
    parameters: dict[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    columns = (GlueColumn("id", "int"), GlueColumn("at", "timestamp"))
    table = GlueTable("shop", "orders", columns, parameters, "", {})
    found = [(column.type, column.time) for column in declared_columns(table)]
    assert found == [(pa.int32(), None), (pa.string(), None)]
    assert "'at' is shown as text" in caplog.text
    assert "Mars/Olympus" in caplog.text or "yyyy'T" in caplog.text


def test_bug_03_a_parameter_may_have_a_columns_name() -> None:
    table = GlueTable(
        "shop", "orders", (GlueColumn("id", "int", "The key."),), {"id": "x"}, "dynamodb", {}
    )
    (column,) = declared_columns(table)
    assert (column.name, column.comment) == ("id", "The key.")

from __future__ import annotations

import pyarrow as pa
from athena_connectors.cloudwatch_logs.settings import Settings
from athena_connectors.cloudwatch_logs.types import COLUMNS, table_schema
from athena_connectors.common.config import load_settings
from athena_connectors.common.types import check_schema


def test_the_columns_of_the_java_connector_come_first() -> None:
    schema = table_schema(load_settings(Settings, {}))
    java = [("log_stream", pa.string()), ("time", pa.int64()), ("message", pa.string())]
    assert [(field.name, field.type) for field in schema][:3] == java
    assert schema.names[3:] == [
        "event_time",
        "ingestion_time",
        "event_id",
        "log_group",
        "filter_pattern",
    ]


def test_the_other_columns_can_be_switched_off() -> None:
    schema = table_schema(load_settings(Settings, {"extra_columns": "false"}))
    assert schema.names == ["log_stream", "time", "message"]


def test_athena_takes_every_column_as_it_is() -> None:
    check_schema(table_schema(load_settings(Settings, {})), table="t")


def test_every_column_is_explained() -> None:
    assert all(column.note.endswith(".") and column.engine for column in COLUMNS)

from __future__ import annotations

from typing import Any

import pytest
from athena_connectors.common.config import describe_settings, load_settings
from athena_connectors.common.errors import ConfigurationError
from athena_connectors.jdbc_postgres.settings import Settings


def load(**environ: str) -> Settings:
    return load_settings(Settings, environ)


def test_defaults_are_those_of_the_reference() -> None:
    settings = load()
    assert settings.casing == "CASE_INSENSITIVE_SEARCH"
    assert settings.default_scale == 0
    assert settings.non_default_collate is False
    assert settings.enable_query_passthrough is True
    assert settings.max_splits == 20
    assert settings.min_rows_per_split == 100_000
    assert settings.read_consistency == "auto"
    assert settings.split_column_of("public", "orders") is None


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("casing_mode", "lower", "LOWER"),
        ("default_scale", "38", 38),
        ("numeric_unconstrained", "VARCHAR", "varchar"),
        ("non_default_collate", "TRUE", True),
        ("enable_query_passthrough", "false", False),
        ("string_pushdown", "equality_only", "equality_only"),
        ("read_consistency", "snapshot", "snapshot"),
        ("max_splits", " 7 ", 7),
        ("statement_timeout_ms", "0", 0),
        ("fetch_size", "1", 1),
        ("max_connection_age_s", "", 600),
    ],
)
def test_reads_each_kind(name: str, text: str, expected: Any) -> None:
    assert getattr(load(**{name: text}), name) == expected


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("casing_mode", "ANNOTATION"),
        ("default_scale", "39"),
        ("default_scale", "-1"),
        ("max_splits", "0"),
        ("max_splits", "many"),
        ("fetch_size", "1.5"),
        ("read_consistency", "serializable"),
        ("string_pushdown", "exactly"),
        ("timestamptz_as_tz", "1"),
        ("split_column", '{"public.orders": 1}'),
        ("split_column", '{"public.orders"'),
    ],
)
def test_a_malformed_setting_is_named(name: str, text: str) -> None:
    with pytest.raises(ConfigurationError, match=name):
        load(**{name: text})


def test_a_glue_connection_turns_the_search_off_unless_it_is_set() -> None:
    assert load(glue_connection="g").casing == "NONE"
    assert load(glue_connection="g", casing_mode="UPPER").casing == "UPPER"


def test_one_split_column_for_all_tables() -> None:
    settings = load(split_column=" id ")
    assert settings.split_column_of("public", "orders") == "id"


def test_split_columns_by_table() -> None:
    settings = load(split_column='{"Public.Orders": "created_at", "*": "id"}')
    assert settings.split_column_of("public", "ORDERS") == "created_at"
    assert settings.split_column_of("sales", "orders") == "id"
    only = load(split_column='{"public.orders": "created_at"}')
    assert only.split_column_of("public", "items") is None


def test_the_connection_string_is_not_shown() -> None:
    settings = load(default="postgres://u:hunter2@h/db")
    assert "hunter2" not in repr(settings)
    (default,) = [each for each in describe_settings(Settings) if each.name == "default"]
    assert default.secret


def test_every_setting_has_a_sentence() -> None:
    for described in describe_settings(Settings):
        assert described.doc.endswith("."), described.name

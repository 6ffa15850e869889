"""The table of types: complete, consistent, and true to what the server says of its types."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pyarrow as pa
import pytest
from athena_connectors.common.config import load_settings
from athena_connectors.common.errors import ConfigurationError
from athena_connectors.common.sql.connection_strings import parse_connection_string
from athena_connectors.common.sql.dialect import comparable
from athena_connectors.common.sql.relation import Column, Comparison
from athena_connectors.common.sql.row_values import ROW_DECODERS
from athena_connectors.common.types import check_schema
from athena_connectors.jdbc_mysql.server_types import (
    ServerType,
    declared_type,
    sent_type,
)
from athena_connectors.jdbc_mysql.settings import Settings
from athena_connectors.jdbc_mysql.types import TYPES, TypeRule, column_of, rule_of
from hypothesis import given, settings
from hypothesis import strategies as st

_VARIANTS: list[dict[str, str]] = [
    {},
    {"mysql_tinyint1_as_bool": "false"},
    {"mysql_year_as_date": "true"},
    {"mysql_zero_date": "fail"},
    {"mysql_zero_date": "round"},
]


def settings_of(**values: str) -> Settings:
    return load_settings(Settings, values)


def describe(declaration: str, *, collation: str = "", **values: str) -> Column:
    """Describe a column as its COLUMN_TYPE declares it."""
    name = declaration.partition("(")[0].partition(" ")[0]
    type_ = declared_type(
        name, declaration, charset=collation.partition("_")[0], collation=collation
    )
    return column_of("c", declaration, type_, settings=settings_of(**values))


def sent(code: int, *, flags: int = 0, length: int = 0, scale: int = 0, charset: int = 63) -> Any:
    return sent_type(
        SimpleNamespace(type_code=code, flags=flags, length=length, scale=scale, charsetnr=charset)  # type: ignore[arg-type]
    )


@pytest.mark.parametrize("rule", TYPES, ids=lambda rule: f"{rule.source}, {rule.condition}")
def test_a_rule_is_whole(rule: TypeRule) -> None:
    assert rule.decoder in ROW_DECODERS
    assert "{c}" in rule.projection
    assert all("{c}" in text for text in (rule.compared, rule.null_when) if text)
    assert rule.source
    assert rule.engine


@pytest.mark.parametrize("rule", TYPES, ids=lambda rule: f"{rule.source}, {rule.condition}")
def test_each_rule_is_the_first_for_some_type(rule: TypeRule) -> None:
    names = rule.names or {"uuid"}
    types = [
        ServerType(name, length=length, unsigned=unsigned)
        for name in names
        for length in (0, 1, 2, 4, 38, 39, 63, 64)
        for unsigned in (False, True)
    ]
    variants = [settings_of(**values) for values in _VARIANTS]
    assert any(rule_of(type_, using) is rule for type_ in types for using in variants)


@pytest.mark.parametrize("values", _VARIANTS, ids=str)
@pytest.mark.parametrize("name", sorted({name for rule in TYPES for name in rule.names} | {"new"}))
def test_every_type_fits_the_engine_and_its_comparison(name: str, values: dict[str, str]) -> None:
    for length in (0, 1, 2, 64):
        for unsigned in (False, True):
            type_ = ServerType(name, length or 10, unsigned=unsigned)
            column = column_of("c", name, type_, settings=settings_of(**values))
            check_schema(pa.schema([pa.field("c", column.arrow)]), table=name)
            assert comparable(column) or column.comparison is Comparison.NEVER
            assert bool(column.null_when) <= pa.types.is_temporal(column.arrow)
            assert "IS NULL" not in column.null_when
            assert "IS NOT NULL" not in column.null_when


@pytest.mark.parametrize(
    ("declaration", "arrow"),
    [
        ("tinyint(4)", pa.int8()),
        ("tinyint", pa.int8()),
        ("tinyint(1)", pa.bool_()),
        ("tinyint(1) unsigned", pa.int16()),
        ("tinyint(1) unsigned zerofill", pa.int16()),
        ("tinyint unsigned", pa.int16()),
        ("smallint(5) unsigned", pa.int32()),
        ("mediumint unsigned", pa.int32()),
        ("int(10) unsigned zerofill", pa.int64()),
        ("int(1)", pa.int32()),
        ("bigint(20)", pa.int64()),
        ("bigint unsigned", pa.decimal128(20, 0)),
        ("decimal(38,30)", pa.decimal128(38, 30)),
        ("decimal(10,2) unsigned zerofill", pa.decimal128(10, 2)),
        ("decimal(39,0)", pa.string()),
        ("float(7,2) unsigned", pa.float32()),
        ("double unsigned", pa.float64()),
        ("bit(1)", pa.bool_()),
        ("bit(2)", pa.int64()),
        ("bit(63)", pa.int64()),
        ("bit(64)", pa.decimal128(20, 0)),
        ("year(4)", pa.int32()),
        ("year", pa.int32()),
        ("datetime /* mariadb-5.3 */", pa.date64()),
        ("timestamp(6)", pa.date64()),
        ("time(6)", pa.string()),
        ("enum('a(1) unsigned')", pa.string()),
        ("set('(1)')", pa.string()),
        ("json", pa.string()),
        ("varbinary(5)", pa.binary()),
        ("geomcollection", pa.binary()),
        ("vector(3)", pa.binary()),
        ("uuid", pa.string()),
        ("something new", pa.string()),
    ],
)
def test_issue_282_declarations_become_types_that_hold_every_value(
    declaration: str, arrow: pa.DataType
) -> None:
    assert describe(declaration).arrow == arrow


def test_settings_change_types() -> None:
    assert describe("tinyint(1)", mysql_tinyint1_as_bool="false").arrow == pa.int8()
    assert describe("bit(1)", mysql_tinyint1_as_bool="false").arrow == pa.bool_()
    assert describe("year(4)", mysql_year_as_date="true").arrow == pa.date32()
    assert describe("date", mysql_zero_date="fail").decoder == "strict:date"
    assert describe("timestamp(3)", mysql_zero_date="fail").decoder == "strict:datetime"
    assert not describe("datetime", mysql_zero_date="fail").null_when
    assert describe("datetime").null_when


@pytest.mark.parametrize("name", ["datetime", "timestamp"])
def test_digits_beyond_milliseconds(name: str) -> None:
    declared = {digits: f"{name}({digits})" if digits else name for digits in (0, 3, 4, 6)}
    found = {digits: describe(text).sub_millisecond for digits, text in declared.items()}
    assert found == {0: False, 3: False, 4: True, 6: True}
    assert not describe("time(6)").sub_millisecond


@pytest.mark.parametrize(
    ("collation", "expected"),
    [
        ("utf8mb4_nopad_bin", Comparison.TEXT_C),
        ("utf8mb4_0900_bin", Comparison.TEXT_C),
        ("utf8mb3_nopad_bin", Comparison.TEXT_C),
        ("utf8mb4_bin", Comparison.TEXT_FOLDED),
        ("utf8mb4_general_nopad_ci", Comparison.TEXT_FOLDED),
        ("utf8mb4_0900_ai_ci", Comparison.TEXT_FOLDED),
        ("utf8mb4_0900_as_cs", Comparison.TEXT_FOLDED),
        # The order of its bytes is not that of Unicode: € is 0x80.
        ("latin1_nopad_bin", Comparison.TEXT_FOLDED),
        ("sjis_nopad_bin", Comparison.TEXT_FOLDED),
        ("", Comparison.TEXT_FOLDED),
    ],
)
def test_what_a_collation_does(collation: str, expected: Comparison) -> None:
    assert describe("varchar(5)", collation=collation).comparison is expected
    assert describe("longtext", collation=collation).comparison is expected
    # Its blanks at the end are cut off when it is read.
    assert describe("char(5)", collation=collation).comparison is Comparison.TEXT_FOLDED


def test_the_character_set_is_told() -> None:
    assert describe("varchar(5)", collation="latin1_swedish_ci").charset == "latin1"
    assert describe("enum('a')", collation="utf8mb4_bin").charset == "utf8mb4"
    assert describe("int").charset == ""


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.integers(1, 65), st.integers(0, 30), st.booleans())
def test_a_decimal_of_a_statement_has_its_digits(
    precision: int,
    scale: int,
    unsigned: bool,  # noqa: FBT001
) -> None:
    scale = min(scale, precision)
    length = precision + (scale > 0) + (not unsigned)
    type_ = sent(246, flags=32 * unsigned, length=length, scale=scale)
    assert (type_.length, type_.scale) == (precision, scale)
    assert str(type_) == f"decimal({precision},{scale})" + " unsigned" * unsigned


@pytest.mark.parametrize(
    ("type_", "shown"),
    [
        (sent(1, length=1), "tinyint"),
        (sent(1, flags=32, length=3), "tinyint unsigned"),
        (sent(8, flags=32, length=20), "bigint unsigned"),
        (sent(16, flags=32, length=8), "bit(8)"),
        (sent(13, flags=32, length=4), "year"),
        (sent(12, length=26, scale=6), "datetime(6)"),
        (sent(7, flags=32, length=19), "timestamp"),
        (sent(11, length=10), "time"),
        # A scale that depends on the row.
        (sent(12, length=26, scale=39), "datetime(6)"),
        (sent(254, flags=256, charset=45), "enum"),
        (sent(254, flags=2048, charset=45), "set"),
        (sent(254, charset=45), "char"),
        (sent(254), "binary"),
        (sent(253, charset=255), "varchar"),
        (sent(252), "blob"),
        (sent(252, charset=45), "text"),
        (sent(245), "json"),
        (sent(255), "geometry"),
        (sent(242), "vector"),
        (sent(6), "null"),
        (sent(99), "type 99"),
    ],
    ids=str,
)
def test_what_a_statement_sends_has_the_name_of_its_type(type_: ServerType, shown: str) -> None:
    assert str(type_) == shown
    assert rule_of(type_, settings_of()).engine


def target(properties: str) -> Any:
    url = f"mysql://jdbc:mysql://h/db?user=u&password=p&{properties}"
    return parse_connection_string(url, engine="mysql", catalog="shop")


@pytest.mark.parametrize(
    ("properties", "expected"),
    [
        ("", (True, False, "null")),
        ("tinyInt1isBit=false", (False, False, "null")),
        ("yearIsDateType=TRUE", (True, True, "null")),
        ("zeroDateTimeBehavior=EXCEPTION", (True, False, "fail")),
        ("zeroDateTimeBehavior=exception", (True, False, "fail")),
        ("zeroDateTimeBehavior=ROUND", (True, False, "round")),
        ("zeroDateTimeBehavior=convertToNull", (True, False, "null")),
        ("ZERODATETIMEBEHAVIOR=CONVERT_TO_NULL", (True, False, "null")),
    ],
)
def test_issue_760_properties_of_the_url_count_before_settings(
    properties: str, expected: tuple[bool, bool, str]
) -> None:
    found = settings_of().of_connection(target(properties))
    assert (
        found.mysql_tinyint1_as_bool,
        found.mysql_year_as_date,
        found.mysql_zero_date,
    ) == expected


def test_a_property_overrides_a_setting() -> None:
    said = settings_of(mysql_zero_date="fail", mysql_year_as_date="true")
    assert said.of_connection(target("")) == said
    found = said.of_connection(target("zeroDateTimeBehavior=round&yearIsDateType=false"))
    assert (found.mysql_zero_date, found.mysql_year_as_date) == ("round", False)


@pytest.mark.parametrize(
    "properties", ["tinyInt1isBit=1", "yearIsDateType=", "zeroDateTimeBehavior=never"]
)
def test_a_property_without_sense_is_named(properties: str) -> None:
    name = properties.partition("=")[0]
    with pytest.raises(ConfigurationError, match=f"{name}.*shop_connection_string"):
        settings_of().of_connection(target(properties))

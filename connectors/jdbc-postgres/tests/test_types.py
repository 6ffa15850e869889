"""The table of types: complete, consistent, and true to what the server calls its types."""

from __future__ import annotations

from contextlib import closing
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest
from athena_connectors.common.config import load_settings
from athena_connectors.common.sql.binary_copy import decoder_names
from athena_connectors.common.sql.dialect import comparable
from athena_connectors.common.sql.relation import Column, Comparison
from athena_connectors.common.types import check_schema
from athena_connectors.jdbc_postgres.catalogue import Declaration, resolve_types
from athena_connectors.jdbc_postgres.comparisons import operands_of
from athena_connectors.jdbc_postgres.server_types import ServerType, TypeOptions
from athena_connectors.jdbc_postgres.settings import Settings
from athena_connectors.jdbc_postgres.types import TYPES, TypeRule, column_of, rule_of
from hypothesis import given, settings
from hypothesis import strategies as st

if TYPE_CHECKING:
    from collections.abc import Iterator

    from athena_connectors.common.testing.postgres import PostgresAddress

TEXTS = {
    Comparison.TEXT_C,
    Comparison.TEXT_DETERMINISTIC,
    Comparison.TEXT_FOLDED,
    Comparison.TEXT_CAST,
    Comparison.UUID,
}

SENT = {
    "bool": "boolean",
    "int2": "smallint",
    "int4": "integer",
    "int8": "bigint",
    "float4": "real",
    "float8": "double precision",
    "numeric": "numeric",
    "decimal_text": "text",
    "date": "date",
    "timestamp": "timestamp without time zone",
    "timestamptz": "timestamp with time zone",
    "bytea": "bytea",
    "uuid": "uuid",
}
"""What the server has to send for each decoder but ``text``."""


def options(*, version: int = 180_000, encoding: str = "UTF8", **settings: str) -> TypeOptions:
    return TypeOptions(load_settings(Settings, settings), version, encoding)


def describe(type_: ServerType, using: TypeOptions | None = None, **facts: Any) -> Column:
    return column_of("c", type_.name, type_, options=using or options(), **facts)


def numeric(precision: int, scale: int) -> ServerType:
    return ServerType("numeric", modifier=(precision << 16 | scale & 0x7FF) + 4)


@pytest.fixture
def cursor(database: PostgresAddress) -> Iterator[Any]:
    with closing(database.connect()) as connection, connection.cursor() as cursor:
        yield cursor


@pytest.mark.parametrize("rule", TYPES, ids=lambda rule: f"{rule.source}, {rule.condition}")
def test_a_rule_is_whole(rule: TypeRule) -> None:
    assert {rule.decoder, rule.list_decoder} <= decoder_names()
    assert "{c}" in rule.projection
    assert "{c}" in rule.list_projection
    assert all("{c}" in text for text in (rule.compared, rule.null_when) if text)
    assert rule.source
    assert rule.engine


@pytest.mark.parametrize("rule", TYPES, ids=lambda rule: f"{rule.source}, {rule.condition}")
def test_each_rule_is_the_first_for_some_type(rule: TypeRule) -> None:
    inner = ServerType("_int4", element=ServerType("int4"))
    types = [
        *(ServerType(name, modifier=modifier) for name in rule.names for modifier in (-1, 1, 3)),
        *(numeric(precision, 0) for precision in (18, 38, 39)),
        ServerType("citext", built_in=False),
        ServerType("place", "c", built_in=False),
        ServerType("_int4", element=ServerType("int4"), dimensions=2),
        inner,
        ServerType("mood", "e", built_in=False),
    ]
    variants = [
        options(),
        options(version=130_000),
        options(numeric_unconstrained="varchar"),
        options(timestamptz_as_tz="true"),
    ]
    assert any(rule_of(type_, using) is rule for type_ in types for using in variants)


def test_named_types_exist_in_the_server(cursor: Any) -> None:
    names = {name for rule in TYPES for name in rule.names}
    cursor.execute(
        "SELECT typname FROM pg_type WHERE typname = ANY(%s)"
        " AND typnamespace = 'pg_catalog'::regnamespace",
        (list(names),),
    )
    assert {name for (name,) in cursor.fetchall()} == names


@pytest.mark.parametrize(
    "values",
    [{}, {"numeric_unconstrained": "varchar"}, {"timestamptz_as_tz": "true", "default_scale": "9"}],
)
def test_the_server_sends_for_every_type_what_the_decoder_takes(
    cursor: Any, values: dict[str, str]
) -> None:
    cursor.execute(
        "SELECT oid, format_type(oid, NULL) FROM pg_type"
        " WHERE typtype <> 'p' AND typnamespace = 'pg_catalog'::regnamespace"
    )
    shown = dict(cursor.fetchall())
    types = resolve_types(cursor, map(Declaration, shown))
    using = options(version=cursor.connection.server_version, **values)
    assert len(shown) > 400
    for source_type, type_ in zip(shown.values(), types, strict=True):
        column = column_of("c", source_type, type_, options=using)
        check_schema(pa.schema([pa.field("c", column.arrow)]), table=source_type)
        assert _sent(cursor, column) in _expected(column.decoder), source_type
        _check_comparison(cursor, column)


def _sent(cursor: Any, column: Column) -> str:
    return str(_ask(cursor, column, f"pg_typeof({_quoted(column.projection)})::text"))


def _expected(decoder: str) -> set[str]:
    element = decoder.removeprefix("list:")
    types = {"text", "character varying", "json"} if element == "text" else {SENT[element]}
    return types if element == decoder else {f"{name}[]" for name in types}


def _check_comparison(cursor: Any, column: Column) -> None:
    """The server takes every operand and the predicate of the values read as NULL."""
    if column.null_when:
        assert _ask(cursor, column, f"coalesce({_quoted(column.null_when)}, true)") is True
    if not comparable(column):
        assert column.comparison is Comparison.NEVER
        return
    subject = operands_of(column)
    constant = f"NULL::{subject.type_name}"
    for operand in (subject.value, subject.ordered, subject.equal):
        if subject.type_name == "uuid" and operand == subject.value:
            continue
        assert _ask(cursor, column, f"{operand} >= {constant}") is None


def _quoted(template: str) -> str:
    return template.replace("{c}", '"c"')


def _ask(cursor: Any, column: Column, target: str) -> Any:
    source = f'SELECT NULL::{column.source_type} AS "c"'
    cursor.execute(f"SELECT {target} FROM ({source}) AS one")
    return cursor.fetchone()[0]


@settings(max_examples=400, deadline=None, derandomize=True)
@given(st.integers(1, 1000), st.integers(-1000, 1000))
def test_a_decimal_holds_every_value_of_its_numeric(precision: int, scale: int) -> None:
    column = describe(numeric(precision, scale))
    greatest = Decimal((0, (9,) * precision, -scale))
    if not pa.types.is_decimal128(column.arrow):
        assert column.arrow == pa.string()
        assert precision - min(scale, 0) > 38 or scale > 38
        return
    type_: Any = column.arrow
    assert column.comparison is Comparison.NUMERIC
    assert column.value == "{c}"
    assert column.decoder == ("numeric" if type_.precision <= 18 else "decimal_text")
    assert pa.scalar(greatest, type_).as_py() == greatest
    assert type_.scale == max(scale, 0)


def test_a_numeric_without_precision_is_what_the_setting_says() -> None:
    type_ = ServerType("numeric")
    rounded = describe(type_, options(default_scale="3"))
    assert rounded.arrow == pa.decimal128(38, 3)
    assert rounded.projection == "round({c}, 3)::text"
    assert rounded.value == "round({c}, 3)"
    assert "Infinity" in rounded.null_when
    assert describe(type_, options(numeric_unconstrained="varchar")).arrow == pa.string()


def test_no_infinite_numeric_for_servers_that_lack_it() -> None:
    old = describe(ServerType("numeric"), options(version=130_020))
    assert "Infinity" not in old.null_when
    assert "NaN" in old.null_when


def test_a_users_type_is_not_taken_for_one_of_the_servers() -> None:
    own = describe(ServerType("date", built_in=False))
    assert (own.arrow, own.projection) == (pa.string(), "{c}::text")
    assert own.comparison is Comparison.TEXT_CAST
    assert describe(ServerType("citext")).comparison is Comparison.TEXT_CAST
    assert describe(ServerType("citext", built_in=False)).comparison is Comparison.TEXT_FOLDED


@pytest.mark.parametrize("name", ["timestamp", "timestamptz"])
def test_digits_beyond_milliseconds(name: str) -> None:
    found = {
        modifier: describe(ServerType(name, modifier=modifier)).sub_millisecond
        for modifier in (-1, 0, 3, 4, 6)
    }
    assert found == {-1: True, 0: False, 3: False, 4: True, 6: True}
    assert not describe(ServerType("time", modifier=6)).sub_millisecond


def test_zones_are_shown_on_request_but_not_in_lists() -> None:
    zoned = options(timestamptz_as_tz="true")
    element = ServerType("timestamptz")
    array = ServerType("_timestamptz", element=element)
    assert describe(element).arrow == pa.date64()
    assert describe(element, zoned).arrow == pa.timestamp("ms", "UTC")
    assert describe(array).arrow == describe(array, zoned).arrow == pa.list_(pa.date64())


def test_collations_count_for_texts_alone() -> None:
    for name in ("text", "varchar"):
        column = describe(ServerType(name), collation=Comparison.TEXT_C)
        assert column.comparison is Comparison.TEXT_C
    assert describe(ServerType("text")).comparison is Comparison.TEXT_FOLDED
    folded = describe(ServerType("bpchar"), collation=Comparison.TEXT_C)
    assert folded.comparison is Comparison.TEXT_FOLDED


@pytest.mark.parametrize("encoding", ["LATIN1", "SQL_ASCII", "EUC_JP"])
def test_no_predicate_on_text_where_the_encoding_is_another(encoding: str) -> None:
    using = options(encoding=encoding)
    names = {name for rule in TYPES for name in rule.names} | {"json", "interval"}
    kept = {
        name: describe(ServerType(name), using, collation=Comparison.TEXT_C).comparison
        for name in names
    }
    assert not TEXTS & set(kept.values())
    assert kept["text"] is kept["uuid"] is kept["json"] is Comparison.NEVER
    assert kept["int4"] is Comparison.NATIVE


def test_arrays_of_arrays_are_json() -> None:
    element = ServerType("int4")
    for dimensions, expected in ((0, pa.list_(pa.int32())), (1, pa.list_(pa.int32()))):
        assert (
            describe(ServerType("_int4", dimensions=dimensions, element=element)).arrow == expected
        )
    nested = ServerType("_numbers", element=ServerType("_int4", element=element))
    for type_ in (ServerType("_int4", dimensions=2, element=element), nested):
        column = describe(type_)
        assert (column.arrow, column.projection) == (pa.string(), "to_json({c})::text")
        assert column.comparison is Comparison.NEVER

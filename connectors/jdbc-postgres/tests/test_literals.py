"""Constants and names mean to the server what they are made of."""

from __future__ import annotations

import math
import struct
from contextlib import closing
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest
from athena_connectors.common.observability import SplitStats
from athena_connectors.common.sql.relation import Column, Comparison
from athena_connectors.common.sql.spelling import (
    FIRST_DAY,
    FIRST_MS,
    LAST_DAY,
    LAST_MS,
    instant_ms,
)
from athena_connectors.common.testing import strategies
from athena_connectors.jdbc_postgres.literals import (
    array_literal,
    content_of,
    identifier,
    literal,
    quoted,
    server_type,
    typed,
)
from athena_connectors.jdbc_postgres.reader import read_statement
from hypothesis import given, settings
from hypothesis import strategies as st

if TYPE_CHECKING:
    from collections.abc import Iterator

    from athena_connectors.common.testing.postgres import PostgresAddress

ZONED = pa.timestamp("ms", "UTC")
DECODERS: dict[pa.DataType, str] = {
    pa.bool_(): "bool",
    pa.int8(): "int2",
    pa.int16(): "int2",
    pa.int32(): "int4",
    pa.int64(): "int8",
    pa.float32(): "float4",
    pa.float64(): "float8",
    pa.string(): "text",
    pa.binary(): "bytea",
    pa.date32(): "date",
    pa.date64(): "timestamp",
    ZONED: "timestamptz",
}


DECIMALS = [(1, 0), (5, 5), (18, 4), (38, 0), (38, 10), (38, 38)]
TYPES = [*DECODERS, *(pa.decimal128(precision, scale) for precision, scale in DECIMALS)]
FLOATS: dict[pa.DataType, tuple[float, ...]] = {
    pa.float64(): (0.1, 1 / 3, 5e-324, -2.2250738585072014e-308, 1.7976931348623157e308, 2.0**53),
    pa.float32(): (1.100000023841858, 1.401298464324817e-45, 3.4028234663852886e38, 16777216.0),
}


@pytest.fixture(scope="module")
def cursor(database: PostgresAddress) -> Iterator[Any]:
    options = "-c TimeZone=Asia/Kathmandu -c DateStyle=ISO -c standard_conforming_strings=on"
    with closing(database.connect(options=options)) as connection:
        yield connection.cursor()


def decoder_of(type_: Any) -> str:
    return DECODERS.get(type_, "decimal_text")


TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=8) | st.text(
    "'\\\"%{},; \n\t$E:(é\U0001f600NUL", max_size=8
)


def values_of(type_: Any) -> st.SearchStrategy[Any]:
    """Values that the server has a constant for."""
    if type_ == pa.string():
        return TEXT
    if type_ == pa.date32():
        return st.sampled_from((FIRST_DAY, LAST_DAY, -1, 0)) | st.integers(FIRST_DAY, LAST_DAY)
    if type_ == pa.date64():
        edges = (FIRST_MS, LAST_MS, -1, 0, 1, 999, -999)
        return st.sampled_from(edges) | st.integers(FIRST_MS, LAST_MS)
    if type_ == ZONED:
        return values_of(pa.date64()).map(lambda ms: ms << 12)
    if pa.types.is_floating(type_):
        return st.sampled_from(FLOATS[type_]) | strategies.values(type_)
    return strategies.values(type_)


def seen(value: Any) -> Any:
    """A value by its bits, so that NaN equals any other and -0.0 does not equal 0.0."""
    if not isinstance(value, float):
        return value
    return struct.pack(">d", math.nan if math.isnan(value) else value)


def read(cursor: Any, expressions: list[str], type_: Any) -> list[Any]:
    """What the server makes of expressions, one row each, as physical values."""
    decoder = decoder_of(type_)
    shown = "({})::text" if decoder == "decimal_text" else f"({{}})::{decoder}"
    rows = " UNION ALL ".join(
        f"SELECT {place}, {shown.format(text)}" for place, text in enumerate(expressions)
    )
    wire = pa.int16() if type_ == pa.int8() else type_
    column = Column("c", decoder, decoder, wire, "{c}", decoder, Comparison.NEVER)
    (batch,) = read_statement(
        cursor,
        f"SELECT c FROM ({rows}) AS t(n, c) ORDER BY n",
        [column],
        table="t",
        stats=SplitStats(),
    )
    found: Any = batch.column(0)
    if pa.types.is_temporal(type_):
        found = found.view(pa.int32() if type_.bit_width == 32 else pa.int64())
    return list(map(seen, found.to_pylist()))


@pytest.mark.parametrize("type_", TYPES, ids=str)
@given(data=st.data())
@settings(max_examples=30, deadline=None, derandomize=True)
def test_a_constant_is_the_value(cursor: Any, type_: Any, data: st.DataObject) -> None:
    values = data.draw(st.lists(values_of(type_), min_size=1, max_size=8))
    texts = [literal(value, type_) for value in values]
    assert read(cursor, texts, type_) == list(map(seen, values))


@pytest.mark.parametrize("type_", TYPES, ids=str)
@given(data=st.data())
@settings(max_examples=20, deadline=None, derandomize=True)
def test_an_array_holds_the_values(cursor: Any, type_: Any, data: st.DataObject) -> None:
    values = data.draw(st.lists(values_of(type_), min_size=1, max_size=8))
    array = array_literal((content_of(value, type_) for value in values), server_type(type_))
    texts = [f"({array})[{place}]" for place in range(1, len(values) + 1)]
    assert read(cursor, texts, type_) == list(map(seen, values))
    cursor.execute(f"SELECT cardinality({array})")
    assert cursor.fetchone() == (len(values),)


@pytest.mark.parametrize("type_", TYPES, ids=str)
@given(data=st.data())
@settings(max_examples=10, deadline=None, derandomize=True)
def test_a_constant_stands_anywhere_in_an_expression(
    cursor: Any, type_: Any, data: st.DataObject
) -> None:
    text = literal(data.draw(values_of(type_)), type_)
    cursor.execute(
        f"SELECT {text} = {text}, {text}={text}, NOT {text} <> {text}, {text} IN ({text}),"
        f" {text} = ANY({array_literal([], '')}::{server_type(type_)}[])"
    )
    assert cursor.fetchone() == (True, True, True, True, False)


@pytest.mark.parametrize("type_", TYPES, ids=str)
@given(data=st.data())
@settings(max_examples=10, deadline=None, derandomize=True)
def test_a_constant_is_of_the_type_next_to_it(cursor: Any, type_: Any, data: st.DataObject) -> None:
    text, name = literal(data.draw(values_of(type_)), type_), server_type(type_)
    cursor.execute(f"SELECT pg_typeof(COALESCE(NULL::{name}, {text})) = '{name}'::regtype")
    # A smallint is written as a plain number, which is an integer to the server.
    assert cursor.fetchone() == (name != "int2",)


@pytest.mark.parametrize(
    ("value", "type_name"),
    [(2**31 - 1, "int4"), (-(2**31), "int4"), (2**63 - 1, "int8"), (-(2**63), "int8")],
)
def test_great_integers_keep_their_type(cursor: Any, value: int, type_name: str) -> None:
    text = typed(str(value), type_name)
    cursor.execute(f"SELECT {text}::text, pg_typeof({text}) = '{type_name}'::regtype")
    assert cursor.fetchone() == (str(value), True)


@given(st.lists(TEXT, min_size=1, max_size=6))
@settings(max_examples=150, deadline=None, derandomize=True)
def test_an_array_without_type_takes_that_of_its_neighbour(cursor: Any, texts: list[str]) -> None:
    array = array_literal(texts, "")
    for value in (*texts, "missing"):
        cursor.execute(f"SELECT {quoted(value)}::text = ANY({array})")
        assert cursor.fetchone() == (value in texts,)


@pytest.mark.parametrize("text", ["NULL", "null", "Null", "nulls", "", '"', "\\", "{}", "{", "a,b"])
def test_elements_that_look_like_something_else(cursor: Any, text: str) -> None:
    array = array_literal([text, "x"], "text")
    cursor.execute(f"SELECT ({array})[1], cardinality({array})")
    assert cursor.fetchone() == (text, 2)


NAMES = st.text(
    st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=15
) | st.text("'\"%\\{}c .;$", min_size=1, max_size=15)


@given(NAMES)
@settings(max_examples=200, deadline=None, derandomize=True)
def test_a_name_is_a_name(cursor: Any, name: str) -> None:
    cursor.execute(f"SELECT {identifier(name)} FROM (SELECT 7) AS t({identifier(name)})")
    assert cursor.fetchone() == (7,)
    assert cursor.description[0].name == name


@pytest.mark.parametrize("name", ["select", "User", "a.b", 'a"b', '"', "{c}", "%s", "%(a)s", "é"])
def test_awkward_names(cursor: Any, name: str) -> None:
    cursor.execute(f"SELECT {identifier(name)} FROM (SELECT 7) AS t({identifier(name)})")
    assert cursor.description[0].name == name


def test_the_last_millisecond_has_a_next(cursor: Any) -> None:
    end = content_of(LAST_MS + 1, pa.date64())
    last = literal(LAST_MS, pa.date64())
    cursor.execute(f"SELECT '{end}'::timestamp - {last} = interval '1 millisecond'")
    assert cursor.fetchone() == (True,)


def test_an_instant_is_the_same_in_every_zone(cursor: Any) -> None:
    packed = [1_700_000_000_123 << 12 | zone for zone in (0, 1847, 4095)]
    assert {instant_ms(value) for value in packed} == {1_700_000_000_123}
    assert len({literal(value, ZONED) for value in packed}) == 1


def test_decimals_are_written_out() -> None:
    values = [Decimal("1E+3"), Decimal("1E-7"), Decimal("-0.50"), Decimal(10) ** 37]
    texts = [content_of(value, pa.decimal128(38, 7)) for value in values]
    assert texts == ["1000", "0.0000001", "-0.50", "1" + "0" * 37]

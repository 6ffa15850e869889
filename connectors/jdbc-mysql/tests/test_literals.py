"""Constants and names mean to the server what they are made of, in every session."""

from __future__ import annotations

import struct
from contextlib import closing
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest
from athena_connectors.common.physical import Kind, kind_of
from athena_connectors.common.sql.spelling import FIRST_DAY, FIRST_MS, LAST_DAY, LAST_MS
from athena_connectors.common.testing import strategies
from athena_connectors.jdbc_mysql.charsets import holds
from athena_connectors.jdbc_mysql.dialect import MYSQL
from athena_connectors.jdbc_mysql.literals import (
    OCTETS,
    content_of,
    identifier,
    server_type,
    typed,
)
from hypothesis import given, settings
from hypothesis import strategies as st

if TYPE_CHECKING:
    from collections.abc import Iterator

    from athena_connectors.common.testing.mariadb import MariaDb

TYPES = [
    *(pa.bool_(), pa.int8(), pa.int16(), pa.int32(), pa.int64(), pa.float32(), pa.float64()),
    *(pa.string(), pa.binary(), pa.date32(), pa.date64()),
    *(pa.decimal128(*digits) for digits in ((1, 0), (5, 5), (20, 0), (38, 0), (38, 10))),
]
FLOATS = (0.1, 1 / 3, 5e-324, -2.2250738585072014e-308, 1.7976931348623157e308, 2.0**53, -0.0)
TEXT = st.text(st.characters(codec="utf-8"), max_size=8) | st.text(
    "'\\\"%`{},; \n\t$\0E:(é\U0001f600縗\u00bf\x5c/*-#", max_size=8
)
SESSIONS = {
    "ours": ("utf8mb4", ""),
    "utf8": ("utf8mb4", "ANSI_QUOTES,NO_BACKSLASH_ESCAPES,PIPES_AS_CONCAT,TRADITIONAL"),
    "latin1": ("latin1", "ANSI_QUOTES,IGNORE_SPACE"),
    "gbk": ("gbk", ""),
}
"""Character set and sql_mode of sessions; the first is what the connector sets up."""


@pytest.fixture(scope="module", params=SESSIONS)
def cursor(mariadb: MariaDb, request: pytest.FixtureRequest) -> Iterator[Any]:
    charset, modes = SESSIONS[request.param]
    with closing(mariadb.connect(charset=charset)) as connection:
        cursor = connection.cursor()
        cursor.execute(f"SET sql_mode = '{modes}'")
        yield cursor


def values_of(type_: Any) -> st.SearchStrategy[Any]:
    """Values that the server has a constant for."""
    match kind_of(type_):
        case Kind.TEXT:
            return TEXT
        case Kind.DATE:
            return st.sampled_from((FIRST_DAY, LAST_DAY, -1)) | st.integers(FIRST_DAY, LAST_DAY)
        case Kind.DATETIME:
            edges = (FIRST_MS, LAST_MS, -1, 0, 1, 999, -999)
            return st.sampled_from(edges) | st.integers(FIRST_MS, LAST_MS)
        case Kind.FLOAT:
            floats = st.floats(allow_nan=False, allow_infinity=False, width=type_.bit_width)
            return floats if type_ == pa.float32() else floats | st.sampled_from(FLOATS)
        case _:
            return strategies.values(type_)


def shown(value: Any, type_: Any) -> Any:
    """A value as the server shows it for ``SELECTED``."""
    match kind_of(type_):
        case Kind.TEXT:
            return value.encode()
        case Kind.FLOAT:
            return struct.pack(">d", value + 0.0)
        case Kind.DATE:
            return value + 719_528
        case Kind.DATETIME:
            return Decimal(value + 62_167_219_200_000)
        case _:
            return value


SELECTED = {
    Kind.TEXT: "CAST(CONVERT({} USING utf8mb4) AS BINARY)",
    Kind.DATE: "TO_DAYS({})",
    Kind.DATETIME: "CAST(TO_SECONDS({0}) * 1000 + MICROSECOND({0}) DIV 1000 AS DECIMAL(20))",
}


@pytest.mark.parametrize("type_", TYPES, ids=str)
@given(data=st.data())
@settings(max_examples=15, deadline=None, derandomize=True)
def test_a_constant_is_the_value(cursor: Any, type_: Any, data: st.DataObject) -> None:
    values = data.draw(st.lists(values_of(type_), min_size=1, max_size=8))
    expression = SELECTED.get(kind_of(type_), "{}")
    texts = [expression.format(MYSQL.literal(value, type_)) for value in values]
    cursor.execute(f"SELECT {', '.join(texts)}")
    found = cursor.fetchone()
    if kind_of(type_) is Kind.FLOAT:
        found = [struct.pack(">d", value + 0.0) for value in found]
    assert list(found) == [shown(value, type_) for value in values]


@pytest.mark.parametrize("type_", TYPES, ids=str)
@given(data=st.data())
@settings(max_examples=10, deadline=None, derandomize=True)
def test_a_constant_stands_anywhere_in_an_expression(
    cursor: Any, type_: Any, data: st.DataObject
) -> None:
    text = MYSQL.literal(data.draw(values_of(type_)), type_)
    cursor.execute(f"SELECT {text}={text}, NOT {text} <> {text}, {text} IN ({text},{text})")
    assert cursor.fetchone() == (1, 1, 1)


@given(TEXT, TEXT)
@settings(max_examples=150, deadline=None, derandomize=True)
def test_the_bytes_of_texts_have_their_order(cursor: Any, left: str, right: str) -> None:
    first, second = typed(left, OCTETS), typed(right, OCTETS)
    cursor.execute(f"SELECT {first} < {second}, {first} = {second}, LENGTH({first})")
    assert cursor.fetchone() == (left < right, left == right, len(left.encode()))


NAMES = st.text(
    st.characters(codec="utf-8", exclude_characters="\0", max_codepoint=0xFFFF),
    min_size=1,
    max_size=15,
) | st.text("'\"%\\{}c .;$`-/*#", min_size=1, max_size=15)


@given(NAMES.filter(lambda name: name == name.strip() and name.isprintable()))
@settings(max_examples=150, deadline=None, derandomize=True)
def test_a_name_is_a_name(mariadb_cursor: Any, name: str) -> None:
    mariadb_cursor.execute(f"SELECT {identifier(name)} FROM (SELECT 7 AS {identifier(name)}) AS t")
    assert mariadb_cursor.fetchone() == (7,)
    assert mariadb_cursor.description[0][0] == name


@pytest.fixture(scope="module")
def mariadb_cursor(mariadb: MariaDb) -> Iterator[Any]:
    with closing(mariadb.connect(charset="utf8mb4")) as connection:
        yield connection.cursor()


def test_constants_are_of_plain_ascii() -> None:
    odd = "é'\\\0\n\u00bf'縗\U0001f600"
    for text in (odd, "\\", "'\\'", "縗'", "\x7f"):
        for type_name in ("text", OCTETS):
            constant = typed(text, type_name)
            assert constant.isascii()
            assert constant.isprintable()
            assert constant.count("'") == 2
    assert typed("it's", "text") == "_utf8mb4'it''s'"


def test_decimals_and_floats_are_what_they_look_like() -> None:
    decimals = [Decimal("1E+3"), Decimal("1E-7"), Decimal("-0.50")]
    texts = [content_of(value, pa.decimal128(38, 7)) for value in decimals]
    assert texts == ["1000", "0.0000001", "-0.50"]
    assert content_of(0.5, pa.float64()) == "0.5e0"
    assert typed("-5", server_type(pa.int32())) == "(-5)"


@pytest.mark.parametrize(
    "charset",
    [
        *("utf8mb4", "utf8mb3", "ucs2", "utf16", "utf16le", "utf32", "latin1", "latin2", "latin5"),
        *("latin7", "ascii", "cp1250", "cp1251", "cp1256", "cp1257", "koi8r", "koi8u", "greek"),
        *("hebrew", "gbk", "gb2312", "big5", "sjis", "cp932", "ujis", "eucjpms", "euckr", "tis620"),
        *("swe7", "hp8", "dec8", "cp850", "cp852", "cp866", "macce", "macroman", "geostd8"),
        *("armscii8", "keybcs2"),
    ],
)
def test_what_a_character_set_holds_for_certain(mariadb: MariaDb, charset: str) -> None:
    """No doubt is ever wrong: a constant that it holds is no error, another equals nothing."""
    points = [*range(0x250), 0x20AC, 0x2018, 0x3042, 0x4E2D, 0xD7FF, 0xE000, 0xFFFF, 0x1F600]
    database = mariadb.create_database(collation="utf8mb4_bin")
    known: list[str] = []
    with closing(database.connect(charset="utf8mb4")) as connection:
        cursor = connection.cursor()
        cursor.execute(f"CREATE TABLE t (c varchar(9) CHARACTER SET {charset})")
        for char in map(chr, points):
            certain = holds(charset, char)
            if certain:
                cursor.execute(f"SELECT count(*) FROM t WHERE c = {typed(char, 'text')}")
                known.append(char)
            elif certain is False:
                bytes_ = f"CONVERT({typed(char, 'text')} USING {charset})"
                cursor.execute(f"SELECT CONVERT({bytes_} USING utf8mb4)")
                assert cursor.fetchone() != (char,)
    mariadb.drop_database(database.database)
    assert len(known) > 60


def test_an_unknown_character_set_leaves_doubt() -> None:
    assert holds("", "a") is None
    assert holds("new", "a") is True
    assert holds("new", "{") is None

"""A native query is one SELECT of one table that can be told; nothing else is sent."""

from __future__ import annotations

import pytest
from athena_connectors.common.errors import InvalidRequestError, UnsupportedOperationError
from athena_connectors.dynamodb.passthrough import MAX_CHARACTERS, Statement, read_statement
from hypothesis import given, settings
from hypothesis import strategies as st


@pytest.mark.parametrize(
    ("query", "table", "index", "columns"),
    [
        ('SELECT * FROM "shop-orders"', "shop-orders", "", ()),
        ("select a, b from orders", "orders", "", ("a", "b")),
        ('SELECT "a,b", c.d FROM orders."by city"', "orders", "by city", ("a,b", "d")),
        ('SELECT x FROM "a""b".by_x WHERE x = \'FROM "other"\'', 'a"b', "by_x", ("x",)),
        ("SELECT size(a), b FROM t ORDER BY b DESC", "t", "", ("b",)),
        ('SELECT "from" FROM t WHERE "from" = 1', "t", "", ("from",)),
        ('SELECT * FROM "arn:aws:dynamodb:eu-west-1:123456789012:table/t"',
         "arn:aws:dynamodb:eu-west-1:123456789012:table/t", "", ()),
    ],
)  # fmt: skip
def test_table_index_and_columns_are_told(
    query: str, table: str, index: str, columns: tuple[str, ...]
) -> None:
    assert read_statement(query) == Statement(query, table, index, columns)


def test_comments_and_a_semicolon_at_the_end_are_not_sent() -> None:
    query = (
        "-- the newest\n/* of FROM x */ SELECT--all\n* FROM/**/t WHERE a='--' AND b=1.5 ; ; -- x"
    )
    assert read_statement(query).text == "SELECT * FROM t WHERE a='--' AND b=1.5"


@pytest.mark.parametrize(
    "query",
    [
        "INSERT INTO \"t\" VALUE {'pk': 1}",
        'DELETE FROM "t" WHERE pk = 1',
        "/* SELECT */ UPDATE t SET a = 1 WHERE pk = 1",
        "EXISTS(SELECT * FROM t WHERE pk = 1)",
        '"SELECT" * FROM t',
        "SELECT `a` FROM t",
    ],
)
def test_nothing_but_select_is_possible(query: str) -> None:
    with pytest.raises(UnsupportedOperationError):
        read_statement(query)


@pytest.mark.parametrize(
    "query",
    [
        "",
        " ; -- nothing",
        "SELECT 1",
        "SELECT * FROM t; DELETE FROM t WHERE pk = 1",
        "SELECT * FROM t, u",
        "SELECT * FROM t AS u",
        "SELECT * FROM t u",
        "SELECT * FROM t JOIN u ON t.a = u.a",
        "SELECT * FROM t WHERE a IN (SELECT a FROM u)",
        "SELECT * FROM (SELECT * FROM t)",
        'SELECT * FROM ""',
        "SELECT * FROM 't'",
        "SELECT * FROM t.",
        "SELECT * FROM a.b.c",
        "SELECT 'a FROM t",
        'SELECT "a FROM t',
        "SELECT * /* FROM t",
        "SELECT * FROM t /* a /* b */ */",
    ],
)
def test_what_names_no_single_table_is_refused(query: str) -> None:
    with pytest.raises(InvalidRequestError):
        read_statement(query)


def test_a_statement_may_be_as_long_as_dynamodb_takes_it() -> None:
    longest = f"SELECT * FROM t WHERE a = '{'x' * (MAX_CHARACTERS - 28)}'"
    assert len(read_statement(f"/* comment */{longest}").text) == MAX_CHARACTERS
    with pytest.raises(InvalidRequestError, match="8,193 characters"):
        read_statement(longest.replace("a =", "aa ="))


_PIECES = st.lists(
    st.sampled_from(
        ["SELECT", " ", "*", "FROM", '"', "'", "t", ".", ",", "--", "/*", "*/", "\n", ";", "WHERE"]
    ),
    max_size=25,
).map("".join)


@given(_PIECES)
@settings(max_examples=300, deadline=None)
def test_what_is_sent_reads_as_the_same_statement(query: str) -> None:
    try:
        statement = read_statement(query)
    except (InvalidRequestError, UnsupportedOperationError):
        return
    assert read_statement(statement.text) == statement

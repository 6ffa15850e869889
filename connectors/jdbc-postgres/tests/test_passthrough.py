"""Native queries: what is taken, what is refused and why, and that nothing else can run."""

from __future__ import annotations

import time
from contextlib import closing
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import psycopg2
import pyarrow as pa
import pytest
from athena_connectors.common.config import load_settings
from athena_connectors.common.errors import (
    ColumnNotFoundError,
    ConnectorError,
    InvalidRequestError,
    TableNotFoundError,
    UnsupportedOperationError,
)
from athena_connectors.common.observability import SplitStats
from athena_connectors.common.sql.connection_strings import parse_connection_string
from athena_connectors.common.sql.domains_sql import domain_sql
from athena_connectors.common.sql.relation import Comparison
from athena_connectors.common.valueset import Range, SortedRangeSet
from athena_connectors.jdbc_postgres.client import Client
from athena_connectors.jdbc_postgres.dialect import POSTGRES
from athena_connectors.jdbc_postgres.literals import identifier
from athena_connectors.jdbc_postgres.passthrough import (
    _prove_single,
    describe_query,
    normalise,
)
from athena_connectors.jdbc_postgres.reader import read_statement
from athena_connectors.jdbc_postgres.settings import Settings
from athena_connectors.jdbc_postgres.statement import derived_table
from hypothesis import example, given, settings
from hypothesis import strategies as st

if TYPE_CHECKING:
    from collections.abc import Iterator

    from athena_connectors.common.sql.relation import Relation
    from athena_connectors.common.testing.postgres import PostgresAddress


@pytest.fixture(scope="module")
def shop(database: PostgresAddress) -> PostgresAddress:
    collation = database.create_linguistic_collation()
    database.execute(
        f'CREATE TABLE items (id int, name varchar(9) COLLATE "{collation}", price numeric(10,2),'
        ' "QUERY" text)',
        "INSERT INTO items VALUES (1, 'a', 1.50, 'x'), (2, 'B', NULL, NULL), (3, 'ü;', 3, '--')",
        "CREATE SEQUENCE counter",
        "CREATE DOMAIN price AS numeric(10,2)",
        "CREATE TYPE mood AS ENUM ('sad')",
    )
    return database


@pytest.fixture(scope="module")
def client(shop: PostgresAddress) -> Iterator[Client]:
    client = Client(
        parse_connection_string(shop.connection_string, engine="postgres", catalog="shop"),
        load_settings(Settings, {}),
        secrets=None,
        environ={},
    )
    yield client
    client.close()


def describe(client: Client, query: str, **settings: str) -> Relation:
    with client.transaction() as cursor:
        return describe_query(cursor, query, load_settings(Settings, settings))


def rows(client: Client, relation: Relation) -> list[tuple[Any, ...]]:
    """Read a described query by the names that it was given."""
    names = [column.name for column in relation.columns]
    targets = ", ".join(
        column.projection.replace("{c}", identifier(column.name)) for column in relation.columns
    )
    with client.transaction() as cursor:
        batches = list(
            read_statement(
                cursor,
                f"SELECT {targets} FROM {derived_table(relation.query, names)}",
                relation.columns,
                table="system.query",
                stats=SplitStats(),
            )
        )
    columns = [
        [value for batch in batches for value in batch.column(name).to_pylist()] for name in names
    ]
    return list(zip(*columns, strict=True))


QUERIES = [
    "SELECT id, name FROM items",
    "  select ID from ITEMS\n;\n",
    "SELECT id FROM items ORDER BY id DESC LIMIT 2",
    "SELECT id FROM items;;  ; -- the end",
    "SELECT id FROM items -- no line break after this",
    "SELECT id FROM items /* a /* nested */ comment */ ;",
    "/* first */ -- second\nSELECT id FROM items",
    "SELECT name FROM items WHERE name LIKE '%;' AND name <> '--' -- ; \n",
    "WITH cheap AS (SELECT * FROM items WHERE price < 2) SELECT id, price FROM cheap",
    "WITH RECURSIVE n (i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < 5) TABLE n",
    "(SELECT 1) UNION ALL (SELECT 2)",
    "((SELECT 1))",
    "SELECT 1 UNION SELECT 2 EXCEPT SELECT 3 ORDER BY 1",
    "VALUES (1, 'a'), (2, 'it''s')",
    "TABLE items",
    'SELECT "QUERY" FROM items',
    "SELECT ';', ')', '--', '/*' FROM items",
    "SELECT E'\\';)', e'\\\\', $$;)--$$, $a$ $$ ' $a$, U&'\\0061', B'1', X'1F', N'n'",
    "SELECT E'a'\n  -- in between\n '\\';)'",
    "SELECT 'a\\' , ';'",
    'SELECT 1 AS "a;)", 2 AS "b""--"',
    "SELECT 5 % 2, '%s', '%(x)s'",
    "SELECT sum(price), count(*) FROM items GROUP BY name HAVING count(*) > 0",
    "SELECT row_number() OVER (ORDER BY id) FROM items",
    "SELECT a.id FROM items a JOIN items b USING (id)",
    "SELECT 1 AS a$b, 2 AS ünï",
    "SELECT * FROM items WHERE id = ANY ('{1,2}')",
]


@pytest.mark.parametrize("query", QUERIES)
def test_21_12_a_query_gives_what_it_gives_by_itself(
    client: Client, shop: PostgresAddress, query: str
) -> None:
    relation = describe(client, query, default_scale="2")
    assert relation.kind == "q"
    expected = shop.execute(query)
    assert expected
    assert len(relation.columns) == len(expected[0])
    found = [tuple(map(str, row)) for row in rows(client, relation)]
    assert sorted(found) == sorted(tuple(map(str, row)) for row in expected)


@pytest.mark.parametrize("query", QUERIES)
def test_normalising_ends_where_the_query_does(query: str) -> None:
    kept = normalise(query)
    assert kept in query
    assert not kept.endswith(";")
    assert normalise(kept) == kept
    assert normalise(f"\n{query}\n;--;\n/*;*/;") == kept


def test_21_12_comments_and_semicolons_at_the_end_go() -> None:
    assert normalise("SELECT 1 ; -- x") == "SELECT 1"
    assert normalise(" SELECT 1 /* x */ -- y\n") == "SELECT 1"
    assert normalise("SELECT 1 -- x\n + 2 ;\n/* ; */") == "SELECT 1 -- x\n + 2"


@pytest.mark.parametrize(
    ("query", "error", "reason"),
    [
        ("", InvalidRequestError, "empty"),
        (" ; -- nothing", InvalidRequestError, "empty"),
        ("()", InvalidRequestError, "empty"),
        ("SELECT 1; SELECT 2", InvalidRequestError, "more than one statement"),
        ("SELECT 1; DROP TABLE items", InvalidRequestError, "more than one statement"),
        ("SELECT 1) AS x; DROP TABLE items; --", InvalidRequestError, "parenthesis"),
        ("SELECT 1) AS x, (SELECT 2", InvalidRequestError, "parenthesis"),
        ("SELECT (1", InvalidRequestError, "parenthesis"),
        ("SELECT 1 /* ", InvalidRequestError, r"/\*"),
        ("SELECT 1 /* /* */", InvalidRequestError, r"/\*"),
        ("SELECT 'a", InvalidRequestError, "not closed"),
        ("SELECT E'a\\'", InvalidRequestError, "not closed"),
        ('SELECT 1 AS "a', InvalidRequestError, "not closed"),
        ("SELECT $$a", InvalidRequestError, "not closed"),
        ("SELECT $a$ $b$ $$", InvalidRequestError, "not closed"),
        ("SHOW timezone", UnsupportedOperationError, "SHOW.*current_setting"),
        ("explain SELECT 1", UnsupportedOperationError, "EXPLAIN"),
        ("DELETE FROM items", UnsupportedOperationError, "DELETE"),
        ("insert into items values (9) returning id", UnsupportedOperationError, "INSERT"),
        ("UPDATE items SET id = 1", UnsupportedOperationError, "UPDATE"),
        ("MERGE INTO items USING items i ON false", UnsupportedOperationError, "MERGE"),
        ("COPY items TO STDOUT", UnsupportedOperationError, "COPY"),
        ("CALL something()", UnsupportedOperationError, "CALL"),
        ("DO $$ BEGIN END $$", UnsupportedOperationError, "DO"),
        ("BEGIN", UnsupportedOperationError, "BEGIN"),
        ("SET timezone = 'UTC'", UnsupportedOperationError, "SET"),
        ("'SELECT 1'", UnsupportedOperationError, "begins with"),
        ("SELECT", InvalidRequestError, "no column"),
        ("SELECT FROM items", InvalidRequestError, "no column"),
        ("SELECT 1 + 'x\0'", InvalidRequestError, r"U\+0000"),
        ("SELECT '\ud800'", InvalidRequestError, "surrogate"),
        ("SELECT nothing FROM items", ColumnNotFoundError, "nothing"),
        ("SELECT * FROM nowhere", TableNotFoundError, "nowhere"),
        ("SELECT 1 FROM FROM", InvalidRequestError, "syntax"),
        ("SELECT $1", InvalidRequestError, r"\$1"),
        ("SELECT 1 INTO other", InvalidRequestError, "INTO"),
        (
            "WITH gone AS (DELETE FROM items RETURNING *) SELECT * FROM gone",
            UnsupportedOperationError,
            "data-modifying",
        ),
        ("WITH x AS (SELECT 1) DELETE FROM items", InvalidRequestError, "syntax"),
        ("SELECT * FROM items FOR UPDATE", UnsupportedOperationError, "UPDATE"),
        ("SELECT 1; COMMIT; DROP TABLE items", InvalidRequestError, "more than one statement"),
    ],
)
def test_21_12_what_is_no_query_is_refused_with_the_reason(
    client: Client, query: str, error: type[ConnectorError], reason: str
) -> None:
    with pytest.raises(error, match=reason):
        describe(client, query)


def test_nothing_is_run_to_describe(client: Client, shop: PostgresAddress) -> None:
    started = time.monotonic()
    assert describe(client, "SELECT pg_sleep(20) IS NULL AS slept").columns[0].arrow == pa.bool_()
    assert describe(client, "SELECT id / 0 AS x FROM items").columns[0].arrow == pa.int32()
    describe(client, "SELECT nextval('counter')")
    assert time.monotonic() - started < 10
    assert shop.execute("SELECT is_called FROM counter") == [(False,)]


def test_21_12_a_query_that_would_write_fails_when_read(
    client: Client, shop: PostgresAddress
) -> None:
    relation = describe(client, "SELECT nextval('counter')")
    with pytest.raises(UnsupportedOperationError, match="read-only"):
        rows(client, relation)
    assert shop.execute("SELECT is_called FROM counter") == [(False,)]


@pytest.mark.parametrize(
    "query",
    [
        "SELECT 1) AS x); SELECT * FROM (SELECT (SELECT 1",
        "SELECT 1) AS x); DROP TABLE items; SELECT * FROM (SELECT (SELECT 1",
        "SELECT 1) AS x); COMMIT; SELECT * FROM (SELECT (SELECT 1",
    ],
)
def test_the_server_finds_a_second_statement_that_the_tokens_did_not_show(
    client: Client, shop: PostgresAddress, query: str
) -> None:
    with (
        pytest.raises(InvalidRequestError, match="more than one statement"),
        client.transaction() as cursor,
    ):
        _prove_single(cursor, query)
    assert shop.execute("SELECT count(*) FROM items") == [(3,)]


def test_a_comment_keeps_within_the_parentheses(shop: PostgresAddress) -> None:
    assert shop.execute(f"SELECT a FROM {derived_table('SELECT 1 -- x', ['a'])}") == [(1,)]


def test_a_text_may_follow_a_number(client: Client) -> None:
    # Two tokens up to server 14, a fault from 15 on; never a text without escapes.
    assert normalise("SELECT 1e'\\';'") == "SELECT 1e'\\';'"


def is_several(cursor: Any, query: str) -> bool:
    """Ask the server without parentheses, in which a semicolon would be a fault anyhow."""
    try:
        cursor.execute("SELECT count(*) FROM ts_stat(%s)", (query,))
    except psycopg2.errors.InvalidCursorDefinition:
        return True
    except psycopg2.Error:
        return False
    return False


def test_the_server_knows_two_statements_from_one(shop: PostgresAddress) -> None:
    with closing(shop.connect()) as connection:
        cursor = connection.cursor()
        assert is_several(cursor, "SELECT 1; SELECT 2")
        assert not is_several(cursor, "SELECT 1;")


_PIECES = st.sampled_from(
    [
        *(
            "'",
            '"',
            "$$",
            "$a$",
            "$1",
            "--",
            "\n",
            "\r",
            "/*",
            "*/",
            ";",
            "(",
            ")",
            "E'",
            "e'",
            "''",
        ),
        *(
            "\\",
            "\\'",
            " SELECT 1 ",
            "x",
            "1",
            "U&'",
            ' U&"',
            " ",
            "\t",
            "\f",
            "\v",
            "B'",
            "é",
            "*",
        ),
        *("/", "-", "$", "_", ",", "\u00a0", "\x1c", " AS ", "''''"),
    ]
)


@settings(max_examples=400, deadline=None, derandomize=True)
@given(pieces=st.lists(_PIECES, max_size=14))
@example(pieces=["E'a'", "\n", "'", "\\'", "'", ";", " SELECT 1 ", "--", "'"])
@example(pieces=["E'a'", "--", "\n", "'", "\\'", "'", ";", " SELECT 1 ", "--", "'"])
@example(pieces=["E'", "\\'", "'", ";", " SELECT 1 ", "--", "'"])
@example(pieces=["'", "\\", "'", ";", " SELECT 1 ", "--", "'"])
@example(pieces=["x", "$$", ";", " SELECT 1 ", "x", "$$"])
@example(pieces=["$$", "x", "$$", ";", " SELECT 1 ", "x", "$$"])
@example(pieces=["/*", "/*", "*/", ";", " SELECT 1 ", "*/"])
@example(pieces=["/*", "*/", ";", " SELECT 1 ", "/*", "*/"])
@example(pieces=["--", "\r", ";", " SELECT 1 "])
def test_what_tokens_let_pass_is_one_statement_to_the_server(
    shop: PostgresAddress, pieces: list[str]
) -> None:
    """The server may find faults, but never a second statement or the end of the table."""
    try:
        query = normalise("SELECT 1 " + "".join(pieces))
    except InvalidRequestError:
        return
    with closing(shop.connect(options="-c standard_conforming_strings=on")) as connection:
        cursor = connection.cursor()
        assert not is_several(cursor, query)
        try:
            _prove_single(cursor, query)
            cursor.execute(f"SELECT * FROM {derived_table(query)} LIMIT 0")
        except psycopg2.Error:
            return
        # It stands alone, so parentheses of the query are all its own.
        cursor.execute(f"SELECT count(*) FROM (({query}\n)) AS x")


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.text("'\"$-/*;()\\Ee \n", max_size=300))
def test_tokens_take_no_long_time(text: str) -> None:
    started = time.monotonic()
    for odd in (text, "E''" + text * 20, "E'x' " + "--" * 200 + text):
        try:
            normalise(f"SELECT {odd}")
        except InvalidRequestError:
            continue
    assert time.monotonic() - started < 5


def test_21_12_names_are_made_different(client: Client) -> None:
    relation = describe(
        client, 'SELECT 1 AS a, 2 AS a, 3, 4, 5 AS "A", 6 AS a_1, 7 AS a, 8 AS "a_1"'
    )
    names = [column.name for column in relation.columns]
    assert names == ["a", "a_2", "?column?", "?column?_1", "A", "a_1", "a_3", "a_1_1"]
    assert rows(client, relation) == [(1, 2, 3, 4, 5, 6, 7, 8)]


def test_long_names_stay_different(client: Client) -> None:
    long = "é" * 31
    relation = describe(client, f'SELECT 1 AS "{long}", 2 AS "{long}", 3 AS "{long}"')
    names = [column.name for column in relation.columns]
    assert names == [long, "é" * 30 + "_1", "é" * 30 + "_2"]
    assert rows(client, relation) == [(1, 2, 3)]


TYPED: dict[str, tuple[str, pa.DataType, Any]] = {
    "1": ("integer", pa.int32(), 1),
    "1.50::numeric(10,2)": ("numeric(10,2)", pa.decimal128(10, 2), Decimal("1.50")),
    "1.5::numeric(30,2)": ("numeric(30,2)", pa.decimal128(30, 2), Decimal("1.50")),
    "1234::numeric(5,-2)": ("numeric(5,-2)", pa.decimal128(7, 0), Decimal(1200)),
    "0.001::numeric(3,5)": ("numeric(3,5)", pa.decimal128(5, 5), Decimal("0.00100")),
    "1::numeric(1000)": ("numeric(1000,0)", pa.string(), "1"),
    "1.5": ("numeric", pa.decimal128(38, 0), Decimal(2)),
    "sum(1.5::numeric(10,2))": ("numeric", pa.decimal128(38, 0), Decimal(2)),
    "ARRAY[1.5]::numeric(10,2)[]": (
        "numeric(10,2)[]",
        pa.list_(pa.decimal128(10, 2)),
        [Decimal("1.50")],
    ),
    "ARRAY[1.5]": ("numeric[]", pa.list_(pa.decimal128(38, 0)), [Decimal(2)]),
    "1::price": ("numeric(10,2)", pa.decimal128(10, 2), Decimal("1.00")),
    "B'1'::bit(1)": ("bit(1)", pa.bool_(), True),
    "B'101'::bit(3)": ('"bit"', pa.string(), "101"),
    "B'1'": ('"bit"', pa.string(), "1"),
    "B'10'::varbit(4)": ("bit varying(4)", pa.string(), "10"),
    "'x'::char(3)": ("character(3)", pa.string(), "x"),
    "'x'::varchar(7)": ("character varying(7)", pa.string(), "x"),
    "'x'": ("text", pa.string(), "x"),
    "'x'::name": ("name", pa.string(), "x"),
    "'sad'::mood": ("mood", pa.string(), "sad"),
    "ARRAY['sad']::mood[]": ("mood[]", pa.list_(pa.string()), ["sad"]),
    "ROW(1, 'a')": ("record", pa.string(), '{"f1":1,"f2":"a"}'),
    "ARRAY[ROW(1, 'a')]": ("record[]", pa.list_(pa.string()), ["(1,a)"]),
    "pg_sleep(0)": ("void", pa.string(), ""),
    "NULL": ("text", pa.string(), None),
    "'10.0.0.1'::inet": ("inet", pa.string(), "10.0.0.1"),
    "'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'::uuid": (
        "uuid",
        pa.string(),
        "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11",
    ),
    "ARRAY[1, NULL]": ("integer[]", pa.list_(pa.int32()), [1, None]),
    "12.3::money": ("money", pa.decimal128(20, 2), Decimal("12.30")),
    "'{}'::jsonb": ("jsonb", pa.string(), "{}"),
}


@pytest.mark.parametrize("expression", TYPED)
def test_types_come_with_their_modifiers(client: Client, expression: str) -> None:
    source_type, arrow, value = TYPED[expression]
    relation = describe(client, f"SELECT {expression} AS x")
    (column,) = relation.columns
    assert column.source_type == source_type
    assert column.arrow == arrow
    assert rows(client, relation) == [(value,)]


@pytest.mark.parametrize(("range_", "count"), [(Range.equal("a"), 1), (Range.greater_than("B"), 3)])
def test_texts_of_any_collation_or_none_can_be_compared(
    client: Client, range_: Range, count: int
) -> None:
    query = (
        "SELECT name, name COLLATE \"C\" AS c, 'x' AS x FROM items"
        # Two collations that are not stated make one that is undecided.
        " UNION ALL SELECT relname::text, 'y', 'z' FROM pg_class WHERE relname = 'items'"
    )
    relation = describe(client, query)
    assert {column.comparison for column in relation.columns} == {Comparison.TEXT_FOLDED}
    values = SortedRangeSet.of(pa.string(), [range_], null_allowed=False)
    where = domain_sql(
        values, relation.columns[0], load_settings(Settings, {}), dialect=POSTGRES
    ).text
    table = derived_table(relation.query, [column.name for column in relation.columns])
    with client.transaction() as cursor:
        cursor.execute(f"SELECT count(*) FROM {table} WHERE {where}")
        assert cursor.fetchone() == (count,)


def test_a_relation_of_a_query_is_not_null_by_nothing(client: Client) -> None:
    relation = describe(client, "SELECT id, price, now() FROM items")
    assert all(column.nullable for column in relation.columns)
    assert (relation.oid, relation.query) == (0, "SELECT id, price, now() FROM items")
    assert relation.columns[2].sub_millisecond

"""Native queries: what is taken, what is refused and why, and that nothing else can run."""

from __future__ import annotations

import time
from contextlib import closing
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pymysql
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
from athena_connectors.common.testing.physical_values import physical_values
from athena_connectors.common.valueset import Range, SortedRangeSet
from athena_connectors.jdbc_mysql.client import Client
from athena_connectors.jdbc_mysql.dialect import MYSQL
from athena_connectors.jdbc_mysql.literals import identifier
from athena_connectors.jdbc_mysql.passthrough import (
    _NO_NAMES,
    _named_columns,
    _names,
    describe_query,
    normalise,
)
from athena_connectors.jdbc_mysql.reader import read_statement
from athena_connectors.jdbc_mysql.settings import Settings
from athena_connectors.jdbc_mysql.statement import derived_table
from hypothesis import example, given, settings
from hypothesis import strategies as st

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from athena_connectors.common.sql.relation import Relation
    from athena_connectors.common.testing.mariadb import MariaDb


@pytest.fixture(scope="module")
def shop(database: MariaDb) -> MariaDb:
    database.execute(
        "CREATE TABLE items (id int, name varchar(9), price decimal(10,2), `QUERY` text,"
        " `into` int, made datetime(6))",
        "INSERT INTO items VALUES (1, 'a', 1.50, 'x', 7, '2024-02-29 12:00:00.123456'),"
        " (2, 'B', NULL, NULL, NULL, NULL), (3, 'u;', 3, '--', 8, NULL)",
        "CREATE TABLE log (id int)",
        "CREATE TABLE old (id int) ENGINE=MyISAM",
        "CREATE SEQUENCE counter",
        "CREATE FUNCTION writes() RETURNS int BEGIN INSERT INTO log VALUES (1); RETURN 1; END",
        "CREATE FUNCTION writes_old() RETURNS int BEGIN INSERT INTO old VALUES (1); RETURN 1; END",
    )
    return database


@pytest.fixture(scope="module")
def client(shop: MariaDb) -> Iterator[Client]:
    client = Client(
        parse_connection_string(shop.url, engine="mysql", catalog="shop"),
        load_settings(Settings, {}),
        secrets=None,
        environ={},
    )
    yield client
    client.close()


def describe(client: Client, query: str, **settings: str) -> Relation:
    with client.transaction(table="system.query") as cursor:
        return describe_query(cursor, query, load_settings(Settings, settings))


def rows(client: Client, relation: Relation) -> list[tuple[Any, ...]]:
    """Read a described query by the names that it was given."""
    targets = ", ".join(
        column.projection.replace("{c}", identifier(column.name)) for column in relation.columns
    )
    with client.transaction(table="system.query"):
        batches = list(
            read_statement(
                client.connection,
                f"SELECT {targets} FROM {derived_table(relation.query)}",
                relation.columns,
                table="system.query",
                stats=SplitStats(),
            )
        )
    columns = [
        [value for batch in batches for value in physical_values(batch.column(column.name))]
        for column in relation.columns
    ]
    return list(zip(*columns, strict=True))


QUERIES = [
    "SELECT id, name FROM items",
    "  select ID from items\n;\n",
    "SELECT id FROM items ORDER BY id DESC LIMIT 2",
    "SELECT id FROM items;;  ; -- the end",
    "SELECT id FROM items -- no line break after this",
    "SELECT id FROM items --",
    "SELECT id FROM items # no line break after this",
    "SELECT id FROM items /* a /* comment */ ;",
    "/* first */ -- second\n# third\nSELECT id FROM items",
    "SELECT 5--1 AS six, 3 --\n+ 4 AS seven",
    "SELECT name FROM items WHERE name LIKE '%;' AND name <> '--' -- ; \n",
    "WITH cheap AS (SELECT * FROM items WHERE price < 2) SELECT id, price FROM cheap",
    (
        "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5)"
        " SELECT * FROM n"
    ),
    "(SELECT 1) UNION ALL (SELECT 2)",
    "((SELECT 1))",
    "SELECT 1 UNION SELECT 2 EXCEPT SELECT 3 ORDER BY 1",
    "VALUES (1, 'a'), (2, 'it''s')",
    "SELECT `QUERY` FROM items",
    "SELECT items.into FROM items",
    "SELECT ';' AS a, ')' AS b, '--' AS c, '/*' AS d, '#' AS e, '`' AS f FROM items",
    "SELECT '\\';)' AS a, \"\\\");\" AS b, 'it''s;' AS c, \"\"\";\" AS d, x'1F' AS e",
    "SELECT 'a\\\\' AS a, ';' AS b",
    "SELECT N'n' AS a, _utf8mb4';)' AS b, _latin1 x'41' AS c",
    "SELECT 1 AS `a;)`, 2 AS `b``--`, 3 AS `c\\`",
    "SELECT 5 % 2 AS a, '%s' AS b, '%(x)s' AS c",
    "SELECT sum(price), count(*) FROM items GROUP BY name HAVING count(*) > 0",
    "SELECT row_number() OVER (ORDER BY id) AS n FROM items",
    "SELECT a.id FROM items a JOIN items b USING (id)",
    "SELECT 1 AS a$b, 2 AS ünï, 3 AS `9`",
    "SELECT @row := @row + 1 AS n, id FROM items, (SELECT @row := 0) AS start",
    "SELECT /*+ MAX_EXECUTION_TIME(1000) */ id FROM items",
    "SELECT JSON_EXTRACT('{\"a\": 1}', '$.a') AS a",
    "SELECT id FROM items USE INDEX FOR JOIN () WHERE id IN (SELECT id FROM log) OR id = 1",
]


@pytest.mark.parametrize("query", QUERIES)
def test_21_12_a_query_gives_what_it_gives_by_itself(
    client: Client, shop: MariaDb, query: str
) -> None:
    relation = describe(client, query)
    assert relation.kind == "q"
    with closing(shop.connect(charset="utf8mb4")) as connection, connection.cursor() as cursor:
        cursor.execute("SET sql_mode = ''")
        cursor.execute(normalise(query))
        expected = list(cursor.fetchall())
        names = [item[0] for item in cursor.description]
    assert expected
    assert [column.name.lower() for column in relation.columns] == [name.lower() for name in names]
    found = [tuple(map(str, row)) for row in rows(client, relation)]
    assert sorted(found) == sorted(tuple(map(str, row)) for row in expected)


@pytest.mark.parametrize("query", QUERIES)
def test_normalising_ends_where_the_query_does(query: str) -> None:
    kept = normalise(query)
    assert kept in query
    assert not kept.endswith(";")
    assert normalise(kept) == kept
    assert normalise(f"\n{query}\n;-- ;\n/*;*/;#") == kept


def test_21_12_comments_and_semicolons_at_the_end_go() -> None:
    assert normalise("SELECT 1 ; -- x") == "SELECT 1"
    assert normalise(" SELECT 1 /* x */ -- y\n # z\n") == "SELECT 1"
    assert normalise("SELECT 1 -- x\n + 2 ;\n/* ; */") == "SELECT 1 -- x\n + 2"
    assert normalise("SELECT 1--x") == "SELECT 1--x"
    assert normalise("SELECT 1 --\n, 2") == "SELECT 1 --\n, 2"


REFUSED: list[tuple[str, type[ConnectorError], str]] = [
    ("", InvalidRequestError, "empty"),
    (" ; -- nothing", InvalidRequestError, "empty"),
    ("()", InvalidRequestError, "empty"),
    ("SELECT 1; SELECT 2", InvalidRequestError, "more than one statement"),
    ("SELECT 1; DROP TABLE items", InvalidRequestError, "more than one statement"),
    ("SELECT 1) AS x; DROP TABLE items; -- ", InvalidRequestError, "parenthesis"),
    ("SELECT 1) AS x, (SELECT 2", InvalidRequestError, "parenthesis"),
    ("SELECT 1) AS x INTO OUTFILE '/tmp/x' -- ", InvalidRequestError, "parenthesis"),
    ("SELECT 1) AS x INTO OUTFILE '/tmp/x' #", InvalidRequestError, "parenthesis"),
    ("SELECT (1", InvalidRequestError, "parenthesis"),
    ("SELECT 1 /* ", InvalidRequestError, r"/\*"),
    ("SELECT 1 /*/", InvalidRequestError, r"/\*"),
    ("SELECT 'a", InvalidRequestError, "not closed"),
    ("SELECT 'a\\'", InvalidRequestError, "not closed"),
    ('SELECT "a', InvalidRequestError, "not closed"),
    ("SELECT 1 AS `a", InvalidRequestError, "not closed"),
    ("SELECT /*! 1 */", InvalidRequestError, "comment that the server runs"),
    ("SELECT 1 /*!50000 ) AS x -- */", InvalidRequestError, "parenthesis|comment"),
    ("SELECT 1 /*!50000 AS x */", InvalidRequestError, "comment that the server runs"),
    ("SELECT 1 /*M!100000 AS x */", InvalidRequestError, "comment that the server runs"),
    ("SELECT /*+ QB_NAME(`a*/`) */ 1", InvalidRequestError, "hint with quotes|not closed"),
    ("SHOW TABLES", UnsupportedOperationError, "SHOW.*information_schema"),
    ("describe items", UnsupportedOperationError, "DESCRIBE.*information_schema"),
    ("explain SELECT 1", UnsupportedOperationError, "EXPLAIN"),
    ("ANALYZE FORMAT=JSON SELECT 1", UnsupportedOperationError, "ANALYZE"),
    ("DELETE FROM items", UnsupportedOperationError, "DELETE"),
    ("insert into items values (9) returning id", UnsupportedOperationError, "INSERT"),
    ("REPLACE INTO log VALUES (1)", UnsupportedOperationError, "REPLACE"),
    ("UPDATE items SET id = 1", UnsupportedOperationError, "UPDATE"),
    ("LOAD DATA INFILE 'x' INTO TABLE log", UnsupportedOperationError, "LOAD"),
    ("CALL something()", UnsupportedOperationError, "CALL"),
    ("DO SLEEP(1)", UnsupportedOperationError, "DO"),
    ("BEGIN", UnsupportedOperationError, "BEGIN"),
    ("SET @a = 1", UnsupportedOperationError, "SET"),
    ("HANDLER items OPEN", UnsupportedOperationError, "HANDLER"),
    ("PREPARE s FROM 'SELECT 1'", UnsupportedOperationError, "PREPARE"),
    ("KILL 1", UnsupportedOperationError, "KILL"),
    ("'SELECT 1'", UnsupportedOperationError, "begins with"),
    ("SELECT", InvalidRequestError, "syntax"),
    ("SELECT 'x\0'", InvalidRequestError, r"U\+0000"),
    ("SELECT '\ud800'", InvalidRequestError, "surrogate"),
    ("SELECT nothing FROM items", ColumnNotFoundError, "nothing"),
    ("SELECT * FROM nowhere", TableNotFoundError, "nowhere"),
    ("SELECT 1 FROM FROM", InvalidRequestError, "syntax"),
    ("SELECT ?", InvalidRequestError, r"\?"),
    ("SELECT 1 AS a INTO @x", UnsupportedOperationError, "INTO"),
    ("SELECT 1 INTO OUTFILE '/tmp/x'", UnsupportedOperationError, "INTO"),
    ("SELECT 1 into dumpfile '/tmp/x'", UnsupportedOperationError, "INTO"),
    ("SELECT * FROM items FOR UPDATE", UnsupportedOperationError, "FOR UPDATE"),
    ("SELECT * FROM items for/**/share", UnsupportedOperationError, "FOR SHARE"),
    ("SELECT * FROM items LOCK IN SHARE MODE", UnsupportedOperationError, "LOCK IN"),
    ("WITH x AS (SELECT 1) DELETE FROM items", InvalidRequestError, "syntax"),
    ("SELECT 1; COMMIT; DROP TABLE items", InvalidRequestError, "more than one statement"),
    ("SELECT 1 AS a, 2 AS a", InvalidRequestError, "'a'.*AS name"),
    ("SELECT 1 AS a, 2 AS A", InvalidRequestError, "'A'.*AS name"),
    ("SELECT * FROM items AS a JOIN items AS b", InvalidRequestError, "'id'.*AS name"),
    ("TABLE items", InvalidRequestError, "syntax"),  # MySQL 8 has it
    ("SELECT 1 PROCEDURE ANALYSE()", InvalidRequestError, "syntax"),
]


@pytest.mark.parametrize(("query", "error", "reason"), REFUSED)
def test_21_12_what_is_no_query_is_refused_with_the_reason(
    client: Client, query: str, error: type[ConnectorError], reason: str
) -> None:
    with pytest.raises(error, match=reason):
        describe(client, query)


def test_nothing_is_run_to_describe(client: Client, shop: MariaDb) -> None:
    started = time.monotonic()
    assert describe(client, "SELECT SLEEP(20) AS slept").columns[0].arrow == pa.int32()
    describe(client, "SELECT BENCHMARK(1000000000, SHA2('a', 512)) AS x")
    describe(client, "SELECT * FROM (SELECT SLEEP(20) AS s) AS inner_one")
    with pytest.raises(UnsupportedOperationError, match="READ ONLY"):
        describe(client, "SELECT writes() AS w")
    assert time.monotonic() - started < 10
    assert shop.execute("SELECT count(*) FROM log") == [(0,)]


@pytest.mark.parametrize(
    "query",
    [
        "SELECT writes() AS w",
        "SELECT writes_old() AS w",
        "SELECT id FROM items WHERE writes() = 1",
        "SELECT NEXTVAL(counter) AS n",
        "SELECT (SELECT NEXT VALUE FOR counter) AS n",
    ],
)
def test_21_12_a_query_that_would_write_fails_when_read(
    client: Client, shop: MariaDb, query: str
) -> None:
    with pytest.raises(UnsupportedOperationError, match=r"READ ONLY"):
        rows(client, describe(client, query))
    assert shop.execute("SELECT count(*) FROM log") == [(0,)]
    assert shop.execute("SELECT count(*) FROM old") == [(0,)]
    assert shop.execute("SELECT LASTVAL(counter)") == [(None,)]


@pytest.mark.parametrize(
    "query",
    [
        "SELECT 1 AS a) AS x -- ",
        "SELECT 1 AS a) AS x #",
        "SELECT 1 AS a) AS x INTO OUTFILE '{file}' -- ",
        "SELECT 1 AS a) AS x INTO DUMPFILE '{file}' #",
        "SELECT id FROM items) AS x FOR UPDATE -- ",
        "SELECT 1 AS a) AS x; DROP TABLE items; -- ",
        "SELECT 1 AS a) AS x PROCEDURE ANALYSE() -- ",
    ],
)
def test_the_server_finds_the_end_of_parentheses_that_the_tokens_did_not_show(
    client: Client, shop: MariaDb, tmp_path: Path, query: str
) -> None:
    file = tmp_path / "written"
    with pytest.raises(InvalidRequestError), client.transaction() as cursor:
        _names(cursor, query.replace("{file}", str(file)))
    assert not file.exists()
    assert shop.execute("SELECT count(*) FROM items") == [(3,)]


_PIECES = st.sampled_from(
    [
        *("'", '"', "`", "--", "-- ", "--\t", "#", "\n", "\r", "/*", "*/", ";", "(", ")", "''"),
        *("\\", "\\'", '\\"', "``", '""', " SELECT 1 ", "x", "1", " x'", " N'", " _utf8mb4'", " "),
        *("/*!", "/*!50000 ", "/*M!", "/*+", "*", "/", "-", "$", "_", ",", "\u00a0", "\x1c"),
        *(" AS ", "''''", "é", "@", ":=", "?", "{", "}", ".", "\t", "\v", "\x7f"),
        *(" INTO OUTFILE '/nowhere/x' ", " FOR UPDATE ", " UNION ", " FROM items "),
    ]
)


def _accepted(cursor: Any, sql: str) -> bool:
    try:
        cursor.execute(sql)
    except pymysql.Error:
        return False
    cursor.fetchall()
    return True


@pytest.fixture(scope="module")
def cursor(shop: MariaDb) -> Iterator[Any]:
    with closing(shop.connect(charset="utf8mb4")) as connection, connection.cursor() as cursor:
        cursor.execute("SET sql_mode = ''")
        yield cursor


@settings(max_examples=600, deadline=None, derandomize=True)
@given(pieces=st.lists(_PIECES, max_size=14))
@example(pieces=["'", "\\'", "'", ";", " SELECT 1 ", "--", "'"])
@example(pieces=["--", "x", ")", "\n"])
@example(pieces=["--", "\r", ")", "\n"])
@example(pieces=["-- ", "'", "\n", ")", "#", "'"])
@example(pieces=["/*", "/*", "*/", ")", "*/"])
@example(pieces=["`", "\\", "`", ")", "#", "`"])
@example(pieces=['"', "'", '"', ")", "#", "'"])
@example(pieces=["/*+", "`", "*/", "`", ")", "#"])
@example(pieces=["--", "\x7f", ")", "\n"])
@example(pieces=["--", "\u00a0", ")", "\n"])
def test_what_tokens_let_pass_keeps_its_parentheses(cursor: Any, pieces: list[str]) -> None:
    """The server may find faults, but never the end of the table or a second statement."""
    try:
        query = normalise("SELECT 1 " + "".join(pieces))
    except (InvalidRequestError, UnsupportedOperationError):
        return
    table = derived_table(query)
    if _accepted(cursor, f"SELECT count(*) FROM {table}"):
        # It stands in more pairs of parentheses, so those of the query are its own.
        inner = f"SELECT * FROM {table}"
        assert _accepted(cursor, f"SELECT count(*) FROM ({inner}) AS one")
        assert _accepted(cursor, f"SELECT EXISTS (SELECT * FROM ({inner}) AS one)")


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.text("'\"`-/*;()\\#!+ \n", max_size=300))
def test_tokens_take_no_long_time(text: str) -> None:
    started = time.monotonic()
    for odd in (text, "''" + text * 20, "'x' " + "--" * 200 + text, "/*+" * 300 + text):
        try:
            normalise(f"SELECT {odd}")
        except (InvalidRequestError, UnsupportedOperationError):
            continue
    assert time.monotonic() - started < 5


@pytest.mark.parametrize(
    "alias", ["a b", "a`b", "a\\b", "a'b", 'a"b', "a.b", "%s", "é", "new\nline", "x" * 64, "{c}"]
)
def test_any_name_of_a_column_can_be_read(client: Client, alias: str) -> None:
    relation = describe(client, f"SELECT 1 AS {identifier(alias)}")
    assert [column.name for column in relation.columns] == [alias]
    if alias != "{c}":
        assert rows(client, relation) == [(1,)]


@pytest.mark.parametrize("text", ["", "a ", "𝄞", "?", "x" * 70, "x" * 300])
def test_a_column_may_have_its_text_for_a_name(client: Client, text: str) -> None:
    relation = describe(client, f"SELECT '{text}'")
    assert rows(client, relation) == [(text,)]


@pytest.mark.parametrize("number", [1052, 1054, 1059, 1166])
def test_a_name_that_the_server_does_not_know_again_is_refused(number: int) -> None:
    # MySQL's limit is 64 characters; MariaDB takes them all.
    with (
        pytest.raises(InvalidRequestError, match=r"'xxx'.*AS name"),
        _named_columns(_NO_NAMES),
    ):
        raise pymysql.err.OperationalError(number, "Identifier name 'xxx' is too long")


TYPED: dict[str, tuple[str, pa.DataType, Any]] = {
    "1": ("int", pa.int32(), 1),
    "1 > 0": ("int", pa.int32(), 1),
    "3000000000": ("bigint", pa.int64(), 3_000_000_000),
    "CAST(18446744073709551615 AS UNSIGNED)": (
        "bigint unsigned",
        pa.decimal128(20, 0),
        Decimal(2**64 - 1),
    ),
    "1.50": ("decimal(3,2)", pa.decimal128(3, 2), Decimal("1.50")),
    "-0.05": ("decimal(3,2)", pa.decimal128(3, 2), Decimal("-0.05")),
    "CAST(1.5 AS DECIMAL(65,30))": ("decimal(65,30)", pa.string(), f"1.5{'0' * 29}"),
    "(SELECT SUM(price) FROM items)": ("decimal(32,2)", pa.decimal128(32, 2), Decimal("4.50")),
    "(SELECT SUM(id) FROM items)": ("decimal(32,0)", pa.decimal128(32, 0), Decimal(6)),
    "(SELECT AVG(price) FROM items)": ("decimal(14,6)", pa.decimal128(14, 6), Decimal("2.250000")),
    "(SELECT COUNT(*) FROM items)": ("bigint", pa.int64(), 3),
    "1e0": ("double", pa.float64(), 1.0),
    "CAST(1.1 AS FLOAT)": ("float", pa.float32(), 1.100000023841858),
    "'x'": ("varchar", pa.string(), "x"),
    "REPEAT('é', 70000)": ("text", pa.string(), "é" * 70000),
    "CONVERT('é' USING latin1)": ("varchar", pa.string(), "é"),
    "x'00ff'": ("varbinary", pa.binary(), b"\x00\xff"),
    "BINARY 'x'": ("varbinary", pa.binary(), b"x"),
    "NULL": ("binary", pa.binary(), None),
    "DATE'2024-02-29'": ("date", pa.date32(), 19_782),
    "TIMESTAMP'2024-02-29 00:00:00'": ("datetime", pa.date64(), 19_782 * 86_400_000),
    "TIMESTAMP'1969-12-31 23:59:59.999999'": ("datetime(6)", pa.date64(), -1),
    "MAKEDATE(2024, 60)": ("date", pa.date32(), 19_782),
    "CAST('0000-00-00' AS DATE)": ("date", pa.date32(), None),
    "TIME'-838:59:59'": ("time", pa.string(), "-838:59:59"),
    "CAST('1:02:03.4' AS TIME(3))": ("time(3)", pa.string(), "01:02:03.400"),
    "FROM_UNIXTIME(0)": ("datetime", pa.date64(), 0),
    "POINT(1, 2)": (
        "geometry",
        pa.binary(),
        bytes.fromhex("000000000101000000000000000000f03f0000000000000040"),
    ),
    "CAST('::1' AS INET6)": ("char", pa.string(), "::1"),
    "JSON_ARRAY(1)": ("varchar", pa.string(), "[1]"),
    "SLEEP(0)": ("int", pa.int32(), 0),
}


@pytest.mark.parametrize("expression", TYPED)
def test_types_come_with_their_modifiers(client: Client, expression: str) -> None:
    source_type, arrow, value = TYPED[expression]
    relation = describe(client, f"SELECT {expression} AS x")
    (column,) = relation.columns
    assert column.arrow == arrow
    assert column.source_type == source_type
    assert rows(client, relation) == [(value,)]


COLUMNS = {
    "a": ("tinyint(1)", pa.bool_(), "2", True),
    "b": ("tinyint unsigned", pa.int16(), "255", 255),
    "c": ("bit(1)", pa.bool_(), "b'1'", True),
    "d": ("bit(64)", pa.decimal128(20, 0), "18446744073709551615", Decimal(2**64 - 1)),
    "e": ("year", pa.int32(), "2024", 2024),
    "f": ("enum('x','y')", pa.string(), "'y'", "y"),
    "g": ("set('x','y')", pa.string(), "'x,y'", "x,y"),
    "h": ("mediumint unsigned", pa.int32(), "16777215", 2**24 - 1),
    "i": ("timestamp(3) NULL", pa.date64(), "'2024-02-29 00:00:00.5'", 19_782 * 86_400_000 + 500),
    "j": ("char(5)", pa.string(), "'ab'", "ab"),
    "k": ("decimal(40,2) unsigned", pa.string(), "1.5", "1.50"),
    "l": ("year(2)", pa.int32(), "'99'", 1999),
    "m": ("mediumtext CHARACTER SET latin1", pa.string(), "'x'", "x"),
    "n": ("bigint unsigned zerofill", pa.decimal128(20, 0), "7", Decimal(7)),
    "o": ("varchar(5) INVISIBLE", pa.string(), "'x'", "x"),
}


def test_columns_of_tables_keep_their_types(client: Client, shop: MariaDb) -> None:
    shop.execute(
        f"CREATE TABLE typed ({', '.join(f'{k} {v[0]}' for k, v in COLUMNS.items())})",
        f"INSERT INTO typed ({', '.join(COLUMNS)}) VALUES"
        f" ({', '.join(value[2] for value in COLUMNS.values())})",
    )
    relation = describe(client, f"SELECT {', '.join(COLUMNS)} FROM typed")
    assert [column.arrow for column in relation.columns] == [v[1] for v in COLUMNS.values()]
    assert rows(client, relation) == [tuple(value[3] for value in COLUMNS.values())]
    numbers = describe(client, "SELECT a FROM typed", mysql_tinyint1_as_bool="false")
    assert numbers.columns[0].arrow == pa.int8()


@pytest.mark.parametrize(("range_", "count"), [(Range.equal("a"), 2), (Range.greater_than("B"), 3)])
def test_texts_of_any_collation_can_be_compared(client: Client, range_: Range, count: int) -> None:
    query = "SELECT name FROM items UNION ALL SELECT CONVERT('a' USING latin1)"
    relation = describe(client, query)
    assert {column.comparison for column in relation.columns} == {Comparison.TEXT_FOLDED}
    values = SortedRangeSet.of(pa.string(), [range_], null_allowed=False)
    fragment = domain_sql(values, relation.columns[0], load_settings(Settings, {}), dialect=MYSQL)
    assert fragment.exact
    with client.transaction() as cursor:
        cursor.execute(
            f"SELECT count(*) FROM {derived_table(relation.query)} WHERE {fragment.text}"
        )
        assert cursor.fetchone() == (count,)


def test_a_relation_of_a_query_is_not_null_by_nothing(client: Client) -> None:
    relation = describe(client, "SELECT id, price, made FROM items")
    assert all(column.nullable for column in relation.columns)
    assert (relation.oid, relation.query) == (0, "SELECT id, price, made FROM items")
    assert relation.columns[2].sub_millisecond

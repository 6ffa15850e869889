"""Names, values, patterns and native queries stay what they are, whatever is in them.

What is hostile changes neither the shape of a statement, which is its tree without names and
constants, nor the rows of a real server; and a table beside it keeps its rows.
"""

from __future__ import annotations

import os
import re
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest
import sqlglot
from athena_connectors.common.connector import Scan
from athena_connectors.common.constraints import Constraints
from athena_connectors.common.errors import ConnectorError, NotFoundError
from athena_connectors.common.expressions import Call, Constant, Variable
from athena_connectors.common.protocol.messages import Split, TableName
from athena_connectors.common.valueset import Range, SortedRangeSet
from athena_connectors.jdbc_mysql.connector import from_environment as mysql_connector
from athena_connectors.jdbc_postgres.connector import from_environment as postgres_connector
from sqlglot import exp

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from athena_connectors.common.connector import Connector
    from athena_connectors.common.testing.mariadb import MariaDb
    from athena_connectors.common.testing.postgres import PostgresAddress

NAMES = (
    "'", '"', "`", "\\", "\\'", '\\"', "''", '""', "``", "--", "#", "/*", "*/", ";", "%s", "%(a)s",
    "{}", "{c}", "?", ":a", "$1", "$$", "a b", "a.b", "a`.`b", 'a"."b', ")", "' OR 1=1 --",
    "'; DROP TABLE victim; --", '"; DROP TABLE victim; --', "`; DROP TABLE victim; #",
    "/*!50000 UNION SELECT 1*/", "x FROM victim --", "a\nb", "a\tb", "é", "\uff51", "縗'", "運`",
    "\u02bc", "\u00bf'", "select", "NULL", "1", "E'x\\'", "U&'\\0027'",
)  # fmt: skip
"""Some of these are read otherwise by a server that takes them for GBK, latin1 or Shift JIS."""
VALUES = (
    *NAMES, "", " ", "'''", "\\\\", "\\\\'", "\r\n--\n", "\x1a", "\x08", "\x7f", "%", "_", "%'%",
    "\\%", "\\_", "|%", "!_", "0x27", "X'27'", "_utf8mb4'x'", "縗' OR 1=1 -- ", "\U0001f600'",
    "CONCAT('a','b')", "@@version", "*/ OR 1=1 /*", "' UNION SELECT 'x", "$a$'$a$", "\u2019",
    "\uff07",
)  # fmt: skip
ONLY_ASKED = ("\0", "a\0'", "' OR 1=1 --\0", "\U0010ffff'", "' OR '1'='1", "nothing like it")
PLAIN = ("plain", "abc", "ж", "\U0001f600", "a\0b", "50%", "a_b", "")
"""One of each kind that statements tell apart on purpose."""


@dataclass(frozen=True)
class Column:
    """A column of the table of values, with the values that it can hold."""

    name: str
    declared: str
    codec: str = "utf-8"

    def holds(self, value: str) -> bool:
        return value.encode(self.codec, "ignore").decode(self.codec) == value


@dataclass(frozen=True)
class Source:
    """A server, and the connector on it.

    Attributes:
        dialect: The server's SQL, as sqlglot calls it.
        run: Runs statements with arguments of the driver and returns the last one's rows.
        connector: Reads from it.
        schema: Where the tables are.
        columns: Of the table of values.
        parted: Makes a table of partitions with these names and rows 0, 1, 2, ….
    """

    dialect: str
    run: Callable[..., list[tuple[Any, ...]]]
    connector: Connector
    schema: str
    columns: tuple[Column, ...]
    parted: Callable[[str, tuple[str, ...]], None]

    def __str__(self) -> str:
        return self.dialect

    def quoted(self, name: str) -> str:
        mark = "`" if self.dialect == "mysql" else '"'
        return f"{mark}{name.replace(mark, 2 * mark)}{mark}"

    def shape(self, sql: str) -> str:
        """Return the tree of one statement without its names and constants."""
        (tree,) = sqlglot.parse(sql, dialect=self.dialect)
        assert tree is not None
        return tree.transform(_shape).sql(dialect=self.dialect)

    def read(self, table: TableName, *columns: str, **wanted: Any) -> tuple[set[str], list[Any]]:
        """Return the shapes of what reads a table, and its rows."""
        description = self.connector.describe_table(self.connector.resolve_table(table))
        schema = pa.schema([description.schema.field(name) for name in columns])
        scan = Scan(table, schema, Constraints(**wanted), description)
        layout = self.connector.plan_partitions(scan)
        shapes, rows = set(), []
        for split in self.connector.plan_splits(scan, layout):
            native = self.connector.native_query(scan, split)
            parts = _statements(native) if not native.startswith("nothing") else []
            shapes.update(map(self.shape, parts))
            for batch in self.connector.read_split(scan, split):
                rows += [tuple(row.values()) for row in batch.to_pylist()]
        return shapes, sorted(rows, key=repr)


def _statements(native: str) -> list[str]:
    """Return the statements of a split; a line break may be part of one."""
    return re.split(r"\n(?=SELECT )", native)


def _shape(node: exp.Expr) -> exp.Expr:
    if isinstance(node, (exp.Literal, exp.HexString, exp.Introducer, exp.National)):
        return exp.Placeholder()
    if isinstance(node, exp.Neg) and isinstance(node.this, exp.Literal):
        return exp.Placeholder()
    if isinstance(node, exp.Identifier):
        return exp.to_identifier("name")
    return node


# The servers


@pytest.fixture(scope="module")
def mysql(mariadb: MariaDb) -> Iterator[Source]:
    made = mariadb.create_database()
    with (
        closing(made.connect(charset="utf8mb4")) as connection,
        closing(mysql_connector(made.settings)) as connector,
    ):

        def run(*statements: str, **arguments: Any) -> list[tuple[Any, ...]]:
            with connection.cursor() as cursor:
                for statement in statements:
                    cursor.execute(statement, arguments or None)
                return list(cursor.fetchall())

        def parted(table: str, names: tuple[str, ...]) -> None:
            parts = ", ".join(
                f"PARTITION {source.quoted(name)} VALUES IN ({number})"
                for number, name in enumerate(names)
            )
            rows = ", ".join(f"({number})" for number in range(len(names)))
            run(
                f"CREATE TABLE {table} (n int) PARTITION BY LIST (n) ({parts})",
                f"INSERT INTO {table} VALUES {rows}",
            )

        columns = (
            Column("general", "varchar(99) COLLATE utf8mb4_general_ci"),
            Column("exact", "varchar(99) COLLATE utf8mb4_nopad_bin"),
            Column("western", "varchar(99) CHARACTER SET latin1", "cp1252"),
            Column("chinese", "varchar(99) CHARACTER SET gbk", "gbk"),
            Column("japanese", "varchar(99) CHARACTER SET sjis", "shift_jis"),
        )
        catalog = connector.for_catalog("default")
        source = Source("mysql", run, catalog, made.database, columns, parted)
        yield prepared(source)
    mariadb.drop_database(made.database)


@pytest.fixture(scope="module")
def postgresql(postgres: PostgresAddress) -> Iterator[Source]:
    name = f"injected_{os.getpid()}"
    made = postgres.create_database(name)
    made.create_linguistic_collation()
    with (
        closing(made.connect()) as connection,
        closing(postgres_connector({"default": made.connection_string})) as connector,
    ):

        def run(*statements: str, **arguments: Any) -> list[tuple[Any, ...]]:
            with connection.cursor() as cursor:
                for statement in statements:
                    cursor.execute(statement, arguments or None)
                return list(cursor.fetchall()) if cursor.description else []

        def parted(table: str, names: tuple[str, ...]) -> None:
            run(f"CREATE TABLE {table} (n int) PARTITION BY LIST (n)")
            for number, part in enumerate(names):
                run(
                    f"CREATE TABLE {source.quoted(part)} PARTITION OF {table}"
                    f" FOR VALUES IN ({number})",
                    f"INSERT INTO {table} VALUES ({number})",
                )

        columns = (
            Column("exact", 'text COLLATE "C"'),
            Column("usual", "text COLLATE linguistic"),
            Column("fixed", "char(99)"),
        )
        source = Source(
            "postgres", run, connector.for_catalog("default"), "public", columns, parted
        )
        yield prepared(source)
    postgres.drop_database(name)


@pytest.fixture(params=["mysql", "postgresql"])
def source(request: pytest.FixtureRequest) -> Iterator[Source]:
    """Each server; in the end, what nobody meant to touch is as it was."""
    found: Source = request.getfixturevalue(request.param)
    yield found
    assert found.run("SELECT n FROM victim ORDER BY n") == [(1,), (2,)]


def prepared(source: Source) -> Source:
    declared = ", ".join(f"{column.name} {column.declared}" for column in source.columns)
    source.run(
        "CREATE TABLE victim (n int)",
        "INSERT INTO victim VALUES (1), (2)",
        f"CREATE TABLE stored (n int, {declared})",
    )
    names = [column.name for column in source.columns]
    for number, value in enumerate(VALUES):
        row = {column.name: value if column.holds(value) else None for column in source.columns}
        source.run(
            f"INSERT INTO stored VALUES (%(n)s, {', '.join(f'%({name})s' for name in names)})",
            n=number,
            **row,
        )
    return source


# Names


def made_table(source: Source, table: str, column: str) -> TableName:
    place = f"{source.quoted(source.schema)}.{source.quoted(table)}"
    source.run(
        f"DROP TABLE IF EXISTS {place}",
        f"CREATE TABLE {place} ({source.quoted(column)} int PRIMARY KEY, other int)",
        f"INSERT INTO {place} VALUES (1, 1), (2, 2), (3, 3)",
    )
    return TableName(source.schema, table)


def conditions(column: str) -> dict[str, Any]:
    numbers = SortedRangeSet.of_points(pa.int32(), [2, 3])
    name = Variable(column, pa.int32())
    more = Call("$greater_than", (name, Constant((2,), pa.int32())), pa.bool_())
    return {"summary": {column: numbers}, "expression": (more,), "limit": 5}


@pytest.mark.parametrize("name", NAMES)
def test_names_of_tables_and_columns(source: Source, name: str) -> None:
    harmless = made_table(source, "harmless", "plain")
    expected = source.read(harmless, "plain", **conditions("plain"))
    assert expected[1] == [(3,)]
    hostile = made_table(source, name, name)
    try:
        assert name in source.connector.list_tables(source.schema)
        assert source.read(hostile, name, **conditions(name)) == expected
    finally:
        source.run(f"DROP TABLE {source.quoted(source.schema)}.{source.quoted(name)}")


@pytest.mark.parametrize("name", [*NAMES, *ONLY_ASKED])
def test_names_that_are_only_asked_for(source: Source, name: str) -> None:
    connector = source.connector
    with pytest.raises(NotFoundError):
        connector.resolve_schema(name)
    absent = TableName(source.schema, f"{name} is nowhere'")
    with pytest.raises(NotFoundError):
        connector.resolve_table(absent)
    if "\0" not in name:  # what has no resolved name is not asked for any further
        with pytest.raises(NotFoundError):
            connector.describe_table(absent)
        assert connector.list_tables(name) == []


@pytest.mark.parametrize("name", [name for name in NAMES if len(name) < 40])
def test_names_of_schemas(source: Source, name: str) -> None:
    kind = "DATABASE" if source.dialect == "mysql" else "SCHEMA"
    schema = f"{source.schema} {name}"
    source.run(f"CREATE {kind} {source.quoted(schema)}")
    try:
        place = f"{source.quoted(schema)}.t"
        source.run(f"CREATE TABLE {place} (n int)", f"INSERT INTO {place} VALUES (7)")
        assert schema in source.connector.list_schemas()
        shapes, rows = source.read(TableName(schema, "t"), "n")
        assert rows == [(7,)]
        assert shapes == source.read(TableName(source.schema, "victim"), "n")[0]
    finally:
        cascade = "" if source.dialect == "mysql" else " CASCADE"
        source.run(f"DROP {kind} {source.quoted(schema)}{cascade}")


def test_pr_3642_names_of_partitions(source: Source) -> None:
    names = tuple(name for name in NAMES if name.strip() == name)
    source.parted("parted", names)
    shapes, rows = source.read(TableName(source.schema, "parted"), "n", "partition_name")
    assert len(shapes) == 1
    assert rows == sorted(((n, name) for n, name in enumerate(names)), key=repr)


# Values


def equal(column: str, value: str) -> dict[str, Any]:
    return {"summary": {column: SortedRangeSet.of_points(pa.string(), [value])}}


def listed(column: str, value: str) -> dict[str, Any]:
    return {"summary": {column: SortedRangeSet.of_points(pa.string(), [value, f"{value}'"])}}


def above(column: str, value: str) -> dict[str, Any]:
    ranges = [Range.greater_than(value)]
    return {"summary": {column: SortedRangeSet.of(pa.string(), ranges, null_allowed=False)}}


def unequal(column: str, value: str) -> dict[str, Any]:
    return called("$not_equal", column, value)


def like(column: str, value: str) -> dict[str, Any]:
    return called("$like_pattern", column, f"%{value}%")


def called(function: str, column: str, value: str) -> dict[str, Any]:
    arguments = Variable(column, pa.string()), Constant((value,), pa.string())
    return {"expression": (Call(function, arguments, pa.bool_()),)}


def _like(text: str, value: str) -> bool:
    wild = {"%": ".*", "_": "."}
    pattern = "".join(wild.get(char, re.escape(char)) for char in f"%{value}%")
    return re.fullmatch(pattern, text, re.DOTALL) is not None


PREDICATES: dict[str, tuple[Callable[..., dict[str, Any]], Callable[[str, str], bool]]] = {
    "equal": (equal, lambda text, value: text == value),
    "listed": (listed, lambda text, value: text in (value, f"{value}'")),
    "above": (above, lambda text, value: text.encode() > value.encode()),
    "unequal": (unequal, lambda text, value: text != value),
    "like": (like, _like),
}


@pytest.mark.parametrize("predicate", PREDICATES)
def test_values_and_patterns(source: Source, predicate: str) -> None:
    conditions_of, holds = PREDICATES[predicate]
    table = TableName(source.schema, "stored")
    for column in source.columns:
        stored = {
            number: value.rstrip(" ") if column.declared.startswith("char") else value
            for number, value in enumerate(VALUES)
            if column.holds(value)
        }
        allowed: set[str] = set()
        for value in PLAIN:
            allowed |= source.read(table, "n", **conditions_of(column.name, value))[0]
        for value in (*VALUES, *ONLY_ASKED):
            shapes, rows = source.read(table, "n", **conditions_of(column.name, value))
            assert shapes <= allowed, (column, value)
            wanted = [(number,) for number, text in stored.items() if holds(text, value)]
            # What is not exact comes with rows too many, never with too few.
            assert set(rows) >= set(wanted), (column, value)
            decisions = _decisions(source, table, conditions_of(column.name, value))
            if all(decisions):
                assert rows == sorted(wanted, key=repr), (column, value)


def _decisions(source: Source, table: TableName, wanted: dict[str, Any]) -> list[bool]:
    description = source.connector.describe_table(table)
    scan = Scan(table, description.schema, Constraints(**wanted), description)
    pushdown = source.connector.plan_pushdown(scan)
    return [decision.exactness.value == "exact" for decision in pushdown.decisions]


# Native queries


QUERIES = (
    "SELECT 1 AS one) AS x; DROP TABLE victim; --",
    "SELECT 1 AS one; DROP TABLE victim",
    "SELECT 1 AS one; DELETE FROM victim --",
    "SELECT 1 AS one /*",
    "SELECT 1 AS one /* ; DELETE FROM victim",
    "SELECT 1 AS one --",
    "SELECT 1 AS one) UNION SELECT n FROM (SELECT n FROM victim",
    "DELETE FROM victim",
    "/* SELECT */ DELETE FROM victim",
    "WITH x AS (SELECT 1) DELETE FROM victim",
    "SELECT 1 AS one INTO victim",
    "SELECT 1 AS one WHERE '\\' = '; DELETE FROM victim; --'",
    "SELECT '縗' AS one; DELETE FROM victim; -- '",
    "SELECT 1 AS one \0; DELETE FROM victim",
    "SELECT 1 AS one /*!50000 ; DELETE FROM victim */",
    "SELECT 1 AS one FROM victim FOR UPDATE",
    "SELECT $a$; DELETE FROM victim; -- $a$ AS one",
    "COMMIT; DELETE FROM victim",
    "SELECT 1 AS one' ; DELETE FROM victim; -- '",
)


@pytest.mark.parametrize("query", QUERIES)
def test_native_queries_are_one_query_that_only_reads(source: Source, query: str) -> None:
    arguments = {"schemaFunctionName": "SYSTEM.QUERY", "QUERY": query}
    split = Split(arguments)
    try:
        description = source.connector.describe_passthrough(arguments)
        wanted = Constraints(passthrough=arguments)
        scan = Scan(TableName("system", "query"), description.schema, wanted, description)
        native = source.connector.native_query(scan, split)
        batches = list(source.connector.read_split(scan, split))
    except ConnectorError:
        return
    (tree,) = sqlglot.parse(native, dialect=source.dialect)
    assert isinstance(tree, exp.Select)
    assert not list(tree.find_all(exp.Delete, exp.Drop, exp.Insert, exp.Into))
    assert sum(batch.num_rows for batch in batches) <= 2

"""Splits of real tables: each row once, whatever the key, the rights and the writers do."""

from __future__ import annotations

import logging
import os
from collections import Counter
from contextlib import AbstractContextManager, closing, suppress
from itertools import count
from typing import TYPE_CHECKING, Any, NamedTuple

import psycopg2
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from athena_connectors.common.config import load_settings
from athena_connectors.common.errors import ConfigurationError
from athena_connectors.common.sql.connection_strings import parse_connection_string
from athena_connectors.common.sql.relation import Column, Comparison, Relation
from athena_connectors.jdbc_postgres.client import Client
from athena_connectors.jdbc_postgres.literals import identifier, quoted
from athena_connectors.jdbc_postgres.settings import Settings
from athena_connectors.jdbc_postgres.split_sources import (
    PARTITION_COLUMNS,
    SplitSource,
    snapshot_of,
    sources_of,
)
from athena_connectors.jdbc_postgres.splits import (
    partition_columns,
    plan,
    split_column,
    splits_of,
    with_snapshot,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from athena_connectors.common.testing.postgres import PostgresAddress

_numbers = count()

ROWS = 2000
STILL = "WITH (autovacuum_enabled = false)"
"""Nothing is analysed but by the test itself."""


class Shop:
    """A database whose tables are planned and read as the connector does it."""

    def __init__(self, address: PostgresAddress) -> None:
        self.address = address
        self._connection = address.connect()
        target = parse_connection_string(
            address.connection_string, engine="postgres", catalog="shop"
        )
        self._client = Client(target, load_settings(Settings, {}), secrets=None, environ={})

    def close(self) -> None:
        self._connection.close()
        self._client.close()

    def cursor(self) -> AbstractContextManager[Any]:
        """Return the transaction of a client."""
        return self._client.transaction()

    def run(self, *statements: str) -> list[tuple[Any, ...]]:
        with self._connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)
            return cursor.fetchall() if cursor.description else []

    def relation(self, table: str, schema: str = "public") -> Relation:
        rows = self.run(
            "SELECT c.relkind, a.attname FROM pg_class AS c"
            " JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0"
            f" WHERE c.oid = {quoted(f'{identifier(schema)}.{identifier(table)}')}::regclass"
        )
        columns = (
            Column(name, "text", "text", pa.string(), "{c}", "text", Comparison.TEXT_C)
            for _, name in rows
        )
        return Relation(schema, table, rows[0][0], tuple(columns))

    def plan(
        self,
        table: str,
        *,
        schema: str = "public",
        where: str = "",
        limit: int | None = None,
        ordered: bool = False,
        **settings: str,
    ) -> Planned:
        chosen = load_settings(
            Settings, {"min_rows_per_split": "100", "max_splits": "10", **settings}
        )
        relation = self.relation(table, schema)
        with self.cursor() as cursor:
            layout = plan(
                cursor, relation, settings=chosen, where=where, limit=limit, ordered=ordered
            )
        return Planned(self, layout, where)


class Planned(NamedTuple):
    """A plan, and what reading it gives: the values of column ``n``."""

    shop: Shop
    layout: pa.RecordBatch
    where: str

    @property
    def splits(self) -> list[list[SplitSource]]:
        return [list(sources_of(split)) for split in splits_of(self.layout)]

    @property
    def sources(self) -> list[SplitSource]:
        return [source for split in self.splits for source in split]

    @property
    def columns(self) -> set[str]:
        return {source.keys.key.column for source in self.sources if source.keys}

    def read(self) -> list[list[Any]]:
        """Return the rows of each split."""
        with self.shop.cursor() as cursor:
            return [
                [row for source in split for row in self._read(cursor, source)]
                for split in self.splits
            ]

    def _read(self, cursor: Any, source: SplitSource) -> list[Any]:
        conditions = [part for part in (self.where, source.where_sql()) if part]
        text = f" WHERE {' AND '.join(conditions)}" if conditions else ""
        cursor.execute(f"SELECT n FROM {source.from_sql()}{text}")
        return [value for (value,) in cursor.fetchall()]

    def check(self, table: str, *, splits: int | None = None) -> list[int]:
        """Assert that the splits hold each row of a table once; return their sizes."""
        parts = self.read()
        where = f" WHERE {self.where}" if self.where else ""
        expected = Counter(value for (value,) in self.shop.run(f"SELECT n FROM {table}{where}"))
        assert Counter(value for part in parts for value in part) == expected
        if splits is not None:
            assert len(parts) == splits
        return [len(part) for part in parts]


@pytest.fixture(scope="module")
def shop(database: PostgresAddress) -> Iterator[Shop]:
    with closing(Shop(database)) as shop:
        yield shop


class Refusals(logging.Handler):
    """What the server refused to tell, until it is taken."""

    def __init__(self) -> None:
        super().__init__()
        self._found: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self._found.append(record.getMessage())

    def take(self) -> list[str]:
        found, self._found = self._found, []
        return found


@pytest.fixture(autouse=True)
def refusals() -> Iterator[Refusals]:
    """What the server refused to tell; a test that expects some takes them."""
    logger = logging.getLogger("athena_connectors.common.sql.inquiry")
    found, level = Refusals(), logger.level
    logger.addHandler(found)
    logger.setLevel("INFO")
    yield found
    logger.setLevel(level)
    logger.removeHandler(found)
    assert found.take() == []


@pytest.fixture
def role(database: PostgresAddress) -> Iterator[str]:
    """A role without any right but to log in and to find what is in ``public``."""
    name = f"splits_{os.getpid()}_{next(_numbers)}"
    database.execute(
        f"DROP ROLE IF EXISTS {name}",
        f"CREATE ROLE {name} LOGIN PASSWORD 'p'",
        f"GRANT USAGE ON SCHEMA public TO {name}",
    )
    yield name
    database.execute(f"DROP OWNED BY {name}", f"DROP ROLE {name}")


@pytest.fixture
def user(database: PostgresAddress, role: str) -> Iterator[Shop]:
    """The same database, as that role sees it."""
    with closing(Shop(database.of_user(role, "p"))) as shop:
        yield shop


# Keys


TEXT = "md5(i::text)"
KEYS = {
    "int2": ("int2", "i - 1000"),
    "int4": ("int4", "i * 1000 - 700000"),
    "int8": ("int8", "(i - 1000) * 9000000000000000"),
    "oid": ("oid", "(4294967295 - i)::text::oid"),
    "numeric": ("numeric", "i * 1.0000000000000000000000001 - 700"),
    "float4": ("float4", "i / 3.0 - 200"),
    "float8": ("float8", "exp(i / 10.0) * (i % 2 * 2 - 1)"),
    "money": ("money", "(i * 100.01)::numeric::money"),
    "date": ("date", "date '1970-01-01' + i * 3 - 3000"),
    "time": ("time", "time '00:00' + i * interval '43.1 seconds'"),
    "timestamp": ("timestamp", "timestamp '1999-12-31 23:59' + i * interval '7.000001 hours'"),
    "timestamptz": ("timestamptz", "timestamptz '2024-03-31 00:00+01' + i * interval '7 min'"),
    "interval": ("interval", "(i - 500) * interval '1 day -1 hour 0.000001 s'"),
    "uuid": ("uuid", f"{TEXT}::uuid"),
    "text C": ('text COLLATE "C"', TEXT),
    "text linguistic": (
        "text COLLATE linguistic",
        f"CASE i % 2 WHEN 0 THEN {TEXT} ELSE upper({TEXT}) END",
    ),
    "text folded": (
        "ext.folded",
        f"(CASE i % 2 WHEN 0 THEN {TEXT} ELSE upper({TEXT}) END)::ext.folded",
    ),
    "varchar": ("varchar(40)", TEXT),
    "char": ("char(40)", f"left({TEXT}, 20)"),
    "name": ("name", TEXT),
    "bytea": ("bytea", rf"decode({TEXT}, 'hex') || '\x005c27'"),
    "inet": ("inet", "inet '10.0.0.0' + i * 7"),
    "macaddr": ("macaddr", f"left({TEXT}, 12)::macaddr"),
    "bit": ("bit(20)", "(i * 37)::bit(20)"),
    "varbit": ("varbit", "(i * 37)::bit(20)"),
    "jsonb": ("jsonb", "jsonb_build_object('a', i, 'b', E'\"\\\\')"),
    "array": ("text[]", f"ARRAY[{TEXT}, NULL, 'a\"b', '']"),
    "domain": ("positive", "i * 3"),
    "domain of text": ("label", TEXT),
    "composite": ("pair", f"ROW(i, {TEXT})::pair"),
    "custom": ("ext.number", "(i * 3)::int4::ext.number"),
}
"""Keys with different values in each row: type and value in row ``i``, 1 and on."""

FEW_VALUES = {
    "bool": ("bool", "i % 3 = 0"),
    "enum": ("ext.mood", "(ARRAY['sad', 'it''s \"ok\"', 'happy']::ext.mood[])[1 + i % 3]"),
    '"char"': ('"char"', '(33 + i % 60)::"char"'),
    "float8 with NaN": (
        "float8",
        "('{NaN,Infinity,-Infinity,-0,0}'::float8[] || i::float8)[1 + i % 6]",
    ),
    "numeric with NaN": ("numeric", "CASE i % 3 WHEN 0 THEN 'NaN' ELSE i::numeric END"),
    "date with infinity": (
        "date",
        "('{infinity,-infinity}'::date[] || date '0044-03-15 BC' + i)[1 + i % 3]",
    ),
    "text folded": ("ext.folded", "(ARRAY['A','a','B','b','','''','\\'])[1 + i % 7]::ext.folded"),
}


@pytest.fixture(scope="module")
def collations(database: PostgresAddress) -> list[str]:
    """Make the types and collations of ``KEYS``; return the collations.

    One in which different texts are equal takes a server with ICU, type ``ext.folded`` does
    the same anywhere.
    """
    made = ['"C"', database.create_linguistic_collation()]
    with suppress(psycopg2.errors.FeatureNotSupported):
        database.execute(
            "CREATE COLLATION folding (provider = icu, locale = 'und-u-ks-level2',"
            " deterministic = false)"
        )
        made.append("folding")
    database.execute(
        "CREATE DOMAIN whole AS int8",
        "CREATE DOMAIN positive AS whole CHECK (VALUE > 0)",
        "CREATE DOMAIN label AS text COLLATE linguistic",
        "CREATE TYPE pair AS (a int, b text)",
        "CREATE SCHEMA ext",
        "CREATE TYPE ext.mood AS ENUM ('sad', 'it''s \"ok\"', 'happy')",
        type_sql("number", "int4"),
        type_sql("folded", "text", "lower({}::text COLLATE public.linguistic)"),
    )
    return made


def type_sql(name: str, like: str, by: str = "{}::int4", **called: str) -> str:
    """Return what makes a type in schema ``ext``, whose operators are found only there.

    Args:
        name: Its name.
        like: The type that has the same values.
        by: What of a value decides on its order.
        called: Other names for operators of its order.
    """
    own, pair = f"ext.{name}", f"(ext.{name}, ext.{name})"
    left, right = by.format("$1"), by.format("$2")
    names = {"<": "lt", "<=": "le", "=": "eq", ">=": "ge", ">": "gt"}
    text = f"""
        CREATE TYPE {own};
        CREATE FUNCTION {own}_in(cstring) RETURNS {own}
            LANGUAGE internal IMMUTABLE STRICT AS '{like}in';
        CREATE FUNCTION {own}_out({own}) RETURNS cstring
            LANGUAGE internal IMMUTABLE STRICT AS '{like}out';
        CREATE TYPE {own} (INPUT = {own}_in, OUTPUT = {own}_out, LIKE = {like});
        CREATE CAST ({like} AS {own}) WITHOUT FUNCTION;
        CREATE CAST ({own} AS {like}) WITHOUT FUNCTION;
        CREATE FUNCTION {own}_cmp{pair} RETURNS int4 LANGUAGE sql IMMUTABLE STRICT
            AS $$ SELECT ({left} > {right})::int - ({left} < {right})::int $$;
    """
    for operator, function in names.items():
        text += f"""
            CREATE FUNCTION {own}_{function}{pair} RETURNS bool
                LANGUAGE sql IMMUTABLE STRICT AS $$ SELECT {left} {operator} {right} $$;
            CREATE OPERATOR ext.{called.get(function, operator)}
                (LEFTARG = {own}, RIGHTARG = {own}, FUNCTION = {own}_{function});
        """
    members = ", ".join(
        f"OPERATOR {place} ext.{called.get(function, operator)}"
        for place, (operator, function) in enumerate(names.items(), 1)
    )
    return f"""{text}
        CREATE OPERATOR CLASS {own}_ops DEFAULT FOR TYPE {own} USING btree
            AS {members}, FUNCTION 1 {own}_cmp{pair};
    """


def make_table(shop: Shop, table: str, key: tuple[str, str], *, rows: int = ROWS) -> None:
    type_, value = key
    shop.run(
        f"DROP TABLE IF EXISTS {table}",
        f"CREATE TABLE {table} (n int, k {type_}) {STILL}",
        f"INSERT INTO {table} SELECT i, {value} FROM generate_series(1, {rows}) AS i",
        f"CREATE INDEX ON {table} (k)",
        f"ANALYZE {table}",
    )


@pytest.mark.usefixtures("collations")
@pytest.mark.parametrize("key", KEYS.values(), ids=KEYS)
def test_keys_of_each_type(shop: Shop, key: tuple[str, str]) -> None:
    make_table(shop, "keyed", key)
    planned = shop.plan("keyed")
    sizes = planned.check("keyed", splits=10)
    assert max(sizes) <= 3 * ROWS / 10
    assert planned.columns == {"k"}


@pytest.mark.usefixtures("collations")
@pytest.mark.parametrize("key", KEYS.values(), ids=KEYS)
def test_keys_of_each_type_that_may_be_null(shop: Shop, key: tuple[str, str]) -> None:
    type_, value = key
    make_table(shop, "nullable", (type_, f"CASE WHEN i % 5 <> 0 THEN {value} END"))
    sizes = shop.plan("nullable").check("nullable")
    assert len(sizes) >= 9
    assert max(sizes) <= 3 * ROWS / 10


@pytest.mark.usefixtures("collations")
@pytest.mark.parametrize("key", FEW_VALUES.values(), ids=FEW_VALUES)
def test_keys_with_the_same_value_in_many_rows(shop: Shop, key: tuple[str, str]) -> None:
    make_table(shop, "common", key)
    sizes = shop.plan("common").check("common")
    assert len(sizes) >= 2


def test_each_text_can_be_a_boundary(shop: Shop, collations: list[str]) -> None:
    pieces = (
        "'",
        '"',
        "\\",
        "{",
        "}",
        ",",
        "%",
        "%s",
        " ",
        "\n",
        "NULL",
        "a",
        "A",
        "é",
        "🦆",
        "$1",
    )
    texts = ["", *pieces, *(f"{one}{two}" for one in pieces for two in pieces)]
    values = ", ".join(f"({number}, {quoted(text)})" for number, text in enumerate(texts))
    for type_ in ("ext.folded", *(f"text COLLATE {name}" for name in collations)):
        shop.run(
            "DROP TABLE IF EXISTS hostile",
            f"CREATE TABLE hostile (n int, k {type_}) {STILL}",
            f"INSERT INTO hostile VALUES {values}",
            "CREATE INDEX ON hostile (k)",
            "ALTER TABLE hostile ALTER k SET STATISTICS 1000",
            "ANALYZE hostile",
        )
        planned = shop.plan("hostile", min_rows_per_split="1", max_splits="1000")
        planned.check("hostile")
        distinct = shop.run("SELECT count(DISTINCT k) FROM hostile")[0][0]
        assert len(planned.splits) > 0.9 * distinct


def test_long_texts_are_no_boundaries(shop: Shop) -> None:
    make_table(shop, "long", ("text", "i % 2 || repeat('x', 700) || i"))
    make_table(shop, "partly_long", ("text", "i || repeat('x', i / 3)"))
    shop.plan("long").check("long", splits=1)
    shop.plan("partly_long").check("partly_long", splits=10)


def test_keys_of_which_the_server_keeps_no_histogram(shop: Shop) -> None:
    make_table(shop, "ranged", ("int4range", "int4range(i, i + 5)"))
    shop.plan("ranged").check("ranged", splits=1)


@pytest.mark.usefixtures("collations")
def test_operators_that_contradict_the_order_are_not_used(shop: Shop) -> None:
    shop.run(type_sql("reversed", "int4", lt="<<", ge=">>", gt="<", le=">="))
    make_table(shop, "contradictory", ("ext.reversed", "i::int4::ext.reversed"))
    shop.plan("contradictory").check("contradictory", splits=1)


@pytest.mark.usefixtures("collations")
def test_an_order_without_operators_of_the_usual_names(shop: Shop, refusals: Refusals) -> None:
    shop.run(type_sql("unusual", "int4", lt="<<", ge=">>", gt="<<<", le=">>>"))
    make_table(shop, "unusual", ("ext.unusual", "i::int4::ext.unusual"))
    shop.plan("unusual").check("unusual", splits=1)
    assert "42883" in refusals.take()[0]


def test_names_that_need_quotes(shop: Shop) -> None:
    shop.run(
        'CREATE SCHEMA "Sch""e.ma\'s %s"',
        'CREATE TABLE "Sch""e.ma\'s %s"."T\'a ""b{}" (n int, "K\'e ""y %" int PRIMARY KEY)',
        'INSERT INTO "Sch""e.ma\'s %s"."T\'a ""b{}" SELECT i, i FROM generate_series(1, 1000) AS i',
        'ANALYZE "Sch""e.ma\'s %s"."T\'a ""b{}"',
    )
    planned = shop.plan("T'a \"b{}", schema="Sch\"e.ma's %s")
    planned.check('"Sch""e.ma\'s %s"."T\'a ""b{}"', splits=10)
    assert planned.columns == {"K'e \"y %"}


# Balance


def test_common_values_get_parts_of_their_own(shop: Shop) -> None:
    skewed = "CASE WHEN i % 10 < 3 THEN 5000 WHEN i % 10 < 5 THEN 7000 ELSE i END"
    make_table(shop, "skewed", ("int4", skewed), rows=10_000)
    sizes = shop.plan("skewed", max_splits="20").check("skewed")
    assert len(sizes) >= 10
    assert sorted(sizes)[-2:] == pytest.approx([2000, 3000], rel=0.1)
    assert sorted(sizes)[-3] <= 3 * 10_000 / 20


@pytest.mark.parametrize("value", ["(i * i / 1000)", "(1e6 / i)::int", "i % 50", "(i ^ 0.5)::int"])
def test_skewed_keys_are_cut_evenly(shop: Shop, value: str) -> None:
    make_table(shop, "uneven", ("int4", value), rows=10_000)
    sizes = shop.plan("uneven", max_splits="20").check("uneven")
    assert max(sizes) <= 3 * 10_000 / 20


def test_many_nulls_are_one_part(shop: Shop) -> None:
    make_table(shop, "hollow", ("int4", "CASE WHEN i % 10 = 0 THEN i END"), rows=10_000)
    sizes = shop.plan("hollow").check("hollow")
    assert sizes[0] == pytest.approx(9000, abs=150)
    assert len(sizes) > 1


def test_the_rows_of_the_predicate_are_cut_evenly(shop: Shop) -> None:
    make_table(shop, "dated", ("date", "date '2020-01-01' + i / 10"), rows=20_000)
    planned = shop.plan("dated", where="k >= '2024-01-01' AND k < '2025-01-01'")
    sizes = planned.check("dated")
    assert len(sizes) >= 8
    assert max(sizes) <= 3 * sum(sizes) / len(sizes)
    assert min(sizes) > 0


def test_an_index_that_the_predicate_uses_is_cut(shop: Shop) -> None:
    shop.run(
        f"CREATE TABLE logged (n int PRIMARY KEY, at timestamp) {STILL}",
        "INSERT INTO logged SELECT i, timestamp '2020-01-01' + (i * 7919 % 20000) * interval '1h'"
        " FROM generate_series(1, 20000) AS i",
        "CREATE INDEX ON logged (at)",
        "ANALYZE logged",
    )
    assert shop.plan("logged").columns == {"n"}
    planned = shop.plan("logged", where="at >= '2022-01-01' AND at < '2022-03-01'")
    planned.check("logged")
    assert planned.columns == {"at"}


def test_a_lookup_is_one_split(shop: Shop) -> None:
    make_table(shop, "looked_up", ("int4", "i"), rows=10_000)
    shop.plan("looked_up", where="k = 77").check("looked_up", splits=1)
    shop.plan("looked_up", where="n % 2 = 0").check("looked_up", splits=10)
    few = shop.plan("looked_up", where="k IN (1, 5000, 9999)", min_rows_per_split="2000")
    few.check("looked_up", splits=1)


def test_splits_are_as_many_as_the_rows_are_worth(shop: Shop) -> None:
    make_table(shop, "sized", ("int4", "i"))
    shop.plan("sized", min_rows_per_split="2001").check("sized", splits=1)
    shop.plan("sized", min_rows_per_split="2000").check("sized", splits=1)
    shop.plan("sized", min_rows_per_split="1999").check("sized", splits=2)
    shop.plan("sized", min_rows_per_split="500").check("sized", splits=4)
    shop.plan("sized", min_rows_per_split="1", max_splits="7").check("sized", splits=7)
    shop.plan("sized", max_splits="1").check("sized", splits=1)


# Which key


def looks_for_nulls(planned: Planned) -> bool:
    return any("NULL" in source.where_sql() for source in planned.sources)


def test_only_keys_that_may_be_null_are_looked_for_as_such(shop: Shop) -> None:
    keys_table(shop, "sure", "CREATE INDEX ON sure (b)")
    keys_table(shop, "unsure", "CREATE INDEX ON unsure (c)")
    assert not looks_for_nulls(shop.plan("sure"))
    assert looks_for_nulls(shop.plan("unsure"))


def keys_table(shop: Shop, table: str, *declarations: str) -> None:
    shop.run(
        f"DROP TABLE IF EXISTS {table}",
        f"CREATE TABLE {table} (n int, a int NOT NULL, b int NOT NULL, c text) {STILL}",
        f"INSERT INTO {table} SELECT i, i, i, i::text FROM generate_series(1, {ROWS}) AS i",
        *declarations,
        f"ANALYZE {table}",
    )


@pytest.mark.parametrize(
    ("declarations", "column"),
    [
        (["CREATE INDEX ON k (a)", "ALTER TABLE k ADD PRIMARY KEY (b, a)"], "b"),
        (["ALTER TABLE k ADD UNIQUE (a)", "ALTER TABLE k ADD PRIMARY KEY (b)"], "b"),
        (["CREATE INDEX ON k (a)", "CREATE UNIQUE INDEX ON k (b)"], "b"),
        (["CREATE UNIQUE INDEX ON k (n)", "CREATE UNIQUE INDEX ON k (b, (a + 1))"], "b"),
        (["CREATE INDEX ON k (c)"], "c"),
        ([], None),
        (["CREATE INDEX ON k (b) WHERE a > 0"], None),
        (["CREATE INDEX ON k ((b + 1), a)"], None),
        (["CREATE INDEX ON k USING hash (b)"], None),
        (["CREATE INDEX ON k (c text_pattern_ops)"], None),
        (['CREATE INDEX ON k (c COLLATE "POSIX")'], None),
        (
            [
                "CREATE INDEX broken ON k (b)",
                "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'broken'::regclass",
            ],
            None,
        ),
        (
            ["UPDATE k SET a = 1", "ALTER TABLE k ADD PRIMARY KEY (a, b)", "CREATE INDEX ON k (c)"],
            "c",
        ),
        (
            [
                "UPDATE k SET a = a * 7919 % 2000",
                "ALTER TABLE k ADD UNIQUE (a)",
                "CREATE INDEX ON k (b)",
            ],
            "b",
        ),
        (["UPDATE k SET a = a * 7919 % 2000", "ALTER TABLE k ADD UNIQUE (a)"], "a"),
    ],
    ids=lambda value: str(value) if isinstance(value, list) else None,
)
def test_which_column_is_the_key(shop: Shop, declarations: list[str], column: str | None) -> None:
    keys_table(shop, "k", *declarations)
    planned = shop.plan("k")
    planned.check("k", splits=10 if column else 1)
    assert planned.columns == ({column} if column else set())


def test_the_settings_choose_the_column(shop: Shop) -> None:
    keys_table(shop, "chosen", "ALTER TABLE chosen ADD PRIMARY KEY (a)")
    for setting in ("b", "B", '{"public.chosen": "b"}', '{"PUBLIC.Chosen": "B", "*": "a"}'):
        planned = shop.plan("chosen", split_column=setting)
        planned.check("chosen", splits=10)
        assert planned.columns == {"b"}
    assert shop.plan("chosen", split_column='{"public.other": "b"}').columns == {"a"}
    shop.run("UPDATE chosen SET b = b % 3", "ANALYZE chosen")
    planned = shop.plan("chosen", split_column="b")
    planned.check("chosen", splits=3)
    assert planned.columns == {"b"}


def test_a_chosen_column_that_there_is_not(shop: Shop) -> None:
    keys_table(
        shop, "unlike", "ALTER TABLE unlike ADD PRIMARY KEY (a)", 'ALTER TABLE unlike ADD "A" int'
    )
    assert shop.plan("unlike", split_column="d").columns == {"a"}
    with pytest.raises(ConfigurationError, match=r"split_column.*no column 'd' in public\.unlike"):
        shop.plan("unlike", split_column='{"public.unlike": "d"}')
    assert shop.plan("unlike", split_column='{"public.unlike": "A"}').columns == {"a"}
    relation = shop.relation("unlike")
    twice = load_settings(Settings, {"split_column": '{"public.unlike": "B"}'})
    assert split_column(relation, twice) == "b"


def test_a_chosen_column_without_order(shop: Shop, refusals: Refusals) -> None:
    shop.run(
        f"CREATE TABLE pointed (n int PRIMARY KEY, p point) {STILL}",
        "INSERT INTO pointed SELECT i, point(i, i) FROM generate_series(1, 2000) AS i",
        "ANALYZE pointed",
    )
    planned = shop.plan("pointed", split_column="p")
    assert "42883" in refusals.take()[0]
    planned.check("pointed", splits=10)
    assert planned.columns == {"n"}


@pytest.mark.parametrize("type_", ["int2", "int4", "int8", "whole"])
@pytest.mark.usefixtures("collations")
def test_integers_without_statistics(shop: Shop, type_: str) -> None:
    shop.run(
        "DROP TABLE IF EXISTS fresh",
        f"CREATE TABLE fresh (n int, k {type_} PRIMARY KEY) {STILL}",
        "INSERT INTO fresh SELECT i, i - 1000 FROM generate_series(1, 2000) AS i",
    )
    sizes = shop.plan("fresh").check("fresh", splits=10)
    assert set(sizes) == {200}


def test_integers_far_apart(shop: Shop) -> None:
    shop.run(
        f"CREATE TABLE wide (n int, k int8 PRIMARY KEY) {STILL}",
        "INSERT INTO wide SELECT i, i FROM generate_series(1, 2000) AS i",
        "INSERT INTO wide VALUES (-1, -9223372036854775808), (-2, 9223372036854775807)",
    )
    shop.plan("wide").check("wide", splits=10)
    shop.run("UPDATE wide SET k = 7 WHERE k = 7", "DELETE FROM wide WHERE k <> 7")
    shop.plan("wide").check("wide", splits=1)


def test_other_keys_without_statistics(shop: Shop) -> None:
    shop.run(
        f"CREATE TABLE unknown (n int, k uuid PRIMARY KEY) {STILL}",
        "INSERT INTO unknown SELECT i, md5(i::text)::uuid FROM generate_series(1, 2000) AS i",
    )
    shop.plan("unknown").check("unknown", splits=1)
    shop.run("CREATE INDEX ON unknown (n)")
    planned = shop.plan("unknown")
    planned.check("unknown", splits=10)
    assert planned.columns == {"n"}


@pytest.mark.parametrize("rows", [0, 1])
def test_hardly_any_rows(shop: Shop, rows: int) -> None:
    for analyze in ("SELECT 1", "ANALYZE tiny"):
        shop.run(
            "DROP TABLE IF EXISTS tiny",
            f"CREATE TABLE tiny (n int, k int PRIMARY KEY) {STILL}",
            f"INSERT INTO tiny SELECT i, i FROM generate_series(1, {rows}) AS i",
            analyze,
        )
        shop.plan("tiny", min_rows_per_split="1").check("tiny", splits=1)


@pytest.mark.parametrize("analyze", ["ANALYZE growing", "SELECT 1"])
def test_rows_written_after_the_plan(shop: Shop, analyze: str) -> None:
    shop.run(
        "DROP TABLE IF EXISTS growing",
        f"CREATE TABLE growing (n int, k int PRIMARY KEY) {STILL}",
        "INSERT INTO growing SELECT i, i FROM generate_series(1, 2000) AS i",
        analyze,
    )
    planned = shop.plan("growing")
    shop.run(
        "INSERT INTO growing SELECT i, i FROM generate_series(2001, 4000) AS i",
        "INSERT INTO growing SELECT i, i FROM generate_series(-4000, 0) AS i",
        "DELETE FROM growing WHERE k % 3 = 0",
    )
    planned.check("growing", splits=10)


def test_a_column_whose_not_null_is_not_yet_valid(shop: Shop) -> None:
    add = (
        "ALTER TABLE pending ADD CONSTRAINT p NOT NULL k NOT VALID"
        if shop.run("SHOW server_version_num")[0][0] >= "180000"
        else "SELECT 1"
    )
    shop.run(
        f"CREATE TABLE pending (n int, k int) {STILL}",
        "INSERT INTO pending SELECT i, CASE WHEN i % 5 > 0 THEN i END"
        " FROM generate_series(1, 2000) AS i",
        add,
        "CREATE INDEX ON pending (k)",
        "ANALYZE pending",
    )
    sizes = shop.plan("pending").check("pending")
    assert len(sizes) >= 9


def test_pages(shop: Shop) -> None:
    shop.run(
        f"CREATE TABLE paged (n int, k text) {STILL}",
        "INSERT INTO paged SELECT i, repeat('x', 200) FROM generate_series(1, 2000) AS i",
        "ANALYZE paged",
        "CREATE MATERIALIZED VIEW paged_view AS TABLE paged",
        "CREATE VIEW paged_plainly AS TABLE paged",
    )
    shop.plan("paged").check("paged", splits=1)
    for table in ("paged", "paged_view"):
        planned = shop.plan(table, ctid_splits="true")
        sizes = planned.check(table, splits=10)
        assert max(sizes) <= 2 * ROWS / 10
        assert planned.columns == {"ctid"}
    shop.plan("paged_plainly", ctid_splits="true").check("paged_plainly", splits=1)
    planned = shop.plan("paged", ctid_splits="true")
    shop.run("INSERT INTO paged SELECT i, 'x' FROM generate_series(2001, 4000) AS i")
    planned.check("paged", splits=10)
    shop.plan("paged", ctid_splits="true", max_splits="1000", min_rows_per_split="1").check("paged")


# Other relations


def test_views(shop: Shop) -> None:
    make_table(shop, "viewed", ("int4", "i"))
    shop.run(
        "CREATE VIEW plain_view AS TABLE viewed",
        "CREATE VIEW constant_view AS SELECT 1 AS n",
        f"CREATE MATERIALIZED VIEW stored_view {STILL} AS TABLE viewed",
        "CREATE INDEX ON stored_view (k)",
        "ANALYZE stored_view",
    )
    shop.plan("plain_view").check("plain_view", splits=1)
    planned = shop.plan("plain_view", split_column="k")
    planned.check("plain_view", splits=10)
    shop.plan("constant_view", where="n > 0").check("constant_view", splits=1)
    planned = shop.plan("stored_view")
    planned.check("stored_view", splits=10)
    assert planned.columns == {"k"}


def test_a_predicate_without_rows(shop: Shop) -> None:
    make_table(shop, "refuted", ("int4", "i"))
    shop.run("CREATE VIEW refuted_view AS TABLE refuted")
    for where in ("false", "k > 5 AND k < 3"):
        shop.plan("refuted", where=where).check("refuted", splits=0)
        shop.plan("refuted_view", where=where).check("refuted_view")


def test_a_predicate_that_fails(shop: Shop, refusals: Refusals) -> None:
    make_table(shop, "failing", ("int4", "i"))
    planned = shop.plan("failing", where="k > 1 / 0")
    assert len(planned.splits) == 10
    assert "22012" in refusals.take()[0]
    with pytest.raises(Exception, match="division by zero"):
        planned.read()


def test_a_server_that_is_out_of_locks(shop: Shop, refusals: Refusals) -> None:
    make_table(shop, "crowded", ("int4", "i"))
    shop.run(
        "CREATE FUNCTION out_of_locks() RETURNS int LANGUAGE plpgsql IMMUTABLE AS $$"
        " BEGIN RAISE EXCEPTION 'out of shared memory' USING ERRCODE = '53200'; END $$"
    )
    planned = shop.plan("crowded", where="k > out_of_locks()")
    assert len(planned.splits) == 10
    assert "53200" in refusals.take()[0]


def test_a_small_limit_is_one_split(shop: Shop) -> None:
    make_table(shop, "limited", ("int4", "i"))
    for limit, splits in ((0, 1), (10_000, 1), (10_001, 10), (None, 10)):
        shop.plan("limited", limit=limit).check("limited", splits=splits)
    shop.plan("limited", limit=10, ordered=True).check("limited", splits=10)
    shop.plan("limited", limit=10, expose_partition_columns="false").check("limited", splits=1)


def test_a_table_that_is_gone(shop: Shop) -> None:
    relation = Relation("public", "gone", "r", ())
    with shop.cursor() as cursor:
        layout = plan(cursor, relation, settings=load_settings(Settings, {}))
        cursor.execute("SELECT 1")
    (split,) = splits_of(layout)
    (source,) = sources_of(split)
    assert (source.from_sql(), source.where_sql()) == ('"public"."gone"', "")


def test_a_failure_is_no_refusal(shop: Shop) -> None:
    make_table(shop, "locked", ("int4", "i"))
    with closing(shop.address.connect()) as connection, connection.cursor() as holder:
        holder.execute("BEGIN; LOCK TABLE locked")
        with shop.cursor() as cursor:
            cursor.execute("SET LOCAL lock_timeout = '10ms'")
            with pytest.raises(psycopg2.errors.LockNotAvailable):
                plan(cursor, shop.relation("locked"), settings=load_settings(Settings, {}))


# Partitions


PARTITIONED = {
    "range": (
        "RANGE (k)",
        [
            "PARTITION OF {t} FOR VALUES FROM (MINVALUE) TO (500)",
            "PARTITION OF {t} FOR VALUES FROM (500) TO (1900)",
            "PARTITION OF {t} DEFAULT",
        ],
    ),
    "list": (
        "LIST ((k % 4))",
        [
            "PARTITION OF {t} FOR VALUES IN (0, 1)",
            "PARTITION OF {t} FOR VALUES IN (2)",
            "PARTITION OF {t} FOR VALUES IN (3, NULL)",
        ],
    ),
    "hash": (
        "HASH (k)",
        [f"PARTITION OF {{t}} FOR VALUES WITH (MODULUS 3, REMAINDER {i})" for i in range(3)],
    ),
}


def make_partitions(shop: Shop, table: str, kind: str) -> list[str]:
    by, parts = PARTITIONED[kind]
    names = [f"{table}_{number}" for number in range(len(parts))]
    shop.run(
        f"DROP TABLE IF EXISTS {table}",
        f"CREATE TABLE {table} (n int, k int) PARTITION BY {by}",
        *(
            f"CREATE TABLE {name} {part.format(t=table)} {STILL}"
            for name, part in zip(names, parts, strict=True)
        ),
        f"INSERT INTO {table} SELECT i, CASE WHEN i % 9 <> 0 OR '{kind}' = 'hash' THEN i END"
        f" FROM generate_series(1, {ROWS}) AS i",
        *(f"CREATE INDEX ON {name} (n)" for name in names[1:]),
        f"ANALYZE {table}",
    )
    return names


def constants(planned: Planned) -> list[tuple[str, ...]]:
    return [tuple(source.constants.values()) for source in planned.sources]


@pytest.mark.parametrize("kind", PARTITIONED)
@pytest.mark.parametrize(
    "settings", [{}, {"min_rows_per_split": "1000"}, {"max_splits": "1"}, {"max_splits": "2"}]
)
def test_partitions(shop: Shop, kind: str, settings: dict[str, str]) -> None:
    names = make_partitions(shop, "parted", kind)
    planned = shop.plan("parted", **settings)
    sizes = planned.check("parted")
    most = int(settings.get("max_splits", "10"))
    least = min(most, 2 if "min_rows_per_split" in settings else 3)
    assert least <= len(sizes) <= most
    assert {source.name for source in planned.sources} == set(names)
    assert all(source.only for source in planned.sources)
    assert set(constants(planned)) == {("public", name) for name in names}


def test_partitions_keep_their_rows_apart(shop: Shop) -> None:
    make_partitions(shop, "apart", "list")
    planned = shop.plan("apart")
    rows = dict(
        shop.run("SELECT tableoid::regclass::text, array_agg(n ORDER BY n) FROM apart GROUP BY 1")
    )
    with shop.cursor() as cursor:
        for name, expected in rows.items():
            mask = pc.equal(planned.layout.column("partition_name"), name)
            kept = planned._replace(layout=planned.layout.filter(mask))
            found = [row for source in kept.sources for row in kept._read(cursor, source)]
            assert sorted(found) == expected


def test_a_large_partition_is_cut_and_small_ones_are_read_together(shop: Shop) -> None:
    shop.run(
        "CREATE TABLE mixed (n int, k int) PARTITION BY LIST (k)",
        *(
            f"CREATE TABLE mixed_{i} PARTITION OF mixed FOR VALUES IN ({i}) {STILL}"
            for i in range(30)
        ),
        "INSERT INTO mixed SELECT i, CASE WHEN i % 2 = 0 THEN 7 ELSE i / 2 % 30 END"
        " FROM generate_series(1, 6000) AS i",
        "CREATE INDEX ON mixed (n)",
        "ANALYZE mixed",
    )
    planned = shop.plan("mixed")
    sizes = planned.check("mixed", splits=10)
    assert max(sizes) <= 3 * 6000 / 10
    assert sum(source.name == "mixed_7" for source in planned.sources) == 5
    assert len(planned.sources) == 34
    ordered = shop.plan("mixed", ordered=True)
    ordered.check("mixed", splits=34)
    assert all(len(split) == 1 for split in ordered.splits)


def test_partitions_of_a_small_limit(shop: Shop) -> None:
    names = make_partitions(shop, "few", "range")
    planned = shop.plan("few", limit=10)
    planned.check("few", splits=1)
    assert set(constants(planned)) == {("public", name) for name in names}
    planned = shop.plan("few", limit=10, expose_partition_columns="false")
    planned.check("few", splits=1)
    assert len(planned.sources) == 1


def test_partitions_that_the_predicate_leaves(shop: Shop) -> None:
    make_partitions(shop, "pruned", "range")
    for where, left in (
        ("k < 100", {"pruned_0"}),
        ("k BETWEEN 400 AND 600", {"pruned_0", "pruned_1"}),
        ("k IS NULL", {"pruned_2"}),
        ("n = 5", {"pruned_0", "pruned_1", "pruned_2"}),
        ("k < 0 AND k > 5", set()),
    ):
        planned = shop.plan("pruned", where=where)
        planned.check("pruned")
        assert {source.name for source in planned.sources} == left


def test_partitions_of_partitions(shop: Shop) -> None:
    shop.run(
        'CREATE SCHEMA "Other"',
        "CREATE TABLE deep (n int, k int, j int) PARTITION BY RANGE (k)",
        "CREATE TABLE deep_low PARTITION OF deep FOR VALUES FROM (0) TO (1000)"
        " PARTITION BY LIST (j)",
        'CREATE TABLE "Other"."low %s 0" PARTITION OF deep_low FOR VALUES IN (0)',
        "CREATE TABLE deep_low_1 PARTITION OF deep_low DEFAULT PARTITION BY HASH (n)",
        *(
            f"CREATE TABLE deep_low_1_{i} PARTITION OF deep_low_1"
            f" FOR VALUES WITH (MODULUS 2, REMAINDER {i})"
            for i in range(2)
        ),
        "CREATE TABLE deep_void PARTITION OF deep FOR VALUES FROM (5000) TO (6000)"
        " PARTITION BY LIST (j)",
        f"CREATE TABLE deep_high (j int, gone int, k int, n int) {STILL}",
        "ALTER TABLE deep_high DROP gone",
        "ALTER TABLE deep ATTACH PARTITION deep_high FOR VALUES FROM (1000) TO (5000)",
        "INSERT INTO deep SELECT i, i, i % 3 FROM generate_series(1, 2000) AS i",
        "ANALYZE deep",
    )
    planned = shop.plan("deep")
    planned.check("deep")
    assert set(constants(planned)) == {
        ("Other", "low %s 0"),
        ("public", "deep_low_1_0"),
        ("public", "deep_low_1_1"),
        ("public", "deep_high"),
    }
    planned = shop.plan("deep_low")
    planned.check("deep_low")
    assert len({source.name for source in planned.sources}) == 3
    shop.plan("deep_high").check("deep_high")
    shop.plan("deep_void").check("deep_void", splits=0)


def test_partitions_that_were_never_analysed(shop: Shop) -> None:
    shop.run(
        "CREATE TABLE raw (n int PRIMARY KEY) PARTITION BY RANGE (n)",
        f"CREATE TABLE raw_0 PARTITION OF raw FOR VALUES FROM (0) TO (1000) {STILL}",
        f"CREATE TABLE raw_1 PARTITION OF raw FOR VALUES FROM (1000) TO (9999) {STILL}",
        "INSERT INTO raw SELECT generate_series(1, 4000)",
    )
    sizes = shop.plan("raw").check("raw")
    assert 8 <= len(sizes) <= 10
    assert max(sizes) <= 3 * 4000 / 10


def test_inheritance(shop: Shop) -> None:
    shop.run(
        f"CREATE TABLE city (n int, name text) {STILL}",
        f"CREATE TABLE port (depth int) INHERITS (city) {STILL}",
        f"CREATE TABLE capital (country text) INHERITS (city) {STILL}",
        f"CREATE TABLE harbour_capital () INHERITS (port, capital) {STILL}",
        "INSERT INTO city SELECT i FROM generate_series(1, 500) AS i",
        "INSERT INTO port SELECT i FROM generate_series(501, 1000) AS i",
        "INSERT INTO capital SELECT i FROM generate_series(1001, 1500) AS i",
        "INSERT INTO harbour_capital SELECT i FROM generate_series(1501, 4000) AS i",
        "CREATE INDEX ON harbour_capital (n)",
        "ANALYZE city, port, capital, harbour_capital",
    )
    planned = shop.plan("city", max_splits="20")
    planned.check("city")
    assert set(constants(planned)) == {
        ("public", name) for name in ("city", "port", "capital", "harbour_capital")
    }
    assert sum(source.name == "harbour_capital" for source in planned.sources) >= 5
    shop.plan("port").check("port")
    shop.plan("city", where="n > 3900").check("city")
    shop.plan("city", limit=7).check("city", splits=1)


def test_plans_have_no_parallel_workers(fresh_database: PostgresAddress) -> None:
    fresh_database.execute(
        *(
            f"ALTER DATABASE {fresh_database.database} SET {name} = 0"
            for name in (
                "parallel_setup_cost",
                "parallel_tuple_cost",
                "min_parallel_table_scan_size",
            )
        )
    )
    with closing(Shop(fresh_database)) as shop:
        names = make_partitions(shop, "parallel", "list")
        (plans,) = shop.run("EXPLAIN (FORMAT JSON) SELECT 1 FROM parallel")
        assert "Gather" in str(plans)
        planned = shop.plan("parallel")
        planned.check("parallel")
        assert {source.name for source in planned.sources} == set(names)


# Rights


def grown_parent(shop: Shop, table: str, *, analyze: bool = True) -> None:
    """Make a table with a child whose key may be NULL though the parent's own may not."""
    new = shop.run("SHOW server_version_num")[0][0] >= "180000"
    shop.run(
        f"DROP TABLE IF EXISTS {table} CASCADE",
        f"CREATE TABLE {table} (n int, k int NOT NULL {'NO INHERIT' if new else ''}) {STILL}",
        f"CREATE TABLE {table}_child () INHERITS ({table}) {STILL}",
        f"ALTER TABLE {table}_child ALTER k DROP NOT NULL",
        f"INSERT INTO {table} SELECT i, i FROM generate_series(1, 500) AS i",
        f"INSERT INTO {table}_child SELECT i, CASE WHEN i % 5 > 0 THEN i END"
        " FROM generate_series(501, 4000) AS i",
        f"CREATE INDEX ON {table} (k)",
        f"CREATE INDEX ON {table}_child (k)",
        f"ANALYZE {table}" if analyze else "SELECT 1",
    )


def test_a_table_with_children_is_not_searched_for_its_ends(
    shop: Shop, user: Shop, role: str
) -> None:
    grown_parent(shop, "endless", analyze=False)
    shop.run(f"GRANT SELECT ON endless TO {role}")
    user.plan("endless").check("endless", splits=1)


def test_rights_on_the_parent_alone(shop: Shop, user: Shop, role: str) -> None:
    make_partitions(shop, "guarded", "range")
    grown_parent(shop, "guarded_parent")
    shop.run(f"GRANT SELECT ON guarded, guarded_parent TO {role}")
    for table in ("guarded", "guarded_parent"):
        planned = user.plan(table)
        planned.check(table)
        assert set(constants(planned)) == {("*", "*")}
        planned = user.plan(table, where="k < 100")
        planned.check(table)
        assert set(constants(planned)) == {("*", "*")}
    shop.run("CREATE INDEX ON guarded (k)")
    planned = user.plan("guarded")
    planned.check("guarded", splits=10)
    assert planned.columns == {"k"}
    planned = user.plan("guarded_parent")
    assert planned.columns == {"k"}
    assert max(planned.check("guarded_parent")) <= 3 * 4000 / 10
    user.plan("guarded", where="false").check("guarded", splits=0)


@pytest.mark.parametrize("missing", ["one table", "one column", "the schema"])
def test_a_right_on_a_partition_that_is_missing(
    shop: Shop, user: Shop, role: str, missing: str
) -> None:
    make_partitions(shop, "lacking", "range")
    shop.run(f"GRANT SELECT ON lacking, lacking_0, lacking_1 TO {role}")
    if missing == "one column":
        shop.run(f"GRANT SELECT (n) ON lacking_2 TO {role}")
    if missing == "the schema":
        shop.run(
            f"GRANT SELECT ON lacking_2 TO {role}",
            "DROP SCHEMA IF EXISTS hidden CASCADE",
            "CREATE SCHEMA hidden",
            "ALTER TABLE lacking_2 SET SCHEMA hidden",
        )
    for where in ("", "k < 100"):
        planned = user.plan("lacking", where=where)
        planned.check("lacking")
        assert set(constants(planned)) == {("*", "*")}


def test_a_key_that_may_not_be_read(shop: Shop, user: Shop, role: str) -> None:
    keys_table(
        shop,
        "secretive",
        "ALTER TABLE secretive ADD PRIMARY KEY (a)",
        "CREATE INDEX ON secretive (b)",
    )
    shop.run(f"GRANT SELECT (n, b) ON secretive TO {role}")
    planned = user.plan("secretive", ctid_splits="true")
    planned.check("secretive", splits=10)
    assert planned.columns == {"b"}
    shop.run(f"REVOKE SELECT (b) ON secretive FROM {role}")
    user.plan("secretive", ctid_splits="true").check("secretive", splits=1)


@pytest.mark.parametrize("secured", ["rules", "rules_0", "rules_1"])
def test_row_security(shop: Shop, user: Shop, role: str, secured: str) -> None:
    make_partitions(shop, "rules", "range")
    shop.run(
        f"GRANT SELECT ON rules, rules_0, rules_1, rules_2 TO {role}",
        f"ALTER TABLE {secured} ENABLE ROW LEVEL SECURITY",
        f"CREATE POLICY odd ON {secured} USING (n % 2 = 1)",
        "CREATE INDEX ON rules (n)",
    )
    planned = user.plan("rules")
    planned.check("rules")
    assert set(constants(planned)) == {("*", "*")}
    expected = ROWS // 2 if secured == "rules" else ROWS
    assert sum(map(len, planned.read())) == expected
    assert set(constants(shop.plan("rules"))) != {("*", "*")}


def test_row_security_of_a_plain_table(shop: Shop, user: Shop, role: str) -> None:
    keys_table(
        shop,
        "filtered",
        "ALTER TABLE filtered ADD PRIMARY KEY (a)",
        "ALTER TABLE filtered ENABLE ROW LEVEL SECURITY",
        "CREATE POLICY odd ON filtered USING (n % 2 = 1)",
    )
    shop.run(f"GRANT SELECT ON filtered TO {role}")
    sizes = user.plan("filtered").check("filtered", splits=10)
    assert sum(sizes) == ROWS // 2
    assert set(sizes) == {100}


def test_a_table_that_may_not_be_read(
    shop: Shop, user: Shop, role: str, refusals: Refusals
) -> None:
    make_table(shop, "forbidden", ("int4", "i"))
    planned = user.plan("forbidden")
    assert len(planned.splits) == 1
    assert "42501" in refusals.take()[0]


CATALOGUES = (
    "class",
    "namespace",
    "inherits",
    "am",
    "attribute",
    "type",
    "index",
    "opclass",
    "collation",
    "constraint",
    "stats",
)


def test_issue_1540_catalogues_that_may_not_be_read(
    role: str, fresh_database: PostgresAddress, refusals: Refusals
) -> None:
    settings = load_settings(Settings, {"min_rows_per_split": "100"})
    with (
        closing(Shop(fresh_database)) as shop,
        closing(Shop(fresh_database.of_user(role, "p"))) as user,
    ):
        make_table(shop, "t", ("text", TEXT))
        shop.run(f"GRANT SELECT ON t TO {role}")
        relation = shop.relation("t")
        for name in CATALOGUES:
            shop.run(f"REVOKE SELECT ON pg_{name} FROM PUBLIC")
            with user.cursor() as cursor:
                layout = plan(cursor, relation, settings=settings)
                cursor.execute("SELECT count(*) FROM t")
            shop.run(f"GRANT SELECT ON pg_{name} TO PUBLIC")
            assert "42501" in refusals.take()[0]
            (rows,) = Planned(user, layout, "").read()
            assert len(rows) == ROWS


# Layout and splits


def test_partition_columns(shop: Shop) -> None:
    shop.run('CREATE TABLE own (n int, "Partition_Name" text)')
    shown, hidden = (
        load_settings(Settings, {"expose_partition_columns": text}) for text in ("true", "false")
    )
    own = shop.relation("own")
    assert partition_columns(own, shown) == ("partition_schema_name",)
    assert partition_columns(own, hidden) == ()
    planned = shop.plan("own")
    assert planned.layout.schema.names[0] == "partition_schema_name"
    assert constants(planned) == [("*",)]
    make_table(shop, "plainly", ("int4", "i"))
    assert partition_columns(shop.relation("plainly"), shown) == PARTITION_COLUMNS


def test_layout_of_a_plain_table(shop: Shop) -> None:
    make_table(shop, "laid_out", ("int4", "i"))
    layout = shop.plan("laid_out").layout
    assert layout.schema.names[:2] == list(PARTITION_COLUMNS)
    assert layout.schema.types[:2] == [pa.string(), pa.string()]
    assert all(name.startswith("__split_") for name in layout.schema.names[2:])
    assert layout.column(0).to_pylist() == layout.column(1).to_pylist() == ["*"] * 10
    hidden = shop.plan("laid_out", expose_partition_columns="false").layout
    assert hidden.schema.names == layout.schema.names[2:]
    assert "SELECT" not in str(layout.to_pydict())
    assert ">=" not in str(layout.to_pydict())


def test_splits_are_the_same_at_every_call_and_lazy(shop: Shop) -> None:
    make_partitions(shop, "again", "list")
    layout = shop.plan("again").layout
    first, second = splits_of(layout), splits_of(layout)
    assert next(first) == next(second)
    assert list(first) == list(second)
    backwards = layout.take(pa.array(range(layout.num_rows)[::-1]))
    Planned(shop, backwards, "").check("again")


def test_splits_share_a_snapshot(shop: Shop) -> None:
    make_partitions(shop, "shared", "list")
    layout = shop.plan("shared").layout
    assert {snapshot_of(split) for split in splits_of(layout)} == {None}
    assert all(set(split.properties) == {"__split_sources"} for split in splits_of(layout))
    told = with_snapshot(layout, "00000003-0000001B-1")
    assert {snapshot_of(split) for split in splits_of(told)} == {"00000003-0000001B-1"}
    assert told.schema == layout.schema
    assert list(splits_of(with_snapshot(told, None))) == list(splits_of(layout))


def test_garbled_values_are_an_error_of_the_server(shop: Shop) -> None:
    make_table(shop, "garbled", ("int4", "i"))
    planned = shop.plan("garbled")
    text = planned.layout.column("__split_source")[1].as_py()
    told = text.replace('"from":"', '"from":"1 OR true --')
    assert told != text
    layout = planned.layout.set_column(
        planned.layout.schema.get_field_index("__split_source"),
        "__split_source",
        pa.array([told] * 10),
    )
    with pytest.raises(Exception, match="invalid input syntax"):
        Planned(shop, layout, "").read()

"""Splits of real tables: each row once, whatever the key and the partitions are."""

from __future__ import annotations

from collections import Counter
from contextlib import closing
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

import pyarrow as pa
import pytest
from athena_connectors.common.config import load_settings
from athena_connectors.common.errors import ConfigurationError
from athena_connectors.common.protocol.messages import TableName
from athena_connectors.common.sql.connection_strings import parse_connection_string
from athena_connectors.common.sql.relation import Column, Comparison
from athena_connectors.jdbc_mysql import metadata
from athena_connectors.jdbc_mysql.client import Client
from athena_connectors.jdbc_mysql.inquiry import Inquiry
from athena_connectors.jdbc_mysql.key_order import in_order
from athena_connectors.jdbc_mysql.key_scales import TextScale, scale_of
from athena_connectors.jdbc_mysql.literals import identifier, typed
from athena_connectors.jdbc_mysql.settings import Settings
from athena_connectors.jdbc_mysql.split_keys import candidates_of
from athena_connectors.jdbc_mysql.split_sources import Key, SplitSource, sources_of
from athena_connectors.jdbc_mysql.splits import plan, splits_of
from hypothesis import given, settings
from hypothesis import strategies as st

if TYPE_CHECKING:
    from collections.abc import Iterator

    from athena_connectors.common.testing.mariadb import MariaDb

ROWS = 2000


class Shop:
    """A database whose tables are planned and read as the connector does it."""

    def __init__(self, address: MariaDb) -> None:
        self.address = address
        self._writer = address.connect()
        target = parse_connection_string(address.url, engine="mysql", catalog="shop")
        self.client = Client(target, load_settings(Settings, {}), secrets=None, environ={})

    def close(self) -> None:
        self._writer.close()
        self.client.close()

    def run(self, *statements: str) -> list[tuple[Any, ...]]:
        with self._writer.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)
            return list(cursor.fetchall())

    def plan(
        self,
        table: str,
        *,
        where: str = "",
        limit: int | None = None,
        ordered: bool = False,
        **changed: str,
    ) -> Planned:
        chosen = load_settings(
            Settings, {"min_rows_per_split": "100", "max_splits": "10", **changed}
        )
        with self.client.transaction() as cursor:
            relation = metadata.describe(cursor, TableName(self.address.database, table), chosen)
            layout = plan(
                cursor, relation, settings=chosen, where=where, limit=limit, ordered=ordered
            )
        return Planned(self, table, layout, where)


class Planned(NamedTuple):
    """A plan, and what reading it gives: the values of column ``n``."""

    shop: Shop
    table: str
    layout: pa.RecordBatch
    where: str

    @property
    def splits(self) -> list[tuple[SplitSource, ...]]:
        return [sources_of(split) for split in splits_of(self.layout)]

    @property
    def sources(self) -> list[SplitSource]:
        return [source for split in self.splits for source in split]

    @property
    def columns(self) -> set[str]:
        return {source.keys.key.column for source in self.sources if source.keys}

    def rows_of(self, source: SplitSource) -> list[Any]:
        conditions = [part for part in (self.where, source.where_sql()) if part]
        text = f" WHERE {' AND '.join(conditions)}" if conditions else ""
        with self.shop.client.transaction() as cursor:
            cursor.execute(f"SELECT n FROM {source.from_sql()}{text}")
            return [value for (value,) in cursor.fetchall()]

    def check(self, *, splits: int | None = None) -> list[int]:
        """Assert that the splits hold each row of the table once; return their sizes."""
        parts = [[row for source in split for row in self.rows_of(source)] for split in self.splits]
        where = f" WHERE {self.where}" if self.where else ""
        rows = self.shop.run(f"SELECT n FROM {identifier(self.table)}{where}")
        assert Counter(row for part in parts for row in part) == Counter(n for (n,) in rows)
        if splits is not None:
            assert len(parts) == splits
        return [len(part) for part in parts]


@pytest.fixture(scope="module")
def shop(database: MariaDb) -> Iterator[Shop]:
    with closing(Shop(database)) as shop:
        yield shop


# Keys

SEQ = "CAST(seq AS SIGNED)"
MIXED = "IF(seq % 2, MD5(seq), UPPER(MD5(seq)))"
MAIL = "CONCAT(ELT(1 + seq % 5, 'anna', 'Bob', 'çelik', 'Zoë', '_x'), seq, '@example.org')"
CYRILLIC = "CONCAT(ELT(1 + seq % 5, 'Яна', 'борис', 'Эля', 'яна', 'Ёж'), seq)"
KEYS = {
    "tinyint": ("tinyint", f"{SEQ} % 256 - 128"),
    "tinyint(1)": ("tinyint(1)", f"{SEQ} % 256 - 128"),
    "smallint": ("smallint", f"{SEQ} - 1000"),
    "mediumint unsigned": ("mediumint unsigned", "seq * 7"),
    "int": ("int", f"{SEQ} * 1000000 - 1000000000"),
    "bigint": ("bigint", f"({SEQ} - 1000) * 9000000000000000"),
    "bigint unsigned": ("bigint unsigned", "18446744073709551615 - seq * 1000000"),
    "decimal": ("decimal(65,30)", f"({SEQ} - 900) * 1.000000000000000000000000000001"),
    "float": ("float", f"{SEQ} / 3e0 - 200"),
    "double": ("double", f"EXP(seq / 10e0) * (({SEQ} % 2) * 2 - 1)"),
    "bit": ("bit(64)", "18446744073709551615 - seq * 37"),
    "year": ("year", "IF(seq % 50, 1901 + seq % 254, 0)"),
    "date": ("date", f"DATE'1970-01-01' + INTERVAL ({SEQ} * 3 - 3000) DAY"),
    "date with zeros": (
        "date",
        f"IF(seq % 9, DATE'2020-01-01' + INTERVAL {SEQ} DAY, ELT(1 + seq % 2, 0, 20240200))",
    ),
    "datetime": (
        "datetime(6)",
        f"TIMESTAMP'1999-12-31 23:59:00' + INTERVAL {SEQ} * 25200000001 MICROSECOND",
    ),
    "timestamp": ("timestamp(3) NULL", f"TIMESTAMP'2024-03-31 00:00:00' + INTERVAL {SEQ} MINUTE"),
    "time": ("time(3)", f"SEC_TO_TIME({SEQ} * 719.5 - 719500)"),
    "char": ("char(40) COLLATE utf8mb4_general_ci", MIXED),
    "text general": ("varchar(60) COLLATE utf8mb4_general_ci", MIXED),
    "text unicode": ("varchar(60) COLLATE utf8mb4_unicode_ci", MAIL),
    "text danish": ("varchar(60) COLLATE utf8mb4_danish_ci", MAIL),
    "text binary": ("varchar(60) COLLATE utf8mb4_bin", MIXED),
    "text without padding": ("varchar(60) COLLATE utf8mb4_nopad_bin", MAIL),
    "text latin1": ("varchar(60) CHARACTER SET latin1 COLLATE latin1_german2_ci", MAIL),
    "text utf16": ("varchar(60) CHARACTER SET utf16", CYRILLIC),
    "text cyrillic": ("varchar(60) COLLATE utf8mb4_unicode_520_ci", CYRILLIC),
    "text gbk": ("varchar(60) CHARACTER SET gbk", CYRILLIC),
    "text with a prefix": ("varchar(60)", "CONCAT('ORDER-2024-', LPAD(seq, 9, '0'))"),
    "varbinary": ("varbinary(40)", r"CONCAT(UNHEX(MD5(seq)), '\\''')"),
    "binary": ("binary(20)", "LEFT(UNHEX(MD5(seq)), seq % 5 + 3)"),
    "uuid": (
        "uuid",
        "CONCAT(LEFT(MD5(seq), 8), '-', LEFT(MD5(seq + 1), 4), '-4abc-8def-', RIGHT(MD5(seq), 12))",
    ),
}
"""Keys: type and value in row ``seq``, 1 and on."""


def make_table(shop: Shop, table: str, key: tuple[str, str], *, rows: int = ROWS) -> None:
    type_, value = key
    shop.run(
        "SET sql_mode = ''",
        f"DROP TABLE IF EXISTS {table}",
        f"CREATE TABLE {table} (n int, k {type_}, KEY (k)) CHARACTER SET utf8mb4",
        f"INSERT INTO {table} SELECT seq, {value} FROM seq_1_to_{rows}",
        f"ANALYZE TABLE {table}",
    )


@pytest.mark.parametrize("key", KEYS.values(), ids=KEYS)
def test_21_9_keys_of_each_type_hold_each_row_once(shop: Shop, key: tuple[str, str]) -> None:
    make_table(shop, "keyed", key)
    planned = shop.plan("keyed")
    sizes = planned.check()
    assert planned.columns == {"k"}
    assert len(sizes) >= 7
    assert max(sizes) <= 3 * ROWS / 10


@pytest.mark.parametrize("key", KEYS.values(), ids=KEYS)
def test_21_9_rows_without_a_key_are_held_too(shop: Shop, key: tuple[str, str]) -> None:
    type_, value = key
    make_table(shop, "hollow", (type_, f"IF(seq % 5, NULL, {value})"))
    planned = shop.plan("hollow")
    sizes = planned.check()
    assert planned.columns == {"k"}
    assert sizes[0] >= 4 * ROWS / 5
    assert len(sizes) >= 2


PIECES = (
    "'",
    '"',
    "\\",
    "%s",
    " ",
    "\n",
    "\t",
    "NULL",
    "a",
    "A",
    "ä",
    "ß",
    "é",
    "ж",
    "中",
    "🦆",
    "`",
)
COLLATIONS = {
    "utf8mb4_general_ci": "utf8mb4",
    "utf8mb4_unicode_ci": "utf8mb4",
    "utf8mb4_bin": "utf8mb4",
    "utf8mb4_nopad_bin": "utf8mb4",
    "latin1_swedish_ci": "latin1",
    "gbk_chinese_ci": "gbk",
    "ucs2_unicode_ci": "ucs2",
}


@pytest.mark.parametrize("collation", COLLATIONS)
def test_21_9_any_text_can_be_a_key(shop: Shop, collation: str) -> None:
    texts = ["", *PIECES, *(f"{one}{two}" for one in PIECES for two in PIECES)]
    values = ", ".join(f"({n}, {typed(text, 'text')})" for n, text in enumerate(texts))
    shop.run(
        "SET sql_mode = ''",
        "DROP TABLE IF EXISTS hostile",
        "CREATE TABLE hostile (n int, k varchar(9)"
        f" CHARACTER SET {COLLATIONS[collation]} COLLATE {collation}, KEY (k))",
        f"INSERT INTO hostile VALUES {values}",
        "ANALYZE TABLE hostile",
    )
    planned = shop.plan("hostile", min_rows_per_split="1", max_splits="100")
    assert len(planned.check()) > 5


def test_the_parts_of_hostile_texts_are_the_same_for_every_boundary(shop: Shop) -> None:
    """Each text of the table as a boundary by itself: below and from it are all rows."""
    with shop.client.transaction() as cursor:
        relation = metadata.describe(
            cursor, TableName(shop.address.database, "hostile"), load_settings(Settings, {})
        )
        (candidate,) = candidates_of(Inquiry(cursor), relation, None)
        for text in PIECES:
            key = candidate.key
            for where in (key.below_sql(text), key.from_sql(text)):
                cursor.execute(f"EXPLAIN SELECT n FROM hostile FORCE INDEX (k) WHERE {where}")
                assert cursor.fetchone()[3] == "range"
            cursor.execute(
                f"SELECT count(*), sum({key.below_sql(text)} XOR {key.from_sql(text)}) FROM hostile"
            )
            rows, apart = cursor.fetchone()
            assert rows == apart


def test_composite_keys_are_cut_by_their_first_column(shop: Shop) -> None:
    shop.run(
        "CREATE TABLE order_lines (n int, a varchar(20), b int unsigned, c int,"
        " PRIMARY KEY (b, a), KEY (c, a))",
        "INSERT INTO order_lines SELECT seq, seq, seq DIV 3, seq FROM seq_1_to_2000",
        "ANALYZE TABLE order_lines",
    )
    planned = shop.plan("order_lines")
    assert max(planned.check()) <= 3 * ROWS / 10
    assert planned.columns == {"b"}


@pytest.mark.parametrize("value", ["seq * seq", "100000000 DIV seq", "seq % 50", "EXP(seq / 200)"])
def test_skewed_keys_are_cut_evenly(shop: Shop, value: str) -> None:
    make_table(shop, "uneven", ("bigint", value), rows=10_000)
    sizes = shop.plan("uneven", max_splits="20").check()
    assert max(sizes) <= 4 * 10_000 / 20


def test_one_value_far_away_does_not_spoil_the_cut(shop: Shop) -> None:
    shop.run(
        "CREATE TABLE wide (n int, k bigint PRIMARY KEY)",
        "INSERT INTO wide SELECT seq, seq FROM seq_1_to_2000",
        "INSERT INTO wide VALUES (-1, -9223372036854775808), (-2, 9223372036854775807)",
        "ANALYZE TABLE wide",
    )
    assert max(shop.plan("wide").check()) <= 3 * ROWS / 10


def test_the_rows_of_the_predicate_are_cut_evenly(shop: Shop) -> None:
    make_table(
        shop, "dated", ("date", f"DATE'2020-01-01' + INTERVAL {SEQ} DIV 10 DAY"), rows=20_000
    )
    planned = shop.plan("dated", where="k >= '2024-01-01' AND k < '2025-01-01'")
    sizes = [size for size in planned.check() if size]
    assert len(sizes) >= 8
    assert max(sizes) <= 3 * sum(sizes) / len(sizes)


def test_an_index_that_the_predicate_uses_is_cut(shop: Shop) -> None:
    shop.run(
        "CREATE TABLE logged (n int PRIMARY KEY, at datetime, KEY (at))",
        "INSERT INTO logged SELECT seq, TIMESTAMP'2020-01-01 00:00:00'"
        " + INTERVAL seq * 7919 % 20000 HOUR FROM seq_1_to_20000",
        "ANALYZE TABLE logged",
    )
    assert shop.plan("logged").columns == {"n"}
    planned = shop.plan("logged", where="at >= '2022-01-01' AND at < '2022-03-01'")
    planned.check()
    assert planned.columns == {"at"}


def test_a_lookup_is_one_split(shop: Shop) -> None:
    make_table(shop, "looked_up", ("int", "seq"), rows=5000)
    shop.plan("looked_up", where="k = 77").check(splits=1)
    shop.plan("looked_up", where="n % 2 = 0").check(splits=10)


def test_a_predicate_without_rows_is_no_split(shop: Shop) -> None:
    make_table(shop, "refuted", ("int", "seq"))
    for where in ("false", "k > 5 AND k < 3"):
        shop.plan("refuted", where=where).check(splits=0)


@pytest.mark.parametrize("rows", [0, 1])
def test_21_9_hardly_any_rows(shop: Shop, rows: int) -> None:
    shop.run(
        "DROP TABLE IF EXISTS tiny",
        "CREATE TABLE tiny (n int, k int PRIMARY KEY)",
        f"INSERT INTO tiny SELECT seq, seq FROM seq_1_to_5 WHERE seq <= {rows}",
        "ANALYZE TABLE tiny",
    )
    shop.plan("tiny", min_rows_per_split="1").check(splits=1)


def test_21_9_rows_written_after_the_plan_are_read_once(shop: Shop) -> None:
    make_table(shop, "growing", ("int", "seq"))
    planned = shop.plan("growing")
    shop.run(
        "INSERT INTO growing SELECT seq, seq FROM seq_2001_to_4000",
        f"INSERT INTO growing SELECT seq, -{SEQ} FROM seq_0_to_4000",
        "INSERT INTO growing SELECT seq, NULL FROM seq_5001_to_5100",
        "DELETE FROM growing WHERE k % 3 = 0",
    )
    planned.check(splits=10)


# Which key


def keys_table(shop: Shop, table: str, declarations: str) -> None:
    shop.run(
        f"DROP TABLE IF EXISTS {table}",
        f"CREATE TABLE {table} (n int, a int NOT NULL, b int NOT NULL, c varchar(90), d text,"
        f" e enum('x', 'y'), p point NOT NULL DEFAULT POINT(1, 1){declarations})",
        f"INSERT INTO {table} (n, a, b, c, d, e)"
        f" SELECT seq, seq, seq, seq, seq, 1 + seq % 2 FROM seq_1_to_{ROWS}",
        f"ANALYZE TABLE {table}",
    )


@pytest.mark.parametrize(
    ("declarations", "column"),
    [
        (", KEY (a), PRIMARY KEY (b, a)", "b"),
        (", UNIQUE (a), PRIMARY KEY (b)", "b"),
        (", KEY (a), UNIQUE (b)", "b"),
        (", KEY (c)", "c"),
        ("", None),
        (", KEY (c(10))", None),
        (", KEY (d(10))", None),
        (", KEY (e)", None),
        (", FULLTEXT (d)", None),
        (", SPATIAL KEY (p)", None),
        (", KEY (b) IGNORED", None),
    ],
)
def test_which_column_is_the_key(shop: Shop, declarations: str, column: str | None) -> None:
    keys_table(shop, "k", declarations)
    planned = shop.plan("k")
    sizes = planned.check(splits=None if column else 1)
    assert planned.columns == ({column} if column else set())
    assert max(sizes) <= (3 * ROWS / 10 if column else ROWS)


def test_the_settings_choose_the_column(shop: Shop) -> None:
    keys_table(shop, "chosen", ", PRIMARY KEY (a), KEY (b)")
    place = f"{shop.address.database}.chosen"
    for setting in ("b", "B", f'{{"{place}": "b"}}', f'{{"{place.upper()}": "B", "*": "a"}}'):
        planned = shop.plan("chosen", split_column=setting)
        planned.check(splits=10)
        assert planned.columns == {"b"}
    assert shop.plan("chosen", split_column='{"other.chosen": "b"}').columns == {"a"}
    with pytest.raises(ConfigurationError, match=r"split_column.*no column 'z'"):
        shop.plan("chosen", split_column=f'{{"{place}": "z"}}')


def test_a_chosen_column_needs_no_index(shop: Shop) -> None:
    keys_table(shop, "plain", "")
    planned = shop.plan("plain", split_column="b")
    planned.check(splits=10)
    assert planned.columns == {"b"}


def test_only_keys_that_may_be_null_are_looked_for_as_such(shop: Shop) -> None:
    keys_table(shop, "sure", ", KEY (b)")
    assert not any("NULL" in source.where_sql() for source in shop.plan("sure").sources)


def test_issue_3102_no_end_is_looked_for_without_an_index(shop: Shop) -> None:
    """MIN and MAX of what no index knows would read the table."""
    shop.run("SET GLOBAL general_log = OFF", "TRUNCATE mysql.general_log")
    shop.run("SET GLOBAL log_output = 'TABLE'", "SET GLOBAL general_log = ON")
    try:
        keys_table(shop, "unknown", ", KEY (c(3)), KEY (b) IGNORED")
        shop.plan("unknown").check(splits=1)
        rows = shop.run(
            "SELECT argument FROM mysql.general_log"
            " WHERE argument LIKE '%MIN(%' AND argument NOT LIKE '%general_log%'"
        )
    finally:
        shop.run("SET GLOBAL general_log = OFF")
    assert rows
    assert all("EXPLAIN" in text for (text,) in rows)


@pytest.mark.parametrize("engine", ["InnoDB", "MyISAM", "Aria", "MEMORY"])
def test_engines(shop: Shop, engine: str) -> None:
    shop.run(
        f"CREATE OR REPLACE TABLE stored (n int, k int, KEY (k) USING BTREE) ENGINE = {engine}",
        "INSERT INTO stored SELECT seq, seq FROM seq_1_to_2000",
        "ANALYZE TABLE stored",
    )
    shop.plan("stored").check()


def test_splits_are_as_many_as_the_rows_are_worth(shop: Shop) -> None:
    make_table(shop, "sized", ("int", "seq"))
    shop.plan("sized", min_rows_per_split="3000").check(splits=1)
    shop.plan("sized", min_rows_per_split="1500").check(splits=2)
    shop.plan("sized", min_rows_per_split="500").check(splits=4)
    shop.plan("sized", min_rows_per_split="1", max_splits="7").check(splits=7)
    shop.plan("sized", max_splits="1").check(splits=1)
    shop.plan("sized", min_rows_per_split="1", max_splits="300").check(splits=300)


def test_a_small_limit_is_one_split(shop: Shop) -> None:
    make_table(shop, "limited", ("int", "seq"))
    assert len(shop.plan("limited", limit=10_000).splits) == 1
    assert len(shop.plan("limited", limit=10_001).splits) == 10
    assert len(shop.plan("limited", limit=5, ordered=True).splits) == 10


def test_views_are_one_split(shop: Shop) -> None:
    make_table(shop, "viewed", ("int", "seq"))
    shop.run("CREATE VIEW plain_view AS SELECT * FROM viewed")
    shop.plan("plain_view", split_column="k").check(splits=1)
    shop.plan("plain_view", where="k > 5 AND k < 3").check(splits=1)


# Partitions


def partitioned(shop: Shop, table: str, clause: str, *, key: str = "n") -> None:
    shop.run(
        f"DROP TABLE IF EXISTS {identifier(table)}",
        f"CREATE TABLE {identifier(table)} (n int, k int, PRIMARY KEY (n, k)) {clause}",
        f"INSERT INTO {identifier(table)} SELECT seq, seq % 300 FROM seq_1_to_3000",
        f"ANALYZE TABLE {identifier(table)}",
    )


def named(planned: Planned) -> dict[str, list[int]]:
    """Return the values of column ``k`` in what is read as each partition."""
    found: dict[str, list[int]] = {}
    for source in planned.sources:
        with planned.shop.client.transaction() as cursor:
            text = f" WHERE {source.where_sql()}" if source.where_sql() else ""
            cursor.execute(f"SELECT DISTINCT k FROM {source.from_sql()}{text}")
            name = source.constants["partition_name"]
            found.setdefault(name, []).extend(k for (k,) in cursor.fetchall())
    return found


def test_21_10_pr_3642_partition_names_that_need_quotes(shop: Shop) -> None:
    names = ["p-x", "P `2`", "it's; -- #", 'say "hi"', "a,b", "a", "b)"]
    parts = ", ".join(
        f"PARTITION {identifier(name)} VALUES LESS THAN ({100 + 30 * number})"
        for number, name in enumerate(names)
    )
    parts += ", PARTITION rest VALUES LESS THAN MAXVALUE"
    partitioned(shop, "quoted", f"PARTITION BY RANGE (k) ({parts})")
    planned = shop.plan("quoted", min_rows_per_split="10000")
    planned.check(splits=1)
    ends = {name: 99 + 30 * number for number, name in enumerate(names)}
    assert {name: max(values) for name, values in named(planned).items()} == {**ends, "rest": 299}


@pytest.mark.parametrize(
    "clause",
    [
        "PARTITION BY HASH (n) PARTITIONS 4",
        "PARTITION BY KEY (k) PARTITIONS 3",
        "PARTITION BY LIST (k % 3) (PARTITION a VALUES IN (0, 1), PARTITION b VALUES IN (2))",
        "PARTITION BY LIST COLUMNS (k) (PARTITION a VALUES IN (1, 2), PARTITION d DEFAULT)",
    ],
)
@pytest.mark.parametrize("rows", ["100", "100000"])
def test_21_10_kinds_of_partitions(shop: Shop, clause: str, rows: str) -> None:
    partitioned(shop, "kinds", clause)
    planned = shop.plan("kinds", min_rows_per_split=rows)
    planned.check()
    values = named(planned)
    assert "*" not in values
    told = shop.run(
        "SELECT PARTITION_NAME FROM information_schema.PARTITIONS"
        f" WHERE TABLE_SCHEMA = '{shop.address.database}' AND TABLE_NAME = 'kinds'"
    )
    assert values.keys() == {name for (name,) in told}


SUBPARTITIONS = (
    "PARTITION BY RANGE (k) SUBPARTITION BY HASH (n) SUBPARTITIONS 2"
    " (PARTITION a VALUES LESS THAN (100), PARTITION `a_b` VALUES LESS THAN (200),"
    " PARTITION c VALUES LESS THAN MAXVALUE)"
)


def test_21_10_subpartitions_tell_their_partition(shop: Shop) -> None:
    partitioned(shop, "sub", SUBPARTITIONS)
    for rows in ("100", "100000"):
        planned = shop.plan("sub", min_rows_per_split=rows)
        planned.check()
        ends = {name: (min(ks), max(ks)) for name, ks in named(planned).items()}
        assert ends == {"a": (0, 99), "a_b": (100, 199), "c": (200, 299)}
    assert {source.partition for source in planned.sources} == {
        f"{part}sp{number}" for part in ("a", "a_b", "c") for number in (0, 1)
    }


def test_21_10_partitions_that_the_predicate_excludes_are_not_read(shop: Shop) -> None:
    partitioned(shop, "pruned", SUBPARTITIONS)
    planned = shop.plan("pruned", where="k < 150 AND n > 5")
    planned.check()
    assert {source.constants["partition_name"] for source in planned.sources} == {"a", "a_b"}
    shop.plan("pruned", where="k < 5 AND k > 7").check(splits=0)
    hidden = shop.plan("pruned", where="k < 50", expose_partition_columns="false")
    hidden.check()
    assert {source.partition for source in hidden.sources} == {"asp0", "asp1"}


def test_partitions_share_the_splits_by_their_rows(shop: Shop) -> None:
    clause = (
        "PARTITION BY RANGE (k)"
        " (PARTITION s VALUES LESS THAN (30), PARTITION l VALUES LESS THAN MAXVALUE)"
    )
    partitioned(shop, "uneven_parts", clause)
    planned = shop.plan("uneven_parts")
    sizes = planned.check(splits=10)
    assert max(sizes) <= 2 * 3000 / 10
    assert sum(source.partition == "l" for source in planned.sources) == 9


def test_small_partitions_are_read_together(shop: Shop) -> None:
    partitioned(shop, "many", "PARTITION BY HASH (k) PARTITIONS 50")
    assert len(shop.plan("many", min_rows_per_split="1000").check()) == 3
    assert len(shop.plan("many", ordered=True, limit=5, min_rows_per_split="1000").check()) == 50
    assert len(shop.plan("many", limit=5).splits) == 1


def test_a_partition_with_history_is_read_as_the_server_does(shop: Shop) -> None:
    shop.run(
        "CREATE TABLE versioned (n int PRIMARY KEY) WITH SYSTEM VERSIONING"
        " PARTITION BY SYSTEM_TIME (PARTITION old HISTORY, PARTITION now CURRENT)",
        "INSERT INTO versioned SELECT seq FROM seq_1_to_500",
        "DELETE FROM versioned WHERE n % 2 = 0",
        "ANALYZE TABLE versioned",
    )
    shop.plan("versioned", min_rows_per_split="50").check()


def test_tables_whose_names_differ_in_case_only(shop: Shop) -> None:
    if shop.run("SELECT @@lower_case_table_names") != [(0,)]:
        return
    partitioned(shop, "cased", "PARTITION BY HASH (n) PARTITIONS 2")
    partitioned(shop, "CASED", "")
    assert {source.partition for source in shop.plan("CASED").sources} == {None}
    assert {source.partition for source in shop.plan("cased").sources} == {"p0", "p1"}


def test_issue_1540_without_a_right_to_look_it_is_one_split(shop: Shop, mariadb: MariaDb) -> None:
    make_table(shop, "guarded", ("int", "seq"))
    name = shop.address.database
    user = mariadb.create_user("column_reader", "p", f"SELECT (n) ON `{name}`.guarded")
    with closing(Shop(user.of_database(name))) as reader:
        reader.plan("guarded").check(splits=1)


@pytest.mark.parametrize(
    ("key", "values", "ordered"),
    [
        (
            Key("k", "text", "utf8mb4", "utf8mb4_general_ci"),
            ["b", "A", "a ", "", "á", "B"],
            [[""], ["A", "a ", "á"], ["b", "B"]],
        ),
        (Key("k", "text", "utf8mb4", "utf8mb4_bin"), ["b", "A", "a", "B"], [*"ABab"]),
        (Key("k", "text", "latin1", "latin1_bin"), ["ж", "🦆", "?"], [["ж", "🦆", "?"]]),
        (Key("k", "number"), ["10", "9", "-1", "9"], [["-1"], ["9"], ["10"]]),
        (
            Key("k", "uuid"),
            ["12345678-1234-4234-8234-123456789abc", "12345678-1234-8234-0234-123456789abc"],
            [["12345678-1234-4234-8234-123456789abc"]],
        ),
    ],
    ids=["folded", "by code", "what latin1 lacks", "numbers", "no uuid"],
)
def test_values_are_ordered_as_the_server_does(
    shop: Shop, key: Key, values: list[str], ordered: list[list[str]]
) -> None:
    with shop.client.transaction() as cursor:
        found = in_order(Inquiry(cursor), key, values)
    assert list(map(sorted, found)) == list(map(sorted, ordered))


# Scales


@settings(max_examples=100)
@given(
    st.lists(st.text("ABzÄ🦆", max_size=12), min_size=2, max_size=5, unique=True),
    st.lists(st.floats(0, 1), min_size=2, max_size=5),
)
def test_guessed_texts_lie_between_the_ends(texts: list[str], shares: list[float]) -> None:
    low, high = min(texts), max(texts)
    scale = TextScale(low, high, [[char] for char in "ABzÄ🦆"])
    first, last = scale.ends
    numbers = sorted({first, last, *(first + int((last - first) * share) for share in shares)})
    guesses = [scale.value(number) for number in numbers]
    assert guesses == sorted(guesses)
    assert (guesses[0], guesses[-1]) == (low, high)


@settings(max_examples=200)
@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=2, max_size=2))
def test_floats_keep_their_order(values: list[float]) -> None:
    scale = scale_of(_column("double", "double"), *map(repr, sorted(values)))
    first, last = scale.ends
    found = [float(scale.value(number)) for number in sorted({first, (first + last) // 2, last})]
    assert all(one < other or one == other == 0 for one, other in pairwise(found))
    assert (found[0], found[-1]) == (min(values), max(values))


def _column(base_type: str, source_type: str) -> Column:
    return Column("k", source_type, base_type, pa.string(), "{c}", "text", Comparison.TEXT_FOLDED)

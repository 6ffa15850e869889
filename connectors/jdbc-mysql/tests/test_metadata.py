"""Listing, resolution and description on a real server, as different users see it."""

from __future__ import annotations

import base64
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pymysql
import pytest
from athena_connectors.common.config import load_settings
from athena_connectors.common.errors import (
    AccessDeniedError,
    AmbiguousNameError,
    InvalidRequestError,
    SchemaNotFoundError,
    TableNotFoundError,
)
from athena_connectors.common.paging import encode_name_token
from athena_connectors.common.protocol.messages import TableName
from athena_connectors.common.sql.relation import Comparison
from athena_connectors.common.testing.mariadb import mariadb_process
from athena_connectors.jdbc_mysql.literals import identifier
from athena_connectors.jdbc_mysql.metadata import (
    describe,
    list_schemas,
    list_tables,
    page_tables,
    resolve_schema,
    resolve_table,
)
from athena_connectors.jdbc_mysql.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from athena_connectors.common.sql.relation import Relation
    from athena_connectors.common.testing.mariadb import MariaDb

ODD_NAMES = [
    "plain",
    "Capital",
    "a.b",
    "a-b",
    "a/b",
    'quo"te',
    "apo'strophe",
    "back`quote",
    "per%cent",
    "per%sent",
    "per_cent",
    "back\\slash",
    "$dollar",
    " blank",
    "select",
    "1",
    "ünïcode",
    "unicode",
    "new\nline",
    "\uffee",
    "6" * 64,
]
SYSTEM = ["information_schema", "mysql", "performance_schema", "sys"]


def settings_of(**settings: str) -> Settings:
    return load_settings(Settings, settings)


@contextmanager
def asking(address: MariaDb) -> Iterator[Any]:
    """A cursor in a transaction like the client's."""
    with closing(address.connect(charset="utf8mb4")) as connection, connection.cursor() as cursor:
        cursor.execute("SET sql_mode = '', time_zone = '+00:00'")
        cursor.execute("START TRANSACTION READ ONLY")
        yield cursor


@pytest.fixture
def cursor(fresh_database: MariaDb) -> Iterator[Any]:
    with asking(fresh_database) as cursor:
        yield cursor


@pytest.fixture
def shop(fresh_database: MariaDb) -> str:
    """The name of the schema that the test has to itself."""
    return fresh_database.database


@pytest.fixture
def schemas(mariadb: MariaDb) -> Iterator[list[str]]:
    """Names of schemas to drop after the test."""
    names: list[str] = []
    yield names
    for name in names:
        mariadb.drop_database(name)


def described(cursor: Any, schema: str, table: str, **settings: str) -> Relation:
    return describe(cursor, TableName(schema, table), settings_of(**settings))


def found(cursor: Any, schema: str, table: str, **settings: str) -> str:
    name = resolve_table(cursor, TableName(schema, table), settings_of(**settings))
    assert name.schema == schema or settings or name.schema.lower() == schema.lower()
    return name.table


# Listing


def test_system_schemas_are_hidden_unless_wanted(cursor: Any, shop: str) -> None:
    shown = list_schemas(cursor, settings_of())
    assert shop in shown
    assert not set(SYSTEM) & set(shown)
    everything = list_schemas(cursor, settings_of(include_system_schemas="true"))
    assert everything == sorted({*shown, *SYSTEM})
    for name in SYSTEM:
        assert resolve_schema(cursor, name.upper(), settings_of()) == name
    assert found(cursor, "information_schema", "tables") == "TABLES"


def test_schemas_without_a_right_are_not_there(
    mariadb: MariaDb, fresh_database: MariaDb, shop: str, schemas: list[str]
) -> None:
    schemas.append(mariadb.create_database().database)
    reader = fresh_database.create_user("lister", "p", f"SELECT ON `{shop}`.*")
    with asking(reader) as cursor:
        assert list_schemas(cursor, settings_of()) == [shop]
        with pytest.raises(SchemaNotFoundError):
            resolve_schema(cursor, schemas[0], settings_of())


KINDS = (
    "CREATE TABLE plain (a int)",
    "CREATE TABLE parted (a int) PARTITION BY HASH (a) (PARTITION one, PARTITION rest)",
    "CREATE TABLE versioned (a int) WITH SYSTEM VERSIONING",
    "CREATE TABLE aria (a int) ENGINE=Aria",
    "CREATE VIEW looking AS SELECT a FROM plain",
    "CREATE SEQUENCE counter",
    "CREATE FUNCTION doing() RETURNS int RETURN 1",
)


def test_21_4_what_is_listed_and_what_is_described(
    fresh_database: MariaDb, cursor: Any, shop: str
) -> None:
    fresh_database.execute(*KINDS)
    listed = {"plain", "parted", "versioned", "aria", "looking"}
    assert list_tables(cursor, shop) == sorted(listed)
    kinds = {name: described(cursor, shop, name).kind for name in listed}
    assert kinds == {
        "plain": "BASE TABLE",
        "parted": "BASE TABLE",
        "versioned": "SYSTEM VERSIONED",
        "aria": "BASE TABLE",
        "looking": "VIEW",
    }
    for other in ("one", "rest", "counter", "doing"):
        with pytest.raises(TableNotFoundError):
            found(cursor, shop, other)


def test_the_servers_own_tables_are_listed_when_asked_for(cursor: Any) -> None:
    names = list_tables(cursor, "information_schema")
    assert {"TABLES", "COLUMNS"} <= set(names)
    assert described(cursor, "information_schema", "TABLES").kind == "SYSTEM VIEW"


@pytest.mark.parametrize("name", ["nowhere", "", "𝄞", "\ud800", "a\0b", "%"])
def test_an_unknown_schema_has_no_tables(cursor: Any, name: str) -> None:
    assert list_tables(cursor, name) == []


@pytest.mark.parametrize("page_size", [1, 2, 3, 5, 6, 7, 100, None])
def test_21_4_pages_are_all_names_in_order(
    fresh_database: MariaDb, cursor: Any, shop: str, page_size: int | None
) -> None:
    names = ["B", "a", "b", "a_", "é", "\uffee"]
    fresh_database.execute(*(f"CREATE TABLE `{name}` (a int)" for name in names))
    pages: list[tuple[str, ...]] = []
    token = None
    while not pages or token is not None:
        page = page_tables(cursor, shop, token=token, page_size=page_size)
        pages.append(page.items)
        token = page.next_token
    assert [name for page in pages for name in page] == sorted(names)
    assert all(len(page) == page_size for page in pages[:-1])
    assert pages[-1]
    rest = page_tables(cursor, shop, token=encode_name_token("a_"), page_size=None)
    assert rest.items == ("a_", "b", "é", "\uffee")
    assert page_tables(cursor, shop, token=encode_name_token("𝄞"), page_size=2).items == ()


def test_issue_287_a_page_goes_on_where_its_first_name_was(
    fresh_database: MariaDb, cursor: Any, shop: str
) -> None:
    fresh_database.execute(*(f"CREATE TABLE {name} (a int)" for name in "abcd"))
    first = page_tables(cursor, shop, token=None, page_size=2)
    assert first.items == ("a", "b")
    cursor.connection.rollback()
    fresh_database.execute("DROP TABLE c", "DROP TABLE a", "CREATE TABLE aa (a int)")
    second = page_tables(cursor, shop, token=first.next_token, page_size=2)
    assert (second.items, second.next_token) == (("d",), None)


def test_21_4_integer_tokens_count_names(fresh_database: MariaDb, cursor: Any, shop: str) -> None:
    fresh_database.execute(*(f"CREATE TABLE {name} (a int)" for name in "abcd"))
    page = page_tables(cursor, shop, token="1", page_size=2)
    assert page.items == ("b", "c")
    rest = page_tables(cursor, shop, token=page.next_token, page_size=2)
    assert (rest.items, rest.next_token) == (("d",), None)
    assert page_tables(cursor, shop, token="4", page_size=2).items == ()
    assert page_tables(cursor, shop, token="9" * 30, page_size=2).items == ()
    assert page_tables(cursor, shop, token="0", page_size=None).items == tuple("abcd")


@pytest.mark.parametrize("token", ["-1", "x", "٣", base64.b64encode(b"other").decode()])
def test_foreign_tokens_are_refused(cursor: Any, token: str) -> None:
    with pytest.raises(InvalidRequestError):
        page_tables(cursor, "nowhere", token=token, page_size=2)


# Rights


def test_21_4_only_granted_columns_are_described(fresh_database: MariaDb, shop: str) -> None:
    fresh_database.execute(
        "CREATE TABLE parts (a int, secret text, c int)",
        "CREATE TABLE none (a int)",
        "CREATE TABLE whole (a int)",
        "CREATE TABLE written (a int)",
        "CREATE TABLE kept (a int)",
        "CREATE VIEW seen AS SELECT a FROM kept",
    )
    reader = fresh_database.create_user(
        "narrow",
        "p",
        f"SELECT (c, a), INSERT (secret) ON `{shop}`.parts",
        f"SELECT ON `{shop}`.whole",
        f"SELECT ON `{shop}`.seen",
        f"INSERT, UPDATE, DELETE ON `{shop}`.written",
    )
    with asking(reader) as cursor:
        assert list_tables(cursor, shop) == ["parts", "seen", "whole", "written"]
        assert [column.name for column in described(cursor, shop, "parts").columns] == ["a", "c"]
        assert [column.name for column in described(cursor, shop, "seen").columns] == ["a"]
        with pytest.raises(AccessDeniedError, match=r"written.*SELECT"):
            described(cursor, shop, "written")
        for name in ("none", "kept"):
            with pytest.raises(TableNotFoundError):
                found(cursor, shop, name)
            with pytest.raises(TableNotFoundError):
                described(cursor, shop, name)
    with asking(fresh_database) as cursor:
        assert list_tables(cursor, shop) == ["kept", "none", "parts", "seen", "whole", "written"]


def test_a_name_means_what_the_user_has_a_right_on(fresh_database: MariaDb, shop: str) -> None:
    fresh_database.execute("CREATE TABLE orders (a int)", "CREATE TABLE Orders (a int)")
    reader = fresh_database.create_user("orders", "p", f"SELECT ON `{shop}`.Orders")
    with asking(reader) as cursor:
        assert found(cursor, shop, "orders") == "Orders"
    with asking(fresh_database) as cursor:
        assert found(cursor, shop, "orders") == "orders"


def test_rights_of_a_role_count(fresh_database: MariaDb, shop: str) -> None:
    fresh_database.execute("CREATE TABLE t (a int, b int)")
    reader = fresh_database.create_user("player", "p")
    fresh_database.execute(
        "DROP ROLE IF EXISTS reading",
        "CREATE ROLE reading",
        f"GRANT SELECT (b) ON `{shop}`.t TO reading",
        "GRANT reading TO player",
        "SET DEFAULT ROLE reading FOR player",
    )
    with asking(reader) as cursor:
        assert list_tables(cursor, shop) == ["t"]
        assert [column.name for column in described(cursor, shop, "t").columns] == ["b"]


def test_a_broken_view_says_so(fresh_database: MariaDb, cursor: Any, shop: str) -> None:
    fresh_database.execute(
        "CREATE TABLE gone (a int)", "CREATE VIEW broken AS SELECT * FROM gone", "DROP TABLE gone"
    )
    assert list_tables(cursor, shop) == ["broken"]
    with pytest.raises(pymysql.Error, match="references invalid table"):
        described(cursor, shop, "broken")


# Names


@pytest.mark.parametrize("mode", ["NONE", "CASE_INSENSITIVE_SEARCH"])
def test_any_name_can_be_asked_for(mariadb: MariaDb, schemas: list[str], mode: str) -> None:
    for name in ODD_NAMES:
        schemas.append(mariadb.create_database(name).database)
        quoted = identifier(name)
        mariadb.execute(f"CREATE TABLE {quoted}.{quoted} ({quoted} int)")
    with asking(mariadb) as cursor:
        assert set(ODD_NAMES) <= set(list_schemas(cursor, settings_of()))
        for name in ODD_NAMES:
            assert list_tables(cursor, name) == [name]
            assert found(cursor, name, name, casing_mode=mode) == name
            (column,) = described(cursor, name, name).columns
            assert column.name == name


def test_issues_61_281_369_396_1270_and_2972_names_are_found_in_any_case(
    mariadb: MariaDb, schemas: list[str]
) -> None:
    names = [name.upper() for name in ODD_NAMES if name.upper() != name]
    for name in names:
        schemas.append(mariadb.create_database(name).database)
        mariadb.execute(f"CREATE TABLE {identifier(name)}.{identifier(name)} (a int)")
    with asking(mariadb) as cursor:
        for name in names:
            wanted = TableName(name.lower(), name.lower())
            for mode in ("UPPER", "CASE_INSENSITIVE_SEARCH"):
                using = settings_of(casing_mode=mode)
                assert resolve_table(cursor, wanted, using) == TableName(name, name)


def test_21_3_casing_modes(
    mariadb: MariaDb, fresh_database: MariaDb, cursor: Any, shop: str, schemas: list[str]
) -> None:
    schemas.append(mariadb.create_database("Shop_of_test").database)
    mariadb.execute("CREATE TABLE `Shop_of_test`.t (a int)")
    fresh_database.execute(*(f"CREATE TABLE `{name}` (a int)" for name in ("Mixed", "low", "UP")))
    assert found(cursor, shop.upper(), "mixed") == "Mixed"
    assert found(cursor, "SHOP_OF_TEST", "T") == "t"
    assert found(cursor, shop.upper(), "LOW", casing_mode="LOWER") == "low"
    assert found(cursor, shop, "Mixed", casing_mode="NONE") == "Mixed"
    for mode, table in (("NONE", "mixed"), ("LOWER", "Mixed"), ("LOWER", "UP")):
        with pytest.raises(TableNotFoundError, match=rf"{mode}.*'(Mixed|UP)'"):
            found(cursor, shop, table, casing_mode=mode)
    for mode, schema in (
        ("NONE", "shop_of_test"),
        ("LOWER", "Shop_of_test"),
        ("UPPER", "Shop_of_test"),
    ):
        with pytest.raises(SchemaNotFoundError, match=f"{mode}.*'Shop_of_test'"):
            found(cursor, schema, "t", casing_mode=mode)


def test_21_3_a_glue_connection_matches_names_as_they_are(
    fresh_database: MariaDb, cursor: Any, shop: str
) -> None:
    fresh_database.execute("CREATE TABLE Mixed (a int)")
    with pytest.raises(TableNotFoundError, match="NONE"):
        found(cursor, shop, "mixed", glue_connection="g")
    assert found(cursor, shop, "Mixed", glue_connection="g") == "Mixed"


def test_21_3_an_exact_name_wins_and_ambiguous_ones_are_listed(
    mariadb: MariaDb, fresh_database: MariaDb, cursor: Any, shop: str, schemas: list[str]
) -> None:
    schemas += ["Amb_of_test", "AMB_of_test", "amb_OF_test"]
    for name in schemas:
        mariadb.create_database(name)
    fresh_database.execute(
        *(f"CREATE TABLE `{name}` (a int)" for name in ("Orders", "ORDERS", "items", "Items"))
    )
    assert found(cursor, shop, "items") == "items"
    assert found(cursor, shop, "Items") == "Items"
    with pytest.raises(AmbiguousNameError, match="'ORDERS', 'Orders'"):
        found(cursor, shop, "orders")
    assert resolve_schema(cursor, "Amb_of_test", settings_of()) == "Amb_of_test"
    with pytest.raises(AmbiguousNameError, match="'AMB_of_test', 'Amb_of_test', 'amb_OF_test'"):
        resolve_schema(cursor, "amb_of_test", settings_of())


def test_a_server_that_tells_no_cases_apart_finds_names_in_all_modes() -> None:
    with mariadb_process("--lower-case-table-names=1") as server:
        server.address.execute("CREATE DATABASE Shop", "CREATE TABLE Shop.Orders (a int)")
        with asking(server.address) as cursor:
            for mode in ("NONE", "LOWER", "UPPER", "CASE_INSENSITIVE_SEARCH"):
                for name in (TableName("Shop", "Orders"), TableName("SHOP", "ORDERS")):
                    resolved = resolve_table(cursor, name, settings_of(casing_mode=mode))
                    assert resolved == TableName("shop", "orders")
                    assert len(describe(cursor, resolved, settings_of()).columns) == 1


def test_names_fold_beyond_ascii(
    fresh_database: MariaDb, cursor: Any, shop: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Otherwise found among the names that are only looked through to offer close ones.
    monkeypatch.setattr("athena_connectors.common.sql.names._MAX_CLOSE_NAMES", 0)
    fresh_database.execute(
        "CREATE TABLE `ÄPFEL` (a int)",
        "CREATE TABLE apfel (a int)",
        "CREATE TABLE `ÅNGSTRÖM` (a int)",
    )
    assert found(cursor, shop, "äpfel") == "ÄPFEL"
    assert found(cursor, shop, "Apfel") == "apfel"
    assert found(cursor, shop, "\u212bngström") == "ÅNGSTRÖM"
    # The server makes other small letters of these.
    fresh_database.execute("CREATE TABLE `ΟΔΟΣ` (a int)", "CREATE TABLE `İZMIR` (a int)")
    for name in ("ΟΔΟΣ", "İZMIR"):
        assert found(cursor, shop, name.lower()) == name


def test_close_names_are_offered(fresh_database: MariaDb, cursor: Any, shop: str) -> None:
    fresh_database.execute("CREATE TABLE customers (a int)")
    with pytest.raises(TableNotFoundError, match="customers"):
        found(cursor, shop, "customer")
    with pytest.raises(SchemaNotFoundError, match=shop):
        found(cursor, f"{shop}x", "customers")


@pytest.mark.parametrize("mode", ["NONE", "CASE_INSENSITIVE_SEARCH"])
@pytest.mark.parametrize(
    "name",
    [
        *("", "6" * 65, "a\0b", "\ud800", "𝄞", "customers; DROP TABLE customers", "customer_"),
        *("%", "customers ", "customers\0", "cüstomers", "x' OR '1'='1", "\\", "customers`"),
    ],
)
def test_what_can_be_no_name_is_not_found(
    fresh_database: MariaDb, cursor: Any, shop: str, name: str, mode: str
) -> None:
    fresh_database.execute("CREATE TABLE customers (a int)", f"CREATE TABLE `{'6' * 64}` (a int)")
    with pytest.raises(TableNotFoundError):
        found(cursor, shop, name, casing_mode=mode)
    with pytest.raises(SchemaNotFoundError):
        found(cursor, name, "customers", casing_mode=mode)
    with pytest.raises(TableNotFoundError):
        described(cursor, shop, name)


def test_describing_a_table_that_is_gone(cursor: Any, shop: str) -> None:
    for name in ((shop, "gone"), ("gone", "t"), (shop, "6" * 70)):
        with pytest.raises(TableNotFoundError, match=r"gone|666"):
            described(cursor, *name)


# Columns


def test_a_relation_knows_its_place(fresh_database: MariaDb, cursor: Any, shop: str) -> None:
    fresh_database.execute("CREATE TABLE t (b int, a text)")
    relation = described(cursor, shop, "t")
    assert (relation.schema, relation.name, relation.oid) == (shop, "t", 0)
    assert [column.name for column in relation.columns] == ["b", "a"]
    assert relation.query == ""


def test_invisible_and_generated_columns_are_described(
    fresh_database: MariaDb, cursor: Any, shop: str
) -> None:
    fresh_database.execute(
        "CREATE TABLE t (a int, hidden int INVISIBLE, twice int AS (a * 2) VIRTUAL,"
        " more int AS (a + 1) PERSISTENT)"
    )
    names = [column.name for column in described(cursor, shop, "t").columns]
    assert names == ["a", "hidden", "twice", "more"]


def test_not_null_counts_where_the_server_makes_sure(
    fresh_database: MariaDb, cursor: Any, shop: str
) -> None:
    fresh_database.execute(
        "CREATE TABLE sure (id int PRIMARY KEY, a int NOT NULL, b int)",
        "CREATE TABLE passed (a int NOT NULL) ENGINE=CSV",
        "CREATE VIEW through AS SELECT * FROM sure",
        "CREATE VIEW outer_join AS SELECT s.a FROM sure AS r LEFT JOIN sure AS s ON s.id = -1",
    )

    def nullable(name: str) -> list[bool]:
        return [column.nullable for column in described(cursor, shop, name).columns]

    assert nullable("sure") == [False, False, True]
    assert nullable("passed") == [True]
    assert nullable("through") == [True, True, True]
    assert nullable("outer_join") == [True]


def test_issue_1450_views_keep_types_and_collations(
    fresh_database: MariaDb, cursor: Any, shop: str
) -> None:
    fresh_database.execute(
        "CREATE TABLE t (a decimal(10,2), b varchar(5) COLLATE utf8mb4_nopad_bin, c datetime(3),"
        " d bit(1), e tinyint(1), f int unsigned, g varchar(5) CHARACTER SET latin1)",
        "CREATE VIEW v AS SELECT * FROM t",
    )
    table = described(cursor, shop, "t").columns
    assert described(cursor, shop, "v").columns == table
    assert [column.arrow for column in table] == [
        pa.decimal128(10, 2),
        pa.string(),
        pa.date64(),
        pa.bool_(),
        pa.bool_(),
        pa.int64(),
        pa.string(),
    ]
    assert [column.charset for column in table] == ["", "utf8mb4", "", "", "", "", "latin1"]


def test_every_collation_of_the_server_has_a_comparison(
    fresh_database: MariaDb, cursor: Any, shop: str
) -> None:
    collations = [
        name
        for (name,) in fresh_database.execute(
            "SELECT COLLATION_NAME FROM information_schema.COLLATIONS"
            " WHERE CHARACTER_SET_NAME <> 'binary'"
        )
        if name
    ]
    assert len(collations) > 150
    columns = ", ".join(
        f"c{number} varchar(3) CHARACTER SET {name.split('_')[0]} COLLATE {name}"
        for number, name in enumerate(collations)
        if "uca1400" not in name
    )
    fresh_database.execute(f"CREATE TABLE t ({columns})")
    compared = {
        collations[int(column.name[1:])]: column.comparison
        for column in described(cursor, shop, "t").columns
    }
    assert {name for name, comparison in compared.items() if comparison is Comparison.TEXT_C} == {
        "utf8mb4_nopad_bin",
        "utf8mb3_nopad_bin",
        "ascii_nopad_bin",
    }
    assert set(compared.values()) == {Comparison.TEXT_C, Comparison.TEXT_FOLDED}


def test_errors_of_the_server_are_passed_on(fresh_database: MariaDb) -> None:
    with asking(fresh_database) as cursor, closing(fresh_database.connect()) as killer:
        killer.cursor().execute(f"KILL {cursor.connection.thread_id()}")
        with pytest.raises(pymysql.OperationalError):
            list_schemas(cursor, settings_of())

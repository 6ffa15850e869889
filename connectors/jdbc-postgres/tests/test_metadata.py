"""Listing, resolution and description on a real server, as different roles see it."""

from __future__ import annotations

import base64
import os
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any

import psycopg2
import pyarrow as pa
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
from athena_connectors.jdbc_postgres.catalogue import Declaration, _Collation, resolve_types
from athena_connectors.jdbc_postgres.literals import identifier
from athena_connectors.jdbc_postgres.metadata import (
    describe,
    list_schemas,
    list_tables,
    page_tables,
    resolve_schema,
    resolve_table,
)
from athena_connectors.jdbc_postgres.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from athena_connectors.common.sql.relation import Relation
    from athena_connectors.common.testing.postgres import PostgresAddress

ODD_NAMES = [
    "plain",
    "Capital",
    "a.b",
    "a-b",
    'quo"te',
    "apo'strophe",
    "per%cent",
    "per%sent",
    "back\\slash",
    "$dollar",
    " blank ",
    "select",
    "ünïcode",
    "𝄞",
    "new\nline",
    "6" * 63,
]


def settings_of(**settings: str) -> Settings:
    return load_settings(Settings, settings)


@contextmanager
def asking(address: PostgresAddress) -> Iterator[Any]:
    """A cursor in a transaction like the client's."""
    with closing(address.connect(client_encoding="UTF8")) as connection:
        connection.autocommit = False
        connection.set_session(readonly=True)
        with connection.cursor() as cursor:
            yield cursor


@pytest.fixture
def cursor(fresh_database: PostgresAddress) -> Iterator[Any]:
    with asking(fresh_database) as cursor:
        yield cursor


@pytest.fixture
def reader(fresh_database: PostgresAddress) -> Iterator[PostgresAddress]:
    """A role without rights."""
    name = f"reader_{os.getpid()}"
    fresh_database.execute(f"DROP ROLE IF EXISTS {name}", f"CREATE ROLE {name} LOGIN PASSWORD 'p'")
    yield fresh_database.of_user(name, "p")
    fresh_database.execute(f"DROP OWNED BY {name}", f"DROP ROLE {name}")


def version_of(address: PostgresAddress) -> int:
    return int(address.execute("SHOW server_version_num")[0][0])


def described(cursor: Any, schema: str, table: str, **settings: str) -> Relation:
    return describe(cursor, TableName(schema, table), settings_of(**settings))


def found(cursor: Any, schema: str, table: str, **settings: str) -> str:
    return str(resolve_table(cursor, TableName(schema, table), settings_of(**settings)))


# Listing


def test_system_schemas_are_hidden_unless_wanted(
    fresh_database: PostgresAddress, cursor: Any
) -> None:
    fresh_database.execute(
        'CREATE SCHEMA "Sales"', "CREATE SCHEMA pgbouncer", "CREATE SCHEMA a", "DROP SCHEMA public"
    )
    with closing(fresh_database.connect()) as other:
        other.cursor().execute("CREATE TEMP TABLE makes_a_schema ()")
        assert list_schemas(cursor, settings_of()) == ["Sales", "a", "pgbouncer"]
        shown = list_schemas(cursor, settings_of(include_system_schemas="true"))
    assert shown == ["Sales", "a", "information_schema", "pg_catalog", "pgbouncer"]
    for name in ("pg_catalog", "information_schema"):
        assert resolve_schema(cursor, name.upper(), settings_of()) == name


def test_schemas_without_usage_are_not_listed(
    fresh_database: PostgresAddress, reader: PostgresAddress
) -> None:
    fresh_database.execute("CREATE SCHEMA closed", "CREATE SCHEMA open")
    fresh_database.execute(f"GRANT USAGE ON SCHEMA open TO {reader.user}")
    with asking(reader) as cursor:
        assert list_schemas(cursor, settings_of()) == ["open", "public"]
        with pytest.raises(AccessDeniedError, match=r"'closed'.*USAGE"):
            resolve_schema(cursor, "closed", settings_of())
        with pytest.raises(AccessDeniedError, match=r"'closed'.*USAGE"):
            resolve_schema(cursor, "CLOSED", settings_of())


KINDS = (
    "CREATE TABLE plain (a int)",
    "CREATE TABLE parted (a int) PARTITION BY LIST (a)",
    "CREATE TABLE part_one PARTITION OF parted FOR VALUES IN (1)",
    "CREATE TABLE part_rest PARTITION OF parted DEFAULT PARTITION BY LIST (a)",
    "CREATE TABLE part_rest_two PARTITION OF part_rest FOR VALUES IN (2)",
    "CREATE TABLE heir () INHERITS (plain)",
    "CREATE UNLOGGED TABLE unlogged (a int)",
    "CREATE VIEW looking AS SELECT a FROM plain",
    "CREATE MATERIALIZED VIEW kept AS SELECT a FROM plain",
    "CREATE FOREIGN DATA WRAPPER nowhere",
    "CREATE SERVER far FOREIGN DATA WRAPPER nowhere",
    "CREATE FOREIGN TABLE distant (a int NOT NULL, b text) SERVER far",
    "CREATE SEQUENCE counter",
    "CREATE INDEX by_a ON plain (a)",
    "CREATE TYPE composite AS (a int)",
)


def test_21_4_and_issue_1450_what_is_listed_and_what_is_described(
    fresh_database: PostgresAddress, cursor: Any
) -> None:
    fresh_database.execute(*KINDS)
    listed = {"plain", "parted", "heir", "unlogged", "looking", "kept", "distant"}
    assert list_tables(cursor, "public") == sorted(listed)
    kinds = {
        name: described(cursor, "public", name).kind
        for name in (*listed, "part_one", "part_rest", "part_rest_two")
    }
    assert kinds == {
        "plain": "r",
        "parted": "p",
        "heir": "r",
        "unlogged": "r",
        "looking": "v",
        "kept": "m",
        "distant": "f",
        "part_one": "r",
        "part_rest": "p",
        "part_rest_two": "r",
    }
    for hidden in ("part_one", "part_rest_two"):
        assert found(cursor, "public", hidden.upper()) == f"public.{hidden}"
    for other in ("counter", "by_a", "composite"):
        with pytest.raises(TableNotFoundError):
            described(cursor, "public", other)
        with pytest.raises(TableNotFoundError):
            found(cursor, "public", other)


def test_an_unknown_schema_has_no_tables(cursor: Any) -> None:
    assert list_tables(cursor, "nowhere") == []


@pytest.mark.parametrize("page_size", [1, 2, 3, 5, 6, 7, 100, None])
def test_21_4_pages_are_all_names_in_order(
    fresh_database: PostgresAddress, cursor: Any, page_size: int | None
) -> None:
    names = ["B", "a", "b", "a_", "é", "𝄞"]
    fresh_database.execute(*(f'CREATE TABLE "{name}" ()' for name in names))
    pages: list[tuple[str, ...]] = []
    token = None
    while not pages or token is not None:
        page = page_tables(cursor, "public", token=token, page_size=page_size)
        pages.append(page.items)
        token = page.next_token
    assert [name for page in pages for name in page] == sorted(names)
    assert all(len(page) == page_size for page in pages[:-1])
    assert pages[-1]
    rest = page_tables(cursor, "public", token=encode_name_token("a_"), page_size=None)
    assert rest.items == ("a_", "b", "é", "𝄞")


def test_issue_287_a_page_goes_on_where_its_first_name_was(
    fresh_database: PostgresAddress, cursor: Any
) -> None:
    fresh_database.execute(*(f"CREATE TABLE {name} ()" for name in "abcd"))
    first = page_tables(cursor, "public", token=None, page_size=2)
    assert first.items == ("a", "b")
    cursor.connection.rollback()
    fresh_database.execute("DROP TABLE c", "DROP TABLE a", "CREATE TABLE aa ()")
    second = page_tables(cursor, "public", token=first.next_token, page_size=2)
    assert (second.items, second.next_token) == (("d",), None)


def test_21_4_integer_tokens_count_names(fresh_database: PostgresAddress, cursor: Any) -> None:
    fresh_database.execute(*(f"CREATE TABLE {name} ()" for name in "abcd"))
    page = page_tables(cursor, "public", token="1", page_size=2)
    assert page.items == ("b", "c")
    rest = page_tables(cursor, "public", token=page.next_token, page_size=2)
    assert (rest.items, rest.next_token) == (("d",), None)
    assert page_tables(cursor, "public", token="4", page_size=2).items == ()
    assert page_tables(cursor, "public", token="0", page_size=None).items == tuple("abcd")


@pytest.mark.parametrize("token", ["-1", "x", "٣", base64.b64encode(b"other").decode()])
def test_foreign_tokens_are_refused(cursor: Any, token: str) -> None:
    with pytest.raises(InvalidRequestError):
        page_tables(cursor, "public", token=token, page_size=2)


# Rights


def test_21_4_only_granted_columns_are_described(
    fresh_database: PostgresAddress, reader: PostgresAddress
) -> None:
    fresh_database.execute(
        "CREATE TABLE parts (a int, secret text, c int)",
        "CREATE TABLE none (a int)",
        "CREATE TABLE whole (a int)",
        "CREATE TABLE written (a int)",
        f"GRANT SELECT (c, a) ON parts TO {reader.user}",
        f"GRANT SELECT ON whole TO {reader.user}",
        f"GRANT INSERT, UPDATE, DELETE ON written TO {reader.user}",
    )
    with asking(reader) as cursor:
        assert list_tables(cursor, "public") == ["parts", "whole"]
        assert [column.name for column in described(cursor, "public", "parts").columns] == [
            "a",
            "c",
        ]
        for name in ("none", "written"):
            with pytest.raises(AccessDeniedError, match=f"{name}.*SELECT"):
                found(cursor, "public", name)
            with pytest.raises(AccessDeniedError, match=f"{name}.*SELECT"):
                described(cursor, "public", name)
    with asking(fresh_database) as cursor:
        assert list_tables(cursor, "public") == ["none", "parts", "whole", "written"]


def test_a_name_means_what_the_role_may_read(
    fresh_database: PostgresAddress, reader: PostgresAddress
) -> None:
    fresh_database.execute(
        "CREATE TABLE orders (a int)",
        'CREATE TABLE "Orders" (a int)',
        f'GRANT SELECT ON "Orders" TO {reader.user}',
    )
    with asking(reader) as cursor:
        assert found(cursor, "public", "orders") == "public.Orders"
    with asking(fresh_database) as cursor:
        assert found(cursor, "public", "orders") == "public.orders"


def test_rights_that_are_only_nice_to_have(
    fresh_database: PostgresAddress, reader: PostgresAddress
) -> None:
    collation = fresh_database.create_linguistic_collation()
    fresh_database.execute(
        f'CREATE TABLE words (id int NOT NULL, a text, b text COLLATE "{collation}",'
        ' c text COLLATE "C", d int)',
        f"GRANT SELECT ON words TO {reader.user}",
    )
    kinds = ("a", "b", "c")
    with asking(reader) as cursor:
        before = described(cursor, "public", "words")
    fresh_database.execute(
        *(
            f"REVOKE SELECT ON pg_catalog.{table} FROM PUBLIC"
            for table in ("pg_database", "pg_collation", "pg_constraint")
        )
    )
    with asking(reader) as cursor:
        after = described(cursor, "public", "words")
        cursor.execute("SELECT 1")
    assert [column.name for column in after.columns] == ["id", "a", "b", "c", "d"]
    compared = {column.name: column.comparison for column in before.columns}
    assert [compared[name] for name in kinds] == [
        Comparison.TEXT_C,
        Comparison.TEXT_DETERMINISTIC,
        Comparison.TEXT_C,
    ]
    compared = {column.name: column.comparison for column in after.columns}
    assert [compared[name] for name in kinds] == [
        Comparison.TEXT_FOLDED,
        Comparison.TEXT_FOLDED,
        Comparison.TEXT_C,
    ]
    # From server 18 on the constraints have to be looked at.
    unsure = version_of(fresh_database) >= 180_000
    assert [before.columns[0].nullable, after.columns[0].nullable] == [False, unsure]


# Names


@pytest.mark.parametrize("mode", ["NONE", "CASE_INSENSITIVE_SEARCH"])
@pytest.mark.parametrize("name", ODD_NAMES)
def test_any_name_can_be_asked_for(database: PostgresAddress, name: str, mode: str) -> None:
    quoted = identifier(name)
    database.execute(
        f"DROP SCHEMA IF EXISTS {quoted} CASCADE",
        f"CREATE SCHEMA {quoted}",
        f"CREATE TABLE {quoted}.{quoted} ({quoted} int)",
    )
    with asking(database) as cursor:
        assert name in list_schemas(cursor, settings_of())
        assert list_tables(cursor, name) == [name]
        assert found(cursor, name, name, casing_mode=mode) == f"{name}.{name}"
        (column,) = described(cursor, name, name).columns
    assert column.name == name


@pytest.mark.parametrize("name", [name for name in ODD_NAMES if name.upper() != name])
def test_issues_61_281_369_396_1270_and_2972_names_are_found_in_any_case(
    database: PostgresAddress, name: str
) -> None:
    quoted = identifier(name.upper())
    database.execute(
        f"DROP SCHEMA IF EXISTS {quoted} CASCADE",
        f"CREATE SCHEMA {quoted}",
        f"CREATE TABLE {quoted}.{quoted} ({quoted} int)",
    )
    upper = name.upper()
    with asking(database) as cursor:
        assert (
            found(cursor, upper.lower(), upper.lower(), casing_mode="UPPER") == f"{upper}.{upper}"
        )
        assert found(cursor, upper, upper.lower()) == f"{upper}.{upper}"


def test_21_3_casing_modes(fresh_database: PostgresAddress, cursor: Any) -> None:
    fresh_database.execute(
        'CREATE TABLE "Mixed" ()',
        "CREATE TABLE lower ()",
        'CREATE TABLE "UPPER" ()',
        'CREATE SCHEMA "Shop"',
        'CREATE TABLE "Shop".t ()',
    )
    assert found(cursor, "PUBLIC", "mixed") == "public.Mixed"
    assert found(cursor, "shop", "T") == "Shop.t"
    assert found(cursor, "Public", "LOWER", casing_mode="LOWER") == "public.lower"
    assert found(cursor, "public", "Mixed", casing_mode="NONE") == "public.Mixed"
    for mode, schema, table in (
        ("NONE", "public", "mixed"),
        ("LOWER", "public", "Mixed"),
        ("LOWER", "public", "UPPER"),
    ):
        with pytest.raises(TableNotFoundError, match=rf"{mode}.*'(Mixed|UPPER)'"):
            found(cursor, schema, table, casing_mode=mode)
    for mode, schema in (("NONE", "shop"), ("LOWER", "Shop"), ("UPPER", "Shop")):
        with pytest.raises(SchemaNotFoundError, match=f"{mode}.*'Shop'"):
            found(cursor, schema, "t", casing_mode=mode)
    with pytest.raises(SchemaNotFoundError, match="UPPER"):
        found(cursor, "public", "UPPER", casing_mode="UPPER")


def test_21_3_a_glue_connection_matches_names_as_they_are(
    fresh_database: PostgresAddress, cursor: Any
) -> None:
    fresh_database.execute('CREATE TABLE "Mixed" ()')
    with pytest.raises(TableNotFoundError, match="NONE"):
        found(cursor, "public", "mixed", glue_connection="g")


def test_21_3_an_exact_name_wins_and_ambiguous_ones_are_listed(
    fresh_database: PostgresAddress, cursor: Any
) -> None:
    fresh_database.execute(
        *(f'CREATE TABLE "{name}" ()' for name in ("Orders", "ORDERS", "items", "Items")),
        'CREATE SCHEMA "A"',
        'CREATE SCHEMA "a"',
        'CREATE SCHEMA "BB"',
        'CREATE SCHEMA "Bb"',
    )
    assert found(cursor, "public", "items") == "public.items"
    assert found(cursor, "public", "Items") == "public.Items"
    with pytest.raises(AmbiguousNameError, match="'ORDERS', 'Orders'"):
        found(cursor, "public", "orders")
    assert resolve_schema(cursor, "a", settings_of()) == "a"
    with pytest.raises(AmbiguousNameError, match="'BB', 'Bb'"):
        resolve_schema(cursor, "bb", settings_of())


def test_a_partition_makes_no_name_ambiguous(fresh_database: PostgresAddress, cursor: Any) -> None:
    fresh_database.execute(
        'CREATE TABLE "Parent" (a int) PARTITION BY LIST (a)',
        'CREATE TABLE "ORDERS" PARTITION OF "Parent" FOR VALUES IN (1)',
        'CREATE TABLE "Orders" ()',
    )
    assert found(cursor, "public", "orders") == "public.Orders"
    assert found(cursor, "public", "ORDERS") == "public.ORDERS"


def test_names_fold_beyond_ascii(
    fresh_database: PostgresAddress, cursor: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Otherwise found among the names that are only looked through to offer close ones.
    monkeypatch.setattr("athena_connectors.common.sql.names._MAX_CLOSE_NAMES", 0)
    fresh_database.execute(
        'CREATE TABLE "ÄPFEL" ()', 'CREATE TABLE "\u212aelvin" ()', 'CREATE SCHEMA "ÖL"'
    )
    assert found(cursor, "public", "äpfel") == "public.ÄPFEL"
    assert found(cursor, "public", "kelvin") == "public.\u212aelvin"
    assert resolve_schema(cursor, "öl", settings_of()) == "ÖL"


def test_close_names_are_offered(fresh_database: PostgresAddress, cursor: Any) -> None:
    fresh_database.execute("CREATE TABLE customers ()")
    with pytest.raises(TableNotFoundError, match="customers"):
        found(cursor, "public", "customer")
    with pytest.raises(SchemaNotFoundError, match="public"):
        found(cursor, "publik", "customers")


@pytest.mark.parametrize("mode", ["NONE", "CASE_INSENSITIVE_SEARCH"])
@pytest.mark.parametrize(
    "name", ["", "6" * 64, "a\0b", "\ud800", "customers; DROP TABLE customers", "customer_", "%"]
)
def test_what_can_be_no_name_is_not_found(
    fresh_database: PostgresAddress, cursor: Any, name: str, mode: str
) -> None:
    fresh_database.execute(f"CREATE TABLE {'_' + '6' * 62} ()", f'CREATE TABLE "{"6" * 63}" ()')
    with pytest.raises(TableNotFoundError):
        found(cursor, "public", name, casing_mode=mode)
    with pytest.raises(SchemaNotFoundError):
        found(cursor, name, "customers", casing_mode=mode)


def test_describing_a_table_that_is_gone(cursor: Any) -> None:
    for name in (("public", "gone"), ("gone", "t"), ("public", "6" * 70)):
        with pytest.raises(TableNotFoundError, match=r"gone|666"):
            described(cursor, *name)


# Columns


def test_a_relation_knows_its_place(fresh_database: PostgresAddress, cursor: Any) -> None:
    fresh_database.execute("CREATE TABLE t (b int, a text)")
    relation = described(cursor, "public", "t")
    ((oid,),) = fresh_database.execute("SELECT 't'::regclass::oid")
    assert (relation.schema, relation.name, relation.oid) == ("public", "t", oid)
    assert [column.name for column in relation.columns] == ["b", "a"]
    assert relation.query == ""


def test_dropped_columns_are_gone(fresh_database: PostgresAddress, cursor: Any) -> None:
    fresh_database.execute("CREATE TABLE t (a int, b int, c int)", "ALTER TABLE t DROP COLUMN b")
    assert [column.name for column in described(cursor, "public", "t").columns] == ["a", "c"]


def test_a_table_without_columns(fresh_database: PostgresAddress, cursor: Any) -> None:
    fresh_database.execute("CREATE TABLE t ()")
    assert described(cursor, "public", "t").columns == ()


def test_not_null_counts_where_the_server_makes_sure(
    fresh_database: PostgresAddress, cursor: Any
) -> None:
    fresh_database.execute(
        *KINDS,
        "CREATE TABLE sure (id int PRIMARY KEY, a int NOT NULL, b int)",
        "CREATE TABLE elder (a int NOT NULL)",
        "CREATE TABLE younger () INHERITS (elder)",
        "CREATE VIEW through AS SELECT * FROM sure",
        "CREATE DOMAIN needed AS int NOT NULL",
        "CREATE TABLE of_domain (a needed)",
    )

    def nullable(name: str) -> list[bool]:
        return [column.nullable for column in described(cursor, "public", name).columns]

    assert nullable("sure") == [False, False, True]
    assert nullable("younger") == [False]
    assert nullable("elder") == [True]
    assert nullable("distant") == [True, True]
    assert nullable("through") == [True, True, True]
    assert nullable("of_domain") == [True]


def test_a_not_null_that_was_never_checked_does_not_count(
    fresh_database: PostgresAddress, cursor: Any
) -> None:
    fresh_database.execute(
        "CREATE TABLE t (a int, b int NOT NULL)", "INSERT INTO t VALUES (NULL, 1)"
    )
    unchecked = "ALTER TABLE t ADD CONSTRAINT later NOT NULL a NOT VALID"
    if version_of(fresh_database) < 180_000:
        with pytest.raises(psycopg2.errors.SyntaxError):
            fresh_database.execute(unchecked)
    else:
        fresh_database.execute(unchecked)
    assert [column.nullable for column in described(cursor, "public", "t").columns] == [True, False]


def test_views_keep_modifiers_and_collations(fresh_database: PostgresAddress, cursor: Any) -> None:
    collation = fresh_database.create_linguistic_collation()
    fresh_database.execute(
        f'CREATE TABLE t (a numeric(10,2), b text COLLATE "{collation}", c timestamp(3), d bit(1))',
        "CREATE VIEW v AS SELECT * FROM t",
        "CREATE MATERIALIZED VIEW m AS SELECT * FROM t",
    )
    table = described(cursor, "public", "t").columns
    assert described(cursor, "public", "v").columns == table
    assert described(cursor, "public", "m").columns == table
    assert [column.arrow for column in table] == [
        pa.decimal128(10, 2),
        pa.string(),
        pa.date64(),
        pa.bool_(),
    ]


@pytest.mark.parametrize(
    ("making", "expected"),
    [
        ("LOCALE_PROVIDER libc LOCALE 'C'", Comparison.TEXT_C),
        ("LOCALE_PROVIDER libc LOCALE 'C.UTF-8'", Comparison.TEXT_C),
        ("LOCALE_PROVIDER libc LOCALE 'en_US.UTF-8'", Comparison.TEXT_DETERMINISTIC),
    ],
)
def test_the_databases_own_collation(
    postgres: PostgresAddress, making: str, expected: Comparison
) -> None:
    with made_database(postgres, f"ENCODING 'UTF8' {making}") as address:
        assert compared_by_default(address) == [expected, expected, Comparison.TEXT_CAST]


def test_a_database_without_a_locale_of_the_system(postgres: PostgresAddress) -> None:
    making = "ENCODING 'UTF8' LOCALE_PROVIDER builtin BUILTIN_LOCALE 'C.UTF-8' LOCALE 'en_US.UTF-8'"
    if version_of(postgres) < 170_000:
        with pytest.raises(psycopg2.errors.SyntaxError), made_database(postgres, making):
            pass
    else:
        with made_database(postgres, making) as address:
            assert compared_by_default(address)[0] is Comparison.TEXT_C


def compared_by_default(address: PostgresAddress) -> list[Comparison]:
    address.execute("CREATE TABLE t (a text, b varchar(5), c name)")
    with asking(address) as cursor:
        return [column.comparison for column in described(cursor, "public", "t").columns]


@pytest.mark.parametrize(
    ("collation", "expected"),
    [
        (("c", "C"), Comparison.TEXT_C),
        (("c", "POSIX"), Comparison.TEXT_C),
        (("c", "C.utf8"), Comparison.TEXT_C),
        (("c", "en_US.UTF-8"), Comparison.TEXT_DETERMINISTIC),
        (("c", None), Comparison.TEXT_DETERMINISTIC),
        (("b", "C.UTF-8"), Comparison.TEXT_C),
        (("b", "PG_UNICODE_FAST"), Comparison.TEXT_C),
        (("i", "C"), Comparison.TEXT_DETERMINISTIC),
        (("i", "und-u-ks-level2", True), Comparison.TEXT_DETERMINISTIC),
        (("i", "und-u-ks-level2", False), Comparison.TEXT_FOLDED),
        (("c", "C", False), Comparison.TEXT_FOLDED),
    ],
)
def test_what_a_collation_does(collation: tuple[Any, ...], expected: Comparison) -> None:
    assert _Collation(*collation).comparison is expected


def test_collations_of_the_server(fresh_database: PostgresAddress, cursor: Any) -> None:
    byte_ordered = ["C", "POSIX", "ucs_basic", "C.utf8", "pg_c_utf8", "pg_unicode_fast"]
    linguistic = fresh_database.create_linguistic_collation()
    cursor.execute(
        "SELECT collname FROM pg_collation WHERE collname = ANY(%s)", ([*byte_ordered, linguistic],)
    )
    names = [name for (name,) in cursor.fetchall()]
    cursor.connection.rollback()
    assert {"C", "POSIX", "ucs_basic", linguistic} <= set(names)
    columns = ", ".join(f'"{name}" text COLLATE "{name}"' for name in names)
    fresh_database.execute(f"CREATE TABLE t ({columns})")
    compared = {
        column.name: column.comparison for column in described(cursor, "public", "t").columns
    }
    assert compared == {
        name: Comparison.TEXT_C if name in byte_ordered else Comparison.TEXT_DETERMINISTIC
        for name in names
    }


@contextmanager
def made_database(postgres: PostgresAddress, making: str) -> Iterator[PostgresAddress]:
    name = f"made_{os.getpid()}"
    postgres.drop_database(name)
    postgres.execute(f"CREATE DATABASE {name} TEMPLATE template0 {making}")
    yield postgres.of_database(name)
    postgres.drop_database(name)


@pytest.mark.parametrize("encoding", ["LATIN1", "SQL_ASCII", "EUC_JP"])
def test_other_encodings_are_read_and_their_texts_not_compared(
    postgres: PostgresAddress, encoding: str
) -> None:
    with made_database(postgres, f"ENCODING '{encoding}' LOCALE 'C'") as address:
        with closing(address.connect(client_encoding="UTF8")) as connection:
            connection.autocommit = True
            connection.cursor().execute("CREATE TABLE t (a text, b int, c uuid)")
        with asking(address) as cursor:
            found_table = found(cursor, "public", "T")
            compared = [column.comparison for column in described(cursor, "public", "t").columns]
            with pytest.raises(TableNotFoundError):
                found(cursor, "public", "漢\U0001d11e")
    assert found_table == "public.t"
    assert compared == [Comparison.NEVER, Comparison.NATIVE, Comparison.NEVER]


def test_why_texts_of_other_encodings_are_not_compared(postgres: PostgresAddress) -> None:
    with (
        made_database(postgres, "ENCODING 'LATIN1' LOCALE 'C'") as address,
        asking(address) as cursor,
        pytest.raises(psycopg2.errors.UntranslatableCharacter),
    ):
        cursor.execute("SELECT 'a' = '漢'")
    with (
        made_database(postgres, "ENCODING 'SQL_ASCII' LOCALE 'C'") as address,
        asking(address) as cursor,
    ):
        cursor.execute("SELECT 'é' LIKE '_'")
        assert cursor.fetchone() == (False,)


def test_domains_of_domains_of_arrays(fresh_database: PostgresAddress, cursor: Any) -> None:
    fresh_database.execute(
        "CREATE DOMAIN one AS numeric(5,1)",
        "CREATE DOMAIN many AS one[]",
        "CREATE DOMAIN more AS many",
        "CREATE DOMAIN grid AS int[][]",
        "CREATE DOMAIN far AS grid",
    )
    oids = {
        name: fresh_database.execute(f"SELECT '{name}'::regtype::oid")[0][0]
        for name in ("more", "far", "int2vector", "name", "point")
    }
    more, far, *fixed = resolve_types(cursor, map(Declaration, oids.values()))
    assert more.name == "_one"
    assert more.element is not None
    assert (more.element.name, more.element.modifier) == ("numeric", (5 << 16 | 1) + 4)
    assert (far.name, far.dimensions) == ("_int4", 2)
    assert [type_.element for type_ in fixed] == [None, None, None]


def test_errors_of_the_server_are_passed_on(cursor: Any) -> None:
    with pytest.raises(psycopg2.errors.DivisionByZero):
        cursor.execute("SELECT 1 / 0")
    with pytest.raises(psycopg2.errors.InFailedSqlTransaction):
        list_schemas(cursor, settings_of())

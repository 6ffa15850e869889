"""A source that refuses, breaks off, stalls or changes ends a read as a whole, in time.

A real server, behind a network that can be made bad. Each fault is taken away in the end,
and the same instance of the function then has to work.
"""

from __future__ import annotations

import os
from contextlib import closing
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from athena_connectors.common.errors import (
    AccessDeniedError,
    ColumnNotFoundError,
    ConfigurationError,
    ConnectorError,
    DataConversionError,
    DeadlineExceededError,
    InvalidCredentialsError,
    NotFoundError,
    SchemaNotFoundError,
    SourceError,
    SourceTimeoutError,
    SpillError,
    TableNotFoundError,
    ThrottledError,
)
from athena_connectors.common.testing.client import S3Reader
from athena_connectors.common.testing.faults import FaultCheck, OneInstance, RemainingTime
from athena_connectors.common.testing.postgres import postgres_server
from athena_connectors.common.testing.postgres_sessions import require_rest, sessions_of
from athena_connectors.common.testing.tcp_proxy import tcp_proxy
from athena_connectors.jdbc_postgres.app import handler

from tests.faulty import HookedStore, require_no_cancelling, require_no_half_result

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from athena_connectors.common.testing.postgres import PostgresAddress
    from athena_connectors.common.testing.tcp_proxy import TcpProxy

PASSWORD = "correct horse/battery+staple"
BLOCK_BYTES = 100_000
BIG_ROWS = 60_000
END_BYTES = 160
"""What a server sends at most after the last row, until the transaction has ended."""

TABLES = (
    "CREATE SCHEMA shop",
    "CREATE TABLE shop.orders (id int4, price numeric(10,2), note text)",
    "INSERT INTO shop.orders VALUES (1, 9.99, 'first'), (2, NULL, NULL)",
    f"""CREATE VIEW shop.big AS SELECT g AS id, repeat('x', 100) AS text
        FROM generate_series(1, {BIG_ROWS}) AS g""",
    """CREATE VIEW shop.endless AS SELECT generate_series(1, 2000000000) AS id,
        repeat('x', 100) AS text""",
    """CREATE VIEW shop.slow AS SELECT g AS id, pg_sleep(0.2)::text AS text
        FROM generate_series(1, 1000) AS g""",
)
ORDERS = [
    {"id": 1, "price": "9.99", "note": "first"},
    {"id": 2, "price": None, "note": None},
]


@pytest.fixture(scope="module")
def role() -> str:
    """Name of the database and of the role without special rights that the function uses."""
    return f"faulty_source_{os.getpid()}"


@pytest.fixture(scope="module")
def shop(postgres: PostgresAddress, role: str) -> Iterator[PostgresAddress]:
    """The database, as its superuser; the role may read what is in it."""
    address = postgres.create_database(role)
    address.execute(f"DROP ROLE IF EXISTS {role}", f"CREATE ROLE {role} LOGIN PASSWORD 'p'")
    address.execute(f"ALTER ROLE {role} PASSWORD '{PASSWORD}'", *TABLES)
    address.execute(
        f"GRANT USAGE ON SCHEMA shop TO {role}",
        f"ALTER DEFAULT PRIVILEGES IN SCHEMA shop GRANT SELECT ON TABLES TO {role}",
        f"GRANT SELECT ON ALL TABLES IN SCHEMA shop TO {role}",
    )
    yield address
    postgres.drop_database(role)
    postgres.execute(f"DROP ROLE {role}")


@pytest.fixture
def network(shop: PostgresAddress) -> Iterator[TcpProxy]:
    with tcp_proxy(shop.host, shop.port) as proxy:
        yield proxy


@pytest.fixture
def store(tmp_path: Path) -> HookedStore:
    return HookedStore(tmp_path)


Make = Any


@pytest.fixture
def make(
    shop: PostgresAddress, role: str, network: TcpProxy, store: HookedStore
) -> Iterator[Callable[..., OneInstance]]:
    """Make instances whose way to the server is the bad network."""
    made: list[OneInstance] = []

    def make_instance(more: str = "", **settings: str) -> OneInstance:
        via = shop.of_user(role, PASSWORD)
        text = via.connection_string.replace(f":{shop.port}/", f":{network.port}/")
        environ = {
            "default": text + more,
            "spill_bucket": "bucket",
            "MAX_BLOCK_SIZE_BYTES": str(BLOCK_BYTES),
            "fetch_size": "1000",
            "statement_timeout_ms": "20000",  # a read that should have been stopped ends too
            **settings,
        }
        made.append(OneInstance(handler, environ, spill=store, store=store))
        return made[-1]

    yield make_instance
    for instance in made:
        instance.close()


@pytest.fixture
def instance(make: Callable[..., OneInstance]) -> OneInstance:
    return make()


def orders(instance: OneInstance) -> list[dict[str, Any]]:
    rows = instance.rows(instance.scan("shop.orders", "id", "price", "note"))
    return [{**row, "price": row["price"] and str(row["price"])} for row in rows]


@pytest.fixture
def hold(
    shop: PostgresAddress, capfd: pytest.CaptureFixture[str]
) -> Callable[[OneInstance], FaultCheck]:
    """Make the check of an instance."""

    def make_check(instance: OneInstance, recovered: Any = None) -> FaultCheck:
        def works() -> None:
            assert orders(instance) == ORDERS

        return FaultCheck(
            instance,
            secrets=(PASSWORD,),
            output=lambda: "".join(capfd.readouterr()),
            at_rest=partial(require_rest, shop),
            recovered=recovered or works,
        )

    return make_check


@pytest.fixture
def check(hold: Callable[[OneInstance], FaultCheck], instance: OneInstance) -> FaultCheck:
    return hold(instance)


# The way in


REFUSALS: dict[str, tuple[str, str, type[ConnectorError], tuple[str, ...]]] = {
    "wrong password": (
        "ALTER ROLE {role} PASSWORD 'another'",
        f"ALTER ROLE {{role}} PASSWORD '{PASSWORD}'",
        InvalidCredentialsError,
        ("{role}", "password authentication failed", "Check user and password"),
    ),
    "unknown user": (
        "ALTER ROLE {role} RENAME TO {role}_away",
        f"ALTER ROLE {{role}}_away RENAME TO {{role}};ALTER ROLE {{role}} PASSWORD '{PASSWORD}'",
        InvalidCredentialsError,
        ("{role}", "Check user and password"),
    ),
    "no login": (
        "ALTER ROLE {role} NOLOGIN",
        "ALTER ROLE {role} LOGIN",
        InvalidCredentialsError,
        ("{role}", "not permitted to log in"),
    ),
    "expired password": (
        "ALTER ROLE {role} VALID UNTIL '2020-01-01'",
        "ALTER ROLE {role} VALID UNTIL 'infinity'",
        InvalidCredentialsError,
        ("{role}",),
    ),
    "unknown database": (
        "ALTER DATABASE {role} RENAME TO {role}_away",
        "ALTER DATABASE {role}_away RENAME TO {role}",
        NotFoundError,
        ('"{role}"', "does not exist", "Check the database's name"),
    ),
    "no right to connect": (
        "REVOKE CONNECT ON DATABASE {role} FROM PUBLIC",
        "GRANT CONNECT ON DATABASE {role} TO PUBLIC",
        AccessDeniedError,
        ('"{role}"', "permission denied", "Grant"),
    ),
    "too many connections": (
        "ALTER ROLE {role} CONNECTION LIMIT 0",
        "ALTER ROLE {role} CONNECTION LIMIT -1",
        ThrottledError,
        ("too many connections", "max_splits"),
    ),
    "database closed": (
        "ALTER DATABASE {role} ALLOW_CONNECTIONS false",
        "ALTER DATABASE {role} ALLOW_CONNECTIONS true",
        SourceError,
        ('"{role}"', "not currently accepting connections"),
    ),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_a_refused_login(
    check: FaultCheck, instance: OneInstance, postgres: PostgresAddress, role: str, name: str
) -> None:
    broken, healed, kind, words = REFUSALS[name]
    postgres.execute(broken.format(role=role))
    with check.expect(
        kind,
        "'default'",
        *(word.format(role=role) for word in words),
        heal=lambda: postgres.execute(*healed.format(role=role).split(";")),
    ):
        orders(instance)


def test_a_closed_port(check: FaultCheck, instance: OneInstance, network: TcpProxy) -> None:
    network.refuse()
    with check.expect(SourceError, "refused", "security group", heal=network.heal):
        orders(instance)


def test_a_host_that_does_not_answer(
    hold: Any, make: Callable[..., OneInstance], network: TcpProxy
) -> None:
    instance = make("&connectTimeout=2")
    network.stall_after(0)
    with hold(instance).expect(SourceError, "timeout", "security group", heal=network.heal) as it:
        orders(instance)
    assert it.seconds < 5


def test_a_server_that_hangs_up(
    check: FaultCheck, instance: OneInstance, network: TcpProxy
) -> None:
    network.cut_after(0)
    with check.expect(SourceError, "'default'", heal=network.heal):
        orders(instance)


def test_a_host_without_address(hold: Any, shop: PostgresAddress, role: str) -> None:
    text = f"postgres://jdbc:postgresql://no-such-host.invalid/{role}?user={role}&password=p2w0rd"
    instance = OneInstance(handler, {"default": text}, spill=S3Reader({}))
    check = hold(instance, recovered=instance.client.ping)
    check.hide("p2w0rd")
    with check.expect(ConfigurationError, "no-such-host.invalid", "Check the host"):
        instance.client.schemas()


def test_a_server_without_tls(hold: Any, make: Callable[..., OneInstance]) -> None:
    instance = make("&sslmode=require")
    with hold(instance, recovered=instance.client.ping).expect(
        ConfigurationError, "SSL", "sslmode"
    ):
        orders(instance)


RIGHTS: dict[str, tuple[str, str, type[ConnectorError], tuple[str, ...]]] = {
    "table": (
        "REVOKE SELECT ON shop.orders FROM {role}",
        "GRANT SELECT ON shop.orders TO {role}",
        AccessDeniedError,
        ("shop.orders", "SELECT"),
    ),
    "schema": (
        "REVOKE USAGE ON SCHEMA shop FROM {role}",
        "GRANT USAGE ON SCHEMA shop TO {role}",
        AccessDeniedError,
        ("'shop'", "USAGE"),
    ),
    "dropped schema": (
        "ALTER SCHEMA shop RENAME TO gone",
        "ALTER SCHEMA gone RENAME TO shop",
        SchemaNotFoundError,
        ("'shop'", "schema"),
    ),
}


@pytest.mark.parametrize("name", RIGHTS)
def test_missing_rights(
    check: FaultCheck, instance: OneInstance, shop: PostgresAddress, role: str, name: str
) -> None:
    broken, healed, kind, words = RIGHTS[name]
    shop.execute(broken.format(role=role))
    with check.expect(kind, *words, heal=lambda: shop.execute(healed.format(role=role))):
        orders(instance)


@pytest.mark.parametrize("name", ["table", "dropped schema"])
def test_rights_that_are_taken_away_after_planning(
    check: FaultCheck, instance: OneInstance, shop: PostgresAddress, role: str, name: str
) -> None:
    broken, healed, _, _ = RIGHTS[name]
    scan = instance.scan("shop.orders")
    (split,) = instance.client.splits(scan)
    shop.execute(broken.format(role=role))
    kind = AccessDeniedError if name == "table" else TableNotFoundError
    with check.expect(kind, "shop.orders", heal=lambda: shop.execute(healed.format(role=role))):
        instance.client.read(scan, split)


# In the middle of a read


def test_a_connection_cut_after_blocks_were_spilled(
    check: FaultCheck, instance: OneInstance, network: TcpProxy, store: HookedStore
) -> None:
    scan = instance.scan("shop.big")
    (split,) = instance.client.splits(scan)
    network.cut_after(3_000_000)
    with check.expect(SourceError, "shop.big", "connection", heal=network.heal) as it:
        instance.client.read(scan, split)
    assert store.puts >= 5
    assert it.seconds < 5
    assert len(instance.rows(scan)) == BIG_ROWS


def test_wherever_a_connection_is_cut_there_is_no_half_result(
    check: FaultCheck, make: Callable[..., OneInstance], network: TcpProxy
) -> None:
    instance = make(max_connection_age_s="0", MAX_BLOCK_SIZE_BYTES="2000000")
    require_no_half_result(check, instance, network, "shop.big", rows=BIG_ROWS, end_bytes=END_BYTES)


ENDS: dict[str, tuple[type[ConnectorError], tuple[str, ...]]] = {
    "pg_terminate_backend": (SourceError, ("connection", "lost; run the query again")),
    "pg_cancel_backend": (SourceTimeoutError, ("user request", "57014", "run the query again")),
}


@pytest.mark.parametrize("function", ENDS)
def test_an_administrator_ends_the_statement(
    check: FaultCheck,
    instance: OneInstance,
    shop: PostgresAddress,
    store: HookedStore,
    function: str,
) -> None:
    kind, words = ENDS[function]
    scan = instance.scan("shop.endless")
    (split,) = instance.client.splits(scan)

    def end() -> None:
        (session,) = sessions_of(shop)
        shop.execute(f"SELECT {function}({session.pid})")

    store.hook = end
    with check.expect(kind, "shop.endless", *words) as it:
        instance.client.read(scan, split)
    assert it.seconds < 10


# Time


def test_a_slow_server_is_stopped_before_the_deadline(
    check: FaultCheck, instance: OneInstance
) -> None:
    scan = instance.scan("shop.slow")
    (split,) = instance.client.splits(scan)
    instance.context = RemainingTime(3000)
    with check.expect(DeadlineExceededError, "shop.slow", "Narrow the predicate") as it:
        instance.client.read(scan, split)
    assert 1.4 < it.seconds < 2.8


def test_a_lock_is_waited_for_until_the_deadline(
    check: FaultCheck, instance: OneInstance, shop: PostgresAddress
) -> None:
    scan = instance.scan("shop.orders")
    (split,) = instance.client.splits(scan)
    instance.context = RemainingTime(3000)
    with closing(shop.connect()) as other, other.cursor() as cursor:
        cursor.execute("BEGIN")
        cursor.execute("LOCK TABLE shop.orders IN ACCESS EXCLUSIVE MODE")
        with check.expect(DeadlineExceededError, "shop.orders", heal=other.close) as it:
            instance.client.read(scan, split)
    assert 1.4 < it.seconds < 2.8


def test_a_lock_is_waited_for_as_long_as_a_statement_may_take(
    hold: Any, make: Callable[..., OneInstance], shop: PostgresAddress
) -> None:
    instance = make(statement_timeout_ms="500")
    scan = instance.scan("shop.orders")
    with closing(shop.connect()) as other, other.cursor() as cursor:
        cursor.execute("BEGIN")
        cursor.execute("LOCK TABLE shop.orders IN ACCESS EXCLUSIVE MODE")
        with hold(instance).expect(SourceTimeoutError, "shop.orders", heal=other.close) as it:
            instance.client.layout(scan)
    assert it.seconds < 3


@pytest.mark.parametrize("after_bytes", [0, 2_000_000])
def test_a_network_that_falls_silent_is_given_up_before_the_deadline(
    check: FaultCheck, instance: OneInstance, network: TcpProxy, after_bytes: int
) -> None:
    scan = instance.scan("shop.big")
    (split,) = instance.client.splits(scan)
    instance.context = RemainingTime(4000)
    network.stall_after(after_bytes)
    with check.expect(DeadlineExceededError, "shop.big", heal=network.heal) as it:
        instance.client.read(scan, split)
    assert 1.9 < it.seconds < 3.9
    require_no_cancelling()


def test_a_network_that_is_silent_does_not_hold_up_another_error(
    hold: Any, make: Callable[..., OneInstance], network: TcpProxy, store: HookedStore
) -> None:
    instance = make(fetch_size="50")
    scan = instance.scan("shop.endless")
    (split,) = instance.client.splits(scan)
    instance.context = RemainingTime(40_000)  # only for the case that it hangs

    def fall_silent_and_fail() -> None:
        network.stall_after(0)
        raise OSError("no space left")

    store.hook = fall_silent_and_fail
    with hold(instance).expect(SpillError, "OSError", "s3://bucket/", heal=network.heal) as it:
        instance.client.read(scan, split)
    assert it.seconds < 5
    require_no_cancelling()


# Between two invocations


def test_sessions_that_died_meanwhile_are_replaced(
    check: FaultCheck, instance: OneInstance, shop: PostgresAddress
) -> None:
    with check.watched():
        for _ in range(3):
            assert orders(instance) == ORDERS
            (session,) = sessions_of(shop)
            shop.execute(f"SELECT pg_terminate_backend({session.pid}, 5000)")
    assert orders(instance) == ORDERS


def test_a_server_that_is_down_for_a_while(
    check: FaultCheck, instance: OneInstance, network: TcpProxy
) -> None:
    assert orders(instance) == ORDERS
    network.refuse()
    with check.expect(SourceError, "refused", heal=network.heal):
        orders(instance)


def test_another_server_takes_over(
    instance: OneInstance, network: TcpProxy, shop: PostgresAddress, role: str
) -> None:
    """As after a failover: the address stays, the server is another one."""
    with postgres_server(linguistic=False) as other:
        other.execute(f"CREATE ROLE {role} SUPERUSER LOGIN PASSWORD '{PASSWORD}'")
        standby = other.create_database(role)
        standby.execute(*TABLES, "DELETE FROM shop.orders WHERE id = 2")
        assert orders(instance) == ORDERS
        network.retarget(standby.host, standby.port)
        assert orders(instance) == ORDERS[:1]
        network.refuse()  # it dies while a session is kept
    network.retarget(shop.host, shop.port)
    network.heal()
    assert orders(instance) == ORDERS


# A table that changes between planning and reading


CHANGES: dict[str, tuple[str, type[ConnectorError], tuple[str, ...]]] = {
    "dropped": ("DROP TABLE shop.changing", TableNotFoundError, ("shop.changing",)),
    "renamed": (
        "ALTER TABLE shop.changing RENAME TO changed",
        TableNotFoundError,
        ("shop.changing",),
    ),
    "column dropped": (
        "ALTER TABLE shop.changing DROP n",
        ColumnNotFoundError,
        ('"n"', "shop.changing"),
    ),
    "column renamed": (
        "ALTER TABLE shop.changing RENAME n TO m",
        ColumnNotFoundError,
        ('"n"', "shop.changing"),
    ),
}


@pytest.fixture
def changing(shop: PostgresAddress) -> Iterator[None]:
    shop.execute(
        "DROP TABLE IF EXISTS shop.changing, shop.changed CASCADE",
        "CREATE TABLE shop.changing (id int4, n int4)",
        "INSERT INTO shop.changing VALUES (1, 1), (2, 100000)",
    )
    yield
    shop.execute("DROP TABLE IF EXISTS shop.changing, shop.changed CASCADE")


@pytest.mark.parametrize("name", CHANGES)
@pytest.mark.usefixtures("changing")
def test_a_table_changed_after_it_was_planned(
    check: FaultCheck, instance: OneInstance, shop: PostgresAddress, name: str
) -> None:
    change, kind, words = CHANGES[name]
    scan = instance.scan("shop.changing")
    (split,) = instance.client.splits(scan)
    shop.execute(change)
    with check.expect(kind, *words):
        instance.client.read(scan, split)


TYPE_CHANGES = {
    "integer": "float4",
    "bigint": "float8",
    "double precision": "int8",
    "date": "int4",
    "timestamp without time zone": "int8",
    "timestamp with time zone": "timestamp",
    "numeric(12,3)": "int8",
    "text": "int4",
    "bytea": "text",
    "uuid": "interval",
    "integer[]": "float4[]",
    "text[]": "int8[]",
}
"""Types, and others whose bytes would pass for theirs."""
VALUES = {
    "text": "'7'",
    "bytea": "'x'",
    "date": "'2024-01-01'",
    "timestamp": "'2024-01-01'",
    "timestamptz": "'2024-01-01'",
    "uuid": "'00000000-0000-0000-0000-000000000007'",
    "interval": "'7 days'",
}


@pytest.mark.parametrize("before", TYPE_CHANGES)
@pytest.mark.usefixtures("changing")
def test_a_column_of_another_type_is_never_taken_for_what_it_was(
    check: FaultCheck, instance: OneInstance, shop: PostgresAddress, before: str
) -> None:
    after = TYPE_CHANGES[before]
    value = VALUES.get(after, "'{7}'" if after.endswith("[]") else "7")
    shop.execute(f"ALTER TABLE shop.changing ADD c {before}")
    scan = instance.scan("shop.changing", "id", "c")
    (split,) = instance.client.splits(scan)
    assert instance.client.read(scan, split).rows == 2
    shop.execute(f"ALTER TABLE shop.changing ALTER c TYPE {after} USING {value}::{after}")
    with check.expect(DataConversionError, "'c'", "shop.changing", f"not {before} any more"):
        instance.client.read(scan, split)
    assert len(instance.rows(instance.scan("shop.changing", "id", "c"))) == 2


# Values that do not fit


MISFITS: dict[str, tuple[str, dict[str, str], str]] = {
    "decimal": ("numeric", {"default_scale": "2"}, "1234567890123456789012345678901234567890.12"),
    "decimal of an array": (
        "numeric[]",
        {"default_scale": "2"},
        "{1,1234567890123456789012345678901234567890.12}",
    ),
    "array of two dimensions": ("int4[]", {}, "{{4711,4712}}"),
}


@pytest.mark.parametrize("name", MISFITS)
def test_a_value_that_does_not_fit_names_its_column_only(
    hold: Any, make: Callable[..., OneInstance], shop: PostgresAddress, name: str
) -> None:
    type_, settings, value = MISFITS[name]
    shop.execute(
        "DROP TABLE IF EXISTS shop.misfit",
        f"CREATE TABLE shop.misfit (id int4, odd {type_})",
        "INSERT INTO shop.misfit SELECT g, NULL FROM generate_series(1, 20000) AS g",
        f"INSERT INTO shop.misfit VALUES (0, '{value}')",
    )
    instance = make(**settings)
    check = hold(instance)
    check.hide("12345678901234567890", "4711")
    scan = instance.scan("shop.misfit")
    with check.expect(
        DataConversionError,
        "'odd'",
        "shop.misfit",
        heal=lambda: shop.execute("DROP TABLE shop.misfit"),
    ):
        instance.rows(scan)

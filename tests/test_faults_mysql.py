"""A MariaDB server that refuses, breaks off, stalls or changes ends a read as a whole, in time.

A real server, behind a network that can be made bad. Each fault is taken away in the end,
and the same instance of the function then has to work.
"""

from __future__ import annotations

import os
import time
import tracemalloc
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
    SourceError,
    SourceTimeoutError,
    SpillError,
    TableNotFoundError,
)
from athena_connectors.common.testing.client import S3Reader
from athena_connectors.common.testing.faults import FaultCheck, OneInstance, RemainingTime
from athena_connectors.common.testing.mariadb import mariadb_process
from athena_connectors.common.testing.tcp_proxy import tcp_proxy
from athena_connectors.jdbc_mysql.app import handler

from tests.faulty import HookedStore, require_no_cancelling, require_no_half_result

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from athena_connectors.common.testing.mariadb import MariaDb
    from athena_connectors.common.testing.tcp_proxy import TcpProxy

SCHEMA = f"faulty_{os.getpid()}"
USER = "faulty_reader"
PASSWORD = "correct horse/battery+staple"
BLOCK_BYTES = 100_000
BIG_ROWS = 60_000
END_BYTES = 160
"""What a server sends at most after the last row, until the transaction has ended."""

TABLES = (
    "CREATE TABLE orders (id int, price decimal(10,2), note varchar(99))",
    "INSERT INTO orders VALUES (1, 9.99, 'first'), (2, NULL, NULL)",
    f"CREATE VIEW big AS SELECT seq AS id, REPEAT('x', 100) AS text FROM seq_1_to_{BIG_ROWS}",
    """CREATE VIEW endless AS SELECT a.seq AS id, REPEAT('x', 100) AS text
        FROM seq_1_to_1000000 AS a, seq_1_to_1000000 AS b""",
    "CREATE VIEW slow AS SELECT seq AS id, CONCAT(SLEEP(0.2), '') AS text FROM seq_1_to_1000",
)
ORDERS = [
    {"id": 1, "price": "9.99", "note": "first"},
    {"id": 2, "price": None, "note": None},
]


@pytest.fixture(scope="module")
def shop(mariadb: MariaDb) -> Iterator[MariaDb]:
    """The database, as a user who may do anything."""
    address = mariadb.create_database(SCHEMA)
    address.execute(*TABLES)
    mariadb.create_user(USER, PASSWORD, f"SELECT, SHOW VIEW ON `{SCHEMA}`.*")
    yield address
    mariadb.drop_database(SCHEMA)
    mariadb.execute(f"DROP USER '{USER}'@'%'")


@pytest.fixture
def network(shop: MariaDb) -> Iterator[TcpProxy]:
    with tcp_proxy(shop.host, shop.port) as proxy:
        yield proxy


@pytest.fixture
def store(tmp_path: Path) -> HookedStore:
    return HookedStore(tmp_path)


def sessions_of(shop: MariaDb) -> list[tuple[int, str]]:
    """Return the number of each session of the function, and what it does."""
    return shop.execute(
        "SELECT p.ID, CONCAT(p.COMMAND, IFNULL(t.trx_state, ''))"
        " FROM information_schema.PROCESSLIST AS p LEFT JOIN information_schema.INNODB_TRX AS t"
        " ON t.trx_mysql_thread_id = p.ID"
        f" WHERE p.USER = '{USER}' AND p.COMMAND <> 'Killed'"
    )


def require_rest(shop: MariaDb) -> None:
    """Wait until there is one session at most, and it is in no transaction."""
    limit = time.monotonic() + 5
    while True:
        sessions = sessions_of(shop)
        if len(sessions) <= 1 and all(state == "Sleep" for _, state in sessions):
            return
        assert time.monotonic() < limit, f"These sessions are left: {sessions}"


@pytest.fixture
def make(
    shop: MariaDb, network: TcpProxy, store: HookedStore
) -> Iterator[Callable[..., OneInstance]]:
    """Make instances whose way to the server is the bad network."""
    made: list[OneInstance] = []

    def make_instance(more: str = "", **settings: str) -> OneInstance:
        via = shop.of_user(USER, PASSWORD).through(network.port)
        environ = {
            "default": via.url + more,
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
    rows = instance.rows(instance.scan(f"{SCHEMA}.orders", "id", "price", "note"))
    return [{**row, "price": row["price"] and str(row["price"])} for row in rows]


@pytest.fixture
def hold(shop: MariaDb, capfd: pytest.CaptureFixture[str]) -> Callable[[OneInstance], FaultCheck]:
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
        f"ALTER USER {USER} IDENTIFIED BY 'another'",
        f"ALTER USER {USER} IDENTIFIED BY '{PASSWORD}'",
        InvalidCredentialsError,
        (USER, "'default'"),
    ),
    "locked account": (
        f"ALTER USER {USER} ACCOUNT LOCK",
        f"ALTER USER {USER} ACCOUNT UNLOCK",
        InvalidCredentialsError,
        ("locked",),
    ),
    "expired password": (
        f"ALTER USER {USER} PASSWORD EXPIRE",
        f"ALTER USER {USER} IDENTIFIED BY '{PASSWORD}'",
        InvalidCredentialsError,
        ("password",),
    ),
    "no right on the database": (
        f"REVOKE ALL ON `{SCHEMA}`.* FROM {USER}",
        f"GRANT SELECT, SHOW VIEW ON `{SCHEMA}`.* TO {USER}",
        AccessDeniedError,
        (SCHEMA,),
    ),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_a_refused_login(
    check: FaultCheck, instance: OneInstance, shop: MariaDb, name: str
) -> None:
    broken, healed, kind, words = REFUSALS[name]
    shop.execute(broken)
    with check.expect(kind, *words, heal=lambda: shop.execute(healed)):
        orders(instance)


def test_a_password_that_changes_between_two_reads(
    hold: Any, make: Callable[..., OneInstance], shop: MariaDb
) -> None:
    instance = make(max_connection_age_s="0")
    assert orders(instance) == ORDERS
    shop.execute(f"ALTER USER {USER} IDENTIFIED BY 'another'")
    heal = f"ALTER USER {USER} IDENTIFIED BY '{PASSWORD}'"
    with hold(instance).expect(InvalidCredentialsError, USER, heal=lambda: shop.execute(heal)):
        orders(instance)


def test_a_closed_port(check: FaultCheck, instance: OneInstance, network: TcpProxy) -> None:
    network.refuse()
    with check.expect(SourceError, "refused", "security group", heal=network.heal):
        orders(instance)


def test_a_host_that_does_not_answer(
    hold: Any, make: Callable[..., OneInstance], network: TcpProxy
) -> None:
    instance = make("&connectTimeout=2000")
    network.stall_after(0)
    with hold(instance).expect(SourceError, "'default'", heal=network.heal) as it:
        orders(instance)
    assert it.seconds < 5


def test_a_server_that_hangs_up(
    check: FaultCheck, instance: OneInstance, network: TcpProxy
) -> None:
    network.cut_after(0)
    with check.expect(SourceError, "'default'", heal=network.heal):
        orders(instance)


def test_a_host_without_address(hold: Any) -> None:
    text = f"mysql://jdbc:mysql://no-such-host.invalid/{SCHEMA}?user={USER}&password=p2w0rd"
    instance = OneInstance(handler, {"default": text}, spill=S3Reader({}))
    check = hold(instance, recovered=instance.client.ping)
    check.hide("p2w0rd")
    with check.expect(ConfigurationError, "no-such-host.invalid", "Check the host"):
        instance.client.schemas()


def test_a_server_without_tls(hold: Any, make: Callable[..., OneInstance]) -> None:
    instance = make("&sslMode=REQUIRED")
    with hold(instance, recovered=instance.client.ping).expect(
        ConfigurationError, "SSL", "sslMode"
    ):
        orders(instance)


def test_rights_that_are_taken_away_after_planning(
    hold: Any, make: Callable[..., OneInstance], shop: MariaDb
) -> None:
    instance = make(max_connection_age_s="0")  # a session keeps its rights on a database
    scan = instance.scan(f"{SCHEMA}.orders")
    (split,) = instance.client.splits(scan)
    shop.execute(f"REVOKE SELECT ON `{SCHEMA}`.* FROM {USER}")
    heal = f"GRANT SELECT ON `{SCHEMA}`.* TO {USER}"
    with hold(instance).expect(AccessDeniedError, "orders", heal=lambda: shop.execute(heal)):
        instance.client.read(scan, split)


# In the middle of a read


def test_a_connection_cut_after_blocks_were_spilled(
    check: FaultCheck, instance: OneInstance, network: TcpProxy, store: HookedStore
) -> None:
    scan = instance.scan(f"{SCHEMA}.big")
    (split,) = instance.client.splits(scan)
    network.cut_after(3_000_000)
    with check.expect(SourceError, "big", "connection", heal=network.heal) as it:
        instance.client.read(scan, split)
    assert store.puts >= 5
    assert it.seconds < 5
    assert len(instance.rows(scan)) == BIG_ROWS


def test_wherever_a_connection_is_cut_there_is_no_half_result(
    check: FaultCheck, make: Callable[..., OneInstance], network: TcpProxy
) -> None:
    instance = make(max_connection_age_s="0", MAX_BLOCK_SIZE_BYTES="2000000")
    require_no_half_result(
        check, instance, network, f"{SCHEMA}.big", rows=BIG_ROWS, end_bytes=END_BYTES
    )


ENDS: dict[str, tuple[type[ConnectorError], tuple[str, ...]]] = {
    "KILL CONNECTION": (SourceError, ("run the query again",)),
    "KILL QUERY": (SourceTimeoutError, ("interrupted",)),
}


@pytest.mark.parametrize("order", ENDS)
def test_an_administrator_ends_the_statement(
    check: FaultCheck, instance: OneInstance, shop: MariaDb, store: HookedStore, order: str
) -> None:
    kind, words = ENDS[order]
    scan = instance.scan(f"{SCHEMA}.endless")
    (split,) = instance.client.splits(scan)

    def end() -> None:
        ((number, _),) = sessions_of(shop)
        shop.execute(f"{order} {number}")

    store.hook = end
    with check.expect(kind, "endless", *words) as it:
        instance.client.read(scan, split)
    assert it.seconds < 10


def test_memory_does_not_grow_with_the_result(
    make: Callable[..., OneInstance], store: HookedStore
) -> None:
    instance = make()
    scan = instance.scan(f"{SCHEMA}.endless")
    (split,) = instance.client.splits(scan)
    peaks: list[int] = []

    def put(location: Any, data: Any, *, headers: Any) -> None:
        del location, data, headers
        peaks.append(tracemalloc.get_traced_memory()[1])
        if len(peaks) == 200:
            raise OSError("no space left")

    store.put = put  # type: ignore[method-assign]
    tracemalloc.start()
    try:
        with pytest.raises(SpillError):
            instance.client.read(scan, split)
    finally:
        tracemalloc.stop()
    assert peaks[-1] < 2 * max(peaks[:50])


# Time


def test_a_slow_server_is_stopped_before_the_deadline(
    check: FaultCheck, instance: OneInstance
) -> None:
    scan = instance.scan(f"{SCHEMA}.slow")
    (split,) = instance.client.splits(scan)
    instance.context = RemainingTime(3000)
    with check.expect(DeadlineExceededError, "slow", "Narrow the predicate") as it:
        instance.client.read(scan, split)
    assert 1.4 < it.seconds < 2.8


def test_a_lock_is_waited_for_until_the_deadline(
    check: FaultCheck, instance: OneInstance, shop: MariaDb
) -> None:
    scan = instance.scan(f"{SCHEMA}.orders")
    (split,) = instance.client.splits(scan)
    instance.context = RemainingTime(3000)
    with closing(shop.connect()) as other, other.cursor() as cursor:
        cursor.execute("LOCK TABLES orders WRITE")
        with check.expect(
            DeadlineExceededError, "orders", heal=lambda: cursor.execute("UNLOCK TABLES")
        ) as it:
            instance.client.read(scan, split)
    assert 1.4 < it.seconds < 2.8


def test_a_lock_is_waited_for_as_long_as_a_statement_may_take(
    hold: Any, make: Callable[..., OneInstance], shop: MariaDb
) -> None:
    instance = make(statement_timeout_ms="500")
    scan = instance.scan(f"{SCHEMA}.orders")
    (split,) = instance.client.splits(scan)
    with closing(shop.connect()) as other, other.cursor() as cursor:
        cursor.execute("LOCK TABLES orders WRITE")
        with hold(instance).expect(
            SourceTimeoutError, "orders", heal=lambda: cursor.execute("UNLOCK TABLES")
        ) as it:
            instance.client.read(scan, split)
    assert it.seconds < 3


@pytest.mark.parametrize("after_bytes", [0, 2_000_000])
def test_a_network_that_falls_silent_is_given_up_before_the_deadline(
    check: FaultCheck, instance: OneInstance, network: TcpProxy, after_bytes: int
) -> None:
    scan = instance.scan(f"{SCHEMA}.big")
    (split,) = instance.client.splits(scan)
    instance.context = RemainingTime(4000)
    network.stall_after(after_bytes)
    with check.expect(DeadlineExceededError, "big", heal=network.heal) as it:
        instance.client.read(scan, split)
    assert 1.9 < it.seconds < 3.9
    require_no_cancelling()


def test_a_network_that_is_silent_does_not_hold_up_another_error(
    hold: Any, make: Callable[..., OneInstance], network: TcpProxy, store: HookedStore
) -> None:
    instance = make(fetch_size="50")
    scan = instance.scan(f"{SCHEMA}.endless")
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


def test_21_15_sessions_that_died_meanwhile_are_replaced(
    check: FaultCheck, instance: OneInstance, shop: MariaDb
) -> None:
    with check.watched():
        for _ in range(3):
            assert orders(instance) == ORDERS
            ((number, _),) = sessions_of(shop)
            shop.execute(f"KILL {number}")
    assert orders(instance) == ORDERS


def test_a_server_that_is_down_for_a_while(
    check: FaultCheck, instance: OneInstance, network: TcpProxy
) -> None:
    assert orders(instance) == ORDERS
    network.refuse()
    with check.expect(SourceError, "refused", heal=network.heal):
        orders(instance)


def test_another_server_takes_over(instance: OneInstance, network: TcpProxy, shop: MariaDb) -> None:
    """As after a failover: the address stays, the server is another one."""
    with mariadb_process() as other:
        standby = other.address.create_database(SCHEMA)
        standby.execute(*TABLES, "DELETE FROM orders WHERE id = 2")
        standby.create_user(USER, PASSWORD, f"SELECT ON `{SCHEMA}`.*")
        assert orders(instance) == ORDERS
        network.retarget(standby.host, standby.port)
        assert orders(instance) == ORDERS[:1]
        network.refuse()  # it dies while a session is kept
    network.retarget(shop.host, shop.port)
    network.heal()
    assert orders(instance) == ORDERS


# A table that changes between planning and reading


CHANGES: dict[str, tuple[str, type[ConnectorError], str]] = {
    "dropped": ("DROP TABLE changing", TableNotFoundError, "changing"),
    "renamed": ("ALTER TABLE changing RENAME TO changed", TableNotFoundError, "changing"),
    "column dropped": ("ALTER TABLE changing DROP n", ColumnNotFoundError, "n"),
    "column renamed": ("ALTER TABLE changing RENAME COLUMN n TO m", ColumnNotFoundError, "n"),
}


@pytest.fixture
def changing(shop: MariaDb) -> Iterator[None]:
    shop.execute(
        "DROP TABLE IF EXISTS changing, changed",
        "CREATE TABLE changing (id int, n int)",
        "INSERT INTO changing VALUES (1, 1), (2, 100000)",
    )
    yield
    shop.execute("DROP TABLE IF EXISTS changing, changed")


@pytest.mark.parametrize("name", CHANGES)
@pytest.mark.usefixtures("changing")
def test_a_table_changed_after_it_was_planned(
    check: FaultCheck, instance: OneInstance, shop: MariaDb, name: str
) -> None:
    change, kind, word = CHANGES[name]
    scan = instance.scan(f"{SCHEMA}.changing")
    (split,) = instance.client.splits(scan)
    shop.execute(change)
    with check.expect(kind, word):
        instance.client.read(scan, split)


TYPE_CHANGES = {
    "int": "float",
    "bigint": "double",
    "double": "bigint",
    "date": "int",
    "datetime(6)": "varchar(30)",
    "decimal(12,3)": "double",
    "varchar(20)": "int",
    "varbinary(20)": "int",
    "int unsigned": "datetime",
}
"""Types, and others whose bytes might pass for theirs."""


@pytest.mark.parametrize("before", TYPE_CHANGES)
@pytest.mark.usefixtures("changing")
def test_a_column_of_another_type_is_never_taken_for_what_it_was(
    check: FaultCheck, instance: OneInstance, shop: MariaDb, before: str
) -> None:
    shop.execute(f"ALTER TABLE changing ADD c {before}")
    scan = instance.scan(f"{SCHEMA}.changing", "id", "c")
    (split,) = instance.client.splits(scan)
    assert instance.client.read(scan, split).rows == 2
    shop.execute(f"ALTER TABLE changing MODIFY c {TYPE_CHANGES[before]}")
    with check.expect(DataConversionError, "'c'", "changing"):
        instance.client.read(scan, split)
    assert len(instance.rows(instance.scan(f"{SCHEMA}.changing", "id", "c"))) == 2


@pytest.mark.parametrize(
    ("before", "after", "value"),
    [("decimal(12,3)", "bigint", "7"), ("datetime(6)", "date", "DATE'2024-02-29'")],
)
@pytest.mark.usefixtures("changing")
def test_a_column_of_a_type_with_the_same_values_is_read_for_what_it_is(
    instance: OneInstance, shop: MariaDb, before: str, after: str, value: str
) -> None:
    shop.execute(f"ALTER TABLE changing ADD c {before}", f"UPDATE changing SET c = {value}")
    scan = instance.scan(f"{SCHEMA}.changing", "id", "c")
    expected = instance.rows(scan)
    shop.execute(f"ALTER TABLE changing MODIFY c {after}")
    assert instance.rows(scan) == expected


# Values that do not fit


def test_a_value_that_does_not_fit_names_its_column_only(
    hold: Any, make: Callable[..., OneInstance], shop: MariaDb
) -> None:
    shop.execute(
        "DROP TABLE IF EXISTS misfit",
        "CREATE TABLE misfit (id int, odd date)",
        "INSERT INTO misfit SELECT seq, NULL FROM seq_1_to_20000",
        "SET STATEMENT sql_mode = '' FOR INSERT INTO misfit VALUES (0, '2024-00-17')",
    )
    instance = make(mysql_zero_date="fail")
    check = hold(instance)
    check.hide("2024-00-17")
    scan = instance.scan(f"{SCHEMA}.misfit")
    with check.expect(
        DataConversionError, "'odd'", "misfit", heal=lambda: shop.execute("DROP TABLE misfit")
    ):
        instance.rows(scan)

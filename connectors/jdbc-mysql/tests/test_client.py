from __future__ import annotations

import threading
import time
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pymysql
import pytest
from athena_connectors.common.config import load_settings
from athena_connectors.common.errors import (
    ConfigurationError,
    ConnectorError,
    DeadlineExceededError,
    InternalError,
    InvalidCredentialsError,
    SourceError,
    SourceTimeoutError,
    UnsupportedOperationError,
)
from athena_connectors.common.observability import SplitStats
from athena_connectors.common.secrets import SecretResolver
from athena_connectors.common.sql.connection_strings import parse_connection_string
from athena_connectors.common.sql.relation import Column, Comparison
from athena_connectors.common.testing.mariadb import mariadb_process
from athena_connectors.common.testing.secret_store import SecretStore, login_secret
from athena_connectors.common.testing.tcp_proxy import tcp_proxy
from athena_connectors.jdbc_mysql.client import Client
from athena_connectors.jdbc_mysql.reader import read_statement
from athena_connectors.jdbc_mysql.settings import Settings
from pymysql.cursors import SSCursor

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from athena_connectors.common.testing.mariadb import MariaDb

    Make = Callable[..., Client]

ENDLESS = "SELECT repeat('x', 100), seq FROM seq_1_to_2000000000"
"""More rows than anybody wants to read."""


@contextmanager
def stream(client: Client) -> Iterator[Any]:
    """Yield a cursor on endless rows; nobody closes it, which would read them all."""
    with client.transaction():
        rows = client.connection.cursor(SSCursor)
        rows.execute(ENDLESS)
        yield rows


@contextmanager
def failing_stream(client: Client, kind: type[ConnectorError], text: str) -> Iterator[Any]:
    """Yield a cursor on endless rows, whose reading has to fail so."""
    with pytest.raises(kind, match=text), stream(client) as rows:
        yield rows


def drain(cursor: Any) -> None:
    for _ in cursor:
        pass


@pytest.fixture
def login(database: MariaDb) -> Iterator[MariaDb]:
    """A user of its own, whose sessions are those of the clients and no others."""
    yield database.create_user("asker", "p", "SELECT ON *.*", "CREATE, INSERT ON *.*")
    database.execute("DROP USER asker")


@pytest.fixture
def make(login: MariaDb) -> Iterator[Make]:
    """Make clients; after the test no session of theirs may be left."""
    clients: list[Client] = []

    def make_client(
        text: str = login.url, store: SecretStore | None = None, **settings: str
    ) -> Client:
        client = Client(
            parse_connection_string(text, engine="mysql", catalog="shop"),
            load_settings(Settings, settings),
            secrets=SecretResolver(lambda: store) if store else None,
            environ={},
        )
        clients.append(client)
        return client

    yield make_client
    for client in clients:
        client.close()
    await_sessions(login, 0)


def sessions(address: MariaDb) -> list[int]:
    """Return the sessions of the user, without the one that asks."""
    return [
        number
        for (number,) in address.execute(
            "SELECT id FROM information_schema.processlist WHERE id <> connection_id()"
            f" AND user = '{address.user}' ORDER BY id"
        )
    ]


def await_sessions(address: MariaDb, count: int, *, seconds: float = 5) -> None:
    limit = time.monotonic() + seconds
    while len(sessions(address)) != count:
        assert time.monotonic() < limit, sessions(address)
        time.sleep(0.01)


def statements(address: MariaDb) -> list[str]:
    """Return what the user's other sessions are running."""
    return [
        info
        for (info,) in address.execute(
            "SELECT info FROM information_schema.processlist WHERE id <> connection_id()"
            f" AND user = '{address.user}' AND info IS NOT NULL"
        )
    ]


def await_no_statement(address: MariaDb, *, seconds: float = 5) -> None:
    limit = time.monotonic() + seconds
    while statements(address):
        assert time.monotonic() < limit, statements(address)
        time.sleep(0.01)


def ask(client: Client, statement: str, **options: Any) -> Any:
    with client.transaction(**options) as cursor:
        cursor.execute(statement)
        (value,) = cursor.fetchone()
    return value


def backend(client: Client) -> int:
    number: int = ask(client, "SELECT connection_id()")
    return number


def test_connects_only_when_asked(make: Make, login: MariaDb) -> None:
    client = make()
    assert sessions(login) == []
    number = backend(client)
    assert sessions(login) == [number]


def test_checklist_15_one_session_serves_all_transactions(make: Make, login: MariaDb) -> None:
    client = make()
    assert backend(client) == backend(client)
    client.release()
    assert len(sessions(login)) == 1


def test_session_is_set_up(make: Make, login: MariaDb) -> None:
    hostile = (
        "&sessionVariables=time_zone='%2B09:00',sql_mode='ANSI_QUOTES,NO_BACKSLASH_ESCAPES'"
        ",net_write_timeout=1,sql_select_limit=1,sql_auto_is_null=1,tx_read_only=0"
        ",group_concat_max_len=4097;@@session.max_length_for_sort_data=2048"
    )
    client = make(login.url + hostile)
    with client.transaction(query_id="q-1") as cursor:
        cursor.execute("SHOW SESSION VARIABLES")
        shown = dict(cursor.fetchall())
    assert shown["time_zone"] == "+00:00"
    assert shown["sql_mode"] == ""
    assert shown["autocommit"] == "OFF"
    assert shown["tx_read_only"] == "ON"
    assert shown["tx_isolation"] == "REPEATABLE-READ"
    assert shown["net_write_timeout"] == "600"
    assert shown["lock_wait_timeout"] == "30"
    assert shown["wait_timeout"] == "900"
    assert shown["idle_readonly_transaction_timeout"] == "900"
    assert shown["max_statement_time"] == "900.000000"
    assert shown["sql_select_limit"] == "18446744073709551615"
    assert shown["sql_auto_is_null"] == "OFF"
    assert {shown[f"character_set_{part}"] for part in ("client", "connection", "results")} == {
        "utf8mb4"
    }
    assert shown["collation_connection"] == "utf8mb4_bin"
    assert (shown["group_concat_max_len"], shown["max_length_for_sort_data"]) == ("4097", "2048")


def test_a_server_that_limits_rows_does_not_limit_ours(make: Make) -> None:
    with mariadb_process("--init-connect=SET sql_select_limit=1") as server:
        shop = server.address.create_database()
        reader = shop.create_user("reader", "p", "SELECT ON *.*")
        client = make(reader.url)
        with client.transaction() as cursor:
            assert cursor.execute("SELECT * FROM seq_1_to_5") == 5
        client.close()


def test_statements_tell_which_query_they_are_for(make: Make, login: MariaDb) -> None:
    client = make()
    statement = "SELECT info FROM information_schema.processlist WHERE id = connection_id()"
    shown = ask(client, statement, query_id="q-1")
    assert shown == f"/* athena-federation:q-1 */ {statement}"
    assert ask(client, statement) == f"/* athena-federation */ {statement}"
    mine = make(login.url + "&applicationName=mine")
    hostile = ask(mine, statement, query_id="*/ DROP TABLE x; /*! 'é`")
    assert hostile == f"/* mine:___DROP_TABLE_x_______é_ */ {statement}"
    assert len(ask(mine, statement, query_id="q" * 1000)) < 300


@pytest.mark.parametrize(
    ("consistency", "isolation", "seen"),
    [("repeatable_read", "REPEATABLE-READ", 1), ("read_committed", "READ-COMMITTED", 2)],
)
def test_isolation(
    make: Make, database: MariaDb, consistency: str, isolation: str, seen: int
) -> None:
    database.execute("CREATE OR REPLACE TABLE counted (a int)", "INSERT INTO counted VALUES (1)")
    client = make(read_consistency=consistency)
    with client.transaction() as cursor:
        database.execute("INSERT INTO counted VALUES (2)")  # before the first statement
        cursor.execute("SELECT count(*), @@tx_isolation FROM counted")
        assert cursor.fetchone() == (seen, isolation)
    assert ask(client, "SELECT count(*) FROM counted") == 2


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TABLE written (a int)",
        "INSERT INTO kept VALUES (1)",
        "INSERT INTO kept VALUES (1) RETURNING a",
        "SELECT nextval(kept_sequence)",
    ],
)
def test_checklist_15_nothing_is_written(make: Make, database: MariaDb, statement: str) -> None:
    database.execute(
        "CREATE TABLE IF NOT EXISTS kept (a int)", "CREATE SEQUENCE IF NOT EXISTS kept_sequence"
    )
    client = make()
    with pytest.raises(UnsupportedOperationError, match="1792"), client.transaction() as cursor:
        cursor.execute(statement)
    assert ask(client, "SELECT count(*) FROM kept") == 0


def test_one_statement_at_a_time(make: Make) -> None:
    client = make()
    with pytest.raises(ConnectorError, match="1064"):
        ask(client, "SELECT 1; SELECT 2")
    assert ask(client, "SELECT 1") == 1


def test_limit_is_the_deadline_or_the_setting(make: Make) -> None:
    client = make(statement_timeout_ms="5500")
    limit = "SELECT @@max_statement_time"
    assert ask(client, limit) == 5.5
    soon = ask(client, limit, deadline=time.monotonic() + 2)
    assert 3 < soon <= 4  # after who watches the deadline here, and not long after
    assert ask(client, limit, deadline=time.monotonic() + 60) == 5.5


def test_server_stops_a_statement_soon_after_the_deadline(make: Make) -> None:
    client = make()
    number = backend(client)
    started = time.monotonic()
    with pytest.raises(SourceTimeoutError, match="1969"):
        ask(client, "SELECT sleep(30)", deadline=started + 0.2)
    assert time.monotonic() - started < 20
    assert backend(client) == number


def test_a_deadline_that_has_passed_asks_nothing(make: Make, login: MariaDb) -> None:
    client = make()
    with pytest.raises(DeadlineExceededError):
        ask(client, "SELECT 1", deadline=time.monotonic() - 1)
    assert sessions(login) == []


def test_transactions_do_not_nest(make: Make) -> None:
    client = make()
    with pytest.raises(InternalError):
        _ = client.connection
    with client.transaction() as cursor:
        with pytest.raises(InternalError), client.transaction():
            pass
        assert client.connection is cursor.connection
        cursor.execute("SELECT 1")
        assert cursor.fetchone() == (1,)


def test_an_abandoned_reader_leaves_nothing_open(make: Make) -> None:
    client = make()

    def read() -> Iterator[int]:
        with client.transaction() as cursor:
            cursor.execute("SELECT 1 FROM mysql.user LIMIT 1")
            yield 1

    number = backend(client)
    abandoned = read()
    next(abandoned)
    client.release()
    with client.transaction() as cursor:
        abandoned.close()  # the end of the old transaction is not the end of the new one
        assert client.connection is cursor.connection
        cursor.execute("SELECT connection_id()")
        assert cursor.fetchone() == (number,)


def test_a_broken_off_result_is_not_read_to_its_end(make: Make, login: MariaDb) -> None:
    client = make()
    number = backend(client)
    started = time.monotonic()
    with client.transaction():
        rows = client.connection.cursor(SSCursor)
        rows.execute(ENDLESS)
        assert rows.fetchone()[1] == 1
    assert time.monotonic() - started < 2
    await_no_statement(login)
    assert backend(client) != number
    del rows  # nor when the result is collected


def test_a_result_that_was_read_keeps_the_session(make: Make) -> None:
    client = make()
    number = backend(client)
    with client.transaction():
        with client.connection.cursor(SSCursor) as rows:
            rows.execute("SELECT seq FROM seq_1_to_100")
            assert len(rows.fetchall()) == 100
        with pytest.raises(pymysql.Error):
            client.connection.query("nonsense")
        client.connection.ping()
    assert backend(client) == number


def test_an_abandoned_result_is_ended_in_the_server(make: Make, login: MariaDb) -> None:
    client = make()
    with client.transaction():
        rows = client.connection.cursor(SSCursor)
        # One row at once, and then nothing that would show that nobody listens.
        rows.execute("SELECT repeat('x', 200000), sleep(if(seq > 1, 30, 0)) FROM seq_1_to_9")
        assert rows.fetchone()[1] == 0
    await_no_statement(login, seconds=2)


def test_cancel_from_another_thread(make: Make, login: MariaDb) -> None:
    client = make()
    number = backend(client)
    timer = threading.Timer(0.2, client.cancel)
    timer.start()
    started = time.monotonic()
    with pytest.raises(SourceTimeoutError, match="1317"), client.transaction() as cursor:
        cursor.execute("SELECT count(*) FROM seq_1_to_2000000000 AS a, seq_1_to_2000000000 AS b")
    timer.join()
    assert time.monotonic() - started < 2
    await_no_statement(login)
    assert backend(client) != number  # an order to end a statement may still be on its way
    await_sessions(login, 1)


def test_checklist_14_cancel_ends_a_stream_within_two_seconds(make: Make, login: MariaDb) -> None:
    client = make()
    with failing_stream(client, SourceTimeoutError, "1317") as rows:
        rows.fetchone()
        client.cancel()
        started = time.monotonic()
        drain(rows)
    assert time.monotonic() - started < 2
    await_no_statement(login, seconds=2)
    assert ask(client, "SELECT 1") == 1


def test_checklist_14_a_slow_consumer_does_not_end_the_stream() -> None:
    with mariadb_process("--net-write-timeout=1") as server:
        shop = server.address.create_database()
        client = Client(
            parse_connection_string(shop.url, engine="mysql", catalog="shop"),
            load_settings(Settings, {}),
            secrets=None,
            environ={},
        )
        with closing(client), stream(client) as rows:
            rows.fetchone()
            time.sleep(3)  # longer than the server waits unless it was told
            assert len(rows.fetchmany(100_000)) == 100_000


@pytest.mark.parametrize("is_read_on", [True, False])
def test_a_read_of_columns_keeps_the_session_if_it_ends(
    make: Make, login: MariaDb, *, is_read_on: bool
) -> None:
    column = Column(
        name="seq",
        source_type="bigint(20) unsigned",
        base_type="bigint",
        arrow=pa.decimal128(20, 0),
        projection="{c}",
        decoder="decimal",
        comparison=Comparison.NATIVE,
    )
    client = make()
    number = backend(client)
    with client.transaction(query_id="q"):
        batches = read_statement(
            client.connection,
            "SELECT seq FROM seq_1_to_1000000",
            [column],
            table="a.b",
            stats=SplitStats(),
            cancel=client.end_statement,
        )
        if is_read_on:
            assert sum(batch.num_rows for batch in batches) == 1_000_000
        else:
            next(batches)
            assert statements(login) == [
                "/* athena-federation:q */ SELECT seq FROM seq_1_to_1000000"
            ]
    await_no_statement(login)
    batches.close()
    assert (backend(client) == number) is is_read_on


def test_cancel_before_the_first_statement_counts(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = make()
    start = client._begin

    def slow_begin(*arguments: Any, **options: Any) -> Any:
        client.cancel()
        return start(*arguments, **options)

    monkeypatch.setattr(client, "_begin", slow_begin)
    with pytest.raises(SourceTimeoutError):
        ask(client, "SELECT 1")
    monkeypatch.undo()
    assert ask(client, "SELECT 1") == 1


def test_cancel_without_a_transaction_does_nothing(make: Make) -> None:
    client = make()
    client.cancel()
    number = backend(client)
    client.cancel()
    assert backend(client) == number
    client.close()
    client.cancel()


def test_a_server_that_takes_no_second_session_is_left_by_the_first(
    make: Make, database: MariaDb, login: MariaDb
) -> None:
    database.execute("ALTER USER asker WITH MAX_USER_CONNECTIONS 1")
    client = make(login.url, max_connection_age_s="0")
    timer = threading.Timer(0.2, client.cancel)
    timer.start()
    started = time.monotonic()
    with pytest.raises(SourceError), client.transaction() as cursor:
        cursor.execute("SELECT sleep(30)")
    timer.join()
    assert time.monotonic() - started < 5
    database.execute("ALTER USER asker WITH MAX_USER_CONNECTIONS 0", "KILL USER asker")


def test_a_silent_network_is_left_by_the_second_cancel(make: Make, login: MariaDb) -> None:
    with tcp_proxy(login.host, login.port) as proxy:
        client = make(login.through(proxy.port).url)
        ask(client, "SELECT 1")
        proxy.stall_after(0)
        first = threading.Timer(0.2, client.cancel)  # its own connection is as silent
        first.start()
        started = time.monotonic()
        with pytest.raises(SourceError), client.transaction() as cursor:
            cursor.execute("SELECT sleep(30)")
        first.join()
        assert time.monotonic() - started < 5
        proxy.heal()
    await_sessions(login, 0)


def test_the_second_cancel_asks_nobody(make: Make, login: MariaDb) -> None:
    client = make()
    timer = threading.Timer(0.2, client.cancel)
    timer.start()
    with client.transaction() as cursor:
        client._cancelled.set()  # the first went unheard
        with pytest.raises(pymysql.OperationalError, match="2013"):
            cursor.execute("SELECT sleep(3)")
    timer.join()
    assert ask(client, "SELECT 1") == 1
    await_sessions(login, 1)


def test_checklist_15_a_session_that_died_meanwhile_is_replaced(
    make: Make, database: MariaDb, login: MariaDb
) -> None:
    client = make()
    number = backend(client)
    database.execute(f"KILL {number}")
    await_sessions(login, 0)
    assert backend(client) != number
    assert len(sessions(login)) == 1


def test_checklist_15_a_server_that_was_restarted_is_found_again() -> None:
    with mariadb_process() as server:
        client = Client(
            parse_connection_string(server.address.url, engine="mysql", catalog="shop"),
            load_settings(Settings, {}),
            secrets=None,
            environ={},
        )
        backend(client)
        server.restart()
        assert ask(client, "SELECT 1") == 1
        server.stop()
        with pytest.raises(SourceError, match="2003"):
            ask(client, "SELECT 1")
        server.restart()
        assert ask(client, "SELECT 1") == 1
        client.close()


def test_a_session_that_the_server_ends_by_itself_is_replaced(make: Make, login: MariaDb) -> None:
    client = make()
    with client.transaction() as cursor:
        cursor.execute("SET SESSION wait_timeout = 1")
        number = client.connection.thread_id()
    await_sessions(login, 0)
    assert backend(client) != number


@pytest.mark.parametrize(("number", "replaced"), [(4031, True), (1927, True), (1064, False)])
def test_a_session_is_replaced_if_the_server_says_that_it_is_over(
    make: Make, monkeypatch: pytest.MonkeyPatch, number: int, *, replaced: bool
) -> None:
    client = make()
    ask(client, "SELECT 1")

    def refuse(*_: object) -> None:
        raise pymysql.OperationalError(number, "no more")

    monkeypatch.setattr(client._connection, "_execute_command", refuse)
    if replaced:
        assert ask(client, "SELECT 1") == 1
    else:
        with pytest.raises(ConnectorError, match="no more"):
            ask(client, "SELECT 1")


def test_a_session_that_dies_while_read_is_dropped(make: Make, database: MariaDb) -> None:
    client = make()
    number = backend(client)
    with failing_stream(client, SourceError, "atalog 'shop'") as rows:
        database.execute(f"KILL {number}")
        drain(rows)
    assert backend(client) != number


def test_a_network_that_breaks_while_read_is_an_error(make: Make, login: MariaDb) -> None:
    with tcp_proxy(login.host, login.port) as proxy:
        client = make(login.through(proxy.port).url)
        ask(client, "SELECT 1")
        proxy.cut_after(100_000)
        with failing_stream(client, SourceError, "2013") as rows:
            drain(rows)
        proxy.heal()
        assert ask(client, "SELECT 1") == 1
        client.close()


def test_a_server_that_falls_silent_is_left_after_the_socket_timeout(
    make: Make, login: MariaDb
) -> None:
    with tcp_proxy(login.host, login.port) as proxy:
        client = make(login.through(proxy.port).url + "&socketTimeout=300&connectTimeout=300")
        ask(client, "SELECT 1")
        proxy.stall_after(0)
        with pytest.raises(SourceError, match="timed out"):
            ask(client, "SELECT 1")
        proxy.heal()
        client.close()


def test_an_old_session_is_replaced(make: Make, login: MariaDb) -> None:
    client = make(max_connection_age_s="0")
    assert backend(client) != backend(client)
    await_sessions(login, 1)


def test_server_version(make: Make, database: MariaDb) -> None:
    client = make()
    ((text,),) = database.execute("SELECT version()")
    major, minor, patch = map(int, text.split("-")[0].split("."))
    assert client.server_version == 10_000 * major + 100 * minor + patch
    assert client.is_mariadb
    with client.transaction() as cursor:
        cursor.execute("SELECT 1")
        assert client.server_version > 100_000  # also inside a transaction


def test_a_refused_login_is_translated(make: Make, login: MariaDb) -> None:
    client = make(login.of_user("asker", "hunter2").url)
    with pytest.raises(InvalidCredentialsError) as caught:
        ask(client, "SELECT 1")
    assert "hunter2" not in str(caught.value)
    assert "'shop'" in str(caught.value)


def test_issue_195_135_and_479_an_odd_password(make: Make, database: MariaDb) -> None:
    password = "p'w\\d $x}%41 +;password=z&ä€"
    address = database.create_user("odd", password)
    odd = address.of_database("")
    assert ask(make(odd.url), "SELECT current_user()") == "odd@%"
    store = SecretStore(s=login_secret("odd", password))
    assert ask(make(with_secret(odd), store), "SELECT current_user()") == "odd@%"
    with pytest.raises(InvalidCredentialsError) as caught:
        ask(make(odd.of_user("odd", password + "?").url), "SELECT 1")
    assert password not in str(caught.value)
    database.execute("DROP USER odd")


def with_secret(address: MariaDb, name: str = "s") -> str:
    place = f"{address.host}:{address.port}/{address.database}"
    return f"mysql://jdbc:mysql://{place}?${{{name}}}"


@pytest.mark.parametrize(
    "name",
    ["rds!cluster-0a1b", "arn:aws:secretsmanager:eu-west-1:123456789012:secret:shop/db-AbCdEf"],
)
def test_issue_2129_names_of_managed_secrets(make: Make, login: MariaDb, name: str) -> None:
    store = SecretStore()
    store.secrets[name] = login_secret(login.user, login.password)
    assert ask(make(with_secret(login, name), store), "SELECT current_user()") == "asker@%"


def test_address_of_a_secret(make: Make, login: MariaDb) -> None:
    store = SecretStore(
        s=login_secret(
            login.user, login.password, host=login.host, port=login.port, dbname=login.database
        )
    )
    client = make("mysql://jdbc:mysql:///?${s}", store)
    assert ask(client, "SELECT database()") == login.database


def test_checklist_15_a_rotated_secret_is_read_anew_once(make: Make, database: MariaDb) -> None:
    database.create_user("rotated", "one")
    place = database.of_database("")
    store = SecretStore(s=login_secret("rotated", "one"))
    client = make(with_secret(place), store, max_connection_age_s="0")
    assert ask(client, "SELECT current_user()") == "rotated@%"
    database.execute("ALTER USER rotated IDENTIFIED BY 'two'")
    store.secrets["s"] = login_secret("rotated", "two")
    assert ask(client, "SELECT current_user()") == "rotated@%"
    assert store.calls == 2
    database.execute("ALTER USER rotated IDENTIFIED BY 'three'")
    with pytest.raises(InvalidCredentialsError):
        ask(client, "SELECT 1")
    assert store.calls == 3
    database.execute("DROP USER rotated")


def test_a_statement_is_cancelled_with_the_rotated_secret_too(
    make: Make, database: MariaDb
) -> None:
    user = database.create_user("rotated", "one", "SELECT ON *.*")
    store = SecretStore(s=login_secret("rotated", "one"))
    client = make(with_secret(user), store)
    with failing_stream(client, SourceTimeoutError, "1317") as rows:
        database.execute("ALTER USER rotated IDENTIFIED BY 'two'")
        store.secrets["s"] = login_secret("rotated", "two")
        client.cancel()
        drain(rows)
    client.close()
    database.execute("DROP USER rotated")


def test_a_secret_without_a_resolver(make: Make, login: MariaDb) -> None:
    with pytest.raises(ConfigurationError, match="secret s"):
        ask(make(with_secret(login)), "SELECT 1")


def test_variables_that_the_server_refuses(make: Make, login: MariaDb) -> None:
    client = make(login.url + "&sessionVariables=nosuch=1")
    with pytest.raises(ConfigurationError, match=r"nosuch.*1193.*sessionVariables"):
        ask(client, "SELECT 1")


def test_the_next_host_is_tried(make: Make, login: MariaDb) -> None:
    hosts = f"no-such-host.invalid,127.0.0.1:1,{login.host}:{login.port}"
    text = login.url.replace(f"{login.host}:{login.port}", hosts)
    assert ask(make(text), "SELECT 1") == 1
    with pytest.raises(SourceError, match="port 1: Connection refused"):
        ask(make(text.replace(hosts, "no-such-host.invalid,127.0.0.1:1")), "SELECT 1")


def test_a_server_that_lets_nobody_in_is_left_after_the_connect_timeout(
    make: Make, login: MariaDb
) -> None:
    with tcp_proxy(login.host, login.port) as proxy:
        proxy.stall_after(0)
        client = make(login.through(proxy.port).url + "&connectTimeout=300")
        started = time.monotonic()
        with pytest.raises(SourceError, match="timed out") as caught:
            ask(client, "SELECT 1")
        assert "security group" in caught.value.hint
        assert time.monotonic() - started < 5


def test_issue_3303_one_session_per_client(make: Make, login: MariaDb) -> None:
    client = make()
    for _ in range(5):
        ask(client, "SELECT 1")
        with pytest.raises(ConnectorError):
            ask(client, "SELECT nonsense")
        with client.transaction():
            rows = client.connection.cursor(SSCursor)
            rows.execute(ENDLESS)
    await_sessions(login, 0)
    ask(client, "SELECT 1")
    assert len(sessions(login)) == 1


def test_other_sessions_are_left_alone(make: Make, login: MariaDb) -> None:
    with closing(login.connect()) as other:
        client = make()
        ask(client, "SELECT 1")
        client.close()
        with other.cursor() as cursor:
            cursor.execute("SELECT 1")
            assert cursor.fetchone() == (1,)

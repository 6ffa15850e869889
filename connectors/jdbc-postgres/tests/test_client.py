from __future__ import annotations

import logging
import threading
import time
from contextlib import closing
from typing import TYPE_CHECKING, Any

import psycopg2
import pytest
from athena_connectors.common.config import load_settings
from athena_connectors.common.errors import (
    ConfigurationError,
    ConnectorError,
    DeadlineExceededError,
    InternalError,
    InvalidCredentialsError,
    InvalidRequestError,
    SourceError,
    SourceTimeoutError,
    UnsupportedOperationError,
)
from athena_connectors.common.secrets import SecretResolver
from athena_connectors.common.sql.connection_strings import parse_connection_string
from athena_connectors.common.testing.secret_store import SecretStore, login_secret
from athena_connectors.jdbc_postgres.client import Client
from athena_connectors.jdbc_postgres.settings import Settings
from athena_connectors.jdbc_postgres.snapshots import MAX_HELD

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from athena_connectors.common.testing.postgres import PostgresAddress

    Make = Callable[..., Client]


@pytest.fixture
def make(database: PostgresAddress) -> Iterator[Make]:
    """Make clients; after the test no session of theirs may be left."""
    clients: list[Client] = []

    def make_client(
        text: str = database.connection_string, store: SecretStore | None = None, **settings: str
    ) -> Client:
        client = Client(
            parse_connection_string(text, engine="postgres", catalog="shop"),
            load_settings(Settings, settings),
            secrets=SecretResolver(lambda: store) if store else None,
            environ={},
        )
        clients.append(client)
        return client

    yield make_client
    for client in clients:
        client.close()
    await_sessions(database, 0)


def sessions(address: PostgresAddress) -> list[tuple[str, str, int]]:
    """Return label, state and process of each session of a client."""
    return address.execute(
        "SELECT application_name, state, pid FROM pg_stat_activity"
        " WHERE application_name LIKE 'athena-federation%' AND datname = current_database()"
        " ORDER BY pid"
    )


def await_sessions(address: PostgresAddress, count: int, *, seconds: float = 5) -> None:
    limit = time.monotonic() + seconds
    while len(sessions(address)) != count:
        assert time.monotonic() < limit, sessions(address)
        time.sleep(0.01)


def ask(client: Client, statement: str, **options: Any) -> Any:
    with client.transaction(**options) as cursor:
        cursor.execute(statement)
        (value,) = cursor.fetchone()
    return value


def backend(client: Client) -> int:
    pid: int = ask(client, "SELECT pg_backend_pid()")
    return pid


def test_connects_only_when_asked(make: Make, database: PostgresAddress) -> None:
    client = make()
    assert sessions(database) == []
    ask(client, "SELECT 1")
    assert [(label, state) for label, state, _ in sessions(database)] == [
        ("athena-federation", "idle")
    ]


def test_checklist_15_one_session_serves_all_transactions(
    make: Make, database: PostgresAddress
) -> None:
    client = make()
    assert backend(client) == backend(client)
    client.release()
    assert len(sessions(database)) == 1


def test_session_is_set_up(make: Make, database: PostgresAddress) -> None:
    hostile = (
        "&options=-c%20timezone=Asia/Tokyo%20-c%20datestyle=German%20-c%20bytea_output=escape"
        "%20-c%20default_transaction_read_only=off%20-c%20work_mem=3MB"
        "&currentSchema=pg_catalog"
    )
    client = make(database.connection_string + hostile)
    with client.transaction(query_id="q-1") as cursor:
        cursor.execute("SELECT name, setting FROM pg_settings")
        shown = dict(cursor.fetchall())
    assert shown["TimeZone"] == "UTC"
    assert shown["DateStyle"].startswith("ISO")
    assert shown["IntervalStyle"] == "postgres"
    assert shown["bytea_output"] == "hex"
    assert int(shown["extra_float_digits"]) >= 1
    assert shown["client_encoding"] == "UTF8"
    assert shown["standard_conforming_strings"] == "on"
    assert shown["default_transaction_read_only"] == "on"
    assert shown["transaction_read_only"] == "on"
    assert shown["application_name"] == "athena-federation:q-1"
    assert shown["statement_timeout"] == "900000"
    assert shown["lock_timeout"] == "30000"
    assert shown["idle_in_transaction_session_timeout"] == "900000"
    assert (shown["work_mem"], shown["search_path"]) == ("3072", "pg_catalog")


def test_the_users_own_label(make: Make, database: PostgresAddress) -> None:
    client = make(database.connection_string + "&ApplicationName=mine")
    assert ask(client, "SHOW application_name", query_id="q") == "mine:q"
    long = ask(client, "SHOW application_name", query_id="q" * 100)
    assert len(long) == 63


@pytest.mark.parametrize(
    ("consistency", "isolation"),
    [
        ("auto", "read committed"),
        ("snapshot", "read committed"),
        ("read_committed", "read committed"),
        ("repeatable_read", "repeatable read"),
    ],
)
def test_isolation(make: Make, consistency: str, isolation: str) -> None:
    client = make(read_consistency=consistency)
    assert ask(client, "SHOW transaction_isolation") == isolation


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TABLE written ()",
        "CREATE TEMP TABLE written AS SELECT 1",
        "INSERT INTO kept VALUES (1)",
        "SELECT nextval('kept_sequence')",
        "WITH gone AS (DELETE FROM kept RETURNING *) SELECT * FROM gone",
    ],
)
def test_checklist_15_nothing_is_written(
    make: Make, database: PostgresAddress, statement: str
) -> None:
    database.execute(
        "CREATE TABLE IF NOT EXISTS kept (a int)", "CREATE SEQUENCE IF NOT EXISTS kept_sequence"
    )
    client = make()
    with pytest.raises(UnsupportedOperationError, match="25006"), client.transaction() as cursor:
        cursor.execute(statement)
    assert ask(client, "SELECT 1") == 1


def test_limit_is_the_deadline_or_the_setting(make: Make) -> None:
    client = make(statement_timeout_ms="5000")
    assert ask(client, "SHOW statement_timeout") == "5s"
    soon = ask(
        client,
        "SELECT setting::int FROM pg_settings WHERE name = 'statement_timeout'",
        deadline=time.monotonic() + 2,
    )
    assert 3000 < soon <= 4000  # after who watches the deadline here, and not long after
    assert ask(client, "SHOW statement_timeout", deadline=time.monotonic() + 60) == "5s"


def test_server_stops_a_statement_soon_after_the_deadline(make: Make) -> None:
    client = make()
    ask(client, "SELECT 1")
    started = time.monotonic()
    with pytest.raises(SourceTimeoutError, match="57014"):
        ask(client, "SELECT pg_sleep(30)", deadline=started + 0.2)
    assert time.monotonic() - started < 20
    assert ask(client, "SELECT 1") == 1


def test_a_deadline_that_has_passed_asks_nothing(make: Make) -> None:
    client = make()
    with pytest.raises(DeadlineExceededError):
        ask(client, "SELECT 1", deadline=time.monotonic() - 1)
    assert ask(client, "SELECT 1") == 1


def test_transactions_do_not_nest(make: Make) -> None:
    client = make()
    with client.transaction() as cursor:
        with pytest.raises(InternalError), client.transaction():
            pass
        cursor.execute("SELECT 1")
        assert cursor.fetchone() == (1,)


def test_named_cursor_streams(make: Make) -> None:
    client = make()
    with client.transaction() as cursor, cursor.connection.cursor("rows") as named:
        named.execute("SELECT generate_series(1, 1000000000)")
        assert named.fetchmany(3) == [(1,), (2,), (3,)]
    assert ask(client, "SELECT 1") == 1


def test_an_abandoned_reader_leaves_nothing_open(make: Make, database: PostgresAddress) -> None:
    client = make()

    def read() -> Iterator[int]:
        with client.transaction() as cursor:
            cursor.execute("SELECT 1")
            yield 1

    abandoned = read()
    next(abandoned)
    assert sessions(database)[0][1] == "idle in transaction"
    client.release()
    assert sessions(database)[0][1] == "idle"
    with client.transaction() as cursor:
        abandoned.close()  # the end of the old transaction is not the end of the new one
        assert sessions(database)[0][1] == "idle in transaction"
        cursor.execute("SELECT 2")
        assert cursor.fetchone() == (2,)


class _Stop(Exception):  # noqa: N818 - what a reader raises when it has enough
    pass


class _Enough:
    def write(self, data: bytes) -> int:
        raise _Stop


def test_a_broken_off_copy_is_stopped_in_the_server(make: Make, database: PostgresAddress) -> None:
    client = make()
    pid = backend(client)
    started = time.monotonic()
    with pytest.raises(_Stop), client.transaction() as cursor:
        cursor.copy_expert(
            "COPY (SELECT repeat('x', 100), generate_series(1, 2000000000)) TO STDOUT", _Enough()
        )
    assert time.monotonic() - started < 2
    assert [(state, process) for _, state, process in sessions(database)] == [("idle", pid)]
    assert backend(client) == pid


def test_cancel_from_another_thread(make: Make, database: PostgresAddress) -> None:
    client = make()
    pid = backend(client)
    timer = threading.Timer(0.2, client.cancel)
    timer.start()
    started = time.monotonic()
    with pytest.raises(SourceTimeoutError, match="57014"):
        ask(client, "SELECT pg_sleep(30)")
    timer.join()
    assert time.monotonic() - started < 2
    assert sessions(database)[0][1] == "idle"
    assert backend(client) == pid


def test_checklist_14_cancel_ends_a_copy(make: Make) -> None:
    client = make()

    class Cancelling:
        rows = 0

        def write(self, data: bytes) -> int:
            self.rows += 1
            if self.rows == 1:
                client.cancel()
            return len(data)

    with pytest.raises(SourceTimeoutError, match="57014"), client.transaction() as cursor:
        cursor.copy_expert(
            "COPY (SELECT repeat('x', 100), generate_series(1, 2000000000)) TO STDOUT",
            Cancelling(),
        )
    assert ask(client, "SELECT 1") == 1


def test_cancel_before_the_first_statement_counts(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = make()
    connect = psycopg2.connect

    def slow_connect(**options: Any) -> Any:
        client.cancel()
        return connect(**options)

    monkeypatch.setattr(psycopg2, "connect", slow_connect)
    with pytest.raises(SourceTimeoutError):
        ask(client, "SELECT 1")
    assert ask(client, "SELECT 1") == 1


def test_cancel_without_a_transaction_does_nothing(make: Make) -> None:
    client = make()
    client.cancel()
    ask(client, "SELECT 1")
    client.cancel()
    assert ask(client, "SELECT 1") == 1
    client.close()
    client.cancel()


def test_checklist_15_a_session_that_died_meanwhile_is_replaced(
    make: Make, database: PostgresAddress
) -> None:
    client = make()
    pid = backend(client)
    database.execute(f"SELECT pg_terminate_backend({pid}, 5000)")
    assert backend(client) != pid
    assert len(sessions(database)) == 1


def test_issue_3303_one_session_per_client(make: Make, database: PostgresAddress) -> None:
    client = make()
    for _ in range(5):
        ask(client, "SELECT 1")
        with pytest.raises(ConnectorError):
            ask(client, "SELECT nonsense")
    assert len(sessions(database)) == 1


def test_a_session_that_dies_while_read_is_dropped(make: Make, database: PostgresAddress) -> None:
    client = make()
    pid = backend(client)
    with pytest.raises(SourceError), client.transaction() as cursor:
        cursor.execute("SELECT pg_terminate_backend(pg_backend_pid())")
    assert backend(client) != pid


def test_a_session_that_dies_under_a_copy(make: Make, database: PostgresAddress) -> None:
    client = make()

    class Killer:
        killed = False

        def write(self, data: bytes) -> int:
            if not self.killed:
                self.killed = True
                database.execute(f"SELECT pg_terminate_backend({pid}, 5000)")
            return len(data)

    pid = backend(client)
    with pytest.raises(SourceError), client.transaction() as cursor:
        cursor.copy_expert(
            "COPY (SELECT repeat('x', 100), generate_series(1, 2000000000)) TO STDOUT", Killer()
        )
    assert backend(client) != pid


def test_an_old_session_is_replaced(make: Make, database: PostgresAddress) -> None:
    client = make(max_connection_age_s="0")
    assert backend(client) != backend(client)
    await_sessions(database, 1)


def test_server_version(make: Make, database: PostgresAddress) -> None:
    client = make(max_connection_age_s="0")
    ((expected,),) = database.execute("SELECT current_setting('server_version_num')::int")
    assert client.server_version == expected
    with client.transaction() as cursor:
        cursor.execute("SELECT txid_current_if_assigned()")
        assert client.server_version == expected  # also inside a transaction


def test_a_refused_login_is_translated(make: Make, database: PostgresAddress) -> None:
    client = make(database.of_user("postgres", "hunter2").connection_string)
    with pytest.raises(InvalidCredentialsError) as caught:
        ask(client, "SELECT 1")
    assert "hunter2" not in str(caught.value)
    assert "'shop'" in str(caught.value)


def test_issue_195_135_and_479_an_odd_password(make: Make, database: PostgresAddress) -> None:
    password = "p'w\\d $x}%41 +;password=z&ä"
    with closing(database.connect()) as connection, connection.cursor() as cursor:
        cursor.execute("DROP ROLE IF EXISTS odd")
        cursor.execute("CREATE ROLE odd LOGIN PASSWORD %s", (password,))
    address = database.of_user("odd", password)
    assert ask(make(address.connection_string), "SELECT current_user") == "odd"
    store = SecretStore(s=secret_string(address))
    assert ask(make(with_secret(database), store), "SELECT current_user") == "odd"
    with pytest.raises(InvalidCredentialsError) as caught:
        ask(make(database.of_user("odd", password + "?").connection_string), "SELECT 1")
    assert password not in str(caught.value)
    database.execute("DROP ROLE odd")


def secret_string(address: PostgresAddress, **more: str | int) -> str:
    return login_secret(address.user, address.password, **more)


def with_secret(address: PostgresAddress) -> str:
    return f"postgres://jdbc:postgresql://{address.host}:{address.port}/{address.database}?${{s}}"


def test_login_of_a_secret(make: Make, database: PostgresAddress) -> None:
    store = SecretStore(s=secret_string(database))
    client = make(with_secret(database), store)
    assert ask(client, "SELECT current_user") == "postgres"


def test_address_of_a_secret(make: Make, database: PostgresAddress) -> None:
    store = SecretStore(
        s=secret_string(database, host=database.host, port=database.port, dbname=database.database)
    )
    client = make("postgres://jdbc:postgresql:///?${s}", store)
    assert ask(client, "SELECT current_database()") == database.database


def test_checklist_15_a_rotated_secret_is_read_anew_once(
    make: Make, database: PostgresAddress
) -> None:
    database.execute("DROP ROLE IF EXISTS rotated", "CREATE ROLE rotated LOGIN PASSWORD 'one'")
    store = SecretStore(s=secret_string(database.of_user("rotated", "one")))
    client = make(with_secret(database), store, max_connection_age_s="0")
    assert ask(client, "SELECT current_user") == "rotated"
    database.execute("ALTER ROLE rotated PASSWORD 'two'")
    store.secrets["s"] = secret_string(database.of_user("rotated", "two"))
    assert ask(client, "SELECT current_user") == "rotated"
    assert store.calls == 2
    database.execute("ALTER ROLE rotated PASSWORD 'three'")
    with pytest.raises(InvalidCredentialsError):
        ask(client, "SELECT 1")
    assert store.calls == 3
    database.execute("DROP ROLE rotated")


def test_a_secret_without_a_resolver(make: Make, database: PostgresAddress) -> None:
    with pytest.raises(ConfigurationError, match="secret s"):
        ask(make(with_secret(database)), "SELECT 1")


@pytest.fixture
def counted(database: PostgresAddress) -> Iterator[PostgresAddress]:
    """A table of one row, in which each further row is a change to see or not to see."""
    database.execute("CREATE TABLE counted (a int)", "INSERT INTO counted VALUES (1)")
    yield database
    database.execute("DROP TABLE counted")


COUNT = "SELECT count(*) FROM counted"
INSERT = "INSERT INTO counted VALUES (2)"


def test_splits_share_a_snapshot(make: Make, counted: PostgresAddress) -> None:
    planner, reader = make(), make()
    snapshot = planner.export_snapshot("q-1")
    assert snapshot is not None
    assert ("athena-federation:q-1", "idle in transaction") in [
        session[:2] for session in sessions(counted)
    ]
    counted.execute(INSERT)
    for client in (planner, reader, reader):
        assert ask(client, COUNT, snapshot=snapshot) == 1
        assert ask(client, COUNT) == 2
    assert ask(reader, "SHOW transaction_isolation", snapshot=snapshot) == "repeatable read"
    planner.release()
    assert ask(reader, COUNT, snapshot=snapshot) == 1  # held over the end of an invocation


def test_all_scans_of_a_query_share_a_snapshot(make: Make, counted: PostgresAddress) -> None:
    client = make()
    first = client.export_snapshot("q-1")
    counted.execute(INSERT)
    assert client.export_snapshot("q-1") == first
    second = client.export_snapshot("q-2")
    assert ask(client, COUNT, snapshot=first) == 1
    assert ask(client, COUNT, snapshot=second) == 2
    await_sessions(counted, 3)
    client.close()
    await_sessions(counted, 0)


def test_few_snapshots_are_held(make: Make, counted: PostgresAddress) -> None:
    client = make(read_consistency="snapshot")
    snapshots = [client.export_snapshot(f"q-{number}") for number in range(MAX_HELD + 1)]
    await_sessions(counted, MAX_HELD)
    with pytest.raises(SourceError, match="snapshot_hold_seconds"):
        ask(client, COUNT, snapshot=snapshots[0])
    assert ask(client, COUNT, snapshot=snapshots[1]) == 1


def test_snapshots_of_queries_long_gone_are_given_back(
    make: Make, counted: PostgresAddress
) -> None:
    client = make(snapshot_hold_seconds="1")
    client.export_snapshot("q-1")
    time.sleep(1.1)
    client.export_snapshot("q-2")
    labels = [label for label, _, _ in sessions(counted)]
    assert labels == ["athena-federation:q-2"]


@pytest.mark.parametrize("consistency", ["read_committed", "repeatable_read"])
def test_no_snapshot_unless_wanted(make: Make, database: PostgresAddress, consistency: str) -> None:
    client = make(read_consistency=consistency)
    assert client.export_snapshot("q-1") is None
    assert sessions(database) == []


def test_the_server_ends_a_snapshot(
    make: Make, counted: PostgresAddress, caplog: pytest.LogCaptureFixture
) -> None:
    planner, reader = make(snapshot_hold_seconds="1"), make()
    snapshot = planner.export_snapshot("q-1")
    counted.execute(INSERT)
    await_sessions(counted, 0, seconds=10)
    with caplog.at_level(logging.WARNING):
        assert ask(reader, COUNT, snapshot=snapshot, query_id="q-7") == 2
    (record,) = caplog.records
    assert "q-7" in record.getMessage()
    assert ask(reader, "SHOW transaction_isolation", snapshot=snapshot) == "repeatable read"
    assert planner.export_snapshot("q-1") is not None


@pytest.mark.parametrize("snapshot", ["00000003-0000001B-1", "no snapshot'; SELECT 1; --"])
def test_a_required_snapshot_that_is_gone_fails_the_split(make: Make, snapshot: str) -> None:
    client = make(read_consistency="snapshot")
    with pytest.raises(SourceError, match="snapshot_hold_seconds"):
        ask(client, "SELECT 1", snapshot=snapshot)
    assert ask(client, "SELECT 1") == 1


def test_options_that_the_server_refuses(make: Make, database: PostgresAddress) -> None:
    client = make(database.connection_string + "&options=-c%20no_such.thing%3D1%20-cnosuch=1")
    snapshot = client.export_snapshot("q-1")
    with pytest.raises(InvalidRequestError, match="nosuch"):
        ask(client, "SELECT 1", snapshot=snapshot)


def test_a_lost_snapshot_on_a_session_that_died(make: Make, database: PostgresAddress) -> None:
    client = make()
    database.execute(f"SELECT pg_terminate_backend({backend(client)}, 5000)")
    assert ask(client, "SELECT 1", snapshot="00000003-0000001B-1") == 1


@pytest.fixture
def lone(database: PostgresAddress) -> Iterator[PostgresAddress]:
    """A role that may have one session only, so that a second one is refused."""
    database.execute(
        "DROP ROLE IF EXISTS lone", "CREATE ROLE lone LOGIN PASSWORD 'p' CONNECTION LIMIT 1"
    )
    yield database.of_user("lone", "p")
    database.execute("DROP ROLE lone")


def test_a_refused_snapshot_is_done_without(
    make: Make, lone: PostgresAddress, caplog: pytest.LogCaptureFixture
) -> None:
    client = make(lone.connection_string)
    ask(client, "SELECT 1")
    with caplog.at_level(logging.WARNING):
        assert client.export_snapshot("q-8") is None
    assert "q-8" in caplog.text
    assert "too many connections" in caplog.text
    client.close()


def test_a_refused_snapshot_that_is_required(make: Make, lone: PostgresAddress) -> None:
    client = make(lone.connection_string, read_consistency="snapshot")
    ask(client, "SELECT 1")
    with pytest.raises(SourceError, match="read_consistency"):
        client.export_snapshot("q-1")
    client.close()


def test_other_sessions_are_left_alone(make: Make, database: PostgresAddress) -> None:
    with closing(database.connect(application_name="someone else")) as other:
        client = make()
        ask(client, "SELECT 1")
        client.close()
        with other.cursor() as cursor:
            cursor.execute("SELECT 1")
            assert cursor.fetchone() == (1,)

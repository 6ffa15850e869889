"""Each row of the table of errors; what the server can be made to say, it says itself."""

from __future__ import annotations

import socket
import threading
import time
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pymysql
import pytest
from athena_connectors.common import errors
from athena_connectors.common.config import load_settings
from athena_connectors.common.sql.connection_strings import parse_connection_string
from athena_connectors.jdbc_mysql.client import Client
from athena_connectors.jdbc_mysql.errno import errno_of, translate
from athena_connectors.jdbc_mysql.settings import Settings
from hypothesis import given, settings
from hypothesis import strategies as st

if TYPE_CHECKING:
    from collections.abc import Iterator

    from athena_connectors.common.testing.mariadb import MariaDb

ODD_PASSWORD = "p'w\\d $x}%41 ;password=z"


def connecting(address: MariaDb, properties: str = "") -> errors.ConnectorError:
    """Return what a login that has to fail is translated to."""
    text = f"{address.url}{properties}"
    client = Client(
        parse_connection_string(text, engine="mysql", catalog="shop"),
        load_settings(Settings, {}),
        secrets=None,
        environ={},
    )
    with closing(client), pytest.raises(errors.ConnectorError) as caught, client.transaction():
        pass
    assert "'shop'" in str(caught.value)
    assert address.password not in str(caught.value)
    assert "\n" not in str(caught.value)
    return caught.value


def running(address: MariaDb, *statements: str) -> errors.ConnectorError:
    """Return what the error of the last statement is translated to."""
    with closing(address.connect()) as connection, connection.cursor() as cursor:
        for statement in statements[:-1]:
            cursor.execute(statement)
        with pytest.raises(pymysql.Error) as caught:
            cursor.execute(statements[-1])
    error = translate(caught.value, catalog="shop", table="sales.orders")
    assert "Table sales.orders of catalog 'shop'" in str(error)
    assert f"(error {errno_of(caught.value)})" in str(error)
    assert error.context == {"catalog": "shop", "table": "sales.orders"}
    return error


@pytest.fixture
def poor(database: MariaDb) -> Iterator[MariaDb]:
    """A user without any right, with an odd password."""
    yield database.create_user("poor", ODD_PASSWORD).of_database("")
    database.execute("DROP USER poor")


def test_wrong_password(poor: MariaDb) -> None:
    assert poor.execute("SELECT 1") == [(1,)]
    error = connecting(poor.of_user("poor", ODD_PASSWORD + "?"))
    assert type(error) is errors.InvalidCredentialsError
    assert error.code == "InvalidCredentialsException"
    assert "(error 1045)" in str(error)
    assert "poor" in str(error)


def test_unknown_user(database: MariaDb) -> None:
    error = connecting(database.of_user("nobody", ODD_PASSWORD))
    assert type(error) is errors.InvalidCredentialsError


def test_a_locked_user_and_an_expired_password(database: MariaDb, poor: MariaDb) -> None:
    database.execute("ALTER USER poor ACCOUNT LOCK")
    assert type(connecting(poor)) is errors.InvalidCredentialsError
    database.execute("ALTER USER poor ACCOUNT UNLOCK", "ALTER USER poor PASSWORD EXPIRE")
    assert type(connecting(poor)) is errors.InvalidCredentialsError


def test_unknown_database(database: MariaDb) -> None:
    error = connecting(database.of_database("no such"))
    assert type(error) is errors.NotFoundError
    assert error.code == "EntityNotFoundException"
    assert "no such" in str(error)


def test_database_that_is_not_for_the_user(database: MariaDb, poor: MariaDb) -> None:
    error = connecting(poor.of_database(database.database))
    assert type(error) is errors.AccessDeniedError
    assert "(error 1044)" in str(error)


def test_too_many_connections(database: MariaDb, poor: MariaDb) -> None:
    database.execute("ALTER USER poor WITH MAX_USER_CONNECTIONS 1")
    with closing(poor.connect()):
        error = connecting(poor)
    assert type(error) is errors.ThrottledError
    assert "concurrency" in error.hint


def test_issue_125_and_134_refused_port(database: MariaDb) -> None:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))  # bound and not listening
        error = connecting(database.through(held.getsockname()[1]))
    assert type(error) is errors.SourceError
    assert "security group" in error.hint


def test_unknown_host(database: MariaDb) -> None:
    error = connecting(database.through(3306, host="no-such-host.invalid"))
    assert type(error) is errors.ConfigurationError
    assert "no-such-host.invalid" in str(error)


def test_host_that_does_not_answer(database: MariaDb) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        error = connecting(database.through(silent.getsockname()[1]), "&connectTimeout=200")
    assert type(error) is errors.SourceError
    assert "security group" in error.hint


def test_host_that_hangs_up(database: MariaDb) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def hang_up() -> None:
            server.accept()[0].close()

        thread = threading.Thread(target=hang_up)
        thread.start()
        error = connecting(database.through(server.getsockname()[1]))
        thread.join()
    assert type(error) is errors.SourceError
    assert "connection was lost" in error.hint


def test_host_that_speaks_another_protocol(database: MariaDb) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            with server.accept()[0] as connection:
                connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n" + bytes(100))

        thread = threading.Thread(target=answer)
        thread.start()
        error = connecting(database.through(server.getsockname()[1]), "&connectTimeout=500")
        thread.join()
    assert isinstance(error, errors.SourceError)


@pytest.mark.parametrize(
    ("statement", "kind"),
    [
        ("SELECT * FROM `no such`.t", errors.TableNotFoundError),
        ("USE `no such`", errors.SchemaNotFoundError),
        ("SELECT * FROM nosuch", errors.TableNotFoundError),
        ("SELECT nosuch", errors.ColumnNotFoundError),
        ("SELECT * FROM (SELECT 1 AS a, 2 AS a) AS t", errors.InvalidRequestError),
        ("SELEC 1", errors.InvalidRequestError),
        ("SELECT nosuch(1)", errors.InvalidRequestError),
        ("SELECT (SELECT 1 UNION SELECT 2)", errors.InvalidRequestError),
        (
            "SELECT 'a' COLLATE utf8mb4_bin = 'b' COLLATE utf8mb4_general_ci",
            errors.InvalidRequestError,
        ),
        ("SELECT 18446744073709551615 + 1", errors.InvalidRequestError),
        ("SELECT 1 IN (SELECT 1 LIMIT 1)", errors.UnsupportedOperationError),
    ],
)
def test_statements_that_can_not_be_run(
    database: MariaDb, statement: str, kind: type[errors.ConnectorError]
) -> None:
    assert type(running(database, statement)) is kind


@pytest.mark.parametrize(
    "statement",
    ["SELECT * FROM rights", "SELECT b FROM rights", "SHOW BINLOG STATUS", "CALL nothing()"],
)
def test_rights_that_are_missing(database: MariaDb, poor: MariaDb, statement: str) -> None:
    database.execute("CREATE OR REPLACE TABLE rights (a int, b int)")
    database.execute("CREATE OR REPLACE PROCEDURE nothing() SELECT 1")
    if " b " in statement:
        database.execute(f"GRANT SELECT (a) ON {database.database}.rights TO poor")
    error = running(poor, f"USE {database.database}", statement) if " b " in statement else None
    if error is None:
        place = statement.replace("rights", f"{database.database}.rights")
        error = running(poor, place.replace("nothing", f"{database.database}.nothing"))
    assert type(error) is errors.AccessDeniedError
    assert "Grant" in error.hint


def test_a_view_whose_table_is_gone(database: MariaDb) -> None:
    error = running(
        database,
        "CREATE OR REPLACE TABLE gone (a int)",
        "CREATE OR REPLACE VIEW left_over AS SELECT a FROM gone",
        "DROP TABLE gone",
        "SELECT * FROM left_over",
    )
    assert type(error) is errors.NotFoundError
    assert "Mend the view" in error.hint


def test_time_limit_of_the_server(database: MariaDb) -> None:
    error = running(database, "SET max_statement_time = 0.1", "SELECT sleep(30)")
    assert type(error) is errors.SourceTimeoutError
    assert "max_splits" in error.hint


def test_somebody_kills_the_query(database: MariaDb) -> None:
    error = killed(database, "KILL QUERY")
    assert type(error) is errors.SourceTimeoutError
    assert "(error 1317)" in str(error)


def test_somebody_kills_the_session(database: MariaDb) -> None:
    error = killed(database, "KILL")
    assert type(error) is errors.SourceError
    assert "run the query again" in error.hint


def killed(database: MariaDb, order: str) -> errors.ConnectorError:
    """Return what becomes of a statement that somebody ends."""
    with closing(database.connect()) as connection, connection.cursor() as cursor:

        def kill() -> None:
            is_running = (
                "SELECT count(*) FROM information_schema.processlist"
                f" WHERE id = {connection.thread_id()} AND info LIKE '%sleep%'"
            )
            while not database.execute(is_running)[0][0]:
                time.sleep(0.01)
            database.execute(f"{order} {connection.thread_id()}")

        thread = threading.Thread(target=kill)
        thread.start()
        with pytest.raises(pymysql.Error) as caught:
            cursor.execute("SELECT sleep(30) FROM seq_1_to_1000")
        thread.join()
    return translate(caught.value, catalog="shop")


def test_somebody_else_has_a_lock(database: MariaDb) -> None:
    database.execute("CREATE OR REPLACE TABLE locked (a int)")
    with closing(database.connect()) as holder, holder.cursor() as cursor:
        cursor.execute("LOCK TABLES locked WRITE")
        error = running(database, "SET lock_wait_timeout = 1", "SELECT * FROM locked")
    assert type(error) is errors.SourceTimeoutError
    assert "lock" in error.hint


def test_writing_is_refused(database: MariaDb) -> None:
    error = running(
        database,
        "CREATE OR REPLACE TABLE written (a int)",
        "START TRANSACTION READ ONLY",
        "INSERT INTO written VALUES (1)",
    )
    assert type(error) is errors.UnsupportedOperationError
    assert "(error 1792)" in str(error)


# Numbers that no server here can be made to tell, by the error references.
@pytest.mark.parametrize(
    ("numbers", "kind"),
    [
        ((1698, 3118, 1862, 2059, 2061, 4151), errors.InvalidCredentialsError),
        ((1143, 1227, 1370, 1130), errors.AccessDeniedError),
        ((1235,), errors.UnsupportedOperationError),
        ((3024, 1028), errors.SourceTimeoutError),
        ((1040, 1203, 1226, 1053, 1135), errors.ThrottledError),
        ((1290, 1836), errors.UnsupportedOperationError),
        ((2006, 2013, 2055, 4031, 1927, 0), errors.SourceError),
        ((1213, 1020, 1412), errors.SourceError),
        ((2005, 2026, 3159), errors.ConfigurationError),
        ((9999, 1105), errors.SourceError),
    ],
)
def test_checklist_16_other_numbers(
    numbers: tuple[int, ...], kind: type[errors.ConnectorError]
) -> None:
    for number in numbers:
        error = translate(pymysql.OperationalError(number, "It says why."), catalog="shop")
        assert type(error) is kind, number
        told = f" (error {number})" if number else ""
        assert error.message == f"Catalog 'shop': It says why{told}."


def test_a_server_that_does_not_trust_our_certificate() -> None:
    text = "Lost connection to MySQL server during query ([SSL: TLSV1_ALERT_UNKNOWN_CA] alert)"
    error = translate(pymysql.OperationalError(2013, text), catalog="shop")
    assert type(error) is errors.ConfigurationError
    assert "sslMode" in error.hint


@pytest.mark.parametrize(
    "error",
    [
        pymysql.Error("Already closed"),
        pymysql.InterfaceError(0, ""),
        pymysql.InternalError("Packet sequence number wrong - got 7 expected 1"),
        pymysql.OperationalError(),
    ],
)
def test_errors_of_the_driver_without_a_number(error: pymysql.Error) -> None:
    found = translate(error, catalog="shop")
    assert type(found) is errors.SourceError
    assert "run the query again" in found.hint
    assert not found.message.startswith("Catalog 'shop': .")


@settings(max_examples=200)
@given(st.lists(st.one_of(st.integers(), st.text(), st.none(), st.binary()), max_size=3))
def test_any_error_is_translated(arguments: list[Any]) -> None:
    error = translate(pymysql.Error(*arguments), catalog="shop", table="a.b")
    assert str(error).startswith("Table a.b of catalog 'shop': ")
    assert "\n" not in str(error)

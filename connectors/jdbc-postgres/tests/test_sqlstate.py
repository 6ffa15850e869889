from __future__ import annotations

import socket
import threading
from contextlib import closing
from typing import TYPE_CHECKING, Any

import psycopg2
import pytest
from athena_connectors.common import errors
from athena_connectors.jdbc_postgres.sqlstate import translate

if TYPE_CHECKING:
    from collections.abc import Iterator

    from athena_connectors.common.testing.postgres import PostgresAddress

ODD_PASSWORD = "p'w\\d $x}%41 ;password=z"


def connecting(address: PostgresAddress, **options: Any) -> errors.ConnectorError:
    """Return what a connection that has to fail is translated to."""
    keywords = {
        "host": address.host,
        "port": address.port,
        "user": address.user,
        "password": address.password,
        "dbname": address.database,
        **options,
    }
    with pytest.raises(psycopg2.Error) as caught:
        psycopg2.connect(**keywords)
    error = translate(caught.value, catalog="shop")
    assert "'shop'" in str(error)
    assert str(keywords["password"]) not in str(error)
    assert "\n" not in str(error)
    return error


def running(address: PostgresAddress, *statements: str) -> errors.ConnectorError:
    """Return what the error of the last statement is translated to."""
    with closing(address.connect()) as connection, connection.cursor() as cursor:
        for statement in statements[:-1]:
            cursor.execute(statement)
        with pytest.raises(psycopg2.Error) as caught:
            cursor.execute(statements[-1])
    error = translate(caught.value, catalog="shop", table="public.orders")
    assert "Table public.orders of catalog 'shop'" in str(error)
    assert f"(SQLSTATE {caught.value.pgcode})" in str(error)
    assert error.context == {"catalog": "shop", "table": "public.orders"}
    return error


@pytest.fixture
def role(database: PostgresAddress) -> Iterator[PostgresAddress]:
    """The address of a role without any right, with an odd password."""
    quoted = ODD_PASSWORD.replace("'", "''")
    database.execute(
        "DROP ROLE IF EXISTS poor",
        f"CREATE ROLE poor LOGIN PASSWORD E'{quoted.replace(chr(92), chr(92) * 2)}'",
    )
    yield database.of_user("poor", ODD_PASSWORD)
    database.execute("DROP OWNED BY poor", "DROP ROLE poor")


def test_wrong_password(role: PostgresAddress) -> None:
    with closing(role.connect()):
        pass
    error = connecting(role, password=ODD_PASSWORD + "?")
    assert type(error) is errors.InvalidCredentialsError
    assert "poor" in str(error)


def test_no_password(role: PostgresAddress) -> None:
    with pytest.raises(psycopg2.Error) as caught:
        psycopg2.connect(
            host=role.host, port=role.port, user="poor", dbname=role.database, passfile="/dev/null"
        )
    error = translate(caught.value, catalog="shop")
    assert type(error) is errors.InvalidCredentialsError


def test_unknown_role(database: PostgresAddress) -> None:
    error = connecting(database, user="nobody", password=ODD_PASSWORD)
    assert type(error) is errors.InvalidCredentialsError


def test_role_that_may_not_log_in(database: PostgresAddress, role: PostgresAddress) -> None:
    database.execute("ALTER ROLE poor NOLOGIN")
    assert type(connecting(role)) is errors.InvalidCredentialsError


def test_unknown_database(database: PostgresAddress) -> None:
    error = connecting(database, dbname="no such")
    assert type(error) is errors.NotFoundError
    assert error.code == "EntityNotFoundException"
    assert "no such" in str(error)


def test_database_that_is_not_for_the_role(
    database: PostgresAddress, role: PostgresAddress
) -> None:
    database.execute(f'REVOKE CONNECT ON DATABASE "{database.database}" FROM PUBLIC')
    assert type(connecting(role)) is errors.AccessDeniedError
    database.execute(f'GRANT CONNECT ON DATABASE "{database.database}" TO PUBLIC')


def test_too_many_connections(database: PostgresAddress, role: PostgresAddress) -> None:
    database.execute("ALTER ROLE poor CONNECTION LIMIT 1")
    with closing(role.connect()):
        error = connecting(role)
    assert type(error) is errors.ThrottledError
    assert "concurrency" in error.hint


def test_names_in_a_message_do_not_decide(database: PostgresAddress) -> None:
    error = connecting(database, dbname="timeout expired, connection refused")
    assert type(error) is errors.NotFoundError


def test_issue_125_and_134_refused_port(database: PostgresAddress) -> None:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))  # bound and not listening
        error = connecting(database, port=held.getsockname()[1], password=ODD_PASSWORD)
    assert type(error) is errors.SourceError
    assert "security group" in error.hint


def test_unknown_host(database: PostgresAddress) -> None:
    error = connecting(database, host="no-such-host.invalid", password=ODD_PASSWORD)
    assert type(error) is errors.ConfigurationError
    assert "no-such-host.invalid" in str(error)


def test_host_that_does_not_answer(database: PostgresAddress) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        error = connecting(
            database, port=silent.getsockname()[1], connect_timeout=2, password=ODD_PASSWORD
        )
    assert type(error) is errors.SourceError
    assert "security group" in error.hint


def test_host_that_hangs_up(database: PostgresAddress) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def hang_up() -> None:
            for _ in range(2):  # libpq may ask again without encryption
                server.accept()[0].close()

        thread = threading.Thread(target=hang_up, daemon=True)
        thread.start()
        error = connecting(database, port=server.getsockname()[1])
        with socket.create_connection(server.getsockname()):
            pass
        thread.join(1)
    assert type(error) is errors.SourceError


def test_server_without_tls(database: PostgresAddress) -> None:
    error = connecting(database, sslmode="require")
    assert type(error) is errors.ConfigurationError
    assert "sslmode" in error.hint


def test_missing_client_certificate(database: PostgresAddress) -> None:
    error = connecting(database, sslmode="require", sslrootcert="/no/such.pem")
    assert type(error) is errors.ConfigurationError


def test_server_of_another_kind(database: PostgresAddress) -> None:
    error = connecting(database, target_session_attrs="standby")
    assert type(error) is errors.ConfigurationError
    assert "targetServerType" in error.hint


STATEMENTS = {
    "undefined table": ("42P01", errors.TableNotFoundError, ["SELECT * FROM missing"]),
    "undefined schema": ("3F000", errors.SchemaNotFoundError, ["CREATE TABLE missing.t ()"]),
    "undefined column": ("42703", errors.ColumnNotFoundError, ["SELECT missing FROM pg_class"]),
    "undefined function": ("42883", errors.InvalidRequestError, ["SELECT missing(1)"]),
    "syntax": ("42601", errors.InvalidRequestError, ["SELEC 1"]),
    "bad cast": ("22P02", errors.InvalidRequestError, ["SELECT 'x'::int"]),
    "division by zero": ("22012", errors.InvalidRequestError, ["SELECT 1/0"]),
    "mixed types": ("42804", errors.InvalidRequestError, ["SELECT CASE WHEN 1 THEN 1 END"]),
    "unsupported": (
        "0A000",
        errors.UnsupportedOperationError,
        ["SELECT count(*) FROM pg_class FOR UPDATE"],
    ),
    "read only": (
        "25006",
        errors.UnsupportedOperationError,
        ["SET default_transaction_read_only = on", "CREATE TABLE t ()"],
    ),
    "statement timeout": (
        "57014",
        errors.SourceTimeoutError,
        ["SET statement_timeout = 50", "SELECT pg_sleep(10)"],
    ),
    "raised by a function": (
        "40001",
        errors.SourceError,
        ["DO $$ BEGIN RAISE EXCEPTION 'x' USING ERRCODE = '40001'; END $$"],
    ),
    "an overload": (
        "53100",
        errors.ThrottledError,
        ["DO $$ BEGIN RAISE EXCEPTION 'x' USING ERRCODE = '53100'; END $$"],
    ),
    "anything else": (
        "XX000",
        errors.SourceError,
        ["DO $$ BEGIN RAISE EXCEPTION 'x' USING ERRCODE = 'XX000'; END $$"],
    ),
}


@pytest.mark.parametrize("name", STATEMENTS)
def test_checklist_16_statements(name: str, database: PostgresAddress) -> None:
    state, kind, statements = STATEMENTS[name]
    error = running(database, *statements)
    assert f"(SQLSTATE {state})" in str(error)
    assert type(error) is kind


def test_permission_denied(database: PostgresAddress, role: PostgresAddress) -> None:
    database.execute("CREATE TABLE rich (a int)")
    error = running(role, "SELECT * FROM rich")
    assert type(error) is errors.AccessDeniedError
    assert "permission denied for table rich (SQLSTATE 42501)" in str(error)


def test_lock_timeout(database: PostgresAddress) -> None:
    database.execute("CREATE TABLE locked (a int)")
    with closing(database.connect()) as other, other.cursor() as cursor:
        cursor.execute("BEGIN; LOCK TABLE locked")
        error = running(database, "SET lock_timeout = 50", "SELECT * FROM locked")
    assert type(error) is errors.SourceTimeoutError
    assert "SQLSTATE 55P03" in str(error)


def test_killed_session(database: PostgresAddress) -> None:
    with closing(database.connect()) as connection, pytest.raises(psycopg2.Error) as caught:
        connection.cursor().execute("SELECT pg_terminate_backend(pg_backend_pid())")
    error = translate(caught.value, catalog="shop", table="public.orders")
    assert type(error) is errors.SourceError
    assert "run the query again" in error.hint


def test_values_of_rows_are_not_told(database: PostgresAddress) -> None:
    database.execute("CREATE TABLE unique_rows (a text UNIQUE)")
    error = running(
        database,
        "INSERT INTO unique_rows VALUES ('hunter2')",
        "INSERT INTO unique_rows VALUES ('hunter2')",
    )
    assert "hunter2" not in str(error)


def test_closed_connection(database: PostgresAddress) -> None:
    connection = database.connect()
    connection.close()
    with pytest.raises(psycopg2.InterfaceError) as caught:
        connection.cursor()
    error = translate(caught.value, catalog="shop")
    assert type(error) is errors.SourceError
    assert "again" in error.hint

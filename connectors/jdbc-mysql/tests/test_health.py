"""What a server or a user can be like, each told from a real one."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import pytest
from athena_connectors.common.config import load_settings
from athena_connectors.common.errors import InvalidCredentialsError
from athena_connectors.common.sql.connection_strings import parse_connection_string
from athena_connectors.common.testing.mariadb import mariadb_process
from athena_connectors.common.testing.tcp_proxy import tcp_proxy
from athena_connectors.jdbc_mysql import connection, health
from athena_connectors.jdbc_mysql.client import Client
from athena_connectors.jdbc_mysql.health import findings
from athena_connectors.jdbc_mysql.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from athena_connectors.common.findings import Finding
    from athena_connectors.common.testing.mariadb import MariaDb

PASSWORD = "hunter2-is-not-told"


def tell(address: MariaDb, properties: str = "", **settings: str) -> dict[str, Finding]:
    """Return the findings by their checks."""
    loaded = load_settings(Settings, settings)
    text = f"{address.url}&{properties}"
    client = Client(
        parse_connection_string(text, engine="mysql", catalog="shop"),
        loaded,
        secrets=None,
        environ={},
    )
    with closing(client):
        found = list(findings(client, loaded))
    assert PASSWORD not in repr(found)
    told = {finding.check: finding for finding in found}
    assert len(told) == len(found)
    return told


def verdict(finding: Finding) -> str:
    return finding.verdict.value


@pytest.fixture
def reader(fresh_database: MariaDb) -> Iterator[MariaDb]:
    """A user who may log in and nothing more."""
    yield fresh_database.create_user("reader", PASSWORD).of_database("")
    fresh_database.execute("DROP USER reader")


def test_a_server_that_is_well(fresh_database: MariaDb, reader: MariaDb) -> None:
    fresh_database.execute(
        "CREATE TABLE mine (a int)",
        f"GRANT SELECT, SHOW VIEW ON {fresh_database.database}.* TO reader",
    )
    told = tell(reader)
    assert {verdict(finding) for finding in told.values()} == {"OK"}
    assert next(iter(told)) == "server version"
    assert told["server version"].fact.startswith("MariaDB ")
    assert told["server version"].fact.endswith(" answers.")
    assert told["schemas"].fact == f"1 schemas can be listed: {fresh_database.database}."
    assert told["tables"].fact == "User reader@% sees 1 tables."
    assert told["user"].fact == "User reader@% can only read."
    assert told["session"].fact == "The session reads in UTC, as utf8mb4 and with no sql_mode."
    assert told["encryption"].fact == "The session has no TLS and does not leave this computer."
    assert told["server"].fact.startswith("It takes writes; its time zone is ")


def test_a_wrong_password_ends_it(reader: MariaDb) -> None:
    with pytest.raises(InvalidCredentialsError):
        tell(reader.of_user("reader", PASSWORD + "?"))


def test_a_user_who_may_do_anything(fresh_database: MariaDb) -> None:
    told = tell(fresh_database)["user"]
    assert verdict(told) == "WARNING"
    assert told.fact.startswith("User root@% may do more than read: ALL PRIVILEGES on *.*.")
    assert "SELECT and SHOW VIEW and nothing more" in told.fix


@pytest.mark.parametrize("right", ["INSERT", "UPDATE (a)", "DELETE", "DROP", "EXECUTE"])
def test_a_user_who_may_write(fresh_database: MariaDb, reader: MariaDb, right: str) -> None:
    place = f"{fresh_database.database}.`t TO x`"
    on = f"{fresh_database.database}.*" if right == "EXECUTE" else place
    fresh_database.execute(
        "CREATE TABLE `t TO x` (a int, b int)",
        f"GRANT SELECT (a, b) ON {place} TO reader",
        f"GRANT {right} ON {on} TO reader",
    )
    told = tell(reader)["user"]
    assert verdict(told) == "WARNING"
    assert f": {right.split(maxsplit=1)[0]} on `{fresh_database.database}`." in told.fact


def test_a_user_who_may_see_nothing(fresh_database: MariaDb, reader: MariaDb) -> None:
    fresh_database.execute("CREATE TABLE t (a int)")
    told = tell(reader)
    assert verdict(told["schemas"]) == "FAULT"
    assert told["schemas"].fact == "The user may use no schema."
    assert verdict(told["tables"]) == "WARNING"
    assert told["tables"].fact.startswith("User reader@% sees no table")
    assert "GRANT SELECT" in told["tables"].fix


def test_a_user_who_may_read_nothing(fresh_database: MariaDb, reader: MariaDb) -> None:
    fresh_database.execute(
        "CREATE TABLE t (a int)", f"GRANT INSERT ON {fresh_database.database}.t TO reader"
    )
    told = tell(reader)["tables"]
    assert verdict(told) == "WARNING"
    assert told.fact == "User reader@% sees 1 tables and was granted SELECT on none."


def test_a_session_over_the_network_without_tls(fresh_database: MariaDb) -> None:
    with tcp_proxy(fresh_database.host, fresh_database.port) as proxy:
        # Another name of this computer, which looks like any other host's.
        told = tell(fresh_database.through(proxy.port, host="127.1"))["encryption"]
    assert verdict(told) == "WARNING"
    assert told.fact.startswith("The session with 127.1 has no TLS")
    assert "sslMode=VERIFY_IDENTITY" in told.fix


def test_certificates(certificate: Path) -> None:
    with mariadb_process("--read-only", certificate=certificate) as server:
        told = tell(server.address)
        assert verdict(told["encryption"]) == "WARNING"
        assert "not verified (sslMode=PREFERRED)" in told["encryption"].fact
        assert told["server"].fact.startswith("It takes no writes;")
        mode = "sslMode=VERIFY_IDENTITY"
        told = tell(server.address, mode, ssl_root_cert=str(certificate))
        assert verdict(told["encryption"]) == "OK"
        assert told["encryption"].fact == f"The session has TLSv1.3, with {mode}."


@pytest.mark.parametrize(
    ("told_version", "expected"),
    [
        ("8.0.36", "OK: MySQL 8.0.36 answers."),
        ("9.4.0", "OK: MySQL 9.4.0 answers."),
        ("5.7.44-log", "FAULT: The server says that it is MySQL 5.7.44, which is not supported."),
        ("5.5.5-10.3.0-MariaDB", "OK: MariaDB 10.3.0 answers."),
        ("5.5.5-10.2.44-MariaDB-log", "FAULT: The server says that it is MariaDB 10.2.44, which"),
        ("11.8.2-MariaDB", "OK: MariaDB 11.8.2 answers."),
        ("nonsense", "FAULT: The server says that it is MySQL 0.0.0"),
    ],
)
def test_versions(
    fresh_database: MariaDb, monkeypatch: pytest.MonkeyPatch, told_version: str, expected: str
) -> None:
    server_info = connection.Session.get_server_info
    client = Client(
        parse_connection_string(fresh_database.url, engine="mysql", catalog="shop"),
        load_settings(Settings, {}),
        secrets=None,
        environ={},
    )
    with closing(client):
        assert "MariaDB" in server_info(client._any_session())
        monkeypatch.setattr(connection.Session, "get_server_info", lambda _: told_version)
        finding = health._version(client.server_version, is_mariadb=client.is_mariadb)
    assert f"{finding.verdict.value}: {finding.fact}".startswith(expected)
    assert bool(finding.fix) == (finding.verdict.value == "FAULT")


def test_a_proxy_that_does_not_heed_what_the_session_is_told(
    fresh_database: MariaDb, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("athena_connectors.jdbc_mysql.session._VARIABLES", {"sql_mode": "''"})
    fresh_database.execute("SET GLOBAL time_zone = '+05:30'")
    try:
        told = tell(fresh_database)["session"]
    finally:
        fresh_database.execute("SET GLOBAL time_zone = 'SYSTEM'")
    assert verdict(told) == "FAULT"
    assert told.fact.endswith("than it was told: time_zone is '+05:30'.")
    assert "proxy" in told.fix

from __future__ import annotations

import ssl
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest
from athena_connectors.common.sql.connection_strings import parse_connection_string
from athena_connectors.common.testing import mariadb as module
from athena_connectors.common.testing.mariadb import MariaDb, mariadb_process, mariadb_server
from athena_connectors.common.testing.postgres_proxy import self_signed
from athena_connectors.common.testing.tcp_proxy import tcp_proxy
from pymysql.err import OperationalError

KILLED = """
import os, signal
from athena_connectors.common.testing.mariadb import mariadb_process
with mariadb_process() as server:
    print(server.address.execute("SELECT @@datadir")[0][0], flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_password_is_needed(mariadb: MariaDb) -> None:
    with pytest.raises(OperationalError, match="Access denied"):
        mariadb.of_user(mariadb.user, "").execute("SELECT 1")


def test_a_user_may_do_what_it_was_granted(mariadb: MariaDb) -> None:
    shop = mariadb.create_database()
    shop.execute("CREATE TABLE t (a int)")
    for password in ("first", "s:e/c@o%n'd"):
        reader = shop.create_user("grantee", password, f"SELECT ON {shop.database}.*")
        assert reader.execute("SELECT * FROM t") == []
        with pytest.raises(OperationalError, match="INSERT command denied"):
            reader.execute("INSERT INTO t VALUES (1)")


def test_databases_are_empty_and_of_different_names(mariadb: MariaDb) -> None:
    shop = mariadb.create_database(collation="latin1_swedish_ci")
    assert mariadb.create_database().database != shop.database
    assert shop.execute("SELECT @@collation_database") == [("latin1_swedish_ci",)]
    shop.execute("CREATE TABLE t (a int)")
    assert mariadb.create_database(shop.database).execute("SHOW TABLES") == []
    odd = mariadb.create_database("a`b c")
    assert odd.execute("SELECT database()") == [("a`b c",)]
    mariadb.drop_database("a`b c")


def test_the_connection_string_is_what_the_connector_reads(mariadb: MariaDb) -> None:
    text = mariadb.of_database("a/b ?c").settings["default"]
    target = parse_connection_string(text, engine="mysql", catalog="default")
    assert target.hosts == ((mariadb.host, mariadb.port),)
    assert target.database == "a/b ?c"
    assert target.user == mariadb.user
    assert target.password is not None
    assert target.password.reveal() == mariadb.password
    assert mariadb.password not in repr(mariadb)


def test_it_can_be_reached_by_way_of_a_proxy(mariadb: MariaDb) -> None:
    with tcp_proxy(mariadb.host, mariadb.port) as proxy:
        assert mariadb.through(proxy.port).execute("SELECT 1") == [(1,)]
        assert proxy.bytes_passed


def test_with_a_certificate_it_takes_tls_too(tmp_path: Path) -> None:
    certificate = self_signed(tmp_path)
    with mariadb_process(certificate=certificate) as server:
        context = ssl.create_default_context(cafile=str(certificate))
        for options, version in (({"ssl": context}, "TLSv1.3"), ({"ssl_disabled": True}, "")):
            with (
                closing(server.address.connect(**options)) as connection,
                connection.cursor() as cursor,
            ):
                cursor.execute("SHOW STATUS LIKE 'Ssl_version'")
                assert cursor.fetchone() == ("Ssl_version", version)


def test_what_was_committed_is_there_after_a_restart() -> None:
    with mariadb_process("--lower-case-table-names=1") as server:
        shop = server.address.create_database()
        shop.execute("CREATE TABLE T (a int)", "INSERT INTO t VALUES (7)")
        server.stop()
        with pytest.raises(OperationalError, match="Can't connect"):
            shop.execute("SELECT 1")
        server.restart()
        assert shop.execute("SELECT * FROM t") == [(7,)]


def test_another_server_can_be_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEST_MYSQL_URL", "mysql://us%40er:pass%3Aword@elsewhere:1/shop")
    with mariadb_server() as server:
        assert server == MariaDb("elsewhere", 1, "us@er", "pass:word", "shop")


def test_a_server_that_does_not_start_says_why() -> None:
    with (
        pytest.raises(RuntimeError, match="unknown option '--no-such'"),
        mariadb_process("--no-such"),
    ):
        pass


def test_a_server_that_can_not_be_had_is_an_error(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def fail(*args: object) -> None:
        raise RuntimeError("apt-get is not on the PATH.")

    monkeypatch.setattr(module.shutil, "which", lambda *_, **__: None)
    monkeypatch.setattr("athena_connectors.common.testing.fetched._SHARED", tmp_path)
    monkeypatch.setattr(module, "unpack_packages", fail)
    with pytest.raises(RuntimeError, match=r"not on the PATH\. Install MariaDB, or set TEST_MYSQL"):
        module._mariadbd()


def test_server_ends_with_a_process_that_is_killed() -> None:
    ended = subprocess.run([sys.executable, "-c", KILLED], capture_output=True, check=False)
    data = Path(ended.stdout.decode().strip())
    assert data.name == "data", ended.stderr.decode()
    limit = time.monotonic() + 10
    while data.parent.exists():
        assert time.monotonic() < limit, f"{data} is still there"
        time.sleep(0.05)

"""``doctor`` against a real server, with each fault that a server or a login can have."""

from __future__ import annotations

import json
import re
import socket
import struct
import subprocess
import sys
import threading
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

import pytest
from athena_connectors.common.cli.main import main
from athena_connectors.common.testing.aws import aws_server
from athena_connectors.common.testing.postgres_proxy import postgres_proxy
from athena_connectors.common.testing.tcp_proxy import tcp_proxy

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from athena_connectors.common.testing.aws import AwsAddress
    from athena_connectors.common.testing.postgres import PostgresAddress

LINE = re.compile(r"shop: (?P<check>[^:]+): (?P<verdict>OK|WARNING|FAULT): (?P<fact>.+)")
FIX = "    Fix: "
PASSWORD = "hunter2-is-not-told"
SSL_REQUEST = struct.pack("!ii", 8, 80877103)


class Told(NamedTuple):
    verdict: str
    fact: str
    fix: str


class Doctor:
    """Runs the command on one catalog and reads what it prints."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.file = folder / "athena-connectors.toml"
        self._capsys = capsys
        self.settings: dict[str, str] = {}

    def write(self) -> None:
        lines = ["[catalogs.shop]", 'connector = "jdbc-postgres"', "[catalogs.shop.settings]"]
        lines += [f"{name} = {json.dumps(text)}" for name, text in self.settings.items()]
        self.file.write_text("\n".join(lines), encoding="utf-8")

    def run(self) -> dict[str, Told]:
        self.write()
        self._capsys.readouterr()
        status = main(["doctor", "--config", str(self.file)])
        out, err = self._capsys.readouterr()
        assert PASSWORD not in out + err
        assert "Traceback" not in out + err
        told = read(out)
        assert status == any(item.verdict == "FAULT" for item in told.values())
        return told

    def fault(self) -> tuple[str, Told]:
        """Return the one check that is a fault."""
        (found,) = [item for item in self.run().items() if item[1].verdict == "FAULT"]
        return found

    def connect(self, address: PostgresAddress, properties: str = "") -> None:
        self.settings["default"] = f"{address.connection_string}{properties}"


def read(out: str) -> dict[str, Told]:
    told: dict[str, Told] = {}
    lines = out.splitlines()
    for line, following in zip(lines, [*lines[1:], ""], strict=True):
        if found := LINE.fullmatch(line):
            fix = following.removeprefix(FIX) if following.startswith(FIX) else ""
            assert found["check"] not in told
            told[found["check"]] = Told(found["verdict"], found["fact"], fix)
    return told


@pytest.fixture
def doctor(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Doctor:
    return Doctor(tmp_path, capsys)


@pytest.fixture
def reader(fresh_database: PostgresAddress) -> Iterator[PostgresAddress]:
    """A role that may log in and nothing more."""
    name = f"reader_{fresh_database.database}"
    fresh_database.execute(f"CREATE ROLE {name} LOGIN PASSWORD '{PASSWORD}'")
    yield fresh_database.of_user(name, PASSWORD)
    fresh_database.execute(f"DROP OWNED BY {name}", f"DROP ROLE {name}")


# --- all is well


def test_a_server_that_is_well(
    doctor: Doctor, fresh_database: PostgresAddress, reader: PostgresAddress
) -> None:
    fresh_database.execute(
        "CREATE TABLE mine (a int)",
        "CREATE TABLE yours (a int)",
        f"GRANT SELECT ON mine TO {reader.user}",
    )
    with tcp_proxy(reader.host, reader.port) as proxy:
        doctor.connect(replace(reader, host=proxy.host, port=proxy.port), "&sslmode=disable")
        told = doctor.run()
    assert {item.verdict for item in told.values()} == {"OK"}
    assert re.fullmatch(r"PostgreSQL \d+\.\d+ answers\.", told["server version"].fact)
    assert told["role"].fact == f"Role {reader.user} can only read."
    assert told["schemas"].fact == "1 schemas can be listed: public."
    assert told["tables"].fact == f"Role {reader.user} may read 1 of 2 tables."
    assert told["statistics"].fact == "The tables of some size have statistics."
    assert told["snapshot"].fact == "The splits of a scan read one snapshot."
    assert told["encryption"].fact == "The session has no TLS and does not leave this computer."
    assert list(told)[:2] == ["served by", "ping"]


# --- the login


def test_a_wrong_password(doctor: Doctor, database: PostgresAddress) -> None:
    doctor.connect(database.of_user(database.user, PASSWORD))
    check, told = doctor.fault()
    assert check == "source"
    assert f'password authentication failed for user "{database.user}"' in told.fact
    assert told.fact.startswith("Catalog 'default': ")
    assert told.fix == "Check user and password in the secret that the connection string names."


def test_a_missing_database(doctor: Doctor, database: PostgresAddress) -> None:
    doctor.connect(database.of_database("nosuch"))
    check, told = doctor.fault()
    assert check == "source"
    assert 'database "nosuch" does not exist' in told.fact
    assert told.fix == "Check the database's name in the connection string."


@pytest.fixture(scope="module")
def aws() -> Iterator[AwsAddress]:
    with aws_server() as address:
        yield address


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            PASSWORD,
            Told(
                "FAULT",
                "Secret doctor/text is no JSON object.",
                'It should read {"username": "...", "password": "..."}.',
            ),
        ),
        (
            json.dumps({"password": PASSWORD}),
            Told(
                "FAULT",
                "Secret doctor/text has no username.",
                "Its JSON needs the keys username and password.",
            ),
        ),
    ],
    ids=["no JSON", "no username"],
)
def test_a_malformed_secret(
    doctor: Doctor, database: PostgresAddress, aws: AwsAddress, text: str, expected: Told
) -> None:
    manager = aws.client("secretsmanager")
    manager.create_secret(Name="doctor/text", SecretString=text)
    target = f"postgres://jdbc:postgresql://{database.host}:{database.port}/{database.database}"
    doctor.settings = {**aws.environ, "default": f"{target}?${{doctor/text}}"}
    told = doctor.run()
    manager.delete_secret(SecretId="doctor/text", ForceDeleteWithoutRecovery=True)
    assert told["source"] == expected
    assert told["secret"].verdict == "OK", "it can be read, which is not enough"


def test_a_secret_whose_login_is_refused(
    doctor: Doctor, database: PostgresAddress, aws: AwsAddress
) -> None:
    login = json.dumps({"username": database.user, "password": PASSWORD})
    aws.client("secretsmanager").create_secret(Name="doctor/refused", SecretString=login)
    target = f"postgres://jdbc:postgresql://{database.host}:{database.port}/{database.database}"
    doctor.settings = {**aws.environ, "default": f"{target}?${{doctor/refused}}"}
    check, told = doctor.fault()
    assert (check, told.verdict) == ("source", "FAULT")
    assert "password authentication failed" in told.fact


# --- the way to the server


def test_a_port_that_nobody_listens_on(doctor: Doctor, database: PostgresAddress) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        doctor.settings["default"] = f"postgres://jdbc:postgresql://127.0.0.1:{port}/x?user=u"
        check, told = doctor.fault()
    assert check == "source"
    assert "Connection refused" in told.fact
    assert str(port) in told.fact
    assert told.fix.startswith("Check that the function runs in the database's VPC")


def test_a_host_that_does_not_resolve(doctor: Doctor) -> None:
    doctor.settings["default"] = "postgres://jdbc:postgresql://no-such-host.invalid/x?user=u"
    check, told = doctor.fault()
    assert check == "source"
    assert 'could not translate host name "no-such-host.invalid"' in told.fact
    assert told.fix.startswith("Check the host in the connection string, and that the function's")


def test_a_host_that_is_silent(doctor: Doctor, database: PostgresAddress) -> None:
    with tcp_proxy(database.host, database.port) as proxy:
        proxy.stall_after(0)
        doctor.settings["default"] = (
            f"postgres://jdbc:postgresql://{proxy.host}:{proxy.port}/x?user=u&connectTimeout=2"
        )
        check, told = doctor.fault()
    assert check == "source"
    assert "timeout expired" in told.fact
    assert told.fix.startswith("Check that the function runs in the database's VPC")


def test_a_driver_that_is_missing(doctor: Doctor, database: PostgresAddress) -> None:
    doctor.connect(database)
    doctor.write()
    code = (
        "import sys; sys.modules['psycopg2'] = None\n"
        "from athena_connectors.common.cli.main import main\n"
        "sys.exit(main(sys.argv[1:]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, "doctor", "--config", str(doctor.file)],
        capture_output=True,
        check=False,
        text=True,
    )
    assert done.returncode == 1, done.stderr
    told = read(done.stdout)["connector"]
    assert told.verdict == "FAULT"
    assert told.fact.startswith("Connector jdbc-postgres can't be imported: ")
    assert "psycopg2" in told.fact
    assert told.fix == "Install it with what it needs."


# --- TLS


def test_tls_that_the_server_lacks(doctor: Doctor) -> None:
    with refusing_server("never sent") as port:
        doctor.settings["default"] = (
            f"postgres://jdbc:postgresql://127.0.0.1:{port}/x?user=u&sslmode=require"
        )
        check, told = doctor.fault()
    assert check == "source"
    assert "server does not support SSL, but SSL was required" in told.fact
    assert told.fix.startswith("Check sslmode in the connection string and the certificates")


def test_tls_without_certificates_to_verify(doctor: Doctor, database: PostgresAddress) -> None:
    doctor.connect(database, "&sslmode=verify-full")
    check, told = doctor.fault()
    assert check == "source"
    assert "sslmode=verify-full and there are no certificates to verify with" in told.fact
    assert "ssl_root_cert" in told.fix


@contextmanager
def refusing_server(message: str) -> Iterator[int]:
    """Yield the port of a server that has no TLS and refuses every login, as PostgreSQL does."""
    fields = {"S": "FATAL", "V": "FATAL", "C": "28000", "M": message}
    body = b"".join(f"{code}{text}".encode() + b"\0" for code, text in fields.items()) + b"\0"
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            with suppress(OSError):
                while True:
                    client, _ = listener.accept()
                    with client:
                        if client.recv(4096) == SSL_REQUEST:
                            client.sendall(b"N")
                            continue
                        client.sendall(b"E" + struct.pack("!i", len(body) + 4) + body)

        threading.Thread(target=serve, daemon=True).start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)


def test_tls_that_the_server_demands(doctor: Doctor) -> None:
    message = 'no pg_hba.conf entry for host "10.0.0.9", user "u", database "x", no encryption'
    with refusing_server(message) as port:
        doctor.settings["default"] = (
            f"postgres://jdbc:postgresql://127.0.0.1:{port}/x?user=u&sslmode=disable"
        )
        check, told = doctor.fault()
    assert check == "source"
    assert message in told.fact
    assert told.fix.startswith("Check sslmode in the connection string")


def test_a_session_over_the_network_without_tls(doctor: Doctor, database: PostgresAddress) -> None:
    with tcp_proxy(database.host, database.port) as proxy:
        # Another name of this computer, which looks like any other host's.
        doctor.connect(replace(database, host="127.1", port=proxy.port), "&sslmode=disable")
        told = doctor.run()["encryption"]
    assert told.verdict == "WARNING"
    assert told.fact.startswith("The session with 127.1 has no TLS")
    assert "sslmode=verify-full" in told.fix


def test_a_certificate_that_nobody_verifies(
    doctor: Doctor, database: PostgresAddress, certificate: Path
) -> None:
    with postgres_proxy(database, certificate=certificate) as proxy:
        doctor.connect(proxy.address)
        told = doctor.run()["encryption"]
    assert told == Told(
        "WARNING",
        "The session has TLS and the server's certificate is not verified (sslmode=prefer).",
        "Add sslmode=verify-full to the connection string and set ssl_root_cert.",
    )


def test_a_certificate_that_is_verified(
    doctor: Doctor, database: PostgresAddress, certificate: Path
) -> None:
    doctor.settings["ssl_root_cert"] = str(certificate)
    with postgres_proxy(database, certificate=certificate) as proxy:
        doctor.connect(proxy.address, "&sslmode=verify-full")
        told = doctor.run()["encryption"]
        assert re.fullmatch(r"The session has TLSv1\.\d, with sslmode=verify-full\.", told.fact)
        doctor.connect(replace(proxy.address, host="localhost"), "&sslmode=verify-full")
        check, told = doctor.fault()
    assert check == "source"
    assert 'does not match host name "localhost"' in told.fact
    assert told.fix.startswith("Check sslmode in the connection string and the certificates")


# --- the server


@pytest.mark.parametrize("version", ["11.22", "9.6.24", "8.0.2"])
def test_an_unsupported_version(doctor: Doctor, database: PostgresAddress, version: str) -> None:
    with postgres_proxy(database, version=version) as proxy:
        doctor.connect(proxy.address, "&sslmode=disable")
        told = doctor.run()
    assert told["server version"] == Told(
        "FAULT",
        f"The server says that it is PostgreSQL {version}, which is not supported.",
        "Upgrade it to 12 or later. (Amazon Redshift says 8.0.2: it takes a connector of its own.)",
    )
    assert told["schemas"].verdict == "OK", "the other checks go on"


def test_the_oldest_version_that_is_supported(doctor: Doctor, database: PostgresAddress) -> None:
    with postgres_proxy(database, version="12.0") as proxy:
        doctor.connect(proxy.address, "&sslmode=disable")
        told = doctor.run()
    assert told["server version"] == Told("OK", "PostgreSQL 12.0 answers.", "")


# --- the role


def test_a_superuser(doctor: Doctor, database: PostgresAddress) -> None:
    doctor.connect(database)
    told = doctor.run()["role"]
    assert told.verdict == "WARNING"
    assert told.fact.startswith(f"Role {database.user} is a superuser.")
    assert "SELECT and nothing more" in told.fix


@pytest.mark.parametrize("right", ["INSERT", "UPDATE", "DELETE", "TRUNCATE"])
def test_a_role_that_may_write(
    doctor: Doctor, fresh_database: PostgresAddress, reader: PostgresAddress, right: str
) -> None:
    fresh_database.execute(
        'CREATE TABLE "My t" (a int)', f'GRANT SELECT, {right} ON "My t" TO {reader.user}'
    )
    doctor.connect(reader)
    told = doctor.run()["role"]
    assert told.verdict == "WARNING"
    assert 'may write, such as to public."My t".' in told.fact


def test_a_role_that_may_read_nothing(
    doctor: Doctor, fresh_database: PostgresAddress, reader: PostgresAddress
) -> None:
    fresh_database.execute("CREATE TABLE t (a int)")
    doctor.connect(reader)
    check, told = doctor.fault()
    assert check == "tables"
    assert told.fact == (
        f"Role {reader.user} may read none of the 1 tables of database {reader.database}."
    )
    assert told.fix.endswith(f"to {reader.user}.")


def test_a_role_that_may_use_no_schema(
    doctor: Doctor, fresh_database: PostgresAddress, reader: PostgresAddress
) -> None:
    fresh_database.execute(
        "CREATE TABLE t (a int)",
        f"GRANT SELECT ON t TO {reader.user}",
        "REVOKE USAGE ON SCHEMA public FROM PUBLIC",
    )
    doctor.connect(reader)
    told = doctor.run()
    assert told["schemas"] == Told(
        "FAULT", "The role may use no schema.", "GRANT USAGE ON SCHEMA ... to the role."
    )
    assert told["tables"].verdict == "FAULT"


def test_a_database_without_tables(doctor: Doctor, reader: PostgresAddress) -> None:
    doctor.connect(reader)
    told = doctor.run()["tables"]
    assert told.verdict == "WARNING"
    assert told.fact == f"Database {reader.database} has no table."
    assert told.fix == "Check the database's name in the connection string."


def test_a_large_table_without_statistics(
    doctor: Doctor, fresh_database: PostgresAddress, reader: PostgresAddress
) -> None:
    fresh_database.execute(
        "CREATE TABLE big (a int, b text) WITH (autovacuum_enabled = false)",
        "INSERT INTO big SELECT n, repeat('x', 90) FROM generate_series(1, 80000) AS n",
        f"GRANT SELECT ON big TO {reader.user}",
    )
    doctor.connect(reader)
    told = doctor.run()["statistics"]
    assert told.verdict == "WARNING"
    assert told.fact.startswith("Tables of some size without statistics: 1, such as public.big.")
    assert told.fix == "ANALYZE them."
    fresh_database.execute("ANALYZE big")
    assert doctor.run()["statistics"].verdict == "OK"


def test_a_role_that_may_not_even_look(
    doctor: Doctor, fresh_database: PostgresAddress, reader: PostgresAddress
) -> None:
    fresh_database.execute(
        "CREATE TABLE t (a int)",
        f"GRANT SELECT ON t TO {reader.user}",
        "REVOKE SELECT ON pg_catalog.pg_roles, pg_catalog.pg_stats FROM PUBLIC",
    )
    doctor.connect(reader)
    told = doctor.run()
    for check, view in (("role", "pg_roles"), ("statistics", "pg_stats")):
        assert told[check].verdict == "WARNING", "queries work all the same"
        assert f"permission denied for view {view}" in told[check].fact
        assert told[check].fix == "Grant the connector's user what it lacks."
    assert told["tables"].verdict == "OK"
    assert told["snapshot"].verdict == "OK"


def test_a_catalogue_that_is_hidden_is_a_fault(
    doctor: Doctor, fresh_database: PostgresAddress, reader: PostgresAddress
) -> None:
    fresh_database.execute("REVOKE SELECT ON pg_catalog.pg_class FROM PUBLIC")
    doctor.connect(reader)
    check, told = doctor.fault()
    assert check == "tables"
    assert "permission denied for table pg_class" in told.fact
    told_of = doctor.run()
    assert "role" not in told_of, "the same refusal is told once"
    assert [told_of[each].verdict for each in ("schemas", "encryption", "snapshot")] == ["OK"] * 3


# --- the snapshot


@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        ("auto", "WARNING: The splits of a scan read at different moments"),
        ("snapshot", "FAULT: Catalog 'default': permission denied for function"),
        ("read_committed", "OK: Each split reads by itself, as read_consistency=read_committed"),
    ],
)
def test_a_snapshot_that_is_not_shared(
    doctor: Doctor,
    fresh_database: PostgresAddress,
    reader: PostgresAddress,
    mode: str,
    expected: str,
) -> None:
    fresh_database.execute("REVOKE EXECUTE ON FUNCTION pg_export_snapshot() FROM PUBLIC")
    doctor.connect(reader)
    doctor.settings["read_consistency"] = mode
    told = doctor.run()["snapshot"]
    assert f"{told.verdict}: {told.fact}".startswith(expected)
    assert bool(told.fix) == (told.verdict != "OK")


def test_no_session_is_left(doctor: Doctor, fresh_database: PostgresAddress) -> None:
    doctor.connect(fresh_database)
    doctor.run()
    rows = fresh_database.execute(
        "SELECT count(*) FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        " AND backend_type = 'client backend'"
    )
    assert rows == [(0,)]

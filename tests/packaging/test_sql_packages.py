"""Packages of SQL connectors run as Lambda runs them, on real servers and stand-ins of AWS."""

from __future__ import annotations

import json
import os
import sys
import urllib.request
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from athena_connectors.common.protocol.messages import TableName
from athena_connectors.common.testing.aws import aws_server
from athena_connectors.common.testing.client import ProtocolClient, S3Reader, TableScan
from athena_connectors.common.testing.engine import Catalog, LocalEngine
from athena_connectors.common.testing.engine_errors import RemoteError

from tests.packaging.builds import handler_of
from tests.packaging.records import digests, foreign_files
from tests.packaging.runtime_api import packaged_function

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from athena_connectors.common.testing.aws import AwsAddress
    from athena_connectors.common.testing.mariadb import MariaDb
    from athena_connectors.common.testing.postgres import PostgresAddress

    from tests.packaging.conftest import FindPackage
    from tests.packaging.runtime_api import PackagedFunction

PASSWORD = "correct horse"
BUCKET = "spilled"
BIG_ROWS = 60_000
RECORD = "record"


@pytest.fixture(scope="module")
def aws() -> Iterator[AwsAddress]:
    """Stand-ins of S3, KMS, Secrets Manager and Athena."""
    with aws_server() as address:
        address.create_bucket(BUCKET)
        # Athena's queries do not end by themselves.
        setting = {"progression": "manual", "times": 1_000_000}
        body = json.dumps({"model_name": "athena::execution", "transition": setting}).encode()
        url = f"{address.endpoint}/moto-api/state-manager/set-transition"
        urllib.request.urlopen(url, data=body).close()
        yield address


@dataclass(frozen=True)
class Database:
    """A database with a small table, a big one and a slow view.

    Attributes:
        connector: Who reads it.
        engine: What Ping tells.
        schema: Of the tables.
        address: Where it is, with the login of a user who may read.
        default: The connection string without a login.
        columns: Of the small table.
        libraries: Compiled libraries of the driver.
        own_sessions: Query of the user's other sessions.
    """

    connector: str
    engine: str
    schema: str
    address: PostgresAddress | MariaDb
    default: str
    columns: str
    libraries: frozenset[str]
    own_sessions: str

    def execute(self, sql: str) -> list[tuple[Any, ...]]:
        return self.address.execute(sql)

    def sessions(self) -> set[int]:
        return {number for (number,) in self.execute(self.own_sessions)}


@contextmanager
def _on_postgres(request: pytest.FixtureRequest) -> Iterator[Database]:
    postgres: PostgresAddress = request.getfixturevalue("postgres")
    name = f"packaging_{os.getpid()}"
    database = postgres.create_database(name)
    database.execute(
        "CREATE TABLE small (i int, b bigint, t text, n numeric(12, 3), f float8, o bool,"
        " d date, x bytea, a int[])",
        r"INSERT INTO small VALUES (1, 2, 'é', 1.5, 0.25, true, '2024-02-29', '\x00ff', '{1,2}'),"
        " (-1, -2, '', -0.001, -1e300, false, '1969-12-31', '', '{}'),"
        " (NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL)",
        f"CREATE TABLE big AS SELECT i, repeat(md5(i::text), 6) AS t"
        f" FROM generate_series(1, {BIG_ROWS}) AS i",
        "ANALYZE big",
        "CREATE VIEW slow AS SELECT i FROM generate_series(1, 1000) AS i"
        " WHERE pg_sleep(0.1 + i * 0) IS NOT NULL",
        f"CREATE ROLE {name} LOGIN PASSWORD '{PASSWORD}'",
        f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO {name}",
    )
    yield Database(
        connector="jdbc-postgres",
        engine="postgres",
        schema="public",
        address=database.of_user(name, PASSWORD),
        default=f"postgres://jdbc:postgresql://{database.host}:{database.port}/{name}",
        columns="i, b, t, n, f, o, d, x, a",
        libraries=frozenset({"psycopg2", "psycopg2_binary.libs"}),
        own_sessions="SELECT pid FROM pg_stat_activity WHERE datname = current_database()"
        " AND backend_type = 'client backend' AND pid <> pg_backend_pid()",
    )
    postgres.drop_database(name)
    postgres.execute(f"DROP ROLE {name}")


@contextmanager
def _on_mariadb(request: pytest.FixtureRequest) -> Iterator[Database]:
    mariadb: MariaDb = request.getfixturevalue("mariadb")
    name = f"packaging_{os.getpid()}"
    database = mariadb.create_database(name)
    database.execute(
        "CREATE TABLE small (i int, b bigint, t text, n decimal(12, 3), f double, o bool,"
        " d date, x blob)",
        "INSERT INTO small VALUES (1, 2, _utf8mb4 X'c3a9', 1.5, 0.25, true, '2024-02-29', X'00ff'),"
        " (-1, -2, '', -0.001, -1e300, false, '1969-12-31', ''),"
        " (NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL)",
        "CREATE TABLE big (i int PRIMARY KEY, t text) AS"
        f" SELECT seq AS i, repeat(md5(seq), 6) AS t FROM seq_1_to_{BIG_ROWS}",
        "ANALYZE TABLE big",
        "CREATE VIEW slow AS SELECT i FROM big WHERE sleep(0.1 + i * 0) = 0",
    )
    yield Database(
        connector="jdbc-mysql",
        engine="mysql",
        schema=name,
        address=database.create_user(name, PASSWORD, f"SELECT ON {name}.*"),
        default=f"mysql://jdbc:mysql://{database.host}:{database.port}/{name}",
        columns="i, b, t, n, f, o, d, x",
        libraries=frozenset(),
        own_sessions="SELECT id FROM information_schema.processlist WHERE id <> connection_id()",
    )
    mariadb.execute(f"DROP USER '{name}'@'%'")
    mariadb.drop_database(name)


SERVERS: dict[str, Callable[[pytest.FixtureRequest], Any]] = {
    "jdbc-mysql": _on_mariadb,
    "jdbc-postgres": _on_postgres,
}


@pytest.fixture(scope="module", params=SERVERS)
def database(request: pytest.FixtureRequest) -> Iterator[Database]:
    with SERVERS[request.param](request) as found:
        yield found


@pytest.fixture(scope="module")
def function(
    package_of: FindPackage,
    aws: AwsAddress,
    database: Database,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[PackagedFunction]:
    """The package, running; it logs in by a secret and encrypts with a key of KMS."""
    login = {"username": database.address.user, "password": database.address.password}
    secret, connector = database.connector, database.connector
    aws.client("secretsmanager").create_secret(Name=secret, SecretString=json.dumps(login))
    environ = {
        **aws.environ,
        "default": f"{database.default}?${{{secret}}}",
        "spill_bucket": BUCKET,
        "spill_prefix": "prefix",
        "kms_key_id": aws.client("kms").create_key()["KeyMetadata"]["KeyId"],
    }
    folder = tmp_path_factory.mktemp("lambda")
    with packaged_function(
        package_of(connector),
        handler_of(connector),
        folder,
        environ=environ,
        record=folder / RECORD,
    ) as running:
        yield running


@pytest.fixture
def engine(function: PackagedFunction, aws: AwsAddress) -> Iterator[LocalEngine]:
    """Athena's part, speaking to the package."""
    with LocalEngine({"shop": Catalog(function, S3Reader(aws.environ))}) as engine:
        yield engine


@pytest.fixture
def client(function: PackagedFunction, aws: AwsAddress) -> ProtocolClient:
    """The protocol, spoken to the package."""
    return ProtocolClient("shop", function, spill=S3Reader(aws.environ))


def test_runs_on_its_own_libraries(
    function: PackagedFunction, client: ProtocolClient, package_of: FindPackage, database: Database
) -> None:
    package = package_of(database.connector)
    assert client.ping().sourceType == database.engine
    assert list(client.schemas()) == [database.schema]
    mapped = function.mapped_files()
    ours = {path.relative_to(package).parts[0] for path in mapped if path.is_relative_to(package)}
    assert {"pyarrow", "numpy", *database.libraries} <= ours
    environment = Path(sys.prefix)
    others = {path.name for path in mapped if path.is_relative_to(environment)}
    assert all(name.startswith(("runtime_client", "_speedups")) for name in others)


def test_lists_and_describes(client: ProtocolClient, database: Database) -> None:
    assert [name.tableName for name in client.tables(database.schema)] == ["big", "slow", "small"]
    described = client.describe(TableName(database.schema, "small"))
    assert described.schema.names[:4] == ["i", "b", "t", "n"]


def test_reads_inline(engine: LocalEngine, database: Database) -> None:
    result = engine.query(f"SELECT {database.columns} FROM shop.{database.schema}.small")
    rows = [tuple(row.values()) for row in result.table.to_pylist()]
    told = database.execute(f"SELECT {database.columns} FROM small")
    expected = [tuple(_bytes(value) for value in row) for row in told]
    assert sorted(rows, key=_first) == sorted(expected, key=_first)


def _first(row: tuple[Any, ...]) -> str:
    return repr(row[0])


def _bytes(value: Any) -> Any:
    return bytes(value) if isinstance(value, memoryview) else value


def test_spills_encrypted(engine: LocalEngine, database: Database, aws: AwsAddress) -> None:
    before = set(aws.object_keys(BUCKET))
    table = engine.query(f"SELECT i, t FROM shop.{database.schema}.big ORDER BY i").table
    rows = list(zip(table["i"].to_pylist(), table["t"].to_pylist(), strict=True))
    assert rows == database.execute("SELECT i, t FROM big ORDER BY i")
    spilled = set(aws.object_keys(BUCKET)) - before
    assert spilled
    assert all(key.startswith("prefix/") for key in spilled)
    text = str(rows[0][1]).encode()
    assert not any(text in aws.read_object(BUCKET, key) for key in spilled)


def test_errors_reach_the_caller(
    client: ProtocolClient, function: PackagedFunction, database: Database
) -> None:
    with pytest.raises(RemoteError, match="absent") as caught:
        client.describe(TableName(database.schema, "absent"))
    assert caught.value.error_type == "TableNotFoundError"
    with pytest.raises(RemoteError) as caught:
        function.send({"@type": "NoSuchRequest"})
    assert caught.value.error_type == "InvalidRequestError"


def test_stays_warm(engine: LocalEngine, database: Database) -> None:
    counting = f"SELECT count(*) AS n FROM shop.{database.schema}.small"
    first = engine.query(counting).table
    sessions = database.sessions()
    assert sessions
    assert engine.query(counting).table == first
    assert database.sessions() & sessions


def _read_slowly(client: ProtocolClient, database: Database, query_id: str) -> dict[str, Any]:
    """Return the request to read a view that takes minutes."""
    name = TableName(database.schema, "slow")
    described = client.describe(name)
    columns = tuple(described.partitionColumns)
    scan = TableScan(name, described.schema, columns, described.schema, query_id=query_id)
    return client.read_event(scan, next(iter(client.splits(scan))))


def _started_query(aws: AwsAddress) -> str:
    query_id: str = aws.client("athena").start_query_execution(
        QueryString="SELECT 1", ResultConfiguration={"OutputLocation": f"s3://{BUCKET}/results"}
    )["QueryExecutionId"]
    return query_id


def test_stops_before_it_is_killed(
    client: ProtocolClient, function: PackagedFunction, database: Database, aws: AwsAddress
) -> None:
    event = _read_slowly(client, database, _started_query(aws))
    with pytest.raises(RemoteError, match="slow") as caught:
        function.send(event, timeout_seconds=6)
    # The server's own limit ends at the same moment as ours.
    assert caught.value.error_type in {"DeadlineExceededError", "SourceTimeoutError"}


def test_stops_when_athena_has_stopped(
    client: ProtocolClient, function: PackagedFunction, database: Database, aws: AwsAddress
) -> None:
    query_id = _started_query(aws)
    event = _read_slowly(client, database, query_id)
    aws.client("athena").stop_query_execution(QueryExecutionId=query_id)
    with pytest.raises(RemoteError) as caught:
        function.send(event)
    assert caught.value.error_type == "QueryStoppedError"


def test_tells_metrics_and_no_secret(
    engine: LocalEngine, function: PackagedFunction, database: Database
) -> None:
    name = f"{database.schema}.small"
    rows = engine.query(f"SELECT i FROM shop.{name}").table.num_rows
    log = function.log.read_text()
    lines = [json.loads(line) for line in log.splitlines() if line.startswith("{")]
    metrics = [line for line in lines if "_aws" in line and line["table"] == name]
    assert metrics[-1]["rows_returned"] in (rows, [float(rows)])
    assert metrics[-1]["_aws"]["CloudWatchMetrics"][0]["Namespace"] == "AthenaConnectors"
    assert PASSWORD not in log


def test_touches_no_file_but_its_own(
    engine: LocalEngine, function: PackagedFunction, package_of: FindPackage, database: Database
) -> None:
    package = package_of(database.connector)
    schema = f"shop.{database.schema}"
    before = digests(package)
    engine.query(f"SELECT t FROM {schema}.small WHERE i > 0 ORDER BY t LIMIT 1")
    assert engine.query(f"SELECT t FROM {schema}.big").table.num_rows == BIG_ROWS
    assert foreign_files(function.log.with_name(RECORD), package) == set()
    assert digests(package) == before

"""A connector's package holds what it needs and no more, and runs as Lambda runs it."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import marshal
import os
import platform
import shutil
import stat
import subprocess
import sys
import urllib.request
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from athena_connectors.common.protocol.messages import TableName
from athena_connectors.common.testing.aws import aws_server
from athena_connectors.common.testing.client import ProtocolClient, S3Reader, TableScan
from athena_connectors.common.testing.engine import Catalog, LocalEngine
from athena_connectors.common.testing.engine_errors import RemoteError
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.packaging.repository import CONNECTORS, ROOT, folder_of, sam, template_of
from tests.packaging.runtime_api import packaged_function, required_distributions

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import CodeType, ModuleType

    from athena_connectors.common.testing.aws import AwsAddress
    from athena_connectors.common.testing.postgres import PostgresAddress

    from tests.packaging.runtime_api import PackagedFunction

PACKAGER = ROOT / "common/packaging/package.py"

HOST_PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"
HOST_ARCHITECTURE = {"x86_64": "x86_64", "aarch64": "arm64"}[platform.machine()]
MACHINES = {"x86_64": 0x3E, "arm64": 0xB7}

MAX_BYTES = {False: 145_000_000, True: 215_000_000}
"""Without and with numpy."""
NEVER_SHIPPED = ("boto3", "botocore", "urllib3", "duckdb", "sqlglot", "pytest", "hypothesis", "pip")
UNCHECKED_HASH = 1
BYTECODE_HEADER = 16

HANDLER = "athena_connectors.jdbc_postgres.app.handler"
PASSWORD = "correct horse"
BUCKET = "spilled"
BIG_ROWS = 60_000


# Building


def _build(
    out: Path, *options: str, connector: str = "jdbc-postgres", root: Path = ROOT, umask: int = -1
) -> None:
    command = [sys.executable, str(root / "common/packaging/package.py"), *options]
    folder = root / folder_of(connector).relative_to(ROOT)
    command += ["--connector", str(folder), "--out", str(out), "--common", str(root / "common")]
    run = subprocess.run(command, capture_output=True, text=True, check=False, umask=umask)
    assert run.returncode == 0, run.stdout + run.stderr


@pytest.fixture(scope="session", params=CONNECTORS)
def deployed(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[str, Path]:
    """A connector, and the package that ``sam build`` makes of it for Lambda."""
    connector: str = request.param
    folder = tmp_path_factory.mktemp("sam")
    command = [sam(), "build", "--build-dir", str(folder / "build")]
    command += ["--template", str(template_of(connector))]
    environ = {**os.environ, "PYTHON": sys.executable, "SAM_CLI_TELEMETRY": "0"}
    # Where the command is called must not matter.
    run = subprocess.run(
        command, cwd=folder, env=environ, capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stdout + run.stderr
    return connector, folder / "build/ConnectorFunction"


@pytest.fixture(scope="session")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The package of jdbc-postgres for this machine and this Python."""
    out = tmp_path_factory.mktemp("package") / "out"
    _build(out, "--python", HOST_PYTHON, "--architecture", HOST_ARCHITECTURE)
    return out


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def _content(folder: Path) -> dict[str, tuple[int, str]]:
    """Return mode and digest of every file and folder."""
    return {
        str(path.relative_to(folder)): (
            stat.S_IMODE(path.stat().st_mode),
            hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "",
        )
        for path in folder.rglob("*")
    }


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in _files(folder))


def _native(folder: Path) -> dict[str, int]:
    """Return the machine of every native library, by its name."""
    heads = {path.name: path.read_bytes()[:20] for path in folder.rglob("*.so*")}
    assert all(head.startswith(b"\x7fELF") for head in heads.values())
    return {name: int.from_bytes(head[18:20], "little") for name, head in heads.items()}


def _distributions(folder: Path) -> set[str]:
    found = metadata.distributions(path=[str(folder)])
    return {canonicalize_name(distribution.metadata["Name"]) for distribution in found}


def test_size_is_under_our_limit(deployed: tuple[str, Path], package: Path) -> None:
    for folder in (deployed[1], package):
        assert _size(folder) <= MAX_BYTES[(folder / "numpy").exists()]


def test_holds_what_the_connector_requires_and_no_more(deployed: tuple[str, Path]) -> None:
    connector, folder = deployed
    own = f"athena-connectors-{connector}"
    required = required_distributions(own, without={"boto3"})
    assert _distributions(folder) == required - {own, "athena-connectors-common"}
    assert not [name for name in NEVER_SHIPPED if (folder / name).exists()]


def test_holds_no_other_connector_and_no_laptop_part(deployed: tuple[str, Path]) -> None:
    connector, folder = deployed
    ours, common = folder / "athena_connectors", ROOT / "common/src/athena_connectors/common"
    assert {path.name for path in ours.iterdir()} == {"common", connector.replace("-", "_")}
    modules = {path.relative_to(common) for path in common.rglob("*.py")}
    laptop = {path for path in modules if path.parts[0] in {"testing", "cli"}}
    shipped = {path.relative_to(ours / "common") for path in (ours / "common").rglob("*.py")}
    assert laptop
    assert shipped == modules - laptop


def test_native_libraries_are_for_the_function(
    deployed: tuple[str, Path], packager: ModuleType
) -> None:
    connector, folder = deployed
    target = packager.read_target(template_of(connector))
    assert set(_native(folder).values()) == {MACHINES[target.architecture]}


def test_same_input_gives_the_same_bytes(deployed: tuple[str, Path], tmp_path: Path) -> None:
    connector, folder = deployed
    copy = tmp_path / "a copy of the repository"
    for name in ("common", str(folder_of(connector).relative_to(ROOT))):
        shutil.copytree(ROOT / name, copy / name)
    shutil.copy(ROOT / "constraints.txt", copy)
    _build(tmp_path / "out", connector=connector, root=copy, umask=0o077)
    built = _content(tmp_path / "out")
    assert built == _content(folder)
    assert {mode for mode, _ in built.values()} == {0o755, 0o644}


def test_builds_for_another_machine_and_python(tmp_path: Path) -> None:
    other = "arm64" if HOST_ARCHITECTURE == "x86_64" else "x86_64"
    _build(tmp_path / "out", "--architecture", other, "--python", "3.14")
    native = _native(tmp_path / "out")
    assert set(native.values()) == {MACHINES[other]}
    tags = {name.split(".")[1].split("-")[1] for name in native if ".cpython-" in name}
    assert tags == {"314"}


def test_bytecode_is_valid_in_lambda(package: Path) -> None:
    for source in package.rglob("*.py"):
        tag = sys.implementation.cache_tag
        compiled = (source.parent / "__pycache__" / f"{source.stem}.{tag}.pyc").read_bytes()
        assert compiled[: len(importlib.util.MAGIC_NUMBER)] == importlib.util.MAGIC_NUMBER
        assert int.from_bytes(compiled[4:8], "little") == UNCHECKED_HASH
        code: CodeType = marshal.loads(compiled[BYTECODE_HEADER:])
        assert code.co_filename == f"/var/task/{source.relative_to(package)}"


def test_no_requirement_depends_on_the_building_machine(deployed: tuple[str, Path]) -> None:
    # pip asks the Python that runs it, not the target, which branch of a marker is taken.
    for distribution in metadata.distributions(path=[str(deployed[1])]):
        for requirement in map(Requirement, distribution.requires or ()):
            answers = {
                requirement.marker is None
                or requirement.marker.evaluate(
                    {
                        "extra": "",
                        "platform_machine": machine,
                        "python_version": version,
                        "python_full_version": f"{version}.0",
                        "sys_platform": system.lower(),
                        "platform_system": system,
                    }
                )
                for machine in ("x86_64", "aarch64", "arm64")
                for version in ("3.11", "3.12", "3.13", "3.14")
                for system in ("Linux", "Darwin")
            }
            assert len(answers) == 1, f"{distribution.metadata['Name']} requires {requirement}"


# Refusing to build


@pytest.fixture(scope="session")
def packager() -> ModuleType:
    """The packager as a module."""
    spec = importlib.util.spec_from_file_location("packager", PACKAGER)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["packager"] = module  # where its dataclasses look for themselves
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("line", "changed", "message"),
    [
        ("Runtime: python3.13", "Runtime: python3.11", "python3.11 is too old"),
        ("Runtime: python3.13", "Runtime: !Ref Runtime", "plain words"),
        ("Architectures: [x86_64]", "Architectures: !Ref Architectures", "plain words"),
        ("Handler: a.b", "Handler: !Ref Handler", "plain words"),
    ],
)
def test_template_says_in_plain_words_what_to_build(
    packager: ModuleType, tmp_path: Path, line: str, changed: str, message: str
) -> None:
    text = "P:\n  Runtime: python3.13\n  Architectures: [x86_64]\n  Handler: a.b\n"
    template = tmp_path / "template.yaml"
    template.write_text(text)
    assert packager.read_target(template) == packager.Target("3.13", "x86_64", "a.b")
    template.write_text(text.replace(line, changed))
    with pytest.raises(packager.BuildError, match=message):
        packager.read_target(template)


def _projects(folder: Path, dependencies: str) -> tuple[Path, Path]:
    for name, text in {
        "common": '[project]\nname = "athena-connectors-common"\n'
        'dependencies = ["pyarrow>=20", "Boto3>=1"]\n'
        '[project.optional-dependencies]\nsql = ["sqlalchemy"]\n',
        "own": f'[project]\nname = "own"\ndependencies = [{dependencies}]\n',
    }.items():
        (folder / name).mkdir()
        (folder / name / "pyproject.toml").write_text(text)
    return folder / "own", folder / "common"


@pytest.mark.parametrize(
    ("dependencies", "installed"),
    [
        ('"athena-connectors-common"', ["pyarrow>=20"]),
        ('"athena-connectors-common[sql]"', ["pyarrow>=20", "sqlalchemy"]),
        # Never asked of a package index, where the name may be a stranger's.
        ('"Athena_Connectors.Common [sql] >= 1", "x"', ["pyarrow>=20", "sqlalchemy", "x"]),
        ('"urllib3", "psycopg2-binary>=2.9"', ["pyarrow>=20", "psycopg2-binary>=2.9"]),
    ],
)
def test_requirements_are_those_of_both_packages(
    packager: ModuleType, tmp_path: Path, dependencies: str, installed: list[str]
) -> None:
    assert packager.read_requirements(*_projects(tmp_path, dependencies)) == installed


def test_unknown_extra_is_refused(packager: ModuleType, tmp_path: Path) -> None:
    with pytest.raises(packager.BuildError, match="no such extra"):
        packager.read_requirements(*_projects(tmp_path, '"athena-connectors-common[sqll]"'))


def _elf(machine: int) -> bytes:
    return b"\x7fELF".ljust(18, b"\0") + machine.to_bytes(2, "little")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("boto3/__init__.py", b"", "holds boto3"),
        ("duckdb/__init__.py", b"", "holds duckdb"),
        ("lib.so", _elf(0xB7), "lib.so is for another machine"),
        ("lib.cpython-312-x86_64-linux-gnu.so", _elf(0x3E), "for another Python"),
    ],
    ids=["of-the-runtime", "of-a-laptop", "machine", "python"],
)
def test_foreign_files_are_refused(
    packager: ModuleType, tmp_path: Path, name: str, content: bytes, message: str
) -> None:
    target = packager.Target("3.13", "x86_64", "own.app.handler")
    with pytest.raises(packager.BuildError, match="lacks the module of its handler"):
        packager.check(tmp_path, target)
    (tmp_path / "own").mkdir()
    (tmp_path / "own/app.py").touch()
    (tmp_path / "lib.cpython-313-x86_64-linux-gnu.so").write_bytes(_elf(0x3E))
    packager.check(tmp_path, target)
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_bytes(content)
    with pytest.raises(packager.BuildError, match=message):
        packager.check(tmp_path, target)


def test_too_large_a_package_is_refused(packager: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "numpy").mkdir()
    (tmp_path / "numpy/data").write_bytes(bytes(1_500_000))
    (tmp_path / "numpy.libs").mkdir()
    (tmp_path / "numpy.libs/data").write_bytes(bytes(500_000))
    packager.check_size(tmp_path, 2)
    with pytest.raises(packager.BuildError, match=r"limit of 1\.99 MB\. 2\.0 MB .*: numpy 2\.0$"):
        packager.check_size(tmp_path, 1.99)


def test_folder_with_content_is_refused(
    packager: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "left over").touch()
    arguments = ["--connector", str(ROOT / "connectors/jdbc-postgres"), "--out", str(tmp_path)]
    with pytest.raises(SystemExit) as exit_:
        packager.main([*arguments, "--common", str(ROOT / "common")])
    assert exit_.value.code == 1
    assert "is not empty" in capsys.readouterr().err


def test_kept_libraries_are_whole(packager: ModuleType, tmp_path: Path) -> None:
    kept = ["pyarrow/libarrow_s3.so.2600", "pyarrow/libarrow_python.so", "numpy/f2py/main.py"]
    for name in (*kept, "pyarrow/lib.so"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    packager.trim_libraries(tmp_path, keep=["pyarrow", "numpy"])
    assert all((tmp_path / name).exists() for name in kept)
    packager.trim_libraries(tmp_path, keep=[])
    assert [path.name for path in _files(tmp_path)] == ["lib.so"]


def test_python_that_starts_makes_the_bytecode(
    packager: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shim = tmp_path / "shims/python3.99"
    real = tmp_path / "versions/3.99.1/bin/python3.99"
    for path in (shim, real):
        path.parent.mkdir(parents=True)
    shim.write_text("#!/bin/sh\nexit 127\n")
    shim.chmod(0o755)
    monkeypatch.setenv("PATH", str(shim.parent))
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path))
    assert packager.find_interpreter("3.99") is None
    real.symlink_to(sys.executable)
    assert packager.find_interpreter("3.99") == str(real)
    monkeypatch.setenv("PATH", f"{shim.parent}{os.pathsep}{real.parent}")
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path / "none"))
    assert packager.find_interpreter("3.99") == str(real)
    assert packager.find_interpreter(HOST_PYTHON) == sys.executable


# Running


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


@pytest.fixture(scope="module")
def database(postgres: PostgresAddress) -> Iterator[PostgresAddress]:
    """A database with a small table, a big one and a slow view."""
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
    yield database.of_user(name, PASSWORD)
    postgres.drop_database(name)
    postgres.execute(f"DROP ROLE {name}")


@pytest.fixture(scope="module")
def function(
    package: Path,
    aws: AwsAddress,
    database: PostgresAddress,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[PackagedFunction]:
    """The package, running; it logs in by a secret and encrypts with a key of KMS."""
    login = {"username": database.user, "password": database.password}
    aws.client("secretsmanager").create_secret(Name="shop", SecretString=json.dumps(login))
    host = f"{database.host}:{database.port}"
    environ = {
        **aws.environ,
        "default": f"postgres://jdbc:postgresql://{host}/{database.database}?${{shop}}",
        "spill_bucket": BUCKET,
        "spill_prefix": "prefix",
        "kms_key_id": aws.client("kms").create_key()["KeyMetadata"]["KeyId"],
    }
    folder = tmp_path_factory.mktemp("lambda")
    with packaged_function(package, HANDLER, folder, environ=environ) as running:
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


def _sessions(database: PostgresAddress) -> set[int]:
    rows = database.execute(
        "SELECT pid FROM pg_stat_activity WHERE datname = current_database()"
        " AND backend_type = 'client backend' AND pid <> pg_backend_pid()"
    )
    return {pid for (pid,) in rows}


def test_runs_on_its_own_libraries(
    function: PackagedFunction, client: ProtocolClient, package: Path
) -> None:
    assert client.ping().sourceType == "postgres"
    assert list(client.schemas()) == ["public"]
    mapped = function.mapped_files()
    ours = {path.relative_to(package).parts[0] for path in mapped if path.is_relative_to(package)}
    assert {"pyarrow", "numpy", "psycopg2", "psycopg2_binary.libs"} <= ours
    environment = Path(sys.prefix)
    others = {path.name for path in mapped if path.is_relative_to(environment)}
    assert all(name.startswith(("runtime_client", "_speedups")) for name in others)


def test_lists_and_describes(client: ProtocolClient) -> None:
    assert [name.tableName for name in client.tables("public")] == ["big", "slow", "small"]
    described = client.describe(TableName("public", "small"))
    assert described.schema.names[:4] == ["i", "b", "t", "n"]


def test_reads_inline(engine: LocalEngine, database: PostgresAddress) -> None:
    columns = "i, b, t, n, f, o, d, x, a"
    result = engine.query(f"SELECT {columns} FROM shop.public.small")
    rows = [tuple(row.values()) for row in result.table.to_pylist()]
    told = database.execute(f"SELECT {columns} FROM small")
    expected = [tuple(_bytes(value) for value in row) for row in told]
    assert sorted(rows, key=repr) == sorted(expected, key=repr)


def _bytes(value: Any) -> Any:
    return bytes(value) if isinstance(value, memoryview) else value


def test_spills_encrypted(engine: LocalEngine, database: PostgresAddress, aws: AwsAddress) -> None:
    before = set(aws.object_keys(BUCKET))
    table = engine.query("SELECT i, t FROM shop.public.big ORDER BY i").table
    rows = list(zip(table["i"].to_pylist(), table["t"].to_pylist(), strict=True))
    assert rows == database.execute("SELECT i, t FROM big ORDER BY i")
    spilled = set(aws.object_keys(BUCKET)) - before
    assert spilled
    assert all(key.startswith("prefix/") for key in spilled)
    text = str(rows[0][1]).encode()
    assert not any(text in aws.read_object(BUCKET, key) for key in spilled)


def test_errors_reach_the_caller(client: ProtocolClient, function: PackagedFunction) -> None:
    with pytest.raises(RemoteError, match="absent") as caught:
        client.describe(TableName("public", "absent"))
    assert caught.value.error_type == "TableNotFoundError"
    with pytest.raises(RemoteError) as caught:
        function.send({"@type": "NoSuchRequest"})
    assert caught.value.error_type == "InvalidRequestError"


def test_stays_warm(engine: LocalEngine, database: PostgresAddress) -> None:
    first = engine.query("SELECT count(*) AS n FROM shop.public.small").table
    sessions = _sessions(database)
    assert sessions
    assert engine.query("SELECT count(*) AS n FROM shop.public.small").table == first
    assert _sessions(database) & sessions


def _read_slowly(client: ProtocolClient, query_id: str) -> dict[str, Any]:
    """Return the request to read a view that takes minutes."""
    name = TableName("public", "slow")
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
    client: ProtocolClient, function: PackagedFunction, aws: AwsAddress
) -> None:
    event = _read_slowly(client, _started_query(aws))
    with pytest.raises(RemoteError, match="slow") as caught:
        function.send(event, timeout_seconds=6)
    # The server's own limit ends at the same moment as ours.
    assert caught.value.error_type in {"DeadlineExceededError", "SourceTimeoutError"}


def test_stops_when_athena_has_stopped(
    client: ProtocolClient, function: PackagedFunction, aws: AwsAddress
) -> None:
    query_id = _started_query(aws)
    event = _read_slowly(client, query_id)
    aws.client("athena").stop_query_execution(QueryExecutionId=query_id)
    with pytest.raises(RemoteError) as caught:
        function.send(event)
    assert caught.value.error_type == "QueryStoppedError"


def test_tells_metrics_and_no_secret(engine: LocalEngine, function: PackagedFunction) -> None:
    rows = engine.query("SELECT i FROM shop.public.small").table.num_rows
    log = function.log.read_text()
    lines = [json.loads(line) for line in log.splitlines() if line.startswith("{")]
    metrics = [line for line in lines if "_aws" in line and line["table"] == "public.small"]
    assert metrics[-1]["rows_returned"] in (rows, [float(rows)])
    assert metrics[-1]["_aws"]["CloudWatchMetrics"][0]["Namespace"] == "AthenaConnectors"
    assert PASSWORD not in log


def test_writes_nothing_beside_the_code(engine: LocalEngine, package: Path) -> None:
    before = _content(package)
    engine.query("SELECT t FROM shop.public.small WHERE i > 0 ORDER BY t LIMIT 1")
    assert _content(package) == before

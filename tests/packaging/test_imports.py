"""What a connector's entry does and loads before the first request: next to nothing."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from athena_connectors.common.protocol import messages as m
from athena_connectors.common.protocol.codec import encode_request
from athena_connectors.common.testing.client import LOCAL_IDENTITY, ProtocolClient, TableScan
from athena_connectors.common.testing.folder_store import FolderStore
from athena_connectors.common.testing.transport import InProcess
from athena_connectors.template.app import handler
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.packaging.builds import handler_of
from tests.packaging.distributions import FAMILY, distributions, imports_of, owners, requirements
from tests.packaging.repository import folder_of, settings_of
from tests.packaging.runtime_api import link_runtime

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.packaging.conftest import FindPackage

PROBE = Path(__file__).with_name("probe.py")
AT_IMPORT = {"pyarrow", "numpy"}
"""Libraries of common that nearly every request needs; its others wait until they are used."""
LOADED_BY_DRIVERS = {"pymysql": {"cryptography", "cffi"}}
"""What a driver loads with itself: PyMySQL what some of its logins take."""

PING = encode_request(m.PingRequest(LOCAL_IDENTITY, "c", "q"), 5)

Facts = dict[str, Any]


def _probe(
    work: str,
    entry: str,
    package: Path,
    *,
    folder: Path,
    environ: Mapping[str, str],
    events: list[Any],
) -> Any:
    path = os.pathsep.join(map(str, (package, link_runtime(folder))))
    run = subprocess.run(
        [sys.executable, "-S", "-P", str(PROBE), work, entry],
        input=json.dumps(events),
        cwd=package,
        env={"PYTHONPATH": path, "AWS_REGION": "eu-west-1", **environ},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    return json.loads(run.stdout)


@pytest.fixture(scope="session")
def probed(
    packaged: tuple[str, Path], tmp_path_factory: pytest.TempPathFactory
) -> tuple[str, Path, Facts]:
    """A connector, its package, and what its import and a Ping did."""
    connector, package = packaged
    folder = tmp_path_factory.mktemp("probe")
    facts = _probe(
        "import",
        handler_of(connector),
        package,
        folder=folder,
        environ=settings_of(connector),
        events=[PING],
    )
    return connector, package, facts


def _libraries(package: Path, files: list[str]) -> set[str]:
    owner = owners(package)
    found = {owner.get(Path(file)) for file in files}
    return {name for name in found if name is not None}


def test_import_captures_nothing_that_a_snapshot_must_not_hold(
    probed: tuple[str, Path, Facts],
) -> None:
    _, _, facts = probed
    assert facts["calls"] == []
    assert facts["opened"] == []
    assert facts["threads"] == ["MainThread"]


def test_only_what_each_request_needs_is_loaded(probed: tuple[str, Path, Facts]) -> None:
    connector, package, facts = probed
    project = tomllib.loads((folder_of(connector) / "pyproject.toml").read_text())["project"]
    own: set[str] = {canonicalize_name(Requirement(each).name) for each in project["dependencies"]}
    own |= {each for name in own for each in LOADED_BY_DRIVERS.get(name, ())}
    loaded = _libraries(package, facts["loaded"])
    assert "pyarrow" in loaded
    assert loaded <= AT_IMPORT | own
    assert _libraries(package, facts["loaded_by_requests"]) == set()
    environment = Path(sys.prefix)
    files = map(Path, facts["loaded"] + facts["loaded_by_requests"])
    assert [file for file in files if file.is_relative_to(environment)] == []


def test_each_library_is_imported_by_something_in_the_package(
    probed: tuple[str, Path, Facts],
) -> None:
    _, package, _ = probed
    imported = imports_of((package / FAMILY).rglob("*.py"))
    shipped = distributions(package)
    tops = {name: {file.parts[0] for file in each.files or ()} for name, each in shipped.items()}
    used = {
        name for name, parts in tops.items() if imported & {part.split(".")[0] for part in parts}
    }
    if "zoneinfo" in imported:
        used |= {"tzdata"} & set(shipped)  # which the standard library looks for by name
    if "pymongo" in imported:
        used |= {"pymongo-auth-aws"} & set(shipped)  # which it loads for a login with a role
    reached: set[str] = set()
    while used - reached:
        reached |= used
        used |= {need for name in reached for need in requirements(shipped[name])} & set(shipped)
    assert set(shipped) - used == set()


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("import uuid; ID = str(uuid.uuid4())", "uuid4"),
        ("import os; KEY = os.urandom(16)", "urandom"),
        ("import secrets; KEY = secrets.token_hex()", "urandom"),
        ("import random; WAIT = random.random()", "random"),
        ("import random; WAIT = random.uniform(0, 1)", "Random.uniform"),
        ("import time; START = time.monotonic()", "monotonic"),
        ("import datetime; START = datetime.datetime.now()", "now"),
        ("import os; REGION = os.environ.get('AWS_REGION')", "_Environ.__getitem__"),
        ("import os; REGION = os.getenv('AWS_REGION')", "_Environ.__getitem__"),
    ],
)
def test_what_an_import_captures_is_noticed(tmp_path: Path, line: str, told: str) -> None:
    facts = _probe_of(tmp_path, line)
    assert f"{told} by athena_connectors.own.app:1" in facts["calls"]


def test_what_an_import_leaves_open_is_noticed(tmp_path: Path) -> None:
    facts = _probe_of(tmp_path, "import socket; END = socket.socket()")
    assert len(facts["opened"]) == 1
    assert "socket:" in facts["opened"][0]


def _probe_of(folder: Path, line: str) -> Facts:
    own = folder / "package" / FAMILY / "own"
    own.mkdir(parents=True)
    (own / "app.py").write_text(f"{line}\ndef handler(event, context): ...\n")
    entry = f"{FAMILY}.own.app.handler"
    facts: Facts = _probe("import", entry, folder / "package", folder=folder, environ={}, events=[])
    return facts


class _Recording:
    """A transport that remembers what was sent."""

    def __init__(self, transport: InProcess) -> None:
        self._transport = transport
        self.events: list[Any] = []

    def send(self, event: Any) -> Any:
        """Pass an event on."""
        self.events.append(event)
        return self._transport.send(event)

    def close(self) -> None:
        """Close what is open."""
        self._transport.close()


def test_functions_of_one_snapshot_share_no_key_and_no_name(
    package_of: FindPackage, tmp_path: Path
) -> None:
    environ = {**settings_of("template"), "spill_bucket": "b"}
    store = FolderStore(tmp_path / "spill")
    sent = _Recording(InProcess(handler, settings=environ, store=store))
    client = ProtocolClient("c", sent, spill=store)
    name = m.TableName("shop", "orders")
    described = client.describe(name)
    columns = tuple(described.partitionColumns)
    scan = TableScan(name, described.schema, columns, described.schema, query_id="q")
    client.read(scan, next(iter(client.splits(scan))))

    del environ["spill_bucket"]  # which would be asked for
    replies = _probe(
        "restore",
        handler_of("template"),
        package_of("template"),
        folder=tmp_path,
        environ=environ,
        events=sent.events,
    )
    one, other = ({*_drawn(each)} for each in replies)
    assert {kind for kind, _ in one} == {"aId", "key", "nonce"}
    assert one & other == set()


def _drawn(node: Any) -> set[tuple[str, str]]:
    """Return the members of replies that must be of their own function."""
    if isinstance(node, list):
        return {found for each in node for found in _drawn(each)}
    if not isinstance(node, dict):
        return set()
    own = {(k, v) for k, v in node.items() if k in {"aId", "key", "nonce"} and isinstance(v, str)}
    return own | {found for each in node.values() for found in _drawn(each)}

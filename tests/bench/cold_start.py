"""How long a connector takes from nothing to its first replies, and which libraries take it.

For each connector that has a ``template.yaml``: its package, built for this machine, under
AWS's own runtime client, as tests start it. Disk and bytecode are warm, as they never are
in Lambda's first start of a day; of two libraries the dearer one here is so there too.
"""

from __future__ import annotations

import json
import os
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from athena_connectors.common.protocol.messages import TableName
from athena_connectors.common.testing.client import ProtocolClient
from athena_connectors.common.testing.dynamodb import dynamodb_server
from athena_connectors.common.testing.folder_store import FolderStore
from athena_connectors.common.testing.logs_server import logs_server
from athena_connectors.common.testing.mariadb import mariadb_server
from athena_connectors.common.testing.mongodb import mongodb_server
from athena_connectors.common.testing.postgres import postgres_server

from tests.packaging.builds import build_for_host, handler_of
from tests.packaging.distributions import FAMILY, distributions
from tests.packaging.repository import CONNECTORS, settings_of
from tests.packaging.runtime_api import link_runtime, packaged_function

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

__all__ = ["run"]

_REPEATS = 7
_DEAREST = 8
_LINE = re.compile(r"import time:\s+(\d+) \|\s+(\d+) \| ( *)(\S+)")

Source = tuple[Mapping[str, str], TableName | None]


def run(repeats: int = _REPEATS) -> dict[str, Any]:
    """Return the milliseconds of each connector, medians, and what its import consists of.

    Args:
        repeats: Processes for each figure.
    """
    results = {}
    for connector in CONNECTORS:
        with TemporaryDirectory() as name, _source_of(connector) as (environ, table):
            package = Path(name) / "package"
            build_for_host(connector, package)
            runtime = link_runtime(Path(name))
            starts = [_start(connector, package, environ, table) for _ in range(repeats)]
            results[connector] = {
                "import_ms": _import_ms(connector, package, runtime, repeats),
                **{key: round(statistics.median(s[key] for s in starts), 1) for key in starts[0]},
                **_profile(connector, package, runtime),
            }
    return results


@contextmanager
def _source_of(connector: str) -> Iterator[Source]:
    """Yield settings of a connector, and a table if a real source is at hand."""
    source = _SOURCES.get(connector)
    if source is None:
        yield settings_of(connector), None
    else:
        with source() as found:
            yield found


@contextmanager
def _folder() -> Iterator[Source]:
    yield settings_of("template"), TableName("shop", "products")


@contextmanager
def _postgres() -> Iterator[Source]:
    with postgres_server() as server:
        name = f"cold_{os.getpid()}"
        server.create_database(name).execute("CREATE TABLE t (i int PRIMARY KEY, v text)")
        where = f"{server.host}:{server.port}/{name}"
        login = f"user={server.user}&password={server.password}"
        yield {"default": f"postgres://jdbc:postgresql://{where}?{login}"}, TableName("public", "t")
        server.drop_database(name)


@contextmanager
def _dynamodb() -> Iterator[Source]:
    with dynamodb_server() as server:
        name = server.create_table(("id", "N"))
        server.put_items(name, [{"id": {"N": "1"}, "word": {"S": "one"}}])
        yield dict(server.settings), TableName("default", name)


@contextmanager
def _mongodb() -> Iterator[Source]:
    with mongodb_server() as server:
        database = server.create_database()
        server.client()[database]["t"].insert_one({"_id": 1, "word": "one"})
        yield dict(server.settings), TableName(database, "t")
        server.client().drop_database(database)


@contextmanager
def _mysql() -> Iterator[Source]:
    with mariadb_server() as server:
        database = server.create_database()
        database.execute("CREATE TABLE t (i int PRIMARY KEY, v text)")
        yield database.settings, TableName(database.database, "t")
        server.drop_database(database.database)


@contextmanager
def _logs() -> Iterator[Source]:
    with logs_server() as fake:
        fake.create_group("cold")
        fake.put("cold", "one", [(0, "word")])
        yield dict(fake.settings), TableName("cold", "one")


_SOURCES: dict[str, Callable[[], AbstractContextManager[Source]]] = {
    "template": _folder,
    "cloudwatch-logs": _logs,
    "documentdb": _mongodb,
    "dynamodb": _dynamodb,
    "jdbc-mysql": _mysql,
    "jdbc-postgres": _postgres,
}


def _start(
    connector: str, package: Path, environ: Mapping[str, str], table: TableName | None
) -> dict[str, float]:
    """Return what one new process takes until it is ready, and for its first replies."""
    with (
        TemporaryDirectory() as folder,
        packaged_function(
            package, handler_of(connector), Path(folder), environ=environ
        ) as function,
    ):
        client = ProtocolClient("c", function, spill=FolderStore(Path(folder)))
        ping_ms = _ms(client.ping)
        taken = {
            "init_ms": 1000 * function.init_seconds,
            "first_ping_ms": ping_ms,
            "start_to_ping_ms": 1000 * function.init_seconds + ping_ms,
        }
        if table is not None:
            client.capabilities()
            taken["first_get_table_ms"] = _ms(lambda: client.describe(table))
        return taken


def _ms(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return (time.perf_counter() - started) * 1000


def _import_ms(connector: str, package: Path, runtime: Path, repeats: int) -> float:
    """Return what the import takes beyond the start of the interpreter, measured in turn."""
    code = _import_of(connector)
    pairs = [
        (
            _ms(lambda: _python(package, runtime, "-c", code)),
            _ms(lambda: _python(package, runtime, "-c", "pass")),
        )
        for _ in range(repeats)
    ]
    return round(statistics.median(full - empty for full, empty in pairs), 1)


def _import_of(connector: str) -> str:
    return f"import {handler_of(connector).rpartition('.')[0]}"


def _python(package: Path, runtime: Path, *arguments: str) -> str:
    """Return what a process on the package alone says on standard error."""
    return subprocess.run(
        [sys.executable, "-S", *arguments],
        cwd=package,
        env={"PYTHONPATH": os.pathsep.join(map(str, (package, runtime)))},
        check=True,
        capture_output=True,
        text=True,
    ).stderr


def _profile(connector: str, package: Path, runtime: Path) -> dict[str, dict[str, float]]:
    """Return what each library and each of the dearest modules costs by itself, what it
    imports not counted.
    """
    output = _python(package, runtime, "-X", "importtime", "-c", _import_of(connector))
    library_of = {
        file.parts[0].split(".")[0]: name
        for name, distribution in distributions(package).items()
        for file in distribution.files or ()
    }
    library_of |= dict.fromkeys(sys.stdlib_module_names, "standard library")
    library_of[FAMILY] = "the connector and common"
    modules: dict[str, float] = {}
    libraries: dict[str, float] = {}
    for found in filter(None, map(_LINE.match, output.splitlines())):
        module, cost = found[4], int(found[1]) / 1000
        library = library_of.get(module.split(".")[0], "others")
        modules[module] = modules.get(module, 0) + cost
        libraries[library] = libraries.get(library, 0) + cost
    return {"libraries_ms": _dearest(libraries), "modules_ms": _dearest(modules)}


def _dearest(costs: dict[str, float]) -> dict[str, float]:
    ordered = sorted(costs, key=lambda name: -costs[name])[:_DEAREST]
    return {name: round(costs[name], 1) for name in ordered}


if __name__ == "__main__":
    print(json.dumps(run(), indent=2))  # noqa: T201

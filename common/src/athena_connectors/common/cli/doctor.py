"""``athena-connectors doctor``: each step of the set-up, tried in order.

A step that fails ends the checks of its catalog, because the next ones need it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from athena_connectors.common.cli.configuration import open_catalogs, read_configuration
from athena_connectors.common.cli.output import say
from athena_connectors.common.errors import ConnectorError
from athena_connectors.common.protocol.messages import S3SpillLocation
from athena_connectors.common.testing.engine import LocalEngine
from athena_connectors.common.testing.engine_errors import EngineError, UsageError
from athena_connectors.common.testing.folder_store import FolderStore
from athena_connectors.common.testing.transport import InProcess

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Iterator, Mapping

    from athena_connectors.common.testing.engine import Catalog

__all__ = ["run"]


def run(options: argparse.Namespace) -> int:
    """Check one catalog or all; 1 if a fault was found."""
    try:
        configuration = read_configuration(options.config)
    except UsageError as error:
        say(f"configuration: FAULT {error}")
        return 1
    say(f"configuration: OK, {configuration.path} has {len(configuration.catalogs)} catalogs")
    if options.catalog and options.catalog not in configuration.catalogs:
        raise UsageError(
            f"There is no catalog {options.catalog!r}.",
            hint=f"Configured: {', '.join(sorted(configuration.catalogs)) or 'none'}.",
        )
    catalogs = open_catalogs(configuration)
    names = [options.catalog] if options.catalog else list(catalogs)
    with LocalEngine(catalogs) as engine:
        healthy = [_check(engine, catalogs, name) for name in names]
    return 0 if all(healthy) else 1


def _check(engine: LocalEngine, catalogs: Mapping[str, Catalog], name: str) -> bool:
    for step, check in _steps(engine, catalogs, name):
        try:
            findings = check()
        except (EngineError, ConnectorError) as error:
            say(f"{name}: {step}: FAULT {type(error).__name__}: {error}")
            return False
        say(f"{name}: {step}: OK")
        for finding in findings:
            say(f"{name}: {step}: {finding}")
    return True


def _steps(
    engine: LocalEngine, catalogs: Mapping[str, Catalog], name: str
) -> Iterator[tuple[str, Callable[[], list[str]]]]:
    def ping() -> list[str]:
        reply = engine.client(name).ping()
        return [f"source type {reply.sourceType}, SerDe {reply.serDeVersion}"]

    def health() -> list[str]:
        transport = catalogs[name].transport
        if isinstance(transport, InProcess):
            return transport.health(name)
        return [f"{len(engine.schemas(name))} schemas"]

    def claims() -> list[str]:
        found = engine.client(name).capabilities()
        return [f"{len(found.functions)} functions, limit {found.limit}, top-N {found.top_n}"]

    def opened() -> list[str]:
        return [f"served by {type(catalogs[name].transport).__name__}"]

    yield "set-up", opened
    yield "ping", ping
    yield "capabilities", claims
    yield "health", health
    yield "spill", lambda: _check_spill(catalogs[name])


def _check_spill(catalog: Catalog) -> list[str]:
    """Write, read and remove one object, where that costs nothing."""
    store = catalog.spill
    if not isinstance(store, FolderStore):
        return ["in S3, checked by the connector where it runs"]
    location = S3SpillLocation("local", "doctor/probe", directory=False)
    store.put(location, b"probe", headers={})
    store.get(location)
    path = store.path(location)
    path.unlink()
    path.parent.rmdir()
    return ["the folder can be written"]

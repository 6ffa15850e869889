"""``athena-connectors doctor``: what is wrong with a set-up, and how to mend it.

Each check is a line of catalog, check, verdict and fact; under it stands the fix. A fault
does not end the checks, unless the next ones would only meet it again, and is told once. A
connector in this process is examined from inside, with the permissions of whoever runs the
command; of a deployed function only what it answers is known.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from athena_connectors.common.cli.configuration import open_catalogs, read_configuration
from athena_connectors.common.cli.output import say
from athena_connectors.common.cli.remote_faults import fix_of
from athena_connectors.common.errors import ConnectorError
from athena_connectors.common.findings import Finding, Verdict
from athena_connectors.common.protocol.messages import S3SpillLocation
from athena_connectors.common.testing.engine import LocalEngine
from athena_connectors.common.testing.engine_errors import EngineError, RemoteError, UsageError
from athena_connectors.common.testing.folder_store import FolderStore
from athena_connectors.common.testing.transport import InProcess

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Iterator, Mapping

    from athena_connectors.common.testing.client import ProtocolClient
    from athena_connectors.common.testing.engine import Catalog

    Check = Callable[[ProtocolClient], str]

__all__ = ["run"]


def run(options: argparse.Namespace) -> int:
    """Check one catalog or all; 1 if a fault was found."""
    report = _Report()
    try:
        configuration = read_configuration(options.config)
    except UsageError as error:
        report.tell(_of_error("configuration", error))
        return report.sum_up()
    if options.catalog and options.catalog not in configuration.catalogs:
        raise UsageError(
            f"There is no catalog {options.catalog!r}.",
            hint=f"Configured: {', '.join(sorted(configuration.catalogs)) or 'none'}.",
        )
    count = len(configuration.catalogs)
    report.tell(Finding.ok("configuration", f"{configuration.path} names {count} catalogs."))
    catalogs = open_catalogs(configuration)
    with LocalEngine(catalogs) as engine:
        for name in [options.catalog] if options.catalog else catalogs:
            served = configuration.catalogs[name]
            report.tell(Finding.ok("served by", f"{served.kind} {served.target}"), catalog=name)
            for finding in _examine(engine, catalogs, name):
                report.tell(finding, catalog=name)
    return report.sum_up()


class _Report:
    """Prints findings as they come and counts them."""

    def __init__(self) -> None:
        self._told: set[tuple[str, str]] = set()
        self._counts: Counter[Verdict] = Counter()

    def tell(self, finding: Finding, *, catalog: str = "") -> None:
        """Print a finding, unless the same fault of the same catalog was told before."""
        same = (catalog, finding.fact)
        if finding.verdict is not Verdict.OK and same in self._told:
            return
        self._told.add(same)
        self._counts[finding.verdict] += 1
        where = f"{catalog}: {finding.check}" if catalog else finding.check
        say(f"{where}: {finding.verdict.value}: {_one_line(finding.fact)}")
        if finding.fix:
            say(f"    Fix: {_one_line(finding.fix)}")

    def sum_up(self) -> int:
        """Print how many faults there are and return the exit status."""
        faults, warnings = self._counts[Verdict.FAULT], self._counts[Verdict.WARNING]
        say(f"Faults: {faults}. Warnings: {warnings}.")
        return 1 if faults else 0


def _examine(engine: LocalEngine, catalogs: Mapping[str, Catalog], name: str) -> Iterator[Finding]:
    try:
        catalog = catalogs[name]
        client = engine.client(name)
    except (EngineError, ConnectorError) as error:
        yield _of_error("connector", error)
        return
    transport = catalog.transport
    ping = _outcome("ping", _ping, client)
    yield ping
    if isinstance(transport, InProcess):
        yield _outcome("capabilities", _capabilities, client)
        yield from transport.health(name)
        if isinstance(catalog.spill, FolderStore):
            yield _spill_folder(catalog.spill)
    elif ping.verdict is Verdict.OK:
        yield _outcome("capabilities", _capabilities, client)
        yield _outcome("schemas", _schemas, client)


def _outcome(name: str, check: Check, client: ProtocolClient) -> Finding:
    try:
        return Finding.ok(name, check(client))
    except (EngineError, ConnectorError) as error:
        return _of_error(name, error)


def _ping(client: ProtocolClient) -> str:
    reply = client.ping()
    return f"Source type {reply.sourceType}, SerDe version {reply.serDeVersion}."


def _capabilities(client: ProtocolClient) -> str:
    found = client.capabilities()
    limits = [word for word, has in (("limit", found.limit), ("top-N", found.top_n)) if has]
    return f"{len(found.functions)} functions, {' and '.join(limits) or 'no limit'} pushed down."


def _schemas(client: ProtocolClient) -> str:
    return f"{len(client.schemas())} schemas can be listed."


def _spill_folder(store: FolderStore) -> Finding:
    """Write, read and remove one object."""
    location = S3SpillLocation("local", "doctor/probe", directory=False)
    try:
        store.put(location, b"probe", headers={})
        store.get(location)
    except ConnectorError as error:
        return Finding.of_error("spill folder", error)
    path = store.path(location)
    path.unlink()
    path.parent.rmdir()
    return Finding.ok("spill folder", f"{path.parents[2]} can be written.")


def _one_line(text: str) -> str:
    """Return a text, which may be a deployed function's own, without line breaks."""
    return " ".join(text.splitlines())


def _of_error(check: str, error: EngineError | ConnectorError) -> Finding:
    if isinstance(error, ConnectorError):
        return Finding.of_error(check, error)
    if isinstance(error, RemoteError):
        return Finding.fault(check, f"{error.error_type}: {error.message}", fix=fix_of(error))
    return Finding.fault(check, error.message, fix=error.hint)

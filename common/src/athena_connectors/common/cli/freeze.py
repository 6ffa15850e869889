"""``athena-connectors freeze``: what a connector infers, as a file that a person reviews.

The file is what the setting ``schema_file`` names: its tables keep their columns however
their documents change. ``--check`` samples the tables of a file anew and tells how they
have moved away from it. A table that can't be sampled does not stop the others; it is told,
stays in the file as it was, and the exit status is 1.
"""

from __future__ import annotations

import tempfile
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from athena_connectors.common.cli.configuration import open_catalogs, read_configuration
from athena_connectors.common.cli.metadata import name_parts
from athena_connectors.common.cli.output import complain, say
from athena_connectors.common.errors import ConnectorError, UnsupportedOperationError
from athena_connectors.common.protocol.messages import TableName
from athena_connectors.common.schema_drift import schema_drift
from athena_connectors.common.schema_files import parse_schemas, schemas_text
from athena_connectors.common.testing.engine import LocalEngine
from athena_connectors.common.testing.engine_errors import UsageError
from athena_connectors.common.testing.transport import InProcess

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Iterable

    from athena_connectors.common.inference import InferredTable

    Sampled = tuple[TableName, InferredTable]
    Sampler = Callable[[TableName], Sampled]

__all__ = ["run"]


def run(options: argparse.Namespace) -> int:
    """Freeze or check tables; 1 if one could not be sampled or has drifted."""
    configuration = read_configuration(options.config)
    path = Path(options.output)
    with LocalEngine(open_catalogs(configuration)) as engine:
        catalog, *names = name_parts(options.name, engine)
        if catalog not in configuration.catalogs or len(names) > 2 or not all(names):  # noqa: PLR2004 - schema, table
            raise UsageError(
                f"{options.name} is no CATALOG, CATALOG.SCHEMA or CATALOG.SCHEMA.TABLE.",
                hint=f"Catalogs: {', '.join(configuration.catalogs) or 'none'}.",
            )
        transport = engine.client(catalog).transport
        if not isinstance(transport, InProcess):
            served = configuration.catalogs[catalog]
            raise UsageError(
                f"Catalog {catalog} is served by {served.kind} {served.target}, which can't be"
                " asked to infer.",
                hint="Add a catalog with connector = and the same settings, and freeze that.",
            )

        def sample(name: TableName) -> Sampled:
            return transport.infer_table(catalog, name)

        if options.check:
            return _check(sample, path, names)
        return _freeze(sample, path, _listed(engine, catalog, names))


def _listed(engine: LocalEngine, catalog: str, names: list[str]) -> Iterable[TableName]:
    match names:
        case [schema, table]:
            return [TableName(schema, table)]
        case [schema]:
            return engine.tables(catalog, schema)
        case _:
            schemas = engine.schemas(catalog)
            return [name for schema in schemas for name in engine.tables(catalog, schema)]


def _freeze(sample: Sampler, path: Path, names: Iterable[TableName]) -> int:
    tables = _read(path) if path.exists() else {}
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    frozen = failed = 0
    for name in names:
        found = _tried(sample, name)
        if found is None:
            failed += 1
            continue
        resolved, table = found
        if not table.columns:
            complain(f"{resolved}: no column was found, so the table is left out.")
            failed += 1
            continue
        tables[resolved] = replace(table, at=now)
        say(f"{resolved}: {len(table.columns)} columns from {table.documents} documents.")
        frozen += 1
    if frozen:
        _write(path, schemas_text(tables))
    say(f"Tables frozen in {path}: {frozen}. Failed: {failed}.")
    return 1 if failed else 0


def _check(sample: Sampler, path: Path, names: list[str]) -> int:
    tables = _read(path)
    wanted = [name for name in tables if _is_within(name, names)]
    if not wanted:
        raise UsageError(
            f"{path} holds no table of {'.'.join(names) or 'any schema'}.",
            hint="Freeze it first, without --check.",
        )
    drifted = failed = 0
    for name in wanted:
        found = _tried(sample, name)
        if found is None:
            failed += 1
            continue
        differences = schema_drift(tables[name], found[1])
        drifted += bool(differences)
        for difference in differences:
            say(f"{name}: {difference.change.value}: {difference.text}")
    say(f"Tables checked: {len(wanted)}. Drifted: {drifted}. Failed: {failed}.")
    return 1 if drifted or failed else 0


def _tried(sample: Sampler, name: TableName) -> Sampled | None:
    """Sample a table; tell why it fails, unless all others would fail alike."""
    try:
        return sample(name)
    except UnsupportedOperationError:
        raise
    except ConnectorError as error:
        complain(f"{name}: {type(error).__name__}: {error}")
        return None


def _is_within(name: TableName, names: list[str]) -> bool:
    """Return whether a table is of a schema, or is the table, that was asked for in any case."""
    own = (name.schema.lower(), name.table.lower())
    return all(part.lower() == mine for part, mine in zip(names, own, strict=False))


def _read(path: Path) -> dict[TableName, InferredTable]:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as cause:
        raise UsageError(
            f"{path} can't be read: {cause.strerror}.", hint="Name the file with --output."
        ) from cause
    except UnicodeDecodeError as cause:
        raise UsageError(f"{path} is not UTF-8.") from cause
    return parse_schemas(text, where=str(path))


def _write(path: Path, text: str) -> None:
    """Replace a file as a whole: it is read by functions, and reviewed work is in it."""
    try:
        with tempfile.TemporaryDirectory(dir=path.parent, prefix=f".{path.name}-") as folder:
            whole = Path(folder, path.name)
            whole.write_text(text, encoding="utf-8", newline="\n")
            if path.exists():
                whole.chmod(path.stat().st_mode & 0o777)
            whole.replace(path)
    except OSError as cause:
        raise UsageError(
            f"{path} can't be written: {cause.strerror}.", hint="Name another file with --output."
        ) from cause

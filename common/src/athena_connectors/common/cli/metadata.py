"""``athena-connectors tables`` and ``describe``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from athena_connectors.common.cli.identity import identity_of
from athena_connectors.common.cli.output import aligned, say
from athena_connectors.common.protocol.messages import TableName
from athena_connectors.common.testing.engine import LocalEngine
from athena_connectors.common.testing.engine_errors import UsageError
from athena_connectors.common.type_text import type_text

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

__all__ = ["describe", "list_tables", "name_parts"]


def list_tables(options: argparse.Namespace) -> int:
    """Print the tables of all catalogs, of one, or of one schema, a line each."""
    identity = identity_of(options.identity)
    with LocalEngine.from_file(options.config, identity=identity) as engine:
        catalog, *rest = name_parts(options.name, engine) if options.name else ("",)
        if len(rest) > 1:
            raise UsageError(f"{options.name} is no CATALOG or CATALOG.SCHEMA.")
        for name in [catalog] if catalog else engine.catalogs():
            for schema in rest or engine.schemas(name):
                for table in engine.tables(name, schema):
                    say(f"{name}.{table}")
    return 0


def describe(options: argparse.Namespace) -> int:
    """Print name and type of each column of a table."""
    identity = identity_of(options.identity)
    with LocalEngine.from_file(options.config, identity=identity) as engine:
        parts = name_parts(options.name, engine)
        if len(parts) != 3:  # noqa: PLR2004 - catalog, schema, table
            raise UsageError(f"{options.name} is no CATALOG.SCHEMA.TABLE.")
        catalog, schema, table = parts
        reply = engine.describe(catalog, TableName(schema, table))
    rows = [("column", "type", "")]
    for field in reply.schema:
        partition = "partition column" if field.name in reply.partitionColumns else ""
        rows.append((field.name, type_text(field.type), partition))
    say(aligned(rows))
    return 0


def name_parts(name: str, engine: LocalEngine) -> list[str]:
    """Split a dotted name; parts may be quoted, and a catalog's name may hold dots."""
    for catalog in sorted(engine.catalogs(), key=len, reverse=True):
        if name == catalog or name.startswith(f"{catalog}."):
            return [catalog, *_dotted(name[len(catalog) + 1 :])]
    return list(_dotted(name))


def _dotted(name: str) -> Iterator[str]:
    while name:
        if name.startswith('"'):
            part, _, name = name[1:].partition('"')
            name = name.removeprefix(".")
        else:
            part, _, name = name.partition(".")
        yield part

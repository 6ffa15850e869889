# ruff: noqa: INP001 - a script beside the package, not a part of it
"""``make demo``: a shop in several real sources, queried through the Lambda handlers.

Starts each source of ``SOURCES`` and fills it, makes catalogs of them, and runs their queries
by the command that a user has. What is printed after a ``$`` is what runs.
"""

from __future__ import annotations

import argparse
import importlib.util
import io
import json
import shutil
import signal
import sys
import time
from contextlib import ExitStack, redirect_stderr
from pathlib import Path
from typing import TYPE_CHECKING, Any

from athena_connectors.common.cli.main import main as athena_connectors
from athena_connectors.common.cli.output import complain, say

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from athena_connectors.common.testing.demo import DemoQuery, DemoScript, DemoSource

__all__ = ["SOURCES", "load_script", "main", "write_configuration"]

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "demo"
"""Where the configuration and what is spilled go: the checkout's own folder, not in git."""
SOURCES = (
    "jdbc-postgres/demo/shop.py",
    "dynamodb/demo/parcels.py",
    "cloudwatch-logs/demo/access_log.py",
    "documentdb/demo/profiles.py",
    "jdbc-mysql/demo/warehouse.py",
)
"""Scripts of the connectors, in the order in which their queries run."""
ORDERS = 150_000

_CONFIGURATION = """\
# Written by `make demo`. The servers behind it run as long as `make demo KEEP=1` does.

[engine]
spill = "spill"    # blocks over 5 MB go to this folder, as they go to a bucket in AWS
"""
_CATALOG = """
[catalogs.{name}]
connector = "{connector}"
[catalogs.{name}.settings]    # the function's environment variables
{settings}
"""

_SUGGESTIONS = (
    ("describe", "shop.catalogue.products"),
    ("query", '"SELECT * FROM crm.support.tickets WHERE rating = 1 LIMIT 5"'),
    ("query", "--no-pushdown --stats", '"SELECT count(*) FROM shop.sales.orders WHERE gift"'),
)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the demo and return its exit status: 0, or 1 when a query failed.

    Args:
        argv: Options; those of the process when ``None``.
    """
    options = _parser().parse_args(argv)
    try:
        with ExitStack() as stack:
            return _run(stack, options)
    except KeyboardInterrupt:
        complain("Interrupted.")
        return 130


def load_script(path: Path) -> DemoScript:
    """Load the demo's script of a connector."""
    spec = importlib.util.spec_from_file_location(f"demo_{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    script: Any = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    loaded: DemoScript = script
    return loaded


def write_configuration(folder: Path, sources: Iterable[DemoSource]) -> Path:
    """Write the file that makes catalogs of sources, and return it.

    Args:
        folder: Where it goes; made when missing.
        sources: The sources.
    """
    catalogs = (
        _CATALOG.format(
            name=name,
            connector=source.connector,
            settings="\n".join(f"{key} = {json.dumps(text)}" for key, text in settings.items()),
        )
        for source in sources
        for name, settings in source.catalogs.items()
    )
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "athena-connectors.toml"
    file.write_text(_CONFIGURATION + "".join(catalogs), encoding="utf-8")
    return file


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="Query a shop in several real sources.")
    parser.add_argument("--keep", action="store_true", help="leave the sources running at the end")
    parser.add_argument(
        "--orders", type=int, default=ORDERS, metavar="N", help=f"default: {ORDERS:,}"
    )
    parser.add_argument(
        "--folder", type=Path, default=FOLDER, help="where the configuration goes, default: demo"
    )
    return parser


def _run(stack: ExitStack, options: argparse.Namespace) -> int:
    start = time.monotonic()
    shutil.rmtree(options.folder / "spill", ignore_errors=True)
    scripts = [load_script(ROOT / "connectors" / path) for path in SOURCES]
    sources = [stack.enter_context(script.source(orders=options.orders)) for script in scripts]
    config = _shown(write_configuration(options.folder, sources))
    for source in sources:
        say(source.story)
    catalogs = sum(len(source.catalogs) for source in sources)
    say(
        f"All this was loaded in {time.monotonic() - start:.0f} s and makes {catalogs} catalogs"
        f" of {config}.\n"
    )
    queries = [query for script in scripts for query in script.QUERIES]
    if _command("tables", config) or any(_ask(*item, config) for item in enumerate(queries, 1)):
        return 1
    _say_what_next(config, kept=options.keep)
    if options.keep:
        _wait()
    return 0


def _ask(number: int, query: DemoQuery, config: str) -> int:
    say(f"\n{number}. {query.question}\n   {query.lesson}\n")
    say(f'$ SQL="{query.sql}"')
    return _command("explain", config, sql=query.sql) or _command(
        "query", config, "--stats", sql=query.sql
    )


def _command(command: str, config: str, *options: str, sql: str | None = None) -> int:
    """Show a command as a shell would take it, run it, and return its exit status."""
    words = [command, "--config", config, *options]
    say(" ".join(["$", _program(), *words, *(['"$SQL"'] if sql else [])]))
    sys.stdout.flush()
    # What it tells beside the answer comes after it, wherever the two streams go.
    with redirect_stderr(io.StringIO()) as told:
        status = athena_connectors([*words, *([sql] if sql else [])])
    sys.stdout.write(told.getvalue() + "\n")
    sys.stdout.flush()
    return status


def _program() -> str:
    """Return what starts the command from the shell that runs this."""
    name = "athena-connectors"
    return name if shutil.which(name) else _shown(Path(sys.executable).parent / name)


def _shown(path: Path) -> str:
    """Return a path as a user here would write it."""
    here = Path.cwd()
    return str(path.relative_to(here) if path.is_relative_to(here) else path)


def _say_what_next(config: str, *, kept: bool) -> None:
    where = "In another terminal" if kept else "`make demo KEEP=1` leaves it running. Then"
    say(f"{where}, try SQL of your own:\n")
    for command, *words in _SUGGESTIONS:
        say(" ".join(["$", _program(), command, "--config", config, *words]))
    say("\nWhat makes the tables: connectors/*/demo.")


def _wait() -> None:
    """Return when Enter is pressed; without a terminal, when the process is told to end."""
    say("\nThe servers run until you press Enter.")
    sys.stdout.flush()
    if sys.stdin.isatty():
        input()
    else:
        signal.pause()


if __name__ == "__main__":
    sys.exit(main())

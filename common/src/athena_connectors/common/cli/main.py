"""The command ``athena-connectors``: SQL and set-up checks without Athena.

Exit status: 0, 1 for a query or check that failed, 2 for a wrong command line or
configuration file. Answers go to standard output, everything else to standard error.
"""

from __future__ import annotations

import argparse
import logging
import os
import sys
from typing import TYPE_CHECKING

from athena_connectors.common.cli.configuration import DEFAULT_FILE
from athena_connectors.common.cli.output import FORMATS, complain
from athena_connectors.common.testing.engine_errors import EngineError, RemoteError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from athena_connectors.common.errors import ConnectorError

__all__ = ["command_line", "main"]

FAILED, USAGE = 1, 2
INTERRUPTED = 130
"""What shells expect after Ctrl-C."""
_NO_LOG = logging.NullHandler()


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status.

    Args:
        argv: Arguments without the command's name; those of the process when ``None``.
    """
    from athena_connectors.common.errors import ConnectorError  # noqa: PLC0415

    try:
        options = command_line().parse_args(argv)
    except SystemExit as stop:
        return stop.code if isinstance(stop.code, int) else USAGE
    # A function logs the error that it raises, which is told here once.
    logging.getLogger("athena_connectors.common.handler").addHandler(_NO_LOG)
    try:
        status = _command(options.command)(options)
        sys.stdout.flush()
    except UsageError as error:
        return _tell("Usage", error, USAGE)
    except (EngineError, ConnectorError) as error:
        name = error.error_type if isinstance(error, RemoteError) else type(error).__name__
        return _tell(name, error, FAILED)
    except KeyboardInterrupt:
        complain("Interrupted.")
        return INTERRUPTED
    except BrokenPipeError:
        # Whoever read the answer has seen enough; keep Python's own last flush quiet.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    return status


def _tell(name: str, error: EngineError | ConnectorError, status: int) -> int:
    complain(f"{name}: {error}")
    return status


def _command(name: str) -> Callable[[argparse.Namespace], int]:
    """Import a command only when it is run: help and errors come at once."""
    match name:
        case "query":
            from athena_connectors.common.cli.query import run  # noqa: PLC0415
        case "explain":
            from athena_connectors.common.cli.explain import run  # noqa: PLC0415
        case "tables":
            from athena_connectors.common.cli.metadata import list_tables as run  # noqa: PLC0415
        case "describe":
            from athena_connectors.common.cli.metadata import describe as run  # noqa: PLC0415
        case "invoke":
            from athena_connectors.common.cli.invoke import run  # noqa: PLC0415
        case "replay":
            from athena_connectors.common.cli.replay import run  # noqa: PLC0415
        case "freeze":
            from athena_connectors.common.cli.freeze import run  # noqa: PLC0415
        case _:
            from athena_connectors.common.cli.doctor import run  # noqa: PLC0415
    return run


_REPLAY = "Run a recorded query again, without its sources, and compare."


def command_line() -> argparse.ArgumentParser:
    """Return the parser of the command's arguments."""
    parser = argparse.ArgumentParser(
        prog="athena-connectors",
        description="Query sources through Athena connectors, without Athena.",
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def add(name: str, help_: str) -> argparse.ArgumentParser:
        command = commands.add_parser(name, help=help_, description=help_)
        command.add_argument(
            "--config", default=DEFAULT_FILE, metavar="FILE", help=f"default: {DEFAULT_FILE}"
        )
        return command

    query = add("query", "Run a query.")
    _add_sql(query)
    query.add_argument("--format", choices=FORMATS, default="table", help="default: table")
    query.add_argument("--output", metavar="FILE", help="default: standard output")
    query.add_argument("--stats", action="store_true", help="tell what each split cost")
    query.add_argument(
        "--parallel", type=_positive, default=4, metavar="N", help="splits read at once, default 4"
    )
    query.add_argument(
        "--record",
        metavar="FILE",
        help="write all that is needed to run the query again without its sources",
    )
    query.add_argument(
        "--scrub-values",
        action="store_true",
        help="let --record write other values in place of those of the sources",
    )
    query.add_argument(
        "--report", metavar="FILE.html", help="draw what the query did, as a page of one file"
    )
    replay = commands.add_parser(
        "replay", help=_REPLAY, description=f"{_REPLAY} Exit 1 if it differs."
    )
    replay.add_argument("recording", metavar="FILE", help="what query --record wrote")
    explain = add("explain", "Show what a query asks of its sources, and why not more.")
    _add_sql(explain)
    explain.add_argument("--format", choices=("text", "json"), default="text")
    tables = add("tables", "List tables.")
    tables.add_argument("name", nargs="?", default="", metavar="CATALOG[.SCHEMA]")
    _add_identity(tables)
    describe = add("describe", "Show the columns of a table.")
    describe.add_argument("name", metavar="CATALOG.SCHEMA.TABLE")
    _add_identity(describe)
    invoke = add("invoke", "Send one request as it is and print the reply.")
    invoke.add_argument("catalog", metavar="CATALOG")
    invoke.add_argument("request", metavar="REQUEST.json", help="a file, or - for standard input")
    freeze = add("freeze", "Write to a file the columns that a connector infers for its tables.")
    freeze.add_argument("name", metavar="CATALOG[.SCHEMA[.TABLE]]")
    freeze.add_argument(
        "--output",
        required=True,
        metavar="SCHEMA.json",
        help="the file; other tables that it holds stay as they are",
    )
    freeze.add_argument(
        "--check",
        action="store_true",
        help="write nothing, tell how the tables differ from the file, exit 1 if they do",
    )
    doctor = add("doctor", "Find faults of the set-up and say how to mend them.")
    doctor.add_argument("catalog", nargs="?", default="", metavar="CATALOG")
    return parser


def _add_sql(command: argparse.ArgumentParser) -> None:
    command.add_argument("sql", metavar="SQL", help="one query, names as catalog.schema.table")
    command.add_argument(
        "--no-pushdown",
        dest="pushdown",
        action="store_false",
        help="send no predicate, limit or order",
    )
    command.add_argument(
        "--serde",
        type=int,
        choices=range(2, 7),
        metavar="N",
        help="protocol version 2 to 6, default: the newest that both sides know",
    )
    command.add_argument(
        "--plan",
        dest="plans",
        action="store_true",
        help="send predicates, limits and orders as query plans (SerDe 6), to functions that"
        " read them",
    )
    _add_identity(command)


def _add_identity(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--identity",
        default="",
        metavar="ARN|FILE.json",
        help="who asks, for functions with an access policy",
    )


def _positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError("must be 1 or more")
    return value


if __name__ == "__main__":
    sys.exit(main())

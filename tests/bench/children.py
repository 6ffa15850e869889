"""Processes beside a benchmark: servers that cost it nothing, and readings of their own."""

from __future__ import annotations

import multiprocessing
import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from multiprocessing.connection import Connection

__all__ = ["in_new_process", "serve_until_closed", "served"]


@contextmanager
def served(*arguments: str) -> Iterator[str]:
    """Run Python with some arguments, as long as needed.

    Yields:
        The first line that it prints. It has to end when its standard input is closed, as
        ``serve_until_closed`` does.
    """
    with subprocess.Popen(
        [sys.executable, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            yield process.stdout.readline().strip()
        finally:
            process.stdin.close()


def serve_until_closed(line: str) -> None:
    """Print what ``served`` yields, and wait until its context is left."""
    print(line, flush=True)  # noqa: T201
    sys.stdin.read()


def in_new_process(work: Callable[..., Any], *arguments: object) -> Any:
    """Return what a module's function returns in a process that has done nothing before."""
    context = multiprocessing.get_context("spawn")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_send, args=(sender, work, arguments))
    process.start()
    sender.close()
    result = receiver.recv()
    process.join()
    return result


def _send(sender: Connection, work: Callable[..., Any], arguments: tuple[object, ...]) -> None:
    sender.send(work(*arguments))

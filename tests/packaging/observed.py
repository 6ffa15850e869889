"""AWS's runtime client with a record of what the function opens, runs and connects to.

Runs as ``python -m observed`` in a package's folder, on the standard library alone. Each
line of the file that ``OBSERVED`` names is an event of Python's audit hooks and what it is
about; code and bytecode are opened too. What native libraries open by themselves is not in
it.

Source: Python documentation, "Audit events table".
"""

from __future__ import annotations

import json
import os
import runpy
import sys

EVENTS = frozenset({"open", "os.listdir", "os.scandir", "os.exec", "subprocess.Popen"})


def observe(record: int) -> None:
    """Write each event to a file from now on.

    Args:
        record: Descriptor of the file.
    """

    def note(event: str, arguments: tuple[object, ...]) -> None:
        # A file that is opened again by its number was opened before.
        if event not in EVENTS or isinstance(arguments[0], int):
            return
        path = arguments[0]
        name = os.fsdecode(path) if isinstance(path, str | bytes | os.PathLike) else repr(path)
        os.write(record, f"{json.dumps([event, name])}\n".encode())

    sys.addaudithook(note)


if __name__ == "__main__":
    observe(os.open(os.environ.pop("OBSERVED"), os.O_WRONLY | os.O_APPEND | os.O_CREAT))
    runpy.run_module("awslambdaric", run_name="__main__", alter_sys=True)

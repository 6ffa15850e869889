"""What the import of a connector's entry does, and two functions restored from a snapshot.

Runs in a package's folder on the package, Lambda's runtime and the standard library alone.
``import HANDLER`` tells what the import opened, drew, read and loaded, and what the first
requests loaded; ``restore HANDLER`` answers the same requests in two processes that go on
from one state after the import, as SnapStart's do. The requests come as a JSON list on
standard input, the answer goes as JSON to standard output.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import sysconfig
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

CLOCKS = {"time", "time_ns", "monotonic", "monotonic_ns", "perf_counter", "perf_counter_ns"}
FRESH = {
    *(("time", name) for name in CLOCKS),
    *(("posix", name) for name in ("urandom", "getpid", "getrandom")),
    *(("random", name) for name in ("random", "getrandbits")),
    *(("datetime", name) for name in ("now", "utcnow", "today")),
    ("socket", "connect"),
}
"""Built-in functions whose answer a snapshot must not hold."""
FRESH_OF_PYTHON = {
    *("uuid1", "uuid4", "Random.randrange", "Random.uniform", "Random.choice"),
    *("SystemRandom.getrandbits", "_Environ.__getitem__"),
}
"""The same, written in Python."""
STANDARD = (sysconfig.get_path("stdlib"), sysconfig.get_path("platstdlib"), "<frozen ")
IMPORTING = "<frozen importlib"
OWN = os.path.join(os.getcwd(), "athena_connectors", "")  # noqa: PTH109, PTH118


class Watch:
    """Notes each call of a function in ``FRESH`` that our own code makes, directly or through
    the standard library.
    """

    def __init__(self) -> None:
        self.calls: set[str] = set()

    def __call__(self, frame: FrameType, event: str, argument: Any) -> None:
        """Look at one call; a profile function."""
        if event == "c_call":
            name = argument.__name__
            if (_module_of(argument), name) in FRESH:
                self._note(name, frame)
        elif event == "call" and frame.f_code.co_qualname in FRESH_OF_PYTHON:
            self._note(frame.f_code.co_qualname, frame.f_back)

    def _note(self, name: str, caller: FrameType | None) -> None:
        while caller is not None and caller.f_code.co_filename.startswith(STANDARD):
            # What a module of the standard library does when it is imported is its own.
            caller = None if caller.f_code.co_filename.startswith(IMPORTING) else caller.f_back
        if caller is not None and caller.f_code.co_filename.startswith(OWN):
            self.calls.add(f"{name} by {caller.f_globals['__name__']}:{caller.f_lineno}")


def _module_of(function: Any) -> str:
    owner = getattr(function, "__self__", None)
    kind = owner if isinstance(owner, type) else type(owner)
    return getattr(function, "__module__", None) or kind.__module__


def _handler(entry: str) -> Callable[[Any, None], Any]:
    module, _, name = entry.rpartition(".")
    handler: Callable[[Any, None], Any] = getattr(importlib.import_module(module), name)
    return handler


def _loaded() -> list[str]:
    return sorted({str(m.__file__) for m in sys.modules.values() if getattr(m, "__file__", None)})


def _open_files() -> set[str]:
    found = {path: path.readlink() for path in Path("/proc/self/fd").iterdir() if path.is_symlink()}
    return {f"{path.name}: {target}" for path, target in found.items() if path.exists()}


def imported(entry: str, events: list[Any]) -> dict[str, Any]:
    """Import an entry, answer requests, and tell what that did."""
    opened = _open_files()
    watch = Watch()
    sys.setprofile(watch)
    handler = _handler(entry)
    sys.setprofile(None)
    facts = {
        "calls": sorted(watch.calls),
        "opened": sorted(_open_files() - opened),
        "threads": [thread.name for thread in threading.enumerate()],
        "loaded": _loaded(),
    }
    for event in events:
        handler(event, None)
    return {**facts, "loaded_by_requests": sorted({*_loaded()} - {*facts["loaded"]})}


def restored(entry: str, events: list[Any]) -> list[list[Any]]:
    """Return the replies of two processes that go on from the state after the import."""
    handler = _handler(entry)
    replies = []
    for _ in range(2):
        reader, writer = os.pipe()
        if os.fork() == 0:
            told = json.dumps([handler(event, None) for event in events])
            with open(writer, "w", encoding="utf-8") as stream:  # noqa: PTH123
                stream.write(told)
            os._exit(0)
        os.close(writer)
        with open(reader, encoding="utf-8") as stream:  # noqa: PTH123
            replies.append(json.loads(stream.read()))
        os.wait()
    return replies


if __name__ == "__main__":
    work = {"import": imported, "restore": restored}[sys.argv[1]]
    json.dump(work(sys.argv[2], json.load(sys.stdin)), sys.stdout)

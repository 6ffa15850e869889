"""Packages of connectors, made by the packager without ``sam``."""

from __future__ import annotations

import os
import platform
import re
import subprocess
import sys
from functools import cache
from typing import TYPE_CHECKING

from tests.packaging.repository import ROOT, folder_of, template_of

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

__all__ = ["HOST_ARCHITECTURE", "HOST_PYTHON", "build", "build_for_host", "handler_of"]

HOST_PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"
HOST_ARCHITECTURE = {"x86_64": "x86_64", "aarch64": "arm64"}[platform.machine()]


def build(
    connector: str,
    out: Path,
    *options: str,
    root: Path = ROOT,
    umask: int = -1,
    environ: Mapping[str, str] | None = None,
) -> None:
    """Make the package of a connector for what its template says.

    Args:
        connector: Its name.
        out: An empty or new folder.
        options: Of the packager.
        root: The repository, or a copy of it.
        umask: Of the packager's process; -1 for the one of this process.
        environ: Variables of the packager's process besides those of this one.
    """
    command = [sys.executable, str(root / "common/packaging/package.py"), *options]
    folder = root / folder_of(connector).relative_to(ROOT)
    command += ["--connector", str(folder), "--out", str(out), "--common", str(root / "common")]
    run = subprocess.run(
        command,
        env={**os.environ, **(environ or {})},
        capture_output=True,
        text=True,
        check=False,
        umask=umask,
    )
    assert run.returncode == 0, run.stdout + run.stderr


def build_for_host(connector: str, out: Path) -> None:
    """Make the package of a connector for this machine and this Python."""
    build(connector, out, "--python", HOST_PYTHON, "--architecture", HOST_ARCHITECTURE)


@cache
def handler_of(connector: str) -> str:
    """Return module and name of a connector's entry."""
    text = template_of(connector).read_text(encoding="utf-8")
    (handler,) = re.findall(r"^\s+Handler: (\S+)$", text, re.MULTILINE)
    return str(handler)

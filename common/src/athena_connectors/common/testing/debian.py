"""Packages of Debian or Ubuntu, fetched and unpacked without installing anything.

That takes no root, and lists of packages of its own, because those of the machine may be
empty or may name versions that the archive no longer has.
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from athena_connectors.common.testing.fetched import run

__all__ = ["unpack_packages"]


def unpack_packages(folder: Path, *names: str) -> None:
    """Unpack packages, and those that they need and this machine lacks, into a folder.

    Raises:
        RuntimeError: This is no such system, or the archive can't be reached.
    """
    tools = [name for name in ("apt-get", "dpkg-deb") if shutil.which(name) is None]
    if tools:
        raise RuntimeError(
            f"{' and '.join(tools)} is not on the PATH, so {', '.join(names)} can't be fetched."
        )
    with tempfile.TemporaryDirectory(prefix="athena-apt-") as place:
        lists = Path(place, "lists")
        Path(lists, "partial").mkdir(parents=True)
        apt = ["apt-get", "--quiet", "-o", f"Dir::State::Lists={lists}"]
        apt += ["-o", f"Dir::Cache={place}", "-o", "APT::Sandbox::User="]
        run([*apt, "update"])
        simulated = ["install", "--print-uris", "--yes", "--no-install-recommends"]
        told = run([*apt, "-o", "Debug::NoLocking=1", *simulated, *names])
        needed = [
            line.split()[1].split("_")[0] for line in told.splitlines() if line.startswith("'")
        ]
        run([*apt, "download", *(needed or names)], folder=Path(place))
        for package in Path(place).glob("*.deb"):
            run(["dpkg-deb", "--extract", str(package), str(folder)])

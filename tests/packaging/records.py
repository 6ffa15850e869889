"""What a function touched: the record of ``observed``, and the state of a package."""

from __future__ import annotations

import hashlib
import json
import stat
import sysconfig
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["digests", "foreign_files"]

STANDARD = {Path(sysconfig.get_path(name)) for name in ("stdlib", "platstdlib")}
LAMBDA = {Path("/dev/null"), Path("/dev/urandom")}
"""Files of the operating system."""
FILE_EVENTS = {"open", "os.listdir", "os.scandir"}
OTHERS = ("site-packages", "dist-packages")


def foreign_files(record: Path, package: Path, *, allowed: Iterable[Path] = ()) -> set[str]:
    """Return the files and folders that a function looked for or opened but has no right to.

    Its own are the package, what the runtime brings along, the standard library and what is
    allowed; programs that it ran are always foreign.

    Args:
        record: What ``observed`` wrote.
        package: The folder that the function ran in.
        allowed: Further folders and files.

    Raises:
        ValueError: The record does not even tell of the package.
    """
    seen = {tuple(json.loads(line)) for line in record.read_text(encoding="utf-8").splitlines()}
    roots = {package, record.parent / "runtime", *allowed}
    touched = {(event, package / name) for event, name in seen}
    if not any(path.is_relative_to(package) for _, path in touched):
        raise ValueError(f"{record} tells of no file of {package}: it is no record.")
    return {
        f"{event} {path}"
        for event, path in touched
        if event not in FILE_EVENTS
        or not (_is_standard(path) or any(path.is_relative_to(root) for root in roots))
    }


def _is_standard(path: Path) -> bool:
    if path in LAMBDA:
        return True
    inside = any(path.is_relative_to(root) for root in STANDARD)
    return inside and not any(name in path.parts for name in OTHERS)


def digests(folder: Path) -> dict[str, tuple[int, str]]:
    """Return mode and digest of every file and folder."""
    return {
        str(path.relative_to(folder)): (
            stat.S_IMODE(path.stat().st_mode),
            hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "",
        )
        for path in folder.rglob("*")
    }

"""A headless browser for tests of pages: Chromium, from the PATH or unpacked from Debian.

What Debian calls ``chromium-headless-shell`` is some 300 MB and takes ten seconds to fetch;
it lies in the folder of this Python environment then.
"""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from athena_connectors.common.testing.debian import unpack_packages
from athena_connectors.common.testing.fetched import fetched, run

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

__all__ = ["Browser", "find_browser"]

_PACKAGE = "chromium-headless-shell"
_COMMANDS = (_PACKAGE, "chromium", "chromium-browser", "google-chrome")
# Root has no sandbox, and the pages are those of the tests.
_OPTIONS = ("--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars")


@dataclass(frozen=True, slots=True)
class Browser:
    """A browser that can be started.

    Attributes:
        program: Its program.
        environ: Variables that it needs.
    """

    program: str
    environ: Mapping[str, str] = field(default_factory=dict)

    def document(self, page: Path) -> str:
        """Return a page's document as it is once its scripts, if any may run, have run.

        Raises:
            RuntimeError: The browser can't be started.
        """
        with tempfile.TemporaryDirectory(prefix="athena-browser-") as profile:
            return run(
                [
                    self.program,
                    *_OPTIONS,
                    f"--user-data-dir={profile}",
                    "--dump-dom",
                    page.resolve().as_uri(),
                ],
                environ=self.environ,
            )


def find_browser() -> Browser:
    """Return a browser, fetched if the PATH has none.

    Raises:
        RuntimeError: It can't be fetched.
    """
    for command in _COMMANDS:
        if found := shutil.which(command):
            return Browser(found)
    folder = fetched(f"debian-{_PACKAGE}", _fetch)
    libraries = sorted({str(path.parent) for path in folder.glob("usr/lib/*-linux-gnu/**/*.so*")})
    program = folder / "usr/lib/chromium" / _PACKAGE
    return Browser(str(program), {"LD_LIBRARY_PATH": ":".join(libraries)})


def _fetch(folder: Path) -> None:
    try:
        unpack_packages(folder, _PACKAGE)
    except RuntimeError as error:
        raise RuntimeError(f"There is no browser: {error} Install Chromium.") from error

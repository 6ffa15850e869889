"""A server of the tests as a process, which ends with this one, however that ends.

A watchdog, a small shell, starts the server and holds the other end of a pipe.
"""

from __future__ import annotations

import os
import select
import socket
import subprocess
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

__all__ = ["ServerProcess", "free_port"]

_START_SECONDS = 60
_POLL_SECONDS = 0.02

# Starts the server, reads until the pipe closes, then ends the server and waits for its end.
# The server alone keeps our end of the pipe of standard output open.
_WATCHDOG = """
folder=$1; shift
"$@" 3>&1 >>"$folder/log" 2>&1 </dev/null &
exec >&- 2>/dev/null
while read -r line; do keep=$line; done
kill -KILL $!
wait $!
[ "$keep" ] || rm -rf "$folder"
"""


class ServerProcess:
    """A server that listens on a port of 127.0.0.1.

    Args:
        command: The program and its arguments.
        folder: What it keeps; its messages go to the file ``log`` there.
        port: Where it listens.
        environ: Variables beside this process's.
    """

    def __init__(
        self,
        command: Sequence[str],
        *,
        folder: Path,
        port: int,
        environ: Mapping[str, str] | None = None,
    ) -> None:
        self._command = command
        self._folder = folder
        self._port = port
        self._environ = {**os.environ, **(environ or {})}
        self._watchdog: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it and wait until it listens.

        Raises:
            RuntimeError: It did not; with what it says.
        """
        self._watchdog = subprocess.Popen(  # noqa: S603 - our own command
            [
                *("/bin/sh", "-c", _WATCHDOG, "athena-server-watchdog", str(self._folder)),
                *self._command,
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=self._environ,
            start_new_session=True,  # the terminal's Ctrl-C is not for the server
        )
        if not self._listens():
            said = (self._folder / "log").read_text(errors="replace")[-2000:]
            self.stop()
            raise RuntimeError(f"{self._command[0]} did not start: {said}")

    def stop(self, *, keep_folder: bool = False) -> None:
        """End it at once, as a power cut does, and remove its folder."""
        watchdog, self._watchdog = self._watchdog, None
        if watchdog is not None:
            watchdog.communicate(b"keep\n" if keep_folder else None)

    def _listens(self) -> bool:
        assert self._watchdog is not None
        alive = self._watchdog.stdout  # ends when the server does
        assert alive is not None
        deadline = time.monotonic() + _START_SECONDS
        while time.monotonic() < deadline and not select.select([alive], [], [], _POLL_SECONDS)[0]:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self._port)) == 0:
                    return True
        return False


def free_port() -> int:
    """Return a port of 127.0.0.1 on which nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port

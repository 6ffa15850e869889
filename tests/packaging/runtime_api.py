"""Lambda on this machine: its Runtime API, and a package under AWS's own runtime client.

The function runs in a process of its own. It sees the package, what a managed runtime
brings along (the runtime client and boto3) and the standard library; no library of the
tests' environment, and no variable of it.

Source: AWS Lambda Developer Guide, "Using the Lambda runtime API" and "Defined runtime
environment variables".
"""

from __future__ import annotations

import json
import os
import queue
import subprocess
import sys
import time
import uuid
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler
from importlib import metadata
from pathlib import Path
from threading import Event as Signal
from threading import Lock, Thread
from typing import TYPE_CHECKING, Any

from athena_connectors.common.testing.engine_errors import RemoteError
from athena_connectors.common.testing.local_server import LocalServer
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

__all__ = [
    "FUNCTION_NAME",
    "MAX_RESPONSE_BYTES",
    "PackagedFunction",
    "link_runtime",
    "packaged_function",
    "required_distributions",
]

FUNCTION_NAME = "connector"
PREFIX = "/2018-06-01/runtime"
MAX_RESPONSE_BYTES = 6_291_556
"""Of a reply; Lambda's own error names the number."""
OBSERVER = Path(__file__).with_name("observed.py")
TIMEOUT_SECONDS = 60.0
POLL_SECONDS = 0.1

Event = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the function posted: ``response``, ``error`` or ``init/error``, and its body."""

    kind: str
    body: bytes


class RuntimeApi(LocalServer):
    """Hands one event at a time to the function and takes its outcome.

    Attributes:
        ready: Set once the function asks for an event: it is initialised, and restored.
        restored: How many times it was restored from a snapshot.
    """

    def __init__(self) -> None:
        super().__init__(_Handler)
        self.ready = Signal()
        self.restored = 0
        self.events: queue.Queue[tuple[str, bytes, float] | None] = queue.Queue()
        self.outcomes: queue.Queue[Outcome] = queue.Queue()

    def server_close(self) -> None:
        """Close, and let go who waits for an event."""
        self.events.put(None)
        super().server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # one write for a whole reply
    disable_nagle_algorithm = True
    server: RuntimeApi

    def do_GET(self) -> None:
        """Give the next event, wait for it; or let the function go on after its snapshot."""
        if self.path == f"{PREFIX}/restore/next":
            self.server.restored += 1
            self._reply(200, b"", {})
            return
        assert self.path == f"{PREFIX}/invocation/next", self.path
        self.server.ready.set()
        event = self.server.events.get()
        if event is None:
            self.close_connection = True
            return
        request_id, body, timeout_seconds = event
        deadline_ms = int(1000 * (time.time() + timeout_seconds))
        self._reply(
            200,
            body,
            {
                "Lambda-Runtime-Aws-Request-Id": request_id,
                "Lambda-Runtime-Deadline-Ms": str(deadline_ms),
                "Lambda-Runtime-Invoked-Function-Arn": (
                    f"arn:aws:lambda:eu-west-1:123456789012:function:{FUNCTION_NAME}"
                ),
            },
        )

    def do_POST(self) -> None:
        """Take an outcome; one that is too large is refused, as Lambda does."""
        body = self._body()
        kind = self.path.removeprefix(f"{PREFIX}/").removeprefix("invocation/")
        kind = kind if kind == "init/error" else kind.partition("/")[2]
        if len(body) > MAX_RESPONSE_BYTES:
            refusal = {
                "errorMessage": f"Exceeded maximum allowed payload size ({MAX_RESPONSE_BYTES}"
                " bytes).",
                "errorType": "RequestEntityTooLarge",
            }
            self._reply(413, json.dumps(refusal).encode(), {})
            body, kind = json.dumps(refusal).encode(), "error"
        else:
            self._reply(202, b'{"status":"OK"}', {})
        self.server.outcomes.put(Outcome(kind, body))

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            return self.rfile.read(int(self.headers["Content-Length"]))
        chunks = []
        while size := int(self.rfile.readline(), 16):
            chunks.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(chunks)

    def _reply(self, status: int, body: bytes, headers: Mapping[str, str]) -> None:
        self.send_response(status)
        # Without a type the runtime client crashes.
        for name, value in {"Content-Type": "application/json", **headers}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


class PackagedFunction:
    """A running function; a ``Transport`` of the engine, safe to use from several threads.

    Attributes:
        process: The runtime client's process.
        log: The file that takes what the function prints.
        init_seconds: From the start of the process to its first call for an event.
        reply_bytes: Size of each reply so far.
    """

    def __init__(self, api: RuntimeApi, process: subprocess.Popen[bytes], log: Path) -> None:
        self._api = api
        self._lock = Lock()
        self.process = process
        self.log = log
        started = time.perf_counter()
        self._wait_until_ready()
        self.init_seconds = time.perf_counter() - started
        self.reply_bytes: list[int] = []

    @property
    def restored(self) -> int:
        """How many times the function was restored from a snapshot."""
        return self._api.restored

    def send(self, event: Event, *, timeout_seconds: float = TIMEOUT_SECONDS) -> Event:
        """Return the reply to a request.

        Args:
            event: The request.
            timeout_seconds: What the function has; longer is an error.

        Raises:
            RemoteError: The function failed.
        """
        payload = json.dumps(event).encode()
        with self._lock:
            self._api.events.put((str(uuid.uuid4()), payload, timeout_seconds))
            outcome = self._outcome(timeout_seconds)
            self.reply_bytes.append(len(outcome.body))
        reply: Event = json.loads(outcome.body)
        if outcome.kind != "response":
            raise RemoteError(reply["errorMessage"], error_type=reply["errorType"])
        return reply

    def mapped_files(self) -> set[Path]:
        """Return the files that are mapped into the process: its native libraries."""
        lines = Path(f"/proc/{self.process.pid}/maps").read_text().splitlines()
        return {Path(line.split(maxsplit=5)[5]) for line in lines if "/" in line}

    def close(self) -> None:
        """Do nothing: the function stays warm when one of its callers leaves."""

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + TIMEOUT_SECONDS
        while not self._api.ready.wait(POLL_SECONDS):
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise self._silence()

    def _outcome(self, timeout_seconds: float) -> Outcome:
        deadline = time.monotonic() + timeout_seconds
        while time.monotonic() < deadline:
            try:
                return self._api.outcomes.get(timeout=POLL_SECONDS)
            except queue.Empty:
                if self.process.poll() is not None:
                    break
        raise self._silence()

    def _silence(self) -> AssertionError:
        return AssertionError(
            f"The function does not answer; its exit status is {self.process.poll()}."
            f" It said:\n{self.log.read_text()}"
        )


@contextmanager
def packaged_function(
    package: Path,
    handler: str,
    folder: Path,
    *,
    environ: Mapping[str, str],
    initialization: str = "on-demand",
    record: Path | None = None,
) -> Iterator[PackagedFunction]:
    """Start a package as Lambda would, and end it.

    Args:
        package: The folder that Lambda would unpack.
        handler: Module and name of the entry.
        folder: An empty folder for what Lambda would bring along.
        environ: The function's own variables.
        initialization: Lambda's type of it; ``snap-start`` restores the function before its
            first event.
        record: File for the record of ``observed``; none when ``None``.
    """
    runtime = link_runtime(folder)
    variables = {"AWS_LAMBDA_INITIALIZATION_TYPE": initialization, "PYTHONPATH": str(runtime)}
    client = "awslambdaric"
    if record is not None:
        (runtime / OBSERVER.name).symlink_to(OBSERVER)
        variables["OBSERVED"] = str(record)
        client = OBSERVER.stem
    log = folder / "log"
    with RuntimeApi() as api, log.open("wb") as output:
        Thread(target=api.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        process = subprocess.Popen(
            [sys.executable, "-S", "-m", client, handler],
            cwd=package,
            env={**_lambda_variables(api, handler, package, folder), **environ, **variables},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        try:
            yield PackagedFunction(api, process, log)
        finally:
            process.terminate()
            process.wait()
            api.shutdown()


def _lambda_variables(api: RuntimeApi, handler: str, package: Path, folder: Path) -> dict[str, str]:
    return {
        "AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{api.server_port}",
        "_HANDLER": handler,
        "LAMBDA_TASK_ROOT": str(package),
        "AWS_EXECUTION_ENV": f"AWS_Lambda_python3.{sys.version_info.minor}",
        "AWS_LAMBDA_FUNCTION_NAME": FUNCTION_NAME,
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "3008",
        "AWS_LAMBDA_LOG_GROUP_NAME": f"/aws/lambda/{FUNCTION_NAME}",
        "AWS_LAMBDA_LOG_STREAM_NAME": "stream",
        "TZ": ":UTC",
        "LANG": "en_US.UTF-8",
        "PATH": os.defpath,
        "HOME": str(folder),
    }


def link_runtime(folder: Path) -> Path:
    """Return a folder with what a managed runtime has beside the standard library.

    Args:
        folder: Where to make it.
    """
    runtime = folder / "runtime"
    runtime.mkdir()
    for name in required_distributions("awslambdaric", "boto3"):
        distribution = metadata.distribution(name)
        tops = {file.parts[0] for file in distribution.files or ()}
        for top in tops - {"..", "__pycache__"}:
            (runtime / top).symlink_to(Path(str(distribution.locate_file(top))))
    return runtime


def required_distributions(*names: str, without: Collection[str] = ()) -> set[str]:
    """Return the names of installed distributions with all that they require.

    Args:
        names: Distributions, in lower case, without extras.
        without: Distributions that are left out, with what only they require.
    """
    found: dict[str, set[str]] = {}
    waiting = [(name, {""}) for name in names]
    while waiting:
        name, extras = waiting.pop()
        if name in without or extras <= found.get(name, set()):
            continue
        found.setdefault(name, set()).update(extras)
        for requirement in map(Requirement, metadata.requires(name) or ()):
            marker = requirement.marker
            if marker is None or any(marker.evaluate({"extra": extra}) for extra in extras):
                waiting.append((canonicalize_name(requirement.name), {"", *requirement.extras}))
    return set(found)

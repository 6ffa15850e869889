"""What the tests of faults are checked with sees what it is there to see."""

from __future__ import annotations

import base64
import logging
import socket
import sys
import threading
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest
from athena_connectors.common.errors import SourceError, TableNotFoundError
from athena_connectors.common.handler import lambda_handler
from athena_connectors.common.testing.client import S3Reader
from athena_connectors.common.testing.faults import FaultCheck, OneInstance
from athena_connectors.common.testing.memory import MemoryConnector
from athena_connectors.common.testing.tcp_proxy import tcp_proxy

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from athena_connectors.common.connector import Scan
    from athena_connectors.common.protocol.messages import Split

PASSWORD = "pass+word/1"
ROWS = {"s.t": pa.record_batch({"id": pa.array([1, 2], pa.int32())})}


class Failing(MemoryConnector):
    """Serves a table, or fails as it is told."""

    def __init__(self) -> None:
        super().__init__(ROWS, splits=1)
        self.fail: Callable[[], None] | None = None

    def read_split(self, scan: Scan, split: Split) -> Iterator[pa.RecordBatch]:
        if self.fail is not None:
            self.fail()
        yield from super().read_split(scan, split)


@pytest.fixture
def source() -> Failing:
    return Failing()


@pytest.fixture
def instance(source: Failing) -> OneInstance:
    return OneInstance(lambda_handler(lambda _: source), {}, spill=S3Reader({}))


@pytest.fixture
def check(instance: OneInstance, source: Failing, capfd: pytest.CaptureFixture[str]) -> FaultCheck:
    def recovered() -> None:
        assert instance.rows(instance.scan("s.t")) == [{"id": 1}, {"id": 2}]

    return FaultCheck(
        instance,
        secrets=(PASSWORD,),
        output=lambda: "".join(capfd.readouterr()),
        at_rest=lambda: None,
        recovered=recovered,
    )


def run(check: FaultCheck, instance: OneInstance, source: Failing, fail: Any) -> None:
    """Read while the source fails; it is whole again afterwards."""
    scan = instance.scan("s.t")
    (split,) = instance.client.splits(scan)
    source.fail = fail

    def heal() -> None:
        source.fail = None

    with check.expect(SourceError, "the source", "failed", heal=heal):
        instance.client.read(scan, split)


def failure(text: str = "the source failed", **context: str) -> SourceError:
    return SourceError(text, **context)


def plain() -> None:
    raise failure()


def test_a_clean_fault_passes(check: FaultCheck, instance: OneInstance, source: Failing) -> None:
    run(check, instance, source, plain)


def in_text() -> None:
    raise failure(f"the source failed: {PASSWORD}")


def in_context() -> None:
    raise failure(setting=PASSWORD)


def in_cause() -> None:
    raise failure() from ValueError(f"postgres://u:{PASSWORD}@h")


def in_what_was_handled() -> None:
    try:
        int(PASSWORD)
    except ValueError:
        raise failure() from None


def in_log() -> None:
    logging.getLogger("some.driver").debug("connecting with %s", PASSWORD)
    raise failure()


def in_a_member_of_a_log() -> None:
    logging.getLogger("some.driver").debug("connecting", extra={"options": {"p": PASSWORD}})
    raise failure()


def in_output() -> None:
    sys.stderr.write(PASSWORD)
    raise failure()


def quoted() -> None:
    raise failure("the source failed: pass%2Bword/1")


def encoded() -> None:
    raise failure(f"the source failed: {base64.b64encode(PASSWORD.encode()).decode()}")


@pytest.mark.parametrize(
    "fail",
    [
        *(in_text, in_context, in_cause, in_what_was_handled, in_log, in_a_member_of_a_log),
        *(in_output, quoted, encoded),
    ],
)
def test_a_secret_is_found(
    check: FaultCheck, instance: OneInstance, source: Failing, fail: Any
) -> None:
    with pytest.raises(AssertionError, match="is told"):
        run(check, instance, source, fail)


def test_the_key_of_a_split_is_a_secret(
    check: FaultCheck, instance: OneInstance, source: Failing
) -> None:
    def tell() -> None:
        (key,) = instance.secrets
        raise failure(f"the source failed: {base64.b64decode(key)!r}")

    with pytest.raises(AssertionError, match="is told"):
        run(check, instance, source, tell)


def other_class() -> None:
    raise TableNotFoundError("the source failed")


def other_words() -> None:
    raise failure("something else")


def no_error() -> None:
    """Let the read succeed."""


@pytest.mark.parametrize("fail", [other_class, other_words, no_error])
def test_another_end_is_found(
    check: FaultCheck, instance: OneInstance, source: Failing, fail: Any
) -> None:
    with pytest.raises(AssertionError):
        run(check, instance, source, fail)


def test_a_thread_that_is_left_is_found(
    check: FaultCheck,
    instance: OneInstance,
    source: Failing,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("athena_connectors.common.testing.faults.THREAD_SECONDS", 0.1)
    ended = threading.Event()

    def leave_one() -> None:
        threading.Thread(target=ended.wait, name="spill_0").start()
        raise failure()

    with pytest.raises(AssertionError, match="threads are left"):
        run(check, instance, source, leave_one)
    ended.set()


def test_an_instance_that_stays_broken_is_found(
    check: FaultCheck, instance: OneInstance, source: Failing
) -> None:
    scan = instance.scan("s.t")
    (split,) = instance.client.splits(scan)
    source.fail = plain
    with pytest.raises(SourceError), check.expect(SourceError):
        instance.client.read(scan, split)


# The bad network


@pytest.fixture
def server() -> Iterator[tuple[str, int]]:
    """Sends 100,000 bytes to whoever connects, then what it gets."""

    def serve(listener: socket.socket) -> None:
        while True:
            try:
                end, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=talk, args=(end,), daemon=True).start()

    def talk(end: socket.socket) -> None:
        with end:
            try:
                end.sendall(b"x" * 100_000)
                while data := end.recv(1000):
                    end.sendall(data)
            except OSError:
                return

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve, args=(listener,), daemon=True)
        thread.start()
        yield listener.getsockname()
        listener.shutdown(socket.SHUT_RDWR)
    thread.join(5)


def received(end: socket.socket, most: int = 100_000) -> int:
    """Return how many bytes come before the end, an error or silence."""
    end.settimeout(0.3)
    size = 0
    try:
        while size < most and (data := end.recv(most - size)):
            size += len(data)
    except OSError:
        pass
    return size


def test_the_network_passes_everything(server: tuple[str, int]) -> None:
    with tcp_proxy(*server) as proxy, socket.create_connection((proxy.host, proxy.port)) as end:
        assert received(end) == 100_000
        end.sendall(b"hello")
        assert end.recv(100) == b"hello"
        assert (proxy.bytes_passed, proxy.connections) == (100_005, 1)


@pytest.mark.parametrize("size", [0, 1, 20_000, 99_999])
def test_the_network_is_cut_after_so_many_bytes(server: tuple[str, int], size: int) -> None:
    with tcp_proxy(*server) as proxy:
        proxy.cut_after(size)
        with socket.create_connection((proxy.host, proxy.port)) as end:
            assert received(end) <= size
        assert proxy.bytes_passed == size
        proxy.heal()
        with socket.create_connection((proxy.host, proxy.port)) as end:
            assert received(end) == 100_000


def test_the_network_falls_silent_and_goes_on(server: tuple[str, int]) -> None:
    with tcp_proxy(*server) as proxy:
        proxy.stall_after(30_000)
        with socket.create_connection((proxy.host, proxy.port)) as end:
            assert received(end) == 30_000
            proxy.heal()
            assert received(end, 70_000) == 70_000


def test_the_network_refuses_and_takes_again(server: tuple[str, int]) -> None:
    with tcp_proxy(*server) as proxy, socket.create_connection((proxy.host, proxy.port)) as end:
        assert received(end) == 100_000
        proxy.refuse()
        assert received(end) == 0
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection((proxy.host, proxy.port))
        proxy.heal()
        with socket.create_connection((proxy.host, proxy.port)) as again:
            assert received(again) == 100_000

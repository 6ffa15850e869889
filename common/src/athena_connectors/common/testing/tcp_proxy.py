"""A network between a client and a server that can be made bad: cut, silent, closed.

The proxy listens on 127.0.0.1 and a free port, and passes bytes on both ways until it is
told otherwise. What it was told counts for all connections, also those that come later,
until ``heal``.
"""

from __future__ import annotations

import socket
import struct
import threading
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["TcpProxy", "tcp_proxy"]

_THREAD = "tcp-proxy"
_READ_BYTES = 16_384
_BUFFER_BYTES = 65_536
"""Of each socket, so that little is on its way when the client does not read."""
_JOIN_SECONDS = 5
_RESET = struct.pack("ii", 1, 0)


class _Cut(Exception):  # noqa: N818 - an order, not a fault
    """The connection is to be torn down."""


class TcpProxy:
    """Passes connections on to a server.

    Safe to be told something by any thread.

    Args:
        host: Where the server listens.
        port: On which port.

    Attributes:
        host: Where the proxy listens.
        port: On which port; it stays the same after ``refuse``.
    """

    def __init__(self, host: str, port: int) -> None:
        self.host = "127.0.0.1"
        self._server = (host, port)
        self._state = threading.Condition()
        self._limit: int | None = None
        self._stalls = False
        self._closed = False
        self._passed = 0
        self._accepted = 0
        self._pairs: list[tuple[socket.socket, socket.socket]] = []
        self._threads: list[threading.Thread] = []
        self._listener = self._listen(0)
        self.port: int = self._listener.getsockname()[1]

    @property
    def bytes_passed(self) -> int:
        """Bytes that have come from the server and were passed on, of all connections."""
        with self._state:
            return self._passed

    @property
    def connections(self) -> int:
        """Connections accepted so far."""
        with self._state:
            return self._accepted

    def cut_after(self, size_bytes: int) -> None:
        """Reset every connection once so many further bytes have come from the server."""
        self._limit_to(size_bytes, stalls=False)

    def stall_after(self, size_bytes: int) -> None:
        """Stay connected and silent, both ways, after so many further bytes of the server."""
        self._limit_to(size_bytes, stalls=True)

    def refuse(self) -> None:
        """Reset every connection and refuse new ones."""
        self._stop_listening()
        self._drop_all()

    def retarget(self, host: str, port: int) -> None:
        """Reset every connection and lead new ones to another server."""
        self._server = (host, port)
        self._drop_all()

    def heal(self) -> None:
        """Pass everything again; connections that were stalled go on."""
        with self._state:
            self._limit = None
            self._stalls = False
            self._state.notify_all()
        if self._listener.fileno() < 0:
            self._listener = self._listen(self.port)

    def close(self) -> None:
        """Reset every connection and leave no thread."""
        with self._state:
            self._closed = True
            self._state.notify_all()
        self._stop_listening()
        self._drop_all()
        for thread in self._threads:
            thread.join(_JOIN_SECONDS)

    def _limit_to(self, size_bytes: int, *, stalls: bool) -> None:
        with self._state:
            self._limit = self._passed + size_bytes
            self._stalls = stalls
            self._state.notify_all()
        if not stalls and not size_bytes:
            self._drop_all()

    def _listen(self, port: int) -> socket.socket:
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((self.host, port))
        listener.listen()
        self._start(self._accept, listener)
        return listener

    def _start(self, work: Callable[..., None], *arguments: socket.socket) -> None:
        thread = threading.Thread(target=work, args=arguments, name=_THREAD, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self, listener: socket.socket) -> None:
        with suppress(OSError):
            while True:
                client, _ = listener.accept()
                self._connect(client)

    def _connect(self, client: socket.socket) -> None:
        with self._state:
            self._accepted += 1
        try:
            server = socket.create_connection(self._server)
        except OSError:
            _reset(client)
            return
        for end in (client, server):
            end.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER_BYTES)
            end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _BUFFER_BYTES)
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with self._state:
            self._pairs.append((client, server))
        self._start(self._pass_requests, client, server)
        self._start(self._pass_replies, server, client)

    def _pass_requests(self, client: socket.socket, server: socket.socket) -> None:
        with _torn_down(client, server):
            while data := client.recv(_READ_BYTES):
                self._take(0)
                server.sendall(data)
            server.shutdown(socket.SHUT_WR)

    def _pass_replies(self, server: socket.socket, client: socket.socket) -> None:
        with _torn_down(client, server):
            while data := server.recv(_READ_BYTES):
                while data:
                    size = self._take(len(data))
                    client.sendall(data[:size])
                    data = data[size:]
            client.shutdown(socket.SHUT_WR)

    def _take(self, wanted: int) -> int:
        """Return how many bytes of the server's may pass now; wait as long as none may."""
        with self._state:
            self._state.wait_for(lambda: self._closed or not self._stalls or self._room() > 0)
            if self._closed or self._room() <= 0:
                raise _Cut
            size = min(wanted, self._room())
            self._passed += size
            return size

    def _room(self) -> int:
        return _READ_BYTES if self._limit is None else self._limit - self._passed

    def _stop_listening(self) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _drop_all(self) -> None:
        with self._state:
            pairs, self._pairs = self._pairs, []
        for pair in pairs:
            for end in pair:
                _reset(end)


@contextmanager
def _torn_down(*ends: socket.socket) -> Iterator[None]:
    """Reset both ends when one of them fails or the connection is to be cut."""
    try:
        yield
    except (OSError, _Cut):
        for end in ends:
            _reset(end)


@contextmanager
def tcp_proxy(host: str, port: int) -> Iterator[TcpProxy]:
    """Yield a proxy in front of a server, and close it at the end."""
    proxy = TcpProxy(host, port)
    try:
        yield proxy
    finally:
        proxy.close()


def _reset(end: socket.socket) -> None:
    """Close a socket so that its peer gets a reset, and wake who waits for it."""
    with suppress(OSError):
        end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        end.shutdown(socket.SHUT_RDWR)
    end.close()

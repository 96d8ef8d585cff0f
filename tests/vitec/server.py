"""A server on a raw socket that does to each connection what a script says, and remembers what it received."""

from __future__ import annotations

import socket
import ssl
import struct
import threading
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Self

from worker.tls import Socket

if TYPE_CHECKING:
    from collections.abc import Callable

TLS = Path(__file__).with_name("tls")
AUTHORITY = TLS / "authority.pem"
PATIENCE = 20.0
"""Seconds after which anything here gives up: never reached when all is well."""


class GoneError(Exception):
    """The client has closed or reset the connection."""


class Connection:
    """One accepted connection."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        sock.settimeout(PATIENCE)
        self._buffer = b""

    def request(self) -> bytes:
        """The next whole request, head and body; raise GoneError if the client leaves before."""
        while b"\r\n\r\n" not in self._buffer:
            self._more()
        head, _, body = self._buffer.partition(b"\r\n\r\n")
        length = next(
            (int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")), 0
        )
        while len(body) < length:
            self._more()
            body = self._buffer.partition(b"\r\n\r\n")[2]
        self._buffer = body[length:]
        return head + b"\r\n\r\n" + body[:length]

    def send(self, data: bytes) -> None:
        """Write; bytes to a client that has gone are dropped."""
        with suppress(OSError):
            self.sock.sendall(data)

    def drain(self) -> tuple[int, bool]:
        """Read until the client has gone: how many bytes came, and whether it ended with a reset."""
        count = len(self._buffer)
        try:
            while data := self.sock.recv(1 << 16):
                count += len(data)
        except ConnectionResetError:
            return count, True
        return count, False

    def wait_gone(self) -> None:
        """Wait until the client closes."""
        with suppress(OSError):
            self.drain()

    def reset(self) -> None:
        """Close so that the client is told by a reset."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        socket.socket.close(self.sock)

    def _more(self) -> None:
        try:
            data = self.sock.recv(1 << 16)
        except OSError as error:
            raise GoneError from error
        if not data:
            raise GoneError
        self._buffer += data


class Server:
    """The server. `script` is called with each connection, in a thread of its own; its result is ignored."""

    def __init__(self, script: Callable[[Connection], object], certificate: str | None = None) -> None:
        self._script = script
        self._tls = None
        if certificate is not None:
            self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self._tls.sslsocket_class = Socket
            self._tls.load_cert_chain(TLS / f"{certificate}.pem")
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.requests: list[bytes] = []
        self.connections = 0
        self._socks: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self._lock = threading.Lock()

    @property
    def url(self) -> str:
        """The base URL of it."""
        return f"{'https' if self._tls else 'http'}://localhost:{self.port}/api"

    def __enter__(self) -> Self:
        self._start(self._accept)
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        with self._lock:
            socks = list(self._socks)
        for sock in socks:
            with suppress(OSError):
                socket.socket.shutdown(sock, socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(PATIENCE)
            assert not thread.is_alive()

    def receive(self, connection: Connection) -> bytes:
        """Read the next request on this connection, and remember it."""
        request = connection.request()
        with self._lock:
            self.requests.append(request)
        return request

    def _start(self, target: Callable[..., object], *arguments: object) -> None:
        thread = threading.Thread(target=target, args=arguments, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            with self._lock:
                self.connections += 1
                self._socks.append(sock)
            self._start(self._serve, sock)

    def _serve(self, sock: socket.socket) -> None:
        try:
            if self._tls is not None:
                sock.settimeout(PATIENCE)
                sock = self._tls.wrap_socket(sock, server_side=True)
                with self._lock:
                    self._socks.append(sock)
            connection = Connection(sock)
            try:
                self._script(connection)
            finally:
                # A script may have put TLS on it.
                socket.socket.close(connection.sock)
        except (GoneError, OSError):
            pass
        finally:
            socket.socket.close(sock)


def http(status: str, body: bytes = b"", *headers: str, length: int | None = None) -> bytes:
    """An answer with its Content-Length, true or not."""
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body) if length is None else length}", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body

"""A wire to PostgreSQL that can be cut around a COMMIT: before the server hears it, or before it can say it was done."""

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from enum import StrEnum
from typing import Any

from sqlalchemy import make_url

COMMIT = b"COMMIT\x00"


class Cut(StrEnum):
    """When the wire is cut."""

    NOT_APPLIED = "before the server hears of the commit"
    APPLIED = "after the commit, before its answer"


class Wire:
    """Passes everything on, but for the one COMMIT for which `arm` was called."""

    def __init__(self, url: str) -> None:
        parsed = make_url(url)
        self._server = (parsed.host or "127.0.0.1", parsed.port or 5432)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = parsed.set(host="127.0.0.1", port=self._listener.getsockname()[1]).render_as_string(
            hide_password=False
        )
        self.cuts = 0
        self._cut: Cut | None = None
        self._after = b""
        self._sockets = [self._listener]
        self._threads: list[threading.Thread] = []
        self._begin(self._accept)

    def arm(self, cut: Cut, after: bytes) -> None:
        """Cut at the first COMMIT of a transaction in which `after` was said."""
        self._after, self._cut = after, cut

    def close(self) -> None:
        """End every connection, and wait for the threads."""
        for sock in self._sockets:
            _shut(sock)
        for thread in self._threads:
            thread.join(10)
        for sock in self._sockets:
            sock.close()

    def _begin(self, work: Callable[..., None], *given: Any) -> None:
        thread = threading.Thread(target=work, args=given, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.create_connection(self._server)
                self._sockets += [client, server]
                cutting = threading.Event()
                self._begin(self._up, client, server, cutting)
                self._begin(self._down, server, client, cutting)

    def _up(self, client: socket.socket, server: socket.socket, cutting: threading.Event) -> None:
        sent = b""
        with contextlib.suppress(OSError):
            while data := client.recv(65536):
                sent += data
                if COMMIT in data:
                    if self._cut is not None and self._after in sent:
                        cut, self._cut = self._cut, None
                        cutting.set()
                        self.cuts += 1
                        if cut is Cut.NOT_APPLIED:
                            break
                    sent = b""
                server.sendall(data)
        _shut(server)

    def _down(self, server: socket.socket, client: socket.socket, cutting: threading.Event) -> None:
        with contextlib.suppress(OSError):
            while data := server.recv(65536):
                if cutting.is_set():
                    break
                client.sendall(data)
        _shut(client)
        _shut(server)


def _shut(sock: socket.socket) -> None:
    with contextlib.suppress(OSError):
        sock.shutdown(socket.SHUT_RDWR)


@contextlib.contextmanager
def wire(url: str) -> Iterator[Wire]:
    """A wire to the database at `url`, for as long as the block."""
    made = Wire(url)
    try:
        yield made
    finally:
        made.close()

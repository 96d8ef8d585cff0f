"""The other end of every measurement: a server so cheap that the client alone is measured.

It reads whole requests, does nothing with them, and answers each with a JSON string of its own (ids must differ). The
number of answers stands in a small shared file, so that it is read without a request.
"""

from __future__ import annotations

import argparse
import contextlib
import mmap
import os
import selectors
import socket
import struct
import sys
import time
from collections import deque
from pathlib import Path

_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json; charset=utf-8\r\nContent-Length: 18\r\n\r\n"
_LENGTH = b"ontent-length: "
COUNTER = struct.Struct("<q")
ARRIVALS = struct.Struct("<qd")
"""With `--arrivals`: operation id and moment (time.time) of each request, appended to a file."""


class Connection:
    """One client's connection, with the bytes that are not a whole request yet."""

    __slots__ = ("sock", "unread")

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.unread = b""

    def take_heads(self, data: bytes) -> list[bytes]:
        """Add data, and take the heads of the requests that are whole."""
        come = self.unread + data if self.unread else data
        heads = []
        while (end := come.find(b"\r\n\r\n")) >= 0:
            head = come[:end]
            at = head.lower().find(_LENGTH)
            length = int(head[at + len(_LENGTH) :].split(b"\r\n", 1)[0]) if at >= 0 else 0
            if len(come) < end + 4 + length:
                break
            heads.append(head)
            come = come[end + 4 + length :]
        self.unread = come
        return heads


class Server:
    """A loop over sockets; answers at once, or `latency` seconds after the request has come."""

    def __init__(self, count: mmap.mmap, latency: float, arrivals: Path | None) -> None:
        self._count, self._latency = count, latency
        self._arrivals = arrivals.open("ab", buffering=0) if arrivals else None
        self._answered = 0
        self._pid = os.getpid() % 10_000
        self._delayed: deque[tuple[float, Connection]] = deque()
        self._selector = selectors.DefaultSelector()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=512)
        self._listener.setblocking(False)
        self._selector.register(self._listener, selectors.EVENT_READ, None)
        self.port: int = self._listener.getsockname()[1]

    def run(self) -> None:
        """Serve for ever."""
        while True:
            for key, _ in self._selector.select(self._seconds_to_wait()):
                if key.data is None:
                    self._accept()
                else:
                    self._read(key.data)
            current_time = time.monotonic()
            while self._delayed and self._delayed[0][0] <= current_time:
                self._answer(self._delayed.popleft()[1])

    def _seconds_to_wait(self) -> float | None:
        return max(0.0, self._delayed[0][0] - time.monotonic()) if self._delayed else None

    def _accept(self) -> None:
        with contextlib.suppress(BlockingIOError):
            while True:
                sock, _ = self._listener.accept()
                sock.setblocking(False)
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self._selector.register(sock, selectors.EVENT_READ, Connection(sock))

    def _read(self, line: Connection) -> None:
        try:
            data = line.sock.recv(65536)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._selector.unregister(line.sock)
            line.sock.close()
            return
        for head in line.take_heads(data):
            if self._arrivals is not None:
                self._note(head)
            if self._latency:
                self._delayed.append((time.monotonic() + self._latency, line))
            else:
                self._answer(line)

    def _answer(self, line: Connection) -> None:
        self._answered += 1
        with contextlib.suppress(OSError):
            line.sock.send(b'%b"ID%04d%010d"' % (_HEAD, self._pid, self._answered))
        COUNTER.pack_into(self._count, 0, self._answered)

    def _note(self, head: bytes) -> None:
        assert self._arrivals is not None
        _, _, request_id = head.partition(b"X-Request-Id: ")
        self._arrivals.write(ARRIVALS.pack(int(request_id.split(b".", 1)[0] or 0), time.time()))


def main() -> None:
    """Print the port on one line, then serve."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--count", type=Path, required=True, help="the shared file")
    parser.add_argument("--latency", type=float, default=0.0, help="seconds")
    parser.add_argument("--arrivals", type=Path, help="write down when each request came")
    options = parser.parse_args()
    with options.count.open("r+b") as file:
        server = Server(mmap.mmap(file.fileno(), COUNTER.size), options.latency, options.arrivals)
    sys.stdout.write(f"{server.port}\n")
    sys.stdout.flush()
    server.run()


if __name__ == "__main__":
    main()

"""One try at one request: how far it got, as seen on its own connection."""

import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from worker.vitec.permit import Permit


class WithdrawnError(Exception):
    """The permit was gone before the first byte."""


class HttpAttempt:
    """What the connection learns while it carries one request, and the handle by which the watchdog cuts it.

    An exception's class cannot tell whether bytes were written, nor a returned answer whether it was cut off (a
    `shutdown` once made a clean-looking 201). So the verdict is formed from these marks, and from nothing else.
    """

    __slots__ = (
        "_fd",
        "_landed",
        "_lock",
        "cut",
        "deadline",
        "framed",
        "head",
        "method",
        "permit",
        "status",
        "trouble",
    )

    def __init__(self, permit: Permit, deadline: float, method: str) -> None:
        self.permit = permit
        self.deadline = deadline
        self.method = method
        self.trouble = "no connection could be made"
        """A sentence for people, kept up to date by the connection for as long as nothing has been written."""
        self.status: int | None = None
        """Of a final answer whose status line came whole."""
        self.head = False
        """Whether the head of that answer came whole, to its blank line."""
        self.framed = False
        """Whether that head says where the body ends, so that a truncated one can be told from a whole one."""
        self.cut = False
        """Whether the watchdog has cut it."""
        self._lock = threading.Lock()
        self._fd: int | None = None
        self._landed = False

    def remaining(self) -> float:
        """Seconds until this try must be over; negative after that."""
        return self.deadline - time.monotonic()

    def begin_write(self, sock: socket.socket) -> None:
        """Take the right to write on this socket; raise WithdrawnError if there is none."""
        # A descriptor of our own: the watchdog must be able to cut for as long as the answer is being read, and must
        # never touch a number that has been closed and given to another connection.
        with self._lock:
            self._fd = os.dup(sock.fileno())
        if not self.permit.use():
            self.end()
            raise WithdrawnError

    def end(self) -> None:
        """Say that the socket is no longer ours to cut. Twice is harmless."""
        with self._lock:
            self._landed = True
            if self._fd is not None:
                os.close(self._fd)
                self._fd = None

    def expire(self) -> None:
        """The watchdog's verdict: withdraw what has not been written, cut what has."""
        if self.permit.revoke():
            return
        with self._lock:
            if self._landed:
                return
            self.cut = True
            if self._fd is not None:
                _shut(self._fd)


def _shut(fd: int) -> None:
    """Wake whoever reads or writes there; the owner then closes, and the linger of 0 throws unsent bytes away.

    Never `SSLSocket.shutdown`: it takes the TLS layer off a socket that another thread is writing to, which would then
    go on in plain text.
    """
    handle = socket.socket(fileno=fd)
    with suppress(OSError):
        handle.shutdown(socket.SHUT_RDWR)
    handle.detach()


class _Current(threading.local):
    flight: HttpAttempt | None = None


# How a flight reaches its connection: a request is composed, connected, written and read by one and the same thread,
# and requests has no argument that would go down to the connection; so the thread carries it.
_current = _Current()


def current_attempt() -> HttpAttempt:
    """The flight of this thread."""
    if _current.flight is None:
        raise RuntimeError("a connection was used outside Client.send")
    return _current.flight


@contextmanager
def bound_to_thread(flight: HttpAttempt) -> Iterator[None]:
    """Make it this thread's flight; landed at the end, come what may."""
    _current.flight = flight
    try:
        yield
    finally:
        _current.flight = None
        flight.end()

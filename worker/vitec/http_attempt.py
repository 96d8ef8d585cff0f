"""One try at one request: its permit, the marks of how far it got, and the watchdog that ends it at its deadline."""

import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from math import inf


def _always() -> bool:
    return True


@dataclass(slots=True, eq=False)
class Permit:
    """The right to send one request once, until `deadline` (a reading of `time.monotonic`).

    The first byte and the withdrawal are decided under one lock. Either the first byte comes first (`written` is true,
    and whatever happens next the effect is unknown), or the withdrawal does (`revoked` is true: nothing has been
    written, and nothing will be). There is no third way, however long the sending thread sits in name look-up or TLS.
    Just before the first byte `may_write` is asked, under the same lock; it must not block.
    """

    deadline: float
    may_write: Callable[[], bool] = _always
    written: bool = field(default=False, init=False)
    """Whether the first byte has been, or is this moment being, handed to the operating system."""
    revoked: bool = field(default=False, init=False)
    """Whether it was withdrawn in time."""
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False, repr=False)

    def revoke(self) -> bool:
        """Withdraw it. True: in time, nothing has been written and nothing will be. False: too late."""
        with self._lock:
            if self.written:
                return False
            self.revoked = True
            return True

    def use(self) -> bool:
        """Take the right, for the connection that is about to write its first byte. False: it must not."""
        with self._lock:
            if self.written:
                return False
            if self.revoked or time.monotonic() >= self.deadline or not self.may_write():
                self.revoked = True
                return False
            self.written = True
            return True


class WithdrawnError(Exception):
    """The permit was gone before the first byte."""


@dataclass(slots=True, eq=False)
class HttpAttempt:
    """The marks that a connection leaves while it carries one request, and the handle by which the watchdog cuts it.

    An exception's class cannot tell whether bytes were written, nor a returned answer whether it was cut off (a
    `shutdown` once made a clean-looking 201). So the outcome is formed from these marks, and from nothing else.
    """

    permit: Permit
    deadline: float
    """A reading of `time.monotonic`: the permit's deadline, or an earlier one."""
    method: str
    request_id: str = ""
    surplus: bool = field(default=False, init=False)
    """Whether more came behind the answer."""
    uses: int = field(default=0, init=False)
    """How many requests its connection has carried, this one included."""
    connect_error: str = field(default="no connection could be made in time", init=False)
    """A sentence for people, kept up to date by the connection for as long as nothing has been written."""
    status: int | None = field(default=None, init=False)
    """The status of a final answer, once its status line has come whole."""
    head_complete: bool = field(default=False, init=False)
    """Whether the head of that answer came whole, to its blank line."""
    framed: bool = field(default=False, init=False)
    """Whether that head, being complete, says where the body ends, so that a truncated body shows."""
    cut: bool = field(default=False, init=False)
    """Whether the watchdog has cut it."""
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False, repr=False)
    _fd: int | None = field(default=None, init=False)
    _ended: bool = field(default=False, init=False)

    def remaining(self) -> float:
        """Give the seconds until this try must be over; negative after that."""
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
        """Take the socket away from the watchdog: it is no longer ours to cut. Twice is harmless."""
        with self._lock:
            self._ended = True
            if self._fd is not None:
                os.close(self._fd)
                self._fd = None

    def expire(self) -> None:
        """Withdraw the request if nothing of it has been written, cut it if something has. Called by the watchdog."""
        if self.permit.revoke():
            return
        with self._lock:
            if self._ended:
                return
            self.cut = True
            if self._fd is not None:
                _shut_down(self._fd)


def _shut_down(fd: int) -> None:
    """Wake the thread that reads or writes there; it then closes, and the linger of 0 throws unsent bytes away.

    Never `SSLSocket.shutdown`: it takes the TLS layer off a socket that another thread is writing to, which would then
    go on in plain text.
    """
    handle = socket.socket(fileno=fd)
    with suppress(OSError):
        handle.shutdown(socket.SHUT_RDWR)
    handle.detach()


class _Current(threading.local):
    attempt: HttpAttempt | None = None


# How an attempt reaches its connection: a request is composed, connected, written and read by one and the same thread,
# and requests has no argument that would go down to the connection; so the thread carries it.
_current = _Current()


def current_attempt() -> HttpAttempt:
    """Give the attempt of this thread."""
    if _current.attempt is None:
        raise RuntimeError("a connection was used outside Client.send")
    return _current.attempt


class Watchdog:
    """One thread that ends each attempt at its total deadline. `requests` has no such thing: its timeout is per read.

    There are never more attempts than threads that send, so a set and the earliest deadline do; the thread wakes only
    when that comes, not per request.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition(threading.Lock())
        self._attempts: set[HttpAttempt] = set()
        self._wakes_at = inf
        self._thread: threading.Thread | None = None
        self._closed = False

    @contextmanager
    def watch(self, attempt: HttpAttempt) -> Iterator[None]:
        """Make it this thread's attempt, which expires at its deadline, and is ended afterwards, come what may."""
        with self._changed:
            if self._thread is None:
                thread = threading.Thread(target=self._run, name="vitec-watchdog", daemon=True)
                # Kept only once it runs: where the system has no thread to give, the next attempt tries again.
                thread.start()
                self._thread = thread
            self._attempts.add(attempt)
            if attempt.deadline < self._wakes_at:
                self._wakes_at = attempt.deadline
                self._changed.notify()
        _current.attempt = attempt
        try:
            yield
        finally:
            _current.attempt = None
            attempt.end()
            with self._changed:
                self._attempts.discard(attempt)

    def close(self) -> None:
        """End the thread once no attempt is under way any more."""
        with self._changed:
            self._closed = True
            self._changed.notify()
            thread = self._thread
        if thread is not None:
            thread.join()

    def _run(self) -> None:
        while True:
            with self._changed:
                if self._closed and not self._attempts:
                    return
                moment = time.monotonic()
                expired = [attempt for attempt in self._attempts if attempt.deadline <= moment]
                self._attempts.difference_update(expired)
                self._wakes_at = min((attempt.deadline for attempt in self._attempts), default=inf)
                if not expired:
                    patience = min(self._wakes_at - moment, threading.TIMEOUT_MAX)
                    self._changed.wait(None if self._wakes_at == inf else patience)
            for attempt in expired:
                attempt.expire()

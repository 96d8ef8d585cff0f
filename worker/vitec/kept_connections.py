"""Connections that are kept for another request: the one that has been idle longest first, and only if it is silent.

An answer that nothing asked for (a surplus) may come behind another. If a request is already on its way then, it takes the
surplus for its own answer, and its own becomes the next one's, until one of them shows while none is due. So all answers
of a connection are then in question, and for a while each connection is used once only, after it has been listened to for
longer: then its first answer is the request's own.
"""

import select
import socket
import ssl
import threading
import time
from collections import deque
from collections.abc import Iterable
from typing import Protocol

import structlog

log = structlog.get_logger(__name__)

REST = 0.002
"""Seconds for which a connection must have been idle: a surplus comes soon, and another connection is there or is made."""

ENOUGH = 16
"""Idle connections from which on none is made because the others have not rested."""

IDLE_LIMIT = 2.0
"""Seconds after which a connection is not used again: Vitec may be closing it this moment. So long it is watched, too."""

USES = 200
"""Requests that one connection carries: no more answers than that can be in question at once."""

SHORTEST_SILENCE, SILENCE_AFTER_SURPLUS, LONGEST_SILENCE = 0.001, 0.02, 0.05
"""Seconds for which a new connection is listened to, at least as long as connecting took: a greeting has come by then."""

SINGLE_USE = 600.0
"""Seconds for which each connection is used once only after a surplus."""

AT_END = 0.25
"""Seconds for which what may yet come is waited for at the end of a turn, after a surplus."""


class Kept(Protocol):
    """A connection, as it is kept."""

    sock: object
    carried: list[str]
    """The ids of the requests that it has carried, in their order."""
    last_used: float
    is_hasty: bool
    """It was listened to for a moment only before its first request, so that its first answer may be a greeting."""

    def fileno(self) -> int:
        """Give the number of its socket."""
        ...

    def listen(self) -> bytes | None:
        """Give bytes that came unasked; none at all: it was closed. None: it is silent."""
        ...

    def close(self) -> None:
        """Close it."""
        ...


class KeptConnections:
    """The idle connections to one origin, those that are watched, and the requests with answers that are in question."""

    def __init__(self, at_most: int) -> None:
        self._at_most, self._rest_needed = at_most, REST
        self._idle: deque[Kept] = deque()
        self._watched: deque[Kept] = deque()
        """Not used again; anything that comes there now shows that answers were others'."""
        self._in_question: list[str] = []
        self._single_until = 0.0
        self._lock = threading.RLock()

    def silence_needed(self, connecting: float, *, is_look_up: bool) -> tuple[float, bool]:
        """Give the seconds for which a new connection is to be listened to, and whether its first answer is not proven by it."""
        is_hasty = time.monotonic() >= self._single_until and not is_look_up
        shortest = SHORTEST_SILENCE if is_hasty else SILENCE_AFTER_SURPLUS
        return min(max(shortest, connecting), LONGEST_SILENCE), is_hasty

    def take(self) -> Kept | None:
        """Take the connection that has been idle longest, if long enough. None: a new one is to be made."""
        current_time = time.monotonic()
        with self._lock:
            while self._idle and current_time - self._idle[0].last_used > IDLE_LIMIT:
                self._set_aside(self._idle.popleft())
            is_usable = self._idle and (
                len(self._idle) >= ENOUGH or current_time - self._idle[0].last_used >= self._rest_needed
            )
            return self._idle.popleft() if is_usable else None

    def give(self, connection: Kept) -> None:
        """Keep a connection of which the answer has been read to its end."""
        with self._lock:
            used_up = len(connection.carried) >= USES or len(self._idle) >= self._at_most
            if used_up or time.monotonic() < self._single_until:
                self._set_aside(connection)
            else:
                self._idle.append(connection)

    def note_surplus(self, connection: Kept) -> None:
        """Something came on this connection that nothing had asked for. Close it."""
        with self._lock:
            self._in_question += _unproven(connection)
            current_time = time.monotonic()
            is_news = current_time >= self._single_until
            self._single_until = current_time + SINGLE_USE
            while self._idle:
                self._set_aside(self._idle.popleft())
        connection.close()
        if is_news:
            log.warning("surplus_answer", single_use_for=SINGLE_USE, uses=len(connection.carried))

    def look_again(self, patience: float = 0.0) -> list[str]:
        """Listen to all connections. Returns the requests, not named before, with answers that are in question.

        After a surplus it waits up to `patience` seconds for what may still come.
        """
        end = time.monotonic() + patience
        while True:
            with self._lock:
                self._listen_to_all()
                waits = any(time.monotonic() - kept.last_used < patience for kept in self._watched)
                if not waits or time.monotonic() >= end:
                    in_question, self._in_question = self._in_question, []
                    return in_question
                poller = _poller_of(self._watched)
            poller.poll(max(1.0, min(20.0, (end - time.monotonic()) * 1000)))

    def close(self) -> None:
        """Close all of them."""
        with self._lock:
            for connection in (*self._idle, *self._watched):
                connection.close()
            self._idle.clear()
            self._watched.clear()

    def _set_aside(self, connection: Kept) -> None:
        """Use it no more. If one of its answers may be another's, it stays open, so that this shows."""
        if _unproven(connection):
            self._watched.append(connection)
        else:
            connection.close()

    def _listen_to_all(self) -> None:
        doubtful = [kept for kept in (*self._idle, *self._watched) if _unproven(kept)]
        if not doubtful:
            return
        spoke = {number for number, _ in _poller_of(doubtful).poll(0)}
        for connection in [kept for kept in doubtful if kept.fileno() in spoke]:
            heard = connection.listen()
            if heard is not None:
                for connections in (self._idle, self._watched):
                    if connection in connections:
                        connections.remove(connection)
                if heard:
                    self.note_surplus(connection)
                connection.close()
        while self._watched and time.monotonic() - self._watched[0].last_used > IDLE_LIMIT:
            self._watched.popleft().close()


def _unproven(connection: Kept) -> list[str]:
    """Name the requests with answers that may be others', should anything come unasked."""
    return connection.carried if connection.is_hasty else connection.carried[1:]


def _poller_of(connections: Iterable[Kept]) -> "select.poll":
    poller = select.poll()
    for connection in connections:
        poller.register(connection.fileno(), select.POLLIN)
    return poller


def listen(sock: socket.socket, seconds: float = 0.0) -> bytes | None:
    """Give bytes that come on the socket within so many seconds; none at all: it was closed. None: it is silent.

    Below TLS more may come than its content, such as a ticket for a later session: that is no sound.
    """
    end = time.monotonic() + seconds
    poller = select.poll()
    poller.register(sock.fileno(), select.POLLIN)
    timeout = sock.gettimeout()
    while True:
        if not (isinstance(sock, ssl.SSLSocket) and sock.pending()) and not poller.poll(
            max(0.0, end - time.monotonic()) * 1000
        ):
            return None
        try:
            sock.settimeout(0)
            return sock.recv(64)
        except (ssl.SSLWantReadError, BlockingIOError):
            if time.monotonic() >= end:
                return None
        except OSError:
            return b""
        finally:
            sock.settimeout(timeout)

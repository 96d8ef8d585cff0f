"""The listening socket: open, shut, blocked, or with a spoiled greeting for whoever comes in."""

import asyncio
import contextlib
import socket
from collections.abc import Callable, Coroutine
from typing import Any, Final

from tornado.iostream import IOStream, StreamClosedError
from tornado.netutil import add_accept_handler

from worker.sandbox.faults import Fault
from worker.sandbox.wire import hang, reset

LOOPBACK: Final = "127.0.0.1"
_BACKLOG: Final = 1024
_FILLERS: Final = 4
_LONGEST_HANG: Final = 3600.0
#: TLS's own word for "no common ground": alert, fatal, handshake failure.
_HANDSHAKE_FAILURE: Final = b"\x15\x03\x01\x00\x02\x02\x28"

Spawn = Callable[[Coroutine[Any, Any, None]], None]


def bind(port: int, host: str = LOOPBACK) -> socket.socket:
    """A socket bound to the port (0: a free one) of the loopback address; any other address is refused."""
    if host != LOOPBACK:
        raise ValueError(f"the sandbox listens on {LOOPBACK} only, not on {host}")
    if port:
        # Sharing the port is for our own placeholder; somebody who is there already must be met with an error.
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, port))
    return _bound(port)


def _bound(port: int) -> socket.socket:
    bound = socket.socket()
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        bound.setblocking(False)
        bound.bind((LOOPBACK, port))
    except OSError:
        bound.close()
        raise
    return bound


class Door:
    """Lets connections in, unless a fault is on. Everything here happens on the event loop.

    While it is shut or blocked the port stays ours, so that nobody else can take it before it is opened again.
    """

    def __init__(
        self,
        bound: socket.socket,
        enter: Callable[[socket.socket, Any], None],
        struck: Callable[[Fault], None],
        spawn: Spawn,
    ) -> None:
        self.port: int = bound.getsockname()[1]
        self._socket = bound
        self._enter = enter
        self._struck = struck
        self._spawn = spawn
        self._stop_accepting: Callable[[], None] | None = None
        self._fillers: list[socket.socket] = []
        self._own: set[Any] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._greeting: Fault | None = None

    @property
    def is_open(self) -> bool:
        return self._stop_accepting is not None and self._greeting is None

    def open(self) -> None:
        """Let everybody in again, whatever was on."""
        self._cancel_timer()
        self._drop_fillers()
        self._greeting = None
        self._socket.listen(_BACKLOG)
        if self._stop_accepting is None:
            self._stop_accepting = add_accept_handler(self._socket, self._arrived)

    def close(self) -> None:
        self._cancel_timer()
        self._ignore_arrivals()
        self._drop_fillers()
        self._socket.close()

    def fail(self, fault: Fault, seconds: float) -> None:
        """Put a fault of the door on for a while; it opens again by itself."""
        self.open()
        match fault:
            case Fault.REFUSE_CONNECTIONS:
                self._shut()
            case Fault.CONNECT_HANG:
                self._block()
            case Fault.RESET_ON_ACCEPT | Fault.TLS_FAILURE | Fault.TLS_HANG:
                self._greeting = fault
            case _:
                raise ValueError(f"{fault} is no fault of the door")
        self._timer = asyncio.get_running_loop().call_later(seconds, self.open)

    def greet(self, connection: socket.socket, fault: Fault) -> None:
        """Spoil one connection that has just come in, and say so beforehand."""
        self._struck(fault)
        stream = IOStream(connection)
        match fault:
            case Fault.RESET_ON_ACCEPT:
                reset(stream)
            case Fault.TLS_FAILURE:
                self._spawn(_fail_the_handshake(stream))
            case _:
                self._spawn(hang(stream, _LONGEST_HANG))

    def _arrived(self, connection: socket.socket, address: Any) -> None:
        if address in self._own:
            self._own.discard(address)
            connection.close()
        elif self._greeting is not None:
            self.greet(connection, self._greeting)
        else:
            self._enter(connection, address)

    def _shut(self) -> None:
        """Refuse: a bound socket that does not listen takes the place of the one that did."""
        placeholder = _bound(self.port)
        self._ignore_arrivals()
        self._socket.close()
        self._socket = placeholder

    def _block(self) -> None:
        """Fill the queue of the listening socket, so that the kernel drops whoever knocks next."""
        self._ignore_arrivals()
        self._socket.listen(0)
        for _ in range(_FILLERS):
            filler = socket.socket()
            filler.setblocking(False)
            filler.connect_ex((LOOPBACK, self.port))
            self._own.add(filler.getsockname())
            self._fillers.append(filler)

    def _drop_fillers(self) -> None:
        for filler in self._fillers:
            filler.close()
        self._fillers.clear()

    def _ignore_arrivals(self) -> None:
        if self._stop_accepting is not None:
            self._stop_accepting()
            self._stop_accepting = None

    def _cancel_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


async def _fail_the_handshake(stream: IOStream) -> None:
    with contextlib.suppress(StreamClosedError):
        await stream.read_bytes(65536, partial=True)
        await stream.write(_HANDSHAKE_FAILURE)
    stream.close()

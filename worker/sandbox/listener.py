"""The listening socket: it accepts connections, refuses them, lets them hang, or spoils each as it arrives."""

import asyncio
import contextlib
import socket
from collections.abc import Callable, Coroutine
from typing import Any, Final

from tornado.iostream import IOStream, StreamClosedError
from tornado.netutil import add_accept_handler

from worker.sandbox.faults.fault import Fault
from worker.sandbox.faults.wire import hang, reset

LOOPBACK: Final = "127.0.0.1"
_BACKLOG: Final = 1024
_FILLERS: Final = 4
_LONGEST_HANG: Final = 3600.0
#: TLS's own word for "no common ground": alert, fatal, handshake failure.
_HANDSHAKE_FAILURE: Final = b"\x15\x03\x01\x00\x02\x02\x28"

Spawn = Callable[[Coroutine[Any, Any, None]], None]


def bind_loopback(port: int, host: str = LOOPBACK) -> socket.socket:
    """Bind a socket to the port (0: a free one) of the loopback address; any other address is refused."""
    if host != LOOPBACK:
        raise ValueError(f"the sandbox listens on {LOOPBACK} only, not on {host}")
    if port:
        # Only our own placeholder may share the port; if another process listens there already, this must fail.
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, port))
    return _bound_socket(port)


def _bound_socket(port: int) -> socket.socket:
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


class Listener:
    """Accepts connections, unless a fault is on. Everything here happens on the event loop.

    The port stays bound while a fault is on, so that no other process can take it meanwhile.
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
        self._filler_addresses: set[Any] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._spoiling: Fault | None = None

    @property
    def is_open(self) -> bool:
        return self._stop_accepting is not None and self._spoiling is None

    def open(self) -> None:
        """Accept connections again, and end the fault that was on."""
        self._cancel_timer()
        self._drop_fillers()
        self._spoiling = None
        self._socket.listen(_BACKLOG)
        if self._stop_accepting is None:
            self._stop_accepting = add_accept_handler(self._socket, self._accept)

    def close(self) -> None:
        self._cancel_timer()
        self._ignore_arrivals()
        self._drop_fillers()
        self._socket.close()

    def fail(self, fault: Fault, seconds: float) -> None:
        """Put a connection fault on for so many seconds, after which connections are accepted again."""
        self.open()
        match fault:
            case Fault.REFUSE_CONNECTIONS:
                self._refuse_connections()
            case Fault.CONNECT_HANG:
                self._fill_backlog()
            case Fault.RESET_ON_ACCEPT | Fault.TLS_FAILURE | Fault.TLS_HANG:
                self._spoiling = fault
            case _:
                raise ValueError(f"{fault} is no connection fault")
        self._timer = asyncio.get_running_loop().call_later(seconds, self.open)

    def spoil(self, connection: socket.socket, fault: Fault) -> None:
        """Spoil one connection that has just come in; the fault is recorded before it strikes."""
        self._struck(fault)
        stream = IOStream(connection)
        match fault:
            case Fault.RESET_ON_ACCEPT:
                reset(stream)
            case Fault.TLS_FAILURE:
                self._spawn(_fail_the_handshake(stream))
            case _:
                self._spawn(hang(stream, _LONGEST_HANG))

    def _accept(self, connection: socket.socket, address: Any) -> None:
        if address in self._filler_addresses:
            self._filler_addresses.discard(address)
            connection.close()
        elif self._spoiling is not None:
            self.spoil(connection, self._spoiling)
        else:
            self._enter(connection, address)

    def _refuse_connections(self) -> None:
        """Replace the listening socket with one that is bound and does not listen, so that connections are refused."""
        placeholder = _bound_socket(self.port)
        self._ignore_arrivals()
        self._socket.close()
        self._socket = placeholder

    def _fill_backlog(self) -> None:
        """Fill the backlog of the listening socket, so that the kernel drops the next connections."""
        self._ignore_arrivals()
        self._socket.listen(0)
        for _ in range(_FILLERS):
            filler = socket.socket()
            filler.setblocking(False)
            filler.connect_ex((LOOPBACK, self.port))
            self._filler_addresses.add(filler.getsockname())
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

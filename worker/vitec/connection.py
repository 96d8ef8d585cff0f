"""The connection that knows whether a first byte was written and whether an answer came whole."""

import re
import socket
import ssl
import struct
import time
from collections.abc import Mapping
from http.client import HTTPResponse
from typing import Any, BinaryIO

from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import NewConnectionError

from worker.failpoints import is_armed, reach
from worker.vitec.flight import current

IDLE_AT_MOST = 2.0
"""Seconds after which a connection is not used again for a POST: Vitec may be closing it this moment."""

# On close, or when the process is killed, unsent bytes are thrown away and the other side is told so. Without this the
# kernel goes on delivering a request whose sender died long ago.
_LINGER = struct.pack("ii", 1, 0)
_TCP_USER_TIMEOUT: int | None = getattr(socket, "TCP_USER_TIMEOUT", None)
_BLANK = (b"\r\n", b"\n")
_STATUS_LINE = re.compile(rb"HTTP/1\.[0-9] [1-9][0-9]{2}(?: [^\r\n]*)?\r?\n")


class _Lines:
    """A file that remembers the last line read from it, and the last status line."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.last = b""
        self.status = b""

    def readline(self, limit: int = -1) -> bytes:
        line = self._file.readline(limit)
        if self.last in {b"", *_BLANK}:
            self.status = line
        self.last = line
        return line

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)


class _Reading(HTTPResponse):
    """An answer that marks on its flight how much of it has really come.

    `http.client` takes the end of the connection for the end of the head, so that a head cut off in mid-line looks like
    a clean answer with an empty body.
    """

    def begin(self, *args: Any, **options: Any) -> None:
        self._flight = current()
        self._lines = _Lines(self.fp)
        self.fp = self._lines  # type: ignore[assignment]
        try:
            super().begin(*args, **options)
            while self._is_interim():
                # 102 and 103 come before the answer, as 100 does, which is all that `http.client` knows of.
                self.headers = self.msg = None  # type: ignore[assignment]
                super().begin(*args, **options)
        finally:
            self._mark()
        self._flight.head = self._lines.last in _BLANK
        lengths = set(self.headers.get_all("Content-Length", ()))
        self._flight.framed = bool(self.chunked) or (self.length is not None and len(lengths) <= 1)
        if self.status == 101:
            # Whatever is spoken on that connection from now on, it is not HTTP.
            self.will_close = True
        if not self.chunked:
            self.fp = self._lines._file  # type: ignore[assignment] # noqa: SLF001 (it is ours; reads the body without the detour)

    def isclosed(self) -> bool:
        """Whether all was read. Asked by urllib3 just before the connection goes back into the pool.

        So this is the last moment at which the watchdog may cut; a moment later it would cut somebody else's request.
        """
        closed = super().isclosed()
        if closed:
            # `http.client` lets a body that ends too early pass, and urllib3 does so if it reads the length otherwise.
            # Neither minds a last chunk that is cut off.
            if (self._lines.last not in _BLANK) if self.chunked else (self.length != 0):
                self._flight.framed = False
            self._flight.land()
        return closed

    def _is_interim(self) -> bool:
        return self._lines.last in _BLANK and 101 < self.status < 200

    def _mark(self) -> None:
        if _STATUS_LINE.fullmatch(self._lines.status):
            status = int(self._lines.status[9:12])
            if status == 101 or status >= 200:
                self._flight.status = status


class PlainConnection(HTTPConnection):
    """Connects, then asks for the right to write, then writes head and body at once."""

    response_class = _Reading
    _pieces: list[bytes] | None = None
    _last_used = 0.0

    def connect(self) -> None:
        """Connect (with TLS: including the handshake), leaving the reason on the flight if it fails."""
        flight = current()
        try:
            super().connect()
        except ssl.SSLCertVerificationError as error:
            flight.trouble = f"Vitec's certificate is not accepted: {error.verify_message}"
            raise
        except (ssl.SSLError, ConnectionError):
            flight.trouble = "the TLS handshake failed"
            raise
        except TimeoutError:
            flight.trouble = "the TLS handshake took too long"
            raise

    def _new_conn(self) -> socket.socket:
        flight = current()
        try:
            found = socket.getaddrinfo(self._dns_host, self.port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError):
            flight.trouble = "the name of the host cannot be resolved"
            raise NewConnectionError(self, flight.trouble) from None
        for left, (family, kind, protocol, _, address) in zip(range(len(found), 0, -1), found, strict=True):
            sock = socket.socket(family, kind, protocol)
            try:
                # Each address gets its share, so that a dead one does not use up the time of the next.
                sock.settimeout(max(0.001, flight.remaining() / left))
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER)
                sock.connect(address)
                sock.settimeout(max(0.001, flight.remaining()))
            except OSError as error:
                sock.close()
                flight.trouble = _why(error)
            else:
                return sock
        raise NewConnectionError(self, flight.trouble)

    @property
    def is_connected(self) -> bool:
        """Whether the connection may carry this request; the pool closes and reopens it otherwise."""
        idle = time.monotonic() - self._last_used
        return super().is_connected and (idle <= IDLE_AT_MOST or current().method == "GET")

    def request(  # type: ignore[override]
        self, method: str, url: str, body: bytes | None = None, headers: Mapping[str, str] | None = None, **options: Any
    ) -> None:
        """Write the request. The one place where bytes of it are handed to the operating system."""
        flight = current()
        if self.sock is None:
            self.connect()
        # Head and body are composed first, so that nothing that is wrong with them is found out half way, and leave in
        # one write, which also saves a packet.
        pieces = self._pieces = []
        try:
            super().request(method, url, body, headers, **options)
        finally:
            self._pieces = None
        data = b"".join(pieces)
        if _TCP_USER_TIMEOUT is not None:
            self.sock.setsockopt(socket.IPPROTO_TCP, _TCP_USER_TIMEOUT, max(1, int(flight.remaining() * 1000)))
        flight.take_off(self.sock)
        reach("before_first_byte")
        if is_armed("after_first_byte"):
            self.sock.sendall(data[:1])
            reach("after_first_byte")
            data = data[1:]
        self.sock.sendall(data)
        reach("after_last_byte")

    def send(self, data: Any) -> None:
        """Collect a piece of the request; `request` writes them."""
        if self._pieces is None:
            raise RuntimeError("bytes were sent outside a request")
        self._pieces.append(bytes(data))

    def getresponse(self) -> Any:
        """The answer, once its head has come."""
        try:
            answer = super().getresponse()
            reach("after_status")
            return answer
        finally:
            self._last_used = time.monotonic()


class TlsConnection(PlainConnection, HTTPSConnection):
    """The same over TLS."""


class PlainPool(HTTPConnectionPool):
    """Plain connections, for loopback."""

    ConnectionCls = PlainConnection  # type: ignore[assignment]


class TlsPool(HTTPSConnectionPool):
    """TLS connections."""

    ConnectionCls = TlsConnection  # type: ignore[assignment]


def _why(error: OSError) -> str:
    match error:
        case TimeoutError():
            return "connecting took too long"
        case ConnectionRefusedError():
            return "the connection was refused"
        case _:
            return f"no connection could be made ({type(error).__name__})"

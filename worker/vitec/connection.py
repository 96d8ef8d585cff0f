"""The connection that knows whether a first byte was written."""

import re
import socket
import ssl
import struct
import time
from collections.abc import Mapping
from typing import Any

from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import NewConnectionError

from worker import failpoints
from worker.vitec.http_attempt import current_attempt
from worker.vitec.response import MarkedResponse

IDLE_AT_MOST = 2.0
"""Seconds after which a connection is not used again for a POST: Vitec may be closing it this moment."""

# On close, or when the process is killed, unsent bytes are thrown away and the other side is told so. Without this the
# kernel goes on delivering a request whose sender died long ago.
_LINGER = struct.pack("ii", 1, 0)
_TCP_USER_TIMEOUT: int | None = getattr(socket, "TCP_USER_TIMEOUT", None)
_FIELDS = re.compile(r"(?:[!-9;-~]+: [ -~]*\r\n)+")


class PlainConnection(HTTPConnection):
    """Connects, then asks for the right to write, then writes head and body at once."""

    response_class = MarkedResponse
    _pieces: list[bytes] | None = None
    _fields: list[str]
    _last_used = 0.0

    def connect(self) -> None:
        """Connect (with TLS: including the handshake), leaving the reason on the flight if it fails."""
        flight = current_attempt()
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
        flight = current_attempt()
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
        return super().is_connected and (idle <= IDLE_AT_MOST or current_attempt().method == "GET")

    def request(  # type: ignore[override]
        self, method: str, url: str, body: bytes | None = None, headers: Mapping[str, str] | None = None, **options: Any
    ) -> None:
        """Write the request. The one place where bytes of it are handed to the operating system."""
        flight = current_attempt()
        if self.sock is None:
            self.connect()
        # Head and body are composed first, so that nothing that is wrong with them is found out half way, and leave in
        # one write, which also saves a packet.
        pieces: list[bytes] = []
        fields: list[str] = []
        self._pieces, self._fields = pieces, fields
        try:
            super().request(method, url, body, headers, **options)
        finally:
            self._pieces = None
        data = _composed(pieces, fields)
        if _TCP_USER_TIMEOUT is not None:
            self.sock.setsockopt(socket.IPPROTO_TCP, _TCP_USER_TIMEOUT, max(1, int(flight.remaining() * 1000)))
        flight.begin_write(self.sock)
        if failpoints.hook:
            failpoints.hook("before_first_byte")
            self.sock.sendall(data[:1])
            failpoints.hook("after_first_byte")
            data = data[1:]
        self.sock.sendall(data)
        if failpoints.hook:
            failpoints.hook("after_last_byte")

    def putheader(self, header: Any, *values: Any) -> None:
        """Collect a field; `request` looks at all of them at once. Singly they take 24 of 356 µs of a request's CPU."""
        (value,) = values
        self._fields.append(f"{header}: {value.decode('ascii') if isinstance(value, bytes) else value}\r\n")

    def send(self, data: Any) -> None:
        """Collect a piece of the request; `request` writes them."""
        if self._pieces is None:
            raise RuntimeError("bytes were sent outside a request")
        self._pieces.append(bytes(data))

    def getresponse(self) -> Any:
        """The answer, once its head has come."""
        try:
            answer = super().getresponse()
            if failpoints.hook:
                failpoints.hook("after_status")
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


def _composed(pieces: list[bytes], fields: list[str]) -> bytes:
    """The whole request: `http.client` has made the first line and a blank one, between which the fields belong."""
    first, *body = pieces
    told = "".join(fields)
    if not _FIELDS.fullmatch(told) or told.count("\n") != len(fields) or not first.endswith(b"\r\n\r\n"):
        raise ValueError("a field of the request has a character that must not be sent")
    return b"".join((first[:-2], told.encode("ascii"), b"\r\n", *body))


def _why(error: OSError) -> str:
    match error:
        case TimeoutError():
            return "connecting took too long"
        case ConnectionRefusedError():
            return "the connection was refused"
        case _:
            return f"no connection could be made ({type(error).__name__})"

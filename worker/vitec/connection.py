"""The way from a prepared request to the socket: requests and urllib3 without their detours, and the first byte marked."""

import logging
import re
import socket
import ssl
import struct
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from requests import PreparedRequest, Response
from requests.adapters import HTTPAdapter
from requests.utils import DEFAULT_CA_BUNDLE_PATH
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import NewConnectionError
from urllib3.util.retry import Retry

from worker import failpoints
from worker.kind.contract import LOOK_UP_METHOD
from worker.tls import Socket
from worker.vitec.http_attempt import HttpAttempt, current_attempt
from worker.vitec.kept_connections import KeptConnections, listen
from worker.vitec.response import MarkedResponse

# On close, or when the process is killed, unsent bytes are thrown away and the other side is told so. Without this the
# kernel goes on delivering a request after its sender has died.
_LINGER = struct.pack("ii", 1, 0)
_TCP_USER_TIMEOUT: int | None = getattr(socket, "TCP_USER_TIMEOUT", None)
_FIELDS = re.compile(r"(?:[!-9;-~]+: [ -~]*\r\n)+")

# urllib3 writes paths, and header lines that it cannot parse, to its log, some of it as warnings. Ids of contacts stand
# in the paths; so these loggers say nothing, whatever the logging configuration of the process.
for _name in ("connection", "connectionpool", "poolmanager", "response", "util.retry"):
    logging.getLogger(f"urllib3.{_name}").addFilter(lambda _: False)


class PlainConnection(HTTPConnection):
    """Connects, then asks for the right to write, then writes head and body at once."""

    response_class = MarkedResponse
    _pieces: list[bytes] | None = None
    _fields: list[str]
    kept = KeptConnections(1)
    carried: list[str]
    last_used = 0.0
    is_hasty = True
    _silence = 0.0

    def connect(self) -> None:
        """Connect (with TLS: including the handshake), leaving the reason on the attempt if it fails."""
        attempt = current_attempt()
        self.carried, began = [], time.monotonic()
        try:
            super().connect()
        except ssl.SSLCertVerificationError as error:
            attempt.connect_error = f"Vitec's certificate is not accepted: {error.verify_message}"
            raise
        except ssl.SSLError as error:
            reason = (error.reason or "no reason was given").replace("_", " ").lower()
            attempt.connect_error = f"the TLS handshake failed: {reason}"
            raise
        except ConnectionError:
            attempt.connect_error = "the TLS handshake failed: the connection was cut"
            raise
        except TimeoutError:
            attempt.connect_error = "the TLS handshake took too long"
            raise
        is_look_up = attempt.method == LOOK_UP_METHOD
        self._silence, self.is_hasty = self.kept.silence_needed(time.monotonic() - began, is_look_up=is_look_up)

    def _new_conn(self) -> socket.socket:
        attempt = current_attempt()
        try:
            addresses = socket.getaddrinfo(self._dns_host, self.port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is not a name"
            attempt.connect_error = f"the name of the host cannot be resolved: {reason or type(error).__name__}"
            raise NewConnectionError(self, attempt.connect_error) from None
        for number, (family, kind, protocol, _, address) in enumerate(addresses):
            sock = socket.socket(family, kind, protocol)
            try:
                # Each address gets its share, so that a dead one does not use up the time of the next.
                sock.settimeout(max(0.001, attempt.remaining() / (len(addresses) - number)))
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER)
                sock.connect(address)
                sock.settimeout(max(0.001, attempt.remaining()))
            except OSError as error:
                sock.close()
                attempt.connect_error = _reason_of(error)
            else:
                return sock
        raise NewConnectionError(self, attempt.connect_error)

    def fileno(self) -> int:
        """Give the number of its socket; -1: it has none any more."""
        return -1 if self.sock is None else self.sock.fileno()

    def listen(self) -> bytes | None:
        """Give bytes that came unasked; none at all: it was closed. None: it is silent."""
        return b"" if self.sock is None else listen(self.sock)

    def _find_silence(self, attempt: HttpAttempt) -> None:
        """Connect anew where the other side has spoken or gone; a greeting is no answer to this request."""
        if self.carried:
            heard = listen(self.sock)
            if heard is None:
                return
            if heard:
                self.kept.note_surplus(self)
            self.close()
            self.connect()
        heard = listen(self.sock, self._silence)
        if heard is not None:
            self.close()
            attempt.connect_error = "the other side spoke unasked" if heard else "the connection was closed at once"
            raise NewConnectionError(self, attempt.connect_error)

    def request(  # type: ignore[override]
        self, method: str, url: str, body: bytes | None = None, headers: Mapping[str, str] | None = None, **options: Any
    ) -> None:
        """Write the request. The one place where bytes of it are handed to the operating system."""
        attempt = current_attempt()
        if self.sock is None:
            self.connect()
        self._find_silence(attempt)
        # Head and body are composed first, so that nothing that is wrong with them is found out half way, and leave in
        # one write, which also saves a packet.
        pieces: list[bytes] = []
        fields: list[str] = []
        self._pieces, self._fields = pieces, fields
        try:
            super().request(method, url, body, headers, **options)
        finally:
            self._pieces = None
        data = _join_request(pieces, fields)
        if _TCP_USER_TIMEOUT is not None:
            self.sock.setsockopt(socket.IPPROTO_TCP, _TCP_USER_TIMEOUT, max(1, int(attempt.remaining() * 1000)))
        self.sock.settimeout(max(0.001, attempt.remaining()))
        attempt.begin_write(self.sock)
        self.carried.append(attempt.request_id)
        attempt.uses = len(self.carried)
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
        """Give the answer, once its head has come."""
        try:
            answer = super().getresponse()
            if failpoints.hook:
                failpoints.hook("after_status")
            return answer
        finally:
            self.last_used = time.monotonic()


class TlsConnection(PlainConnection, HTTPSConnection):
    """The same over TLS."""


class PlainPool(HTTPConnectionPool):
    """Plain connections, for loopback."""

    ConnectionCls = PlainConnection  # type: ignore[assignment]
    kept: KeptConnections

    def _get_conn(self, timeout: float | None = None) -> Any:
        """Give a connection that has been idle; a look-up, of which a wrong answer is not seen, gets a new one."""
        del timeout
        connection: Any = None if current_attempt().method == LOOK_UP_METHOD else self.kept.take()
        if connection is None:
            connection = self._new_conn()
            connection.kept = self.kept
            connection.carried = []
        return connection

    def _put_conn(self, conn: Any) -> None:
        """Keep the connection, or throw it away where more came behind the answer."""
        if conn is None:
            return
        conn.last_used = time.monotonic()
        if current_attempt().surplus:
            self.kept.note_surplus(conn)
        elif conn.sock is not None:
            self.kept.give(conn)


class TlsPool(PlainPool, HTTPSConnectionPool):
    """TLS connections."""

    ConnectionCls = TlsConnection  # type: ignore[assignment]


class Adapter(HTTPAdapter):
    """One pool for one origin, with TLS settings made once.

    The overridden methods are those that requests offers to subclasses. Left out is the work that it would do for each
    request and that is never needed here: choosing a proxy, reading a CA bundle, collecting cookies.
    """

    def __init__(self, base_url: str, *, pool_size: int, ca_bundle: Path | None) -> None:
        # False, not 0: urllib3 then never tries again by itself, and raises the error of the one try.
        super().__init__(pool_connections=1, pool_maxsize=pool_size, max_retries=Retry(total=False, redirect=False))
        parts = urlsplit(base_url)
        if parts.hostname is None:
            raise ValueError("the base URL names no host")
        self._origin = len(f"{parts.scheme}://{parts.netloc}")
        self._pool: PlainPool
        if parts.scheme == "https":
            context = _make_tls_context(ca_bundle)
            self._pool = TlsPool(parts.hostname, parts.port, maxsize=pool_size, ssl_context=context)
        elif parts.scheme == "http" and parts.hostname in {"127.0.0.1", "::1", "localhost"}:
            self._pool = PlainPool(parts.hostname, parts.port, maxsize=pool_size)
        else:
            raise ValueError("the base URL must be https (http is for loopback only)")
        self.kept = self._pool.kept = KeptConnections(pool_size)

    def get_connection_with_tls_context(self, *_: Any, **__: Any) -> HTTPConnectionPool:
        return self._pool

    def cert_verify(self, conn: Any, url: str, verify: Any, cert: Any) -> None:
        """Do nothing: the pool's TLS context verifies, always; `verify` cannot turn it off."""

    def request_url(self, request: PreparedRequest, *_: Any) -> str:
        return (request.url or "")[self._origin :]

    def build_response(self, _: PreparedRequest, resp: Any) -> Response:
        # Its constructor makes a jar for cookies, 17 of 356 µs of a request's CPU.
        response = Response.__new__(Response)
        response.status_code = resp.status
        response.raw = resp
        return response

    def close(self) -> None:
        self.kept.close()
        self._pool.close()
        super().close()


def _make_tls_context(ca_bundle: Path | None) -> ssl.SSLContext:
    """TLS 1.2 or newer, certificate and name verified, against the given bundle only or else the usual authorities."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.sslsocket_class = Socket
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_verify_locations(cafile=str(ca_bundle or DEFAULT_CA_BUNDLE_PATH))
    return context


def _join_request(pieces: list[bytes], fields: list[str]) -> bytes:
    """Give the whole request: `http.client` has made the first line and a blank one, between which the fields belong."""
    first, *body = pieces
    head = "".join(fields)
    if not _FIELDS.fullmatch(head) or head.count("\n") != len(fields) or not first.endswith(b"\r\n\r\n"):
        raise ValueError("a field of the request has a character that must not be sent")
    return b"".join((first[:-2], head.encode("ascii"), b"\r\n", *body))


def _reason_of(error: OSError) -> str:
    match error:
        case TimeoutError():
            return "connecting took too long"
        case ConnectionRefusedError():
            return "the connection was refused"
        case _:
            return f"no connection could be made: {error.strerror or type(error).__name__}"

"""The answer as it comes in, read so that how much of it has really come is known: its head by lines, its body whole."""

import re
import socket
import zlib
from contextlib import suppress
from dataclasses import dataclass
from http.client import HTTPException, HTTPMessage, HTTPResponse, UnknownProtocol
from typing import Any, BinaryIO, Protocol

from worker.vitec.http_attempt import current_attempt

BODY_LIMIT = 1 << 20
"""Bytes of a body that are read, and that it may have when decompressed."""

_BLANK = (b"\r\n", b"\n")
_STATUS_LINE = re.compile(rb"HTTP/1\.[0-9] [1-9][0-9]{2}(?: [^\r\n]*)?\r?\n")
_FIELD = re.compile(r"([!-9;-~]+):(.*)", re.DOTALL)
_LINE_LIMIT, _HEAD_LIMIT = 65_536, 100
"""Bytes of a line, and lines of a head; `http.client` takes no more either."""
WAIT_FOR_END = 0.1
"""Seconds for which the end of a connection is waited for that the other side will close."""
_OPEN_SINCE = 11
"""From HTTP/1.1 on a connection stays open unless the answer says otherwise."""


class HeadError(HTTPException):
    """A head that is larger than any."""


class BodyError(Exception):
    """A body that is cut off, too large, or not decodable. `begun`: as much of it as came, not decoded."""

    def __init__(self, why: str, begun: bytes = b"") -> None:
        super().__init__(why)
        self.begun = begun


@dataclass(slots=True, eq=False)
class _Lines:
    """A file that remembers the last line read from it, and the last status line."""

    file: BinaryIO
    last: bytes = b""
    status: bytes = b""

    def readline(self, limit: int = -1) -> bytes:
        line = self.file.readline(limit)
        if self.last in {b"", *_BLANK}:
            self.status = line
        self.last = line
        return line

    def __getattr__(self, name: str) -> Any:
        return getattr(self.file, name)


class MarkedResponse(HTTPResponse):
    """An answer that marks on its attempt how much of it has really come.

    `http.client` takes the end of the connection for the end of the head, so that a head cut off in mid-line looks like
    a clean answer with an empty body. It also hands every head to the email package, an eighth of the CPU time of a
    whole request (45 of 356 µs).
    """

    def __init__(self, sock: socket.socket, *arguments: Any, **options: Any) -> None:
        super().__init__(sock, *arguments, **options)
        self._sock = sock

    def _close_conn(self) -> None:
        """All has been read. More that stands behind it was not asked for: the buffer that holds it is dropped now.

        A connection that ends here could not be listened to later, so it is waited for its end, if an answer before may
        have been another's.
        """
        if not self.will_close or self._attempt.uses > 1:
            self._sock.settimeout(WAIT_FOR_END if self.will_close else 0)
            with suppress(OSError, ValueError):
                self._attempt.surplus = bool(self._lines.file.peek(1))  # type: ignore[attr-defined]
        super()._close_conn()  # type: ignore[misc]

    def begin(self) -> None:
        """Read the head, and those of the interim answers before it."""
        self._attempt = current_attempt()
        self._lines = _Lines(self.fp)
        self.fp = self._lines  # type: ignore[assignment]
        try:
            version, self.status, reason = self._read_status()  # type: ignore[attr-defined]
            fields = _read_fields(self._lines)
            # Not 101: whatever is spoken on that connection from now on, it is not HTTP.
            while 100 <= self.status < 200 and self.status != 101 and self._lines.last in _BLANK:
                version, self.status, reason = self._read_status()  # type: ignore[attr-defined]
                fields = _read_fields(self._lines)
        finally:
            line = self._lines.status
            if _STATUS_LINE.fullmatch(line) and ((status := int(line[9:12])) == 101 or status >= 200):
                self._attempt.status = status
        if not version.startswith("HTTP/1."):
            raise UnknownProtocol(version)
        self.version = 10 if version == "HTTP/1.0" else _OPEN_SINCE
        self.code, self.reason = self.status, reason.strip()
        self.headers = self.msg = fields
        self._set_framing()
        self._attempt.head_complete = self._lines.last in _BLANK
        lengths = set(fields.get_all("Content-Length", ()))
        has_length = self.length is not None and len(lengths) <= 1
        self._attempt.framed = self._attempt.head_complete and (bool(self.chunked) or has_length)
        if not self.chunked:
            # Reads the body without the detour.
            self.fp = self._lines.file  # type: ignore[assignment]

    def isclosed(self) -> bool:
        """Whether all was read. Asked by urllib3 just before the connection goes back into the pool.

        So this is the last moment at which the watchdog may cut; a moment later it would cut another request.
        """
        closed = super().isclosed()
        if closed:
            # `http.client` lets a body that ends too early pass, and urllib3 does so if it reads the length otherwise.
            # Neither minds a last chunk that is cut off.
            if (self._lines.last not in _BLANK) if self.chunked else (self.length != 0):
                self._attempt.framed = False
            self._attempt.end()
        return closed

    def _set_framing(self) -> None:
        """Set where the body ends, in the terms of `http.client`, which reads it: chunks, so many bytes, or the connection."""
        encoding = self.headers.get("Transfer-Encoding")
        self.chunked = encoding is not None and encoding.lower() == "chunked"
        self.chunk_left = None
        length = self.headers.get("Content-Length", "")
        self.length = int(length) if encoding is None and length.isascii() and length.isdigit() else None
        if self.status in {204, 304} or self.status < 200:
            self.length = 0
        options = self.headers.get("Connection", "").lower()
        stays = "close" not in options if self.version == _OPEN_SINCE else "keep-alive" in options
        self.will_close = not stays or self.status == 101 or not (self.chunked or self.length is not None)


def _read_fields(lines: _Lines) -> HTTPMessage:
    """Read the fields of a head, up to its blank line, to where it was cut off, or to a line that is no field.

    Anything may come after such a line, as it may for the email package.
    """
    texts: list[str] = []
    for count, line in enumerate(iter(lambda: lines.readline(_LINE_LIMIT + 1), b"")):
        if len(line) > _LINE_LIMIT or count > _HEAD_LIMIT:
            raise HeadError("the head of the answer is too large")
        if line in _BLANK:
            break
        text = line.decode("iso-8859-1")
        if text[0] in " \t" and texts:
            # One value over two lines, as it was once allowed.
            texts[-1] += text
        else:
            texts.append(text)
    message = HTTPMessage()
    for text in texts:
        field = _FIELD.fullmatch(text)
        if field is None:
            break
        message.set_raw(field[1], field[2].strip(" \t\r\n"))
    return message


class Stream(Protocol):
    """The part of urllib3's response by which a body is read."""

    @property
    def closed(self) -> bool: ...
    def read(self, amt: int, decode_content: bool) -> bytes: ...


def read_body(stream: Stream, encoding: str | None) -> bytes:
    """Read the whole body, decoded. Raise BodyError, at the latest when one byte more than BODY_LIMIT has come."""
    raw = bytearray()
    try:
        # A body that is shorter than its Content-Length is found out by the read after its last byte, not before.
        while not stream.closed and len(raw) <= BODY_LIMIT:
            piece = stream.read(BODY_LIMIT + 1 - len(raw), decode_content=False)
            if not piece:
                break
            raw += piece
    except Exception as error:  # noqa: BLE001 (whatever urllib3 makes of it, the body did not come to its end)
        raise BodyError(f"the answer's body was cut off ({type(error).__name__})", bytes(raw)) from None
    if len(raw) > BODY_LIMIT:
        raise BodyError("the answer's body is too large", bytes(raw))
    match (encoding or "identity").strip().lower():
        # `identity` is all that was asked for, but a proxy may compress all the same.
        case "identity" | "":
            return bytes(raw)
        case "gzip" | "x-gzip" | "deflate":
            return _inflate(raw)
        case _:
            raise BodyError("the answer's encoding is unknown")


def _inflate(raw: bytearray) -> bytes:
    inflater = zlib.decompressobj(wbits=zlib.MAX_WBITS | 32)
    try:
        data = inflater.decompress(raw, BODY_LIMIT + 1)
    except zlib.error:
        raise BodyError("the answer's body is badly compressed") from None
    if len(data) > BODY_LIMIT:
        raise BodyError("the answer's body is too large when decompressed")
    if not inflater.eof or inflater.unused_data:
        raise BodyError("the answer's compressed body does not end where it should")
    return data

"""A body of bounded size, whole or not at all."""

import zlib
from typing import Protocol

AT_MOST = 1 << 20
"""Bytes of an answer that are read, and that it may have when decompressed."""


class Stream(Protocol):
    """What is needed of urllib3's response."""

    @property
    def closed(self) -> bool: ...
    def read(self, amt: int, decode_content: bool) -> bytes: ...


class NotWholeError(Exception):
    """Cut off, too large, or not decodable. `begun` is what there is of it, not decoded."""

    def __init__(self, why: str, begun: bytes = b"") -> None:
        super().__init__(why)
        self.begun = begun


def read(stream: Stream, encoding: str | None) -> bytes:
    """The whole body, decoded. Raise NotWholeError, at the latest when one byte more than AT_MOST has come."""
    raw = bytearray()
    try:
        # A body that is shorter than its Content-Length is found out by the read after its last byte, not before.
        while not stream.closed and len(raw) <= AT_MOST:
            piece = stream.read(AT_MOST + 1 - len(raw), decode_content=False)
            if not piece:
                break
            raw += piece
    except Exception as error:  # noqa: BLE001 (whatever urllib3 makes of it, the body did not come to its end)
        raise NotWholeError(f"the answer's body was cut off ({type(error).__name__})", bytes(raw)) from None
    if len(raw) > AT_MOST:
        raise NotWholeError("the answer's body is too large", bytes(raw))
    return _decoded(bytes(raw), (encoding or "identity").strip().lower())


def _decoded(raw: bytes, encoding: str) -> bytes:
    # `identity` is all that was asked for, but a proxy may compress all the same.
    match encoding:
        case "identity" | "":
            return raw
        case "gzip" | "x-gzip" | "deflate":
            return _inflated(raw)
        case _:
            raise NotWholeError("the answer's encoding is unknown")


def _inflated(raw: bytes) -> bytes:
    inflater = zlib.decompressobj(wbits=zlib.MAX_WBITS | 32)
    try:
        data = inflater.decompress(raw, AT_MOST + 1)
    except zlib.error:
        raise NotWholeError("the answer's body is badly compressed") from None
    if len(data) > AT_MOST:
        raise NotWholeError("the answer's body is too large when decompressed")
    if not inflater.eof or inflater.unused_data:
        raise NotWholeError("the answer's compressed body does not end where it should")
    return data

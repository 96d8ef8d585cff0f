"""Faults on the wire: one connection's bytes are cut, withheld or dripped."""

import asyncio
import socket
import struct
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from dataclasses import replace
from typing import Final

from tornado.iostream import IOStream, StreamClosedError

from worker.sandbox.api.answers import JSON, HttpAnswer
from worker.sandbox.faults.fault import Fault
from worker.sandbox.faults.script import ActiveFault

Sleep = Callable[[float], Awaitable[None]]

WIRE_FAULTS: Final = frozenset(
    {
        Fault.RESET_BEFORE_READING,
        Fault.CLOSE_BEFORE_READING,
        Fault.RESET_BEFORE_PROCESSING,
        Fault.RESET_AFTER_PROCESSING,
        Fault.CLOSE_AFTER_PROCESSING,
        Fault.HANG_BEFORE_PROCESSING,
        Fault.HANG_AFTER_PROCESSING,
        Fault.SLOW_DRIP,
        Fault.CHUNKED_DRIP,
        Fault.TRUNCATED_HEADER,
        Fault.TRUNCATED_BODY,
    }
)
_LONGEST_HANG: Final = 3600.0
_DRIP: Final = 0.1
_NO_LINGER: Final = struct.pack("ii", 1, 0)


def reset(stream: IOStream) -> None:
    """Close with a reset (RST), even with bytes unread or unsent."""
    if not stream.closed():
        stream.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
        stream.close()


async def hang(stream: IOStream, seconds: float) -> None:
    """Send nothing until the client leaves or the time is up; then close."""
    try:
        async with asyncio.timeout(seconds):
            while True:
                await stream.read_bytes(65536, partial=True)
    except (StreamClosedError, TimeoutError):
        pass
    finally:
        stream.close()


async def send_unasked(
    stream: IOStream, active_fault: ActiveFault, answer: HttpAnswer, date: str, sleep: Sleep
) -> None:
    """Send one more answer behind the right one, at once or after the fault's delay. The connection stays open."""
    if active_fault.delay_ms:
        await sleep(active_fault.delay_ms / 1000)
    with suppress(StreamClosedError):  # The client may have left, or asked to close.
        await stream.write(answer.head(date) + answer.body)


async def act_out(stream: IOStream, active_fault: ActiveFault, answer: HttpAnswer, date: str, sleep: Sleep) -> None:
    """Act out a fault on a connection, as its name says, and then close the connection."""
    try:
        await _act_out(stream, active_fault, answer, date, sleep)
    except StreamClosedError:
        pass  # The client left first, as one with a deadline should.
    finally:
        stream.close()


async def _act_out(stream: IOStream, active_fault: ActiveFault, answer: HttpAnswer, date: str, sleep: Sleep) -> None:
    match active_fault.fault:
        case Fault.RESET_BEFORE_READING | Fault.RESET_BEFORE_PROCESSING | Fault.RESET_AFTER_PROCESSING:
            reset(stream)
        case Fault.HANG_BEFORE_PROCESSING | Fault.HANG_AFTER_PROCESSING:
            await hang(stream, active_fault.seconds or _LONGEST_HANG)
        case Fault.SLOW_DRIP:
            await _drip(stream, _single_bytes(answer.head(date) + answer.body), active_fault, sleep)
        case Fault.CHUNKED_DRIP:
            await _drip_chunks(stream, _with_a_body(answer), active_fault, date, sleep)
        case Fault.TRUNCATED_HEADER:
            head = answer.head(date)
            await stream.write(head[: head.index(b"\r\nDate: ") + 5])
        case Fault.TRUNCATED_BODY:
            whole = _with_a_body(answer)
            await stream.write(whole.head(date) + whole.body[: len(whole.body) // 2])
        case _:
            pass  # These only close, as `act_out` does after every fault.


async def _drip_chunks(
    stream: IOStream, answer: HttpAnswer, active_fault: ActiveFault, date: str, sleep: Sleep
) -> None:
    await stream.write(answer.head(date, chunked=True))
    await _drip(stream, (b"1\r\n" + byte + b"\r\n" for byte in _single_bytes(answer.body)), active_fault, sleep)
    await stream.write(b"0\r\n\r\n")


async def _drip(stream: IOStream, pieces: Iterable[bytes], active_fault: ActiveFault, sleep: Sleep) -> None:
    stream.set_nodelay(True)
    for piece in pieces:
        await stream.write(piece)
        await sleep(active_fault.seconds or _DRIP)


def _single_bytes(whole: bytes) -> Iterable[bytes]:
    return (whole[position : position + 1] for position in range(len(whole)))


def _with_a_body(answer: HttpAnswer) -> HttpAnswer:
    """Give the answer a body to cut if it has none: an empty 204 becomes a 200 of the same meaning."""
    if answer.body:
        return answer
    return replace(answer, status=200 if answer.status == 204 else answer.status, body=b"{}", content_type=JSON)

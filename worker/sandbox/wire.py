"""Faults acted out on one connection's bytes: cut, held, dripped."""

import asyncio
import socket
import struct
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import replace
from typing import Final

from tornado.iostream import IOStream, StreamClosedError

from worker.sandbox.answers import JSON, Answer
from worker.sandbox.faults import Fault
from worker.sandbox.script import Dealt

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
    """Close with a reset, whatever was written or read."""
    if not stream.closed():
        stream.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
        stream.close()


async def hang(stream: IOStream, seconds: float) -> None:
    """Say nothing until the other side has had enough, or the time is up; then close."""
    try:
        async with asyncio.timeout(seconds):
            while True:
                await stream.read_bytes(65536, partial=True)
    except (StreamClosedError, TimeoutError):
        pass
    finally:
        stream.close()


async def act_out(stream: IOStream, dealt: Dealt, answer: Answer, date: str, sleep: Sleep) -> None:
    """Do to the connection what the fault's name says. The connection is closed afterwards, always."""
    try:
        await _act_out(stream, dealt, answer, date, sleep)
    except StreamClosedError:
        pass  # The other side went first, as a client with a deadline should.
    finally:
        stream.close()


async def _act_out(stream: IOStream, dealt: Dealt, answer: Answer, date: str, sleep: Sleep) -> None:
    match dealt.fault:
        case Fault.RESET_BEFORE_READING | Fault.RESET_BEFORE_PROCESSING | Fault.RESET_AFTER_PROCESSING:
            reset(stream)
        case Fault.HANG_BEFORE_PROCESSING | Fault.HANG_AFTER_PROCESSING:
            await hang(stream, dealt.seconds or _LONGEST_HANG)
        case Fault.SLOW_DRIP:
            await _drip(stream, _single_bytes(answer.head(date) + answer.body), dealt, sleep)
        case Fault.CHUNKED_DRIP:
            await _drip_chunks(stream, _with_a_body(answer), dealt, date, sleep)
        case Fault.TRUNCATED_HEADER:
            head = answer.head(date)
            await stream.write(head[: head.index(b"\r\nDate: ") + 5])
        case Fault.TRUNCATED_BODY:
            whole = _with_a_body(answer)
            await stream.write(whole.head(date) + whole.body[: len(whole.body) // 2])
        case _:
            pass  # What is left is to close, and that is done for all of them.


async def _drip_chunks(stream: IOStream, answer: Answer, dealt: Dealt, date: str, sleep: Sleep) -> None:
    await stream.write(answer.head(date, chunked=True))
    await _drip(stream, (b"1\r\n" + byte + b"\r\n" for byte in _single_bytes(answer.body)), dealt, sleep)
    await stream.write(b"0\r\n\r\n")


async def _drip(stream: IOStream, pieces: Iterable[bytes], dealt: Dealt, sleep: Sleep) -> None:
    stream.set_nodelay(True)
    for piece in pieces:
        await stream.write(piece)
        await sleep(dealt.seconds or _DRIP)


def _single_bytes(whole: bytes) -> Iterable[bytes]:
    return (whole[position : position + 1] for position in range(len(whole)))


def _with_a_body(answer: Answer) -> Answer:
    """An answer that has a body to cut: where the honest one is empty, another of the same meaning."""
    if answer.body:
        return answer
    return replace(answer, status=200 if answer.status == 204 else answer.status, body=b"{}", content_type=JSON)

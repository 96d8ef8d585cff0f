"""A server that follows a script, a client for it, and one call to send."""

from __future__ import annotations

import threading
import time
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

from tests.vitec.wire import AUTHORITY, Line, Wire
from worker.kind import Call
from worker.vitec.client import Client
from worker.vitec.credentials import Credentials, Login
from worker.vitec.http_attempt import HttpAttempt, Permit, Watchdog

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

POST = Call("POST", "Appointment/M1/HAN1", b'{"subject": "canary-body"}', "M1", "CRM-Contact", "17.1")
GET = Call("GET", "ViewingParticipant/M1/ADR1/OBJ1", None, "M1", "Viewing", "17.2")
LOGIN = Login("partner", "canary-password")


def ended(client: Client, call: Call = POST, *, within: float = 10.0, permit: Permit | None = None) -> Any:
    """Send one call, and give its answer or its error."""
    return client.send(call, permit or Permit(time.monotonic() + within))


@contextmanager
def bound_to_thread(method: str = "POST", within: float = 60.0) -> Iterator[HttpAttempt]:
    """Make an attempt, and make it this thread's, as the client does for each try."""
    deadline = time.monotonic() + within
    attempt = HttpAttempt(Permit(deadline), deadline, method)
    with closing(Watchdog()) as watchdog, watchdog.watch(attempt):
        yield attempt


@dataclass(eq=False)
class House:
    """Starts servers and clients, and ends them with the test."""

    stack: ExitStack
    wires: list[Wire] = field(default_factory=list)

    def wire(self, script: Callable[[Line], object], certificate: str | None = None) -> Wire:
        """A server with that script."""
        wire = self.stack.enter_context(Wire(script, certificate))
        self.wires.append(wire)
        return wire

    def answering(self, *answers: bytes, certificate: str | None = None, close: bool = False) -> Wire:
        """A server that gives these answers in turn, the last one for ever; each connection begins anew if `close`."""
        remaining = list(answers)
        lock = threading.Lock()

        def script(line: Line) -> None:
            while True:
                wire.heard(line)
                with lock:
                    answer = remaining.pop(0) if len(remaining) > 1 else remaining[0]
                line.send(answer)
                if close:
                    return

        wire = self.wire(script, certificate)
        return wire

    def dripping(self, answer: bytes, first: int, certificate: str | None = None) -> Wire:
        """A server that gives its answer's first bytes at once, and one more every 20 ms for as long as it may."""

        def script(line: Line) -> None:
            line.request()
            line.sock.sendall(answer[:first])
            for byte in answer[first:]:
                time.sleep(0.02)
                line.sock.sendall(bytes([byte]))

        return self.wire(script, certificate)

    def hanging(self, answer: bytes, certificate: str | None = None) -> Wire:
        """A server that gives only so much of an answer, and then nothing more."""

        def script(line: Line) -> None:
            line.request()
            line.send(answer)
            line.wait_gone()

        return self.wire(script, certificate)

    def client(self, wire: Wire | str, **options: Any) -> Client:
        """A client of it."""
        url = wire if isinstance(wire, str) else wire.url
        client = Client(url, Credentials(LOGIN), **{"timeout": 20.0, "ca_bundle": AUTHORITY, **options})
        self.stack.callback(client.close)
        return client

    def outcome(self, answer: bytes, call: Call = POST, *, within: float = 10.0, **options: Any) -> Any:
        """Send a call to a server that gives this answer and closes the connection, and return the outcome."""
        return ended(self.client(self.answering(answer, close=True), **options), call, within=within)


@pytest.fixture
def house() -> Iterator[House]:
    """The servers and clients of one test."""
    with ExitStack() as stack:
        yield House(stack)

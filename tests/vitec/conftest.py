"""A server that follows a script, a client for it, and one call to send."""

from __future__ import annotations

import threading
import time
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

from tests.vitec.server import AUTHORITY, Connection, Server
from worker.kind import Call
from worker.vitec import kept_connections
from worker.vitec.client import Client
from worker.vitec.credentials import Credentials, Login
from worker.vitec.http_attempt import HttpAttempt, Permit, Watchdog

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

POST = Call("POST", "Appointment/M1/HAN1", b'{"subject": "canary-body"}', "M1", "CRM-Contact", "17.1")
GET = Call("GET", "ViewingParticipant/M1/ADR1/OBJ1", None, "M1", "Viewing", "17.2")
LOGIN = Login("partner", "canary-password")


def send_call(client: Client, call: Call = POST, *, within: float = 10.0, permit: Permit | None = None) -> Any:
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
class Network:
    """Starts servers and clients, and ends them with the test."""

    stack: ExitStack
    servers: list[Server] = field(default_factory=list)

    def server(self, script: Callable[[Connection], object], certificate: str | None = None) -> Server:
        """A server with that script."""
        server = self.stack.enter_context(Server(script, certificate))
        self.servers.append(server)
        return server

    def answering(self, *answers: bytes, certificate: str | None = None, close: bool = False) -> Server:
        """A server that gives these answers in turn, the last one for ever; each connection begins anew if `close`."""
        remaining = list(answers)
        lock = threading.Lock()

        def script(connection: Connection) -> None:
            while True:
                server.receive(connection)
                with lock:
                    answer = remaining.pop(0) if len(remaining) > 1 else remaining[0]
                connection.send(answer)
                if close:
                    return

        server = self.server(script, certificate)
        return server

    def dripping(self, answer: bytes, first: int, certificate: str | None = None) -> Server:
        """A server that gives its answer's first bytes at once, and one more every 20 ms for as long as it may."""

        def script(connection: Connection) -> None:
            connection.request()
            connection.sock.sendall(answer[:first])
            for byte in answer[first:]:
                time.sleep(0.02)
                connection.sock.sendall(bytes([byte]))

        return self.server(script, certificate)

    def hanging(self, answer: bytes, certificate: str | None = None) -> Server:
        """A server that gives only so much of an answer, and then nothing more."""

        def script(connection: Connection) -> None:
            connection.request()
            connection.send(answer)
            connection.wait_gone()

        return self.server(script, certificate)

    def client(self, server: Server | str, **options: Any) -> Client:
        """A client of it."""
        url = server if isinstance(server, str) else server.url
        client = Client(url, Credentials(LOGIN), **{"timeout": 20.0, "ca_bundle": AUTHORITY, **options})
        self.stack.callback(client.close)
        return client

    def outcome(self, answer: bytes, call: Call = POST, *, within: float = 10.0, **options: Any) -> Any:
        """Send a call to a server that gives this answer and closes the connection, and return the outcome."""
        return send_call(self.client(self.answering(answer, close=True), **options), call, within=within)


@pytest.fixture
def network(monkeypatch: pytest.MonkeyPatch) -> Iterator[Network]:
    """The servers and clients of one test. Their connections are used again at once, without a rest."""
    monkeypatch.setattr(kept_connections, "REST", 0.0)
    with ExitStack() as stack:
        yield Network(stack)

"""The sockets of the stand-in: requests in, answers or faults out, many at once, on tornado's event loop."""

import asyncio
import contextlib
import random
import socket
import ssl
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from email.utils import format_datetime
from typing import Any, Final

from tornado.http1connection import HTTP1Connection
from tornado.httpserver import HTTPServer
from tornado.httputil import (
    HTTPConnection,
    HTTPHeaders,
    HTTPMessageDelegate,
    HTTPServerConnectionDelegate,
    RequestStartLine,
    ResponseStartLine,
)
from tornado.iostream import IOStream, SSLIOStream, StreamClosedError

from worker.sandbox.api.answers import HttpAnswer
from worker.sandbox.api.judging import ReceivedRequest
from worker.sandbox.control import control, is_control
from worker.sandbox.faults.fault import Fault, FaultStage
from worker.sandbox.faults.script import ActiveFault, Script, ScriptedFaults
from worker.sandbox.faults.wire import WIRE_FAULTS, Sleep, act_out, reset, send_unasked
from worker.sandbox.faults.wrong_answers import name_another
from worker.sandbox.latency import Latency
from worker.sandbox.ledger import Ledger
from worker.sandbox.listener import Listener
from worker.sandbox.service import Service
from worker.tls import Socket

_LARGEST_BODY: Final = 16 * 1024 * 1024
_SHUT: Final = 1.0
_LATE: Final = 1.0


@dataclass(frozen=True, slots=True)
class Certificate:
    """Files in PEM form for a server that speaks TLS."""

    chain: str
    key: str

    def context(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.sslsocket_class = Socket
        context.load_cert_chain(self.chain, self.key)
        return context


class Server(HTTPServerConnectionDelegate):
    """One stand-in on one bound socket. Made, opened and closed on a running event loop."""

    def __init__(
        self,
        service: Service,
        bound: socket.socket,
        *,
        latency: Latency | None = None,
        tls: ssl.SSLContext | None = None,
        sleep: Sleep = asyncio.sleep,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self.service = service
        self._latency = latency or Latency()
        self._sleep = sleep
        self._chance = chance
        self._tls = tls
        self._tasks: set[asyncio.Task[None]] = set()
        self._http = HTTPServer(self, max_body_size=_LARGEST_BODY, max_buffer_size=2 * _LARGEST_BODY)
        self._listener = Listener(bound, self._enter, self._record_strike, self.spawn)

    @property
    def ledger(self) -> Ledger:
        return self.service.ledger

    @property
    def script(self) -> Script:
        return self.service.faults.script

    @property
    def accepts_connections(self) -> bool:
        return self._listener.is_open

    def open(self) -> None:
        self._listener.open()

    async def close(self) -> None:
        """Stop listening, end what is in flight, and close every connection."""
        self._listener.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._http.close_all_connections()

    def play(self, script: Script) -> None:
        """Replace the script in force and start its dice anew."""
        self.service.faults = ScriptedFaults(script)

    def fail_connections(self, fault: Fault, seconds: float) -> None:
        self._listener.fail(fault, seconds)

    def accept_connections(self) -> None:
        self._listener.open()

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def start_request(self, server_conn: object, request_conn: HTTPConnection) -> HTTPMessageDelegate:  # noqa: ARG002  Tornado's signature.
        assert isinstance(request_conn, HTTP1Connection)  # noqa: S101  The only kind that HTTPServer makes.
        return _IncomingRequest(self, request_conn)

    async def respond(
        self, request: ReceivedRequest, active_fault: ActiveFault | None, connection: HTTP1Connection
    ) -> None:
        """Handle a whole request: first the ledger, then the latency, then the answer or its fault."""
        try:
            handled = self.service.handle(request, active_fault)
        except BaseException:
            reset(connection.detach())  # Better no answer at all than one that the ledger does not know.
            raise
        if wait := self._latency.draw(self._chance):
            await self._sleep(wait)
        if active_fault is not None and active_fault.fault is Fault.ACT_LATE:
            await self._sleep(active_fault.seconds or _LATE)
        if handled.act_late:
            handled.act_late()
        if active_fault is not None and active_fault.fault in WIRE_FAULTS:
            await self.act_out(connection.detach(), active_fault, handled.answer)
        else:
            stream = connection.stream
            await self.send(connection, request, handled.answer)
            if active_fault is not None and active_fault.fault is Fault.SECOND_ANSWER:
                await send_unasked(stream, active_fault, name_another(handled.answer), self._date(), self._sleep)

    async def act_out(self, stream: IOStream, active_fault: ActiveFault, answer: HttpAnswer) -> None:
        await act_out(stream, active_fault, answer, self._date(), self._sleep)

    async def send(self, connection: HTTP1Connection, request: ReceivedRequest, answer: HttpAnswer) -> None:
        headers = HTTPHeaders()
        for name, value in answer.header_lines(self._date()):
            headers.add(name, value)
        if answer.status != 204:
            headers["Content-Length"] = str(len(answer.body))
        if not self.accepts_connections:
            headers["Connection"] = "close"
        line = ResponseStartLine("HTTP/1.1", answer.status, answer.reason)
        body = b"" if request.method == "HEAD" else answer.body
        try:
            written = connection.write_headers(line, headers, body)
            connection.finish()
            await written
        except StreamClosedError:
            pass  # The client no longer waits for the answer; the call stays carried out.

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            task.get_loop().call_exception_handler({"message": "the sandbox failed", "exception": error})

    def _enter(self, connection: socket.socket, address: Any) -> None:
        active_fault = self.service.faults.for_connection()
        if active_fault is None:
            self._admit(connection, address)
        elif active_fault.fault in {Fault.REFUSE_CONNECTIONS, Fault.CONNECT_HANG}:
            # This connection is still served; those after it meet the fault.
            self._record_strike(active_fault.fault)
            self._listener.fail(active_fault.fault, active_fault.seconds or _SHUT)
            self._admit(connection, address)
        else:
            self._listener.spoil(connection, active_fault.fault)

    def _admit(self, connection: socket.socket, address: Any) -> None:
        # It may have left again before its first word.
        with contextlib.suppress(ConnectionError):
            self._http.handle_stream(self._stream(connection), address)

    def _stream(self, connection: socket.socket) -> IOStream:
        if self._tls is None:
            return IOStream(connection, max_buffer_size=2 * _LARGEST_BODY)
        wrapped = self._tls.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)
        return SSLIOStream(wrapped, max_buffer_size=2 * _LARGEST_BODY)

    def _record_strike(self, fault: Fault) -> None:
        self.ledger.record_struck_connection(fault, current_time=self.service.read_clock())

    def _date(self) -> str:
        return format_datetime(self.service.read_shown_clock(), usegmt=True)


class _IncomingRequest(HTTPMessageDelegate):
    """One request while it comes in. A fault that strikes before reading strikes at the end of the head."""

    def __init__(self, server: Server, connection: HTTP1Connection) -> None:
        self._server = server
        self._connection = connection
        self._request = ReceivedRequest("", "", {}, b"")
        self._active_fault: ActiveFault | None = None
        self._chunks: list[bytes] = []

    def headers_received(
        self, start_line: RequestStartLine | ResponseStartLine, headers: HTTPHeaders
    ) -> Awaitable[None] | None:
        assert isinstance(start_line, RequestStartLine)  # noqa: S101  A server is sent requests.
        self._request = ReceivedRequest(start_line.method, start_line.path, headers, b"")
        if is_control(start_line.path):
            return None
        self._active_fault = self._server.service.choose_fault(start_line.method, start_line.path)
        if self._active_fault is not None and self._active_fault.fault.stage is FaultStage.BEFORE_READING:
            self._server.service.record_cut_request(self._request, self._active_fault)
            # Taken away at once: a moment later tornado would have read the body and called it whole.
            stream = self._connection.detach()
            self._server.spawn(self._server.act_out(stream, self._active_fault, HttpAnswer(200)))
        return None

    def data_received(self, chunk: bytes) -> Awaitable[None] | None:
        self._chunks.append(chunk)
        return None

    def finish(self) -> None:
        whole = ReceivedRequest(self._request.method, self._request.path, self._request.headers, b"".join(self._chunks))
        if is_control(whole.path):
            answer = control(whole, self._server)
            self._server.spawn(self._server.send(self._connection, whole, answer))
        else:
            self._server.spawn(self._server.respond(whole, self._active_fault, self._connection))

    def on_connection_close(self) -> None:
        """Do nothing: a request that was cut short is ignored, and one that had arrived whole is being handled."""

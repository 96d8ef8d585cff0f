"""Connections are used again where that is safe, and never tried again behind our back."""

from __future__ import annotations

import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from tests.vitec.conftest import GET, POST, Network, send_call
from tests.vitec.server import PATIENCE, Connection, http
from worker.errors import Refused, ServerError, Unanswered, Unreadable
from worker.vitec import kept_connections

if TYPE_CHECKING:
    from collections.abc import Callable

OK = http("200 OK", b"true")


@pytest.mark.parametrize("certificate", [None, "good"])
def test_a_connection_is_used_again(network: Network, certificate: str | None) -> None:
    server = network.answering(OK, certificate=certificate)
    client = network.client(server)
    assert [send_call(client).status for _ in range(5)] == [200] * 5
    assert server.connections == 1


@pytest.mark.parametrize("answer", [http("204 No Content"), http("400 Bad", b'{"message": "Fel"}'), http("404 No")])
def test_an_answer_read_to_its_end_leaves_the_connection_usable(network: Network, answer: bytes) -> None:
    server = network.answering(answer, OK)
    client = network.client(server)
    send_call(client)
    assert send_call(client).status == 200
    assert server.connections == 1


@pytest.mark.parametrize("certificate", [None, "good"])
def test_a_long_idle_connection_carries_no_post(
    network: Network, monkeypatch: pytest.MonkeyPatch, certificate: str | None
) -> None:
    server = network.answering(OK, certificate=certificate)
    client = network.client(server)
    assert send_call(client).status == 200
    monkeypatch.setattr(kept_connections, "IDLE_LIMIT", 0.0)
    assert send_call(client, POST).status == 200
    assert server.connections == 2


def test_a_look_up_has_a_connection_of_its_own(network: Network) -> None:
    """An answer that is another's would prove an absence."""
    server = network.answering(OK)
    client = network.client(server)
    assert send_call(client).status == 200
    assert send_call(client, GET).status == 200
    assert server.connections == 2


def test_two_seconds_are_too_long() -> None:
    assert kept_connections.IDLE_LIMIT == 2.0


def test_a_closed_connection_is_replaced_before_the_first_byte(network: Network) -> None:
    closed = threading.Event()

    def script(connection: Connection) -> None:
        server.receive(connection)
        connection.send(OK)
        connection.sock.shutdown(socket.SHUT_RDWR)
        closed.set()

    server = network.server(script)
    client = network.client(server)
    assert send_call(client).tries == 1
    assert closed.wait(PATIENCE)
    assert send_call(client).tries == 1
    assert server.connections == 2


@pytest.mark.parametrize("end", [Connection.reset, lambda connection: None])
def test_a_request_on_a_dying_connection_is_not_repeated(network: Network, end: Callable[[Connection], object]) -> None:
    """`requests` or urllib3 must not send it anew by themselves: the server may have acted before it died."""

    def script(connection: Connection) -> None:
        server.receive(connection)
        connection.send(OK)
        server.receive(connection)
        end(connection)

    server = network.server(script)
    client = network.client(server)
    assert send_call(client).status == 200
    error = send_call(client)
    assert (type(error), error.tries) == (Unanswered, 1)
    assert (len(server.requests), server.connections) == (2, 1)


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (http("200 OK", b"t", length=4), Unreadable),
        (http("200 OK", b"x" * (2 << 20)), Unreadable),
        (http("200 OK", b"x" * ((1 << 20) + 1), length=2 << 20), Unreadable),
        (http("400 Bad", b"x" * (2 << 20)), Refused),
        (b"HTTP/1.1 101 Switching Protocols\r\n\r\n", ServerError),
    ],
)
def test_a_connection_with_something_left_on_it_is_thrown_away(network: Network, answer: bytes, expected: type) -> None:
    """Its rest would be taken for the answer to the next request."""

    def script(connection: Connection) -> None:
        server.receive(connection)
        connection.send(answer if server.connections == 1 else OK)
        connection.wait_gone()

    server = network.server(script)
    client = network.client(server)
    assert type(send_call(client, within=1.0 if expected is Unreadable else 10)) is expected
    assert send_call(client).status == 200
    assert server.connections == 2


def test_bytes_after_an_answer_never_begin_the_next(network: Network) -> None:
    server = network.answering(OK + http("200 OK", b'"not yours"'), OK)
    client = network.client(server)
    assert send_call(client).body == b"true"
    assert send_call(client).body == b"true"


def test_many_threads_each_get_their_own_answer(network: Network) -> None:
    def script(connection: Connection) -> None:
        while True:
            request = connection.request()
            connection.send(http("200 OK", request.split(b"\r\n")[0]))

    server = network.server(script)
    client = network.client(server, pool_size=8)

    def one(number: int) -> bool:
        path = f"User/Notify/M{number}"
        return bool(send_call(client, replace(POST, path=path)).body == f"POST /api/{path} HTTP/1.1".encode())

    with ThreadPoolExecutor(8) as threads:
        assert all(threads.map(one, range(400)))
    assert server.connections <= 8 + kept_connections.ENOUGH

"""More comes on a connection than was asked for: it is taken for no other request's answer in silence (guards of rule 28)."""

from __future__ import annotations

import threading
import time
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from structlog.testing import capture_logs

from tests.vitec.conftest import GET, POST, Network, send_call
from tests.vitec.server import PATIENCE, Connection, http
from worker.errors import Unreachable
from worker.vitec import kept_connections

if TYPE_CHECKING:
    from worker.vitec.client import Client

OWN, SURPLUS = http("200 OK", b'"own"'), http("200 OK", b'"surplus"')


def post(client: Client, number: int) -> str:
    """Send the operation with this number, and give its answer's body."""
    body: bytes = send_call(client, replace(POST, request_id=f"{number}.1")).body
    return body.decode()


def wait_for_question(client: Client) -> list[str]:
    """Look again until answers are in question, for as long as anything here may last."""
    end = time.monotonic() + PATIENCE
    while not (requests := client.look_again()) and time.monotonic() < end:
        time.sleep(0.001)
    return requests


@pytest.mark.parametrize("certificate", [None, "good"])
def test_a_surplus_that_came_with_an_answer_closes_the_connection(network: Network, certificate: str | None) -> None:
    server = network.answering(OWN + SURPLUS, OWN, certificate=certificate)
    client = network.client(server)
    assert post(client, 1) == '"own"'
    assert client.look_again() == ["1.1"]
    assert post(client, 2) == '"own"'
    assert server.connections == 2
    assert client.look_again() == []


@pytest.mark.parametrize("certificate", [None, "good"])
def test_a_shifted_answer_puts_its_connections_answers_in_question(network: Network, certificate: str | None) -> None:
    """The surplus comes while the second request is on its way."""

    def script(connection: Connection) -> None:
        server.receive(connection)
        connection.send(OWN)
        server.receive(connection)
        connection.send(SURPLUS)
        assert read.wait(PATIENCE)
        connection.send(OWN)
        connection.wait_gone()

    read = threading.Event()
    server = network.server(script, certificate)
    client = network.client(server)
    assert [post(client, 1), post(client, 2)] == ['"own"', '"surplus"']
    assert client.look_again() == []
    read.set()
    assert wait_for_question(client) == ["1.1", "2.1"]


@pytest.mark.parametrize("certificate", [None, "good"])
def test_nothing_is_written_to_a_connection_that_spoke(network: Network, certificate: str | None) -> None:
    def script(connection: Connection) -> None:
        server.receive(connection)
        connection.send(OWN)
        if server.connections == 1:
            assert read.wait(PATIENCE)
            connection.send(SURPLUS)
            spoke.set()
        connection.wait_gone()

    read, spoke = threading.Event(), threading.Event()
    server = network.server(script, certificate)
    client = network.client(server)
    assert post(client, 1) == '"own"'
    read.set()
    assert spoke.wait(PATIENCE)
    assert post(client, 2) == '"own"'
    assert server.connections == 2
    assert wait_for_question(client) == ["1.1"]


def test_a_greeting_is_no_answer(network: Network, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept_connections, "SHORTEST_SILENCE", PATIENCE)
    monkeypatch.setattr(kept_connections, "LONGEST_SILENCE", PATIENCE)

    def script(connection: Connection) -> None:
        connection.send(SURPLUS)
        connection.wait_gone()

    server = network.server(script)
    error = send_call(network.client(server))
    assert isinstance(error, Unreachable)
    assert error.why == "the other side spoke unasked"
    assert server.requests == []


def test_after_a_surplus_connections_are_used_once_for_a_while(
    network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = network.answering(OWN + SURPLUS, OWN)
    client = network.client(server)
    with capture_logs() as events:
        for number in range(1, 5):
            assert post(client, number) == '"own"'
    assert server.connections == 4
    assert [event["event"] for event in events] == ["surplus_answer"]
    assert "own" not in str(events)
    monkeypatch.setattr(client._adapter.kept, "_single_until", 0.0)
    assert [post(client, 5), post(client, 6)] == ['"own"', '"own"']
    assert server.connections == 5


def test_an_answer_in_single_use_is_its_own(network: Network) -> None:
    """The connection was listened to for longer, and carried nothing before."""
    server = network.answering(OWN + SURPLUS)
    client = network.client(server)
    assert post(client, 1) == '"own"'
    assert client.look_again() == ["1.1"]
    assert post(client, 2) == '"own"'
    assert client.look_again() == []


def test_a_look_up_is_never_in_question(network: Network) -> None:
    server = network.answering(OWN + SURPLUS)
    client = network.client(server)
    send_call(client, GET)
    assert client.look_again() == []


def test_the_end_of_a_connection_is_waited_for(network: Network) -> None:
    """The shifted answer says that the connection ends with it, so that it cannot be listened to afterwards."""

    def script(connection: Connection) -> None:
        server.receive(connection)
        connection.send(OWN)
        server.receive(connection)
        connection.send(http("200 OK", b'"surplus"', "Connection: close") + OWN)

    server = network.server(script)
    client = network.client(server)
    assert [post(client, 1), post(client, 2)] == ['"own"', '"surplus"']
    assert client.look_again() == ["1.1", "2.1"]


def test_a_connection_carries_no_more_than_so_many(network: Network, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept_connections, "USES", 3)
    server = network.answering(OWN)
    client = network.client(server)
    for number in range(6):
        post(client, number)
    assert server.connections == 2


def test_a_connection_rests_where_another_can_be_made(network: Network, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept_connections, "REST", PATIENCE)
    monkeypatch.setattr(kept_connections, "ENOUGH", 3)
    monkeypatch.setattr(kept_connections, "IDLE_LIMIT", PATIENCE * 2)
    server = network.answering(OWN)
    client = network.client(server)
    for number in range(9):
        post(client, number)
    assert server.connections == 3


def test_interim_answers_are_no_surplus(network: Network) -> None:
    server = network.answering(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\n\r\n" + OWN)
    client = network.client(server)
    assert [post(client, 1), post(client, 2)] == ['"own"', '"own"']
    assert server.connections == 1
    assert client.look_again() == []


def test_an_interim_answer_behind_the_answer_is_a_surplus(network: Network) -> None:
    server = network.answering(OWN + b"HTTP/1.1 103 Early Hints\r\n\r\n", OWN)
    client = network.client(server)
    assert [post(client, 1), post(client, 2)] == ['"own"', '"own"']
    assert server.connections == 2

"""Where nothing was written, it may be sent again: before and during connecting, and before the first byte."""

from __future__ import annotations

import contextlib
import dataclasses
import socket
import ssl
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest

from tests.vitec.conftest import POST, Network, send_call
from tests.vitec.server import PATIENCE, Connection, http
from worker.errors import Barred, Revoked, Unreachable, Unsendable
from worker.vitec.client import Client
from worker.vitec.credentials import Credentials
from worker.vitec.http_attempt import Permit

if TYPE_CHECKING:
    from collections.abc import Iterator

HERE = (socket.AF_INET, socket.SOCK_STREAM, 6, "")


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def test_a_refused_connection_is_unreachable(network: Network) -> None:
    permit = Permit(time.monotonic() + 10)
    error = send_call(network.client(f"http://localhost:{free_port()}"), permit=permit)
    assert type(error) is Unreachable
    assert str(error) == "the connection was refused"
    assert error.tries == 3
    assert not permit.written


def test_a_name_that_cannot_be_resolved_is_unreachable(network: Network, monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: Any, **__: Any) -> Any:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    error = send_call(network.client("https://connect.example"))
    assert type(error) is Unreachable
    assert str(error) == "the name of the host cannot be resolved: Name or service not known"


def test_a_host_that_is_no_name_is_unreachable(network: Network) -> None:
    assert type(send_call(network.client(f"https://{'a' * 70}.example"))) is Unreachable


def test_the_next_address_is_tried_when_the_first_is_dead(network: Network, monkeypatch: pytest.MonkeyPatch) -> None:
    server = network.answering(http("200 OK", b"true"))
    dead, alive = (*HERE, ("127.0.0.1", free_port())), (*HERE, ("127.0.0.1", server.port))
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: [dead, alive])
    assert send_call(network.client(server)).status == 200


@pytest.fixture
def black_hole() -> Iterator[tuple[str, int]]:
    """An address that neither takes nor refuses connections: its queue is full of connections that are never accepted."""
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        for _ in range(4):
            filler = stack.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex(listener.getsockname())
        yield listener.getsockname()


def test_a_connect_that_hangs_is_unreachable_at_the_deadline(network: Network, black_hole: tuple[str, int]) -> None:
    permit = Permit(time.monotonic() + 0.5)
    error = send_call(network.client(f"http://127.0.0.1:{black_hole[1]}"), permit=permit)
    assert (type(error), str(error)) == (Unreachable, "connecting took too long")
    assert not permit.written


def test_an_address_that_hangs_leaves_time_for_the_next(
    network: Network, monkeypatch: pytest.MonkeyPatch, black_hole: tuple[str, int]
) -> None:
    server = network.answering(http("200 OK", b"true"))
    addresses = [(*HERE, black_hole), (*HERE, ("127.0.0.1", server.port))]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: addresses)
    answer = send_call(network.client(server), within=2.0)
    assert (answer.status, answer.tries) == (200, 1)


@pytest.mark.parametrize(
    ("certificate", "reason"),
    [
        ("self_signed", "self-signed certificate"),
        ("elsewhere", "Hostname mismatch, certificate is not valid for 'localhost'."),
        ("expired", "certificate has expired"),
    ],
)
def test_a_bad_certificate_is_unreachable_and_nothing_is_written(
    network: Network, certificate: str, reason: str
) -> None:
    server = network.answering(http("200 OK", b"true"), certificate=certificate)
    permit = Permit(time.monotonic() + 10)
    error = send_call(network.client(server), permit=permit)
    assert type(error) is Unreachable
    assert str(error) == f"Vitec's certificate is not accepted: {reason}"
    assert not permit.written
    assert server.requests == []


def test_the_usual_authorities_do_not_vouch_for_our_own(network: Network) -> None:
    server = network.answering(http("200 OK", b"true"), certificate="good")
    assert type(send_call(network.client(server, ca_bundle=None))) is Unreachable


def test_a_good_certificate_is_accepted(network: Network) -> None:
    server = network.answering(http("200 OK", b"true"), certificate="good")
    assert send_call(network.client(server)).body == b"true"


def test_tls_below_1_2_is_not_spoken(network: Network) -> None:
    hello = threading.Event()
    versions: list[int] = []

    def script(connection: Connection) -> None:
        versions.append(int.from_bytes(connection.sock.recv(11)[9:11], "big"))
        hello.set()
        # A server that insists on TLS 1.1.
        connection.send(bytes.fromhex("160302002a020000260302") + bytes(32) + bytes.fromhex("00c01300"))
        connection.wait_gone()

    server = network.server(script)
    permit = Permit(time.monotonic() + 10)
    error = send_call(network.client(server.url.replace("http:", "https:")), permit=permit)
    assert hello.wait(PATIENCE)
    assert (type(error), str(error)) == (Unreachable, "the TLS handshake failed: unsupported protocol")
    assert min(versions) >= ssl.TLSVersion.TLSv1_2


def test_a_server_that_speaks_no_tls_is_unreachable(network: Network) -> None:
    server = network.answering(http("200 OK", b"true"))
    server_url = server.url.replace("http:", "https:")
    server.__exit__()
    plain_server = network.server(lambda connection: connection.send(b"HTTP/1.1 400 Bad\r\n\r\n"))
    error = send_call(network.client(server_url.replace(str(server.port), str(plain_server.port))))
    assert type(error) is Unreachable


def test_a_reset_during_the_tls_handshake_is_unreachable(network: Network) -> None:
    def script(connection: Connection) -> None:
        connection.sock.recv(1)
        connection.reset()

    error = send_call(network.client(network.server(script).url.replace("http:", "https:")))
    assert type(error) is Unreachable


def test_a_tls_handshake_that_hangs_is_unreachable(network: Network) -> None:
    """Requests calls it a ReadTimeout, as if something had been read for."""
    server = network.server(lambda connection: connection.wait_gone())
    permit = Permit(time.monotonic() + 0.4)
    error = send_call(network.client(server.url.replace("http:", "https:")), permit=permit)
    assert (type(error), str(error)) == (Unreachable, "the TLS handshake took too long")
    assert not permit.written


def test_an_unwritten_request_is_tried_again_at_once(network: Network) -> None:
    connections = []

    def script(connection: Connection) -> None:
        connections.append(connection)
        if len(connections) == 1:
            connection.reset()
            return
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain("tests/vitec/tls/good.pem")
        connection.sock = context.wrap_socket(connection.sock, server_side=True)
        server.receive(connection)
        connection.send(http("200 OK", b"true"))

    server = network.server(script)
    answer = send_call(network.client(server.url.replace("http:", "https:")))
    assert (answer.status, answer.tries) == (200, 2)


def test_a_permit_withdrawn_beforehand_opens_no_connection(network: Network) -> None:
    server = network.answering(http("200 OK", b"true"))
    permit = Permit(time.monotonic() + 10)
    assert permit.revoke()
    assert type(send_call(network.client(server), permit=permit)) is Revoked
    assert server.connections == 0


def test_a_deadline_that_has_passed_opens_no_connection(network: Network) -> None:
    server = network.answering(http("200 OK", b"true"))
    assert type(send_call(network.client(server), within=-1)) is Revoked
    assert server.connections == 0


def test_a_permit_withdrawn_while_connecting_keeps_the_first_byte_back(
    network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The thread sits in name look-up, is declared unsent, and comes back."""
    server = network.answering(http("200 OK", b"true"))
    permit = Permit(time.monotonic() + 10)
    resolve = socket.getaddrinfo

    def slow(*arguments: Any, **options: Any) -> Any:
        assert permit.revoke()
        return resolve(*arguments, **options)

    monkeypatch.setattr(socket, "getaddrinfo", slow)
    error = send_call(network.client(server), permit=permit)
    assert (type(error), permit.written) == (Revoked, False)
    assert server.requests == []


def test_name_resolution_past_the_deadline_writes_nothing(network: Network, monkeypatch: pytest.MonkeyPatch) -> None:
    server = network.answering(http("200 OK", b"true"))
    permit = Permit(time.monotonic() + 0.3)
    resolve = socket.getaddrinfo

    def slow(*arguments: Any, **options: Any) -> Any:
        end = time.monotonic() + PATIENCE
        while not permit.revoked:
            assert time.monotonic() < end
            time.sleep(0.01)
        return resolve(*arguments, **options)

    monkeypatch.setattr(socket, "getaddrinfo", slow)
    error = send_call(network.client(server), permit=permit)
    # Withdrawn by its own deadline: the environment's trouble, not a stop's, or it would be withdrawn so for ever.
    assert type(error) is Unreachable
    assert not permit.written
    assert server.requests == []


def test_the_lease_is_asked_last_before_the_first_byte(network: Network) -> None:
    server = network.answering(http("200 OK", b"true"))
    connections = []

    def may_write() -> bool:
        connections.append(server.connections)
        return False

    permit = Permit(time.monotonic() + 10, may_write)
    error = send_call(network.client(server), permit=permit)
    assert type(error) is Revoked
    assert permit.written is False
    assert permit.revoked is True
    assert len(connections) == 1
    assert server.requests == []


_PATHS = ("../x", "a/../b", "a//b", "/a", "a/", "", ".", "a/.", "a?b=c", "a#b", "a\r\nX: y", "a b", "a\0", "ä")
_REQUEST_IDS = ("1\r\nX: y", "", "1\0")
_METHODS = ("OPTIONS", "put", "GET /")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("path", path) for path in _PATHS),
        *(("request_id", request_id) for request_id in _REQUEST_IDS),
        *(("method", method) for method in _METHODS),
    ],
)
def test_a_call_that_would_change_the_request_is_not_sent(network: Network, name: str, value: str) -> None:
    server = network.answering(http("200 OK", b"true"))
    error = send_call(network.client(server), dataclasses.replace(POST, **{name: value}))  # type: ignore[arg-type]
    assert type(error) is Unsendable
    assert server.connections == 0


def test_without_a_login_the_customer_is_held(network: Network) -> None:
    server = network.answering(http("200 OK", b"true"))
    client = Client(server.url, Credentials())
    network.stack.callback(client.close)
    assert type(send_call(client)) is Barred
    assert server.connections == 0


@pytest.mark.parametrize("url", ["http://connect.example", "ftp://localhost", "localhost", "", "https://"])
def test_only_https_or_loopback_is_accepted(url: str) -> None:
    with pytest.raises(ValueError, match="base URL"):
        Client(url, Credentials())

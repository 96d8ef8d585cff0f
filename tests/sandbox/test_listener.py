"""Connection faults strike before the client has sent anything."""

import errno
import logging
import select
import socket
import ssl
import struct
from collections.abc import Iterator
from pathlib import Path
from time import monotonic

import pytest

from tests.sandbox.client import call, connect, request_bytes, send
from worker.sandbox import CallKind, Certificate, Fault, Sandbox, running_sandbox
from worker.sandbox.listener import bind_loopback

FILES = Path(__file__).parent
CERTIFICATE = Certificate(str(FILES / "certificate.pem"), str(FILES / "key.pem"))


@pytest.fixture
def secure() -> Iterator[Sandbox]:
    with running_sandbox(tls=CERTIFICATE) as running:
        yield running


def handshake(sandbox: Sandbox, *, trusting: bool, timeout: float = 10) -> bytes:
    """Speak TLS, send a call, and return the first that comes back."""
    context = ssl.create_default_context(cafile=CERTIFICATE.chain if trusting else None)
    with connect(sandbox, timeout) as plain, context.wrap_socket(plain, server_hostname="127.0.0.1") as wrapped:
        wrapped.sendall(request_bytes())
        return wrapped.recv(65536)


def test_visitors_that_leave_before_the_handshake_are_no_error(
    secure: Sandbox, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(100):
        visitor = connect(secure)
        visitor.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        visitor.close()
    assert handshake(secure, trusting=True).startswith(b"HTTP/1.1 200 ")
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


def test_connections_are_refused_until_accepted_again(sandbox: Sandbox) -> None:
    with sandbox.failing_connections(Fault.REFUSE_CONNECTIONS):
        for _ in range(3):
            with pytest.raises(ConnectionRefusedError):
                connect(sandbox)
    assert call(sandbox, CallKind.APPOINTMENT).status == 200


def test_no_other_process_can_take_a_refusing_port(sandbox: Sandbox) -> None:
    with (
        sandbox.failing_connections(Fault.REFUSE_CONNECTIONS),
        socket.socket() as second,
        pytest.raises(OSError, match="in use"),
    ):
        second.bind(("127.0.0.1", sandbox.port))


def test_a_connect_hang_lets_no_client_connect(sandbox: Sandbox) -> None:
    with sandbox.failing_connections(Fault.CONNECT_HANG):
        for _ in range(2):
            with pytest.raises(TimeoutError):
                connect(sandbox, timeout=0.3)
    assert call(sandbox, CallKind.APPOINTMENT).status == 200
    assert sandbox.ledger.count() == 1


@pytest.mark.parametrize("fault", [Fault.REFUSE_CONNECTIONS, Fault.CONNECT_HANG])
def test_a_connection_fault_ends_by_itself(sandbox: Sandbox, fault: Fault) -> None:
    sandbox.fail_connections(fault, 0.3)
    with pytest.raises((ConnectionRefusedError, TimeoutError)):
        connect(sandbox, timeout=0.1)
    until_open(sandbox)
    assert call(sandbox, CallKind.APPOINTMENT).status == 200


def until_open(sandbox: Sandbox) -> None:
    deadline = monotonic() + 10
    while monotonic() < deadline:
        try:
            connect(sandbox, timeout=0.2).close()
        except (ConnectionRefusedError, TimeoutError):
            continue
        return
    pytest.fail("connections are still refused")


def test_open_connections_are_told_to_close(sandbox: Sandbox) -> None:
    with connect(sandbox) as connection:
        connection.sendall(request_bytes())
        assert b"Connection: close" not in connection.recv(65536)
        with sandbox.failing_connections(Fault.REFUSE_CONNECTIONS):
            connection.sendall(request_bytes())
            assert b"Connection: close" in connection.recv(65536)


def test_a_reset_on_accept_comes_before_anything_is_read(sandbox: Sandbox) -> None:
    # The reset may be there before the connecting call has returned.
    with (
        sandbox.failing_connections(Fault.RESET_ON_ACCEPT),
        pytest.raises(ConnectionResetError),
        connect(sandbox) as connection,
    ):
        connection.recv(1)
    assert sandbox.ledger.faults() == {"reset_on_accept": 1}
    assert sandbox.ledger.count() == 0


def test_tls_is_spoken_where_there_is_a_certificate(secure: Sandbox) -> None:
    assert secure.base_url == f"https://127.0.0.1:{secure.port}"
    assert handshake(secure, trusting=True).startswith(b"HTTP/1.1 200 OK")


def test_an_untrusted_certificate_ends_the_handshake(secure: Sandbox) -> None:
    with pytest.raises(ssl.SSLCertVerificationError):
        handshake(secure, trusting=False)
    assert secure.ledger.count() == 0


def test_a_tls_failure_is_a_failed_handshake(secure: Sandbox) -> None:
    with secure.failing_connections(Fault.TLS_FAILURE), pytest.raises(ssl.SSLError, match="HANDSHAKE_FAILURE"):
        handshake(secure, trusting=True)
    assert (secure.ledger.count(), secure.ledger.faults()) == (0, {"tls_failure": 1})
    assert handshake(secure, trusting=True).startswith(b"HTTP/1.1 200 OK")


def test_a_tls_hang_is_a_handshake_that_never_ends(secure: Sandbox) -> None:
    with secure.failing_connections(Fault.TLS_HANG), pytest.raises(TimeoutError):
        handshake(secure, trusting=True, timeout=0.3)
    assert (secure.ledger.count(), secure.ledger.faults()) == (0, {"tls_hang": 1})


def test_a_truncated_header_is_truncated_over_tls_too(secure: Sandbox) -> None:
    secure.play([{"fault": "truncated_header"}])
    assert handshake(secure, trusting=True).endswith(b"\r\nDat")


def test_a_reset_is_a_reset_over_tls_too(secure: Sandbox) -> None:
    """Asked of the socket itself: some versions of the TLS library call a reset an end."""
    secure.play([{"fault": "reset_after_processing"}])
    context = ssl.create_default_context(cafile=CERTIFICATE.chain)
    with connect(secure) as plain, context.wrap_socket(plain, server_hostname="127.0.0.1") as wrapped:
        wrapped.sendall(request_bytes())
        cut = select.poll()
        cut.register(wrapped, select.POLLHUP)
        assert cut.poll(10_000)
        assert wrapped.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == errno.ECONNRESET
    assert secure.ledger.count(applied=True) == 1


def test_a_script_can_refuse_connections_after_one(sandbox: Sandbox) -> None:
    sandbox.play([{"fault": "refuse_connections", "match": {"nth": 2}, "seconds": 60}])
    assert call(sandbox, CallKind.APPOINTMENT).status == 200
    assert call(sandbox, CallKind.APPOINTMENT).status == 200
    with pytest.raises(ConnectionRefusedError):
        connect(sandbox)
    assert sandbox.ledger.faults() == {"refuse_connections": 1}
    sandbox.accept_connections()
    assert call(sandbox, CallKind.APPOINTMENT).status == 200


def test_a_script_can_reset_a_connection(sandbox: Sandbox) -> None:
    sandbox.play([{"fault": "reset_on_accept", "times": 1}])
    with pytest.raises(ConnectionResetError), connect(sandbox) as connection:
        connection.recv(1)
    assert call(sandbox, CallKind.APPOINTMENT).status == 200


def test_only_a_connection_fault_stops_connections(sandbox: Sandbox) -> None:
    with pytest.raises(ValueError, match="no connection fault"):
        sandbox.fail_connections(Fault.SERVER_ERROR, 1)
    assert send(sandbox, request_bytes().replace(b"Host", b"Connection: close\r\nHost")).startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize("host", ["0.0.0.0", "", "::1", "localhost", "192.0.2.1"])
def test_only_the_loopback_address_is_listened_on(host: str) -> None:
    with pytest.raises(ValueError, match="only"):
        bind_loopback(0, host)


def test_a_port_that_is_taken_is_an_error(sandbox: Sandbox) -> None:
    with pytest.raises(OSError, match="in use"):
        bind_loopback(sandbox.port)
    with socket.socket() as foreign:
        foreign.bind(("127.0.0.1", 0))
        foreign.listen()
        with pytest.raises(OSError, match="in use"):
            bind_loopback(foreign.getsockname()[1])

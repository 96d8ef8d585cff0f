"""A connection that the other side has left before the handshake begins."""

from __future__ import annotations

import gc
import select
import socket
import ssl
import struct

import pytest

from tests.vitec.conftest import Network, send_call
from tests.vitec.server import PATIENCE, Connection
from worker.errors import Unreachable
from worker.sandbox.server import Certificate
from worker.tls import Socket
from worker.vitec.connection import TlsConnection

pytestmark = pytest.mark.filterwarnings("error::ResourceWarning")


def once_abandoned(sock: socket.socket) -> socket.socket:
    """The same, once the reset has come."""
    poll = select.poll()
    poll.register(sock, select.POLLHUP)
    assert poll.poll(PATIENCE * 1000)
    return sock


@pytest.mark.parametrize("server_side", [False, True])
def test_a_connection_lost_before_tls_is_closed(server_side: bool) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        near_end = socket.create_connection(listener.getsockname())
        far_end, _ = listener.accept()
        far_end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        far_end.close()
        if server_side:
            context = Certificate("tests/vitec/tls/good.pem", "tests/vitec/tls/good.pem").context()
        else:
            context = ssl.create_default_context()
            context.sslsocket_class = Socket
        with pytest.raises(ConnectionResetError):
            context.wrap_socket(
                once_abandoned(near_end), server_side=server_side, server_hostname=None if server_side else "x"
            )
    gc.collect()


def test_the_client_leaves_nothing_open(network: Network, monkeypatch: pytest.MonkeyPatch) -> None:
    connect = TlsConnection._new_conn
    monkeypatch.setattr(TlsConnection, "_new_conn", lambda self: once_abandoned(connect(self)))
    error = send_call(network.client(network.server(Connection.reset).url.replace("http:", "https:")))
    assert (type(error), error.tries) == (Unreachable, 3)
    gc.collect()

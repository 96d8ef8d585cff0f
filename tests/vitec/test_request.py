"""Bytes on the wire: exactly the request, in one piece, with the login and nothing of the environment."""

from __future__ import annotations

import base64
import dataclasses
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING

import pytest

from tests.golden_files import GOLDEN, cells_of, line_of, request_of
from tests.vitec.conftest import GET, POST, Network, bound_to_thread, send_call
from tests.vitec.server import PATIENCE, Connection, http
from worker.kinds import KINDS
from worker.vitec.connection import PlainConnection

if TYPE_CHECKING:
    from pathlib import Path

    from worker.kind import Kind

OK = http("200 OK", b"true")


def test_the_request_is_as_vitec_documents_it(network: Network) -> None:
    server = network.answering(OK)
    send_call(network.client(server))
    head, _, body = server.requests[0].partition(b"\r\n\r\n")
    first, *field_lines = head.decode().split("\r\n")
    assert first == "POST /api/Appointment/M1/HAN1 HTTP/1.1"
    assert dict(line.split(": ", 1) for line in field_lines) == {
        "Host": f"localhost:{server.port}",
        "Accept": "application/json",
        "Accept-Encoding": "identity",
        "Authorization": "Basic " + base64.b64encode(b"partner:canary-password").decode(),
        "Content-Type": "application/json; charset=utf-8",
        "Content-Length": str(len(POST.body or b"")),
        "User-Agent": "vitec-sync",
        "X-Request-Id": "17.1",
    }
    assert body == POST.body


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.kind)
def test_a_full_row_on_the_wire_equals_its_page(network: Network, kind: type[Kind]) -> None:
    folder, server = GOLDEN / kind.kind, network.answering(OK)
    send_call(network.client(server), kind.parse(cells_of(kind, folder)).call("17.1"))
    head, _, body = server.requests[0].partition(b"\r\n\r\n")
    first, *field_lines = head.decode().split("\r\n")
    method, path = line_of(folder)
    assert first == f"{method} /api/{path} HTTP/1.1"
    sample = request_of(folder)
    names = ["Host", "Accept", "Accept-Encoding", "Authorization", "User-Agent", "X-Request-Id"]
    of_body = [] if sample is None else ["Content-Type", "Content-Length"]
    assert [line.partition(":")[0] for line in field_lines] == names + of_body
    assert body.decode() == ("" if sample is None else json.dumps(sample, ensure_ascii=False, separators=(",", ":")))


def test_a_look_up_has_no_body(network: Network) -> None:
    server = network.answering(OK)
    send_call(network.client(server), GET)
    assert server.requests[0].startswith(b"GET /api/ViewingParticipant/M1/ADR1/OBJ1 HTTP/1.1\r\n")
    assert b"content-" not in server.requests[0].lower()


@pytest.mark.parametrize("base", ["", "/", "/api", "/api/", "/a/b/"])
def test_base_url_and_path_are_joined_by_one_slash(network: Network, base: str) -> None:
    server = network.answering(OK)
    send_call(network.client(server.url.removesuffix("/api") + base))
    path = base.rstrip("/") + "/Appointment/M1/HAN1"
    assert server.requests[0].startswith(f"POST {path} HTTP/1.1\r\n".encode())


def test_head_and_body_leave_in_one_write(network: Network, monkeypatch: pytest.MonkeyPatch) -> None:
    writes: list[int] = []
    server = network.answering(OK)
    client = network.client(server)

    class Counted(socket.socket):
        def sendall(self, data: bytes, flags: int = 0) -> None:  # type: ignore[override]
            if data.startswith(b"POST"):
                writes.append(len(data))
            super().sendall(data, flags)

    monkeypatch.setattr(socket, "socket", Counted)
    assert send_call(client).status == 200
    assert writes == [len(server.requests[0])]


def test_no_proxy_or_login_of_the_environment_is_used(
    network: Network, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    proxy = network.answering(OK)
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, proxy.url)
        monkeypatch.setenv(name.lower(), proxy.url)
    monkeypatch.delenv("NO_PROXY", raising=False)
    netrc = tmp_path / "netrc"
    netrc.write_text("machine localhost login other password stolen\n")
    monkeypatch.setenv("NETRC", str(netrc))
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "missing.pem"))
    server = network.answering(OK, certificate="good")
    assert send_call(network.client(server)).status == 200
    assert proxy.connections == 0
    assert base64.b64encode(b"partner:canary-password") in server.requests[0]


def test_cookies_are_neither_kept_nor_sent(network: Network) -> None:
    server = network.answering(http("200 OK", b"true", "Set-Cookie: session=1; Path=/"))
    client = network.client(server)
    send_call(client)
    send_call(client)
    assert b"cookie" not in server.requests[1].lower()


def test_the_sockets_options_are_set_before_the_first_byte(network: Network) -> None:
    server = network.answering(OK)
    with bound_to_thread(within=60):
        connection = PlainConnection("localhost", server.port)
        connection.request("POST", "/", b"{}", {"Content-Length": "2"})
        linger = connection.sock.getsockopt(socket.SOL_SOCKET, socket.SO_LINGER, 8)
        no_delay = connection.sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        option = getattr(socket, "TCP_USER_TIMEOUT", None)
        patience = 60_000 if option is None else connection.sock.getsockopt(socket.IPPROTO_TCP, option)
        connection.close()
    assert linger == (1).to_bytes(4, sys.byteorder) + bytes(4)
    assert no_delay
    assert 50_000 < patience <= 60_000


def test_a_killed_process_delivers_nothing_late(network: Network) -> None:
    """Without the linger the kernel goes on sending megabytes for a process that is no more."""
    connected, killed = threading.Event(), threading.Event()
    ends: list[tuple[int, bool]] = []

    def script(connection: Connection) -> None:
        assert connection.sock.recv(1, socket.MSG_PEEK)
        connected.set()
        assert killed.wait(PATIENCE)
        ends.append(connection.drain())

    server = network.server(script)
    process = subprocess.Popen([sys.executable, "-c", UPLOAD, server.url])
    try:
        assert connected.wait(PATIENCE)
    finally:
        os.kill(process.pid, signal.SIGKILL)
        process.wait(PATIENCE)
    killed.set()
    end = time.monotonic() + PATIENCE
    while not ends:
        assert time.monotonic() < end
        time.sleep(0.01)
    count, was_reset = ends[0]
    assert was_reset
    assert count < 48 << 20


UPLOAD = """
import sys, time
from worker.kind import Call
from worker.vitec.client import Client
from worker.vitec.credentials import Credentials, Login
from worker.vitec.http_attempt import Permit
client = Client(sys.argv[1], Credentials(Login("partner", "pw-of-the-test")))
client.send(Call("POST", "a/b", b"x" * (48 << 20), "M1", "g", "1.1"), Permit(time.monotonic() + 60))
"""


def test_a_client_from_before_the_fork_is_refused(network: Network) -> None:
    """Its watchdog's thread does not exist in the child: nothing would keep the deadline."""
    server = network.answering(OK)
    client = network.client(server)
    client._pid -= 1
    with pytest.raises(RuntimeError, match="after the fork"):
        send_call(client)
    assert server.connections == 0


@pytest.mark.parametrize(
    ("method", "body", "length"),
    [("PUT", b"{}", "2"), ("PATCH", b"{}", "2"), ("DELETE", None, None), ("PUT", None, "0")],
)
def test_every_declared_method_goes_out(network: Network, method: str, body: bytes | None, length: str | None) -> None:
    server = network.answering(OK)
    send_call(network.client(server), dataclasses.replace(POST, method=method, body=body))
    first, *lines = server.requests[0].partition(b"\r\n\r\n")[0].decode().split("\r\n")
    fields = dict(line.split(": ", 1) for line in lines)
    assert first == f"{method} /api/Appointment/M1/HAN1 HTTP/1.1"
    assert fields.get("Content-Length") == length
    assert ("Content-Type" in fields) == (body is not None)

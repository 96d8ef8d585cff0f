"""A client without opinions: it sends and receives plain bytes, so that a test sees a fault on the wire as it is."""

import base64
import json
import socket
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from email.message import Message
from http.client import HTTPConnection
from typing import Any, Final

from worker.sandbox import PASSWORD, USER, CallKind, Sandbox

DEADLINE: Final = 10.0
LOGIN: Final = "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()

PATHS: Final[Mapping[CallKind, str]] = {
    CallKind.APPOINTMENT: "/Appointment/M30001/HAN1",
    CallKind.COMEBACK: "/Meeting/Comeback/M30001/ADR1",
    CallKind.VIEWING_REGISTRATION: "/Viewing/M30001/VIS1/TID1/Participant/ADR1",
    CallKind.VIEWING_CANCELLATION: "/Viewing/M30001/VIS1/TID1/Participant/ADR1",
    CallKind.NOTIFICATION: "/User/Notify/M30001",
    CallKind.ORDER_TOKEN: "/Service/Order/Token/M30001",
    CallKind.ORDER_STATUS: "/Service/Order/Status/M30001",
}
METHODS: Final[Mapping[CallKind, str]] = {CallKind.VIEWING_CANCELLATION: "DELETE", CallKind.ORDER_STATUS: "PUT"}
"""The methods that are not POST."""
BODIES: Final[Mapping[CallKind, dict[str, Any]]] = {
    CallKind.APPOINTMENT: {
        "subject": "Fotografering",
        "startsAt": "2026-12-03T10:00:00+01:00",
        "endsAt": "2026-12-03T11:00:00+01:00",
    },
    CallKind.COMEBACK: {"date": "2026-12-09T14:00:00+01:00", "participant": {"userId": "HAN1"}, "note": "Ring före"},
    CallKind.VIEWING_REGISTRATION: {"reminderTime": 60, "smsReminder": True},
    CallKind.NOTIFICATION: {"message": "Nytt bud", "sms": True, "recipients": ["HAN1", "HAN2"]},
    CallKind.ORDER_TOKEN: {"data": "nk07v97aM4k+/A=="},
    CallKind.ORDER_STATUS: {"id": "ORD1", "status": "Delivered", "comment": "Klart"},
}
"""The bodies of the calls that have one."""
MEETINGS: Final = "/CRM/Contact/M30001/ADR1/ComebackMeeting"
PARTICIPANTS: Final = "/ViewingParticipant/M30001/ADR1/VIS1"


@dataclass(frozen=True, slots=True)
class Reply:
    status: int
    headers: Message
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


def call(sandbox: Sandbox, kind: CallKind, *, path: str | None = None, body: Any = None, **changes: Any) -> Reply:
    """Make one of the calls that do something; it is valid unless `body` or `changes` break it."""
    method, path = METHODS.get(kind, "POST"), path or PATHS[kind]
    if kind not in BODIES:
        return ask(sandbox, method, path, Content_Type=None)
    content = BODIES[kind] | changes if body is None else body
    return ask(sandbox, method, path, json.dumps(content).encode())


def get(sandbox: Sandbox, path: str) -> Reply:
    return ask(sandbox, "GET", path)


def ask(sandbox: Sandbox, method: str, path: str, body: bytes | None = None, **headers: str | None) -> Reply:
    """Send one request on a connection of its own. A header given as None is left out; `_` stands for `-`."""
    usual = {"Authorization": LOGIN, "Content-Type": "application/json; charset=utf-8"}
    sent_headers = usual | {name.replace("_", "-"): value for name, value in headers.items()}
    connection = HTTPConnection("127.0.0.1", sandbox.port, timeout=DEADLINE)
    try:
        connection.request(
            method, path, body, {name: value for name, value in sent_headers.items() if value is not None}
        )
        response = connection.getresponse()
        return Reply(response.status, response.headers, response.read())
    finally:
        connection.close()


def request_bytes(kind: CallKind = CallKind.APPOINTMENT, *, body: bytes | None = None) -> bytes:
    content = json.dumps(BODIES[kind]).encode() if body is None else body
    lines = [
        f"{METHODS.get(kind, 'POST')} {PATHS[kind]} HTTP/1.1",
        "Host: 127.0.0.1",
        f"Authorization: {LOGIN}",
        "Content-Type: application/json",
        f"Content-Length: {len(content)}",
    ]
    return ("\r\n".join(lines) + "\r\n\r\n").encode() + content


def connect(sandbox: Sandbox, timeout: float = DEADLINE) -> socket.socket:
    return socket.create_connection(("127.0.0.1", sandbox.port), timeout=timeout)


def send(sandbox: Sandbox, content: bytes) -> bytes:
    """Send bytes and return all that comes back until the other side closes; a reset raises ConnectionResetError."""
    with connect(sandbox) as connection:
        connection.sendall(content)
        return receive_all(connection)


def receive_until(connection: socket.socket, word: bytes, *, times: int) -> bytes:
    """Return all that comes until a word has come so often, with the rest of the answer that it begins."""
    received = b""
    while received.count(word) < times or not received.endswith((b'"', b"}")):
        piece = connection.recv(65536)
        assert piece, "the other side closed"
        received += piece
    return received


def receive_all(connection: socket.socket | ssl.SSLSocket) -> bytes:
    pieces = []
    while piece := connection.recv(65536):
        pieces.append(piece)
    return b"".join(pieces)

"""Results by POST: signed, told only after a yes, and the same batch again after everything else."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import socket
import time
from contextlib import ExitStack
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from models import State
from tests import factory
from tests.results.destinations import IDS, batch_rows, change, sink_row, to, write
from tests.vitec.conftest import Network
from tests.vitec.server import AUTHORITY
from worker.results import posting

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.clock import FixedClock
    from tests.vitec.server import Connection
    from worker.outbox import Database

SECRET = "a secret of sixteen characters and more"
YES = b"HTTP/1.1 204 No Content\r\n\r\n"


def answer(status: str, body: bytes = b"", content_type: str = "application/json") -> bytes:
    """Make an answer."""
    head = f"HTTP/1.1 {status}\r\nContent-Type: {content_type}\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


@pytest.fixture
def network() -> Iterator[Network]:
    """Servers that end with the test."""
    with ExitStack() as stack:
        yield Network(stack)


@pytest.fixture
def secret_file(tmp_path: Path) -> Path:
    """The file with the secret."""
    path = tmp_path / "secret"
    path.write_text(f"{SECRET}\n", encoding="utf-8")
    return path


class Receiver:
    """The CRM's side: gives its answers in turn, the last one for ever, and keeps each request."""

    def __init__(self, network: Network, *answers: bytes, certificate: str | None = None) -> None:
        self.requests: list[bytes] = []
        self._answers = list(answers)
        self.server = network.server(self._serve, certificate)

    def _serve(self, connection: Connection) -> None:
        self.requests.append(connection.request())
        connection.send(self._answers.pop(0) if len(self._answers) > 1 else self._answers[0])

    @property
    def bodies(self) -> list[dict[str, Any]]:
        return [json.loads(request.partition(b"\r\n\r\n")[2]) for request in self.requests]

    @property
    def ids(self) -> list[list[str]]:
        return [[row["source_id"] for row in body["results"]] for body in self.bodies]

    def headers(self, at: int = 0) -> dict[str, str]:
        lines = self.requests[at].partition(b"\r\n\r\n")[0].decode().split("\r\n")[1:]
        return {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}


def send_to(receiver: Any, secret_file: Path, scheme: str = "http", **options: Any) -> Any:
    """Make the destination of the receiver."""
    address = f"{scheme}://127.0.0.1:{receiver.server.port}/in?office=1"
    return to(post=address, secret_file=secret_file, **options)


def test_a_batch_is_signed_so_that_the_crm_can_verify(news: Database, network: Network, secret_file: Path) -> None:
    receiver = Receiver(network, YES)
    assert write(news, send_to(receiver, secret_file)) == {"batches": 1, "results": 6}
    head, _, body = receiver.requests[0].partition(b"\r\n\r\n")
    headers = receiver.headers()
    assert head.startswith(b"POST /in?office=1 HTTP/1.1\r\n")
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    digest = base64.b64encode(hmac.digest(SECRET.encode(), signed, hashlib.sha256)).decode()
    assert headers["webhook-signature"] == f"v1,{digest}"
    assert headers["webhook-id"] == receiver.bodies[0]["batch"] == "crm-000001"
    assert abs(time.time() - int(headers["webhook-timestamp"])) < 60
    assert headers["content-type"] == "application/json; charset=utf-8"
    assert receiver.ids == [IDS]


def test_the_example_of_standard_webhooks_is_met() -> None:
    """The vector of the specification's own libraries."""
    secret = base64.b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    headers = posting.sign("msg_p5jXN8AQM9LWM0D4loKWxJek", b'{"test": 2432232314}', secret, 1614265330)
    assert headers["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_a_secret_in_their_form_is_base64(news: Database, network: Network, secret_file: Path) -> None:
    key = base64.b64encode(b"k" * 24).decode()
    secret_file.write_text(f"whsec_{key}", encoding="utf-8")
    receiver = Receiver(network, YES)
    write(news, send_to(receiver, secret_file))
    headers = receiver.headers()
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode()
    signed += receiver.requests[0].partition(b"\r\n\r\n")[2]
    expected = base64.b64encode(hmac.digest(b"k" * 24, signed, hashlib.sha256)).decode()
    assert headers["webhook-signature"] == f"v1,{expected}"


@pytest.mark.parametrize(
    ("refusal", "why"),
    [
        (answer("500 Internal Server Error"), "it answered 500"),
        (answer("200 OK", b"<html>Log in</html>", "text/html; charset=utf-8"), "a page of HTML"),
        (answer("401 Unauthorized"), "refuses the sender"),
        (answer("413 Content Too Large"), "lower most_bytes"),
        (b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n", "points elsewhere"),
        (b"HTTP/1.1 200 OK\r\nX-Cut: 1\r\n", "no HTTP"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{", "no HTTP"),
        (b"HELO\r\n\r\n", "no HTTP"),
        (b"", "no HTTP"),
    ],
)
def test_a_no_brings_the_same_batch_again(
    news: Database, network: Network, secret_file: Path, clock: FixedClock, refusal: bytes, why: str
) -> None:
    receiver = Receiver(network, refusal, YES)
    destination = send_to(receiver, secret_file)
    assert write(news, destination) == {"destinations failed": 1}
    assert why in sink_row(news).fault
    assert write(news, destination) == {}
    clock.advance(60)
    assert write(news, destination) == {"batches": 1, "results": 6}
    assert receiver.bodies[0] == receiver.bodies[1]
    assert [row.number for row in batch_rows(news)] == [1]


def test_nothing_listens(news: Database, network: Network, secret_file: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed_soon:
        nowhere = SimpleNamespace(server=SimpleNamespace(port=closed_soon.getsockname()[1]))
    write(news, send_to(nowhere, secret_file))
    assert "nothing listens at its address" in sink_row(news).fault


@pytest.mark.parametrize("first", [0, 20])
def test_silence_and_dripping_end_at_the_deadline(
    news: Database, network: Network, secret_file: Path, monkeypatch: pytest.MonkeyPatch, first: int
) -> None:
    monkeypatch.setattr(posting, "DEADLINE", 0.5)
    slow = b"HTTP/1.1 200 OK\r\n" + b"X-Slow: 1\r\n" * 500
    server = network.dripping(slow, first) if first else network.server(lambda connection: connection.drain())
    began = time.monotonic()
    write(news, send_to(SimpleNamespace(server=server), secret_file))
    assert time.monotonic() - began < 10
    assert "does not answer in time" in sink_row(news).fault


def test_batches_come_in_order_and_fit(news: Database, network: Network, secret_file: Path, clock: FixedClock) -> None:
    receiver = Receiver(network, YES, answer("503 Service Unavailable"), YES)
    destination = send_to(receiver, secret_file, most_rows=2)
    write(news, destination)
    change(news, "A-1", "reported_at = NULL")
    clock.advance(60)
    write(news, destination)
    assert receiver.ids == [IDS[:2], IDS[2:4], IDS[2:4], ["A-1", "A-5"], ["BAD"]]
    assert [body["batch"] for body in receiver.bodies] == [f"crm-00000{number}" for number in (1, 2, 2, 3, 4)]


def test_a_body_is_no_larger_than_the_address_takes(db: Database, network: Network, secret_file: Path) -> None:
    with db.write() as connection:
        for number in range(12):
            factory.make_operation(connection, State.FAILED, source_id=f"L-{number:02d}", error_detail="å" * 2000)
    receiver = Receiver(network, YES)
    write(db, send_to(receiver, secret_file, most_bytes=12_000))
    assert all(len(request.partition(b"\r\n\r\n")[2]) <= 12_000 for request in receiver.requests)
    assert [id_ for ids in receiver.ids for id_ in ids] == [f"L-{number:02d}" for number in range(12)]
    assert len(receiver.ids) == 6


def test_a_batch_that_comes_again_holds_nothing_new(
    news: Database, network: Network, secret_file: Path, clock: FixedClock
) -> None:
    """The CRM that has stored it may answer yes at once, and misses nothing."""
    receiver = Receiver(network, answer("500 Internal Server Error"), YES)
    destination = send_to(receiver, secret_file)
    write(news, destination)
    change(news, "A-2", "remote_id = 'NEW'")
    with news.write() as connection:
        factory.make_operation(connection, State.FAILED, source_id="LATER")
    clock.advance(60)
    write(news, destination)
    again = [*IDS[:1], *IDS[2:]]
    assert receiver.ids == [IDS, again, ["A-2", "LATER"]]


def test_the_crms_own_names_are_used(news: Database, network: Network, secret_file: Path) -> None:
    receiver = Receiver(network, YES)
    names = SimpleNamespace(
        columns={"source_id": "RadId", "state": "Status"},
        states={"succeeded": "Klar", "rejected": "Avvisad"},
        parts={},
        kinds={},
        only=True,
    )
    write(news, send_to(receiver, secret_file, names=names))
    rows = receiver.bodies[0]["results"]
    assert rows[0] == {"RadId": "A-1", "Status": "Klar"}
    assert rows[5] == {"RadId": "BAD", "Status": "Avvisad"}


def test_a_certificate_is_verified(news: Database, network: Network, secret_file: Path, clock: FixedClock) -> None:
    receiver = Receiver(network, YES, certificate="good")
    write(news, send_to(receiver, secret_file, scheme="https"))
    assert "certificate is not accepted" in sink_row(news).fault
    clock.advance(60)
    write(news, send_to(receiver, secret_file, scheme="https", ca_bundle=AUTHORITY))
    assert receiver.ids == [IDS]


@pytest.mark.parametrize(
    ("text", "why"), [("", "is empty"), ("short", "shorter than 16"), ("whsec_not base64 at all", "no Base64 follows")]
)
def test_a_secret_that_cannot_be_is_told_without_it(
    news: Database, network: Network, secret_file: Path, text: str, why: str
) -> None:
    secret_file.write_text(text, encoding="utf-8")
    receiver = Receiver(network, YES)
    write(news, send_to(receiver, secret_file))
    assert why in sink_row(news).fault
    assert str(secret_file) in sink_row(news).fault
    assert receiver.requests == []

"""The total deadline holds in every phase, and what was cut is never taken for an answer."""

from __future__ import annotations

import threading
import time
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from tests.vitec.conftest import POST, Network, send_call
from tests.vitec.server import PATIENCE, Connection, http
from worker.errors import Refused, Unanswered, Unreadable
from worker.vitec.http_attempt import HttpAttempt, Permit, Watchdog, current_attempt
from worker.vitec.response import Stream, read_body

if TYPE_CHECKING:
    from collections.abc import Callable

OK = http("200 OK", b"true")
SHORT = 0.4
LONG = 8.0
"""Long enough for a slow machine, and much shorter than any timeout that could hide a missing watchdog."""


@pytest.mark.parametrize("certificate", [None, "good"])
def test_waiting_for_the_status_ends_at_the_deadline(network: Network, certificate: str | None) -> None:
    server = network.hanging(b"", certificate)
    permit = Permit(time.monotonic() + SHORT)
    began = time.monotonic()
    error = send_call(network.client(server), permit=permit)
    assert (type(error), permit.written) == (Unanswered, True)
    assert SHORT * 0.9 < time.monotonic() - began < LONG


@pytest.mark.parametrize("certificate", [None, "good"])
def test_a_status_line_that_drips_ends_at_the_deadline(network: Network, certificate: str | None) -> None:
    """No timeout of requests sees it: each single read is quick."""
    server = network.dripping(http("200 " + "K" * 5000, b"true"), 12, certificate)
    began = time.monotonic()
    assert type(send_call(network.client(server), within=SHORT)) is Unanswered
    assert time.monotonic() - began < LONG


def test_a_dripping_head_ends_at_the_deadline(network: Network) -> None:
    server = network.dripping(http("200 OK", b"true", "X: " + "y" * 5000), 20)
    began = time.monotonic()
    assert type(send_call(network.client(server), within=SHORT)) is Unreadable
    assert time.monotonic() - began < LONG


@pytest.mark.parametrize("certificate", [None, "good"])
def test_a_dripping_body_ends_at_the_deadline(network: Network, certificate: str | None) -> None:
    answer = http("200 OK", b"y" * 5000)
    server = network.dripping(answer, len(answer) - 4990, certificate)
    began = time.monotonic()
    error = send_call(network.client(server), within=SHORT)
    assert (type(error), error.status) == (Unreadable, 200)
    assert time.monotonic() - began < LONG


def test_a_dripping_body_of_unknown_length_ends_at_the_deadline(network: Network) -> None:
    """`Connection: close` makes http.client let go of the socket while the body is still to be read."""
    answer = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 5000\r\n\r\n" + b"y" * 5000
    server = network.dripping(answer, 80)
    began = time.monotonic()
    assert type(send_call(network.client(server), within=SHORT)) is Unreadable
    assert time.monotonic() - began < LONG


def test_a_refusal_with_a_hanging_body_counts_by_its_status(network: Network) -> None:
    server = network.hanging(http("400 Bad", b"{", length=9))
    assert type(send_call(network.client(server), within=SHORT)) is Refused


@pytest.mark.parametrize("certificate", [None, "good"])
def test_an_upload_that_is_blocked_ends_at_the_deadline(network: Network, certificate: str | None) -> None:
    go_on = threading.Event()
    ends: list[tuple[int, bool]] = []

    def script(connection: Connection) -> None:
        assert go_on.wait(PATIENCE)
        ends.append(connection.drain())

    server = network.server(script, certificate)
    call = replace(POST, body=b"x" * (48 << 20))
    # Time enough for a busy machine to begin to write.
    permit = Permit(time.monotonic() + 5 * SHORT)
    began = time.monotonic()
    error = send_call(network.client(server), call, permit=permit)
    took = time.monotonic() - began
    go_on.set()
    _until(lambda: bool(ends))
    assert (type(error), permit.written) == (Unanswered, True)
    assert took < LONG
    count, was_reset = ends[0]
    # The kernel throws away the bytes that it still holds: the server gets a reset instead of them. (Over TLS, Python
    # shows a truncated record as a plain end, so a reset cannot be seen there.)
    assert was_reset or certificate
    assert count < len(call.body or b"")


def test_a_cut_answer_that_looks_clean_is_still_unknown(network: Network) -> None:
    """After a shutdown http.client finds an end of file in the head, and makes a 201 with an empty body of it."""
    server = network.hanging(b"HTTP/1.1 201 Created\r\nX: y")
    error = send_call(network.client(server), within=SHORT)
    assert (type(error), error.status) == (Unreadable, 201)


def test_a_whole_answer_after_the_cut_stays_unknown(network: Network, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its body lay in a buffer already when the deadline came."""

    def late(stream: Stream, encoding: str | None) -> bytes:
        current_attempt().expire()
        return read_body(stream, encoding)

    monkeypatch.setattr("worker.vitec.client.read_body", late)
    error = send_call(network.client(network.answering(OK)))
    assert (type(error), error.status) == (Unreadable, 200)


def test_a_connection_back_in_the_pool_is_not_cut(network: Network, monkeypatch: pytest.MonkeyPatch) -> None:
    """The deadline comes when all has been read: the next request may be on that connection by now."""

    def early(stream: Stream, encoding: str | None) -> bytes:
        data = read_body(stream, encoding)
        current_attempt().expire()
        return data

    monkeypatch.setattr("worker.vitec.client.read_body", early)
    server = network.answering(OK)
    client = network.client(server)
    assert [send_call(client).status for _ in range(3)] == [200] * 3
    assert server.connections == 1


def test_the_clients_own_timeout_bounds_a_longer_permit(network: Network) -> None:
    server = network.hanging(b"")
    began = time.monotonic()
    assert type(send_call(network.client(server, timeout=SHORT), within=60)) is Unanswered
    assert time.monotonic() - began < LONG


def test_a_cut_request_does_not_touch_the_others(network: Network) -> None:
    """Many requests side by side: those that hang are cut, those that are answered are answered."""

    def script(connection: Connection) -> None:
        while True:
            if b"hang" in connection.request():
                connection.wait_gone()
                return
            connection.send(http("200 OK", b"true"))

    client = network.client(network.server(script))
    outcomes: dict[int, type] = {}

    def one(number: int) -> None:
        path = "User/Notify/hang" if number % 4 == 0 else "User/Notify/M1"
        call = replace(POST, path=path)
        within = SHORT if number % 4 == 0 else PATIENCE
        for _ in range(5):
            outcomes[number] = type(send_call(client, call, within=within))
            if number % 4 == 0:
                return

    threads = [threading.Thread(target=one, args=(number,)) for number in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    names = {number: kind.__name__ for number, kind in outcomes.items()}
    assert names == {number: "Unanswered" if number % 4 == 0 else "Answer" for number in range(12)}


def test_an_earlier_deadline_that_comes_later_wakes_the_watchdog() -> None:
    watchdog = Watchdog()
    late = HttpAttempt(Permit(time.monotonic() + 600), time.monotonic() + 600, "POST")
    soon = HttpAttempt(Permit(time.monotonic() + 600), time.monotonic() + 0.1, "POST")
    with watchdog.watch(late), watchdog.watch(soon):
        _until(lambda: soon.permit.revoked)
        assert not late.permit.revoked
    watchdog.close()


def test_an_attempt_that_has_ended_is_not_cut() -> None:
    attempt = HttpAttempt(Permit(time.monotonic() + 60), time.monotonic() + 60, "POST")
    assert attempt.permit.use()
    attempt.end()
    attempt.expire()
    assert not attempt.cut


def test_a_watchdog_that_could_not_start_starts_later(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    watchdog = Watchdog()
    attempt = HttpAttempt(Permit(time.monotonic() + 600), time.monotonic() + SHORT, "POST")
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", refuse)
        with pytest.raises(RuntimeError), watchdog.watch(attempt):
            pass
    with watchdog.watch(attempt):
        _until(lambda: attempt.permit.revoked)
    watchdog.close()


def _until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)

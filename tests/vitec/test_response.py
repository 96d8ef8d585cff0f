"""Heads of answers: read as `http.client` reads them, and what it lets pass is told apart."""

from __future__ import annotations

import http.client
import io
import time
from typing import TYPE_CHECKING, Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.vitec.conftest import bound_to_thread, send_call
from tests.vitec.server import http as made
from worker.errors import Unanswered, Unreadable
from worker.vitec.response import MarkedResponse

if TYPE_CHECKING:
    from tests.vitec.conftest import Network
    from worker.vitec.http_attempt import HttpAttempt

NAMES = st.sampled_from(["Content-Length", "content-length", "Transfer-Encoding", "Connection", "Date", "X-A", "x-a"])
VALUES = st.sampled_from(["5", "0", "-1", "chunked", "Chunked", "close", "keep-alive", "", "a: b", "ö", "  x  "])
HEADS = st.builds(
    lambda version, status, fields: (
        f"HTTP/{version} {status} Whatever\r\n"
        + "".join(f"{name}:{blank}{value}\r\n" for name, blank, value in fields)
        + "\r\n"
    ).encode("iso-8859-1"),
    st.sampled_from(["1.0", "1.1"]),
    st.sampled_from([200, 201, 204, 304, 404, 503]),
    st.lists(st.tuples(NAMES, st.sampled_from(["", " ", "\t "]), VALUES), max_size=6),
)


class FakeSocket:
    """As much of a socket as `http.client` reads an answer by."""

    def __init__(self, sent: bytes) -> None:
        self._sent = sent

    def makefile(self, mode: str) -> io.BytesIO:
        assert mode == "rb"
        return io.BytesIO(self._sent)


def read(how: type[http.client.HTTPResponse], sent: bytes) -> tuple[http.client.HTTPResponse, HttpAttempt]:
    with bound_to_thread() as attempt:
        answer = how(cast("Any", FakeSocket(sent)), method="POST")
        answer.begin()
    return answer, attempt


@given(HEADS)
def test_a_head_is_read_as_http_client_reads_it(head: bytes) -> None:
    theirs, _ = read(http.client.HTTPResponse, head)
    ours, attempt = read(MarkedResponse, head)
    named = ("version", "status", "code", "reason", "chunked")
    assert [getattr(ours, name) for name in named] == [getattr(theirs, name) for name in named]
    assert [(name, value.strip()) for name, value in ours.headers.items()] == [
        (name, value.strip()) for name, value in theirs.headers.items()
    ]
    assert attempt.head_complete
    if ours.headers.get("Transfer-Encoding", "chunked").lower() == "chunked":
        assert (ours.length, ours.will_close) == (theirs.length, theirs.will_close)


@given(HEADS, st.integers(min_value=0))
def test_a_cut_head_is_never_taken_for_whole(head: bytes, at: int) -> None:
    try:
        _, attempt = read(MarkedResponse, head[: at % len(head)])
    except http.client.HTTPException:
        return
    assert not attempt.head_complete


def test_a_value_over_two_lines_is_one_value(network: Network) -> None:
    answer = b"HTTP/1.1 200 OK\r\nX-Long: a\r\n b\r\nContent-Length: 4\r\n\r\ntrue"
    assert network.outcome(answer).body == b"true"


@pytest.mark.parametrize(
    "framing",
    [
        "Transfer-Encoding: gzip, chunked\r\nContent-Length: 4",
        "Transfer-Encoding: identity\r\nContent-Length: 4",
        "Content-Length: +4",
        "Content-Length: 4, 4",
        "Content-Length : 4",
    ],
)
def test_a_body_with_doubtful_length_is_not_taken_for_whole(network: Network, framing: str) -> None:
    assert type(network.outcome(f"HTTP/1.1 200 OK\r\n{framing}\r\n\r\ntrue".encode())) is Unreadable


def test_blanks_within_a_value_cost_no_more_than_other_signs() -> None:
    """While a pattern looks for its match, no other thread runs: not the watchdog, and not the one with the lease."""
    head = b"HTTP/1.1 200 OK\r\n" + b"".join(b"X: a" + b" " * 60_000 + b"b\r\n" for _ in range(50)) + b"\r\n"
    began = time.thread_time()
    answer, _ = read(MarkedResponse, head)
    assert time.thread_time() - began < 2
    assert len(answer.headers.get_all("X", [])) == 50


@pytest.mark.parametrize(
    "fields",
    ["X: " + "x" * 70_000, "\r\n".join(f"X-{n}: y" for n in range(200)), "X: y" + "\r\n y" * 200],
)
def test_an_oversized_head_is_not_read_to_its_end(network: Network, fields: str) -> None:
    outcome = network.outcome(made("200 OK", b"true", fields))
    assert type(outcome) is Unreadable
    assert type(network.outcome(f"HTTP/1.1 100 Continue\r\n{fields}\r\n\r\n".encode())) is Unanswered


def test_a_forbidden_header_field_is_found_before_the_first_byte(network: Network) -> None:
    server = network.answering(made("200 OK", b"true"))
    client = network.client(server)
    client._prepare = _with_a_line_break(client._prepare)  # type: ignore[method-assign]
    assert type(send_call(client)).__name__ == "Unsendable"
    assert server.requests == []


def _with_a_line_break(prepare: Any) -> Any:
    def broken(*args: Any) -> Any:
        request = prepare(*args)
        request.headers["X-Request-Id"] = "1\r\nX-Evil: 2"
        return request

    return broken

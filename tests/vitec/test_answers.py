"""Each line of the table of answers says of one answer whether Vitec may have acted."""

from __future__ import annotations

import gzip
import tracemalloc
import zlib

import pytest

from tests.vitec.conftest import GET, Network, bound_to_thread, send_call
from tests.vitec.server import http
from worker.errors import (
    Barred,
    Conflict,
    Redirected,
    Refused,
    ServerError,
    Throttled,
    Unanswered,
    Unreadable,
    VitecError,
)
from worker.kind import Answer
from worker.vitec.connection import PlainConnection

AT_MOST = 1 << 20
# Without a time in it: the names of the tests are made of it.
GZIPPED = gzip.compress(b"true", mtime=0)


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (http("200 OK", b'"CAL123"'), Answer(200, b'"CAL123"')),
        (http("204 No Content"), Answer(204, b"")),
        (b"HTTP/1.1 204 No Content\r\n\r\n", Answer(204, b"")),
        (http("200 OK"), Answer(200, b"")),
        (http("201 Created", b"true"), Answer(201, b"true")),
        (b"HTTP/1.1 200\r\nContent-Length: 4\r\n\r\ntrue", Answer(200, b"true")),
        (b"HTTP/1.0 200 OK\r\nContent-Length: 4\r\n\r\ntrue", Answer(200, b"true")),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\ntr\r\n2\r\nue\r\n0\r\n\r\n", Answer(200, b"true")),
        (b"HTTP/1.1 100 Continue\r\n\r\n" + http("200 OK", b"true"), Answer(200, b"true")),
        (b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" + http("200 OK", b"true"), Answer(200, b"true")),
        (http("200 OK", GZIPPED, "Content-Encoding: gzip"), Answer(200, b"true")),
        (http("200 OK", zlib.compress(b"true"), "Content-Encoding: deflate"), Answer(200, b"true")),
        (http("200 OK", b"x" * AT_MOST), Answer(200, b"x" * AT_MOST)),
    ],
)
def test_a_complete_2xx_is_an_answer(network: Network, answer: bytes, expected: Answer) -> None:
    assert network.outcome(answer) == expected


def test_a_look_up_is_answered_as_well(network: Network) -> None:
    assert network.outcome(http("200 OK", b"[]"), GET) == Answer(200, b"[]")


REFUSED = [400, 402, 404, 405, 406, 410, 412, 413, 414, 415, 418, 422, 451]


@pytest.mark.parametrize("status", REFUSED)
def test_another_4xx_is_a_refusal(network: Network, status: int) -> None:
    for body in (b'{"message": "Fel <html>"}', b"", b"nothing here", b"<Error/>", b"\xff\xfe"):
        error = network.outcome(http(f"{status} No", body))
        assert (type(error), error.status) == (Refused, status)


@pytest.mark.parametrize("status", [408, 425, 499])
def test_a_4xx_of_a_server_giving_up_is_no_refusal(network: Network, status: int) -> None:
    error = network.outcome(http(f"{status} Gave up"))
    assert (type(error), error.status) == (ServerError, status)


@pytest.mark.parametrize(("status", "forbidden"), [(401, False), (403, True)])
def test_401_and_403_are_the_logins_fault(network: Network, status: int, forbidden: bool) -> None:
    for body in (b"", b'{"message": "no"}', *([] if forbidden else [b"<html>no</html>"])):
        error = network.outcome(http(f"{status} No", body))
        assert type(error) is Barred
        assert error.status == status
        assert error.forbidden == forbidden


def test_409_is_unclear(network: Network) -> None:
    assert type(network.outcome(http("409 Conflict"))) is Conflict


@pytest.mark.parametrize("status", [300, 301, 302, 303, 304, 307, 308])
def test_a_redirect_is_never_followed(network: Network, status: int) -> None:
    elsewhere = network.answering(http("200 OK", b"true"))
    server = network.answering(http(f"{status} Moved", b"", f"Location: {elsewhere.url}/stolen"), close=True)
    assert type(send_call(network.client(server))) is Redirected
    assert elsewhere.connections == 0
    assert len(server.requests) == 1


@pytest.mark.parametrize("status", [500, 501, 502, 503, 504, 505, 599, 600, 999, 101])
def test_5xx_and_unknown_statuses_are_unclear(network: Network, status: int) -> None:
    for body in (b"", b"<html>Bad gateway</html>"):
        error = network.outcome(http(f"{status} Oops", body))
        assert (type(error), error.status) == (ServerError, status)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("Retry-After: 7", 7.0),
        ("Retry-After: 0", 1.0),
        ("Retry-After: 86400", 3600.0),
        ("Retry-After: " + "9" * 5000, 3600.0),
        ("Retry-After: Sun, 22 Nov 2026 10:00:30 GMT\r\nDate: Sun, 22 Nov 2026 10:00:00 GMT", 30.0),
        ("Retry-After: Sun, 22 Nov 2026 10:00:30 GMT", None),
    ],
)
@pytest.mark.parametrize("status", [429, 503])
def test_vitec_may_say_when_to_come_back(network: Network, status: int, header: str, seconds: float | None) -> None:
    error = network.outcome(http(f"{status} Later", b"", header))
    assert type(error) is Throttled
    assert error.status == status
    assert error.retry_after == seconds


@pytest.mark.parametrize("header", ["X: y", "Retry-After: soon", "Retry-After: -5", "Retry-After: 1.5"])
def test_garbage_is_as_no_retry_after(network: Network, header: str) -> None:
    too_many = network.outcome(http("429 Later", b"", header))
    assert (type(too_many), too_many.retry_after) == (Throttled, None)
    assert type(network.outcome(http("503 Down", b"", header))) is ServerError


@pytest.mark.parametrize("status", [429, 503])
def test_a_setting_can_say_that_throttling_proves_nothing(network: Network, status: int) -> None:
    error = network.outcome(http(f"{status} Later", b"", "Retry-After: 7"), throttled_is_certain=False)
    assert (type(error), error.status) == (ServerError, status)


@pytest.mark.parametrize(
    "answer",
    [
        http("200 OK", b'"CAL', length=9),
        http("200 OK", b"", length=9),
        http("200 OK", b"x", length=AT_MOST + 2),
        http("200 OK", b"x" * (AT_MOST + 1)),
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\ntr",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\ntr\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\ntr\r\n0",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\ntr\r\n0\r\n\r\n",
        b"HTTP/1.1 201 Created\r\nContent-Len",
        b"HTTP/1.1 201 Created\r\nContent-Length: 0\r\n",
        b"HTTP/1.1 201 Created\r\n",
        b"HTTP/1.1 200 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\ntrue",
        b"HTTP/1.1 200 OK\r\nContent-Length: -4\r\n\r\ntrue",
        b"HTTP/1.1 200 OK\r\nContent-Length: four\r\n\r\ntrue",
        b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\nContent-Length: 9\r\n\r\ntrue",
        b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\nContent-Length: four\r\n\r\ntrue",
        b"HTTP/1.1 200 OK\r\nContent-Length: 0_9\r\n\r\ntrue",
        b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 200 + b"Content-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"y" * 70_000 + b"\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nno header at all\r\nContent-Length: 0\r\n\r\n",
        http("200 OK", b"not gzip", "Content-Encoding: gzip"),
        http("200 OK", GZIPPED[:-4], "Content-Encoding: gzip"),
        http("200 OK", GZIPPED * 2, "Content-Encoding: gzip"),
        http("200 OK", gzip.compress(b"x" * (AT_MOST + 1), mtime=0), "Content-Encoding: gzip"),
        http("200 OK", b"?", "Content-Encoding: br"),
    ],
)
def test_an_incomplete_2xx_was_accepted_and_is_unreadable(network: Network, answer: bytes) -> None:
    error = network.outcome(answer)
    assert type(error) is Unreadable
    assert error.status in {200, 201}


def test_a_body_that_ends_too_early_is_noticed_without_urllib3(network: Network) -> None:
    """`http.client` lets it pass, and urllib3 notices only if it reads the length in the same way."""
    server = network.answering(http("200 OK", b"tr", length=4), close=True)
    with bound_to_thread("GET") as attempt:
        connection = PlainConnection("localhost", server.port, timeout=10)
        connection.request("GET", "/", preload_content=False)
        response = connection.getresponse()
        answer = response._original_response
        framed = [attempt.framed]
        assert answer.read(4) == b"tr"
        assert answer.read(4) == b""
        assert answer.isclosed() is True
        framed.append(attempt.framed)
        connection.close()
    assert framed == [True, False]


def test_a_gzip_bomb_stays_small(network: Network) -> None:
    packer = zlib.compressobj(wbits=31)
    bomb = b"".join([packer.compress(bytes(1 << 20)) for _ in range(200)] + [packer.flush()])
    assert len(bomb) < AT_MOST
    tracemalloc.start()
    try:
        error = network.outcome(http("200 OK", bomb, "Content-Encoding: gzip"))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert type(error) is Unreadable
    assert peak < 16 << 20


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"HTTP/1.1 20",
        b"HTTP/1.1 201 Cre",
        b"HTTP/1.1 400 Bad",
        b"HTTP/1.1 100 Continue\r\n\r\n",
        b"HTTP/1.1 103 Early Hints\r\n\r\n",
        b"HTTP/1.1 103 Early Hints\r\n",
        b"\x15\x03\x01\x00\x02\x02\x50",
        b"SSH-2.0-OpenSSH\r\n",
        b"HTTP/2 200\r\nContent-Length: 0\r\n\r\n",
        b"\r\n\r\n",
    ],
)
def test_no_answer_after_the_first_byte_is_unanswered(network: Network, answer: bytes) -> None:
    error = network.outcome(answer)
    assert type(error) is Unanswered
    assert error.status is None


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (http("400 Bad", b'{"mess', length=99), Refused),
        (b"HTTP/1.1 404 Not found\r\nContent-Le", Refused),
        (http("401 No", b"", length=99), Barred),
        (http("429 Later", b"", "Retry-After: 7", length=99), Throttled),
        (b"HTTP/1.1 302 Moved\r\nLocat", Redirected),
        (b"HTTP/1.1 503 Down\r\nRetry-After: 1", ServerError),
        (http("500 Oops", b"", length=99), ServerError),
    ],
)
def test_an_error_that_is_not_complete_counts_by_its_status(
    network: Network, answer: bytes, expected: type[VitecError]
) -> None:
    assert type(network.outcome(answer)) is expected


def test_vitecs_words_are_not_in_the_error_text(network: Network) -> None:
    body = '{"Message": "Anna Andersson\\u0000 är\\u001b[31m redan bokad"}'.encode()
    error = network.outcome(http("400 Bad", body))
    assert error.text == "Anna Andersson är [31m redan bokad"
    assert "Anna" not in f"{error} {error!r} {error.args}"

"""Answers that are not the API's own: pages of HTML, and the words of proxies and portals."""

import pytest

from tests.vitec.conftest import GET, POST, Network
from tests.vitec.server import http
from tests.vitec.test_answers import REFUSED
from worker.errors import Conflict, ForeignAnswer, ForeignPage, Refused, ServerError, VitecError
from worker.kind import Answer, Call


@pytest.mark.parametrize("status", [*REFUSED, 403])
@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b"<html>no</html>", "application/json"),
        (b"\xef\xbb\xbf\r\n <!DOCTYPE HTML PUBLIC>", ""),
        (b"<!-- a ban --><html>", "text/html; charset=utf-8"),
        (b"Forbidden", "Text/HTML"),
        (b"", "text/html"),
        (b"<p>no", "application/xhtml+xml"),
    ],
)
def test_a_refusal_as_a_page_is_not_the_apis(network: Network, status: int, body: bytes, content_type: str) -> None:
    error = network.outcome(http(f"{status} No", body, f"Content-Type: {content_type}"))
    assert (type(error), error.status) == (ForeignAnswer, status)
    assert error.why == f"{status}: an HTML page, not the API's answer"


def test_json_under_a_wrong_name_is_the_apis_refusal(network: Network) -> None:
    answer = http("404 No", b'{"message": "Kontakten finns inte"}', "Content-Type: text/html")
    assert type(network.outcome(answer)) is Refused


@pytest.mark.parametrize("status", [407, 421, 431, 511])
@pytest.mark.parametrize("body", [b"", b'{"message": "no"}', b"<html>"])
def test_words_of_proxies_and_portals_refuse_nothing(network: Network, status: int, body: bytes) -> None:
    error = network.outcome(http(f"{status} No", body))
    assert (type(error), error.status) == (ForeignAnswer, status)


@pytest.mark.parametrize(("status", "kind"), [(409, Conflict), (500, ServerError), (502, ServerError)])
def test_a_page_tells_nothing_where_the_status_does_not(network: Network, status: int, kind: type[VitecError]) -> None:
    assert type(network.outcome(http(f"{status} No", b"<html>", "Content-Type: text/html"))) is kind


@pytest.mark.parametrize("status", [200, 201, 202])
@pytest.mark.parametrize("call", [POST, GET], ids=["send", "look-up"])
def test_a_page_in_place_of_an_answer_accepts_nothing(network: Network, status: int, call: Call) -> None:
    error = network.outcome(http(f"{status} OK", b"\n<!doctype html><h1>Underh\xc3\xa5ll</h1>"), call)
    assert (type(error), error.status) == (ForeignPage, status)


def test_a_page_that_is_cut_off_accepts_nothing(network: Network) -> None:
    error = network.outcome(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n<html>")
    assert type(error) is ForeignPage


@pytest.mark.parametrize("body", [b'"CAL<html>"', b"<string>CAL1</string>", b"", b"OK"])
def test_another_2xx_is_left_to_the_kind(network: Network, body: bytes) -> None:
    assert network.outcome(http("200 OK", body, "Content-Type: application/xml")) == Answer(200, body)


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b"<!-- " + b"x" * 200 + b" --><html>", "text/plain"),
        (b" " * 200 + b"<html>", "text/plain"),
        (b'\xef\xbb\xbf<?xml version="1.0"?> <!-- x -->\n<!DOCTYPE html>', "application/xhtml+xml"),
        (b"", "text/html"),
        (b"Down for maintenance", "text/html; charset=utf-8"),
        ("\ufeff<html>".encode("utf-16-le"), "text/html"),
    ],
)
def test_a_page_that_begins_otherwise_accepts_nothing(network: Network, body: bytes, content_type: str) -> None:
    answer = http("200 OK", body, f"Content-Type: {content_type}")
    assert type(network.outcome(answer)) is ForeignPage


@pytest.mark.parametrize(
    ("status", "body", "content_type"),
    [
        ("200 OK", b'"CAL1"', "text/html"),
        ("204 No Content", b"", "text/html"),
        ("200 OK", b'<string xmlns="http://schemas.microsoft.com/2003/10/Serialization/">CAL1</string>', "text/xml"),
    ],
)
def test_the_apis_own_answer_is_no_page(network: Network, status: str, body: bytes, content_type: str) -> None:
    """JSON under a wrong name, nothing where nothing is due, and XML of its own: a 2xx of the API."""
    answer = network.outcome(http(status, body, f"Content-Type: {content_type}"))
    assert answer.body == body

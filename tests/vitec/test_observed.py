"""The trace of an answer that is not as documented: the beginning of its text, made harmless, and its shape."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.vitec.server import http
from worker.errors import Unreadable
from worker.kind import Answer
from worker.vitec.observed import trace_of

if TYPE_CHECKING:
    from tests.vitec.conftest import Network

XML = b'<?xml version="1.0"?>\n<string xmlns="http://schemas.microsoft.com/2003/10/Serialization/">CAL1</string>'


@pytest.mark.parametrize(
    ("body", "text", "shape"),
    [
        (b'{"id": "CAL1"}', '{"id": "CAL1"}', "object {id: text (3 capitals + 1 digit)}"),
        (b"CAL17", "CAL17", "not JSON (3 capitals + 2 digits)"),
        (b"17", "17", "whole number"),
        (XML, XML.decode().replace("\n", " "), "XML string"),
        (b"<ns:boolean>true</ns:boolean>", "<ns:boolean>true</ns:boolean>", "XML boolean"),
        (b"\r\n<!DOCTYPE html><p>Hej", "<!DOCTYPE html><p>Hej", "HTML page"),
        (b"null", "null", "null"),
        (b"", None, "empty"),
        (b" \r\n", None, "empty"),
        (b'"VID', '"VID', 'not JSON, begins with "'),
        (b'{"id":', '{"id":', "not JSON, begins with {"),
        (b"NaN", "NaN", "not JSON (one word)"),
        ('"CAL1"'.encode("utf-16"), '"CAL1"', "text (3 capitals + 1 digit)"),
        ('"CAL1"'.encode("utf-16-le"), '"CAL1"', "text (3 capitals + 1 digit)"),
        ('"Ö"'.encode("cp1252"), '"Ö"', "text (one word)"),
        ('"Ö"'.encode()[:2], '"', 'not JSON, begins with "'),
        ("a\u202eb\u200bc\ufeffd\x1b[2J\x00e\u2028f".encode(), "a b c d [2J e f", "not JSON (several words)"),
        (b"x" * 2000, "x" * 500, "not JSON (one word)"),
        (b"[" * 100_000, "[" * 500, "not JSON, begins with ["),
        (b"9" * 5000, "9" * 500, "not JSON (one word)"),
    ],
)
def test_the_trace_of_a_body(body: bytes, text: str | None, shape: str) -> None:
    trace = trace_of(Answer(200, body))
    assert trace.text == text
    assert trace.shape == shape


@given(st.binary(max_size=300))
def test_any_body_leaves_a_storable_trace(body: bytes) -> None:
    trace = trace_of(Answer(200, body))
    assert len(trace.text or "") <= 500
    assert not any(ord(sign) < 32 or 127 <= ord(sign) < 160 for sign in trace.text or "")
    assert trace.shape
    (trace.text or "").encode()


@pytest.mark.parametrize(
    ("answer", "text", "shape"),
    [
        (http("201 Created", b'"CAL', length=90), '"CAL', 'cut off: not JSON, begins with "'),
        (http("200 OK", b"<html>Closed"), "<html>Closed", "HTML page"),
        (
            http("400 No", b'{"message": "Nej tack"}'),
            '{"message": "Nej tack"}',
            "object {message: text (several words)}",
        ),
        (http("429 Wait", b"", "Retry-After: 7"), None, "empty; Retry-After in seconds"),
        (http("503 Wait", b"", "Retry-After: Tue, 01 Dec 2026 10:00:00 GMT"), None, "empty; Retry-After as a date"),
        (http("503 Wait", b"{}", "Retry-After: soon"), "{}", "object {}; Retry-After unreadable"),
        (b"HTTP/1.1 200 OK\r\nContent-Le", None, "cut off: empty"),
    ],
)
def test_an_error_carries_the_trace_of_its_answer(
    network: Network, answer: bytes, text: str | None, shape: str
) -> None:
    error = network.outcome(answer)
    assert error.answer_text == text
    assert error.answer_shape == shape


def test_no_error_names_the_text_of_its_answer(network: Network) -> None:
    error = network.outcome(http("200 OK", b'"Anna', length=90))
    assert isinstance(error, Unreadable)
    assert error.answer_text == '"Anna'
    assert "Anna" not in f"{error}{error!r}{error.args}"

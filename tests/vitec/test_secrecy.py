"""Whatever happens, errors and logs hold nothing of what was sent or answered."""

from __future__ import annotations

import dataclasses
import logging
import time
import traceback
from typing import TYPE_CHECKING

import pytest

from tests.vitec.conftest import LOGIN, POST, Network
from tests.vitec.server import http
from worker.errors import VitecError
from worker.vitec.credentials import Credentials
from worker.vitec.http_attempt import Permit

if TYPE_CHECKING:
    from collections.abc import Iterator

CANARIES = ("canary", "partner", LOGIN.authorization.split()[1], "Appointment", "HAN1", "ADR1")
BODY = b'{"message": "canary-answer about ADR1"}'


def chained(error: BaseException | None) -> Iterator[BaseException]:
    """The error and all it carries along, shown or not."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


@pytest.mark.parametrize(
    "answer",
    [
        http("400 canary-reason", BODY, "X-Canary: canary"),
        http("401 canary", BODY),
        http("302 canary", BODY, "Location: http://canary.example/Appointment/HAN1"),
        http("500 canary", BODY, length=999),
        http("200 canary", BODY, length=999),
        b"HTTP/1.1 200 OK\r\nHost canary without a colon\r\nX: canary\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\nContent-Length: canary\r\n\r\n",
        b"HTTP/1.1 canary\r\n\r\n",
        b"canary",
        b"",
    ],
)
def test_no_error_and_no_log_line_betrays_anything(
    network: Network, caplog: pytest.LogCaptureFixture, answer: bytes
) -> None:
    client = network.client(network.answering(answer, close=True))
    with caplog.at_level(logging.DEBUG):
        error = client.send(dataclasses.replace(POST, request_id="canary-id"), Permit(time.monotonic() + 10))
    assert isinstance(error, VitecError)
    assert list(chained(error)) == [error]
    texts = [str(error), repr(error), repr(error.args), "".join(traceback.format_exception_only(error)), caplog.text]
    for canary in CANARIES:
        assert canary not in "\n".join(texts)


def test_a_successful_call_is_not_logged_by_the_libraries_either(
    network: Network, caplog: pytest.LogCaptureFixture
) -> None:
    client = network.client(network.answering(http("200 OK", BODY), certificate="good"))
    with caplog.at_level(logging.DEBUG):
        client.send(POST, Permit(time.monotonic() + 10))
    assert caplog.text == ""


def test_a_login_is_never_shown() -> None:
    for shown in (repr(LOGIN), repr(Credentials(LOGIN)), f"{LOGIN}", str({"x": LOGIN})):
        assert "canary" not in shown
        assert LOGIN.authorization.split()[1] not in shown

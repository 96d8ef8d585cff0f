"""Vitec's clock is read from the `Date` of its answers, of whatever status, and never harms a request."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from tests.vitec.conftest import send_call
from worker.kind import DatedAnswer
from worker.vitec.vitec_clock import CHANGED, LOOK_EVERY, TAKE_EVERY, VitecClock

if TYPE_CHECKING:
    from tests.vitec.conftest import Network

DATE = "Tue, 01 Dec 2026 09:00:00 GMT"
MOMENT = datetime(2026, 12, 1, 9, tzinfo=UTC)


def answer(status: str, *fields: str, length: int = 2) -> bytes:
    head = "".join(f"{field}\r\n" for field in (f"HTTP/1.1 {status} X", *fields, f"Content-Length: {length}"))
    return f'{head}\r\n""'.encode()


@pytest.mark.parametrize("status", ["200", "302", "400", "401", "409", "429", "500", "503"])
def test_every_answer_tells_the_time(network: Network, status: str) -> None:
    client = network.client(network.answering(answer(status, f"Date: {DATE}"), close=True))
    send_call(client)
    dated = client.clock.take()
    assert dated is not None
    assert dated.date == MOMENT
    assert 0 < dated.seconds < 5


@pytest.mark.parametrize(
    "field",
    [
        "X: y",
        "Date:",
        "Date: Tue, 31 Feb 2026 09:00:00 GMT",
        "Date: Tue, 01 Foo 2026 09:00:00 GMT",
        "Date: Tue, 01 Dec 0000 09:00:00 GMT",
        "Date: Tue, 01 Dec 2026 99:00:00 GMT",
        "Date: Tue, 01 Dec 2026 09:00:00 +9999",
        "Date: 2026-12-01T09:00:00Z",
        "Date: \xff\xff",
        f"Date: {DATE}, {DATE}",
    ],
)
def test_a_date_that_is_none_changes_no_outcome(network: Network, field: str) -> None:
    client = network.client(network.answering(answer("401", field), close=True))
    assert send_call(client).status == 401
    assert client.clock.take() is None


def test_a_date_that_may_be_cut_off_is_not_read(network: Network) -> None:
    client = network.client(network.answering(f"HTTP/1.1 200 X\r\nDate: {DATE}".encode(), close=True))
    send_call(client)
    assert client.clock.take() is None


def test_one_answer_in_a_while_is_read() -> None:
    clock = VitecClock()
    clock.see(DATE, 100.0, 100.2)
    assert clock.due == 100.2 + LOOK_EVERY


def test_the_answer_that_took_least_time_tells_most() -> None:
    clock = VitecClock()
    for began, ended in ((100.0, 100.25), (110.0, 111.0), (120.0, 120.25)):
        clock.see(DATE, began, ended)
    assert clock.take() == DatedAnswer(MOMENT, 120.25, 0.25)
    assert clock.take() is None


@pytest.mark.parametrize(
    ("later", "date", "new"),
    [
        (20.0, "Tue, 01 Dec 2026 09:00:20 GMT", False),
        (20.0, "Tue, 01 Dec 2026 09:00:21 GMT", False),
        (20.0, "Tue, 01 Dec 2026 09:00:24 GMT", True),
        (20.0, "Tue, 01 Dec 2026 08:59:24 GMT", True),
        (TAKE_EVERY, "Tue, 01 Dec 2026 09:01:00 GMT", True),
    ],
)
def test_a_clock_is_told_again_when_it_has_moved(*, later: float, date: str, new: bool) -> None:
    assert CHANGED < 2
    clock = VitecClock()
    clock.see(DATE, 100.0, 100.25)
    assert clock.take() is not None
    clock.see(date, 100.0 + later, 100.25 + later)
    assert (clock.take() is not None) is new

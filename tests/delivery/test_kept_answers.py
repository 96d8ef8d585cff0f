"""Answers that are not as documented, from a real server: by the rules in doubt, and kept for a person to read."""

from __future__ import annotations

import io
from collections import deque
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
from structlog.testing import capture_logs

from models import Event, State
from tests.delivery.steps import LONG_AGO, end_leases, make_due
from tests.outbox.steps import entries, read
from tests.vitec.server import Connection, Server, http
from worker import delivery
from worker.outbox.exchange import rescue
from worker.outbox.views.answers import observe_answers
from worker.policies import dead_worker_policy, retry_policy
from worker.results import write_stream
from worker.vitec.client import Client
from worker.vitec.credentials import Credentials, Login

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from worker.outbox import Database
    from worker.settings import Settings

HEX = "0123456789ABCDEF" * 2


class Office(NamedTuple):
    """An outbox, and a server to which it sends; the server gives the `answers` in turn."""

    db: Database
    settings: Settings
    client: Client
    answers: deque[bytes | Callable[[], bytes]]

    def serve(self, kind: str, *answers: bytes | Callable[[], bytes]) -> None:
        """Serve one turn, in which the server gives these answers."""
        self.answers.extend(answers)
        delivery.serve(
            kind, db=self.db, client=self.client, settings=self.settings, stopping=lambda: False, by="here:1"
        )


@pytest.fixture
def office(db: Database, settings: Settings) -> Iterator[Office]:
    """The office, with a real client and a real server."""
    answers: deque[bytes | Callable[[], bytes]] = deque()

    def script(connection: Connection) -> None:
        while True:
            connection.request()
            answer = answers.popleft()
            connection.send(answer if isinstance(answer, bytes) else answer())

    with ExitStack() as stack:
        server = stack.enter_context(Server(script))
        client = Client(server.url, Credentials(Login("partner", "canary")), timeout=0.5)
        stack.callback(client.close)
        yield Office(db, settings, client, answers)


def kept(office: Office, operation_id: int) -> list[tuple[Any, ...]]:
    """List the event, status, text and shape of each entry of an operation's history."""
    return [
        (entry.event, entry.http_status, entry.answer_text, entry.answer_shape)
        for entry in entries(office.db, operation_id)
    ]


@pytest.mark.parametrize(
    ("answer", "text", "shape"),
    [
        (http("200 OK", f'{{"id": "CAL{HEX}"}}'.encode()), f'{{"id": "CAL{HEX}"}}', "object {id: text (CAL + 32 hex)}"),
        (http("200 OK", b"CAL17"), "CAL17", "not JSON (3 capitals + 2 digits)"),
        (http("200 OK", b"17"), "17", "whole number"),
        (http("201 Created", b"<string>CAL17</string>"), "<string>CAL17</string>", "XML string"),
        (http("200 OK", b"null"), "null", "null"),
        (http("200 OK", b"<html>Stopp</html>"), "<html>Stopp</html>", "HTML page"),
        (http("204 No Content"), None, "empty"),
        (http("200 OK", b'"CAL\\u001b[2J17"'), '"CAL\\u001b[2J17"', "text (one word)"),
    ],
)
def test_an_id_in_another_shape_can_be_read(office: Office, answer: bytes, text: str | None, shape: str) -> None:
    (id_,) = make_due(office.db, kind="appointment")
    office.serve("appointment", answer)
    row = read(office.db, id_)
    assert (row.state, row.remote_id) == (State.IN_DOUBT, None)
    assert kept(office, id_) == [(Event.SENT, int(answer[9:12]), text, shape)]
    assert row.needs_person


def test_an_answer_as_documented_leaves_nothing_more(office: Office) -> None:
    (id_,) = make_due(office.db, kind="appointment")
    office.serve("appointment", http("200 OK", f'"CAL{HEX}"'.encode()))
    assert read(office.db, id_).remote_id == f"CAL{HEX}"
    assert kept(office, id_) == [(Event.SENT, 200, None, None)]


def test_a_refusal_is_kept_whole(office: Office) -> None:
    (id_,) = make_due(office.db, kind="appointment")
    body = b'{"message": "The request is invalid.", "modelState": {"appointment.startsAt": ["fel datum"]}}'
    office.serve("appointment", http("400 Bad Request", body))
    assert read(office.db, id_).error_detail == "appointment.startsAt: fel datum"
    shape = "object {message: text (several words), modelState: object {appointment.startsAt: list of text (several words)}}"
    assert kept(office, id_) == [(Event.SENT, 400, body.decode(), shape)]


def test_an_answer_that_is_cut_off_is_kept_so_far(office: Office) -> None:
    (id_,) = make_due(office.db, kind="appointment")
    office.serve("appointment", http("200 OK", b'"CAL17', length=8))
    assert read(office.db, id_).error_detail == "200, but the answer was still coming at the deadline"
    assert kept(office, id_) == [(Event.SENT, 200, '"CAL17', 'cut off: not JSON, begins with "')]


def test_a_late_answer_is_kept_too(office: Office) -> None:
    (id_,) = make_due(office.db, kind="appointment")

    def answer_after_the_rescue() -> bytes:
        end_leases(office.db)
        rescue.rescue_lanes(office.db, dead_worker_policy(retry_policy(office.settings)), "there:2")
        return http("200 OK", b"CAL17")

    office.serve("appointment", answer_after_the_rescue)
    assert kept(office, id_) == [
        (Event.SENT, None, None, None),
        (Event.LATE, 200, "CAL17", "not JSON (3 capitals + 2 digits)"),
    ]


def test_the_shapes_of_the_first_day_are_summed_up(office: Office) -> None:
    make_due(office.db, 4, kind="appointment")
    ids = (f'"CAL{HEX[:-1]}{digit}"'.encode() for digit in "12")
    answers = (*(http("200 OK", id_) for id_ in ids), http("200 OK", b'{"id": 17}'), http("429 Wait", b"{}"))
    office.serve("appointment", *answers)
    observed = {
        (group.observation.http_status, group.observation.shape, group.observation.result): group.count
        for group in observe_answers(office.db, 100)
    }
    assert observed == {
        (200, "as documented: text (CAL + 32 hex)", "succeeded"): 2,
        (200, "object {id: whole number}", "unreadable_answer"): 1,
        (429, "object {}", "throttled"): 1,
    }


def test_a_kept_text_is_in_no_log_and_no_result(office: Office) -> None:
    (id_,) = make_due(office.db, kind="appointment")
    with capture_logs() as logs:
        office.serve("appointment", http("200 OK", b'{"name": "Anna Andersson"}'))
    assert entries(office.db, id_)[-1].answer_text == '{"name": "Anna Andersson"}'
    results = io.StringIO()
    assert write_stream(office.db, results, form="jsonl").operations == 1
    assert "Andersson" not in results.getvalue()
    assert "Andersson" not in repr(logs)


NOT_REGISTERED = [
    (http("200 OK", b"null"), "null", "null", "unclear"),
    (
        http("404 Not Found", b'{"message": "Anna"}'),
        '{"message": "Anna"}',
        "object {message: text (one word)}",
        "unclear",
    ),
    (http("200 OK", b"[]"), None, "empty list", "absent"),
]


@pytest.mark.parametrize(("answer", "text", "shape", "code"), NOT_REGISTERED)
def test_the_answer_to_a_look_up_has_its_shape(
    office: Office, answer: bytes, text: str | None, shape: str, code: str
) -> None:
    doubt: dict[str, Any] = {"doubt_since": LONG_AGO, "needs_person": False, "first_claimed_at": LONG_AGO}
    (id_,) = make_due(office.db, kind="viewing_registration", state=State.IN_DOUBT, **doubt)
    office.serve("viewing_registration", answer)
    looked_up = entries(office.db, id_)[-1]
    assert (looked_up.event, looked_up.code) == (Event.LOOKED_UP, code)
    assert kept(office, id_)[-1][2:] == (text, shape)

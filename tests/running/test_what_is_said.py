"""The scene of an operator's bad day: status, explain and list tell the cause each time, and so does the exit status."""

from __future__ import annotations

import json
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from tests.processes import celery, until, vitec_sync, worker
from tests.vitec.server import Server
from worker.outbox.views.overview import read_overview

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.running.office import Office
    from tests.vitec.server import Connection

pytestmark = [pytest.mark.servers, pytest.mark.processes]

PAGE = b"<html><body>Not here</body></html>"
NOT_FOUND = b"HTTP/1.1 404 Not Found\r\nContent-Type: text/html\r\nContent-Length: %d\r\n\r\n%s" % (len(PAGE), PAGE)


@contextmanager
def answering_pages(certificate: str | None = None) -> Iterator[str]:
    """Run a server that is no API: it answers each request with the same page. Gives its address."""

    def script(connection: Connection) -> None:
        while True:
            connection.request()
            connection.send(NOT_FOUND)

    with Server(script, certificate) as server:
        yield server.url


def run(office: Office, settings: dict[str, str], *words: str) -> tuple[int, Any]:
    """Run a command with --json; gives its exit status and what it printed."""
    with vitec_sync(office.folder, settings, *words, "--json", name=f"{words[0]}-json") as process:
        status = process.ends()
        return status, json.loads(process.output.splitlines()[-1])


@pytest.mark.parametrize(
    ("trouble", "reason", "cause", "cure"),
    [
        ("nothing listens", "unavailable", "the connection was refused", "VITEC_BASE_URL"),
        ("self_signed", "unavailable", "is not accepted: self-signed certificate", "VITEC_CA_BUNDLE"),
        ("a page", "foreign_answer", "404", "VITEC_BASE_URL"),
        ("wrong login", "unauthorized", "401", "Correct the login"),
    ],
)
def test_trouble_with_vitec_is_told_with_cause_and_cure(
    office: Office, trouble: str, reason: str, cause: str, cure: str
) -> None:
    settings = {**office.settings, "BREAKER_FAILURES": "3"}
    with answering_pages("self_signed" if trouble == "self_signed" else None) as address:
        if trouble == "wrong login":
            settings["VITEC_PASSWORD"] = "wrong"
        else:
            settings["VITEC_BASE_URL"] = "http://127.0.0.1:9" if trouble == "nothing listens" else address
        made = office.record(6, kind="comeback", customers=1)
        with worker(office.folder, settings), celery("beat", office.folder, settings):
            until(lambda: reason in {hold["reason"] for hold in read_overview(office.db).holds}, why="nothing is held")
            status, output = run(office, settings, "status", "--live")
            explained_status, explained = run(office, settings, "explain", str(made[-1]))
    concern = next(concern for concern in output["concerns"] if concern["code"] == reason)
    assert status == 3
    assert output["well"] is False
    assert cause in concern["what"]
    assert cure in concern["remedy"]
    assert explained_status == 0
    assert cause in json.dumps(explained)
    _, listed = run(office, settings, "list")
    assert {row["state"] for row in listed} <= {"pending", "retryable"}


def test_a_forgotten_pause_is_told_until_it_is_resumed(office: Office) -> None:
    office.record(2, kind="comeback", customers=1)
    with worker(office.folder, office.settings):
        assert run(office, office.settings, "pause", "--all", "--reason", "moving house", "--by", "anna")[0] == 0
        status, output = run(office, office.settings, "status")
        assert status == 3
        paused = next(concern for concern in output["concerns"] if concern["code"] == "paused")
        assert "Paused by anna (moving house): everything" in paused["what"]
        assert run(office, office.settings, *paused["command"].split()[1:])[0] == 0
        office.all_succeed(2)
        assert run(office, office.settings, "status")[0] == 0

"""`vitec-sync observe`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import insert

from models import Attempt, Event
from tests.factory import MOMENT, make_operation

if TYPE_CHECKING:
    from tests.cli.conftest import Shell

SECRET = "Hennes mamma är sjuk"


@pytest.fixture
def made(shell: Shell) -> int:
    """An appointment that was answered by something else than its id."""
    entry: dict[str, Any] = {"answer_text": SECRET, "answer_shape": "text (several words)", "code": "unreadable_answer"}
    with shell.db.write() as connection:
        id_ = make_operation(connection, kind="appointment")
        sent = {"operation_id": id_, "attempt": 1, "event": Event.SENT, "http_status": 200, "at": MOMENT, **entry}
        connection.execute(insert(Attempt).values(sent))
    return id_


def test_the_shapes_of_answers_are_summed_up(shell: Shell, made: int) -> None:
    (line,) = shell.run("observe").out.splitlines()[1:]
    assert line.split("\t")[:6] == [
        *("appointment", "send", "200", "text (several words)", "unreadable answer", "1"),
    ]
    assert line.endswith(f"\t{made}")
    (group,) = json.loads(shell.run("observe", "--json").out)
    assert (group["call"], group["http_status"]) == ("send", 200)
    assert group["operation_id"] == made


@pytest.mark.usefixtures("made")
def test_no_content_is_observed(shell: Shell) -> None:
    assert SECRET not in shell.run("observe").out + shell.run("observe", "--json").out


@pytest.mark.usefixtures("made")
def test_kinds_without_answers_say_so(shell: Shell) -> None:
    assert shell.run("observe", "--kind", "comeback").out == "No answer of Vitec's is on record yet.\n"
    assert shell.run("observe", "--kind", "comebak").status == 2

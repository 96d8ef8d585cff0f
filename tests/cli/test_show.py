"""`vitec-sync list` and `show`."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import insert, select

from models import Action, Attempt, Event, State
from tests.factory import MOMENT, make_feed_file, make_operation
from worker.cli.show import find_sending_time, mask_payload
from worker.kinds import KINDS

if TYPE_CHECKING:
    from tests.cli.conftest import Shell

SECRET = "Hennes mamma är sjuk"


def test_operations_are_listed_newest_first(shell: Shell) -> None:
    with shell.db.write() as connection:
        make_operation(connection, State.FAILED, source_id="old")
        make_operation(connection, State.IN_DOUBT, source_id="new")
    lines = shell.run("list").out.splitlines()
    assert lines[0].split("\t") == [
        *("id", "kind", "source id", "customer", "state", "code", "why", "when (Stockholm)")
    ]
    rows = [line.split("\t") for line in lines[1:]]
    assert [row[2:7] for row in rows] == [
        ["new", "M30001", "in doubt !", "unanswered", ""],
        ["old", "M30001", "failed", "refused", "Kontakten finns inte"],
    ]
    assert [row[7].split()[0] for row in rows] == ["recorded", "ended"]


def test_the_reason_in_a_list_is_one_short_line(shell: Shell) -> None:
    with shell.db.write() as connection:
        make_operation(connection, State.FAILED, error_detail="Visningen\nfinns " + "inte " * 99)
    (why,) = [line.split("\t")[6] for line in shell.run("list").out.splitlines()[1:]]
    assert why.startswith("Visningen finns inte inte")
    assert len(why) == 60


def test_filters_narrow_the_list(shell: Shell) -> None:
    with shell.db.write() as connection:
        wanted = make_operation(connection, State.FAILED, kind="notification", customer_id="M2")
        make_operation(connection, State.FAILED, kind="notification")
        make_operation(connection, State.PENDING, kind="notification", customer_id="M2")
    ran = shell.run(
        "list", "--state", "failed", "--kind", "notification", "--customer", "M2", "--code", "refused", "--json"
    )
    assert [row["id"] for row in json.loads(ran.out)] == [wanted]
    assert shell.run("list", "--needs-person").out == "There is no such operation.\n"


def test_the_list_goes_on_where_a_page_ended(shell: Shell) -> None:
    with shell.db.write() as connection:
        made = [make_operation(connection) for _ in range(3)]
    page = json.loads(shell.run("list", "--limit", "2", "--json").out)
    assert [row["id"] for row in page] == made[:0:-1]
    next_page = json.loads(shell.run("list", "--before", str(page[-1]["id"]), "--json").out)
    assert [row["id"] for row in next_page] == made[:1]


@pytest.mark.parametrize("words", [("--state", "done"), ("--kind", "visit"), ("--code", "42"), ("--limit", "0")])
def test_a_filter_that_cannot_be_is_a_usage_error(shell: Shell, words: tuple[str, str]) -> None:
    assert shell.run("list", *words).status == 2


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        (("--kind", "comebak"), "comeback"),
        (("--kind", "viewing-registration"), "viewing_registration"),
        (("--code", "token_expird"), "token_expired"),
        (("--code", "Unanswered"), "unanswered"),
    ],
)
def test_a_misspelt_filter_names_the_nearest_word(shell: Shell, words: tuple[str, str], meant: str) -> None:
    ran = shell.run("list", *words)
    assert ran.status == 2
    assert f"(did you mean {meant}?)" in " ".join(ran.err.replace("│", " ").split())


def test_the_list_holds_no_content(shell: Shell) -> None:
    with shell.db.write() as connection:
        make_operation(connection, payload={"note": SECRET})
    assert SECRET not in shell.run("list").out + shell.run("list", "--json").out


def test_show_takes_a_number_or_the_crms_id(shell: Shell) -> None:
    with shell.db.write() as connection:
        file_id = make_feed_file(connection, name="a.csv")
        made = make_operation(connection, State.FAILED, source_id="A", feed_file_id=file_id, line=7)
    by_number, by_name = shell.run("show", str(made)), shell.run("show", "comeback:A")
    assert by_number == by_name
    for text in ("failed", "Kontakten finns inte", "a.csv, line 7", "sent, HTTP 400", "contact_id\tADR0001"):
        assert text in by_number.out


def test_show_tells_the_call_to_look_for(shell: Shell) -> None:
    claimed_at = MOMENT - timedelta(minutes=2)
    with shell.db.write() as connection:
        made = make_operation(connection, State.IN_DOUBT, kind="viewing_registration", first_claimed_at=claimed_at)
    ran, data = shell.run("show", str(made)), json.loads(shell.run("show", str(made), "--json").out)
    assert f"Call at Vitec\tPOST {data['call']['path']}, sent 2026-12-01 09:58:00 CET" in ran.out
    assert "VIS0001" in data["call"]["path"]
    assert data["history"][0]["sent_at"] == "2026-12-01T09:58:00+01:00"
    assert data["call"]["request_id"] == f"{made}.1"


@pytest.mark.parametrize(
    ("written", "attempt", "sent_at"),
    [(True, 1, MOMENT), (True, 2, MOMENT - timedelta(seconds=0.2)), (False, 2, None)],
)
def test_the_time_of_sending_is_found(*, written: bool, attempt: int, sent_at: datetime | None) -> None:
    entry: Any = {"event": Event.SENT, "written": written, "attempt": attempt, "at": MOMENT, "seconds": 0.2}
    row: Any = {"first_claimed_at": MOMENT}
    assert find_sending_time(entry, row) == sent_at


def test_our_words_are_not_called_vitecs(shell: Shell) -> None:
    with shell.db.write() as connection:
        refused = make_operation(connection, State.FAILED)
        unreachable = make_operation(connection, State.RETRYABLE, error_detail="the connection was refused")
    assert "Vitec's words\tKontakten finns inte" in shell.run("show", str(refused)).out
    assert "Detail\tthe connection was refused" in shell.run("show", str(unreachable)).out
    assert "tried, nothing was written" in shell.run("show", str(unreachable)).out


@pytest.mark.parametrize("words", [(), ("--json",)])
def test_personal_fields_are_shown_only_with_reveal(shell: Shell, words: tuple[str, ...]) -> None:
    content = {"contact_id": "ADR1", "note": SECRET}
    with shell.db.write() as connection:
        made = make_operation(connection, State.IN_DOUBT, payload=content, revision={"payload": {"note": SECRET}})
    shown = shell.run("show", str(made), *words).out
    assert SECRET not in shown
    assert "ADR1" in shown
    assert shell.run("show", str(made), *words, "--reveal").out.count(SECRET) == 2


@pytest.mark.parametrize("words", [(), ("--json",)])
def test_kept_answers_are_shown_only_with_reveal(shell: Shell, words: tuple[str, ...]) -> None:
    kept = {"event": Event.LATE, "attempt": 1, "http_status": 200, "answer_text": SECRET, "answer_shape": "text (odd)"}
    with shell.db.write() as connection:
        made = make_operation(connection, State.IN_DOUBT)
        connection.execute(insert(Attempt).values(operation_id=made, **kept))
    shown = shell.run("show", str(made), *words).out
    assert "text (odd)" in shown
    assert SECRET not in shown
    assert "(hidden: --reveal)" in shown
    assert SECRET in shell.run("show", str(made), *words, "--reveal").out


def test_a_text_field_is_hidden_unless_known_plain() -> None:
    shown = set()
    for kind in KINDS:
        filled = dict.fromkeys(kind.model_fields, SECRET)
        shown |= {name for name, value in mask_payload(filled).items() if value == SECRET}
    assert shown.isdisjoint({"note", "message", "header", "contact_message", "subject", "location", "data"})
    assert mask_payload({"sms": True, "reminder_time": 15}) == {"sms": True, "reminder_time": 15}
    assert mask_payload({"something_new": SECRET}) == {"something_new": "(hidden: --reveal)"}


def test_a_blanked_operation_says_so(shell: Shell) -> None:
    with shell.db.write() as connection:
        made = make_operation(connection, State.SUCCEEDED, payload=None)
    assert "Blanked" in shell.run("show", str(made)).out
    assert json.loads(shell.run("show", str(made), "--json").out)["payload"] is None


def test_showing_a_missing_operation_prints_one_line(shell: Shell) -> None:
    for name in ("4711", "comeback:none"):
        ran = shell.run("show", name)
        assert (ran.status, ran.out) == (1, "")
        assert f"There is no operation {name}" in ran.err
    assert shell.run("show", "nonsense").status == 2


def test_a_look_at_personal_data_leaves_a_trace(shell: Shell) -> None:
    with shell.db.write() as connection:
        id_ = make_operation(connection)
    shell.run("show", str(id_))
    shell.run("show", str(id_), "--reveal")
    with shell.db.read() as connection:
        (action,) = connection.execute(select(Action.__table__)).all()
    assert action.command == "show --reveal"
    assert action.subject == {"ids": [id_]}

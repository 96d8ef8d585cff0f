"""`vitec-sync requeue`, `cancel` and `resolve`."""

from __future__ import annotations

import getpass
import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import select
from typer import BadParameter

from models import Action, State
from tests import factory
from tests.factory import MOMENT, make_operation
from worker.cli import deciding, terminal

if TYPE_CHECKING:
    from tests.cli.conftest import Shell


def made(shell: Shell, state: State, **overrides: Any) -> int:
    """Make an operation."""
    with shell.db.write() as connection:
        return make_operation(connection, state, **overrides)


def state(shell: Shell, id_: int) -> State:
    """Read an operation's state."""
    with shell.db.read() as connection:
        operation_state: State = factory.operation(connection, id_).state
    return operation_state


def last(shell: Shell, id_: int) -> Any:
    """Read the newest entry of an operation's history."""
    with shell.db.read() as connection:
        return factory.history(connection, id_)[-1]


@pytest.mark.parametrize("words", [("notification:A", "comeback:B"), ("--state", "failed", "--yes")])
def test_a_requeue_warns_of_a_second_notification(shell: Shell, words: tuple[str, ...]) -> None:
    id_ = made(shell, State.FAILED, kind="notification", source_id="A", error_code="nobody_notified")
    made(shell, State.FAILED, source_id="B")
    ran = shell.run("requeue", *words)
    assert "Warning: 1 operation ended with nobody_notified. It is not known whether" in ran.err
    assert state(shell, id_) is State.PENDING


def test_other_requeues_warn_of_nothing(shell: Shell) -> None:
    id_ = made(shell, State.FAILED)
    assert "Warning" not in shell.run("requeue", str(id_)).err


def test_named_operations_are_requeued_and_rung_for(shell: Shell) -> None:
    first, second = made(shell, State.FAILED, source_id="A"), made(shell, State.CANCELLED)
    ran = shell.run("requeue", "comeback:A", str(second), "--reason", "rätt nummer nu", "--by", "anna")
    assert (ran.status, ran.out.splitlines()[0]) == (0, f"{first} (comeback:A) requeued.")
    assert state(shell, first) is state(shell, second) is State.PENDING
    assert (last(shell, first).by, last(shell, first).detail) == ("anna", "rätt nummer nu")
    assert shell.rung == ["comeback"]


def test_the_decider_is_the_login_by_default(shell: Shell) -> None:
    id_ = made(shell, State.PENDING)
    shell.run("cancel", str(id_))
    assert last(shell, id_).by == getpass.getuser()


def test_a_filter_decides_only_for_the_rows_it_matches(shell: Shell) -> None:
    matching = [made(shell, State.FAILED), made(shell, State.EXPIRED, expires_at=None)]
    not_matching = made(shell, State.FAILED, customer_id="M2")
    waiting = made(shell, State.PENDING)
    ran = shell.run("requeue", "--customer", "M30001", "--yes", "--json")
    assert [decision["id"] for decision in json.loads(ran.out)["done"]] == matching
    assert state(shell, not_matching) is State.FAILED
    assert shell.run("cancel", "--kind", "comeback", "--state", "pending", "--yes").status == 0
    assert state(shell, waiting) is State.CANCELLED


def test_without_yes_no_row_is_changed(shell: Shell) -> None:
    id_ = made(shell, State.FAILED)
    ran = shell.run("requeue", "--state", "failed")
    assert (ran.status, ran.out) == (1, "")
    assert "say --yes" in ran.err
    assert state(shell, id_) is State.FAILED


@pytest.mark.parametrize(("answer", "expected"), [("y\n", State.PENDING), ("n\n", State.FAILED)])
def test_a_person_is_asked_before_many_are_decided(
    shell: Shell, monkeypatch: pytest.MonkeyPatch, answer: str, expected: State
) -> None:
    id_ = made(shell, State.FAILED)
    monkeypatch.setattr(terminal, "is_interactive", lambda: True)
    monkeypatch.setattr("typer.confirm", lambda question, err: answer == "y\n" and "1 operation?" in question)
    shell.run("requeue", "--state", "failed")
    assert state(shell, id_) is expected


@pytest.mark.parametrize(
    "words",
    [
        ("requeue",),
        ("cancel",),
        ("requeue", "1", "--state", "failed"),
        ("requeue", "--state", "pending", "--yes"),
        ("cancel", "--state", "failed", "--yes"),
        ("requeue", "nonsense"),
        ("requeue", "1", "--expires", "soon"),
        ("resolve", "1", "--reason", "x"),
        ("resolve", "1", "--delivered", "--give-up", "--reason", "x"),
        ("resolve", "1", "--delivered"),
        ("resolve", "1", "--delivered", "--reason", "  "),
        ("resolve", "1", "R1", "--send-again", "--reason", "x"),
        ("resolve", "1", "R1", "--delivered", "--reason", "x"),
        ("resolve", "1", "--delivered-as", " R1", "--reason", "x"),
        ("resolve", "1", "--delivered-as", "151", "--reason", "x"),
        ("resolve", "1", "2", "--delivered-as", "R1", "--reason", "x"),
        ("resolve", "1", "--delivered-as", "R1", "--give-up", "--reason", "x"),
        ("resolve", "1", "--give-up", "--reason", "x", "--expires", "never"),
    ],
)
def test_a_contradiction_is_a_usage_error(shell: Shell, words: tuple[str, ...]) -> None:
    made(shell, State.IN_DOUBT)
    assert shell.run(*words).status == 2


def test_a_refused_decision_prints_the_remedy(shell: Shell) -> None:
    doubtful = made(shell, State.IN_DOUBT)
    ran = shell.run("cancel", str(doubtful))
    assert ran.status == 1
    assert f"vitec-sync resolve {doubtful}" in ran.err
    assert shell.rung == []


def test_some_done_and_some_refused_is_done_in_part(shell: Shell) -> None:
    waiting, gone = made(shell, State.PENDING), made(shell, State.SUCCEEDED)
    ran = shell.run("cancel", str(waiting), str(gone))
    assert ran.status == 3
    assert ran.out == f"{waiting} (comeback:{_source(shell, waiting)}) cancelled.\n"
    assert ran.err.startswith(f"{gone}: It has been delivered.")


def _source(shell: Shell, id_: int) -> str:
    with shell.db.read() as connection:
        source: str = factory.operation(connection, id_).source_id
    return source


def test_a_filter_that_finds_nothing_decides_nothing(shell: Shell) -> None:
    ran = shell.run("requeue", "--state", "failed", "--yes")
    assert ran.status == 1
    assert "none is found" in ran.err


def test_many_decisions_are_printed_as_one_line(shell: Shell) -> None:
    for _ in range(21):
        made(shell, State.FAILED)
    assert shell.run("requeue", "--state", "failed", "--yes").out == "21 operations requeued.\n"


def test_a_new_expiry_is_read_by_stockholms_clock(shell: Shell) -> None:
    id_ = made(shell, State.EXPIRED, expires_at=datetime(2020, 1, 1, tzinfo=UTC))
    assert shell.run("requeue", str(id_)).status == 1
    shell.run("requeue", str(id_), "--expires", "2099-07-01 12:00")
    with shell.db.read() as connection:
        assert factory.operation(connection, id_).expires_at.isoformat() == "2099-07-01T10:00:00+00:00"


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("--delivered-as", "R1"), State.SUCCEEDED),
        (("--delivered",), State.SUCCEEDED),
        (("--send-again", "--yes"), State.RETRYABLE),
        (("--give-up", "--yes"), State.CANCELLED),
    ],
)
def test_a_doubt_is_settled_in_one_of_three_ways(shell: Shell, words: tuple[str, ...], expected: State) -> None:
    id_ = made(shell, State.IN_DOUBT)
    ran = shell.run("resolve", str(id_), *words, "--reason", "sett i portalen")
    assert ran.status == 0
    assert state(shell, id_) is expected
    assert last(shell, id_).detail == "sett i portalen"
    assert shell.rung == (["comeback"] if expected is State.RETRYABLE else [])


def test_the_evidence_is_shown_before_anything_is_sent_again(shell: Shell) -> None:
    id_ = made(shell, State.IN_DOUBT)
    ran = shell.run("resolve", str(id_), "--send-again", "--reason", "x")
    assert ran.status == 1
    assert "attempt 1: sent, written, in doubt unanswered" in ran.err
    assert "say --yes" in ran.err
    assert state(shell, id_) is State.IN_DOUBT


def test_an_accepted_row_is_resent_with_a_warning(shell: Shell) -> None:
    id_ = made(shell, State.IN_DOUBT, accepted=True, acted_at=MOMENT)
    ran = shell.run("resolve", str(id_), "--send-again", "--reason", "a maintenance page", "--yes")
    assert ran.status == 0
    assert "it may be there twice" in ran.err
    assert state(shell, id_) is State.RETRYABLE


def test_a_delivered_row_is_taken_back_and_requeued(shell: Shell) -> None:
    id_ = made(shell, State.SUCCEEDED)
    given_up = shell.run("resolve", str(id_), "--give-up", "--reason", "not in the calendar", "--yes")
    assert given_up.status == 0
    assert "it may be there all the same" in given_up.err
    assert shell.run("requeue", str(id_)).status == 1
    ran = shell.run("requeue", str(id_), "--reason", "not in the calendar")
    assert (ran.status, "it may be there twice" in ran.err) == (0, True)
    assert state(shell, id_) is State.PENDING


def test_a_filter_requeues_nothing_that_acted(shell: Shell) -> None:
    id_ = made(shell, State.FAILED, acted_at=MOMENT)
    ran = shell.run("requeue", "--state", "failed", "--reason", "an outage", "--yes")
    assert "not sent again by itself" in ran.err
    assert state(shell, id_) is State.FAILED


def test_names_and_reasons_lose_control_characters() -> None:
    assert deciding.make_decider("an\x1bna", "be\x9bcause").by == "an\\x1bna"
    assert deciding.make_decider("anna", "be\x00cause").reason == "be\\x00cause"
    assert len(deciding.make_decider("a" * 300, None).by) == 100


def test_a_login_without_a_name_needs_by(monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody() -> str:
        raise KeyError("uid not found")

    monkeypatch.setattr(getpass, "getuser", nobody)
    with pytest.raises(BadParameter):
        deciding.make_decider(None, None)


def test_several_doubts_are_settled_by_one_command(shell: Shell) -> None:
    first, second, waiting = made(shell, State.IN_DOUBT), made(shell, State.IN_DOUBT), made(shell, State.PENDING)
    ran = shell.run("resolve", str(first), str(second), str(waiting), "--delivered", "--reason", "seen")
    assert ran.status == 3
    assert len(ran.out.splitlines()) == 2
    assert ran.err.startswith(f"{waiting}: It is not in doubt: it is pending.")
    assert state(shell, first) is state(shell, second) is State.SUCCEEDED
    with shell.db.read() as connection:
        assert factory.operation(connection, first).remote_id is None


def test_an_unknown_number_lets_no_other_be_settled(shell: Shell) -> None:
    doubtful = made(shell, State.IN_DOUBT)
    assert shell.run("resolve", str(doubtful), "4711", "--delivered", "--reason", "seen").status == 1
    assert state(shell, doubtful) is State.IN_DOUBT


def test_vitecs_id_in_the_place_of_an_operation_is_explained(shell: Shell) -> None:
    doubtful = made(shell, State.IN_DOUBT)
    ran = shell.run("resolve", str(doubtful), "--delivered", "CAL123", "--reason", "seen")
    assert ran.status == 2
    assert "--delivered-as CAL123" in " ".join(ran.err.replace("│", " ").split())
    assert state(shell, doubtful) is State.IN_DOUBT


def test_a_settlement_leaves_an_action_with_login_and_name(shell: Shell) -> None:
    doubtful = made(shell, State.IN_DOUBT)
    shell.run("resolve", str(doubtful), "--give-up", "--reason", "gone", "--by", "anna", "--yes")
    with shell.db.read() as connection:
        (action,) = connection.execute(select(Action.__table__)).all()
    assert (action.login, action.by) == (getpass.getuser(), "anna")
    assert action.command == "resolve"
    assert action.reason == "gone"
    assert action.subject == {"decision": "GiveUp", "ids": [doubtful]}
    assert action.affected == 1


def test_a_filter_leaves_out_what_a_person_took_back(shell: Shell) -> None:
    failed, given_up = made(shell, State.FAILED), made(shell, State.CANCELLED)
    ran = shell.run("requeue", "--kind", "comeback", "--yes")
    assert ran.out.startswith(f"{failed} ")
    assert "1 comeback, failed, refused" in ran.err
    assert "Left out: 1 operation" in ran.err
    assert state(shell, given_up) is State.CANCELLED
    assert shell.run("requeue", "--state", "cancelled", "--yes").status == 1
    assert shell.run("requeue", "--kind", "comeback", "--also-given-up", "--yes").status == 0
    assert state(shell, given_up) is State.PENDING


def test_a_dry_run_tells_and_changes_nothing(shell: Shell) -> None:
    failed = made(shell, State.FAILED)
    ran = shell.run("requeue", "--state", "failed", "--dry-run")
    assert ran.status == 0
    assert "Requeue would decide about 1 operation." in ran.out
    assert state(shell, failed) is State.FAILED

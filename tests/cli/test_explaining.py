"""`vitec-sync explain` as it is called: text and JSON, by number and by the CRM's id, and nothing personal."""

from __future__ import annotations

import json
import shlex
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from models import HoldReason, Scope, State
from tests import factory
from worker.outbox.lanes import turns
from worker.stockholm import STOCKHOLM

if TYPE_CHECKING:
    from tests.cli.conftest import Shell


def make(shell: Shell, state: State = State.PENDING, **overrides: Any) -> int:
    current_time = datetime.now(UTC)
    with shell.db.write() as connection:
        return factory.make_operation(connection, state, at=current_time, **overrides)


def begin(shell: Shell) -> None:
    current_time = datetime.now(UTC)
    with shell.db.write() as connection:
        factory.make_environment(connection, at=current_time, dispatched_at=current_time)


def test_a_pause_is_explained_with_its_ending_command(shell: Shell) -> None:
    begin(shell)
    made = make(shell)
    with shell.db.write() as connection:
        factory.make_hold(connection, Scope.GROUP, reason=HoldReason.PAUSED, until=None, by="anna", note="moving house")
    ran = shell.run("explain", str(made))
    assert ran.status == 0
    assert "Why it has not been sent" in ran.out
    assert "by anna until somebody resumes it: moving house." in ran.out
    assert "vitec-sync resume --customer M30001 --group crm-contact" in ran.out
    assert f"vitec-sync cancel {made}" in ran.out
    resumed = shell.run("resume", "--customer", "M30001", "--group", "crm-contact")
    assert resumed.status == 0
    assert "paused" not in shell.run("explain", str(made)).out


def holds_of_every_reason() -> list[dict[str, Any]]:
    """Give the columns of a hold of every reason, and of the causes with a remedy of their own."""
    later = datetime.now(UTC) + timedelta(hours=1)
    causes = ("Vitec's certificate is not accepted: self-signed certificate", "the connection was refused")
    holds: list[dict[str, Any]] = [{"reason": reason, "until": later} for reason in HoldReason]
    return [*holds, *({"reason": HoldReason.UNAVAILABLE, "until": later, "cause": cause} for cause in causes)]


@pytest.mark.parametrize("hold", holds_of_every_reason(), ids=lambda hold: f"{hold['reason']} {hold.get('cause')}")
@pytest.mark.parametrize("scope", [Scope.ENVIRONMENT, Scope.GROUP, Scope.LANE])
def test_the_remedy_of_a_hold_runs_as_printed(shell: Shell, hold: dict[str, Any], scope: Scope) -> None:
    begin(shell)
    made = make(shell)
    with shell.db.write() as connection:
        factory.make_hold(connection, scope, **hold)
    (reason,) = json.loads(shell.run("explain", str(made), "--json").out)["reasons"]
    assert paste(shell, reason["remedy"]) == 0


@pytest.mark.parametrize("state", list(State))
@pytest.mark.parametrize(
    "overrides",
    [
        {},
        {"accepted": True},
        {"payload": None},
        {"needs_person": True},
        {"needs_person": True, "accepted": True},
        {"expires_at": datetime(2026, 1, 1, tzinfo=UTC)},
    ],
    ids=str,
)
def test_every_printed_command_is_accepted(shell: Shell, state: State, overrides: dict[str, Any]) -> None:
    begin(shell)
    printed = json.loads(shell.run("explain", str(make(shell, state, **overrides)), "--json").out)
    for number, command in enumerate(printed["commands"]):
        again = str(make(shell, state, **overrides))
        fresh = json.loads(shell.run("explain", again, "--json").out)["commands"][number]["command"]
        assert paste(shell, fresh) == 0, command
    for reason in printed["reasons"]:
        assert "vitec-sync" not in (reason["remedy"] or "") or paste(shell, reason["remedy"]) == 0


def paste(shell: Shell, text: str) -> int:
    """Run the command with which the text ends, as a shell would read it, with --yes where it asks. Returns its status."""
    words = shlex.split(text[text.index("vitec-sync ") :])[1:]
    asks = "--send-again" in words or "--give-up" in words
    return shell.run(*words, *(["--yes"] if asks else [])).status


def test_explain_says_that_nothing_is_in_the_way(shell: Shell) -> None:
    begin(shell)
    made = make(shell)
    turns.wake_lanes(shell.db, [(factory.CUSTOMER, "comeback")])
    ran = shell.run("explain", str(made))
    assert "Nothing is in the way" in ran.out
    assert "It is sent: now." in ran.out


def test_explain_says_that_no_worker_has_ever_started(shell: Shell) -> None:
    assert "No worker has ever started" in shell.run("explain", str(make(shell))).out


def test_json_has_the_whole_chain_and_nothing_personal(shell: Shell) -> None:
    begin(shell)
    parent = make(shell, State.IN_DOUBT, kind="appointment", source_id="A", error_detail="Astrid Hemligs")
    make(shell, source_id="B", after_kind="appointment", after_source_id="A", error_detail="Astrid Hemligs")
    ran = shell.run("explain", "comeback:B", "--json")
    data = json.loads(ran.out)
    (waits,) = data["reasons"]
    assert (data["source_id"], data["state"]) == ("B", "pending")
    assert waits["reason"] == "waits_for"
    assert waits["id"] == parent
    assert waits["state"] == "in_doubt"
    assert [reason["reason"] for reason in waits["reasons"]] == ["needs_person"]
    assert waits["reasons"][0]["remedy"].endswith(f"vitec-sync show {parent}")
    assert data["next"] == {"deed": "sent", "at": None, "now": False, "text": "It is sent: as soon as that is over."}
    assert data["commands"] == [{"command": f"vitec-sync cancel {data['id']}", "does": "takes it back"}]
    for personal in ("Ring efter lunch", "ADR0001", "Astrid", "Visa"):
        assert personal not in ran.out
        assert personal not in shell.run("explain", "comeback:B").out


def test_limits_are_those_of_the_settings(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VITEC_IN_FLIGHT", "1")
    begin(shell)
    make(shell, State.IN_FLIGHT, customer_id="M2")
    assert "1 request in flight already, of 1 allowed" in shell.run("explain", str(make(shell))).out


def test_sending_hours_are_those_of_the_settings(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    soon = datetime.now(STOCKHOLM) + timedelta(hours=2)
    window = f"{soon:%H:%M}-{soon + timedelta(hours=1):%H:%M}"
    monkeypatch.setenv("SENDING_HOURS", json.dumps({"comeback": window}))
    begin(shell)
    ran = shell.run("explain", str(make(shell)), "--json")
    (reason,) = json.loads(ran.out)["reasons"]
    assert reason["reason"] == "outside_hours"
    assert datetime.fromisoformat(reason["until"]) == soon.replace(second=0, microsecond=0)


def test_another_feed_and_an_unknown_operation(shell: Shell) -> None:
    make(shell, source_id="X", feed="other")
    assert shell.run("explain", "comeback:X", "--feed", "other").status == 0
    for named in ("comeback:X", "4711"):
        ran = shell.run("explain", named)
        assert (ran.status, ran.out) == (1, "")
        assert "There is no operation" in ran.err
    assert shell.run("explain", "nonsense").status == 2

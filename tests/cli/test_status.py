"""`vitec-sync status`: all is well, or a person has something to do."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from pydantic import SecretStr

from models import HoldReason, Scope, State
from tests.factory import make_environment, make_feed_file, make_hold, make_operation, make_rejected_row
from worker import bootstrap, rings
from worker.outbox.lanes import turns
from worker.settings import Settings

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from tests.cli.conftest import Shell


def test_all_is_well_with_an_empty_database(shell: Shell) -> None:
    ran = shell.run("status")
    assert ran.status == 0
    assert ran.out.startswith("All is well.\n")


def test_a_broker_without_a_listener_is_told(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    fault = rings.find_fault(rings.publisher(Settings(broker_url=SecretStr("redis://127.0.0.1:9/0"))))
    monkeypatch.setattr(bootstrap, "broker_fault", lambda: fault)
    ran = shell.run("status")
    assert ran.status == 3
    assert "takes no rings: nothing listens at its address." in ran.out


def codes(shell: Shell) -> list[str]:
    """Give the codes of what status tells."""
    return [concern["code"] for concern in json.loads(shell.run("status", "--json").out)["concerns"]]


def test_all_is_well_again_once_the_crm_is_told(shell: Shell, tmp_path: Path) -> None:
    with shell.db.write() as connection:
        make_rejected_row(connection)
        for state in (State.FAILED, State.EXPIRED, State.SUCCEEDED):
            make_operation(connection, state, at=datetime.now(UTC))
    assert codes(shell) == ["failed", "expired", "rejected_rows"]
    assert shell.run("results", "--output", str(tmp_path / "results.csv")).status == 0
    assert codes(shell) == []
    assert shell.run("status").status == 0


def test_a_kind_that_fails_is_well_again_once_requeued(shell: Shell) -> None:
    current_time = datetime.now(UTC)
    with shell.db.write() as connection:
        make_environment(connection, dispatched_at=current_time)
        for _ in range(5):
            make_operation(connection, State.FAILED, at=current_time, reported_at=current_time)
    assert codes(shell) == ["failing_kind"]
    assert shell.run("requeue", "--code", "refused", "--yes").status == 0
    assert codes(shell) == []


def test_status_prints_every_section_and_ends_with_3(shell: Shell) -> None:
    current_time = datetime.now(UTC)
    with shell.db.write() as connection:
        make_environment(connection, dispatched_at=current_time)
        make_feed_file(connection, name="a.csv", rejected=2)
        make_hold(connection, at=current_time, cause="401: wrong login")
        make_hold(connection, Scope.LANE, reason=HoldReason.PAUSED, until=None, by="anna", note="semester")
        for state in State:
            make_operation(connection, state, at=current_time)
    ran = shell.run("status")
    assert ran.status == 3
    for text in (
        "1 operation needs a person.",
        "in doubt\t1\t1",
        "anna: semester",
        "a.csv",
        "host:4711",
        "401: wrong login\n",
        BY_HOLD,
    ):
        assert text in ran.out


BY_HOLD = "vitec-sync resume --customer M30001 --group crm-contact --reason unauthorized"


def test_json_says_the_same_to_a_program(shell: Shell) -> None:
    with shell.db.write() as connection:
        make_operation(connection, State.IN_DOUBT)
        make_operation(connection, State.SUCCEEDED)
    ran = shell.run("status", "--json")
    data = json.loads(ran.out)
    assert ran.status == 3
    assert data["well"] is False
    assert data["need_person"] == 1
    assert data["counts"] == {"comeback": {"in_doubt": 1, "succeeded": 1}}
    assert json.loads(shell.run("status", "--json", "--live").out)["counts"] == {"comeback": {"in_doubt": 1}}


def test_children_of_missing_parents_are_counted(shell: Shell) -> None:
    with shell.db.write() as connection:
        make_environment(connection, dispatched_at=datetime.now(UTC))
        make_operation(connection, after_kind="comeback", after_source_id="nobody", created_at=datetime.now(UTC))
        make_operation(connection, source_id="other")
    ran = shell.run("status")
    assert ran.status == 0
    assert "Waiting for a parent that is not there\t1, the oldest since " in ran.out
    assert json.loads(shell.run("status", "--json").out)["parent_missing"] == 1
    (listed,) = json.loads(shell.run("list", "--parent-missing", "--json").out)
    assert listed["source_id"] != "other"


def test_status_reports_work_without_a_worker(shell: Shell) -> None:
    with shell.db.write() as connection:
        make_operation(connection, at=datetime.now(UTC))
    turns.wake_lanes(shell.db, [("M30001", "comeback")])
    ran = shell.run("status")
    assert ran.status == 3
    assert "no worker calls for it" in ran.out


def test_vitecs_clock_is_shown(shell: Shell) -> None:
    measured: dict[str, Any] = {
        "vitec_clock_lead": -3600.0,
        "vitec_clock_within": 0.75,
        "vitec_clock_at": datetime.now(UTC),
    }
    with shell.db.write() as connection:
        make_environment(connection, dispatched_at=datetime.now(UTC), **measured)
    lines = shell.run("status").out.splitlines()
    assert lines[0].startswith("Vitec's clock is 1 h behind the database's")
    assert any("3600.0 s behind the database's, give or take 0.8 s" in line for line in lines)
    shown = json.loads(shell.run("status", "--json").out)
    assert (shown["vitec_clock"]["lead"], shown["vitec_clock"]["within"]) == (-3600.0, 0.75)
    assert shown["vitec_clock"]["measured_at"]


def test_a_vitec_clock_that_was_not_seen_is_null(shell: Shell) -> None:
    with shell.db.write() as connection:
        make_environment(connection, dispatched_at=datetime.now(UTC))
    assert json.loads(shell.run("status", "--json").out)["vitec_clock"] is None
    assert "Vitec's clock" not in shell.run("status").out

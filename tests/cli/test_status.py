"""`vitec-sync status`: all is well, or a person has something to do."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from models import HoldReason, Scope, State
from tests.factory import MOMENT, make_environment, make_feed_file, make_hold, make_operation
from worker.cli.status import SLOW, find_concerns
from worker.outbox.lanes import turns
from worker.outbox.views.overview import Overview

if TYPE_CHECKING:
    from tests.cli.conftest import Shell


def seen(**overrides: Any) -> Overview:
    """Make an overview in which nothing is wrong."""
    well: dict[str, Any] = {
        "at": MOMENT,
        "base_url": "https://vitec.test",
        "dispatched_at": MOMENT - timedelta(seconds=3),
        "counts": {},
        "due_since": None,
        "due_lanes": 0,
        "held": 0,
        "need_person": 0,
        "lost": 0,
        "lost_since": None,
        "holds": [],
        "turns": [],
        "files": [],
        "unreported": 0,
        "unreported_rejected": 0,
    }
    return Overview(**{**well, **overrides})


def hold(reason: HoldReason, scope: Scope = Scope.GROUP) -> dict[str, Any]:
    """Make a hold's row."""
    parts = {"customer_id": "M1", "function_group": "viewing", "kind": "comeback"}
    return {"scope": scope, "reason": reason, "holds": True, **parts}


@pytest.mark.parametrize(
    ("overview", "expected"),
    [
        (seen(), []),
        (seen(need_person=1), ["1 operation needs a person."]),
        (seen(need_person=3), ["3 operations need a person."]),
        (seen(holds=[hold(HoldReason.UNAUTHORIZED)]), ["Vitec refuses the login: M1, viewing."]),
        (seen(holds=[hold(HoldReason.FORBIDDEN)]), ["Vitec refuses access: M1, viewing."]),
        (
            seen(holds=[hold(HoldReason.REDIRECTED, Scope.ENVIRONMENT)]),
            ["Vitec's address answers with a redirect: everything."],
        ),
        (seen(holds=[hold(HoldReason.PAUSED), hold(HoldReason.THROTTLED), hold(HoldReason.UNAVAILABLE)]), []),
        (seen(due_since=MOMENT - timedelta(seconds=59), dispatched_at=None), []),
        (
            seen(due_since=MOMENT - timedelta(seconds=61), dispatched_at=None),
            ["Work is due, and no worker calls for it."],
        ),
        (
            seen(due_since=MOMENT - timedelta(seconds=61), dispatched_at=MOMENT - timedelta(seconds=61)),
            ["Work is due, and no worker calls for it."],
        ),
        (seen(due_since=MOMENT - SLOW), []),
        (seen(due_since=MOMENT - SLOW - timedelta(seconds=1)), ["A lane has been due for 15 min."]),
    ],
)
def test_only_problems_that_people_can_mend_are_concerns(overview: Overview, expected: list[str]) -> None:
    assert [concern.text for concern in find_concerns(overview)] == expected


def test_the_remedy_is_a_command_that_names_the_hold() -> None:
    (concern,) = find_concerns(seen(holds=[hold(HoldReason.UNAUTHORIZED)]))
    assert concern.remedy.endswith("vitec-sync resume --customer M1 --group viewing --reason unauthorized")


def test_all_is_well_with_an_empty_database(shell: Shell) -> None:
    ran = shell.run("status")
    assert ran.status == 0
    assert ran.out.startswith("All is well.\n")


def test_status_prints_every_section_and_ends_with_3(shell: Shell) -> None:
    current_time = datetime.now(UTC)
    with shell.db.write() as connection:
        make_environment(connection, dispatched_at=current_time)
        make_feed_file(connection, name="a.csv", rejected=2)
        make_hold(connection, at=current_time)
        make_hold(connection, Scope.LANE, reason=HoldReason.PAUSED, until=None, by="anna", note="semester")
        for state in State:
            make_operation(connection, state, at=current_time)
    ran = shell.run("status")
    assert ran.status == 3
    for text in ("1 operation needs a person.", "in doubt\t1\t1", "anna: semester", "a.csv", "host:4711", BY_HOLD):
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
        make_operation(connection, after_kind="comeback", after_source_id="nobody", created_at=MOMENT)
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

"""`vitec-sync pause` and `resume`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import select

from models import Action, Hold, HoldReason, Scope
from tests.factory import make_hold, make_lane
from worker.cli.holding import read_scopes
from worker.kinds import KINDS
from worker.outbox.operators.pauses import HoldScope

if TYPE_CHECKING:
    from tests.cli.conftest import Shell


def holds(shell: Shell) -> list[tuple[Scope, HoldReason]]:
    """Read the holds."""
    with shell.db.read() as connection:
        return [(row.scope, row.reason) for row in connection.execute(select(Hold.scope, Hold.reason))]


def test_a_customer_is_paused_in_all_its_function_groups() -> None:
    spans = read_scopes("M1", None, None, everything=False)
    assert {span.function_group for span in spans} == {kind.function_group for kind in KINDS}
    assert {(span.scope, span.customer_id) for span in spans} == {(Scope.GROUP, "M1")}


def test_a_kind_or_a_group_or_everything_can_be_paused() -> None:
    assert read_scopes("M1", "comeback", None, everything=False) == [HoldScope(Scope.LANE, "M1", kind="comeback")]
    assert read_scopes("M1", None, "viewing", everything=False) == [
        HoldScope(Scope.GROUP, "M1", function_group="viewing")
    ]
    assert read_scopes(None, None, None, everything=True) == [HoldScope(Scope.ENVIRONMENT)]


@pytest.mark.parametrize(
    "words",
    [
        (),
        ("--all", "--customer", "M1"),
        ("--all", "--kind", "comeback"),
        ("--kind", "comeback"),
        ("--customer", "M1", "--kind", "comeback", "--group", "viewing"),
        ("--customer", "M1", "--kind", "comebak"),
        ("--customer", "M1", "--group", "nothing"),
        ("--customer", " "),
    ],
)
def test_a_scope_that_is_not_whole_is_a_usage_error(shell: Shell, words: tuple[str, ...]) -> None:
    assert shell.run("pause", *words).status == 2
    assert shell.run("resume", *words).status == 2
    assert holds(shell) == []


def test_pause_and_resume_undo_each_other_and_ring(shell: Shell) -> None:
    with shell.db.write() as connection:
        make_lane(connection)
    scope = ("--customer", "M30001", "--kind", "comeback")
    assert shell.run("pause", *scope, "--note", "semester").out == "M30001, comeback is paused.\n"
    assert shell.run("pause", *scope).out == "M30001, comeback is paused already.\n"
    assert holds(shell) == [(Scope.LANE, HoldReason.PAUSED)]
    assert shell.rung == []
    assert shell.run("resume", *scope).out == "M30001, comeback goes on.\n"
    assert holds(shell) == []
    assert shell.rung == ["comeback"]


def test_resuming_without_a_pause_fails_with_a_remedy(shell: Shell) -> None:
    ran = shell.run("resume", "--all")
    assert ran.status == 1
    assert "vitec-sync status" in ran.err


def test_another_hold_can_be_ended_before_its_time(shell: Shell) -> None:
    with shell.db.write() as connection:
        make_hold(connection, until=None)
    scope = ("--customer", "M30001", "--group", "crm-contact")
    assert shell.run("resume", *scope).status == 1
    ran = shell.run("resume", *scope, "--reason", "unauthorized", "--json")
    assert json.loads(ran.out) == {
        "resumed": [{"scope": "group", "customer_id": "M30001", "function_group": "crm-contact", "kind": ""}]
    }
    assert holds(shell) == [(Scope.GROUP, HoldReason.UNAUTHORIZED)]


def test_a_customer_held_through_its_login_points_there(shell: Shell) -> None:
    with shell.db.write() as connection:
        make_lane(connection, login="groups.crm contact")
        make_hold(connection, Scope.LOGIN, login="groups.crm contact", until=None)
    ran = shell.run("resume", "--customer", "M30001", "--reason", "unauthorized")
    assert ran.status == 1
    assert "`vitec-sync resume --login 'groups.crm contact' --reason unauthorized`" in ran.err
    assert "--login" not in shell.run("resume", "--customer", "M2", "--reason", "unauthorized").err


def test_resume_all_ends_every_hold_and_leaves_a_trace(shell: Shell) -> None:
    with shell.db.write() as connection:
        make_hold(connection, until=None)
        make_hold(connection, Scope.LANE, reason=HoldReason.PAUSED, until=None)
    ran = shell.run("resume", "--all", "--by", "anna", "--note", "new password")
    assert ran.status == 0
    assert len(ran.out.splitlines()) == 2
    with shell.db.read() as connection:
        (action,) = connection.execute(select(Action.__table__)).all()
    assert (action.command, action.reason) == ("resume", "new password")
    assert action.affected == 2

"""A running worker with a wrong login knocks a few times, and uses the corrected one without a restart."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import pytest

from models import HoldReason, Scope
from tests.outbox.steps import holds
from tests.processes import celery, until, worker
from worker.outbox.operators import pauses
from worker.outbox.operators.pauses import HoldScope
from worker.sandbox import PASSWORD

if TYPE_CHECKING:
    from tests.running.office import Office

pytestmark = [pytest.mark.servers, pytest.mark.processes]

OFFICES = 200
A_FEW = 8
"""Three groups in a row, one more that only the answers could have stopped, and the probes of a resume."""


def login_is_held(office: Office) -> bool:
    """Whether the one hold there is waits with the login."""
    return [(hold.scope, hold.strikes) for hold in holds(office.db)] == [(Scope.LOGIN, 1)]


def test_a_wrong_login_is_one_cause_and_needs_no_restart(office: Office) -> None:
    password = office.folder / "password"
    password.write_text("not-the-password")
    settings = {**office.settings, "VITEC_PASSWORD_FILE": str(password)}
    del settings["VITEC_PASSWORD"]
    made = office.record(OFFICES, customers=OFFICES)
    with worker(office.folder, settings) as running, celery("beat", office.folder, settings):
        until(lambda: login_is_held(office), seconds=40, why="the login is not held")
        scope = HoldScope(Scope.LOGIN, function_group=holds(office.db)[0].function_group, login="default")
        knocks = office.sandbox.ledger.count()
        pauses.resume(office.db, [scope], HoldReason.UNAUTHORIZED)
        until(lambda: office.sandbox.ledger.count() > knocks and login_is_held(office), seconds=40, why="not tried")
        assert office.sandbox.ledger.count() <= A_FEW
        password.write_text(PASSWORD)
        office.all_succeed(OFFICES, seconds=60)
        assert running.alive
    assert office.sent() == Counter(made)

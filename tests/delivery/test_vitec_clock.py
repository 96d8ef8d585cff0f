"""A turn measures Vitec's clock against the database's, at its end."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.delivery.steps import make_due, serve_turn
from tests.delivery.wire import Wire
from worker import delivery
from worker.outbox.views.overview import VitecLead, read_overview
from worker.sandbox import PASSWORD, USER, running_sandbox
from worker.settings import Settings
from worker.vitec.client import Client
from worker.vitec.credentials import Credentials

if TYPE_CHECKING:
    from worker.outbox import Database


def measure(db: Database, settings: Settings, lead: float) -> VitecLead | None:
    """Serve a turn at a stand-in with that clock, and read what is known of it then."""
    credentials = Credentials.load(Settings(vitec_username=USER, vitec_password=PASSWORD))
    with running_sandbox(faults={"clock": {"lead": lead}}) as sandbox:
        client = Client(sandbox.base_url, credentials)
        make_due(db)
        delivery.serve("comeback", db=db, client=client, settings=settings, stopping=lambda: False)
        client.close()
    return read_overview(db).vitec_clock


@pytest.mark.parametrize("lead", [0.0, -3600.0, 86_400.0])
def test_a_turn_measures_vitecs_clock(db: Database, settings: Settings, lead: float) -> None:
    measured = measure(db, settings, lead)
    assert measured is not None
    assert abs(measured.lead - lead) <= measured.within + 0.01
    assert 0.5 <= measured.within < 2.5


def test_a_turn_whose_answers_have_no_date_measures_nothing(db: Database, settings: Settings) -> None:
    make_due(db)
    serve_turn(db, Wire(), settings)
    assert read_overview(db).vitec_clock is None

"""Work gets done by `celery -A worker worker` and `beat` as they stand, whatever is lost on the way."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import select

from models import Environment, State
from tests.processes import celery, until, worker
from worker.outbox.lanes import environments
from worker.outbox.lanes.environments import register

if TYPE_CHECKING:
    from tests.running.office import Office

pytestmark = [pytest.mark.servers, pytest.mark.processes]


def test_every_kind_is_sent_once_and_the_ledger_agrees(any_office: Office) -> None:
    office = any_office
    made = office.record(30)
    with worker(office.folder, office.settings) as running, celery("beat", office.folder, office.settings):
        office.all_succeed(30)
        assert running.alive
    assert office.sent() == Counter(made)


def test_a_worker_in_one_process_does_the_same(office: Office) -> None:
    made = office.record(10)
    with worker(office.folder, office.settings, "--pool", "solo", "--concurrency", "1"):
        office.all_succeed(10)
    assert office.sent() == Counter(made)


def test_two_beats_do_no_harm(office: Office) -> None:
    made = office.record(20)
    aloud = ("--loglevel", "INFO")
    with celery("beat", office.folder, office.settings, *aloud, name="one") as first:
        first.says("Starting")
        with celery("beat", office.folder, office.settings, *aloud, name="two") as second:
            second.says("another beat keeps its schedule here").says("outbox.dispatch")
            with worker(office.folder, office.settings):
                office.all_succeed(20)
            assert first.alive
            assert second.alive
    assert office.sent() == Counter(made)


def test_rings_that_a_flush_has_lost_are_made_up_for(office: Office) -> None:
    made = []
    with worker(office.folder, office.settings) as running, celery("beat", office.folder, office.settings):
        running.says("ready")
        for _ in range(5):
            made += office.record(6)
            office.broker.flushall()
        office.all_succeed(30)
    assert office.sent() == Counter(made)


@pytest.mark.slow
def test_work_moves_while_beat_is_dead(office: Office) -> None:
    register(office.db, office.sandbox.base_url)
    environments.note_dispatch(office.db)
    made = office.record(5)
    with worker(office.folder, office.settings) as running:
        running.says("ready")
        assert office.states() == {State.PENDING: 5}, "somebody dispatched although it had just been done"
        office.all_succeed(5)
    assert office.sent() == Counter(made)


def test_a_warm_shutdown_leaves_nothing_in_flight_or_in_doubt(office: Office) -> None:
    office.record(400, kind="comeback")
    with worker(office.folder, {**office.settings, "VITEC_REQUESTS_PER_SECOND": "40"}) as running:
        running.until(lambda: office.states()[State.SUCCEEDED] > 10, why="nothing was sent")
        running.terminate()
        assert running.ends(seconds=20) == 0
    states = office.states()
    assert set(states) == {State.SUCCEEDED, State.PENDING}
    assert len(office.sandbox.ledger.applied()) == states[State.SUCCEEDED]


def test_a_killed_workers_rows_are_put_in_doubt(any_office: Office) -> None:
    office = any_office
    quick = {**office.settings, "VITEC_TIMEOUT": "2", "LEASE_MARGIN": "1.5", "CLAIM_MARGIN": "0.5"}
    office.record(60, kind="appointment", customers=2)
    with worker(office.folder, {**quick, "VITEC_REQUESTS_PER_SECOND": "30"}, name="one") as first:
        first.until(lambda: office.states()[State.IN_FLIGHT] and office.states()[State.SUCCEEDED] > 5)
        first.kill()
    leftovers = office.states()[State.IN_FLIGHT]
    with worker(office.folder, quick, name="two"), celery("beat", office.folder, quick):
        until(lambda: set(office.states()) <= {State.SUCCEEDED, State.IN_DOUBT}, seconds=40)
    assert office.states()[State.IN_DOUBT] <= leftovers
    assert max(office.sent().values()) == 1


def test_a_worker_lives_through_the_broker_being_away(office: Office, redis_server: object) -> None:
    made = office.record(5)
    with worker(office.folder, office.settings) as running:
        office.all_succeed(5)
        for client in office.broker.client_list():
            if client["id"] != str(office.broker.client_id()):
                office.broker.client_kill_filter(_id=client["id"])
        made += office.record(5)
        office.all_succeed(10)
        assert running.alive
    assert office.sent() == Counter(made)


def test_the_first_worker_binds_the_database_to_its_environment(office: Office) -> None:
    with worker(office.folder, office.settings) as running:
        running.says("ready")
    with office.db.read() as connection:
        assert connection.scalars(select(Environment.base_url)).all() == [office.sandbox.base_url]


def test_an_idle_worker_ends_at_once(office: Office) -> None:
    with worker(office.folder, office.settings) as running:
        running.says("ready")
        running.terminate()
        assert running.ends(seconds=10) == 0
